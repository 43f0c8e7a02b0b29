/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The place of a store: its directory, its files, and what we refuse of them.
 *
 * Whoever can write into the directory could put a symbolic link where a file
 * of ours should be, or a file of theirs; hence the questions about owners and
 * kinds.  SQLite's files are only ever looked at from outside: closing a
 * descriptor of store.db would drop the locks that SQLite has on it.
 */
#include "common/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FS_FUSE 0x65735546
#define DB_SIZE_MIN 4096 /* one page; a new store has more */

/* From the kernel's headers; not all of them are in linux/magic.h. */
static const struct {
	uint64_t magic;
	const char *name;
} refused_fs[] = {
	{ 0x6969, "NFS" },        { 0x517b, "SMB" },
	{ 0xff534d42, "SMB" },    { 0xfe534d42, "SMB" },
	{ 0x01021997, "9p" },     { 0x5346414f, "AFS" },
	{ 0x6b414653, "AFS" },    { 0x73757245, "Coda" },
	{ 0x564c, "NCP" },        { 0x00c36400, "Ceph" },
	{ 0x0bd00bd0, "Lustre" }, { 0x47504653, "GPFS" },
	{ 0x19830326, "BeeGFS" }, { 0x7461636f, "OCFS2" },
	{ 0x01161970, "GFS2" },   { 0xaad7aaea, "PanFS" },
	{ 0x61636673, "ACFS" },   { 0xbeefdead, "SNFS" },
	{ 0x786f4256, "vboxsf" }, { 0xbacbacbc, "vmhgfs" },
	{ 0x7c7c6673, "prl_fs" },
};

/* FUSE file systems that keep their files on this machine. */
static const char *const local_fuse[] = {
	"fuseblk",        "virtiofs",      "fuse.fuse-overlayfs",
	"fuse.overlayfs", "fuse.ntfs-3g",  "fuse.exfat",
	"fuse.gocryptfs", "fuse.encfs",    "fuse.cryfs",
	"fuse.securefs",  "fuse.mergerfs", "fuse.bindfs",
	"fuse.zfs-fuse",  "fuse.bcachefs",
};

const char *sqb_fs_refused(uint64_t magic, const char *mount_type)
{
	size_t i;

	for (i = 0; i < sizeof(refused_fs) / sizeof(*refused_fs); i++) {
		if (refused_fs[i].magic == magic)
			return refused_fs[i].name;
	}
	if (magic != FS_FUSE)
		return NULL;
	if (mount_type == NULL)
		return "FUSE";
	for (i = 0; i < sizeof(local_fuse) / sizeof(*local_fuse); i++) {
		if (strcmp(local_fuse[i], mount_type) == 0)
			return NULL;
	}
	return mount_type;
}

/* One line of mountinfo: "36 35 98:0 /root /mount opts tags - type source". */
static bool mount_type_in_line(const char *line, dev_t dev,
			       char type_r[SQB_MOUNT_TYPE_SIZE])
{
	const char *tail = strstr(line, " - ");
	char device[32];
	size_t len;

	(void)snprintf(device, sizeof(device), " %u:%u ", major(dev),
		       minor(dev));
	if (tail == NULL || strstr(line, device) == NULL)
		return false;
	tail += 3;
	len = strcspn(tail, " \n");
	if (len >= SQB_MOUNT_TYPE_SIZE)
		len = SQB_MOUNT_TYPE_SIZE - 1;
	memcpy(type_r, tail, len);
	type_r[len] = '\0';
	return true;
}

bool sqb_fs_mount_type(dev_t dev, char type_r[SQB_MOUNT_TYPE_SIZE])
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	if (mounts == NULL)
		return false;
	while (!found && getline(&line, &size, mounts) >= 0)
		found = mount_type_in_line(line, dev, type_r);
	free(line);
	(void)fclose(mounts);
	return found;
}

static enum sqb_err check_file_system(struct sqb_store *st, dev_t dev)
{
	struct statfs fs;
	char type[SQB_MOUNT_TYPE_SIZE];
	const char *refused;
	uint64_t magic;

	if (fstatfs(st->dir_fd, &fs) < 0)
		return sqb_fail_errno(st, "%s: statfs", st->dir);
	magic = (uint64_t)fs.f_type & 0xffffffff;
	refused = sqb_fs_refused(
		magic,
		magic == FS_FUSE && sqb_fs_mount_type(dev, type) ? type : NULL);
	if (refused == NULL)
		return SQB_OK;
	return sqb_fail(st, SQB_NOTOURS,
			"%s is on a file system (%s) that does not keep the "
			"locks and the shared memory a store needs: put it on "
			"a disk of this machine",
			st->dir, refused);
}

static enum sqb_err check_owner(struct sqb_store *st, const char *path,
				const struct stat *info)
{
	if (info->st_uid == geteuid())
		return SQB_OK;
	return sqb_fail(st, SQB_DENIED,
			"%s belongs to user %u, but this process runs as user "
			"%u",
			path, (unsigned int)info->st_uid,
			(unsigned int)geteuid());
}

