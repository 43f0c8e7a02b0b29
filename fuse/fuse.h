/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_FUSE_H
#define IFS_FUSE_H

/* The version of libfuse's interface that all of fuse/ is written for. */
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#endif
