#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Real mail in and out, octet for octet: by APPEND, LMTP, doveadm and dsync
in, by IMAP, POP3 and dsync out.

    SQBOX_CORPUS   directories of .eml files, separated by colons, used beside
                   the samples in tests/data
"""

import os

import harness
from imap import Literal, seqset

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..',
                       'data')
BATCH = 50


def eml_files(top):
    found = []
    for directory, _, names in os.walk(top):
        found += [os.path.join(directory, n) for n in names
                  if n.endswith('.eml')]
    return sorted(found)


def on_the_wire(octets):
    """Every line ends with CRLF, as IMAP shows it."""
    return octets.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')


class Corpus(harness.ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        paths = eml_files(SAMPLES)
        for top in os.environ.get('SQBOX_CORPUS', '').split(':'):
            if top:
                more = eml_files(top)
                assert more, f'SQBOX_CORPUS: no .eml files below {top}'
                paths += more
        cls.files = []
        for path in paths:
            with open(path, 'rb') as f:
                octets = f.read()
            if octets:
                cls.files.append((path, octets))
        assert len(cls.files) >= 30, 'the samples are missing'
        cls.wire = [on_the_wire(octets) for _, octets in cls.files]

    def assert_octets(self, n, got, wanted):
        if got != wanted:
            at = next((i for i, (a, b) in enumerate(zip(got, wanted))
                       if a != b), min(len(got), len(wanted)))
            self.fail(f'{self.files[n][0]}: differs at octet {at}: '
                      f'{got[at - 20:at + 20]!r}, should be '
                      f'{wanted[at - 20:at + 20]!r}')

    def append_all(self, client, mailbox='INBOX'):
        """MULTIAPPEND in batches; files go as they are, LF or CRLF."""
        for first in range(0, len(self.files), BATCH):
            parts = [f'APPEND {mailbox}']
            for _, octets in self.files[first:first + BATCH]:
                parts += [' ', Literal(octets, plus=True)]
            client.ok(*parts)

    def bodies(self, client, mailbox='INBOX', items='BODY.PEEK[]'):
        """[items] of all messages of a mailbox in order."""
        count = client.select(mailbox).last('EXISTS')
        rows = []
        for first in range(1, count + 1, BATCH):
            which = seqset(range(first, min(first + BATCH, count + 1)))
            got = client.fetch(which, items)
            rows += [got[n] for n in sorted(got)]
        return rows

    def check_all(self, client, mailbox='INBOX'):
        rows = self.bodies(client, mailbox, 'RFC822.SIZE BODY.PEEK[]')
        self.assertEqual(len(rows), len(self.files))
        for n, row in enumerate(rows):
            self.assert_octets(n, row['BODY[]'], self.wire[n])
            self.assertEqual(row['RFC822.SIZE'], len(self.wire[n]))

    def test_append(self):
        """S77 S82 S57: in by APPEND, out by FETCH, whole and in parts, also
        from a copy and after a move."""
        client = self.login()
        client.ok('CREATE x')
        self.append_all(client)
        self.check_all(client)
        rows = self.bodies(client, items='BODY.PEEK[HEADER] BODY.PEEK[TEXT]')
        for n, row in enumerate(rows):
            self.assert_octets(n, row['BODY[HEADER]'] + row['BODY[TEXT]'],
                               self.wire[n])
        client.ok('COPY 1:* x')
        self.check_all(client, 'x')
        client.select()
        client.ok('CREATE y')
        client.ok('MOVE 1:* y')
        self.check_all(client, 'y')

    def test_append_and_pop3(self):
        """S3 S77: in by APPEND, out by POP3; the sizes are those of LIST."""
        client = self.login()
        self.append_all(client)
        pop = self.pop3()
        self.assertEqual(pop.table('LIST'), {
            n: str(len(w)) for n, w in enumerate(self.wire, 1)})
        for n, wire in enumerate(self.wire):
            if not wire.endswith(b'\r\n'):
                wire += b'\r\n'     # the dot needs a line of its own
            self.assert_octets(n, pop.many(f'RETR {n + 1}'), wire)
        pop.quit()

    def test_lmtp(self):
        """S3 S77: in by LMTP: the octets stand after the trace lines."""
        client = self.login()
        lmtp = self.lmtp()
        for wire in self.wire:
            lmtp.deliver(self.user, wire)
        rows = self.bodies(client)
        self.assertEqual(len(rows), len(self.wire))
        for n, (row, wire) in enumerate(zip(rows, self.wire)):
            if not wire.endswith(b'\r\n'):
                wire += b'\r\n'
            got = row['BODY[]']
            self.assertIn(b'with LMTP', got[:len(got) - len(wire)])
            self.assert_octets(n, got[len(got) - len(wire):], wire)

    def test_doveadm_save(self):
        """S77: in by `doveadm save` from standard input (the samples)."""
        client = self.login()
        samples = len(eml_files(SAMPLES))
        for _, octets in self.files[:samples]:
            self.doveadm('save', stdin=octets)
        rows = self.bodies(client)
        for n, (row, wire) in enumerate(zip(rows, self.wire)):
            self.assert_octets(n, row['BODY[]'], wire)
        self.assertEqual(len(rows), samples)

    def maildir(self):
        """The corpus as a Maildir in this test's home."""
        home = self.server.home(self.user)
        top = os.path.join(home, 'Maildir')
        for sub in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(top, sub))
        for n, (_, octets) in enumerate(self.files):
            name = f'{1700000000 + n}.M{n}P1.host:2,S'
            with open(os.path.join(top, 'cur', name), 'wb') as f:
                f.write(octets)
        self.server.own(home)
        return top

    def test_dsync(self):
        """S77 S128: in from a Maildir by dsync, out into another one: the
        files have the octets they had, but for the ends of their lines."""
        self.maildir()
        self.doveadm('backup', '-R', 'maildir:~/Maildir')
        client = self.login()
        self.check_all(client)
        client.logout()
        self.doveadm('backup', 'maildir:~/Out')
        top = os.path.join(self.server.home(self.user), 'Out')
        names = []
        for sub in ('cur', 'new'):
            names += [os.path.join(top, sub, n)
                      for n in os.listdir(os.path.join(top, sub))]
        got = []
        for path in names:
            with open(path, 'rb') as f:
                got.append(on_the_wire(f.read()))
        self.assertEqual(sorted(got), sorted(self.wire))

    def test_import(self):
        """S77: in by `doveadm import` from a Maildir."""
        self.maildir()
        self.doveadm('import', '-s', 'maildir:~/Maildir', '', 'all')
        self.check_all(self.login())

    def test_same_as_sdbox(self):
        """S57 S65 S85: envelope, structure, size and preview of every message
        are what sdbox says, and so are the answers of searches and sorts."""
        stock = self.start_server(fmt='sdbox')
        ours, theirs = self.login(), self.login(server=stock)
        for client in (ours, theirs):
            self.append_all(client)
        items = 'ENVELOPE BODYSTRUCTURE RFC822.SIZE PREVIEW BODY.PEEK[1]<0.90>'
        a, b = (self.bodies(c, items=items) for c in (ours, theirs))
        for n, (x, y) in enumerate(zip(a, b)):
            self.assertEqual(x, y, self.files[n][0])
        for command in ('SEARCH FROM ada', 'SEARCH BODY tea',
                        'SEARCH TEXT kettle', 'SEARCH SENTSINCE 1-Jan-2000',
                        'SEARCH HEADER Received ""', 'SEARCH LARGER 2000',
                        'SEARCH CHARSET UTF-8 SUBJECT caf',
                        'SORT (SUBJECT DATE) UTF-8 ALL',
                        'SORT (REVERSE SIZE FROM) UTF-8 ALL'):
            x, y = (c.ok(command).search() for c in (ours, theirs))
            self.assertEqual(x, y, command)
        for command in ('THREAD REFERENCES UTF-8 ALL',
                        'THREAD REFS UTF-8 ALL'):
            x, y = (c.ok(command).named('THREAD')[0].data
                    for c in (ours, theirs))
            self.assertEqual(x, y, command)


if __name__ == '__main__':
    harness.main()
