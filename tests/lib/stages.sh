# shellcheck shell=bash
#
# The stages of tests/run.  A stage prints what it does, adds to the three
# counts, and returns nonzero when anything failed, after the reason; if it has
# then counted no failure, its caller counts one.  A folder without tests is an
# empty stage.
#
# shellcheck disable=SC2154,SC2164

passed=0 failed=0 skipped=0

pass()
{
	passed=$((passed + 1))
	say "ok - $*"
}

# One test failed: its name, then the files that say why (their ends).
flunk()
{
	failed=$((failed + 1))
	explain "$@"
}

explain()
{
	local name=$1 file
	shift

	say "not ok - $name"
	for file in "$@"; do
		[ ! -s "$file" ] || { say "-- end of ${file##*/}:"; tail -n 60 "$file"; }
	done
}

# Adds up the lines of a test protocol: TAP, or what pg_regress prints in 15.
# Indented TAP lines belong to subtests, which their parent line counts.
count_results()
{
	local counts

	counts=$(awk '
		/^ok .*# SKIP/ || /^1\.\.0 # SKIP/ { skipped++; next }
		/^ok / || / \.\.\. ok  *[0-9]+ ms$/ { passed++; next }
		/^not ok / || / \.\.\. FAILED/ { failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$1")
	# shellcheck disable=SC2086
	set -- $counts
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# Builds with assertions and stop points and installs that, once.
need_server()
{
	[ -z "${server_ready:-}" ] || return 0
	# shellcheck disable=SC2086
	if ! build "$work/build" TESTING=1 ${SANITIZE:+SANITIZE=1}; then
		flunk "build for the tests" "$work/build/make.log"
		return 1
	fi
	copy_server || { say "could not copy the server"; return 1; }
	if ! install_build "$work/build"; then
		flunk "install" "$work/build/install.log"
		return 1
	fi
	server_ready=1
}

# ---- build: without a warning, and nothing exported that need not be ----

stage_build()
{
	local so=$work/build/eventstore.so clang exported

	need_server || return 1
	pass "gcc, with assertions and stop points; install"

	exported=$(nm -D --defined-only "$so" | awk '{print $NF}' |
		grep -vxE 'Pg_magic_func|_PG_init|(pg_finfo_)?eventstore_[a-z0-9_]+' || true)
	if [ -n "$exported" ]; then
		flunk "exported symbols"
		say "$exported"
		return 1
	fi
	pass "exported symbols"

	if ! build "$work/build_gcc" WERROR=1; then
		flunk "gcc, as users build it" "$work/build_gcc/make.log"
		return 1
	fi
	pass "gcc, as users build it"

	# the server's own clang is there with Debian's packages, under a name with a version
	clang=$(sed -n 's/^CLANG *= *//p' "$pgxs_src/Makefile.global")
	clang=$(command -v "${clang:-clang}" || command -v clang || true)
	if [ -z "$clang" ]; then
		skipped=$((skipped + 1))
		say "skipped - clang, as users build it: there is no clang"
	elif ! build "$work/build_clang" WERROR=1 CC="$clang" CXX="${clang/clang/clang++}"; then
		flunk "clang, as users build it" "$work/build_clang/make.log"
		return 1
	else
		pass "clang, as users build it"
	fi
	rm -rf "$work/build_gcc" "$work/build_clang"
}

# ---- lint: conventions of the source ----

stage_lint()
{
	local result=0

	in_group logged "$work/lint.log" \
		make -s --no-print-directory -C "$source" PG_CONFIG="$PG_CONFIG" lint || result=1
	count_results "$work/lint.log"
	return $result
}

# ---- unit: C programs without a server, which print TAP ----

# A test names what it is linked with in its head: "Links: src/a/b.c -lc".  It
# runs with the sanitizers, which stop it at once.
build_unit_test()
{
	local file=$1 folder=$2 word object
	local sanitize="-fsanitize=address,undefined"
	local flags=(-g -O1 -Wall -Wextra -Werror -Wno-unused-parameter -fno-strict-aliasing -fwrapv
		"$sanitize" -fno-sanitize-recover=undefined
		-I"$source/src" -I"$("$PG_CONFIG" --includedir-server)")
	local objects=() libraries=()

	mkdir -p "$folder"
	for word in "$file" $(sed -n 's/^.*Links: *//p' "$file"); do
		object=$folder/$(basename "$word").o
		case $word in
			*.c)
				gcc "${flags[@]}" -c "$word" -o "$object" || return 1
				objects+=("$object")
				;;
			*.cpp)
				g++ "${flags[@]}" -std=c++17 -c "$word" -o "$object" || return 1
				objects+=("$object")
				;;
			*)
				libraries+=("$word")
				;;
		esac
	done
	g++ "$sanitize" "${objects[@]}" -o "$folder/test" "${libraries[@]}"
}

