/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The IMAP client against a server that follows a script: commands, answers,
 * IDLE.
 */
#include "tests/fixture-client.h"

#define ALL_LITERALS "LITERAL+"
#define LONG_LITERAL 5000

/* The beginning and the end */

static void plain_script(struct fake_imap *f, void *ctx)
{
	fake_open(f, ctx);
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "* BYE see you\r\n%1 OK bye\r\n");
}

START_TEST(a_server_of_rfc_3501_is_asked_for_nothing_more)
{
	start(plain_script, "");
	ck_assert(imap_client_can(client, IMAP_CAP_IMAP4REV1));
	ck_assert(!imap_client_can(client, IMAP_CAP_IDLE));
	ck_assert(!imap_client_utf8(client));
	ck_assert_uint_eq(imap_client_traffic(client).waits, 1);
}
END_TEST

static void rich_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_expect(f, "%1 CAPABILITY");
	fake_say(f, "* CAPABILITY IMAP4rev1 IMAP4rev2 ENABLE ID QRESYNC "
		    "UTF8=ACCEPT UIDPLUS X-ODD\r\n%1 OK\r\n");
	fake_expect(f, "%1 ID (\"name\" \"imapfs\" *");
	fake_expect(f, "%2 ENABLE IMAP4rev2 QRESYNC UTF8=ACCEPT");
	fake_say(f, "* ID NIL\r\n%1 OK\r\n* ENABLED QRESYNC UTF8=ACCEPT\r\n"
		    "%2 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "* BYE\r\n%1 OK\r\n");
}

START_TEST(what_is_offered_is_enabled_in_one_round_trip)
{
	start(rich_script, NULL);
	ck_assert(imap_client_can(client, IMAP_CAP_QRESYNC));
	ck_assert(imap_client_can(client, IMAP_CAP_CONDSTORE));
	ck_assert(imap_client_can(client, IMAP_CAP_UIDPLUS));
	ck_assert(imap_client_utf8(client));
	/* Offered, asked for, and not enabled. */
	ck_assert(!imap_client_can(client, IMAP_CAP_IMAP4REV2));
	ck_assert_uint_eq(imap_client_traffic(client).waits, 2);
}
END_TEST

