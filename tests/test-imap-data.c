/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * What responses say, as servers of several makes send them, and broken ones.
 */
#include "fuse/imap/data.h"

#include <stdio.h>
#include <string.h>

#include "tests/support.h"

static struct imap_parser *parser;

static void setup(void)
{
	parser = imap_parser_new(NULL);
}

static void teardown(void)
{
	imap_parser_free(&parser);
}

/* The one response that the line, without its end, is. */
static const struct imap_response *parse(const char *line)
{
	const struct imap_response *response = NULL;
	size_t used = 0;

	ck_assert_int_eq(
		imap_parser_feed(parser, line, strlen(line), &used, &response),
		0);
	ck_assert_msg(imap_parser_feed(parser, "\r\n", 2, &used, &response) ==
			      1,
		      "%s: %s", line, imap_parser_error(parser));
	return response;
}

static const struct {
	const char *line;
	struct imap_fetch want;
	const char *first_flag; /* NULL: none */
} fetches[] = {
	/* Dovecot */
	{ "* 3 FETCH (UID 17 FLAGS (\\Seen $Forwarded) MODSEQ (12) RFC822.SIZE "
	  "2345 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")",
	  { .seq = 3,
	    .uid = 17,
	    .has_flags = true,
	    .modseq = 12,
	    .has_size = true,
	    .size = 2345,
	    .has_date = true,
	    .date = 837596665 },
	  "\\Seen" },
	/* Gmail */
	{ "* 1 FETCH (X-GM-THRID 1 X-GM-MSGID 1278455344230334865 X-GM-LABELS "
	  "(\"\\\\Important\" foo) UID 4 FLAGS ())",
	  { .seq = 1,
	    .uid = 4,
	    .has_flags = true,
	    .emailid = "1278455344230334865" },
	  NULL },
	/* Cyrus, Exchange: what was not asked for, and an odd order */
	{ "* 5 fetch (flags (\\Recent NonJunk) uid 9 emailid (M6d99) threadid "
	  "nil)",
	  { .seq = 5, .uid = 9, .has_flags = true, .emailid = "M6d99" },
	  "\\Recent" },
	{ "* 2 FETCH (RFC822.SIZE 9223372036854775807 UID 4294967295 MODSEQ "
	  "(9223372036854775807))",
	  { .seq = 2,
	    .uid = UINT32_MAX,
	    .has_size = true,
	    .size = INT64_MAX,
	    .modseq = INT64_MAX },
	  NULL },
	/* Out of range, or no such thing: not told */
	{ "* 2 FETCH (UID 4294967296 MODSEQ (9223372036854775808) RFC822.SIZE "
	  "9223372036854775808 FLAGS NIL INTERNALDATE \"yesterday\")",
	  { .seq = 2 },
	  NULL },
	{ "* 2 FETCH (UID 0 MODSEQ (0) EMAILID NIL INTERNALDATE NIL)",
	  { .seq = 2 },
	  NULL },
	{ "* 2 FETCH (UID -1 MODSEQ 7 RFC822.SIZE 0x10 EMAILID ())",
	  { .seq = 2 },
	  NULL },
	{ "* 2 FETCH (UID \"7\" RFC822.SIZE 18446744073709551617)",
	  { .seq = 2 },
	  NULL },
	{ "* 4 FETCH (BODY[] NIL UID 8)", { .seq = 4, .uid = 8 }, NULL },
	{ "* 4 FETCH ()", { .seq = 4 }, NULL },
};

static void same_text(const char *got, const char *want)
{
	ck_assert_int_eq(got == NULL, want == NULL);
	if (want != NULL)
		ck_assert_str_eq(got, want);
}

