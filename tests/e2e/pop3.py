# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A raw POP3 client."""

import socket

from imap import TIMEOUT, Closed, shorten


class Pop3:
    def __init__(self, port, host='127.0.0.1'):
        self.dialogue = []
        self.sock = socket.create_connection((host, port), TIMEOUT)
        self.file = self.sock.makefile('rb')
        self._answer()

    def _line(self):
        line = self.file.readline()
        if not line:
            raise Closed('the POP3 server closed the connection')
        self.dialogue.append('POP3 S: ' + shorten(line))
        return line

    def _answer(self):
        line = self._line().rstrip(b'\r\n').decode(errors='replace')
        return line.startswith('+OK'), line

    def cmd(self, line):
        """(ok, answer line) of a command with a one-line answer."""
        self.dialogue.append('POP3 C: ' + line)
        self.sock.sendall(line.encode() + b'\r\n')
        return self._answer()

    def ok(self, line):
        ok, answer = self.cmd(line)
        assert ok, f'{line}: {answer}'
        return answer

    def err(self, line):
        ok, answer = self.cmd(line)
        assert not ok, f'{line} should fail: {answer}'
        return answer

    def login(self, user, password):
        self.ok('USER ' + user)
        self.ok('PASS ' + password)

    def many(self, line):
        """The octets of a multi-line answer, dots removed."""
        self.ok(line)
        return self.rest()

    def rest(self):
        """What follows the first line of a multi-line answer."""
        out = []
        while True:
            line = self.file.readline()
            if not line:
                raise Closed('the POP3 server closed within an answer')
            if line == b'.\r\n':
                return b''.join(out)
            out.append(line[1:] if line.startswith(b'.') else line)

    def table(self, line):
        """`1 120` lines as {1: '120'}."""
        rows = self.many(line).decode().split('\r\n')
        return {int(r.split()[0]): r.split(' ', 1)[1] for r in rows if r}

    def quit(self):
        self.ok('QUIT')
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()
