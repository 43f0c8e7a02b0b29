# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A raw IMAP client for tests.

It sends what it is told, one command at a time, and parses what comes back:
literals octet for octet, lists as lists, NIL as None, quoted strings and
literals as bytes, everything else as Atom (a str).  It knows the syntax of
responses and nothing of their meaning, so a server's odd answer reaches the
test that asked for it.  Every line both ways is kept in `dialogue`.
"""

import base64
import re
import socket
import time

TIMEOUT = 120.0


class Atom(str):
    """An atom or number of a response: not a string in IMAP's sense."""


class Literal:
    """A literal to send: {n}, {n+} with plus, ~{n} with binary."""

    def __init__(self, data, plus=False, binary=False, size=None):
        self.data = data.encode() if isinstance(data, str) else data
        self.plus = plus
        self.size = len(self.data) if size is None else size
        self.prefix = '~' if binary else ''

    def header(self):
        return f"{self.prefix}{{{self.size}{'+' if self.plus else ''}}}"


class Closed(AssertionError):
    """The server closed the connection where an answer was due."""


class Response:
    """One untagged or continuation response.

    name: 'FETCH', 'EXISTS', 'OK', 'SEARCH', '+' ...; num: the number before
    the name, or None; data: parsed tokens after the name; code and text: those
    of OK, NO, BAD, BYE and PREAUTH.
    """

    def __init__(self, raw, num, name, data, code, text):
        self.raw = raw
        self.num = num
        self.name = name
        self.data = data
        self.code = code
        self.text = text

    def __repr__(self):
        return shorten(self.raw, 2000)

    def code_name(self):
        return self.code[0].upper() if self.code else None


class Reply:
    """The tagged completion and all untagged responses that came before."""

    def __init__(self, tag, status, code, text, untagged):
        self.tag = tag
        self.status = status
        self.code = code
        self.text = text
        self.untagged = untagged

    def __repr__(self):
        code = f' [{flat(self.code)}]' if self.code else ''
        return f'{self.tag} {self.status}{code} {self.text}'

    def code_name(self):
        return self.code[0].upper() if self.code else None

    def named(self, name):
        """The untagged responses of that name, in order."""
        return [r for r in self.untagged if r.name == name]

    def numbers(self, name):
        """The numbers of `* n NAME`, in order."""
        return [r.num for r in self.named(name)]

    def last(self, name):
        found = self.numbers(name)
        return found[-1] if found else None

    def coded(self, code):
        """The arguments of `* OK [CODE ...]`, or None."""
        for r in self.untagged:
            if r.code and r.code[0].upper() == code:
                return r.code[1:]
        return None

    def search(self):
        """The numbers of `* SEARCH` (or SORT), None if there was none."""
        found = self.named('SEARCH') + self.named('SORT')
        if not found:
            return None
        return [int(n) for r in found for n in r.data
                if not isinstance(n, list)]

    def esearch(self):
        """`* ESEARCH` as a dict of upper-case names; UID maps to True."""
        found = self.named('ESEARCH')
        if not found:
            return None
        assert len(found) == 1, f'more than one ESEARCH: {found}'
        data = list(found[0].data)
        result = {}
        if data and isinstance(data[0], list):
            result['TAG'] = data.pop(0)[1].decode()
        if data and data[0] == 'UID':
            result['UID'] = True
            data.pop(0)
        while data:
            result[data[0].upper()] = data[1]
            data = data[2:]
        return result

    def fetched(self):
        """All FETCH responses as {sequence number: {name: value}}; several
        for one message are merged, the later one wins."""
        result = {}
        for r in self.named('FETCH'):
            result.setdefault(r.num, {}).update(fetch_items(r.data[0]))
        return result


def fetch_items(tokens):
    """(A b C d) as a dict; FLAGS as a set, UID, sizes and MODSEQ as int."""
    items = {}
    for name, value in zip(tokens[::2], tokens[1::2]):
        name = name.upper()
        if name == 'FLAGS':
            value = set(value)
        elif name in ('UID', 'RFC822.SIZE') or name.startswith('BINARY.SIZE'):
            value = int(value)
        elif name == 'MODSEQ':
            value = int(value[0])
        items[name] = value
    return items


