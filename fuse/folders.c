/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/folders.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

struct folder {
	int64_t box;
	struct timespec mtime;
};

struct ifs_folders {
	pthread_mutex_t lock;
	struct folder *list; /* own; ascending by box */
	size_t count, alloc;
};

struct ifs_folders *ifs_folders_new(void)
{
	struct ifs_folders *folders = sqb_xcalloc(1, sizeof(*folders));

	(void)pthread_mutex_init(&folders->lock, NULL);
	return folders;
}

void ifs_folders_free(struct ifs_folders **folders_p)
{
	struct ifs_folders *folders = *folders_p;

	if (folders == NULL)
		return;
	*folders_p = NULL;
	(void)pthread_mutex_destroy(&folders->lock);
	free(folders->list);
	free(folders);
}

/* Where the box is, or would be. */
static size_t place(const struct ifs_folders *folders, int64_t box)
{
	size_t low = 0, high = folders->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (folders->list[middle].box < box)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct folder *find(struct ifs_folders *folders, int64_t box)
{
	size_t i = place(folders, box);

	if (i == folders->count || folders->list[i].box != box)
		return NULL;
	return &folders->list[i];
}

static struct folder *insert(struct ifs_folders *folders, int64_t box)
{
	size_t i = place(folders, box);

	folders->list = sqb_xgrow(folders->list, folders->count,
				  &folders->alloc, sizeof(*folders->list));
	memmove(&folders->list[i + 1], &folders->list[i],
		(folders->count - i) * sizeof(*folders->list));
	folders->count++;
	folders->list[i].box = box;
	return &folders->list[i];
}

void ifs_folder_set_mtime(struct ifs_fs *fs, struct sqb_mailbox_id box,
			  const struct timespec *mtime)
{
	struct ifs_folders *folders = fs->folders;
	struct folder *folder;

	(void)pthread_mutex_lock(&folders->lock);
	folder = find(folders, box.n);
	if (folder == NULL)
		folder = insert(folders, box.n);
	folder->mtime = *mtime;
	(void)pthread_mutex_unlock(&folders->lock);
}

void ifs_folder_touch(struct ifs_fs *fs, struct sqb_mailbox_id box)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ifs_folder_set_mtime(fs, box, &now);
}

bool ifs_folder_mtime(struct ifs_fs *fs, struct sqb_mailbox_id box,
		      struct timespec *mtime_r)
{
	struct ifs_folders *folders = fs->folders;
	struct folder *folder;

	(void)pthread_mutex_lock(&folders->lock);
	folder = find(folders, box.n);
	if (folder != NULL)
		*mtime_r = folder->mtime;
	(void)pthread_mutex_unlock(&folders->lock);
	return folder != NULL;
}
