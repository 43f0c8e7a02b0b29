#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""FETCH: macros, sections, sizes, dates, and when \\Seen is set."""

import harness
import mime
from imap import Atom, Literal
from mails import incompressible, mail

SEEN = '\\Seen'


class Known(harness.ServerCase):
    """All parts of one known message."""

    def setUp(self):
        super().setUp()
        self.client = self.login()
        self.client.append('INBOX', mime.MESSAGE,
                           date='01-Mar-2024 12:00:00 +0000')
        self.client.select()

    def test_sections(self):
        """S82 S57 S58: each section of the message is cut exactly."""
        for section, wanted in mime.SECTIONS.items():
            with self.subTest(section=section):
                got = self.client.fetch('1', f'BODY.PEEK[{section}]')[1]
                self.assertEqual(list(got.values()), [wanted])

    def test_sections_after_new_login(self):
        """S82: and also when nothing of it is in memory, in one command."""
        items = ' '.join(f'BODY.PEEK[{s}]' for s in mime.SECTIONS)
        client = self.login()
        client.ok('EXAMINE INBOX')
        got = client.fetch('1', items)[1]
        self.assertEqual(list(got.values()), list(mime.SECTIONS.values()))

    def test_partial(self):
        """S82: <start.length> cuts octets; past the end there are none."""
        for section, data in (('', mime.MESSAGE), ('TEXT', mime.BODY),
                              ('3.1', mime.INNER_PLAIN)):
            for start, length in ((0, 10), (5, 1), (3, 100000),
                                  (len(data) - 1, 5), (len(data), 5),
                                  (len(data) + 1000, 10)):
                with self.subTest(section=section, start=start):
                    got = self.client.fetch(
                        '1', f'BODY.PEEK[{section}]<{start}.{length}>')[1]
                    self.assertEqual(got, {f'BODY[{section}]<{start}>':
                                           data[start:start + length]})

    def test_whole_by_pieces(self):
        """S82: a message read in pieces of seven octets is the message."""
        got = b''.join(
            self.client.fetch('1', f'BODY.PEEK[]<{n}.7>')[1][f'BODY[]<{n}>']
            for n in range(0, len(mime.MESSAGE), 7))
        self.assertEqual(got, mime.MESSAGE)

    def test_rfc822(self):
        """S82: the old names RFC822, RFC822.HEADER, RFC822.TEXT."""
        got = self.client.fetch('1', 'RFC822.HEADER')[1]
        self.assertEqual(got['RFC822.HEADER'], mime.HEADER)
        self.assertNotIn(SEEN, self.client.fetch('1', 'FLAGS')[1]['FLAGS'])
        got = self.client.fetch('1', 'RFC822 RFC822.TEXT RFC822.SIZE')[1]
        self.assertEqual(got['RFC822'], mime.MESSAGE)
        self.assertEqual(got['RFC822.TEXT'], mime.BODY)
        self.assertEqual(got['RFC822.SIZE'], len(mime.MESSAGE))

    def test_sections_that_are_not_there(self):
        """S82: a part that the message does not have gives NIL or nothing,
        and OK."""
        for section in ('4', '3.3', '1.HEADER', '99.99'):
            with self.subTest(section=section):
                got = self.client.fetch('1', f'BODY.PEEK[{section}]')[1]
                self.assertIn(got[f'BODY[{section}]'], (None, b''))

    def test_bad_sections(self):
        """S9: what is no section is BAD."""
        for section in ('FOO', '1.', '.1', 'HEADER.FIELDS',
                        'HEADER.FIELDS ()', '1..2'):
            client = self.login()
            client.ok('EXAMINE INBOX')
            client.bad(f'FETCH 1 BODY.PEEK[{section}]')

    def test_envelope(self):
        """S57 S65: ENVELOPE has the header fields, addresses taken apart."""
        got = self.client.fetch('1', 'ENVELOPE')[1]['ENVELOPE']
        self.assertEqual(got, mime.ENVELOPE)

    def test_structure(self):
        """S57 S65: BODYSTRUCTURE describes all parts, with their octets and
        lines; BODY is the same without extension data."""
        got = self.client.fetch('1', 'BODYSTRUCTURE')[1]['BODYSTRUCTURE']
        self.assertEqual(got, mime.structure())
        got = self.client.fetch('1', 'BODY')[1]['BODY']
        self.assertEqual([p[:2] for p in got[:3]],
                         [[b'text', b'plain'],
                          [b'application', b'octet-stream'],
                          [b'message', b'rfc822']])
        self.assertEqual(got[3:], [b'mixed'])

    def test_macros(self):
        """S65: ALL, FAST and FULL stand for their items."""
        fast = {'FLAGS', 'INTERNALDATE', 'RFC822.SIZE'}
        for macro, names in (('FAST', fast), ('ALL', fast | {'ENVELOPE'}),
                             ('FULL', fast | {'ENVELOPE', 'BODY'})):
            got = self.client.ok(f'FETCH 1 {macro}').fetched()[1]
            self.assertEqual(set(got), names)
            self.assertEqual(got['RFC822.SIZE'], len(mime.MESSAGE))
            self.assertEqual(got['INTERNALDATE'],
                             b'01-Mar-2024 12:00:00 +0000')

    def test_binary(self):
        """S82: BINARY decodes base64 and quoted-printable."""
        got = self.client.fetch('1', 'BINARY.PEEK[1] BINARY.PEEK[2] '
                                'BINARY.SIZE[1] BINARY.SIZE[2]')[1]
        self.assertEqual(got['BINARY[1]'], mime.TEXT_DECODED)
        self.assertEqual(got['BINARY[2]'], mime.BASE64_DECODED)
        self.assertEqual(got['BINARY.SIZE[1]'], len(mime.TEXT_DECODED))
        self.assertEqual(got['BINARY.SIZE[2]'], 16)

    def test_preview_and_savedate(self):
        """S65 S56: PREVIEW shows the text, SAVEDATE is the time of saving,
        not INTERNALDATE."""
        got = self.client.fetch('1', 'PREVIEW SAVEDATE INTERNALDATE')[1]
        self.assertIn('Grüße'.encode(), got['PREVIEW'])
        self.assertRegex(got['SAVEDATE'], rb'^\d\d-\w{3}-20\d\d ')
        self.assertNotEqual(got['SAVEDATE'], got['INTERNALDATE'])

    def test_same_in_another_session(self):
        """S134 S57: envelope, structure, size and octets are the same for
        every session, with Dovecot's cache and without it."""
        items = ('ENVELOPE BODYSTRUCTURE RFC822.SIZE INTERNALDATE '
                 'BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)] BODY.PEEK[]')
        first = self.client.fetch('1', items)
        for _ in range(2):
            other = self.login()
            other.ok('EXAMINE INBOX')
            self.assertEqual(other.fetch('1', items), first)


