/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/folders.h"

#include <stdlib.h>

#include "common/mem.h"
#include "fuse/sorted.h"

struct folder {
	int64_t box;
	struct timespec mtime;
};

struct ifs_folders {
	pthread_mutex_t lock;
	struct ifs_sorted list; /* of struct folder */
};

struct ifs_folders *ifs_folders_new(void)
{
	struct ifs_folders *folders = sqb_xcalloc(1, sizeof(*folders));

	(void)pthread_mutex_init(&folders->lock, NULL);
	folders->list.item_size = sizeof(struct folder);
	return folders;
}

void ifs_folders_free(struct ifs_folders **folders_p)
{
	struct ifs_folders *folders = *folders_p;

	if (folders == NULL)
		return;
	*folders_p = NULL;
	(void)pthread_mutex_destroy(&folders->lock);
	free(folders->list.items);
	free(folders);
}

void ifs_folder_set_mtime(struct ifs_fs *fs, struct sqb_mailbox_id box,
			  const struct timespec *mtime)
{
	struct ifs_folders *folders = fs->folders;
	struct folder *folder;

	(void)pthread_mutex_lock(&folders->lock);
	folder = ifs_sorted_get(&folders->list, box.n);
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
	const struct folder *folder;

	(void)pthread_mutex_lock(&folders->lock);
	folder = ifs_sorted_find(&folders->list, box.n);
	if (folder != NULL)
		*mtime_r = folder->mtime;
	(void)pthread_mutex_unlock(&folders->lock);
	return folder != NULL;
}
