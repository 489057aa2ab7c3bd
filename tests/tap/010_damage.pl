# Damaged files: reading says which block of which relation is damaged, with
# ERRCODE_DATA_CORRUPTED, and verify reports it.  Whatever the bytes are, the
# server does not crash.
#
# Every kind of damage has a table of its own, so that one stop of the server is
# enough for all.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	BLOCK => 8192,
	META => 1,
	TAIL => 2,
	LEAF => 3,
	INNER => 4,
};

my $fuzz_rounds = $ENV{EVENTSTORE_FUZZ_ROUNDS} // 200;
my $seed = $ENV{EVENTSTORE_FUZZ_SEED} // time;
my $node = new_server('main', conf => q{
wal_level = replica
restart_after_crash = on
full_page_writes = off
});

# ---- pages: byte offsets are those of src/format/es_page.h ----

# name => [ offset, pack template ]
my %field = (
	# page header
	lower => [ 12, 'S' ],
	upper => [ 14, 'S' ],
	special => [ 16, 'S' ],
	# special space
	unit_id => [ 8168, 'Q' ],
	first_row => [ 8176, 'Q' ],
	index_in_unit => [ 8184, 'L' ],
	kind => [ 8188, 'C' ],
	flags => [ 8189, 'C' ],
	magic => [ 8190, 'S' ],
	# metapage
	meta_magic => [ 24, 'L' ],
	meta_format => [ 28, 'L' ],
	meta_next_unit_id => [ 96, 'Q' ],
	meta_open_first_row => [ 112, 'Q' ],
	meta_open_unit_id => [ 120, 'Q' ],
	meta_open_start => [ 128, 'L' ],
	meta_open_npages => [ 132, 'L' ],
	meta_open_block => [ 136, 'L' ],
	meta_reserve_start => [ 144, 'L' ],
	meta_reserve_len => [ 148, 'L' ],
	meta_alloc_end => [ 152, 'L' ],
	meta_root => [ 156, 'L' ],
	meta_height => [ 160, 'L' ],
	meta_last_leaf => [ 164, 'L' ],
	meta_nfree => [ 172, 'L' ],
	meta_rows => [ 176, 'Q' ],
	meta_unit_blocks => [ 192, 'L' ],
	meta_free_start => [ 208, 'L' ],
	meta_free_len => [ 212, 'L' ],
	meta_nrecent => [ 4136, 'L' ],
	# second of the recent units
	recent_first_row => [ 4144 + 64, 'Q' ],
	recent_unit_id => [ 4144 + 72, 'Q' ],
	recent_start => [ 4144 + 80, 'L' ],
	recent_npages => [ 4144 + 84, 'L' ],
	recent_span => [ 4144 + 88, 'L' ],
	recent_kind => [ 4144 + 96, 'C' ],
	# directory
	dir_high_row => [ 24, 'Q' ],
	dir_n => [ 32, 'L' ],
	leaf_first_row => [ 40 + 64, 'Q' ],
	leaf_unit_id => [ 40 + 72, 'Q' ],
	leaf_start => [ 40 + 80, 'L' ],
	leaf_npages => [ 40 + 84, 'L' ],
	leaf_kind => [ 40 + 96, 'C' ],
	inner_low_row => [ 40 + 16, 'Q' ],
	inner_child => [ 40 + 24, 'L' ],
);

sub get
{
	my ($page, $name) = @_;
	my ($offset, $template) = @{ $field{$name} };

	return unpack($template, substr($$page, $offset));
}

sub put
{
	my ($page, $name, $value) = @_;
	my ($offset, $template) = @{ $field{$name} };
	my $bytes = pack($template, $value);

	substr($$page, $offset, length $bytes) = $bytes;
	return;
}

# line pointer n as (offset, flags, length), from 1
sub get_item
{
	my ($page, $n) = @_;
	my $bits = unpack('L', substr($$page, 24 + 4 * ($n - 1), 4));

	return ($bits & 0x7fff, ($bits >> 15) & 3, $bits >> 17);
}

sub put_item
{
	my ($page, $n, $offset, $flags, $length) = @_;

	substr($$page, 24 + 4 * ($n - 1), 4) =
	  pack('L', $offset | ($flags << 15) | ($length << 17));
	return;
}

# the others move to its place, so the page ends as it did
sub drop_first_item
{
	my ($page) = @_;
	my $lower = get($page, 'lower');

	substr($$page, 24, $lower - 24) = substr($$page, 28, $lower - 28) . "\0" x 4;
	put($page, 'lower', $lower - 4);
	return;
}

