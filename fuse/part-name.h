/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_PART_NAME_H
#define IFS_PART_NAME_H

#include "fuse/mime-tree.h"
#include "fuse/names.h"

/*
 * What a part is called as a file: "2.1-report.pdf", its number, which makes it
 * unique in its mail, and of the name that the mail gives what is harmless:
 *
 *	no directories: what is behind the last slash or backslash
 *	no control characters, none that change the direction of writing, no
 *	invalid UTF-8, no blanks, dots or dashes in front
 *	no more than fits: cut before the extension, and not within a character
 *
 * A part that has no name gets its type's extension: "2.1.pdf".
 */
void ifs_part_name(const struct ifs_mime_tree *tree, uint32_t part,
		   char name_r[IFS_NAME_MAX + 1]);

#endif
