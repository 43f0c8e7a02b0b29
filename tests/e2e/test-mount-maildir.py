#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A mount with layout=maildir: what a Maildir program does to files, and what
IMAP then has."""

import errno
import os

import harness
import mount
from mails import mail

DAY = 1700000000
LETTERS = {'D': '\\Draft', 'F': '\\Flagged', 'P': '$Forwarded',
           'R': '\\Answered', 'S': '\\Seen', 'T': '\\Deleted'}


def flags_of(letters):
    return {LETTERS[letter] for letter in letters}


# In a folder with one new message called x: from, to; errno; where it is then,
# and its flags in IMAP.
RENAMES = (
    ('new/x', 'cur/x:2,', 0, 'cur/x:2,', ''),
    ('new/x', 'cur/x:2,S', 0, 'cur/x:2,S', 'S'),
    ('new/x', 'cur/x:2,DFPRST', 0, 'cur/x:2,DFPRST', 'DFPRST'),
    ('new/x', 'cur/x:2,SF', 0, 'cur/x:2,FS', 'FS'),
    ('new/x', 'cur/x:2,Sabz', 0, 'cur/x:2,S', 'S'),
    ('new/x', 'cur/x', 0, 'cur/x:2,', ''),
    ('new/x', 'cur/x:1,S', 0, 'cur/x:2,', ''),
    ('new/x', 'new/x', 0, 'new/x', ''),
    ('new/x', 'new/y', 0, 'new/y', ''),
    ('new/x', 'new/x:2,F', 0, 'new/x:2,F', 'F'),
    ('new/x', 'cur/y:2,S', 0, 'cur/y:2,S', 'S'),
    ('new/x', 'cur/' + 'y' * 246 + ':2,S', 0, 'cur/' + 'y' * 246 + ':2,S', 'S'),
    ('new/x', 'cur/' + 'y' * 247 + ':2,S', errno.ENAMETOOLONG, 'new/x', ''),
    ('new/x', 'cur/.x', errno.EINVAL, 'new/x', ''),
    ('new/x', 'tmp/x', errno.EPERM, 'new/x', ''),
    ('new/x', 'x', errno.EPERM, 'new/x', ''),
    ('new/x', 'x.eml', errno.EPERM, 'new/x', ''),
    ('new/x', 'cur', errno.EISDIR, 'new/x', ''),
    ('new/none', 'cur/none:2,', errno.ENOENT, 'new/x', ''),
    ('cur/x:2,', 'cur/x:2,S', errno.ENOENT, 'new/x', ''),
    ('cur', 'old', errno.EBUSY, 'new/x', ''),
)


class Maildir(mount.MountCase):
    options = 'layout=maildir'

    def make_folder(self, name):
        """As a program does that makes a Maildir."""
        os.mkdir(self.path(name))
        for sub in ('cur', 'new', 'tmp'):
            os.mkdir(self.path(name, sub))

    def deliver(self, folder, name, to='new', link=False, subject='one'):
        tmp = self.path(folder, 'tmp', name)
        with open(tmp, 'wb') as f:
            f.write(mail(subject).replace(b'\r\n', b'\n'))
            f.flush()
            os.fsync(f.fileno())
        os.utime(tmp, (DAY, DAY))
        if link:
            os.link(tmp, self.path(folder, to, name))
            os.unlink(tmp)
        else:
            os.rename(tmp, self.path(folder, to, name))

    def files(self, folder):
        """All that is in cur, new and tmp."""
        return sorted(os.path.join(sub, name)
                      for sub in ('cur', 'new', 'tmp')
                      for name in os.listdir(self.path(folder, sub)))

    def imap_flags(self, folder):
        """Those of the one message in a folder."""
        uid, = self.uids(folder)
        return self.flags(folder, uid)

    def test_rename_table(self):
        for number, (old, new, code, where, letters) in enumerate(RENAMES):
            folder = f'r{number}'
            with self.subTest(old=old, new=new):
                self.make_folder(folder)
                self.deliver(folder, 'x')
                self.assertEqual(self.files(folder), ['new/x'])
                self.assert_errno(code, os.rename, self.path(folder, old),
                                  self.path(folder, new))
                self.assertEqual(self.files(folder), [where])
                self.assertEqual(self.imap_flags(folder), flags_of(letters))
                self.assertIn(b'Subject: one', self.read(folder, where))
        self.store.check()

    def read(self, *names):
        with open(self.path(*names), 'rb') as f:
            return f.read()

    def test_delivery(self):
        """By rename and by link, to new and to cur."""
        for link in (False, True):
            for name, to, where, letters in (
                    ('a', 'new', 'new/a', ''), ('b', 'cur', 'cur/b:2,', ''),
                    ('c:2,FS', 'cur', 'cur/c:2,FS', 'FS')):
                folder = f'{name[0]}{link}'
                with self.subTest(folder=folder):
                    self.make_folder(folder)
                    self.deliver(folder, name, to, link)
                    self.assertEqual(self.files(folder), [where])
                    self.assertEqual(os.stat(self.path(folder, where)).st_mtime,
                                     DAY)
                    self.assertEqual(self.imap_flags(folder),
                                     flags_of(letters))
                    uid, = self.uids(folder)
                    self.assertEqual(self.body(folder, uid), mail('one'))


if __name__ == '__main__':
    mount.main()
