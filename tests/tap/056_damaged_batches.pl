# Damaged batches: whatever byte of one is changed, a scan of all columns says which
# block is damaged, verify() reports it, and the server does not crash.  With eventstore.skip_damaged_batches a scan passes over a damaged
# batch with a warning and gives all rows of the others; without, nothing is
# skipped.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant BLOCK => 8192;

my $rounds = $ENV{EVENTSTORE_FUZZ_ROUNDS} // 20;
my $seed = $ENV{EVENTSTORE_FUZZ_SEED} // time;
my $node = new_server('main', checksums => 0, conf => "restart_after_crash = on\nfull_page_writes = off\n");

$node->start;
note "seed $seed";
srand($seed);
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION eventstore;
	SET eventstore.batch_rows = 500;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, n int, at timestamptz,
		id uuid, kind text, v text, a int[]) USING eventstore WITH (autovacuum_enabled = off);
	INSERT INTO t (entity_id, n, at, id, kind, v, a)
	SELECT 'e' || g % 50, g, '2026-01-01'::timestamptz + g * interval '1 s', md5(g::text)::uuid, 'kind ' || g % 4,
		CASE WHEN g % 7 > 0 THEN repeat(md5(g::text), g % 5) END, ARRAY[g, NULL, -g]
	FROM generate_series(1, 2000) g;
	SELECT eventstore.compact('t');
	CREATE TABLE h USING heap AS TABLE t;
	CHECKPOINT;
	});
is($node->safe_psql('postgres', q{SELECT count(*) FROM eventstore.batches('t')}), '4', 'there are four batches');
my ($first, $pages, $low, $high) = split /\|/, $node->safe_psql('postgres',
	q{SELECT block, pages, first_row, last_row FROM eventstore.batches('t') ORDER BY first_row OFFSET 1 LIMIT 1});
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('t')});

sub read_at
{
	my ($offset, $length) = @_;
	my $bytes;

	open(my $fh, '<:raw', $file) or die "$file: $!";
	seek($fh, $offset, 0);
	read($fh, $bytes, $length);
	close $fh;
	return $bytes;
}

sub write_at
{
	my ($offset, $bytes) = @_;

	open(my $fh, '+<:raw', $file) or die "$file: $!";
	seek($fh, $offset, 0);
	print $fh $bytes;
	close $fh;
	return;
}

my %seen;
my @pages;
for my $page (0 .. $pages - 1)
{
	# where the page's contents end
	push @pages, unpack('S', read_at(($first + $page) * BLOCK + 12, 2));
}
foreach my $round (1 .. $rounds)
{
	my $page = int(rand($pages));
	my $at = ($first + $page) * BLOCK + 24 + int(rand($pages[$page] - 24));
	my $old = read_at($at, 1);
	my $new = chr(ord($old) ^ (1 << int(rand(8))));
	my $what = "round $round, byte $at";
	my ($ret, $out, $err);

	$node->stop;
	write_at($at, $new);
	$node->start;

	$ret = $node->psql('postgres', q{SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE h) x}, stdout => \$out, stderr => \$err);
	isnt($ret, 0, "$what: a scan fails");
	like($err, qr/block $first of relation "t" is damaged/, "$what: and says which block is damaged");
	$ret = $node->psql('postgres', q{SELECT eventstore.compact('t')}, stdout => \$out, stderr => \$err);
	$seen{$ret == 0 ? 'not compacted' : 'compaction failed'}++;

	# rows by their TIDs may be right, wrong, or an error, but that is all
	$node->psql('postgres', qq{SELECT count(DISTINCT (t.*)::text) FROM generate_series($low, $high, 37) g JOIN t ON t.ctid = ('(' || g / 256 || ',' || g % 256 + 1 || ')')::tid});
	is($node->safe_psql('postgres', 'SELECT 1'), '1', "$what: the server is there");
	is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM eventstore.verify('t')}), 't', "$what: verify reports it");

	# what can be saved
	$ret = $node->psql('postgres',
		qq{SET eventstore.skip_damaged_batches = on; SET max_parallel_workers_per_gather = 0; SELECT count(*), count(*) FILTER (WHERE position BETWEEN $low AND $high) FROM t},
		stdout => \$out, stderr => \$err);
	is($ret, 0, "$what: the rest can be read") or diag $err;
	is($out, '1500|0', "$what: all other batches are there");
	like($err, qr/WARNING:  skipping a damaged batch of relation "t"/, "$what: with a warning");

	$node->stop;
	write_at($at, $old);
	$node->start;
}
note join(', ', map { "$_: $seen{$_}" } sort keys %seen);
is($node->safe_psql('postgres', q{SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE h) x}), '0', 'mended, all rows are there');
is_sound($node, 'postgres', 'at the end');
$node->stop;
done_testing();
