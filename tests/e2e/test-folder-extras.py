#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What Dovecot and its plugins add to folders: namespaces, special use,
METADATA, ACL, quota, shared mailboxes."""

import os
import shutil

import harness
from imap import Literal, list_items
from mails import incompressible, mail

FMT = harness.FORMAT


class Namespaces(harness.ServerCase):
    config = f'''
namespace {{
  prefix = "#news."
  separator = .
  type = public
  list = no
  subscriptions = no
  location = {FMT}:%h/news
}}
namespace {{
  prefix = Work/
  separator = /
  location = {FMT}:%h/work
}}
'''
    config_2_4 = '''
namespace news {
  prefix = "#news."
  separator = .
  type = public
  list = no
  subscriptions = no
  mail_path = ~/news
}
namespace work {
  prefix = Work/
  separator = /
  mail_path = ~/work
}
'''

    def test_namespace(self):
        """S27 S33 S34: each namespace has its prefix and separator; the first
        has no prefix."""
        client = self.login()
        self.assertEqual(
            repr(client.ok('NAMESPACE').untagged[0]),
            '* NAMESPACE (("" "/")("Work/" "/")) NIL (("#news." "."))')

    def test_hidden_namespace(self):
        """S27 S33: a namespace with another separator is reached by its
        prefix, and keeps mail."""
        client = self.login()
        client.ok('CREATE #news.comp.mail')
        client.append('#news.comp.mail', mail())
        self.assertEqual(set(client.list()), {'INBOX', 'Work'})
        self.assertEqual(set(client.list('*', '"#news."')),
                         {'#news.comp', '#news.comp.mail'})
        self.assertEqual(
            repr(client.ok('LIST "#news." ""').untagged[0]),
            '* LIST (\\Noselect) "." #news.')
        self.assertEqual(client.select('#news.comp.mail').last('EXISTS'), 1)

    def test_two_stores(self):
        """S27: messages are copied and moved, mailboxes renamed, from one
        store of the account to another."""
        client = self.login()
        client.ok('CREATE Work/x')
        self.assertEqual(set(client.list()), {'INBOX', 'Work', 'Work/x'})
        for n in range(3):
            client.append('INBOX', mail(subject=str(n)), '\\Flagged kw',
                          '01-Mar-2024 12:00:00 +0000')
        client.select()
        before = client.fetch('1:3', 'INTERNALDATE BODY.PEEK[]')
        reply = client.ok('COPY 1:2 Work/x')
        self.assertEqual(reply.code_name(), 'COPYUID')
        client.ok('MOVE 3 Work/x')
        client.select('Work/x')
        after = client.fetch('1:3', 'INTERNALDATE BODY.PEEK[]')
        self.assertEqual(after, before)
        flags = client.fetch('1:3', 'FLAGS')
        for n in flags:
            self.assertLessEqual({'\\Flagged', 'kw'}, flags[n]['FLAGS'])
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 2})

    def test_inbox_below_a_prefix(self):
        """S33 S39 S46: inbox below a prefix is a mailbox as any other: not
        there before CREATE, and not the user's INBOX.  Its spelling is up to
        the format."""
        client = self.login()
        for prefix in ('Work/', '#news.'):
            name = f'{prefix}Inbox'
            client.no(f'STATUS {name} (MESSAGES)')
            client.no(f'SELECT {name}')
            client.no(f'DELETE {name}')
            self.assertEqual(client.list(name), {})
            client.ok(f'CREATE {name}')
            client.no(f'CREATE {name}')
            client.append(name, mail())
            self.assertEqual(client.select(name).last('EXISTS'), 1)
            client.ok('CLOSE')
            for pattern in (name, f'{prefix}*'):
                self.assertEqual([n.lower() for n in client.list(pattern)],
                                 [name.lower()])
            client.ok(f'SUBSCRIBE {name}')
            self.assertEqual(
                [n.lower() for n in client.list(f'{prefix}*', command='LSUB')],
                [name.lower()])
            client.ok(f'RENAME {name} {prefix}other')
            self.assertEqual(client.status(f'{prefix}other', 'MESSAGES'),
                             {'MESSAGES': 1})
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 0})


class TwoNamespacesOneStore(harness.ServerCase):
    """The same mail under a second prefix."""

    config = f'''
namespace {{
  prefix = again/
  separator = /
  subscriptions = no
  location = {FMT}:~/mail
}}
'''
    config_2_4 = '''
namespace again {
  prefix = again/
  separator = /
  subscriptions = no
}
'''

    def test_subscriptions(self):
        """S43: LSUB tells each name once, under the prefix that it was
        subscribed with."""
        client = self.login()
        for name in ('a', 'b/c', 'both'):
            client.ok(f'CREATE {name}')
        for name in ('a', 'again/b/c', 'both', 'again/both'):
            client.ok(f'SUBSCRIBE {name}')
        names = [r.data[-1] for r in client.ok('LSUB "" *').named('LSUB')]
        self.assertEqual(sorted(names),
                         ['a', 'again/b/c', 'again/both', 'both'])
        client.ok('UNSUBSCRIBE again/both')
        self.assertEqual(set(client.list(command='LSUB')),
                         {'a', 'again/b/c', 'both'})


class SpecialUse(harness.ServerCase):
    config = '''
namespace inbox {
  mailbox Trash {
    special_use = \\Trash
    auto = subscribe
  }
  mailbox Sent {
    special_use = \\Sent
    auto = create
  }
  mailbox Drafts {
    special_use = \\Drafts
  }
}
'''

    def test_automatic_mailboxes(self):
        """S45 S42: mailboxes that the configuration makes are listed from the
        first login, with their special use, and take mail."""
        client = self.login()
        attributes = client.list()
        self.assertEqual(set(attributes), {'INBOX', 'Trash', 'Sent'})
        self.assertIn('\\Trash', attributes['Trash'])
        self.assertIn('\\Sent', attributes['Sent'])
        self.assertEqual(set(client.list(command='LSUB')), {'Trash'})
        reply = client.ok('LIST (SPECIAL-USE) "" *')
        self.assertEqual(set(list_items(reply)), {'Trash', 'Sent'})
        self.assertEqual(client.status('Trash', 'MESSAGES UIDNEXT'),
                         {'MESSAGES': 0, 'UIDNEXT': 1})
        client.append('Sent', mail())
        self.assertEqual(client.select('Sent').last('EXISTS'), 1)

    def test_created_later(self):
        """S45 S39: a mailbox that the configuration only names gets its
        special use when it is created."""
        client = self.login()
        client.ok('CREATE Drafts')
        self.assertIn('\\Drafts', client.list()['Drafts'])

    def test_deleted(self):
        """S40: an automatic mailbox that is deleted comes back empty, with a
        larger UIDVALIDITY."""
        client = self.login()
        client.append('Trash', mail())
        before = client.status('Trash')
        client.ok('DELETE Trash')
        after = client.status('Trash')
        self.assertEqual(after['MESSAGES'], 0)
        self.assertGreater(after['UIDVALIDITY'], before['UIDVALIDITY'])


@harness.only_sqbox
class RecordedSpecialUse(harness.ServerCase):
    """The store knows the special uses of the configuration, for those who
    do not read that."""

    config = SpecialUse.config

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.silent = cls.start_server(config='')

    def shown(self, server):
        """What a server says of the same store, each with its settings."""
        client = self.login(server=server)
        reply = client.ok('LIST "" * RETURN (SPECIAL-USE)')
        uses = {'\\Trash', '\\Sent', '\\Drafts', '\\Junk'}
        shown = {name: attributes & uses
                 for name, attributes in list_items(reply).items()}
        client.logout()
        return {name: found for name, found in shown.items() if found}

    def elsewhere(self):
        """The store in the place of the silent server's."""
        home = self.silent.home(self.user)
        if os.path.isdir(home):
            shutil.rmtree(home)
        shutil.copytree(self.server.home(self.user), home)
        self.silent.own(home)
        return self.shown(self.silent)

    def test_recorded(self):
        """A mailbox's use is recorded when it is made or opened, and follows
        the configuration."""
        client = self.login()
        client.ok('CREATE Drafts')
        client.append('Trash', mail())
        self.assertEqual(self.elsewhere(), {'Drafts': {'\\Drafts'},
                                            'Trash': {'\\Trash'}})
        client.ok('RENAME Drafts Old')
        client.select('Old')
        client.ok('CREATE Drafts')
        client.select('Sent')
        self.assertEqual(self.elsewhere(), {'Drafts': {'\\Drafts'},
                                            'Sent': {'\\Sent'},
                                            'Trash': {'\\Trash'}})
        self.assertEqual(self.shown(self.server), self.elsewhere())

    def test_only_if_it_differs(self):
        """Opening again writes nothing, nor does EXAMINE ever."""
        client = self.login()
        client.select('Trash')
        writer = self.login(server=self.silent)
        writer.ok('CREATE Trash')
        before = client.status('Trash', 'HIGHESTMODSEQ')
        for _ in range(3):
            client.select('Trash')
        self.assertEqual(client.status('Trash', 'HIGHESTMODSEQ'), before)
        writer.ok('EXAMINE Trash')
        self.assertEqual(self.shown(self.silent), {})


