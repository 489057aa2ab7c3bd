# shellcheck shell=bash
#
# The private server: a copy of the programs of $PG_CONFIG, our build installed
# into the copy, clusters in $work.  Sourced by tests/run and tests/demo/run in
# their second part.
#
# shellcheck disable=SC2034,SC2154
#
# PostgreSQL finds its libraries and its share folder by the way from its own
# program, so a copy of the three folders under $work/root, at the paths that
# they have in the system, is an installation of its own; "make install
# DESTDIR=$work/root" adds ours.

server_paths()
{
	root=$work/root
	bindir=$root$("$PG_CONFIG" --bindir)
	socket=$work/socket
	pgxs=$("$PG_CONFIG" --pgxs)
	pgxs_src=${pgxs%/makefiles/pgxs.mk}
	export PGHOST=$socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGCLIENTENCODING=UTF8
	export PATH=$bindir:$PATH
}

copy_server()
{
	local dir

	for dir in "$("$PG_CONFIG" --bindir)" "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --sharedir)"; do
		mkdir -p "$root$dir"
		cp -R --preserve=mode,timestamps,links "$dir/." "$root$dir/" || return 1
	done
	[ -z "${SANITIZE:-}" ] || load_sanitizers || return 1
	# programs with an absolute path to libpq find it where it was
	mkdir -p "$socket"
	chmod 700 "$socket"
}

# A server that was built without sanitizers can load a library with them if
# theirs is loaded first.  So "postgres" becomes a script that sees to that; the
# name under which it starts the program is how PostgreSQL finds its files.
load_sanitizers()
{
	local library

	if [[ $("$PG_CONFIG" --configure) = *--enable-nls* ]]; then
		say "With sanitizers this server hangs: it has translated messages (--enable-nls)."
		return 1
	fi
	library=$(gcc -print-file-name=libasan.so)
	mv "$bindir/postgres" "$bindir/postgres-itself"
	cat >"$bindir/postgres" <<-END
		#!/bin/sh
		LD_PRELOAD=$library\${LD_PRELOAD:+:\$LD_PRELOAD}
		ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=1
		UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1
		export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS
		exec "$bindir/postgres-itself" "\$@"
	END
	chmod 755 "$bindir/postgres"
}

# Builds in folder $1, with further arguments for make.
build()
{
	local folder=$1
	shift

	mkdir -p "$folder"
	in_group make -C "$folder" -j"$(nproc)" -f "$source/Makefile" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@" \
		>"$folder/make.log" 2>&1
}

# Installs what was built in folder $1 into the copy.
install_build()
{
	in_group make -C "$1" -f "$source/Makefile" PG_CONFIG="$PG_CONFIG" with_llvm=no DESTDIR="$root" install \
		>"$1/install.log" 2>&1
}

# Starts cluster $1, made if it does not exist; the lines of file $2 are added
# to its postgresql.conf.  Only the socket in $socket leads to it.
start_server()
{
	local name=$1 settings=$2

	data=$work/data/$name
	server_log=$work/$name.log
	if [ ! -d "$work/template" ]; then
		in_group initdb -D "$work/template" -U postgres -A trust -E UTF8 --no-locale -k -N \
			>"$work/initdb.log" 2>&1 || { tail -n 20 "$work/initdb.log"; return 1; }
	fi
	if [ ! -d "$data" ]; then
		mkdir -p "$work/data"
		cp -R --preserve=mode,timestamps "$work/template" "$data"
		cat - "$settings" >>"$data/postgresql.conf" <<-END
			listen_addresses = ''
			unix_socket_directories = '$socket'
			log_line_prefix = '%m [%p] %q%a '
			${SERVER_SETTINGS:-}
		END
	fi
	if ! in_group pg_ctl -D "$data" -l "$server_log" -w -s start >"$work/pg_ctl.log" 2>&1; then
		cat "$work/pg_ctl.log"
		tail -n 20 "$server_log"
		return 1
	fi
}

# Stops it; fails if it had crashed meanwhile, even if no test noticed.  $1: what
# a crash leaves in the log, if some are part of the test.
stop_server()
{
	local signs=${1:-PANIC:|TRAP:|was terminated by signal|runtime error:|AddressSanitizer}

	if ! in_group pg_ctl -D "$data" -m fast -w -s stop >"$work/pg_ctl.log" 2>&1; then
		cat "$work/pg_ctl.log"
		tail -n 20 "$server_log"
		return 1
	fi
	if grep -E "$signs" "$server_log"; then
		say "The server crashed; the end of its log:"
		tail -n 40 "$server_log"
		return 1
	fi
}
