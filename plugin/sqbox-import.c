/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "mail-index-modseq.h"
#include "sqbox-error.h"
#include "sqbox-import.h"
#include "sqbox-sync.h"
#include "common/changes.h"
#include "common/txn.h"

#include <sys/stat.h>

/* Keywords */

static int
sqbox_import_add_keyword(struct sqbox_mailbox *mbox, uint32_t number,
			 ARRAY_TYPE(keyword_indexes) *indexes)
{
	const char *name;
	unsigned int idx;
	enum sqb_err err;

	err = sqb_keyword_name(sqbox_store(&mbox->box), number, &name);
	if (err != SQB_OK) {
		if (err == SQB_NOTFOUND) {
			mailbox_set_critical(&mbox->box,
				"sqbox: keyword %u has no name: "
				"run sqbox check on the store", number);
			return 0; /* the others are still good */
		}
		sqbox_mailbox_set_error(&mbox->box, err);
		return -1;
	}
	mail_index_keyword_lookup_or_create(mbox->box.index, name, &idx);
	array_push_back(indexes, &idx);
	return 0;
}

static int
sqbox_import_get_keywords(struct sqbox_mailbox *mbox,
			  const struct sqb_keywords *keywords,
			  ARRAY_TYPE(keyword_indexes) *indexes)
{
	uint64_t mask = keywords->mask;
	uint32_t i;

	for (; mask != 0; mask &= mask - 1) {
		if (sqbox_import_add_keyword(mbox,
				(uint32_t)__builtin_ctzll(mask), indexes) < 0)
			return -1;
	}
	for (i = 0; i < keywords->more_count; i++) {
		if (sqbox_import_add_keyword(mbox, keywords->more[i],
					     indexes) < 0)
			return -1;
	}
	return 0;
}

static int
sqbox_import_keywords(struct sqbox_import *import, uint32_t seq,
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
	return 0;
}

/* Messages */

static int
sqbox_import_message(struct sqbox_import *import,
		     const struct sqb_message *msg)
{
	const struct mail_index_record *rec;
	enum mail_flags flags = sqbox_flags_from_store(msg->flags), old;
	uint32_t seq;
	int ret;
	bool is_new;

	is_new = import->reset ||
		!mail_index_lookup_seq(import->view, msg->uid, &seq);
	if (!is_new) {
		rec = mail_index_lookup(import->view, seq);
		old = rec->flags & MAIL_FLAGS_NONRECENT;
		if ((flags & ENUM_NEGATE(old)) != 0) {
			mail_index_update_flags(import->trans, seq, MODIFY_ADD,
						flags & ENUM_NEGATE(old));
		}
		if ((old & ENUM_NEGATE(flags)) != 0) {
			mail_index_update_flags(import->trans, seq,
						MODIFY_REMOVE,
						old & ENUM_NEGATE(flags));
		}
	} else if (msg->uid < import->next_uid) {
		import->must_reset = TRUE;
		return 0;
	} else {
		mail_index_append(import->trans, msg->uid, &seq);
		mail_index_update_flags(import->trans, seq, MODIFY_REPLACE,
					flags);
		import->next_uid = (uint64_t)msg->uid + 1;
		if (import->set_modseqs) {
			mail_index_update_modseq(import->trans, seq,
						 msg->modseq);
		}
	}
	T_BEGIN {
		ret = sqbox_import_keywords(import, seq, msg, is_new);
	} T_END;
	return ret;
}

static void
sqbox_import_expunge(struct sqbox_import *import, uint32_t uid1, uint32_t uid2)
{
	uint32_t seq1, seq2;

	if (!mail_index_lookup_seq_range(import->view, uid1, uid2,
					 &seq1, &seq2))
		return;
	for (; seq1 <= seq2; seq1++) {
		if (!mail_index_transaction_is_expunged(import->trans, seq1))
			mail_index_expunge(import->trans, seq1);
	}
}