stage_unit()
{
	local file name folder

	cd "$source"
	for file in tests/unit/*.c; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .c)
		[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
		folder=$work/unit/$name
		mkdir -p "$folder"
		if ! in_group build_unit_test "$file" "$folder" >"$folder/build.log" 2>&1; then
			flunk "unit $name does not build" "$folder/build.log"
			return 1
		fi
		if ! in_group "$folder/test" >"$folder/out" 2>"$folder/err"; then
			count_results "$folder/out"
			awk '/^(not )?ok/ { bad = /^not/ } bad || !/^ok/' "$folder/out" >"$folder/failed"
			explain "unit $name" "$folder/failed" "$folder/err"
			return 1
		fi
		count_results "$folder/out"
		say "ok - unit $name ($(grep -c '^ok' "$folder/out") tests)"
	done
	cd "$work"
}

# ---- @compact: the same, with every table compacted before every statement ----

mode=

stage_regress@compact()
{
	compacted stage_regress "$@"
}

stage_isolation@compact()
{
	compacted stage_isolation "$@"
}

stage_twin@compact()
{
	compacted stage_twin "$@"
}

compacted()
{
	local mode=_compact
	local SERVER_SETTINGS="${SERVER_SETTINGS:-}
			eventstore.compact_always = on"

	"$@"
}

# Is test $2 of stage $1 one that such a run leaves out?
is_skipped()
{
	[ -n "$mode" ] && grep -qE "^$1[[:space:]]+$2([[:space:]]|\$)" "$source/tests/compact_always"
}

# Leaves them out of a schedule of stage $1.
drop_skipped()
{
	local line name kept

	while read -r line; do
		if [[ $line == test:* ]]; then
			kept=()
			for name in ${line#test:}; do
				is_skipped "$1" "$name" || kept+=("$name")
			done
			[ ${#kept[@]} = 0 ] || echo "test: ${kept[*]}"
		fi
	done
}

# ---- regress, isolation: expected output of SQL ----

# Runs pg_regress program $1 with arguments; the differences are the reason.
run_pg_regress()
{
	local program=$1 output=$2 result=0
	shift 2

	mkdir -p "$output"
	cd "$output"
	in_group logged "$output/protocol" "$program" --host="$socket" --port=5432 --bindir="$bindir" \
		--outputdir="$output" "$@" || result=1
	cd "$work"
	count_results "$output/protocol"
	if [ $result != 0 ] && [ -s "$output/regression.diffs" ]; then
		say "-- regression.diffs:"
		head -n 400 "$output/regression.diffs"
	fi
	stop_server || result=1
	if [ $result != 0 ]; then
		say "-- end of the server's log:"
		tail -n 15 "$server_log"
	fi
	return $result
}

stage_regress()
{
	local schedule=$source/tests/regress_schedule
	local arguments=()

	[ -e "$schedule" ] || return 0
	if [ $# = 0 ]; then
		drop_skipped regress <"$schedule" >"$work/schedule"
		arguments=(--schedule="$work/schedule")
	else
		# a test alone needs what the tests share
		[ ! -e "$source/tests/sql/test_setup.sql" ] || [ "$1" = test_setup ] || arguments=(test_setup)
		arguments+=("$@")
	fi
	need_server || return 1
	start_server "regress$mode" "$source/tests/regress.conf" || return 1
	run_pg_regress "$pgxs_src/test/regress/pg_regress" "$work/regress$mode" \
		--inputdir="$(regress_input)" --dbname=regression "${arguments[@]}"
}

# pg_regress wants sql/ and expected/ side by side.
regress_input()
{
	mkdir -p "$work/regress_input"
	ln -sfn "$source/tests/sql" "$work/regress_input/sql"
	ln -sfn "$source/expected" "$work/regress_input/expected"
	echo "$work/regress_input"
}

stage_isolation()
{
	local specs=("$@") file

	if [ $# = 0 ]; then
		for file in "$source"/tests/isolation/specs/*.spec; do
			[ -e "$file" ] || continue
			is_skipped isolation "$(basename "$file" .spec)" || specs+=("$(basename "$file" .spec)")
		done
	fi
	[ ${#specs[@]} -gt 0 ] || return 0
	need_server || return 1
	start_server "isolation$mode" "$source/tests/regress.conf" || return 1
	run_pg_regress "$pgxs_src/test/isolation/pg_isolation_regress" "$work/isolation$mode" \
		--inputdir="$source/tests/isolation" --dbname=isolation_regression \
		--load-extension=eventstore "${specs[@]}"
}

# ---- twin: the same statements on heap tables and on event tables ----

stage_twin()
{
	local result=0

	need_server || return 1
	# plans and counters are compared, so nobody else may look after the tables
	{ cat "$source/tests/regress.conf" && echo 'autovacuum = off'; } >"$work/twin.conf"
	start_server "twin$mode" "$work/twin.conf" || return 1
	run_twin_sql "$@" || result=1
	if declare -F run_twin_specs >/dev/null; then
		run_twin_specs "$@" || result=1
	fi
	stop_server || result=1
	return $result
}

# Every script runs twice; what its answers differ in must be in expected/.  A
# line "-- Needs: bloom amcheck" names extensions without which it is skipped.
run_twin_sql()
{
	local file name folder begun expected missing result=0

	for file in "$source"/tests/twin/sql/*.sql; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .sql)
		if [ $# = 0 ]; then
			! is_skipped twin "$name" || continue
		else
			[[ " $* " == *" $name "* ]] || continue
		fi
		# shellcheck disable=SC2046
		missing=$(missing_extensions $(sed -n 's/^-- Needs: //p' "$file"))
		if [ -n "$missing" ]; then
			skipped=$((skipped + 1))
			say "skipped - twin $name: not installed: $missing"
			continue
		fi
		folder=$work/twin/$name
		mkdir -p "$folder"
		begun=$SECONDS
		if ! twin_side heap eventstore "$file" "$folder" || ! twin_side eventstore heap "$file" "$folder"; then
			flunk "twin $name does not run to its end" "$folder/problem"
			result=1
			continue
		fi
		expected=$source/tests/twin/expected/$name$mode.diff
		[ -e "$expected" ] || expected=$source/tests/twin/expected/$name.diff
		[ -e "$expected" ] || expected=/dev/null
		if ! twin_differences "$folder" >"$folder/$name.diff"; then
			flunk "twin $name: its two protocols do not fit together" "$folder/$name.diff"
			result=1
		elif ! diff -u --label expected --label found "$expected" "$folder/$name.diff" >"$folder/problem"; then
			flunk "twin $name: other differences than expected" "$folder/problem"
			result=1
		else
			pass "twin $name ($((SECONDS - begun)) s)"
		fi
	done
	return $result
}

missing_extensions()
{
	local name missing=()

	for name in "$@"; do
		[ -e "$root$("$PG_CONFIG" --sharedir)/extension/$name.control" ] || missing+=("$name")
	done
	echo "${missing[*]:-}"
}

# Runs script $3 with tables of access method $1 in a fresh database.  The
# script finds the two names in its variables "am" and "other", and whether the
# tests may be long in "long".
twin_side()
{
	local am=$1 other=$2 file=$3 folder=$4

	{
		dropdb --if-exists twin && createdb twin &&
			psql -X -q -d twin -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION eventstore' -f "$source/tests/twin/setup.sql"
	} >"$folder/problem" 2>&1 || return 1
	# a script is read to its end, so only a lost connection is an error
	in_group twin_psql "$@" >"$folder/$am.out" 2>&1 || {
		tail -n 20 "$folder/$am.out" >"$folder/problem"
		return 1
	}
	awk -f "$source/tests/lib/twin_mark.awk" "$file" "$folder/$am.out" >"$folder/$am.marked"
}

twin_psql()
{
	local long=0

	[[ " ${PG_TEST_EXTRA:-} " != *" long "* ]] || long=1
	PGTZ=UTC PGDATESTYLE=ISO PGOPTIONS="-c default_table_access_method=$1 -c jit=off -c lock_timeout=${TWIN_LOCK_TIMEOUT:-5min}" \
		psql -X -a -d twin -v VERBOSITY=verbose -v am="$1" -v other="$2" -v long=$long \
		-P format=unaligned -P footer=off -P null=NULL <"$3"
}

twin_differences()
{
	(diff --unified=1000000 "$1/heap.marked" "$1/eventstore.marked" || true) |
		awk -f "$source/tests/lib/twin_diff.awk"
}

# ---- tap: servers that crash, follow, are dumped ----

stage_tap()
{
	local file name folder begun

	for file in "$source"/tests/tap/*.pl; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .pl)
		[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
		need_server || return 1
		folder=$work/tap/$name
		mkdir -p "$folder"
		begun=$SECONDS
		if ! in_group run_tap_test "$file" "$folder" >"$folder/protocol" 2>&1; then
			count_results "$folder/protocol"
			explain "tap $name" "$folder/protocol"
			show_tap_logs "$folder"
			return 1
		fi
		count_results "$folder/protocol"
		say "ok - tap $name ($(grep -c '^ok' "$folder/protocol") tests, $((SECONDS - begun)) s)"
		[ -n "${KEEP:-}" ] || rm -rf "$folder"
	done
}

# As PGXS runs them; TESTDIR is for 15, the other two for later versions.
# REGRESS_INPUTDIR is for a test that runs the SQL suite itself.
run_tap_test()
{
	cd "$source"
	unset PGHOST PGPORT PGUSER PGDATABASE PGCLIENTENCODING
	TESTDIR=$2 TESTDATADIR=$2/tmp_check TESTLOGDIR=$2/tmp_check/log \
		PG_REGRESS=$pgxs_src/test/regress/pg_regress \
		TEMP_CONFIG=$source/tests/regress.conf \
		REGRESS_INPUTDIR=$(regress_input) \
		prove --verbose -I "$pgxs_src/test/perl" -I "$source/tests/tap" "$1"
}

show_tap_logs()
{
	local log

	while IFS= read -r log; do
		say "-- end of ${log##*/}:"
		tail -n 30 "$log"
	done < <(find "$1/tmp_check/log" -type f -size +0 2>/dev/null | sort)
}

# ---- docs: every SQL example does what its page says ----

stage_docs()
{
	local file name script number=0 blocks

	for file in README.md $(cd "$source" && ls docs/*.md 2>/dev/null); do
		[ -e "$source/$file" ] || continue
		[ $# = 0 ] || [[ " $* " == *" $file "* ]] || continue
		name=doc_$((number += 1))
		script=$work/$name.sql
		awk -v name="$file" -f "$source/tests/lib/sql_examples.awk" "$source/$file" >"$script" || return 1
		blocks=$(grep -c '^\\echo .*:[0-9]*$' "$script" || true)
		[ "$blocks" -gt 0 ] || continue
		need_server || return 1
		[ -n "${docs_server:-}" ] || start_server docs "$source/tests/regress.conf" || return 1
		docs_server=1
		createdb "$name" || return 1
		if ! in_group psql -X -d "$name" -f "$script" >"$work/$name.out" 2>&1; then
			flunk "examples of $file" "$work/$name.out"
			return 1
		fi
		passed=$((passed + blocks))
		say "ok - examples of $file ($blocks blocks)"
	done
	[ -z "${docs_server:-}" ] || stop_server
}
