# The background worker comes by itself, to one database after the other, and can
# be seen.  It passes over what it cannot compact, and nothing of what can happen
# to it needs anybody's help.
use strict;
use warnings;

use EventStoreTest;
use EventStoreWorker;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => worker_conf("eventstore.max_workers = 1\n"));

$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(one two plain);
$node->safe_psql($_, 'CREATE EXTENSION eventstore') foreach qw(one two);
$node->safe_psql('postgres', 'CREATE DATABASE closed ALLOW_CONNECTIONS false');
my $oid_of_plain = $node->safe_psql('postgres', q{SELECT oid FROM pg_database WHERE datname = 'plain'});

# ---- it comes ----

is( $node->safe_psql('postgres', q{
		SELECT datname, application_name, backend_type FROM pg_stat_activity WHERE backend_type LIKE 'eventstore%'
		AND backend_type <> 'eventstore worker'}),
	'|eventstore launcher|eventstore launcher', 'there is a launcher');

my $from = log_end($node);
make_table($node, 'one', 'orders');
make_table($node, 'two', 'visits');
fill($node, 'one', 'orders');
fill($node, 'two', 'visits');
compacted($node, $from, 'a table of each of two databases, by one worker at a time', qw(orders visits));

$from = log_end($node);
$node->safe_psql('one', q{
	CREATE SCHEMA "Other";
	CREATE UNLOGGED TABLE "Other"."Scratch pad" (entity_id text) USING eventstore;
	CREATE TABLE parts (entity_id text, k int) PARTITION BY RANGE (k);
	CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (60000) USING eventstore;
	CREATE TABLE part_2 PARTITION OF parts FOR VALUES FROM (60000) TO (120000) USING eventstore;
	INSERT INTO "Other"."Scratch pad" SELECT 'e' FROM generate_series(1, 60000);
	INSERT INTO parts SELECT 'e', g FROM generate_series(1, 119999) g;
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT * FROM generate_series(1, 60000)});
compacted($node, $from, 'unlogged tables, partitions, materialised views', 'Scratch pad', qw(part_1 part_2 totals));

my $session = $node->background_psql('one');
$session->query_safe(q{
	CREATE TEMPORARY TABLE mine (entity_id text) USING eventstore;
	INSERT INTO mine SELECT 'e' FROM generate_series(1, 60000)});
$from = log_end($node);
fill($node, 'one', 'orders');
compacted($node, $from, 'more rows of the first table', 'orders');
unlike(log_since($node, 0), qr/table "mine"/, 'not the temporary table of a session');
$session->quit;

# ---- what can be seen of it ----

SKIP:
{
	skip 'no stop points in this build', 9 if !has_stop_points($node);

	hold_worker($node, 'one');
	fill($node, 'one', 'orders');
	my ($pid) = inside($node, 'one', 'orders');
	is( $node->safe_psql('postgres', "SELECT datname, application_name, backend_type, state, query FROM pg_stat_activity WHERE pid = $pid"),
		'one|eventstore worker|eventstore worker|active|eventstore: compact public.orders', 'a worker at work');
	is($node->safe_psql('postgres', "SELECT backend_xmin IS NULL FROM pg_stat_activity WHERE pid = $pid"), 't', 'it holds no horizon back');
	is( $node->safe_psql('one', "SELECT mode, granted FROM pg_locks WHERE pid = $pid AND relation = 'orders'::regclass"),
		'ShareUpdateExclusiveLock|t', 'it has its lock');
	is($node->safe_psql('one', 'SELECT count(*) > 0 FROM orders; INSERT INTO orders (k) VALUES (0)'), 't', 'readers and writers do not notice');
	$node->safe_psql('one', 'CREATE TABLE other (n int)');
	$node->safe_psql('one', 'CREATE INDEX CONCURRENTLY other_n ON other (n)');
	pass('CREATE INDEX CONCURRENTLY of another table does not wait for it');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'eventstore worker'}), '1', 'there is one at a time');

	# ---- with two slots, two work at a time ----

	hold_worker($node, 'two');
	$node->append_conf('postgresql.conf', 'eventstore.max_workers = 2');
	$node->restart;
	fill($node, 'one', 'orders');
	fill($node, 'two', 'visits');
	my ($first) = inside($node, 'one');
	my ($second) = inside($node, 'two');
	isnt($first, $second, 'a worker in each of two databases');

	# ---- switched off and on ----

	$from = log_end($node);
	$node->safe_psql('postgres', 'ALTER SYSTEM SET eventstore.worker = off');
	$node->reload;
	ok( $node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'eventstore worker'}),
		'switched off, workers leave');
	unlike(log_since($node, $from), qr/(?:FATAL|ERROR|LOG): .*(?:cancel|terminat)/, 'and say nothing');
	release_worker($node, $_) foreach qw(one two);
}
$node->safe_psql('postgres', 'ALTER SYSTEM SET eventstore.worker = off');
$node->reload;
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'eventstore worker'}) or die 'a worker stays';
$from = log_end($node);
fill($node, 'one', 'orders');
fill($node, 'two', 'visits');
$node->restart;
is( $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'eventstore%'}),
	'1', 'off when the server starts, there is a launcher');
unlike(log_since($node, $from), qr/compacted table/, 'and nothing is compacted');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET eventstore.worker');
$node->reload;
compacted($node, $from, 'switched on, it compacts what was written before the start', qw(orders visits));

