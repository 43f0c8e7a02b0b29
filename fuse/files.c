/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/files.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/draft.h"
#include "fuse/files-private.h"
#include "fuse/inode.h"

#define FIRST_LOCAL_INO 2

struct ifs_files *ifs_files_new(void)
{
	struct ifs_files *files = sqb_xcalloc(1, sizeof(*files));

	(void)pthread_mutex_init(&files->lock, NULL);
	files->next_ino = FIRST_LOCAL_INO;
	ifs_table_init(files, 0);
	return files;
}

static void destroy(struct ifs_file *file)
{
	ifs_draft_free(&file->draft);
	(void)pthread_mutex_destroy(&file->lock);
	free(file->name);
	free(file->flags);
	free(file);
}

void ifs_files_free(struct ifs_files **files_p)
{
	struct ifs_files *files = *files_p;
	struct ifs_file *file, *next;
	size_t i;

	if (files == NULL)
		return;
	*files_p = NULL;
	for (i = 0; i < files->buckets; i++) {
		for (file = files->by_ino[i]; file != NULL; file = next) {
			next = file->next_ino;
			destroy(file);
		}
	}
	free(files->by_ino);
	free(files->by_name);
	free(files->by_message);
	(void)pthread_mutex_destroy(&files->lock);
	free(files);
}

/* The functions below are called with the lock held, down to "Locked". */

static struct ifs_file *hold(struct ifs_file *file)
{
	if (file != NULL)
		file->holds++;
	return file;
}

static struct ifs_file *add(struct ifs_files *files, fuse_ino_t ino)
{
	struct ifs_file *file = sqb_xcalloc(1, sizeof(*file));

	if (files->count == files->buckets)
		ifs_table_grow(files);
	file->ino = ino;
	file->mode = 0600;
	(void)clock_gettime(CLOCK_REALTIME, &file->mtime);
	(void)pthread_mutex_init(&file->lock, NULL);
	ifs_table_link_ino(files, file);
	files->count++;
	return file;
}

static bool is_alias(const struct ifs_file *file)
{
	return file->uid != 0 &&
	       file->ino != ifs_ino_message(file->box, file->uid);
}

static bool is_needed(const struct ifs_file *file)
{
	return file->holds > 0 || file->lookups > 0 || file->name != NULL ||
	       (file->more_lookups &&
		(is_alias(file) || file->stale || file->gone));
}

static void drop_if_unused(struct ifs_files *files, struct ifs_file *file)
{
	if (is_needed(file))
		return;
	ifs_table_unlink_message(files, file);
	ifs_table_unlink_ino(files, file);
	files->count--;
	destroy(file);
}

/* Locked: these take the lock. */

struct ifs_file *ifs_file_get(struct ifs_files *files, fuse_ino_t ino)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = hold(ifs_table_ino(files, ino));
	(void)pthread_mutex_unlock(&files->lock);
	return file;
}

struct ifs_file *ifs_file_named(struct ifs_files *files, fuse_ino_t dir,
				const char *name)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = hold(ifs_table_name(files, dir, name));
	(void)pthread_mutex_unlock(&files->lock);
	return file;
}

struct ifs_file *ifs_file_next(struct ifs_files *files, fuse_ino_t dir,
			       fuse_ino_t after)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = ifs_table_ino(files, after);
	if (file == NULL || file->name == NULL)
		file = files->first;
	while (file != NULL && (file->dir != dir || file->ino <= after))
		file = file->next_scratch;
	(void)hold(file);
	(void)pthread_mutex_unlock(&files->lock);
	return file;
}

bool ifs_files_any(struct ifs_files *files, fuse_ino_t dir)
{
	struct ifs_file *file = ifs_file_next(files, dir, 0);
	bool any = file != NULL;

	ifs_file_put(files, &file);
	return any;
}

struct ifs_file *ifs_file_new(struct ifs_files *files, fuse_ino_t dir,
			      const char *name)
{
	struct ifs_file *file = NULL;

	(void)pthread_mutex_lock(&files->lock);
	if (ifs_table_name(files, dir, name) == NULL) {
		while (ifs_table_ino(files, files->next_ino) != NULL ||
		       ifs_node_kind(files->next_ino) != IFS_NODE_LOCAL)
			files->next_ino = files->next_ino > UINT32_MAX
						  ? FIRST_LOCAL_INO
						  : files->next_ino + 1;
		file = hold(add(files, files->next_ino++));
		ifs_table_set_name(files, file, dir, name);
	}
	(void)pthread_mutex_unlock(&files->lock);
	return file;
}

