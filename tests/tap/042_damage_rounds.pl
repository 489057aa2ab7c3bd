# Damage of every kind, at random: bits, words that are numbers of blocks or rows
# elsewhere, ranges, pages that change places, that are copied, that are as they
# were earlier (a write that got lost), files that are too short or too long.
# Then all or some of what reads or writes a table: an error that says so, never a
# crash, never a lock that is held for ever, never other rows than there were.
#
# Only a checksum could find some damage: bytes of values, a transaction number, a
# hint bit.  Such a row may be another one, or absent; its values are not looked
# at here.  Three kinds of lost writes leave pages that fit together, and even a
# checksum would find them right.  The table is as it was then:
#
#	- the metapage, when no page was current at the time;
#	- the current page: the rows that were added since are gone, and their
#	  numbers are given again;
#	- the whole file, or a file cut to nothing, which is an empty table.
#
# Units that the directory has lost are found by verify, as the counters do not
# fit; a reader passes over their rows.
#
# A table is made without rows, so that no buffer knows it, and its file is then
# overwritten by a damaged copy of another one's.
#
# EVENTSTORE_FUZZ_ROUNDS: how many (20; 300 if PG_TEST_EXTRA says "long"); EVENTSTORE_FUZZ_SEED: repeats a run.
use strict;
use warnings;

use EventStorePsql;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { BLOCK => 8192, META => 1, TAIL => 2, LEAF => 3, INNER => 4 };

my $rounds = $ENV{EVENTSTORE_FUZZ_ROUNDS} // (wants_long() ? 300 : 20);
my $seed = $ENV{EVENTSTORE_FUZZ_SEED} // time;
my $node = new_server('main', conf => q{
wal_level = minimal
max_wal_senders = 0
restart_after_crash = on
max_wal_size = 4GB
shared_buffers = 32MB
log_min_messages = log
});
my $columns = q{(position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, k int, filler text) USING eventstore};

my $psql = EventStorePsql->new($node);

note("EVENTSTORE_FUZZ_SEED=$seed");
srand($seed);
$node->start;
$psql->safe('CREATE EXTENSION eventstore');

# ---- examples: files as they are, and as they were ----

sub slurp
{
	my ($path) = @_;

	open(my $handle, '<:raw', $node->data_dir . "/$path") or die "$path: $!";
	local $/ = undef;
	my $bytes = <$handle>;
	return $bytes;
}

sub path_of
{
	my ($relation) = @_;

	return $psql->safe("CHECKPOINT; SELECT pg_relation_filepath('$relation')");
}

# run_pages, rows, their size: one page; a leaf; a tree
my @examples;
foreach my $size ([ 128, 3, 100 ], [ 2, 60, 700 ], [ 1, 280, 1900 ], [ 1, 500, 3900 ])
{
	my ($run_pages, $rows, $length) = @$size;
	my $name = 'example_' . @examples;
	my $old_rows = int($rows * 2 / 3);
	my $insert = "INSERT INTO $name (entity_id, k, filler) SELECT 'e', g, repeat('x', $length) FROM generate_series";

	$psql->safe(qq{
		SET eventstore.run_pages = $run_pages;
		CREATE TABLE $name $columns;
		ALTER TABLE $name ALTER filler SET STORAGE PLAIN;
		CREATE INDEX ${name}_k ON $name (k);
		$insert(1, $old_rows) g;
		BEGIN; $insert(100001, 100000 + $rows / 5) g; ROLLBACK;
		VACUUM $name});
	my $old = slurp(path_of($name));
	my $old_answer = $psql->safe("SELECT count(*), sum(position) FROM $name");
	$psql->safe(qq{
		$insert($old_rows + 1, $rows) g;
		VACUUM (FREEZE) $name;
		$insert($rows + 1, $rows + 2) g});
	my $answer = $psql->safe("SELECT count(*), sum(position) FROM $name");
	push @examples, {
		rows => $rows + 2, answer => $answer, bytes => slurp(path_of($name)), index => slurp(path_of("${name}_k")),
		old => $old, old_answer => $old_answer };
	$examples[-1]{current} = unpack('L', substr($examples[-1]{bytes}, 136, 4));
}

