# For tests of the background worker: a server with one that comes at once, rows
# that are due, and where the worker is.
package EventStoreWorker;

use strict;
use warnings;

use EventStoreTest;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  worker_conf
  make_table
  fill
  hold_worker
  release_worker
  inside
  nobody_in
  log_end
  compacted
  log_since
);

# A worker whose visits can be seen in the log, and that never waits for long.
sub worker_conf
{
	my ($more) = @_;

	return q{
eventstore.worker = on
eventstore.worker_naptime = 50ms
eventstore.compaction_cost_delay = 0
deadlock_timeout = 10ms
restart_after_crash = on
wal_level = replica
log_min_messages = debug1
} . ($more // '');
}

sub make_table
{
	my ($node, $db, @tables) = @_;

	$node->safe_psql($db, "CREATE TABLE $_ (position bigint NOT NULL DEFAULT 0, entity_id text, k int) USING eventstore")
	  foreach @tables;
	return;
}

# Rows enough for a worker to compact a table.
sub fill
{
	my ($node, $db, @tables) = @_;

	$node->safe_psql($db, "INSERT INTO $_ (entity_id, k) SELECT 'e' || g % 100, g FROM generate_series(1, 60000) g")
	  foreach @tables;
	return;
}

# From now on every worker that comes to the database stays inside the first table
# that is due, until it is cancelled.
sub hold_worker
{
	my ($node, $db) = @_;

	$node->safe_psql('postgres', "ALTER DATABASE $db SET eventstore.stop_point = 'worker-before-duty=hang'");
	return;
}

sub release_worker
{
	my ($node, $db) = @_;

	$node->safe_psql('postgres', qq{
		ALTER DATABASE $db RESET eventstore.stop_point;
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'eventstore worker' AND datname = '$db'});
	return;
}

# Waits until a held worker is inside a table, and returns the process and the
# table.
sub inside
{
	my ($node, $db, $table) = @_;
	my $from = "FROM pg_stat_activity WHERE backend_type = 'eventstore worker' AND datname = '$db'"
	  . " AND wait_event_type = 'Extension' AND query LIKE 'eventstore: compact %'";

	$from .= " AND query LIKE '%.$table'" if defined $table;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $from") or die "no worker is inside $db";
	return split /\|/, $node->safe_psql('postgres', "SELECT pid, regexp_replace(query, '.*[.]', '') $from");
}

sub nobody_in
{
	my ($node, $db) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'eventstore worker' AND datname = '$db'") eq '0';
}

sub log_end
{
	my ($node) = @_;

	return -s $node->logfile;
}

sub log_since
{
	my ($node, $from) = @_;

	return substr slurp_file($node->logfile), $from;
}

# The worker compacts the tables, all after a place in the log.
sub compacted
{
	my ($node, $from, $what, @tables) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->wait_for_log(qr/compacted table "$_"/, $from) foreach @tables;
	return pass($what);
}

1;
