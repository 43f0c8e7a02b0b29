/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The mailbox list: Dovecot's view of the store's folder tree.  A name of the
 * list is a path of the store (UTF-8, '/' between levels).
 */

#include "lib.h"
#include "array.h"
#include "hostpid.h"
#include "mailbox-tree.h"
#include "mailbox-list-subscriptions.h"
#include "time-util.h"
#include "unlink-directory.h"
#include "sqbox-compat.h"
#include "sqbox-error.h"
#include "sqbox-list-iter.h"
#include "sqbox-list-notify.h"
#include "sqbox-storage.h"
#include "common/subscription.h"
#include "common/txn.h"

#define SQBOX_LIST_SEP '/'
#define SQBOX_GLOBAL_TEMP_PREFIX ".temp."
/* For how long a look-up is good, unless we change the tree ourselves. */
#define SQBOX_LIST_FOUND_MSECS 100

static struct mailbox_list *sqbox_list_alloc(void)
{
	struct sqbox_mailbox_list *list;
	pool_t pool;

	pool = pool_alloconly_create("sqbox list", 2048);
	list = p_new(pool, struct sqbox_mailbox_list, 1);
	list->list = sqbox_mailbox_list;
	list->list.pool = pool;
	list->temp_prefix = p_strconcat(pool, SQBOX_GLOBAL_TEMP_PREFIX,
					my_hostname, ".", my_pid, ".", NULL);
	return &list->list;
}

static int sqbox_list_init(struct mailbox_list *_list, const char **error_r)
{
	struct sqbox_mailbox_list *list = SQBOX_LIST(_list);
	struct sqbox_account_settings set;
	const char *root;
	bool create;

	/* Also of a namespace that shares the storage of another. */
	if (sqbox_list_settings_check(_list, error_r) < 0)
		return -1;
	if (sqbox_settings_get(_list, &set, error_r) < 0)
		return -1;
	if (!sqbox_list_get_root_path(_list, MAILBOX_LIST_PATH_TYPE_DIR,
				      &root)) {
		*error_r = "mail_location: no directory given "
			   "(write sqbox:~/mail)";
		return -1;
	}
	/* Another user's account is not ours to make. */
	create = _list->ns->type != MAIL_NAMESPACE_TYPE_SHARED;
	return sqbox_account_init(root, create, &set, &list->account, error_r);
}

static void sqbox_list_forget(struct sqbox_mailbox_list *list)
{
	i_free(list->found_name);
}

static void sqbox_list_deinit(struct mailbox_list *_list)
{
	struct sqbox_mailbox_list *list = SQBOX_LIST(_list);

	sqbox_list_forget(list);
	sqbox_account_unref(&list->account);
	pool_unref(&list->list.pool);
}

static char sqbox_list_get_hierarchy_sep(struct mailbox_list *list ATTR_UNUSED)
{
	return SQBOX_LIST_SEP;
}

/* A store has one INBOX, in any spelling (common/mailbox.h), also where the
   namespace has a prefix, so that Dovecot leaves the name as it is. */
static const char *
sqbox_list_get_storage_name(struct mailbox_list *list, const char *vname)
{
	const char *name = mailbox_list_default_get_storage_name(list, vname);
	size_t len = strlen("INBOX");

	if (strncasecmp(name, "INBOX", len) != 0 ||
	    (name[len] != '\0' && name[len] != SQBOX_LIST_SEP))
		return name;
	return t_strconcat("INBOX", name + len, NULL);
}

const char *sqbox_mailbox_dir(const char *root, struct sqb_mailbox_id id)
{
	return t_strdup_printf("%s/index/%lld", root, (long long)id.n);
}

void sqbox_list_set_found(struct mailbox_list *_list, const char *name,
			  struct sqb_mailbox_id id)
{
	struct sqbox_mailbox_list *list = SQBOX_LIST(_list);

	sqbox_list_forget(list);
	list->found_name = i_strdup(name);
	list->found_id = id;
	i_gettimeofday(&list->found_time);
}

static enum sqb_err
sqbox_list_find(struct sqbox_mailbox_list *list, const char *name,
		struct sqb_mailbox_id *id_r)
{
	struct sqb_mailbox_status status;
	struct timeval now;
	enum sqb_err err;
	int msecs;

