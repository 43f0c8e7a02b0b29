# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""tests/imap-probe: our IMAP client, told what to do line by line."""

import signal
import subprocess

import dovecot
from store import built


class Probe:
    """A connection, or the attempt of one: result is 'ok' or 'tls: why'; if it
    was not waited for, after connected()."""

    def __init__(self, host, port, user, *options,
                 password=dovecot.PASSWORD, wait=True):
        self.dialogue = []
        self.process = subprocess.Popen(
            [built('tests/imap-probe'), host, str(port), user, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.begin(password)
        if wait:
            self.connected()

    def connected(self):
        greeting, self.result = self.finish()
        self.can = {line.removeprefix('can ') for line in greeting}
        return self.result

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def begin(self, line):
        """Without waiting for its end: then finish()."""
        self.dialogue.append('> ' + line)
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def finish(self):
        """What came before the result, and the result."""
        lines = []
        for answer in self.process.stdout:
            answer = answer.rstrip('\n')
            self.dialogue.append('< ' + answer)
            if answer.startswith('= '):
                return lines, answer[2:]
            lines.append(answer)
        raise AssertionError('imap-probe ended')

    def cmd(self, line):
        self.begin(line)
        return self.finish()

    def ok(self, line):
        lines, result = self.cmd(line)
        assert result == 'ok', result
        return lines

    def close(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()
