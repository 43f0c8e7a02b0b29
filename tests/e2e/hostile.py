# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
"""Rows for a store.db that our own code would never write."""

import os
import sqlite3

NEWEST = '(SELECT next_modseq - 1 FROM mailbox WHERE id = 0)'
LAST_UID = 2**32 - 1


def each_message(change):
    return f'UPDATE message SET {change}, modseq = {NEWEST}'


def inbox(change):
    return f"UPDATE mailbox SET {change} WHERE name = 'INBOX'"


def gone(ranges):
    return f'INSERT INTO expunged SELECT 1, {NEWEST}, * FROM ({ranges})'


NAMES = {
    'not UTF-8': "CAST(x'41ff42' AS TEXT)",
    'line end': "'a' || char(13, 10) || '* BYE x'",
    'separators': "'a//b/'",
    'parent directory': "'../../x'",
    'empty': "''",
    'of 500,000 octets': "replace(hex(zeroblob(250000)), '0', 'x')",
}
ROWS = {
    'UID 0': [each_message('uid = 0') + ' WHERE uid = 1'],
    'UID below 0': [each_message('uid = -7') + ' WHERE uid = 1'],
    'UID of 33 bits': [each_message('uid = 1 << 32') + ' WHERE uid = 2'],
    'last UID': [each_message(f'uid = {LAST_UID}') + ' WHERE uid = 2'],
    'last UID but one': [
        each_message(f'uid = {LAST_UID - 1}') + ' WHERE uid = 2'],
    'last UID but two': [
        each_message(f'uid = {LAST_UID - 2}') + ' WHERE uid = 2'],
    'UIDNEXT 0': [inbox('uidnext = 0')],
    'UIDNEXT below 0': [inbox('uidnext = -3')],
    'UIDNEXT of 41 bits': [inbox('uidnext = 1 << 40')],
    'UIDNEXT went back': [inbox('uidnext = 1')],
    'last UIDNEXT': [inbox(f'uidnext = {LAST_UID}')],
    'no UIDNEXT': [inbox(f'uidnext = {LAST_UID + 1}')],
    'UIDVALIDITY 0': [inbox('uidvalidity = 0')],
    'UIDVALIDITY of 33 bits': [inbox('uidvalidity = 1 << 32')],
    'modseq below 0': [inbox('highestmodseq = -1')],
    'modseq of 63 bits': [inbox(f'highestmodseq = {2**63 - 1}')],
    'next modseq of 63 bits': [
        f'UPDATE mailbox SET next_modseq = {2**63 - 1} WHERE id = 0'],
    'no next modseq': ['UPDATE mailbox SET next_modseq = NULL WHERE id = 0'],
    'first recent UID below 0': [inbox('first_recent = -1')],
    'first recent UID above all': [inbox('first_recent = 4000000000')],
    'journal from the future': [inbox('vanished_floor = 1 << 60')],
    'UID 0 in the journal': [gone('VALUES (0, 0)')],
    'range upside down': [gone('VALUES (5, 1)')],
    'range below 0': [gone('VALUES (-5, -1)')],
    'range of 33 bits': [gone('VALUES (1, 1 << 33)')],
    'journal of what is there': [gone('VALUES (1, 2)')],
    'date after all': [each_message('date = 1 << 62, save_date = 1 << 62')],
    'date before all': [
        each_message('date = -(1 << 62), save_date = -(1 << 62)')],
    'size of 63 bits': [each_message('vsize = 1 << 62')],
    'size below 0': [each_message('vsize = -1')],
    'body of 62 bits': ['UPDATE body SET vsize = 1 << 61, hdr_size = 0'],
    'body with chunks missing': ['UPDATE body SET vsize = 300000'],
    'body of an unknown codec': ['UPDATE body SET codec = 9'],
    'body not packed': ['UPDATE body SET codec = 0'],
    'body without data': ["UPDATE body SET data = x''"],
    'body without a GUID': ["UPDATE body SET guid = x'00'"],
    'no body': [each_message('body_id = -1')],
    'keyword without a name': ["INSERT INTO keyword VALUES (0, '')",
                               each_message('keywords = 1')],
    'keyword that speaks IMAP': [
        "INSERT INTO keyword VALUES (0, 'a' || char(13, 10) || '* BYE x')",
        each_message('keywords = 1')],
    'keywords that are none': [each_message('keywords = -1')],
    'further keywords that are none': [
        'INSERT INTO keyword_more VALUES (1, 1, -5), (1, 1, 3)',
        each_message('flags = flags | 32')],
    'counters below 0': [inbox('messages = -5, unseen = 9, vsize = -1')],
    'INBOX without a GUID': [inbox("guid = x''")],
    'INBOX without messages': [inbox('noselect = 1')],
    'no INBOX': ["DELETE FROM mailbox WHERE name = 'INBOX'"],
    'no account': ['DELETE FROM mailbox WHERE id = 0'],
    'ids from the beginning': [
        'UPDATE mailbox SET next_id = 1, next_body = 1 WHERE id = 0'],
    'ids at their end': [
        f'UPDATE mailbox SET next_id = {2**63 - 1} WHERE id = 0'],
    'box with the last id': [
        f"UPDATE mailbox SET id = {2**63 - 1} WHERE name = 'Box'"],
    'box in itself': ["UPDATE mailbox SET parent_id = id WHERE name = 'Box'"],
    'name not UTF-8': [
        f"UPDATE mailbox SET name = {NAMES['not UTF-8']} WHERE name = 'Box'"],
}


def spoil(store, *statements):
    """As nobody would who keeps to our schema; INBOX is to be looked at
    again."""
    db = sqlite3.connect(os.path.join(store.dir, 'store.db'))
    with db:
        db.execute('PRAGMA ignore_check_constraints = ON')
        db.execute('UPDATE mailbox SET next_modseq = next_modseq + 10'
                   ' WHERE id = 0')
        db.execute(inbox(f'highestmodseq = {NEWEST}'))
        for statement in statements:
            db.execute(statement)
    db.close()
    store.server.own(store.dir)
