/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The IMAP client where things go wrong: failures, interruptions, and a
 * connection that is cut at every octet.
 */
#include "common/utf8.h"
#include "tests/fixture-client.h"

#include <unistd.h>

/* Failures */

static const struct failure {
	const char *answer;
	enum imap_err want;
	const char *words;
} failures[] = {
	{ "", IMAP_LOST, "timed out" },
	{ "* OK half a respo", IMAP_LOST, "timed out" },
	{ "* BYE go\r\n", IMAP_LOST, "go" },
	{ "* BYE go\r\n%1 OK\r\n", IMAP_LOST, "go" },
	{ "i7 OK\r\n", IMAP_PROTOCOL, "i7" },
	{ "+ more\r\n", IMAP_PROTOCOL, "asks for more" },
	{ "\001\002\r\n", IMAP_PROTOCOL, "" },
	{ "* 1 FETCH (BODY[] {100}\r\nhalf", IMAP_LOST, "timed out" },
	{ "* LIST () \"/\" {4294967296}\r\n", IMAP_PROTOCOL, "" },
};

static void failure_script(struct fake_imap *f, void *ctx)
{
	const struct failure *failure = ctx;

	fake_open(f, "");
	fake_expect(f, "%1 NOOP");
	fake_say(f, failure->answer);
	fake_hear_end(f);
}

START_TEST(a_failure_says_what_it_is_and_stays)
{
	const struct failure *failure = &failures[_i];

	ck_assert_int_eq(start_with(failure_script, (void *)failure,
				    (struct fake_options){ .timeout = 300 }),
			 IMAP_OK);
	fails(do_command("NOOP"), failure->want, failure->words);
	fails(do_command("NOOP"), failure->want, failure->words);
	fails(imap_client_idle(client, 1000), failure->want, failure->words);
	ck_assert_uint_eq(told.complete, 0);
}
END_TEST

static void trickle_script(struct fake_imap *f, void *ctx)
{
	fake_open(f, "");
	fake_expect(f, "%1 NOOP");
	fake_say(f, "* OK ");
	while (fake_say(f, ctx))
		(void)usleep(1000);
}

START_TEST(a_server_is_not_waited_for_for_ever)
{
	static const char *const drops[] = { "x", "* OK wait\r\n" };

	ck_assert_int_eq(start_with(trickle_script, (void *)drops[_i],
				    (struct fake_options){ .timeout = 50 }),
			 IMAP_OK);
	client->timeout = 5;
	ck_assert_int_eq(do_command("NOOP"), IMAP_LOST);
	says("timed out");
}
END_TEST

/* Interruptions */

static void interrupting_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, "");
	fake_expect(f, "%1 NOOP");
	imap_wake_ring(wake);
	fake_expect(f, "%2 CHECK");
	fake_say(f, "%1 OK\r\n%2 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(a_wait_that_was_interrupted_is_waited_again)
{
	unsigned int a, b;

	start(interrupting_script, NULL);
	imap_client_interrupt(client);
	ck_assert_int_eq(imap_client_idle(client, 3600 * 1000), IMAP_OK);
	a = command("NOOP");
	fails(imap_command_wait(client, a, NULL), IMAP_INTERRUPTED,
	      "interrupted");
	b = command("CHECK");
	ck_assert_int_eq(imap_command_wait(client, a, NULL), IMAP_OK);
	ck_assert_int_eq(imap_command_wait(client, b, NULL), IMAP_OK);
}
END_TEST

static void deaf_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_open(f, "");
	fake_expect(f, "%1 APPEND x {3}");
	imap_wake_ring(wake);
	fake_say(f, "+\r\n");
	fake_expect(f, "abc");
	imap_wake_stop(wake);
	fake_hear_end(f);
}

START_TEST(a_command_is_sent_to_its_end_until_it_is_stopped)
{
	unsigned int n;

	start(deaf_script, NULL);
	imap_command_begin(client);
	imap_command_text(client, "APPEND x ");
	imap_command_literal(client, 3);
	imap_command_octets(client, "abc", 3);
	n = imap_command_send(client);
	ck_assert_int_eq(imap_command_wait(client, n, NULL), IMAP_INTERRUPTED);
	ck_assert_int_eq(imap_command_wait(client, n, NULL), IMAP_INTERRUPTED);
	ck_assert_int_eq(do_command("NOOP"), IMAP_INTERRUPTED);
}
END_TEST

static void flood_script(struct fake_imap *f, void *ctx)
{
	fake_open(f, "");
	if (ctx != NULL)
		fake_expect(f, ctx);
	for (int i = 0; fake_say(f, "* 1 EXISTS\r\n"); i++)
		if (i == 1000)
			imap_wake_stop(wake);
}

