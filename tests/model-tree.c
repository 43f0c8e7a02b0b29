/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Random operations on mailboxes, subscriptions, attributes and keywords.
 */
#include "tests/model-run.h"

#include "common/attribute.h"
#include "common/subscription.h"

#include <stdio.h>
#include <string.h>

#define MAX_BOXES 25

/* What the store has chosen for a mailbox that is new, or new again. */
static void learn_box(struct m_run *r, struct m_box *box, const char *path,
		      uint32_t uidvalidity, const uint8_t *guid)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;

	m_ok(r->st, sqb_mailbox_find(r->st, path, &id));
	m_ok(r->st, sqb_mailbox_status(r->st, id, &status));
	if (box->id == 0) {
		m_check(id.n > r->m->max_id);
		r->m->max_id = id.n;
	}
	box->id = id.n;
	if (uidvalidity != 0)
		m_same(status.uidvalidity, uidvalidity);
	else
		m_check(status.uidvalidity > r->m->max_uidvalidity);
	if (status.uidvalidity > r->m->max_uidvalidity)
		r->m->max_uidvalidity = status.uidvalidity;
	box->uidvalidity = status.uidvalidity;
	if (guid != NULL)
		m_check(memcmp(status.guid, guid, SQB_GUID_SIZE) == 0);
	memcpy(box->guid, status.guid, SQB_GUID_SIZE);
	box->highest = m_change(r);
}

/*
 * Add the mailboxes of a path that the model does not have, all but the last
 * as \Noselect ones; without the last if last is false.  Returns the parent of
 * the last level, whose name is put into name.
 */
static int64_t add_path(struct m_run *r, const char *path, bool last,
			char name[M_LEVEL],
			const struct sqb_mailbox_create *args)
{
	char prefix[M_PATH];
	int64_t parent = 0;
	struct m_box *box;
	size_t end = 0, start;

	for (;;) {
		start = end;
		end += strcspn(path + end, "/");
		memcpy(prefix, path, end);
		prefix[end] = '\0';
		memcpy(name, prefix + start, end - start + 1);
		if (path[end] == '\0' && !last)
			return parent;
		box = m_child(r->m, parent, name);
		if (box == NULL) {
			box = m_box_add(r->m, parent, name);
			box->noselect = path[end] != '\0' || args->noselect;
			learn_box(r, box, prefix,
				  path[end] == '\0' ? args->uidvalidity : 0,
				  path[end] == '\0' ? args->guid : NULL);
		}
		if (path[end] == '\0')
			return parent;
		parent = box->id;
		end++;
	}
}

static void any_create_args(struct m_run *r, struct sqb_mailbox_create *args,
			    uint8_t *guid)
{
	memset(args, 0, sizeof(*args));
	args->noselect = m_one_in(r, 8);
	if (m_one_in(r, 8))
		args->uidvalidity = r->m->max_uidvalidity - 1 + m_rnd(r, 4);
	if (m_one_in(r, 8))
		args->min_uidnext = m_rnd(r, 500);
	if (m_one_in(r, 8))
		args->min_first_recent = m_rnd(r, 100);
	if (m_one_in(r, 8)) {
		memset(guid, (int)m_rnd(r, 256), SQB_GUID_SIZE);
		args->guid = guid;
	}
}

void m_op_create(struct m_run *r)
{
	struct sqb_mailbox_create args;
	uint8_t guid[SQB_GUID_SIZE];
	struct sqb_mailbox_id id;
	char path[M_PATH], name[M_LEVEL];
	struct m_box *box;
	bool taken;

	m_any_path(r, path);
	any_create_args(r, &args, guid);
	box = m_box_by_path(r->m, path);
	if (box == NULL && r->m->box_count >= MAX_BOXES)
		return;
	taken = box != NULL && (!box->noselect || args.noselect);
	if (!m_did(r, sqb_mailbox_create(r->st, m_spelled(r, path), &args, &id),
		   taken ? SQB_EXISTS : SQB_OK))
		return;
	if (box != NULL) {
		box->noselect = false;
		learn_box(r, box, path, args.uidvalidity, args.guid);
	} else {
		add_path(r, path, true, name, &args);
		box = m_box_by_path(r->m, path);
	}
	m_same(id.n, box->id);
	if (args.min_uidnext > box->uidnext)
		box->uidnext = args.min_uidnext;
	if (args.min_first_recent > box->first_recent)
		box->first_recent = args.min_first_recent;
	m_tree_change(r);
}

