#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""imapfs imaps://user@host: an account elsewhere as folders and files."""

import errno
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

import dovecot
import mount
import tls
from mails import mail
from remotemount import TIMEOUT, RemoteCase

SLACK = 20      # seconds that a busy machine may take beyond a deadline


class Thin(RemoteCase):
    def prepare(self):
        super().prepare()
        self.client.append('INBOX', mail('one', 'needle\r\n'))
        self.client.append('INBOX', mail('two'), '\\Seen')
        self.client.ok('CREATE box')
        self.client.append('box', mail('three'))

    def test_what_is_there_is_shown(self):
        """S2 S19 S59: folders, messages, contents, and a search in all of it."""
        self.assertEqual(sorted(os.listdir(self.mnt)), ['INBOX', 'box'])
        self.assertEqual(sorted(self.here()), [
            mail('one', 'needle\r\n'), mail('two')])
        out = self.shell('grep -rl needle .').stdout.split()
        self.assertEqual(len(out), 1)
        out = self.shell('cat box/*.eml').stdout
        self.assertIn('Subject: three', out)

    def test_a_new_file_is_appended(self):
        with open(self.path('box', 'x.eml'), 'wb') as f:
            f.write(mail('new'))
        self.sync()
        self.assertIn(mail('new'), self.there('box'))

    def test_news_come_by_themselves(self):
        """S17: IDLE at the server, told to the kernel, on one connection."""
        self.assertEqual(len(os.listdir(self.path('INBOX'))), 2)
        self.client.append('INBOX', mail('news'))
        self.wait_for(lambda: mail('news') in self.here(), 'it did not come')

    def test_a_sync_has_what_others_did_before(self):
        """STATUS of the mailbox that is in IDLE may be of before."""
        for n in range(40):
            self.client.append('INBOX', mail(f'message {n}'))
            self.sync()
            self.assertIn(mail(f'message {n}'), self.here())
            self.client.append('box', mail(f'message {n}'))
            self.sync()
            self.assertIn(mail(f'message {n}'), self.here('box'))

    def test_rm_expunges_there(self):
        os.unlink(self.path('box', os.listdir(self.path('box'))[0]))
        self.sync()
        self.assertEqual(self.there('box'), [])

    def test_mv_moves_there(self):
        name = os.listdir(self.path('box'))[0]
        os.rename(self.path('box', name), self.path('INBOX', name))
        self.sync()
        self.assertEqual(self.there('box'), [])
        self.assertIn(mail('three'), self.there('INBOX'))

    def test_folders(self):
        os.mkdir(self.path('made'))
        os.rename(self.path('box'), self.path('other'))
        self.sync()
        self.assertLessEqual({'made', 'other', 'INBOX'},
                             set(self.client.list()))

    def test_flags_both_ways(self):
        name = os.listdir(self.path('box'))[0]
        path = self.path('box', name)
        os.setxattr(path, 'user.imap.flags', b'+\\Flagged')
        self.sync()
        self.client.select('box')
        self.assertIn('\\Flagged', self.client.fetch_by_uid(
            'FLAGS').popitem()[1]['FLAGS'])
        self.client.ok('STORE 1 +FLAGS (\\Answered)')
        self.sync()
        self.assertIn(b'\\Answered', os.getxattr(path, 'user.imap.flags'))

    def test_status(self):
        found = self.status()
        self.assertEqual(found['source'], [self.url()])
        self.assertEqual(found['replica'], [self.store.dir])
        self.assertEqual(found['connection'], ['online'])
        self.assertEqual(len(found['folder']), 2)
        self.assertEqual(found['queue'], ['0'])

    def test_hangup_is_a_sync_and_term_the_end(self):
        self.mount.process.send_signal(signal.SIGHUP)
        self.sync()
        self.assertIsNone(self.mount.process.poll())
        with open(self.path('box', 'x.eml'), 'wb') as f:
            f.write(mail('last'))
        self.mount.process.terminate()
        self.assertEqual(self.mount.process.wait(60), 0)
        self.mount = self.start_mount()
        self.mnt = self.mount.path
        self.sync()
        self.assertIn(mail('last'), self.there('box'))


class StartTls(RemoteCase):
    starttls = True

    def test_it_works(self):
        """S24: nothing is said before it."""
        self.client.append('INBOX', mail('one'))
        self.wait_for(lambda: self.here() == [mail('one')], 'it did not come')


