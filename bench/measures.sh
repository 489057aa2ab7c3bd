# shellcheck shell=bash
#
# What bench/run measures, and how numbers become a line.
#
# Each measure calls beside(), which takes turns between the two kinds of tables:
# heap, eventstore, heap, eventstore ...  A number is a rate, where more is
# better, or bytes, where less is; the ratio is always eventstore / heap.
#
# shellcheck disable=SC2154,SC2034

query()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"
}

# Seconds that a statement takes, its commit included.
seconds_of()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -c '\timing on' -c "$1" |
		awk '/^Time:/ {print $2 / 1000}'
}

# $1 / $2
quotient()
{
	awk -v a="$1" -v b="$2" 'BEGIN {print a / b}'
}

describe_machine()
{
	local cpu setting

	cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	machine="$(nproc) x ${cpu:-$(uname -m)}, $(uname -sr)"
	server=$(query 'SHOW server_version')
	say "machine:  $machine, $(awk '/^MemTotal/ {printf "%d GB", $2 / 1048576}' /proc/meminfo)"
	say "commit:   $BENCH_COMMIT"
	say "server:   PostgreSQL $server"
	for setting in fsync synchronous_commit full_page_writes wal_level wal_sync_method shared_buffers \
		max_wal_size checkpoint_timeout autovacuum max_parallel_workers_per_gather \
		max_parallel_maintenance_workers maintenance_work_mem data_checksums; do
		say "setting:  $setting = $(query "SHOW $setting")"
	done
	say "runs:     $runs of each, in turns; medians; ratio = eventstore / heap, of each pair of runs"
	say ""
}

# beside NAME UNIT COMMAND [ARGUMENT ...]
#
# Calls COMMAND KIND ARGUMENT ..., which prints one number, for both kinds in
# turns; prints and records the line.
beside()
{
	local name=$1 unit=$2 run numbers=$work/numbers
	shift 2

	: >"$numbers"
	for ((run = 1; run <= runs; run++)); do
		printf '%s %s\n' "$("$1" heap "${@:2}")" "$("$1" eventstore "${@:2}")" >>"$numbers"
	done
	awk -v name="$name" -v unit="$unit" '
		function median(a, n,    i, j, t) {
			for (i = 2; i <= n; i++)
				for (j = i; j > 1 && a[j] < a[j - 1]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
			return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
		}
		NF != 2 { print "eventstore: not two numbers: " $0 > "/dev/stderr"; exit failed = 1 }
		{ heap[NR] = $1; es[NR] = $2; ratio[NR] = $2 / $1 }
		END {
			if (failed)
				exit 1
			h = median(heap, NR); e = median(es, NR); r = median(ratio, NR)
			printf "%s\t%s\t%d\t%.0f\t%.0f\t%.3f\t%.3f\t%.3f\n", name, unit, NR, h, e, r, ratio[1], ratio[NR]
		}' "$numbers" >"$work/line"
	awk -F '\t' '{printf "%-28s %-14s %14s %14s %7.2f %6.2f .. %5.2f\n", $1, $2, $4, $5, $6, $7, $8}' "$work/line"
	printf '%s\t%s\t%s\t%s\t%s\n' "$(date -u +%FT%TZ)" "$BENCH_COMMIT" "$machine" "$server" "$(cat "$work/line")" >&4
}

# ---- tables and events ----

# An empty table with the canonical columns; the same defaults for both.
new_table()
{
	query "DROP TABLE IF EXISTS events_$1"
	if [ "$1" = eventstore ]; then
		query "SELECT eventstore.create_store('events_eventstore')" >"$work/created"
	else
		query "CREATE TABLE events_heap (
			position bigint NOT NULL DEFAULT 0,
			entity_id text NOT NULL,
			version bigint NOT NULL DEFAULT 0,
			event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
			event_type text NOT NULL,
			recorded_at timestamptz NOT NULL DEFAULT now(),
			payload json NOT NULL DEFAULT '{}',
			metadata json NOT NULL DEFAULT '{}') USING heap"
	fi
}

