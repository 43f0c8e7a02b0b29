/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MAILDIR_H
#define IFS_MAILDIR_H

#include "fuse/files.h"
#include "fuse/maildir-name.h"
#include "fuse/maildir-state.h"

/*
 * The Maildir layout: each mailbox that can hold messages is a folder with cur,
 * new and tmp, beside those of its children.
 *
 *	cur	messages that a program has seen, or that have flags
 *	new	messages that have arrived (maildir-state.h says more)
 *	tmp	scratch, of any name
 *
 * Whatever is renamed, linked or written to cur or new, and has a name that a
 * message can have (maildir-name.h), is a message; all other files, also those
 * beside the three directories, are scratch.  To rename a message is to give it
 * the flags that are in the new name, and to MOVE it if that is in another
 * folder.  From cur to new works, too: \Recent does not come back, but this
 * mount shows it there from then on.
 */
#define IFS_MAILDIR_CUR 1
#define IFS_MAILDIR_NEW 2
#define IFS_MAILDIR_TMP 3

/* The number of one of the three in a mailbox, and which one has a number. */
fuse_ino_t ifs_maildir_ino(struct sqb_mailbox_id box, uint32_t dir);
uint32_t ifs_maildir_dir(fuse_ino_t ino);

/* "cur" and so on; and back, 0 for other names. */
const char *ifs_maildir_dir_name(uint32_t dir);
uint32_t ifs_maildir_dir_named(const char *name);

/*
 * Is this one of the three, by its name in the directory parent?  SQB_NOTFOUND
 * is an answer.
 */
enum sqb_err ifs_maildir_find_dir(struct ifs_fs *fs, struct sqb_store *st,
				  fuse_ino_t parent, const char *name,
				  fuse_ino_t *ino_r);

/* ENOENT: the mailbox is gone, or \Noselect. */
int ifs_maildir_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r);

/*
 * Can something be called so in a directory?  0; or what would be mail by its
 * place cannot be one by its name: ENAMETOOLONG, or EINVAL.
 */
int ifs_maildir_check_name(fuse_ino_t dir, const char *name);

/* Does the process that asks not see one of the three? (maildir-state.h) */
bool ifs_maildir_is_hidden(fuse_req_t req, fuse_ino_t parent, const char *name);

/* mkdir and rmdir of one of the three.  0, or an errno value. */
int ifs_maildir_mkdir(fuse_req_t req, fuse_ino_t ino);
int ifs_maildir_rmdir(struct ifs_fs *fs, fuse_ino_t ino);

/* One of the three directories, to look at messages as it shows them. */
struct ifs_maildir_view {
	struct ifs_fs *fs; /* foreign */
	struct sqb_mailbox_id box;
	uint32_t dir;
	uint32_t first_recent;
	uint32_t first_uid; /* none below is in here */
	bool has_forwarded; /* somebody has used $Forwarded */
	uint32_t forwarded; /* its number */
};
/* SQB_NOTFOUND (an answer): no such mailbox. */
enum sqb_err ifs_maildir_view(struct ifs_fs *fs, struct sqb_store *st,
			      fuse_ino_t dir, struct ifs_maildir_view *view_r);

/* Its name in there; false: it is not.  given: in the store, or NULL. */
bool ifs_maildir_view_name(const struct ifs_maildir_view *view,
			   const struct sqb_message *msg, const char *given,
			   char name_r[IFS_NAME_MAX + 1]);

/* SQB_NOTFOUND (an answer): no message is called so in there now. */
enum sqb_err ifs_maildir_find(struct ifs_fs *fs, struct sqb_store *st,
			      fuse_ino_t dir, const char *name,
			      struct sqb_message *msg_r);

/* Where it is. */
enum sqb_err ifs_maildir_place_of(struct ifs_fs *fs, struct sqb_store *st,
				  struct sqb_mailbox_id box,
				  const struct sqb_message *msg,
				  struct ifs_maildir_place *place_r);

/*
 * Inside a transaction: the message gets the flags, all six, and is where place
 * says.  Sets place->first_recent; after the commit, call ifs_maildir_put().
 */
enum sqb_err ifs_maildir_apply(struct ifs_fs *fs, struct sqb_store *st,
			       struct sqb_mailbox_id box, uint32_t uid,
			       struct ifs_maildir_place *place);

#endif
