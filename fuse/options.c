/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "sqbox-config.h"

#include "fuse/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/mem.h"

#define TIMEOUT_SECS 30
#define TIMEOUT_MAX 3600
#define DAYS_MAX 100000

static const char usage_text[] =
	"usage: imapfs [-f] [-d] [-o OPTION[,OPTION...]] SOURCE MOUNTPOINT\n"
	"       imapfs status MOUNTPOINT\n"
	"       imapfs sync [--wait] [--retry] MOUNTPOINT\n"
	"       imapfs -h | -V\n"
	"\n"
	"Shows mail as folders and files: that of the store in the directory\n"
	"SOURCE, or of an account elsewhere, imaps://USER@HOST.\n"
	"\n"
	"  -f  stay in the foreground\n"
	"  -d  print every request; implies -f\n"
	"  -o ro              nothing can be changed\n"
	"  -o layout=plain    folders of .eml files (this is the default)\n"
	"  -o layout=maildir  cur, new and tmp in each folder\n"
	"  -o rm=trash        rm moves to the Trash mailbox (the default)\n"
	"  -o rm=expunge      rm expunges\n"
	"  -o uid=N,gid=N     whose the files are (default: yours)\n"
	"  -o quota=SIZE      no more mail than this: 500M, 2G\n"
	"  -o umask=OCTAL     permissions that nobody has (default: 077)\n"
	"  -o allow_other     other users may look in, as permissions say\n"
	"\n"
	"For an account elsewhere:\n"
	"  -o passcmd=COMMAND prints the password (else: ~/.netrc, or it is asked)\n"
	"  -o netrc=FILE      has the password\n"
	"  -o oauth           the password is an OAuth 2.0 access token\n"
	"  -o cafile=FILE     certificates of the authorities to trust\n"
	"  -o replica=DIR     where the mail is kept here\n"
	"  -o bodies=all      fetch all messages (the default), or of the last N\n"
	"                     days, or none before it is read: bodies=N, "
	"bodies=none\n"
	"  -o timeout=SECONDS of any wait for the server (default: 30)\n"
	"  -o sync            close() waits for the server\n"
	"  -o retry           try again what the server has refused\n"
	"\n"
	"All other options are those of fuse(8).  Unmount: fusermount3 -u "
	"MOUNTPOINT\n";

static int usage_error(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static int usage_error(const char *format, ...)
{
	va_list args;

	fputs("imapfs: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; see imapfs -h\n", stderr);
	return EX_USAGE;
}

/* A number, all of the text, below max. */
static bool parse_number(const char *text, int base, unsigned int max,
			 unsigned int *number_r)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, base);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    number >= max)
		return false;
	*number_r = (unsigned int)number;
	return true;
}

/* Octets, or so many K, M, G or T of them. */
static bool parse_size(const char *text, uint64_t *size_r)
{
	static const char units[] = "KMGT";
	unsigned long long size;
	const char *unit;
	unsigned int bits = 0;
	char *end;

	errno = 0;
	size = strtoull(text, &end, 10);
	if (*end != '\0') {
		unit = strchr(units, toupper((unsigned char)*end++));
		if (unit == NULL)
			return false;
		bits = 10 * (unsigned int)(unit - units + 1);
	}
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    size == 0 || size > (unsigned long long)INT64_MAX >> bits)
		return false;
	*size_r = size << bits;
	return true;
}

static int parse_layout(struct ifs_options *opts, const char *value)
{
	if (strcmp(value, "plain") == 0)
		opts->layout = IFS_LAYOUT_PLAIN;
	else if (strcmp(value, "maildir") == 0)
		opts->layout = IFS_LAYOUT_MAILDIR;
	else
		return usage_error("layout is plain or maildir, not \"%s\"",
				   value);
	return 0;
}

static int parse_bodies(struct ifs_options *opts, const char *value)
{
	unsigned int days;

	if (strcmp(value, "all") == 0)
		opts->remote.bodies_days = -1;
	else if (strcmp(value, "none") == 0)
		opts->remote.bodies_days = 0;
	else if (parse_number(value, 10, DAYS_MAX, &days) && days > 0)
		opts->remote.bodies_days = (int)days;
	else
		return usage_error("bodies is all, none or a number of days, "
				   "not \"%s\"",
				   value);
	return 0;
}

/* A daemon changes its directory.  A file that is to be is not there yet. */
static int set_file(char **path, const char *option, const char *value)
{
	free(*path);
	*path = realpath(value, NULL);
	if (*path != NULL)
		return 0;
	fprintf(stderr, "imapfs: %s %s: %s\n", option, value, strerror(errno));
	return EX_NOINPUT;
}

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = sqb_xstrdup(value);
}

