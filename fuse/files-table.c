/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/files-private.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/inode.h"

#define FIRST_BUCKETS 64 /* a power of two */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	return x;
}

static uint64_t name_hash(fuse_ino_t dir, const char *name)
{
	uint64_t h = mix(dir);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return mix(h);
}

static struct ifs_file **ino_bucket(struct ifs_files *files, fuse_ino_t ino)
{
	return &files->by_ino[mix(ino) & (files->buckets - 1)];
}

static struct ifs_file **name_bucket(struct ifs_files *files, fuse_ino_t dir,
				     const char *name)
{
	return &files->by_name[name_hash(dir, name) & (files->buckets - 1)];
}

static struct ifs_file **message_bucket(struct ifs_files *files,
					struct sqb_mailbox_id box, uint32_t uid)
{
	return &files->by_message[mix(ifs_ino_message(box, uid)) &
				  (files->buckets - 1)];
}

static void link_name(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file **bucket = name_bucket(files, file->dir, file->name);

	file->next_name = *bucket;
	*bucket = file;
}

void ifs_table_link_message(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file **bucket = message_bucket(files, file->box, file->uid);

	file->next_message = *bucket;
	*bucket = file;
}

void ifs_table_link_ino(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file **bucket = ino_bucket(files, file->ino);

	file->next_ino = *bucket;
	*bucket = file;
}

/* The newest has the highest number, as a rule. */
static void link_scratch(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file *before = files->last;

	while (before != NULL && before->ino > file->ino)
		before = before->prev_scratch;
	file->prev_scratch = before;
	file->next_scratch =
		before != NULL ? before->next_scratch : files->first;
	if (file->next_scratch != NULL)
		file->next_scratch->prev_scratch = file;
	else
		files->last = file;
	if (before != NULL)
		before->next_scratch = file;
	else
		files->first = file;
	files->scratch++;
}

static void unlink_scratch(struct ifs_files *files, struct ifs_file *file)
{
	if (file->prev_scratch != NULL)
		file->prev_scratch->next_scratch = file->next_scratch;
	else
		files->first = file->next_scratch;
	if (file->next_scratch != NULL)
		file->next_scratch->prev_scratch = file->prev_scratch;
	else
		files->last = file->prev_scratch;
	files->scratch--;
}

void ifs_table_unlink_name(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file **p;

	if (file->name == NULL)
		return;
	p = name_bucket(files, file->dir, file->name);
	while (*p != file)
		p = &(*p)->next_name;
	*p = file->next_name;
	free(file->name);
	file->name = NULL;
	unlink_scratch(files, file);
}

void ifs_table_unlink_message(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file **p;

	if (file->uid == 0)
		return;
	p = message_bucket(files, file->box, file->uid);
	while (*p != file)
		p = &(*p)->next_message;
	*p = file->next_message;
	file->uid = 0;
}

void ifs_table_unlink_ino(struct ifs_files *files, struct ifs_file *file)
{
	struct ifs_file **p = ino_bucket(files, file->ino);

	while (*p != file)
		p = &(*p)->next_ino;
	*p = file->next_ino;
}

void ifs_table_init(struct ifs_files *files, size_t buckets)
{
	if (buckets == 0)
		buckets = FIRST_BUCKETS;
	files->buckets = buckets;
	files->by_ino = sqb_xcalloc(buckets, sizeof(*files->by_ino));
	files->by_name = sqb_xcalloc(buckets, sizeof(*files->by_name));
	files->by_message = sqb_xcalloc(buckets, sizeof(*files->by_message));
}

void ifs_table_grow(struct ifs_files *files)
{
	struct ifs_file **old = files->by_ino, *file, *next;
	size_t i, old_buckets = files->buckets;

	free(files->by_name);
	free(files->by_message);
	ifs_table_init(files, old_buckets * 2);
	for (i = 0; i < old_buckets; i++) {
		for (file = old[i]; file != NULL; file = next) {
			next = file->next_ino;
			ifs_table_link_ino(files, file);
			if (file->name != NULL)
				link_name(files, file);
			if (file->uid != 0)
				ifs_table_link_message(files, file);
		}
	}
	free(old);
}

struct ifs_file *ifs_table_ino(struct ifs_files *files, fuse_ino_t ino)
{
	struct ifs_file *file = *ino_bucket(files, ino);

	while (file != NULL && file->ino != ino)
		file = file->next_ino;
	return file;
}

struct ifs_file *ifs_table_name(struct ifs_files *files, fuse_ino_t dir,
				const char *name)
{
	struct ifs_file *file = *name_bucket(files, dir, name);

	while (file != NULL &&
	       (file->dir != dir || strcmp(file->name, name) != 0))
		file = file->next_name;
	return file;
}

struct ifs_file *ifs_table_message(struct ifs_files *files,
				   struct sqb_mailbox_id box, uint32_t uid)
{
	struct ifs_file *file = *message_bucket(files, box, uid);

	if (files->coming != NULL && files->coming_box.n == box.n &&
	    files->coming_uid == uid)
		return files->coming;
	while (file != NULL && (file->box.n != box.n || file->uid != uid))
		file = file->next_message;
	return file;
}

void ifs_table_set_name(struct ifs_files *files, struct ifs_file *file,
			fuse_ino_t dir, const char *name)
{
	file->dir = dir;
	file->name = sqb_xstrdup(name);
	link_name(files, file);
	link_scratch(files, file);
}
