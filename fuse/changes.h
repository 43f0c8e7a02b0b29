/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_CHANGES_H
#define IFS_CHANGES_H

#include "fuse/fs.h"

/*
 * From the journal to the kernel: what has become of the store since the last
 * look, and what of it the kernel may have cached.  One thread's, but for
 * ifs_changes_own().
 *
 * The names of messages that are gone need not be known: the kernel forgets
 * their attributes, has to ask by number, is answered ESTALE, and then asks
 * for the name.  A generated name that there is not is never cached, so an
 * arrival has none to tell either.  That leaves given names and mailboxes.
 */
struct ifs_changes;

/*
 * With a handle of its own; what is in the store now counts as known.  On
 * failure *error_r is a sentence to free().
 */
enum sqb_err ifs_changes_new(struct ifs_fs *fs, struct ifs_changes **changes_r,
			     char **error_r);
/* Accepts NULL; clears the pointer. */
void ifs_changes_free(struct ifs_changes **changes);

/* Tell the kernel what is new.  Failures are in the log. */
enum sqb_err ifs_changes_tell(struct ifs_changes *changes);

/* The kernel is to ask for everything again. */
void ifs_changes_tell_all(struct ifs_changes *changes);

/* The transaction with this modseq is ours: the kernel knows what it did. */
void ifs_changes_own(struct ifs_changes *changes, uint64_t modseq);

/*
 * Has the tree of mailboxes, as this handle sees it, been told of?  Asked by
 * any thread.
 */
bool ifs_changes_tree_is_told(struct ifs_changes *changes,
			      struct sqb_store *st);

/* The handle, for questions of the same thread. */
struct sqb_store *ifs_changes_store(struct ifs_changes *changes);

#endif