static int parse_rm(struct ifs_options *opts, const char *value)
{
	if (strcmp(value, "trash") == 0)
		opts->rm = IFS_RM_TRASH;
	else if (strcmp(value, "expunge") == 0)
		opts->rm = IFS_RM_EXPUNGE;
	else
		return usage_error("rm is trash or expunge, not \"%s\"", value);
	return 0;
}

/* What is not ours is libfuse's or the kernel's, who say what they think. */
static int pass_on(struct ifs_options *opts, const char *option)
{
	if (fuse_opt_add_arg(&opts->mount_args, "-o") < 0 ||
	    fuse_opt_add_arg(&opts->mount_args, option) < 0)
		return EX_OSERR;
	return 0;
}

enum ifs_option {
	OPTION_LAYOUT,
	OPTION_RM,
	OPTION_UID,
	OPTION_GID,
	OPTION_QUOTA,
	OPTION_UMASK,
	OPTION_REPLICA,
	OPTION_PASSCMD,
	OPTION_NETRC,
	OPTION_CAFILE,
	OPTION_TIMEOUT,
	OPTION_BODIES,
	OPTION_WITH_VALUE = OPTION_BODIES, /* the last one that has one */
	OPTION_OAUTH,
	OPTION_SYNC,
	OPTION_RETRY,
	OPTION_RO,
	OPTION_RW,
	OPTION_ALLOW_OTHER,
	/* in fstab, but for others than us */
	OPTION_DEFAULTS,
	OPTION_AUTO,
	OPTION_NOAUTO,
	OPTION_NOFAIL,
	OPTION_NETDEV,
	OPTION_USER,
	OPTION_USERS,
	OPTION_COUNT,
};

static char *const option_names[] = {
	[OPTION_LAYOUT] = (char *)"layout",
	[OPTION_RM] = (char *)"rm",
	[OPTION_UID] = (char *)"uid",
	[OPTION_GID] = (char *)"gid",
	[OPTION_QUOTA] = (char *)"quota",
	[OPTION_UMASK] = (char *)"umask",
	[OPTION_REPLICA] = (char *)"replica",
	[OPTION_PASSCMD] = (char *)"passcmd",
	[OPTION_NETRC] = (char *)"netrc",
	[OPTION_CAFILE] = (char *)"cafile",
	[OPTION_TIMEOUT] = (char *)"timeout",
	[OPTION_BODIES] = (char *)"bodies",
	[OPTION_OAUTH] = (char *)"oauth",
	[OPTION_SYNC] = (char *)"sync",
	[OPTION_RETRY] = (char *)"retry",
	[OPTION_RO] = (char *)"ro",
	[OPTION_RW] = (char *)"rw",
	[OPTION_ALLOW_OTHER] = (char *)"allow_other",
	[OPTION_DEFAULTS] = (char *)"defaults",
	[OPTION_AUTO] = (char *)"auto",
	[OPTION_NOAUTO] = (char *)"noauto",
	[OPTION_NOFAIL] = (char *)"nofail",
	[OPTION_NETDEV] = (char *)"_netdev",
	[OPTION_USER] = (char *)"user",
	[OPTION_USERS] = (char *)"users",
	[OPTION_COUNT] = NULL,
};

static int parse_with_value(struct ifs_options *opts, enum ifs_option option,
			    const char *value)
{
	if (option == OPTION_LAYOUT)
		return parse_layout(opts, value);
	if (option == OPTION_RM)
		return parse_rm(opts, value);
	if (option == OPTION_UID &&
	    !parse_number(value, 10, UINT32_MAX, &opts->uid))
		return usage_error("uid is a number, not \"%s\"", value);
	if (option == OPTION_GID &&
	    !parse_number(value, 10, UINT32_MAX, &opts->gid))
		return usage_error("gid is a number, not \"%s\"", value);
	if (option == OPTION_QUOTA && !parse_size(value, &opts->quota))
		return usage_error("quota is a size like 500M, not \"%s\"",
				   value);
	if (option == OPTION_UMASK &&
	    !parse_number(value, 8, 01000, &opts->umask))
		return usage_error("umask is 000 to 777, not \"%s\"", value);
	return 0;
}