class Metadata(harness.ServerCase):
    config = '''
mail_attribute_dict = file:%h/attributes
protocol imap {
  imap_metadata = yes
}
'''
    config_2_4 = '''
mail_attribute {
  dict file {
    path = %{home}/attributes
  }
}
protocol imap {
  imap_metadata = yes
}
'''

    def get(self, client, mailbox, entry):
        reply = client.ok(f'GETMETADATA {mailbox} {entry}')
        tokens = reply.named('METADATA')[0].data[1]
        return dict(zip(tokens[::2], tokens[1::2]))[entry]

    def test_set_and_get(self):
        """S18 S42: an annotation of a mailbox or of the server is read as it
        was set, by every session, and removed with NIL."""
        client, other = self.login(), self.login()
        client.ok('CREATE x')
        value = b'two\r\nlines \xc3\xa4'
        for mailbox, entry in (('x', '/private/comment'),
                               ('x', '/shared/comment'),
                               ('x', '/private/vendor/example/deep/key'),
                               ('INBOX', '/private/comment'),
                               ('""', '/private/comment')):
            with self.subTest(mailbox=mailbox, entry=entry):
                client.ok(f'SETMETADATA {mailbox} ({entry} ',
                          Literal(value, plus=True), ')')
                self.assertEqual(self.get(other, mailbox, entry), value)
                client.ok(f'SETMETADATA {mailbox} ({entry} NIL)')
                self.assertIsNone(self.get(other, mailbox, entry))

    def test_depth_and_maxsize(self):
        """S18: DEPTH lists entries below one, MAXSIZE leaves out long ones."""
        client = self.login()
        client.ok('CREATE x')
        client.ok('SETMETADATA x (/private/a "1" /private/a/b "22")')
        reply = client.ok('GETMETADATA (DEPTH infinity) x (/private/a)')
        tokens = [t for r in reply.named('METADATA') for t in r.data[1]]
        self.assertEqual(dict(zip(tokens[::2], tokens[1::2])),
                         {'/private/a': b'1', '/private/a/b': b'22'})
        reply = client.ok('GETMETADATA (MAXSIZE 1) x (/private/a/b)')
        self.assertEqual(reply.code[:2], ['METADATA', 'LONGENTRIES'])

    def test_survives_rename(self):
        """S41: annotations go with the mailbox that is renamed, and end with
        the one that is deleted."""
        client = self.login()
        client.ok('CREATE x')
        client.ok('SETMETADATA x (/private/comment "mine")')
        client.ok('RENAME x y')
        self.assertEqual(self.get(client, 'y', '/private/comment'), b'mine')
        client.ok('DELETE y')
        client.ok('CREATE y')
        self.assertIsNone(self.get(client, 'y', '/private/comment'))

    def test_mailbox_that_is_not_there(self):
        """S9: annotations of a mailbox that does not exist: NO."""
        client = self.login()
        client.no('SETMETADATA nosuch (/private/comment "x")')
        client.no('GETMETADATA nosuch /private/comment')


