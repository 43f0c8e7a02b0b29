/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The property test: random operations on a store and on the model of model.h,
 * in random transactions of which some are rolled back; after each the answers
 * must agree, and now and then all that the store holds.
 *
 * SQB_OPS says how many operations, SQB_SEED which; a failure names both.
 */
#include "tests/model-run.h"

#include "common/check.h"
#include "common/maintain.h"
#include "common/store-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	void (*run)(struct m_run *r);
	uint32_t weight;
} operations[] = {
	{ "append", m_op_append, 35 },      { "copy", m_op_copy, 12 },
	{ "move", m_op_move, 12 },          { "flags", m_op_flags, 25 },
	{ "expunge", m_op_expunge, 7 },     { "create", m_op_create, 5 },
	{ "name", m_op_name, 10 },          { "delete", m_op_delete, 2 },
	{ "rename", m_op_rename, 4 },       { "update", m_op_update, 3 },
	{ "subscribe", m_op_subscribe, 2 }, { "attribute", m_op_attribute, 2 },
	{ "keyword", m_op_keyword, 2 },     { "read", m_op_read, 3 },
	{ "verify", m_op_verify, 3 },
};
#define OPERATIONS (sizeof(operations) / sizeof(*operations))

static void run_operation(struct m_run *r)
{
	uint32_t total = 0, pick;
	size_t i;

	for (i = 0; i < OPERATIONS; i++)
		total += operations[i].weight;
	pick = m_rnd(r, total);
	for (i = 0; pick >= operations[i].weight; i++)
		pick -= operations[i].weight;
	m_place.name = operations[i].name;
	m_place.operation++;
	operations[i].run(r);
}

static void run_transaction(struct m_run *r, uint64_t end)
{
	struct model *before = m_one_in(r, 8) ? m_copy(r->m) : NULL;
	uint32_t count = m_one_in(r, 20) ? 60 : 1 + m_rnd(r, 8);
	bool synced = m_one_in(r, 10);

	if (synced)
		m_ok(r->st, sqb_sync(r->st));
	r->txn_modseq = 0;
	r->txn_refused = false;
	m_ok(r->st, sqb_txn_begin(r->st));
	for (; count > 0 && m_place.operation < end; count--)
		run_operation(r);
	if (before != NULL) {
		m_place.name = "rollback";
		sqb_txn_rollback(r->st);
		m_free(r->m);
		r->m = before;
		m_verify_rest(r->st, r->m);
		return;
	}
	m_place.name = "commit";
	m_ok(r->st, sqb_txn_commit(r->st));
	/* first_recent, too, changes without a modseq. */
	if (synced && r->txn_modseq != 0)
		m_check(sqb_sync_pending(r->st));
	m_ok(r->st, sqb_checkpoint_if_due(r->st));
}

static void new_writer(struct m_run *r, uint32_t w)
{
	size_t psize;
	char *text;

	sqb_body_writer_free(&r->writers[w]);
	r->writer_seed[w] = m_rnd(r, UINT32_MAX);
	r->writer_size[w] = m_one_in(r, 100) ? 300000 + m_rnd(r, 100000)
					     : 40 + m_rnd(r, 2000);
	text = m_is_wire(r->writer_seed[w])
		       ? t_mail(r->writer_size[w], r->writer_seed[w])
		       : m_file(r->writer_seed[w], r->writer_size[w], &psize);
	r->writers[w] = m_is_wire(r->writer_seed[w])
				? t_body(r->st, text, r->writer_size[w])
				: t_file(r->st, text, psize);
	r->m->writer_body[w] = SIZE_MAX;
	free(text);
}

static void free_writers(struct m_run *r)
{
	uint32_t w;

	for (w = 0; w < M_WRITERS; w++)
		sqb_body_writer_free(&r->writers[w]);
}

static void reopen(struct m_run *r)
{
	uint32_t w;

	free_writers(r);
	t_store_reopen(&r->st);
	for (w = 0; w < M_WRITERS; w++)
		new_writer(r, w);
	m_verify_tree(r->st, r->m);
	m_verify_rest(r->st, r->m);
}

