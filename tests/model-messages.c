/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Random operations on messages.
 */
#include "tests/model-run.h"

#include "common/entry.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGES 150

/* A UID of the mailbox, or near one. */
static uint32_t any_uid(struct m_run *r, const struct m_box *box)
{
	if (box->count > 0 && !m_one_in(r, 10))
		return box->msgs[m_rnd(r, (uint32_t)box->count)].uid;
	return 1 + m_rnd(r, (uint32_t)box->uidnext + 2);
}

static void any_range(struct m_run *r, const struct m_box *box, uint32_t *lo,
		      uint32_t *hi)
{
	*lo = any_uid(r, box);
	*hi = m_one_in(r, 2) ? *lo : *lo + m_rnd(r, 20);
	if (m_one_in(r, 60)) {
		*lo = 1;
		*hi = UINT32_MAX;
	}
}

/* Random arguments; more has room for M_KEYWORDS. */
static void any_new_args(struct m_run *r, const struct m_box *dst,
			 struct sqb_message_new *args, struct m_keywords *k,
			 uint32_t *more)
{
	memset(args, 0, sizeof(*args));
	args->flags = m_one_in(r, 2) ? m_rnd(r, SQB_FLAGS_ALL + 1) : 0;
	*k = m_any_keywords(r);
	args->keywords = m_keywords(k, more);
	args->date = 1 + m_rnd(r, 2000000000);
	args->save_date = 1 + m_rnd(r, 2000000000);
	if (m_one_in(r, 20))
		args->pop3_uidl = "uidl";
	if (m_one_in(r, 20))
		args->uid = (uint32_t)dst->uidnext + m_rnd(r, 6);
}

/* The row that a message must have after it came into dst. */
static struct m_msg *arrived(struct m_run *r, struct m_box *dst, uint32_t uid,
			     uint32_t wanted, size_t body)
{
	struct m_msg *msg;

	m_same(uid, wanted != 0 ? wanted : dst->uidnext);
	m_check(uid >= dst->uidnext);
	dst->uidnext = (uint64_t)uid + 1;
	dst->highest = m_change(r);
	msg = m_msg_add(dst, uid);
	msg->modseq = dst->highest;
	msg->body = body;
	r->m->bodies[body].refs++;
	return msg;
}

static void take_args(struct m_msg *msg, const struct sqb_message_new *args,
		      const struct m_keywords *k)
{
	msg->flags = args->flags;
	msg->keywords = *k;
	msg->date = args->date;
	msg->save_date = args->save_date;
}

/* The body of a writer that was just appended; learns its row if it is new. */
static size_t body_of_writer(struct m_run *r, uint32_t w,
			     struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_message msg;
	struct m_body *body;
	size_t psize;

	if (r->m->writer_body[w] == SIZE_MAX) {
		free(m_file(r->writer_seed[w], r->writer_size[w], &psize));
		r->m->writer_body[w] = m_body_add(r->m, r->writer_seed[w],
						  r->writer_size[w], psize);
	}
	body = &r->m->bodies[r->m->writer_body[w]];
	if (!body->stored) {
		m_ok(r->st, sqb_message_get(r->st, box, uid, &msg));
		body->row = msg.body.n;
		body->stored = true;
	}
	return r->m->writer_body[w];
}

void m_op_append(struct m_run *r)
{
	struct m_box *box = m_any_full_box(r);
	uint32_t w = m_rnd(r, M_WRITERS), uid, more[M_KEYWORDS];
	struct sqb_message_new args;
	enum sqb_err want = SQB_OK;
	struct m_keywords k;

	if (box->count >= MAX_MESSAGES)
		return;
	any_new_args(r, box, &args, &k, more);
	if (box->uidnext > 1 && m_one_in(r, 20)) {
		args.uid = 1 + m_rnd(r, (uint32_t)box->uidnext - 1);
		want = SQB_INVALID;
	}
	if (box->noselect)
		want = SQB_NOSELECT;
	if (m_did(r,
		  sqb_message_append(r->st, m_id_of(box), r->writers[w], &args,
				     &uid),
		  want))
		take_args(arrived(r, box, uid, args.uid,
				  body_of_writer(r, w, m_id_of(box), uid)),
			  &args, &k);
}

/* A message to copy: one that is there, or was some time ago. */
static bool any_source(struct m_run *r, struct sqb_message *src, size_t *body)
{
	struct m_box *box = m_any_full_box(r);
	struct m_msg *msg;
	uint32_t i;

	if (r->m->stale_count > 0 && m_one_in(r, 5)) {
		i = m_rnd(r, (uint32_t)r->m->stale_count);
		*src = r->m->stale[i];
		*body = r->m->stale_body[i];
		return true;
	}
	msg = m_msg_by_uid(box, any_uid(r, box));
	if (msg == NULL)
		return false;
	m_ok(r->st, sqb_message_get(r->st, m_id_of(box), msg->uid, src));
	*body = msg->body;
	if (m_one_in(r, 10)) {
		i = r->m->stale_count < M_STALE ? (uint32_t)r->m->stale_count++
						: m_rnd(r, M_STALE);
		r->m->stale[i] = *src;
		r->m->stale_body[i] = *body;
	}
	return true;
}

void m_op_copy(struct m_run *r)
{
	uint32_t uid, more[M_KEYWORDS];
	struct m_box *dst = m_any_box(r);
	struct sqb_message_new args;
	enum sqb_err want = SQB_OK;
	struct sqb_message src;
	struct m_keywords k;
	size_t body;

	if (dst->count >= MAX_MESSAGES || !any_source(r, &src, &body))
		return;
	any_new_args(r, dst, &args, &k, more);
	if (dst->noselect)
		want = SQB_NOSELECT;
	/* Freed since, and perhaps stored again under another id. */
	if (!r->m->bodies[body].stored || r->m->bodies[body].row != src.body.n)
		want = SQB_NOTFOUND;
	if (m_did(r, sqb_message_copy(r->st, &src, m_id_of(dst), &args, &uid),
		  want))
		take_args(arrived(r, dst, uid, args.uid, body), &args, &k);
}

