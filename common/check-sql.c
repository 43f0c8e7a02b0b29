/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * What must hold in a sound store, as queries for what does not.
 */
#include "common/check-private.h"

#include <stddef.h>

/* The numbers that row 0 hands out. */
static const char sql_row_0[] =
	"SELECT 'the account has no row 0'"
	" WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE id = 0)";
static const char sql_numbers[] =
	"SELECT 'row 0 lacks one of its numbers' FROM mailbox WHERE id = 0"
	" AND (next_id IS NULL OR next_body IS NULL OR next_modseq IS NULL"
	"  OR next_uidvalidity IS NULL OR parent_id IS NOT NULL)";
static const char sql_ids[] =
	"SELECT printf('mailbox %d: its id is not below %d, the next one', m.id,"
	" a.next_id) FROM mailbox a JOIN mailbox m ON m.id >= a.next_id"
	" WHERE a.id = 0";
static const char sql_uidvalidities[] =
	"SELECT printf('mailbox %d: UIDVALIDITY %d is not below %d, the next "
	"one', m.id, m.uidvalidity, a.next_uidvalidity)"
	" FROM mailbox a JOIN mailbox m ON m.id > 0"
	" AND m.uidvalidity >= a.next_uidvalidity WHERE a.id = 0";
static const char sql_modseqs[] =
	"SELECT printf('mailbox %d: modseq %d is not below %d, the next one',"
	" m.id, m.highestmodseq, a.next_modseq)"
	" FROM mailbox a JOIN mailbox m ON m.highestmodseq >= a.next_modseq"
	" WHERE a.id = 0";
static const char sql_body_ids[] =
	"SELECT printf('body %d: its id is not below %d, the next one', b.id,"
	" a.next_body) FROM mailbox a JOIN body b ON b.id >= a.next_body"
	" WHERE a.id = 0";
static const char sql_absent_ids[] =
	"SELECT printf('body %d: its id is not below %d, the next one',"
	" b.body_id, a.next_body) FROM mailbox a"
	" JOIN body_absent b ON b.body_id >= a.next_body WHERE a.id = 0";

/* The tree. */
static const char sql_inbox[] =
	"SELECT 'there is no INBOX' WHERE NOT EXISTS"
	" (SELECT 1 FROM mailbox WHERE parent_id = 0 AND name = 'INBOX')";
static const char sql_inbox_case[] =
	"SELECT printf('mailbox %d: ''%s'' is another spelling of INBOX', id,"
	" name) FROM mailbox WHERE parent_id = 0 AND name LIKE 'inbox'"
	" AND name != 'INBOX'";
static const char sql_tree[] =
	"WITH RECURSIVE tree (id) AS (SELECT 0 UNION SELECT m.id"
	" FROM tree t JOIN mailbox m ON m.parent_id = t.id)"
	" SELECT printf('mailbox %d: does not hang in the tree (its parent is "
	"%s)', id, coalesce(parent_id, 'none'))"
	" FROM mailbox WHERE id NOT IN (SELECT id FROM tree)";
static const char sql_twice[] =
	"SELECT printf('mailbox %d: %d mailboxes below %d have its name',"
	" min(id), count(*), parent_id) FROM mailbox WHERE id > 0"
	" GROUP BY +parent_id, +name HAVING count(*) > 1";

/* What belongs to mailboxes. */
static const char sql_homeless[] =
	"SELECT printf('mailbox %d: is gone, but has rows in %s', t.id, t.name)"
	" FROM (SELECT DISTINCT mailbox_id AS id, 'attribute' AS name"
	"  FROM attribute"
	" UNION ALL SELECT DISTINCT mailbox_id, 'keyword_more'"
	"  FROM keyword_more"
	" UNION ALL SELECT DISTINCT mailbox_id, 'pop3' FROM pop3"
	" UNION ALL SELECT DISTINCT mailbox_id, 'entry_name' FROM entry_name"
	" UNION ALL SELECT DISTINCT mailbox_id, 'expunged' FROM expunged"
	" UNION ALL SELECT DISTINCT mailbox_id, 'message' FROM message) t"
	" WHERE t.id NOT IN (SELECT id FROM mailbox)";
