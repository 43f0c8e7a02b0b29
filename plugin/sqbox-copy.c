/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* Copies and moves within a store share the body (sqbox-save.h). */

#include "lib.h"
#include "array.h"
#include "mail-copy.h"
#include "sqbox-error.h"
#include "sqbox-mail.h"
#include "sqbox-save.h"

/* The same store, and nothing that wants to see the octets go by. */
static bool
sqbox_copy_can_share(struct mail_save_context *ctx, struct mail *mail)
{
	struct mailbox *dest = ctx->transaction->box;

	return strcmp(mail->box->storage->name, SQBOX_STORAGE_NAME) == 0 &&
	       sqbox_store(mail->box) == sqbox_store(dest) && !mail->saving &&
	       !dest->disable_reflink_copy_to && ctx->data.guid == NULL;
}

static int sqbox_copy_share(struct mail_save_context *_ctx, struct mail *mail)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);
	struct mail_save_data *mdata = &_ctx->data;
	struct sqbox_save_mail smail;
	struct sqb_body_info info;
	enum sqb_err err;

	i_zero(&smail);
	if (sqbox_mail_get_row(mail, &smail.src) < 0)
		return -1;
	err = sqb_body_info(sqbox_store(mail->box),
			    SQBOX_MAILBOX(mail->box)->id, mail->uid, &info);
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	memcpy(smail.guid, info.guid, sizeof(smail.guid));
	i_zero(&smail.src.keywords); /* dies with the next call */

	smail.received_date = mdata->received_date == (time_t)-1 ?
				      (time_t)smail.src.date :
				      mdata->received_date;
	smail.save_date = mdata->save_date;
	smail.min_modseq = mdata->min_modseq;
	smail.pop3_uidl = i_strdup(mdata->pop3_uidl);
	smail.pop3_order = mdata->pop3_order;
	if (_ctx->moving && mail->box != _ctx->transaction->box) {
		smail.move_box = SQBOX_MAILBOX(mail->box)->id;
		smail.move_uid = mail->uid;
	}

	sqbox_save_add_to_index(ctx, &smail.seq);
	index_copy_cache_fields(_ctx, mail, smail.seq);
	array_push_back(&ctx->mails, &smail);
	mail_set_seq_saving(_ctx->dest_mail, smail.seq);
	return 0;
}

int sqbox_copy(struct mail_save_context *_ctx, struct mail *mail)
{
	struct sqbox_save_context *ctx = SQBOX_SAVECTX(_ctx);
	int ret;

	i_assert((_ctx->transaction->flags &
		  MAILBOX_TRANSACTION_FLAG_EXTERNAL) != 0);

	ctx->finished = TRUE;
	if (!sqbox_copy_can_share(_ctx, mail))
		return mail_storage_copy(_ctx, mail);
	T_BEGIN
	{
		ret = sqbox_copy_share(_ctx, mail);
	}
	T_END;
	index_save_context_free(_ctx);
	return ret;
}
