#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""kill -9 of imap and lmtp processes at random instants, while clients change
everything.  What was answered is there, and stays; what was not answered has
happened as a whole or not at all; no UID ever means another message.

The stock formats are held to less: MOVE and DELETE may have happened in half,
and when Dovecot has logged that it rebuilt an index, or refused a command
because of that, flags may be lost and expunged messages back.

    SQBOX_CRASH_ROUNDS  how often to kill (default 100)
"""

import hashlib
import os
import re
import signal
import time

import crash
import harness
from dovecot import mail_processes
from imap import Imap, quote
from store import Store

ROUNDS = int(os.environ.get('SQBOX_CRASH_ROUNDS') or 100)
WORKERS = 3
HANG = 100.0    # seconds after which a client is stuck


def kill(master, pid):
    """A pidfd, looked at again: no other process can be meant."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if pid in mail_processes(master):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


class Box:
    """A mailbox as a fresh session shows it."""

    def __init__(self, session, name):
        self.name = name
        status = session.status(
            name, 'MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ')
        reply = session.ok(f'SELECT {quote(name)}')
        self.validity, self.uidnext, self.modseq = (
            int(reply.coded(code)[0])
            for code in ('UIDVALIDITY', 'UIDNEXT', 'HIGHESTMODSEQ'))
        self.mails = {}
        if reply.last('EXISTS'):
            self._fetch(session)
        unseen = sum('\\Seen' not in m[1] for m in self.mails.values())
        shown = {'MESSAGES': len(self.mails), 'UNSEEN': unseen,
                 'UIDNEXT': self.uidnext, 'UIDVALIDITY': self.validity,
                 'HIGHESTMODSEQ': self.modseq}
        if not crash.STRICT:    # SELECT may have mended the index
            shown['HIGHESTMODSEQ'] = status['HIGHESTMODSEQ']
        assert status == shown, f'STATUS {name}: {status}, SELECT: {shown}'
        assert len(self.mails) == reply.last('EXISTS'), f'{name}: {reply}'

    def _fetch(self, session):
        reply = session.ok('UID FETCH 1:* (FLAGS BODY.PEEK[])')
        for items in reply.fetched().values():
            flags = frozenset(items['FLAGS'] - {'\\Recent'})
            self.mails[items['UID']] = (items['BODY[]'], flags)


class History:
    """What may never change in a mailbox, by its UIDVALIDITY."""

    def __init__(self):
        self.seen = {}

    def add(self, boxes):
        newest = max(self.seen, default=0)
        for box in boxes:
            if box.validity not in self.seen:
                assert box.validity > newest, \
                    f'{box.name}: new UIDVALIDITY {box.validity} <= {newest}'
                self.seen[box.validity] = (1, 1, {})
            self._compare(box)

    def _compare(self, box):
        uidnext, modseq, digests = self.seen[box.validity]
        assert box.uidnext >= uidnext, \
            f'{box.name}: UIDNEXT was {uidnext}, is {box.uidnext}'
        assert box.modseq >= modseq, \
            f'{box.name}: HIGHESTMODSEQ was {modseq}, is {box.modseq}'
        for uid, (octets, _) in box.mails.items():
            assert uid < box.uidnext, f'{box.name}: UID {uid} >= UIDNEXT'
            digest = hashlib.sha256(octets).digest()
            assert digests.setdefault(uid, digest) == digest, \
                f'{box.name}: UID {uid} was another message'
        self.seen[box.validity] = (box.uidnext, box.modseq, digests)


