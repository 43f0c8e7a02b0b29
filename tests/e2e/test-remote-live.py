#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A replica that is kept in step by its threads (tests/remote-live.c): news
come by themselves, bodies when they are asked for, and the loss of the server
is survived."""

import subprocess

import dovecot
import harness
from mails import mail
from remote import Replica, there
from store import built
from writer import Writer


class Live:
    """tests/remote-live, as a function."""

    def __init__(self, replica, days=0):
        self.process = subprocess.Popen(
            [built('tests/remote-live'), str(replica.server.imap_port),
             replica.user, replica.password, str(days), replica.dir],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dovecot.clean_env())

    def __call__(self, *words):
        self.lines = []
        self.process.stdin.write('\t'.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline().rstrip('\n')
            assert line, 'it ended'
            if ': ' not in line:
                return line
            self.lines.append(line)

    def status(self):
        self('status')
        return dict(line.split(': ', 1) for line in self.lines)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(60)
        self.process.stdout.close()
        return self.process.returncode


class LiveCase(harness.ServerCase):
    fmt = 'sdbox'

    def setUp(self):
        super().setUp()
        self.session = self.login()
        self.replica = Replica(self.server, self.user)
        self.addCleanup(self.replica.close)

    def start(self, days=0):
        self.live = Live(self.replica, days)
        self.addCleanup(self.live.close)
        self.assertEqual(self.live('sync', 60000), 'ok')
        self.writer = Writer(self.replica)
        self.addCleanup(self.writer.close)

    def mails(self, box='INBOX'):
        return self.writer.dump()[box].mails

    def appends(self, count, box='INBOX'):
        for n in range(count):
            self.session.append(box, mail(f'{n}'))

    def test_news_come_by_themselves(self):
        self.start()
        self.session.append('INBOX', mail('news'))
        harness.wait_until(lambda: len(self.mails()) == 1, 'no news')
        self.session.select()
        self.session.ok('STORE 1 +FLAGS (\\Flagged)')
        harness.wait_until(
            lambda: '\\Flagged' in next(iter(self.mails().values())),
            'no flags')
        self.session.ok('STORE 1 +FLAGS (\\Deleted)')
        self.session.ok('EXPUNGE')
        harness.wait_until(lambda: not self.mails(), 'no expunge')

    def test_what_is_written_goes_there(self):
        self.start()
        self.writer.append('INBOX', mail('mine'))
        self.live('changed')
        harness.wait_until(lambda: len(there(self.session, 'INBOX')) == 1,
                           'it was not told')
        self.writer.append('INBOX', mail('mine, too'))
        self.assertEqual(self.live('sent', 60000), 'ok')
        self.assertEqual(len(there(self.session, 'INBOX')), 2)

    def test_what_is_written_while_others_go_is_not_left(self):
        self.start()
        for n in range(40):
            self.writer.append('INBOX', mail(f'{n}'))
            self.live('changed')
        harness.wait_until(lambda: len(there(self.session, 'INBOX')) == 40,
                           'some were left')

    def test_bodies_when_they_are_asked_for(self):
        self.appends(3)
        self.start()
        uids = sorted(self.mails())
        self.assertEqual(self.live('body', 'INBOX', uids[1], 60000), 'ok')
        self.assertEqual(self.writer.body('INBOX', uids[1]), mail('1'))
        self.assertEqual(self.live('body', 'INBOX', uids[1], 60000), 'ok')
        self.assertEqual(self.live.status()['absent-bodies'], '2')
        self.assertEqual(self.live('body', 'INBOX', 999, 60000), 'ok')

    def test_a_body_of_what_is_gone(self):
        self.appends(2)
        self.session.ok('CREATE x')
        self.session.append('x', mail('in x'))
        self.start()
        session = self.login()
        session.select('x')
        session.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        session.ok('EXPUNGE')
        self.assertIn(self.live('body', 'x', 1, 60000), ('gone', 'ok'))

    def test_in_order_they_are_few_questions(self):
        self.appends(120)
        self.start()
        before = int(self.live.status()['round-trips'])
        for uid in sorted(self.mails()):
            self.assertEqual(self.live('body', 'INBOX', uid, 60000), 'ok')
        trips = int(self.live.status()['round-trips']) - before
        self.assertLess(trips, 20)
        self.assertEqual(self.live.status()['absent-bodies'], '0')

    def test_many_readers_at_once(self):
        self.appends(60)
        self.start()
        self.assertEqual(self.live('bodies', 'INBOX', 1, 60, 60000), 'ok')
        for uid in self.mails():
            self.assertEqual(self.writer.body('INBOX', uid),
                             mail(f'{uid - 1}'))

    def test_bodies_unasked(self):
        self.appends(40)
        self.start(days=-1)
        harness.wait_until(
            lambda: self.live.status()['absent-bodies'] == '0', 'not fetched')

    def test_without_the_server(self):
        self.appends(2)
        self.start()
        self.session.close()
        self.server._kill()
        harness.wait_until(
            lambda: self.live.status()['connection'] != 'online',
            'the loss is not noticed')
        self.writer.append('INBOX', mail('offline'))
        self.live('changed')
        self.assertIn(self.live('sync', 30000), ('offline', 'waiting'))
        harness.wait_until(
            lambda: self.live('body', 'INBOX', 1, 1000) == 'offline',
            'a reader waits without a server')
        self.assertEqual(self.live.status()['queue'], '1')
        self.server.restart()
        self.live('wake')
        harness.wait_until(
            lambda: self.live('sync', 60000) == 'ok', 'it does not come back')
        self.assertEqual(self.live('body', 'INBOX', 1, 60000), 'ok')
        self.assertEqual(len(there(self.login(), 'INBOX')), 3)
        self.assertEqual(self.live.status()['queue'], '0')

    def test_the_end_is_clean(self):
        self.appends(1)
        self.start()
        self.assertEqual(self.live.close(), 0)
        live = Live(self.replica)       # and before anything was connected
        self.assertEqual(live.close(), 0)


if __name__ == '__main__':
    harness.main()
