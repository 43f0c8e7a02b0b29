#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What programs cost in the mount: how many requests the kernel sends for a
command, and how much memory imapfs takes.  Neither depends on how busy the
machine is."""

import collections
import os
import subprocess

import mount
from mails import mail
from store import Store

MESSAGES = 200
FEW = 25            # of a command, and of reading the status
MANY = 1_000_000
RSS_LIMIT = 30 * 1024   # KiB
# From the start of imapfs to the first listing of a small folder.
FIRST_READ_LIMIT = 512 * 1024
FIRST_REQUESTS = 20


class CountCase(mount.MountCase):
    def counters(self):
        with open(self.path('.imapfs', 'status'), encoding='utf-8') as f:
            lines = [line.split() for line in f]
        return collections.Counter({
            key.removeprefix('requests-'): int(value)
            for key, value, *_ in lines if key.startswith('requests-')})


class Counts(CountCase):
    def setUp(self):
        super().setUp()
        for n in range(MESSAGES):
            self.client.append('INBOX', mail(subject=str(n),
                                             body='Hello.\r\n' * 100))
        self.mount.stop()
        self.fresh()

    def fresh(self, options=''):
        """A mount of which the kernel knows nothing."""
        self.mount = self.start_mount(options)
        self.mnt = self.mount.path

    def cost(self, command):
        """The requests of a shell command."""
        before = self.counters()
        self.shell(command)
        return self.counters() - before

    def assert_cost(self, command, at_most=(), **wanted):
        """It sends so many requests of each kind, and a few; of those that
        are not named, a few; of those in at_most, no more than there are
        messages."""
        cost = self.cost(command)
        for name, count in cost.items():
            least = MESSAGES if name in at_most else wanted.get(name, 0)
            if name in ('RELEASE', 'FORGET'):
                continue    # they come when the kernel likes
            self.assertLessEqual(count, least + FEW, f'{command}: {cost}')
        for name, count in wanted.items():
            self.assertGreaterEqual(cost[name], count, f'{command}: {cost}')

    def test_grep(self):
        """S62: grep -r: nothing is looked up; a file costs an OPEN, and a READ
        where it is faster than the mount reads ahead."""
        grep = 'grep -r nothing-like-it . || test $? = 1'
        self.assert_cost(grep, at_most=['READ'], OPEN=MESSAGES)
        # The kernel asks once for the atime after a READ.
        self.cost(grep)
        self.assert_cost(grep, OPEN=MESSAGES)

    def test_grep_read_only(self):
        """In a read-only mount the kernel opens files by itself."""
        self.fresh('ro')
        grep = 'grep -r nothing-like-it . || test $? = 1'
        self.assert_cost(grep, at_most=['READ'])
        self.assert_cost(grep)

    def test_list(self):
        """S59: ls -l and find: listings bring all attributes, and are kept."""
        for command in ('ls -l INBOX', 'ls -lR .', 'find . -type f',
                        'find . -newermt 2001-01-01', 'ls -f INBOX',
                        'du -a .', 'stat INBOX/*'):
            with self.subTest(command=command):
                self.assert_cost(command)
                self.assert_cost(command)

    def test_tar(self):
        """tar: an OPEN for each file; and since it looks at the file again
        after that, a GETATTR for the atime where there was a READ."""
        self.assert_cost('tar -cf - INBOX | cat >/dev/null',
                         at_most=['READ', 'GETATTR'], OPEN=MESSAGES)

    def test_copy_in(self):
        """cp of new files: nobody has to ask what is known of a new file; cp
        itself looks twice before and once after, which changes the folder."""
        source = os.path.join(os.path.dirname(self.mnt), 'source')
        os.mkdir(source)
        for n in range(MESSAGES):
            with open(os.path.join(source, f'{n}.eml'), 'wb') as f:
                f.write(mail(subject=str(n)))
        os.mkdir(self.path('New'))
        cost = self.cost(f'cp {source}/*.eml New')
        limits = dict(LOOKUP=2, CREATE=1, GETXATTR=1, WRITE=1, FLUSH=1,
                      GETATTR=2, RELEASE=1)
        for name, count in cost.items():
            self.assertLessEqual(count, limits.get(name, 0) * MESSAGES + FEW,
                                 f'{name}: {cost}')
        self.assertEqual(len(os.listdir(self.path('New'))), MESSAGES)

    def test_new_file(self):
        """What is known of a new file is right whatever happens to it."""
        path = self.path('INBOX', 'new.eml')
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o604)
        try:
            info = os.fstat(fd)
            self.assertEqual((info.st_size, info.st_mode & 0o777), (0, 0o604))
            os.write(fd, b'Subject: x\n\nHello.\n')
            self.assertEqual(os.fstat(fd).st_size, 19)
            with open(path, 'ab') as again:
                again.write(b'More.\n')
            self.assertEqual(os.fstat(fd).st_size, 25)
            os.ftruncate(fd, 20)
            self.assertEqual(os.stat(path).st_size, 20)
            os.utime(path, (0, 1_700_000_000))
            self.assertEqual(os.fstat(fd).st_mtime, 1_700_000_000)
            os.fchmod(fd, 0o600)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            os.fsync(fd)
            of_message = os.stat(self.path('INBOX', os.listdir(
                self.path('INBOX'))[0])).st_mode
        finally:
            os.close(fd)
        self.assertEqual(os.stat(path).st_mode, of_message)
        self.assertEqual(os.stat(path).st_size, 20)

    def test_unchanged(self):
        """What IMAP does to one message costs the others nothing."""
        self.cost('ls -l INBOX')
        self.client.select()
        self.client.ok('STORE 1:* +FLAGS (\\Seen)')
        self.assert_cost('ls -l INBOX')
        names = os.listdir(self.path('INBOX'))
        self.client.append('INBOX', mail())
        self.mount_wait(lambda: len(os.listdir(self.path('INBOX')))
                        == len(names) + 1)
        self.assert_cost('stat INBOX/*')

    def mount_wait(self, condition):
        mount.harness.wait_until(condition, 'the mount is not told')


class Million(CountCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Store(cls.server, '').program('tests/make-store')

    def test_million(self):
        """Beside a folder with a million messages another is listed as if it
        were alone; and when that one is listed, imapfs stays small."""
        self.mount.stop()
        subprocess.run(
            [self.store.program('tests/make-store'), self.store.dir, '1',
             str(MANY)], check=True, **self.store.as_owner())
        self.mount = self.start_mount()
        self.mnt = self.mount.path
        self.assertEqual(len(os.listdir(self.path('INBOX'))), 1)
        octets = self.octets_read()
        requests = self.counters()
        self.assertLess(octets, FIRST_READ_LIMIT)
        self.assertLess(requests.total(), FIRST_REQUESTS, requests)
        before = self.memory()
        count = 0
        with os.scandir(self.mount.join('Many')) as entries:
            for _ in entries:
                count += 1
        self.assertEqual(count, MANY)
        print(f'imapfs: {octets} octets read to list another folder, '
              f'{before} KiB, after a listing of {MANY} messages '
              f'{self.memory()} KiB', flush=True)
        if not os.environ.get('SQBOX_TEST_PRELOAD'):
            self.assertLess(self.memory(), RSS_LIMIT)

    def octets_read(self):
        """By imapfs, whether from the disk or a cache."""
        with open(f'/proc/{self.mount.process.pid}/io', encoding='utf-8') as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith('rchar'))

    def memory(self):
        """The most that was resident, in KiB."""
        with open(f'/proc/{self.mount.process.pid}/status',
                  encoding='utf-8') as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith('VmHWM'))


if __name__ == '__main__':
    mount.main()
