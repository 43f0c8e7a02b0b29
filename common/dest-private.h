/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_DEST_PRIVATE_H
#define SQB_DEST_PRIVATE_H

#include "common/store-private.h"

/*
 * For the files of common/ only: the directory that a new store is written
 * to.  store.db gets its name last, when it is whole and on the disk: a
 * directory with a store.db in it holds a good store.
 */
struct sqb_dest {
	struct sqb_store *log; /* foreign: takes failures */
	char *dir;             /* own; absolute, without symbolic links */
	int dir_fd;            /* own */
	bool made;             /* the directory did not exist before */
};

/* SQB_EXISTS: there is something in it. */
enum sqb_err sqb_dest_open(struct sqb_dest *d, struct sqb_store *log,
			   const char *path);

/* Sync the file, which nobody has open, and make it store.db. */
enum sqb_err sqb_dest_publish(struct sqb_dest *d, const char *file);

/* Unless it is kept, an empty directory that open() has made goes again. */
void sqb_dest_close(struct sqb_dest *d, bool keep);

#endif
