#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A replica is kept in step with an account of a real server, pass by pass:
what changes at either end is the same at both after a pass, the next one does
nothing."""

import contextlib

import harness
from mails import mail
from remote import DIED, Replica, folders, there
from writer import Failed

# What Dovecot says of a client that is killed.
CUT_OFF = ('Connection reset by peer', 'Remote closed connection')


class RemoteCase(harness.ServerCase):
    fmt = 'sdbox'

    def setUp(self):
        super().setUp()
        self.session = self.login()
        self.replica = Replica(self.server, self.user)
        self.addCleanup(self.replica.close)

    def sync(self, *options):
        return self.replica.sync('--bodies', *options)

    def settle(self):
        """A pass, and one more that has nothing to do."""
        figures = self.sync()
        again = self.sync()
        self.assertEqual((again['pulled'], again['pushed'], again['notes']),
                         (0, 0, []), self.replica.log[-1])
        return figures

    def assert_same(self, *boxes):
        for box in boxes or sorted(folders(self.session)):
            self.assertEqual(self.replica.mails(box),
                             there(self.session, box), box)
        if not boxes:
            here = {name for name, truth in self.replica.dump().items()
                    if not truth.noselect}
            self.assertEqual(here, folders(self.session))


class Thin(RemoteCase):
    def test_what_the_server_has_comes(self):
        self.session.append('INBOX', mail('one'), '\\Seen $Label1')
        self.session.append('INBOX', mail('two'))
        self.session.ok('CREATE a')
        self.session.append('a', mail('three'))
        self.settle()
        self.assert_same()

    def test_an_empty_account(self):
        self.settle()
        self.assert_same()

    def test_flags_both_ways(self):
        self.session.append('INBOX', mail('one'), '\\Flagged')
        self.settle()
        uid = self.replica.uid_of('INBOX', mail('one'))
        self.replica.flags('INBOX', uid, ['\\Seen', 'here'], ['\\Flagged'])
        self.session.select()
        self.session.ok('STORE 1 +FLAGS (\\Answered there)')
        self.session.ok('UNSELECT')
        self.assertGreater(self.settle()['pushed'], 0)
        self.assert_same()
        self.assertEqual(
            self.replica.mails()[0][1],
            {'\\Seen', '\\Answered', 'here', 'there'})

    def test_an_append_goes_there(self):
        self.settle()
        self.replica.append('INBOX', mail('new'), ['\\Seen', 'kw'])
        self.settle()
        self.assert_same()
        self.assertEqual(len(there(self.session, 'INBOX')), 1)

    def test_expunges_both_ways(self):
        for name in 'abcdef':
            self.session.append('INBOX', mail(name))
        self.settle()
        uid = self.replica.uid_of('INBOX', mail('a'))
        self.replica.write('expunge', 'INBOX', uid, uid)
        self.session.select()
        self.session.ok('UID STORE 2 +FLAGS.SILENT (\\Deleted)')
        self.session.ok('UID EXPUNGE 2')
        self.session.ok('UNSELECT')
        self.settle()
        self.assert_same()
        self.assertEqual(len(there(self.session, 'INBOX')), 4)

    def test_moves_and_copies_do_not_send_octets(self):
        self.session.ok('CREATE a')
        for name in 'xyz':
            self.session.append('INBOX', mail(name, body='text\r\n' * 4000))
        self.settle()
        for verb, name in (('move', 'x'), ('copy', 'y')):
            uid = self.replica.uid_of(
                'INBOX', mail(name, body='text\r\n' * 4000))
            self.replica.write(verb, 'INBOX', uid, 'a')
        figures = self.sync()
        self.assertLess(figures['sent'], 4000)
        self.settle()
        self.assert_same()

    def test_the_tree_both_ways(self):
        self.session.ok('CREATE a/b')
        self.session.append('a/b', mail('in b'))
        self.session.ok('CREATE gone-there')
        self.session.ok('CREATE gone-here')
        self.settle()
        self.replica.write('create', 'new-here/sub')
        self.replica.write('rename', 'a', 'c')
        self.replica.write('delete', 'gone-here')
        self.replica.write('subscribe', 'c/b', 1)
        self.session.ok('CREATE new-there')
        self.session.ok('DELETE gone-there')
        self.settle()
        self.assert_same()
        self.assertIn('c/b', self.session.list(command='LSUB'))
        self.assertEqual(
            folders(self.session) - {'INBOX', 'c'},
            {'c/b', 'new-there', 'new-here/sub'})


class Traffic(RemoteCase):
    """How much is asked, which no machine makes faster or slower."""

    def test_nothing_new_is_one_question(self):
        for n in range(40):
            self.session.ok(f'CREATE box{n}')
        self.session.append('INBOX', mail('one'))
        self.settle()
        waits = self.sync()['waits'] - self.replica.sync('--readonly')['waits']
        self.assertEqual(waits, 0)
        # Of these, the first are of the connection.
        self.assertLessEqual(self.sync()['waits'], 3)

    def test_a_first_look_at_inbox(self):
        for n in range(50):
            self.session.append('INBOX', mail(f'{n}'))
        figures = self.replica.sync()
        self.assertLessEqual(figures['waits'], 5)
        self.assertEqual(len(self.replica.dump()['INBOX'].mails), 50)

    def test_few_changes_in_a_large_mailbox(self):
        self.session.select()
        message = mail('many')
        self.session.append('INBOX', message)
        while True:
            count = len(self.session.fetch_by_uid('FLAGS'))
            if count >= 2000:
                break
            self.session.ok(f'UID COPY 1:{min(count, 2000 - count)} INBOX')
        self.replica.sync()
        before = self.replica.sync()
        uids = sorted(self.session.fetch_by_uid('FLAGS'))
        self.session.ok(f'UID STORE {",".join(map(str, uids[5:113:2]))} '
                        '+FLAGS.SILENT (\\Deleted)')
        self.session.ok('EXPUNGE')
        self.session.ok(f'UID STORE {",".join(map(str, uids[500:560:3]))} '
                        '+FLAGS (\\Flagged)')
        figures = self.replica.sync()
        self.assertEqual(figures['pulled'], 54)
        octets = sum(figures[k] - before[k] for k in ('received', 'sent'))
        self.assertLess(octets, 5000)
        print(f'74 changes in 2000 messages: {octets} octets')

    def test_many_bodies_are_one_question(self):
        for n in range(100):
            self.session.append('INBOX', mail(f'{n}'))
        self.replica.sync()
        figures = self.replica.sync('--only-bodies')
        self.assertLessEqual(figures['waits'], 5)
        self.assertLess(figures['commits'], 10)
        self.assert_same('INBOX')


class Cases(RemoteCase):
    """Both ends have changed the same: fuse-view's list of cases."""

    def one(self, name='one', flags=''):
        """A message that both have; its UID here."""
        self.session.append('INBOX', mail(name), flags)
        self.settle()
        return self.replica.uid_of('INBOX', mail(name))

    def tell(self, command, box='INBOX'):
        self.session.select(box)
        reply = self.session.ok(command)
        self.session.ok('UNSELECT')
        return reply

    def expunge_there(self, uid, box='INBOX'):
        self.tell(f'UID STORE {uid} +FLAGS.SILENT (\\Deleted)', box)
        self.tell(f'UID EXPUNGE {uid}', box)

    def both(self, box='INBOX'):
        self.settle()
        self.assert_same()
        return there(self.session, box)

    def test_moved_to_trash_here_and_flagged_there(self):
        self.session.ok('CREATE Trash')
        uid = self.one(flags='kw')
        self.replica.write('move', 'INBOX', uid, 'Trash')
        self.tell('UID STORE 1 +FLAGS (\\Flagged)')
        self.assertEqual(self.both('Trash'),
                         [(mail('one'), frozenset(('\\Flagged', 'kw')))])

    def test_flagged_here_and_expunged_there(self):
        self.replica.flags('INBOX', self.one(), ['\\Flagged'])
        self.expunge_there(1)
        self.assertEqual(self.both(), [])

    def test_moved_here_and_expunged_there_is_kept(self):
        self.session.ok('CREATE b')
        self.replica.write('move', 'INBOX', self.one(), 'b')
        self.expunge_there(1)
        self.assertEqual(len(self.both('b')), 1)

    def test_moved_at_both_ends_the_server_is_right(self):
        self.session.ok('CREATE b')
        self.session.ok('CREATE c')
        self.replica.write('move', 'INBOX', self.one(), 'b')
        self.tell('UID MOVE 1 c')
        self.assertEqual(len(self.both('c')), 1)
        self.assertEqual(self.both('b'), [])

    def test_a_draft_replaced_at_both_ends(self):
        uid = self.one()
        self.replica.append('INBOX', mail('mine'))
        self.replica.write('expunge', 'INBOX', uid, uid)
        self.session.append('INBOX', mail('theirs'))
        self.expunge_there(1)
        self.assertEqual({octets for octets, _ in self.both()},
                         {mail('mine'), mail('theirs')})

    def test_renamed_at_both_ends_the_server_is_right(self):
        self.session.ok('CREATE a')
        self.session.append('a', mail('in a'))
        self.settle()
        self.replica.write('rename', 'a', 'mine')
        self.session.ok('RENAME a theirs')
        figures = self.settle()
        self.assert_same()
        self.assertEqual(folders(self.session), {'INBOX', 'theirs'})
        self.assertLess(figures['received'], 4000)

    def test_what_is_new_in_a_mailbox_that_was_deleted_there(self):
        self.session.ok('CREATE x')
        self.session.append('x', mail('old'))
        self.settle()
        self.replica.append('x', mail('new'))
        self.session.ok('DELETE x')
        self.sync()
        self.settle()
        self.assert_same()
        self.assertEqual([octets for octets, _ in
                          there(self.session, 'lost+found/x')], [mail('new')])

    def test_made_at_both_ends(self):
        self.settle()
        self.replica.write('create', 'x')
        self.replica.append('x', mail('mine'))
        self.session.ok('CREATE x')
        self.session.append('x', mail('theirs'))
        self.assertEqual(len(self.both('x')), 2)

    def test_deleted_here_with_new_mail_there(self):
        self.session.ok('CREATE x')
        self.settle()
        self.replica.write('delete', 'x')
        self.session.append('x', mail('new'))
        self.sync()
        self.assertEqual(len(self.both('x')), 1)

    def test_another_uidvalidity(self):
        self.session.ok('CREATE x')
        for name in 'abc':
            self.session.append('x', mail(name, body='text\r\n' * 2000),
                                date='01-Mar-2024 12:00:00 +0000')
        self.settle()
        uids = sorted(self.replica.dump()['x'].mails)
        self.replica.flags('x', uids[0], ['mine'])
        self.replica.append('x', mail('new'))
        self.session.ok('CREATE y')
        self.tell('UID COPY 2:3 y', 'x')
        self.session.ok('DELETE x')
        self.session.ok('CREATE x')
        self.session.append('x', mail('other'))
        self.tell('UID COPY 1:2 x', 'y')
        self.session.append('x', mail('a', body='text\r\n' * 2000),
                            date='01-Mar-2024 12:00:00 +0000')
        self.session.ok('DELETE y')
        figures = self.replica.sync()
        self.assertLess(figures['received'], 6000)
        self.assertLessEqual(set(uids), set(self.replica.dump()['x'].mails))
        self.assertEqual(len(self.both('x')), 5)
        self.assertIn((mail('a', body='text\r\n' * 2000),
                       frozenset(('mine',))), there(self.session, 'x'))

    def test_all_gone_there_is_asked_twice_and_believed(self):
        self.one()
        self.expunge_there(1)
        figures = self.sync()
        self.assertIn('asking again', str(figures['notes']))
        self.assertEqual(self.both(), [])

    def test_a_rename_here_of_a_tree(self):
        for name in ('a', 'a/b', 'a/b/c'):
            self.session.ok(f'CREATE {name}')
        self.session.append('a/b/c', mail('deep'))
        self.settle()
        self.replica.write('rename', 'a', 'z')
        self.replica.write('rename', 'z/b', 'z/q')
        self.settle()
        self.assert_same()
        self.assertEqual(folders(self.session),
                         {'INBOX', 'z', 'z/q', 'z/q/c'})

    def test_inbox_renamed_here(self):
        self.session.ok('CREATE INBOX/below')
        for name in 'abc':
            self.session.append('INBOX', mail(name, body='text\r\n' * 2000))
        self.settle()
        self.replica.write('rename', 'INBOX', 'old')
        self.replica.append('INBOX', mail('new'))
        self.assertLess(self.sync()['sent'], 4000)
        self.assertEqual(len(self.both('old')), 3)
        self.assertEqual([o for o, _ in self.both()], [mail('new')])

    def test_inbox_renamed_there(self):
        for name in 'abc':
            self.session.append('INBOX', mail(name))
        self.settle()
        self.session.ok('RENAME INBOX old')
        self.sync()
        self.assertEqual(len(self.both('old')), 3)
        self.assertEqual(self.both(), [])

    def test_two_names_exchanged_here(self):
        for name in 'ab':
            self.session.ok(f'CREATE {name}')
            self.session.append(name, mail(f'in {name}'))
        self.settle()
        for old, new in (('a', 't'), ('b', 'a'), ('t', 'b')):
            self.replica.write('rename', old, new)
        self.sync()
        self.assertEqual([o for o, _ in self.both('a')], [mail('in b')])
        self.assertEqual(folders(self.session), {'INBOX', 'a', 'b'})

    def test_two_names_exchanged_there(self):
        for name in 'ab':
            self.session.ok(f'CREATE {name}')
            self.session.append(name, mail(f'in {name}'))
        self.settle()
        for old, new in (('a', 't'), ('b', 'a'), ('t', 'b')):
            self.session.ok(f'RENAME {old} {new}')
        self.sync()
        self.assertEqual([o for o, _ in self.both('a')], [mail('in b')])

    def test_moved_out_and_the_mailbox_deleted(self):
        self.session.ok('CREATE a')
        self.session.ok('CREATE b')
        for name in 'pq':
            self.session.append('a', mail(name))
        self.replica.sync()     # no body is here
        uids = sorted(self.replica.dump()['a'].mails)
        for uid in uids:
            self.replica.write('move', 'a', uid, 'b')
        self.replica.write('delete', 'a')
        self.assertEqual(len(self.both('b')), 2)
        self.assertEqual(folders(self.session), {'INBOX', 'b'})


