/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* The index as a whole: our header in it, and building it anew. */

#include "lib.h"
#include "file-lock.h"
#include "mail-index-alloc-cache.h"
#include "mail-index-modseq.h"
#include "mail-transaction-log.h"
#include "mkdir-parents.h"
#include "unlink-directory.h"
#include "sqbox-compat.h"
#include "sqbox-error.h"
#include "sqbox-import.h"
#include "sqbox-index.h"
#include "sqbox-sync.h"
#include "common/txn.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SQBOX_REBUILD_LOCK_NAME "sqbox-rebuild.lock"
#define SQBOX_REBUILD_LOCK_SECS 60
#define SQBOX_REBUILD_DIR "rebuild"
#define SQBOX_NEWLOCK_WAITS 20
/* A message takes some 20 in the index itself. */
#define SQBOX_LOG_OCTETS_PER_MESSAGE 4
#define SQBOX_LOG_LIMIT_MIN 16384
/* On a full disk, for what a session changes; and a block of it. */
#define SQBOX_LOG_ROOM 16384
#define SQBOX_LOG_ROOM_MIN 4096
#define SQBOX_NEWLOCK_WAIT_USECS 100000

void sqbox_index_get_header(struct sqbox_mailbox *mbox,
			    struct mail_index_view *view,
			    struct sqbox_index_header *hdr_r)
{
	const void *data;
	size_t size;

	i_zero(hdr_r);
	mail_index_get_header_ext(view, mbox->hdr_ext_id, &data, &size);
	if (size >= sizeof(*hdr_r))
		memcpy(hdr_r, data, sizeof(*hdr_r));
}

static void
sqbox_index_update_u32(struct mail_index_transaction *trans, size_t offset,
		       uint32_t old, uint32_t new, bool prepend)
{
	if (old != new) {
		mail_index_update_header(trans, offset, &new, sizeof(new),
					 prepend);
	}
}

void sqbox_index_update_header(const struct sqbox_import *import,
			       const struct sqb_mailbox_status *status,
			       uint64_t modseq)
{
	struct mail_index_header hdr;
	struct sqbox_index_header old, new;
	uint32_t first_recent;
	uint64_t next_uid;

	i_zero(&hdr);
	i_zero(&old);
	if (!import->reset) {
		hdr = *mail_index_get_header(import->view);
		sqbox_index_get_header(import->mbox, import->view, &old);
	}
	sqbox_index_update_u32(import->trans,
			       offsetof(struct mail_index_header, uid_validity),
			       hdr.uid_validity, status->uidvalidity, TRUE);
	if (sqbox_uidnext(status) > import->next_uid && status->uidnext != 0) {
		sqbox_index_update_u32(
			import->trans,
			offsetof(struct mail_index_header, next_uid), 0,
			status->uidnext, FALSE);
	}
	/* Above UIDNEXT, Dovecot would take the index for damaged. */
	next_uid = I_MAX(status->uidnext, import->next_uid);
	first_recent = I_MIN(status->first_recent, next_uid);
	if (first_recent > hdr.first_recent_uid) {
		sqbox_index_update_u32(
			import->trans,
			offsetof(struct mail_index_header, first_recent_uid),
			hdr.first_recent_uid, first_recent, FALSE);
	}

	i_zero(&new);
	new.modseq = modseq;
	if (memcmp(&old, &new, sizeof(old)) != 0) {
		mail_index_update_header_ext(import->trans,
					     import->mbox->hdr_ext_id, 0, &new,
					     sizeof(new));
	}
}

/* Is it another mailbox's index, one from later than the store, or none? */
static bool
sqbox_index_is_wrong(struct sqbox_mailbox *mbox, struct mail_index_view *view,
		     const struct sqb_mailbox_status *status)
{
	const struct mail_index_header *idx_hdr = mail_index_get_header(view);
	struct sqbox_index_header hdr;

	if (idx_hdr->uid_validity == 0) {
		/* A mailbox that never had a message has no history. */
		return status->uidnext != 1;
	}
	sqbox_index_get_header(mbox, view, &hdr);
	return mail_index_is_deleted(mbox->box.index) ||
	       idx_hdr->uid_validity != status->uidvalidity ||
	       idx_hdr->next_uid > sqbox_uidnext(status) ||
	       hdr.modseq > status->highestmodseq ||
	       (idx_hdr->flags & MAIL_INDEX_HDR_FLAG_FSCKD) != 0;
}

