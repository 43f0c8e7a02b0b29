/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/maildir-state.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/message.h"
#include "fuse/sorted.h"

#define MADE_KEPT 64

/* Messages that are not where flags and watermark say, ascending by UID. */
struct place {
	int64_t uid;
	bool in_new;
};

struct folder {
	int64_t box;
	struct ifs_sorted places; /* of struct place */
	uint64_t modseq; /* of the mailbox, when mtime was set; 0: never */
	uint32_t first_recent;
	struct timespec mtime;
};

/* A folder whose maker has not made all three of its directories. */
struct made {
	int64_t box;
	pid_t pid;
	unsigned int missing; /* bits */
};

struct ifs_maildir_state {
	pthread_mutex_t lock;
	struct ifs_sorted folders; /* of struct folder */
	struct made made[MADE_KEPT];
	unsigned int made_next;
};

struct ifs_maildir_state *ifs_maildir_state_new(void)
{
	struct ifs_maildir_state *state = sqb_xcalloc(1, sizeof(*state));

	(void)pthread_mutex_init(&state->lock, NULL);
	state->folders.item_size = sizeof(struct folder);
	return state;
}

void ifs_maildir_state_free(struct ifs_maildir_state **state_p)
{
	struct ifs_maildir_state *state = *state_p;
	struct folder *folder;
	size_t i;

	if (state == NULL)
		return;
	*state_p = NULL;
	for (i = 0; i < state->folders.count; i++) {
		folder = ifs_sorted_item(&state->folders, i);
		free(folder->places.items);
	}
	free(state->folders.items);
	(void)pthread_mutex_destroy(&state->lock);
	free(state);
}

/* The functions below are called with the lock held, down to "Locked". */

static struct folder *find_folder(struct ifs_maildir_state *state, int64_t box)
{
	return ifs_sorted_find(&state->folders, box);
}

static struct folder *get_folder(struct ifs_maildir_state *state, int64_t box)
{
	struct folder *folder = ifs_sorted_get(&state->folders, box);

	folder->places.item_size = sizeof(struct place);
	return folder;
}

static struct place *nth_place(const struct folder *folder, size_t n)
{
	return ifs_sorted_item(&folder->places, n);
}

/* What is below the watermark is in cur without being remembered. */
static void forget_below(struct folder *folder, uint32_t first_recent)
{
	const struct place *place;
	size_t i, n = 0;

	for (i = 0; i < folder->places.count; i++) {
		place = nth_place(folder, i);
		if (place->uid >= first_recent || place->in_new)
			*nth_place(folder, n++) = *place;
	}
	folder->places.count = n;
}

static void touch(struct folder *folder)
{
	(void)clock_gettime(CLOCK_REALTIME, &folder->mtime);
}

static struct made *find_made(struct ifs_maildir_state *state, int64_t box)
{
	size_t i;

	for (i = 0; i < MADE_KEPT; i++) {
		if (state->made[i].box == box && state->made[i].missing != 0)
			return &state->made[i];
	}
	return NULL;
}

/* Locked. */

/* The kernel tells which thread it is. */
static bool is_same_process(pid_t a, pid_t b)
{
	char path[64];

	if (a == b)
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%ld", (long)a,
		       (long)b);
	return access(path, F_OK) == 0;
}

bool ifs_maildir_in_new(struct ifs_fs *fs, struct sqb_mailbox_id box,
			uint32_t uid, unsigned int flags, uint32_t first_recent)
{
	struct ifs_maildir_state *state = fs->maildir;
	bool in_new = uid >= first_recent && flags == 0;
	const struct place *place = NULL;
	const struct folder *folder;

	(void)pthread_mutex_lock(&state->lock);
	folder = find_folder(state, box.n);
	if (folder != NULL)
		place = ifs_sorted_find(&folder->places, uid);
	if (place != NULL)
		in_new = place->in_new && (flags & SQB_SEEN) == 0;
	(void)pthread_mutex_unlock(&state->lock);
	return in_new;
}

