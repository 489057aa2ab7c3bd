# shellcheck shell=bash
#
# A private place to work in: one temporary folder with a copy of the source,
# of the server's programs and all data, and an ordinary user to work as.
# Sourced by tests/run and tests/demo/run.
#
# They run twice.  The first time, as whoever called, they install what is
# missing, make the folder ($work) and call themselves again from the copy in
# it; root becomes "postgres" on the way, since a server refuses to run as
# root.  The second time, with EVENTSTORE_WORK set, they do the work.  So
# nothing is ever written to the source tree or to the installed server.

say()
{
	printf '%s\n' "$*"
}

die()
{
	printf 'eventstore: %s\n' "$*" >&2
	exit 1
}

# The user that root becomes: PostgreSQL's, or one that always exists.
unprivileged_user()
{
	if id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Runs a command as that user.  Unlike runuser and su it leaves no process in
# between, which would give the other end two seconds to clean up.
without_privileges()
{
	local user

	user=$(unprivileged_user)
	exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
}

# Makes $work with a clean copy of the source tree $1 in $work/source.
make_private_folder()
{
	local source=$1 base=${TMPDIR:-/tmp}

	# a socket's path has at most 107 bytes, and another user must get there
	if [ ${#base} -gt 40 ] ||
		{ [ "$(id -u)" = 0 ] && ! (without_privileges test -w "$base" -a -x "$base"); }; then
		base=/tmp
	fi
	work=$(mktemp -d "$base/eventstore.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/source" "$work/home" "$work/tmp"
	tar -C "$source" -cf - --exclude=./.git --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
		--exclude=./tmp_check --exclude=./tmp_check_iso . | tar -C "$work/source" -xf -
	# a script left by a build in the source tree would be found by VPATH
	find "$work/source/sql" -name 'eventstore--*.sql' ! -name '*--*--*' -delete 2>/dev/null || true
}

# Goes on in $work with script $1 of the copy and the remaining arguments.
# Variables of the caller that would reach servers, clients or make are not
# passed on.
continue_privately()
{
	local script=$work/source/$1 name become=exec
	shift

	if [ "$(id -u)" = 0 ]; then
		become=without_privileges
		chown -R "$(unprivileged_user)": "$work"
		say "Working as user $(unprivileged_user) in $work."
		(without_privileges test -x "$PG_CONFIG") ||
			die "user $(unprivileged_user) cannot execute $PG_CONFIG"
	else
		say "Working in $work."
	fi
	for name in ${!PG*} ${!MAKE*} MFLAGS CDPATH ENV BASH_ENV; do
		[[ $name = PG_CONFIG || $name = PG_TEST_* ]] || unset "$name"
	done
	export EVENTSTORE_WORK=$work HOME=$work/home TMPDIR=$work/tmp LC_ALL=C
	cd "$work" || die "cannot enter $work"
	$become bash "$script" "$@"
}

# ---- the second time ----

# Runs a command in a process group of its own, so that a signal to us ends it
# with all its children: a shell acts on a signal only when the command that it
# waits for has ended, and "wait" is the one it interrupts.
in_group()
{
	local result=0

	set -m
	"$@" </dev/null 3>&- &
	group=$!
	set +m
	wait "$group" || result=$?
	group=
	return $result
}

# Shows what a command prints and keeps it in a file as well.
logged()
{
	local log=$1
	shift

	"$@" 2>&1 | tee "$log"
	return "${PIPESTATUS[0]}"
}

interrupted()
{
	trap '' INT TERM HUP
	printf '\neventstore: interrupted\n' >&3
	exit 130
}

# Stops whatever runs, servers too, and removes the folder.
clean_up()
{
	local tries=0

	trap '' INT TERM HUP
	if [ -n "${group:-}" ]; then
		kill -TERM -- "-$group" 2>/dev/null || true
		# TAP tests stop their servers themselves, if they are given the time
		while kill -0 -- "-$group" 2>/dev/null && [ $((tries += 1)) -le 100 ]; do
			sleep 0.1
		done
		kill -KILL -- "-$group" 2>/dev/null || true
	fi
	find "$work" -name postmaster.pid 2>/dev/null | while IFS= read -r file; do
		"$("$PG_CONFIG" --bindir)/pg_ctl" -D "${file%/*}" -m immediate -s stop >/dev/null 2>&1 || true
	done
	cd /
	if [ -n "${KEEP:-}" ]; then
		say "Kept: $work" >&3
	else
		rm -rf "$work"
	fi
}

begin_private_work()
{
	work=$EVENTSTORE_WORK
	source=$work/source
	group=
	# what the traps say goes to the caller, wherever output goes meanwhile
	exec 3>&2
	trap clean_up EXIT
	trap interrupted INT TERM HUP
}
