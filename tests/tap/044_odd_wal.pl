# Replay of records that say what cannot be, and of pages that were damaged
# between a crash and the start: it works, or ends with a message.  It does not
# write where the record says, and does not go on for ever.
#
# Records are changed at random, and get a right checksum again.  Pages that are
# still as they were before the checkpoint, because a write got lost, are found.
#
# EVENTSTORE_FUZZ_ROUNDS: how many (12; 100 if PG_TEST_EXTRA says "long"); EVENTSTORE_FUZZ_SEED: repeats a run.
use strict;
use warnings;

use EventStoreLoad;
use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { BLOCK => 8192, RMGR => 128 };

my $rounds = $ENV{EVENTSTORE_FUZZ_ROUNDS} // (wants_long() ? 100 : 12);
my $seed = $ENV{EVENTSTORE_FUZZ_SEED} // time;
my $node = new_server('main', extra => ['--wal-segsize=1'], conf => q{
wal_level = minimal
max_wal_senders = 0
max_wal_size = 512MB
checkpoint_timeout = 1h
full_page_writes = off
restart_after_crash = off
log_min_messages = log
});

note("EVENTSTORE_FUZZ_SEED=$seed");
srand($seed);

# ---- a server that has much to replay ----

# Four rows fill a page.  Rows until a checkpoint, rows until the next one, rows
# that are replayed; the block that is then as it was at the first checkpoint (-1:
# the current page), and what replay says.
my @lost = (
	[ 5, 6, 7, -1, 'The page has other rows than it had' ],
	[ 5, 8, 9, -1, 'The page that it closes ends with another row' ],
	[ 5, 9, 13, 0, 'It follows another page than the metapage says' ],
);

$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');

sub add_to
{
	my ($i, $from, $to) = @_;

	return qq{
		SET eventstore.run_pages = 1;
		INSERT INTO lost_$i (entity_id, k, filler) SELECT 'e', g, repeat('x', 1900) FROM generate_series($from, $to) g;};
}

for my $i (0 .. $#lost)
{
	$node->safe_psql('postgres', qq{
		CREATE TABLE lost_$i (position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text) USING eventstore;}
		  . add_to($i, 1, $lost[$i][0]) . 'CHECKPOINT');
	$lost[$i][5] = $node->safe_psql('postgres', "SELECT pg_relation_filepath('lost_$i')");
	$lost[$i][6] = slurp($node->data_dir . "/$lost[$i][5]");
	$node->safe_psql('postgres', add_to($i, $lost[$i][0] + 1, $lost[$i][1]));
}
$node->safe_psql('postgres', q{
	SET eventstore.run_pages = 1;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text) USING eventstore;
	CREATE UNIQUE INDEX t_k ON t (k);
	INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 1900) FROM generate_series(1, 300) g;
	CREATE TABLE new (LIKE t INCLUDING ALL) USING eventstore;
	CHECKPOINT;
	INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 1900) FROM generate_series(301, 620) g;
	INSERT INTO t (entity_id, k) VALUES ('c', 1000), ('c', 1) ON CONFLICT DO NOTHING;
	COPY t (entity_id, k) FROM PROGRAM 'for i in 1 2 3 4 5 6 7 8; do printf "c\\t200$i\\n"; done';
	BEGIN; INSERT INTO t (entity_id, k, filler) SELECT 'a', g, repeat('x', 1900) FROM generate_series(3001, 3200) g; ROLLBACK;
	INSERT INTO t (position, entity_id, k) VALUES (5000, 'ahead', 5000);
	VACUUM (FREEZE) t;
	INSERT INTO new (entity_id, k, filler) SELECT 'e', g, repeat('x', 500) FROM generate_series(1, 60) g;
	INSERT INTO t (entity_id, k, filler) SELECT 'e', g, repeat('x', 700) FROM generate_series(6001, 6060) g});
$node->safe_psql('postgres', add_to($_, $lost[$_][1] + 1, $lost[$_][2])) for 0 .. $#lost;
my $path = $node->safe_psql('postgres', q{SELECT pg_relation_filepath('t')});
my $rows = rows_of($node, 'postgres', 't');
$node->stop('immediate');
my $pristine = $node->data_dir . '-pristine';
system_or_bail('cp', '-a', $node->data_dir, $pristine);

sub slurp
{
	my ($file) = @_;

	open(my $handle, '<:raw', $file) or die "$file: $!";
	local $/ = undef;
	my $bytes = <$handle>;
	return $bytes;
}

sub spit
{
	my ($file, $bytes) = @_;

	open(my $handle, '+<:raw', $file) or die "$file: $!";
	print $handle $bytes;
	close $handle;
	return;
}

# ---- WAL ----

