/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * sqbox: check, show, copy and rescue a store from the command line; see
 * sqbox(1).
 */
#include "sqbox-config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"
#include "common/maintain.h"
#include "common/remote.h"
#include "common/salvage.h"
#include "common/store.h"

#define EX_DAMAGED 1

struct args {
	const char *store;
	const char *dest; /* of backup and salvage */
	bool json;
};

struct command {
	const char *name;
	int operands;
	int (*run)(const struct args *args);
};

static const char usage_text[] =
	"usage: sqbox check STORE          verify everything in the store\n"
	"       sqbox stat [--json] STORE  show its figures\n"
	"       sqbox backup STORE DEST    copy it while it is in use\n"
	"       sqbox salvage STORE DEST   rescue what is readable of it\n"
	"       sqbox --help | --version\n";

static int exit_code(enum sqb_err err)
{
	switch (err) {
	case SQB_OK:
		return EX_OK;
	case SQB_CORRUPT:
		return EX_DAMAGED;
	case SQB_NOTFOUND:
		return EX_NOINPUT;
	case SQB_NOTOURS:
	case SQB_NEWER:
	case SQB_NOSELECT:
	case SQB_LIMIT:
		return EX_DATAERR;
	case SQB_EXISTS:
	case SQB_INVALID:
		return EX_CANTCREAT;
	case SQB_READONLY:
	case SQB_DENIED:
		return EX_NOPERM;
	case SQB_BUSY:
	case SQB_ABSENT:
		return EX_TEMPFAIL;
	case SQB_FULL:
	case SQB_IO:
		return EX_IOERR;
	case SQB_INTERNAL:
		return EX_SOFTWARE;
	}
	return EX_SOFTWARE;
}

/* Frees error, which may be NULL. */
static int fail(enum sqb_err err, char *error)
{
	fprintf(stderr, "sqbox: %s\n",
		error != NULL ? error : sqb_err_name(err));
	free(error);
	return exit_code(err);
}

/* A failure of a call on the store, which is closed. */
static int fail_store(struct sqb_store **st, enum sqb_err err)
{
	char *error = strdup(sqb_store_errmsg(*st));

	sqb_store_close(st);
	return fail(err, error);
}

/* Only for reading: what is damaged stays as it is.  false: *code_r. */
static bool open_store(const struct args *args, struct sqb_store **st_r,
		       int *code_r)
{
	char *error = NULL;
	enum sqb_err err =
		sqb_store_open(args->store, SQB_OPEN_READONLY, st_r, &error);

	if (err != SQB_OK)
		*code_r = fail(err, error);
	return err == SQB_OK;
}

/* Progress, for a person who watches; ten times a second. */
struct progress {
	bool watched; /* standard error is a terminal */
	bool shown;
	struct timespec last;
};

static void progress_show(struct progress *p, const struct sqb_check_step *step)
{
	struct timespec now;
	int64_t msecs;

	if (!p->watched)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	msecs = (int64_t)(now.tv_sec - p->last.tv_sec) * 1000 +
		(now.tv_nsec - p->last.tv_nsec) / 1000000;
	if (msecs < 100)
		return;
	p->last = now;
	p->shown = true;
	fprintf(stderr, "\r\033[K%s %" PRIu64 "/%" PRIu64, step->phase,
		step->done, step->total);
}

static void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

