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

static const char usage_text[] =
	"usage: imapfs [-f] [-d] [-o OPTION[,OPTION...]] SOURCE MOUNTPOINT\n"
	"       imapfs -h | -V\n"
	"\n"
	"Shows the mail store in the directory SOURCE as folders and files.\n"
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
	OPTION_WITH_VALUE = OPTION_UMASK, /* the last one that has one */
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
	/* Without the second, permissions would not keep anybody out. */
	if (option == OPTION_ALLOW_OTHER)
		return pass_on(opts, "allow_other");
	return option <= OPTION_WITH_VALUE
		       ? parse_with_value(opts, (enum ifs_option)option, value)
		       : 0;
}

static int parse_list(struct ifs_options *opts, char *list)
{
	char *value, *rest = list;
	int option, ret = 0;

	while (ret == 0 && *rest != '\0') {
		option = getsubopt(&rest, option_names, &value);
		if (option >= 0)
			ret = parse_one(opts, option, value);
		else if (strncmp(value, "x-", 2) != 0)
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

static int parse_operands(struct ifs_options *opts, int count, char *operands[])
{
	int ret;

	if (count != 2)
		return usage_error("a SOURCE and a MOUNTPOINT are needed");
	opts->source = realpath(operands[0], NULL);
	ret = need_directory("store", operands[0], opts->source);
	return ret == 0 ? parse_mountpoint(opts, operands[1]) : ret;
}

/* As mount(8) shows it: "/home/alice/mail on ... type fuse.imapfs". */
static int name_mount(struct ifs_options *opts)
{
	char *fsname = NULL;
	char *option;
	int ret;

	if (fuse_opt_add_opt_escaped(&fsname, opts->source) < 0)
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
	free(opts->source);
	free(opts->mountpoint);
	opts->source = NULL;
	opts->mountpoint = NULL;
}
