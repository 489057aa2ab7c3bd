/*-------------------------------------------------------------------------
 *
 * es_table_modify.c
 *	  Callbacks that add rows, and the refusal of those that change them.
 *
 * The storage supplies values: the position is the row number, and an id that was
 * not given is made from it.  Both are known only when the number is drawn, so
 * they are written into the tuple there, at offsets found here.  Afterwards the slot
 * has them too, for indexes, RETURNING and AFTER triggers.
 *
 * IDENTIFICATION
 *	  src/table/es_table_modify.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/hio.h"
#include "access/table.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/es_announce.h"
#include "table/es_table_internal.h"
#include "table/es_table_slot.h"

/* what an insertion needs to know of its table; lives as long as the call */
typedef struct InsertPlan
{
	Relation	rel;
	EsRoles		roles;
	TransactionId xid;
	CommandId	cid;
	int			options;		/* TABLE_INSERT_* */
	int			put_flags;
	bool		bulk;			/* CREATE TABLE AS, COPY and the like */
	BufferAccessStrategy strategy;	/* their ring of buffers, or NULL */
} InsertPlan;

static EsInsertWatch *insert_watch = NULL;

EsInsertWatch *
es_table_watch_inserts(EsInsertWatch *watch)
{
	EsInsertWatch *before = insert_watch;

	insert_watch = watch;
	return before;
}

static void
note_rows(Relation rel, const EsNewRow *rows, int nrows)
{
	EsInsertWatch *watch = insert_watch;

	if (watch == NULL || watch->relid != RelationGetRelid(rel) || nrows == 0)
		return;
	if (watch->first_row == 0)
		watch->first_row = rows[0].row;
	watch->last_row = rows[nrows - 1].row;
	watch->nrows += nrows;
}

/*
 * Offset of a column's data from the begin of the tuple header.  The column is
 * not null and of fixed length.
 */
static uint32
column_offset(HeapTuple tuple, TupleDesc desc, AttrNumber attnum)
{
	HeapTupleHeader header = tuple->t_data;
	bool		hasnulls = HeapTupleHasNulls(tuple);
	char	   *data = (char *) header + header->t_hoff;
	uint32		off = 0;

	for (int i = 0; i < attnum; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (hasnulls && att_isnull(i, header->t_bits))
			continue;
		if (att->attlen == -1)
			off = att_align_pointer(off, att->attalign, -1, data + off);
		else
			off = att_align_nominal(off, att->attalign);
		if (i == attnum - 1)
			break;
		off = att_addlength_pointer(off, att->attlen, data + off);
	}
	return header->t_hoff + off;
}

/*
 * Unix milliseconds of the event's time, or of now where it has none or one that
 * 48 bits do not hold.
 */
static uint64
id_milliseconds(InsertPlan *plan, TupleTableSlot *slot)
{
	const int64 unix_epoch = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
		USECS_PER_DAY;
	TimestampTz time;

	if (plan->roles.recorded_at != 0)
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, plan->roles.recorded_at, &isnull);

		time = DatumGetTimestampTz(value);
		if (!isnull && time >= -unix_epoch &&
			time < (INT64CONST(1) << 48) * 1000 - unix_epoch)
			return (uint64) ((time + unix_epoch) / 1000);
	}
	return (uint64) ((GetCurrentTimestamp() + unix_epoch) / 1000);
}

static bool
is_nil(Datum value)
{
	static const uint8 nil[UUID_LEN] = {0};

	return memcmp(DatumGetUUIDP(value)->data, nil, UUID_LEN) == 0;
}

/*
 * The number that the slot asks for; 0: none.
 */
static uint64
given_position(InsertPlan *plan, TupleTableSlot *slot, bool *isnull)
{
	Datum		value;
	int64		position;

	*isnull = false;
	if (plan->roles.position == 0)
		return 0;
	value = slot_getattr(slot, plan->roles.position, isnull);
	if (*isnull)
		return 0;
	position = DatumGetInt64(value);
	if (position < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("position " INT64_FORMAT " is out of range", position),
				 errdetail("Positions of relation \"%s\" begin at 1; 0 stands for the next one.",
						   es_store_table_name(plan->rel))));
	if ((uint64) position > ES_MAX_ROW)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("position " INT64_FORMAT " is out of range", position),
				 errdetail("Relation \"%s\" cannot have more than " UINT64_FORMAT " positions.",
						   es_store_table_name(plan->rel), ES_MAX_ROW)));
	return (uint64) position;
}

