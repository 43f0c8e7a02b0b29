/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/imap/connect.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "fuse/imap/client-private.h"

/* A login is some answers long; so many timeouts are enough for all. */
#define PATIENCE 4
#define KEEPALIVE_IDLE 120L    /* seconds */
#define KEEPALIVE_INTERVAL 30L /* seconds */
#define LINE_MAX_SIZE 200

struct curl_transport {
	struct imap_transport base;
	CURLM *multi;     /* own */
	CURL *easy;       /* own; is in multi, which keeps its connection */
	curl_socket_t fd; /* foreign: of easy */
	const char *why;  /* static */
	char error[CURL_ERROR_SIZE];
	char refusal[LINE_MAX_SIZE]; /* what the server said to a login */
};

static struct curl_transport *from(struct imap_transport *t)
{
	return (struct curl_transport *)t;
}

/* The transport */

static ssize_t failed(struct curl_transport *t, CURLcode code)
{
	if (code == CURLE_AGAIN) {
		errno = EAGAIN;
	} else {
		errno = EIO;
		t->why = curl_easy_strerror(code);
	}
	return -1;
}

static ssize_t curl_read(struct imap_transport *base, void *buf, size_t size)
{
	struct curl_transport *t = from(base);
	size_t n = 0;
	CURLcode code = curl_easy_recv(t->easy, buf, size, &n);

	return code == CURLE_OK ? (ssize_t)n : failed(t, code);
}

static ssize_t curl_write(struct imap_transport *base, const void *data,
			  size_t size)
{
	struct curl_transport *t = from(base);
	size_t n = 0;
	CURLcode code = curl_easy_send(t->easy, data, size, &n);

	if (code == CURLE_OK && n == 0)
		code = CURLE_AGAIN;
	return code == CURLE_OK ? (ssize_t)n : failed(t, code);
}

static int curl_wait(struct imap_transport *base, bool for_write, int wake_fd,
		     int milliseconds)
{
	return imap_wait_fd(from(base)->fd, for_write, wake_fd, milliseconds);
}

static const char *curl_why(struct imap_transport *base)
{
	return from(base)->why;
}

static void curl_close(struct imap_transport *base)
{
	struct curl_transport *t = from(base);

	if (t->easy != NULL) {
		(void)curl_multi_remove_handle(t->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	(void)curl_multi_cleanup(t->multi);
	free(t);
}

/* What is set */

static void init_curl(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/*
 * libcurl tells of a refused login that it was refused; the server's words tell
 * why.  What we send is not looked at: a password is in it.
 */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size,
		    void *ctx)
{
	struct curl_transport *t = ctx;
	const char *word;

	(void)easy;
	if (type != CURLINFO_HEADER_IN || size == 0 || data[0] == '*' ||
	    data[0] == '+')
		return 0;
	word = memchr(data, ' ', size);
	if (word == NULL || size - (size_t)(word - data) < 4 ||
	    strncasecmp(word, " NO ", 4) != 0)
		return 0;
	word += 4;
	size -= (size_t)(word - data);
	if (size >= sizeof(t->refusal))
		size = sizeof(t->refusal) - 1;
	memcpy(t->refusal, word, size);
	t->refusal[size] = '\0';
	t->refusal[strcspn(t->refusal, "\r\n")] = '\0';
	sqb_utf8_printable(t->refusal);
	return 0;
}

static CURLcode set_text(CURL *easy, CURLoption option, const char *text)
{
	return text == NULL ? CURLE_OK : curl_easy_setopt(easy, option, text);
}

/* The host is put into a URL by itself, so that it cannot be more. */
static CURLcode set_url(CURL *easy, const struct imap_account *account)
{
	char *url = NULL, *port = NULL;
	CURLU *parts = curl_url();
	CURLUcode bad;
	CURLcode code = CURLE_URL_MALFORMAT;

	bad = curl_url_set(parts, CURLUPART_SCHEME,
			   account->starttls ? "imap" : "imaps", 0);
	if (bad == CURLUE_OK)
		bad = curl_url_set(parts, CURLUPART_HOST, account->host, 0);
	if (bad == CURLUE_OK && account->port != 0) {
		port = sqb_xasprintf("%u", (unsigned int)account->port);
		bad = curl_url_set(parts, CURLUPART_PORT, port, 0);
	}
	if (bad == CURLUE_OK)
		bad = curl_url_get(parts, CURLUPART_URL, &url, 0);
	if (bad == CURLUE_OK)
		code = curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_free(url);
	free(port);
	curl_url_cleanup(parts);
	return code;
}

static CURLcode set_tls(CURL *easy, const struct imap_account *account)
{
	CURLcode code;

	if ((code = curl_easy_setopt(easy, CURLOPT_USE_SSL,
				     (long)CURLUSESSL_ALL)) != CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L)) !=
		    CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L)) !=
		    CURLE_OK ||
	    (code = curl_easy_setopt(easy, CURLOPT_SSLVERSION,
				     (long)CURL_SSLVERSION_TLSv1_2)) !=
		    CURLE_OK ||
	    (code = set_text(easy, CURLOPT_CAINFO, account->cafile)) !=
		    CURLE_OK)
		return code;
	return set_text(easy, CURLOPT_SSLCERT, account->certfile);
}

