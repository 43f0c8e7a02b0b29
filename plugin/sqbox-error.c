/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "sqbox-storage.h"
#include "sqbox-error.h"

/*
 * The client's view of an error.  Returns FALSE for what a client can do
 * nothing about: it is told "internal error" then, and the log says more.
 */
static bool sqbox_error_for_client(enum sqb_err err, enum mail_error *error_r,
				   const char **text_r, bool *log_r)
{
	*log_r = FALSE;
	*text_r = NULL; /* the store's own sentence */

	switch (err) {
	case SQB_OK:
		i_unreached();
	case SQB_NOTFOUND:
	case SQB_NOSELECT:
		*error_r = MAIL_ERROR_NOTFOUND;
		return TRUE;
	case SQB_EXISTS:
		*error_r = MAIL_ERROR_EXISTS;
		*text_r = "Mailbox already exists";
		return TRUE;
	case SQB_INVALID:
		*error_r = MAIL_ERROR_PARAMS;
		return TRUE;
	case SQB_LIMIT:
		*error_r = MAIL_ERROR_LIMIT;
		return TRUE;
	case SQB_BUSY:
		*error_r = MAIL_ERROR_INUSE;
		*text_r = "The account is busy, try again";
		*log_r = TRUE;
		return TRUE;
	case SQB_FULL:
		*error_r = MAIL_ERROR_NOQUOTA;
		*text_r = "Not enough disk space";
		*log_r = TRUE;
		return TRUE;
	case SQB_READONLY:
		*error_r = MAIL_ERROR_PERM;
		*text_r = "The account is read-only now";
		*log_r = TRUE;
		return TRUE;
	case SQB_ABSENT:
		*error_r = MAIL_ERROR_TEMP;
		*text_r = "The message was not fetched from the server yet";
		return TRUE;
	case SQB_DENIED:
	case SQB_NOTOURS:
	case SQB_NEWER:
	case SQB_CORRUPT:
	case SQB_IO:
	case SQB_INTERNAL:
		break;
	}
	return FALSE;
}

void sqbox_mailbox_set_error(struct mailbox *box, enum sqb_err err)
{
	const char *msg = t_strdup(sqb_store_errmsg(sqbox_store(box)));
	enum mail_error error;
	const char *text;
	bool log;

	if (err == SQB_NOTFOUND || err == SQB_NOSELECT) {
		mail_storage_set_error(
			box->storage, MAIL_ERROR_NOTFOUND,
			T_MAIL_ERR_MAILBOX_NOT_FOUND(box->vname));
	} else if (!sqbox_error_for_client(err, &error, &text, &log)) {
		mailbox_set_critical(box, "sqbox: %s", msg);
	} else {
		if (log)
			e_error(box->event, "sqbox: %s", msg);
		mail_storage_set_error(box->storage, error,
				       text != NULL ? text : msg);
	}
}

void sqbox_mail_set_error(struct mail *mail, enum sqb_err err)
{
	switch (err) {
	case SQB_NOTFOUND:
		mail_set_expunged(mail);
		break;
	case SQB_CORRUPT:
		/* Any other error would end the client's connection, or its
		   command, and so take other messages along; dsync would stop
		   at this one. */
		e_error(mail_event(mail), "sqbox: %s",
			sqb_store_errmsg(sqbox_store(mail->box)));
		mail_set_expunged(mail);
		break;
	default:
		sqbox_mailbox_set_error(mail->box, err);
	}
}

void sqbox_list_set_error(struct mailbox_list *list, struct sqb_store *st,
			  const char *name, enum sqb_err err)
{
	const char *msg = t_strdup(sqb_store_errmsg(st));
	enum mail_error error;
	const char *text;
	bool log;

	if (err == SQB_NOTFOUND || err == SQB_NOSELECT) {
		mailbox_list_set_error(
			list, MAIL_ERROR_NOTFOUND,
			T_MAILBOX_LIST_ERR_NOT_FOUND(list, name));
	} else if (!sqbox_error_for_client(err, &error, &text, &log)) {
		mailbox_list_set_critical(list, "sqbox: %s", msg);
	} else {
		if (log)
			e_error(list->ns->user->event, "sqbox: %s", msg);
		mailbox_list_set_error(list, error, text != NULL ? text : msg);
	}
}
