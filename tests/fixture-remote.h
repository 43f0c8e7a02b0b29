/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_FIXTURE_REMOTE_H
#define TEST_FIXTURE_REMOTE_H

#include "common/check.h"
#include "common/file.h"
#include "common/remote.h"
#include "tests/fixture-message.h"

#include <stdlib.h>

/* What the tests of replicas share. */

#define ACCOUNT "imaps://alice@mail.example.org"

/* The base of a message of INBOX: SYNCED, without flags. */
static inline struct sqb_remote_message base(uint32_t uid, uint32_t remote_uid)
{
	struct sqb_remote_message r = { .uid = uid, .remote_uid = remote_uid };
	struct sqb_message msg;

	if (sqb_message_get(st, T_INBOX, uid, &msg) == SQB_OK)
		r.body = msg.body;
	return r;
}

static inline void set_base(struct sqb_mailbox_id box,
			    const struct sqb_remote_message *r)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_message_set(st, box, r));
	t_ok(st, sqb_txn_commit(st));
}

static inline void set_mailbox(struct sqb_mailbox_id id, const char *name)
{
	struct sqb_remote_mailbox box = {
		.id = id, .name = name, .path = name, .mailboxid = ""
	};

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_mailbox_set(st, &box));
	t_ok(st, sqb_txn_commit(st));
}

static inline void be_replica(void)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_remote_account_set(st, ACCOUNT));
	t_ok(st, sqb_txn_commit(st));
	set_mailbox(T_INBOX, "INBOX");
}

static inline uint32_t append_absent(struct sqb_mailbox_id box, uint64_t vsize,
				     int64_t date)
{
	struct sqb_message_new args = { .date = date };
	uint32_t uid = 0;

	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_append_absent(st, box, vsize, &args, &uid));
	t_ok(st, sqb_txn_commit(st));
	return uid;
}

static inline enum sqb_err fill_with(uint32_t uid, struct sqb_body_writer *w)
{
	enum sqb_err err;

	t_ok(st, sqb_txn_begin(st));
	err = sqb_message_fill(st, T_INBOX, uid, w);
	if (err == SQB_OK)
		t_ok(st, sqb_txn_commit(st));
	else
		sqb_txn_rollback(st);
	return err;
}

static inline void expunge(struct sqb_mailbox_id box, uint32_t uid)
{
	t_ok(st, sqb_txn_begin(st));
	t_ok(st, sqb_message_expunge(st, box, uid, uid, NULL));
	t_ok(st, sqb_txn_commit(st));
}

static inline void is_sound(void)
{
	struct sqb_check *check = sqb_check_begin(st);
	struct sqb_check_step step;

	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL, "%s", step.problem);
	t_ok(st, sqb_check_end(&check, NULL));
}

/* One problem, with these words in it. */
static inline void finds(const char *words)
{
	struct sqb_check *check = sqb_check_begin(st);
	struct sqb_check_step step;
	uint64_t problems;

	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL ||
				      strstr(step.problem, words) != NULL,
			      "%s, not %s", step.problem, words);
	t_ok(st, sqb_check_end(&check, &problems));
	ck_assert_uint_ge(problems, 1);
}

#endif
