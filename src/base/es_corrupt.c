/*-------------------------------------------------------------------------
 *
 * es_corrupt.c
 *	  The one shape of a corruption error.
 *
 * IDENTIFICATION
 *	  src/base/es_corrupt.c
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/es_corrupt.h"

void
es_report_corruption(Relation rel, BlockNumber block, const char *problem,...)
{
	char		text[256];
	va_list		args;

	va_start(args, problem);
	vsnprintf(text, sizeof(text), problem, args);
	va_end(args);

	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("block %u of relation \"%s\" is damaged",
					block, RelationGetRelationName(rel)),
			 errdetail("%s.", text),
			 errhint("Run eventstore.verify() to list all damage.")));
}
