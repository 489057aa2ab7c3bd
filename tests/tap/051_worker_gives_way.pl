# Whatever somebody wants to do with a table, the extension or a database, a
# worker that is inside gives way at once and without an error, its own or
# theirs; and comes back.
use strict;
use warnings;

use EventStoreTest;
use EventStoreWorker;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => worker_conf());

$node->start;
plan skip_all => 'no stop points in this build' if !has_stop_points($node);
$node->safe_psql('postgres', "CREATE DATABASE $_") foreach qw(one two);
$node->safe_psql($_, 'CREATE EXTENSION eventstore') foreach qw(one two);
hold_worker($node, 'one');
make_table($node, 'one', qw(orders visits));
make_table($node, 'two', 'visits');
fill($node, 'one', qw(orders visits));

my $loud = qr/(?:ERROR|FATAL|WARNING|PANIC): .*/;

# A worker is inside a table of "one" when SQL runs in the database.  It must
# succeed, the worker must not be there afterwards, and the log has no error.
sub gives_way
{
	my ($what, $db, $sql, %more) = @_;
	my ($pid, $table) = inside($node, 'one');
	my $from = log_end($node);

	$sql =~ s/\bTABLE_IT_HOLDS\b/$table/g;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, undef, $stderr) = $node->psql($db, "SET client_min_messages = warning;\n$sql",
		timeout => $PostgreSQL::Test::Utils::timeout_default);
	is("$rc $stderr", '0 ', $what);
	my $log = log_since($node, $from);
	is(join("\n", $log =~ /$loud/g), '', "$what: no error");
	return ($pid, $table, $from);
}

# ---- locks on the table ----

my ($pid, $table, $from) = gives_way('LOCK TABLE', 'one', 'BEGIN; LOCK TABLE TABLE_IT_HOLDS; COMMIT');
$node->wait_for_log(qr/LOG: .*canceling a task of the eventstore worker\n.*CONTEXT: .*eventstore worker: compact table "public\.$table"/, $from);
pass('the log says which table was left');
my ($pid_now, $table_now) = inside($node, 'one', $table eq 'orders' ? 'visits' : 'orders');
is($pid_now, $pid, 'the same worker goes on with the next table');

gives_way('ALTER TABLE', 'one', 'ALTER TABLE TABLE_IT_HOLDS ADD COLUMN more int');
gives_way('a rewrite', 'one', 'ALTER TABLE TABLE_IT_HOLDS ALTER k TYPE bigint');
gives_way('VACUUM', 'one', 'VACUUM TABLE_IT_HOLDS');
gives_way('VACUUM FULL', 'one', 'VACUUM FULL TABLE_IT_HOLDS');
gives_way('ANALYZE', 'one', 'ANALYZE TABLE_IT_HOLDS');
gives_way('CREATE INDEX', 'one', 'CREATE INDEX ON TABLE_IT_HOLDS (k)');
gives_way('CREATE INDEX CONCURRENTLY', 'one', 'CREATE INDEX CONCURRENTLY ON TABLE_IT_HOLDS (k)');
gives_way('REINDEX', 'one', 'REINDEX TABLE TABLE_IT_HOLDS');
gives_way('a trigger', 'one', q{
	CREATE OR REPLACE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER t BEFORE INSERT ON TABLE_IT_HOLDS FOR EACH ROW EXECUTE FUNCTION nothing()});
gives_way('TRUNCATE', 'one', 'TRUNCATE TABLE_IT_HOLDS');
fill($node, 'one', qw(orders visits));

# Somebody who waits behind another waiter gets there, too.
($pid, $table) = inside($node, 'one');
my $reader = $node->background_psql('one');
$reader->query_safe("BEGIN; SELECT count(*) FROM $table");
my $first = $node->background_psql('one');
$first->query_until(qr/started/, "\\echo started\nBEGIN; LOCK TABLE $table; COMMIT;\n");
$node->poll_query_until('one', "SELECT count(*) = 1 FROM pg_locks WHERE relation = '$table'::regclass AND NOT granted")
  or die 'nobody waits';
$reader->query_safe('COMMIT');
$first->query_safe('SELECT');
pass('a lock behind a reader');
$_->quit foreach ($reader, $first);

