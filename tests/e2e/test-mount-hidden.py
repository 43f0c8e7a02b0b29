#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
""".imapfs: status, and mail decoded in text/ and parts/."""

import email
import email.message
import email.policy
import errno
import glob
import io
import os
import stat
import tarfile
import time

import mount

MAILS = sorted(glob.glob(os.path.join(mount.DATA, 'mail', '*.eml')))
LARGE = 5_000_000


def encoded(word, charset='utf-8', cte=None):
    msg = email.message.EmailMessage()
    msg['From'] = 'a@example.org'
    msg['Subject'] = f'About {word}'
    msg.set_content(f'There is {word} in it.\n', charset=charset, cte=cte)
    return msg.as_bytes()


def with_attachment(data, name, **more):
    msg = email.message.EmailMessage()
    msg['Subject'] = 'see there'
    msg.set_content('See the attachment.\n')
    msg.add_attachment(data, 'application', 'octet-stream', filename=name,
                       **more)
    return msg.as_bytes()


def attachments(data):
    """What Python's email package says that parts/ should have."""
    for part in email.message_from_bytes(data).walk():
        if not part.is_multipart() and part.get_content_maintype() not in \
                ('multipart', 'message') and (
                part.get_content_disposition() == 'attachment'
                or part.get_filename()
                or part.get_content_maintype() != 'text'):
            yield part.get_payload(decode=True)


def read_mails():
    mails = {}
    for path in MAILS:
        with open(path, 'rb') as f:
            data = f.read()
        mails[os.path.basename(path)] = data, list(attachments(data))
    return mails


# Made here, since an ordinary user may not be able to load modules of Python.
CORPUS = read_mails()
WITH_DATA = with_attachment(b'data', 'x.bin')
ENCODED = {name: encoded('Müller', charset, cte) for name, charset, cte in (
    ('base64', 'utf-8', 'base64'), ('qp', 'utf-8', 'quoted-printable'),
    ('latin1', 'iso-8859-1', '8bit'))}


