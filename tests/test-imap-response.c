/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Responses, as servers of several makes send them and as they should not, cut
 * anywhere; and the limits of one.
 */
#include "fuse/imap/response.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/imap-trace.h"
#include "tests/support.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define O(octets) octets, sizeof(octets) - 1

/* Octets, and what t_imap_trace() says of them. */
static const struct {
	const char *octets;
	size_t size;
	const char *trace;
} cases[] = {
	/* Dovecot */
	{ O("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] Dovecot ready.\r\n"),
	  "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] 'Dovecot ready.'\n" },
	{ O("* NAMESPACE ((\"\" \"/\")) NIL ((\"Public/\" \"/\" "
	    "\"X-PARAM\" (\"a\" \"b\")))\r\n"),
	  "* NAMESPACE ((\"\" \"/\")) NIL ((\"Public/\" \"/\" "
	  "\"X-PARAM\" (\"a\" \"b\")))\n" },
	{ O("* OK [PERMANENTFLAGS (\\Answered $Forwarded \\*)] Flags "
	    "permitted.\r\n"),
	  "* OK [PERMANENTFLAGS (\\Answered $Forwarded \\*)] 'Flags "
	  "permitted.'\n" },
	{ O("* VANISHED (EARLIER) 1:5,7\r\n"), "* VANISHED (EARLIER) 1:5,7\n" },
	{ O("a2 OK [READ-WRITE] Select completed (0.001 + 0.000 "
	    "secs).\r\n"),
	  "a2 OK [READ-WRITE] 'Select completed (0.001 + 0.000 "
	  "secs).'\n" },
	{ O("* 1 FETCH (UID 6 BODY[] {23}\r\nSubject: x "
	    "(\r\n\r\n{5}\r\ny) FLAGS (\\Seen))\r\n"),
	  "part 1 [] of 23 of (UID 6 BODY[] <23>): Subject: x "
	  "(\\0d\\0a\\0d\\0a{5}\\0d\\0ay) end\n* #1 FETCH (UID 6 "
	  "BODY[] <23> FLAGS (\\Seen))\n" },
	{ O("* 2 FETCH (BODY[HEADER.FIELDS (SUBJECT \"X-Y]\")] "
	    "{2}\r\n\r\n UID 8)\r\n"),
	  "part 2 [HEADER.FIELDS (SUBJECT \"X-Y]\")] of 2 of "
	  "(BODY[HEADER.FIELDS (SUBJECT \"X-Y]\")] <2>): \\0d\\0a "
	  "end\n* #2 FETCH (BODY[HEADER.FIELDS (SUBJECT \"X-Y]\")] "
	  "<2> UID 8)\n" },
	{ O("* 7 FETCH (BINARY[1] ~{3}\r\na\000b BINARY.SIZE[1] 3)\r\n"),
	  "part 7 [1] of 3 of (BINARY[1] <3>): a\\00b end\n* #7 "
	  "FETCH (BINARY[1] <3> BINARY.SIZE[1] 3)\n" },
	{ O("a5 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n"),
	  "a5 OK [COPYUID 38505 304,319:320 3956:3958] 'Done'\n" },
	/* Gmail */
	{ O("* LIST (\\HasNoChildren \\Important) \"/\" "
	    "[Gmail]/Wichtig\r\n"),
	  "* LIST (\\HasNoChildren \\Important) \"/\" "
	  "[Gmail]/Wichtig\n" },
	{ O("* 1 FETCH (X-GM-LABELS (\\Inbox \"\\\\Important\" "
	    "{3}\r\na b) UID 4)\r\n"),
	  "* #1 FETCH (X-GM-LABELS (\\Inbox \"\\Important\" \"a b\") "
	  "UID 4)\n" },
	{ O("a4 NO [NONEXISTENT] Unknown Mailbox: x [y] (now) "
	    "(Failure)\r\n"),
	  "a4 NO [NONEXISTENT] 'Unknown Mailbox: x [y] (now) "
	  "(Failure)'\n" },
	{ O("* 2 FETCH (ENVELOPE (\"17 Jul\" \"a \\\"x\\\"\" ((\"T\" "
	    "NIL \"gray\" \"b\")(NIL NIL \"a\" \"b\")) NIL))\r\n"),
	  "* #2 FETCH (ENVELOPE (\"17 Jul\" \"a \"x\"\" ((\"T\" NIL "
	  "\"gray\" \"b\") (NIL NIL \"a\" \"b\")) NIL))\n" },
	/* Exchange, Cyrus, Courier, UW */
	{ O("* PREAUTH [CAPABILITY IMAP4rev1] ready. [TQBXA==]\r\n"),
	  "* PREAUTH [CAPABILITY IMAP4rev1] 'ready. [TQBXA==]'\n" },
	{ O("* LSUB (\\Marked) \"\\\\\" \"a \\\\ b\"\r\n"),
	  "* LSUB (\\Marked) \"\\\" \"a \\ b\"\n" },
	{ O("* LIST () NIL {3}\r\na\"b\r\n"), "* LIST () NIL \"a\"b\"\n" },
	{ O("* 5 fetch (flags (\\recent) rfc822 {3}\r\nabc rfc822.text "
	    "{0}\r\n rfc822.header \"a\\\"b\")\r\n"),
	  "part 5 [] of 3 of (flags (\\recent) rfc822 <3>): abc "
	  "end\npart 5 [TEXT] of 0 of (flags (\\recent) rfc822 <3> "
	  "rfc822.text <0>):  end\npart 5 [HEADER] of 3 of (flags "
	  "(\\recent) rfc822 <3> rfc822.text <0> rfc822.header <3>): "
	  "a\"b end\n* #5 FETCH (flags (\\recent) rfc822 <3> "
	  "rfc822.text <0> rfc822.header <3>)\n" },
	{ O("* SEARCH 2 84 (MODSEQ 917162500)\r\n"),
	  "* SEARCH 2 84 (MODSEQ 917162500)\n" },
	{ O("* SEARCH\r\n"), "* SEARCH\n" },
	{ O("* SEARCH \r\n"), "* SEARCH\n" },
	{ O("* STATUS \"a\" (MESSAGES 231 UIDNEXT 44292 )\r\n"),
	  "* STATUS \"a\" (MESSAGES 231 UIDNEXT 44292)\n" },
	{ O("* METADATA \"\" (/private/comment {4}\r\na\r\nb "
	    "/shared/comment nil)\r\n"),
	  "* METADATA \"\" (/private/comment \"a\\0d\\0ab\" "
	  "/shared/comment NIL)\n" },
	{ O("*  12  EXISTS  \r\n"), "* #12 EXISTS\n" },
	/* Any octets */
	{ O("* LIST () \"/\" \"\303\274\000\377\\\\\"\r\n"),
	  "* LIST () \"/\" \"\\c3\\bc\\00\\ff\\\"\n" },
	{ O("* LIST () \"/\" {4}\r\n\r\n\000)\r\n"),
	  "* LIST () \"/\" \"\\0d\\0a\\00)\"\n" },
	{ O("* LIST () \"/\" {3+}\r\nabc\r\n"), "* LIST () \"/\" \"abc\"\n" },
	{ O("* LIST () \"/\" a[b]c\r\n"), "* LIST () \"/\" a[b]c\n" },
	{ O("* LIST () \"/\" \"{3}\"\r\n"), "* LIST () \"/\" \"{3}\"\n" },
	{ O("* LIST () \"/\" {3}x\r\n"), "* LIST () \"/\" {3}x\n" },
	{ O("* LIST () \"/\" {}\r\n"), "* LIST () \"/\" {}\n" },
	{ O("* 1 FETCH (FLAGS (a[b) UID 2)\r\n"),
	  "* #1 FETCH (FLAGS (a[b) UID 2)\n" },
	{ O("* 1 FETCH (BODY[HEADER.FIELDS ({3}\r\na\"] \"b\\\"]\")] "
	    "{1}\r\nx)\r\n"),
	  "part 1 [HEADER.FIELDS (\"a\\\"]\" \"b\\\"]\")] of 1 of "
	  "(BODY[HEADER.FIELDS (\"a\\\"]\" \"b\\\"]\")] <1>): x "
	  "end\n* #1 FETCH (BODY[HEADER.FIELDS (\"a\\\"]\" "
	  "\"b\\\"]\")] <1>)\n" },
	{ O("* 1 FETCH (BODY[1.2.MIME]<7> \"abc\" BODY[2] NIL)\r\n"),
	  "part 1 [1.2.MIME] of 3 of (BODY[1.2.MIME]<7> <3>): abc "
	  "end\n* #1 FETCH (BODY[1.2.MIME]<7> <3> BODY[2] NIL)\n" },
	{ O("* 1 FETCH (BODY (\"TEXT\" \"PLAIN\") BODY[] "
	    "{3}\r\n)\r\n)\r\n"),
	  "part 1 [] of 3 of (BODY (\"TEXT\" \"PLAIN\") BODY[] <3>): "
	  ")\\0d\\0a end\n* #1 FETCH (BODY (\"TEXT\" \"PLAIN\") "
	  "BODY[] <3>)\n" },
	/* Statuses with and without codes and texts */
	{ O("* OK\r\n"), "* OK\n" },
	{ O("* OK [ALERT]\r\n"), "* OK [ALERT]\n" },
	{ O("* OK [] x\r\n"), "* OK 'x'\n" },
	{ O("* OK [(\"a\" b)] x\r\n"), "* OK [ (\"a\" b)] 'x'\n" },
	{ O("* OK [x-foo (a]b) c]d] x]\r\n"),
	  "* OK [X-FOO (a]b) c] 'd] x]'\n" },
	{ O("* OK [BADCHARSET (US-ASCII {5}\r\nUTF-8)] x\r\n"),
	  "* OK [BADCHARSET (US-ASCII \"UTF-8\")] 'x'\n" },
	{ O("* OK [UNCLOSED x\r\n"), "* OK [UNCLOSED x]\n" },
	{ O("* OK [UNCLOSED \"x\r\n"), "* OK [UNCLOSED \"x\"]\n" },
	{ O("* BYE {5}\r\n"), "* BYE '{5}'\n" },
	{ O("a8 bad  two spaces \r\n"), "a8 BAD 'two spaces '\n" },
	{ O("* OKAY x\r\n"), "* OKAY x\n" },
	/* Continuations, empty lines */
	{ O("+\r\n"), "+\n" },
	{ O("+ \r\n"), "+\n" },
	{ O("+ [ALERT] go on\r\n"), "+ [ALERT] 'go on'\n" },
	{ O("+ SGVsbG8=\r\n"), "+ 'SGVsbG8='\n" },
	{ O("+ {5}\r\n"), "+ '{5}'\n" },
	{ O("\r\n\r\n* BYE\r\n"), "* BYE\n" },
	/* What nobody knows */
	{ O("* XYZZY (a (b) NIL) \"c\" {1}\r\nd ] [e] :-)\r\n"),
	  "* XYZZY (a (b) NIL) \"c\" \"d\" ] [e] :-)\n" },
	{ O("* XYZZY ((\r\n"), "* XYZZY (())\n" },
	{ O("* 12\r\n"), "* #12\n" },
	{ O("* \r\n"), "*\n" },
	{ O("* (x)\r\n"), "* (x)\n" },
	{ O("* \"x\"\r\n"), "* \"x\"\n" },
	{ O("* {1}\r\nx\r\n"), "* \"x\"\n" },
	{ O("* 99999999999 EXISTS\r\n"), "* 99999999999 EXISTS\n" },
	{ O("* 4294967295 EXISTS\r\n"), "* #4294967295 EXISTS\n" },
	{ O("* 1 OK x\r\n"), "* #1 OK x\n" },
	{ O("* a\rb c\r\r\n"), "* A\\0dB c\n" },
	/* What is no IMAP */
	{ O("HTTP/1.1 400 Bad Request\r\n"), "! this is not IMAP\n" },
	{ O("220 mail ESMTP\r\n"), "! this is not IMAP\n" },
	{ O("+OK POP3 ready\r\n"), "! this is not IMAP\n" },
	{ O("SSH-2.0-OpenSSH\r\n"), "! this is not IMAP\n" },
	{ O("\025\003\001\000\002\002P"), "! this is not IMAP\n" },
	{ O("a1\r\n"), "! this is not IMAP\n" },
	{ O("a1 (OK)\r\n"), "! this is not IMAP\n" },
	{ O("a1 FETCH\r\n"), "! this is not IMAP\n" },
	{ O("*LIST x\r\n"), "! this is not IMAP\n" },
	{ O("\"a\" OK\r\n"), "! this is not IMAP\n" },
	{ O("* 1 FETCH (UID 1))\r\n"), "! parentheses that do not match\n" },
	{ O("* 1 FETCH (UID 1\r\n"), "! parentheses that do not match\n" },
	{ O("* 1 FETCH UID 1)\r\n"), "! parentheses that do not match\n" },
	{ O("* LIST () \"/\" \"x\r\n"), "! a string that does not end\n" },
	{ O("* 1 FETCH (BODY[HEADER.FIELDS (A\r\n"),
	  "! a section that does not end\n" },
	{ O("* 1 FETCH (BODY[HEADER.FIELDS (\"A\r\n"),
	  "! a string that does not end\n" },
	{ O("* 1 FETCH (BODY[] {4294967296}\r\n"),
	  "! a message part that is too large\n" },
	{ O("* 1 FETCH (BODY[] {99999999999999999999999}\r\n"),
	  "! a message part that is too large\n" },
	{ O("* 1 FETCH (X {4294967295}\r\n"),
	  "! a literal that is too large\n" },
	{ O("* LIST () \"/\" {16777217}\r\n"),
	  "! a literal that is too large\n" },
	{ O("* 1 FETCH (BODY[{16777217}\r\n"),
	  "! a response that is too long\n" },
	/* The connection is cut */
	{ O("* 1 FETCH (UID 1 BODY[] {10}\r\nabc"),
	  "part 1 [] of 10 of (UID 1 BODY[] <10>): abc cut\n" },
	{ O("* 1 FETCH (BODY[] {4294967295}\r\n"),
	  "part 1 [] of 4294967295 of (BODY[] <4294967295>):  cut\n" },
	{ O("* 1 FETCH (BODY[] {3}\r\nabc"),
	  "part 1 [] of 3 of (BODY[] <3>): abc end\n" },
	{ O("* 1 FETCH (BODY[] {3}\r\n"),
	  "part 1 [] of 3 of (BODY[] <3>):  cut\n" },
	{ O("* LIST () \"/\" {3}\r\nab"), "" },
	{ O("* OK x"), "" },
};

