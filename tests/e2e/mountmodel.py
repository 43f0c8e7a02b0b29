# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What a store has to contain, said in a few lines of Python, and what IMAP
and a mount show of it."""

import calendar
import os
import re
import time

from imap import mutf7, quote

FLAGS = 'user.imap.flags'
TRASH = 'Trash'
WORDS = ['\\Seen', '\\Flagged', '\\Answered', '\\Draft', 'work', 'later']


def wire(data):
    """What IMAP makes of a file: each bare LF is CRLF."""
    return data.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')


def imap_name(box):
    """A folder of the mount as the argument of a command."""
    return quote(mutf7(box))


class Message:
    """octets: as the file has them; date: None where it is the time of the
    change; name: None where the store computes it."""

    def __init__(self, octets, flags=(), date=None, name=None):
        self.octets = octets
        self.flags = frozenset(flags)
        self.date = date
        self.name = name

    def as_file(self, uid, uidvalidity):
        """What file_state() has to be."""
        return {'octets': self.octets, 'size': len(self.octets),
                'mtime': self.date, 'flags': self.flags,
                'figures': [uid, uidvalidity, len(wire(self.octets))]}

    def copy(self, name=None):
        return Message(self.octets, self.flags, self.date, name)


class Folder:
    def __init__(self):
        self.messages = {}      # by UID
        self.new = []           # those whose UID is not known yet
        self.uidvalidity = None
        self.uidnext = 1

    def names(self):
        return {m.name for m in self.messages.values()}


class Model:
    """The reference.  UIDs are not foretold but learned, and checked."""

    def __init__(self, *names):
        self.folders = {name: Folder() for name in names}
        self.uidvalidity = 0    # the largest seen
        self.octets = {}        # by UIDVALIDITY and UID, for ever

    def add_folder(self, name):
        self.folders[name] = Folder()

    def messages(self):
        return [(box, uid) for box, folder in sorted(self.folders.items())
                for uid in folder.messages]

    def leaf(self, box):
        return not any(name.startswith(box + '/') for name in self.folders)

    def find(self, box, name):
        """The UID of the message with this file name, or None."""
        for uid, message in self.folders[box].messages.items():
            if message.name == name:
                return uid
        return None

    def add(self, box, message):
        self.folders[box].new.append(message)

    def take(self, box, uid):
        return self.folders[box].messages.pop(uid)

    def remove(self, box, uid):
        """The way of rm."""
        message = self.take(box, uid)
        if TRASH in self.folders and box.split('/')[0] != TRASH:
            self.add(TRASH, message.copy())

    def rename_folder(self, old, new):
        for name in sorted(self.folders):
            if name == old or name.startswith(old + '/'):
                self.folders[new + name[len(old):]] = self.folders.pop(name)

    # What was seen

    def learn(self, box, seen, body):
        """The invariants of what IMAP shows of a mailbox, and the UIDs of
        what is new in it.  body(uid) has its octets."""
        folder = self.folders[box]
        if folder.uidvalidity is None:
            assert seen.uidvalidity > self.uidvalidity, (box, 'I2')
            folder.uidvalidity = self.uidvalidity = seen.uidvalidity
        assert seen.uidvalidity == folder.uidvalidity, (box, 'I2')
        new = sorted(set(seen.messages) - set(folder.messages))
        assert all(uid >= folder.uidnext for uid in new), (box, new, 'I1')
        assert seen.uidnext >= max([folder.uidnext,
                                    *(uid + 1 for uid in seen.messages)])
        folder.uidnext = seen.uidnext
        for uid in new:
            octets = body(uid)
            self.octets[seen.uidvalidity, uid] = octets
            self._learn_one(folder, uid, seen.messages[uid], octets)
        assert not folder.new, (box, 'lost', [m.octets[:80]
                                              for m in folder.new])

    @staticmethod
    def _learn_one(folder, uid, seen, octets):
        flags, date = seen
        for message in folder.new:
            if (wire(message.octets) == octets and message.flags == flags
                    and message.date in (None, date)):
                folder.new.remove(message)
                message.date = date
                folder.messages[uid] = message
                return
        raise AssertionError(('not expected', uid, sorted(flags), date,
                              octets[:200],
                              [(m.octets[:200], sorted(m.flags), m.date)
                               for m in folder.new]))


class Seen:
    """A mailbox as IMAP shows it: messages is {uid: (flags, date)}."""

    def __init__(self, client, box):
        reply = client.ok(f'EXAMINE {imap_name(box)}')
        self.uidvalidity = int(reply.coded('UIDVALIDITY')[0])
        self.uidnext = int(reply.coded('UIDNEXT')[0])
        found = client.fetch_by_uid('FLAGS INTERNALDATE')
        self.messages = {
            uid: (frozenset(m['FLAGS'] - {'\\Recent'}),
                  imap_date(m['INTERNALDATE'])) for uid, m in found.items()}


def imap_date(text):
    day, month, year, *clock = re.match(
        r' ?(\d+)-(\w+)-(\d+) (\d+):(\d+):(\d+) \+0000$',
        text.decode()).groups()
    month = list(calendar.month_abbr).index(month)
    return calendar.timegm((int(year), month, int(day), *map(int, clock)))


def get_attribute(path, name):
    return os.getxattr(path, 'user.imap.' + name).decode()


def listing(top):
    """{folder: {file name: UID}} of a mount; None: it has changed meanwhile,
    or has files that are no messages."""
    found = {}
    try:
        for path, dirs, files in os.walk(top, onerror=_raise):
            box = os.path.relpath(path, top)
            dirs.sort()
            if box != '.':
                found[box] = {name: int(get_attribute(
                    os.path.join(path, name), 'uid')) for name in files}
    except OSError:
        return None
    return found


def _raise(error):
    raise error


def file_state(path):
    """All that a file tells of a message."""
    info = os.stat(path)
    return {'octets': get(path), 'size': info.st_size,
            'mtime': info.st_mtime,
            'flags': frozenset(os.getxattr(path, FLAGS).decode().split()),
            'figures': [int(get_attribute(path, name)) for name in (
                'uid', 'uidvalidity', 'size')]}


def put(path, data, date=None, flags=os.O_CREAT | os.O_EXCL):
    fd = os.open(path, os.O_WRONLY | flags, 0o600)
    try:
        for at in range(0, len(data), 70000):
            os.write(fd, data[at:at + 70000])
        if date is not None:
            os.utime(fd, (date, date))
    finally:
        os.close(fd)


def get(path):
    with open(path, 'rb') as f:
        return f.read()


def imap_time(date):
    return time.strftime('%d-%b-%Y %H:%M:%S +0000', time.gmtime(date))


def draw_octets(rng, subject):
    end = rng.choice(('\n', '\n', '\r\n'))
    lines = rng.choice((0, 1, 5, 50, 50, 5000))
    data = end.join([f'Subject: {subject}', 'X-Version: 00000000', '', *(
        f'line {n} ' + 'x' * rng.randrange(60) for n in range(lines)), ''])
    if rng.random() < 0.2:
        data += rng.choice(('no end', 'mixed\r\nends\n', 'bare\rone\n'))
    return data.encode()


def draw_flags(rng):
    return frozenset(rng.sample(WORDS, rng.randrange(4)))


def draw_date(rng):
    return rng.randrange(10 ** 9, 17 * 10 ** 8)
