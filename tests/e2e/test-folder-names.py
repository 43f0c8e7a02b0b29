#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Odd mailbox names: what is legal works like any other name, what is not is
refused, and nothing ever leaves the account."""

import os
import subprocess

import harness
from imap import Literal, mutf7
from mails import mail


LEGAL = ('a b', ' ', ' leading', 'trailing ', 'a%b', 'a*b', 'per%%cent',
         'a"b', 'a\\b', "a'b", 'a(b)', '{5}', 'a&b', '&', 'a;b', 'a$b',
         'a`b`', 'x.y', '.hidden', '...', 'a:b', 'a,b', '#hash', '!', 'NIL',
         'inbox2', 'store.db', 'dovecot.index', 'index', 'notify', 'a=b',
         'tmp', 'cur', 'new', '-rf', '%2e%2e', '%s%n', "'; DROP TABLE x; --",
         'ä', 'Входящие', '日本語/受信', '✉', 'a\U0001f4ecb', 'é', 'ß/ẞ',
         'x' * 200, 'ж' * 60, 'a/' * 49 + 'z')

REFUSED = ('', '/', '/a', 'a//b', '.', '..', './a', '../a', 'a/..', 'a/../b',
           'a/./b', '../../../../tmp/x', 'x' * 256, 'a/' + 'y' * 256,
           'z' * 5000, 'INBOX//x')

NOT_MUTF7 = (b'&', b'&bad', b'a&b', b'&AGE-', b'&AAAA', b'&2AA-', b'a\x01b',
             b'a\x1bb', b'a\x7fb', b'a\tb', b'a\nb', b'a\r\nb', b'a\xc3\xa4',
             b'\xff', b'\xc0\xae\xc0\xae', b'&Jjo', b'&Jjo!', b'&AOQ-&AOQ-')


class Names(harness.ServerCase):
    def command(self, client, verb, name, *more):
        """The name goes as a literal, so that any octet can be sent."""
        data = name if isinstance(name, bytes) else mutf7(name).encode()
        return client.cmd(verb + ' ', Literal(data, plus=True), *more)

    def expect_sdbox_errors(self):
        """sdbox asks the file system about names that are too long for it,
        and logs its answer."""
        if harness.FORMAT == 'sdbox':
            self.expect_errors(r'Error: (rmdir\(|z{100})')

    def listed(self, client):
        return {name for name, attributes in client.list().items()
                if '\\Noselect' not in attributes}

    def test_legal_names(self):
        """S31 S35 S39 S41 S45: a legal name is created, listed as it was
        given, holds mail, is renamed, subscribed and deleted."""
        client = self.login()
        for name in LEGAL:
            with self.subTest(name=name):
                spelt = mutf7(name)
                reply = self.command(client, 'CREATE', name)
                self.assertEqual(reply.status, 'OK', reply)
                self.assertEqual(self.listed(client), {'INBOX', spelt})
                reply = self.command(client, 'APPEND', name, ' ',
                                     Literal(mail(subject='x'), plus=True))
                self.assertEqual(reply.status, 'OK', reply)
                reply = self.command(client, 'SELECT', name)
                self.assertEqual(reply.last('EXISTS'), 1, reply)
                client.ok('UNSELECT')
                reply = self.command(client, 'SUBSCRIBE', name)
                self.assertEqual(reply.status, 'OK', reply)
                self.assertEqual(set(client.list(command='LSUB')), {spelt})
                self.command(client, 'UNSUBSCRIBE', name)
                reply = self.command(
                    client, 'RENAME', name, ' ',
                    Literal(mutf7('moved/' + name), plus=True))
                self.assertEqual(reply.status, 'OK', reply)
                self.assertIn('moved/' + spelt, self.listed(client))
                reply = self.command(client, 'STATUS', 'moved/' + name,
                                     ' (MESSAGES)')
                self.assertEqual(reply.named('STATUS')[0].data[1],
                                 ['MESSAGES', '1'])
                self.delete_all(client)

    def delete_all(self, client):
        """Leaves first; a directory may be gone with its last child."""
        names = sorted(client.list(), key=lambda n: -n.count('/'))
        for name in names:
            if name != 'INBOX':
                client.cmd('DELETE ', Literal(name.encode(), plus=True))
        self.assertEqual(set(client.list()), {'INBOX'})

    def test_all_legal_names_at_once(self):
        """S45 S41: all of them live side by side, also after a restart of
        the session."""
        client = self.login()
        for name in LEGAL:
            self.assertEqual(self.command(client, 'CREATE', name).status, 'OK')
        self.assertEqual(self.listed(self.login()),
                         {'INBOX'} | {mutf7(n) for n in LEGAL})

    def test_refused_names(self):
        """S31: a name that is empty, too long, has an empty level, or a dot
        level is refused everywhere and leaves nothing behind."""
        self.expect_sdbox_errors()
        client = self.login()
        client.ok('CREATE other')
        before = set(client.list())
        for name in REFUSED:
            with self.subTest(name=name[:40]):
                for reply in (self.command(client, 'CREATE', name),
                              self.command(client, 'SUBSCRIBE', name),
                              self.command(client, 'DELETE', name),
                              self.command(client, 'SELECT', name),
                              self.command(client, 'STATUS', name,
                                           ' (MESSAGES)'),
                              self.command(client, 'RENAME', 'other', ' ',
                                           Literal(name, plus=True))):
                    self.assertIn(reply.status, ('NO', 'BAD'), reply)
                self.assertEqual(set(client.list()), before)
        client.select('other')

    def test_not_mutf7(self):
        """S31: what is not modified UTF-7 is refused: bare 8-bit octets,
        control characters, needless shifts, broken base64."""
        client = self.login()
        client.select()
        client.ok('UNSELECT')
        for name in NOT_MUTF7:
            with self.subTest(name=name):
                reply = self.command(client, 'CREATE', name)
                self.assertIn(reply.status, ('NO', 'BAD'), reply)
                self.assertEqual(set(client.list()), {'INBOX'})
        client.ok('NOOP')

    def test_nul(self):
        """S31: a name with a NUL never becomes a name with a NUL, and the
        session goes on."""
        client = self.login()
        for verb in ('CREATE', 'SUBSCRIBE', 'SELECT', 'DELETE'):
            self.command(client, verb, b'a\0b')
            client.cmd('UNSELECT')
            client.ok('NOOP')
        self.assertLessEqual(set(client.list()), {'INBOX', 'a'})

    def test_encoded_control_characters(self):
        """S31 S45: control characters in encoded form are refused, or listed
        in encoded form; a line of an answer is never broken by them."""
        client = self.login()
        for code in (0x0, 0x1, 0x9, 0xa, 0xd, 0x1b, 0x7f, 0x80, 0x9f, 0x2028):
            with self.subTest(code=hex(code)):
                spelt = mutf7(f'a{chr(code)}b' if code else 'a\u0000b')
                reply = client.cmd('CREATE ', Literal(spelt, plus=True))
                names = set(client.list())
                if reply.status == 'OK':
                    self.assertEqual(names, {'INBOX', spelt})
                    client.ok('DELETE ', Literal(spelt, plus=True))
                else:
                    self.assertEqual(names, {'INBOX'})

    def test_case(self):
        """S46: names differ by case; only INBOX does not, in its first
        level."""
        client = self.login()
        client.select()
        for name in ('Box', 'box', 'BOX', 'x/inbox', 'x/INBOX'):
            client.ok(f'CREATE {name}')
        client.no('CREATE inBox')
        client.ok('CREATE inBox/Sub')
        self.assertEqual(
            self.listed(client),
            {'INBOX', 'Box', 'box', 'BOX', 'x/inbox', 'x/INBOX', 'INBOX/Sub'})
        client.append('InBoX/Sub', mail())
        self.assertEqual(client.status('INBOX/Sub', 'MESSAGES'),
                         {'MESSAGES': 1})

    def test_deep_hierarchy(self):
        """S31 S41 S45: a thousand levels are created, listed, renamed and
        deleted; the server neither hangs nor dies."""
        client = self.login()
        deep = '/'.join(['d'] * 1000)
        reply = client.cmd(f'CREATE {deep}')
        if reply.status == 'OK':
            client.append(deep, mail())
            self.assertEqual(client.status(deep, 'MESSAGES'),
                             {'MESSAGES': 1})
            self.assertEqual(len(client.list()), 1001)
            client.ok('RENAME d e')
            self.assertIn('e' + deep[1:], client.list())
            client.list('%/%/%')
            client.list('*/d/*/d')
            client.ok(f'DELETE e{deep[1:]}')
        client.ok('NOOP')

    def test_hostile_patterns(self):
        """S45: patterns made of wildcards do not hang the server."""
        client = self.login()
        for n in range(20):
            client.ok(f'CREATE {"a" * 20}/{"ab" * n}x')
        for pattern in ('*' * 100, '%*' * 50, '*a' * 20 + 'b', '*%*%*/*',
                        'a' * 3000, '%/' * 500):
            with self.subTest(pattern=pattern[:20]):
                client.cmd(f'LIST "" "{pattern}"')
                client.cmd(f'LSUB "" "{pattern}"')
        client.ok('NOOP')

    def test_nothing_outside_the_account(self):
        """S41 S40 I9: after all this, the home directories hold nothing but the
        accounts."""
        self.expect_sdbox_errors()
        client = self.login()
        for name in REFUSED + ('a/../../../x', '~/x', '~root', '/etc/x'):
            for verb in ('CREATE', 'DELETE'):
                self.command(client, verb, name)
        for directory, wanted in ((self.server.home_root, None),
                                  (self.server.home(self.user), {'mail'})):
            found = set(os.listdir(directory))
            if wanted is None:
                self.assertTrue(all(n.startswith('u') for n in found), found)
            else:
                self.assertEqual(found, wanted)


class DotSeparator(harness.ServerCase):
    """The same store under two configurations that differ in `separator`."""

    def list_with(self, separator):
        server = self.start_server(separator=separator)
        home = server.home(self.user)
        subprocess.run(['cp', '-rp', self.server.home(self.user), home],
                       check=True)
        server.own(home)
        client = self.login(server=server)
        return client, set(client.list())

    @harness.only_sqbox
    def test_separator_is_not_stored(self):
        """S32 S31: the separator is not part of the store: a store made with
        / shows the same tree with . when the configuration says so."""
        client = self.login()
        for name in ('a/b/c', 'x/y'):
            client.ok(f'CREATE {name}')
            client.append(name, mail(subject=name))
            client.ok(f'SUBSCRIBE {name}')
        status = client.status('a/b/c')
        client.logout()
        dotted, names = self.list_with('.')
        self.assertEqual(names, {'INBOX', 'a', 'a.b', 'a.b.c', 'x', 'x.y'})
        self.assertEqual(dotted.status('a.b.c'), status)
        self.assertEqual(set(dotted.list(command='LSUB')), {'a.b.c', 'x.y'})
        dotted.ok('RENAME a.b z')
        self.assertIn('z.c', dotted.list())

    def test_dot_as_separator(self):
        """S32 S31: with . as separator LIST says so and / is refused."""
        server = self.start_server(separator='.')
        client = self.login(server=server)
        self.assertEqual(repr(client.ok('LIST "" ""').untagged[0]),
                         '* LIST (\\Noselect) "." ""')
        self.assertEqual(repr(client.ok('NAMESPACE').untagged[0]),
                         '* NAMESPACE (("" ".")) NIL NIL')
        client.ok('CREATE stuff.junk')
        self.assertEqual(set(client.list()), {'INBOX', 'stuff', 'stuff.junk'})
        self.assertEqual(set(client.list('stuff.%')), {'stuff.junk'})
        client.cmd('CREATE a..b')
        self.assertNotIn('a..b', client.list())
        client.ok('RENAME stuff other.place')
        self.assertIn('other.place.junk', client.list())


if __name__ == '__main__':
    harness.main()
