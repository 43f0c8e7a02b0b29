#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""sqbox salvage: what comes out of damaged stores.

SQBOX_SALVAGE_ROUNDS  how often to damage a store at random (default 60)
SQBOX_SEED            repeat such a run
"""

import contextlib
import os
import pty
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from sqlitepages import SIZE, File

BUILD = os.environ.get('SQBOX_BUILDDIR', os.getcwd())
SQBOX = os.path.join(BUILD, 'sqbox')
MAKE_STORE = os.path.join(BUILD, 'tests', 'make-store')
WRITER = os.path.join(BUILD, 'tests', 'writer')
ROUNDS = int(os.environ.get('SQBOX_SALVAGE_ROUNDS') or 60)
TIMEOUT = 120

DAMAGED, DATAERR, NOINPUT, CANTCREAT = 1, 65, 66, 73
MAILBOXES = ('Archive/2023', 'Archive/2024', 'Архив', 'lists/sqlite',
             *(f'project {n}/notes' for n in range(60)))

# Of the message row all, of the mailbox row what salvage does not count anew.
TABLES = {
    'message': '*', 'body': '*', 'body_chunk': '*', 'body_eol': '*',
    'subscription': '*', 'keyword': '*', 'keyword_more': '*', 'pop3': '*', 'entry_name': '*',
    'attribute': '*', 'body_shared': '*', 'remote_account': '*',
    'remote_message': '*', 'remote_keyword_more': '*', 'body_absent': '*',
    'remote_mailbox': 'mailbox_id, name, path, mailboxid, subscribed,'
                      ' uidvalidity',
    'mailbox': 'id, parent_id, name, guid, noselect, uidvalidity, uidnext,'
               ' first_recent, highestmodseq, messages, unseen, vsize,'
               ' special_use, next_id, next_body, next_uidvalidity,'
               ' next_modseq',
}
EXTRAS = (
    "INSERT INTO entry_name SELECT mailbox_id, CAST('a name.eml' AS BLOB), uid"
    ' FROM message WHERE uid = 3',
    "INSERT INTO pop3 SELECT mailbox_id, uid, 'uidl-' || uid, uid FROM message"
    ' WHERE uid % 5 = 0',
    'UPDATE message SET flags = flags | 64 WHERE uid % 5 = 0',
    "INSERT INTO attribute SELECT id, '/private/comment',"
    ' CAST(printf(\'%*c\', 100 * id, \'x\') AS BLOB), 1 FROM mailbox',
    'UPDATE body SET eol = 2 WHERE id % 50 = 0 AND vsize < 131072',
    "INSERT INTO body_eol SELECT id, 0, x'0102' FROM body WHERE eol = 2",
    'UPDATE mailbox SET special_use = 1 << (id % 8) WHERE id BETWEEN 2 AND 9',
    "INSERT INTO remote_account VALUES (1, 'imaps://a@mail.example.org')",
    "INSERT INTO remote_mailbox SELECT id, CAST('at there ' || id AS BLOB),"
    " 'path ' || id, x'ff', 1, 7, 1000, 9000000000000000000, 10 FROM mailbox"
    ' WHERE id > 0',
    'INSERT INTO remote_message SELECT mailbox_id, uid, uid + 5, 0, flags & 63,'
    ' keywords, body_id, NULL FROM message',
    'INSERT INTO remote_keyword_more SELECT * FROM keyword_more',
)


def run(*args):
    result = subprocess.run(args, capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=TIMEOUT,
                            check=False)
    assert result.returncode >= 0 and 'Sanitizer' not in result.stderr, result
    return result


def sql(path, statement, *values):
    """Run it on a store that nobody uses."""
    db = sqlite3.connect(os.path.join(path, 'store.db'))
    with contextlib.closing(db), db:
        return db.execute(statement, values).fetchall()


class Writer:
    """tests/writer on a store."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, *words, octets=b''):
        line = '\t'.join(map(str, words)).encode() + b'\n'
        self.process.stdin.write(line + octets)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().split()
        assert answer[0] == 'ok', answer
        return int(answer[1])

    def body(self, box, uid):
        return self.process.stdout.read(self.tell('body', box, uid))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait() == 0


