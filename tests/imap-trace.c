/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/imap-trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/response.h"

static void put_octets(FILE *out, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (text[i] < ' ' || text[i] > '~')
			fprintf(out, "\\%02x", (unsigned char)text[i]);
		else
			(void)fputc(text[i], out);
	}
}

static void put_value(FILE *out, const struct imap_value *v);

static void put_list(FILE *out, const struct imap_value *first)
{
	const struct imap_value *v;

	for (v = first; v != NULL; v = v->next) {
		if (v != first)
			(void)fputc(' ', out);
		put_value(out, v);
	}
}

/* Not deeper than IMAP_DEPTH_MAX. */
static void put_value(FILE *out, const struct imap_value *v)
{
	switch (v->type) {
	case IMAP_ATOM:
		put_octets(out, v->text, v->size);
		break;
	case IMAP_STRING:
		(void)fputc('"', out);
		put_octets(out, v->text, v->size);
		(void)fputc('"', out);
		break;
	case IMAP_NIL:
		fprintf(out, "NIL");
		break;
	case IMAP_LIST:
		(void)fputc('(', out);
		put_list(out, v->first);
		(void)fputc(')', out);
		break;
	case IMAP_PART:
		fprintf(out, "<%zu>", v->size);
		break;
	}
}

static void put_response(FILE *out, const struct imap_response *response)
{
	static const char *const statuses[] = { "",     " OK",      " NO",
						" BAD", " PREAUTH", " BYE" };

	if (response->kind == IMAP_TAGGED)
		put_octets(out, response->tag, strlen(response->tag));
	else
		(void)fputc(response->kind == IMAP_UNTAGGED ? '*' : '+', out);
	fprintf(out, "%s", statuses[response->status]);
	if (response->has_number)
		fprintf(out, " #%u", response->number);
	if (response->name != NULL) {
		(void)fputc(' ', out);
		put_octets(out, response->name, strlen(response->name));
	}
	if (response->code != NULL || response->code_args != NULL) {
		fprintf(out, " [%s",
			response->code == NULL ? "" : response->code);
		if (response->code_args != NULL)
			(void)fputc(' ', out);
		put_list(out, response->code_args);
		(void)fputc(']', out);
	}
	if (response->args != NULL)
		(void)fputc(' ', out);
	put_list(out, response->args);
	if (response->text[0] != '\0') {
		fprintf(out, " '");
		put_octets(out, response->text, strlen(response->text));
		(void)fputc('\'', out);
	}
	(void)fputc('\n', out);
}

static void begin_part(void *ctx, uint32_t seq, const struct imap_value *fetch,
		       const char *section, uint64_t size)
{
	FILE *out = ctx;

	fprintf(out, "part %u [", seq);
	put_octets(out, section, strlen(section));
	fprintf(out, "] of %" PRIu64 " of ", size);
	put_value(out, fetch);
	fprintf(out, ": ");
}

static void part_data(void *ctx, const void *data, size_t size)
{
	put_octets(ctx, data, size);
}

static void end_part(void *ctx, bool complete)
{
	fprintf(ctx, " %s\n", complete ? "end" : "cut");
}

/* One piece; false: no more can be fed. */
static bool feed(struct imap_parser *parser, FILE *out, const char *data,
		 size_t size)
{
	const struct imap_response *response = NULL;
	size_t used;
	int ret;

	do {
		ret = imap_parser_feed(parser, data, size, &used, &response);
		if (used > size || (ret == 0 && used != size))
			abort();
		data += used;
		size -= used;
		if (ret > 0)
			put_response(out, response);
	} while (ret > 0 && size > 0);
	if (ret < 0)
		fprintf(out, "! %s\n", imap_parser_error(parser));
	return ret >= 0;
}

char *t_imap_trace(const void *data, size_t size, size_t first, size_t step)
{
	const char *from = data;
	struct imap_parser *parser;
	struct imap_sink sink = { begin_part, part_data, end_part, NULL };
	size_t at = 0, n = first, text_size = 0;
	char *text = NULL, *copy;
	bool good = true;
	FILE *out;

	out = open_memstream(&text, &text_size);
	if (out == NULL)
		abort();
	sink.ctx = out;
	parser = imap_parser_new(&sink);
	while (good && at < size) {
		if (n > size - at)
			n = size - at;
		/* So that a sanitizer sees what is read behind a piece. */
		copy = sqb_xmemdup(from + at, n);
		good = feed(parser, out, copy, n);
		free(copy);
		at += n;
		n = step;
	}
	imap_parser_cut(parser);
	imap_parser_free(&parser);
	(void)fclose(out);
	return text;
}