class Hidden(mount.MountCase):

    def put(self, name, data, box='INBOX'):
        with open(self.path(box, name), 'wb') as f:
            f.write(data)

    def hidden(self, *names):
        return self.path('.imapfs', *names)

    def text(self, name, box='INBOX'):
        with open(self.hidden('text', box, name + '.txt'),
                  encoding='utf-8') as f:
            return f.read()

    def status(self):
        with open(self.hidden('status'), encoding='utf-8') as f:
            lines = f.read().splitlines()
        return dict(line.split(' ', 1) for line in lines)

    def test_is_found_but_not_listed(self):
        self.assertNotIn('.imapfs', os.listdir(self.mnt))
        self.assertEqual(sorted(os.listdir(self.hidden())),
                         ['parts', 'status', 'text'])
        found = self.shell('find . -name .imapfs; ls -a').stdout
        self.assertNotIn('.imapfs', found)

    def test_status(self):
        self.put('a.eml', encoded('x'))
        self.put('scratch', b'x')
        with open(self.path('INBOX', 'a.eml'), 'rb'):
            status = self.status()
            self.assertGreaterEqual(int(status['open-files']), 1)
        for key, value in {'source': self.store.dir, 'layout': 'plain',
                           'read-only': 'no', 'mailboxes': '1',
                           'messages': '1', 'unseen': '1',
                           'scratch-files': '1'}.items():
            self.assertEqual(status[key], value, key)
        info = os.stat(self.hidden('status'))
        self.assertEqual(stat.S_IMODE(info.st_mode), 0o400)
        with open(self.hidden('status'), 'rb') as f:
            self.assertEqual(len(f.read()), os.fstat(f.fileno()).st_size)
        # As scripts do.
        self.assertEqual(self.shell(
            "grep '^messages ' .imapfs/status").stdout, 'messages 1\n')
        self.shell('cp .imapfs/status ../status && test -s ../status')
        os.unlink(self.path('INBOX', 'a.eml'))
        self.assertEqual(self.status()['messages'], '0')

    def test_grep_finds_encoded_words(self):
        """S95 S100: In header and text, of any charset."""
        for name, data in ENCODED.items():
            self.put(f'{name}.eml', data)
        self.put('other.eml', encoded('Maier'))
        found = self.shell('grep -rl "There is Müller" .imapfs/text/')
        self.assertEqual(sorted(found.stdout.split()), [
            f'.imapfs/text/INBOX/{name}.eml.txt'
            for name in ('base64', 'latin1', 'qp')])
        self.assertEqual(
            self.text('qp.eml'),
            'From: a@example.org\nSubject: About Müller\n\n'
            'There is Müller in it.\n')

    def test_tools_read_all_of_it(self):
        for name, (data, _) in CORPUS.items():
            self.put(name, data)
        for tool in ('cat', 'wc -c', 'cp', 'tar'):
            with self.subTest(tool):
                self.same_by(tool)

    def same_by(self, tool):
        folder = self.hidden('text', 'INBOX')
        total = sum(os.stat(os.path.join(folder, name)).st_size
                    for name in os.listdir(folder))
        if tool == 'wc -c':
            got = int(self.shell(
                'cat .imapfs/text/INBOX/* | wc -c').stdout)
            last = self.shell('wc -c .imapfs/text/INBOX/*').stdout
            self.assertEqual(int(last.split()[-2]), got)
        elif tool == 'tar':
            data = self.shell_bytes('tar cf - -C .imapfs text')
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                got = sum(len(tar.extractfile(m).read()) for m in tar
                          if m.isfile())
        elif tool == 'cp':
            self.shell('cp -r .imapfs/text ../copy')
            got = int(self.shell(
                'cat ../copy/INBOX/* | wc -c').stdout)
        else:
            got = len(self.shell_bytes(f'{tool} .imapfs/text/INBOX/*'))
        self.assertEqual(got, total)

    def shell_bytes(self, command):
        self.shell(f'{command} > ../output')
        with open(os.path.join(os.path.dirname(self.mnt), 'output'),
                  'rb') as f:
            return f.read()

    def test_listing_decodes_nothing_and_decoding_is_done_once(self):
        for i in range(30):
            self.put(f'{i}.eml', encoded(f'word{i}'))
        self.assertEqual(len(os.listdir(self.hidden('text', 'INBOX'))), 30)
        self.shell('find .imapfs/text -type f; ls .imapfs/text/INBOX')
        self.assertEqual(self.status()['text-decoded'], '0')
        self.shell('ls -l .imapfs/text/INBOX; grep -r word .imapfs/text')
        time.sleep(1.1)         # the kernel has to ask again
        self.shell('ls -l .imapfs/text/INBOX; grep -r word .imapfs/text')
        self.assertEqual(self.status()['text-decoded'], '30')

    def test_texts_are_kept_in_the_store(self):
        large = b'Subject: large\n\n' + b'0123456789\n' * 20000
        for name, data in {**ENCODED, 'large': large}.items():
            self.put(f'{name}.eml', data)
        texts = {name: self.text(f'{name}.eml') for name in ENCODED}
        self.text('large.eml')
        self.mount.stop()
        for options in ('ro', ''):
            other = self.start_mount(options)
            folder = other.join('.imapfs', 'text', 'INBOX')
            for name in os.listdir(folder):
                os.stat(os.path.join(folder, name))
            for name, text in texts.items():
                with open(os.path.join(folder, f'{name}.eml.txt'),
                          encoding='utf-8') as f:
                    self.assertEqual(f.read(), text)
            with open(other.join('.imapfs', 'status'),
                      encoding='utf-8') as f:
                self.assertIn('\ntext-decoded 0\n', f.read())
            other.stop()
        self.store.check()

    def test_parts_are_what_python_decodes(self):
        for name, (data, attached) in CORPUS.items():
            self.put(name, data)
            folder = self.hidden('parts', 'INBOX', name)
            have = []
            for part in sorted(os.listdir(folder)):
                with open(os.path.join(folder, part), 'rb') as f:
                    have.append(f.read())
                self.assertEqual(
                    os.stat(os.path.join(folder, part)).st_size,
                    len(have[-1]))
            for wanted in attached:
                self.assertIn(wanted, have, name)

    def test_large_attachment_in_any_order(self):
        data = os.urandom(LARGE)
        self.put('large.eml', with_attachment(data, 'large.bin'))
        path = self.hidden('parts', 'INBOX', 'large.eml', '2-large.bin')
        self.assertEqual(os.stat(path).st_size, LARGE)
        with open(path, 'rb') as f:
            for at in (LARGE - 10, 3_000_000, 1_000_000, 2_000_000, 0):
                f.seek(at)
                self.assertEqual(f.read(1000), data[at:at + 1000])
            f.seek(0)
            self.assertEqual(f.read(), data)

    def test_names_of_attachments_are_harmless(self):
        for i, (name, shown) in enumerate((
                ('../../etc/passwd', '2-passwd'), ('a/b\n.txt', '2-b .txt'),
                ('..', '2.bin'), ('-rf', '2-rf'),
                ('x\u202efdp.exe', '2-xfdp.exe'))):
            mail = with_attachment(b'x', 'NAME').replace(
                b'filename="NAME"', b'filename*=utf-8\'\'' + ''.join(
                    f'%{c:02X}' for c in name.encode()).encode())
            self.put(f'{i}.eml', mail)
            self.assertEqual(
                os.listdir(self.hidden('parts', 'INBOX', f'{i}.eml')),
                [shown])

    def test_nothing_can_be_changed(self):
        self.put('a.eml', with_attachment(b'x', 'x'))
        text = self.hidden('text', 'INBOX', 'a.eml.txt')
        part = self.hidden('parts', 'INBOX', 'a.eml', '2-x')
        for path in (text, part, self.hidden('status')):
            for call in (lambda p: os.open(p, os.O_WRONLY),
                         lambda p: os.truncate(p, 0), os.unlink,
                         lambda p: os.chmod(p, 0o600),
                         lambda p: os.rename(p, p + 'x'),
                         lambda p: os.rename(p, self.path('INBOX', 'b.eml'))):
                self.assert_refused(call, path)
        for path in (self.hidden('new'), self.hidden('text', 'new'),
                     self.hidden('parts', 'INBOX', 'a.eml', 'new')):
            self.assert_refused(os.mkdir, path)
            self.assert_refused(lambda p: os.open(p, os.O_CREAT), path)
        for path in (self.hidden(), self.hidden('text', 'INBOX')):
            self.assert_refused(os.rmdir, path)
        self.assert_refused(
            lambda p: os.rename(self.path('INBOX', 'a.eml'), p),
            self.hidden('text', 'INBOX', 'b.eml'))
        self.assertEqual(self.uids(), [1])

    def test_copying_from_it_within_the_mount(self):
        """cp asks the mount itself to copy, by copy_file_range(2)."""
        self.put('a.eml', with_attachment(b'attached\n', 'x'))
        for path in (self.hidden('status'),
                     self.hidden('text', 'INBOX', 'a.eml.txt'),
                     self.hidden('parts', 'INBOX', 'a.eml', '2-x')):
            src = os.open(path, os.O_RDONLY)
            dst = os.open(self.path('INBOX', 'copy'),
                          os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            want = os.pread(src, 100000, 0)
            self.assertEqual(os.copy_file_range(src, dst, 1 << 20, 0, 0),
                             len(want))
            self.assertEqual(os.pread(dst, 100000, 0), want)
            os.close(src)
            os.close(dst)

    def assert_refused(self, call, path):
        with self.assertRaises(OSError) as caught:
            call(path)
        self.assertIn(caught.exception.errno,
                      (errno.EROFS, errno.EPERM, errno.EACCES))

    def test_follows_the_mailboxes(self):
        self.put('a.eml', encoded('first'))
        text = self.hidden('text', 'INBOX', 'a.eml.txt')
        self.assertIn('first', self.text('a.eml'))
        with open(text, encoding='utf-8') as f:
            os.unlink(self.path('INBOX', 'a.eml'))
            self.assertIn('first', f.read())    # what is open stays
        time.sleep(1.1)
        self.assertFalse(os.path.exists(text))
        self.put('a.eml', encoded('second'))
        time.sleep(1.1)
        self.assertIn('second', self.text('a.eml'))
        os.mkdir(self.path('Neu'))
        self.assertTrue(os.path.isdir(self.hidden('text', 'Neu')))

    def test_a_long_name_is_shown_computed(self):
        long = 'x' * 251 + '.eml'
        self.put(long, encoded('word'))
        names = os.listdir(self.hidden('text', 'INBOX'))
        self.assertRegex(names[0], r'^\d{8}T\d{6}-1\.1\.eml\.txt$')
        self.assertIn('word', self.text(names[0][:-4]))
        self.assertEqual(os.listdir(self.hidden('parts', 'INBOX')), [long])

    def test_read_only_mount(self):
        self.put('a.eml', WITH_DATA)
        other = self.start_mount('ro')
        self.shell('cat INBOX/a.eml')   # makes the kernel open no more
        for _ in range(2):
            with open(other.join('.imapfs', 'status'),
                      encoding='utf-8') as f:
                self.assertIn('\nread-only yes\n', f.read())
            with open(other.join('.imapfs', 'text', 'INBOX', 'a.eml.txt'),
                      encoding='utf-8') as f:
                self.assertIn('See the attachment.', f.read())
            with open(other.join('.imapfs', 'parts', 'INBOX', 'a.eml',
                                 '2-x.bin'), 'rb') as f:
                self.assertEqual(f.read(), b'data')

    def test_bombs_end(self):
        deep = b''.join(
            b'Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n' % (i, i)
            for i in range(5000))
        many = (b'Content-Type: multipart/mixed; boundary=b\n\n'
                + b'--b\nContent-Type: image/png\n\nx\n' * 20000)
        head = b'Subject: ' + b'x' * 10_000_000 + b'\n\nbody\n'
        fields = b'X: y\n' * 1_000_000 + b'\nbody\n'
        base64 = (b'Content-Transfer-Encoding: base64\n\n'
                  + (b'eHh4' * 19 + b'\n') * 300_000)
        for name, data in {'deep': deep, 'many': many, 'head': head,
                           'fields': fields, 'base64': base64}.items():
            with self.subTest(name):
                self.put(f'{name}.eml', data)
                text = self.text(f'{name}.eml')
                self.assertLess(len(text), 5_000_000)
                parts = os.listdir(self.hidden('parts', 'INBOX',
                                               f'{name}.eml'))
                self.assertLessEqual(len(parts), 10000)
        self.assertIn('[The mail has more parts', self.text('many.eml'))
        self.assertIn('[The text is longer', self.text('base64.eml'))


if __name__ == '__main__':
    mount.main()
