/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/listing.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "fuse/imap/mailbox-name.h"

#define MAILBOXES_MAX 100000
/* STATUS commands sent ahead of their answers. */
#define STATUS_AHEAD 100
/* With more, a STATUS that is not in the order of LIST is passed by. */
#define SEARCH_MAX 5000

void rem_listing_free(struct rem_listing *listing)
{
	size_t i;

	for (i = 0; i < listing->count; i++) {
		free(listing->list[i].name);
		free(listing->list[i].path);
		free(listing->list[i].mailboxid);
	}
	free(listing->list);
	memset(listing, 0, sizeof(*listing));
}

static void status_items(struct rem_sync *sync)
{
	imap_command_text(sync->client, " (MESSAGES UIDNEXT UIDVALIDITY");
	if (rem_can(sync, IMAP_CAP_CONDSTORE) ||
	    rem_can(sync, IMAP_CAP_QRESYNC))
		imap_command_text(sync->client, " HIGHESTMODSEQ");
	if (rem_can(sync, IMAP_CAP_OBJECTID))
		imap_command_text(sync->client, " MAILBOXID");
	imap_command_text(sync->client, ")");
}

static bool is_extended(struct rem_sync *sync)
{
	return rem_can(sync, IMAP_CAP_LIST_EXTENDED) ||
	       rem_can(sync, IMAP_CAP_IMAP4REV2);
}

static bool has_list_status(struct rem_sync *sync)
{
	return is_extended(sync) && (rem_can(sync, IMAP_CAP_LIST_STATUS) ||
				     rem_can(sync, IMAP_CAP_IMAP4REV2));
}

void rem_listing_send(struct rem_sync *sync,
		      struct rem_listing_commands *commands)
{
	*commands = (struct rem_listing_commands){ 0 };
	imap_command_begin(sync->client);
	imap_command_text(sync->client, "LIST \"\" \"*\"");
	if (is_extended(sync)) {
		imap_command_text(sync->client, " RETURN (SUBSCRIBED");
		if (rem_can(sync, IMAP_CAP_SPECIAL_USE))
			imap_command_text(sync->client, " SPECIAL-USE");
		if (has_list_status(sync)) {
			imap_command_text(sync->client, " STATUS");
			status_items(sync);
		}
		imap_command_text(sync->client, ")");
	}
	commands->list = imap_command_send(sync->client);
	if (!is_extended(sync)) {
		imap_command_begin(sync->client);
		imap_command_text(sync->client, "LSUB \"\" \"*\"");
		commands->lsub = imap_command_send(sync->client);
	}
	if (sync->idled) {
		imap_command_begin(sync->client);
		imap_command_text(sync->client, "NOOP");
		commands->noop = imap_command_send(sync->client);
		sync->idled = false;
	}
}

static int by_name(const void *a, const void *b)
{
	const struct rem_listed *x = a, *y = b;

	return strcmp(x->name, y->name);
}

struct rem_listed *rem_listing_find(struct rem_listing *listing,
				    const char *name)
{
	struct rem_listed key = { .name = (char *)(uintptr_t)name };

	if (listing->count == 0)
		return NULL;
	return bsearch(&key, listing->list, listing->count, sizeof(key),
		       by_name);
}

/* In order, each name once. */
static void put_in_order(struct rem_listing *listing)
{
	struct rem_listed *list = listing->list;
	size_t i, n = 0;

	if (listing->count == 0)
		return;
	qsort(list, listing->count, sizeof(*list), by_name);
	for (i = 1; i < listing->count; i++) {
		if (strcmp(list[i].name, list[n].name) != 0) {
			list[++n] = list[i];
			continue;
		}
		free(list[i].name);
		free(list[i].path);
		free(list[i].mailboxid);
	}
	listing->count = n + 1;
}

static int by_path(const void *a, const void *b)
{
	const struct rem_listed *x = *(struct rem_listed *const *)a;
	const struct rem_listed *y = *(struct rem_listed *const *)b;
	int diff = strcmp(x->path, y->path);

	return diff != 0 ? diff : strcmp(x->name, y->name);
}

/* Of those with one path here, "INBOX" and "inbox", all but the first. */
static void mark_twins(struct rem_listing *listing)
{
	struct rem_listed **list;
	size_t i;

	list = sqb_xcalloc(listing->count + 1, sizeof(struct rem_listed *));
	for (i = 0; i < listing->count; i++)
		list[i] = &listing->list[i];
	if (listing->count > 0)
		qsort(list, listing->count, sizeof(struct rem_listed *),
		      by_path);
	for (i = 1; i < listing->count; i++)
		list[i]->twin = strcmp(list[i]->path, list[i - 1]->path) == 0;
	free(list);
}

