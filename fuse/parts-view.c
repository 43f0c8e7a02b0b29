/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/parts-view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/message.h"
#include "fuse/attr.h"
#include "fuse/body-input.h"
#include "fuse/ifs-error.h"
#include "fuse/mime-text.h"
#include "fuse/part-name.h"
#include "fuse/text-cache.h"

#define TREES 4             /* structures kept */
#define CURSORS 12          /* more than threads that read */
#define WINDOW (512U << 10) /* of an attachment, for reads out of order */

/* The structure of a mail; the table is one holder. */
struct held_tree {
	int64_t body;
	uint64_t used;
	unsigned int holds;
	struct ifs_mime_tree *tree; /* own */
};

/* Where the reading of an attachment is; what was decoded last is in window. */
struct cursor {
	/* Of the lock of all: */
	fuse_ino_t ino; /* for whom it is; 0: nobody yet */
	uint64_t used;
	unsigned int holds;

	pthread_mutex_t lock; /* of what follows */
	fuse_ino_t open;      /* what it is open for; 0: nothing */
	struct ifs_body_input body;
	struct ifs_mime_part part; /* name is not there */
	struct ifs_mime_reader reader;
	uint64_t start; /* of the window, in the attachment */
	size_t size;    /* of what is in it */
	char *window;   /* own */
};

struct ifs_parts {
	pthread_mutex_t lock;
	uint64_t clock;
	struct held_tree *trees[TREES]; /* own */
	struct cursor cursors[CURSORS];
};

struct ifs_parts *ifs_parts_new(void)
{
	struct ifs_parts *parts = sqb_xcalloc(1, sizeof(*parts));
	unsigned int i;

	(void)pthread_mutex_init(&parts->lock, NULL);
	for (i = 0; i < CURSORS; i++)
		(void)pthread_mutex_init(&parts->cursors[i].lock, NULL);
	return parts;
}

static void close_cursor(struct cursor *c)
{
	if (c->open == 0)
		return;
	ifs_body_input_close(&c->body);
	free(c->window);
	c->window = NULL;
	c->open = 0;
}

static void release_tree(struct held_tree *held)
{
	if (held == NULL || --held->holds > 0)
		return;
	ifs_mime_tree_free(&held->tree);
	free(held);
}

void ifs_parts_free(struct ifs_parts **parts_p)
{
	struct ifs_parts *parts = *parts_p;
	unsigned int i;

	if (parts == NULL)
		return;
	*parts_p = NULL;
	for (i = 0; i < CURSORS; i++) {
		close_cursor(&parts->cursors[i]);
		(void)pthread_mutex_destroy(&parts->cursors[i].lock);
	}
	for (i = 0; i < TREES; i++)
		release_tree(parts->trees[i]);
	(void)pthread_mutex_destroy(&parts->lock);
	free(parts);
}

static struct held_tree *find_tree(struct ifs_parts *parts, int64_t body)
{
	struct held_tree *held = NULL;
	unsigned int i;

	(void)pthread_mutex_lock(&parts->lock);
	for (i = 0; i < TREES && held == NULL; i++) {
		if (parts->trees[i] != NULL && parts->trees[i]->body == body)
			held = parts->trees[i];
	}
	if (held != NULL) {
		held->used = ++parts->clock;
		held->holds++;
	}
	(void)pthread_mutex_unlock(&parts->lock);
	return held;
}

/* Instead of the one that has not been used for the longest time. */
static struct held_tree *keep_tree(struct ifs_parts *parts, int64_t body,
				   struct ifs_mime_tree *tree)
{
	struct held_tree *held = sqb_xcalloc(1, sizeof(*held));
	unsigned int i, oldest = 0;

	held->body = body;
	held->tree = tree;
	held->holds = 2;
	(void)pthread_mutex_lock(&parts->lock);
	for (i = 0; i < TREES; i++) {
		if (parts->trees[i] == NULL ||
		    (parts->trees[oldest] != NULL &&
		     parts->trees[i]->used < parts->trees[oldest]->used))
			oldest = i;
	}
	release_tree(parts->trees[oldest]);
	parts->trees[oldest] = held;
	held->used = ++parts->clock;
	(void)pthread_mutex_unlock(&parts->lock);
	return held;
}

static void put_tree(struct ifs_parts *parts, struct held_tree *held)
{
	(void)pthread_mutex_lock(&parts->lock);
	release_tree(held);
	(void)pthread_mutex_unlock(&parts->lock);
}