	i_gettimeofday(&now);
	if (list->found_name != NULL && strcmp(list->found_name, name) == 0) {
		msecs = timeval_diff_msecs(&now, &list->found_time);
		if (msecs >= 0 && msecs < SQBOX_LIST_FOUND_MSECS) {
			*id_r = list->found_id;
			return SQB_OK;
		}
	}
	sqbox_list_forget(list);
	err = sqb_mailbox_find(list->account->st, name, id_r);
	if (err == SQB_OK && strcmp(name, "INBOX") == 0) {
		err = sqb_mailbox_status(list->account->st, *id_r, &status);
		if (err == SQB_OK && sqbox_mailbox_is_unborn(name, &status))
			err = SQB_NOTFOUND;
	}
	if (err == SQB_OK)
		sqbox_list_set_found(&list->list, name, *id_r);
	return err;
}

static int
sqbox_list_get_path(struct mailbox_list *_list, const char *name,
		    enum mailbox_list_path_type type, const char **path_r)
{
	struct sqb_store *st = SQBOX_LIST(_list)->account->st;
	struct sqb_mailbox_id id;
	const char *root;
	enum sqb_err err;

	if (!sqbox_list_get_root_path(_list, type, &root))
		return 0;
	if (name == NULL) {
		*path_r = root;
		return 1;
	}
	err = sqbox_list_find(SQBOX_LIST(_list), name, &id);
	if (err != SQB_OK) {
		sqbox_list_set_error(_list, st, name, err);
		return -1;
	}
	*path_r = sqbox_mailbox_dir(root, id);
	return 1;
}

static const char *
sqbox_list_get_temp_prefix(struct mailbox_list *_list, bool global)
{
	return global ? SQBOX_GLOBAL_TEMP_PREFIX :
			SQBOX_LIST(_list)->temp_prefix;
}

/* Subscriptions */

/* Does a subscription of src's account belong into the listing of dest? */
static bool sqbox_list_subscription_is_for(struct mailbox_list *src_list,
					   struct mailbox_list *dest_list,
					   const char *vname)
{
	struct mail_namespace *ns = mail_namespace_find_unsubscribable(
		src_list->ns->user->namespaces, vname);

	/* A namespace with subscriptions=no keeps them in a parent of its. */
	if (ns != NULL && ns->prefix_len > 0)
		return ns == dest_list->ns;
	return dest_list == src_list;
}

static int sqbox_list_subscriptions_refresh(struct mailbox_list *src_list,
					    struct mailbox_list *dest_list)
{
	struct sqb_store *st = SQBOX_LIST(src_list)->account->st;
	struct sqb_subscription_iter *iter;
	struct mailbox_node *node;
	const char *name, *vname;
	enum sqb_err err;
	bool created;

	if (dest_list->subscriptions == NULL) {
		dest_list->subscriptions =
			mailbox_tree_init(mail_namespace_get_sep(src_list->ns));
	}
	mailbox_tree_clear(dest_list->subscriptions);

	iter = sqb_subscription_iter_begin(st);
	while (sqb_subscription_iter_next(iter, &name))
		T_BEGIN
		{
			vname = mailbox_list_get_vname(src_list, name);
			if (sqbox_list_subscription_is_for(src_list, dest_list,
							   vname)) {
				node = mailbox_tree_get(
					dest_list->subscriptions, vname,
					&created);
				node->flags = MAILBOX_SUBSCRIBED;
			}
		}
	T_END;
	err = sqb_subscription_iter_end(&iter);
	if (err != SQB_OK) {
		sqbox_list_set_error(dest_list, st, "", err);
		return -1;
	}
	return 0;
}

/* Changes */

/* End a transaction that has come to err so far: commit or roll back. */
static enum sqb_err
sqbox_list_txn_end(struct sqbox_account *account, enum sqb_err err)
{
	if (err != SQB_OK) {
		sqb_txn_rollback(account->st);
		return err;
	}
	err = sqb_txn_commit(account->st);
	if (err != SQB_OK)
		return err;
	return sqbox_account_finish(account, TRUE);
}

