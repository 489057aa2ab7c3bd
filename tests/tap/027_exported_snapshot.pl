# A snapshot that one session exports and others import shows the same rows of an
# event table as of a heap table: by every plan, in every isolation level that
# allows it, through inserts, rollbacks, VACUUM, VACUUM FULL and TRUNCATE that come
# between.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE events (k int, who text) USING eventstore;
	CREATE TABLE rows (k int, who text) USING heap;
	CREATE INDEX ON events (k);
	CREATE INDEX ON rows (k);
});

# What is done to one table is done to the other.
sub both
{
	my ($session, $statement) = @_;

	$session->query_safe($statement =~ s/TWIN/$_/gr) foreach ('events', 'rows');
	return;
}

# Their rows, by every kind of plan, must be the same, and as many.
sub is_same
{
	my ($session, $count, $what) = @_;
	my $answer = q{(SELECT count(*) || ' ' || coalesce(md5(string_agg(k || who, ',' ORDER BY k, who)), '') FROM %s WHERE k > 0)};
	my $query = 'SELECT ' . join(' || E\'\n\' || ', map { sprintf $answer, $_ } ('events', 'rows'));

	my @plans = ('enable_seqscan', 'enable_indexscan', 'enable_bitmapscan');
	foreach my $plan (@plans)
	{
		my ($events, $rows);

		$session->query_safe(join ';', map { "SET $_ = " . ($_ eq $plan ? 'on' : 'off') } @plans);
		($events, $rows) = split /\n/, $session->query_safe($query);
		is($events, $rows, "$what: the same rows, by $plan");
		like($events, qr/^$count /, "$what: $count rows, by $plan");
	}
	return;
}

my $writer = $node->background_psql('postgres');
my $open = $node->background_psql('postgres');
my $exporter = $node->background_psql('postgres');
my @importers = map { $node->background_psql('postgres') } (0 .. 2);
my @levels = ('REPEATABLE READ', 'SERIALIZABLE', 'SERIALIZABLE READ ONLY');

both($writer, q{INSERT INTO TWIN SELECT g, 'before' FROM generate_series(1, 500) g});
$open->query_safe('BEGIN');
both($open, q{INSERT INTO TWIN SELECT g, 'open' FROM generate_series(1001, 1100) g});
$open->query_safe('SAVEPOINT a');
both($open, q{INSERT INTO TWIN SELECT g, 'rolled back' FROM generate_series(1101, 1200) g});
$open->query_safe('ROLLBACK TO a');

# the exporter has rows of its own, which nobody else sees
$exporter->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
both($exporter, q{INSERT INTO TWIN VALUES (2001, 'exporter')});
is_same($exporter, 501, 'exporter');
my $snapshot = $exporter->query_safe('SELECT pg_export_snapshot()');

# time passes
$open->query_safe('COMMIT');
both($writer, q{INSERT INTO TWIN SELECT g, 'after' FROM generate_series(3001, 3300) g});
$writer->query_safe('BEGIN');
both($writer, q{INSERT INTO TWIN SELECT g, 'rolled back' FROM generate_series(4001, 4300) g});
$writer->query_safe('ROLLBACK');
both($writer, 'VACUUM (FREEZE, INDEX_CLEANUP ON) TWIN');

# the exporter is not serializable: only a repeatable read can import from it
foreach my $i (0 .. 2)
{
	$importers[$i]->query_safe("BEGIN ISOLATION LEVEL $levels[0]");
	$importers[$i]->query_safe("SET TRANSACTION SNAPSHOT '$snapshot'");
	is_same($importers[$i], 500, "importer $i");
}
both($importers[1], q{INSERT INTO TWIN VALUES (2002, 'importer')});
is_same($importers[1], 501, 'importer with a row of its own');
is_same($importers[2], 500, 'another importer');
is_same($writer, 900, 'no snapshot');
$exporter->query_safe('ROLLBACK');
$importers[1]->query_safe('COMMIT');
both($writer, 'VACUUM (FREEZE, INDEX_CLEANUP ON) TWIN');
is_same($importers[0], 500, 'importer after the end of the exporter');
is_same($writer, 901, 'no snapshot');
$_->query_safe('COMMIT') foreach @importers[0, 2];

# serializable ones, and a rewrite of the tables
$exporter->query_safe("BEGIN ISOLATION LEVEL $levels[1]");
$snapshot = $exporter->query_safe('SELECT pg_export_snapshot()');
both($writer, q{INSERT INTO TWIN VALUES (5001, 'after')});
both($writer, 'VACUUM FULL TWIN');
foreach my $i (0 .. 2)
{
	$importers[$i]->query_safe("BEGIN ISOLATION LEVEL $levels[$i]");
	$importers[$i]->query_safe("SET TRANSACTION SNAPSHOT '$snapshot'");
	is_same($importers[$i], 901, "after VACUUM FULL, $levels[$i]");
}
$_->query_safe('COMMIT') foreach @importers;

# a table that was truncated since is empty for everybody
both($writer, 'TRUNCATE TWIN');
both($writer, q{INSERT INTO TWIN SELECT g, 'new' FROM generate_series(1, 3) g});
$importers[0]->query_safe("BEGIN ISOLATION LEVEL $levels[0]");
$importers[0]->query_safe("SET TRANSACTION SNAPSHOT '$snapshot'");
is_same($importers[0], 0, 'after TRUNCATE');
is_same($writer, 3, 'no snapshot');
$importers[0]->query_safe('COMMIT');
$exporter->query_safe('COMMIT');

$_->quit foreach ($writer, $open, $exporter, @importers);
is_sound($node, 'postgres', 'events');
$node->stop;
done_testing();
