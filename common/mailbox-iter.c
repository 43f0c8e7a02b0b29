/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The walk over all mailboxes.
 *
 * All rows are read at once and sorted by parent and name; the children of a
 * mailbox are then neighbours, found by bisection, and the walk needs a stack
 * of such runs only.  In a damaged table rows may form cycles or repeat: what
 * does not hang in the tree, or has a name that nobody could ask for, is left
 * out, and no more mailboxes are handed out than there are rows.
 */
#include "common/mailbox-private.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct node {
	struct sqb_mailbox_status status;
	size_t name; /* offset in names */
	size_t len;
};

struct run { /* siblings still to come */
	size_t next, end;
	size_t path_len; /* of the parent */
};

struct sqb_mailbox_iter {
	enum sqb_err err;

	struct node *nodes; /* own */
	size_t node_count, node_alloc;
	char *names; /* own: levels, not terminated */
	size_t names_size, names_alloc;

	struct run *stack; /* own */
	size_t depth, stack_alloc;
	size_t handed_out;
	char *path; /* own */
	size_t path_alloc;
};

static const char sql_all[] = "SELECT " SQB_STATUS_COLUMNS ", m.name"
			      " FROM mailbox m NOT INDEXED"
			      " WHERE m.id > 0 AND m.parent_id IS NOT NULL";

static void add_node(struct sqb_mailbox_iter *it, sqlite3_stmt *q)
{
	const char *name =
		(const char *)sqlite3_column_text(q, SQB_STATUS_COLUMN_COUNT);
	int len = sqlite3_column_bytes(q, SQB_STATUS_COLUMN_COUNT);
	struct node *node;

	if (name == NULL || !sqb_level_ok(name, (size_t)len))
		return;
	while (it->names_size + (size_t)len > it->names_alloc)
		it->names = sqb_xgrow(it->names, it->names_alloc,
				      &it->names_alloc, 1);
	it->nodes = sqb_xgrow(it->nodes, it->node_count, &it->node_alloc,
			      sizeof(*it->nodes));
	node = &it->nodes[it->node_count++];
	sqb_status_fill(q, &node->status);
	node->name = it->names_size;
	node->len = (size_t)len;
	memcpy(it->names + it->names_size, name, (size_t)len);
	it->names_size += (size_t)len;
}

static int node_cmp(const void *p1, const void *p2, void *names)
{
	const struct node *a = p1, *b = p2;
	size_t len = a->len < b->len ? a->len : b->len;
	int ret;

	if (a->status.parent.n != b->status.parent.n)
		return a->status.parent.n < b->status.parent.n ? -1 : 1;
	ret = memcmp((char *)names + a->name, (char *)names + b->name, len);
	if (ret != 0)
		return ret;
	return (a->len > b->len) - (a->len < b->len);
}

/* The index of the first node whose parent is not less than this. */
static size_t first_of(const struct sqb_mailbox_iter *it, int64_t parent)
{
	size_t lo = 0, hi = it->node_count, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (it->nodes[mid].status.parent.n < parent)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool push_children(struct sqb_mailbox_iter *it, int64_t parent,
			  size_t path_len)
{
	struct run run = { .path_len = path_len };

	run.next = first_of(it, parent);
	run.end = run.next;
	while (run.end < it->node_count &&
	       it->nodes[run.end].status.parent.n == parent)
		run.end++;
	if (run.end == run.next)
		return false;
	it->stack = sqb_xgrow(it->stack, it->depth, &it->stack_alloc,
			      sizeof(*it->stack));
	it->stack[it->depth++] = run;
	return true;
}

struct sqb_mailbox_iter *sqb_mailbox_iter_begin(struct sqb_store *st)
{
	struct sqb_mailbox_iter *it = sqb_xcalloc(1, sizeof(*it));
	sqlite3_stmt *q = sqb_stmt(st, sql_all);

	while (sqb_step(st, q, &it->err))
		add_node(it, q);
	if (it->err == SQB_OK && it->node_count > 0) {
		qsort_r(it->nodes, it->node_count, sizeof(*it->nodes), node_cmp,
			it->names);
		push_children(it, SQB_ROOT, 0);
	}
	return it;
}

/* Put the full path of a node below a parent's into it->path. */
static size_t make_path(struct sqb_mailbox_iter *it, const struct node *node,
			size_t parent_len)
{
	size_t pos = parent_len;

	while (parent_len + node->len + 2 > it->path_alloc)
		it->path =
			sqb_xgrow(it->path, it->path_alloc, &it->path_alloc, 1);
	if (pos > 0)
		it->path[pos++] = '/';
	memcpy(it->path + pos, it->names + node->name, node->len);
	pos += node->len;
	it->path[pos] = '\0';
	return pos;
}

bool sqb_mailbox_iter_next(struct sqb_mailbox_iter *it,
			   struct sqb_mailbox_info *info_r)
{
	struct node *node;
	struct run *run;
	size_t len;

	while (it->depth > 0 &&
	       it->stack[it->depth - 1].next == it->stack[it->depth - 1].end)
		it->depth--;
	if (it->err != SQB_OK || it->depth == 0 ||
	    it->handed_out == it->node_count)
		return false;

	it->handed_out++;
	run = &it->stack[it->depth - 1];
	node = &it->nodes[run->next++];
	len = make_path(it, node, run->path_len);
	node->status.has_children = push_children(it, node->status.id.n, len);
	info_r->status = node->status;
	info_r->name = it->path;
	return true;
}

enum sqb_err sqb_mailbox_iter_end(struct sqb_mailbox_iter **it_p)
{
	struct sqb_mailbox_iter *it = *it_p;
	enum sqb_err err;

	if (it == NULL)
		return SQB_OK;
	*it_p = NULL;
	err = it->err;
	free(it->nodes);
	free(it->names);
	free(it->stack);
	free(it->path);
	free(it);
	return err;
}
