/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Rows out of pages that may hold anything.
 *
 * A row counts as good if all that says how long it is agrees: the cell, its
 * overflow pages, the types of its columns.
 */
#include "common/salvage-private.h"

#include <stdlib.h>
#include <string.h>

#define INNER_TABLE 0x05
#define LEAF_TABLE 0x0d
#define INNER_INDEX 0x02
#define LEAF_INDEX 0x0a

#define DB_HEADER 100 /* before the header of page 1 */
#define INNER_HEADER 12
#define LEAF_HEADER 8
#define CELL_MIN 4
#define OVERFLOW_SIZE (SQB_PAGE_SIZE - 4)

/* How much of a row stays in its cell (fileformat2.html 1.6). */
#define LOCAL_MIN ((SQB_PAGE_SIZE - 12) * 32 / 255 - 23)
#define LOCAL_MAX_TABLE (SQB_PAGE_SIZE - 35)
#define LOCAL_MAX_INDEX ((SQB_PAGE_SIZE - 12) * 64 / 255 - 23)

static unsigned int big16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* Move *p behind a varint; false: it does not end before end. */
static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *value_r)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 9 && *p < end; i++) {
		uint8_t octet = *(*p)++;

		if (i == 8) {
			*value_r = value << 8 | octet;
			return true;
		}
		value = value << 7 | (octet & 0x7f);
		if (octet < 0x80) {
			*value_r = value;
			return true;
		}
	}
	return false;
}

bool sqb_tree_page_parse(struct sqb_tree_page *page, bool index)
{
	const uint8_t *header;
	unsigned int size;

	page->first = page->number == 1 ? DB_HEADER : 0;
	page->index = index;
	header = page->data + page->first;
	if (header[0] == (index ? LEAF_INDEX : LEAF_TABLE))
		page->leaf = true;
	else if (header[0] == (index ? INNER_INDEX : INNER_TABLE))
		page->leaf = false;
	else
		return false;
	page->cells = big16(header + 3);
	size = page->first + (page->leaf ? LEAF_HEADER : INNER_HEADER);
	return size + page->cells * (2 + CELL_MIN) <= SQB_PAGE_SIZE;
}

/* NULL: it is outside of the page. */
static const uint8_t *cell(const struct sqb_tree_page *page, unsigned int n)
{
	unsigned int header =
		page->first + (page->leaf ? LEAF_HEADER : INNER_HEADER);
	unsigned int offset = big16(page->data + header + 2 * n);

	if (offset < header + 2 * page->cells ||
	    offset > SQB_PAGE_SIZE - CELL_MIN)
		return NULL;
	return page->data + offset;
}

uint32_t sqb_tree_page_child(const struct sqb_tree_page *page, unsigned int n)
{
	const uint8_t *p;

	if (page->leaf)
		return 0;
	p = n == page->cells ? page->data + page->first + 8 : cell(page, n);
	return p != NULL ? sqb_big32(p) : 0;
}

bool sqb_tree_page_rowid(const struct sqb_tree_page *page, unsigned int n,
			 int64_t *rowid_r)
{
	const uint8_t *end = page->data + SQB_PAGE_SIZE;
	const uint8_t *at = cell(page, n);
	uint64_t size, rowid;

	if (at == NULL)
		return false;
	if (page->leaf ? !varint(&at, end, &size) : (at += 4) > end)
		return false;
	if (!varint(&at, end, &rowid))
		return false;
	*rowid_r = (int64_t)rowid;
	return true;
}

static size_t local_size(bool index, size_t size)
{
	size_t max = index ? LOCAL_MAX_INDEX : LOCAL_MAX_TABLE;
	size_t local = LOCAL_MIN + (size - LOCAL_MIN) % OVERFLOW_SIZE;

	if (size <= max)
		return size;
	return local <= max ? local : LOCAL_MIN;
}

/* The map knows nothing of page n, or that it follows the page before. */
static bool chained(struct sqb_pages *p, uint32_t n, uint32_t before,
		    bool first)
{
	if (n < 1 || n > p->count)
		return false;
	if (p->use[n] == 0)
		return true;
	return p->parent[n] == before &&
	       p->use[n] ==
		       (first ? SQB_PAGE_OVERFLOW_FIRST : SQB_PAGE_OVERFLOW);
}

