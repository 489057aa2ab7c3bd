# pg_dump and pg_restore beside 005_dump: of a server whose tables grow meanwhile,
# with the options that change how rows come and go, by somebody who is no
# superuser, and into a database that has the extension already.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', conf => 'wal_level = replica');
my $folder = PostgreSQL::Test::Utils::tempdir;
my @tables = qw(orders lines parts_1 parts_2 totals gaps);
my $state = join ' UNION ALL ', map {
	"SELECT '$_', count(*), md5(string_agg(ctid::text || t::text, chr(10) ORDER BY ctid)) FROM $_ t"
} @tables;
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm')};

$node->start;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

sub state_of
{
	my ($db) = @_;

	return $node->safe_psql($db, "$state UNION ALL $problems");
}

# A database for the keeper, who is no superuser; the extension is there.
sub new_database
{
	my ($db) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER keeper");
	$node->safe_psql($db, 'CREATE EXTENSION eventstore');
	return;
}

$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN');
new_database('source');
$node->safe_psql('source', q{
	SELECT eventstore.create_store('orders', 'jsonb');
	CREATE UNIQUE INDEX ON orders (event_id);
	CREATE INDEX ON orders USING gin (payload);
	INSERT INTO orders (entity_id, event_type, payload) SELECT 'o' || g % 5, 'x', jsonb_build_object('n', g) FROM generate_series(1, 300) g;
	INSERT INTO orders (position, entity_id, event_type) VALUES (400, 'o1', 'a small jump'), (7000, 'o1', 'a jump');
	-- each refers to the other's rows
	CREATE TABLE lines (n int PRIMARY KEY, previous int REFERENCES lines, event uuid REFERENCES orders (event_id)) USING eventstore;
	INSERT INTO lines SELECT g, nullif(g - 1, 0), (SELECT event_id FROM orders WHERE position = g) FROM generate_series(1, 100) g;
	CREATE TABLE parts (entity_id text, k int, position bigint NOT NULL DEFAULT 0) PARTITION BY LIST (k);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) USING eventstore;
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) USING eventstore;
	INSERT INTO parts SELECT 'p', 1 + g % 2 FROM generate_series(1, 100) g;
	-- holes of aborted rows everywhere
	CREATE TABLE gaps (position bigint NOT NULL DEFAULT 0, entity_id text, k int) USING eventstore;
	CREATE PROCEDURE fill(n int) LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..n LOOP
			INSERT INTO gaps (entity_id, k) VALUES ('kept', i);
			COMMIT;
			INSERT INTO gaps (entity_id, k) SELECT 'gone', i FROM generate_series(1, i % 7 * 20);
			ROLLBACK;
		END LOOP;
	END $$;
	CALL fill(50);
	CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO notes VALUES (NEW.position);
		RETURN NULL;
	END $$;
	CREATE TABLE notes (n bigint) USING heap;
	CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noted();
	CREATE MATERIALIZED VIEW totals USING eventstore AS SELECT entity_id, count(*) FROM orders GROUP BY 1 ORDER BY 1;
	CREATE VIEW late AS SELECT * FROM orders WHERE position > 100;
	CREATE STATISTICS correlated ON entity_id, event_type FROM orders;
	ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
	CREATE POLICY everything ON orders USING (true)},
	extra_params => [ '-U', 'keeper' ]);
my $source = state_of('source');
unlike($source, qr/problem/, 'the source is sound');

