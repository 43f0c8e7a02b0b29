#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Stores that are damaged or none, and settings that are wrong: the log names
the thing and the fix, the client is told, nothing else is touched."""

import os
import re
import shutil
import sqlite3

import dovecot
import harness
import imap
import mails
from store import Store


def wait_logged(server, pattern, since=0):
    """Dovecot's log process may be a moment behind the client."""
    harness.wait_until(lambda: re.search(pattern, server.read_log()[since:]),
                       f'not in the log: {pattern}')


def assert_no_session(test, client):
    """The password is right, but there is no mail to be served."""
    with test.assertRaises((imap.Closed, ConnectionError)):
        client.cmd(f'LOGIN {test.user} {dovecot.PASSWORD}')
        client.cmd('NOOP')


class BadStores(harness.ServerCase):
    """Whatever the store is, Dovecot's processes stay alive."""

    def setUp(self):
        super().setUp()
        self.store = Store(self.server, self.user)

    def fill(self, count=3):
        client = self.login()
        for n in range(count):
            client.append('INBOX', mails.mail(f'mail {n}'))
        client.logout()
        return client

    def database(self):
        return sqlite3.connect(os.path.join(self.store.dir, 'store.db'))

    def spoil_body(self, table, where):
        with self.database() as db:
            (data,), = db.execute(f'SELECT data FROM {table} WHERE {where}')
            data = bytearray(data)
            data[len(data) // 2] ^= 0x55
            db.execute(f'UPDATE {table} SET data = ? WHERE {where}',
                       (bytes(data),))
        db.close()
        self.server.own(self.store.dir)

    def test_damaged_body(self):
        """I8: a damaged body is the fault of its message alone."""
        self.fill(4)
        self.spoil_body('body', 'id = 2')
        self.expect_errors('body 2 is damaged')
        client = self.login()
        client.select('INBOX')
        found = client.fetch('1:4', 'UID BODY.PEEK[]')
        self.assertEqual(sorted(found), [1, 2, 3, 4])
        self.assertFalse(found[2]['BODY[]'])
        for n in (1, 3, 4):
            self.assertIn(b'mail %d' % (n - 1), found[n]['BODY[]'])
        client.cmd('NOOP')
        wait_logged(self.server, 'body 2')

    def test_damaged_end_of_a_large_body(self):
        """I8: and none of it is sent, also if only its end is damaged."""
        client = self.login()
        big = b'Subject: big\r\n\r\n' + mails.incompressible(400000)
        client.append('INBOX', big + b'\r\n')
        client.append('INBOX', mails.mail('small'))
        client.logout()
        self.spoil_body('body_chunk', 'n = 2')
        self.expect_errors('is damaged')
        client = self.login()
        client.select('INBOX')
        found = client.fetch('1:2', 'BODY.PEEK[]')
        self.assertFalse(found[1]['BODY[]'])
        self.assertIn(b'small', found[2]['BODY[]'])
        self.assertEqual(client.fetch('1', 'RFC822.SIZE')[1]['RFC822.SIZE'],
                         len(big) + 2)

    def test_damaged_body_is_copied_with_its_message(self):
        """A copy shares the body, and its damage."""
        self.fill(1)
        self.spoil_body('body', 'id = 1')
        client = self.login()
        client.cmd('CREATE other')
        client.select('INBOX')
        client.cmd('COPY 1 other')
        self.assertEqual(client.status('other', 'MESSAGES'),
                         {'MESSAGES': 1})


class RefusedStores(harness.ServerCase):
    """What cannot be opened refuses the session, and the log says why."""

    allowed_errors = ('Initialization failed', 'Failed to initialize',
                      'Namespace ', 'store.db', 'sqbox')

    def setUp(self):
        super().setUp()
        self.store = Store(self.server, self.user)
        self.login().logout()
        self.db = os.path.join(self.store.dir, 'store.db')

    def sql(self, *statements):
        db = sqlite3.connect(self.db, isolation_level=None)
        for statement in statements:
            db.execute(statement)
        db.close()
        self.server.own(self.store.dir)

    def assert_refused(self, pattern):
        before = len(self.server.read_log())
        assert_no_session(self, self.connect())
        wait_logged(self.server, pattern, before)
        # others are served as ever
        other = self.login(user=self.user + 'x')
        other.select('INBOX')
        other.logout()

    def test_newer_schema(self):
        """The version is named, and what to do."""
        self.sql('PRAGMA user_version = 999')
        self.assert_refused(r'999.*newer|newer.*999')

    def test_other_application(self):
        self.sql('PRAGMA application_id = 12345')
        self.assert_refused(r'database of another program')

    def test_no_database(self):
        self.remove_wal()
        with open(self.db, 'wb') as f:
            f.write(b'no database at all\n' * 1000)
        self.assert_refused(r'store\.db')

    def test_truncated_to_nothing(self):
        self.remove_wal()
        os.truncate(self.db, 0)
        self.assert_refused(r'store\.db.*(empty|truncated|damage)')

    def test_cut_in_half(self):
        self.remove_wal()
        os.truncate(self.db, os.path.getsize(self.db) // 2)
        self.assert_refused(r'store\.db')

    def test_symlink(self):
        elsewhere = os.path.join(self.server.home(self.user), 'elsewhere.db')
        shutil.move(self.db, elsewhere)
        os.symlink(elsewhere, self.db)
        self.assert_refused(r'store\.db.*(symbolic link|regular file)')

    def remove_wal(self):
        for suffix in ('-wal', '-shm'):
            if os.path.exists(self.db + suffix):
                os.unlink(self.db + suffix)


class WrongSettings(harness.ServerCase):
    """The log names the setting, its value and the fix."""

    allowed_errors = ('Initialization failed', 'Failed to initialize',
                      'Namespace ', 'sqbox')

    def assert_refused(self, config, *patterns):
        server = self.start_server(config=config)
        assert_no_session(self, self.connect(server=server))
        for pattern in patterns:
            wait_logged(server, pattern)

    def test_compress_level(self):
        self.assert_refused('plugin {\n  sqbox_compress_level = best\n}',
                            r'sqbox_compress_level = best: must be a number '
                            r'from 1 to 19')

    def test_lock_timeout(self):
        self.assert_refused('plugin {\n  sqbox_lock_timeout = 0\n}',
                            r'sqbox_lock_timeout = 0: must be a number')

    def test_index_in_memory(self):
        self.assert_refused('mail_location = sqbox:~/mail:INDEX=MEMORY',
                            r'INDEX=MEMORY cannot be used with sqbox')

    def test_other_layout(self):
        self.assert_refused('mail_location = sqbox:~/mail:LAYOUT=fs',
                            r'LAYOUT=fs cannot be used with sqbox')

    def test_directories_of_mailboxes(self):
        """Two namespaces would have the same mailboxes."""
        self.assert_refused(
            'namespace {\n  prefix = old/\n  separator = /\n'
            '  location = sqbox:~/mail:MAILBOXDIR=old\n}',
            r'MAILBOXDIR and DIRNAME cannot be used')
        for key in ('MAILBOXDIR', 'DIRNAME'):
            self.assert_refused(f'mail_location = sqbox:~/mail:{key}=expunged',
                                r'MAILBOXDIR and DIRNAME cannot be used with '
                                r'sqbox.*store of its own')


if harness.FORMAT != 'sqbox':
    del BadStores, RefusedStores, WrongSettings

if __name__ == '__main__':
    harness.main()
