/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_ERROR_H
#define IFS_ERROR_H

#include "common/error.h"
#include "fuse/fs.h"

/*
 * The errno value of a result, 0 for SQB_OK.  What a program cannot be told by
 * errno (damage, a failing disk, a fault of ours) is put into the log as the
 * store says it.
 */
int ifs_errno(struct ifs_fs *fs, struct sqb_store *st, enum sqb_err err);

#endif