static int sqbox_list_set_subscribed(struct mailbox_list *_list,
				     const char *name, bool set)
{
	struct sqbox_account *account = SQBOX_LIST(_list)->account;
	enum sqb_err err;
	bool changed = FALSE;

	err = sqb_txn_begin(account->st);
	if (err == SQB_OK) {
		err = sqb_subscribe(account->st, name, set, &changed);
		err = sqbox_list_txn_end(account, err);
	}
	if (err != SQB_OK) {
		sqbox_list_set_error(_list, account->st, name, err);
		return -1;
	}
	return changed ? 1 : 0;
}

static enum sqb_err
sqbox_list_delete_row(struct sqbox_mailbox_list *list, const char *name,
		      bool noselect_only, struct sqb_mailbox_id *id_r,
		      bool *has_children_r)
{
	struct sqbox_account *account = list->account;
	struct sqb_mailbox_status status;
	guid_128_t guid;
	enum sqb_err err;

	*has_children_r = FALSE;
	guid_128_generate(guid); /* a name that nobody has */
	sqbox_list_forget(list);
	err = sqb_txn_begin(account->st);
	if (err != SQB_OK)
		return err;
	err = sqb_mailbox_find(account->st, name, id_r);
	/* Another one may have got the name meanwhile. */
	if (err == SQB_OK && !noselect_only && list->deleting_id.n != 0 &&
	    list->deleting_id.n != id_r->n)
		err = SQB_NOTFOUND;
	if (err == SQB_OK)
		err = sqb_mailbox_status(account->st, *id_r, &status);
	if (err == SQB_OK && noselect_only) {
		*has_children_r = status.has_children;
		if (!status.noselect)
			err = SQB_EXISTS;
		else if (status.has_children)
			err = SQB_INVALID;
	}
	/* Its mails have been expunged; these came after that. */
	if (err == SQB_OK && status.messages > 0)
		err = SQB_EXISTS;
	/* There is always an INBOX: to delete it is to put an empty one in its
	   place, which a rename does. */
	if (err == SQB_OK && strcmp(name, "INBOX") == 0) {
		err = sqb_mailbox_rename(account->st, *id_r,
					 guid_128_to_string(guid));
	}
	if (err == SQB_OK)
		err = sqb_mailbox_delete(account->st, *id_r);
	return sqbox_list_txn_end(account, err);
}

/* Dovecot's files of a mailbox that is gone; leftovers do no harm. */
static void
sqbox_list_delete_files(struct mailbox_list *list, struct sqb_mailbox_id id)
{
	static const enum mailbox_list_path_type types[] = {
		MAILBOX_LIST_PATH_TYPE_MAILBOX,
		MAILBOX_LIST_PATH_TYPE_INDEX,
		MAILBOX_LIST_PATH_TYPE_CONTROL,
		MAILBOX_LIST_PATH_TYPE_INDEX_PRIVATE,
		MAILBOX_LIST_PATH_TYPE_INDEX_CACHE,
	};
	const char *root, *path, *error;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(types); i++) {
		if (!sqbox_list_get_root_path(list, types[i], &root))
			continue;
		path = sqbox_mailbox_dir(root, id);
		if (unlink_directory(path, UNLINK_DIRECTORY_FLAG_RMDIR,
				     &error) < 0) {
			e_error(list->ns->user->event,
				"unlink_directory(%s) failed: %s", path, error);
		}
	}
}

static int
sqbox_list_delete_mailbox(struct mailbox_list *_list, const char *name)
{
	struct sqbox_account *account = SQBOX_LIST(_list)->account;
	struct sqb_mailbox_id id;
	enum sqb_err err;
	bool has_children;

	err = sqbox_list_delete_row(SQBOX_LIST(_list), name, FALSE, &id,
				    &has_children);
	if (err == SQB_EXISTS) {
		mailbox_list_set_error(
			_list, MAIL_ERROR_EXISTS,
			"New mails were added to mailbox during deletion");
		return -1;
	}
	if (err != SQB_OK) {
		sqbox_list_set_error(_list, account->st, name, err);
		return -1;
	}
	sqbox_list_delete_files(_list, id);
	return 0;
}

