#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What one door does is seen at the other: changes by IMAP in the mount, whose
kernel has cached all of it for a day, without asking again.

Each test first fills the kernel's cache, then waits for what has to be seen.
The longest and the median time that it took are printed; nothing depends on
them.
"""

import errno
import os
import signal
import sqlite3
import statistics
import time

import mount
from mails import mail

MESSAGES = 20
MANY = 300
DEADLINE = 60.0


class Live(mount.MountCase):
    latencies = []

    @classmethod
    def tearDownClass(cls):
        if cls.latencies:
            times = sorted(1000 * t for t in cls.latencies)
            print(f'{cls.__name__}: {len(times)} changes seen after '
                  f'{statistics.median(times):.1f} ms (median), '
                  f'{times[-1]:.1f} ms (longest)', flush=True)
        cls.latencies.clear()

    def setUp(self):
        super().setUp()
        for n in range(MESSAGES):
            self.client.append('INBOX', mail(subject=str(n)))
        self.inbox = self.path('INBOX')
        self.assert_same()

    def see(self, what, condition):
        """Wait until it is so."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() > start + DEADLINE:
                self.fail(f'never seen: {what}')
            time.sleep(0.0005)
        self.latencies.append(time.monotonic() - start)

    def name(self, uid, box='INBOX', mnt=None):
        """The name of a message's file, or None."""
        found = [n for n in os.listdir(os.path.join(mnt or self.mnt, box))
                 if n.endswith(f'.{uid}.eml')]
        self.assertLess(len(found), 2)
        return found[0] if found else None

    def warm(self, uid, box='INBOX', mnt=None):
        """The path of a message's file, after the kernel has cached all that
        it can cache of it."""
        path = os.path.join(mnt or self.mnt, box,
                            self.name(uid, box, mnt) or f'no {uid}')
        for _ in range(2):
            os.stat(path)
            with open(path, 'rb') as f:
                f.read()
        return path

    def assert_gone(self, path):
        """By whatever name or call one asks."""
        for call in (os.stat, lambda p: open(p, 'rb'), os.listxattr,
                     lambda p: os.open(p, os.O_PATH)):
            self.assert_errno(errno.ENOENT, call, path)
        self.assertFalse(os.access(path, os.R_OK))
        self.assertNotIn(os.path.basename(path),
                         os.listdir(os.path.dirname(path)))

    def assert_same(self, box='INBOX', mnt=None):
        """The folder lists just what IMAP has, and all of it opens."""
        where = os.path.join(mnt or self.mnt, box)
        names = [n for n in os.listdir(where) if n.endswith('.eml')]
        self.assertEqual(sorted(int(n.split('.')[-2]) for n in names),
                         self.uids(box))
        for name in names:
            with open(os.path.join(where, name), 'rb') as f:
                self.assertEqual(len(f.read()),
                                 os.fstat(f.fileno()).st_size)

    def mtime(self, *names):
        return os.stat(self.path(*names)).st_mtime_ns


