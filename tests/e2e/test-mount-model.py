#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Random operations by two mounts and an IMAP client on one store, against a
reference in memory.

    SQBOX_TEST_STEPS    how many of them, one after the other (default 250)
"""

import errno
import os

import harness
import mount
from imap import mutf7, quote
from mountmodel import (FLAGS, TRASH, Message, Model, Seen, draw_date,
                        draw_flags, draw_octets, file_state, imap_name,
                        imap_time, listing, put, wire)

STEPS = int(os.environ.get('SQBOX_TEST_STEPS', 250))
COMPARE_EVERY = 50
MESSAGES_MAX = 30
FOLDERS_MAX = 7
NAMES = ['a', 'b', 'c d', 'ü']


class OneAfterTheOther(mount.MountCase):
    def setUp(self):
        super().setUp()
        self.rng = harness.seeded(self.id().split('.', 1)[1])
        self.start_mount()
        self.model = Model('INBOX')
        self.count = 0
        self.last = []      # operations, for a failure's message

    # What to do it to

    def any_message(self, *but):
        found = [(box, uid) for box, uid in self.model.messages()
                 if box not in but]
        if not found:
            return None, None, None
        box, uid = self.rng.choice(found)
        return box, uid, self.model.folders[box].messages[uid]

    def any_folder(self):
        return self.rng.choice(sorted(self.model.folders))

    def own_leaf(self):
        """A folder that may be removed or renamed, or None."""
        return self.rng.choice([None, *(
            box for box in sorted(self.model.folders)
            if box not in ('INBOX', TRASH))])

    def new_folder(self):
        """A name that is free, below something that is there, or None."""
        if len(self.model.folders) >= FOLDERS_MAX:
            return None
        parent = self.rng.choice(['', *sorted(self.model.folders)])
        name = f'{parent}/{self.rng.choice(NAMES)}'.lstrip('/')
        return None if name in self.model.folders else name

    def new_name(self):
        self.count += 1
        return f'{self.rng.choice(("n", "ü x", "%41"))}{self.count}.eml'

    def say(self, *what):
        self.last = [*self.last[-15:], ' '.join(map(str, what))]

    def octets(self):
        """No two files have the same."""
        self.count += 1
        return draw_octets(self.rng, self.count)

    # A mount

    def file_create(self, top):
        box, name, octets = (self.any_folder(), self.new_name(),
                             self.octets())
        date = self.rng.choice((None, draw_date(self.rng)))
        self.say('create', box, name, date)
        put(top(box, name), octets, date)
        self.model.add(box, Message(octets, (), date, name))

    def file_renamed_into_place(self, top):
        """A temporary file, renamed to a new or an old name."""
        old_box, old, message = self.any_message()
        box, name = self.any_folder(), self.new_name()
        if old_box and self.rng.random() < 0.5:
            box, name = old_box, message.name
        octets = self.octets()
        self.say('rename scratch to', box, name)
        put(top(box, '.x.tmp'), octets)
        os.rename(top(box, '.x.tmp'), top(box, name))
        new = Message(octets, (), None, name)
        if old_box == box and message.name == name:
            new.flags, new.date = message.flags, message.date
            self.model.remove(box, old)
        self.model.add(box, new)

    def file_rename(self, top):
        """mv of a message, to a new name or over another message."""
        box, uid, message = self.any_message()
        if box is None:
            return
        new_box, new_name = self.any_folder(), self.rng.choice(
            (message.name, self.new_name()))
        other = sorted(self.model.folders[new_box].names())
        if other and self.rng.random() < 0.3:
            new_name = self.rng.choice(other)
        if (new_box, new_name) == (box, message.name):
            return
        self.say('mv', box, uid, message.name, 'to', new_box, new_name)
        os.rename(top(box, message.name), top(new_box, new_name))
        over = self.model.find(new_box, new_name)
        if over is not None:
            self.model.remove(new_box, over)
        if new_box == box:
            message.name = new_name
        else:
            self.model.take(box, uid)
            self.model.add(new_box, message.copy(new_name))

    def file_copy(self, top):
        """cp within the mount."""
        box, uid, message = self.any_message()
        if box is None:
            return
        new_box, name = self.any_folder(), self.new_name()
        self.say('cp', box, uid, message.name, 'to', new_box, name)
        src = os.open(top(box, message.name), os.O_RDONLY)
        dst = os.open(top(new_box, name),
                      os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            while os.copy_file_range(src, dst, 1 << 30):
                pass
        finally:
            os.close(src)
            os.close(dst)
        self.model.add(new_box, message.copy(name))

    def file_unlink(self, top):
        box, uid, message = self.any_message()
        if box is None:
            return
        self.say('rm', box, uid, message.name)
        os.unlink(top(box, message.name))
        self.model.remove(box, uid)

    def file_edit(self, top):
        """In place: append, overwrite the beginning, or cut off the end."""
        box, uid, message = self.any_message()
        if box is None:
            return
        octets = bytearray(message.octets)
        how = self.rng.choice(('append', 'begin', 'cut'))
        self.say('edit', how, box, uid, message.name)
        fd = os.open(top(box, message.name), os.O_RDWR)
        try:
            if how == 'cut':
                octets = octets[:self.rng.randrange(1, len(octets) + 1)]
                os.ftruncate(fd, len(octets))
            at = len(octets) if how == 'append' else 0
            self.count += 1
            new = b'Subject: %d\n' % self.count
            os.pwrite(fd, new, at)
            octets[at:at + len(new)] = new
        finally:
            os.close(fd)
        self.model.remove(box, uid)
        self.model.add(box, Message(bytes(octets), message.flags,
                                    message.date, message.name))

    def file_flags(self, top):
        box, _, message = self.any_message()
        if box is None:
            return
        flags = draw_flags(self.rng)
        how = self.rng.choice(('', '+', '-')) if flags else ''
        self.say('setfattr', how, *flags, box, message.name)
        os.setxattr(top(box, message.name), FLAGS,
                    ' '.join(how + f for f in sorted(flags)).encode())
        if how == '+':
            flags = message.flags | flags
        elif how == '-':
            flags = message.flags - flags
        message.flags = flags

    def file_too_large(self, top):
        """What cannot be a message leaves nothing."""
        path = top(self.any_folder(), self.new_name())
        self.say('too large', path)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.assert_errno(errno.EFBIG, os.pwrite, fd, b'x', 1 << 32)
        os.close(fd)
        os.unlink(path)

    def file_gone_at_close(self, top):
        """It is expunged while it is written to: close() fails, and nothing
        of what was written is anywhere."""
        box, uid, message = self.any_message()
        if box is None:
            return
        self.say('expunge while written', box, uid, message.name)
        fd = os.open(top(box, message.name), os.O_WRONLY)
        os.pwrite(fd, b'X', 0)
        self.expunge(box, [uid])
        self.assert_errno(errno.ESTALE, os.close, fd)

    def dir_make(self, top):
        name = self.new_folder()
        if name:
            self.say('mkdir', name)
            os.mkdir(top(name))
            self.model.add_folder(name)

    def dir_remove(self, top):
        box = self.own_leaf()
        if box is None:
            return
        self.say('rmdir', box)
        empty = not self.model.folders[box].messages and self.model.leaf(box)
        self.assert_errno(0 if empty else errno.ENOTEMPTY, os.rmdir, top(box))
        if empty:
            del self.model.folders[box]

    def dir_rename(self, top):
        old, new = self.own_leaf(), self.new_folder()
        if old is None or new is None or new.startswith(old + '/'):
            return
        self.say('mv', old, new)
        os.rename(top(old), top(new))
        self.model.rename_folder(old, new)

    # The IMAP client

    def client_append(self):
        box, octets = self.any_folder(), self.octets()
        flags, date = draw_flags(self.rng), draw_date(self.rng)
        self.say('APPEND', box, *flags, date)
        self.client.append(mutf7(box), wire(octets), ' '.join(sorted(flags)),
                           imap_time(date))
        self.model.add(box, Message(
            octets.replace(b'\r\n', b'\n'), flags, date))

    def some_uids(self):
        """(mailbox, some of its UIDs) or (None, None)."""
        box, _, _ = self.any_message()
        if box is None:
            return None, None
        uids = sorted(self.model.folders[box].messages)
        return box, sorted(self.rng.sample(
            uids, self.rng.randint(1, min(3, len(uids)))))

    def client_store(self):
        box, uids = self.some_uids()
        if box is None:
            return
        flags, how = draw_flags(self.rng), self.rng.choice('+- ')
        self.say('STORE', box, uids, how, *flags)
        self.client.select(mutf7(box))
        self.client.ok(f'UID STORE {",".join(map(str, uids))} '
                       f'{how.strip()}FLAGS ({" ".join(sorted(flags))})')
        for uid in uids:
            message = self.model.folders[box].messages[uid]
            message.flags = {'+': message.flags | flags, ' ': flags,
                             '-': message.flags - flags}[how]

    def client_copy(self, command='COPY'):
        box, uids = self.some_uids()
        if box is None:
            return
        new_box = self.any_folder()
        if command == 'MOVE' and new_box == box:
            return
        self.say(command, box, uids, new_box)
        self.client.select(mutf7(box))
        self.client.ok(f'UID {command} {",".join(map(str, uids))} '
                       f'{imap_name(new_box)}')
        for uid in uids:
            message = self.model.folders[box].messages[uid].copy()
            if command == 'MOVE':
                self.model.take(box, uid)
            self.model.add(new_box, message)

    def client_move(self):
        self.client_copy('MOVE')

    def expunge(self, box, uids):
        numbers = ','.join(map(str, uids))
        self.client.select(mutf7(box))
        self.client.ok(f'UID STORE {numbers} +FLAGS.SILENT (\\Deleted)')
        self.client.ok(f'UID EXPUNGE {numbers}')
        for uid in uids:
            self.model.take(box, uid)

    def client_expunge(self):
        box, uids = self.some_uids()
        if box is not None:
            self.say('EXPUNGE', box, uids)
            self.expunge(box, uids)

    def client_create(self):
        name = self.new_folder()
        if name:
            self.say('CREATE', name)
            self.client.ok(f'CREATE {imap_name(name)}')
            self.model.add_folder(name)

    def client_delete(self):
        box = self.own_leaf()
        if box is not None and self.model.leaf(box):
            self.say('DELETE', box)
            self.client.ok(f'DELETE {imap_name(box)}')
            del self.model.folders[box]

    def client_rename(self):
        old, new = self.own_leaf(), self.new_folder()
        if old is None or new is None or new.startswith(old + '/'):
            return
        self.say('RENAME', old, new)
        self.client.ok(f'RENAME {imap_name(old)} {imap_name(new)}')
        self.model.rename_folder(old, new)

    # All of it

    def step(self):
        self.client.select()    # another could be deleted
        actor = self.rng.choice((*self.mounts, None))
        kinds = ('client_',) if actor is None else ('file_', 'dir_')
        names = [name for name in dir(self) if name.startswith(kinds)]
        if len(self.model.messages()) > MESSAGES_MAX:
            names = ['file_unlink'] if actor else ['client_expunge']
        function = getattr(self, self.rng.choice(names))
        if actor is None:
            self.say('by IMAP:')
            function()
        else:
            self.say(f'by {os.path.basename(actor.path)}:')
            function(actor.join)
        self.learn()
        if actor is not None:
            # Without delay; but what comes into Trash is told as by others.
            self.assertTrue(self.agrees(listing(actor.path), TRASH),
                            (listing(actor.path), self.expected()))
        for mount_ in self.mounts:
            self.settle(mount_)

    def expected(self):
        return {box: {m.name: uid for uid, m in folder.messages.items()}
                for box, folder in self.model.folders.items()}

    def agrees(self, found, but=None):
        """Does a mount list what it should?"""
        if found is None or set(found) != set(self.model.folders):
            return False
        for box, folder in self.model.folders.items():
            names = {uid: name for name, uid in found[box].items()}
            if box != but and (
                    len(names) != len(found[box])
                    or set(names) != set(folder.messages)
                    or any(m.name not in (None, names[uid])
                           for uid, m in folder.messages.items())):
                return False
        return True

    def settle(self, mount_):
        """Wait until the mount has been told; take over computed names."""
        found = None

        def same():
            nonlocal found
            found = listing(mount_.path)
            return self.agrees(found)
        try:
            harness.wait_until(same, 'never told', mount.DEADLINE)
        except AssertionError:
            self.assertEqual(found, self.expected())
            raise
        for box, folder in self.model.folders.items():
            for name, uid in found[box].items():
                folder.messages[uid].name = name

    def learn(self):
        """I1, I2 and all that IMAP lists."""
        self.assertEqual({imap_name(box) for box in self.model.folders},
                         {quote(name) for name in self.client.list()})
        for box, folder in self.model.folders.items():
            seen = Seen(self.client, box)
            self.model.learn(
                box, seen, lambda uid, b=box: self.body(mutf7(b), uid))
            self.assertEqual(seen.messages, {
                uid: (m.flags, m.date)
                for uid, m in folder.messages.items()}, box)

    def compare(self):
        """I3 and I7, for every octet."""
        for box, folder in self.model.folders.items():
            self.client.ok(f'EXAMINE {imap_name(box)}')
            for uid, found in self.client.fetch_by_uid(
                    'BODY.PEEK[]').items():
                self.assertEqual(self.model.octets[folder.uidvalidity, uid],
                                 found['BODY[]'], (box, uid))
                message = folder.messages[uid]
                self.assertEqual(wire(message.octets), found['BODY[]'])
                for mount_ in self.mounts:
                    self.assertEqual(
                        file_state(mount_.join(box, message.name)),
                        message.as_file(uid, folder.uidvalidity))

    def run_model(self):
        for n in range(STEPS):
            try:
                self.step()
                if n % COMPARE_EVERY == COMPARE_EVERY - 1:
                    self.compare()
            except BaseException:
                print('\n'.join(self.last), flush=True)
                raise
        self.compare()
        self.store.check()

    def test_expunging(self):
        """S128 I1 I2 I3 I7: rm expunges."""
        self.run_model()

    def test_with_trash(self):
        """S128 S134 I1 I2 I3 I7: rm and all replacing moves to Trash."""
        self.client.ok(f'CREATE {TRASH}')
        self.model.add_folder(TRASH)
        self.run_model()


if __name__ == '__main__':
    mount.main()
