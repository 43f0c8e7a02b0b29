/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/model.h"

#include "common/attribute.h"
#include "common/changes.h"
#include "common/entry.h"
#include "common/file.h"
#include "common/store-private.h"
#include "common/subscription.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct m_place m_place;

static void verify_status(const struct model *m, const struct m_box *box,
			  const struct sqb_mailbox_status *status)
{
	uint64_t vsize = 0;
	uint32_t unseen = 0;
	size_t i;

	for (i = 0; i < box->count; i++) {
		vsize += m->bodies[box->msgs[i].body].size;
		unseen += (box->msgs[i].flags & SQB_SEEN) == 0;
	}
	m_same(status->id.n, box->id);
	m_same(status->parent.n, box->parent);
	m_check(memcmp(status->guid, box->guid, SQB_GUID_SIZE) == 0);
	m_same(status->noselect, box->noselect);
	m_same(status->has_children, m_has_children(m, box));
	m_same(status->uidvalidity, box->uidvalidity);
	m_same(status->uidnext, box->uidnext);
	m_same(status->first_recent, box->first_recent);
	m_same(status->highestmodseq, box->highest);
	m_same(status->vanished_floor, box->floor);
	m_same(status->messages, box->count);
	m_same(status->unseen, unseen);
	m_same(status->vsize, vsize);
	m_same(status->special_use, box->special_use);
}

/* The order of the walk: that of the octets, if '/' came before all others. */
static int path_cmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (*a == '/' ? 1 : (unsigned char)*a) -
	       (*b == '/' ? 1 : (unsigned char)*b);
}

void m_verify_tree(struct sqb_store *st, const struct model *m)
{
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(st);
	char path[M_PATH], last[M_PATH] = "";
	struct sqb_mailbox_info info;
	struct m_box *box;
	size_t count = 0;

	while (sqb_mailbox_iter_next(it, &info)) {
		box = m_box_by_id(m, info.status.id.n);
		m_check(box != NULL);
		m_path(m, box, path);
		m_check(strcmp(info.name, path) == 0);
		m_check(path_cmp(last, path) < 0);
		memcpy(last, path, sizeof(path));
		verify_status(m, box, &info.status);
		count++;
	}
	m_ok(st, sqb_mailbox_iter_end(&it));
	m_same(count, m->box_count);
}

static void verify_keywords(const struct m_keywords *want,
			    const struct sqb_keywords *got)
{
	uint32_t more[M_KEYWORDS];
	struct sqb_keywords k = m_keywords(want, more);

	m_same(got->mask, k.mask);
	m_same(got->more_count, k.more_count);
	if (k.more_count > 0)
		m_check(memcmp(got->more, more, k.more_count * sizeof(*more)) ==
			0);
}

static void verify_message(const struct model *m, const struct m_msg *want,
			   const struct sqb_message *got)
{
	const struct m_body *body = &m->bodies[want->body];

	m_same(got->uid, want->uid);
	m_same(got->flags, want->flags);
	verify_keywords(&want->keywords, &got->keywords);
	m_same(got->modseq, want->modseq);
	m_same(got->date, want->date);
	m_same(got->save_date, want->save_date);
	m_same(got->vsize, body->size);
	m_same(got->psize, body->psize);
	m_same(got->body.n, body->row);
	m_check(body->stored);
}

void m_verify_box(struct sqb_store *st, const struct model *m,
		  const struct m_box *box)
{
	struct sqb_mailbox_id id = { box->id }, found;
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id parent = { box->parent };
	struct sqb_message msg;
	struct sqb_entry_iter *it;
	char path[M_PATH], *name;
	const char *given;
	size_t i = 0;

	m_ok(st, sqb_mailbox_status(st, id, &status));
	verify_status(m, box, &status);
	m_ok(st, sqb_mailbox_child(st, parent, box->name, &found));
	m_same(found.n, box->id);
	m_path(m, box, path);
	m_ok(st, sqb_mailbox_find(st, path, &found));
	m_same(found.n, box->id);
	m_ok(st, sqb_mailbox_name(st, id, &name));
	m_check(strcmp(name, path) == 0);
	free(name);
	it = sqb_entry_iter_begin(st, id, 0);
	while (sqb_entry_iter_next(it, &msg, &given)) {
		m_check(i < box->count);
		m_check(given == NULL ? box->msgs[i].name == NULL
				      : box->msgs[i].name != NULL &&
						strcmp(given,
						       box->msgs[i].name) == 0);
		verify_message(m, &box->msgs[i++], &msg);
	}
	m_ok(st, sqb_entry_iter_end(&it));
	m_same(i, box->count);
}

