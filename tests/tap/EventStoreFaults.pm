# Calls of the system that fail when a test wants it: see faults.c, which is
# compiled here and loaded before all other libraries.
package EventStoreFaults;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;

our @EXPORT = qw(can_make_faults start_with_faults arm disarm);

my ($folder, $control);

# false: there is no compiler, or sanitizers have to come first
sub can_make_faults
{
	return 0 if $ENV{SANITIZE};
	$folder = PostgreSQL::Test::Utils::tempdir;
	$control = "$folder/faults";
	append_to_file($control, "\0" x 4096);
	return system("cc -shared -fPIC -O1 -o $folder/faults.so tests/tap/faults.c -ldl 2>/dev/null") == 0;
}

# A call of the kind "call" ("write", "read", "fsync", "truncate", "allocate" or
# "malloc") of a file whose name has "file" in it, by process "pid" (0: any), is
# let work "skip" times, then fails once with errno "error", or (0) does half.
# The fields are those of "Faults" in faults.c.
sub arm
{
	my (%fault) = @_;

	open(my $file, '+<:raw', $control) or die $!;
	syswrite $file, pack('l6 a24 a80', 0, $fault{pid} // 0, $fault{skip} // 0, 1,
		$fault{error} // 12, 0, $fault{call}, $fault{file} // '');
	sysseek $file, 0, 0;
	syswrite $file, pack('l', 1);
	close $file;
	return;
}

# Nothing fails any more.  Returns how often something has.
sub disarm
{
	open(my $file, '+<:raw', $control) or die $!;
	syswrite $file, pack('l', 0);
	sysread $file, my $bytes, 20;
	close $file;
	return (unpack('l5', $bytes))[4];
}

sub start_with_faults
{
	my ($node) = @_;

	local $ENV{LD_PRELOAD} = "$folder/faults.so";
	local $ENV{EVENTSTORE_FAULTS} = $control;

	$node->start;
	return;
}

1;