static void set_message(struct ifs_files *files, struct ifs_file *file,
			struct sqb_mailbox_id box, uint32_t uid)
{
	ifs_table_unlink_name(files, file);
	ifs_table_unlink_message(files, file);
	file->box = box;
	file->uid = uid;
	if (uid != 0)
		ifs_table_link_message(files, file);
	if (files->coming == file)
		files->coming = NULL;
	files->moves++;
}

static struct ifs_file *make_of_message(struct ifs_files *files,
					struct sqb_mailbox_id box, uint32_t uid)
{
	fuse_ino_t ino = ifs_ino_message(box, uid);
	struct ifs_file *file = ifs_table_message(files, box, uid);

	if (file == NULL && (file = ifs_table_ino(files, ino)) == NULL) {
		file = add(files, ino);
		file->more_lookups = true;
		set_message(files, file, box, uid);
	}
	return file;
}

struct ifs_file *ifs_file_of_message(struct ifs_files *files,
				     struct sqb_mailbox_id box, uint32_t uid)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = hold(make_of_message(files, box, uid));
	(void)pthread_mutex_unlock(&files->lock);
	return file;
}

void ifs_file_hold(struct ifs_files *files, struct ifs_file *file)
{
	(void)pthread_mutex_lock(&files->lock);
	(void)hold(file);
	(void)pthread_mutex_unlock(&files->lock);
}

void ifs_file_put(struct ifs_files *files, struct ifs_file **file_p)
{
	struct ifs_file *file = *file_p;

	if (file == NULL)
		return;
	*file_p = NULL;
	(void)pthread_mutex_lock(&files->lock);
	file->holds--;
	drop_if_unused(files, file);
	(void)pthread_mutex_unlock(&files->lock);
}

void ifs_file_coming(struct ifs_files *files, struct ifs_file *file,
		     struct sqb_mailbox_id box, uint32_t uid)
{
	(void)pthread_mutex_lock(&files->lock);
	files->coming = uid != 0 ? file : NULL;
	files->coming_box = box;
	files->coming_uid = uid;
	(void)pthread_mutex_unlock(&files->lock);
}

uint64_t ifs_files_moves(struct ifs_files *files)
{
	uint64_t moves;

	(void)pthread_mutex_lock(&files->lock);
	moves = files->moves;
	(void)pthread_mutex_unlock(&files->lock);
	return moves;
}

void ifs_file_set_message(struct ifs_files *files, struct ifs_file *file,
			  struct sqb_mailbox_id box, uint32_t uid)
{
	(void)pthread_mutex_lock(&files->lock);
	set_message(files, file, box, uid);
	(void)pthread_mutex_unlock(&files->lock);
}

void ifs_files_gone(struct ifs_files *files, struct sqb_mailbox_id box,
		    uint32_t uid, uint64_t size, int64_t date)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = make_of_message(files, box, uid);
	set_message(files, file, box, 0);
	file->gone = true;
	file->gone_size = size;
	file->gone_date = date;
	(void)pthread_mutex_unlock(&files->lock);
}

bool ifs_file_gone(struct ifs_files *files, const struct ifs_file *file,
		   uint64_t *size_r, int64_t *date_r)
{
	bool gone;

	(void)pthread_mutex_lock(&files->lock);
	gone = file->gone;
	*size_r = file->gone_size;
	*date_r = file->gone_date;
	(void)pthread_mutex_unlock(&files->lock);
	return gone;
}

void ifs_files_moved(struct ifs_files *files, struct sqb_mailbox_id box,
		     uint32_t uid, struct sqb_mailbox_id new_box,
		     uint32_t new_uid)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = make_of_message(files, box, uid);
	set_message(files, file, new_box, new_uid);
	(void)pthread_mutex_unlock(&files->lock);
}

bool ifs_file_rename(struct ifs_files *files, struct ifs_file *file,
		     fuse_ino_t dir, const char *name)
{
	struct ifs_file *other;

	(void)pthread_mutex_lock(&files->lock);
	other = ifs_table_name(files, dir, name);
	if (other == NULL) {
		ifs_table_unlink_name(files, file);
		ifs_table_set_name(files, file, dir, name);
	}
	(void)pthread_mutex_unlock(&files->lock);
	return other == NULL || other == file;
}

