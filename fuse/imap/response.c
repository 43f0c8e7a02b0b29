/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/response.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/arena.h"
#include "fuse/imap/lexer.h"
#include "fuse/imap/part.h"

enum stage {
	STAGE_TAG,    /* the tag, "*" or "+" */
	STAGE_STATUS, /* what must follow a tag */
	STAGE_FIRST,  /* a number, or the name */
	STAGE_NAME,   /* after the number */
	STAGE_VALUES,
	STAGE_RESP_TEXT,
	STAGE_CODE,      /* its name */
	STAGE_CODE_ARGS, /* what follows that */
	STAGE_TEXT,
	STAGE_PART, /* octets that go into the sink */
	STAGE_DEAD,
};

/* A list that is open, and what has no list around it. */
struct level {
	const struct imap_value **link; /* foreign: where the next one goes */
	const struct imap_value *last;  /* foreign: NULL: it is empty */
	bool is_odd;                    /* of values so far */
};

struct imap_parser {
	struct imap_sink sink;
	struct imap_lexer lexer; /* own */
	struct imap_arena arena; /* own */

	enum stage stage;
	struct imap_response response;
	bool is_fetch;                           /* "* n FETCH" */
	struct level levels[IMAP_DEPTH_MAX + 1]; /* [0]: no list around */
	unsigned int depth;
	unsigned int values;
	struct imap_value *items; /* foreign: of a FETCH, its list */
	uint64_t part_left;       /* octets of a part still to come */
	bool is_complete;         /* the response was handed out */
	const char *error;        /* static */
};

static void reset(struct imap_parser *p)
{
	imap_lexer_reset(&p->lexer);
	imap_arena_reset(&p->arena);
	p->stage = STAGE_TAG;
	memset(&p->response, 0, sizeof(p->response));
	p->response.text = "";
	p->is_fetch = false;
	p->values = 0;
	p->items = NULL;
	p->part_left = 0;
}

struct imap_parser *imap_parser_new(const struct imap_sink *sink)
{
	struct imap_parser *p = sqb_xcalloc(1, sizeof(*p));

	if (sink != NULL)
		p->sink = *sink;
	imap_lexer_init(&p->lexer);
	reset(p);
	return p;
}

void imap_parser_cut(struct imap_parser *p)
{
	if (p->stage == STAGE_PART && p->sink.end != NULL)
		p->sink.end(p->sink.ctx, false);
	if (p->stage != STAGE_DEAD)
		p->error = "the connection was cut";
	p->stage = STAGE_DEAD;
	p->is_complete = false;
}

void imap_parser_free(struct imap_parser **p)
{
	if (*p == NULL)
		return;
	imap_parser_cut(*p);
	imap_lexer_deinit(&(*p)->lexer);
	imap_arena_free(&(*p)->arena);
	free(*p);
	*p = NULL;
}

const char *imap_parser_error(const struct imap_parser *p)
{
	return p->error;
}

static bool dead(struct imap_parser *p, const char *error)
{
	p->stage = STAGE_DEAD;
	p->error = error;
	return false;
}

static char *capitals(struct imap_parser *p)
{
	char *text = imap_arena_text(&p->arena, p->lexer.text, p->lexer.size);
	char *s;

	for (s = text; *s != '\0'; s++) {
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
	}
	return text;
}

/* Values go to *link from here on. */
static void begin_values(struct imap_parser *p, enum stage stage,
			 const struct imap_value **link)
{
	p->stage = stage;
	p->depth = 0;
	p->levels[0] = (struct level){ .link = link };
	p->lexer.top = !p->is_fetch;
}

static struct imap_value *add_value(struct imap_parser *p, enum imap_type type)
{
	struct level *level = &p->levels[p->depth];
	struct imap_value *v;

	if (++p->values > IMAP_VALUES_MAX) {
		(void)dead(p, "a response of too many values");
		return NULL;
	}
	v = imap_arena_alloc(&p->arena, sizeof(*v));
	*v = (struct imap_value){ .type = type };
	*level->link = v;
	level->link = &v->next;
	level->last = v;
	level->is_odd = !level->is_odd;
	return v;
}

/* Is what comes next the value of an item of a FETCH? */
static bool at_item(const struct imap_parser *p)
{
	return p->is_fetch && p->depth == 1 && p->levels[1].is_odd;
}

static bool add_text(struct imap_parser *p, enum imap_type type)
{
	struct imap_value *v = add_value(p, type);

	if (v == NULL)
		return false;
	v->text = imap_arena_text(&p->arena, p->lexer.text, p->lexer.size);
	v->size = p->lexer.size;
	return true;
}

static bool add_word(struct imap_parser *p)
{
	static const char nil[] = "NIL";
	const struct imap_value word = { .type = IMAP_ATOM,
					 .text = p->lexer.text,
					 .size = p->lexer.size };

	if (imap_value_is(&word, nil))
		return add_value(p, IMAP_NIL) != NULL;
	return add_text(p, IMAP_ATOM);
}

