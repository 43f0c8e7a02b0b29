/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "mail-index-alloc-cache.h"
#include "sqbox-attribute.h"
#include "sqbox-compat.h"
#include "sqbox-error.h"
#include "sqbox-index.h"
#include "sqbox-notify.h"
#include "sqbox-save.h"
#include "sqbox-special-use.h"
#include "sqbox-storage.h"
#include "sqbox-sync.h"
#include "common/txn.h"

struct mailbox *
sqbox_mailbox_alloc(struct mail_storage *storage, struct mailbox_list *list,
		    const char *vname, enum mailbox_flags flags)
{
	struct index_mailbox_context *ibox;
	struct sqbox_mailbox *mbox;
	pool_t pool;

	/* INDEX=MEMORY was refused; the index is needed for modseqs. */
	flags &= ENUM_NEGATE(MAILBOX_FLAG_NO_INDEX_FILES);

	pool = pool_alloconly_create("sqbox mailbox", 1024 * 3);
	mbox = p_new(pool, struct sqbox_mailbox, 1);
	mbox->box = sqbox_mailbox;
	mbox->box.pool = pool;
	mbox->box.storage = storage;
	mbox->box.list = list;
	mbox->box.mail_vfuncs = &sqbox_mail_vfuncs;
	mbox->storage = SQBOX_STORAGE(storage);

	index_storage_mailbox_alloc(&mbox->box, vname, flags,
				    MAIL_INDEX_PREFIX);
	ibox = INDEX_STORAGE_CONTEXT(&mbox->box);
	ibox->index_flags |= MAIL_INDEX_OPEN_FLAG_NEVER_IN_MEMORY;
	return &mbox->box;
}

bool sqbox_mailbox_is_unborn(const char *name,
			     const struct sqb_mailbox_status *status)
{
	return strcmp(name, "INBOX") == 0 && status->highestmodseq <= 1;
}

/* Look up the mailbox's row.  SQB_NOTFOUND and SQB_NOSELECT are answers. */
static enum sqb_err
sqbox_mailbox_find(struct mailbox *box, struct sqb_mailbox_status *status_r)
{
	struct sqb_store *st = sqbox_store(box);
	struct sqb_mailbox_id id;
	enum sqb_err err;

	err = sqb_mailbox_find(st, box->name, &id);
	if (err == SQB_OK)
		err = sqb_mailbox_status(st, id, status_r);
	if (err == SQB_INVALID)
		err = SQB_NOTFOUND; /* a name that none can have */
	if (err == SQB_OK && sqbox_mailbox_is_unborn(box->name, status_r))
		err = SQB_NOTFOUND;
	if (err == SQB_OK && status_r->noselect)
		err = SQB_NOSELECT;
	return err;
}

static int sqbox_mailbox_exists(struct mailbox *box, bool auto_boxes,
				enum mailbox_existence *existence_r)
{
	struct sqb_mailbox_status status;
	enum sqb_err err = sqbox_mailbox_find(box, &status);

	switch (err) {
	case SQB_OK:
		*existence_r = MAILBOX_EXISTENCE_SELECT;
		return 0;
	case SQB_NOSELECT:
		*existence_r = MAILBOX_EXISTENCE_NOSELECT;
		break;
	case SQB_NOTFOUND:
		*existence_r = MAILBOX_EXISTENCE_NONE;
		break;
	default:
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	if (auto_boxes && mailbox_is_autocreated(box))
		*existence_r = MAILBOX_EXISTENCE_SELECT;
	return 0;
}

/*
 * The index is that of the row which was found: the name may have gone from
 * another one to it since the list looked it up, or since we were last open.
 */
static int sqbox_mailbox_set_id(struct mailbox *box, struct sqb_mailbox_id id)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	const char *path;