static void set_network(struct curl_transport *t, unsigned int timeout)
{
	CURL *easy = t->easy;

	(void)curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout);
	(void)curl_easy_setopt(easy, CURLOPT_FTP_RESPONSE_TIMEOUT,
			       (long)(timeout + 999) / 1000);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE);
	(void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Who looks up a name is not waited for when we give up. */
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	(void)curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
	(void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, t);
	(void)curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
}

static void wipe(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* libcurl copies it, and forgets it when the login is over. */
static enum imap_err set_login(CURL *easy, const struct imap_account *account,
			       char **why_r)
{
	char *secret = NULL, *auth = NULL;
	CURLcode code;

	if (account->secret != NULL) {
		secret = account->secret(account->secret_ctx, why_r);
		if (secret == NULL)
			return IMAP_AUTH;
	}
	if (strpbrk(account->user, "\r\n") != NULL ||
	    (secret != NULL && strpbrk(secret, "\r\n") != NULL)) {
		*why_r = sqb_xstrdup(
			"there is a line break in the user name or password");
		wipe(secret);
		return IMAP_AUTH;
	}
	code = curl_easy_setopt(easy, CURLOPT_USERNAME, account->user);
	if (code == CURLE_OK)
		code = set_text(easy,
				account->oauth ? CURLOPT_XOAUTH2_BEARER
					       : CURLOPT_PASSWORD,
				secret);
	if (account->mechanism != NULL)
		auth = sqb_xasprintf("AUTH=%s", account->mechanism);
	else if (account->oauth)
		auth = sqb_xstrdup("AUTH=OAUTHBEARER;AUTH=XOAUTH2");
	else if (secret == NULL)
		auth = sqb_xstrdup("AUTH=EXTERNAL");
	if (code == CURLE_OK)
		code = set_text(easy, CURLOPT_LOGIN_OPTIONS, auth);
	free(auth);
	wipe(secret);
	if (code != CURLE_OK)
		*why_r = sqb_xstrdup(curl_easy_strerror(code));
	return code == CURLE_OK ? IMAP_OK : IMAP_AUTH;
}

static void forget_login(CURL *easy)
{
	(void)curl_easy_setopt(easy, CURLOPT_PASSWORD, NULL);
	(void)curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, NULL);
	(void)curl_easy_setopt(easy, CURLOPT_VERBOSE, 0L);
}

/* The connect */

/* A server that cannot log in anybody now has said nothing of the password. */
static enum imap_err login_err(const struct curl_transport *t)
{
	return strncasecmp(t->refusal, "[UNAVAILABLE]", 13) == 0 ||
			       strncasecmp(t->refusal, "[INUSE]", 7) == 0 ||
			       strncasecmp(t->refusal, "[LIMIT]", 7) == 0
		       ? IMAP_LOST
		       : IMAP_AUTH;
}

static enum imap_err code_err(const struct curl_transport *t, CURLcode code)
{
	long error = 0;