/*
 * Does the slot get the values that the storage supplies?  Yes if it is the
 * executor's own: for rows of this table, of a partitioned one above it, or of
 * the partition that an UPDATE takes the row from, which may have slots of any
 * kind.  CREATE TABLE AS and REFRESH MATERIALIZED VIEW hand in whatever slot
 * their plan ends with; it belongs to a node that may still need it: Unique
 * compares the next row with it.
 */
static bool
takes_values(InsertPlan *plan, TupleTableSlot *slot)
{
	return !plan->bulk || TTS_KEEPS_TUPLE(slot) || TTS_IS_VIRTUAL(slot);
}

/*
 * The tuple with a position of 0; frees the one without.
 */
static HeapTuple
with_position(InsertPlan *plan, HeapTuple tuple)
{
	int			attnum = plan->roles.position;
	Datum		value = Int64GetDatum(0);
	bool		isnull = false;
	HeapTuple	result;

	result = heap_modify_tuple_by_cols(tuple, RelationGetDescr(plan->rel), 1,
									   &attnum, &value, &isnull);
	heap_freetuple(tuple);
	return result;
}

/*
 * A tuple that holds the slot's values with a position of 0 where it is null, so
 * that there is a place to write the number to.  The slot gets it, too.
 */
static void
fill_null_position(InsertPlan *plan, TupleTableSlot *slot)
{
	TupleDesc	desc = RelationGetDescr(plan->rel);
	HeapTuple	tuple;

	slot_getallattrs(slot);
	slot->tts_values[plan->roles.position - 1] = Int64GetDatum(0);
	slot->tts_isnull[plan->roles.position - 1] = false;
	tuple = heap_form_tuple(desc, slot->tts_values, slot->tts_isnull);
	es_slot_store_tuple(slot, tuple, false);
	ExecMaterializeSlot(slot);
	heap_freetuple(tuple);
}

/*
 * Set the transaction's part of a tuple header, as for an insertion by us.
 */
static void
set_header(InsertPlan *plan, HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;

	header->t_infomask &= ~HEAP_XACT_MASK;
	header->t_infomask2 &= ~HEAP2_XACT_MASK;
	header->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(header, plan->xid);
	if (plan->options & TABLE_INSERT_FROZEN)
		HeapTupleHeaderSetXminFrozen(header);
	HeapTupleHeaderSetCmin(header, plan->cid);
	HeapTupleHeaderSetXmax(header, InvalidTransactionId);
	tuple->t_tableOid = RelationGetRelid(plan->rel);
}

static void
make_plan(InsertPlan *plan, Relation rel, CommandId cid, int options,
		  BulkInsertState bistate)
{
	plan->rel = rel;
	plan->cid = cid;
	plan->options = options;
	plan->bulk = bistate != NULL;
	plan->strategy = bistate != NULL ? bistate->strategy : NULL;
	plan->put_flags = 0;

	/* as heap: parallel workers cannot insert, an XID cannot be given to them */
	if (IsParallelWorker())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot insert tuples in a parallel worker")));
	plan->xid = GetCurrentTransactionId();
	es_announce();
	plan->roles = es_table_roles(rel);

	if (RelationIsLogicallyLogged(rel) &&
		!(options & TABLE_INSERT_NO_LOGICAL))
		plan->put_flags |= ES_PUT_LOGICAL;
	if (plan->roles.position != 0)
	{
		bool		replica = SessionReplicationRole ==
			SESSION_REPLICATION_ROLE_REPLICA;

		if (replica)
			plan->put_flags |= ES_PUT_RENUMBER;
		if (replica || OidIsValid(rel->rd_rel->relrewrite))
			plan->put_flags |= ES_PUT_MAY_JUMP;
	}
}