static const char sql_root_owns[] =
	"SELECT printf('the root of the tree has rows in %s', t.name)"
	" FROM (SELECT 'message' AS name"
	"  WHERE EXISTS (SELECT 1 FROM message WHERE mailbox_id = 0)"
	" UNION ALL SELECT 'expunged'"
	"  WHERE EXISTS (SELECT 1 FROM expunged WHERE mailbox_id = 0)) t";
/* What the server knows outlives mailboxes, but not the account. */
static const char sql_no_account[] =
	"SELECT printf('is the replica of no account, but has rows in %s',"
	" t.name) FROM (SELECT 'body_absent' AS name"
	"  WHERE EXISTS (SELECT 1 FROM body_absent)"
	" UNION ALL SELECT 'remote_mailbox'"
	"  WHERE EXISTS (SELECT 1 FROM remote_mailbox)"
	" UNION ALL SELECT 'remote_message'"
	"  WHERE EXISTS (SELECT 1 FROM remote_message)"
	" UNION ALL SELECT 'remote_keyword_more'"
	"  WHERE EXISTS (SELECT 1 FROM remote_keyword_more)) t"
	" WHERE NOT EXISTS (SELECT 1 FROM remote_account)";
static const char sql_remote_homeless[] =
	"SELECT printf('mailbox %d: has rows in %s, but none in "
	"remote_mailbox', t.id, t.name)"
	" FROM (SELECT DISTINCT mailbox_id AS id, 'remote_message' AS name"
	"  FROM remote_message UNION ALL SELECT DISTINCT mailbox_id,"
	"  'remote_keyword_more' FROM remote_keyword_more) t"
	" WHERE t.id NOT IN (SELECT mailbox_id FROM remote_mailbox)";
static const char sql_remote_ids[] =
	"SELECT printf('mailbox %d: its id in remote_mailbox is not one of 1 to "
	"%d', r.mailbox_id, a.next_id - 1) FROM mailbox a JOIN remote_mailbox r"
	" ON r.mailbox_id NOT BETWEEN 1 AND a.next_id - 1 WHERE a.id = 0";
static const char sql_remote_twice[] =
	"SELECT printf('mailbox %d: %d mailboxes have its name at the server',"
	" min(mailbox_id), count(*)) FROM remote_mailbox"
	" GROUP BY name HAVING count(*) > 1";
static const char sql_remote_more_bit[] =
	"SELECT printf('mailbox %d, remote UID %d: its flags say that it has %s "
	"in remote_keyword_more', mailbox_id, uid,"
	"  CASE WHEN flags & 32 THEN 'rows' ELSE 'no rows' END)"
	" FROM remote_message r WHERE (flags & 32 != 0) !="
	"  EXISTS (SELECT 1 FROM remote_keyword_more k"
	"   WHERE k.mailbox_id = r.mailbox_id AND k.uid = r.uid)";
static const char sql_remote_more[] =
	"SELECT DISTINCT printf('mailbox %d, UID %d: is not in remote_message, "
	"but in remote_keyword_more', mailbox_id, uid)"
	" FROM remote_keyword_more k WHERE NOT EXISTS (SELECT 1"
	"  FROM remote_message r WHERE r.mailbox_id = k.mailbox_id"
	"  AND r.uid = k.uid)";
static const char sql_remote_keywords[] =
	"SELECT printf('mailbox %d, UID %d: no such keywords or flags in "
	"remote_message', mailbox_id, uid) FROM remote_message r"
	" WHERE flags & ~63 != 0 OR keywords & ~(SELECT"
	"  coalesce(sum(1 << number), 0) FROM keyword WHERE number < 63) != 0"
	" OR EXISTS (SELECT 1 FROM remote_keyword_more k"
	"  WHERE k.mailbox_id = r.mailbox_id AND k.uid = r.uid"
	"  AND k.number NOT IN (SELECT number FROM keyword))";
/* Only such a UID will not be given to another message. */
static const char sql_remote_uids[] =
	"SELECT printf('mailbox %d: UID %d in remote_message is not below "
	"UIDNEXT %d', m.id, r.uid, m.uidnext)"
	" FROM mailbox m JOIN remote_message r ON r.mailbox_id = m.id"
	" AND r.uid >= m.uidnext";
