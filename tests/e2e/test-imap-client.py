#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The IMAP client of imapfs (fuse/imap/): TLS, logins, and a real server."""

import base64
import os
import signal
import socket
import ssl
import threading
import time

import dovecot
import harness
from imapprobe import Probe
from mails import mail
from tls import Authority

LARGE = 30 << 20
MEMORY_SLACK = 16 << 10     # KiB that a message of any size may need
TIMEOUT = 'timeout=2000'    # for tests in which it passes


class ClientCase(harness.ServerCase):
    certified = 'DNS:localhost'

    def probe(self, *options, host='localhost', starttls=False, cafile=None,
              user=None, password=dovecot.PASSWORD):
        options += ('cafile=' + (cafile or self.authority.cafile),)
        if starttls:
            options += ('starttls',)
        port = self.server.imap_port if starttls else self.server.imaps_port
        probe = Probe(host, port, user or self.user, *options,
                      password=password)
        self.clients.append(probe)
        return probe

    def assert_result(self, result, err, words=''):
        self.assertEqual(result.partition(':')[0], err, result)
        self.assertIn(words, result)


class Connect(ClientCase):
    config = 'auth_mechanisms = plain login cram-md5 xoauth2 oauthbearer\n'

    def test_both_kinds_of_tls(self):
        """S2 S24: imaps:// from the first octet, imap:// by STARTTLS."""
        for starttls in False, True:
            with self.subTest(starttls=starttls):
                probe = self.probe(starttls=starttls)
                self.assertEqual(probe.result, 'ok')
                probe.ok('SELECT INBOX')
                self.assertEqual(probe.close(), 0)

    def test_unknown_authority(self):
        """Its certificate is good, and by somebody else."""
        other = Authority()
        self.addCleanup(other.close)
        for starttls in False, True:
            with self.subTest(starttls=starttls):
                probe = self.probe(starttls=starttls, cafile=other.cafile)
                self.assert_result(probe.result, 'tls', 'certificate')
                self.assertEqual(probe.close(), 1)

    def test_unreadable_authority(self):
        probe = self.probe(cafile='/nonexistent')
        self.assert_result(probe.result, 'tls', '/nonexistent')

    def test_wrong_host_name(self):
        for starttls in False, True:
            with self.subTest(starttls=starttls):
                probe = self.probe(starttls=starttls, host='127.0.0.1')
                self.assert_result(probe.result, 'tls', '127.0.0.1')

    def test_wrong_password(self):
        probe = self.probe(password='wrong')
        self.assert_result(probe.result, 'auth',
                           '[AUTHENTICATIONFAILED] Authentication failed.')

    def test_mechanisms(self):
        """S21: each mechanism, with the right password and a wrong one."""
        for mechanism in 'PLAIN', 'LOGIN', 'CRAM-MD5':
            with self.subTest(mechanism=mechanism):
                probe = self.probe(f'mechanism={mechanism}')
                self.assertEqual(probe.result, 'ok')
                probe = self.probe(f'mechanism={mechanism}', password='wrong')
                self.assert_result(probe.result, 'auth')

    def test_mechanism_that_is_not_offered(self):
        probe = self.probe('mechanism=SCRAM-SHA-256')
        self.assert_result(probe.result, 'auth')

    def test_line_break_in_a_name(self):
        probe = self.probe(user='u\nx LOGOUT')
        self.assert_result(probe.result, 'auth', 'line break')

    def test_nobody_listens(self):
        port, = dovecot.free_ports(1)
        for host in 'localhost', 'nonexistent.invalid', 'a b', 'x/y@z':
            with self.subTest(host=host):
                probe = Probe(host, port, self.user)
                self.clients.append(probe)
                self.assert_result(probe.result, 'lost')


