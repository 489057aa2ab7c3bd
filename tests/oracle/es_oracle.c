/*-------------------------------------------------------------------------
 *
 * es_oracle.c
 *	  The oracle's program: options, transactions of several sessions, rounds.
 *
 * A round begins with empty schemas and the seed's random numbers: some
 * tables, then steps of all sessions, each what its session's state allows; in
 * the end every transaction is decided and every table compared as a whole.
 * The next round has the next seed, so that every round can be repeated alone.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle.c
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "es_oracle.h"

#define MAX_SAVEPOINTS	8
#define MAX_PREPARED	3
#define FIRST_TABLES	6

Options		options = {
	.dbname = "postgres",
	.am = "eventstore",
	.seconds = 60,
	.sessions = 4,
	.steps = 400
};
Totals		totals;

/* Savepoints sp1 .. sp<depth> of the session's transaction. */
static int	depths[MAX_SESSIONS];

/* Steps at which a storm and a crash are due. */
static int	storm_at;
static int	crash_at;

/* Numbers of prepared transactions that wait for their end. */
static int	prepared[MAX_PREPARED];
static int	nprepared;

int
session_depth(int session)
{
	return depths[session];
}

/* ----------------------------------------------------------------
 * Transactions
 * ----------------------------------------------------------------
 */

/* Follow a session whose transaction has ended, however that came. */
static void
follow_end(int session)
{
	if (side_status(session) != PQTRANS_IDLE)
		return;
	depths[session] = 0;
	forget_cursors(session, -1);
}

static void
begin(int session)
{
	static const char *const modes[] = {
		"", "", "",
		" ISOLATION LEVEL REPEATABLE READ",
		" ISOLATION LEVEL SERIALIZABLE",
		" ISOLATION LEVEL SERIALIZABLE",
		" ISOLATION LEVEL REPEATABLE READ READ ONLY",
	};

	ask(session, COMPARE_SET, text("BEGIN%s", modes[random_below(7)]));
}

static void
commit(int session)
{
	ask(session, COMPARE_SET, "COMMIT");
}

static void
rollback(int session)
{
	ask(session, COMPARE_SET, "ROLLBACK");
}

static void
savepoint(int session)
{
	if (depths[session] < MAX_SAVEPOINTS &&
		!answer_failed(ask(session, COMPARE_SET,
						   text("SAVEPOINT sp%d", depths[session] + 1))))
		depths[session]++;
}

static void
rollback_to(int session)
{
	int			to;

	if (depths[session] == 0)
	{
		rollback(session);
		return;
	}
	to = 1 + random_below(depths[session]);
	ask(session, COMPARE_SET, text("ROLLBACK TO SAVEPOINT sp%d", to));
	depths[session] = to;
	forget_cursors(session, to - 1);
}

static void
release(int session)
{
	int			to;

	if (depths[session] == 0)
		return;
	to = 1 + random_below(depths[session]);
	if (answer_failed(ask(session, COMPARE_SET,
						  text("RELEASE SAVEPOINT sp%d", to))))
		return;
	depths[session] = to - 1;
	release_cursors(session, to - 1);
}

/* Names of prepared transactions are unique in the whole server. */
static const Answer *
ask_prepared(int session, const char *command, int name)
{
	return ask_sides(session, COMPARE_SET,
					 text("%s 'oracle %s store %d'", command, options.dbname,
						  name),
					 text("%s 'oracle %s heap %d'", command, options.dbname,
						  name));
}

static void
prepare(int session)
{
	int			name = ++round_state.next_name;

	if (nprepared == MAX_PREPARED)
		return;
	if (!answer_failed(ask_prepared(session, "PREPARE TRANSACTION", name)) &&
		side_status(session) == PQTRANS_IDLE)
		prepared[nprepared++] = name;
}

static void
end_prepared(int session)
{
	int			i;

	if (nprepared == 0)
		return;
	i = random_below(nprepared);
	ask_prepared(session, chance(60) ? "COMMIT PREPARED" : "ROLLBACK PREPARED",
				 prepared[i]);
	prepared[i] = prepared[--nprepared];
}