static void remove_attributes(struct m_run *r, int64_t box)
{
	size_t i = 0;

	while (i < r->m->attribute_count) {
		if (r->m->attributes[i].box == box)
			r->m->attributes[i] =
				r->m->attributes[--r->m->attribute_count];
		else
			i++;
	}
}

void m_op_delete(struct m_run *r)
{
	struct m_box *box = m_any_box(r);
	bool children = m_has_children(r->m, box);
	bool refused = m_is_inbox(box) || (box->noselect && children);

	if (!m_did(r, sqb_mailbox_delete(r->st, m_id_of(box)),
		   refused ? SQB_INVALID : SQB_OK))
		return;
	m_expunge(r->m, box, 1, UINT32_MAX, true);
	remove_attributes(r, box->id);
	m_tree_change(r);
	if (children) {
		box->noselect = true;
		box->special_use = 0;
		box->highest = r->m->modseq;
		box->floor = r->m->modseq;
	} else {
		m_box_remove(r->m, box);
	}
}

/* What a rename to that path must answer. */
static enum sqb_err rename_answer(struct m_run *r, const struct m_box *box,
				  const char *path)
{
	char own[M_PATH];
	size_t len;

	m_path(r->m, box, own);
	len = strlen(own);
	if (strncmp(path, own, len) == 0 && path[len] == '/')
		return SQB_INVALID;
	return m_box_by_path(r->m, path) != NULL ? SQB_EXISTS : SQB_OK;
}

static size_t deepest_below(struct m_run *r, const struct m_box *top)
{
	char path[M_PATH];
	size_t i, deepest = 0;

	for (i = 0; i < r->m->box_count; i++) {
		if (!m_is_below(r->m, &r->m->boxes[i], top->id))
			continue;
		m_path(r->m, &r->m->boxes[i], path);
		if (strlen(path) > deepest)
			deepest = strlen(path);
	}
	return deepest;
}

static void inbox_renamed(struct m_run *r, int64_t old)
{
	struct m_box *box = m_box_add(r->m, 0, "INBOX");
	size_t i;

	learn_box(r, box, "INBOX", 0, NULL);
	for (i = 0; i < r->m->box_count; i++) {
		if (r->m->boxes[i].parent == old)
			r->m->boxes[i].parent = box->id;
	}
}

void m_op_rename(struct m_run *r)
{
	struct m_box *box = m_any_box(r);
	char path[M_PATH], name[M_LEVEL];
	int64_t id = box->id, parent;
	bool inbox = m_is_inbox(box);

	m_any_path(r, path);
	if (r->m->box_count >= MAX_BOXES + 5 ||
	    strlen(path) + deepest_below(r, box) > M_PATH - 8 ||
	    (inbox && !m_one_in(r, 4)))
		return;
	if (!m_did(r,
		   sqb_mailbox_rename(r->st, m_id_of(box), m_spelled(r, path)),
		   rename_answer(r, box, path)))
		return;
	parent = add_path(r, path, false, name, NULL);
	box = m_box_by_id(r->m, id);
	box->parent = parent;
	memcpy(box->name, name, strlen(name) + 1);
	if (inbox)
		inbox_renamed(r, id);
	m_tree_change(r);
}

