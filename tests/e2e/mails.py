# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Messages for tests, as octets of the wire (CRLF)."""

import random

# The example of RFC 3501 6.3.11, 310 octets.
MEETING = b''.join(line + b'\r\n' for line in (
    b'Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)',
    b'From: Fred Foobar <foobar@Blurdybloop.COM>',
    b'Subject: afternoon meeting',
    b'To: mooch@owatagu.siam.edu',
    b'Message-Id: <B27397-0100000@Blurdybloop.COM>',
    b'MIME-Version: 1.0',
    b'Content-Type: TEXT/PLAIN; CHARSET=US-ASCII',
    b'',
    b'Hello Joe, do you think we can meet at 3:30 tomorrow?',
))


def mail(subject='test', body='Hello.\r\n', **headers):
    """A small message.  Header names are given with underscores for hyphens:
    mail(message_id='<a@b>'); None leaves out one of the usual ones."""
    fields = {'From': 'Ann <ann@example.org>', 'To': 'Bob <bob@example.net>',
              'Subject': subject, 'Date': 'Fri, 01 Mar 2024 12:00:01 +0000'}
    for name, value in headers.items():
        fields[name.replace('_', '-').title()] = value
    text = ''.join(f'{k}: {v}\r\n' for k, v in fields.items()
                   if v is not None)
    if isinstance(body, str):
        body = body.encode()
    return text.encode() + b'\r\n' + body


def random_mail(rng, max_lines=40):
    """A message of random size, reproducible from the generator."""
    words = ['alpha', 'beta', 'gamma', 'delta', 'needle', 'straw', 'x' * 60]
    lines = [' '.join(rng.choice(words) for _ in range(rng.randint(0, 12)))
             for _ in range(rng.randint(0, max_lines))]
    return mail(subject=f'random {rng.randrange(10**9)}',
                body='\r\n'.join(lines) + '\r\n')


def incompressible(size, seed=1):
    """Printable octets in lines, which no compressor makes much smaller."""
    rng = random.Random(seed)
    raw = rng.randbytes(size)
    table = bytes(33 + b % 94 for b in range(256))
    raw = raw.translate(table)
    lines = [raw[i:i + 76] for i in range(0, size, 78)]
    return b'\r\n'.join(lines) + b'\r\n'
