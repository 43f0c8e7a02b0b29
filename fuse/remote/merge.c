/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/merge.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void rem_flags_free(struct rem_flags *set)
{
	free(set->more);
	memset(set, 0, sizeof(*set));
}

bool rem_flags_empty(const struct rem_flags *set)
{
	return set->flags == 0 && set->keywords.mask == 0 &&
	       set->keywords.more_count == 0;
}

struct rem_flags rem_flags_copy(unsigned int flags,
				const struct sqb_keywords *keywords)
{
	struct rem_flags set = { .flags = flags, .keywords = *keywords };

	if (keywords->more_count > 0)
		set.more = sqb_xmemdup(keywords->more,
				       keywords->more_count * sizeof(uint32_t));
	set.keywords.more = set.more;
	return set;
}

/* Of two ascending lists: those of a or b, or those of a that are not in b. */
static struct rem_flags lists(const struct rem_flags *a,
			      const struct rem_flags *b, bool with_b)
{
	const struct sqb_keywords *x = &a->keywords, *y = &b->keywords;
	struct rem_flags set = { 0 };
	uint32_t i = 0, j = 0, n;
	bool in_a, in_b;

	if (x->more_count + y->more_count == 0)
		return set;
	set.more = sqb_xmalloc(((size_t)x->more_count + y->more_count) *
			       sizeof(*set.more));
	while (i < x->more_count || j < y->more_count) {
		in_a = i < x->more_count &&
		       (j == y->more_count || x->more[i] <= y->more[j]);
		in_b = j < y->more_count &&
		       (i == x->more_count || y->more[j] <= x->more[i]);
		n = in_a ? x->more[i] : y->more[j];
		i += in_a;
		j += in_b;
		if (with_b || !in_b)
			set.more[set.keywords.more_count++] = n;
	}
	set.keywords.more = set.keywords.more_count > 0 ? set.more : NULL;
	return set;
}

struct rem_flags rem_flags_minus(const struct rem_flags *a,
				 const struct rem_flags *b)
{
	struct rem_flags set = lists(a, b, false);

	set.flags = a->flags & ~b->flags;
	set.keywords.mask = a->keywords.mask & ~b->keywords.mask;
	return set;
}

struct rem_flags rem_flags_plus(const struct rem_flags *a,
				const struct rem_flags *b)
{
	struct rem_flags set = lists(a, b, true);

	set.flags = a->flags | b->flags;
	set.keywords.mask = a->keywords.mask | b->keywords.mask;
	return set;
}

void rem_keyword_add(struct rem_flags *set, uint32_t number)
{
	struct rem_flags one = { 0 }, sum;

	if (number < SQB_KEYWORD_BITS) {
		set->keywords.mask |= UINT64_C(1) << number;
		return;
	}
	one.keywords.more = &number;
	one.keywords.more_count = 1;
	sum = rem_flags_plus(set, &one);
	rem_flags_free(set);
	*set = sum;
}

bool rem_flags_equal(const struct rem_flags *a, const struct rem_flags *b)
{
	return a->flags == b->flags && a->keywords.mask == b->keywords.mask &&
	       a->keywords.more_count == b->keywords.more_count &&
	       (a->keywords.more_count == 0 ||
		memcmp(a->keywords.more, b->keywords.more,
		       a->keywords.more_count * sizeof(uint32_t)) == 0);
}

struct rem_delta rem_delta(const struct rem_flags *base,
			   const struct rem_flags *now)
{
	return (struct rem_delta){ .add = rem_flags_minus(now, base),
				   .remove = rem_flags_minus(base, now) };
}

void rem_delta_free(struct rem_delta *delta)
{
	rem_flags_free(&delta->add);
	rem_flags_free(&delta->remove);
}

bool rem_delta_empty(const struct rem_delta *delta)
{
	return rem_flags_empty(&delta->add) && rem_flags_empty(&delta->remove);
}

struct sqb_flag_change rem_delta_change(const struct rem_delta *delta)
{
	return (struct sqb_flag_change){
		.add = delta->add.flags,
		.remove = delta->remove.flags,
		.add_keywords = delta->add.keywords,
		.remove_keywords = delta->remove.keywords,
	};
}
