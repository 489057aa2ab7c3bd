/*-------------------------------------------------------------------------
 *
 * es_oracle_alter.c
 *	  Actions that change definitions of tables: columns, constraints, triggers,
 *	  policies, partitions, parameters.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_alter.c
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "es_oracle.h"

static void
add_column(int session, const Table *table)
{
	const Type *type = type_pick();
	const char *name = new_name("c");
	const char *rest = "";

	if (chance(40))
		rest = text("DEFAULT %s%s", type_default(type),
					chance(50) ? " NOT NULL" : "");
	else if (chance(20))
	{
		/* rewrites the table */
		ask(session, COMPARE_SET,
			text("ALTER TABLE %s ADD COLUMN %s integer DEFAULT seven()",
				 table->name, name));
		return;
	}
	ask(session, COMPARE_SET,
		text("ALTER TABLE %s ADD COLUMN %s %s %s", table->name, name,
			 type->name, rest));
}

static void
change_column(int session, Table *table)
{
	static const char *const storage[] = {"PLAIN", "EXTERNAL", "EXTENDED",
	"MAIN"};
	Columns		columns;
	const Column *column;
	const char *head = text("ALTER TABLE %s", table->name);

	if (!table_columns(session, table, &columns) ||
		(column = column_pick(&columns, true)) == NULL)
		return;
	switch (random_below(10))
	{
		case 0:
			ask(session, COMPARE_SET,
				text("%s DROP COLUMN %s%s", head, column->name,
					 chance(50) ? " CASCADE" : ""));
			break;
		case 1:
			ask(session, COMPARE_SET,
				text("%s ALTER %s TYPE text USING %s::text", head,
					 column->name, column->name));
			break;
		case 2:
			ask(session, COMPARE_SET,
				text("%s ALTER %s TYPE bigint USING octet_length(%s::text)",
					 head, column->name, column->name));
			break;
		case 3:
			ask(session, COMPARE_SET,
				text("%s ALTER %s SET STORAGE %s", head, column->name,
					 PICK(storage)));
			break;
		case 4:
			ask(session, COMPARE_SET,
				text("%s RENAME %s TO %s", head, column->name, new_name("c")));
			break;
		case 5:
			ask(session, COMPARE_SET,
				text("%s ALTER %s %s NOT NULL", head, column->name,
					 chance(50) ? "SET" : "DROP"));
			break;
		case 6:
			ask(session, COMPARE_SET,
				text("%s ALTER %s SET STATISTICS %d", head, column->name,
					 random_below(200)));
			break;
		case 7:
			ask(session, COMPARE_SET,
				text("%s ALTER %s %s", head, column->name, chance(50) ?
					 "SET COMPRESSION pglz" : "DROP DEFAULT"));
			break;
		case 8:
			/* several changes of one rewrite */
			ask(session, COMPARE_SET,
				text("%s ADD COLUMN %s integer DEFAULT seven(), DROP COLUMN %s, "
					 "ADD COLUMN %s text DEFAULT 'x' NOT NULL", head,
					 new_name("c"), column->name, new_name("c")));
			break;
		case 9:
			if (column->computed)
				ask(session, COMPARE_SET,
					text("%s ALTER %s DROP EXPRESSION IF EXISTS", head,
						 column->name));
			else
				ask(session, COMPARE_SET,
					text("%s ADD COLUMN %s bigint GENERATED ALWAYS AS (n %% 97) "
						 "STORED", head, new_name("c")));
			break;
	}
}

static void
alter_columns(int session)
{
	Table	   *table = table_pick(session);

	if (table == NULL || table->matview)
		return;
	if (chance(40))
		add_column(session, table);
	else
		change_column(session, table);
}

static void
change_constraint(int session)
{
	Table	   *table = table_pick(session);
	const char *head;

	if (table == NULL || table->matview)
		return;
	head = text("ALTER TABLE %s", table->name);
	switch (random_below(4))
	{
		case 0:
			ask(session, COMPARE_SET,
				text("%s ADD CONSTRAINT %s CHECK (k %% 17 <> 5)%s", head,
					 text("%s_check", table->name),
					 chance(70) ? " NOT VALID" : ""));
			break;
		case 1:
			ask(session, COMPARE_SET,
				text("%s VALIDATE CONSTRAINT %s_check", head, table->name));
			break;
		case 2:
			ask(session, COMPARE_SET,
				text("%s DROP CONSTRAINT IF EXISTS %s_check", head,
					 table->name));
			break;
		case 3:
			ask(session, COMPARE_SET,
				text("%s ADD CONSTRAINT %s UNIQUE (n, k)", head,
					 new_name("u")));
			break;
	}
}

