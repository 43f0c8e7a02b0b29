/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/changes.h"

#include <stdlib.h>

#include "common/changes.h"
#include "common/entry.h"
#include "common/mem.h"
#include "common/txn.h"
#include "fuse/inode.h"
#include "fuse/names.h"
#include "fuse/notice.h"
#include "fuse/tree.h"

#define OWN_KEPT 1024
#define CACHE_KIB 512

struct ifs_changes {
	struct ifs_fs *fs;                /* foreign */
	struct sqb_store *st;             /* own */
	struct ifs_tree *tree;            /* own: what the kernel knows */
	struct ifs_notices *notices;      /* own */
	uint64_t modseq;                  /* what the kernel knows */
	atomic_uint_fast64_t tree_modseq; /* the same of the tree */

	pthread_mutex_t lock; /* of these: */
	uint64_t own[OWN_KEPT];
	unsigned int own_next;
};

/* The mailboxes that have changed: what is asked about each. */
struct changed {
	struct sqb_mailbox_status *list; /* own */
	size_t count, alloc;
	uint64_t modseq; /* the highest, of the tree, too */
	uint64_t tree_modseq;
	bool tree; /* that has changed, too */
};

static enum sqb_err find_changed(struct sqb_store *st, uint64_t since,
				 struct changed *changed_r)
{
	struct sqb_child_iter *it = sqb_changed_mailbox_iter_begin(st, since);
	struct sqb_mailbox_info info;
	enum sqb_err err;

	changed_r->modseq = since;
	while (sqb_child_iter_next(it, &info)) {
		changed_r->list =
			sqb_xgrow(changed_r->list, changed_r->count,
				  &changed_r->alloc, sizeof(*changed_r->list));
		changed_r->list[changed_r->count++] = info.status;
		if (info.status.highestmodseq > changed_r->modseq)
			changed_r->modseq = info.status.highestmodseq;
	}
	err = sqb_child_iter_end(&it);
	if (err == SQB_OK)
		err = sqb_tree_modseq(st, &changed_r->tree_modseq);
	if (err != SQB_OK)
		return err;
	changed_r->tree = changed_r->tree_modseq > since;
	if (changed_r->tree_modseq > changed_r->modseq)
		changed_r->modseq = changed_r->tree_modseq;
	return SQB_OK;
}

/*
 * Were all transactions after that one, up to this one, our own?  A modseq that
 * nobody has used counts as somebody else's.
 */
static bool only_own(struct ifs_changes *changes, uint64_t after,
		     uint64_t until)
{
	uint64_t count = 0;
	unsigned int i;

	(void)pthread_mutex_lock(&changes->lock);
	for (i = 0; i < OWN_KEPT; i++)
		count += changes->own[i] > after && changes->own[i] <= until;
	(void)pthread_mutex_unlock(&changes->lock);
	return count * SQB_MODSEQ_STEP == until - after;
}

void ifs_changes_own(struct ifs_changes *changes, uint64_t modseq)
{
	(void)pthread_mutex_lock(&changes->lock);
	changes->own[changes->own_next++ % OWN_KEPT] = modseq;
	(void)pthread_mutex_unlock(&changes->lock);
}

/*
 * The journal does not reach back so far: whatever is not there is gone, of all
 * UIDs below this.
 */
static enum sqb_err notice_gaps(struct ifs_changes *changes,
				struct sqb_mailbox_id box, uint64_t uids)
{
	struct sqb_message_iter *it =
		sqb_message_iter_begin(changes->st, box, 1, UINT32_MAX);
	struct sqb_message msg;
	uint64_t next = 1;

	ifs_notice_folder(changes->notices, box);
	while (sqb_message_iter_next(it, &msg)) {
		if (msg.uid > next)
			ifs_notice_gone(changes->notices, box, (uint32_t)next,
					msg.uid - 1);
		next = (uint64_t)msg.uid + 1;
	}
	if (uids > next)
		ifs_notice_gone(changes->notices, box, (uint32_t)next,
				(uint32_t)(uids - 1));
	return sqb_message_iter_end(&it);
}

