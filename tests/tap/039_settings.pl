# The server's settings, beside a heap table: conflicts of a standby's readers,
# a standby that nobody may read, compressed full-page images and none, checksums
# on and off, and what PostgreSQL offers for damaged pages.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1, extra => ['--data-checksums'], conf => q{
wal_level = replica
wal_consistency_checking = 'eventstore'
restart_after_crash = on
});
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text';

$primary->start;
$primary->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE TABLE other (n int);
	CREATE TABLE events ($columns) USING eventstore;
	CREATE TABLE heap ($columns) USING heap;
	INSERT INTO events (entity_id, k) SELECT 'e', g FROM generate_series(1, 100) g;
	INSERT INTO heap SELECT * FROM events;
});
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
max_standby_streaming_delay = 10ms
hot_standby_feedback = off
});
$standby->start;

sub catch_up
{
	$primary->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'test', '')});
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
	return;
}

# ---- conflicts ----

my $conflicts = q{
	SELECT confl_lock, confl_snapshot, confl_bufferpin, confl_deadlock FROM pg_stat_database_conflicts
	WHERE datname = current_database()};

# A session with a snapshot, and perhaps a lock, meets what the primary server
# does, and is ended by it, or not: which conflicts are counted?
sub conflicts_with
{
	my ($reads, $ended, @does) = @_;
	my @before = split /\|/, $standby->safe_psql('postgres', $conflicts);
	my $reader = $standby->background_psql('postgres');
	my $pid = $reader->query_safe('SELECT pg_backend_pid()');

	$reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM $reads");
	$primary->safe_psql('postgres', $_) foreach @does;
	catch_up();
	if ($ended)
	{
		$standby->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
		  or die 'the reader is not ended';
		eval { $reader->{run}->finish; };
	}
	else
	{
		$reader->query_safe('COMMIT');
		$reader->quit;
	}
	my @after = split /\|/, $standby->safe_psql('postgres', $conflicts);
	return join ' ', map { $after[$_] - $before[$_] } 0 .. $#after;
}

# what each does to a reader: a lock, a snapshot, a pin, a deadlock
foreach my $table (qw(events heap))
{
	# Rows of aborted transactions at the end of the file, in a table nobody
	# looks at: it is cut.
	is( conflicts_with($table, 1, qq{
			SET eventstore.run_pages = 1;
			BEGIN;
			INSERT INTO $table (entity_id, filler) SELECT 'gone', repeat('x', 1900) FROM generate_series(1, 400);
			ROLLBACK}, "VACUUM $table"),
		'1 0 0 0', "$table: the file is cut");
	is( conflicts_with('other', 1,
			"INSERT INTO $table (entity_id, k) SELECT 'later', g FROM generate_series(101, 200) g", "VACUUM (FREEZE) $table"),
		'0 1 0 0', "$table: rows that the snapshot does not see are frozen");
	is(conflicts_with($table, 1, "TRUNCATE $table"), '1 0 0 0', "$table: TRUNCATE");
	is( conflicts_with($table, 0,
			"INSERT INTO $table (entity_id, k) SELECT 'e', g FROM generate_series(1, 100) g", "ANALYZE $table"),
		'0 0 0 0', "$table: rows are stored");
}

# ---- WAL written in other ways, replayed by a standby that cannot be read ----

$standby->append_conf('postgresql.conf', 'hot_standby = off');
$standby->restart;
my $number = 0;
my $compressions = $primary->safe_psql('postgres', q{SELECT array_to_string(enumvals, ' ') FROM pg_settings WHERE name = 'wal_compression'});
my @ways = map { "wal_compression = $_" } grep { !/^(?:on|off)$/ } split / /, $compressions;
@ways = $ways[0] if !wants_long();
foreach my $way (@ways, "wal_compression = off\nfull_page_writes = off")
{
	my $k = ++$number * 10000;

	# a large page image, a crash, and records that follow the image
	$primary->append_conf('postgresql.conf', $way);
	$primary->reload;
	$primary->safe_psql('postgres', qq{
		CHECKPOINT;
		SET eventstore.run_pages = 1;
		INSERT INTO events (entity_id, k, filler) SELECT 'way $number', g, repeat('w', 1000) FROM generate_series($k, $k + 300) g;
		BEGIN; INSERT INTO events (entity_id, k, filler) SELECT 'gone', g, repeat('x', 1900) FROM generate_series(1, 200) g; ROLLBACK;
		INSERT INTO events (entity_id, filler) SELECT 'large', string_agg(md5(g::text), '') FROM generate_series(1, 1000) g});
	$primary->safe_psql('postgres', 'VACUUM (FREEZE) events');
	$primary->safe_psql('postgres', q{
		CHECKPOINT;
		INSERT INTO events (entity_id, k) VALUES ('after a checkpoint', 1)});
	my $rows = rows_of($primary, 'postgres', 'events');
	$primary->stop('immediate');
	$primary->start;
	is(rows_of($primary, 'postgres', 'events'), $rows, 'after a crash: ' . $way =~ tr/\n/ /r);
	is_sound($primary, 'postgres', $way =~ tr/\n/ /r);
}
my ($rc, undef, $stderr) = $standby->psql('postgres', 'SELECT 1');
like($stderr, qr/not accepting connections|is starting up/, 'the standby cannot be read');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));
my $rows = rows_of($primary, 'postgres', 'events');
$standby->promote;
is(rows_of($standby, 'postgres', 'events'), $rows, 'it has the rows when it is promoted');
is_sound($standby, 'postgres', 'after its promotion');
$standby->safe_psql('postgres', q{INSERT INTO events (entity_id, k) VALUES ('promoted', 1)});
$standby->stop;

