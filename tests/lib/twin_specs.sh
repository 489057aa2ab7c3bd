# shellcheck shell=bash
#
# The concurrent half of the stage "twin": specs of isolationtester that run
# twice, in a database where tables are heap tables and in one where they are
# event tables.  Sourced by tests/run.
#
# shellcheck disable=SC2154
#
# A spec says nothing of access methods.  What the two outputs differ in must be
# what tests/twin/specs/NAME.diff says; without that file, nothing.  In both
# databases the function broken(TABLE) returns what eventstore.verify() reports
# of an event table, and nothing of a heap table.

# On the server that runs: the specs named, or all.
run_twin_specs()
{
	local file name folder begun expected made= result=0

	for file in "$source"/tests/twin/specs/*.spec; do
		[ -e "$file" ] || continue
		name=$(basename "$file" .spec)
		[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
		folder=$work/twin_specs/$name
		mkdir -p "$folder"
		if [ -z "$made" ]; then
			in_group make_twin_databases >"$folder/problem" 2>&1 ||
				{ flunk "databases for the twin specs" "$folder/problem"; return 1; }
			made=1
		fi
		begun=$SECONDS
		# not at the same time: names of prepared transactions and the conflicts
		# of serializable ones are the whole server's
		if ! twin_spec_side heap "$file" "$folder" || ! twin_spec_side eventstore "$file" "$folder"; then
			flunk "twin spec $name does not run to its end" "$folder/problem"
			result=1 made=
			continue
		fi
		expected=${file%.spec}.diff
		[ -e "$expected" ] || expected=/dev/null
		twin_spec_differences "$folder" >"$folder/$name.diff"
		if ! diff -u --label expected --label found "$expected" "$folder/$name.diff" >"$folder/problem"; then
			flunk "twin spec $name: other differences than expected" "$folder/problem"
			result=1
			continue
		fi
		pass "twin spec $name ($(grep -c '^starting permutation' "$folder/heap.out") permutations, $((SECONDS - begun)) s)"
	done
	return $result
}

make_twin_databases()
{
	local am

	for am in heap eventstore; do
		dropdb --if-exists "twin_specs_$am" && createdb "twin_specs_$am" || return 1
		psql -X -q -v ON_ERROR_STOP=1 -v am="$am" -v database="twin_specs_$am" -d "twin_specs_$am" <<-'END' || return 1
			CREATE EXTENSION eventstore;
			ALTER DATABASE :database SET default_table_access_method = :am;
			CREATE FUNCTION broken(store regclass) RETURNS TABLE (rule text, problem text) LANGUAGE plpgsql AS $$
			BEGIN
				IF EXISTS (SELECT FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = store AND amname = 'eventstore') THEN
					RETURN QUERY SELECT v.rule, v.problem FROM eventstore.verify(store) v;
				END IF;
			END $$;
		END
	done
}

# Runs spec $2 with access method $1.  Its exit status tells of a spec that cannot
# be run; failed steps are output.
twin_spec_side()
{
	local am=$1 file=$2 folder=$3

	if ! in_group twin_isolationtester "$am" "$file" >"$folder/$am.out" 2>&1; then
		tail -n 20 "$folder/$am.out" >"$folder/problem"
		return 1
	fi
}

# The environment is what pg_isolation_regress gives it.
twin_isolationtester()
{
	PGAPPNAME=isolation/$(basename "$2" .spec) PGTZ=PST8PDT PGDATESTYLE='Postgres, MDY' \
		PGOPTIONS='-c intervalstyle=postgres_verbose' \
		"$pgxs_src/test/isolation/isolationtester" "dbname=twin_specs_$1" <"$2"
}

twin_spec_differences()
{
	(diff --unified=1000000 "$1/heap.out" "$1/eventstore.out" || true) |
		awk -f "$source/tests/lib/twin_specs.awk"
}
