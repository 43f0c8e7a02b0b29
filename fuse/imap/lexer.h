/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_LEXER_H
#define IMAP_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Octets of a response to tokens.  What a token is depends on the place: the
 * parser sets the mode and the flags before it asks for the next one.  For
 * fuse/imap/response.c only.
 */

enum imap_token {
	IMAP_TOKEN_MORE, /* more octets are needed */
	IMAP_TOKEN_BAD,  /* imap_lexer.error says why */
	IMAP_TOKEN_WORD,
	IMAP_TOKEN_STRING,
	IMAP_TOKEN_LITERAL,  /* imap_lexer.literal octets follow */
	IMAP_TOKEN_OPEN,     /* ( */
	IMAP_TOKEN_CLOSE,    /* ) */
	IMAP_TOKEN_CODE,     /* [ of a response code */
	IMAP_TOKEN_CODE_END, /* ] */
	IMAP_TOKEN_TEXT,     /* all up to the line end */
	IMAP_TOKEN_END,      /* of the line */
};

enum imap_lexer_mode {
	IMAP_LEX_TAG,       /* a word, of what a tag may have */
	IMAP_LEX_VALUES,    /* words, strings, parentheses */
	IMAP_LEX_CODE,      /* the same, and ] */
	IMAP_LEX_RESP_TEXT, /* [ or text */
	IMAP_LEX_TEXT,
};

enum imap_lexer_state {
	IMAP_LEX_START, /* between tokens */
	IMAP_LEX_WORD,
	IMAP_LEX_SECTION,
	IMAP_LEX_SECTION_QUOTED,
	IMAP_LEX_SECTION_LITERAL,
	IMAP_LEX_QUOTED,
	IMAP_LEX_LITERAL,
	IMAP_LEX_LINE, /* in a text */
};

struct imap_lexer {
	/* Set by the parser: */
	enum imap_lexer_mode mode;
	bool section;  /* [ in a word opens a section: BODY[TEXT] is one word */
	bool top;      /* outside of parentheses: a ) is part of a word */
	size_t octets; /* of this response so far, message parts aside */

	enum imap_lexer_state state;
	bool escaped;     /* the octet after a backslash is next */
	uint64_t literal; /* octets of a literal still to come */
	char *text;       /* own: of the token; a NUL is behind it */
	size_t size, alloc;
	const char *error; /* static */
};

void imap_lexer_init(struct imap_lexer *lx);
void imap_lexer_deinit(struct imap_lexer *lx);
/* For the next response. */
void imap_lexer_reset(struct imap_lexer *lx);

/* The next token; *data and *size move on past what was taken. */
enum imap_token imap_lexer_next(struct imap_lexer *lx, const char **data,
				size_t *size);
/*
 * After IMAP_TOKEN_LITERAL: its octets come as an IMAP_TOKEN_STRING.  Without
 * this call they are for the caller to take.  false: there are too many.
 */
bool imap_lexer_literal(struct imap_lexer *lx);

#endif
