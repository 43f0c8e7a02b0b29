#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
#
# lint.sh COMPILER-FLAG ...: what `make lint` looks at, in the source tree.
# All checks run; it fails if one had a finding or lacks its tool.
set -u
cd "$SQBOX_SRCDIR" || exit 1
failed=0

say() {
	echo "lint: $*"
}

# Run a check: it fails if it finds anything.
check() {
	say "$1"
	if ! command -v "$1" >/dev/null; then
		say "$1 is not installed: ./bootstrap --deps=all"
		failed=1
	elif ! "$@"; then
		say "$1 has findings"
		failed=1
	fi
}

# No line of the files may match the pattern.
ban() {
	pattern=$1
	reason=$2
	shift 2
	if grep -nE -e "$pattern" "$@"; then
		say "$reason"
		failed=1
	fi
}

# The scripts of an interpreter, by their first line.
scripts() {
	for file in bootstrap .ci/run $(find tests -type f | sort); do
		case $(head -n 1 "$file" | tr -d '\0') in
		'#!'*"$1") echo "$file" ;;
		esac
	done
}

# What is for the other version of Dovecot cannot be compiled here.
case $(dovecot --version) in
2.3*) other_version=2.4 ;;
*) other_version=2.3 ;;
esac

code=$(find common plugin fuse tests -name '*.[ch]' | sort)
units=$(find common plugin fuse tests -name '*.c' \
	! -name "*-$other_version.c" | sort)
outside_common=$(find plugin fuse common/sqbox.c -name '*.[ch]' | sort)
not_compat=$(find plugin -name '*.[ch]' ! -name 'sqbox-compat*' | sort)
no_exec=$(find common -name '*.[ch]' ! -name 'store*' ! -name 'migrate*')
manuals=$(find common plugin fuse -name '*.[1-9]' | sort)
python=$(find tests -name '*.py'; scripts python3)
shell=$(scripts sh)

# shellcheck disable=SC2086 # lists of words all of them
{
	check clang-format --dry-run -Werror --ferror-limit=1 $code
	# It does not see that a function fails when it leaves outputs unset;
	# clang-tidy does.
	check cppcheck --quiet --error-exitcode=1 --inline-suppr -j "$(nproc)" \
		--enable=warning,performance,portability --std=c11 -I. \
		--suppress=uninitvar --suppress=uninitStructMember $units
	check codespell --ignore-words-list=nd,iif,ist README.md $code $manuals \
		$python $shell m4/sqbox-*.m4 ./*.am ./*.ac ./*/*.am
	check shellcheck $shell
	check pyflakes3 $python

	say mandoc
	mandoc -T lint $manuals 2>/dev/null | grep -v 'referenced manual not found' &&
		failed=1

	ban '\b(strcpy|strcat|sprintf|vsprintf|gets|ato[ifl]+)\(' \
		'use a function that knows the size, or sees errors' $code
	ban '#include "\.\.?/' 'name the directory: "common/store.h"' $code
	ban 'sqlite3_exec' 'only for common/store*.c and migrate.c' $no_exec
	ban 'sqlite3_' 'SQLite is for common/ only' $outside_common
	ban 'DOVECOT_PREREQ' 'only for plugin/sqbox-compat*' $not_compat
	ban '\b(FIXME|XXX)\b' 'mend it, or mark it LATER with the reason' \
		$code $python

	for file in $code $python $shell $manuals; do
		head -n 4 "$file" | grep -q 'SPDX-License-Identifier: MIT' || {
			say "$file: no SPDX line"
			failed=1
		}
	done

	say clang-tidy
	printf '%s\n' $units |
		xargs -P "$(nproc)" -I FILE clang-tidy --quiet FILE -- "$@" ||
		failed=1
}

[ $failed = 0 ] && say "nothing found"
exit $failed
