/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_BODY_TEXT_H
#define SQB_BODY_TEXT_H

#include "common/body.h"

/*
 * What was decoded from bodies, kept so that it is made once; what it looks
 * like is the caller's business.  A cache: it says nothing of mail, has no
 * modseq, may be gone at any time, and goes with its body.
 *
 * maker is the number of the form that the text has: what another maker has
 * left is not found.  A text of more than SQB_BODY_CHUNK octets is not kept,
 * but its size is.
 */

/* The size of the text.  SQB_NOTFOUND is an answer. */
enum sqb_err sqb_body_text_size(struct sqb_store *st, struct sqb_body_id id,
				unsigned int maker, uint64_t *size_r);

/*
 * The text, to free().  SQB_NOTFOUND (an answer): it is not there, or was too
 * large, or is damaged, which is no harm: it can be made again.
 */
enum sqb_err sqb_body_text_get(struct sqb_store *st, struct sqb_body_id id,
			       unsigned int maker, char **data_r,
			       size_t *size_r);

/*
 * Pack a text, before a transaction; then keep it in one, in place of an older
 * one.  SQB_NOTFOUND (an answer): no such body (any more).
 */
struct sqb_body_text;
enum sqb_err sqb_body_text_pack(struct sqb_store *st, struct sqb_body_id id,
				unsigned int maker, const void *data,
				size_t size, struct sqb_body_text **text_r);
enum sqb_err sqb_body_text_put(struct sqb_store *st,
			       const struct sqb_body_text *text);
/* Accepts NULL; clears the pointer. */
void sqb_body_text_free(struct sqb_body_text **text);

#endif
