#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Connection, states, authentication, TLS and capabilities."""

import os
import socket
import ssl

import dovecot
import harness
from imap import Imap, Literal
from mails import mail

SERVED = '''IMAP4rev1 CONDSTORE QRESYNC MOVE UIDPLUS MULTIAPPEND NOTIFY
SEARCHRES ESEARCH SORT THREAD=REFERENCES LIST-STATUS LIST-EXTENDED LITERAL+
BINARY CATENATE SAVEDATE PREVIEW IDLE NAMESPACE UNSELECT ENABLE ESORT
STATUS=SIZE CHILDREN WITHIN'''.split()


def capabilities(client):
    return client.ok('CAPABILITY').named('CAPABILITY')[0].data


class States(harness.ServerCase):
    def test_not_authenticated(self):
        """S4: before LOGIN only the commands of any state are answered OK."""
        for command in ('LIST "" *', 'SELECT INBOX', 'STATUS INBOX (MESSAGES)',
                        'APPEND INBOX {1+}\r\nx', 'FETCH 1 FLAGS', 'CLOSE'):
            with self.subTest(command=command):
                client = self.connect()
                client.bad(command)
                client.ok('NOOP')
                client.login(self.user)

    def test_authenticated(self):
        """S4 S15: without a mailbox its commands are BAD, those of the login
        are unknown; the case of a command does not matter."""
        client = self.login()
        for command in ('FETCH 1 FLAGS', 'STORE 1 +FLAGS (\\Seen)', 'CLOSE',
                        'EXPUNGE', 'COPY 1 INBOX', 'SEARCH ALL', 'CHECK',
                        'UNSELECT', 'UID FETCH 1 FLAGS', 'LOGIN a b',
                        'AUTHENTICATE PLAIN AA==', 'STARTTLS'):
            with self.subTest(command=command):
                client.bad(command)
                client.ok('NOOP')
        client.ok('sElEcT iNbOx')
        client.ok('uId sEaRcH aLl')
        client.ok('uNsElEcT')

    def test_failed_select(self):
        """S7 S52: after a failed SELECT no mailbox is selected."""
        client = self.login()
        client.append('INBOX', mail())
        client.select()
        reply = client.no('SELECT nosuch')
        self.assertEqual([r.code_name() for r in reply.named('OK')],
                         ['CLOSED'])
        client.bad('FETCH 1 FLAGS')
        client.select()
        self.assertEqual(client.fetch('1', 'UID'), {1: {'UID': 1}})

    def test_select_closes_the_one_before(self):
        """S52: a second SELECT tells that the first mailbox is closed."""
        client = self.login()
        client.ok('CREATE other')
        client.append('other', mail())
        client.select()
        reply = client.select('other')
        self.assertEqual(reply.untagged[0].code_name(), 'CLOSED')
        self.assertEqual(reply.last('EXISTS'), 1)

    def test_status_responses(self):
        """S8 S9: OK, NO and BAD, each under the tag of its command."""
        client = self.login()
        for tag, command, status in (('x1', 'NOOP', 'OK'),
                                     ('x2', 'SELECT nosuch', 'NO'),
                                     ('x3', 'STATUS', 'BAD'),
                                     ('x4', 'DELETE nosuch', 'NO'),
                                     ('x5', 'RENAME nosuch b', 'NO'),
                                     ('x6', 'XYZZY', 'BAD')):
            reply = client.cmd(command, tag=tag)
            self.assertEqual((reply.tag, reply.status), (tag, status))

    def test_store_errors_have_a_code(self):
        """S9: what a storage refuses is NO, with the code of RFC 5530 where
        Dovecot knows one."""
        client = self.login()
        client.ok('CREATE a')
        client.select()
        for command, code in (('CREATE a', 'ALREADYEXISTS'),
                              ('CREATE INBOX', 'ALREADYEXISTS'),
                              ('DELETE nosuch', 'NONEXISTENT'),
                              ('RENAME nosuch b', 'NONEXISTENT'),
                              ('RENAME INBOX a', 'ALREADYEXISTS'),
                              ('DELETE INBOX', None)):
            with self.subTest(command=command):
                self.assertEqual(client.no(command).code_name(), code)
        client.select()
        self.assertEqual(client.no('APPEND nosuch ', Literal(b'x\r\n'))
                         .code_name(), 'TRYCREATE')

    def test_server_keeps_connection(self):
        """S17: twenty commands with pauses of other sessions use one
        connection, which never closes by itself."""
        client = self.login()
        for n in range(20):
            self.login().logout()
            client.append('INBOX', mail(subject=str(n)))
            client.ok('NOOP')
        self.assertEqual(client.status('INBOX', 'MESSAGES'),
                         {'MESSAGES': 20})

    def test_id_and_enable(self):
        """S30 S18: ID is answered, ENABLE names what it enabled."""
        client = self.login()
        self.assertEqual(len(client.ok('ID NIL').named('ID')), 1)
        reply = client.ok('ENABLE CONDSTORE X-NOSUCH')
        self.assertEqual(reply.named('ENABLED')[0].data, ['CONDSTORE'])

    def test_preauthenticated(self):
        """S5: an imap process started by doveadm greets with PREAUTH and
        serves the mailbox at once."""
        self.login().append('INBOX', mail())
        out = self.server.doveadm(
            'exec', 'imap', '-u', self.user,
            stdin=b'a1 SELECT INBOX\r\na2 LOGOUT\r\n').stdout
        self.assertTrue(out.startswith(b'* PREAUTH '), out[:80])
        self.assertIn(b'\r\n* 1 EXISTS\r\n', out)
        self.assertIn(b'\r\na2 OK ', out)


