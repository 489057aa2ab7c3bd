# On a standby nothing runs in the background; a worker comes when it is promoted,
# and is not there while the server only recovers.  What the worker does on the
# primary server reaches the standby.
use strict;
use warnings;

use EventStoreTest;
use EventStoreWorker;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1, conf => worker_conf("wal_consistency_checking = 'eventstore'\n"));

$primary->start;
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', 'CREATE EXTENSION eventstore');
make_table($primary, 'postgres', qw(orders visits));
fill($primary, 'postgres', qw(orders visits));
compacted($primary, 0, 'a worker on the primary server', qw(orders visits));
my %rows = map { $_ => rows_of($primary, 'postgres', $_) } qw(orders visits);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));

my $processes = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'eventstore%'};
is($standby->safe_psql('postgres', $processes), '0', 'no launcher and no worker on the standby');
is(rows_of($standby, 'postgres', $_), $rows{$_}, "rows of $_ on the standby") foreach sort keys %rows;
unlike(slurp_file($standby->logfile), qr/starting background worker process "eventstore/, 'the standby has not started one');

my $from = log_end($standby);
$primary->stop;
$standby->promote;
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'eventstore launcher'}),
	'a launcher after the promotion');
fill($standby, 'postgres', qw(orders visits));
compacted($standby, $from, 'and a worker', qw(orders visits));
is_sound($standby, 'postgres', 'after the promotion');

# one that recovers from a crash
$standby->stop('immediate');
$from = log_end($standby);
$standby->start;
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'eventstore launcher'}),
	'a launcher after recovery');
my $log = log_since($standby, $from);
ok($log =~ /redo done|redo is not required/ && $log !~ /background worker process "eventstore.*redo (?:done|is not)/s, 'not before');
is_sound($standby, 'postgres', 'after recovery');

$standby->stop;
done_testing();