sub check_restored
{
	my ($db, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(state_of($db), $source, "$what: rows and positions");
	is( $node->safe_psql($db, q{
			INSERT INTO orders (entity_id, event_type) VALUES ('o', 'later') RETURNING position;
			INSERT INTO gaps (entity_id, k) VALUES ('later', 1);
			SELECT max(position) = (SELECT position FROM gaps WHERE entity_id = 'later') FROM gaps;
			SELECT max(n) FROM notes;
			SET enable_seqscan = off;
			SELECT count(*) FROM orders WHERE payload @> '{"n": 7}'}),
		"7001\nt\n7001\n1", "$what: rows go on, with triggers and indexes");
	return;
}

# ---- into a database that has the extension, by who is no superuser ----

my @cases = (
	[ 'on conflict', [ '-Fp', '--inserts', '--on-conflict-do-nothing', '--rows-per-insert=50' ], undef ],
	[ 'custom', ['-Fc'], [ '-j', '3' ] ]);
push @cases, (
	[ 'plain', [ '-Fp' ], undef ],
	[ 'inserts', [ '-Fp', '--inserts' ], undef ],
	[ 'columns', [ '-Fp', '--column-inserts', '--disable-dollar-quoting' ], undef ],
	[ 'tar', ['-Ft'], [] ],
	[ 'one transaction', ['-Fc'], ['--single-transaction'] ],
	[ 'directory', [ '-Fd', '-j', '2' ], [ '-j', '2' ] ])
  if wants_long();
foreach my $case (@cases)
{
	my ($what, $dump, $restore) = @$case;
	my $db = $what =~ tr/ /_/r;
	my $file = "$folder/$db";

	new_database($db);
	command_ok([ 'pg_dump', '-U', 'keeper', '--no-comments', '-N', 'eventstore', @$dump, '-f', $file, 'source' ], "$what: pg_dump");

	command_ok(
		defined $restore
		? [ 'pg_restore', '-U', 'keeper', '--exit-on-error', @$restore, '-d', $db, $file ]
		: [ 'psql', '-U', 'keeper', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $file, $db ],
		"$what: restored");
	check_restored($db, $what);
}

# A dump of everything, by a superuser: pg_restore cannot leave the extension's
# schema out.  What is there stays.
new_database('everything');
command_ok([ 'pg_dump', '-Fc', '-f', "$folder/everything.dump", 'source' ], 'everything: pg_dump');
command_checks_all([ 'pg_restore', '-j', '2', '-d', 'everything', "$folder/everything.dump" ], 1, [],
	[ qr/schema "eventstore" already exists/, qr/errors ignored on restore: 1$/m ], 'everything: pg_restore, with one error');
check_restored('everything', 'everything');

# once more over what is there: it goes, and comes back
command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', 'everything', "$folder/everything.dump" ], 'pg_restore --clean');
check_restored('everything', 'pg_restore --clean');

# ---- data only ----

# into tables that are there and empty; without triggers, which would run again
$node->safe_psql('postgres', 'CREATE DATABASE data_only');
command_ok([ 'pg_restore', '--exit-on-error', '--schema-only', '-d', 'data_only', "$folder/everything.dump" ], 'the tables');
command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '--disable-triggers', '-d', 'data_only', "$folder/everything.dump" ], 'data only');
$node->safe_psql('data_only', 'REFRESH MATERIALIZED VIEW totals');
check_restored('data_only', 'data only');

# Into tables that have rows: with ON CONFLICT DO NOTHING nothing is refused
# before the position is looked at.
my $before = state_of('data_only');
command_ok([ 'pg_dump', '--data-only', '--inserts', '--on-conflict-do-nothing', '-t', 'orders', '-f', "$folder/again.sql", 'source' ], 'dump with ON CONFLICT DO NOTHING');
my ($rc, $stdout, $stderr) = $node->psql('data_only', slurp_file("$folder/again.sql"));
is(state_of('data_only'), $before, 'rows that are there do not come twice');
note($stderr);

# emptied first: positions begin again, and are the dump's
command_ok([ 'pg_dump', '--data-only', '-t', 'gaps', '-f', "$folder/gaps.sql", 'source' ], 'dump of a table');
$node->safe_psql('data_only', 'TRUNCATE gaps');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/gaps.sql", 'data_only' ], 'restored after TRUNCATE');
is(rows_of($node, 'data_only', 'gaps'), rows_of($node, 'source', 'gaps'), 'with the same positions');

# ---- under load ----

# pg_dump's workers share a snapshot: two tables that always grow together are the
# same in the dump
$node->safe_psql('source', 'CREATE TABLE left_side (k int PRIMARY KEY) USING eventstore; CREATE TABLE right_side (k int PRIMARY KEY) USING eventstore');
append_to_file("$folder/load.sql", join '', map {
	"BEGIN; INSERT INTO left_side VALUES ($_); INSERT INTO right_side VALUES ($_); COMMIT; BEGIN; INSERT INTO left_side VALUES (-$_); ROLLBACK;\n"
} 1 .. 100000);
my $load = IPC::Run::start([ 'psql', '-Xq', '-d', 'source', '-f', "$folder/load.sql" ], '>', '/dev/null', '2>', "$folder/load.log");
$node->poll_query_until('source', 'SELECT count(*) > 100 FROM left_side') or die 'no load';
command_ok([ 'pg_dump', '-Fd', '-j', '2', '-f', "$folder/load", 'source' ], 'pg_dump under load');
$load->kill_kill;
$node->safe_psql('postgres', 'CREATE DATABASE load');
command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', 'load', "$folder/load" ], 'pg_restore of it');
is( $node->safe_psql('load', q{
		SELECT count(*) >= 100, min(k) FROM left_side;
		SELECT count(*) FROM left_side FULL JOIN right_side USING (k) WHERE left_side.k IS NULL OR right_side.k IS NULL}),
	"t|1\n0", 'transactions are whole in the dump');
check_restored('load', 'under load');

$node->stop;
done_testing();
