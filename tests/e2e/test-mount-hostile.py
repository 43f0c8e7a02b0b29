#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Whatever stands in store.db, imapfs goes on: what cannot be shown is an
error of the one call, and the rest of the mail is there."""

import os

import hostile
import mount
import mountfiles
from mails import mail

NEW = b'A: new\n\nmail\n'
READ_MAX = 1 << 20


class HostileStore(mountfiles.FileCase):

    def fill(self):
        for box in ('Box', 'Other'):
            self.client.ok(f'CREATE {box}')
        for n in range(4):
            self.client.append('INBOX', mail(subject=str(n)))
        self.client.append('Other', mail(subject='unharmed'))
        self.client.select()
        self.client.ok('STORE 3 +FLAGS (\\Deleted)')
        self.client.ok('EXPUNGE')
        self.client.logout()

    def try_one(self, call, *args):
        try:
            return call(*args)
        except OSError:
            return None

    def read_one(self, path):
        """No more and no less than stat(2) says."""
        size = os.stat(path).st_size
        fd = os.open(path, os.O_RDONLY)
        try:
            got = 0
            while got < READ_MAX:
                piece = os.read(fd, 65536)
                if not piece:
                    break
                got += len(piece)
            self.assertEqual(got, min(size, READ_MAX), path)
            os.pread(fd, 10, (1 << 62) + 1)
        finally:
            os.close(fd)

    def change_one(self, path):
        for call in (lambda: os.setxattr(path, 'user.imap.flags', b'+new'),
                     lambda: os.rename(path, path + '.eml'),
                     lambda: os.rename(path + '.eml', path),
                     lambda: os.utime(path, (1, 1)),
                     lambda: self.append_to(path)):
            self.try_one(call)

    @staticmethod
    def append_to(path):
        with open(path, 'ab') as f:
            f.write(b'more\n')

    def walk(self, top, each):
        """Without end where the tree has none; so to a depth."""
        for here, dirs, files in os.walk(top):
            if here.count('/') - top.count('/') > 4:
                del dirs[:]
            for name in files:
                self.try_one(each, os.path.join(here, name))

    def try_all(self, top):
        self.walk(top, self.read_one)
        for view in ('text', 'parts'):
            self.walk(os.path.join(top, '.imapfs', view), self.read_one)
        self.try_one(os.listdir, os.path.join(top, 'INBOX'))
        with_new = os.path.join(top, 'INBOX', 'new.eml')
        self.try_one(self.append_to, with_new)
        self.walk(os.path.join(top, 'INBOX'), self.change_one)
        for call in (lambda: os.mkdir(os.path.join(top, 'New')),
                     lambda: os.rename(os.path.join(top, 'New'),
                                       os.path.join(top, 'Box')),
                     lambda: os.rmdir(os.path.join(top, 'Box')),
                     lambda: os.unlink(with_new)):
            self.try_one(call)

    def test_rows(self):
        for n, (name, statements) in enumerate(hostile.ROWS.items()):
            with self.subTest(name=name):
                self.restart(f'rows{n}')
                self.walk(self.mnt, self.read_one)
                hostile.spoil(self.store, *statements)
                self.try_all(self.mnt)
                self.assert_goes_on()
                if name != 'no account':    # which is told, in a sentence
                    self.try_all(self.start_mount('layout=maildir').path)

    def test_names(self):
        for n, (name, sql) in enumerate(hostile.NAMES.items()):
            with self.subTest(name=name):
                self.restart(f'names{n}')
                hostile.spoil(self.store, f'UPDATE mailbox SET name = {sql}'
                              " WHERE name = 'Box'")
                self.assertEqual(sorted(os.listdir(self.mnt)),
                                 ['INBOX', 'Other'])
                self.try_all(self.mnt)
                self.assert_goes_on()

    def restart(self, user):
        """The mount of another account, filled."""
        self.mount.stop()
        self.user = user
        self.client = self.login()
        self.client.select()
        self.store = mount.Store(self.server, user)
        self.fill()
        self.mount = self.start_mount()
        self.mnt = self.mount.path

    def assert_goes_on(self):
        self.assertIsNone(self.mount.process.poll(), self.mount.read_log())
        self.try_one(os.listdir, self.mnt)
        self.assertEqual(super().complaints(), [])

    def complaints(self):
        return []


if __name__ == '__main__':
    mount.main()
