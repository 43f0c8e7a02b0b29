# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Somebody's mail on disk: a Maildir (Maildir++ or plain folders), or a folder
of .eml files with subfolders.  It is only ever read.

copy() makes Maildir folders of it that Dovecot can read, whatever it was.  The
UIDs that Dovecot gave in a Maildir are kept.
"""

import email.utils
import os
import re
import shutil

KEPT = ('dovecot-uidlist', 'dovecot-keywords')
RESERVED = ('cur', 'new', 'tmp', '.', '..')


class NoMail(Exception):
    """There is nothing to read; the text says what was looked for."""


class Copied:
    """What copy() made."""

    def __init__(self):
        self.mails = 0
        self.folders = 0
        self.utf8 = False       # names are UTF-8, not modified UTF-7

    def location(self, dest):
        utf8 = ':UTF-8' if self.utf8 else ''
        return f'maildir:{dest}:LAYOUT=fs:INBOX={dest}/INBOX{utf8}'


def is_maildir(path):
    return all(os.path.isdir(os.path.join(path, sub)) for sub in
               ('cur', 'new'))


def walk(top):
    """(path below top as a list of levels, directory) of all directories."""
    for path, dirs, _ in os.walk(top):
        dirs.sort()
        if is_maildir(path):
            dirs[:] = [d for d in dirs if d not in RESERVED]
        rest = os.path.relpath(path, top)
        yield ([] if rest == '.' else rest.split(os.sep)), path


def files(path):
    """The regular files of a directory, sorted."""
    with os.scandir(path) as found:
        return sorted(e.path for e in found if e.is_file())


def copy(source, dest):
    """Copy all mail below source into the new directory dest."""
    if not os.path.isdir(source):
        raise NoMail(f'{source} is not a directory')
    done = Copied()
    new_folder(dest, [], done)      # there is always an INBOX
    done.folders = 0
    maildirs = [(levels, path) for levels, path in walk(source)
                if is_maildir(path)]
    if maildirs:
        has_inbox = any(not levels for levels, _ in maildirs)
        for levels, path in maildirs:
            levels = maildir_name(levels, has_inbox)
            copy_maildir(path, new_folder(dest, levels, done), done)
    else:
        done.utf8 = True
        for levels, path in walk(source):
            copy_eml(path, dest, levels, done)
    if not done.mails:
        raise NoMail(f'no mail found in {source}: it has neither Maildir '
                     f'folders (with cur and new) nor .eml files')
    return done


def maildir_name(levels, has_inbox):
    """['.A.B'] is A/B; a folder called inbox is the INBOX if there is no
    other."""
    if not has_inbox and len(levels) == 1 and levels[0].upper() == 'INBOX':
        return []
    if levels and levels[0].startswith('.'):
        levels = [part for part in levels[0].split('.') if part] + levels[1:]
    return levels


def new_folder(dest, levels, done):
    """A new Maildir for that mailbox."""
    if levels and levels[0].upper() == 'INBOX':
        levels = [levels[0] + '_', *levels[1:]]
    path = os.path.join(dest, *(safe_level(level)
                                for level in levels or ['INBOX']))
    for sub in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(path, sub), exist_ok=True)
    done.utf8 |= not all(level.isascii() for level in levels)
    done.folders += 1
    return path


def safe_level(level):
    """A level of a mailbox name that Dovecot takes."""
    level = level.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
    level = re.sub(r'[\x00-\x1f\x7f-\x9f\ufffd/~*%]', '_', level)
    return level + '_' if level in RESERVED else level


def copy_maildir(source, dest, done):
    for sub in ('cur', 'new'):
        for path in files(os.path.join(source, sub)):
            if not os.path.basename(path).startswith('.'):
                shutil.copy2(path, os.path.join(dest, sub))
                done.mails += 1
    for name in KEPT:
        if os.path.isfile(os.path.join(source, name)):
            shutil.copy(os.path.join(source, name), dest)


def copy_eml(source, dest, levels, done):
    found = [p for p in files(source) if p.lower().endswith('.eml')]
    if not found or any(level.startswith('.') for level in levels):
        return
    folder = new_folder(dest, levels, done)
    for path in found:
        done.mails += 1
        name = os.path.join(folder, 'cur', f'{done.mails}.eml:2,')
        shutil.copyfile(path, name)
        when = date_of(path)
        os.utime(name, (when, when))


def date_of(path):
    """When the message says it was written, else when the file was."""
    try:
        with open(path, 'rb') as f:
            head = re.split(rb'\r?\n\r?\n', f.read(65536), 1)[0]
        found = re.search(rb'(?im)^date:(.*)', head)
        when = email.utils.parsedate_to_datetime(
            found.group(1).decode('ascii', 'replace').strip()).timestamp()
        if 0 < when < 2**31:
            return when
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    return os.path.getmtime(path)


def mails(source):
    """All messages below source as octets of the wire (CRLF)."""
    for _, path in walk(source):
        found = [p for p in files(path) if p.lower().endswith('.eml')]
        if is_maildir(path):
            found = files(os.path.join(path, 'cur')) + files(
                os.path.join(path, 'new'))
        for name in found:
            with open(name, 'rb') as f:
                yield wire(f.read())


def wire(octets):
    """A file's lines, however they end, as lines of the wire."""
    lines = re.split(rb'\r?\n', octets)
    return b'\r\n'.join(lines)
