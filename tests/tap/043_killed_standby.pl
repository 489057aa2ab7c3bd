# A standby dies at random moments while it replays all that can be written, with
# every page of every record compared; now and then the primary dies too, or the
# standby while it recovers.  When it has caught up, it has what the primary has.
#
# EVENTSTORE_CRASH_ROUNDS: how many (3; 20 if PG_TEST_EXTRA says "long").
use strict;
use warnings;

use EventStoreLoad;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = $ENV{EVENTSTORE_CRASH_ROUNDS} // (wants_long() ? 20 : 3);
my $rounds_of_table = 10;
my $conf = q{
restart_after_crash = on
shared_buffers = 1MB
min_wal_size = 2MB
max_wal_size = 32MB
bgwriter_delay = 10ms
bgwriter_lru_maxpages = 1000
autovacuum = on
autovacuum_naptime = 1s
wal_consistency_checking = all
log_min_messages = log
hot_standby = on
hot_standby_feedback = off
max_standby_streaming_delay = 1s
};

my $primary = new_server('primary', allows_streaming => 1, extra => ['--wal-segsize=1'], conf => $conf);
$primary->start;
$primary->safe_psql('postgres', q{CREATE EXTENSION eventstore; SELECT pg_create_physical_replication_slot('standby', true)});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{primary_slot_name = 'standby'});
$standby->start;

sub choose
{
	return $_[ int(rand(@_)) ];
}

# The standby dies, is started, and perhaps dies again before it has got far.
sub kill_standby
{
	my $died = 0;

	do
	{
		my ($postmaster, $others) = processes_of($standby);
		my $whom = choose('all', 'all', 'startup', 'checkpointer', 'walreceiver');
		my ($pid) = grep { $others->{$_} =~ /^$whom/ } keys %$others;

		if (defined $pid)
		{
			kill 'KILL', $pid;
			usleep(int(rand(50_000)));
		}

		# without a process that recovers it may have ended by itself
		wait_until_gone($postmaster) if !eval { kill_all_of($standby); 1 };
		is_gone($standby);
		$standby->start;
		$died++;
		usleep(int(rand(150_000)));
	} while (rand() < 0.3 && $died < 4);
	return $died;
}

my $query = q{
	SELECT 'events', count(*), md5(string_agg(t::text || ctid, chr(10) ORDER BY ctid)) FROM events t;
	SELECT 'plain', count(*), md5(string_agg(t::text || ctid, chr(10) ORDER BY ctid)) FROM plain t;
	SELECT 'turns', count(*), md5(string_agg(t::text || ctid, chr(10) ORDER BY ctid)) FROM turns t;
	SELECT 'store', count(*), md5(string_agg(t::text || ctid, chr(10) ORDER BY ctid)) FROM store t;
	SET enable_seqscan = off;
	SELECT count(*), sum(n) FROM events WHERE position > 0;
	SELECT count(*), sum(n) FROM events WHERE entity_id > '';
};

for my $round (1 .. $rounds)
{
	make_tables($primary) if $round % $rounds_of_table == 1;
	start_load($primary);
	usleep(int(rand(300_000)));
	my $died = kill_standby();
	usleep(int(rand(200_000)));
	if (rand() < 0.5)
	{
		kill_all_of($primary);
	}
	else
	{
		$primary->stop('immediate');
	}
	stop_load();
	$died += kill_standby() if rand() < 0.2;
	$primary->start;

	my ($acknowledged, @wrong) = check_tables($primary);

	is(join("\n", @wrong), '', "round $round: the primary has all, $acknowledged acknowledged");
	eval { $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); 1 } or do
	{
		my $error = $@;

		diag('slots: ' . $primary->safe_psql('postgres', 'TABLE pg_replication_slots'));
		diag($_->name . ': ' . $_->safe_psql('postgres', q{SELECT string_agg(name, ' ' ORDER BY name) FROM pg_ls_waldir()}))
		  foreach $primary, $standby;
		die $error;
	};
	is($standby->safe_psql('postgres', $query), $primary->safe_psql('postgres', $query),
		"round $round: so has the standby, which died $died times");
	is_sound($standby, 'postgres', "round $round, standby");
	BAIL_OUT('see the data folder') if $rounds > 100 && !Test::More->builder->is_passing;
}

foreach my $node ($primary, $standby)
{
	ok(slurp_file($node->logfile) !~ /PANIC:|TRAP:|inconsistent page found|server process .* was terminated by signal (?!9)/, $node->name . ': nobody died who was not killed');
}
$standby->stop;
$primary->stop;
done_testing();
