/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/handle.h"

#include <errno.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/mem.h"
#include "fuse/attr.h"
#include "fuse/commit.h"
#include "fuse/ifs-error.h"
#include "fuse/inode.h"

#define PIECE 131072

struct ifs_handle *ifs_handle_new(struct ifs_fs *fs, fuse_ino_t ino,
				  struct ifs_file *file, bool writable)
{
	struct ifs_handle *handle = sqb_xcalloc(1, sizeof(*handle));

	handle->refs = 1;
	handle->ino = ino;
	handle->file = file;
	handle->writable = writable;
	(void)pthread_mutex_init(&handle->lock, NULL);
	if (file != NULL)
		ifs_file_hold(fs->files, file);
	if (file != NULL && writable) {
		(void)pthread_mutex_lock(&file->lock);
		file->writers++;
		(void)pthread_mutex_unlock(&file->lock);
	}
	(void)pthread_mutex_lock(&fs->handles_lock);
	handle->next = fs->handles;
	if (handle->next != NULL)
		handle->next->prev = handle;
	fs->handles = handle;
	(void)pthread_mutex_unlock(&fs->handles_lock);
	return handle;
}

static void close_reader(struct ifs_fs *fs, struct ifs_handle *handle)
{
	if (handle->reader == NULL)
		return;
	(void)ifs_read_begin(fs);
	sqb_file_close(&handle->reader);
	ifs_read_end(fs);
}

/* Out of the list, if nobody else has a use for it. */
static bool unref(struct ifs_fs *fs, struct ifs_handle *handle)
{
	bool last;

	(void)pthread_mutex_lock(&fs->handles_lock);
	last = --handle->refs == 0;
	if (last && handle->next != NULL)
		handle->next->prev = handle->prev;
	if (last && handle->prev != NULL)
		handle->prev->next = handle->next;
	else if (last)
		fs->handles = handle->next;
	(void)pthread_mutex_unlock(&fs->handles_lock);
	return last;
}

void ifs_handle_free(struct ifs_fs *fs, struct ifs_handle **handle_p)
{
	struct ifs_handle *handle = *handle_p;

	*handle_p = NULL;
	if (handle == NULL || !unref(fs, handle))
		return;
	/* All reads are over: the lock shows that they were before this. */
	(void)pthread_mutex_lock(&handle->lock);
	close_reader(fs, handle);
	ifs_draft_free(&handle->kept);
	(void)pthread_mutex_unlock(&handle->lock);
	if (handle->writable)
		ifs_writer_gone(fs, handle->file);
	ifs_file_put(fs->files, &handle->file);
	(void)pthread_mutex_destroy(&handle->lock);
	free(handle);
}

/* Open what the number is now, unless that is open already. */
static int open_reader(struct ifs_fs *fs, struct ifs_handle *handle)
{
	struct sqb_message msg = { 0 };
	struct sqb_mailbox_id box;
	struct sqb_store *st;
	enum sqb_err err;
	uint32_t uid;
	int ret;

	if (!ifs_message_of_ino(fs->files, handle->ino, &box, &uid))
		return handle->reader != NULL ? 0 : ESTALE;
	if (handle->reader != NULL && handle->box.n == box.n &&
	    handle->uid == uid)
		return 0;
	close_reader(fs, handle);
	st = ifs_read_begin(fs);
	err = sqb_message_get(st, box, uid, &msg);
	if (err == SQB_OK)
		err = sqb_file_open(st, box, uid, &handle->reader);
	/* It was there when the handle was made. */
	ret = err == SQB_NOTFOUND ? ESTALE : ifs_errno(fs, st, err);
	ifs_read_end(fs);
	handle->box = box;
	handle->uid = uid;
	handle->date = msg.date;
	return ret;
}

static int read_stored(struct ifs_fs *fs, struct ifs_handle *handle,
		       uint64_t offset, void *buf, size_t size, size_t *got_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	enum sqb_err err =
		sqb_file_read(handle->reader, offset, buf, size, got_r);
	int ret = err == SQB_NOTFOUND ? ESTALE : ifs_errno(fs, st, err);

	ifs_read_end(fs);
	return ret;
}

int ifs_handle_read(struct ifs_fs *fs, struct ifs_handle *handle,
		    uint64_t offset, void *buf, size_t size, size_t *got_r)
{
	int ret;

	(void)pthread_mutex_lock(&handle->lock);
	if (handle->kept != NULL) {
		ret = ifs_draft_read(handle->kept, offset, buf, size, got_r);
	} else {
		ret = open_reader(fs, handle);
		if (ret == 0)
			ret = read_stored(fs, handle, offset, buf, size, got_r);
	}
	(void)pthread_mutex_unlock(&handle->lock);
	return ret;
}

