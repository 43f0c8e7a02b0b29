/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/count.h"

const char *ifs_request_name(enum ifs_request which)
{
#define X(name) [IFS_REQUEST_##name] = #name,
	static const char *const names[] = { IFS_REQUESTS(X) };
#undef X

	return names[which];
}
