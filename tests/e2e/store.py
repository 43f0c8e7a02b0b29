# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""An account's store directory, looked at beside Dovecot."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

import dovecot


def built(name):
    """A program just built: 'sqbox', 'tests/writer'."""
    build = os.environ.get('SQBOX_BUILDDIR') or os.getcwd()
    for top in (build, os.path.join(dovecot.HERE, '..', '..')):
        path = os.path.join(top, name)
        if os.path.isfile(path):
            return os.path.abspath(path)
    raise dovecot.Unavailable(f'{name} is not built (looked in {build})')


class Store:
    """The store of one user of a dovecot.Server."""

    def __init__(self, server, user):
        self.server = server
        self.dir = os.path.join(server.home(user), 'mail')
        self.index = os.path.join(self.dir, 'index')

    def program(self, name):
        """A copy where the user of the mail can run it."""
        path = os.path.join(self.server.dir, os.path.basename(name))
        if not os.path.exists(path):
            shutil.copy(built(name), path)
            os.chmod(path, 0o755)
        return path

    def as_owner(self):
        """Arguments of subprocess.Popen to be the user of the mail."""
        env = dovecot.clean_env()
        env.pop('LD_PRELOAD', None)     # for Dovecot's programs only
        owner = {}
        if os.geteuid() == 0:
            owner = dict(user=self.server.uid, group=self.server.gid,
                         extra_groups=[])
        return dict(owner, env=env, cwd=self.server.home_root)

    def sqbox(self, *args):
        """Run `sqbox COMMAND ... STORE`; returns what it printed."""
        result = subprocess.run(
            [self.program('sqbox'), *args, self.dir], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **self.as_owner())
        assert result.returncode == 0, \
            f'sqbox {args}: exit {result.returncode}\n{result.stdout}'
        return result.stdout

    def check(self):
        """Fails if the store has any fault."""
        self.sqbox('check')

    def stat(self):
        return json.loads(self.sqbox('stat', '--json'))

    def end_grace(self):
        """What was expunged may be purged at once.  Some session must have
        the store open: the last to close it moves the WAL into store.db."""
        db = sqlite3.connect(os.path.join(self.dir, 'store.db'))
        with contextlib.closing(db), db:
            db.execute('UPDATE body_free SET since = 0')

    def remove_index(self):
        shutil.rmtree(self.index)