class Acl(harness.ServerCase):
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
  location = {FMT}:%%h/mail:INDEXPVT=~/private/%%u
  subscriptions = no
  list = children
}}
'''
    config_2_4 = '''
acl_driver = vfile
acl_sharing_map {
  dict file {
    path = %{home}/../shared-mailboxes
  }
}
namespace shared {
  type = shared
  separator = /
  prefix = shared/$user/
  mail_path = %{owner_home}/mail
  mail_index_private_path = ~/private/%{owner_user}
  subscriptions = no
  list = children
}
'''

    def acl(self, client, mailbox):
        data = client.ok(f'GETACL {mailbox}').named('ACL')[0].data[1:]
        return {str(who): set(rights)
                for who, rights in zip(data[::2], data[1::2])}

    def test_set_and_delete(self):
        """S26: rights are set, changed, listed and deleted; they go with a
        renamed mailbox."""
        client = self.login()
        client.ok('CREATE box')
        client.ok('SETACL box ann lrs')
        client.ok('SETACL box bob +i')
        client.ok('SETACL box bob +l')
        wanted = {'ann': set('lrs'), 'bob': set('il'),
                  self.user: set('lrwstipekxacd')}
        self.assertEqual(self.acl(client, 'box'), wanted)
        client.ok('RENAME box new')
        self.assertEqual(self.acl(self.login(), 'new'), wanted)
        client.ok('DELETEACL new bob')
        self.assertNotIn('bob', self.acl(client, 'new'))
        self.assertEqual(
            set(client.ok('MYRIGHTS new').named('MYRIGHTS')[0].data[1]),
            set('lrwstipekxacd'))

    def test_second_user(self):
        """S26 S48: another user sees a shared mailbox, may do what the rights
        say and nothing more; \\Seen is his own."""
        owner = self.login(name='owner')
        friend = self.login(self.user + 'friend', name='friend')
        owner.ok('CREATE box')
        owner.append('box', mail(subject='shared'))
        owner.ok(f'SETACL box {self.user}friend lrs')
        name = f'shared/{self.user}/box'
        self.assertIn(name, friend.list())
        reply = friend.select(name)
        self.assertEqual(reply.last('EXISTS'), 1)
        self.assertEqual(
            set(friend.ok(f'MYRIGHTS {name}').named('MYRIGHTS')[0].data[1]),
            set('lrs'))
        friend.ok('STORE 1 +FLAGS (\\Seen)')
        self.assertIn('\\Seen', friend.fetch('1', 'FLAGS')[1]['FLAGS'])
        friend.ok('STORE 1 +FLAGS (\\Deleted \\Flagged)')
        friend.ok('EXPUNGE')
        self.assertEqual(friend.fetch('1', 'FLAGS')[1]['FLAGS']
                         & {'\\Deleted', '\\Flagged'}, set())
        self.assertEqual(friend.no(f'APPEND {name} ',
                                   Literal(mail(), plus=True)).code_name(),
                         'NOPERM')
        friend.ok('COPY 1 INBOX')
        friend.ok('UNSELECT')
        friend.no(f'DELETE {name}')
        friend.no(f'RENAME {name} mine')
        owner.select('box')
        self.assertNotIn('\\Seen', owner.fetch('1', 'FLAGS')[1]['FLAGS'])
        owner.ok(f'SETACL box {self.user}friend lrsi')
        friend = self.login(self.user + 'friend', name='friend')
        friend.append(name, mail(subject='from a friend'))
        self.assertEqual(owner.ok('NOOP').last('EXISTS'), 2)

    def test_no_rights(self):
        """S26: a mailbox without rights for a user does not exist for him."""
        owner = self.login(name='owner')
        stranger = self.login(self.user + 'stranger', name='stranger')
        owner.ok('CREATE box')
        owner.append('box', mail())
        name = f'shared/{self.user}/box'
        self.assertNotIn(name, stranger.list())
        stranger.no(f'SELECT {name}')
        if FMT != 'sdbox':      # it answers from its mailbox list index
            stranger.no(f'STATUS {name} (MESSAGES)')


class Quota(harness.ServerCase):
    plugins = 'quota'
    imap_plugins = 'imap_quota'
    config = '''
