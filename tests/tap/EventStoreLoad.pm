# Load for tests that kill servers: clients that do every kind of write, each
# with an exact journal of what it sent and what was acknowledged, and the
# comparison of all journals with what a server has afterwards.
#
# A transaction has an entity of its own, and leaves rows 1 .. N of it, or none.
# Every row has a checksum of its payload.  What must hold:
#
#	- of a transaction that was acknowledged all rows are there, once;
#	- of one that failed or was rolled back there are none;
#	- of one without an answer there are all or none, and that stays so;
#	- a row keeps its number for ever, also the number that a client was told
#	  before the crash, and new rows have numbers above those of older ones.
package EventStoreLoad;

use strict;
use warnings;

use Digest::MD5;
use Exporter 'import';
use EventStoreTest;
use IO::Handle;
use IPC::Open2;
use List::Util qw(shuffle);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

our @EXPORT = qw(
  make_tables
  start_load
  stop_load
  load_has_ended
  forget_load
  check_tables
  processes_of
  kill_all_of
  wait_until_gone
  is_gone
);

our @STOP_POINTS = qw(
  meta-before-wal meta-after-wal advance-before-lock advance-before-wal
  advance-after-wal tail-before-lock tail-before-wal tail-after-wal
  multi-before-wal multi-after-wal spec-before-wal spec-after-wal
  flush-before-wal flush-after-wal settle-before-wal settle-after-wal
  replace-before-wal replace-after-wal truncate-before-wal truncate-after-wal truncate-after-unlock
  vacuum-after-page copy-after-page lookup-before-tree
  split-before-wal split-after-wal
  reserve-before-wal reserve-after-wal batch-before-wal batch-after-wal
  compact-after-unit compact-before-publish compact-after-publish
  load-before-lock load-before-wal load-after-wal
  worker-before-duty);

my $folder;
my @children;
my @writers;
my $load_number = 0;
my $over;

# ---- what is known of each table ----

# {table}{entity} = rows that must be there;	 {table}{"entity n"} = position
my (%known, %position, %highest);

# which of the transactions that empty "turns" has left its rows there
my $turn;

# ---- clients ----