# overwrites bytes of the tuple of line pointer n
sub put_in_tuple
{
	my ($page, $n, $at, $bytes) = @_;
	my ($offset) = get_item($page, $n);

	substr($$page, $offset + $at, length $bytes) = $bytes;
	return;
}

# ---- targeted damage ----

# name, kind of page, what is done to it; then what is expected:
#	read	 a sequential scan fails, naming the block
#	verify	 verify finds something, at least
#	sound	 it is no damage: a mark that a reader leaves, see es_page.h
# The tail page is the third of its kind, so that others are read before it.
my @targeted = (
	[ 'tail_magic', TAIL, sub { put($_[0], 'magic', 0) }, 'read' ],
	[ 'tail_kind', TAIL, sub { put($_[0], 'kind', 9) }, 'read' ],
	[ 'tail_kind_leaf', TAIL, sub { put($_[0], 'kind', LEAF) }, 'read' ],
	[ 'tail_flags', TAIL, sub { put($_[0], 'flags', 0x40) }, 'read' ],
	[ 'tail_suspect', TAIL, sub { put($_[0], 'flags', 0x80) }, 'sound' ],
	[ 'tail_current', TAIL, sub { put($_[0], 'flags', 1) }, 'verify' ],
	[ 'tail_unit_id', TAIL, sub { put($_[0], 'unit_id', get($_[0], 'unit_id') + 1) }, 'read' ],
	[ 'tail_first_row', TAIL, sub { put($_[0], 'first_row', get($_[0], 'first_row') + 1000) }, 'read' ],
	[ 'tail_first_row_only', TAIL, sub { put($_[0], 'first_row', get($_[0], 'first_row') + 1); drop_first_item($_[0]) }, 'read' ],
	[ 'tail_first_row_low', TAIL, sub { put($_[0], 'first_row', 0) }, 'read' ],
	[ 'tail_index', TAIL, sub { put($_[0], 'index_in_unit', 77) }, 'read' ],
	[ 'tail_lower', TAIL, sub { put($_[0], 'lower', 8000) }, 'read' ],
	[ 'tail_lower_low', TAIL, sub { put($_[0], 'lower', 10) }, 'read' ],
	[ 'tail_lower_odd', TAIL, sub { put($_[0], 'lower', get($_[0], 'lower') + 1) }, 'read' ],
	[ 'tail_upper', TAIL, sub { put($_[0], 'upper', 8190) }, 'read' ],
	[ 'tail_special', TAIL, sub { put($_[0], 'special', 8160) }, 'read' ],
	[ 'tail_zero', TAIL, sub { ${ $_[0] } = "\0" x BLOCK }, 'read' ],
	[ 'tail_ones', TAIL, sub { ${ $_[0] } = "\xff" x BLOCK }, 'read' ],
	[ 'item_beyond', TAIL, sub { put_item($_[0], 2, 8190, 1, 100) }, 'read' ],
	[ 'item_long', TAIL, sub { my ($o, $f) = get_item($_[0], 2); put_item($_[0], 2, $o, $f, 8000) }, 'read' ],
	[ 'item_short', TAIL, sub { my ($o, $f) = get_item($_[0], 2); put_item($_[0], 2, $o, $f, 8) }, 'read' ],
	[ 'item_odd', TAIL, sub { my ($o, $f, $l) = get_item($_[0], 2); put_item($_[0], 2, $o + 1, $f, $l) }, 'read' ],
	[ 'item_in_pointers', TAIL, sub { put_item($_[0], 2, 16, 1, 100) }, 'read' ],
	[ 'item_redirect', TAIL, sub { put_item($_[0], 2, 1, 2, 0) }, 'read' ],
	[ 'item_dead', TAIL, sub { put_item($_[0], 2, 0, 3, 0) }, 'read' ],
	[ 'items_overlap', TAIL, sub { put_item($_[0], 2, get_item($_[0], 1)) }, 'verify' ],
	[ 'tuple_hoff', TAIL, sub { put_in_tuple($_[0], 2, 22, pack('C', 200)) }, 'verify' ],
	[ 'tuple_hoff_low', TAIL, sub { put_in_tuple($_[0], 2, 22, pack('C', 1)) }, 'verify' ],
	[ 'tuple_natts', TAIL, sub { put_in_tuple($_[0], 2, 18, pack('S', 1000)) }, 'verify' ],
	[ 'tuple_ctid', TAIL, sub { put_in_tuple($_[0], 2, 12, pack('SSS', 0, 7, 7)) }, 'verify' ],
	[ 'tuple_xmin', TAIL, sub { put_in_tuple($_[0], 2, 0, pack('L', 0x70000000)); put_in_tuple($_[0], 2, 20, pack('S', 0x0802)) }, 'verify' ],
	[ 'tuple_xmax', TAIL, sub { put_in_tuple($_[0], 2, 4, pack('L', 3)); put_in_tuple($_[0], 2, 20, pack('S', 0x0102)) }, 'verify' ],
	[ 'tuple_varlena', TAIL, sub { put_in_tuple($_[0], 2, 40, pack('L', 0x0fffffff << 2)) }, 'verify' ],
	[ 'meta_magic', META, sub { put($_[0], 'meta_magic', 1) }, 'read' ],
	[ 'meta_format', META, sub { put($_[0], 'meta_format', 99) }, 'read' ],
	[ 'meta_kind', META, sub { put($_[0], 'kind', TAIL) }, 'read' ],
	[ 'meta_zero', META, sub { ${ $_[0] } = "\0" x BLOCK }, 'read' ],
	[ 'meta_open_first_row', META, sub { put($_[0], 'meta_open_first_row', 5) }, 'read' ],
	[ 'meta_open_unit_id', META, sub { put($_[0], 'meta_open_unit_id', 3) }, 'read' ],
	[ 'meta_open_block', META, sub { put($_[0], 'meta_open_block', 3) }, 'read' ],
	[ 'meta_open_block_far', META, sub { put($_[0], 'meta_open_block', 1_000_000) }, 'read' ],
	[ 'meta_open_npages', META, sub { put($_[0], 'meta_open_npages', 5000) }, 'read' ],
	[ 'meta_open_start', META, sub { put($_[0], 'meta_open_start', 0) }, 'read' ],
	[ 'meta_alloc_end', META, sub { put($_[0], 'meta_alloc_end', 5) }, 'verify' ],
	[ 'meta_alloc_end_far', META, sub { put($_[0], 'meta_alloc_end', 4_000_000_000) }, 'verify' ],
	[ 'meta_reserve', META, sub { put($_[0], 'meta_reserve_start', 2); put($_[0], 'meta_reserve_len', 3) }, 'verify' ],
	[ 'meta_reserve_current', META, sub { put($_[0], 'meta_reserve_start', get($_[0], 'meta_open_block')); put($_[0], 'meta_reserve_len', 1) }, 'verify' ],
	[ 'meta_reserve_meta', META, sub { put($_[0], 'meta_reserve_start', 0); put($_[0], 'meta_reserve_len', 1) }, 'verify' ],
	[ 'meta_free_current', META, sub { put($_[0], 'meta_reserve_len', 0); put($_[0], 'meta_nfree', 1); put($_[0], 'meta_free_start', get($_[0], 'meta_open_block')); put($_[0], 'meta_free_len', 1) }, 'verify' ],
	[ 'meta_root', META, sub { put($_[0], 'meta_root', 2) }, 'read' ],
	[ 'meta_root_self', META, sub { put($_[0], 'meta_root', 0) }, 'read' ],
	[ 'meta_height', META, sub { put($_[0], 'meta_height', 200) }, 'read' ],
	[ 'meta_height_less', META, sub { put($_[0], 'meta_height', 0) }, 'read' ],
	[ 'meta_last_leaf', META, sub { put($_[0], 'meta_last_leaf', 2) }, 'verify' ],
	[ 'meta_nfree', META, sub { put($_[0], 'meta_nfree', 100_000) }, 'read' ],
	[ 'meta_free', META, sub { put($_[0], 'meta_nfree', 1); put($_[0], 'meta_free_start', 1); put($_[0], 'meta_free_len', 4) }, 'verify' ],
	[ 'meta_rows', META, sub { put($_[0], 'meta_rows', 5) }, 'verify' ],
	[ 'meta_unit_blocks', META, sub { put($_[0], 'meta_unit_blocks', 5) }, 'verify' ],
	[ 'meta_nrecent', META, sub { put($_[0], 'meta_nrecent', 1_000_000) }, 'read' ],
	[ 'meta_next_unit_id', META, sub { put($_[0], 'meta_next_unit_id', 2) }, 'verify' ],
	[ 'recent_first_row', META, sub { put($_[0], 'recent_first_row', 1) }, 'read' ],
	[ 'recent_unit_id', META, sub { put($_[0], 'recent_unit_id', 1) }, 'read' ],
	[ 'recent_start', META, sub { put($_[0], 'recent_start', 0) }, 'read' ],
	[ 'recent_start_far', META, sub { put($_[0], 'recent_start', 4_000_000_000) }, 'read' ],
	[ 'recent_npages', META, sub { put($_[0], 'recent_npages', 0) }, 'read' ],
	[ 'recent_npages_many', META, sub { put($_[0], 'recent_npages', 4_000_000_000) }, 'read' ],
	[ 'recent_span', META, sub { put($_[0], 'recent_span', 4_000_000_000) }, 'read' ],
	[ 'recent_kind', META, sub { put($_[0], 'recent_kind', 3) }, 'read' ],
	[ 'leaf_kind_tail', LEAF, sub { put($_[0], 'kind', TAIL) }, 'read' ],
	[ 'leaf_magic', LEAF, sub { put($_[0], 'magic', 0) }, 'read' ],
	[ 'leaf_n', LEAF, sub { put($_[0], 'dir_n', 1_000_000) }, 'read' ],
	[ 'leaf_none', LEAF, sub { put($_[0], 'dir_n', 0) }, 'verify' ],
	[ 'leaf_high_row', LEAF, sub { put($_[0], 'dir_high_row', 5) }, 'read' ],
	[ 'leaf_low_row', LEAF, sub { put($_[0], 'first_row', 5) }, 'read' ],
	[ 'leaf_unit_first_row', LEAF, sub { put($_[0], 'leaf_first_row', 2) }, 'read' ],
	[ 'leaf_unit_id', LEAF, sub { put($_[0], 'leaf_unit_id', 99) }, 'read' ],
	[ 'leaf_unit_start', LEAF, sub { put($_[0], 'leaf_start', 0) }, 'read' ],
	[ 'leaf_unit_npages', LEAF, sub { put($_[0], 'leaf_npages', 4_000_000_000) }, 'read' ],
	[ 'leaf_unit_kind', LEAF, sub { put($_[0], 'leaf_kind', 200) }, 'read' ],
	[ 'leaf_zero', LEAF, sub { ${ $_[0] } = "\0" x BLOCK }, 'read' ],
	[ 'inner_n', INNER, sub { put($_[0], 'dir_n', 1_000_000) }, 'read' ],
	[ 'inner_child', INNER, sub { put($_[0], 'inner_child', 2) }, 'read' ],
	[ 'inner_child_self', INNER, sub { put($_[0], 'inner_child', $_[1]) }, 'read' ],
	[ 'inner_child_far', INNER, sub { put($_[0], 'inner_child', 4_000_000_000) }, 'read' ],
	[ 'inner_low_row', INNER, sub { put($_[0], 'inner_low_row', 3) }, 'read' ],
	[ 'inner_kind', INNER, sub { put($_[0], 'kind', LEAF) }, 'read' ],
);

