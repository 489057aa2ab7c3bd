# Every record that the extension writes has a name and a description, in a
# server with the library; pg_waldump, which has no libraries, at least walks
# over them.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = logical');
$node->start;
plan skip_all => 'pg_walinspect is not installed'
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_walinspect'}) eq '0';
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore; CREATE EXTENSION pg_walinspect');

my $start = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
$node->safe_psql('postgres', q{
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int UNIQUE, filler text) USING eventstore;
	SET eventstore.run_pages = 1;
	INSERT INTO t (entity_id, k) VALUES ('one', 1);
	COPY t (entity_id, k) FROM STDIN;
copy	2
copy	3
\.
	INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 1900) FROM generate_series(10, 300) g;
	INSERT INTO t (entity_id, k) VALUES ('confirmed', 400) ON CONFLICT DO NOTHING;
	INSERT INTO t VALUES (5000, 'jump', 500);
	BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'gone', g, repeat('x', 1900) FROM generate_series(1001, 1400) g; ROLLBACK;
});
$node->safe_psql('postgres', 'VACUUM (FREEZE) t');
$node->safe_psql('postgres', 'VACUUM FULL t');
my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');

my $records = qq{
	FROM pg_get_wal_records_info('$start', '$end') WHERE resource_manager = 'eventstore'};
is( $node->safe_psql('postgres', qq{
		SELECT string_agg(DISTINCT record_type, ' ' ORDER BY record_type) $records}),
	'FLUSH INSERT META META_INIT MULTI NEW_TAIL REPLACE SETTLE SPEC TRUNC',
	'the kinds of records');
is( $node->safe_psql('postgres', qq{
		SELECT DISTINCT record_type $records
		AND (record_type ILIKE '%unknown%' OR coalesce(description, '') !~ '^[a-z].*: ')}),
	'', 'each has a description of names and values');
note($node->safe_psql('postgres', qq{
	SELECT DISTINCT ON (record_type) record_type, description $records}));

my ($stdout, $stderr) = run_command(
	[ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '-s', $start, '-e', $end ]);
like($stdout, qr/^rmgr: custom128 .*, blkref #0/m, 'pg_waldump walks over the records');

$node->stop;
done_testing();
