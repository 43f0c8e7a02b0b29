/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "mail-index-modseq.h"
#include "mailbox-recent-flags.h"
#include "sqbox-error.h"
#include "sqbox-index.h"
#include "sqbox-sync.h"
#include "common/txn.h"

/* From the store into the index */

/*
 * The index is ahead of the store: the store was restored from a copy, or lost
 * its last commits with the power.  What the index has given out must not be
 * given out again.
 */
static enum sqb_err
sqbox_sync_raise_store(struct sqbox_sync_context *ctx, uint32_t index_next_uid)
{
	struct sqb_mailbox_update update;
	enum sqb_err err;

	i_zero(&update);
	update.min_uidnext = index_next_uid;
	update.min_modseq = ctx->modseq + SQBOX_MODSEQ_GAP;
	err = sqb_mailbox_update(ctx->st, ctx->mbox->id, &update);
	if (err == SQB_OK) {
		err = sqb_mailbox_status(ctx->st, ctx->mbox->id, &ctx->status);
	}
	return err;
}

/* Has the store anything that the index does not know? */
static bool sqbox_sync_wants_import(struct sqbox_sync_context *ctx)
{
	return mail_index_get_header(ctx->view)->uid_validity !=
		       ctx->status.uidvalidity ||
	       ctx->modseq != ctx->status.highestmodseq ||
	       (ctx->flags & SQBOX_SYNC_FLAG_MERGE) != 0;
}

/*
 * The index may be an older copy of itself, so what is imported must come
 * after all that was given out: first of all its modseq rises to the store's.
 */
static int sqbox_sync_raise_index(struct sqbox_sync_context *ctx)
{
	struct mail_index_transaction *trans;

	if (!mail_index_have_modseq_tracking(ctx->mbox->box.index))
		return 0; /* a new mailbox: none was given out */
	trans = mail_index_transaction_begin(
		ctx->view, MAIL_INDEX_TRANSACTION_FLAG_EXTERNAL);
	mail_index_update_highest_modseq(trans, ctx->status.highestmodseq);
	if (mail_index_transaction_commit(&trans) < 0) {
		mailbox_set_index_error(&ctx->mbox->box);
		return -1;
	}
	return 0;
}

/* See SQBOX_MODSEQ_ROOM.  Expunges come after that in the log, as one more. */
static void sqbox_sync_fill_room(struct sqbox_sync_context *ctx)
{
	uint64_t modseq = ctx->status.highestmodseq + SQBOX_MODSEQ_ROOM;

	if (mail_index_have_modseq_tracking(ctx->mbox->box.index)) {
		mail_index_update_highest_modseq(
			ctx->import.trans,
			ctx->import.expunges ? modseq - 1 : modseq);
	}
}

static int sqbox_sync_import(struct sqbox_sync_context *ctx)
{
	const struct mail_index_header *hdr = mail_index_get_header(ctx->view);
	struct sqbox_import *import = &ctx->import;
	int ret;

	if (!sqbox_sync_wants_import(ctx))
		return 0;
	if (sqbox_sync_raise_index(ctx) < 0)
		return -1;
	if (hdr->uid_validity != 0 &&
	    hdr->uid_validity != ctx->status.uidvalidity) {
		import->must_reset = TRUE;
		return 0;
	}
	if (hdr->uid_validity == 0 ||
	    (ctx->flags & SQBOX_SYNC_FLAG_MERGE) != 0 ||
	    ctx->modseq < ctx->status.vanished_floor ||
	    ctx->modseq > ctx->status.highestmodseq)
		ret = sqbox_import_all(import);
	else
		ret = sqbox_import_changes(import);
	if (ret == 0 && !import->must_reset)
		sqbox_sync_fill_room(ctx);
	return ret;
}

/*
 * A save's own index transaction is committed before ours, so what others have
 * added must be in the log even before that: under the lock that we hold, in
 * a transaction of its own.  Returns 1, 0 if the index must be reset, or -1.
 */