/*
 * What the wrong index has given out is not given out again: UIDs and modseqs
 * of a store that is older than it (restored from a copy, or its last commits
 * went with the power).  Each rebuild takes a modseq of its own, from which it
 * numbers its log.
 */
static enum sqb_err
sqbox_index_raise_store(struct sqbox_mailbox *mbox,
			struct mail_index_view *view,
			const struct sqb_mailbox_status *status)
{
	const struct mail_index_header *idx_hdr =
		view == NULL ? NULL : mail_index_get_header(view);
	struct sqb_store *st = sqbox_store(&mbox->box);
	struct sqb_mailbox_update update;
	struct sqbox_index_header hdr;
	enum sqb_err err;

	i_zero(&update);
	update.min_modseq = status->highestmodseq;
	if (idx_hdr != NULL && idx_hdr->uid_validity == status->uidvalidity) {
		sqbox_index_get_header(mbox, view, &hdr);
		update.min_uidnext = idx_hdr->next_uid;
		update.min_modseq = I_MAX(update.min_modseq, hdr.modseq);
		update.min_modseq = I_MAX(update.min_modseq,
					  mail_index_modseq_get_highest(view));
	}
	update.min_modseq += SQBOX_MODSEQ_GAP;
	err = sqb_txn_begin(st);
	if (err != SQB_OK)
		return err;
	err = sqb_mailbox_update(st, mbox->id, &update);
	if (err != SQB_OK) {
		sqb_txn_rollback(st);
		return err;
	}
	return sqb_txn_commit(st);
}

/* All that the store has goes into the new index, with its modseqs. */
static int
sqbox_index_fill(struct sqbox_mailbox *mbox, struct mail_index_view *view,
		 struct mail_index_transaction *trans, bool new_modseqs)
{
	struct sqb_store *st = sqbox_store(&mbox->box);
	struct sqbox_import import;
	struct sqb_mailbox_status status;
	enum sqb_err err;
	int ret;

	sqbox_import_init(&import, mbox, view, trans);
	err = sqb_read_begin(st);
	if (err == SQB_OK) {
		err = sqb_mailbox_status(st, mbox->id, &status);
		if (err != SQB_OK)
			sqb_read_end(st);
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&mbox->box, err);
		return -1;
	}
	import.set_modseqs = TRUE;
	/* Flags of a store that went back in time are news to all clients. */
	import.min_modseq = new_modseqs ? status.highestmodseq : 1;
	ret = sqbox_import_all(&import);
	sqb_read_end(st);
	if (ret < 0)
		return -1;
	sqbox_index_update_header(&import, &status, status.highestmodseq);
	mail_index_update_highest_modseq(trans, status.highestmodseq);
	return 0;
}

/*
 * Build an index in place of none, and rotate its log at once: the first file
 * must begin at the modseq reached, or it would claim to know of all expunges
 * before, and QRESYNC clients would not be told of them.
 */
static int sqbox_index_build(struct sqbox_mailbox *mbox, bool new_modseqs)
{
	struct mail_index *index = mbox->box.index;
	struct mail_index_optimization_settings set;
	struct mail_index_sync_ctx *sync_ctx;
	struct mail_index_view *view;
	struct mail_index_transaction *trans;
	struct mail_index_sync_rec rec;
	int ret;

	mail_index_modseq_enable(index);
	if (mail_index_sync_begin(index, &sync_ctx, &view, &trans, 0) < 0) {
		mailbox_set_index_error(&mbox->box);
		return -1;
	}
	while (mail_index_sync_next(sync_ctx, &rec))
		;
	if (sqbox_index_fill(mbox, view, trans, new_modseqs) < 0) {
		mail_index_sync_rollback(&sync_ctx);
		return -1;
	}

	i_zero(&set);
	set.log.max_size = 1;
	mail_index_set_optimization_settings(index, &set);
	ret = mail_index_sync_commit(&sync_ctx);
	set.log.max_size =
		mbox->box.storage->set->mail_index_log_rotate_max_size;
	mail_index_set_optimization_settings(index, &set);
	if (ret < 0)
		mailbox_set_index_error(&mbox->box);
	return ret;
}

/*
 * Who opens the index reads its log from the last rewrite on.  Our records are
 * so short that Dovecot's own limit comes late: the log would hold thousands of
 * messages, and reading them again takes longer than all else in a SELECT.
 */