/*
 * A given number above the next one is for the table's owner.  Asked only when a
 * number was given at all: most rows give none.
 */
static void
allow_jump(InsertPlan *plan)
{
	if (!(plan->put_flags & ES_PUT_MAY_JUMP) &&
		es_owns_relation(RelationGetRelid(plan->rel), GetUserId()))
		plan->put_flags |= ES_PUT_MAY_JUMP;
}

/*
 * Make a row of a slot.  The tuple is the slot's own where the slot is of our kind,
 * so that what is written into it is in the slot; else a copy.
 */
static void
make_row(InsertPlan *plan, TupleTableSlot *slot, EsNewRow *row)
{
	Relation	rel = plan->rel;
	TupleDesc	desc = RelationGetDescr(rel);
	bool		isnull;
	bool		null_position;
	bool		make_id = false;
	HeapTuple	plain;

	memset(row, 0, sizeof(EsNewRow));
	row->given_row = given_position(plan, slot, &isnull);
	if (row->given_row != 0)
		allow_jump(plan);
	null_position = plan->roles.position != 0 && isnull;
	if (null_position && takes_values(plan, slot))
		fill_null_position(plan, slot);
	if (plan->roles.event_id != 0)
	{
		Datum		value = slot_getattr(slot, plan->roles.event_id, &isnull);

		make_id = !isnull && is_nil(value);
		if (make_id)
			row->event_id_ms = id_milliseconds(plan, slot);
	}

	if (TTS_KEEPS_TUPLE(slot))
	{
		bool		should_free;

		row->tuple = ExecFetchSlotHeapTuple(slot, true, &should_free);
		Assert(!should_free);
	}
	else
		row->tuple = ExecCopySlotHeapTuple(slot);
	if (null_position && !takes_values(plan, slot))
		row->tuple = with_position(plan, row->tuple);
	set_header(plan, row->tuple);

	plain = row->tuple;
	row->tuple = es_store_toast(rel, plain, plan->options);
	if (row->tuple != plain && !TTS_KEEPS_TUPLE(slot))
		heap_freetuple(plain);
	if (plan->roles.position != 0)
		row->position_at = column_offset(row->tuple, desc,
										 plan->roles.position);
	if (make_id)
		row->event_id_at = column_offset(row->tuple, desc,
										 plan->roles.event_id);
}

/*
 * The row as a slot is to have it that does not hold its tuple: a copy of what
 * was stored, but with large values as the slot has them.  Those that were
 * stored out of line go away if the row is withdrawn, and then the slot's are
 * stored again.
 */
static HeapTuple
tuple_for_slot(InsertPlan *plan, TupleTableSlot *slot, EsNewRow *row)
{
	HeapTuple	tuple;

	if (!HeapTupleHasExternal(row->tuple))
		return heap_copytuple(row->tuple);

	slot_getallattrs(slot);
	if (row->position_at != 0)
		slot->tts_values[plan->roles.position - 1] =
			Int64GetDatum((int64) row->row);
	if (row->event_id_at != 0)
		slot->tts_values[plan->roles.event_id - 1] =
			PointerGetDatum((char *) row->tuple->t_data + row->event_id_at);
	tuple = heap_form_tuple(RelationGetDescr(plan->rel), slot->tts_values,
							slot->tts_isnull);
	set_header(plan, tuple);
	tuple->t_self = row->tuple->t_self;
	return tuple;
}

/*
 * Tell the slot what the storage made of its row.
 */
