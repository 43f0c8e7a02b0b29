#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Files written into the mount are messages when they are closed."""

import glob
import os

import mount
from mails import mail

MAILS = sorted(glob.glob(os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', 'data', 'mail', '*.eml')))


def wire(data):
    """What IMAP makes of a file: each bare LF is CRLF."""
    return data.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')


class Write(mount.MountCase):

    def write(self, name, data, flags=0):
        fd = os.open(self.path('INBOX', name),
                     os.O_WRONLY | os.O_CREAT | flags, 0o600)
        try:
            self.write_all(fd, data)
        finally:
            os.close(fd)

    @staticmethod
    def write_all(fd, data):
        while data:
            data = data[os.write(fd, data):]

    def read(self, *names):
        with open(self.path(*names), 'rb') as f:
            return f.read()

    def test_cp_appends(self):
        data = mail('one')
        self.write('one.eml', data)
        self.assertEqual(self.uids(), [1])
        self.assertEqual(self.body('INBOX', 1), wire(data))
        self.assertEqual(self.read('INBOX', 'one.eml'), data)
        self.assertEqual(os.listdir(self.path('INBOX')), ['one.eml'])


if __name__ == '__main__':
    mount.main()
