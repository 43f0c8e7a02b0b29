/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "sqbox-config.h"

#include "fuse/hidden.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/attr.h"
#include "fuse/hidden-private.h"
#include "fuse/names.h"
#ifdef HAVE_GMIME
#include "fuse/parts-view.h"
#include "fuse/text-store.h"
#include "fuse/text-view.h"
#endif

struct ifs_hidden *ifs_hidden_new(void)
{
	struct ifs_hidden *hidden = sqb_xcalloc(1, sizeof(*hidden));

	hidden->nodes = ifs_hidden_nodes_new();
#ifdef HAVE_GMIME
	hidden->texts = ifs_texts_new();
	hidden->text_store = ifs_text_store_new();
	hidden->parts = ifs_parts_new();
#endif
	return hidden;
}

void ifs_hidden_free(struct ifs_hidden **hidden_p)
{
	struct ifs_hidden *hidden = *hidden_p;

	if (hidden == NULL)
		return;
#ifdef HAVE_GMIME
	/* First, for its thread uses what is freed after it. */
	ifs_text_store_free(&hidden->text_store);
#endif
	*hidden_p = NULL;
	ifs_hidden_nodes_free(&hidden->nodes);
#ifdef HAVE_GMIME
	ifs_texts_free(&hidden->texts);
	ifs_parts_free(&hidden->parts);
#endif
	free(hidden);
}

bool ifs_hidden_name(fuse_ino_t parent, const char *name)
{
	return ifs_node_kind(parent) == IFS_NODE_HIDDEN ||
	       (parent == FUSE_ROOT_ID && strcmp(name, IFS_HIDDEN) == 0);
}

/* A number that is not in the table of nodes. */
static int find_fixed(struct ifs_fs *fs, fuse_ino_t ino,
		      struct fuse_entry_param *param_r)
{
	param_r->ino = ino;
	return ifs_hidden_attr(fs, ino, &param_r->attr);
}

/*
 * A new file with each look-up, so that the size is exact and what is read is
 * of one moment: the kernel is to remember the name for no time at all.  To
 * stat(2) they are one, or cp would say that it was replaced while being
 * copied.
 */
static int find_status(struct ifs_fs *fs, struct fuse_entry_param *param_r)
{
	struct ifs_hidden_node *node = sqb_xcalloc(1, sizeof(*node));

	node->text = ifs_status_text(fs);
	ifs_attr_made(fs, ifs_hidden_ino(IFS_VIEW_FIXED, IFS_HIDDEN_STATUS),
		      S_IFREG | 0400, strlen(node->text), &node->attr);
	(void)clock_gettime(CLOCK_REALTIME, &node->attr.st_mtim);
	node->attr.st_ctim = node->attr.st_mtim;
	ifs_hidden_node_add(fs->hidden->nodes, node, param_r);
	param_r->entry_timeout = 0;
	return 0;
}

const struct ifs_hidden_fixed *ifs_hidden_fixed(uint64_t n)
{
	static const struct ifs_hidden_fixed fixed[] = {
		{ "status", S_IFREG, IFS_VIEW_FIXED, IFS_HIDDEN_STATUS },
#ifdef HAVE_GMIME
		{ "text", S_IFDIR, IFS_VIEW_TEXT, 0 },
		{ "parts", S_IFDIR, IFS_VIEW_PARTS, 0 },
#endif
	};

	return n < sizeof(fixed) / sizeof(fixed[0]) ? &fixed[n] : NULL;
}

static int find_in_root(struct ifs_fs *fs, const char *name,
			struct fuse_entry_param *param_r)
{
	const struct ifs_hidden_fixed *fixed;
	uint64_t i;

	for (i = 0; (fixed = ifs_hidden_fixed(i)) != NULL; i++) {
		if (strcmp(name, fixed->name) != 0)
			continue;
		return fixed->uid == IFS_HIDDEN_STATUS
			       ? find_status(fs, param_r)
			       : find_fixed(fs,
					    ifs_hidden_ino(fixed->view,
							   fixed->uid),
					    param_r);
	}
	return ENOENT;
}

static int find(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		struct fuse_entry_param *param_r)
{
	if (parent == FUSE_ROOT_ID)
		return find_fixed(
			fs, ifs_hidden_ino(IFS_VIEW_FIXED, IFS_HIDDEN_ROOT),
			param_r);
	switch (ifs_ino_view_of(parent)) {
	case IFS_VIEW_FIXED:
		return find_in_root(fs, name, param_r);
#ifdef HAVE_GMIME
	case IFS_VIEW_TEXT:
		return ifs_text_lookup(fs, parent, name, param_r);
	case IFS_VIEW_PARTS:
		return ifs_ino_uid(parent) == 0
			       ? ifs_text_lookup(fs, parent, name, param_r)
			       : ifs_parts_lookup(fs, parent, name, param_r);
#else
	case IFS_VIEW_TEXT:
	case IFS_VIEW_PARTS:
		return ENOENT;
#endif
	case IFS_VIEW_OTHER:
		return ENOTDIR;
	}
	return ENOENT;
}

