/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_MERGE_H
#define REM_MERGE_H

#include "common/message.h"

/*
 * Flags and keywords as sets, merged per flag: each side's difference from the
 * base (what both last agreed on) is done to the other.  No difference is
 * larger than the sides' own, so nobody's change is undone by a third state.
 */
struct rem_flags {
	unsigned int flags; /* enum sqb_flags, or-ed */
	struct sqb_keywords keywords;
	uint32_t *more; /* own: what keywords.more points to, or NULL */
};

void rem_flags_free(struct rem_flags *set);
bool rem_flags_empty(const struct rem_flags *set);
/* A copy, to free(). */
struct rem_flags rem_flags_copy(unsigned int flags,
				const struct sqb_keywords *keywords);
/* What a has and b has not; and what either has.  To free(). */
struct rem_flags rem_flags_minus(const struct rem_flags *a,
				 const struct rem_flags *b);
struct rem_flags rem_flags_plus(const struct rem_flags *a,
				const struct rem_flags *b);
void rem_keyword_add(struct rem_flags *set, uint32_t number);
bool rem_flags_equal(const struct rem_flags *a, const struct rem_flags *b);

/* The change that makes of a set that was base one that is now. */
struct rem_delta {
	struct rem_flags add, remove; /* own */
};
struct rem_delta rem_delta(const struct rem_flags *base,
			   const struct rem_flags *now);
void rem_delta_free(struct rem_delta *delta);
bool rem_delta_empty(const struct rem_delta *delta);
/* As message.h wants it; good as long as the delta is. */
struct sqb_flag_change rem_delta_change(const struct rem_delta *delta);

#endif
