/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/fake-imap.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "fuse/imap/deflate.h"

#define LINE_SIZE 8192

/* A transport over a socket */
struct socket_transport {
	struct imap_transport base;
	int fd; /* own */
	size_t piece;
};

struct fake_imap {
	pthread_t thread;
	fake_script *script;
	void *ctx;
	struct imap_transport *far;  /* own, until fake_transport() */
	struct imap_transport *near; /* own */
	struct imap_traffic traffic;
	int fd; /* foreign: near's */

	char in[LINE_SIZE];
	size_t in_at, in_end;
	size_t said, heard;
	size_t cut_said, cut_heard;
	bool over;
	char tags[10][32];
	char *complaint; /* own; NULL: all was as expected */
};

static struct socket_transport *from(struct imap_transport *t)
{
	return (struct socket_transport *)t;
}

static size_t piece_of(const struct socket_transport *s, size_t size)
{
	return s->piece != 0 && size > s->piece ? s->piece : size;
}

static ssize_t socket_read(struct imap_transport *t, void *buf, size_t size)
{
	return recv(from(t)->fd, buf, piece_of(from(t), size), 0);
}

static ssize_t socket_write(struct imap_transport *t, const void *data,
			    size_t size)
{
	return send(from(t)->fd, data, piece_of(from(t), size), MSG_NOSIGNAL);
}

static int socket_wait(struct imap_transport *t, bool for_write, int wake_fd,
		       int milliseconds)
{
	return imap_wait_fd(from(t)->fd, for_write, wake_fd, milliseconds);
}

static void socket_close(struct imap_transport *t)
{
	(void)close(from(t)->fd);
	free(t);
}

static const char *socket_why(struct imap_transport *t)
{
	(void)t;
	return NULL;
}

static struct imap_transport *socket_new(int fd,
					 const struct fake_options *options)
{
	struct socket_transport *s = sqb_xcalloc(1, sizeof(*s));

	s->base = (struct imap_transport){
		.timeout = options->timeout,
		.wake = options->wake,
		.read = socket_read,
		.write = socket_write,
		.wait = socket_wait,
		.close = socket_close,
		.why = socket_why,
	};
	s->fd = fd;
	s->piece = options->piece;
	return &s->base;
}

/* The script's side */

void fake_hang_up(struct fake_imap *f)
{
	if (!f->over)
		(void)shutdown(f->fd, SHUT_RDWR);
	f->over = true;
}

static bool complain(struct fake_imap *f, const char *want, const char *heard)
{
	if (!f->over && f->complaint == NULL)
		f->complaint =
			sqb_xasprintf("expected: %s\nheard: %s", want, heard);
	fake_hang_up(f);
	return false;
}

static bool wait_near(struct fake_imap *f, bool for_write)
{
	if (errno == EAGAIN && f->near->wait(f->near, for_write, -1, -1) >= 0)
		return true;
	f->over = true;
	return false;
}

bool fake_say_octets(struct fake_imap *f, const void *data, size_t size)
{
	const char *at = data;
	bool cut = f->cut_said != 0 && f->said + size >= f->cut_said - 1;

	if (cut && !f->over)
		size = f->cut_said - 1 - f->said;
	while (size > 0 && !f->over) {
		ssize_t n = f->near->write(f->near, at, size);

		if (n < 0) {
			(void)wait_near(f, true);
			continue;
		}
		at += n;
		size -= (size_t)n;
		f->said += (size_t)n;
	}
	if (cut)
		fake_hang_up(f);
	return !f->over;
}

bool fake_say(struct fake_imap *f, const char *text)
{
	while (*text != '\0') {
		const char *mark = strchr(text, '%');
		size_t plain =
			mark == NULL ? strlen(text) : (size_t)(mark - text);
		const char *tag;

		if (!fake_say_octets(f, text, plain))
			return false;
		if (mark == NULL)
			break;
		tag = f->tags[mark[1] - '0'];
		if (!fake_say_octets(f, tag, strlen(tag)))
			return false;
		text = mark + 2;
	}
	return !f->over;
}

