/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MAILDIR_STATE_H
#define IFS_MAILDIR_STATE_H

#include "fuse/fs.h"

/*
 * What a mount with the Maildir layout remembers of folders.
 *
 * In new are the messages that are \Recent and have no flags; all others are in
 * cur.  \Recent is a watermark in the store: the messages from a UID on.  A
 * program may move single ones, so the mount remembers those that it would
 * otherwise show in the other directory; what is moved back to new stays there
 * until it is moved again, or is \Seen.  The watermark is raised as soon as
 * all messages below are in cur, and then nothing needs to be remembered.  IMAP
 * sessions, other mounts, and the next one, know the watermark only: for them
 * an unread message that was moved to cur out of turn is new until then, and
 * none that is below comes back.
 */
struct ifs_maildir_state;

struct ifs_maildir_state *ifs_maildir_state_new(void);
/* Accepts NULL; clears the pointer. */
void ifs_maildir_state_free(struct ifs_maildir_state **state);

/* Where a message is, in this mount; first_recent: that of the mailbox. */
bool ifs_maildir_in_new(struct ifs_fs *fs, struct sqb_mailbox_id box,
			uint32_t uid, unsigned int flags,
			uint32_t first_recent);
/* No message with a lower UID is in new. */
uint32_t ifs_maildir_first_new(struct ifs_fs *fs, struct sqb_mailbox_id box,
			       uint32_t first_recent);

/* A message was put there, by rename or delivery. */
struct ifs_maildir_place {
	unsigned int flags; /* that it has (maildir-name.h) */
	bool in_new;
	uint32_t first_recent; /* of the mailbox, then */
};
void ifs_maildir_put(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		     const struct ifs_maildir_place *place);

/*
 * The mtime of cur and new: when it was first noticed that anything in the
 * folder has changed, be it a flag; before that, since when it is mounted, so
 * that programs that go by it have a look.
 */
void ifs_maildir_mtime(struct ifs_fs *fs,
		       const struct sqb_mailbox_status *status,
		       struct timespec *mtime_r);

/*
 * Whoever makes a folder by mkdir may be about to make cur, new and tmp: a
 * process does not see these in a folder that it has made until it has done so.
 * All others do.  dir counts as in maildir.h.
 */
#define IFS_MAILDIR_ANYBODY (-1) /* for pid: is there such a process? */
void ifs_maildir_made(struct ifs_fs *fs, struct sqb_mailbox_id box, pid_t pid);
bool ifs_maildir_is_missing(struct ifs_fs *fs, struct sqb_mailbox_id box,
			    uint32_t dir, pid_t pid);
void ifs_maildir_made_dir(struct ifs_fs *fs, struct sqb_mailbox_id box,
			  uint32_t dir);

#endif