# What is run against every damaged table, in one session, going on after errors.
my @statements = (
	[ 'seqscan', 'SELECT count(*), sum(length(filler)) FROM %s' ],
	[ 'verify', q{SELECT count(*), 'rules ' || string_agg(DISTINCT rule, ', ') FROM eventstore.verify('%s')} ],
	[ 'indexscan', 'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(*), sum(length(filler)) FROM %s WHERE k > 0' ],
	[ 'bitmapscan', 'SET enable_indexscan = off; SET enable_bitmapscan = on; SELECT sum(length(filler)) FROM %s WHERE k BETWEEN 5 AND 60' ],
	[ 'tidscan', q{SELECT count(*) FROM %1$s WHERE ctid = '(0,11)'; SELECT count(*) FROM %1$s WHERE ctid > '(0,100)'} ],
	[ 'sample', 'SELECT count(*) FROM %s TABLESAMPLE SYSTEM (50)' ],
	[ 'lock', 'BEGIN; SELECT count(*) FROM (SELECT * FROM %s WHERE k < 20 FOR UPDATE) x; ROLLBACK' ],
	[ 'insert', q{INSERT INTO %s (entity_id, k, filler) SELECT 'new', g, repeat('n', 1900) FROM generate_series(100001, 100010) g} ],
	[ 'analyze', 'ANALYZE %s' ],
	[ 'vacuum', 'VACUUM (FREEZE) %s' ],
	[ 'reindex', 'REINDEX TABLE %s' ],
	[ 'verify again', q{SELECT count(*), '' FROM eventstore.verify('%s')} ],
	[ 'vacuum full', 'VACUUM FULL %s' ],
	[ 'truncate', 'TRUNCATE %s' ],
	[ 'insert after', q{INSERT INTO %s (entity_id, k) VALUES ('new', 1)} ],
);