/* The rest of a row, from page next on, behind the octets of its cell. */
static bool read_overflow(struct sqb_pages *p, uint32_t next, uint32_t before,
			  struct sqb_row *row, size_t done, size_t size)
{
	uint8_t page[SQB_PAGE_SIZE];
	bool first = true;
	size_t n;

	while (done < size) {
		if (!chained(p, next, before, first) ||
		    sqb_page_read(p, next, page) != SQB_OK)
			return false;
		n = size - done < OVERFLOW_SIZE ? size - done : OVERFLOW_SIZE;
		memcpy(row->data + done, page + 4, n);
		done += n;
		before = next;
		next = sqb_big32(page);
		first = false;
	}
	return true;
}

static bool read_payload(struct sqb_pages *p, const struct sqb_tree_page *page,
			 const uint8_t *at, size_t size, struct sqb_row *row)
{
	const uint8_t *end = page->data + SQB_PAGE_SIZE;
	size_t local = local_size(page->index, size);
	size_t need = local < size ? local + 4 : local;

	if ((size_t)(end - at) < need)
		return false;
	if (row->alloc < size) {
		row->data = sqb_xrealloc(row->data, size);
		row->alloc = size;
	}
	memcpy(row->data, at, local);
	return local == size || read_overflow(p, sqb_big32(at + local),
					      page->number, row, local, size);
}

static int64_t big_int(const uint8_t *p, size_t size)
{
	uint64_t value = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;
	size_t i;

	for (i = 0; i < size; i++)
		value = value << 8 | p[i];
	return (int64_t)value;
}

/* The value of a serial type, at *data; false: there is no such type. */
static bool read_value(uint64_t serial, const uint8_t **data,
		       const uint8_t *end, struct sqb_value *v)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0 };

	memset(v, 0, sizeof(*v));
	if (serial >= 12) {
		v->type = serial % 2 == 0 ? SQLITE_BLOB : SQLITE_TEXT;
		if ((serial - 12) / 2 > (uint64_t)(end - *data))
			return false;
		v->size = (size_t)((serial - 12) / 2);
	} else if (serial >= 10) {
		return false;
	} else {
		v->type = serial == 0   ? SQLITE_NULL
			  : serial == 7 ? SQLITE_FLOAT
					: SQLITE_INTEGER;
		v->size = sizes[serial];
		if (v->size > (size_t)(end - *data))
			return false;
	}
	v->data = *data;
	if (v->type == SQLITE_INTEGER)
		v->number = serial >= 8 ? (int64_t)serial - 8
					: big_int(*data, v->size);
	*data += v->size;
	return true;
}

static bool read_values(struct sqb_row *row, size_t size)
{
	const uint8_t *types = row->data, *end = row->data + size;
	const uint8_t *data, *types_end;
	uint64_t header, serial;

	if (!varint(&types, end, &header) || header > size)
		return false;
	data = types_end = row->data + header;
	row->count = 0;
	while (types < types_end) {
		if (row->count == SQB_COLUMNS_MAX ||
		    !varint(&types, types_end, &serial) ||
		    !read_value(serial, &data, end, &row->values[row->count]))
			return false;
		row->count++;
	}
	return types == types_end && data == end;
}

bool sqb_row_read(struct sqb_pages *p, const struct sqb_tree_page *page,
		  unsigned int n, struct sqb_row *row)
{
	const uint8_t *end = page->data + SQB_PAGE_SIZE;
	const uint8_t *at = cell(page, n);
	uint64_t size, rowid = 0;

	if (at == NULL)
		return false;
	if (!page->leaf)
		at += 4;
	if (!varint(&at, end, &size) || size < 1 || size > SQB_ROW_SIZE_MAX ||
	    (!page->index && !varint(&at, end, &rowid)))
		return false;
	row->rowid = (int64_t)rowid;
	return read_payload(p, page, at, (size_t)size, row) &&
	       read_values(row, (size_t)size);
}