def make(path, rng):
    """A store that has something everywhere, and trees of several levels."""
    subprocess.run([MAKE_STORE, path, '20'], check=True)
    writer = Writer(path)
    for name in MAILBOXES:
        if name != 'Archive/2024':
            writer.tell('create', name)
    for n in range(600):
        keywords = ','.join(f'k{k}' for k in range(n % 70, n % 70 + n % 3))
        text = b'Subject: %d\r\n\r\n' % n + rng.randbytes(
            rng.choice((20, 100, 300, 1500))).hex().encode() + b'\r\n'
        writer.tell('append', rng.choice(('INBOX', *MAILBOXES[:4])), n % 32,
                    keywords or '-', len(text), octets=text)
    for uid in range(40, 60):
        writer.tell('copy', 'INBOX', uid, 'Archive/2024')
    writer.tell('expunge', 'INBOX', 61, 75)
    writer.close()
    for statement in EXTRAS:
        sql(path, statement)
    sql(path, 'PRAGMA wal_checkpoint(TRUNCATE)')
    assert run(SQBOX, 'check', path).returncode == 0


class Pages:
    """The pages that each message of an undamaged store needs."""

    def __init__(self, path):
        with open(os.path.join(path, 'store.db'), 'rb') as f:
            self.file = File(f.read())
        self.bodies, self.messages = {}, {}
        for rowid, above, _, pages in self.file.table('body', False):
            self.bodies[rowid] = [set(pages), set(above)]
        for name, index in (('body_chunk', False), ('body_eol', True)):
            for _, above, row, pages in self.file.table(name, index):
                self.bodies[row[0]][0].update(pages)
                self.bodies[row[0]][1].update(above)
        for _, above, row, pages in self.file.table('message', True):
            needs, over = self.bodies[row[2]]
            self.messages[row[0], row[1]] = (needs | set(pages),
                                             over | set(above))

    def survivors(self, damaged):
        """Where a page of the pointer map is gone, too, nothing else tells of
        the children of a damaged page."""
        no_map = bool(damaged & self.file.maps)
        return {key for key, (needs, above) in self.messages.items()
                if not needs & damaged and not (no_map and above & damaged)}