static void check_trace(const char *octets, size_t size, size_t first,
			size_t step, const char *want)
{
	char *got = t_imap_trace(octets, size, first, step);

	ck_assert_msg(strcmp(got, want) == 0, "cut at %zu, then all %zu: %s",
		      first, step, got);
	free(got);
}

START_TEST(a_response_is_the_same_wherever_it_is_cut)
{
	size_t size = cases[_i].size, first;

	for (first = size; first > 0; first--)
		check_trace(cases[_i].octets, size, first, size,
			    cases[_i].trace);
	check_trace(cases[_i].octets, size, 1, 1, cases[_i].trace);
	check_trace(cases[_i].octets, size, 3, 2, cases[_i].trace);
}
END_TEST

START_TEST(a_line_may_end_with_LF_alone)
{
	char *octets = calloc(1, cases[_i].size + 1);
	size_t size = 0, i;

	ck_assert_ptr_nonnull(octets);
	for (i = 0; i < cases[_i].size; i++) {
		if (strncmp(cases[_i].octets + i, "\r\n", 2) != 0)
			octets[size++] = cases[_i].octets[i];
	}
	/* A literal would have another size. */
	if (memchr(octets, '{', size) == NULL)
		check_trace(octets, size, size, size, cases[_i].trace);
	free(octets);
}
END_TEST

