# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What every end-to-end test program shares.

    SQBOX_TEST_FORMAT   sqbox (default) or sdbox: the mail format under test.
                        What both must do has to pass with sdbox too: that is
                        how we know that a test is right.
    SQBOX_BUILDDIR      where the plugin was built (default: the current
                        directory, then the source tree)
    SQBOX_TEST_SEED     seed of the random tests; each prints the one it used
    SQBOX_TEST_PRELOAD  library to preload into Dovecot (a sanitizer's)
    CI=true             a test that cannot run is a failure, not a skip

A program exits 0, 1, or 77 where it cannot run; it names the reason.  When a
test fails, the dialogues of its connections are printed.
"""

import os
import random
import signal
import sys
import time
import unittest

import dovecot
import lmtp
import pop3
import tls
from imap import Imap

FORMAT = os.environ.get('SQBOX_TEST_FORMAT', 'sqbox')
KEEP_LINES = 40    # of each dialogue, where a test fails
KEEP_CLIENTS = 4


def only_sqbox(test):
    """For behaviour that the stock formats do not have."""
    return unittest.skipUnless(FORMAT == 'sqbox', 'sqbox only')(test)


def seeded(name):
    """A random source; its seed is printed so that a failure can be replayed
    with SQBOX_TEST_SEED."""
    seed = int(os.environ.get('SQBOX_TEST_SEED')
               or int.from_bytes(os.urandom(4), 'big'))
    print(f'{name}: SQBOX_TEST_SEED={seed}', flush=True)
    return random.Random(seed)


def wait_until(condition, complaint, deadline=60.0):
    """Ask again and again until it is so; for what has no answer to wait
    for."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(complaint)
        time.sleep(0.05)


class ServerCase(unittest.TestCase):
    """Tests that share one Dovecot; each has a fresh account of its own."""

    fmt = FORMAT
    plugins = ''
    imap_plugins = ''
    config = ''
    config_2_4 = None       # the same for Dovecot 2.4, where it differs
    users = {}
    separator = '/'
    certified = None        # the server's name, 'DNS:localhost': it has TLS
    allowed_errors = ()     # patterns of log lines that are no failure
    maxDiff = None
    _accounts = 0

    @classmethod
    def setUpClass(cls):
        cls.server = cls.start_server()

    @classmethod
    def start_server(cls, **changes):
        """One more Dovecot with this class's settings; stopped at the end."""
        config = cls.config
        if cls.config_2_4 is not None and dovecot.version() >= (2, 4):
            config = cls.config_2_4
        args = dict(fmt=cls.fmt, plugins=cls.plugins, config=config,
                    imap_plugins=cls.imap_plugins, users=cls.users,
                    separator=cls.separator)
        if cls.certified is not None:
            cls.authority = tls.Authority()
            cls.addClassCleanup(cls.authority.close)
            args.update(tls=cls.authority.issue(cls.certified))
        args.update(changes)
        server = dovecot.Server(**args)
        cls.addClassCleanup(cls._end_server, server)
        return server.start()

    @classmethod
    def _end_server(cls, server):
        """Also finds what was logged while the connections ended."""
        server._kill()
        bad = server.trouble(cls.allowed_errors)
        server.stop()
        if bad:
            raise AssertionError('Dovecot logged:\n' + '\n'.join(bad))

    def setUp(self):
        self.clients = []
        self.expected_errors = []
        ServerCase._accounts += 1
        self.user = f'u{ServerCase._accounts}'

    def tearDown(self):
        for client in self.clients:
            client.close()
        bad = self.server.trouble([*self.allowed_errors,
                                   *self.expected_errors])
        if bad:
            self.fail('Dovecot logged:\n' + '\n'.join(bad))

    def expect_errors(self, *patterns):
        """Log lines with these patterns are part of this test."""
        self.expected_errors.extend(patterns)

    def connect(self, name=None, server=None):
        """An IMAP connection that is not yet logged in."""
        port = (server or self.server).imap_port
        client = Imap(port, name=name or f'C{len(self.clients) + 1}')
        self.clients.append(client)
        return client

    def login(self, user=None, password=dovecot.PASSWORD, name=None,
              server=None):
        """A logged-in connection, by default as this test's user."""
        client = self.connect(name, server)
        client.login(user or self.user, password)
        return client

    def lmtp(self):
        client = lmtp.Lmtp(self.server.lmtp_port)
        self.clients.append(client)
        return client

    def pop3(self, user=None, password=dovecot.PASSWORD):
        client = pop3.Pop3(self.server.pop3_port)
        self.clients.append(client)
        client.login(user or self.user, password)
        return client

    def doveadm(self, *args, user=None, **kwargs):
        """doveadm COMMAND -u USER ...: the user is put after the command.
        A command of several words is given as one argument."""
        words = args[0].split()
        return self.server.doveadm(*words, '-u', user or self.user,
                                   *args[1:], **kwargs)

    def assert_untagged(self, reply, *wanted):
        """Each wanted text is the beginning of some untagged response."""
        lines = [repr(r) for r in reply.untagged]
        for text in wanted:
            if not any(line.startswith(text) for line in lines):
                self.fail(f'no {text!r} among {lines}')


class _Result(unittest.TextTestResult):
    """Adds the dialogues of a test that failed to what is printed of it."""

    @staticmethod
    def _dialogue(test):
        out = []
        for client in getattr(test, 'clients', ())[-KEEP_CLIENTS:]:
            lines = client.dialogue
            if len(lines) > KEEP_LINES:
                out.append(f'... {len(lines) - KEEP_LINES} lines left out')
            out.extend(lines[-KEEP_LINES:])
        return '\n'.join(out)

    def _explain(self, failed, test):
        shown, text = failed[-1]
        failed[-1] = (shown, f'{text}\n{self._dialogue(test)}\n')

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._explain(self.failures, test)

    def addError(self, test, err):
        super().addError(test, err)
        self._explain(self.errors, test)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            failure = issubclass(err[0], test.failureException)
            self._explain(self.failures if failure else self.errors, test)


def _interrupt(signum, frame):
    raise KeyboardInterrupt


def cannot_run(reason):
    print(f'{os.path.basename(sys.argv[0])}: cannot run: {reason}',
          file=sys.stderr)
    sys.exit(1 if os.environ.get('CI') == 'true' else 77)


def check_environment():
    """Leave with 77 where Dovecot or the plugin is missing."""
    try:
        for name in ('dovecot', 'doveconf', 'doveadm'):
            dovecot.find_program(name)
        if FORMAT == 'sqbox':
            dovecot.find_plugin()
        if dovecot.version() < (2, 3, 19):
            raise dovecot.Unavailable('Dovecot is older than 2.3.19')
    except dovecot.Unavailable as e:
        cannot_run(e)


def main():
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    check_environment()
    runner = unittest.TextTestRunner(
        resultclass=_Result, verbosity=2 if '-v' in sys.argv else 1)
    result = unittest.main(testRunner=runner, exit=False).result
    if result.wasSuccessful() and result.skipped and FORMAT == 'sqbox':
        cannot_run(result.skipped[0][1])
    sys.exit(not result.wasSuccessful())