START_TEST(what_a_FETCH_says)
{
	const struct imap_fetch *want = &fetches[_i].want;
	struct imap_fetch got;

	ck_assert(imap_fetch_get(parse(fetches[_i].line), &got));
	ck_assert_uint_eq(got.seq, want->seq);
	ck_assert_uint_eq(got.uid, want->uid);
	ck_assert_uint_eq(got.modseq, want->modseq);
	ck_assert_int_eq(got.has_flags, want->has_flags);
	ck_assert_int_eq(got.has_size, want->has_size);
	ck_assert_int_eq(got.has_date, want->has_date);
	if (want->has_size)
		ck_assert_uint_eq(got.size, want->size);
	if (want->has_date)
		ck_assert_int_eq(got.date, want->date);
	same_text(got.emailid, want->emailid);
	same_text(imap_value_text(got.flags), fetches[_i].first_flag);
	ck_assert_ptr_null(got.part);
}
END_TEST

static const char *const no_fetches[] = {
	"* 0 FETCH (UID 1)",
	"* 1 FETCH",
	"* 1 FETCH NIL",
	"* 1 FETCH UID 1",
	"* 1 FETCH (UID)",
	"* 1 FETCH (UID 1 FLAGS)",
	"* 1 FETCH (\"UID\" 1)",
	"* 1 FETCH ((UID 1) 2)",
	"* 4294967296 FETCH (UID 1)",
	"* FETCH (UID 1)",
	"* 1 EXISTS",
	"* OK FETCH",
};

START_TEST(what_is_no_FETCH)
{
	struct imap_fetch fetch;

	ck_assert(!imap_fetch_get(parse(no_fetches[_i]), &fetch));
}
END_TEST

START_TEST(a_part_is_told)
{
	const struct imap_value *part;
	struct imap_fetch fetch;

	ck_assert(imap_fetch_get(
		parse("* 1 FETCH (BODY[TEXT]<5> \"abc\" UID 7)"), &fetch));
	part = fetch.part;
	ck_assert_ptr_nonnull(part);
	ck_assert_int_eq(part->type, IMAP_PART);
	ck_assert_uint_eq(part->size, 3);
	ck_assert_uint_eq(fetch.uid, 7);
}
END_TEST

static const struct {
	const char *text;
	int64_t date;
} dates[] = {
	{ " 1-Jan-1970 00:00:00 +0000", 0 },
	{ "1-Jan-1970 00:00:00 +0000", 0 },
	{ "01-jan-1970 01:00:00 +0100", 0 },
	{ "31-Dec-1969 23:30:00 -0030", 0 },
	{ "29-Feb-2024 12:00:00 +0000", 1709208000 },
	{ "31-Dec-2016 23:59:60 +0000", 1483228800 },
	{ "19-Jan-2038 03:14:08 +0000", INT64_C(2147483648) },
	{ "31-Dec-9999 23:59:59 +0000", INT64_C(253402300799) },
	{ "01-Jan-0001 00:00:00 +0000", INT64_C(-62135596800) },
};

START_TEST(dates_are_read)
{
	struct imap_fetch fetch;
	char line[128];

	(void)snprintf(line, sizeof(line), "* 1 FETCH (INTERNALDATE \"%s\")",
		       dates[_i].text);
	ck_assert(imap_fetch_get(parse(line), &fetch));
	ck_assert(fetch.has_date);
	ck_assert_int_eq(fetch.date, dates[_i].date);
}
END_TEST

static const char *const no_dates[] = {
	"",
	"29-Feb-2023 12:00:00 +0000",
	"31-Apr-2023 00:00:00 +0000",
	"00-Jan-2023 12:00:00 +0000",
	"32-Jan-2023 12:00:00 +0000",
	"01-Foo-2023 12:00:00 +0000",
	"01-Jan-23 12:00:00 +0000",
	"01-Jan-20233 12:00:00 +0000",
	"01-Jan-2023 24:00:00 +0000",
	"01-Jan-2023 12:60:00 +0000",
	"01-Jan-2023 12:00:61 +0000",
	"01-Jan-2023 12:00:00",
	"01-Jan-2023 12:00:00 ",
	"01-Jan-2023 12:00:00 0000",
	"01-Jan-2023 12:00:00 +000",
	"01-Jan-2023 12:00:00 +0060",
	"01-Jan-2023 12:00:00 +0000 ",
	"01 Jan 2023 12:00:00 +0000",
	"Mon, 1 Jan 2024 12:00:00 +0000",
};

