# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Mails for measurements: the same ones every time, and about as long and as
compressible as real text mail.

Words are made of syllables and are as unequally frequent as those of a
language (Zipf); headers are full of random ids, as those of real mails are.
"""

import bisect
import email.utils
import itertools
import os
import random

import mailtree

BEGIN = 1_700_000_000
VOCABULARY = 6000
SYLLABLES = [a + b for a in 'b c d f g h k l m n p r s t v w st tr ch'.split()
             for b in 'a e i o u ai ea en er in on or al'.split()]
DOMAINS = ('example.org', 'example.com', 'example.net', 'mail.example.org')


def _vocabulary():
    rng = random.Random('words')
    words = {''.join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3))))
             for _ in range(2 * VOCABULARY)}
    return rng.sample(sorted(words), VOCABULARY)


WORDS = _vocabulary()
WEIGHTS = list(itertools.accumulate(1 / (n + 3) for n in range(VOCABULARY)))


def _words(rng, count):
    return [WORDS[bisect.bisect(WEIGHTS, rng.random() * WEIGHTS[-1])]
            for _ in range(count)]


def _text(rng, size):
    lines, length = [], 0
    while length < size:
        line = ' '.join(_words(rng, rng.randint(7, 12)))
        if rng.random() < 0.2:
            line = line.capitalize()
        if rng.random() < 0.1:
            line += f' {rng.randrange(10**6)}.\r\n'
        lines.append(line)
        length += len(line) + 2
    return '\r\n'.join(lines) + '\r\n'


def _address(rng):
    name = ' '.join(w.capitalize() for w in _words(rng, 2))
    return f'{name} <u{rng.randrange(3000)}@{rng.choice(DOMAINS)}>'


def _header(rng, number):
    date = email.utils.formatdate(BEGIN + 977 * number)
    host = rng.choice(DOMAINS)
    signature = ''.join(rng.choices(
        'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/',
        k=172))
    return (
        f'Return-Path: <u{rng.randrange(3000)}@{host}>\r\n'
        f'Received: from mx{rng.randrange(9)}.{host} (mx.{host} '
        f'[192.0.2.{rng.randrange(256)}])\r\n'
        f'\tby mail.example.net with ESMTPS id {rng.getrandbits(48):012X}\r\n'
        f'\tfor <you@example.net>; {date}\r\n'
        f'DKIM-Signature: v=1; a=rsa-sha256; d={host}; s=s1; h=from:to;\r\n'
        f'\tb={signature[:64]}\r\n\t {signature[64:134]}\r\n'
        f'\t {signature[134:]}\r\n'
        f'From: {_address(rng)}\r\n'
        f'To: {_address(rng)}\r\n'
        f"Subject: {' '.join(_words(rng, rng.randint(2, 8)))}\r\n"
        f'Date: {date}\r\n'
        f'Message-ID: <{rng.getrandbits(64):x}.{number}@{host}>\r\n'
        f'MIME-Version: 1.0\r\n'
        f'Content-Type: text/plain; charset=us-ascii\r\n\r\n')


def message(number, size=None):
    """Mail `number`, about `size` octets; without size, as long as mails are:
    most have a few kilobytes, some a hundred."""
    rng = random.Random(f'mail {number} {size}')
    header = _header(rng, number)
    if size is None:
        size = min(150_000, 1200 + int(rng.lognormvariate(8, 1)))
    return (header + _text(rng, size - len(header))).encode()


def messages(count, size=None):
    return [message(number, size) for number in range(count)]


def for_disk(count, data):
    """What disk use is measured with: BENCH_CORPUS=DIR, else generated mails
    and the test mails below the directory data."""
    real = os.environ.get('BENCH_CORPUS')
    if real:
        found = list(mailtree.mails(real))
        if not found:
            raise mailtree.NoMail(f'no mail in BENCH_CORPUS={real}')
        return found
    return messages(count) + list(mailtree.mails(data))
