# What a free block holds is nobody's business, not even of a session that remembers
# it from the time when it was in use: here every free block is overwritten with
# zeros while a writer still takes one for the current page, and a reader one for the
# root of the directory.  Both find out that the table has changed, and go on.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => "shared_buffers = 512kB\n");

$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	ALTER DATABASE postgres SET eventstore.run_pages = 1;
	CREATE TABLE other (g int, filler text);
});

# Rows of this filler fill a page by four.
sub create
{
	my ($table) = @_;

	return $node->safe_psql('postgres', qq{
		CREATE TABLE $table (k int, filler text) USING eventstore;
		ALTER TABLE $table ALTER filler SET STORAGE EXTERNAL;
	});
}

sub rows
{
	my ($table, $from, $to) = @_;

	return "INSERT INTO $table SELECT g, repeat('x', 1900) FROM generate_series($from, $to) g;";
}

# Let nothing of a table be in shared buffers, and overwrite its free blocks below
# alloc_end in the file.  Returns how many there are.
sub overwrite_free_blocks
{
	my ($table) = @_;
	my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$table')");
	my $count = 0;

	$node->safe_psql('postgres', q{
		CHECKPOINT;
		INSERT INTO other SELECT g, repeat('x', 1000) FROM generate_series(1, 8000) g;
		TRUNCATE other;
	});
	open(my $fh, '+<:raw', $file) or die "$file: $!";
	sysread($fh, my $page, 8192) == 8192 or die "$file: $!";

	# the metapage's nfree and free
	my @free = unpack('V*', substr($page, 24 + 184, 8 * unpack('V', substr($page, 24 + 148, 4))));
	while (my ($start, $len) = splice(@free, 0, 2))
	{
		sysseek($fh, 8192 * $start, 0);
		syswrite($fh, "\0" x (8192 * $len)) == 8192 * $len or die "$file: $!";
		$count += $len;
	}
	close($fh);
	return $count;
}

# A session that runs a statement up to a lock that is held, and goes on when the
# table has changed.
sub goes_on
{
	my ($table, $prepare, $sql, $key, $what) = @_;
	my $control = $node->background_psql('postgres');
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$control->query_safe("SELECT pg_advisory_lock($key)");
	$session->query_safe($prepare);
	$session->query_until(qr/started/, "\\echo started\n$sql;\n");
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  or die 'the session does not wait';
	$node->safe_psql('postgres', "VACUUM (TRUNCATE false) $table");
	cmp_ok(overwrite_free_blocks($table), '>', 0, "$what: there are free blocks");
	$control->quit;

	my $answer = $session->query('SELECT 1');

	is($session->{stderr}, '', "$what: no error");
	$session->quit;
	is_sound($node, 'postgres', $what);
	return $answer;
}

# A page of aborted rows only was the current one when the writer looked, and when
# it adds its row there is none.  An INSERT of no row comes first, so that few catalogs
# are left to be opened, which would tell the writer of the VACUUM.
create('written');
$node->safe_psql('postgres', rows('written', 1, 8) . 'BEGIN;' . rows('written', 9, 11) . 'ROLLBACK;');
goes_on('written', rows('written', 12, 11),
	q{INSERT INTO written SELECT 100, 'late' FROM written WHERE k = 8 AND pg_advisory_lock_shared(1)::text = ''},
	1, 'a writer');
is($node->safe_psql('postgres', 'SELECT count(*), sum(k), max(ctid) FROM written'), '9|136|(0,13)', 'a writer: its row');

# The tree loses its root when the reader is about to go down.
SKIP:
{
	skip 'no stop points in this build', 4 if !has_stop_points($node);
	create('read');
	$node->safe_psql('postgres', rows('read', 1, 600) . 'BEGIN;' . rows('read', 601, 1800) . 'ROLLBACK;');
	like(goes_on('read', "SET eventstore.stop_point = 'lookup-before-tree=pause'",
			"SELECT 'k = ' || k FROM read WHERE ctid = '(2,30)'", 6543210, 'a reader'),
		qr/^k = 541$/m, 'a reader: the row');
}

$node->stop;
done_testing();
