#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""COPY, MOVE, EXPUNGE and CLOSE: which messages are where afterwards, under
which UIDs, and what every session is told."""

import subprocess

import harness
from imap import Closed, expand, seqset
from mails import incompressible, mail

DATE = '01-Mar-2024 12:00:00 +0000'


class Base(harness.ServerCase):
    def mailbox(self, messages=6, name='INBOX', flags=''):
        client = self.login()
        if name != 'INBOX':
            client.ok(f'CREATE {name}')
        for n in range(1, messages + 1):
            client.append(name, mail(subject=f'message {n}'), flags, DATE)
        client.select(name)
        return client

    def uids(self, client):
        return client.search('ALL', uid=True)

    def subjects(self, client):
        """{uid: subject} of the selected mailbox."""
        if not client.search('ALL'):
            return {}
        got = client.fetch_by_uid('ENVELOPE')
        return {uid: d['ENVELOPE'][1].decode() for uid, d in got.items()}


class Expunge(Base):
    def test_answers(self):
        """S81 S55: EXPUNGE answers once per message with the number it has at
        that moment, and leaves the others with their UIDs."""
        client = self.mailbox(10)
        client.ok('STORE 2,3,5,9 +FLAGS.SILENT (\\Deleted)')
        reply = client.ok('EXPUNGE')
        left = list(range(1, 11))
        for n in reply.numbers('EXPUNGE'):
            del left[n - 1]
        self.assertEqual(left, [1, 4, 6, 7, 8, 10])
        self.assertEqual(self.uids(client), left)
        self.assertEqual(self.subjects(client),
                         {u: f'message {u}' for u in left})

    def test_nothing_to_expunge(self):
        """S81: EXPUNGE without \\Deleted messages removes none."""
        client = self.mailbox()
        self.assertEqual(client.ok('EXPUNGE').untagged, [])
        self.assertEqual(len(self.uids(client)), 6)

    def test_uid_expunge(self):
        """S81 S87 S69: UID EXPUNGE removes only the \\Deleted ones of the
        set."""
        client = self.mailbox()
        client.ok('STORE 1:4 +FLAGS.SILENT (\\Deleted)')
        reply = client.ok('UID EXPUNGE 2:3,6,99')
        self.assertEqual(sorted(reply.numbers('EXPUNGE')), [2, 3])
        self.assertEqual(self.uids(client), [1, 4, 5, 6])
        self.assertEqual(client.search('DELETED', uid=True), [1, 4])

    def test_uids_are_never_used_again(self):
        """S53: a UID is not given out again, neither after EXPUNGE of the last
        message, nor after a restart; UIDNEXT never shrinks."""
        client = self.mailbox(3)
        seen = [1, 2, 3]
        for _ in range(3):
            client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
            client.ok('EXPUNGE')
            self.assertEqual(client.status('INBOX')['UIDNEXT'], seen[-1] + 1)
            client.close()
            self.server.restart()
            client = self.login()
            self.assertEqual(client.status('INBOX')['UIDNEXT'], seen[-1] + 1)
            seen.append(client.append('INBOX', mail()))
            client.select()
        self.assertEqual(seen, [1, 2, 3, 4, 5, 6])

    def test_other_session(self):
        """S81 S14 S60: another session learns of it at NOOP, not during FETCH
        or STORE by number; the numbers it knows stay valid until then."""
        client, other = self.mailbox(), self.login()
        other.select()
        client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        for command in ('FETCH 1:* (FLAGS UID)', 'STORE 6 +FLAGS (\\Seen)',
                        'SEARCH ALL'):
            reply = other.ok(command)
            self.assertEqual(reply.named('EXPUNGE'), [], command)
        self.assertEqual(other.fetch('6', 'UID')[6]['UID'], 6)
        self.assertEqual(other.ok('NOOP').numbers('EXPUNGE'), [2])
        self.assertEqual(self.uids(other), [1, 3, 4, 5, 6])
        self.assertEqual(other.search('SEEN', uid=True), [6])

    def test_fetch_of_what_is_gone(self):
        """S14 S9: a body that another session expunged is still read right, or
        answered with [EXPUNGEISSUED]; the connection goes on."""
        client, other = self.mailbox(), self.login()
        other.select()
        client.ok('STORE 1:3 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        reply = other.cmd('FETCH 1:6 (UID BODY.PEEK[])')
        self.assertIn(reply.status, ('OK', 'NO'))
        got = reply.fetched()
        for n in range(4, 7):
            self.assertIn(f'message {n}\r\n'.encode(), got[n]['BODY[]'])
        gone = [n for n in (1, 2, 3) if not got.get(n, {}).get('BODY[]')]
        for n in {1, 2, 3} - set(gone):
            self.assertIn(f'message {n}\r\n'.encode(), got[n]['BODY[]'])
        if gone:
            self.assertEqual(reply.code_name(), 'EXPUNGEISSUED')
        reply = other.cmd('COPY 1 INBOX')
        if reply.status == 'OK':
            self.assertEqual(reply.code_name(), 'COPYUID')
        else:
            self.assertEqual(reply.code_name(), 'EXPUNGEISSUED')
        other.ok('NOOP')
        self.assertLessEqual({4, 5, 6}, set(self.uids(other)))

    def test_close(self):
        """S80: CLOSE expunges without a word; the other session sees it."""
        client, other = self.mailbox(), self.login()
        other.select()
        client.ok('STORE 1,4 +FLAGS.SILENT (\\Deleted)')
        reply = client.ok('CLOSE')
        self.assertEqual(reply.untagged, [])
        client.bad('FETCH 1 FLAGS')
        self.assertEqual(sorted(other.ok('NOOP').numbers('EXPUNGE')), [1, 4])

    def test_close_after_examine(self):
        """S80 S51: CLOSE after EXAMINE expunges nothing; nor does UNSELECT
        after SELECT."""
        client = self.mailbox(3, flags='\\Deleted')
        client.ok('UNSELECT')
        client.ok('EXAMINE INBOX')
        client.ok('CLOSE')
        client.select()
        client.ok('UNSELECT')
        self.assertEqual(client.select().last('EXISTS'), 3)

    def test_what_does_not_expunge(self):
        """S89 S79 S69: LOGOUT, a lost connection, CHECK, SELECT of another
        mailbox leave \\Deleted messages in place."""
        client = self.mailbox(3, flags='\\Deleted')
        client.ok('CREATE other')
        client.ok('CHECK')
        client.select('other')
        client.select()
        client.logout()
        client = self.login()
        client.select()
        client.close()
        self.assertEqual(self.login().select().last('EXISTS'), 3)

    def test_expunge_by_rule(self):
        """S131 S11: what the administrator expunges, a session is told at
        NOOP."""
        client = self.mailbox()
        self.doveadm('expunge', 'mailbox', 'INBOX', 'SUBJECT', 'message 3')
        self.assertEqual(client.ok('NOOP').numbers('EXPUNGE'), [3])

    def test_purge_keeps_deleted(self):
        """S132: `doveadm purge` frees what nobody refers to and touches no
        message, \\Deleted or not."""
        client = self.mailbox(6, flags='\\Deleted')
        client.ok('UID STORE 1:2 +FLAGS.SILENT (\\Deleted)')
        client.ok('UID EXPUNGE 1:2')
        before = client.fetch_by_uid('BODY.PEEK[]')
        for _ in range(2):
            self.doveadm('purge')
            self.assertEqual(client.fetch_by_uid('BODY.PEEK[]'), before)
        other = self.login()
        other.select()
        self.assertEqual(other.fetch_by_uid('BODY.PEEK[]'), before)

    def test_many(self):
        """S81 S55: of a thousand messages every other one is expunged."""
        client = self.login()
        for _ in range(1000):
            client.send('APPEND INBOX {7+}\r\nx: y\r\n\n')
        for n in range(1000):
            self.assertEqual(client.wait(f'a{n + 2}').status, 'OK')
        client.select()
        other = self.login()
        other.select()
        client.ok(f'STORE {seqset(range(1, 1001, 2))} +FLAGS.SILENT '
                  '(\\Deleted)')
        reply = client.ok('EXPUNGE')
        self.assertEqual(len(reply.numbers('EXPUNGE')), 500)
        self.assertEqual(self.uids(client), list(range(2, 1001, 2)))
        self.assertEqual(len(other.ok('NOOP').numbers('EXPUNGE')), 500)
        self.assertEqual(self.uids(other), list(range(2, 1001, 2)))


class Copy(Base):
    def test_copy(self):
        """S83 S56: a copy has octets, flags, keywords and INTERNALDATE of its
        source, which stays as it was; COPYUID tells the UIDs."""
        client = self.mailbox(flags='\\Flagged kw')
        client.ok('CREATE x')
        before = client.fetch_by_uid('FLAGS INTERNALDATE BODY.PEEK[]')
        reply = client.ok('COPY 2:4 x')
        validity = client.status('x')['UIDVALIDITY']
        self.assertEqual(reply.code[:2], ['COPYUID', str(validity)])
        self.assertEqual([expand(t) for t in reply.code[2:]],
                         [[2, 3, 4], [1, 2, 3]])
        self.assertEqual(client.fetch_by_uid('FLAGS INTERNALDATE '
                                             'BODY.PEEK[]'), before)
        client.select('x')
        after = client.fetch_by_uid('FLAGS INTERNALDATE BODY.PEEK[] '
                                    'RFC822.SIZE')
        for uid, source in ((1, 2), (2, 3), (3, 4)):
            for item in ('INTERNALDATE', 'BODY[]'):
                self.assertEqual(after[uid][item], before[source][item])
            self.assertEqual(after[uid]['FLAGS'] - {'\\Recent'},
                             {'\\Flagged', 'kw'})
            self.assertEqual(after[uid]['RFC822.SIZE'],
                             len(after[uid]['BODY[]']))

    def test_copy_outlives_source(self):
        """S83 S132: the copy is read when the source, and the source's
        mailbox, are gone and purged."""
        big = mail(body=incompressible(600000))
        client = self.login()
        for name in ('x', 'y', 'z'):
            client.ok(f'CREATE {name}')
        client.append('x', big)
        client.select('x')
        client.ok('COPY 1 y')
        client.ok('COPY 1 z')
        client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.ok('UNSELECT')
        client.ok('DELETE x')
        client.ok('DELETE y')
        self.doveadm('purge')
        client.select('z')
        self.assertTrue(client.fetch('1', 'BODY.PEEK[]')[1]['BODY[]'] == big)

    def test_into_the_same_mailbox(self):
        """S83: a copy into the selected mailbox is told as EXISTS."""
        client = self.mailbox(3)
        reply = client.ok('COPY 2:3 INBOX')
        self.assertEqual(reply.last('EXISTS'), 5)
        self.assertEqual(self.subjects(client), {
            1: 'message 1', 2: 'message 2', 3: 'message 3', 4: 'message 2',
            5: 'message 3'})

    def test_uid_copy(self):
        """S87 S83: UID COPY passes over UIDs that are not there."""
        client = self.mailbox()
        client.ok('CREATE x')
        client.ok('STORE 3 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        reply = client.ok('UID COPY 2:4,77 x')
        self.assertEqual([expand(t) for t in reply.code[2:]],
                         [[2, 4], [1, 2]])
        client.ok('UID COPY 77 x')
        self.assertEqual(client.status('x', 'MESSAGES'), {'MESSAGES': 2})

    def test_refused(self):
        """S83 S9: into a mailbox that is not there: NO [TRYCREATE]; into a
        \\Noselect one: NO; numbers that are not there: BAD."""
        client = self.mailbox(3)
        client.ok('CREATE dir/sub')
        for command in ('COPY', 'MOVE'):
            self.assertEqual(client.no(f'{command} 1:2 nosuch').code_name(),
                             'TRYCREATE')
            client.no(f'{command} 1 dir')
            client.bad(f'{command} 9 dir/sub')
        self.assertEqual(self.uids(client), [1, 2, 3])

    def test_thousand(self):
        """S83: a thousand messages are copied in one command, in order."""
        client = self.login()
        client.ok('CREATE x')
        for _ in range(10):
            parts = ''.join(' {7+}\r\nx: y\r\n\n' for _ in range(100))
            client.ok('APPEND INBOX' + parts)
        client.select()
        reply = client.ok('COPY 1:* x')
        self.assertEqual([expand(t) for t in reply.code[2:]],
                         [list(range(1, 1001))] * 2)
        self.assertEqual(client.status('x', 'MESSAGES UIDNEXT'),
                         {'MESSAGES': 1000, 'UIDNEXT': 1001})

    @harness.only_sqbox
    def test_copies_share_their_body(self):
        """S83: copies of large messages make the store grow by less than one
        twentieth."""
        client = self.login()
        client.ok('CREATE x')
        for n in range(20):
            client.append('INBOX', mail(body=incompressible(200000, n)))
        client.select()
        before = self.store_size()
        client.ok('COPY 1:* x')
        self.assertLess(self.store_size(), before * 1.05)

    def store_size(self):
        out = subprocess.run(['du', '-sk', self.server.home(self.user)],
                             capture_output=True, check=True).stdout
        return int(out.split()[0])


class Move(Base):
    def test_move(self):
        """S84 S29: MOVE tells COPYUID, then the EXPUNGEs; each message is in
        exactly one mailbox, with flags, date and octets."""
        client = self.mailbox(flags='\\Answered kw')
        client.ok('CREATE x')
        before = client.fetch_by_uid('INTERNALDATE BODY.PEEK[]')
        reply = client.ok('MOVE 2,5:6 x')
        copyuid = reply.coded('COPYUID')
        self.assertEqual([expand(t) for t in copyuid[1:]],
                         [[2, 5, 6], [1, 2, 3]])
        names = [r.code_name() or r.name for r in reply.untagged]
        self.assertLess(names.index('COPYUID'), names.index('EXPUNGE'))
        self.assertEqual(sorted(reply.numbers('EXPUNGE')), [2, 5, 6])
        self.assertEqual(self.uids(client), [1, 3, 4])
        client.select('x')
        after = client.fetch_by_uid('INTERNALDATE BODY.PEEK[]')
        for uid, source in ((1, 2), (2, 5), (3, 6)):
            self.assertEqual(after[uid], {**before[source], 'UID': uid})
        self.assertEqual(client.search('ANSWERED KEYWORD kw'), [1, 2, 3])

    def test_uid_move(self):
        """S84 S87: UID MOVE passes over what is not there."""
        client = self.mailbox(3)
        client.ok('CREATE x')
        reply = client.ok('UID MOVE 3,9 x')
        self.assertEqual(reply.numbers('EXPUNGE'), [3])
        client.ok('UID MOVE 9 x')
        self.assertEqual(client.status('x', 'MESSAGES'), {'MESSAGES': 1})

    def test_leaves_deleted_ones(self):
        """S84 S69: MOVE removes what it moves and no other \\Deleted
        message."""
        client = self.mailbox(4)
        client.ok('CREATE x')
        client.ok('STORE 1,3 +FLAGS.SILENT (\\Deleted)')
        client.ok('MOVE 2:3 x')
        self.assertEqual(self.uids(client), [1, 4])
        self.assertEqual(client.search('DELETED', uid=True), [1])

    def test_identity(self):
        """S133 S53 S54 I2: UIDVALIDITY and UID together name one message of
        the account, of all that there are and have been."""
        client = self.mailbox(2)
        seen = {}
        for n in range(4):
            for name in ('x', 'y'):
                client.ok(f'CREATE {name}')
                client.append(name, mail(subject=f'{n} {name}'))
            client.select('x')
            client.ok('COPY 1 y')
            client.ok('MOVE 1 INBOX')
            for name in ('x', 'y', 'INBOX'):
                validity = client.select(name).coded('UIDVALIDITY')[0]
                for uid, subject in self.subjects(client).items():
                    self.assertEqual(
                        seen.setdefault((validity, uid), subject), subject)
            client.ok('UNSELECT')
            client.ok('RENAME x z')
            client.ok('DELETE z')
            client.ok('DELETE y')
        self.assertEqual(len(seen), 2 + 4 * 3)

    def test_there_and_back(self):
        """S84 S53: moved there and back a message has new UIDs each time, and
        the octets it always had."""
        client = self.mailbox(1)
        client.ok('CREATE x')
        message = client.fetch('1', 'BODY.PEEK[]')[1]['BODY[]']
        for n in range(1, 4):
            client.select()
            client.ok('MOVE 1 x')
            client.select('x')
            self.assertEqual(self.uids(client), [n])
            client.ok('MOVE 1 INBOX')
            client.select()
            self.assertEqual(self.uids(client), [n + 1])
        self.assertEqual(client.fetch('1', 'BODY.PEEK[]')[1]['BODY[]'],
                         message)

    def test_other_sessions(self):
        """S84 S60: sessions in both mailboxes see the message go and come."""
        client = self.mailbox(3)
        client.ok('CREATE x')
        source, target = self.login(), self.login()
        source.select()
        target.select('x')
        client.ok('MOVE 2 x')
        self.assertEqual(source.ok('NOOP').numbers('EXPUNGE'), [2])
        self.assertEqual(target.ok('NOOP').last('EXISTS'), 1)
        self.assertEqual(self.subjects(target), {1: 'message 2'})

    def test_all_of_a_mailbox(self):
        """S84: everything is moved; the source is empty and still selected."""
        client = self.mailbox(20)
        client.ok('CREATE x')
        client.ok('MOVE 1:* x')
        self.assertEqual(self.uids(client), [])
        self.assertEqual(client.ok('NOOP').untagged, [])
        self.assertEqual(client.status('INBOX', 'MESSAGES UIDNEXT'),
                         {'MESSAGES': 0, 'UIDNEXT': 21})
        self.assertEqual(client.select('x').last('EXISTS'), 20)

    def test_two_sessions_move_the_same(self):
        """S84 S128: of two sessions that move the same message at once, the
        message is not lost; the other one is told, or makes a copy."""
        client, other = self.mailbox(10), self.login()
        client.ok('CREATE x')
        client.ok('CREATE y')
        other.select()
        for n in range(1, 11):
            tags = [(c, c.send(f'UID MOVE {n} {name}')[0])
                    for c, name in ((client, 'x'), (other, 'y'))]
            for c, tag in tags:
                try:
                    self.assertIn(c.wait(tag).status, ('OK', 'NO'))
                except Closed:
                    self.fail('a session was closed')
        third = self.login()
        found = set()
        for name in ('x', 'y', 'INBOX'):
            third.select(name)
            found |= set(self.subjects(third).values())
        self.assertEqual(found, {f'message {n}' for n in range(1, 11)})
        self.assertEqual(third.status('INBOX', 'MESSAGES'), {'MESSAGES': 0})


if __name__ == '__main__':
    harness.main()
