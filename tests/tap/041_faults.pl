# The disk is full, or fails, in the middle of everything: when a file grows, when
# pages are written back, when a file is cut, at fsync, in WAL, in temporary
# files.  It is an error, or where PostgreSQL cannot go on a PANIC; afterwards no
# row is lost and none is there twice, verify finds nothing, and the same works
# again.
#
# See faults.c for how.
use strict;
use warnings;

use EventStoreFaults;
use EventStorePsql;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { EIO => 5, EINTR => 4, ENOSPC => 28, HALF => 0 };

plan skip_all => 'calls of the system cannot be made to fail here' if !can_make_faults();

my $node = new_server('main',
	extra => ['--wal-segsize=1'],
	conf => q{
wal_level = replica
restart_after_crash = on
fsync = on
min_wal_size = 2MB
max_wal_size = 32MB
shared_buffers = 1MB
work_mem = 64kB
maintenance_work_mem = 1MB
log_min_messages = log
bgwriter_lru_maxpages = 0
jit = off
});

# processes of the server would read for the backend
$node->append_conf('postgresql.conf', 'io_method = sync') if $node->pg_version >= 18;

# who meets the faults, and who looks on
my $victim = EventStorePsql->new($node);
my $other = EventStorePsql->new($node);

start_with_faults($node);
$other->safe('CREATE EXTENSION eventstore');

my $copied = PostgreSQL::Test::Utils::tempdir . '/rows';
append_to_file($copied, join('', map { "copy\t$_\t" . ('c' x 400) . "\n" } 200001 .. 201000));

# More than there are buffers, so that they are read again.
sub create
{
	$other->safe(q{
		SET client_min_messages = error;
		DROP TABLE IF EXISTS t, other, made;
		CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, k int, filler text) USING eventstore;
		CREATE UNIQUE INDEX t_k ON t (k);
		INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 500) FROM generate_series(1, 2000) g;
		CREATE TABLE other (LIKE t INCLUDING DEFAULTS) USING eventstore;
		INSERT INTO other (entity_id, k, filler) SELECT 'e', g, repeat('x', 500) FROM generate_series(1, 2000) g});
	return;
}

# The end of a file's name, so that its further segments and forks are meant too.
sub file_of
{
	my ($what) = @_;

	return '' if $what eq '';
	return $what if $what !~ /^(t|t_k|toast)$/;
	return '/' . (split m{/}, $other->safe($what eq 'toast'
		  ? q{SELECT pg_relation_filepath(reltoastrelid) FROM pg_class WHERE relname = 't'}
		  : "SELECT pg_relation_filepath('$what')"))[-1];
}

my $insert = q{INSERT INTO t (entity_id, k, filler) SELECT 'i', g, repeat('i', 900) FROM generate_series(100001, 101500) g};
my $out_of_line = q{INSERT INTO t (entity_id, k, filler) SELECT 'l', 300000 + g, (SELECT string_agg(md5(g::text || h), '') FROM generate_series(1, 1000) h) FROM generate_series(1, 40) g};
my $aborted = q{BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'a', g, repeat('a', 900) FROM generate_series(400001, 401500) g; ROLLBACK};