class Quota(RemoteCase):
    plugins = 'quota'
    config = ('plugin {\n  quota = count:User quota\n  quota_vsizes = yes\n'
              '  quota_rule = *:storage=4K\n  quota_grace = 0\n}\n')
    config_2_4 = ('quota "User quota" {\n  quota_storage_size = 4K\n'
                  '  quota_storage_grace = 0\n}\n')

    def test_what_is_refused_is_kept_and_tried_on_request(self):
        self.settle()
        large = mail('large', body='text\r\n' * 1000)
        self.session.append('INBOX', mail('fill', body='text\r\n' * 500))
        self.replica.append('INBOX', large)
        self.replica.append('INBOX', mail('small'))
        figures = self.sync()
        self.assertEqual(figures['refused'], 1)
        self.assertIn((large, frozenset()), self.replica.mails())
        self.assertEqual(len(there(self.session, 'INBOX')), 2)
        again = self.sync()
        self.assertEqual(again['pushed'], 0)
        self.assertLess(again['sent'], 2000)
        self.session.select()
        self.session.ok('UID STORE 1:* +FLAGS (\\Deleted)')
        self.session.ok('EXPUNGE')
        self.session.ok('UNSELECT')
        self.sync('--retry')
        self.sync()
        self.assertNotIn(large, [o for o, _ in there(self.session, 'INBOX')])
        self.assertIn((large, frozenset()), self.replica.mails())


