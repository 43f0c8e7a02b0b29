/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/copy.h"

#include <errno.h>
#include <stdlib.h>

#include "common/mem.h"
#include "fuse/commit.h"
#include "fuse/draft.h"
#include "fuse/handle.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"
#include "fuse/read.h"
#include "fuse/replica.h"
#include "fuse/write.h"

#define PIECE 131072
#define PIECES_MAX 32 /* of one request */

struct copy {
	struct ifs_fs *fs;
	struct ifs_handle *in, *out;
	uint64_t off_in, off_out, len;
};

/* Is what is stored all there is to be copied?  Its size; 0: no. */
static uint64_t stored_size(const struct copy *c, struct sqb_mailbox_id *box_r,
			    uint32_t *uid_r)
{
	struct ifs_file *file = ifs_file_get(c->fs->files, c->in->ino);
	struct sqb_message msg = { 0 };
	struct sqb_store *st;
	bool dirty = false;

	if (file != NULL) {
		(void)pthread_mutex_lock(&file->lock);
		dirty = file->dirty;
		(void)pthread_mutex_unlock(&file->lock);
		ifs_file_put(c->fs->files, &file);
	}
	if (dirty ||
	    !ifs_message_of_ino(c->fs->files, c->in->ino, box_r, uid_r))
		return 0;
	st = ifs_read_begin(c->fs);
	if (sqb_message_get(st, *box_r, *uid_r, &msg) != SQB_OK)
		msg.psize = 0;
	ifs_read_end(c->fs);
	return msg.psize;
}

/* False: it is no case for COPY. */
static bool copy_message(const struct copy *c, size_t *done_r, int *ret_r)
{
	struct ifs_file *file = c->out->file;
	struct sqb_mailbox_id box;
	uint64_t size;
	uint32_t uid;
	bool can;

	if (c->off_in != 0 || c->off_out != 0)
		return false;
	size = stored_size(c, &box, &uid);
	if (size == 0 || size > c->len)
		return false;
	(void)pthread_mutex_lock(&file->lock);
	can = file->draft != NULL && ifs_draft_size(file->draft) == 0 &&
	      ifs_may_commit(c->fs, file);
	if (can)
		*ret_r = ifs_commit_copy(c->fs, file, box, uid);
	(void)pthread_mutex_unlock(&file->lock);
	*done_r = (size_t)size;
	return can;
}

static int copy_data(const struct copy *c, size_t *done_r)
{
	char *buf = sqb_xmalloc(PIECE);
	size_t done = 0, got = 1, want;
	int ret = 0, i;

	for (i = 0; ret == 0 && got > 0 && done < c->len && i < PIECES_MAX;
	     i++) {
		want = c->len - done < PIECE ? (size_t)(c->len - done) : PIECE;
		ret = ifs_read_at(c->fs, c->in->ino, c->in, c->off_in + done,
				  buf, want, &got);
		if (ret != 0 || got == 0)
			break;
		(void)pthread_mutex_lock(&c->out->file->lock);
		ret = ifs_write_at(c->fs, c->out->file, c->off_out + done, buf,
				   got, false);
		(void)pthread_mutex_unlock(&c->out->file->lock);
		if (ret == 0)
			done += got;
	}
	free(buf);
	*done_r = done;
	return done > 0 ? 0 : ret;
}

static int copy_once(const struct copy *c, size_t *done_r)
{
	int ret = 0;

	return copy_message(c, done_r, &ret) ? ret : copy_data(c, done_r);
}

/* Either may lack its message. */
static int copy(fuse_req_t req, const struct copy *c, size_t *done_r)
{
	int ret = copy_once(c, done_r);

	if (ifs_replica_fetch(req, c->in->ino, &ret))
		ret = copy_once(c, done_r);
	if (ifs_replica_fetch(req, c->out->ino, &ret))
		ret = copy_once(c, done_r);
	return ret;
}

void ifs_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			 struct fuse_file_info *fi_in, fuse_ino_t ino_out,
			 off_t off_out, struct fuse_file_info *fi_out,
			 size_t len, int flags)
{
	struct copy c = { .fs = ifs_fs_of(req),
			  .in = ifs_handle_of(fi_in),
			  .out = ifs_handle_of(fi_out),
			  .off_in = (uint64_t)off_in,
			  .off_out = (uint64_t)off_out,
			  .len = len };
	size_t done = 0;
	int ret = 0;

	(void)ino_out;
	/* Its handles are others; the kernel then reads and writes. */
	if (ifs_node_kind(ino_in) == IFS_NODE_HIDDEN)
		ret = EOPNOTSUPP;
	else if (c.in == NULL || c.out == NULL)
		ret = EBADF; /* only a read-only mount has none */
	else if (flags != 0 || !c.out->writable)
		ret = EINVAL;
	else
		ret = copy(req, &c, &done);
	if (ret != 0)
		(void)fuse_reply_err(req, ret);
	else
		(void)fuse_reply_write(req, done);
}