class Plain(RemoteCase):
    config = 'imap_capability = IMAP4rev1\n'

    def test_both_ways(self):
        """S130: a server with no extension at all."""
        self.client.ok('CREATE box')
        uid = self.client.append('box', mail('there'))
        self.sync()
        self.assertEqual(self.here('box'), [mail('there')])
        name, = os.listdir(self.path('box'))
        os.setxattr(self.path('box', name), 'user.imap.flags', b'+\\Seen')
        with open(self.path('INBOX', 'x.eml'), 'wb') as f:
            f.write(mail('here'))
        os.mkdir(self.path('new'))
        self.sync()
        self.assertEqual(self.flags('box', uid), {'\\Seen'})
        self.assertEqual(self.there(), [mail('here')])
        os.rename(self.path('box', name), self.path('new', name))
        self.sync()
        self.assertEqual((self.there('box'), self.there('new')),
                         ([], [mail('there')]))


class Offline(RemoteCase):
    options = 'bodies=none'
    # What was held had a login under way.
    allowed_errors = (r'read\(\) failed: Remote closed connection',)

    def prepare(self):
        super().prepare()
        self.client.append('INBOX', mail('read'))
        self.client.append('INBOX', mail('absent'))

    def names(self):
        return sorted(os.listdir(self.path('INBOX')),
                      key=lambda name: int(name.split('.')[-2]))

    def read(self, name):
        with open(self.path('INBOX', name), 'rb') as f:
            return f.read()

    def test_offline_and_back(self):
        """S64 S58: what is here is read, what is not fails at once, and what was
        changed goes there when the server is back."""
        read, absent = self.names()
        self.assertEqual(os.stat(self.path('INBOX', absent)).st_size,
                         len(mail('absent')))
        self.assertEqual(self.read(read), mail('read'))
        self.stop_server()
        self.sync(code=69)
        begun = time.monotonic()
        self.assert_errno(errno.EHOSTDOWN, self.read, absent)
        self.assertLess(time.monotonic() - begun, SLACK)
        self.assertEqual(self.read(read), mail('read'))
        os.unlink(self.path('INBOX', read))
        with open(self.path('INBOX', 'x.eml'), 'wb') as f:
            f.write(mail('queued'))
        self.assertNotEqual(self.status()['queue'], ['0'])
        self.start_server_again()
        self.wait_for(lambda: sorted(self.there()) == [
            mail('absent'), mail('queued')], 'it was not told')
        self.wait_for_connection()
        self.assertEqual(self.read(absent), mail('absent'))

    def test_mounts_offline(self):
        read, absent = self.names()
        self.read(read)
        self.mount.stop()
        self.stop_server()
        self.mount = self.start_mount()
        self.mnt = self.mount.path
        self.assertEqual(self.read(read), mail('read'))
        self.assert_errno(errno.EHOSTDOWN, self.read, absent)
        self.start_server_again()
        self.wait_for_connection()
        self.assertEqual(self.read(absent), mail('absent'))

    def test_black_hole(self):
        """No program hangs longer than the deadline; others go on."""
        read, absent = self.names()
        self.read(read)
        self.hold_server()
        begun = time.monotonic()
        with self.assertRaises(OSError) as raised:
            self.read(absent)
        self.assertIn(raised.exception.errno,
                      (errno.ETIMEDOUT, errno.EHOSTDOWN))
        self.assertLess(time.monotonic() - begun, TIMEOUT + SLACK)
        self.assertEqual(self.read(read), mail('read'))
        self.release_server()
        self.wait_for_connection()
        self.assertEqual(self.read(absent), mail('absent'))

    def test_many_that_wait_keep_nobody_out(self):
        """More readers of what is absent than a mount has threads."""
        read, absent = self.names()
        self.read(read)
        self.hold_server()
        path = self.path('INBOX', absent)
        waiting = subprocess.Popen(
            ['sh', '-c', 'for i in $(seq 100); do cat "$0" & done; wait',
             path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(waiting.wait)
        self.assertEqual(len(self.names()), 2)
        self.assertEqual(self.read(read), mail('read'))
        self.assertEqual(self.shell('ls INBOX | wc -l').stdout.strip(), '2')
        self.release_server()

    def test_a_reader_can_be_interrupted(self):
        absent = self.names()[1]
        self.hold_server()
        reader = subprocess.Popen(['cat', self.path('INBOX', absent)],
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        reader.send_signal(signal.SIGINT)
        self.assertNotEqual(reader.wait(TIMEOUT + SLACK), 0)
        self.release_server()

    def test_the_mount_ends_while_somebody_waits(self):
        absent = self.names()[1]
        self.hold_server()
        reader = subprocess.Popen(['cat', self.path('INBOX', absent)],
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(reader.wait)
        self.wait_for(lambda: self.status()['waiting-requests'] != ['0'],
                      'it does not wait')
        self.mount.process.terminate()
        self.assertEqual(self.mount.process.wait(60), 0)
        self.assertNotEqual(reader.wait(60), 0)
        self.release_server()

    def test_views_fetch_too(self):
        name = self.names()[1]
        with open(self.path('.imapfs', 'text', 'INBOX', name + '.txt')) as f:
            self.assertIn('Subject: absent', f.read())

    def test_writing_fetches_first(self):
        name = self.names()[1]
        with open(self.path('INBOX', name), 'r+b') as f:
            f.seek(0, os.SEEK_END)
            f.write(b'more\r\n')
        self.sync()
        self.assertIn(mail('absent') + b'more\r\n', self.there())


class Folder(RemoteCase):
    options = 'bodies=none'
    COUNT = 300

    def prepare(self):
        super().prepare()
        for i in range(self.COUNT):
            self.client.append('INBOX', mail(f'm{i}', f'number {i}\r\n'))

    def test_grep_through_a_folder(self):
        """S58 S59: a listing fetches nothing, a reader what it reads."""
        self.assertEqual(len(os.listdir(self.path('INBOX'))), self.COUNT)
        self.assertEqual(self.status()['absent-bodies'], [str(self.COUNT)])
        out = self.shell('grep -rhc "^number" INBOX | sort | uniq -c').stdout
        self.assertEqual(out.split(), [str(self.COUNT), '1'])
        self.assertEqual(self.status()['absent-bodies'], ['0'])


class WrongSize(RemoteCase):
    """As servers there are that tell a size which is not that of what they
    send."""

    options = 'bodies=none'
    BODY = 'a line of text\r\n' * 2000

    def prepare(self):
        super().prepare()
        for name in 'less', 'more':
            self.client.append('INBOX', mail(name, self.BODY))

    def lie(self):
        """In place of the server: the first is told smaller, the other
        larger."""
        with sqlite3.connect(f'{self.store.dir}/store.db') as db:
            for uid, delta in (1, -5000), (2, 5000):
                db.execute('UPDATE body_absent SET vsize = vsize + ? '
                           'WHERE body_id = ?', (delta, uid))
                db.execute('UPDATE message SET vsize = vsize + ?1, '
                           'psize = psize + ?1 WHERE body_id = ?2',
                           (delta, uid))
            db.execute('UPDATE mailbox SET vsize = (SELECT total(m.vsize) '
                       'FROM message AS m WHERE m.mailbox_id = mailbox.id) '
                       'WHERE id > 0')
        db.close()

    def test_the_reader_gets_all_of_it(self):
        wanted = [mail('less', self.BODY), mail('more', self.BODY)]
        self.mount.stop()
        self.lie()
        self.mount = self.start_mount()
        self.mnt = self.mount.path
        names = sorted(os.listdir(self.path('INBOX')))
        told = [os.stat(self.path('INBOX', name)).st_size for name in names]
        self.assertEqual([size - len(wanted[0]) for size in told],
                         [-5000, 5000])
        out = [self.shell(f'cat INBOX/{name}').stdout.encode()
               for name in names]
        self.assertEqual(out, [text.replace(b'\r\n', b'\n')
                               for text in wanted])
        for name in names:
            self.wait_for(lambda: os.stat(self.path(
                'INBOX', name)).st_size == len(wanted[0]), 'it has the old size')
        self.assertEqual(self.here(), wanted)


class Sync(RemoteCase):
    options = 'sync'

    def test_close_waits_for_the_server(self):
        for i in range(3):
            with open(self.path('INBOX', f'{i}.eml'), 'wb') as f:
                f.write(mail(f'{i}'))
            self.assertIn(mail(f'{i}'), self.there())

    def test_close_says_that_there_is_no_server(self):
        self.stop_server()
        self.sync(code=69)
        f = open(self.path('INBOX', 'x.eml'), 'wb')
        f.write(mail('kept'))
        f.flush()
        self.assert_errno(errno.EHOSTDOWN, f.close)
        self.assertEqual(self.here(), [mail('kept')])
        self.start_server_again()
        self.wait_for(lambda: self.there() == [mail('kept')],
                      'it was not told')


class Quota(RemoteCase):
    """A server that takes one message and no more."""

    plugins = 'quota'
    options = 'sync'
    config = '''
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:messages=1
}
'''

    def write(self, name):
        f = open(self.path('INBOX', name), 'wb')
        f.write(mail(name))
        f.flush()
        return f

    def test_refused_and_tried_again(self):
        """What the server refuses is kept here, named in status, and told to
        it again when somebody wants that."""
        self.write('1.eml').close()
        self.assert_errno(errno.EREMOTEIO, self.write('2.eml').close)
        self.assertEqual(self.here(), [mail('1.eml'), mail('2.eml')])
        self.assertEqual(self.status()['refused'], ['1'])
        self.assertIn('see imapfs status', self.sync(code=77))
        os.unlink(self.path('INBOX', '1.eml'))
        self.sync(code=77)      # now there is room
        self.assertEqual(self.there(), [])
        self.sync('--retry')
        self.assertEqual(self.there(), [mail('2.eml')])
        self.assertEqual(self.status()['refused'], ['0'])


class First(RemoteCase):
    """The first mount, as a person and as systemd see it."""

    @staticmethod
    def starts():
        return False

    def prepare(self):
        super().prepare()
        for i in range(20):
            self.client.append('INBOX', mail(f'{i}'))
        self.mnt = os.path.join(self.server.home(self.user), 'mnt')
        os.mkdir(self.mnt)
        self.addCleanup(self.unmount)

    def unmount(self):
        subprocess.run(['fusermount3', '-u', '-z', self.mnt],
                       stderr=subprocess.DEVNULL)

    def test_on_a_terminal(self):
        """It shows how the sync goes, and returns at its end."""
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen(
            [self.store.program('imapfs'), '-o', self.options_of(),
             self.url(), self.mnt], stdin=slave, stdout=slave, stderr=slave,
            **self.store.as_owner())
        os.close(slave)
        shown = b''
        try:
            while data := os.read(master, 1000):
                shown += data
        except OSError:
            pass        # nobody has it open any more
        self.assertEqual(process.wait(60), 0, shown)
        self.assertRegex(shown, rb'1 folders, 20 messages\r\n$')
        self.assertEqual(len(os.listdir(os.path.join(self.mnt, 'INBOX'))), 20)

    def test_of_systemd(self):
        """READY=1, and STATUS= for systemctl status; the password is a
        credential."""
        directory = self.server.home(self.user)
        with open(os.path.join(directory, 'imapfs.localhost'), 'w') as f:
            f.write(dovecot.PASSWORD)
        os.unlink(self.netrc)
        path = os.path.join(directory, 'notify')
        owner = self.store.as_owner()
        owner['env'] = dict(owner['env'], NOTIFY_SOCKET=path,
                            CREDENTIALS_DIRECTORY=directory)
        options = self.options_of().replace(f'netrc={self.netrc},', '')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(60)
            process = subprocess.Popen(
                [self.store.program('imapfs'), '-f', '-o', options,
                 self.url(), self.mnt], stdin=subprocess.DEVNULL, **owner)
            told = set()
            while not {b'READY=1',
                       b'STATUS=1 folders, 20 messages'} <= told:
                told.add(s.recv(1000))
        process.terminate()
        self.assertEqual(process.wait(60), 0)


class Refused(RemoteCase):
    anew = False    # each time with a replica that is not there yet

    @staticmethod
    def starts():
        return False

    def refused(self, code, words, *args):
        mnt = os.path.join(self.server.home(self.user), 'mnt')
        os.makedirs(mnt, exist_ok=True)
        if self.anew:
            shutil.rmtree(self.store.dir, ignore_errors=True)
        result = self.imapfs(*args, mnt)
        self.assertEqual(result.returncode, code, result.stdout)
        self.assertIn(words, result.stdout)
        self.assertEqual(result.stdout.count('\n'), 1, result.stdout)
        self.assertNotIn(dovecot.PASSWORD + '\n', result.stdout)

    def test_the_first_login_has_to_work(self):
        """One line, and an exit code that tells what it was."""
        self.anew = True
        options = self.options_of()
        self.write_netrc('wrong')
        self.refused(77, 'uthentication', '-o', options, self.url())
        self.write_netrc(dovecot.PASSWORD, 0o644)
        self.refused(78, 'chmod 600', '-o', options, self.url())
        self.write_netrc(dovecot.PASSWORD)
        port, = dovecot.free_ports(1)
        self.refused(69, 'localhost', '-o', options,
                     f'imaps://{self.user}@localhost:{port}')
        other = mount.root.call(tls.Authority)
        self.addCleanup(mount.root.call, other.close)
        self.refused(69, 'certificate', '-o',
                     options.replace(self.authority.cafile, other.cafile),
                     self.url())
        self.refused(69, '127.0.0.1', '-o', f'{options},passcmd=echo pass',
                     self.url().replace('localhost', '127.0.0.1'))

    def test_a_replica_is_of_one_account(self):
        self.mount = self.start_mount()
        self.mount.stop()
        self.refused(78, 'is the replica of', '-o',
                     self.options_of('passcmd=echo pass'),
                     self.url().replace(self.user, 'somebody'))


if __name__ == '__main__':
    mount.main()