plugin {
  quota = count:User quota
  quota_rule = *:storage=100k
  quota_rule2 = *:messages=20
  quota_grace = 0
  quota_vsizes = yes
}
'''
    config_2_4 = '''
quota "User quota" {
  driver = count
  storage_size = 100k
  storage_grace = 0
  message_count = 20
}
'''

    def usage(self, client):
        reply = client.ok('GETQUOTAROOT INBOX')
        values = reply.named('QUOTA')[0].data[1]
        return {values[i]: int(values[i + 1])
                for i in range(0, len(values), 3)}

    def test_usage(self):
        """S63 S57: usage is the sum of the sizes on the wire, over all
        mailboxes, and falls with EXPUNGE and DELETE."""
        client = self.login()
        client.ok('CREATE x')
        body = incompressible(10000)
        for mailbox in ('INBOX', 'x', 'x'):
            client.append(mailbox, mail(body=body))
        size = len(mail(body=body))
        self.assertEqual(self.usage(client),
                         {'STORAGE': -(-3 * size // 1024), 'MESSAGE': 3})
        client.select('x')
        client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
        client.ok('EXPUNGE')
        self.assertEqual(self.usage(client),
                         {'STORAGE': -(-2 * size // 1024), 'MESSAGE': 2})
        client.ok('UNSELECT')
        client.ok('DELETE x')
        self.assertEqual(self.usage(client),
                         {'STORAGE': -(-size // 1024), 'MESSAGE': 1})

    def test_over_quota(self):
        """S63 S9: a message over quota is NO [OVERQUOTA], by APPEND and COPY;
        a smaller one is taken."""
        client = self.login()
        client.append('INBOX', mail(body=incompressible(60000)))
        reply = client.no('APPEND INBOX ',
                          Literal(mail(body=incompressible(60000))))
        self.assertEqual(reply.code_name(), 'OVERQUOTA')
        client.ok('CREATE x')
        client.select()
        self.assertEqual(client.no('COPY 1 x').code_name(), 'OVERQUOTA')
        client.append('x', mail())
        self.assertEqual(self.usage(client)['MESSAGE'], 2)
        client.ok('MOVE 1 x')
        self.assertEqual(client.status('x', 'MESSAGES'), {'MESSAGES': 2})

    def test_multiappend_over_quota(self):
        """S28 S63: of several messages in one APPEND the third is over quota:
        none is there."""
        client = self.login()
        client.append('INBOX', mail())
        half = mail(body=incompressible(60000))
        reply = client.no(
            'APPEND INBOX ', Literal(mail(), plus=True),
            ' (\\Seen) ', Literal(half, plus=True),
            ' ', Literal(half, plus=True))
        self.assertEqual(reply.code_name(), 'OVERQUOTA')
        self.assertEqual(client.status('INBOX', 'MESSAGES'), {'MESSAGES': 1})
        self.assertEqual(client.select().last('EXISTS'), 1)
        self.assertGreaterEqual(client.append('INBOX', mail()), 2)

    def test_recalculated(self):
        """S63: `doveadm quota recalc` finds the same usage."""
        client = self.login()
        for _ in range(5):
            client.append('INBOX', mail(body=incompressible(3000)))
        before = self.usage(client)
        self.doveadm('quota recalc')
        self.assertEqual(self.usage(client), before)
        out = self.doveadm('quota get').stdout.decode()
        self.assertIn(f" {before['STORAGE']} ", ' '.join(out.split()))


if __name__ == '__main__':
    harness.main()
