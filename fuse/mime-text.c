/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/mime-text.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/charset.h"
#include "fuse/html-text.h"
#include "fuse/part-name.h"

/* The headers that are shown, in this order. */
static const char *const shown[] = {
	"From",    "Sender",   "Reply-To", "To",           "Cc",
	"Bcc",     "Subject",  "Date",     "Organization", "Message-ID",
	"List-Id", "Keywords", "Comments",
};
#define SAME_MAX 20 /* of one that is there more than once */

struct render {
	const struct ifs_mime_input *input;
	const struct ifs_mime_tree *tree;
	struct ifs_text_out out;
	int error;
};

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_text(const struct ifs_mime_part *part)
{
	return part->kind == IFS_MIME_LEAF && has_prefix(part->type, "text/");
}

bool ifs_mime_is_file(const struct ifs_mime_part *part)
{
	switch (part->kind) {
	case IFS_MIME_LEAF:
		return part->attachment || part->name != NULL || !is_text(part);
	case IFS_MIME_MULTIPART:
		return false;
	case IFS_MIME_MESSAGE:
		return part->parent != IFS_MIME_NO_PARENT;
	}
	return false;
}

void ifs_mime_reader_init(struct ifs_mime_reader *reader,
			  const struct ifs_mime_part *part)
{
	reader->at = part->body;
	reader->end = part->end;
	ifs_mime_decoder_init(&reader->decoder, part->kind == IFS_MIME_LEAF
							? part->encoding
							: IFS_MIME_IDENTITY);
}

int ifs_mime_reader_next(struct ifs_mime_reader *reader,
			 const struct ifs_mime_input *input,
			 char out[IFS_MIME_BLOCK + IFS_MIME_DECODE_SLACK],
			 size_t *size_r)
{
	size_t want, got = 0;
	int error;

	*size_r = 0;
	/* A block may decode to nothing. */
	while (*size_r == 0 && reader->at < reader->end) {
		want = sizeof(reader->in);
		if (want > reader->end - reader->at)
			want = (size_t)(reader->end - reader->at);
		error = input->read(input->context, reader->at, reader->in,
				    want, &got);
		if (error != 0)
			return error;
		if (got == 0)
			break;
		reader->at += got;
		*size_r =
			ifs_mime_decode(&reader->decoder, reader->in, got, out);
	}
	if (*size_r == 0)
		*size_r = ifs_mime_decode_end(&reader->decoder, out);
	return 0;
}

int ifs_mime_part_size(const struct ifs_mime_input *input,
		       const struct ifs_mime_part *part, uint64_t *size_r)
{
	struct ifs_mime_reader *reader;
	char *out;
	size_t size = 1;
	int error = 0;

	*size_r = part->end - part->body;
	if (part->kind != IFS_MIME_LEAF || part->encoding == IFS_MIME_IDENTITY)
		return 0;
	reader = sqb_xmalloc(sizeof(*reader));
	out = sqb_xmalloc(IFS_MIME_BLOCK + IFS_MIME_DECODE_SLACK);
	*size_r = 0;
	ifs_mime_reader_init(reader, part);
	while (error == 0 && size > 0) {
		error = ifs_mime_reader_next(reader, input, out, &size);
		*size_r += size;
	}
	free(reader);
	free(out);
	return error;
}

/* The header of a mail, as far as looked at, to free(); NULL: see error. */
static char *read_header(struct render *r, const struct ifs_mime_part *part)
{
	char *header = sqb_xmalloc((size_t)part->header_size + 1);
	size_t got = 0;

	r->error = r->input->read(r->input->context, part->header, header,
				  (size_t)part->header_size, &got);
	if (r->error == 0 && got == part->header_size)
		return header;
	free(header);
	return NULL;
}

static void put_field(struct render *r, const char *header, size_t size,
		      const char *name)
{
	size_t at = 0;
	unsigned int count;
	char *value, *decoded, *p;

	for (count = 0; count < SAME_MAX; count++) {
		value = ifs_mime_field(header, size, name, &at);
		if (value == NULL)
			return;
		decoded = ifs_mime_header_decode(value);
		for (p = decoded; *p != '\0'; p++) {
			if (*p == '\n' || *p == '\t')
				*p = ' ';
		}
		ifs_text_out_string(&r->out, name);
		ifs_text_out_string(&r->out, ": ");
		ifs_text_out_string(&r->out, decoded);
		ifs_text_out_newline(&r->out);
		free(decoded);
		free(value);
	}
}

static void put_headers(struct render *r, const struct ifs_mime_part *part)
{
	char *header = read_header(r, part);
	size_t i;

	if (header == NULL)
		return;
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		put_field(r, header, (size_t)part->header_size, shown[i]);
	ifs_text_out_string(&r->out, "\n");
	free(header);
}

/* Behind what was shown before, with an empty line between. */
static void put_gap(struct render *r)
{
	struct ifs_text_out *out = &r->out;

	ifs_text_out_newline(out);
	if (out->size >= 2 && out->data[out->size - 2] != '\n')
		ifs_text_out_string(out, "\n");
}

/* HTML is put together in pieces: mid is UTF-8 that is emptied each time. */
struct text_sink {
	struct ifs_charset *charset;
	struct ifs_text_out *out, mid;
	struct ifs_html html;
	bool is_html;
};

static void pass_html(struct text_sink *sink)
{
	if (!sink->is_html)
		return;
	ifs_html_put(&sink->html, sink->mid.data, sink->mid.size, sink->out);
	sink->mid.size = 0;
}