# ---- damage ----

sub kind_of
{
	my ($bytes, $block) = @_;

	return unpack('C', substr($$bytes, $block * BLOCK + 8188, 1));
}

# the metapage and the directory as often as the many tail pages
sub some_block
{
	my ($bytes) = @_;
	my $blocks = length($$bytes) / BLOCK;
	my $wanted = rand();

	return 0 if $wanted < 0.35;
	if ($wanted < 0.6)
	{
		my @directory = grep { kind_of($bytes, $_) == LEAF || kind_of($bytes, $_) == INNER } 0 .. $blocks - 1;

		return $directory[ int(rand(@directory)) ] if @directory;
	}
	# the current page
	return unpack('L', substr($$bytes, 136, 4)) if $wanted < 0.75;
	return int(rand($blocks));
}

# where something is
sub some_place
{
	my ($bytes, $block) = @_;
	my $kind = kind_of($bytes, $block);
	my $which = rand();

	return int(rand(24)) if $which < 0.1;
	return 8168 + int(rand(24)) if $which < 0.25;
	return 24 + (rand() < 0.5 ? 64 + int(rand(130)) : rand() < 0.3 ? 4112 + int(rand(400)) : int(rand(300))) if $kind == META && $which < 0.95;
	return 24 + int(rand(400)) if $which < 0.7;
	return int(rand(BLOCK));
}

sub some_number
{
	my ($bytes) = @_;
	my $blocks = length($$bytes) / BLOCK;
	my $meta = substr($$bytes, 0, BLOCK);
	my @all = (0, 1, 2, 0xffffffff, 0x7fffffff, 0x80000000, $blocks, $blocks - 1, $blocks + 1, int(rand($blocks)), int(rand($blocks)), int(rand($blocks)),
		int(rand(1200)), 126, 127, 128, 200, 201, 60, 61, 508, 509,
		# open run, reserve, alloc_end, root, last leaf, last inner page, free
		unpack('x112 L x12 L L L x4 L L L L x4 L L', $meta), unpack('x208 L8', $meta));
	my $number = $all[ int(rand(@all)) ] // 0;

	return rand() < 0.2 ? ($number + 1) & 0xffffffff : rand() < 0.2 ? ($number - 1) & 0xffffffff : $number;
}

sub damage
{
	my ($bytes, $old) = @_;
	my $block = some_block(\$bytes);
	my $at = $block * BLOCK;
	my $blocks = length($bytes) / BLOCK;
	my $way = int(rand(12));
	my $did;

	if ($way <= 3)
	{
		my @words = map { [ some_place(\$bytes, $block) & ~3, some_number(\$bytes) ] } 1 .. (rand() < 0.7 ? 1 : 2);

		substr($bytes, $at + $_->[0], 4) = pack('L', $_->[1]) foreach @words;
		$did = join(', ', map { "word $_->[1] at $_->[0]" } @words) . " of block $block";
	}
	elsif ($way <= 5)
	{
		my @places = map { some_place(\$bytes, $block) } 1 .. 1 + int(rand(4));

		substr($bytes, $at + $_, 1) = chr(int(rand(256))) foreach @places;
		$did = "bytes @places of block $block";
	}
	elsif ($way == 6)
	{
		my $bit = 8 * some_place(\$bytes, $block) + int(rand(8));

		substr($bytes, $at + int($bit / 8), 1) ^= chr(1 << $bit % 8);
		$did = "bit $bit of block $block";
	}
	elsif ($way == 7)
	{
		my $length = 2**(1 + int(rand(11)));
		my $where = int(rand(BLOCK - $length));
		my $with = int(rand(3));

		substr($bytes, $at + $where, $length) = $with == 0 ? "\0" x $length : $with == 1 ? "\xff" x $length : join('', map { chr(int(rand(256))) } 1 .. $length);
		$did = "$length bytes at $where of block $block are " . (qw(zero ones random))[$with];
	}
	elsif ($way == 8)
	{
		my $other = int(rand($blocks));
		my $page = substr($bytes, $at, BLOCK);

		substr($bytes, $at, BLOCK) = substr($bytes, $other * BLOCK, BLOCK);
		substr($bytes, $other * BLOCK, BLOCK) = $page if rand() < 0.5;
		$did = "block $other in the place of block $block";
	}
	elsif ($way <= 10)
	{
		my @lost = grep { $_ < length($old) / BLOCK } map { $_ == 0 ? $block : int(rand($blocks)) } 0 .. int(rand(4));

		substr($bytes, $_ * BLOCK, BLOCK) = substr($old, $_ * BLOCK, BLOCK) foreach @lost;
		return ($bytes, "blocks @lost as they were earlier", @lost);
	}
	else
	{
		my $length = int(rand($blocks)) * BLOCK;

		$bytes = rand() < 0.5 ? substr($bytes, 0, $length) : $bytes . ((rand() < 0.5 ? "\0" : "\x5a") x (BLOCK * (1 + int(rand(40)))));
		$did = 'a file of ' . length($bytes) / BLOCK . " instead of $blocks blocks";
	}
	return ($bytes, $did);
}

