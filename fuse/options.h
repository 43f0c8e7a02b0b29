/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_OPTIONS_H
#define IFS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fuse/fuse.h"

/* The command line of imapfs; see imapfs(1). */
enum ifs_layout { IFS_LAYOUT_PLAIN, IFS_LAYOUT_MAILDIR };
enum ifs_rm { IFS_RM_TRASH, IFS_RM_EXPUNGE };

struct ifs_options {
	char *source;     /* own; the directory of a store, absolute */
	char *mountpoint; /* own; absolute */
	enum ifs_layout layout;
	enum ifs_rm rm;
	bool readonly;
	bool foreground; /* -f */
	bool debug;      /* -d */
	uint64_t quota;  /* octets; 0: none */
	uid_t uid;       /* of all files */
	gid_t gid;
	mode_t umask;
	struct fuse_args
		mount_args; /* own; what is for libfuse and the kernel */
};

/*
 * Read a command line.  0: go on.  -1: it asked for nothing but help or the
 * version, which was printed.  Else an exit code of sysexits.h, and one line on
 * stderr has said why.
 */
int ifs_options_parse(struct ifs_options *opts, int argc, char *argv[]);
void ifs_options_free(struct ifs_options *opts);

#endif
