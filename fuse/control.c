/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/control.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/mem.h"
#include "fuse/names.h"
#include "fuse/replica.h"

static const char usage_text[] =
	"usage: imapfs status MOUNTPOINT\n"
	"       imapfs sync [--wait] [--retry] MOUNTPOINT\n"
	"\n"
	"status  prints what the mount is doing, and what went wrong lately\n"
	"sync    looks at all folders of the account now\n"
	"        --wait   and returns when that is done, and all that was\n"
	"                 changed here is at the server\n"
	"        --retry  and tries again what the server has refused\n";

static int fail(int code, const char *mnt, const char *why)
{
	fprintf(stderr, "imapfs: %s: %s\n", mnt, why);
	return code;
}

static int open_failed(const char *mnt, int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return fail(EX_NOINPUT, mnt, "no mount of imapfs");
	case EACCES:
	case EPERM:
		return fail(EX_NOPERM, mnt, "not your mount");
	case ENOTCONN:
	case ECONNABORTED:
		return fail(EX_UNAVAILABLE, mnt,
			    "its imapfs has ended: fusermount3 -u it, and "
			    "mount again");
	}
	return fail(EX_IOERR, mnt, strerror(error));
}

/* Exit code 0: *fd_r is to be closed. */
static int open_status(const char *mnt, int *fd_r)
{
	char *path = sqb_xasprintf("%s/%s/status", mnt, IFS_HIDDEN);
	struct statfs info;
	int ret = 0;

	*fd_r = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (*fd_r < 0)
		return open_failed(mnt, errno);
	if (fstatfs(*fd_r, &info) < 0)
		ret = open_failed(mnt, errno);
	else if (info.f_type != FUSE_SUPER_MAGIC)
		ret = open_failed(mnt, ENOENT);
	if (ret != 0)
		(void)close(*fd_r);
	return ret;
}

/* Servers' words are in it: nothing that a terminal would obey. */
static void print(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		(void)putchar((c < ' ' && c != '\n') || c == 0x7f ? '?' : c);
	}
}

static int print_status(const char *mnt, int fd)
{
	char buf[4096];
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0)
		print(buf, (size_t)got);
	if (got < 0)
		return open_failed(mnt, errno);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int sync_failed(const char *mnt, int error)
{
	switch (error) {
	case EOPNOTSUPP:
	case ENOTTY:
		return fail(EX_USAGE, mnt, "a local store needs no sync");
	case EHOSTDOWN:
		return fail(EX_UNAVAILABLE, mnt,
			    "no connection to the server; what was changed "
			    "here is kept, and told to it later");
	case EREMOTEIO:
		return fail(EX_NOPERM, mnt,
			    "the server has refused something, see imapfs "
			    "status; imapfs sync --retry tries it again");
	}
	return open_failed(mnt, error);
}

static int sync_mount(const char *mnt, int fd, bool wait, bool retry)
{
	int ret = 0;

	if (retry)
		ret = ioctl(fd, IFS_SYNC_RETRY);
	if (ret == 0 && !wait)
		ret = ioctl(fd, IFS_SYNC);
	/* Each call waits for a moment. */
	while (ret == 0 && wait && (ret = ioctl(fd, IFS_SYNC_WAIT)) < 0 &&
	       errno == EAGAIN)
		ret = 0;
	return ret == 0 ? EX_OK : sync_failed(mnt, errno);
}

bool ifs_control_is(int argc, char *argv[])
{
	return argc > 1 &&
	       (strcmp(argv[1], "status") == 0 || strcmp(argv[1], "sync") == 0);
}

int ifs_control(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "retry", no_argument, NULL, 'r' },
		{ "wait", no_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	bool is_sync = strcmp(argv[1], "sync") == 0;
	bool wait = false, retry = false, bad = false;
	int c, fd, ret;

	optind = 2;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return EX_OK;
		}
		wait = wait || c == 'w';
		retry = retry || c == 'r';
		bad = bad || c == '?' || !is_sync;
	}
	if (bad || optind != argc - 1) {
		fprintf(stderr,
			"imapfs: %s takes a MOUNTPOINT%s; see imapfs %s -h\n",
			argv[1], is_sync ? ", --wait and --retry" : "",
			argv[1]);
		return EX_USAGE;
	}
	ret = open_status(argv[optind], &fd);
	if (ret != 0)
		return ret;
	ret = is_sync ? sync_mount(argv[optind], fd, wait, retry)
		      : print_status(argv[optind], fd);
	(void)close(fd);
	return ret;
}
