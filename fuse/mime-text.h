/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MIME_TEXT_H
#define IFS_MIME_TEXT_H

#include "fuse/mime-tree.h"

/*
 * A mail as a text to read and to search, in UTF-8:
 *
 *	From: Hans Müller <hans@example.org>
 *	Subject: Grüße
 *	Date: ...
 *
 *	the text parts, decoded; of alternatives the plain one
 *
 *	Attachments:
 *	2-report.pdf  application/pdf
 *
 * A mail in it has its headers in front, too.  The same mail always gives the
 * same text.  Beyond IFS_MIME_TEXT_MAX octets it is cut; a last line says so,
 * and so it does where the mail has more than mime-tree.h looks at.
 */
#define IFS_MIME_TEXT_MAX (4U << 20)

/* Raise this when a mail gives another text than it did: texts are stored. */
#define IFS_MIME_TEXT_FORM 1

/* 0, or the errno value of the input.  The text is to free(). */
int ifs_mime_text(const struct ifs_mime_input *input, char **text_r,
		  size_t *size_r);

/* Is a part a file of its own, to be found in parts/? */
bool ifs_mime_is_file(const struct ifs_mime_part *part);

/*
 * The octets of a part, decoded, from one to the next: for parts/.  The reader
 * belongs to one thread at a time.
 */
#define IFS_MIME_BLOCK 65536
struct ifs_mime_reader {
	uint64_t at, end; /* in the mail; encoded */
	struct ifs_mime_decoder decoder;
	char in[IFS_MIME_BLOCK];
};
void ifs_mime_reader_init(struct ifs_mime_reader *reader,
			  const struct ifs_mime_part *part);
/* *size_r 0: the end.  out has room for a block and the slack. */
int ifs_mime_reader_next(struct ifs_mime_reader *reader,
			 const struct ifs_mime_input *input,
			 char out[IFS_MIME_BLOCK + IFS_MIME_DECODE_SLACK],
			 size_t *size_r);

/* How many octets that gives in all. */
int ifs_mime_part_size(const struct ifs_mime_input *input,
		       const struct ifs_mime_part *part, uint64_t *size_r);

#endif
