/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef REM_MOVED_H
#define REM_MOVED_H

#include "fuse/remote/sync.h"

/*
 * Messages that were moved at both ends, to different places: then the
 * server's is right.  Of a pass is remembered what was gone at the server when
 * it was gone here, too, and what has arrived.
 */
void rem_moved_forget(struct rem_sync *sync);
void rem_moved_lost(struct rem_sync *sync, struct sqb_body_id body);
void rem_moved_arrived(struct rem_sync *sync, const struct rem_box *box,
		       const struct rem_seen *seen);

/* Was it lost?  And has one like it arrived, elsewhere than in box? */
bool rem_moved_was_lost(const struct rem_sync *sync, struct sqb_body_id body);
bool rem_moved_is_there(struct rem_sync *sync, struct rem_box *box,
			struct rem_change *change, bool *there_r);

#endif