my @crc_table = map {
	my $c = $_;
	$c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1 .. 8;
	$c
} 0 .. 255;

sub crc_of
{
	my $c = 0xffffffff;

	$c = $crc_table[ ($c ^ $_) & 0xff ] ^ ($c >> 8) foreach unpack('C*', join('', @_));
	return $c ^ 0xffffffff;
}

# A record's checksum covers what follows its header, then the header.
sub record_crc
{
	my ($record) = @_;

	return crc_of(substr($record, 24), substr($record, 0, 20));
}

# Where the main data begin, or undef if there are none.
sub main_data
{
	my ($record) = @_;
	my $at = 24;

	while ($at + 2 <= length $record)
	{
		my $id = unpack('C', substr($record, $at, 1));

		if ($id == 255) { return length($record) - unpack('C', substr($record, $at + 1, 1)); }
		elsif ($id == 254) { return length($record) - unpack('L', substr($record, $at + 1, 4)); }
		elsif ($id == 253) { $at += 3; }
		elsif ($id == 252) { $at += 5; }
		elsif ($id <= 32)
		{
			my ($flags, $length) = unpack('x C S', substr($record, $at, 4));

			$at += 4;
			if ($flags & 0x10)
			{
				my $info = unpack('x4 C', substr($record, $at, 5));

				return if $info & 0x1c;
				$at += 5;
			}
			$at += 12 if !($flags & 0x80);
			$at += 4;
		}
		else { return; }
	}
	return;
}

# info => [ [ file, offset, record ] ]
my %records;
foreach my $file (sort glob "$pristine/pg_wal/0000*")
{
	my $bytes = slurp($file);

	for (my $at = 24; $at + 24 < length $bytes; $at += 8)
	{
		my ($length, undef, undef, $info, $rmgr, undef, $crc) = unpack('L L Q C C S L', substr($bytes, $at, 24));

		next if $rmgr != RMGR || $length < 26 || int($at / BLOCK) != int(($at + $length - 1) / BLOCK);
		my $record = substr($bytes, $at, $length);

		next if record_crc($record) != $crc || !defined main_data($record);
		push @{ $records{ $info & 0xf0 } }, [ $file, $at, $record ];
		$at += 8 * int(($length - 1) / 8);
	}
}
note('records: ' . join(', ', map { sprintf('0x%02X: %d', $_, scalar @{ $records{$_} }) } sort keys %records));
cmp_ok(scalar keys %records, '>=', 6, 'records of many kinds are found');

sub change_record
{
	my @infos = sort keys %records;
	my $info = $infos[ int(rand(@infos)) ];
	my ($file, $at, $record) = @{ $records{$info}[ int(rand(@{ $records{$info} })) ] };
	my $main = main_data($record);
	my $room = length($record) - $main;
	my $did = '';

	for (1 .. 1 + int(rand(3)))
	{
		my $where = $main + int(rand(rand() < 0.7 && $room > 48 ? 48 : $room));
		my $with = rand() < 0.4 ? pack('C', int(rand(256))) : pack('L', (0, 1, 0xffffffff, 0x7fffffff, 0xffff, 0x8000, int(rand(3000)))[ int(rand(7)) ]);

		$with = substr($with, 0, length($record) - $where);
		substr($record, $where, length $with) = $with;
		$did .= sprintf(' %d bytes at %d', length $with, $where - $main);
	}
	substr($record, 20, 4) = pack('L', record_crc($record));
	$file =~ s/^.*(pg_wal)/@{[ $node->data_dir ]}\/$1/;
	my $bytes = slurp($file);
	substr($bytes, $at, length $record) = $record;
	spit($file, $bytes);
	return sprintf('record 0x%02X,', $info) . $did;
}

# a page, on disk, that replay will change
sub change_page
{
	my $file = $node->data_dir . "/$path";
	my $bytes = slurp($file);
	my $blocks = length($bytes) / BLOCK;
	my $block = rand() < 0.4 ? 0 : int(rand($blocks));
	my $at = $block * BLOCK;
	my $did;

	if (rand() < 0.3)
	{
		my $length = 2**(3 + int(rand(10)));
		my $where = int(rand(BLOCK - $length));

		substr($bytes, $at + $where, $length) = rand() < 0.5 ? "\0" x $length : join('', map { chr(int(rand(256))) } 1 .. $length);
		$did = "$length bytes at $where of block $block";
	}
	elsif (rand() < 0.3)
	{
		my $length = BLOCK * int(rand($blocks));

		truncate($file, $length);
		return 'a file of ' . $length / BLOCK . ' blocks';
	}
	else
	{
		my @where = map { rand() < 0.3 ? int(rand(24)) : rand() < 0.4 ? 8168 + int(rand(24)) : rand() < 0.6 ? 24 + int(rand(200)) : int(rand(BLOCK)) } 1 .. 1 + int(rand(4));

		# the LSN is left alone: replay would leave out the page
		substr($bytes, $at + $_, 1) = chr(int(rand(256))) foreach grep { $_ >= 8 } @where;
		$did = "bytes @where of block $block";
	}
	spit($file, $bytes);
	return $did;
}

