#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Extended attributes in a mount: flags of messages, subscription and special
use of folders, and figures."""

import errno
import os
import re

import mount
from mails import mail

CREATE, REPLACE = os.XATTR_CREATE, os.XATTR_REPLACE
FLAGS = 'user.imap.flags'

# What is set on a message that is \Seen and has the keyword work; errno; the
# flags that it has then, if they are others.
FLAG_ROWS = (
    ('\\Flagged', 0, {'\\Flagged'}),
    ('', 0, set()),
    (' \n', 0, set()),
    ('\\Seen $Forwarded work\n', 0, {'\\Seen', '$Forwarded', 'work'}),
    ('\\ANSWERED \\flagged\t\\deleted\n\\draft \\sEEN', 0,
     {'\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '\\Seen'}),
    ('WORK', 0, {'work'}),
    ('+\\Flagged', 0, {'\\Seen', 'work', '\\Flagged'}),
    ('-\\Seen', 0, {'work'}),
    ('+\\Flagged -\\Seen -work +$Junk', 0, {'\\Flagged', '$Junk'}),
    ('-never-seen', 0, None),
    ('+\\Seen', 0, None),
    (' '.join(f'k{n}' for n in range(100)), 0, {f'k{n}' for n in range(100)}),
    ('+' + 'k' * 255, 0, {'\\Seen', 'work', 'k' * 255}),
    ('+' + 'k' * 256, errno.EINVAL, None),
    ('\\Recent', errno.EINVAL, None),
    ('+\\Recent', errno.EINVAL, None),
    ('\\Nonsense', errno.EINVAL, None),
    ('\\', errno.EINVAL, None),
    ('+', errno.EINVAL, None),
    ('\\Seen +\\Flagged', errno.EINVAL, None),
    ('+\\Flagged \\Seen', errno.EINVAL, None),
    ('a(b', errno.EINVAL, None),
    ('a]b', errno.EINVAL, None),
    ('"a"', errno.EINVAL, None),
    ('ä', errno.EINVAL, None),
    ('\udcff', errno.EINVAL, None),
    ('a\0b', errno.EINVAL, None),
    ('\\Flagged a%', errno.EINVAL, None),
)


class Xattr(mount.MountCase):
    def make_message(self, flags='\\Seen work'):
        return self.append(mail(), flags)

    @staticmethod
    def get(path, name=FLAGS):
        return os.getxattr(path, name).decode()

    @staticmethod
    def set(path, value, name=FLAGS, flags=0):
        os.setxattr(path, name, value.encode('utf-8', 'surrogateescape'),
                    flags)

    def test_set_flags(self):
        """S66 S67 S68 S69: A table of values, and what IMAP then has."""
        for value, code, wanted in FLAG_ROWS:
            with self.subTest(value=value[:40]):
                uid, path = self.make_message()
                self.assert_errno(code, self.set, path, value)
                if wanted is None:
                    wanted = {'\\Seen', 'work'}
                self.assertEqual(self.flags('INBOX', uid), wanted)
                self.assertEqual(set(self.get(path).split()), wanted)
        self.store.check()

    def test_imap_sets_flags(self):
        """What IMAP changes is seen at once."""
        uid, path = self.make_message('')
        self.assertEqual(self.get(path), '')
        self.client.select()
        self.client.ok(f'UID STORE {uid} +FLAGS (\\Flagged later)')
        self.assertEqual(self.get(path), '\\Flagged later')

    def test_pushed_to_idle(self):
        """A client in IDLE is told of a flag that is set in the mount."""
        _, path = self.make_message('')
        self.client.select()
        self.client.idle()
        self.set(path, '+\\Flagged')
        self.client.idle_until(lambda got: any(
            r.name == 'FETCH' and '\\Flagged' in repr(r) for r in got))
        self.client.done()

    def test_figures_of_a_message(self):
        """S133: UID, UIDVALIDITY, GUID, modseq, INTERNALDATE and size are
        those that IMAP tells, and cannot be set."""
        uid, path = self.make_message()
        c = self.client
        c.ok('EXAMINE INBOX (CONDSTORE)')
        items = c.fetch_by_uid('MODSEQ RFC822.SIZE INTERNALDATE X-GUID',
                               str(uid))[uid]
        validity = c.status('INBOX', 'UIDVALIDITY')['UIDVALIDITY']
        wanted = {'uid': uid, 'uidvalidity': validity,
                  'guid': items['X-GUID'], 'size': items['RFC822.SIZE'],
                  'internaldate': '01-Mar-2024 12:00:01 +0000'}
        for name, value in wanted.items():
            value = value.decode() if isinstance(value, bytes) else str(value)
            self.assertEqual(self.get(path, 'user.imap.' + name), value)
        self.assertRegex(self.get(path, 'user.imap.modseq'), r'^[1-9]\d*$')
        for name in (*wanted, 'modseq', 'nonsense'):
            self.assert_errno(errno.EPERM, self.set, path, '1',
                              'user.imap.' + name)
        self.assertEqual(self.uids(), [uid])

    def test_names(self):
        """What is listed, what is not there, and what nobody asks for."""
        _, path = self.make_message()
        folder = self.path('INBOX')
        self.assertEqual(os.listxattr(path), [FLAGS])
        self.assertEqual(os.listxattr(folder), ['user.imap.subscribed'])
        self.assertEqual(os.listxattr(self.mnt), [])
        for name in ('user.imap.nonsense', 'user.imap.', 'user.mime_type',
                     'user.imap.subscribed'):
            self.assert_errno(errno.ENODATA, self.get, path, name)
        for name in ('security.selinux', 'system.posix_acl_access',
                     'security.capability'):
            self.assert_errno(errno.EOPNOTSUPP, self.get, path, name)
        self.assert_errno(errno.EOPNOTSUPP, self.set, path, 'x',
                          'user.mime_type')
        self.assert_errno(errno.ENODATA, self.get, folder, FLAGS)
        self.assert_errno(errno.EPERM, self.set, folder, '\\Seen')
        self.assert_errno(errno.ENODATA, self.get, self.mnt,
                          'user.imap.messages')
        self.assert_errno(errno.EPERM, self.set, self.mnt, '1',
                          'user.imap.subscribed')

    def test_create_replace_remove(self):
        """XATTR_CREATE, XATTR_REPLACE and removexattr."""
        uid, path = self.make_message()
        self.assert_errno(errno.EEXIST, self.set, path, 'x', FLAGS, CREATE)
        self.assertEqual(self.flags('INBOX', uid), {'\\Seen', 'work'})
        self.assert_errno(0, self.set, path, 'x', FLAGS, REPLACE)
        self.assertEqual(self.flags('INBOX', uid), {'x'})
        self.assert_errno(0, os.removexattr, path, FLAGS)
        self.assertEqual(self.flags('INBOX', uid), set())
        self.assert_errno(errno.EPERM, os.removexattr, path, 'user.imap.uid')
        self.assert_errno(errno.ENODATA, os.removexattr, path, 'user.imap.x')
        folder, use = self.path('INBOX'), 'user.imap.specialuse'
        self.assert_errno(errno.ENODATA, self.set, folder, '\\Junk', use,
                          REPLACE)
        self.assert_errno(0, self.set, folder, '\\Junk', use, CREATE)
        self.assert_errno(errno.EEXIST, self.set, folder, '\\Junk', use,
                          CREATE)
        self.assert_errno(0, os.removexattr, folder, use)
        self.assert_errno(errno.ENODATA, self.get, folder, use)

    def test_sizes(self):
        """A buffer too small is ERANGE; size 0 asks for the size."""
        _, path = self.make_message('\\Seen')
        self.shell(f"""python3 - <<'END'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
