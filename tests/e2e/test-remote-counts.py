#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""What a mount of an account elsewhere costs: octets, counted on the wire, and
round trips, counted where they are waited for.  No machine makes them fewer."""

import os

import mount
from mails import mail
from remotemount import RemoteCase
from wire import Wire

LARGE = 2000


class Counted(RemoteCase):
    options = 'bodies=none'

    def prepare(self):
        super().prepare()
        self.wire = Wire(self.server.imaps_port)
        self.addCleanup(self.wire.close)

    def url(self):
        return f'imaps://{self.user}@localhost:{self.wire.port}'

    def round_trips(self):
        """Since it could log in."""
        return int(self.status()['round-trips'][0])

    def counted(self, function, *args):
        """What it takes: round trips, octets."""
        octets, trips = self.wire.rest()[1], self.round_trips()
        function(*args)
        return self.round_trips() - trips, self.wire.rest()[1] - octets

    def fill(self, box, count):
        """With copies of few messages that differ."""
        for n in range(10):
            self.client.append(box, mail(f'{n}', 'text\r\n' * 50))
        self.client.select(box)
        have = 10
        while have < count:
            more = min(have, count - have)
            self.client.ok(f'UID COPY 1:{more} "{box}"')
            have += more
        self.client.ok('UNSELECT')


class First(Counted):
    COUNT = 500

    def prepare(self):
        super().prepare()
        self.fill('INBOX', self.COUNT)

    @staticmethod
    def starts():
        return False

    def test_a_first_look_at_inbox(self):
        """From nothing to a listing."""
        self.mount = self.start_mount()
        self.mnt = self.mount.path
        self.wait_for(lambda: 'synced' in self.status(), 'no sync')
        self.assertEqual(len(os.listdir(self.path('INBOX'))), self.COUNT)
        self.assertLessEqual(self.round_trips(), 5)


class Nothing(Counted):
    def test_nothing_new(self):
        """However many folders there are."""
        have = 0
        for count in (5, 50):
            for have in range(have, count):
                self.client.cmd(f'CREATE box{have}')
            self.sync()
            trips, _ = self.counted(self.sync)
            self.assertLessEqual(trips, 3)


class Changes(Counted):
    def test_few_changes_in_a_large_folder(self):
        self.client.ok('CREATE large')
        self.fill('large', LARGE)
        self.sync()
        self.client.select('large')
        uids = sorted(self.client.fetch_by_uid('FLAGS'))
        gone = ','.join(map(str, uids[5:113:2]))
        self.client.ok(f'UID STORE {gone} +FLAGS.SILENT (\\Deleted)')
        self.client.ok('EXPUNGE')
        self.client.ok(f'UID STORE {",".join(map(str, uids[500:560:3]))} '
                       '+FLAGS (\\Flagged)')
        _, octets = self.counted(self.sync)
        self.assertEqual(len(os.listdir(self.path('large'))), LARGE - 54)
        self.assertLess(octets, 5000)


class Bodies(Counted):
    COUNT = 300

    def test_who_reads_a_folder_waits_for_few_round_trips(self):
        self.client.ok('CREATE box')
        self.fill('box', self.COUNT)
        self.sync()
        self.assertEqual(self.status()['absent-bodies'], [str(self.COUNT)])
        trips, _ = self.counted(self.shell, 'grep -rc text box')
        self.assertEqual(self.status()['absent-bodies'], ['0'])
        self.assertLessEqual(trips, self.COUNT // 10)


if __name__ == '__main__':
    mount.main()