# What a server may lack, one thing more at each step.
LADDER = [
    'IMAP4rev1 ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS LIST-EXTENDED '
    'CONDSTORE QRESYNC ESEARCH MOVE LIST-STATUS SPECIAL-USE',
    'IMAP4rev1 ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS LIST-EXTENDED '
    'CONDSTORE ESEARCH MOVE LIST-STATUS SPECIAL-USE',
    'IMAP4rev1 ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS LIST-EXTENDED '
    'ESEARCH MOVE LIST-STATUS',
    'IMAP4rev1 ID ENABLE IDLE LITERAL+ NAMESPACE UIDPLUS LIST-EXTENDED '
    'CONDSTORE MOVE',
    'IMAP4rev1 IDLE NAMESPACE UIDPLUS',
    'IMAP4rev1',
]


class Ladder(RemoteCase):
    """The same work with servers that can less and less."""

    def work(self, server):
        self.session = self.login(server=server)
        replica = self.replica
        session = self.session
        session.ok('CREATE a')
        session.ok('CREATE a/b')
        for name in 'pqrstuvw':
            session.append('INBOX', mail(name), '\\Seen kw')
        replica.sync('--bodies', server=server)
        uids = {n: replica.uid_of('INBOX', mail(n)) for n in 'pqrst'}
        replica.write('move', 'INBOX', uids['p'], 'a')
        replica.write('copy', 'INBOX', uids['q'], 'a')
        replica.write('expunge', 'INBOX', uids['r'], uids['r'])
        replica.flags('INBOX', uids['s'], ['\\Flagged'], ['\\Seen', 'kw'])
        replica.append('a', mail('new here'), ['\\Draft'])
        replica.write('create', 'made here')
        session.select()
        session.ok('UID STORE 5 +FLAGS (\\Answered)')
        session.ok('UID STORE 8 +FLAGS (\\Deleted)')
        session.ok('EXPUNGE')
        session.ok('UNSELECT')
        session.append('a/b', mail('new there'))
        for _ in range(2):
            replica.sync('--bodies', server=server)
        again = replica.sync('--bodies', server=server)
        self.assertEqual((again['pulled'], again['pushed']), (0, 0))
        self.assert_same()
        self.assertEqual(len(there(session, 'a')), 3)
        self.assertEqual(len(there(session, 'INBOX')), 5)

    def test_every_step(self):
        for number, capabilities in enumerate(LADDER):
            with self.subTest(capabilities=capabilities):
                server = self.start_server(
                    config=f'imap_capability = {capabilities}\n')
                self.replica.close()
                self.replica = Replica(server, self.user)
                self.addCleanup(self.replica.close)
                self.work(server)