static int sqbox_sync_import_for_save(struct sqbox_sync_context *ctx)
{
	struct mail_index_transaction *trans;
	int ret;

	if (!sqbox_sync_wants_import(ctx))
		return 1;

	trans = mail_index_transaction_begin(
		ctx->view, MAIL_INDEX_TRANSACTION_FLAG_EXTERNAL);
	ctx->import.trans = trans;
	ret = sqbox_sync_import(ctx);
	ctx->import.trans = ctx->trans;
	if (ret < 0 || ctx->import.must_reset) {
		mail_index_transaction_rollback(&trans);
		return ret;
	}
	ctx->import.trans = trans;
	sqbox_index_update_header(&ctx->import, &ctx->status, ctx->modseq);
	ctx->import.trans = ctx->trans;
	if (mail_index_transaction_commit(&trans) < 0) {
		mailbox_set_index_error(&ctx->mbox->box);
		return -1;
	}
	return 1;
}

/* Begin */

static bool sqbox_sync_drops_recent(struct sqbox_sync_context *ctx)
{
	const struct mail_index_header *hdr = mail_index_get_header(ctx->view);

	return (ctx->mbox->box.flags & MAILBOX_FLAG_DROP_RECENT) != 0 &&
	       hdr->first_recent_uid < hdr->next_uid;
}

/* The same of what the store has, be it in the index yet or not. */
static bool sqbox_sync_drops_stored_recent(struct sqbox_sync_context *ctx)
{
	return (ctx->mbox->box.flags & MAILBOX_FLAG_DROP_RECENT) != 0 &&
	       ctx->status.first_recent < ctx->status.uidnext;
}

/* Does the store need to be told anything?  It is asked only if in doubt. */
static enum sqb_err
sqbox_sync_has_news(struct sqbox_sync_context *ctx, bool *news_r)
{
	const struct mail_index_header *hdr = mail_index_get_header(ctx->view);
	enum sqb_err err;

	*news_r = TRUE;
	if ((ctx->flags & SQBOX_SYNC_FLAG_SAVE) != 0 ||
	    array_count(&ctx->recs) > 0 || sqbox_sync_drops_recent(ctx))
		return SQB_OK;
	err = sqb_mailbox_status(ctx->st, ctx->mbox->id, &ctx->status);
	if (err != SQB_OK)
		return err;
	*news_r = ctx->modseq > ctx->status.highestmodseq ||
		  mail_index_modseq_get_highest(ctx->view) >=
			  ctx->status.highestmodseq ||
		  hdr->next_uid > sqbox_uidnext(&ctx->status) ||
		  sqbox_sync_drops_stored_recent(ctx);
	return SQB_OK;
}

/* Open a snapshot of the store, or a write transaction if that is needed. */
static enum sqb_err sqbox_sync_begin_store(struct sqbox_sync_context *ctx)
{
	enum sqb_err err;

	err = sqbox_sync_has_news(ctx, &ctx->writing);
	if (err == SQB_OK) {
		err = ctx->writing ? sqb_txn_begin(ctx->st) :
				     sqb_read_begin(ctx->st);
		ctx->store_open = err == SQB_OK;
	}
	if (err == SQB_OK && ctx->writing) {
		err = sqb_txn_raise_modseq(
			ctx->st, mail_index_modseq_get_highest(ctx->view) +
					 SQBOX_MODSEQ_GAP);
	}
	if (err == SQB_OK) {
		err = sqb_mailbox_status(ctx->st, ctx->mbox->id, &ctx->status);
	}
	if (err == SQB_OK) {
		ctx->import.since = ctx->modseq;
		ctx->import.highestmodseq = ctx->status.highestmodseq;
	}
	return err;
}

static void sqbox_sync_end_store(struct sqbox_sync_context *ctx)
{
	if (ctx->writing)
		sqb_txn_rollback(ctx->st);
	else
		sqb_read_end(ctx->st);
}

static enum sqb_err sqbox_sync_write_store(struct sqbox_sync_context *ctx)
{
	const struct mail_index_header *hdr = mail_index_get_header(ctx->view);
	struct sqb_mailbox_update update;
	enum sqb_err err = SQB_OK;