# SQL of one transaction, the rows that it leaves if it is committed, and its
# table.  "\;" keeps statements in one message, so that an error ends all.
sub transaction
{
	my ($kind, $e, $table) = @_;
	my $into = "INSERT INTO $table (entity_id, n, payload, sum)";
	my $values = sub {
		my ($rows, $size) = @_;
		return "SELECT '$e', g, p, md5(p) FROM (SELECT g, substr(repeat(md5(g::text || '$e'), $size / 32 + 1), 1, $size) p FROM $rows g) x";
	};
	my $n = 2 + int(rand(40));

	if ($kind eq 'one')
	{
		return ("$into VALUES ('$e', 1, 'p', md5('p')) RETURNING 'row ' || entity_id || ' ' || n || ' ' || ctid", 1);
	}
	elsif ($kind eq 'some')
	{
		return ("$into " . $values->("generate_series(1, $n)", 100) . q{ RETURNING 'row ' || entity_id || ' ' || n || ' ' || ctid}, $n);
	}
	elsif ($kind eq 'large rows')
	{
		return ("$into " . $values->("generate_series(1, $n)", 1500), $n);
	}
	elsif ($kind eq 'savepoints')
	{
		return ("BEGIN\\; $into " . $values->('generate_series(1, 3)', 30)
			  . "\\; SAVEPOINT a\\; $into " . $values->('generate_series(4, 9)', 900)
			  . "\\; ROLLBACK TO a\\; $into " . $values->('generate_series(4, 5)', 30)
			  . "\\; RELEASE a\\; SAVEPOINT b\\; $into " . $values->('generate_series(6, 6)', 30)
			  . '\\; COMMIT', 6);
	}
	elsif ($kind eq 'copy' || $kind eq 'broken copy')
	{
		my @lines = map { my $p = 'c' x (10 + 37 * $_); "$e\t$_\t$p\t" . Digest::MD5::md5_hex($p) } 1 .. $n;

		push @lines, 'no columns' if $kind eq 'broken copy';
		open(my $file, '>', "$folder/copy-$e") or die $!;
		print $file map { "$_\n" } @lines;
		close $file;
		return ("COPY $table (entity_id, n, payload, sum) FROM '$folder/copy-$e'", $kind eq 'copy' ? $n : 0);
	}
	elsif ($kind eq 'conflicts')
	{
		return ("$into SELECT '$e', 1 + g % 3, 'p', md5('p') FROM generate_series(0, 8) g ON CONFLICT DO NOTHING", 3);
	}
	elsif ($kind eq 'out of line')
	{
		return ("$into SELECT '$e', g, string_agg(md5(g::text || h), ''), md5(string_agg(md5(g::text || h), ''))"
			  . " FROM generate_series(1, 2) g, generate_series(1, @{[ 100 + int(rand(1000)) ]}) h GROUP BY g", 2);
	}
	elsif ($kind eq 'rolled back')
	{
		return ("BEGIN\\; $into " . $values->("generate_series(1, $n)", 1200) . '\\; ROLLBACK', 0);
	}
	elsif ($kind eq 'error')
	{
		return ("$into SELECT '$e', g / (20 - g), 'p', 'p' FROM generate_series(1, 20) g", 0);
	}
	elsif ($kind eq 'ahead')
	{
		return ("INSERT INTO $table (position, entity_id, n, payload, sum) SELECT max(position) + @{[ 1 + int(rand(600)) ]}, '$e', 1, 'p', md5('p') FROM $table", 1);
	}
	elsif ($kind eq 'exceptions')
	{
		return ("DO \$\$ BEGIN FOR i IN 1 .. 4 LOOP BEGIN $into VALUES ('$e', i, 'p', md5('p'));"
			  . " $into VALUES ('$e', i + 100, 'q', md5('q')); IF i < 9 THEN RAISE EXCEPTION 'x'; END IF;"
			  . " EXCEPTION WHEN raise_exception THEN $into VALUES ('$e', i, 'p', md5('p')); END; END LOOP; END \$\$", 4);
	}
	elsif ($kind eq 'ingest')
	{
		return (q{SELECT eventstore.ingest('store', '}
			  . join("\n", map { qq({"entity_id":"$e","event_type":"x","payload":{"n":$_}}) } 1 .. $n) . q{')}, $n, 'store');
	}
	elsif ($kind eq 'truncate')
	{
		return ('BEGIN\\; TRUNCATE turns\\; INSERT INTO turns (entity_id, n, payload, sum) ' . $values->("generate_series(1, $n)", 400) . '\\; COMMIT', $n, 'turns');
	}
	die "no such kind: $kind";
}

my @kinds = ('one', 'some', 'large rows', 'savepoints', 'copy', 'broken copy', 'conflicts', 'out of line', 'rolled back', 'error', 'exceptions', 'prepared', 'ingest');

# A psql that is spoken to; "ask" returns what it printed, undef when the
# connection is lost.
sub open_session
{
	my ($node, $options) = @_;
	my ($from, $to);

	open(STDERR, '>', '/dev/null');
	$SIG{PIPE} = 'IGNORE';
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGOPTIONS} = $options;
	my $pid = open2($from, $to, 'psql', '-XAtq', '-d', 'postgres');
	$to->autoflush(1);
	return { from => $from, to => $to, asked => 0, pid => $pid };
}

sub ask
{
	my ($session, $sql) = @_;
	my $number = ++$session->{asked};
	my @lines;

	# the state is that of the last message: a failed transaction is ended then
	print { $session->{to} } "$sql;\n\\echo answered $number :SQLSTATE\n"
	  . ($sql =~ /BEGIN/ ? "ROLLBACK;\n" : '');
	while (defined(my $line = readline $session->{from}))
	{
		return ($1, @lines) if $line =~ /^answered $number (\w+)$/;
		push @lines, $line;
	}
	return;
}

# psql says 00000 or the error of the last message; a lost connection has one
# too.
sub is_lost
{
	my ($state) = @_;

	return !defined $state || $state =~ /^(57P|08|00000x)/ || $state eq '';
}

sub writer
{
	my ($node, $number, $log, $options) = @_;
	my $run_pages = (1, 1, 2, 3, 128)[ int(rand(5)) ];
	my $session = open_session($node, "-c eventstore.run_pages=$run_pages -c client_min_messages=error -c lock_timeout=5s");
	my @tables = ('events', 'events', 'events', 'plain');

	for (my $i = 1;; $i++)
	{
		my $e = "l$load_number-$number-$i";
		my $kind = $kinds[ int(rand(@kinds)) ];
		my $table = $tables[ int(rand(@tables)) ];

		if ($number == 1 && rand() < 0.3)
		{
			$kind = 'truncate';
		}
		elsif ($number == 2 && rand() < 0.1)
		{
			($kind, $table) = ('ahead', 'events');
		}
		if (defined $options->{point} && $i == $options->{after} && $options->{who} == $number)
		{
			print $log "armed $options->{point}\n";
			ask($session, "SET eventstore.stop_point = '$options->{point}=crash'");
		}
		return if $kind eq 'prepared' ? !prepared($session, $log, $e, $table) : !plainly($session, $log, $e, $table, $kind);
	}
	return;
}

sub plainly
{
	my ($session, $log, $e, $default_table, $kind) = @_;
	my ($sql, $rows, $table) = transaction($kind, $e, $default_table);

	$table //= $default_table;
	print $log "sent $table $e $rows\n";
	my ($state, @lines) = ask($session, $sql);

	foreach my $line (@lines)
	{
		print $log "told $table $1 $2 $3\n" if $line =~ /^row (\S+) (\d+) \((\d+,\d+)\)$/;
	}
	return 0 if is_lost($state);
	unlink "$folder/copy-$e";
	print $log "done $table $e " . ($state eq '00000' ? $rows : 0) . " $state\n";
	return 1;
}

sub prepared
{
	my ($session, $log, $e, $table) = @_;
	my $rows = 12;
	my $commit = rand() < 0.6;

	print $log "sent $table $e $rows\n";
	my ($state) = ask($session, "BEGIN\\; INSERT INTO $table (entity_id, n, payload, sum) SELECT '$e', g, repeat('t', 700), md5(repeat('t', 700)) FROM generate_series(1, $rows) g\\; PREPARE TRANSACTION '$table $e'");
	return 0 if is_lost($state);
	if ($state ne '00000')
	{
		print $log "done $table $e 0 $state\n";
		return 1;
	}
	print $log "prepared $table $e\n";
	print $log 'ends ' . ($commit ? 'commit' : 'rollback') . " $table $e\n";
	($state) = ask($session, ($commit ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$table $e'");
	return 0 if is_lost($state);
	print $log "done $table $e " . ($commit ? $rows : 0) . " $state\n" if $state eq '00000';
	return 1;
}

# Rows that somebody has seen are committed.
sub reader
{
	my ($node, $number, $log) = @_;
	my $session = open_session($node, '-c client_min_messages=error -c lock_timeout=5s');

	while (1)
	{
		my ($state, @lines) = ask($session, q{
			SELECT 'row ' || entity_id || ' ' || n || ' ' || ctid FROM events ORDER BY position DESC LIMIT 5});

		return if is_lost($state);
		foreach my $line (@lines)
		{
			print $log "seen events $1 $2 $3\n" if $line =~ /^row (\S+) (\d+) \((\d+,\d+)\)$/;
		}
		usleep(30_000);
	}
	return;
}

my @chores = (
	'VACUUM (FREEZE) events', 'VACUUM events, plain, turns, store', 'VACUUM (FREEZE, TRUNCATE) plain',
	'VACUUM FULL events', 'VACUUM FULL plain', 'CLUSTER events USING events_entity', 'ANALYZE events',
	'CREATE INDEX another ON events (n)', 'DROP INDEX IF EXISTS another', 'REINDEX TABLE events',
	'REINDEX INDEX CONCURRENTLY events_position',
	'ALTER TABLE events ALTER n TYPE bigint', 'ALTER TABLE events ALTER n TYPE int',
	'ALTER TABLE plain ALTER n TYPE bigint', 'ALTER TABLE plain ALTER n TYPE int',
	'CREATE TABLE IF NOT EXISTS made USING eventstore AS SELECT * FROM events', 'DROP TABLE IF EXISTS made',
	(map { "SELECT eventstore.compact('$_')" } qw(events events plain turns store)),
	'SET eventstore.batch_rows = 100', 'RESET eventstore.batch_rows',
	'VACUUM (FREEZE) store', 'VACUUM turns', 'CREATE INDEX IF NOT EXISTS plain_brin ON plain USING brin (n)');

sub chores
{
	my ($node, $number, $log, $options) = @_;
	my $session = open_session($node, '-c eventstore.run_pages=1 -c client_min_messages=error -c lock_timeout=300ms');

	if (defined $options->{point} && $options->{who} == $number)
	{
		print $log "armed $options->{point}\n";
		ask($session, "SET eventstore.stop_point = '$options->{point}=crash'");
	}
	while (1)
	{
		my ($state) = ask($session, $chores[ int(rand(@chores)) ]);

		return if is_lost($state);
		usleep(10_000 + int(rand(60_000)));
	}
	return;
}

sub checkpoints
{
	my ($node) = @_;
	my $session = open_session($node, '-c client_min_messages=error');

	while (1)
	{
		usleep(20_000 + int(rand(300_000)));
		my ($state) = ask($session, 'CHECKPOINT');
		return if is_lost($state);
	}
	return;
}

sub fork_off
{
	my ($run, @arguments) = @_;
	my $pid = fork();

	die "fork: $!" if !defined $pid;
	if ($pid != 0)
	{
		push @children, $pid;
		return;
	}
	$SIG{TERM} = 'DEFAULT';
	srand(time ^ ($$ << 8));
	$run->(@arguments);
	POSIX::_exit(0);
}

# Starts writers and the others; "point": a stop point that one of them arms.
# Returns when transactions are being acknowledged.
sub start_load
{
	my ($node, %options) = @_;
	my $writers = $options{writers} // 3;

	$load_number++;
	$folder //= PostgreSQL::Test::Utils::tempdir;
	if (defined $options{point})
	{
		# chores have the points of VACUUM, compaction and the like
		$options{who} = $options{point} =~ /^(settle|replace|truncate|vacuum|copy|meta|reserve|batch|compact|split)/ ? $writers + 1 : 1 + int(rand($writers));
		$options{after} = 1 + int(rand(6));
	}
	my @jobs = ((map { \&writer } 1 .. $writers), \&chores, \&reader, \&checkpoints);
	for my $number (1 .. @jobs)
	{
		open(my $log, '>', "$folder/$load_number-$number") or die $!;
		$log->autoflush(1);
		fork_off($jobs[ $number - 1 ], $node, $number, $log, \%options);
		close $log;
	}
	@writers = @children[ -@jobs .. $writers - 1 - @jobs ];
	for (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $done = 0;

		foreach my $number (1 .. $writers)
		{
			$done += () = slurp_file("$folder/$load_number-$number") =~ /^done/mg;
		}
		last if $done >= 3;
		last if load_has_ended();
		usleep(10_000);
	}
	return;
}

sub reap
{
	@children = grep { waitpid($_, POSIX::WNOHANG()) == 0 } @children;
	return;
}

# Have writers ended, because they lost the connection?  Others may have got
# theirs only when the server was up again.
sub load_has_ended
{
	reap();
	my %alive = map { $_ => 1 } @children;

	return !grep { $alive{$_} } @writers;
}

# Waits for the clients, which end when the server is gone.
sub stop_load
{
	for (1 .. 1000)
	{
		reap();
		last if !@children;
		usleep(10_000);
	}
	kill 'TERM', $_ foreach @children;
	waitpid($_, 0) foreach @children;
	@children = ();
	return;
}

# ---- processes of a server ----

# State and parent of a process, if it is there.
sub stat_of
{
	my ($pid) = @_;

	open(my $file, '<', "/proc/$pid/stat") or return;
	my $line = <$file> // '';
	return $line =~ /\) (\S) (\d+)/ ? ($1, $2) : ();
}

# The postmaster, and what its children say that they are.
sub processes_of
{
	my ($node) = @_;
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my %found;

	foreach my $folder (glob '/proc/[0-9]*')
	{
		my ($pid) = $folder =~ /(\d+)$/;
		my (undef, $parent) = stat_of($pid);

		next if ($parent // 0) != $postmaster;
		open(my $file, '<', "/proc/$pid/cmdline") or next;
		my $name = <$file> // '';

		$name =~ s/\0.*//s;

		# one that was just born does not say yet
		$found{$pid} = $name =~ /^postgres: (?:\S+: )?(.*)$/ ? $1 : 'new';
	}
	return ($postmaster, \%found);
}

# Nobody may have waited for a process that died.
sub wait_until_gone
{
	my (@pids) = @_;

	for (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		@pids = grep { kill(0, $_) && ((stat_of($_))[0] // 'Z') ne 'Z' } @pids;
		return if !@pids;
		usleep(10_000);
	}
	die "processes do not end: @pids";
}

# No process of the server is left.  Its postmaster still has a number, as long
# as nobody has waited for it, and its files then seem to be those of a server.
sub is_gone
{
	my ($node) = @_;

	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	$node->{_pid} = undef;
	return;
}

# All processes at one moment, as when the machine stops; its files survive.
sub kill_all_of
{
	my ($node) = @_;
	my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

	# it must not give birth meanwhile; if it ends by itself, its file is gone
	kill 'STOP', $pid;
	my (undef, $others) = eval { processes_of($node) };
	my @pids = shuffle($pid, keys %{ $others // {} });

	kill 'KILL', $_ foreach @pids;
	wait_until_gone(@pids);
	is_gone($node);
	return;
}

# ---- tables, and what must be in them ----

sub make_tables
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		SET client_min_messages = error;
		DROP TABLE IF EXISTS events, plain, turns, store, made;
		CREATE TABLE events (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int NOT NULL, payload text, sum text) USING eventstore;
		CREATE UNIQUE INDEX events_entity ON events (entity_id, n);
		CREATE INDEX events_position ON events (position);
		CREATE TABLE plain (entity_id text NOT NULL, n int NOT NULL, payload text, sum text) USING eventstore;
		CREATE UNIQUE INDEX plain_entity ON plain (entity_id, n);
		CREATE TABLE turns (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int NOT NULL, payload text, sum text) USING eventstore;
		CREATE UNIQUE INDEX turns_entity ON turns (entity_id, n);
		SELECT eventstore.create_store('store')});
	forget_load();
	return;
}

sub forget_load
{
	%known = %position = %highest = ();
	$turn = undef;
	return;
}

# What the journals of the last load say.
sub read_journals
{
	my (%sent, %done, %told, %prepared, %ends);
	my @order;

	foreach my $file (glob "$folder/$load_number-*")
	{
		my $number = 0;

		foreach my $line (split /\n/, slurp_file($file))
		{
			my ($event, @rest) = split / /, $line;

			if ($event eq 'sent')
			{
				$sent{$rest[0]}{$rest[1]} = $rest[2];
				push @order, $rest[1] if $rest[0] eq 'turns';
			}
			elsif ($event eq 'done') { $done{$rest[0]}{$rest[1]} = $rest[2]; }
			elsif ($event eq 'told' || $event eq 'seen') { push @{ $told{$rest[0]} }, [ $event, @rest[ 1 .. 3 ] ]; }
			elsif ($event eq 'prepared') { $prepared{$rest[0]}{$rest[1]} = 1; }
			elsif ($event eq 'ends') { $ends{$rest[1]}{$rest[2]} = $rest[0]; }
		}
	}
	return (\%sent, \%done, \%told, \%prepared, \%ends, \@order);
}

# Ends the prepared transactions that the crash has left, and says what came
# of them.
sub end_prepared
{
	my ($node, $sent, $done, $prepared, $ends, $wrong) = @_;
	my %left = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts');
	my $sql = '';

	foreach my $table (keys %$prepared)
	{
		foreach my $e (keys %{ $prepared->{$table} })
		{
			push @$wrong, "$table $e: prepared, then lost" if !$left{"$table $e"} && !$ends->{$table}{$e};
		}
	}
	foreach my $gid (keys %left)
	{
		my ($table, $e) = split / /, $gid;
		my $commit = rand() < 0.5;

		push @$wrong, "$gid: prepared, but ended before" if exists $done->{$table}{$e};
		push @$wrong, "$gid: never sent" if !exists $sent->{$table}{$e};
		$done->{$table}{$e} = $commit ? $sent->{$table}{$e} : 0;
		$sql .= ($commit ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid';\n";
	}
	# what was not found had been ended as it was to be
	foreach my $table (keys %$ends)
	{
		foreach my $e (keys %{ $ends->{$table} })
		{
			next if exists $done->{$table}{$e} || $left{"$table $e"};
			$done->{$table}{$e} = $ends->{$table}{$e} eq 'commit' ? $sent->{$table}{$e} : 0;
		}
	}
	$node->safe_psql('postgres', $sql) if $sql ne '';
	return;
}

# Reads all tables at once: table => entity => { n => ctid }, and what verify
# and amcheck say.
sub read_all
{
	my ($node, $wrong) = @_;
	my $sql = '';
	my %rows = map { $_ => {} } 'events', 'plain', 'turns', 'store';
	my ($stdout, $stderr);

	foreach my $table (keys %rows)
	{
		my $sound = $table eq 'store' ? q{payload->>'n' IS NOT NULL} : 'md5(payload) = sum';
		my $n = $table eq 'store' ? q{(payload->>'n')} : 'n';
		my $position = $table eq 'plain' ? 'true' : q{position = (ctid::text::point)[0]::bigint * 256 + (ctid::text::point)[1]::bigint - 1};

		$sql .= "SELECT '$table', entity_id, $n, ctid, $sound AND $position FROM $table;\n";
	}
	$sql .= q{
		SELECT 'verify', c.oid::regclass, v.* FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore',
		LATERAL eventstore.verify(c.oid) v WHERE c.relkind = 'r';
		SELECT 'indexes', count(*) FROM (SELECT bt_index_check(i.indexrelid, true) FROM pg_index i
		JOIN pg_class c ON c.oid = i.indrelid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore'
		JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am b ON b.oid = x.relam AND b.amname = 'btree'
		WHERE i.indisvalid AND i.indisready) x;};
	$node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	$stderr =~ s/.*function bt_index_check.* does not exist(\n.*)*//;
	push @$wrong, split /\n/, $stderr;
	foreach my $line (split /\n/, $stdout)
	{
		my ($table, $e, $number, $ctid, $ok) = split /\|/, $line;

		next if $table eq 'indexes';
		if ($table eq 'verify')
		{
			push @$wrong, $line;
			next;
		}
		push @$wrong, "$table $e $number: broken row" if $ok ne 't';
		push @$wrong, "$table $e $number: twice" if exists $rows{$table}{$e}{$number};
		$rows{$table}{$e}{$number} = $ctid;
	}
	return \%rows;
}

sub row_of
{
	my ($block, $offset) = split /,/, $_[0] =~ tr/()//dr;

	return $block * 256 + $offset - 1;
}

# Compares a table that only grows.
sub compare
{
	my ($table, $rows, $sent, $done, $wrong) = @_;
	my $known = $known{$table} //= {};
	my $highest = $highest{$table} // 0;
	my $new_highest = $highest;

	foreach my $e (keys %$known)
	{
		my $have = scalar keys %{ $rows->{$e} // {} };

		push @$wrong, "$table $e: $have of $known->{$e} rows, which were there after an earlier crash"
		  if $have != $known->{$e};
	}
	foreach my $e (keys %$sent)
	{
		my @n = sort { $a <=> $b } keys %{ $rows->{$e} // {} };
		my $have = @n;

		push @$wrong, "$table $e: $have of $done->{$e} rows, acknowledged" if exists $done->{$e} && $have != $done->{$e};
		push @$wrong, "$table $e: $have of $sent->{$e} rows" if $have != 0 && $have != $sent->{$e};
		push @$wrong, "$table $e: not rows 1 to $have" if $have && ($n[0] != 1 || $n[-1] != $have);
		$known->{$e} = $have;
		next if $table eq 'plain';
		foreach my $n (@n)
		{
			push @$wrong, "$table $e $n: number $rows->{$e}{$n} is not above $highest, which was there before"
			  if row_of($rows->{$e}{$n}) <= $highest;
		}
	}
	foreach my $e (keys %$rows)
	{
		push @$wrong, "$table $e: never sent" if !exists $known->{$e};
		next if $table eq 'plain';
		foreach my $n (keys %{ $rows->{$e} })
		{
			my $ctid = $rows->{$e}{$n};

			push @$wrong, "$table $e $n: was $position{$table}{\"$e $n\"}, now $ctid"
			  if ($position{$table}{"$e $n"} // $ctid) ne $ctid;
			$position{$table}{"$e $n"} = $ctid;
			$new_highest = row_of($ctid) if row_of($ctid) > $new_highest;
		}
	}
	$highest{$table} = $new_highest;
	return;
}

# A table that each transaction empties and fills: it has what the last one
# left, or the one without an answer.
sub compare_turns
{
	my ($rows, $sent, $done, $order, $wrong) = @_;
	my @possible = $turn // '';

	foreach my $e (@$order)
	{
		if (!exists $done->{$e}) { push @possible, $e; }
		elsif ($done->{$e} > 0) { @possible = ($e); }
	}
	my @have = keys %$rows;
	my $found = $have[0] // '';

	push @$wrong, 'turns: rows of ' . join(', ', sort @have) if @have > 1;
	push @$wrong, "turns: '$found' instead of " . join(' or ', map { "'$_'" } @possible) if !grep { $_ eq $found } @possible;
	if ($found ne '')
	{
		my $count = scalar keys %{ $rows->{$found} };
		my $wanted = $sent->{$found} // $known{turns}{$found};

		push @$wrong, "turns $found: $count of $wanted rows" if $count != $wanted;
		$known{turns} = { $found => $wanted };
	}
	$turn = $found;
	return;
}

# The numbers that clients were told by transactions that were acknowledged, or
# that another one has seen, hence committed, are those of the same rows.
sub compare_told
{
	my ($table, $told, $rows, $done, $wrong) = @_;

	foreach my $row (@{ $told // [] })
	{
		my ($event, $e, $n, $ctid) = @$row;

		next if $event eq 'told' && !$done->{$e};
		my $now = $rows->{$e}{$n} // 'gone';
		push @$wrong, "$table $e $n: $event as ($ctid), now $now" if $now ne "($ctid)";
	}
	return;
}

# All of it, after a crash; true if all is well.  Returns the number of
# transactions that were acknowledged, too.
sub check_tables
{
	my ($node) = @_;
	my ($sent, $done, $told, $prepared, $ends, $order) = read_journals();
	my @wrong;
	my $acknowledged = 0;

	$acknowledged += grep { $_ > 0 } values %$_ foreach values %$done;
	end_prepared($node, $sent, $done, $prepared, $ends, \@wrong);
	my $all = read_all($node, \@wrong);

	foreach my $table ('events', 'plain', 'store')
	{
		my $rows = $all->{$table};

		compare($table, $rows, $sent->{$table} // {}, $done->{$table} // {}, \@wrong);
		compare_told($table, $told->{$table}, $rows, $done->{$table} // {}, \@wrong) if $table ne 'plain';
	}
	compare_turns($all->{turns}, $sent->{turns} // {}, $done->{turns} // {}, $order, \@wrong);
	return ($acknowledged, @wrong);
}

1;