# What does not need its lock does not disturb it.
($pid) = inside($node, 'one');
$node->safe_psql('one', q{
	INSERT INTO orders (k) SELECT g FROM generate_series(1, 100) g;
	SELECT * FROM orders LIMIT 10 FOR UPDATE;
	GRANT SELECT ON orders TO PUBLIC;
	CREATE TABLE child (n int);
	DROP TABLE child;
	CHECKPOINT});
is((inside($node, 'one'))[0], $pid, 'rows, row locks, privileges, checkpoints leave it alone');

# A lock that somebody holds makes it pass the table over, without waiting.
my $session = $node->background_psql('one');
$session->query_safe('BEGIN; LOCK TABLE orders, visits');
make_table($node, 'one', 'later');
fill($node, 'one', 'later');
inside($node, 'one', 'later');
pass('locked tables are passed over');
$session->query_safe('COMMIT');
$session->quit;
gives_way('DROP TABLE', 'one', 'DROP TABLE TABLE_IT_HOLDS');

# ---- the database ----

sub comes_back
{
	my ($what, $db) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	inside($node, $db // 'one');
	return pass("$what: the worker comes back");
}

fill($node, 'one', qw(orders visits));
gives_way('CREATE DATABASE ... TEMPLATE', 'postgres', 'CREATE DATABASE copied TEMPLATE one');
comes_back('CREATE DATABASE ... TEMPLATE');
gives_way('... STRATEGY file_copy', 'postgres', 'CREATE DATABASE copied_files TEMPLATE = one STRATEGY file_copy');
comes_back('... STRATEGY file_copy');
is_sound($node, $_, "$_ of a database with a worker") foreach qw(copied copied_files);
$node->safe_psql('postgres', "DROP DATABASE $_") foreach qw(copied copied_files);

gives_way('ALTER DATABASE ... RENAME', 'postgres', 'ALTER DATABASE one RENAME TO other');
comes_back('ALTER DATABASE ... RENAME', 'other');
$node->safe_psql('postgres', 'ALTER DATABASE other RENAME TO one');
comes_back('and again');
gives_way('ALTER DATABASE ... SET TABLESPACE', 'postgres', q{
	SET allow_in_place_tablespaces = on;
	CREATE TABLESPACE elsewhere LOCATION '';
	ALTER DATABASE one SET TABLESPACE elsewhere});
comes_back('ALTER DATABASE ... SET TABLESPACE');

# template1 is the template where none is named
$node->safe_psql('template1', 'CREATE EXTENSION eventstore');
make_table($node, 'template1', 'orders');
hold_worker($node, 'template1');
fill($node, 'template1', 'orders');
inside($node, 'template1');
$from = log_end($node);
$node->safe_psql('postgres', 'CREATE DATABASE three');
is(join("\n", log_since($node, $from) =~ /$loud/g), '', 'CREATE DATABASE without TEMPLATE');
inside($node, 'template1');
release_worker($node, 'template1');
$node->safe_psql('template1', 'DROP EXTENSION eventstore CASCADE');
$node->safe_psql('postgres', 'DROP DATABASE three');

# Other statements on the database leave the worker alone, and so do those of
# people who may not.
($pid) = inside($node, 'one');
$node->safe_psql('postgres', q{
	CREATE ROLE nobody;
	ALTER DATABASE one CONNECTION LIMIT 50;
	ALTER DATABASE one SET work_mem = '5MB';
	COMMENT ON DATABASE one IS 'one'});
foreach my $sql ('DROP DATABASE one', 'ALTER DATABASE one RENAME TO mine', 'ALTER DATABASE one SET TABLESPACE pg_default',
	'CREATE DATABASE mine TEMPLATE one')
{
	is(sqlstate_of($node, 'postgres', "SET ROLE nobody; $sql"), '42501', "$sql, by nobody");
}
$node->safe_psql('postgres', 'ALTER ROLE nobody CREATEDB');
is(sqlstate_of($node, 'postgres', 'SET ROLE nobody; CREATE DATABASE mine TEMPLATE one'), '42501', 'nor by who may create databases');
is(sqlstate_of($node, 'postgres', 'DROP DATABASE no_such'), '3D000', 'another database');
is((inside($node, 'one'))[0], $pid, 'the worker is still there');

# It comes back after a statement that failed, too, and stays away as long as
# the transaction lasts.
is(sqlstate_of($node, 'postgres', 'CREATE DATABASE two TEMPLATE one'), '42P04', 'a statement that fails');
comes_back('a statement that fails');

$session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{
	BEGIN;
	SAVEPOINT a;
	ALTER DATABASE one RENAME TO other;
	RELEASE a});
