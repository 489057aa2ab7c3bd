# Promotion while rows are stored: what synchronous replication has acknowledged
# is there, numbers are not used again, a cascaded standby follows, and pg_rewind
# takes back what the old primary did by itself.  Then the cascaded standby is
# promoted, too.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $conf = q{
wal_level = replica
wal_log_hints = on
wal_keep_size = 512MB
wal_consistency_checking = 'eventstore'
};
my $folder = PostgreSQL::Test::Utils::tempdir;
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text';
my %node;
my @loads;

$node{first} = new_server('first', allows_streaming => 1, conf => $conf);
$node{first}->start;
$node{first}->backup('start');
$node{second} = PostgreSQL::Test::Cluster->new('second');
$node{second}->init_from_backup($node{first}, 'start', has_streaming => 1);
$node{second}->start;
$node{third} = PostgreSQL::Test::Cluster->new('third');
$node{third}->init_from_backup($node{first}, 'start');
$node{third}->enable_streaming($node{second});
$node{third}->set_standby_mode;
$node{third}->start;

my $state = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(ctid::text || t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} qw(events gaps emptied given orders);
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm') AND NOT (pg_is_in_recovery() AND c.relpersistence = 'u')
	UNION ALL
	SELECT 'twice', position, string_agg(k::text, ' ') FROM events GROUP BY position HAVING count(*) > 1};

sub state_of
{
	my ($node) = @_;

	return $node->safe_psql('postgres', qq{
		$state UNION ALL $problems;
		SET enable_seqscan = off;
		SELECT 'by index', count(*), sum(k) FROM events WHERE k > 0});
}

# The hops have the same rows, and they are sound.
sub is_same
{
	my ($what, $from, @to) = @_;
	my $expected = state_of($node{$from});
	my $lsn = $node{$from}->lsn('flush');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike($expected, qr/problem|twice/, "$what: the $from server is sound");
	foreach my $to (@to)
	{
		$node{$to}->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'")
		  or die "the $to server does not follow";
		is(state_of($node{$to}), $expected, "$what: the $to server has the same rows");
	}
	return;
}

# A session that stores rows until its server is gone.  What psql prints of a
# statement it prints when the statement was acknowledged.
sub start_load
{
	my ($node, $number) = @_;
	my $script = "$folder/load_$number.sql";
	my $sql = '';

	foreach my $i (1 .. 20000)
	{
		my $k = $number * 1000000 + $i * 10;

		if ($i % 5 == 0)
		{
			$sql .= "BEGIN; INSERT INTO events (entity_id, k) VALUES ('undone', $k); ROLLBACK;\n";
		}
		elsif ($i % 5 == 1)
		{
			$sql .= "INSERT INTO events (entity_id, k, filler) SELECT 'load $number', $k + g, repeat('x', 400) FROM generate_series(0, 4) g RETURNING position, k;\n";
		}
		else
		{
			$sql .= "INSERT INTO events (entity_id, k) VALUES ('load $number', $k) ON CONFLICT DO NOTHING RETURNING position, k;\n";
		}
	}
	append_to_file($script, $sql);
	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $script ],
		'>', "$folder/acknowledged_$number", '2>', "$folder/errors_$number");
}

$node{first}->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE TABLE events ($columns) USING eventstore;
	CREATE UNIQUE INDEX ON events (k);
	CREATE TABLE gaps ($columns) USING eventstore;
	CREATE TABLE emptied ($columns) USING eventstore;
	CREATE TABLE given ($columns) USING eventstore;
	SELECT eventstore.create_store('orders');
	CREATE UNLOGGED TABLE scratch ($columns) USING eventstore;
	SET eventstore.run_pages = 1;
	INSERT INTO gaps (entity_id, filler) SELECT 'gaps', repeat('x', 1900) FROM generate_series(1, 300);
	INSERT INTO emptied (entity_id, filler) SELECT 'emptied', repeat('x', 1900) FROM generate_series(1, 300);
	INSERT INTO given (entity_id, k) SELECT 'given', g FROM generate_series(1, 300) g;
	INSERT INTO orders (entity_id, event_type) SELECT 'o' || g % 5, 'x' FROM generate_series(1, 300) g;
	INSERT INTO scratch (entity_id) VALUES ('scratch');
});
is_same('before', 'first', 'second', 'third');

# ---- under load, by surprise ----

$node{first}->append_conf('postgresql.conf', "synchronous_standby_names = 'second'");
$node{first}->reload;
$node{first}->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'})
  or die 'no synchronous standby';
@loads = map { start_load($node{first}, $_) } 1 .. 3;
$node{third}->poll_query_until('postgres', q{SELECT count(DISTINCT entity_id) = 3 AND count(*) > 300 FROM events})
  or die 'no load';

