/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/tree.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/inode.h"
#include "fuse/names.h"

struct node {
	struct sqb_mailbox_id id, parent;
	uint64_t uids;
	bool noselect;
	char *name; /* own; as a file */
};

struct ifs_tree {
	struct node *nodes; /* own; ascending by id */
	size_t count, alloc;
};

static void add(struct ifs_tree *tree, bool maildir,
		const struct sqb_mailbox_info *info)
{
	const char *slash = strrchr(info->name, '/');
	char name[IFS_NAME_MAX + 1];
	struct node *node;

	if (info->status.id.n > IFS_BOX_MAX)
		return;
	ifs_level_encode(slash != NULL ? slash + 1 : info->name, maildir, name);
	tree->nodes = sqb_xgrow(tree->nodes, tree->count, &tree->alloc,
				sizeof(*tree->nodes));
	node = &tree->nodes[tree->count++];
	node->id = info->status.id;
	node->parent = info->status.parent;
	node->noselect = info->status.noselect;
	node->uids = ifs_tree_uids_of(&info->status);
	node->name = sqb_xstrdup(name);
}

static int compare_id(const void *p1, const void *p2)
{
	const struct node *a = p1, *b = p2;

	return (a->id.n > b->id.n) - (a->id.n < b->id.n);
}

struct ifs_tree *ifs_tree_read(struct ifs_fs *fs, struct sqb_store *st,
			       enum sqb_err *err_r)
{
	struct ifs_tree *tree = sqb_xcalloc(1, sizeof(*tree));
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(st);
	bool maildir = fs->opts->layout == IFS_LAYOUT_MAILDIR;
	struct sqb_mailbox_info info;

	while (sqb_mailbox_iter_next(it, &info))
		add(tree, maildir, &info);
	*err_r = sqb_mailbox_iter_end(&it);
	if (*err_r != SQB_OK)
		ifs_tree_free(&tree);
	else if (tree->count > 1)
		qsort(tree->nodes, tree->count, sizeof(*tree->nodes),
		      compare_id);
	return tree;
}

void ifs_tree_free(struct ifs_tree **tree_p)
{
	struct ifs_tree *tree = *tree_p;
	size_t i;

	if (tree == NULL)
		return;
	*tree_p = NULL;
	for (i = 0; i < tree->count; i++)
		free(tree->nodes[i].name);
	free(tree->nodes);
	free(tree);
}

static void notice_gone(const struct node *node, struct ifs_notices *notices)
{
	ifs_notice_rmdir(notices, ifs_ino_mailbox(node->parent),
			 ifs_ino_mailbox(node->id), node->name);
	ifs_notice_folder(notices, node->parent);
}

static void notice_new(const struct node *node, struct ifs_notices *notices)
{
	ifs_notice_name(notices, ifs_ino_mailbox(node->parent), node->name);
	ifs_notice_folder(notices, node->parent);
}

static void notice_changed(const struct node *old, const struct node *new,
			   struct ifs_notices *notices)
{
	if (old->parent.n != new->parent.n ||
	    strcmp(old->name, new->name) != 0) {
		ifs_notice_name(notices, ifs_ino_mailbox(old->parent),
				old->name);
		ifs_notice_folder(notices, old->parent);
		notice_new(new, notices);
	}
	if (new->noselect && !old->noselect) {
		ifs_notice_folder(notices, new->id);
		if (old->uids > 1)
			ifs_notice_gone(notices, new->id, 1,
					(uint32_t)(old->uids - 1));
	}
}

void ifs_tree_compare(const struct ifs_tree *old, const struct ifs_tree *new,
		      struct ifs_notices *notices)
{
	size_t i = 0, j = 0;
	int order;

	/* Children of what is deleted have larger ids, or have been moved. */
	while (i < old->count || j < new->count) {
		if (i == old->count)
			order = 1;
		else if (j == new->count)
			order = -1;
		else
			order = compare_id(&old->nodes[i], &new->nodes[j]);
		if (order < 0)
			notice_gone(&old->nodes[i++], notices);
		else if (order > 0)
			notice_new(&new->nodes[j++], notices);
		else
			notice_changed(&old->nodes[i++], &new->nodes[j++],
				       notices);
	}
}

void ifs_tree_all(const struct ifs_tree *tree, struct ifs_notices *notices)
{
	struct sqb_mailbox_id root = { 0 };
	size_t i;

	ifs_notice_folder(notices, root);
	for (i = 0; i < tree->count; i++)
		notice_new(&tree->nodes[i], notices);
}

uint64_t ifs_tree_uids_of(const struct sqb_mailbox_status *status)
{
	return status->uidnext != 0 ? status->uidnext
				    : (uint64_t)UINT32_MAX + 1;
}

static struct node *find(const struct ifs_tree *tree, struct sqb_mailbox_id box)
{
	struct node key = { .id = box };

	if (tree->count == 0)
		return NULL;
	return bsearch(&key, tree->nodes, tree->count, sizeof(*tree->nodes),
		       compare_id);
}

void ifs_tree_keep_uids(struct ifs_tree *tree, const struct ifs_tree *old)
{
	const struct node *node;
	size_t i;

	for (i = 0; i < tree->count; i++) {
		node = find(old, tree->nodes[i].id);
		if (node != NULL)
			tree->nodes[i].uids = node->uids;
	}
}

bool ifs_tree_set_uids(struct ifs_tree *tree,
		       const struct sqb_mailbox_status *status,
		       uint64_t *before_r)
{
	struct node *node = find(tree, status->id);

	if (node == NULL)
		return false;
	*before_r = node->uids;
	node->uids = ifs_tree_uids_of(status);
	return true;
}
