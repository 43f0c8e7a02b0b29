/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_NOTIFY_H
#define SQBOX_NOTIFY_H

struct mailbox;

/*
 * Waking an IDLE client.  Every writer of the store rings its doorbell file,
 * after the commit; we watch that file.  Dovecot's own watch of a file calls
 * back only after half a second, so there is a second one beside it that does
 * so at once.  Dovecot's is still needed: imap-hibernate takes its descriptor
 * over, and it polls where there is no inotify.
 */
void sqbox_notify_changes(struct mailbox *box);
void sqbox_notify_remove(struct mailbox *box);

#endif
