#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Flags and keywords, \\Recent, what SELECT and EXAMINE say of them."""

import harness
from mails import mail

SYSTEM = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']


class Flags(harness.ServerCase):
    def mailbox(self, messages=3):
        client = self.login()
        for n in range(messages):
            client.append('INBOX', mail(subject=str(n)))
        client.select()
        return client

    def flags(self, client, n=1):
        return client.fetch(str(n), 'FLAGS')[n]['FLAGS'] - {'\\Recent'}

    def test_each_flag(self):
        """S66 S67 S68 S69 S70 S75: each system flag is set, seen by another
        session, kept over a new SELECT, and taken back."""
        client, other = self.mailbox(), self.login()
        other.select()
        for flag in SYSTEM:
            with self.subTest(flag=flag):
                reply = client.ok(f'STORE 2 +FLAGS ({flag})')
                self.assertIn(flag, reply.fetched()[2]['FLAGS'])
                self.assertIn(flag, other.ok('NOOP').fetched()[2]['FLAGS'])
                third = self.login()
                third.select()
                self.assertEqual(self.flags(third, 2), {flag})
                self.assertEqual(self.flags(third, 1), set())
                client.ok(f'STORE 2 -FLAGS ({flag})')
                self.assertEqual(self.flags(client, 2), set())
                other.ok('NOOP')
                self.assertEqual(self.flags(other, 2), set())

    def test_store_forms(self):
        """S75: FLAGS replaces, +FLAGS adds, -FLAGS removes; several messages
        and flags at once; parentheses may be left out; case does not
        matter."""
        client = self.mailbox()
        for command, wanted in (
                ('FLAGS (\\Seen \\Flagged)', {'\\Seen', '\\Flagged'}),
                ('+FLAGS (\\Draft)', {'\\Seen', '\\Flagged', '\\Draft'}),
                ('-FLAGS (\\Seen \\Answered)', {'\\Flagged', '\\Draft'}),
                ('FLAGS (kw1)', {'kw1'}),
                ('+flags KW2', {'kw1', 'KW2'}),
                ('-FLAGS (kw2)', {'kw1'}),
                ('+FLAGS \\seen \\FLAGGED', {'kw1', '\\Seen', '\\Flagged'}),
                ('FLAGS ()', set()),
                ('+FLAGS ()', set())):
            with self.subTest(command=command):
                client.ok('STORE 1:2 ' + command)
                self.assertEqual(self.flags(client, 1), wanted)
                self.assertEqual(self.flags(client, 2), wanted)
        self.assertEqual(self.flags(client, 3), set())

    def test_silent(self):
        """S75: .SILENT gives no FETCH to the one who asked, and one to the
        other session."""
        client, other = self.mailbox(), self.login()
        other.select()
        reply = client.ok('STORE 1:3 +FLAGS.SILENT (\\Seen)')
        self.assertEqual(reply.named('FETCH'), [])
        self.assertEqual(set(other.ok('NOOP').fetched()), {1, 2, 3})

    def test_uid_store(self):
        """S87 S75: UID STORE answers with UIDs and passes over those that are
        not there."""
        client = self.mailbox()
        client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        reply = client.ok('UID STORE 2:9 +FLAGS (\\Flagged)')
        self.assertEqual([i['UID'] for i in reply.fetched().values()], [3])
        client.ok('UID STORE 2 +FLAGS (\\Seen)')
        self.assertEqual(client.search('FLAGGED', uid=True), [3])
        self.assertEqual(client.search('SEEN', uid=True), [])

    def test_refused(self):
        """S9 S72: \\Recent, unknown system flags and non-atoms are BAD, a
        keyword with a forbidden character or too long is NO; nothing
        changes."""
        client = self.mailbox()
        for flags in ('\\Foo', '\\Recent', '"x"', '(x'):
            client.bad(f'STORE 1 +FLAGS ({flags})')
        client.no('STORE 1 +FLAGS (a]b)')
        client.no(f"STORE 1 +FLAGS ({'k' * 80})")
        self.assertEqual(self.flags(client), set())

    def test_no_lost_update(self):
        """S75 S76: sessions that set and clear their own keyword on the same
        messages in turn never undo each other."""
        rng = harness.seeded('test_no_lost_update')
        self.mailbox(10)
        clients = [self.login() for _ in range(4)]
        wanted = {n: set() for n in range(1, 11)}
        for client in clients:
            client.select()
        for _ in range(100):
            tags = []
            for k, client in enumerate(clients):
                n, sign = rng.randint(1, 10), rng.choice('+-')
                tags.append(client.send(f'STORE {n} {sign}FLAGS (own{k})')[0])
                if sign == '+':
                    wanted[n].add(f'own{k}')
                else:
                    wanted[n].discard(f'own{k}')
            for client, tag in zip(clients, tags):
                self.assertEqual(client.wait(tag).status, 'OK')
        for client in clients + [self.login()]:
            client.select()
            got = client.fetch('1:*', 'FLAGS')
            self.assertEqual(
                {n: got[n]['FLAGS'] - {'\\Recent'} for n in got}, wanted)

    def test_flags_survive_restart(self):
        """S66 S72: flags and keywords are there after a restart of the
        server."""
        client = self.mailbox()
        client.ok('STORE 1 +FLAGS (\\Answered kw)')
        client.ok('STORE 3 +FLAGS (\\Deleted)')
        client.ok('CHECK')
        client.close()
        self.server.restart()
        client = self.login()
        client.ok('EXAMINE INBOX')
        self.assertEqual([self.flags(client, n) for n in (1, 2, 3)],
                         [{'\\Answered', 'kw'}, set(), {'\\Deleted'}])

    def test_check(self):
        """S79: CHECK is OK and changes nothing, in EXAMINE too."""
        client = self.mailbox()
        client.ok('STORE 1 +FLAGS (\\Deleted)')
        self.assertEqual(client.ok('CHECK').named('EXPUNGE'), [])
        client.ok('EXAMINE INBOX')
        client.ok('CHECK')
        self.assertEqual(len(client.fetch('1:*', 'FLAGS')), 3)


