/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Tagged responses, kept until somebody asks for them.
 */
#include <string.h>

#include "common/mem.h"
#include "fuse/imap/client-private.h"

/* One piece of memory: this, then values, then texts. */
struct imap_answer {
	struct imap_response response;
	struct imap_value values[];
};

struct room {
	struct imap_value *value;
	char *text;
};

static void measure(const struct imap_value *v, size_t *values, size_t *octets)
{
	for (; v != NULL; v = v->next) {
		++*values;
		if (v->text != NULL)
			*octets += v->size + 1;
		measure(v->first, values, octets);
	}
}

static const char *copy_text(struct room *room, const char *text, size_t size)
{
	char *copy = room->text;

	if (text == NULL)
		return NULL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	room->text += size + 1;
	return copy;
}

static const char *copy_string(struct room *room, const char *text)
{
	return text == NULL ? NULL : copy_text(room, text, strlen(text));
}

static const struct imap_value *copy_values(struct room *room,
					    const struct imap_value *v)
{
	const struct imap_value *first = NULL;
	const struct imap_value **link = &first;

	for (; v != NULL; v = v->next) {
		struct imap_value *copy = room->value++;

		*copy = *v;
		copy->text = copy_text(room, v->text, v->size);
		copy->first = copy_values(room, v->first);
		copy->next = NULL;
		*link = copy;
		link = &copy->next;
	}
	return first;
}

static size_t string_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

struct imap_answer *imap_answer_copy(const struct imap_response *response)
{
	size_t values = 0;
	size_t octets = string_size(response->tag) +
			string_size(response->code) +
			string_size(response->text);
	struct imap_answer *a;
	struct room room;

	measure(response->code_args, &values, &octets);
	a = sqb_xmalloc(sizeof(*a) + values * sizeof(*a->values) + octets);
	room = (struct room){ a->values, (char *)(a->values + values) };
	a->response = *response;
	a->response.tag = copy_string(&room, response->tag);
	a->response.code = copy_string(&room, response->code);
	a->response.text = copy_string(&room, response->text);
	a->response.code_args = copy_values(&room, response->code_args);
	a->response.name = NULL;
	a->response.args = NULL;
	return a;
}

const struct imap_response *imap_answer_response(const struct imap_answer *a)
{
	return &a->response;
}
