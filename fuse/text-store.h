/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_TEXT_STORE_H
#define IFS_TEXT_STORE_H

#include "common/body.h"
#include "fuse/fs.h"
#include "fuse/text-cache.h"

/*
 * Decoded texts, kept in the store so that no later mount decodes them again
 * (body-text.h).  A thread writes them, many in a transaction, when requests
 * have been answered; where they come faster than it writes some are left out.
 * A read-only mount only reads them.
 */
struct ifs_text_store;
struct ifs_text_store *ifs_text_store_new(void);
/* Writes what is left; accepts NULL; clears the pointer. */
void ifs_text_store_free(struct ifs_text_store **store);

/* False: it is not known, or not kept. */
bool ifs_text_store_size(struct ifs_fs *fs, struct sqb_body_id body,
			 uint64_t *size_r);
bool ifs_text_store_get(struct ifs_fs *fs, struct sqb_body_id body,
			char **data_r, size_t *size_r);

/* Have a text written some time soon. */
void ifs_text_store_add(struct ifs_fs *fs, struct ifs_text *text);

#endif