uint32_t ifs_maildir_first_new(struct ifs_fs *fs, struct sqb_mailbox_id box,
			       uint32_t first_recent)
{
	struct ifs_maildir_state *state = fs->maildir;
	const struct folder *folder;
	const struct place *place;
	uint32_t first = first_recent;
	size_t i;

	(void)pthread_mutex_lock(&state->lock);
	folder = find_folder(state, box.n);
	for (i = 0; folder != NULL && i < folder->places.count; i++) {
		place = nth_place(folder, i);
		if (place->in_new && place->uid < first)
			first = (uint32_t)place->uid;
	}
	(void)pthread_mutex_unlock(&state->lock);
	return first;
}

void ifs_maildir_put(struct ifs_fs *fs, struct sqb_mailbox_id box, uint32_t uid,
		     const struct ifs_maildir_place *place)
{
	struct ifs_maildir_state *state = fs->maildir;
	bool recent = uid >= place->first_recent;
	struct folder *folder;
	struct place *kept;

	(void)pthread_mutex_lock(&state->lock);
	folder = get_folder(state, box.n);
	if (place->in_new ? !recent || place->flags != 0 : recent) {
		kept = ifs_sorted_get(&folder->places, uid);
		kept->in_new = place->in_new;
	} else {
		ifs_sorted_drop(&folder->places, uid);
	}
	forget_below(folder, place->first_recent);
	touch(folder);
	(void)pthread_mutex_unlock(&state->lock);
}

void ifs_maildir_mtime(struct ifs_fs *fs,
		       const struct sqb_mailbox_status *status,
		       struct timespec *mtime_r)
{
	struct ifs_maildir_state *state = fs->maildir;
	struct folder *folder;

	(void)pthread_mutex_lock(&state->lock);
	folder = get_folder(state, status->id.n);
	if (folder->modseq == 0 && folder->mtime.tv_sec == 0)
		folder->mtime = fs->mounted;
	else if (folder->modseq != status->highestmodseq ||
		 folder->first_recent != status->first_recent)
		touch(folder);
	folder->modseq = status->highestmodseq;
	folder->first_recent = status->first_recent;
	*mtime_r = folder->mtime;
	(void)pthread_mutex_unlock(&state->lock);
}

void ifs_maildir_made(struct ifs_fs *fs, struct sqb_mailbox_id box, pid_t pid)
{
	struct ifs_maildir_state *state = fs->maildir;
	struct made made = { .box = box.n, .pid = pid, .missing = ~0U };

	(void)pthread_mutex_lock(&state->lock);
	state->made[state->made_next++ % MADE_KEPT] = made;
	(void)pthread_mutex_unlock(&state->lock);
}

bool ifs_maildir_is_missing(struct ifs_fs *fs, struct sqb_mailbox_id box,
			    uint32_t dir, pid_t pid)
{
	struct ifs_maildir_state *state = fs->maildir;
	const struct made *made;
	bool missing;
	pid_t maker = 0;

	(void)pthread_mutex_lock(&state->lock);
	made = find_made(state, box.n);
	missing = made != NULL && (made->missing & 1U << dir) != 0;
	if (missing)
		maker = made->pid;
	(void)pthread_mutex_unlock(&state->lock);
	return missing &&
	       (pid == IFS_MAILDIR_ANYBODY || is_same_process(maker, pid));
}

void ifs_maildir_made_dir(struct ifs_fs *fs, struct sqb_mailbox_id box,
			  uint32_t dir)
{
	struct ifs_maildir_state *state = fs->maildir;
	struct made *made;

	(void)pthread_mutex_lock(&state->lock);
	made = find_made(state, box.n);
	if (made != NULL)
		made->missing &= ~(1U << dir);
	(void)pthread_mutex_unlock(&state->lock);
}
