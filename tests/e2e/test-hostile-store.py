#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Stores made to break a server: whatever stands in store.db, no process of
Dovecot ends by it, and no other mailbox suffers."""

import os
import shutil
import sqlite3

import harness
from imap import Closed, list_items
from mails import mail
from store import Store

NEWEST = '(SELECT next_modseq - 1 FROM mailbox WHERE id = 0)'
LAST_UID = 2**32 - 1


def each_message(change):
    return f'UPDATE message SET {change}, modseq = {NEWEST}'


def inbox(change):
    return f"UPDATE mailbox SET {change} WHERE name = 'INBOX'"


def gone(ranges):
    return f'INSERT INTO expunged SELECT 1, {NEWEST}, * FROM ({ranges})'


NAMES = {
    'not UTF-8': "CAST(x'41ff42' AS TEXT)",
    'line end': "'a' || char(13, 10) || '* BYE x'",
    'separators': "'a//b/'",
    'parent directory': "'../../x'",
    'empty': "''",
    'of 500,000 octets': "replace(hex(zeroblob(250000)), '0', 'x')",
}
ROWS = {
    'UID 0': [each_message('uid = 0') + ' WHERE uid = 1'],
    'UID below 0': [each_message('uid = -7') + ' WHERE uid = 1'],
    'UID of 33 bits': [each_message('uid = 1 << 32') + ' WHERE uid = 2'],
    'last UID': [each_message(f'uid = {LAST_UID}') + ' WHERE uid = 2'],
    'last UID but one': [
        each_message(f'uid = {LAST_UID - 1}') + ' WHERE uid = 2'],
    'last UID but two': [
        each_message(f'uid = {LAST_UID - 2}') + ' WHERE uid = 2'],
    'UIDNEXT 0': [inbox('uidnext = 0')],
    'UIDNEXT below 0': [inbox('uidnext = -3')],
    'UIDNEXT of 41 bits': [inbox('uidnext = 1 << 40')],
    'UIDNEXT went back': [inbox('uidnext = 1')],
    'last UIDNEXT': [inbox(f'uidnext = {LAST_UID}')],
    'no UIDNEXT': [inbox(f'uidnext = {LAST_UID + 1}')],
    'UIDVALIDITY 0': [inbox('uidvalidity = 0')],
    'UIDVALIDITY of 33 bits': [inbox('uidvalidity = 1 << 32')],
    'modseq below 0': [inbox('highestmodseq = -1')],
    'modseq of 63 bits': [inbox(f'highestmodseq = {2**63 - 1}')],
    'next modseq of 63 bits': [
        f'UPDATE mailbox SET next_modseq = {2**63 - 1} WHERE id = 0'],
    'no next modseq': ['UPDATE mailbox SET next_modseq = NULL WHERE id = 0'],
    'first recent UID below 0': [inbox('first_recent = -1')],
    'first recent UID above all': [inbox('first_recent = 4000000000')],
    'journal from the future': [inbox('vanished_floor = 1 << 60')],
    'UID 0 in the journal': [gone('VALUES (0, 0)')],
    'range upside down': [gone('VALUES (5, 1)')],
    'range below 0': [gone('VALUES (-5, -1)')],
    'range of 33 bits': [gone('VALUES (1, 1 << 33)')],
    'journal of what is there': [gone('VALUES (1, 2)')],
    'date after all': [each_message('date = 1 << 62, save_date = 1 << 62')],
    'date before all': [
        each_message('date = -(1 << 62), save_date = -(1 << 62)')],
    'size of 63 bits': [each_message('vsize = 1 << 62')],
    'size below 0': [each_message('vsize = -1')],
    'body of 62 bits': ['UPDATE body SET vsize = 1 << 61, hdr_size = 0'],
    'body with chunks missing': ['UPDATE body SET vsize = 300000'],
    'body of an unknown codec': ['UPDATE body SET codec = 9'],
    'body not packed': ['UPDATE body SET codec = 0'],
    'body without data': ["UPDATE body SET data = x''"],
    'body without a GUID': ["UPDATE body SET guid = x'00'"],
    'no body': [each_message('body_id = -1')],
    'keyword without a name': ["INSERT INTO keyword VALUES (0, '')",
                               each_message('keywords = 1')],
    'keyword that speaks IMAP': [
        "INSERT INTO keyword VALUES (0, 'a' || char(13, 10) || '* BYE x')",
        each_message('keywords = 1')],
    'keywords that are none': [each_message('keywords = -1')],
    'further keywords that are none': [
        'INSERT INTO keyword_more VALUES (1, 1, -5), (1, 1, 3)',
        each_message('flags = flags | 32')],
    'counters below 0': [inbox('messages = -5, unseen = 9, vsize = -1')],
    'INBOX without a GUID': [inbox("guid = x''")],
    'INBOX without messages': [inbox('noselect = 1')],
    'no INBOX': ["DELETE FROM mailbox WHERE name = 'INBOX'"],
    'no account': ['DELETE FROM mailbox WHERE id = 0'],
    'ids from the beginning': [
        'UPDATE mailbox SET next_id = 1, next_body = 1 WHERE id = 0'],
    'ids at their end': [
        f'UPDATE mailbox SET next_id = {2**63 - 1} WHERE id = 0'],
    'box with the last id': [
        f"UPDATE mailbox SET id = {2**63 - 1} WHERE name = 'Box'"],
    'box in itself': ["UPDATE mailbox SET parent_id = id WHERE name = 'Box'"],
    'name not UTF-8': [
        f"UPDATE mailbox SET name = {NAMES['not UTF-8']} WHERE name = 'Box'"],
}
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
        """As nobody would who keeps to our schema; INBOX is to be looked at
        again."""
        store = Store(self.server, self.user)
        db = sqlite3.connect(os.path.join(store.dir, 'store.db'))
        with db:
            db.execute('PRAGMA ignore_check_constraints = ON')
            db.execute('UPDATE mailbox SET next_modseq = next_modseq + 10'
                       ' WHERE id = 0')
            db.execute(inbox(f'highestmodseq = {NEWEST}'))
            for statement in statements:
                db.execute(statement)
        db.close()
        store.server.own(store.dir)

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
