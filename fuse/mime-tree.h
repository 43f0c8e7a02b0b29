/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_MIME_TREE_H
#define IFS_MIME_TREE_H

#include <stdint.h>

#include "fuse/mime-codec.h"

/*
 * The structure of a mail: which parts there are, and where they lie in it.
 *
 * The mail is read once from its beginning to its end, and nothing of it is
 * kept but what is said here.  Whatever is broken in it, there is a structure:
 * what cannot be understood is text.  Beyond the limits it is not divided any
 * further.
 */
#define IFS_MIME_DEPTH_MAX 64
#define IFS_MIME_PARTS_MAX 10000
#define IFS_MIME_HEADER_MAX 262144 /* octets of a part's header looked at */
#define IFS_MIME_FIELD_MAX 16384   /* and of one of its fields */

/* A mail, or anything else, as pread() reads it: 0 or an errno value. */
struct ifs_mime_input {
	int (*read)(void *context, uint64_t offset, void *buf, size_t size,
		    size_t *got_r); /* less than size only at the end */
	void *context;
};

enum ifs_mime_kind {
	IFS_MIME_LEAF,
	IFS_MIME_MULTIPART, /* its parts are its children */
	IFS_MIME_MESSAGE,   /* message/rfc822; has one child, what is in it */
};

#define IFS_MIME_NO_PARENT UINT32_MAX

struct ifs_mime_part {
	enum ifs_mime_kind kind;
	uint32_t parent;              /* index; IFS_MIME_NO_PARENT: the mail */
	uint32_t place;               /* among its siblings, from 1 */
	uint64_t header, header_size; /* header_size: as far as looked at */
	uint64_t body, end;
	enum ifs_mime_encoding encoding;
	bool attachment; /* says Content-Disposition */
	char type[IFS_MIME_TYPE_MAX + 1];
	char charset[IFS_MIME_CHARSET_MAX + 1];
	char *name; /* own; NULL: none */
};

struct ifs_mime_tree {
	struct ifs_mime_part *parts; /* own; a parent before its children */
	uint32_t count;              /* at least 1: the mail itself */
	bool cut;                    /* there was more than the limits allow */
};

/* 0, or the errno value of the input. */
int ifs_mime_tree_parse(const struct ifs_mime_input *input,
			struct ifs_mime_tree **tree_r);
/* Accepts NULL; clears the pointer. */
void ifs_mime_tree_free(struct ifs_mime_tree **tree);

/* The number IMAP has for a part (RFC 9051 6.4.5): "2.1". */
#define IFS_MIME_NUMBER_MAX 512
void ifs_mime_number(const struct ifs_mime_tree *tree, uint32_t part,
		     char number_r[IFS_MIME_NUMBER_MAX]);

/*
 * Find a field in a header of size octets: its value on one line, to free(), or
 * NULL.  *at is where to look from, and then where to go on.
 */
char *ifs_mime_field(const char *header, size_t size, const char *name,
		     size_t *at);

#endif
