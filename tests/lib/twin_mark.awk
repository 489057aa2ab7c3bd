# twin_mark.awk - marks the lines of a psql protocol that are its script's
#
# usage: awk -f twin_mark.awk SCRIPT PROTOCOL
#
# With ECHO=all, psql prints the lines that it reads between what they answer.
# These lines are found again in their order and get a leading "> ", all others
# two blanks, so that a difference can be shown with its statement.  Data of
# COPY FROM STDIN are read, but not printed.
#
# Left out: where in the server's source a message was raised.
FNR == NR { script[++lines] = $0; next }
/^LOCATION:  / { next }
{
	# empty lines are not printed, but in quotes
	for (next_line = at + 1; $0 != "" && next_line < lines && script[next_line] == ""; next_line++)
		;
	if (next_line <= lines && $0 == script[next_line])
		at = next_line
	else if (data > at && data < lines && $0 == script[data + 1])
		at = data + 1
	else {
		print "  " $0
		next
	}
	print "> " $0
	if (script[at] ~ /FROM STDIN/ && script[at] !~ /^--/)
		for (data = at + 1; data < lines && script[data] != "\\."; data++)
			;
}