class Messages(Live):
    def test_append(self):
        """An appended message is listed, found and read; the folder's mtime
        moves."""
        for _ in range(5):
            before = self.mtime('INBOX')
            uid = self.client.append('INBOX', mail(body='New.\r\n'))
            self.see('the message in ls', lambda u=uid: self.name(u))
            with open(self.warm(uid), 'rb') as f:
                self.assertTrue(f.read().endswith(b'\nNew.\n'))
            self.assertGreater(self.mtime('INBOX'), before)
        self.assert_same()

    def test_append_of_a_known_name(self):
        """A name that was asked for before there was such a message."""
        date = '01-Mar-2024 12:00:01 +0000'
        box = self.name(1).split('-')[1].split('.')[0]
        for uid in range(MESSAGES + 1, MESSAGES + 4):
            path = self.path('INBOX', f'20240301T120001-{box}.{uid}.eml')
            self.assert_errno(errno.ENOENT, os.stat, path)
            self.assertEqual(self.client.append('INBOX', mail(), date=date),
                             uid)
            self.see('its stat', lambda p=path: os.path.exists(p))

    def test_lmtp(self):
        """A delivery is seen."""
        self.lmtp().deliver(self.user, mail())
        self.see('the delivered message',
                 lambda: self.name(MESSAGES + 1))

    def test_expunge(self):
        """An expunged message's name is gone, for every call."""
        self.client.select()
        for uid in (1, 7, MESSAGES):
            path = self.warm(uid)
            before = self.mtime('INBOX')
            self.client.ok(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)')
            self.client.ok(f'UID EXPUNGE {uid}')
            self.see('that it is gone', lambda p=path: not os.path.exists(p))
            self.assert_gone(path)
            self.assertGreater(self.mtime('INBOX'), before)
        self.assert_same()

    def test_expunge_while_open(self):
        """A file that is open can be read."""
        path = self.warm(3)
        with open(path, 'rb') as f:
            size = os.fstat(f.fileno()).st_size
            self.client.select()
            self.client.ok('UID STORE 3 +FLAGS.SILENT (\\Deleted)')
            self.client.ok('UID EXPUNGE 3')
            self.see('that it is gone', lambda: not os.path.exists(path))
            self.assertTrue(os.read(f.fileno(), size).endswith(b'Hello.\n'))

    def test_expunge_while_read(self):
        """Who has begun to read a message goes on, and its name is gone."""
        path = self.path('INBOX', self.name(3))
        self.mount.stop()
        self.mount = self.start_mount()
        path = path.replace(self.mnt, self.mount.path)
        self.mnt = self.mount.path
        os.stat(path)
        with open(path, 'rb') as f:
            start = f.read(10)
            self.client.select()
            self.client.ok('UID STORE 3 +FLAGS.SILENT (\\Deleted)')
            self.client.ok('UID EXPUNGE 3')
            self.see('that it is gone', lambda: not os.path.exists(path))
            self.assert_gone(path)
            self.assertEqual(os.fstat(f.fileno()).st_nlink, 0)
            self.assertTrue((start + f.read()).endswith(b'\nHello.\n'))

    def test_move(self):
        """A moved message goes from one folder to the other."""
        self.client.ok('CREATE Archive')
        self.see('the folder', lambda: os.path.isdir(self.path('Archive')))
        self.assertEqual(os.listdir(self.path('Archive')), [])
        self.client.select()
        for uid in (2, 3):
            path = self.warm(uid)
            self.client.ok(f'UID MOVE {uid} Archive')
            self.see('that it is gone', lambda p=path: not os.path.exists(p))
            self.assert_gone(path)
        self.see('both of them',
                 lambda: len(os.listdir(self.path('Archive'))) == 2)
        self.assert_same('Archive')
        self.assert_same()

    def test_many(self):
        """Many changes one after the other, while the folder is listed all
        the time."""
        writer = self.login(name='writer')
        writer.select()
        for n in range(MANY):
            uid = writer.append('INBOX', mail(subject=str(n)))
            if n % 3 == 0:
                writer.ok(f'UID STORE {uid - 1} +FLAGS.SILENT (\\Deleted)')
                writer.ok(f'UID EXPUNGE {uid - 1}')
            os.listdir(self.inbox)
        self.see('the last one', lambda: self.name(uid))
        self.assert_same()
        writer.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
        writer.ok('EXPUNGE')
        self.see('an empty folder', lambda: os.listdir(self.inbox) == [])

    def test_two_mounts(self):
        """Each mount is told."""
        other = self.start_mount()
        paths = [self.warm(5), self.warm(5, mnt=other.path)]
        self.client.select()
        self.client.ok('UID STORE 5 +FLAGS.SILENT (\\Deleted)')
        self.client.ok('UID EXPUNGE 5')
        for path in paths:
            self.see('that it is gone', lambda p=path: not os.path.exists(p))
            self.assert_gone(path)
        uid = self.client.append('INBOX', mail())
        for mnt in (self.mnt, other.path):
            self.see('the new one', lambda m=mnt: self.name(uid, mnt=m))
            self.assert_same(mnt=mnt)

    def test_read_only(self):
        """A read-only mount, where the kernel opens files by itself."""
        other = self.start_mount('ro')
        path = self.warm(5, mnt=other.path)
        self.client.select()
        self.client.ok('UID STORE 5 +FLAGS.SILENT (\\Deleted)')
        self.client.ok('UID EXPUNGE 5')
        self.see('that it is gone', lambda: not os.path.exists(path))
        self.assert_gone(path)
        uid = self.client.append('INBOX', mail())
        self.see('the new one', lambda: self.name(uid, mnt=other.path))
        self.assert_same(mnt=other.path)