def flat(tokens):
    """Tokens in one line, near to what was sent."""
    out = []
    for t in tokens:
        if isinstance(t, list):
            out.append('(' + flat(t) + ')')
        elif t is None:
            out.append('NIL')
        elif isinstance(t, bytes):
            out.append('"' + t.decode('latin-1') + '"')
        else:
            out.append(t)
    return ' '.join(out)


def shorten(raw, limit=200):
    text = raw[:limit + 1].decode('latin-1').rstrip('\r\n')
    text = ''.join(c if c.isprintable() else f'\\x{ord(c):02x}' for c in text)
    if len(raw) <= limit:
        return text
    return f'{text[:limit]}... ({len(raw)} octets)'


_ATOM_END = re.compile(rb'[ ()\r\n]')
_LITERAL = re.compile(rb'~?\{(\d+)\}\r?\n?$')


def parse_tokens(parts):
    """Parse [line, literal, line, literal, ..., line] into tokens.

    Without recursion: a hostile body structure nests a hundred lists deep.
    """
    stack = [[]]
    for i, part in enumerate(parts):
        if i % 2:
            stack[-1].append(part)
            continue
        pos, end = 0, len(part)
        if i + 1 < len(parts):
            end = _LITERAL.search(part).start()
        while pos < end:
            c = part[pos:pos + 1]
            if c in b' \r\n':
                pos += 1
            elif c == b'(':
                stack.append([])
                pos += 1
            elif c == b')':
                done = stack.pop()
                assert stack, f'unbalanced ")" in {shorten(part)}'
                stack[-1].append(done)
                pos += 1
            elif c == b'"':
                value, pos = _quoted(part, pos)
                stack[-1].append(value)
            else:
                value, pos = _atom(part, pos, end)
                stack[-1].append(None if value == 'NIL' else value)
    assert len(stack) == 1, f'unbalanced "(" in {shorten(parts[0])}'
    return stack[0]


def _quoted(part, pos):
    out = bytearray()
    pos += 1
    while part[pos] != 0x22:
        if part[pos] == 0x5c:
            pos += 1
        out.append(part[pos])
        pos += 1
    return bytes(out), pos + 1


def _atom(part, pos, end):
    """An atom; spaces and parentheses within [...] belong to it."""
    start = pos
    while pos < end:
        if part[pos:pos + 1] == b'[':
            close = part.find(b']', pos)
            pos = end if close < 0 else close + 1
            continue
        if _ATOM_END.match(part, pos):
            break
        pos += 1
    return Atom(part[start:pos].decode('utf-8', 'surrogateescape')), pos


def _code_and_text(line):
    """Split `[CODE args] text`; the code is parsed, the text is not."""
    if not line.startswith(b'['):
        return None, line.decode('utf-8', 'replace')
    close = line.find(b']')
    code = parse_tokens([line[1:close]])
    return code, line[close + 1:].strip().decode('utf-8', 'replace')


