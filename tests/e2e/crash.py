# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Clients for the crash test, and what they know of their mail.

Each message and each folder belongs to one client, which alone changes it; but
all clients work in the same mailboxes.  So a client knows exactly what has to
be there: its state, and, if the server died within a command, the state after
that command.  Nothing else is allowed.

A state is a dict {(Folder, UID): (token, flags)}.  The token names a message
and is in its subject; copies have the same one.
"""

import re
import threading

import harness
from imap import Closed, Imap, Literal, expand, quote, seqset
from lmtp import Lmtp
from mails import incompressible, mail

FLAGS = ('\\Seen', '\\Answered', '\\Flagged', '\\Draft', '$Label1', 'later',
         'Work', 'a-keyword')
SHARED = ('INBOX', 'shared/a', 'shared/b')
STRICT = harness.FORMAT == 'sqbox'
MANY = 40       # messages that a client keeps; above it mostly expunges


class Folder:
    """A mailbox through all its names."""

    def __init__(self, name):
        self.name = name
        self.validity = None

    def __repr__(self):
        return self.name


class Outcome:
    """One of the states that may be found after the server died."""

    def __init__(self, kept, new=(), folders=None):
        self.kept = kept            # {(Folder, UID): (token, flags)}
        self.new = list(new)        # (Folder, token, flags): UID unknown
        self.folders = folders      # {Folder: name}, None: as before


class Wrong(AssertionError):
    """An answer that no crash explains."""


class Refused(Wrong):
    """A command was answered with NO, BAD or 4xx."""


def token_of(message):
    found = re.search(rb'(?m)^Subject: (\S+)\r$', message)
    return found.group(1).decode() if found else None


class Writer(threading.Thread):
    """One client in one round: a thread that works until it is told to stop,
    or until its server process is killed."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.stop = threading.Event()
        self.problem = None

    def run(self):
        try:
            if self.client.connect():
                while not self.stop.is_set():
                    self.client.step()
        except TimeoutError:
            self.problem = Wrong(f'no answer: {self.client.doing}')
        except Refused as e:
            self.client.lost()
            self.problem = e if STRICT else None
        except (Closed, OSError):
            self.client.lost()
        except Exception as e:      # told by the main thread
            self.problem = e