class Configuration(harness.ServerCase):
    @harness.only_sqbox
    def test_two_lines(self):
        """S129 S134: two lines of configuration are all there is; the first
        login makes home directory, store and INBOX."""
        with open(self.server.conf) as f:
            lines = [line.strip() for line in f
                     if 'sqbox' in line and self.server.dir not in line
                     and not line.startswith('instance_name')]
        self.assertEqual(sorted(lines), ['mail_location = sqbox:~/mail',
                                         'mail_plugins = sqbox'])
        home = self.server.home(self.user)
        self.assertFalse(os.path.exists(home))
        client = self.login()
        client.append('INBOX', mail())
        self.assertEqual(client.select().last('EXISTS'), 1)
        self.assertTrue(os.path.exists(
            os.path.join(home, 'mail', 'store.db')))


class Limits(harness.ServerCase):
    config = '''
mail_max_userip_connections = 2
protocol imap {
  imap_idle_notify_interval = 1s
}
'''

    def test_refused_connection(self):
        """S6: one connection too many is refused and closed, the others stay."""
        first, second = self.login(), self.login()
        third = self.connect()
        reply = third.cmd(f'LOGIN {self.user} pass')
        self.assertEqual(reply.status, 'NO')
        # the code depends on the release of Dovecot 2.3.19 in use
        self.assertIn(reply.code_name(), ('LIMIT', 'UNAVAILABLE'))
        self.assertTrue(third.at_end())
        for client in (first, second):
            client.ok('NOOP')
        first.logout()

    def test_idle_is_kept_alive(self):
        """S16: an idle connection is kept alive with untagged OKs, and NOOP
        works after it."""
        client = self.login()
        client.select()
        client.idle()
        got = client.idle_until(lambda got: len(got) >= 2)
        self.assertEqual({r.name for r in got}, {'OK'})
        client.done()
        client.ok('NOOP')


class Capability(harness.ServerCase):
    plugins = 'acl quota'
    imap_plugins = 'imap_acl imap_quota imap_zlib'
    config = '''
mail_attribute_dict = file:%h/attributes
protocol imap {
  imap_metadata = yes
}
plugin {
  acl = vfile
  quota = count:User quota
  quota_vsizes = yes
}
namespace inbox {
  mailbox Trash {
    special_use = \\Trash
  }
}
'''
    config_2_4 = '''
mail_attribute {
  dict file {
    path = %{home}/attributes
  }
}
protocol imap {
  imap_metadata = yes
}
acl_driver = vfile
quota "User quota" {
  driver = count
}
namespace inbox {
  mailbox Trash {
    special_use = \\Trash
  }
}
'''

    def test_same_as_sdbox(self):
        """S18 S126: the capabilities are those of sdbox, before and after
        login, and all that the README promises are among them."""
        stock = self.start_server(fmt='sdbox')
        ours, theirs = self.connect(), self.connect(server=stock)
        self.assertEqual(capabilities(ours), capabilities(theirs))
        ours.login(self.user)
        theirs.login(self.user)
        self.assertEqual(capabilities(ours), capabilities(theirs))
        self.assertLessEqual(
            {*SERVED, 'ACL', 'RIGHTS=texk', 'QUOTA', 'METADATA',
             'SPECIAL-USE', 'COMPRESS=DEFLATE'}, set(capabilities(ours)))

    def test_selected_mailbox_has_modseqs(self):
        """S18: CONDSTORE is not only offered: no mailbox says NOMODSEQ."""
        client = self.login()
        client.ok('ENABLE CONDSTORE')
        reply = client.select()
        self.assertIsNotNone(reply.coded('HIGHESTMODSEQ'))
        self.assertIsNone(reply.coded('NOMODSEQ'))


