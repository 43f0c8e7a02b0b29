/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/handle.h"

#include <stdlib.h>

#include "common/file.h"
#include "common/mem.h"

struct ifs_handle *ifs_handle_new(struct ifs_fs *fs, struct ifs_file *file,
				  bool writable)
{
	struct ifs_handle *handle = sqb_xcalloc(1, sizeof(*handle));

	if (file != NULL)
		ifs_file_hold(fs->files, file);
	handle->file = file;
	handle->writable = writable;
	(void)pthread_mutex_init(&handle->lock, NULL);
	return handle;
}

void ifs_handle_free(struct ifs_fs *fs, struct ifs_handle **handle_p)
{
	struct ifs_handle *handle = *handle_p;

	if (handle == NULL)
		return;
	*handle_p = NULL;
	if (handle->reader != NULL) {
		(void)ifs_read_begin(fs);
		sqb_file_close(&handle->reader);
		ifs_read_end(fs);
	}
	ifs_file_put(fs->files, &handle->file);
	(void)pthread_mutex_destroy(&handle->lock);
	free(handle);
}