/* Those that are complete, one behind the other. */
START_TEST(responses_follow_each_other)
{
	char *octets = NULL, *trace = NULL;
	size_t size = 0, trace_size = 0, i;
	FILE *in = open_memstream(&octets, &size);
	FILE *want = open_memstream(&trace, &trace_size);

	ck_assert(in != NULL && want != NULL);
	for (i = 0; i < COUNT(cases); i++) {
		if (cases[i].octets[cases[i].size - 1] != '\n' ||
		    strstr(cases[i].trace, "! ") != NULL ||
		    strstr(cases[i].trace, " cut\n") != NULL)
			continue;
		(void)fwrite(cases[i].octets, 1, cases[i].size, in);
		fprintf(want, "%s", cases[i].trace);
	}
	(void)fclose(in);
	(void)fclose(want);
	check_trace(octets, size, size, size, trace);
	check_trace(octets, size, 7, 7, trace);
	free(octets);
	free(trace);
}
END_TEST

static struct imap_parser *parser;

static void setup(void)
{
	parser = imap_parser_new(NULL);
}

static void teardown(void)
{
	imap_parser_free(&parser);
}

static int feed(const void *data, size_t size)
{
	const struct imap_response *response;
	size_t used;

	return imap_parser_feed(parser, data, size, &used, &response);
}

