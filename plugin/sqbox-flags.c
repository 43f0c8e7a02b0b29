/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "sqbox-flags.h"

static const struct {
	enum mail_flags flag;
	enum sqb_flags store_flag;
} sqbox_flag_map[] = {
	{ MAIL_SEEN, SQB_SEEN },       { MAIL_ANSWERED, SQB_ANSWERED },
	{ MAIL_FLAGGED, SQB_FLAGGED }, { MAIL_DELETED, SQB_DELETED },
	{ MAIL_DRAFT, SQB_DRAFT },
};

unsigned int sqbox_flags_to_store(enum mail_flags flags)
{
	unsigned int i, ret = 0;

	for (i = 0; i < N_ELEMENTS(sqbox_flag_map); i++) {
		if ((flags & sqbox_flag_map[i].flag) != 0)
			ret |= sqbox_flag_map[i].store_flag;
	}
	return ret;
}

enum mail_flags sqbox_flags_from_store(unsigned int flags)
{
	enum mail_flags ret = 0;
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(sqbox_flag_map); i++) {
		if ((flags & sqbox_flag_map[i].store_flag) != 0)
			ret |= sqbox_flag_map[i].flag;
	}
	return ret;
}

static int sqbox_number_cmp(const uint32_t *n1, const uint32_t *n2)
{
	return *n1 < *n2 ? -1 : (*n1 > *n2 ? 1 : 0);
}

void sqbox_keywords_from_array(ARRAY_TYPE(uint32_t) * numbers,
			       struct sqb_keywords *keywords_r)
{
	ARRAY_TYPE(uint32_t) more;
	uint32_t number;

	i_zero(keywords_r);
	t_array_init(&more, 8);
	array_foreach_elem (numbers, number) {
		if (number < SQB_KEYWORD_BITS)
			keywords_r->mask |= 1ULL << number;
		else
			array_push_back(&more, &number);
	}
	if (array_count(&more) > 0) {
		array_sort(&more, sqbox_number_cmp);
		keywords_r->more = array_get(&more, &keywords_r->more_count);
	}
}