# ---- a setting of ours, by reload ----

$primary->safe_psql('postgres', 'ALTER SYSTEM SET eventstore.run_pages = 3');
$primary->reload;
ok($primary->poll_query_until('postgres', q{SELECT setting = '3' FROM pg_settings WHERE name = 'eventstore.run_pages'}), 'a setting changes by reload');
is(sqlstate_of($primary, 'postgres', 'ALTER SYSTEM SET eventstore.run_pages = 129'), '22023', 'within its range');
is(sqlstate_of($primary, 'postgres', 'SET eventstore.no_such = 1'), '42602', 'a setting that is not there');
$primary->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$primary->reload;

# ---- checksums off and on again ----

$primary->stop;
command_ok([ 'pg_checksums', '--disable', '-D', $primary->data_dir ], 'pg_checksums --disable');
$primary->start;
$primary->safe_psql('postgres', q{INSERT INTO events (entity_id, k) SELECT 'without checksums', g FROM generate_series(1, 300) g});
is_sound($primary, 'postgres', 'without checksums');
$primary->stop;
command_ok([ 'pg_checksums', '--enable', '--no-sync', '-D', $primary->data_dir ], 'pg_checksums --enable');
command_ok([ 'pg_checksums', '--check', '-D', $primary->data_dir ], 'pg_checksums --check');
$primary->start;
is_sound($primary, 'postgres', 'with checksums again');

# ---- damaged pages, and the settings for them ----

# Tables of some pages, of which one is changed in a value, torn in halves, or zero,
# or the first one is changed.
my %damaged = (changed => 5, torn => 5, zero => 5, first => 0);
foreach my $table (sort keys %damaged)
{
	$primary->safe_psql('postgres', qq{
		CREATE TABLE $table ($columns) USING eventstore;
		INSERT INTO $table (entity_id, k, filler) SELECT 'e', g, repeat('f', 700) FROM generate_series(1, 100) g});
}
my %file = map { $_ => $primary->data_dir . '/' . $primary->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") } keys %damaged;
$primary->stop;

sub change_file
{
	my ($file, $offset, $bytes) = @_;

	open(my $handle, '+<', $file) or die "$file: $!";
	binmode $handle;
	seek($handle, $offset, 0);
	print $handle $bytes;
	close $handle;
	return;
}

my $block = 5;
my $page = substr slurp_file($file{torn}), ($block + 1) * 8192, 8192;
change_file($file{changed}, $block * 8192 + 7000, 'F' x 10);
change_file($file{torn}, $block * 8192 + 4096, substr $page, 4096);
change_file($file{zero}, $block * 8192, "\0" x 8192);
change_file($file{first}, 300, 'F' x 10);
$primary->start;

# what a reader gets: rows, or SQLSTATE
sub outcome_of
{
	my ($table, $settings) = @_;
	my ($rc, $stdout, $stderr) = $primary->psql('postgres', "\\set VERBOSITY verbose\n$settings SELECT count(*), count(DISTINCT filler) FROM $table");

	return $stdout if $rc == 0;
	return $stderr =~ /ERROR:  (\w{5}):/ ? $1 : $stderr;
}

foreach my $table (sort keys %damaged)
{
	is(outcome_of($table, ''), 'XX001', "$table: an error");
	is($primary->safe_psql('postgres', "SELECT string_agg(DISTINCT block::text, ' ') FROM eventstore.verify('$table')"),
		$damaged{$table}, "$table: verify names the block");
}

# A page that PostgreSQL replaces by zeros is still missed: no row is lost without
# a word.
$primary->restart;
foreach my $table (sort keys %damaged)
{
	is(outcome_of($table, 'SET zero_damaged_pages = on;'), 'XX001', "$table: zero_damaged_pages does not hide what is lost");
}
is(sqlstate_of($primary, 'postgres', q{SET zero_damaged_pages = on; INSERT INTO first (entity_id) VALUES ('again number 1')}),
	'XX001', 'first: nor is anything written over it');
$primary->restart;
is(outcome_of('changed', ''), 'XX001', 'and does not change the file');
is( $primary->safe_psql('postgres', q{
		SELECT min(k) AS first, max(k) AS last FROM changed WHERE ctid < '(0,30)' \gset
		SELECT :first, :last > 20}),
	'1|t', 'rows before the page can be read by ctid');
is(outcome_of('changed', 'SET ignore_checksum_failure = on;'), '100|2', 'changed: what is there can be read, by who wants that');

$primary->stop;
done_testing();