class SeenFlag(harness.ServerCase):
    def seen(self, client):
        return SEEN in client.fetch('1', 'FLAGS')[1]['FLAGS']

    def fresh(self):
        client = self.login()
        client.append('INBOX', mail(subject='x'))
        client.select()
        client.ok('STORE 1 FLAGS.SILENT ()')
        return client

    def test_what_sets_it(self):
        """S66 S59: reading a body sets \\Seen and says so; looking at
        envelope, structure, sizes, or with PEEK, does not."""
        client = self.fresh()
        for item in ('ENVELOPE', 'BODYSTRUCTURE', 'BODY', 'RFC822.SIZE',
                     'RFC822.HEADER', 'BODY.PEEK[]', 'BODY.PEEK[TEXT]',
                     'BODY.PEEK[HEADER]', 'BINARY.PEEK[1]', 'BINARY.SIZE[1]',
                     'PREVIEW', 'INTERNALDATE', 'UID', 'MODSEQ', 'FLAGS'):
            with self.subTest(item=item):
                client.fetch('1', item)
                self.assertFalse(self.seen(client))
        for item in ('BODY[]', 'BODY[TEXT]', 'BODY[1]', 'BODY[]<0.1>',
                     'RFC822', 'RFC822.TEXT', 'BINARY[1]', 'BODY[HEADER]'):
            with self.subTest(item=item):
                got = client.fetch('1', item)[1]
                self.assertIn(SEEN, got['FLAGS'])
                self.assertTrue(self.seen(client))
                client.ok('STORE 1 -FLAGS.SILENT (\\Seen)')

    def test_not_after_examine(self):
        """S51: EXAMINE sets no \\Seen, for nobody."""
        self.fresh().logout()
        client, other = self.login(), self.login()
        client.ok('EXAMINE INBOX')
        got = client.fetch('1', 'BODY[]')[1]
        self.assertNotIn('FLAGS', got)
        self.assertFalse(self.seen(client))
        other.select()
        self.assertFalse(self.seen(other))

    def test_another_session_sees_it(self):
        """S66 S60: \\Seen by reading is seen by the other session."""
        client = self.fresh()
        other = self.login()
        other.select()
        client.fetch('1', 'BODY[]')
        self.assertIn(SEEN, other.ok('NOOP').fetched()[1]['FLAGS'])


