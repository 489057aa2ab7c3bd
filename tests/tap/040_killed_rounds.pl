# Rounds: clients write everything that can be written, and somebody dies at a
# random moment or at a stop point: all processes of the server, its postmaster,
# a backend, the checkpointer, a process that recovers.  Then the journals of the
# clients are compared with the tables: see EventStoreLoad.pm.
#
# EVENTSTORE_CRASH_ROUNDS: how many (12).  EVENTSTORE_CRASH_SEED repeats the
# choices of a run, though not its moments.
use strict;
use warnings;

use EventStoreLoad;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = $ENV{EVENTSTORE_CRASH_ROUNDS} // 12;
my $seed = $ENV{EVENTSTORE_CRASH_SEED} // time;
# settings change and tables are made anew after so many rounds
my $rounds_of_table = 8;

note("EVENTSTORE_CRASH_SEED=$seed");
srand($seed);

# Without WAL summaries and the like: few buffers, so that pages are written
# and read again all the time.
my $node = new_server(
	'main',
	extra => [ '--wal-segsize=1', rand() < 0.5 ? ('--data-checksums') : () ],
	conf => q{
restart_after_crash = on
max_wal_senders = 0
max_replication_slots = 0
shared_buffers = 1MB
max_wal_size = 16MB
min_wal_size = 2MB
bgwriter_delay = 10ms
bgwriter_lru_maxpages = 1000
autovacuum = on
autovacuum_naptime = 1s
full_page_writes = on
log_min_messages = log
});

sub choose
{
	return $_[ int(rand(@_)) ];
}

sub new_settings
{
	my $level = choose('minimal', 'replica', 'replica');

	$node->append_conf('postgresql.conf', join("\n", '',
		"wal_level = $level",
		'wal_consistency_checking = ' . choose(q{''}, q{'eventstore'}, q{'all'}),
		'wal_writer_delay = ' . choose('1ms', '200ms'),
		'wal_skip_threshold = ' . choose('0', '2MB'),
		'checkpoint_completion_target = ' . choose('0', '0.9'),
		'synchronous_commit = ' . choose('on', 'local'), ''));
	return;
}

# The server begins anew by itself, unless somebody kills what recovers.
sub until_up
{
	my ($log_end) = @_;

	if (rand() < 0.2)
	{
		usleep(int(rand(150_000)));
		eval { kill_all_of($node) };
		start_again();
		return 'killed again';
	}
	wait_until_up($node, 'postgres', $log_end);
	return '';
}

# Starts it, and perhaps kills it while it recovers, once or twice.
sub start_again
{
	my $died = 0;

	while (rand() < 0.35 && $died < 2)
	{
		my $whom = choose('all', 'startup', 'all', 'checkpointer');

		system_or_bail('pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-W', '-s',
			'-o', "--cluster-name=" . $node->name, 'start');
		usleep(1000) while !-s $node->data_dir . '/postmaster.pid';
		usleep(int(rand(120_000)));
		my ($postmaster, $others) = processes_of($node);
		foreach my $pid (keys %$others)
		{
			kill 'KILL', $pid if $whom ne 'all' && $others->{$pid} =~ /^$whom/;
		}
		usleep(int(rand(20_000))) if $whom ne 'all';
		wait_until_gone($postmaster) if !eval { kill_all_of($node); 1 };
		is_gone($node);
		$died++;
	}
	$node->start;
	return $died;
}

# Ends a round.  Returns what was done.
sub die_now
{
	my ($mode) = @_;
	my $log_end = -s $node->logfile;
	my ($postmaster, $others) = processes_of($node);

	if ($mode eq 'all')
	{
		kill_all_of($node);
	}
	elsif ($mode eq 'immediate')
	{
		$node->stop('immediate');
	}
	elsif ($mode eq 'postmaster')
	{
		kill 'STOP', $postmaster;
		(undef, $others) = processes_of($node);
		kill 'KILL', $postmaster;
		usleep(int(rand(100_000)));
		kill 'KILL', $_ foreach keys %$others;
		wait_until_gone($postmaster, keys %$others);
		is_gone($node);
	}
	else
	{
		my @pids = grep { $others->{$_} =~ /^$mode/ } keys %$others;

		return die_now('all') if !@pids;
		kill 'KILL', choose(@pids);
		stop_load();
		return until_up($log_end);
	}
	stop_load();
	my $died = start_again();
	return $died ? "killed $died times in recovery" : '';
}

my @modes = ('all', 'all', 'all', 'immediate', 'postmaster', '\S+ postgres \[local\] (?:INSERT|COPY|COMMIT|SELECT|PREPARE|TRUNCATE|BEGIN)',
	'\S+ postgres \[local\] (?:VACUUM|CLUSTER|ALTER|CREATE|REINDEX)', '\S+ postgres \[local\]', 'checkpointer', 'background writer', 'walwriter', 'autovacuum',
	'point', 'point', 'point', 'point', 'point', 'point');
my %died_at;
my $acknowledged_in_all = 0;
my $has_points;

new_settings();
$node->start;
$has_points = has_stop_points($node);
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');
$node->safe_psql('postgres', q{SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck')}) eq 't'
  and $node->safe_psql('postgres', 'CREATE EXTENSION amcheck');

for my $round (1 .. $rounds)
{
	my $mode = choose(@modes);
	my $point;
	my $log_end = -s $node->logfile;

	if ($round % $rounds_of_table == 1)
	{
		if ($round > 1)
		{
			new_settings();
			$node->restart;
			$log_end = -s $node->logfile;
		}
		make_tables($node);
	}
	$mode = 'all' if $mode eq 'point' && !$has_points;
	$point = choose(@EventStoreLoad::STOP_POINTS) if $mode eq 'point';
	start_load($node, point => $point);

	my $how = $mode;
	my $more = '';

	if (defined $point)
	{
		my $over = 0;

		for (1 .. 150)
		{
			last if ($over = load_has_ended());
			usleep(10_000);
		}
		if ($over)
		{
			$how = "point $point";
			stop_load();
			$more = until_up($log_end);
			$died_at{$point}++;
		}
		else
		{
			$how = "point $point not reached, all";
			$more = die_now('all');
		}
	}
	else
	{
		usleep(int(rand(500_000)));
		$more = die_now($mode);
	}
	$died_at{$mode}++ if !defined $point;

	my ($acknowledged, @wrong) = check_tables($node);

	is(join("\n", @wrong), '', "round $round: $how" . ($more ? ", $more" : '') . ", $acknowledged acknowledged");
	$acknowledged_in_all += $acknowledged;
	BAIL_OUT("see the data folder") if @wrong && $rounds > 100;
}

note('died at: ' . join(', ', map { "$_ $died_at{$_}" } sort keys %died_at));
note("$acknowledged_in_all transactions acknowledged");
ok(slurp_file($node->logfile) !~ /PANIC:|TRAP:|server process .* was terminated by signal (?!9)/, 'nobody died who was not killed');
$node->stop;
done_testing();
