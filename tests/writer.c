/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * writer STORE: change a store from outside of Dovecot, for tests.  It obeys
 *lines on standard input, words separated by tabs, each as one transaction, and
 *answers each with a line "ok ...", or "error CODE SENTENCE".  A message's
 *octets follow its line; those of a body its answer.
 *
 *	append BOX FLAGS KEYWORDS SIZE		ok UID
 *	flags BOX LO HI ADD REMOVE ADDKW REMKW	ok COUNT
 *	expunge BOX LO HI			ok COUNT
 *	copy BOX UID DEST, move BOX UID DEST	ok UID
 *	copies BOX DEST				ok COUNT
 *	create BOX, delete BOX, rename BOX NEW	ok
 *	subscribe NAME 0|1			ok
 *	checkpoint				ok
 *	body BOX UID				ok SIZE
 *	dump					lines, then ok
 *
 * FLAGS, ADD and REMOVE are numbers (enum sqb_flags); keywords are names with
 * commas between, or "-".
 */
#include "sqbox-config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/changes.h"
#include "common/message.h"
#include "common/store-private.h"
#include "common/subscription.h"
#include "common/txn.h"

#define MAX_WORDS 8
#define MAX_KEYWORDS 32

static struct sqb_store *st;
static char *words[MAX_WORDS + 1];

static uint32_t number(const char *word)
{
	return (uint32_t)strtoul(word, NULL, 10);
}

static enum sqb_err find(const char *name, struct sqb_mailbox_id *box_r)
{
	return sqb_mailbox_find(st, name, box_r);
}

/* The numbers of the keywords named; more is room for the later ones. */
static enum sqb_err keywords(char *names, uint32_t more[MAX_KEYWORDS],
			     struct sqb_keywords *keywords_r)
{
	struct sqb_keywords set = { .more = more };
	enum sqb_err err = SQB_OK;
	uint32_t n;
	char *name, *rest;

	if (strcmp(names, "-") == 0)
		names[0] = '\0';
	for (name = strtok_r(names, ",", &rest); name != NULL && err == SQB_OK;
	     name = strtok_r(NULL, ",", &rest)) {
		err = sqb_keyword_number(st, name, true, &n);
		if (err == SQB_OK && n < SQB_KEYWORD_BITS)
			set.mask |= UINT64_C(1) << n;
		else if (err == SQB_OK && set.more_count < MAX_KEYWORDS)
			more[set.more_count++] = n;
	}
	if (set.more_count == 0)
		set.more = NULL;
	*keywords_r = set;
	return err;
}

/* The octets that follow on standard input. */
static enum sqb_err read_body(size_t left, struct sqb_body_writer **w_r)
{
	struct sqb_body_writer *w = sqb_body_begin(st);
	enum sqb_err err = SQB_OK;
	char buf[8192];
	size_t n;

	while (left > 0) {
		n = fread(buf, 1, left < sizeof(buf) ? left : sizeof(buf),
			  stdin);
		if (n == 0)
			break;
		if (err == SQB_OK)
			err = sqb_body_write(w, buf, n);
		left -= n;
	}
	if (err == SQB_OK)
		err = sqb_body_finish(w, NULL);
	*w_r = w;
	return err;
}

static enum sqb_err do_append(struct sqb_body_writer *w, uint32_t *uid_r)
{
	struct sqb_message_new args = { 0 };
	uint32_t more[MAX_KEYWORDS];
	struct sqb_mailbox_id box;
	enum sqb_err err;

	args.flags = number(words[2]);
	args.date = time(NULL);
	err = find(words[1], &box);
	if (err == SQB_OK)
		err = keywords(words[3], more, &args.keywords);
	if (err == SQB_OK)
		err = sqb_message_append(st, box, w, &args, uid_r);
	return err;
}

static enum sqb_err do_flags(uint64_t *count_r)
{
	struct sqb_flag_change change = { 0 };
	uint32_t add[MAX_KEYWORDS], rem[MAX_KEYWORDS];
	struct sqb_mailbox_id box;
	enum sqb_err err;

	change.add = number(words[4]);
	change.remove = number(words[5]);
	err = find(words[1], &box);
	if (err == SQB_OK)
		err = keywords(words[6], add, &change.add_keywords);
	if (err == SQB_OK)
		err = keywords(words[7], rem, &change.remove_keywords);
	if (err == SQB_OK)
		err = sqb_message_change_flags(st, box, number(words[2]),
					       number(words[3]), &change,
					       count_r);
	return err;
}

static enum sqb_err do_expunge(uint64_t *count_r)
{
	struct sqb_mailbox_id box;
	enum sqb_err err = find(words[1], &box);

	if (err == SQB_OK)
		err = sqb_message_expunge(st, box, number(words[2]),
					  number(words[3]), count_r);
	return err;
}

