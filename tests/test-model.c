/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The property test: random operations on a store and on the model of model.h,
 * in random transactions of which some are rolled back; after each the answers
 * must agree, and now and then all that the store holds.
 *
 * SQB_OPS says how many operations, SQB_SEED which; a failure names both.
 */
#include "tests/model.h"

#include "common/attribute.h"
#include "common/check.h"
#include "common/maintain.h"
#include "common/store-private.h"
#include "common/subscription.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_BOXES 25
#define MAX_MESSAGES 150
#define VIEWS 24

static struct sqb_store *st;
static struct model *m;
static struct sqb_body_writer *writers[M_WRITERS];
static unsigned int writer_seed[M_WRITERS];
static size_t writer_size[M_WRITERS];
static struct m_view views[VIEWS];
static uint64_t random_state;
static uint64_t txn_modseq; /* 0: nothing has changed in it */
static bool txn_refused;    /* something was, which may take a modseq too */

/* 0 to n - 1 (xorshift64*). */
static uint32_t rnd(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 32) %
	       n;
}

static bool one_in(uint32_t n)
{
	return rnd(n) == 0;
}

/* Something has changed: all of a transaction has one modseq, a larger one. */
static uint64_t change(void)
{
	uint64_t modseq;

	m_ok(st, sqb_txn_modseq(st, &modseq));
	if (txn_modseq == 0)
		m_check(modseq > m->modseq);
	else
		m_same(modseq, txn_modseq);
	txn_modseq = modseq;
	m->modseq = modseq;
	return modseq;
}

static void tree_change(void)
{
	m->tree_modseq = change();
}

/* A call that must answer this; true if that is SQB_OK. */
#define answers(call, want) did(call, want, #call)
static bool did(enum sqb_err err, enum sqb_err want, const char *call)
{
	ck_assert_msg(err == want, M_PLACE "%s: %s, not %s (%s)", M_PLACE_ARGS,
		      call, sqb_err_name(err), sqb_err_name(want),
		      sqb_store_errmsg(st));
	if (err != SQB_OK)
		txn_refused = true;
	return err == SQB_OK;
}

/* Some much more often than others, so that things happen to one in a row. */
static struct m_box *any_box(void)
{
	uint32_t count = (uint32_t)m->box_count;

	return &m->boxes[one_in(2) && count > 3 ? rnd(3) : rnd(count)];
}

/* One that probably holds messages. */
static struct m_box *any_full_box(void)
{
	struct m_box *box = any_box();
	int tries;

	for (tries = 0; tries < 4 && box->count == 0; tries++)
		box = any_box();
	return box;
}

static struct sqb_mailbox_id id_of(const struct m_box *box)
{
	return (struct sqb_mailbox_id){ box->id };
}

/* A UID of the mailbox, or near one. */
static uint32_t any_uid(const struct m_box *box)
{
	if (box->count > 0 && !one_in(10))
		return box->msgs[rnd((uint32_t)box->count)].uid;
	return 1 + rnd((uint32_t)box->uidnext + 2);
}

static void any_range(const struct m_box *box, uint32_t *lo, uint32_t *hi)
{
	*lo = any_uid(box);
	*hi = one_in(2) ? *lo : *lo + rnd(20);
	if (one_in(60)) {
		*lo = 1;
		*hi = UINT32_MAX;
	}
}

static void any_path(char path[M_PATH])
{
	static const char *const names[] = { "a",        "b",     "c",
					     "a b",      "a-b",   "A",
					     ".x",       "..y",   "INBOX",
					     "\xc3\xa9", "inbox2" };
	uint32_t levels = 1 + rnd(1 + rnd(4)), i;
	size_t len = 0;

	if (one_in(3)) {
		m_path(m, &m->boxes[rnd((uint32_t)m->box_count)], path);
		return;
	}
	for (i = 0; i < levels; i++) {
		const char *name = names[rnd(sizeof(names) / sizeof(*names))];

		len += (size_t)snprintf(path + len, M_PATH - len, "%s%s",
					i > 0 ? "/" : "", name);
	}
}

