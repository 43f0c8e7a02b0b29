#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""The folder tree: CREATE, DELETE, RENAME, LIST, LSUB, STATUS."""

import harness
from imap import Closed, Literal, list_items, status_items
from mails import mail

MARKS = {'\\Marked', '\\UnMarked'}      # hints that any server may give


def tree(client, pattern='*', **kwargs):
    """LIST without the hints."""
    return {name: attributes - MARKS
            for name, attributes in client.list(pattern, **kwargs).items()}


LEAF = {'\\HasNoChildren'}
PARENT = {'\\HasChildren'}
DIRECTORY = {'\\Noselect', '\\HasChildren'}
EMPTY_DIRECTORY = {'\\Noselect', '\\HasNoChildren'}


class Create(harness.ServerCase):
    def test_fresh_account(self):
        """S39 S45 S46: a fresh account lists its INBOX and nothing else."""
        client = self.login()
        self.assertEqual(tree(client), {'INBOX': LEAF})
        for pattern in ('inbox', 'InBox', '%', 'INB*'):
            self.assertEqual(set(client.list(pattern)), {'INBOX'})

    def test_create(self):
        """S39: a new mailbox is listed in every session at once."""
        client, other = self.login(), self.login()
        client.ok('CREATE x')
        self.assertEqual(tree(other), {'x': LEAF, 'INBOX': LEAF})
        self.assertEqual(other.status('x', 'MESSAGES UIDNEXT'),
                         {'MESSAGES': 0, 'UIDNEXT': 1})
        self.assertEqual(client.no('CREATE x').code_name(), 'ALREADYEXISTS')
        self.assertEqual(other.no('CREATE x').code_name(), 'ALREADYEXISTS')

    def test_missing_parents(self):
        """S31 S35 S37: missing parents are made and cannot be selected."""
        client = self.login()
        client.ok('CREATE stuff/more/junk')
        self.assertEqual(tree(client, 'stuff*'),
                         {'stuff': DIRECTORY, 'stuff/more': DIRECTORY,
                          'stuff/more/junk': LEAF})
        for name in ('stuff', 'stuff/more'):
            client.no(f'SELECT {name}')
            client.no(f'STATUS {name} (MESSAGES)')
            client.no(f'APPEND {name} ', Literal(mail(), plus=True))

    def test_noselect_parent_becomes_a_mailbox(self):
        """S36 S37: CREATE of a \\Noselect name makes it hold messages too."""
        client = self.login()
        client.ok('CREATE a/b')
        client.ok('CREATE a')
        self.assertEqual(tree(client, 'a*'), {'a': PARENT, 'a/b': LEAF})
        client.append('a', mail())
        client.append('a/b', mail())
        self.assertEqual(client.status('a', 'MESSAGES'), {'MESSAGES': 1})

    def test_trailing_separator(self):
        """S35 S38: CREATE with a trailing separator makes a directory, which
        takes children and no messages."""
        client = self.login()
        client.ok('CREATE dir/')
        self.assertEqual(tree(client, '%')['dir'], EMPTY_DIRECTORY)
        client.no('SELECT dir')
        client.ok('CREATE dir/sub')
        self.assertEqual(tree(client, 'dir*'),
                         {'dir': DIRECTORY, 'dir/sub': LEAF})

    def test_both_messages_and_children(self):
        """S36: a mailbox holds messages and mailboxes."""
        client = self.login()
        for name in ('a', 'a/b', 'a/b/c', 'INBOX/d'):
            client.ok(f'CREATE {name}')
            client.append(name, mail(subject=name))
        self.assertEqual(tree(client), {
            'INBOX': PARENT, 'INBOX/d': LEAF, 'a': PARENT, 'a/b': PARENT,
            'a/b/c': LEAF})
        for name in ('a', 'a/b', 'a/b/c', 'INBOX/d'):
            self.assertEqual(client.select(name).last('EXISTS'), 1)


