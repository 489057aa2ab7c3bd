# Databases and tablespaces: copies of a template database with event tables, made
# in both ways, are tables of their own; files that are moved are the same
# tables.  All of it is the same on a standby, after a crash, and after a promotion.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1, conf => q{
wal_level = replica
wal_consistency_checking = 'eventstore'
allow_in_place_tablespaces = on
});
my @tables = qw(orders runs large parts_1 parts_2 totals);
my $state = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(ctid::text || t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} @tables;
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm') AND NOT (pg_is_in_recovery() AND c.relpersistence = 'u')};

# everything that event tables of a database hold, and what is wrong with it
sub state_of
{
	my ($node, $db) = @_;

	return $node->safe_psql($db, "$state UNION ALL $problems");
}

sub add_rows
{
	my ($node, $db, $k) = @_;

	return $node->safe_psql($db, qq{
		INSERT INTO orders (entity_id, event_type) VALUES ('$db', 'added') RETURNING position;
		INSERT INTO runs (entity_id, k, filler) SELECT '$db', g, repeat('n', 1900) FROM generate_series($k, $k + 99) g;
		INSERT INTO large (entity_id, filler) SELECT '$db', string_agg(md5('$db' || g), '') FROM generate_series(1, 1000) g;
		INSERT INTO parts (entity_id, k) VALUES ('$db', 1), ('$db', 2);
		REFRESH MATERIALIZED VIEW totals;
		SELECT count(*) FROM unlogged;
		INSERT INTO unlogged VALUES ('$db');
		SET enable_seqscan = off;
		SELECT count(*) FROM runs WHERE k BETWEEN $k AND $k + 99});
}

$primary->start;
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->start;

sub same_on_standby
{
	my ($db, $expected, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
	is(state_of($standby, $db), $expected, "$what: the same on the standby");
	return;
}

# ---- copies of a template ----

# A copy is made out of shared buffers, or by a checkpoint and out of files: the
# template's last rows are in buffers only.
$primary->safe_psql('template1', q{
	CREATE EXTENSION eventstore;
	SELECT eventstore.create_store('orders', 'jsonb');
	CREATE UNIQUE INDEX ON orders (event_id);
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'o' || g % 5, 'x', jsonb_build_object('n', g) FROM generate_series(1, 300) g;
	CREATE TABLE runs (position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text) USING eventstore;
	CREATE UNIQUE INDEX ON runs (k);
	SET eventstore.run_pages = 1;
	INSERT INTO runs (entity_id, k, filler) SELECT 'r', g, repeat('x', 1900) FROM generate_series(1, 800) g;
	BEGIN; INSERT INTO runs (entity_id, k, filler) SELECT 'gone', g, repeat('x', 1900) FROM generate_series(1001, 1100) g; ROLLBACK;
	CREATE TABLE large (entity_id text, filler text) USING eventstore;
	INSERT INTO large SELECT 'large', string_agg(md5(g::text), '') FROM generate_series(1, 1000) g;
	CREATE TABLE parts (entity_id text, k int) PARTITION BY LIST (k);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) USING eventstore;
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) USING eventstore;
	INSERT INTO parts SELECT 'p', 1 + g % 2 FROM generate_series(1, 100) g;
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM orders GROUP BY 1 ORDER BY 1;
	CREATE UNLOGGED TABLE unlogged (entity_id text) USING eventstore;
	INSERT INTO unlogged VALUES ('u');
});
$primary->safe_psql('template1', 'VACUUM runs');
$primary->safe_psql('template1', q{INSERT INTO runs (entity_id, k) SELECT 'late', g FROM generate_series(2001, 2100) g});
my $template = state_of($primary, 'template1');
unlike($template, qr/problem/, 'the template is sound');
$primary->safe_psql('postgres', "CREATE DATABASE by_$_ STRATEGY $_") foreach qw(wal_log file_copy);
foreach my $db (qw(by_wal_log by_file_copy))
{
	is(state_of($primary, $db), $template, "$db: what the template has");
	same_on_standby($db, $template, $db);
}

# unlogged tables are copied, too; what happens in one database is not in another
is(add_rows($primary, 'by_wal_log', 1001), "301\n1\n100", 'rows go on in one copy');
is(state_of($primary, 'by_file_copy'), $template, 'and not in the other');
is(add_rows($primary, 'by_file_copy', 1001), "301\n1\n100", 'rows go on in the other');
is(state_of($primary, 'template1'), $template, 'and not in the template');
my ($one, $two) = map {
	$primary->safe_psql($_, q{
		INSERT INTO orders (entity_id, event_type, recorded_at) VALUES ('o', 'x', '2026-01-01') RETURNING position, event_id})
} qw(by_wal_log by_file_copy);
is($one, $two, 'the copies have the same key: the same id for the same position and time');
my %state = map { $_ => state_of($primary, $_) } qw(by_wal_log by_file_copy);
foreach my $db (sort keys %state)
{
	unlike($state{$db}, qr/problem/, "$db: sound");
	same_on_standby($db, $state{$db}, "$db, with more rows");
}

