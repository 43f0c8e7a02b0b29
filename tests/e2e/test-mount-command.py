#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The command imapfs, as an ordinary user starts it: what it says and returns,
how it ends, and who may look in."""

import errno
import fcntl
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import unittest

import dovecot
import harness
import mount
from mails import mail
from store import Store

DEADLINE = 60.0
# Read here, where we may still be root.
with open(os.path.join(dovecot.HERE, '..', '..', 'fuse', 'imapfs.1'),
          encoding='utf-8') as manual:
    CODES = {int(n) for n in re.findall(r'^\.It (\d\d)$', manual.read(),
                                        re.MULTILINE)}
SAYS = re.compile(r'(imapfs|fuse|fusermount3|/\S+): [^\n]+\n')
OTHER_USER = 1


class CommandCase(mount.MountCase):
    """A store that is not mounted yet."""

    def setUp(self):
        harness.ServerCase.setUp(self)
        self.client = self.login()
        self.client.select()
        self.store = Store(self.server, self.user)
        self.mounts = []
        self.mnt = self.beside('mnt')
        os.mkdir(self.mnt)
        self.addCleanup(self.end)

    def beside(self, *names):
        return os.path.join(os.path.dirname(self.store.dir), *names)

    def end(self):
        if self.is_mounted():
            self.unmount('-z')
        self.wait_for_end()

    def command(self, *args):
        return [self.store.program('imapfs'), *args]

    def imapfs(self, *args, timeout=DEADLINE):
        """As a shell does $(imapfs ... 2>&1): waits for the end of what is
        printed, too."""
        return subprocess.run(
            self.command(*args), stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout, **self.store.as_owner())

    def in_foreground(self, *options, env=None):
        owner = self.store.as_owner()
        owner['env'] = dict(owner['env'], **(env or {}))
        process = subprocess.Popen(
            self.command('-f', *options, self.store.dir, self.mnt),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            preexec_fn=dovecot._die_with_parent, **owner)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def answers(self):
        return self.is_mounted() and os.path.isdir(self.path('INBOX'))

    def is_mounted(self):
        with open('/proc/mounts', encoding='utf-8') as f:
            return any(line.split()[1] == self.mnt for line in f)

    def unmount(self, *options):
        return subprocess.run(
            ['fusermount3', '-u', *options, self.mnt], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            **self.store.as_owner())

    def daemons(self):
        """The processes that serve this mount."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    words = f.read().split(b'\0')
            except OSError:
                continue
            if (words[0].endswith(b'imapfs')
                    and self.mnt.encode() in words[1:]):
                found.append(int(pid))
        return found

    def wait_for_end(self):
        harness.wait_until(lambda: not self.daemons(), 'imapfs goes on')


