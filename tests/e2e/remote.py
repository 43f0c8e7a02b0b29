# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A replica of an account, synced pass by pass (tests/remote-sync.c), and both
ends compared."""

import os
import shutil
import subprocess
import tempfile

import dovecot
from imap import quote
from store import built
from writer import Writer

DIED = 3                # where --cut-line or --cut-commit told it to


class Replica:
    """A store that is the replica of one user's account."""

    def __init__(self, server, user):
        self.server = server
        self.user = user
        self.top = tempfile.mkdtemp(prefix='sqbox-remote-')
        self.dir = os.path.join(self.top, 'store')
        self.password = os.path.join(self.top, 'password')
        with open(self.password, 'w') as f:
            f.write(dovecot.PASSWORD + '\n')
        self.writer = None
        self.log = []

    # As store.Store, for the writer.

    @staticmethod
    def program(name):
        return built(name)

    @staticmethod
    def as_owner():
        return dict(env=dovecot.clean_env())

    def run(self, *options, server=None):
        """One pass; the exit code and what it printed."""
        self.end_writer()
        result = subprocess.run(
            [built('tests/remote-sync'),
             f'--port={(server or self.server).imap_port}',
             f'--user={self.user}', f'--password={self.password}', *options,
             self.dir], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
            env=dovecot.clean_env(), errors='replace')
        self.log.append((options, result.stdout, result.stderr))
        return result.returncode, result.stdout

    def sync(self, *options, server=None):
        """A pass that must end well; its figures."""
        code, text = self.run(*options, server=server)
        assert code == 0, f'exit {code}: {self.log[-1]}'
        figures = {'notes': []}
        for line in text.splitlines():
            key, _, value = line.partition(': ')
            if value.isdigit():
                figures[key] = int(value)
            else:
                figures['notes'].append(line)
        return figures

    def started(self):
        if self.writer is None:
            self.writer = Writer(self)
        return self.writer

    def write(self, *words, **kwargs):
        """A command of the writer."""
        return self.started()(*words, **kwargs)

    def append(self, box, message, flags=()):
        return self.started().append(box, message, flags)

    def flags(self, box, uid, add=(), remove=()):
        return self.started().change(box, uid, uid, add, remove)

    def dump(self):
        return self.started().dump()

    def mails(self, box='INBOX'):
        """{octets: flags} of a mailbox here; all bodies must be there."""
        mails = []
        for uid, flags in self.dump()[box].mails.items():
            mails.append((self.writer.body(box, uid), frozenset(flags)))
        return sorted(mails, key=repr)

    def uid_of(self, box, octets):
        """Of the message with these octets."""
        found = [uid for uid in self.dump()[box].mails
                 if self.writer.body(box, uid) == octets]
        assert len(found) == 1, f'{len(found)} messages have these octets'
        return found[0]

    def end_writer(self):
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def close(self):
        self.end_writer()
        shutil.rmtree(self.top, ignore_errors=True)


def there(session, box):
    """As Replica.mails(), of the server."""
    session.ok(f'EXAMINE {quote(box)}')
    mails = [(bytes(items['BODY[]']), frozenset(items['FLAGS'] - {'\\Recent'}))
             for items in session.fetch_by_uid('FLAGS BODY.PEEK[]').values()]
    session.ok('UNSELECT')
    return sorted(mails, key=repr)


def folders(session):
    """Names of those that can be selected, as the server spells them."""
    return {name for name, flags in session.list().items()
            if '\\Noselect' not in flags}