/* Print the problem that a step may have found. */
static void show_step(struct progress *p, const struct sqb_check_step *step)
{
	if (step->problem != NULL) {
		progress_clear(p);
		printf("%s\n", step->problem);
		fflush(stdout);
	}
	progress_show(p, step);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static int run_check(const struct args *args)
{
	struct progress progress = { .watched = isatty(STDERR_FILENO) == 1 };
	struct sqb_check_step step;
	struct sqb_check *check;
	uint64_t problems = 0;
	struct sqb_store *st;
	enum sqb_err err;
	int code;

	if (!open_store(args, &st, &code))
		return code;
	check = sqb_check_begin(st);
	while (sqb_check_next(check, &step))
		show_step(&progress, &step);
	progress_clear(&progress);
	err = sqb_check_end(&check, &problems);
	if (err != SQB_OK)
		return fail_store(&st, err);
	sqb_store_close(&st);
	printf("%s: %" PRIu64 " problem%s found\n", args->store, problems,
	       plural(problems));
	return problems == 0 ? EX_OK : EX_DAMAGED;
}

/* In JSON, octets that are none of a text's stay as they are. */
static void print_json_string(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

/* account: NULL if the store is no replica. */
static void print_stat(const struct sqb_store_stat *s, const char *account,
		       bool json)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "schema", s->schema },
		{ "mailboxes", s->mailboxes },
		{ "noselect", s->noselect },
		{ "subscriptions", s->subscriptions },
		{ "keywords", s->keywords },
		{ "messages", s->messages },
		{ "unseen", s->unseen },
		{ "vsize", s->vsize },
		{ "bodies", s->bodies },
		{ "bodies_free", s->bodies_free },
		{ "bodies_absent", s->bodies_absent },
		{ "modseq", s->modseq },
		{ "db_bytes", s->db_bytes },
		{ "wal_bytes", s->wal_bytes },
		{ "free_bytes", s->free_bytes },
	};
	const size_t count = sizeof(rows) / sizeof(rows[0]);
	size_t i;

	if (json)
		putchar('{');
	if (account != NULL && json) {
		fputs("\"account\": ", stdout);
		print_json_string(account);
		fputs(",\n ", stdout);
	} else if (account != NULL) {
		printf("%-14s %s\n", "account", account);
	}
	for (i = 0; i < count; i++) {
		if (json)
			printf("%s\"%s\": %" PRIu64 "%s", i == 0 ? "" : " ",
			       rows[i].name, rows[i].value,
			       i + 1 < count ? ",\n" : "}\n");
		else
			printf("%-14s %" PRIu64 "\n", rows[i].name,
			       rows[i].value);
	}
}

static int run_stat(const struct args *args)
{
	struct sqb_store_stat stat;
	char *account = NULL;
	struct sqb_store *st;
	enum sqb_err err;
	int code;

	if (!open_store(args, &st, &code))
		return code;
	err = sqb_store_stat(st, &stat);
	if (err == SQB_OK)
		err = sqb_remote_account_get(st, &account);
	if (err != SQB_OK && err != SQB_NOTFOUND)
		return fail_store(&st, err);
	sqb_store_close(&st);
	print_stat(&stat, account, args->json);
	free(account);
	return EX_OK;
}

static int run_backup(const struct args *args)
{
	struct sqb_store *st;
	enum sqb_err err;
	int code;

	if (!open_store(args, &st, &code))
		return code;
	err = sqb_backup(st, args->dest);
	if (err != SQB_OK)
		return fail_store(&st, err);
	sqb_store_close(&st);
	return EX_OK;
}

static int run_salvage(const struct args *args)
{
	struct progress progress = { .watched = isatty(STDERR_FILENO) == 1 };
	struct sqb_salvage_result result;
	struct sqb_check_step step;
	struct sqb_salvage *salvage;
	char *error = NULL;
	enum sqb_err err;

	salvage = sqb_salvage_begin(args->store, args->dest);
	while (sqb_salvage_next(salvage, &step))
		show_step(&progress, &step);
	progress_clear(&progress);
	err = sqb_salvage_end(&salvage, &result, &error);
	if (err != SQB_OK)
		return fail(err, error);
	printf("%s: %" PRIu64 " message%s in %" PRIu64 " mailbox%s, %" PRIu64
	       " of them in lost+found; %" PRIu64 " lost\n",
	       args->dest, result.messages, plural(result.messages),
	       result.mailboxes, result.mailboxes == 1 ? "" : "es",
	       result.found, result.lost);
	return result.problems + result.found == 0 ? EX_OK : EX_DAMAGED;
}

static const struct command commands[] = {
	{ "check", 1, run_check },
	{ "stat", 1, run_stat },
	{ "backup", 2, run_backup },
	{ "salvage", 2, run_salvage },
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int usage(void)
{
	fputs(usage_text, stderr);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct args args = { 0 };
	const struct command *command;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(usage_text, stdout);
			return EX_OK;
		case 'j':
			args.json = true;
			break;
		case 'v':
			puts("sqbox " PACKAGE_VERSION);
			return EX_OK;
		default:
			return usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 0)
		return usage();
	command = find_command(argv[0]);
	if (command == NULL) {
		fprintf(stderr, "sqbox: there is no command \"%s\"\n", argv[0]);
		return usage();
	}
	if (argc - 1 != command->operands ||
	    (args.json && command->run != run_stat))
		return usage();
	args.store = argv[1];
	args.dest = argv[2]; /* NULL where the command has one operand */
	c = command->run(&args);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("sqbox: cannot write the output");
		return EX_IOERR;
	}
	return c;
}