static int
sqbox_import_walk(struct sqbox_import *import, struct sqb_message_iter *iter,
		  bool expunge_missing)
{
	struct sqb_message msg;
	uint32_t last_uid = 0;
	enum sqb_err err;
	int ret = 0;

	while (ret == 0 && !import->must_reset &&
	       sqb_message_iter_next(iter, &msg)) {
		if (expunge_missing && msg.uid > last_uid + 1)
			sqbox_import_expunge(import, last_uid + 1, msg.uid - 1);
		last_uid = msg.uid;
		ret = sqbox_import_message(import, &msg);
	}
	err = sqb_message_iter_end(&iter);
	if (err != SQB_OK && ret == 0) {
		sqbox_mailbox_set_error(&import->mbox->box, err);
		ret = -1;
	}
	if (ret == 0 && expunge_missing && last_uid < (uint32_t)-1)
		sqbox_import_expunge(import, last_uid + 1, (uint32_t)-1);
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
	import->next_uid = mail_index_get_header(view)->next_uid;
}

int sqbox_import_changes(struct sqbox_import *import, uint64_t since)
{
	struct sqb_store *st = sqbox_store(&import->mbox->box);
	struct sqb_mailbox_id id = import->mbox->id;
	struct sqb_vanished_iter *iter;
	uint32_t uid1, uid2;
	enum sqb_err err;

	if (sqbox_import_walk(import, sqb_changed_iter_begin(st, id, since),
			      FALSE) < 0)
		return -1;

	iter = sqb_vanished_iter_begin(st, id, since);
	while (sqb_vanished_iter_next(iter, &uid1, &uid2))
		sqbox_import_expunge(import, uid1, uid2);
	err = sqb_vanished_iter_end(&iter);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&import->mbox->box, err);
		return -1;
	}
	return 0;
}

int sqbox_import_all(struct sqbox_import *import)
{
	struct sqb_store *st = sqbox_store(&import->mbox->box);

	return sqbox_import_walk(import,
		sqb_message_iter_begin(st, import->mbox->id, 1, (uint32_t)-1),
		!import->reset);
}

int sqbox_import_reset(struct sqbox_import *import)
{
	mail_index_reset(import->trans);
	import->reset = TRUE;
	import->must_reset = FALSE;
	import->next_uid = 1;
	return sqbox_import_all(import);
}

/* Headers */

void sqbox_index_get_header(struct sqbox_mailbox *mbox,
			    struct mail_index_view *view,
			    struct sqbox_index_header *hdr_r)
{
	const void *data;
	size_t size;

	i_zero(hdr_r);
	mail_index_get_header_ext(view, mbox->hdr_ext_id, &data, &size);
	if (size >= sizeof(*hdr_r))
		memcpy(hdr_r, data, sizeof(*hdr_r));
}

static void
sqbox_index_update_u32(struct mail_index_transaction *trans, size_t offset,
		       uint32_t old, uint32_t new, bool prepend)
{
	if (old != new) {
		mail_index_update_header(trans, offset, &new, sizeof(new),
					 prepend);
	}
}

void sqbox_index_update_header(const struct sqbox_import *import,
			       const struct sqb_mailbox_status *status,
			       uint64_t modseq)
{
	struct mail_index_header hdr;
	struct sqbox_index_header old, new;

	i_zero(&hdr);
	i_zero(&old);
	if (!import->reset) {
		hdr = *mail_index_get_header(import->view);
		sqbox_index_get_header(import->mbox, import->view, &old);
	}
	sqbox_index_update_u32(import->trans,
		offsetof(struct mail_index_header, uid_validity),
		hdr.uid_validity, status->uidvalidity, TRUE);
	if (sqbox_uidnext(status) > import->next_uid &&
	    status->uidnext != 0) {
		sqbox_index_update_u32(import->trans,
			offsetof(struct mail_index_header, next_uid),
			0, status->uidnext, FALSE);
	}
	if (status->first_recent > hdr.first_recent_uid) {
		sqbox_index_update_u32(import->trans,
			offsetof(struct mail_index_header, first_recent_uid),
			hdr.first_recent_uid, status->first_recent, FALSE);
	}

	i_zero(&new);
	new.modseq = modseq;
	if (memcmp(&old, &new, sizeof(old)) != 0) {
		mail_index_update_header_ext(import->trans,
					     import->mbox->hdr_ext_id, 0,
					     &new, sizeof(new));
	}
}

