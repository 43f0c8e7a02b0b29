#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Dovecot's index files are a cache: whatever becomes of them, a client that
was away is told all that it missed, and nothing else."""

import contextlib
import functools
import os
import shutil
import threading
import time

import harness
from imap import Closed, expand
from mails import mail
from store import Store

FIRST = 30      # messages that the client knows
FLAGS = {3: {'\\Seen'}, 4: {'\\Flagged', '$Label1'}, 9: {'\\Draft', 'later'},
         20: {'\\Answered', '\\Seen'}, 28: {'\\Deleted'}}


INDEX, LOG, CACHE = 'dovecot.index', 'dovecot.index.log', 'dovecot.index.cache'


def files(store, *names):
    return [os.path.join(top, name) for top, _, found in os.walk(store.index)
            for name in found if name in names]


def nothing(store, old):
    """For comparison: a stock format, too, must pass with this one."""


def all_of_it(store, old):
    store.remove_index()


def remove(*names):
    def damage(store, old):
        for path in files(store, *names):
            os.unlink(path)
    return damage


def spoil(*names):
    def damage(store, old):
        for path in files(store, *names):
            with open(path, 'r+b') as f:
                f.write(b'\xa5 no index \0' * 400)
    return damage


def cut(divisor, *names):
    def damage(store, old):
        for path in files(store, *names):
            os.truncate(path, os.path.getsize(path) // divisor)
    return damage


def old_copy(store, old):
    store.remove_index()
    shutil.copytree(old, store.index)
    store.server.own(store.index)


def old(*names):
    """Files of another day beside the others of today."""
    def damage(store, kept):
        for path in files(store, *names):
            shutil.copy(os.path.join(kept,
                                     os.path.relpath(path, store.index)), path)
    return damage


REMOVED = {
    'nothing': nothing,
    'all removed': all_of_it,
    'log removed': remove(LOG),
    'index removed': remove(INDEX),
    'cache removed': remove(CACHE),
    'index and cache removed': remove(INDEX, CACHE),
    'index and log removed': remove(INDEX, LOG),
}
OLD = {
    'old copy': old_copy,
}
SPOILT = {
    'old log': old(LOG),
    'old index': old(INDEX),
    'old index and log': old(INDEX, LOG),
    'old cache': old(CACHE),
    'garbage in index': spoil(INDEX),
    'garbage in log': spoil(LOG),
    'garbage in cache': spoil(CACHE),
    'garbage everywhere': spoil(INDEX, LOG, CACHE),
    'index cut short': cut(2, INDEX),
    'log cut short': cut(2, LOG),
    'cache cut short': cut(2, CACHE),
    'everything empty': cut(10**9, INDEX, LOG, CACHE),
}
# From a cache that is cut short Dovecot reads zeros, with any format, and may
# answer with them.
UNREAD = {name: damage for name, damage in SPOILT.items()
          if name != 'cache cut short'}
if harness.FORMAT != 'sqbox':
    REMOVED, OLD, SPOILT, UNREAD = {'nothing': nothing}, {}, {}, {}


class Known:
    """What a QRESYNC client remembers of a mailbox."""

    def __init__(self, session, name='INBOX'):
        session.ok('ENABLE QRESYNC')
        reply = session.select(name)
        self.validity = int(reply.coded('UIDVALIDITY')[0])
        self.modseq = int(reply.coded('HIGHESTMODSEQ')[0])
        self.uidnext = int(reply.coded('UIDNEXT')[0])
        self.mails = everything(session)

    def resync(self, session):
        """SELECT with this knowledge; returns what it is then."""
        session.ok('ENABLE QRESYNC')
        reply = session.select('INBOX', f' (QRESYNC ({self.validity} '
                               f'{self.modseq}))')
        now = dict(self.mails)
        for vanished in reply.named('VANISHED'):
            assert vanished.data[0] == ['EARLIER'], vanished
            for uid in expand(vanished.data[1]):
                now.pop(uid, None)
        for items in reply.fetched().values():
            assert items['MODSEQ'] > self.modseq, items
            now[items['UID']] = items['FLAGS'] - {'\\Recent'}
        return reply, now


def everything(session):
    """{UID: flags} of the selected mailbox."""
    return {uid: items['FLAGS'] - {'\\Recent'}
            for uid, items in session.fetch_by_uid('FLAGS').items()}


def for_each(damages):
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            for name, damage in damages.items():
                with self.subTest(damage=name):
                    self.new_account()
                    test(self, self.inflict(name, damage))
        return run
    return decorate


# Dovecot says what it finds wrong with its files; a Panic is never right.
COMPLAINTS = (r'Error: .*(dovecot\.index|[Cc]orrupted|[Bb]roken|index|cache)',)


class IndexLoss(harness.ServerCase):
    allowed_errors = COMPLAINTS
    # So that the little that is done here makes a dovecot.index, too.
    config = '''
mail_index_rewrite_min_log_bytes = 500
'''

    def setUp(self):
        super().setUp()
        self.store = Store(self.server, self.user)

    def new_account(self):
        """An account of its own for each damage."""
        harness.ServerCase._accounts += 1
        self.user = f'u{harness.ServerCase._accounts}'
        self.store = Store(self.server, self.user)
        session = self.login()
        for n in range(FIRST):
            session.append('INBOX', mail(subject=f'message {n + 1}'))
        session.select()
        for uid, flags in FLAGS.items():
            session.ok(f"UID STORE {uid} +FLAGS ({' '.join(flags)})")
        # A cache that has something in it.
        session.fetch('1:*', 'ENVELOPE BODYSTRUCTURE')
        session.logout()
        if harness.FORMAT == 'sqbox':
            for name in (INDEX, LOG, CACHE):
                self.assertTrue(files(self.store, name), name)

    def keep_index(self):
        old = os.path.join(self.server.dir, f'old-{self.user}')
        if os.path.isdir(self.store.index):
            shutil.copytree(self.store.index, old)
        return old

    def change(self):
        """What another client does; returns the true state after it."""
        session = self.login()
        session.select()
        session.ok('UID STORE 5,6 +FLAGS (\\Seen newword)')
        session.ok('UID STORE 4 -FLAGS ($Label1)')
        session.ok('UID STORE 20 FLAGS (\\Draft)')
        session.ok('UID STORE 7:9,15,30 +FLAGS.SILENT (\\Deleted)')
        session.ok('UID EXPUNGE 7:9,15,30')
        self.assertEqual(session.append('INBOX', mail(subject='late'),
                                        flags='\\Flagged word'), FIRST + 1)
        self.assertEqual(session.append('INBOX', mail()), FIRST + 2)
        session.select()
        session.ok(f'UID STORE {FIRST + 2} +FLAGS (\\Deleted)')
        session.ok(f'UID EXPUNGE {FIRST + 2}')
        known = Known(session)
        session.logout()
        return known

    def inflict(self, name, damage):
        def run(old):
            damage(self.store, old)
            if name in SPOILT:
                self.let_dovecot_notice()
        return run

    def let_dovecot_notice(self):
        """Dovecot may need a session that fails to see what is spoilt; one
        is enough."""
        session = self.connect()
        try:
            session.login(self.user)
            session.cmd('SELECT INBOX')
        except (AssertionError, OSError):
            pass
        session.close()

    def session(self):
        session = self.login()
        session.ok('ENABLE QRESYNC')
        return session

    def assert_resynced(self, before, now):
        """A client that knows `before` learns `now`."""
        session = self.session()
        reply, seen = before.resync(session)
        self.assertEqual(int(reply.coded('UIDVALIDITY')[0]), now.validity)
        self.assertGreaterEqual(int(reply.coded('UIDNEXT')[0]), now.uidnext)
        self.assertGreaterEqual(int(reply.coded('HIGHESTMODSEQ')[0]),
                                now.modseq)
        self.assertEqual(seen, now.mails)
        self.assertEqual(everything(session), now.mails)
        self.assertEqual(reply.last('EXISTS'), len(now.mails))
        session.logout()

    def assert_goes_on(self, now):
        """Later changes have larger numbers, and reach a client that knows
        the state before them."""
        session = self.session()
        session.select()
        uid = session.append('INBOX', mail(subject='after'), flags='\\Seen')
        self.assertGreaterEqual(uid, now.uidnext)
        session.ok('UID STORE 2 +FLAGS (\\Answered)')
        session.ok('UID STORE 1 +FLAGS (\\Deleted)')
        session.ok('UID EXPUNGE 1')
        after = {**now.mails, uid: {'\\Seen'}, 2: {'\\Answered'}}
        del after[1]
        self.assertEqual(everything(session), after)
        session.logout()
        session = self.session()
        reply, seen = now.resync(session)
        self.assertEqual(seen, after)
        self.assertGreater(int(reply.coded('HIGHESTMODSEQ')[0]), now.modseq)
        session.logout()

    @for_each({**REMOVED, **OLD, **SPOILT})
    def test_lost_after_the_changes(self, damage):
        """I6: the client comes back after the changes and then the loss."""
        before = Known(self.login())
        old = self.keep_index()
        now = self.change()
        self.log_out_all()
        damage(old)
        self.assert_resynced(before, now)
        self.assert_resynced(now, now)
        self.assert_goes_on(now)
        self.check()

    @for_each({**REMOVED, **OLD, **SPOILT})
    def test_lost_what_came_and_went(self, damage):
        """I6: the client knows messages and flags that are gone, of which the
        old files have never heard."""
        old = self.keep_index()
        session = self.login()
        for _ in range(3):
            session.append('INBOX', mail())
        session.select()
        session.ok('UID STORE 1 +FLAGS (\\Seen)')
        session.ok('UID STORE 2 +FLAGS (later)')
        before = Known(session)
        session.ok('UID STORE 1 -FLAGS (\\Seen)')
        session.ok('UID STORE 2 -FLAGS (later)')
        session.ok(f'UID STORE {FIRST + 1}:{FIRST + 2} +FLAGS.SILENT '
                   '(\\Deleted)')
        session.ok(f'UID EXPUNGE {FIRST + 1}:{FIRST + 2}')
        now = Known(session)
        self.log_out_all()
        damage(old)
        self.assert_resynced(before, now)
        self.assert_goes_on(now)
        self.check()

    @for_each({**REMOVED, **OLD, **SPOILT})
    def test_lost_before_the_changes(self, damage):
        """I6: the loss, then the changes, then the client comes back."""
        old = self.keep_index()
        before = Known(self.login())
        self.log_out_all()
        damage(old)
        now = self.change()
        self.assertGreater(now.modseq, before.modseq)
        self.assertEqual(now.validity, before.validity)
        self.assert_resynced(before, now)
        self.check()

    @for_each({**REMOVED, **OLD, **SPOILT})
    def test_lost_in_between_and_again(self, damage):
        """I6: loss after loss, with a change between each."""
        before = Known(self.login())
        old = self.keep_index()
        now = self.change()
        self.log_out_all()
        for n in range(3):
            damage(old)
            session = self.session()
            session.select()
            session.ok(f'UID STORE {10 + n} +FLAGS (\\Seen)')
            now.mails[10 + n] = {'\\Seen'}
            known = Known(session)
            self.assertGreater(known.modseq, now.modseq)
            now.modseq = known.modseq
            self.log_out_all()
        self.assert_resynced(before, now)
        self.check()

    @for_each(REMOVED)
    def test_lost_under_a_session(self, damage):
        """I6: a session that is open when the files go is not wrong about
        anything it is told later, and ends at worst with BYE."""
        before = Known(self.login())
        old = self.keep_index()
        watching = self.session()
        watching.select()
        damage(old)
        now = self.change()
        try:
            watching.ok('NOOP')
            self.assertEqual(everything(watching), now.mails)
        except Closed:
            self.assertIn(' S: * BYE', watching.dialogue[-2])
        self.log_out_all()
        self.assert_resynced(before, now)
        self.check()

    @for_each({**REMOVED, **OLD, **UNREAD})
    def test_lost_envelopes(self, damage):
        """I6: what the cache held is read from the messages again."""
        session = self.login()
        session.select()
        items = 'ENVELOPE BODYSTRUCTURE RFC822.SIZE INTERNALDATE'
        known = session.fetch_by_uid(items)
        old = self.keep_index()
        self.log_out_all()
        damage(old)
        session = self.login()
        session.select()
        self.assertEqual(session.fetch_by_uid(items), known)
        self.assertEqual(session.search('SUBJECT "message 17"'), [17])

    def log_out_all(self):
        for client in self.clients:
            client.close()
        self.clients.clear()
        # The imap processes close their files when they see the end.
        self.server.doveadm('kick', self.user, check=False)

    def check(self):
        self.log_out_all()
        if harness.FORMAT == 'sqbox':
            self.store.check()


@harness.only_sqbox
class LostAgainAndAgain(harness.ServerCase):
    """Files vanish while sessions are at work.  Their clients may have to
    reconnect; no process may end by a signal, and nothing that was answered
    may be lost."""

    ROUNDS = 300
    MAILS = 20
    # All but a Panic, and the Fatal line of a process that has died of it.
    allowed_errors = (r'Error: (?!Raw backtrace)',)
    config = '''
mail_index_rewrite_min_log_bytes = 500
mail_index_rewrite_max_log_bytes = 2000
'''

    def setUp(self):
        super().setUp()
        self.at_work = True
        self.answered = [0, 0]
        self.flagged = {}       # UID: flagged or not, as last answered

    def unlink_files(self, rng):
        for path in files(Store(self.server, self.user), INDEX, LOG, CACHE,
                          LOG + '.2'):
            if rng.random() < 0.8:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def change(self, client, uid, flag):
        sign = '+' if flag else '-'
        self.flagged.pop(uid, None)     # not known, until it is answered
        if client.cmd(f'UID STORE {uid} {sign}FLAGS (\\Flagged k{uid % 3})'
                      ).status != 'OK':
            client.cmd('SELECT INBOX')
            return False
        self.flagged[uid] = flag
        return True

    def work(self, which, rng):
        """A client with every other message for its own."""
        while self.at_work:
            client = None
            with contextlib.suppress(AssertionError, OSError):
                client = self.login(name=f'W{which}')
                client.select()
                while self.at_work:
                    uid = 1 + which + 2 * rng.randrange(self.MAILS // 2)
                    if self.change(client, uid, rng.random() < 0.5):
                        self.answered[which] += 1
            if client:
                client.close()
                self.clients.remove(client)

    def test_lost_under_two_writers(self):
        """I6: two sessions STORE while the files vanish, in many rounds."""
        rng = harness.seeded('test_lost_under_two_writers')
        client = self.login()
        for _ in range(self.MAILS):
            client.append('INBOX', mail())
        threads = [threading.Thread(
            target=self.work, args=(n, harness.random.Random(rng.random())))
            for n in range(2)]
        for thread in threads:
            thread.start()
        enough = self.ROUNDS // 10
        for n in range(50 * self.ROUNDS):   # a busy machine needs more
            if n >= self.ROUNDS and min(self.answered) > enough:
                break
            self.unlink_files(rng)
            time.sleep(rng.random() * 0.03)
        self.at_work = False
        for thread in threads:
            thread.join()
        self.assertGreater(min(self.answered), enough)
        client.close()
        # Their processes may still be at work on the files.
        self.server.doveadm('kick', self.user, check=False)
        client = self.login()
        client.select()
        flags = client.fetch_by_uid('FLAGS')
        self.assertEqual(len(flags), self.MAILS)
        for uid, flag in self.flagged.items():
            self.assertEqual('\\Flagged' in flags[uid]['FLAGS'], flag, uid)
        client.logout()
        Store(self.server, self.user).check()


@harness.only_sqbox
class IndexElsewhere(harness.ServerCase):
    """Index files in a place of their own."""

    fmt = 'sqbox:~/mail:INDEX=~/idx:CONTROL=~/ctl'
    allowed_errors = COMPLAINTS

    def test_index_elsewhere(self):
        """I6: mailboxes are made, used, renamed and deleted as ever, and all
        index files may vanish."""
        client = self.login()
        client.ok('CREATE a')
        for box in ('INBOX', 'a'):
            client.append(box, mail(), flags='\\Flagged')
        client.select('a')
        client.ok('STORE 1 +FLAGS (kept)')
        client.ok('RENAME a b')
        index = os.path.join(self.server.home(self.user), 'idx', 'index')
        self.assertEqual(set(os.listdir(index)), {'1', '2'})
        client.logout()
        shutil.rmtree(index)
        client = self.login()
        client.select('b')
        self.assertEqual(client.fetch('1', 'FLAGS')[1]['FLAGS']
                         - {'\\Recent'}, {'\\Flagged', 'kept'})
        client.ok('COPY 1 INBOX')
        client.select('INBOX')
        self.assertEqual(client.search('FLAGGED'), [1, 2])
        client.ok('DELETE b')
        self.assertEqual(os.listdir(index), ['1'])


if __name__ == '__main__':
    harness.main()
