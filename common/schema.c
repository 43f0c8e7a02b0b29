/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The schema of store.db: this text is the documentation of the data format.
 */
#include "common/store-private.h"

/* What came with schema 2; migrate.c makes it of schema 1, too. */
#define SQB_SQL_MAILBOX_PARENT \
	"CREATE INDEX mailbox_parent ON mailbox (parent_id);\n"

#define SQB_SQL_ENTRY_NAME \
	"CREATE TABLE entry_name (          -- file names in the mount that are not\n" \
	"  mailbox_id INTEGER NOT NULL,     -- the computed one\n" \
	"  name BLOB NOT NULL CHECK (length(name) BETWEEN 1 AND 255), -- any\n" \
	"  uid INTEGER NOT NULL,            -- octets\n" \
	"  PRIMARY KEY (mailbox_id, name),\n" \
	"  UNIQUE (mailbox_id, uid)\n" \
	") WITHOUT ROWID, STRICT;\n"

#define SQB_SQL_BODY_EOL \
	"CREATE TABLE body_eol (            -- line ends of mixed bodies, a row for\n" \
	"  body_id INTEGER NOT NULL,        -- each chunk, the first one being 0:\n" \
	"  n INTEGER NOT NULL CHECK (n >= 0), -- how many that end in it are LF in\n" \
	"  runs BLOB NOT NULL,              -- the file, then CRLF, then LF, ...; as\n" \
	"  PRIMARY KEY (body_id, n)         -- LEB128; only the first may be 0\n" \
	") WITHOUT ROWID, STRICT;\n"

#define SQB_SQL_BODY_TEXT \
	"CREATE TABLE body_text (           -- what was decoded from bodies: a cache\n" \
	"  body_id INTEGER PRIMARY KEY,\n" \
	"  maker INTEGER NOT NULL,          -- the form of the text; body-text.h\n" \
	"  size INTEGER NOT NULL CHECK (size >= 0),\n" \
	"  data BLOB NOT NULL               -- a zstd frame; empty: not kept\n" \
	") STRICT;\n"

/* What came with schema 3. */
#define SQB_SQL_BODY_ABSENT \
	"CREATE TABLE body_absent (         -- bodies that are still at the server\n" \
	"  body_id INTEGER PRIMARY KEY,     -- as body.id, which has no such row\n" \
	"  guid BLOB NOT NULL CHECK (length(guid) = 16),\n" \
	"  vsize INTEGER NOT NULL CHECK (vsize >= 0),\n" \
	"  date INTEGER NOT NULL            -- as body.date\n" \
	") STRICT;\n" \
	"CREATE INDEX body_absent_date ON body_absent (date);\n"

#define SQB_SQL_REMOTE \
	"CREATE TABLE remote_account (      -- what this store is a replica of;\n" \
	"  id INTEGER PRIMARY KEY CHECK (id = 1), -- no row: of nothing\n" \
	"  url TEXT NOT NULL CHECK (length(url) > 0)\n" \
	") STRICT;\n" \
	"CREATE TABLE remote_mailbox (      -- outlives its mailbox; see remote.h\n" \
	"  mailbox_id INTEGER PRIMARY KEY,\n" \
	"  name BLOB NOT NULL CHECK (length(name) > 0), -- at the server\n" \
	"  path TEXT NOT NULL CHECK (length(path) > 0), -- base: full name here\n" \
	"  mailboxid BLOB NOT NULL,         -- empty: the server has none\n" \
	"  subscribed INTEGER NOT NULL CHECK (subscribed IN (0, 1)), -- base\n" \
	"  uidvalidity INTEGER NOT NULL CHECK (uidvalidity BETWEEN 0 AND 4294967295),\n" \
	"  uidnext INTEGER NOT NULL CHECK (uidnext BETWEEN 0 AND 4294967295),\n" \
	"  highestmodseq INTEGER NOT NULL CHECK (highestmodseq >= 0),\n" \
	"  pushed INTEGER NOT NULL CHECK (pushed >= 0) -- modseq here\n" \
	") STRICT;\n" \
	"CREATE TABLE remote_message (      -- outlives its message\n" \
	"  mailbox_id INTEGER NOT NULL,\n" \
	"  uid INTEGER NOT NULL CHECK (uid BETWEEN 1 AND 4294967295),\n" \
	"  remote_uid INTEGER NOT NULL CHECK (remote_uid BETWEEN 0 AND 4294967295),\n" \
	"  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2), -- remote.h\n" \
	"  flags INTEGER NOT NULL,          -- base, as in message; 32: has rows in\n" \
	"                                   -- remote_keyword_more\n" \
	"  keywords INTEGER NOT NULL,       -- base\n" \
	"  body_id INTEGER NOT NULL,\n" \
	"  error BLOB,                      -- the server's words\n" \
	"  PRIMARY KEY (mailbox_id, uid),\n" \
	"  CHECK (state != 0 OR remote_uid > 0)\n" \
	") WITHOUT ROWID, STRICT;\n" \
	"CREATE UNIQUE INDEX remote_message_uid\n" \
	"  ON remote_message (mailbox_id, remote_uid) WHERE state = 0;\n" \
	"CREATE INDEX remote_message_state\n" \
	"  ON remote_message (state, mailbox_id) WHERE state != 0;\n" \
	"CREATE INDEX remote_message_body ON remote_message (body_id);\n" \
	"CREATE TABLE remote_keyword_more ( -- base: keyword numbers 63 and up\n" \
	"  mailbox_id INTEGER NOT NULL,\n" \
	"  uid INTEGER NOT NULL,\n" \
	"  number INTEGER NOT NULL CHECK (number >= 63),\n" \
	"  PRIMARY KEY (mailbox_id, uid, number)\n" \
	") WITHOUT ROWID, STRICT;\n"

