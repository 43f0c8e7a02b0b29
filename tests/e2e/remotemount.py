# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""An account of a Dovecot, mounted over TLS by the imapfs just built."""

import os
import signal
import subprocess

import dovecot
import harness
import mount
from mount import DEADLINE, MountCase, root
from store import Store

TIMEOUT = 5     # seconds that the mount waits for the server, where it matters


class RemoteCase(MountCase):
    """self.client speaks IMAP with the server, self.mnt is where its account
    is mounted, and self.store is the replica."""

    fmt = 'sdbox'
    certified = 'DNS:localhost'
    options = ''            # more than that
    starttls = False

    def setUp(self):
        harness.ServerCase.setUp(self)
        self.client = self.login()
        self.client.select()    # makes the home directory
        self.mounts = []
        self.prepare()
        if self.starts():
            self.mount = self.start_mount()
            self.mnt = self.mount.path
            self.sync()

    @staticmethod
    def starts():
        return True

    def prepare(self):
        """What is there before the first mount."""
        self.netrc = os.path.join(self.server.home(self.user), 'netrc')
        self.store = Store(self.server, self.user)
        self.store.dir = os.path.join(self.server.home(self.user), 'replica')
        self.write_netrc(dovecot.PASSWORD)

    def write_netrc(self, password, mode=0o600):
        with open(self.netrc, 'w') as f:
            f.write(f'machine localhost login {self.user} '
                    f'password {password}\n')
        os.chmod(self.netrc, mode)

    def url(self):
        if self.starttls:
            return f'imap://{self.user}@localhost:{self.server.imap_port}'
        return f'imaps://{self.user}@localhost:{self.server.imaps_port}'

    def options_of(self, *more):
        return ','.join((f'netrc={self.netrc}', f'replica={self.store.dir}',
                         f'cafile={self.authority.cafile}',
                         f'timeout={TIMEOUT}', *filter(None, more)))

    def start_mount(self, options=None):
        more = self.options if options is None else options
        started = mount.Mount(self.store, self.options_of(more), self.url())
        self.addCleanup(started.stop)
        self.mounts.append(started)
        return started.start()

    def imapfs(self, *args, **kwargs):
        """Run it to its end; stdout is with stderr."""
        return subprocess.run(
            [self.store.program('imapfs'), *args], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=DEADLINE,
            **dict(self.store.as_owner(), **kwargs))

    def sync(self, *options, code=0):
        result = self.imapfs('sync', '--wait', *options, self.mnt)
        self.assertEqual(result.returncode, code,
                         result.stdout + self.mount.read_log())
        return result.stdout

    def status(self):
        """{key: [value, ...]}"""
        result = self.imapfs('status', self.mnt)
        self.assertEqual(result.returncode, 0, result.stdout)
        found = {}
        for line in result.stdout.splitlines():
            key, _, value = line.partition(' ')
            found.setdefault(key, []).append(value)
        return found

    def wait_for(self, condition, complaint):
        try:
            harness.wait_until(condition, complaint, DEADLINE)
        except AssertionError:
            print(self.imapfs('status', self.mnt).stdout)
            raise

    def wait_for_connection(self):
        self.wait_for(lambda: self.status()['connection'] == ['online'],
                      'no connection')

    # The server's end

    def stop_server(self):
        root.call(self.server._kill)

    def start_server_again(self):
        root.call(self.server._spawn)
        assert root.call(self.server._answers), self.server.read_log()
        self.clients.clear()
        self.client = self.login()

    def hold_server(self):
        """It takes what is sent, and says nothing: a black hole."""
        pids = dovecot.session_pids(self.server.process.pid)
        for pid in pids:
            root.call(os.kill, pid, signal.SIGSTOP)
        self.held = pids
        self.addCleanup(self.release_server)

    def release_server(self):
        pids, self.held = self.held, []
        for pid in pids:
            try:
                root.call(os.kill, pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def there(self, box='INBOX'):
        """The messages of a mailbox at the server."""
        self.client.ok(f'EXAMINE "{box}"')
        return [bytes(items['BODY[]']) for items in
                self.client.fetch_by_uid('BODY.PEEK[]').values()]

    def here(self, box='INBOX'):
        """And in the mount, as they are shown."""
        found = []
        for name in sorted(os.listdir(self.path(box))):
            if name.endswith('.eml'):
                with open(self.path(box, name), 'rb') as f:
                    found.append(f.read())
        return found
