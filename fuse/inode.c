/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/inode.h"

#define MADE_UP (UINT64_C(1) << 63)
#define VIEW_SHIFT 61
#define BOX_SHIFT 32

enum ifs_node_kind ifs_node_kind(fuse_ino_t ino)
{
	if (ino == FUSE_ROOT_ID)
		return IFS_NODE_ROOT;
	if ((ino & MADE_UP) != 0)
		return ifs_ino_view_of(ino) == IFS_VIEW_FIXED &&
				       ifs_ino_box(ino).n != 0
			       ? IFS_NODE_LAYOUT
			       : IFS_NODE_HIDDEN;
	if (ino >> BOX_SHIFT == 0)
		return IFS_NODE_LOCAL;
	return ifs_ino_uid(ino) == 0 ? IFS_NODE_MAILBOX : IFS_NODE_MESSAGE;
}

fuse_ino_t ifs_ino_mailbox(struct sqb_mailbox_id box)
{
	return box.n == 0 ? FUSE_ROOT_ID : (fuse_ino_t)box.n << BOX_SHIFT;
}

fuse_ino_t ifs_ino_message(struct sqb_mailbox_id box, uint32_t uid)
{
	return (fuse_ino_t)box.n << BOX_SHIFT | uid;
}

struct sqb_mailbox_id ifs_ino_box(fuse_ino_t ino)
{
	struct sqb_mailbox_id box = { (int64_t)(ino >> BOX_SHIFT) &
				      IFS_BOX_MAX };

	return box;
}

uint32_t ifs_ino_uid(fuse_ino_t ino)
{
	return (uint32_t)(ino & UINT32_MAX);
}

fuse_ino_t ifs_ino_view(enum ifs_view view, struct sqb_mailbox_id box,
			uint32_t uid)
{
	return MADE_UP | (fuse_ino_t)view << VIEW_SHIFT |
	       ifs_ino_message(box, uid);
}

enum ifs_view ifs_ino_view_of(fuse_ino_t ino)
{
	return (enum ifs_view)(ino >> VIEW_SHIFT & 3);
}
