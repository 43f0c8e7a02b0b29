/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/mime-tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

#define BLOCK 65536
#define LINE_HEAD 1024 /* octets of a line that are looked at */

/* A line, and what is left of it in the block when it is longer. */
struct line {
	uint64_t start, end; /* end: behind its line end */
	size_t size;         /* of head; without the line end */
	size_t end_size;     /* octets of the line end: 0 to 2 */
	char head[LINE_HEAD];
};

enum state {
	STATE_HEADER,
	STATE_BODY, /* or what is before, between and behind parts */
};

/* A multipart that is open. */
struct level {
	uint32_t part;
	uint32_t children;
	bool digest;
	size_t size; /* of its boundary */
	char boundary[IFS_MIME_BOUNDARY_MAX * 2];
};

struct parser {
	const struct ifs_mime_input *input;
	uint64_t offset; /* of the block */
	size_t used, len;
	bool at_end;
	int error;
	char block[BLOCK];

	struct ifs_mime_tree *tree;
	size_t alloc;
	enum state state;
	uint32_t current;      /* the part that the next line is in */
	uint64_t last_end;     /* where the line before ended, */
	uint64_t last_content; /* without its line end */
	struct level levels[IFS_MIME_DEPTH_MAX];
	unsigned int depth;  /* of levels */
	unsigned int nested; /* message parts around */
	char *header;        /* own; of the current part */
	size_t header_size, header_alloc;
};

static bool fill(struct parser *p)
{
	if (p->used < p->len)
		return true;
	if (p->at_end || p->error != 0)
		return false;
	p->offset += p->len;
	p->used = 0;
	p->len = 0;
	p->error = p->input->read(p->input->context, p->offset, p->block,
				  sizeof(p->block), &p->len);
	p->at_end = p->len < sizeof(p->block);
	return p->error == 0 && p->len > 0;
}

static void keep_header(struct parser *p, const char *data, size_t size)
{
	if (p->state != STATE_HEADER)
		return;
	if (size > IFS_MIME_HEADER_MAX - p->header_size)
		size = IFS_MIME_HEADER_MAX - p->header_size;
	while (p->header_alloc < p->header_size + size) {
		p->header_alloc =
			p->header_alloc == 0 ? 4096 : p->header_alloc * 2;
		p->header = sqb_xrealloc(p->header, p->header_alloc);
	}
	if (size > 0)
		memcpy(p->header + p->header_size, data, size);
	p->header_size += size;
}

/* The next line; false: the end, or an error. */
static bool next_line(struct parser *p, struct line *line)
{
	const char *from, *nl = NULL;
	char last = '\0';
	size_t size, room;

	line->size = 0;
	line->end_size = 0;
	if (!fill(p))
		return false;
	line->start = p->offset + p->used;
	while (nl == NULL && fill(p)) {
		from = p->block + p->used;
		nl = memchr(from, '\n', p->len - p->used);
		size = nl == NULL ? p->len - p->used : (size_t)(nl - from) + 1;
		room = LINE_HEAD - line->size;
		if (nl != NULL) {
			line->end_size = 1;
			if (size > 1)
				last = nl[-1];
		} else {
			last = from[size - 1];
		}
		room = size < room ? size : room;
		memcpy(line->head + line->size, from, room);
		line->size += room;
		keep_header(p, from, size);
		p->used += size;
	}
	line->end = p->offset + p->used;
	if (nl != NULL && last == '\r')
		line->end_size = 2;
	if (line->end - line->start - line->end_size < line->size)
		line->size = (size_t)(line->end - line->start) - line->end_size;
	return p->error == 0;
}

/* Take back what keep_header() has kept of a line. */
static void drop_header(struct parser *p, const struct line *line)
{
	uint64_t header = p->tree->parts[p->current].header;
	uint64_t kept = line->start > header ? line->start - header : 0;

	if (kept < p->header_size)
		p->header_size = (size_t)kept;
}

static struct ifs_mime_part *begin_part(struct parser *p, uint32_t parent,
					uint32_t place, uint64_t start)
{
	struct ifs_mime_tree *tree = p->tree;
	struct ifs_mime_part *part;

	tree->parts = sqb_xgrow(tree->parts, tree->count, &p->alloc,
				sizeof(*tree->parts));
	part = &tree->parts[tree->count];
	memset(part, 0, sizeof(*part));
	part->parent = parent;
	part->place = place;
	part->header = start;
	part->body = start;
	part->end = start;
	p->current = tree->count++;
	p->state = STATE_HEADER;
	p->header_size = 0;
	return part;
}

