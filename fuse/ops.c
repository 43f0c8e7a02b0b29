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
#include "fuse/replica.h"
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

/* Each request that is of interest is counted, then answered. */
#define COUNTED(op, request, parameters, ...) \
	static void count_##op parameters \
	{ \
		ifs_count(&ifs_fs_of(req)->counts, IFS_REQUEST_##request); \
		ifs_##op(__VA_ARGS__); \
	}
COUNTED(lookup, LOOKUP, (fuse_req_t req, fuse_ino_t parent, const char *name),
	req, parent, name)
COUNTED(forget, FORGET, (fuse_req_t req, fuse_ino_t ino, uint64_t lookups), req,
	ino, lookups)
COUNTED(forget_multi, FORGET,
	(fuse_req_t req, size_t count, struct fuse_forget_data *forgets), req,
	count, forgets)
COUNTED(getattr, GETATTR,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino,
	fi)
COUNTED(setattr, SETATTR,
	(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which,
	 struct fuse_file_info *fi),
	req, ino, attr, which, fi)
COUNTED(opendir, OPENDIR,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino,
	fi)
COUNTED(readdir, READDIR,
	(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	 struct fuse_file_info *fi),
	req, ino, size, offset, fi)
COUNTED(readdirplus, READDIRPLUS,
	(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	 struct fuse_file_info *fi),
	req, ino, size, offset, fi)
COUNTED(open, OPEN, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi),
	req, ino, fi)
COUNTED(read, READ,
	(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	 struct fuse_file_info *fi),
	req, ino, size, offset, fi)
COUNTED(release, RELEASE,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino,
	fi)
COUNTED(getxattr, GETXATTR,
	(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size), req,
	ino, name, size)
COUNTED(listxattr, LISTXATTR, (fuse_req_t req, fuse_ino_t ino, size_t size),
	req, ino, size)
COUNTED(create, CREATE,
	(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	 struct fuse_file_info *fi),
	req, parent, name, mode, fi)
COUNTED(write, WRITE,
	(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
	 off_t offset, struct fuse_file_info *fi),
	req, ino, data, size, offset, fi)
COUNTED(flush, FLUSH,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino,
	fi)
COUNTED(fsync, FSYNC,
	(fuse_req_t req, fuse_ino_t ino, int datasync,
	 struct fuse_file_info *fi),
	req, ino, datasync, fi)
COUNTED(unlink, UNLINK, (fuse_req_t req, fuse_ino_t parent, const char *name),
	req, parent, name)
COUNTED(copy_file_range, COPY_FILE_RANGE,
	(fuse_req_t req, fuse_ino_t from, off_t from_offset,
	 struct fuse_file_info *from_fi, fuse_ino_t to, off_t to_offset,
	 struct fuse_file_info *to_fi, size_t size, int flags),
	req, from, from_offset, from_fi, to, to_offset, to_fi, size, flags)
COUNTED(rename, RENAME,
	(fuse_req_t req, fuse_ino_t parent, const char *name,
	 fuse_ino_t new_parent, const char *new_name, unsigned int flags),
	req, parent, name, new_parent, new_name, flags)

const struct fuse_lowlevel_ops ifs_ops = {
	.init = init,

	.lookup = count_lookup,
	.forget = count_forget,
	.forget_multi = count_forget_multi,
	.getattr = count_getattr,
	.setattr = count_setattr,
	.opendir = count_opendir,
	.readdir = count_readdir,
	.readdirplus = count_readdirplus,
	.releasedir = ifs_releasedir,
	.statfs = ifs_statfs,

	.mkdir = ifs_mkdir,
	.symlink = ifs_symlink,
	.link = ifs_link,
	.unlink = count_unlink,
	.rmdir = ifs_rmdir,
	.rename = count_rename,

	.getxattr = count_getxattr,
	.listxattr = count_listxattr,
	.setxattr = ifs_setxattr,
	.removexattr = ifs_removexattr,

	.open = count_open,
	.read = count_read,
	.release = count_release,

	.create = count_create,
	.mknod = ifs_mknod,
	.write = count_write,
	.flush = count_flush,
	.fsync = count_fsync,
	.fsyncdir = ifs_fsyncdir,
	.fallocate = ifs_fallocate,
	.copy_file_range = count_copy_file_range,
	.ioctl = ifs_ioctl,
};