/* The same path as a user may spell it. */
static const char *spelled(const char *path)
{
	static char text[M_PATH];
	size_t i;

	memcpy(text, path, strlen(path) + 1);
	if (strncmp(path, "INBOX", 5) == 0 &&
	    (path[5] == '/' || path[5] == '\0')) {
		for (i = 0; i < 5; i++)
			text[i] = (char)(one_in(2) ? text[i] : text[i] | 0x20);
	}
	return text;
}

static struct m_keywords any_keywords(void)
{
	struct m_keywords k = { { 0, 0 } };
	uint32_t n, count;

	if (m->keyword_count == 0 || one_in(3))
		return k;
	for (count = rnd(4); count > 0; count--) {
		n = rnd(m->keyword_count);
		k.word[n / 64] |= UINT64_C(1) << (n % 64);
	}
	return k;
}

/* What the store has chosen for a mailbox that is new, or new again. */
static void learn_box(struct m_box *box, const char *path, uint32_t uidvalidity,
		      const uint8_t *guid)
{
	struct sqb_mailbox_status status;
	struct sqb_mailbox_id id;

	m_ok(st, sqb_mailbox_find(st, path, &id));
	m_ok(st, sqb_mailbox_status(st, id, &status));
	if (box->id == 0) {
		m_check(id.n > m->max_id);
		m->max_id = id.n;
	}
	box->id = id.n;
	if (uidvalidity != 0)
		m_same(status.uidvalidity, uidvalidity);
	else
		m_check(status.uidvalidity > m->max_uidvalidity);
	if (status.uidvalidity > m->max_uidvalidity)
		m->max_uidvalidity = status.uidvalidity;
	box->uidvalidity = status.uidvalidity;
	if (guid != NULL)
		m_check(memcmp(status.guid, guid, SQB_GUID_SIZE) == 0);
	memcpy(box->guid, status.guid, SQB_GUID_SIZE);
	box->highest = change();
}

/*
 * Add the mailboxes of a path that the model does not have, all but the last
 * as \Noselect ones; without the last if last is false.  Returns the parent of
 * the last level, whose name is put into name.
 */
static int64_t add_path(const char *path, bool last, char name[M_LEVEL],
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
		box = m_child(m, parent, name);
		if (box == NULL) {
			box = m_box_add(m, parent, name);
			box->noselect = path[end] != '\0' || args->noselect;
			learn_box(box, prefix,
				  path[end] == '\0' ? args->uidvalidity : 0,
				  path[end] == '\0' ? args->guid : NULL);
		}
		if (path[end] == '\0')
			return parent;
		parent = box->id;
		end++;
	}
}

static void any_create_args(struct sqb_mailbox_create *args, uint8_t *guid)
{
	memset(args, 0, sizeof(*args));
	args->noselect = one_in(8);
	if (one_in(8))
		args->uidvalidity = m->max_uidvalidity - 1 + rnd(4);
	if (one_in(8))
		args->min_uidnext = rnd(500);
	if (one_in(8))
		args->min_first_recent = rnd(100);
	if (one_in(8)) {
		memset(guid, (int)rnd(256), SQB_GUID_SIZE);
		args->guid = guid;
	}
}

static void op_create(void)
{
	struct sqb_mailbox_create args;
	uint8_t guid[SQB_GUID_SIZE];
	struct sqb_mailbox_id id;
	char path[M_PATH], name[M_LEVEL];
	struct m_box *box;
	bool taken;

	any_path(path);
	any_create_args(&args, guid);
	box = m_box_by_path(m, path);
	if (box == NULL && m->box_count >= MAX_BOXES)
		return;
	taken = box != NULL && (!box->noselect || args.noselect);
	if (!answers(sqb_mailbox_create(st, spelled(path), &args, &id),
		     taken ? SQB_EXISTS : SQB_OK))
		return;
	if (box != NULL) {
		box->noselect = false;
		learn_box(box, path, args.uidvalidity, args.guid);
	} else {
		add_path(path, true, name, &args);
		box = m_box_by_path(m, path);
	}
	m_same(id.n, box->id);
	if (args.min_uidnext > box->uidnext)
		box->uidnext = args.min_uidnext;
	if (args.min_first_recent > box->first_recent)
		box->first_recent = args.min_first_recent;
	tree_change();
}

