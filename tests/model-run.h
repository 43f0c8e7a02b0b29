/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_MODEL_RUN_H
#define TEST_MODEL_RUN_H

#include "tests/model.h"

#define M_VIEWS 24

/* A store and its model, while random operations run on both. */
struct m_run {
	struct sqb_store *st; /* own */
	struct model *m;      /* own */
	uint64_t random_state;

	struct sqb_body_writer *writers[M_WRITERS]; /* own */
	unsigned int writer_seed[M_WRITERS];
	size_t writer_size[M_WRITERS];
	struct m_view views[M_VIEWS];

	uint64_t txn_modseq; /* 0: nothing has changed in it */
	bool txn_refused;    /* something was, which may take a modseq too */
};

/* 0 to n - 1; true once in n times. */
uint32_t m_rnd(struct m_run *r, uint32_t n);
bool m_one_in(struct m_run *r, uint32_t n);

/* Something has changed: all of a transaction has one modseq, a larger one. */
uint64_t m_change(struct m_run *r);
void m_tree_change(struct m_run *r);

/* A call that must answer this; true if that is SQB_OK. */
#define m_did(r, call, want) m_answered(r, call, want, #call)
bool m_answered(struct m_run *r, enum sqb_err err, enum sqb_err want,
		const char *call);

/* Random things to try. */
struct m_box *m_any_box(struct m_run *r);
struct m_box *m_any_full_box(struct m_run *r);
struct sqb_mailbox_id m_id_of(const struct m_box *box);
void m_any_path(struct m_run *r, char path[M_PATH]);
struct m_keywords m_any_keywords(struct m_run *r);
/* The same path as a user may spell it; static. */
const char *m_spelled(struct m_run *r, const char *path);

/* One random operation each, inside a transaction (model-tree.c). */
void m_op_create(struct m_run *r);
void m_op_delete(struct m_run *r);
void m_op_rename(struct m_run *r);
void m_op_update(struct m_run *r);
void m_op_subscribe(struct m_run *r);
void m_op_attribute(struct m_run *r);
void m_op_keyword(struct m_run *r);

/* The same, of messages (model-messages.c). */
void m_op_append(struct m_run *r);
void m_op_copy(struct m_run *r);
void m_op_move(struct m_run *r);
void m_op_flags(struct m_run *r);
void m_op_expunge(struct m_run *r);
void m_op_name(struct m_run *r);
void m_op_read(struct m_run *r);
void m_op_verify(struct m_run *r);

#endif
