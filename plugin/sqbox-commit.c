/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* Committing what a transaction has saved and copied (sqbox-save.h). */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "seq-range-array.h"
#include "sqbox-error.h"
#include "sqbox-flags.h"
#include "sqbox-save.h"
#include "common/txn.h"

/* The numbers in the store of a mail's keywords in the index. */
static enum sqb_err
sqbox_commit_get_keywords(struct sqbox_save_context *ctx,
			  struct mail_index_view *view, uint32_t seq,
			  struct sqb_keywords *keywords_r)
{
	const ARRAY_TYPE(keywords) *names =
		mail_index_get_keywords(ctx->mbox->box.index);
	ARRAY_TYPE(keyword_indexes) indexes;
	ARRAY_TYPE(uint32_t) numbers;
	unsigned int idx;
	uint32_t number;
	enum sqb_err err;

	t_array_init(&indexes, 8);
	t_array_init(&numbers, 8);
	mail_index_lookup_keywords(view, seq, &indexes);
	array_foreach_elem (&indexes, idx) {
		err = sqb_keyword_number(ctx->sync_ctx->st,
					 array_idx_elem(names, idx), TRUE,
					 &number);
		if (err == SQB_INVALID)
			continue; /* Dovecot lets no such name in */
		if (err != SQB_OK)
			return err;
		array_push_back(&numbers, &number);
	}
	sqbox_keywords_from_array(&numbers, keywords_r);
	return SQB_OK;
}

/* The new row: flags and keywords as they stand in the transaction now. */
static enum sqb_err
sqbox_commit_get_row(struct sqbox_save_context *ctx,
		     struct mail_index_view *view,
		     const struct sqbox_save_mail *smail, uint32_t uid,
		     struct sqb_message_new *new_r)
{
	const struct mail_index_record *rec =
		mail_index_lookup(view, smail->seq);

	i_zero(new_r);
	new_r->uid = uid;
	new_r->flags = sqbox_flags_to_store(rec->flags);
	new_r->min_modseq = smail->min_modseq;
	new_r->date = smail->received_date;
	new_r->save_date =
		smail->save_date == (time_t)-1 ? ioloop_time : smail->save_date;
	new_r->pop3_uidl = smail->pop3_uidl;
	new_r->pop3_order = smail->pop3_order;
	return sqbox_commit_get_keywords(ctx, view, smail->seq,
					 &new_r->keywords);
}

static enum sqb_err
sqbox_commit_mail(struct sqbox_save_context *ctx, struct mail_index_view *view,
		  const struct sqbox_save_mail *smail, uint32_t uid)
{
	struct sqb_store *st = ctx->sync_ctx->st;
	struct sqb_message_new new;
	enum sqb_err err;

	err = sqbox_commit_get_row(ctx, view, smail, uid, &new);
	if (err != SQB_OK)
		return err;
	if (smail->writer != NULL) {
		return sqb_message_append(st, ctx->mbox->id, smail->writer,
					  &new, &uid);
	}
	if (smail->move_box.n != 0) {
		return sqb_message_move(st, smail->move_box, smail->move_uid,
					ctx->mbox->id, &new, &uid);
	}
	return sqb_message_copy(st, &smail->src, ctx->mbox->id, &new, &uid);
}

struct sqbox_commit_order {
	uint32_t uid;
	unsigned int idx; /* of ctx->mails */
};

static int sqbox_commit_order_cmp(const struct sqbox_commit_order *o1,
				  const struct sqbox_commit_order *o2)
{
	return o1->uid < o2->uid ? -1 : (o1->uid > o2->uid ? 1 : 0);
}

/* dsync chooses UIDs itself, and not in their order; the store wants it. */
static enum sqb_err sqbox_commit_mails(struct sqbox_save_context *ctx,
				       const ARRAY_TYPE(seq_range) * uids)
{
	ARRAY(struct sqbox_commit_order) orders;
	struct sqbox_commit_order *order;
	struct mail_index_view *view;
	struct seq_range_iter iter;
	unsigned int n = 0;
	uint32_t uid;
	enum sqb_err err = SQB_OK;

	i_array_init(&orders, array_count(&ctx->mails));
	seq_range_array_iter_init(&iter, uids);
	while (seq_range_array_iter_nth(&iter, n, &uid)) {
		order = array_append_space(&orders);
		order->uid = uid;
		order->idx = n++;
	}
	i_assert(n == array_count(&ctx->mails));
	array_sort(&orders, sqbox_commit_order_cmp);

	view = mail_index_transaction_open_updated_view(ctx->trans);
	array_foreach_modifiable (&orders, order)
		T_BEGIN
		{
			if (err == SQB_OK) {
				err = sqbox_commit_mail(
					ctx, view,
					array_idx(&ctx->mails, order->idx),
					order->uid);
			}
		}
	T_END;
	mail_index_view_close(&view);
	array_free(&orders);
	return err;
}

