#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""dsync between formats, one way and both ways: nothing that a client knows
is lost, and what is the same on both sides stays untouched."""

import hashlib
import json
import os
import re

import harness
import mime
from imap import seqset
from mails import mail, random_mail

FORMATS = ('maildir', 'sdbox', 'mdbox')
FIELDS = 'mailbox uid guid flags date.received size.virtual text'


def guid_128(guid):
    """A message's GUID as 32 hexadecimal digits.  Maildir's are file names;
    formats with 128-bit GUIDs keep the end of their SHA-1, as dsync
    does."""
    if re.fullmatch('[0-9a-f]{32}', guid):
        return guid
    return hashlib.sha1(guid.encode()).hexdigest()[8:]


class Dsync(harness.ServerCase):
    def account(self, location=None, user=None):
        """All of an account as doveadm sees it, through that location."""
        user = user or self.user
        option = ('-o', f'mail_location={location}') if location else ()
        status = self.server.doveadm(
            '-f', 'json', *option, 'mailbox', 'status', '-u', user,
            'messages uidnext uidvalidity guid highestmodseq', '*')
        mailboxes = {row.pop('mailbox'): row
                     for row in json.loads(status.stdout)}
        rows = json.loads(self.server.doveadm(
            '-f', 'json', *option, 'fetch', '-u', user, FIELDS,
            'mailbox', '*', 'all').stdout)
        messages = {}
        for row in rows:
            row['flags'] = frozenset(row['flags'].split()) - {'\\Recent'}
            row['text'] = row['text'].replace('\r\n', '\n')
            row['guid'] = guid_128(row['guid'])
            messages[row.pop('mailbox'), int(row.pop('uid'))] = row
        listed = self.server.doveadm(*option, 'mailbox', 'list', '-s', '-u',
                                     user).stdout.decode().split('\n')
        names = self.server.doveadm(*option, 'mailbox', 'list', '-u',
                                    user).stdout.decode().split('\n')
        return {'mailboxes': mailboxes, 'messages': messages,
                'subscribed': set(filter(None, listed)),
                'names': set(filter(None, names))}

    def assert_same(self, a, b):
        """Attribute by attribute; a modseq may be larger on either side.
        Maildir knows no \\Noselect names: there they are empty mailboxes."""
        self.assertEqual(a['names'], b['names'])
        self.assertEqual(a['subscribed'], b['subscribed'])
        self.assertEqual(set(a['messages']), set(b['messages']))
        for key in a['messages']:
            self.assertEqual(a['messages'][key], b['messages'][key], key)
        self.assertLessEqual(set(a['mailboxes']), set(b['mailboxes']))
        for name in set(b['mailboxes']) - set(a['mailboxes']):
            self.assertEqual(b['mailboxes'][name]['messages'], '0', name)
        for name in a['mailboxes']:
            x, y = dict(a['mailboxes'][name]), dict(b['mailboxes'][name])
            x.pop('highestmodseq')
            y.pop('highestmodseq')
            self.assertEqual(x, y, name)

    def assert_modseqs_not_lower(self, before, after):
        for name, row in before['mailboxes'].items():
            self.assertGreaterEqual(
                int(after['mailboxes'][name]['highestmodseq']),
                int(row['highestmodseq']), name)

    def fill(self, rng, user=None):
        """An account with gaps in its UIDs, flags, keywords, nested names,
        subscriptions and copies."""
        client = self.login(user)
        for name in ('a', 'a/b', 'x y', '&BBIERQ-', 'empty', 'dir/sub'):
            client.ok(f'CREATE "{name}"')
        for name in ('a/b', 'x y'):
            client.ok(f'SUBSCRIBE "{name}"')
        for name in ('INBOX', 'a', 'a/b', 'x y', '&BBIERQ-', 'dir/sub'):
            for n in range(rng.randint(3, 8)):
                client.append(
                    name, random_mail(rng),
                    ' '.join(rng.sample(['\\Seen', '\\Flagged', '\\Answered',
                                         '\\Draft', 'kw1', '$Label'],
                                        rng.randint(0, 3))),
                    f'{rng.randint(10, 28)}-Feb-2024 12:00:00 +0000')
            client.select(name)
            client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
            client.ok('EXPUNGE')
            client.ok('UNSELECT')
        client.append('INBOX', mime.MESSAGE)
        client.select()
        client.ok('COPY 1:2 a')
        client.logout()

    def change(self, rng, client, mailbox='INBOX'):
        """A few random changes of one mailbox.  The new message is for dsync,
        which passes over a mailbox whose counts, UIDNEXT and HIGHESTMODSEQ
        happen to be the same on both sides, in every format."""
        client.append(mailbox, random_mail(rng))
        client.select(mailbox)
        for _ in range(4):
            uids = client.search('ALL', uid=True)
            some = seqset(rng.sample(uids, min(2, len(uids))))
            what = rng.choice(('append', 'flag', 'keyword', 'expunge'))
            if what == 'append' or not uids:
                client.append(mailbox, random_mail(rng))
            elif what == 'flag':
                client.ok(f'UID STORE {some} +FLAGS.SILENT (\\Answered)')
            elif what == 'keyword':
                client.ok(f'UID STORE {some} FLAGS.SILENT (kw1)')
            else:
                client.ok(f'UID STORE {some} +FLAGS.SILENT (\\Deleted)')
                client.ok(f'UID EXPUNGE {some}')
            client.ok('NOOP')
        client.ok('UNSELECT')


class Backup(Dsync):
    def test_out_and_in(self):
        """S128 S53 S54 S134: a backup into each format, and from there into a
        fresh account, has the same mailboxes, GUIDs, UIDs, UIDVALIDITY,
        UIDNEXT, flags, keywords, dates, octets and subscriptions; no modseq is
        lower."""
        rng = harness.seeded('test_out_and_in')
        self.fill(rng)
        before = self.account()
        self.assertGreater(len(before['messages']), 15)
        for fmt in FORMATS:
            with self.subTest(fmt=fmt):
                there = f'{fmt}:{self.server.home(self.user)}/{fmt}-copy'
                self.doveadm('backup', there)
                out = self.account(there)
                self.assert_same(before, out)
                self.assert_modseqs_not_lower(before, out)
                user = f'{self.user}{fmt}'
                self.doveadm('backup', '-R', there, user=user)
                back = self.account(user=user)
                self.assert_same(before, back)
                self.assert_modseqs_not_lower(out, back)
        self.assert_same(before, self.account())

    def test_over_what_is_there(self):
        """S128 S54: a backup into an account that already has mail and an
        INBOX of its own replaces it by the source."""
        rng = harness.seeded('test_over_what_is_there')
        self.fill(rng)
        user = self.user + 'b'
        client = self.login(user)
        client.append('INBOX', mail(subject='to be replaced'))
        client.ok('CREATE gone')
        client.logout()
        source = f'{harness.FORMAT}:{self.server.home(self.user)}/mail'
        self.doveadm('backup', '-R', source, user=user)
        self.assert_same(self.account(), self.account(user=user))
        self.assertEqual(self.login(user).select().last('EXISTS'),
                         self.login().select().last('EXISTS'))

    def test_repeated(self):
        """S128 S41 S42: later backups carry over what changed: flags, new
        mail, expunges, renamed and deleted mailboxes, subscriptions; one
        after no change at all changes nothing."""
        rng = harness.seeded('test_repeated')
        self.fill(rng)
        there = f'sdbox:{self.server.home(self.user)}/copy'
        self.doveadm('backup', there)
        client = self.login()
        for command in ('RENAME a z', 'DELETE empty', 'CREATE fresh',
                        'SUBSCRIBE fresh', 'UNSUBSCRIBE "x y"'):
            client.ok(command)
            self.change(rng, client)
            self.doveadm('backup', there)
            self.assert_same(self.account(), self.account(there))
        before = self.account(there)
        self.doveadm('backup', there)
        self.assert_same(before, self.account(there))

    @harness.only_sqbox
    def test_out_with_annotations(self):
        """S128: a format without a place for annotations stops a backup with
        exit code 65; with mail_attribute_dict all mail is brought over."""
        client = self.login()
        client.ok('CREATE a')
        for name in ('INBOX', 'a'):
            client.append(name, mail())
        self.doveadm('mailbox metadata set', 'a', '/private/comment', 'mine')
        there = f'maildir:{self.server.home(self.user)}/copy'
        stopped = self.doveadm('backup', there, check=False)
        self.assertEqual(stopped.returncode, 65)
        self.assertIn(b'Mailbox attributes not enabled', stopped.stderr)
        self.server.doveadm('-o', 'mail_attribute_dict=file:%h/attributes',
                            'backup', '-u', self.user, there)
        self.assert_same(self.account(), self.account(there))

    def test_live_client_sees_it(self):
        """S60 S11: a client that is logged in while a backup comes in sees
        the new messages, under the UIDs of the source."""
        source = f'{harness.FORMAT}:{self.server.home(self.user)}/mail'
        client = self.login()
        for n in range(3):
            client.append('INBOX', mail(subject=str(n)))
        user = self.user + 'b'
        self.doveadm('backup', '-R', source, user=user)
        watcher = self.login(user)
        self.assertEqual(watcher.select().last('EXISTS'), 3)
        client.append('INBOX', mail(), '\\Flagged')
        self.doveadm('backup', '-R', source, user=user)
        self.assertEqual(watcher.ok('NOOP').last('EXISTS'), 4)
        self.assertEqual(watcher.search('FLAGGED', uid=True), [4])


class Sync(Dsync):
    def both_ways(self, there, *args):
        self.doveadm('sync', *args, there)

    def test_changes_on_both_sides(self):
        """S128 S60 S53: different changes on the two sides meet; a second sync
        changes nothing."""
        rng = harness.seeded('test_changes_on_both_sides')
        self.fill(rng)
        other = self.user + 'b'
        there = f'{harness.FORMAT}:{self.server.home(other)}/mail'
        self.both_ways(there)
        for _ in range(3):
            self.change(rng, self.login(), 'INBOX')
            self.change(rng, self.login(other), 'a')
            self.login().ok('CREATE here' + str(rng.randrange(10**6)))
            self.login(other).ok('CREATE there' + str(rng.randrange(10**6)))
            self.both_ways(there)
            self.assert_same(self.account(), self.account(user=other))
        before = self.account()
        self.both_ways(there)
        self.assert_same(before, self.account())
        self.assert_same(before, self.account(user=other))

    def test_expunge_of_all(self):
        """S53 S128: what one side expunged goes on the other side too, also
        where no message is left to compare UIDs by."""
        other = self.user + 'b'
        there = f'{harness.FORMAT}:{self.server.home(other)}/mail'
        client = self.login()
        for n in range(3):
            client.append('INBOX', mail(subject=f'common {n}'), '$Label')
        client.logout()
        self.both_ways(there)
        client = self.login(other)
        client.select()
        client.ok('STORE 1:* FLAGS.SILENT (kw1)')
        client.logout()
        self.both_ways(there)
        client = self.login(other)
        client.append('INBOX', mail(subject='new'))
        client.select()
        client.ok('STORE 1:3 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.logout()
        self.both_ways(there)
        client = self.login()
        client.select()
        self.assertEqual(client.search('ALL', uid=True), [4])
        self.assert_same(self.account(), self.account(user=other))

    def test_conflicting_uids(self):
        """S53 S54 S128: both sides gave the same UID to different messages:
        both messages are on both sides afterwards, under UIDs that neither
        side had used."""
        other = self.user + 'b'
        there = f'{harness.FORMAT}:{self.server.home(other)}/mail'
        client = self.login()
        for n in range(3):
            client.append('INBOX', mail(subject=f'common {n}'))
        client.logout()
        self.both_ways(there)
        for user, name in ((self.user, 'here'), (other, 'there')):
            client = self.login(user)
            for n in range(2):
                self.assertEqual(
                    client.append('INBOX', mail(subject=f'{name} {n}')), 4 + n)
            client.logout()
        self.both_ways(there)
        a, b = self.account(), self.account(user=other)
        self.assert_same(a, b)
        subjects = sorted(row['text'].split('Subject: ')[1].split('\n')[0]
                          for row in a['messages'].values())
        self.assertEqual(subjects, sorted(
            [f'common {n}' for n in range(3)]
            + [f'{name} {n}' for name in ('here', 'there')
               for n in range(2)]))
        for (_, uid), row in a['messages'].items():
            if 'common' not in row['text']:
                self.assertGreater(uid, 5)

    def test_flags_from_both_sides(self):
        """S75 S76 S128: flags that were changed on different sides, of
        different messages, are on both sides afterwards."""
        other = self.user + 'b'
        there = f'{harness.FORMAT}:{self.server.home(other)}/mail'
        client = self.login()
        for _ in range(2):
            client.append('INBOX', mail())
        client.logout()
        self.both_ways(there)
        for user, uid, flags in ((self.user, 1, ('\\Seen', 'kw', '\\Draft')),
                                 (other, 2, ('\\Flagged',))):
            client = self.login(user)
            client.select()
            for flag in flags:
                client.ok(f'UID STORE {uid} +FLAGS ({flag})')
            client.logout()
        self.both_ways(there)
        a, b = self.account(), self.account(user=other)
        self.assert_same(a, b)
        self.assertEqual([a['messages']['INBOX', n]['flags'] for n in (1, 2)],
                         [{'\\Seen', 'kw', '\\Draft'}, {'\\Flagged'}])

    def test_with_other_formats(self):
        """S128: two-way with each other format, with random changes of ours
        in between."""
        rng = harness.seeded('test_with_other_formats')
        self.fill(rng)
        for fmt in FORMATS:
            with self.subTest(fmt=fmt):
                there = f'{fmt}:{self.server.home(self.user)}/{fmt}-twin'
                for _ in range(3):
                    self.both_ways(there)
                    self.assert_same(self.account(), self.account(there))
                    self.change(rng, self.login(), rng.choice(['INBOX', 'a']))
                    self.server.doveadm(
                        '-o', f'mail_location={there}', 'save', '-u',
                        self.user, '-m', 'x y', stdin=random_mail(rng))
                self.both_ways(there)
                self.assert_same(self.account(), self.account(there))

    def test_over_a_pipe(self):
        """S134 S128: with a dsync-server at the other end of a pipe, as over
        ssh; the state that it prints makes the next sync a short one."""
        self.fill(harness.seeded('test_over_a_pipe'))
        other = self.user + 'b'
        remote = ['env', '-i', 'PATH=' + os.environ.get('PATH', '/usr/bin'),
                  'doveadm', '-c', self.server.conf, 'dsync-server', '-u',
                  other]
        state = ''
        for n in range(3):
            state = self.doveadm('sync', '-s', state, *remote
                                 ).stdout.decode().strip()
            self.assertTrue(state)
            self.assert_same(self.account(), self.account(user=other))
            client = self.login(self.user if n % 2 else other)
            client.append('INBOX', mail(subject=f'later {n}'))
            client.logout()


class Imapc(Dsync):
    def test_from_another_server(self):
        """S134 S128: an account is fetched from another IMAP server."""
        rng = harness.seeded('test_from_another_server')
        remote = self.start_server(fmt='sdbox')
        source = self.login(server=remote)
        source.ok('CREATE a/b')
        for n in range(10):
            source.append(rng.choice(['INBOX', 'a/b']), random_mail(rng),
                          rng.choice(['', '\\Seen kw']),
                          '01-Mar-2024 12:00:00 +0000')
        options = []
        for setting in ('imapc_host=127.0.0.1',
                        f'imapc_port={remote.imap_port}',
                        f'imapc_user={self.user}', 'imapc_password=pass',
                        'imapc_features=rfc822.size fetch-headers'):
            options += ['-o', setting]
        for _ in range(2):
            self.server.doveadm(*options, 'backup', '-R', '-u', self.user,
                                'imapc:')
        target = self.login()
        for name in ('INBOX', 'a/b'):
            source.select(name)
            target.select(name)
            items = 'FLAGS INTERNALDATE BODY.PEEK[]'
            a, b = (c.fetch_by_uid(items) for c in (source, target))
            for rows in (a, b):
                for row in rows.values():
                    row['FLAGS'] -= {'\\Recent'}
            self.assertEqual(a, b)


if __name__ == '__main__':
    harness.main()