/*
 * A row trigger in front of INSERT: changes rows, leaves some out, and makes COPY
 * insert one row at a time.
 */
static void
change_trigger(int session)
{
	Table	   *table = table_pick(session);
	const char *name;

	if (table == NULL || table->matview || table->partitioned)
		return;
	name = table->name;
	if (chance(50))
	{
		ask(session, COMPARE_SET, text("DROP TRIGGER IF EXISTS skip ON %s", name));
		return;
	}
	ask(session, COMPARE_SET,
		text("CREATE OR REPLACE FUNCTION skip() RETURNS trigger LANGUAGE "
			 "plpgsql AS 'BEGIN IF NEW.n %% 7 = 0 THEN RETURN NULL; END IF; "
			 "NEW.k = NEW.k + 1; RETURN NEW; END'; "
			 "CREATE OR REPLACE TRIGGER skip BEFORE INSERT ON %s "
			 "FOR EACH ROW EXECUTE FUNCTION skip()", name));
}

/* ----------------------------------------------------------------
 * Partitions, policies, parameters
 * ----------------------------------------------------------------
 */

static void
change_partitions(int session)
{
	Table	   *table = table_pick(session);
	int			part = random_below(3);

	if (table == NULL || !table->partitioned)
		return;
	if (chance(50))
		ask(session, COMPARE_SET,
			text("ALTER TABLE %s DETACH PARTITION %s_p%d", table->name,
				 table->name, part));
	else
		ask(session, COMPARE_SET,
			text("ALTER TABLE %s ATTACH PARTITION %s_p%d %s", table->name,
				 table->name, part, partition_bound(table, part)));
}

static void
change_policy(int session)
{
	static const char *const changes[] = {
		"ENABLE ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY",
		"DISABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY",
	};
	Table	   *table = table_pick(session);
	const char *name;

	if (table == NULL || table->matview)
		return;
	name = table->name;
	if (chance(50))
		ask(session, COMPARE_SET, text("ALTER TABLE %s %s", name, PICK(changes)));
	else
		ask(session, COMPARE_SET,
			text("GRANT SELECT, INSERT, UPDATE ON %s TO oracle_user; "
				 "CREATE POLICY %s ON %s USING (n %% 3 <> 0) "
				 "WITH CHECK (n %% 11 <> 0)", name, new_name("p"), name));
}

/* As a user who is not the owner, so that privileges and policies count. */
static void
work_as_user(int session)
{
	Write		write;

	if (side_status(session) != PQTRANS_INTRANS ||
		!begin_write(session, &write, 9))
		return;
	ask(session, COMPARE_SET,
		text("SET LOCAL ROLE oracle_user; SELECT n, k FROM %s WHERE n > %lld%s",
			 write.table->name, (long long) some_n(),
			 chance(20) && !write.table->parent ? " FOR UPDATE" : ""));
	if (side_status(session) == PQTRANS_INTRANS)
		ask(session, COMPARE_SET,
			text("%s %s", insert_into(&write), series(&write)));
	if (side_status(session) == PQTRANS_INTRANS)
		ask(session, COMPARE_SET, "RESET ROLE");
	values_free(&write.values);
}

static void
change_parameters(int session)
{
	static const char *const changes[] = {
		"SET (toast_tuple_target = 512)", "SET (toast_tuple_target = 8000)",
		"RESET (toast_tuple_target)", "SET (fillfactor = 50)",
		"SET (parallel_workers = 3)", "REPLICA IDENTITY FULL",
		"REPLICA IDENTITY DEFAULT", "SET WITHOUT CLUSTER",
		"DISABLE TRIGGER USER", "ENABLE TRIGGER USER",
		"ADD PRIMARY KEY (n)", "ALTER n SET NOT NULL",
		"SET (autovacuum_enabled = off)",
	};
	Table	   *table = table_pick(session);

	if (table != NULL && !table->matview && !table->partitioned)
		ask(session, COMPARE_SET,
			text("ALTER TABLE %s %s", table->name, PICK(changes)));
}

const Action alter_actions[] =
{
	{"alter columns", 9, alter_columns},
	{"change constraint", 4, change_constraint},
	{"change trigger", 3, change_trigger},
	{"change partitions", 3, change_partitions},
	{"change policy", 3, change_policy},
	{"work as user", 5, work_as_user},
	{"change parameters", 4, change_parameters},
	{NULL, 0, NULL}
};