void m_op_move(struct m_run *r)
{
	struct m_box *src = m_any_full_box(r), *dst = m_any_box(r);
	uint32_t uid, from = any_uid(r, src), more[M_KEYWORDS];
	struct m_msg *msg = m_msg_by_uid(src, from), old;
	struct sqb_message_new args;
	bool keep = m_one_in(r, 2);
	struct sqb_message now;
	struct m_keywords k;
	enum sqb_err want;

	if (dst->count >= MAX_MESSAGES)
		return;
	any_new_args(r, dst, &args, &k, more);
	want = msg == NULL     ? SQB_NOTFOUND
	       : dst->noselect ? SQB_NOSELECT
			       : SQB_OK;
	if (!m_did(r,
		   sqb_message_move(r->st, m_id_of(src), from, m_id_of(dst),
				    keep ? NULL : &args, &uid),
		   want))
		return;
	old = *msg;
	m_expunge(r->m, src, from, from, true);
	src->highest = m_change(r);
	msg = arrived(r, dst, uid, keep ? 0 : args.uid, old.body);
	take_args(msg, &args, &k);
	if (keep) {
		m_ok(r->st, sqb_message_get(r->st, m_id_of(dst), uid, &now));
		m_check(now.save_date > 1700000000);
		msg->flags = old.flags;
		msg->keywords = old.keywords;
		msg->date = old.date;
		msg->save_date = now.save_date;
	}
}

static bool change_message(struct m_msg *msg, const struct sqb_flag_change *c,
			   const struct m_keywords *add,
			   const struct m_keywords *remove)
{
	struct m_msg old = *msg;
	int i;

	msg->flags = (msg->flags & ~c->remove) | c->add;
	for (i = 0; i < 2; i++)
		msg->keywords.word[i] =
			(msg->keywords.word[i] & ~remove->word[i]) |
			add->word[i];
	return msg->flags != old.flags ||
	       memcmp(&msg->keywords, &old.keywords, sizeof(old.keywords)) != 0;
}

void m_op_flags(struct m_run *r)
{
	uint32_t lo, hi, add_more[M_KEYWORDS], remove_more[M_KEYWORDS];
	struct m_keywords add = m_any_keywords(r), remove = m_any_keywords(r);
	struct sqb_flag_change c = {
		.add = m_one_in(r, 2) ? m_rnd(r, SQB_FLAGS_ALL + 1) : 0,
		.remove = m_one_in(r, 2) ? m_rnd(r, SQB_FLAGS_ALL + 1) : 0,
	};
	struct m_box *box = m_any_full_box(r);
	uint64_t changed, want = 0;
	struct m_msg *msg;
	size_t i;

	c.add_keywords = m_keywords(&add, add_more);
	c.remove_keywords = m_keywords(&remove, remove_more);
	any_range(r, box, &lo, &hi);
	m_ok(r->st, sqb_message_change_flags(r->st, m_id_of(box), lo, hi, &c,
					     &changed));
	for (i = 0; i < box->count; i++) {
		msg = &box->msgs[i];
		if (msg->uid < lo || msg->uid > hi ||
		    !change_message(msg, &c, &add, &remove))
			continue;
		box->highest = m_change(r);
		msg->modseq = box->highest;
		want++;
	}
	m_same(changed, want);
}

void m_op_expunge(struct m_run *r)
{
	struct m_box *box = m_any_full_box(r);
	uint64_t expunged;
	uint32_t lo, hi;
	size_t want;

	any_range(r, box, &lo, &hi);
	m_ok(r->st,
	     sqb_message_expunge(r->st, m_id_of(box), lo, hi, &expunged));
	want = m_expunge(r->m, box, lo, hi, true);
	m_same(expunged, want);
	if (want > 0)
		box->highest = m_change(r);
}

static bool is_name_taken(const struct m_box *box, const struct m_msg *msg,
			  const char *name)
{
	size_t i;

	for (i = 0; i < box->count; i++) {
		if (&box->msgs[i] != msg && box->msgs[i].name == name)
			return true;
	}
	return false;
}

void m_op_name(struct m_run *r)
{
	static const char *const names[] = { NULL,    "a.eml",    "b.eml",
					     "\xe9",  "\xff\xfe", "...",
					     "1.eml", "2.eml",    "3.eml" };
	const char *name = names[m_rnd(r, sizeof(names) / sizeof(*names))];
	struct m_box *box = m_any_full_box(r);
	uint32_t uid = any_uid(r, box);
	struct m_msg *msg = m_msg_by_uid(box, uid);
	enum sqb_err want = SQB_OK;

	if (msg == NULL)
		want = SQB_NOTFOUND;
	else if (name != NULL && is_name_taken(box, msg, name))
		want = SQB_EXISTS;
	if (!m_did(r, sqb_entry_name_set(r->st, m_id_of(box), uid, name),
		   want) ||
	    msg->name == name)
		return;
	msg->name = name;
	msg->modseq = box->highest = m_change(r);
}

void m_op_read(struct m_run *r)
{
	const struct m_box *box = m_any_full_box(r);

	if (box->count > 0)
		m_verify_body(r->st, r->m, box,
			      &box->msgs[m_rnd(r, (uint32_t)box->count)]);
}

void m_op_verify(struct m_run *r)
{
	m_verify_box(r->st, r->m, m_any_full_box(r));
}