class Folders(Live):
    def folder(self, *names):
        return os.path.isdir(self.path(*names))

    def test_create(self):
        """A new mailbox, asked for before."""
        self.assertFalse(self.folder('new'))
        before = os.stat(self.mnt)
        self.client.ok('CREATE new/below')
        self.see('the folder', lambda: self.folder('new', 'below'))
        self.assertEqual(sorted(os.listdir(self.mnt)), ['INBOX', 'new'])
        after = os.stat(self.mnt)
        self.assertEqual(after.st_nlink, before.st_nlink + 1)
        self.assertGreater(after.st_mtime_ns, before.st_mtime_ns)

    def test_rename(self):
        """S41 S133: A renamed mailbox keeps its number, and what is in it."""
        self.client.ok('CREATE a/b')
        self.client.append('a/b', mail())
        self.see('the folder', lambda: self.folder('a', 'b'))
        self.warm(1, 'a/b')
        ino = os.stat(self.path('a')).st_ino
        self.assertFalse(self.folder('c'))
        self.client.ok('RENAME a c')
        self.see('the new name', lambda: self.folder('c'))
        self.see('that the old one is gone', lambda: not self.folder('a'))
        self.assertEqual(os.stat(self.path('c')).st_ino, ino)
        self.assertEqual(sorted(os.listdir(self.mnt)), ['INBOX', 'c'])
        self.assert_same('c/b')
        self.client.ok('RENAME c/b b')
        self.see('the new place', lambda: self.folder('b'))
        self.see('that it is not in the old one',
                 lambda: not self.folder('c', 'b'))
        self.assertEqual(os.listdir(self.path('c')), [])
        self.assert_same('b')

    def test_rename_of_inbox(self):
        """RENAME INBOX leaves an empty one."""
        path = self.warm(1)
        self.client.ok('RENAME INBOX old')
        self.see('the new folder', lambda: self.folder('old'))
        self.see('an empty INBOX', lambda: os.listdir(self.inbox) == [])
        self.assert_errno(errno.ENOENT, os.stat, path)
        self.assert_same('old')
        self.assertEqual(len(os.listdir(self.path('old'))), MESSAGES)

    def test_delete(self):
        """A deleted mailbox, and another one of the same name."""
        for number in range(3):
            self.client.ok('CREATE x')
            for _ in range(number):
                self.client.append('x', mail())
            self.see('the folder', lambda n=number: self.folder('x')
                     and len(os.listdir(self.path('x'))) == n)
            self.assert_same('x')
            self.client.ok('SELECT INBOX')
            self.client.ok('DELETE x')
            self.see('that it is gone', lambda: not self.folder('x'))
            self.assertEqual(os.listdir(self.mnt), ['INBOX'])

    def test_delete_below_somebody(self):
        """The folder one stands in is deleted: nothing hangs, nothing is
        found."""
        self.client.ok('CREATE x')
        self.client.append('x', mail())
        self.see('the folder', lambda: self.folder('x'))
        fd = os.open(self.path('x'), os.O_RDONLY | os.O_DIRECTORY)
        try:
            name = os.listdir(fd)[0]
            self.client.ok('SELECT INBOX')
            self.client.ok('DELETE x')
            self.see('that it is gone', lambda: not self.folder('x'))
            self.assertFalse(os.path.exists(f'/proc/self/fd/{fd}/{name}'))
            self.assert_errno(errno.ENOENT, os.stat, name, dir_fd=fd)
        finally:
            os.close(fd)

    def test_delete_of_a_parent(self):
        """S35 S40: A mailbox with children loses its messages, and stays."""
        self.client.ok('CREATE p/child')
        self.client.ok('CREATE p')
        self.client.append('p', mail())
        self.see('the message', lambda: self.folder('p')
                 and self.name(1, 'p') is not None)
        path = self.warm(1, 'p')
        self.client.ok('DELETE p')
        self.see('that the message is gone',
                 lambda: not os.path.exists(path))
        self.assertEqual(os.listdir(self.path('p')), ['child'])