static void
update_slot(InsertPlan *plan, TupleTableSlot *slot, EsNewRow *row)
{
	TupleDesc	desc = RelationGetDescr(plan->rel);

	bool		supplied = row->position_at != 0 || row->event_id_at != 0;

	if (TTS_KEEPS_TUPLE(slot) && supplied)
	{
		HeapTupleTableSlot *hslot = (HeapTupleTableSlot *) slot;
		char	   *own = (char *) hslot->tuple->t_data;
		char	   *written = (char *) row->tuple->t_data;

		/* a toasted tuple is another one than the slot's */
		if (own != written)
		{
			if (row->position_at != 0)
				memcpy(own + column_offset(hslot->tuple, desc,
										   plan->roles.position),
					   written + row->position_at, sizeof(int64));
			if (row->event_id_at != 0)
				memcpy(own + column_offset(hslot->tuple, desc,
										   plan->roles.event_id),
					   written + row->event_id_at, UUID_LEN);
		}

		/* values that were taken out of the tuple before are old */
		slot->tts_nvalid = 0;
		hslot->off = 0;
	}
	else if (supplied && takes_values(plan, slot))
	{
		/* a row that came through a partitioned table, or from a partition */
		es_slot_store_tuple(slot, tuple_for_slot(plan, slot, row), true);
	}
	if (TTS_KEEPS_TUPLE(slot))
		((HeapTupleTableSlot *) slot)->tuple->t_self = row->tuple->t_self;
	slot->tts_tid = row->tuple->t_self;
	slot->tts_tableOid = RelationGetRelid(plan->rel);
}

static void
free_row(TupleTableSlot *slot, EsNewRow *row)
{
	if (!TTS_KEEPS_TUPLE(slot) ||
		row->tuple != ((HeapTupleTableSlot *) slot)->tuple)
		heap_freetuple(row->tuple);
}

void
es_table_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid,
					  int options, BulkInsertState bistate)
{
	InsertPlan	plan;
	EsNewRow	row;

	make_plan(&plan, rel, cid, options, bistate);
	make_row(&plan, slot, &row);
	es_store_put_rows(rel, &row, 1, plan.put_flags, plan.strategy);
	pgstat_count_heap_insert(rel, 1);
	note_rows(rel, &row, 1);
	update_slot(&plan, slot, &row);
	free_row(slot, &row);
}

void
es_table_tuple_insert_speculative(Relation rel, TupleTableSlot *slot,
								  CommandId cid, int options,
								  BulkInsertState bistate, uint32 token)
{
	InsertPlan	plan;
	EsNewRow	row;

	make_plan(&plan, rel, cid, options, bistate);
	make_row(&plan, slot, &row);
	es_store_put_speculative(rel, &row, plan.put_flags, token);
	pgstat_count_heap_insert(rel, 1);
	note_rows(rel, &row, 1);
	update_slot(&plan, slot, &row);
	free_row(slot, &row);
}

/*
 * A withdrawn row may be inserted again from the same slot, so what the storage
 * supplied is taken back: the position becomes "the next one" again and an id that
 * was made for this row becomes nil.
 */
static void
withdraw_values(Relation rel, TupleTableSlot *slot, uint64 number)
{
	EsRoles		roles = es_table_roles(rel);
	Datum	   *values = slot->tts_values;
	bool	   *isnull = slot->tts_isnull;
	pg_uuid_t	nil;
	HeapTuple	tuple;

	if (roles.position == 0 && roles.event_id == 0)
		return;
	slot_getallattrs(slot);
	memset(&nil, 0, sizeof(nil));
	if (roles.position != 0 && !isnull[roles.position - 1])
		values[roles.position - 1] = Int64GetDatum(0);
	if (roles.event_id != 0 && !isnull[roles.event_id - 1])
	{
		uint8	   *id = DatumGetUUIDP(values[roles.event_id - 1])->data;
		uint8		key[ES_SIPHASH_KEY_BYTES];
		uint8		made[UUID_LEN];
		uint64		ms = 0;

		for (int i = 0; i < 6; i++)
			ms = (ms << 8) | id[i];
		if (es_store_id_key(rel, key))
		{
			es_store_make_id(key, number, ms, made);
			if (memcmp(made, id, UUID_LEN) == 0)
				values[roles.event_id - 1] = UUIDPGetDatum(&nil);
		}
	}
	tuple = heap_form_tuple(RelationGetDescr(rel), values, isnull);
	es_slot_store_tuple(slot, tuple, true);
}

