/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_DEFLATE_H
#define IMAP_DEFLATE_H

#include "fuse/imap/client.h"

/*
 * COMPRESS=DEFLATE (RFC 4978): a transport that compresses what is written,
 * and decompresses what is read, over another, which it takes over.  early is
 * what was read of that already; it is copied.  traffic counts the octets of
 * the transport below.
 */
struct imap_transport *imap_deflate_new(struct imap_transport *below,
					const void *early, size_t early_size,
					struct imap_traffic *traffic);

#endif
