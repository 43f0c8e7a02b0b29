/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/lexer.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/response.h"

#define TAG_MAX 255
#define KEEP_MAX \
	65536 /* octets of memory kept from one response to the next \
	       */

void imap_lexer_init(struct imap_lexer *lx)
{
	memset(lx, 0, sizeof(*lx));
	imap_lexer_reset(lx);
}

void imap_lexer_deinit(struct imap_lexer *lx)
{
	free(lx->text);
	lx->text = NULL;
}

void imap_lexer_reset(struct imap_lexer *lx)
{
	if (lx->alloc > KEEP_MAX) {
		free(lx->text);
		lx->text = NULL;
		lx->alloc = 0;
	}
	lx->mode = IMAP_LEX_TAG;
	lx->section = false;
	lx->top = true;
	lx->octets = 0;
	lx->state = IMAP_LEX_START;
	lx->escaped = false;
	lx->literal = 0;
	lx->size = 0;
	lx->error = NULL;
}

static enum imap_token bad(struct imap_lexer *lx, const char *error)
{
	lx->error = error;
	return IMAP_TOKEN_BAD;
}

static void add(struct imap_lexer *lx, const char *data, size_t size)
{
	if (lx->alloc - lx->size <= size) {
		lx->alloc = 2 * (lx->size + size) + 64;
		lx->text = sqb_xrealloc(lx->text, lx->alloc);
	}
	memcpy(lx->text + lx->size, data, size);
	lx->size += size;
	lx->text[lx->size] = '\0';
}

/* The first n octets are taken. */
static void skip(struct imap_lexer *lx, const char **data, size_t *size,
		 size_t n)
{
	*data += n;
	*size -= n;
	lx->octets += n;
}

static void take(struct imap_lexer *lx, const char **data, size_t *size,
		 size_t n)
{
	add(lx, *data, n);
	skip(lx, data, size, n);
}

static void start(struct imap_lexer *lx, enum imap_lexer_state state)
{
	lx->state = state;
	lx->size = 0;
	add(lx, "", 0);
}

static enum imap_token finish(struct imap_lexer *lx, enum imap_token token)
{
	lx->state = IMAP_LEX_START;
	return token;
}

static void strip_cr(struct imap_lexer *lx)
{
	while (lx->size > 0 && lx->text[lx->size - 1] == '\r')
		lx->size--;
	lx->text[lx->size] = '\0';
}

/*
 * Does the text announce a literal: {n}, {n+}, ~{n}?  *from_r is where.  A
 * number that is too large counts as the largest.
 */