static void put_leaf_data(struct render *r, const struct ifs_mime_part *part,
			  struct text_sink *sink)
{
	struct ifs_text_out *to = sink->is_html ? &sink->mid : sink->out;
	struct ifs_mime_reader *reader = sqb_xmalloc(sizeof(*reader));
	char *block = sqb_xmalloc(IFS_MIME_BLOCK + IFS_MIME_DECODE_SLACK);
	size_t size = 1;

	ifs_mime_reader_init(reader, part);
	while (size > 0 && !r->out.full && r->error == 0) {
		r->error = ifs_mime_reader_next(reader, r->input, block, &size);
		ifs_charset_put(sink->charset, block, size, to);
		pass_html(sink);
	}
	ifs_charset_end(sink->charset, to);
	pass_html(sink);
	free(block);
	free(reader);
}

static void put_leaf(struct render *r, const struct ifs_mime_part *part)
{
	struct text_sink sink = { .out = &r->out };

	sink.is_html = strcmp(part->type, "text/html") == 0;
	sink.charset = ifs_charset_new(part->charset);
	ifs_text_out_init(&sink.mid, SIZE_MAX);
	ifs_html_init(&sink.html);
	put_leaf_data(r, part, &sink);
	if (sink.is_html)
		ifs_html_end(&sink.html, &r->out);
	ifs_text_out_newline(&r->out);
	ifs_charset_free(&sink.charset);
	ifs_text_out_deinit(&sink.mid);
}

static bool is_shown(const struct ifs_mime_part *part)
{
	return is_text(part) && !part->attachment;
}

/* The child of part that comes at or after index i; count: there is none. */
static uint32_t next_child(const struct ifs_mime_tree *tree, uint32_t part,
			   uint32_t i)
{
	while (i < tree->count && tree->parts[i].parent != part)
		i++;
	return i;
}

static bool is_blank(const struct ifs_text_out *out, size_t from)
{
	for (; from < out->size; from++) {
		if (strchr(" \t\n", out->data[from]) == NULL)
			return false;
	}
	return true;
}

static void put_part(struct render *r, uint32_t part);

/* The plain one, if it says anything; else the last, which is the richest. */
static void put_alternative(struct render *r, uint32_t part)
{
	const struct ifs_mime_tree *tree = r->tree;
	uint32_t i, last = tree->count;
	size_t from = r->out.size;

	for (i = next_child(tree, part, part + 1); i < tree->count;
	     i = next_child(tree, part, i + 1)) {
		const struct ifs_mime_part *child = &tree->parts[i];

		if (is_shown(child) && strcmp(child->type, "text/plain") == 0) {
			put_part(r, i);
			if (!is_blank(&r->out, from))
				return;
			r->out.size = from;
		} else if (is_shown(child) || child->kind != IFS_MIME_LEAF) {
			if (last == tree->count ||
			    strcmp(child->type, "text/calendar") != 0)
				last = i;
		}
	}
	if (last < tree->count)
		put_part(r, last);
}

static void put_children(struct render *r, uint32_t part)
{
	uint32_t i = part + 1;

	while ((i = next_child(r->tree, part, i)) < r->tree->count)
		put_part(r, i++);
}

static void put_part(struct render *r, uint32_t part)
{
	const struct ifs_mime_part *p = &r->tree->parts[part];

	if (r->out.full || r->error != 0)
		return;
	switch (p->kind) {
	case IFS_MIME_LEAF:
		if (is_shown(p)) {
			put_gap(r);
			put_leaf(r, p);
		}
		break;
	case IFS_MIME_MULTIPART:
		if (strcmp(p->type, "multipart/alternative") == 0)
			put_alternative(r, part);
		else
			put_children(r, part);
		break;
	case IFS_MIME_MESSAGE:
		put_gap(r);
		put_headers(r, p + 1);
		put_part(r, part + 1);
		break;
	}
}

static void put_files(struct render *r)
{
	char name[IFS_NAME_MAX + 1];
	bool any = false;
	uint32_t i;

	for (i = 0; i < r->tree->count && !r->out.full; i++) {
		if (!ifs_mime_is_file(&r->tree->parts[i]))
			continue;
		if (!any) {
			put_gap(r);
			ifs_text_out_string(&r->out, "Attachments:\n");
		}
		any = true;
		ifs_part_name(r->tree, i, name);
		ifs_text_out_string(&r->out, name);
		ifs_text_out_string(&r->out, "  ");
		ifs_text_out_string(&r->out, r->tree->parts[i].type);
		ifs_text_out_newline(&r->out);
	}
}

static void put_end(struct render *r)
{
	bool full = r->out.full;

	if (!full && !r->tree->cut)
		return;
	r->out.full = false;
	r->out.limit = SIZE_MAX;
	put_gap(r);
	ifs_text_out_string(&r->out,
			    full ? "[The text is longer; it was cut here.]\n"
				 : "[The mail has more parts, or deeper ones, "
				   "than are looked at.]\n");
}

int ifs_mime_text(const struct ifs_mime_input *input, char **text_r,
		  size_t *size_r)
{
	struct render r = { .input = input };
	struct ifs_mime_tree *tree;
	int error = ifs_mime_tree_parse(input, &tree);

	if (error != 0)
		return error;
	r.tree = tree;
	ifs_text_out_init(&r.out, IFS_MIME_TEXT_MAX);
	put_headers(&r, &tree->parts[0]);
	put_part(&r, 0);
	put_files(&r);
	put_end(&r);
	ifs_mime_tree_free(&tree);
	if (r.error != 0) {
		ifs_text_out_deinit(&r.out);
		return r.error;
	}
	*text_r = r.out.data == NULL ? sqb_xstrdup("") : r.out.data;
	*size_r = r.out.size;
	return 0;
}
