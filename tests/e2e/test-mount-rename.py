#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""rename(2) in a mount: a table of calls, what each answers, and what IMAP then
has."""

import ctypes
import errno
import os
import re

import mount

NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
AT_FDCWD = -100


def rename(old, new, flags=0):
    """renameat2(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new),
                      flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), old)


# What there is before each row, in a folder of its own.
MESSAGES = {'a': ['one', 'two'], 'b': [], 'c': [], 'c/d': ['three']}
FILES = {'a': ['one.eml', 's.txt', 'two.eml'], 'b': [], 'c': ['d'],
         'c/d': ['three.eml']}

# From, to, flags; errno; what is different then, in IMAP and in the mount.
# What begins with a slash is from the root of the mount.
ROWS = (
    # A message in its folder: only its name changes.
    ('a/one.eml', 'a/uno.eml', 0, 0, {}, {'a': ['s.txt', 'two.eml', 'uno.eml']}),
    ('a/one.eml', 'a/one.eml', 0, 0, {}, {}),
    ('a/one.eml', 'a/one.eml~', 0, 0, {},
     {'a': ['one.eml~', 's.txt', 'two.eml']}),
    ('a/one.eml', 'a/' + 'y' * 255, 0, 0, {},
     {'a': ['s.txt', 'two.eml', 'y' * 255]}),
    ('a/one.eml', 'a/a\nb%41\u202e.eml', 0, 0, {},
     {'a': ['a\nb%41\u202e.eml', 's.txt', 'two.eml']}),
    ('a/one.eml', 'a/\udcff\udcfe.eml', 0, 0, {},
     {'a': ['s.txt', 'two.eml', '\udcff\udcfe.eml']}),
    ('a/one.eml', 'a/' + 'y' * 256, 0, errno.ENAMETOOLONG, {}, {}),
    # To another: MOVE.
    ('a/one.eml', 'b/one.eml', 0, 0, {'a': ['two'], 'b': ['one']},
     {'a': ['s.txt', 'two.eml'], 'b': ['one.eml']}),
    ('a/one.eml', 'b/one.txt', 0, 0, {'a': ['two'], 'b': ['one']},
     {'a': ['s.txt', 'two.eml'], 'b': ['one.txt']}),
    ('a/one.eml', 'c/d/x.eml', 0, 0, {'a': ['two'], 'c/d': ['one', 'three']},
     {'a': ['s.txt', 'two.eml'], 'c/d': ['three.eml', 'x.eml']}),
    # Over something.
    ('a/one.eml', 'a/two.eml', 0, 0, {'a': ['one']}, {'a': ['s.txt', 'two.eml']}),
    ('a/one.eml', 'c/d/three.eml', 0, 0, {'a': ['two'], 'c/d': ['one']},
     {'a': ['s.txt', 'two.eml']}),
    ('a/one.eml', 'a/s.txt', 0, 0, {}, {'a': ['s.txt', 'two.eml']}),
    ('a/one.eml', 'b', 0, errno.EISDIR, {}, {}),
    ('a/one.eml', 'c', 0, errno.EISDIR, {}, {}),
    ('a/one.eml', 'c/d', 0, errno.EISDIR, {}, {}),
    # Where it cannot go.
    ('a/one.eml', '/one.eml', 0, errno.EPERM, {}, {}),
    ('a/one.eml', '/.imapfs', 0, errno.EISDIR, {}, {}),
    ('a/one.eml', '/.imapfs/x.eml', 0, errno.EACCES, {}, {}),
    ('a/one.eml', 'none/one.eml', 0, errno.ENOENT, {}, {}),
    ('a/one.eml', 'a/two.eml/x', 0, errno.ENOTDIR, {}, {}),
    ('a/none.eml', 'b/x.eml', 0, errno.ENOENT, {}, {}),
    ('a/none.eml', 'a/two.eml', 0, errno.ENOENT, {}, {}),
    # Flags.
    ('a/one.eml', 'a/two.eml', NOREPLACE, errno.EEXIST, {}, {}),
    ('a/one.eml', 'b', NOREPLACE, errno.EEXIST, {}, {}),
    ('a/one.eml', 'b/one.eml', NOREPLACE, 0, {'a': ['two'], 'b': ['one']},
     {'a': ['s.txt', 'two.eml'], 'b': ['one.eml']}),
    ('a/one.eml', 'a/two.eml', EXCHANGE, 0, {}, {}),
    ('a/one.eml', 'a/none.eml', EXCHANGE, errno.ENOENT, {}, {}),
    ('a/one.eml', 'c/d/three.eml', EXCHANGE, errno.EINVAL, {}, {}),
    ('a/one.eml', 'a/s.txt', EXCHANGE, errno.EINVAL, {}, {}),
    ('a', 'b', EXCHANGE, errno.EINVAL, {}, {}),
    ('a/one.eml', 'b/one.eml', NOREPLACE | EXCHANGE, errno.EINVAL, {}, {}),
    ('a/one.eml', 'b/one.eml', WHITEOUT, errno.EINVAL, {}, {}),
    ('b', 'a', NOREPLACE, errno.EEXIST, {}, {}),
    # Scratch.
    ('a/s.txt', 'a/t.txt', 0, 0, {}, {'a': ['one.eml', 't.txt', 'two.eml']}),
    ('a/s.txt', 'b/t.txt', 0, 0, {}, {'a': ['one.eml', 'two.eml'],
                                      'b': ['t.txt']}),
    ('a/s.txt', '/t.txt', 0, 0, {}, {'a': ['one.eml', 'two.eml']}),
    ('a/s.txt', 'b/s.eml', 0, 0, {'b': ['scratch']},
     {'a': ['one.eml', 'two.eml'], 'b': ['s.eml']}),
    ('a/s.txt', 'a/one.eml', 0, 0, {'a': ['scratch', 'two']},
     {'a': ['one.eml', 'two.eml']}),
    ('a/s.txt', 'b', 0, errno.EISDIR, {}, {}),
    # Folders.
    ('a', 'b', 0, 0, {'a': None, 'b': ['one', 'two']},
     {'a': None, 'b': ['one.eml', 's.txt', 'two.eml']}),
    ('a', 'e', 0, 0, {'a': None, 'e': ['one', 'two']},
     {'a': None, 'e': ['one.eml', 's.txt', 'two.eml']}),
    ('c', 'b/e', 0, 0, {'c': None, 'c/d': None, 'b/e': [],
                        'b/e/d': ['three']},
     {'c': None, 'c/d': None, 'b': ['e'], 'b/e': ['d'],
      'b/e/d': ['three.eml']}),
    ('c', 'b', 0, 0, {'c': None, 'c/d': None, 'b/d': ['three']},
     {'c': None, 'c/d': None, 'b': ['d'], 'b/d': ['three.eml']}),
    ('b', 'b', 0, 0, {}, {}),
    ('b', 'a', 0, errno.ENOTEMPTY, {}, {}),
    ('b', 'c', 0, errno.ENOTEMPTY, {}, {}),
    ('c/d', 'c', 0, errno.ENOTEMPTY, {}, {}),
    ('c', 'c/d', 0, errno.EINVAL, {}, {}),
    ('c', 'c/d/e', 0, errno.EINVAL, {}, {}),
    ('b', 'a/one.eml', 0, errno.ENOTDIR, {}, {}),
    ('b', 'a/s.txt', 0, errno.ENOTDIR, {}, {}),
    ('b', 'b.eml', 0, errno.EINVAL, {}, {}),
    ('b', 'b\x01', 0, errno.EINVAL, {}, {}),
    ('b', '%41', 0, errno.EINVAL, {}, {}),
    ('b', 'b\udcff', 0, errno.EILSEQ, {}, {}),
    ('b', 'y' * 255, 0, 0, {'b': None, 'y' * 255: []},
     {'b': None, 'y' * 255: []}),
    ('b', 'y' * 256, 0, errno.ENAMETOOLONG, {}, {}),
    ('b', '/.imapfs', 0, errno.EROFS, {}, {}),
    ('b', '/.imapfs/b', 0, errno.EACCES, {}, {}),
    ('b', '/inbox', 0, errno.EEXIST, {}, {}),
    ('b', '/INBOX', 0, errno.EBUSY, {}, {}),
    ('/INBOX', 'b', 0, errno.EBUSY, {}, {}),
    ('/INBOX', 'e', 0, errno.EBUSY, {}, {}),
    ('none', 'b', 0, errno.ENOENT, {}, {}),
)


