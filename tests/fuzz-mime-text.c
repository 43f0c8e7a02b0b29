/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Fuzzer of what decodes mail for the mount: whatever comes in, the text is
 * UTF-8 within its limit, the names of parts are harmless and all different,
 * and their sizes are what reading them gives.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/mime-text.h"
#include "fuse/part-name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOTE_MAX 200 /* octets of the line that says that a text was cut */

struct memory {
	const uint8_t *data;
	size_t size;
};

static int read_memory(void *context, uint64_t offset, void *buf, size_t size,
		       size_t *got_r)
{
	const struct memory *mem = context;

	if (offset > mem->size)
		offset = mem->size;
	if (size > mem->size - offset)
		size = mem->size - (size_t)offset;
	if (size > 0)
		memcpy(buf, mem->data + offset, size);
	*got_r = size;
	return 0;
}

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz-mime-text: %s\n", what);
	abort();
}

static void check_utf8(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text, *end = s + size;

	while (s < end) {
		unsigned int more = *s < 0x80   ? 0
				    : *s < 0xc2 ? 9
				    : *s < 0xe0 ? 1
				    : *s < 0xf0 ? 2
				    : *s < 0xf5 ? 3
						: 9;

		need(more != 9 && (size_t)(end - s) > more, "not UTF-8");
		need(*s >= 0x20 || *s == '\n' || *s == '\t', "a control");
		need(*s != 0x7f, "a control");
		for (s++; more > 0; more--)
			need((*s++ & 0xc0) == 0x80, "not UTF-8");
	}
}

static void check_name(const char *name)
{
	need(name[0] >= '1' && name[0] <= '9', "a name without a number");
	need(strlen(name) <= IFS_NAME_MAX, "a name that is too long");
	need(strchr(name, '/') == NULL, "a name with a slash");
	need(strchr(name, '\n') == NULL, "a name with a line end");
	check_utf8(name, strlen(name));
}

static void check_size(const struct ifs_mime_input *input,
		       const struct ifs_mime_part *part)
{
	struct ifs_mime_reader *reader = sqb_xmalloc(sizeof(*reader));
	char *out = sqb_xmalloc(IFS_MIME_BLOCK + IFS_MIME_DECODE_SLACK);
	uint64_t size, total = 0;
	size_t got = 1;

	need(ifs_mime_part_size(input, part, &size) == 0, "no size");
	ifs_mime_reader_init(reader, part);
	while (got > 0) {
		need(ifs_mime_reader_next(reader, input, out, &got) == 0,
		     "no data");
		total += got;
	}
	need(total == size, "a size that is wrong");
	free(out);
	free(reader);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_parts(const struct ifs_mime_input *input, uint64_t mail_size)
{
	struct ifs_mime_tree *tree;
	char name[IFS_NAME_MAX + 1], **names;
	uint32_t i, count = 0;

	need(ifs_mime_tree_parse(input, &tree) == 0, "no tree");
	need(tree->count >= 1 && tree->count <= IFS_MIME_PARTS_MAX, "count");
	names = sqb_xcalloc(tree->count, sizeof(*names));
	for (i = 0; i < tree->count; i++) {
		const struct ifs_mime_part *part = &tree->parts[i];

		need(part->header <= part->body && part->body <= part->end &&
			     part->end <= mail_size,
		     "a part that is not in the mail");
		if (!ifs_mime_is_file(part))
			continue;
		ifs_part_name(tree, i, name);
		check_name(name);
		check_size(input, part);
		names[count++] = sqb_xstrdup(name);
	}
	qsort(names, count, sizeof(*names), compare);
	for (i = 0; i < count; i++) {
		need(i == 0 || strcmp(names[i - 1], names[i]) != 0,
		     "two files of one name");
		if (i > 0)
			free(names[i - 1]);
	}
	if (count > 0)
		free(names[count - 1]);
	free(names);
	ifs_mime_tree_free(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory mem = { data, size };
	struct ifs_mime_input input = { read_memory, &mem };
	size_t text_size;
	char *text;

	need(ifs_mime_text(&input, &text, &text_size) == 0, "no text");
	need(text_size <= IFS_MIME_TEXT_MAX + NOTE_MAX, "too long a text");
	check_utf8(text, text_size);
	free(text);
	check_parts(&input, size);
	return 0;
}
