/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "common/mem.h"

#define KEPT 16
#define LINE_SIZE 512

struct ifs_log {
	pthread_mutex_t lock;
	bool to_syslog;
	unsigned int count; /* of all messages so far */
	char lines[KEPT][LINE_SIZE];
};

struct ifs_log *ifs_log_new(void)
{
	struct ifs_log *log = sqb_xcalloc(1, sizeof(*log));

	(void)pthread_mutex_init(&log->lock, NULL);
	return log;
}

void ifs_log_free(struct ifs_log **log_p)
{
	struct ifs_log *log = *log_p;

	if (log == NULL)
		return;
	*log_p = NULL;
	(void)pthread_mutex_destroy(&log->lock);
	free(log);
}

void ifs_log_use_syslog(struct ifs_log *log)
{
	openlog("imapfs", LOG_PID, LOG_USER);
	log->to_syslog = true;
}

/* With the time of day, which status shows and syslog adds by itself. */
static void keep(struct ifs_log *log, const char *text)
{
	char *line = log->lines[log->count++ % KEPT];
	time_t now = time(NULL);
	struct tm tm;
	size_t len = 0;

	if (localtime_r(&now, &tm) != NULL)
		len = strftime(line, LINE_SIZE, "%Y-%m-%d %H:%M:%S ", &tm);
	(void)snprintf(line + len, LINE_SIZE - len, "%s", text);
}

void ifs_log(struct ifs_log *log, int priority, const char *format, ...)
{
	char text[LINE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)pthread_mutex_lock(&log->lock);
	keep(log, text);
	(void)pthread_mutex_unlock(&log->lock);
	if (log->to_syslog)
		syslog(priority, "%s", text);
	else
		fprintf(stderr, "imapfs: %s\n", text);
}

char *ifs_log_recent(struct ifs_log *log)
{
	char *text = sqb_xmalloc(KEPT * (LINE_SIZE + 1) + 1);
	unsigned int i, first;
	char *end = text;

	(void)pthread_mutex_lock(&log->lock);
	first = log->count > KEPT ? log->count - KEPT : 0;
	for (i = first; i < log->count; i++)
		end += snprintf(end, LINE_SIZE + 1, "%s\n",
				log->lines[i % KEPT]);
	(void)pthread_mutex_unlock(&log->lock);
	*end = '\0';
	return text;
}
