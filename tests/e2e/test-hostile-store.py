#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Stores made to break a server: whatever stands in store.db, no process of
Dovecot ends by it, and no other mailbox suffers."""

import os
import shutil

import harness
from hostile import LAST_UID, NAMES, ROWS, each_message, inbox, spoil
from imap import Closed, list_items
from mails import mail
from store import Store

COMMANDS = (
    'LIST "" *', 'LSUB "" *', 'LIST "" % RETURN (STATUS (MESSAGES SIZE))',
    'STATUS INBOX (MESSAGES UIDNEXT UNSEEN HIGHESTMODSEQ SIZE)',
    'SELECT INBOX', 'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)',
    'FETCH 1:* (SAVEDATE ENVELOPE BODYSTRUCTURE)', 'FETCH 1:* BODY.PEEK[]',
    'STORE 1:* +FLAGS (\\Flagged new)', 'SORT (ARRIVAL SIZE) UTF-8 ALL',
    'SEARCH SINCE 1-Jan-2000 SAVEDSINCE 1-Jan-1990', 'COPY 1:* Other',
    'COPY 1:* INBOX', 'MOVE 1 Other', 'EXPUNGE', 'CREATE New', 'DELETE Box',
    'RENAME New Newer', 'SELECT Other', 'LOGOUT')


@harness.only_sqbox
class HostileStore(harness.ServerCase):
    # All but what ends a process.
    allowed_errors = (r'Error: (?!Raw backtrace)', 'Warning: ')

    def fill(self):
        client = self.login()
        client.ok('CREATE Box')
        client.ok('CREATE Other')
        client.append('Other', mail(subject='unharmed'))
        for n in range(4):
            client.append('INBOX', mail(subject=str(n)))
        client.select()
        client.ok('STORE 3 +FLAGS (\\Deleted)')
        client.ok('EXPUNGE')
        client.ok('FETCH 1:* (UID FLAGS INTERNALDATE)')
        return client

    def spoil(self, *statements):
        spoil(Store(self.server, self.user), *statements)

    def try_all(self):
        """Each command in a session that has the INBOX selected, if it can.
        Refusals are good, and so is a session that was closed."""
        client = None
        for command in (*COMMANDS, 'APPEND'):
            try:
                if client is None:
                    client = self.login()
                    client.cmd('SELECT INBOX')
                if command == 'APPEND':
                    client.append('INBOX', mail())
                else:
                    client.cmd(command)
            except (Closed, OSError):
                client = None
            except AssertionError as e:
                self.assertIn(' NO ', str(e))

    def test_rows(self):
        """Rows that our own code would never write: for who had the mailbox
        open, and who comes later."""
        for n, (name, statements) in enumerate(ROWS.items()):
            with self.subTest(name=name):
                self.user = f'rows{n}'
                client = self.fill()
                self.spoil(*statements)
                try:
                    client.cmd('NOOP')
                    client.cmd('FETCH 1:* (UID FLAGS INTERNALDATE)')
                    client.close()
                except (Closed, OSError):
                    pass
                self.try_all()
                self.assertEqual(self.server.trouble(self.allowed_errors), [])

    def test_names(self):
        """A mailbox or a subscription that nobody can ask for is left out;
        the others are listed."""
        for n, (name, sql) in enumerate(NAMES.items()):
            with self.subTest(name=name):
                self.user = f'names{n}'
                client = self.fill()
                client.ok('SUBSCRIBE Other')
                self.spoil(f"UPDATE mailbox SET name = {sql}"
                           " WHERE name = 'Box'",
                           f'INSERT INTO subscription VALUES ({sql})')
                self.assertEqual(set(list_items(client.ok('LIST "" *'))),
                                 {'INBOX', 'Other'})
                self.assertEqual(
                    set(list_items(client.ok('LSUB "" *'), 'LSUB')),
                    {'Other'})
                client.close()

    def test_keywords(self):
        """A keyword's name cannot put words into the server's mouth."""
        client = self.fill()
        self.spoil(*ROWS['keyword that speaks IMAP'])
        client.select()
        for n in (1, 2, 3):
            self.assertLessEqual(client.fetch(str(n), 'FLAGS')[n]['FLAGS'],
                                 {'\\Recent'})

    def test_uidl(self):
        """Nor can a POP3 identity."""
        self.fill().close()
        self.spoil(each_message('flags = flags | 64') + ' WHERE uid = 1',
                   "INSERT INTO pop3 VALUES"
                   " (1, 1, 'x' || char(13, 10) || '.' || char(13, 10)"
                   " || '-ERR', 0)")
        pop = self.pop3()
        table = pop.table('UIDL')
        self.assertEqual(set(table), {1, 2, 3})
        self.assertNotEqual(table[1], 'x')
        pop.quit()

    def test_directories_in_the_way(self):
        """A directory where a file of the index should be: this mailbox
        cannot be opened until it is gone."""
        self.fill().close()
        index = os.path.join(Store(self.server, self.user).index, '1')
        for name in ('dovecot.index', 'dovecot.index.log'):
            with self.subTest(name=name):
                shutil.rmtree(index)
                os.makedirs(os.path.join(index, name))
                self.server.own(index)
                client = self.login()
                client.no('SELECT INBOX')
                client.select('Other')
                shutil.rmtree(index)
                client.select()
                self.assertEqual(client.search('ALL', uid=True), [1, 2, 4])

    def test_last_uids(self):
        """The last UIDs are given out, as many as an index can hold; then
        the mailbox takes no more, but can be read and expunged."""
        client = self.fill()
        self.spoil(inbox(f'uidnext = {LAST_UID - 3}'))
        for uid in (LAST_UID - 3, LAST_UID - 2):
            client.append('INBOX', mail(subject='last'))
            self.assertEqual(client.search('UID *', uid=True), [uid])
        reply = client.no('COPY 1 INBOX')
        self.assertEqual(reply.code_name(), 'LIMIT')
        client.ok('MOVE * Other')
        client.select()
        client.ok('STORE * +FLAGS (\\Deleted)')
        client.ok('EXPUNGE')
        self.assertEqual(client.search('ALL', uid=True), [1, 2, 4])


if __name__ == '__main__':
    harness.main()