START_TEST(what_is_no_date)
{
	struct imap_fetch fetch;
	char line[128];

	(void)snprintf(line, sizeof(line), "* 1 FETCH (INTERNALDATE \"%s\")",
		       no_dates[_i]);
	ck_assert(imap_fetch_get(parse(line), &fetch));
	ck_assert(!fetch.has_date);
}
END_TEST

static const struct {
	const char *line;
	unsigned int flags;
	char delimiter;
	const char *name, *old_name;
} lists[] = {
	{ "* LIST (\\HasNoChildren) \"/\" INBOX", 0, '/', "INBOX", NULL },
	/* Gmail */
	{ "* LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"",
	  IMAP_LIST_NOSELECT, '/', "[Gmail]", NULL },
	{ "* LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"",
	  IMAP_LIST_ALL, '/', "[Gmail]/All Mail", NULL },
	{ "* LIST (\\Important) \"/\" [Gmail]/Important", IMAP_LIST_IMPORTANT,
	  '/', "[Gmail]/Important", NULL },
	/* Cyrus, Courier, Exchange, Domino */
	{ "* LIST (\\Subscribed \\Noinferiors) \".\" INBOX.Sent",
	  IMAP_LIST_SUBSCRIBED | IMAP_LIST_NOINFERIORS, '.', "INBOX.Sent",
	  NULL },
	{ "* LSUB () NIL {3}\r\na\"b", 0, '\0', "a\"b", NULL },
	{ "* LIST (\\Marked) \"\\\\\" \"a \\\\ b\"", 0, '\\', "a \\ b", NULL },
	{ "* list (\\noSELECT) / x", IMAP_LIST_NOSELECT, '/', "x", NULL },
	{ "* LIST (\\NonExistent) \"\" x",
	  IMAP_LIST_NOSELECT | IMAP_LIST_NONEXISTENT, '\0', "x", NULL },
	{ "* LIST () \"/\" \"\"", 0, '/', "", NULL },
	{ "* LIST () \"/\" NIL", 0, '/', "NIL", NULL },
	{ "* LIST () \"/\" 123", 0, '/', "123", NULL },
	{ "* LIST () \"/\" \"Entw\xc3\xbcrfe\"", 0, '/', "Entw\xc3\xbcrfe",
	  NULL },
	{ "* LIST (\\Trash \\Junk \\Sent \\Flagged \\Drafts \\Archive) \"/\" x",
	  IMAP_LIST_TRASH | IMAP_LIST_JUNK | IMAP_LIST_SENT |
		  IMAP_LIST_FLAGGED | IMAP_LIST_DRAFTS | IMAP_LIST_ARCHIVE,
	  '/', "x", NULL },
	{ "* LIST () \"/\" new (\"OLDNAME\" (\"old\"))", 0, '/', "new", "old" },
	{ "* LIST () \"/\" new (CHILDINFO (\"SUBSCRIBED\") oldname (o))", 0,
	  '/', "new", "o" },
	{ "* LIST () \"/\" new (\"OLDNAME\")", 0, '/', "new", NULL },
};

START_TEST(what_a_LIST_says)
{
	struct imap_list got;

	ck_assert(imap_list_get(parse(lists[_i].line), &got));
	ck_assert_uint_eq(got.flags, lists[_i].flags);
	ck_assert_int_eq(got.delimiter, lists[_i].delimiter);
	ck_assert_str_eq(got.name, lists[_i].name);
	ck_assert_uint_eq(got.name_size, strlen(lists[_i].name));
	same_text(got.old_name, lists[_i].old_name);
}
END_TEST

