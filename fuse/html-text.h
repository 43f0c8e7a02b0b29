/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HTML_TEXT_H
#define IFS_HTML_TEXT_H

#include "fuse/text-out.h"

/*
 * HTML into the text that a person would read, in pieces cut anywhere: tags,
 * comments, scripts and styles go, entities become characters, blanks are put
 * together, and what stands by itself begins a line.  Nothing is fetched.
 */
enum ifs_html_state {
	IFS_HTML_TEXT,
	IFS_HTML_TAG,     /* behind "<", outside of quotes */
	IFS_HTML_QUOTED,  /* in the quotes of an attribute */
	IFS_HTML_COMMENT, /* behind "<!--" */
	IFS_HTML_ENTITY,  /* behind "&" */
	IFS_HTML_SKIP,    /* in an element that is no text */
	IFS_HTML_SKIP_TAG /* behind "<" in there */
};

#define IFS_HTML_WORD_MAX 32

struct ifs_html {
	enum ifs_html_state state;
	char quote;                       /* that ends IFS_HTML_QUOTED */
	unsigned int dashes;              /* just seen in a comment */
	bool in_name;                     /* of a tag */
	char word[IFS_HTML_WORD_MAX + 1]; /* name of a tag or entity so far */
	size_t word_size;
	char skip[IFS_HTML_WORD_MAX + 1]; /* the element that is no text */
	bool blank;                       /* one is due */
	bool preformatted;
};

void ifs_html_init(struct ifs_html *html);
/* data is UTF-8, or octets for text-out.h to decide. */
void ifs_html_put(struct ifs_html *html, const char *data, size_t size,
		  struct ifs_text_out *out);
void ifs_html_end(struct ifs_html *html, struct ifs_text_out *out);

#endif
