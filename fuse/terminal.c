/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* How they were before. */
struct before {
	sigset_t mask;
	struct sigaction actions[SIGNALS];
};

static volatile sig_atomic_t caught;

static void note_signal(int number)
{
	caught = number;
}

/* They come only while we wait, so that none comes just before that. */
static void hold_signals(struct before *before_r)
{
	struct sigaction action;
	sigset_t held;
	size_t i;

	caught = 0;
	memset(&action, 0, sizeof(action));
	action.sa_handler = note_signal;
	(void)sigemptyset(&held);
	for (i = 0; i < SIGNALS; i++)
		(void)sigaddset(&held, signals[i]);
	(void)pthread_sigmask(SIG_BLOCK, &held, &before_r->mask);
	for (i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &action, &before_r->actions[i]);
}

static void restore_signals(const struct before *before)
{
	size_t i;

	for (i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &before->actions[i], NULL);
	(void)pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
	if (caught != 0)
		(void)raise(caught);
}

static bool say(int fd, const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool read_line(int fd, const sigset_t *mask, char *line, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t got = -1;

	if (ppoll(&ready, 1, NULL, mask) > 0)
		got = read(fd, line, size - 1);
	line[got > 0 ? got : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return line[0] != '\0';
}

int ifs_terminal_ask(const char *question, char *line, size_t size)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios old, silent;
	struct before before;
	bool answered = false;

	if (fd < 0 || tcgetattr(fd, &old) < 0) {
		if (fd >= 0)
			(void)close(fd);
		return ENOTTY;
	}
	hold_signals(&before);
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ICANON | ISIG;
	if (tcsetattr(fd, TCSAFLUSH, &silent) == 0 && say(fd, question))
		answered = read_line(fd, &before.mask, line, size);
	(void)tcsetattr(fd, TCSAFLUSH, &old);
	(void)say(fd, "\n");
	(void)close(fd);
	restore_signals(&before);
	return answered ? 0 : ECANCELED;
}
