#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Dovecot's own plugins beside sqbox: each works as with other formats."""

import harness
import mails
from imap import Literal


def messages(client, box):
    return client.status(box, 'MESSAGES')['MESSAGES']


class LazyExpunge(harness.ServerCase):
    plugins = 'lazy_expunge'
    config = '''
plugin {
  lazy_expunge = kept
  lazy_expunge_only_last_instance = yes
}
'''

    def expunge(self, client, box):
        client.select(box)
        client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')

    def test_the_last_copy_is_kept(self):
        client = self.login()
        client.ok('CREATE A')
        client.ok('CREATE kept')
        client.append('INBOX', mails.mail())
        client.select('INBOX')
        client.ok('COPY 1 A')
        self.expunge(client, 'INBOX')
        self.assertEqual(messages(client, 'kept'), 0)
        self.expunge(client, 'A')
        self.assertEqual(messages(client, 'A'), 0)
        self.assertEqual(messages(client, 'kept'), 1)


class Quota(harness.ServerCase):
    plugins = 'quota'
    imap_plugins = 'imap_quota'
    config = '''
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:messages=3
}
'''

    def test_counts_and_refuses(self):
        client = self.login()
        client.ok('CREATE A')
        client.append('INBOX', mails.mail())
        client.select('INBOX')
        client.ok('COPY 1 A')
        client.ok('COPY 1 A')
        reply = client.no('COPY 1 A')
        self.assertEqual(reply.code_name(), 'OVERQUOTA')
        # A move needs no room.
        client.ok('MOVE 1 A')
        self.assertEqual(messages(client, 'A'), 3)
        client.select('A')
        client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        client.append('INBOX', mails.mail())
        self.assertEqual(messages(client, 'INBOX'), 1)


class SharedMailboxes(harness.ServerCase):
    plugins = 'acl'
    imap_plugins = 'imap_acl'
    config = f'''
plugin {{
  acl = vfile
  acl_shared_dict = file:%h/../shared-mailboxes
}}
namespace {{
  type = shared
  separator = /
  prefix = shared/%%u/
  location = {harness.FORMAT}:%%h/mail
  subscriptions = no
  list = children
}}
'''

    def test_rights_of_another_user(self):
        owner = self.login()
        owner.ok('CREATE A')
        owner.append('A', mails.mail('to be seen'))
        owner.append('INBOX', mails.mail())
        guest_name = self.user + '-guest'
        there = f'shared/{self.user}/A'
        self.login(guest_name).no(f'SELECT {there}')
        owner.ok(f'SETACL A {guest_name} lrs')
        guest = self.login(guest_name)
        self.assertIn(there, guest.list('shared/*'))
        guest.select(there)
        guest.ok('STORE 1 +FLAGS (\\Seen)')
        # No right to write other flags, to add or to expunge.
        self.assertEqual(
            guest.ok('STORE 1 +FLAGS (\\Flagged)').named('FETCH'), [])
        guest.no(f'APPEND {there} ', Literal(mails.mail(), plus=True))
        guest.ok('EXPUNGE')
        self.assertEqual(messages(owner, 'A'), 1)
        # The list of rights goes along with the mailbox.
        owner.ok('RENAME A Z')
        guest.select(f'shared/{self.user}/Z')
        owner.ok(f'DELETEACL Z {guest_name}')
        self.login(guest_name).no(f'SELECT shared/{self.user}/Z')


if __name__ == '__main__':
    harness.main()
