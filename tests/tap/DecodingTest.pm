# Shared by the tests of logical decoding: the same script on heap tables and on
# event tables, and what slots say of both.
#
# The tables of a script are made in schema "heap_side" or "event_side", which is
# first in search_path, by the access method :own; :other is the other one.  In
# what is compared both schemas are called "side".
package DecodingTest;

use strict;
use warnings;

use EventStoreTest;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  @sides
  new_decoding_server
  create_slots
  drop_slots
  on_side
  changes_of
  changes_by_side
  same_changes
  is_same_text
  row_changes
);

our @sides = ('heap_side', 'event_side');
my %own = (heap_side => 'heap', event_side => 'eventstore');
my %other = (heap_side => 'eventstore', event_side => 'heap');
my $case_number = 0;

# A started server with the extension.
sub new_decoding_server
{
	my ($name, %options) = @_;
	my $node = new_server($name, allows_streaming => 'logical', %options);

	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION eventstore');
	return $node;
}

# Slot "now" is read after each script; slot "late" at the end, when nothing of
# what its changes are about exists any more, and it sees transactions when they
# are prepared.
sub create_slots
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		SELECT pg_create_logical_replication_slot('now', 'test_decoding');
		SELECT pg_create_logical_replication_slot('late', 'test_decoding', false, true)});
	return;
}

sub drop_slots
{
	my ($node) = @_;

	$node->safe_psql('postgres',
		'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
	return;
}

# What every session on a side begins with.
sub on_side
{
	my ($side) = @_;

	return <<"SQL";
SET search_path = $side, public;
SET default_table_access_method = $own{$side};
\\set own $own{$side}
\\set other $other{$side}
SQL
}

sub without_side
{
	my ($text) = @_;

	$text =~ s/\b(?:heap|event)_side\b/side/g;
	return $text;
}

# What a slot has to say since it was asked last.  Further options are those of
# the plugin, as a list of SQL.
sub changes_of
{
	my ($node, $slot, $options, $settings) = @_;
	my $sql = $settings // '';

	$options = defined $options ? ", $options" : '';
	return without_side($node->safe_psql('postgres', qq{$sql
		SELECT data FROM pg_logical_slot_get_changes('$slot', NULL, NULL, 'include-xids', '0'$options)}));
}

# What is different is shown, not all of what may be megabytes.
sub is_same_text
{
	my ($got, $expected, $what) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return pass($what) if $got eq $expected;

	my @got = split /\n/, $got;
	my @expected = split /\n/, $expected;
	my $n = 0;
	$n++ while $n < @got && $n < @expected && $got[$n] eq $expected[$n];
	fail($what);
	diag("line $n of " . @got . ' and ' . @expected . " differs\n"
		  . '     got: ' . substr($got[$n] // '(nothing)', 0, 400) . "\n"
		  . 'expected: ' . substr($expected[$n] // '(nothing)', 0, 400));
	return 0;
}

# How many changes of rows, TRUNCATE included.
sub row_changes
{
	my ($text) = @_;
	my @changes = $text =~ /^table [^:]+: (?:INSERT|UPDATE|DELETE|TRUNCATE)/mg;

	return scalar @changes;
}

# Runs the script on each side in an empty schema, which is left to be looked at, and compares what the session
# prints, errors included, and what slot "now" says, which must be so many changes
# of rows.  The script is SQL, or a function that gets server and side.
sub same_changes
{
	my ($node, $what, $count, $script, $options) = @_;
	my (%printed, %changes);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$case_number++;
	foreach my $side (@sides)
	{
		my $printed = '';

		$node->safe_psql('postgres', qq{
			SET client_min_messages = warning;
			SELECT pg_logical_emit_message(false, 'case', '$case_number $side');
			DROP SCHEMA IF EXISTS $side CASCADE;
			CREATE SCHEMA $side;
			SELECT count(*) FROM pg_logical_slot_get_changes('now', NULL, NULL)});
		if (ref $script)
		{
			$script->($node, $side);
		}
		else
		{
			my ($stdout, $stderr);
			my $rc = $node->psql('postgres', on_side($side) . $script,
				stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);

			die "psql returned $rc: $stderr" if $rc != 0;
			$printed = without_side("$stdout\n$stderr");
			$printed =~ s/^psql:<stdin>:\d+: //mg;
		}
		$printed{$side} = $printed;
		$changes{$side} = changes_of($node, 'now', $options);
	}
	is($printed{event_side}, $printed{heap_side}, "$what: what the session prints");
	is_same_text($changes{event_side}, $changes{heap_side}, "$what: what is decoded");
	is(row_changes($changes{event_side}), $count, "$what: number of changes");
	return;
}

# All that a slot has to say, one text for each side: what lies between the marks
# that same_changes writes.
sub changes_by_side
{
	my ($node, $slot, $settings) = @_;
	my %changes = map { $_ => '' } @sides;
	my $side;

	foreach my $line (split /\n/, $node->safe_psql('postgres', qq{$settings
		SELECT data FROM pg_logical_slot_get_changes('$slot', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')}))
	{
		if ($line =~ /^message: .* prefix: case, .*content:(\d+) (\w+)/)
		{
			$side = $2;
			$changes{$side} .= "case $1\n";
		}
		elsif (defined $side)
		{
			$changes{$side} .= without_side($line) . "\n";
		}
	}
	return %changes;
}

1;
