# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The table of what is measured.

A Suite prepares each target once a round and then has its operations run, one
after the other, each on all targets before the next one begins.  An operation
returns {row key: value}; ROWS says what a row is.
"""

import statistics
import time

import corpus
from dovecot import mail_processes
from probes import Raw, Syncs, Timer, disk_use

# What a row's figure is compared with: the best of the peers, or one of them.
BEST = 'best'


class Row:
    def __init__(self, title, unit, better, against=BEST, peers=None):
        self.title = title
        self.unit = unit
        self.better = better        # 'less' or 'more'
        self.against = against
        self.peers = peers          # None: all of the run


def less(title, unit, **more):
    return Row(title, unit, 'less', **more)


def more(title, unit, **more):
    return Row(title, unit, 'more', **more)


ROWS = {
    'sync_append': less('syncs of an APPEND', 'calls'),
    'sync_copy': less('syncs of a COPY', 'calls'),
    'sync_move': less('syncs of a MOVE', 'calls'),
    'sync_expunge': less('syncs of an EXPUNGE', 'calls'),
    'sync_flag': less('syncs of a STORE', 'calls'),
    'append_rate': more('APPEND of 4 KB, one by one', 'messages/s'),
    'append_cpu': less('APPEND of 4 KB, CPU', 'us/message'),
    'select_time': less('SELECT by a new session', 'ms'),
    'flags_cpu': less('FETCH FLAGS of all, CPU', 'us/message'),
    'envelope_cpu': less('FETCH ENVELOPE of all, cached, CPU', 'us/message'),
    'body_rate': more('FETCH BODY[] of all', 'messages/s'),
    'body_cpu': less('FETCH BODY[] of all, CPU', 'us/message'),
    'store_rate': more('STORE one by one', 'messages/s'),
    'store_cpu': less('STORE one by one, CPU', 'us/message'),
    'disk': less('disk use of the corpus', 'MB', against='maildir'),
}


def growth_rows(small, large, peers):
    """Rows that compare a mailbox of `large` messages with one of `small`."""
    for key, title, unit in (('append', 'APPEND, CPU', 'us/message'),
                             ('store', 'STORE, CPU', 'us/message'),
                             ('select', 'SELECT', 'ms')):
        for n in (small, large):
            ROWS[f'{key}_at_{n}'] = less(f'{title}, of {n:,} messages', unit,
                                         against='sdbox', peers=peers)
        ROWS[f'{key}_growth'] = less(
            f'{title}: growth to {large:,}', 'times', against='sdbox',
            peers=peers)


class Account:
    """A new user of one target, with a session that has Box selected."""

    def __init__(self, target, user):
        self.target = target
        self.user = user
        before = set(mail_processes(target.master))
        self.session = self.login()
        self.pid = (set(mail_processes(target.master)) - before).pop()
        self.session.command(b'CREATE Box')
        self.session.command(b'CREATE Other')

    def login(self):
        session = Raw(self.target.server.imap_port)
        session.command(b'LOGIN %s pass' % self.user.encode())
        return session

    def selected(self):
        session = self.login()
        session.command(b'SELECT Box')
        return session

    def timer(self):
        return Timer(self.target.master)

    def each(self, commands):
        for command in commands:
            self.session.command(command)

    def log_out(self):
        """And wait until the process has closed all its files."""
        self.session.command(b'LOGOUT')
        while self.pid in mail_processes(self.target.master):
            time.sleep(0.01)


class Suite:
    """account: what a target is prepared with.  once: for a suite that takes
    long or varies little, however many rounds were asked for."""

    account = Account
    once = False

    def __init__(self, sizes):
        self.sizes = sizes

    def fill(self, account, messages):
        account.session.fill(b'Box', messages)
        account.session.command(b'SELECT Box')

    def finish(self, account):
        account.session.close()


class SyncSuite(Suite):
    """How often each change waits for the disk; it does not vary much, but
    decides how fast a real disk is."""

    once = True

    def prepare(self, account):
        self.fill(account, corpus.messages(6 * self.sizes.syncs, 4096))

    def operations(self):
        return (self.append, self.copy, self.flag, self.move, self.expunge)

    def counted(self, account, key, commands, pause=0.2):
        with Syncs(account.pid, pause) as syncs:
            account.each(commands)
        return {key: syncs.count / len(commands)}

    def uids(self, part):
        n = self.sizes.syncs
        return range(1 + part * n, 1 + (part + 1) * n)

    def append(self, account):
        mails = corpus.messages(self.sizes.syncs, 4096)
        return self.counted(account, 'sync_append', [
            b'APPEND Box {%d+}\r\n%s' % (len(m), m) for m in mails])

    def copy(self, account):
        return self.counted(account, 'sync_copy', [
            b'UID COPY %d Other' % uid for uid in self.uids(0)])

    def flag(self, account):
        # A store may sync flags a little later; that counts too.
        return self.counted(account, 'sync_flag', [
            b'UID STORE %d +FLAGS (\\Flagged)' % uid
            for uid in self.uids(1)], pause=3)

    def move(self, account):
        return self.counted(account, 'sync_move', [
            b'UID MOVE %d Other' % uid for uid in self.uids(2)])

    def expunge(self, account):
        uids = self.uids(3)
        account.session.command(b'UID STORE %d:%d +FLAGS.SILENT (\\Deleted)'
                                % (uids[0], uids[-1]))
        time.sleep(3)
        return self.counted(account, 'sync_expunge',
                            [b'UID EXPUNGE %d' % uid for uid in uids])


class DailySuite(Suite):
    """What clients do all day in a mailbox of some size."""

    def prepare(self, account):
        self.fill(account, corpus.messages(self.sizes.messages))

    def operations(self):
        return (self.select, self.flags, self.envelopes, self.bodies,
                self.store, self.append)

    def select(self, account):
        return {'select_time': select_ms(account, self.sizes.repeats)}

    def fetch(self, account, command):
        """By a session of its own, as a client that has just come."""
        session = account.selected()
        with account.timer() as timer:
            session.command(command)
        session.close()
        return timer

    def per_message(self, seconds):
        return 1e6 * seconds / self.sizes.messages

    def flags(self, account):
        timer = self.fetch(account, b'FETCH 1:* (UID FLAGS)')
        return {'flags_cpu': self.per_message(timer.cpu_seconds)}

    def envelopes(self, account):
        for _ in range(2):      # the first one fills the cache
            timer = self.fetch(account, b'FETCH 1:* (UID ENVELOPE)')
        return {'envelope_cpu': self.per_message(timer.cpu_seconds)}

    def bodies(self, account):
        timer = self.fetch(account, b'FETCH 1:* (UID BODY.PEEK[])')
        return {'body_rate': self.sizes.messages / timer.seconds,
                'body_cpu': self.per_message(timer.cpu_seconds)}

    def store(self, account):
        return rate_and_cpu(account, 'store', store_commands(
            self.sizes.messages, self.sizes.changes))

    def append(self, account):
        return rate_and_cpu(account, 'append', append_commands(
            self.sizes.changes))


class GrowthSuite(Suite):
    """What a mailbox costs by its size: it is measured, filled up, and
    measured again."""

    once = True

    def __init__(self, sizes, peers):
        super().__init__(sizes)
        self.peers = peers
        self.few = corpus.messages(1000, 2048)
        self.first = {}     # {account: values at the small size}
        growth_rows(*sizes.growth, peers)

    def fill_to(self, account, total, have):
        for _ in range((total - have) // len(self.few)):
            account.session.fill(b'Box', self.few)

    def prepare(self, account):
        self.fill_to(account, self.sizes.growth[0], 0)
        account.session.command(b'SELECT Box')

    def operations(self):
        return (self.measure_small, self.fill_up, self.measure_large)

    def measure(self, account, size):
        n = self.sizes.changes
        return {'select': select_ms(account, self.sizes.repeats),
                'append': rate_and_cpu(account, 'x', append_commands(
                    n, 2048))['x_cpu'],
                'store': rate_and_cpu(account, 'x', store_commands(
                    size, n))['x_cpu']}

    def measure_small(self, account):
        size = self.sizes.growth[0]
        self.first[account] = values = self.measure(account, size)
        return {f'{key}_at_{size}': v for key, v in values.items()}

    def fill_up(self, account):
        small, large = self.sizes.growth
        self.fill_to(account, large, small)
        return {}

    def measure_large(self, account):
        size = self.sizes.growth[1]
        values = self.measure(account, size)
        result = {f'{key}_at_{size}': v for key, v in values.items()}
        for key, value in values.items():
            result[f'{key}_growth'] = value / self.first[account][key]
        return result


class DiskSuite(Suite):
    """What a corpus takes on the disk when all are logged out."""

    once = True

    def __init__(self, sizes, messages):
        super().__init__(sizes)
        self.messages = messages

    def prepare(self, account):
        account.session.fill(b'Box', self.messages)

    def operations(self):
        return (self.disk,)

    def disk(self, account):
        account.log_out()
        return {'disk': disk_use(account.target.server.home(account.user))
                / 1e6}


def select_ms(account, repeats):
    """The median of SELECTs, each by a new session."""
    times = []
    for _ in range(repeats + 1):
        session = account.login()
        with account.timer() as timer:
            session.command(b'SELECT Box')
        times.append(1e3 * timer.seconds)
        session.close()
    return statistics.median(times[1:])


def rate_and_cpu(account, key, commands):
    with account.timer() as timer:
        account.each(commands)
    return {f'{key}_rate': len(commands) / timer.seconds,
            f'{key}_cpu': 1e6 * timer.cpu_seconds / len(commands)}


def append_commands(count, size=4096):
    return [b'APPEND Box {%d+}\r\n%s' % (len(m), m)
            for m in corpus.messages(count, size)]


def store_commands(messages, count):
    """To messages all over the mailbox."""
    step = 7919     # a prime
    return [b'STORE %d +FLAGS (\\Flagged)' % (1 + n * step % messages)
            for n in range(count)]
