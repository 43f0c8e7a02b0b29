/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "unlink-directory.h"
#include "sqbox-compat.h"
#include "sqbox-purge.h"
#include "sqbox-storage.h"
#include "common/maintain.h"

#include <dirent.h>

static bool sqbox_mailbox_is_gone(struct sqb_store *st, const char *dirname)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;
	uintmax_t n;

	if (str_to_uintmax(dirname, &n) < 0 || n == 0 || n > INT64_MAX)
		return FALSE;
	id.n = (int64_t)n;
	return sqb_mailbox_status(st, id, &status) == SQB_NOTFOUND;
}

static int sqbox_purge_index_dirs(struct mail_storage *storage,
				  struct sqb_store *st, const char *root)
{
	const char *path = t_strconcat(root, "/index", NULL);
	const char *dead, *error;
	struct dirent *d;
	DIR *dir;
	int ret = 0;

	dir = opendir(path);
	if (dir == NULL) {
		if (errno == ENOENT)
			return 0;
		mail_storage_set_critical(storage, "opendir(%s) failed: %m",
					  path);
		return -1;
	}
	while ((d = readdir(dir)) != NULL) {
		if (!sqbox_mailbox_is_gone(st, d->d_name))
			continue;
		/* Ids are never used again, so nobody can be making it. */
		dead = t_strdup_printf("%s/%s", path, d->d_name);
		if (unlink_directory(dead, UNLINK_DIRECTORY_FLAG_RMDIR,
				     &error) < 0) {
			mail_storage_set_critical(
				storage, "unlink_directory(%s) failed: %s",
				dead, error);
			ret = -1;
		}
	}
	(void)closedir(dir);
	return ret;
}

int sqbox_storage_purge(struct mail_storage *_storage)
{
	static const enum mailbox_list_path_type types[] = {
		MAILBOX_LIST_PATH_TYPE_MAILBOX,
		MAILBOX_LIST_PATH_TYPE_INDEX,
		MAILBOX_LIST_PATH_TYPE_CONTROL,
	};
	struct sqbox_storage *storage = SQBOX_STORAGE(_storage);
	struct sqb_store *st = storage->account->st;
	struct mail_namespace *ns;
	const char *root;
	unsigned int i;
	int ret = 0;

	if (sqb_purge(st, SQB_PURGE_GRACE_SECS, 0, NULL) != SQB_OK) {
		mail_storage_set_critical(_storage, "sqbox: %s",
					  sqb_store_errmsg(st));
		ret = -1;
	}
	for (ns = _storage->user->namespaces; ns != NULL; ns = ns->next) {
		if (mail_namespace_get_default_storage(ns) != _storage)
			continue;
		for (i = 0; i < N_ELEMENTS(types); i++)
			T_BEGIN
			{
				if (sqbox_list_get_root_path(ns->list, types[i],
							     &root) &&
				    sqbox_purge_index_dirs(_storage, st, root) <
					    0)
					ret = -1;
			}
		T_END;
	}
	return ret;
}