ok(nobody_in($node, 'one') && nobody_in($node, 'other'), 'in a transaction: it leaves');
$from = log_end($node);
fill($node, 'two', 'visits');
compacted($node, $from, 'other databases have their worker meanwhile', 'visits');
ok(nobody_in($node, 'one') && nobody_in($node, 'other'), 'and does not come back before the end');
$session->query_safe('ROLLBACK');
comes_back('ROLLBACK');

$session->query_safe(q{
	BEGIN;
	SAVEPOINT a;
	ALTER DATABASE one RENAME TO other;
	ROLLBACK TO a});
comes_back('a savepoint that was rolled back');
$session->query_safe('COMMIT');
$session->query_safe('BEGIN; ALTER DATABASE one RENAME TO other');
ok(nobody_in($node, 'one'), 'a session holds the database');
$node->safe_psql('postgres', q{
	SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
	WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
eval { $session->{run}->finish; };
comes_back('a session that was ended');

# A lock on the database that stays is not waited for: that would take a worker
# from others.
inside($node, 'one');
$node->safe_psql('postgres', q{BEGIN; ALTER DATABASE one RENAME TO other; PREPARE TRANSACTION 'rename'});
foreach my $round (1 .. 3)
{
	$from = log_end($node);
	fill($node, 'two', 'visits');
	compacted($node, $from, 'a prepared transaction: other databases have their worker', 'visits');
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE classid = 'pg_database'::regclass AND NOT granted}),
	'0', 'and no worker waits for the database');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'rename'});
comes_back('ROLLBACK PREPARED');

# A worker that does not react: whoever waits for it can be cancelled.
($pid) = inside($node, 'one');
kill('STOP', $pid);
is(sqlstate_of($node, 'postgres', "SET statement_timeout = '200ms'; ALTER DATABASE one RENAME TO other"), '57014',
	'who waits for the worker can be cancelled');
kill('CONT', $pid);
comes_back('and the worker');

# ---- the extension ----

gives_way('DROP EXTENSION', 'one', 'DROP EXTENSION eventstore CASCADE');
$node->safe_psql('one', 'CREATE EXTENSION eventstore');
make_table($node, 'one', 'orders');
fill($node, 'one', 'orders');
gives_way('REASSIGN OWNED, DROP OWNED', 'one', 'ALTER TABLE orders OWNER TO nobody; DROP OWNED BY nobody');
make_table($node, 'one', 'orders');
fill($node, 'one', 'orders');

# ---- the end of the database ----

gives_way('DROP DATABASE', 'postgres', 'DROP DATABASE one');
$from = log_end($node);
fill($node, 'two', 'visits');
compacted($node, $from, 'other databases go on', 'visits');
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION eventstore');
hold_worker($node, 'one');
make_table($node, 'one', 'orders');
fill($node, 'one', 'orders');
my $user = $node->background_psql('one', on_error_stop => 0);
$user->query_safe('SELECT 1');
($pid) = inside($node, 'one');
is(sqlstate_of($node, 'postgres', 'DROP DATABASE one'), '55006', 'DROP DATABASE while a session is there');
comes_back('DROP DATABASE while a session is there');
$from = log_end($node);
$node->safe_psql('postgres', 'DROP DATABASE one WITH (FORCE)');
my $killed = () = log_since($node, $from) =~ /$loud/g;
cmp_ok($killed, '<=', 1, 'DROP DATABASE ... WITH (FORCE) ends the session only');
eval { $user->{run}->finish; };
is_sound($node, 'two', 'at the end');

$node->stop;
done_testing();