	if (mbox->id.n != id.n && box->index != NULL)
		mail_index_alloc_cache_unref(&box->index);
	mbox->id = id;
	sqbox_list_set_found(box->list, box->name, id);
	box->_path = NULL;
	box->_index_path = NULL;
	if (mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_MAILBOX, &path) <
		    0 ||
	    mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX, &path) < 0)
		return -1;
	/* Where the index is elsewhere, Dovecot takes a mailbox without this
	   one for deleted. */
	return mailbox_create_missing_dir(box, MAILBOX_LIST_PATH_TYPE_MAILBOX) <
			       0 ?
		       -1 :
		       0;
}

static int sqbox_mailbox_open(struct mailbox *box)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	struct sqb_mailbox_status status;
	enum sqb_err err;

	err = sqbox_mailbox_find(box, &status);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	if (sqbox_mailbox_set_id(box, status.id) < 0)
		return -1;
	memcpy(mbox->guid, status.guid, sizeof(mbox->guid));

	if (sqbox_index_open_box(box, &status) < 0) {
		/* of a deleted mailbox Dovecot looks into the index */
		if (box->index == NULL)
			box->mailbox_deleted = FALSE;
		return -1;
	}
	if ((box->flags & MAILBOX_FLAG_READONLY) == 0)
		sqbox_special_use_record(box, &status);
	return 0;
}

static void sqbox_mailbox_close(struct mailbox *box)
{
	sqbox_notify_remove(box);
	index_storage_mailbox_close(box);
}

/* End a transaction that has come to err so far. */
static int sqbox_mailbox_txn_end(struct mailbox *box, enum sqb_err err)
{
	struct sqbox_account *account = SQBOX_MAILBOX(box)->storage->account;

	if (err == SQB_OK)
		err = sqb_txn_commit(account->st);
	else
		sqb_txn_rollback(account->st);
	if (err == SQB_OK)
		err = sqbox_account_finish(account, TRUE);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	return 0;
}

/* The INBOX that is always there becomes the one that is to be created. */
static enum sqb_err
sqbox_mailbox_adopt_inbox(struct mailbox *box,
			  const struct sqb_mailbox_create *args, bool update)
{
	struct sqb_store *st = sqbox_store(box);
	struct sqb_mailbox_status status;
	struct sqb_mailbox_update change;
	struct sqb_mailbox_id id;
	enum sqb_err err;

	err = sqb_mailbox_find(st, box->name, &id);
	if (err == SQB_OK)
		err = sqb_mailbox_status(st, id, &status);
	if (err != SQB_OK)
		return err;
	/* dsync has just deleted it, or nobody has ever used it */
	if (strcmp(box->name, "INBOX") != 0 || status.messages > 0 ||
	    (!update && !sqbox_mailbox_is_unborn(box->name, &status)))
		return SQB_EXISTS;
	i_zero(&change);
	change.guid = args->guid;
	change.uidvalidity = args->uidvalidity;
	change.min_uidnext = args->min_uidnext;
	change.first_recent = args->min_first_recent;
	change.min_modseq = I_MAX(args->min_modseq, status.highestmodseq + 1);
	return sqb_mailbox_update(st, id, &change);
}

static int
sqbox_mailbox_create(struct mailbox *box, const struct mailbox_update *update,
		     bool directory)
{
	struct sqb_store *st = sqbox_store(box);
	struct sqb_mailbox_create args;
	struct sqb_mailbox_id id;
	enum sqb_err err;

	i_zero(&args);
	args.noselect = directory;
	if (update != NULL) {
		if (!guid_128_is_empty(update->mailbox_guid))
			args.guid = update->mailbox_guid;
		args.uidvalidity = update->uid_validity;
		args.min_uidnext = update->min_next_uid;
		args.min_first_recent = update->min_first_recent_uid;
		args.min_modseq = update->min_highest_modseq;
	}

	err = sqb_txn_begin(st);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	err = sqb_mailbox_create(st, box->name, &args, &id);
	if (err == SQB_EXISTS && !directory)
		err = sqbox_mailbox_adopt_inbox(box, &args, update != NULL);
	if (sqbox_mailbox_txn_end(box, err) < 0)
		return -1;
	if (directory)
		return 0;

	if (mailbox_open(box) < 0)
		return -1;
	if (sqbox_sync(SQBOX_MAILBOX(box), 0) < 0)
		return -1;
	return update == NULL ?
		       0 :
		       index_storage_mailbox_update_common(box, update);
}

