/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* What a session has written to the index log goes into the store. */

#include "lib.h"
#include "array.h"
#include "sqbox-flags.h"
#include "sqbox-sync.h"

/* Changes of one range of UIDs, gathered from several records. */
struct sqbox_pending {
	uint32_t uid1, uid2; /* 0: nothing gathered */
	enum mail_flags add, remove;
	ARRAY_TYPE(uint32_t) add_keywords, remove_keywords; /* numbers */
};

static enum sqb_err sqbox_pending_flush(struct sqbox_sync_context *ctx,
					struct sqbox_pending *pending)
{
	struct sqb_flag_change change;
	enum sqb_err err;

	if (pending->uid1 == 0)
		return SQB_OK;

	T_BEGIN
	{
		i_zero(&change);
		change.add = sqbox_flags_to_store(pending->add);
		change.remove = sqbox_flags_to_store(pending->remove);
		sqbox_keywords_from_array(&pending->add_keywords,
					  &change.add_keywords);
		sqbox_keywords_from_array(&pending->remove_keywords,
					  &change.remove_keywords);
		err = sqb_message_change_flags(ctx->st, ctx->mbox->id,
					       pending->uid1, pending->uid2,
					       &change, NULL);
	}
	T_END;
	pending->uid1 = pending->uid2 = 0;
	pending->add = pending->remove = 0;
	array_clear(&pending->add_keywords);
	array_clear(&pending->remove_keywords);
	return err;
}

static enum sqb_err
sqbox_pending_add_keyword(struct sqbox_sync_context *ctx,
			  struct sqbox_pending *pending,
			  const struct mail_index_sync_rec *rec)
{
	const ARRAY_TYPE(keywords) *names =
		mail_index_get_keywords(ctx->mbox->box.index);
	bool add = rec->type == MAIL_INDEX_SYNC_TYPE_KEYWORD_ADD;
	const char *name = array_idx_elem(names, rec->keyword_idx);
	uint32_t number;
	enum sqb_err err;

	err = sqb_keyword_number(ctx->st, name, add, &number);
	if (err == SQB_INVALID) {
		/* Dovecot lets no such name in; do not block the mailbox. */
		e_error(ctx->mbox->box.event, "sqbox: keyword not kept: %s",
			sqb_store_errmsg(ctx->st));
		return SQB_OK;
	}
	if (err == SQB_NOTFOUND && !add)
		return SQB_OK;
	if (err == SQB_OK) {
		array_push_back(add ? &pending->add_keywords :
				      &pending->remove_keywords,
				&number);
	}
	return err;
}

static void sqbox_sync_expunge_seqs(struct sqbox_sync_context *ctx,
				    const struct mail_index_sync_rec *rec)
{
	uint32_t seq, seq1, seq2, uid;

	if (!mail_index_lookup_seq_range(ctx->view, rec->uid1, rec->uid2, &seq1,
					 &seq2))
		return;
	for (seq = seq1; seq <= seq2; seq++) {
		if (mail_index_transaction_is_expunged(ctx->trans, seq))
			continue;
		mail_index_expunge(ctx->trans, seq);
		mail_index_lookup_uid(ctx->view, seq, &uid);
		array_push_back(&ctx->expunged_uids, &uid);
	}
}

static enum sqb_err sqbox_sync_apply_rec(struct sqbox_sync_context *ctx,
					 struct sqbox_pending *pending,
					 const struct mail_index_sync_rec *rec)
{
	enum sqb_err err = SQB_OK;

	if (rec->type == MAIL_INDEX_SYNC_TYPE_EXPUNGE ||
	    rec->uid1 != pending->uid1 || rec->uid2 != pending->uid2)
		err = sqbox_pending_flush(ctx, pending);
	if (err != SQB_OK)
		return err;

	switch (rec->type) {
	case MAIL_INDEX_SYNC_TYPE_EXPUNGE:
		sqbox_sync_expunge_seqs(ctx, rec);
		return sqb_message_expunge(ctx->st, ctx->mbox->id, rec->uid1,
					   rec->uid2, NULL);
	case MAIL_INDEX_SYNC_TYPE_FLAGS:
		pending->add |= rec->add_flags;
		pending->remove |= rec->remove_flags;
		break;
	case MAIL_INDEX_SYNC_TYPE_KEYWORD_ADD:
	case MAIL_INDEX_SYNC_TYPE_KEYWORD_REMOVE:
		err = sqbox_pending_add_keyword(ctx, pending, rec);
		break;
	}
	pending->uid1 = rec->uid1;
	pending->uid2 = rec->uid2;
	return err;
}

enum sqb_err sqbox_sync_apply_recs(struct sqbox_sync_context *ctx)
{
	const struct mail_index_sync_rec *rec;
	struct sqbox_pending pending;
	enum sqb_err err = SQB_OK;

	i_zero(&pending);
	i_array_init(&pending.add_keywords, 8);
	i_array_init(&pending.remove_keywords, 8);
	array_foreach (&ctx->recs, rec) {
		err = sqbox_sync_apply_rec(ctx, &pending, rec);
		if (err != SQB_OK)
			break;
	}
	if (err == SQB_OK)
		err = sqbox_pending_flush(ctx, &pending);
	array_free(&pending.add_keywords);
	array_free(&pending.remove_keywords);
	return err;
}
