#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The tree of a mount: what IMAP has is there as folders and files."""

import os

import mount
from mails import mail


class Listing(mount.MountCase):
    def test_folders_and_messages(self):
        """Mailboxes are directories, messages are files in them."""
        c = self.client
        for name in ('Archive', 'Archive/2024', 'INBOX/Projects'):
            c.ok(f'CREATE {name}')
        body = mail(subject='one')
        uid = c.append('INBOX', body, date=' 1-Mar-2024 12:00:01 +0000')
        self.assertEqual(sorted(os.listdir(self.mnt)), ['Archive', 'INBOX'])
        self.assertEqual(os.listdir(self.path('Archive')), ['2024'])
        name, = set(os.listdir(self.path('INBOX'))) - {'Projects'}
        self.assertRegex(name, rf'^20240301T120001-\d+\.{uid}\.eml$')
        with open(self.path('INBOX', name), 'rb') as f:
            self.assertEqual(f.read(), body.replace(b'\r\n', b'\n'))


if __name__ == '__main__':
    mount.main()
