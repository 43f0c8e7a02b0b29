/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include "common/message.h"
#include "tests/support.h"

#include <inttypes.h>
#include <stddef.h>

/*
 * What a store should hold, in plain arrays: the reference of test-model.c.
 * It takes a store's answers where the store may choose (ids, numbers that
 * only have to grow) and knows all the rest by itself.
 */

#define M_KEYWORDS 120 /* at most; numbers 0 to 119 */
#define M_WRITERS 8
#define M_STALE 8
#define M_LEVEL 24 /* octets of a level, with its NUL */
#define M_PATH 256

/* Keyword n is bit n % 64 of word n / 64. */
struct m_keywords {
	uint64_t word[2];
};

struct m_msg {
	uint32_t uid;
	unsigned int flags;
	struct m_keywords keywords;
	uint64_t modseq;
	int64_t date, save_date;
	size_t body;      /* index */
	const char *name; /* foreign, static: given as a file; NULL: none */
};

struct m_box {
	int64_t id, parent; /* parent 0: top level */
	char name[M_LEVEL];
	uint8_t guid[SQB_GUID_SIZE];
	bool noselect;
	uint32_t uidvalidity;
	uint64_t uidnext;
	uint32_t first_recent;
	uint64_t highest, floor;
	unsigned int special_use;
	struct m_msg *msgs; /* own; by UID */
	size_t count, alloc;
};

/* The octets are those of t_mail(size, seed), the file that of m_file(). */
struct m_body {
	int64_t row;
	bool stored; /* and not freed since */
	unsigned int refs;
	unsigned int seed;
	size_t size, psize;
};

struct m_attribute {
	int64_t box;
	char key[16], value[16];
};

struct model {
	struct m_box *boxes; /* own; in no order */
	size_t box_count, box_alloc;
	struct m_body *bodies; /* own */
	size_t body_count, body_alloc;
	unsigned int keyword_count;
	char subscriptions[16][M_PATH]; /* a set in no order */
	size_t subscription_count;
	struct m_attribute attributes[16]; /* the same */
	size_t attribute_count;

	int64_t max_id; /* highest given out */
	uint32_t max_uidvalidity;
	uint64_t modseq; /* highest seen */
	uint64_t tree_modseq;
	size_t writer_body[M_WRITERS];     /* index; SIZE_MAX: none */
	struct sqb_message stale[M_STALE]; /* seen some time ago */
	size_t stale_body[M_STALE];
	size_t stale_count;
};

/* A deep copy, and its end. */
struct model *m_copy(const struct model *m);
void m_free(struct model *m);

/* Mailboxes: NULL if there is none.  The pointer dies with the next add. */
struct m_box *m_box_by_id(const struct model *m, int64_t id);
struct m_box *m_box_by_path(const struct model *m, const char *path);
struct m_box *m_child(const struct model *m, int64_t parent, const char *name);
struct m_box *m_box_add(struct model *m, int64_t parent, const char *name);
void m_box_remove(struct model *m, struct m_box *box);
bool m_has_children(const struct model *m, const struct m_box *box);
bool m_is_inbox(const struct m_box *box);
/* Is box the mailbox with that id, or below it? */
bool m_is_below(const struct model *m, const struct m_box *box, int64_t id);
void m_path(const struct model *m, const struct m_box *box, char path[M_PATH]);

/* Messages. */
struct m_msg *m_msg_by_uid(const struct m_box *box, uint32_t uid);
struct m_msg *m_msg_add(struct m_box *box, uint32_t uid);
/* Remove those in the range; how many there were. */
size_t m_expunge(struct model *m, struct m_box *box, uint32_t lo, uint32_t hi,
		 bool release_bodies);

size_t m_body_add(struct model *m, unsigned int seed, size_t size,
		  size_t psize);

/*
 * The file that a body is, or would be; to free().  The seed also says how it
 * is to be written: its line ends are LF, CRLF or both, or it is wire octets.
 */
bool m_is_wire(unsigned int seed);
char *m_file(unsigned int seed, size_t size, size_t *psize_r);

/* The set as the store takes it; more has room for M_KEYWORDS. */
struct sqb_keywords m_keywords(const struct m_keywords *k,
			       uint32_t more[M_KEYWORDS]);

/* Where the test is: every failure says so. */
extern struct m_place {
	uint64_t seed, operation;
	const char *name;
} m_place;

#define M_PLACE "SQB_SEED=%" PRIu64 ", operation %" PRIu64 " (%s): "
#define M_PLACE_ARGS m_place.seed, m_place.operation, m_place.name

#define m_check(condition) \
	ck_assert_msg(condition, M_PLACE "%s", M_PLACE_ARGS, #condition)
#define m_same(a, b) \
	do { \
		uint64_t m_a = (uint64_t)(a), m_b = (uint64_t)(b); \
		ck_assert_msg(m_a == m_b, \
			      M_PLACE "%s %" PRIu64 " is not %s %" PRIu64, \
			      M_PLACE_ARGS, #a, m_a, #b, m_b); \
	} while (0)
#define m_ok(st, call) \
	do { \
		enum sqb_err m_err = (call); \
		ck_assert_msg(m_err == SQB_OK, M_PLACE "%s: %s: %s", \
			      M_PLACE_ARGS, #call, sqb_err_name(m_err), \
			      sqb_store_errmsg(st)); \
	} while (0)
#define m_answers(call, want) \
	do { \
		enum sqb_err m_err = (call), m_want = (want); \
		ck_assert_msg(m_err == m_want, M_PLACE "%s: %s, not %s", \
			      M_PLACE_ARGS, #call, sqb_err_name(m_err), \
			      sqb_err_name(m_want)); \
	} while (0)

/*
 * Compare a store with the model (model-verify.c): the tree and the figures of
 * all mailboxes; the messages of one; the octets of one; all the rest; all.
 */
void m_verify_tree(struct sqb_store *st, const struct model *m);
void m_verify_box(struct sqb_store *st, const struct model *m,
		  const struct m_box *box);
void m_verify_body(struct sqb_store *st, const struct model *m,
		   const struct m_box *box, const struct m_msg *msg);
void m_verify_rest(struct sqb_store *st, const struct model *m);
void m_verify_all(struct sqb_store *st, const struct model *m);

/*
 * What a client has seen of a mailbox at some time, brought up to date by the
 * journal, must be what the model has now.
 */
struct m_view {
	int64_t box;
	uint32_t uidvalidity;
	uint64_t uidnext, modseq;
	struct m_msg *msgs; /* own */
	size_t count;
};
void m_view_take(struct m_view *view, const struct m_box *box, uint64_t modseq);
void m_view_verify(struct sqb_store *st, const struct model *m,
		   const struct m_view *view);

#endif
