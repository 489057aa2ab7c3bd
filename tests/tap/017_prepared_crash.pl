# Prepared transactions survive a crash with all that belongs to them: rows,
# row locks, a lock of all rows.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = replica');

$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int UNIQUE) USING eventstore;
	CREATE TABLE jobs (k int PRIMARY KEY) USING eventstore;
	INSERT INTO t (entity_id, k) SELECT 'e', g FROM generate_series(1, 50) g;
	INSERT INTO jobs SELECT generate_series(1, 2500);
	BEGIN;
	INSERT INTO t (entity_id, k) SELECT 'one', g FROM generate_series(101, 400) g;
	SELECT k FROM t WHERE k = 7 FOR UPDATE;
	PREPARE TRANSACTION 'one';
	BEGIN;
	INSERT INTO t (entity_id, k) SELECT 'two', g FROM generate_series(501, 510) g;
	SELECT count(*) FROM (SELECT * FROM jobs FOR UPDATE) x;
	PREPARE TRANSACTION 'two';
	BEGIN;
	CREATE TABLE made (entity_id text, k int) USING eventstore;
	INSERT INTO made SELECT 'm', g FROM generate_series(1, 30) g;
	PREPARE TRANSACTION 'three';
	INSERT INTO t (entity_id, k) VALUES ('after', 600);
});

sub check_held
{
	my ($what) = @_;

	is(count_of($node, 'postgres', 't'), '51', "$what: nobody sees the rows");
	is(sqlstate_of($node, 'postgres', 'SELECT * FROM t WHERE k = 7 FOR UPDATE NOWAIT'),
		'55P03', "$what: the row is locked");
	is(sqlstate_of($node, 'postgres', 'SELECT * FROM t WHERE k = 8 FOR UPDATE NOWAIT'),
		'', "$what: another one is not");
	is(sqlstate_of($node, 'postgres', 'SELECT * FROM jobs WHERE k = 2500 FOR SHARE NOWAIT'),
		'55P03', "$what: all rows are locked");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT * FROM jobs FOR UPDATE SKIP LOCKED) x'),
		'0', "$what: there is nothing to get");
	is(sqlstate_of($node, 'postgres', q{SET lock_timeout = '50ms'; INSERT INTO t (entity_id, k) VALUES ('x', 101)}),
		'55P03', "$what: the key is waited for");
	$node->safe_psql('postgres', 'VACUUM (FREEZE) t');
	is_sound($node, 'postgres', $what);
	return;
}

check_held('before');
$node->stop('immediate');
$node->start;
check_held('after a crash');
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop('immediate');
$node->start;
check_held('after another one');

$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
is(count_of($node, 'postgres', 't'), '351', 'committed');
is(sqlstate_of($node, 'postgres', 'SELECT * FROM t WHERE k = 7 FOR UPDATE NOWAIT'), '', 'the row is free');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'two'});
is(count_of($node, 'postgres', 't'), '351', 'rolled back');
is(sqlstate_of($node, 'postgres', 'SELECT * FROM jobs WHERE k = 2500 FOR SHARE NOWAIT'), '', 'the rows are free');
$node->safe_psql('postgres', q{COMMIT PREPARED 'three'});
is(count_of($node, 'postgres', 'made'), '30', 'a table that was made there');
is($node->safe_psql('postgres', q{
		INSERT INTO t (entity_id, k) VALUES ('last', 501) RETURNING position > 361}),
	't', 'numbers go on behind those of the prepared transactions');
$node->safe_psql('postgres', 'VACUUM (FREEZE) t');
is(count_of($node, 'postgres', 't'), '352', 'after VACUUM (FREEZE)');
is_sound($node, 'postgres', 'at the end');

$node->stop;
done_testing();