static enum sqb_err notice_vanished(struct ifs_changes *changes,
				    const struct sqb_mailbox_status *status,
				    bool arrived)
{
	struct sqb_mailbox_id box = status->id;
	struct sqb_vanished_iter *it =
		sqb_vanished_iter_begin(changes->st, box, changes->modseq);
	bool folder = arrived;
	uint32_t lo, hi;
	enum sqb_err err;

	if (folder)
		ifs_notice_folder(changes->notices, box);
	while (sqb_vanished_iter_next(it, &lo, &hi)) {
		if (!folder)
			ifs_notice_folder(changes->notices, box);
		folder = true;
		ifs_notice_gone(changes->notices, box, lo, hi);
	}
	err = sqb_vanished_iter_end(&it);
	return err == SQB_INVALID
		       ? notice_gaps(changes, box, ifs_tree_uids_of(status))
		       : err;
}

/*
 * A message that was given a name: it, and the generated one, are found in
 * another way than before.  Another given name that it had is not known; so the
 * kernel keeps those for a moment only (ifs_inval_entry_timeout()).
 */
static enum sqb_err notice_given(struct ifs_changes *changes,
				 struct sqb_mailbox_id box,
				 const struct sqb_message *msg, bool *any)
{
	fuse_ino_t dir = ifs_ino_mailbox(box);
	char computed[IFS_NAME_MAX + 1], *name;
	enum sqb_err err =
		sqb_entry_name_get(changes->st, box, msg->uid, &name);

	if (err == SQB_NOTFOUND)
		return SQB_OK;
	if (err != SQB_OK)
		return err;
	ifs_notice_name(changes->notices, dir, name);
	free(name);
	ifs_name_generate(msg->date, box, msg->uid, computed);
	ifs_notice_name(changes->notices, dir, computed);
	*any = true;
	return SQB_OK;
}

static enum sqb_err notice_names(struct ifs_changes *changes,
				 struct sqb_mailbox_id box)
{
	struct sqb_message_iter *it =
		sqb_changed_iter_begin(changes->st, box, changes->modseq);
	enum sqb_err err = SQB_OK, end;
	struct sqb_message msg;
	bool any = false;

	while (err == SQB_OK && sqb_message_iter_next(it, &msg)) {
		err = notice_given(changes, box, &msg, &any);
		/* Its server may have told a wrong size. */
		if (changes->fs->replica != NULL)
			ifs_notice_attributes(changes->notices, box, msg.uid);
	}
	if (any)
		ifs_notice_folder(changes->notices, box);
	end = sqb_message_iter_end(&it);
	return err != SQB_OK ? err : end;
}

static enum sqb_err notice_mailbox(struct ifs_changes *changes,
				   const struct sqb_mailbox_status *status,
				   bool own)
{
	uint64_t before;
	enum sqb_err err;

	if (!ifs_tree_set_uids(changes->tree, status, &before) || own)
		return SQB_OK;
	err = notice_vanished(changes, status,
			      ifs_tree_uids_of(status) > before);
	return err == SQB_OK ? notice_names(changes, status->id) : err;
}

static enum sqb_err notice_tree(struct ifs_changes *changes, bool own)
{
	enum sqb_err err;
	struct ifs_tree *tree = ifs_tree_read(changes->fs, changes->st, &err);

	if (tree == NULL)
		return err;
	ifs_tree_keep_uids(tree, changes->tree);
	if (!own)
		ifs_tree_compare(changes->tree, tree, changes->notices);
	ifs_tree_free(&changes->tree);
	changes->tree = tree;
	return SQB_OK;
}

/*
 * Most of what is new is our own, as when files are copied in.  If so, and the
 * tree is as it was, there is nothing to be told.
 */
static enum sqb_err pass_over_own(struct ifs_changes *changes, bool *passed_r)
{
	uint64_t last, tree;
	enum sqb_err err = sqb_last_modseq(changes->st, &last);

