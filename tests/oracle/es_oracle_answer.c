/*-------------------------------------------------------------------------
 *
 * es_oracle_answer.c
 *	  What a server answers, and how two answers compare.
 *
 * An answer is text: rows as COPY would print them, but for escapes.  It does
 * not hold what may lawfully differ between the sides, such as an error's detail
 * with a row's address.
 *
 * IDENTIFICATION
 *	  tests/oracle/es_oracle_answer.c
 *-------------------------------------------------------------------------
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "es_oracle.h"

/* Longer than the sessions' statement_timeout: a statement that ignores it. */
#define ANSWER_SECONDS	150

/* What a printed answer shows of its rows. */
#define PRINTED_ROWS	5
#define PRINTED_BYTES	200

static bool
wait_for_result(PGconn *conn)
{
	struct pollfd fd;

	fd.fd = PQsocket(conn);
	fd.events = POLLIN;
	while (PQisBusy(conn))
	{
		if (poll(&fd, 1, ANSWER_SECONDS * 1000) == 0)
			return false;
		if (!PQconsumeInput(conn))
			break;
	}
	return true;
}

static void
add_row(Answer *answer, char *row)
{
	if (answer->nrows == answer->room)
	{
		answer->room = answer->room ? answer->room * 2 : 16;
		answer->rows = realloc(answer->rows,
							   answer->room * sizeof(char *));
	}
	answer->rows[answer->nrows++] = row;
}

static void
add_result_rows(Answer *answer, const PGresult *result)
{
	int			ncolumns = PQnfields(result);

	for (int i = 0; i < PQntuples(result); i++)
	{
		PQExpBufferData row;

		initPQExpBuffer(&row);
		for (int j = 0; j < ncolumns; j++)
		{
			if (j > 0)
				appendPQExpBufferChar(&row, '\t');
			appendPQExpBufferStr(&row, PQgetisnull(result, i, j) ?
								 "\\N" : PQgetvalue(result, i, j));
		}
		add_row(answer, row.data);
	}
}

static void
add_copied_rows(Answer *answer, PGconn *conn)
{
	char	   *line;
	int			length;

	while ((length = PQgetCopyData(conn, &line, 0)) > 0)
	{
		add_row(answer, strndup(line, length - (line[length - 1] == '\n')));
		PQfreemem(line);
	}
}

static void
put_error(Answer *answer, const char *code, const char *message)
{
	strncpy(answer->code, code, 5);
	free(answer->message);
	answer->message = strdup(message);
}

static void
add_tag(Answer *answer, const char *tag)
{
	char	   *tags;
	size_t		length = strlen(answer->message);

	if (answer_failed(answer))
		return;
	tags = malloc(length + strlen(tag) + 2);
	sprintf(tags, "%s%s%s", answer->message, length ? " " : "", tag);
	free(answer->message);
	answer->message = tags;
}

