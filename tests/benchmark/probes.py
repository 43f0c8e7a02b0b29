# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What is measured: wall clock, CPU of the server's processes, calls that wait
for the disk, and blocks on it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from dovecot import mail_processes

DEADLINE = 600.0
SYNCS = ('fsync', 'fdatasync', 'syncfs', 'sync_file_range', 'msync')


class Raw:
    """An IMAP connection that looks at tagged replies only, so that the client
    costs next to nothing."""

    def __init__(self, port):
        self.count = 0
        self.sock = socket.create_connection(('127.0.0.1', port), DEADLINE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._until(b'* ')

    def _until(self, begin):
        """Read to the end of a line that begins so; what comes before it is
        thrown away.  Nothing follows it: the server waits for a command."""
        tail = b''
        while True:
            data = self.sock.recv(1 << 18)
            if not data:
                raise ConnectionError('the server closed the connection')
            tail = (tail + data)[-(1 << 16):]
            if tail.endswith(b'\r\n'):
                last = tail[:-2].rpartition(b'\n')[2]
                if last.startswith(begin):
                    return last

    def command(self, line):
        self.count += 1
        tag = b't%d ' % self.count
        self.sock.sendall(tag + line + b'\r\n')
        reply = self._until(tag)
        if not reply.startswith(tag + b'OK'):
            raise AssertionError(f'{line[:80]!r}: {reply!r}')

    def append(self, mailbox, *messages):
        """APPEND, of several messages MULTIAPPEND."""
        self.command(b'APPEND %s ' % mailbox + b' '.join(
            b'{%d+}\r\n%s' % (len(m), m) for m in messages))

    def fill(self, mailbox, messages, batch=250):
        for first in range(0, len(messages), batch):
            self.append(mailbox, *messages[first:first + batch])

    def close(self):
        self.sock.close()


def cpu_of(master):
    """{pid: nanoseconds on a CPU} of those processes."""
    used = {}
    for pid in mail_processes(master):
        with contextlib.suppress(OSError):
            with open(f'/proc/{pid}/schedstat') as f:
                used[pid] = int(f.read().split()[0])
    return used


class Timer:
    """with Timer(master) as t: ...; then t.seconds and t.cpu_seconds."""

    def __init__(self, master):
        self.master = master

    def __enter__(self):
        self.before = cpu_of(self.master)
        self.begin = time.perf_counter()
        return self

    def __exit__(self, *error):
        self.seconds = time.perf_counter() - self.begin
        after = cpu_of(self.master)
        self.cpu_seconds = sum(ns - self.before.get(pid, 0)
                               for pid, ns in after.items()) / 1e9


class CannotTrace(Exception):
    """strace is missing, or may not look at these processes."""


class Syncs:
    """with Syncs(pid, pause) as s: ...; then s.count, the calls of a process
    that wait for the disk, also those up to pause seconds later."""

    def __init__(self, pid, pause=0.2):
        self.pid = pid
        self.pause = pause

    def __enter__(self):
        if not shutil.which('strace'):
            raise CannotTrace('strace is not installed')
        self.out = tempfile.NamedTemporaryFile('r')
        self.tracer = subprocess.Popen(
            ['strace', '-f', '-q', '-o', self.out.name,
             '-e', 'trace=' + ','.join(SYNCS), '-p', str(self.pid)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not self._attached():
            if self.tracer.poll() is not None:
                raise CannotTrace(self.tracer.stderr.read().decode().strip())
            time.sleep(0.01)
        return self

    def _attached(self):
        with open(f'/proc/{self.pid}/status') as f:
            return f'TracerPid:\t{self.tracer.pid}\n' in f.read()

    def __exit__(self, *error):
        time.sleep(self.pause)
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.communicate()
        calls = tuple(name + '(' for name in SYNCS)
        self.count = sum(line.split(None, 1)[1].startswith(calls)
                         for line in self.out)
        self.out.close()


def disk_use(directory):
    """Octets of the blocks that a tree of files takes; links count once."""
    seen, total = set(), 0
    for top, _, names in os.walk(directory):
        for name in names:
            found = os.lstat(os.path.join(top, name))
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                total += 512 * found.st_blocks
    return total


def file_system(path):
    """Of what type it is, as /proc/mounts says."""
    best = ('', '?')
    with open('/proc/mounts') as f:
        for line in f:
            _, where, kind, *_ = line.split()
            inside = os.path.commonpath([where, path]) == where
            if inside and len(where) >= len(best[0]):
                best = (where, kind)
    return best[1]