static const char *const no_lists[] = {
	"* LIST",
	"* LIST ()",
	"* LIST () \"/\"",
	"* LIST () \"/\" (x)",
	"* LIST () \"//\" x",
	"* LIST () () x",
	"* LIST \"/\" x",
	"* LIST (\\Noselect \"/\" x",
	"* 1 LIST () \"/\" x",
	"* XLIST () \"/\" x",
};

START_TEST(what_is_no_LIST)
{
	struct imap_list list;

	ck_assert(!imap_list_get(parse(no_lists[_i]), &list));
}
END_TEST

START_TEST(the_special_uses_are_those_of_a_store)
{
	ck_assert_int_eq(IMAP_LIST_ALL, SQB_USE_ALL << 8);
	ck_assert_int_eq(IMAP_LIST_ARCHIVE, SQB_USE_ARCHIVE << 8);
	ck_assert_int_eq(IMAP_LIST_DRAFTS, SQB_USE_DRAFTS << 8);
	ck_assert_int_eq(IMAP_LIST_FLAGGED, SQB_USE_FLAGGED << 8);
	ck_assert_int_eq(IMAP_LIST_JUNK, SQB_USE_JUNK << 8);
	ck_assert_int_eq(IMAP_LIST_SENT, SQB_USE_SENT << 8);
	ck_assert_int_eq(IMAP_LIST_TRASH, SQB_USE_TRASH << 8);
	ck_assert_int_eq(IMAP_LIST_IMPORTANT, SQB_USE_IMPORTANT << 8);
}
END_TEST

static const struct {
	const char *line;
	struct imap_status_data want;
} statuses[] = {
	{ "* STATUS \"a b\" (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 7 UNSEEN 0 "
	  "HIGHESTMODSEQ 7011231777 MAILBOXID (F22) SIZE 1)",
	  { .name = "a b",
	    .has_messages = true,
	    .messages = 231,
	    .has_unseen = true,
	    .uidnext = 44292,
	    .uidvalidity = 7,
	    .highestmodseq = UINT64_C(7011231777),
	    .mailboxid = "F22" } },
	{ "* status INBOX (messages 4294967295 RECENT 0 )",
	  { .name = "INBOX", .has_messages = true, .messages = UINT32_MAX } },
	{ "* STATUS INBOX (MESSAGES 4294967296 UIDNEXT -1 UIDVALIDITY x UNSEEN "
	  "NIL HIGHESTMODSEQ 0 MAILBOXID NIL)",
	  { .name = "INBOX" } },
	{ "* STATUS INBOX ()", { .name = "INBOX" } },
};

START_TEST(what_a_STATUS_says)
{
	const struct imap_status_data *want = &statuses[_i].want;
	struct imap_status_data got;

	ck_assert(imap_status_get(parse(statuses[_i].line), &got));
	ck_assert_str_eq(got.name, want->name);
	ck_assert_uint_eq(got.name_size, strlen(want->name));
	ck_assert_int_eq(got.has_messages, want->has_messages);
	ck_assert_int_eq(got.has_unseen, want->has_unseen);
	if (want->has_messages)
		ck_assert_uint_eq(got.messages, want->messages);
	if (want->has_unseen)
		ck_assert_uint_eq(got.unseen, want->unseen);
	ck_assert_uint_eq(got.uidnext, want->uidnext);
	ck_assert_uint_eq(got.uidvalidity, want->uidvalidity);
	ck_assert_uint_eq(got.highestmodseq, want->highestmodseq);
	same_text(got.mailboxid, want->mailboxid);
}
END_TEST

static const char *const no_statuses[] = {
	"* STATUS",
	"* STATUS INBOX",
	"* STATUS INBOX MESSAGES 1",
	"* STATUS (MESSAGES 1)",
	"* STATUS INBOX (MESSAGES)",
	"* LIST () \"/\" x",
	"* OK STATUS INBOX (MESSAGES 1)",
};

START_TEST(what_is_no_STATUS)
{
	struct imap_status_data status;

	ck_assert(!imap_status_get(parse(no_statuses[_i]), &status));
}
END_TEST