void sqbox_index_limit_log(struct sqbox_mailbox *mbox, uint32_t messages)
{
	const struct mail_storage_settings *mail_set = mbox->box.storage->set;
	struct mail_index_optimization_settings set;
	uoff_t limit = (uoff_t)messages * SQBOX_LOG_OCTETS_PER_MESSAGE;

	limit = I_MAX(limit, SQBOX_LOG_LIMIT_MIN);
	limit = I_MIN(limit, mail_set->mail_index_rewrite_max_log_bytes);
	i_zero(&set);
	set.index.rewrite_max_log_bytes = limit;
	mail_index_set_optimization_settings(mbox->box.index, &set);
}

static void sqbox_index_opened(struct sqbox_mailbox *mbox)
{
	struct mailbox *box = &mbox->box;

	/* It is a cache: the store is what is made durable. */
	mail_index_set_fsync_mode(box->index, FSYNC_MODE_NEVER, 0);
	mbox->hdr_ext_id = mail_index_ext_register(
		box->index, SQBOX_STORAGE_NAME,
		sizeof(struct sqbox_index_header), 0, 0);
}

/* The index object is there, and closed. */
static int sqbox_index_open(struct sqbox_mailbox *mbox, bool create)
{
	struct index_mailbox_context *ibox = INDEX_STORAGE_CONTEXT(&mbox->box);
	enum mail_index_open_flags flags = ibox->index_flags;

	if (!create)
		flags &= ENUM_NEGATE(MAIL_INDEX_OPEN_FLAG_CREATE);
	if (mail_index_open(mbox->box.index, flags) <= 0) {
		mailbox_set_index_error(&mbox->box);
		return -1;
	}
	sqbox_index_opened(mbox);
	return 0;
}

/* All but the log, in whose place the new one comes at once. */
static void sqbox_index_unlink(const char *path)
{
	static const char *const suffixes[] = { "",        ".log.2", ".cache",
						".backup", ".tmp",   NULL };
	unsigned int i;

	for (i = 0; suffixes[i] != NULL; i++)
		i_unlink_if_exists(t_strconcat(path, suffixes[i], NULL));
}

/*
 * The rebuild lock is held.  Look again: another process may have done it.
 * Returns 1 if it is wrong, with the store raised past it; 0 if not; -1.
 */
static int
sqbox_index_look_again(struct sqbox_mailbox *mbox, bool *new_modseqs_r)
{
	struct sqb_mailbox_status status;
	struct mail_index_view *view;
	enum sqb_err err;
	int ret = 0;

	*new_modseqs_r = TRUE;
	err = sqb_mailbox_status(sqbox_store(&mbox->box), mbox->id, &status);
	if (err == SQB_OK && sqbox_index_open(mbox, FALSE) < 0) {
		err = sqbox_index_raise_store(mbox, NULL, &status);
		ret = 1;
	} else if (err == SQB_OK) {
		view = mail_index_view_open(mbox->box.index);
		if (sqbox_index_is_wrong(mbox, view, &status)) {
			err = sqbox_index_raise_store(mbox, view, &status);
			*new_modseqs_r =
				mail_index_get_header(view)->uid_validity != 0;
			ret = 1;
		}
		mail_index_view_close(&view);
		mail_index_close(mbox->box.index);
	}
	if (err != SQB_OK) {
		sqbox_mailbox_set_error(&mbox->box, err);
		return -1;
	}
	return ret;
}

/*
 * A session that has the old index open must not take the new log for its own,
 * nor for one that came before: Dovecot ends with a Panic if the numbers of
 * logs go back.  With a new indexid such a session would spoil the new log.
 */
static int sqbox_index_number_log(struct sqbox_mailbox *mbox,
				  const char *old_path, const char *path)
{
	struct mail_transaction_log_header hdr, old;
	struct sqb_mailbox_status status;
	int fd, old_fd, ret = -1;

	if (sqb_mailbox_status(sqbox_store(&mbox->box), mbox->id, &status) !=
	    SQB_OK)
		return -1;
	i_zero(&old);
	old_fd = open(old_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (old_fd != -1) {
		if (pread(old_fd, &old, sizeof(old), 0) != sizeof(old))
			old.indexid = 0;
		i_close_fd(&old_fd);
	}
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1 && pread(fd, &hdr, sizeof(hdr), 0) == sizeof(hdr)) {
		hdr.indexid =
			old.indexid != 0 ? old.indexid : status.uidvalidity;
		hdr.file_seq = (uint32_t)(status.highestmodseq & 0x7fffffff);
		if (pwrite(fd, &hdr, sizeof(hdr), 0) == sizeof(hdr))
			ret = 0;
	}
	if (ret < 0)
		mailbox_set_critical(&mbox->box, "sqbox: write(%s): %m", path);
	i_close_fd(&fd);
	return ret;
}

