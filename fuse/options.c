/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "sqbox-config.h"

#include "fuse/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage_text[] =
	"usage: imapfs [-f] [-d] [-o OPTION[,OPTION...]] SOURCE MOUNTPOINT\n"
	"       imapfs -h | -V\n"
	"\n"
	"SOURCE is the directory of a sqbox store.\n"
	"\n"
	"  -f  stay in the foreground\n"
	"  -d  print every request; implies -f\n"
	"  -o ro                  nothing can be changed\n"
	"  -o layout=plain        folders of .eml files (default)\n"
	"  -o layout=maildir      cur, new and tmp in each folder\n"
	"  -o rm=trash            rm moves to the mailbox with \\Trash (default)\n"
	"  -o rm=expunge          rm expunges\n"
	"  -o uid=N,gid=N         whose the files are\n"
	"  -o allow_other         others may look in; see fuse(8)\n";

static int usage_error(const char *what, const char *value)
{
	fprintf(stderr, "imapfs: %s%s%s; see imapfs -h\n", what,
		value[0] != '\0' ? ": " : "", value);
	return EX_USAGE;
}

/* A number, all of the text. */
static bool parse_id(const char *text, unsigned int *id_r)
{
	char *end;
	unsigned long id;

	errno = 0;
	id = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    id >= UINT32_MAX)
		return false;
	*id_r = (unsigned int)id;
	return true;
}

static int parse_layout(struct ifs_options *opts, const char *value)
{
	if (strcmp(value, "plain") == 0)
		opts->layout = IFS_LAYOUT_PLAIN;
	else if (strcmp(value, "maildir") == 0)
		opts->layout = IFS_LAYOUT_MAILDIR;
	else
		return usage_error("-o layout= is plain or maildir, not",
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
		return usage_error("-o rm= is trash or expunge, not", value);
	return 0;
}

enum ifs_option {
	OPTION_LAYOUT,
	OPTION_RM,
	OPTION_UID,
	OPTION_GID,
	OPTION_RO,
	OPTION_RW,
	OPTION_COUNT,
};

static char *const option_names[] = {
	[OPTION_LAYOUT] = (char *)"layout",
	[OPTION_RM] = (char *)"rm",
	[OPTION_UID] = (char *)"uid",
	[OPTION_GID] = (char *)"gid",
	[OPTION_RO] = (char *)"ro",
	[OPTION_RW] = (char *)"rw",
	[OPTION_COUNT] = NULL,
};

/* What is not ours is libfuse's or the kernel's, who say what they think. */
static int pass_on(struct ifs_options *opts, const char *option)
{
	if (fuse_opt_add_arg(&opts->mount_args, "-o") < 0 ||
	    fuse_opt_add_arg(&opts->mount_args, option) < 0)
		return EX_OSERR;
	return 0;
}

static int parse_one(struct ifs_options *opts, int option, const char *value)
{
	if (option <= OPTION_GID && value == NULL)
		return usage_error("this option needs a value",
				   option_names[option]);
	switch ((enum ifs_option)option) {
	case OPTION_LAYOUT:
		return parse_layout(opts, value);
	case OPTION_RM:
		return parse_rm(opts, value);
	case OPTION_UID:
		if (!parse_id(value, &opts->uid))
			return usage_error("-o uid= is a number, not", value);
		return 0;
	case OPTION_GID:
		if (!parse_id(value, &opts->gid))
			return usage_error("-o gid= is a number, not", value);
		return 0;
	case OPTION_RO:
		opts->readonly = true;
		return 0;
	case OPTION_RW:
		opts->readonly = false;
		return 0;
	case OPTION_COUNT:
		break;
	}
	return EX_SOFTWARE;
}

static int parse_list(struct ifs_options *opts, char *list)
{
	char *value, *rest = list;
	int option, ret = 0;

	while (ret == 0 && *rest != '\0') {
		option = getsubopt(&rest, option_names, &value);
		ret = option < 0 ? pass_on(opts, value)
				 : parse_one(opts, option, value);
	}
	return ret;
}

static int parse_operands(struct ifs_options *opts, int count, char *operands[])
{
	if (count != 2)
		return usage_error("SOURCE and MOUNTPOINT are needed", "");
	opts->source = operands[0];
	opts->mountpoint = realpath(operands[1], NULL);
	if (opts->mountpoint == NULL) {
		fprintf(stderr, "imapfs: mount point %s: %s\n", operands[1],
			strerror(errno));
		return EX_NOINPUT;
	}
	return 0;
}

int ifs_options_parse(struct ifs_options *opts, int argc, char *argv[])
{
	int ret = 0, c;

	memset(opts, 0, sizeof(*opts));
	opts->uid = getuid();
	opts->gid = getgid();
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
			return EX_USAGE;
		}
	}
	return ret == 0 ? parse_operands(opts, argc - optind, argv + optind)
			: ret;
}

void ifs_options_free(struct ifs_options *opts)
{
	fuse_opt_free_args(&opts->mount_args);
	free(opts->mountpoint);
	opts->mountpoint = NULL;
}
