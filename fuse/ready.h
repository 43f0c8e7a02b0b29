/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_READY_H
#define IFS_READY_H

#include <pthread.h>
#include <stdbool.h>

#define IFS_PROGRESS_SIZE 256 /* octets of a line, with its NUL */

/*
 * Who started us waits until the mount answers: a process of ours that is to
 * be told an exit code by a pipe, or systemd (Type=notify), or both, or nobody.
 * A person at a terminal may watch what goes on after that.  Any thread may
 * call.
 */
struct ifs_ready {
	pthread_mutex_t lock; /* of what follows */
	int fd;               /* own; -1: there is no such process */
	bool piped;           /* there was one */
	bool told;
	bool watched;                   /* it stays, to show what goes on */
	char result[IFS_PROGRESS_SIZE]; /* the last line, came before told */
};

/* fd: the pipe's end, or -1. */
void ifs_ready_init(struct ifs_ready *ready, int fd);

/*
 * The mount answers (code 0), or there will be none (an exit code).  Only the
 * first call counts.
 */
void ifs_ready_tell(struct ifs_ready *ready, int code);

/* Before that: there will be progress to be shown, if there is a terminal. */
void ifs_ready_watch(struct ifs_ready *ready);

/* One line on how it goes, also for systemd; the last one when it is over. */
void ifs_ready_progress(struct ifs_ready *ready, const char *text, bool last);

/*
 * In the process that waits: the exit code; with a terminal it goes on to show
 * the progress, which the person may end with ^C: the mount stays.
 */
int ifs_ready_wait(int fd);

#endif