/*
 * Build it in a directory of its own, outside of what may be removed at any
 * time: if files vanish while Dovecot rotates the log, it ends with a Panic.
 */
static int sqbox_index_build_apart(struct sqbox_mailbox *mbox, const char *path,
				   const char *dir, bool new_modseqs)
{
	struct mailbox *box = &mbox->box;
	const char *log =
		t_strconcat(dir, "/", box->index_prefix, ".log", NULL);
	int ret;

	box->index = mail_index_alloc(box->event, dir, box->index_prefix);
	ret = sqbox_index_open(mbox, TRUE);
	if (ret == 0) {
		mail_index_close(box->index);
		ret = sqbox_index_number_log(
			mbox, t_strconcat(path, ".log", NULL), log);
	}
	if (ret == 0)
		ret = sqbox_index_open(mbox, TRUE);
	if (ret == 0) {
		ret = sqbox_index_build(mbox, new_modseqs);
		mail_index_close(box->index);
	}
	mail_index_free(&box->index);
	return ret;
}

/* Sessions that have the old one open notice, and their clients reconnect. */
static int
sqbox_index_move(struct sqbox_mailbox *mbox, const char *path, const char *dir)
{
	/* An index is never seen before its log. */
	static const char *const suffixes[] = { ".log", "" };
	const char *from, *to;
	unsigned int i;

	sqbox_index_unlink(path);
	for (i = 0; i < N_ELEMENTS(suffixes); i++) {
		from = t_strconcat(dir, "/", mbox->box.index_prefix,
				   suffixes[i], NULL);
		to = t_strconcat(path, suffixes[i], NULL);
		if (rename(from, to) < 0) {
			mailbox_set_critical(&mbox->box,
					     "sqbox: rename(%s, %s): %m", from,
					     to);
			return -1;
		}
	}
	return 0;
}

/* Dovecot's object of the index remembers too much of the old one. */
static void sqbox_index_forget(struct sqbox_mailbox *mbox)
{
	mail_index_alloc_cache_unref(&mbox->box.index);
	mail_index_alloc_cache_destroy_unrefed();
}

static int sqbox_index_remake(struct sqbox_mailbox *mbox, const char *path,
			      const char *dir, bool new_modseqs)
{
	const char *error;
	int ret = -1;

	sqbox_index_forget(mbox);
	(void)unlink_directory(dir, UNLINK_DIRECTORY_FLAG_RMDIR, &error);
	if (mkdir_parents(dir, 0700) < 0)
		mailbox_set_critical(&mbox->box, "sqbox: mkdir(%s): %m", dir);
	else if (sqbox_index_build_apart(mbox, path, dir, new_modseqs) == 0)
		ret = sqbox_index_move(mbox, path, dir);
	(void)unlink_directory(dir, UNLINK_DIRECTORY_FLAG_RMDIR, &error);
	(void)rmdir(t_strdup_until(dir, strrchr(dir, '/')));
	return index_storage_mailbox_alloc_index(&mbox->box) < 0 ? -1 : ret;
}

static int sqbox_index_rebuild_locked(struct sqbox_mailbox *mbox)
{
	const char *root, *dir, *path;
	bool new_modseqs;
	int ret;

	/* That of the index object is there only while it is open. */
	if (mailbox_get_path_to(&mbox->box, MAILBOX_LIST_PATH_TYPE_INDEX,
				&dir) <= 0 ||
	    !sqbox_list_get_root_path(mbox->box.list,
				      MAILBOX_LIST_PATH_TYPE_INDEX, &root))
		return -1;
	path = t_strconcat(dir, "/", mbox->box.index_prefix, NULL);
	sqbox_index_forget(mbox);
	if (index_storage_mailbox_alloc_index(&mbox->box) < 0)
		return -1;
	ret = sqbox_index_look_again(mbox, &new_modseqs);
	if (ret <= 0)
		return ret;
	dir = t_strdup_printf("%s/" SQBOX_REBUILD_DIR "/%lld", root,
			      (long long)mbox->id.n);
	return sqbox_index_remake(mbox, path, dir, new_modseqs);
}

