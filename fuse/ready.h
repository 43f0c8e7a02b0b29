/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_READY_H
#define IFS_READY_H

#include <stdbool.h>

/*
 * Who started us waits until the mount answers: a process of ours that is to
 * be told an exit code by a pipe, or systemd (Type=notify), or both, or nobody.
 */
struct ifs_ready {
	int fd; /* own; -1: there is no such process */
	bool told;
};

/*
 * The mount answers (code 0), or there will be none (an exit code).  Only the
 * first call counts.
 */
void ifs_ready_tell(struct ifs_ready *ready, int code);

#endif