static void purge(struct m_run *r)
{
	uint64_t freed, want = 0;
	size_t i;

	m_ok(r->st, sqb_purge(r->st, 0, 0, &freed));
	for (i = 0; i < r->m->body_count; i++) {
		if (!r->m->bodies[i].stored || r->m->bodies[i].refs > 0)
			continue;
		r->m->bodies[i].stored = false;
		want++;
	}
	m_same(freed, want);
}

/* As of the mailbox's own modseq, or of the store's. */
static void take_view(struct m_run *r)
{
	const struct m_box *box = m_any_full_box(r);

	m_view_take(&r->views[m_rnd(r, M_VIEWS)], box,
		    m_one_in(r, 2) ? box->highest : r->m->modseq);
}

static void between_transactions(struct m_run *r)
{
	if (m_one_in(r, 6))
		new_writer(r, m_rnd(r, M_WRITERS));
	m_place.name = "view";
	if (m_one_in(r, 3))
		take_view(r);
	if (m_one_in(r, 2))
		m_view_verify(r->st, r->m, &r->views[m_rnd(r, M_VIEWS)]);
	m_place.name = "verify tree";
	if (m_one_in(r, 30))
		m_verify_tree(r->st, r->m);
	m_place.name = "purge";
	if (m_one_in(r, 150))
		purge(r);
	m_place.name = "verify all";
	if (m_one_in(r, 500))
		m_verify_all(r->st, r->m);
	m_place.name = "reopen";
	if (m_one_in(r, 400))
		reopen(r);
}

static void check_is_silent(struct m_run *r)
{
	struct sqb_check *check = sqb_check_begin(r->st);
	struct sqb_check_step step;

	m_place.name = "check";
	while (sqb_check_next(check, &step))
		ck_assert_msg(step.problem == NULL, M_PLACE "%s", M_PLACE_ARGS,
			      step.problem);
	m_ok(r->st, sqb_check_end(&check, NULL));
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* The model of a new store. */
static void begin_model(struct m_run *r)
{
	struct sqb_mailbox_status status;
	struct m_box *inbox;
	uint32_t w;

	r->m = sqb_xcalloc(1, sizeof(*r->m));
	m_ok(r->st, sqb_mailbox_status(r->st, T_INBOX, &status));
	inbox = m_box_add(r->m, 0, "INBOX");
	inbox->id = status.id.n;
	memcpy(inbox->guid, status.guid, SQB_GUID_SIZE);
	inbox->uidvalidity = status.uidvalidity;
	inbox->highest = status.highestmodseq;
	r->m->max_id = inbox->id;
	r->m->max_uidvalidity = inbox->uidvalidity;
	r->m->modseq = inbox->highest;
	m_ok(r->st, sqb_tree_modseq(r->st, &r->m->tree_modseq));
	for (w = 0; w < M_WRITERS; w++)
		new_writer(r, w);
}

static void end_model(struct m_run *r)
{
	size_t i;

	free_writers(r);
	for (i = 0; i < M_VIEWS; i++) {
		free(r->views[i].msgs);
		r->views[i].msgs = NULL;
	}
	m_free(r->m);
	r->m = NULL;
}

START_TEST(a_store_does_what_its_model_does)
{
	const char *ci = getenv("CI");
	bool in_ci = ci != NULL && strcmp(ci, "true") == 0;
	uint64_t ops = number_from("SQB_OPS", in_ci ? 200000 : 20000);
	struct m_run run, *r = &run;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	memset(&run, 0, sizeof(run));
	memset(&m_place, 0, sizeof(m_place));
	m_place.seed = number_from("SQB_SEED", (uint64_t)now.tv_nsec);
	r->random_state = m_place.seed * 2 + 1;
	printf("SQB_SEED=%" PRIu64 " SQB_OPS=%" PRIu64 "\n", m_place.seed, ops);
	(void)fflush(stdout);

	r->st = t_store_open();
	begin_model(r);
	while (m_place.operation < ops) {
		run_transaction(r, ops);
		between_transactions(r);
	}
	m_place.name = "end";
	m_verify_all(r->st, r->m);
	check_is_silent(r);
	purge(r);
	check_is_silent(r);
	end_model(r);
	t_store_close(&r->st);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, a_store_does_what_its_model_does);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
