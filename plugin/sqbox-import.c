/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "mail-transaction-log-private.h"
#include "sqbox-error.h"
#include "sqbox-flags.h"
#include "sqbox-import.h"
#include "sqbox-sync.h"
#include "common/changes.h"

/* Keywords */

static int sqbox_import_add_keyword(struct sqbox_mailbox *mbox, uint32_t number,
				    ARRAY_TYPE(keyword_indexes) * indexes)
{
	const char *name;
	unsigned int idx;
	enum sqb_err err;

	err = sqb_keyword_name(sqbox_store(&mbox->box), number, &name);
	if (err != SQB_OK) {
		if (err == SQB_NOTFOUND) {
			mailbox_set_critical(&mbox->box,
					     "sqbox: keyword %u has no name: "
					     "run sqbox check on the store",
					     number);
			return 0; /* the others are still good */
		}
		sqbox_mailbox_set_error(&mbox->box, err);
		return -1;
	}
	mail_index_keyword_lookup_or_create(mbox->box.index, name, &idx);
	array_push_back(indexes, &idx);
	return 0;
}

static int sqbox_import_get_keywords(struct sqbox_mailbox *mbox,
				     const struct sqb_keywords *keywords,
				     ARRAY_TYPE(keyword_indexes) * indexes)
{
	uint64_t mask = keywords->mask;
	uint32_t i;

	for (; mask != 0; mask &= mask - 1) {
		if (sqbox_import_add_keyword(
			    mbox, (uint32_t)__builtin_ctzll(mask), indexes) < 0)
			return -1;
	}
	for (i = 0; i < keywords->more_count; i++) {
		if (sqbox_import_add_keyword(mbox, keywords->more[i], indexes) <
		    0)
			return -1;
	}
	return 0;
}

/* Returns 1 if they differ, 0, or -1. */
static int sqbox_import_keywords(struct sqbox_import *import, uint32_t seq,
				 const struct sqb_message *msg, bool is_new)
{
	ARRAY_TYPE(keyword_indexes) want, have;
	struct mail_keywords *keywords;

	t_array_init(&want, 32);
	t_array_init(&have, 32);
	if (sqbox_import_get_keywords(import->mbox, &msg->keywords, &want) < 0)
		return -1;
	if (!is_new)
		mail_index_lookup_keywords(import->view, seq, &have);
	if (index_keyword_array_cmp(&want, &have))
		return 0;
	keywords = mail_index_keywords_create_from_indexes(
		import->mbox->box.index, &want);
	mail_index_update_keywords(import->trans, seq, MODIFY_REPLACE,
				   keywords);
	mail_index_keywords_unref(&keywords);
	return 1;
}

/* Messages */

static bool sqbox_import_flags(struct sqbox_import *import, uint32_t seq,
			       enum mail_flags flags)
{
	enum mail_flags old = mail_index_lookup(import->view, seq)->flags &
			      MAIL_FLAGS_NONRECENT;
	enum mail_flags changed = flags ^ old;

	if ((changed & flags) != 0) {
		mail_index_update_flags(import->trans, seq, MODIFY_ADD,
					changed & flags);
	}
	if ((changed & old) != 0) {
		mail_index_update_flags(import->trans, seq, MODIFY_REMOVE,
					changed & old);
	}
	return changed != 0;
}

/* It has changed, and is as it was: a newer index may have told otherwise. */
static void sqbox_import_unchanged(struct sqbox_import *import, uint32_t seq,
				   const struct sqb_message *msg)
{
	if (msg->modseq > import->since &&
	    msg->modseq <= import->highestmodseq) {
		mail_index_update_modseq(import->trans, seq,
					 import->highestmodseq);
	}
}

static void sqbox_import_append(struct sqbox_import *import,
				const struct sqb_message *msg, uint32_t *seq_r)
{
	mail_index_append(import->trans, msg->uid, seq_r);
	mail_index_update_flags(import->trans, *seq_r, MODIFY_REPLACE,
				sqbox_flags_from_store(msg->flags));
	import->next_uid = (uint64_t)msg->uid + 1;
	if (import->set_modseqs) {
		mail_index_update_modseq(
			import->trans, *seq_r,
			I_MAX(msg->modseq, import->min_modseq));
	}
}

static int
sqbox_import_message(struct sqbox_import *import, const struct sqb_message *msg)
{
	uint32_t seq;
	int ret;
	bool is_new, changed = FALSE;

	if (msg->uid > SQBOX_LAST_UID) {
		e_error(import->mbox->box.event,
			"sqbox: Dovecot cannot show a message with UID %u",
			msg->uid);
		return 0;
	}
	is_new = import->reset ||
		 !mail_index_lookup_seq(import->view, msg->uid, &seq);
	if (is_new && msg->uid < import->next_uid) {
		import->must_reset = TRUE;
		return 0;
	}
	if (is_new)
		sqbox_import_append(import, msg, &seq);
	else
		changed = sqbox_import_flags(
			import, seq, sqbox_flags_from_store(msg->flags));
	T_BEGIN
	{
		ret = sqbox_import_keywords(import, seq, msg, is_new);
	}
	T_END;
	if (ret == 0 && !is_new && !changed)
		sqbox_import_unchanged(import, seq, msg);
	return ret < 0 ? -1 : 0;
}

