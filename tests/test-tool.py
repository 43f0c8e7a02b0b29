#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The sqbox command: what it prints, and with which code it exits."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ.get('SQBOX_BUILDDIR', os.getcwd())
SQBOX = os.path.join(BUILD, 'sqbox')
MAKE_STORE = os.path.join(BUILD, 'tests', 'make-store')
MESSAGES = 40

DAMAGES = (
    ('count', 'UPDATE mailbox SET messages = messages + 1 WHERE id = 1'),
    ('uidnext', 'UPDATE mailbox SET uidnext = 2 WHERE id = 1'),
    ('lost-body', 'DELETE FROM body WHERE id = 3'),
    ('lost-chunk', 'DELETE FROM body_chunk WHERE n = 1'),
    ('orphan', 'DELETE FROM message WHERE uid = 5'),
)

DAMAGED, USAGE, DATAERR, NOINPUT, CANTCREAT = 1, 64, 65, 66, 73


def make_store(path, messages):
    subprocess.run([MAKE_STORE, path, str(messages)], check=True)


def sqbox(*args):
    return subprocess.run([SQBOX, *args], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, check=False)


class Tool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix='sqbox-tool-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.store = os.path.join(cls.dir, 'store')
        make_store(cls.store, MESSAGES)

    def run_ok(self, *args):
        result = sqbox(*args)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return result.stdout

    def run_bad(self, code, *args):
        """It fails with this code and says why: a sentence or the usage."""
        result = sqbox(*args)
        self.assertEqual(result.returncode, code, result)
        self.assertRegex(result.stderr, r'\A(\S*sqbox: .{10}|usage: sqbox)')
        return result

    def copy(self, name):
        """A copy of the store, made while nobody uses it."""
        path = os.path.join(self.dir, name)
        shutil.copytree(self.store, path)
        return path

    @staticmethod
    def sql(store, statement):
        """Run it on a store that nobody uses."""
        db = sqlite3.connect(os.path.join(store, 'store.db'))
        with contextlib.closing(db), db:
            return db.execute(statement).fetchall()

    def stat(self, store):
        return json.loads(self.run_ok('stat', '--json', store))

    def test_help_and_version(self):
        self.assertIn('sqbox check STORE', self.run_ok('--help'))
        self.assertRegex(self.run_ok('--version'), r'\Asqbox \d+\.\d+\.\d+\n\Z')

    def test_wrong_usage_is_64(self):
        for args in ((), ('check',), ('check', 'a', 'b'), ('backup', 'a'),
                     ('salvage', 'a'), ('rescue', 'a'), ('--what',),
                     ('stat', '--what', 'a'), ('check', '--json', 'a')):
            with self.subTest(args=args):
                result = self.run_bad(USAGE, *args)
                self.assertIn('usage: sqbox', result.stderr)
                self.assertEqual(result.stdout, '')

    def test_no_store_is_66(self):
        missing = os.path.join(self.dir, 'missing')
        for args in (('check', missing), ('stat', missing),
                     ('backup', missing, missing + '.copy')):
            with self.subTest(args=args):
                self.assertIn(missing, self.run_bad(NOINPUT, *args).stderr)
        self.assertFalse(os.path.exists(missing))
        self.assertFalse(os.path.exists(missing + '.copy'))

    def test_a_store_of_a_newer_version_is_65(self):
        path = self.copy('newer')
        self.sql(path, 'PRAGMA user_version = 1000')
        self.assertIn(path, self.run_bad(DATAERR, 'stat', path).stderr)

    def test_something_that_is_no_database(self):
        path = os.path.join(self.dir, 'other')
        os.mkdir(path, 0o700)
        with open(os.path.join(path, 'store.db'), 'wb') as f:
            f.write(b'this is no database at all\n' * 1000)
        self.assertIn(path, self.run_bad(DAMAGED, 'check', path).stderr)

    def test_stat_counts(self):
        stat = self.stat(self.store)
        self.assertEqual(stat['mailboxes'], 2)
        self.assertEqual(stat['noselect'], 1)
        self.assertEqual(stat['messages'], MESSAGES + 1)
        self.assertEqual(stat['unseen'], MESSAGES // 2 + 1)
        self.assertEqual(stat['bodies'], MESSAGES)
        self.assertEqual(stat['bodies_free'], 0)
        self.assertEqual(stat['keywords'], 1)
        self.assertEqual(stat['subscriptions'], 1)
        self.assertGreater(stat['vsize'], MESSAGES * 500)
        self.assertGreater(stat['db_bytes'], 0)

    def test_stat_says_the_same_in_both_forms(self):
        lines = [line.split() for line in
                 self.run_ok('stat', self.store).splitlines()]
        self.assertEqual({name: int(value) for name, value in lines},
                         self.stat(self.store))

    def test_check_of_a_sound_store(self):
        self.assertEqual(self.run_ok('check', self.store),
                         f'{self.store}: 0 problems found\n')

    def assert_damage(self, path):
        """Problems one on a line, then how many."""
        result = sqbox('check', path)
        self.assertEqual((result.returncode, result.stderr), (DAMAGED, ''))
        *problems, summary = result.stdout.splitlines()
        n = len(problems)
        self.assertGreater(n, 0)
        self.assertEqual(
            summary, f'{path}: {n} problem{"s" if n > 1 else ""} found')

    def test_check_finds_damage(self):
        for name, statement in DAMAGES:
            with self.subTest(damage=name):
                path = self.copy(name)
                self.sql(path, statement)
                self.assert_damage(path)

    def test_check_finds_a_flipped_bit_in_a_body(self):
        """On the disk, wherever it is in the body."""
        with open(os.path.join(self.store, 'store.db'), 'rb') as f:
            content = f.read()
        (body,), = self.sql(self.store, 'SELECT data FROM body WHERE id = 1')
        start = content.index(body[:200])
        for n in (0, 7, len(body[:200]) - 1):
            with self.subTest(octet=n):
                path = self.copy(f'flipped{n}')
                with open(os.path.join(path, 'store.db'), 'r+b') as f:
                    f.seek(start + n)
                    f.write(bytes([content[start + n] ^ 1]))
                self.assert_damage(path)

    def test_check_finds_overwritten_pages(self):
        path = self.copy('torn')
        db = os.path.join(path, 'store.db')
        with open(db, 'r+b') as f:
            f.seek(os.path.getsize(db) // 2)
            f.write(b'\xa5' * 16384)
        self.assertEqual(sqbox('check', path).returncode, DAMAGED)

    def test_check_changes_nothing(self):
        path = self.copy('watched')
        names = ['store.db']

        def content():
            out = {}
            for name in names:
                with open(os.path.join(path, name), 'rb') as f:
                    out[name] = f.read()
            return out

        before = content()
        self.run_ok('check', path)
        self.run_ok('stat', path)
        self.assertEqual(content(), before)

    def test_backup_is_the_same_store(self):
        dest = os.path.join(self.dir, 'backup')
        self.assertEqual(self.run_ok('backup', self.store, dest), '')
        self.run_ok('check', dest)
        want, got = self.stat(self.store), self.stat(dest)
        for name in ('mailboxes', 'messages', 'unseen', 'vsize', 'bodies',
                     'keywords', 'subscriptions'):
            self.assertEqual(got[name], want[name], name)
        self.assertEqual(os.stat(dest).st_mode & 0o777, 0o700)

    def test_backup_does_not_overwrite(self):
        dest = os.path.join(self.dir, 'taken')
        os.mkdir(dest)
        with open(os.path.join(dest, 'precious'), 'w', encoding='ascii') as f:
            f.write('x')
        self.assertIn(dest, self.run_bad(CANTCREAT, 'backup', self.store,
                                         dest).stderr)
        self.assertEqual(os.listdir(dest), ['precious'])

    def test_backup_of_a_store_in_use(self):
        """A writer goes on meanwhile; the copy is sound, and a prefix."""
        busy = os.path.join(self.dir, 'busy')
        dest = os.path.join(self.dir, 'busy.copy')
        make_store(busy, 20)
        with subprocess.Popen([MAKE_STORE, busy, '200']) as writer:
            counts = []
            for n in range(5):
                self.run_ok('backup', busy, f'{dest}{n}')
                counts.append(self.stat(f'{dest}{n}')['messages'])
            self.assertEqual(writer.wait(), 0)
        for n in range(5):
            self.run_ok('check', f'{dest}{n}')
        self.assertEqual(counts, sorted(counts))
        self.run_ok('check', busy)

    def test_output_that_cannot_be_written(self):
        with open('/dev/full', 'w', encoding='ascii') as full:
            result = subprocess.run([SQBOX, 'stat', self.store], stdout=full,
                                    stderr=subprocess.PIPE, text=True,
                                    check=False)
        self.assertEqual(result.returncode, 74)
        self.assertRegex(result.stderr, 'sqbox: cannot write')


if __name__ == '__main__':
    if not os.path.exists(SQBOX):
        sys.exit(f'{SQBOX} is not built')
    unittest.main()