class Keywords(harness.ServerCase):
    def test_three_hundred(self):
        """S72: one mailbox has 300 keywords, more than any file format with
        letters; each is found by search and listed in FLAGS."""
        client = self.login()
        for n in range(30):
            client.append('INBOX', mail(), ' '.join(
                f'kw{n * 10 + k}' for k in range(10)))
        client.select()
        for n in range(30):
            got = client.fetch(str(n + 1), 'FLAGS')[n + 1]['FLAGS']
            self.assertEqual(got - {'\\Recent'},
                             {f'kw{n * 10 + k}' for k in range(10)})
        other = self.login()
        reply = other.select()
        listed = set(reply.named('FLAGS')[0].data[0])
        self.assertLessEqual({f'kw{k}' for k in range(300)}, listed)
        for k in (0, 25, 26, 63, 64, 255, 256, 299):
            self.assertEqual(other.search(f'KEYWORD kw{k}'), [k // 10 + 1])
        client.ok('STORE 1 +FLAGS ('
                  + ' '.join(f'kw{k}' for k in range(300)) + ')')
        self.assertEqual(
            len(other.ok('NOOP').fetched()[1]['FLAGS'] - {'\\Recent'}), 300)

    def test_odd_keywords(self):
        """S72: any atom that does not begin with a backslash."""
        client = self.login()
        client.append('INBOX', mail())
        client.select()
        words = ['$Forwarded', '$MDNSent', 'NonJunk', '$label1', 'a.b-c_d',
                 "it's", 'x+y=z', '!', '&', '#', '@home', 'k' * 50, '0',
                 'NIL', 'Recent', 'a:b', 'a;b', '<>', '~', '|']
        for word in words:
            with self.subTest(word=word):
                client.ok(f'STORE 1 FLAGS ({word})')
                other = self.login()
                other.select()
                got = other.fetch('1', 'FLAGS')[1]['FLAGS']
                got = {w if w is not None else 'NIL' for w in got}
                self.assertEqual(got - {'\\Recent'}, {word})
                self.assertEqual(other.search(f'KEYWORD {word}'), [1])
                other.close()

    def test_case(self):
        """S72 S102: keywords differ only by case are one keyword."""
        client = self.login()
        client.append('INBOX', mail(), 'Important')
        client.append('INBOX', mail(), 'IMPORTANT')
        client.select()
        self.assertEqual(client.search('KEYWORD important'), [1, 2])
        client.ok('STORE 1:2 -FLAGS (iMPORTANT)')
        self.assertEqual(client.search('KEYWORD important'), [])

    def test_new_keyword_is_announced(self):
        """S72 S73: a keyword that a mailbox did not have is announced in FLAGS
        and PERMANENTFLAGS, to the other session too."""
        client, other = self.login(), self.login()
        client.append('INBOX', mail())
        client.select()
        other.select()
        reply = client.ok('STORE 1 +FLAGS (brandnew)')
        self.assertIn('brandnew', reply.named('FLAGS')[0].data[0])
        self.assertIn('brandnew', reply.coded('PERMANENTFLAGS')[0])
        reply = other.ok('NOOP')
        self.assertIn('brandnew', reply.named('FLAGS')[0].data[0])
        self.assertIn('brandnew', reply.fetched()[1]['FLAGS'])


class Select(harness.ServerCase):
    def test_answer(self):
        """S50 S127: SELECT tells FLAGS, PERMANENTFLAGS, EXISTS, RECENT, first
        unseen, UIDVALIDITY, UIDNEXT and READ-WRITE."""
        client = self.login()
        client.append('INBOX', mail(), '\\Seen kw')
        client.append('INBOX', mail(), '\\Seen')
        client.append('INBOX', mail())
        reply = client.select()
        self.assertEqual(reply.named('FLAGS')[0].data[0], SYSTEM + ['kw'])
        self.assertEqual(reply.coded('PERMANENTFLAGS')[0],
                         SYSTEM + ['kw', '\\*'])
        self.assertEqual((reply.last('EXISTS'), reply.last('RECENT')), (3, 3))
        self.assertEqual(reply.coded('UNSEEN'), ['3'])
        self.assertEqual(reply.coded('UIDNEXT'), ['4'])
        self.assertGreater(int(reply.coded('UIDVALIDITY')[0]), 0)
        self.assertEqual(reply.code_name(), 'READ-WRITE')

    def test_first_unseen(self):
        """S127: UNSEEN names the first message without \\Seen; where all are
        seen it is left out."""
        client = self.login()
        for _ in range(5):
            client.append('INBOX', mail())
        for seen, wanted in (('1', ['2']), ('3', ['2']), ('2', ['4']),
                             ('4:5', None)):
            client.select()
            client.ok(f'STORE {seen} +FLAGS.SILENT (\\Seen)')
            self.assertEqual(client.select().coded('UNSEEN'), wanted)

    def test_examine(self):
        """S51 S73: EXAMINE is READ-ONLY with empty PERMANENTFLAGS, and nothing
        that it does changes the mailbox."""
        client = self.login()
        client.append('INBOX', mail(), '\\Deleted')
        client.append('INBOX', mail())
        other = self.login()
        reply = other.ok('EXAMINE INBOX')
        self.assertEqual(reply.code_name(), 'READ-ONLY')
        self.assertEqual(reply.coded('PERMANENTFLAGS'), [[]])
        for command in ('STORE 1:2 +FLAGS (\\Seen kw)', 'EXPUNGE',
                        'UID EXPUNGE 1:2', 'STORE 1 FLAGS ()',
                        'FETCH 1:2 BODY[]', 'CLOSE'):
            other.cmd(command)
        reply = client.select()
        self.assertEqual((reply.last('EXISTS'), reply.last('RECENT')), (2, 2))
        got = client.fetch('1:2', 'UID FLAGS')
        self.assertEqual(got[1], {'UID': 1,
                                  'FLAGS': {'\\Deleted', '\\Recent'}})
        self.assertEqual(got[2], {'UID': 2, 'FLAGS': {'\\Recent'}})

    def test_examine_sees_changes(self):
        """S51 S11: what others change is seen in EXAMINE too."""
        client, other = self.login(), self.login()
        client.append('INBOX', mail())
        other.ok('EXAMINE INBOX')
        client.append('INBOX', mail())
        client.select()
        client.ok('STORE 1 +FLAGS (\\Flagged)')
        reply = other.ok('NOOP')
        self.assertEqual(reply.last('EXISTS'), 2)
        self.assertIn('\\Flagged', reply.fetched()[1]['FLAGS'])


class Recent(harness.ServerCase):
    def test_first_session_only(self):
        """S71 S109: of the sessions that select the mailbox, exactly one is
        shown a message as \\Recent."""
        writer = self.login()
        for _ in range(5):
            writer.append('INBOX', mail())
        first, second = self.login(), self.login()
        self.assertEqual(first.select().last('RECENT'), 5)
        self.assertEqual(second.select().last('RECENT'), 0)
        self.assertEqual(first.search('RECENT'), [1, 2, 3, 4, 5])
        self.assertEqual(second.search('RECENT'), [])
        self.assertEqual(second.status('INBOX', 'RECENT'), {'RECENT': 0})

    def test_examine_leaves_it(self):
        """S51 S71: EXAMINE sees \\Recent and does not take it."""
        writer = self.login()
        writer.append('INBOX', mail())
        for _ in range(2):
            client = self.login()
            self.assertEqual(client.ok('EXAMINE INBOX').last('RECENT'), 1)
            client.logout()
        client = self.login()
        self.assertEqual(client.select().last('RECENT'), 1)
        client.logout()
        self.assertEqual(self.login().select().last('RECENT'), 0)

    def test_while_selected(self):
        """S71 S11: a message that arrives in a selected mailbox is \\Recent in
        exactly one of the sessions."""
        sessions = [self.login() for _ in range(3)]
        for client in sessions:
            client.select()
        writer = self.login()
        for n in range(1, 6):
            writer.append('INBOX', mail())
            for client in sessions:
                client.ok('NOOP')
            shown = [n in client.search('RECENT') for client in sessions]
            self.assertEqual(sum(shown), 1, shown)

    def test_status_recent(self):
        """S71 S49: STATUS tells RECENT until a session has taken them."""
        client = self.login()
        client.append('INBOX', mail())
        client.append('INBOX', mail())
        self.assertEqual(client.status('INBOX', 'RECENT'), {'RECENT': 2})
        self.assertEqual(client.status('INBOX', 'RECENT'), {'RECENT': 2})
        client.select()
        client.ok('UNSELECT')
        self.assertEqual(client.status('INBOX', 'RECENT'), {'RECENT': 0})

    def test_copies_are_recent(self):
        """S71 S83: a copy is \\Recent in its mailbox, whatever the source."""
        client = self.login()
        client.ok('CREATE x')
        client.append('INBOX', mail())
        client.select()
        client.ok('UNSELECT')
        client.select()
        client.ok('COPY 1 x')
        self.assertEqual(client.select('x').last('RECENT'), 1)


if __name__ == '__main__':
    harness.main()
