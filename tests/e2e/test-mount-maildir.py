#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A mount with layout=maildir: what a Maildir program does to files, and what
IMAP then has."""

import errno
import os
import threading

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

    def setUp(self):
        super().setUp()
        self.client.ok('CLOSE')     # else what comes is \\Recent to it alone

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
            # mutt takes another number for another file, and tries again.
            self.assertEqual(os.stat(tmp).st_ino,
                             os.stat(self.path(folder, to, name)).st_ino)
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

    def test_safe_when_acknowledged(self):
        """What rename and link have answered is there after a crash."""
        self.deliver('INBOX', 'a')
        self.deliver('INBOX', 'b', link=True)
        os.rename(self.path('INBOX/new/a'), self.path('INBOX/cur/a:2,RS'))
        with open(self.path('INBOX/tmp/c'), 'wb') as f:
            f.write(b'Subject: never delivered\n\n')
        self.mount.kill()
        self.start_again()
        self.assertEqual(self.files('INBOX'), ['cur/a:2,RS', 'new/b'])
        self.store.check()

    def start_again(self):
        self.mount = self.start_mount()
        self.mnt = self.mount.path

    def test_recent(self):
        """new is what IMAP calls \\Recent, and what is moved to cur is so no
        more as soon as there is nothing older in new."""
        for name in 'abc':
            self.deliver('INBOX', name)
        os.rename(self.path('INBOX/new/b'), self.path('INBOX/cur/b:2,'))
        self.assertEqual(self.files('INBOX'), ['cur/b:2,', 'new/a', 'new/c'])
        self.assertEqual(self.recent('INBOX'), 3)
        os.rename(self.path('INBOX/new/a'), self.path('INBOX/cur/a:2,'))
        self.assertEqual(self.files('INBOX'),
                         ['cur/a:2,', 'cur/b:2,', 'new/c'])
        self.assertEqual(self.recent('INBOX'), 1)
        # Another mount goes by the watermark.
        self.mount.stop()
        self.start_again()
        self.assertEqual(self.files('INBOX'),
                         ['cur/a:2,', 'cur/b:2,', 'new/c'])

        # So do clients: who selects has seen all.
        self.client.select('INBOX')
        self.assertEqual(self.files('INBOX'),
                         ['cur/a:2,', 'cur/b:2,', 'cur/c:2,'])

    def recent(self, box):
        return self.client.status(box, 'RECENT')['RECENT']

    def test_back_to_new(self):
        self.deliver('INBOX', 'a')
        os.rename(self.path('INBOX/new/a'), self.path('INBOX/cur/a:2,S'))
        self.assertEqual(self.recent('INBOX'), 0)
        os.rename(self.path('INBOX/cur/a:2,S'), self.path('INBOX/new/a'))
        self.assertEqual(self.files('INBOX'), ['new/a'])
        self.assertEqual(self.imap_flags('INBOX'), set())
        self.assertEqual(self.recent('INBOX'), 0)
        self.client.select('INBOX')
        self.client.ok('STORE 1 +FLAGS (\\Seen)')
        self.assertEqual(self.files('INBOX'), ['cur/a:2,S'])

    def test_move(self):
        """To another folder, with the flags of the new name; keywords stay."""
        self.make_folder('to')
        for name in 'ab':
            self.deliver('INBOX', name)
        os.setxattr(self.path('INBOX/new/a'), 'user.imap.flags', b'+work')
        before = os.stat(self.path('INBOX/new/a'))
        os.rename(self.path('INBOX/new/a'), self.path('to/cur/a:2,FS'))
        os.rename(self.path('INBOX/new/b'), self.path('to/new/b'))
        self.assertEqual(self.files('INBOX'), [])
        self.assertEqual(self.files('to'), ['cur/a:2,FS', 'new/b'])
        self.assertEqual(self.flags('to', 1), flags_of('FS') | {'work'})
        self.assertEqual(self.uids('INBOX'), [])
        after = os.stat(self.path('to/cur/a:2,FS'))
        self.assertEqual((before.st_ino, before.st_mtime),
                         (after.st_ino, after.st_mtime))

    def test_rename_over(self):
        self.client.ok('CREATE Trash')
        self.deliver('INBOX', 'a', subject='old')
        self.deliver('INBOX', 'b', subject='new')
        os.rename(self.path('INBOX/new/b'), self.path('INBOX/new/a'))
        self.assertEqual(self.files('INBOX'), ['new/a'])
        self.assertIn(b'Subject: new', self.read('INBOX/new/a'))
        self.assertIn(b'Subject: old', self.body('Trash', 1))
        self.deliver('INBOX', 'a', subject='newer')
        self.assertIn(b'Subject: newer', self.read('INBOX/new/a'))
        self.assertEqual(self.uids('Trash'), [1, 2])

    def test_same_base(self):
        """Two names that differ in their flags are two messages."""
        self.deliver('INBOX', 'a:2,S', 'cur', subject='one')
        self.deliver('INBOX', 'a:2,F', 'cur', subject='two')
        self.assertEqual(len(self.uids('INBOX')), 2)
        files = self.files('INBOX')
        self.assertEqual(len(files), 2)
        self.assertIn('cur/a:2,S', files)
        self.assertEqual(sorted(f.split(':2,')[1] for f in files), ['F', 'S'])

    def test_rm(self):
        self.client.ok('CREATE Trash')
        self.deliver('INBOX', 'a')
        self.deliver('INBOX', 'b:2,T', 'cur')
        os.unlink(self.path('INBOX/cur/b:2,T'))
        os.unlink(self.path('INBOX/new/a'))
        self.assertEqual(self.files('INBOX'), [])
        self.assertEqual(self.files('Trash'), ['cur/b:2,T', 'new/a'])
        os.unlink(self.path('Trash/new/a'))
        self.assertEqual(self.uids('Trash'), [1])

    def test_flags_by_others(self):
        """Names follow at once, and the mtime of cur moves."""
        self.deliver('INBOX', 'a:2,S', 'cur')
        self.assertEqual(self.files('INBOX'), ['cur/a:2,S'])
        self.client.select('INBOX')
        for change, name in (('+FLAGS (\\Flagged)', 'a:2,FS'),
                             ('FLAGS ($Forwarded k)', 'a:2,P'),
                             ('FLAGS ()', 'a:2,'),
                             ('+FLAGS (\\Deleted)', 'a:2,T')):
            before = os.stat(self.path('INBOX/cur')).st_mtime_ns
            self.client.ok(f'STORE 1 {change}')
            self.assertGreater(os.stat(self.path('INBOX/cur')).st_mtime_ns,
                               before)
            self.assertEqual(self.files('INBOX'), ['cur/' + name])
        before = os.stat(self.path('INBOX/cur')).st_mtime_ns
        self.client.ok('EXPUNGE')
        self.assertGreater(os.stat(self.path('INBOX/cur')).st_mtime_ns, before)
        self.assertEqual(self.files('INBOX'), [])
        before = os.stat(self.path('INBOX/new')).st_mtime_ns
        self.login().append('INBOX', mail('two'))
        self.assertGreater(os.stat(self.path('INBOX/new')).st_mtime_ns, before)

    def test_old_name(self):
        """A file that is open, and a name of before."""
        self.deliver('INBOX', 'a:2,S', 'cur')
        with open(self.path('INBOX/cur/a:2,S'), 'rb') as f:
            self.client.select('INBOX')
            self.client.ok('STORE 1 FLAGS ()')
            self.assertIn(b'Subject: one', f.read())
        self.assert_errno(errno.ENOENT, os.rename,
                          self.path('INBOX/cur/a:2,S'),
                          self.path('INBOX/cur/a:2,FS'))
        self.assertEqual(self.files('INBOX'), ['cur/a:2,'])

    def test_two_layouts(self):
        """A message has one name, be it that of the delivery."""
        plain = self.start_mount('')
        self.deliver('INBOX', '17.M1.host:2,S', 'cur')
        self.assertEqual(os.listdir(plain.join('INBOX')), ['17.M1.host.eml'])
        self.client.append('INBOX', mail('two'))
        # The kernel has the list of before, and is told of this.
        harness.wait_until(lambda: len(os.listdir(plain.join('INBOX'))) == 2,
                           'the second message does not show')
        names = sorted(os.listdir(plain.join('INBOX')))
        self.assertIn('new/' + names[1][:-4], self.files('INBOX'))
        os.mkdir(plain.join('to'))
        for name in names:
            os.rename(plain.join('INBOX', name), plain.join('to', name))
        self.assertEqual(self.files('to'), ['cur/17.M1.host:2,S',
                                            'new/' + names[1][:-4]])
        for name in os.listdir(self.path('to/cur')):
            os.rename(self.path('to/cur', name), self.path('INBOX/cur', name))
        for name in os.listdir(self.path('to/new')):
            os.rename(self.path('to/new', name), self.path('INBOX/new', name))
        self.wait_for_list(plain, names)

    @staticmethod
    def wait_for_list(plain, names):
        harness.wait_until(
            lambda: sorted(os.listdir(plain.join('INBOX'))) == names,
            f'INBOX of the plain mount does not come to have {names}')

    def test_names_of_other_kinds(self):
        """Names that a plain mount can have and a Maildir cannot."""
        plain = self.start_mount('')
        for name in ('.dot.eml', 'a:2,S.eml', 'y' * 251 + '.eml'):
            with open(plain.join('INBOX', name), 'wb') as f:
                f.write(mail('one'))
        os.rename(plain.join('INBOX/.dot.eml'), plain.join('INBOX/old~'))
        self.assertEqual(len(self.uids('INBOX')), 3)
        for file in self.files('INBOX'):
            self.assertRegex(file, r'new/\d{8}T\d{6}-\d+\.\d+$')
            name = os.path.basename(file)
            os.rename(self.path('INBOX', file),
                      self.path('INBOX/cur', name + ':2,S'))
            self.assertIn(b'Subject: one',
                          self.read('INBOX/cur', name + ':2,S'))
        self.wait_for_list(plain,
                           ['a:2,S.eml', 'old~', 'y' * 251 + '.eml'])

    def test_folders(self):
        self.client.ok('CREATE a/new')      # and \\Noselect a
        self.client.ok('CREATE b')
        self.client.ok('CREATE b/cur')
        self.assertEqual(sorted(os.listdir(self.mnt)), ['INBOX', 'a', 'b'])
        self.assertEqual(os.listdir(self.path('a')), ['%6Eew'])
        self.assertEqual(sorted(os.listdir(self.path('b'))),
                         ['%63ur', 'cur', 'new', 'tmp'])
        self.assert_errno(errno.EEXIST, os.mkdir, self.path('b/cur'))
        self.assert_errno(errno.EPERM, os.mkdir, self.path('b/cur/x'))
        self.assert_errno(errno.EPERM, os.rename, self.path('b/%63ur'),
                          self.path('b/tmp/x'))
        self.deliver('b/%63ur', 'x')
        self.assertEqual(self.uids('b/cur'), [1])
        self.assert_errno(errno.ENOTEMPTY, os.rmdir, self.path('b/%63ur/new'))
        self.assert_errno(errno.ENOTEMPTY, os.rmdir, self.path('b/%63ur'))
        os.rename(self.path('b'), self.path('c'))
        self.assertEqual(self.files('c/%63ur'), ['new/x'])
        self.shell('rm -r c')
        self.assertNotIn('c', self.client.list('*'))
        self.assertNotIn('c/cur', self.client.list('*'))

    def test_who_makes_a_folder(self):
        """Its maker can make the three directories, and all others see them
        at once."""
        os.mkdir(self.path('a'))
        self.assertEqual(os.listdir(self.path('a')), [])
        self.assertEqual(self.shell('ls a').stdout.split(),
                         ['cur', 'new', 'tmp'])
        for sub in ('cur', 'new', 'tmp'):
            made = []
            maker = threading.Thread(    # it is one process
                target=lambda: made.append(os.mkdir(self.path('a', sub))))
            maker.start()
            maker.join()
            self.assertEqual(made, [None])
            self.assert_errno(errno.EEXIST, os.mkdir, self.path('a', sub))
        self.assertEqual(sorted(os.listdir(self.path('a'))),
                         ['cur', 'new', 'tmp'])
        self.shell('mkdir b && mkdir -p b/cur b/new b/tmp')
        self.shell('mkdir c c/cur c/new c/tmp')
        self.shell('mkdir -p d/cur d/new d/tmp')
        self.assertEqual(sorted(self.client.list('*')),
                         ['INBOX', 'a', 'b', 'c', 'd'])

    def test_scratch(self):
        """Files of programs never become mail."""
        names = ('INBOX/maildirfolder', 'INBOX/dovecot-uidlist',
                 'INBOX/.mh_sequences', 'INBOX/x.eml', 'INBOX/cur/.x',
                 'INBOX/new/.x.eml', 'INBOX/tmp/x', 'INBOX/tmp/x.eml')
        for name in names:
            with open(self.path(name), 'w') as f:
                f.write('Subject: no\n\n')
            self.assertEqual(self.read(name), b'Subject: no\n\n')
        self.shell('mkdir -p .notmuch/xapian && echo x > .notmuch/xapian/y')
        self.assertEqual(self.uids('INBOX'), [])
        for name in names:
            os.unlink(self.path(name))

    def test_names_that_no_mail_can_have(self):
        with open(self.path('INBOX/tmp/x'), 'wb') as f:
            f.write(mail('one'))
        for name, code in (('y' * 247, errno.ENAMETOOLONG),
                           (':2,S', errno.EINVAL)):
            for to in ('cur', 'new'):
                path = self.path('INBOX', to, name)
                self.assert_errno(code, os.rename, self.path('INBOX/tmp/x'),
                                  path)
                self.assert_errno(code, os.open, path,
                                  os.O_CREAT | os.O_WRONLY)
        self.assertEqual(self.files('INBOX'), ['tmp/x'])

    def test_copy(self):
        """cp into cur or new, also from there, without tmp."""
        self.make_folder('to')
        self.deliver('INBOX', 'a:2,S', 'cur')
        os.setxattr(self.path('INBOX/cur/a:2,S'), 'user.imap.flags', b'+work')
        self.shell('cp INBOX/cur/* to/cur/')
        self.assertEqual(self.files('to'), ['cur/a:2,S'])
        self.assertEqual(self.flags('to', 1), {'\\Seen', 'work'})
        self.shell("printf 'Subject: x\\n\\n' > to/new/b")
        self.assertEqual(self.files('to'), ['cur/a:2,S', 'new/b'])
        self.assertEqual(self.body('to', 2), b'Subject: x\r\n\r\n')
        self.shell('sed -i s/one/uno/ "to/cur/a:2,S"')
        self.assertEqual(self.files('to'), ['cur/a:2,S', 'new/b'])
        self.assertIn(b'Subject: uno', self.read('to/cur/a:2,S'))

    def test_edit_in_place(self):
        self.deliver('INBOX', 'a')
        self.deliver('INBOX', 'b:2,', 'cur')
        for name in ('new/a', 'cur/b:2,'):
            with open(self.path('INBOX', name), 'ab') as f:
                f.write(b'more\n')
            self.assertTrue(self.read('INBOX', name).endswith(b'more\n'))
        self.assertEqual(self.files('INBOX'), ['cur/b:2,', 'new/a'])
        self.assertEqual(self.uids('INBOX'), [3, 4])

    def test_link_elsewhere(self):
        self.make_folder('to')
        self.deliver('INBOX', 'a')
        self.assert_errno(errno.EPERM, os.link, self.path('INBOX/new/a'),
                          self.path('to/new/a'))
        with open(self.path('INBOX/tmp/b'), 'wb') as f:
            f.write(mail('b'))
        self.assert_errno(errno.EEXIST, os.link, self.path('INBOX/tmp/b'),
                          self.path('INBOX/new/a'))
        self.assert_errno(errno.EPERM, os.link, self.path('INBOX/tmp/b'),
                          self.path('INBOX/tmp/c'))
        self.assertEqual(self.files('INBOX'), ['new/a', 'tmp/b'])

    def test_read_only(self):
        self.deliver('INBOX', 'a')
        ro = self.start_mount('ro,layout=maildir')
        self.assertEqual(os.listdir(ro.join('INBOX/new')), ['a'])
        self.assert_errno(errno.EROFS, os.rename, ro.join('INBOX/new/a'),
                          ro.join('INBOX/cur/a:2,S'))
        self.client.select('INBOX')
        self.client.ok('STORE 1 FLAGS (\\Seen)')
        self.assertEqual(os.listdir(ro.join('INBOX/new')), [])
        self.assertEqual(os.listdir(ro.join('INBOX/cur')), ['a:2,S'])


if __name__ == '__main__':
    mount.main()
