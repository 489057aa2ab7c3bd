# Backups of a server whose event tables grow, are vacuumed and emptied meanwhile:
# pg_basebackup in each of its ways, tablespaces, the functions for a backup of
# one's own, and incremental backups where there are some.  Each is verified,
# recovers, has whole transactions only, and goes on.
use strict;
use warnings;

use EventStoreTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_server('primary', allows_streaming => 1, has_archiving => 1,
	extra => ['--data-checksums'], conf => q{
wal_level = replica
});
my $incremental = $primary->pg_version >= 17;
my $tablespace = PostgreSQL::Test::Utils::tempdir;
my $columns = 'position bigint NOT NULL DEFAULT 0, entity_id text, k int, filler text';
my $problems = q{
	SELECT 'problem: ' || c.relname, v.block, concat_ws(' ', v.row_number, v.rule, v.problem)
	FROM pg_class c JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore', eventstore.verify(c.oid) v
	WHERE c.relkind IN ('r', 'm')};

$primary->append_conf('postgresql.conf', 'summarize_wal = on') if $incremental;
$primary->start;
$primary->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$tablespace'");
$primary->safe_psql('postgres', qq{
	CREATE EXTENSION eventstore;
	CREATE TABLE fixed ($columns) USING eventstore;
	SET eventstore.run_pages = 1;
	INSERT INTO fixed (entity_id, k, filler) SELECT 'fixed', g, repeat('x', 1900) FROM generate_series(1, 500) g;
	CREATE TABLE log ($columns) USING eventstore;
	CREATE UNIQUE INDEX ON log (k);
	CREATE TABLE doubles ($columns) USING eventstore TABLESPACE elsewhere;
	CREATE INDEX ON doubles (k) TABLESPACE elsewhere;
	CREATE TABLE gaps ($columns) USING eventstore;
	CREATE TABLE emptied ($columns) USING eventstore;
	INSERT INTO emptied (entity_id) VALUES ('e'), ('e');
	CREATE UNLOGGED TABLE scratch ($columns) USING eventstore;
	INSERT INTO scratch (entity_id) VALUES ('e');
	CREATE SEQUENCE keys;
});

# The load: each transaction puts the same ten keys into log and doubles, and two
# rows into emptied.
my $load = qq{
	BEGIN;
	SELECT 10 * nextval('keys') AS k \\gset
	INSERT INTO log (entity_id, k, filler) SELECT 'load', :k + g, repeat('l', 300) FROM generate_series(0, 9) g;
	TRUNCATE emptied;
	INSERT INTO emptied (entity_id, k) VALUES ('load', :k), ('load', :k);
	INSERT INTO doubles (entity_id, k, filler) SELECT 'load', :k + g, repeat('d', 300) FROM generate_series(0, 9) g;
	COMMIT;
	BEGIN;
	INSERT INTO gaps (entity_id, filler) SELECT 'gone', repeat('g', 1900) FROM generate_series(1, 30);
	ROLLBACK;
	INSERT INTO gaps (entity_id, k) VALUES ('kept', :k);
	VACUUM (FREEZE) gaps;
	VACUUM (FREEZE) log;
};
my $script = PostgreSQL::Test::Utils::tempdir . '/load.sql';
append_to_file($script, $load x 20000);
my $output = '';
my $loading = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $primary->connstr('postgres'), '-f', $script ],
	'>', '/dev/null', '2>', \$output);

# The load has come further than it was.
sub wait_for_load
{
	my $last = $primary->safe_psql('postgres', 'SELECT last_value FROM keys');

	$primary->poll_query_until('postgres', "SELECT last_value > $last + 2 FROM keys") or die "no load: $output";
	return;
}