	switch ((int)code) {
	case CURLE_LOGIN_DENIED:
		return login_err(t);
	case CURLE_AUTH_ERROR:
		return IMAP_AUTH;
	case CURLE_SSL_CONNECT_ERROR:
		/* That may also be a connection that broke down. */
		(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
		return error != 0 || strstr(t->error, "SSL_ERROR_SYSCALL") !=
					       NULL
			       ? IMAP_LOST
			       : IMAP_TLS;
	case CURLE_USE_SSL_FAILED:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return IMAP_TLS;
	case CURLE_WEIRD_SERVER_REPLY:
		return IMAP_PROTOCOL;
	default:
		return IMAP_LOST;
	}
}

static char *explain(const struct curl_transport *t, CURLcode code)
{
	const char *words =
		t->error[0] != '\0' ? t->error : curl_easy_strerror(code);

	if (code == CURLE_LOGIN_DENIED && t->refusal[0] != '\0')
		return sqb_xasprintf("the server refused the login: %s",
				     t->refusal);
	return sqb_xstrdup(words);
}

/* Is it done?  Then *code_r is how. */
static bool is_done(struct curl_transport *t, CURLcode *code_r)
{
	CURLMsg *message;
	int left, running = 0;

	if (curl_multi_perform(t->multi, &running) != CURLM_OK) {
		*code_r = CURLE_FAILED_INIT;
		return true;
	}
	while ((message = curl_multi_info_read(t->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		*code_r = message->data.result;
		return true;
	}
	return false;
}

/* Rings are for whoever waits next; here only a stop counts. */
static enum imap_err perform(struct curl_transport *t, char **why_r)
{
	int64_t until = imap_now() + (int64_t)t->base.timeout * PATIENCE;
	struct imap_wake *wake = t->base.wake;
	struct curl_waitfd extra = { .fd = wake != NULL ? wake->fd : -1,
				     .events = CURL_WAIT_POLLIN };
	CURLcode code = CURLE_OPERATION_TIMEDOUT;
	bool rung = false, stopped = false;

	while (!stopped && !is_done(t, &code) && imap_now() < until) {
		(void)curl_multi_poll(t->multi, &extra, wake != NULL, 1000,
				      NULL);
		if (wake == NULL)
			continue;
		rung = imap_wake_hear(wake) || rung;
		stopped = atomic_load(&wake->stopped);
	}
	if (rung && !stopped)
		imap_wake_ring(wake);
	if (stopped) {
		*why_r = sqb_xstrdup("interrupted");
		return IMAP_INTERRUPTED;
	}
	if (code == CURLE_OK &&
	    (curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &t->fd) !=
		     CURLE_OK ||
	     t->fd == CURL_SOCKET_BAD))
		code = CURLE_COULDNT_CONNECT;
	if (code == CURLE_OK)
		return IMAP_OK;
	*why_r = explain(t, code);
	return code_err(t, code);
}

static struct curl_transport *transport_new(const struct imap_account *account)
{
	struct curl_transport *t = sqb_xcalloc(1, sizeof(*t));

	t->base = (struct imap_transport){
		.timeout =
			account->timeout != 0 ? account->timeout : IMAP_TIMEOUT,
		.wake = account->wake,
		.read = curl_read,
		.write = curl_write,
		.wait = curl_wait,
		.close = curl_close,
		.why = curl_why,
	};
	t->multi = curl_multi_init();
	t->easy = curl_easy_init();
	if (t->multi == NULL || t->easy == NULL)
		abort(); /* memory is out */
	return t;
}

enum imap_err imap_connect(const struct imap_account *account,
			   struct imap_transport **transport_r, char **why_r)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct curl_transport *t;
	enum imap_err err;
	CURLcode code;

	(void)pthread_once(&once, init_curl);
	t = transport_new(account);
	set_network(t, t->base.timeout);
	code = set_url(t->easy, account);
	if (code == CURLE_OK)
		code = set_tls(t->easy, account);
	if (code != CURLE_OK) {
		*why_r = explain(t, code);
		err = code == CURLE_URL_MALFORMAT ? IMAP_LOST : IMAP_TLS;
	} else {
		err = set_login(t->easy, account, why_r);
	}
	if (err == IMAP_OK) {
		(void)curl_multi_add_handle(t->multi, t->easy);
		err = perform(t, why_r);
		forget_login(t->easy);
	}
	if (err == IMAP_OK)
		*transport_r = &t->base;
	else
		curl_close(&t->base);
	return err;
}
