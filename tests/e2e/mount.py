# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A store that Dovecot serves, mounted by the imapfs just built.

The mount belongs to the user of the mail, and nobody else may look into it, not
even root.  So where the tests run as root, each test runs in a thread that is
that user: what it does to files it does as the owner of the mount, and so do
the programs that it starts.  The mount is in a namespace that the test has for
itself.
"""

import atexit
import codecs
import contextlib
import ctypes
import errno
import os
import platform
import queue
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time

import dovecot
import harness
from store import Store, built

DEADLINE = 60.0
OUTPUT_KEPT = 20000

# The C library would change the ids of all threads.
_SYSCALLS = {'x86_64': (116, 119, 117), 'aarch64': (159, 149, 147)}

# Python loads it when it is needed; the user might not be able to read it.
codecs.lookup('utf-16-be')

_mounted = []
_is_root = os.geteuid() == 0


def _data():
    """tests/data, or where we are root a copy that the user can read; the
    source tree may be out of his reach."""
    data = os.path.join(dovecot.HERE, '..', 'data')
    if 'SQBOX_MOUNT_NAMESPACE' not in os.environ:
        return data
    top = tempfile.mkdtemp(prefix='sqbox-data-')
    atexit.register(shutil.rmtree, top)
    os.chmod(top, 0o755)
    copy = os.path.join(top, 'data')
    shutil.copytree(data, copy)
    subprocess.run(['chmod', '-R', 'a+rX', copy], check=True)
    return copy


DATA = _data()


def become(uid, gid):
    """Make this thread, and no other, an ordinary user."""
    libc = ctypes.CDLL(None, use_errno=True)
    setgroups, setresgid, setresuid = _SYSCALLS[platform.machine()]
    for call in ((setgroups, 0, None), (setresgid, gid, gid, gid),
                 (setresuid, uid, uid, uid)):
        if libc.syscall(*call) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


class Root:
    """Calls that a thread which is an ordinary user needs root for: they are
    made by the thread that waits for it."""

    def __init__(self):
        self._calls = queue.Queue()

    def serve(self, thread):
        while thread.is_alive():
            try:
                self._calls.get(timeout=0.05)()
            except queue.Empty:
                pass

    def call(self, function, *args, **kwargs):
        if os.geteuid() == 0:
            return function(*args, **kwargs)
        answers = queue.Queue()

        def run():
            try:
                answers.put((function(*args, **kwargs), None))
            except BaseException as e:      # the other thread's to raise
                answers.put((None, e))
        self._calls.put(run)
        result, error = answers.get()
        if error is not None:
            raise error
        return result


root = Root()


class Mount:
    """imapfs in the foreground on an empty directory beside the store; source:
    what is mounted in place of that."""

    _count = 0

    def __init__(self, store, options='', source=None):
        Mount._count += 1
        self.store = store
        self.source = source or store.dir
        self.options = options
        self.path = os.path.join(os.path.dirname(store.dir),
                                 f'mnt{Mount._count}')
        self.log = self.path + '.log'
        self.process = None

    def start(self):
        os.mkdir(self.path)
        if os.geteuid() == 0:
            self.store.server.own(self.path)
        _mounted.append(self)
        try:
            self._spawn()
            harness.wait_until(self._answers, f'{self.path} is not mounted',
                               DEADLINE)
        except BaseException:
            self.kill()
            raise
        return self

    def _spawn(self):
        command = [self.store.program('imapfs'), '-f']
        if self.options:
            command += ['-o', self.options]
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                [*command, self.source, self.path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=dovecot._die_with_parent,
                **self.store.as_owner())

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f'imapfs ended with {self.process.returncode}'
                                 f':\n{self.read_log()}')
        return self._is_mounted() and self.shell('true').returncode == 0

    def read_log(self):
        with open(self.log, errors='replace') as f:
            return f.read()[-OUTPUT_KEPT:]

    def stop(self):
        """Unmount; imapfs has to end by itself, and in order."""
        if self.process is None:
            return
        try:
            self._unmount()
            code = self.process.wait(DEADLINE)
        finally:
            self.kill()
        assert code == 0, f'imapfs ended with {code}:\n{self.read_log()}'

    def _is_mounted(self):
        with open('/proc/mounts', encoding='utf-8') as f:
            return any(line.split()[1] == self.path for line in f)

    def _unmount(self, *options):
        """It may be busy for a moment after its last user has gone."""
        command = ['fusermount3', '-u', *options, self.path]
        end = time.monotonic() + DEADLINE
        while self._is_mounted():
            result = subprocess.run(command, capture_output=True, text=True)
            assert result.returncode == 0 or time.monotonic() < end, \
                result.stderr
            time.sleep(0.02)

    def kill(self):
        """As if the program had crashed; nothing of it stays."""
        process, self.process = self.process, None
        if self in _mounted:
            _mounted.remove(self)
        if process is not None:
            process.kill()
            process.wait()
        if self._is_mounted():
            self._unmount('-z')
        if os.path.isdir(self.path):
            os.rmdir(self.path)

    def join(self, *names):
        return os.path.join(self.path, *names)

    def rest(self):
        """Wait until it has nothing left to do: no thread is running, or has
        run while one looked."""
        before = None
        end = time.monotonic() + DEADLINE
        while True:
            now = self._threads()
            if now == before and all(state == b'S' for state, _ in now):
                return
            assert time.monotonic() < end, f'never at rest: {now}'
            before = now
            time.sleep(0.001)

    def _threads(self):
        """Of each thread the state, and how often and how long it ran."""
        found = []
        top = f'/proc/{self.process.pid}/task'
        for name in sorted(os.listdir(top)):
            with contextlib.suppress(FileNotFoundError):
                with open(f'{top}/{name}/stat', 'rb') as f:
                    state = f.read().rpartition(b')')[2].split()[0]
                with open(f'{top}/{name}/schedstat', 'rb') as f:
                    found.append((state, f.read()))
        return found

    def shell(self, command):
        """Run a command of sh in the mount, as its owner; the result has
        returncode and stdout (with stderr)."""
        owner = self.store.as_owner()
        owner['env'] = dict(owner['env'], HOME=os.path.dirname(self.path),
                            LC_ALL='C.UTF-8')
        # Not with cwd=: that is entered before the process is the owner.
        return subprocess.run(
            ['sh', '-c', f'cd "$0" && {command}', self.path], text=True,
            errors='surrogateescape', stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=DEADLINE, **owner)


def _end_all():
    for mount in list(_mounted):
        mount.kill()


atexit.register(_end_all)


class MountCase(harness.ServerCase):
    """Tests with a Dovecot, whose mail is in self.store, mounted at
    self.mnt; options are those of -o."""

    options = ''

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Here we may still be root, and the user cannot read our files.
        for name in ('imapfs', 'sqbox'):
            Store(cls.server, '').program(name)

    def run(self, result=None):
        if os.geteuid() != 0:
            return super().run(result)
        thread = threading.Thread(target=self._run_as_owner, args=(result,),
                                  daemon=True)
        thread.start()
        root.serve(thread)
        return result

    def _run_as_owner(self, result):
        become(self.server.uid, self.server.gid)
        super().run(result)

    def setUp(self):
        super().setUp()
        self.client = self.login()
        self.client.select()    # makes the store
        self.store = Store(self.server, self.user)
        self.mounts = []
        self.mount = self.start_mount()
        self.mnt = self.mount.path

    def start_mount(self, options=None):
        """One more mount of the store; gone at the end of the test."""
        mount = Mount(self.store,
                      self.options if options is None else options)
        self.addCleanup(mount.stop)
        self.mounts.append(mount)
        return mount.start()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.complaints(), [])

    def complaints(self):
        """What imapfs has to tell of faults of its own."""
        return [line for mount in self.mounts
                for line in mount.read_log().splitlines()
                if 'ERROR' in line or 'Sanitizer' in line]

    def doveadm(self, *args, **kwargs):
        if not _is_root:
            return super().doveadm(*args, **kwargs)
        return root.call(super().doveadm, *args, **kwargs)

    def path(self, *names):
        return os.path.join(self.mnt, *names)

    def append(self, message, flags='', folder='INBOX'):
        """APPEND by IMAP; returns the UID and where the mount has it."""
        uid = self.client.append(folder, message, flags,
                                 '01-Mar-2024 12:00:01 +0000')
        box = os.stat(self.path(folder)).st_ino >> 32
        return uid, self.path(folder, f'20240301T120001-{box}.{uid}.eml')

    def shell(self, command, check=True):
        result = self.mount.shell(command)
        if check and result.returncode != 0:
            self.fail(f'{command}: exit {result.returncode}\n{result.stdout}')
        return result

    def assert_errno(self, expected, call, *args, **kwargs):
        """The call succeeds where expected is 0, or fails with just this
        errno value."""
        got = 0
        try:
            call(*args, **kwargs)
        except OSError as e:
            got = e.errno
        self.assertEqual(_errno_name(got), _errno_name(expected),
                         f'{call.__name__}{args}')

    # What IMAP has

    def uids(self, box='INBOX'):
        """The UIDs of a mailbox, by a look that changes nothing."""
        self.client.ok(f'EXAMINE "{box}"')
        return sorted(self.client.fetch_by_uid('FLAGS'))

    def flags(self, box, uid):
        """All flags but \\Recent."""
        self.client.ok(f'EXAMINE "{box}"')
        found = self.client.fetch_by_uid('FLAGS', str(uid))
        return found[uid]['FLAGS'] - {'\\Recent'}

    def body(self, box, uid):
        self.client.ok(f'EXAMINE "{box}"')
        return self.client.fetch_by_uid('BODY.PEEK[]', str(uid))[uid]['BODY[]']


def _errno_name(code):
    return errno.errorcode.get(code, str(code))


def need():
    """Raises dovecot.Unavailable where nothing can be mounted."""
    if not os.path.exists('/dev/fuse'):
        raise dovecot.Unavailable('there is no /dev/fuse')
    if not shutil.which('fusermount3'):
        raise dovecot.Unavailable('fusermount3 is not installed')
    built('imapfs')


def fuse_is_for_root():
    return (_is_root and os.path.exists('/dev/fuse')
            and os.stat('/dev/fuse').st_mode & 0o006 != 0o006)


def in_own_namespace():
    """Run this program again, once, in a mount namespace of its own, in which
    all may open /dev/fuse: in many containers only root may."""
    if 'SQBOX_MOUNT_NAMESPACE' in os.environ:
        return
    directory = tempfile.mkdtemp(prefix='sqbox-fuse-')
    node = os.path.join(directory, 'fuse')
    os.mknod(node, 0o666 | stat.S_IFCHR, os.stat('/dev/fuse').st_rdev)
    os.chmod(node, 0o666)
    os.environ['SQBOX_MOUNT_NAMESPACE'] = '1'
    # In a chroot(1) the root is no mount of which propagation could be set.
    os.execvp('unshare', [
        'unshare', '--mount', '--propagation', 'unchanged', 'sh', '-c',
        '{ mount --make-rprivate / 2>/dev/null || '
        'mount --make-private /dev; } && '
        'mount --bind "$0/fuse" /dev/fuse && rm -r "$0" && exec "$@"',
        directory, sys.executable, *sys.argv])


def main():
    """In place of harness.main(): leaves with 77 where nothing can be
    mounted."""
    if harness.FORMAT != 'sqbox':
        sys.exit(0)     # nothing to compare with
    try:
        need()
    except dovecot.Unavailable as e:
        harness.cannot_run(e)
    if _is_root:
        in_own_namespace()
    harness.main()