/* "1:5,7" as the set says it; "!" behind it: it is broken. */
static void same_set(struct imap_uidset set, const char *want)
{
	char got[256] = "";
	uint32_t lo = 0, hi = 0;
	size_t size = 0;

	while (imap_uidset_next(&set, &lo, &hi) && size < sizeof(got) - 32) {
		ck_assert_uint_le(lo, hi);
		size += (size_t)snprintf(got + size, sizeof(got) - size,
					 lo == hi ? "%s%u" : "%s%u:%u",
					 size > 0 ? "," : "", lo, hi);
	}
	ck_assert(!imap_uidset_next(&set, &lo, &hi));
	if (set.broken)
		(void)snprintf(got + size, sizeof(got) - size, "!");
	ck_assert_str_eq(got, want);
}

static const struct {
	const char *text, *want;
} sets[] = {
	{ "1", "1" },
	{ "4294967295", "4294967295" },
	{ "1:5,7,9:8", "1:5,7,8:9" },
	{ "0,1", "!" },
	{ "1,0:2", "1!" },
	{ "1,4294967296", "1!" },
	{ "1,99999999999999999999999999", "1!" },
	{ "1:*", "!" },
	{ "*", "!" },
	{ "1,*:5", "1!" },
	{ "1,", "!" },
	{ ",1", "!" },
	{ "1,,2", "1!" },
	{ "1:2:3", "!" },
	{ "1:", "!" },
	{ "1;2", "!" },
	{ "-1", "!" },
	{ "$", "!" },
};

START_TEST(what_a_set_is)
{
	struct imap_uidset set;
	char line[128];
	bool earlier;

	(void)snprintf(line, sizeof(line), "* VANISHED %s", sets[_i].text);
	ck_assert(imap_vanished_get(parse(line), &earlier, &set));
	ck_assert(!earlier);
	same_set(set, sets[_i].want);
}
END_TEST

START_TEST(what_VANISHED_says)
{
	struct imap_uidset set;
	bool earlier;

	ck_assert(imap_vanished_get(parse("* VANISHED (EARLIER) 41,43:116"),
				    &earlier, &set));
	ck_assert(earlier);
	same_set(set, "41,43:116");
	ck_assert(!imap_vanished_get(parse("* VANISHED"), &earlier, &set));
	ck_assert(!imap_vanished_get(parse("* VANISHED (EARLIER)"), &earlier,
				     &set));
	ck_assert(!imap_vanished_get(parse("* VANISHED (LATER) 1"), &earlier,
				     &set));
	ck_assert(
		!imap_vanished_get(parse("* VANISHED \"1\""), &earlier, &set));
}
END_TEST

static const struct {
	const char *line, *want;
} searches[] = {
	{ "* SEARCH", "" },
	{ "* SEARCH ", "" },
	{ "* SEARCH 2 84 882", "2,84,882" },
	{ "* SEARCH 2 (MODSEQ 917162500)", "2" },
	{ "* SEARCH 2 x 3", "2!" },
	{ "* SEARCH 0", "!" },
	{ "* SEARCH 4294967296", "!" },
	{ "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3", "" },
	{ "* ESEARCH (TAG \"A283\") UID ALL 2,10:11", "2,10:11" },
	{ "* ESEARCH (TAG \"A284\") UID MIN 4 ALL 5 MODSEQ 7", "5" },
	{ "* ESEARCH UID ALL 1:*", "!" },
	{ "* ESEARCH (TAG \"A285\") UID", "" },
	{ "* ESEARCH", "" },
};

START_TEST(what_a_search_finds)
{
	struct imap_uidset set;

	ck_assert(imap_search_get(parse(searches[_i].line), &set));
	same_set(set, searches[_i].want);
}
END_TEST

static const char *const no_searches[] = {
	"* ESEARCH (TAG \"A1\") UID ALL",
	"* ESEARCH UID ALL (1)",
	"* SORT 1 2",
	"* 1 SEARCH 2",
};

