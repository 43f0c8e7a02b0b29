#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""A replica of an account whose server lies, fails and forgets: no mail is
lost at either end, nothing goes to where it does not belong, and the next pass
with an honest server makes all well."""

import unittest

import harness
from fakeserver import Box, FakeServer, Mail
from mails import mail
from remote import Replica

ALL = 'UIDPLUS MOVE'


class HostileCase(unittest.TestCase):
    capabilities = ''

    def setUp(self):
        self.server = FakeServer(self.capabilities)
        self.addCleanup(self.server.close)
        self.inbox = self.server.boxes['INBOX']
        self.replica = Replica(self.server, 'alice')
        self.addCleanup(self.replica.close)

    def fill(self, box, *names):
        for name in names:
            box.add(Mail(mail(name)))

    def here(self, box='INBOX'):
        return [octets for octets, _ in self.replica.mails(box)]

    def there(self, box='INBOX'):
        return sorted(m.octets for m in self.server.boxes[box].mails.values())

    def sync(self, *options):
        return self.replica.sync('--bodies', *options)

    def assert_both(self, box, *names):
        wanted = sorted(mail(name) for name in names)
        self.assertEqual((self.here(box), self.there(box)), (wanted, wanted))


class Refusals(HostileCase):
    """A command is refused that is not refused by others."""

    def test_new_mail(self):
        self.fill(self.inbox, 'one')
        self.sync()
        self.fill(self.inbox, 'two', 'three')
        self.server.lie(r'UID FETCH 2:', '%t NO not now\r\n')
        self.sync()
        self.server.be_honest()
        self.sync()
        self.assert_both('INBOX', 'one', 'two', 'three')

    def test_all_after_another_uidvalidity(self):
        self.fill(self.inbox, 'one', 'two', 'three')
        self.sync()
        self.inbox.validity += 1
        self.server.lie(r'UID FETCH', '%t NO not now\r\n')
        self.sync()
        self.server.be_honest()
        self.assertEqual(len(self.here()), 3)
        self.sync()
        self.assert_both('INBOX', 'one', 'two', 'three')


class Copies(HostileCase):
    """The server was restored from a copy."""

    def test_what_came_after_it_goes_there_again(self):
        self.fill(self.inbox, 'one', 'two')
        self.sync()
        self.fill(self.inbox, 'a longer one', 'another that is longer')
        self.sync()
        for uid in 3, 4:
            del self.inbox.mails[uid]
        self.inbox.next = 3
        self.sync()
        self.assert_both('INBOX', 'one', 'two', 'a longer one',
                         'another that is longer')


class Listings(HostileCase):
    def test_no_inbox(self):
        self.fill(self.inbox, 'one', 'two')
        self.sync()
        self.server.lie(r'LIST', '%t OK that is all\r\n')
        self.replica.run()
        self.server.be_honest()
        self.sync()
        self.assert_both('INBOX', 'one', 'two')

    def test_two_names_that_are_one_here(self):
        self.fill(self.inbox, 'one')
        other = self.server.boxes['inbox'] = Box(self.inbox.validity)
        self.fill(other, 'two', 'three')
        self.sync()
        self.assert_both('INBOX', 'one')
        self.replica.write('expunge', 'INBOX', 1, 1)
        self.sync()
        self.assertEqual(self.there(), [])
        self.assertEqual(self.there('inbox'),
                         sorted([mail('two'), mail('three')]))

    def test_an_empty_search(self):
        self.fill(self.inbox, 'one', 'two', 'three')
        self.sync()
        self.server.lie(r'UID FETCH 1:3 \(UID FLAGS\)', '%t OK done\r\n')
        self.server.lie(r'UID SEARCH', '* SEARCH\r\n%t OK done\r\n')
        self.sync()
        self.assertEqual(len(self.here()), 3)


class Numbers(HostileCase):
    def test_a_size_without_bound(self):
        self.fill(self.inbox, 'one', 'two')
        self.inbox.mails[1].size = 2**63 - 1
        self.sync()
        self.assert_both('INBOX', 'one', 'two')

    def test_keywords_without_bound(self):
        self.fill(self.inbox, 'one', 'two')
        self.inbox.mails[1].flags = {f'k{n}' for n in range(100000)}
        self.sync()
        self.assertEqual(len(self.replica.dump()['INBOX'].mails), 2)

    def test_one_uid_twice(self):
        self.fill(self.inbox, 'one', 'two')
        self.sync()
        self.inbox.validity += 1

        def twice(session, _match):
            session.do_uid_fetch('1:* (FLAGS RFC822.SIZE)', b'')
            session.do_uid_fetch('1:* (FLAGS)', b'')
        self.server.lie(r'UID FETCH 1:\*', twice)
        self.sync()
        self.assert_both('INBOX', 'one', 'two')


class Appends(HostileCase):
    def test_ok_and_nothing_done(self):
        self.sync()
        self.replica.append('INBOX', mail('one'))
        self.server.lie(r'APPEND', '%t OK done\r\n')
        self.sync()
        self.sync()
        self.assertLess(self.server.count('APPEND'), 3)
        self.assertEqual(self.here(), [mail('one')])
        self.server.be_honest()
        self.sync('--retry')
        self.assert_both('INBOX', 'one')

    def test_another_size(self):
        """The server adds a header, and tells no UIDs."""
        self.sync()
        self.replica.append('INBOX', mail('one'))

        def changed(session, _match):
            self.inbox.add(Mail(b'X-Seen-By: me\r\n' + mail('one')))
            return '%t OK done\r\n'
        self.server.lie(r'APPEND', changed)
        for _ in range(3):
            self.sync()
        self.assertEqual(len(self.inbox.mails), 1)

    def test_appenduid_of_another(self):
        self.fill(self.inbox, 'one')
        self.sync()
        self.replica.append('INBOX', mail('two'))

        def lie(session, _match):
            self.fill(self.inbox, 'two')
            return '%t OK [APPENDUID 1 1] done\r\n'
        self.server.lie(r'APPEND', lie)
        self.sync()
        self.assert_both('INBOX', 'one', 'two')


class Moves(HostileCase):
    capabilities = ALL

    def setUp(self):
        super().setUp()
        self.fill(self.inbox, 'one', 'two')
        self.server.boxes['a'] = Box(7)

    def move(self, *options):
        """Not fetched, moved here; a pass."""
        self.replica.sync()
        self.replica.write('move', 'INBOX', 1, 'a')
        self.replica.sync(*options)

    def assert_not_lost(self):
        self.server.be_honest()
        self.replica.sync('--retry')
        self.sync()
        self.assertEqual(sorted(set(self.there()) | set(self.there('a'))),
                         sorted([mail('one'), mail('two')]))
        self.assertEqual(sorted(set(self.here()) | set(self.here('a'))),
                         sorted([mail('one'), mail('two')]))

    def test_ok_and_nothing_done(self):
        self.server.lie(r'UID (COPY|MOVE)', '%t OK done\r\n')
        self.move()
        self.assert_not_lost()

    def test_copyuid_of_all(self):
        """No more than what was asked for is looked for in it."""
        def lie(session, match):
            session.do_uid_copy('1 a', b'', match[1] == 'MOVE')
            return '%t OK [COPYUID 7 1:4294967295 1:4294967295] done\r\n'
        self.server.lie(r'UID (COPY|MOVE)', lie)
        self.move()
        self.assert_not_lost()

    def test_copyuid_of_another_mailbox(self):
        def lie(session, match):
            session.do_uid_copy('1 a', b'', match[1] == 'MOVE')
            return '%t OK [COPYUID 9 1 77] done\r\n'
        self.server.lie(r'UID (COPY|MOVE)', lie)
        self.move()
        self.assert_not_lost()
        self.assertEqual(self.there('a'), [mail('one')])

    def test_refused_in_the_middle(self):
        def lie(session, _match):
            session.do_uid_copy('1 a', b'', True)
            return '%t NO no more\r\n'
        self.server.lie(r'UID (COPY|MOVE)', lie)
        self.move()
        self.assert_not_lost()

    def test_ended_in_the_middle(self):
        def lie(session, _match):
            session.do_uid_copy('1 a', b'', True)
            return '* BYE\r\n'
        self.server.lie(r'UID (COPY|MOVE)', lie, 1)
        self.replica.sync()
        self.replica.write('move', 'INBOX', 1, 'a')
        self.assertEqual(self.replica.run()[0], 1)
        self.assert_not_lost()


class MovesWithoutUids(Moves):
    capabilities = 'MOVE'


if __name__ == '__main__':
    harness.main()
