# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Which pages of an undamaged store.db a row lives on, read from the file
itself (sqlite.org/fileformat2.html): what a test may damage, and what must
survive it."""

import struct

SIZE = 4096
INNER_TABLE, LEAF_TABLE, INNER_INDEX, LEAF_INDEX = 5, 13, 2, 10
MAP_ENTRIES = SIZE // 5


def varint(data, at):
    value = 0
    for n in range(9):
        octet = data[at + n]
        if n == 8:
            return value << 8 | octet, at + 9
        value = value << 7 | octet & 0x7f
        if octet < 0x80:
            return value, at + n + 1
    return None


def record(payload):
    """The values of a row: numbers, None, or octets."""
    end, at = varint(payload, 0)
    values, data = [], end
    while at < end:
        serial, at = varint(payload, at)
        if serial >= 12:
            size = (serial - 12) // 2
            values.append(payload[data:data + size])
        elif serial in (0, 8, 9):
            size = 0
            values.append(None if serial == 0 else serial - 8)
        else:
            size = (0, 1, 2, 3, 4, 6, 8, 8)[serial]
            values.append(int.from_bytes(payload[data:data + size], 'big',
                                         signed=True))
        data += size
    return values


class File:
    """A store.db without a WAL."""

    def __init__(self, content):
        self.content = content
        self.count = len(content) // SIZE
        self.roots = {}
        for _, _, row, _ in self.rows(1, False):
            self.roots[row[1].decode()] = row[3]
        self.maps = set(range(2, self.count + 1, MAP_ENTRIES + 1))

    def page(self, number):
        return self.content[(number - 1) * SIZE:number * SIZE]

    def table(self, name, index):
        return self.rows(self.roots[name], index)

    def rows(self, root, index, above=()):
        """(rowid or None, pages above, values, pages of the row itself)."""
        page = self.page(root)
        first = 100 if root == 1 else 0
        kind, _, cells = struct.unpack_from('>BHH', page, first)
        inner = kind in (INNER_TABLE, INNER_INDEX)
        assert kind in ((INNER_INDEX, LEAF_INDEX) if index
                        else (INNER_TABLE, LEAF_TABLE)), (root, kind)
        pointers = first + (12 if inner else 8)
        for n in range(cells):
            at, = struct.unpack_from('>H', page, pointers + 2 * n)
            if inner:
                child, = struct.unpack_from('>I', page, at)
                yield from self.rows(child, index, (*above, root))
                at += 4
            if not inner or index:
                yield self.row(root, page, at, index, above)
        if inner:
            child, = struct.unpack_from('>I', page, first + 8)
            yield from self.rows(child, index, (*above, root))

    def row(self, number, page, at, index, above):
        rowid = None
        size, at = varint(page, at)
        if not index:
            rowid, at = varint(page, at)
        least = (SIZE - 12) * 32 // 255 - 23
        most = (SIZE - 12) * 64 // 255 - 23 if index else SIZE - 35
        local = size
        if size > most:
            local = least + (size - least) % (SIZE - 4)
            local = local if local <= most else least
        payload, pages = page[at:at + local], [number]
        following = page[at + local:at + local + 4]
        while len(payload) < size:
            pages.append(int.from_bytes(following, 'big'))
            more = self.page(pages[-1])
            following = more[:4]
            payload += more[4:4 + size - len(payload)]
        return rowid, above, record(payload), pages
