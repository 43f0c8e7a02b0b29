/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/flags.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

#define WHITE " \t\r\n"

static const struct {
	const char *name;
	unsigned int flag;
} system_flags[] = {
	{ "\\Answered", SQB_ANSWERED }, { "\\Flagged", SQB_FLAGGED },
	{ "\\Deleted", SQB_DELETED },   { "\\Seen", SQB_SEEN },
	{ "\\Draft", SQB_DRAFT },
};
#define SYSTEM_FLAG_COUNT (sizeof(system_flags) / sizeof(system_flags[0]))

/* 0: it is none of them. */
static unsigned int system_flag(const char *name)
{
	size_t i;

	for (i = 0; i < SYSTEM_FLAG_COUNT; i++) {
		if (strcasecmp(name, system_flags[i].name) == 0)
			return system_flags[i].flag;
	}
	return 0;
}

/* False: the word does not fit to the ones before, or cannot be a flag. */
static bool add_word(struct ifs_flag_words *words, const char *word,
		     size_t *alloc)
{
	bool sign = word[0] == '+' || word[0] == '-';
	const char *name = sign ? word + 1 : word;

	if (words->count > 0 && words->full == sign)
		return false;
	if (name[0] == '\0' || (name[0] == '\\' && system_flag(name) == 0))
		return false;
	words->full = !sign;
	if (words->count == *alloc) {
		*alloc = *alloc == 0 ? 16 : *alloc * 2;
		words->names = sqb_xrealloc(words->names,
					    *alloc * sizeof(*words->names));
		words->removed = sqb_xrealloc(words->removed,
					      *alloc * sizeof(*words->removed));
	}
	words->names[words->count] = name;
	words->removed[words->count++] = word[0] == '-';
	return true;
}

bool ifs_flag_words_parse(const char *text, size_t len,
			  struct ifs_flag_words *words_r)
{
	struct ifs_flag_words words = { .full = true };
	char *word, *rest = NULL;
	size_t alloc = 0;
	bool ok = memchr(text, '\0', len) == NULL;

	words.text = sqb_xmalloc(len + 1);
	memcpy(words.text, text, len);
	words.text[len] = '\0';
	word = ok ? strtok_r(words.text, WHITE, &rest) : NULL;
	while (ok && word != NULL) {
		ok = add_word(&words, word, &alloc);
		word = strtok_r(NULL, WHITE, &rest);
	}
	if (ok)
		*words_r = words;
	else
		ifs_flag_words_free(&words);
	return ok;
}

void ifs_flag_words_free(struct ifs_flag_words *words)
{
	free(words->text);
	free(words->names);
	free(words->removed);
	memset(words, 0, sizeof(*words));
}

static bool has_word(const struct ifs_flag_words *words, const char *name,
		     bool removed)
{
	size_t i;

	for (i = 0; i < words->count; i++) {
		if (words->removed[i] == removed &&
		    strcasecmp(words->names[i], name) == 0)
			return true;
	}
	return false;
}

static void append_word(char **text, const char *word)
{
	char *longer = (*text)[0] == '\0' ? sqb_xstrdup(word)
					  : sqb_xasprintf("%s %s", *text, word);

	free(*text);
	*text = longer;
}

char *ifs_flag_words_merge(const char *list, const struct ifs_flag_words *words)
{
	struct ifs_flag_words old = { .full = true };
	char *text = sqb_xstrdup("");
	size_t i;

	if (list != NULL && !words->full)
		(void)ifs_flag_words_parse(list, strlen(list), &old);
	for (i = 0; i < old.count; i++) {
		if (!has_word(words, old.names[i], true) &&
		    !has_word(words, old.names[i], false))
			append_word(&text, old.names[i]);
	}
	for (i = 0; i < words->count; i++) {
		if (!words->removed[i])
			append_word(&text, words->names[i]);
	}
	ifs_flag_words_free(&old);
	return text;
}

enum sqb_err ifs_flag_words_check(struct sqb_store *st,
				  const struct ifs_flag_words *words)
{
	enum sqb_err err = SQB_OK;
	uint32_t number;
	size_t i;

	for (i = 0; i < words->count && err == SQB_OK; i++) {
		if (system_flag(words->names[i]) != 0)
			continue;
		err = sqb_keyword_number(st, words->names[i], false, &number);
		if (err == SQB_NOTFOUND)
			err = SQB_OK;
	}
	return err;
}

/* A set of keywords that grows. */
struct set {
	uint64_t mask;
	uint32_t *more; /* own */
	size_t count, alloc;
};

