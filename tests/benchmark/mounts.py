# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The mount beside ext4: the same mails as a Maildir and in a store that imapfs
has mounted, once to read and write and once to read only.

Each operation is run on all three before the next one.  Cold: the kernel has
been made to drop what it has cached, which only root can.
"""

import collections
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import corpus
from store import built

TEXTS = 500     # different ones; a number makes each mail another
SIZE = 10 * 1024
MOUNT_DEADLINE = 30
DROP_CACHES = '/proc/sys/vm/drop_caches'

Sizes = collections.namedtuple('Sizes', 'messages copies large rounds')
QUICK = Sizes(messages=2000, copies=200, large=10_000, rounds=5)
FULL = Sizes(messages=10_000, copies=1000, large=100_000, rounds=9)
TARGETS = ('ext4', 'mount', 'read-only')
Row = collections.namedtuple('Row', 'title command cold folder')

ROWS = (
    Row('grep -r, cold', 'grep -r nothing-like-it {}', True, 'INBOX'),
    Row('grep -r, warm', 'grep -r nothing-like-it {}', False, 'INBOX'),
    Row('tar, cold', 'tar -cf - -C {} . | cat', True, 'INBOX'),
    Row('ls -l, warm', 'ls -l {}', False, 'INBOX'),
    Row('find, warm', 'find {} -type f', False, 'INBOX'),
    Row('ls -l of the large folder, cold', 'ls -l {}', True, 'Many'),
    Row('ls -l of the large folder, warm', 'ls -l {}', False, 'Many'),
)
COPY = 'copying {} messages in, each with fsync'


class Mounted:
    """What imapfs in the foreground has mounted."""

    def __init__(self, source, where, *options):
        self.source = source
        self.where = where
        self.options = options
        self.process = None

    def start(self):
        os.mkdir(self.where)
        options = ['-o', ','.join(self.options)] if self.options else []
        self.process = subprocess.Popen([built('imapfs'), '-f', *options,
                                         self.source, self.where])
        end = time.monotonic() + MOUNT_DEADLINE
        while not os.path.ismount(self.where):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f'imapfs does not mount {self.where}')
            time.sleep(0.02)
        return self

    def end(self):
        """May be called again."""
        process, self.process = self.process, None
        if process is not None:
            subprocess.run(['fusermount3', '-u', '-z', self.where],
                           check=False)
            try:
                process.wait(MOUNT_DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Mounts:
    """What is measured, in a directory that goes at the end."""

    def __init__(self, sizes, progress):
        self.sizes = sizes
        self.progress = progress
        self.samples = collections.defaultdict(
            lambda: collections.defaultdict(list))
        self.running = []
        self.top = tempfile.mkdtemp(prefix='sqbox-bench-')
        self.store = os.path.join(self.top, 'store')
        self.roots = {name: os.path.join(self.top, name) for name in TARGETS}

    def run(self):
        """The rows that were measured, as dicts."""
        try:
            self.progress('mount: mails')
            mails = self.make()
            self.mount('mount')
            for number in range(self.sizes.rounds):
                self.progress(f'mount, copies, round {number + 1}')
                self.copy_round(number, mails)
            self.mount('read-only')
            for number in range(self.sizes.rounds):
                self.progress(f'mount, round {number + 1}')
                self.round(number)
        finally:
            self.end()
        return self.results()

    # Making

    def mails(self):
        texts = [corpus.message(n, SIZE) for n in range(TEXTS)]
        for n in range(self.sizes.messages):
            yield b'X-Number: %d\r\n' % n + texts[n % TEXTS]

    def make(self):
        """Fill both; returns some mails, as files."""
        many = os.path.join(self.roots['ext4'], 'Many')
        inbox = os.path.join(self.roots['ext4'], 'INBOX')
        os.makedirs(many)
        os.mkdir(inbox)
        subprocess.run([built('tests/make-store'), self.store, '1',
                        str(self.sizes.large)], check=True)
        for n in range(self.sizes.large):
            with open(os.path.join(many, f'{corpus.BEGIN + n}.M{n}P1.host:2,'),
                      'wb') as f:
                f.write(b'Subject: one of many\n\nHello.\n')
        copies = []
        with subprocess.Popen([built('tests/writer'), self.store],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as writer:
            for n, mail in enumerate(self.mails()):
                writer.stdin.write(b'append\tINBOX\t0\t-\t%d\n' % len(mail)
                                   + mail)
                writer.stdin.flush()
                writer.stdout.readline()
                text = mail.replace(b'\r\n', b'\n')
                name = f'{corpus.BEGIN + n}.M{n}P1.host:2,'
                with open(os.path.join(inbox, name), 'wb') as f:
                    f.write(text)
                if n < self.sizes.copies:
                    copies.append(text)
        return copies

    def mount(self, name):
        options = ['ro'] if name == 'read-only' else []
        mounted = Mounted(self.store, self.roots[name], *options)
        self.running.append(mounted)
        mounted.start()

    def end(self):
        for mounted in self.running:
            mounted.end()
        shutil.rmtree(self.top, ignore_errors=True)

    # Measuring

    def round(self, number):
        order = TARGETS[number % 3:] + TARGETS[:number % 3]
        for row in ROWS:
            if row.cold and not can_drop_caches():
                continue
            for name in order:
                path = os.path.join(self.roots[name], row.folder)
                if row.cold:
                    drop_caches()
                self.samples[row.title][name].append(
                    run_timed(row.command.format(path)))

    def copy_round(self, number, mails):
        for name in ('ext4', 'mount')[::1 if number % 2 else -1]:
            self.samples[COPY.format(len(mails))][name].append(
                self.copy_in(name, number, mails))

    def copy_in(self, name, number, mails):
        folder = os.path.join(self.roots[name], f'copies{number}')
        os.mkdir(folder)
        start = time.perf_counter()
        for n, text in enumerate(mails):
            with open(os.path.join(folder, f'{n}.eml'), 'xb') as f:
                f.write(text)
                f.flush()
                os.fsync(f.fileno())
        return time.perf_counter() - start

    def results(self):
        rows = []
        for title, samples in self.samples.items():
            medians = {name: statistics.median(values)
                       for name, values in samples.items()}
            ratios = {name: value / medians['ext4']
                      for name, value in medians.items() if name != 'ext4'}
            rows.append({'title': title, 'unit': 'ms', 'medians': medians,
                         'ratios': ratios, 'samples': samples})
        return rows


def can_drop_caches():
    return os.access(DROP_CACHES, os.W_OK)


def drop_caches():
    os.sync()
    with open(DROP_CACHES, 'w', encoding='ascii') as f:
        f.write('3\n')


def run_timed(command):
    start = time.perf_counter()
    subprocess.run(['sh', '-c', f'{command} >/dev/null'], check=False,
                   env=dict(os.environ, LC_ALL='C'))
    return time.perf_counter() - start


def print_table(rows, out):
    print(f"{'':44}{'unit':>6}" + ''.join(f'{n:>11}' for n in TARGETS)
          + ''.join(f"{n + '/ext4':>16}" for n in TARGETS[1:]), file=out)
    for row in rows:
        line = f"{row['title']:44}{row['unit']:>6}"
        for name in TARGETS:
            value = row['medians'].get(name)
            line += f"{'-' if value is None else f'{1000 * value:,.0f}':>11}"
        for name in TARGETS[1:]:
            ratio = row['ratios'].get(name)
            line += f"{'-' if ratio is None else f'{ratio:.2f}':>16}"
        print(line, file=out)
