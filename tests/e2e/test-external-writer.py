#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A program beside Dovecot changes the store (tests/writer.c) while IMAP
clients have it open: each client is told, nobody's change is lost, and in the
end all see the same."""

import random
import shutil
import threading

import harness
from imap import Closed, Literal, quote, seqset
from mails import mail, random_mail
from store import Store
from writer import BITS, Failed, Writer

STEPS = 200
KEYWORDS = ('$Label1', 'later', 'Work', 'x-y.z')
FOLDERS = ('INBOX', 'a', 'b')
# Errors of a random change: it could not be made.
EXCUSES = ('not found', 'exists already', 'invalid')


class View:
    """What a client believes of its mailbox by what it was told."""

    def __init__(self, session):
        self.session = session
        self.mails = []
        for _, items in sorted(session.fetch('1:*', 'UID FLAGS').items()):
            self.mails.append([items['UID'], items['FLAGS'] - {'\\Recent'}])

    def told(self, responses):
        for r in responses:
            if r.name == 'EXISTS':
                self.mails += [[None, None] for _ in
                               range(r.num - len(self.mails))]
                assert r.num == len(self.mails), f'{r}: {self.mails}'
            elif r.name == 'EXPUNGE':
                del self.mails[r.num - 1]
            elif r.name == 'FETCH':
                self.fetched(r.num, dict(zip(r.data[0][::2], r.data[0][1::2])))

    def fetched(self, number, items):
        if 'UID' in items:
            assert self.mails[number - 1][0] in (None, int(items['UID']))
            self.mails[number - 1][0] = int(items['UID'])
        if 'FLAGS' in items:
            self.mails[number - 1][1] = set(items['FLAGS']) - {'\\Recent'}

    def command(self, *parts):
        """A command; that a message has just been expunged by another is
        the only excuse for NO."""
        reply = self.session.cmd(*parts)
        assert reply.status == 'OK' or reply.code_name() == 'EXPUNGEISSUED', \
            f'{parts[0]}: {reply}'
        self.told(reply.untagged)
        return reply

    def look(self):
        """Ask for all that there is; for nothing one cannot ask."""
        self.command('NOOP')
        if self.mails:
            self.command('FETCH 1:* (UID FLAGS)')

    def agrees(self, truth):
        """Nothing that the client knows is wrong."""
        return len(self.mails) == len(truth.mails) and all(
            uid in (None, true_uid) and flags in (None, true_flags)
            for (uid, flags), (true_uid, true_flags)
            in zip(self.mails, sorted(truth.mails.items())))

    def knows(self, truth):
        return self.mails == [[u, f] for u, f in sorted(truth.mails.items())]


@harness.only_sqbox
class ExternalWriter(harness.ServerCase):
    def setUp(self):
        super().setUp()
        self.rng = harness.seeded(self._testMethodName)
        self.octets = {}    # (UIDVALIDITY, UID): what was appended
        session = self.login()
        for name in FOLDERS[1:]:
            session.ok(f'CREATE {name}')
        for _ in range(12):
            session.append('INBOX', random_mail(self.rng))
        self.store = Store(self.server, self.user)
        self.writer = Writer(self.store)
        self.addCleanup(self.writer.close)

    # What the writer does

    def some_flags(self, rng):
        return rng.sample((*BITS, *KEYWORDS), rng.randint(0, 3))

    def write_something(self, rng):
        """A change at random; one that cannot be made is no failure."""
        write = rng.choice((self.write_append, self.write_append,
                            self.write_flags, self.write_flags,
                            self.write_expunge, self.write_copy,
                            self.write_tree))
        try:
            write(rng)
        except Failed as e:
            self.assertIn(e.args[0], EXCUSES, e.args)

    def some_mail(self, rng):
        """A mailbox and one of its UIDs, which may be gone."""
        return rng.choice(FOLDERS), rng.randint(1, 80)

    def write_append(self, rng):
        message = random_mail(rng)
        box = rng.choice(FOLDERS)
        uid = self.writer.append(box, message, self.some_flags(rng))
        self.octets[box, uid] = message

    def write_flags(self, rng):
        box, uid = self.some_mail(rng)
        self.writer.change(box, uid, uid + rng.randint(0, 3),
                           self.some_flags(rng), self.some_flags(rng))

    def write_expunge(self, rng):
        box, uid = self.some_mail(rng)
        self.writer('expunge', box, uid, uid + rng.randint(0, 1))

    def write_copy(self, rng):
        box, uid = self.some_mail(rng)
        self.writer(rng.choice(('copy', 'move')), box, uid,
                    rng.choice([f for f in FOLDERS if f != box]))

    def write_tree(self, rng):
        name = rng.choice(('x', 'x/y', 'x/y/z', 'v w', 'v w/u'))
        verb = rng.choice(('create', 'create', 'delete', 'rename'))
        if verb == 'rename':
            self.writer(verb, name, f'r{rng.randrange(5)}')
        else:
            self.writer(verb, name)

    # What an IMAP client does

    def work(self, view, rng):
        """Some command of a client that has INBOX selected."""
        uids = [uid for uid, _ in view.mails if uid]
        some = seqset(rng.sample(uids, min(len(uids), rng.randint(1, 4))))
        flags = ' '.join(self.some_flags(rng))
        choice = rng.randrange(6)
        if choice == 0 or not uids:
            message = random_mail(rng)
            reply = view.command(f'APPEND INBOX ({flags}) ',
                                 Literal(message, plus=True))
            self.octets['INBOX', int(reply.code[2])] = message
        elif choice == 1:
            view.command(f"UID STORE {some} {rng.choice('+-')}FLAGS ({flags})")
        elif choice == 2:
            view.command(f'UID COPY {some} {rng.choice(FOLDERS[1:])}')
        elif choice == 3:
            view.command(f'UID STORE {some} +FLAGS (\\Deleted)')
            view.command(f'UID EXPUNGE {some}')
        elif choice == 4:
            view.command(f'UID FETCH {some} (FLAGS BODY.PEEK[])')
        else:
            view.command('NOOP')
        if any(uid is None for uid, _ in view.mails):
            view.command('FETCH 1:* (UID FLAGS)')

    # Comparing

    def assert_same(self):
        """A fresh session sees what the store has, message for message."""
        boxes = self.writer.dump()
        session = self.login(name='fresh')
        listed = session.list()
        self.assertEqual({n: '\\Noselect' in a for n, a in listed.items()},
                         {n: t.noselect for n, t in boxes.items()})
        for name, truth in boxes.items():
            if not truth.noselect:
                self.assert_box(session, name, truth)
        session.logout()
        self.store.check()

    def assert_box(self, session, name, truth):
        self.assertEqual(
            session.status(name),
            {'MESSAGES': truth.messages, 'UIDNEXT': truth.uidnext,
             'UIDVALIDITY': truth.validity, 'UNSEEN': truth.unseen})
        reply = session.ok(f'SELECT {quote(name)}')
        self.assertEqual((int(reply.coded('UIDVALIDITY')[0]),
                          int(reply.coded('UIDNEXT')[0]),
                          reply.last('EXISTS')),
                         (truth.validity, truth.uidnext, len(truth.mails)))
        self.assertEqual(truth.messages, len(truth.mails))
        if not truth.mails:
            return
        found = session.fetch_by_uid('FLAGS RFC822.SIZE BODY.PEEK[]')
        self.assertEqual({u: d['FLAGS'] - {'\\Recent'}
                          for u, d in found.items()}, truth.mails)
        for uid, items in found.items():
            octets = items['BODY[]']
            self.assertEqual(items['RFC822.SIZE'], len(octets))
            self.assertEqual(truth.sizes[uid], len(octets))
            self.assertEqual(self.writer.body(name, uid), octets)
            self.assertEqual(self.octets.get((name, uid), octets), octets)

    def idle_until_told(self, view):
        """The client in IDLE is told all, without asking."""
        truth = self.writer.dump()['INBOX']
        done = 0

        def complete(got):
            nonlocal done
            view.told(got[done:])
            done = len(got)
            return view.agrees(truth)

        view.session.idle_until(complete)

    def selected(self, name):
        session = self.login(name=name)
        session.select()
        return View(session)

    # The tests

    def test_one_after_the_other(self):
        """I7: NOOP shows at once what was committed outside; an IDLE client
        is told of every change, whoever made it."""
        busy, idle = self.selected('busy'), self.selected('idle')
        idle.session.idle()
        for _ in range(STEPS):
            if self.rng.random() < 0.7:
                self.write_something(self.rng)
            else:
                self.work(busy, self.rng)
            if self.rng.random() < 0.5:
                busy.command('NOOP')
                truth = self.writer.dump()['INBOX']
                self.assertTrue(busy.agrees(truth),
                                f'{busy.mails}\n{truth.mails}')
            if self.rng.random() < 0.1:
                self.idle_until_told(idle)
        self.idle_until_told(idle)
        idle.told(idle.session.done().untagged)
        for view in (idle, busy):
            view.look()
            truth = self.writer.dump()['INBOX']
            self.assertTrue(view.knows(truth), f'{view.mails}\n{truth.mails}')
        self.assert_same()

    def test_at_the_same_time(self):
        """I4 I7: the same with everybody working at once."""
        idle = self.selected('idle')
        busy = [self.selected(f'busy{n}') for n in range(2)]
        idle.session.idle()
        problems = []

        def run(function, *args):
            rng = random.Random(self.rng.random())

            def loop():
                try:
                    for _ in range(STEPS):
                        function(*args, rng)
                except Exception as e:
                    problems.append(e)
            return threading.Thread(target=loop)

        threads = [run(self.write_something)]
        threads += [run(self.work, view) for view in busy]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]
        self.idle_until_told(idle)
        idle.told(idle.session.done().untagged)
        truth = self.writer.dump()['INBOX']
        for view in (idle, *busy):
            view.look()
            self.assertTrue(view.knows(truth), f'{view.mails}\n{truth.mails}')
        self.assert_same()

    def test_deltas_are_kept(self):
        """I4: a client's flag and the writer's, set on the same message at
        the same time, are both there."""
        view = self.selected('busy')
        session = view.session
        for uid in range(1, 11):
            tag, _, _ = session.send(f'UID STORE {uid} +FLAGS (\\Seen later)')
            self.writer.change('INBOX', uid, uid, ['\\Flagged', 'Work'])
            view.told(session.wait(tag).untagged)
        truth = self.writer.dump()['INBOX']
        for uid in range(1, 11):
            self.assertEqual(truth.mails[uid],
                             {'\\Seen', 'later', '\\Flagged', 'Work'})
        view.command('NOOP')
        self.assertTrue(view.knows(truth), f'{view.mails}\n{truth.mails}')
        self.assert_same()

    def test_mailbox_deleted_under_a_session(self):
        """A session whose mailbox is deleted is told so or ended; a mailbox
        made again has a larger UIDVALIDITY."""
        session, other = self.login(), self.login()
        session.append('a', mail())
        before = session.status('a')['UIDVALIDITY']
        session.select('a')
        self.writer('delete', 'a')
        self.assertNotIn('a', other.list())
        other.no('SELECT a')
        try:
            session.cmd('NOOP')
            session.cmd('FETCH 1 (FLAGS)')
        except (Closed, OSError):
            pass
        self.writer('create', 'a')
        self.assertGreater(other.status('a')['UIDVALIDITY'], before)
        self.assertEqual(other.select('a').last('EXISTS'), 0)
        self.assert_same()

    def test_mailbox_renamed_under_a_session(self):
        """A session whose mailbox is renamed goes on with it, or is ended;
        what it was told was done is done."""
        session = self.login()
        uid = session.append('a', mail(subject='moving'))
        session.select('a')
        self.writer('rename', 'a', 'new/name')
        try:
            stored = session.cmd(f'UID STORE {uid} +FLAGS (\\Flagged)')
        except (Closed, OSError):
            stored = None
        truth = self.writer.dump()['new/name']
        done = stored is not None and stored.status == 'OK'
        self.assertEqual(truth.mails, {uid: {'\\Flagged'} if done else set()})
        self.assert_same()

    def test_recent_to_one_session_only(self):
        """Also of what came from elsewhere, and was never in the index."""
        session, other = self.login(), self.login()
        for recent in (1, 2):
            for _ in range(recent):
                self.writer.append('a', mail())
            self.assertEqual(other.status('a', 'RECENT'), {'RECENT': recent})
            self.assertEqual(session.select('a').numbers('RECENT'), [recent])
            self.assertEqual(other.status('a', 'RECENT'), {'RECENT': 0})
            session.ok('CLOSE')

    def test_idle_is_told_of_one_message(self):
        """I7: one message appended outside reaches an IDLE client, with no
        other change to help it."""
        idle = self.selected('idle')
        idle.session.idle()
        self.writer.append('INBOX', mail(subject='ding'))
        got = idle.session.idle_until(
            lambda got: any(r.name == 'EXISTS' for r in got))
        self.assertEqual([r.num for r in got if r.name == 'EXISTS'], [13])
        idle.session.done()


@harness.only_sqbox
class OlderIndex(harness.ServerCase):
    """I6: of what the writer did Dovecot had told a client; then the index
    files are put back from a copy that does not know it."""

    def setUp(self):
        super().setUp()
        session = self.login()
        for _ in range(3):
            session.append('INBOX', mail())
        session.logout()
        self.known()
        self.store = Store(self.server, self.user)
        self.copy = f'{self.store.dir}.copy'
        self.writer = Writer(self.store)
        self.addCleanup(self.writer.close)

    def session(self, parameters=''):
        session = self.login()
        session.ok('ENABLE QRESYNC')
        return session, session.select('INBOX', parameters)

    def known(self):
        """What a client keeps that has been told everything."""
        session, reply = self.session()
        session.logout()
        return (f'{reply.coded("UIDVALIDITY")[0]} '
                f'{reply.coded("HIGHESTMODSEQ")[0]}')

    def keep(self):
        shutil.copytree(self.store.index, self.copy)

    def put_back(self):
        self.store.remove_index()
        shutil.copytree(self.copy, self.store.index)
        self.server.own(self.store.index)

    def assert_told(self, known, uid, flags):
        session, reply = self.session(f' (QRESYNC ({known}))')
        told = {items['UID']: items['FLAGS'] - {'\\Recent'}
                for items in reply.fetched().values()}
        self.assertEqual(told.get(uid), flags)
        session.logout()

    def test_then_the_writer_goes_on(self):
        """I6 S60: the client is told of its next change, which the older index
        imports together with those that the client knows."""
        self.keep()
        self.writer.change('INBOX', 1, 1, add=KEYWORDS)
        known = self.known()
        self.put_back()
        self.writer.change('INBOX', 2, 2, add=('\\Flagged',))
        self.assert_told(known, 2, {'\\Flagged'})

    def client_goes_on(self, keywords):
        self.writer.change('INBOX', 1, 1, add=keywords)
        self.known()
        self.keep()
        self.writer.change('INBOX', 1, 1, remove=keywords)
        self.known()
        self.writer.change('INBOX', 1, 1, add=keywords)
        known = self.known()
        self.put_back()
        session, _ = self.session()
        session.ok('UID STORE 2 +FLAGS (\\Flagged)')
        session.logout()
        self.assert_told(known, 2, {'\\Flagged'})

    def test_then_a_client_goes_on(self):
        """I6 S60: another client's next change has a larger modseq, also where
        the older index had less to import than the newer one."""
        self.client_goes_on(KEYWORDS)

    def test_then_a_client_goes_on_after_more_than_there_is_room_for(self):
        """I6 S60: the same where Dovecot had counted each of so many keywords
        that it was beyond the store's next modseq."""
        self.client_goes_on([f'k{n}' for n in range(100)])



if __name__ == '__main__':
    harness.main()
