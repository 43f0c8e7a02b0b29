/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/model.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

struct model *m_copy(const struct model *m)
{
	struct model *copy = sqb_xmemdup(m, sizeof(*m));
	size_t i;

	copy->boxes = sqb_xmemdup(m->boxes, m->box_count * sizeof(*m->boxes));
	copy->box_alloc = m->box_count;
	for (i = 0; i < m->box_count; i++) {
		struct m_box *box = &copy->boxes[i];

		box->msgs =
			sqb_xmemdup(box->msgs, box->count * sizeof(*box->msgs));
		box->alloc = box->count;
	}
	copy->bodies =
		sqb_xmemdup(m->bodies, m->body_count * sizeof(*m->bodies));
	copy->body_alloc = m->body_count;
	return copy;
}

void m_free(struct model *m)
{
	size_t i;

	for (i = 0; i < m->box_count; i++)
		free(m->boxes[i].msgs);
	free(m->boxes);
	free(m->bodies);
	free(m);
}

struct m_box *m_box_by_id(const struct model *m, int64_t id)
{
	size_t i;

	for (i = 0; i < m->box_count; i++) {
		if (m->boxes[i].id == id)
			return &m->boxes[i];
	}
	return NULL;
}

struct m_box *m_child(const struct model *m, int64_t parent, const char *name)
{
	size_t i;

	for (i = 0; i < m->box_count; i++) {
		if (m->boxes[i].parent == parent &&
		    strcmp(m->boxes[i].name, name) == 0)
			return &m->boxes[i];
	}
	return NULL;
}

struct m_box *m_box_by_path(const struct model *m, const char *path)
{
	char level[M_PATH];
	struct m_box *box = NULL;
	int64_t parent = 0;
	size_t len;

	for (;;) {
		len = strcspn(path, "/");
		memcpy(level, path, len);
		level[len] = '\0';
		box = m_child(m, parent, level);
		if (box == NULL || path[len] == '\0')
			return box;
		parent = box->id;
		path += len + 1;
	}
}

struct m_box *m_box_add(struct model *m, int64_t parent, const char *name)
{
	struct m_box *box;

	m->boxes = sqb_xgrow(m->boxes, m->box_count, &m->box_alloc,
			     sizeof(*m->boxes));
	box = &m->boxes[m->box_count++];
	memset(box, 0, sizeof(*box));
	box->parent = parent;
	memcpy(box->name, name, strlen(name) + 1);
	box->uidnext = 1;
	box->first_recent = 1;
	return box;
}

void m_box_remove(struct model *m, struct m_box *box)
{
	free(box->msgs);
	*box = m->boxes[--m->box_count];
}

bool m_has_children(const struct model *m, const struct m_box *box)
{
	size_t i;

	for (i = 0; i < m->box_count; i++) {
		if (m->boxes[i].parent == box->id)
			return true;
	}
	return false;
}

bool m_is_inbox(const struct m_box *box)
{
	return box->parent == 0 && strcmp(box->name, "INBOX") == 0;
}

bool m_is_below(const struct model *m, const struct m_box *box, int64_t id)
{
	while (box != NULL && box->id != id)
		box = m_box_by_id(m, box->parent);
	return box != NULL;
}

void m_path(const struct model *m, const struct m_box *box, char path[M_PATH])
{
	char buf[M_PATH];
	size_t pos = sizeof(buf) - 1, len;

	buf[pos] = '\0';
	for (; box != NULL; box = m_box_by_id(m, box->parent)) {
		len = strlen(box->name);
		if (buf[pos] != '\0')
			buf[--pos] = '/';
		pos -= len;
		memcpy(buf + pos, box->name, len);
	}
	memcpy(path, buf + pos, sizeof(buf) - pos);
}

/* The index of the first message from that UID on. */
static size_t first_from(const struct m_box *box, uint32_t uid)
{
	size_t lo = 0, hi = box->count, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (box->msgs[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct m_msg *m_msg_by_uid(const struct m_box *box, uint32_t uid)
{
	size_t i = first_from(box, uid);

	if (i < box->count && box->msgs[i].uid == uid)
		return &box->msgs[i];
	return NULL;
}

struct m_msg *m_msg_add(struct m_box *box, uint32_t uid)
{
	struct m_msg *msg;

	box->msgs = sqb_xgrow(box->msgs, box->count, &box->alloc,
			      sizeof(*box->msgs));
	msg = &box->msgs[box->count++];
	memset(msg, 0, sizeof(*msg));
	msg->uid = uid;
	return msg;
}

size_t m_expunge(struct model *m, struct m_box *box, uint32_t lo, uint32_t hi,
		 bool release_bodies)
{
	size_t from = first_from(box, lo), to = from, i;

	while (to < box->count && box->msgs[to].uid <= hi)
		to++;
	for (i = from; i < to && release_bodies; i++)
		m->bodies[box->msgs[i].body].refs--;
	if (to == from)
		return 0;
	memmove(box->msgs + from, box->msgs + to,
		(box->count - to) * sizeof(*box->msgs));
	box->count -= to - from;
	return to - from;
}

size_t m_body_add(struct model *m, unsigned int seed, size_t size, size_t psize)
{
	struct m_body *body;

	m->bodies = sqb_xgrow(m->bodies, m->body_count, &m->body_alloc,
			      sizeof(*m->bodies));
	body = &m->bodies[m->body_count];
	memset(body, 0, sizeof(*body));
	body->seed = seed;
	body->size = size;
	body->psize = psize;
	return m->body_count++;
}

bool m_is_wire(unsigned int seed)
{
	return seed % 4 == 0;
}

char *m_file(unsigned int seed, size_t size, size_t *psize_r)
{
	char *text = t_mail(size, seed);
	unsigned int line = 0;
	size_t i, n = 0;
	bool crlf;

	for (i = 0; i < size; i++) {
		crlf = i + 1 < size && text[i] == '\r' && text[i + 1] == '\n';
		line += crlf;
		if (crlf && (seed % 4 < 2 ||
			     (seed % 4 == 3 && (line * seed >> 9) % 2 == 0)))
			continue;
		text[n++] = text[i];
	}
	*psize_r = n;
	return text;
}

struct sqb_keywords m_keywords(const struct m_keywords *k,
			       uint32_t more[M_KEYWORDS])
{
	struct sqb_keywords set = { .mask = k->word[0] & ~(UINT64_C(1) << 63) };
	uint32_t n;

	for (n = SQB_KEYWORD_BITS; n < M_KEYWORDS; n++) {
		if ((k->word[n / 64] >> (n % 64) & 1) != 0)
			more[set.more_count++] = n;
	}
	if (set.more_count > 0)
		set.more = more;
	return set;
}
