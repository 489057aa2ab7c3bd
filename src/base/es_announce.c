/*-------------------------------------------------------------------------
 *
 * es_announce.c
 *	  Databases tell the launcher of the background workers that they were
 *	  written to.
 *
 * Every word is changed by compare-and-exchange only, so a database may lose its
 * place to another between two looks, and its writers look for a new one.  Two
 * may find two: whoever reads the words takes that into account.
 *
 * IDENTIFICATION
 *	  src/base/es_announce.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/latch.h"
#include "storage/proc.h"

#include "base/es_announce.h"
#include "base/es_compat.h"

typedef struct AnnounceBoard
{
	pg_atomic_uint32 listener;	/* the launcher's number + 1; 0: none */
	pg_atomic_uint32 overflowed;
	pg_atomic_uint64 words[ES_ANNOUNCE_ROOM];
} AnnounceBoard;

static AnnounceBoard *board = NULL;

pg_atomic_uint64 *es_announce_mine = NULL;

/* stands for the word of a database that found no place */
static pg_atomic_uint64 unheard;

Size
es_announce_size(void)
{
	return sizeof(AnnounceBoard);
}

void
es_announce_attach(void *memory, bool init)
{
	board = memory;
	if (!init)
		return;
	pg_atomic_init_u32(&board->listener, 0);
	pg_atomic_init_u32(&board->overflowed, 0);
	for (int i = 0; i < ES_ANNOUNCE_ROOM; i++)
		pg_atomic_init_u64(&board->words[i], 0);
}

/*
 * Replace a word, if it is still the old one.
 */
static bool
replace_word(pg_atomic_uint64 *word, uint64 old, uint64 new)
{
	return pg_atomic_compare_exchange_u64(word, &old, new);
}

/*
 * Find the place of this backend's database, or a free one, and write that it
 * was written to.  NULL: there is none.
 */
static pg_atomic_uint64 *
write_word(void)
{
	int			i = 0;

	while (i < ES_ANNOUNCE_ROOM)
	{
		pg_atomic_uint64 *word = &board->words[i];
		uint64		value = pg_atomic_read_u64(word);

		if (value != 0 && value >> 32 != MyDatabaseId)
		{
			i++;
			continue;
		}
		if (value == ES_ANNOUNCE_WORD(MyDatabaseId, true))
			return word;
		if (replace_word(word, value, ES_ANNOUNCE_WORD(MyDatabaseId, true)))
		{
			es_announce_wake();
			return word;
		}
		/* somebody was quicker: look at it again */
	}
	return NULL;
}

/*
 * The word does not say yet that the database was written to, or has not been
 * looked for.
 */
void
es_announce_write(void)
{
	es_announce_mine = board != NULL ? write_word() : NULL;
	if (es_announce_mine != NULL)
		return;

	if (board != NULL)
	{
		pg_atomic_write_u32(&board->overflowed, 1);
		es_announce_wake();
	}
	pg_atomic_init_u64(&unheard, ES_ANNOUNCE_WORD(MyDatabaseId, true));
	es_announce_mine = &unheard;
}

void
es_announce_listen(void)
{
	pg_atomic_write_u32(&board->listener, (uint32) es_my_proc_number() + 1);
}

/*
 * A launcher that has ended meanwhile does no harm: its place in the array of
 * processes stays, and somebody's latch is set once too often.
 */
void
es_announce_wake(void)
{
	uint32		listener = pg_atomic_read_u32(&board->listener);

	if (listener != 0)
		SetLatch(&GetPGProcByNumber((int) (listener - 1))->procLatch);
}

bool
es_announce_overflowed(void)
{
	return pg_atomic_exchange_u32(&board->overflowed, 0) != 0;
}

Oid
es_announce_read(int index, bool *written)
{
	uint64		value = pg_atomic_read_u64(&board->words[index]);

	*written = (value & 1) != 0;
	return (Oid) (value >> 32);
}

void
es_announce_reset(Oid dboid)
{
	for (int i = 0; i < ES_ANNOUNCE_ROOM; i++)
		(void) replace_word(&board->words[i], ES_ANNOUNCE_WORD(dboid, true),
							ES_ANNOUNCE_WORD(dboid, false));
}

void
es_announce_forget(Oid dboid)
{
	for (int i = 0; i < ES_ANNOUNCE_ROOM; i++)
		(void) replace_word(&board->words[i], ES_ANNOUNCE_WORD(dboid, false), 0);
}