void m_op_update(struct m_run *r)
{
	struct sqb_mailbox_update update = { .first_recent = m_rnd(r, 50) };
	struct m_box *box = m_any_box(r);
	bool tree = false;

	if (m_one_in(r, 4)) {
		update.set_special_use = true;
		update.special_use = m_rnd(r, 8);
		tree = update.special_use != box->special_use;
	}
	if (m_one_in(r, 20)) {
		update.uidvalidity = r->m->max_uidvalidity + m_rnd(r, 3);
		tree = tree || update.uidvalidity != box->uidvalidity;
	}
	if (m_one_in(r, 8))
		update.min_uidnext = (uint32_t)box->uidnext + m_rnd(r, 5);
	m_did(r, sqb_mailbox_update(r->st, m_id_of(box), &update), SQB_OK);
	if (tree || update.min_uidnext > box->uidnext)
		box->highest = m_change(r);
	if (tree)
		m_tree_change(r);
	if (update.uidvalidity != 0)
		box->uidvalidity = update.uidvalidity;
	if (update.uidvalidity > r->m->max_uidvalidity)
		r->m->max_uidvalidity = update.uidvalidity;
	if (update.min_uidnext > box->uidnext)
		box->uidnext = update.min_uidnext;
	if (update.first_recent > box->first_recent)
		box->first_recent = update.first_recent;
	if (update.set_special_use)
		box->special_use = update.special_use;
}

void m_op_subscribe(struct m_run *r)
{
	bool add = m_one_in(r, 2), changed, there;
	char path[M_PATH];
	size_t i = 0;

	m_any_path(r, path);
	while (i < r->m->subscription_count &&
	       strcmp(r->m->subscriptions[i], path) != 0)
		i++;
	there = i < r->m->subscription_count;
	if (add && r->m->subscription_count == 16)
		return;
	m_ok(r->st, sqb_subscribe(r->st, m_spelled(r, path), add, &changed));
	m_same(changed, there != add);
	if (!changed)
		return;
	if (add)
		memcpy(r->m->subscriptions[r->m->subscription_count++], path,
		       strlen(path) + 1);
	else
		memcpy(r->m->subscriptions[i],
		       r->m->subscriptions[--r->m->subscription_count], M_PATH);
	m_tree_change(r);
}

void m_op_attribute(struct m_run *r)
{
	struct m_attribute a;
	bool remove = m_one_in(r, 3);
	size_t i = 0;

	memset(&a, 0, sizeof(a));
	a.box = m_one_in(r, 4) ? 0 : m_any_box(r)->id;
	(void)snprintf(a.key, sizeof(a.key), "key%u", m_rnd(r, 3));
	(void)snprintf(a.value, sizeof(a.value), "%u", m_rnd(r, 3));
	while (i < r->m->attribute_count &&
	       (r->m->attributes[i].box != a.box ||
		strcmp(r->m->attributes[i].key, a.key) != 0))
		i++;
	if (!remove && i == 16)
		return;
	m_ok(r->st, sqb_attribute_set(r->st, (struct sqb_mailbox_id){ a.box },
				      a.key, remove ? NULL : a.value,
				      strlen(a.value), T_DATE));
	if (remove ? i == r->m->attribute_count
		   : i < r->m->attribute_count &&
			     strcmp(r->m->attributes[i].value, a.value) == 0)
		return;
	if (remove)
		r->m->attributes[i] = r->m->attributes[--r->m->attribute_count];
	else
		r->m->attributes[i] = a;
	if (i == r->m->attribute_count && !remove)
		r->m->attribute_count++;
	m_tree_change(r);
}

void m_op_keyword(struct m_run *r)
{
	uint32_t n = m_rnd(r, M_KEYWORDS), number;
	char name[16];

	if (n > r->m->keyword_count)
		n = r->m->keyword_count;
	(void)snprintf(name, sizeof(name), "%s%u", m_one_in(r, 2) ? "kw" : "KW",
		       n);
	if (n == r->m->keyword_count) {
		m_answers(sqb_keyword_number(r->st, name, false, &number),
			  SQB_NOTFOUND);
		memcpy(name, "kw", 2);
		if (n == M_KEYWORDS - 1)
			return;
		r->m->keyword_count++;
		r->txn_refused = true; /* a change without a modseq */
	}
	m_ok(r->st, sqb_keyword_number(r->st, name, true, &number));
	m_same(number, n);
}
