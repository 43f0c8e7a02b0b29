/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/ifs-error.h"

#include <errno.h>
#include <syslog.h>

#include "fuse/log.h"

static int fault(struct ifs_fs *fs, struct sqb_store *st, int code)
{
	ifs_log(fs->log, LOG_ERR, "%s", sqb_store_errmsg(st));
	return code;
}

int ifs_errno(struct ifs_fs *fs, struct sqb_store *st, enum sqb_err err)
{
	switch (err) {
	case SQB_OK:
		return 0;
	case SQB_NOTFOUND:
		return ENOENT;
	case SQB_EXISTS:
		return EEXIST;
	case SQB_INVALID:
		return EINVAL;
	case SQB_NOSELECT:
		return EPERM;
	case SQB_LIMIT:
		return EFBIG;
	case SQB_BUSY:
		return fault(fs, st, ETIMEDOUT);
	case SQB_FULL:
		return ENOSPC;
	case SQB_READONLY:
		return EROFS;
	case SQB_DENIED:
		return EACCES;
	case SQB_ABSENT:
		return EHOSTDOWN;
	case SQB_NOTOURS:
	case SQB_NEWER:
	case SQB_CORRUPT:
	case SQB_IO:
	case SQB_INTERNAL:
		return fault(fs, st, EIO);
	}
	return EIO;
}
