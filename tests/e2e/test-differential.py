#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The same random dialogue with sdbox and with the format under test: every
answer has the same meaning.

    SQBOX_TEST_COMMANDS   length of a dialogue (default 1500)
    SQBOX_TEST_SEED       to replay one
"""

import os
import re

import harness
from imap import Closed, Literal, expand, flat, mutf7, seqset
from mails import random_mail

LENGTH = int(os.environ.get('SQBOX_TEST_COMMANDS', '1500'))
HISTORY = int(os.environ.get('SQBOX_TEST_HISTORY', '25'))
NAMES = ('INBOX', 'a', 'a/b', 'a/b/c', 'd', 'e/f', 'g', 'Новое')
FLAGS = ('\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', 'kw1',
         '$Label', 'Kw3')
KEYS = ('ALL', 'SEEN', 'UNSEEN', 'DELETED', 'KEYWORD kw1', 'RECENT', 'NEW',
        'OLD', 'LARGER 300', 'SMALLER 900', 'BODY needle', 'TEXT straw',
        'SUBJECT 7', 'SINCE 15-Feb-2024', 'BEFORE 20-Feb-2024', 'UID 3:*',
        'NOT FLAGGED', 'OR SEEN BODY gamma', 'UNDELETED UNKEYWORD kw1',
        'HEADER Subject random', 'FROM ann', 'SENTSINCE 1-Jan-2024')
ITEMS = ('FLAGS', 'UID', 'RFC822.SIZE', 'INTERNALDATE', 'BODY.PEEK[]',
         'BODY.PEEK[HEADER]', 'BODY.PEEK[TEXT]<3.20>', 'ENVELOPE', 'BODY[]',
         'BODYSTRUCTURE', 'BODY.PEEK[HEADER.FIELDS (SUBJECT)]', 'PREVIEW')


def system_flags(flags):
    """Without keywords: how long one is listed that no message has any more
    is up to the server."""
    return sorted(f for f in flags if f.startswith('\\'))


class Normal:
    """What remains of answers when the free parts are taken out: texts,
    modseqs, the order of LIST, the values of UIDVALIDITY (which are numbered
    as they appear)."""

    def __init__(self):
        self.validities = {}

    def validity(self, value):
        return f'V{self.validities.setdefault(value, len(self.validities))}'

    def code(self, code):
        if not code:
            return None
        name = code[0].upper()
        if name in ('HIGHESTMODSEQ', 'CLIENTBUG', 'NOMODSEQ'):
            return None
        if name in ('UIDVALIDITY', 'APPENDUID', 'COPYUID'):
            return [name, self.validity(code[1]), *code[2:]]
        if name == 'PERMANENTFLAGS':
            return [name, system_flags(code[1])]
        return code

    def untagged(self, r):
        if r.name == 'FETCH':
            tokens = r.data[0]
            items = sorted(
                (name.upper(), sorted(value) if name == 'FLAGS' else value)
                for name, value in zip(tokens[::2], tokens[1::2])
                if name.upper() != 'MODSEQ')
            return ('FETCH', r.num, repr(items))
        if r.name in ('LIST', 'LSUB'):
            # Formats differ in when a directory goes, hence in \\HasChildren.
            if '\\Noselect' in r.data[0] and r.name == 'LIST':
                return None
            attributes = sorted(set(r.data[0]) - {
                '\\Marked', '\\UnMarked', '\\HasChildren',
                '\\HasNoChildren'})
            return (r.name, repr([attributes, r.data[1:]]))
        if r.name == 'STATUS':
            pairs = dict(zip(r.data[1][::2], r.data[1][1::2]))
            pairs.pop('HIGHESTMODSEQ', None)
            if 'UIDVALIDITY' in pairs:
                pairs['UIDVALIDITY'] = self.validity(pairs['UIDVALIDITY'])
            return ('STATUS', repr(r.data[0]), repr(sorted(pairs.items())))
        if r.name == 'FLAGS':
            return ('FLAGS', repr(system_flags(r.data[0])))
        if r.name in ('OK', 'NO', 'BAD', 'BYE'):
            code = self.code(r.code)
            return (r.name, flat(code)) if code else None
        return (r.name, r.num, flat(
            [t for t in r.data if not isinstance(t, list)
             or r.name == 'THREAD']))

    def reply(self, reply, command):
        """(status, code, untagged responses)."""
        lines = [self.untagged(r) for r in reply.untagged]
        lines = [line for line in lines if line]
        if not command.startswith(('SELECT', 'EXAMINE')):
            # Told when a keyword is new, of which sqbox has account-wide ones.
            lines = [line for line in lines if line[0] != 'FLAGS'
                     and 'PERMANENTFLAGS' not in str(line[1])]
        if any(line[0] in ('LIST', 'LSUB') for line in lines):
            lines.sort()
        code = self.code(reply.code)
        text = flat(code) if code else ''
        if reply.status == 'OK':
            text = re.sub(r'^(READ-WRITE|READ-ONLY).*', r'\1', text)
        elif command.startswith('RENAME'):
            text = ''       # with two things wrong either may be named
        return reply.status, text, lines


class Dialogue:
    """Makes one command after the other, knowing only what it has asked for:
    which session has which mailbox selected, and how many messages the last
    answers told of."""

    def __init__(self, rng, sessions):
        self.rng = rng
        self.selected = [None] * sessions
        self.exists = [0] * sessions
        self.there = {'INBOX'}
        self.parents = set()
        self.renames = 0

    def numbers(self, session):
        """A sequence set that is there."""
        count = self.exists[session]
        some = self.rng.sample(range(1, count + 1),
                               self.rng.randint(1, min(4, count)))
        return seqset(some)

    def name(self):
        return self.rng.choice([mutf7(n) for n in NAMES]
                               + sorted(self.there))

    def free_name(self, leaf):
        """A mailbox that no session has selected, nor anything below it; leaf:
        one without inferiors, because what is left of the others differs."""
        names = [n for n in sorted(self.there) if n != 'INBOX'
                 and not any(s and (s + '/').startswith(n + '/')
                             for s in self.selected)
                 and not (leaf and any(t.startswith(n + '/')
                                       for t in self.there | self.parents))]
        return self.rng.choice(names) if names else None

    def flags(self):
        return ' '.join(self.rng.sample(FLAGS, self.rng.randint(0, 3)))

    def date(self):
        return (f'"{self.rng.randint(10, 28)}-Feb-2024 '
                f'{self.rng.randint(10, 23)}:00:00 +0000"')

    def command(self):
        """(session, parts, mailbox to be selected or None)."""
        rng = self.rng
        session = rng.randrange(len(self.selected))
        if self.selected[session] and rng.random() < 0.65:
            parts = self.selected_command(session)
            return session, parts, self.selected[session]
        return self.any_command(session)

    def any_command(self, session):
        rng = self.rng
        what = rng.choice(('select', 'select', 'examine', 'append', 'append',
                           'append', 'append', 'create', 'create', 'delete',
                           'rename', 'subscribe', 'list', 'lsub', 'status',
                           'status', 'liststatus', 'noop'))
        keep = self.selected[session]
        if what in ('select', 'examine'):
            name = self.name()
            return session, [f'{what.upper()} {name}'], name
        if what == 'append':
            return session, [f'APPEND {self.name()} ({self.flags()}) '
                             f'{self.date()} ',
                             Literal(random_mail(rng), plus=True)], keep
        if what in ('delete', 'rename'):
            name = self.free_name(leaf=what == 'delete')
            if not name:
                return session, ['NOOP'], keep
            if what == 'delete':
                return session, [f'DELETE {name}'], keep
            self.renames += 1
            return session, [f'RENAME {name} r{self.renames % 3}/'
                             f'new{self.renames}'], keep
        name = self.name()
        # Of the selected mailbox SIZE may or may not count what others
        # expunged.
        size = '' if name == keep else ' SIZE'
        text = {
            'create': f'CREATE {self.name()}',
            'subscribe': f'{rng.choice(["", "UN"])}SUBSCRIBE '
                         f'{rng.choice([*sorted(self.there), "nosuch"])}',
            'list': f'LIST "" {rng.choice(["*", "%", "a/*", "%/%"])}',
            'lsub': f'LSUB "" {rng.choice(["*", "%"])}',
            'status': f'STATUS {name} (MESSAGES RECENT UIDNEXT '
                      f'UIDVALIDITY UNSEEN{size})',
            'liststatus': 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))',
            'noop': 'NOOP'}[what]
        return session, [text], keep

    def selected_command(self, session):
        rng = self.rng
        if not self.exists[session]:
            return [rng.choice(['NOOP', 'CHECK', 'SEARCH ALL'])]
        numbers = self.numbers(session)
        uid = rng.choice(['', 'UID '])
        sign = rng.choice(['', '+', '-'])
        silent = rng.choice(['', '.SILENT'])
        items = ' '.join(rng.sample(ITEMS, rng.randint(1, 3)))
        return [rng.choice((
            f'FETCH {numbers} ({items})', f'UID FETCH {numbers} (FLAGS)',
            'FETCH 1:* (UID FLAGS)', 'UID FETCH 1:* (UID RFC822.SIZE)',
            f'{uid}STORE {numbers} {sign}FLAGS{silent} ({self.flags()})',
            f'STORE {numbers} +FLAGS (\\Deleted)',
            f'{uid}COPY {numbers} {self.name()}',
            f'{uid}MOVE {numbers} {self.name()}',
            f'{uid}SEARCH {rng.choice(KEYS)}',
            f'SEARCH RETURN (COUNT MIN MAX) {rng.choice(KEYS)}',
            f'{uid}SORT (SUBJECT SIZE) UTF-8 {rng.choice(KEYS)}',
            f'{uid}SORT (REVERSE ARRIVAL) UTF-8 {rng.choice(KEYS)}',
            f'{uid}THREAD REFERENCES UTF-8 {rng.choice(KEYS)}',
            'EXPUNGE', f'UID EXPUNGE {numbers}', 'NOOP', 'NOOP', 'CHECK',
            'CLOSE', 'UNSELECT'))]

    def learn(self, session, parts, reply, select):
        """What the answer of the reference server tells."""
        word, *args = parts[0].split()
        if reply.status == 'OK':
            self.learn_names(word, args)
        if word in ('SELECT', 'EXAMINE'):
            self.selected[session] = select if reply.status == 'OK' else None
            self.exists[session] = 0
        elif word in ('CLOSE', 'UNSELECT') and reply.status == 'OK':
            self.selected[session] = None
            self.exists[session] = 0
        for r in reply.untagged:
            if r.name == 'EXISTS':
                self.exists[session] = r.num
            elif r.name == 'EXPUNGE':
                self.exists[session] -= 1
            elif r.name == 'VANISHED' and r.data[0] != ['EARLIER']:
                self.exists[session] -= len(expand(str(r.data[0])))

    def learn_names(self, word, args):
        if word == 'CREATE':
            self.there.add(args[0])
            self.parents |= parents(args[0])
        elif word == 'DELETE':
            self.there.discard(args[0])
        elif word == 'RENAME':
            old, new = args

            def moved(names):
                return {new + n[len(old):]
                        if (n + '/').startswith(old + '/') else n
                        for n in names}
            self.there = moved(self.there)
            self.parents = moved(self.parents) | parents(new)


def parents(name):
    levels = name.split('/')
    return {'/'.join(levels[:n]) for n in range(1, len(levels))}


class Differential(harness.ServerCase):
    sessions = 3
    # sdbox's index of mailboxes sometimes misses what other sessions did.
    config = 'mailbox_list_index = no\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stock = cls.start_server(fmt='sdbox')

    def play(self, rng, enable=None):
        ours = [self.login(name=f'ours{n}') for n in range(self.sessions)]
        theirs = [self.login(name=f'sdbox{n}', server=self.stock)
                  for n in range(self.sessions)]
        normal_ours, normal_theirs = Normal(), Normal()
        for client in ours + theirs:
            # sdbox makes the INBOX of an account only when it is opened.
            client.status('INBOX')
            if enable:
                client.ok(f'ENABLE {enable}')
        dialogue = Dialogue(rng, self.sessions)
        history = []
        for n in range(LENGTH):
            session, parts, select = dialogue.command()
            history.append(f'{n}: session {session}: '
                           + (parts[0] if isinstance(parts[0], str)
                              else repr(parts[0])))
            try:
                b = theirs[session].cmd(*parts)
                a = ours[session].cmd(*parts)
            except (Closed, OSError) as e:
                self.fail(f'{e}\n' + '\n'.join(history[-HISTORY:]))
            left = normal_ours.reply(a, parts[0])
            right = normal_theirs.reply(b, parts[0])
            if left != right:
                self.fail('the answers differ:\n' + '\n'.join(history[-HISTORY:])
                          + f'\n  ours:  {left}\n  sdbox: {right}')
            dialogue.learn(session, parts, b, select)

    def test_random_dialogue(self):
        """S60 S50 S61 S75 S81 S83 S84 S134: three sessions at random have the
        same answers from sdbox and from us."""
        self.play(harness.seeded('test_random_dialogue'))

    def test_random_dialogue_qresync(self):
        """S60 S81 S84: also when the sessions have enabled QRESYNC."""
        self.play(harness.seeded('test_random_dialogue_qresync'), 'QRESYNC')


if __name__ == '__main__':
    harness.main()