static bool announces(const char *text, size_t size, size_t *from_r,
		      uint64_t *octets_r)
{
	uint64_t octets = 0;
	size_t at, end = size;

	if (end < 3 || text[--end] != '}')
		return false;
	if (text[end - 1] == '+')
		end--;
	for (at = end; at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9';)
		at--;
	if (at == end || at == 0 || text[at - 1] != '{')
		return false;
	*from_r = at - 1;
	for (; at < end; at++) {
		if (octets > (UINT64_MAX - 9) / 10)
			octets = (UINT64_MAX - 9) / 10;
		octets = octets * 10 + (uint64_t)(text[at] - '0');
	}
	if (*from_r > 0 && text[*from_r - 1] == '~')
		--*from_r;
	*octets_r = octets;
	return true;
}

/* The line end that is next ends the word, or makes it announce a literal. */
static enum imap_token word_at_line_end(struct imap_lexer *lx,
					const char **data, size_t *size)
{
	size_t from;

	strip_cr(lx);
	if (announces(lx->text, lx->size, &from, &lx->literal) && from == 0 &&
	    lx->mode != IMAP_LEX_TAG) {
		skip(lx, data, size, 1);
		return finish(lx, IMAP_TOKEN_LITERAL);
	}
	if (lx->size > 0)
		return finish(lx, IMAP_TOKEN_WORD);
	skip(lx, data, size, 1);
	return finish(lx, IMAP_TOKEN_END);
}

static bool ends_word(const struct imap_lexer *lx, char c)
{
	switch (c) {
	case ' ':
	case '\n':
		return true;
	case '(':
		return lx->mode != IMAP_LEX_TAG;
	case ')':
		return !lx->top;
	case ']':
		return lx->mode == IMAP_LEX_CODE;
	}
	return false;
}

static bool tag_ok(const struct imap_lexer *lx)
{
	size_t i;

	if (lx->size > TAG_MAX)
		return false;
	for (i = 0; i < lx->size; i++) {
		/* A CR before the line end is still there. */
		if ((lx->text[i] < '!' || lx->text[i] > '~') &&
		    lx->text[i] != '\r')
			return false;
	}
	return true;
}

static enum imap_token next_word(struct imap_lexer *lx, const char **data,
				 size_t *size)
{
	size_t n;

	for (n = 0; n < *size && !ends_word(lx, (*data)[n]); n++) {
		if (lx->section && (*data)[n] == '[') {
			take(lx, data, size, n + 1);
			lx->state = IMAP_LEX_SECTION;
			return IMAP_TOKEN_MORE;
		}
	}
	take(lx, data, size, n);
	if (lx->mode == IMAP_LEX_TAG && !tag_ok(lx))
		return bad(lx, "this is not IMAP");
	if (*size == 0)
		return IMAP_TOKEN_MORE;
	if (**data == '\n')
		return word_at_line_end(lx, data, size);
	return finish(lx, IMAP_TOKEN_WORD);
}

/* In BODY[...], where there may be strings in it, too. */
static enum imap_token next_section(struct imap_lexer *lx, const char **data,
				    size_t *size)
{
	char c = **data;
	size_t from;

	if (c == '\n') {
		strip_cr(lx);
		if (!announces(lx->text, lx->size, &from, &lx->literal))
			return bad(lx, "a section that does not end");
		skip(lx, data, size, 1);
		if (lx->literal > IMAP_RESPONSE_MAX)
			return bad(lx, "a response that is too long");
		lx->size = from;
		add(lx, "\"", 1);
		lx->state = IMAP_LEX_SECTION_LITERAL;
		return IMAP_TOKEN_MORE;
	}
	take(lx, data, size, 1);
	if (c == '"') {
		lx->state = IMAP_LEX_SECTION_QUOTED;
	} else if (c == ']') {
		lx->section = false;
		lx->state = IMAP_LEX_WORD;
	}
	return IMAP_TOKEN_MORE;
}

static enum imap_token next_section_quoted(struct imap_lexer *lx,
					   const char **data, size_t *size)
{
	char c = **data;

	if (c == '\n')
		return bad(lx, "a string that does not end");
	take(lx, data, size, 1);
	if (c == '"' && !lx->escaped)
		lx->state = IMAP_LEX_SECTION;
	lx->escaped = c == '\\' && !lx->escaped;
	return IMAP_TOKEN_MORE;
}

static enum imap_token next_section_literal(struct imap_lexer *lx,
					    const char **data, size_t *size)
{
	if (lx->literal == 0) {
		add(lx, "\"", 1);
		lx->state = IMAP_LEX_SECTION;
		return IMAP_TOKEN_MORE;
	}
	if (**data == '"' || **data == '\\')
		add(lx, "\\", 1);
	take(lx, data, size, 1);
	lx->literal--;
	return IMAP_TOKEN_MORE;
}

static bool ends_quoted(char c)
{
	return c == '"' || c == '\\' || c == '\n';
}

static enum imap_token next_quoted(struct imap_lexer *lx, const char **data,
				   size_t *size)
{
	size_t n;

	if (lx->escaped) {
		lx->escaped = false;
		take(lx, data, size, 1);
		return IMAP_TOKEN_MORE;
	}
	for (n = 0; n < *size && !ends_quoted((*data)[n]); n++)
		;
	take(lx, data, size, n);
	if (*size == 0)
		return IMAP_TOKEN_MORE;
	if (**data == '\n') {
		/* Of a code nothing depends on it. */
		if (lx->mode != IMAP_LEX_CODE)
			return bad(lx, "a string that does not end");
		strip_cr(lx);
		return finish(lx, IMAP_TOKEN_STRING);
	}
	lx->escaped = **data == '\\';
	skip(lx, data, size, 1);
	return lx->escaped ? IMAP_TOKEN_MORE : finish(lx, IMAP_TOKEN_STRING);
}

static enum imap_token next_literal(struct imap_lexer *lx, const char **data,
				    size_t *size)
{
	size_t n = *size < lx->literal ? *size : (size_t)lx->literal;

	take(lx, data, size, n);
	lx->literal -= n;
	return lx->literal > 0 ? IMAP_TOKEN_MORE
			       : finish(lx, IMAP_TOKEN_STRING);
}

bool imap_lexer_literal(struct imap_lexer *lx)
{
	if (lx->literal > IMAP_RESPONSE_MAX ||
	    lx->octets + lx->literal > IMAP_RESPONSE_MAX)
		return false;
	start(lx, IMAP_LEX_LITERAL);
	return true;
}

static enum imap_token next_line(struct imap_lexer *lx, const char **data,
				 size_t *size)
{
	const char *end = memchr(*data, '\n', *size);

	take(lx, data, size, end == NULL ? *size : (size_t)(end - *data));
	if (end == NULL)
		return IMAP_TOKEN_MORE;
	strip_cr(lx);
	return finish(lx, IMAP_TOKEN_TEXT);
}

/* Between tokens: what the next octet begins. */
static enum imap_token next_start(struct imap_lexer *lx, const char **data,
				  size_t *size)
{
	enum imap_lexer_state state = IMAP_LEX_WORD;
	enum imap_token token = IMAP_TOKEN_MORE;
	char c = **data;

	if (c == '\n')
		token = IMAP_TOKEN_END;
	else if (lx->mode == IMAP_LEX_TEXT || lx->mode == IMAP_LEX_RESP_TEXT)
		state = IMAP_LEX_LINE;
	else if (c == '"')
		state = IMAP_LEX_QUOTED;
	else if (c == '(' && lx->mode != IMAP_LEX_TAG)
		token = IMAP_TOKEN_OPEN;
	else if (c == ')' && !lx->top)
		token = IMAP_TOKEN_CLOSE;
	else if (c == ']' && lx->mode == IMAP_LEX_CODE)
		token = IMAP_TOKEN_CODE_END;
	if (c == '[' && lx->mode == IMAP_LEX_RESP_TEXT)
		token = IMAP_TOKEN_CODE;
	if (token == IMAP_TOKEN_MORE && c != ' ')
		start(lx, state);
	if (token != IMAP_TOKEN_MORE || c == ' ' || state == IMAP_LEX_QUOTED)
		skip(lx, data, size, 1);
	return token;
}

static enum imap_token step(struct imap_lexer *lx, const char **data,
			    size_t *size)
{
	switch (lx->state) {
	case IMAP_LEX_START:
		return next_start(lx, data, size);
	case IMAP_LEX_WORD:
		return next_word(lx, data, size);
	case IMAP_LEX_SECTION:
		return next_section(lx, data, size);
	case IMAP_LEX_SECTION_QUOTED:
		return next_section_quoted(lx, data, size);
	case IMAP_LEX_SECTION_LITERAL:
		return next_section_literal(lx, data, size);
	case IMAP_LEX_QUOTED:
		return next_quoted(lx, data, size);
	case IMAP_LEX_LITERAL:
		return next_literal(lx, data, size);
	case IMAP_LEX_LINE:
		return next_line(lx, data, size);
	}
	return IMAP_TOKEN_BAD;
}

enum imap_token imap_lexer_next(struct imap_lexer *lx, const char **data,
				size_t *size)
{
	enum imap_token token = IMAP_TOKEN_MORE;

	/* A literal of no octets needs none to end. */
	while (token == IMAP_TOKEN_MORE &&
	       (*size > 0 ||
		(lx->state == IMAP_LEX_LITERAL && lx->literal == 0))) {
		token = step(lx, data, size);
		if (lx->octets > IMAP_RESPONSE_MAX)
			return bad(lx, "a response that is too long");
	}
	return token;
}