static const char sql_remote_bodies[] =
	"SELECT printf('mailbox %d, UID %d: has body %d, but in remote_message "
	"%d', g.mailbox_id, g.uid, g.body_id, r.body_id)"
	" FROM remote_message r JOIN message g ON g.mailbox_id = r.mailbox_id"
	" AND g.uid = r.uid WHERE g.body_id != r.body_id";

static const char sql_keyword_gap[] =
	"SELECT printf('%d keywords have numbers up to %d', count(*),"
	" max(number)) FROM keyword HAVING count(*) != max(number) + 1";

const char *const sqb_check_account[] = {
	sql_row_0,
	sql_numbers,
	sql_ids,
	sql_uidvalidities,
	sql_modseqs,
	sql_body_ids,
	sql_absent_ids,
	sql_tree,
	sql_inbox,
	sql_twice,
	sql_inbox_case,
	sql_root_owns,
	sql_homeless,
	sql_keyword_gap,
	sql_no_account,
	sql_remote_homeless,
	sql_remote_ids,
	sql_remote_twice,
	sql_remote_uids,
	sql_remote_bodies,
	sql_remote_more_bit,
	sql_remote_more,
	sql_remote_keywords,
	NULL,
};

/* One mailbox. */
static const char sql_counters[] =
	"SELECT printf('counts %d messages, %d unseen, %d octets, but has %d, "
	"%d, %d', m.messages, m.unseen, m.vsize, r.messages, r.unseen, r.vsize)"
	" FROM mailbox m, (SELECT count(*) AS messages,"
	"  coalesce(sum(flags & 1 = 0), 0) AS unseen,"
	"  coalesce(sum(vsize), 0) AS vsize FROM message"
	"  WHERE mailbox_id = ?1) r"
	" WHERE m.id = ?1 AND (m.messages != r.messages"
	"  OR m.unseen != r.unseen OR m.vsize != r.vsize)";
static const char sql_uids[] =
	"SELECT printf('UID %d is not below UIDNEXT %d', g.uid, m.uidnext)"
	" FROM mailbox m JOIN message g ON g.mailbox_id = m.id"
	" AND g.uid >= m.uidnext WHERE m.id = ?1";
static const char sql_message_modseqs[] =
	"SELECT printf('UID %d has modseq %d, but the mailbox %d', g.uid,"
	" g.modseq, m.highestmodseq)"
	" FROM mailbox m JOIN message g ON g.mailbox_id = m.id"
	" AND g.modseq > m.highestmodseq WHERE m.id = ?1";
static const char sql_floor[] =
	"SELECT printf('its journal begins at modseq %d, after its modseq %d',"
	" vanished_floor, highestmodseq)"
	" FROM mailbox WHERE id = ?1 AND vanished_floor > highestmodseq";
static const char sql_noselect[] =
	"SELECT 'is \\Noselect, but has messages' FROM mailbox WHERE id = ?1"
	" AND noselect AND EXISTS"
	"  (SELECT 1 FROM message WHERE mailbox_id = ?1)";
static const char sql_bodies[] =
	"SELECT CASE WHEN b.id IS NULL AND a.body_id IS NULL"
	" THEN printf('UID %d: its body %d is gone', g.uid, g.body_id)"
	" ELSE printf('UID %d: has %d octets, but its body %d', g.uid, g.vsize,"
	"  coalesce(b.vsize, a.vsize)) END"
	" FROM message g LEFT JOIN body b ON b.id = g.body_id"
	" LEFT JOIN body_absent a ON a.body_id = g.body_id"
	" WHERE g.mailbox_id = ?1"
	" AND g.vsize IS NOT coalesce(b.vsize, a.vsize)";
