/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * The writer lock: flock() on store.lock, in which writers of all processes
 * wait in the order of their coming.
 *
 * flock() knows no deadline.  A timer of our own sends this thread a real-time
 * signal when the time is up, and again until it is stopped, should the first
 * have come just before the call.  The handler does nothing; without
 * SA_RESTART the call then ends with EINTR.  If somebody else in the process
 * has a use for that signal, we look at the lock now and then instead, and
 * lose only our place in the queue.
 */
#include "common/store-private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAKE_SIGNAL (SIGRTMAX - 2)
#define WAKE_AGAIN_NS 20000000
#define POLL_NS 2000000

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct alarm {
	timer_t timer;
	sigset_t old_mask;
};

static void wake_up(int sig)
{
	(void)sig;
}

static bool have_handler(void)
{
	struct sigaction act, old;

	if (sigaction(WAKE_SIGNAL, NULL, &old) < 0)
		return false;
	if ((old.sa_flags & SA_SIGINFO) != 0)
		return false;
	if (old.sa_handler == wake_up)
		return true;
	if (old.sa_handler != SIG_DFL)
		return false;
	memset(&act, 0, sizeof(act));
	act.sa_handler = wake_up;
	(void)sigemptyset(&act.sa_mask);
	return sigaction(WAKE_SIGNAL, &act, NULL) == 0;
}

static bool alarm_start(struct alarm *alarm_r, int64_t ms)
{
	struct sigevent event;
	struct itimerspec when;
	sigset_t mask;

	if (!have_handler())
		return false;
	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = WAKE_SIGNAL;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &alarm_r->timer) < 0)
		return false;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, WAKE_SIGNAL);
	(void)pthread_sigmask(SIG_UNBLOCK, &mask, &alarm_r->old_mask);
	memset(&when, 0, sizeof(when));
	when.it_value.tv_sec = (time_t)(ms / 1000);
	when.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
	when.it_interval.tv_nsec = WAKE_AGAIN_NS;
	(void)timer_settime(alarm_r->timer, 0, &when, NULL);
	return true;
}

static void alarm_stop(struct alarm *alarm)
{
	(void)timer_delete(alarm->timer);
	(void)pthread_sigmask(SIG_SETMASK, &alarm->old_mask, NULL);
}

/* 0, or -1 with errno, EINTR when the time is up. */
static int wait_in_queue(struct sqb_store *st, int64_t deadline)
{
	struct alarm alarm;
	int64_t left = deadline - sqb_now_ms();
	int rc, code;

	if (left <= 0 || !alarm_start(&alarm, left)) {
		errno = ENOSYS;
		return -1;
	}
	do {
		rc = flock(st->lock_fd, LOCK_EX);
	} while (rc < 0 && errno == EINTR && sqb_now_ms() < deadline);
	code = errno;
	alarm_stop(&alarm);
	errno = code;
	return rc;
}

static int poll_lock(struct sqb_store *st, int64_t deadline)
{
	struct timespec pause = { 0, POLL_NS };
	int rc;

	while ((rc = flock(st->lock_fd, LOCK_EX | LOCK_NB)) < 0 &&
	       (errno == EWOULDBLOCK || errno == EINTR)) {
		if (sqb_now_ms() >= deadline) {
			errno = EINTR;
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return rc;
}

/* SQLite would go on writing to files that have no name any more. */
static enum sqb_err check_there(struct sqb_store *st)
{
	struct stat info;

	if (fstat(st->lock_fd, &info) == 0 && info.st_nlink > 0)
		return SQB_OK;
	sqb_unlock(st);
	return sqb_fail(st, SQB_IO,
			"%s: the store has been removed while it was open",
			st->dir);
}

enum sqb_err sqb_lock(struct sqb_store *st)
{
	int64_t deadline;
	int rc = flock(st->lock_fd, LOCK_EX | LOCK_NB);

	if (rc == 0)
		return check_there(st);
	deadline = sqb_now_ms() + (int64_t)st->lock_timeout_secs * 1000;
	if (errno == EWOULDBLOCK || errno == EINTR)
		rc = wait_in_queue(st, deadline);
	if (rc < 0 && errno == ENOSYS)
		rc = poll_lock(st, deadline);
	if (rc == 0)
		return check_there(st);
	if (errno == EINTR)
		return sqb_fail(st, SQB_BUSY,
				"%s/store.lock: others have been writing to "
				"this store for %u seconds; try again later, "
				"or see who with \"lslocks\"",
				st->dir, st->lock_timeout_secs);
	return sqb_fail_errno(st, "%s/store.lock: flock", st->dir);
}

void sqb_unlock(struct sqb_store *st)
{
	(void)flock(st->lock_fd, LOCK_UN);
}
