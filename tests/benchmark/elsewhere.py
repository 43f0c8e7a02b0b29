# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""An account elsewhere: a private Dovecot, a round trip of 40 ms away, mounted
by imapfs, and beside it what one would use otherwise, from the same account in
the same run: mbsync, or a client that asks for one message after the other.
"""

import collections
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import corpus
import dovecot
import tls
from mounts import Mounted, run_timed
from probes import Raw
from store import built
from wire import Wire

ROUND_TRIP = 0.040
# By default Dovecot tells those who IDLE every two minutes that it is there.
NOTIFY = 10
TEXTS = 500     # different ones; a number makes each mail another
DEADLINE = 1800
OURS = 'imapfs'
MBSYNC = 'mbsync'
ONE_BY_ONE = 'one by one'
LOCAL = 'local store'

Sizes = collections.namedtuple(
    'Sizes', 'rounds messages folders large grep single idle')
QUICK = Sizes(rounds=1, messages=1000, folders=(5, 50), large=2000, grep=500,
              single=50, idle=30)
FULL = Sizes(rounds=3, messages=10_000, folders=(5, 50), large=2000,
             grep=2000, single=200, idle=60)

MBSYNC_CONFIG = '''
IMAPStore far
Host localhost
Port {port}
User {user}
Pass {password}
AuthMechs LOGIN
SSLType IMAPS
SystemCertificates no
CertificateFile {cafile}

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Expunge Near
Sync Pull
SyncState *
'''


def mails(count):
    texts = [corpus.message(n) for n in range(min(TEXTS, count))]
    return [b'X-Number: %d\r\n' % n + texts[n % TEXTS] for n in range(count)]


class Mbsync:
    """A Maildir that it keeps in step with an account."""

    def __init__(self, elsewhere, user, name):
        self.top = os.path.join(elsewhere.top, name)
        os.makedirs(os.path.join(self.top, 'mail'))
        self.config = os.path.join(self.top, 'mbsyncrc')
        with open(self.config, 'w', encoding='ascii') as f:
            f.write(MBSYNC_CONFIG.format(
                port=elsewhere.wire.port, user=user, password=dovecot.PASSWORD,
                cafile=elsewhere.authority.cafile,
                maildir=os.path.join(self.top, 'mail')))

    @staticmethod
    def is_there():
        return shutil.which('mbsync') is not None

    def sync(self):
        subprocess.run(['mbsync', '-q', '-c', self.config, 'all'], check=True,
                       timeout=DEADLINE)


class Mount(Mounted):
    """An account that imapfs has mounted."""

    def __init__(self, elsewhere, user, name, *options):
        self.replica = os.path.join(elsewhere.top, name + '.replica')
        netrc = os.path.join(elsewhere.top, name + '.netrc')
        with open(netrc, 'w', encoding='ascii') as f:
            f.write(f'machine localhost login {user} '
                    f'password {dovecot.PASSWORD}\n')
        os.chmod(netrc, 0o600)
        super().__init__(
            f'imaps://{user}@localhost:{elsewhere.wire.port}',
            os.path.join(elsewhere.top, name), f'netrc={netrc}',
            f'replica={self.replica}', f'cafile={elsewhere.authority.cafile}',
            *options)

    def sync(self):
        subprocess.run([built('imapfs'), 'sync', '--wait', self.where],
                       check=True, timeout=DEADLINE)

    def status(self):
        text = subprocess.run([built('imapfs'), 'status', self.where],
                              check=True, capture_output=True,
                              text=True).stdout
        return [line.partition(' ')[::2] for line in text.splitlines()]

    def wait_for(self, *lines):
        """Until its status has them."""
        end = time.monotonic() + DEADLINE
        while not set(lines) <= set(self.status()):
            if time.monotonic() > end:
                raise RuntimeError(f'never: {lines}: {self.status()}')
            time.sleep(0.1)


class Elsewhere:
    """What is measured, in a directory that goes at the end."""

    def __init__(self, sizes, progress):
        self.sizes = sizes
        self.progress = progress
        self.samples = collections.defaultdict(
            lambda: collections.defaultdict(list))
        self.rows = {}
        self.mounts = []
        self.top = tempfile.mkdtemp(prefix='sqbox-bench-')
        self.authority = tls.Authority()
        self.server = dovecot.Server(
            'sdbox', tls=self.authority.issue('DNS:localhost'),
            config=f'imap_idle_notify_interval = {NOTIFY} s\n').start()
        self.wire = Wire(self.server.imaps_port, ROUND_TRIP)
        self.plain = Wire(self.server.imap_port, ROUND_TRIP)

    def run(self):
        """The rows that were measured, as dicts."""
        if not Mbsync.is_there():
            self.progress('remote: without mbsync: isync is not installed')
        try:
            for what in (self.full_sync, self.first_look, self.nothing_new,
                         self.changes, self.folder_read, self.idle,
                         self.offline):
                self.progress(f'remote: {what.__name__}')
                what()
        finally:
            self.end()
        return self.results()

    def end(self):
        for mount in self.mounts:
            mount.end()
        self.wire.close()
        self.plain.close()
        self.server.stop()
        self.authority.close()
        shutil.rmtree(self.top, ignore_errors=True)

    def results(self):
        rows = []
        for title, (unit, target) in self.rows.items():
            samples = self.samples[title]
            medians = {name: statistics.median(values)
                       for name, values in samples.items()}
            peer = next((name for name in medians if name != OURS), None)
            ratio = medians[OURS] / medians[peer] if peer else None
            rows.append({'title': title, 'unit': unit, 'target': target,
                         'medians': medians, 'peer': peer, 'ratio': ratio,
                         'samples': samples})
        return rows

    # Tools

    def row(self, title, unit, target, **values):
        """One measurement of a row; names of values have _ for a space."""
        self.rows[title] = unit, target
        for name, value in values.items():
            name = name.replace('_', ' ')
            self.samples[title][name].append(value)
            self.progress(f'  {title}: {name}: {value:,.0f} {unit}')

    def session(self, user, port=None):
        session = Raw(port or self.server.imap_port)
        session.command(b'LOGIN %s %s' % (user.encode(),
                                          dovecot.PASSWORD.encode()))
        return session

    def mount(self, user, name, *options):
        mount = Mount(self, user, name, *options)
        self.mounts.append(mount)
        return mount.start()

    def counted(self, function):
        """What it takes: round trips, octets."""
        before = self.wire.rest()
        function()
        return [b - a for a, b in zip(before, self.wire.rest())]

    def alternately(self, number, *functions):
        for function in functions[::1 if number % 2 else -1]:
            function(number)

    # Measuring

    def full_sync(self):
        count = self.sizes.messages
        session = self.session('full')
        session.fill(b'INBOX', mails(count))
        session.close()
        title = f'first sync of {count:,} messages'

        def ours(number):
            begin = time.perf_counter()
            mount = self.mount('full', f'full{number}')
            mount.wait_for(('folder', f'INBOX: synced, {count} messages'),
                           ('absent-bodies', '0'))
            self.row(title, 'messages/s', '3 x',
                     imapfs=count / (time.perf_counter() - begin))
            mount.end()

        def theirs(number):
            if not Mbsync.is_there():
                return
            mbsync = Mbsync(self, 'full', f'mbsync{number}')
            begin = time.perf_counter()
            mbsync.sync()
            self.row(title, 'messages/s', '3 x',
                     mbsync=count / (time.perf_counter() - begin))

        for number in range(self.sizes.rounds):
            self.alternately(number, ours, theirs)

    def first_look(self):
        """At the same account, from nothing to a listing of all."""
        before = self.wire.rest()
        begin = time.perf_counter()
        mount = self.mount('full', 'look', 'bodies=none')
        inbox = os.path.join(mount.where, 'INBOX')
        while (not os.path.isdir(inbox)
               or len(os.listdir(inbox)) < self.sizes.messages):
            time.sleep(0.01)
        took = time.perf_counter() - begin
        turns = self.wire.counts()[0] - before[0]
        mount.wait_for(('connection', 'online'))
        trips = int(dict(mount.status())['round-trips'])
        self.row('first ls of INBOX, from login', 'round trips', '<= 5',
                 imapfs=trips)
        self.row('first ls of INBOX, from nothing', 'round trips', '-',
                 imapfs=turns)
        self.row(f'the same, of {self.sizes.messages:,} messages', 'ms', '-',
                 imapfs=1000 * took)
        mount.end()

    def nothing_new(self):
        session = self.session('folders')
        mount = mbsync = None
        have = 1
        for count in self.sizes.folders:
            for have in range(have, count):
                session.command(b'CREATE box%d' % have)
            have = count
            mount = mount or self.mount('folders', 'folders')
            ways = {OURS: mount}
            if Mbsync.is_there():
                mbsync = mbsync or Mbsync(self, 'folders', 'mbsync-folders')
                ways[MBSYNC] = mbsync
            for name, way in ways.items():
                way.sync()
                way.sync()
                turns, _ = self.counted(way.sync)
                self.row(f'nothing new in {count} folders', 'round trips',
                         '<= 3', **{name: turns})
        mount.end()
        session.close()

    def changes(self):
        """Of two sorts, in a folder that nobody has selected."""
        session = self.session('changes')
        session.command(b'CREATE large')
        session.fill(b'large', mails(self.sizes.large))
        ways = {OURS: self.mount('changes', 'changes')}
        if Mbsync.is_there():
            ways[MBSYNC] = Mbsync(self, 'changes', 'mbsync-changes')
        for way in ways.values():
            way.sync()
            way.sync()
        ways[OURS].wait_for(('absent-bodies', '0'))
        session.command(b'SELECT large')
        session.command(b'UID STORE %s +FLAGS.SILENT (\\Deleted)'
                        % b','.join(b'%d' % n for n in range(5, 113, 2)))
        session.command(b'EXPUNGE')
        session.command(b'UID STORE %s +FLAGS (\\Flagged)'
                        % b','.join(b'%d' % n for n in range(500, 560, 3)))
        session.close()
        for name, way in ways.items():
            _, octets = self.counted(way.sync)
            self.row(f'74 changes in {self.sizes.large:,} messages', 'octets',
                     '<= 5,000', **{name: octets})
        ways[OURS].end()

    def folder_read(self):
        """A folder of which only the list is here; then it stays mounted."""
        count, single = self.sizes.grep, self.sizes.single
        session = self.session('read')
        session.command(b'CREATE box')
        session.fill(b'box', mails(count))
        session.close()
        title = 'grep -r, no body here'
        self.reading = mount = self.mount('read', 'read', 'bodies=none')
        mount.sync()
        seconds = run_timed('grep -r nothing-like-it '
                            + os.path.join(mount.where, 'box'))
        mount.wait_for(('absent-bodies', '0'))
        self.row(title, 'messages/s', '10 x', imapfs=count / seconds)
        session = self.session('read', self.plain.port)
        session.command(b'SELECT box')
        begin = time.perf_counter()
        for uid in range(1, single + 1):
            session.command(b'UID FETCH %d BODY.PEEK[]' % uid)
        self.row(title, 'messages/s', '10 x', one_by_one=single
                 / (time.perf_counter() - begin))
        session.close()

    def idle(self):
        before = self.wire.rest()
        time.sleep(self.sizes.idle)
        octets = self.wire.counts()[1] - before[1]
        self.row('idle', 'octets/min', '<= 1,000',
                 imapfs=60 * octets / self.sizes.idle)

    def offline(self):
        """The folder that was read, without a server, and its mails in a store
        that is no replica."""
        store = os.path.join(self.top, 'store')
        subprocess.run([built('tests/make-store'), store, '1'], check=True)
        with subprocess.Popen([built('tests/writer'), store],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as writer:
            for mail in mails(self.sizes.grep):
                writer.stdin.write(b'append\tINBOX\t0\t-\t%d\n' % len(mail)
                                   + mail)
                writer.stdin.flush()
                writer.stdout.readline()
        local = Mounted(store, os.path.join(self.top, 'local'))
        self.mounts.append(local)
        local.start()
        self.wire.cut()
        self.reading.wait_for(('connection', 'offline'))

        def read(name, folder):
            self.row('grep -r, offline', 'ms', '~1', **{
                name: 1000 * run_timed(f'grep -r nothing-like-it {folder}')})

        ways = {OURS: os.path.join(self.reading.where, 'box'),
                LOCAL.replace(' ', '_'): os.path.join(local.where, 'INBOX')}
        for number in range(9):
            for name in list(ways)[::1 if number % 2 else -1]:
                read(name, ways[name])


def print_table(rows, out):
    print(f"\n{'':44}{'unit':>12}{OURS:>10}{'beside':>13}{'':>10}"
          f"{'ratio':>8}{'target':>10}", file=out)
    for row in rows:
        ours = row['medians'][OURS]
        peer, ratio = row['peer'], row['ratio']
        theirs = f"{row['medians'][peer]:,.0f}" if peer else '-'
        print(f"{row['title']:44}{row['unit']:>12}{ours:>10,.0f}"
              f"{peer or '-':>13}{theirs:>10}"
              f"{'-' if ratio is None else f'{ratio:.2f}':>8}"
              f"{row['target']:>10}", file=out)
    print(f'\nround trips take {1000 * ROUND_TRIP:.0f} ms; from nothing to '
          'login are five: TCP, TLS, greeting, CAPABILITY, LOGIN.', file=out)
