#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""SORT and THREAD (RFC 5256), and results that are kept up to date."""

import datetime

import harness
from imap import expand
from mails import mail

COUNT = 40
MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()


def base_subject(subject):
    """The base subject of RFC 5256, as far as these messages need it."""
    subject = subject.lower()
    while True:
        for prefix in ('re: ', 'fwd: ', '[list] '):
            if subject.startswith(prefix):
                subject = subject[len(prefix):]
                break
        else:
            return subject.removesuffix(' (fwd)')


class Sort(harness.ServerCase):
    def setUp(self):
        super().setUp()
        rng = harness.seeded(self.id())
        self.client = client = self.login()
        self.rows = []
        for uid in range(1, COUNT + 1):
            arrival = datetime.datetime(2024, 1, 1) + datetime.timedelta(
                seconds=rng.randrange(10**7))
            sent = datetime.datetime(2024, 1, 1) + datetime.timedelta(
                seconds=rng.randrange(10**7))
            row = dict(
                uid=uid, ARRIVAL=arrival, DATE=sent,
                FROM=rng.choice(['ann', 'bob', 'carol', 'zoe']),
                TO=rng.choice(['dan', 'eve', 'frank']),
                CC=rng.choice(['', 'gil', 'hal']))
            base = rng.choice(['lunch', 'apples', 'meeting'])
            subject = (rng.choice(['', 'Re: ', 'RE: ', '[list] Re: '])
                       + rng.choice([base, base.upper()])
                       + rng.choice(['', ' (fwd)']))
            row['SUBJECT'] = base
            self.assertEqual(base_subject(subject), base)
            message = mail(
                subject=subject,
                From=f"Name <{row['FROM']}@example.org>",
                To=f"{row['TO']}@example.org",
                Cc=f"{row['CC']}@example.org" if row['CC'] else None,
                Date=f'{sent:%d %b %Y %H:%M:%S} +0000',
                body='x' * rng.randrange(2000) + '\r\n')
            row['SIZE'] = len(message)
            self.rows.append(row)
            client.append('INBOX', message, rng.choice(['', '\\Seen']),
                          f'{arrival.day:02}-{MONTHS[arrival.month - 1]}-'
                          f'{arrival:%Y %H:%M:%S} +0000')
        client.select()

    def sorted_by(self, *keys):
        """UIDs in the order of the keys; ties go by sequence."""
        return [r['uid'] for r in sorted(
            self.rows, key=lambda r: [r[key] for key in keys])]

    def test_one_key(self):
        """S61: each key, forwards and backwards."""
        for key in ('ARRIVAL', 'DATE', 'SIZE', 'SUBJECT', 'FROM', 'TO', 'CC'):
            with self.subTest(key=key):
                got = self.client.ok(f'UID SORT ({key}) UTF-8 ALL').search()
                self.assertEqual(got, self.sorted_by(key))
                got = self.client.ok(
                    f'UID SORT (REVERSE {key}) UTF-8 ALL').search()
                self.assertEqual([self.value(key, u) for u in got],
                                 sorted((r[key] for r in self.rows),
                                        reverse=True))

    def value(self, key, uid):
        return self.rows[uid - 1][key]

    def test_several_keys(self):
        """S61: keys after the first decide among equals; SEARCH keys choose
        the messages."""
        for keys in (('SUBJECT', 'DATE'), ('FROM', 'TO', 'SIZE'),
                     ('CC', 'ARRIVAL')):
            with self.subTest(keys=keys):
                got = self.client.ok(
                    f"UID SORT ({' '.join(keys)}) US-ASCII ALL").search()
                self.assertEqual(got, self.sorted_by(*keys))
        seen = set(self.client.search('SEEN', uid=True))
        got = self.client.ok('UID SORT (DATE) UTF-8 SEEN').search()
        self.assertEqual(got, [u for u in self.sorted_by('DATE')
                               if u in seen])

    def test_esort(self):
        """S61: SORT with RETURN tells the ends, the count and the order."""
        order = self.sorted_by('DATE')
        got = self.client.ok('UID SORT RETURN (MIN MAX COUNT ALL) (DATE) '
                             'UTF-8 ALL').esearch()
        self.assertEqual((int(got['MIN']), int(got['MAX']),
                          int(got['COUNT'])),
                         (order[0], order[-1], COUNT))
        found = []
        for piece in got['ALL'].split(','):
            a, _, b = piece.partition(':')
            found += (expand(piece) if not b or int(a) <= int(b)
                      else expand(piece)[::-1])
        self.assertEqual(found, order)

    def test_after_changes(self):
        """S61: a sort follows new mail and expunges."""
        client = self.client
        other = self.login()
        uid = other.append('INBOX', mail(Date='01 Jan 2000 00:00:00 +0000'))
        client.ok('NOOP')
        got = client.ok('UID SORT (DATE) UTF-8 ALL').search()
        self.assertEqual(got, [uid] + self.sorted_by('DATE'))
        other.select()
        other.ok(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)')
        other.ok(f'UID EXPUNGE {uid}')
        client.ok('NOOP')
        got = client.ok('UID SORT (DATE) UTF-8 ALL').search()
        self.assertEqual(got, self.sorted_by('DATE'))