class Start(CommandCase):
    def test_daemon(self):
        """S129: it returns when the mount answers, without a word, and ends
        when it is unmounted."""
        self.client.append('INBOX', mail())
        result = self.imapfs(self.store.dir, self.mnt)
        self.assertEqual((result.returncode, result.stdout), (0, ''))
        self.assertEqual(len(os.listdir(self.path('INBOX'))), 1)
        self.assertEqual(len(self.daemons()), 1)
        with open('/proc/mounts', encoding='utf-8') as f:
            line, = (entry for entry in f if f' {self.mnt} ' in entry)
        self.assertTrue(line.startswith(
            f'{self.store.dir} {self.mnt} fuse.imapfs rw,nosuid,nodev'), line)
        self.assertEqual(self.unmount().returncode, 0)
        self.wait_for_end()
        self.assertEqual(os.listdir(self.mnt), [])

    def test_relative_paths(self):
        """A daemon changes its directory, and finds its store all the same."""
        result = self.imapfs(*(os.path.relpath(path, self.server.home_root)
                               for path in (self.store.dir, self.mnt)))
        self.assertEqual((result.returncode, result.stdout), (0, ''))
        with open(self.path('INBOX', 'x.eml'), 'w') as f:
            f.write('A: b\n')
        self.assertEqual(self.uids(), [1])

    def test_without_standard_descriptors(self):
        """What it opens does not come to be its standard output."""
        command = self.command(self.store.dir, self.mnt)
        result = subprocess.run(
            ['sh', '-c', 'exec "$0" "$@" <&- >&- 2>&-', *command],
            timeout=DEADLINE, **self.store.as_owner())
        self.assertEqual(result.returncode, 0)
        with open(self.path('INBOX', 'x.eml'), 'w') as f:
            f.write('A: b\n')
        self.assertEqual(self.uids(), [1])

    def test_help_and_version(self):
        result = self.imapfs('-h')
        self.assertEqual(result.returncode, 0)
        self.assertIn('usage: imapfs', result.stdout)
        result = self.imapfs('-V')
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r'^imapfs \d+\.\d+\S*\n$')

    def test_tells_systemd(self):
        """READY=1, when the mount answers."""
        path = self.beside('notify.sock')
        for address in (path, f'\0{path}'):
            with self.subTest(address=address), socket.socket(
                    socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.bind(address)
                s.settimeout(DEADLINE)
                process = self.in_foreground(env={
                    'NOTIFY_SOCKET': address.replace('\0', '@')})
                self.assertEqual(s.recv(100), b'READY=1')
                self.assertTrue(self.answers())
                process.terminate()
                self.assertEqual(process.wait(DEADLINE), 0)


class Refused(CommandCase):
    """Exit code and one line, in the foreground and as a daemon."""

    def rows(self):
        """(code, words of the message, arguments)."""
        store, mnt = self.store.dir, self.mnt
        wrong = [(('-o', option, store, mnt), words) for option, words in (
            ('layout=x', 'plain or maildir'), ('layout', 'needs a value'),
            ('rm=x', 'trash or expunge'), ('umask=8', 'umask'),
            ('uid=root', 'uid'), ('gid=-1', 'gid'),
            *((f'quota={size}', 'a size') for size in (
                '', '0', '-1', '1X', '1KK', 'K', '8388608T', '1' * 20)), ('ro=1', 'no value'),
            ('nonsense', 'nonsense'), ('oauth', 'account elsewhere'),
            ('bodies=x', 'bodies is'), ('timeout=0', 'timeout is'))]
        wrong += [((url, mnt), words) for url, words in (
            ('imaps://h', 'USER@HOST'), ('imap://u:secret@h', 'password'),
            ('imaps://u@h:0', 'port'), ('imaps://u@h/INBOX', 'whole'))]
        wrong += [((), 'needed'), ((store,), 'needed'),
                  ((store, mnt, mnt), 'needed'), (('-x', store, mnt), 'x'),
                  ((store, os.path.dirname(store)), 'hide')]
        return [*((64, words, args) for args, words in wrong),
                (66, 'No such file', (self.beside('none'), mnt)),
                (66, 'no store', (self.make_dir('empty'), mnt)),
                (66, 'No such file', (store, self.beside('none'))),
                (66, 'not a directory', (store, self.make_file('file'))),
                (66, 'not a directory', (self.make_file('file'), mnt)),
                (65, 'newer', (self.make_store('newer', self.renew), mnt)),
                (65, 'salvage', (self.make_store('bad', self.damage), mnt)),
                (77, '', (self.make_store('shut', lambda path: os.chmod(
                    path, 0)), mnt)),
                (71, '', (store, '/usr'))]

    def make_dir(self, name):
        os.makedirs(self.beside(name), exist_ok=True)
        return self.beside(name)

    def make_file(self, name):
        with open(self.beside(name), 'w') as f:
            f.write('text')
        return self.beside(name)

    def make_store(self, name, change):
        path = self.beside(name)
        shutil.copytree(self.store.dir, path)
        self.addCleanup(os.chmod, path, 0o700)
        change(path)
        return path

    @staticmethod
    def renew(path):
        with sqlite3.connect(f'{path}/store.db') as db:
            db.execute('PRAGMA user_version = 9999')
        db.close()

    @staticmethod
    def damage(path):
        for end in ('-wal', '-shm'):
            if os.path.exists(f'{path}/store.db{end}'):
                os.unlink(f'{path}/store.db{end}')
        with open(f'{path}/store.db', 'r+b') as f:
            f.write(b'junk' * 1000)

    def test_table(self):
        self.client.logout()
        rows = self.rows()
        for code, words, args in rows:
            for mode in ((), ('-f',)):
                with self.subTest(args=args, mode=mode):
                    result = self.imapfs(*mode, *args)
                    self.assertEqual(result.returncode, code, result.stdout)
                    self.assertRegex(result.stdout, SAYS)
                    self.assertEqual(result.stdout.count('\n'), 1,
                                     result.stdout)
                    self.assertIn(words, result.stdout)
                    self.assertFalse(self.is_mounted())
                    self.assertEqual(self.daemons(), [])
        self.assertLess({code for code, _, _ in rows}, CODES)


class Commands(CommandCase):
    """imapfs status and imapfs sync, of a local store."""

    def says(self, code, words, *args):
        result = self.imapfs(*args)
        self.assertEqual(result.returncode, code, result.stdout)
        self.assertRegex(result.stdout, words)
        if code != 0:
            self.assertEqual(result.stdout.count('\n'), 1, result.stdout)

    def test_arguments(self):
        for command in 'status', 'sync':
            self.says(0, 'usage: imapfs status', command, '-h')
            for args in ((), ('-x', self.mnt), (self.mnt, self.mnt)):
                self.says(64, 'MOUNTPOINT', command, *args)
            for path in self.mnt, self.beside('none'), '/dev/null', '/proc':
                self.says(66, 'no mount', command, path)
        self.says(64, 'MOUNTPOINT', 'status', '--wait', self.mnt)

    def test_local_store(self):
        self.assertEqual(self.imapfs(self.store.dir, self.mnt).returncode, 0)
        self.says(0, f'(?m)^source {self.store.dir}$', 'status', self.mnt)
        for options in ((), ('--wait',), ('--retry',)):
            self.says(64, 'local store', 'sync', *options, self.mnt)
        pid, = self.daemons()
        os.kill(pid, signal.SIGKILL)
        self.wait_for_end()
        self.says(69, 'has ended', 'status', self.mnt)
        self.assertEqual(self.unmount('-z').returncode, 0)

    def test_no_other_request_is_known(self):
        """Nor is one of another file."""
        self.assertEqual(self.imapfs(self.store.dir, self.mnt).returncode, 0)
        for path in (self.path('.imapfs', 'status'), self.path('INBOX')):
            fd = os.open(path, os.O_RDONLY)
            self.addCleanup(os.close, fd)
            self.assert_errno(errno.ENOTTY, fcntl.ioctl, fd, 0x6904)
        self.assert_errno(errno.ENOTTY, fcntl.ioctl, fd, 0x6901)


class End(CommandCase):
    def start(self):
        process = self.in_foreground()
        harness.wait_until(self.answers, 'not mounted', DEADLINE)
        return process

    def test_signals(self):
        """SIGTERM and its like unmount, and that is an orderly end."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number):
                process = self.start()
                process.send_signal(number)
                self.assertEqual(process.wait(DEADLINE), 0)
                self.assertFalse(self.is_mounted())
        self.assertEqual(self.imapfs(self.store.dir, self.mnt).returncode, 0)
        pid, = self.daemons()
        os.kill(pid, signal.SIGTERM)
        self.wait_for_end()
        self.assertFalse(self.is_mounted())

    def test_signal_while_busy(self):
        """What is open has no file any more; what was closed is there."""
        process = self.start()
        with open(self.path('INBOX', 'x.eml'), 'w') as f:
            f.write('A: b\n')
        fd = os.open(self.path('INBOX', 'y.eml'), os.O_WRONLY | os.O_CREAT)
        os.write(fd, b'A: b\n')
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertFalse(self.is_mounted())
        with self.assertRaises(OSError):
            os.write(fd, b'more\n')
        with self.assertRaises(OSError):
            os.close(fd)
        self.assertEqual(self.uids(), [1])
        self.store.check()

    def test_unmount_while_busy(self):
        """That is refused, and nothing is lost by it; with -z what is open
        goes on."""
        process = self.start()
        fd = os.open(self.path('INBOX', 'x.eml'), os.O_WRONLY | os.O_CREAT)
        os.write(fd, b'A: b\n')
        result = self.unmount()
        self.assertNotEqual(result.returncode, 0)
        self.assertIn('busy', result.stdout)
        self.assertEqual(os.listdir(self.path('INBOX')), ['x.eml'])
        self.assertEqual(self.unmount('-z').returncode, 0)
        self.assertFalse(self.is_mounted())
        os.write(fd, b'more\n')
        os.close(fd)
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertEqual(self.body('INBOX', self.uids()[0]),
                         b'A: b\r\nmore\r\n')


class ReadOnly(CommandCase):
    def test_every_kind_of_write(self):
        """S51: EROFS, and nothing has changed."""
        uid = self.client.append('INBOX', mail(), '\\Seen')
        self.client.ok('CREATE box')
        self.assertEqual(self.imapfs('-o', 'ro', self.store.dir,
                                     self.mnt).returncode, 0)
        before = self.store.stat()
        name, = os.listdir(self.path('INBOX'))
        path, box = self.path('INBOX', name), self.path('box')
        new = self.path('INBOX', 'new.eml')
        flags = 'user.imap.flags'
        for call, *args in (
                (os.open, path, os.O_WRONLY), (os.open, path, os.O_RDWR),
                (os.open, path, os.O_RDONLY | os.O_TRUNC),
                (os.open, new, os.O_WRONLY | os.O_CREAT),
                (os.open, self.path('INBOX'), os.O_RDWR | os.O_TMPFILE),
                (os.truncate, path, 1), (os.unlink, path),
                (os.rename, path, new), (os.rename, box, self.path('x')),
                (os.link, path, new), (os.symlink, 'x', new),
                (os.mkdir, self.path('x')), (os.rmdir, box),
                (os.mknod, new), (os.mkfifo, new), (os.utime, path),
                (os.chmod, path, 0o644),
                (os.chown, path, os.geteuid(), os.getegid()),
                (os.setxattr, path, flags, b'work'),
                (os.removexattr, path, flags),
                (os.setxattr, box, 'user.imap.subscribed', b'1')):
            with self.subTest(call=call.__name__, args=args):
                self.assert_errno(errno.EROFS, call, *args)
        self.assertFalse(os.access(path, os.W_OK))
        with open(path, 'rb') as f:
            self.assertEqual(f.read(), mail().replace(b'\r\n', b'\n'))
        self.assertEqual(self.store.stat(), before)
        self.assertEqual(self.uids(), [uid])


@unittest.skipUnless(mount._is_root, 'for root')
class Others(CommandCase):
    """Another user than the owner, and root."""

    def setUp(self):
        super().setUp()
        self.mnt = os.path.join(self.server.dir, f'mnt-{self.user}')
        mount.root.call(os.mkdir, self.mnt)
        mount.root.call(self.server.own, self.mnt)
        self.addCleanup(mount.root.call, os.rmdir, self.mnt)
        self.addCleanup(self.end)
        self.client.append('INBOX', mail())

    def other(self, command, user=OTHER_USER):
        """Exit code of a command of sh of another user."""
        return mount.root.call(
            subprocess.run, ['sh', '-c', f'cd {self.mnt}/INBOX && {command}'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, user=user, group=user,
            extra_groups=[]).returncode

    def start(self, *options):
        result = self.imapfs(*options, self.store.dir, self.mnt)
        self.assertEqual((result.returncode, result.stdout), (0, ''))

    def bind(self, path, over):
        """In the mount namespace that is this test's alone."""
        self.assertIn('SQBOX_MOUNT_NAMESPACE', os.environ)
        mount.root.call(subprocess.run, ['mount', '--bind', path, over],
                        check=True)
        self.addCleanup(mount.root.call, subprocess.run, ['umount', over],
                        check=True)

    def allow_other(self):
        path = self.beside('fuse.conf')
        with open(path, 'w') as f:
            f.write('user_allow_other\n')
        mount.root.call(os.chown, path, 0, 0)
        self.bind(path, '/etc/fuse.conf')

    def test_nobody_else(self):
        """Without allow_other nobody else looks in."""
        self.start('-o', 'umask=000')
        for user in (OTHER_USER, 0):
            self.assertNotEqual(self.other('ls', user), 0)

    def test_allow_other(self):
        """S26: permissions say what others may."""
        self.allow_other()
        for umask, may in (('077', ()), ('027', ()), ('022', ('ls', 'cat *'))):
            with self.subTest(umask=umask):
                self.start('-o', f'allow_other,umask={umask}')
                mode = 0o777 & ~int(umask, 8)
                self.assertEqual(stat.S_IMODE(os.stat(self.mnt).st_mode), mode)
                for command in ('ls', 'cat *', 'rm -f *', 'mkdir x',
                                'echo x > x.eml', 'echo x >> *',
                                'setfattr -n user.imap.flags -v x *'):
                    self.assertEqual(self.other(command) == 0,
                                     command in may, command)
                self.assertEqual(self.unmount().returncode, 0)
                self.wait_for_end()
        self.assertEqual(self.uids(), [1])

    def test_ids(self):
        """uid= and gid= are what stat(2) shows."""
        self.start('-o', 'uid=12,gid=34')
        info = os.stat(self.mnt)
        self.assertEqual((info.st_uid, info.st_gid), (12, 34))

    def test_mount(self):
        """As from fstab: root mounts, imapfs runs as the user."""
        self.store.program('imapfs')
        self.bind(self.server.dir, '/usr/local/sbin')   # mount(8) has no PATH
        name = pwd.getpwuid(self.server.uid).pw_name
        result = mount.root.call(
            subprocess.run, ['mount', '-t', 'fuse.imapfs', '-o',
                             f'setuid={name},noauto,nofail,_netdev',
                             self.store.dir, self.mnt],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((result.returncode, result.stdout), (0, ''))
        pid, = self.daemons()
        self.assertEqual(os.stat(f'/proc/{pid}').st_uid, self.server.uid)
        self.assertEqual(len(os.listdir(self.path('INBOX'))), 1)
        with open(self.path('INBOX', 'x.eml'), 'w') as f:
            f.write('A: b\n')
        self.assertEqual(self.uids(), [1, 2])
        mount.root.call(subprocess.run, ['umount', self.mnt], check=True)
        self.wait_for_end()


if __name__ == '__main__':
    mount.main()