static bool open_list(struct imap_parser *p)
{
	struct imap_value *list;

	if (p->depth == IMAP_DEPTH_MAX)
		return dead(p, "parentheses that are too deep");
	list = add_value(p, IMAP_LIST);
	if (list == NULL)
		return false;
	if (p->is_fetch && p->depth == 0)
		p->items = list;
	p->depth++;
	p->levels[p->depth] = (struct level){ .link = &list->first };
	p->lexer.top = false;
	return true;
}

static bool close_list(struct imap_parser *p)
{
	if (p->depth == 0)
		return dead(p, "parentheses that do not match");
	p->depth--;
	p->lexer.top = p->depth == 0 && !p->is_fetch;
	return true;
}

/* The part of a FETCH whose name was the last value begins. */
static bool begin_part(struct imap_parser *p, const char *section,
		       size_t section_size, uint64_t size)
{
	struct imap_value *v = add_value(p, IMAP_PART);

	if (v == NULL)
		return false;
	v->size = (size_t)size;
	p->part_left = size;
	p->stage = STAGE_PART;
	if (p->sink.begin != NULL)
		p->sink.begin(p->sink.ctx, p->response.number, p->items,
			      imap_arena_text(&p->arena, section, section_size),
			      size);
	return true;
}

static void part_data(struct imap_parser *p, const char *data, size_t size)
{
	if (size > 0 && p->sink.data != NULL)
		p->sink.data(p->sink.ctx, data, size);
	p->part_left -= size;
}

static void end_part(struct imap_parser *p)
{
	p->stage = STAGE_VALUES;
	if (p->sink.end != NULL)
		p->sink.end(p->sink.ctx, true);
}

static bool next_is_part(const struct imap_parser *p, const char **section_r,
			 size_t *size_r)
{
	return at_item(p) &&
	       imap_part_section(p->levels[1].last, section_r, size_r);
}

static bool add_literal(struct imap_parser *p)
{
	const char *section;
	size_t size;

	if (next_is_part(p, &section, &size)) {
		if (p->lexer.literal > IMAP_PART_MAX)
			return dead(p, "a message part that is too large");
		return begin_part(p, section, size, p->lexer.literal);
	}
	if (!imap_lexer_literal(&p->lexer))
		return dead(p, "a literal that is too large");
	return true;
}

static bool add_string(struct imap_parser *p)
{
	const char *section;
	size_t size;

	if (!next_is_part(p, &section, &size))
		return add_text(p, IMAP_STRING);
	if (!begin_part(p, section, size, p->lexer.size))
		return false;
	part_data(p, p->lexer.text, p->lexer.size);
	end_part(p);
	return true;
}

static bool value_token(struct imap_parser *p, enum imap_token token)
{
	switch (token) {
	case IMAP_TOKEN_WORD:
		return add_word(p);
	case IMAP_TOKEN_STRING:
		return add_string(p);
	case IMAP_TOKEN_LITERAL:
		return add_literal(p);
	case IMAP_TOKEN_OPEN:
		return open_list(p);
	case IMAP_TOKEN_CLOSE:
		return close_list(p);
	case IMAP_TOKEN_CODE_END:
		p->stage = STAGE_TEXT;
		return true;
	case IMAP_TOKEN_MORE:
	case IMAP_TOKEN_BAD:
	case IMAP_TOKEN_CODE:
	case IMAP_TOKEN_TEXT:
	case IMAP_TOKEN_END:
		break;
	}
	return dead(p, "this is not IMAP");
}

static bool tag_word(struct imap_parser *p)
{
	const char *word = p->lexer.text;

	if (strcmp(word, "*") == 0) {
		p->response.kind = IMAP_UNTAGGED;
		p->stage = STAGE_FIRST;
	} else if (strcmp(word, "+") == 0) {
		p->response.kind = IMAP_CONTINUATION;
		p->stage = STAGE_RESP_TEXT;
	} else if (strpbrk(word, "*+%\"\\{") != NULL) {
		return dead(p, "this is not IMAP");
	} else {
		p->response.kind = IMAP_TAGGED;
		p->response.tag =
			imap_arena_text(&p->arena, word, p->lexer.size);
		p->stage = STAGE_STATUS;
	}
	return true;
}

static enum imap_status status_of(const char *word)
{
	static const char *const names[] = {
		[IMAP_STATUS_OK] = "OK",   [IMAP_STATUS_NO] = "NO",
		[IMAP_STATUS_BAD] = "BAD", [IMAP_STATUS_PREAUTH] = "PREAUTH",
		[IMAP_STATUS_BYE] = "BYE",
	};
	unsigned int i;

	for (i = IMAP_STATUS_OK; i <= IMAP_STATUS_BYE; i++) {
		if (strcmp(word, names[i]) == 0)
			return (enum imap_status)i;
	}
	return IMAP_STATUS_NONE;
}

