/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/account.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/mem.h"

#define PORT_IMAP 143
#define PORT_IMAPS 993

static const struct scheme {
	const char *prefix;
	bool tls;
	unsigned int port;
} schemes[] = {
	{ "imaps://", true, PORT_IMAPS },
	{ "imap://", false, PORT_IMAP },
};

static const struct scheme *find_scheme(const char *source)
{
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncasecmp(source, schemes[i].prefix,
				strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	}
	return NULL;
}

bool ifs_account_is_url(const char *source)
{
	return find_scheme(source) != NULL;
}

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || strchr("-._~+=@", c) != NULL;
}

/* %XX for all octets that are not plain, and those of also; to free(). */
static char *escape(const char *text, const char *also)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = sqb_xmalloc(3 * strlen(text) + 1), *to = out;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (is_plain(*text) && strchr(also, *text) == NULL) {
			*to++ = *text;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	*to = '\0';
	return out;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One octet, and on past it; -1: broken, or a control octet. */
static int next_octet(const char **text, const char *end)
{
	int c = (unsigned char)*(*text)++, high, low;

	if (c == '%') {
		if (end - *text < 2)
			return -1;
		high = digit((*text)[0]);
		low = digit((*text)[1]);
		if (high < 0 || low < 0)
			return -1;
		c = high << 4 | low;
		*text += 2;
	}
	return c < ' ' || c == '\x7f' ? -1 : c;
}

/* To free(), or NULL. */
static char *unescape(const char *text, const char *end)
{
	char *out = sqb_xmalloc((size_t)(end - text) + 1), *to = out;
	int c = 0;

	while (c >= 0 && text < end) {
		c = next_octet(&text, end);
		*to++ = (char)c;
	}
	*to = '\0';
	if (c >= 0)
		return out;
	free(out);
	return NULL;
}

static bool fail(char **error_r, const char *sentence)
{
	*error_r = sqb_xstrdup(sentence);
	return false;
}

static bool parse_user(const char *from, const char *at,
		       struct ifs_account *account, char **error_r)
{
	if (at == NULL || at == from)
		return fail(error_r, "whose account is it? write "
				     "imaps://USER@HOST");
	if (memchr(from, ':', (size_t)(at - from)) != NULL)
		return fail(error_r,
			    "a password in a URL can be seen by everybody: "
			    "leave it out, and see -o passcmd");
	account->user = unescape(from, at);
	if (account->user == NULL)
		return fail(error_r, "the user in the URL is not well-formed: "
				     "% is written %25");
	return true;
}

static bool parse_port(const char *text, unsigned int *port)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 ||
	    number < 1 || number > 65535)
		return false;
	*port = (unsigned int)number;
	return true;
}

static bool is_host(const char *host)
{
	size_t len = strlen(host);

	if (host[0] == '[')
		return len > 2 &&
		       strspn(host + 1, "0123456789abcdef:.") == len - 2 &&
		       host[len - 1] == ']';
	return len > 0 && host[0] != '-' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == len;
}

/* text: what is behind the @, or what may be the user's. */
static bool parse_host(char *text, struct ifs_account *account, char **error_r)
{
	size_t size = strcspn(text, "/?#"), i;
	char *colon;

	if (text[size] != '\0' && strcmp(text + size, "/") != 0)
		return fail(error_r, "the whole account is mounted: leave out "
				     "what follows the host");
	text[size] = '\0';
	for (i = 0; i < size; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	colon = strrchr(text, ':');
	if (colon != NULL && strchr(colon, ']') == NULL) {
		*colon = '\0';
		if (!parse_port(colon + 1, &account->port))
			return fail(error_r, "a port is a number, 1 to 65535");
	}
	if (!is_host(text))
		return fail(error_r, "the URL names no host: write "
				     "imaps://USER@HOST");
	account->host = sqb_xstrdup(text);
	return true;
}

static char *make_url(const struct ifs_account *account)
{
	char *user = escape(account->user, "@"), *url;

	url = sqb_xasprintf("%s://%s@%s:%u", account->tls ? "imaps" : "imap",
			    user, account->host, account->port);
	free(user);
	return url;
}

bool ifs_account_parse(const char *url, struct ifs_account *account_r,
		       char **error_r)
{
	const struct scheme *scheme = find_scheme(url);
	const char *from, *at;
	char *host;
	bool ok;

	memset(account_r, 0, sizeof(*account_r));
	if (scheme == NULL)
		return fail(error_r, "a URL begins with imaps:// or imap://");
	account_r->tls = scheme->tls;
	account_r->port = scheme->port;
	from = url + strlen(scheme->prefix);
	at = memrchr(from, '@', strcspn(from, "/?#"));
	ok = parse_user(from, at, account_r, error_r);
	if (ok) {
		host = sqb_xstrdup(at + 1);
		ok = parse_host(host, account_r, error_r);
		free(host);
	}
	if (ok)
		account_r->url = make_url(account_r);
	else
		ifs_account_free(account_r);
	return ok;
}

void ifs_account_free(struct ifs_account *account)
{
	free(account->user);
	free(account->host);
	free(account->url);
	memset(account, 0, sizeof(*account));
}

char *ifs_account_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *entry;

	if (home == NULL || home[0] != '/') {
		entry = getpwuid(geteuid());
		home = entry != NULL ? entry->pw_dir : NULL;
	}
	return home != NULL && home[0] == '/' ? sqb_xstrdup(home) : NULL;
}

static char *data_home(void)
{
	const char *data = getenv("XDG_DATA_HOME");
	char *home, *path;

	if (data != NULL && data[0] == '/')
		return sqb_xstrdup(data);
	home = ifs_account_home();
	path = home != NULL ? sqb_xasprintf("%s/.local/share", home) : NULL;
	free(home);
	return path;
}

char *ifs_account_replica(const struct ifs_account *account)
{
	char *data = data_home(), *user, *path;

	if (data == NULL)
		return NULL;
	user = escape(account->user, "");
	path = sqb_xasprintf("%s/imapfs/%s@%s", data, user, account->host);
	/* Another server of the same host. */
	if (account->port != PORT_IMAPS && account->port != PORT_IMAP) {
		free(user);
		user = path;
		path = sqb_xasprintf("%s:%u", user, account->port);
	}
	free(user);
	free(data);
	return path;
}
