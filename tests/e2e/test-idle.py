#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Changes that reach a session by themselves: IDLE, hibernation, NOTIFY.

What is counted is the responses that come at all before a generous deadline,
never how fast they come.
"""

import os

import dovecot
import harness
from imap import list_items, mailbox_name, status_items
from mails import mail


def told(name, num=None):
    """A condition for idle_until: such a response is among those pushed."""
    return lambda got: any(r.name == name and (num is None or r.num == num)
                           for r in got)


class Idle(harness.ServerCase):
    def idler(self, mailbox='INBOX', name='idler'):
        client = self.login(name=name)
        client.select(mailbox)
        client.idle()
        return client

    def writer(self, messages=3):
        client = self.login(name='writer')
        for n in range(messages):
            client.append('INBOX', mail(subject=str(n)))
        return client

    def test_new_message(self):
        """S11 S60: new mail is pushed to an idle session, by APPEND, COPY and
        LMTP."""
        writer = self.writer(1)
        idler = self.idler()
        writer.append('INBOX', mail())
        idler.idle_until(told('EXISTS', 2))
        writer.select()
        writer.ok('COPY 1 INBOX')
        idler.idle_until(told('EXISTS', 3))
        self.lmtp().deliver(self.user, mail())
        idler.idle_until(told('EXISTS', 4))
        idler.done()

    def test_flags(self):
        """S11 S66: flag and keyword changes are pushed."""
        writer = self.writer()
        idler = self.idler()
        writer.select()
        writer.ok('STORE 2 +FLAGS (\\Seen kw)')
        got = idler.idle_until(told('FETCH', 2))
        self.assertLessEqual({'\\Seen', 'kw'},
                             set(got[-1].data[0][1]))
        writer.ok('STORE 2 -FLAGS (\\Seen)')
        got = idler.idle_until(told('FETCH', 2))
        self.assertNotIn('\\Seen', got[-1].data[0][1])
        idler.done()

    def test_expunge(self):
        """S11 S81: an expunge and a move away are pushed."""
        writer = self.writer()
        writer.ok('CREATE x')
        idler = self.idler()
        writer.select()
        writer.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        writer.ok('EXPUNGE')
        idler.idle_until(told('EXPUNGE', 2))
        writer.ok('MOVE 2 x')
        idler.idle_until(told('EXPUNGE', 2))
        idler.done()
        self.assertEqual(idler.search('ALL', uid=True), [1])

    def test_by_doveadm(self):
        """S131 S11: what doveadm does is pushed."""
        self.writer()
        idler = self.idler()
        self.doveadm('flags add', '\\Flagged', 'mailbox', 'INBOX', 'uid', '2')
        idler.idle_until(told('FETCH', 2))
        self.doveadm('expunge', 'mailbox', 'INBOX', 'uid', '1')
        idler.idle_until(told('EXPUNGE', 1))
        self.doveadm('save', stdin=mail())
        idler.idle_until(told('EXISTS', 3))
        idler.done()

    def test_several_sessions(self):
        """S60 S134: several idle sessions are all told, of many changes one
        after the other."""
        writer = self.writer(1)
        idlers = [self.idler(name=f'idler{n}') for n in range(4)]
        for n in range(2, 12):
            writer.append('INBOX', mail())
            for idler in idlers:
                idler.idle_until(told('EXISTS', n))
        for idler in idlers:
            idler.done()
            self.assertEqual(len(idler.search('ALL')), 11)

    def test_other_mailbox(self):
        """S60 S11: changes of another mailbox are not pushed, those of the
        selected one still are."""
        writer = self.writer(1)
        writer.ok('CREATE x')
        idler = self.idler()
        for _ in range(5):
            writer.append('x', mail())
        writer.append('INBOX', mail())
        got = idler.idle_until(told('EXISTS'))
        self.assertEqual([r.num for r in got if r.name == 'EXISTS'], [2])
        idler.done()

    def test_nothing_is_lost_between(self):
        """S11: changes made between two IDLE commands are told by the
        second."""
        writer = self.writer(1)
        idler = self.idler()
        for n in range(2, 12):
            idler.done()
            writer.append('INBOX', mail())
            idler.idle()
            idler.idle_until(
                lambda got, n=n: told('EXISTS', n)(got)
                or len(idler_exists(idler)) >= n - 1)
        idler.done()
        self.assertEqual(len(idler.search('ALL')), 11)

    def test_in_examine(self):
        """S51 S11: an idle session that only reads is told too."""
        writer = self.writer(1)
        client = self.login(name='examiner')
        client.ok('EXAMINE INBOX')
        client.idle()
        writer.append('INBOX', mail())
        client.idle_until(told('EXISTS', 2))
        client.done()

    def test_uidvalidity_stays(self):
        """S54 S11: neither delivery nor IDLE changes UIDVALIDITY."""
        writer = self.writer(1)
        before = writer.status('INBOX')['UIDVALIDITY']
        idler = self.idler()
        for n in range(5):
            self.lmtp().deliver(self.user, mail())
        idler.idle_until(told('EXISTS', 6))
        idler.done()
        self.assertEqual(idler.status('INBOX')['UIDVALIDITY'], before)


def idler_exists(client):
    """The EXISTS responses a client has been told so far."""
    return [line for line in client.dialogue if line.endswith(' EXISTS')]


class Hibernation(harness.ServerCase):
    config = '''
imap_hibernate_timeout = 1s
service imap {
  unix_listener imap-master {
    mode = 0666
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
'''

    def wait_for_hibernation(self, client):
        """Until imap-hibernate has a connection and no imap process is
        left."""
        harness.wait_until(
            lambda: self.clients_of('imap-hibernate') == 1
            and self.clients_of('imap') == 0,
            f'{client.name} does not hibernate')

    def clients_of(self, service):
        """How many connections the processes of a service have now."""
        out = self.server.doveadm('process', 'status', service).stdout
        rows = [line.split() for line in out.decode().splitlines()[1:]]
        limit = {'imap': 1, 'imap-hibernate': dovecot.CLIENT_LIMIT}[service]
        return sum(limit - int(row[2]) for row in rows if row)

    def test_wakes_up(self):
        """S16 S17 S11: a hibernated session is told of new mail, flags and
        expunges, and goes on as before."""
        writer = self.login(name='writer')
        for _ in range(3):
            writer.append('INBOX', mail())
        writer.logout()
        client = self.login(name='sleeper')
        client.ok('ENABLE CONDSTORE')
        client.select()
        for n in range(4, 7):
            client.idle()
            self.wait_for_hibernation(client)
            self.doveadm('save', stdin=mail())
            client.idle_until(told('EXISTS', n))
            client.done()
            self.assertEqual(len(client.search('ALL')), n)
        client.idle()
        self.wait_for_hibernation(client)
        self.doveadm('expunge', 'mailbox', 'INBOX', 'uid', '2')
        client.idle_until(told('EXPUNGE', 2))
        client.done()
        client.ok('STORE 1 +FLAGS (\\Seen)')
        self.assertEqual(client.search('SEEN', uid=True), [1])

    def test_stays_asleep(self):
        """S17: a hibernated session to which nothing happens ends its IDLE
        by DONE, as if it had never slept."""
        client = self.login()
        client.append('INBOX', mail())
        client.select()
        client.idle()
        self.wait_for_hibernation(client)
        client.done()
        self.assertEqual(client.fetch('1', 'UID'), {1: {'UID': 1}})


class Notify(harness.ServerCase):
    everything = ('NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge '
                  'FlagChange)) (PERSONAL (MessageNew MessageExpunge '
                  'MailboxName SubscriptionChange))')

    def test_answers_as_sdbox(self):
        """S18 S9: NOTIFY is answered with the status and code that sdbox
        gives."""
        stock = self.start_server(fmt='sdbox')
        ours, theirs = self.login(), self.login(server=stock)
        for command in (self.everything,
                        'NOTIFY SET (SELECTED (MessageNew MessageExpunge))',
                        'NOTIFY SET STATUS (PERSONAL (MessageNew '
                        'MessageExpunge))',
                        'NOTIFY SET (INBOXES (MessageNew MessageExpunge))',
                        'NOTIFY SET (SUBSCRIBED (MailboxName))',
                        'NOTIFY SET (SUBTREE INBOX (MessageNew '
                        'MessageExpunge))',
                        'NOTIFY SET (MAILBOXES INBOX (MessageNew '
                        'MessageExpunge FlagChange))',
                        'NOTIFY SET (SELECTED-DELAYED (MessageNew '
                        'MessageExpunge))',
                        'NOTIFY SET (PERSONAL (MessageNew))',
                        'NOTIFY SET (FOO (MessageNew))',
                        'NOTIFY', 'NOTIFY NONE'):
            with self.subTest(command=command):
                a, b = ours.cmd(command), theirs.cmd(command)
                self.assertEqual((a.status, a.code_name()),
                                 (b.status, b.code_name()))

    def test_selected_mailbox(self):
        """S11 S60: with NOTIFY the selected mailbox's new mail is told with
        the items asked for, in IDLE."""
        client, writer = self.login(), self.login(name='writer')
        writer.append('INBOX', mail())
        client.select()
        client.ok('NOTIFY SET (SELECTED (MessageNew (UID FLAGS) '
                  'MessageExpunge FlagChange))')
        client.idle()
        uid = writer.append('INBOX', mail(), '\\Seen')
        got = client.idle_until(told('FETCH', 2))
        self.assertTrue(told('EXISTS', 2)(got))
        items = got[-1].data[0]
        self.assertEqual(items[items.index('UID') + 1], str(uid))
        writer.select()
        writer.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        client.idle_until(told('FETCH', 1))
        writer.ok('EXPUNGE')
        client.idle_until(told('EXPUNGE', 1))
        client.done()

    @harness.only_sqbox
    def test_other_mailboxes(self):
        """S11 S60: with NOTIFY a session hears of other mailboxes: their new
        mail as STATUS, new names, renames, deletions and subscriptions as
        LIST.  sdbox does so only after its list index has been made."""
        client, writer = self.login(), self.login(name='writer')
        client.select()
        writer.ok('CREATE old')
        client.ok(self.everything)
        writer.append('old', mail())
        got = client.idle_until(told('STATUS'))
        status = [r for r in got if r.name == 'STATUS'][0]
        self.assertEqual(mailbox_name(status.data[0]), 'old')
        self.assertEqual(status_items(status)['MESSAGES'], 1)
        writer.ok('CREATE new')
        self.wait_for_list(client, 'new', set())
        writer.ok('SUBSCRIBE new')
        self.wait_for_list(client, 'new', {'\\Subscribed'})
        writer.ok('RENAME new newer')
        self.wait_for_list(client, 'newer', set())
        writer.ok('DELETE newer')
        self.wait_for_list(client, 'newer', {'\\NonExistent'})
        client.ok('NOTIFY NONE')

    @staticmethod
    def wait_for_list(client, name, attributes):
        client.idle_until(lambda got: any(
            r.name == 'LIST' and mailbox_name(r.data[2]) == name
            and attributes <= set(r.data[0]) for r in got))


class List(harness.ServerCase):
    def test_list_in_a_live_session(self):
        """S60 S39 S41: every session's LIST has what another one created,
        renamed or deleted a moment ago, also while it has a mailbox open."""
        client, other = self.login(), self.login(name='other')
        other.select()
        for command, wanted in (('CREATE a', {'a'}), ('CREATE a/b',
                                                     {'a', 'a/b'}),
                                ('RENAME a c', {'c', 'c/b'}),
                                ('DELETE c/b', {'c'})):
            client.ok(command)
            reply = other.ok('LIST "" *')
            self.assertEqual(set(list_items(reply)), wanted | {'INBOX'})

    @harness.only_sqbox
    def test_the_store_is_where_it_should_be(self):
        """S134 S128: the account is one store directory with mode 0700 and a
        store.db with mode 0600."""
        client = self.login()
        client.append('INBOX', mail())
        root = os.path.join(self.server.home(self.user), 'mail')
        self.assertEqual(os.stat(root).st_mode & 0o777, 0o700)
        for name in os.listdir(root):
            path = os.path.join(root, name)
            if os.path.isfile(path):
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o600, name)
        self.assertIn('store.db', os.listdir(root))


if __name__ == '__main__':
    harness.main()