path, name = {os.fsencode(path)!r}, b'{FLAGS}'
buf = ctypes.create_string_buffer(100)
for size, wanted in ((0, 5), (4, -1), (5, 5), (100, 5)):
    assert libc.getxattr(path, name, buf, size) == wanted, size
assert ctypes.get_errno() == errno.ERANGE
for size, wanted in ((0, 16), (15, -1), (16, 16)):
    assert libc.listxattr(path, buf, size) == wanted, size
assert ctypes.get_errno() == errno.ERANGE
END""")

    def test_folder(self):
        """S49 S123: The figures of STATUS; subscription and special use."""
        c, folder = self.client, self.path('INBOX')
        self.make_message()
        self.make_message('')
        status = c.status('INBOX')
        for name in ('messages', 'unseen', 'uidnext', 'uidvalidity'):
            self.assertEqual(self.get(folder, 'user.imap.' + name),
                             str(status[name.upper()]))
            self.assert_errno(errno.EPERM, self.set, folder, '1',
                              'user.imap.' + name)
        sub = 'user.imap.subscribed'
        self.assertEqual(self.get(folder, sub), '0')
        for value, code, wanted in (('1', 0, {'INBOX'}), ('0', 0, set()),
                                    ('1\n', 0, {'INBOX'}), ('', 0, set()),
                                    ('yes', errno.EINVAL, set()),
                                    ('1' * 300, errno.EINVAL, set())):
            self.assert_errno(code, self.set, folder, value, sub)
            self.assertEqual(set(c.list(command='LSUB')), wanted)
        c.ok('SUBSCRIBE INBOX')
        self.assertEqual(self.get(folder, sub), '1')

    def test_special_use(self):
        """\\Trash on a folder is where rm puts mail, and only one has it."""
        use = 'user.imap.specialuse'
        for name in ('Bin', 'Dust'):
            os.mkdir(self.path(name))
        for value, code in (('\\Nonsense', errno.EINVAL),
                            ('Trash', errno.EINVAL), ('', 0),
                            ('\\TRASH \\Junk', 0), ('\\Trash', 0)):
            self.assert_errno(code, self.set, self.path('Bin'), value, use)
        self.assertEqual(self.get(self.path('Bin'), use), '\\Trash')
        _, path = self.make_message('one')
        os.unlink(path)
        self.assertEqual((self.uids(), self.uids('Bin')), ([], [1]))
        self.set(self.path('Dust'), '\\Trash', use)
        self.assert_errno(errno.ENODATA, self.get, self.path('Bin'), use)
        _, path = self.make_message('two')
        os.unlink(path)
        self.assertEqual(self.flags('Dust', 1), {'two'})
        self.assertEqual(self.uids('Bin'), [1])

    def test_kept_with_scratch(self):
        """Flags that are set before a file is a message become its own."""
        path = self.path('INBOX', 'x.eml')
        with open(path, 'w') as f:
            self.assert_errno(errno.ENODATA, self.get, path)
            self.set(path, '\\Seen one')
            self.set(path, '+two -one')
            self.assert_errno(errno.EINVAL, self.set, path, '\\Recent')
            self.assert_errno(errno.EINVAL, self.set, path, 'a(b')
            self.assertEqual(self.get(path), '\\Seen two')
            f.write('Subject: x\n\nx\n')
        self.assertEqual(self.flags('INBOX', 1), {'\\Seen', 'two'})
        scratch = self.path('INBOX', '.y.eml.Ab12')
        with open(scratch, 'w') as f:
            f.write('Subject: y\n\ny\n')
        self.set(scratch, '\\Answered')
        os.rename(scratch, self.path('INBOX', 'y.eml'))
        self.assertEqual(self.flags('INBOX', 2), {'\\Answered'})

    def test_tools(self):
        """setfattr and getfattr, as in the manual."""
        uid, path = self.make_message('')
        self.shell(f"setfattr -n {FLAGS} -v '+\\Seen' {path}")
        self.assertEqual(self.flags('INBOX', uid), {'\\Seen'})
        out = self.shell(f'getfattr --only-values -n {FLAGS} {path}').stdout
        self.assertTrue(re.search(r'\\Seen$', out), out)
        out = self.shell(f'getfattr --only-values -n user.imap.uid {path}')
        self.assertTrue(out.stdout.endswith(str(uid)), out.stdout)


class ReadOnly(mount.MountCase):
    options = 'ro'

    def test_nothing_can_be_set(self):
        os.listdir(self.mnt)
        folder = self.path('INBOX')
        for call, *args in ((os.setxattr, folder, 'user.imap.subscribed', b'1'),
                            (os.removexattr, folder, 'user.imap.subscribed')):
            self.assert_errno(errno.EROFS, call, *args)


if __name__ == '__main__':
    mount.main()
