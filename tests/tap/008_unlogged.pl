# Unlogged tables keep their rows over a clean stop and are empty after a crash;
# temporary ones are gone.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => "wal_level = replica\nrestart_after_crash = on");
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int UNIQUE, filler text';
my $fill = q{SELECT 'e', g, repeat('x', 1000) FROM generate_series(1, 300) g};

$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE UNLOGGED TABLE empty ($columns) USING eventstore;
	CREATE UNLOGGED TABLE filled ($columns) USING eventstore;
	INSERT INTO filled (entity_id, k, filler) $fill;
	CREATE UNLOGGED TABLE large (entity_id text, v text) USING eventstore;
	INSERT INTO large SELECT 'e', string_agg(md5(g::text), '') FROM generate_series(1, 2000) g;
	CREATE UNLOGGED TABLE to_logged ($columns) USING eventstore;
	INSERT INTO to_logged (entity_id, k, filler) $fill;
	ALTER TABLE to_logged SET LOGGED;
	CREATE TABLE to_unlogged ($columns) USING eventstore;
	INSERT INTO to_unlogged (entity_id, k, filler) $fill;
	ALTER TABLE to_unlogged SET UNLOGGED;
});
my $rows = rows_of($node, 'postgres', 'filled');

is(count_of($node, 'postgres', $_), '300', "$_ has rows") foreach qw(filled to_logged to_unlogged);
is_sound($node, 'postgres', 'before');

$node->restart;
is(rows_of($node, 'postgres', 'filled'), $rows, 'rows are there after a clean stop');
is(count_of($node, 'postgres', 'large'), '1', 'values out of line, too');
is_sound($node, 'postgres', 'after a clean stop');

my $temporary = $node->background_psql('postgres');
$temporary->query_safe("CREATE TEMP TABLE mine ($columns) USING eventstore; INSERT INTO mine (entity_id, k, filler) $fill");
is($temporary->query('SELECT count(*) FROM mine'), '300', 'a temporary table has rows');
$node->stop('immediate');
eval { $temporary->{run}->finish; };
$node->start;

is(count_of($node, 'postgres', $_), '0', "$_ is empty after a crash") foreach qw(empty filled large to_unlogged);
is(count_of($node, 'postgres', 'to_logged'), '300', 'what was made logged is there');
is_sound($node, 'postgres', 'after a crash');
foreach my $table (qw(empty filled to_unlogged to_logged))
{
	is( $node->safe_psql('postgres', qq{
			INSERT INTO $table (entity_id, k) VALUES ('e', 1001), ('e', 1002);
			SET enable_seqscan = off;
			SELECT count(*) FROM $table WHERE k > 1000;
			SELECT count(*) = max(position) FROM $table}),
		"2\nt", "$table: rows go on");
}
is_sound($node, 'postgres', 'after more rows');

# a crash of one backend does the same
SKIP:
{
	skip 'no stop points in this build', 2 if !has_stop_points($node);
	crash_with($node, 'postgres', q{
		SET eventstore.stop_point = 'tail-after-wal=crash';
		INSERT INTO filled (entity_id, k) VALUES ('e', 2000)}, 'in an unlogged table');
	is(count_of($node, 'postgres', 'filled'), '0', 'empty after the crash of a backend');
}
is_sound($node, 'postgres', 'at the end');

$node->stop;
done_testing();
