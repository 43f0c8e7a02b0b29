/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/view.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

void rem_view_drop_seen(struct rem_view *view)
{
	size_t i;

	for (i = 0; i < view->seen_count; i++)
		free(view->seen[i].keywords);
	view->seen_count = 0;
}

void rem_view_clear(struct rem_view *view)
{
	size_t i;

	rem_view_drop_seen(view);
	free(view->seen);
	for (i = 0; i < view->held_count; i++)
		free(view->held[i].keywords);
	free(view->held);
	rem_ranges_free(&view->vanished);
	rem_ranges_free(&view->found);
	rem_ranges_free(&view->copied_from);
	rem_ranges_free(&view->copied_to);
	free(view->permanent_keywords);
	memset(view, 0, sizeof(*view));
	view->any_keyword = true;
	view->permanent = SQB_FLAGS_ALL;
}

static const struct {
	const char *name;
	unsigned int flag;
} system_flags[] = {
	{ "\\Seen", SQB_SEEN },       { "\\Answered", SQB_ANSWERED },
	{ "\\Flagged", SQB_FLAGGED }, { "\\Deleted", SQB_DELETED },
	{ "\\Draft", SQB_DRAFT },
};

/* So many keywords of a message are looked at, not the rest. */
#define KEYWORDS_MAX 200

/* The flags of a list; *star_r may be NULL. */
static unsigned int take_flags(const struct imap_value *v, char **keywords_r,
			       bool *star_r)
{
	unsigned int flags = 0;
	char *keywords = NULL, *more;
	const char *name;
	size_t i, count = 0;

	for (; v != NULL; v = v->next) {
		name = imap_value_text(v);
		if (name == NULL || name[0] == '\0')
			continue;
		if (star_r != NULL && strcmp(name, "\\*") == 0)
			*star_r = true;
		for (i = 0; i < sizeof(system_flags) / sizeof(*system_flags);
		     i++)
			if (strcasecmp(name, system_flags[i].name) == 0)
				flags |= system_flags[i].flag;
		if (name[0] == '\\' || strlen(name) > SQB_KEYWORD_MAX ||
		    count++ >= KEYWORDS_MAX)
			continue; /* \Recent, and whatever is invented */
		more = sqb_xasprintf("%s%s ", keywords == NULL ? "" : keywords,
				     name);
		free(keywords);
		keywords = more;
	}
	*keywords_r = keywords;
	return flags;
}

bool rem_view_keeps(const struct rem_view *view, const char *keyword)
{
	const char *p = view->permanent_keywords;
	size_t len = strlen(keyword);

	if (view->any_keyword)
		return true;
	for (; p != NULL && *p != '\0'; p += strcspn(p, " ") + 1)
		if (strncasecmp(p, keyword, len) == 0 && p[len] == ' ')
			return true;
	return false;
}

static bool take_fetch(struct rem_view *view,
		       const struct imap_response *response)
{
	struct imap_fetch fetch;
	struct rem_seen *seen;

	if (!imap_fetch_get(response, &fetch))
		return false;
	if (fetch.uid == 0 || view->ignore)
		return true;
	if (view->listing)
		rem_ranges_add(&view->found, fetch.uid, fetch.uid);
	if (!fetch.has_flags && !fetch.has_size)
		return true;
	view->seen = sqb_xgrow(view->seen, view->seen_count, &view->seen_alloc,
			       sizeof(*view->seen));
	seen = &view->seen[view->seen_count++];
	memset(seen, 0, sizeof(*seen));
	seen->uid = fetch.uid;
	seen->has_flags = fetch.has_flags;
	seen->has_size = fetch.has_size;
	seen->has_date = fetch.has_date;
	seen->size = fetch.size < SQB_ABSENT_SIZE_MAX ? fetch.size
						      : SQB_ABSENT_SIZE_MAX;
	seen->date = fetch.date;
	if (fetch.has_flags)
		seen->flags = take_flags(fetch.flags, &seen->keywords, NULL);
	if (fetch.has_size && fetch.uid > view->last_uid)
		view->last_uid = fetch.uid;
	return true;
}

static void take_set(struct imap_uidset *set, struct rem_ranges *ranges,
		     bool *broken)
{
	uint32_t lo, hi;

	while (imap_uidset_next(set, &lo, &hi))
		rem_ranges_add(ranges, lo, hi);
	if (set->broken && broken != NULL)
		*broken = true;
}

static void take_code(struct rem_view *view,
		      const struct imap_response *response)
{
	const struct imap_value *args = response->code_args;
	struct imap_uidset from, to;
	uint32_t uidvalidity;
	uint64_t n;

	if (strcmp(response->code, "UIDVALIDITY") == 0) {
		(void)imap_value_number(args, &view->uidvalidity);
	} else if (strcmp(response->code, "UIDNEXT") == 0) {
		(void)imap_value_number(args, &view->uidnext);
	} else if (strcmp(response->code, "HIGHESTMODSEQ") == 0) {
		if (imap_value_number64(args, &n) && n > view->highestmodseq)
			view->highestmodseq = n;
	} else if (strcmp(response->code, "NOMODSEQ") == 0) {
		view->highestmodseq = 0;
	} else if (strcmp(response->code, "READ-ONLY") == 0) {
		view->readonly = true;
	} else if (imap_copyuid_get(response, &uidvalidity, &from, &to)) {
		view->copied_validity = uidvalidity;
		take_set(&from, &view->copied_from, NULL);
		take_set(&to, &view->copied_to, NULL);
	} else if (strcmp(response->code, "PERMANENTFLAGS") == 0 &&
		   args != NULL && args->type == IMAP_LIST) {
		free(view->permanent_keywords);
		view->any_keyword = false;
		view->has_permanent = true;
		view->permanent =
			take_flags(args->first, &view->permanent_keywords,
				   &view->any_keyword);
	}
}

static void take_vanished(struct rem_view *view, struct imap_uidset *set,
			  bool earlier)
{
	uint32_t lo, hi;
	uint64_t size;

	while (imap_uidset_next(set, &lo, &hi)) {
		size = (uint64_t)hi - lo + 1;
		if (!earlier)
			view->exists -= size < view->exists ? (uint32_t)size
							    : view->exists;
		if (!view->ignore)
			rem_ranges_add(&view->vanished, lo, hi);
	}
}

static void take_number(struct rem_view *view,
			const struct imap_response *response)
{
	if (strcmp(response->name, "EXPUNGE") == 0) {
		view->expunged = true;
		view->exists -= view->exists > 0;
	} else if (strcmp(response->name, "EXISTS") == 0) {
		view->arrived = true;
		view->exists = response->number;
	}
}

bool rem_view_has_told(const struct rem_view *view)
{
	return view->seen_count > 0 || view->vanished.count > 0 ||
	       view->expunged || view->arrived;
}

bool rem_view_take(struct rem_view *view, const struct imap_response *response)
{
	struct imap_uidset set;
	bool earlier;

	if (view->box == NULL)
		return false;
	if (response->code != NULL) {
		take_code(view, response);
		return true;
	}
	if (take_fetch(view, response))
		return true;
	if (imap_vanished_get(response, &earlier, &set)) {
		take_vanished(view, &set, earlier);
		return true;
	}
	if (imap_search_get(response, &set)) {
		take_set(&set, &view->found, &view->search_broken);
		return true;
	}
	if (response->has_number && response->name != NULL) {
		take_number(view, response);
		return true;
	}
	return false;
}