	if (hdr->uid_validity == ctx->status.uidvalidity) {
		if (hdr->next_uid > sqbox_uidnext(&ctx->status) ||
		    ctx->modseq > ctx->status.highestmodseq)
			err = sqbox_sync_raise_store(ctx, hdr->next_uid);
		if (err == SQB_OK)
			err = sqbox_sync_apply_recs(ctx);
	}
	if (err == SQB_OK && (sqbox_sync_drops_recent(ctx) ||
			      sqbox_sync_drops_stored_recent(ctx))) {
		i_zero(&update);
		update.first_recent = I_MAX(hdr->next_uid, ctx->status.uidnext);
		err = sqb_mailbox_update(ctx->st, ctx->mbox->id, &update);
	}
	if (err == SQB_OK && mail_index_modseq_get_highest(ctx->view) >=
				     ctx->status.highestmodseq) {
		i_zero(&update);
		update.min_modseq = mail_index_modseq_get_highest(ctx->view) +
				    SQBOX_MODSEQ_GAP;
		err = sqb_mailbox_update(ctx->st, ctx->mbox->id, &update);
	}
	return err;
}

/* Has the store changed?  Returns 1, 0, or -1 with the error set. */
static int sqbox_sync_is_due(struct sqbox_mailbox *mbox)
{
	struct mailbox *box = &mbox->box;
	const struct mail_index_header *idx_hdr;
	struct sqb_mailbox_status status;
	struct sqbox_index_header hdr;
	struct mail_index_view *view;
	enum sqb_err err;
	bool due;

	err = sqb_mailbox_status(sqbox_store(box), mbox->id, &status);
	if (err == SQB_NOTFOUND) {
		mailbox_set_deleted(box);
		return -1;
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}
	view = mail_index_view_open(box->index);
	sqbox_index_get_header(mbox, view, &hdr);
	idx_hdr = mail_index_get_header(view);
	due = hdr.modseq != status.highestmodseq ||
	      idx_hdr->uid_validity != status.uidvalidity ||
	      /* moved on by the first open after a boot */
	      idx_hdr->next_uid != sqbox_uidnext(&status);
	mail_index_view_close(&view);
	return due ? 1 : 0;
}

static void sqbox_sync_free(struct sqbox_sync_context **_ctx)
{
	struct sqbox_sync_context *ctx = *_ctx;

	*_ctx = NULL;
	index_storage_expunging_deinit(&ctx->mbox->box);
	array_free(&ctx->recs);
	array_free(&ctx->expunged_uids);
	i_free(ctx);
}

void sqbox_sync_rollback(struct sqbox_sync_context **_ctx)
{
	struct sqbox_sync_context *ctx = *_ctx;

	if (ctx->store_open)
		sqbox_sync_end_store(ctx);
	mail_index_sync_rollback(&ctx->index_sync_ctx);
	sqbox_sync_free(_ctx);
}

/* Both are locked: take the changes over.  Returns as import_for_save(). */
static int sqbox_sync_exchange(struct sqbox_sync_context *ctx)
{
	struct mailbox *box = &ctx->mbox->box;
	enum sqb_err err;
	int ret = 1;

	err = sqbox_sync_begin_store(ctx);
	if (err == SQB_OK && sqbox_sync_wants_import(ctx) &&
	    ctx->status.uidnext != 1 &&
	    !mail_index_have_modseq_tracking(box->index)) {
		/* It cannot be switched on under the lock. */
		ctx->want_modseqs = TRUE;
		return 0;
	}
	if (err == SQB_OK && ctx->writing)
		err = sqbox_sync_write_store(ctx);
	if (err == SQB_NOTFOUND) {
		mailbox_set_deleted(box);
		return -1;
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(box, err);
		return -1;
	}

	if ((ctx->flags & SQBOX_SYNC_FLAG_SAVE) != 0)
		return sqbox_sync_import_for_save(ctx);
	if (sqbox_sync_import(ctx) < 0)
		ret = -1;
	else if (ctx->import.must_reset) {
		/* Sessions that have it open will have to start anew. */
		ret = sqbox_import_reset(&ctx->import) < 0 ? -1 : 1;
		if (ret > 0)
			sqbox_sync_fill_room(ctx);
	}
	return ret;
}

static int
sqbox_sync_try_begin(struct sqbox_mailbox *mbox, enum sqbox_sync_flags flags,
		     enum mail_index_sync_flags index_flags,
		     struct sqbox_sync_context **ctx_r)
{
	struct sqbox_sync_context *ctx;
	struct sqbox_index_header hdr;
	struct mail_index_sync_rec rec;
	bool want_modseqs;
	int ret;

	*ctx_r = NULL;
	ctx = i_new(struct sqbox_sync_context, 1);
	ctx->mbox = mbox;
	ctx->st = sqbox_store(&mbox->box);
	ctx->flags = flags;
	i_array_init(&ctx->recs, 16);
	i_array_init(&ctx->expunged_uids, 16);

