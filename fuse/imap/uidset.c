/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Sets of UIDs, and the responses that are one.
 */
#include "fuse/imap/data.h"

#include <string.h>

/* A UID, up to anything that is no digit. */
static bool text_uid(const char **at, uint32_t *uid_r)
{
	uint64_t uid = 0;
	const char *s = *at;

	for (; *s >= '0' && *s <= '9' && uid <= UINT32_MAX; s++)
		uid = uid * 10 + (uint64_t)(*s - '0');
	if (uid == 0 || uid > UINT32_MAX)
		return false;
	*at = s;
	*uid_r = (uint32_t)uid;
	return true;
}

/* One element of a set, with the comma behind it. */
static bool text_range(const char **at, uint32_t *lo_r, uint32_t *hi_r)
{
	uint32_t from, to;

	if (!text_uid(at, &from))
		return false;
	to = from;
	if (**at == ':') {
		++*at;
		if (!text_uid(at, &to))
			return false;
	}
	if (**at == ',' && (*at)[1] != '\0')
		++*at;
	else if (**at != '\0')
		return false;
	*lo_r = from < to ? from : to;
	*hi_r = from < to ? to : from;
	return true;
}

bool imap_uidset_next(struct imap_uidset *set, uint32_t *lo_r, uint32_t *hi_r)
{
	uint32_t uid;

	if (set->broken)
		return false;
	if (set->text != NULL) {
		if (*set->text == '\0')
			return false;
		set->broken = !text_range(&set->text, lo_r, hi_r);
		return !set->broken;
	}
	/* "* SEARCH 1 2 (MODSEQ 5)" */
	if (set->list == NULL || set->list->type == IMAP_LIST)
		return false;
	if (!imap_value_number(set->list, &uid) || uid == 0) {
		set->broken = true;
		return false;
	}
	set->list = set->list->next;
	*lo_r = uid;
	*hi_r = uid;
	return true;
}

static bool is_named(const struct imap_response *response, const char *name)
{
	return response->name != NULL && !response->has_number &&
	       strcmp(response->name, name) == 0;
}

/* A set is an atom; what is in it imap_uidset_next() sees. */
static bool get_set(const struct imap_value *v, struct imap_uidset *set_r)
{
	*set_r = (struct imap_uidset){ .text = imap_value_text(v) };
	return v != NULL && v->type == IMAP_ATOM && set_r->text != NULL;
}

bool imap_vanished_get(const struct imap_response *response, bool *earlier_r,
		       struct imap_uidset *set_r)
{
	const struct imap_value *v = response->args;

	if (!is_named(response, "VANISHED") || v == NULL)
		return false;
	*earlier_r = false;
	if (v->type == IMAP_LIST) {
		if (!imap_value_is(v->first, "EARLIER"))
			return false;
		*earlier_r = true;
		v = v->next;
	}
	return get_set(v, set_r);
}

static bool esearch_get(const struct imap_value *v, struct imap_uidset *set_r)
{
	*set_r = (struct imap_uidset){ .text = NULL };
	if (v != NULL && v->type == IMAP_LIST) /* (TAG "a1") */
		v = v->next;
	if (v != NULL && imap_value_is(v, "UID"))
		v = v->next;
	for (; v != NULL; v = v->next->next) {
		if (v->next == NULL)
			return false;
		if (imap_value_is(v, "ALL"))
			return get_set(v->next, set_r);
	}
	return true;
}

bool imap_search_get(const struct imap_response *response,
		     struct imap_uidset *set_r)
{
	if (is_named(response, "ESEARCH"))
		return esearch_get(response->args, set_r);
	*set_r = (struct imap_uidset){ .list = response->args };
	return is_named(response, "SEARCH");
}

/* The code with the UIDVALIDITY in front, and what follows that. */
static const struct imap_value *get_code(const struct imap_response *response,
					 const char *code,
					 uint32_t *uidvalidity_r)
{
	if (response->code == NULL || strcmp(response->code, code) != 0 ||
	    response->code_args == NULL ||
	    !imap_value_number(response->code_args, uidvalidity_r) ||
	    *uidvalidity_r == 0)
		return NULL;
	return response->code_args->next;
}

bool imap_copyuid_get(const struct imap_response *response,
		      uint32_t *uidvalidity_r, struct imap_uidset *from_r,
		      struct imap_uidset *to_r)
{
	const struct imap_value *from =
		get_code(response, "COPYUID", uidvalidity_r);

	return from != NULL && get_set(from, from_r) &&
	       get_set(from->next, to_r);
}

bool imap_appenduid_get(const struct imap_response *response,
			uint32_t *uidvalidity_r, uint32_t *uid_r)
{
	const struct imap_value *uid =
		get_code(response, "APPENDUID", uidvalidity_r);

	return imap_value_number(uid, uid_r) && *uid_r != 0;
}

bool imap_modified_get(const struct imap_response *response,
		       struct imap_uidset *set_r)
{
	return response->code != NULL &&
	       strcmp(response->code, "MODIFIED") == 0 &&
	       get_set(response->code_args, set_r);
}
