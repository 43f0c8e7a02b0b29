/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Fuzzer of what a server sends: it is the same wherever it is cut, what it
 * says can be asked, and each name has a path from which it comes back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuse/imap/data.h"
#include "fuse/imap/mailbox-name.h"
#include "tests/imap-trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz-imap-response: %s\n", what);
	abort();
}

static void check_cuts(const uint8_t *data, size_t size)
{
	static const size_t steps[] = { 1, 2, 7, 64 };
	char *whole = t_imap_trace(data, size, size, size), *cut;
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		cut = t_imap_trace(data, size, size / (i + 2), steps[i]);
		need(strcmp(whole, cut) == 0, "a cut that makes a difference");
		free(cut);
	}
	free(whole);
}

static void check_set(struct imap_uidset set)
{
	uint32_t lo, hi;

	while (imap_uidset_next(&set, &lo, &hi))
		need(lo > 0 && lo <= hi, "a set that is none");
}

static void check_name(const struct imap_list *list, bool utf8)
{
	const char *why = NULL;
	size_t size = 0, i;
	char *path, *name;

	path = imap_name_to_path(list->name, list->name_size, list->delimiter,
				 utf8, &why);
	if (path == NULL) {
		need(why != NULL, "no path, and no reason");
		return;
	}
	name = imap_path_to_name(path, list->delimiter, utf8, &size, &why);
	need(name != NULL && size == list->name_size, "another name");
	for (i = 0; i < size; i++) {
		/* INBOX comes back in capitals. */
		need(name[i] == list->name[i] ||
			     (i < 5 && strncasecmp(name, "INBOX", 5) == 0 &&
			      strncasecmp(list->name, "INBOX", 5) == 0),
		     "another name");
	}
	free(name);
	free(path);
}

static void check_response(const struct imap_response *response)
{
	struct imap_uidset set, other;
	struct imap_status_data status;
	struct imap_fetch fetch;
	struct imap_list list;
	uint32_t n, uid;
	bool earlier;

	if (imap_fetch_get(response, &fetch))
		need(fetch.seq > 0, "a FETCH of no message");
	if (imap_list_get(response, &list)) {
		check_name(&list, false);
		check_name(&list, true);
	}
	if (imap_status_get(response, &status))
		need(status.name != NULL, "a STATUS of no mailbox");
	if (imap_vanished_get(response, &earlier, &set) ||
	    imap_search_get(response, &set) ||
	    imap_modified_get(response, &set))
		check_set(set);
	if (imap_copyuid_get(response, &n, &set, &other)) {
		check_set(set);
		check_set(other);
	}
	if (imap_appenduid_get(response, &n, &uid))
		need(n > 0 && uid > 0, "APPENDUID without");
}

static void check_data(const uint8_t *data, size_t size)
{
	struct imap_parser *parser = imap_parser_new(NULL);
	const struct imap_response *response = NULL;
	size_t used;

	while (imap_parser_feed(parser, data, size, &used, &response) > 0) {
		check_response(response);
		data += used;
		size -= used;
	}
	imap_parser_free(&parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_cuts(data, size);
	check_data(data, size);
	return 0;
}