static bool ask_status(struct rem_sync *sync, struct rem_listing *listing)
{
	unsigned int *sent = sqb_xcalloc(STATUS_AHEAD, sizeof(*sent));
	size_t i, waiting = 0, n;
	enum imap_err err;
	bool ok = true;

	listing->status_next = 0;
	for (i = 0; i <= listing->count && ok; i++) {
		if (i < listing->count &&
		    (listing->list[i].flags & IMAP_LIST_NOSELECT) == 0) {
			imap_command_begin(sync->client);
			imap_command_text(sync->client, "STATUS ");
			imap_command_string(sync->client, listing->list[i].name,
					    strlen(listing->list[i].name));
			status_items(sync);
			sent[waiting++] = imap_command_send(sync->client);
		}
		if (waiting < STATUS_AHEAD && i < listing->count)
			continue;
		for (n = 0; n < waiting && ok; n++)
			ok = rem_wait(sync, sent[n], &err, NULL);
		waiting = 0;
	}
	free(sent);
	return ok;
}

bool rem_listing_end(struct rem_sync *sync,
		     const struct rem_listing_commands *commands,
		     struct rem_listing *listing, bool *ok_r)
{
	enum imap_err err, lsub = IMAP_OK, noop;
	bool ok;

	memset(listing, 0, sizeof(*listing));
	listing->utf8 = imap_client_utf8(sync->client);
	listing->max = sync->opts->mailboxes_max;
	if (listing->max == 0)
		listing->max = MAILBOXES_MAX;
	sync->listing = listing;
	ok = rem_wait(sync, commands->list, &err, NULL);
	put_in_order(listing);
	mark_twins(listing);
	if (ok && commands->lsub != 0)
		ok = rem_wait(sync, commands->lsub, &lsub, NULL);
	if (ok && commands->noop != 0)
		ok = rem_wait(sync, commands->noop, &noop, NULL);
	if (ok && err == IMAP_OK && !has_list_status(sync))
		ok = ask_status(sync, listing);
	sync->listing = NULL;
	*ok_r = ok && err == IMAP_OK;
	if (listing->dropped > 0)
		rem_note(sync, REM_WARNING, "%u folders are not shown: %s",
			 listing->dropped,
			 listing->broken_names ? "their names cannot be"
					       : "the account has too many");
	return ok;
}

static void take_list(struct rem_listing *listing, const struct imap_list *data)
{
	struct rem_listed *listed;
	const char *why;
	char *path;

	if (data->delimiter != '\0')
		listing->delimiter = data->delimiter;
	if ((data->flags & IMAP_LIST_NONEXISTENT) != 0)
		return;
	if (listing->count >= listing->max) {
		listing->dropped++;
		return;
	}
	path = memchr(data->name, '\0', data->name_size) != NULL
		       ? NULL
		       : imap_name_to_path(data->name, data->name_size,
					   data->delimiter, listing->utf8,
					   &why);
	if (path == NULL) {
		listing->broken_names = true;
		listing->dropped++;
		return;
	}
	listing->list = sqb_xgrow(listing->list, listing->count,
				  &listing->alloc, sizeof(*listing->list));
	listed = &listing->list[listing->count++];
	memset(listed, 0, sizeof(*listed));
	listed->name = sqb_xstrdup(data->name);
	listed->path = path;
	listed->flags = data->flags;
}

static struct rem_listed *of_status(struct rem_listing *listing,
				    const char *name)
{
	size_t i, n = listing->count;

	if (n > 0 && strcmp(listing->list[n - 1].name, name) == 0)
		return &listing->list[n - 1];
	if (listing->status_next >= n)
		listing->status_next = 0;
	for (i = 0; i < n && (i < 2 || n < SEARCH_MAX); i++) {
		size_t at = (listing->status_next + i) % n;

		if (strcmp(listing->list[at].name, name) == 0) {
			listing->status_next = at + 1;
			return &listing->list[at];
		}
	}
	return NULL;
}

static void take_status(struct rem_listing *listing,
			const struct imap_status_data *data)
{
	struct rem_listed *listed = of_status(listing, data->name);

	if (listed == NULL || data->uidvalidity == 0)
		return;
	listed->has_status = true;
	listed->messages = data->messages;
	listed->uidnext = data->uidnext;
	listed->uidvalidity = data->uidvalidity;
	listed->highestmodseq = data->highestmodseq;
	if (data->mailboxid != NULL) {
		free(listed->mailboxid);
		listed->mailboxid = sqb_xstrdup(data->mailboxid);
	}
}

bool rem_listing_take(struct rem_listing *listing,
		      const struct imap_response *response)
{
	struct imap_status_data status;
	struct rem_listed *listed;
	struct imap_list list;

	if (imap_list_get(response, &list)) {
		if (response->name != NULL &&
		    strcmp(response->name, "LSUB") == 0) {
			listed = rem_listing_find(listing, list.name);
			if (listed != NULL)
				listed->flags |= IMAP_LIST_SUBSCRIBED;
		} else {
			take_list(listing, &list);
		}
		return true;
	}
	if (imap_status_get(response, &status)) {
		take_status(listing, &status);
		return true;
	}
	return false;
}