class Delete(harness.ServerCase):
    def test_delete_with_messages(self):
        """S40: DELETE takes the messages along, in every session."""
        client, other = self.login(), self.login()
        client.ok('CREATE x')
        for _ in range(3):
            client.append('x', mail())
        client.ok('DELETE x')
        self.assertEqual(tree(other), {'INBOX': LEAF})
        other.no('SELECT x')
        other.no('DELETE x')

    def test_made_again_with_larger_uidvalidity(self):
        """S54 S53: a mailbox deleted and made again has a larger UIDVALIDITY,
        however quickly it goes."""
        client = self.login()
        seen = [0]
        for _ in range(5):
            client.ok('CREATE x')
            client.append('x', mail())
            seen.append(client.status('x')['UIDVALIDITY'])
            client.ok('DELETE x')
        self.assertEqual(seen, sorted(set(seen)))

    def test_directory_with_children(self):
        """S40: a \\Noselect name with children is not deleted."""
        client = self.login()
        client.ok('CREATE dir/sub')
        client.no('DELETE dir')
        self.assertEqual(tree(client, 'dir*'),
                         {'dir': DIRECTORY, 'dir/sub': LEAF})
        client.ok('DELETE dir/sub')
        client.cmd('DELETE dir')
        self.assertEqual(tree(client), {'INBOX': LEAF})

    def test_mailbox_with_children(self):
        """S40: a mailbox with children loses its messages and turns
        \\Noselect; made again it is empty and has a new UIDVALIDITY."""
        client = self.login()
        client.ok('CREATE par')
        client.ok('CREATE par/kid')
        client.append('par', mail())
        client.append('par/kid', mail())
        before = client.status('par')
        client.ok('DELETE par')
        self.assertEqual(tree(client, 'par*'),
                         {'par': DIRECTORY, 'par/kid': LEAF})
        client.no('SELECT par')
        self.assertEqual(client.status('par/kid', 'MESSAGES'),
                         {'MESSAGES': 1})
        client.ok('CREATE par')
        after = client.status('par')
        self.assertEqual(after['MESSAGES'], 0)
        self.assertGreater(after['UIDVALIDITY'], before['UIDVALIDITY'])

    def test_delete_inbox(self):
        """S40 S46: INBOX is not deleted, in any spelling."""
        client = self.login()
        client.append('INBOX', mail())
        for name in ('INBOX', 'inbox', 'Inbox'):
            client.no(f'DELETE {name}')
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 1})

    def test_delete_the_selected_mailbox(self):
        """S40 S11: sessions that have the deleted mailbox open end cleanly or
        go on without it; the account goes on in any case."""
        client, other = self.login(), self.login()
        client.ok('CREATE x')
        client.append('x', mail())
        other.select('x')
        client.ok('DELETE x')
        try:
            reply = other.cmd('NOOP')
            reply = other.cmd('FETCH 1 BODY[]')
            self.assertIn(reply.status, ('NO', 'BAD', 'OK'))
        except Closed:
            pass
        self.assertEqual(tree(self.login()), {'INBOX': LEAF})


