/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQBOX_MAIL_H
#define SQBOX_MAIL_H

#include "common/message.h"

struct mail;

/* The mail's row; for a mail being saved, what its row will be. */
int sqbox_mail_get_row(struct mail *mail, struct sqb_message *msg_r);

#endif
