# Rows of transactions that changed the columns of their table and rolled back
# stay in its pages until they are given back.  They are of another shape than
# the table's, and no damage, also when their pages come from the disk again.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = replica');
my $create = 'CREATE TABLE %1$s (a text, k int) USING eventstore; CREATE INDEX ON %1$s (k); INSERT INTO %1$s SELECT $$x$$, g FROM generate_series(1, 10) g;';
my %tables = (
	added => 'BEGIN; ALTER TABLE %1$s ADD COLUMN z text; INSERT INTO %1$s VALUES ($$y$$, 11, $$z$$); ROLLBACK;',
	other_type => 'BEGIN; ALTER TABLE %1$s ADD COLUMN z text; INSERT INTO %1$s VALUES ($$y$$, 11, $$z$$); ROLLBACK;'
	  . 'ALTER TABLE %1$s ADD COLUMN z bigint;',
	not_null => 'BEGIN; ALTER TABLE %1$s ADD COLUMN z bigint NOT NULL DEFAULT 7; INSERT INTO %1$s VALUES ($$y$$, 11, 12); ROLLBACK;'
	  . 'ALTER TABLE %1$s ADD COLUMN z text DEFAULT $$default$$;',
	savepoint => 'BEGIN; INSERT INTO %1$s VALUES ($$s$$, 11); SAVEPOINT a; ALTER TABLE %1$s ADD COLUMN z text; INSERT INTO %1$s VALUES ($$y$$, 12, $$z$$); ROLLBACK TO a;'
	  . 'INSERT INTO %1$s VALUES ($$s$$, 13); COMMIT;',
	dropped => 'ALTER TABLE %1$s ADD COLUMN z int; INSERT INTO %1$s VALUES ($$y$$, 11, 12); ALTER TABLE %1$s DROP COLUMN a;'
	  . 'BEGIN; ALTER TABLE %1$s ADD COLUMN q numeric; INSERT INTO %1$s VALUES (12, 13, 14.5); ROLLBACK;',
	rewritten => 'BEGIN; ALTER TABLE %1$s ALTER k TYPE bigint; INSERT INTO %1$s VALUES ($$y$$, 11); ROLLBACK;',
);

$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');
foreach my $table (sort keys %tables)
{
	$node->safe_psql('postgres', sprintf("$create $tables{$table}", $table));
}
my %rows = map { $_ => rows_of($node, 'postgres', $_) } keys %tables;
is_sound($node, 'postgres', 'before');

# from the disk: read, then rewritten, vacuumed, indexed
foreach my $sql (
	'SELECT count(*) FROM %s',
	'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT sum(k) FROM %s WHERE k > 0',
	'ANALYZE %s',
	'VACUUM (FREEZE) %s',
	'REINDEX TABLE %s',
	'ALTER TABLE %s ALTER k TYPE bigint',
	'VACUUM FULL %s')
{
	$node->restart;
	foreach my $table (sort keys %tables)
	{
		is(sqlstate_of($node, 'postgres', sprintf($sql, $table)), '', sprintf($sql, $table));
		is(rows_of($node, 'postgres', $table), $rows{$table}, "$table: the rows");
	}
	is_sound($node, 'postgres', $sql);
}

$node->stop;
done_testing();