int ifs_hidden_lookup(struct ifs_fs *fs, fuse_ino_t parent, const char *name,
		      struct fuse_entry_param *param_r)
{
	memset(param_r, 0, sizeof(*param_r));
	param_r->attr_timeout = IFS_HIDDEN_TIMEOUT;
	param_r->entry_timeout = IFS_HIDDEN_TIMEOUT;
	if (strlen(name) > IFS_NAME_MAX)
		return ENAMETOOLONG;
	return find(fs, parent, name, param_r);
}

void ifs_hidden_forget(struct ifs_fs *fs, fuse_ino_t ino, uint64_t lookups)
{
	if (ifs_ino_view_of(ino) == IFS_VIEW_OTHER)
		ifs_hidden_node_forget(fs->hidden->nodes, ino, lookups);
}

static int attr_of_node(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	struct ifs_hidden_node *node =
		ifs_hidden_node_get(fs->hidden->nodes, ino);

	if (node == NULL)
		return ENOENT;
	*attr_r = node->attr;
	ifs_hidden_node_put(fs->hidden->nodes, &node);
	return 0;
}

int ifs_hidden_attr(struct ifs_fs *fs, fuse_ino_t ino, struct stat *attr_r)
{
	switch (ifs_ino_view_of(ino)) {
	case IFS_VIEW_FIXED:
		ifs_attr_made(fs, ino, S_IFDIR | 0500, 0, attr_r);
		return 0;
#ifdef HAVE_GMIME
	case IFS_VIEW_TEXT:
	case IFS_VIEW_PARTS:
		return ifs_text_attr(fs, ino, attr_r);
#else
	case IFS_VIEW_TEXT:
	case IFS_VIEW_PARTS:
		return ENOENT;
#endif
	case IFS_VIEW_OTHER:
		return attr_of_node(fs, ino, attr_r);
	}
	return ENOENT;
}

/* No other has a text of its own. */
bool ifs_hidden_is_status(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct ifs_hidden_node *node;
	bool yes;

	if (ifs_node_kind(ino) != IFS_NODE_HIDDEN ||
	    ifs_ino_view_of(ino) != IFS_VIEW_OTHER)
		return false;
	node = ifs_hidden_node_get(fs->hidden->nodes, ino);
	yes = node != NULL && node->text != NULL;
	if (node != NULL)
		ifs_hidden_node_put(fs->hidden->nodes, &node);
	return yes;
}

int ifs_hidden_open(struct ifs_fs *fs, fuse_ino_t ino,
		    struct fuse_file_info *fi)
{
	fi->fh = 0;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		return EROFS;
	/* What is under a number here never changes. */
	fi->keep_cache = 1;
	fi->noflush = 1;
#ifdef HAVE_GMIME
	if (ifs_ino_view_of(ino) == IFS_VIEW_TEXT)
		return ifs_text_open(fs, ino, fi);
#else
	(void)fs;
	(void)ino;
#endif
	return 0;
}

static void read_text(const char *text, uint64_t offset, void *buf, size_t size,
		      size_t *got_r)
{
	size_t len = strlen(text);

	if (offset >= len)
		size = 0;
	else if (size > len - offset)
		size = len - (size_t)offset;
	if (size > 0)
		memcpy(buf, text + offset, size);
	*got_r = size;
}

static int read_node(struct ifs_fs *fs, fuse_ino_t ino, uint64_t offset,
		     void *buf, size_t size, size_t *got_r)
{
	struct ifs_hidden_node *node =
		ifs_hidden_node_get(fs->hidden->nodes, ino);
	int ret = 0;

	if (node == NULL)
		return ESTALE;
	if (node->text != NULL)
		read_text(node->text, offset, buf, size, got_r);
#ifdef HAVE_GMIME
	else
		ret = ifs_parts_read(fs, node, offset, buf, size, got_r);
#endif
	ifs_hidden_node_put(fs->hidden->nodes, &node);
	return ret;
}

int ifs_hidden_read(struct ifs_fs *fs, fuse_ino_t ino,
		    const struct fuse_file_info *fi, uint64_t offset, void *buf,
		    size_t size, size_t *got_r)
{
	*got_r = 0;
#ifdef HAVE_GMIME
	if (ifs_ino_view_of(ino) == IFS_VIEW_TEXT)
		return ifs_text_read(fs, ino, fi, offset, buf, size, got_r);
#else
	(void)fi;
#endif
	if (ifs_ino_view_of(ino) != IFS_VIEW_OTHER)
		return EISDIR;
	return read_node(fs, ino, offset, buf, size, got_r);
}

void ifs_hidden_release(struct ifs_fs *fs, fuse_ino_t ino,
			struct fuse_file_info *fi)
{
#ifdef HAVE_GMIME
	if (ifs_ino_view_of(ino) == IFS_VIEW_TEXT)
		ifs_text_release(fs, fi);
#else
	(void)fs;
	(void)ino;
	(void)fi;
#endif
}