static void remove_attributes(int64_t box)
{
	size_t i = 0;

	while (i < m->attribute_count) {
		if (m->attributes[i].box == box)
			m->attributes[i] = m->attributes[--m->attribute_count];
		else
			i++;
	}
}

static void op_delete(void)
{
	struct m_box *box = any_box();
	bool children = m_has_children(m, box);
	bool refused = m_is_inbox(box) || (box->noselect && children);

	if (!answers(sqb_mailbox_delete(st, id_of(box)),
		     refused ? SQB_INVALID : SQB_OK))
		return;
	m_expunge(m, box, 1, UINT32_MAX, true);
	remove_attributes(box->id);
	tree_change();
	if (children) {
		box->noselect = true;
		box->special_use = 0;
		box->highest = m->modseq;
		box->floor = m->modseq;
	} else {
		m_box_remove(m, box);
	}
}

/* What a rename to that path must answer. */
static enum sqb_err rename_answer(const struct m_box *box, const char *path)
{
	char own[M_PATH];
	size_t len;

	m_path(m, box, own);
	len = strlen(own);
	if (strncmp(path, own, len) == 0 && path[len] == '/')
		return SQB_INVALID;
	return m_box_by_path(m, path) != NULL ? SQB_EXISTS : SQB_OK;
}

static size_t deepest_below(const struct m_box *top)
{
	char path[M_PATH];
	size_t i, deepest = 0;

	for (i = 0; i < m->box_count; i++) {
		if (!m_is_below(m, &m->boxes[i], top->id))
			continue;
		m_path(m, &m->boxes[i], path);
		if (strlen(path) > deepest)
			deepest = strlen(path);
	}
	return deepest;
}

static void inbox_renamed(int64_t old)
{
	struct m_box *box = m_box_add(m, 0, "INBOX");
	size_t i;

	learn_box(box, "INBOX", 0, NULL);
	for (i = 0; i < m->box_count; i++) {
		if (m->boxes[i].parent == old)
			m->boxes[i].parent = box->id;
	}
}

static void op_rename(void)
{
	struct m_box *box = any_box();
	char path[M_PATH], name[M_LEVEL];
	int64_t id = box->id, parent;
	bool inbox = m_is_inbox(box);

	any_path(path);
	if (m->box_count >= MAX_BOXES + 5 ||
	    strlen(path) + deepest_below(box) > M_PATH - 8 ||
	    (inbox && !one_in(4)))
		return;
	if (!answers(sqb_mailbox_rename(st, id_of(box), spelled(path)),
		     rename_answer(box, path)))
		return;
	parent = add_path(path, false, name, NULL);
	box = m_box_by_id(m, id);
	box->parent = parent;
	memcpy(box->name, name, strlen(name) + 1);
	if (inbox)
		inbox_renamed(id);
	tree_change();
}

static void op_update(void)
{
	struct sqb_mailbox_update update = { .first_recent = rnd(50) };
	struct m_box *box = any_box();
	bool tree = false;

	if (one_in(4)) {
		update.set_special_use = true;
		update.special_use = rnd(8);
		tree = update.special_use != box->special_use;
	}
	if (one_in(20)) {
		update.uidvalidity = m->max_uidvalidity + rnd(3);
		tree = tree || update.uidvalidity != box->uidvalidity;
	}
	if (one_in(8))
		update.min_uidnext = (uint32_t)box->uidnext + rnd(5);
	answers(sqb_mailbox_update(st, id_of(box), &update), SQB_OK);
	if (tree || update.min_uidnext > box->uidnext)
		box->highest = change();
	if (tree)
		tree_change();
	if (update.uidvalidity != 0)
		box->uidvalidity = update.uidvalidity;
	if (update.uidvalidity > m->max_uidvalidity)
		m->max_uidvalidity = update.uidvalidity;
	if (update.min_uidnext > box->uidnext)
		box->uidnext = update.min_uidnext;
	if (update.first_recent > box->first_recent)
		box->first_recent = update.first_recent;
	if (update.set_special_use)
		box->special_use = update.special_use;
}

