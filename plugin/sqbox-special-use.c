/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "sqbox-compat.h"
#include "sqbox-special-use.h"
#include "sqbox-storage.h"
#include "common/special-use.h"
#include "common/txn.h"

#include <stdlib.h>

static enum sqb_err
sqbox_special_use_write(struct sqb_store *st, struct sqb_mailbox_id id,
			unsigned int uses)
{
	struct sqb_mailbox_update update;
	enum sqb_err err;

	i_zero(&update);
	update.set_special_use = TRUE;
	update.special_use = uses;
	err = sqb_txn_begin(st);
	if (err != SQB_OK)
		return err;
	err = sqb_mailbox_update(st, id, &update);
	if (err != SQB_OK) {
		sqb_txn_rollback(st);
		return err;
	}
	return sqb_txn_commit(st);
}

void sqbox_special_use_record(struct mailbox *box,
			      const struct sqb_mailbox_status *status)
{
	struct sqbox_account *account = SQBOX_MAILBOX(box)->storage->account;
	struct mail_namespace *ns = box->list->ns;
	unsigned int uses;
	enum sqb_err err;

	/* Another one's account is not ours to describe. */
	if (ns->type != MAIL_NAMESPACE_TYPE_PRIVATE ||
	    !sqbox_namespace_has_special_use(ns) || sqb_txn_active(account->st))
		return;
	if (!sqb_uses_parse(sqbox_mailbox_configured_use(box), &uses))
		return; /* a use that the store has no bit for */
	if (uses == status->special_use)
		return;
	err = sqbox_special_use_write(account->st, status->id, uses);
	if (err == SQB_OK)
		err = sqbox_account_finish(account, FALSE);
	/* The mailbox can be used all the same, and the next who opens it will
	   try again. */
	if (err != SQB_OK) {
		e_warning(box->event, "sqbox: special use not recorded: %s",
			  sqb_store_errmsg(account->st));
	}
}

const char *sqbox_special_use_of(struct mail_namespace *ns, pool_t pool,
				 const struct sqb_mailbox_status *status)
{
	const char *copy;
	char *text;

	if (status->special_use == 0 || sqbox_namespace_has_special_use(ns))
		return NULL;
	text = sqb_uses_text(status->special_use);
	copy = p_strdup(pool, text);
	free(text);
	return copy;
}
