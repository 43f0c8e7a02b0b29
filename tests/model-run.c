/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/model-run.h"

#include "common/txn.h"

#include <stdio.h>
#include <string.h>

/* 0 to n - 1 (xorshift64*). */
uint32_t m_rnd(struct m_run *r, uint32_t n)
{
	r->random_state ^= r->random_state >> 12;
	r->random_state ^= r->random_state << 25;
	r->random_state ^= r->random_state >> 27;
	return (uint32_t)((r->random_state * UINT64_C(0x2545f4914f6cdd1d)) >>
			  32) %
	       n;
}

bool m_one_in(struct m_run *r, uint32_t n)
{
	return m_rnd(r, n) == 0;
}

/* Something has changed: all of a transaction has one modseq, a larger one. */
uint64_t m_change(struct m_run *r)
{
	uint64_t modseq;

	m_ok(r->st, sqb_txn_modseq(r->st, &modseq));
	if (r->txn_modseq == 0)
		m_check(modseq > r->m->modseq);
	else
		m_same(modseq, r->txn_modseq);
	r->txn_modseq = modseq;
	r->m->modseq = modseq;
	return modseq;
}

void m_tree_change(struct m_run *r)
{
	r->m->tree_modseq = m_change(r);
}

bool m_answered(struct m_run *r, enum sqb_err err, enum sqb_err want,
		const char *call)
{
	ck_assert_msg(err == want, M_PLACE "%s: %s, not %s (%s)", M_PLACE_ARGS,
		      call, sqb_err_name(err), sqb_err_name(want),
		      sqb_store_errmsg(r->st));
	if (err != SQB_OK)
		r->txn_refused = true;
	return err == SQB_OK;
}

/* Some much more often than others, so that things happen to one in a row. */
struct m_box *m_any_box(struct m_run *r)
{
	uint32_t count = (uint32_t)r->m->box_count;

	return &r->m->boxes[m_one_in(r, 2) && count > 3 ? m_rnd(r, 3)
							: m_rnd(r, count)];
}

/* One that probably holds messages. */
struct m_box *m_any_full_box(struct m_run *r)
{
	struct m_box *box = m_any_box(r);
	int tries;

	for (tries = 0; tries < 4 && box->count == 0; tries++)
		box = m_any_box(r);
	return box;
}

struct sqb_mailbox_id m_id_of(const struct m_box *box)
{
	return (struct sqb_mailbox_id){ box->id };
}

void m_any_path(struct m_run *r, char path[M_PATH])
{
	static const char *const names[] = { "a",        "b",     "c",
					     "a b",      "a-b",   "A",
					     ".x",       "..y",   "INBOX",
					     "\xc3\xa9", "inbox2" };
	uint32_t levels = 1 + m_rnd(r, 1 + m_rnd(r, 4)), i;
	size_t len = 0;

	if (m_one_in(r, 3)) {
		m_path(r->m, &r->m->boxes[m_rnd(r, (uint32_t)r->m->box_count)],
		       path);
		return;
	}
	for (i = 0; i < levels; i++) {
		const char *name =
			names[m_rnd(r, sizeof(names) / sizeof(*names))];

		len += (size_t)snprintf(path + len, M_PATH - len, "%s%s",
					i > 0 ? "/" : "", name);
	}
}

/* The same path as a user may spell it. */
const char *m_spelled(struct m_run *r, const char *path)
{
	static char text[M_PATH];
	size_t i;

	memcpy(text, path, strlen(path) + 1);
	if (strncmp(path, "INBOX", 5) == 0 &&
	    (path[5] == '/' || path[5] == '\0')) {
		for (i = 0; i < 5; i++)
			text[i] = (char)(m_one_in(r, 2) ? text[i]
							: text[i] | 0x20);
	}
	return text;
}

struct m_keywords m_any_keywords(struct m_run *r)
{
	struct m_keywords k = { { 0, 0 } };
	uint32_t n, count;

	if (r->m->keyword_count == 0 || m_one_in(r, 3))
		return k;
	for (count = m_rnd(r, 4); count > 0; count--) {
		n = m_rnd(r, r->m->keyword_count);
		k.word[n / 64] |= UINT64_C(1) << (n % 64);
	}
	return k;
}
