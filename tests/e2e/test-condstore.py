#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""CONDSTORE and QRESYNC (RFC 7162): what changed since a modseq, what is gone
since, and that a client which asks only that is never wrong."""

import os
import shutil

import harness
from imap import expand, quote, seqset
from mails import mail


def vanished(reply, earlier):
    """UIDs of the VANISHED (or VANISHED (EARLIER)) responses."""
    uids = []
    for r in reply.named('VANISHED'):
        is_earlier = r.data[0] == ['EARLIER']
        if is_earlier == earlier:
            uids += expand(str(r.data[-1]))
    return uids


class Base(harness.ServerCase):
    def mailbox(self, messages=5, enable='CONDSTORE'):
        client = self.login()
        for n in range(messages):
            client.append('INBOX', mail(subject=str(n)))
        client.ok(f'ENABLE {enable}')
        client.select()
        return client

    def highest(self, client, mailbox='INBOX'):
        return client.status(mailbox, 'HIGHESTMODSEQ')['HIGHESTMODSEQ']


class Condstore(Base):
    def test_every_change_raises_it(self):
        """S30 S66: each append, flag change, copy and expunge raises
        HIGHESTMODSEQ; reading does not."""
        client = self.mailbox()
        last = self.highest(client)
        for command in ('STORE 1 +FLAGS (\\Seen)', 'STORE 2 +FLAGS (kw)',
                        'STORE 1 -FLAGS (\\Seen)', 'STORE 3 +FLAGS '
                        '(\\Deleted)', 'EXPUNGE', 'COPY 1 INBOX',
                        'APPEND INBOX {6+}\r\nx: y\r\n'):
            client.ok(command)
            client.ok('NOOP')
            now = self.highest(client)
            self.assertGreater(now, last, command)
            last = now
        for command in ('FETCH 1:* (FLAGS BODY.PEEK[])', 'SEARCH ALL',
                        'CHECK', 'NOOP'):
            client.ok(command)
            self.assertEqual(self.highest(client), last, command)

    def test_select_tells_it(self):
        """S50: SELECT (CONDSTORE) tells HIGHESTMODSEQ, the same as STATUS; no
        message has a larger MODSEQ."""
        client = self.mailbox()
        client.ok('STORE 2:3 +FLAGS.SILENT (\\Seen)')
        status = self.highest(client)
        other = self.login()
        reply = other.ok('SELECT INBOX (CONDSTORE)')
        self.assertEqual(int(reply.coded('HIGHESTMODSEQ')[0]), status)
        got = other.fetch('1:*', 'MODSEQ')
        self.assertEqual(max(d['MODSEQ'] for d in got.values()), status)
        self.assertGreater(min(d['MODSEQ'] for d in got.values()), 0)

    def test_changedsince(self):
        """S65 S11: FETCH (CHANGEDSINCE) lists exactly what changed after that
        modseq."""
        client, other = self.mailbox(8), self.login()
        other.select()
        before = self.highest(client)
        other.ok('STORE 2 +FLAGS (\\Flagged)')
        middle = self.highest(other)
        other.ok('STORE 5,7 +FLAGS (kw)')
        client.ok('NOOP')
        for since, wanted in ((before, {2, 5, 7}), (middle, {5, 7}),
                              (self.highest(client), set())):
            reply = client.ok(f'FETCH 1:* (FLAGS) (CHANGEDSINCE {since})')
            got = reply.fetched()
            self.assertEqual(set(got), wanted)
            for items in got.values():
                self.assertGreater(items['MODSEQ'], since)

    def test_store_answers_with_modseq(self):
        """S75: after ENABLE CONDSTORE, STORE answers with the new MODSEQ, also
        with .SILENT."""
        client = self.mailbox()
        before = self.highest(client)
        for command in ('+FLAGS', '-FLAGS.SILENT'):
            reply = client.ok(f'STORE 2 {command} (\\Seen)')
            modseq = reply.fetched()[2]['MODSEQ']
            self.assertGreater(modseq, before)
            self.assertEqual(client.fetch('2', 'MODSEQ')[2]['MODSEQ'], modseq)
            before = modseq

    def test_unchangedsince(self):
        """S76 S75: STORE (UNCHANGEDSINCE) changes nothing that another session
        changed meanwhile, and names it in MODIFIED."""
        client, other = self.mailbox(), self.login()
        other.select()
        since = self.highest(client)
        other.ok('STORE 2 +FLAGS (\\Answered)')
        reply = client.ok(
            f'STORE 1:3 (UNCHANGEDSINCE {since}) +FLAGS (\\Flagged)')
        self.assertEqual(reply.code, ['MODIFIED', '2'])
        client.ok('NOOP')
        self.assertEqual(client.search('FLAGGED'), [1, 3])
        self.assertEqual(client.search('ANSWERED'), [2])
        since = client.fetch('2', 'MODSEQ')[2]['MODSEQ']
        reply = client.ok(
            f'UID STORE 2 (UNCHANGEDSINCE {since}) +FLAGS (\\Flagged)')
        self.assertIsNone(reply.code)
        self.assertEqual(client.search('FLAGGED'), [1, 2, 3])

    def test_search_modseq(self):
        """S85: SEARCH MODSEQ finds what changed since, and tells the
        largest."""
        client = self.mailbox()
        since = self.highest(client)
        client.ok('STORE 2,4 +FLAGS.SILENT (\\Seen)')
        reply = client.ok(f'SEARCH MODSEQ {since + 1}')
        tokens = reply.named('SEARCH')[0].data
        self.assertEqual([int(t) for t in tokens[:-1]], [2, 4])
        self.assertEqual(tokens[-1], ['MODSEQ', str(self.highest(client))])

    def test_survives_restart(self):
        """S53 S66: modseqs are the same after a restart, and what was seen
        before is not shown as changed."""
        client = self.mailbox()
        client.ok('STORE 2 +FLAGS (\\Seen)')
        before = client.fetch('1:*', 'MODSEQ')
        highest = self.highest(client)
        client.close()
        self.server.restart()
        client = self.login()
        client.ok('ENABLE CONDSTORE')
        client.select()
        self.assertEqual(self.highest(client), highest)
        self.assertEqual(client.fetch('1:*', 'MODSEQ'), before)


class Qresync(Base):
    def test_vanished_instead_of_expunge(self):
        """S81 S80: after ENABLE QRESYNC what goes away is told as VANISHED
        with UIDs, to this session and the other one."""
        client, other = self.mailbox(6, 'QRESYNC'), self.login()
        other.ok('ENABLE QRESYNC')
        other.select()
        client.ok('STORE 2,4:5 +FLAGS.SILENT (\\Deleted)')
        reply = client.ok('EXPUNGE')
        self.assertEqual(vanished(reply, earlier=False), [2, 4, 5])
        self.assertEqual(reply.named('EXPUNGE'), [])
        self.assertEqual(reply.code_name(), 'HIGHESTMODSEQ')
        reply = other.ok('NOOP')
        self.assertEqual(vanished(reply, earlier=False), [2, 4, 5])

    def test_select_tells_what_happened(self):
        """S11 S60: SELECT (QRESYNC) tells what vanished and what changed since
        the client's last modseq, and nothing else."""
        client = self.mailbox(8, 'QRESYNC')
        validity = client.status('INBOX')['UIDVALIDITY']
        since = self.highest(client)
        client.ok('UNSELECT')
        other = self.login()
        other.select()
        other.ok('STORE 3 +FLAGS (\\Flagged kw)')
        other.ok('STORE 2,7 +FLAGS.SILENT (\\Deleted)')
        other.ok('EXPUNGE')
        new = other.append('INBOX', mail())
        reply = client.ok(f'SELECT INBOX (QRESYNC ({validity} {since}))')
        self.assertEqual(vanished(reply, earlier=True), [2, 7])
        changed = {d['UID']: d['FLAGS'] - {'\\Recent'}
                   for d in reply.fetched().values()}
        self.assertEqual(changed, {3: {'\\Flagged', 'kw'}, new: set()})

    def test_known_uids(self):
        """S11: with a list of known UIDs nothing is told of others."""
        client = self.mailbox(8, 'QRESYNC')
        validity = client.status('INBOX')['UIDVALIDITY']
        since = self.highest(client)
        client.ok('STORE 2,7 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.ok('UID STORE 1,8 +FLAGS.SILENT (\\Seen)')
        client.ok('UNSELECT')
        reply = client.ok(
            f'SELECT INBOX (QRESYNC ({validity} {since} 1:4))')
        self.assertEqual(vanished(reply, earlier=True), [2])
        self.assertEqual([d['UID'] for d in reply.fetched().values()], [1])

    def test_other_uidvalidity(self):
        """S54: with a UIDVALIDITY that is not the mailbox's, the modseq means
        nothing and nothing is told."""
        client = self.mailbox(3, 'QRESYNC')
        validity = client.status('INBOX')['UIDVALIDITY']
        client.ok('STORE 1 +FLAGS (\\Deleted)')
        client.ok('EXPUNGE')
        client.ok('UNSELECT')
        reply = client.ok(f'SELECT INBOX (QRESYNC ({validity + 1} 1))')
        self.assertEqual(reply.named('VANISHED') + reply.named('FETCH'), [])
        self.assertEqual(reply.coded('UIDVALIDITY'), [str(validity)])

    def test_uid_fetch_vanished(self):
        """S87 S82: UID FETCH (CHANGEDSINCE n VANISHED) tells both."""
        client = self.mailbox(6, 'QRESYNC')
        since = self.highest(client)
        client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.ok('UID STORE 5 +FLAGS.SILENT (\\Seen)')
        reply = client.ok(
            f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since} VANISHED)')
        self.assertEqual(vanished(reply, earlier=True), [2])
        self.assertEqual([d['UID'] for d in reply.fetched().values()], [5])

    def test_moved_away(self):
        """S84: a moved message vanishes from its source."""
        client = self.mailbox(3, 'QRESYNC')
        client.ok('CREATE x')
        reply = client.ok('MOVE 2 x')
        self.assertEqual(vanished(reply, earlier=False), [2])