static enum sqb_err do_copy(bool move, uint32_t *uid_r)
{
	struct sqb_message_new args = { 0 };
	struct sqb_mailbox_id box, dest;
	struct sqb_message msg;
	enum sqb_err err = find(words[1], &box);

	if (err == SQB_OK)
		err = find(words[3], &dest);
	if (err == SQB_OK)
		err = sqb_message_get(st, box, number(words[2]), &msg);
	if (err != SQB_OK)
		return err;
	args.flags = msg.flags;
	args.keywords.mask = msg.keywords.mask; /* few in these tests */
	args.date = msg.date;
	if (move)
		return sqb_message_move(st, box, msg.uid, dest, &args, uid_r);
	return sqb_message_copy(st, &msg, dest, &args, uid_r);
}

/* All messages, in one transaction; DEST is another mailbox. */
static enum sqb_err do_copies(uint64_t *count_r)
{
	struct sqb_mailbox_id box, dest;
	struct sqb_message_iter *it;
	struct sqb_message msg;
	enum sqb_err err = find(words[1], &box), end;
	uint32_t uid;

	if (err == SQB_OK)
		err = find(words[2], &dest);
	if (err != SQB_OK)
		return err;
	it = sqb_message_iter_begin(st, box, 1, UINT32_MAX);
	while (err == SQB_OK && sqb_message_iter_next(it, &msg)) {
		struct sqb_message_new args = { .flags = msg.flags,
						.date = msg.date };

		err = sqb_message_copy(st, &msg, dest, &args, &uid);
		++*count_r;
	}
	end = sqb_message_iter_end(&it);
	return err != SQB_OK ? err : end;
}

static enum sqb_err do_tree(const char *verb)
{
	struct sqb_mailbox_id box;
	enum sqb_err err;

	if (strcmp(verb, "create") == 0)
		return sqb_mailbox_create(st, words[1], NULL, &box);
	if (strcmp(verb, "subscribe") == 0)
		return sqb_subscribe(st, words[1], number(words[2]) != 0, NULL);
	err = find(words[1], &box);
	if (err != SQB_OK)
		return err;
	if (strcmp(verb, "delete") == 0)
		return sqb_mailbox_delete(st, box);
	return sqb_mailbox_rename(st, box, words[2]);
}

/* The change itself, within a transaction; *value_r is what "ok" tells. */
static enum sqb_err change(const char *verb, struct sqb_body_writer *w,
			   uint64_t *value_r)
{
	uint32_t uid = 0;
	enum sqb_err err;

	if (strcmp(verb, "flags") == 0)
		return do_flags(value_r);
	if (strcmp(verb, "expunge") == 0)
		return do_expunge(value_r);
	if (strcmp(verb, "copies") == 0)
		return do_copies(value_r);
	if (strcmp(verb, "append") == 0)
		err = do_append(w, &uid);
	else if (strcmp(verb, "copy") == 0 || strcmp(verb, "move") == 0)
		err = do_copy(verb[0] == 'm', &uid);
	else
		err = do_tree(verb);
	*value_r = uid;
	return err;
}

/* A flag change is told to others at once and made durable a little later. */
static enum sqb_err finish(const char *verb)
{
	if (strcmp(verb, "flags") != 0)
		return sqb_sync(st);
	sqb_ring(st);
	return SQB_OK;
}

static enum sqb_err write_store(const char *verb)
{
	struct sqb_body_writer *w = NULL;
	enum sqb_err err = SQB_OK;
	uint64_t value = 0;

	if (strcmp(verb, "append") == 0)
		err = read_body(number(words[4]), &w);
	if (err == SQB_OK)
		err = sqb_txn_begin(st);
	if (err == SQB_OK) {
		err = change(verb, w, &value);
		if (err == SQB_OK)
			err = sqb_txn_commit(st);
		else
			sqb_txn_rollback(st);
	}
	if (err == SQB_OK)
		err = finish(verb);
	sqb_body_writer_free(&w);
	if (err == SQB_OK)
		printf("ok\t%" PRIu64 "\n", value);
	return err;
}

/* Now, however small the WAL: as sqb_checkpoint_if_due() does it. */
static enum sqb_err checkpoint(const char *verb)
{
	enum sqb_err err = sqb_lock(st);
	int rc;