/* The word after the tag, or after "*". */
static bool name_word(struct imap_parser *p)
{
	struct imap_response *r = &p->response;
	const struct imap_value word = { .type = IMAP_ATOM,
					 .text = p->lexer.text,
					 .size = p->lexer.size };

	if (p->stage == STAGE_FIRST && imap_value_number(&word, &r->number)) {
		r->has_number = true;
		p->stage = STAGE_NAME;
		return true;
	}
	r->name = capitals(p);
	if (!r->has_number)
		r->status = status_of(r->name);
	if (r->status != IMAP_STATUS_NONE) {
		r->name = NULL;
		p->stage = STAGE_RESP_TEXT;
		return true;
	}
	if (r->kind == IMAP_TAGGED)
		return dead(p, "this is not IMAP");
	p->is_fetch = r->has_number && strcmp(r->name, "FETCH") == 0;
	begin_values(p, STAGE_VALUES, &r->args);
	return true;
}

/* The name of a response code; if it is none, it is one of the values. */
static bool code_token(struct imap_parser *p, enum imap_token token)
{
	begin_values(p, STAGE_CODE_ARGS, &p->response.code_args);
	if (token != IMAP_TOKEN_WORD)
		return value_token(p, token);
	p->response.code = capitals(p);
	return true;
}

static bool text_token(struct imap_parser *p, enum imap_token token)
{
	if (token == IMAP_TOKEN_CODE) {
		p->stage = STAGE_CODE;
		return true;
	}
	p->response.text =
		imap_arena_text(&p->arena, p->lexer.text, p->lexer.size);
	return true;
}

static bool take_token(struct imap_parser *p, enum imap_token token)
{
	switch (p->stage) {
	case STAGE_TAG:
		return token == IMAP_TOKEN_WORD ? tag_word(p)
						: dead(p, "this is not IMAP");
	case STAGE_STATUS:
	case STAGE_FIRST:
	case STAGE_NAME:
		if (token == IMAP_TOKEN_WORD)
			return name_word(p);
		if (p->stage == STAGE_STATUS)
			return dead(p, "this is not IMAP");
		begin_values(p, STAGE_VALUES, &p->response.args);
		return value_token(p, token);
	case STAGE_VALUES:
	case STAGE_CODE_ARGS:
		return value_token(p, token);
	case STAGE_CODE:
		return code_token(p, token);
	case STAGE_RESP_TEXT:
	case STAGE_TEXT:
		return text_token(p, token);
	case STAGE_PART:
	case STAGE_DEAD:
		break;
	}
	return false;
}

/* How the lexer is to take what follows. */
static void set_mode(struct imap_parser *p)
{
	struct imap_lexer *lx = &p->lexer;

	switch (p->stage) {
	case STAGE_TAG:
		lx->mode = IMAP_LEX_TAG;
		break;
	case STAGE_RESP_TEXT:
		lx->mode = IMAP_LEX_RESP_TEXT;
		break;
	case STAGE_TEXT:
		lx->mode = IMAP_LEX_TEXT;
		break;
	case STAGE_CODE:
		lx->mode = IMAP_LEX_CODE;
		break;
	case STAGE_CODE_ARGS:
		lx->mode = p->depth == 0 ? IMAP_LEX_CODE : IMAP_LEX_VALUES;
		break;
	case STAGE_STATUS:
	case STAGE_FIRST:
	case STAGE_NAME:
	case STAGE_VALUES:
	case STAGE_PART:
	case STAGE_DEAD:
		lx->mode = IMAP_LEX_VALUES;
		break;
	}
	lx->section = p->is_fetch && p->depth == 1 && !p->levels[1].is_odd;
}

/* The line is over.  1: so is the response; 0: there was nothing in it. */
static int end_line(struct imap_parser *p)
{
	if (p->stage == STAGE_TAG) {
		reset(p);
		return 0;
	}
	if (p->stage == STAGE_STATUS) {
		(void)dead(p, "this is not IMAP");
		return -1;
	}
	if (p->is_fetch && p->depth > 0) {
		(void)dead(p, "parentheses that do not match");
		return -1;
	}
	return 1;
}

static int parse(struct imap_parser *p, const char **data, size_t *size)
{
	enum imap_token token;
	size_t n;
	int ret;

	for (;;) {
		if (p->stage == STAGE_PART) {
			n = *size < p->part_left ? *size : (size_t)p->part_left;
			part_data(p, *data, n);
			*data += n;
			*size -= n;
			if (p->part_left > 0)
				return 0;
			end_part(p);
		}
		if (p->lexer.state == IMAP_LEX_START)
			set_mode(p);
		token = imap_lexer_next(&p->lexer, data, size);
		if (token == IMAP_TOKEN_MORE)
			return 0;
		if (token == IMAP_TOKEN_BAD) {
			(void)dead(p, p->lexer.error);
			return -1;
		}
		if (token != IMAP_TOKEN_END) {
			if (!take_token(p, token))
				return -1;
			continue;
		}
		ret = end_line(p);
		if (ret != 0)
			return ret;
	}
}

int imap_parser_feed(struct imap_parser *p, const void *data, size_t size,
		     size_t *used_r, const struct imap_response **response_r)
{
	const char *at = data;
	size_t left = size;
	int ret = -1;

	if (p->is_complete)
		reset(p);
	if (p->stage != STAGE_DEAD)
		ret = parse(p, &at, &left);
	*used_r = size - left;
	p->is_complete = ret > 0;
	if (ret > 0)
		*response_r = &p->response;
	return ret;
}
