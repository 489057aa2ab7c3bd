/*-------------------------------------------------------------------------
 *
 * es_oracle.h
 *	  Differential oracle: random transactions on two sides, heap tables on one
 *	  and event tables on the other, every answer compared.
 *
 * A side is a schema with a connection per session.  Both sides get the same
 * statements in the same order, one at a time, so that a session, its
 * transactions, cursors and locks on one side mirror those on the other.
 *
 * Files, each using only those above it:
 *	  es_oracle_answer.c	what a server answers, and how two answers compare
 *	  es_oracle_side.c		connections; one step on both sides
 *	  es_oracle_script.c	steps in a file: writing, replaying, shortening
 *	  es_oracle_round.c		random numbers, the steps so far, the report
 *	  es_oracle_table.c		tables as the generator knows them, columns, values
 *	  es_oracle_ddl.c		definitions: tables, columns, indexes, maintenance
 *	  es_oracle_write.c		rows in
 *	  es_oracle_read.c		rows out, cursors, checks
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
	COMPARE_TERMINATE			/* not a statement: ends the session's backend */
} Compare;

typedef struct Step
{
	int			session;
	Compare		compare;
	char		cursor[16];		/* for COMPARE_DECLARE and _FETCH */
	int			distance;		/* COMPARE_FETCH: rows to move, < 0 backward */
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

extern void answer_ask(PGconn *conn, const char *sql, const char *data,
					   Answer *answer);
extern void answer_clear(Answer *answer);
extern bool answer_failed(const Answer *answer);
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
	VERDICT_DIFFERENT
} Verdict;

extern void side_begin_round(int sessions);
extern Verdict side_run(const Step *step, Answer answers[SIDES],
						PQExpBuffer why);
extern PGTransactionStatusType side_status(int session);
extern char *side_copy_out(const char *sql);
extern bool side_has_amcheck(void);
extern void side_print_setup(FILE *file);

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
} Round;

extern Round round_state;

extern uint64_t random_next(void);
extern void random_seed(uint64_t seed);
extern int	random_below(int n);
extern bool chance(int percent);

extern const char *text(const char *fmt,...) __attribute__((format(printf, 1, 2)));

extern const Answer *ask(int session, Compare compare, const char *sql);
extern const Answer *ask_sides(int session, Compare compare, const char *sql,
							   const char *heap_sql);
extern const Answer *ask_step(Step *step);
extern const char *on_store(const char *sql, const char *heap_sql);

extern Table *table_add(int session);
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

/* in any transaction that has not failed, or outside one; NULL-terminated */
extern const Action ddl_actions[];
extern const Action write_actions[];
extern const Action read_actions[];

/* outside a transaction block only */
extern const Action maintenance_actions[];

#define FEW_KEYS	20

extern void create_table(int session);
extern void insert_with_few_keys(int session, Table *table);

extern void check_table(int session, Table *table);
extern void check_whole_table(int session, Table *table);
extern void forget_cursors(int session, int depth);
extern void release_cursors(int session, int depth);

extern int	session_depth(int session);

#endif							/* ES_ORACLE_H */
