/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Which bodies are absent, and where the server has them.
 */
#include "fuse/remote/bodies.h"

#include "common/mem.h"

struct rem_given_up {
	struct sqb_mailbox_id box;
	uint32_t uid;
};

void rem_give_up(struct rem_sync *sync, struct sqb_mailbox_id box, uint32_t uid)
{
	sync->given_up =
		sqb_xgrow(sync->given_up, sync->given_up_count,
			  &sync->given_up_alloc, sizeof(*sync->given_up));
	sync->given_up[sync->given_up_count++] =
		(struct rem_given_up){ box, uid };
}

bool rem_is_given_up(const struct rem_sync *sync, struct sqb_mailbox_id box,
		     uint32_t uid)
{
	size_t i;

	for (i = 0; i < sync->given_up_count; i++)
		if (sync->given_up[i].uid == uid &&
		    sync->given_up[i].box.n == box.n)
			return true;
	return false;
}

static bool is_absent(struct sqb_store *st, struct sqb_body_id body)
{
	struct sqb_body_reader *r;
	const void *data;
	size_t size;
	enum sqb_err err = sqb_body_open_id(st, body, &r);

	if (err != SQB_OK)
		return err == SQB_ABSENT;
	err = sqb_body_data(r, 0, &data, &size);
	sqb_body_close(&r);
	return err == SQB_ABSENT;
}

bool rem_find_body(struct rem_sync *sync, struct sqb_mailbox_id box,
		   uint32_t uid, struct sqb_mailbox_id *from_r,
		   struct rem_wanted *wanted, bool *found_r, bool *absent_r)
{
	struct sqb_message msg;
	bool gone;
	enum sqb_err err = sqb_message_get(sync->st, box, uid, &msg);

	*found_r = *absent_r = false;
	if (err == SQB_OK)
		*absent_r = is_absent(sync->st, msg.body);
	if (err == SQB_OK && *absent_r) {
		err = sqb_remote_body_find(sync->st, msg.body, from_r,
					   &wanted->remote_uid, &gone);
		wanted->box = box;
		wanted->uid = uid;
		wanted->size = msg.vsize;
		wanted->state = REM_UNASKED;
		*found_r = err == SQB_OK;
	}
	return err == SQB_OK || err == SQB_NOTFOUND ||
	       rem_fail_store(sync, sync->st, err);
}

static void put(struct rem_wanted *wanted, const struct sqb_absent *absent)
{
	wanted->box = absent->box;
	wanted->uid = absent->uid;
	wanted->remote_uid = absent->remote_uid;
	wanted->size = absent->vsize;
	wanted->state = REM_UNASKED;
}

bool rem_next_absent(struct rem_sync *sync, int64_t since,
		     struct sqb_mailbox_id *from_r, struct rem_wanted *list,
		     size_t *count_r)
{
	struct sqb_absent_iter *it = sqb_absent_iter_begin(sync->st);
	struct sqb_absent absent;
	uint64_t octets = 0;
	size_t count = 0;
	enum sqb_err err;

	while (count < REM_WANTED_MAX && octets < REM_WANTED_OCTETS &&
	       sqb_absent_iter_next(it, &absent)) {
		if (absent.date < since)
			break;
		if (rem_is_given_up(sync, absent.box, absent.uid))
			continue;
		if (count > 0 && absent.box.n != from_r->n)
			break;
		*from_r = absent.box;
		put(&list[count++], &absent);
		octets += absent.vsize;
	}
	err = sqb_absent_iter_end(&it);
	*count_r = count;
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

bool rem_absent_after(struct rem_sync *sync, struct sqb_mailbox_id box,
		      uint32_t after, size_t max, struct rem_wanted *list,
		      size_t *count_r)
{
	struct sqb_remote_message_iter *it = sqb_remote_message_iter_begin(
		sync->st, box, after + 1, UINT32_MAX);
	struct sqb_remote_message row;
	size_t count = 0, looked = 0;
	enum sqb_err err;

	while (count < max && looked++ < REM_WANTED_MAX &&
	       sqb_remote_message_iter_next(it, &row)) {
		if (row.state != SQB_REMOTE_SYNCED ||
		    !is_absent(sync->st, row.body))
			continue;
		list[count++] = (struct rem_wanted){
			.box = box,
			.uid = row.uid,
			.remote_uid = row.remote_uid,
			.state = REM_UNASKED,
		};
	}
	err = sqb_remote_message_iter_end(&it);
	*count_r = count;
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

bool rem_fetch_absent(struct rem_sync *sync, int64_t since)
{
	struct rem_wanted list[REM_WANTED_MAX];
	struct sqb_mailbox_id from;
	size_t count, i;

	for (;;) {
		if (!rem_next_absent(sync, since, &from, list, &count))
			return false;
		if (count == 0)
			return true;
		if (!rem_fetch_bodies(sync, from, list, count))
			return false;
		for (i = 0; i < count; i++)
			if (list[i].state == REM_MISSING)
				rem_give_up(sync, list[i].box, list[i].uid);
	}
}
