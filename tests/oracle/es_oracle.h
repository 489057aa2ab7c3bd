/*-------------------------------------------------------------------------
 *
 * es_oracle.h
 *	  Differential oracle: random transactions on two sides, heap tables on one
 *	  and event tables on the other, every answer compared.
 *
 * A side is a schema with a connection per session.  Both sides get the same
 * statements in the same order, one at a time, so that a session, its
 * transactions, cursors and locks on one side mirror those on the other.  Only
 * in a storm do the sessions run at once: see es_oracle_queue.c.
 *
 * Files, each using only those above it:
 *	  es_oracle_answer.c	what a server answers, and how two answers compare
 *	  es_oracle_side.c		connections; one statement on both sides
 *	  es_oracle_interrupt.c	statements that are cancelled, ended, killed
 *	  es_oracle_queue.c		statements of all sessions at once
 *	  es_oracle_follow.c	the same tables on a standby and in a slot
 *	  es_oracle_step.c		one step, of whatever kind
 *	  es_oracle_script.c	steps in a file: writing, replaying, shortening
 *	  es_oracle_round.c		random numbers, the steps so far, the report
 *	  es_oracle_table.c		tables as the generator knows them, columns, values
 *	  es_oracle_ddl.c		definitions: tables, indexes, maintenance
 *	  es_oracle_alter.c		columns, constraints, partitions, policies
 *	  es_oracle_write.c		rows in
 *	  es_oracle_read.c		rows out, cursors, checks
 *	  es_oracle_upset.c		cancels, timeouts, crashes
 *	  es_oracle_storm.c		what all sessions do at once
 *	  es_oracle_replica.c	looks at the standby and at the slot
 *	  es_oracle.c			options, transactions, rounds, the report
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle.h
 *-------------------------------------------------------------------------
 */
#ifndef ES_ORACLE_H
#define ES_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "libpq-fe.h"

/*
 * All that libpq's string buffers need of c.h, which would need more of the
 * server's headers and libraries.
 */
#define pg_attribute_printf(f, a) __attribute__((format(printf, f, a)))
#include "pqexpbuffer.h"

#define SIDE_HEAP		0
#define SIDE_STORE		1
#define SIDES			2

/* How an interruption is delivered: "distance" of a step that is cancelled. */
typedef enum Delivery
{
	BY_FUNCTION,				/* pg_cancel_backend() */
	BY_CLIENT,					/* as libpq does it */
	BY_LOCK_TIMEOUT,
	DELIVERIES,
	BY_STATEMENT_TIMEOUT
} Delivery;

/* Key of the advisory lock that pause() and stop points wait for. */
#define STOP_LOCK		"6543210"

#define LOCK_TIMEOUT		"20"
#define STATEMENT_TIMEOUT	"'120s'"

#define MAX_SESSIONS	16
#define MAX_TABLES		24
#define MAX_COLUMNS		48

typedef struct Options
{
	const char *host;
	const char *port;
	const char *dbname;
	const char *am;				/* access method of the store's side */
	const char *replay;			/* script to run instead of random steps */
	const char *restart;		/* command that restarts the server at once;
								 * NULL: no crashes */
	const char *standby;		/* connection string, or NULL */
	const char *slot;			/* logical slot to be made, or NULL */
	uint64_t	seed;
	int			seconds;
	int			sessions;
	int			steps;			/* of a round */
	bool		reduce;			/* shorten the replayed script */
	bool		verbose;
} Options;

extern Options options;

typedef struct Totals
{
	long		transactions;
	long		statements;
	long		comparisons;	/* answers and rows */
	long		tolerated;		/* serialization failures of one side alone */
	long		interrupted;	/* statements that were cancelled or ended */
	long		crashes;
	long		storms;
	long		followed;		/* answers of the standby */
	long		conflicts;		/* transactions there that replay ended */
	long		decoded;		/* changes that the slot sent */
	long		rounds;
} Totals;

extern Totals totals;

extern const char *const side_name[SIDES];

/* ----------------------------------------------------------------
 * Steps
 * ----------------------------------------------------------------
 */

