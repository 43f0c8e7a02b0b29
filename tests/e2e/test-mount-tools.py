#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Programs that people use on a mount, and what is in IMAP after them."""

import os
import re
import shutil

import harness
import mount
from mails import mail

TEXT = 'Subject: {0}\n\none\ntwo {0}\n'
# Without bsk= it makes no backups below /tmp.
VIM = ("vim -n -u NONE -i NONE -es -c 'set bsk=' -c '{}' -c '%s/two/TWO/' "
       '-c wq {}')


class Tools(mount.MountCase):
    def setUp(self):
        super().setUp()
        self.local = os.path.join(os.path.dirname(self.mnt), 'local')
        os.mkdir(self.local)

    def write(self, *names, subject='x'):
        with open(self.path(*names), 'w') as f:
            f.write(TEXT.format(subject))
        return self.path(*names)

    def wire(self, box='INBOX'):
        """All messages of a mailbox, by UID."""
        self.client.ok(f'EXAMINE "{box}"')
        return {uid: m['BODY[]'] for uid, m in
                self.client.fetch_by_uid('BODY.PEEK[]').items()}

    def bodies(self, box='INBOX'):
        return sorted(self.wire(box).values())

    @staticmethod
    def edited(subject='x'):
        return (TEXT.format(subject).replace('two', 'TWO')
                .replace('\n', '\r\n').encode())

    def assert_edited(self, folder='INBOX', trash=False):
        """One message, with the change, and nothing beside it."""
        self.assertEqual(self.bodies(folder), [self.edited()])
        self.assertEqual(os.listdir(self.path(folder)), ['a.eml'])
        if trash:
            self.assertEqual(self.bodies('Trash'),
                             [TEXT.format('x').replace('\n', '\r\n').encode()])

    # Editors

    def test_sed(self):
        """sed -i writes anew and renames: the message is replaced, and has
        the flags that it had."""
        path = self.write('INBOX', 'a.eml')
        os.setxattr(path, 'user.imap.flags', b'\\Flagged work')
        os.mkdir(self.path('Trash'))
        self.shell("sed -i s/two/TWO/ INBOX/a.eml")
        self.assert_edited(trash=True)
        uid, = self.uids()
        self.assertEqual(self.flags('INBOX', uid), {'\\Flagged', 'work'})

    def test_sed_with_backup(self):
        """sed -i.bak keeps the old one, as a file and as a message."""
        self.write('INBOX', 'a.eml')
        self.shell("sed -i.bak s/two/TWO/ INBOX/a.eml")
        self.assertEqual(sorted(os.listdir(self.path('INBOX'))),
                         ['a.eml', 'a.eml.bak'])
        self.assertEqual(len(self.bodies()), 2)
        os.unlink(self.path('INBOX', 'a.eml.bak'))
        self.assert_edited()

    def test_vim(self):
        """vim, whichever way it keeps a backup while it writes."""
        for option in ('bkc=yes', 'bkc=no', 'bkc=auto', 'nowritebackup'):
            with self.subTest(option=option):
                folder = option.replace('=', '-')
                os.mkdir(self.path(folder))
                self.write(folder, 'a.eml')
                self.shell(VIM.format(f'set {option}', f'{folder}/a.eml'))
                self.assert_edited(folder)

    def test_vim_keeps_backup(self):
        """With backupcopy=no and backup the old version stays, in IMAP too."""
        self.write('INBOX', 'a.eml')
        self.shell(VIM.format('set bkc=no backup', 'INBOX/a.eml'))
        self.assertEqual(sorted(os.listdir(self.path('INBOX'))),
                         ['a.eml', 'a.eml~'])
        self.assertEqual(len(self.bodies()), 2)

    def test_interrupted_save(self):
        """An editor dies after it has renamed the old version: that is still
        a message, in this mount and the next."""
        path = self.write('INBOX', 'a.eml')
        os.rename(path, path + '~')
        with open(path, 'w') as f:
            f.write('')
        before = self.bodies()
        self.mount.stop()
        self.start_mount()
        self.assertEqual(self.bodies(), before)

    # mv and cp

    def test_mv_both_ways(self):
        """mv out of the mount and back in: octets and time stay."""
        uid, path = self.append(mail(subject='one'))
        before = self.bodies()
        self.shell(f'mv {path} ../local/x.eml')
        self.assertEqual(self.uids(), [])
        self.assertEqual(os.stat(os.path.join(self.local, 'x.eml')).st_mtime,
                         1709294401)
        self.shell('mv ../local/x.eml INBOX/')
        self.assertEqual(self.bodies(), before)
        self.assertEqual(os.listdir(self.path('INBOX')), ['x.eml'])
        self.assertEqual(os.stat(self.path('INBOX', 'x.eml')).st_mtime,
                         1709294401)
        self.assertNotIn(uid, self.uids())

    def test_mv_inside(self):
        """S84: mv between folders is MOVE: GUID, flags, and number of the file
        stay; a client in IDLE sees it go."""
        os.mkdir(self.path('Archive'))
        _, path = self.append(mail(), '\\Seen')
        ino, guid = os.stat(path).st_ino, os.getxattr(path, 'user.imap.guid')
        self.client.select()
        self.client.idle()
        self.shell(f'mv {path} Archive/')
        self.client.idle_until(
            lambda got: any(r.name == 'EXPUNGE' for r in got))
        self.client.done()
        moved = self.path('Archive', os.path.basename(path))
        self.assertEqual(os.stat(moved).st_ino, ino)
        self.assertEqual(os.getxattr(moved, 'user.imap.guid'), guid)
        self.assertEqual(self.flags('Archive', 1), {'\\Seen'})
        with open(moved) as f:
            self.assertEqual(f.read().encode(), mail().replace(b'\r\n', b'\n'))

    def make_folder(self):
        os.makedirs(self.path('t', 'sub'))
        for n in range(5):
            path = self.write('t', f'{n}.eml', subject=f'm{n}')
            os.setxattr(path, 'user.imap.flags', f'\\Seen k{n}'.encode())
            os.utime(self.write('t', 'sub', f's{n}.eml', subject=f's{n}'),
                     (10 ** 9 + n, 10 ** 9 + n))

    def assert_same(self, box):
        """Octets, flags and dates of all messages below are those of t."""
        for sub in ('', '/sub'):
            self.assertEqual(self.bodies(box + sub), self.bodies('t' + sub))
            self.assertEqual(self.details(box + sub), self.details('t' + sub))

    def details(self, box):
        self.client.ok(f'EXAMINE "{box}"')
        return sorted((re.sub(rb'\s', b' ', m['BODY[HEADER]']),
                       sorted(m['FLAGS'] - {'\\Recent'}), m['INTERNALDATE'])
                      for m in self.client.fetch_by_uid(
                          'FLAGS INTERNALDATE BODY.PEEK[HEADER]').values())

    def test_cp_a(self):
        """cp -a of a folder, inside, out and in: flags and dates too."""
        self.make_folder()
        self.shell('cp -a t u')
        self.assert_same('u')
        self.shell('cp -a t ../local/ && cp -a ../local/t v')
        self.assertEqual(self.bodies('v'), self.bodies('t'))
        self.assertEqual(self.bodies('v/sub'), self.bodies('t/sub'))
        self.assertEqual([d[2] for d in self.details('v/sub')],
                         [d[2] for d in self.details('t/sub')])

    def test_tar(self):
        """tar --xattrs there and back: names, octets, flags and dates."""
        self.make_folder()
        self.shell("tar --xattrs --xattrs-include='user.imap.*' "
                   '-cf ../local/t.tar t')
        self.shell("mkdir u && tar --xattrs --xattrs-include='user.imap.*' "
                   '-xf ../local/t.tar --strip-components=1 -C u')
        self.assert_same('u')
        self.assertEqual(self.shell('cd u && find . | sort').stdout,
                         self.shell('cd t && find . | sort').stdout)
        self.shell('diff -r t u')

    def test_rsync(self):
        """rsync -aX there; a second one has nothing to do."""
        self.make_folder()
        for _ in range(2):
            out = self.shell('rsync -aX --stats t/ u/').stdout
        self.assertIn('Number of regular files transferred: 0', out)
        self.assert_same('u')

    def test_rsync_says_so(self):
        """Out of the mount, and in: a second rsync -a finds no difference,
        of folders neither."""
        self.make_folder()
        for src, dst in (('t/', '../local/t/'), ('../local/t/', 'u/')):
            for wanted in (True, False):
                out = self.shell(f'rsync -a --itemize-changes {src} {dst}')
                self.assertEqual(bool(out.stdout), wanted, out.stdout)

    def test_all_kinds_of_mail(self):
        """S77 S134: Into the mount and out again, by cp, tar and rsync: octet
        for octet."""
        mails = os.path.join(mount.DATA, 'mail')
        self.shell(f'mkdir t && cp -p {mails}/*.eml t/')
        for command in ('cp -a t ../local/cp',
                        'mkdir ../local/tar && tar -c t | tar -x '
                        '--strip-components=1 -C ../local/tar',
                        'rsync -a t/ ../local/rsync/'):
            self.shell(command)
        for name in ('cp', 'tar', 'rsync'):
            self.shell(f'diff -r -x .gitattributes {mails} ../local/{name}')
        self.shell('mkdir u && mv ../local/cp/*.eml u/ && diff -r t u')
        self.assertEqual(self.bodies('u'), self.bodies('t'))

    def test_find_by_date(self):
        """S94 S114: find -newermt is SINCE: the time of a file is
        INTERNALDATE."""
        for day in (1, 2, 3):
            self.client.append('INBOX', mail(body=f'day {day}'), '',
                               f'0{day}-Mar-2024 12:00:00 +0000')
        found = self.shell("TZ=UTC find . -name '*.eml' -newermt 2024-03-02 | "
                           'sort | xargs grep -h ^day').stdout
        self.assertEqual(found, 'day 2\nday 3\n')
        self.client.ok('EXAMINE INBOX')
        self.assertEqual(self.client.search('SINCE 2-Mar-2024'), [2, 3])

    def test_grep(self):
        """S62 S95: grep -r finds what SEARCH BODY finds."""
        os.mkdir(self.path('Archive'))
        for n, box in enumerate(('INBOX', 'Archive') * 3):
            self.client.append(box, mail(body=f'needle {n}' if n % 3 else ''))
        found = self.shell('grep -rl needle . | sort').stdout.split()
        self.assertEqual([os.path.dirname(path) for path in found],
                         ['./Archive'] * 2 + ['./INBOX'] * 2)
        for box in ('Archive', 'INBOX'):
            self.client.ok(f'EXAMINE {box}')
            self.assertEqual(
                [int(path.split('.')[-2]) for path in found if box in path],
                self.client.search('BODY needle', uid=True))

    def test_rm_r(self):
        """rm -r with a Trash: all mail is in there."""
        self.make_folder()
        os.mkdir(self.path('Trash'))
        self.shell('rm -r t')
        self.assertEqual(len(self.uids('Trash')), 10)
        self.assertEqual(set(self.client.list()), {'INBOX', 'Trash'})

    def tearDown(self):
        self.store.check()
        super().tearDown()


if __name__ == '__main__':
    for program in ('vim', 'rsync', 'setfattr'):
        if not shutil.which(program):
            harness.cannot_run(f'{program} is not installed')
    mount.main()