START_TEST(what_is_no_search)
{
	struct imap_uidset set;

	ck_assert(!imap_search_get(parse(no_searches[_i]), &set));
}
END_TEST

START_TEST(codes_with_UIDs)
{
	const struct imap_response *response;
	struct imap_uidset from, to;
	uint32_t uidvalidity = 0, uid = 0;

	response = parse("a1 OK [COPYUID 38505 304,319:320 3956:3958] Done");
	ck_assert(imap_copyuid_get(response, &uidvalidity, &from, &to));
	ck_assert_uint_eq(uidvalidity, 38505);
	same_set(from, "304,319:320");
	same_set(to, "3956:3958");
	ck_assert(!imap_appenduid_get(response, &uidvalidity, &uid));
	response = parse("* OK [COPYUID 1 2 3] moved");
	ck_assert(imap_copyuid_get(response, &uidvalidity, &from, &to));
	response = parse("a2 OK [APPENDUID 38505 3955] APPEND completed");
	ck_assert(imap_appenduid_get(response, &uidvalidity, &uid));
	ck_assert_uint_eq(uid, 3955);
	ck_assert(!imap_copyuid_get(response, &uidvalidity, &from, &to));
	response = parse("a3 OK [MODIFIED 7,9] Conditional STORE failed");
	ck_assert(imap_modified_get(response, &from));
	same_set(from, "7,9");
}
END_TEST

static const char *const no_codes[] = {
	"a1 OK",
	"a1 OK [APPENDUID]",
	"a1 OK [APPENDUID 1]",
	"a1 OK [APPENDUID 0 1]",
	"a1 OK [APPENDUID 1 0]",
	"a1 OK [APPENDUID 1 2:3]",
	"a1 OK [APPENDUID 1 4294967296]",
	"a1 OK [COPYUID]",
	"a1 OK [COPYUID 1]",
	"a1 OK [COPYUID 1 2]",
	"a1 OK [COPYUID 1 (2) 3]",
	"a1 OK [COPYUID 0 2 3]",
	"a1 OK [MODIFIED]",
	"a1 OK [(MODIFIED) 1]",
};

START_TEST(codes_that_are_broken)
{
	const struct imap_response *response = parse(no_codes[_i]);
	struct imap_uidset from, to;
	uint32_t uidvalidity, uid;

	ck_assert(!imap_copyuid_get(response, &uidvalidity, &from, &to));
	ck_assert(!imap_appenduid_get(response, &uidvalidity, &uid));
	ck_assert(!imap_modified_get(response, &from));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *s = suite_create("imap-data");
	TCase *tc = tcase_create("imap-data");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_a_FETCH_says, 0, COUNT(fetches));
	tcase_add_loop_test(tc, what_is_no_FETCH, 0, COUNT(no_fetches));
	tcase_add_test(tc, a_part_is_told);
	tcase_add_loop_test(tc, dates_are_read, 0, COUNT(dates));
	tcase_add_loop_test(tc, what_is_no_date, 0, COUNT(no_dates));
	tcase_add_loop_test(tc, what_a_LIST_says, 0, COUNT(lists));
	tcase_add_loop_test(tc, what_is_no_LIST, 0, COUNT(no_lists));
	tcase_add_test(tc, the_special_uses_are_those_of_a_store);
	tcase_add_loop_test(tc, what_a_STATUS_says, 0, COUNT(statuses));
	tcase_add_loop_test(tc, what_is_no_STATUS, 0, COUNT(no_statuses));
	tcase_add_loop_test(tc, what_a_set_is, 0, COUNT(sets));
	tcase_add_test(tc, what_VANISHED_says);
	tcase_add_loop_test(tc, what_a_search_finds, 0, COUNT(searches));
	tcase_add_loop_test(tc, what_is_no_search, 0, COUNT(no_searches));
	tcase_add_test(tc, codes_with_UIDs);
	tcase_add_loop_test(tc, codes_that_are_broken, 0, COUNT(no_codes));
	suite_add_tcase(s, tc);
	return t_run(s);
}
