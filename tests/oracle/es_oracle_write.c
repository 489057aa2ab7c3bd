/*-------------------------------------------------------------------------
 *
 * es_oracle_write.c
 *	  Actions that write rows, or are refused because they would change some.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_write.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

/* What one statement writes at most, values of large columns taken together. */
#define STATEMENT_BYTES		1000000

/* false: nothing can be written to the table. */
bool
begin_write_to(int session, Table *table, Write *write, int max_rows)
{
	write->table = table;
	if (write->table == NULL || write->table->matview ||
		!table_columns(session, write->table, &write->columns))
		return false;
	values_choose(&write->values, &write->columns);
	write->nrows = 1 + random_below(max_rows);
	if (write->values.s > 0 && write->nrows > STATEMENT_BYTES / write->values.s)
		write->nrows = STATEMENT_BYTES / write->values.s;
	write->first = round_state.next_n;
	round_state.next_n += write->nrows;
	return true;
}

bool
begin_write(int session, Write *write, int max_rows)
{
	return begin_write_to(session, table_pick(session), write, max_rows);
}

/* "INSERT INTO t (columns)"; valid as text() is */
const char *
insert_into(const Write *write)
{
	return text("INSERT INTO %s (%s)", write->table->name,
				write->values.columns.data);
}

/* "SELECT .. FROM generate_series(..)" of all its rows; valid as text() is */
const char *
series(const Write *write)
{
	return text("SELECT %s FROM generate_series(%lld::bigint, %lld) i",
				values_row(&write->values, "i"), (long long) write->first,
				(long long) write->first + write->nrows - 1);
}

/*
 * What the heap's side does before it raises the store's error: takes the same
 * locks, and fails where no statement may write.
 */
static const char *
write_nothing(const char *name)
{
	return text("INSERT INTO %s (n) SELECT n FROM %s WHERE false", name, name);
}

static const char *
returning(void)
{
	return chance(30) ? " RETURNING n, k" : "";
}

static void
insert_values(int session)
{
	Write		write;
	PQExpBufferData sql;

	if (!begin_write(session, &write, 4))
		return;
	initPQExpBuffer(&sql);
	appendPQExpBuffer(&sql, "%s VALUES ", insert_into(&write));
	for (int i = 0; i < write.nrows; i++)
		appendPQExpBuffer(&sql, "%s(%s)", i > 0 ? ", " : "",
						  values_row(&write.values,
									 text("%lld::bigint",
										  (long long) write.first + i)));
	appendPQExpBufferStr(&sql, returning());
	ask(session, COMPARE_ORDER, sql.data);
	termPQExpBuffer(&sql);
	values_free(&write.values);
}

static void
insert_series(int session)
{
	static const int sizes[] = {10, 200, 200, 3000};
	Write		write;

	if (!begin_write(session, &write, sizes[random_below(4)]))
		return;
	ask(session, COMPARE_ORDER,
		text("%s %s%s", insert_into(&write), series(&write), returning()));
	values_free(&write.values);
}

/* A row with k from 0 to FEW_KEYS. */
void
insert_with_few_keys(int session, Table *table)
{
	Write		write;

	if (!begin_write_to(session, table, &write, 1))
		return;
	write.values.k = FEW_KEYS;
	ask(session, COMPARE_ORDER,
		text("%s %s", insert_into(&write), series(&write)));
	values_free(&write.values);
}

/* Rows made of the rows of some table, perhaps the same one. */
static void
insert_select(int session)
{
	Table	   *from = table_pick(session);
	char		from_name[sizeof(from->name)];
	Write		write;

	if (from == NULL)
		return;
	strcpy(from_name, from->name);
	if (!begin_write(session, &write, 300))
		return;
	ask(session, COMPARE_SET,
		text("%s SELECT %s FROM (SELECT %lld + row_number() OVER (ORDER BY n) "
			 "AS i FROM %s WHERE n >= %lld ORDER BY n LIMIT %d) s",
			 insert_into(&write), values_row(&write.values, "i"),
			 (long long) write.first - 1, from_name, (long long) some_n(),
			 write.nrows));
	values_free(&write.values);
}

static void
insert_on_conflict(int session)
{
	Write		write;

	if (!begin_write(session, &write, 50))
		return;
	ask(session, COMPARE_ORDER,
		text("%s %s ON CONFLICT%s DO NOTHING RETURNING n, k",
			 insert_into(&write), series(&write),
			 write.table->parent ? " (n)" : chance(10) ? " (k)" : ""));
	values_free(&write.values);
}

/*
 * MERGE without UPDATE and DELETE.  Its join may put rows in any order, so that
 * they must not get numbers.
 */
static void
merge(int session)
{
	Write		write;
	bool		numbered;

	if (!begin_write(session, &write, 30))
		return;
	numbered = write.table->position;
	for (int i = 0; i < write.columns.n; i++)
		numbered |= write.columns.column[i].computed;
	if (numbered)
	{
		values_free(&write.values);
		return;
	}
	write.table->reordered = true;
	round_state.unordered = true;
	ask(session, COMPARE_SET,
		text("MERGE INTO %s t USING (SELECT i, (i * 7919 %% %d)::integer AS kk "
			 "FROM generate_series(%lld::bigint, %lld) i) s ON t.k = s.kk "
			 "WHEN MATCHED THEN DO NOTHING "
			 "WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)",
			 write.table->name, write.values.k, (long long) write.first,
			 (long long) write.first + write.nrows - 1,
			 write.values.columns.data, values_row(&write.values, "s.i")));
	values_free(&write.values);
}

