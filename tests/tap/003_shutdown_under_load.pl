# The server dies at a random moment while several clients append, in every way
# there is, and while VACUUM and checkpoints run.  Every row that was
# acknowledged is there, every transaction is whole or absent, verify finds
# nothing, and positions go on from where they were.
use strict;
use warnings;

use EventStoreTest;
use IO::Handle;
use IPC::Open2;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;
use Time::HiRes qw(usleep);

my $workers = 6;
my @rounds = ('immediate', 'postmaster', 'backend', 'immediate', 'postmaster');

my $node = new_server(
	'main', conf => q{
restart_after_crash = on
wal_level = replica
checkpoint_timeout = 30s
});
my $folder = PostgreSQL::Test::Utils::tempdir;

$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE events (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL,
		n int NOT NULL, payload text) USING eventstore;
	CREATE UNIQUE INDEX events_entity ON events (entity_id, n);
	CREATE INDEX events_position ON events (position);
});

# A transaction: its SQL, and how many rows it leaves.
sub transaction
{
	my ($kind, $entity) = @_;
	my $into = 'INSERT INTO events (entity_id, n, payload)';

	return ("$into VALUES ('$entity', 1, 'p') RETURNING 'position ' || position;\n", 1)
	  if $kind == 0;
	return ("$into SELECT '$entity', g, repeat('p', 100) FROM generate_series(1, 7) g;\n", 7)
	  if $kind == 1;
	return ("BEGIN; $into VALUES ('$entity', 1, 'p'); $into VALUES ('$entity', 2, 'p');"
		  . " SAVEPOINT a; $into VALUES ('$entity', 3, 'p'), ('$entity', 4, 'p'); ROLLBACK TO a;"
		  . " $into VALUES ('$entity', 3, 'p'); COMMIT;\n", 3)
	  if $kind == 2;
	return ("COPY events (entity_id, n, payload) FROM STDIN;\n"
		  . join('', map { "$entity\t$_\t" . ('c' x 400) . "\n" } 1 .. 30) . "\\.\n", 30)
	  if $kind == 3;
	return ("$into SELECT '$entity', g % 3, 'p' FROM generate_series(0, 5) g ON CONFLICT DO NOTHING;\n", 3)
	  if $kind == 4;
	return ("$into SELECT '$entity', 1, string_agg(md5(g::text), '') FROM generate_series(1, 500) g;\n", 1)
	  if $kind == 5;
	return ("BEGIN; $into SELECT '$entity', g, 'p' FROM generate_series(1, 5) g; ROLLBACK;\n", 0)
	  if $kind == 6;
	return ("$into SELECT '$entity', g, repeat('p', 1500) FROM generate_series(1, 40) g;\n", 40);
}

