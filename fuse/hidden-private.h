/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_HIDDEN_PRIVATE_H
#define IFS_HIDDEN_PRIVATE_H

#include "sqbox-config.h"

#include "fuse/hidden-node.h"
#include "fuse/hidden.h"
#include "fuse/inode.h"

/* For the files of .imapfs only. */

/* What is fixed there: UIDs of IFS_VIEW_FIXED of mailbox 0. */
enum { IFS_HIDDEN_ROOT = 1, IFS_HIDDEN_STATUS = 2 };

struct ifs_hidden {
	struct ifs_hidden_nodes *nodes; /* own */
#ifdef HAVE_GMIME
	struct ifs_texts *texts;           /* own; text-cache.h */
	struct ifs_text_store *text_store; /* own */
	struct ifs_parts *parts;           /* own; parts-view.h */
#endif
};

static inline fuse_ino_t ifs_hidden_ino(enum ifs_view view, uint32_t uid)
{
	struct sqb_mailbox_id none = { 0 };

	return ifs_ino_view(view, none, uid);
}

/* What is directly in .imapfs; NULL: there are no more. */
struct ifs_hidden_fixed {
	const char *name;
	mode_t type;
	enum ifs_view view;
	uint32_t uid;
};
const struct ifs_hidden_fixed *ifs_hidden_fixed(uint64_t n);

/* .imapfs/status as it is now; to free(). */
char *ifs_status_text(struct ifs_fs *fs);

#endif