static int compare_numbers(const void *p1, const void *p2)
{
	uint32_t a = *(const uint32_t *)p1, b = *(const uint32_t *)p2;

	return a < b ? -1 : a > b;
}

static void set_add(struct set *set, uint32_t number)
{
	if (number < SQB_KEYWORD_BITS) {
		set->mask |= UINT64_C(1) << number;
		return;
	}
	set->more = sqb_xgrow(set->more, set->count, &set->alloc,
			      sizeof(*set->more));
	set->more[set->count++] = number;
}

/* Ascending and without repeats; foreign: dies with the set. */
static struct sqb_keywords set_keywords(struct set *set)
{
	struct sqb_keywords keywords = { .mask = set->mask };
	size_t i, n = 0;

	if (set->count > 1)
		qsort(set->more, set->count, sizeof(*set->more),
		      compare_numbers);
	for (i = 0; i < set->count; i++) {
		if (n == 0 || set->more[n - 1] != set->more[i])
			set->more[n++] = set->more[i];
	}
	keywords.more = n > 0 ? set->more : NULL;
	keywords.more_count = (uint32_t)n;
	return keywords;
}

/* One word, into the flags or the keywords that it adds or removes. */
static enum sqb_err take_word(struct sqb_store *st, const char *name,
			      bool create, unsigned int *flags, struct set *set)
{
	unsigned int flag = system_flag(name);
	uint32_t number;
	enum sqb_err err;

	*flags |= flag;
	if (flag != 0)
		return SQB_OK;
	err = sqb_keyword_number(st, name, create, &number);
	if (err == SQB_OK)
		set_add(set, number);
	/* What no message has needs not be removed. */
	return err == SQB_NOTFOUND && !create ? SQB_OK : err;
}

enum sqb_err ifs_flag_words_apply(struct sqb_store *st,
				  struct sqb_mailbox_id box, uint32_t uid,
				  const struct ifs_flag_words *words)
{
	struct sqb_flag_change change = { .add = 0 };
	struct set add = { .mask = 0 }, remove = { .mask = 0 };
	struct sqb_message msg;
	enum sqb_err err = sqb_message_get(st, box, uid, &msg);
	uint32_t k;
	size_t i;

	if (err == SQB_OK && words->full) {
		/* What is added wins. */
		change.remove = SQB_FLAGS_ALL;
		remove.mask = msg.keywords.mask;
		for (k = 0; k < msg.keywords.more_count; k++)
			set_add(&remove, msg.keywords.more[k]);
	}
	for (i = 0; i < words->count && err == SQB_OK; i++)
		err = words->removed[i] ? take_word(st, words->names[i], false,
						    &change.remove, &remove)
					: take_word(st, words->names[i], true,
						    &change.add, &add);
	if (err == SQB_OK) {
		change.add_keywords = set_keywords(&add);
		change.remove_keywords = set_keywords(&remove);
		err = sqb_message_change_flags(st, box, uid, uid, &change,
					       NULL);
	}
	free(add.more);
	free(remove.more);
	return err;
}

static enum sqb_err append_keyword(struct sqb_store *st, uint32_t number,
				   char **text)
{
	const char *name;
	enum sqb_err err = sqb_keyword_name(st, number, &name);

	if (err == SQB_OK)
		append_word(text, name);
	return err;
}

enum sqb_err ifs_flags_text(struct sqb_store *st, struct sqb_mailbox_id box,
			    uint32_t uid, char **text_r)
{
	struct set numbers = { .mask = 0 };
	struct sqb_message msg;
	enum sqb_err err = sqb_message_get(st, box, uid, &msg);
	char *text;
	size_t i;

	if (err != SQB_OK)
		return err;
	text = sqb_xstrdup("");
	for (i = 0; i < SYSTEM_FLAG_COUNT; i++) {
		if ((msg.flags & system_flags[i].flag) != 0)
			append_word(&text, system_flags[i].name);
	}
	for (i = 0; i < msg.keywords.more_count; i++)
		set_add(&numbers, msg.keywords.more[i]);
	for (i = 0; i < SQB_KEYWORD_BITS && err == SQB_OK; i++) {
		if ((msg.keywords.mask >> i & 1) != 0)
			err = append_keyword(st, (uint32_t)i, &text);
	}
	for (i = 0; i < numbers.count && err == SQB_OK; i++)
		err = append_keyword(st, numbers.more[i], &text);
	free(numbers.more);
	if (err == SQB_OK)
		*text_r = text;
	else
		free(text);
	return err;
}
