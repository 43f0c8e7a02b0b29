/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/remote/digest.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
/* Headers asked for at once: what is asked for is bounded, if not answered. */
#define AT_ONCE 500

static uint64_t go_on(uint64_t digest, const void *data, size_t size)
{
	const unsigned char *p = data;

	for (; size > 0; p++, size--)
		if (*p != '\r' && *p != '\n')
			digest = (digest ^ *p) * FNV_PRIME;
	return digest;
}

void rem_digests_free(struct rem_digests *digests)
{
	free(digests->list);
	memset(digests, 0, sizeof(*digests));
}

void rem_digests_begin(struct rem_digests *digests)
{
	digests->running = FNV_BASIS;
	digests->whole = false;
}

void rem_digests_data(struct rem_digests *digests, const void *data,
		      size_t size)
{
	digests->running = go_on(digests->running, data, size);
}

void rem_digests_end(struct rem_digests *digests, bool complete)
{
	digests->whole = complete;
}

void rem_digests_uid(struct rem_digests *digests, uint32_t uid)
{
	if (!digests->whole)
		return;
	digests->whole = false;
	digests->list = sqb_xgrow(digests->list, digests->count,
				  &digests->alloc, sizeof(*digests->list));
	digests->list[digests->count++] =
		(struct rem_digest){ uid, digests->running };
}

static int by_uid(const void *a, const void *b)
{
	const struct rem_digest *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

bool rem_digests_find(const struct rem_digests *digests, uint32_t uid,
		      uint64_t *digest_r)
{
	struct rem_digest key = { .uid = uid }, *found = NULL;

	if (digests->count > 0)
		found = bsearch(&key, digests->list, digests->count,
				sizeof(key), by_uid);
	if (found != NULL)
		*digest_r = found->digest;
	return found != NULL;
}

static bool fetch_some(struct rem_sync *sync, const struct rem_ranges *uids)
{
	char *set = rem_ranges_text(uids);
	enum imap_err err;
	unsigned int n;

	if (set == NULL)
		return true;
	imap_command_begin(sync->client);
	imap_command_text(sync->client, "UID FETCH ");
	imap_command_text(sync->client, set);
	imap_command_text(sync->client, " (UID BODY.PEEK[HEADER])");
	n = imap_command_send(sync->client);
	free(set);
	return rem_wait(sync, n, &err, NULL);
}

bool rem_digests_fetch(struct rem_sync *sync, const struct rem_ranges *uids,
		       struct rem_digests *digests)
{
	struct rem_ranges some = { 0 };
	bool ok = true;
	uint64_t uid;
	size_t i;

	sync->digests = digests;
	for (i = 0; i < uids->count && ok; i++) {
		for (uid = uids->list[i].lo; uid <= uids->list[i].hi && ok;
		     uid++) {
			rem_ranges_add(&some, (uint32_t)uid, (uint32_t)uid);
			if (rem_ranges_size(&some) < AT_ONCE)
				continue;
			ok = fetch_some(sync, &some);
			some.count = 0;
		}
	}
	if (ok)
		ok = fetch_some(sync, &some);
	sync->digests = NULL;
	rem_ranges_free(&some);
	if (digests->count > 0)
		qsort(digests->list, digests->count, sizeof(*digests->list),
		      by_uid);
	return ok;
}

void rem_digest_here(struct rem_sync *sync, struct rem_change *change)
{
	struct sqb_body_reader *r;
	const struct sqb_body_info *info;
	uint64_t offset = 0, digest = FNV_BASIS;
	const void *data;
	size_t size;
	enum sqb_err err;

	if (change->has_digest || change->no_digest)
		return;
	change->no_digest = true;
	err = sqb_body_open_id(sync->st, change->body, &r);
	if (err != SQB_OK)
		return; /* absent, damaged, freed */
	info = sqb_body_reader_info(r);
	while (offset < info->hdr_size) {
		err = sqb_body_data(r, offset, &data, &size);
		if (err != SQB_OK || size == 0)
			break;
		if (size > info->hdr_size - offset)
			size = (size_t)(info->hdr_size - offset);
		digest = go_on(digest, data, size);
		offset += size;
	}
	if (err == SQB_OK && info->vsize > 0) {
		change->no_digest = false;
		change->has_digest = true;
		change->digest = digest;
	}
	sqb_body_close(&r);
}