class Cut(RemoteCase):
    """Killed at a transaction, or after a line sent, and gone on: the end is
    the same.  Where, moves on by chance from run to run."""

    allowed_errors = CUT_OFF

    def work(self):
        """Something of everything to tell, and to hear of."""
        session, replica = self.session, self.replica
        session.ok('CREATE a')
        for name in 'pqrs':
            session.append('INBOX', mail(name), '\\Seen kw')
        replica.sync('--bodies')
        uids = {n: replica.uid_of('INBOX', mail(n)) for n in 'pqrs'}
        replica.write('move', 'INBOX', uids['p'], 'a')
        replica.write('copy', 'INBOX', uids['q'], 'a')
        replica.write('expunge', 'INBOX', uids['r'], uids['r'])
        replica.flags('INBOX', uids['s'], ['\\Flagged', 'k2'], ['kw'])
        replica.append('INBOX', mail('new here'), ['\\Draft'])
        replica.append('INBOX', mail('new here 2'), ['\\Draft'])
        replica.write('create', 'made here')
        replica.append('made here', mail('new there'))
        session.append('INBOX', mail('there'))

    def cut_at_each(self, what, stride):
        first = harness.seeded(self.id()).randint(1, stride)
        for step in range(first, 300, stride):
            ServerCase = harness.ServerCase
            ServerCase._accounts += 1
            self.user = f'u{ServerCase._accounts}'
            self.replica.close()
            self.session.close()
            self.session = self.login()
            self.replica = Replica(self.server, self.user)
            self.work()
            code, text = self.replica.run(f'--{what}={step}')
            if code == 0:
                self.replica.close()
                return step
            self.assertEqual(code, DIED, text)
            with self.subTest(step=step):
                self.settle()
                self.assert_same()
                self.assertEqual(len(there(self.session, 'INBOX')), 5)
                self.assertEqual(len(there(self.session, 'a')), 2)
                self.assertEqual(len(there(self.session, 'made here')), 1)
            self.replica.close()
        self.fail('it does not end')

    def test_at_commits(self):
        self.assertGreater(self.cut_at_each('cut-commit', 2), 5)

    def test_after_lines(self):
        self.assertGreater(self.cut_at_each('cut-line', 4), 10)