# What fails: call, of which file, error; before it, and what is done; the
# state, "lost" being a PANIC; whether only the backend is meant to fail; how many
# calls work before.  Where half was done, or a signal came, servers differ.
my @cases = (
	[ 'growing, disk full', 'write', 't', ENOSPC, '', $insert, qr/^53100$/, 1 ],
	[ 'growing, half a page', 'write', 't', HALF, '', $insert, qr/^(53100|00000)$/, 1 ],
	[ 'growing, disk fails', 'write', 't', EIO, '', $insert, qr/^58030$/, 1 ],
	[ 'growing, a signal', 'write', 't', EINTR, '', $insert, qr/^00000$/, 1 ],
	[ 'growing by COPY', 'write', 't', ENOSPC, '', "COPY t (entity_id, k, filler) FROM '$copied'", qr/^53100$/, 1 ],
	[ 'growing index', 'write', 't_k', ENOSPC, '', $insert, qr/^53100$/, 1 ],
	[ 'growing, values out of line', 'write', 'toast', ENOSPC, '', $out_of_line, qr/^53100$/, 1 ],
	[ 'CREATE TABLE AS', 'write', '/base/', ENOSPC, '', 'CREATE TABLE made USING eventstore AS SELECT * FROM t', qr/^53100$/, 1, 5 ],
	[ 'VACUUM FULL', 'write', '/base/', ENOSPC, '', 'VACUUM FULL t', qr/^53100$/, 1, 5 ],
	[ 'CLUSTER', 'write', '/base/', ENOSPC, '', 'CLUSTER t USING t_k', qr/^53100$/, 1, 9 ],
	[ 'ALTER TABLE', 'write', '/base/', ENOSPC, '', 'ALTER TABLE t ALTER k TYPE bigint', qr/^53100$/, 1, 9 ],
	[ 'CREATE INDEX', 'write', '/base/', ENOSPC, '', 'CREATE INDEX t_filler ON t (filler)', qr/^53100$/, 1, 3 ],
	[ 'a temporary file', 'write', 'pgsql_tmp', ENOSPC, '', 'CREATE INDEX t_filler ON t (filler, position)', qr/^53100$/, 1 ],
	[ 'a temporary file of a query', 'write', 'pgsql_tmp', ENOSPC, '', 'SELECT count(*) FROM (SELECT * FROM t ORDER BY filler, position OFFSET 0) x', qr/^53100$/, 1 ],
	[ 'reading', 'read', 't', EIO, 'cold', 'SELECT count(*), sum(length(filler)) FROM t', qr/^58030$/, 1 ],
	[ 'reading half', 'read', 't', HALF, 'cold', 'SELECT count(*), sum(length(filler)) FROM t', qr/^(XX001|00000)$/, 1 ],
	[ 'reading, a signal', 'read', 't', EINTR, 'cold', 'SELECT count(*), sum(length(filler)) FROM t', qr/^(00000|XX000)$/, 1 ],
	[ 'reading for VACUUM', 'read', 't', EIO, 'cold', 'VACUUM (FREEZE) t', qr/^58030$/, 1, 7 ],
	[ 'reading for verify', 'read', 't', EIO, 'cold', q{DO $$ BEGIN IF (SELECT count(*) FROM eventstore.verify('t')) = 0 THEN RAISE 'nothing'; END IF; END $$}, qr/^00000$/, 1, 7 ],
	[ 'reading for INSERT', 'read', 't', EIO, 'cold', $insert, qr/^58030$/, 1 ],
	[ 'reading for an index', 'read', 't', EIO, 'cold', 'REINDEX TABLE t', qr/^58030$/, 1, 9 ],
	[ 'writing back', 'write', 't', EIO, $insert, 'CHECKPOINT', qr/^XX000$/, 0 ],
	[ 'writing back, disk full', 'write', 't', ENOSPC, $insert, 'CHECKPOINT', qr/^XX000$/, 0 ],
	[ 'writing back half', 'write', 't', HALF, $insert, 'CHECKPOINT', qr/^(XX000|00000)$/, 0 ],
	[ 'writing back by who needs a buffer', 'write', 't', EIO, $insert, q{WITH x AS (SELECT 1) INSERT INTO other (entity_id, k, filler) SELECT 'o', g, repeat('o', 900) FROM generate_series(1, 3000) g}, qr/^58030$/, 1 ],
	[ 'cutting', 'truncate', 't', EIO, $aborted, 'VACUUM t', qr/^(58030|lost|00000)$/, 1 ],
	[ 'fsync', 'fsync', 't', EIO, $insert, 'CHECKPOINT', qr/^(lost|XX000)$/, 0 ],
	[ 'fsync of WAL', 'fsync', 'pg_wal', EIO, '', $insert, qr/^lost$/, 0 ],
	[ 'WAL', 'write', 'pg_wal', ENOSPC, '', $insert, qr/^(lost|53100)$/, 0 ],
	[ 'WAL by half', 'write', 'pg_wal', HALF, '', $insert, qr/^(00000|lost|53100)$/, 0 ],
	[ 'WAL by COPY', 'write', 'pg_wal', ENOSPC, '', "COPY t (entity_id, k, filler) FROM '$copied'", qr/^(lost|53100)$/, 0, 2 ],
	[ 'allocating', 'allocate', 't', ENOSPC, '', $insert, qr/^53100$/, 1 ],
);

# rows, those with a number and a key of their own, all of them; what verify finds
sub state_now
{
	return $other->safe(q{
		SELECT count(*), count(*) = count(DISTINCT position), count(*) = count(DISTINCT k),
			md5(string_agg(t::text, chr(10) ORDER BY ctid)),
			(SELECT count(*) FROM eventstore.verify('t')) + (SELECT count(*) FROM eventstore.verify('other')) FROM t});
}

foreach my $case (@cases)
{
	my ($name, $call, $what, $error, $before, $sql, $expected, $backend, $skip) = @$case;
	my $adds = $sql =~ /^(?:INSERT|COPY)/;

	create();
	$other->safe($before) if $before ne '' && $before ne 'cold';
	my $rows = state_now();
	$other->safe('CHECKPOINT; SELECT sum(length(filler)) FROM other') if $before eq 'cold';
	my $file = file_of($what);
	my $log_end = -s $node->logfile;

	arm(call => $call, file => $file, error => $error, pid => $backend ? $victim->backend : 0, skip => $skip // 0);
	my ($state, undef, $errors) = $victim->ask("SET eventstore.run_pages = 1;\n$sql");
	my $fired = disarm();

	if ($state eq 'lost')
	{
		wait_until_up($node, 'postgres', $log_end);
		$other->close;
	}
	$victim->ask('ROLLBACK') if $errors =~ /ERROR/;
	if ($fired == 0 && $call eq 'allocate')
	{
		note("$name: this server does not");
		next;
	}
	cmp_ok($fired, '>', 0, "$name: something failed");
	like($state, $expected, "$name: what is said") or diag($errors);

	my $now = state_now();

	if (!$adds)
	{
		is($now, $rows, "$name: the table is as before");
	}
	elsif ($state eq '00000' || ($state eq 'lost' && $now ne $rows))
	{
		my ($added) = $now =~ /^(\d+)/;

		like($now, qr/^\d+\|t\|t\|\w+\|0$/, "$name: no row twice, and all is sound");
		is($added - 2000, $sql eq $insert ? 1500 : 1000, "$name: all rows are there");
	}
	else
	{
		is($now, $rows, "$name: the table is as before");
	}
	my $again = $adds && $now ne $rows || $sql =~ /^DO/ ? 'CHECKPOINT' : $sql;
	my ($state_again, undef, $errors_again) = $victim->ask($again);

	is($state_again, '00000', "$name: it works again") or diag($errors_again);
	like(state_now(), qr/^\d+\|t\|t\|\w+\|0$/, "$name: no row twice then, and all is sound");
}

$_->close foreach $victim, $other;
$node->stop;
done_testing();