class Anonymous(harness.ServerCase):
    plugins = 'acl'

    @classmethod
    def setUpClass(cls):
        cls.server = server = dovecot.Server(cls.fmt, plugins=cls.plugins)
        cls.addClassCleanup(cls._end_server, server)
        rules = os.path.join(server.dir, 'acls')
        with open(rules, 'w') as f:
            f.write('* user=anon lr\n')
        server.config = f'''
auth_mechanisms = plain anonymous
auth_anonymous_username = anon
plugin {{
  acl = vfile:{rules}
}}
'''
        server.start()

    def test_anonymous_is_read_only(self):
        """S25: ANONYMOUS with read rights reads, and changes nothing."""
        self.server.doveadm('-o', 'plugin/acl=', 'save', '-u', 'anon',
                            stdin=mail(subject='public'))
        client = self.connect()
        client.ok('AUTHENTICATE ANONYMOUS YW5uQGV4YW1wbGUub3Jn')
        reply = client.select()
        self.assertEqual((reply.last('EXISTS'), reply.code_name()),
                         (1, 'READ-ONLY'))
        self.assertEqual(reply.coded('PERMANENTFLAGS'), [[]])
        self.assertIn(b'public',
                      client.fetch('1', 'BODY[HEADER]')[1]['BODY[HEADER]'])
        client.no('CREATE x')
        client.cmd('STORE 1 +FLAGS (\\Seen \\Deleted)')
        client.cmd('EXPUNGE')
        client.no('APPEND INBOX ', Literal(mail(), plus=True))
        client.no('DELETE INBOX')
        client.no('RENAME INBOX y')
        client.logout()
        out = self.server.doveadm('-o', 'plugin/acl=', 'fetch', '-u', 'anon',
                                  'flags', 'ALL').stdout
        self.assertLessEqual(set(out.split()), {b'flags:', b'\\Recent'})


class Tls(harness.ServerCase):
    certified = 'IP:127.0.0.1'
    config = 'disable_plaintext_auth = yes\n'

    def secure(self, client):
        context = ssl.create_default_context(cafile=self.authority.cafile)
        client.sock = context.wrap_socket(client.sock,
                                          server_hostname='127.0.0.1')

    def test_starttls(self):
        """S24: STARTTLS on the plain port leads to a session that is still
        not authenticated; a second STARTTLS is BAD."""
        client = self.connect()
        self.assertIn('STARTTLS', capabilities(client))
        client.ok('STARTTLS')
        self.secure(client)
        client.bad('LIST "" *')
        self.assertNotIn('STARTTLS', capabilities(client))
        client.login(self.user)
        client.select()
        client.bad('STARTTLS')

    def test_imaps(self):
        """S2: the IMAPS port speaks TLS from the first octet."""
        context = ssl.create_default_context(cafile=self.authority.cafile)
        address = '127.0.0.1', self.server.imaps_port
        with socket.create_connection(address) as sock:
            with context.wrap_socket(sock, server_hostname='127.0.0.1') as tls:
                lines = tls.makefile('rb')
                self.assertTrue(lines.readline().startswith(b'* OK '))
                tls.sendall(f'a LOGIN {self.user} pass\r\n'.encode())
                self.assertTrue(lines.readline().startswith(b'a OK '))

    def test_plain_port_refuses_telnet_to_tls(self):
        """S1 S24: the plain port greets in clear text."""
        self.assertEqual(Imap(self.server.imap_port).greeting.name, 'OK')


if __name__ == '__main__':
    harness.main()
