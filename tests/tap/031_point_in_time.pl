# Recovery to a point in time, out of an archive: exactly what had committed
# before the target is there, whatever was open at it, and numbers go on behind
# everything that was replayed.
#
# One primary server archives while sessions leave transactions open; the targets
# lie in the middle of them.  From one base backup a server is made for each.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', has_archiving => 1, allows_streaming => 1, conf => 'wal_level = replica');
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int UNIQUE, filler text';
my $state = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(ctid::text || t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} qw(events other emptied);
my $by_index = q{SET enable_seqscan = off; SELECT 'by index', count(*), sum(k)::text FROM events WHERE k > 0};
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm')};

$primary->start;
$primary->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE TABLE events ($columns) USING eventstore;
	CREATE TABLE other ($columns) USING eventstore;
	CREATE TABLE emptied ($columns) USING eventstore;
	INSERT INTO events (entity_id, k) SELECT 'first', g FROM generate_series(1, 300) g;
	INSERT INTO emptied (entity_id, k) SELECT 'first', g FROM generate_series(1, 300) g;
});
$primary->backup('base');

# Sessions with transactions that began before a target and end after it.  Each
# has rows in the middle of the others', and commits, rolls back, or is still open
# at the end.
my @sessions = map { $primary->background_psql('postgres') } 1 .. 3;
my $k = 1000;

sub open_transactions
{
	foreach my $session (@sessions)
	{
		$k += 100;
		$session->query_safe("BEGIN; INSERT INTO events (entity_id, k, filler) SELECT 'open', g, repeat('o', 300) FROM generate_series($k, $k + 59) g");
	}
	return;
}

sub store
{
	my ($n, $end) = @_;

	$k += 1000;
	$primary->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO events (entity_id, k, filler) SELECT 'stored', g, repeat('s', 500) FROM generate_series($k, $k + $n - 1) g;
		INSERT INTO other (entity_id, k) SELECT 'stored', g FROM generate_series($k, $k + $n - 1) g;
		$end});
	return;
}

# Before a target: rows that count, rows that do not; after it: rows that must
# not be there, and the ends of the open transactions.
my @targets;

sub before_target
{
	store(100, 'COMMIT');
	store(100, 'ROLLBACK');
	open_transactions();
	store(10, 'COMMIT');
	$primary->safe_psql('postgres', qq{
		BEGIN;
		INSERT INTO other (entity_id, k) VALUES ('prepared', $k + 500);
		PREPARE TRANSACTION 'at_$k'});
	return;
}

sub after_target
{
	my ($what, %settings) = @_;

	push @targets,
	  {
		what => $what,
		settings => \%settings,
		long => $what =~ /^a (?:place|transaction)/,
		prepared => "at_$k",
		state => $primary->safe_psql('postgres', "$state; $by_index"),
		end => $primary->safe_psql('postgres', 'SELECT max(position) FROM events')
	  };
	store(20, 'COMMIT');
	$primary->safe_psql('postgres', "COMMIT PREPARED 'at_" . ($k - 1000) . "'");
	$sessions[0]->query_safe('COMMIT');
	$sessions[1]->query_safe('ROLLBACK');
	$sessions[2]->query_safe('SAVEPOINT a');
	$sessions[2]->query_safe("INSERT INTO events (entity_id, k) VALUES ('savepoint', $k + 900)");
	$sessions[2]->query_safe('COMMIT');
	$primary->safe_psql('postgres', q{
		TRUNCATE emptied;
		INSERT INTO emptied (entity_id, k) SELECT 'again', g FROM generate_series(1, 10) g});
	$primary->safe_psql('postgres', 'VACUUM (FREEZE) events, other');
	return;
}

# a restore point
before_target();
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('chosen')});
after_target('a restore point', recovery_target_name => 'chosen');

# a time between two commits
before_target();
my $time = $primary->safe_psql('postgres', 'SELECT clock_timestamp()');
after_target('a time', recovery_target_time => $time);

# a place in the WAL
before_target();
my $lsn = $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
after_target('a place in the WAL', recovery_target_lsn => $lsn);

# a transaction, its commit included
before_target();
my $xid = $primary->safe_psql('postgres', qq{
	BEGIN;
	INSERT INTO events (entity_id, k) VALUES ('transaction', $k + 700);
	SELECT pg_current_xact_id();
	COMMIT});
after_target('a transaction', recovery_target_xid => $xid);

# the same transaction, excluded
push @targets,
  {
	%{ $targets[-1] },
	what => 'before a transaction',
	settings => { recovery_target_xid => $xid, recovery_target_inclusive => 'off' },
	long => 0,
	without => q{entity_id = 'transaction'}
  };

# Transactions that are open when the archive ends: without a target, everything
# that had committed until then.  No server is asked but the archive.
open_transactions();
store(50, 'COMMIT');
push @targets,
  {
	what => 'the end of the archive',
	settings => {},
	state => $primary->safe_psql('postgres', "$state; $by_index"),
	end => $primary->safe_psql('postgres', 'SELECT max(position) FROM events')
  };
my $segment = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver")
  or die 'the WAL is not archived';
$primary->stop('immediate');
foreach my $session (@sessions)
{
	eval { $session->{run}->finish; };
}

foreach my $target (@targets)
{
	next if $target->{long} && !wants_long();

	my $what = $target->{what};
	my $name = 'to_' . $what =~ tr/ /_/r;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
	$node->append_conf('postgresql.conf', "archive_mode = off\nrecovery_target_action = promote");
	$node->append_conf('postgresql.conf', "$_ = '$target->{settings}{$_}'") foreach sort keys %{ $target->{settings} };
	$node->start;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die "$name does not end its recovery";

	my $expected = $target->{state};
	if (defined $target->{without})
	{
		# what the primary says of a moment that it has left behind
		is(count_of($node, 'postgres', "events WHERE $target->{without}"), '0', "$what: it is not there");
		$expected =~ s/^(?:events|by index)\|(\d+)\|.*\n?/$1 - 1 . "\n"/gem;
		is( $node->safe_psql('postgres', "$state; $by_index") =~ s/^(?:events|by index)\|(\d+)\|.*\n?/$1\n/gmr,
			$expected, "$what: all others are");
	}
	else
	{
		is($node->safe_psql('postgres', "$state; $by_index"), $expected, "$what: what was committed is there");
	}
	is($node->safe_psql('postgres', $problems), '', "$what: verify finds nothing");

	# the last rows before a target are committed ones, behind those that are open
	is( $node->safe_psql('postgres', qq{
			SELECT max(position) AS last FROM events \\gset
			INSERT INTO events (entity_id, k) SELECT 'later', g FROM generate_series(100001, 100300) g;
			SELECT min(position) > :last AND min(position) > $target->{end}, count(*), count(DISTINCT position) FROM events WHERE k > 100000;
			SELECT count(*) FROM events GROUP BY position HAVING count(*) > 1}),
		't|300|300', "$what: numbers go on");
	if (defined $target->{prepared})
	{
		is( $node->safe_psql('postgres', qq{
				SELECT count(*) FROM other WHERE entity_id = 'prepared';
				COMMIT PREPARED '$target->{prepared}';
				SELECT count(*) FROM other WHERE entity_id = 'prepared'}) =~ /^(\d+)\n(\d+)$/ && $2 - $1,
			1, "$what: what was prepared can be committed");
	}
	$node->safe_psql('postgres', 'VACUUM (FREEZE) events, other, emptied');
	is($node->safe_psql('postgres', $problems), '', "$what: verify finds nothing after more rows and VACUUM");
	$node->stop('immediate');
}

done_testing();