static int get_message(struct ifs_fs *fs, struct sqb_mailbox_id box,
		       uint32_t uid, struct sqb_message *msg_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	int ret = ifs_errno(fs, st, sqb_message_get(st, box, uid, msg_r));

	ifs_read_end(fs);
	return ret;
}

/* The structure of a message, held. */
static int get_tree(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		    const struct sqb_message *msg, struct held_tree **held_r)
{
	struct ifs_parts *parts = fs->hidden->parts;
	struct ifs_mime_tree *tree;
	struct ifs_body_input body;
	int ret;

	*held_r = find_tree(parts, msg->body.n);
	if (*held_r != NULL)
		return 0;
	ret = ifs_body_input_open(&body, fs, box, uid);
	if (ret != 0)
		return ret;
	ret = ifs_mime_tree_parse(&body.input, &tree);
	ifs_body_input_close(&body);
	if (ret == 0)
		*held_r = keep_tree(parts, msg->body.n, tree);
	return ret;
}

static bool next_file(const struct ifs_mime_tree *tree, uint32_t *part)
{
	while (*part < tree->count && !ifs_mime_is_file(&tree->parts[*part]))
		++*part;
	return *part < tree->count;
}

int ifs_parts_next(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		   uint32_t *part, char name_r[IFS_NAME_MAX + 1])
{
	struct held_tree *held;
	struct sqb_message msg;
	int ret = get_message(fs, box, uid, &msg);

	if (ret == 0)
		ret = get_tree(fs, box, uid, &msg, &held);
	if (ret != 0)
		return ret;
	if (next_file(held->tree, part))
		ifs_part_name(held->tree, (*part)++, name_r);
	else
		ret = ENOENT;
	put_tree(fs->hidden->parts, held);
	return ret;
}

/* The last number that a name begins with; 0: none. */
static uint32_t place_in(const char *name)
{
	unsigned long place = 0;
	char *end;

	while (*name >= '0' && *name <= '9') {
		place = strtoul(name, &end, 10);
		name = *end == '.' ? end + 1 : end;
	}
	return place > UINT32_MAX ? 0 : (uint32_t)place;
}

/* False: no file is called so. */
static bool find_file(const struct ifs_mime_tree *tree, const char *name,
		      uint32_t *part_r)
{
	uint32_t i, place = place_in(name);
	char found[IFS_NAME_MAX + 1];

	for (i = 0; next_file(tree, &i); i++) {
		/* Nearly all are out at once. */
		if (tree->parts[i].place != place && place != 1)
			continue;
		ifs_part_name(tree, i, found);
		if (strcmp(found, name) == 0) {
			*part_r = i;
			return true;
		}
	}
	return false;
}

static int part_size(struct ifs_fs *fs, fuse_ino_t parent,
		     const struct sqb_message *msg,
		     const struct ifs_mime_tree *tree, uint32_t part,
		     uint64_t *size_r)
{
	struct ifs_texts *texts = fs->hidden->texts;
	struct ifs_body_input body;
	int ret;

	/* 0 is the text of the whole mail. */
	if (ifs_texts_size(texts, msg->body.n, part + 1, size_r))
		return 0;
	ret = ifs_body_input_open(&body, fs, ifs_ino_box(parent),
				  ifs_ino_uid(parent));
	if (ret != 0)
		return ret;
	ret = ifs_mime_part_size(&body.input, &tree->parts[part], size_r);
	ifs_body_input_close(&body);
	if (ret == 0)
		ifs_texts_set_size(texts, msg->body.n, part + 1, *size_r);
	return ret;
}

static int find_part(struct ifs_fs *fs, fuse_ino_t parent,
		     const struct sqb_message *msg,
		     const struct ifs_mime_tree *tree, const char *name,
		     struct fuse_entry_param *param_r)
{
	struct ifs_hidden_node *node;
	struct sqb_message sized = *msg;
	uint32_t part;
	int ret;

	if (!find_file(tree, name, &part))
		return ENOENT;
	ret = part_size(fs, parent, msg, tree, part, &sized.psize);
	if (ret != 0)
		return ret;
	node = sqb_xcalloc(1, sizeof(*node));
	node->box = ifs_ino_box(parent);
	node->uid = ifs_ino_uid(parent);
	node->part = part;
	ifs_attr_message(fs, 0, &sized, &node->attr);
	node->attr.st_mode = S_IFREG | 0400;
	ifs_hidden_node_add(fs->hidden->nodes, node, param_r);
	return 0;
}

