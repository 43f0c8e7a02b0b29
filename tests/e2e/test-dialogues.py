#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The dialogues D1 to D7 of the checklist, line by line."""

import harness
from imap import Literal
from mails import MEETING, mail


class Dialogues(harness.ServerCase):
    users = {'katie': 'boxcar', 'riley': 'firetruck', 'alex': 'drums'}

    def assert_bye_and_close(self, client, tag):
        reply = client.ok('LOGOUT', tag=tag)
        self.assertEqual(reply.tag, tag)
        self.assertEqual([r.name for r in reply.untagged], ['BYE'])
        self.assertTrue(client.at_end())

    def test_d1_greeting_and_logout(self):
        """D1 S1 S8 S88: one greeting; LOGOUT gives BYE, then the tagged OK
        with the client's tag, then the end of the connection."""
        for tag in ('a001', 'Z', 'x.1'):
            with self.subTest(tag=tag):
                client = self.connect()
                self.assertEqual(client.greeting.name, 'OK')
                self.assertEqual(client.buf, b'')
                self.assert_bye_and_close(client, tag)

    def test_d2_login_and_logout(self):
        """D2 S19: the first login makes the account, the second finds it."""
        for _ in range(2):
            client = self.connect()
            reply = client.ok('LOGIN katie boxcar', tag='a001')
            self.assertEqual(reply.tag, 'a001')
            self.assertIn('INBOX', client.list())
            self.assert_bye_and_close(client, 'a002')

    def test_d2_uidvalidity_is_kept(self):
        """D2 S54: a second login finds the INBOX that the first one made."""
        seen = set()
        for _ in range(2):
            client = self.login('katie', 'boxcar')
            seen.add(client.select().coded('UIDVALIDITY')[0])
            client.logout()
        self.assertEqual(len(seen), 1)

    def test_d2_wrong_password(self):
        """D2 S4: a wrong password is NO and leaves the state as it was."""
        client = self.connect()
        reply = client.no('LOGIN katie boxcat', tag='a001')
        self.assertEqual(reply.code_name(), 'AUTHENTICATIONFAILED')
        client.bad('SELECT INBOX')
        client.ok('LOGIN katie boxcar')
        client.select()

    def test_d3_authenticate(self):
        """D3 S20 S21 S22: an unknown mechanism is NO, a cancelled exchange
        BAD, LOGIN still works afterwards."""
        client = self.connect()
        client.no('AUTHENTICATE KERBEROS_V4', tag='a1')
        client.no('AUTHENTICATE GSSAPI', tag='a2')
        client.write(b'a3 AUTHENTICATE LOGIN\r\n')
        challenge = client.read()
        self.assertEqual(challenge.name, '+')
        self.assertEqual(challenge.text, 'VXNlcm5hbWU6')
        client.write(b'*\r\n')
        reply = client.wait('a3')
        self.assertEqual((reply.status, reply.untagged), ('BAD', []))
        client.ok('LOGIN riley firetruck', tag='a4')
        self.assert_bye_and_close(client, 'a5')

    def prepare_newbox(self):
        """Six unseen messages, next UID 8, none \\Recent."""
        client = self.login('alex', 'drums')
        if 'newbox' in client.list():
            client.ok('DELETE newbox')
        client.ok('CREATE newbox')
        for n in range(7):
            client.append('newbox', mail(subject=f'message {n + 1}'))
        client.select('newbox')
        client.ok('STORE 3 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        self.assertEqual(client.status('newbox', 'UIDNEXT'), {'UIDNEXT': 8})
        client.logout()

    def begin_d4(self):
        """The dialogue up to the second STATUS."""
        client = self.connect()
        client.ok('login alex drums', tag='a1')
        reply = client.ok('select newbox', tag='a2')
        self.assert_untagged(
            reply, '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)',
            '* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen '
            '\\Draft \\*)]', '* 6 EXISTS', '* 0 RECENT', '* OK [UNSEEN 1]',
            '* OK [UIDVALIDITY ', '* OK [UIDNEXT 8]')
        self.assertEqual(reply.code_name(), 'READ-WRITE')
        for n in (1, 2):
            reply = client.ok(f'store {n} +flags \\DELETED', tag=f'a{n + 2}')
            self.assertEqual([repr(r) for r in reply.untagged],
                             [f'* {n} FETCH (FLAGS (\\Deleted))'])
        self.assertEqual(client.status('newbox', 'messages unseen'),
                         {'MESSAGES': 6, 'UNSEEN': 6})
        return client

    def test_d4_store_status_expunge(self):
        """D4 S50 S69 S81: \\Deleted messages count until EXPUNGE; then the
        four others keep their UIDs and UIDNEXT stays."""
        self.prepare_newbox()
        client = self.begin_d4()
        before = client.ok('FETCH 1:* UID').fetched()
        reply = client.ok('expunge', tag='a6')
        self.assertEqual(reply.numbers('EXPUNGE'), [2, 1])
        self.assertEqual(reply.named('EXISTS'), [])
        self.assertEqual(
            client.status('newbox', 'messages unseen uidnext'),
            {'MESSAGES': 4, 'UNSEEN': 4, 'UIDNEXT': 8})
        after = client.ok('FETCH 1:* UID').fetched()
        self.assertEqual([before[n]['UID'] for n in (3, 4, 5, 6)],
                         [after[n]['UID'] for n in (1, 2, 3, 4)])
        self.assert_bye_and_close(client, 'a8')

    def test_d4_replayed_uidvalidity(self):
        """D4 S54: the UIDVALIDITY is the same in the next session."""
        self.prepare_newbox()
        values = {self.login('alex', 'drums').select('newbox')
                  .coded('UIDVALIDITY')[0] for _ in range(2)}
        self.assertEqual(len(values), 1)

    def test_d4_restored_before_expunge(self):
        """D4 S69: a message whose \\Deleted was taken back survives."""
        self.prepare_newbox()
        client = self.begin_d4()
        client.ok('store 1 -flags (\\Deleted)', tag='a9')
        reply = client.ok('expunge')
        self.assertEqual(reply.numbers('EXPUNGE'), [2])
        self.assertEqual(client.status('newbox', 'messages'),
                         {'MESSAGES': 5})
        self.assertEqual(client.ok('FETCH 1 (UID FLAGS)').fetched(),
                         {1: {'UID': 1, 'FLAGS': set()}})

    def test_d5_append(self):
        """D5 S10 S12 S28 S74 S77: the literal is stored octet for octet, with
        its flag and the time of arrival."""
        client = self.login()
        client.ok('CREATE saved-messages')
        self.assertEqual(len(MEETING), 310)
        client.write(b'A003 APPEND saved-messages (\\Seen) {310}\r\n')
        self.assertEqual(client.read().name, '+')
        client.write(MEETING)
        client.write(b'\r\n')
        reply = client.wait('A003')
        self.assertEqual(reply.status, 'OK')
        validity = client.status('saved-messages')['UIDVALIDITY']
        self.assertEqual(reply.code, ['APPENDUID', str(validity), '1'])
        self.assertEqual(client.select('saved-messages').last('EXISTS'), 1)
        got = client.fetch('1', 'FLAGS RFC822.SIZE BODY.PEEK[]')[1]
        self.assertIn('\\Seen', got['FLAGS'])
        self.assertEqual(got['RFC822.SIZE'], 310)
        self.assertEqual(got['BODY[]'], MEETING)
        today = client.search('SINCE 1-Mar-2024')
        self.assertEqual(today, [1])

    def test_d5_size_too_small(self):
        """D5 S9: announced as 300, the rest is command text: BAD, nothing
        is appended and the connection goes on."""
        client = self.login()
        client.ok('CREATE saved-messages')
        client.write(b'A003 APPEND saved-messages (\\Seen) {300}\r\n')
        self.assertEqual(client.read().name, '+')
        client.write(MEETING)
        self.assertEqual(client.wait('A003').status, 'BAD')
        client.write(b'\r\n')
        # The empty line that is left over is a command without a tag.
        tag, _, _ = client.send('STATUS saved-messages (MESSAGES)')
        reply = client.read()
        while getattr(reply, 'tag', None) != tag:
            if getattr(reply, 'name', '') == 'STATUS':
                self.assertEqual(reply.data[1], ['MESSAGES', '0'])
            reply = client.read()
        self.assertEqual(reply.status, 'OK')

    def prepare_inbox(self):
        """Two unseen messages, next UID 5, none \\Recent."""
        client = self.login()
        for subject in ('gone', 'test', 'gone', 'another test'):
            client.append('INBOX', mail(subject=subject))
        client.select()
        client.ok('STORE 1,3 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.logout()

    def test_d6_search(self):
        """D6 S46 S85 S86 S101 S123: sets of sequence numbers, a bare SEARCH
        where nothing matches, INBOX in lower case."""
        self.prepare_inbox()
        client = self.connect()
        client.ok(f'login {self.user} pass', tag='a1')
        reply = client.ok('select inbox', tag='a2')
        self.assert_untagged(reply, '* 2 EXISTS', '* 0 RECENT',
                             '* OK [UNSEEN 1]', '* OK [UIDNEXT 5]')
        self.assertEqual(reply.code_name(), 'READ-WRITE')
        for tag, keys, found in (
                ('a3', 'header subject test', [1, 2]),
                ('a4', 'header subject another', [2]),
                ('a5', 'unseen', [1, 2])):
            with self.subTest(keys=keys):
                reply = client.ok(f'search {keys}', tag=tag)
                self.assertEqual(reply.search(), found)
        reply = client.ok('search subject nothing')
        self.assertEqual([repr(r) for r in reply.untagged], ['* SEARCH'])
        self.assert_bye_and_close(client, 'a6')

    def test_d7_answer_to_store(self):
        """D7 S69 S75: STORE answers with the new flags, .SILENT does not, and
        another session sees the change either way."""
        client, other = self.login(), self.login()
        client.append('INBOX', mail())
        client.select()
        other.select()
        reply = client.ok('store 1 +flags \\DELETED', tag='a3')
        self.assertEqual(len(reply.untagged), 1)
        self.assertIn('\\Deleted', reply.fetched()[1]['FLAGS'])
        seen = other.ok('NOOP').fetched()
        self.assertIn('\\Deleted', seen[1]['FLAGS'])
        reply = client.ok('store 1 -flags.silent \\DELETED')
        self.assertEqual(reply.untagged, [])
        seen = other.ok('NOOP').fetched()
        self.assertNotIn('\\Deleted', seen[1]['FLAGS'])
        reply = client.ok('store 1 +flags (\\Deleted \\Flagged)')
        reply = client.ok('store 1 -flags (\\Deleted)')
        self.assertNotIn('\\Deleted', reply.fetched()[1]['FLAGS'])
        self.assertIn('\\Flagged', reply.fetched()[1]['FLAGS'])


class ShortExchanges(harness.ServerCase):
    def test_two_commands_at_once(self):
        """S13 S19: two commands sent at once are answered under their own
        tags, in any order."""
        client = self.login()
        client.append('INBOX', mail())
        client.select()
        client.write(b'p1 NOOP\r\np2 SEARCH ALL\r\n')
        tags = {}
        while len(tags) < 2:
            reply = client.read()
            if hasattr(reply, 'tag'):
                tags[reply.tag] = reply.status
        self.assertEqual(tags, {'p1': 'OK', 'p2': 'OK'})

    def test_literal_needs_no_continuation(self):
        """S12: {n+} is not answered with a continuation."""
        client = self.login()
        for literal in (Literal(b'Hello'), Literal(b'Hello', plus=True)):
            reply = client.ok('APPEND INBOX ', literal)
            self.assertEqual(reply.untagged, [])
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 2})

    def test_noop_after_change_by_another(self):
        """S30 S11: NOOP shows all that another session committed."""
        watcher, writer = self.login(name='watcher'), self.login(name='writer')
        for n in range(3):
            writer.append('INBOX', mail(subject=str(n)))
        watcher.select()
        writer.select()
        writer.append('INBOX', mail(subject='new'))
        writer.ok('STORE 1 +FLAGS (\\Flagged kw)')
        writer.ok('STORE 2 +FLAGS (\\Deleted)')
        writer.ok('EXPUNGE')
        reply = watcher.ok('NOOP')
        self.assertEqual(reply.numbers('EXPUNGE'), [2])
        self.assertEqual(reply.last('EXISTS'), 3)
        flags = reply.fetched()[1]['FLAGS']
        self.assertLessEqual({'\\Flagged', 'kw'}, flags)

    def test_xgwmove_is_unknown(self):
        """S29: an X command that nobody has is BAD; MOVE is the way."""
        client = self.login()
        client.append('INBOX', mail())
        client.ok('CREATE Trash')
        client.select()
        client.bad('XGWMOVE 1 Trash')
        client.ok('MOVE 1 Trash')
        self.assertEqual(client.status('Trash', 'MESSAGES'), {'MESSAGES': 1})


if __name__ == '__main__':
    harness.main()