class Client:
    """What IMAP and LMTP clients share: messages with known octets."""

    def __init__(self, name, rng, server, user):
        self.name = name
        self.rng = rng
        self.server = server
        self.user = user
        self.connection = None
        self.state = {}
        self.folders = {}
        self.outcomes = []      # of the command that was not answered
        self.doing = ''
        self.commands = 0
        self.sent = {}          # token: octets
        self.dialogue = []

    def message(self):
        """A new message; one in twenty takes several pieces in a store."""
        token = f'{self.name}-{len(self.sent)}'
        size = self.rng.choice((0, 10, 300, 2000, 9000))
        if self.rng.random() < 0.05:
            size = 300_000
        body = incompressible(size, self.rng.random())
        self.sent[token] = mail(subject=token, body=body)
        return token

    def begin(self, doing, *outcomes):
        self.doing = doing
        self.outcomes = [Outcome(dict(self.state)), *outcomes]

    def end(self):
        self.outcomes = []
        self.commands += 1

    def possible(self):
        return self.outcomes or [Outcome(dict(self.state))]

    def settle(self, state, folders):
        """What was found after the crash is what there is."""
        self.state = state
        self.folders = folders
        self.outcomes = []

    def lost(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Deliverer(Client):
    """Delivers by LMTP; its messages are later given to the others."""

    def __init__(self, *args):
        super().__init__(*args)
        self.acknowledged = []      # their UIDs are not known yet

    def connect(self):
        if self.connection is None:
            self.connection = Lmtp(self.server.lmtp_port)
        return True

    def step(self):
        token = self.message()
        inbox = next(f for f in self.folders if f.name == 'INBOX')
        new = [(inbox, token, frozenset())]
        self.begin(f'delivery of {token}', Outcome(dict(self.state), new))
        code, text = self.connection.send([self.user], self.sent[token])[0]
        if code != 250:
            raise Refused(f'LMTP {self.doing}: {code} {text}')
        self.acknowledged.extend(new)
        self.end()

    def possible(self):
        return [Outcome(o.kept, o.new + self.acknowledged, o.folders)
                for o in super().possible()]

    def settle(self, state, folders):
        super().settle(state, folders)
        self.acknowledged = []


class Worker(Client):
    """An IMAP client that does everything at random."""

    selected = None

    def connect(self):
        """False if the server died meanwhile."""
        if self.connection is not None:
            # Hear of what was given to this client since the last round.
            self.doing = 'NOOP'
            self.ok('NOOP')
            return True
        self.selected = None
        try:
            self.connection = Imap(self.server.imap_port, name=self.name)
            self.connection.dialogue = self.dialogue
            self.connection.login(self.user)
        except (AssertionError, OSError):
            self.lost()
        return self.connection is not None

    def ok(self, *parts):
        reply = self.connection.cmd(*parts)
        if reply.status != 'OK':
            if any(r.name == 'BYE' for r in reply.untagged):
                raise Closed(repr(reply))
            raise Refused(f'{self.name}: {self.doing}: {reply}')
        return reply

    def step(self):
        # A client needs no more of a dialogue than its last commands.
        del self.dialogue[:-60]
        if not self.state:
            self.append()
        elif len(self.state) > MANY:
            self.expunge()
        else:
            self.rng.choices(
                (self.append, self.multiappend, self.store, self.copy,
                 self.move, self.expunge, self.read, self.create, self.rename,
                 self.delete),
                (4, 2, 5, 3, 4, 3, 1, 2, 2, 2))[0]()

    # Choices

    def own(self):
        return [f for f in self.folders if f.name not in SHARED]

    def some(self, most=8):
        """A folder with messages, and some of their UIDs."""
        folder = self.rng.choice(sorted({f for f, _ in self.state},
                                        key=lambda f: f.name))
        uids = [u for f, u in self.state if f is folder]
        count = min(len(uids), self.rng.randint(1, most))
        return folder, sorted(self.rng.sample(uids, count))

    def any_folder(self):
        return self.rng.choice(list(self.folders))

    def new_name(self):
        """A new name, at the top or below another folder of mine."""
        tops = [self.name, f'{self.name}/missing']
        tops += [f.name for f in self.own() if f.name.count('/') < 4]
        return f'{self.rng.choice(tops)}/{self.rng.randrange(10**6)}'

    def some_flags(self):
        return frozenset(self.rng.sample(FLAGS, self.rng.randint(0, 3)))

    # Commands

    def select(self, folder):
        if self.selected is not folder:
            self.selected = None
            self.doing = f'SELECT {folder}'
            self.ok(f'SELECT {quote(folder.name)}')
            self.selected = folder

    def learn(self, folder, validity):
        """UIDVALIDITY as APPENDUID and COPYUID tell it."""
        if folder.validity is None:
            folder.validity = int(validity)
        if folder.validity != int(validity):
            raise Wrong(f'{self.name}: {self.doing}: UIDVALIDITY of {folder}'
                          f' was {folder.validity}, is {validity}')

    def append(self, count=1):
        folder, flags = self.any_folder(), self.some_flags()
        tokens = [self.message() for _ in range(count)]
        self.begin(f'APPEND {folder} {tokens}',
                   Outcome(dict(self.state),
                           [(folder, t, flags) for t in tokens]))
        parts = [f'APPEND {quote(folder.name)}']
        for token in tokens:
            parts += [f" ({' '.join(flags)}) ",
                      Literal(self.sent[token], plus=True)]
        code = self.ok(*parts).code
        if not code or code[0] != 'APPENDUID':
            raise Wrong(f'{self.name}: {self.doing}: no APPENDUID')
        self.learn(folder, code[1])
        for uid, token in zip(expand(code[2]), tokens, strict=True):
            self.state[folder, uid] = (token, flags)
        self.end()

    def multiappend(self):
        self.append(self.rng.randint(2, 6))

    def store(self):
        folder, uids = self.some()
        self.select(folder)
        sign, flags = self.rng.choice(('+', '-', '')), self.some_flags()
        after = dict(self.state)
        for uid in uids:
            token, old = after[folder, uid]
            new = {'+': old | flags, '-': old - flags, '': flags}[sign]
            after[folder, uid] = (token, new)
        self.begin(f'STORE {folder} {uids} {sign}{set(flags)}', Outcome(after))
        self.ok(f"UID STORE {seqset(uids)} {sign}FLAGS ({' '.join(flags)})")
        self.state = after
        self.end()

    def copied(self, uids, folder, args):
        """The UIDs in the other folder as COPYUID tells them."""
        if not args or expand(args[1]) != uids:
            raise Wrong(f'{self.name}: {self.doing}: COPYUID {args}')
        self.learn(folder, args[0])
        return expand(args[2])

    def copy(self):
        folder, uids = self.some()
        target = self.any_folder()
        self.select(folder)
        mails = [self.state[folder, uid] for uid in uids]
        self.begin(f'COPY {folder} {uids} {target}',
                   Outcome(dict(self.state), [(target, *m) for m in mails]))
        reply = self.ok(f'UID COPY {seqset(uids)} {quote(target.name)}')
        args = reply.code[1:] if reply.code_name() == 'COPYUID' else None
        for uid, m in zip(self.copied(uids, target, args), mails, strict=True):
            self.state[target, uid] = m
        self.end()

    def move(self):
        folder, uids = self.some()
        target = self.any_folder()
        if target is folder:
            return
        self.select(folder)
        mails = [self.state[folder, uid] for uid in uids]
        new = [(target, *m) for m in mails]
        left = {k: v for k, v in self.state.items()
                if k[0] is not folder or k[1] not in uids}
        between = [] if STRICT else [Outcome(dict(self.state), new)]
        self.begin(f'MOVE {folder} {uids} {target}', Outcome(left, new),
                   *between)
        reply = self.ok(f'UID MOVE {seqset(uids)} {quote(target.name)}')
        args = reply.coded('COPYUID')
        for uid, m in zip(self.copied(uids, target, args), mails, strict=True):
            left[target, uid] = m
        self.state = left
        self.end()

    def expunge(self):
        folder, uids = self.some(MANY if len(self.state) > MANY else 8)
        self.select(folder)
        marked = dict(self.state)
        for uid in uids:
            token, flags = marked[folder, uid]
            marked[folder, uid] = (token, flags | {'\\Deleted'})
        self.begin(f'STORE {folder} {uids} \\Deleted', Outcome(marked))
        self.ok(f'UID STORE {seqset(uids)} +FLAGS.SILENT (\\Deleted)')
        self.state = marked
        left = {k: v for k, v in marked.items()
                if k[0] is not folder or k[1] not in uids}
        self.begin(f'EXPUNGE {folder} {uids}', Outcome(left))
        self.ok(f'UID EXPUNGE {seqset(uids)}')
        self.state = left
        self.end()

    def read(self):
        """What a session sees of its own messages is right at any time."""
        folder, uids = self.some()
        self.select(folder)
        self.doing = f'FETCH {folder} {uids}'
        reply = self.ok(f'UID FETCH {seqset(uids)} (FLAGS BODY.PEEK[])')
        got = {d['UID']: d for d in reply.fetched().values() if 'BODY[]' in d}
        for uid in uids:
            token, flags = self.state[folder, uid]
            if uid not in got:
                raise Wrong(f'{self.name}: {self.doing}: no {uid}')
            shown = got[uid]['FLAGS'] - {'\\Recent'}
            if shown != flags or token_of(got[uid]['BODY[]']) != token:
                raise Wrong(f'{self.name}: {self.doing}: {uid} is '
                            f'{got[uid]}, not {token} {flags}')

    def create(self):
        if len(self.own()) >= 6:
            return
        folder = Folder(self.new_name())
        folders = {**self.folders, folder: folder.name}
        self.begin(f'CREATE {folder}',
                   Outcome(dict(self.state), folders=folders))
        self.ok(f'CREATE {quote(folder.name)}')
        self.folders = folders
        self.end()

    def rename(self):
        if not self.own():
            return
        folder, name = self.rng.choice(self.own()), self.new_name()
        old = folder.name + '/'
        if name.startswith(old):
            return
        renamed = {f: name + '/' + f.name[len(old):]
                   if f.name.startswith(old) else f.name
                   for f in self.folders}
        renamed[folder] = name
        self.unselect()
        self.begin(f'RENAME {folder} {name}',
                   Outcome(dict(self.state), folders=renamed))
        self.ok(f'RENAME {quote(folder.name)} {quote(name)}')
        self.settle_names(renamed)
        self.end()

    def delete(self):
        if not self.own():
            return
        folder = self.rng.choice(self.own())
        left = {k: v for k, v in self.state.items() if k[0] is not folder}
        folders = {f: n for f, n in self.folders.items() if f is not folder}
        self.unselect()
        # Dovecot expunges the messages first, as one step, and then the
        # mailbox goes: with every format.
        self.begin(f'DELETE {folder}', Outcome(left, folders=folders),
                   Outcome(left))
        self.ok(f'DELETE {quote(folder.name)}')
        self.state, self.folders = left, folders
        self.end()

    def unselect(self):
        if self.selected is not None:
            self.doing = 'UNSELECT'
            self.ok('UNSELECT')
            self.selected = None

    def settle_names(self, folders):
        for folder, name in folders.items():
            folder.name = name
        self.folders = folders

    def settle(self, state, folders):
        super().settle(state, folders)
        self.settle_names(folders)
