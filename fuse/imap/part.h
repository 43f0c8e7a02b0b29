/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_PART_H
#define IMAP_PART_H

#include "fuse/imap/response.h"

/*
 * Is this FETCH item the name of a message part: BODY[section]<n>,
 * BINARY[section]<n>, RFC822, RFC822.HEADER, RFC822.TEXT?  *section_r of
 * *size_r octets: as BODY[section] would name it.
 */
bool imap_part_section(const struct imap_value *name, const char **section_r,
		       size_t *size_r);

#endif
