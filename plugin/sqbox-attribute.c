/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "ioloop.h"
#include "sqbox-attribute.h"
#include "sqbox-error.h"
#include "sqbox-storage.h"
#include "common/attribute.h"
#include "common/txn.h"

struct sqbox_attribute_iter {
	struct mailbox_attribute_iter iter;
	struct mailbox_attribute_iter *dict_iter; /* own; NULL: */
	struct sqb_attribute_iter *store_iter;    /* own */
	size_t prefix_len;
};

/* Is it for the store to keep, or for mail_attribute_dict? */
static bool
sqbox_attribute_is_ours(struct mailbox *box,
			enum mail_attribute_type type_flags)
{
	struct mail_namespace *ns = mailbox_get_namespace(box);

	if (*box->storage->set->mail_attribute_dict != '\0')
		return FALSE;
	/* Dovecot asks so where METADATA is switched off. */
	if ((type_flags & MAIL_ATTRIBUTE_TYPE_FLAG_VALIDATED) != 0)
		return FALSE;
	/* What is private to a visitor is not to be kept with the owner. */
	return (type_flags & MAIL_ATTRIBUTE_TYPE_MASK) !=
		MAIL_ATTRIBUTE_TYPE_PRIVATE || ns->owner == ns->user;
}

static const char *
sqbox_attribute_key(enum mail_attribute_type type_flags, const char *key)
{
	bool private = (type_flags & MAIL_ATTRIBUTE_TYPE_MASK) ==
		MAIL_ATTRIBUTE_TYPE_PRIVATE;

	return t_strconcat(private ? "private/" : "shared/", key, NULL);
}

static int sqbox_attribute_open(struct mailbox *box)
{
	return box->opened ? 0 : mailbox_open(box);
}

int sqbox_attribute_set(struct mailbox_transaction_context *t,
			enum mail_attribute_type type_flags, const char *key,
			const struct mail_attribute_value *value)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(t->box);
	struct sqb_store *st = sqbox_store(t->box);
	time_t changed = value->last_change != 0 ? value->last_change :
		ioloop_time;
	bool pvt = (type_flags & MAIL_ATTRIBUTE_TYPE_MASK) ==
		MAIL_ATTRIBUTE_TYPE_PRIVATE;
	const char *str;
	size_t size = 0;
	enum sqb_err err;

	if (!sqbox_attribute_is_ours(t->box, type_flags))
		return index_storage_attribute_set(t, type_flags, key, value);
	if (mailbox_attribute_value_to_string(t->box->storage, value,
					      &str) < 0)
		return -1;
	if (str != NULL)
		size = strlen(str);

	err = sqb_txn_begin(st);
	if (err == SQB_OK) {
		err = sqb_attribute_set(st, mbox->id,
					sqbox_attribute_key(type_flags, key),
					str, size, changed);
		if (err == SQB_OK)
			err = sqb_txn_commit(st);
		else
			sqb_txn_rollback(st);
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(t->box, err);
		return -1;
	}
	mbox->durable_wanted = TRUE; /* by the transaction's commit */
	/* dsync looks into the log for what has changed */
	if (str != NULL)
		mail_index_attribute_set(t->itrans, pvt, key, changed, size);
	else
		mail_index_attribute_unset(t->itrans, pvt, key, changed);
	return 0;
}

int sqbox_attribute_get(struct mailbox *box,
			enum mail_attribute_type type_flags, const char *key,
			struct mail_attribute_value *value_r)
{
	struct sqb_store *st = sqbox_store(box);
	enum sqb_err err;
	int64_t changed;
	void *value;
	size_t size;

	if (!sqbox_attribute_is_ours(box, type_flags)) {
		return index_storage_attribute_get(box, type_flags, key,
						   value_r);
	}
	i_zero(value_r);
	if (sqbox_attribute_open(box) < 0)
		return -1;
	err = sqb_attribute_get(st, SQBOX_MAILBOX(box)->id,
				sqbox_attribute_key(type_flags, key),
				&value, &size, &changed);
	if (err == SQB_NOTFOUND)
		return 0;
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	value_r->value = t_strndup(value, size);
	value_r->last_change = (time_t)changed;
	free(value);
	return 1;
}

struct mailbox_attribute_iter *
sqbox_attribute_iter_init(struct mailbox *box,
			  enum mail_attribute_type type_flags,
			  const char *prefix)
{
	struct sqbox_attribute_iter *iter;
	const char *key;

	iter = i_new(struct sqbox_attribute_iter, 1);
	iter->iter.box = box;
	if (!sqbox_attribute_is_ours(box, type_flags)) {
		iter->dict_iter = index_storage_attribute_iter_init(box,
							type_flags, prefix);
	} else if (sqbox_attribute_open(box) == 0) {
		key = sqbox_attribute_key(type_flags, prefix);
		iter->prefix_len = strlen(key);
		iter->store_iter = sqb_attribute_iter_begin(sqbox_store(box),
						SQBOX_MAILBOX(box)->id, key);
	}
	return &iter->iter;
}

const char *sqbox_attribute_iter_next(struct mailbox_attribute_iter *_iter)
{
	struct sqbox_attribute_iter *iter =
		container_of(_iter, struct sqbox_attribute_iter, iter);
	const char *key;

	if (iter->dict_iter != NULL)
		return index_storage_attribute_iter_next(iter->dict_iter);
	if (iter->store_iter == NULL ||
	    !sqb_attribute_iter_next(iter->store_iter, &key))
		return NULL;
	return key + iter->prefix_len;
}

int sqbox_attribute_iter_deinit(struct mailbox_attribute_iter *_iter)
{
	struct sqbox_attribute_iter *iter =
		container_of(_iter, struct sqbox_attribute_iter, iter);
	enum sqb_err err = SQB_OK;
	int ret = 0;

	if (iter->dict_iter != NULL) {
		ret = index_storage_attribute_iter_deinit(iter->dict_iter);
	} else if (iter->store_iter == NULL) {
		ret = -1; /* the mailbox could not be opened */
	} else {
		err = sqb_attribute_iter_end(&iter->store_iter);
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(_iter->box, err);
		ret = -1;
	}
	i_free(iter);
	return ret;
}
