/*-------------------------------------------------------------------------
 *
 * es_oracle_script.c
 *	  Steps in a file: written after a difference, replayed, shortened.
 *
 * The file is SQL for the store's side.  In front of each statement stands
 * "--@ SESSION COMPARE [CURSOR DISTANCE]", with "+" at SESSION's end if the step
 * is queued and "-" for no CURSOR, then, where the heap's side is asked
 * something else, "--heap STATEMENT".  So psql runs it as it is, if one session
 * is enough to show the difference.
 *
 * Shortening: chunks of steps are left out, large ones first, as long as the
 * last step still differs.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_script.c
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

#define STEP_MARK	"--@ "
#define HEAP_MARK	"--heap "

static const char *const compare_name[] =
{
	[COMPARE_SET] = "set",
	[COMPARE_ORDER] = "order",
	[COMPARE_CODE] = "code",
	[COMPARE_DECLARE] = "declare",
	[COMPARE_FETCH] = "fetch",
	[COMPARE_COMMIT] = "commit",
	[COMPARE_TERMINATE] = "terminate",
	[COMPARE_CANCEL] = "cancel",
	[COMPARE_TIMEOUT] = "timeout",
	[COMPARE_END] = "end",
	[COMPARE_EXPIRE] = "expire",
	[COMPARE_ANYTIME] = "anytime",
	[COMPARE_PAUSE] = "pause",
	[COMPARE_CRASH] = "crash",
	[COMPARE_RESTART] = "restart",
	[COMPARE_STATE] = "state",
	[COMPARE_ONCE] = "once",
	[COMPARE_JOIN] = "join",
	[COMPARE_STANDBY] = "standby",
	[COMPARE_HOLD] = "hold",
	[COMPARE_DECODE] = "decode"
};

#define COMPARES	((int) (sizeof(compare_name) / sizeof(compare_name[0])))

void
script_add(Script *script, Step *step)
{
	if (script->nsteps == script->room)
	{
		script->room = script->room ? script->room * 2 : 256;
		script->steps = realloc(script->steps,
								script->room * sizeof(Step *));
	}
	script->steps[script->nsteps++] = step;
}

void
script_clear(Script *script)
{
	for (int i = 0; i < script->nsteps; i++)
		step_free(script->steps[i]);
	script->nsteps = 0;
}

/* What a report shows of the lines after COPY. */
#define BRIEF_BYTES	300

static void
write_step(const Step *step, bool brief, FILE *file)
{
	fprintf(file, STEP_MARK "%d%s %s", step->session, step->queued ? "+" : "",
			compare_name[step->compare]);
	if (step->cursor[0] != '\0' || step->distance != 0)
		fprintf(file, " %s %d", step->cursor[0] != '\0' ? step->cursor : "-",
				step->distance);
	fputc('\n', file);
	if (step->heap_sql != NULL)
		fprintf(file, HEAP_MARK "%s\n", step->heap_sql);
	fprintf(file, "%s;\n", step->sql);
	if (step->data == NULL)
		return;
	if (brief && strlen(step->data) > BRIEF_BYTES)
		fprintf(file, "%.*s ..\n\\.\n", BRIEF_BYTES, step->data);
	else
		fprintf(file, "%s\\.\n", step->data);
}

/* Write the script, with what psql needs before it. */
void
script_write(const Script *script, FILE *file)
{
	fprintf(file, "-- es_oracle: seed %llu, access method %s\n"
			"-- Again: es_oracle --replay=FILE; shorter: with --reduce too.\n",
			(unsigned long long) options.seed, options.am);
	side_print_setup(file);
	for (int i = 0; i < script->nsteps; i++)
		write_step(script->steps[i], false, file);
}

/* Write its last steps, with little of what follows COPY. */
void
script_write_last(const Script *script, int nsteps, FILE *file)
{
	int			first = script->nsteps > nsteps ? script->nsteps - nsteps : 0;

	for (int i = first; i < script->nsteps; i++)
		write_step(script->steps[i], true, file);
}

static void
bad_script(const char *path, const char *line)
{
	fprintf(stderr, "es_oracle: %s: not understood: %s\n", path, line);
	exit(2);
}

static Step *
parse_mark(const char *path, const char *line)
{
	Step	   *step = calloc(1, sizeof(Step));
	char		mark[4];
	char		name[16];
	int			found;

	found = sscanf(line, STEP_MARK "%3s %15s %31s %d", mark, name,
				   step->cursor, &step->distance);
	step->session = atoi(mark);
	step->queued = strchr(mark, '+') != NULL;
	if (strcmp(step->cursor, "-") == 0)
		step->cursor[0] = '\0';
	if ((found != 2 && found != 4) ||
		step->session < 0 || step->session >= MAX_SESSIONS)
		bad_script(path, line);
	for (int i = 0; i < COMPARES; i++)
		if (strcmp(name, compare_name[i]) == 0)
		{
			step->compare = i;
			return step;
		}
	bad_script(path, line);
	return NULL;
}

