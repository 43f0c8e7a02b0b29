/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/readahead.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/mem.h"
#include "fuse/files.h"
#include "fuse/inode.h"

#define BATCH_FIRST 16
#define BATCH_MAX 256
#define BATCH_OCTETS_MAX (UINT64_C(4) << 20)
#define SIZE_MAX_EACH SQB_BODY_CHUNK
#define GAP_MAX 16 /* between UIDs that are read one after the other */
#define LEAD 8     /* UIDs that the reader will have asked for before we can */
#define CACHE_KIB 512

struct ifs_readahead {
	struct ifs_fs *fs; /* foreign */
	pthread_t thread;

	/* The thread's: */
	struct sqb_store *st; /* own */
	struct sqb_message list[BATCH_MAX];
	char *buf; /* own; SIZE_MAX_EACH octets */

	pthread_mutex_t lock; /* of these: */
	pthread_cond_t wake, stored;
	bool stop, wanted;
	fuse_ino_t storing;        /* 0: none */
	struct sqb_mailbox_id box; /* where somebody reads */
	uint32_t last;             /* UID that was read last */
	uint32_t until;            /* the last one that is in the cache */
	unsigned int batch;        /* messages; 0: not one after the other */
};

void ifs_readahead_seen(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct ifs_readahead *ahead = fs->readahead;
	struct sqb_mailbox_id box = ifs_ino_box(ino);
	uint32_t uid = ifs_ino_uid(ino);

	if (ahead == NULL || ifs_node_kind(ino) != IFS_NODE_MESSAGE)
		return;
	(void)pthread_mutex_lock(&ahead->lock);
	if (box.n != ahead->box.n || uid <= ahead->last ||
	    (uid > ahead->until && uid - ahead->until > GAP_MAX))
		ahead->until = ahead->batch = 0;
	else if (!ahead->wanted) {
		ahead->batch =
			ahead->batch == 0 ? BATCH_FIRST : 2 * ahead->batch;
		if (ahead->batch > BATCH_MAX)
			ahead->batch = BATCH_MAX;
		ahead->wanted = true;
		(void)pthread_cond_signal(&ahead->wake);
	}
	ahead->box = box;
	ahead->last = uid;
	if (ahead->until < uid)
		ahead->until = uid;
	(void)pthread_mutex_unlock(&ahead->lock);
}

int ifs_readahead_keep_off(struct ifs_fs *fs, fuse_ino_t ino)
{
	struct ifs_readahead *ahead = fs->readahead;
	struct timespec end;
	int ret = 0;

	if (ahead == NULL)
		return 0;
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += IFS_WRITE_TIMEOUT_SECS;
	(void)pthread_mutex_lock(&ahead->lock);
	while (ahead->storing == ino && ret == 0)
		ret = pthread_cond_timedwait(&ahead->stored, &ahead->lock,
					     &end);
	(void)pthread_mutex_unlock(&ahead->lock);
	return ret == 0 ? 0 : EBUSY;
}

/* From here on: the thread. */

static void set_storing(struct ifs_readahead *ahead, fuse_ino_t ino)
{
	(void)pthread_mutex_lock(&ahead->lock);
	ahead->storing = ino;
	if (ino == 0)
		(void)pthread_cond_broadcast(&ahead->stored);
	(void)pthread_mutex_unlock(&ahead->lock);
}

/* Who begins to write puts the file into files.h, and then waits for us. */
static void put(struct ifs_readahead *ahead, fuse_ino_t ino, size_t size)
{
	struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);
	struct ifs_file *file;

	data.buf[0].mem = ahead->buf;
	set_storing(ahead, ino);
	file = ifs_file_get(ahead->fs->files, ino);
	/* It fails if the kernel does not know the number, which is well. */
	if (file == NULL)
		(void)fuse_lowlevel_notify_store(ahead->fs->session, ino, 0,
						 &data, FUSE_BUF_NO_SPLICE);
	ifs_file_put(ahead->fs->files, &file);
	set_storing(ahead, 0);
}

/* A fault of the store is told to who reads the message. */
static void put_message(struct ifs_readahead *ahead, struct sqb_mailbox_id box,
			const struct sqb_message *msg)
{
	struct sqb_file_reader *reader = NULL;
	size_t got = 0;

	if (msg->psize == 0 || msg->psize > SIZE_MAX_EACH ||
	    sqb_file_open(ahead->st, box, msg->uid, &reader) != SQB_OK)
		return;
	if (sqb_file_read(reader, 0, ahead->buf, SIZE_MAX_EACH, &got) ==
		    SQB_OK &&
	    got == msg->psize)
		put(ahead, ifs_ino_message(box, msg->uid), got);
	sqb_file_close(&reader);
}

