/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/inval.h"

#define TIMEOUT_SECS 1.0

int ifs_inval_start(struct ifs_fs *fs)
{
	(void)fs;
	return 0;
}

void ifs_inval_stop(struct ifs_fs *fs)
{
	(void)fs;
}

void ifs_inval_own(struct ifs_fs *fs, uint64_t modseq)
{
	(void)fs;
	(void)modseq;
}

double ifs_inval_timeout(struct ifs_fs *fs)
{
	(void)fs;
	return TIMEOUT_SECS;
}
