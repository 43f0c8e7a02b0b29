#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""SEARCH: every key against a full scan in Python."""

import base64
import datetime
import quopri

import harness
from imap import Literal, expand, seqset

COUNT = 60
EXPUNGED = (5, 17, 18, 42)      # UIDs that are gone, so numbers differ
MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split()
NAMES = ['Ann', 'Bob', 'Carol', 'Дмитрий', 'Émile', 'Frank']
KEYWORDS = ['kw1', '$Forwarded', 'NonJunk']
WORDS = ['alpha', 'Beta', 'gamma', 'Grüße', 'привет', 'needle', 'x']


def imap_date(day):
    return f'{day.day}-{MONTHS[day.month - 1]}-{day.year}'


class Message:
    """A message made at random, and all that SEARCH may ask of it."""

    def __init__(self, uid, rng):
        self.uid = uid
        self.flags = {f for f in ('\\Seen', '\\Answered', '\\Flagged',
                                  '\\Deleted', '\\Draft')
                      if rng.random() < 0.3}
        self.keywords = {k for k in KEYWORDS if rng.random() < 0.3}
        self.recent = False
        self.arrival = self._moment(rng)
        self.zone = rng.choice([-12, -5, 0, 3, 14])
        self.sent = None if rng.random() < 0.1 else self._moment(rng).date()
        self.headers = {'From': self._address(rng), 'To': self._address(rng),
                        'Subject': ' '.join(rng.choices(WORDS, k=3))
                        + f' no{uid}.'}
        for name in ('Cc', 'Bcc'):
            if rng.random() < 0.4:
                self.headers[name] = self._address(rng)
        if rng.random() < 0.3:
            self.headers['X-Foo'] = rng.choice(['', 'bar', 'value'])
        self.text = '\r\n'.join(' '.join(rng.choices(WORDS, k=6))
                                for _ in range(rng.randint(1, 30))) + '\r\n'
        self.wire = self._wire(rng.choice(['8bit', 'base64', 'qp',
                                           'multipart']))

    @staticmethod
    def _moment(rng):
        start = datetime.datetime(2024, 2, 27)
        return start + datetime.timedelta(
            seconds=rng.randrange(6 * 24 * 3600))

    @staticmethod
    def _address(rng):
        name = rng.choice(NAMES)
        local = f'{rng.choice(["one", "two", "three"])}'
        return f'{name} <{local}@example.{rng.choice(["org", "net"])}>'

    @staticmethod
    def _encoded(value):
        """A header value with encoded words where it is not ASCII."""
        return ' '.join(
            w if w.isascii() else
            '=?UTF-8?B?' + base64.b64encode(w.encode()).decode() + '?='
            for w in value.split(' '))

    def _wire(self, encoding):
        head = ''.join(f'{k}: {self._encoded(v)}\r\n'
                       for k, v in self.headers.items())
        if self.sent:
            head += (f'Date: {self.sent:%a, %d %b %Y} 23:59:59 '
                     '-0800\r\n')
        head += 'MIME-Version: 1.0\r\n'
        plain = 'Content-Type: text/plain; charset=utf-8\r\n'
        data = self.text.encode()
        if encoding == 'base64':
            part = (plain + 'Content-Transfer-Encoding: base64\r\n\r\n'
                    ).encode() + base64.encodebytes(data).replace(b'\n',
                                                                  b'\r\n')
        elif encoding == 'qp':
            part = (plain + 'Content-Transfer-Encoding: quoted-printable'
                    '\r\n\r\n').encode() + quopri.encodestring(
                        data.replace(b'\r\n', b'\n')).replace(b'\n', b'\r\n')
        else:
            part = (plain + 'Content-Transfer-Encoding: 8bit\r\n\r\n'
                    ).encode() + data
        if encoding == 'multipart':
            part = (b'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b'
                    b'\r\n' + part + b'\r\n--b--\r\n')
        return head.encode() + part

    def has(self, field, text):
        value = self.headers.get(field)
        return value is not None and text.lower() in value.lower()

    def body_has(self, text):
        return text.lower() in self.text.lower()

    def anywhere(self, text):
        return self.body_has(text) or any(
            self.has(f, text) for f in self.headers)


