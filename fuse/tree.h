/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_TREE_H
#define IFS_TREE_H

#include "fuse/notice.h"

#include "common/mailbox.h"

/*
 * The mailboxes as the kernel may know them, to be compared with those of a
 * later time.
 */
struct ifs_tree;

/* Read all of the store's.  NULL on failure: *err_r says which. */
struct ifs_tree *ifs_tree_read(struct ifs_fs *fs, struct sqb_store *st,
			       enum sqb_err *err_r);
/* Accepts NULL; clears the pointer. */
void ifs_tree_free(struct ifs_tree **tree);

/*
 * What is other in the later one: names, folders, and the messages of mailboxes
 * that are \Noselect now.
 */
void ifs_tree_compare(const struct ifs_tree *old, const struct ifs_tree *new,
		      struct ifs_notices *notices);

/* All folders. */
void ifs_tree_all(const struct ifs_tree *tree, struct ifs_notices *notices);

/* UIDs from this on are not given out yet. */
uint64_t ifs_tree_uids_of(const struct sqb_mailbox_status *status);

/* In a tree just read, the UIDs of before. */
void ifs_tree_keep_uids(struct ifs_tree *tree, const struct ifs_tree *old);

/*
 * Remember those of a mailbox, and hand out those of before.  False: it is not
 * in the tree.
 */
bool ifs_tree_set_uids(struct ifs_tree *tree,
		       const struct sqb_mailbox_status *status,
		       uint64_t *before_r);

#endif
