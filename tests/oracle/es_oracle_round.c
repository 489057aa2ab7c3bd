/*-------------------------------------------------------------------------
 *
 * es_oracle_round.c
 *	  A round: its random numbers, its steps so far, and the report when the
 *	  sides differ.
 *
 * All that is random comes from the round's seed, and the answers that later
 * steps depend on are the same on every run: the seed alone repeats a round.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_round.c
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

/* Steps that the report shows; the file has all of the round. */
#define REPORTED_STEPS	25

Round		round_state;

static uint64_t random_state;

void
random_seed(uint64_t seed)
{
	random_state = seed;
}

/* splitmix64 */
uint64_t
random_next(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

int
random_below(int n)
{
	return random_next() % n;
}

bool
chance(int percent)
{
	return random_below(100) < percent;
}

/* what text() made since forget_texts() */
typedef struct Text
{
	struct Text *next;
	char		string[];
} Text;

static Text *texts;

/* A formatted string; valid until forget_texts(). */
const char *
text(const char *fmt,...)
{
	Text	   *made;
	va_list		args;
	int			length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);

	made = malloc(sizeof(Text) + length + 1);
	if (made == NULL)
		abort();
	va_start(args, fmt);
	vsnprintf(made->string, length + 1, fmt, args);
	va_end(args);
	made->next = texts;
	texts = made;
	return made->string;
}

/* Called between steps only: a step asks, and what it asks may become steps. */
void
forget_texts(void)
{
	while (texts != NULL)
	{
		Text	   *next = texts->next;

		free(texts);
		texts = next;
	}
}

/* A name for a column or an index, never used again in the round. */
const char *
new_name(const char *prefix)
{
	return text("%s%d", prefix, ++round_state.next_name);
}

/* One of a list's strings, by PICK(). */
const char *
pick(const char *const *list, int n)
{
	return list[random_below(n)];
}

/*
 * What the store's side is asked: without event tables, there to try the oracle
 * itself, the same as the heap's.
 */
const char *
on_store(const char *sql, const char *heap_sql)
{
	return strcmp(options.am, "heap") == 0 ? heap_sql : sql;
}

/* Write the round to a file, tell what happened, and end the program. */
static void
report(const Answer answers[SIDES], const char *why)
{
	const Script *script = &round_state.script;
	const char *path = text("es_oracle-%llu.sql",
							(unsigned long long) options.seed);
	FILE	   *file = fopen(path, "w");
	PQExpBufferData out;

	if (file != NULL)
	{
		script_write(script, file);
		fclose(file);
	}
	fprintf(stderr, "-- the last of %d steps\n", script->nsteps);
	script_write_last(script, REPORTED_STEPS, stderr);

	initPQExpBuffer(&out);
	answers_print(&out, answers);
	fprintf(stderr, "\ndifference: seed %llu, session %d\n%s%s",
			(unsigned long long) options.seed,
			script->steps[script->nsteps - 1]->session, why, out.data);
	if (file != NULL)
		fprintf(stderr, "all steps are in %s\n", path);
	else
		perror(path);
	exit(1);
}

static void
print_step(const Step *step, const Answer *answer)
{
	printf("%d: %.300s -> %s %d\n", step->session, step->sql, answer->code,
		   answer->nrows);
	fflush(stdout);
}

/*
 * Run a step, which the round owns from here on.  Returns the heap's answer,
 * valid until the next step.  A difference ends the program.
 */
const Answer *
ask_step(Step *step)
{
	static Answer answers[SIDES];
	PQExpBufferData why;

	for (int side = 0; side < SIDES; side++)
		answer_clear(&answers[side]);
	script_add(&round_state.script, step);
	initPQExpBuffer(&why);
	switch (step_run(step, answers, &why))
	{
		case VERDICT_SAME:
		case VERDICT_ROLLED_BACK:
			if (step->compare == COMPARE_TERMINATE ||
				step->compare == COMPARE_END || step->compare == COMPARE_EXPIRE)
				round_state.lost[step->session] = true;
			break;
		case VERDICT_CRASHED:
			for (int i = 0; i < options.sessions; i++)
				round_state.lost[i] = true;
			break;
		case VERDICT_DIVERGED:
			round_state.over = true;
			break;
		case VERDICT_DIFFERENT:
			report(answers, why.data);
	}
	termPQExpBuffer(&why);
	if (options.verbose)
		print_step(step, &answers[SIDE_HEAP]);
	return &answers[SIDE_HEAP];
}

const Answer *
ask_sides(int session, Compare compare, const char *sql, const char *heap_sql)
{
	return ask_step(step_make(session, compare, sql, heap_sql, NULL));
}

/* Queue a statement, to run at the next "join". */
void
ask_later(int session, Compare compare, const char *sql, const char *data)
{
	Step	   *step = step_make(session, compare, sql, NULL, data);

	step->queued = true;
	ask_step(step);
}

/* With the step's "cursor", if not NULL, and its "distance". */
const Answer *
ask_with(int session, Compare compare, const char *sql, const char *cursor,
		 int distance)
{
	Step	   *step = step_make(session, compare, sql, NULL, NULL);

	if (cursor != NULL)
		strcpy(step->cursor, cursor);
	step->distance = distance;
	return ask_step(step);
}

const Answer *
ask(int session, Compare compare, const char *sql)
{
	return ask_sides(session, compare, sql, NULL);
}
