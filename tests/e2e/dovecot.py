# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A private Dovecot: own ports on 127.0.0.1, own directory, own users.

It runs in the foreground as a child in a session of its own, so all its
processes are known by that session and nothing else is ever touched.  Works as
root, where the mail belongs to the unprivileged user `nobody`, and as an
ordinary user, who then is every Dovecot user at once.
"""

import atexit
import ctypes
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = 'lib10_sqbox_plugin.so'
# Dovecot 2.4 looks for it in its own directory, so it must be installed; if it
# is not, these lines are needed.
SETTINGS = 'settings/libsqbox_settings.so'
VERSIONS_2_4 = '''
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
'''
DEFAULTS_2_4 = '''
mailbox_list_layout = sqbox
mailbox_list_utf8 = yes
mailbox_list_drop_noselect = no
'''
PASSWORD = 'pass'
MAIL_SERVICES = ('imap', 'lmtp')
START_DEADLINE = 60.0
STOP_DEADLINE = 30.0
CLIENT_LIMIT = 200
TROUBLE = re.compile(r'(Panic|Fatal|Error): |assertion failed|core dumped')

_running = []


class Unavailable(Exception):
    """Something that the tests need is not on this machine."""


def find_program(name):
    path = os.environ.get(name.upper()) or shutil.which(
        name, path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin')
    if not path:
        raise Unavailable(f'{name} is not installed')
    return path


def find_plugin():
    """The freshly built plugin, never an installed one."""
    build = os.environ.get('SQBOX_BUILDDIR') or os.getcwd()
    for top in (build, os.path.join(HERE, '..', '..')):
        for sub in ('.libs', os.path.join('plugin', '.libs')):
            path = os.path.join(top, sub, PLUGIN)
            if os.path.exists(path):
                return os.path.abspath(path)
    raise Unavailable(f'{PLUGIN} is not built (looked in {build})')


def version():
    """Dovecot's version as (2, 3, 19)."""
    out = subprocess.run([find_program('dovecot'), '--version'],
                         capture_output=True, text=True, check=True).stdout
    return tuple(int(n) for n in re.match(r'[\d.]+', out).group().split('.'))


def stock_modules():
    out = subprocess.run([find_program('doveconf'), '-d', 'mail_plugin_dir'],
                         capture_output=True, text=True, check=True).stdout
    return out.partition('=')[2].strip()


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    try:
        for s in socks:
            s.bind(('127.0.0.1', 0))
        return [s.getsockname()[1] for s in socks]
    finally:
        for s in socks:
            s.close()


def _die_with_parent():
    """In the child: if the test is killed, Dovecot is told to stop."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def session_pids(sid):
    """The processes of a session that are still there."""
    pids = []
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open(f'/proc/{name}/stat', 'rb') as f:
                fields = f.read().rpartition(b')')[2].split()
        except OSError:
            continue
        if int(fields[3]) == sid and fields[0] != b'Z':
            pids.append(int(name))
    return pids


def mail_processes(master):
    """{pid: service} of that Dovecot's processes that serve mail."""
    found = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat') as f:
                head, _, rest = f.read().rpartition(')')
        except OSError:
            continue
        service = head.partition('(')[2]
        if int(rest.split()[1]) == master and service in MAIL_SERVICES:
            found[int(name)] = service
    return found


