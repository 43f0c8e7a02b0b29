#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Times and modes of files in a mount, as the tools that copy files set
them; and cp within the mount, which is COPY."""

import errno
import os
import shutil

import harness
import mount
import mountfiles
from mails import mail
from mountfiles import wire

WHEN = 1709294401       # 1 March 2024 12:00:01 UTC
DATE = '01-Mar-2024 12:00:01 +0000'


class SetattrCase(mountfiles.FileCase):

    def put_tree(self, count=5):
        """A directory of files with old times, outside of the mount."""
        for n in range(count):
            path = self.put(f'm{n}.eml', mail(f'number {n}')
                            .replace(b'\r\n', b'\n'))
            os.makedirs(self.beside('src', 'folder'), exist_ok=True)
            path = shutil.move(path, self.beside('src', 'folder'))
            os.chmod(path, 0o644)
            os.utime(path, (WHEN + n, WHEN + n))
        os.chmod(self.beside('src', 'folder'), 0o755)
        return self.beside('src')

    def make_folder(self):
        self.client.ok('CREATE folder')
        self.wait_for('folder')

    def wait_for(self, *names):
        """Until the kernel has heard of what IMAP did."""
        harness.wait_until(lambda: os.path.exists(self.path(*names)),
                                 f'{names} does not appear')

    def assert_tree(self, count=5, folder='folder'):
        for n in range(count):
            name = f'm{n}.eml'
            self.shell(f'cmp {self.beside("src")}/folder/{name} '
                       f'{folder}/{name}')
            self.assertEqual(os.stat(self.path(folder, name)).st_mtime,
                             WHEN + n)
        self.assertEqual(self.list(folder),
                         [f'm{n}.eml' for n in range(count)])
        uids = self.uids(folder)
        self.assertEqual(len(uids), count)
        self.assertEqual({self.date(uid, folder) for uid in uids},
                         {f'01-Mar-2024 12:00:0{n + 1} +0000'
                          for n in range(count)})
        self.store.check()


class Tools(SetattrCase):

    def test_cp_p(self):
        src = self.put_tree()
        self.make_folder()
        self.shell(f'cp -p {src}/folder/* folder/')
        self.assert_tree()

    def test_cp_a_of_a_directory(self):
        src = self.put_tree()
        self.make_folder()
        self.shell(f'cp -a {src}/folder .')
        self.assert_tree()

    def test_mv_into_the_mount(self):
        src = self.put_tree()
        self.make_folder()
        shutil.copytree(src + '/folder', src + '/other')
        self.shell(f'mv {src}/other/* folder/')
        self.assert_tree()

    def test_install_p(self):
        src = self.put_tree()
        self.make_folder()
        self.shell(f'install -p -m 644 {src}/folder/* folder/')
        self.assert_tree()

    def test_tar(self):
        src = self.put_tree()
        self.make_folder()
        self.shell(f'tar -C {src} -cf - folder | tar xpf -')
        self.assert_tree()
        self.shell(f'mkdir {src}/back && tar cf - folder | tar -C {src}/back '
                   f'-xf - && diff -r {src}/folder {src}/back/folder')

    def test_rsync_twice(self):
        src = self.put_tree()
        for n, options in enumerate(('-a', '-a --inplace',
                                     '-a --whole-file --fsync')):
            with self.subTest(options=options):
                name = f'folder{n}'
                os.mkdir(self.path(name))
                self.shell(f'rsync {options} {src}/folder/ {name}/')
                self.assert_tree(folder=name)
                uids = self.uids(name)
                again = self.shell(
                    f'rsync {options} -i {src}/folder/ {name}/').stdout
                self.assertNotRegex(again, '(?m)^[<>]')
                self.assertEqual(self.uids(name), uids)

    def test_python_copies(self):
        src = self.put_tree()
        self.make_folder()
        for n in range(5):
            shutil.copy2(f'{src}/folder/m{n}.eml', self.path('folder'))
        self.assert_tree()


class Times(SetattrCase):

    def test_mtime_before_close_is_internaldate(self):
        """S56: As tar, rsync and cp -p set it."""
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'A: b\n')
        os.utime(fd, (WHEN, WHEN))
        os.close(fd)
        self.assertEqual(self.date(self.only_uid()), DATE)
        self.assertEqual(os.stat(self.path('INBOX', 'x.eml')).st_mtime, WHEN)

    def test_a_write_after_that_is_now(self):
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'A: b\n')
        os.utime(fd, (WHEN, WHEN))
        os.write(fd, b'C: d\n')
        os.close(fd)
        self.assertNotEqual(self.date(self.only_uid()), DATE)

    def test_between_fsync_and_close(self):
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT)
        os.write(fd, b'A: b\n')
        os.fsync(fd)
        os.utime(fd, (WHEN, WHEN))
        os.close(fd)
        self.assertEqual(self.date(self.only_uid()), DATE)
        self.assertEqual(self.read('x.eml'), b'A: b\n')

    def test_of_a_file_made_just_now(self):
        self.write('x.eml', b'A: b\n')
        path = self.path('INBOX', 'x.eml')
        pin = self.open('x.eml', os.O_PATH)     # its number stays
        first, ino = self.only_uid(), os.fstat(pin).st_ino
        os.utime(path, (WHEN, WHEN))
        uid = self.only_uid()
        self.assertGreater(uid, first)
        self.assertEqual(self.date(uid), DATE)
        self.assertEqual((os.stat(path).st_mtime, os.stat(path).st_ino),
                         (WHEN, ino))
        self.assertEqual(self.list(), ['x.eml'])
        os.close(pin)
        os.utime(path, (WHEN + 5, WHEN))
        self.assertEqual(self.only_uid(), uid)
        self.store.check()

    def test_of_a_message(self):
        self.client.append('INBOX', mail(), date=DATE)
        harness.wait_until(self.list, 'not there')
        path = self.path('INBOX', self.list()[0])
        self.assertEqual(os.stat(path).st_mtime, WHEN)
        os.utime(path, (1, WHEN))
        self.assert_errno(errno.EPERM, os.utime, path, (WHEN, WHEN + 1))
        self.assert_errno(errno.EPERM, os.utime, path)
        self.assertEqual(os.stat(path).st_mtime, WHEN)
        self.assertEqual(self.uids(), [1])

    def test_of_a_folder(self):
        os.utime(self.path('INBOX'), (WHEN, WHEN))
        self.assertEqual(os.stat(self.path('INBOX')).st_mtime, WHEN)
        self.write('x.eml', b'A: b\n')
        self.assertGreater(os.stat(self.path('INBOX')).st_mtime, WHEN)


class Modes(SetattrCase):

    def test_of_a_message(self):
        self.write('x.eml', b'A: b\n')
        path = self.path('INBOX', 'x.eml')
        for mode in (0o600, 0o644, 0o666):
            os.chmod(path, mode)
            self.assertEqual(os.stat(path).st_mode, 0o100600)
        for mode in (0o400, 0o200, 0):
            self.assert_errno(errno.EPERM, os.chmod, path, mode)
        os.chown(path, os.geteuid(), -1)
        self.assertEqual(self.uids(), [1])

    def test_of_a_folder(self):
        os.chmod(self.path('INBOX'), 0o755)
        self.assertEqual(os.stat(self.path('INBOX')).st_mode, 0o40700)
        self.assert_errno(errno.EPERM, os.chmod, self.path('INBOX'), 0o500)


class Copy(SetattrCase):

    def setUp(self):
        super().setUp()
        self.data = mail('copy me')
        self.client.append('INBOX', self.data, '\\Seen work', date=DATE)
        harness.wait_until(self.list, 'not there')
        self.name = self.list()[0]
        self.client.ok('CREATE other')
        self.wait_for('other')

    def test_cp_shares_the_body(self):
        """S83: cp is COPY."""
        before = self.store.stat()['bodies']
        self.shell(f'cp INBOX/{self.name} other/copy.eml')
        uid = self.only_uid('other')
        self.assertEqual(self.body('other', uid), self.data)
        self.assertEqual(self.flags('other', uid), {'\\Seen', 'work'})
        self.assertEqual(self.date(uid, 'other'), DATE)
        self.assertEqual(self.store.stat()['bodies'], before)
        self.shell(f'cmp INBOX/{self.name} other/copy.eml')
        self.assertEqual(self.list('other'), ['copy.eml'])
        self.store.check()

    def test_cp_p_too(self):
        self.shell(f'cp -p INBOX/{self.name} other/')
        self.assertEqual(self.list('other'), [self.name])
        self.assertEqual(self.only_uid('other'), 1)
        self.assertEqual(self.date(1, 'other'), DATE)

    def test_and_then_on(self):
        self.shell(f'cat INBOX/{self.name} > {self.beside("plain")}')
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT, 'other')
        src = self.open(self.name, os.O_RDONLY)
        size = os.fstat(src).st_size
        self.assertEqual(os.copy_file_range(src, fd, 1 << 20, 0, 0), size)
        self.assertEqual(os.copy_file_range(src, fd, 1 << 20, size, size), 0)
        os.pwrite(fd, b'tail\n', size)
        os.close(fd)
        os.close(src)
        self.assertEqual(self.body('other', self.only_uid('other')),
                         self.data + b'tail\r\n')

    def test_a_part(self):
        fd = self.open('x.eml', os.O_RDWR | os.O_CREAT, 'other')
        src = self.open(self.name, os.O_RDONLY)
        self.assertEqual(os.copy_file_range(src, fd, 10, 5, 0), 10)
        os.close(fd)
        os.close(src)
        self.assertEqual(self.body('other', self.only_uid('other')),
                         wire(self.read(self.name)[5:15]))

    def test_scratch(self):
        self.write('a.txt', b'scratch' * 1000)
        self.shell('cp INBOX/a.txt INBOX/b.txt && cmp INBOX/a.txt INBOX/b.txt')
        self.shell('cp INBOX/a.txt INBOX/b.eml && cmp INBOX/a.txt INBOX/b.eml')
        self.assertEqual(self.uids(), [1, 2])

    def test_over_a_message(self):
        self.write('x.eml', b'A: old\n')
        self.shell(f'cp INBOX/{self.name} INBOX/x.eml')
        self.shell(f'cmp INBOX/{self.name} INBOX/x.eml')
        self.assertEqual(len(self.uids()), 2)


if __name__ == '__main__':
    mount.main()