class FromTheMount(Live):
    """What is done in one mount, at the other doors."""

    def setUp(self):
        super().setUp()
        self.other = self.start_mount()
        self.idler = self.login(name='idler')
        self.idler.select()
        self.idler.idle()
        for uid in (1, 5):
            self.warm(uid)
            self.warm(uid, mnt=self.other.path)

    def told(self, name, num=None):
        self.idler.idle_until(lambda got: any(
            r.name == name and num in (None, r.num) for r in got))

    def other_names(self, box='INBOX'):
        return os.listdir(self.other.join(box))

    def test_new(self):
        """S60 S77: cp into the mount is EXISTS, and a file in the other one,
        where the name was asked for before."""
        self.assert_errno(errno.ENOENT, os.stat,
                          self.other.join('INBOX', 'note.eml'))
        self.shell("printf 'Subject: note\n\nHello.\n' >INBOX/note.eml")
        self.told('EXISTS', MESSAGES + 1)
        self.see('the file', lambda: os.path.exists(
            self.other.join('INBOX', 'note.eml')))
        self.assertIn('note.eml', self.other_names())

    def test_rename(self):
        """A given name that is changed; and one in place of a generated
        one."""
        self.test_new()
        os.rename(self.path('INBOX', 'note.eml'),
                  self.path('INBOX', 'memo.eml'))
        self.see('the new name', lambda: os.path.exists(
            self.other.join('INBOX', 'memo.eml')))
        self.see('that the old one is gone', lambda: not os.path.exists(
            self.other.join('INBOX', 'note.eml')))
        old = self.warm(5, mnt=self.other.path)
        os.rename(self.path('INBOX', os.path.basename(old)),
                  self.path('INBOX', 'five.eml'))
        self.see('the given name', lambda: 'five.eml' in self.other_names())
        self.see('that the generated one is gone',
                 lambda: not os.path.exists(old))

    def test_remove(self):
        """rm is EXPUNGE."""
        old = self.warm(1, mnt=self.other.path)
        os.unlink(self.path('INBOX', os.path.basename(old)))
        self.told('EXPUNGE', 1)
        self.see('that it is gone', lambda: not os.path.exists(old))
        self.assert_gone(old)

    def test_move(self):
        """mv to another folder is EXPUNGE here, and a file with the same name
        there."""
        os.mkdir(self.path('Work'))
        self.see('the folder', lambda: os.path.isdir(self.other.join('Work')))
        self.assertEqual(self.other_names('Work'), [])
        old = self.warm(1, mnt=self.other.path)
        name = os.path.basename(old)
        os.rename(self.path('INBOX', name), self.path('Work', name))
        self.told('EXPUNGE', 1)
        self.see('the file', lambda: self.other_names('Work') == [name])
        self.see('that it is gone', lambda: not os.path.exists(old))
        self.assertEqual(os.listdir(self.path('Work')), [name])

    def test_folders(self):
        """mkdir, mv and rmdir of folders."""
        for old, new in (('a', 'b'), ('b', 'c')):
            os.makedirs(self.path(old), exist_ok=True)
            self.see('the folder',
                     lambda o=old: os.path.isdir(self.other.join(o)))
            os.rename(self.path(old), self.path(new))
            self.see('the new name',
                     lambda n=new: os.path.isdir(self.other.join(n)))
            self.assert_errno(errno.ENOENT, os.stat, self.other.join(old))
        os.rmdir(self.path('c'))
        self.see('that it is gone',
                 lambda: not os.path.exists(self.other.join('c')))
        self.assertEqual(self.other_names('.'), ['INBOX'])

    def test_flags(self):
        """S60 S66: A flag set in the mount is FETCH, and seen in the other
        mount; one set by IMAP is seen in both."""
        paths = [self.warm(5), self.warm(5, mnt=self.other.path)]
        os.setxattr(paths[0], 'user.imap.flags', b'+\\Flagged')
        self.told('FETCH', 5)
        self.client.select()
        self.client.ok('UID STORE 5 +FLAGS (\\Answered)')
        for path in paths:
            self.see('both flags', lambda p=path: set(
                os.getxattr(p, 'user.imap.flags').split())
                >= {b'\\Flagged', b'\\Answered'})