/* How the answers of the two sides must agree.  SQLSTATEs always do. */
typedef enum Compare
{
	COMPARE_SET,				/* same rows in any order */
	COMPARE_ORDER,				/* same rows in the same order */
	COMPARE_CODE,				/* SQLSTATE alone */
	COMPARE_DECLARE,			/* opens a cursor without an order */
	COMPARE_FETCH,				/* moves in one: see es_oracle_side.c */
	COMPARE_COMMIT,				/* commits; a conflict found on heap must be
								 * found on the other side */
	COMPARE_TERMINATE,			/* not a statement: ends the session's backend */

	/* es_oracle_interrupt.c */
	COMPARE_CANCEL,				/* cancelled where it waits, if it does */
	COMPARE_TIMEOUT,			/* the same, by statement_timeout: has to wait */
	COMPARE_END,				/* the same, the session is ended */
	COMPARE_EXPIRE,				/* the session ends by itself afterwards */
	COMPARE_ANYTIME,			/* cancelled after "distance" microseconds;
								 * leaves nothing behind */
	COMPARE_PAUSE,				/* store: cancelled at a stop point, if it comes
								 * there; then heap is cancelled too */
	COMPARE_CRASH,				/* store: may crash at a stop point, or is
								 * killed after "distance" microseconds */
	COMPARE_RESTART,			/* not a statement: the server is restarted */

	/* es_oracle_queue.c */
	COMPARE_STATE,				/* SQLSTATE alone, and no command tag */
	COMPARE_ONCE,				/* done, or a duplicate of another session's */
	COMPARE_JOIN,				/* not a statement: the queued ones run */

	/* es_oracle_follow.c */
	COMPARE_STANDBY,			/* asked on the standby */
	COMPARE_HOLD,				/* the same in a transaction that stays open */
	COMPARE_DECODE				/* not a statement: what the slot sends; with
								 * "distance", in any order */
} Compare;

typedef struct Step
{
	int			session;
	Compare		compare;
	char		cursor[32];		/* for COMPARE_DECLARE and _FETCH; of _PAUSE and
								 * _CRASH the stop point */
	int			distance;		/* COMPARE_FETCH: rows to move, < 0 backward;
								 * others: see there */
	bool		queued;			/* runs at the next COMPARE_JOIN */
	char	   *sql;			/* for the store's side, one line */
	char	   *heap_sql;		/* for the heap's side; NULL: the same */
	char	   *data;			/* COPY .. FROM STDIN: what follows */
} Step;

extern Step *step_make(int session, Compare compare, const char *sql,
					   const char *heap_sql, const char *data);
extern void step_free(Step *step);

/* ----------------------------------------------------------------
 * es_oracle_answer.c
 * ----------------------------------------------------------------
 */

typedef struct Answer
{
	char		code[6];		/* SQLSTATE; 00000 when all went well */
	char	   *message;		/* of an error; else the command tags */
	char	  **rows;			/* columns separated by tabs, NULL is \N */
	int			nrows;
	int			room;
	PGTransactionStatusType status; /* of the session, afterwards */
} Answer;

/* No answer: what a crashed, hanging or ended backend "says". */
#define CODE_LOST		"08006"
#define CODE_CONFLICT	"40001"
#define CODE_TOO_LARGE	"54000"
#define CODE_CANCELED	"57014"
#define CODE_NO_LOCK	"55P03"
#define CODE_DUPLICATE	"23505"

extern bool answer_send(PGconn *conn, const char *sql, Answer *answer);
extern bool answer_is_ready(PGconn *conn, int milliseconds);
extern bool answer_take(PGconn *conn, const char *data, Answer *answer);
extern void answer_collect(PGconn *conn, const char *data, Answer *answer);
extern void answer_ask(PGconn *conn, const char *sql, const char *data,
					   Answer *answer);
extern void answer_clear(Answer *answer);
extern bool answer_failed(const Answer *answer);
extern bool answer_is(const Answer *answer, const char *code);
extern void answers_print(PQExpBuffer out, const Answer answers[SIDES]);
extern bool answers_agree(const Answer *heap, const Answer *store,
						  Compare compare, bool same_sql);
extern bool rows_agree(char **a, int na, char **b, int nb, bool ordered);

/* ----------------------------------------------------------------
 * es_oracle_side.c
 * ----------------------------------------------------------------
 */

