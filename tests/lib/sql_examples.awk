# sql_examples.awk - the SQL examples of a Markdown page as one psql script
#
# usage: awk -v name=README.md -f sql_examples.awk README.md
#
# Takes the blocks that begin with ```sql; they run in order, in one session,
# and the script ends at the first error.  A block that begins with ```sql error
# must fail: its last statement is the one looked at.  Each block is announced
# by "name:line", so that the last one printed is the one that failed.

/^[ \t]*```/ {
	if (inside) {
		if (must_fail) {
			print "\\if :ERROR"
			print "\\set ON_ERROR_STOP on"
			print "\\else"
			print "\\set ON_ERROR_STOP on"
			printf "DO $$ BEGIN RAISE EXCEPTION '%s:%d: this example must fail, and did not'; END $$;\n", name, first
			print "\\endif"
		}
		inside = 0
		next
	}
	if (!other && $0 ~ /^[ \t]*```sql([ \t]|$)/) {
		inside = 1
		first = NR
		must_fail = ($2 == "error")
		print "\\echo " name ":" NR
		print "\\set ON_ERROR_STOP " (must_fail ? "off" : "on")
		next
	}
	other = !other
	next
}
inside { print }
END {
	if (inside || other) {
		printf "%s: a block is not closed\n", name > "/dev/stderr"
		exit 1
	}
}