static void verify_file(struct sqb_store *st, const struct m_body *body,
			struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_file_reader *r;
	char buf[4096], *want;
	uint64_t offset = 0;
	size_t size, got;

	want = m_file(body->seed, body->size, &size);
	m_ok(st, sqb_file_open(st, box, uid, &r));
	m_same(sqb_file_size(r), size);
	do {
		m_ok(st, sqb_file_read(r, offset, buf, sizeof(buf), &got));
		m_check(offset + got <= size);
		m_check(memcmp(want + offset, buf, got) == 0);
		offset += got;
	} while (got > 0);
	m_same(offset, size);
	sqb_file_close(&r);
	free(want);
}

void m_verify_body(struct sqb_store *st, const struct model *m,
		   const struct m_box *box, const struct m_msg *msg)
{
	const struct m_body *body = &m->bodies[msg->body];
	char *want = t_mail(body->size, body->seed);
	struct sqb_mailbox_id id = { box->id };
	struct sqb_body_reader *r;
	uint64_t offset = 0;
	const void *data;
	size_t size;

	m_ok(st, sqb_body_open(st, id, msg->uid, &r));
	for (;;) {
		m_ok(st, sqb_body_data(r, offset, &data, &size));
		if (size == 0)
			break;
		m_check(offset + size <= body->size);
		m_check(memcmp(want + offset, data, size) == 0);
		offset += size;
	}
	m_same(offset, body->size);
	sqb_body_close(&r);
	free(want);
	verify_file(st, body, id, msg->uid);
}

static void verify_subscriptions(struct sqb_store *st, const struct model *m)
{
	struct sqb_subscription_iter *it = sqb_subscription_iter_begin(st);
	const char *name;
	size_t count = 0, i;

	while (sqb_subscription_iter_next(it, &name)) {
		for (i = 0; i < m->subscription_count; i++) {
			if (strcmp(m->subscriptions[i], name) == 0)
				break;
		}
		m_check(i < m->subscription_count);
		count++;
	}
	m_ok(st, sqb_subscription_iter_end(&it));
	m_same(count, m->subscription_count);
}

static void verify_attributes(struct sqb_store *st, const struct model *m)
{
	size_t i, size;
	void *value;

	for (i = 0; i < m->attribute_count; i++) {
		const struct m_attribute *a = &m->attributes[i];
		struct sqb_mailbox_id id = { a->box };

		m_ok(st,
		     sqb_attribute_get(st, id, a->key, &value, &size, NULL));
		m_check(strcmp(value, a->value) == 0);
		free(value);
	}
	m_same(t_sql_int(st, "SELECT count(*) FROM attribute"),
	       m->attribute_count);
}

void m_verify_rest(struct sqb_store *st, const struct model *m)
{
	const char *name;
	uint64_t modseq;
	char want[16];
	uint32_t i;

	m_ok(st, sqb_tree_modseq(st, &modseq));
	m_same(modseq, m->tree_modseq);
	verify_subscriptions(st, m);
	verify_attributes(st, m);
	for (i = 0; i < m->keyword_count; i++) {
		m_ok(st, sqb_keyword_name(st, i, &name));
		(void)snprintf(want, sizeof(want), "kw%u", i);
		m_check(strcmp(name, want) == 0);
	}
	m_answers(sqb_keyword_name(st, i, &name), SQB_NOTFOUND);
}

void m_verify_all(struct sqb_store *st, const struct model *m)
{
	size_t i;

	m_verify_tree(st, m);
	m_verify_rest(st, m);
	for (i = 0; i < m->box_count; i++)
		m_verify_box(st, m, &m->boxes[i]);
}

void m_view_take(struct m_view *view, const struct m_box *box, uint64_t modseq)
{
	free(view->msgs);
	view->box = box->id;
	view->uidvalidity = box->uidvalidity;
	view->uidnext = box->uidnext;
	view->modseq = modseq;
	view->count = box->count;
	view->msgs = sqb_xmemdup(box->msgs, box->count * sizeof(*box->msgs));
}

