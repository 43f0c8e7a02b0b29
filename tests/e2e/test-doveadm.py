#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""doveadm: each command does to a mailbox what it does with sdbox, and IMAP
sees it."""

import os

import harness
import mime
from mails import mail

EX_USAGE, EX_FAILED, EX_NOTFOUND = 64, 65, 68


class Doveadm(harness.ServerCase):
    def fill(self, count=3, mailbox='INBOX'):
        client = self.login()
        if mailbox != 'INBOX':
            client.ok(f'CREATE {mailbox}')
        for n in range(1, count + 1):
            client.append(mailbox, mail(subject=f'message {n}'),
                          date='01-Mar-2024 12:00:00 +0000')
        return client

    def lines(self, *args, **kwargs):
        out = self.doveadm(*args, **kwargs).stdout.decode()
        return [line for line in out.splitlines() if line.strip()]

    def records(self, *args):
        """fetch with `key: value` lines, as dicts."""
        rows, row = [], {}
        text = self.doveadm(*args).stdout.decode()
        for line in text.splitlines() + ['']:
            if not line:
                if row:
                    rows.append(row)
                row = {}
                continue
            key, _, value = line.partition(':')
            row[key] = value.strip()
        return rows


class Mailboxes(Doveadm):
    def test_create_rename_delete(self):
        """S39 S40 S41 S45: mailbox create, list, rename and delete."""
        client = self.login()
        self.doveadm('mailbox create', 'a', 'b/c')
        self.assertEqual(set(client.list()), {'INBOX', 'a', 'b', 'b/c'})
        self.assertEqual(set(self.lines('mailbox list')),
                         {'INBOX', 'a', 'b', 'b/c'})
        self.assertEqual(set(self.lines('mailbox list', 'b*')), {'b', 'b/c'})
        self.doveadm('mailbox rename', 'b', 'd')
        self.assertEqual(set(client.list()), {'INBOX', 'a', 'd', 'd/c'})
        self.doveadm('mailbox delete', 'a')
        self.doveadm('mailbox delete', '-r', 'd')
        self.assertEqual(set(client.list()), {'INBOX'})

    def test_errors(self):
        """S9: exit codes tell what is wrong, as with sdbox."""
        self.doveadm('mailbox create', 'a')
        for args, code in ((('mailbox create', 'a'), EX_FAILED),
                           (('mailbox delete', 'nosuch'), EX_NOTFOUND),
                           (('mailbox rename', 'nosuch', 'x'), EX_NOTFOUND),
                           (('mailbox rename', 'a', 'INBOX/../x'),
                            EX_USAGE),
                           (('mailbox status', 'messages', 'nosuch'),
                            EX_NOTFOUND)):
            with self.subTest(args=args):
                result = self.doveadm(*args, check=False)
                self.assertEqual(result.returncode, code, result.stderr)

    def test_status(self):
        """S49: mailbox status tells the figures of STATUS."""
        client = self.fill(3, 'x')
        client.append('x', mime.MESSAGE, '\\Seen')
        status = client.status('x', 'MESSAGES UIDNEXT UIDVALIDITY UNSEEN '
                               'RECENT SIZE HIGHESTMODSEQ')
        line, = self.lines('mailbox status', 'all', 'x')
        got = dict(pair.split('=') for pair in line.split()[1:])
        for item in ('MESSAGES', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', 'RECENT',
                     'HIGHESTMODSEQ'):
            self.assertEqual(int(got[item.lower()]), status[item], item)
        self.assertEqual(int(got['vsize']), status['SIZE'])
        self.assertRegex(got['guid'], '^[0-9a-f]{32}$')
        self.assertEqual(self.lines('mailbox status', '-t', 'messages', '*'),
                         ['messages=4'])

    def test_subscribe(self):
        """S42: mailbox subscribe, unsubscribe, list -s."""
        client = self.login()
        self.doveadm('mailbox create', 'a', 'b')
        self.doveadm('mailbox subscribe', 'a', 'b')
        self.assertEqual(set(client.list(command='LSUB')), {'a', 'b'})
        self.doveadm('mailbox unsubscribe', 'a')
        self.assertEqual(self.lines('mailbox list', '-s'), ['b'])

    def test_update(self):
        """S53 S54: mailbox update sets UIDVALIDITY and raises UIDNEXT; a UID
        that was given out is never given out again."""
        client = self.fill(3, 'x')
        validity = client.status('x')['UIDVALIDITY']
        self.doveadm('mailbox update', '--min-next-uid', '50', 'x')
        self.assertEqual(client.status('x')['UIDNEXT'], 50)
        self.doveadm('mailbox update', '--min-next-uid', '10', 'x')
        self.assertEqual(client.status('x')['UIDNEXT'], 50)
        self.assertEqual(client.append('x', mail()), 50)
        self.doveadm('mailbox update', '--uid-validity', str(validity + 1000),
                     'x')
        status = self.login().status('x')
        self.assertEqual(status['UIDVALIDITY'], validity + 1000)
        self.assertEqual(status['MESSAGES'], 4)

    def test_guid_is_stable(self):
        """S54 S41: a mailbox's GUID stays over rename; two mailboxes never
        have the same, nor does one made again under the same name."""
        def guid(name):
            return self.lines('mailbox status', 'guid', name)[0].split('=')[1]
        self.doveadm('mailbox create', 'a', 'b')
        first, second = guid('a'), guid('b')
        self.assertNotEqual(first, second)
        self.doveadm('mailbox rename', 'a', 'c')
        self.assertEqual(guid('c'), first)
        self.doveadm('mailbox delete', 'c')
        self.doveadm('mailbox create', 'c')
        self.assertNotIn(guid('c'), (first, second))

    @harness.only_sqbox
    def test_metadata(self):
        """S42: mailbox metadata works without any dict: annotations are in
        the store."""
        self.doveadm('mailbox create', 'a')
        self.doveadm('mailbox metadata set', 'a', '/private/comment', 'mine')
        self.doveadm('mailbox rename', 'a', 'b')
        self.assertEqual(
            self.lines('mailbox metadata get', 'b', '/private/comment'),
            ['mine'])
        self.assertIn('comment', self.lines('mailbox metadata list', 'b',
                                            '/private/'))
        self.doveadm('mailbox metadata unset', 'b', '/private/comment')
        self.assertEqual(
            self.lines('mailbox metadata get', 'b', '/private/comment'), [])


class Messages(Doveadm):
    def test_fetch(self):
        """S82 S57 S56: fetch tells fields, sizes, dates and octets."""
        client = self.login()
        client.append('INBOX', mime.MESSAGE, '\\Seen kw',
                      '01-Mar-2024 12:00:00 +0000')
        row, = self.records('fetch', 'uid flags guid date.received '
                            'size.virtual mailbox user hdr.subject seq',
                            'all')
        self.assertEqual(row['uid'], '1')
        self.assertEqual(set(row['flags'].split()) - {'\\Recent'},
                         {'\\Seen', 'kw'})
        self.assertEqual(row['date.received'], '2024-03-01 12:00:00')
        self.assertEqual(row['size.virtual'], str(len(mime.MESSAGE)))
        self.assertEqual((row['mailbox'], row['user']), ('INBOX', self.user))
        self.assertRegex(row['guid'], '^[0-9a-f]{32}$')
        out = self.doveadm('fetch', 'text', 'all').stdout
        self.assertIn(mime.BODY.replace(b'\r\n', b'\n'),
                      out.replace(b'\r\n', b'\n'))
        out = self.doveadm('fetch', 'imap.envelope imap.bodystructure',
                           'all').stdout
        self.assertIn(b'"mixed"', out)

    def test_search(self):
        """S85 S61: search finds by mailbox GUID and UID."""
        self.fill(3, 'x')
        guid = self.lines('mailbox status', 'guid', 'x')[0].split('=')[1]
        self.assertEqual(
            self.lines('search', 'mailbox', 'x', 'subject', 'message 2'),
            [f'{guid} 2'])
        self.assertEqual(len(self.lines('search', 'mailbox', '*', 'all')), 3)
        self.assertEqual(self.lines('search', 'mailbox-guid', guid, 'uid',
                                    '2:*'), [f'{guid} 2', f'{guid} 3'])

    def test_guids(self):
        """S53 S83: every message has a GUID of its own; a copy has its
        source's; a search by GUID finds them."""
        client = self.fill(3)
        client.ok('CREATE x')
        client.select()
        client.ok('COPY 2 x')
        rows = self.records('fetch', 'mailbox uid guid', 'mailbox', '*',
                            'all')
        guids = {(r['mailbox'], r['uid']): r['guid'] for r in rows}
        self.assertEqual(guids['x', '1'], guids['INBOX', '2'])
        self.assertEqual(len(set(guids.values())), 3)
        found = self.records('fetch', 'mailbox uid', 'mailbox', '*', 'guid',
                             guids['x', '1'])
        self.assertEqual(len(found), 2)

    def test_save(self):
        """S77: save puts a message from standard input into a mailbox."""
        client = self.fill(1, 'x')
        self.doveadm('save', '-m', 'x', stdin=mime.MESSAGE)
        self.doveadm('save', stdin=mail().replace(b'\r\n', b'\n'))
        client.select('x')
        self.assertEqual(client.fetch('2', 'BODY.PEEK[]')[2]['BODY[]'],
                         mime.MESSAGE)
        client.select()
        self.assertEqual(client.fetch('1', 'BODY.PEEK[]')[1]['BODY[]'],
                         mail())

    def test_copy_and_move(self):
        """S83 S84: copy and move take messages by search."""
        client = self.fill(4)
        client.ok('CREATE x')
        self.doveadm('copy', 'x', 'mailbox', 'INBOX', 'uid', '1:2')
        self.doveadm('move', 'x', 'mailbox', 'INBOX', 'uid', '4')
        client.select()
        self.assertEqual(client.search('ALL', uid=True), [1, 2, 3])
        client.select('x')
        got = client.fetch_by_uid('ENVELOPE INTERNALDATE')
        self.assertEqual([got[u]['ENVELOPE'][1] for u in sorted(got)],
                         [b'message 1', b'message 2', b'message 4'])
        self.assertEqual({d['INTERNALDATE'] for d in got.values()},
                         {b'01-Mar-2024 12:00:00 +0000'})

    def test_copy_from_another_user(self):
        """S83 S134: copy and import take messages of another account."""
        self.fill(2)
        other = self.user + 'b'
        self.doveadm('copy', 'INBOX', 'user', self.user, 'mailbox', 'INBOX',
                     'all', user=other)
        client = self.login(other)
        self.assertEqual(client.select().last('EXISTS'), 2)
        source = f'{harness.FORMAT}:{self.server.home(self.user)}/mail'
        self.doveadm('import', source, 'imported', 'all', user=other)
        self.assertEqual(client.select('imported/INBOX').last('EXISTS'), 2)
        self.assertEqual(self.login().status('INBOX', 'MESSAGES'),
                         {'MESSAGES': 2})

    def test_flags(self):
        """S66 S72: flags add, remove and replace."""
        client = self.fill(3)
        self.doveadm('flags add', '\\Flagged kw', 'mailbox', 'INBOX', 'all')
        self.doveadm('flags remove', '\\Flagged', 'mailbox', 'INBOX', 'uid',
                     '2')
        self.doveadm('flags replace', '\\Answered', 'mailbox', 'INBOX', 'uid',
                     '3')
        client.select()
        got = client.fetch('1:3', 'FLAGS')
        self.assertEqual([got[n]['FLAGS'] - {'\\Recent'} for n in (1, 2, 3)],
                         [{'\\Flagged', 'kw'}, {'kw'}, {'\\Answered'}])

    def test_expunge(self):
        """S81 S131: expunge takes what the search finds, and with -d the
        mailbox that is empty afterwards."""
        client = self.fill(4)
        self.doveadm('expunge', 'mailbox', 'INBOX', 'uid', '2:3')
        client.select()
        self.assertEqual(client.search('ALL', uid=True), [1, 4])
        client = self.fill(2, 'x')
        self.doveadm('expunge', '-d', 'mailbox', 'x', 'all')
        self.assertEqual(set(client.list()), {'INBOX'})

    def test_deduplicate(self):
        """S81: deduplicate leaves one of the messages with the same GUID."""
        client = self.fill(2)
        client.select()
        client.ok('COPY 1 INBOX')
        client.ok('COPY 1 INBOX')
        self.doveadm('deduplicate', 'mailbox', 'INBOX', 'all')
        client.ok('NOOP')
        self.assertEqual(len(client.search('ALL')), 2)


