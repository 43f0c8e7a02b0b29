/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FILES_PRIVATE_H
#define IFS_FILES_PRIVATE_H

#include "fuse/files.h"

/*
 * For files.c: three hashes over the same files, by number, by message, and by
 * directory and name for scratch.  All are chained and grow together.  Scratch
 * is a list besides, for those who go through a directory.  The lock is held.
 */
struct ifs_files {
	pthread_mutex_t lock;
	fuse_ino_t next_ino; /* for scratch */
	unsigned int count, scratch;
	size_t buckets;                /* a power of two */
	struct ifs_file **by_ino;      /* own: the array; the files, too */
	struct ifs_file **by_name;     /* own: the array */
	struct ifs_file **by_message;  /* own: the array */
	struct ifs_file *first, *last; /* foreign; scratch, by number */

	/* Becomes a message just now; NULL: none. */
	struct ifs_file *coming; /* foreign */
	struct sqb_mailbox_id coming_box;
	uint32_t coming_uid;
	uint64_t moves; /* how often a file has become another message */
};

/* With empty hashes of so many buckets; 0: as many as at first. */
void ifs_table_init(struct ifs_files *files, size_t buckets);
/* Twice as many buckets. */
void ifs_table_grow(struct ifs_files *files);

/* NULL: there is none. */
struct ifs_file *ifs_table_ino(struct ifs_files *files, fuse_ino_t ino);
struct ifs_file *ifs_table_name(struct ifs_files *files, fuse_ino_t dir,
				const char *name);
struct ifs_file *ifs_table_message(struct ifs_files *files,
				   struct sqb_mailbox_id box, uint32_t uid);

void ifs_table_link_ino(struct ifs_files *files, struct ifs_file *file);
void ifs_table_unlink_ino(struct ifs_files *files, struct ifs_file *file);

/* By the box and UID in it, which unlinking sets to 0. */
void ifs_table_link_message(struct ifs_files *files, struct ifs_file *file);
void ifs_table_unlink_message(struct ifs_files *files, struct ifs_file *file);

/* It becomes scratch of this name, or is scratch no more. */
void ifs_table_set_name(struct ifs_files *files, struct ifs_file *file,
			fuse_ino_t dir, const char *name);
void ifs_table_unlink_name(struct ifs_files *files, struct ifs_file *file);

#endif