class Rename(harness.ServerCase):
    def test_rename_keeps_messages(self):
        """S41: a renamed mailbox keeps UIDs, UIDVALIDITY, UIDNEXT, flags,
        dates and octets."""
        client = self.login()
        client.ok('CREATE x')
        for n in range(4):
            client.append('x', mail(subject=str(n)), '\\Seen kw',
                          '01-Mar-2024 12:00:00 +0000')
        client.select('x')
        client.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        items = 'FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]'
        before = client.fetch_by_uid(items)
        status = client.status('x')
        client.ok('UNSELECT')
        client.ok('RENAME x y')
        self.assertEqual(tree(client), {'y': LEAF, 'INBOX': LEAF})
        client.no('SELECT x')
        self.assertEqual(client.status('y'), status)
        client.select('y')
        after = client.fetch_by_uid(items)
        for messages in (before, after):
            for message in messages.values():
                message['FLAGS'] -= {'\\Recent'}
        self.assertEqual(after, before)

    def test_rename_of_a_subtree(self):
        """S41: the inferiors follow; missing parents of the new name are
        made."""
        client = self.login()
        for name in ('a', 'a/b', 'a/b/c', 'ab'):
            client.ok(f'CREATE {name}')
            client.append(name, mail(subject=name))
        validity = client.status('a/b/c')
        client.ok('RENAME a new/place')
        self.assertEqual(tree(client), {
            'INBOX': LEAF, 'ab': LEAF, 'new': DIRECTORY, 'new/place': PARENT,
            'new/place/b': PARENT, 'new/place/b/c': LEAF})
        self.assertEqual(client.status('new/place/b/c'), validity)
        client.select('new/place/b/c')
        header = client.fetch('1', 'BODY[HEADER.FIELDS (SUBJECT)]')[1]
        self.assertEqual(header['BODY[HEADER.FIELDS (SUBJECT)]'],
                         b'Subject: a/b/c\r\n\r\n')

    def test_rename_of_a_directory(self):
        """S41 S35: a \\Noselect name is renamed with what is below it."""
        client = self.login()
        client.ok('CREATE dir/sub')
        client.ok('RENAME dir newdir')
        self.assertEqual(tree(client), {
            'INBOX': LEAF, 'newdir': DIRECTORY, 'newdir/sub': LEAF})

    def test_refused(self):
        """S41: onto a name that is taken, below itself, or of nothing: NO,
        and nothing has changed."""
        client = self.login()
        client.select()     # sdbox makes the INBOX of an account only now
        for name in ('a', 'a/b', 'c'):
            client.ok(f'CREATE {name}')
        before = tree(client)
        for old, new in (('a', 'c'), ('c', 'a/b'), ('a', 'a/b/x'),
                         ('a', 'a/x'), ('nosuch', 'd'), ('a', 'INBOX'),
                         ('a', 'a')):
            with self.subTest(old=old, new=new):
                client.no(f'RENAME {old} {new}')
                self.assertEqual(tree(client), before)

    def test_rename_inbox(self):
        """S41: RENAME INBOX gives its messages to the new name, with their
        UIDs; an empty INBOX with a larger UIDVALIDITY is there at once."""
        client = self.login()
        for n in range(3):
            client.append('INBOX', mail(subject=str(n)), '\\Flagged')
        before = client.status('INBOX')
        client.ok('RENAME INBOX old')
        self.assertEqual(tree(client), {'INBOX': LEAF, 'old': LEAF})
        self.assertEqual(client.status('old'), before)
        after = client.status('INBOX')
        self.assertEqual(after['MESSAGES'], 0)
        self.assertNotEqual(after['UIDVALIDITY'], before['UIDVALIDITY'])
        client.append('INBOX', mail())
        client.select('old')
        self.assertEqual(client.search('FLAGGED', uid=True), [1, 2, 3])

    @harness.only_sqbox
    def test_rename_inbox_with_inferiors(self):
        """S41: the inferiors of INBOX stay where they are (RFC 3501 6.3.5);
        sdbox moves them."""
        client = self.login()
        client.append('INBOX', mail())
        client.ok('CREATE INBOX/child')
        client.append('INBOX/child', mail())
        client.ok('RENAME INBOX old')
        self.assertEqual(tree(client), {
            'INBOX': PARENT, 'INBOX/child': LEAF, 'old': LEAF})
        self.assertEqual(client.status('INBOX/child', 'MESSAGES'),
                         {'MESSAGES': 1})

    def test_rename_under_an_open_session(self):
        """S41 S60: a session that has the mailbox selected still reads it, or
        is told to leave; no message is lost."""
        client, other = self.login(), self.login()
        client.ok('CREATE x')
        client.append('x', mail())
        other.select('x')
        client.ok('RENAME x y')
        try:
            other.ok('NOOP')
            other.cmd('FETCH 1 (UID FLAGS)')
        except Closed:
            pass
        self.assertEqual(client.select('y').last('EXISTS'), 1)
        client.fetch('1', 'BODY[]')

    @harness.only_sqbox
    def test_name_goes_to_another_mailbox(self):
        """S21 S22: a session that has just looked at a mailbox opens the one
        that has its name now, and does not disturb who has the old one
        open."""
        mover, looker, reader = self.login(), self.login(), self.login()
        mover.ok('CREATE a')
        for _ in range(3):
            mover.append('a', mail(subject='old'))
        reader.select('a')
        looker.status('a')
        mover.ok('RENAME a b')
        mover.ok('CREATE a')
        looker.select('a')
        looker.append('a', mail(subject='new'))
        self.assertEqual(looker.search('SUBJECT new'), [1])
        reader.ok('STORE 2 +FLAGS (\\Deleted)')
        reader.ok('EXPUNGE')
        self.assertEqual(reader.search('ALL', uid=True), [1, 3])
        self.assertEqual(looker.search('ALL', uid=True), [1])
        mover.select('b')
        self.assertEqual(mover.search('SUBJECT old', uid=True), [1, 3])


