#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Two mounts and an IMAP client change the same messages at the same time.

Each message has an id in its subject that no other has but its copies, and the
number of its version.  Nothing that was acknowledged may be lost, nothing that
failed may be there, and nothing may be there twice.

    SQBOX_TEST_AT_ONCE  operations of each worker (default 150)
"""

import collections
import errno
import os
import random
import re
import threading

import harness
import mount
from imap import Literal
from mountmodel import (FLAGS, Message, Seen, draw_date, draw_flags,
                        draw_octets, file_state, get, imap_time, listing, put,
                        wire)

OPERATIONS = int(os.environ.get('SQBOX_TEST_AT_ONCE', 150))
BOXES = ['INBOX', 'a', 'b']
ID = re.compile(rb'Subject: (\S+)\r?\nX-Version: (\d{8})\r?\n')
VERSION_AT = len('X-Version: ')
# Others were faster.
MEANWHILE = (errno.ENOENT, errno.ESTALE)


class Worker(threading.Thread):
    """What it did and what may have become of it."""

    versions = 0
    versions_lock = threading.Lock()

    def __init__(self, name, seed):
        super().__init__(name=name, daemon=True)
        self.rng = random.Random(seed)
        self.count = 0
        self.acknowledged, self.gone, self.failed = set(), set(), set()
        self.copies = collections.Counter()
        self.error = None

    def new_id(self):
        self.count += 1
        return f'{self.name}-{self.count}'

    @classmethod
    def new_version(cls):
        with cls.versions_lock:
            cls.versions += 1
            return b'%08d' % cls.versions

    def run(self):
        kinds = [name for name in dir(self) if name.startswith('do_')]
        try:
            for _ in range(OPERATIONS):
                getattr(self, self.rng.choice([*kinds, 'do_make']))()
        except BaseException as e:      # told by the test
            self.error = e


class MountWorker(Worker):
    def __init__(self, mounted, seed):
        super().__init__(os.path.basename(mounted.path), seed)
        self.top = mounted.join

    def any_path(self):
        """(path, id) of some message, or (None, None)."""
        box = self.rng.choice(BOXES)
        names = sorted(name for name in os.listdir(self.top(box))
                       if name.endswith('.eml'))
        if not names:
            return None, None
        path = self.top(box, self.rng.choice(names))
        found = None
        with self.others_may_be_faster():
            found = ID.match(get(path))
        return (path, found[1].decode()) if found else (None, None)

    @staticmethod
    def others_may_be_faster():
        return _Meanwhile()

    def do_make(self):
        name, box = self.new_id(), self.rng.choice(BOXES)
        put(self.top(box, name + '.eml'), draw_octets(self.rng, name))
        self.acknowledged.add(name)

    def do_make_and_rename(self):
        name, box = self.new_id(), self.rng.choice(BOXES)
        path = self.top(box, f'.{name}.tmp')
        put(path, draw_octets(self.rng, name))
        os.rename(path, self.top(box, name + '.eml'))
        self.acknowledged.add(name)

    def do_unlink(self):
        path, name = self.any_path()
        if path:
            self.gone.add(name)
            with self.others_may_be_faster():
                os.unlink(path)

    def do_rename(self):
        path, _ = self.any_path()
        if path:
            with self.others_may_be_faster():
                os.rename(path, self.top(self.rng.choice(BOXES),
                                         self.new_id() + '.eml'))

    def do_flags(self):
        path, _ = self.any_path()
        if path:
            flags = draw_flags(self.rng)
            with self.others_may_be_faster():
                os.setxattr(path, FLAGS, ' '.join(
                    '+' + flag for flag in flags).encode())

    def do_copy(self):
        path, name = self.any_path()
        if path is None:
            return
        new = self.top(self.rng.choice(BOXES), self.new_id() + '.eml')
        self.copies[name] += 1
        with self.others_may_be_faster():
            try:
                with open(path, 'rb') as src, open(new, 'xb') as dst:
                    while os.copy_file_range(src.fileno(), dst.fileno(),
                                             1 << 30):
                        pass
            finally:
                if os.path.exists(new) and os.stat(new).st_size == 0:
                    os.unlink(new)

    def do_edit(self):
        path, name = self.any_path()
        if path is None:
            return
        version = self.new_version()
        with self.others_may_be_faster():
            at = self.version_at(path, name)
            fd = os.open(path, os.O_WRONLY)
            try:
                with os.fdopen(fd, 'wb', buffering=0) as f:
                    os.pwrite(f.fileno(), version, at)
            except OSError:
                self.failed.add(version)
                raise

    @staticmethod
    def version_at(path, name):
        end = 2 if b'\r' in get(path)[:len(name) + 11] else 1
        return len('Subject: ') + len(name) + end + VERSION_AT

    def do_look(self):
        for box in BOXES:
            with self.others_may_be_faster():
                for entry in os.scandir(self.top(box)):
                    entry.stat()

    def do_folder(self):
        """A folder of its own, which nothing can keep from working."""
        name = self.new_id()
        os.mkdir(self.top(name))
        put(self.top(name, 'x.eml'), draw_octets(self.rng, name))
        os.rename(self.top(name), self.top('a', name))
        os.unlink(self.top('a', name, 'x.eml'))
        os.rmdir(self.top('a', name))


class _Meanwhile:
    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        return isinstance(value, OSError) and value.errno in MEANWHILE


class ImapWorker(Worker):
    def __init__(self, client, seed):
        super().__init__('imap', seed)
        self.client = client

    def any_message(self):
        """(UID, id) of some message of the mailbox that is now selected, or
        (None, None)."""
        self.client.select(self.rng.choice(BOXES))
        uids = self.client.search('ALL', uid=True)
        if not uids:
            return None, None
        uid = self.rng.choice(uids)
        found = self.client.fetch_by_uid('BODY.PEEK[HEADER]', str(uid))
        text = found.get(uid, {}).get('BODY[HEADER]')
        return (uid, ID.match(text)[1].decode()) if text else (None, None)

    def do_make(self):
        name = self.new_id()
        self.client.ok(f'APPEND {self.rng.choice(BOXES)} '
                       f'"{imap_time(draw_date(self.rng))}" ',
                       Literal(wire(draw_octets(self.rng, name)), plus=True))
        self.acknowledged.add(name)

    def do_store(self):
        uid, _ = self.any_message()
        if uid:
            flags = ' '.join(draw_flags(self.rng))
            self.client.cmd(f'UID STORE {uid} '
                            f'{self.rng.choice(("+", "-", ""))}FLAGS '
                            f'({flags})')

    def do_copy(self):
        uid, name = self.any_message()
        if uid:
            self.copies[name] += 1
            self.client.cmd(f'UID COPY {uid} {self.rng.choice(BOXES)}')

    def do_move(self):
        uid, _ = self.any_message()
        if uid:
            self.client.cmd(f'UID MOVE {uid} {self.rng.choice(BOXES)}')

    def do_expunge(self):
        uid, name = self.any_message()
        if uid:
            self.gone.add(name)
            self.client.cmd(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)')
            self.client.cmd(f'UID EXPUNGE {uid}')

    def do_folder(self):
        name = self.new_id()
        self.client.ok(f'CREATE {name}')
        self.client.ok(f'RENAME {name} b/{name}')
        self.client.ok(f'DELETE b/{name}')


class AtOnce(mount.MountCase):
    options = 'rm=expunge'

    def setUp(self):
        super().setUp()
        self.start_mount()
        for box in BOXES[1:]:
            self.client.ok(f'CREATE {box}')
        for mounted in self.mounts:
            harness.wait_until(
                lambda m=mounted: set(listing(m.path) or ()) == set(BOXES),
                'no folders', mount.DEADLINE)

    def test_at_once(self):
        """S60 S128 I5 I7: nothing is lost, nothing is there twice, and all
        see the same in the end."""
        rng = harness.seeded('test_at_once')
        workers = [*(MountWorker(m, rng.random()) for m in self.mounts),
                   ImapWorker(self.login(), rng.random())]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for worker in workers:
            if worker.error:
                raise worker.error
        self.assert_fair(workers)
        self.assert_same()
        self.store.check()

    def assert_fair(self, workers):
        present, versions = collections.Counter(), set()
        for box in BOXES:
            for found in self.bodies(box).values():
                name, version = ID.match(found).groups()
                present[name.decode()] += 1
                versions.add(version)
        known = set().union(*(w.acknowledged for w in workers))
        gone = set().union(*(w.gone for w in workers))
        copies = sum((w.copies for w in workers), collections.Counter())
        failed = set().union(*(w.failed for w in workers))
        self.assertEqual(known - gone - set(present), set(), 'lost')
        self.assertEqual(set(present) - known, set(), 'never stored')
        self.assertEqual(versions & failed, set(), 'close() had failed')
        twice = {name: n for name, n in present.items()
                 if n > 1 + copies[name]}
        self.assertEqual(twice, {}, 'there twice')

    def bodies(self, box):
        self.client.ok(f'EXAMINE {box}')
        return {uid: found['BODY[]'] for uid, found in
                self.client.fetch_by_uid('BODY.PEEK[]').items()}

    def assert_same(self):
        """I7, for every octet."""
        for box in BOXES:
            seen, bodies = Seen(self.client, box), self.bodies(box)
            for mounted in self.mounts:
                harness.wait_until(
                    lambda m=mounted: sorted((listing(m.path) or {}).get(
                        box, {}).values()) == sorted(seen.messages),
                    f'{mounted.path}: not the same in {box}', mount.DEADLINE)
                for name, uid in listing(mounted.path)[box].items():
                    path = mounted.join(box, name)
                    octets = get(path)
                    self.assertEqual(wire(octets), bodies[uid], path)
                    self.assertEqual(
                        file_state(path), Message(
                            octets, *seen.messages[uid]).as_file(
                                uid, seen.uidvalidity))


if __name__ == '__main__':
    mount.main()