/* What the journal says, as a mailbox of its own. */
struct replay {
	const struct m_view *view;
	struct m_box box;
	bool *gone; /* own; by index in the view */
};

/* Mark a range as gone.  What came after the view may have gone as well. */
static void replay_range(struct replay *r, uint32_t lo, uint32_t hi)
{
	uint64_t end =
		hi < r->view->uidnext ? hi + UINT64_C(1) : r->view->uidnext;
	uint64_t seen = 0;
	size_t i;

	m_check(lo <= hi);
	for (i = 0; i < r->view->count; i++) {
		if (r->view->msgs[i].uid < lo || r->view->msgs[i].uid > hi)
			continue;
		m_check(!r->gone[i]);
		r->gone[i] = true;
		seen++;
	}
	m_same(seen, lo < end ? end - lo : 0);
}

static void replay_vanished(struct sqb_store *st, struct replay *r)
{
	struct sqb_mailbox_id id = { r->view->box };
	struct sqb_vanished_iter *it =
		sqb_vanished_iter_begin(st, id, r->view->modseq);
	uint32_t lo, hi;

	while (sqb_vanished_iter_next(it, &lo, &hi))
		replay_range(r, lo, hi);
	m_ok(st, sqb_vanished_iter_end(&it));
}

/* Merge the view's messages that are still there with the changed ones. */
static void replay_changed(struct sqb_store *st, struct replay *r)
{
	struct sqb_mailbox_id id = { r->view->box };
	struct sqb_message_iter *it =
		sqb_changed_iter_begin(st, id, r->view->modseq);
	const struct m_view *view = r->view;
	struct sqb_message msg;
	struct m_msg *copy;
	bool more;
	size_t i = 0;

	do {
		more = sqb_message_iter_next(it, &msg);
		if (more)
			m_check(msg.modseq > view->modseq);
		for (; i < view->count; i++) {
			if (more && view->msgs[i].uid >= msg.uid)
				break;
			if (!r->gone[i])
				*m_msg_add(&r->box, 0) = view->msgs[i];
		}
		if (!more)
			break;
		if (i < view->count && view->msgs[i].uid == msg.uid)
			m_check(!r->gone[i++]);
		else
			m_check(msg.uid >= view->uidnext);
		copy = m_msg_add(&r->box, msg.uid);
		copy->flags = msg.flags;
		copy->keywords.word[0] = msg.keywords.mask;
		copy->modseq = msg.modseq;
	} while (true);
	m_ok(st, sqb_message_iter_end(&it));
}

static void compare_replay(const struct replay *r, const struct m_box *box)
{
	uint64_t mask = ~(UINT64_C(1) << 63);
	size_t i;

	m_same(r->box.count, box->count);
	for (i = 0; i < box->count; i++) {
		const struct m_msg *a = &r->box.msgs[i], *b = &box->msgs[i];

		m_same(a->uid, b->uid);
		m_same(a->flags, b->flags);
		m_same(a->modseq, b->modseq);
		m_same(a->keywords.word[0] & mask, b->keywords.word[0] & mask);
	}
}

void m_view_verify(struct sqb_store *st, const struct model *m,
		   const struct m_view *view)
{
	const struct m_box *box = m_box_by_id(m, view->box);
	struct sqb_mailbox_id id = { view->box };
	struct replay r = { .view = view };
	struct sqb_vanished_iter *it;
	uint32_t lo, hi;

	if (box == NULL || box->uidvalidity != view->uidvalidity)
		return;
	if (view->modseq < box->floor) {
		it = sqb_vanished_iter_begin(st, id, view->modseq);
		m_check(!sqb_vanished_iter_next(it, &lo, &hi));
		m_answers(sqb_vanished_iter_end(&it), SQB_INVALID);
		return;
	}
	r.gone = sqb_xcalloc(view->count, sizeof(*r.gone));
	m_ok(st, sqb_read_begin(st));
	replay_vanished(st, &r);
	replay_changed(st, &r);
	sqb_read_end(st);
	compare_replay(&r, box);
	free(r.gone);
	free(r.box.msgs);
}