static int
sqbox_mailbox_update(struct mailbox *box, const struct mailbox_update *update)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	struct sqb_store *st = sqbox_store(box);
	struct sqb_mailbox_update args;
	enum sqb_err err;

	if (!box->opened && mailbox_open(box) < 0)
		return -1;

	i_zero(&args);
	if (!guid_128_is_empty(update->mailbox_guid))
		args.guid = update->mailbox_guid;
	args.uidvalidity = update->uid_validity;
	args.min_uidnext = update->min_next_uid;
	args.first_recent = update->min_first_recent_uid;
	args.min_modseq = update->min_highest_modseq;

	err = sqb_txn_begin(st);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	err = sqb_mailbox_update(st, mbox->id, &args);
	if (sqbox_mailbox_txn_end(box, err) < 0)
		return -1;
	if (args.guid != NULL)
		memcpy(mbox->guid, args.guid, sizeof(mbox->guid));
	return index_storage_mailbox_update(box, update);
}

/*
 * A second namespace on the same store shows the user's INBOX under another
 * name, which Dovecot does not know for INBOX.
 */
static bool sqbox_mailbox_is_aliased_inbox(struct mailbox *box)
{
	struct mail_namespace *ns;

	if (strcmp(box->name, "INBOX") != 0 ||
	    (box->list->ns->flags & NAMESPACE_FLAG_INBOX_USER) != 0)
		return FALSE;
	for (ns = box->list->ns->user->namespaces; ns != NULL; ns = ns->next) {
		if ((ns->flags & NAMESPACE_FLAG_INBOX_USER) != 0 &&
		    strcmp(ns->list->name, SQBOX_STORAGE_NAME) == 0 &&
		    SQBOX_LIST(ns->list)->account ==
			    SQBOX_LIST(box->list)->account)
			return TRUE;
	}
	return FALSE;
}

static int sqbox_mailbox_delete(struct mailbox *box)
{
	struct sqbox_mailbox_list *list = SQBOX_LIST(box->list);
	int ret;

	if (sqbox_mailbox_is_aliased_inbox(box)) {
		mail_storage_set_error(box->storage, MAIL_ERROR_NOTPOSSIBLE,
				       "INBOX can't be deleted.");
		return -1;
	}
	i_zero(&list->deleting_id);
	if (box->opened)
		list->deleting_id = SQBOX_MAILBOX(box)->id;
	ret = index_storage_mailbox_delete(box);
	i_zero(&list->deleting_id);
	return ret;
}

/* What the store's counters can answer without opening the index. */
#define SQBOX_STATUS_ITEMS \
	(STATUS_MESSAGES | STATUS_RECENT | STATUS_UIDNEXT | \
	 STATUS_UIDVALIDITY | STATUS_UNSEEN)

static bool sqbox_mailbox_get_closed_status(struct mailbox *box,
					    enum mailbox_status_items items,
					    struct mailbox_status *status_r)
{
	struct sqb_store *st = sqbox_store(box);
	struct sqb_mailbox_status status;
	uint32_t recent = 0;

	if (box->opened || (items & ENUM_NEGATE(SQBOX_STATUS_ITEMS)) != 0 ||
	    sqbox_list_has_private_flags(box->list))
		return FALSE;
	/* Errors, and mailboxes still to be made: the usual way tells. */
	if (sqbox_mailbox_find(box, &status) != SQB_OK)
		return FALSE;
	if ((items & STATUS_RECENT) != 0 &&
	    sqb_message_count(st, status.id, status.first_recent, (uint32_t)-1,
			      &recent) != SQB_OK)
		return FALSE;

	i_zero(status_r);
	status_r->messages = status.messages;
	status_r->recent = recent;
	status_r->unseen = status.unseen;
	status_r->uidvalidity = status.uidvalidity;
	status_r->uidnext = status.uidnext;
	status_r->have_guids = TRUE;
	status_r->have_save_guids = TRUE;
	status_r->have_only_guid128 = TRUE;
	return TRUE;
}