sub check_backup
{
	my ($node, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->start;
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die "$what: does not end its recovery";
	is($node->safe_psql('postgres', $problems), '', "$what: verify finds nothing");
	is( $node->safe_psql('postgres', q{
			SELECT count(*) > 20, count(*) % 10, count(*) - (SELECT count(*) FROM doubles) FROM log;
			SELECT count(*) FROM log FULL JOIN doubles USING (k) WHERE log.k IS NULL OR doubles.k IS NULL;
			SELECT count(*), count(DISTINCT entity_id) FROM emptied;
			SELECT count(*) FROM gaps WHERE entity_id = 'gone';
			SELECT count(*), sum(position) FROM fixed;
			SELECT count(*) FROM scratch}),
		"t|0|0\n0\n2|1\n0\n500|125250\n0", "$what: transactions are whole");
	is( $node->safe_psql('postgres', q{
			SELECT max(position) AS last FROM log \gset
			INSERT INTO log (entity_id, k) SELECT 'later', -g FROM generate_series(1, 100) g;
			INSERT INTO doubles (entity_id, k) SELECT 'later', -g FROM generate_series(1, 100) g;
			INSERT INTO gaps (entity_id, k) SELECT 'later', -g FROM generate_series(1, 100) g;
			SELECT min(position) > :last FROM log WHERE entity_id = 'later';
			SET enable_seqscan = off;
			SELECT count(*) FROM doubles WHERE k < 0}),
		"t\n100", "$what: rows go on");
	is($node->safe_psql('postgres', $problems), '', "$what: verify finds nothing after more rows");
	$node->stop;
	command_ok([ 'pg_checksums', '--check', '-D', $node->data_dir ], "$what: checksums");
	return;
}

# A server whose folder a backup has filled.
sub new_node
{
	my ($name, $fill) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	mkdir $node->basedir;
	$fill->($node->data_dir);
	chmod 0700, $node->data_dir;
	$node->append_conf('postgresql.conf', "archive_mode = off\nport = " . $node->port);
	return $node;
}

sub base_backup
{
	my ($folder, @options) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_for_load();
	$primary->command_ok(
		[
			'pg_basebackup', '--no-sync', '--checkpoint=fast', @options, '-D', $folder,
			'-T', "$tablespace=" . PostgreSQL::Test::Utils::tempdir_short . '/t',
			'-h', $primary->host, '-p', $primary->port
		],
		"pg_basebackup @options");
	command_ok([ 'pg_verifybackup', $folder ], "pg_basebackup @options: pg_verifybackup");
	wait_for_load();
	return;
}

# ---- pg_basebackup ----

foreach my $method (qw(stream fetch))
{
	check_backup(new_node($method, sub { base_backup($_[0], "--wal-method=$method") }), $method);
}

# ---- a backup of one's own, with rows stored between its parts ----

# Files may vanish while they are copied, as in every backup.
sub copy_part
{
	my ($from, $to) = @_;
	my $log = '';

	mkdir $to;
	IPC::Run::run(
		[
			'sh', '-c', 'cd "$1" && tar cf - --exclude=./base --exclude="./pg_wal/?*" --exclude="./postmaster.*" \
				--exclude="./pg_replslot/?*" --exclude="./pg_stat_tmp/?*" --exclude="./pg_tblspc/?*" . | tar xf - -C "$2"',
			'sh', $from, $to
		],
		'>', '/dev/null', '2>', \$log);
	note($log) if $log ne '';
	return;
}

sub copy_all
{
	my ($folder) = @_;
	my $session = $primary->background_psql('postgres');
	my $copy = PostgreSQL::Test::Utils::tempdir;
	my $oid = $primary->safe_psql('postgres', q{SELECT oid FROM pg_tablespace WHERE spcname = 'elsewhere'});

	$session->query_safe(q{SELECT pg_backup_start('own', fast => true)});
	wait_for_load();
	copy_part($primary->data_dir, $folder);
	wait_for_load();
	copy_part($primary->data_dir . '/base', "$folder/base");
	wait_for_load();
	copy_part($tablespace, $copy);
	symlink $copy, "$folder/pg_tblspc/$oid";
	$session->query_safe(q{CREATE TEMP TABLE stopped AS SELECT * FROM pg_backup_stop(wait_for_archive => false)});
	append_to_file("$folder/backup_label", $session->query_safe('SELECT labelfile FROM stopped') . "\n");
	$session->quit;
	return;
}

my $node = new_node('own', \&copy_all);
my $segment = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_switch_wal())');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver")
  or die 'the WAL is not archived';
$node->enable_restoring($primary, 0);
check_backup($node, 'a backup of one\'s own');

# ---- incremental ----

SKIP:
{
	skip 'no incremental backups before 17', 11 if !$incremental;

	my @backups = map { $primary->backup_dir . "/$_" } qw(full first second);

	mkdir $primary->backup_dir;
	base_backup($backups[0]);
	base_backup($backups[1], "--incremental=$backups[0]/backup_manifest");
	base_backup($backups[2], "--incremental=$backups[1]/backup_manifest");
	my ($from) = map { readlink } glob "$backups[2]/pg_tblspc/*";
	my $combined = new_node('combined', sub {
		my ($folder) = @_;
		command_ok([ 'pg_combinebackup', '-o', $folder, '-T', "$from=" . PostgreSQL::Test::Utils::tempdir_short . '/t', @backups ],
			'pg_combinebackup');
	});
	check_backup($combined, 'an incremental backup');
}

is($loading->pumpable ? $output : "the load has ended: $output", '', 'the load went on without an error');
$primary->stop('immediate');
eval { $loading->finish; };

done_testing();