/* Random arguments; more has room for M_KEYWORDS. */
static void any_new_args(const struct m_box *dst, struct sqb_message_new *args,
			 struct m_keywords *k, uint32_t *more)
{
	memset(args, 0, sizeof(*args));
	args->flags = one_in(2) ? rnd(SQB_FLAGS_ALL + 1) : 0;
	*k = any_keywords();
	args->keywords = m_keywords(k, more);
	args->date = 1 + rnd(2000000000);
	args->save_date = 1 + rnd(2000000000);
	if (one_in(20))
		args->pop3_uidl = "uidl";
	if (one_in(20))
		args->uid = (uint32_t)dst->uidnext + rnd(6);
}

/* The row that a message must have after it came into dst. */
static struct m_msg *arrived(struct m_box *dst, uint32_t uid, uint32_t wanted,
			     size_t body)
{
	struct m_msg *msg;

	m_same(uid, wanted != 0 ? wanted : dst->uidnext);
	m_check(uid >= dst->uidnext);
	dst->uidnext = (uint64_t)uid + 1;
	dst->highest = change();
	msg = m_msg_add(dst, uid);
	msg->modseq = dst->highest;
	msg->body = body;
	m->bodies[body].refs++;
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

static size_t count_lines(size_t size, unsigned int seed)
{
	char *text = t_mail(size, seed);
	const char *p = text;
	size_t lines = 0;

	while ((p = strstr(p, "\r\n")) != NULL) {
		lines++;
		p += 2;
	}
	free(text);
	return lines;
}

/* The body of a writer that was just appended; learns its row if it is new. */
static size_t body_of_writer(uint32_t w, struct sqb_mailbox_id box,
			     uint32_t uid)
{
	struct sqb_message msg;
	struct m_body *body;

	if (m->writer_body[w] == SIZE_MAX)
		m->writer_body[w] =
			m_body_add(m, writer_seed[w], writer_size[w],
				   count_lines(writer_size[w], writer_seed[w]));
	body = &m->bodies[m->writer_body[w]];
	if (!body->stored) {
		m_ok(st, sqb_message_get(st, box, uid, &msg));
		body->row = msg.body.n;
		body->stored = true;
	}
	return m->writer_body[w];
}

static void op_append(void)
{
	struct m_box *box = any_full_box();
	uint32_t w = rnd(M_WRITERS), uid, more[M_KEYWORDS];
	struct sqb_message_new args;
	enum sqb_err want = SQB_OK;
	struct m_keywords k;

	if (box->count >= MAX_MESSAGES)
		return;
	any_new_args(box, &args, &k, more);
	if (box->uidnext > 1 && one_in(20)) {
		args.uid = 1 + rnd((uint32_t)box->uidnext - 1);
		want = SQB_INVALID;
	}
	if (box->noselect)
		want = SQB_NOSELECT;
	if (answers(sqb_message_append(st, id_of(box), writers[w], &args, &uid),
		    want))
		take_args(arrived(box, uid, args.uid,
				  body_of_writer(w, id_of(box), uid)),
			  &args, &k);
}

/* A message to copy: one that is there, or was some time ago. */
static bool any_source(struct sqb_message *src, size_t *body)
{
	struct m_box *box = any_full_box();
	struct m_msg *msg;
	uint32_t i;

	if (m->stale_count > 0 && one_in(5)) {
		i = rnd((uint32_t)m->stale_count);
		*src = m->stale[i];
		*body = m->stale_body[i];
		return true;
	}
	msg = m_msg_by_uid(box, any_uid(box));
	if (msg == NULL)
		return false;
	m_ok(st, sqb_message_get(st, id_of(box), msg->uid, src));
	*body = msg->body;
	if (one_in(10)) {
		i = m->stale_count < M_STALE ? (uint32_t)m->stale_count++
					     : rnd(M_STALE);
		m->stale[i] = *src;
		m->stale_body[i] = *body;
	}
	return true;
}

static void op_copy(void)
{
	uint32_t uid, more[M_KEYWORDS];
	struct m_box *dst = any_box();
	struct sqb_message_new args;
	enum sqb_err want = SQB_OK;
	struct sqb_message src;
	struct m_keywords k;
	size_t body;

	if (dst->count >= MAX_MESSAGES || !any_source(&src, &body))
		return;
	any_new_args(dst, &args, &k, more);
	if (dst->noselect)
		want = SQB_NOSELECT;
	/* Freed since, and perhaps stored again under another id. */
	if (!m->bodies[body].stored || m->bodies[body].row != src.body.n)
		want = SQB_NOTFOUND;
	if (answers(sqb_message_copy(st, &src, id_of(dst), &args, &uid), want))
		take_args(arrived(dst, uid, args.uid, body), &args, &k);
}

static void op_move(void)
{
	struct m_box *src = any_full_box(), *dst = any_box();
	uint32_t uid, from = any_uid(src), more[M_KEYWORDS];
	struct m_msg *msg = m_msg_by_uid(src, from), old;
	struct sqb_message_new args;
	bool keep = one_in(2);
	struct sqb_message now;
	struct m_keywords k;
	enum sqb_err want;

	if (dst->count >= MAX_MESSAGES)
		return;
	any_new_args(dst, &args, &k, more);
	want = msg == NULL     ? SQB_NOTFOUND
	       : dst->noselect ? SQB_NOSELECT
			       : SQB_OK;
	if (!answers(sqb_message_move(st, id_of(src), from, id_of(dst),
				      keep ? NULL : &args, &uid),
		     want))
		return;
	old = *msg;
	m_expunge(m, src, from, from, true);
	src->highest = change();
	msg = arrived(dst, uid, keep ? 0 : args.uid, old.body);
	take_args(msg, &args, &k);
	if (keep) {
		m_ok(st, sqb_message_get(st, id_of(dst), uid, &now));
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

static void op_flags(void)
{
	uint32_t lo, hi, add_more[M_KEYWORDS], remove_more[M_KEYWORDS];
	struct m_keywords add = any_keywords(), remove = any_keywords();
	struct sqb_flag_change c = {
		.add = one_in(2) ? rnd(SQB_FLAGS_ALL + 1) : 0,
		.remove = one_in(2) ? rnd(SQB_FLAGS_ALL + 1) : 0,
	};
	struct m_box *box = any_full_box();
	uint64_t changed, want = 0;
	struct m_msg *msg;
	size_t i;

	c.add_keywords = m_keywords(&add, add_more);
	c.remove_keywords = m_keywords(&remove, remove_more);
	any_range(box, &lo, &hi);
	m_ok(st,
	     sqb_message_change_flags(st, id_of(box), lo, hi, &c, &changed));
	for (i = 0; i < box->count; i++) {
		msg = &box->msgs[i];
		if (msg->uid < lo || msg->uid > hi ||
		    !change_message(msg, &c, &add, &remove))
			continue;
		box->highest = change();
		msg->modseq = box->highest;
		want++;
	}
	m_same(changed, want);
}

static void op_expunge(void)
{
	struct m_box *box = any_full_box();
	uint64_t expunged;
	uint32_t lo, hi;
	size_t want;

	any_range(box, &lo, &hi);
	m_ok(st, sqb_message_expunge(st, id_of(box), lo, hi, &expunged));
	want = m_expunge(m, box, lo, hi, true);
	m_same(expunged, want);
	if (want > 0)
		box->highest = change();
}

static void op_subscribe(void)
{
	bool add = one_in(2), changed, there;
	char path[M_PATH];
	size_t i = 0;

	any_path(path);
	while (i < m->subscription_count &&
	       strcmp(m->subscriptions[i], path) != 0)
		i++;
	there = i < m->subscription_count;
	if (add && m->subscription_count == 16)
		return;
	m_ok(st, sqb_subscribe(st, spelled(path), add, &changed));
	m_same(changed, there != add);
	if (!changed)
		return;
	if (add)
		memcpy(m->subscriptions[m->subscription_count++], path,
		       strlen(path) + 1);
	else
		memcpy(m->subscriptions[i],
		       m->subscriptions[--m->subscription_count], M_PATH);
	tree_change();
}

static void op_attribute(void)
{
	struct m_attribute a;
	bool remove = one_in(3);
	size_t i = 0;

	memset(&a, 0, sizeof(a));
	a.box = one_in(4) ? 0 : any_box()->id;
	(void)snprintf(a.key, sizeof(a.key), "key%u", rnd(3));
	(void)snprintf(a.value, sizeof(a.value), "%u", rnd(3));
	while (i < m->attribute_count &&
	       (m->attributes[i].box != a.box ||
		strcmp(m->attributes[i].key, a.key) != 0))
		i++;
	if (!remove && i == 16)
		return;
	m_ok(st, sqb_attribute_set(st, (struct sqb_mailbox_id){ a.box }, a.key,
				   remove ? NULL : a.value, strlen(a.value),
				   T_DATE));
	if (remove ? i == m->attribute_count
		   : i < m->attribute_count &&
			     strcmp(m->attributes[i].value, a.value) == 0)
		return;
	if (remove)
		m->attributes[i] = m->attributes[--m->attribute_count];
	else
		m->attributes[i] = a;
	if (i == m->attribute_count && !remove)
		m->attribute_count++;
	tree_change();
}

static void op_keyword(void)
{
	uint32_t n = rnd(M_KEYWORDS), number;
	char name[16];

	if (n > m->keyword_count)
		n = m->keyword_count;
	(void)snprintf(name, sizeof(name), "%s%u", one_in(2) ? "kw" : "KW", n);
	if (n == m->keyword_count) {
		m_answers(sqb_keyword_number(st, name, false, &number),
			  SQB_NOTFOUND);
		memcpy(name, "kw", 2);
		if (n == M_KEYWORDS - 1)
			return;
		m->keyword_count++;
		txn_refused = true; /* a change without a modseq */
	}
	m_ok(st, sqb_keyword_number(st, name, true, &number));
	m_same(number, n);
}

static void op_read(void)
{
	const struct m_box *box = any_full_box();

	if (box->count > 0)
		m_verify_body(st, m, box,
			      &box->msgs[rnd((uint32_t)box->count)]);
}

static void op_verify(void)
{
	m_verify_box(st, m, any_full_box());
}

static const struct {
	const char *name;
	void (*run)(void);
	uint32_t weight;
} operations[] = {
	{ "append", op_append, 35 },      { "copy", op_copy, 12 },
	{ "move", op_move, 12 },          { "flags", op_flags, 25 },
	{ "expunge", op_expunge, 7 },     { "create", op_create, 5 },
	{ "delete", op_delete, 2 },       { "rename", op_rename, 4 },
	{ "update", op_update, 3 },       { "subscribe", op_subscribe, 2 },
	{ "attribute", op_attribute, 2 }, { "keyword", op_keyword, 2 },
	{ "read", op_read, 3 },           { "verify", op_verify, 3 },
};
#define OPERATIONS (sizeof(operations) / sizeof(*operations))

static void run_operation(void)
{
	uint32_t total = 0, pick;
	size_t i;

	for (i = 0; i < OPERATIONS; i++)
		total += operations[i].weight;
	pick = rnd(total);
	for (i = 0; pick >= operations[i].weight; i++)
		pick -= operations[i].weight;
	m_place.name = operations[i].name;
	m_place.operation++;
	operations[i].run();
}

static void run_transaction(uint64_t end)
{
	struct model *before = one_in(8) ? m_copy(m) : NULL;
	uint32_t count = one_in(20) ? 60 : 1 + rnd(8);
	bool synced = one_in(10);

	if (synced)
		m_ok(st, sqb_sync(st));
	txn_modseq = 0;
	txn_refused = false;
	m_ok(st, sqb_txn_begin(st));
	for (; count > 0 && m_place.operation < end; count--)
		run_operation();
	if (before != NULL) {
		m_place.name = "rollback";
		sqb_txn_rollback(st);
		m_free(m);
		m = before;
		m_verify_rest(st, m);
		return;
	}
	m_place.name = "commit";
	m_ok(st, sqb_txn_commit(st));
	/* first_recent, too, changes without a modseq. */
	if (synced && txn_modseq != 0)
		m_check(sqb_sync_pending(st));
	m_ok(st, sqb_checkpoint_if_due(st));
}

static void new_writer(uint32_t w)
{
	char *text;

	sqb_body_writer_free(&writers[w]);
	writer_seed[w] = rnd(UINT32_MAX);
	writer_size[w] = one_in(100) ? 300000 + rnd(100000) : 40 + rnd(2000);
	text = t_mail(writer_size[w], writer_seed[w]);
	writers[w] = t_body(st, text, writer_size[w]);
	m->writer_body[w] = SIZE_MAX;
	free(text);
}

static void free_writers(void)
{
	uint32_t w;

	for (w = 0; w < M_WRITERS; w++)
		sqb_body_writer_free(&writers[w]);
}

static void reopen(void)
{
	uint32_t w;

	free_writers();
	t_store_reopen(&st);
	for (w = 0; w < M_WRITERS; w++)
		new_writer(w);
	m_verify_tree(st, m);
	m_verify_rest(st, m);
}

static void purge(void)
{
	uint64_t freed, want = 0;
	size_t i;

	m_ok(st, sqb_purge(st, 0, 0, &freed));
	for (i = 0; i < m->body_count; i++) {
		if (!m->bodies[i].stored || m->bodies[i].refs > 0)
			continue;
		m->bodies[i].stored = false;
		want++;
	}
	m_same(freed, want);
}

/* As of the mailbox's own modseq, or of the store's. */
static void take_view(void)
{
	const struct m_box *box = any_full_box();

	m_view_take(&views[rnd(VIEWS)], box,
		    one_in(2) ? box->highest : m->modseq);
}

static void between_transactions(void)
{
	if (one_in(6))
		new_writer(rnd(M_WRITERS));
	m_place.name = "view";
	if (one_in(3))
		take_view();
	if (one_in(2))
		m_view_verify(st, m, &views[rnd(VIEWS)]);
	m_place.name = "verify tree";
	if (one_in(30))
		m_verify_tree(st, m);
	m_place.name = "purge";
	if (one_in(150))
		purge();
	m_place.name = "verify all";
	if (one_in(500))
		m_verify_all(st, m);
	m_place.name = "reopen";
	if (one_in(400))
		reopen();
}

static void check_is_silent(void)
{
	struct sqb_check *check = sqb_check_begin(st);
	struct sqb_check_step step;

	m_place.name = "check";
	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL, M_PLACE "%s", M_PLACE_ARGS,
			      step.problem);
	m_ok(st, sqb_check_end(&check, NULL));
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* The model of a new store. */
static void begin_model(void)
{
	struct sqb_mailbox_status status;
	struct m_box *inbox;
	uint32_t w;

	m = sqb_xcalloc(1, sizeof(*m));
	m_ok(st, sqb_mailbox_status(st, T_INBOX, &status));
	inbox = m_box_add(m, 0, "INBOX");
	inbox->id = status.id.n;
	memcpy(inbox->guid, status.guid, SQB_GUID_SIZE);
	inbox->uidvalidity = status.uidvalidity;
	inbox->highest = status.highestmodseq;
	m->max_id = inbox->id;
	m->max_uidvalidity = inbox->uidvalidity;
	m->modseq = inbox->highest;
	m_ok(st, sqb_tree_modseq(st, &m->tree_modseq));
	for (w = 0; w < M_WRITERS; w++)
		new_writer(w);
}

static void end_model(void)
{
	size_t i;

	free_writers();
	for (i = 0; i < VIEWS; i++) {
		free(views[i].msgs);
		views[i].msgs = NULL;
	}
	m_free(m);
	m = NULL;
}

START_TEST(a_store_does_what_its_model_does)
{
	const char *ci = getenv("CI");
	bool in_ci = ci != NULL && strcmp(ci, "true") == 0;
	uint64_t ops = number_from("SQB_OPS", in_ci ? 200000 : 20000);
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	memset(&m_place, 0, sizeof(m_place));
	m_place.seed = number_from("SQB_SEED", (uint64_t)now.tv_nsec);
	random_state = m_place.seed * 2 + 1;
	printf("SQB_SEED=%" PRIu64 " SQB_OPS=%" PRIu64 "\n", m_place.seed, ops);
	(void)fflush(stdout);

	st = t_store_open();
	begin_model();
	while (m_place.operation < ops) {
		run_transaction(ops);
		between_transactions();
	}
	m_place.name = "end";
	m_verify_all(st, m);
	check_is_silent();
	purge();
	check_is_silent();
	end_model();
	t_store_close(&st);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, a_store_does_what_its_model_does);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
