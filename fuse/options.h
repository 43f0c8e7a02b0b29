/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_OPTIONS_H
#define IFS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fuse/account.h"
#include "fuse/fuse.h"

/* The command line of imapfs; see imapfs(1). */
enum ifs_layout { IFS_LAYOUT_PLAIN, IFS_LAYOUT_MAILDIR };
enum ifs_rm { IFS_RM_TRASH, IFS_RM_EXPUNGE };

/* What is for a remote account only. */
struct ifs_remote_options {
	struct ifs_account account; /* own; url NULL: there is none */
	char *passcmd;              /* own, as is what follows; NULL: none */
	char *netrc, *cafile;       /* absolute */
	char *replica;              /* as given; source is where it is */
	const char *given;          /* foreign: the last one of these */
	bool oauth;                 /* the password is a token */
	bool sync;                  /* close() waits for the server */
	bool retry;                 /* what was refused is tried again */
	unsigned int timeout;       /* seconds of any wait for the network */
	int bodies_days;            /* as in fuse/remote/remote.h */
};

struct ifs_options {
	char *source;     /* own; the directory of the store, absolute */
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
	struct ifs_remote_options remote;
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

static inline bool ifs_options_are_remote(const struct ifs_options *opts)
{
	return opts->remote.account.url != NULL;
}

/* What is mounted, as mount(8) shows it: the directory, or the URL. */
const char *ifs_options_shown(const struct ifs_options *opts);

#endif
