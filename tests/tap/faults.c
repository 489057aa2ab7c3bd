/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  A library for LD_PRELOAD that lets calls of the system fail.
 *
 * Which ones is said by the file named in EVENTSTORE_FAULTS, which all processes
 * map; a test writes to it while they run.  See 041_faults.pl.
 *
 * IDENTIFICATION
 *	  tests/tap/faults.c
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* the file; all numbers have 4 bytes */
typedef struct Faults
{
	int32_t		armed;
	int32_t		pid;			/* only in this process; 0: in all */
	int32_t		skip;			/* let so many calls work */
	int32_t		count;			/* then let so many fail */
	int32_t		error;			/* errno; 0: do half of it */
	int32_t		fired;			/* so many did */
	char		call[24];		/* which one */
	char		file[80];		/* part of the file's name */
} Faults;

static volatile Faults *faults;

__attribute__((constructor))
static void
map_faults(void)
{
	const char *name = getenv("EVENTSTORE_FAULTS");
	int			fd = name != NULL ? open(name, O_RDWR) : -1;
	void	   *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(Faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		faults = p;
}

/*
 * Does this call fail?  Then errno is set, or it is to do half (*half).
 */
static int
fails(const char *call, int fd, int *half)
{
	char		link[64];
	char		name[512];
	ssize_t		length;

	*half = 0;
	if (faults == NULL || !faults->armed)
		return 0;
	if (strcmp((const char *) faults->call, call) != 0 ||
		(faults->pid != 0 && faults->pid != getpid()))
		return 0;
	if (fd >= 0 && faults->file[0] != '\0')
	{
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, name, sizeof(name) - 1);
		if (length < 0)
			return 0;
		name[length] = '\0';
		if (strstr(name, (const char *) faults->file) == NULL)
			return 0;
	}
	if (__sync_fetch_and_sub(&faults->skip, 1) > 0)
		return 0;
	if (__sync_fetch_and_sub(&faults->count, 1) <= 0)
		return 0;
	__sync_fetch_and_add(&faults->fired, 1);
	if (faults->error == 0)
		*half = 1;
	else
		errno = faults->error;
	return 1;
}

#define REAL(result, name, ...) \
	static result (*real) (__VA_ARGS__); \
	if (real == NULL) \
		real = (result (*) (__VA_ARGS__)) dlsym(RTLD_NEXT, name)

#define TRANSFER(symbol, call, type) \
ssize_t \
symbol(int fd, type buffer, size_t length, off_t offset) \
{ \
	int			half; \
	REAL(ssize_t, #symbol, int, type, size_t, off_t); \
	if (fails(call, fd, &half)) \
		return half ? real(fd, buffer, length / 2, offset) : -1; \
	return real(fd, buffer, length, offset); \
}

TRANSFER(pwrite, "write", const void *)
TRANSFER(pwrite64, "write", const void *)
TRANSFER(pread, "read", void *)
TRANSFER(pread64, "read", void *)

#define VECTOR(symbol, call) \
ssize_t \
symbol(int fd, const struct iovec *iov, int n, off_t offset) \
{ \
	int			half; \
	REAL(ssize_t, #symbol, int, const struct iovec *, int, off_t); \
	if (fails(call, fd, &half)) \
	{ \
		struct iovec first = iov[0]; \
		first.iov_len /= 2; \
		return half ? real(fd, &first, 1, offset) : -1; \
	} \
	return real(fd, iov, n, offset); \
}

VECTOR(pwritev, "write")
VECTOR(pwritev64, "write")
VECTOR(preadv, "read")
VECTOR(preadv64, "read")

#define SIMPLE(symbol, call, parameters, types, arguments) \
int \
symbol parameters \
{ \
	int			half; \
	static int	(*real) types; \
	if (real == NULL) \
		real = (int (*) types) dlsym(RTLD_NEXT, #symbol); \
	if (fails(call, fd, &half)) \
		return -1; \
	return real arguments; \
}

SIMPLE(fsync, "fsync", (int fd), (int), (fd))
SIMPLE(fdatasync, "fsync", (int fd), (int), (fd))
SIMPLE(ftruncate, "truncate", (int fd, off_t length), (int, off_t), (fd, length))
SIMPLE(ftruncate64, "truncate", (int fd, off_t length), (int, off_t), (fd, length))

/* these return the error */
#define ALLOCATE(symbol) \
int \
symbol(int fd, off_t offset, off_t length) \
{ \
	int			half; \
	REAL(int, #symbol, int, off_t, off_t); \
	if (fails("allocate", fd, &half)) \
		return errno; \
	return real(fd, offset, length); \
}

ALLOCATE(posix_fallocate)
ALLOCATE(posix_fallocate64)

/* --- memory --- */

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *
malloc(size_t size)
{
	int			half;

	if (faults != NULL && faults->armed && fails("malloc", -1, &half))
		return NULL;
	return __libc_malloc(size);
}

void *
realloc(void *p, size_t size)
{
	int			half;

	if (faults != NULL && faults->armed && fails("malloc", -1, &half))
		return NULL;
	return __libc_realloc(p, size);
}
