/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/ready.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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

void ifs_ready_tell(struct ifs_ready *ready, int code)
{
	ssize_t ignored;

	if (ready->told)
		return;
	ready->told = true;
	if (code == 0)
		notify_systemd("READY=1");
	if (ready->fd < 0)
		return;
	ignored = write(ready->fd, &code, sizeof(code));
	(void)ignored;
	(void)close(ready->fd);
}
