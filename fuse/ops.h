/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_OPS_H
#define IFS_OPS_H

#include "fuse/fuse.h"

/* The requests we answer; the session's user data is a struct ifs_fs. */
extern const struct fuse_lowlevel_ops ifs_ops;

#endif