class Maintenance(Doveadm):
    def everything(self, client):
        client.ok('EXAMINE INBOX')
        got = client.fetch_by_uid('FLAGS INTERNALDATE BODY.PEEK[]')
        status = client.status('INBOX')
        for items in got.values():
            items['FLAGS'] -= {'\\Recent'}
        client.ok('UNSELECT')
        return got, status

    def mixed(self):
        client = self.fill(10)
        client.select()
        client.ok('STORE 2:4 +FLAGS (\\Seen kw)')
        client.ok('STORE 5 +FLAGS (\\Deleted)')
        client.ok('EXPUNGE')
        client.ok('UNSELECT')
        return client

    def test_force_resync(self):
        """S53 S54: force-resync changes nothing that is right: no UID, flag,
        UIDVALIDITY or octet; UIDNEXT does not shrink."""
        client = self.mixed()
        before = self.everything(client)
        for _ in range(2):
            self.doveadm('force-resync', '*')
        self.assertEqual(self.everything(self.login()), before)

    def test_purge(self):
        """S132: purge changes nothing that a client sees."""
        client = self.mixed()
        before = self.everything(client)
        self.doveadm('purge')
        self.assertEqual(self.everything(self.login()), before)

    def test_index(self):
        """S61 S82: index fills the caches and changes nothing."""
        client = self.mixed()
        before = self.everything(client)
        self.doveadm('index', '*')
        self.assertEqual(self.everything(self.login()), before)

    def test_altmove(self):
        """S9: altmove is answered, and moves nothing away."""
        client = self.mixed()
        before = self.everything(client)
        for args in ((), ('-r',)):
            result = self.doveadm('altmove', *args, 'all', check=False)
            self.assertIn(result.returncode, (0, EX_FAILED))
        self.assertEqual(self.everything(self.login()), before)

    def test_all_users(self):
        """S134: one doveadm process goes through many accounts."""
        self.expect_errors('userdbs don.t support it')    # static userdb
        users = [f'{self.user}x{n}' for n in range(5)]
        for user in users:
            self.login(user).append('INBOX', mail(subject=user))
        path = os.path.join(self.server.dir, 'list-of-users')
        with open(path, 'w') as f:
            f.write('\n'.join(users) + '\n')
        out = self.server.doveadm('fetch', '-F', path, 'user hdr.subject',
                                  'all').stdout.decode()
        for user in users:
            self.assertIn(f'user: {user}\nhdr.subject: {user}\n', out)
        self.server.doveadm('purge', '-F', path)
        self.server.doveadm('force-resync', '-F', path, '*')

    def test_autoexpunge_by_age(self):
        """S131 S56: messages are expunged by the age of INTERNALDATE and of
        saving."""
        client = self.fill(3)
        client.append('INBOX', mail(subject='young'))
        self.doveadm('expunge', 'mailbox', 'INBOX', 'before', '1d')
        self.assertEqual(client.select().last('EXISTS'), 1)
        self.doveadm('expunge', 'mailbox', 'INBOX', 'savedbefore', '1d')
        self.assertEqual(len(client.search('ALL')), 1)


if __name__ == '__main__':
    harness.main()
