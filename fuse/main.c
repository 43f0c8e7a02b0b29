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

#include "fuse/control.h"
#include "fuse/fs.h"
#include "fuse/hangup.h"
#include "fuse/inval.h"
#include "fuse/log.h"
#include "fuse/readahead.h"
#include "fuse/ready.h"
#include "fuse/replica.h"
#include "fuse/secret.h"

/*
 * One is busy as long as its request waits, be it for the lock of the store:
 * as many writers as this keep readers from being served.
 */
#define THREADS_MAX 64
/* Those that do nothing end but for so many. */
#define THREADS_IDLE 64

static int run_loop(struct ifs_fs *fs)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int ret;

	fuse_loop_cfg_set_max_threads(config, fs->replica != NULL
						      ? IFS_REPLICA_THREADS_MAX
						      : THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE);
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
			ifs_options_shown(fs->opts), strerror(ret));
		ret = EX_OSERR;
	} else {
		ifs_readahead_start(fs);
		ifs_hangup_start(fs);
		ret = run_loop(fs);
		ifs_hangup_stop(fs);
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

static int fail(int code, char *error)
{
	fprintf(stderr, "imapfs: %s\n", error != NULL ? error : "failed");
	free(error);
	return code;
}

/* secret NULL: a local store. */
static int run(struct ifs_options *opts, const char *secret, int ready_fd)
{
	struct ifs_ready ready;
	struct ifs_fs fs = { .ready = &ready };
	char *error = NULL;
	int ret;

	ifs_ready_init(&ready, ready_fd);
	ret = ifs_fs_init(&fs, opts, &error);
	if (ret != EX_OK) {
		ret = fail(ret, error);
	} else {
		if (secret != NULL)
			ret = ifs_replica_start(&fs, secret, &error);
		ret = ret != EX_OK ? fail(ret, error)
				   : mount_and_serve(&fs, opts);
		ifs_replica_stop(&fs);
		ifs_fs_deinit(&fs);
	}
	ifs_ready_tell(&ready, ret);
	return ret;
}

/*
 * SQLite handles and threads do not survive a fork: all that is opened is
 * opened in the child.  The parent ends when the mount answers, or the child
 * has ended.
 */
static int run_as_daemon(struct ifs_options *opts, const char *secret)
{
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
		return run(opts, secret, fds[1]);
	}
	(void)close(fds[1]);
	code = ifs_ready_wait(fds[0]);
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

/* Here, where there may be a terminal.  Memory is copied by a fork. */
static int get_secret(const struct ifs_options *opts, char **secret_r)
{
	const struct ifs_remote_options *remote = &opts->remote;
	struct ifs_secret_source from = { .user = remote->account.user,
					  .host = remote->account.host,
					  .passcmd = remote->passcmd,
					  .netrc = remote->netrc,
					  .may_ask = true };
	char *error = NULL;
	int ret = ifs_secret_get(&from, secret_r, &error);

	return ret == 0 ? 0 : fail(ret, error);
}

int main(int argc, char *argv[])
{
	struct ifs_options opts;
	char *secret = NULL;
	int ret;

	if (!has_standard_descriptors())
		return EX_OSERR;
	if (ifs_control_is(argc, argv))
		return ifs_control(argc, argv);
	ret = ifs_options_parse(&opts, argc, argv);
	if (ret == 0 && ifs_options_are_remote(&opts))
		ret = get_secret(&opts, &secret);
	if (ret == 0)
		ret = opts.foreground ? run(&opts, secret, -1)
				      : run_as_daemon(&opts, secret);
	else if (ret < 0)
		ret = EX_OK;
	ifs_secret_free(&secret);
	ifs_options_free(&opts);
	return ret;
}