class Faults(Live):
    def test_late(self):
        """A mount that could not run for a while, so that the journal begins
        after what it knows, finds out nevertheless."""
        paths = [self.warm(uid) for uid in (1, 9, MESSAGES)]
        kept = self.warm(10)
        os.kill(self.mount.process.pid, signal.SIGSTOP)
        try:
            self.client.select()
            self.client.ok(f'UID STORE 1,9,{MESSAGES} +FLAGS (\\Deleted)')
            self.client.ok('EXPUNGE')
            with sqlite3.connect(os.path.join(self.store.dir,
                                              'store.db')) as db:
                db.execute('UPDATE mailbox SET vanished_floor ='
                           ' highestmodseq WHERE id > 0')
                db.execute('DELETE FROM expunged')
            db.close()
        finally:
            os.kill(self.mount.process.pid, signal.SIGCONT)
        for path in paths:
            self.see('that it is gone', lambda p=path: not os.path.exists(p))
            self.assert_gone(path)
        os.stat(kept)
        self.assert_same()

    def test_between_two_looks(self):
        """What came and went before the mount has looked.  Here it does not
        hear the doorbell, and looks once a second."""
        self.client.ok('CREATE p/child')
        self.see('the folder', lambda: os.path.isdir(self.path('p', 'child')))
        notify = os.path.join(self.store.dir, 'notify')
        os.rename(notify, notify + '.old')
        with open(notify, 'wb'):
            pass
        writer, box = self.login(), os.stat(self.path('p')).st_ino >> 32
        for n in range(6):
            old, new = f'old{n}', f'new{n}'
            writer.ok('CREATE p')
            uid = writer.append('p', mail(),
                                date='01-Mar-2024 12:00:01 +0000')
            path = self.path('p', f'20240301T120001-{box}.{uid}.eml')
            os.stat(path)
            writer.ok('DELETE p')
            writer.ok(f'CREATE {old}')
            os.stat(self.path(old))
            writer.ok(f'RENAME {old} {new}')
            self.see('that it is gone',
                     lambda p=path: not os.path.exists(p))
            self.see('that it is renamed',
                     lambda p=self.path(old): not os.path.exists(p))
            self.assertEqual(os.listdir(self.path('p')), ['child'])

    def test_store_moved(self):
        """The store is moved away under the mount: EIO, one line in the log,
        and no more work."""
        path = self.warm(1)
        aside = self.store.dir + '.aside'
        os.rename(self.store.dir, aside)
        try:
            self.see('EIO', lambda: self.errno_of(os.stat, path) == errno.EIO)
            for call in (os.stat, os.listdir):
                self.assert_errno(errno.EIO, call, self.inbox)
            self.assert_errno(errno.EIO, os.stat, self.path('other'))
            self.assertEqual(self.mount.read_log().count('not the store'), 1)
            before = self.cpu_ticks()
            time.sleep(2.5)
            self.assertLess(self.cpu_ticks() - before, 20)
        finally:
            os.rename(aside, self.store.dir)

    @staticmethod
    def errno_of(call, path):
        try:
            call(path)
        except OSError as e:
            return e.errno
        return 0

    def cpu_ticks(self):
        with open(f'/proc/{self.mount.process.pid}/stat', 'rb') as f:
            fields = f.read().rpartition(b')')[2].split()
        return int(fields[11]) + int(fields[12])


if __name__ == '__main__':
    mount.main()