void ifs_file_unname(struct ifs_files *files, struct ifs_file *file)
{
	(void)pthread_mutex_lock(&files->lock);
	ifs_table_unlink_name(files, file);
	(void)pthread_mutex_unlock(&files->lock);
}

bool ifs_file_message(struct ifs_files *files, struct ifs_file *file,
		      struct sqb_mailbox_id *box_r, uint32_t *uid_r)
{
	(void)pthread_mutex_lock(&files->lock);
	*box_r = file->box;
	*uid_r = file->uid;
	(void)pthread_mutex_unlock(&files->lock);
	return *uid_r != 0;
}

char *ifs_file_place(struct ifs_files *files, struct ifs_file *file,
		     fuse_ino_t *dir_r)
{
	char *name = NULL;

	(void)pthread_mutex_lock(&files->lock);
	*dir_r = file->dir;
	if (file->name != NULL)
		name = sqb_xstrdup(file->name);
	(void)pthread_mutex_unlock(&files->lock);
	return name;
}

char *ifs_file_name(struct ifs_files *files, struct ifs_file *file,
		    fuse_ino_t dir)
{
	fuse_ino_t its_dir;
	char *name = ifs_file_place(files, file, &its_dir);

	if (its_dir == dir)
		return name;
	free(name);
	return NULL;
}

bool ifs_file_in_use(struct ifs_files *files, fuse_ino_t ino)
{
	struct ifs_file *file;
	bool in_use;

	(void)pthread_mutex_lock(&files->lock);
	file = files->count > 0 ? ifs_table_ino(files, ino) : NULL;
	in_use = file != NULL && file->holds > 0;
	(void)pthread_mutex_unlock(&files->lock);
	return in_use;
}

bool ifs_message_of_ino(struct ifs_files *files, fuse_ino_t ino,
			struct sqb_mailbox_id *box_r, uint32_t *uid_r)
{
	struct ifs_file *file;

	*box_r = ifs_ino_box(ino);
	*uid_r = ifs_ino_uid(ino);
	(void)pthread_mutex_lock(&files->lock);
	file = files->count > 0 ? ifs_table_ino(files, ino) : NULL;
	if (file != NULL) {
		*box_r = file->box;
		*uid_r = file->uid;
	}
	(void)pthread_mutex_unlock(&files->lock);
	return (file != NULL || ifs_node_kind(ino) == IFS_NODE_MESSAGE) &&
	       *uid_r != 0;
}

fuse_ino_t ifs_ino_of_message(struct ifs_files *files,
			      struct sqb_mailbox_id box, uint32_t uid)
{
	fuse_ino_t ino = ifs_ino_message(box, uid);
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = files->count > 0 ? ifs_table_message(files, box, uid) : NULL;
	if (file != NULL)
		ino = file->ino;
	(void)pthread_mutex_unlock(&files->lock);
	return ino;
}

void ifs_files_lookup(struct ifs_files *files, fuse_ino_t ino)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = files->count > 0 ? ifs_table_ino(files, ino) : NULL;
	if (file != NULL)
		file->lookups++;
	(void)pthread_mutex_unlock(&files->lock);
}

/*
 * Of a message that had been looked up before it came in here there is more to
 * be forgotten than was counted.  The kernel forgets all at once, but for the
 * look-ups it finds no use for.
 */
void ifs_files_forget(struct ifs_files *files, fuse_ino_t ino, uint64_t lookups)
{
	struct ifs_file *file;

	(void)pthread_mutex_lock(&files->lock);
	file = files->count > 0 ? ifs_table_ino(files, ino) : NULL;
	if (file != NULL) {
		if (lookups > file->lookups)
			file->more_lookups = false;
		file->lookups -=
			lookups < file->lookups ? lookups : file->lookups;
		drop_if_unused(files, file);
	}
	(void)pthread_mutex_unlock(&files->lock);
}

unsigned int ifs_files_scratch(struct ifs_files *files)
{
	unsigned int scratch;

	(void)pthread_mutex_lock(&files->lock);
	scratch = files->scratch;
	(void)pthread_mutex_unlock(&files->lock);
	return scratch;
}
