/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "sqbox-attribute.h"
#include "sqbox-compat.h"
#include "sqbox-error.h"
#include "sqbox-storage.h"
#include "common/attribute.h"
#include "common/txn.h"

struct sqbox_attribute_iter {
	struct mailbox_attribute_iter iter;
	struct mailbox_attribute_iter *dict_iter; /* own; NULL: */
	/* read at once: the caller changes attributes meanwhile */
	ARRAY_TYPE(const_string) keys;
	pool_t pool;
	unsigned int next;
	bool failed;
};

/* Is it for the store to keep, or for mail_attribute_dict? */
static bool sqbox_attribute_is_ours(struct mailbox *box,
				    enum mail_attribute_type type_flags)
{
	struct mail_namespace *ns = mailbox_get_namespace(box);

	if (sqbox_storage_has_attribute_dict(box->storage))
		return FALSE;
	/* Dovecot asks so where METADATA is switched off. */
	if ((type_flags & MAIL_ATTRIBUTE_TYPE_FLAG_VALIDATED) != 0)
		return FALSE;
	/* What is private to a visitor is not to be kept with the owner. */
	return (type_flags & MAIL_ATTRIBUTE_TYPE_MASK) !=
		       MAIL_ATTRIBUTE_TYPE_PRIVATE ||
	       ns->owner == ns->user;
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
	time_t changed =
		value->last_change != 0 ? value->last_change : ioloop_time;
	bool pvt = (type_flags & MAIL_ATTRIBUTE_TYPE_MASK) ==
		   MAIL_ATTRIBUTE_TYPE_PRIVATE;
	const char *str;
	size_t size = 0;
	enum sqb_err err;

	if (!sqbox_attribute_is_ours(t->box, type_flags))
		return index_storage_attribute_set(t, type_flags, key, value);
	if (mailbox_attribute_value_to_string(t->box->storage, value, &str) < 0)
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
				sqbox_attribute_key(type_flags, key), &value,
				&size, &changed);
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

static void
sqbox_attribute_read_keys(struct sqbox_attribute_iter *iter, const char *prefix)
{
	struct mailbox *box = iter->iter.box;
	struct sqb_attribute_iter *store_iter;
	size_t prefix_len = strlen(prefix);
	const char *key;
	enum sqb_err err;

	store_iter = sqb_attribute_iter_begin(sqbox_store(box),
					      SQBOX_MAILBOX(box)->id, prefix);
	while (sqb_attribute_iter_next(store_iter, &key)) {
		key = p_strdup(iter->pool, key + prefix_len);
		array_push_back(&iter->keys, &key);
	}
	err = sqb_attribute_iter_end(&store_iter);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		iter->failed = TRUE;
	}
}

struct mailbox_attribute_iter *
sqbox_attribute_iter_init(struct mailbox *box,
			  enum mail_attribute_type type_flags,
			  const char *prefix)
{
	struct sqbox_attribute_iter *iter;
	pool_t pool;

	pool = pool_alloconly_create("sqbox attribute iter", 512);
	iter = p_new(pool, struct sqbox_attribute_iter, 1);
	iter->pool = pool;
	iter->iter.box = box;
	p_array_init(&iter->keys, pool, 16);
	if (!sqbox_attribute_is_ours(box, type_flags)) {
		iter->dict_iter = index_storage_attribute_iter_init(
			box, type_flags, prefix);
	} else if (sqbox_attribute_open(box) < 0) {
		iter->failed = TRUE;
	} else {
		sqbox_attribute_read_keys(
			iter, sqbox_attribute_key(type_flags, prefix));
	}
	return &iter->iter;
}

const char *sqbox_attribute_iter_next(struct mailbox_attribute_iter *_iter)
{
	struct sqbox_attribute_iter *iter =
		container_of(_iter, struct sqbox_attribute_iter, iter);

	if (iter->dict_iter != NULL)
		return index_storage_attribute_iter_next(iter->dict_iter);
	if (iter->next == array_count(&iter->keys))
		return NULL;
	return array_idx_elem(&iter->keys, iter->next++);
}

int sqbox_attribute_iter_deinit(struct mailbox_attribute_iter *_iter)
{
	struct sqbox_attribute_iter *iter =
		container_of(_iter, struct sqbox_attribute_iter, iter);
	int ret = iter->failed ? -1 : 0;

	if (iter->dict_iter != NULL)
		ret = index_storage_attribute_iter_deinit(iter->dict_iter);
	pool_unref(&iter->pool);
	return ret;
}