static void refusing_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_expect(f, "%1 CAPABILITY");
	fake_say(f, "* CAPABILITY IMAP4rev1 ENABLE ID QRESYNC IDLE "
		    "COMPRESS=DEFLATE\r\n%1 OK\r\n");
	fake_expect(f, "%1 ID *");
	fake_expect(f, "%2 ENABLE QRESYNC");
	fake_expect(f, "%3 COMPRESS DEFLATE");
	fake_say(f, "%1 BAD what\r\n%2 NO\r\n%3 NO [COMPRESSIONACTIVE]\r\n");
	fake_expect(f, "%1 IDLE");
	fake_say(f, "%1 NO not today\r\n");
	fake_expect(f, "%1 NOOP");
	fake_say(f, "* 7 EXISTS\r\n%1 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(what_is_offered_may_be_refused)
{
	start(refusing_script, NULL);
	ck_assert(!imap_client_can(client, IMAP_CAP_QRESYNC));
	client->poll_every = 10;
	ck_assert_int_eq(imap_client_idle(client, 60 * 1000), IMAP_OK);
	ck_assert_uint_eq(told.exists, 7);
	ck_assert(!imap_client_can(client, IMAP_CAP_IDLE));
}
END_TEST

static void say_script(struct fake_imap *f, void *ctx)
{
	fake_expect(f, "%1 CAPABILITY");
	fake_say(f, ctx);
	fake_hear_end(f);
}

static const struct {
	const char *answer;
	enum imap_err want;
} beginnings[] = {
	{ "", IMAP_LOST },
	{ "* CAPABILITY IMAP4\r\n%1 OK\r\n", IMAP_PROTOCOL },
	{ "%1 OK\r\n", IMAP_PROTOCOL },
	{ "%1 NO\r\n", IMAP_PROTOCOL },
	{ "* BYE too many\r\n", IMAP_LOST },
	{ "%1x OK\r\n", IMAP_PROTOCOL },
	{ "A001 OK\r\n", IMAP_PROTOCOL },
	{ "i9 OK\r\n", IMAP_PROTOCOL },
	{ "i01 OK\r\n", IMAP_PROTOCOL },
	{ "%1 PREAUTH\r\n", IMAP_PROTOCOL },
	{ "%1 BYE\r\n", IMAP_PROTOCOL },
	{ "+ go on\r\n", IMAP_PROTOCOL },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", IMAP_PROTOCOL },
	{ "* CAPABILITY IMAP4rev1\r\n%1 OK\r\n%1 OK\r\n", IMAP_OK },
};

START_TEST(a_beginning_that_is_none)
{
	struct fake_options options = { .timeout = 300 };

	ck_assert_str_eq(imap_err_name(start_with(say_script,
						  (void *)beginnings[_i].answer,
						  options)),
			 imap_err_name(beginnings[_i].want));
}
END_TEST

/* Commands and answers */

static void pipeline_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, "UIDPLUS");
	fake_expect(f, "%1 UID COPY 1 a");
	fake_expect(f, "%2 UID COPY 2 b");
	fake_expect(f, "%3 NOOP");
	fake_say(f, "* 3 EXISTS\r\n%2 NO [TRYCREATE] no\037 b\r\n"
		    "%1 OK [COPYUID 9 1 7:8] done\r\n%3 BAD what\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(answers_are_kept_until_they_are_waited_for)
{
	const struct imap_response *response;
	unsigned int a, b, c;

	start(pipeline_script, NULL);
	a = command("UID COPY 1 a");
	b = command("UID COPY 2 b");
	c = command("NOOP");
	fails(imap_command_wait(client, c, NULL), IMAP_BAD, "what");
	ck_assert_int_eq(imap_command_wait(client, a, &response), IMAP_OK);
	ck_assert_str_eq(response->code, "COPYUID");
	ck_assert_str_eq(response->code_args->next->next->text, "7:8");
	ck_assert_str_eq(response->text, "done");
	ck_assert_int_eq(imap_command_wait(client, b, &response), IMAP_NO);
	ck_assert_str_eq(response->code, "TRYCREATE");
	says("no? b");
	ck_assert_uint_eq(told.exists, 3);
	/* One for the beginning, one for all three. */
	ck_assert_uint_eq(imap_client_traffic(client).waits, 2);
}
END_TEST

static const struct {
	const char *text, *sent;
	const char *capabilities;
} strings[] = {
	{ "INBOX", "%1 X INBOX", "" },
	{ "a/b.c-d_1", "%1 X a/b.c-d_1", "" },
	{ "", "%1 X \"\"", "" },
	{ "nil", "%1 X \"nil\"", "" },
	{ "a b", "%1 X \"a b\"", "" },
	{ "a%*", "%1 X \"a%*\"", "" },
	{ "&-", "%1 X \"&-\"", "" },
	{ "q\"u\\o", "%1 X \"q\\\"u\\\\o\"", "" },
	{ "\303\244", "%1 X {2+}", ALL_LITERALS },
	{ "a\nb", "%1 X {3+}", ALL_LITERALS },
	{ "a\r\nZ NOOP", "%1 X {9+}", "LITERAL-" },
};

static void string_script(struct fake_imap *f, void *ctx)
{
	int row = *(int *)ctx;

	fake_open(f, strings[row].capabilities);
	fake_expect(f, strings[row].sent);
	if (strchr(strings[row].sent, '{') != NULL) {
		fake_hear_octets(f, strlen(strings[row].text));
		fake_expect(f, "");
	}
	fake_say(f, "%1 OK\r\n");
	fake_hear_end(f);
}

START_TEST(strings_are_sent_as_they_need)
{
	start(string_script, &_i);
	imap_command_begin(client);
	imap_command_text(client, "X ");
	imap_command_string(client, strings[_i].text, strlen(strings[_i].text));
	ck_assert_int_eq(
		imap_command_wait(client, imap_command_send(client), NULL),
		IMAP_OK);
	client->timeout = 1; /* the script does not answer LOGOUT */
}
END_TEST

START_TEST(a_line_break_in_the_text_is_never_sent)
{
	start(plain_script, "");
	fails(do_command("NOOP\r\nZ DELETE INBOX"), IMAP_PROTOCOL,
	      "line break");
	fails(do_command("NOOP"), IMAP_PROTOCOL, "line break");
}
END_TEST

/* Literals */

struct literal {
	const char *capabilities;
	size_t size;
	const char *head;
	const char *permission; /* NULL: it is not asked for */
	enum imap_err want;
	uint64_t waits;
};
static const struct literal literals[] = {
	{ "", 3, "%1 APPEND x {3}", "+ go\r\n", IMAP_OK, 3 },
	{ "", 3, "%1 APPEND x {3}", "* 4 EXISTS\r\n+\r\n", IMAP_OK, 3 },
	{ "", 3, "%1 APPEND x {3}", "%1 NO [OVERQUOTA] full\r\n", IMAP_NO, 2 },
	{ "", 3, "%1 APPEND x {3}", "%1 BAD no\r\n", IMAP_BAD, 2 },
	{ ALL_LITERALS, 3, "%1 APPEND x {3+}", NULL, IMAP_OK, 2 },
	{ ALL_LITERALS, LONG_LITERAL, "%1 APPEND x {5000+}", NULL, IMAP_OK, 2 },
	{ ALL_LITERALS, (1 << 20) + 1, "%1 APPEND x {1048577}", "+ go\r\n",
	  IMAP_OK, 3 },
	{ "LITERAL-", 4096, "%1 APPEND x {4096+}", NULL, IMAP_OK, 2 },
	{ "LITERAL-", 4097, "%1 APPEND x {4097}", "+\r\n", IMAP_OK, 3 },
	{ "", 0, "%1 APPEND x {0}", "+\r\n", IMAP_OK, 3 },
};

static void literal_script(struct fake_imap *f, void *ctx)
{
	const struct literal *l = ctx;

	fake_open(f, l->capabilities);
	fake_expect(f, l->head);
	if (l->permission != NULL)
		fake_say(f, l->permission);
	if (l->permission == NULL || strchr(l->permission, '+') != NULL) {
		fake_hear_octets(f, l->size);
		fake_expect(f, "");
		fake_say(f, "%1 OK [APPENDUID 1 2] stored\r\n");
	}
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(a_literal_is_sent_when_the_server_allows_it)
{
	start(literal_script, (void *)&literals[_i]);
	ck_assert_int_eq(append(literals[_i].size), literals[_i].want);
	ck_assert_uint_eq(imap_client_traffic(client).waits,
			  literals[_i].waits);
}
END_TEST

static void no_literal_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, ALL_LITERALS);
	fake_hear_end(f);
}

