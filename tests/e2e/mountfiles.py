# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What tests of files in a mount share."""

import os

import mount


def wire(data):
    """What IMAP makes of a file: each bare LF is CRLF."""
    return data.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')


class FileCase(mount.MountCase):

    def open(self, name, flags=os.O_RDWR, box='INBOX'):
        return os.open(self.path(box, name), flags, 0o600)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.close_all)

    def close_all(self):
        """What a test that failed has left open would keep it mounted."""
        for fd in os.listdir('/proc/self/fd'):
            path = f'/proc/self/fd/{fd}'
            if os.path.islink(path) \
                    and os.readlink(path).startswith(self.mnt + '/'):
                os.close(int(fd))

    def write(self, name, data, flags=os.O_CREAT | os.O_TRUNC, box='INBOX'):
        fd = self.open(name, os.O_WRONLY | flags, box)
        try:
            self.write_all(fd, data)
        finally:
            os.close(fd)

    @staticmethod
    def write_all(fd, data):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]

    def read(self, name, box='INBOX'):
        with open(self.path(box, name), 'rb') as f:
            return f.read()

    def list(self, box='INBOX'):
        return sorted(os.listdir(self.path(box)))

    def beside(self, *names):
        """A path of the test's own that is not in the mount."""
        return os.path.join(os.path.dirname(self.mnt), *names)

    def put(self, name, data):
        path = self.beside(name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def date(self, uid, box='INBOX'):
        self.client.ok(f'EXAMINE "{box}"')
        found = self.client.fetch_by_uid('INTERNALDATE', str(uid))
        return found[uid]['INTERNALDATE'].decode()

    def only_uid(self, box='INBOX'):
        uids = self.uids(box)
        self.assertEqual(len(uids), 1, uids)
        return uids[0]
