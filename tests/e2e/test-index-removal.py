#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Random changes, and Dovecot's index files removed, some or all of them,
between the sessions: whatever a client knows of the mailbox, a QRESYNC tells it
what is true.

    SQBOX_TEST_SEED      to replay one
    SQBOX_TEST_ACCOUNTS  how many dialogues (default 12)
"""

import os

import harness
from imap import expand
from mails import mail
from store import Store

ACCOUNTS = int(os.environ.get('SQBOX_TEST_ACCOUNTS', '12'))
STEPS = 12
FILES = ('dovecot.index', 'dovecot.index.log', 'dovecot.index.log.2',
         'dovecot.index.cache')
FLAGS = ('\\Seen', '\\Flagged', '$Label1', 'word')


class Account:
    """The truth, and what clients have been told of it."""

    def __init__(self, case, rng):
        self.case = case
        self.rng = rng
        self.store = Store(case.server, case.user)
        self.mails = {}     # UID: flags
        self.known = []     # (UIDVALIDITY, HIGHESTMODSEQ, mails)
        self.modseq = 0     # the largest that was told
        self.uidnext = 1

    def session(self, work):
        client = self.case.login()
        client.ok('ENABLE QRESYNC')
        work(client)
        client.logout()
        self.case.clients.remove(client)

    def change(self, client):
        client.select()
        for _ in range(self.rng.randint(1, 6)):
            self.rng.choice((self.append, self.flag, self.flag, self.expunge)
                            if len(self.mails) > 4 else (self.append,)
                            )(client)

    def append(self, client):
        uid = client.append('INBOX', mail())
        self.case.assertGreaterEqual(uid, self.uidnext)
        self.uidnext = uid + 1
        self.mails[uid] = set()

    def flag(self, client):
        uid = self.rng.choice(list(self.mails))
        flag = self.rng.choice(FLAGS)
        sign = '-' if flag in self.mails[uid] else '+'
        client.ok(f'UID STORE {uid} {sign}FLAGS ({flag})')
        self.mails[uid] = self.mails[uid] ^ {flag}

    def expunge(self, client):
        uid = self.rng.choice(list(self.mails))
        client.ok(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)')
        client.ok(f'UID EXPUNGE {uid}')
        del self.mails[uid]

    def told(self, reply):
        modseq = int(reply.coded('HIGHESTMODSEQ')[0])
        self.case.assertGreaterEqual(modseq, self.modseq)
        self.modseq = modseq
        return modseq

    def look(self, client):
        reply = client.select()
        now = {uid: items['FLAGS'] - {'\\Recent'}
               for uid, items in client.fetch_by_uid('FLAGS').items()}
        self.case.assertEqual(now, self.mails)
        self.known.append((reply.coded('UIDVALIDITY')[0], self.told(reply),
                           now))

    def resync(self, client):
        for validity, modseq, mails in self.rng.sample(
                self.known, min(3, len(self.known))):
            reply = client.select('INBOX', f' (QRESYNC ({validity} '
                                  f'{modseq}))')
            now = dict(mails)
            for vanished in reply.named('VANISHED'):
                for uid in expand(vanished.data[1]):
                    now.pop(uid, None)
            for items in reply.fetched().values():
                now[items['UID']] = items['FLAGS'] - {'\\Recent'}
            self.case.assertEqual(now, self.mails, modseq)
            self.told(reply)

    def remove(self):
        for top, _, names in os.walk(self.store.index):
            for name in names:
                if name in FILES and self.rng.random() < 0.5:
                    os.unlink(os.path.join(top, name))
        self.let_dovecot_notice()

    def let_dovecot_notice(self):
        """Two sessions may fail of what is spoilt."""
        for _ in range(2):
            client = self.case.connect()
            try:
                client.login(self.case.user)
                client.cmd('SELECT INBOX')
            except (AssertionError, OSError):
                pass
            client.close()
            self.case.clients.remove(client)

    def step(self):
        what = self.rng.choice((self.change, self.change, self.look,
                                self.remove))
        if what == self.remove:
            what()
        else:
            self.session(what)
        if self.known and self.rng.random() < 0.4:
            self.session(self.resync)


@harness.only_sqbox
class Removal(harness.ServerCase):
    # All but a Panic, and the Fatal line of a process that has died of it.
    allowed_errors = (r'Error: (?!Raw backtrace)',)

    def run_dialogues(self, name):
        rng = harness.seeded(name)
        for _ in range(ACCOUNTS):
            harness.ServerCase._accounts += 1
            self.user = f'u{harness.ServerCase._accounts}'
            account = Account(self, rng)
            account.session(account.change)
            account.session(account.look)
            for _ in range(STEPS):
                account.step()
            account.session(account.resync)
            account.store.check()

    def test_long_log(self):
        """I6: all is in the log, as Dovecot likes it best."""
        self.run_dialogues('test_long_log')


class RewrittenOften(Removal):
    config = '''
mail_index_rewrite_min_log_bytes = 500
mail_index_rewrite_max_log_bytes = 1500
mail_index_log_rotate_min_size = 1 k
mail_index_log_rotate_max_size = 2 k
mail_index_log_rotate_min_age = 0
'''

    def test_long_log(self):
        """I6: the index is written often, and the log is rotated."""
        self.run_dialogues('test_rewritten_often')


if __name__ == '__main__':
    harness.main()
