/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FILES_H
#define IFS_FILES_H

#include "fuse/fs.h"

#include "common/message.h"

/*
 * Files that are more than a row of the store:
 *
 *   - scratch: a file that is no message (yet); it dies with the mount
 *   - a message that was made, replaced or moved through this mount and keeps
 *     the node number it had
 *   - a message that is being written to
 *
 * All others are known by their number alone (inode.h) and are not in here.
 *
 * A file that was found is held (kept in memory) until ifs_file_put().  One
 * that nobody holds goes when it has no name, is no message of another number,
 * and the kernel has forgotten it.
 */
struct ifs_draft;

struct ifs_file {
	fuse_ino_t ino; /* constant */

	/* The table's; read and changed by its functions only. */
	unsigned int holds; /* threads and open handles */
	uint64_t lookups;   /* by the kernel, as counted */
	bool more_lookups;  /* there were some before it came in here */
	fuse_ino_t dir;     /* scratch: the directory it is listed in */
	char *name;         /* own; scratch: its name there, else NULL */
	struct sqb_mailbox_id box;
	uint32_t uid;       /* 0: not a message */
	bool gone;          /* it was one, and was removed */
	uint64_t gone_size; /* then, */
	int64_t gone_date;  /* and its INTERNALDATE */
	struct ifs_file *next_ino, *next_name, *next_message; /* foreign */
	struct ifs_file *next_scratch, *prev_scratch;         /* foreign */

	/* Who holds the lock reads and changes: */
	pthread_mutex_t lock;
	struct ifs_draft *draft; /* own; NULL: the content is the message's */
	unsigned int writers;    /* open handles that may write */
	bool dirty;              /* the draft has what the store has not */
	bool failed;             /* and so it is because a commit has failed */
	bool stale;              /* the kernel has pages of a draft given up */
	uint32_t made;           /* UID that this draft has made; 0: none yet */
	time_t made_at;          /* when, by CLOCK_MONOTONIC; 0: never */
	mode_t mode;             /* of scratch: permission bits */
	struct timespec mtime;   /* of scratch and drafts */
	bool mtime_set;          /* by utimens: it becomes INTERNALDATE */
	char *flags; /* own; of scratch: what the message will have (xattr.h) */
};

struct ifs_files *ifs_files_new(void);
void ifs_files_free(struct ifs_files **files);

/* Find and hold; NULL: there is no such file in here. */
struct ifs_file *ifs_file_get(struct ifs_files *files, fuse_ino_t ino);
struct ifs_file *ifs_file_named(struct ifs_files *files, fuse_ino_t dir,
				const char *name);

/* The scratch file of a directory with the next number, held; NULL: none. */
struct ifs_file *ifs_file_next(struct ifs_files *files, fuse_ino_t dir,
			       fuse_ino_t after);

/* Is there scratch in a directory? */
bool ifs_files_any(struct ifs_files *files, fuse_ino_t dir);

/* A new scratch file, held; NULL: the name is taken by one. */
struct ifs_file *ifs_file_new(struct ifs_files *files, fuse_ino_t dir,
			      const char *name);

/* The message, held, under the number it is known by; made if need be. */
struct ifs_file *ifs_file_of_message(struct ifs_files *files,
				     struct sqb_mailbox_id box, uint32_t uid);

/* Another holder. */
void ifs_file_hold(struct ifs_files *files, struct ifs_file *file);
/* Accepts NULL; clears the pointer. */
void ifs_file_put(struct ifs_files *files, struct ifs_file **file);

/*
 * It is about to be this message: others may find that in the store before
 * ifs_file_set_message() is called, and must know it by this file's number.
 * uid 0: it will not be.  One file at a time, that of the writing handle.
 */
void ifs_file_coming(struct ifs_files *files, struct ifs_file *file,
		     struct sqb_mailbox_id box, uint32_t uid);

/*
 * Another number whenever a file has become another message.  Who finds
 * messages in the store and then their numbers in here looks before and after:
 * if it moved, what was found may be gone by now, without having been a file.
 */
uint64_t ifs_files_moves(struct ifs_files *files);

/* It is this message from now on, and scratch no more; uid 0: neither. */
void ifs_file_set_message(struct ifs_files *files, struct ifs_file *file,
			  struct sqb_mailbox_id box, uint32_t uid);
/* Scratch under another name; false: that is taken by another file. */
bool ifs_file_rename(struct ifs_files *files, struct ifs_file *file,
		     fuse_ino_t dir, const char *name);
/* Scratch no more: it lives on as long as it is open. */
void ifs_file_unname(struct ifs_files *files, struct ifs_file *file);

/*
 * A message that the kernel knows has become another one, be it moved or
 * replaced, and keeps its number.
 */
void ifs_files_moved(struct ifs_files *files, struct sqb_mailbox_id box,
		     uint32_t uid, struct sqb_mailbox_id new_box,
		     uint32_t new_uid);

/*
 * A message that the kernel knows was removed, of this size and date: so it
 * looks to who has it open, until the kernel forgets it.
 */
void ifs_files_gone(struct ifs_files *files, struct sqb_mailbox_id box,
		    uint32_t uid, uint64_t size, int64_t date);
/* False: not so. */
bool ifs_file_gone(struct ifs_files *files, const struct ifs_file *file,
		   uint64_t *size_r, int64_t *date_r);

/* What message is a file?  False: none.  A copy that others may outdate. */
bool ifs_file_message(struct ifs_files *files, struct ifs_file *file,
		      struct sqb_mailbox_id *box_r, uint32_t *uid_r);

/*
 * Numbers and messages, for files in here and others: which message has the
 * number (false: none), and by which number the kernel knows a message.
 */
bool ifs_message_of_ino(struct ifs_files *files, fuse_ino_t ino,
			struct sqb_mailbox_id *box_r, uint32_t *uid_r);
fuse_ino_t ifs_ino_of_message(struct ifs_files *files,
			      struct sqb_mailbox_id box, uint32_t uid);

/* The kernel has been told a number; it has forgotten it so many times. */
void ifs_files_lookup(struct ifs_files *files, fuse_ino_t ino);
void ifs_files_forget(struct ifs_files *files, fuse_ino_t ino,
		      uint64_t lookups);

/* A scratch file's name in a directory, to free(); NULL: it has none there. */
char *ifs_file_name(struct ifs_files *files, struct ifs_file *file,
		    fuse_ino_t dir);

/* The same with the directory it is in. */
char *ifs_file_place(struct ifs_files *files, struct ifs_file *file,
		     fuse_ino_t *dir_r);

/*
 * Does anybody hold the file with this number?  Then it may have a draft: what
 * the store says of it is not for the kernel.
 */
bool ifs_file_in_use(struct ifs_files *files, fuse_ino_t ino);

/* How many scratch files there are, for .imapfs/status. */
unsigned int ifs_files_scratch(struct ifs_files *files);

#endif
