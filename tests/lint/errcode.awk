# errcode.awk - finds calls of ereport() without an errcode
#
# usage: awk -f errcode.awk FILES
#
# A call ends where its parentheses are balanced; comments and strings may hold
# parentheses and do not count.
function strip(line,    out, c, two, i)
{
	out = ""
	for (i = 1; i <= length(line); i++) {
		two = substr(line, i, 2)
		c = substr(line, i, 1)
		if (comment) {
			if (two == "*/") { comment = 0; i++ }
		} else if (string) {
			if (c == "\\") i++
			else if (c == "\"") string = 0
		} else if (two == "/*") { comment = 1; i++ }
		else if (c == "\"") string = 1
		else out = out c
	}
	return out
}
FNR == 1 { comment = string = depth = 0; call = "" }
{
	text = strip($0)
	if (depth == 0) {
		at = match(text, /(^|[^A-Za-z0-9_])ereport(_domain)?\(/)
		if (at == 0 || text ~ /^[ \t]*#[ \t]*define/)
			next
		text = substr(text, RSTART + RLENGTH - 1)
		call = ""
		first = FNR
	}
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		if (c == "(") depth++
		else if (c == ")" && --depth == 0) break
	}
	call = call substr(text, 1, i)
	if (depth == 0 && call !~ /errcode/)
		printf "%s:%d: ereport without errcode\n", FILENAME, first
}