/* Takes a step's line of SQL, without its semicolon. */
static char *
parse_sql(const char *line)
{
	size_t		length = strlen(line);

	return strndup(line, length > 0 && line[length - 1] == ';' ?
				   length - 1 : length);
}

static void
read_script(const char *path, Script *script)
{
	FILE	   *file = fopen(path, "r");
	char	   *line = NULL;
	size_t		room = 0;
	ssize_t		length;
	Step	   *step = NULL;
	PQExpBufferData data;

	if (file == NULL)
	{
		perror(path);
		exit(2);
	}
	initPQExpBuffer(&data);
	while ((length = getline(&line, &room, file)) > 0)
	{
		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (strncmp(line, STEP_MARK, strlen(STEP_MARK)) == 0)
		{
			step = parse_mark(path, line);
			script_add(script, step);
			resetPQExpBuffer(&data);
		}
		else if (step == NULL)
			continue;			/* what psql needs before the first step */
		else if (strncmp(line, HEAP_MARK, strlen(HEAP_MARK)) == 0)
			step->heap_sql = strdup(line + strlen(HEAP_MARK));
		else if (step->sql == NULL)
			step->sql = parse_sql(line);
		else if (strcmp(line, "\\.") == 0)
			step->data = strdup(data.data);
		else
			appendPQExpBuffer(&data, "%s\n", line);
	}
	if (step == NULL || step->sql == NULL)
		bad_script(path, "the end");
	termPQExpBuffer(&data);
	free(line);
	fclose(file);
}

/*
 * Run the steps that are not NULL in a new round.  Returns the number of the one
 * that differs, or -1.  Says which and how to "out".
 */
static int
run_script(Step *const *steps, int nsteps, PQExpBuffer out)
{
	int			differs = -1;
	int			nsessions = 1;

	for (int i = 0; i < nsteps; i++)
		if (steps[i] != NULL && steps[i]->session >= nsessions)
			nsessions = steps[i]->session + 1;
	step_begin_round(nsessions);
	for (int i = 0; i < nsteps && differs < 0; i++)
	{
		Answer		answers[SIDES];
		Verdict		verdict;

		if (steps[i] == NULL)
			continue;
		verdict = step_run(steps[i], answers, out);
		if (verdict == VERDICT_DIFFERENT)
		{
			differs = i;
			appendPQExpBuffer(out, "%s\n", steps[i]->sql);
			answers_print(out, answers);
		}
		for (int side = 0; side < SIDES; side++)
			answer_clear(&answers[side]);
		if (verdict == VERDICT_DIVERGED)
			break;
	}
	return differs;
}

/* Leave out steps that the difference of the last one does not need. */
static void
reduce(Script *script, PQExpBuffer out)
{
	int			last = script->nsteps - 1;

	for (int chunk = (last + 1) / 2; chunk > 0; chunk /= 2)
		for (int at = 0; at < last; at += chunk)
		{
			int			n = at + chunk > last ? last - at : chunk;
			Step	   *held[n];

			memcpy(held, script->steps + at, n * sizeof(Step *));
			memset(script->steps + at, 0, n * sizeof(Step *));
			resetPQExpBuffer(out);
			if (run_script(script->steps, script->nsteps, out) != last)
				memcpy(script->steps + at, held, n * sizeof(Step *));
			else
			{
				/* Close the gap; what follows it is at "at" now. */
				memmove(script->steps + at, script->steps + at + n,
						(script->nsteps - at - n) * sizeof(Step *));
				script->nsteps -= n;
				last -= n;
				at -= chunk;
				for (int i = 0; i < n; i++)
					step_free(held[i]);
				fprintf(stderr, "es_oracle: %d steps left\n", script->nsteps);
			}
		}
	resetPQExpBuffer(out);
	run_script(script->steps, script->nsteps, out);
}

/*
 * Replay a script, and shorten it if the options say so: what is left goes to
 * standard output.  Returns the program's exit status.
 */
int
script_replay(const char *path)
{
	Script		script = {0};
	PQExpBufferData out;
	int			differs;

	read_script(path, &script);
	initPQExpBuffer(&out);
	differs = run_script(script.steps, script.nsteps, &out);
	if (differs < 0)
	{
		printf("no difference in %d steps\n", script.nsteps);
		return 0;
	}
	while (script.nsteps > differs + 1)
		step_free(script.steps[--script.nsteps]);
	if (options.reduce)
	{
		reduce(&script, &out);
		script_write(&script, stdout);
	}
	fprintf(stderr, "difference at step %d\n%s", script.nsteps, out.data);
	termPQExpBuffer(&out);
	script_clear(&script);
	return 1;
}