# Returns SQLSTATE by statement and printed lines by statement, and the messages.
sub try_all
{
	my ($table) = @_;
	my ($stdout, $stderr) = ('', '');
	my (%state, %printed);
	my $sql = "SELECT 'pid', pg_backend_pid();\n"
	  . "\\set VERBOSITY verbose\nSET statement_timeout = '10s';\n";
	my ($timed_out, $log_end) = (0, -s $node->logfile);

	foreach my $statement (@statements)
	{
		$sql .= sprintf("$statement->[1];\n", $table)
		  . "\\echo == $statement->[0] == :SQLSTATE\n";
	}
	my $rc = $node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr,
		on_error_stop => 0, timeout => 60, timed_out => \$timed_out);
	my $lines = '';
	foreach my $line (split /\n/, $stdout)
	{
		if ($line =~ /^== (.+) == (\S+)$/)
		{
			$state{$1} = $2;
			$printed{$1} = $lines;
			$lines = '';
			next;
		}
		$lines .= "$line\n";
	}

	# a backend that does not even listen to statement_timeout
	kill 'KILL', $1 if $timed_out && $stdout =~ /^pid\|(\d+)/;
	$state{connection} = $timed_out ? 'hangs' : $rc == 0 ? 'kept' : 'lost';
	wait_until_up($node, 'postgres', $log_end) if $state{connection} ne 'kept';
	return (\%state, \%printed, $stderr);
}