class Rename(mount.MountCase):
    def make_tree(self, top):
        """As MESSAGES and FILES tell, and a file of scratch."""
        os.mkdir(self.path(top))
        for folder, subjects in MESSAGES.items():
            os.mkdir(self.path(top, folder))
            for subject in subjects:
                self.write(subject, top, folder, subject + '.eml')
        self.write('scratch', top, 'a', 's.txt')

    def write(self, subject, *names):
        with open(self.path(*names), 'w') as f:
            f.write(f'Subject: {subject}\n\n{subject} text\n')

    def absolute(self, top, name):
        return self.path(name[1:] if name[0] == '/' else f'{top}/{name}')

    def imap_state(self, top):
        """{mailbox: sorted subjects} below top."""
        state = {}
        for name in self.client.list(f'{top}/*'):
            self.client.ok(f'EXAMINE "{name}"')
            found = self.client.fetch_by_uid('BODY.PEEK[]')
            state[name[len(top) + 1:]] = sorted(
                re.match(rb'Subject: (\w+)\r\n', m['BODY[]'])[1].decode()
                for m in found.values())
        return state

    def mount_state(self, top):
        return {os.path.relpath(path, self.path(top)): sorted(dirs + files)
                for path, dirs, files in os.walk(self.path(top))
                if path != self.path(top)}

    @staticmethod
    def changed(state, changes):
        state = dict(state, **changes)
        return {k: v for k, v in state.items() if v is not None}

    def test_table(self):
        for number, row in enumerate(ROWS):
            old, new, flags, code, imap, files = row
            top = f'r{number}'
            with self.subTest(row=row):
                self.make_tree(top)
                self.assert_errno(code, rename, self.absolute(top, old),
                                  self.absolute(top, new), flags)
                self.assertEqual(self.imap_state(top),
                                 self.changed(MESSAGES, imap))
                self.assertEqual(self.mount_state(top),
                                 self.changed(FILES, files))
        self.store.check()


if __name__ == '__main__':
    mount.main()
