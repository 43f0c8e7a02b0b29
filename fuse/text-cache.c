/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/text-cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define KEPT_BYTES_MAX (UINT64_C(4) << 20)
#define KEPT_MAX 256
#define SIZES 32768 /* a size that falls on another's place takes it */

struct known_size {
	int64_t body;
	uint64_t size;
	uint32_t part;
};

struct ifs_texts {
	pthread_mutex_t lock;
	struct ifs_text *newest, *oldest; /* own; a list */
	struct ifs_texts_stat stat;
	struct known_size *sizes; /* own; NULL before the first */
};

struct ifs_texts *ifs_texts_new(void)
{
	struct ifs_texts *texts = sqb_xcalloc(1, sizeof(*texts));

	(void)pthread_mutex_init(&texts->lock, NULL);
	return texts;
}

/* Who calls has the lock, here and below. */
static void unlink_text(struct ifs_texts *texts, struct ifs_text *text)
{
	*(text->newer == NULL ? &texts->newest : &text->newer->older) =
		text->older;
	*(text->older == NULL ? &texts->oldest : &text->older->newer) =
		text->newer;
	text->newer = NULL;
	text->older = NULL;
	texts->stat.kept--;
	texts->stat.kept_bytes -= text->size;
}

static void link_newest(struct ifs_texts *texts, struct ifs_text *text)
{
	text->older = texts->newest;
	text->newer = NULL;
	*(text->older == NULL ? &texts->oldest : &text->older->newer) = text;
	texts->newest = text;
	texts->stat.kept++;
	texts->stat.kept_bytes += text->size;
}

/* The list is one holder. */
static void release(struct ifs_text *text)
{
	if (--text->holds > 0)
		return;
	free(text->data);
	free(text);
}

static void drop_oldest(struct ifs_texts *texts)
{
	struct ifs_text *text = texts->oldest;

	texts->oldest = text->newer;
	*(text->newer == NULL ? &texts->newest : &text->newer->older) = NULL;
	texts->stat.kept--;
	texts->stat.kept_bytes -= text->size;
	release(text);
}

void ifs_texts_free(struct ifs_texts **texts_p)
{
	struct ifs_texts *texts = *texts_p;

	if (texts == NULL)
		return;
	*texts_p = NULL;
	while (texts->oldest != NULL)
		drop_oldest(texts);
	(void)pthread_mutex_destroy(&texts->lock);
	free(texts->sizes);
	free(texts);
}

static struct ifs_text *find(struct ifs_texts *texts, int64_t body)
{
	struct ifs_text *text = texts->newest;

	while (text != NULL && text->body != body)
		text = text->older;
	if (text == NULL)
		return NULL;
	unlink_text(texts, text);
	link_newest(texts, text);
	text->holds++;
	return text;
}

struct ifs_text *ifs_texts_get(struct ifs_texts *texts, int64_t body)
{
	struct ifs_text *text;

	(void)pthread_mutex_lock(&texts->lock);
	text = find(texts, body);
	(void)pthread_mutex_unlock(&texts->lock);
	return text;
}

struct ifs_text *ifs_texts_add(struct ifs_texts *texts, int64_t body,
			       char *data, size_t size, bool made)
{
	struct ifs_text *text;

	(void)pthread_mutex_lock(&texts->lock);
	texts->stat.decoded += made;
	text = find(texts, body);
	if (text != NULL) {
		/* Another thread was as fast, and has made the same. */
		free(data);
	} else {
		text = sqb_xcalloc(1, sizeof(*text));
		text->body = body;
		text->data = data;
		text->size = size;
		text->holds = 2;
		link_newest(texts, text);
	}
	while (texts->oldest != text &&
	       (texts->stat.kept > KEPT_MAX ||
		texts->stat.kept_bytes > KEPT_BYTES_MAX))
		drop_oldest(texts);
	(void)pthread_mutex_unlock(&texts->lock);
	return text;
}

void ifs_texts_hold(struct ifs_texts *texts, struct ifs_text *text)
{
	(void)pthread_mutex_lock(&texts->lock);
	text->holds++;
	(void)pthread_mutex_unlock(&texts->lock);
}

void ifs_texts_put(struct ifs_texts *texts, struct ifs_text **text_p)
{
	struct ifs_text *text = *text_p;

	if (text == NULL)
		return;
	*text_p = NULL;
	(void)pthread_mutex_lock(&texts->lock);
	release(text);
	(void)pthread_mutex_unlock(&texts->lock);
}

static struct known_size *place_of(struct ifs_texts *texts, int64_t body,
				   uint32_t part)
{
	if (texts->sizes == NULL)
		texts->sizes = sqb_xcalloc(SIZES, sizeof(*texts->sizes));
	return &texts->sizes[((uint64_t)body + part * UINT64_C(40503)) % SIZES];
}

bool ifs_texts_size(struct ifs_texts *texts, int64_t body, uint32_t part,
		    uint64_t *size_r)
{
	struct known_size *known;
	bool found;

	(void)pthread_mutex_lock(&texts->lock);
	known = place_of(texts, body, part);
	/* Bodies have numbers from 1. */
	found = known->body == body && known->part == part;
	if (found)
		*size_r = known->size;
	(void)pthread_mutex_unlock(&texts->lock);
	return found;
}

void ifs_texts_set_size(struct ifs_texts *texts, int64_t body, uint32_t part,
			uint64_t size)
{
	struct known_size *known;

	(void)pthread_mutex_lock(&texts->lock);
	known = place_of(texts, body, part);
	known->body = body;
	known->part = part;
	known->size = size;
	(void)pthread_mutex_unlock(&texts->lock);
}

void ifs_texts_stat(struct ifs_texts *texts, struct ifs_texts_stat *stat_r)
{
	(void)pthread_mutex_lock(&texts->lock);
	*stat_r = texts->stat;
	(void)pthread_mutex_unlock(&texts->lock);
}