static int sqbox_index_rebuild(struct sqbox_mailbox *mbox)
{
	struct file_lock *lock;
	const char *error;
	int ret;

	if (mailbox_lock_file_create(&mbox->box, SQBOX_REBUILD_LOCK_NAME,
				     SQBOX_REBUILD_LOCK_SECS, &lock,
				     &error) <= 0) {
		mailbox_set_critical(&mbox->box,
				     "sqbox: "
				     "cannot lock the index to rebuild it: %s",
				     error);
		return -1;
	}
	T_BEGIN
	{
		ret = sqbox_index_rebuild_locked(mbox);
	}
	T_END;
	file_lock_free(&lock);
	/* the store may have been raised past the old index */
	if (sqbox_account_finish(mbox->storage->account, TRUE) != SQB_OK) {
		mailbox_set_critical(&mbox->box, "sqbox: %s",
				     sqb_store_errmsg(sqbox_store(&mbox->box)));
		ret = -1;
	}
	return ret;
}

/*
 * A process that was killed while it made a log leaves a dotlock behind, for
 * which Dovecot would wait three minutes.  Making one takes no time at all.
 */
static void sqbox_index_drop_stale_lock(struct mailbox *box)
{
	struct stat st;
	const char *dir, *path;
	unsigned int i;

	if (mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX, &dir) <= 0)
		return;
	path = t_strdup_printf("%s/%s.log.newlock", dir, box->index_prefix);
	for (i = 0; i < SQBOX_NEWLOCK_WAITS; i++) {
		if (stat(path, &st) < 0)
			return;
		usleep(SQBOX_NEWLOCK_WAIT_USECS);
	}
	i_unlink_if_exists(path);
}

static bool sqbox_index_has_log(struct mailbox *box)
{
	struct stat st;
	const char *dir;

	return mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX, &dir) >
		       0 &&
	       stat(t_strconcat(dir, "/", box->index_prefix, ".log", NULL),
		    &st) == 0;
}

static bool sqbox_index_row_exists(struct sqbox_mailbox *mbox)
{
	struct sqb_mailbox_status status;

	return sqb_mailbox_status(sqbox_store(&mbox->box), mbox->id, &status) ==
	       SQB_OK;
}

/* As sqb_reserve_watch() does for the WAL: before others take it. */
static void sqbox_index_give_to_log(const char *path)
{
	off_t size = SQBOX_LOG_ROOM;
	struct stat st;
	int fd;

	fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 &&
	    (off_t)st.st_blocks * 512 - st.st_size < SQBOX_LOG_ROOM / 2) {
		while (fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, size) <
			       0 &&
		       size > SQBOX_LOG_ROOM_MIN)
			size /= 2;
	}
	i_close_fd(&fd);
}

/* Room for an expunge. */
static void sqbox_index_make_room(struct mailbox *box)
{
	const char *dir;

	if (mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX_CACHE, &dir) >
	    0) {
		i_unlink_if_exists(t_strconcat(dir, "/", box->index_prefix,
					       ".cache", NULL));
	}
	if (mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX, &dir) > 0) {
		sqbox_index_give_to_log(
			t_strconcat(dir, "/", box->index_prefix, ".log", NULL));
	}
}

int sqbox_index_open_box(struct mailbox *box,
			 const struct sqb_mailbox_status *status)
{
	struct sqbox_mailbox *mbox = SQBOX_MAILBOX(box);

	sqbox_index_drop_stale_lock(box);
	if (sqb_store_is_full(sqbox_store(box)))
		sqbox_index_make_room(box);
	if (status->uidnext != 1 && !sqbox_index_has_log(box)) {
		/* Dovecot would begin one that sessions take for their own. */
		if (index_storage_mailbox_alloc_index(box) < 0)
			return -1;
	} else if (index_storage_mailbox_open(box, FALSE) == 0) {
		sqbox_index_opened(mbox);
		if (!sqbox_index_is_wrong(mbox, box->view, status))
			return 0;
		index_storage_mailbox_close(box);
		box->opened = FALSE;
	} else if (box->index == NULL || !sqbox_index_row_exists(mbox)) {
		return -1;
	}
	/* Whoever wanted to delete it did not get to its row. */
	box->mailbox_deleted = FALSE;
	if (sqbox_index_rebuild(mbox) < 0 ||
	    index_storage_mailbox_open(box, FALSE) < 0)
		return -1;
	sqbox_index_opened(mbox);
	return 0;
}