# ---- errors ----

# The first page of one table is damaged.
$node->safe_psql('postgres', 'ALTER SYSTEM SET eventstore.worker = off');
$node->reload;
make_table($node, 'one', qw(a_damaged b_sound));
fill($node, 'one', qw(a_damaged b_sound));
my $file = $node->data_dir . '/' . $node->safe_psql('one', q{SELECT pg_relation_filepath('a_damaged')});
$node->stop;
open(my $handle, '+<', $file) or die "$file: $!";
binmode $handle;
print $handle 'F' x 8192;
close $handle;
# the first visit is at once; how long a table is left alone afterwards is counted
# in naptimes of that moment
$from = log_end($node);
$node->append_conf('postgresql.auto.conf', "eventstore.worker = on\neventstore.worker_naptime = 1h");
$node->start;
compacted($node, $from, 'an error in one table does not keep it from others', 'b_sound');
$node->wait_for_log(qr/ERROR: .*\n(?:.*\n)?.*CONTEXT: .*eventstore worker: compact table .*/, $from);
pass('the error says where');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET eventstore.worker_naptime');
$node->reload;
foreach my $round (1 .. 5)
{
	my $begin = log_end($node);

	fill($node, 'one', 'b_sound');
	$node->wait_for_log(qr/compacted table "b_sound"/, $begin);
}
my $errors = () = log_since($node, $from) =~ /ERROR: /g;
is($errors, 1, 'and is not met again in every round');
$node->restart;
my $begin = log_end($node);
$node->wait_for_log(qr/ERROR: .*ERROR: /s, $begin);
pass('but again some time later');
$node->safe_psql('one', 'DROP TABLE a_damaged');

# ---- processes that end ----

sub is_there
{
	my ($type, $pid) = @_;

	return $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = '$type' AND pid <> $pid");
}

my $launcher = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'eventstore launcher'});
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
ok(is_there('eventstore launcher', $launcher), 'a launcher that was ended comes again');
$from = log_end($node);
fill($node, 'one', 'orders');
compacted($node, $from, 'and starts workers', 'orders');

SKIP:
{
	skip 'no stop points in this build', 5 if !has_stop_points($node);

	hold_worker($node, 'one');
	fill($node, 'one', 'orders');
	my ($pid) = inside($node, 'one');
	$from = log_end($node);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok(is_there('eventstore worker', $pid), 'another worker comes for one that was ended');

	($pid) = inside($node, 'one');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	$node->wait_for_log(qr/LOG: .*canceling a task of the eventstore worker\n.*CONTEXT: .*eventstore worker: compact table "public\.\w+"/, $from);
	pass('one that was cancelled says so');

	($pid) = inside($node, 'one');
	$from = log_end($node);
	kill('KILL', $pid);
	wait_until_up($node, 'postgres', $from);
	ok(is_there('eventstore launcher', 0), 'after a crash there is a launcher');
	($pid) = inside($node, 'one');
	pass('and a worker');

	$from = log_end($node);
	$node->stop('fast');
	like(log_since($node, $from), qr/database system is shut down/, 'the server stops while a worker works');
	$node->start;
	release_worker($node, 'one');
}

# ---- a database without event tables ----

my $starts = () = slurp_file($node->logfile) =~ /starting background worker process "eventstore worker for database $oid_of_plain"/g;
my $servers = () = slurp_file($node->logfile) =~ /database system is ready to accept connections|all server processes terminated; reinitializing/g;
cmp_ok($starts, '<=', $servers + 1, 'a database without the extension is visited once after a start');
cmp_ok($starts, '>=', 1, 'and is visited');
unlike(slurp_file($node->logfile), qr/not currently accepting connections/, 'one that allows no connections is not tried');
is_sound($node, 'one', 'at the end');
is_sound($node, 'two', 'at the end');
$node->stop;

# ---- no room for workers ----

$node->append_conf('postgresql.conf', "max_worker_processes = 2\nmax_parallel_workers = 2");
$from = log_end($node);
$node->start;
my $complaint = qr/no background worker process is free for an eventstore worker/;
$node->wait_for_log($complaint, $from);
fill($node, 'one', 'orders');
fill($node, 'two', 'visits');
is($node->safe_psql('one', 'SELECT count(*) > 0 FROM orders'), 't', 'without a free process everything else goes on');
my $complaints = () = log_since($node, $from) =~ /$complaint/g;
is($complaints, 1, 'and the log says so once');
$node->stop;

$node->append_conf('postgresql.conf', "eventstore.max_workers = 0\nmax_worker_processes = 8");
$node->start;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'eventstore%'}), '0', 'with max_workers = 0 there is no launcher');
fill($node, 'one', 'orders');
$node->safe_psql('postgres', 'CREATE DATABASE three TEMPLATE one; DROP DATABASE three; ALTER DATABASE two RENAME TO four');
pass('and rows can be inserted, databases copied and dropped');
$node->stop;

# ---- where nothing runs ----

$node->append_conf('postgresql.conf', "eventstore.max_workers = 2");
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-w', '-o', '-b', 'start' ], 'a server as pg_upgrade starts it');
is( $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'eventstore%'}),
	'0', 'has no launcher');
fill($node, 'one', 'orders');
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-w', 'stop' ], 'it stops');

done_testing();
