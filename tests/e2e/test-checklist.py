#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The checklist itself: every row is shown, and the table says by what."""

import unittest

import coverage


class Checklist(unittest.TestCase):
    def test_every_row_has_a_test(self):
        """No row that Dovecot, the plugin or the store serve is without a
        test."""
        found = coverage.shown()
        missing = [f'{name} ({text})' for _, section in coverage.rows()
                   for name, who, text in section
                   if set(who) & set('DP') and name not in found]
        self.assertEqual(missing, [])

    def test_every_row_of_the_mount_has_a_test(self):
        """No row that the mount of a store decides is without a test of the
        mount."""
        found = coverage.shown()
        missing = [f'{name} ({text})' for _, section in coverage.rows()
                   for name, who, text in section
                   if 'F' in who and not any(
                       program.startswith('mount-')
                       for program in found.get(name, ()))]
        self.assertEqual(missing, [])

    def test_every_row_of_remote_accounts_has_a_test(self):
        """No row that an account elsewhere decides is without a test of the
        client or of the mount."""
        found = coverage.shown()
        missing = [f'{name} ({text})' for _, section in coverage.rows()
                   for name, who, text in section
                   if 'R' in who and not any(
                       program == 'imap-client'
                       or program.startswith('remote-')
                       for program in found.get(name, ()))]
        self.assertEqual(missing, [])

    def test_no_unknown_rows(self):
        """No test names a row that is not in the checklist."""
        known = {name for _, section in coverage.rows()
                 for name, _, _ in section}
        self.assertEqual(set(coverage.shown()) - known, set())

    def test_rows_are_numbered(self):
        """The rows run from S1 to S134, D1 to D7 and I1 to I9, once each."""
        names = [name for _, section in coverage.rows()
                 for name, _, _ in section]
        wanted = [f'{letter}{n}' for letter, count in (
            ('S', 134), ('D', 7), ('I', 9)) for n in range(1, count + 1)]
        self.assertEqual(names, wanted)

    def test_table_is_fresh(self):
        """doc/checklist.md is what `tests/e2e/coverage.py --write` writes."""
        with open(coverage.TABLE, encoding='utf-8') as f:
            self.assertEqual(f.read(), coverage.table(),
                             'run tests/e2e/coverage.py --write')


if __name__ == '__main__':
    unittest.main()
