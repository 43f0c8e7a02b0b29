# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""An IMAP server that keeps mail, and lies where it is told to."""

import re
import socket
import threading

DATE = '01-Feb-2020 03:04:05 +0000'
SILENCE = 120       # seconds from a client: it hangs


class Mail:
    def __init__(self, octets, flags=(), date=DATE, size=None):
        self.octets = octets
        self.flags = set(flags)
        self.date = date
        self.size = len(octets) if size is None else size

    def copy(self):
        return Mail(self.octets, self.flags, self.date, self.size)


class Box:
    def __init__(self, validity=1):
        self.validity = validity
        self.next = 1
        self.mails = {}

    def add(self, mail):
        uid, self.next = self.next, self.next + 1
        self.mails[uid] = mail
        return uid


class FakeServer:
    """Extensions are named in capabilities; it knows UIDPLUS and MOVE.

    lie(): a command that matches is not done but answered so, "%t" is its tag;
    or a function is called, whose answer is that, or None: it is done."""

    def __init__(self, capabilities=''):
        self.capabilities = capabilities
        self.boxes = {'INBOX': Box()}
        self.lies = []
        self.heard = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.imap_port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def lie(self, pattern, answer, times=-1):
        self.lies.append([re.compile(pattern, re.S), answer, times])

    def be_honest(self):
        self.lies = []

    def count(self, pattern):
        return sum(re.match(pattern, line) is not None for line in self.heard)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(SILENCE)
            with connection:
                try:
                    Session(self, connection).run()
                except OSError:
                    pass


def uids_of(text, box):
    """Those of a set that are there."""
    wanted = set()
    highest = max(box.mails, default=0)
    for part in text.split(','):
        lo, _, hi = part.partition(':')
        ends = sorted(highest if end == '*' else int(end)
                      for end in (lo, hi or lo))
        wanted |= {uid for uid in box.mails if ends[0] <= uid <= ends[1]}
    return sorted(wanted)


def unquoted(name):
    return re.sub(r'\\(.)', r'\1', name[1:-1]) if name[:1] == '"' else name


NAME = r'("(?:[^"\\]|\\.)*"|[^ "]+)'


