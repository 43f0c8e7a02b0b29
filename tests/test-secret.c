/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Where the password of a remote account comes from.
 */
#include "fuse/secret.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "fuse/netrc.h"
#include "tests/support.h"

static char *dir;
static struct ifs_secret_source from;

static void setup(void)
{
	dir = t_dir();
	(void)setenv("HOME", dir, 1);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	memset(&from, 0, sizeof(from));
	from.user = "alice";
	from.host = "mail.example.org";
}

static void teardown(void)
{
	t_dir_remove(dir);
	free(dir);
}

/* A file of dir; the path dies with the next call. */
static const char *write_file(const char *name, const char *text, mode_t mode)
{
	static char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	(void)fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
	return path;
}

static void gives(const char *want)
{
	char *secret = NULL, *error = NULL;
	int ret = ifs_secret_get(&from, &secret, &error);

	ck_assert_msg(ret == 0, "%s", error);
	ck_assert_str_eq(secret, want);
	ifs_secret_free(&secret);
	ck_assert_ptr_null(secret);
}

static void says(const char *words)
{
	char *secret = NULL, *error = NULL;
	int ret = ifs_secret_get(&from, &secret, &error);

	ck_assert_int_eq(ret, EX_CONFIG);
	ck_assert_ptr_null(secret);
	ck_assert_msg(strstr(error, words) != NULL, "%s", error);
	ck_assert_msg(strstr(error, "sesame") == NULL, "%s", error);
	free(error);
}

START_TEST(the_first_line_of_a_command_is_it)
{
	from.passcmd = "printf 'se same\\nuser: x\\n'";
	gives("se same");
	from.passcmd = "printf sesame";
	gives("sesame");
	/* Whatever else there is. */
	write_file(".netrc", "default password other", 0600);
	gives("sesame");
}
END_TEST

START_TEST(a_command_that_fails_is_an_error)
{
	from.passcmd = "echo sesame; exit 3";
	says("exit status 3");
	from.passcmd = "true";
	says("no password");
	from.passcmd = "echo";
	says("no password");
	from.passcmd = "head -c 20000 /dev/zero | tr '\\0' x";
	says("no password");
}
END_TEST

START_TEST(a_command_has_its_signals)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	from.passcmd = "grep -q '^SigBlk:[[:space:]]*0*$' /proc/self/status && "
		       "echo sesame";
	gives("sesame");
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}
END_TEST

START_TEST(a_credential_comes_before_netrc)
{
	write_file(".netrc", "default password other", 0600);
	gives("other");
	write_file("imapfs.mail.example.org", "sesame\n", 0400);
	(void)setenv("CREDENTIALS_DIRECTORY", dir, 1);
	gives("sesame");
	from.host = "else.example.org";
	gives("other");
}
END_TEST

START_TEST(netrc_must_be_private)
{
	from.netrc = write_file("n",
				"machine mail.example.org login alice "
				"password sesame",
				0640);
	says("chmod 600");
	ck_assert_int_eq(chmod(from.netrc, 0604), 0);
	says("chmod 600");
	ck_assert_int_eq(chmod(from.netrc, 0600), 0);
	gives("sesame");
}
END_TEST

START_TEST(without_any_the_ways_are_named)
{
	says("passcmd");
	/* One that has no password for us is not looked at any further. */
	write_file(".netrc", "machine other password sesame", 0644);
	says("passcmd");
	from.netrc = "/nonexistent/netrc";
	says("/nonexistent/netrc");
	from.netrc = write_file("n", "machine other password sesame", 0600);
	says("machine mail.example.org login alice");
}
END_TEST

static const struct {
	const char *text, *password; /* NULL: none */
} netrc_cases[] = {
	{ "machine h login u password p", "p" },
	{ "machine h\n\tlogin u\n\tpassword p\n", "p" },
	{ "machine h password p login u", "p" },
	{ "machine h password p login v", NULL },
	{ "machine h login v password q\nmachine h login u password p", "p" },
	{ "machine h password p", "p" },
	{ "machine H login u password p", "p" },
	{ "machine x login u password q\ndefault login u password p", "p" },
	{ "default password p", "p" },
	{ "default password q machine h login u password p", "q" },
	{ "machine h login u account a password p", "p" },
	{ "machine h login u password \"a b\\\"\\\\\"", "a b\"\\" },
	{ "# machine h login u password q\nmachine h login u password p", "p" },
	{ "machine h login u password p#1", "p#1" },
	{ "machine x macdef m\nmachine h login u password q\n\n"
	  "machine h login u password p",
	  "p" },
	{ "machine h login u", NULL },
	{ "machine h login u password", NULL },
	{ "machine", NULL },
	{ "machine x login u password q", NULL },
	{ "machine h login u password \"p", "p" },
	{ "#", NULL },
	{ "", NULL },
};

START_TEST(netrc_is_read_as_others_do)
{
	char *text = strdup(netrc_cases[_i].text);
	const char *password = NULL;
	bool found = ifs_netrc_find(text, "h", "u", &password);

	ck_assert_int_eq(found, netrc_cases[_i].password != NULL);
	if (found)
		ck_assert_str_eq(password, netrc_cases[_i].password);
	free(text);
}
END_TEST

/* In a session of its own, with a terminal: how it ends is its exit status. */
static void ask(void)
{
	char *secret = NULL, *error = NULL;

	(void)signal(SIGINT, SIG_DFL); /* not Check's */
	from.may_ask = true;
	if (ifs_secret_get(&from, &secret, &error) != 0)
		_exit(2);
	_exit(strcmp(secret, "sesame") != 0);
}

/* What the terminal shows, up to the end. */
static void read_screen(int fd, char *screen, size_t size)
{
	size_t len = strlen(screen);
	ssize_t got;

	while ((got = read(fd, screen + len, size - 1 - len)) > 0) {
		len += (size_t)got;
		screen[len] = '\0';
		if (strstr(screen, ": ") != NULL)
			break;
	}
}

static int answer(const char *typed, char *screen, size_t size)
{
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, NULL);

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		ask();
	screen[0] = '\0';
	read_screen(fd, screen, size);
	ck_assert_int_eq(write(fd, typed, strlen(typed)), strlen(typed));
	read_screen(fd, screen, size);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	(void)close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

START_TEST(a_person_is_asked_and_not_shown)
{
	char screen[1000];

	ck_assert_int_eq(answer("sesame\n", screen, sizeof(screen)), 0);
	ck_assert_ptr_nonnull(
		strstr(screen, "Password for alice at mail.example.org: "));
	ck_assert_ptr_null(strstr(screen, "sesame"));
	ck_assert_int_eq(answer("\n", screen, sizeof(screen)), 2);
	ck_assert_int_eq(answer("\x03", screen, sizeof(screen)), 128 + SIGINT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("secret");
	TCase *tcase = tcase_create("secret");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_first_line_of_a_command_is_it);
	tcase_add_test(tcase, a_command_that_fails_is_an_error);
	tcase_add_test(tcase, a_command_has_its_signals);
	tcase_add_test(tcase, a_credential_comes_before_netrc);
	tcase_add_test(tcase, netrc_must_be_private);
	tcase_add_test(tcase, without_any_the_ways_are_named);
	tcase_add_test(tcase, a_person_is_asked_and_not_shown);
	tcase_add_loop_test(tcase, netrc_is_read_as_others_do, 0,
			    sizeof(netrc_cases) / sizeof(netrc_cases[0]));
	suite_add_tcase(suite, tcase);
	return t_run(suite);
}
