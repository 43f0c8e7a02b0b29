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

#define THREADS_MAX 10

/* What the daemon tells the process that was started: its exit code. */
static void tell(int fd, int code)
{
	ssize_t ignored;

	if (fd < 0)
		return;
	ignored = write(fd, &code, sizeof(code));
	(void)ignored;
	(void)close(fd);
}

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

static void leave_terminal(struct ifs_fs *fs)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd >= 0) {
		(void)dup2(fd, STDIN_FILENO);
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		if (fd > STDERR_FILENO)
			(void)close(fd);
	}
	ifs_log_use_syslog(fs->log);
}

/* Mounted: serve until it is unmounted, or told to end. */
static int serve(struct ifs_fs *fs, int tell_fd)
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
		if (tell_fd >= 0) {
			tell(tell_fd, EX_OK);
			leave_terminal(fs);
		}
		ret = run_loop(fs);
		ifs_inval_stop(fs);
	}
	fuse_remove_signal_handlers(fs->session);
	return ret;
}

static int mount_and_serve(struct ifs_fs *fs, struct ifs_options *opts,
			   int tell_fd)
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
	ret = serve(fs, tell_fd);
	fuse_session_unmount(fs->session);
	fuse_session_destroy(fs->session);
	return ret;
}

static int run(struct ifs_options *opts, int tell_fd)
{
	struct ifs_fs fs = { 0 };
	char *error = NULL;
	int ret = ifs_fs_init(&fs, opts, &error);

	if (ret != EX_OK) {
		fprintf(stderr, "imapfs: %s\n", error);
		free(error);
	} else {
		ret = mount_and_serve(&fs, opts, tell_fd);
		ifs_fs_deinit(&fs);
	}
	return ret;
}

/*
 * SQLite handles and threads do not survive a fork: all that is opened is
 * opened in the child.  The parent ends when the child says that the mount is
 * there, or when it has ended.
 */
static int daemonise(struct ifs_options *opts)
{
	int fds[2], code = EX_OSERR;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		fprintf(stderr, "imapfs: %s\n", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0) {
		(void)close(fds[0]);
		(void)setsid();
		code = run(opts, fds[1]);
		tell(fds[1], code);
		return code;
	}
	(void)close(fds[1]);
	if (read(fds[0], &code, sizeof(code)) != (ssize_t)sizeof(code))
		code = EX_SOFTWARE;
	(void)close(fds[0]);
	return code;
}

int main(int argc, char *argv[])
{
	struct ifs_options opts;
	int ret = ifs_options_parse(&opts, argc, argv);

	if (ret == 0)
		ret = opts.foreground ? run(&opts, -1) : daemonise(&opts);
	else if (ret < 0)
		ret = EX_OK;
	ifs_options_free(&opts);
	return ret;
}
