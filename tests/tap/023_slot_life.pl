# The life of slots: made while transactions run, advanced, read by halves, in
# crashes.  Every transaction writes the same rows to a heap table and to an event
# table, and a slot says the same of both: each committed row once.
use strict;
use warnings;

use DecodingTest;
use EventStoreTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_decoding_server('main', conf => q{
restart_after_crash = on
checkpoint_timeout = 1h
});

$node->safe_psql('postgres', q{
	CREATE TABLE h (k int PRIMARY KEY, a text);
	CREATE TABLE e (k int PRIMARY KEY, a text) USING eventstore});

# SQL that writes rows to both tables; large values with every third key.
sub add
{
	my ($from, $to) = @_;
	my $rows = "SELECT g, CASE WHEN g % 3 = 0 THEN (SELECT string_agg(md5(g || ':' || i), '') FROM generate_series(1, 90) i) END
		FROM generate_series($from, $to) g";

	return join '', map { "INSERT INTO $_ $rows;\n" } ('h', 'e');
}

# The changes of each of both tables that a text has.
sub changes_by_table
{
	my ($text) = @_;
	my %of;

	$of{$_} = join "\n", $text =~ /^table public\.$_: (.*)$/mg for ('h', 'e');
	return %of;
}

# What a slot has to say now: the same of both tables, and these keys in order.
sub is_decoded
{
	my ($slot, $keys, $what, $text) = @_;
	my %of = changes_by_table($text // changes_of($node, $slot));

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_same_text($of{e}, $of{h}, "$what: the same of both tables");
	is(join(' ', $of{e} =~ /^INSERT: k\[integer\]:(\d+) /mg), $keys, "$what: these rows");
	return;
}

# --- made while transactions run ---

my @open = map { $node->background_psql('postgres') } 1 .. 3;
$open[0]->query_safe('BEGIN;' . add(1, 3));
my $maker = $node->background_psql('postgres');
$maker->query_until(qr/started/,
	"\\echo started\nSELECT 1 FROM pg_create_logical_replication_slot('first', 'test_decoding');\n");
my $waits = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE '%create_logical%'};
$node->poll_query_until('postgres', $waits) or die 'the slot does not wait';
$open[1]->query_safe('BEGIN; SAVEPOINT a;' . add(4, 6) . 'RELEASE a;');
$open[0]->query_safe(add(7, 7) . 'COMMIT');
$node->poll_query_until('postgres', $waits) or die 'the slot does not wait for the second one';
$open[2]->query_safe('BEGIN;' . add(8, 9));
$node->safe_psql('postgres', add(10, 10));
$open[1]->query_safe(add(11, 12) . 'COMMIT');
$open[2]->query_safe('SAVEPOINT a;' . add(13, 13) . 'ROLLBACK TO a;' . add(14, 14) . 'COMMIT');
$maker->query_safe('SELECT 1');
$node->safe_psql('postgres', add(15, 16));
my %first = changes_by_table(changes_of($node, 'first'));
is_same_text($first{e}, $first{h}, 'a slot made while transactions run: the same of both tables');
like(join(' ', $first{e} =~ /k\[integer\]:(\d+) /g), qr/(?:^|8 9 14 )15 16$/, 'with what came afterwards');
$_->quit for (@open, $maker);

# --- two slots, one of another database, one that skips ---

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{SELECT pg_create_logical_replication_slot('other', 'test_decoding')});
$node->safe_psql('postgres', q{
	SELECT pg_create_logical_replication_slot(s, 'test_decoding') FROM unnest('{second,advanced}'::text[]) s});
$node->safe_psql('postgres', add(21, 22));
is_decoded('first', '21 22', 'one slot');
$node->safe_psql('postgres', add(23, 23));
is_decoded('second', '21 22 23', 'the other slot');
is_decoded('first', '23', 'the one again');
is($node->safe_psql('other', q{
		SELECT count(*) FROM pg_logical_slot_get_changes('other', NULL, NULL, 'skip-empty-xacts', '1')}),
	'0', 'a slot of another database');

# A transaction that is streamed is sent before it is known whose it is.
$node->safe_psql('postgres', q{CREATE TABLE large (k int) USING eventstore; INSERT INTO large SELECT generate_series(1, 3000)});
is($node->safe_psql('other', q{
		SET logical_decoding_work_mem = '64kB';
		SELECT count(*) FROM pg_logical_slot_get_changes('other', NULL, NULL, 'skip-empty-xacts', '1', 'stream-changes', '1')
		WHERE data ~ '^(table|streaming change)'}),
	'0', 'nor what it streams');

my $across = $node->background_psql('postgres');
$across->query_safe('BEGIN;' . add(24, 26));
$node->safe_psql('postgres', add(27, 27));
$node->safe_psql('postgres', q{SELECT pg_replication_slot_advance('advanced', pg_current_wal_lsn())});
$node->safe_psql('postgres', add(28, 28));
$across->query_safe(add(29, 29) . 'COMMIT');
$across->quit;
$node->safe_psql('postgres', 'ALTER TABLE h ADD b int; ALTER TABLE e ADD b int');
is_decoded('advanced', '28 24 25 26 29', 'a slot advanced while a transaction runs');
is_decoded('second', '27 28 24 25 26 29', 'one that was not');