class Crash(harness.ServerCase):
    allowed_errors = ('killed with signal 9', 'command startup failed',
                      'destination service', 'Master request',
                      'Deleting corrupted cache') + (
                          () if crash.STRICT else ('Error: ',))

    def setUp(self):
        super().setUp()
        self.rng = harness.seeded('test-crash')
        self.master = self.server.process.pid
        self.history = History()
        self.owners = {}
        self.kills = 0
        session = self.login()
        for name in crash.SHARED[1:]:
            session.ok(f'CREATE {name}')
        session.logout()
        shared = {crash.Folder(name): name for name in crash.SHARED}
        self.workers = [self.client(crash.Worker, f'w{n}', shared)
                        for n in range(WORKERS)]
        self.everybody = [*self.workers,
                          self.client(crash.Deliverer, 'lmtp', shared)]
        self.clients = self.everybody       # for the dialogues of a failure

    def client(self, cls, name, folders):
        client = cls(name, self.rng.__class__(self.rng.random()), self.server,
                     self.user)
        client.folders = dict(folders)
        return client

    def tearDown(self):
        for client in self.everybody:
            client.lost()
        self.clients = []
        super().tearDown()

    def test_kill(self):
        """I1 I2 I3 I5: nothing that was answered is lost or comes back."""
        number = 0
        # More rounds where too little is answered in the time of one.
        while number < ROUNDS or self.commands() <= ROUNDS:
            self.assertLess(number, 20 * ROUNDS, 'next to no answers')
            try:
                self.work_and_kill()
                if self.rng.random() < 0.25:
                    self.kill_recovery()
                self.verify()
            except (AssertionError, OSError) as e:
                raise AssertionError(f'in round {number + 1}: {e}') from e
            number += 1
        print(f'test-crash: {number} rounds, {self.kills} processes killed, '
              f'{self.commands()} commands answered', flush=True)
        self.at_rest()

    def commands(self):
        """How many have been answered."""
        return sum(client.commands for client in self.everybody)

    # Killing

    def work_and_kill(self):
        writers = [crash.Writer(client) for client in self.everybody]
        for writer in writers:
            writer.start()
        time.sleep(self.rng.choice((0.05, 0.2, 0.6)) * self.rng.random())
        pids = sorted(mail_processes(self.master))
        count = self.rng.choice((1, 1, 2, len(pids)))
        self.kill(self.rng.sample(pids, min(count, len(pids))))
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join(HANG)
            self.assertFalse(writer.is_alive(), f'{writer.client.name} is '
                             f'stuck in {writer.client.doing}')
            if writer.problem:
                raise writer.problem
        for client in self.workers:
            if self.rng.random() < 0.3:
                client.lost()

    def kill(self, pids):
        for pid in pids:
            kill(self.master, pid)
        self.kills += len(pids)

    def kill_recovery(self):
        """Sessions that find what the dead ones left die as well."""
        for _ in range(self.rng.randint(1, 2)):
            session = self.fresh()
            for folder in self.workers[0].folders:
                session.send(f'SELECT {quote(folder.name)}')
            time.sleep(0.03 * self.rng.random())
            self.kill(mail_processes(self.master))
            session.close()

    def fresh(self):
        session = Imap(self.server.imap_port, name='verify')
        session.login(self.user)
        session.ok('ENABLE CONDSTORE')
        return session

    # Verifying

    def verify(self):
        session = self.fresh()
        names = [name for name, marks in session.list().items()
                 if not {'\\Noselect', '\\NonExistent'} & marks]
        boxes = {name: Box(session, name) for name in names}
        session.logout()
        self.history.add(boxes.values())
        mails = self.by_owner(boxes)
        expected = set(crash.SHARED)
        for client in self.everybody:
            expected |= self.judge(client, boxes, mails[client])
        self.assertEqual(set(boxes), expected)
        self.hand_out()

    def by_owner(self, boxes):
        """{client: {(name, UID): (token, flags)}}, octets compared."""
        mails = {client: {} for client in self.everybody}
        senders = {client.name: client for client in self.everybody}
        for name, box in boxes.items():
            for uid, (octets, flags) in box.mails.items():
                token = crash.token_of(octets) or ''
                sender = senders.get(token.partition('-')[0])
                self.assertTrue(sender and octets.endswith(
                    sender.sent.get(token, b'?')), f'{name} {uid}: {octets!r}')
                owner = self.owners.get(token, sender)
                mails[owner][name, uid] = (token, flags)
        return mails

    def judge(self, client, boxes, found):
        """Take over the outcome that was found; none is a failure.  Returns
        the names of the client's folders."""
        mine = {name for name in boxes if name.startswith(client.name + '/')}
        reasons = []
        for outcome in client.possible():
            folders = outcome.folders or client.folders
            reason = self.compare(outcome, folders, mine, found)
            if reason is None:
                break
            reasons.append(reason)
        else:
            if self.rebuilt():
                return self.adopt(client, mine, found)
            self.fail(f'{client.name}: {client.doing}: '
                      + '\nnor: '.join(reasons))
        self.take_over(client, folders, found)
        for folder, name in folders.items():
            self.assertIn(folder.validity, (None, boxes[name].validity),
                          f'UIDVALIDITY of {folder}')
            folder.validity = boxes[name].validity
        return mine

    @staticmethod
    def take_over(client, folders, found):
        by_name = {name: folder for folder, name in folders.items()}
        client.settle({(by_name[name], uid): mail
                       for (name, uid), mail in found.items()}, folders)

    def rebuilt(self):
        """Did a stock format say that it may have forgotten something?"""
        return not crash.STRICT and re.search(
            r'rebuilding index|deleted under us', self.server.read_log())

    def adopt(self, client, mine, found):
        """Go on with what is left."""
        folders = {f: n for f, n in client.folders.items()
                   if n in crash.SHARED}
        folders.update((crash.Folder(name), name) for name in mine)
        self.take_over(client, folders, found)
        return mine

    @staticmethod
    def compare(outcome, folders, mine, found):
        """None, or how what was found differs from this outcome."""
        wanted = {n for n in folders.values() if n not in crash.SHARED}
        if wanted != mine:
            return f'folders {sorted(wanted)}, found {sorted(mine)}'
        kept = {(folders[f], uid): mail
                for (f, uid), mail in outcome.kept.items() if f in folders}
        wrong = {key: (mail, found.get(key)) for key, mail in kept.items()
                 if found.get(key) != mail}
        if wrong:
            return f'wanted and found {wrong}'
        extra = sorted((key[0], mail[0], sorted(mail[1]))
                       for key, mail in found.items() if key not in kept)
        new = sorted((folders[f], token, sorted(flags))
                     for f, token, flags in outcome.new)
        return None if extra == new else f'new {new}, found {extra}'

    def hand_out(self):
        """What LMTP delivered belongs to some IMAP client from now on."""
        deliverer = self.everybody[-1]
        for key, mail in deliverer.state.items():
            worker = self.rng.choice(self.workers)
            worker.state[key] = mail
            self.owners[mail[0]] = worker
        deliverer.state = {}

    def at_rest(self):
        """At the end the store has no fault, and it alone is the truth."""
        for client in self.everybody:
            client.lost()
        self.verify()
        if not crash.STRICT:
            return
        store = Store(self.server, self.user)
        store.remove_index()
        self.verify()
        store.check()


if __name__ == '__main__':
    harness.main()