	ret = index_storage_expunged_sync_begin(
		&mbox->box, &ctx->index_sync_ctx, &ctx->view, &ctx->trans,
		index_flags);
	if (mail_index_reset_fscked(mbox->box.index)) {
		mbox->resync_wanted = TRUE;
		ctx->flags |= SQBOX_SYNC_FLAG_MERGE;
	}
	if (ret <= 0) {
		sqbox_sync_free(&ctx);
		return ret < 0 ? -1 : 1;
	}
	/* To the end, always: else the log's tail would stay where it is, and
	   each later sync would read all from there again. */
	while (mail_index_sync_next(ctx->index_sync_ctx, &rec))
		array_push_back(&ctx->recs, &rec);
	sqbox_index_get_header(mbox, ctx->view, &hdr);
	ctx->modseq = hdr.modseq;
	sqbox_import_init(&ctx->import, mbox, ctx->view, ctx->trans);

	ret = sqbox_sync_exchange(ctx);
	want_modseqs = ctx->want_modseqs;
	if (ret <= 0)
		sqbox_sync_rollback(&ctx);
	if (want_modseqs) {
		mail_index_modseq_enable(mbox->box.index);
		if (mail_index_have_modseq_tracking(mbox->box.index)) {
			return sqbox_sync_try_begin(mbox, flags, index_flags,
						    ctx_r);
		}
		mailbox_set_index_error(&mbox->box);
		return -1;
	}
	*ctx_r = ctx;
	return ret;
}

/* A save cannot have the index reset under its own transaction. */
static int sqbox_sync_reset_and_begin(struct sqbox_mailbox *mbox,
				      enum sqbox_sync_flags flags,
				      enum mail_index_sync_flags index_flags,
				      struct sqbox_sync_context **ctx_r)
{
	int ret;

	if (sqbox_sync(mbox, SQBOX_SYNC_FLAG_MERGE) < 0)
		return -1;
	ret = sqbox_sync_try_begin(mbox, flags, index_flags, ctx_r);
	if (ret == 0) {
		mailbox_set_critical(
			&mbox->box, "sqbox: the index does not "
				    "agree with the store, even after a reset");
	}
	return ret;
}

int sqbox_sync_begin(struct sqbox_mailbox *mbox, enum sqbox_sync_flags flags,
		     struct sqbox_sync_context **ctx_r)
{
	struct mailbox *box = &mbox->box;
	enum mail_index_sync_flags index_flags;
	int ret;

	*ctx_r = NULL;
	if (mail_index_reset_fscked(box->index))
		mbox->resync_wanted = TRUE;
	if (mbox->resync_wanted)
		flags |= SQBOX_SYNC_FLAG_MERGE;
	index_flags = index_storage_get_sync_flags(box) |
		      MAIL_INDEX_SYNC_FLAG_AVOID_FLAG_UPDATES;

	if (flags == 0) {
		/* What this session has done is seen in the index alone. */
		ret = sqbox_sync_try_begin(
			mbox, flags,
			index_flags | MAIL_INDEX_SYNC_FLAG_REQUIRE_CHANGES,
			ctx_r);
		if (ret < 0 || *ctx_r != NULL)
			return ret < 0 ? -1 : 0;
		if ((ret = sqbox_sync_is_due(mbox)) <= 0)
			return ret;
	}
	ret = sqbox_sync_try_begin(mbox, flags, index_flags, ctx_r);
	if (ret == 0) {
		ret = sqbox_sync_reset_and_begin(mbox, flags, index_flags,
						 ctx_r);
	}
	return ret > 0 ? 0 : -1;
}

/* End */

int sqbox_sync_commit_store(struct sqbox_sync_context *ctx)
{
	enum sqb_err err = SQB_OK;

	if (ctx->writing) {
		err = sqb_mailbox_status(ctx->st, ctx->mbox->id, &ctx->status);
		if (err == SQB_OK)
			err = sqb_txn_commit(ctx->st);
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&ctx->mbox->box, err);
		return -1;
	}
	if (!ctx->writing)
		sqb_read_end(ctx->st);
	ctx->store_open = FALSE;
	return 0;
}

