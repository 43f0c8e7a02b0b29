#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""No command's work grows faster than what it works on.

Counted, not timed: callgrind counts the instructions of an imap process with
and without the command, in a small account and in a larger one.
"""

import os
import re
import shutil
import subprocess
import threading

import dovecot
import harness
from mails import mail

SMALL, LARGE = 60, 240
FOURFOLD = 6            # linear is 4 and quadratic 16
SIXTEENFOLD = 24        # where each name is a level longer: cubic is 64


def imap_program():
    out = subprocess.run([dovecot.find_program('doveconf'), '-d',
                          'libexec_dir'], capture_output=True, text=True,
                         check=True).stdout
    return os.path.join(out.partition('=')[2].strip(), 'imap')


def alternate(size):
    """Mark every other message \\Deleted, and expunge those."""
    marked = ','.join(str(n) for n in range(1, size + 1, 2))
    return [f'STORE {marked} +FLAGS.SILENT (\\Deleted)', 'EXPUNGE']


@harness.only_sqbox
class Growth(harness.ServerCase):

    def setUp(self):
        super().setUp()
        self.profile = os.path.join(self.server.dir, f'profile-{self.user}')

    def imap(self, user, commands, *wrapper):
        """A session of these commands on standard input; all must be OK."""
        owner = {}
        if os.geteuid() == 0:
            owner = dict(user=self.server.uid, group=self.server.gid,
                         extra_groups=[])
        lines = [f'a{n} {line}' for n, line in enumerate(commands)]
        lines.append('end LOGOUT\r\n')
        process = subprocess.Popen(
            [*wrapper, imap_program(), '-c', self.server.conf, '-u', user],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=self.server.home_root,
            env=dovecot.clean_env() | {'LOG_STDERR': '1'}, **owner)
        with process:
            # The end of its input would end it before its last answer.
            writer = threading.Thread(target=self._write, args=(
                process.stdin, '\r\n'.join(lines).encode()))
            writer.start()
            output = process.stdout.read().decode(errors='replace')
            writer.join()
        for n, line in enumerate(commands):
            self.assertRegex(output, rf'(?m)^a{n} OK', line[:200])

    @staticmethod
    def _write(pipe, data):
        pipe.write(data)
        pipe.flush()

    def instructions(self, user, commands):
        shutil.rmtree(self.profile, ignore_errors=True)
        os.mkdir(self.profile)
        self.server.own(self.profile)
        self.imap(user, commands, 'valgrind', '-q', '--tool=callgrind',
                  '--trace-children=yes',
                  f'--callgrind-out-file={self.profile}/%p')
        total = 0
        for name in os.listdir(self.profile):
            with open(os.path.join(self.profile, name)) as f:
                found = re.search(r'^(?:totals|summary): (\d+)', f.read(),
                                  re.MULTILINE)
            total += int(found.group(1)) if found else 0
        self.assertGreater(total, 100000)
        return total

    def assert_grows(self, limit, fill, commands, before=()):
        """What the commands cost in an account made by fill(size)."""
        costs = []
        for size in (SMALL, LARGE):
            user = f'{self.user}-{size}'
            self.imap(user, fill(size))
            costs.append(-self.instructions(user, before)
                         + self.instructions(user, [*before,
                                                    *commands(size)]))
        self.assertLess(costs[1], limit * costs[0], costs)

    def test_deep_tree(self):
        """Each level of a tree is a longer name, and that is all."""
        def fill(size):
            return ['CREATE ' + '/'.join(['d'] * n)
                    for n in range(1, size + 1)]
        self.assert_grows(SIXTEENFOLD, fill, lambda size: [
            'LIST "" *', 'LIST "" %', 'RENAME d e'])

    def test_many_mailboxes(self):
        """One more mailbox is as much work as the one before."""
        def fill(size):
            return [f'CREATE box{n}' for n in range(size)]
        self.assert_grows(FOURFOLD, fill, lambda size: [
            'LIST "" *', 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))',
            'RENAME box1 other', 'DELETE box2'])

    def test_many_messages(self):
        """So is one more message."""
        def fill(size):
            text = mail().decode()
            one = f' {{{len(text)}+}}\r\n{text}'
            return ['CREATE a', 'APPEND INBOX' + one * size]
        self.assert_grows(FOURFOLD, fill, lambda size: [
            'STORE 1:* +FLAGS.SILENT (\\Flagged word)',
            'SEARCH FLAGGED KEYWORD word', 'COPY 1:* a', *alternate(size)],
            before=['SELECT INBOX'])


if __name__ == '__main__':
    if not shutil.which('valgrind'):
        harness.cannot_run('valgrind is not installed')
    harness.main()
