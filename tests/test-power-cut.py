#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""I5: what was answered survives a power cut.

Several writers change one store, and power-log.c writes down what they do to
its files.  The state of the disk is then made for many instants, in many ways
(powercut.py), and for each: the store opens, sqbox check is silent, each
writer's part is as it was after one of its commands, and not before the last
one that was answered; no number is given out again that somebody may have
seen (I1, I2).  A flag change needs no sync: it is there with the next answer.

SQBOX_POWER_CUTS  how many cuts (default 300)
SQBOX_SEED        repeat a run's choices (processes still race)
"""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

import powercut

BUILD = os.environ.get('SQBOX_BUILDDIR', os.getcwd())
SQBOX = os.path.join(BUILD, 'sqbox')
MAKE_STORE = os.path.join(BUILD, 'tests', 'make-store')
WRITER = os.path.join(BUILD, 'tests', 'writer')
SHIM = os.path.join(BUILD, 'tests', '.libs', 'power-log.so')
CUTS = int(os.environ.get('SQBOX_POWER_CUTS') or 300)
CONTROL_CUTS = 40
WRITERS = 3
COMMANDS = 70
FIRST = 3       # messages of make-store
TIMEOUT = 120


def environment(path, log, sync=True):
    env = dict(os.environ, SQBOX_POWER_DIR=path, SQBOX_POWER_LOG=log)
    preload = os.environ.get('SQBOX_TEST_PRELOAD', '')
    env['LD_PRELOAD'] = f'{preload} {SHIM}'.strip()
    if not sync:
        env['SQBOX_POWER_NO_SYNC'] = '1'
    return env


class Pipe:
    """tests/writer on a store."""

    def __init__(self, path, env=None):
        self.process = subprocess.Popen(
            [WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=env)

    def tell(self, *words, octets=b''):
        line = '\t'.join(map(str, words)).encode() + b'\n'
        self.process.stdin.write(line + octets)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().split('\t')
        assert answer[0].strip() == 'ok', (words, answer)
        return int(answer[1]) if len(answer) > 1 else None

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(TIMEOUT) == 0


class Writer(threading.Thread):
    """Gives commands, one after the other, and keeps what each should have
    led to.  It has mailboxes of its own, and messages in INBOX that are known
    by their size."""

    def __init__(self, number, rng, recording):
        super().__init__()
        self.number, self.rng, self.recording = number, rng, recording
        self.boxes, self.inbox, self.subscribed = {}, {}, set()
        self.made = 0
        self.commands = []      # (place in the log of question, of answer,
        self.states = [self.state()]    # must it survive), state after it
        self.problem = None

    def state(self):
        return (frozenset((name, frozenset(box.items()))
                          for name, box in self.boxes.items()),
                frozenset(self.inbox.items()), frozenset(self.subscribed))

    def run(self):
        try:
            self.pipe = self.recording.pipe()
            self.create()
            self.create()
            for _ in range(COMMANDS):
                self.rng.choice(self.verbs)(self)
            self.pipe.close()
        except Exception as e:      # pylint: disable=broad-except
            self.problem = e

    def tell(self, *words, octets=b'', change=None, durable=True):
        """change(answer) brings the model up to date."""
        asked = self.recording.place()
        answer = self.pipe.tell(*words, octets=octets)
        self.commands.append((asked, self.recording.place(), durable))
        if change is not None:
            change(answer)
        self.states.append(self.state())

    def any_box(self):
        return self.rng.choice(sorted(self.boxes))

    def any_mail(self):
        box = self.any_box()
        uids = sorted(self.boxes[box])
        return (box, self.rng.choice(uids)) if uids else (box, None)

    def size(self):
        """No other message has it."""
        self.made += 1
        size = 40 + (self.made * WRITERS + self.number) * 4
        return size + (200000 if self.rng.random() < 0.05 else 0)

    # The commands

    def append(self):
        box = self.rng.choice([*sorted(self.boxes), 'INBOX'])
        flags, size = self.rng.randrange(32), self.size()
        text = b'a: b\r\n\r\n' + self.rng.randbytes(size // 2).hex().encode()
        text = text[:size - 2] + b'\r\n'
        mails = self.inbox if box == 'INBOX' else self.boxes[box]
        self.tell('append', box, flags, '-', size, octets=text,
                  change=lambda uid: mails.update({uid: (flags, size)}))

    def flags(self):
        box, uid = self.any_mail()
        if uid is None:
            return
        add, remove = self.rng.randrange(32), self.rng.randrange(32)

        def change(_):
            flags, size = self.boxes[box][uid]
            self.boxes[box][uid] = (flags & ~remove | add, size)
        self.tell('flags', box, uid, uid, add, remove, '-', '-',
                  change=change, durable=False)

    def expunge(self):
        box, uid = self.any_mail()
        if uid is not None:
            self.tell('expunge', box, uid, uid,
                      change=lambda _: self.boxes[box].pop(uid))

    def copy(self):
        box, uid = self.any_mail()
        dest = self.any_box()
        if uid is not None:
            mail = self.boxes[box][uid]
            self.tell('copy', box, uid, dest, change=lambda new:
                      self.boxes[dest].update({new: mail}))

    def copies(self):
        """Many at once: all of them are seen before they are synced."""
        box = self.any_box()
        for _ in range(2):
            dest = self.create()
            for _ in range(3):
                self.copy_all(box, dest)
            box = dest

    def copy_all(self, box, dest):
        mails = [mail for _, mail in sorted(self.boxes[box].items())][:60]

        def change(_):
            first = max(self.boxes[dest], default=0) + 1
            self.boxes[dest].update(enumerate(mails, first))
        if len(mails) == len(self.boxes[box]):
            self.tell('copies', box, dest, change=change)

    def move(self):
        box, uid = self.any_mail()
        dest = self.any_box()
        if uid is not None:
            self.tell('move', box, uid, dest, change=lambda new:
                      self.boxes[dest].update({new: self.boxes[box].pop(uid)}))

    def new_name(self):
        self.made += 1
        return f'w{self.number}/b{self.made}'

    def create(self):
        name = self.new_name()
        self.tell('create', name,
                  change=lambda _: self.boxes.update({name: {}}))
        return name

    def delete(self):
        name = self.any_box()
        if len(self.boxes) > 2:
            self.tell('delete', name, change=lambda _: self.boxes.pop(name))

    def rename(self):
        old, new = self.any_box(), self.new_name()
        self.tell('rename', old, new, change=lambda _: self.boxes.update(
            {new: self.boxes.pop(old)}))

    def subscribe(self):
        name = f'w{self.number}/s{self.rng.randrange(5)}'
        if name in self.subscribed:
            self.tell('subscribe', name, 0,
                      change=lambda _: self.subscribed.remove(name))
        else:
            self.tell('subscribe', name, 1,
                      change=lambda _: self.subscribed.add(name))

    def checkpoint(self):
        self.tell('checkpoint', durable=False)

    def reopen(self):
        """The last one to close moves the WAL into store.db."""
        self.pipe.close()
        self.pipe = self.recording.pipe()

    verbs = (append, append, append, append, flags, flags, expunge, copy, move,
             copies, create, delete, rename, subscribe, checkpoint, reopen)

    # Afterwards

    def expected(self, place):
        """First and last state that may be found after a cut there."""
        first = last = 0
        for n, (asked, answered, durable) in enumerate(self.commands, 1):
            if asked <= place:
                last = n
            if answered <= place and durable:
                first = n
        return first, last


class Recording:
    """Writers at work on a new store, written down."""

    def __init__(self, directory, rng, sync=True):
        self.path = os.path.join(directory, 'store')
        self.log = os.path.join(directory, 'log')
        self.sync = sync
        os.makedirs(self.path, 0o700)
        subprocess.run([MAKE_STORE, self.path, str(FIRST)], check=True,
                       env=environment(self.path, self.log, sync))
        self.made = self.place()
        self.writers = [Writer(n, random.Random(rng.random()), self)
                        for n in range(WRITERS)]
        for writer in self.writers:
            writer.start()
        for writer in self.writers:
            writer.join()
            if writer.problem:
                raise writer.problem
        self.events = powercut.read_log(self.log)

    def place(self):
        return os.path.getsize(self.log)

    def pipe(self):
        return Pipe(self.path, environment(self.path, self.log, self.sync))


class Found:
    """What is in a store, read behind everybody's back."""

    def __init__(self, path):
        db = sqlite3.connect(os.path.join(path, 'store.db'))
        with contextlib.closing(db):
            rows = db.execute('SELECT id, parent_id, name, noselect, uidnext'
                              ' FROM mailbox').fetchall()
            self.numbers = db.execute(
                'SELECT next_id, next_body, next_modseq, next_uidvalidity'
                ' FROM mailbox WHERE id = 0').fetchone()
            self.subscribed = {n for n, in db.execute(
                'SELECT name FROM subscription')}
            self.mails = {}
            for box, uid, flags, vsize in db.execute(
                    'SELECT mailbox_id, uid, flags, vsize FROM message'):
                self.mails.setdefault(box, {})[uid] = (flags & 31, vsize)
        names = {row[0]: row for row in rows}
        self.uidnext = {row[0]: row[4] for row in rows}
        self.boxes = {}
        for number, parent, name, noselect, _ in rows:
            while parent:
                name = f'{names[parent][2]}/{name}'
                parent = names[parent][1]
            if number and not noselect:
                self.boxes[name] = self.mails.get(number, {})

    def state(self, writer):
        prefix = f'w{writer.number}/'
        mine = {size for _, box, _ in writer.states for _, (_, size) in box}
        return (frozenset((name, frozenset(box.items()))
                          for name, box in self.boxes.items()
                          if name.startswith(prefix)),
                frozenset((uid, mail)
                          for uid, mail in self.boxes['INBOX'].items()
                          if mail[1] in mine),
                frozenset(n for n in self.subscribed if n.startswith(prefix)))


