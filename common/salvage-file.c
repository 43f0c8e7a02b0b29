/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The pages of a damaged store.db, and of its WAL.
 *
 * Nothing is written, and SQLite does not see the file: it would replay the
 * WAL into it.
 */
#include "common/mem.h"
#include "common/salvage-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_MAGIC 0x377f0682 /* + 1: checksums of big-endian words */
#define WAL_VERSION 3007000

/* More cannot be, and a damaged number shall not take all memory. */
#define PAGES_MAX (UINT32_C(1) << 26)

#define MAP_ENTRY 5
#define MAP_ENTRIES (SQB_PAGE_SIZE / MAP_ENTRY)
/* SQLite locks octets of this page and stores nothing in it. */
#define LOCK_PAGE (0x40000000 / SQB_PAGE_SIZE + 1)

static uint32_t little32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[1] << 8 | p[0];
}

/* All of it, or what there is: *size_r octets. */
static enum sqb_err read_at(struct sqb_pages *p, int fd, void *buf, size_t size,
			    uint64_t offset, size_t *size_r)
{
	size_t done = 0;
	ssize_t n = 1;

	while (done < size && n != 0) {
		n = pread(fd, (uint8_t *)buf + done, size - done,
			  (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EIO)
			break; /* what the disk cannot read is damage */
		if (n < 0)
			return sqb_fail_errno(p->log, "reading the store");
		done += (size_t)n;
	}
	*size_r = done;
	return SQB_OK;
}

static uint64_t frame_offset(uint32_t frame)
{
	return SQB_WAL_HEADER +
	       (uint64_t)(frame - 1) * (SQB_FRAME_HEADER + SQB_PAGE_SIZE);
}

enum sqb_err sqb_page_read(struct sqb_pages *p, uint32_t n,
			   uint8_t page_r[SQB_PAGE_SIZE])
{
	uint64_t offset;
	enum sqb_err err;
	size_t size = 0;
	int fd = p->db_fd;

	if (n < 1 || n > p->count)
		return SQB_CORRUPT;
	offset = (uint64_t)(n - 1) * SQB_PAGE_SIZE;
	if (p->frame[n] != 0) {
		fd = p->wal_fd;
		offset = frame_offset(p->frame[n]) + SQB_FRAME_HEADER;
	}
	err = read_at(p, fd, page_r, SQB_PAGE_SIZE, offset, &size);
	if (err == SQB_OK && size < SQB_PAGE_SIZE)
		err = SQB_CORRUPT;
	return err;
}

/* The sums that SQLite chains from frame to frame. */
struct wal_sum {
	uint32_t (*word)(const uint8_t *p);
	uint32_t a, b;
};

static void add_to_sum(struct wal_sum *sum, const uint8_t *data, size_t size)
{
	for (; size >= 8; size -= 8, data += 8) {
		sum->a += sum->word(data) + sum->b;
		sum->b += sum->word(data + 4) + sum->a;
	}
}

static bool wal_header_ok(const uint8_t *header, struct wal_sum *sum)
{
	sum->a = sum->b = 0;
	sum->word = sqb_big32(header) == WAL_MAGIC ? little32 : sqb_big32;
	add_to_sum(sum, header, 24);
	return (sqb_big32(header) & ~UINT32_C(1)) == WAL_MAGIC &&
	       sqb_big32(header + 4) == WAL_VERSION &&
	       sqb_big32(header + 8) == SQB_PAGE_SIZE &&
	       sqb_big32(header + 24) == sum->a &&
	       sqb_big32(header + 28) == sum->b;
}

/* Which page each frame is; up to the last commit they count. */
struct wal_list {
	uint32_t *pages; /* own; of frame n + 1 */
	size_t count, alloc;
	size_t committed;
	uint32_t db_pages; /* of the file at the last commit */
};

static enum sqb_err list_frames(struct sqb_pages *p, struct wal_list *list)
{
	uint8_t buf[SQB_FRAME_HEADER + SQB_PAGE_SIZE], salt[8];
	struct wal_sum sum;
	enum sqb_err err;
	size_t size = 0;

	err = read_at(p, p->wal_fd, buf, SQB_WAL_HEADER, 0, &size);
	if (err != SQB_OK || size < SQB_WAL_HEADER || !wal_header_ok(buf, &sum))
		return err;
	memcpy(salt, buf + 16, sizeof(salt));
	while (list->count < PAGES_MAX) {
		err = read_at(p, p->wal_fd, buf, sizeof(buf),
			      frame_offset((uint32_t)list->count + 1), &size);
		if (err != SQB_OK || size < sizeof(buf) ||
		    memcmp(buf + 8, salt, sizeof(salt)) != 0)
			break;
		add_to_sum(&sum, buf, 8);
		add_to_sum(&sum, buf + SQB_FRAME_HEADER, SQB_PAGE_SIZE);
		if (sqb_big32(buf + 16) != sum.a ||
		    sqb_big32(buf + 20) != sum.b)
			break;
		list->pages = sqb_xgrow(list->pages, list->count, &list->alloc,
					sizeof(*list->pages));
		list->pages[list->count++] = sqb_big32(buf);
		if (sqb_big32(buf + 4) == 0)
			continue;
		list->committed = list->count;
		list->db_pages = sqb_big32(buf + 4);
	}
	return err;
}

/* How many pages there are, and which of them are in the WAL. */
static void lay_over(struct sqb_pages *p, const struct wal_list *list,
		     uint64_t db_pages)
{
	uint32_t limit = db_pages < PAGES_MAX ? (uint32_t)db_pages : PAGES_MAX;
	size_t i;

	for (i = 0; i < list->committed; i++) {
		if (list->pages[i] > limit && list->pages[i] <= PAGES_MAX)
			limit = list->pages[i];
	}
	if (list->committed > 0 && list->db_pages < limit)
		limit = list->db_pages;
	p->count = limit;
	p->frame = sqb_xcalloc((size_t)limit + 1, sizeof(*p->frame));
	for (i = 0; i < list->committed; i++) {
		if (list->pages[i] >= 1 && list->pages[i] <= limit)
			p->frame[list->pages[i]] = (uint32_t)i + 1;
	}
}

/* Take a page of the pointer map over, unless it makes no sense. */
static void read_map(struct sqb_pages *p, uint32_t map,
		     const uint8_t page[SQB_PAGE_SIZE])
{
	uint32_t n, i, last = p->count - map;
	const uint8_t *entry;

	if (last > MAP_ENTRIES)
		last = MAP_ENTRIES;
	for (i = 0; i < last; i++) {
		entry = page + i * MAP_ENTRY;
		n = map + 1 + i;
		if (n != LOCK_PAGE &&
		    (entry[0] < SQB_PAGE_ROOT || entry[0] > SQB_PAGE_TREE ||
		     sqb_big32(entry + 1) > p->count))
			return;
	}
	for (i = 0; i < last; i++) {
		entry = page + i * MAP_ENTRY;
		p->use[map + 1 + i] = entry[0];
		p->parent[map + 1 + i] = sqb_big32(entry + 1);
	}
}

static enum sqb_err read_maps(struct sqb_pages *p)
{
	uint8_t page[SQB_PAGE_SIZE];
	uint32_t map, n;
	enum sqb_err err;

	for (n = 2; n < p->count; n += MAP_ENTRIES + 1) {
		map = n == LOCK_PAGE ? n + 1 : n;
		err = sqb_page_read(p, map, page);
		if (err == SQB_OK)
			read_map(p, map, page);
		else if (err != SQB_CORRUPT)
			return err;
	}
	/* From the end, so that siblings come in the order of the file. */
	for (n = p->count; n > 1; n--) {
		if (p->use[n] != SQB_PAGE_TREE)
			continue;
		p->next_child[n] = p->first_child[p->parent[n]];
		p->first_child[p->parent[n]] = n;
	}
	return SQB_OK;
}

/* *fd_r is -1 if there is no such file. */
static enum sqb_err open_file(struct sqb_pages *p, int dir_fd, const char *dir,
			      const char *name, int *fd_r, uint64_t *size_r)
{
	int fd = openat(dir_fd, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat info;

	*fd_r = fd;
	if (fd < 0 && errno == ENOENT)
		return SQB_OK;
	if (fd < 0 || fstat(fd, &info) < 0)
		return sqb_fail_errno(p->log, "opening %s/%s", dir, name);
	if (!S_ISREG(info.st_mode))
		return sqb_fail(p->log, SQB_DENIED,
				"%s/%s is not a regular file", dir, name);
	*size_r = (uint64_t)info.st_size;
	return SQB_OK;
}

enum sqb_err sqb_pages_open(struct sqb_pages *p, int dir_fd, const char *dir)
{
	uint64_t db_size = 0, wal_size = 0;
	struct wal_list list = { 0 };
	enum sqb_err err;

	p->db_fd = p->wal_fd = -1;
	err = open_file(p, dir_fd, dir, "store.db", &p->db_fd, &db_size);
	if (err == SQB_OK && p->db_fd < 0)
		return sqb_fail(p->log, SQB_NOTFOUND, "there is no store in %s",
				dir);
	if (err == SQB_OK)
		err = open_file(p, dir_fd, dir, "store.db-wal", &p->wal_fd,
				&wal_size);
	if (err == SQB_OK && p->wal_fd >= 0)
		err = list_frames(p, &list);
	if (err == SQB_OK) {
		lay_over(p, &list, db_size / SQB_PAGE_SIZE);
		p->use = sqb_xcalloc((size_t)p->count + 1, sizeof(*p->use));
		p->parent =
			sqb_xcalloc((size_t)p->count + 1, sizeof(*p->parent));
		p->first_child = sqb_xcalloc((size_t)p->count + 1,
					     sizeof(*p->first_child));
		p->next_child = sqb_xcalloc((size_t)p->count + 1,
					    sizeof(*p->next_child));
		err = read_maps(p);
	}
	free(list.pages);
	return err;
}

void sqb_pages_close(struct sqb_pages *p)
{
	if (p->db_fd >= 0)
		(void)close(p->db_fd);
	if (p->wal_fd >= 0)
		(void)close(p->wal_fd);
	free(p->frame);
	free(p->use);
	free(p->parent);
	free(p->first_child);
	free(p->next_child);
}
