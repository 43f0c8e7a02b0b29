#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Messages made to break a server: they are kept octet for octet, and a bad
one never blocks its mailbox."""

import hashlib

import harness
from imap import Closed, Literal
from mails import incompressible, mail

PLAIN = b'Content-Type: text/plain\r\n\r\n'


def multipart(parts, boundary=b'b'):
    """A multipart body out of parts that have their own MIME headers."""
    out = b''.join(b'--' + boundary + b'\r\n' + p + b'\r\n' for p in parts)
    return (b'Content-Type: multipart/mixed; boundary="' + boundary
            + b'"\r\n\r\n' + out + b'--' + boundary + b'--\r\n')


def nested_multiparts(depth):
    head = b''.join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n'
                    b'--b%d\r\n' % (n, n) for n in range(depth))
    tail = b''.join(b'\r\n--b%d--\r\n' % n for n in reversed(range(depth)))
    return b'Subject: deep\r\n' + head + PLAIN + b'needle\r\n' + tail


def nested_messages(depth):
    return (b'Subject: russian doll\r\nContent-Type: message/rfc822\r\n\r\n'
            * depth + b'Subject: last\r\n\r\nneedle\r\n')


def hostile_messages():
    """(name, octets) of messages whose lines end with CRLF."""
    many = [PLAIN + b'part %d\r\n' % n for n in range(10000)]
    yield '10,000 parts', b'Subject: parts\r\n' + multipart(many)
    yield '20,000 parts', b'Subject: parts\r\n' + multipart(many + many)
    yield '50 levels', nested_multiparts(50)
    yield '1,000 levels', nested_multiparts(1000)
    yield '80 messages in each other', nested_messages(80)
    yield '1,000 messages in each other', nested_messages(1000)
    yield 'boundary that never ends', (
        b'Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n' * 50)
    yield 'boundary of 100,000 octets', (
        b'Content-Type: multipart/mixed;\r\n boundary="' + b'b' * 100000
        + b'"\r\n\r\n--' + b'b' * 100000 + b'\r\n\r\nx\r\n')
    yield 'boundary missing', (b'Content-Type: multipart/mixed\r\n\r\n'
                               b'--\r\n\r\nx\r\n----\r\n')
    yield 'boundaries that begin alike', (
        b'Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n'
        b'Content-Type: multipart/mixed; boundary=aa\r\n\r\n--aa\r\n\r\nx'
        b'\r\n--aaa\r\n--a--\r\n')
    yield 'header of 2 MB', (b'Subject: big\r\n' + b''.join(
        b'X-%d: %s\r\n' % (n, b'v' * 1000) for n in range(2000))
        + b'\r\nbody\r\n')
    yield 'header line of 2 MB', (b'Subject: ' + b's' * 2000000
                                  + b'\r\n\r\nbody\r\n')
    yield '100,000 addresses', (b'To: ' + b',\r\n '.join(
        b'u%d@example.org' % n for n in range(100000)) + b'\r\n\r\nx\r\n')
    yield '20,000 references', (b'References: ' + b'\r\n '.join(
        b'<r%d@example.org>' % n for n in range(20000)) + b'\r\n\r\nx\r\n')
    yield '5,000 parameters', (b'Content-Type: text/plain' + b''.join(
        b';\r\n p%d*0*=utf-8\'\'%%41' % n for n in range(5000))
        + b'\r\n\r\nx\r\n')
    yield 'comments in comments', (b'From: ' + b'(' * 10000 + b')' * 10000
                                   + b' a@example.org\r\n\r\nx\r\n')
    yield 'groups without end', (b'To: ' + b'g:' * 5000 + b';' * 5000
                                 + b'\r\n\r\nx\r\n')
    yield 'broken encoded words', (
        b'Subject: =?UTF-8?B?====?= =?X?Q?=ZZ?= =?utf-8?q?=c3?= =?\r\n'
        b'From: =?utf-8?b?/////w==?= <x@example.org>\r\n\r\nx\r\n')
    yield 'broken base64', (
        b'Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n'
        b'\r\n!!!!A\r\n=A=B=C\r\n' + b'A' * 99999 + b'\r\n')
    yield 'broken quoted-printable', (
        b'Content-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n=G1=1=\r\n'
        + b'=' * 5000 + b'\r\n')
    yield 'unknown charset and encoding', (
        b'Content-Type: text/plain; charset=x-nosuch\r\n'
        b'Content-Transfer-Encoding: x-nosuch\r\n\r\n\xff\xfe\x80\r\n')
    yield 'every octet but NUL, CR and LF', (
        b'Subject: ' + bytes(b for b in range(1, 256) if b not in b'\r\n')
        + b'\r\n\r\n' + bytes(b for b in range(1, 256) if b not in b'\r\n')
        + b'\r\n')
    yield 'bare CR in header and body', (
        b'Subject: a\rb\rFrom: x\r\n\rTo: y\r\n\r\nbo\rdy\r\r.\r\n')
    yield 'only empty lines', b'\r\n' * 5000
    yield 'no header, no body', b'\r\n'
    yield 'one octet', b'x'
    yield 'colon only', b':\r\n:\r\n\r\n:\r\n'
    yield 'header that begins with a space', b' folded: x\r\n\r\ny\r\n'
    yield 'header without end', b'Subject: x\r\nFrom: y'
    yield 'line of 5 MB', mail(body=b'l' * 5000000 + b'\r\n')
    yield 'dates of no calendar', mail(
        Date='Fri, 99 Foo 99999 99:99:99 +99999').replace(
            b'Hello', b'\x1b[31mescape')
    yield 'HTML with a bomb', (
        b'Content-Type: text/html\r\n\r\n' + b'<' * 200000 + b'&' * 200000
        + b'<div>' * 50000 + b'\r\n')
    yield 'mbox inside', b'From x\r\nFrom: y\r\n\r\nFrom z\r\n>From\r\n.\r\n'


class Hostile(harness.ServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.messages = list(hostile_messages())

    def fill(self):
        """An INBOX of all hostile messages, an ordinary one after each."""
        client = self.login()
        for name, message in self.messages:
            client.append('INBOX', message)
            client.append('INBOX', mail(subject='between'))
        client.select()
        return client

    def test_octets(self):
        """S77 S82 S57 I3: every hostile message comes back octet for octet,
        with the right size."""
        client = self.fill()
        for n, (name, message) in enumerate(self.messages):
            with self.subTest(name=name):
                got = client.fetch(str(2 * n + 1),
                                   'RFC822.SIZE BODY.PEEK[]')[2 * n + 1]
                self.assertTrue(got['BODY[]'] == message, 'octets differ')
                self.assertEqual(got['RFC822.SIZE'], len(message))

    def test_nothing_blocks_the_mailbox(self):
        """S82 S85 S9 I9: with all of them in one mailbox, listing, structure,
        search, sort and thread answer for the whole mailbox, and the ordinary
        messages between them are found."""
        client = self.fill()
        count = 2 * len(self.messages)
        ordinary = list(range(2, count + 1, 2))
        for items in ('FLAGS INTERNALDATE RFC822.SIZE', 'ENVELOPE',
                      'BODYSTRUCTURE', 'PREVIEW', 'BODY.PEEK[1]<0.100>',
                      'BODY.PEEK[HEADER]', 'BODY.PEEK[1.1.1.MIME]'):
            with self.subTest(items=items):
                reply = client.cmd(f'FETCH 1:* ({items})')
                self.assertEqual(reply.status, 'OK')
                self.assertEqual(set(reply.fetched()),
                                 set(range(1, count + 1)))
        self.assertEqual(client.search('SUBJECT between'), ordinary)
        self.assertLessEqual(set(ordinary), set(client.search('BODY hello')))
        self.assertIn(5, client.search('BODY needle'))
        client.ok('SEARCH SENTSINCE 1-Jan-1990 OR FROM x TO y')
        for command in ('SORT (SUBJECT DATE FROM TO) UTF-8 ALL',
                        'THREAD REFERENCES UTF-8 ALL',
                        'THREAD REFS UTF-8 ALL'):
            client.ok(command)
        other = self.login()
        self.assertEqual(other.select().last('EXISTS'), count)

    def test_binary_of_broken_encodings(self):
        """S82 S9: BINARY of a part that cannot be decoded is NO or octets; the
        session goes on."""
        client = self.fill()
        for n in range(1, 2 * len(self.messages), 2):
            reply = client.cmd(f'FETCH {n} (BINARY.PEEK[1] BINARY.SIZE[1])')
            self.assertIn(reply.status, ('OK', 'NO'), self.messages[n // 2][0])
        client.ok('NOOP')

    def test_copy_move_expunge(self):
        """S83 S84 S81: they are copied, moved and expunged like any other."""
        client = self.fill()
        client.ok('CREATE x')
        count = 2 * len(self.messages)
        client.ok('COPY 1:* x')
        client.ok('MOVE 1:5 x')
        client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 0})
        reply = client.select('x')
        self.assertEqual(reply.last('EXISTS'), count + 5)
        for n, (name, message) in enumerate(self.messages):
            got = client.fetch(str(2 * n + 1), 'BODY.PEEK[]')[2 * n + 1]
            self.assertTrue(got['BODY[]'] == message, name)

    def test_by_lmtp(self):
        """S3 S77: what LMTP takes is kept octet for octet after the trace
        lines that it puts in front."""
        client = self.login()
        lmtp = self.lmtp()
        sent = []
        for name, message in self.messages:
            if len(message) > 3000000 or b'\r' in message.replace(b'\r\n',
                                                                  b''):
                continue        # over the line limit, or not mail in SMTP
            code, text = lmtp.send([self.user], message)[0]
            if code == 250:
                sent.append((name, message))
        self.assertGreater(len(sent), len(self.messages) * 2 // 3)
        self.assertEqual(client.select().last('EXISTS'), len(sent))
        for n, (name, message) in enumerate(sent, 1):
            with self.subTest(name=name):
                got = client.fetch(str(n), 'BODY.PEEK[]')[n]['BODY[]']
                if not message.endswith(b'\r\n'):
                    message += b'\r\n'
                self.assertTrue(got.endswith(message), got[:300])

    def test_zero_octets(self):
        """S77 S9: a message of zero octets is refused by APPEND and taken by
        LMTP with its trace lines; neither does harm."""
        client = self.login()
        client.no('APPEND INBOX ', Literal(b''))
        code, _ = self.lmtp().send([self.user], b'')[0]
        self.assertIn(code // 100, (2, 5))
        client.append('INBOX', mail())
        client.select()
        got = client.fetch('1:*', 'RFC822.SIZE BODY.PEEK[]')
        self.assertTrue(all(d['RFC822.SIZE'] == len(d['BODY[]'])
                            for d in got.values()))

    @harness.only_sqbox
    def test_carriage_returns_before_the_end_of_a_line(self):
        """S77 S57: several CRs before a line's end are kept; sdbox, which
        keeps lines with LF, loses one."""
        client = self.login()
        message = mail(body=b'x\r\r\r\n\r\r\ny\r\n')
        client.append('INBOX', message)
        client.select()
        got = client.fetch('1', 'RFC822.SIZE BODY.PEEK[]')[1]
        self.assertEqual(got['BODY[]'], message)
        self.assertEqual(got['RFC822.SIZE'], len(message))

    def test_final_bare_cr(self):
        """S77: a last octet CR is kept or dropped, the size tells which."""
        client = self.login()
        message = mail(body='x\r\ny\r')
        client.append('INBOX', message)
        client.select()
        got = client.fetch('1', 'RFC822.SIZE BODY.PEEK[]')[1]
        self.assertIn(got['BODY[]'], (message, message[:-1]))
        self.assertEqual(got['RFC822.SIZE'], len(got['BODY[]']))


class Large(harness.ServerCase):
    size = 100 * 1000 * 1000

    def message(self):
        block = incompressible(1000000)
        head = mail(subject='a hundred megabytes', body='')
        body = b''.join(b'%08d ' % n + block for n in range(100))
        return head + body[:self.size - len(head) - 2] + b'\r\n'

    def test_hundred_megabytes(self):
        """S77 S82 S83 S57: a message of 100 MB is appended, read as a whole
        and in pieces, copied, and kept when the original is gone; the imap
        process stays within its 256 MB."""
        message = self.message()
        client = self.login()
        client.ok('CREATE x')
        client.append('INBOX', message)
        client.select()
        self.assertEqual(client.fetch('1', 'RFC822.SIZE')[1]['RFC822.SIZE'],
                         len(message))
        for start in (0, 1, 262143, 262144, 99999990, 50000000):
            key = f'BODY[]<{start}>'
            got = client.fetch('1', f'BODY.PEEK[]<{start}.100000>')[1][key]
            self.assertTrue(got == message[start:start + 100000], start)
        self.assertEqual(client.search('SUBJECT hundred'), [1])
        client.ok('COPY 1 x')
        client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.select('x')
        got = client.fetch('1', 'BODY.PEEK[]')[1]['BODY[]']
        self.assertEqual(hashlib.sha256(got).hexdigest(),
                         hashlib.sha256(message).hexdigest())

    def test_others_work_meanwhile(self):
        """S60 S9: while one session sends a large message, another appends and
        reads; a connection that breaks off leaves nothing."""
        client, other = self.login(), self.login()
        client.write(b'x APPEND INBOX {50000000+}\r\n')
        part = incompressible(1000000)
        for n in range(10):
            client.write(part)
            other.append('INBOX', mail(subject=str(n)))
        client.close()
        other.select()
        self.assertEqual(len(other.search('ALL')), 10)
        try:
            client.read()
        except (Closed, OSError):
            pass
        other.ok('NOOP')
        self.assertEqual(len(other.search('ALL')), 10)


if __name__ == '__main__':
    harness.main()
