/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/text-store.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/body-text.h"
#include "common/mem.h"
#include "common/txn.h"
#include "fuse/hidden-private.h"
#include "fuse/ifs-error.h"
#include "fuse/mime-text.h"

#define BATCH 64 /* texts of one transaction */
#define WAITING_MAX 512
#define WAITING_BYTES_MAX (UINT64_C(8) << 20)
#define DELAY_SECS 1 /* for a batch that is not full */

struct ifs_text_store {
	struct ifs_fs *fs; /* foreign; NULL: the thread does not run */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stop;
	unsigned int count;
	uint64_t bytes;
	struct ifs_text *waiting[WAITING_MAX]; /* held */
};

struct ifs_text_store *ifs_text_store_new(void)
{
	struct ifs_text_store *store = sqb_xcalloc(1, sizeof(*store));

	(void)pthread_mutex_init(&store->lock, NULL);
	(void)pthread_cond_init(&store->more, NULL);
	return store;
}

bool ifs_text_store_size(struct ifs_fs *fs, struct sqb_body_id body,
			 uint64_t *size_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	enum sqb_err err =
		sqb_body_text_size(st, body, IFS_MIME_TEXT_FORM, size_r);

	if (err != SQB_NOTFOUND)
		(void)ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return err == SQB_OK;
}

bool ifs_text_store_get(struct ifs_fs *fs, struct sqb_body_id body,
			char **data_r, size_t *size_r)
{
	struct sqb_store *st = ifs_read_begin(fs);
	enum sqb_err err =
		sqb_body_text_get(st, body, IFS_MIME_TEXT_FORM, data_r, size_r);

	if (err != SQB_NOTFOUND)
		(void)ifs_errno(fs, st, err);
	ifs_read_end(fs);
	return err == SQB_OK;
}

/* The first ones that wait, held by who calls. */
static unsigned int take(struct ifs_text_store *store, struct ifs_text **batch)
{
	unsigned int i, count = store->count < BATCH ? store->count : BATCH;

	for (i = 0; i < count; i++) {
		batch[i] = store->waiting[i];
		store->bytes -= batch[i]->size;
	}
	store->count -= count;
	memmove(store->waiting, store->waiting + count,
		store->count * sizeof(*store->waiting));
	return count;
}

/* Wait until a batch is worth writing; 0: it is time to end. */
static unsigned int wait_for_batch(struct ifs_text_store *store,
				   struct ifs_text **batch)
{
	struct timespec until;
	unsigned int count;

	(void)pthread_mutex_lock(&store->lock);
	while (store->count == 0 && !store->stop)
		(void)pthread_cond_wait(&store->more, &store->lock);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DELAY_SECS;
	while (store->count < BATCH && !store->stop &&
	       pthread_cond_timedwait(&store->more, &store->lock, &until) == 0)
		;
	count = take(store, batch);
	(void)pthread_mutex_unlock(&store->lock);
	return count;
}

static enum sqb_err put_all(struct sqb_store *st, struct sqb_body_text **packed,
			    unsigned int count)
{
	enum sqb_err err = sqb_txn_begin(st);
	unsigned int i;

	if (err != SQB_OK)
		return err;
	for (i = 0; i < count && err == SQB_OK; i++) {
		err = sqb_body_text_put(st, packed[i]);
		/* Its body may have been freed meanwhile. */
		if (err == SQB_NOTFOUND)
			err = SQB_OK;
	}
	if (err == SQB_OK)
		return sqb_txn_commit(st);
	sqb_txn_rollback(st);
	return err;
}

/* A full disk or a busy store is no fault here: the text is made again. */
static void write_batch(struct ifs_fs *fs, struct ifs_text **batch,
			unsigned int count)
{
	struct sqb_body_text *packed[BATCH] = { NULL };
	struct sqb_store *st = ifs_write_begin(fs);
	enum sqb_err err = SQB_OK;
	unsigned int i;

	for (i = 0; i < count && err == SQB_OK; i++) {
		struct sqb_body_id body = { batch[i]->body };

		err = sqb_body_text_pack(st, body, IFS_MIME_TEXT_FORM,
					 batch[i]->data, batch[i]->size,
					 &packed[i]);
	}
	if (err == SQB_OK)
		err = put_all(st, packed, count);
	if (err != SQB_BUSY)
		(void)ifs_errno(fs, st, err);
	ifs_write_end(fs);
	for (i = 0; i < count; i++)
		sqb_body_text_free(&packed[i]);
}

static void *run(void *arg)
{
	struct ifs_text_store *store = arg;
	struct ifs_text *batch[BATCH];
	unsigned int count, i;

	while ((count = wait_for_batch(store, batch)) > 0) {
		write_batch(store->fs, batch, count);
		for (i = 0; i < count; i++)
			ifs_texts_put(store->fs->hidden->texts, &batch[i]);
	}
	return NULL;
}

/* Signals are for the threads of the session. */
static void start(struct ifs_text_store *store, struct ifs_fs *fs)
{
	sigset_t all, old;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	store->fs = fs;
	if (pthread_create(&store->thread, NULL, run, store) != 0)
		store->fs = NULL;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void ifs_text_store_add(struct ifs_fs *fs, struct ifs_text *text)
{
	struct ifs_text_store *store = fs->hidden->text_store;

	if (fs->write_st == NULL)
		return;
	(void)pthread_mutex_lock(&store->lock);
	if (store->fs == NULL)
		start(store, fs);
	if (store->fs != NULL && store->count < WAITING_MAX &&
	    store->bytes + text->size <= WAITING_BYTES_MAX) {
		ifs_texts_hold(fs->hidden->texts, text);
		store->waiting[store->count++] = text;
		store->bytes += text->size;
		(void)pthread_cond_signal(&store->more);
	}
	(void)pthread_mutex_unlock(&store->lock);
}

void ifs_text_store_free(struct ifs_text_store **store_p)
{
	struct ifs_text_store *store = *store_p;

	if (store == NULL)
		return;
	(void)pthread_mutex_lock(&store->lock);
	store->stop = true;
	(void)pthread_cond_signal(&store->more);
	(void)pthread_mutex_unlock(&store->lock);
	if (store->fs != NULL)
		(void)pthread_join(store->thread, NULL);
	*store_p = NULL;
	(void)pthread_cond_destroy(&store->more);
	(void)pthread_mutex_destroy(&store->lock);
	free(store);
}
