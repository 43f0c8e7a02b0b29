/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_ERROR_H
#define SQB_ERROR_H

/*
 * Results of the functions of libsqbox.
 *
 * Every function that can fail returns one of these.  Unless its comment says
 * that a code is an answer, a code other than SQB_OK leaves a sentence in
 * sqb_store_errmsg() that names the thing, and where there is one, the fix.
 * Outputs (names ending in _r) are written only with SQB_OK.
 */
enum sqb_err {
	SQB_OK = 0,
	SQB_NOTFOUND, /* no such mailbox, message, keyword, file */
	SQB_EXISTS,   /* the name is taken */
	SQB_INVALID,  /* an argument breaks a rule of the model */
	SQB_NOSELECT, /* the mailbox holds no messages (RFC 3501 7.2.2) */
	SQB_LIMIT,    /* a number has run out, a size is over its limit */
	SQB_BUSY,     /* other writers held the store past the deadline */
	SQB_FULL,     /* disk or quota full; expunge still works */
	SQB_READONLY, /* opened read-only, or stopped after a failed sync */
	SQB_DENIED,   /* the system refuses access */
	SQB_NOTOURS, /* not a store, or on a file system that cannot hold one */
	SQB_NEWER,   /* a store of a newer schema than this program knows */
	SQB_ABSENT,  /* the body is still at the server (remote.h) */
	SQB_CORRUPT, /* damaged: of the message read, or of the whole file */
	SQB_IO,      /* the disk failed, or another system call */
	SQB_INTERNAL, /* a fault of ours */
};

/* "not found", "exists", ...: for messages that have no better sentence. */
const char *sqb_err_name(enum sqb_err err);

#endif
