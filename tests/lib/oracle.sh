# shellcheck shell=bash
#
# The stage "oracle": a server with a standby and a logical slot, and random
# transactions on it, every answer compared with a heap table's.  Sourced by
# tests/run after stages.sh.
#
# Environment: ORACLE_SECONDS, how long (60); ORACLE_SETTINGS, further lines for
# the servers' postgresql.conf.
#
# shellcheck disable=SC2154

# The settings of both servers.  Timed checkpoints would come between the two
# sides, which a crash could show in sequences.
write_oracle_settings()
{
	cat "$source/tests/regress.conf" - >"$1" <<-END
		checkpoint_timeout = 1d
		max_wal_size = 2GB
		wal_keep_size = 1GB
		logical_decoding_work_mem = 64kB
		${ORACLE_SETTINGS:-}
	END
}

# A standby of the server that runs, on the next port in the same folder.
start_oracle_standby()
{
	standby=$work/data/oracle_standby
	standby_log=$work/oracle_standby.log
	in_group pg_basebackup -D "$standby" -R -c fast -X stream >"$work/basebackup.log" 2>&1 ||
		{ cat "$work/basebackup.log"; return 1; }
	cat >>"$standby/postgresql.conf" <<-END
		port = 5433
		max_standby_streaming_delay = 200ms
		wal_retrieve_retry_interval = 20ms
	END
	in_group pg_ctl -D "$standby" -l "$standby_log" -w -s start >"$work/pg_ctl.log" 2>&1 ||
		{ cat "$work/pg_ctl.log"; tail -n 20 "$standby_log"; return 1; }
}

stop_oracle_standby()
{
	in_group pg_ctl -D "$standby" -m fast -w -s stop >"$work/pg_ctl.log" 2>&1 ||
		{ cat "$work/pg_ctl.log"; tail -n 20 "$standby_log"; return 1; }
	if grep -E 'PANIC:|TRAP:|was terminated by signal' "$standby_log"; then
		say "The standby crashed; the end of its log:"
		tail -n 40 "$standby_log"
		return 1
	fi
}

stage_oracle()
{
	local program=$work/es_oracle settings=$work/oracle.conf slot=() result=0 file

	[ -e "$source/tests/oracle/es_oracle.c" ] || return 0
	# its libpq is the one of PG_CONFIG also where that is not the system's
	if ! LD_RUN_PATH=$("$PG_CONFIG" --libdir) in_group make -f "$source/tests/oracle/Makefile" \
		PG_CONFIG="$PG_CONFIG" OUT="$work" >"$work/oracle_build.log" 2>&1; then
		flunk "the oracle does not build" "$work/oracle_build.log"
		return 1
	fi
	need_server || return 1
	write_oracle_settings "$settings"
	start_server oracle "$settings" || return 1
	createdb oracle && psql -X -q -d oracle -c 'CREATE EXTENSION eventstore' || return 1
	start_oracle_standby || return 1
	[ ! -e "$root$("$PG_CONFIG" --pkglibdir)/test_decoding.so" ] || slot=(--slot=oracle)

	in_group logged "$work/oracle.log" "$program" --seconds="${ORACLE_SECONDS:-60}" \
		--host="$socket" --port=5432 --dbname=oracle \
		--restart="pg_ctl -D $data -l $server_log -w -s -m immediate restart" \
		--standby="host=$socket port=5433 dbname=oracle" "${slot[@]}" "$@" || result=1
	stop_oracle_standby || result=1
	# killing backends is part of the test
	stop_server 'PANIC:|TRAP:|was terminated by signal ([^9]|9[^:])' || result=1
	if [ $result = 0 ]; then
		pass "oracle"
	else
		flunk "oracle" "$server_log"
		for file in "$work"/es_oracle-*.sql; do
			[ ! -e "$file" ] || say "KEEP=1 keeps ${file##*/}."
		done
	fi
	return $result
}