/* The session's backend is ended, in whatever state it is. */
static void
terminate_session(int session)
{
	ask(session, COMPARE_TERMINATE, "SELECT pg_terminate_backend("
		"pg_backend_pid())");
}

/* A session is new, and knows nothing of the one before it. */
static void
follow_loss(int session)
{
	round_state.lost[session] = false;
	depths[session] = 0;
	forget_cursors(session, -100);
	for (int i = round_state.ntables - 1; i >= 0; i--)
		if (round_state.tables[i].owner == session)
			table_drop(&round_state.tables[i]);
}

static void
follow_losses(void)
{
	for (int i = 0; i < options.sessions; i++)
		if (round_state.lost[i])
			follow_loss(i);
}

/* End every transaction. */
static void
decide_all(void)
{
	for (int i = 0; i < options.sessions && !round_state.over; i++)
	{
		if (side_status(i) == PQTRANS_INTRANS && chance(70))
			commit(i);
		else if (side_status(i) != PQTRANS_IDLE)
			rollback(i);
	}
	while (nprepared > 0 && !round_state.over)
		end_prepared(0);
}

static void
begin_storm(int session)
{
	(void) session;
	decide_all();
	if (!round_state.over)
		storm();
}

/*
 * Two transactions that each read what the other writes: one has to fail.  If
 * heap sees that at COMMIT, so must the other side.
 */
static void
skew(int session)
{
	Table	   *table = table_pick(session);
	int			other = random_below(options.sessions);
	int			both[2] = {session, other};
	const char *name;

	if (other == session || side_status(other) != PQTRANS_IDLE ||
		table == NULL || table->owner >= 0 || table->matview)
		return;
	name = text("%s", table->name);
	for (int i = 0; i < 2; i++)
		ask(both[i], COMPARE_SET, "BEGIN ISOLATION LEVEL SERIALIZABLE");
	for (int i = 0; i < 2; i++)
		ask(both[i], COMPARE_SET,
			text("SELECT count(*) FROM %s WHERE k BETWEEN 0 AND %d", name,
				 FEW_KEYS));
	for (int i = 0; i < 2; i++)
		insert_with_few_keys(both[i], table);
	for (int i = 0; i < 2; i++)
		ask(both[i], COMPARE_COMMIT, "COMMIT");
}

/* ----------------------------------------------------------------
 * Settings
 * ----------------------------------------------------------------
 */

static void
choose_parallel(int session)
{
	bool		on = chance(60);

	ask(session, COMPARE_SET,
		text("SET max_parallel_workers_per_gather = %d; "
			 "SET parallel_setup_cost = %d; SET parallel_tuple_cost = %d; "
			 "SET min_parallel_table_scan_size = %d; "
			 "SET min_parallel_index_scan_size = %d; "
			 "SET max_parallel_maintenance_workers = %d", on ? 2 : 0,
			 on ? 0 : 1000, on ? 0 : 1, on ? 0 : 1000, on ? 0 : 1000,
			 on ? 2 : 0));
}

static void
choose_settings(int session)
{
	static const char *const switches[] = {"enable_seqscan",
		"enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan",
		"enable_tidscan", "enable_hashjoin", "enable_mergejoin",
	"enable_nestloop", "enable_sort", "enable_material"};
	static const char *const others[] = {"work_mem = '64kB'",
		"work_mem = '4MB'", "vacuum_freeze_min_age = 0",
		"vacuum_freeze_min_age = 50000000", "maintenance_work_mem = '1MB'",
		"effective_io_concurrency = 0", "effective_io_concurrency = 8",
	"default_toast_compression = pglz"};

	switch (random_below(6))
	{
		case 0:
			choose_parallel(session);
			break;
		case 1:
			/* On heap a setting that means nothing: no query, no snapshot. */
			ask_sides(session, COMPARE_SET,
					  on_store(text("SET eventstore.run_pages = %d",
									1 + random_below(8)), "SET oracle.none = 1"),
					  "SET oracle.none = 1");
			break;
		case 2:
			ask(session, COMPARE_SET,
				text("SET %s", others[random_below(8)]));
			break;
		default:
			ask(session, COMPARE_SET,
				text("SET %s = %s", switches[random_below(10)],
					 chance(60) ? "on" : "off"));
	}
}