static int parse_remote(struct ifs_options *opts, enum ifs_option option,
			const char *value)
{
	struct ifs_remote_options *remote = &opts->remote;

	if (option == OPTION_NETRC)
		return set_file(&remote->netrc, "netrc", value);
	if (option == OPTION_CAFILE)
		return set_file(&remote->cafile, "cafile", value);
	if (option == OPTION_BODIES)
		return parse_bodies(opts, value);
	if (option == OPTION_TIMEOUT &&
	    (!parse_number(value, 10, TIMEOUT_MAX + 1, &remote->timeout) ||
	     remote->timeout == 0))
		return usage_error("timeout is 1 to %u seconds, not \"%s\"",
				   TIMEOUT_MAX, value);
	if (option == OPTION_PASSCMD)
		set_text(&remote->passcmd, value);
	if (option == OPTION_REPLICA)
		set_text(&remote->replica, value);
	remote->oauth = remote->oauth || option == OPTION_OAUTH;
	remote->retry = remote->retry || option == OPTION_RETRY;
	return 0;
}

static bool is_remote_option(int option)
{
	return (option >= OPTION_REPLICA && option <= OPTION_OAUTH) ||
	       option == OPTION_RETRY;
}

static int parse_one(struct ifs_options *opts, int option, const char *value)
{
	if (option <= OPTION_WITH_VALUE && value == NULL)
		return usage_error("the option %s needs a value",
				   option_names[option]);
	if (option > OPTION_WITH_VALUE && value != NULL)
		return usage_error("the option %s has no value",
				   option_names[option]);
	if (option == OPTION_RO || option == OPTION_RW)
		opts->readonly = option == OPTION_RO;
	/* What is local is durable anyway. */
	if (option == OPTION_SYNC)
		opts->remote.sync = true;
	if (is_remote_option(option)) {
		opts->remote.given = option_names[option];
		return parse_remote(opts, (enum ifs_option)option, value);
	}
	/* Without the second, permissions would not keep anybody out. */
	if (option == OPTION_ALLOW_OTHER)
		return pass_on(opts, "allow_other");
	return option <= OPTION_WITH_VALUE
		       ? parse_with_value(opts, (enum ifs_option)option, value)
		       : 0;
}

/* A comma behind a backslash is part of a value; meanwhile it is this. */
#define COMMA '\x01'

static void hide_commas(char *list)
{
	for (; *list != '\0'; list++) {
		if (list[0] == '\\' && list[1] == ',') {
			list[1] = COMMA;
			list++;
		}
	}
}

/* For others the backslash stays. */
static void show_commas(char *value, bool ours)
{
	char *to = value;

	for (; *value != '\0'; value++) {
		if (value[0] == COMMA && ours)
			to--;
		*to++ = *value;
		if (value[0] == COMMA)
			to[-1] = ',';
	}
	*to = '\0';
}

static int parse_list(struct ifs_options *opts, char *list)
{
	char *value, *rest = list;
	int option, ret = 0;

	hide_commas(list);
	while (ret == 0 && *rest != '\0') {
		option = getsubopt(&rest, option_names, &value);
		if (value != NULL)
			show_commas(value, option >= 0);
		if (option >= 0)
			ret = parse_one(opts, option, value);
		else if (value != NULL && strncmp(value, "x-", 2) != 0)
			ret = pass_on(opts, value);
	}
	return ret;
}

/* An exit code, after a line that says why. */
static int need_directory(const char *what, const char *operand,
			  const char *path)
{
	struct stat info;

	if (path == NULL || stat(path, &info) < 0) {
		fprintf(stderr, "imapfs: %s %s: %s\n", what, operand,
			strerror(errno));
		return EX_NOINPUT;
	}
	if (!S_ISDIR(info.st_mode)) {
		fprintf(stderr, "imapfs: %s %s: not a directory\n", what,
			operand);
		return EX_NOINPUT;
	}
	return 0;
}

/* Would the store lie below the mount, out of our own reach? */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

static int parse_mountpoint(struct ifs_options *opts, const char *operand)
{
	int ret;

	/* Mounted already, by mount.fuse3(8) or the like. */
	if (strncmp(operand, "/dev/fd/", 8) == 0) {
		opts->mountpoint = sqb_xstrdup(operand);
		return 0;
	}
	opts->mountpoint = realpath(operand, NULL);
	ret = need_directory("mount point", operand, opts->mountpoint);
	if (ret != 0)
		return ret;
	if (is_below(opts->source, opts->mountpoint))
		return usage_error("the mount point %s would hide the store %s",
				   operand, opts->source);
	return 0;
}