class Follower:
    """A client with a copy of the mailbox that only asks for changes."""

    def __init__(self, client, mailbox):
        client.ok('ENABLE QRESYNC')
        self.client = client
        self.mailbox = mailbox
        self.messages = {}      # uid -> flags
        self.validity = 0
        self.modseq = 0

    def sync(self):
        """One visit: what vanished, what changed, then leave."""
        args = ''
        if self.modseq:
            args = f' (QRESYNC ({self.validity} {self.modseq}))'
        reply = self.client.select(self.mailbox, args)
        validity = int(reply.coded('UIDVALIDITY')[0])
        if validity != self.validity:
            self.messages, self.validity = {}, validity
            got = self.client.ok('UID FETCH 1:* (FLAGS)')
            self.take(got)
        else:
            for uid in vanished(reply, earlier=True):
                self.messages.pop(uid, None)
            self.take(reply)
        modseq = int(reply.coded('HIGHESTMODSEQ')[0])
        assert modseq >= self.modseq, 'HIGHESTMODSEQ went back'
        self.modseq = modseq
        self.client.ok('UNSELECT')

    def take(self, reply):
        for items in reply.fetched().values():
            self.messages[items['UID']] = items['FLAGS'] - {'\\Recent'}


class Following(Base):
    """A follower's copy is the mailbox, whatever happens between visits."""

    def change(self, rng, client):
        """One random change of the selected mailbox."""
        uids = client.search('ALL', uid=True)
        some = seqset(rng.sample(uids, min(len(uids), rng.randint(1, 4))))
        what = rng.choice(('append', 'append', 'flags', 'flags', 'keyword',
                           'expunge', 'copy', 'nothing'))
        if what == 'append' or not uids:
            client.append('INBOX', mail(), rng.choice(['', '\\Seen', 'kw']))
        elif what == 'flags':
            flag = rng.choice(['\\Seen', '\\Flagged', '\\Answered'])
            client.ok(f'UID STORE {some} {rng.choice("+-")}FLAGS.SILENT '
                      f'({flag})')
        elif what == 'keyword':
            client.ok(f'UID STORE {some} FLAGS (kw{rng.randint(0, 3)})')
        elif what == 'expunge':
            client.ok(f'UID STORE {some} +FLAGS.SILENT (\\Deleted)')
            client.ok(f'UID EXPUNGE {some}')
        elif what == 'copy':
            client.ok(f'UID COPY {some} INBOX')
        client.ok('NOOP')

    def truth(self, client):
        if not client.search('ALL'):
            return {}
        return {u: d['FLAGS'] - {'\\Recent'}
                for u, d in client.fetch_by_uid('FLAGS').items()}

    def follow(self, rng, between=lambda: None, rounds=40):
        client = self.login(name='writer')
        client.append('INBOX', mail())
        follower = Follower(self.login(name='follower'), 'INBOX')
        for _ in range(rounds):
            client.select()
            for _ in range(rng.randint(0, 6)):
                self.change(rng, client)
            truth = self.truth(client)
            client.ok('UNSELECT')
            between()
            follower.sync()
            self.assertEqual(follower.messages, truth)

    def test_follower(self):
        """S60 S53 S66: forty visits with random changes in between."""
        self.follow(harness.seeded('test_follower'))

    @harness.only_sqbox
    def test_follower_and_lost_indexes(self):
        """S60 S53: also when Dovecot's index files are removed before each
        visit: they are a cache, HIGHESTMODSEQ never goes back."""
        self.follow(harness.seeded('test_follower_and_lost_indexes'),
                    self.lose_indexes, rounds=20)

    def lose_indexes(self):
        index = os.path.join(self.server.home(self.user), 'mail', 'index')
        self.assertTrue(os.path.isdir(index), quote(index))
        for name in os.listdir(index):
            shutil.rmtree(os.path.join(index, name))

    def test_follower_over_restarts(self):
        """S60 S53: also when the server is restarted before each visit."""
        rng = harness.seeded('test_follower_over_restarts')
        follower = None
        for _ in range(3):
            client = self.login(name='writer')
            client.select()
            for _ in range(5):
                self.change(rng, client)
            truth = self.truth(client)
            client.close()
            self.server.restart()
            fresh = Follower(self.login(name='follower'), 'INBOX')
            if follower:
                fresh.messages = follower.messages
                fresh.validity = follower.validity
                fresh.modseq = follower.modseq
            follower = fresh
            follower.sync()
            follower.client.close()
            self.assertEqual(follower.messages, truth)


if __name__ == '__main__':
    harness.main()
