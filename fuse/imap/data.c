/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/data.h"

#include <string.h>
#include <strings.h>

#include "fuse/imap/date.h"
#include "fuse/imap/part.h"

/* A number that is told: not 0, and in its range; else 0. */
static uint32_t number_or_0(const struct imap_value *v)
{
	uint32_t n;

	return imap_value_number(v, &n) ? n : 0;
}

static uint64_t number64_or_0(const struct imap_value *v)
{
	uint64_t n;

	return imap_value_number64(v, &n) ? n : 0;
}

/* The one value of a list of one: MODSEQ (12), EMAILID (M1). */
static const struct imap_value *only(const struct imap_value *v)
{
	if (v->type != IMAP_LIST || v->first == NULL || v->first->next != NULL)
		return NULL;
	return v->first;
}

static void fetch_item(struct imap_fetch *fetch, const struct imap_value *name,
		       const struct imap_value *v)
{
	const char *section, *text;
	size_t size;

	if (imap_value_is(name, "UID")) {
		fetch->uid = number_or_0(v);
	} else if (imap_value_is(name, "FLAGS")) {
		fetch->has_flags = v->type == IMAP_LIST;
		fetch->flags = v->first;
	} else if (imap_value_is(name, "MODSEQ")) {
		fetch->modseq = number64_or_0(only(v));
	} else if (imap_value_is(name, "RFC822.SIZE")) {
		fetch->has_size = imap_value_number64(v, &fetch->size);
	} else if (imap_value_is(name, "INTERNALDATE")) {
		text = imap_value_text(v);
		fetch->has_date =
			text != NULL && imap_date_parse(text, &fetch->date);
	} else if (imap_value_is(name, "EMAILID")) {
		fetch->emailid = imap_value_text(only(v));
	} else if (imap_value_is(name, "X-GM-MSGID") &&
		   fetch->emailid == NULL) {
		fetch->emailid = imap_value_text(v);
	} else if (v->type == IMAP_PART &&
		   imap_part_section(name, &section, &size)) {
		fetch->part = v;
	}
}

bool imap_fetch_items(const struct imap_value *list, struct imap_fetch *fetch_r)
{
	const struct imap_value *v;

	*fetch_r = (struct imap_fetch){ .seq = 0 };
	if (list == NULL || list->type != IMAP_LIST)
		return false;
	for (v = list->first; v != NULL; v = v->next->next) {
		if (v->type != IMAP_ATOM || v->next == NULL)
			return false;
		fetch_item(fetch_r, v, v->next);
	}
	return true;
}

bool imap_fetch_get(const struct imap_response *response,
		    struct imap_fetch *fetch_r)
{
	if (response->name == NULL || strcmp(response->name, "FETCH") != 0 ||
	    !response->has_number || response->number == 0)
		return false;
	if (!imap_fetch_items(response->args, fetch_r))
		return false;
	fetch_r->seq = response->number;
	return true;
}

static bool get_name(const struct imap_value *v, const char **name_r,
		     size_t *size_r)
{
	if (v == NULL)
		return false;
	if (v->type == IMAP_NIL) { /* of an astring it is the word */
		*name_r = "NIL";
		*size_r = strlen(*name_r);
		return true;
	}
	*name_r = v->text;
	*size_r = v->size;
	return v->type == IMAP_ATOM || v->type == IMAP_STRING;
}

static unsigned int list_flag(const struct imap_value *v)
{
	static const struct {
		const char *name;
		unsigned int flags;
	} known[] = {
		{ "\\Noselect", IMAP_LIST_NOSELECT },
		{ "\\NonExistent", IMAP_LIST_NONEXISTENT | IMAP_LIST_NOSELECT },
		{ "\\Noinferiors", IMAP_LIST_NOINFERIORS },
		{ "\\Subscribed", IMAP_LIST_SUBSCRIBED },
		{ "\\All", IMAP_LIST_ALL },
		{ "\\Archive", IMAP_LIST_ARCHIVE },
		{ "\\Drafts", IMAP_LIST_DRAFTS },
		{ "\\Flagged", IMAP_LIST_FLAGGED },
		{ "\\Junk", IMAP_LIST_JUNK },
		{ "\\Sent", IMAP_LIST_SENT },
		{ "\\Trash", IMAP_LIST_TRASH },
		{ "\\Important", IMAP_LIST_IMPORTANT },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (imap_value_is(v, known[i].name))
			return known[i].flags;
	}
	return 0;
}

static bool get_delimiter(const struct imap_value *v, char *delimiter_r)
{
	*delimiter_r = '\0';
	if (v == NULL)
		return false;
	if (v->type == IMAP_NIL)
		return true;
	if ((v->type != IMAP_STRING && v->type != IMAP_ATOM) || v->size > 1)
		return false;
	if (v->size == 1)
		*delimiter_r = v->text[0];
	return true;
}

/* OLDNAME ("name") of the extended data of a LIST. */
static const char *get_old_name(const struct imap_value *extended)
{
	const struct imap_value *v;
	const char *tag;

	if (extended == NULL || extended->type != IMAP_LIST)
		return NULL;
	for (v = extended->first; v != NULL && v->next != NULL;
	     v = v->next->next) {
		tag = imap_value_text(v);
		if (tag != NULL && strcasecmp(tag, "OLDNAME") == 0)
			return imap_value_text(only(v->next));
	}
	return NULL;
}

bool imap_list_get(const struct imap_response *response,
		   struct imap_list *list_r)
{
	const struct imap_value *v = response->args, *flag;

	if (response->name == NULL || response->has_number ||
	    (strcmp(response->name, "LIST") != 0 &&
	     strcmp(response->name, "LSUB") != 0))
		return false;
	*list_r = (struct imap_list){ .flags = 0 };
	if (v == NULL || v->type != IMAP_LIST)
		return false;
	for (flag = v->first; flag != NULL; flag = flag->next)
		list_r->flags |= list_flag(flag);
	v = v->next;
	if (!get_delimiter(v, &list_r->delimiter))
		return false;
	v = v->next;
	if (!get_name(v, &list_r->name, &list_r->name_size))
		return false;
	list_r->old_name = get_old_name(v->next);
	return true;
}

static void status_item(struct imap_status_data *status,
			const struct imap_value *name,
			const struct imap_value *v)
{
	if (imap_value_is(name, "MESSAGES"))
		status->has_messages = imap_value_number(v, &status->messages);
	else if (imap_value_is(name, "UNSEEN"))
		status->has_unseen = imap_value_number(v, &status->unseen);
	else if (imap_value_is(name, "UIDNEXT"))
		status->uidnext = number_or_0(v);
	else if (imap_value_is(name, "UIDVALIDITY"))
		status->uidvalidity = number_or_0(v);
	else if (imap_value_is(name, "HIGHESTMODSEQ"))
		status->highestmodseq = number64_or_0(v);
	else if (imap_value_is(name, "MAILBOXID"))
		status->mailboxid = imap_value_text(only(v));
}

bool imap_status_get(const struct imap_response *response,
		     struct imap_status_data *status_r)
{
	const struct imap_value *v = response->args;

	if (response->name == NULL || response->has_number ||
	    strcmp(response->name, "STATUS") != 0)
		return false;
	*status_r = (struct imap_status_data){ .name = NULL };
	if (!get_name(v, &status_r->name, &status_r->name_size))
		return false;
	v = v->next;
	if (v == NULL || v->type != IMAP_LIST)
		return false;
	for (v = v->first; v != NULL; v = v->next->next) {
		if (v->next == NULL)
			return false;
		status_item(status_r, v, v->next);
	}
	return true;
}
