/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * imapfs: mount a mail store; see imapfs(1).
 */
#include "fuse/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fuse/fs.h"
#include "fuse/inval.h"
#include "fuse/log.h"
#include "fuse/readahead.h"
#include "fuse/ready.h"

/*
 * One is busy as long as its request waits, be it for the lock of the store:
 * as many writers as this keep readers from being served.
 */
#define THREADS_MAX 64

static int run_loop(struct ifs_fs *fs)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int ret;

	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	ret = fuse_session_loop_mt(fs->session, config);
	fuse_loop_cfg_destroy(config);
	/* Positive: the signal that ended it, which is an orderly end. */
	return ret < 0 ? EX_OSERR : EX_OK;
}

/* Mounted: serve until it is unmounted, or told to end. */
static int serve(struct ifs_fs *fs)
{
	int ret;

	if (fuse_set_signal_handlers(fs->session) != 0)
		return EX_OSERR;
	ret = ifs_inval_start(fs);
	if (ret != 0) {
		fprintf(stderr, "imapfs: cannot watch %s: %s\n",
			fs->opts->source, strerror(ret));
		ret = EX_OSERR;
	} else {
		ifs_readahead_start(fs);
		ret = run_loop(fs);
		ifs_readahead_stop(fs);
		ifs_inval_stop(fs);
	}
	fuse_remove_signal_handlers(fs->session);
	return ret;
}

static int mount_and_serve(struct ifs_fs *fs, struct ifs_options *opts)
{
	int ret;

	fs->session = fuse_session_new(&opts->mount_args, &ifs_ops,
				       sizeof(ifs_ops), fs);
	if (fs->session == NULL)
		return EX_USAGE; /* libfuse has said why */
	if (fuse_session_mount(fs->session, opts->mountpoint) != 0) {
		fuse_session_destroy(fs->session);
		return EX_OSERR; /* the same */
	}
	ret = serve(fs);
	fuse_session_unmount(fs->session);
	fuse_session_destroy(fs->session);
	return ret;
}

static int run(struct ifs_options *opts, struct ifs_ready *ready)
{
	struct ifs_fs fs = { .ready = ready };
	char *error = NULL;
	int ret = ifs_fs_init(&fs, opts, &error);

	if (ret != EX_OK) {
		fprintf(stderr, "imapfs: %s\n", error);
		free(error);
	} else {
		ret = mount_and_serve(&fs, opts);
		ifs_fs_deinit(&fs);
	}
	ifs_ready_tell(ready, ret);
	return ret;
}

/*
 * SQLite handles and threads do not survive a fork: all that is opened is
 * opened in the child.  The parent ends when the mount answers, or the child
 * has ended.
 */
static int run_as_daemon(struct ifs_options *opts)
{
	struct ifs_ready ready = { .fd = -1 };
	int fds[2], code;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "imapfs: %s\n", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0) {
		(void)close(fds[0]);
		(void)setsid();
		if (chdir("/") < 0)
			return EX_OSERR;
		ready.fd = fds[1];
		return run(opts, &ready);
	}
	(void)close(fds[1]);
	if (read(fds[0], &code, sizeof(code)) != (ssize_t)sizeof(code))
		code = EX_SOFTWARE;
	(void)close(fds[0]);
	return code;
}

/* What is opened later is none of 0, 1 and 2, which a daemon replaces. */
static bool has_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

int main(int argc, char *argv[])
{
	struct ifs_ready nobody = { .fd = -1 };
	struct ifs_options opts;
	int ret;

	if (!has_standard_descriptors())
		return EX_OSERR;
	ret = ifs_options_parse(&opts, argc, argv);
	if (ret == 0)
		ret = opts.foreground ? run(&opts, &nobody)
				      : run_as_daemon(&opts);
	else if (ret < 0)
		ret = EX_OK;
	ifs_options_free(&opts);
	return ret;
}