const char sqb_schema_3[] = SQB_SQL_BODY_ABSENT SQB_SQL_REMOTE;

/* In schema 1, names were text. */
const char sqb_schema_2[] =
	SQB_SQL_MAILBOX_PARENT SQB_SQL_BODY_EOL SQB_SQL_BODY_TEXT
	"ALTER TABLE entry_name RENAME TO entry_name_1;" SQB_SQL_ENTRY_NAME
	"INSERT INTO entry_name (mailbox_id, name, uid)"
	" SELECT mailbox_id, CAST(name AS BLOB), uid FROM entry_name_1"
	" WHERE length(CAST(name AS BLOB)) BETWEEN 1 AND 255;"
	"DROP TABLE entry_name_1;";

const char sqb_schema[] =
	/* Row 0 is the account and the root of the tree; its counters share a
	   page with those of the mailboxes. */
	"CREATE TABLE mailbox (\n"
	"  id INTEGER PRIMARY KEY,        -- from row 0's next_id; never reused\n"
	"  parent_id INTEGER,             -- NULL only in row 0\n"
	"  name TEXT NOT NULL CHECK (length(name) > 0 OR id = 0), -- one level\n"
	"  guid BLOB NOT NULL CHECK (length(guid) = 16),\n"
	"  noselect INTEGER NOT NULL CHECK (noselect IN (0, 1)),\n"
	"  uidvalidity INTEGER NOT NULL CHECK (uidvalidity BETWEEN 1 AND 4294967295),\n"
	"  uidnext INTEGER NOT NULL DEFAULT 1 CHECK (uidnext BETWEEN 1 AND 4294967296),\n"
	"  first_recent INTEGER NOT NULL DEFAULT 1,\n"
	"  highestmodseq INTEGER NOT NULL,-- row 0: last change of the tree\n"
	"  vanished_floor INTEGER NOT NULL DEFAULT 0, -- journal complete from here\n"
	"  messages INTEGER NOT NULL DEFAULT 0 CHECK (messages >= 0),\n"
	"  unseen INTEGER NOT NULL DEFAULT 0 CHECK (unseen BETWEEN 0 AND messages),\n"
	"  vsize INTEGER NOT NULL DEFAULT 0 CHECK (vsize >= 0),\n"
	"  special_use INTEGER NOT NULL DEFAULT 0, -- bits, see mailbox.h\n"
	"  -- row 0 only:\n"
	"  next_id INTEGER,               -- for mailbox.id\n"
	"  next_body INTEGER,             -- for body.id\n"
	"  next_uidvalidity INTEGER CHECK (next_uidvalidity BETWEEN 1 AND 4294967296),\n"
	"  next_modseq INTEGER,           -- one sequence for the account\n"
	"  boot_id TEXT,                  -- the kernel's at the last open; 'copy' in\n"
	"                                 -- a backup that was never opened\n"
	"  UNIQUE (parent_id, name)\n"
	") STRICT;\n" SQB_SQL_MAILBOX_PARENT

	"CREATE TABLE subscription (        -- outlives its mailbox\n"
	"  name TEXT PRIMARY KEY\n"
	") WITHOUT ROWID, STRICT;\n"

	"CREATE TABLE attribute (           -- METADATA; mailbox 0 is the account\n"
	"  mailbox_id INTEGER NOT NULL,\n"
	"  key TEXT NOT NULL,\n"
	"  value BLOB NOT NULL,\n"
	"  changed INTEGER NOT NULL,        -- unix seconds\n"
	"  PRIMARY KEY (mailbox_id, key)\n"
	") WITHOUT ROWID, STRICT;\n"

	"CREATE TABLE keyword (             -- account-wide: COPY needs no mapping\n"
	"  number INTEGER PRIMARY KEY CHECK (number >= 0),\n"
	"  name TEXT NOT NULL UNIQUE COLLATE NOCASE\n"
	") STRICT;\n"

	"CREATE TABLE message (             -- all that a listing needs\n"
	"  mailbox_id INTEGER NOT NULL,\n"
	"  uid INTEGER NOT NULL CHECK (uid BETWEEN 1 AND 4294967295),\n"
	"  body_id INTEGER NOT NULL,\n"
	"  flags INTEGER NOT NULL,          -- bits of message.h; 32: has rows in\n"
	"                                   -- keyword_more; 64: a row in pop3\n"
	"  keywords INTEGER NOT NULL,       -- bits: keyword.number 0..62\n"
	"  modseq INTEGER NOT NULL CHECK (modseq >= 1),\n"
	"  date INTEGER NOT NULL,           -- INTERNALDATE, unix seconds\n"
	"  save_date INTEGER NOT NULL,\n"
	"  psize INTEGER NOT NULL CHECK (psize >= 0), -- as a file in the mount\n"
	"  vsize INTEGER NOT NULL CHECK (vsize >= 0), -- RFC822.SIZE\n"
	"  PRIMARY KEY (mailbox_id, uid)\n"
	") WITHOUT ROWID, STRICT;\n"
	"CREATE INDEX message_modseq ON message (mailbox_id, modseq);\n"

	"CREATE TABLE keyword_more (        -- keyword numbers 63 and up\n"
	"  mailbox_id INTEGER NOT NULL,\n"
	"  uid INTEGER NOT NULL,\n"
	"  number INTEGER NOT NULL CHECK (number >= 63),\n"
	"  PRIMARY KEY (mailbox_id, uid, number)\n"
	") WITHOUT ROWID, STRICT;\n"

	"CREATE TABLE pop3 (                -- identities kept from another server\n"
	"  mailbox_id INTEGER NOT NULL,\n"
	"  uid INTEGER NOT NULL,\n"
	"  uidl TEXT,\n"
	"  place INTEGER NOT NULL DEFAULT 0,-- order in LIST; 0: by UID\n"
	"  PRIMARY KEY (mailbox_id, uid)\n"
	") WITHOUT ROWID, STRICT;\n"

	SQB_SQL_ENTRY_NAME

	"CREATE TABLE expunged (            -- the journal of what is gone: a row\n"
	"  mailbox_id INTEGER NOT NULL,     -- for a range of UIDs\n"
	"  modseq INTEGER NOT NULL,\n"
	"  uid_lo INTEGER NOT NULL,\n"
	"  uid_hi INTEGER NOT NULL CHECK (uid_hi >= uid_lo),\n"
	"  PRIMARY KEY (mailbox_id, modseq, uid_lo)\n"
	") WITHOUT ROWID, STRICT;\n"

	"CREATE TABLE body (                -- shared by copies; small columns\n"
	"  id INTEGER PRIMARY KEY,          -- first: they touch no overflow page\n"
	"  guid BLOB NOT NULL CHECK (length(guid) = 16),\n"
	"  vsize INTEGER NOT NULL CHECK (vsize >= 0),\n"
	"  hdr_size INTEGER NOT NULL CHECK (hdr_size BETWEEN 0 AND vsize),\n"
	"  eol INTEGER NOT NULL,            -- how a file written through the mount\n"
	"                                   -- looked: 0 LF (and all from IMAP and\n"
	"                                   -- LMTP), 1 CRLF, 2 mixed: body_eol\n"
	"  date INTEGER NOT NULL,           -- INTERNALDATE of the first message\n"
	"  sum INTEGER NOT NULL,            -- XXH3 64 of the octets as stored\n"
	"  codec INTEGER NOT NULL CHECK (codec IN (0, 1)), -- 0 raw, 1 zstd\n"
	"                                   -- frames, of dict 1 unless they say so\n"
	"  data BLOB NOT NULL               -- the first chunk\n"
	") STRICT;\n"

	"CREATE TABLE body_chunk (          -- the rest of a large body; a rowid\n"
	"  body_id INTEGER NOT NULL,        -- table: blobs belong in no index\n"
	"  n INTEGER NOT NULL CHECK (n >= 1),\n"
	"  data BLOB NOT NULL,\n"
	"  PRIMARY KEY (body_id, n)\n"
	") STRICT;\n"

	SQB_SQL_BODY_EOL SQB_SQL_BODY_TEXT

	"CREATE TABLE dict (                -- what bodies are compressed with, so\n"
	"  id INTEGER PRIMARY KEY,          -- that the file needs nothing else\n"
	"  data BLOB NOT NULL\n"
	") STRICT;\n"

	"CREATE TABLE body_shared (         -- bodies of several messages only; a\n"
	"  body_id INTEGER PRIMARY KEY,     -- column in body would make COPY\n"
	"  refs INTEGER NOT NULL CHECK (refs >= 2) -- rewrite every body's page\n"
	") STRICT;\n"

	"CREATE TABLE body_free (           -- bodies of no message, to be freed\n"
	"  body_id INTEGER PRIMARY KEY,\n"
	"  since INTEGER NOT NULL           -- unix seconds\n"
	") STRICT;\n"
	"CREATE INDEX body_free_since ON body_free (since);\n"

	SQB_SQL_BODY_ABSENT SQB_SQL_REMOTE;