/* A small one is in the reader's memory as a whole. */
static int keep(struct ifs_fs *fs, struct ifs_handle *handle)
{
	struct ifs_draft *copy;
	uint64_t offset = 0;
	size_t got = 1;
	int ret = open_reader(fs, handle);
	char *buf;

	if (ret != 0 || handle->kept != NULL ||
	    sqb_file_size(handle->reader) <= SQB_BODY_CHUNK / 2)
		return ret;
	buf = sqb_xmalloc(PIECE);
	copy = ifs_draft_new(&fs->space);
	while (ret == 0 && got > 0) {
		ret = read_stored(fs, handle, offset, buf, PIECE, &got);
		if (ret == 0)
			ret = ifs_draft_write(copy, offset, buf, got);
		offset += got;
	}
	free(buf);
	if (ret == 0)
		handle->kept = copy;
	else
		ifs_draft_free(&copy);
	return ret;
}

/* All handles of a number that are for reading: an array to free(). */
static size_t find_readers(struct ifs_fs *fs, fuse_ino_t ino,
			   struct ifs_handle ***list_r)
{
	struct ifs_handle **list = NULL, *handle;
	size_t count = 0, alloc = 0;

	(void)pthread_mutex_lock(&fs->handles_lock);
	for (handle = fs->handles; handle != NULL; handle = handle->next) {
		if (handle->ino != ino || handle->writable)
			continue;
		list = sqb_xgrow(list, count, &alloc, sizeof(*list));
		list[count++] = handle;
		handle->refs++;
	}
	(void)pthread_mutex_unlock(&fs->handles_lock);
	*list_r = list;
	return count;
}

static void keep_for_writers(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct ifs_file *file = ifs_file_get(fs->files, ino);

	if (file == NULL)
		return;
	(void)pthread_mutex_lock(&file->lock);
	if (file->writers > 0)
		(void)ifs_make_draft(fs, file);
	(void)pthread_mutex_unlock(&file->lock);
	ifs_file_put(fs->files, &file);
}

/* What could not be kept is ESTALE when it is read. */
void ifs_handles_keep(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct ifs_handle **list;
	size_t i, count = find_readers(fs, ino, &list);

	keep_for_writers(fs, ino);
	for (i = 0; i < count; i++) {
		(void)pthread_mutex_lock(&list[i]->lock);
		(void)keep(fs, list[i]);
		(void)pthread_mutex_unlock(&list[i]->lock);
		ifs_handle_free(fs, &list[i]);
	}
	free(list);
}

unsigned int ifs_handles_count(struct ifs_fs *fs)
{
	struct ifs_handle *handle;
	unsigned int count = 0;

	(void)pthread_mutex_lock(&fs->handles_lock);
	for (handle = fs->handles; handle != NULL; handle = handle->next)
		count++;
	(void)pthread_mutex_unlock(&fs->handles_lock);
	return count;
}

fuse_ino_t ifs_handles_next(struct ifs_fs *fs, fuse_ino_t after,
			    struct sqb_mailbox_id box, uint32_t uid_lo,
			    uint32_t uid_hi)
{
	struct sqb_mailbox_id its_box;
	struct ifs_handle *handle;
	fuse_ino_t ino = 0;
	uint32_t uid;

	(void)pthread_mutex_lock(&fs->handles_lock);
	for (handle = fs->handles; handle != NULL; handle = handle->next) {
		if (handle->ino > after && (ino == 0 || handle->ino < ino) &&
		    ifs_message_of_ino(fs->files, handle->ino, &its_box,
				       &uid) &&
		    its_box.n == box.n && uid >= uid_lo && uid <= uid_hi)
			ino = handle->ino;
	}
	(void)pthread_mutex_unlock(&fs->handles_lock);
	return ino;
}

bool ifs_handles_date(struct ifs_fs *fs, fuse_ino_t ino, int64_t *date_r)
{
	struct ifs_handle **list;
	size_t i, count = find_readers(fs, ino, &list);
	bool found = false;

	for (i = 0; i < count; i++) {
		(void)pthread_mutex_lock(&list[i]->lock);
		if (list[i]->reader != NULL) {
			*date_r = list[i]->date;
			found = true;
		}
		(void)pthread_mutex_unlock(&list[i]->lock);
		ifs_handle_free(fs, &list[i]);
	}
	free(list);
	return found;
}

static bool kept_size(struct ifs_handle *handle, uint64_t *size_r)
{
	bool open;

	(void)pthread_mutex_lock(&handle->lock);
	open = handle->kept != NULL || handle->reader != NULL;
	if (handle->kept != NULL)
		*size_r = ifs_draft_size(handle->kept);
	else if (open)
		*size_r = sqb_file_size(handle->reader);
	(void)pthread_mutex_unlock(&handle->lock);
	return open;
}

int ifs_handles_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	struct ifs_handle **list;
	size_t i, count = find_readers(fs, ino, &list);
	bool found = false;
	uint64_t size = 0;

	for (i = 0; i < count; i++) {
		found = found || kept_size(list[i], &size);
		ifs_handle_free(fs, &list[i]);
	}
	free(list);
	if (!found)
		return ENOENT;
	ifs_attr_made(fs, ino, S_IFREG | 0600, size, attr_r);
	attr_r->st_nlink = 0;
	return 0;
}
