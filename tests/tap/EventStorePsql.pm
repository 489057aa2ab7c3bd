# One psql that is asked many times, where a test would start hundreds; it is
# started again when its connection was lost.
package EventStorePsql;

use strict;
use warnings;

use IO::Handle;
use IPC::Open3;
use PostgreSQL::Test::Utils;

my $number = 0;

# The server need not run yet.
sub new
{
	my ($class, $node) = @_;
	my $errors = PostgreSQL::Test::Utils::tempdir . '/psql-' . ++$number;

	return bless { node => $node, errors => $errors }, $class;
}

sub open_psql
{
	my ($self) = @_;

	open(my $errors, '>', $self->{errors}) or die $!;
	local $ENV{PGHOST} = $self->{node}->host;
	local $ENV{PGPORT} = $self->{node}->port;
	$self->{pid} = open3($self->{to}, $self->{from}, '>&' . fileno($errors),
		'psql', '-XAtq', '-d', 'postgres', '-v', 'VERBOSITY=verbose');
	$self->{to}->autoflush(1);
	$self->{backend} = ($self->ask('SELECT pg_backend_pid()'))[1];
	return;
}

# The process that serves it.
sub backend
{
	my ($self) = @_;

	$self->open_psql if !defined $self->{pid};
	return $self->{backend} =~ s/\n//r;
}

# Sends SQL.  Returns the state of its last statement ("00000", or "lost" if the
# connection is lost, or "hangs"), what was printed, and the errors.
sub ask
{
	my ($self, $sql) = @_;
	my ($state, $lines) = (undef, '');

	$self->open_psql if !defined $self->{pid};
	my $errors_end = -s $self->{errors};
	local $SIG{PIPE} = 'IGNORE';
	local $SIG{ALRM} = sub { die "hangs\n" };
	eval {
		alarm $PostgreSQL::Test::Utils::timeout_default;
		print { $self->{to} } "$sql;\n\\echo == end == :SQLSTATE\n";
		while (defined(my $line = readline $self->{from}))
		{
			last if ($state) = $line =~ /^== end == (\w+)$/;
			$lines .= $line;
		}
		alarm 0;
		$state //= 'lost';
	};
	alarm 0;
	$state //= 'hangs';
	my $errors = substr(slurp_file($self->{errors}), $errors_end);

	if ($state eq 'hangs' || $state eq 'lost')
	{
		kill 'KILL', $self->{backend} if $state eq 'hangs' && defined $self->{backend};
		$self->close;
	}
	return ($state, $lines, $errors);
}

# What was printed, without the last end of line; dies of an error.
sub safe
{
	my ($self, $sql) = @_;
	my ($state, $lines, $errors) = $self->ask($sql);

	die "$sql\n$errors" if $state ne '00000' || $errors =~ /(?:ERROR|FATAL|PANIC):  |invalid command/;
	chomp $lines;
	return $lines;
}

sub close
{
	my ($self) = @_;

	return if !defined $self->{pid};
	close $self->{to};
	kill 'KILL', $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{$_} foreach qw(pid to from backend);
	return;
}

1;
