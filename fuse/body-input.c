/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/body-input.h"

#include "common/file.h"
#include "fuse/ifs-error.h"

static int read_body(void *context, uint64_t offset, void *buf, size_t size,
		     size_t *got_r)
{
	struct ifs_body_input *body = context;
	struct sqb_store *st = ifs_read_begin(body->fs);
	enum sqb_err err =
		sqb_file_read(body->reader, offset, buf, size, got_r);
	int ret = ifs_errno(body->fs, st, err);

	ifs_read_end(body->fs);
	return ret;
}

int ifs_body_input_open(struct ifs_body_input *body, struct ifs_fs *fs,
			struct sqb_mailbox_id box, uint32_t uid)
{
	struct sqb_store *st = ifs_read_begin(fs);
	enum sqb_err err = sqb_file_open(st, box, uid, &body->reader);
	int ret = ifs_errno(fs, st, err);

	ifs_read_end(fs);
	body->fs = fs;
	body->input.read = read_body;
	body->input.context = body;
	return ret;
}

void ifs_body_input_close(struct ifs_body_input *body)
{
	(void)ifs_read_begin(body->fs);
	sqb_file_close(&body->reader);
	ifs_read_end(body->fs);
}
