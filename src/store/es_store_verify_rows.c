/*-------------------------------------------------------------------------
 *
 * es_store_verify_rows.c
 *	  The rows of tail pages, by the rules of README.md, "What verify looks at".
 *
 * IDENTIFICATION
 *	  src/store/es_store_verify_rows.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "storage/procarray.h"

#include "format/es_format_check.h"
#include "store/es_store_verify_internal.h"

static const char *check_row(EsVerify *v, Page page, OffsetNumber offset,
							 const char **rule);

/*
 * Rows may be confirmed, withdrawn and decided while they are looked at: what
 * is wrong has to be wrong in a second copy too.
 */
void
es_verify_rows(EsVerify *v, Page page, BlockNumber block)
{
	uint64		unit_id = EsPageGetSpecial(page)->unit_id;
	uint64		first_row = EsPageGetSpecial(page)->first_row;

	v->next_xid = ReadNextTransactionId();
	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		Page		again = v->again.data;
		const char *rule;
		const char *problem;

		if (!ItemIdIsUsed(PageGetItemId(page, offset)) ||
			check_row(v, page, offset, &rule) == NULL)
			continue;

		if (!es_verify_copy_block(v, block, again))
			return;
		if (es_page_check(again) != NULL ||
			EsPageGetSpecial(again)->unit_id != unit_id ||
			es_tail_check(again) != NULL ||
			offset > PageGetMaxOffsetNumber(again) ||
			!ItemIdIsUsed(PageGetItemId(again, offset)))
			return;
		v->next_xid = ReadNextTransactionId();
		problem = check_row(v, again, offset, &rule);
		if (problem != NULL)
			es_verify_complain(v, block, first_row + offset - 1, rule, "%s", problem);
	}
}

/*
 * Its status, after TransactionIdIsInProgress was asked, as always in this
 * order.  A transaction that is over stays what it is, so that is remembered.
 */
static EsXidStatus
xid_status(EsVerify *v, TransactionId xid)
{
	if (TransactionIdIsValid(v->known_xid) &&
		TransactionIdEquals(xid, v->known_xid))
		return v->known_status;
	if (TransactionIdIsCurrentTransactionId(xid) ||
		TransactionIdIsInProgress(xid))
		return XID_RUNNING;
	v->known_status = TransactionIdDidCommit(xid) ? XID_COMMITTED : XID_ABORTED;
	v->known_xid = xid;
	return v->known_status;
}

/*
 * xmin, unless the row is frozen or was taken back for good.
 */
static const char *
check_xmin(EsVerify *v, HeapTupleHeader tuple)
{
	TransactionId xmin = HeapTupleHeaderGetRawXmin(tuple);
	TransactionId frozen = v->rel->rd_rel->relfrozenxid;
	EsXidStatus status;

	if (es_tuple_is_settled(tuple))
		return NULL;

	snprintf(v->message, sizeof(v->message), "Transaction %u ", xmin);
	if (!TransactionIdIsNormal(xmin))
		return strcat(v->message, "never inserts rows");
	if (!TransactionIdPrecedes(xmin, v->next_xid))
		return strcat(v->message, "has not begun yet");
	if (TransactionIdIsNormal(frozen) && TransactionIdPrecedes(xmin, frozen))
		return strcat(v->message, "is older than the table's relfrozenxid");

	status = xid_status(v, xmin);
	if (HeapTupleHeaderXminCommitted(tuple) && status != XID_COMMITTED)
		return strcat(v->message, "is marked as committed, but is not");
	if (HeapTupleHeaderXminInvalid(tuple) && status == XID_COMMITTED)
		return strcat(v->message, "is marked as aborted, but committed");
	if (HeapTupleHeaderIsSpeculative(tuple) && status == XID_COMMITTED)
		return strcat(v->message, "committed, but the row was not confirmed");
	return NULL;
}

/*
 * Values out of line: do they point into the table's own toast table?
 */
static const char *
check_toast(EsVerify *v, HeapTuple tuple)
{
	TupleDesc	desc = v->rel->rd_att;
	int			natts = HeapTupleHeaderGetNatts(tuple->t_data);

	if (!HeapTupleHasExternal(tuple))
		return NULL;
	heap_deform_tuple(tuple, desc, v->values, v->isnull);
	for (int i = 0; i < natts; i++)
	{
		struct varatt_external toast;
		struct varlena *value;

		if (v->isnull[i] || TupleDescAttr(desc, i)->attlen != -1)
			continue;
		value = (struct varlena *) DatumGetPointer(v->values[i]);
		if (!VARATT_IS_EXTERNAL_ONDISK(value))
			continue;
		VARATT_EXTERNAL_GET_POINTER(toast, value);
		if (toast.va_toastrelid != v->rel->rd_rel->reltoastrelid)
			snprintf(v->message, sizeof(v->message),
					 "Column %d is in toast table %u, the table's is %u",
					 i + 1, toast.va_toastrelid,
					 v->rel->rd_rel->reltoastrelid);
		else if (!OidIsValid(toast.va_valueid) ||
				 toast.va_rawsize < VARHDRSZ ||
				 (int64) VARATT_EXTERNAL_GET_EXTSIZE(toast) >
				 toast.va_rawsize - VARHDRSZ)
			snprintf(v->message, sizeof(v->message),
					 "Column %d points to an impossible toast value", i + 1);
		else
			continue;
		return v->message;
	}
	return NULL;
}

/*
 * A row of a page whose line pointers are sound.  NULL: sound; else what is wrong,
 * and the rule.  Stops at the first, since others may follow from it.
 */
static const char *
check_row(EsVerify *v, Page page, OffsetNumber offset, const char **rule)
{
	ItemId		item = PageGetItemId(page, offset);
	EsPageSpecial special = EsPageGetSpecial(page);
	HeapTupleData tuple;
	HeapTupleHeader header = (HeapTupleHeader) PageGetItem(page, item);
	const char *problem;

	tuple.t_data = header;
	tuple.t_len = ItemIdGetLength(item);
	tuple.t_tableOid = RelationGetRelid(v->rel);
	es_row_to_tid(special->first_row + offset - 1, &tuple.t_self);

	*rule = "tuple";
	problem = es_tuple_check(header, tuple.t_len, v->rel->rd_att);
	if (problem != NULL)
		return es_row_is_aborted(header) ? NULL : problem;

	*rule = "tuple id";
	if (!es_tuple_has_row(header, special->first_row + offset - 1))
	{
		snprintf(v->message, sizeof(v->message),
				 "The row is marked as (%u,%u), its number is that of (%u,%u)",
				 ItemPointerGetBlockNumberNoCheck(&header->t_ctid),
				 ItemPointerGetOffsetNumberNoCheck(&header->t_ctid),
				 ItemPointerGetBlockNumberNoCheck(&tuple.t_self),
				 ItemPointerGetOffsetNumberNoCheck(&tuple.t_self));
		return v->message;
	}

	*rule = "xmin";
	problem = check_xmin(v, header);
	if (problem != NULL)
		return problem;

	*rule = "settled page";
	if ((special->flags & ES_PAGE_FLAG_SETTLED) && !es_tuple_is_settled(header))
		return "The row is neither frozen nor taken back, on a page that is marked as settled";

	*rule = "xmax";
	if (TransactionIdIsValid(HeapTupleHeaderGetRawXmax(header)))
		return "The row has an xmax";
	if (!es_tuple_is_untouched(header))
		return "The row has flags of an update, a deletion or a lock";

	*rule = "toast";
	if (HeapTupleHeaderXminInvalid(header))
		return NULL;
	return check_toast(v, &tuple);
}