# Peeking takes nothing away; a limit ends after a transaction.
$node->safe_psql('postgres', 'BEGIN;' . add(31, 32) . 'COMMIT');
$node->safe_psql('postgres', 'BEGIN;' . add(33, 33) . 'COMMIT');
my $peek = q{SELECT data FROM pg_logical_slot_peek_changes('second', NULL, 2, 'include-xids', '0')};
is_decoded(undef, '31 32', 'peeking', $node->safe_psql('postgres', $peek));
is_decoded(undef, '31 32', 'reading up to a limit', $node->safe_psql('postgres', $peek =~ s/peek/get/r));
is_decoded('second', '33', 'reading on');

# --- pg_recvlogical, killed and started again ---

my $folder = PostgreSQL::Test::Utils::tempdir;
my @receive = ('pg_recvlogical', '-S', 'second', '-d', $node->connstr('postgres'), '-n', '-s', '1', '-F', '1',
	'-o', 'include-xids=0', '--start');
my $receiver = IPC::Run::start([ @receive, '-f', "$folder/1" ], '<', \undef, '2>', \my $errors);
$node->safe_psql('postgres', add(100 + 2 * $_, 101 + 2 * $_)) for 0 .. 9;
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if -s "$folder/1" && slurp_file("$folder/1") =~ /k\[integer\]:110 /;
	Time::HiRes::usleep(100_000);
}
$receiver->kill_kill(grace => 0);
$node->poll_query_until('postgres', q{SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'second'});
$node->safe_psql('postgres', add(120, 121));
my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
command_ok([ @receive, '-f', "$folder/2", '--endpos', $end ], 'pg_recvlogical after it was killed');
my %parts = map { $_ => { changes_by_table(slurp_file("$folder/$_")) } } 1, 2;
# what was written last may be half a line
my @before = $parts{1}{e} =~ /k\[integer\]:(\d+) a\[text\]:(?:null|'\w*') b/g;
my @after = $parts{2}{e} =~ /k\[integer\]:(\d+) /g;
my %seen = map { $_ => 1 } @before, @after;
is(join(' ', sort { $a <=> $b } keys %seen), join(' ', 100 .. 121), 'no row is missing');
is(join(' ', @after), join(' ', $after[0] .. 121), 'in the second part each once');
is_same_text($parts{2}{e}, $parts{2}{h}, 'and the same of both tables');

# --- crashes ---

# The slot is where the last checkpoint left it, so what was read is kept by one.
sub keep_slot
{
	changes_of($node, 'first');
	$node->safe_psql('postgres', 'CHECKPOINT');
	return;
}
keep_slot();
my $prepared = $node->safe_psql('postgres', add(201, 203) . 'BEGIN;' . add(204, 206) . q{PREPARE TRANSACTION 'p';} . add(207, 207));
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', add(208, 208) . q{COMMIT PREPARED 'p'});
is_decoded('first', '201 202 203 207 208 204 205 206', 'a crash of the server, with a prepared transaction');

SKIP:
{
	skip 'no stop points in this build', 1 if !has_stop_points($node);
	my $k = 1000;
	my $copy = sub {
		join '', map { my $table = $_; "COPY $table (k) FROM STDIN;\n" . join("\n", @_) . "\n\\.\n" } ('h', 'e');
	};

	foreach my $case (
		[ 'tail', sub { add($_[0], $_[0]) } ],
		[ 'multi', sub { $copy->($_[0] .. $_[0] + 2) } ],
		[ 'spec', sub { add($_[0], $_[0]) =~ s/;$/ ON CONFLICT DO NOTHING;/mgr } ])
	{
		my ($name, $victim) = @$case;

		foreach my $point ("$name-before-wal", "$name-after-wal")
		{
			$k += 100;
			keep_slot();
			$node->safe_psql('postgres', 'BEGIN;' . add($k, $k + 1) . 'COMMIT');
			crash_with($node, 'postgres', 'BEGIN;' . add($k + 10, $k + 12)
				  . "SET eventstore.stop_point = '$point=crash';\n" . $victim->($k + 21) . 'COMMIT;', $point);
			# the heap table has none of them either
			$node->safe_psql('postgres', 'BEGIN;' . $victim->($k + 31) . add($k + 40, $k + 40) . 'COMMIT');
			my $middle = $name eq 'multi' ? join(' ', $k + 31 .. $k + 33) : $k + 31;
			is_decoded('first', join(' ', $k, $k + 1, $middle, $k + 40), "a crash at $point");
		}
	}
}

is_sound($node, 'postgres', 'at the end');
$node->stop;
done_testing();