/* The text so many times; stops when it is refused. */
static int feed_often(const char *text, unsigned int times)
{
	int ret = 0;

	while (times-- > 0 && ret == 0)
		ret = feed(text, strlen(text));
	return ret;
}

static const struct {
	const char *start, *more;
	unsigned int good, times; /* so often it is good; it is fed at most */
	const char *why;
} limits[] = {
	{ "* X ", "(", IMAP_DEPTH_MAX, 1000000, "too deep" },
	{ "* 1 FETCH ", "(a ", IMAP_DEPTH_MAX, 1000000, "too deep" },
	{ "* OK [X ", "(", IMAP_DEPTH_MAX, 1000000, "too deep" },
	{ "* X ", "()", IMAP_VALUES_MAX, 1100000, "too many values" },
	{ "* SEARCH", " 1", IMAP_VALUES_MAX, 1100000, "too many values" },
	{ "a", "a", 254, 1000, "not IMAP" },
	{ "* OK ", "0123456789abcdef", 1000000, 1100000, "too long" },
	{ "* OK [X ", "0123456789abcdef", 1000000, 1100000, "too long" },
	{ "* X ", "0123456789abcdef", 1000000, 1100000, "too long" },
	{ "* X \"", "0123456789abcdef", 1000000, 1100000, "too long" },
	{ "* X ", "                ", 1000000, 1100000, "too long" },
	{ "* 1 FETCH (BODY[", "0123456789abcdef", 1000000, 1100000,
	  "too long" },
	{ "* 1 FETCH (BODY[] \"", "0123456789abcdef", 1000000, 1100000,
	  "too long" },
	{ "* X ", "{16}\r\n0123456789abcdef ", 700000, 800000, "too long" },
};