/* ----------------------------------------------------------------
 * Steps and rounds
 * ----------------------------------------------------------------
 */

static const Action idle_actions[] =
{
	{"begin", 40, begin},
	{"end prepared", 8, end_prepared},
	{"choose settings", 12, choose_settings},
	{"skew", 3, skew},
	{"storm", 1, begin_storm},
	{"terminate", 1, terminate_session},
	{NULL, 0, NULL}
};

static const Action transaction_actions[] =
{
	{"commit", 40, commit},
	{"rollback", 12, rollback},
	{"savepoint", 25, savepoint},
	{"rollback to", 12, rollback_to},
	{"release", 8, release},
	{"prepare", 8, prepare},
	{"terminate", 3, terminate_session},
	{"choose settings", 5, choose_settings},
	{NULL, 0, NULL}
};

static const Action failed_actions[] =
{
	{"rollback to", 20, rollback_to},
	{"rollback", 6, rollback},
	{"commit", 2, commit},
	{"read", 1, choose_settings},
	{"terminate", 1, terminate_session},
	{NULL, 0, NULL}
};

static void
act(int session, const Action *const lists[])
{
	int			total = 0;
	int			at;

	for (int i = 0; lists[i] != NULL; i++)
		for (const Action *action = lists[i]; action->name != NULL; action++)
			total += action->weight;
	at = random_below(total);
	for (int i = 0; lists[i] != NULL; i++)
		for (const Action *action = lists[i]; action->name != NULL; action++)
			if ((at -= action->weight) < 0)
			{
				action->act(session);
				return;
			}
}

/* A storm and a crash in every round, rare as they are otherwise. */
static void
choose_due_steps(void)
{
	storm_at = random_below(1 + options.steps / 2);
	crash_at = options.steps / 4 + random_below(1 + options.steps / 2);
}

static void
take_step(int number)
{
	static const Action *const idle[] = {idle_actions, maintenance_actions,
		read_actions, write_actions, ddl_actions, alter_actions, upset_actions,
	replica_actions, NULL};
	static const Action *const transaction[] = {transaction_actions,
		read_actions, write_actions, ddl_actions, alter_actions, upset_actions,
	replica_actions, NULL};
	static const Action *const failed[] = {failed_actions, NULL};
	int			session = random_below(options.sessions);

	forget_texts();
	if (number == storm_at)
		begin_storm(session);
	else if (number == crash_at && side_status(session) != PQTRANS_INERROR)
		crash(session);
	else switch (side_status(session))
	{
		case PQTRANS_IDLE:
			act(session, idle);
			break;
		case PQTRANS_INERROR:
			act(session, failed);
			break;
		default:
			act(session, transaction);
	}
	follow_losses();
	for (int i = 0; i < options.sessions; i++)
		follow_end(i);
}

static void
begin_round(void)
{
	forget_texts();
	script_clear(&round_state.script);
	round_state.ntables = 0;
	round_state.next_table = 0;
	round_state.next_name = 0;
	round_state.next_n = 1;
	round_state.next_jump = 0;
	round_state.over = false;
	round_state.unordered = false;
	round_state.stormy = false;
	round_state.held[0] = '\0';
	memset(round_state.lost, 0, sizeof(round_state.lost));
	nprepared = 0;
	memset(depths, 0, sizeof(depths));
	random_seed(options.seed);
	choose_due_steps();
	step_begin_round(options.sessions);
	for (int i = 0; i < MAX_SESSIONS; i++)
		forget_cursors(i, -100);
	for (int i = 0; i < FIRST_TABLES; i++)
		create_table(random_below(options.sessions));
}

static void
end_round(void)
{
	decide_all();

	/* Backwards, since tables that are gone are forgotten on the way. */
	for (int i = round_state.ntables - 1; i >= 0 && !round_state.over; i--)
	{
		Table	   *table = &round_state.tables[i];
		int			session = table->owner >= 0 ? table->owner : table->creator;

		check_whole_table(session, table);
		if (i < round_state.ntables && !round_state.over)
			check_table(session, &round_state.tables[i]);
	}
	if (round_state.over)
		return;
	follow_tables(0);
	compare_changes(0);
}

