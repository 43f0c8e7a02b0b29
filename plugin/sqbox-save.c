/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* Saving: the mails of a transaction, up to its commit (sqbox-save.h). */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "istream.h"
#include "istream-crlf.h"
#include "ostream.h"
#include "sqbox-error.h"
#include "sqbox-istream.h"
#include "sqbox-ostream.h"
#include "sqbox-save.h"

struct mail_save_context *
sqbox_save_alloc(struct mailbox_transaction_context *t)
{
	struct sqbox_save_context *ctx;

	i_assert((t->flags & MAILBOX_TRANSACTION_FLAG_EXTERNAL) != 0);

	if (t->save_ctx != NULL) {
		/* the next mail of the same transaction */
		ctx = SQBOX_SAVECTX(t->save_ctx);
		ctx->failed = FALSE;
		ctx->finished = FALSE;
		return t->save_ctx;
	}
	ctx = i_new(struct sqbox_save_context, 1);
	ctx->ctx.transaction = t;
	ctx->mbox = SQBOX_MAILBOX(t->box);
	ctx->trans = t->itrans;
	i_array_init(&ctx->mails, 32);
	t->save_ctx = &ctx->ctx;
	return t->save_ctx;
}

void sqbox_save_add_to_index(struct sqbox_save_context *ctx, uint32_t *seq_r)
{
	struct mail_save_data *mdata = &ctx->ctx.data;

	mail_index_append(ctx->trans, mdata->uid, seq_r);
	ctx->highest_uid = I_MAX(ctx->highest_uid, mdata->uid);
	mail_index_update_flags(ctx->trans, *seq_r, MODIFY_REPLACE,
				mdata->flags & ENUM_NEGATE(MAIL_RECENT));
	if (mdata->keywords != NULL) {
		mail_index_update_keywords(ctx->trans, *seq_r, MODIFY_REPLACE,
					   mdata->keywords);
	}
	if (mdata->min_modseq != 0) {
		mail_index_update_modseq(ctx->trans, *seq_r, mdata->min_modseq);
	}
}

int sqbox_save_begin(struct mail_save_context *_ctx, struct istream *input)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);
	struct mail_save_data *mdata = &_ctx->data;
	struct sqb_store *st = sqbox_store(&ctx->mbox->box);
	struct istream *crlf_input;

	i_zero(&ctx->cur);
	sqbox_save_add_to_index(ctx, &ctx->cur.seq);
	mail_set_seq_saving(_ctx->dest_mail, ctx->cur.seq);

	/* stored as IMAP sends it */
	crlf_input = i_stream_create_crlf(input);
	ctx->input = index_mail_cache_parse_init(_ctx->dest_mail, crlf_input);
	i_stream_unref(&crlf_input);

	ctx->cur.writer = sqb_body_begin(st);
	ctx->output = sqbox_ostream_create(st, ctx->cur.writer);
	mdata->output = ctx->output;
	if (mdata->received_date == (time_t)-1)
		mdata->received_date = ioloop_time;
	return 0;
}

int sqbox_save_continue(struct mail_save_context *_ctx)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);

	if (ctx->failed)
		return -1;
	if (index_storage_save_continue(_ctx, ctx->input, _ctx->dest_mail) <
	    0) {
		ctx->failed = TRUE;
		return -1;
	}
	return 0;
}

/* The message's GUID: the one it came with, or a new one. */
static void sqbox_save_set_guid(struct sqbox_save_context *ctx)
{
	const char *guid = ctx->ctx.data.guid;

	if (guid == NULL)
		guid_128_generate(ctx->cur.guid);
	else if (guid_128_from_string(guid, ctx->cur.guid) < 0)
		mail_generate_guid_128_hash(guid, ctx->cur.guid);
}

static void sqbox_save_finish_output(struct sqbox_save_context *ctx)
{
	struct mail_save_data *mdata = &ctx->ctx.data;
	int ret;

	if (mdata->output != ctx->output)
		ret = o_stream_finish(mdata->output); /* a plugin's on top */
	else
		ret = o_stream_flush(mdata->output);
	if (ret < 0 && !ctx->failed) {
		mail_set_critical(ctx->ctx.dest_mail, "sqbox: save failed: %s",
				  o_stream_get_error(mdata->output));
		ctx->failed = TRUE;
	}
	if (mdata->output != ctx->output) {
		o_stream_ref(ctx->output);
		o_stream_destroy(&mdata->output);
	}
	mdata->output = NULL;
	o_stream_destroy(&ctx->output);
}

