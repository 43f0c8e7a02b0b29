/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_SAVE_H
#define SQBOX_SAVE_H

#include "index-mail.h"
#include "sqbox-storage.h"
#include "sqbox-sync.h"

/*
 * Saving and copying.  The order of calls, with what is done in each:
 *
 *	save_alloc	once for a transaction; again for each mail of it
 *	save_begin	the mail enters the index transaction, without a UID
 *	save_continue*	octets go through zstd into memory, or a file
 *	save_finish	the body is complete; or save_cancel: it is dropped
 *	...		the next mail; copies enter by sqbox_copy()
 *	commit_pre	lock the index log, lock the store (sqbox-sync.h), give
 *			UIDs, insert all mails of the transaction, COMMIT
 *	(core)		commits the index transaction
 *	commit_post	unlock the index log
 *	(then)		sqbox_transaction_commit() syncs the WAL; only now the
 *			client is answered
 *
 * So a transaction's mails are saved all or none, and what fails, fails before
 * the answer.  A crash after the COMMIT leaves mails that the next sync brings
 * into the index.
 */

/* One mail of the transaction. */
struct sqbox_save_mail {
	uint32_t seq;                   /* in the index transaction */
	struct sqb_body_writer *writer; /* own; NULL: a copy */
	guid_128_t guid;

	/* Copies: the source's body; and where it is moved from. */
	struct sqb_message src;
	struct sqb_mailbox_id move_box; /* n = 0: not moved */
	uint32_t move_uid;

	time_t received_date, save_date;
	uint64_t min_modseq;
	char *pop3_uidl; /* own */
	uint32_t pop3_order;
};

struct sqbox_save_context {
	struct mail_save_context ctx;

	struct sqbox_mailbox *mbox;
	struct mail_index_transaction *trans; /* foreign */
	ARRAY(struct sqbox_save_mail) mails;
	uint32_t highest_uid; /* of those that came with one */

	/* The mail being saved now; it joins the others when complete. */
	struct sqbox_save_mail cur;
	struct istream *input;
	struct ostream *output;

	struct sqbox_sync_context *sync_ctx;

	bool failed : 1;
	bool finished : 1;
};

#define SQBOX_SAVECTX(s) (container_of(s, struct sqbox_save_context, ctx))

/* The mailbox_vfuncs. */
struct mail_save_context *
sqbox_save_alloc(struct mailbox_transaction_context *t);
int sqbox_save_begin(struct mail_save_context *ctx, struct istream *input);
int sqbox_save_continue(struct mail_save_context *ctx);
int sqbox_save_finish(struct mail_save_context *ctx);
void sqbox_save_cancel(struct mail_save_context *ctx);
int sqbox_copy(struct mail_save_context *ctx, struct mail *mail);

int sqbox_transaction_save_commit_pre(struct mail_save_context *ctx);
void sqbox_transaction_save_commit_post(
	struct mail_save_context *ctx,
	struct mail_index_transaction_commit_result *result);
void sqbox_transaction_save_rollback(struct mail_save_context *ctx);
int sqbox_transaction_commit(struct mailbox_transaction_context *t,
			     struct mail_transaction_commit_changes *changes_r);

/* Add the mail of the context to the index transaction. */
void sqbox_save_add_to_index(struct sqbox_save_context *ctx, uint32_t *seq_r);

/*
 * A mail of a transaction that is not committed (mail->saving): what plugins
 * may ask of it.
 */
int sqbox_save_get_row(struct mail *mail, struct sqb_message *msg_r);
int sqbox_save_get_guid(struct mail *mail, const char **value_r);
int sqbox_save_open_stream(struct mail *mail, struct istream **input_r);

#endif
