#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Every block of commands and of configuration in README.md is run as it
stands there."""

import os
import re
import subprocess
import unittest

import dovecot
import harness
import mails
import mount
import tls
from store import built

README = os.path.join(dovecot.HERE, '..', '..', 'README.md')
BLOCK = re.compile(r'^```(\S+)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# What .ci/run does, in a clone of its own.
RUN_BY_CI = ['./bootstrap --deps && make demo\n',
             './bootstrap --deps && make check\n', 'make install\n']
USER = 'alice'
COMMAND_DEADLINE = 600


def blocks(language):
    with open(README, encoding='utf-8') as f:
        return [text for name, text in BLOCK.findall(f.read())
                if name == language]


def block_with(words):
    """The one block of commands that has these words."""
    found = [text for text in blocks('sh') if words in text]
    assert len(found) == 1, f'README.md: {len(found)} blocks with "{words}"'
    return found[0]


class Readme(harness.ServerCase):
    covered = set()

    @classmethod
    def setUpClass(cls):
        """Each test starts the Dovecot that it needs."""

    def setUp(self):
        super().setUp()
        self.user = USER

    def start(self, **changes):
        """A Dovecot of which only alice knows."""
        self.server = self.start_server(**changes)
        self.home = self.server.home(USER)
        os.mkdir(self.home)
        self.server.own(self.home)
        self.bin = os.path.join(self.server.dir, 'bin')
        os.mkdir(self.bin)
        for name in ('sqbox', 'imapfs'):
            self.tool(name, f'exec {self.program(name)} "$@"')
        self.tool('doveadm', f'exec {dovecot.find_program("doveadm")} '
                             f'-c {self.server.conf} "$@"')

    def tool(self, name, line):
        path = os.path.join(self.bin, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'#!/bin/sh\n{line}\n')
        os.chmod(path, 0o755)

    def program(self, name):
        """A copy where alice can run it."""
        path = os.path.join(self.server.dir, name)
        subprocess.run(['cp', built(name), path], check=True)
        os.chmod(path, 0o755)
        return path

    def run_block(self, words, as_root=False):
        text = block_with(words)
        Readme.covered.add(text)
        env = dovecot.clean_env()
        env.update(HOME=self.home, LC_ALL='C.UTF-8',
                   PATH=f'{self.bin}:{env["PATH"]}')
        owner = {}
        if os.geteuid() == 0 and not as_root:
            owner = dict(user=self.server.uid, group=self.server.gid,
                         extra_groups=[])
        result = subprocess.run(
            ['sh', '-ec', text], cwd=self.home, env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=COMMAND_DEADLINE, **owner)
        self.assertEqual(result.returncode, 0, f'{text}\n{result.stdout}')
        return result.stdout

    def bring(self, count=3):
        client = self.login()
        for n in range(count):
            client.append('INBOX', mails.mail(f'invoice {n}'))
        return client

    def test_configuration(self):
        """The lines for dovecot.conf are taken, and mail is in the store."""
        name = 'conf' if dovecot.version() < (2, 4) else 'conf-2.4'
        for text in blocks(name):
            self.start(config=text)
            self.bring(1).logout()
            self.assertTrue(os.path.exists(f'{self.home}/mail/store.db'))
            self.assertEqual(self.server.trouble(), [])

    def test_mount(self):
        """The tour of the mount does what its comments say."""
        self.start()
        client = self.bring()
        shown = self.run_block('imapfs ~/mail ~/mnt')
        self.assertIn('-1.1.eml', shown)
        self.assertIn('Buy milk.', shown)
        client.select('Archive/2024')
        self.assertEqual([data['FLAGS'] - {'\\Recent'} for data in
                          client.fetch_by_uid('FLAGS').values()],
                         [{'\\Seen', '\\Flagged'}])
        client.select('INBOX')
        self.assertEqual(len(client.fetch_by_uid('FLAGS')), 3)

    def test_account_elsewhere(self):
        """What is written is at the server, and nothing stays here."""
        authority = tls.Authority()
        self.addCleanup(authority.close)
        self.start(fmt='sdbox', tls=authority.issue('DNS:localhost'))
        client = self.bring()
        with open(f'{self.home}/.netrc', 'w', encoding='utf-8') as f:
            f.write(f'machine localhost login {USER} '
                    f'password {dovecot.PASSWORD}\n')
        os.chmod(f'{self.home}/.netrc', 0o600)
        self.server.own(self.home)
        replica = f'{self.home}/.local/share/imapfs/{USER}@mail.example.org'
        # mail.example.org is this server, which only a test trusts.
        self.tool('imapfs', f'case $1 in imaps://{USER}@mail.example.org)\n'
                  f'set -- -o cafile={authority.cafile},replica={replica} '
                  f'imaps://{USER}@localhost:{self.server.imaps_port} "$2"\n'
                  f'esac\nexec {self.program("imapfs")} "$@"')
        self.addCleanup(subprocess.run, ['fusermount3', '-u', '-z',
                                         f'{self.home}/work'],
                        stderr=subprocess.DEVNULL)
        shown = self.run_block('imapfs sync --wait')
        self.assertRegex(shown, r'connection (connecting|online)\n')
        client.select()
        bodies = client.fetch_by_uid('BODY.PEEK[]').values()
        self.assertEqual(len([True for items in bodies
                              if b'Buy milk.' in items['BODY[]']]), 1)
        self.run_block('rm -r ~/.local/share/imapfs')
        self.assertFalse(os.path.exists(replica))
        self.assertFalse(os.path.exists(f'{self.home}/work'))

    def test_moving_in(self):
        """A Maildir is taken over; a second run finds nothing to do."""
        self.start(fmt='maildir:~/Maildir', config='# for sqbox:\n')
        client = self.bring()
        client.select()
        uids = sorted(client.fetch_by_uid('FLAGS'))
        for _ in range(2):
            self.run_block('sqbox:~/mail', as_root=True)
        shown = self.run_block('sqbox stat')
        self.assertIn('"messages": 3', shown)
        self.assertEqual(uids, [1, 2, 3])

    def test_moving_out(self):
        """All mail of a store is in a Maildir after it."""
        self.start()
        self.bring()
        self.run_block('maildir:~/Maildir.new', as_root=True)
        found = sum(len(os.listdir(f'{self.home}/Maildir.new/{sub}'))
                    for sub in ('cur', 'new'))
        self.assertEqual(found, 3)

    def test_backup_and_restore(self):
        """A hot copy is sound; swapped in, it has the mail of then."""
        self.start()
        client = self.bring()
        self.run_block('sqbox backup')
        client.append('INBOX', mails.mail('later'))
        self.run_block('doveadm kick', as_root=True)
        client = self.login()
        client.select()
        self.assertEqual(len(client.fetch_by_uid('FLAGS')), 3)

    def test_checking(self):
        """check finds nothing, stat prints figures."""
        self.start()
        self.bring()
        self.assertIn('0 problems', self.run_block('sqbox stat --json'))

    def test_salvage(self):
        """What can be read is in the new store."""
        self.start()
        self.bring().logout()
        self.run_block('sqbox salvage')
        self.assertTrue(os.path.exists(f'{self.home}/mail.new/store.db'))


class ReadmeIsCovered(unittest.TestCase):
    """Comes after the other class."""

    def test_all_were_run(self):
        """No block of commands was left out."""
        left = [text for text in blocks('sh')
                if text not in Readme.covered and text not in RUN_BY_CI]
        self.assertEqual(left, [])


if __name__ == '__main__':
    mount.main()