static const char sql_psize[] =
	"SELECT printf('UID %d: cannot have %d octets as a file', g.uid,"
	" g.psize) FROM message g JOIN body b ON b.id = g.body_id"
	" WHERE g.mailbox_id = ?1 AND (g.psize > b.vsize"
	"  OR b.eol = 1 AND g.psize != b.vsize)"
	" UNION ALL SELECT printf('UID %d: has %d octets as a file, but %d at "
	"the server', g.uid, g.psize, a.vsize) FROM message g"
	" JOIN body_absent a ON a.body_id = g.body_id"
	" WHERE g.mailbox_id = ?1 AND g.psize != a.vsize";
static const char sql_flags[] =
	"SELECT printf('UID %d: unknown bits in its flags %d', uid, flags)"
	" FROM message WHERE mailbox_id = ?1 AND flags & ~127 != 0";
static const char sql_keywords[] =
	"SELECT printf('UID %d: bits of no keyword in its mask %#llx', uid,"
	" keywords) FROM message WHERE mailbox_id = ?1"
	" AND keywords & ~(SELECT coalesce(sum(1 << number), 0)"
	"  FROM keyword WHERE number < 63) != 0";
static const char sql_more_bit[] =
	"SELECT printf('UID %d: its flags say that it has %s in "
	"keyword_more', uid, CASE WHEN flags & 32 THEN 'rows' ELSE 'no rows' END)"
	" FROM message g WHERE mailbox_id = ?1"
	" AND (flags & 32 != 0) != EXISTS (SELECT 1 FROM keyword_more k"
	"  WHERE k.mailbox_id = ?1 AND k.uid = g.uid)";
static const char sql_pop3_bit[] =
	"SELECT printf('UID %d: its flags say that it has %s row in pop3', uid,"
	" CASE WHEN flags & 64 THEN 'a' ELSE 'no' END)"
	" FROM message g WHERE mailbox_id = ?1"
	" AND (flags & 64 != 0) != EXISTS (SELECT 1 FROM pop3 p"
	"  WHERE p.mailbox_id = ?1 AND p.uid = g.uid)";
static const char sql_more_keywords[] =
	"SELECT printf('UID %d: there is no keyword %d', uid, number)"
	" FROM keyword_more WHERE mailbox_id = ?1"
	" AND number NOT IN (SELECT number FROM keyword)";
static const char sql_no_message[] =
	"SELECT printf('UID %d: is gone, but has a row in %s', t.uid, t.name)"
	" FROM (SELECT DISTINCT uid, 'keyword_more' AS name FROM keyword_more"
	"  WHERE mailbox_id = ?1"
	" UNION ALL SELECT uid, 'pop3' FROM pop3 WHERE mailbox_id = ?1"
	" UNION ALL SELECT uid, 'entry_name' FROM entry_name"
	"  WHERE mailbox_id = ?1) t"
	" WHERE NOT EXISTS (SELECT 1 FROM message g"
	"  WHERE g.mailbox_id = ?1 AND g.uid = t.uid)";
static const char sql_journal[] =
	"SELECT printf('UIDs %d to %d are in the journal as expunged, but one "
	"is there', e.uid_lo, e.uid_hi) FROM expunged e"
	" WHERE e.mailbox_id = ?1 AND EXISTS (SELECT 1 FROM message g"
	"  WHERE g.mailbox_id = ?1 AND g.uid BETWEEN e.uid_lo AND e.uid_hi)";
static const char sql_journal_numbers[] =
	"SELECT printf('UIDs %d to %d are in the journal with modseq %d: "
	"UIDNEXT is %d, the journal goes from %d to %d', e.uid_lo, e.uid_hi,"
	" e.modseq, m.uidnext, m.vanished_floor, m.highestmodseq)"
	" FROM mailbox m JOIN expunged e ON e.mailbox_id = m.id"
	" WHERE m.id = ?1 AND (e.modseq > m.highestmodseq"
	"  OR e.modseq <= m.vanished_floor OR e.uid_lo < 1"
	"  OR e.uid_hi < e.uid_lo OR e.uid_hi >= m.uidnext)";
static const char sql_journal_twice[] =
	"SELECT printf('UID %d is in the journal more than once', uid_lo)"
	" FROM (SELECT uid_lo, max(uid_hi) OVER (ORDER BY uid_lo"
	"  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
	"  FROM expunged WHERE mailbox_id = ?1) WHERE uid_lo <= before";

