# The library has to be preloaded: without that every way in fails with the line
# for postgresql.conf, nothing is left behind, and tables come back unharmed.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => "shared_preload_libraries = ''");
my $message;

sub preload
{
	my ($libraries) = @_;

	$node->append_conf('postgresql.conf',
		"shared_preload_libraries = '$libraries'");
	return;
}

sub is_refused
{
	my ($sql, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(sqlstate_of($node, 'postgres', $sql, \$message), '55000', $what);
	like($message, qr/HINT: .*shared_preload_libraries = 'eventstore'/,
		"$what: the hint has the line for postgresql.conf");
	return;
}

$node->start;
is_refused('CREATE EXTENSION eventstore', 'CREATE EXTENSION');
is_refused("LOAD 'eventstore'", 'LOAD');
is($node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_extension WHERE extname = 'eventstore'}),
	'0', 'no extension is left behind');
is($node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_namespace WHERE nspname = 'eventstore'}),
	'0', 'no schema is left behind');

# too late is no better than never
my ($rc, $out, $err) = $node->psql('postgres', "LOAD 'eventstore'",
	connstr => $node->connstr('postgres')
	  . " options='-c session_preload_libraries=eventstore'");
isnt($rc, 0, 'session_preload_libraries is not enough');
like($err, qr/shared_preload_libraries = 'eventstore'/, 'and says so');

# a preloaded library without the extension does nothing
preload('eventstore');
$node->restart;
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'preloaded');
$node->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	CREATE TABLE events (entity_id text, payload text) USING eventstore;
	INSERT INTO events SELECT 'e' || g, repeat('x', g) FROM generate_series(1, 100) g;
});
my $rows = rows_of($node, 'postgres', 'events');

# not preloaded any more, after a clean stop
preload('');
$node->restart;
is_refused('SELECT * FROM events', 'reading a table');
is_refused(q{INSERT INTO events VALUES ('e', 'x')}, 'inserting into a table');
is_refused(q{SELECT eventstore.verify('events')}, 'calling a function');

# not preloaded in recovery: the server does not start, and loses nothing
preload('eventstore');
$node->restart;
is(rows_of($node, 'postgres', 'events'), $rows, 'the rows are back');
$node->safe_psql('postgres', q{INSERT INTO events VALUES ('last', 'row')});
$node->stop('immediate');
preload('');
ok(!$node->start(fail_ok => 1), 'no recovery without the library');
like(slurp_file($node->logfile), qr/resource manager with ID \d+ not registered/,
	'the log says that the resource manager is missing');
preload('eventstore');
$node->start;
is(count_of($node, 'postgres', 'events'), '101', 'recovery with the library');
is_sound($node, 'postgres', 'after all');

$node->stop;
done_testing();
