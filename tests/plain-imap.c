/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "tests/plain-imap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"

struct plain {
	struct imap_transport transport;
	struct plain_imap *imap; /* foreign */
	int fd;
};

static ssize_t plain_read(struct imap_transport *t, void *buf, size_t size)
{
	struct plain *plain = (struct plain *)t;
	ssize_t got = recv(plain->fd, buf, size, MSG_DONTWAIT);

	if (got > 0 && plain->imap->trace)
		(void)fprintf(stderr, "S: %.*s", (int)got, (char *)buf);
	return got;
}

static ssize_t plain_write(struct imap_transport *t, const void *data,
			   size_t size)
{
	struct plain *plain = (struct plain *)t;
	struct plain_imap *imap = plain->imap;
	const char *end = memchr(data, '\n', size);
	ssize_t done;

	/* A line at a time, so that one can be the last. */
	if (imap->cut_line != 0 && end != NULL)
		size = (size_t)(end - (const char *)data) + 1;
	done = send(plain->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (imap->trace && done > 0)
		(void)fprintf(stderr, "C: %.*s", (int)done, (const char *)data);
	if (done > 0 && (size_t)done == size && end != NULL &&
	    imap->cut_line != 0 && ++imap->lines == imap->cut_line)
		_exit(PLAIN_DIED);
	return done;
}

static int plain_wait(struct imap_transport *t, bool for_write, int wake_fd,
		      int milliseconds)
{
	struct pollfd fds[2] = {
		{ .fd = ((struct plain *)t)->fd,
		  .events = for_write ? POLLOUT : POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	int ret = poll(fds, 2, milliseconds);

	if (ret <= 0)
		return ret;
	return fds[0].revents != 0 ? 1 : 2;
}

static void plain_close(struct imap_transport *t)
{
	(void)close(((struct plain *)t)->fd);
	free(t);
}

static const char *plain_why(struct imap_transport *t)
{
	(void)t;
	return NULL;
}

/* Until a line that begins so. */
static bool expect(FILE *f, const char *start)
{
	char line[8192];

	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, start, strlen(start)) == 0)
			return true;
		if (line[0] != '*')
			break;
	}
	return false;
}

static bool login(const struct plain_imap *imap, int fd)
{
	char password[256] = "";
	FILE *f = fopen(imap->password_file, "r"), *in;
	bool ok;

	if (f == NULL || fgets(password, sizeof(password), f) == NULL)
		return false;
	(void)fclose(f);
	password[strcspn(password, "\n")] = '\0';
	in = fdopen(dup(fd), "r");
	(void)setvbuf(in, NULL, _IONBF, 0);
	ok = expect(in, "* OK") &&
	     dprintf(fd, "L LOGIN %s %s\r\n", imap->user, password) > 0 &&
	     expect(in, "L OK");
	(void)fclose(in);
	return ok;
}

enum imap_err plain_connect(void *ctx, struct imap_wake *wake,
			    struct imap_transport **transport_r, char **why_r)
{
	struct plain_imap *imap = ctx;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(imap->port) };
	struct plain *plain;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		*why_r = sqb_xasprintf("connect: %s", strerror(errno));
		return IMAP_LOST;
	}
	if (!login(imap, fd)) {
		(void)close(fd);
		*why_r = sqb_xstrdup("login failed");
		return IMAP_AUTH;
	}
	plain = sqb_xcalloc(1, sizeof(*plain));
	plain->transport = (struct imap_transport){
		.read = plain_read,
		.write = plain_write,
		.wait = plain_wait,
		.close = plain_close,
		.why = plain_why,
		.wake = wake,
	};
	plain->imap = imap;
	plain->fd = fd;
	*transport_r = &plain->transport;
	return IMAP_OK;
}
