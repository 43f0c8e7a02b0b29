/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/ops.h"

#include <fcntl.h>
#include <unistd.h>

#include "fuse/copy.h"
#include "fuse/dir.h"
#include "fuse/fs.h"
#include "fuse/log.h"
#include "fuse/make.h"
#include "fuse/read.h"
#include "fuse/ready.h"
#include "fuse/remove.h"
#include "fuse/rename.h"
#include "fuse/setattr.h"
#include "fuse/write.h"
#include "fuse/xattr.h"

/* Whoever started us as a daemon may go on using it. */
static void leave_terminal(struct ifs_fs *fs)
{
	int fd;

	if (fs->opts->foreground)
		return;
	ifs_log_use_syslog(fs->log);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	(void)dup2(fd, STDERR_FILENO);
	(void)close(fd);
}

/* What the kernel offers and we want; the reasons are in DESIGN.md. */
static void init(void *userdata, struct fuse_conn_info *conn)
{
	struct ifs_fs *fs = userdata;

	conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
	conn->want &= ~(unsigned int)FUSE_CAP_READDIRPLUS_AUTO;
	conn->want &= ~(unsigned int)FUSE_CAP_AUTO_INVAL_DATA;
	conn->want &= ~(unsigned int)FUSE_CAP_WRITEBACK_CACHE;
	conn->want |= conn->capable & FUSE_CAP_ATOMIC_O_TRUNC;
	conn->want |= conn->capable & FUSE_CAP_PARALLEL_DIROPS;
	conn->want |= conn->capable & FUSE_CAP_NO_OPEN_SUPPORT;
	conn->want |= conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	leave_terminal(fs);
	ifs_ready_tell(fs->ready, 0);
}

const struct fuse_lowlevel_ops ifs_ops = {
	.init = init,

	.lookup = ifs_lookup,
	.forget = ifs_forget,
	.forget_multi = ifs_forget_multi,
	.getattr = ifs_getattr,
	.setattr = ifs_setattr,
	.opendir = ifs_opendir,
	.readdir = ifs_readdir,
	.readdirplus = ifs_readdirplus,
	.releasedir = ifs_releasedir,
	.statfs = ifs_statfs,

	.mkdir = ifs_mkdir,
	.symlink = ifs_symlink,
	.link = ifs_link,
	.unlink = ifs_unlink,
	.rmdir = ifs_rmdir,
	.rename = ifs_rename,

	.getxattr = ifs_getxattr,
	.listxattr = ifs_listxattr,
	.setxattr = ifs_setxattr,
	.removexattr = ifs_removexattr,

	.open = ifs_open,
	.read = ifs_read,
	.release = ifs_release,

	.create = ifs_create,
	.mknod = ifs_mknod,
	.write = ifs_write,
	.flush = ifs_flush,
	.fsync = ifs_fsync,
	.fsyncdir = ifs_fsyncdir,
	.fallocate = ifs_fallocate,
	.copy_file_range = ifs_copy_file_range,
};
