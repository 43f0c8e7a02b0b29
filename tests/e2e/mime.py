# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A known multipart message and its parts, as IMAP must cut them."""

HEADER = (b'Date: Fri, 01 Mar 2024 13:00:01 +0100\r\n'
          b'From: "Ann Ex" <ann@example.org>, bob@example.net\r\n'
          b'Sender: secretary@example.org\r\n'
          b'Reply-To: replies@example.org\r\n'
          b'To: carol@example.com, =?UTF-8?B?w4RubmU=?= <aenne@example.com>\r\n'
          b'Cc: Friends: dan@example.com, eve@example.com;\r\n'
          b'Bcc: hidden@example.com\r\n'
          b'In-Reply-To: <parent@example.org>\r\n'
          b'Message-ID: <child@example.org>\r\n'
          b'Subject: =?ISO-8859-1?Q?Gr=FC=DFe?= and more\r\n'
          b'MIME-Version: 1.0\r\n'
          b'Content-Type: multipart/mixed; boundary="outer"\r\n'
          b'X-Long: one\r\n'
          b'\ttwo\r\n'
          b' three\r\n'
          b'\r\n')

PREAMBLE = b'For old programs.\r\n'

TEXT_MIME = (b'Content-Type: text/plain; charset=utf-8\r\n'
             b'Content-Transfer-Encoding: quoted-printable\r\n'
             b'Content-Language: de\r\n'
             b'\r\n')
TEXT = b'Gr=C3=BC=C3=9Fe, a soft =\r\nbreak\r\n'
TEXT_DECODED = 'Grüße, a soft break\r\n'.encode()

BASE64_MIME = (b'Content-Type: application/octet-stream; name="a.bin"\r\n'
               b'Content-Transfer-Encoding: base64\r\n'
               b'Content-Disposition: attachment; filename="a.bin"\r\n'
               b'Content-ID: <part2@example.org>\r\n'
               b'Content-Description: sixteen octets\r\n'
               b'\r\n')
BASE64 = b'AAECAwQFBgcICQoLDA0ODw==\r\n'
BASE64_DECODED = bytes(range(16))

INNER_HEADER = (b'From: inner@example.org\r\n'
                b'Subject: inner\r\n'
                b'Date: Thu, 29 Feb 2024 10:00:00 +0000\r\n'
                b'Content-Type: multipart/alternative; boundary=inner\r\n'
                b'\r\n')
INNER_PLAIN_MIME = b'Content-Type: text/plain\r\n\r\n'
INNER_PLAIN = b'plain needle\r\n'
INNER_HTML_MIME = b'Content-Type: text/html\r\n\r\n'
INNER_HTML = b'<p>html</p>\r\n'
INNER_TEXT = (b'--inner\r\n' + INNER_PLAIN_MIME + INNER_PLAIN
              + b'\r\n--inner\r\n' + INNER_HTML_MIME + INNER_HTML
              + b'\r\n--inner--\r\n')
INNER = INNER_HEADER + INNER_TEXT
RFC822_MIME = b'Content-Type: message/rfc822\r\n\r\n'

BODY = (PREAMBLE + b'--outer\r\n' + TEXT_MIME + TEXT + b'\r\n--outer\r\n'
        + BASE64_MIME + BASE64 + b'\r\n--outer\r\n' + RFC822_MIME + INNER
        + b'\r\n--outer--\r\nEpilogue.\r\n')

MESSAGE = HEADER + BODY

# BODY section -> octets
SECTIONS = {
    '': MESSAGE,
    'HEADER': HEADER,
    'TEXT': BODY,
    '1': TEXT,
    '1.MIME': TEXT_MIME,
    '2': BASE64,
    '2.MIME': BASE64_MIME,
    '3': INNER,
    '3.MIME': RFC822_MIME,
    '3.HEADER': INNER_HEADER,
    '3.TEXT': INNER_TEXT,
    '3.1': INNER_PLAIN,
    '3.1.MIME': INNER_PLAIN_MIME,
    '3.2': INNER_HTML,
    '3.2.MIME': INNER_HTML_MIME,
    'HEADER.FIELDS (SUBJECT DATE)':
        b'Date: Fri, 01 Mar 2024 13:00:01 +0100\r\n'
        b'Subject: =?ISO-8859-1?Q?Gr=FC=DFe?= and more\r\n\r\n',
    'HEADER.FIELDS (X-LONG)': b'X-Long: one\r\n\ttwo\r\n three\r\n\r\n',
    'HEADER.FIELDS (X-NOSUCH)': b'\r\n',
    '3.HEADER.FIELDS (SUBJECT)': b'Subject: inner\r\n\r\n',
    '3.HEADER.FIELDS.NOT (FROM DATE CONTENT-TYPE)': b'Subject: inner\r\n\r\n',
}

ENVELOPE = [
    b'Fri, 01 Mar 2024 13:00:01 +0100',
    b'=?ISO-8859-1?Q?Gr=FC=DFe?= and more',
    [[b'Ann Ex', None, b'ann', b'example.org'],
     [None, None, b'bob', b'example.net']],
    [[None, None, b'secretary', b'example.org']],
    [[None, None, b'replies', b'example.org']],
    [[None, None, b'carol', b'example.com'],
     [b'=?UTF-8?B?w4RubmU=?=', None, b'aenne', b'example.com']],
    [[None, None, b'Friends', None], [None, None, b'dan', b'example.com'],
     [None, None, b'eve', b'example.com'], [None, None, None, None]],
    [[None, None, b'hidden', b'example.com']],
    b'<parent@example.org>',
    b'<child@example.org>',
]


def lines(data):
    return data.count(b'\n')


INNER_ENVELOPE = [
    b'Thu, 29 Feb 2024 10:00:00 +0000', b'inner',
    [[None, None, b'inner', b'example.org']],
    [[None, None, b'inner', b'example.org']],
    [[None, None, b'inner', b'example.org']], None, None, None, None, None]


def structure():
    """BODYSTRUCTURE, numbers as text, keywords in lower case."""
    def text(subtype, data, params, encoding=b'7bit', language=None):
        return [b'text', subtype, params, None, None, encoding,
                str(len(data)), str(lines(data)), None, None, language, None]
    plain = text(b'plain', INNER_PLAIN, [b'charset', b'us-ascii'])
    html = text(b'html', INNER_HTML, [b'charset', b'us-ascii'])
    inner = [plain, html, b'alternative', [b'boundary', b'inner'], None, None,
             None]
    return [
        text(b'plain', TEXT, [b'charset', b'utf-8'], b'quoted-printable',
             [b'de']),
        [b'application', b'octet-stream', [b'name', b'a.bin'],
         b'<part2@example.org>', b'sixteen octets', b'base64',
         str(len(BASE64)), None, [b'attachment', [b'filename', b'a.bin']],
         None, None],
        [b'message', b'rfc822', None, None, None, b'7bit', str(len(INNER)),
         INNER_ENVELOPE, inner, str(lines(INNER)), None, None, None, None],
        b'mixed', [b'boundary', b'outer'], None, None, None]