/* A source of a copy or move has gone meanwhile: as other formats say it. */
static void
sqbox_commit_set_error(struct sqbox_save_context *ctx, enum sqb_err err)
{
	if (err == SQB_NOTFOUND) {
		mail_storage_set_error(
			ctx->mbox->box.storage, MAIL_ERROR_EXPUNGED,
			"Some of the requested messages no longer exist.");
	} else if (err == SQB_EXISTS || err == SQB_INVALID) {
		/* no fault of the client's: the numbers are ours */
		mailbox_set_critical(&ctx->mbox->box, "sqbox: %s",
				     sqb_store_errmsg(ctx->sync_ctx->st));
	} else {
		sqbox_mailbox_set_error(&ctx->mbox->box, err);
	}
}

int sqbox_transaction_save_commit_pre(struct mail_save_context *_ctx)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);
	struct mailbox_transaction_context *t = _ctx->transaction;
	struct sqbox_sync_context *sync_ctx;
	uint64_t next_uid;
	enum sqb_err err;

	i_assert(ctx->finished);

	if (array_count(&ctx->mails) == 0) {
		/* all of them failed, or were cancelled */
		return 0;
	}
	if (sqbox_sync_begin(ctx->mbox, SQBOX_SYNC_FLAG_SAVE, &ctx->sync_ctx) <
	    0) {
		sqbox_transaction_save_rollback(_ctx);
		return -1;
	}
	sync_ctx = ctx->sync_ctx;
	next_uid = I_MAX(sqbox_uidnext(&sync_ctx->status),
			 ctx->highest_uid + 1ULL);
	if (next_uid + array_count(&ctx->mails) > SQBOX_LAST_UID + 1ULL) {
		mail_storage_set_error(t->box->storage, MAIL_ERROR_LIMIT,
				       "The mailbox has used all its UIDs");
		sqbox_transaction_save_rollback(_ctx);
		return -1;
	}
	mail_index_append_finish_uids(ctx->trans, sync_ctx->status.uidnext,
				      &t->changes->saved_uids);
	err = sqbox_commit_mails(ctx, &t->changes->saved_uids);
	if (err != SQB_OK) {
		sqbox_commit_set_error(ctx, err);
		sqbox_transaction_save_rollback(_ctx);
		return -1;
	}
	if (sqbox_sync_commit_store(sync_ctx) < 0) {
		sqbox_transaction_save_rollback(_ctx);
		return -1;
	}
	/* core commits the appends before our transaction */
	sync_ctx->import.next_uid = sqbox_uidnext(&sync_ctx->status);
	ctx->mbox->durable_wanted = TRUE;
	t->changes->uid_validity = sync_ctx->status.uidvalidity;
	return 0;
}

static void sqbox_save_free(struct sqbox_save_context *ctx)
{
	struct sqbox_save_mail *smail;

	array_foreach_modifiable (&ctx->mails, smail) {
		sqb_body_writer_free(&smail->writer);
		i_free(smail->pop3_uidl);
	}
	array_free(&ctx->mails);
	i_free(ctx);
}

void sqbox_transaction_save_commit_post(
	struct mail_save_context *_ctx,
	struct mail_index_transaction_commit_result *result)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);

	_ctx->transaction = NULL; /* it is freed already */
	if (ctx->sync_ctx != NULL) {
		mail_index_sync_set_commit_result(ctx->sync_ctx->index_sync_ctx,
						  result);
		/* The store has the mails: should the index fail, the next
		   sync brings them in. */
		(void)sqbox_sync_commit_index(&ctx->sync_ctx);
	}
	sqbox_save_free(ctx);
}

void sqbox_transaction_save_rollback(struct mail_save_context *_ctx)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);

	ctx->failed = TRUE;
	if (!ctx->finished)
		sqbox_save_cancel(_ctx);
	if (ctx->sync_ctx != NULL)
		sqbox_sync_rollback(&ctx->sync_ctx);
	sqbox_save_free(ctx);
}

int sqbox_transaction_commit(struct mailbox_transaction_context *t,
			     struct mail_transaction_commit_changes *changes_r)
{
	struct mailbox *box = t->box;
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);
	enum sqb_err err;
	int ret;

	ret = index_transaction_commit(t, changes_r);
	if (mbox->durable_wanted) {
		mbox->durable_wanted = FALSE;
		err = sqbox_account_finish(mbox->storage->account, TRUE);
		if (err != SQB_OK) {
			sqbox_mailbox_set_error(box, err);
			ret = -1;
		}
	}
	return ret;
}
