# A single-user server with the library works with event tables: that is how a
# cluster that ran out of transaction numbers is saved.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = replica');
my $insert = q{INSERT INTO t (entity_id, k) SELECT 'e', g FROM generate_series};

# runs statements, one a line, and returns what the server printed
sub single_user
{
	my ($library, @statements) = @_;
	my ($stdout, $stderr) = ('', '');
	my @command = (
		'postgres', '--single', '-F', '-D', $node->data_dir,
		'-c', "shared_preload_libraries=$library", '-c', 'log_statement=none',
		'postgres');

	IPC::Run::run(\@command, '<', \join('', map { "$_\n" } @statements),
		'>', \$stdout, '2>', \$stderr);
	return $stdout . $stderr;
}

$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE TABLE t (position bigint NOT NULL DEFAULT 0, entity_id text, k int UNIQUE) USING eventstore;
	$insert(1, 300) g;
	BEGIN; $insert(1000, 1100) g; ROLLBACK});
$node->stop;

my $output = single_user('eventstore', "$insert(301, 310) g;",
	'VACUUM (FREEZE) t;',
	'SELECT count(*) AS rows, max(position) AS last FROM t;',
	"SELECT count(*) AS problems FROM eventstore.verify('t');");
like($output, qr/rows = "310"/, 'rows in a single-user server');
like($output, qr/last = "411"/, 'with their positions');
like($output, qr/problems = "0"/, 'verify in a single-user server');
unlike($output, qr/ERROR|FATAL|PANIC|WARNING/, 'without a complaint');

# a crash, recovered by a single-user server
$node->start;
$node->safe_psql('postgres', "$insert(311, 320) g");
$node->stop('immediate');
$output = single_user('eventstore', 'SELECT count(*) AS rows FROM t;');
like($output, qr/rows = "320"/, 'recovery in a single-user server');

# without the library: the hint
$output = single_user('', 'SELECT count(*) AS rows FROM t;');
like($output, qr/HINT: .*shared_preload_libraries = 'eventstore'/, 'not preloaded');

$node->start;
is($node->safe_psql('postgres', qq{$insert(321, 330) g; SELECT count(*) FROM t}),
	'330', 'and back in an ordinary server');
is_sound($node, 'postgres', 'in the end');
is($node->safe_psql('postgres', q{SELECT age(relfrozenxid) < 20 FROM pg_class WHERE oid = 't'::regclass}),
	't', 'the single-user VACUUM has advanced relfrozenxid');

$node->stop;
done_testing();