static void
run_rounds(void)
{
	time_t		end = time(NULL) + options.seconds;
	uint64_t	seed = options.seed;

	while (time(NULL) < end)
	{
		begin_round();
		for (int i = 0; i < options.steps && !round_state.over &&
			 time(NULL) < end; i++)
			take_step(i);
		end_round();
		totals.rounds++;
		options.seed++;
	}
	if (totals.tolerated > 0)
		printf("%ld serialization failures of one side alone, in %ld rounds\n",
			   totals.tolerated, totals.rounds);
	printf("%ld interruptions, %ld crashes, %ld storms, %ld answers of the standby "
		   "(%ld ended by replay), %ld changes decoded\n", totals.interrupted,
		   totals.crashes, totals.storms, totals.followed, totals.conflicts,
		   totals.decoded);
	printf("ok: %ld transactions, %ld statements, %ld comparisons, seed %llu\n",
		   totals.transactions, totals.statements, totals.comparisons,
		   (unsigned long long) seed);
}

/* ----------------------------------------------------------------
 * Options
 * ----------------------------------------------------------------
 */

static void
usage(void)
{
	fprintf(stderr,
			"es_oracle [--host=DIR] [--port=N] [--dbname=NAME]\n"
			"    --seconds=N    how long (60)\n"
			"    --seed=N       of the first round (from the clock)\n"
			"    --sessions=N   at once (4)\n"
			"    --steps=N      in a round (400)\n"
			"    --am=NAME      access method to compare with heap (eventstore)\n"
			"    --replay=FILE  run a script; --reduce: and shorten it\n"
			"    --restart=COMMAND  restarts the server at once; for crashes too\n"
			"    --standby=CONNINFO  of the server; is compared too\n"
			"    --slot=NAME    of test_decoding, made if need be; the same\n"
			"    --verbose      print each step\n");
	exit(2);
}

static void
parse_options(int argc, char **argv)
{
	static const struct option names[] = {
		{"host", required_argument, NULL, 'h'},
		{"port", required_argument, NULL, 'p'},
		{"dbname", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 't'},
		{"seed", required_argument, NULL, 's'},
		{"sessions", required_argument, NULL, 'n'},
		{"steps", required_argument, NULL, 'r'},
		{"am", required_argument, NULL, 'a'},
		{"replay", required_argument, NULL, 'f'},
		{"reduce", no_argument, NULL, 'x'},
		{"restart", required_argument, NULL, 'k'},
		{"standby", required_argument, NULL, 'b'},
		{"slot", required_argument, NULL, 'l'},
		{"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0}
	};
	int			option;

	options.seed = (uint64_t) time(NULL);
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (option)
		{
			case 'h':
				options.host = optarg;
				break;
			case 'p':
				options.port = optarg;
				break;
			case 'd':
				options.dbname = optarg;
				break;
			case 't':
				options.seconds = atoi(optarg);
				break;
			case 's':
				options.seed = strtoull(optarg, NULL, 10);
				break;
			case 'n':
				options.sessions = atoi(optarg);
				break;
			case 'r':
				options.steps = atoi(optarg);
				break;
			case 'a':
				options.am = optarg;
				break;
			case 'f':
				options.replay = optarg;
				break;
			case 'k':
				options.restart = optarg;
				break;
			case 'b':
				options.standby = optarg;
				break;
			case 'l':
				options.slot = optarg;
				break;
			case 'x':
				options.reduce = true;
				break;
			case 'v':
				options.verbose = true;
				break;
			default:
				usage();
		}
	if (optind < argc || options.sessions < 1 ||
		options.sessions > MAX_SESSIONS || options.steps < 1)
		usage();
}

int
main(int argc, char **argv)
{
	parse_options(argc, argv);
	if (options.replay != NULL)
		return script_replay(options.replay);
	printf("seed %llu\n", (unsigned long long) options.seed);
	fflush(stdout);
	run_rounds();
	return 0;
}
