/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * .imapfs/status.  Scripts read it: a key, a blank, and the value to the end of
 * the line.  Keys may be added, but do not change.
 */
#include "sqbox-config.h"

#include "fuse/hidden-private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/files.h"
#include "fuse/handle.h"
#include "fuse/ifs-error.h"
#include "fuse/log.h"
#include "fuse/replica.h"
#ifdef HAVE_GMIME
#include "fuse/text-view.h"
#endif

static void line(FILE *out, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void line(FILE *out, const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)fprintf(out, "%s ", key);
	(void)vfprintf(out, format, args);
	(void)fputc('\n', out);
	va_end(args);
}

static const char *yes_or_no(bool value)
{
	return value ? "yes" : "no";
}

static const char *layout_name(enum ifs_layout layout)
{
	switch (layout) {
	case IFS_LAYOUT_PLAIN:
		return "plain";
	case IFS_LAYOUT_MAILDIR:
		return "maildir";
	}
	return "unknown";
}

/* A directory's name may hold a line end, which must not make a line. */
static void path_line(FILE *out, const char *key, const char *path)
{
	(void)fprintf(out, "%s ", key);
	for (; *path != '\0'; path++)
		(void)fputc((unsigned char)*path < ' ' ? '?' : *path, out);
	(void)fputc('\n', out);
}

static void mount_lines(struct ifs_fs *fs, FILE *out)
{
	char mounted[64] = "unknown";
	struct tm tm;

	line(out, "version", "%s", PACKAGE_VERSION);
	path_line(out, "source", ifs_options_shown(fs->opts));
	if (fs->replica != NULL)
		path_line(out, "replica", fs->opts->source);
	path_line(out, "mountpoint", fs->opts->mountpoint);
	line(out, "layout", "%s", layout_name(fs->opts->layout));
	if (gmtime_r(&fs->mounted.tv_sec, &tm) != NULL)
		(void)strftime(mounted, sizeof(mounted), "%Y-%m-%dT%H:%M:%SZ",
			       &tm);
	line(out, "mounted", "%s", mounted);
	line(out, "read-only", "%s", yes_or_no(fs->opts->readonly));
}

static void store_lines(struct ifs_fs *fs, FILE *out)
{
	struct sqb_store *st = ifs_read_begin(fs);
	struct sqb_store_stat stat;
	int error = ifs_errno(fs, st, sqb_store_stat(st, &stat));

	ifs_read_end(fs);
	if (error != 0) {
		line(out, "error", "the store cannot be read: %s",
		     strerror(error));
		return;
	}
	line(out, "mailboxes", "%" PRIu32, stat.mailboxes);
	line(out, "messages", "%" PRIu64, stat.messages);
	line(out, "unseen", "%" PRIu64, stat.unseen);
	line(out, "modseq", "%" PRIu64, stat.modseq);
}

/* There "key: value".  Words of a server may hold anything. */
static void replica_lines(struct ifs_fs *fs, FILE *out)
{
	char *lines = ifs_replica_status(fs), *at = lines, *next, *colon;

	while (at != NULL && (next = strchr(at, '\n')) != NULL) {
		*next = '\0';
		colon = strstr(at, ": ");
		if (colon != NULL) {
			*colon = '\0';
			path_line(out, at, colon + 2);
		}
		at = next + 1;
	}
	free(lines);
	if (fs->replica != NULL)
		line(out, "waiting-requests", "%u", ifs_replica_waiting(fs));
}

static void file_lines(struct ifs_fs *fs, FILE *out)
{
	line(out, "scratch-files", "%u", ifs_files_scratch(fs->files));
	line(out, "open-files", "%u", ifs_handles_count(fs));
}

static void request_lines(struct ifs_fs *fs, FILE *out)
{
	enum ifs_request which;

	for (which = 0; which < IFS_REQUEST_COUNT; which++)
		(void)fprintf(out, "requests-%s %" PRIu64 "\n",
			      ifs_request_name(which),
			      (uint64_t)fs->counts.requests[which]);
}

static void text_lines(struct ifs_fs *fs, FILE *out)
{
#ifdef HAVE_GMIME
	struct ifs_texts_stat stat;

	ifs_texts_stat(fs->hidden->texts, &stat);
	line(out, "text-decoded", "%" PRIu64, stat.decoded);
	line(out, "text-kept", "%u", stat.kept);
	line(out, "text-kept-bytes", "%" PRIu64, stat.kept_bytes);
#else
	(void)fs;
	line(out, "text", "none: built without GMime");
#endif
}

static void log_lines(struct ifs_fs *fs, FILE *out)
{
	char *text = ifs_log_recent(fs->log), *at = text, *next;

	while ((next = strchr(at, '\n')) != NULL) {
		*next = '\0';
		line(out, "log", "%s", at);
		at = next + 1;
	}
	free(text);
}

char *ifs_status_text(struct ifs_fs *fs)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return sqb_xstrdup("error out of memory\n");
	mount_lines(fs, out);
	store_lines(fs, out);
	replica_lines(fs, out);
	file_lines(fs, out);
	request_lines(fs, out);
	text_lines(fs, out);
	log_lines(fs, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return sqb_xstrdup("error out of memory\n");
}