class Imap:
    """One connection.  The greeting is read and kept in `greeting`."""

    def __init__(self, port, host='127.0.0.1', timeout=TIMEOUT, name='C'):
        self.name = name
        self.dialogue = []
        self.count = 0
        self.timeout = timeout
        self.buf = bytearray()
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.greeting = self.read()

    # Reading

    def _fill(self):
        data = self.sock.recv(262144)
        if not data:
            self.note('S', b'(closed)')
            raise Closed('the server closed the connection')
        self.buf += data

    def _line(self):
        start = 0
        while True:
            end = self.buf.find(b'\n', start)
            if end >= 0:
                line = bytes(self.buf[:end + 1])
                del self.buf[:end + 1]
                return line
            start = len(self.buf)
            self._fill()

    def _octets(self, n):
        while len(self.buf) < n:
            self._fill()
        data = bytes(self.buf[:n])
        del self.buf[:n]
        return data

    def read(self):
        """One response: Response for * and +, Reply for a tagged one."""
        line = self._line()
        parts = [line]
        if line.startswith(b'* ') and not _is_status(line[2:]):
            while _LITERAL.search(parts[-1]):
                size = int(_LITERAL.search(parts[-1]).group(1))
                parts.append(self._octets(size))
                parts.append(self._line())
        raw = b''.join(parts)
        self.note('S', raw)
        tag, _, rest = line.partition(b' ')
        if tag == b'+':
            text = rest.rstrip(b'\r\n').decode('utf-8', 'replace')
            return Response(raw, None, '+', [], None, text)
        if tag != b'*':
            status, _, rest = rest.rstrip(b'\r\n').partition(b' ')
            code, text = _code_and_text(rest)
            return Reply(tag.decode(), status.decode(), code, text, [])
        return self._untagged(raw, parts)

    @staticmethod
    def _untagged(raw, parts):
        rest = parts[0][2:]
        if _is_status(rest):
            name, _, rest = rest.rstrip(b'\r\n').partition(b' ')
            code, text = _code_and_text(rest)
            return Response(raw, None, name.decode(), [], code, text)
        tokens = parse_tokens([rest] + parts[1:])
        num = None
        if tokens[0].isdigit():
            num = int(tokens.pop(0))
        name = tokens.pop(0).upper()
        return Response(raw, num, name, tokens, None, None)

    # Sending

    def note(self, who, raw):
        self.dialogue.append(f'{self.name} {who}: {shorten(raw)}')

    def write(self, data):
        if isinstance(data, str):
            data = data.encode('utf-8', 'surrogateescape')
        self.note('C', data)
        self.sock.sendall(data)

    def new_tag(self):
        self.count += 1
        return f'a{self.count}'

    def send(self, *parts, tag=None):
        """Send a command without waiting for its tagged reply.

        Parts are put together as they are; at a Literal the continuation is
        waited for.  Returns (tag, untagged responses met, tagged reply if the
        server answered before it had the whole command, else None).
        """
        tag = tag or self.new_tag()
        met = []
        out = tag.encode() + b' '
        for part in parts:
            if isinstance(part, str):
                out += part.encode('utf-8', 'surrogateescape')
            elif isinstance(part, bytes):
                out += part
            else:
                out += part.header().encode()
                self.write(out + b'\r\n')
                out = b''
                if not part.plus:
                    reply = self._await_continuation(tag, met)
                    if reply:
                        return tag, met, reply
                self.write(part.data)
        self.write(out + b'\r\n')
        return tag, met, None

    def _await_continuation(self, tag, met):
        while True:
            r = self.read()
            if isinstance(r, Reply):
                assert r.tag == tag, f'reply to {r.tag} while waiting for {tag}'
                r.untagged = met
                return r
            if r.name == '+':
                return None
            met.append(r)

    def wait(self, tag, met=None):
        """The Reply of that tag; what comes before it goes into untagged."""
        untagged = list(met or [])
        while True:
            r = self.read()
            if isinstance(r, Reply):
                if r.tag != tag:
                    raise AssertionError(f'reply to {r.tag} instead of {tag}')
                r.untagged = untagged
                return r
            untagged.append(r)

    def cmd(self, *parts, tag=None):
        """Send one command and wait for its reply, whatever it is."""
        tag, met, reply = self.send(*parts, tag=tag)
        return reply or self.wait(tag, met)

    def _expect(self, status, parts, tag):
        reply = self.cmd(*parts, tag=tag)
        if reply.status != status:
            what = parts[0] if isinstance(parts[0], str) else repr(parts[0])
            raise AssertionError(f'{what!r}: expected {status}, got {reply}')
        return reply

    def ok(self, *parts, tag=None):
        return self._expect('OK', parts, tag)

    def no(self, *parts, tag=None):
        return self._expect('NO', parts, tag)

    def bad(self, *parts, tag=None):
        return self._expect('BAD', parts, tag)

    # Common commands, when their syntax is not what is tested

    def login(self, user, password='pass'):
        return self.ok(f'LOGIN {quote(user)} {quote(password)}')

    def append(self, mailbox, message, flags='', date=''):
        """APPEND; returns the UID from APPENDUID."""
        args = ''.join([f' ({flags})' if flags else '',
                        f' "{date}"' if date else ''])
        reply = self.ok(f'APPEND {quote(mailbox)}{args} ',
                        Literal(message, plus=True))
        assert reply.code_name() == 'APPENDUID', f'no APPENDUID: {reply}'
        return int(reply.code[2])

    def select(self, mailbox='INBOX', args=''):
        return self.ok(f'SELECT {quote(mailbox)}{args}')

    def status(self, mailbox, items='MESSAGES UIDNEXT UIDVALIDITY UNSEEN'):
        """STATUS as {item: number}."""
        reply = self.ok(f'STATUS {quote(mailbox)} ({items})')
        return status_items(reply.named('STATUS')[0])

    def fetch(self, which, items, uid=False):
        command = 'UID FETCH' if uid else 'FETCH'
        return self.ok(f'{command} {which} ({items})').fetched()

    def fetch_by_uid(self, items, which='1:*'):
        """FETCH as {uid: items}."""
        found = self.fetch(which, 'UID ' + items, uid=True)
        return {d['UID']: d for d in found.values() if 'UID' in d}

    def search(self, keys, uid=False):
        return self.ok(('UID ' if uid else '') + 'SEARCH ' + keys).search()

    def list(self, pattern='*', reference='""', command='LIST'):
        """LIST as {name: set of attributes}; names as they stand, mUTF-7."""
        reply = self.ok(f'{command} {reference} {quote(pattern)}')
        return list_items(reply, command)

    # IDLE

    def idle(self):
        tag, met, reply = self.send('IDLE')
        reply = reply or self._await_continuation(tag, met)
        assert reply is None, f'IDLE refused: {reply}'
        self.idle_tag = tag
        return met

    def idle_until(self, wanted, deadline=60.0):
        """Read pushed responses until wanted(list of them) is true."""
        got = []
        end = time.monotonic() + deadline
        while not wanted(got):
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            try:
                got.append(self.read())
            except TimeoutError:
                raise AssertionError(
                    f'{self.name}: not pushed in {deadline} s; got {got}')
            finally:
                self.sock.settimeout(self.timeout)
        return got

    def done(self):
        self.write(b'DONE\r\n')
        reply = self.wait(self.idle_tag)
        assert reply.status == 'OK', f'IDLE ended with {reply}'
        return reply

    # The end

    def logout(self):
        reply = self.ok('LOGOUT')
        self.close()
        return reply

    def at_end(self):
        """True if the server has closed and sent nothing more."""
        if self.buf:
            return False
        try:
            return self.sock.recv(1) == b''
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