/* With all directories above it; in the end only its owner may look in. */
static int make_directory(const char *path)
{
	char *part = sqb_xstrdup(path), *slash = part;
	int ret = 0;

	while (ret == 0 && slash != NULL) {
		slash = strchr(slash + 1, '/');
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			ret = errno;
		if (slash != NULL)
			*slash = '/';
	}
	free(part);
	return ret;
}

static int parse_account(struct ifs_options *opts, const char *url)
{
	struct ifs_remote_options *remote = &opts->remote;
	char *error = NULL;
	int ret;

	if (!ifs_account_parse(url, &remote->account, &error)) {
		fprintf(stderr, "imapfs: %s\n", error);
		free(error);
		return EX_USAGE;
	}
	if (remote->replica == NULL)
		remote->replica = ifs_account_replica(&remote->account);
	if (remote->replica == NULL)
		return usage_error("there is no home directory for the "
				   "replica: use -o replica");
	ret = make_directory(remote->replica);
	opts->source = ret == 0 ? realpath(remote->replica, NULL) : NULL;
	if (ret != 0)
		errno = ret;
	return need_directory("replica", remote->replica, opts->source);
}

static int parse_source(struct ifs_options *opts, const char *operand)
{
	if (ifs_account_is_url(operand))
		return parse_account(opts, operand);
	if (opts->remote.given != NULL)
		return usage_error("the option %s is for an account elsewhere, "
				   "imaps://USER@HOST",
				   opts->remote.given);
	opts->source = realpath(operand, NULL);
	return need_directory("store", operand, opts->source);
}

static int parse_operands(struct ifs_options *opts, int count, char *operands[])
{
	int ret;

	if (count != 2)
		return usage_error("a SOURCE and a MOUNTPOINT are needed");
	ret = parse_source(opts, operands[0]);
	return ret == 0 ? parse_mountpoint(opts, operands[1]) : ret;
}

/* As mount(8) shows it: "/home/alice/mail on ... type fuse.imapfs". */
static int name_mount(struct ifs_options *opts)
{
	char *fsname = NULL;
	char *option;
	int ret;

	if (fuse_opt_add_opt_escaped(&fsname, ifs_options_shown(opts)) < 0)
		return EX_OSERR;
	/*
	 * To check permissions the kernel has to know the attributes: so it
	 * notices that a file is gone even if it would open it by itself.
	 */
	option = sqb_xasprintf("default_permissions,subtype=imapfs,fsname=%s",
			       fsname);
	ret = pass_on(opts, option);
	free(option);
	free(fsname);
	if (ret == 0 && opts->readonly)
		ret = pass_on(opts, "ro");
	if (ret == 0 && opts->debug)
		ret = fuse_opt_add_arg(&opts->mount_args, "-d") < 0 ? EX_OSERR
								    : 0;
	return ret;
}

static void set_defaults(struct ifs_options *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->uid = getuid();
	opts->gid = getgid();
	opts->umask = 077;
	opts->remote.timeout = TIMEOUT_SECS;
	opts->remote.bodies_days = -1;
}

const char *ifs_options_shown(const struct ifs_options *opts)
{
	return ifs_options_are_remote(opts) ? opts->remote.account.url
					    : opts->source;
}

int ifs_options_parse(struct ifs_options *opts, int argc, char *argv[])
{
	int ret = 0, c;

	set_defaults(opts);
	if (fuse_opt_add_arg(&opts->mount_args, argv[0]) < 0)
		return EX_OSERR;
	while (ret == 0 && (c = getopt(argc, argv, "fdhVo:")) != -1) {
		switch (c) {
		case 'f':
			opts->foreground = true;
			break;
		case 'd':
			opts->debug = true;
			opts->foreground = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return -1;
		case 'V':
			printf("imapfs %s\n", PACKAGE_VERSION);
			return -1;
		case 'o':
			ret = parse_list(opts, optarg);
			break;
		default:
			return EX_USAGE; /* getopt() has said why */
		}
	}
	if (ret == 0)
		ret = parse_operands(opts, argc - optind, argv + optind);
	return ret == 0 ? name_mount(opts) : ret;
}

void ifs_options_free(struct ifs_options *opts)
{
	fuse_opt_free_args(&opts->mount_args);
	ifs_account_free(&opts->remote.account);
	free(opts->remote.passcmd);
	free(opts->remote.netrc);
	free(opts->remote.cafile);
	free(opts->remote.replica);
	free(opts->source);
	free(opts->mountpoint);
	memset(opts, 0, sizeof(*opts));
}
