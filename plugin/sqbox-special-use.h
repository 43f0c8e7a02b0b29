/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_SPECIAL_USE_H
#define SQBOX_SPECIAL_USE_H

#include "common/mailbox.h"

struct mailbox;
struct mail_namespace;

/*
 * Special uses (RFC 6154) are of Dovecot's configuration.  The store has them
 * too, for those who do not read that: a namespace that configures any records
 * them, one that configures none shows what the store has.
 */

/* A mailbox has been opened for writing: record its use, if it has changed. */
void sqbox_special_use_record(struct mailbox *box,
			      const struct sqb_mailbox_status *status);

/* What LIST shows of a mailbox that is not configured; NULL: nothing. */
const char *sqbox_special_use_of(struct mail_namespace *ns, pool_t pool,
				 const struct sqb_mailbox_status *status);

#endif
