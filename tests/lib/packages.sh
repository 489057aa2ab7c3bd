# shellcheck shell=bash
#
# Finds the PostgreSQL to work with, and installs what is missing.  Sourced by
# tests/run and tests/demo/run; runs as the user who called them.
#
# Everything is looked for by what it does, not by its package, so that a
# machine that is no Debian but has the tools needs nothing.

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Highest version with its server in Debian's folders, or nothing.
newest_installed_version()
{
	local dir best=

	for dir in /usr/lib/postgresql/*/; do
		dir=$(basename "$dir")
		[[ $dir =~ ^[0-9]+$ && -x /usr/lib/postgresql/$dir/bin/postgres ]] || continue
		[ "${best:-0}" -gt "$dir" ] || best=$dir
	done
	echo "$best"
}

newest_packaged_version()
{
	apt-cache pkgnames postgresql-server-dev- |
		sed -n 's/^postgresql-server-dev-\([0-9][0-9]*\)$/\1/p' | sort -n | tail -n 1
}

# Sets PG_CONFIG to a pg_config whose server can be built for, and "missing" to
# the packages without which that is not so.
choose_postgres()
{
	local version given

	if [ -n "${PG_CONFIG:-}" ]; then
		given=$PG_CONFIG
		PG_CONFIG=$(command -v "$given") || die "PG_CONFIG=$given: there is no such program"
		[ -f "$("$PG_CONFIG" --pgxs)" ] && [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] ||
			die "$given has no PGXS: install the server's development files"
		[ -x "$("$PG_CONFIG" --bindir)/postgres" ] || die "$given has no server beside it"
	else
		version=$(newest_installed_version)
		if [ -z "$version" ] && command -v apt-get >/dev/null; then
			version=$(newest_packaged_version)
			if [ -z "$version" ]; then
				say "Reading Debian's package lists (apt-get update)."
				as_root apt-get -qq update || die "apt-get update failed"
				version=$(newest_packaged_version)
			fi
		fi
		[ -n "$version" ] || die "no PostgreSQL server found; name one: PG_CONFIG=/path/to/pg_config"
		PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
		[ -x "${PG_CONFIG%/*}/postgres" ] || missing+=("postgresql-$version")
		# the server's package brings pgxs.mk too, but no headers
		[ -f "/usr/include/postgresql/$version/server/postgres.h" ] ||
			missing+=("postgresql-server-dev-$version")
	fi
	export PG_CONFIG
}

# Installs packages of Debian.  A server package would also create a cluster
# "main" and start it, which nobody asked for: a setting that exists only
# meanwhile turns that off.
install_packages()
{
	local setting=/etc/postgresql-common/createcluster.d/eventstore-tests.conf
	local log apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends install)
	local result=0

	command -v apt-get >/dev/null || die "missing, and not a Debian machine: $*"
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		die "missing, and neither root nor sudo to install them: apt-get install $*"

	say "Installing Debian packages: $*"
	log=$(mktemp)
	as_root mkdir -p "${setting%/*}"
	echo "create_main_cluster = off" | as_root tee "$setting" >/dev/null
	# The lists may be missing or out of date; only then are they read again.
	as_root "${apt[@]}" "$@" >"$log" 2>&1 </dev/null ||
		{ as_root apt-get -qq update && as_root "${apt[@]}" "$@"; } >"$log" 2>&1 </dev/null ||
		result=$?
	as_root rm -f "$setting"
	as_root rmdir --ignore-fail-on-non-empty "${setting%/*}"
	if [ $result != 0 ]; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install: $*"
	fi
	rm -f "$log"
}

# An output plugin, for Debian's servers; the test that uses it is skipped without.
want_wal2json()
{
	local version

	[[ $PG_CONFIG =~ ^/usr/lib/postgresql/([0-9]+)/bin/pg_config$ ]] || return 0
	version=${BASH_REMATCH[1]}
	[ ! -e "/usr/lib/postgresql/$version/lib/wal2json.so" ] || return 0
	apt-cache show "postgresql-$version-wal2json" >/dev/null 2>&1 || return 0
	missing+=("postgresql-$version-wal2json")
}

# Makes sure that "build" or "test" (which is more) can begin.
prepare_machine()
{
	local missing=() tool

	choose_postgres
	for tool in make gcc g++; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	[ -e /usr/include/simdjson.h ] || [ -e /usr/local/include/simdjson.h ] || missing+=(libsimdjson-dev)
	[ -e /usr/include/lz4.h ] || [ -e /usr/local/include/lz4.h ] || missing+=(liblz4-dev)
	[ -e /usr/include/zstd.h ] || [ -e /usr/local/include/zstd.h ] || missing+=(libzstd-dev)
	if [ "$1" = test ]; then
		# Test::More and prove are in perl, not in the perl-base that is always there
		if ! command -v prove >/dev/null || ! perl -MTest::More -e 1 2>/dev/null; then
			missing+=(perl)
		fi
		perl -MIPC::Run -e 1 2>/dev/null || missing+=(libipc-run-perl)
		want_wal2json
	fi
	[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}