static void
take_result(PGconn *conn, PGresult *result, const char *data, Answer *answer)
{
	const char *code;

	switch (PQresultStatus(result))
	{
		case PGRES_COPY_IN:
			if (data != NULL)
				PQputCopyData(conn, data, strlen(data));
			PQputCopyEnd(conn, data ? NULL : "no data");
			break;
		case PGRES_COPY_OUT:
			add_copied_rows(answer, conn);
			break;
		case PGRES_TUPLES_OK:
		case PGRES_SINGLE_TUPLE:
			add_result_rows(answer, result);
			add_tag(answer, PQcmdStatus(result));
			break;
		case PGRES_COMMAND_OK:
		case PGRES_EMPTY_QUERY:
			add_tag(answer, PQcmdStatus(result));
			break;
		default:
			code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
			if (code != NULL && PQstatus(conn) == CONNECTION_OK)
				put_error(answer, code,
						  PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
			else
				put_error(answer, CODE_LOST, PQresultErrorMessage(result));
	}
}

/* Send a statement.  false: it could not be, which is then the answer. */
bool
answer_send(PGconn *conn, const char *sql, Answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	strcpy(answer->code, "00000");
	answer->message = strdup("");
	if (PQsendQuery(conn, sql))
		return true;
	put_error(answer, CODE_LOST, PQerrorMessage(conn));
	answer->status = PQtransactionStatus(conn);
	return false;
}

/* Wait so long for something to take.  true: the next take will not wait. */
bool
answer_is_ready(PGconn *conn, int milliseconds)
{
	struct pollfd fd;

	if (!PQisBusy(conn))
		return true;
	fd.fd = PQsocket(conn);
	fd.events = POLLIN;
	if (poll(&fd, 1, milliseconds) > 0 && !PQconsumeInput(conn))
		return true;
	return !PQisBusy(conn);
}

/* Take the next part of the answer.  false: that was all. */
bool
answer_take(PGconn *conn, const char *data, Answer *answer)
{
	PGresult   *result = PQgetResult(conn);

	if (result != NULL)
	{
		take_result(conn, result, data, answer);
		PQclear(result);
		return true;
	}
	answer->status = PQtransactionStatus(conn);
	return false;
}

/* Collect all that comes back. */
void
answer_collect(PGconn *conn, const char *data, Answer *answer)
{
	do
	{
		if (!wait_for_result(conn))
		{
			put_error(answer, CODE_LOST, "no answer for a long time");
			answer->status = PQtransactionStatus(conn);
			break;
		}
	} while (answer_take(conn, data, answer));
}

/*
 * Send a statement, with what follows COPY .. FROM STDIN if not NULL, and
 * collect all that comes back.  Any answer that was there before is lost:
 * clear it first.
 */
void
answer_ask(PGconn *conn, const char *sql, const char *data, Answer *answer)
{
	if (answer_send(conn, sql, answer))
		answer_collect(conn, data, answer);
}

void
answer_clear(Answer *answer)
{
	for (int i = 0; i < answer->nrows; i++)
		free(answer->rows[i]);
	free(answer->rows);
	free(answer->message);
	memset(answer, 0, sizeof(*answer));
}

bool
answer_failed(const Answer *answer)
{
	return strcmp(answer->code, "00000") != 0;
}

bool
answer_is(const Answer *answer, const char *code)
{
	return strcmp(answer->code, code) == 0;
}

/*
 * What both sides said, and their rows from the first that differs on; of that
 * one the part that does.
 */
void
answers_print(PQExpBuffer out, const Answer answers[SIDES])
{
	const Answer *heap = &answers[SIDE_HEAP];
	const Answer *store = &answers[SIDE_STORE];
	int			first = 0;
	int			at = 0;

	while (first < heap->nrows && first < store->nrows &&
		   strcmp(heap->rows[first], store->rows[first]) == 0)
		first++;
	if (first < heap->nrows && first < store->nrows)
		while (heap->rows[first][at] == store->rows[first][at])
			at++;
	at = at < PRINTED_BYTES / 2 ? 0 : at - PRINTED_BYTES / 2;
	for (int side = 0; side < SIDES; side++)
	{
		const Answer *answer = &answers[side];

		appendPQExpBuffer(out, "%s: %s %s, %d rows; from row %d on:\n",
						  side_name[side], answer->code,
						  answer->message ? answer->message : "",
						  answer->nrows, first + 1);
		for (int i = first; i < answer->nrows && i < first + PRINTED_ROWS; i++)
			appendPQExpBuffer(out, "    %.*s\n", PRINTED_BYTES,
							  answer->rows[i] + (i == first ? at : 0));
	}
}

static int
compare_rows(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sorts the rows of both in place unless "ordered". */
bool
rows_agree(char **a, int na, char **b, int nb, bool ordered)
{
	if (na != nb)
		return false;
	totals.comparisons += na;
	if (!ordered && na > 1)
	{
		qsort(a, na, sizeof(char *), compare_rows);
		qsort(b, nb, sizeof(char *), compare_rows);
	}
	for (int i = 0; i < na; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

/*
 * Do the answers of the two sides agree?  Messages and tags are compared when
 * both sides were asked the same; but that of a row too large has sizes in it.
 */
bool
answers_agree(const Answer *heap, const Answer *store, Compare compare,
			  bool same_sql)
{
	totals.comparisons++;
	if (compare == COMPARE_ONCE && strcmp(heap->code, store->code) != 0)
		return heap->status == store->status &&
			(!answer_failed(heap) || answer_is(heap, CODE_DUPLICATE)) &&
			(!answer_failed(store) || answer_is(store, CODE_DUPLICATE));
	if (strcmp(heap->code, store->code) != 0 || heap->status != store->status)
		return false;
	if (compare == COMPARE_STATE || compare == COMPARE_ONCE)
		return true;
	if (same_sql && strcmp(heap->code, CODE_TOO_LARGE) != 0 &&
		strcmp(heap->message, store->message) != 0)
		return false;
	if (compare == COMPARE_CODE)
		return true;
	if (compare == COMPARE_FETCH)
		return heap->nrows == store->nrows;
	return rows_agree(heap->rows, heap->nrows, store->rows, store->nrows,
					  compare == COMPARE_ORDER);
}