# A client in a process of its own.  Its file has, a line each, what it is about
# to do ("sent") and what the server has acknowledged ("done").
sub client
{
	my ($round, $number) = @_;
	my ($from, $to);

	open(my $log, '>', "$folder/$round-$number") or die $!;
	$log->autoflush(1);
	open(STDERR, '>', '/dev/null');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	open2($from, $to, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres');
	$to->autoflush(1);
	for (my $i = 0;; $i++)
	{
		my $entity = "r$round-c$number-$i";
		my ($sql, $rows) = transaction(($i + $number) % 8, $entity);
		my $position = '';

		print $log "sent $entity $rows\n";
		print $to $sql, "\\echo done $i\n";
		while (1)
		{
			my $line = <$from>;

			return if !defined $line;
			$position = $1 if $line =~ /^position (\d+)/;
			last if $line eq "done $i\n";
		}
		print $log "done $entity $position\n";
	}
	return;
}

# Something else that goes on all the time, until the round is over: it has no
# connection, so may not notice, while it waits.
sub repeat_sql
{
	my ($round, $sql) = @_;

	open(STDERR, '>', '/dev/null');
	open(STDOUT, '>', '/dev/null');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	usleep(50_000)
	  while !-e "$folder/over-$round"
	  && system('psql', '-XAtq', '-d', 'postgres', '-c', $sql) == 0;
	return;
}

sub fork_off
{
	my ($run) = @_;
	my $pid = fork();

	die "fork: $!" if !defined $pid;
	return $pid if $pid != 0;
	$SIG{TERM} = 'DEFAULT';
	$run->();
	POSIX::_exit(0);
}

# Returns when all is over, and the server is up again.
sub kill_server
{
	my ($round, $mode, @children) = @_;
	my $log_end = -s $node->logfile;

	if ($mode eq 'immediate')
	{
		$node->stop('immediate');
	}
	elsif ($mode eq 'postmaster')
	{
		my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');

		$node->kill9;
		for (1 .. 600)
		{
			last if !kill 0, $pid;
			usleep(50_000);
		}
	}
	else
	{
		my $pid;

		# one that is adding rows, if there is one at this moment
		do
		{
			$pid = $node->safe_psql('postgres', q{
				SELECT pid FROM pg_stat_activity
				WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
				ORDER BY query ~ 'INSERT|COPY' DESC, random() LIMIT 1});
		} until $pid;
		kill 'KILL', $pid;
	}
	append_to_file("$folder/over-$round", '');
	waitpid($_, 0) foreach @children;

	if ($mode eq 'backend')
	{
		wait_until_up($node, 'postgres', $log_end);
	}
	else
	{
		$node->start;
	}
	return;
}

sub check_round
{
	my ($round, $mode) = @_;
	my (%sent, %done, %rows, %position);
	my @wrong;
	my $what = "round $round ($mode)";

	foreach my $number (1 .. $workers)
	{
		foreach my $line (split /\n/, slurp_file("$folder/$round-$number"))
		{
			my ($event, $entity, $value) = split / /, $line;

			$sent{$entity} = $value if $event eq 'sent';
			$done{$entity} = $value // '' if $event eq 'done';
		}
	}
	foreach my $line (
		split /\n/,
		$node->safe_psql('postgres', qq{
			SELECT entity_id, count(*), min(position) FROM events
			WHERE entity_id LIKE 'r$round-%' GROUP BY 1}))
	{
		my ($entity, $count, $first) = split /\|/, $line;

		$rows{$entity} = $count;
		$position{$entity} = $first;
	}
	foreach my $entity (sort keys %sent)
	{
		my $have = $rows{$entity} // 0;

		push @wrong, "$entity: $have of $sent{$entity} rows, acknowledged"
		  if exists $done{$entity} && $have != $sent{$entity};
		push @wrong, "$entity: $have of $sent{$entity} rows"
		  if $have != 0 && $have != $sent{$entity};
		push @wrong, "$entity: position $position{$entity}, acknowledged as $done{$entity}"
		  if $have && ($done{$entity} // '') ne '' && $position{$entity} != $done{$entity};
	}
	push @wrong, map { "$_: never sent" } grep { !exists $sent{$_} } sort keys %rows;
	is(join("\n", @wrong), '', "$what: acknowledged rows are there, others whole or absent");
	cmp_ok(scalar keys %done, '>', $workers, "$what: there was load");
	note("$what: " . (scalar keys %done) . ' transactions acknowledged');
	return;
}

sub check_table
{
	my ($what, $highest_before) = @_;

	is_sound($node, 'postgres', $what);
	is( $node->safe_psql('postgres', 'SELECT count(*) = count(DISTINCT position) FROM events'),
		't', "$what: no position twice");
	is( $node->safe_psql('postgres', q{
			SET enable_seqscan = off; SET enable_bitmapscan = off;
			SELECT (SELECT count(*) FROM events WHERE position > 0) = count(*) FROM events WHERE entity_id > ''}),
		't', "$what: two indexes agree");
	is( $node->safe_psql('postgres', q{
			SELECT count(*) = (SELECT count(*) FROM (SELECT entity_id, n FROM events GROUP BY 1, 2) x)
			FROM events}),
		't', "$what: the unique index is right");
	is( $node->safe_psql('postgres', qq{
			INSERT INTO events (entity_id, n) VALUES ('after', $highest_before + 1)
			RETURNING position > $highest_before}),
		't', "$what: positions go on");
	return;
}

foreach my $round (1 .. @rounds)
{
	my $mode = $rounds[ $round - 1 ];
	my @children;

	foreach my $number (1 .. $workers)
	{
		push @children, fork_off(sub { client($round, $number) });
	}
	push @children, fork_off(sub { repeat_sql($round, 'VACUUM (FREEZE) events') });
	push @children, fork_off(sub { repeat_sql($round, 'CHECKPOINT') });
	usleep(700_000 + int(rand(1_000_000)));
	kill_server($round, $mode, @children);

	my $highest = $node->safe_psql('postgres', 'SELECT max(position) FROM events');
	check_round($round, $mode);
	check_table("round $round ($mode)", $highest);
}

# earlier rounds are still what they were
check_round($_, $rounds[ $_ - 1 ]) foreach 1 .. @rounds;

$node->stop;
done_testing();