static enum sqb_err check_file(struct sqb_store *st, const char *name,
			       const struct stat *info)
{
	char *path = sqb_xasprintf("%s/%s", st->dir, name);
	enum sqb_err err;

	if (S_ISREG(info->st_mode))
		err = check_owner(st, path, info);
	else
		err = sqb_fail(st, SQB_DENIED, "%s is %s, not a regular file",
			       path,
			       S_ISLNK(info->st_mode) ? "a symbolic link"
						      : "something else");
	free(path);
	return err;
}

enum sqb_err sqb_fs_sync(struct sqb_store *st, int dir_fd, const char *dir,
			 const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	enum sqb_err err = SQB_OK;

	if (fd < 0)
		return sqb_fail_errno(st, "%s/%s: open", dir, name);
	if (fsync(fd) < 0)
		err = sqb_fail_errno(st, "%s/%s: fsync", dir, name);
	(void)close(fd);
	return err;
}

/* The path without links; *made_r if the directory had to be made. */
static enum sqb_err resolve_dir(struct sqb_store *st, const char *dir,
				bool create, bool *made_r)
{
	*made_r = false;
	st->dir = realpath(dir, NULL);
	if (st->dir == NULL && errno == ENOENT && create) {
		if (mkdir(dir, 0700) == 0)
			*made_r = true;
		else if (errno != EEXIST)
			return sqb_fail_errno(st, "cannot make directory %s",
					      dir);
		st->dir = realpath(dir, NULL);
	} else if (st->dir == NULL && errno == ENOENT) {
		return sqb_fail(st, SQB_NOTFOUND, "there is no directory %s",
				dir);
	}
	if (st->dir == NULL)
		return sqb_fail_errno(st, "%s", dir);
	return SQB_OK;
}

enum sqb_err sqb_fs_open_dir(struct sqb_store *st, const char *dir, bool create)
{
	struct stat info;
	enum sqb_err err;
	bool made;

	err = resolve_dir(st, dir, create, &made);
	if (err != SQB_OK)
		return err;
	st->dir_fd =
		open(st->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (st->dir_fd < 0 || fstat(st->dir_fd, &info) < 0)
		return sqb_fail_errno(st, "%s", st->dir);
	err = check_owner(st, st->dir, &info);
	if (err == SQB_OK && (info.st_mode & S_IWOTH) != 0)
		err = sqb_fail(st, SQB_DENIED,
			       "everybody may write into %s: try "
			       "\"chmod 700 %s\"",
			       st->dir, st->dir);
	if (err == SQB_OK)
		err = check_file_system(st, info.st_dev);
	if (err == SQB_OK && made)
		err = sqb_fs_sync(st, st->dir_fd, st->dir, "..");
	return err;
}

enum sqb_err sqb_fs_open_file(struct sqb_store *st, const char *name, int *fd_r)
{
	struct stat info;
	enum sqb_err err;
	int fd;

	/* O_NONBLOCK: should it be a FIFO, do not wait for its other end. */
	fd = openat(st->dir_fd, name,
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return sqb_fail_errno(st, "%s/%s: open", st->dir, name);
	if (fstat(fd, &info) < 0)
		err = sqb_fail_errno(st, "%s/%s: stat", st->dir, name);
	else
		err = check_file(st, name, &info);
	if (err == SQB_OK)
		*fd_r = fd;
	else
		(void)close(fd);
	return err;
}

/* SQB_NOTFOUND: there is none. */
static enum sqb_err look_at(struct sqb_store *st, const char *name,
			    struct stat *info_r)
{
	if (fstatat(st->dir_fd, name, info_r, AT_SYMLINK_NOFOLLOW) == 0)
		return check_file(st, name, info_r);
	if (errno == ENOENT)
		return SQB_NOTFOUND;
	return sqb_fail_errno(st, "%s/%s: stat", st->dir, name);
}

/*
 * A store comes into being by rename (migrate.c), so an empty store.db, or a
 * WAL alone, is never one that is being made.
 */
enum sqb_err sqb_fs_check_db(struct sqb_store *st)
{
	struct stat db = { 0 }, wal = { 0 }, shm;
	enum sqb_err db_err, err;

	db_err = look_at(st, "store.db", &db);
	if (db_err != SQB_OK && db_err != SQB_NOTFOUND)
		return db_err;
	err = look_at(st, "store.db-wal", &wal);
	if (err != SQB_OK && err != SQB_NOTFOUND)
		return err;
	if (db_err == SQB_NOTFOUND && wal.st_size > 0)
		return sqb_fail(st, SQB_CORRUPT,
				"%s is gone, but its log store.db-wal is "
				"there: put both back from a backup, or move "
				"the log away to begin a new store",
				st->db_path);
	if (db_err == SQB_NOTFOUND)
		return SQB_NOTFOUND;
	if (db.st_size < DB_SIZE_MIN)
		return sqb_fail(st, SQB_CORRUPT,
				"%s is %s: its mail has been lost; restore it "
				"from a backup, or move it away to begin a "
				"new store",
				st->db_path,
				db.st_size == 0 ? "empty" : "cut short");
	err = look_at(st, "store.db-shm", &shm);
	return err == SQB_NOTFOUND ? SQB_OK : err;
}