static size_t find_messages(struct ifs_readahead *ahead,
			    struct sqb_mailbox_id box, uint32_t after,
			    size_t wanted)
{
	struct sqb_message_iter *it =
		sqb_message_iter_begin(ahead->st, box, after + 1, UINT32_MAX);
	uint64_t octets = 0;
	size_t count = 0;

	while (count < wanted && octets < BATCH_OCTETS_MAX &&
	       sqb_message_iter_next(it, &ahead->list[count]))
		octets += ahead->list[count++].psize;
	return sqb_message_iter_end(&it) == SQB_OK ? count : 0;
}

static bool is_ahead(struct ifs_readahead *ahead, struct sqb_mailbox_id box,
		     uint32_t uid)
{
	bool yes;

	(void)pthread_mutex_lock(&ahead->lock);
	yes = !ahead->stop && ahead->box.n == box.n &&
	      uid - ahead->last > LEAD && uid > ahead->last;
	(void)pthread_mutex_unlock(&ahead->lock);
	return yes;
}

/* Returns the last UID. */
static uint32_t put_batch(struct ifs_readahead *ahead,
			  struct sqb_mailbox_id box, uint32_t after,
			  size_t wanted)
{
	size_t count = find_messages(ahead, box, after, wanted), i;
	size_t left_out = count / 4;

	for (i = 0; i < count; i++) {
		if (i != left_out && is_ahead(ahead, box, ahead->list[i].uid))
			put_message(ahead, box, &ahead->list[i]);
	}
	return count > 0 ? ahead->list[count - 1].uid : after;
}

static void *run(void *arg)
{
	struct ifs_readahead *ahead = arg;
	struct sqb_mailbox_id box;
	uint32_t until;
	size_t batch;

	(void)pthread_mutex_lock(&ahead->lock);
	for (;;) {
		while (!ahead->wanted && !ahead->stop)
			(void)pthread_cond_wait(&ahead->wake, &ahead->lock);
		if (ahead->stop)
			break;
		box = ahead->box;
		until = ahead->until;
		batch = ahead->batch;
		(void)pthread_mutex_unlock(&ahead->lock);
		until = put_batch(ahead, box, until, batch);
		(void)pthread_mutex_lock(&ahead->lock);
		ahead->wanted = false;
		if (ahead->box.n == box.n && ahead->batch > 0 &&
		    ahead->until < until)
			ahead->until = until;
	}
	(void)pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

static void free_readahead(struct ifs_readahead *ahead)
{
	sqb_store_close(&ahead->st);
	(void)pthread_mutex_destroy(&ahead->lock);
	(void)pthread_cond_destroy(&ahead->wake);
	(void)pthread_cond_destroy(&ahead->stored);
	free(ahead->buf);
	free(ahead);
}

static int start_thread(struct ifs_readahead *ahead)
{
	sigset_t all, before;
	int ret;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&ahead->thread, NULL, run, ahead);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

void ifs_readahead_start(struct ifs_fs *fs)
{
	struct ifs_readahead *ahead = sqb_xcalloc(1, sizeof(*ahead));
	bool started;

	ahead->fs = fs;
	ahead->buf = sqb_xmalloc(SIZE_MAX_EACH);
	(void)pthread_mutex_init(&ahead->lock, NULL);
	(void)pthread_cond_init(&ahead->wake, NULL);
	(void)pthread_cond_init(&ahead->stored, NULL);
	started = sqb_store_open(fs->opts->source, SQB_OPEN_READONLY,
				 &ahead->st, NULL) == SQB_OK;
	if (started) {
		sqb_store_set_cache_size(ahead->st, CACHE_KIB);
		started = start_thread(ahead) == 0;
	}
	if (started)
		fs->readahead = ahead;
	else
		free_readahead(ahead);
}

void ifs_readahead_stop(struct ifs_fs *fs)
{
	struct ifs_readahead *ahead = fs->readahead;

	if (ahead == NULL)
		return;
	(void)pthread_mutex_lock(&ahead->lock);
	ahead->stop = true;
	(void)pthread_cond_signal(&ahead->wake);
	(void)pthread_mutex_unlock(&ahead->lock);
	(void)pthread_join(ahead->thread, NULL);
	fs->readahead = NULL;
	free_readahead(ahead);
}