typedef enum Verdict
{
	VERDICT_SAME,
	VERDICT_ROLLED_BACK,		/* one side alone could not be serialized; the
								 * session was rolled back on both */
	VERDICT_DIVERGED,			/* the same, at commit: the sides no longer
								 * hold the same rows */
	VERDICT_CRASHED,			/* all sessions are new */
	VERDICT_DIFFERENT
} Verdict;

extern void side_begin_round(int sessions);
extern Verdict side_run(const Step *step, Answer answers[SIDES],
						PQExpBuffer why);
extern Verdict side_compare(const Step *step, Answer answers[SIDES],
							PQExpBuffer why);
extern PGTransactionStatusType side_status(int session);
extern PGconn *side_control(void);
extern PGconn *side_session(int side, int session);
extern const char *side_sql(int side, const Step *step);
extern void side_must(PGconn *conn, const char *sql);
extern void side_flush(void);
extern void side_set_up(PGconn *conn, int side);
extern void side_reopen(int session);
extern void side_reopen_all(void);
extern bool side_has_stop_points(void);
extern char *side_copy_out(const char *sql);
extern bool side_has_amcheck(void);
extern void side_print_setup(FILE *file);

/* ----------------------------------------------------------------
 * es_oracle_interrupt.c, es_oracle_queue.c, es_oracle_follow.c
 * ----------------------------------------------------------------
 */

extern Verdict interrupt_run(const Step *step, Answer answers[SIDES],
							 PQExpBuffer why);

extern void queue_clear(void);
extern void queue_add(const Step *step);
extern Verdict queue_run(Answer answers[SIDES], PQExpBuffer why);

extern void follow_begin_round(void);
extern Verdict follow_run(const Step *step, Answer answers[SIDES],
						  PQExpBuffer why);

/* ----------------------------------------------------------------
 * es_oracle_step.c
 * ----------------------------------------------------------------
 */

extern void step_begin_round(int sessions);
extern Verdict step_run(const Step *step, Answer answers[SIDES],
						PQExpBuffer why);

/* ----------------------------------------------------------------
 * es_oracle_script.c
 * ----------------------------------------------------------------
 */

typedef struct Script
{
	Step	  **steps;
	int			nsteps;
	int			room;
} Script;

extern void script_add(Script *script, Step *step);
extern void script_clear(Script *script);
extern void script_write(const Script *script, FILE *file);
extern void script_write_last(const Script *script, int nsteps, FILE *file);
extern int	script_replay(const char *path);

/* ----------------------------------------------------------------
 * es_oracle_round.c and es_oracle_table.c
 * ----------------------------------------------------------------
 */

#define METHOD_BTREE	0x01
#define METHOD_HASH		0x02
#define METHOD_GIN		0x04
#define METHOD_GIST		0x08
#define METHOD_SPGIST	0x10
#define METHOD_BRIN		0x20

typedef struct Type
{
	const char *name;			/* as format_type() prints it */
	const char *value;			/* of row $i; $c a constant, $s a size */
	const char *probe;			/* condition on column $x, or NULL */
	int			methods;		/* index access methods that take it */
} Type;

typedef struct Column
{
	char		name[64];
	const Type *type;			/* NULL: none that values are made for */
	bool		required;		/* NOT NULL */
	bool		computed;		/* generated: not to be written */
	bool		numbered;		/* by a sequence */
	bool		plain;			/* values stay in the row */
} Column;

typedef struct Columns
{
	int			n;
	Column		column[MAX_COLUMNS];
} Columns;

typedef struct Table
{
	char		name[16];
	int			creator;		/* session */
	int			owner;			/* session of a temporary table; else -1 */
	bool		partitioned;
	int			partitioning;	/* by range, hash or list */
	bool		matview;
	bool		position;		/* has that role; "given" tells whose ids are
								 * the writer's */
	bool		parent;			/* foreign keys may point at it */
	bool		reordered;		/* n no longer ascends with the rows */
	bool		mixed;			/* some of it may be a heap table on the
								 * store's side */
	bool		ingestible;		/* made by create_store */
} Table;

