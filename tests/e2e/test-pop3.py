#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""POP3 and LMTP on the same mail."""

import harness
import mime
from imap import seqset
from mails import incompressible, mail, random_mail

CRLF = b'\r\n'


class Pop3(harness.ServerCase):
    def fill(self, count=5):
        client = self.login()
        messages = [mail(subject=str(n), body=f'body {n}\r\n' * n)
                    for n in range(1, count + 1)]
        for message in messages:
            client.append('INBOX', message)
        return client, messages

    def test_stat_and_list(self):
        """S3 S57: STAT and LIST tell the octets on the wire."""
        _, messages = self.fill()
        pop = self.pop3()
        total = sum(map(len, messages))
        self.assertEqual(pop.ok('STAT').split()[1:3],
                         [str(len(messages)), str(total)])
        self.assertEqual(pop.table('LIST'), {
            n: str(len(m)) for n, m in enumerate(messages, 1)})
        self.assertEqual(pop.ok('LIST 2').split()[1:3],
                         ['2', str(len(messages[1]))])
        pop.quit()

    def test_retr_and_top(self):
        """S3 S82: RETR gives the octets, TOP the header and so many lines;
        lines that begin with a dot are right."""
        client = self.login()
        for message in (mime.MESSAGE, mail(body='.\r\n..\r\n.x\r\nend\r\n'),
                        mail(body=incompressible(300000))):
            client.append('INBOX', message)
        pop = self.pop3()
        self.assertEqual(pop.many('RETR 1'), mime.MESSAGE)
        self.assertTrue(pop.many('RETR 2').endswith(
            b'\r\n\r\n.\r\n..\r\n.x\r\nend\r\n'))
        self.assertEqual(pop.many('RETR 3'), mail(body=incompressible(300000)))
        self.assertEqual(pop.many('TOP 1 0'), mime.HEADER)
        self.assertEqual(pop.many('TOP 1 2'), mime.HEADER + b''.join(
            line + CRLF for line in mime.BODY.split(CRLF)[:2]))
        pop.quit()

    def test_uidl_is_stable(self):
        """S3 S53: UIDLs are the same in the next session, after new mail,
        after expunges, and after a restart of the server."""
        client, _ = self.fill()
        pop = self.pop3()
        before = pop.table('UIDL')
        self.assertEqual(len(set(before.values())), 5)
        self.assertEqual(pop.ok('UIDL 3').split()[2], before[3])
        pop.quit()
        client.append('INBOX', mail())
        client.select()
        client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.close()
        self.server.restart()
        pop = self.pop3()
        after = pop.table('UIDL')
        self.assertEqual([after[n] for n in (1, 2, 3, 4)],
                         [before[n] for n in (1, 3, 4, 5)])
        self.assertNotIn(after[5], before.values())

    def test_dele(self):
        """S3 S81: DELE takes effect at QUIT; RSET takes it back; a connection
        that breaks off deletes nothing."""
        client, _ = self.fill()
        pop = self.pop3()
        pop.ok('DELE 1')
        pop.ok('RSET')
        pop.ok('DELE 2')
        pop.err('RETR 2')
        pop.ok('DELE 4')
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 5})
        pop.quit()
        client.select()
        self.assertEqual(client.search('ALL', uid=True), [1, 3, 5])
        pop = self.pop3()
        pop.ok('DELE 1')
        pop.close()
        pop = self.pop3()
        self.assertEqual(set(pop.table('LIST')), {1, 2, 3})
        pop.quit()
        self.assertEqual(client.search('ALL', uid=True), [1, 3, 5])

    def test_session_sees_one_state(self):
        """S3 S14: mail that comes during a POP3 session does not change its
        numbers; what IMAP expunges meanwhile is -ERR, the rest is read."""
        client, messages = self.fill()
        pop = self.pop3()
        before = pop.table('LIST')
        client.append('INBOX', mail(subject='late'))
        client.select()
        client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        self.assertEqual(pop.table('LIST'), before)
        ok, answer = pop.cmd('RETR 2')
        if ok:
            self.assertEqual(pop.rest(), messages[1])
        else:
            self.assertTrue(answer.startswith('-ERR'))
            pop = self.pop3()
        numbers = pop.table('LIST')
        self.assertEqual(pop.many(f'RETR {len(numbers)}')[:5], b'From:')

    def test_errors(self):
        """S3 S9: numbers that are not there are -ERR."""
        self.fill(1)
        pop = self.pop3()
        for command in ('RETR 2', 'RETR 0', 'DELE 99', 'UIDL 7', 'TOP 5 1',
                        'LIST x', 'RETR'):
            pop.err(command)
        pop.ok('NOOP')
        pop.ok('CAPA')

    def test_seen_by_imap(self):
        """S3 S66: RETR sets \\Seen."""
        client, _ = self.fill(2)
        pop = self.pop3()
        pop.many('RETR 1')
        pop.quit()
        client.select()
        self.assertEqual(client.search('SEEN'), [1])

    def test_many(self):
        """S3: three hundred messages, all of them read and deleted."""
        rng = harness.seeded('test_many')
        client = self.login()
        messages = [random_mail(rng) for _ in range(300)]
        for message in messages:
            client.append('INBOX', message)
        pop = self.pop3()
        for n, message in enumerate(messages, 1):
            self.assertEqual(pop.many(f'RETR {n}'), message)
            pop.ok(f'DELE {n}')
        pop.quit()
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 0})
        self.assertEqual(client.append('INBOX', mail()), 301)