class Dialogue(ClientCase):
    plugins = 'zlib'
    imap_plugins = 'imap_zlib'

    def test_everything_is_used(self):
        probe = self.probe()
        self.assertLessEqual({'COMPRESS', 'CONDSTORE', 'IDLE', 'LITERAL+',
                              'NOTIFY', 'QRESYNC'}, probe.can)
        probe.ok('SELECT INBOX (QRESYNC (1 1))')
        self.assertRegex(probe.cmd('SELECT nosuch')[1], 'no: .*nosuch')
        self.assertRegex(probe.cmd('NOSUCH')[1], 'bad: ')
        probe.ok('NOOP')
        line, = probe.ok('traffic')
        self.assertEqual(line.split()[-1], '6')     # of two to be ready

    def test_large_message(self):
        """30 MB to the server and back, in bounded memory."""
        probe = self.probe()
        before = int(probe.ok('memory')[0].split()[1])
        probe.ok(f'append INBOX {LARGE}')
        probe.ok('SELECT INBOX')
        part, = (line for line in probe.ok('UID FETCH 1 BODY.PEEK[]')
                 if line.startswith('part'))
        chunk = b'the quick brown fox jumps over a dog lazily..\r\n'
        chunk = (chunk * 2000)[:64 << 10]
        self.assertEqual(part, f'part whole {LARGE} '
                         f'{sum(chunk) * (LARGE >> 16) % (1 << 32)}')
        after = int(probe.ok('memory')[0].split()[1])
        self.assertLess(after - before, MEMORY_SLACK)
        received = int(probe.ok('traffic')[0].split()[1])
        self.assertLess(received, LARGE // 20)      # it was compressed

    def test_idle(self):
        client = self.login()
        probe = self.probe()
        probe.ok('SELECT INBOX')
        probe.begin('idle 600000')
        client.append('INBOX', mail())
        self.assertIn('* 1 EXISTS', probe.finish()[0])
        # In time, and nothing came.
        self.assertEqual(probe.cmd('idle 1'), ([], 'ok'))
        probe.ok('NOOP')

    def signal_server(self, number):
        for pid in dovecot.session_pids(self.server.process.pid):
            os.kill(pid, number)

    def test_blackhole(self):
        """A server that says nothing any more: no wait without an end."""
        probe = self.probe(TIMEOUT)
        probe.ok('SELECT INBOX')
        self.signal_server(signal.SIGSTOP)
        self.addCleanup(self.signal_server, signal.SIGCONT)
        self.assert_result(probe.cmd('NOOP')[1], 'lost', 'timed out')
        self.assert_result(probe.cmd('NOOP')[1], 'lost', 'timed out')
        self.assert_result(self.probe(TIMEOUT).result, 'lost')
        self.assert_result(self.probe(TIMEOUT, starttls=True).result, 'lost')

    def test_server_that_ends(self):
        probe = self.probe()
        probe.ok('SELECT INBOX')
        probe.begin('idle 600000')
        for pid in dovecot.mail_processes(self.server.process.pid):
            os.kill(pid, signal.SIGTERM)
        self.assert_result(probe.finish()[1], 'lost', 'shutting down')


class Scripted(threading.Thread):
    """A server of one connection: answers are octets, one for each line that
    is heard; after an answer with 'begin TLS' in it, TLS is spoken.  drip is
    said again and again at the end."""

    def __init__(self, certificate, greeting, *answers, drip=b''):
        super().__init__(daemon=True)
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.cert, certificate.key)
        self.greeting, self.answers, self.drip = greeting, answers, drip
        self.heard = []
        self.accepted = threading.Event()
        self.start()

    def run(self):
        connection, _ = self.socket.accept()
        self.accepted.set()
        try:
            self._serve(connection)
        except OSError:
            pass
        connection.close()

    def _serve(self, connection):
        connection.sendall(self.greeting)
        for answer in self.answers:
            line = self._line(connection)
            if not line:
                return
            tag = line.split()[0]
            connection.sendall(answer.replace(b'%', tag))
            if b'begin TLS' in answer:
                connection = self.context.wrap_socket(connection,
                                                      server_side=True)
        while self.drip:
            connection.sendall(self.drip)
            time.sleep(0.01)
        while self._line(connection):
            pass
        connection.close()

    def _line(self, connection):
        line = b''
        while not line.endswith(b'\n'):
            octet = connection.recv(1)
            if not octet:
                break
            line += octet
        if line:
            self.heard.append(line)
        return line

    def close(self):
        self.socket.close()
        self.join(60)


CAPABILITY = b'* CAPABILITY IMAP4rev1 STARTTLS\r\n% OK\r\n'
TLS = CAPABILITY, b'% OK begin TLS\r\n'
LOGGED_IN = b'% OK logged in\r\n', b'* CAPABILITY IMAP4rev1\r\n% OK\r\n'


def offer(mechanisms):
    return b'* CAPABILITY IMAP4rev1 SASL-IR ' + mechanisms + b'\r\n% OK\r\n'


READY = offer(b'AUTH=PLAIN'), *LOGGED_IN


class ScriptedCase(ClientCase):
    def attempt(self, *script, options=(TIMEOUT,), greeting=b'* OK ready\r\n',
                wait=True, drip=b''):
        server = Scripted(self.server.tls, greeting, *script, drip=drip)
        self.addCleanup(server.close)
        probe = Probe('localhost', server.port, 'user', 'starttls', *options,
                      'cafile=' + self.authority.cafile, password='secret',
                      wait=wait)
        self.clients.append(probe)
        return server, probe


