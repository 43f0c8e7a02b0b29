/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/maildir-state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/message.h"

#define MADE_KEPT 64

/* Messages that are not where flags and watermark say, ascending by UID. */
struct place {
	uint32_t uid;
	bool in_new;
};

struct folder {
	int64_t box;
	struct place *places; /* own */
	size_t count, alloc;
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
	struct folder *folders; /* own; ascending by box */
	size_t count, alloc;
	struct made made[MADE_KEPT];
	unsigned int made_next;
};

struct ifs_maildir_state *ifs_maildir_state_new(void)
{
	struct ifs_maildir_state *state = sqb_xcalloc(1, sizeof(*state));

	(void)pthread_mutex_init(&state->lock, NULL);
	return state;
}

void ifs_maildir_state_free(struct ifs_maildir_state **state_p)
{
	struct ifs_maildir_state *state = *state_p;
	size_t i;

	if (state == NULL)
		return;
	*state_p = NULL;
	for (i = 0; i < state->count; i++)
		free(state->folders[i].places);
	free(state->folders);
	(void)pthread_mutex_destroy(&state->lock);
	free(state);
}

/* The functions below are called with the lock held, down to "Locked". */

static size_t folder_index(const struct ifs_maildir_state *state, int64_t box)
{
	size_t low = 0, high = state->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (state->folders[middle].box < box)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct folder *find_folder(struct ifs_maildir_state *state, int64_t box)
{
	size_t i = folder_index(state, box);

	if (i == state->count || state->folders[i].box != box)
		return NULL;
	return &state->folders[i];
}

static struct folder *get_folder(struct ifs_maildir_state *state, int64_t box)
{
	struct folder *folder = find_folder(state, box);
	size_t i;

	if (folder != NULL)
		return folder;
	i = folder_index(state, box);
	state->folders = sqb_xgrow(state->folders, state->count, &state->alloc,
				   sizeof(*state->folders));
	memmove(&state->folders[i + 1], &state->folders[i],
		(state->count - i) * sizeof(*state->folders));
	state->count++;
	memset(&state->folders[i], 0, sizeof(*state->folders));
	state->folders[i].box = box;
	return &state->folders[i];
}

static size_t place_index(const struct folder *folder, uint32_t uid)
{
	size_t low = 0, high = folder->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (folder->places[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct place *find_place(const struct folder *folder, uint32_t uid)
{
	size_t i;

	if (folder == NULL)
		return NULL;
	i = place_index(folder, uid);
	return i < folder->count && folder->places[i].uid == uid
		       ? &folder->places[i]
		       : NULL;
}

static void drop_place(struct folder *folder, uint32_t uid)
{
	size_t i = place_index(folder, uid);

	if (i == folder->count || folder->places[i].uid != uid)
		return;
	folder->count--;
	memmove(&folder->places[i], &folder->places[i + 1],
		(folder->count - i) * sizeof(*folder->places));
}

static void set_place(struct folder *folder, uint32_t uid, bool in_new)
{
	size_t i = place_index(folder, uid);

	if (i == folder->count || folder->places[i].uid != uid) {
		folder->places =
			sqb_xgrow(folder->places, folder->count, &folder->alloc,
				  sizeof(*folder->places));
		memmove(&folder->places[i + 1], &folder->places[i],
			(folder->count - i) * sizeof(*folder->places));
		folder->count++;
		folder->places[i].uid = uid;
	}
	folder->places[i].in_new = in_new;
}

/* What is below the watermark is in cur without being remembered. */
static void forget_below(struct folder *folder, uint32_t first_recent)
{
	size_t i, n = 0;

	for (i = 0; i < folder->count; i++) {
		if (folder->places[i].uid >= first_recent ||
		    folder->places[i].in_new)
			folder->places[n++] = folder->places[i];
	}
	folder->count = n;
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
	const struct place *place;

	(void)pthread_mutex_lock(&state->lock);
	place = find_place(find_folder(state, box.n), uid);
	if (place != NULL)
		in_new = place->in_new && (flags & SQB_SEEN) == 0;
	(void)pthread_mutex_unlock(&state->lock);
	return in_new;
}

uint32_t ifs_maildir_first_new(struct ifs_fs *fs, struct sqb_mailbox_id box,
			       uint32_t first_recent)
{
	struct ifs_maildir_state *state = fs->maildir;
	struct folder *folder;
	uint32_t first = first_recent;
	size_t i;

	(void)pthread_mutex_lock(&state->lock);
	folder = find_folder(state, box.n);
	for (i = 0; folder != NULL && i < folder->count; i++) {
		if (folder->places[i].in_new && folder->places[i].uid < first)
			first = folder->places[i].uid;
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

	(void)pthread_mutex_lock(&state->lock);
	folder = get_folder(state, box.n);
	if (place->in_new ? !recent || place->flags != 0 : recent)
		set_place(folder, uid, place->in_new);
	else
		drop_place(folder, uid);
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