	(void)verb;
	if (err != SQB_OK)
		return err;
	rc = sqlite3_wal_checkpoint_v2(sqb_db(st), NULL,
				       SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		err = sqb_fail_sqlite(st, "checkpoint");
	sqb_unlock(st);
	if (err == SQB_OK)
		printf("ok\n");
	return err;
}

static void print_keywords(const struct sqb_keywords *set)
{
	const char *name, *comma = "";
	uint32_t n;

	for (n = 0; n < SQB_KEYWORD_BITS; n++) {
		if ((set->mask >> n & 1) != 0 &&
		    sqb_keyword_name(st, n, &name) == SQB_OK) {
			printf("%s%s", comma, name);
			comma = ",";
		}
	}
	for (n = 0; n < set->more_count; n++) {
		if (sqb_keyword_name(st, set->more[n], &name) == SQB_OK) {
			printf("%s%s", comma, name);
			comma = ",";
		}
	}
}

static enum sqb_err dump_messages(struct sqb_mailbox_id box)
{
	struct sqb_message_iter *it =
		sqb_message_iter_begin(st, box, 1, UINT32_MAX);
	struct sqb_message msg;

	while (sqb_message_iter_next(it, &msg)) {
		printf("message\t%" PRIu32 "\t%u\t%" PRIu64 "\t%" PRIu64 "\t",
		       msg.uid, msg.flags, msg.modseq, msg.vsize);
		print_keywords(&msg.keywords);
		printf("\n");
	}
	return sqb_message_iter_end(&it);
}

static enum sqb_err dump(void)
{
	struct sqb_mailbox_iter *it = sqb_mailbox_iter_begin(st);
	struct sqb_mailbox_info info;
	enum sqb_err err = SQB_OK, end;

	while (err == SQB_OK && sqb_mailbox_iter_next(it, &info)) {
		const struct sqb_mailbox_status *s = &info.status;

		printf("mailbox\t%s\t%d\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu64
		       "\t%" PRIu32 "\t%" PRIu32 "\n",
		       info.name, s->noselect ? 1 : 0, s->uidvalidity,
		       s->uidnext, s->highestmodseq, s->messages, s->unseen);
		err = dump_messages(s->id);
	}
	end = sqb_mailbox_iter_end(&it);
	return err != SQB_OK ? err : end;
}

static enum sqb_err print_body(void)
{
	struct sqb_body_reader *r = NULL;
	struct sqb_mailbox_id box;
	uint64_t offset = 0;
	const void *data;
	size_t size = 1;
	enum sqb_err err = find(words[1], &box);

	if (err == SQB_OK)
		err = sqb_body_open(st, box, number(words[2]), &r);
	if (err != SQB_OK)
		return err;
	printf("ok\t%" PRIu64 "\n", sqb_body_reader_info(r)->vsize);
	while (size > 0 && sqb_body_data(r, offset, &data, &size) == SQB_OK) {
		fwrite(data, 1, size, stdout);
		offset += size;
	}
	sqb_body_close(&r);
	return SQB_OK;
}

static enum sqb_err read_store(const char *verb)
{
	enum sqb_err err = sqb_read_begin(st);

	if (err != SQB_OK)
		return err;
	if (strcmp(verb, "body") == 0) {
		err = print_body();
	} else {
		err = dump();
		if (err == SQB_OK)
			printf("ok\n");
	}
	sqb_read_end(st);
	return err;
}

static const struct {
	const char *verb;
	int words;
	enum sqb_err (*run)(const char *verb);
} commands[] = {
	{ "append", 5, write_store },    { "flags", 8, write_store },
	{ "expunge", 4, write_store },   { "copies", 3, write_store },
	{ "copy", 4, write_store },      { "move", 4, write_store },
	{ "create", 2, write_store },    { "delete", 2, write_store },
	{ "rename", 3, write_store },    { "subscribe", 3, write_store },
	{ "checkpoint", 1, checkpoint }, { "body", 3, read_store },
	{ "dump", 1, read_store },
};

static int split(char *line)
{
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	while (n < MAX_WORDS && (words[n] = strsep(&line, "\t")) != NULL)
		n++;
	return n;
}

static bool obey(char *line)
{
	int count = split(line);
	enum sqb_err err;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (count != commands[i].words ||
		    strcmp(words[0], commands[i].verb) != 0)
			continue;
		err = commands[i].run(words[0]);
		if (err != SQB_OK)
			printf("error\t%s\t%s\n", sqb_err_name(err),
			       sqb_store_errmsg(st));
		fflush(stdout);
		return true;
	}
	fprintf(stderr, "writer: what is \"%s\" with %d words?\n", words[0],
		count);
	return false;
}

int main(int argc, char **argv)
{
	char *line = NULL, *error;
	size_t room = 0;
	bool good = true;

	if (argc != 2) {
		fprintf(stderr, "usage: writer STORE\n");
		return EXIT_FAILURE;
	}
	if (sqb_store_open(argv[1], 0, &st, &error) != SQB_OK) {
		fprintf(stderr, "writer: %s\n", error ? error : "no store");
		return EXIT_FAILURE;
	}
	while (good && getline(&line, &room, stdin) > 0)
		good = obey(line);
	free(line);
	sqb_store_close(&st);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