class List(harness.ServerCase):
    names = ('a', 'a/b', 'a/b/c', 'ab', 'stuff/junk')

    def setUp(self):
        super().setUp()
        self.client = self.login()
        for name in self.names:
            self.client.ok(f'CREATE {name}')

    def test_patterns(self):
        """S45: % stops at the separator, * does not; reference and pattern
        are put together."""
        for reference, pattern, wanted in (
                ('""', '%', 'INBOX a ab stuff'),
                ('""', '*', 'INBOX a a/b a/b/c ab stuff stuff/junk'),
                ('""', 'a%', 'a ab'),
                ('""', 'a*', 'a a/b a/b/c ab'),
                ('a/', '%', 'a/b'),
                ('a/', '*', 'a/b a/b/c'),
                ('""', '%/%', 'a/b stuff/junk'),
                ('""', '*/c', 'a/b/c'),
                ('""', '*nk', 'stuff/junk'),
                ('stuff', '%', 'stuff'),
                ('""', 'a/b', 'a/b'),
                ('""', 'nosuch*', ''),
                ('""', '%/%/%/%', '')):
            with self.subTest(reference=reference, pattern=pattern):
                found = self.client.list(pattern, reference)
                self.assertEqual(sorted(found), wanted.split())

    def test_separator(self):
        """S31 S45: LIST with two empty strings tells the separator."""
        reply = self.client.ok('LIST "" ""')
        self.assertEqual([repr(r) for r in reply.untagged],
                         ['* LIST (\\Noselect) "/" ""'])

    def test_list_extended(self):
        """S45: several patterns, selection and return options (RFC 5258)."""
        client = self.client
        client.ok('SUBSCRIBE a/b')
        reply = client.ok('LIST (SUBSCRIBED) "" "*" RETURN (CHILDREN)')
        found = {k: v - MARKS for k, v in list_items(reply).items()}
        self.assertEqual(found,
                         {'a/b': {'\\Subscribed', '\\HasChildren'}})
        reply = client.ok('LIST "" (ab stuff/*) RETURN (CHILDREN)')
        self.assertEqual(sorted(list_items(reply)), ['ab', 'stuff/junk'])
        reply = client.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" % '
                          'RETURN (SUBSCRIBED)')
        self.assertEqual(sorted(list_items(reply)), ['a'])
        self.assertEqual(reply.named('LIST')[0].data[3],
                         ['CHILDINFO', [b'SUBSCRIBED']])

    def test_list_status(self):
        """S45 S49: LIST with STATUS (RFC 5819) gives the figures of each
        mailbox that can be selected."""
        client = self.client
        client.append('a/b', mail())
        client.append('a/b', mail(), '\\Seen')
        reply = client.ok('LIST "" (a/* stuff) RETURN (STATUS (MESSAGES '
                          'UNSEEN UIDNEXT))')
        self.assertEqual(sorted(list_items(reply)), ['a/b', 'a/b/c', 'stuff'])
        figures = {str(r.data[0]): status_items(r)
                   for r in reply.named('STATUS')}
        self.assertEqual(figures, {
            'a/b': {'MESSAGES': 2, 'UNSEEN': 1, 'UIDNEXT': 3},
            'a/b/c': {'MESSAGES': 0, 'UNSEEN': 0, 'UIDNEXT': 1}})

    def test_status(self):
        """S49: STATUS of a closed mailbox follows every change of it."""
        client, other = self.client, self.login()
        everything = ('MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE '
                      'HIGHESTMODSEQ')
        status = client.status('a', everything)
        self.assertEqual((status['MESSAGES'], status['RECENT'],
                          status['UIDNEXT'], status['UNSEEN'],
                          status['SIZE']), (0, 0, 1, 0, 0))
        size = len(mail())
        for _ in range(3):
            other.append('a', mail())
        status = client.status('a', everything)
        self.assertEqual((status['MESSAGES'], status['RECENT'],
                          status['UIDNEXT'], status['UNSEEN'],
                          status['SIZE']), (3, 3, 4, 3, 3 * size))
        other.select('a')
        other.ok('STORE 1 +FLAGS (\\Seen)')
        other.ok('STORE 2 +FLAGS (\\Deleted)')
        modseq = client.status('a', 'HIGHESTMODSEQ')['HIGHESTMODSEQ']
        self.assertGreater(modseq, status['HIGHESTMODSEQ'])
        other.ok('CLOSE')
        status = client.status('a', everything)
        self.assertEqual((status['MESSAGES'], status['RECENT'],
                          status['UIDNEXT'], status['UNSEEN'],
                          status['SIZE']), (2, 0, 4, 1, 2 * size))
        self.assertGreater(status['HIGHESTMODSEQ'], modseq)
        client.no('STATUS nosuch (MESSAGES)')

    def test_status_agrees_with_select(self):
        """S49 S50: STATUS and SELECT tell the same figures."""
        client = self.client
        for n in range(5):
            client.append('a', mail(), '\\Seen' if n % 2 else '')
        client.ok('ENABLE CONDSTORE')
        status = client.status('a', 'MESSAGES UIDNEXT UIDVALIDITY '
                               'HIGHESTMODSEQ')
        reply = client.ok('EXAMINE a')
        self.assertEqual(
            [status['MESSAGES'], status['UIDNEXT'], status['UIDVALIDITY'],
             status['HIGHESTMODSEQ']],
            [reply.last('EXISTS')] + [int(reply.coded(code)[0]) for code in (
                'UIDNEXT', 'UIDVALIDITY', 'HIGHESTMODSEQ')])

    def test_many_folders(self):
        """S45: a thousand mailboxes are listed once each."""
        client = self.login(self.user + 'many')
        wanted = {'INBOX'}
        for n in range(1000):
            name = f'top{n % 10}/box{n}'
            client.send(f'CREATE {name}')
            wanted |= {name, f'top{n % 10}'}
        for n in range(1000):
            reply = client.wait(f'a{n + 2}')
            self.assertEqual(reply.status, 'OK')
        reply = client.ok('LIST "" *')
        self.assertEqual(len(reply.named('LIST')), len(wanted))
        self.assertEqual(set(list_items(reply)), wanted)
        self.assertEqual(len(client.list('top3/*')), 100)