	if (err == SQB_OK)
		err = sqb_tree_modseq(changes->st, &tree);
	if (err != SQB_OK)
		return err;
	*passed_r = tree <= changes->modseq &&
		    only_own(changes, changes->modseq, last);
	if (*passed_r)
		changes->modseq = last;
	return SQB_OK;
}

/* In one snapshot. */
static enum sqb_err read_changes(struct ifs_changes *changes)
{
	struct changed changed = { 0 };
	enum sqb_err err = find_changed(changes->st, changes->modseq, &changed);
	bool own = err == SQB_OK &&
		   only_own(changes, changes->modseq, changed.modseq);
	size_t i;

	if (err == SQB_OK && changed.tree)
		err = notice_tree(changes, own);
	if (err == SQB_OK)
		atomic_store(&changes->tree_modseq, changed.tree_modseq);
	for (i = 0; err == SQB_OK && i < changed.count; i++)
		err = notice_mailbox(changes, &changed.list[i], own);
	if (err == SQB_OK)
		changes->modseq = changed.modseq;
	free(changed.list);
	return err;
}

enum sqb_err ifs_changes_tell(struct ifs_changes *changes)
{
	enum sqb_err err = sqb_read_begin(changes->st);
	bool passed = false;

	if (err != SQB_OK)
		return err;
	err = pass_over_own(changes, &passed);
	if (err == SQB_OK && !passed)
		err = read_changes(changes);
	sqb_read_end(changes->st);
	/* After a failure, too: what was noticed is true. */
	ifs_notices_send(changes->notices, changes->fs);
	return err;
}

void ifs_changes_tell_all(struct ifs_changes *changes)
{
	ifs_tree_all(changes->tree, changes->notices);
	ifs_notices_send(changes->notices, changes->fs);
}

bool ifs_changes_tree_is_told(struct ifs_changes *changes, struct sqb_store *st)
{
	uint64_t modseq;

	return sqb_tree_modseq(st, &modseq) == SQB_OK &&
	       modseq <= atomic_load(&changes->tree_modseq);
}

struct sqb_store *ifs_changes_store(struct ifs_changes *changes)
{
	return changes->st;
}

static enum sqb_err read_present(struct ifs_changes *changes)
{
	struct changed changed = { 0 };
	enum sqb_err err = sqb_read_begin(changes->st);

	if (err != SQB_OK)
		return err;
	err = find_changed(changes->st, 0, &changed);
	changes->modseq = changed.modseq;
	atomic_init(&changes->tree_modseq, changed.tree_modseq);
	if (err == SQB_OK)
		changes->tree = ifs_tree_read(changes->fs, changes->st, &err);
	sqb_read_end(changes->st);
	free(changed.list);
	return err;
}

enum sqb_err ifs_changes_new(struct ifs_fs *fs, struct ifs_changes **changes_r,
			     char **error_r)
{
	struct ifs_changes *changes = sqb_xcalloc(1, sizeof(*changes));
	enum sqb_err err;

	changes->fs = fs;
	changes->notices = ifs_notices_new();
	(void)pthread_mutex_init(&changes->lock, NULL);
	err = sqb_store_open(fs->opts->source, SQB_OPEN_READONLY, &changes->st,
			     error_r);
	if (err == SQB_OK) {
		sqb_store_set_cache_size(changes->st, CACHE_KIB);
		err = read_present(changes);
		if (err != SQB_OK)
			*error_r = sqb_xstrdup(sqb_store_errmsg(changes->st));
	}
	if (err != SQB_OK)
		ifs_changes_free(&changes);
	*changes_r = changes;
	return err;
}

void ifs_changes_free(struct ifs_changes **changes_p)
{
	struct ifs_changes *changes = *changes_p;

	if (changes == NULL)
		return;
	*changes_p = NULL;
	ifs_tree_free(&changes->tree);
	ifs_notices_free(&changes->notices);
	sqb_store_close(&changes->st);
	(void)pthread_mutex_destroy(&changes->lock);
	free(changes);
}