void
es_table_tuple_complete_speculative(Relation rel, TupleTableSlot *slot,
									uint32 token, bool succeeded)
{
	uint64		number = es_tid_to_row(&slot->tts_tid);

	if (!succeeded)
	{
		/* the values out of line go with the row */
		EsFetch		fetch;
		HeapTuple	tuple;

		es_fetch_begin(&fetch, rel);
		tuple = es_fetch_row(&fetch, number, SnapshotAny, NULL);
		es_fetch_end(&fetch);
		es_store_finish_speculative(rel, number, false);
		if (tuple != NULL && HeapTupleHasExternal(tuple))
			heap_toast_delete(rel, tuple, true);
		if (tuple != NULL)
			heap_freetuple(tuple);
		pgstat_count_heap_delete(rel);
		withdraw_values(rel, slot, number);
		return;
	}
	es_store_finish_speculative(rel, number, true);
}

/*
 * COPY.  All rows are made first; then they go in as a batch, or, if they are few,
 * page by page.
 */
void
es_table_multi_insert(Relation rel, TupleTableSlot **slots, int nslots,
					  CommandId cid, int options, BulkInsertState bistate)
{
	InsertPlan	plan;
	EsLoadOptions load;
	EsNewRow   *rows = palloc(nslots * sizeof(EsNewRow));

	make_plan(&plan, rel, cid, options, bistate);
	for (int i = 0; i < nslots; i++)
		make_row(&plan, slots[i], &rows[i]);
	load.position = plan.roles.position;
	load.entity_id = plan.roles.version != 0 ? plan.roles.entity_id : 0;
	load.event_id = plan.roles.event_id;
	load.recorded_at = plan.roles.recorded_at;
	load.cid = cid;
	load.frozen = (options & TABLE_INSERT_FROZEN) != 0;
	if (!es_store_load_rows(rel, rows, nslots, plan.put_flags, &load,
							plan.strategy))
		es_store_put_rows(rel, rows, nslots, plan.put_flags, plan.strategy);
	pgstat_count_heap_insert(rel, nslots);
	note_rows(rel, rows, nslots);
	for (int i = 0; i < nslots; i++)
	{
		update_slot(&plan, slots[i], &rows[i]);
		free_row(slots[i], &rows[i]);
	}
	pfree(rows);
}

/*
 * Nothing is buffered between calls.  But a table that ALTER TABLE has rewritten
 * must not give numbers again that its aborted last rows had.
 */
void
es_table_finish_bulk_insert(Relation rel, int options)
{
	Relation	old;

	if (!OidIsValid(rel->rd_rel->relrewrite) ||
		es_table_roles(rel).position == 0)
		return;
	old = table_open(rel->rd_rel->relrewrite, NoLock);
	if (es_table_is_ours(old))
		es_store_keep_next_row(rel, es_store_end_row(old));
	table_close(old, NoLock);
}

void
es_table_refuse_change(Relation rel, const char *operation)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot %s event table \"%s\"", operation,
					RelationGetRelationName(rel)),
			 errdetail("Tables of access method \"eventstore\" are append-only: a row that was inserted never changes."),
			 errhint("Insert a new event instead; TRUNCATE or DROP remove all rows.")));
}

/*
 * The executor's hook refuses statements before their first row.  These are
 * reached by what it cannot know of: changes that logical replication applies,
 * and a row for a partitioned table that ON CONFLICT DO UPDATE meets here.
 */
TM_Result
es_table_tuple_delete(Relation rel, ItemPointer tid, CommandId cid,
					  Snapshot snapshot, Snapshot crosscheck, bool wait,
					  TM_FailureData *tmfd, bool changing_part)
{
	es_table_refuse_change(rel, "delete from");
	return TM_Ok;				/* keep compilers quiet */
}

TM_Result
es_table_tuple_update(Relation rel, ItemPointer otid, TupleTableSlot *slot,
					  CommandId cid, Snapshot snapshot, Snapshot crosscheck,
					  bool wait, TM_FailureData *tmfd, LockTupleMode *lockmode,
					  ES_UPDATE_INDEXES *update_indexes)
{
	es_table_refuse_change(rel, "update");
	return TM_Ok;				/* keep compilers quiet */
}