class CutPlain(Cut):
    """The same without UIDPLUS and MOVE, so that what was sent has to be
    found."""

    config = 'imap_capability = IMAP4rev1 LITERAL+ IDLE\n'


class Converge(RemoteCase):
    """Random work at both ends, offline in between: in the end both are equal,
    and no message is lost that nobody removed."""

    FLAGS = ('\\Seen', '\\Flagged', '\\Answered', 'kw1', 'kw2')
    ROUNDS = 6
    STEPS = 12
    once = False    # no message is ever in two places

    def boxes(self):
        return ['INBOX', 'a', 'b']

    def at_the_server(self, rng):
        session, box = self.session, rng.choice(self.boxes())
        session.select(box)
        uids = sorted(session.fetch_by_uid('FLAGS'))
        what = rng.random()
        if what < 0.35 or not uids:
            message = mail(f'there {rng.randrange(10**9)}')
            session.append(box, message, ' '.join(
                rng.sample(self.FLAGS, rng.randrange(3))))
            self.made.add(message)
            session.ok('UNSELECT')
            return
        uid = rng.choice(uids)
        if what < 0.7:
            session.ok(f'UID STORE {uid} {rng.choice("+-")}FLAGS '
                       f'({rng.choice(self.FLAGS)})')
        elif what < 0.8 and not self.once:
            session.ok(f'UID MOVE {uid} {rng.choice(self.boxes())}')
        elif what < 0.9 and not self.once:
            session.ok(f'UID COPY {uid} {rng.choice(self.boxes())}')
        else:
            self.removed.add(bytes(session.fetch_by_uid(
                'BODY.PEEK[]', which=uid)[uid]['BODY[]']))
            session.ok(f'UID STORE {uid} +FLAGS (\\Deleted)')
            session.ok(f'UID EXPUNGE {uid}')
        session.ok('UNSELECT')

    def here(self, rng):
        replica, box = self.replica, rng.choice(self.boxes())
        uids = sorted(replica.dump()[box].mails)
        what = rng.random()
        if what < 0.35 or not uids:
            message = mail(f'here {rng.randrange(10**9)}')
            replica.append(box, message,
                           rng.sample(self.FLAGS, rng.randrange(3)))
            self.made.add(message)
            return
        uid = rng.choice(uids)
        other = rng.choice([b for b in self.boxes() if b != box])
        if what < 0.7:
            change = [[], []]
            change[rng.randrange(2)] = [rng.choice(self.FLAGS)]
            replica.flags(box, uid, *change)
        elif what < 0.8 or (self.once and what < 0.9):
            replica.write('move', box, uid, other)
        elif what < 0.9:
            replica.write('copy', box, uid, other)
        else:
            # What a cut pass has left to fetch could not be told by its
            # octets, and is not removed.
            with contextlib.suppress(Failed):
                self.removed.add(replica.writer.body(box, uid))
                replica.write('expunge', box, uid, uid)

    def before_sync(self, rng):
        pass

    def run_rounds(self, seed_name):
        rng = harness.seeded(seed_name)
        self.made, self.removed = set(), set()
        for box in self.boxes()[1:]:
            self.session.ok(f'CREATE {box}')
        self.settle()
        for _ in range(self.ROUNDS):
            for _ in range(rng.randint(1, self.STEPS)):
                (self.at_the_server if rng.random() < 0.5
                 else self.here)(rng)
            self.before_sync(rng)
            self.sync()
            self.settle()
            self.assert_same()
            all_left = [octets for box in self.boxes()
                        for octets, _ in there(self.session, box)]
            left = set(all_left)
            if self.once:
                self.assertEqual(len(all_left), len(left), 'sent twice')
            self.assertEqual(left - self.made, set())
            self.assertEqual(self.made - self.removed - left, set())

    def test_equal_in_the_end(self):
        self.run_rounds(self.id())


