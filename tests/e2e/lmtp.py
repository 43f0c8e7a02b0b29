# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A raw LMTP client (RFC 2033): one answer per recipient after the data."""

import socket

from imap import TIMEOUT, Closed, shorten


class Lmtp:
    def __init__(self, port, host='127.0.0.1'):
        self.dialogue = []
        self.sock = socket.create_connection((host, port), TIMEOUT)
        self.file = self.sock.makefile('rb')
        self.expect(220)
        self.command('LHLO localhost', 250)

    def write(self, data):
        self.dialogue.append('LMTP C: ' + shorten(data))
        self.sock.sendall(data)

    def reply(self):
        """(code, text) of one reply, however many lines it has."""
        text = []
        while True:
            line = self.file.readline()
            if not line:
                raise Closed('the LMTP server closed the connection')
            self.dialogue.append('LMTP S: ' + shorten(line))
            text.append(line[4:].decode(errors='replace').strip())
            if line[3:4] != b'-':
                return int(line[:3]), '\n'.join(text)

    def expect(self, code):
        got, text = self.reply()
        assert got == code, f'LMTP: expected {code}, got {got} {text}'
        return text

    def command(self, line, code):
        self.write(line.encode() + b'\r\n')
        return self.expect(code)

    def send(self, recipients, message, sender=''):
        """Deliver; returns [(code, text)] in the order of the recipients."""
        self.command(f'MAIL FROM:<{sender}>', 250)
        for rcpt in recipients:
            self.command(f'RCPT TO:<{rcpt}>', 250)
        self.command('DATA', 354)
        self.write(stuffed(message) + b'.\r\n')
        return [self.reply() for _ in recipients]

    def deliver(self, recipients, message, sender=''):
        """Deliver to all, none may be refused."""
        if isinstance(recipients, str):
            recipients = [recipients]
        answers = self.send(recipients, message, sender)
        assert all(code == 250 for code, _ in answers), f'LMTP: {answers}'

    def close(self):
        self.file.close()
        self.sock.close()


def stuffed(message):
    """The message with dots doubled; a last line without an end gets one."""
    if not message.endswith(b'\r\n'):
        message += b'\r\n'
    if message.startswith(b'.'):
        message = b'.' + message
    return message.replace(b'\r\n.', b'\r\n..')