/* What RETURNING says of the storage's values is kept: see check_table. */
static void
insert_seen(int session)
{
	Write		write;
	const char *sql;
	const char *heap_sql;

	if (!begin_write(session, &write, 30))
		return;
	if (write.table->position)
	{
		sql = text("WITH w AS (%s %s RETURNING n, position, event_id) "
				   "INSERT INTO %s_seen SELECT * FROM w", insert_into(&write),
				   series(&write), write.table->name);
		heap_sql = text("WITH w AS (%s %s RETURNING n, 0, event_id) "
						"INSERT INTO %s_seen SELECT * FROM w",
						insert_into(&write), series(&write), write.table->name);
		ask_sides(session, COMPARE_SET, on_store(sql, heap_sql), heap_sql);
	}
	values_free(&write.values);
}

/* Each row in a subtransaction of its own, some of which fail. */
static void
insert_in_subtransactions(int session)
{
	Write		write;

	if (!begin_write(session, &write, chance(20) ? 150 : 20))
		return;
	ask(session, COMPARE_SET,
		text("DO $$DECLARE i bigint; BEGIN FOR i IN %lld .. %lld LOOP BEGIN "
			 "%s VALUES (%s); IF i %% 3 = 0 THEN RAISE division_by_zero; "
			 "END IF; EXCEPTION WHEN division_by_zero THEN NULL; END; "
			 "END LOOP; END$$", (long long) write.first,
			 (long long) write.first + write.nrows - 1, insert_into(&write),
			 values_row(&write.values, "i::bigint")));
	values_free(&write.values);
}

/* An error in the middle of a statement that writes. */
static void
insert_and_fail(int session)
{
	Write		write;

	if (!begin_write(session, &write, 300))
		return;
	ask(session, COMPARE_SET,
		text("%s %s WHERE 1 / (i - %lld) > -2", insert_into(&write),
			 series(&write),
			 (long long) write.first + random_below(write.nrows)));
	values_free(&write.values);
}

static void
copy(int session)
{
	static const int sizes[] = {1, 20, 300, 300, 1200, 6000};
	static const char *const formats[] = {"", "", "", "", " (FORMAT csv)",
		" (FORMAT csv, NULL 'nil', FORCE_QUOTE *)",
		" (DELIMITER '|', NULL 'nil')", " (FORMAT csv, HEADER)",
		" (FORMAT csv, DELIMITER ';', QUOTE '$', ESCAPE '!')",
	" (ENCODING 'LATIN1')"};
	Write		write;
	const char *format = PICK(formats);
	char	   *data;
	bool		bad = chance(5);
	const char *options_in = format;

	if (!begin_write(session, &write, sizes[random_below(6)]))
		return;
	if (strstr(format, "FORCE_QUOTE") != NULL)
		options_in = " (FORMAT csv, NULL 'nil')";
	else if (*format == '\0' && side_status(session) == PQTRANS_INTRANS &&
			 chance(20))
	{
		options_in = " (FREEZE)";
		ask(session, COMPARE_SET, text("TRUNCATE %s", write.table->name));
	}
	data = side_copy_out(text("COPY (%s) TO STDOUT%s", series(&write), format));
	if (data != NULL)
		ask_step(step_make(session, COMPARE_SET,
						   text("COPY %s (%s) FROM STDIN%s%s",
								write.table->name, write.values.columns.data,
								options_in, chance(10) ? " WHERE n % 5 <> 1" :
								""), NULL,
						   bad ? text("%sno row\n", data) : data));
	free(data);
	values_free(&write.values);
}

