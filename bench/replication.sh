# shellcheck shell=bash
#
# What bench/run measures of the WAL's readers: logical decoding, a standby, and
# recovery after a crash.  Sourced by bench/run, after measures.sh.
#
# shellcheck disable=SC2154

restart_server()
{
	in_group pg_ctl -D "$data" -l "$server_log" -m "${1:-fast}" -w -s restart >"$work/pg_ctl.log" 2>&1 ||
		{ tail -n 20 "$server_log"; die "the server does not start again"; }
}

# As many commits of one row as are worth measuring; nothing waits for the disk,
# until all are there.
many_commits()
{
	PGOPTIONS="$PGOPTIONS -c synchronous_commit=off" query "DO \$\$BEGIN FOR i IN 1..$1 LOOP
		INSERT INTO events_$2 (entity_id, event_type, payload) VALUES ('order-' || i % 1000, 'OrderPlaced', '{\"amount\": 1250}');
		COMMIT; END LOOP; END\$\$"
	query "SELECT pg_logical_emit_message(true, 'flush', '')" >"$work/flushed"
}

# ---- decode: a slot reads what was written ----

decoded_rate()
{
	local kind=$1 rows=$2 decoded
	shift 2

	new_table "$kind"
	query 'CHECKPOINT'
	query "DROP PUBLICATION IF EXISTS bench; CREATE PUBLICATION bench FOR TABLE events_$kind"
	query "SELECT pg_create_logical_replication_slot('bench', 'pgoutput')" >"$work/created"
	"$@"
	decoded="FROM pg_logical_slot_peek_binary_changes('bench', NULL, NULL,
		'proto_version', '1', 'publication_names', 'bench') WHERE get_byte(data, 0) = ascii('I')"
	[ "$(query "SELECT count(*) $decoded")" = "$rows" ] || die "the slot has not sent each row once"
	quotient "$rows" "$(seconds_of "SELECT count(*) $decoded")"
	query "SELECT pg_drop_replication_slot('bench')" >"$work/dropped"
}

decoded_copy_rate()
{
	decoded_rate "$1" "$(lines_of "$work/events/$2.copy")" query "$(copy_statement "$1" "$2")"
}

decoded_commits_rate()
{
	decoded_rate "$1" 20000 many_commits 20000 "$1"
}

measure_decode()
{
	local set

	query "ALTER SYSTEM SET wal_level = 'logical'"
	restart_server
	for set in "${sets[@]}"; do
		beside "decode copy $set" rows/s decoded_copy_rate "$set"
	done
	beside "decode single-row commits" rows/s decoded_commits_rate
	query 'ALTER SYSTEM RESET wal_level'
	restart_server
}

# ---- replay: a hot standby has the WAL, and applies it ----

standby()
{
	PGPORT=5433 query "$1"
}

start_standby()
{
	standby_data=$work/data/standby
	in_group pg_basebackup -D "$standby_data" -c fast -X stream -R >"$work/basebackup.log" 2>&1 ||
		{ cat "$work/basebackup.log"; die "no backup for a standby"; }
	echo 'port = 5433' >>"$standby_data/postgresql.conf"
	in_group pg_ctl -D "$standby_data" -l "$work/standby.log" -w -s start >"$work/pg_ctl.log" 2>&1 ||
		{ tail -n 20 "$work/standby.log"; die "the standby does not start"; }
}

stop_standby()
{
	in_group pg_ctl -D "$standby_data" -m fast -w -s stop
	rm -rf "$standby_data"
}

wait_for_standby()
{
	until [ "$(standby "SELECT $1")" = t ]; do
		sleep 0.05
	done
}

# The time is taken in one session of the standby, which looks every millisecond.
replayed_rate()
{
	local kind=$1 rows=$2 end
	shift 2

	new_table "$kind"
	query CHECKPOINT
	end=$(wal_position)
	wait_for_standby "pg_last_wal_replay_lsn() >= '$end'"
	standby 'SELECT pg_wal_replay_pause()' >"$work/paused"
	"$@"
	# what follows a commit that did not wait is flushed, too
	query 'SELECT pg_switch_wal()' >"$work/switched"
	end=$(query 'SELECT pg_current_wal_flush_lsn()')
	wait_for_standby "pg_last_wal_receive_lsn() >= '$end'"
	quotient "$rows" "$(PGPORT=5433 seconds_of "DO \$\$BEGIN
		PERFORM pg_wal_replay_resume();
		WHILE pg_last_wal_replay_lsn() < '$end' LOOP PERFORM pg_sleep(0.001); END LOOP; END\$\$")"
}

replayed_copy_rate()
{
	replayed_rate "$1" "$(lines_of "$work/events/$2.copy")" query "$(copy_statement "$1" "$2")"
}

replayed_commits_rate()
{
	replayed_rate "$1" 100000 many_commits 100000 "$1"
}

measure_replay()
{
	local set

	start_standby
	for set in "${sets[@]}"; do
		beside "replay copy $set" rows/s replayed_copy_rate "$set"
	done
	beside "replay single-row commits" rows/s replayed_commits_rate
	stop_standby
}

# ---- recovery: the server died before the next checkpoint ----

# As the server's log says how long it took, from its first record to its last.
recovered_rate()
{
	local kind=$1 rows=$2 log_lines seconds
	shift 2

	new_table "$kind"
	query CHECKPOINT
	"$@"
	query 'SELECT pg_switch_wal()' >"$work/switched"
	log_lines=$(wc -l <"$server_log")
	restart_server immediate
	seconds=$(tail -n "+$((log_lines + 1))" "$server_log" |
		sed -n 's/.* redo done at .* elapsed: \([0-9.]*\) s$/\1/p')
	quotient "$rows" "$seconds"
}

recovered_copy_rate()
{
	recovered_rate "$1" "$(lines_of "$work/events/$2.copy")" query "$(copy_statement "$1" "$2")"
}

recovered_commits_rate()
{
	recovered_rate "$1" 100000 many_commits 100000 "$1"
}

measure_recovery()
{
	local set

	for set in "${sets[@]}"; do
		beside "recovery of copy $set" rows/s recovered_copy_rate "$set"
	done
	beside "recovery of commits" rows/s recovered_commits_rate
}
