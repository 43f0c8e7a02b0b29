#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What the mount reads ahead of a program that reads one message after the
other: fewer requests, and never other octets than those of the file."""

import os
import threading

import mount
from mails import mail

MESSAGES = 200
READS_MAX = MESSAGES // 10
SIZES = (1, 4095, 4096, 4097, 8192, 131071, 131072, 131073, 300_000)


class ReadAhead(mount.MountCase):
    def setUp(self):
        super().setUp()
        self.mount.stop()

    def fill(self, bodies):
        for n, body in enumerate(bodies):
            self.client.append('INBOX', mail(subject=str(n), body=body))

    def fresh(self, options=''):
        """A mount of which the kernel knows nothing, and what is in INBOX."""
        self.mount = self.start_mount(options)
        self.mnt = self.mount.path
        names = os.listdir(self.path('INBOX'))
        names.sort(key=lambda name: int(name.split('.')[-2]))
        return [self.path('INBOX', name) for name in names]

    def reads(self):
        with open(self.path('.imapfs', 'status'), encoding='utf-8') as f:
            counts = dict(line.split()[:2] for line in f)
        return int(counts['requests-READ'])

    def expected(self, uid):
        return self.body('INBOX', uid).replace(b'\r\n', b'\n')

    def check_all(self, paths):
        uids = self.uids()
        self.assertEqual(len(paths), len(uids))
        expected = [self.expected(uid) for uid in uids]
        for path, octets in zip(paths, expected):
            self.assertEqual(content(path), octets)
            self.assertEqual(os.stat(path).st_size, len(octets))
            self.mount.rest()   # it can be ahead of such a reader

    def test_reads(self):
        """Of ten messages read in order nine are there before."""
        self.fill(['Hello.\r\n' * 100] * MESSAGES)
        paths = self.fresh()
        before = self.reads()
        self.check_all(paths)
        self.assertLessEqual(self.reads() - before, READS_MAX)

    def test_not_in_order(self):
        """Who reads in another order is left alone."""
        self.fill(['Hello.\r\n' * 100] * 40)
        paths = self.fresh()
        before = self.reads()
        for path in reversed(paths):
            content(path)
            self.mount.rest()
        # One was of the status.
        self.assertEqual(self.reads() - before, len(paths) + 1)

    def test_octets(self):
        """Messages of all sizes, some gone; line ends of both kinds."""
        self.fill(['x' * (size - size // 70 * 2) + '\r\n' for size in SIZES]
                  + ['a\r\nb\r\n' * n for n in range(1, 60)])
        paths = self.fresh()
        with open(self.path('INBOX', 'mixed.eml'), 'xb') as f:
            f.write(b'Subject: mixed\n\none\r\ntwo\nthree\r\r\n')
        for path in paths[12:20]:
            os.unlink(path)
        self.mount.stop()
        for options in ('', 'ro'):
            paths = self.listed(options)
            self.assertGreater(len(paths), 50)
            self.assertEqual(
                content(self.path('INBOX', 'mixed.eml')),
                b'Subject: mixed\n\none\r\ntwo\nthree\r\r\n')
            self.check_generated(paths)
            self.mount.stop()

    def listed(self, options):
        self.mount = self.start_mount(options)
        self.mnt = self.mount.path
        return sorted((int(name.split('.')[-2]), self.path('INBOX', name))
                      for name in os.listdir(self.path('INBOX'))
                      if name != 'mixed.eml')

    def check_generated(self, paths):
        expected = [self.expected(uid) for uid, _ in paths]
        for (_, path), octets in zip(paths, expected):
            self.assertEqual(content(path), octets)
            self.assertEqual(os.stat(path).st_size, len(octets))
            self.mount.rest()

    def test_writers(self):
        """What is written while somebody reads ahead of it is what is read."""
        self.fill(['Hello.\r\n' * 300] * MESSAGES)
        paths = self.fresh()
        faults = []

        def write():
            for n, path in enumerate(paths):
                text = b'Subject: written %d\n\n' % n + b'new\n' * (n * 7 + 1)
                with open(path, 'r+b') as f:
                    f.truncate(0)
                    f.write(text)
                    f.flush()
                    if content(path) != text:
                        faults.append(f'{path}: before close()')
                if content(path) != text:
                    faults.append(path)

        writer = threading.Thread(target=write)
        writer.start()
        while writer.is_alive():
            for path in paths:
                drop(path)
            for path in paths:
                content(path)
        writer.join()
        self.assertEqual(faults, [])
        for n, path in enumerate(paths):
            self.assertTrue(content(path).startswith(
                b'Subject: written %d\n' % n), path)


def content(path):
    with open(path, 'rb', buffering=0) as f:
        return f.readall()


def drop(path):
    """The kernel forgets the octets that it has cached."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


if __name__ == '__main__':
    mount.main()