def flatten(thread):
    """A thread as (root, [children]) in canonical form."""
    head = []
    for i, item in enumerate(thread):
        if isinstance(item, list):
            return (tuple(head), tuple(sorted(flatten(t)
                                              for t in thread[i:])))
        head.append(int(item))
    return tuple(head), ()


class Thread(harness.ServerCase):
    def setUp(self):
        super().setUp()
        self.client = self.login()

    def add(self, name, parent=None, subject='topic'):
        fields = {'message_id': f'<{name}@example.org>'}
        if parent:
            fields['references'] = f'<{parent}@example.org>'
            subject = 'Re: ' + subject
        return self.client.append('INBOX', mail(subject=subject, **fields))

    def threads(self, algorithm, keys='ALL'):
        reply = self.client.ok(f'UID THREAD {algorithm} UTF-8 {keys}')
        return {flatten(t) for t in reply.named('THREAD')[0].data}

    def test_references(self):
        """S61: replies are put below what they refer to, in whatever order
        they came."""
        self.add('reply2', 'reply1')
        self.add('root', subject='topic')
        self.add('reply1', 'root')
        self.add('other', subject='something else')
        self.add('reply3', 'root')
        self.client.select()
        for algorithm in ('REFERENCES', 'REFS'):
            with self.subTest(algorithm=algorithm):
                self.assertEqual(
                    self.threads(algorithm),
                    {((2,), (((3, 1), ()), ((5,), ()))), ((4,), ())})

    def test_missing_parent(self):
        """S61: replies to a message that is not there stand together."""
        self.add('a', 'gone')
        self.add('b', 'gone')
        self.client.select()
        self.assertEqual(self.threads('REFERENCES'),
                         {((), (((1,), ()), ((2,), ())))})

    def test_ordered_subject(self):
        """S61: ORDEREDSUBJECT goes by base subject."""
        self.add('a', subject='one')
        self.add('b', subject='two')
        self.add('c', 'x', subject='one')
        self.client.select()
        self.assertEqual(self.threads('ORDEREDSUBJECT'),
                         {((1, 3), ()), ((2,), ())})

    def test_after_expunge(self):
        """S61 S81: a thread whose root is expunged stays together."""
        self.add('root')
        self.add('a', 'root')
        self.add('b', 'root')
        self.client.select()
        self.assertEqual(self.threads('REFS'),
                         {((1,), (((2,), ()), ((3,), ())))})
        self.client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        self.client.ok('EXPUNGE')
        found = self.threads('REFERENCES')
        self.assertEqual(found, {((), (((2,), ()), ((3,), ())))})


class Context(harness.ServerCase):
    def test_updates(self):
        """S61 S11: with RETURN (UPDATE) a session is told what enters and
        leaves the result (RFC 5267)."""
        client, other = self.login(), self.login()
        for n in range(3):
            client.append('INBOX', mail(subject=str(n)))
        client.select()
        other.select()
        reply = client.ok('UID SEARCH RETURN (UPDATE ALL) UNSEEN')
        self.assertEqual(expand(reply.esearch()['ALL']), [1, 2, 3])
        tag = reply.tag
        other.ok('STORE 2 +FLAGS.SILENT (\\Seen)')
        other.append('INBOX', mail())
        reply = client.ok('NOOP')
        told = ' '.join(repr(r) for r in reply.named('ESEARCH'))
        self.assertIn('REMOVEFROM (0 2)', told)
        self.assertIn('ADDTO (0 4)', told)
        client.ok(f'CANCELUPDATE "{tag}"')
        other.ok('STORE 3 +FLAGS.SILENT (\\Seen)')
        self.assertEqual(client.ok('NOOP').named('ESEARCH'), [])

    def test_partial(self):
        """S61: PARTIAL gives a window of the result."""
        client = self.login()
        for n in range(10):
            client.append('INBOX', mail(subject=str(n)))
        client.select()
        got = client.ok('UID SEARCH RETURN (PARTIAL 3:5) ALL').esearch()
        self.assertEqual(got['PARTIAL'], ['3:5', '3:5'])


if __name__ == '__main__':
    harness.main()
