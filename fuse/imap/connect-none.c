/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Built --without-curl.
 */
#include "common/mem.h"
#include "fuse/imap/connect.h"

enum imap_err imap_connect(const struct imap_account *account,
			   struct imap_transport **transport_r, char **why_r)
{
	(void)account;
	(void)transport_r;
	*why_r = sqb_xstrdup("imapfs was built without libcurl, so it cannot "
			     "reach a server");
	return IMAP_TLS;
}
