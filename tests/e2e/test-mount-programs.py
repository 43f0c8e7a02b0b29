#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Mail programs on a mount with layout=maildir: what they do is what IMAP then
has, and what IMAP does they see."""

import mailbox
import os
import pty
import select
import shutil
import subprocess
import tempfile
import time

import dovecot
import harness
import mount
from mails import mail

PROGRAMS = ('mutt', 'neomutt', 'mu', 'notmuch', 'mlist', 'mdeliver')

MUTTRC = '''set folder="{mnt}" from=ann@example.org realname=Ann mbox_type=Maildir
set delete=yes quit=yes move=no confirmappend=no confirmcreate=no
set record="" header_cache="" mail_check=0 beep=no sort=mailbox-order
'''

NOTMUCH = '''[database]
path={home}/notmuch
mail_root={mnt}
[user]
primary_email=ann@example.org
[new]
tags=unread;inbox
[maildir]
synchronize_flags=true
'''


class Programs(mount.MountCase):
    options = 'layout=maildir'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Loads all that it needs, while we may read Python's library.
        with tempfile.TemporaryDirectory() as top:
            box = mailbox.Maildir(os.path.join(top, 'box'))
            str(box[box.add('Subject: x\n\nx\n')])

    def setUp(self):
        super().setUp()
        self.client.ok('CLOSE')
        self.home = os.path.dirname(self.mnt)
        for i in range(4):
            self.client.append(
                'INBOX', mail(f'subject{i}', f'needle{i}\r\n',
                              message_id=f'<{i}@example.org>'),
                '\\Seen' if i == 1 else '')

    def write_config(self, name, text):
        with open(os.path.join(self.home, name), 'w') as f:
            f.write(text.format(mnt=self.mnt, home=self.home))

    def state(self, box='INBOX'):
        """{subject: its flags}."""
        self.client.ok(f'EXAMINE "{box}"')
        found = self.client.fetch_by_uid('FLAGS BODY.PEEK[]')
        self.client.ok('CLOSE')
        return {message['BODY[]'].split(b'Subject: ')[1].split(b'\r\n')[0]
                .decode(): message['FLAGS'] - {'\\Recent'}
                for message in found.values()}

    def lines(self, command):
        return self.shell(command).stdout.splitlines()

    def test_python(self):
        box = mailbox.Maildir(self.path('INBOX'))
        self.assertEqual(len(box), 4)
        keys = {box[key]['Subject']: key for key in box.keys()}
        message = box[keys['subject0']]
        self.assertEqual((message.get_subdir(), message.get_flags()),
                         ('new', ''))
        message.set_subdir('cur')
        message.add_flag('RS')
        box[keys['subject0']] = message
        self.assertEqual(box[keys['subject1']].get_flags(), 'S')
        box.remove(keys['subject2'])
        added = mailbox.MaildirMessage('Subject: added\n\nx\n')
        added.set_subdir('cur')
        added.set_flags('DF')
        added.set_date(1700000000)
        key = box.add(added)
        self.assertEqual(box[key].get_flags(), 'DF')
        self.assertEqual(int(box[key].get_date()), 1700000000)
        box.add('Subject: plain\n\nx\n')
        self.assertEqual(self.state(), {
            'subject0': {'\\Answered', '\\Seen'}, 'subject1': {'\\Seen'},
            'subject3': set(), 'added': {'\\Draft', '\\Flagged'},
            'plain': set()})

    def test_python_folders(self):
        made = mailbox.Maildir(self.path('Made'), create=True)
        made.add('Subject: one\n\nx\n')
        folder = made.add_folder('sub')
        folder.add('Subject: two\n\nx\n')
        self.assertEqual(made.list_folders(), ['sub'])
        self.assertEqual(self.state('Made'), {'one': set()})
        self.assertEqual(self.state('Made/.sub'), {'two': set()})
        folder.clear()
        made.remove_folder('sub')
        self.assertNotIn('Made/.sub', self.client.list('*'))

    def test_mblaze(self):
        self.client.ok('CREATE Archive')
        self.assertEqual(len(self.lines('mlist INBOX')), 4)
        self.assertIn('subject2', self.shell('mlist INBOX | mscan').stdout)
        self.assertEqual(len(self.lines('minc INBOX')), 3)
        self.shell('mlist INBOX | mpick -t "subject =~ \\"subject2\\""'
                   ' | mflag -SF')
        self.shell('mlist INBOX | mpick -t "subject =~ \\"subject1\\""'
                   ' | mrefile Archive')
        self.assertEqual(self.state(), {'subject0': set(), 'subject3': set(),
                                        'subject2': {'\\Seen', '\\Flagged'}})
        self.assertEqual(self.state('Archive'), {'subject1': {'\\Seen'}})
        self.shell('mmkdir Made Made/Below')
        self.shell("printf 'Subject: delivered\\n\\nx\\n' | mdeliver Made")
        self.assertEqual(self.state('Made'), {'delivered': set()})
        self.assertEqual(self.state('Made/Below'), {})

    def test_mu(self):
        mu = 'mu {} --muhome=../mu'
        self.shell(mu.format('init') + ' --maildir="$PWD"')
        self.shell(mu.format('index'))
        find = mu.format('find') + ' --fields=s {} | sort'
        self.assertEqual(self.lines(find.format('needle2')), ['subject2'])
        self.assertEqual(self.lines(find.format('flag:seen')), ['subject1'])
        self.client.select('INBOX')
        self.client.ok('STORE 1 +FLAGS (\\Seen)')
        self.client.ok('STORE 4 +FLAGS (\\Deleted)')
        self.client.ok('EXPUNGE')
        self.client.ok('CLOSE')
        self.client.append('INBOX', mail('subject5', 'needle5\r\n'))
        self.shell(mu.format('index'))
        self.assertEqual(self.lines(find.format('flag:seen')),
                         ['subject0', 'subject1'])
        self.assertEqual(self.lines(find.format('maildir:/INBOX')),
                         ['subject0', 'subject1', 'subject2', 'subject5'])

    def test_notmuch(self):
        self.write_config('notmuch-config', NOTMUCH)
        os.mkdir(os.path.join(self.home, 'notmuch'))
        notmuch = 'notmuch --config=../notmuch-config '
        self.shell(notmuch + 'new')
        count = notmuch + 'count '
        self.assertEqual(self.lines(count + 'needle2'), ['1'])
        self.assertEqual(self.lines(count + 'tag:unread'), ['3'])
        self.shell(notmuch + 'tag -unread +flagged -- needle2')
        self.shell(notmuch + 'tag +replied -- needle1')
        self.assertEqual(self.state(), {
            'subject0': set(), 'subject1': {'\\Seen', '\\Answered'},
            'subject2': {'\\Seen', '\\Flagged'}, 'subject3': set()})
        self.client.select('INBOX')
        self.client.ok('STORE 1 +FLAGS (\\Seen \\Flagged)')
        self.client.ok('STORE 4 +FLAGS (\\Deleted)')
        self.client.ok('EXPUNGE')
        self.client.ok('CLOSE')
        self.shell(notmuch + 'new')
        self.assertEqual(self.lines(count + 'tag:unread'), ['0'])
        self.assertEqual(self.lines(count + 'tag:flagged'), ['2'])
        self.assertEqual(self.lines(count + 'id:3@example.org'), ['0'])
        self.shell("printf 'From: a@b\\nSubject: in\\n\\nx\\n' | " + notmuch +
                   'insert --folder=Made --create-folder +flagged -unread')
        self.assertEqual(self.state('Made'), {'in': {'\\Seen', '\\Flagged'}})

    def mutt(self, program, keys):
        """Run one of them on a terminal until it ends."""
        self.write_config('muttrc', MUTTRC)
        terminal, its_end = pty.openpty()
        owner = self.store.as_owner()
        owner['env'] = dict(owner['env'], HOME=self.home, TERM='xterm')
        process = subprocess.Popen(
            ['sh', '-c', 'cd "$0" && exec "$4" -n -F "$1/muttrc" -f "$2" '
             '-e "push \'$3\'"', self.mnt, self.home, 'INBOX', keys,
             program],
            stdin=its_end, stdout=its_end, stderr=its_end,
            start_new_session=True, **owner)
        os.close(its_end)
        output = self.read_until_end(terminal, process)
        os.close(terminal)
        self.assertEqual(process.wait(), 0, output)

    def read_until_end(self, terminal, process):
        output, end = b'', time.monotonic() + mount.DEADLINE
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
                process.wait()
                self.fail(f'it does not end: {output[-2000:]}')
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    output += os.read(terminal, 4096)
                except OSError:     # it has closed its end
                    break
        return output

    def test_mutt(self):
        self.read_with('mutt')

    def test_neomutt(self):
        self.read_with('neomutt')

    def read_with(self, program):
        self.client.ok('CREATE Archive')
        self.mutt(program, '<search>~s subject0<enter><set-flag>!'
                  '<search>~s subject2<enter><set-flag>r'
                  '<search>~s subject3<enter><delete-message><quit>')
        self.assertEqual(self.state(), {
            'subject0': {'\\Flagged'}, 'subject1': {'\\Seen'},
            'subject2': {'\\Answered', '\\Seen'}})
        self.mutt(program,
                  '<search>~s subject2<enter><save-message><kill-line>=Archive'
                  '<enter><search>~s subject0<enter><copy-message><kill-line>'
                  '=Made<enter><quit>')
        self.assertEqual(self.state(), {'subject0': {'\\Flagged'},
                                        'subject1': {'\\Seen'}})
        self.assertEqual(self.state('Archive'),
                         {'subject2': {'\\Answered', '\\Seen'}})
        self.assertEqual(self.state('Made'), {'subject0': {'\\Flagged'}})
        self.assertEqual(self.uids('Made')[1:], [])
        self.mutt(program, '<search>~s subject1<enter><set-flag>N<quit>')
        self.assertEqual(self.state()['subject1'], set())


def main():
    lacking = [name for name in PROGRAMS if not shutil.which(name)]
    if lacking:
        harness.cannot_run(dovecot.Unavailable(
            f'not installed: {" ".join(lacking)}'))
    mount.main()


if __name__ == '__main__':
    main()