# ---- tables ----

sub make_tables
{
	my ($names, $rows, $size) = @_;
	my $sql = "SET eventstore.run_pages = 1;\n";

	foreach my $name (@$names)
	{
		$sql .= qq{
		CREATE TABLE $name (position bigint NOT NULL DEFAULT 0, entity_id text NOT NULL, k int, filler text) USING eventstore;
		ALTER TABLE $name ALTER filler SET STORAGE EXTERNAL;
		INSERT INTO $name (entity_id, k, filler) SELECT 'e', g, repeat('x', $size) FROM generate_series(1, $rows) g;
		CREATE INDEX ON $name (k);
		};
	}
	$node->safe_psql('postgres', $sql);
	return;
}

sub paths_of
{
	my %paths = map { split /\|/ }
	  split /\n/,
	  $node->safe_psql('postgres', q{
		SELECT relname, pg_relation_filepath(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE amname = 'eventstore'});

	return \%paths;
}

sub read_file
{
	my ($path) = @_;

	open(my $handle, '<:raw', $node->data_dir . "/$path") or die "$path: $!";
	local $/ = undef;
	my $bytes = <$handle>;
	close $handle;
	return $bytes;
}

sub write_file
{
	my ($path, $bytes) = @_;

	open(my $handle, '>:raw', $node->data_dir . "/$path") or die "$path: $!";
	print $handle $bytes;
	close $handle;
	return;
}

# the third block of its kind, if there are three, else the first
sub find_block
{
	my ($bytes, $kind) = @_;
	my @found;

	for (my $block = 0; $block < length($bytes) / BLOCK; $block++)
	{
		my $page = substr($bytes, $block * BLOCK, BLOCK);

		push @found, $block if get(\$page, 'kind') == $kind && get(\$page, 'magic') == 0xE5B1;
	}
	return $found[2] // $found[0];
}

srand($seed);
note("EVENTSTORE_FUZZ_SEED=$seed");
diag("EVENTSTORE_FUZZ_SEED=$seed") if $ENV{EVENTSTORE_FUZZ_SEED};
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');

my @names = map { $_->[0] } @targeted;
my @large = grep { /^inner/ } @names;
my @medium = grep { !/^inner/ } @names;
my @fuzz_large = map { "fuzz_large_$_" } 1 .. int($fuzz_rounds / 10);
my @fuzz_small = map { "fuzz_$_" } 1 .. $fuzz_rounds - @fuzz_large;

make_tables(\@medium, 280, 1900);
make_tables(\@large, 560, 3900);
make_tables(\@fuzz_large, 280, 1900);
make_tables(\@fuzz_small, 30, 1000);
make_tables([ 'cut', 'gone' ], 280, 1900);
make_tables(['wrong_leaf'], 560, 3900);
make_tables(['open'], 0, 100);
$node->safe_psql('postgres', q{
	BEGIN; INSERT INTO open (entity_id, k) SELECT 'e', g FROM generate_series(1, 10) g; PREPARE TRANSACTION 'open'});
is_sound($node, 'postgres', 'before');
my $paths = paths_of();
$node->stop;

my %block;
foreach my $case (@targeted)
{
	my ($name, $kind, $damage) = @$case;
	my $bytes = read_file($paths->{$name});
	my $block = find_block($bytes, $kind);

	die "$name: no such page" if !defined $block;
	my $page = substr($bytes, $block * BLOCK, BLOCK);
	$damage->(\$page, $block);
	substr($bytes, $block * BLOCK, BLOCK) = $page;
	write_file($paths->{$name}, $bytes);
	$block{$name} = $block;
}

# a file that is too short, and one that is empty
my $cut = read_file($paths->{cut});
write_file($paths->{cut}, substr($cut, 0, 20 * BLOCK));
write_file($paths->{gone}, '');

# a row of a prepared transaction
my $open = read_file($paths->{open});
my $open_page = substr($open, find_block($open, TAIL) * BLOCK, BLOCK);
put_in_tuple(\$open_page, 2, 18, pack('S', 1000));
substr($open, find_block($open, TAIL) * BLOCK, BLOCK) = $open_page;
write_file($paths->{open}, $open);

# a metapage that takes the first leaf for the last one
my $wrong_leaf = read_file($paths->{wrong_leaf});
my $meta_page = substr($wrong_leaf, 0, BLOCK);
my $root_page = substr($wrong_leaf, BLOCK * get(\$meta_page, 'meta_root'), BLOCK);
is(get(\$root_page, 'kind'), INNER, 'wrong leaf: the root is an inner page');
put(\$meta_page, 'meta_last_leaf', unpack('L', substr($root_page, 40 + 8)));
substr($wrong_leaf, 0, BLOCK) = $meta_page;
write_file($paths->{wrong_leaf}, $wrong_leaf);

# ---- random damage ----

sub fuzz
{
	my ($bytes) = @_;
	my $blocks = length($bytes) / BLOCK;
	# the metapage and the directory as often as the many tail pages
	my $block = rand() < 0.35 ? 0 : int(rand($blocks));
	my $at = $block * BLOCK;
	my $way = int(rand(8));
	my $did;

	if ($way <= 2)
	{
		my $n = 1 + int(rand(8));

		$did = "$n bytes of block $block";
		for (1 .. $n)
		{
			# headers, line pointers and the special space more often than the rest
			my $where = rand() < 0.4 ? int(rand(200)) : rand() < 0.5 ? 8168 + int(rand(24)) : int(rand(BLOCK));

			substr($bytes, $at + $where, 1) = chr(int(rand(256)));
		}
	}
	elsif ($way == 3)
	{
		my $length = 2**(1 + int(rand(9)));
		my $where = int(rand(BLOCK - $length));

		$did = "$length bytes at $where of block $block";
		substr($bytes, $at + $where, $length) = join('', map { chr(int(rand(256))) } 1 .. $length);
	}
	elsif ($way == 4)
	{
		my $where = 4 * int(rand(BLOCK / 4));

		$did = "a word at $where of block $block";
		substr($bytes, $at + $where, 4) = pack('L', (0, 1, 0xffffffff, 0x7fffffff, 0x80000000)[ int(rand(5)) ]);
	}
	elsif ($way == 5)
	{
		my $other = int(rand($blocks));

		$did = "block $other in the place of block $block";
		substr($bytes, $at, BLOCK) = substr($bytes, $other * BLOCK, BLOCK);
	}
	elsif ($way == 6)
	{
		my $where = 512 * int(rand(16));

		$did = "zeros from $where of block $block";
		substr($bytes, $at + $where, BLOCK - $where) = "\0" x (BLOCK - $where);
	}
	else
	{
		my $bit = int(rand(8 * BLOCK));

		$did = "bit $bit of block $block";
		substr($bytes, $at + int($bit / 8), 1) ^= chr(1 << $bit % 8);
	}
	return ($bytes, $did);
}

my %did;
foreach my $name (@fuzz_small, @fuzz_large)
{
	my ($bytes, $did) = fuzz(read_file($paths->{$name}));

	write_file($paths->{$name}, $bytes);
	$did{$name} = $did;
}

# ---- what the server says ----

# no damage may make it fill the disk
start_limited($node, '-f 65536');

foreach my $case (@targeted)
{
	my ($name, $kind, $damage, $expected) = @$case;
	my ($state, $printed, $messages) = try_all($name);
	my ($problems) = ($printed->{verify} // '') =~ /^(\d+)\|/m;

	next if !is($state->{connection}, 'kept', "$name: no crash");
	if ($expected eq 'read')
	{
		is($state->{seqscan}, 'XX001', "$name: reading fails as it should");
		like($messages,
			qr/block $block{$name} (in file|of relation|in relation)|invalid page in block $block{$name}|block $block{$name} of relation "$name" is damaged|relation "$name"/,
			"$name: with a message that names the relation");
	}
	else
	{
		like($state->{seqscan}, qr/^(00000|XX\d\d\d|58P01)$/, "$name: reading is safe");
	}
	is($state->{verify}, '00000', "$name: verify works");
	if ($expected eq 'sound')
	{
		is("$state->{seqscan} $problems", '00000 0', "$name: no damage");
	}
	else
	{
		cmp_ok($problems // 0, '>', 0, "$name: verify reports it");
	}
	note("$name: " . join(' ', map { "$_->[0]=" . ($state->{ $_->[0] } // '?') } @statements) . "\n"
		  . ($printed->{verify} // '') . join("\n", (split /\n/, $messages)[ 0 .. 3 ]));
	is($state->{'insert after'}, '00000', "$name: after TRUNCATE all is well");
}

my ($state, $printed, $messages) = try_all('cut');
is($state->{connection}, 'kept', 'a file cut short: no crash');
is($state->{seqscan}, 'XX001', 'a file cut short: reading fails');
like($printed->{verify}, qr/^[1-9]/, 'a file cut short: verify reports it');
($state, $printed, $messages) = try_all('gone');
is($state->{connection}, 'kept', 'an empty file: no crash');

# nobody minds what is wrong with a row of an aborted transaction
my $problems_of_open = q{SELECT count(*) FROM eventstore.verify('open')};
cmp_ok($node->safe_psql('postgres', $problems_of_open), '>', 0, 'a row of a prepared transaction: verify reports it');
is(count_of($node, 'postgres', 'open'), 0, 'a row of a prepared transaction: reading is safe');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'open'});
is($node->safe_psql('postgres', $problems_of_open), 0, 'a row of an aborted transaction: verify does not');

# what would be put into the wrong leaf could not be found any more
is( sqlstate_of($node, 'postgres', q{
	SET statement_timeout = '60s'; SET eventstore.run_pages = 1;
	INSERT INTO wrong_leaf (entity_id, k, filler) SELECT 'new', g, repeat('n', 3900) FROM generate_series(1, 200) g}),
	'XX001', 'wrong leaf: nothing is put into it');
is(count_of($node, 'postgres', 'wrong_leaf'), 560, 'wrong leaf: the rows are there');

# Whatever the errors are, they are errors.  Wrong transaction numbers look for
# files of pg_xact, wrong TOAST pointers for chunks; that is the same on heap.
my %seen;
foreach my $name (@fuzz_small, @fuzz_large)
{
	my ($state, $printed, $messages) = try_all($name);

	$seen{ $state->{$_} // 'none' }++ foreach map { $_->[0] } @statements;
	if ($state->{connection} ne 'kept')
	{
		fail("$name: $did{$name} (seed $seed): the connection is $state->{connection}");
		next;
	}
	my @odd = grep { ($state->{$_} // 'none') !~ /^(00000|XX\d\d\d|58P01|53200|54000|22\d\d\d|23505)$/ } map { $_->[0] } @statements;
	is(join(' ', map { "$_: " . ($state->{$_} // 'none') } @odd), '',
		"$name: $did{$name}: errors are those of damaged data");
	is($state->{'insert after'}, '00000', "$name: after TRUNCATE all is well");
}
note('states seen: ' . join(' ', map { "$_=$seen{$_}" } sort keys %seen));

$node->stop;
done_testing();