const char *const sqb_check_mailbox[] = {
	sql_counters,
	sql_uids,
	sql_message_modseqs,
	sql_floor,
	sql_noselect,
	sql_bodies,
	sql_flags,
	sql_keywords,
	sql_more_bit,
	sql_pop3_bit,
	sql_no_message,
	sql_more_keywords,
	sql_journal,
	sql_journal_numbers,
	sql_journal_twice,
	sql_psize,
	NULL,
};

/* Bodies and who refers to them; 131072 is SQB_BODY_CHUNK. */
static const char sql_refs[] =
	"SELECT printf('body %d: has %d messages, but counts %d', c.id, c.n,"
	" coalesce(s.refs, 1))"
	" FROM (SELECT body_id AS id, count(*) AS n FROM message"
	"  GROUP BY body_id) c LEFT JOIN body_shared s ON s.body_id = c.id"
	" WHERE c.n != coalesce(s.refs, 1)";
static const char sql_no_refs[] =
	"SELECT printf('body %d: has no message, but counts %d', body_id, refs)"
	" FROM body_shared WHERE body_id NOT IN (SELECT body_id FROM message)";
static const char sql_orphans[] =
	"SELECT printf('body %d: has no message and does not wait to be freed',"
	" id) FROM (SELECT id FROM body UNION ALL"
	"  SELECT body_id FROM body_absent)"
	" WHERE id NOT IN (SELECT body_id FROM message)"
	" AND id NOT IN (SELECT body_id FROM body_free)";
static const char sql_free_used[] =
	"SELECT printf('body %d: waits to be freed, but has a message',"
	" body_id) FROM body_free"
	" WHERE body_id IN (SELECT body_id FROM message)";
static const char sql_free_gone[] =
	"SELECT printf('body %d: waits to be freed, but is gone', body_id)"
	" FROM body_free WHERE body_id NOT IN (SELECT id FROM body)"
	" AND body_id NOT IN (SELECT body_id FROM body_absent)";
static const char sql_absent_twice[] =
	"SELECT printf('body %d: is absent, but there', body_id)"
	" FROM body_absent WHERE body_id IN (SELECT id FROM body)";
static const char sql_chunks[] =
	"SELECT printf('body %d: has %d chunks up to number %d instead of %d',"
	" id, n, last, want) FROM (SELECT b.id,"
	"  max(b.vsize - 1, 0) / 131072 AS want,"
	"  (SELECT count(*) FROM body_chunk c WHERE c.body_id = b.id) AS n,"
	"  (SELECT coalesce(max(n), 0) FROM body_chunk c"
	"   WHERE c.body_id = b.id) AS last FROM body b)"
	" WHERE n != want OR last != want";
static const char sql_chunks_lost[] =
	"SELECT printf('body %d: is gone, but has %d chunks', body_id,"
	" count(*)) FROM body_chunk"
	" WHERE body_id NOT IN (SELECT id FROM body) GROUP BY body_id";

static const char sql_eol[] =
	"SELECT printf('body %d: has line ends of kind %d, with %d rows up to "
	"number %d in body_eol', id, eol, n, last) FROM (SELECT b.id, b.eol,"
	"  max(b.vsize - 1, 0) / 131072 AS want,"
	"  (SELECT count(*) FROM body_eol e WHERE e.body_id = b.id) AS n,"
	"  (SELECT coalesce(max(n), -1) FROM body_eol e"
	"   WHERE e.body_id = b.id) AS last FROM body b)"
	" WHERE eol NOT IN (0, 1, 2) OR n != iif(eol = 2, want + 1, 0)"
	" OR last != iif(eol = 2, want, -1)";
static const char sql_eol_lost[] =
	"SELECT printf('body %d: is gone, but has %d rows in body_eol',"
	" body_id, count(*)) FROM body_eol"
	" WHERE body_id NOT IN (SELECT id FROM body) GROUP BY body_id";

const char *const sqb_check_references[] = {
	sql_refs,      sql_no_refs,      sql_orphans, sql_free_used,
	sql_free_gone, sql_absent_twice, sql_chunks,  sql_chunks_lost,
	sql_eol,       sql_eol_lost,     NULL,
};
