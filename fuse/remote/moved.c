/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/moved.h"

#include <stdlib.h>

#include "common/mem.h"
#include "fuse/remote/digest.h"
#include "fuse/remote/pull.h"

/* More than this in one pass are not looked at. */
#define ORPHANS_MAX 10000

struct arrived {
	struct sqb_mailbox_id box;
	uint32_t uid; /* there */
	uint64_t size;
	int64_t date;
};

struct rem_orphans {
	struct sqb_body_id *lost; /* own */
	size_t lost_count, lost_alloc;
	struct arrived *arrived; /* own */
	size_t count, alloc;
};

void rem_moved_forget(struct rem_sync *sync)
{
	struct rem_orphans *orphans = sync->orphans;

	if (orphans == NULL)
		return;
	free(orphans->lost);
	free(orphans->arrived);
	free(orphans);
	sync->orphans = NULL;
}

static struct rem_orphans *need(struct rem_sync *sync)
{
	if (sync->orphans == NULL)
		sync->orphans = sqb_xcalloc(1, sizeof(*sync->orphans));
	return sync->orphans;
}

void rem_moved_lost(struct rem_sync *sync, struct sqb_body_id body)
{
	struct rem_orphans *orphans = need(sync);

	if (orphans->lost_count >= ORPHANS_MAX)
		return;
	orphans->lost = sqb_xgrow(orphans->lost, orphans->lost_count,
				  &orphans->lost_alloc, sizeof(body));
	orphans->lost[orphans->lost_count++] = body;
}

void rem_moved_arrived(struct rem_sync *sync, const struct rem_box *box,
		       const struct rem_seen *seen)
{
	struct rem_orphans *orphans = need(sync);

	if (orphans->count >= ORPHANS_MAX)
		return;
	orphans->arrived = sqb_xgrow(orphans->arrived, orphans->count,
				     &orphans->alloc, sizeof(struct arrived));
	orphans->arrived[orphans->count++] =
		(struct arrived){ box->row.id, seen->uid, seen->size,
				  seen->date };
}

bool rem_moved_was_lost(const struct rem_sync *sync, struct sqb_body_id body)
{
	size_t i;

	if (sync->orphans == NULL)
		return false;
	for (i = 0; i < sync->orphans->lost_count; i++)
		if (sync->orphans->lost[i].n == body.n)
			return true;
	return false;
}

/* Is it the same message?  Asks for its header. */
static bool same(struct rem_sync *sync, const struct arrived *arrived,
		 const struct rem_change *change, bool *same_r)
{
	struct rem_box *box = rem_box_by_id(&sync->boxes, arrived->box);
	struct rem_digests digests = { 0 };
	struct rem_ranges uids = { 0 };
	uint64_t digest;
	bool ok;

	*same_r = false;
	if (box == NULL)
		return true;
	rem_ranges_add(&uids, arrived->uid, arrived->uid);
	ok = rem_select(sync, box) && rem_digests_fetch(sync, &uids, &digests);
	*same_r = ok && rem_digests_find(&digests, arrived->uid, &digest) &&
		  digest == change->digest;
	rem_ranges_free(&uids);
	rem_digests_free(&digests);
	return ok;
}

bool rem_moved_is_there(struct rem_sync *sync, struct rem_box *box,
			struct rem_change *change, bool *there_r)
{
	const struct rem_orphans *orphans = sync->orphans;
	const struct arrived *arrived;
	bool ok = true;
	size_t i;

	*there_r = false;
	if (orphans == NULL)
		return true;
	rem_digest_here(sync, change);
	for (i = 0; i < orphans->count && ok && !*there_r; i++) {
		arrived = &orphans->arrived[i];
		if (arrived->box.n != box->row.id.n && change->has_digest &&
		    arrived->size == change->size &&
		    arrived->date == change->date)
			ok = same(sync, arrived, change, there_r);
	}
	return ok;
}