class ConvergePlain(Converge):
    config = 'imap_capability = IMAP4rev1 UIDPLUS\n'


class ConvergeCut(Converge):
    """The same with passes that were killed, and more work between them; what
    they sent is not sent again."""

    allowed_errors = CUT_OFF
    once = True

    def before_sync(self, rng):
        for _ in range(rng.randrange(4)):
            what = rng.choice(('commit', 'line'))
            code, text = self.replica.run(
                f'--cut-{what}={rng.randint(1, 12)}')
            self.assertIn(code, (0, DIED), text)
            (self.at_the_server if rng.random() < 0.5 else self.here)(rng)


class ConvergeCutPlain(ConvergeCut):
    config = 'imap_capability = IMAP4rev1\n'


class ConvergeTree(RemoteCase):
    """Folders made, renamed, deleted and subscribed at random at both ends, with
    mail in them: in the end both are equal."""

    NAMES = ('a', 'b', 'a/x', 'b/y', 'c', 'a/x/z')
    ROUNDS = 8

    def at_the_server(self, rng):
        session, name = self.session, rng.choice(self.NAMES)
        what = rng.random()
        if what < 0.4:
            session.cmd(f'CREATE {name}')
        elif what < 0.5:
            session.cmd(f'DELETE {name}')
        elif what < 0.65:
            session.cmd(f'RENAME {name} {rng.choice(self.NAMES)}')
        elif what < 0.75:
            session.cmd(f'{rng.choice(("", "UN"))}SUBSCRIBE {name}')
        elif name in folders(session):
            session.append(name, mail(f'there {rng.randrange(10**9)}'))

    def here(self, rng):
        replica, name = self.replica, rng.choice(self.NAMES)
        what = rng.random()
        try:
            if what < 0.4:
                replica.write('create', name)
            elif what < 0.5:
                replica.write('delete', name)
            elif what < 0.65:
                replica.write('rename', name, rng.choice(self.NAMES))
            elif what < 0.75:
                replica.write('subscribe', name, rng.randrange(2))
            else:
                replica.append(name, mail(f'here {rng.randrange(10**9)}'))
        except Failed:
            pass

    def test_equal_in_the_end(self):
        rng = harness.seeded(self.id())
        self.settle()
        for _ in range(self.ROUNDS):
            for _ in range(rng.randint(1, 6)):
                (self.at_the_server if rng.random() < 0.5
                 else self.here)(rng)
            self.sync()
            self.sync()
            self.settle()
            self.assert_same()


if __name__ == '__main__':
    harness.main()