static int
sqbox_mailbox_get_status(struct mailbox *box, enum mailbox_status_items items,
			 struct mailbox_status *status_r)
{
	if (sqbox_mailbox_get_closed_status(box, items, status_r))
		return 0;
	return index_storage_get_status(box, items, status_r);
}

static int sqbox_mailbox_get_metadata(struct mailbox *box,
				      enum mailbox_metadata_items items,
				      struct mailbox_metadata *metadata_r)
{
	struct sqb_mailbox_status status;
	const enum mailbox_metadata_items known =
		MAILBOX_METADATA_GUID | MAILBOX_METADATA_VIRTUAL_SIZE;

	/* STATUS (SIZE) of a closed mailbox, too, is one row. */
	if (!box->opened && (items & ENUM_NEGATE(known)) == 0 &&
	    sqbox_mailbox_find(box, &status) == SQB_OK) {
		i_zero(metadata_r);
		memcpy(metadata_r->guid, status.guid, sizeof(metadata_r->guid));
		metadata_r->virtual_size = status.vsize;
		return 0;
	}
	if (index_mailbox_get_metadata(box, items, metadata_r) < 0)
		return -1;
	if ((items & MAILBOX_METADATA_GUID) != 0) {
		memcpy(metadata_r->guid, SQBOX_MAILBOX(box)->guid,
		       sizeof(metadata_r->guid));
	}
	return 0;
}

struct mailbox sqbox_mailbox = {
	.v = {
		.is_readonly = index_storage_is_readonly,
		.enable = index_storage_mailbox_enable,
		.exists = sqbox_mailbox_exists,
		.open = sqbox_mailbox_open,
		.close = sqbox_mailbox_close,
		.free = index_storage_mailbox_free,
		.create_box = sqbox_mailbox_create,
		.update_box = sqbox_mailbox_update,
		.delete_box = sqbox_mailbox_delete,
		.rename_box = index_storage_mailbox_rename,
		.get_status = sqbox_mailbox_get_status,
		.get_metadata = sqbox_mailbox_get_metadata,
		.set_subscribed = index_storage_set_subscribed,
		.attribute_set = sqbox_attribute_set,
		.attribute_get = sqbox_attribute_get,
		.attribute_iter_init = sqbox_attribute_iter_init,
		.attribute_iter_next = sqbox_attribute_iter_next,
		.attribute_iter_deinit = sqbox_attribute_iter_deinit,
		.list_index_has_changed = index_storage_list_index_has_changed,
		.list_index_update_sync = index_storage_list_index_update_sync,
		.sync_init = sqbox_storage_sync_init,
		.sync_next = index_mailbox_sync_next,
		.sync_deinit = index_mailbox_sync_deinit,
		.notify_changes = sqbox_notify_changes,
		.transaction_begin = index_transaction_begin,
		.transaction_commit = sqbox_transaction_commit,
		.transaction_rollback = index_transaction_rollback,
		.mail_alloc = index_mail_alloc,
		.search_init = index_storage_search_init,
		.search_deinit = index_storage_search_deinit,
		.search_next_nonblock = index_storage_search_next_nonblock,
		.search_next_update_seq = index_storage_search_next_update_seq,
		.search_next_match_mail = index_storage_search_next_match_mail,
		.save_alloc = sqbox_save_alloc,
		.save_begin = sqbox_save_begin,
		.save_continue = sqbox_save_continue,
		.save_finish = sqbox_save_finish,
		.save_cancel = sqbox_save_cancel,
		.copy = sqbox_copy,
		.transaction_save_commit_pre = sqbox_transaction_save_commit_pre,
		.transaction_save_commit_post = sqbox_transaction_save_commit_post,
		.transaction_save_rollback = sqbox_transaction_save_rollback,
		.is_inconsistent = index_storage_is_inconsistent,
	},
};
