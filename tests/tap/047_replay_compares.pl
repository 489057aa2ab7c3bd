# What wal_consistency_checking sees: replay on a standby whose page differs from
# the primary's in one byte of a row ends with the error that says so.  So the mask
# hides no more than it has to, and the tests that use the setting prove something.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1, conf => q{
wal_consistency_checking = 'eventstore'
checkpoint_timeout = 1h
wal_keep_size = 64MB
ignore_checksum_failure = on
full_page_writes = off
});
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (k int, filler text) USING eventstore;
	INSERT INTO t VALUES (1, 'a row that is changed')});
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->start;

# no image of the whole page comes with a row, which would mend it
$primary->safe_psql('postgres', q{CHECKPOINT; INSERT INTO t VALUES (2, 'another one')});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
is($standby->safe_psql('postgres', 'SELECT count(*) FROM t'), '2', 'pages that are alike');
my $file = $standby->data_dir . '/' . $standby->safe_psql('postgres', q{SELECT pg_relation_filepath('t')});
$standby->stop;

my $bytes = slurp_file($file);
my $at = index $bytes, 'a row that is changed';
cmp_ok($at, '>', 8192, 'the row is in a page of rows');
open(my $handle, '+<:raw', $file) or die "$file: $!";
seek $handle, $at, 0;
print $handle 'A';
close $handle;

# replay begins at the checkpoint again, so the last row's record is compared
$standby->start(fail_ok => 1);
$standby->wait_for_log(qr/FATAL: .*inconsistent page found, rel \d+\/\d+\/\d+, forknum 0, blkno \d+/);
pass('a page that differs in a byte is found');

$standby->stop('immediate', fail_ok => 1);
$primary->stop;
done_testing();