/* A new index */

static int
sqbox_index_build_locked(struct sqbox_mailbox *mbox,
			 struct mail_index_view *view,
			 struct mail_index_transaction *trans)
{
	struct sqb_store *st = sqbox_store(&mbox->box);
	struct sqbox_import import;
	struct sqb_mailbox_status status;
	enum sqb_err err;
	int ret;

	sqbox_import_init(&import, mbox, view, trans);
	import.set_modseqs = TRUE;

	err = sqb_read_begin(st);
	if (err == SQB_OK) {
		err = sqb_mailbox_status(st, mbox->id, &status);
		if (err != SQB_OK)
			sqb_read_end(st);
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&mbox->box, err);
		return -1;
	}
	ret = sqbox_import_all(&import);
	sqb_read_end(st);
	if (ret < 0)
		return -1;
	sqbox_index_update_header(&import, &status, status.highestmodseq);
	mail_index_update_highest_modseq(trans, status.highestmodseq);
	return 0;
}

/*
 * Fill the empty index, and rotate its log at once: its first file must begin
 * at the modseq reached, or it would claim to know of all expunges before.
 */
static int sqbox_index_build(struct sqbox_mailbox *mbox)
{
	struct mail_index *index = mbox->box.index;
	struct mail_index_optimization_settings set;
	struct mail_index_sync_ctx *sync_ctx;
	struct mail_index_view *view;
	struct mail_index_transaction *trans;
	struct mail_index_sync_rec rec;
	int ret;

	mail_index_modseq_enable(index);
	if (mail_index_sync_begin(index, &sync_ctx, &view, &trans, 0) < 0) {
		mailbox_set_index_error(&mbox->box);
		return -1;
	}
	while (mail_index_sync_next(sync_ctx, &rec)) ;
	if (mail_index_get_header(view)->uid_validity != 0) {
		/* another process was faster */
		mail_index_sync_rollback(&sync_ctx);
		return 0;
	}
	if (sqbox_index_build_locked(mbox, view, trans) < 0) {
		mail_index_sync_rollback(&sync_ctx);
		return -1;
	}

	i_zero(&set);
	set.log.max_size = 1;
	mail_index_set_optimization_settings(index, &set);
	ret = mail_index_sync_commit(&sync_ctx);
	set.log.max_size =
		mbox->box.storage->set->mail_index_log_rotate_max_size;
	mail_index_set_optimization_settings(index, &set);
	if (ret < 0) {
		mailbox_set_index_error(&mbox->box);
		return -1;
	}
	return 1;
}

int sqbox_index_build_if_missing(struct mailbox *box)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	struct index_mailbox_context *ibox = INDEX_STORAGE_CONTEXT(box);
	struct sqb_mailbox_status status;
	const char *dir, *log_path;
	struct stat st;
	int ret;

	/* A mailbox that never had a message has no history to tell. */
	if (sqb_mailbox_status(sqbox_store(box), mbox->id,
			       &status) == SQB_OK && status.uidnext == 1)
		return 0;
	if (mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX, &dir) <= 0)
		return 0;
	log_path = t_strdup_printf("%s/%s.log", dir, box->index_prefix);
	if (stat(log_path, &st) == 0 || errno != ENOENT)
		return 0;

	if (index_storage_mailbox_alloc_index(box) < 0)
		return -1;
	(void)mailbox_get_permissions(box);
	mail_index_set_fsync_mode(box->index, FSYNC_MODE_NEVER, 0);
	if (mail_index_open(box->index, ibox->index_flags) <= 0) {
		mailbox_set_index_error(box);
		return -1;
	}
	mbox->hdr_ext_id = mail_index_ext_register(box->index,
		SQBOX_STORAGE_NAME, sizeof(struct sqbox_index_header), 0, 0);
	ret = sqbox_index_build(mbox);
	mail_index_close(box->index);
	if (ret > 0)
		i_unlink_if_exists(t_strconcat(log_path, ".2", NULL));
	return ret < 0 ? -1 : 0;
}