class Salvage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        seed = int(os.environ.get('SQBOX_SEED') or random.randrange(1 << 32))
        print(f'test-salvage: SQBOX_SEED={seed}', flush=True)
        cls.rng = random.Random(seed)
        cls.dir = tempfile.mkdtemp(prefix='sqbox-salvage-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.store = os.path.join(cls.dir, 'store')
        make(cls.store, cls.rng)
        cls.pages = Pages(cls.store)
        cls.rows = cls.read(cls.store)
        used = {row[2] for row in cls.rows['message']}
        for table in ('body', 'body_eol'):
            cls.rows[table] = {row for row in cls.rows[table]
                               if row[0] in used}

    def setUp(self):
        self.damaged = os.path.join(self.dir, 'damaged')
        self.dest = os.path.join(self.dir, 'saved')
        for path in (self.damaged, self.dest):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.store, self.damaged)

    @staticmethod
    def read(path):
        return {table: set(sql(path, f'SELECT {columns} FROM {table}'))
                for table, columns in TABLES.items()}

    def salvage(self, code):
        """It ends with that code, touches nothing, and the result is sound."""
        before = self.content()
        result = run(SQBOX, 'salvage', self.damaged, self.dest)
        self.assertEqual(self.content(), before)
        self.assertIn(result.returncode, code if isinstance(code, tuple)
                      else (code,), result)
        if result.returncode in (0, DAMAGED):
            self.assertEqual(os.listdir(self.dest), ['store.db'])
            check = run(SQBOX, 'check', self.dest)
            self.assertEqual(check.returncode, 0, check.stdout)
        else:
            self.assertFalse(os.path.exists(self.dest))
            self.assertRegex(result.stderr, r'\A\S*sqbox: .{10}')
        return result

    def content(self):
        files = {'.': os.stat(self.damaged).st_mtime_ns}
        for name in os.listdir(self.damaged):
            path = os.path.join(self.damaged, name)
            if os.path.isfile(path):
                with open(path, 'rb') as f:
                    files[name] = (f.read(), os.stat(path).st_mtime_ns)
        return files

    def write(self, page, octets, offset=0):
        with open(os.path.join(self.damaged, 'store.db'), 'r+b') as f:
            f.seek((page - 1) * SIZE + offset)
            f.write(octets)

    def pages_of(self, name, index):
        return {page for _, above, _, pages in
                self.pages.file.table(name, index)
                for page in (*above, pages[0])}

    # What is not damaged

    def test_all_of_a_sound_store(self):
        result = self.salvage(0)
        self.assertRegex(result.stdout, r'\A\S+: 6\d\d messages in \d+ '
                         r'mailboxes, 0 of them in lost\+found; 0 lost\n\Z')
        self.same(self.read(self.dest))

    def same(self, saved):
        for table, rows in self.rows.items():
            difference = sorted(saved[table] ^ rows, key=repr)[:4]
            self.assertFalse(difference, f'{table}: {difference}')

    def test_every_table_is_known(self):
        """One that the schema gains must be rescued, or listed here."""
        with open(os.path.join(
                os.environ.get('SQBOX_SRCDIR', '.'), 'common',
                'salvage-table.c'), encoding='utf-8') as f:
            source = f.read()
        made_anew = {'expunged', 'body_shared', 'dict', 'body_text'}
        for name, in sql(self.store, 'SELECT name FROM sqlite_schema'
                         " WHERE type = 'table'"):
            columns = len(sql(self.store, f'PRAGMA table_info({name})'))
            if name not in made_anew:
                self.assertRegex(source, rf'{{ "{name}", \w+, \d, "\w{{{columns}}}"')

    # Replicas

    ABSENT = ('SELECT body_id FROM message GROUP BY body_id'
              ' HAVING count(*) = 1 ORDER BY body_id LIMIT 100')

    def forget_bodies(self):
        """A hundred of them are at the server only."""
        for statement in (
                'INSERT INTO body_absent SELECT id, guid, vsize, date FROM body'
                f' WHERE id IN ({self.ABSENT})',
                'UPDATE message SET psize = vsize'
                f' WHERE body_id IN ({self.ABSENT})',
                *(f'DELETE FROM {table} WHERE {column} IN ({self.ABSENT})'
                  for table, column in (('body', 'id'), ('body_chunk', 'body_id'),
                                        ('body_eol', 'body_id')))):
            sql(self.damaged, statement)
        self.assertEqual(run(SQBOX, 'check', self.damaged).returncode, 0)

    def count(self, what):
        return sql(self.dest, f'SELECT count(*) FROM {what}')[0][0]

    def test_what_was_not_fetched_stays_so(self):
        self.forget_bodies()
        before = self.read(self.damaged)
        self.salvage(0)
        after = self.read(self.dest)
        for table in ('body_absent', 'message', *(
                name for name in TABLES if name.startswith('remote_'))):
            self.assertEqual(after[table], before[table], table)

    def test_a_loss_is_not_told_to_the_server(self):
        sql(self.damaged, 'DELETE FROM body WHERE id = 9')
        sql(self.damaged, 'DELETE FROM message WHERE uid = 30')
        self.salvage(DAMAGED)
        self.assertEqual(self.count(
            'remote_message r WHERE NOT EXISTS (SELECT 1 FROM message m WHERE'
            ' m.mailbox_id = r.mailbox_id AND m.uid = r.uid)'), 0)
        self.assertEqual(self.count('remote_mailbox WHERE uidnext != 0'
                                    ' OR highestmodseq != 0 OR pushed != 0'), 0)

    def test_what_the_server_has_is_matched_anew(self):
        self.forget_bodies()
        for table in ('remote_message', 'remote_keyword_more'):
            sql(self.damaged, f'DELETE FROM {table} WHERE mailbox_id = 1'
                ' AND (uid < 10 OR uid BETWEEN 40 AND 50)')
        lost = sql(self.damaged, 'SELECT count(*) FROM message WHERE uid < 10'
                   ' AND mailbox_id = 1 AND body_id IN'
                   ' (SELECT body_id FROM body_absent)')[0][0]
        self.assertGreater(lost, 0)
        result = self.salvage(DAMAGED)
        self.assertIn(f'{lost} lost', result.stdout)
        self.assertIn('is at the server', result.stdout)
        self.assertEqual(sql(self.dest, 'SELECT mailbox_id FROM remote_mailbox'
                             ' WHERE uidvalidity = 0'), [(1,)])

    def test_without_its_account_it_is_none(self):
        self.forget_bodies()
        sql(self.damaged, 'DELETE FROM remote_account')
        result = self.salvage(DAMAGED)
        self.assertIn('100 lost', result.stdout)
        for table in ('body_absent', 'remote_mailbox', 'remote_message',
                      'remote_keyword_more'):
            self.assertEqual(self.count(table), 0)

    def test_older_schemas(self):
        for version in (1, 2):
            with self.subTest(version=version):
                shutil.rmtree(self.damaged)
                shutil.rmtree(self.dest, ignore_errors=True)
                os.mkdir(self.damaged, 0o700)
                path = os.path.join(os.environ.get('SQBOX_SRCDIR', '.'),
                                    'tests', 'data', f'schema-v{version}.sql')
                db = sqlite3.connect(os.path.join(self.damaged, 'store.db'))
                with contextlib.closing(db), open(path, encoding='utf-8') as f:
                    db.executescript(f.read())
                self.assertIn('3 messages', self.salvage(0).stdout)

    def test_its_numbers_move_on(self):
        """I1, I2: as after a restore, none is given out twice."""
        self.salvage(0)
        (uidnext, validity), = sql(
            self.store, 'SELECT uidnext, next_uidvalidity FROM mailbox a,'
            " (SELECT uidnext AS u FROM mailbox WHERE name = 'INBOX')"
            ' WHERE a.id = 0')
        writer = Writer(self.dest)
        uid = writer.tell('append', 'INBOX', 0, '-', 4, octets=b'\r\n\r\n')
        writer.tell('create', 'new')
        writer.close()
        self.assertGreater(uid, uidnext + 100000)
        (new,), = sql(self.dest, 'SELECT uidvalidity FROM mailbox'
                      " WHERE name = 'new'")
        self.assertGreater(new, validity)

    # What is refused

    def test_what_is_no_store(self):
        with open(os.path.join(self.damaged, 'store.db'), 'wb') as f:
            f.write(self.rng.randbytes(40 * SIZE))
        self.assertIn(self.damaged, self.salvage(DATAERR).stderr)
        os.truncate(os.path.join(self.damaged, 'store.db'), 0)
        self.assertIn(self.damaged, self.salvage(DATAERR).stderr)
        os.unlink(os.path.join(self.damaged, 'store.db'))
        self.assertIn(self.damaged, self.salvage(NOINPUT).stderr)
        shutil.rmtree(self.damaged)
        os.mkdir(self.damaged)
        self.salvage(NOINPUT)

    def test_a_newer_schema(self):
        sql(self.damaged, 'PRAGMA user_version = 1000')
        self.assertIn('newer', self.salvage(DATAERR).stderr)

    def test_where_it_may_not_write(self):
        for dest in (self.damaged, os.path.join(self.damaged, 'inside')):
            result = run(SQBOX, 'salvage', self.damaged, dest)
            self.assertEqual(result.returncode, CANTCREAT, result)
            self.assertNotIn('inside', os.listdir(self.damaged))
        os.mkdir(self.dest)
        with open(os.path.join(self.dest, 'precious'), 'wb'):
            pass
        result = run(SQBOX, 'salvage', self.damaged, self.dest)
        self.assertEqual(result.returncode, CANTCREAT, result)
        self.assertEqual(os.listdir(self.dest), ['precious'])

    def test_progress_on_a_terminal(self):
        leader, follower = pty.openpty()
        result = subprocess.run(
            [SQBOX, 'salvage', self.damaged, self.dest], stderr=follower,
            stdout=subprocess.PIPE, timeout=TIMEOUT, check=False)
        os.close(follower)
        self.assertEqual(result.returncode, 0)
        self.assertIn(b'pages ', os.read(leader, 4096))
        os.close(leader)

    # One fault at a time

    def test_a_damaged_body_is_left_out_and_named(self):
        box, = sql(self.store, "SELECT id FROM mailbox WHERE name = 'INBOX'"
                   ' AND parent_id = 0')[0]
        for uid in (2, 10):     # of one chunk, and of several
            self.setUp()
            table, column, row = 'body', 'data', uid
            if uid == 10:
                table = 'body_chunk'
                row, = sql(self.store, 'SELECT rowid FROM body_chunk'
                           ' WHERE body_id = 10 AND n = 2')[0]
            data, = sql(self.store, f'SELECT {column} FROM {table}'
                        ' WHERE rowid = ?', row)[0]
            at = self.pages.file.content.index(data[100:200])
            self.write(1, bytes([data[100] ^ 1]), at)
            result = self.salvage(DAMAGED)
            self.assertEqual(result.stdout.splitlines()[:-1], [
                f'INBOX: UID {uid}: the checksum of its body is wrong'])
            self.assertIn('; 1 lost\n', result.stdout)
            want = {row for row in self.rows['message']
                    if row[:2] != (box, uid)}
            self.assertTrue(self.read(self.dest)['message'] == want)

    def test_lost_message_rows_come_into_lost_and_found(self):
        sql(self.damaged, 'DELETE FROM message WHERE mailbox_id = 1'
            ' AND uid < 9')
        result = self.salvage(DAMAGED)
        self.assertIn(' 8 of them in lost+found; 0 lost\n', result.stdout)
        found = sql(self.dest, 'SELECT b.id, m.date FROM message m'
                    ' JOIN body b ON b.id = m.body_id JOIN mailbox x'
                    " ON x.id = m.mailbox_id WHERE x.name = 'lost+found'")
        self.assertEqual(found, sql(
            self.store, 'SELECT b.id, b.date FROM body b JOIN message m'
            ' ON b.id = m.body_id WHERE mailbox_id = 1 AND uid < 9'
            ' ORDER BY b.id'))
        psizes = 'SELECT body_id, psize FROM message WHERE body_id < 9'
        self.assertEqual(set(sql(self.dest, psizes)),
                         set(sql(self.store, psizes)))
        writer = Writer(self.dest)
        self.assertIn(b'This is message 3.', writer.body('lost+found', 3))
        writer.close()

    def test_bodies_that_wait_to_be_freed_do_not_come_back(self):
        result = self.salvage(0)
        self.assertIn(' 0 of them in lost+found', result.stdout)
        self.assertEqual(len(sql(self.store, 'SELECT 1 FROM body_free')), 15)
        self.assertEqual(sql(self.dest, 'SELECT 1 FROM body_free'), [])

    def names(self, path):
        """{id: full name} of mailboxes."""
        rows = sql(path, 'SELECT id, parent_id, name FROM mailbox')
        tree = {row[0]: row[1:] for row in rows}

        def full(number):
            parent, name = tree[number]
            return name if parent == 0 else f'{full(parent)}/{name}'
        return {number: full(number) for number in tree if number != 0}

    def test_names_come_from_the_index_if_mailboxes_are_lost(self):
        for page in self.pages_of('mailbox', False):
            self.write(page, b'\xa5' * SIZE)
        self.salvage(DAMAGED)
        self.assertEqual(self.names(self.dest), self.names(self.store))
        saved = self.read(self.dest)['message']
        self.assertTrue(saved == self.rows['message'])
        old = {v for v, in sql(self.store, 'SELECT uidvalidity FROM mailbox')}
        new = {v for v, in sql(self.dest, 'SELECT uidvalidity FROM mailbox'
                               ' WHERE id > 0')}
        self.assertFalse(old & new)

    def test_without_any_names(self):
        for page in (self.pages_of('mailbox', False) |
                     self.pages_of('sqlite_autoindex_mailbox_1', True)):
            self.write(page, bytes(SIZE))
        self.salvage(DAMAGED)
        saved = self.read(self.dest)['message']
        self.assertTrue(saved == self.rows['message'])
        names = self.names(self.dest)
        self.assertEqual(names.pop(1), 'INBOX')
        self.assertEqual(names, {n: f'lost+found-{n}' for n in names})

    def test_without_the_first_page_and_the_schema(self):
        for octets in (bytes(SIZE), self.rng.randbytes(SIZE)):
            self.setUp()
            self.write(1, octets)
            self.salvage(DAMAGED)
            self.same(self.read(self.dest))

    def test_inner_pages(self):
        """They hold no rows of a table with rowids: nothing is lost."""
        for name in ('body', 'body_chunk'):
            for _, above, _, _ in self.pages.file.table(name, False):
                for page in above:
                    self.write(page, bytes(SIZE))
        self.salvage(DAMAGED)
        self.same(self.read(self.dest))

    def test_keywords_that_lost_their_names(self):
        for page in self.pages_of('keyword', False):
            self.write(page, bytes(SIZE))
        self.salvage(DAMAGED)
        saved = self.read(self.dest)
        for table in ('message', 'keyword_more'):
            self.assertTrue(saved[table] == self.rows[table])
        self.assertIn((0, 'lost-0'), saved['keyword'])

    # The WAL

    def leave_wal(self):
        """The damaged store's last 60 messages are in its WAL only."""
        db = sqlite3.connect(os.path.join(self.damaged, 'store.db'))
        db.execute('PRAGMA wal_autocheckpoint = 0')
        db.execute('SELECT count(*) FROM message').fetchone()
        writer = Writer(self.damaged)
        for n in range(60):
            writer.tell('append', 'INBOX', n % 32, '-', 400,
                        octets=b'Subject: %8d\r\n\r\n' % n + b'x' * 379)
        for name in ('store.db', 'store.db-wal'):
            shutil.copyfile(os.path.join(self.damaged, name),
                            os.path.join(self.dir, name))
        writer.close()
        db.close()
        shutil.rmtree(self.damaged)
        os.mkdir(self.damaged, 0o700)
        for name in ('store.db', 'store.db-wal'):
            shutil.move(os.path.join(self.dir, name), self.damaged)

    def as_sqlite_reads_it(self):
        copy = os.path.join(self.dir, 'copy')
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.damaged, copy)
        return sql(copy, 'SELECT * FROM message')

    def test_a_wal(self):
        self.leave_wal()
        self.salvage(0)
        messages = sql(self.dest, 'SELECT * FROM message')
        self.assertTrue(messages == self.as_sqlite_reads_it())
        self.assertEqual(len(messages), len(self.rows['message']) + 60)

    def test_a_torn_wal(self):
        """What SQLite takes of it, and no octet more."""
        self.leave_wal()
        wal = os.path.join(self.damaged, 'store.db-wal')
        with open(wal, 'rb') as f:
            good = f.read()
        counts = set()
        for n in range(12):
            at = self.rng.randrange(len(good)) if n else 20
            torn = bytearray(good)
            torn[at] ^= 1
            with open(wal, 'wb') as f:
                f.write(torn if n % 2 == 0 else good[:at])
            shutil.rmtree(self.dest, ignore_errors=True)
            self.salvage(0)
            messages = sql(self.dest, 'SELECT * FROM message')
            self.assertTrue(messages == self.as_sqlite_reads_it())
            counts.add(len(messages))
        self.assertGreater(len(counts), 1)

    def test_the_first_page_in_the_wal_only(self):
        self.leave_wal()
        want = self.as_sqlite_reads_it()
        os.truncate(os.path.join(self.damaged, 'store.db'), 0)
        self.salvage((DAMAGED, DATAERR))
        if os.path.exists(self.dest):
            saved = sql(self.dest, 'SELECT * FROM message WHERE mailbox_id'
                        " NOT IN (SELECT id FROM mailbox WHERE name GLOB"
                        " 'lost+found*')")
            self.assertLessEqual(self.plain(saved), self.plain(want))

    # Anything, anywhere

    def damage_at_random(self):
        """Returns the pages concerned."""
        rng, count = self.rng, self.pages.file.count
        if rng.random() < 0.1:
            size = rng.randrange(4 * SIZE, count * SIZE)
            os.truncate(os.path.join(self.damaged, 'store.db'), size)
            return set(range(size // SIZE + 1, count + 1))
        pages = set()
        for _ in range(rng.choice((1, 1, 2, 4, 10, 30, count // 4))):
            page = rng.choice((rng.randrange(1, count + 1),
                               rng.randrange(1, min(count, 60))))
            pages.add(page)
            kind = rng.randrange(6)
            content = self.pages.file.page(page)
            if kind == 0:
                self.write(page, bytes(SIZE))
            elif kind == 1:
                self.write(page, rng.randbytes(SIZE))
            elif kind == 2:
                self.write(page, rng.randbytes(512), 512 * rng.randrange(8))
            elif kind == 3:     # written to a wrong place
                self.write(page, self.pages.file.page(
                    rng.randrange(1, count + 1)))
            else:
                at = rng.choice((rng.randrange(16), rng.randrange(SIZE)))
                self.write(page, bytes([content[at] ^ 1 << rng.randrange(8)]),
                           at)
        return pages

    @staticmethod
    def plain(messages):
        """Without the bits that tell of rows in other tables."""
        return {(*row[:3], row[3] & 31, *row[4:]) for row in messages}

    def compare(self, damaged):
        saved = self.read(self.dest)
        messages = self.plain(saved['message'])
        bodies = {row[0]: row for row in saved['body']}
        chunks = {}
        for row in saved['body_chunk']:
            chunks.setdefault(row[0], set()).add(row)
        survivors = self.pages.survivors(damaged)
        for row in self.plain(self.rows['message']):
            if row[:2] not in survivors:
                continue
            self.assertTrue(row in messages, row)
            self.assertEqual(bodies[row[2]], self.good_bodies[row[2]])
            self.assertEqual(chunks.get(row[2]), self.good_chunks.get(row[2]))
        return len(survivors)

    def test_random_damage(self):
        """Every message whose own pages are whole comes out."""
        self.good_bodies = {row[0]: row for row in self.rows['body']}
        self.good_chunks = {}
        for row in self.rows['body_chunk']:
            self.good_chunks.setdefault(row[0], set()).add(row)
        survived = 0
        for n in range(ROUNDS):
            self.setUp()
            damaged = self.damage_at_random()
            with self.subTest(round=n, pages=sorted(damaged)[:40]):
                result = self.salvage((0, DAMAGED, DATAERR))
                if result.returncode != DATAERR:
                    survived += self.compare(damaged)
                else:
                    self.assertEqual(self.pages.survivors(damaged), set())
        print(f'test-salvage: {ROUNDS} rounds, {survived} messages in good '
              f'places of {ROUNDS * len(self.rows["message"])}', flush=True)
        self.assertGreater(survived, 0)


if __name__ == '__main__':
    if not os.path.exists(SQBOX):
        sys.exit(f'{SQBOX} is not built')
    unittest.main()
