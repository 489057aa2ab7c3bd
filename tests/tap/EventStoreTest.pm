# Shared by the TAP tests: a server with the library, and the questions that
# every test asks of it.
package EventStoreTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  new_server
  has_stop_points
  wants_long
  problems_of
  is_sound
  rows_of
  crash_with
  wait_until_up
  start_limited
  sqlstate_of
  count_of
);

# A server that is initialised, not started.  Settings come after those of
# regress.conf.  Options of init() are passed on; "conf" are further settings.
sub new_server
{
	my ($name, %options) = @_;
	my $conf = delete $options{conf};
	my $node = PostgreSQL::Test::Cluster->new($name);

	# whatever the environment's locale says
	my @extra = ('--encoding=UTF8', '--locale=C', @{ $options{extra} // [] });

	# They are what 18 does by default; the tests of damage are about what we find.
	push @extra, '--no-data-checksums'
	  if $node->pg_version >= 18 && !grep { $_ eq '--data-checksums' } @extra;
	$node->init(%options, extra => \@extra);
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'eventstore'
log_statement = none
autovacuum = off
max_prepared_transactions = 20
max_connections = 40
shared_buffers = 16MB
CONF
	$node->append_conf('postgresql.conf', $conf) if defined $conf;
	return $node;
}

# Stop points exist in testing builds only.
sub has_stop_points
{
	my ($node, $db) = @_;

	return $node->safe_psql($db // 'postgres',
		q{SELECT count(*) FROM pg_settings WHERE name = 'eventstore.stop_point'})
	  eq '1';
}

# Cases that take longer are asked for: PG_TEST_EXTRA has the word "long".
sub wants_long
{
	return ($ENV{PG_TEST_EXTRA} // '') =~ /\blong\b/;
}

# Everything that eventstore.verify finds in a database, one line each.
# Unlogged tables cannot be read on a standby.
sub problems_of
{
	my ($node, $db) = @_;

	return $node->safe_psql(
		$db, q{
		SELECT c.oid::regclass, v.*
		FROM pg_class c
		JOIN pg_am a ON a.oid = c.relam AND a.amname = 'eventstore',
		LATERAL eventstore.verify(c.oid) v
		WHERE c.relkind IN ('r', 'm')
		AND c.relpersistence <> 't'
		AND NOT (pg_is_in_recovery() AND c.relpersistence = 'u')
		ORDER BY 1, 2, 3});
}

sub is_sound
{
	my ($node, $db, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(problems_of($node, $db), '', "verify finds nothing: $what");
}

# One line that stands for all rows of a table, in order.
sub rows_of
{
	my ($node, $db, $table) = @_;

	return $node->safe_psql($db,
		"SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY ctid)) FROM $table t"
	);
}

sub count_of
{
	my ($node, $db, $from) = @_;

	return $node->safe_psql($db, "SELECT count(*) FROM $from");
}

# Runs SQL that must end with the death of its backend, and waits until the
# server is up again.  Returns what the session printed before.  The server
# has restart_after_crash = on.
sub crash_with
{
	my ($node, $db, $sql, $what) = @_;
	my ($stdout, $stderr);
	my $log_end = -s $node->logfile;
	my $rc = $node->psql($db, $sql, stdout => \$stdout, stderr => \$stderr);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok( $rc == 2 && $stderr =~ /server closed the connection unexpectedly/,
		"$what: the backend dies")
	  or diag("psql returned $rc: $stderr");
	wait_until_up($node, $db, $log_end) if $rc == 2;
	return $stdout;
}

# Wait until the server has begun anew after the death of a backend, which
# happened when its log was so long; a connection might still get through before
# the postmaster knows.
sub wait_until_up
{
	my ($node, $db, $log_end) = @_;

	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $log_end);
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return
		  if run_log([ 'pg_isready', '-q', '-h', $node->host, '-p', $node->port ]);
		usleep(100_000);
	}
	die 'the server did not come up again';
}

# Start the server under a limit of the shell's ulimit, such as '-f 4096'.
sub start_limited
{
	my ($node, $limit) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;
	my ($pg_ctl) = grep { -x } map { "$_/pg_ctl" } split /:/, $ENV{PATH};

	append_to_file("$folder/pg_ctl",
		"#!/bin/sh\nulimit $limit && exec '$pg_ctl' \"\$@\"\n");
	chmod 0755, "$folder/pg_ctl";
	local $ENV{PATH} = "$folder:$ENV{PATH}";
	$node->start;
	return;
}

# SQLSTATE of the error that ends the SQL, '' if there is none; 'lost' if the
# connection was lost.
sub sqlstate_of
{
	my ($node, $db, $sql, $message) = @_;
	my ($stdout, $stderr);
	my $rc = $node->psql($db, "\\set VERBOSITY verbose\n$sql",
		stdout => \$stdout, stderr => \$stderr);

	$$message = $stderr if defined $message;
	return '' if $rc == 0;
	return 'lost' if $rc != 3;
	return $stderr =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/ ? $1 : "? $stderr";
}

1;