static int sqbox_list_delete_dir(struct mailbox_list *_list, const char *name)
{
	struct sqbox_account *account = SQBOX_LIST(_list)->account;
	struct sqb_mailbox_id id;
	enum sqb_err err;
	bool has_children;

	err = sqbox_list_delete_row(SQBOX_LIST(_list), name, TRUE, &id,
				    &has_children);
	if (err == SQB_OK) {
		sqbox_list_delete_files(_list, id);
		return 0;
	}
	if (has_children) {
		mailbox_list_set_error(
			_list, MAIL_ERROR_EXISTS,
			"Mailbox has children, delete them first");
	} else {
		sqbox_list_set_error(_list, account->st, name, err);
	}
	return -1;
}

static int sqbox_list_delete_symlink(struct mailbox_list *_list,
				     const char *name ATTR_UNUSED)
{
	/* Success would mean that all has been done. */
	mailbox_list_set_error(_list, MAIL_ERROR_NOTPOSSIBLE,
			       "Mailbox is not a symlink");
	return -1;
}

static int
sqbox_list_rename_mailbox(struct mailbox_list *oldlist, const char *oldname,
			  struct mailbox_list *newlist, const char *newname)
{
	struct sqbox_account *account = SQBOX_LIST(oldlist)->account;
	struct sqb_mailbox_id id;
	enum sqb_err err;

	if (strcmp(newlist->name, SQBOX_STORAGE_NAME) != 0 ||
	    SQBOX_LIST(newlist)->account != account) {
		mailbox_list_set_error(
			oldlist, MAIL_ERROR_NOTPOSSIBLE,
			"Can't rename mailboxes across specified storages.");
		return -1;
	}
	sqbox_list_forget(SQBOX_LIST(oldlist));
	sqbox_list_forget(SQBOX_LIST(newlist));
	err = sqb_txn_begin(account->st);
	if (err == SQB_OK) {
		err = sqb_mailbox_find(account->st, oldname, &id);
		if (err == SQB_OK)
			err = sqb_mailbox_rename(account->st, id, newname);
		err = sqbox_list_txn_end(account, err);
	}
	if (err == SQB_EXISTS) {
		mailbox_list_set_error(oldlist, MAIL_ERROR_EXISTS,
				       "Target mailbox already exists");
		return -1;
	}
	if (err != SQB_OK) {
		sqbox_list_set_error(oldlist, account->st, oldname, err);
		return -1;
	}
	return 0;
}

struct mailbox_list sqbox_mailbox_list = {
	.name = SQBOX_STORAGE_NAME,
	.props = MAILBOX_LIST_PROP_NO_ROOT | MAILBOX_LIST_PROP_AUTOCREATE_DIRS |
		/* it would hide what others do to the tree */
		MAILBOX_LIST_PROP_NO_LIST_INDEX,
	.mailbox_name_max_length = SQB_NAME_MAX,

	.v = {
		.alloc = sqbox_list_alloc,
		.init = sqbox_list_init,
		.deinit = sqbox_list_deinit,
		.get_hierarchy_sep = sqbox_list_get_hierarchy_sep,
		.get_vname = mailbox_list_default_get_vname,
		.get_storage_name = sqbox_list_get_storage_name,
		.get_path = sqbox_list_get_path,
		.get_temp_prefix = sqbox_list_get_temp_prefix,
		.iter_init = sqbox_list_iter_init,
		.iter_next = sqbox_list_iter_next,
		.iter_deinit = sqbox_list_iter_deinit,
		.subscriptions_refresh = sqbox_list_subscriptions_refresh,
		.set_subscribed = sqbox_list_set_subscribed,
		.delete_mailbox = sqbox_list_delete_mailbox,
		.delete_dir = sqbox_list_delete_dir,
		.delete_symlink = sqbox_list_delete_symlink,
		.rename_mailbox = sqbox_list_rename_mailbox,
		.notify_init = sqbox_list_notify_init,
		.notify_next = sqbox_list_notify_next,
		.notify_deinit = sqbox_list_notify_deinit,
		.notify_wait = sqbox_list_notify_wait,
		.notify_flush = sqbox_list_notify_flush,
	},
};
