/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_LOG_H
#define IFS_LOG_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What went wrong, for the person who mounted: on stderr as long as there is a
 * terminal, in the system's log (syslog(3)) after that.  The last messages are
 * kept, for .imapfs/status.  Any thread may call.
 */
struct ifs_log;

struct ifs_log *ifs_log_new(void);
void ifs_log_free(struct ifs_log **log);

/* priority: of syslog(3).  The text is one line, without the newline. */
void ifs_log(struct ifs_log *log, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* From now on to the system's log. */
void ifs_log_use_syslog(struct ifs_log *log);

/* The last messages, the oldest first, a line each; to free(). */
char *ifs_log_recent(struct ifs_log *log);

#endif