/* The round as the generator sees it. */
typedef struct Round
{
	Script		script;
	Table		tables[MAX_TABLES];
	int			ntables;
	int			next_table;		/* for names, never used again */
	int			next_name;		/* the same for columns and indexes */
	int64_t		next_n;			/* next row's n */
	int			next_jump;		/* of positions, to so many millions */
	bool		over;			/* the sides diverged lawfully */
	char		held[8000];		/* query of the standby's open transaction */
	bool		lost[MAX_SESSIONS]; /* the session is new, take_step has to know */
	bool		unordered;		/* since the last look at the slot: rows came in
								 * any order .. */
	bool		stormy;			/* .. and in any transaction */
} Round;

extern Round round_state;

extern uint64_t random_next(void);
extern void random_seed(uint64_t seed);
extern int	random_below(int n);
extern bool chance(int percent);

extern void forget_texts(void);
extern const char *text(const char *fmt,...) __attribute__((format(printf, 1, 2)));

extern const Answer *ask(int session, Compare compare, const char *sql);
extern const Answer *ask_sides(int session, Compare compare, const char *sql,
							   const char *heap_sql);
extern const Answer *ask_step(Step *step);
extern void ask_later(int session, Compare compare, const char *sql,
					  const char *data);
extern const Answer *ask_with(int session, Compare compare, const char *sql,
							  const char *cursor, int distance);
extern const char *new_name(const char *prefix);
extern const char *pick(const char *const *list, int n);
#define PICK(list)	pick(list, sizeof(list) / sizeof(list[0]))
extern const char *on_store(const char *sql, const char *heap_sql);

extern Table *table_add(int session);
extern const char *partition_bound(const Table *table, int i);
extern Table *table_pick(int session);
extern void table_drop(Table *table);
extern bool table_columns(int session, Table *table, Columns *columns);
extern const Type *type_pick(void);
extern const Column *column_pick(const Columns *columns, bool own);
extern const char *type_default(const Type *type);
extern const char *type_probe(const Type *type, const char *column, int64_t i);
extern int64_t some_n(void);

/* Values for rows: which columns, and an expression for each. */
typedef struct Values
{
	PQExpBufferData columns;	/* "n, k, c1" */
	int			nchosen;
	const Column *chosen[MAX_COLUMNS];
	int			c;				/* constant of the statement */
	int			s;				/* size of the values of "large", in bytes */
	const Column *large;		/* NULL: none can be */
	int			k;				/* values of column k; 0: none but NULL */
	bool		nulls;
	bool		given;			/* event_id by the writer */
	int64_t		referenced;		/* foreign keys: the row before that n */
} Values;

extern void values_choose(Values *values, const Columns *columns);
extern const char *values_row(const Values *values, const char *i);
extern void values_free(Values *values);

/* A statement under construction: a table, its columns, values for n rows. */
typedef struct Write
{
	Table	   *table;
	Columns		columns;
	Values		values;
	int			nrows;
	int64_t		first;			/* n of the first row */
} Write;

extern bool begin_write_to(int session, Table *table, Write *write,
						   int max_rows);
extern bool begin_write(int session, Write *write, int max_rows);
extern const char *insert_into(const Write *write);
extern const char *series(const Write *write);

/* ----------------------------------------------------------------
 * Actions: each does one thing that makes sense in a session's state
 * ----------------------------------------------------------------
 */

typedef struct Action
{
	const char *name;
	int			weight;
	void		(*act) (int session);
} Action;

/* in any transaction that has not failed, or outside one; end: no name */
extern const char *compact_statement(int session);
extern const Action ddl_actions[];
extern const Action alter_actions[];
extern const Action write_actions[];
extern const Action read_actions[];
extern const Action upset_actions[];
extern const Action replica_actions[];

/* outside a transaction block only */
extern const Action maintenance_actions[];

#define FEW_KEYS	20

extern const char *select_list(const Columns *columns, bool all);
extern void storm(void);
extern void crash(int session);
extern void compare_changes(int session);
extern void follow_tables(int session);

extern void create_table(int session);
extern void insert_with_few_keys(int session, Table *table);

extern void check_table(int session, Table *table);
extern void check_whole_table(int session, Table *table);
extern void forget_cursors(int session, int depth);
extern void release_cursors(int session, int depth);

extern int	session_depth(int session);

#endif							/* ES_ORACLE_H */
