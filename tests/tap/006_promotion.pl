# A standby is promoted after its primary has died: every row that it had
# replayed is there, rows go on, and pg_rewind makes a standby of the old
# primary, although that had gone on, too.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1,
	conf => "wal_level = logical\nwal_log_hints = on\nwal_keep_size = 512MB");
$primary->start;
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', q{
	CREATE EXTENSION eventstore;
	SELECT eventstore.create_store('orders');
	CREATE UNIQUE INDEX orders_position ON orders (position);
	CREATE UNLOGGED TABLE scratch (entity_id text, n int) USING eventstore;
	INSERT INTO scratch SELECT 'e', g FROM generate_series(1, 50) g;
	INSERT INTO orders (entity_id, event_type, payload)
		SELECT 'o' || g % 5, 'placed', json_build_object('n', repeat('x', g)) FROM generate_series(1, 700) g;
});

# a transaction that is open, and one that is prepared, when the primary dies
my $open = $primary->background_psql('postgres');
$open->query_safe(q{BEGIN; INSERT INTO orders (entity_id, event_type) SELECT 'open', 'x' FROM generate_series(1, 30)});
$primary->safe_psql('postgres', q{
	BEGIN;
	INSERT INTO orders (entity_id, event_type) SELECT 'prepared', 'x' FROM generate_series(1, 20);
	PREPARE TRANSACTION 'over_promotion';
	INSERT INTO orders (entity_id, event_type) VALUES ('o1', 'last');
});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('flush'));

my $rows = rows_of($primary, 'postgres', 'orders');
is(rows_of($standby, 'postgres', 'orders'), $rows, 'the standby has the rows');
is($standby->safe_psql('postgres', 'SELECT max(position) FROM orders'),
	'751', 'with their positions');
is(sqlstate_of($standby, 'postgres', q{INSERT INTO orders (entity_id, event_type) VALUES ('o1', 'x')}),
	'25006', 'no insert on a standby');
is(sqlstate_of($standby, 'postgres', q{SELECT * FROM orders FOR UPDATE}),
	'25006', 'no row lock on a standby');

$primary->stop('immediate');
eval { $open->{run}->finish; };
$standby->promote;
is(rows_of($standby, 'postgres', 'orders'), $rows, 'rows after the promotion');
is(count_of($standby, 'postgres', 'scratch'), '0', 'unlogged tables are empty');
is( $standby->safe_psql('postgres', q{
		INSERT INTO orders (entity_id, event_type) VALUES ('o1', 'after') RETURNING position;
		COMMIT PREPARED 'over_promotion';
		INSERT INTO scratch VALUES ('e', 1);
		SELECT count(*), max(position) FROM orders}),
	"752\n722|752", 'rows go on after the promotion');
$standby->safe_psql('postgres', q{
	INSERT INTO orders (entity_id, event_type, payload)
		SELECT 'new', 'placed', json_build_object('n', repeat('y', g)) FROM generate_series(1, 500) g});
$standby->safe_psql('postgres', 'VACUUM (FREEZE) orders');
is_sound($standby, 'postgres', 'after the promotion');

# the old primary goes its own way for a while
$primary->start;
$primary->safe_psql('postgres', q{
	INSERT INTO orders (entity_id, event_type, payload)
		SELECT 'stray', 'placed', json_build_object('n', repeat('z', g)) FROM generate_series(1, 600) g});
$primary->safe_psql('postgres', 'VACUUM (FREEZE) orders');
is_sound($primary, 'postgres', 'on the old primary');
$primary->stop;

$standby->safe_psql('postgres', 'CHECKPOINT');
my $conf = slurp_file($primary->data_dir . '/postgresql.conf');
command_ok(
	[
		'pg_rewind', '--no-sync', '--source-server', $standby->connstr('postgres'),
		'--target-pgdata', $primary->data_dir
	],
	'pg_rewind');
unlink $primary->data_dir . '/postgresql.conf';
$primary->append_conf('postgresql.conf', $conf);
$primary->append_conf('postgresql.conf',
	"primary_conninfo = '" . $standby->connstr . " application_name=primary'");
$primary->set_standby_mode;
$primary->start;
$standby->safe_psql('postgres', q{INSERT INTO orders (entity_id, event_type) VALUES ('o2', 'to the rewound')});
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('flush'));
is(rows_of($primary, 'postgres', 'orders'), rows_of($standby, 'postgres', 'orders'),
	'the rewound server has the same rows');
is_sound($primary, 'postgres', 'on the rewound server');

$primary->stop;
$standby->stop;
done_testing();
