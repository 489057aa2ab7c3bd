# dpkg_events.awk - what dpkg did on this machine, one JSON event a line
#
# usage: awk -f dpkg_events.awk FILE
#
# Each line is a time in RFC 3339, a tab, and the rest of a line of
# /var/log/dpkg.log (its time taken off):
#
#	install PACKAGE OLD NEW			also upgrade, configure, trigproc,
#									disappear, remove, purge
#	status STATE PACKAGE VERSION
#	conffile FILE DECISION
#	startup TYPE COMMAND
#
# The entity is the package (with its architecture), the configuration file, or
# dpkg itself; the type of the event is the action or the state.
function quoted(text)
{
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	gsub(/[\001-\037]/, " ", text)
	return "\"" text "\""
}
function event(entity, type, payload)
{
	printf "{\"entity_id\":%s,\"event_type\":%s,\"timestamp\":\"%s\",\"payload\":{%s}}\n",
		quoted(entity), quoted(type), time, payload
}
BEGIN { FS = "\t" }
NF == 2 {
	time = $1
	n = split($2, word, " ")
	if (word[1] == "startup" && n == 3)
		event("dpkg", "startup", "\"type\":" quoted(word[2]) ",\"command\":" quoted(word[3]))
	else if (word[1] == "status" && n == 4)
		event(word[3], word[2], "\"version\":" quoted(word[4]))
	else if (word[1] == "conffile" && n == 3)
		event(word[2], "conffile", "\"decision\":" quoted(word[3]))
	else if (n == 4)
		event(word[2], word[1], "\"old_version\":" quoted(word[3]) ",\"new_version\":" quoted(word[4]))
}
