# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The disk that power-log.c has written down, and what a power cut leaves.

What was synced is there.  Of what was not, nothing is, or all, or any part: a
disk writes in any order, and a write may be torn between sectors of 512
octets.  Names in the directory are made durable by a sync of the directory.
"""

import struct

HEAD = struct.Struct('=c3xIIIQq')
SECTOR = 512
MODES = ('none', 'all', 'subset', 'torn')


class Event:
    def __init__(self, content, at):
        (self.what, name_size, data_size, self.pid, self.inode,
         self.offset) = HEAD.unpack_from(content, at)
        at += HEAD.size
        self.name = content[at:at + name_size].decode()
        self.data = content[at + name_size:at + name_size + data_size]
        self.end = at + name_size + data_size


def read_log(path):
    with open(path, 'rb') as f:
        content = f.read()
    events, at = [], 0
    while at < len(content):
        events.append(Event(content, at))
        at = events[-1].end
    return events


def put(content, offset, data):
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def cut_off(content, size):
    del content[size:]
    content.extend(bytes(size - len(content)))


class File:
    def __init__(self):
        self.content = bytearray()      # what is durable
        self.pending = []               # events that are not, with numbers

    def sync(self, before):
        for number, event in self.pending:
            if number < before:
                self.apply(self.content, event)
        self.pending = [p for p in self.pending if p[0] >= before]

    @staticmethod
    def apply(content, event):
        if event.what == b'W':
            put(content, event.offset, event.data)
        else:
            cut_off(content, event.offset)

    def after_cut(self, mode, rng):
        content = bytearray(self.content)
        for _, event in self.pending if mode != 'none' else ():
            if mode == 'torn' and event.what == b'W':
                self.tear(content, event, rng)
            elif mode == 'all' or rng.random() < 0.5:
                self.apply(content, event)
        return bytes(content)

    @staticmethod
    def tear(content, event, rng):
        """Each sector that the write touches is written, or is not."""
        at = 0
        while at < len(event.data):
            offset = event.offset + at
            size = SECTOR - offset % SECTOR
            if rng.random() < 0.5:
                put(content, offset, event.data[at:at + size])
            at += size


class Disk:
    """One directory."""

    def __init__(self):
        self.number = 0
        self.files = {}         # by inode, as long as it has a name
        self.names = {}         # {name: inode} as programs see them
        self.durable = {}       # {name: File}
        self.pending = []       # changes of names that are not
        self.begun = {}         # syncs

    def step(self, event):
        number = self.number = self.number + 1
        if event.what == b'C' and self.names.get(event.name) != event.inode:
            self.names[event.name] = event.inode
            self.files[event.inode] = File()
            self.pending.append((number, event, self.files[event.inode]))
        elif event.what == b'U':
            self.files.pop(self.names.pop(event.name, None), None)
            self.pending.append((number, event, None))
        elif event.what == b'R':
            inode = self.names.pop(event.name)
            self.names[event.data.decode()] = inode
            self.pending.append((number, event, self.files[inode]))
        elif event.what in b'WT' and event.inode in self.files:
            self.files[event.inode].pending.append((number, event))
        elif event.what == b'B':
            self.begun[event.pid, event.inode] = number
        elif event.what == b'E':
            self.sync(event.inode, self.begun[event.pid, event.inode])

    def sync(self, inode, before):
        if inode in self.files:
            self.files[inode].sync(before)
            return
        for number, event, file in self.pending:
            if number < before:
                self.rename(self.durable, event, file)
        self.pending = [p for p in self.pending if p[0] >= before]

    @staticmethod
    def rename(names, event, file):
        if event.what == b'C':
            names[event.name] = file
            return
        names.pop(event.name, None)
        if event.what == b'R':
            names[event.data.decode()] = file

    def after_cut(self, mode, rng):
        """{name: octets}"""
        names = dict(self.durable)
        for _, event, file in self.pending if mode != 'none' else ():
            if mode == 'all' or rng.random() < 0.5:
                self.rename(names, event, file)
        return {name: file.after_cut(mode, rng)
                for name, file in names.items()}
