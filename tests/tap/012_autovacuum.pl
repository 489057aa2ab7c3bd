# Autovacuum comes by itself: for many new rows, and before transaction numbers
# run out.  Afterwards rows are frozen, relfrozenxid has advanced, on tables
# without a row too, and the database's datfrozenxid with it.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => q{
wal_level = replica
autovacuum = on
autovacuum_naptime = 1s
autovacuum_vacuum_cost_delay = 0
autovacuum_vacuum_insert_threshold = 1000
autovacuum_vacuum_insert_scale_factor = 0
autovacuum_analyze_threshold = 1000
autovacuum_freeze_max_age = 100000
vacuum_freeze_min_age = 0
vacuum_freeze_table_age = 0
log_autovacuum_min_duration = 0
});

$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE many (entity_id text, k int) USING eventstore;
	CREATE TABLE few (entity_id text, k int) USING eventstore;
	CREATE TABLE empty (entity_id text, k int) USING eventstore;
	CREATE TABLE never (entity_id text, k int) USING eventstore WITH (autovacuum_enabled = off);
	CREATE MATERIALIZED VIEW view USING eventstore AS SELECT g FROM generate_series(1, 10) g;
	INSERT INTO many SELECT 'e', g FROM generate_series(1, 5000) g;
	INSERT INTO few VALUES ('e', 1);
	INSERT INTO never VALUES ('e', 1);
	BEGIN; INSERT INTO few VALUES ('gone', 1); ROLLBACK;
});
my %rows = map { $_ => rows_of($node, 'postgres', $_) } qw(many few empty never view);

$node->poll_query_until('postgres', q{
	SELECT last_autovacuum IS NOT NULL AND last_autoanalyze IS NOT NULL
	FROM pg_stat_user_tables WHERE relname = 'many'})
  or die 'autovacuum did not come for new rows';
pass('autovacuum and autoanalyze come for new rows');
is( $node->safe_psql('postgres', q{SELECT reltuples FROM pg_class WHERE relname = 'many'}),
	'5000', 'reltuples is right');
is( $node->safe_psql('postgres', q{SELECT n_live_tup, n_dead_tup, n_ins_since_vacuum, n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = 'many'}),
	'5000|0|0|0', 'and the statistics');
is( $node->safe_psql('postgres', q{SELECT last_autovacuum IS NULL FROM pg_stat_user_tables WHERE relname = 'few'}),
	't', 'it does not come for a few');

# Use up transaction numbers: subtransactions have some, too.
$node->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE used_up (n int);
	CREATE PROCEDURE use_up(n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..n LOOP
			BEGIN
				INSERT INTO used_up VALUES (i);
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
			IF i % 1000 = 0 THEN COMMIT; END IF;
		END LOOP;
		TRUNCATE used_up;
	END $$});
is( $node->safe_psql('postgres', q{
		SELECT pg_current_xact_id()::text::bigint AS before \gset
		CALL use_up(110000);
		SELECT pg_current_xact_id()::text::bigint - :before > 110000}),
	't', 'many transaction numbers are used up');

my $ages = q{
	SELECT count(*) = 5 FROM pg_class
	WHERE relname IN ('many', 'few', 'empty', 'never', 'view') AND age(relfrozenxid) < 100000};
is($node->poll_query_until('postgres', $ages), 1,
	'relfrozenxid advances on all tables, empty ones and those with autovacuum off, too');
is($node->poll_query_until('postgres', q{SELECT age(datfrozenxid) < 100000 FROM pg_database WHERE datname = 'postgres'}),
	1, 'and so does datfrozenxid');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_class c WHERE relname IN ('many', 'few', 'empty', 'never', 'view')
		AND relminmxid = '0'}),
	'0', 'relminmxid is valid');
is(rows_of($node, 'postgres', $_), $rows{$_}, "$_ has its rows") foreach sort keys %rows;
is_sound($node, 'postgres', 'after autovacuum');

# autovacuum does not come again and again without a reason
$node->poll_query_until('postgres', q{
	SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'});
my $counts = q{
	SELECT string_agg(relname || ' ' || autovacuum_count, ', ' ORDER BY relname) FROM pg_stat_user_tables
	WHERE relname IN ('many', 'few', 'empty', 'never', 'view')};
my $count = $node->safe_psql('postgres', $counts);
sleep(3);
is($node->safe_psql('postgres', $counts), $count, 'autovacuum does not come without a reason');

# a manual VACUUM (FREEZE) leaves no transaction number behind
$node->safe_psql('postgres', 'VACUUM (FREEZE) many');
is( $node->safe_psql('postgres', q{SELECT age(relfrozenxid) <= 3 FROM pg_class WHERE relname = 'many'}),
	't', 'VACUUM (FREEZE) advances relfrozenxid all the way');
is( $node->safe_psql('postgres', q{SELECT DISTINCT xmin::text FROM many}) =~ /^\d+$/ ? 1 : 0,
	1, 'frozen rows still tell who inserted them');

# an open transaction holds it back, by what it has inserted
my $open = $node->background_psql('postgres');
$open->query_safe(q{BEGIN; INSERT INTO few VALUES ('open', 2)});
$node->safe_psql('postgres', 'CALL use_up(50)');
$node->safe_psql('postgres', 'VACUUM (FREEZE) few');
is( $node->safe_psql('postgres', q{SELECT age(relfrozenxid) >= 50 FROM pg_class WHERE relname = 'few'}),
	't', 'an open transaction holds relfrozenxid back');
$open->query_safe('COMMIT');
$open->quit;
is(count_of($node, 'postgres', 'few'), '2', 'and its row is there');
is_sound($node, 'postgres', 'at the end');

$node->stop;
done_testing();