# a crash between a copy and the next checkpoint, with rows of both databases in
# the WAL behind it
$primary->safe_psql('postgres', "CREATE DATABASE crash_$_ TEMPLATE by_$_ STRATEGY $_") foreach qw(wal_log file_copy);
$primary->safe_psql("crash_$_", q{INSERT INTO orders (entity_id, event_type) VALUES ('before', 'crash')}) foreach qw(wal_log file_copy);
$state{$_} = state_of($primary, $_) foreach qw(crash_wal_log crash_file_copy);
$primary->stop('immediate');
$primary->start;
is(state_of($primary, $_), $state{$_}, "$_: after a crash") foreach sort keys %state;
same_on_standby($_, $state{$_}, "$_, after a crash") foreach qw(crash_wal_log crash_file_copy);

# ---- the extension in several databases ----

# by hand in one that had none; gone from one that others do not ask
$primary->safe_psql('postgres', 'CREATE DATABASE without TEMPLATE template0');
is($primary->safe_psql('without', q{SELECT count(*) FROM pg_extension WHERE extname = 'eventstore'}), '0', 'template0 has no extension');
$primary->safe_psql('without', q{CREATE EXTENSION eventstore; CREATE TABLE t USING eventstore AS SELECT 1 AS n});
$primary->safe_psql('crash_wal_log', 'SET client_min_messages = warning; DROP EXTENSION eventstore CASCADE');
is($primary->safe_psql('crash_wal_log', q{SELECT count(*) FROM pg_class WHERE relname IN ('orders', 'runs', 'totals', 'parts_1')}),
	'0', 'dropped with its tables in one database');
is(state_of($primary, 'crash_file_copy'), $state{crash_file_copy}, 'and not in another');
is(count_of($primary, 'without', 't'), '1', 'nor in a third');
$primary->safe_psql('postgres', 'DROP DATABASE crash_wal_log; DROP DATABASE without');

# ---- tablespaces ----

$primary->safe_psql('postgres', q{CREATE TABLESPACE first LOCATION ''});
$primary->safe_psql('postgres', q{CREATE TABLESPACE second LOCATION ''});
$primary->safe_psql('by_wal_log', q{
	ALTER TABLE orders SET TABLESPACE first;
	ALTER INDEX runs_k_idx SET TABLESPACE first;
	ALTER TABLE runs SET TABLESPACE second;
	ALTER MATERIALIZED VIEW totals SET TABLESPACE second;
	ALTER TABLE unlogged SET TABLESPACE first;
	ALTER TABLE parts_1 SET TABLESPACE first;
	BEGIN; ALTER TABLE large SET TABLESPACE first; INSERT INTO large VALUES ('undone', 'x'); ROLLBACK;
});
is(state_of($primary, 'by_wal_log'), $state{by_wal_log}, 'tables in other tablespaces');
same_on_standby('by_wal_log', $state{by_wal_log}, 'tables in other tablespaces');
$primary->safe_psql('by_wal_log', q{
	ALTER TABLE ALL IN TABLESPACE first SET TABLESPACE second;
	BEGIN; ALTER TABLE runs SET TABLESPACE pg_default; INSERT INTO runs (entity_id, k) VALUES ('moved', 3000); COMMIT});
$state{by_wal_log} = state_of($primary, 'by_wal_log');
is( $primary->safe_psql('by_wal_log', q{
		SELECT string_agg(c.relname || ' ' || coalesce(t.spcname, '-'), ', ' ORDER BY c.relname)
		FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
		WHERE c.relname IN ('orders', 'runs', 'large', 'parts_1', 'totals')}),
	'large -, orders second, parts_1 second, runs -, totals second', 'where the tables are');
is($primary->safe_psql('by_wal_log', q{SELECT entity_id FROM runs WHERE k = 3000}), 'moved', 'a row by an index that stayed');
same_on_standby('by_wal_log', $state{by_wal_log}, 'tables moved back');

# a whole database, and its name
$primary->safe_psql('postgres', q{ALTER DATABASE by_file_copy SET TABLESPACE second});
is(state_of($primary, 'by_file_copy'), $state{by_file_copy}, 'a database in another tablespace');
same_on_standby('by_file_copy', $state{by_file_copy}, 'a database in another tablespace');
$primary->safe_psql('postgres', q{ALTER DATABASE by_file_copy RENAME TO renamed});
is(add_rows($primary, 'renamed', 4001) =~ s/\n.*//sr, '303', 'rows go on');
$state{renamed} = state_of($primary, 'renamed');
unlike($state{renamed}, qr/problem/, 'a database in another tablespace: sound, with more rows');
$primary->stop('immediate');
$primary->start;
is(state_of($primary, $_), $state{$_}, "$_: after moves and a crash") foreach qw(by_wal_log renamed);
same_on_standby($_, $state{$_}, "$_, after moves") foreach qw(by_wal_log renamed);

# the standby goes on by itself
$primary->stop;
$standby->promote;
is(state_of($standby, $_), $state{$_}, "$_: after the promotion") foreach qw(by_wal_log renamed crash_file_copy);
is(add_rows($standby, 'crash_file_copy', 4001) =~ s/\n\d+$//r, "304\n0", 'rows go on after the promotion; unlogged tables are empty');
unlike(state_of($standby, 'crash_file_copy'), qr/problem/, 'sound after the promotion');

$standby->stop;
done_testing();
