/*-------------------------------------------------------------------------
 *
 * es_store_toast.c
 *	  Large values: out of the row, into the table's TOAST table.
 *
 * Heap's toaster does the work.  It leaves values of storage MAIN in a row as long
 * as the row fits a heap's page, which takes 32 bytes more than ours.
 *
 * IDENTIFICATION
 *	  src/store/es_store_toast.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/toast_helper.h"

#include "store/es_store_internal.h"

/*
 * Move values of storage MAIN out, the largest first, until the row fits.  Returns
 * "tuple" if there are none.
 */
static HeapTuple
move_main_out(Relation rel, HeapTuple tuple, int options)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));
	ToastAttrInfo *attrs = palloc0(desc->natts * sizeof(ToastAttrInfo));
	ToastTupleContext context = {
		.ttc_rel = rel,
		.ttc_values = values,
		.ttc_isnull = nulls,
		.ttc_attr = attrs
	};
	HeapTuple	result = tuple;

	/*
	 * toast_tuple_init() is not called: it would fetch what was moved out.
	 */
	heap_deform_tuple(tuple, desc, values, nulls);
	for (int i = 0; i < desc->natts; i++)
	{
		if (nulls[i] || TupleDescAttr(desc, i)->attlen != -1 ||
			VARATT_IS_EXTERNAL(DatumGetPointer(values[i])))
			attrs[i].tai_colflags = TOASTCOL_IGNORE;
		else
			attrs[i].tai_size = VARSIZE_ANY(DatumGetPointer(values[i]));
	}

	while (result->t_len > ES_MAX_TAIL_TUPLE)
	{
		int			largest = toast_tuple_find_biggest_attribute(&context,
																 false, true);
		HeapTuple	shorter;

		if (largest < 0)
			break;
		toast_tuple_externalize(&context, largest, options);
		shorter = heap_form_tuple(desc, values, nulls);
		shorter->t_self = tuple->t_self;
		shorter->t_tableOid = tuple->t_tableOid;
		shorter->t_data->t_choice = tuple->t_data->t_choice;
		shorter->t_data->t_infomask &= ~HEAP_XACT_MASK;
		shorter->t_data->t_infomask |=
			tuple->t_data->t_infomask & HEAP_XACT_MASK;
		shorter->t_data->t_infomask2 |=
			tuple->t_data->t_infomask2 & HEAP2_XACT_MASK;
		if (result != tuple)
			heap_freetuple(result);
		result = shorter;
	}

	toast_tuple_cleanup(&context);
	pfree(attrs);
	pfree(nulls);
	pfree(values);
	return result;
}

HeapTuple
es_store_toast(Relation rel, HeapTuple tuple, int options)
{
	HeapTuple	toasted;
	HeapTuple	result;

	if (tuple->t_len <= ES_TOAST_THRESHOLD && !HeapTupleHasExternal(tuple))
		return tuple;

	toasted = heap_toast_insert_or_update(rel, tuple, NULL, options);
	if (toasted->t_len <= ES_MAX_TAIL_TUPLE ||
		!OidIsValid(rel->rd_rel->reltoastrelid))
		return toasted;

	result = move_main_out(rel, toasted, options);
	if (result != toasted && toasted != tuple)
		heap_freetuple(toasted);
	return result;
}