class Subscriptions(harness.ServerCase):
    def test_subscribe(self):
        """S42: SUBSCRIBE and UNSUBSCRIBE, seen by every session, also after a
        new login."""
        client = self.login()
        for name in ('a', 'a/b', 'c'):
            client.ok(f'CREATE {name}')
        client.ok('SUBSCRIBE a/b')
        client.ok('SUBSCRIBE c')
        client.ok('SUBSCRIBE c')
        client.logout()
        client = self.login()
        self.assertEqual(set(client.list('*', command='LSUB')), {'a/b', 'c'})
        self.assertEqual(client.list('%', command='LSUB'),
                         {'a': {'\\Noselect'}, 'c': set()})
        client.ok('UNSUBSCRIBE c')
        client.ok('UNSUBSCRIBE nosuch')
        self.assertEqual(set(self.login().list('*', command='LSUB')),
                         {'a/b'})

    def test_nonexistent(self):
        """S43: SUBSCRIBE of a mailbox that is not there is NO."""
        client = self.login()
        client.no('SUBSCRIBE nosuch')
        self.assertEqual(client.list('*', command='LSUB'), {})

    def test_survives_deletion(self):
        """S44: a subscription outlives its mailbox."""
        client = self.login()
        client.ok('CREATE a')
        client.ok('SUBSCRIBE a')
        client.ok('DELETE a')
        self.assertEqual(set(client.list('*', command='LSUB')), {'a'})
        reply = client.ok('LIST (SUBSCRIBED) "" *')
        self.assertIn('\\NonExistent', list_items(reply)['a'])
        client.ok('UNSUBSCRIBE a')
        self.assertEqual(client.list('*', command='LSUB'), {})

    def test_inbox(self):
        """S42 S46: INBOX is one name in any spelling."""
        client = self.login()
        client.ok('SUBSCRIBE inbox')
        self.assertEqual(set(client.list('*', command='LSUB')), {'INBOX'})
        client.ok('UNSUBSCRIBE InBox')
        self.assertEqual(client.list('*', command='LSUB'), {})


class SubscriptionOfInbox(harness.ServerCase):
    # sdbox's index of mailboxes has no INBOX before it is there.
    config = 'mailbox_list_index = no\n'

    def test_never_opened(self):
        """S42 S45 S46: an INBOX that nobody has opened is listed as
        subscribed if it is."""
        client = self.login()
        for _ in range(2):
            client.ok('SUBSCRIBE INBOX')
            for pattern in ('*', 'INBOX', '%'):
                reply = client.ok(f'LIST "" {pattern} '
                                  'RETURN (SUBSCRIBED CHILDREN)')
                self.assertEqual(list_items(reply), {
                    'INBOX': {'\\Subscribed', '\\HasNoChildren'}})
            client.ok('UNSUBSCRIBE INBOX')
            reply = client.ok('LIST "" * RETURN (SUBSCRIBED)')
            self.assertEqual(list_items(reply), {'INBOX': set()})
            client.select()
            client.ok('CLOSE')


if __name__ == '__main__':
    harness.main()
