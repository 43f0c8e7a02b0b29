/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HIDDEN_NODE_H
#define IFS_HIDDEN_NODE_H

#include <sys/stat.h>

#include "fuse/fs.h"

/*
 * Files below .imapfs that have no number of their own (inode.h): they get one
 * of IFS_VIEW_OTHER when they are looked up, and are in this table until the
 * kernel has forgotten it.  A number is never used twice, and what is under it
 * never changes.
 */
struct ifs_hidden_node {
	/* Constant once it is in the table: */
	fuse_ino_t ino;
	struct stat attr;
	char *text; /* own; the content, NULL: that of a part of a message */
	struct sqb_mailbox_id box;
	uint32_t uid;
	uint32_t part; /* index in struct ifs_mime_tree */

	/* The table's. */
	unsigned int holds;
	uint64_t lookups;
	struct ifs_hidden_node *next; /* foreign */
};

struct ifs_hidden_nodes;
struct ifs_hidden_nodes *ifs_hidden_nodes_new(void);
void ifs_hidden_nodes_free(struct ifs_hidden_nodes **nodes);

/*
 * Put a node that the caller has allocated and filled in into the table, which
 * gives it its number and owns it; it counts as looked up once.  Of a part that
 * is there already that one is looked up once more, and node is freed.  What
 * the kernel is told of it goes into param.  stat(2) shows the number in attr,
 * if there is one, so that a file made anew may be the same to a program.
 */
void ifs_hidden_node_add(struct ifs_hidden_nodes *nodes,
			 struct ifs_hidden_node *node,
			 struct fuse_entry_param *param);

/* Find and hold until put(); NULL: there is none. */
struct ifs_hidden_node *ifs_hidden_node_get(struct ifs_hidden_nodes *nodes,
					    fuse_ino_t ino);
void ifs_hidden_node_put(struct ifs_hidden_nodes *nodes,
			 struct ifs_hidden_node **node);
void ifs_hidden_node_forget(struct ifs_hidden_nodes *nodes, fuse_ino_t ino,
			    uint64_t lookups);

#endif