class Lmtp(harness.ServerCase):
    def received(self, client, message):
        """All messages of the INBOX end with the octets that were sent,
        after the trace lines of the server."""
        client.select()
        got = client.fetch('1:*', 'BODY.PEEK[]')
        for items in got.values():
            head, found, _ = items['BODY[]'].partition(message)
            self.assertTrue(found)
            self.assertIn(b'Received: ', head)
        return len(got)

    def test_one_recipient(self):
        """S3 S78: a delivered message has its octets after the trace lines,
        is \\Recent and unseen, and its INTERNALDATE is the time of delivery."""
        client = self.login()
        self.lmtp().deliver(self.user, mime.MESSAGE, 'ann@example.org')
        self.assertEqual(self.received(client, mime.MESSAGE), 1)
        got = client.fetch('1', 'FLAGS INTERNALDATE RFC822.SIZE')[1]
        self.assertEqual(got['FLAGS'], {'\\Recent'})
        self.assertNotIn(b'1994', got['INTERNALDATE'])
        self.assertGreater(got['RFC822.SIZE'], len(mime.MESSAGE))

    def test_many_recipients(self):
        """S3: one message to twenty recipients is in each account once."""
        users = [f'{self.user}r{n}' for n in range(20)]
        message = mail(body=incompressible(50000))
        self.lmtp().deliver(users, message)
        for user in users:
            client = self.login(user)
            self.assertEqual(self.received(client, message), 1)
            client.logout()

    def test_same_recipient_twice(self):
        """S3: an account that is named several times gets the message, once
        per name at most."""
        client = self.login()
        self.lmtp().deliver([self.user, self.user + '+detail', self.user],
                            mail(subject='thrice'))
        self.assertIn(self.received(client, b'Subject: thrice'), (1, 2, 3))

    def test_several_messages_per_connection(self):
        """S3 S53: messages of one connection have UIDs in their order."""
        lmtp = self.lmtp()
        for n in range(20):
            lmtp.deliver(self.user, mail(subject=f'number {n}'))
        client = self.login()
        client.select()
        got = client.fetch_by_uid('ENVELOPE')
        self.assertEqual([got[u]['ENVELOPE'][1].decode() for u in sorted(got)],
                         [f'number {n}' for n in range(20)])

    def test_two_connections_at_once(self):
        """S3 S60 S53: deliveries and APPENDs at the same time all arrive."""
        client = self.login()
        connections = [self.lmtp() for _ in range(4)]
        for n in range(10):
            for k, lmtp in enumerate(connections):
                lmtp.command('MAIL FROM:<>', 250)
                lmtp.command(f'RCPT TO:<{self.user}>', 250)
                lmtp.command('DATA', 354)
            for k, lmtp in enumerate(connections):
                lmtp.write(mail(subject=f'{k}.{n}') + b'.\r\n')
            client.append('INBOX', mail(subject=f'imap.{n}'))
            for lmtp in connections:
                self.assertEqual(lmtp.reply()[0], 250)
        client.select()
        uids = client.search('ALL', uid=True)
        self.assertEqual(uids, list(range(1, 51)))
        subjects = {d['ENVELOPE'][1].decode() for d in
                    client.fetch_by_uid('ENVELOPE', seqset(uids)).values()}
        self.assertEqual(len(subjects), 50)

    def test_dots_and_no_final_newline(self):
        """S3 S77: dots at the beginning of lines, and a message without a
        final line end, which gets one."""
        client = self.login()
        self.lmtp().deliver(self.user, b'Subject: x\r\n\r\n.\r\n..\r\n.a')
        client.select()
        got = client.fetch('1', 'BODY.PEEK[TEXT]')[1]['BODY[TEXT]']
        self.assertEqual(got, b'.\r\n..\r\n.a\r\n')

    def test_into_a_new_account(self):
        """S3 S77: the first delivery to an account makes its INBOX."""
        user = self.user + 'new'
        self.lmtp().deliver(user, mail())
        client = self.login(user)
        self.assertEqual(set(client.list()), {'INBOX'})
        self.assertEqual(client.select().last('EXISTS'), 1)


if __name__ == '__main__':
    harness.main()