static void sqbox_save_finish_mail(struct sqbox_save_context *ctx)
{
	struct mail_save_data *mdata = &ctx->ctx.data;
	struct sqbox_save_mail *cur = &ctx->cur;
	enum sqb_err err;

	index_mail_cache_parse_deinit(ctx->ctx.dest_mail, mdata->received_date,
				      !ctx->failed);
	if (ctx->failed)
		return;

	sqbox_save_set_guid(ctx);
	err = sqb_body_finish(cur->writer, cur->guid);
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&ctx->mbox->box, err);
		ctx->failed = TRUE;
		return;
	}
	cur->received_date = mdata->received_date;
	cur->save_date = mdata->save_date;
	cur->min_modseq = mdata->min_modseq;
	cur->pop3_uidl = i_strdup(mdata->pop3_uidl);
	cur->pop3_order = mdata->pop3_order;
	array_push_back(&ctx->mails, cur);
}

int sqbox_save_finish(struct mail_save_context *_ctx)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);

	ctx->finished = TRUE;
	if (ctx->output == NULL) {
		/* cancelled before it began */
		index_save_context_free(_ctx);
		return -1;
	}
	sqbox_save_finish_output(ctx);
	sqbox_save_finish_mail(ctx);
	if (ctx->failed) {
		index_storage_save_abort_last(_ctx, ctx->cur.seq);
		sqb_body_writer_free(&ctx->cur.writer);
	}
	i_zero(&ctx->cur);
	i_stream_unref(&ctx->input);
	index_save_context_free(_ctx);
	return ctx->failed ? -1 : 0;
}

void sqbox_save_cancel(struct mail_save_context *_ctx)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);

	ctx->failed = TRUE;
	(void)sqbox_save_finish(_ctx);
}

/* Mails that are not committed */

static struct sqbox_save_mail *sqbox_save_find(struct mail *mail)
{
	struct sqbox_save_context *ctx =
		SQBOX_SAVECTX(mail->transaction->save_ctx);
	struct sqbox_save_mail *smail;

	array_foreach_modifiable (&ctx->mails, smail) {
		if (smail->seq == mail->seq)
			return smail;
	}
	return NULL; /* it is still being received */
}

int sqbox_save_get_row(struct mail *mail, struct sqb_message *msg_r)
{
	struct mail_save_context *ctx = mail->transaction->save_ctx;
	struct sqbox_save_mail *smail = sqbox_save_find(mail);

	i_zero(msg_r);
	if (smail == NULL) {
		msg_r->date = ctx->data.received_date;
		msg_r->save_date = ioloop_time;
		msg_r->vsize =
			sqb_body_writer_vsize(SQBOX_SAVECTX(ctx)->cur.writer);
		return 0;
	}
	msg_r->date = smail->received_date;
	msg_r->save_date =
		smail->save_date == (time_t)-1 ? ioloop_time : smail->save_date;
	msg_r->vsize = smail->writer == NULL ?
			       smail->src.vsize :
			       sqb_body_writer_vsize(smail->writer);
	return 0;
}

int sqbox_save_get_guid(struct mail *mail, const char **value_r)
{
	struct sqbox_save_mail *smail = sqbox_save_find(mail);
	struct index_mail *imail = INDEX_MAIL(mail);

	*value_r = smail == NULL ? "" :
				   p_strdup(imail->mail.data_pool,
					    guid_128_to_string(smail->guid));
	return 0;
}

int sqbox_save_open_stream(struct mail *mail, struct istream **input_r)
{
	struct sqb_store *st = sqbox_store(mail->box);
	struct sqbox_save_mail *smail = sqbox_save_find(mail);
	struct sqb_body_reader *reader;
	enum sqb_err err;

	if (smail == NULL) {
		mail_set_critical(mail, "sqbox: the message is not complete");
		return -1;
	}
	if (!mail_stream_access_start(mail))
		return -1;
	if (smail->writer != NULL) {
		*input_r = sqbox_istream_create_writer(st, smail->writer);
		return 0;
	}
	err = sqb_body_open_id(st, smail->src.body, &reader);
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	*input_r = sqbox_istream_create(st, &reader);
	return 0;
}