# the old primary lives on meanwhile: nothing more is acknowledged there
$node{second}->promote;
$node{first}->stop('immediate');
foreach my $load (@loads)
{
	eval { $load->finish; };
}
my @acknowledged = map { split /\n/, slurp_file("$folder/acknowledged_$_") } 1 .. 3;
cmp_ok(scalar @acknowledged, '>', 30, 'rows were acknowledged');
my %stored = map { $_ => 1 } split /\n/, $node{second}->safe_psql('postgres', 'SELECT position, k FROM events');
is(scalar(grep { !$stored{$_} } @acknowledged), 0, 'all of them are there, with their positions');
note(scalar(@acknowledged) . ' rows were acknowledged, ' . keys(%stored) . ' are there');
is_same('promoted', 'second', 'third');
is($node{second}->safe_psql('postgres', q{SELECT count(*) FROM events WHERE k % 10 = 0 AND k / 10 % 5 = 1 AND k + 4 NOT IN (SELECT k FROM events)}),
	'0', 'transactions are whole');

# Whatever a number was on the old primary, the new one does not know it: but of
# those that it knows it uses none again.
my $last = $node{second}->safe_psql('postgres', 'SELECT max(position) FROM events');
$node{second}->safe_psql('postgres', q{INSERT INTO events (entity_id, k) SELECT 'new primary', g FROM generate_series(1, 50) g});
is($node{second}->safe_psql('postgres', "SELECT count(*) FROM events WHERE entity_id = 'new primary' AND position > $last"),
	'50', 'numbers go on');

# ---- both sides go their own ways ----

my $own_way = q{
	INSERT INTO events (entity_id, k, filler) SELECT 'NAME', g, repeat('NAME', 100) FROM generate_series(100001, 100600) g;
	BEGIN; INSERT INTO gaps (entity_id, filler) SELECT 'gone', repeat('NAME', 400) FROM generate_series(1, SOME); ROLLBACK;
	INSERT INTO gaps (entity_id) VALUES ('NAME');
	TRUNCATE emptied;
	INSERT INTO emptied (entity_id, k) SELECT 'NAME', g FROM generate_series(1, SOME) g;
	INSERT INTO given VALUES (SOME000, 'NAME', 1);
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'NAME', 'large', json_build_object('v', string_agg(md5(g::text || 'NAME'), '')) FROM generate_series(1, 1000) g;
	CREATE TABLE made_by_NAME (entity_id text) USING eventstore;
	INSERT INTO made_by_NAME SELECT 'NAME' FROM generate_series(1, 100);
	BEGIN; INSERT INTO events (entity_id, k) VALUES ('prepared NAME', 99); PREPARE TRANSACTION 'by_NAME'};
my %vacuum = (
	first => [ 'VACUUM (FREEZE)', 'VACUUM FULL given' ],
	second => [ 'VACUUM (FREEZE) gaps, emptied, orders', 'VACUUM FULL orders' ]);

$node{first}->append_conf('postgresql.conf', q{synchronous_standby_names = ''});
$node{first}->start;
my %some = (first => 400, second => 250);
foreach my $name (qw(first second))
{
	$node{$name}->safe_psql('postgres', $own_way =~ s/NAME/$name/gr =~ s/SOME/$some{$name}/gr);
	$node{$name}->safe_psql('postgres', $_) foreach @{ $vacuum{$name} };
}
unlike(state_of($node{first}), qr/problem|twice/, 'the old primary is sound on its own way');
$node{first}->stop;
$node{second}->safe_psql('postgres', 'CHECKPOINT');
my $own_conf = slurp_file($node{first}->data_dir . '/postgresql.conf');
command_ok(
	[
		'pg_rewind', '--no-sync', '--source-server', $node{second}->connstr('postgres'),
		'--target-pgdata', $node{first}->data_dir
	],
	'pg_rewind');
unlink $node{first}->data_dir . '/postgresql.conf';
$node{first}->append_conf('postgresql.conf', $own_conf);
$node{first}->enable_streaming($node{third});
$node{first}->set_standby_mode;
$node{first}->start;
$node{second}->safe_psql('postgres', q{INSERT INTO events (entity_id, k) VALUES ('to all', 98); COMMIT PREPARED 'by_second'});
is_same('rewound', 'second', 'third', 'first');
is( $node{first}->safe_psql('postgres', q{
		SELECT count(*) FROM events WHERE entity_id LIKE '%first';
		SELECT to_regclass('made_by_first') IS NULL, to_regclass('made_by_second') IS NOT NULL}),
	"0\nt|t", 'nothing is left of what the old primary did by itself');

# ---- the end of the chain takes over ----

$node{second}->stop('immediate');
$node{third}->promote;
$node{third}->safe_psql('postgres', q{
	INSERT INTO events (entity_id, k) SELECT 'third', g FROM generate_series(200001, 200100) g;
	INSERT INTO gaps (entity_id) VALUES ('third');
	INSERT INTO emptied (entity_id) VALUES ('third');
	INSERT INTO given (entity_id) VALUES ('third');
	INSERT INTO orders (entity_id, event_type) VALUES ('third', 'x');
	INSERT INTO scratch (entity_id) VALUES ('third')});
is_same('promoted again', 'third', 'first');
is( $node{third}->safe_psql('postgres', q{
		SELECT max(position) FROM given;
		SELECT count(*) FROM scratch}),
	"250001\n1", 'numbers go on in the last one');

$node{first}->stop;
$node{third}->stop;
done_testing();
