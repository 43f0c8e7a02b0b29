/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_BODY_INPUT_H
#define IFS_BODY_INPUT_H

#include "fuse/fs.h"
#include "fuse/mime-tree.h"

/*
 * A stored message as the input of the MIME decoder.  The reading handle is
 * taken for each block, and given back while that is looked at.
 */
struct ifs_body_input {
	struct ifs_mime_input input;
	struct ifs_fs *fs;              /* foreign */
	struct sqb_file_reader *reader; /* own */
};

/* 0; ENOENT: no such message (any more); or another errno value. */
int ifs_body_input_open(struct ifs_body_input *body, struct ifs_fs *fs,
			struct sqb_mailbox_id box, uint32_t uid);
void ifs_body_input_close(struct ifs_body_input *body);

#endif