START_TEST(a_flood_is_stopped)
{
	start(flood_script, "%1 NOOP");
	ck_assert_int_eq(do_command("NOOP"), IMAP_INTERRUPTED);
}
END_TEST

START_TEST(a_flood_while_a_command_is_sent_is_stopped)
{
	start(flood_script, NULL);
	ck_assert_int_eq(append(10 << 20), IMAP_INTERRUPTED);
}
END_TEST

START_TEST(words_of_a_server_do_nothing_to_a_terminal)
{
	char text[] = "[ALERT] caf\xc3\xa9 \033[2J\177\xc2\x9b\x9b"
		      "0m";

	sqb_utf8_printable(text);
	ck_assert_str_eq(text, "[ALERT] caf\xc3\xa9 ?[2J????0m");
}
END_TEST

/* A dialogue of all kinds, cut, and in pieces */

struct dialogue {
	bool compress;
};

static void dialogue_script(struct fake_imap *f, void *ctx)
{
	const struct dialogue *d = ctx;

	fake_expect(f, "%1 CAPABILITY");
	fake_say(f, "* CAPABILITY IMAP4rev1 ID IDLE");
	fake_say(f, d->compress ? " COMPRESS=DEFLATE\r\n" : "\r\n");
	fake_say(f, "%1 OK\r\n");
	fake_expect(f, "%1 ID *");
	fake_say(f, "* ID (\"name\" \"fake\")\r\n%1 OK\r\n");
	if (d->compress) {
		fake_expect(f, "%1 COMPRESS DEFLATE");
		fake_say(f, "%1 OK\r\n");
		fake_compress(f);
		fake_say(f, "* OK the first that is compressed\r\n");
	}
	fake_expect(f, "%1 SELECT \"a b\"");
	fake_expect(f, "%2 UID FETCH 1:* (FLAGS BODY.PEEK[])");
	fake_say(f, "* 3 EXISTS\r\n%1 OK [READ-WRITE]\r\n");
	fake_say(f, "* 1 FETCH (UID 5 FLAGS (\\Seen) BODY[] {11}\r\n"
		    "Hello world)\r\n* 2 FETCH (UID 6 BODY[] \"x\")\r\n"
		    "%2 OK\r\n");
	fake_expect(f, "%1 APPEND x {10}");
	fake_say(f, "+ ok\r\n");
	fake_hear_octets(f, 10);
	fake_expect(f, "");
	fake_say(f, "%1 OK [APPENDUID 1 2]\r\n");
	fake_expect(f, "%1 IDLE");
	fake_say(f, "+\r\n* 4 EXISTS\r\n");
	fake_expect(f, "DONE");
	fake_say(f, "%1 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "* BYE\r\n%1 OK\r\n");
	fake_hear_end(f);
}

/* What goes before a wait fails when it is waited for. */
static enum imap_err dialogue_commands(void)
{
	unsigned int a, b;
	enum imap_err err;

	imap_command_begin(client);
	imap_command_text(client, "SELECT ");
	imap_command_string(client, "a b", 3);
	a = imap_command_send(client);
	b = command("UID FETCH 1:* (FLAGS BODY.PEEK[])");
	err = imap_command_wait(client, a, NULL);
	if (err == IMAP_OK)
		err = imap_command_wait(client, b, NULL);
	if (err == IMAP_OK)
		err = append(10);
	if (err == IMAP_OK)
		err = imap_client_idle(client, 3600 * 1000);
	if (err != IMAP_OK)
		ck_assert(imap_client_why(client)[0] != '\0');
	return err;
}

static enum imap_err dialogue_run(struct dialogue *d,
				  struct fake_options options,
				  struct fake_counts *counts_r)
{
	enum imap_err err;

	memset(&told, 0, sizeof(told));
	err = start_with(dialogue_script, d, options);
	if (err == IMAP_OK)
		err = dialogue_commands();
	imap_client_close(&client);
	*counts_r = fake_end(&server);
	/* What was begun has ended; that is a part, too, which is cut. */
	ck_assert_uint_le(told.complete, told.parts);
	return err;
}

/* By the kind of the cut: said, heard; plain, compressed. */
START_TEST(a_connection_is_cut_at_every_octet)
{
	struct dialogue d = { .compress = _i >= 2 };
	struct fake_options options = { 0 };
	struct fake_counts all, counts;
	size_t end;
	unsigned int good = 0;

	ck_assert_int_eq(dialogue_run(&d, options, &all), IMAP_OK);
	ck_assert_uint_eq(told.complete, 2);
	ck_assert_uint_eq(told.octets, 12);
	ck_assert_uint_eq(told.exists, 4);
	end = _i % 2 == 0 ? all.said : all.heard;
	for (size_t cut = 0; cut < end; cut++) {
		enum imap_err err;

		options.cut_said = _i % 2 == 0 ? cut + 1 : 0;
		options.cut_heard = _i % 2 == 0 ? 0 : cut + 1;
		err = dialogue_run(&d, options, &counts);
		ck_assert_msg(err == IMAP_LOST || err == IMAP_OK,
			      "cut at %zu: %s", cut, imap_err_name(err));
		/* Only the end may be missing where all was well. */
		good += err == IMAP_OK;
		ck_assert(err == IMAP_OK || good == 0);
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_lt(good, 30);
}
END_TEST

START_TEST(octets_come_and_go_one_by_one)
{
	struct dialogue d = { .compress = _i == 1 };
	struct fake_counts counts;

	ck_assert_int_eq(
		dialogue_run(&d, (struct fake_options){ .piece = 1 }, &counts),
		IMAP_OK);
	ck_assert_uint_eq(told.complete, 2);
	ck_assert_uint_eq(told.octets, 12);
}
END_TEST

static void broken_deflate_script(struct fake_imap *f, void *ctx)
{
	(void)ctx;
	fake_expect(f, "%1 CAPABILITY");
	fake_say(f, "* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE\r\n%1 OK\r\n");
	fake_expect(f, "%1 COMPRESS DEFLATE");
	fake_say(f, "%1 OK\r\n* OK this is not compressed\r\n");
	fake_hear_end(f);
}

START_TEST(a_stream_that_is_not_compressed_is_lost)
{
	start(broken_deflate_script, NULL);
	fails(do_command("NOOP"), IMAP_LOST, "compressed stream");
}
END_TEST

static void deflated_script(struct fake_imap *f, void *ctx)
{
	char *mail = t_mail(1 << 20, 3);

	(void)ctx;
	fake_expect(f, "%1 CAPABILITY");
	fake_say(f, "* CAPABILITY IMAP4rev1 LITERAL+ COMPRESS=DEFLATE\r\n"
		    "%1 OK\r\n");
	fake_expect(f, "%1 COMPRESS DEFLATE");
	fake_say(f, "%1 OK\r\n");
	fake_compress(f);
	fake_expect(f, "%1 UID FETCH 1 BODY.PEEK[]");
	fake_say(f, "* 1 FETCH (UID 1 BODY[] {1048576}\r\n");
	fake_say_octets(f, mail, 1 << 20);
	fake_say(f, ")\r\n%1 OK\r\n");
	free(mail);
	fake_expect(f, "%1 APPEND x {1000000+}");
	fake_hear_octets(f, 1000000);
	fake_expect(f, "");
	fake_say(f, "%1 OK\r\n");
	fake_expect(f, "%1 LOGOUT");
	fake_say(f, "%1 OK\r\n");
}

START_TEST(the_octets_on_the_wire_are_counted)
{
	struct imap_traffic traffic;

	start(deflated_script, NULL);
	ck_assert_int_eq(do_command("UID FETCH 1 BODY.PEEK[]"), IMAP_OK);
	ck_assert_uint_eq(told.octets, 1 << 20);
	traffic = imap_client_traffic(client);
	ck_assert_uint_lt(traffic.received, (1 << 20) / 2);
	ck_assert_int_eq(append(1000000), IMAP_OK); /* noise */
	ck_assert_uint_gt(imap_client_traffic(client).sent, 1000000);
}
END_TEST

static TCase *test_failures(void)
{
	TCase *tc = tcase_create("failures");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_failure_says_what_it_is_and_stays, 0,
			    ROWS(failures));
	tcase_add_loop_test(tc, a_server_is_not_waited_for_for_ever, 0, 2);
	tcase_add_test(tc, a_wait_that_was_interrupted_is_waited_again);
	tcase_add_test(tc, a_command_is_sent_to_its_end_until_it_is_stopped);
	tcase_add_test(tc, words_of_a_server_do_nothing_to_a_terminal);
	tcase_add_test(tc, a_flood_is_stopped);
	tcase_add_test(tc, a_flood_while_a_command_is_sent_is_stopped);
	return tc;
}

static TCase *test_wire(void)
{
	TCase *tc = tcase_create("wire");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_connection_is_cut_at_every_octet, 0, 4);
	tcase_add_loop_test(tc, octets_come_and_go_one_by_one, 0, 2);
	tcase_add_test(tc, a_stream_that_is_not_compressed_is_lost);
	tcase_add_test(tc, the_octets_on_the_wire_are_counted);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("imap-client-failures");

	suite_add_tcase(suite, test_failures());
	suite_add_tcase(suite, test_wire());
	return t_run(suite);
}
