/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "fuse/account.h"
#include "fuse/netrc.h"
#include "fuse/terminal.h"

#define SIZE (IFS_SECRET_MAX + 1)
/* A command may ask a person. */
#define COMMAND_SECS 300

extern char **environ;

static char *new_secret(void)
{
	char *secret = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED)
		abort(); /* as for all small objects (mem.h) */
	(void)mlock(secret, SIZE);
	(void)madvise(secret, SIZE, MADV_DONTDUMP);
	return secret;
}

void ifs_secret_free(char **secret)
{
	if (*secret == NULL)
		return;
	explicit_bzero(*secret, SIZE);
	(void)munmap(*secret, SIZE);
	*secret = NULL;
}

char *ifs_secret_copy(const char *secret)
{
	char *copy = new_secret();

	memcpy(copy, secret, strnlen(secret, IFS_SECRET_MAX));
	return copy;
}

static int fail(char **error_r, char *sentence)
{
	*error_r = sentence;
	return EX_CONFIG;
}

/* What there is to read, at most all that there is room for; -1: errno. */
static ssize_t read_all(int fd, char *secret)
{
	size_t size = 0;
	ssize_t got = 1;

	while (got > 0 && size < IFS_SECRET_MAX) {
		got = read(fd, secret + size, IFS_SECRET_MAX - size);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			size += (size_t)got;
	}
	secret[size] = '\0';
	return got < 0 ? -1 : (ssize_t)size;
}

/* passcmd */

/* As a shell would: no signal is blocked or ignored in it. */
static int spawn(const char *command, int out, pid_t *pid_r)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)command,
			       NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int ret;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawnattr_init(&attr);
	(void)sigemptyset(&set);
	(void)posix_spawnattr_setsigmask(&attr, &set);
	(void)sigaddset(&set, SIGPIPE);
	(void)posix_spawnattr_setsigdefault(&attr, &set);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	ret = posix_spawn(pid_r, "/bin/sh", &actions, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return ret;
}

/* Its first line; false: there was none in time. */
static bool read_line(int fd, char *secret)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	time_t end = time(NULL) + COMMAND_SECS;
	size_t size = 0;
	ssize_t got = 1;

	while (got > 0 && size < IFS_SECRET_MAX && time(NULL) < end) {
		if (poll(&ready, 1, 1000) <= 0)
			continue;
		got = read(fd, secret + size, IFS_SECRET_MAX - size);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			size += (size_t)got;
	}
	secret[size] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
	return got == 0 && secret[0] != '\0';
}

static int run_command(const char *command, char *secret, char **error_r)
{
	int fds[2], ret, status = 0;
	bool answered;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(error_r,
			    sqb_xasprintf("passcmd: %s", strerror(errno)));
	ret = spawn(command, fds[1], &pid);
	(void)close(fds[1]);
	answered = ret == 0 && read_line(fds[0], secret);
	(void)close(fds[0]);
	if (ret != 0)
		return fail(error_r,
			    sqb_xasprintf("passcmd: %s", strerror(ret)));
	if (!answered)
		(void)kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (answered && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return fail(error_r, sqb_xasprintf("passcmd has failed with "
						   "exit status %d",
						   WEXITSTATUS(status)));
	return fail(error_r, sqb_xstrdup("passcmd has printed no password"));
}

/* The credential of systemd, systemd.exec(5); 0: *found_r says. */

static int read_credential(const struct ifs_secret_source *from, char *secret,
			   bool *found_r, char **error_r)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	ssize_t size;
	char *path;
	int fd;

	if (dir == NULL || dir[0] != '/')
		return 0;
	path = sqb_xasprintf("%s/imapfs.%s", dir, from->host);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd >= 0 ? read_all(fd, secret) : -1;
	if (fd >= 0)
		(void)close(fd);
	secret[strcspn(secret, "\r\n")] = '\0';
	*found_r = size > 0 && secret[0] != '\0';
	if (!*found_r && (fd >= 0 || errno != ENOENT)) {
		*error_r = sqb_xasprintf("%s: %s", path,
					 size < 0 ? strerror(errno) : "empty");
		free(path);
		return EX_CONFIG;
	}
	free(path);
	return 0;
}

/* netrc */

/* What others can read is no secret. */
static bool is_private(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
	       (info.st_mode & 077) == 0 &&
	       (info.st_uid == geteuid() || info.st_uid == 0);
}

static int search_netrc(const struct ifs_secret_source *from, const char *path,
			int fd, char *secret, bool *found_r, char **error_r)
{
	char *text = new_secret();
	const char *password;

	if (read_all(fd, text) < 0) {
		*error_r = sqb_xasprintf("%s: %s", path, strerror(errno));
	} else if (ifs_netrc_find(text, from->host, from->user, &password)) {
		if (is_private(fd))
			memcpy(secret, password, strlen(password) + 1);
		else
			*error_r = sqb_xasprintf("others may read the "
						 "passwords in %s, or it is "
						 "not yours: chmod 600 %s",
						 path, path);
		*found_r = *error_r == NULL;
	}
	ifs_secret_free(&text);
	return *error_r == NULL ? 0 : EX_CONFIG;
}

static int read_netrc(const struct ifs_secret_source *from, char *secret,
		      bool *found_r, char **error_r)
{
	char *home = ifs_account_home(), *path = NULL;
	int fd, ret = 0;

	if (from->netrc != NULL)
		path = sqb_xstrdup(from->netrc);
	else if (home != NULL)
		path = sqb_xasprintf("%s/.netrc", home);
	free(home);
	if (path == NULL)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0) {
		ret = search_netrc(from, path, fd, secret, found_r, error_r);
		(void)close(fd);
	} else if (from->netrc != NULL) {
		ret = fail(error_r,
			   sqb_xasprintf("%s: %s", path, strerror(errno)));
	}
	if (ret == 0 && !*found_r && from->netrc != NULL)
		ret = fail(error_r,
			   sqb_xasprintf("%s has no line \"machine %s login "
					 "%s password ...\"",
					 path, from->host, from->user));
	free(path);
	return ret;
}

static int ask(const struct ifs_secret_source *from, char *secret,
	       bool *found_r, char **error_r)
{
	char *question = sqb_xasprintf("Password for %s at %s: ", from->user,
				       from->host);
	int ret = ifs_terminal_ask(question, secret, SIZE);

	free(question);
	*found_r = ret == 0;
	if (ret == 0 || ret == ENOTTY)
		return 0;
	*error_r = sqb_xasprintf("no password was given");
	return EX_NOPERM;
}

static int get(const struct ifs_secret_source *from, char *secret,
	       char **error_r)
{
	bool found = false;
	int ret;

	if (from->passcmd != NULL)
		return run_command(from->passcmd, secret, error_r);
	ret = read_credential(from, secret, &found, error_r);
	if (ret == 0 && !found)
		ret = read_netrc(from, secret, &found, error_r);
	if (ret == 0 && !found && from->may_ask)
		ret = ask(from, secret, &found, error_r);
	if (ret != 0 || found)
		return ret;
	return fail(error_r,
		    sqb_xasprintf("no password for %s at %s: use -o passcmd, a "
				  "line in ~/.netrc, a credential imapfs.%s of "
				  "systemd, or a terminal",
				  from->user, from->host, from->host));
}

int ifs_secret_get(const struct ifs_secret_source *from, char **secret_r,
		   char **error_r)
{
	char *secret = new_secret();
	int ret;

	*error_r = NULL;
	ret = get(from, secret, error_r);
	if (ret == 0)
		*secret_r = secret;
	else
		ifs_secret_free(&secret);
	return ret;
}
