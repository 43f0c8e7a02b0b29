/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_TEXT_CACHE_H
#define IFS_TEXT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decoded texts in memory: those used last, 4 MiB of them and the one used
 * last in any case; and the sizes of many more, so that they need not be
 * decoded again to be listed.  By body: copies of a mail have the same text.
 */
struct ifs_text {
	int64_t body;
	size_t size;
	char *data; /* own */

	/* The cache's. */
	unsigned int holds;
	struct ifs_text *newer, *older; /* foreign */
};

struct ifs_texts;
struct ifs_texts *ifs_texts_new(void);
/* Accepts NULL; clears the pointer.  No text is held any more. */
void ifs_texts_free(struct ifs_texts **texts);

/* Hold what is there until put(); NULL: it is not. */
struct ifs_text *ifs_texts_get(struct ifs_texts *texts, int64_t body);
/*
 * Keep a text that was just made, or read from the store, and hold it; data is
 * the cache's now.
 */
struct ifs_text *ifs_texts_add(struct ifs_texts *texts, int64_t body,
			       char *data, size_t size, bool made);
/* Hold once more what is held. */
void ifs_texts_hold(struct ifs_texts *texts, struct ifs_text *text);
/* Accepts NULL; clears the pointer. */
void ifs_texts_put(struct ifs_texts *texts, struct ifs_text **text);

/*
 * Sizes of what was decoded before: part 0 is the text, else one of parts/
 * (its index).  False: not known.
 */
bool ifs_texts_size(struct ifs_texts *texts, int64_t body, uint32_t part,
		    uint64_t *size_r);
void ifs_texts_set_size(struct ifs_texts *texts, int64_t body, uint32_t part,
			uint64_t size);

struct ifs_texts_stat {
	uint64_t decoded; /* how often a text was made */
	unsigned int kept;
	uint64_t kept_bytes;
};
void ifs_texts_stat(struct ifs_texts *texts, struct ifs_texts_stat *stat_r);

#endif
