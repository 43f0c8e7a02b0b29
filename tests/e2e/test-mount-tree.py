#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The tree of a mount: what IMAP has is there as folders and files, and what is
made and removed there is made and removed in IMAP."""

import errno
import os
import stat

import harness
import mount
from imap import mutf7, quote
from mails import mail

# mkdir: the name, in a folder or from the root; errno; the mailbox it makes.
MKDIRS = (
    ('new', 0, 'new'),
    ('with space', 0, 'with space'),
    ('ü', 0, '&APw-'),
    ('a.b', 0, 'a.b'),
    ('.hidden', 0, '.hidden'),
    ('cur', 0, 'cur'),
    ('50%', 0, '50%'),
    ('%2Eimapfs', 0, '.imapfs'),
    ('.imapfs', errno.EINVAL, None),
    ('x%2Eeml', 0, 'x.eml'),
    ('a%2541', 0, 'a%41'),
    ('y' * 255, 0, 'y' * 255),
    ('inbox', 0, 'inbox'),
    ('/Inbox', errno.EEXIST, None),
    ('/INBOX', errno.EEXIST, None),
    ('/.imapfs', errno.EEXIST, None),
    ('/.imapfs/x', errno.EACCES, None),
    ('x.eml', errno.EINVAL, None),
    ('%41', errno.EINVAL, None),
    ('a%2f', errno.EINVAL, None),
    ('a%2Fb', errno.EINVAL, None),
    ('%2E', errno.EINVAL, None),
    ('a\nb', errno.EINVAL, None),
    ('a\x7f', errno.EINVAL, None),
    ('a\x85b', errno.EILSEQ, None),
    ('\udcff', errno.EILSEQ, None),
    ('\udced\udca0\udc80', errno.EILSEQ, None),
    ('y' * 256, errno.ENAMETOOLONG, None),
    ('taken', errno.EEXIST, None),
    ('one.eml', errno.EEXIST, None),
    ('s.txt', errno.EEXIST, None),
    ('none/new', errno.ENOENT, None),
    ('one.eml/new', errno.ENOTDIR, None),
)

# rmdir: the name; errno.
RMDIRS = (
    ('empty', 0), ('noselect', errno.ENOTEMPTY), ('mail', errno.ENOTEMPTY),
    ('scratch', errno.ENOTEMPTY), ('none', errno.ENOENT),
    ('mail/one.eml', errno.ENOTDIR), ('scratch/s.txt', errno.ENOTDIR),
    ('noselect/child', 0), ('noselect', 0), ('/INBOX', errno.EBUSY),
    ('/.imapfs', errno.EROFS), ('/.imapfs/text', errno.EACCES),
)

# unlink: the name; errno.
UNLINKS = (
    ('mail/one.eml', 0), ('mail/one.eml', errno.ENOENT),
    ('scratch/s.txt', 0), ('scratch/s.txt', errno.ENOENT),
    ('mail', errno.EISDIR), ('none/x', errno.ENOENT),
    ('mail/one.eml/x', errno.ENOENT), ('/.imapfs', errno.EISDIR),
    ('/.imapfs/status', errno.EACCES), ('/INBOX', errno.EISDIR),
)


class TreeCase(mount.MountCase):
    def at(self, name, top=''):
        return self.path(name[1:] if name[0] == '/' else os.path.join(top, name))

    def write(self, *names, text='Subject: x\n\nx\n'):
        with open(self.path(*names), 'w') as f:
            f.write(text)
        return self.path(*names)

    def mailboxes(self, pattern='*'):
        return set(self.client.list(pattern))


class Listing(TreeCase):
    def test_folders_and_messages(self):
        """S36 S62: Mailboxes are directories, messages are files in them."""
        c = self.client
        for name in ('Archive', 'Archive/2024', 'INBOX/Projects'):
            c.ok(f'CREATE {name}')
        body = mail(subject='one')
        uid, path = self.append(body)
        self.assertEqual(sorted(os.listdir(self.mnt)), ['Archive', 'INBOX'])
        self.assertEqual(os.listdir(self.path('Archive')), ['2024'])
        name, = set(os.listdir(self.path('INBOX'))) - {'Projects'}
        self.assertRegex(name, rf'^20240301T120001-\d+\.{uid}\.eml$')
        self.assertEqual(self.path('INBOX', name), path)
        with open(path, 'rb') as f:
            self.assertEqual(f.read(), body.replace(b'\r\n', b'\n'))

    def test_attributes(self):
        """S56 S57: Times, sizes, link counts and owners."""
        self.client.ok('CREATE Top/a')
        self.client.ok('CREATE Top/b')
        uid, path = self.append(mail(body='x' * 1000))
        st = os.stat(path)
        with open(path, 'rb') as f:
            self.assertEqual(st.st_size, len(f.read()))
        self.assertEqual(st.st_mtime, 1709294401)
        self.assertEqual((st.st_nlink, st.st_uid), (1, os.geteuid()))
        self.assertTrue(stat.S_ISREG(st.st_mode))
        self.assertEqual(st.st_ino & 0xffffffff, uid)
        self.assertEqual(os.stat(self.path('Top')).st_nlink, 4)
        self.assertEqual(os.stat(self.path('Top', 'a')).st_nlink, 2)
        self.assertEqual(os.stat(self.path('INBOX')).st_ino, st.st_ino - uid)

    def test_folder_time(self):
        """The time of a folder is when its newest message came."""
        uid, _ = self.append(mail())
        self.client.select()
        saved = self.client.fetch_by_uid('SAVEDATE', str(uid))[uid]
        second = self.start_mount('ro')
        mtime = int(os.stat(second.join('INBOX')).st_mtime)
        self.assertIn(str(mtime % 60).zfill(2) + ' +0000',
                      repr(saved['SAVEDATE']))

    def test_many_children(self):
        """A folder of many is listed whole, each once, however small the
        steps."""
        for i in range(300):
            self.client.ok(f'CREATE many/{i}')
        self.assertEqual(sorted(os.listdir(self.path('many')), key=int),
                         [str(i) for i in range(300)])

    def test_seekdir(self):
        """What stays is listed exactly once, whatever comes and goes between
        telldir and seekdir."""
        for i in range(200):
            self.write('INBOX', f'{i:03}.eml')
        self.shell("""python3 - <<'END'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