sub start_anew
{
	my $log_end = -s $node->logfile;

	$node->{_pid} = undef;
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	my $started = run_log([ 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '--cluster-name=main', 'start' ]);

	return ($started, substr(slurp_file($node->logfile), $log_end));
}

for my $i (0 .. $#lost)
{
	my ($until, $checkpoint, $end, $block, $message, $file, $earlier) = @{ $lost[$i] };

	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	$file = $node->data_dir . "/$file";
	my $bytes = slurp($file);
	$block = unpack('L', substr($earlier, 136, 4)) if $block < 0;
	isnt(substr($bytes, $block * BLOCK, BLOCK), substr($earlier, $block * BLOCK, BLOCK), "block $block was written at the checkpoint");
	substr($bytes, $block * BLOCK, BLOCK) = substr($earlier, $block * BLOCK, BLOCK);
	spit($file, $bytes);
	my ($started, $log) = start_anew();

	ok(!$started, "replay ends: $message");
	like($log, qr/PANIC: .*\n.*DETAIL:  \Q$message\E/, 'it says so');
}

# Pages that replay changes, spoiled: the metapage (0), the current page (-1).
foreach my $case (
	[ 0, 8190, "\0\0", 'no magic' ],
	[ 0, 8188, "\x02", 'the kind of a tail page' ],
	[ 0, 24, "\0\0\0\0", 'no magic of a metapage' ],
	[ -1, 8188, "\x03", 'the kind of a leaf' ])
{
	my ($block, $at, $with, $what) = @$case;

	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	my $file = $node->data_dir . "/$lost[1][5]";
	my $bytes = slurp($file);
	$block = unpack('L', substr($bytes, 136, 4)) if $block < 0;
	isnt(substr($bytes, $block * BLOCK + $at, length $with), $with, "$what: a change of block $block");
	substr($bytes, $block * BLOCK + $at, length $with) = $with;
	spit($file, $bytes);
	my ($started, $log) = start_anew();

	ok(!$started, "$what: replay ends");
	like($log, qr/PANIC: .*block $block of relation \S+ is damaged/, "$what: it says so");
}

# A record of a later version.
{
	my ($file, $at, $record) = @{ $records{0x20}[-1] };

	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	substr($record, main_data($record), 1) = "\x63";
	substr($record, 20, 4) = pack('L', record_crc($record));
	$file =~ s/^.*(pg_wal)/@{[ $node->data_dir ]}\/$1/;
	my $bytes = slurp($file);
	substr($bytes, $at, length $record) = $record;
	spit($file, $bytes);
	my ($started, $log) = start_anew();

	ok(!$started, 'a later version: replay ends');
	like($log, qr/PANIC: .*record has version 99/, 'a later version: it says so');
}

my (%ends, @messages);
for my $round (0 .. $rounds)
{
	system_or_bail('rm', '-rf', $node->data_dir);
	system_or_bail('cp', '-a', $pristine, $node->data_dir);
	my $did = $round == 0 ? 'nothing' : rand() < 0.6 ? change_record() : change_page();
	my ($started, $log) = start_anew();
	my ($message) = $log =~ /((?:PANIC|FATAL): .*(?:\n.*DETAIL: .*)?)/;

	if ($started)
	{
		my ($stdout, $stderr) = ('', '');

		$node->_update_pid(1);
		is(rows_of($node, 'postgres', 't'), $rows, 'without a change all rows are there') if $round == 0;
		$node->psql('postgres', q{
			SELECT count(*), sum(length(filler)) FROM t;
			SELECT count(*) FROM eventstore.verify('t');
			INSERT INTO t (entity_id, k) VALUES ('e', 77777);
			VACUUM t;}, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
		unlike($stderr, qr/server closed the connection/, "$did: the server lives") or diag($stderr);
		$node->stop('immediate');
		$ends{works}++;
	}
	else
	{
		like($message // '', qr/(PANIC|FATAL): /, "$did: there is a message") or diag($log);
		push @messages, $message =~ s/\n.*DETAIL: / /r if defined $message;
		$ends{'ends'}++;
	}
	unlike($log, qr/TRAP:|terminated by signal (?!6)/, "$did: nobody dies of it") or diag($log);
}
note('replay ' . join(', ', map { "$_ $ends{$_}" } sort keys %ends));
note(join("\n", @messages));
done_testing();