int ifs_parts_lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		     struct fuse_entry_param *param_r)
{
	struct held_tree *held;
	struct sqb_message msg;
	int ret =
		get_message(fs, ifs_ino_box(parent), ifs_ino_uid(parent), &msg);

	if (ret == 0)
		ret = get_tree(fs, ifs_ino_box(parent), ifs_ino_uid(parent),
			       &msg, &held);
	if (ret != 0)
		return ret;
	ret = find_part(fs, parent, &msg, held->tree, name, param_r);
	put_tree(fs->hidden->parts, held);
	return ret;
}

/* The cursor of an attachment, held; else the one that is idle the longest. */
static struct cursor *get_cursor(struct ifs_parts *parts, fuse_ino_t ino)
{
	struct cursor *found = NULL;
	unsigned int i;

	(void)pthread_mutex_lock(&parts->lock);
	for (i = 0; i < CURSORS; i++) {
		struct cursor *c = &parts->cursors[i];

		if (c->ino == ino) {
			found = c;
			break;
		}
		if (c->holds == 0 && (found == NULL || c->used < found->used))
			found = c;
	}
	if (found != NULL) {
		found->ino = ino;
		found->used = ++parts->clock;
		found->holds++;
	}
	(void)pthread_mutex_unlock(&parts->lock);
	return found;
}

static void put_cursor(struct ifs_parts *parts, struct cursor *c)
{
	(void)pthread_mutex_lock(&parts->lock);
	c->holds--;
	(void)pthread_mutex_unlock(&parts->lock);
}

static void rewind_cursor(struct cursor *c)
{
	ifs_mime_reader_init(&c->reader, &c->part);
	c->start = 0;
	c->size = 0;
}

static int open_cursor(struct ifs_fs *fs, struct cursor *c,
		       const struct ifs_hidden_node *node)
{
	struct held_tree *held;
	struct sqb_message msg;
	int ret;

	if (c->open == node->ino)
		return 0;
	close_cursor(c);
	ret = get_message(fs, node->box, node->uid, &msg);
	if (ret == 0)
		ret = get_tree(fs, node->box, node->uid, &msg, &held);
	if (ret != 0)
		return ret;
	ret = ifs_body_input_open(&c->body, fs, node->box, node->uid);
	if (ret == 0) {
		c->open = node->ino;
		c->part = held->tree->parts[node->part];
		c->part.name = NULL;
		c->window = sqb_xmalloc(WINDOW);
		rewind_cursor(c);
	}
	put_tree(fs->hidden->parts, held);
	return ret;
}

/* Decode one block more; *end_r: there is none. */
static int advance(struct cursor *c, bool *end_r)
{
	size_t need = IFS_MIME_BLOCK + IFS_MIME_DECODE_SLACK, size, half;
	int ret;

	if (c->size + need > WINDOW) {
		half = c->size / 2;
		memmove(c->window, c->window + half, c->size - half);
		c->start += half;
		c->size -= half;
	}
	ret = ifs_mime_reader_next(&c->reader, &c->body.input,
				   c->window + c->size, &size);
	*end_r = ret != 0 || size == 0;
	if (ret == 0)
		c->size += size;
	return ret;
}

static int read_cursor(struct cursor *c, uint64_t offset, char *buf,
		       size_t size, size_t *got_r)
{
	uint64_t there;
	bool end = false;
	size_t got = 0, part;
	int ret = 0;

	if (offset < c->start)
		rewind_cursor(c);
	while (got < size && !end) {
		there = c->start + c->size;
		if (offset + got >= there) {
			ret = advance(c, &end);
			continue;
		}
		part = (size_t)(there - offset - got);
		if (part > size - got)
			part = size - got;
		memcpy(buf + got, c->window + (offset + got - c->start), part);
		got += part;
	}
	*got_r = got;
	return ret;
}

int ifs_parts_read(struct ifs_fs *fs, const struct ifs_hidden_node *node,
		   uint64_t offset, void *buf, size_t size, size_t *got_r)
{
	struct cursor *c = get_cursor(fs->hidden->parts, node->ino);
	int ret;

	if (c == NULL)
		return EAGAIN;
	(void)pthread_mutex_lock(&c->lock);
	ret = open_cursor(fs, c, node);
	if (ret == 0)
		ret = read_cursor(c, offset, buf, size, got_r);
	if (ret != 0)
		close_cursor(c);
	(void)pthread_mutex_unlock(&c->lock);
	put_cursor(fs->hidden->parts, c);
	/* It was there when it was looked up. */
	return ret == ENOENT ? ESTALE : ret;
}
