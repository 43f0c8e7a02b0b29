/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/mem.h"

#define IN_MEMORY_MAX (1024 * 1024)

struct ifs_draft {
	struct ifs_draft_space *space; /* foreign */
	uint64_t size;                 /* as counted there */
	char *data;                    /* own; while fd is -1 */
	size_t alloc;
	int fd; /* own; -1: all is in data */
};

struct ifs_draft *ifs_draft_new(struct ifs_draft_space *space)
{
	struct ifs_draft *draft = sqb_xcalloc(1, sizeof(*draft));

	draft->space = space;
	draft->fd = -1;
	return draft;
}

void ifs_draft_free(struct ifs_draft **draft_p)
{
	struct ifs_draft *draft = *draft_p;

	if (draft == NULL)
		return;
	*draft_p = NULL;
	draft->space->used -= draft->size;
	if (draft->fd >= 0)
		(void)close(draft->fd);
	free(draft->data);
	free(draft);
}

uint64_t ifs_draft_size(const struct ifs_draft *draft)
{
	return draft->size;
}

int ifs_draft_read(struct ifs_draft *draft, uint64_t offset, void *buf,
		   size_t size, size_t *got_r)
{
	size_t got = 0;
	ssize_t n;

	*got_r = 0;
	if (offset >= draft->size)
		return 0;
	if (size > draft->size - offset)
		size = (size_t)(draft->size - offset);
	if (draft->fd < 0) {
		memcpy(buf, draft->data + offset, size);
		*got_r = size;
		return 0;
	}
	while (got < size) {
		n = pread(draft->fd, (char *)buf + got, size - got,
			  (off_t)(offset + got));
		if (n < 0 && errno != EINTR)
			return errno;
		if (n == 0)
			return EIO;
		if (n > 0)
			got += (size_t)n;
	}
	*got_r = got;
	return 0;
}

static int write_all(int fd, uint64_t offset, const char *data, size_t size)
{
	ssize_t n;

	while (size > 0) {
		n = pwrite(fd, data, size, (off_t)offset);
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			data += n;
			offset += (uint64_t)n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* O_TMPFILE: it has no name from the start, so nothing can stay behind. */
static int move_to_file(struct ifs_draft *draft)
{
	int fd = open(draft->space->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return errno;
	ret = write_all(fd, 0, draft->data, (size_t)draft->size);
	if (ret != 0) {
		(void)close(fd);
		return ret;
	}
	draft->fd = fd;
	free(draft->data);
	draft->data = NULL;
	draft->alloc = 0;
	return 0;
}

/* In memory: room for size octets, those past the end being zeroes. */
static void make_room(struct ifs_draft *draft, size_t size)
{
	size_t alloc = draft->alloc > 0 ? draft->alloc : 4096;

	if (size > draft->alloc) {
		while (alloc < size)
			alloc *= 2;
		draft->data = sqb_xrealloc(draft->data, alloc);
		draft->alloc = alloc;
	}
	if (size > draft->size)
		memset(draft->data + draft->size, 0,
		       size - (size_t)draft->size);
}

/* Two that grow at a time may both be refused where one had found room. */
static int claim(struct ifs_draft_space *space, uint64_t more)
{
	if (atomic_fetch_add(&space->used, more) + more <= space->max)
		return 0;
	(void)atomic_fetch_sub(&space->used, more);
	return ENOSPC;
}

/* Everything but the size, for a draft that will have size octets. */
static int grow(struct ifs_draft *draft, uint64_t size)
{
	int ret = claim(draft->space, size - draft->size);

	if (ret == 0 && draft->fd < 0 && size > IN_MEMORY_MAX) {
		ret = move_to_file(draft);
		if (ret != 0)
			draft->space->used -= size - draft->size;
	}
	if (ret == 0 && draft->fd < 0)
		make_room(draft, (size_t)size);
	return ret;
}

int ifs_draft_write(struct ifs_draft *draft, uint64_t offset, const void *data,
		    size_t size)
{
	uint64_t end = offset + size, more = 0;
	int ret = 0;

	if (size == 0)
		return 0;
	if (end > draft->size) {
		more = end - draft->size;
		ret = grow(draft, end);
	}
	if (ret != 0)
		return ret;
	if (draft->fd < 0)
		memcpy(draft->data + offset, data, size);
	else
		ret = write_all(draft->fd, offset, data, size);
	if (ret == 0) {
		draft->size += more;
		return 0;
	}
	/* What of it was written past the end is not to be seen. */
	draft->space->used -= more;
	if (more > 0 && ftruncate(draft->fd, (off_t)draft->size) < 0)
		ret = EIO;
	return ret;
}

int ifs_draft_truncate(struct ifs_draft *draft, uint64_t size)
{
	int ret = 0;

	if (size > draft->size)
		ret = grow(draft, size);
	if (ret != 0)
		return ret;
	if (draft->fd >= 0 && ftruncate(draft->fd, (off_t)size) < 0) {
		ret = errno;
		if (size > draft->size)
			draft->space->used -= size - draft->size;
		return ret;
	}
	if (size < draft->size)
		draft->space->used -= draft->size - size;
	draft->size = size;
	return 0;
}