class Session:
    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.file = connection.makefile('rb')
        self.box = None

    def say(self, text):
        if isinstance(text, str):
            text = text.encode('latin-1')
        self.connection.sendall(text)

    def run(self):
        self.say('* OK ready\r\n')
        while True:
            line = self.file.readline()
            if not line:
                return
            tag, _, line = line.decode('latin-1').rstrip('\r\n').partition(' ')
            data = b''
            literal = re.search(r'\{(\d+)\}$', line)
            if literal:
                self.say('+ go on\r\n')
                data = self.file.read(int(literal[1]))
                self.file.readline()
            self.server.heard.append(line)
            if not self.lied(tag, line):
                self.do(tag, line, data)
            if line == 'LOGOUT':
                return

    def lied(self, tag, line):
        for lie in self.server.lies:
            match = lie[0].match(line)
            if match is None or lie[2] == 0:
                continue
            lie[2] -= 1
            answer = lie[1]
            if callable(answer):
                answer = answer(self, match)
            if answer is None:
                return False
            if isinstance(answer, str):
                answer = answer.encode('latin-1')
            self.say(answer.replace(b'%t', tag.encode()))
            return True
        return False

    def do(self, tag, line, data):
        word, _, rest = line.partition(' ')
        if word == 'UID':
            word, _, rest = rest.partition(' ')
            word = f'UID_{word}'
        try:
            done = getattr(self, f'do_{word.lower()}')(rest, data)
            self.say(f'{tag} OK {done or "done"}\r\n')
        except (AttributeError, KeyError) as problem:
            self.say(f'{tag} NO {type(problem).__name__} {problem}\r\n')

    def named(self, rest, pattern=''):
        match = re.match(NAME + pattern, rest)
        return (unquoted(match[1]), *match.groups()[1:])

    def do_capability(self, _rest, _data):
        self.say(f'* CAPABILITY IMAP4rev1 {self.server.capabilities}\r\n')

    def do_login(self, _rest, _data):
        pass

    def do_noop(self, _rest, _data):
        pass

    def do_logout(self, _rest, _data):
        self.say('* BYE\r\n')

    def do_list(self, _rest, _data, word='LIST'):
        for name in self.server.boxes:
            self.say(f'* {word} () "/" "{name}"\r\n')

    def do_lsub(self, rest, data):
        self.do_list(rest, data, 'LSUB')

    def do_subscribe(self, _rest, _data):
        pass

    def do_unsubscribe(self, _rest, _data):
        pass

    def do_create(self, rest, _data):
        validity = max(b.validity for b in self.server.boxes.values()) + 1
        self.server.boxes.setdefault(unquoted(rest), Box(validity))

    def do_delete(self, rest, _data):
        del self.server.boxes[unquoted(rest)]

    def do_rename(self, rest, _data):
        old, new = self.named(rest, ' ' + NAME)
        self.server.boxes[unquoted(new)] = self.server.boxes.pop(old)

    def do_status(self, rest, _data):
        name, = self.named(rest)
        box = self.server.boxes[name]
        self.say(f'* STATUS "{name}" (MESSAGES {len(box.mails)} UIDNEXT '
                 f'{box.next} UIDVALIDITY {box.validity})\r\n')

    def do_select(self, rest, _data):
        name, = self.named(rest)
        self.box = box = self.server.boxes[name]
        self.say('* FLAGS (\\Seen)\r\n* OK [PERMANENTFLAGS (\\Seen \\Answered '
                 f'\\Flagged \\Deleted \\Draft \\*)] these\r\n'
                 f'* {len(box.mails)} EXISTS\r\n* 0 RECENT\r\n'
                 f'* OK [UIDVALIDITY {box.validity}] it\r\n'
                 f'* OK [UIDNEXT {box.next}] it\r\n')

    do_examine = do_select

    def do_uid_fetch(self, rest, _data):
        uids, what = rest.split(' ', 1)
        for uid in uids_of(uids, self.box):
            mail = self.box.mails[uid]
            seq = sorted(self.box.mails).index(uid) + 1
            items = f'UID {uid}'
            if 'FLAGS' in what:
                items += f' FLAGS ({" ".join(sorted(mail.flags))})'
            if 'RFC822.SIZE' in what:
                items += (f' INTERNALDATE "{mail.date}"'
                          f' RFC822.SIZE {mail.size}')
            part = mail.octets
            if 'HEADER' in what:
                part = part.partition(b'\r\n\r\n')[0] + b'\r\n\r\n'
            section = re.search(r'PEEK(\[\S*\])', what)
            self.say(f'* {seq} FETCH ({items}')
            if section:
                self.say(f' BODY{section[1]} {{{len(part)}}}\r\n')
                self.say(part)
            self.say(')\r\n')

    def do_uid_search(self, rest, _data):
        found = [str(uid) for uid, mail in sorted(self.box.mails.items())
                 if rest != 'DELETED' or '\\Deleted' in mail.flags]
        self.say(f'* SEARCH {" ".join(found)}\r\n')

    def do_uid_store(self, rest, _data):
        uids, sign, names = re.match(
            r'(\S+) ([+-])FLAGS\S* \((.*)\)', rest).groups()
        for uid in uids_of(uids, self.box):
            flags = self.box.mails[uid].flags
            for name in names.split():
                (flags.add if sign == '+' else flags.discard)(name)

    def do_uid_copy(self, rest, _data, move=False):
        uids, name = rest.split(' ', 1)
        to = self.server.boxes[unquoted(name)]
        known = uids_of(uids, self.box)
        new = [to.add(self.box.mails[uid].copy()) for uid in known]
        if move:
            for uid in known:
                self.remove(uid)
        if 'UIDPLUS' in self.server.capabilities and known:
            return (f'[COPYUID {to.validity} {",".join(map(str, known))} '
                    f'{",".join(map(str, new))}] done')
        return None

    def do_uid_move(self, rest, data):
        return self.do_uid_copy(rest, data, True)

    def remove(self, uid):
        seq = sorted(self.box.mails).index(uid) + 1
        del self.box.mails[uid]
        self.say(f'* {seq} EXPUNGE\r\n')

    def do_expunge(self, _rest, _data, uids='1:*'):
        for uid in uids_of(uids, self.box):
            if '\\Deleted' in self.box.mails[uid].flags:
                self.remove(uid)

    def do_uid_expunge(self, rest, data):
        self.do_expunge(rest, data, rest)

    def do_append(self, rest, data):
        name, flags, date = self.named(rest, r' \((.*?)\) "(.*?)"')
        box = self.server.boxes[name]
        uid = box.add(Mail(data, flags.split(), date.strip()))
        if 'UIDPLUS' in self.server.capabilities:
            return f'[APPENDUID {box.validity} {uid}] done'
        return None
