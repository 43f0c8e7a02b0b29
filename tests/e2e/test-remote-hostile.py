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


if __name__ == '__main__':
    harness.main()
