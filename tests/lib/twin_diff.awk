# twin_diff.awk - the differences of two marked protocols, by statement
#
# usage: diff --unified=1000000 HEAP EVENTS | awk -f twin_diff.awk
#
# Prints each statement whose answers differ, then the lines that differ: "-"
# what heap answers, "+" what an event table does.  Without line numbers and
# without what is the same, so the result does not depend on the version of the
# server where both sides do alike.
function statement(   i)
{
	if (printed)
		return
	print (any ? "\n" : "") "  " text[1]
	for (i = 2; i <= n; i++)
		print "  " text[i]
	printed = any = 1
}
# the file names and the one hunk header
FNR <= 3 { next }
# a line of the script: comments and empty lines begin anew, and so does
# whatever follows an answer
/^ > / {
	line = substr($0, 4)
	if (answered || line == "" || line ~ /^--/) {
		n = printed = answered = 0
	}
	if (line != "" && line !~ /^--/)
		text[++n] = line
	next
}
/^[-+]> / { print "the protocols do not fit together: " $0; exit 1 }
/^ / { answered = 1; next }
/^[-+]/ {
	answered = 1
	statement()
	line = substr($0, 1, 1) " " substr($0, 4)
	sub(/[ \t]+$/, "", line)
	print line
}