/* One octet, or -1 at the end. */
static int hear(struct fake_imap *f)
{
	if (f->cut_heard != 0 && f->heard == f->cut_heard - 1)
		fake_hang_up(f);
	while (f->in_at == f->in_end && !f->over) {
		ssize_t n = f->near->read(f->near, f->in, sizeof(f->in));

		f->in_at = 0;
		f->in_end = n > 0 ? (size_t)n : 0;
		if (n == 0)
			f->over = true;
		else if (n < 0)
			(void)wait_near(f, false);
	}
	if (f->over)
		return -1;
	f->heard++;
	return (unsigned char)f->in[f->in_at++];
}

bool fake_hear_octets(struct fake_imap *f, size_t size)
{
	for (; size > 0; size--)
		if (hear(f) < 0)
			return false;
	return true;
}

void fake_hear_end(struct fake_imap *f)
{
	while (hear(f) >= 0)
		;
}

static bool hear_line(struct fake_imap *f, char line[LINE_SIZE])
{
	size_t size = 0;
	int c;

	while ((c = hear(f)) >= 0) {
		if (c == '\n' && size > 0 && line[size - 1] == '\r') {
			line[size - 1] = '\0';
			return true;
		}
		if (size == LINE_SIZE - 1)
			break;
		line[size++] = (char)c;
	}
	line[size] = '\0';
	return false;
}

bool fake_expect(struct fake_imap *f, const char *want)
{
	char line[LINE_SIZE];
	const char *rest = line;
	const char *wanted = want;
	size_t n;

	if (!hear_line(f, line))
		return false;
	if (want[0] == '%') {
		n = strcspn(line, " ");
		(void)snprintf(f->tags[want[1] - '0'], sizeof(f->tags[0]),
			       "%.*s", (int)n, line);
		rest += n;
		wanted += 2;
	}
	n = strlen(wanted);
	if (n > 0 && wanted[n - 1] == '*' ? strncmp(rest, wanted, n - 1) == 0
					  : strcmp(rest, wanted) == 0)
		return true;
	return complain(f, want, line);
}

void fake_compress(struct fake_imap *f)
{
	f->near = imap_deflate_new(f->near, f->in + f->in_at,
				   f->in_end - f->in_at, &f->traffic);
	f->in_at = f->in_end = 0;
}

void fake_open(struct fake_imap *f, const char *capabilities)
{
	(void)fake_expect(f, "%1 CAPABILITY");
	(void)fake_say(f, "* CAPABILITY IMAP4rev1 ");
	(void)fake_say(f, capabilities);
	(void)fake_say(f, "\r\n%1 OK these\r\n");
	if (strstr(capabilities, "ENABLE") == NULL)
		return;
	(void)fake_expect(f, "%1 ENABLE *");
	if (strstr(capabilities, "QRESYNC") != NULL)
		(void)fake_say(f, "* ENABLED QRESYNC\r\n");
	(void)fake_say(f, "%1 OK enabled\r\n");
}

/* The test's side */

static void *run(void *arg)
{
	struct fake_imap *f = arg;

	f->script(f, f->ctx);
	fake_hang_up(f);
	return NULL;
}

struct fake_imap *fake_start(fake_script *script, void *ctx,
			     const struct fake_options *options)
{
	struct fake_imap *f = sqb_xcalloc(1, sizeof(*f));
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, fds),
			 0);
	f->script = script;
	f->ctx = ctx;
	f->far = socket_new(fds[0], options);
	f->near = socket_new(fds[1], &(struct fake_options){ 0 });
	f->fd = fds[1];
	f->cut_said = options->cut_said;
	f->cut_heard = options->cut_heard;
	ck_assert_int_eq(pthread_create(&f->thread, NULL, run, f), 0);
	return f;
}

struct imap_transport *fake_transport(struct fake_imap *f)
{
	struct imap_transport *t = f->far;

	f->far = NULL;
	return t;
}

struct fake_counts fake_end(struct fake_imap **f_p)
{
	struct fake_imap *f = *f_p;
	struct fake_counts counts;

	*f_p = NULL;
	if (f->far != NULL)
		f->far->close(f->far);
	(void)pthread_join(f->thread, NULL);
	f->near->close(f->near);
	if (f->complaint != NULL)
		ck_abort_msg("%s", f->complaint);
	counts = (struct fake_counts){ f->said, f->heard };
	free(f);
	return counts;
}