def _is_status(rest):
    return rest.split(b' ', 1)[0].strip() in (
        b'OK', b'NO', b'BAD', b'BYE', b'PREAUTH')


def quote(text):
    """A quoted string, or the text itself where it is a plain atom."""
    if re.fullmatch(r'[A-Za-z0-9/._#&+-]+', text):
        return text
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def mutf7(text):
    """Modified UTF-7 (RFC 3501 5.1.3)."""
    out, wide = '', ''
    for c in text + '\0':
        if not ' ' <= c <= '~':
            wide += c
            continue
        out += _shifted(wide)
        wide = ''
        out += '&-' if c == '&' else c
    return out + _shifted(wide[:-1])


def _shifted(wide):
    if not wide:
        return ''
    code = base64.b64encode(wide.encode('utf-16-be')).decode()
    return '&' + code.rstrip('=').replace('/', ',') + '-'


def status_items(response):
    """`* STATUS name (A 1 B 2)` as {A: 1, B: 2}."""
    tokens = response.data[1]
    return {k.upper(): int(v) for k, v in zip(tokens[::2], tokens[1::2])}


def mailbox_name(token):
    """A mailbox name of a response as str."""
    if isinstance(token, bytes):
        return token.decode('utf-8', 'surrogateescape')
    return str(token)


def list_items(reply, command='LIST'):
    return {mailbox_name(r.data[2]): set(r.data[0])
            for r in reply.named(command)}


def seqset(numbers):
    """Sorted numbers as a sequence set: [1, 2, 3, 7] is '1:3,7'."""
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ','.join(str(a) if a == b else f'{a}:{b}' for a, b in out)


def expand(text):
    """'1:3,7' as [1, 2, 3, 7]."""
    out = []
    for piece in text.split(','):
        a, _, b = piece.partition(':')
        low, high = sorted((int(a), int(b or a)))
        out.extend(range(low, high + 1))
    return out
