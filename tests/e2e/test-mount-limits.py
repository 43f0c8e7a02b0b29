#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Writes into a mount that cannot be done are told by the call that failed,
and nothing half-written shows; whatever close() has acknowledged survives the
death of imapfs."""

import copy
import ctypes
import errno
import fcntl
import hashlib
import os
import random
import shutil
import subprocess
import threading
import time
import unittest

import harness
import mount
import mountfiles
from mails import incompressible, mail

MIB = 1024 * 1024
KILL_ROUNDS = int(os.environ.get('SQBOX_TEST_KILLS', 5))
SMALL_FS = 12 * MIB


class Refused(mountfiles.FileCase):

    def make(self, *names):
        os.close(os.open(self.path(*names), os.O_WRONLY | os.O_CREAT, 0o600))

    def test_where_no_message_can_be(self):
        """S35: Neither in the root nor in a \\Noselect folder."""
        self.client.ok('CREATE a/b')    # and a, which is \Noselect
        harness.wait_until(lambda: os.path.exists(self.path('a')), 'no a')
        self.assert_errno(errno.EPERM, self.make, 'a', 'x.eml')
        self.assert_errno(errno.EPERM, self.make, 'x.eml')
        self.make('a', 'x.txt')
        self.make('x.txt')

    def test_names(self):
        self.assert_errno(errno.ENAMETOOLONG, self.make, 'INBOX', 'x' * 256)
        for name in ('x' * 251 + '.eml', 'a b%41\n.eml', '\u202e.eml'):
            self.write(name, b'A: b\n')
            self.assertEqual(self.read(name), b'A: b\n')
        self.assertEqual(len(self.uids()), 3)
        with self.assertRaises(FileExistsError):
            self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with self.assertRaises(PermissionError):
            os.mkfifo(self.path('INBOX', 'fifo'))
        self.assert_errno(errno.EISDIR, self.write, 'INBOX', b'x', box='')

    def test_size(self):
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        self.assert_errno(errno.EFBIG, os.pwrite, fd, b'x', 1 << 32)
        self.assert_errno(errno.EFBIG, os.ftruncate, fd, 1 << 32)
        self.assert_errno(errno.ENOSPC, os.ftruncate, fd, (1 << 30) + 1)
        self.assert_errno(errno.EOPNOTSUPP, self.punch, fd)
        os.write(fd, b'A: b\n')
        os.close(fd)
        self.assertEqual(self.read('x.eml'), b'A: b\n')

    @staticmethod
    def punch(fd):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.fallocate(fd, 3, ctypes.c_long(0), ctypes.c_long(1)) != 0:
            raise OSError(ctypes.get_errno(), 'fallocate')

    def test_read_only(self):
        other = self.start_mount('ro')
        self.assert_errno(errno.EROFS, os.open, other.join('INBOX', 'x.eml'),
                          os.O_WRONLY | os.O_CREAT)

    def test_reads_go_on_while_another_writes(self):
        self.write('a.eml', b'A: b\n')
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'A: c\n')
        with open(os.path.join(self.store.dir, 'store.lock'), 'rb') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            thread = threading.Thread(target=os.fsync, args=(fd,))
            thread.start()
            self.assertEqual(self.read('a.eml'), b'A: b\n')
            self.assertEqual(self.list(), ['a.eml', 'x.eml'])
            self.assertTrue(thread.is_alive())
        thread.join()
        os.close(fd)
        self.assertEqual(self.uids(), [1, 2])

    @staticmethod
    def sync(fd, codes):
        code = 0
        try:
            os.fsync(fd)
        except OSError as e:
            code = e.errno
        codes.append(code)

    def test_writers_end_when_the_store_stays_locked(self):
        """One waits for as long as anybody may; the others not again."""
        fds = [self.open(f'{n}.eml', os.O_RDWR | os.O_CREAT)
               for n in range(5)]
        for fd in fds:
            os.write(fd, b'A: c\n')
        with open(os.path.join(self.store.dir, 'store.lock'), 'rb') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            codes = []
            threads = [threading.Thread(target=self.sync, args=(fd, codes))
                       for fd in fds]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(mount.DEADLINE)
                self.assertFalse(thread.is_alive())
        self.assertEqual(codes, [errno.ETIMEDOUT] * 5)
        for fd in fds:
            os.fsync(fd)    # nothing was lost
            os.close(fd)
        self.assertEqual(len(self.uids()), 5)


@unittest.skipUnless(os.geteuid() == 0, 'needs a file system of its own')
class DiskFull(mountfiles.FileCase):

    def setUp(self):
        super().setUp()
        small = self.beside('small')
        os.mkdir(small)
        mount.root.call(self.mount_small, small)
        self.addCleanup(mount.root.call, subprocess.run,
                        ['umount', '-l', small], check=True)
        self.store.sqbox('stat')
        subprocess.run([self.store.program('sqbox'), 'backup', self.store.dir,
                        small + '/mail'], check=True,
                       stdout=subprocess.DEVNULL, **self.store.as_owner())
        self.small = copy.copy(self.store)
        self.small.dir = small + '/mail'
        other = mount.Mount(self.small)
        other.path = self.beside('mnt-small')
        self.addCleanup(other.stop)
        self.other = other.start()

    def mount_small(self, path):
        subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', f'size={SMALL_FS},mode=700,'
             f'uid={self.server.uid},gid={self.server.gid}', 'none', path],
            check=True)

    def test_close_tells(self):
        filler = os.path.join(self.small.dir, '..', 'filler')
        with open(filler, 'wb') as f:
            f.write(bytes(9 * MIB))
        fd = os.open(self.other.join('INBOX', 'x.eml'),
                     os.O_RDWR | os.O_CREAT, 0o600)
        data = incompressible(MIB - 100000)
        for _ in range(30):
            self.write_all(fd, data)
            try:
                os.fsync(fd)
            except OSError as e:
                self.assertEqual(e.errno, errno.ENOSPC)
                break
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
        else:
            self.fail('the disk was not full')
        self.assert_errno(errno.ENOSPC, os.fsync, fd)
        self.small.check()
        os.unlink(filler)
        self.assertEqual(os.pread(fd, len(data), 0), data)
        os.fsync(fd)
        os.close(fd)
        with open(self.other.join('INBOX', 'x.eml'), 'rb') as f:
            self.assertEqual(f.read(), data)
        self.assertEqual(os.listdir(self.other.join('INBOX')), ['x.eml'])
        self.small.check()


class Quota(mountfiles.FileCase):
    """-o quota: what IMAP calls the sizes of all messages has a limit."""

    options = 'quota=100K'
    TEXT = b'Subject: x\n\n' + 39 * (1023 * b'x' + b'\n')   # 40 KB, as LF

    def df(self):
        info = os.statvfs(self.mnt)
        return info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize

    def test_what_would_be_too_much_is_refused(self):
        self.assertEqual(self.df(), (100 * 1024, 100 * 1024))
        for name in ('a.eml', 'b.eml'):
            self.write(name, self.TEXT)
        total, free = self.df()
        self.assertTrue(total - free in range(78 * 1024, 86 * 1024), free)
        fd = self.open('c.eml', os.O_RDWR | os.O_CREAT)
        self.write_all(fd, self.TEXT)
        for _ in range(2):
            self.assert_errno(errno.EDQUOT, os.fsync, fd)
        self.assertEqual(self.uids(), [1, 2])
        os.ftruncate(fd, 5000)
        os.close(fd)
        self.assertEqual(self.uids(), [1, 2, 3])

    def test_a_copy_counts(self):
        for name in ('a.eml', 'b.eml'):
            self.write(name, self.TEXT)
        result = self.shell('cp --reflink=auto INBOX/a.eml INBOX/c.eml',
                            check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn('quota', result.stdout)
        self.assertEqual(self.uids(), [1, 2])
        self.shell('mv INBOX/a.eml INBOX/d.eml')

    def test_a_new_name_can_make_mail(self):
        """Of what was none: rename() is refused, and all stays as it is; over a
        message that is as large it is not."""
        for name in ('a.eml', 'b.eml', 'draft'):
            self.write(name, self.TEXT)
        self.assert_errno(errno.EDQUOT, os.rename, self.path('INBOX', 'draft'),
                          self.path('INBOX', 'c.eml'))
        self.assertEqual(set(self.list()), {'a.eml', 'b.eml', 'draft'})
        self.assertEqual(self.uids(), [1, 2])
        os.rename(self.path('INBOX', 'draft'), self.path('INBOX', 'a.eml'))
        self.assertEqual(self.uids(), [2, 3])
        self.assertEqual(self.read('a.eml'), self.TEXT)

    def test_more_than_the_quota_may_become_less(self):
        """Mail that came by IMAP; what does not add to it goes on."""
        for _ in range(4):
            self.client.append('INBOX', self.TEXT.replace(b'\n', b'\r\n'))
        harness.wait_until(lambda: len(self.list()) == 4, 'no messages')
        self.assertEqual(self.df(), (100 * 1024, 0))
        mkdir = self.path('Other')
        os.mkdir(mkdir)
        names = self.list()
        os.rename(self.path('INBOX', names[0]), os.path.join(mkdir, 'x.eml'))
        os.unlink(os.path.join(mkdir, 'x.eml'))
        self.assert_errno(errno.EDQUOT, self.write, 'y.eml', b'A: b\n')


class StoreGone(mountfiles.FileCase):

    def test_damaged_store(self):
        self.write('x.eml', incompressible(MIB))
        self.client.logout()
        with open(os.path.join(self.store.dir, 'store.db'), 'r+b') as f:
            size = f.seek(0, 2)
            f.seek(0)
            f.write(os.urandom(size))
        for name in os.listdir(self.store.dir):
            if name.endswith('-wal'):
                os.truncate(os.path.join(self.store.dir, name), 0)
        for _ in range(3):
            with self.assertRaises(OSError):
                self.write('y.eml', b'A: b\n')
            with self.assertRaises(OSError):
                os.listdir(self.mnt)
                self.read('x.eml')
                os.stat(self.path('INBOX', 'nothing.eml'))
        self.assertIsNone(self.mount.process.poll())

    def test_removed_store(self):
        """What is not stored anywhere is not acknowledged."""
        self.write('x.eml', b'A: b\n')
        self.client.logout()
        shutil.rmtree(self.store.dir)
        for name in ('y.eml', 'z.eml'):
            self.assert_errno(errno.EIO, self.write, name, b'A: b\n')
        self.assertIsNone(self.mount.process.poll())

    def complaints(self):
        return []


class Killed(mountfiles.FileCase):

    def test_kill(self):
        rng = harness.seeded('test_kill')
        self.mount.stop()
        self.known = {}         # name: digests that it may have
        for n in range(KILL_ROUNDS):
            self.mount = self.start_mount()
            self.mnt = self.mount.path
            self.verify()
            threads = [threading.Thread(target=self.writer,
                                        args=(f'{n}.{t}', rng.getrandbits(32)))
                       for t in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(rng.random() * 0.6)
            self.mount.process.kill()
            for thread in threads:
                thread.join()
            self.mount.kill()
        self.mount = self.start_mount()
        self.mnt = self.mount.path
        self.verify()
        self.assertGreater(len(self.known), 0)

    def writer(self, prefix, seed):
        rng = random.Random(seed)
        uid, gid = self.server.uid, self.server.gid
        if os.geteuid() == 0:
            mount.become(uid, gid)
        count = 0
        try:
            while True:
                name = f'{prefix}.{rng.randrange(5)}.eml'
                data = mail(f'{prefix} {count}',
                            'x' * rng.choice((10, 5000, 400000)))
                digest = hashlib.sha256(data).digest()
                before = self.known.get(name, {None})
                self.known[name] = before | {digest}
                self.write(name, data)
                self.known[name] = {digest}
                count += 1
        except OSError:
            pass        # killed

    def verify(self):
        self.store.check()
        listed = set(self.list())
        self.assertLessEqual(listed, set(self.known))
        for name, allowed in self.known.items():
            found = None
            if name in listed:
                found = hashlib.sha256(self.read(name)).digest()
            self.assertIn(found, allowed, name)
            self.known[name] = {found}
        self.assertEqual(len(self.uids()), len(listed))


if __name__ == '__main__':
    mount.main()
