/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Preloaded into a program by test-power-cut.py, it writes down what the
 * program does to the files of one directory, in the order in which it comes
 * to be, so that the state of a disk after a power cut can be made of it.
 *
 *	SQBOX_POWER_DIR  the directory; absolute, without symbolic links
 *	SQBOX_POWER_LOG  file to which records are appended
 *	SQBOX_POWER_NO_SYNC  if set, syncs are neither made nor written down
 *
 * A write is noted before the call returns: nobody builds on one that is not
 * in the log.  A sync is noted twice: it covers what was noted before its
 * beginning, from its end on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 1024
#define LOG_FD (FDS_MAX - 1)

/* All of a record but its name and data, which follow. */
struct head {
	char what; /* 'C': create, 'W': write, 'T': truncate, 'U': unlink,
		      'R': rename, 'B' and 'E': begin and end of a sync */
	char pad[3];
	uint32_t name_size, data_size;
	uint32_t pid;
	uint64_t inode;
	int64_t offset;
};

static const char *dir;
static bool no_sync;
static bool watched[FDS_MAX]; /* by descriptor: of a file there, or of it */

static void *next(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		abort();
	return symbol;
}

__attribute__((constructor)) static void start(void)
{
	const char *log = getenv("SQBOX_POWER_LOG");
	int fd = log != NULL ? open(log, O_WRONLY | O_APPEND | O_CREAT, 0600)
			     : -1;

	dir = getenv("SQBOX_POWER_DIR");
	no_sync = getenv("SQBOX_POWER_NO_SYNC") != NULL;
	if (fd < 0 || dup3(fd, LOG_FD, O_CLOEXEC) < 0 || dir == NULL)
		abort();
	(void)close(fd);
}

static void note(char what, uint64_t inode, const char *name, int64_t offset,
		 const void *data, size_t size)
{
	struct head head = { .what = what,
			     .name_size = (uint32_t)strlen(name),
			     .data_size = (uint32_t)size,
			     .pid = (uint32_t)getpid(),
			     .inode = inode,
			     .offset = offset };
	const struct iovec parts[] = {
		{ &head, sizeof(head) },
		{ (void *)(uintptr_t)name, head.name_size },
		{ (void *)(uintptr_t)data, size },
	};
	int code = errno;

	if (writev(LOG_FD, parts, 3) !=
	    (ssize_t)(sizeof(head) + head.name_size + size))
		abort();
	errno = code;
}

static bool is_watched(int fd)
{
	return fd >= 0 && fd < FDS_MAX && watched[fd];
}

static uint64_t inode_of(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

/* The name of a file in the directory, "" for itself; else NULL. */
static const char *name_there(int dir_fd, const char *path)
{
	size_t len;

	if (dir == NULL) /* another library's start comes before ours */
		return NULL;
	if (path[0] != '/')
		return is_watched(dir_fd) ? path : NULL;
	len = strlen(dir);
	if (strncmp(path, dir, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return path + len;
	return path[len] == '/' ? path + len + 1 : NULL;
}

static int open_at(int dir_fd, const char *path, int flags, mode_t mode)
{
	static int (*real)(int, const char *, int, ...);
	const char *name = name_there(dir_fd, path);
	bool create = name != NULL && (flags & O_CREAT) != 0 &&
		      faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	int fd;

	if (real == NULL)
		real = next("openat");
	fd = real(dir_fd, path, flags, mode);
	if (fd < 0 || fd >= FDS_MAX)
		return fd;
	watched[fd] = name != NULL && (flags & O_TMPFILE) != O_TMPFILE;
	if (create && watched[fd])
		note('C', inode_of(fd), name, 0, NULL, 0);
	return fd;
}

#define MODE_OF(flags, mode) \
	do { \
		if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
			va_list args; \
			va_start(args, flags); \
			(mode) = va_arg(args, mode_t); \
			va_end(args); \
		} \
	} while (0)

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir_fd, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(dir_fd, path, flags, mode);
}

int close(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		real = next("close");
	if (fd >= 0 && fd < FDS_MAX)
		watched[fd] = false;
	return real(fd);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	ssize_t n;

	if (real == NULL)
		real = next("pwrite");
	n = real(fd, data, size, offset);
	if (n > 0 && is_watched(fd))
		note('W', inode_of(fd), "", offset, data, (size_t)n);
	return n;
}

ssize_t write(int fd, const void *data, size_t size)
{
	static ssize_t (*real)(int, const void *, size_t);
	ssize_t n;

	if (real == NULL)
		real = next("write");
	n = real(fd, data, size);
	if (n > 0 && is_watched(fd))
		note('W', inode_of(fd), "", lseek(fd, 0, SEEK_CUR) - n, data,
		     (size_t)n);
	return n;
}

int ftruncate(int fd, off_t size)
{
	static int (*real)(int, off_t);
	int rc;

	if (real == NULL)
		real = next("ftruncate");
	rc = real(fd, size);
	if (rc == 0 && is_watched(fd))
		note('T', inode_of(fd), "", size, NULL, 0);
	return rc;
}

static int sync_file(int fd, int (*real)(int))
{
	int rc;

	if (!is_watched(fd))
		return real(fd);
	if (no_sync)
		return 0;
	note('B', inode_of(fd), "", 0, NULL, 0);
	rc = real(fd);
	if (rc == 0)
		note('E', inode_of(fd), "", 0, NULL, 0);
	return rc;
}

int fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		real = next("fsync");
	return sync_file(fd, real);
}

int fdatasync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		real = next("fdatasync");
	return sync_file(fd, real);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	static int (*real)(int, const char *, int);
	const char *name = name_there(dir_fd, path);
	int rc;

	if (real == NULL)
		real = next("unlinkat");
	rc = real(dir_fd, path, flags);
	if (rc == 0 && name != NULL)
		note('U', 0, name, 0, NULL, 0);
	return rc;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int renameat(int old_fd, const char *old, int new_fd, const char *path)
{
	static int (*real)(int, const char *, int, const char *);
	const char *from = name_there(old_fd, old);
	const char *to = name_there(new_fd, path);
	int rc;

	if (real == NULL)
		real = next("renameat");
	rc = real(old_fd, old, new_fd, path);
	if (rc == 0 && from != NULL && to != NULL)
		note('R', 0, from, 0, to, strlen(to));
	return rc;
}

/* The names that large files give these calls. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir_fd, const char *path, int flags, ...)
	__attribute__((alias("openat")));
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
	__attribute__((alias("pwrite")));
int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));