class Search(harness.ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = cls.rng = harness.seeded('test-search')
        cls.messages = [Message(uid, rng) for uid in range(1, COUNT + 1)]

    def setUp(self):
        super().setUp()
        self.client = client = self.login()
        half = COUNT // 2
        for message in self.messages:
            if message.uid == half + 1:
                client.select()     # takes \Recent of the first half
                client.ok('UNSELECT')
            client.append(
                'INBOX', message.wire,
                ' '.join(sorted(message.flags | message.keywords)),
                self.date_time(message))
            message.recent = message.uid > half
        client.select()
        client.ok(f'UID STORE {seqset(EXPUNGED)} +FLAGS.SILENT (\\Deleted)')
        client.ok(f'UID EXPUNGE {seqset(EXPUNGED)}')
        self.left = [m for m in self.messages if m.uid not in EXPUNGED]

    @staticmethod
    def date_time(message):
        local = message.arrival + datetime.timedelta(hours=message.zone)
        sign = '-' if message.zone < 0 else '+'
        return (f'{local.day:02}-{MONTHS[local.month - 1]}-'
                f'{local:%Y %H:%M:%S} {sign}{abs(message.zone):02}00')

    def check(self, key, predicate):
        """SEARCH and UID SEARCH with the key find what the scan finds."""
        parts = key if isinstance(key, tuple) else (key,)
        wanted = [(n, m.uid) for n, m in enumerate(self.left, 1)
                  if predicate(m)]
        for command, which in (('SEARCH ', 0), ('UID SEARCH ', 1)):
            reply = self.client.ok(command, *parts)
            self.assertEqual(reply.search(), [w[which] for w in wanted],
                             f'{command}{key}')
        return len(wanted)

    def check_table(self, table):
        """No key of a table may find nothing only because the data is poor:
        the table as a whole must find something."""
        found = 0
        for key, predicate in table:
            with self.subTest(key=str(key)):
                found += self.check(key, predicate)
        self.assertGreater(found, 0)

    def test_sets(self):
        """S90 S91 S117 S87: sequence sets, ALL, UID sets."""
        number = {m.uid: n for n, m in enumerate(self.left, 1)}
        last = len(self.left)
        self.check_table((
            ('ALL', lambda m: True),
            ('2:4,7:*', lambda m: 2 <= number[m.uid] <= 4
             or number[m.uid] >= 7),
            ('*', lambda m: number[m.uid] == last),
            ('1', lambda m: number[m.uid] == 1),
            (f'{last}:3', lambda m: number[m.uid] >= 3),
            ('UID 5:9', lambda m: 5 <= m.uid <= 9),
            ('UID 5', lambda m: False),
            ('UID *', lambda m: m.uid == COUNT),
            ('UID 58:1000', lambda m: m.uid >= 58),
            ('UID 1,3,17', lambda m: m.uid in (1, 3)),
            ('NOT 3:8', lambda m: not 3 <= number[m.uid] <= 8)))

    def test_flags(self):
        """S92 S97 S98 S99 S110 S118 S119 S120 S121 S123: system flags."""
        table = []
        for key, flag in (('ANSWERED', '\\Answered'), ('DELETED', '\\Deleted'),
                          ('DRAFT', '\\Draft'), ('FLAGGED', '\\Flagged'),
                          ('SEEN', '\\Seen')):
            table.append((key, lambda m, f=flag: f in m.flags))
            table.append(('UN' + key, lambda m, f=flag: f not in m.flags))
        self.check_table(table)

    def test_recent(self):
        """S104 S106 S109: NEW, OLD and RECENT."""
        self.check_table((
            ('RECENT', lambda m: m.recent),
            ('OLD', lambda m: not m.recent),
            ('NEW', lambda m: m.recent and '\\Seen' not in m.flags)))

    def test_keywords(self):
        """S102 S122 S72: KEYWORD and UNKEYWORD, also of one that nobody
        has."""
        table = [('KEYWORD nosuch', lambda m: False),
                 ('UNKEYWORD nosuch', lambda m: True)]
        for word in KEYWORDS:
            for spelt in (word, word.upper()):
                table.append((f'KEYWORD {spelt}',
                              lambda m, w=word: w in m.keywords))
                table.append((f'UNKEYWORD {spelt}',
                              lambda m, w=word: w not in m.keywords))
        self.check_table(table)

    def test_internal_dates(self):
        """S94 S107 S114 S56: BEFORE, ON and SINCE go by the day of
        INTERNALDATE; time and zone do not matter (the server runs in UTC)."""
        table = []
        for offset in range(-1, 8):
            day = datetime.date(2024, 2, 27) + datetime.timedelta(offset)
            table += [
                (f'BEFORE {imap_date(day)}',
                 lambda m, d=day: m.arrival.date() < d),
                (f'ON {imap_date(day)}',
                 lambda m, d=day: m.arrival.date() == d),
                (f'SINCE "{imap_date(day)}"',
                 lambda m, d=day: m.arrival.date() >= d)]
        self.check_table(table)

    def test_sent_dates(self):
        """S111 S112 S113: SENTBEFORE, SENTON and SENTSINCE go by the day of
        the Date field as it stands there; Dovecot takes a message without one
        as older than all."""
        table = []
        for offset in range(-1, 8):
            day = datetime.date(2024, 2, 27) + datetime.timedelta(offset)
            table += [
                (f'SENTBEFORE {imap_date(day)}',
                 lambda m, d=day: m.sent is None or m.sent < d),
                (f'SENTON {imap_date(day)}',
                 lambda m, d=day: m.sent == d),
                (f'SENTSINCE {imap_date(day)}',
                 lambda m, d=day: m.sent is not None and m.sent >= d)]
        self.check_table(table)

    def test_sizes(self):
        """S103 S115: LARGER and SMALLER are strict."""
        sizes = sorted(len(m.wire) for m in self.left)
        table = []
        for size in (0, sizes[0], sizes[0] + 1, sizes[len(sizes) // 2],
                     sizes[-1] - 1, sizes[-1], 10**9):
            table += [
                (f'LARGER {size}', lambda m, s=size: len(m.wire) > s),
                (f'SMALLER {size}', lambda m, s=size: len(m.wire) < s)]
        self.check_table(table)

    def test_addresses(self):
        """S93 S96 S100 S124: FROM, TO, CC, BCC, decoded, in any case."""
        table = []
        for field in ('From', 'To', 'Cc', 'Bcc'):
            for text in ('ann', 'BOB', 'one@example', 'example.net', 'nobody',
                         'Дмитрий', 'дмитрий', 'Émile'):
                key = ('CHARSET UTF-8 ' + field.upper() + ' ',
                       Literal(text, plus=True))
                table.append((key, lambda m, f=field, t=text: m.has(f, t)))
        self.check_table(table)

    def test_subject(self):
        """S124 S125: SUBJECT, decoded, with a charset or without."""
        table = [(f'SUBJECT {w}', lambda m, w=w: m.has('Subject', w))
                 for w in ('alpha', 'beta', 'NEEDLE', '"alpha alpha"', 'no7.')
                 if w.isascii() and '"' not in w]
        for text in ('Grüße', 'ПРИВЕТ', 'üß'):
            table.append((('CHARSET UTF-8 SUBJECT ',
                           Literal(text, plus=True)),
                          lambda m, t=text: m.has('Subject', t)))
        table.append((('CHARSET KOI8-R SUBJECT ',
                       Literal('привет'.encode('koi8-r'), plus=True)),
                      lambda m: m.has('Subject', 'привет')))
        self.check_table(table)

    def test_charset(self):
        """S125: US-ASCII and UTF-8 are known; an unknown charset is NO
        [BADCHARSET]."""
        self.check('CHARSET US-ASCII SUBJECT alpha',
                   lambda m: m.has('Subject', 'alpha'))
        reply = self.client.no('SEARCH CHARSET X-NOSUCH SUBJECT alpha')
        self.assertEqual(reply.code_name(), 'BADCHARSET')

    def test_header(self):
        """S101: HEADER finds text in a field, with an empty string the field
        itself."""
        self.check_table((
            ('HEADER X-Foo ""', lambda m: 'X-Foo' in m.headers),
            ('HEADER X-Foo bar', lambda m: m.has('X-Foo', 'bar')),
            ('HEADER x-foo VALUE', lambda m: m.has('X-Foo', 'value')),
            ('HEADER X-Nosuch ""', lambda m: False),
            ('HEADER Subject no1', lambda m: m.has('Subject', 'no1')),
            ('HEADER MIME-Version 1.0', lambda m: True)))

    def test_body_and_text(self):
        """S95 S116: BODY and TEXT find substrings in decoded parts, whatever
        their encoding; TEXT looks into the header too."""
        table = []
        for text in ('needle', 'NEEDLE', 'eedl', 'Grüße', 'привет', 'nowhere',
                     'alpha beta', 'one@example', 'no12.'):
            literal = Literal(text, plus=True)
            table.append((('CHARSET UTF-8 BODY ', literal),
                          lambda m, t=text: m.body_has(t)))
            table.append((('CHARSET UTF-8 TEXT ', literal),
                          lambda m, t=text: m.anywhere(t)))
        self.check_table(table)

    def test_undeleted_with_body(self):
        """S119 S95 S85: several keys are joined by AND, as Thunderbird sends
        them."""
        self.check_table((
            ('UNDELETED BODY needle', lambda m: '\\Deleted' not in m.flags
             and m.body_has('needle')),
            ('UNSEEN FLAGGED SINCE 28-Feb-2024',
             lambda m: '\\Seen' not in m.flags and '\\Flagged' in m.flags
             and m.arrival.date() >= datetime.date(2024, 2, 28))))

    def test_not_and_or(self):
        """S105 S108: NOT and OR, nested, with parentheses.  No key is used
        twice in one expression and OR has no negated ones: Dovecot 2.3.19
        simplifies `NOT SINCE a NOT SINCE b`, `OR UNSEEN UNFLAGGED` and their
        like wrongly, whatever the format."""
        self.check_table((
            ('NOT SEEN', lambda m: '\\Seen' not in m.flags),
            ('NOT NOT SEEN', lambda m: '\\Seen' in m.flags),
            ('OR SEEN FLAGGED', lambda m: m.flags & {'\\Seen', '\\Flagged'}),
            ('OR (SEEN FLAGGED) (DRAFT)',
             lambda m: {'\\Seen', '\\Flagged'} <= m.flags
             or '\\Draft' in m.flags),
            ('(SEEN) (FLAGGED)',
             lambda m: {'\\Seen', '\\Flagged'} <= m.flags),
            ('NOT UID 1:30', lambda m: m.uid > 30)))

    def random_keys(self, count):
        """That many (key, predicate) of different kinds."""
        rng = self.rng
        day = datetime.date(2024, 2, 27) + datetime.timedelta(rng.randint(0, 6))
        size = len(rng.choice(self.messages).wire)
        uid = rng.randint(1, COUNT)
        return rng.sample((
            ('SEEN', lambda m: '\\Seen' in m.flags),
            ('RECENT', lambda m: m.recent),
            ('KEYWORD kw1', lambda m: 'kw1' in m.keywords),
            (f'SINCE {imap_date(day)}', lambda m: m.arrival.date() >= day),
            (f'SENTON {imap_date(day)}', lambda m: m.sent == day),
            (f'LARGER {size}', lambda m: len(m.wire) > size),
            (f'UID {uid}:*', lambda m: m.uid >= uid or m.uid == COUNT),
            ('FROM ann', lambda m: m.has('From', 'ann')),
            ('HEADER X-Foo bar', lambda m: m.has('X-Foo', 'bar')),
            ('BODY needle', lambda m: m.body_has('needle')),
            ('TEXT gamma', lambda m: m.anywhere('gamma'))), count)

    def random_conjunction(self):
        keys, tests = [], []
        for key, test in self.random_keys(self.rng.randint(1, 4)):
            if self.rng.random() < 0.3:
                key, test = f'NOT {key}', lambda m, t=test: not t(m)
            keys.append(key)
            tests.append(test)
        return ' '.join(keys), lambda m: all(t(m) for t in tests)

    def random_disjunction(self):
        (a, fa), (b, fb), (c, fc) = self.random_keys(3)
        return (f'OR {a} ({b} {c})', lambda m: fa(m) or (fb(m) and fc(m)))

    def test_random_expressions(self):
        """S85 S105 S108: 200 expressions at random find what the scan
        finds."""
        for _ in range(100):
            self.check(*self.random_conjunction())
            self.check(*self.random_disjunction())

    def test_after_changes(self):
        """S61 S85: SEARCH follows flag changes, new mail and expunges at
        once, in this session and another."""
        other = self.login()
        other.select()
        self.client.ok('UID STORE 1:10 FLAGS.SILENT (\\Seen later)')
        for client in (self.client, other):
            client.ok('NOOP')
            self.assertEqual(client.search('KEYWORD later', uid=True),
                             [u for u in range(1, 11) if u not in EXPUNGED])
        uid = other.append('INBOX', b'Subject: brandnew\r\n\r\nfresh\r\n')
        for client in (self.client, other):
            client.ok('NOOP')
            self.assertEqual(client.search('BODY fresh', uid=True), [uid])
            self.assertEqual(client.search('SUBJECT brandnew', uid=True),
                             [uid])
        other.ok(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)')
        other.ok(f'UID EXPUNGE {uid}')
        self.client.ok('NOOP')
        self.assertEqual(self.client.search('BODY fresh'), [])

    def test_esearch(self):
        """S85: RETURN (MIN MAX COUNT ALL) tells the same set (RFC 4731)."""
        for key in ('ALL', 'SEEN', 'KEYWORD nosuch', 'BODY needle'):
            plain = self.client.search(key, uid=True)
            got = self.client.ok(f'UID SEARCH RETURN (MIN MAX COUNT ALL) '
                                 f'{key}').esearch()
            self.assertEqual(int(got['COUNT']), len(plain))
            self.assertTrue(got['UID'])
            if plain:
                self.assertEqual(expand(got['ALL']), plain)
                self.assertEqual((int(got['MIN']), int(got['MAX'])),
                                 (plain[0], plain[-1]))
            else:
                self.assertNotIn('ALL', got)
                self.assertNotIn('MIN', got)

    def test_saved_result(self):
        """S85: a saved result is used as $ (RFC 5182) and loses what is
        expunged."""
        client = self.client
        client.ok('UID SEARCH RETURN (SAVE) UID 20:24')
        got = client.fetch('$', 'UID')
        self.assertEqual([d['UID'] for d in got.values()],
                         [20, 21, 22, 23, 24])
        client.ok('UID STORE 21 +FLAGS.SILENT (\\Deleted)')
        client.ok('UID EXPUNGE 21')
        self.assertEqual(client.search('$', uid=True), [20, 22, 23, 24])
        client.ok('CREATE x')
        reply = client.ok('UID COPY $ x')
        self.assertEqual(expand(reply.code[2]), [20, 22, 23, 24])

    def test_bad_keys(self):
        """S9 S85: what is no key is BAD."""
        for key in ('', 'FOO', 'SUBJECT', 'SINCE yesterday', 'LARGER x',
                    'OR SEEN', 'NOT', '(SEEN', 'HEADER x', 'UID', '()'):
            with self.subTest(key=key):
                self.client.bad(f'SEARCH {key}'.strip())


if __name__ == '__main__':
    harness.main()