START_TEST(a_response_has_limits)
{
	ck_assert_int_eq(feed(limits[_i].start, strlen(limits[_i].start)), 0);
	ck_assert_int_eq(feed_often(limits[_i].more, limits[_i].good), 0);
	ck_assert_int_eq(
		feed_often(limits[_i].more, limits[_i].times - limits[_i].good),
		-1);
	ck_assert_msg(strstr(imap_parser_error(parser), limits[_i].why) != NULL,
		      "%s", imap_parser_error(parser));
	ck_assert_int_eq(feed("\r\n* OK\r\n", 8), -1);
}
END_TEST

static void add_size(void *ctx, const void *data, size_t size)
{
	(void)data;
	*(uint64_t *)ctx += size;
}

START_TEST(a_message_part_may_be_larger_than_a_response)
{
	static const char start[] = "* 1 FETCH (UID 1 BODY[] {67108864}\r\n";
	static char piece[1 << 16];
	uint64_t size = 0;
	struct imap_sink sink = { .data = add_size, .ctx = &size };
	unsigned int i;

	ck_assert_uint_gt(67108864, IMAP_RESPONSE_MAX);
	imap_parser_free(&parser);
	parser = imap_parser_new(&sink);
	ck_assert_int_eq(feed(start, strlen(start)), 0);
	for (i = 0; i < 67108864 / sizeof(piece); i++)
		ck_assert_int_eq(feed(piece, sizeof(piece)), 0);
	ck_assert_uint_eq(size, 67108864);
	ck_assert_int_eq(feed(")\r\n", 3), 1);
}
END_TEST

START_TEST(what_is_behind_a_response_is_not_taken)
{
	static const char two[] = "* 1 EXISTS\r\n* 2 EXISTS\r\n";
	const struct imap_response *response = NULL;
	size_t used = 0;

	ck_assert_int_eq(
		imap_parser_feed(parser, two, strlen(two), &used, &response),
		1);
	ck_assert_uint_eq(used, strlen(two) / 2);
	ck_assert_uint_eq(response->number, 1);
	ck_assert_int_eq(
		imap_parser_feed(parser, two + used, used, &used, &response),
		1);
	ck_assert_uint_eq(response->number, 2);
}
END_TEST

/* In the middle of a response, or behind one. */
START_TEST(after_a_cut_nothing_comes)
{
	const char *before = _i == 0 ? "* 1 EXISTS" : "* 1 EXISTS\r\n";

	ck_assert_int_eq(feed(before, strlen(before)), _i);
	imap_parser_cut(parser);
	ck_assert_int_eq(feed("* OK\r\n", 6), -1);
	ck_assert_ptr_nonnull(imap_parser_error(parser));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("imap-response");
	TCase *tc = tcase_create("imap-response");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_response_is_the_same_wherever_it_is_cut, 0,
			    COUNT(cases));
	tcase_add_loop_test(tc, a_line_may_end_with_LF_alone, 0, COUNT(cases));
	tcase_add_test(tc, responses_follow_each_other);
	tcase_add_loop_test(tc, a_response_has_limits, 0, COUNT(limits));
	tcase_add_test(tc, a_message_part_may_be_larger_than_a_response);
	tcase_add_test(tc, what_is_behind_a_response_is_not_taken);
	tcase_add_loop_test(tc, after_a_cut_nothing_comes, 0, 2);
	suite_add_tcase(s, tc);
	return t_run(s);
}
