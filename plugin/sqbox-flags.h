/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_FLAGS_H
#define SQBOX_FLAGS_H

#include "mail-types.h"
#include "common/message.h"

/* Between the flags and keywords of Dovecot and those of the store. */

/* System flags; \Recent is none of the store's. */
unsigned int sqbox_flags_to_store(enum mail_flags flags);
enum mail_flags sqbox_flags_from_store(unsigned int flags);

/* Sorts keyword numbers into the form of the store; in the data stack. */
void sqbox_keywords_from_array(ARRAY_TYPE(uint32_t) * numbers,
			       struct sqb_keywords *keywords_r);

#endif