# ---- what is done to it ----

my @statements = (
	[ 'seqscan', 'SELECT count(*), sum(position) FROM t' ],
	[ 'parallel scan', 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SELECT count(*), max(filler) FROM t; RESET max_parallel_workers_per_gather' ],
	[ 'verify', q{SELECT count(*), 'rules ' || string_agg(DISTINCT rule, ', ') FROM eventstore.verify('t')} ],
	[ 'index scan', 'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*), sum(length(filler)) FROM t WHERE k > 0' ],
	[ 'bitmap scan', 'SET enable_indexscan = off; SET enable_bitmapscan = on; SELECT sum(length(filler)) FROM t WHERE k BETWEEN 5 AND 60; RESET ALL' ],
	[ 'TID scan', q{SELECT count(*) FROM t WHERE ctid = '(0,11)'; SELECT count(*) FROM t WHERE ctid > '(0,100)'; SELECT count(*) FROM t WHERE ctid < '(4000000000,1)'} ],
	[ 'backwards', 'BEGIN; DECLARE c SCROLL CURSOR FOR SELECT k FROM t; MOVE ALL c; MOVE BACKWARD ALL c' ],
	[ 'sample', 'SELECT count(*) FROM t TABLESAMPLE SYSTEM (50); SELECT count(*) FROM t TABLESAMPLE BERNOULLI (50)' ],
	[ 'lock', 'BEGIN; SELECT count(*) FROM (SELECT * FROM t WHERE k < 20 FOR UPDATE) x' ],
	[ 'analyze', 'ANALYZE t' ],
	[ 'insert', q{INSERT INTO t (entity_id, k, filler) SELECT 'new', g, repeat('n', 1900) FROM generate_series(100001, 100010) g} ],
	[ 'on conflict', q{INSERT INTO t (entity_id, k) VALUES ('c', 1) ON CONFLICT DO NOTHING} ],
	[ 'copy', q{COPY t (entity_id, k) FROM PROGRAM 'seq 1 300 | tr "\\n" "a" | sed "s/a/\\tz\\t/g" > /dev/null; for i in 1 2 3 4 5 6 7 8 9; do printf "e\\t$i\\n"; done'} ],
	[ 'many runs', q{SET eventstore.run_pages = 1; INSERT INTO t (entity_id, k, filler) SELECT 'new', g, repeat('n', 3900) FROM generate_series(200001, 200140) g} ],
	[ 'rolled back runs', q{BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'new', g, repeat('n', 3900) FROM generate_series(200001, 200140) g} ],
	[ 'vacuum', 'VACUUM t' ],
	[ 'vacuum freeze', 'VACUUM (FREEZE) t' ],
	[ 'insert again', q{INSERT INTO t (entity_id, k, filler) SELECT 'new', g, repeat('n', 1900) FROM generate_series(100001, 100010) g} ],
	[ 'dump', q{COPY t TO '/dev/null'} ],
	[ 'reindex', 'REINDEX TABLE t' ],
	[ 'verify again', q{SELECT count(*) FROM eventstore.verify('t')} ],
	[ 'cluster', 'CLUSTER t USING t_k' ],
	[ 'vacuum full', 'VACUUM FULL t' ],
	[ 'alter', 'ALTER TABLE t ALTER k TYPE bigint' ],
	[ 'truncate', 'TRUNCATE t' ],
	[ 'insert after', q{INSERT INTO t (entity_id, k) VALUES ('new', 1)} ],
	[ 'drop', 'DROP TABLE t' ],
);

# The state of each statement, and what it printed; of all of them, or some.
sub try_all
{
	my ($chance, @wanted) = @_;
	my $sql = "SET statement_timeout = '15s'; SET client_min_messages = error;\n";
	my $log_end = -s $node->logfile;
	my (%state, %printed, @tried);

	foreach my $statement (@statements)
	{
		my $name = $statement->[0];

		next if rand() >= $chance && !grep { $_ eq $name } @wanted;
		push @tried, $name;
		$sql .= "$statement->[1];\n\\echo == $name == :SQLSTATE\nROLLBACK;\n";
	}
	my ($end, $stdout, $messages) = $psql->ask("$sql\nRESET ALL");
	my $lines = '';
	foreach my $line (split /\n/, $stdout)
	{
		if ($line =~ /^== (.+) == (\S+)$/)
		{
			($state{$1}, $printed{$1}, $lines) = ($2, $lines, '');
			next;
		}
		$lines .= "$line\n";
	}
	$state{connection} = $end eq 'lost' || $end eq 'hangs' ? $end : 'kept';
	wait_until_up($node, 'postgres', $log_end) if $state{connection} ne 'kept';
	return (\%state, \%printed, $messages, @tried);
}

sub make_table
{
	my ($example, $bytes) = @_;

	my @paths = split /\n/, $psql->safe(qq{
		SET client_min_messages = error;
		DROP TABLE IF EXISTS t;
		CREATE TABLE t $columns;
		ALTER TABLE t ALTER filler SET STORAGE PLAIN;
		CREATE INDEX t_k ON t (k);
		UPDATE pg_class SET relfrozenxid = (SELECT relfrozenxid FROM pg_class WHERE relname = 'example_0') WHERE relname = 't';
		SELECT pg_relation_filepath('t');
		SELECT pg_relation_filepath('t_k')});
	foreach my $file ([ $paths[0], $bytes ], [ $paths[1], $example->{index} ])
	{
		open(my $handle, '>:raw', $node->data_dir . "/$file->[0]") or die $!;
		print $handle $file->[1];
		close $handle;
	}
	return;
}

# no damage may make the server fill the disk
$psql->close;
$node->stop;
start_limited($node, '-f 131072');

foreach my $example (@examples)
{
	make_table($example, $example->{bytes});
	my ($state, $printed, $messages, @tried) = try_all(1);

	is(join(' ', grep { ($state->{$_} // '') ne '00000' } @tried), '', 'without damage all works') or diag($messages);
	like($printed->{seqscan}, qr/^\Q$example->{answer}\E$/m, 'without damage all rows are there');
	like($printed->{verify}, qr/^0\|$/m, 'without damage verify finds nothing');
}

# Damage that once led a writer to lock a page that it had locked already, or to
# write beyond a page, or to give numbers that other rows have; and damage that
# hides rows, or shows others, unless a reader compares a page with the directory
# or with its neighbours.
sub word
{
	my ($bytes, $at) = @_;

	return unpack('L', substr($$bytes, $at, 4));
}

sub set_word
{
	my ($bytes, $at, $value) = @_;

	substr($$bytes, $at, 4) = pack('L', $value);
	return;
}

# offsets in the metapage
my ($current, $reserve_start, $reserve_len, $alloc_end, $root, $height, $last_leaf, $last_inner, $nfree, $free_start, $free_len) =
  (136, 144, 148, 152, 156, 160, 164, 168, 172, 208, 212);
# block of a page of the N-th unit in the metapage
sub block_of
{
	my ($bytes, $unit, $index) = @_;

	return word($bytes, 24 + 4120 + 64 * $unit + 16) + $index;
}

# what is left of a tail page that had one row less
sub without_last_row
{
	my ($bytes, $block) = @_;
	my $at = $block * BLOCK;
	my ($lower, $upper) = unpack('S S', substr($$bytes, $at + 12, 4));
	my $length = (word($bytes, $at + $lower - 4) >> 17) + 7 & ~7;

	substr($$bytes, $at + 12, 4) = pack('S S', $lower - 4, $upper + $length);
	return;
}

# where the tuple of the first row of a page begins
sub first_tuple
{
	my ($bytes, $block) = @_;

	return $block * BLOCK + (word($bytes, $block * BLOCK + 24) & 0x7fff);
}

sub flip
{
	my ($bytes, $at, $bits) = @_;

	substr($$bytes, $at, 1) ^= chr($bits);
	return;
}

# name, change, example, what must find it
my @chosen = (
	[ 'the last leaf is said to be an inner page', sub { set_word($_[0], $last_leaf, word($_[0], $last_inner)) }, -1, 'many runs' ],
	[ 'the last inner page is said to be a leaf', sub { set_word($_[0], $last_inner, word($_[0], $last_leaf)) }, -1, 'many runs' ],
	[ 'the root is said to be a leaf', sub { set_word($_[0], $root, word($_[0], $last_leaf)) }, -1, 'many runs' ],
	[ 'a third level', sub { set_word($_[0], $height, 3) }, -1, 'many runs' ],
	[ 'the last leaf is free', sub { set_word($_[0], $reserve_len, 0); set_word($_[0], $nfree, 1); set_word($_[0], $free_start, word($_[0], $last_leaf)); set_word($_[0], $free_len, 1) }, -1, 'many runs' ],
	[ 'the last inner page is free', sub { set_word($_[0], $reserve_len, 0); set_word($_[0], $nfree, 1); set_word($_[0], $free_start, word($_[0], $last_inner)); set_word($_[0], $free_len, 1) }, -1, 'many runs' ],
	[ 'the last leaf is in the reserve', sub { set_word($_[0], $reserve_start, word($_[0], $last_leaf)); set_word($_[0], $reserve_len, 1) }, -1, 'many runs' ],
	[ 'the last inner page is a tail page', sub { set_word($_[0], $last_inner, 1) }, -1, 'many runs' ],
	[ 'the last leaf twice', sub { my $inner = word($_[0], $last_inner) * BLOCK; my $n = word($_[0], $inner + 32); set_word($_[0], $inner + 40 + 16 * ($n - 2) + 8, word($_[0], $last_leaf)) }, -1, 'seqscan' ],
	[ 'the first child is the inner page', sub { my $inner = word($_[0], $last_inner) * BLOCK; set_word($_[0], $inner + 40 + 8, word($_[0], $last_inner)) }, -1, 'seqscan' ],
	[ 'the current page numbers its rows too low', sub { set_word($_[0], word($_[0], $current) * BLOCK + 8176, 1) }, -1, 'many runs' ],
	[ 'the current page numbers its rows too high', sub { set_word($_[0], word($_[0], $current) * BLOCK + 8180, 1) }, -1, 'many runs' ],
	[ 'the current page is of another run', sub { set_word($_[0], word($_[0], $current) * BLOCK + 8168, 7) }, -1, 'many runs' ],
	[ 'the open run has no pages', sub { set_word($_[0], 132, 0) }, -1, 'seqscan' ],
	[ 'a page of a run has lost its last row', sub { without_last_row($_[0], block_of($_[0], 1, 0)) }, 1, 'seqscan' ],
	[ 'the last page of a run has lost its last row', sub { without_last_row($_[0], block_of($_[0], 1, 1)) }, 1, 'seqscan' ],
	[ 'a run begins at another row', sub { flip($_[0], block_of($_[0], 1, 0) * BLOCK + 8176, 2) }, 1, 'seqscan' ],
	[ 'a closed page is marked as the current one', sub { flip($_[0], block_of($_[0], 1, 1) * BLOCK + 8189, 1) }, 1, 'seqscan' ],
	[ 'the current page is not marked so', sub { flip($_[0], word($_[0], $current) * BLOCK + 8189, 1) }, 1, 'seqscan' ],
	[ 'a line pointer is lost', sub { set_word($_[0], block_of($_[0], 1, 0) * BLOCK + 28, 0) }, 1, 'seqscan' ],
	[ 'a row is marked with the number of another one', sub { flip($_[0], first_tuple($_[0], block_of($_[0], 1, 0)) + 16, 1) }, 1, 'seqscan' ],
	[ 'a frozen row is marked as aborted', sub { flip($_[0], first_tuple($_[0], block_of($_[0], 1, 0)) + 21, 1) }, 1, 'seqscan' ],
	[ 'a row has an xmax', sub { flip($_[0], first_tuple($_[0], block_of($_[0], 1, 0)) + 4, 3) }, 1, 'seqscan' ],
);

# What a sequential scan may say, besides an error.
sub possible_answers
{
	my ($example, $bytes, @lost) = @_;
	my @possible = ($example->{answer});

	push @possible, '0|' if $bytes eq '';
	push @possible, $example->{old_answer} if grep { $_ == 0 || $_ == $example->{current} } @lost;
	return map { quotemeta } @possible;
}

my (%seen, @unnamed);
my ($harmless, $found, $found_by_readers) = (0, 0, 0);
for my $round (1 - @chosen .. $rounds)
{
	my $is_chosen = $round <= 0;
	my $example = $is_chosen ? $examples[ $chosen[ $round - 1 ][2] ] : $examples[ int(rand(@examples)) ];
	my ($bytes, $did, @lost) = $is_chosen ? ($example->{bytes}, $chosen[ $round - 1 ][0]) : damage($example->{bytes}, $example->{old});
	my $what = "round $round, example of $example->{rows} rows, $did";

	$chosen[ $round - 1 ][1]->(\$bytes) if $is_chosen;
	make_table($example, $bytes);
	my $finder = $is_chosen ? $chosen[ $round - 1 ][3] : 'seqscan';
	my ($state, $printed, $messages, @tried) = try_all($is_chosen ? 0 : 0.6, 'seqscan', 'verify', $finder);

	if ($state->{connection} ne 'kept')
	{
		my ($last) = grep { !exists $state->{$_} } @tried;
		fail("$what (seed $seed): the connection is $state->{connection} at $last");
		next;
	}
	is($state->{$finder}, 'XX001', "$what: it is found") if $is_chosen;
	$seen{ $state->{$_} // 'none' }++ foreach @tried;

	my @odd = map { "$_: " . ($state->{$_} // 'none') } grep { ($state->{$_} // 'none') !~ /^(00000|XX001|XX002|58P01|53200|53100|54000|22\d\d\d|25P02|55000|58030)$/ } @tried;
	my ($problems) = $printed->{verify} =~ /^(\d+)\|/m;
	my $possible = join '|', possible_answers($example, $bytes, @lost);

	push @odd, "seqscan finds $printed->{seqscan}, verify $printed->{verify}"
	  if $state->{seqscan} eq '00000' && $printed->{seqscan} !~ /^(?:$possible)$/ && $printed->{verify} !~ /counters/;
	push @odd, 'a scan fails, verify finds nothing' if $state->{seqscan} ne '00000' && ($problems // 1) == 0;
	$problems ? $found++ : $harmless++;
	$found_by_readers++ if grep { $state->{$_} eq 'XX001' } @tried;
	is(join(', ', @odd), '', $what) or diag("seed $seed\n$messages");
	push @unnamed, grep { !/relation|block|TOAST|toast|index "|file "/ } $messages =~ /ERROR:  XX001: (.*)$/mg;
}
is(join("\n", @unnamed), '', 'errors of damage name the place');
note("verify found $found, others $found_by_readers; verify found nothing $harmless times");
note('states seen: ' . join(' ', map { "$_=$seen{$_}" } sort keys %seen));
ok(slurp_file($node->logfile) !~ /PANIC:|TRAP:|was terminated by signal/, 'nobody died');

$psql->close;
$node->stop;
done_testing();