class PowerCut(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get('SQBOX_SEED')
                       or random.randrange(1 << 32))
        print(f'test-power-cut: SQBOX_SEED={cls.seed}', flush=True)

    def setUp(self):
        self.rng = random.Random(self.seed)
        self.dir = tempfile.mkdtemp(prefix='sqbox-power-')
        self.addCleanup(shutil.rmtree, self.dir)

    def cut(self, files, name):
        """A directory with what is left."""
        path = os.path.join(self.dir, name)
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path, 0o700)
        for file, content in files.items():
            if not file.endswith('-shm'):
                with open(os.path.join(path, file), 'wb') as f:
                    f.write(content)
        return path

    def losses(self, recording, place, found):
        """What was answered and is not there."""
        wrong = []
        if (place >= recording.made and
                len(found.boxes['INBOX'].keys() & {*range(1, FIRST + 1)})
                != FIRST):
            wrong.append('messages of make-store')
        for writer in recording.writers:
            first, last = writer.expected(place)
            if found.state(writer) not in writer.states[first:last + 1]:
                wrong.append(f'writer {writer.number} is at none of its '
                             f'states {first} to {last}')
        return wrong

    def reuse(self, path, seen):
        """After the next boot: numbers that somebody may have seen."""
        db = sqlite3.connect(os.path.join(path, 'store.db'))
        with contextlib.closing(db), db:
            db.execute("UPDATE mailbox SET boot_id = 'the last one'"
                       ' WHERE id = 0')
        writer = Pipe(path)
        writer.tell('checkpoint')
        writer.close()
        now = Found(path)
        wrong = [f'UIDNEXT of mailbox {box} was {uid}, is {now.uidnext[box]}'
                 for box, uid in seen.uidnext.items()
                 if box and now.uidnext.get(box, uid) < uid]
        if any(a < b for a, b in zip(now.numbers, seen.numbers)):
            wrong.append(f'numbers were {seen.numbers}, are {now.numbers}')
        return wrong

    def judge(self, recording, disk, place, mode):
        """What is wrong after a cut there and now."""
        path = self.cut(disk.after_cut(mode, self.rng), 'cut')
        if not os.path.exists(os.path.join(path, 'store.db')):
            return ['there is no store'] if place >= recording.made else []
        check = subprocess.run([SQBOX, 'check', path], text=True,
                               capture_output=True, timeout=TIMEOUT,
                               check=False)
        if check.returncode:
            return [check.stdout + check.stderr]
        wrong = self.losses(recording, place, Found(path))
        seen = Found(self.cut(disk.after_cut('all', self.rng), 'seen'))
        return wrong + self.reuse(path, seen)

    def cuts(self, recording, count):
        """(number of the event, mode, what is wrong) of each cut."""
        events = recording.events
        wanted = sorted(self.rng.randrange(len(events)) for _ in range(count))
        disk = powercut.Disk()
        for number, event in enumerate(events):
            disk.step(event)
            while wanted and wanted[0] == number:
                wanted.pop(0)
                mode = self.rng.choice(powercut.MODES)
                yield number, mode, self.judge(recording, disk, event.end,
                                               mode)

    def test_what_was_answered_survives(self):
        recording = Recording(os.path.join(self.dir, 'run'), self.rng)
        kinds = {e.what for e in recording.events}
        self.assertLessEqual(set((b'C', b'W', b'B', b'E', b'R')), kinds)
        for number, mode, wrong in self.cuts(recording, CUTS):
            self.assertFalse(wrong, f'cut after event {number}, {mode}: '
                             f'{wrong}')
        answers = sum(len(w.commands) for w in recording.writers)
        print(f'test-power-cut: {CUTS} cuts in {len(recording.events)} events '
              f'of {answers} commands', flush=True)

    def test_without_syncs_it_does_not(self):
        """The control: this test can fail."""
        recording = Recording(os.path.join(self.dir, 'run'), self.rng,
                              sync=False)
        failed = sum(bool(wrong) for _, _, wrong in
                     self.cuts(recording, CONTROL_CUTS))
        print(f'test-power-cut: without syncs {failed} of {CONTROL_CUTS} cuts '
              'lose something', flush=True)
        self.assertGreater(failed, 0)


if __name__ == '__main__':
    if not os.path.exists(SHIM):
        sys.exit(f'{SHIM} is not built')
    unittest.main()
