#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Files written into the mount are messages when they are closed."""

import errno
import glob
import mmap
import os
import subprocess
import threading

import harness
import mount
import mountfiles
from mails import mail
from mountfiles import wire

MAILS = sorted(glob.glob(os.path.join(mount.DATA, 'mail', '*.eml')))
KIB, MIB = 1024, 1024 * 1024
CHUNK = 128 * KIB
EMPTIED = 100
MOVES = 20
DRAFT_ROUNDS = int(os.environ.get('SQBOX_TEST_DRAFTS', 8))
HEADER = b'From: a@example.org\nSubject: x\n\n'


def is_traced(pid):
    """All its threads."""
    for path in glob.glob(f'/proc/{pid}/task/*/status'):
        with open(path) as f:
            if '\nTracerPid:\t0\n' in f.read():
                return False
    return True


def end(process):
    process.terminate()
    process.wait()


def sized(size):
    """A file of just so many octets."""
    line = b'0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijk\n'
    return (HEADER + line * (size // len(line) + 1))[:size]


SHAPES = {
    'lf': b'A: b\n\none\ntwo\n',
    'crlf': b'A: b\r\n\r\none\r\ntwo\r\n',
    'mixed': b'A: b\r\n\none\r\ntwo\n\r\n\n',
    'bare-cr': b'A: b\n\none\rtwo\r\r\nthree\r',
    'no-final-newline': b'A: b\n\none',
    'cr-last': b'A: b\r\n\r\none\r',
    'newlines': b'\n\n\n',
    'one-octet': b'x',
    'high': b'A: b\n\n' + bytes(range(1, 256)) * 3,
}


class Content(mountfiles.FileCase):
    """What is written is what is read, here and by IMAP."""

    def test_a_file_is_a_message_when_it_is_closed(self):
        """S77: cp is APPEND."""
        data = mail('one')
        fd = self.open('one.eml', os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        self.write_all(fd, data)
        self.assertEqual(self.uids(), [])
        os.close(fd)
        self.assertEqual(self.uids(), [1])
        self.assertEqual(self.body('INBOX', 1), wire(data))
        self.assertEqual(self.read('one.eml'), data)
        self.assertEqual(self.list(), ['one.eml'])
        self.assertEqual(self.client.status('INBOX')['MESSAGES'], 1)

    def test_all_kinds_of_mail(self):
        """S57 S77: Octet for octet, here and by IMAP."""
        self.shell(f'cp {os.path.dirname(MAILS[0])}/*.eml INBOX/')
        self.assertEqual(self.list(),
                         [os.path.basename(path) for path in MAILS])
        bodies = [d['BODY[]'] for d in
                  self.client.fetch_by_uid('BODY.PEEK[]').values()]
        for path, got in zip(MAILS, bodies):
            with self.subTest(path=os.path.basename(path)):
                with open(path, 'rb') as f:
                    data = f.read()
                self.shell(f'cmp {path} INBOX/{os.path.basename(path)}')
                self.assertEqual(os.stat(self.path(
                    'INBOX', os.path.basename(path))).st_size, len(data))
                self.assertEqual(got, wire(data))
        self.store.check()

    def test_line_ends(self):
        for name, data in SHAPES.items():
            with self.subTest(shape=name):
                self.write(name + '.eml', data)
                self.assertEqual(self.read(name + '.eml'), data)
                uid = self.uids()[-1]
                self.assertEqual(self.body('INBOX', uid), wire(data))
        # A fresh mount has nothing of this in memory.
        other = self.start_mount()
        for name, data in SHAPES.items():
            with open(other.join('INBOX', name + '.eml'), 'rb') as f:
                self.assertEqual(f.read(), data, name)

    def test_nul(self):
        data = b'A: b\n\none\0two\n\0'
        self.write('nul.eml', data)
        self.assertEqual(self.read('nul.eml'), data)
        # IMAP has no way to send NUL; Dovecot sends 0x80 in its place.
        self.assertEqual(self.body('INBOX', 1),
                         wire(data).replace(b'\0', b'\x80'))

    def test_sizes(self):
        for size in (CHUNK - 1, CHUNK, CHUNK + 1, MIB - 1, MIB, MIB + 1):
            with self.subTest(size=size):
                data = sized(size)
                self.write(f'{size}.eml', data)
                self.assertEqual(self.read(f'{size}.eml'), data)
                self.assertEqual(self.body('INBOX', self.uids()[-1]),
                                 wire(data))
        self.store.check()

    def test_200_mb(self):
        size = 200 * 1000 * 1000
        block = sized(MIB)
        path = self.beside('large')
        with open(path, 'wb') as f:
            for _ in range(size // MIB):
                f.write(block)
            f.write(block[:size % MIB])
        self.shell(f'cp {path} INBOX/large.eml && cmp {path} INBOX/large.eml')
        self.client.ok('EXAMINE INBOX')
        found = self.client.fetch_by_uid('RFC822.SIZE BODY.PEEK[]<0.1000>')
        lines = block.count(b'\n') * (size // MIB) \
            + block[:size % MIB].count(b'\n')
        self.assertEqual(int(found[1]['RFC822.SIZE']), size + lines)
        self.shell('rm -f INBOX/large.eml', check=False)

    def test_an_empty_file_is_no_message(self):
        self.write('empty.eml', b'')
        self.assertEqual(self.list(), ['empty.eml'])
        self.assertEqual(os.stat(self.path('INBOX', 'empty.eml')).st_size, 0)
        self.assertEqual(self.uids(), [])
        self.write('empty.eml', b'x', 0)
        self.assertEqual(self.uids(), [1])
        self.assertEqual(self.read('empty.eml'), b'x')

    def test_other_files_are_scratch(self):
        self.write('notes.txt', b'text')
        self.write('.x.eml.AbC', b'text')
        self.write('top', b'text', box='')
        self.assertEqual(self.list(), ['.x.eml.AbC', 'notes.txt'])
        self.assertEqual(self.read('notes.txt'), b'text')
        self.assertEqual(self.read('top', box=''), b'text')
        self.assertEqual(self.uids(), [])
        os.chmod(self.path('INBOX', 'notes.txt'), 0o640)
        self.assertEqual(os.stat(self.path('INBOX', 'notes.txt')).st_mode,
                         0o100640)

    def test_several_programs_write_one_after_the_other(self):
        self.shell('(printf "A: b\\n\\n"; /bin/echo two; /bin/echo three) '
                   '> INBOX/x.eml')
        self.assertEqual(self.read('x.eml'), b'A: b\n\ntwo\nthree\n')
        uid = self.only_uid()
        self.assertEqual(self.body('INBOX', uid),
                         b'A: b\r\n\r\ntwo\r\nthree\r\n')
        self.assertNotIn('Trash', os.listdir(self.mnt))
        self.store.check()


class Edit(mountfiles.FileCase):
    """Writing to what is a message already."""

    def setUp(self):
        super().setUp()
        self.data = wire(mail('old', body='old text\r\n'))
        self.uid = self.client.append(
            'INBOX', self.data, '\\Seen \\Flagged work later',
            '01-Mar-2024 12:00:01 +0000')
        # Our own look has to be later than the kernel's.
        harness.wait_until(self.list, 'the message is not in the mount')
        self.name = self.list()[0]
        # As long as the kernel remembers the file it keeps its number.
        self.pin = self.open(self.name, os.O_PATH)
        self.ino = os.fstat(self.pin).st_ino

    def assert_replaced(self, content):
        uid = self.only_uid()
        self.assertGreater(uid, self.uid)
        self.assertEqual(self.body('INBOX', uid), wire(content))
        self.assertEqual(self.read(self.name), content)
        self.assertEqual(self.list(), [self.name])
        self.assertEqual(os.stat(self.path('INBOX', self.name)).st_ino,
                         self.ino)
        self.assertEqual(self.flags('INBOX', uid),
                         {'\\Seen', '\\Flagged', 'work', 'later'})
        self.assertEqual(self.date(uid), '01-Mar-2024 12:00:01 +0000')
        self.assertEqual(
            os.stat(self.path('INBOX', self.name)).st_mtime, 1709294401)
        self.store.check()
        return uid

    def test_append_to_it(self):
        old = self.read(self.name)
        self.shell(f'echo more >> INBOX/{self.name}')
        self.assert_replaced(old + b'more\n')

    def test_write_over_it(self):
        self.write(self.name, b'A: new\n\ntext\n')
        self.assert_replaced(b'A: new\n\ntext\n')

    def test_write_into_it(self):
        old = bytearray(self.read(self.name))
        fd = self.open(self.name)
        os.pwrite(fd, b'XY', 3)
        os.close(fd)
        old[3:5] = b'XY'
        self.assert_replaced(bytes(old))

    def test_truncate(self):
        old = self.read(self.name)
        os.truncate(self.path('INBOX', self.name), 30)
        self.assert_replaced(old[:30])

    def test_a_given_name_stays(self):
        self.write('given.eml', b'one')
        self.write('given.eml', b'two')
        self.assertEqual(self.read('given.eml'), b'two')
        self.assertEqual(self.list(), [self.name, 'given.eml'])

    def test_opening_alone_changes_nothing(self):
        os.close(self.open(self.name))
        os.close(self.open(self.name, os.O_WRONLY | os.O_APPEND))
        self.assertEqual(self.uids(), [self.uid])

    def test_emptying_alone_changes_nothing(self):
        old = self.read(self.name)
        self.shell(f': > INBOX/{self.name}')
        self.assertEqual(self.uids(), [self.uid])
        self.assertEqual(self.read(self.name), old)
        self.assert_errno(errno.EPERM, os.truncate,
                          self.path('INBOX', self.name), 0)
        self.assertEqual(self.read(self.name), old)

    def test_what_an_editor_does(self):
        """vim: open, ftruncate, write, fsync, write on, close."""
        fd = self.open(self.name, os.O_WRONLY)
        os.ftruncate(fd, 0)
        os.write(fd, b'A: b\n\n')
        os.fsync(fd)
        self.assertEqual(self.body('INBOX', self.only_uid()), b'A: b\r\n\r\n')
        os.write(fd, b'more\n')
        os.close(fd)
        self.assert_replaced(b'A: b\n\nmore\n')

    def test_it_can_be_edited_twice(self):
        self.write(self.name, b'one\n')
        self.write(self.name, b'two\n')
        self.assert_replaced(b'two\n')

    def test_a_reader_sees_the_change(self):
        fd = self.open(self.name, os.O_RDONLY)
        before = os.pread(fd, 1000, 0)
        self.write(self.name, b'changed\n')
        self.assertEqual(os.pread(fd, 1000, 0), b'changed\n')
        os.close(fd)
        self.assertNotEqual(before, b'changed\n')
        self.assert_replaced(b'changed\n')

    def test_gone_meanwhile(self):
        fd = self.open(self.name, os.O_WRONLY | os.O_APPEND)
        os.write(fd, b'more\n')
        self.client.select()
        self.client.ok(f'UID STORE {self.uid} +FLAGS.SILENT (\\Deleted)')
        self.client.ok('EXPUNGE')
        self.assert_errno(errno.ESTALE, os.fsync, fd)
        self.assert_errno(errno.ESTALE, os.close, fd)
        self.assertEqual(self.uids(), [])


class Unlinked(mountfiles.FileCase):
    """What is open goes on, and never becomes mail."""

    LARGE = sized(3 * MIB)

    def assert_nothing(self):
        self.assertEqual(self.uids(), [])
        self.assertEqual(self.list(), [])
        self.store.check()

    def test_new_file(self):
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'one\n')
        os.unlink(self.path('INBOX', 'x.eml'))
        os.write(fd, b'two\n')
        self.assertEqual(os.pread(fd, 100, 0), b'one\ntwo\n')
        os.fsync(fd)
        os.close(fd)
        self.assert_nothing()

    def test_message_that_is_read(self):
        for data in (b'A: b\n', self.LARGE):
            for reads_first in (False, True):
                with self.subTest(size=len(data), reads_first=reads_first):
                    self.write('x.eml', data)
                    fd = self.open('x.eml', os.O_RDONLY)
                    if reads_first:
                        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
                        os.pread(fd, 1, 0)
                    os.unlink(self.path('INBOX', 'x.eml'))
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                    self.assertEqual(os.pread(fd, 4 * MIB, 0), data)
                    os.close(fd)
        self.assert_nothing()

    def test_message_that_is_written_to(self):
        for trash in (False, True):
            with self.subTest(trash=trash):
                if trash:
                    self.client.ok('CREATE Trash')
                self.write('x.eml', b'A: b\n')
                fd = self.open('x.eml', os.O_RDWR | os.O_APPEND)
                os.unlink(self.path('INBOX', 'x.eml'))
                os.write(fd, b'more\n')
                self.assertEqual(os.pread(fd, 100, 0), b'A: b\nmore\n')
                os.fsync(fd)
                os.close(fd)
                self.assert_nothing()
        self.assertEqual(self.body('Trash', self.only_uid('Trash')),
                         b'A: b\r\n')

    def test_expunged_by_others(self):
        """Its body is freed 60 s after that: it is copied in time."""
        self.write('x.eml', self.LARGE)
        fd = self.open('x.eml', os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.pread(fd, 1, 0)      # imapfs is asked
        self.client.select()
        self.client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        self.client.ok('EXPUNGE')
        harness.wait_until(lambda: self.list() == [], 'still there')
        self.assertEqual(os.pread(fd, 4 * MIB, 0), self.LARGE)
        self.assertEqual(os.fstat(fd).st_size, len(self.LARGE))
        os.close(fd)

    def test_name_is_free_again(self):
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'old\n')
        os.unlink(self.path('INBOX', 'x.eml'))
        self.write('x.eml', b'new\n')
        os.write(fd, b'old\n')
        os.close(fd)
        self.assertEqual(self.read('x.eml'), b'new\n')
        self.assertEqual(self.body('INBOX', self.only_uid()), b'new\r\n')

    def test_moved_to_and_fro_while_it_is_written(self):
        def move():
            here, there = self.path('INBOX', 'x.eml'), self.path('o', 'x.eml')
            while not stop.is_set():
                os.rename(here, there)
                here, there = there, here
        self.client.ok('CREATE o')
        harness.wait_until(lambda: os.path.exists(self.path('o')), 'no o')
        self.write('x.eml', self.LARGE)
        fd = self.open('x.eml', os.O_WRONLY | os.O_APPEND)
        stop = threading.Event()
        thread = threading.Thread(target=move)
        thread.start()
        try:
            for n in range(MOVES):
                os.write(fd, b'%d\n' % n)
                os.close(os.dup(fd))
        finally:
            stop.set()
            thread.join()
            os.close(fd)
        want = self.LARGE + b''.join(b'%d\n' % n for n in range(MOVES))
        found = [(box, name) for box in ('INBOX', 'o')
                 for name in self.list(box)]
        self.assertEqual([self.read(name, box) for box, name in found], [want])

    def test_rename_while_open(self):
        self.client.ok('CREATE other')
        harness.wait_until(lambda: os.path.exists(self.path('other')), 'gone')
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'one\n')
        os.rename(self.path('INBOX', 'x.eml'), self.path('other', 'y.eml'))
        os.write(fd, b'two\n')
        os.close(fd)
        self.assertEqual(self.list('other'), ['y.eml'])
        self.assertEqual(self.body('other', self.only_uid('other')),
                         b'one\r\ntwo\r\n')
        self.assert_nothing()


class Draft(mountfiles.FileCase):
    """Handles, mappings, and what they see of each other."""

    def test_two_writers(self):
        a = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        b = self.open('x.eml', os.O_RDWR)
        os.write(a, b'1111\n')
        os.pwrite(b, b'22', 1)
        self.assertEqual(os.pread(a, 10, 0), b'1221\n')
        os.close(a)
        self.assertEqual(self.read('x.eml'), b'1221\n')
        os.pwrite(b, b'3', 0)
        os.close(b)
        self.assertEqual(self.body('INBOX', self.only_uid()), b'3221\r\n')

    def test_looked_for_while_it_is_committed(self):
        """The message is in the store before the write is answered, and who
        finds it there finds the file that it is, not another."""
        self.slow_down('fdatasync')
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'A: 1\n')
        number = os.fstat(fd).st_ino
        thread = threading.Thread(target=os.fsync, args=(fd,))
        thread.start()
        harness.wait_until(self.uids, 'no message')
        with os.scandir(self.path('INBOX')) as entries:
            self.assertEqual({e.inode() for e in entries}, {number})
        self.assertTrue(thread.is_alive(), 'not looked at in time')
        self.assertEqual(os.stat(self.path('INBOX', 'x.eml')).st_ino, number)
        thread.join()
        os.close(fd)
        self.write('x.eml', b'A: 2\n')
        self.assertEqual(self.read('x.eml'), b'A: 2\n')
        self.assertEqual(self.body('INBOX', self.only_uid()), b'A: 2\r\n')

    def slow_down(self, call):
        """A system call of imapfs takes five seconds, until the test ends."""
        pid = self.mount.process.pid
        tracer = mount.root.call(
            subprocess.Popen,
            ['strace', '-qq', '-f', '-p', str(pid), '-o', '/dev/null',
             '-e', f'trace={call}', '-e', f'inject={call}:delay_enter=5000000'])
        self.addCleanup(mount.root.call, end, tracer)
        harness.wait_until(lambda: is_traced(pid), 'strace does not attach')

    def test_another_closes_while_it_is_emptied(self):
        """Nothing of what was there comes back behind what is written."""
        def open_and_close():
            while not stop.is_set():
                os.close(os.open(path, os.O_WRONLY))
        path = self.path('INBOX', 'x.eml')
        self.write('x.eml', b'A: long\n' * 8)
        stop = threading.Event()
        thread = threading.Thread(target=open_and_close)
        thread.start()
        try:
            for n in range(EMPTIED):
                data = b'%d\n' % n
                self.write('x.eml', data)
                self.assertEqual(self.read('x.eml'), data)
                self.write('x.eml', b'A: long\n' * 8)
        finally:
            stop.set()
            thread.join()

    def test_dup(self):
        a = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        b = os.dup(a)
        os.write(a, b'one\n')
        os.close(a)
        first = self.only_uid()
        os.write(b, b'two\n')
        os.close(b)
        self.assertGreater(self.only_uid(), first)
        self.assertEqual(self.read('x.eml'), b'one\ntwo\n')

    def test_reader_beside_a_writer(self):
        w = self.open('x.eml', os.O_WRONLY | os.O_CREAT)
        r = self.open('x.eml', os.O_RDONLY)
        for n in range(1, 5):
            os.write(w, b'line\n')
            self.assertEqual(os.fstat(r).st_size, 5 * n)
            self.assertEqual(os.pread(r, 100, 0), b'line\n' * n)
            self.assertEqual(self.list(), ['x.eml'])
            self.assertEqual(
                os.stat(self.path('INBOX', 'x.eml')).st_size, 5 * n)
        os.close(w)
        self.assertEqual(os.pread(r, 100, 0), b'line\n' * 4)
        os.close(r)

    def test_shared_mapping(self):
        size = 3 * mmap.PAGESIZE + 100
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, size)
        view = mmap.mmap(fd, size)
        view[:4] = b'A:b\n'
        view[size - 1:size] = b'\n'
        self.assertEqual(self.uids(), [])
        view.flush()
        self.only_uid()
        image = bytearray(size)
        image[:4] = b'A:b\n'
        image[-1:] = b'\n'
        self.assertEqual(self.read('x.eml'), bytes(image))
        view[5000:5003] = image[5000:5003] = b'mid'
        os.close(fd)
        self.assertEqual(self.read('x.eml'), bytes(image))
        uid = self.only_uid()
        # The mapping outlives the file descriptor.
        view[6000:6004] = image[6000:6004] = b'late'
        view.close()
        self.assertEqual(self.read('x.eml'), bytes(image))
        harness.wait_until(lambda: self.uids() != [uid], 'not stored')
        self.only_uid()

    def test_random_changes(self):
        rng = harness.seeded('test_random_changes')
        for n in range(DRAFT_ROUNDS):
            limit = rng.choice((5000, CHUNK, 3 * MIB))
            name = f'{n}.eml'
            model = bytearray()
            fd = self.open(name, os.O_RDWR | os.O_CREAT)
            for _ in range(60):
                self.random_change(rng, fd, model, limit)
            os.close(fd)
            if not model:
                continue
            self.assertEqual(self.read(name), bytes(model))
            other = self.start_mount()
            with open(other.join('INBOX', name), 'rb') as f:
                self.assertEqual(f.read(), bytes(model))
            other.stop()
            self.assertEqual(os.stat(self.path('INBOX', name)).st_size,
                             len(model))
        self.store.check()

    def random_change(self, rng, fd, model, limit):
        what = rng.choice(('write',) * 4 + ('read',) * 3 + ('size', 'map',
                          'map', 'fsync', 'extend'))
        at = rng.randrange(limit)
        data = rng.choice((b'x\n', b'abc\r\n', b'\r', b'\0')) \
            * rng.randrange(1, rng.choice((10, 30000)))
        data = data[:limit - at]
        if what == 'write':
            self.assertEqual(os.pwrite(fd, data, at), len(data))
            model.extend(bytes(max(0, at - len(model))))
            model[at:at + len(data)] = data
        elif what == 'read':
            self.assertEqual(os.pread(fd, len(data), at),
                             bytes(model[at:at + len(data)]))
        elif what == 'size':
            os.ftruncate(fd, at)
            del model[at:]
            model.extend(bytes(at - len(model)))
        elif what == 'extend':
            os.posix_fallocate(fd, at, len(data))
            model.extend(bytes(max(0, at + len(data) - len(model))))
        elif what == 'fsync':
            os.fsync(fd)
        elif model:
            with mmap.mmap(fd, len(model)) as view:
                at %= len(model)
                data = data[:len(model) - at]
                self.assertEqual(view[at:at + 100], bytes(model[at:at + 100]))
                view[at:at + len(data)] = data
                model[at:at + len(data)] = data
        self.assertEqual(os.fstat(fd).st_size, len(model))


if __name__ == '__main__':
    mount.main()
