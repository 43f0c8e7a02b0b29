#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A disk without a free block: mail is read and expunged, none comes in, and
what was expunged makes room again."""

import contextlib
import ctypes
import os
import subprocess

import harness
from imap import Literal
from mails import incompressible, mail
from store import Store

DISK = 32 << 20
MAILS = 50      # of which ten are less than a quarter
SIZE = 200 << 10
LATE = mail(body=incompressible(SIZE, seed=99))


def own_mounts():
    """What this process and its children mount is seen by them alone, and
    ends with them."""
    clone_newns = 0x20000
    if ctypes.CDLL(None).unshare(clone_newns) != 0:
        return False
    # In a chroot "/" is no mount; there it has been done before.
    subprocess.run(['mount', '--make-rprivate', '/'],
                   stderr=subprocess.DEVNULL)
    return True


@harness.only_sqbox
class FullDisk(harness.ServerCase):
    allowed_errors = (r'Error: .*(space|quota)', )

    def setUp(self):
        super().setUp()
        self.store = Store(self.server, self.user)
        self.home = self.server.home(self.user)
        os.mkdir(self.home)
        self.mount('-t', 'tmpfs', '-o', f'size={DISK}', 'tmpfs', self.home)
        self.server.own(self.home)

    def mount(self, *args):
        subprocess.run(['mount', *args], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', self.home])

    def fill(self, leave=0):
        """Take all blocks but so many octets."""
        with open(os.path.join(self.home, 'filler'), 'ab') as f:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while self.free() - leave >= size or leave == 0:
                        os.write(f.fileno(), b'x' * size)

    def free(self):
        disk = os.statvfs(self.home)
        return disk.f_bavail * disk.f_bsize

    def fill_up(self):
        """The store gives up its reserve, and others take it."""
        self.fill(leave=256 << 10)
        client = self.login()
        client.select()
        client.ok('STORE 1 +FLAGS (\\Flagged)')
        self.log_out(client)
        self.assertNotIn('reserve', os.listdir(self.store.dir))
        self.fill()
        self.assertEqual(self.free(), 0)

    def log_out(self, *clients):
        """Sessions end, and nobody writes or frees blocks any more."""
        for client in clients:
            client.logout()
        self.server.wait_for_sessions()

    def append_some(self):
        client = self.login()
        for n in range(MAILS):
            client.append('INBOX', mail(subject=f'message {n}',
                                        body=incompressible(SIZE, seed=n)))
        client.select()
        client.fetch('1:*', 'ENVELOPE')
        return client

    def expunge_half(self):
        """A new session reads all and expunges half; APPEND is refused."""
        client = self.login()
        client.select()
        for uid, items in client.fetch_by_uid('BODY.PEEK[]').items():
            self.assertGreater(len(items['BODY[]']), SIZE, uid)
        reply = client.no('APPEND INBOX ', Literal(LATE, plus=True))
        self.assertEqual(reply.code_name(), 'OVERQUOTA')
        client.ok('STORE 1:10 +FLAGS.SILENT (\\Deleted)')
        reply = client.ok('EXPUNGE')
        self.assertEqual(len(reply.numbers('EXPUNGE')), 10)
        return client

    def test_reading_and_expunging(self):
        """S63: a new session reads and expunges; APPEND is refused with
        OVERQUOTA, until what was expunged has been purged."""
        self.log_out(self.append_some())
        self.fill_up()
        client = self.expunge_half()
        self.store.end_grace()
        self.log_out(client)
        self.store.check()
        self.assertEqual(self.store.stat()['messages'], MAILS - 10)
        self.doveadm('purge')
        client = self.login()
        client.append('INBOX', LATE)
        client.select()
        self.assertEqual(client.search('ALL', uid=True),
                         [*range(11, MAILS + 2)])
        self.log_out(client)
        self.store.check()

    def test_with_mail_in_the_wal(self):
        """A session is still there, so that what it has appended is not yet
        in store.db, which cannot grow."""
        first = self.append_some()
        self.fill(leave=256 << 10)
        second = self.login()
        second.select()
        second.ok('STORE 1 +FLAGS (\\Flagged)')
        self.fill()
        third = self.expunge_half()
        self.log_out(first, second, third)
        self.store.check()
        self.assertEqual(self.store.stat()['messages'], MAILS - 10)

    def test_reading_without_a_block(self):
        """Nothing at all is left, not even what a WAL has: mail is read."""
        self.log_out(self.append_some())
        os.unlink(os.path.join(self.store.dir, 'reserve'))
        self.fill()
        client = self.login()
        client.select()
        self.assertEqual(len(client.fetch_by_uid('BODY.PEEK[]')), MAILS)
        self.log_out(client)
        self.store.check()


if __name__ == '__main__':
    if os.geteuid() != 0 or not own_mounts():
        harness.cannot_run('only root can mount a small disk')
    harness.main()