class Sets(harness.ServerCase):
    def setUp(self):
        super().setUp()
        self.client = self.login()
        for n in range(1, 13):
            self.client.append('INBOX', mail(subject=f'message {n}'))
        self.client.select()
        self.client.ok('STORE 2,5,6 +FLAGS.SILENT (\\Deleted)')
        self.client.ok('EXPUNGE')
        self.uids = [1, 3, 4, 7, 8, 9, 10, 11, 12]

    def test_sequence_sets(self):
        """S90 S55: sequence sets in any order, with *, each message once."""
        for given, wanted in (
                ('1', [1]), ('2:4', [2, 3, 4]), ('4:2', [2, 3, 4]),
                ('*', [9]), ('1:*', list(range(1, 10))),
                ('*:8', [8, 9]), ('1,3,3,2:4', [1, 2, 3, 4]),
                ('9:*', [9]), ('7,*,1', [1, 7, 9])):
            with self.subTest(given=given):
                reply = self.client.ok(f'FETCH {given} (UID)')
                self.assertEqual(sorted(reply.numbers('FETCH')), wanted)
                for n, items in reply.fetched().items():
                    self.assertEqual(items['UID'], self.uids[n - 1])

    def test_uid_sets(self):
        """S87 S55: UIDs that are not there are passed over; * is the last
        one; the answer always has the UID."""
        for given, wanted in (
                ('1', [1]), ('2', []), ('2:4', [3, 4]), ('5:6', []),
                ('*', [12]), ('100:*', [12]), ('1:*', self.uids),
                ('12:1', self.uids), ('4294967295', []),
                ('1:4294967295', self.uids), ('7,2,3', [3, 7])):
            with self.subTest(given=given):
                reply = self.client.ok(f'UID FETCH {given} (FLAGS)')
                self.assertEqual(sorted(i['UID'] for i in
                                        reply.fetched().values()), wanted)

    def test_bad_sets(self):
        """S9: what is no set, or beyond the mailbox, is BAD."""
        for given in ('0', '10', '1:0', 'x', '1::2', '-1', '1.5',
                      '4294967296', '99999999999999999999'):
            client = self.login()
            client.ok('EXAMINE INBOX')
            client.bad(f'FETCH {given} (FLAGS)')
        self.client.bad('UID FETCH 0 (FLAGS)')

    def test_sequence_numbers_have_no_gaps(self):
        """S55: sequence numbers run from 1 without gaps, in the order of the
        UIDs."""
        got = self.client.fetch('1:*', 'UID')
        self.assertEqual([got[n]['UID'] for n in sorted(got)], self.uids)
        self.assertEqual(sorted(got), list(range(1, 10)))
        self.assertEqual(self.client.search('ALL', uid=True), self.uids)

    def test_listing_needs_no_bodies(self):
        """S58 S59: what a listing asks for is answered for all messages in one
        command."""
        got = self.client.fetch('1:*', 'UID FLAGS INTERNALDATE RFC822.SIZE '
                                'ENVELOPE')
        self.assertEqual([got[n]['ENVELOPE'][1] for n in sorted(got)],
                         [f'message {u}'.encode() for u in self.uids])
        self.assertTrue(all(isinstance(got[n]['UID'], int) for n in got))


class Sizes(harness.ServerCase):
    def test_sizes_around_chunks(self):
        """S57 S82: messages whose size is near a power of two, up to 1 MiB,
        come back octet for octet, also the last and middle octets alone."""
        client = self.login()
        client.select()
        edges = [256, 4096, 8192, 65536, 131072, 262144, 524288, 1048576]
        header = len(mail(body=''))
        n = 0
        for edge in edges:
            for delta in (-1, 0, 1):
                body = incompressible(edge + delta - header)
                body = body[:edge + delta - header]
                message = mail(body=body)
                if message.endswith(b'\r'):
                    message = message[:-1] + b'.'
                with self.subTest(size=len(message)):
                    client.append('INBOX', message)
                    n += 1
                    client.ok('NOOP')
                    last = len(message) - 1
                    got = client.fetch(
                        str(n), 'RFC822.SIZE BODY.PEEK[] '
                        f'BODY.PEEK[]<{last}.10> '
                        f'BODY.PEEK[]<{last // 2}.1000>')[n]
                    self.assertEqual(got['RFC822.SIZE'], len(message))
                    self.assertTrue(got['BODY[]'] == message,
                                    'the octets differ')
                    self.assertEqual(got[f'BODY[]<{last}>'], message[last:])
                    self.assertEqual(got[f'BODY[]<{last // 2}>'],
                                     message[last // 2:last // 2 + 1000])
        client = self.login()
        client.select()
        sizes = client.fetch('1:*', 'RFC822.SIZE')
        for k, edge in enumerate(edges):
            self.assertEqual([sizes[3 * k + d]['RFC822.SIZE']
                              for d in (1, 2, 3)],
                             [edge - 1, edge, edge + 1])

    def test_size_is_a_number(self):
        """S57: RFC822.SIZE is the octets of BODY[] for every message of a
        mailbox."""
        client = self.login()
        for k in range(30):
            client.append('INBOX', mail(body='line\r\n' * k * 7))
        client.append('INBOX', b'Subject: lf\n\nonly\nlf\n')
        client.select()
        got = client.fetch('1:*', 'RFC822.SIZE BODY.PEEK[]')
        self.assertEqual(len(got), 31)
        for items in got.values():
            self.assertEqual(items['RFC822.SIZE'], len(items['BODY[]']))
            self.assertNotIsInstance(items['BODY[]'], Atom)

    def test_literal_plus_and_fetch_side_by_side(self):
        """S12 S60: one session reads a large message while another appends
        one; both finish."""
        client, other = self.login(), self.login()
        big = mail(body=incompressible(3000000))
        client.append('INBOX', big)
        client.select()
        tag, _, _ = client.send('FETCH 1 BODY.PEEK[]')
        other.ok('APPEND INBOX ', Literal(big, plus=True))
        reply = client.wait(tag)
        self.assertTrue(reply.fetched()[1]['BODY[]'] == big)


if __name__ == '__main__':
    harness.main()
