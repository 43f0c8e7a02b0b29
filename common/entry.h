/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_ENTRY_H
#define SQB_ENTRY_H

#include "common/message.h"

/*
 * Names of messages as files of a folder.
 *
 * A message has a name that is computed from its row, by the caller; this is
 * about those that were given another one.  A name is 1 to SQB_ENTRY_NAME_MAX
 * octets of any kind but NUL and '/', unique in its mailbox.  It is the
 * message's as long as that has its UID, and goes when it is expunged or moved.
 */
#define SQB_ENTRY_NAME_MAX 255

/* Who was given this name.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_entry_find(struct sqb_store *st, struct sqb_mailbox_id box,
			    const char *name, uint32_t *uid_r);

/*
 * The name that a message was given, to free().  SQB_NOTFOUND (an answer): it
 * was given none, or is not there.
 */
enum sqb_err sqb_entry_name_get(struct sqb_store *st, struct sqb_mailbox_id box,
				uint32_t uid, char **name_r);

/*
 * Give a message a name; NULL: the computed one again.  Needs a transaction.
 * It is a change of the message: its modseq rises, and its mailbox's, unless it
 * has this name already.
 * SQB_EXISTS: another message of the mailbox has the name.  SQB_INVALID: it
 * breaks the rules.  SQB_NOTFOUND (an answer): no such message.
 */
enum sqb_err sqb_entry_name_set(struct sqb_store *st, struct sqb_mailbox_id box,
				uint32_t uid, const char *name);

/*
 * Walk the messages of UIDs above after_uid in UID order, as in message.h.
 * *name_r: the name given, NULL for the computed one; dies with the next call.
 */
struct sqb_entry_iter *sqb_entry_iter_begin(struct sqb_store *st,
					    struct sqb_mailbox_id box,
					    uint32_t after_uid);
bool sqb_entry_iter_next(struct sqb_entry_iter *it, struct sqb_message *msg_r,
			 const char **name_r);
enum sqb_err sqb_entry_iter_end(struct sqb_entry_iter **it);

#endif
