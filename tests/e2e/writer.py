# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A program that changes a store from outside of Dovecot (tests/writer.c)."""

import subprocess

BITS = {'\\Seen': 1, '\\Answered': 2, '\\Flagged': 4, '\\Deleted': 8,
        '\\Draft': 16}


class Failed(Exception):
    """The writer could not do it; args: code, sentence."""


class Writer:
    """tests/writer, as a function."""

    def __init__(self, store):
        self.process = subprocess.Popen(
            [store.program('tests/writer'), store.dir],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            **store.as_owner())
        self.answers = self.process.stdout

    def __call__(self, *words, data=b''):
        """One command; returns the words of its last line after "ok"."""
        self.lines = []
        line = '\t'.join(str(w) for w in words)
        self.process.stdin.write(line.encode() + b'\n' + data)
        self.process.stdin.flush()
        while True:
            line = self.answers.readline().decode().rstrip('\n')
            assert line, 'the writer ended'
            kind, *rest = line.split('\t')
            if kind == 'error':
                raise Failed(*rest)
            if kind == 'ok':
                return rest
            self.lines.append((kind, rest))

    def append(self, box, message, flags=()):
        return int(self('append', box, *self.flags(flags), len(message),
                        data=message)[0])

    def change(self, box, lo, hi, add=(), remove=()):
        (add, words), (remove, off) = self.flags(add), self.flags(remove)
        return int(self('flags', box, lo, hi, add, remove, words, off)[0])

    def body(self, box, uid):
        return self.answers.read(int(self('body', box, uid)[0]))

    @staticmethod
    def flags(names):
        """The number and the keywords of a set of flags."""
        words = ','.join(n for n in names if n not in BITS)
        return sum(BITS.get(n, 0) for n in names), words or '-'

    def dump(self):
        """{mailbox: Truth}."""
        self('dump')
        boxes = {}
        for kind, words in self.lines:
            if kind == 'mailbox':
                truth = boxes[words[0]] = Truth(*words[1:])
            else:
                truth.add(*words)
        return boxes

    def close(self):
        self.process.stdin.close()
        self.answers.close()
        return self.process.wait()


class Truth:
    """A mailbox as the store has it."""

    def __init__(self, noselect, *numbers):
        self.noselect = noselect == '1'
        (self.validity, self.uidnext, self.modseq, self.messages,
         self.unseen) = map(int, numbers)
        self.mails = {}
        self.sizes = {}

    def add(self, uid, flags, modseq, vsize, keywords):
        assert int(modseq) <= self.modseq
        names = {name for name, bit in BITS.items() if int(flags) & bit}
        self.mails[int(uid)] = names | set(filter(None, keywords.split(',')))
        self.sizes[int(uid)] = int(vsize)