class Login(ScriptedCase):
    """What a server hears of the login."""

    def test_tokens(self):
        """With a token, whichever of the two mechanisms is offered."""
        for mechanism, words in (
                (b'XOAUTH2', b'user=user\1auth=Bearer secret\1\1'),
                (b'OAUTHBEARER', b'n,a=user,')):
            with self.subTest(mechanism=mechanism):
                server, probe = self.attempt(
                    *TLS, offer(b'AUTH=PLAIN AUTH=' + mechanism), *LOGGED_IN,
                    options=['oauth'])
                self.assertEqual(probe.result, 'ok')
                line = server.heard[3]
                self.assertIn(b'AUTHENTICATE ' + mechanism, line)
                said = base64.b64decode(line.split()[-1])
                self.assertTrue(said.startswith(words), said)
                self.assertIn(b'auth=Bearer secret\1', said)

    def test_token_is_no_password(self):
        """A token is never sent as a password."""
        server, probe = self.attempt(*TLS, *READY, options=['oauth'])
        self.assert_result(probe.result, 'auth')
        self.assertEqual(len(server.heard), 3)

    def test_login(self):
        """S19 S23: LOGIN where no mechanism is offered, if it is not
        disabled."""
        server, probe = self.attempt(*TLS, offer(b''), *LOGGED_IN)
        self.assertEqual(probe.result, 'ok')
        self.assertIn(b'LOGIN user secret', server.heard[3])
        server, probe = self.attempt(*TLS, offer(b'LOGINDISABLED'), *LOGGED_IN)
        self.assert_result(probe.result, 'auth')
        self.assertEqual(len(server.heard), 3)

    def test_certificate(self):
        """Who has a certificate needs no password."""
        mine = self.authority.issue('DNS:client')
        both = os.path.join(self.authority.dir, 'both.pem')
        with open(both, 'w') as f:
            for path in mine.cert, mine.key:
                with open(path) as part:
                    f.write(part.read())
        server, probe = self.attempt(
            *TLS, offer(b'AUTH=EXTERNAL AUTH=PLAIN'), *LOGGED_IN,
            options=['certfile=' + both])
        self.assertEqual(probe.result, 'ok')
        self.assertIn(b'AUTHENTICATE EXTERNAL', server.heard[3])

    def test_not_now(self):
        """A server that can log in nobody said nothing of the password."""
        server, probe = self.attempt(*TLS, READY[0],
                                     b'% NO [UNAVAILABLE] in an hour\r\n')
        self.assert_result(probe.result, 'lost', 'in an hour')

    def test_interrupted(self):
        """A connect is stopped where it is: no greeting, no answer."""
        for script in (), TLS[:1], TLS, (*TLS, READY[0]):
            with self.subTest(answers=len(script)):
                server, probe = self.attempt(
                    *script, wait=False, options=['timeout=600000'],
                    greeting=b'* OK ready\r\n' if script else b'')
                self.assertTrue(server.accepted.wait(60))
                # The line that is not answered.
                harness.wait_until(
                    lambda: not script or len(server.heard) > len(script),
                    'the script does not end')
                probe.interrupt()
                self.assert_result(probe.connected(), 'interrupted')


class Attacks(ScriptedCase):
    """What is between us and the server, or a server that lies."""

    def assert_nothing_told(self, server):
        """No password, in whatever form, was said."""
        for line in server.heard:
            self.assertIn(line.split()[1].upper(), (b'CAPABILITY',
                                                    b'STARTTLS', b'LOGOUT'))

    def test_script_is_right(self):
        server, probe = self.attempt(*TLS, *READY)
        self.assertEqual(probe.result, 'ok')
        self.assertIn(b'AUTHENTICATE PLAIN', server.heard[3])

    def test_starttls_is_not_offered(self):
        server, probe = self.attempt(b'* CAPABILITY IMAP4rev1\r\n% OK\r\n',
                                     b'% OK logged in\r\n')
        self.assert_result(probe.result, 'tls')
        self.assert_nothing_told(server)

    def test_starttls_is_refused(self):
        server, probe = self.attempt(CAPABILITY, b'% NO not today\r\n',
                                     b'% OK logged in\r\n')
        self.assert_result(probe.result, 'tls')
        self.assert_nothing_told(server)

    def test_preauth_in_the_clear(self):
        """RFC 9051 11.1: PREAUTH would leave no place for STARTTLS."""
        server, probe = self.attempt(*TLS, greeting=b'* PREAUTH welcome\r\n')
        self.assertNotEqual(probe.result, 'ok')
        self.assert_nothing_told(server)

    def test_words_before_tls(self):
        """Answers in the clear, put behind the OK of STARTTLS, are not taken
        for the server's."""
        server, probe = self.attempt(
            CAPABILITY,
            b'% OK begin TLS\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n'
            b'A003 OK\r\nA004 OK\r\n', *READY)
        self.assert_result(probe.result, 'protocol')
        self.assert_nothing_told(server)

    def test_octet_now_and_then(self):
        """A server that always says something, and never what is due."""
        for greeting, script in ((b'', ()), (b'* OK ready\r\n', TLS)):
            for drip in b'* x', b'* OK wait\r\n':
                with self.subTest(greeting=greeting, drip=drip):
                    server, probe = self.attempt(*script, greeting=greeting,
                                                 drip=drip)
                    self.assertIn(probe.result.partition(':')[0],
                                  ('protocol', 'lost'))
                    self.assert_nothing_told(server)

    def test_greeting_that_is_none(self):
        for greeting in b'* BYE no\r\n', b'220 smtp\r\n', b'x' * 100000:
            with self.subTest(greeting=greeting[:20]):
                server, probe = self.attempt(greeting=greeting)
                self.assertIn(probe.result.partition(':')[0],
                              ('protocol', 'lost'))
                self.assert_nothing_told(server)


if __name__ == '__main__':
    harness.main()