class Dirent(ctypes.Structure):
    _fields_ = [('ino', ctypes.c_uint64), ('off', ctypes.c_int64),
                ('len', ctypes.c_uint16), ('type', ctypes.c_uint8),
                ('name', ctypes.c_char * 256)]
libc.readdir.restype = ctypes.POINTER(Dirent)
d = ctypes.c_void_p(libc.opendir(b'INBOX'))
def names():
    while True:
        entry = libc.readdir(d)
        if not entry:
            return
        yield entry.contents.name.decode()
seen, places = [], []
for n, name in enumerate(names()):
    seen.append(name)
    places.append(libc.telldir(d))
    if n == 99:
        for i in (*range(0, 50), *range(150, 160)):
            os.unlink(f'INBOX/{i:03}.eml')
        for i in range(200, 210):
            open(f'INBOX/{i:03}.eml', 'w').write('Subject: x\\n\\nx\\n')
stay = [f'{i:03}.eml' for i in (*range(50, 150), *range(160, 200))]
assert [n for n in seen if n in set(stay)] == stay, seen
libc.seekdir(d, ctypes.c_long(places[60]))
again = list(names())
assert [n for n in again if n in set(stay)] == \\
    [n for n in stay if n not in set(seen[:61])], again
END""")


class Make(TreeCase):
    def test_table(self):
        """S39: mkdir is CREATE and SUBSCRIBE."""
        os.mkdir(self.path('t'))
        os.mkdir(self.path('t', 'taken'))
        self.write('t', 'one.eml')
        self.write('t', 's.txt')
        for name, code, box in MKDIRS:
            with self.subTest(name=name):
                before = self.mailboxes()
                self.assert_errno(code, os.mkdir, self.at(name, 't'))
                made = {f't/{box}'} if box else set()
                self.assertEqual(self.mailboxes() - before, made)
                subscribed = set(self.client.list(command='LSUB'))
                self.assertEqual(subscribed & made, made)
                if code == 0:
                    self.assertIn(name, os.listdir(self.path('t')))
                    self.assertEqual(os.listdir(self.at(name, 't')), [])
        self.store.check()

    def test_depth(self):
        """A name may have 4096 octets, with all that is above."""
        fd = os.open(self.mnt, os.O_RDONLY)
        for _ in range(16):
            os.mkdir('z' * 255, dir_fd=fd)
            below = os.open('z' * 255, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        self.assert_errno(errno.ENAMETOOLONG, os.mkdir, 'x', dir_fd=fd)
        os.close(fd)
        self.assertEqual(len(self.mailboxes()), 17)

    def test_links(self):
        """There are none."""
        path = self.write('INBOX', 'one.eml')
        for call, *args in ((os.symlink, 'one.eml', self.path('INBOX', 'l')),
                            (os.link, path, self.path('INBOX', 'l.eml')),
                            (os.mkfifo, self.path('INBOX', 'l'))):
            self.assert_errno(errno.EPERM, call, *args)
        self.assertEqual(os.listdir(self.path('INBOX')), ['one.eml'])


class Remove(TreeCase):
    def make_tree(self):
        for name in ('empty', 'mail', 'scratch', 'noselect/child'):
            self.client.ok(f'CREATE t/{name}')
        self.write('t', 'mail', 'one.eml')
        self.write('t', 'scratch', 's.txt')

    def test_rmdir(self):
        """S40: rmdir is DELETE of what has nothing in it."""
        self.make_tree()
        for name, code in RMDIRS:
            with self.subTest(name=name):
                before = self.mailboxes()
                self.assert_errno(code, os.rmdir, self.at(name, 't'))
                gone = {'t/' + name} if code == 0 else set()
                self.assertEqual(before - self.mailboxes(), gone)
        self.store.check()

    def test_rmdir_unsubscribes(self):
        os.mkdir(self.path('x'))
        os.mkdir(self.path('x', 'y'))
        self.assertEqual(set(self.client.list(command='LSUB')), {'x', 'x/y'})
        os.rename(self.path('x'), self.path('z'))
        self.assertEqual(set(self.client.list(command='LSUB')), {'z', 'z/y'})
        os.rmdir(self.path('z', 'y'))
        self.assertEqual(set(self.client.list(command='LSUB')), {'z'})

    def test_unlink(self):
        """unlink, where there is no Trash, is UID EXPUNGE of this one."""
        self.make_tree()
        self.client.append('t/mail', mail(), '\\Deleted')
        for name, code in UNLINKS:
            with self.subTest(name=name):
                self.assert_errno(code, os.unlink, self.at(name, 't'))
        # Neither did it expunge what others have marked.
        self.assertEqual(self.uids('t/mail'), [2])

    def test_read_after_unlink(self):
        """Who has a file open goes on reading it, Trash or not."""
        for trash in (False, True):
            if trash:
                os.mkdir(self.path('Trash'))
            path = self.write('INBOX', 'one.eml', text='Subject: o\n\n1\n')
            with open(path) as f, open(path) as g:
                self.assertEqual(g.read(3), 'Sub')
                os.unlink(path)
                self.assertEqual(g.read(), 'ject: o\n\n1\n')
                if trash:
                    self.assertEqual(f.read(), 'Subject: o\n\n1\n')

    def test_rm_r(self):
        """rm -r of a tree with mail and scratch: all is gone."""
        self.make_tree()
        self.shell('rm -r t')
        self.assertEqual(self.mailboxes(), {'INBOX'})

    def test_deleted_underfoot(self):
        """The folder one stands in is deleted by IMAP: ENOENT, no harm."""
        os.mkdir(self.path('gone'))
        path = self.write('gone', 'one.eml')
        fd = os.open(self.path('gone'), os.O_RDONLY)
        with open(path) as f:
            self.client.ok('DELETE gone')
            harness.wait_until(lambda: not os.path.exists(self.path('gone')),
                               'the folder stays')
            try:
                f.read()
            except OSError as e:
                self.assertIn(e.errno, (errno.ENOENT, errno.ESTALE))
        for call, *args in ((os.mkdir, 'a'), (os.rmdir, 'a'),
                            (os.unlink, 'one.eml'), (os.stat, 'one.eml')):
            self.assert_errno(errno.ENOENT, call, *args, dir_fd=fd)
        os.close(fd)
        os.mkdir(self.path('gone'))
        self.assertEqual(os.listdir(self.path('gone')), [])


class Trash(TreeCase):
    def trash_names(self, box='Trash'):
        return sorted(os.listdir(self.path(box)))

    def test_moves_with_name_and_flags(self):
        """rm moves to Trash; flags and name stay; rm in there expunges."""
        for box in ('Trash', 'INBOX/Trash'):
            with self.subTest(box=box):
                os.mkdir(self.path(box))
                path = self.write('INBOX', 'one.eml')
                os.setxattr(path, 'user.imap.flags', b'\\Flagged work')
                os.unlink(path)
                self.assertEqual(self.uids(), [])
                self.assertEqual(self.flags(box, 1), {'\\Flagged', 'work'})
                harness.wait_until(
                    lambda: self.trash_names(box) == ['one.eml'],
                    'not in Trash')
                self.write('INBOX', 'one.eml')
                os.unlink(path)
                harness.wait_until(lambda: len(self.trash_names(box)) == 2,
                                   'not in Trash')
                for name in self.trash_names(box):
                    os.unlink(self.path(box, name))
                self.assertEqual(self.uids(box), [])
                os.rmdir(self.path(box))
        self.store.check()

    def test_below_trash(self):
        """What is below Trash is in it."""
        os.makedirs(self.path('Trash', 'old'))
        os.unlink(self.write('Trash', 'old', 'one.eml'))
        self.assertEqual(self.uids('Trash'), [])
        self.assertEqual(self.uids('Trash/old'), [])

    def test_noselect_trash(self):
        """One that holds no mail is none."""
        self.client.ok('CREATE Trash/x')
        os.unlink(self.write('INBOX', 'one.eml'))
        self.assertEqual((self.uids(), self.uids('Trash/x')), ([], []))

    def test_replaced_goes_to_trash(self):
        """So do messages that another takes the place of; the new one has
        the flags of the old."""
        os.mkdir(self.path('Trash'))
        one = self.write('INBOX', 'one.eml', text='Subject: 1\n\n1\n')
        os.rename(self.write('INBOX', 'two.eml', text='Subject: 2\n\n2\n'),
                  one)
        self.assertEqual(self.body('Trash', 1), b'Subject: 1\r\n\r\n1\r\n')
        os.setxattr(one, 'user.imap.flags', b'\\Seen')
        with open(one, 'w') as f:
            f.write('Subject: 3\n\n3\n')
        self.assertEqual(self.body('Trash', 2), b'Subject: 2\r\n\r\n2\r\n')
        uid, = self.uids()
        self.assertEqual(self.body('INBOX', uid), b'Subject: 3\r\n\r\n3\r\n')
        self.assertEqual(self.flags('INBOX', uid), {'\\Seen'})

    def test_move_out_and_over(self):
        """mv out of Trash over a message: that one is in Trash then."""
        os.mkdir(self.path('Trash'))
        path = self.write('INBOX', 'one.eml', text='Subject: 1\n\n1\n')
        os.unlink(path)
        self.write('INBOX', 'one.eml', text='Subject: 2\n\n2\n')
        os.rename(self.path('Trash', 'one.eml'), path)
        with open(path) as f:
            self.assertEqual(f.read(), 'Subject: 1\n\n1\n')
        harness.wait_until(lambda: self.trash_names() == ['one.eml'],
                           'not in Trash')
        with open(self.path('Trash', 'one.eml')) as f:
            self.assertEqual(f.read(), 'Subject: 2\n\n2\n')


class Expunge(TreeCase):
    options = 'rm=expunge'

    def test_expunges(self):
        """-o rm=expunge: there is no Trash."""
        os.mkdir(self.path('Trash'))
        os.unlink(self.write('INBOX', 'one.eml'))
        self.assertEqual((self.uids(), self.uids('Trash')), ([], []))


class ReadOnly(TreeCase):
    options = 'ro'

    def test_nothing_changes(self):
        uid, path = self.append(mail())
        for call, *args in ((os.unlink, path), (os.mkdir, self.path('x')),
                            (os.rmdir, self.path('INBOX')),
                            (os.rename, path, self.path('INBOX', 'x.eml')),
                            (os.rename, self.path('INBOX'), self.path('x')),
                            (os.symlink, 'x', self.path('x'))):
            self.assert_errno(errno.EROFS, call, *args)
        self.assertEqual(self.uids(), [uid])


class Names(TreeCase):
    def test_imap_names(self):
        """Mailboxes with odd names are folders that can be used."""
        odd = {'x.eml': 'x%2Eeml', '.imapfs': '%2Eimapfs', 'a%41': 'a%2541',
               '100%': '100%', 'ж' * 127: 'ж' * 127, 'a\u202eb': 'a\u202eb',
               'y' * 255: 'y' * 255}
        for name, shown in odd.items():
            with self.subTest(name=name):
                spelt = quote(mutf7(name))
                self.client.ok(f'CREATE {spelt}')
                harness.wait_until(lambda: shown in os.listdir(self.mnt),
                                   f'{shown} is not listed')
                self.write(shown, 'one.eml')
                self.assertEqual(os.listdir(self.path(shown)), ['one.eml'])
                self.assertEqual(self.client.status(mutf7(name))['MESSAGES'], 1)
                os.unlink(self.path(shown, 'one.eml'))
                os.rmdir(self.path(shown))
                self.assertEqual(self.mailboxes(), {'INBOX'})

    def test_cut_names(self):
        """A name that is too long when it is escaped is cut, and found."""
        for name in ('y' * 252 + '%41', 'ж' * 125 + '.eml'):
            self.client.ok(f'CREATE {quote(mutf7(name))}')
        harness.wait_until(lambda: len(os.listdir(self.mnt)) == 3, 'not listed')
        for shown in set(os.listdir(self.mnt)) - {'INBOX'}:
            self.write(shown, 'one.eml')
            self.assertEqual(os.listdir(self.path(shown)), ['one.eml'])
            os.unlink(self.path(shown, 'one.eml'))
            os.rmdir(self.path(shown))
        self.assertEqual(self.mailboxes(), {'INBOX'})

    def test_names_that_are_not_there(self):
        """Other spellings, and generated names of nothing."""
        _, path = self.append(mail())
        os.mkdir(self.path('A'))
        name = os.path.basename(path)
        for wrong in (name.replace('2024', '2023'), '0' + name,
                      name.replace('.eml', '.EML'), name + ' ',
                      name.replace('.1.', '.01.'), name.replace('.1.', '.2.'),
                      '20240301T120001-18446744073709551617.1.eml'):
            self.assert_errno(errno.ENOENT, os.stat, self.path('INBOX', wrong))
            self.assert_errno(errno.ENOENT, os.stat, self.path('A', wrong))
        self.assert_errno(errno.ENOENT, os.stat, self.path('A', name))
        for wrong in ('%41', 'a', 'inbox', 'A\n'):
            self.assert_errno(errno.ENOENT, os.stat, self.path(wrong))


if __name__ == '__main__':
    mount.main()
