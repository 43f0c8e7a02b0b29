#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""APPEND in all its forms: flags, dates, literals, MULTIAPPEND, CATENATE,
BINARY; what is taken is stored octet for octet, or nothing is."""

import calendar
import time

import harness
from imap import Literal, expand
from mails import incompressible, mail, random_mail


class Append(harness.ServerCase):
    def test_octets_are_kept(self):
        """S77 S57: what was appended is read octet for octet, and
        RFC822.SIZE is its length."""
        client = self.login()
        client.select()
        cases = (
            mail(), mail(body=''), mail(body='no end of line'),
            b'\r\n', b'\r\n\r\n', b'x', b'x\r\n', b'Subject: only\r\n',
            b'Subject: no blank line', b': no name\r\n\r\nx\r\n',
            b'no header at all\r\nsecond line\r\n',
            mail(body='.\r\n..\r\n.x\r\n'),
            mail(body='From here\r\n>From there\r\n'),
            mail(body=bytes(range(1, 256)).replace(b'\n', b'')
                 .replace(b'\r', b'') + b'\r\n'),
            mail(body=b'bare\rCR\r\rin\r\nlines\rx'),
            mail(body='long ' * 20000 + '\r\n'),
            mail(subject='\u00fcml\u00e4ut'),
            mail(body=' leading\r\n\ttab \r\n trailing  \r\n\r\n\r\n'),
            mail(body='x' * 1000000))
        for message in cases:
            with self.subTest(message=message[:60]):
                client.append('INBOX', message)
                client.ok('NOOP')
                got = next(iter(client.fetch(
                    '*', 'RFC822.SIZE BODY.PEEK[]').values()))
                self.assertEqual(got['BODY[]'], message)
                self.assertEqual(got['RFC822.SIZE'], len(message))

    def test_bare_lf_becomes_crlf(self):
        """S77: lines that end with LF only are read with CRLF, in the size
        too."""
        client = self.login()
        client.select()
        client.append('INBOX', b'Subject: lf\n\na\n\nb\r\nc')
        got = client.fetch('1', 'RFC822.SIZE BODY.PEEK[]')[1]
        wanted = b'Subject: lf\r\n\r\na\r\n\r\nb\r\nc'
        self.assertEqual(got['BODY[]'], wanted)
        self.assertEqual(got['RFC822.SIZE'], len(wanted))

    def test_flags_and_keywords(self):
        """S70 S74: flags and keywords are set from the first moment."""
        client = self.login()
        for flags in ('\\Draft', '\\Seen \\Answered \\Flagged \\Deleted',
                      'kw', '$Forwarded \\Seen', 'a b a', ''):
            with self.subTest(flags=flags):
                client.append('INBOX', mail(), flags)
                client.select()
                got = next(iter(client.fetch('*', 'FLAGS').values()))
                self.assertEqual(got['FLAGS'] - {'\\Recent'},
                                 set(flags.split()))
                client.ok('UNSELECT')

    def test_refused_flags(self):
        """S74: \\Recent and unknown system flags are BAD, nothing is stored."""
        for flags in ('\\Recent', '\\Foo'):
            client = self.login()
            client.bad(f'APPEND INBOX ({flags}) ', Literal(b'x\r\n'))
            client.close()
        self.assertEqual(self.login().status('INBOX', 'MESSAGES'),
                         {'MESSAGES': 0})

    def test_dates(self):
        """S56: the instant of a given date is kept, whatever its zone; with
        no date it is the time of arrival."""
        client = self.login()
        client.select()
        for given, wanted in (
                ('07-Feb-1994 21:52:25 -0800', '08-Feb-1994 05:52:25 +0000'),
                (' 7-Feb-1994 21:52:25 -0800', '08-Feb-1994 05:52:25 +0000'),
                ('01-Jan-2000 00:00:00 +0000', '01-Jan-2000 00:00:00 +0000'),
                ('29-Feb-2024 23:59:59 +1400', '29-Feb-2024 09:59:59 +0000'),
                ('31-Dec-1999 23:59:59 -1200', '01-Jan-2000 11:59:59 +0000'),
                ('01-Jan-1970 00:00:01 +0000', '01-Jan-1970 00:00:01 +0000')):
            with self.subTest(given=given):
                client.append('INBOX', mail(), date=given)
                client.ok('NOOP')
                got = next(iter(client.fetch('*', 'INTERNALDATE').values()))
                self.assertEqual(got['INTERNALDATE'].decode(), wanted)
        before = time.time() - 5
        client.append('INBOX', mail())
        client.ok('NOOP')
        got = next(iter(client.fetch('*', 'INTERNALDATE').values()))
        when = time.strptime(got['INTERNALDATE'].decode(),
                             '%d-%b-%Y %H:%M:%S +0000')
        self.assertGreater(calendar.timegm(when), before)

    def test_appenduid(self):
        """S53 S77: UIDs ascend by arrival; APPENDUID names UIDVALIDITY and
        UID."""
        client, other = self.login(), self.login()
        validity = client.status('INBOX')['UIDVALIDITY']
        for n in range(1, 20, 2):
            self.assertEqual(client.append('INBOX', mail()), n)
            reply = other.ok('APPEND INBOX ', Literal(mail(), plus=True))
            self.assertEqual(reply.code,
                             ['APPENDUID', str(validity), str(n + 1)])

    def test_goes_to_the_end_of_the_selected_mailbox(self):
        """S77 S11: APPEND into the selected mailbox tells EXISTS before its
        own OK; another session sees it too."""
        client, other = self.login(), self.login()
        client.select()
        other.select()
        for n in range(1, 4):
            reply = client.ok('APPEND INBOX ', Literal(mail(), plus=True))
            self.assertEqual(reply.last('EXISTS'), n)
            self.assertEqual(other.ok('NOOP').last('EXISTS'), n)

    def test_nonexistent_mailbox(self):
        """S77 S9: NO [TRYCREATE], with either kind of literal."""
        client = self.login()
        for plus in (False, True):
            reply = client.no('APPEND nosuch ', Literal(mail(), plus=plus))
            self.assertEqual(reply.code_name(), 'TRYCREATE')
        client.ok('NOOP')

    def test_empty_message(self):
        """S77: a message of zero octets is refused, nothing is stored."""
        client = self.login()
        client.no('APPEND INBOX ', Literal(b''))
        self.assertEqual(client.status('INBOX', 'MESSAGES UIDNEXT'),
                         {'MESSAGES': 0, 'UIDNEXT': 1})

    def test_connection_lost_within_literal(self):
        """S77 S128: a literal that never ended is no message."""
        client = self.login()
        for plus in ('', '+'):
            other = self.login()
            other.write(f'x APPEND INBOX {{1000{plus}}}\r\n'.encode())
            if not plus:
                other.read()
            other.write(mail())
            other.close()
        self.wait_for_end_of_sessions(1)
        self.assertEqual(client.status('INBOX', 'MESSAGES UIDNEXT'),
                         {'MESSAGES': 0, 'UIDNEXT': 1})

    def wait_for_end_of_sessions(self, left):
        """Until `doveadm who` shows no more connections than that."""
        def who():
            return self.server.doveadm('who', '-1', self.user).stdout
        harness.wait_until(lambda: len(who().splitlines()) <= left + 1,
                           'sessions do not end')

    def test_many_messages(self):
        """S77 S53: a few hundred messages, each read as it was written."""
        rng = harness.seeded('test_many_messages')
        client = self.login()
        messages = [random_mail(rng) for _ in range(300)]
        for message in messages:
            client.append('INBOX', message)
        client.select()
        got = client.fetch('1:*', 'UID BODY.PEEK[]')
        self.assertEqual([got[n]['BODY[]'] for n in sorted(got)], messages)
        self.assertEqual([got[n]['UID'] for n in sorted(got)],
                         list(range(1, 301)))

    def test_two_sessions_append_at_once(self):
        """S53 S60: messages that several sessions append at the same time all
        arrive, each with a UID of its own."""
        clients = [self.login() for _ in range(5)]
        clients[0].select()
        for n in range(30):
            for client in clients:
                client.pending = client.send(
                    'APPEND INBOX ',
                    Literal(mail(subject=f'{client.name} {n}'), plus=True))[0]
            for client in clients:
                client.uids = getattr(client, 'uids', [])
                reply = client.wait(client.pending)
                self.assertEqual(reply.status, 'OK', reply)
                client.uids.append(int(reply.code[2]))
        uids = [uid for client in clients for uid in client.uids]
        self.assertEqual(sorted(uids), list(range(1, 151)))
        clients[0].ok('NOOP')
        subjects = clients[0].fetch_by_uid(
            'BODY.PEEK[HEADER.FIELDS (SUBJECT)]')
        for client in clients:
            self.assertEqual(client.uids, sorted(client.uids))
            for n, uid in enumerate(client.uids):
                self.assertIn(
                    f'{client.name} {n}\r\n'.encode(),
                    subjects[uid]['BODY[HEADER.FIELDS (SUBJECT)]'])


class MultiAppend(harness.ServerCase):
    def test_several_messages(self):
        """S28: several messages in one command, each with its own flags and
        date, get consecutive UIDs."""
        client = self.login()
        client.append('INBOX', mail())
        reply = client.ok(
            'APPEND INBOX (\\Seen) ', Literal(mail(subject='1')),
            ' (kw \\Flagged) "01-Mar-2024 12:00:00 +0000" ',
            Literal(mail(subject='2'), plus=True),
            ' ', Literal(mail(subject='3')))
        self.assertEqual(reply.code_name(), 'APPENDUID')
        self.assertEqual(expand(reply.code[2]), [2, 3, 4])
        client.select()
        got = client.fetch('2:4', 'FLAGS INTERNALDATE '
                           'BODY.PEEK[HEADER.FIELDS (SUBJECT)]')
        self.assertEqual([got[n]['FLAGS'] - {'\\Recent'} for n in (2, 3, 4)],
                         [{'\\Seen'}, {'kw', '\\Flagged'}, set()])
        self.assertEqual(got[3]['INTERNALDATE'],
                         b'01-Mar-2024 12:00:00 +0000')
        self.assertEqual(
            [got[n]['BODY[HEADER.FIELDS (SUBJECT)]'] for n in (2, 3, 4)],
            [b'Subject: %d\r\n\r\n' % n for n in (1, 2, 3)])

    def test_hundred_messages(self):
        """S28: a hundred messages in one command."""
        client = self.login()
        parts = ['APPEND INBOX']
        for n in range(100):
            parts += [' ', Literal(mail(subject=str(n)), plus=True)]
        reply = client.ok(*parts)
        self.assertEqual(expand(reply.code[2]), list(range(1, 101)))
        self.assertEqual(client.select().last('EXISTS'), 100)

    def test_all_or_nothing(self):
        """S28: where one of the messages is refused, none is there."""
        for bad in ((' (\\Foo) ', Literal(mail())),
                    (' ', Literal(b'')),
                    (' nonsense',)):
            with self.subTest(bad=bad[0]):
                client = self.login()
                reply = client.cmd(
                    'APPEND INBOX ', Literal(mail(), plus=True), ' (\\Seen) ',
                    Literal(mail(), plus=True), *bad)
                self.assertIn(reply.status, ('NO', 'BAD'))
                client.close()
                other = self.login()
                self.assertEqual(other.status('INBOX', 'MESSAGES'),
                                 {'MESSAGES': 0})
                self.assertEqual(other.select().last('EXISTS'), 0)

    def test_nobody_sees_half_of_it(self):
        """S28 S60: until the command is complete no other session sees any of
        its messages; if it never completes, none is ever there."""
        watcher = self.login(name='watcher')
        watcher.select()
        client = self.login()
        client.write(b'x APPEND INBOX')
        for n in range(3):
            client.write(b' {%d+}\r\n' % len(mail()) + mail())
            watcher.ok('NOOP')
            self.assertEqual(watcher.status('INBOX', 'MESSAGES'),
                             {'MESSAGES': 0})
        client.close()
        self.assertIsNone(watcher.ok('NOOP').last('EXISTS'))
        client = self.login()
        client.ok('APPEND INBOX ', Literal(mail()), ' ', Literal(mail()))
        self.assertEqual(watcher.ok('NOOP').last('EXISTS'), 2)


class Catenate(harness.ServerCase):
    def test_text_and_url(self):
        """S77 S57: a message put together from texts and parts of stored
        messages (RFC 4469)."""
        client = self.login()
        client.append('INBOX', mail(subject='source', body='from the source\r\n'))
        client.select()
        validity = client.status('INBOX')['UIDVALIDITY']
        reply = client.ok(
            'APPEND INBOX (\\Draft) CATENATE (TEXT ',
            Literal(b'Subject: cat\r\n\r\nfirst\r\n', plus=True),
            f' URL "/INBOX;UIDVALIDITY={validity}/;UID=1/;SECTION=TEXT" TEXT ',
            Literal(b'last\r\n'), ')')
        self.assertEqual(reply.code, ['APPENDUID', str(validity), '2'])
        got = client.fetch('2', 'FLAGS BODY.PEEK[]')[2]
        self.assertEqual(
            got['BODY[]'],
            b'Subject: cat\r\n\r\nfirst\r\nfrom the source\r\nlast\r\n')
        self.assertIn('\\Draft', got['FLAGS'])

    def test_whole_message(self):
        """S77: a copy of a stored message by URL has the same octets."""
        client = self.login()
        message = mail(body=incompressible(200000))
        client.append('INBOX', message)
        client.select()
        client.ok('APPEND INBOX CATENATE (URL "/INBOX/;UID=1")')
        self.assertEqual(client.fetch('2', 'BODY.PEEK[]')[2]['BODY[]'],
                         message)

    def test_bad_url(self):
        """S9 S77: NO [BADURL] names the URL, nothing is appended."""
        client = self.login()
        client.append('INBOX', mail())
        for url in ('/INBOX/;UID=7', '/nosuch/;UID=1',
                    '/INBOX;UIDVALIDITY=1/;UID=1'):
            reply = client.no('APPEND INBOX CATENATE (TEXT ',
                              Literal(b'Subject: x\r\n\r\n', plus=True),
                              f' URL "{url}")')
            self.assertEqual(reply.code, ['BADURL', url])
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 1})


class Binary(harness.ServerCase):
    binary = (b'MIME-Version: 1.0\r\nContent-Type: application/octet-stream'
              b'\r\nContent-Transfer-Encoding: binary\r\n\r\n')

    def test_binary_part(self):
        """S77 S82: binary content with NULs (RFC 3516) goes in by ~{n} and
        comes out by BINARY, octet for octet; BODY[] has it encoded."""
        client = self.login()
        client.select()
        for content in (b'a\0b', bytes(range(256)) * 40, b'\0' * 5000,
                        b'\r\n\0\n\r', b'\xff'):
            with self.subTest(content=content[:10]):
                client.ok('APPEND INBOX ',
                          Literal(self.binary + content, binary=True))
                client.ok('NOOP')
                got = next(iter(client.fetch(
                    '*', 'BINARY.PEEK[1] BINARY.SIZE[1] RFC822.SIZE '
                    'BODY.PEEK[]').values()))
                self.assertEqual(got['BINARY[1]'], content)
                self.assertEqual(got['BINARY.SIZE[1]'], len(content))
                self.assertEqual(got['RFC822.SIZE'], len(got['BODY[]']))
                self.assertNotIn(b'\0', got['BODY[]'])

    def test_partial_binary(self):
        """S82: BINARY[1]<n.m> cuts the decoded octets."""
        client = self.login()
        content = bytes(range(256))
        client.ok('APPEND INBOX ', Literal(self.binary + content, binary=True))
        client.select()
        got = client.fetch('1', 'BINARY.PEEK[1]<10.20>')[1]
        self.assertEqual(got['BINARY[1]<10>'], content[10:30])

    def test_nul_elsewhere(self):
        """S77 S9: a NUL outside a binary part is refused or replaced; it
        never reaches a client in BODY[], and the message stays readable."""
        client = self.login()
        client.select()
        for binary in (False, True):
            client.cmd('APPEND INBOX ', Literal(mail(body=b'a\0b\r\n'),
                                                binary=binary))
        client.ok('NOOP')
        for n in client.search('ALL'):
            body = client.fetch(str(n), 'BODY.PEEK[]')[n]['BODY[]']
            self.assertNotIn(b'\0', body)
            self.assertTrue(body.startswith(b'From: Ann'))
            self.assertRegex(body, rb'a.?b\r\n$')


if __name__ == '__main__':
    harness.main()