/* Messages from the first recent UID on are \Recent in this session. */
static void sqbox_sync_set_recent(struct sqbox_sync_context *ctx)
{
	struct mailbox *box = &ctx->mbox->box;
	uint32_t first = mail_index_get_header(ctx->view)->first_recent_uid;
	struct mail_index_view *view;
	uint32_t seq1, seq2;

	if (first == 0)
		first = ctx->status.first_recent;
	if (ctx->import.reset || first >= ctx->import.next_uid)
		return;
	view = mail_index_transaction_open_updated_view(ctx->trans);
	if (mail_index_lookup_seq_range(view, first, (uint32_t)-1, &seq1,
					&seq2))
		mailbox_recent_flags_set_seqs(box, view, seq1, seq2);
	mail_index_view_close(&view);
}

static void sqbox_sync_notify(struct sqbox_sync_context *ctx)
{
	struct mailbox *box = &ctx->mbox->box;
	uint32_t uid;

	box->tmp_sync_view = ctx->view;
	array_foreach_elem (&ctx->expunged_uids, uid)
		T_BEGIN
		{
			mailbox_sync_notify(box, uid,
					    MAILBOX_SYNC_TYPE_EXPUNGE);
		}
	T_END;
	mailbox_sync_notify(box, 0, 0);
	box->tmp_sync_view = NULL;
}

int sqbox_sync_commit_index(struct sqbox_sync_context **_ctx)
{
	struct sqbox_sync_context *ctx = *_ctx;
	struct mail_index_view *view = ctx->view;
	int ret = 0;

	sqbox_index_update_header(&ctx->import, &ctx->status,
				  ctx->status.highestmodseq);
	sqbox_sync_set_recent(ctx);

	mail_index_view_ref(view);
	sqbox_index_limit_log(ctx->mbox, ctx->status.messages);
	if (mail_index_sync_commit(&ctx->index_sync_ctx) < 0) {
		mailbox_set_index_error(&ctx->mbox->box);
		ret = -1;
	} else {
		ctx->mbox->resync_wanted = FALSE;
		sqbox_sync_notify(ctx);
	}
	mail_index_view_close(&view);
	sqbox_sync_free(_ctx);
	return ret;
}

/* More was imported than SQBOX_MODSEQ_ROOM has room for. */
static bool
sqbox_sync_has_passed_room(struct sqbox_mailbox *mbox, uint64_t modseq)
{
	struct mail_index_view *view = mail_index_view_open(mbox->box.index);
	uint64_t highest = mail_index_modseq_get_highest(view);

	mail_index_view_close(&view);
	return highest > modseq + SQBOX_MODSEQ_ROOM;
}

int sqbox_sync(struct sqbox_mailbox *mbox, enum sqbox_sync_flags flags)
{
	struct sqbox_sync_context *ctx;
	uint64_t modseq;
	enum sqb_err err;
	bool durable;
	int ret;

	if (sqbox_sync_begin(mbox, flags, &ctx) < 0)
		return -1;
	if (ctx == NULL)
		return 0;
	if (sqbox_sync_commit_store(ctx) < 0) {
		sqbox_sync_rollback(&ctx);
		return -1;
	}
	durable = array_count(&ctx->expunged_uids) > 0;
	modseq = ctx->status.highestmodseq;
	ret = sqbox_sync_commit_index(&ctx);

	err = sqbox_account_finish(mbox->storage->account, durable);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&mbox->box, err);
		ret = -1;
	}
	if (ret == 0 && (flags & SQBOX_SYNC_FLAG_RAISE) == 0 &&
	    sqbox_sync_has_passed_room(mbox, modseq))
		ret = sqbox_sync(mbox, SQBOX_SYNC_FLAG_RAISE);
	return ret;
}

struct mailbox_sync_context *
sqbox_storage_sync_init(struct mailbox *box, enum mailbox_sync_flags flags)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	enum sqbox_sync_flags sync_flags = 0;
	int ret = 0;

	if (index_mailbox_want_full_sync(box, flags) || mbox->resync_wanted) {
		if ((flags & MAILBOX_SYNC_FLAG_FORCE_RESYNC) != 0)
			sync_flags |= SQBOX_SYNC_FLAG_MERGE;
		ret = sqbox_sync(mbox, sync_flags);
	}
	return index_mailbox_sync_init(box, flags, ret < 0);
}
