/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_CHARSET_H
#define IFS_CHARSET_H

#include "fuse/text-out.h"

/*
 * Text in any charset into UTF-8, in pieces cut anywhere.  What is no character
 * there becomes U+FFFD.  Text in a charset that is unknown, or that cannot be
 * (us-ascii with 8 bits), goes as it is to text-out.h, which knows what to do.
 */
struct ifs_charset;

struct ifs_charset *ifs_charset_new(const char *name);
/* Accepts NULL; clears the pointer. */
void ifs_charset_free(struct ifs_charset **charset);

void ifs_charset_put(struct ifs_charset *charset, const char *data, size_t size,
		     struct ifs_text_out *out);
/* There is no more. */
void ifs_charset_end(struct ifs_charset *charset, struct ifs_text_out *out);

#endif