/* As ingest reads it, against what PostgreSQL's own json makes of it. */
static void
ingest(int session)
{
	Table	   *table = table_pick(session);
	static const char *const bad_lines[] = {
		"{\"entity_id\": \"e\", \"event_type\": \"t\"\\n",
		"{\"entity_id\": \"e\", \"event_type\": \"t\", \"payload\": [1,]}\\n",
		"{\"entity_id\": \"e\", \"event_type\": null}\\n",
		"{\"entity_id\": \"e\", \"event_type\": \"t\", "
		"\"timestamp\": \"never\", \"payload\": 1, \"metadata\": 1}\\n",
	};
	PQExpBufferData lines;
	const char *heap_sql;
	int			nrows = 1 + random_below(chance(20) ? 500 : 20);
	int			bad_at = chance(15) ? random_below(nrows) : -1;

	if (table == NULL || !table->ingestible)
		return;
	initPQExpBuffer(&lines);
	for (int i = 0; i < nrows; i++)
	{
		long long	n = round_state.next_n++;

		if (i == bad_at)
			appendPQExpBufferStr(&lines, PICK(bad_lines));
		appendPQExpBuffer(&lines, "{\"entity_id\": \"e%lld\", \"event_type\": "
						  "\"type %lld\", \"timestamp\": "
						  "\"2024-02-03T04:05:%02lldZ\", \"payload\": "
						  "{\"n\":%lld,  \"s\": [1.50, \"\\u00e9\", null]}, "
						  "\"metadata\": {\"m\": %lld}}\\n", n % 40, n % 7,
						  n % 60, n, n % 3);
	}
	heap_sql = text("WITH w AS (INSERT INTO %s (entity_id, event_type, "
					"recorded_at, payload, metadata) SELECT j ->> 'entity_id', "
					"j ->> 'event_type', (j ->> 'timestamp')::timestamptz, "
					"j -> 'payload', j -> 'metadata' FROM (SELECT line::json "
					"AS j FROM string_to_table(rtrim(E'%s', E'\\n'), E'\\n') "
					"AS line) s RETURNING 1) SELECT count(*) FROM w",
					table->name, lines.data);
	ask_sides(session, COMPARE_SET,
			  on_store(text("SELECT stored FROM eventstore.ingest('%s', E'%s')",
							table->name, lines.data), heap_sql), heap_sql);
	termPQExpBuffer(&lines);
}

/*
 * A position that the storage is to choose, or higher ones: the numbers jump, then
 * ascend with gaps, short and long ones.
 */
static void
insert_at_position(int session)
{
	static const int gaps[] = {1, 2, 5, 63, 64, 65, 66, 300, 70000};
	Write		write;
	const char *position = "0";
	const char *heap_sql;

	if (!begin_write(session, &write, 12))
		return;
	if (write.table->position && !write.table->partitioned)
	{
		if (chance(70))
			position = text("%d000000 + (s.i - %lld) * %d",
							++round_state.next_jump, (long long) write.first,
							gaps[random_below(9)]);
		heap_sql = text("%s %s", insert_into(&write), series(&write));
		ask_sides(session, COMPARE_CODE,
				  on_store(text("INSERT INTO %s (position, %s) "
								"SELECT %s, s.* FROM (%s) s", write.table->name,
								write.values.columns.data, position,
								series(&write)), heap_sql), heap_sql);
	}
	values_free(&write.values);
}

/*
 * A position that some row has: refused as a duplicate.  k is NULL, so that no
 * other duplicate is found before.
 */
static void
insert_at_taken_position(int session)
{
	Write		write;
	const char *name;
	const char *heap_sql;

	if (!begin_write(session, &write, 1))
		return;
	name = write.table->name;
	write.values.k = 0;
	if (write.table->position && !write.table->partitioned)
	{
		heap_sql = text("DO $$BEGIN %s; "
						"IF EXISTS (SELECT FROM %s) THEN %s %s; "
						"IF FOUND THEN RAISE unique_violation; END IF; "
						"END IF; END$$", write_nothing(name), name,
						insert_into(&write), series(&write));
		ask_sides(session, COMPARE_CODE,
				  on_store(text("INSERT INTO %s (position, %s) SELECT "
								"m.position, s.* FROM (%s) s, (SELECT "
								"min(position) AS position FROM %s HAVING "
								"count(*) > 0) m", name,
								write.values.columns.data, series(&write),
								name), heap_sql), heap_sql);
	}
	values_free(&write.values);
}

/* What an event table refuses, as an error on the heap's side. */
static void
change_rows(int session)
{
	Table	   *table = table_pick(session);
	const char *name;
	const char *sql;
	const char *heap_sql;

	if (table == NULL || table->mixed || table->matview)
		return;
	name = table->name;
	switch (random_below(table->parent ? 4 : 3))
	{
		case 0:
			sql = text("UPDATE %s SET k = 0", name);
			break;
		case 1:
			sql = text("DELETE FROM %s WHERE n < 0", name);
			break;
		case 2:
			sql = text("MERGE INTO %s t USING (SELECT 1 AS x) s ON t.n = s.x "
					   "WHEN MATCHED THEN DELETE", name);
			break;
		default:
			sql = text("INSERT INTO %s (n) VALUES (0) ON CONFLICT (n) "
					   "DO UPDATE SET k = 0", name);
	}
	heap_sql = text("DO $$BEGIN %s; RAISE feature_not_supported; END$$",
					write_nothing(name));
	ask_sides(session, COMPARE_CODE, on_store(sql, heap_sql), heap_sql);
}

const Action write_actions[] =
{
	{"insert values", 14, insert_values},
	{"insert series", 14, insert_series},
	{"insert select", 6, insert_select},
	{"insert on conflict", 6, insert_on_conflict},
	{"merge", 3, merge},
	{"insert seen", 8, insert_seen},
	{"insert in subtransactions", 4, insert_in_subtransactions},
	{"insert and fail", 2, insert_and_fail},
	{"copy", 14, copy},
	{"ingest", 4, ingest},
	{"insert at position", 3, insert_at_position},
	{"insert at taken position", 2, insert_at_taken_position},
	{"change rows", 1, change_rows},
	{NULL, 0, NULL}
};