# An hour's orders, for machines without real events.
made_up_events()
{
	awk 'BEGIN {
		srand(1)
		split("OrderPlaced OrderPaid OrderPacked OrderShipped OrderReturned", type, " ")
		for (i = 1; i <= 200000; i++)
			printf "{\"entity_id\":\"order-%d\",\"event_type\":\"%s\",\"timestamp\":\"2024-05-01T%02d:%02d:%02dZ\",\"payload\":{\"amount\":%d,\"currency\":\"EUR\",\"customer\":\"c-%d\",\"lines\":[{\"sku\":\"A-%d\",\"quantity\":%d}]}}\n",
				rand() * 20000, type[1 + int(rand() * 5)], i / 3600 % 24, i / 60 % 60, i % 60,
				rand() * 100000, rand() * 5000, rand() * 1000, 1 + rand() * 5
	}'
}

# Sets "sets" to the names of the events there are: $work/events/NAME.ndjson,
# and as COPY reads them NAME.copy.
make_events()
{
	local file name

	mkdir -p "$work/events"
	for file in "${EVENTS_DIR:-/nonexistent}"/*.ndjson "${EVENTS_DIR:-/nonexistent}"/*.ndjson.zst; do
		[ -e "$file" ] || continue
		name=$(basename "${file%.zst}" .ndjson)
		case $file in
			*.zst) zstd -dcq "$file" >"$work/events/$name.ndjson" ;;
			*) cp "$file" "$work/events/$name.ndjson" ;;
		esac
		# a folder may hold other lines too
		if ! head -n 1 "$work/events/$name.ndjson" | grep -q '"entity_id"'; then
			rm "$work/events/$name.ndjson"
		fi
	done
	ls "$work"/events/*.ndjson >/dev/null 2>&1 || made_up_events >"$work/events/orders.ndjson"
	sets=()
	for file in "$work"/events/*.ndjson; do
		name=$(basename "$file" .ndjson)
		sets+=("$name")
		psql -X -q -v ON_ERROR_STOP=1 -v source="$file" -v target="$work/events/$name.copy" \
			-f "$source/bench/events.sql"
	done
	# the largest, where one set is enough
	largest=$(basename "$(ls -S "$work"/events/*.ndjson | head -n 1)" .ndjson)
}

copy_statement()
{
	echo "COPY events_$1 (entity_id, event_type, recorded_at, payload) FROM '$work/events/$2.copy'"
}

lines_of()
{
	wc -l <"$1"
}

# The largest set in a table, read once: its hint bits are set.
load_table()
{
	new_table "$1"
	query "$(copy_statement "$1" "$largest")"
	query "SELECT count(*) FROM events_$1" >"$work/counted"
	query CHECKPOINT
}

# Transactions a second of 8 clients that run a script; KIND in it is $1.
client_rate()
{
	sed "s/KIND/$1/" "$source/bench/$2.pgbench" >"$work/$2_$1.pgbench"
	pgbench -n -M prepared -c 8 -j 2 -T "$seconds" -f "$work/$2_$1.pgbench" 2>>"$work/pgbench.log" |
		awk '/^tps = / {print $3}'
}

# ---- insert: one row a transaction, each on disk when it returns ----

insert_rate()
{
	new_table "$1"
	query CHECKPOINT
	client_rate "$1" insert
}

measure_insert()
{
	beside "insert, 8 clients" transactions/s insert_rate
}

# ---- copy ----

copy_rate()
{
	new_table "$1"
	query CHECKPOINT
	quotient "$(lines_of "$work/events/$2.copy")" "$(seconds_of "$(copy_statement "$1" "$2")")"
}

measure_copy()
{
	local set

	for set in "${sets[@]}"; do
		beside "copy $set" rows/s copy_rate "$set"
	done
}

# ---- scan: rows in memory, one process ----

scan_rate()
{
	quotient "$(lines_of "$work/events/$largest.copy")" "$(seconds_of "$(printf "$2" "events_$1")")"
}

measure_scan()
{
	load_table heap
	load_table eventstore
	beside "scan count(*)" rows/s scan_rate 'SELECT count(*) FROM %s'
	beside "scan one column" rows/s scan_rate 'SELECT sum(version) FROM %s'
	beside "scan late column" rows/s scan_rate 'SELECT max(recorded_at) FROM %s'
	beside "scan full rows" rows/s scan_rate "COPY %s TO '/dev/null'"
}

# ---- size: all forks of a table after 1000 commits of one row ----

thousand_commits()
{
	local table=events_$1

	yes "INSERT INTO $table (entity_id, event_type, payload) VALUES ('order-17', 'OrderPlaced', '{\"amount\": 1250}');" |
		head -n 1000 >"$work/thousand.sql"
	psql -X -q -v ON_ERROR_STOP=1 -f "$work/thousand.sql"
}

size_of_commits()
{
	new_table "$1"
	thousand_commits "$1"
	query "SELECT sum(pg_relation_size('events_$1', fork)) FROM unnest(ARRAY['main', 'fsm', 'vm', 'init']) fork"
}

size_of_set()
{
	new_table "$1"
	query "$(copy_statement "$1" "$2")"
	query "SELECT pg_table_size('events_$1')"
}

measure_size()
{
	local set runs=1

	beside "size of 1000 commits" bytes size_of_commits
	for set in "${sets[@]}"; do
		beside "size of $set" bytes size_of_set "$set"
	done
}

# ---- fetch: one row by its primary key ----

measure_fetch()
{
	local kind

	for kind in heap eventstore; do
		query "DROP TABLE IF EXISTS keyed_$kind"
		query "CREATE TABLE keyed_$kind (key integer PRIMARY KEY, filler text) USING $kind"
		query "INSERT INTO keyed_$kind SELECT i, md5(i::text) || md5((-i)::text) FROM generate_series(1, 500000) i"
		query "SELECT count(*) FROM keyed_$kind" >"$work/counted"
	done
	query CHECKPOINT
	beside "fetch by key, 8 clients" transactions/s client_rate fetch
}

# ---- ingest: NDJSON against what PostgreSQL's own json makes of it ----

ingest_rate()
{
	local file=$work/events/$2.ndjson sql

	new_table "$1"
	query CHECKPOINT
	if [ "$1" = eventstore ]; then
		sql="SELECT stored FROM eventstore.ingest('events_eventstore', pg_read_file('$file'))"
	else
		sql="INSERT INTO events_heap (entity_id, event_type, recorded_at, payload)
			SELECT j ->> 'entity_id', j ->> 'event_type', (j ->> 'timestamp')::timestamptz, j -> 'payload'
			FROM (SELECT line::json AS j FROM string_to_table(pg_read_file('$file'), E'\n') line WHERE line <> '') s"
	fi
	quotient "$(lines_of "$file")" "$(seconds_of "$sql")"
}

measure_ingest()
{
	local set

	for set in "${sets[@]}"; do
		beside "ingest $set" rows/s ingest_rate "$set"
	done
}

# ---- index: a btree over the largest set ----

index_rate()
{
	query "DROP INDEX IF EXISTS index_$1"
	quotient "$(lines_of "$work/events/$largest.copy")" \
		"$(seconds_of "CREATE INDEX index_$1 ON events_$1 (entity_id, recorded_at)")"
}

measure_index()
{
	load_table heap
	load_table eventstore
	beside "create index" rows/s index_rate
}

# ---- wal: bytes written to it ----

wal_position()
{
	query 'SELECT pg_current_wal_insert_lsn()'
}

wal_since()
{
	query "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$1')"
}

wal_of_commits()
{
	local before

	new_table "$1"
	query CHECKPOINT
	before=$(wal_position)
	thousand_commits "$1"
	wal_since "$before"
}

wal_of_copy()
{
	local before

	new_table "$1"
	query CHECKPOINT
	before=$(wal_position)
	query "$(copy_statement "$1" "$2")"
	wal_since "$before"
}

measure_wal()
{
	local set

	beside "wal of 1000 commits" bytes wal_of_commits
	for set in "${sets[@]}"; do
		beside "wal of copy $set" bytes wal_of_copy "$set"
	done
}
