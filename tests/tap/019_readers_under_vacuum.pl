# Rows come and are rolled back, VACUUM takes units away and their blocks are
# used again, all the time: every reader sees each row of its snapshot once, by
# whatever plan, and verify finds nothing in the middle of it.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = 8;
my $node = new_server('main', conf => q{
wal_level = replica
shared_buffers = 4MB
max_wal_size = 256MB
});
my $folder = PostgreSQL::Test::Utils::tempdir;

$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k bigint, filler text) USING eventstore;
	CREATE SEQUENCE ks;
	INSERT INTO t (entity_id, k) SELECT 'e' || g % 10, nextval('ks') FROM generate_series(1, 100) g;
	CREATE UNIQUE INDEX t_k ON t (k);
	CREATE INDEX t_entity ON t (entity_id);
});

my %script = (
	commits => q{
		\set n random(1, 12)
		INSERT INTO t (entity_id, k, filler) SELECT 'e' || g % 10, nextval('ks'), repeat('c', 1500) FROM generate_series(1, :n) g;
		\sleep 20 ms
	},
	aborts => q{
		\set n random(10, 60)
		BEGIN;
		INSERT INTO t (entity_id, k, filler) SELECT 'a' || g % 10, nextval('ks'), repeat('a', 1500) FROM generate_series(1, :n) g;
		ROLLBACK;
		\sleep 10 ms
	},
	savepoints => q{
		\set n random(3, 30)
		BEGIN;
		INSERT INTO t (entity_id, k, filler) SELECT 's', nextval('ks'), repeat('s', 500) FROM generate_series(1, :n) g;
		SAVEPOINT a;
		INSERT INTO t (entity_id, k, filler) SELECT 'a', nextval('ks'), repeat('a', 1900) FROM generate_series(1, :n) g;
		ROLLBACK TO a;
		INSERT INTO t (entity_id, k) SELECT 's', nextval('ks') ON CONFLICT DO NOTHING;
		COMMIT;
		\sleep 30 ms
	},
	vacuums => q{
		VACUUM t;
		\sleep 5 ms
	},
	# an answer that is wrong divides by zero, which ends the client
	reads => q{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT count(*) AS seq_count, sum(k) AS seq_sum FROM t \gset
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_bitmapscan = off;
		SELECT 1 / (count(*) = :seq_count AND sum(k) = :seq_sum)::int FROM t WHERE k > 0;
		SET LOCAL enable_bitmapscan = on;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_indexonlyscan = off;
		SELECT 1 / (count(*) = :seq_count AND sum(k) = :seq_sum)::int FROM t WHERE k > 0;
		SELECT 1 / (count(*) = :seq_count AND sum(k) = :seq_sum)::int FROM t WHERE ctid >= '(0,0)';
		SET LOCAL enable_seqscan = on;
		SELECT 1 / (count(*) = :seq_count AND count(DISTINCT position) = :seq_count)::int FROM t;
		SELECT 1 / (count(*) = 0)::int FROM t WHERE entity_id LIKE 'a%';
		COMMIT;
	},
	cursors => q{
		BEGIN;
		DECLARE c SCROLL CURSOR FOR SELECT k FROM t;
		SELECT count(*) AS all FROM t \gset
		MOVE 50 FROM c;
		\sleep 20 ms
		MOVE ALL FROM c;
		MOVE BACKWARD ALL FROM c;
		FETCH 1 FROM c;
		COMMIT;
	},
	locks => q{
		BEGIN;
		SELECT k FROM t WHERE k % 7 = 0 LIMIT 20 FOR UPDATE SKIP LOCKED;
		\sleep 5 ms
		COMMIT;
	},
	verifies => q{
		SELECT 1 / (count(*) = 0)::int FROM eventstore.verify('t');
		\sleep 50 ms
	},
);
# twice as many of some
my %clients = (commits => 2, aborts => 2, reads => 3);

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGOPTIONS} = '-c eventstore.run_pages=2';

my %children;
foreach my $name (sort keys %script)
{
	my $clients = $clients{$name} // 1;
	my $file = "$folder/$name.sql";

	append_to_file($file, $script{$name});
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open(STDOUT, '>', "$folder/$name.out");
		open(STDERR, '>&', \*STDOUT);
		exec('pgbench', '-n', '-c', $clients, '-j', 1, '-T', $seconds, '-f', $file, 'postgres');
		die 'pgbench is missing';
	}
	$children{$name} = $pid;
}
foreach my $name (sort keys %children)
{
	waitpid($children{$name}, 0);
	is($?, 0, "$name: no error") or diag(slurp_file("$folder/$name.out"));
	note((grep { /processed/ } split /\n/, slurp_file("$folder/$name.out"))[0]);
}

is_sound($node, 'postgres', 'afterwards');
is( $node->safe_psql('postgres', q{SELECT count(*) = count(DISTINCT k) AND count(*) = count(DISTINCT position) FROM t}),
	't', 'nothing twice');
$node->safe_psql('postgres', 'VACUUM (FREEZE) t');
$node->safe_psql('postgres', 'VACUUM FULL t');
is_sound($node, 'postgres', 'after VACUUM FULL');

$node->stop;
done_testing();