char *ifs_mime_field(const char *header, size_t size, const char *name,
		     size_t *at)
{
	size_t len = strlen(name), i = *at, start, end;
	char *value;

	while (i < size) {
		const char *nl = memchr(header + i, '\n', size - i);

		start = i;
		end = nl == NULL ? size : (size_t)(nl - header) + 1;
		/* With the lines that go on with it. */
		while (end < size &&
		       (header[end] == ' ' || header[end] == '\t')) {
			nl = memchr(header + end, '\n', size - end);
			end = nl == NULL ? size : (size_t)(nl - header) + 1;
		}
		i = end;
		if (end - start <= len || header[start + len] != ':' ||
		    strncasecmp(header + start, name, len) != 0)
			continue;
		*at = end;
		start += len + 1;
		while (start < end && strchr(" \t\r\n", header[start]) != NULL)
			start++;
		if (end - start > IFS_MIME_FIELD_MAX)
			end = start + IFS_MIME_FIELD_MAX;
		value = sqb_xmalloc(end - start + 1);
		for (len = 0; start < end; start++) {
			if (header[start] != '\0' && header[start] != '\r' &&
			    header[start] != '\n')
				value[len++] = header[start];
		}
		while (len > 0 &&
		       (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		value[len] = '\0';
		return value;
	}
	*at = size;
	return NULL;
}

static char *first_field(const struct parser *p, const char *name)
{
	size_t at = 0;

	return ifs_mime_field(p->header, p->header_size, name, &at);
}

static bool in_digest(const struct parser *p, const struct ifs_mime_part *part)
{
	return p->depth > 0 && p->levels[p->depth - 1].digest &&
	       p->levels[p->depth - 1].part == part->parent;
}

static void read_fields(struct parser *p, struct ifs_mime_part *part,
			char **boundary_r)
{
	char *value = first_field(p, "Content-Type"), *name = NULL;
	struct ifs_mime_type type = { 0 };

	if (value != NULL)
		ifs_mime_type_parse(value, &type);
	else
		(void)snprintf(type.type, sizeof(type.type), "%s",
			       in_digest(p, part) ? "message/rfc822"
						  : "text/plain");
	free(value);
	memcpy(part->type, type.type, sizeof(part->type));
	memcpy(part->charset, type.charset, sizeof(part->charset));
	value = first_field(p, "Content-Transfer-Encoding");
	if (value != NULL)
		part->encoding = ifs_mime_encoding_parse(value);
	free(value);
	value = first_field(p, "Content-Disposition");
	if (value != NULL)
		ifs_mime_disposition_parse(value, &part->attachment, &name);
	free(value);
	part->name = name != NULL ? name : type.name;
	*boundary_r = type.boundary;
	type.boundary = NULL;
	if (name == NULL)
		type.name = NULL;
	ifs_mime_type_free(&type);
}

static void open_multipart(struct parser *p, struct ifs_mime_part *part,
			   const char *boundary)
{
	struct level *level = &p->levels[p->depth++];

	part->kind = IFS_MIME_MULTIPART;
	level->part = p->current;
	level->children = 0;
	level->digest = strcmp(part->type, "multipart/digest") == 0;
	level->size = strlen(boundary);
	if (level->size > sizeof(level->boundary))
		level->size = sizeof(level->boundary);
	memcpy(level->boundary, boundary, level->size);
}

/* The header of the current part has ended; its body begins there. */
static void end_header(struct parser *p, uint64_t body)
{
	struct ifs_mime_part *part = &p->tree->parts[p->current];
	char *boundary = NULL;
	bool deep = p->depth + p->nested >= IFS_MIME_DEPTH_MAX;

	p->state = STATE_BODY;
	part->header_size = p->header_size;
	part->body = body;
	read_fields(p, part, &boundary);
	if (strncmp(part->type, "multipart/", 10) == 0) {
		p->tree->cut |= deep;
		if (deep || boundary == NULL)
			(void)snprintf(part->type, sizeof(part->type),
				       "text/plain");
		else
			open_multipart(p, part, boundary);
	} else if (strcmp(part->type, "message/rfc822") == 0 &&
		   part->encoding == IFS_MIME_IDENTITY) {
		if (deep || p->tree->count >= IFS_MIME_PARTS_MAX) {
			p->tree->cut = true;
		} else {
			part->kind = IFS_MIME_MESSAGE;
			p->nested++;
			(void)begin_part(p, p->current, 1, body);
		}
	}
	free(boundary);
}

/* The same where no header can follow: a message in it has none. */
static void end_headers(struct parser *p, uint64_t body)
{
	while (p->state == STATE_HEADER)
		end_header(p, body);
}

/* Which level's boundary is a line?  False: none's. */
static bool find_boundary(const struct parser *p, const struct line *line,
			  unsigned int *level_r, bool *last_r)
{
	const char *rest = line->head + 2;
	size_t size = line->size - 2;
	unsigned int i;

	if (line->size < 2 || line->head[0] != '-' || line->head[1] != '-')
		return false;
	while (size > 0 && (rest[size - 1] == ' ' || rest[size - 1] == '\t'))
		size--;
	for (i = p->depth; i-- > 0;) {
		const struct level *level = &p->levels[i];

		if (size < level->size ||
		    memcmp(rest, level->boundary, level->size) != 0)
			continue;
		*last_r = size == level->size + 2 &&
			  memcmp(rest + level->size, "--", 2) == 0;
		if (size != level->size && !*last_r)
			continue;
		*level_r = i;
		return true;
	}
	return false;
}

/* All parts around the next line end here, but for those around keep. */
static void end_parts(struct parser *p, uint32_t keep, uint64_t end)
{
	uint32_t i = p->current;

	while (i != keep && i != IFS_MIME_NO_PARENT) {
		struct ifs_mime_part *part = &p->tree->parts[i];

		part->end = end > part->body ? end : part->body;
		if (part->kind == IFS_MIME_MESSAGE)
			p->nested--;
		i = part->parent;
	}
	p->current = keep;
}

/* False: the limit of parts has been reached. */
static bool pass_boundary(struct parser *p, const struct line *line,
			  unsigned int number, bool last)
{
	struct level *level = &p->levels[number];

	if (p->state == STATE_HEADER) {
		drop_header(p, line);
		end_headers(p, line->start);
	}
	end_parts(p, level->part, p->last_content);
	p->depth = number + 1;
	if (last) {
		p->depth = number;
		return true;
	}
	if (p->tree->count >= IFS_MIME_PARTS_MAX) {
		p->tree->cut = true;
		return false;
	}
	(void)begin_part(p, level->part, ++level->children, line->end);
	return true;
}

static bool is_field(const struct line *line, bool first)
{
	const char *colon;

	if (line->head[0] == ' ' || line->head[0] == '\t')
		return true;
	if (first && line->size >= 5 &&
	    (memcmp(line->head, "From ", 5) == 0 ||
	     memcmp(line->head, ">From", 5) == 0))
		return true;
	colon = memchr(line->head, ':', line->size);
	return colon != NULL && colon != line->head &&
	       memchr(line->head, ' ', (size_t)(colon - line->head)) == NULL;
}

static void pass_header_line(struct parser *p, const struct line *line)
{
	const struct ifs_mime_part *part = &p->tree->parts[p->current];

	if (line->size == 0) {
		end_header(p, line->end);
	} else if (!is_field(line, line->start == part->header)) {
		drop_header(p, line);
		end_headers(p, line->start);
	}
}

static void parse(struct parser *p)
{
	unsigned int level;
	struct line line;
	bool last;

	(void)begin_part(p, IFS_MIME_NO_PARENT, 1, 0);
	while (next_line(p, &line)) {
		if (find_boundary(p, &line, &level, &last)) {
			if (!pass_boundary(p, &line, level, last))
				break;
		} else if (p->state == STATE_HEADER) {
			pass_header_line(p, &line);
		}
		p->last_end = line.end;
		p->last_content = line.end - line.end_size;
	}
	if (p->state == STATE_HEADER)
		end_headers(p, p->last_end);
}

int ifs_mime_tree_parse(const struct ifs_mime_input *input,
			struct ifs_mime_tree **tree_r)
{
	struct parser *p = sqb_xcalloc(1, sizeof(*p));
	int error;

	ifs_mime_init();
	p->input = input;
	p->tree = sqb_xcalloc(1, sizeof(*p->tree));
	parse(p);
	end_parts(p, IFS_MIME_NO_PARENT, p->last_end);
	error = p->error;
	if (error == 0)
		*tree_r = p->tree;
	else
		ifs_mime_tree_free(&p->tree);
	free(p->header);
	free(p);
	return error;
}

void ifs_mime_tree_free(struct ifs_mime_tree **tree_p)
{
	struct ifs_mime_tree *tree = *tree_p;
	uint32_t i;

	if (tree == NULL)
		return;
	*tree_p = NULL;
	for (i = 0; i < tree->count; i++)
		free(tree->parts[i].name);
	free(tree->parts);
	free(tree);
}

/* Multiparts that are a mail, or all of one, have no number of their own. */
static bool is_whole(const struct ifs_mime_tree *tree, uint32_t part)
{
	uint32_t parent = tree->parts[part].parent;

	return parent == IFS_MIME_NO_PARENT ||
	       tree->parts[parent].kind == IFS_MIME_MESSAGE;
}

void ifs_mime_number(const struct ifs_mime_tree *tree, uint32_t part,
		     char number_r[IFS_MIME_NUMBER_MAX])
{
	char number[IFS_MIME_NUMBER_MAX], digits[16];
	size_t at = sizeof(number) - 1, len;

	number[at] = '\0';
	while (part != IFS_MIME_NO_PARENT) {
		const struct ifs_mime_part *p = &tree->parts[part];

		if (!is_whole(tree, part) || p->kind != IFS_MIME_MULTIPART) {
			(void)snprintf(digits, sizeof(digits), "%s%u",
				       p->parent == IFS_MIME_NO_PARENT ? ""
								       : ".",
				       is_whole(tree, part) ? 1 : p->place);
			len = strlen(digits);
			if (len > at)
				break;
			at -= len;
			memcpy(number + at, digits, len);
		}
		part = p->parent;
	}
	/* A dot is in front where all around has no number. */
	if (number[at] == '.')
		at++;
	memcpy(number_r, number + at, sizeof(number) - at);
}