static void
sqbox_import_expunge(struct sqbox_import *import, uint32_t uid1, uint32_t uid2)
{
	uint32_t seq1, seq2;

	if (uid2 >= import->first_new_uid) {
		seq_range_array_add_range(&import->unknown,
					  I_MAX(uid1, import->first_new_uid),
					  uid2);
	}
	if (!mail_index_lookup_seq_range(import->view, uid1, uid2, &seq1,
					 &seq2))
		return;
	import->expunges = TRUE;
	for (; seq1 <= seq2; seq1++) {
		if (!mail_index_transaction_is_expunged(import->trans, seq1))
			mail_index_expunge(import->trans, seq1);
	}
}

/*
 * Expunges of no message, for the log alone.  A new log needs none.  Ranges are
 * what struct mail_transaction_expunge is, too.
 */
static int sqbox_import_log_unknown(struct sqbox_import *import)
{
	struct mail_transaction_log_append_ctx *ctx;

	if (array_count(&import->unknown) == 0 || import->must_reset ||
	    import->reset || import->set_modseqs)
		return 0;
	if (mail_transaction_log_append_begin(import->mbox->box.index,
					      MAIL_TRANSACTION_EXTERNAL,
					      &ctx) == 0) {
		ctx->new_highest_modseq = ctx->log->head->sync_highest_modseq;
		mail_transaction_log_append_add(
			ctx,
			MAIL_TRANSACTION_EXPUNGE |
				MAIL_TRANSACTION_EXPUNGE_PROT,
			array_front(&import->unknown),
			array_count(&import->unknown) *
				sizeof(struct seq_range));
		if (mail_transaction_log_append_commit(&ctx) == 0)
			return 0;
	}
	mailbox_set_index_error(&import->mbox->box);
	return -1;
}

/* Up to last_uid, what the store does not have is expunged; 0: nothing is. */
static int sqbox_import_walk(struct sqbox_import *import,
			     struct sqb_message_iter *iter, uint32_t last_uid)
{
	struct sqb_message msg;
	uint32_t uid = 0;
	enum sqb_err err;
	int ret = 0;

	while (ret == 0 && !import->must_reset &&
	       sqb_message_iter_next(iter, &msg)) {
		if (last_uid > 0 && msg.uid > uid + 1)
			sqbox_import_expunge(import, uid + 1, msg.uid - 1);
		uid = msg.uid;
		ret = sqbox_import_message(import, &msg);
	}
	err = sqb_message_iter_end(&iter);
	if (err != SQB_OK && ret == 0) {
		sqbox_mailbox_set_error(&import->mbox->box, err);
		ret = -1;
	}
	if (ret == 0 && uid < last_uid)
		sqbox_import_expunge(import, uid + 1, last_uid);
	return ret;
}

void sqbox_import_init(struct sqbox_import *import, struct sqbox_mailbox *mbox,
		       struct mail_index_view *view,
		       struct mail_index_transaction *trans)
{
	i_zero(import);
	import->mbox = mbox;
	import->view = view;
	import->trans = trans;
	import->first_new_uid = mail_index_get_header(view)->next_uid;
	import->next_uid = import->first_new_uid;
}

static int sqbox_import_vanished(struct sqbox_import *import)
{
	struct sqb_vanished_iter *iter;
	uint32_t uid1, uid2;
	enum sqb_err err;

	iter = sqb_vanished_iter_begin(sqbox_store(&import->mbox->box),
				       import->mbox->id, import->since);
	while (sqb_vanished_iter_next(iter, &uid1, &uid2))
		sqbox_import_expunge(import, uid1, uid2);
	err = sqb_vanished_iter_end(&iter);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&import->mbox->box, err);
		return -1;
	}
	return 0;
}

int sqbox_import_changes(struct sqbox_import *import)
{
	struct sqb_message_iter *iter =
		sqb_changed_iter_begin(sqbox_store(&import->mbox->box),
				       import->mbox->id, import->since);
	int ret;

	i_array_init(&import->unknown, 8);
	ret = sqbox_import_walk(import, iter, 0);
	if (ret == 0)
		ret = sqbox_import_vanished(import);
	if (ret == 0)
		ret = sqbox_import_log_unknown(import);
	array_free(&import->unknown);
	return ret;
}

int sqbox_import_all(struct sqbox_import *import)
{
	struct sqb_store *st = sqbox_store(&import->mbox->box);
	struct sqb_mailbox_status status;
	enum sqb_err err;
	uint64_t next_uid;
	int ret;

	err = sqb_mailbox_status(st, import->mbox->id, &status);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&import->mbox->box, err);
		return -1;
	}
	next_uid = I_MAX(sqbox_uidnext(&status), import->first_new_uid);
	i_array_init(&import->unknown, 8);
	ret = sqbox_import_walk(
		import,
		sqb_message_iter_begin(st, import->mbox->id, 1, (uint32_t)-1),
		import->reset ? 0 : (uint32_t)(next_uid - 1));
	if (ret == 0)
		ret = sqbox_import_log_unknown(import);
	array_free(&import->unknown);
	return ret;
}

int sqbox_import_reset(struct sqbox_import *import)
{
	mail_index_reset(import->trans);
	import->reset = TRUE;
	import->must_reset = FALSE;
	import->expunges = FALSE;
	import->next_uid = 1;
	return sqbox_import_all(import);
}