class Server:
    """One Dovecot.

    fmt: mail format of `mail_location`, or a whole location with a colon.
    plugins: what mail_plugins holds beside sqbox.  config: more lines, which
    come last and so override anything.  users: {name: password} of accounts
    with a password of their own; any other name logs in with PASSWORD.  tls: a
    tls.Certificate; then there are STARTTLS and imaps_port.
    """

    def __init__(self, fmt, plugins='', config='', users=None,
                 imap_plugins='', separator='/', listen=True, tls=None):
        self.fmt = fmt
        self.plugins = plugins
        self.imap_plugins = imap_plugins
        self.config = config
        self.users = users or {}
        self.separator = separator
        self.listen = listen
        self.tls = tls
        self.process = None
        self.log_seen = 0
        self.dir = tempfile.mkdtemp(prefix='sqbox-e2e-')
        _running.append(self)
        os.chmod(self.dir, 0o755)
        self.log = os.path.join(self.dir, 'dovecot.log')
        self.conf = os.path.join(self.dir, 'dovecot.conf')
        self.home_root = os.path.join(self.dir, 'home')
        self._owner()
        self._make_directories()

    # Files

    def _owner(self):
        if os.geteuid() == 0:
            nobody = pwd.getpwnam('nobody')
            self.uid, self.gid = nobody.pw_uid, nobody.pw_gid
        else:
            self.uid, self.gid = os.geteuid(), os.getegid()

    def _make_directories(self):
        for sub in ('base', 'state', 'home', 'modules'):
            os.mkdir(os.path.join(self.dir, sub))
        os.chown(self.home_root, self.uid, self.gid)
        stock = stock_modules()
        modules = os.path.join(self.dir, 'modules')
        for name in os.listdir(stock):
            if name != PLUGIN:
                os.symlink(os.path.join(stock, name),
                           os.path.join(modules, name))
        if self.needs_sqbox():
            # A copy: the mail user may not be able to read the build tree.
            shutil.copy(find_plugin(), os.path.join(modules, PLUGIN))
            os.chmod(os.path.join(modules, PLUGIN), 0o644)

    def needs_sqbox(self):
        return bool(re.search(r'^(sqbox|%d)\b', self.fmt)
                    or 'sqbox:' in self.config)

    def home(self, user):
        return os.path.join(self.home_root, user)

    def own(self, path):
        """Give a file or tree to the user of the mail."""
        os.chown(path, self.uid, self.gid)
        for top, dirs, files in os.walk(path):
            for name in dirs + files:
                os.lchown(os.path.join(top, name), self.uid, self.gid)
        return path

    def location(self):
        return self.fmt if ':' in self.fmt else f'{self.fmt}:~/mail'

    # Configuration

    def _write_config(self):
        with open(os.path.join(self.dir, 'users'), 'w') as f:
            for name, password in self.users.items():
                f.write(f'{name}:{{PLAIN}}{password}\n')
        with open(self.conf, 'w') as f:
            f.write(self._config_2_3() if version() < (2, 4)
                    else self._config_2_4())

    def _config_both(self, forever):
        """forever: how a login process is told to serve any number."""
        return f'''
base_dir = {self.dir}/base
state_dir = {self.dir}/state
instance_name = {os.path.basename(self.dir)}
log_path = {self.log}
log_timestamp = "%Y-%m-%d %H:%M:%S "
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 0
default_client_limit = {CLIENT_LIMIT}
default_process_limit = 60
mail_plugin_dir = {self.dir}/modules
postmaster_address = postmaster@localhost
hostname = localhost
namespace inbox {{
  inbox = yes
  separator = {self.separator}
}}
service auth {{
  client_limit = 900
}}
service anvil {{
  client_limit = 900
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  {forever}
  process_min_avail = 1
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  {forever}
  inet_listener pop3 {{
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {self.lmtp_port}
  }}
}}
'''

    def _config_2_3(self):
        plugins = self.plugins
        if self.needs_sqbox():
            plugins += ' sqbox'
        text = self._config_both('service_count = 0') + f'''
disable_plaintext_auth = no
mail_plugins = {plugins.strip()}
mail_location = {self.location()}
passdb {{
  driver = passwd-file
  args = {self.dir}/users
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={self.uid} gid={self.gid} home={self.home_root}/%u allow_all_users=yes
}}
protocol imap {{
  mail_plugins = $mail_plugins {self.imap_plugins}
}}
'''
        if os.geteuid() != 0:
            text += self._config_2_3_ordinary_user()
        preload = os.environ.get('SQBOX_TEST_PRELOAD')
        if preload:
            text += ('default_vsz_limit = 0\n'
                     f'import_environment = $import_environment '
                     f'LD_PRELOAD={preload} ASAN_OPTIONS=detect_leaks=0\n')
        return text + self._config_tls() + self.config

    @staticmethod
    def _config_2_3_ordinary_user():
        me = pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(os.getegid()).gr_name
        text = (f'default_internal_user = {me}\n'
                f'default_internal_group = {group}\n'
                f'default_login_user = {me}\n')
        for service in ('imap-login', 'pop3-login', 'submission-login',
                        'anvil', 'stats', 'ipc', 'imap-urlauth-login'):
            text += f'service {service} {{\n  chroot =\n}}\n'
        return text

    def _config_2_4(self):
        """Of config, what both versions understand."""
        driver, path, *more = self.location().split(':')
        plugins = self.plugins.split()
        text = VERSIONS_2_4 + self._config_both(
            'restart_request_count = unlimited') + f'''
auth_allow_cleartext = yes
mail_driver = {driver}
mail_path = {path}
passdb passwd-file {{
  passwd_file_path = {self.dir}/users
}}
passdb static {{
  password = {PASSWORD}
}}
userdb static {{
  allow_all_users = yes
  fields {{
    uid = {self.uid}
    gid = {self.gid}
    home = {self.home_root}/%{{user}}
  }}
}}
'''
        for key, _, value in (option.partition('=') for option in more):
            text += f'mail_{key.lower()}_path = {value}\n'
        if self.needs_sqbox():
            plugins.append('sqbox')
            if not os.path.exists(f'{self.dir}/modules/{SETTINGS}'):
                text += DEFAULTS_2_4
        for name in plugins:
            text += f'mail_plugins/{name} = yes\n'
        imap_plugins = set(self.imap_plugins.split())
        for name in imap_plugins - {'imap_zlib'}:   # now built in
            text += f'protocol imap {{\n  mail_plugins/{name} = yes\n}}\n'
        if os.geteuid() != 0:
            text += self._config_2_3_ordinary_user()
        return text + self._config_tls() + self.config

    def _config_tls(self):
        if self.tls is None:
            return ''
        if version() < (2, 4):
            text = (f'ssl_cert = <{self.tls.cert}\n'
                    f'ssl_key = <{self.tls.key}\n')
        else:
            text = (f'ssl_server_cert_file = {self.tls.cert}\n'
                    f'ssl_server_key_file = {self.tls.key}\n')
        return text + f'''
ssl = yes
service imap-login {{
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
'''

    # Start and stop

    def start(self):
        for _ in range(5):
            (self.imap_port, self.imaps_port, self.pop3_port,
             self.lmtp_port) = free_ports(4)
            self._write_config()
            self._spawn()
            if self._answers():
                self.log_seen = os.path.getsize(self.log)
                return self
            log = self.read_log()
            self._kill()
            if 'Address already in use' not in log:
                raise AssertionError(f'Dovecot does not start:\n{log}')
        raise AssertionError(f'no free ports:\n{log}')

    def _spawn(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                [find_program('dovecot'), '-F', '-c', self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=clean_env(), start_new_session=True,
                preexec_fn=_die_with_parent)

    def _answers(self):
        end = time.monotonic() + START_DEADLINE
        waiting = [self.imap_port, self.pop3_port, self.lmtp_port]
        while waiting and time.monotonic() < end:
            if self.process.poll() is not None or ' Fatal: ' in self.read_log():
                return False
            try:
                with socket.create_connection(('127.0.0.1', waiting[0]), 5) as s:
                    s.settimeout(5)
                    if s.recv(3) in (b'* O', b'+OK', b'220'):
                        waiting.pop(0)
                        continue
            except OSError:
                pass
            time.sleep(0.05)
        return not waiting

    def restart(self):
        """Stop and start again on the same ports; the mail stays."""
        self._kill()
        self._spawn()
        assert self._answers(), f'no restart:\n{self.read_log()}'

    def _kill(self):
        """End Dovecot and wait until none of its processes is left."""
        if self.process is None:
            return
        sid = self.process.pid
        if self.process.poll() is None:
            self.process.terminate()
        end = time.monotonic() + STOP_DEADLINE
        while session_pids(sid) and time.monotonic() < end:
            self.process.poll()
            time.sleep(0.02)
        for pid in session_pids(sid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None

    def stop(self):
        self._kill()
        subprocess.run(['rm', '-rf', self.dir], check=True)
        if self in _running:
            _running.remove(self)

    def wait_for_sessions(self):
        """Until all of IMAP have ended: a client that has got its BYE does
        not know what is done after it."""
        end = time.monotonic() + START_DEADLINE
        while 'imap' in mail_processes(self.process.pid).values():
            assert time.monotonic() < end, 'an IMAP session does not end'
            time.sleep(0.02)

    # What it says

    def read_log(self):
        try:
            with open(self.log, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def trouble(self, allowed=(), limit=20):
        """Lines of trouble in the log since the last call, and core files."""
        with open(self.log, 'rb') as f:
            f.seek(self.log_seen)
            new = f.read()
            self.log_seen += new.rfind(b'\n') + 1
        new = new[:new.rfind(b'\n') + 1].decode(errors='replace')
        bad = [line for line in new.splitlines() if TROUBLE.search(line)
               and not any(re.search(p, line) for p in allowed)]
        if len(bad) > limit:
            bad[limit:] = [f'... and {len(bad) - limit} more lines']
        return bad + self._cores()

    def _cores(self):
        # find, not os.walk: that recurses, and a test makes 1,000 levels.
        out = subprocess.run(['find', self.dir, '-name', 'core*', '-type',
                              'f', '-size', '+64k'],
                             capture_output=True, text=True).stdout
        return ['core dump ' + path for path in out.splitlines()]

    # doveadm

    def doveadm(self, *args, stdin=None, check=True, timeout=300):
        """Run doveadm with this server's configuration; the result has
        returncode, stdout and stderr (bytes)."""
        result = subprocess.run(
            [find_program('doveadm'), '-c', self.conf, *args],
            input=stdin, stdin=None if stdin is not None
            else subprocess.DEVNULL, capture_output=True, timeout=timeout,
            env=clean_env(), cwd=self.home_root)
        if check and result.returncode != 0:
            raise AssertionError(
                f"doveadm {' '.join(args)}: exit {result.returncode}\n"
                f"{result.stderr.decode(errors='replace')}")
        bad = [line for line in result.stderr.decode(errors='replace')
               .splitlines() if re.search(r'Panic|assertion failed', line)]
        if bad:
            raise AssertionError(f"doveadm {' '.join(args)}: {bad}")
        return result


def clean_env():
    """What Dovecot and doveadm may see: a surrounding doveadm's variables
    would replace the configuration given by -c."""
    env = {'PATH': os.environ.get('PATH', '/usr/bin:/bin') + ':/usr/sbin',
           'LC_ALL': 'C', 'TZ': 'UTC'}
    preload = os.environ.get('SQBOX_TEST_PRELOAD')
    if preload:
        env.update(LD_PRELOAD=preload, ASAN_OPTIONS='detect_leaks=0')
    return env


def stop_all():
    for server in list(_running):
        server.stop()


atexit.register(stop_all)