/* By how much the octets differ from what was announced */
START_TEST(a_literal_of_another_size_is_no_command)
{
	static const char mail[] = "abc\r\nZ DELETE INBOX\r\n";

	start(no_literal_script, NULL);
	imap_command_begin(client);
	imap_command_text(client, "APPEND x ");
	imap_command_literal(client, _i == 0 ? 3 : sizeof(mail));
	imap_command_octets(client, mail, sizeof(mail) - 1);
	fails(imap_command_wait(client, imap_command_send(client), NULL),
	      IMAP_PROTOCOL, _i == 0 ? "longer" : "shorter");
}
END_TEST

#define MANY 20000

/* Reads nothing before all was said. */
static void stubborn_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, ALL_LITERALS);
	fake_expect(f, "%1 APPEND x {1000000+}");
	for (int i = 0; i < MANY; i++)
		fake_say(f, "* LIST () \"/\" \"a name of some length, which "
			    "fills what lies between us\"\r\n");
	fake_hear_octets(f, 1000000);
	fake_expect(f, "");
	fake_say(f, "%1 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(a_server_that_speaks_before_it_reads)
{
	start(stubborn_script, NULL);
	ck_assert_int_eq(append(1000000), IMAP_OK);
	ck_assert_uint_eq(told.untagged, 1 + MANY);
}
END_TEST

#define PART_SIZE (30 << 20)

static void part_script(struct fake_imap *f, void *ctx)
{
	char *chunk = t_noise(1 << 20, 2);

	(void)ctx;
	fake_open(f, "");
	fake_expect(f, "%1 UID FETCH 1 BODY.PEEK[]");
	fake_say(f, "* 1 FETCH (UID 1 BODY[] {31457280}\r\n");
	for (int i = 0; i < 30; i++)
		fake_say_octets(f, chunk, 1 << 20);
	fake_say(f, ")\r\n%1 OK\r\n");
	free(chunk);
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(a_large_part_comes_in_pieces)
{
	start(part_script, NULL);
	ck_assert_int_eq(do_command("UID FETCH 1 BODY.PEEK[]"), IMAP_OK);
	ck_assert_uint_eq(told.octets, PART_SIZE);
	ck_assert_uint_eq(told.complete, 1);
}
END_TEST

/* IDLE */

static void idle_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, "IDLE");
	fake_expect(f, "%1 IDLE");
	fake_say(f, "+ idling\r\n* OK still here\r\n");
	fake_say(f, "* 5 EXISTS\r\n");
	/* What is said next does not wait for the end of it. */
	fake_expect(f, "DONE");
	fake_expect(f, "%2 NOOP");
	fake_say(f, "* 6 EXISTS\r\n%1 OK\r\n");
	/* It is there before it is asked for. */
	fake_say(f, "%2 OK\r\n* 8 EXISTS\r\n");
	/* Renewed until it is interrupted. */
	for (int i = 0; i < 3; i++) {
		fake_expect(f, "%1 IDLE");
		fake_say(f, "+ idling\r\n");
		if (i == 2)
			imap_wake_ring(wake);
		fake_expect(f, "DONE");
		fake_say(f, "%1 OK\r\n");
	}
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(idle_returns_when_something_is_told_or_it_is_interrupted)
{
	start(idle_script, NULL);
	ck_assert_int_eq(imap_client_idle(client, 3600 * 1000), IMAP_OK);
	ck_assert_uint_eq(told.exists, 5);
	ck_assert_int_eq(do_command("NOOP"), IMAP_OK);
	ck_assert_uint_ge(told.exists, 6);
	while (told.exists != 8)
		ck_assert_int_eq(imap_client_idle(client, 0), IMAP_OK);
	client->renew_every = 20;
	ck_assert_int_eq(imap_client_idle(client, 3600 * 1000), IMAP_OK);
}
END_TEST

static void noop_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, "");
	fake_expect(f, "%1 NOOP");
	fake_say(f, "%1 OK\r\n");
	fake_expect(f, "%1 NOOP");
	fake_say(f, "* 5 EXISTS\r\n%1 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(without_idle_the_server_is_asked_now_and_then)
{
	start(noop_script, NULL);
	client->poll_every = 20;
	ck_assert_int_eq(imap_client_idle(client, 3600 * 1000), IMAP_OK);
	ck_assert_uint_eq(told.exists, 5);
}
END_TEST

static void silent_idle_script(struct fake_imap *f, void *ctx)
{
	fake_open(f, "IDLE");
	fake_expect(f, "%1 IDLE");
	if (ctx != NULL) {
		fake_say(f, "+\r\n");
		fake_expect(f, "DONE");
	}
	fake_hear_end(f);
}

START_TEST(idle_with_a_server_that_is_silent_is_lost)
{
	ck_assert_int_eq(start_with(silent_idle_script,
				    _i == 0 ? NULL : (void *)strings,
				    (struct fake_options){ .timeout = 300 }),
			 IMAP_OK);
	client->renew_every = 20;
	fails(imap_client_idle(client, 3600 * 1000), IMAP_LOST, "timed out");
}
END_TEST

static TCase *test_commands(void)
{
	TCase *tc = tcase_create("commands");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_server_of_rfc_3501_is_asked_for_nothing_more);
	tcase_add_test(tc, what_is_offered_is_enabled_in_one_round_trip);
	tcase_add_test(tc, what_is_offered_may_be_refused);
	tcase_add_loop_test(tc, a_beginning_that_is_none, 0, ROWS(beginnings));
	tcase_add_test(tc, answers_are_kept_until_they_are_waited_for);
	tcase_add_loop_test(tc, strings_are_sent_as_they_need, 0,
			    ROWS(strings));
	tcase_add_test(tc, a_line_break_in_the_text_is_never_sent);
	tcase_add_loop_test(tc, a_literal_is_sent_when_the_server_allows_it, 0,
			    ROWS(literals));
	tcase_add_loop_test(tc, a_literal_of_another_size_is_no_command, 0, 2);
	tcase_add_test(tc, a_server_that_speaks_before_it_reads);
	tcase_add_test(tc, a_large_part_comes_in_pieces);
	return tc;
}

static TCase *test_idle(void)
{
	TCase *tc = tcase_create("idle");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(
		tc, idle_returns_when_something_is_told_or_it_is_interrupted);
	tcase_add_test(tc, without_idle_the_server_is_asked_now_and_then);
	tcase_add_loop_test(tc, idle_with_a_server_that_is_silent_is_lost, 0,
			    2);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("imap-client");

	suite_add_tcase(suite, test_commands());
	suite_add_tcase(suite, test_idle());
	return t_run(suite);
}
