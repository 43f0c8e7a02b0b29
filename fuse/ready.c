/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/ready.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

/* The protocol of sd_notify(3): a datagram to the socket in $NOTIFY_SOCKET. */
static void notify_systemd(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			   strlen(path));
	if (path[0] == '@') /* an abstract name */
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, message, strlen(message), MSG_NOSIGNAL,
		     (struct sockaddr *)&address, size);
	(void)close(fd);
}

void ifs_ready_init(struct ifs_ready *ready, int fd)
{
	(void)pthread_mutex_init(&ready->lock, NULL);
	ready->fd = fd;
	ready->piped = fd >= 0;
	ready->told = false;
	ready->watched = false;
	ready->result[0] = '\0';
}

static void close_pipe(struct ifs_ready *ready)
{
	if (ready->fd >= 0)
		(void)close(ready->fd);
	ready->fd = -1;
}

/* Who has gone, or is slow, misses it. */
static void write_pipe(struct ifs_ready *ready, const void *data, size_t size)
{
	if (ready->fd >= 0 && write(ready->fd, data, size) != (ssize_t)size)
		close_pipe(ready);
}

/* Over the line before. */
static void show(const char *text, bool last)
{
	fprintf(stderr, "\r\033[K%s%s", text, last ? "\n" : "");
	(void)fflush(stderr);
}

/* To whoever waits, or on our own terminal. */
static void tell_progress(struct ifs_ready *ready, const char *text, bool last)
{
	char line[IFS_PROGRESS_SIZE + 1];
	int size;

	if (ready->fd >= 0) {
		size = snprintf(line, sizeof(line), "%s%c", text,
				last ? '\n' : '\r');
		write_pipe(ready, line, (size_t)size);
	} else if (!ready->piped) {
		show(text, last);
	}
}

void ifs_ready_tell(struct ifs_ready *ready, int code)
{
	(void)pthread_mutex_lock(&ready->lock);
	if (!ready->told && code == 0)
		notify_systemd("READY=1");
	if (!ready->told)
		write_pipe(ready, &code, sizeof(code));
	if (!ready->told && code == 0 && ready->result[0] != '\0')
		tell_progress(ready, ready->result, true);
	ready->told = true;
	if (code != 0 || !ready->watched)
		close_pipe(ready);
	(void)pthread_mutex_unlock(&ready->lock);
}

void ifs_ready_watch(struct ifs_ready *ready)
{
	(void)pthread_mutex_lock(&ready->lock);
	ready->watched = isatty(STDERR_FILENO);
	(void)pthread_mutex_unlock(&ready->lock);
}

void ifs_ready_progress(struct ifs_ready *ready, const char *text, bool last)
{
	char status[IFS_PROGRESS_SIZE];

	(void)snprintf(status, sizeof(status), "STATUS=%s", text);
	notify_systemd(status);
	(void)pthread_mutex_lock(&ready->lock);
	if (ready->watched && ready->told)
		tell_progress(ready, text, last);
	else if (ready->watched && last)
		(void)snprintf(ready->result, sizeof(ready->result), "%s",
			       text);
	ready->watched = ready->watched && !last;
	if (last && ready->told)
		close_pipe(ready);
	(void)pthread_mutex_unlock(&ready->lock);
}

/* Texts that end in CR, but the last one. */
static void show_progress(int fd)
{
	char text[256];
	ssize_t got;

	while ((got = read(fd, text, sizeof(text) - 1)) > 0) {
		text[got] = '\0';
		if (text[got - 1] == '\r')
			text[got - 1] = '\0';
		fprintf(stderr, "\r\033[K%s", text);
		(void)fflush(stderr);
	}
}

int ifs_ready_wait(int fd)
{
	int code;

	if (read(fd, &code, sizeof(code)) != (ssize_t)sizeof(code))
		return EX_SOFTWARE;
	if (code == 0)
		show_progress(fd);
	return code;
}
