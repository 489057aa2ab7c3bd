# Memory runs out at each place that asks the system for it, one after the other,
# in every kind of statement: an error, never a PANIC, and then the table is as
# before, no lock is left, and the same works.
#
# EVENTSTORE_MEMORY_CALLS: the first calls that fail one by one (3; 20 if
# PG_TEST_EXTRA says "long"); later ones are chosen at growing distances.
use strict;
use warnings;

use EventStoreFaults;
use EventStorePsql;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'calls of the system cannot be made to fail here' if !can_make_faults();

my $dense = $ENV{EVENTSTORE_MEMORY_CALLS} // (wants_long() ? 20 : 3);
my $most = 400;
my $node = new_server('main', conf => q{
restart_after_crash = on
wal_level = logical
shared_buffers = 2MB
maintenance_work_mem = 1MB
log_min_messages = log
jit = off
});

# who has no memory, and who looks on
my $victim = EventStorePsql->new($node);
my $other = EventStorePsql->new($node);

start_with_faults($node);
$other->safe(q{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, k int, filler text) USING eventstore;
	CREATE UNIQUE INDEX t_k ON t (k);
	SELECT eventstore.create_store('store');
	SELECT FROM pg_create_logical_replication_slot('slot', 'test_decoding');
	INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 500) FROM generate_series(1, 1000) g});

my $copied = PostgreSQL::Test::Utils::tempdir . '/rows';
append_to_file($copied, join('', map { "copy\t$_\t" . ('c' x 400) . "\n" } 200001 .. 200300));
my $out_of_line = q{INSERT INTO t (entity_id, k, filler) SELECT 'l', 300000 + g, (SELECT string_agg(hashint4(g * 10000 + h)::text, '') FROM generate_series(1, 3000) h) FROM generate_series(1, 10) g};

my $lines = join('\n', map { '{"entity_id":"m","event_type":"x","payload":{"n":' . $_ . ',"m":"' . ('m' x 300) . '"}}' } 1 .. 200);
my @statements = (
	[ 'INSERT', q{INSERT INTO t (entity_id, k, filler) SELECT 'm', g, repeat('m', 700) FROM generate_series(500001, 500300) g} ],
	[ 'COPY', "COPY t (entity_id, k, filler) FROM '$copied'" ],
	[ 'decoding', q{SELECT count(*) FROM pg_logical_slot_peek_changes('slot', NULL, NULL)} ],
	[ 'out of line', $out_of_line ],
	[ 'ON CONFLICT', q{INSERT INTO t (entity_id, k) SELECT 'c', g FROM generate_series(1990, 2100) g ON CONFLICT DO NOTHING} ],
	[ 'savepoints', q{DO $$ BEGIN FOR i IN 1 .. 20 LOOP BEGIN INSERT INTO t (entity_id, k) VALUES ('s', 600000 + i); PERFORM 1 / (i % 3); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$} ],
	[ 'scan', 'SELECT count(*), max(filler) FROM t' ],
	[ 'index scan', 'SELECT count(*), max(filler) FROM t WHERE k BETWEEN 5 AND 700' ],
	[ 'row locks', 'SELECT count(*) FROM (SELECT * FROM t WHERE k < 100 FOR UPDATE) x' ],
	[ 'many runs', q{INSERT INTO t (entity_id, k, filler) SELECT 'r', g, repeat('m', 3900) FROM generate_series(700001, 700300) g} ],
	[ 'CREATE INDEX', 'CREATE INDEX t_more ON t (left(filler, 900), k)' ],
	[ 'VACUUM', 'VACUUM (FREEZE) t' ],
	[ 'ANALYZE', 'ANALYZE t' ],
	[ 'VACUUM FULL', 'VACUUM FULL t' ],
	[ 'ALTER TABLE', 'ALTER TABLE t ALTER k TYPE bigint' ],
	[ 'verify', q{SELECT count(*) FROM eventstore.verify('t')} ],
	[ 'ingest', qq{SELECT count(*) FROM eventstore.ingest('store', E'$lines')} ],
);

# rows, those with a number of their own, all of them; locks; what verify finds
sub state_now
{
	return $other->safe(q{
		SELECT count(*), count(*) = count(DISTINCT position), md5(string_agg(t::text, chr(10) ORDER BY ctid)),
			(SELECT count(*) FROM store),
			(SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND pid <> pg_backend_pid()),
			(SELECT count(*) FROM eventstore.verify('t')) + (SELECT count(*) FROM eventstore.verify('store')) FROM t});
}

# a library that fails while it is loaded is not ours
$victim->safe('DO $$ BEGIN END $$');

my %failed;
foreach my $statement (@statements)
{
	my ($name, $sql) = @$statement;
	my $transactional = $sql !~ /^VACUUM/;
	my $before = state_now();
	my $log_end = -s $node->logfile;
	my @odd;

	for (my $skip = 0; $skip < $most; $skip += $skip < $dense ? 1 : 1 + int($skip / 2))
	{
		$victim->safe('SET eventstore.run_pages = 1' . ($transactional ? '; BEGIN' : ''));
		arm(call => 'malloc', pid => $victim->backend, skip => $skip);
		my ($state, undef, $errors) = $victim->ask($sql);
		my $fired = disarm();

		push @odd, "$skip: $state\n$errors" if $state !~ /^(?:00000|53200)$/;
		last if $state eq 'lost';
		$victim->safe('ROLLBACK') if $transactional;
		last if !$fired;
		$failed{$name}++;
	}
	is(join("\n", @odd), '', "out of memory in $name: an error") or wait_until_up($node, 'postgres', $log_end);
	is(state_now(), $before, "out of memory in $name: the table is as before");
	is(($victim->ask($sql))[0], '00000', "out of memory in $name: it works again");
	like(state_now(), qr/^\d+\|t\|\w+\|\d+\|0\|0$/, "out of memory in $name: and all is sound");
}
note('calls that failed: ' . join(', ', map { "$_ " . ($failed{$_} // 0) } map { $_->[0] } @statements));
$_->close foreach $victim, $other;
$node->stop;
done_testing();
