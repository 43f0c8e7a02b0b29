#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
#
# The unit tests named in SQBOX_UNIT_TESTS once more, under valgrind, which
# makes them some thirty times slower: those of many rounds make fewer.
if [ -z "$SQBOX_UNIT_TESTS" ]; then
	echo "there are no unit tests: Check was not found by configure"
	exit 77
fi
if ! command -v valgrind >/dev/null; then
	echo "valgrind is not installed"
	exit 77
fi

# CK_FORK=no: all in one process, which ends with everything freed.
export CK_FORK=no CK_TIMEOUT_MULTIPLIER=20
export SQB_OPS=500 SQB_ROUNDS_PART=20
# shellcheck disable=SC2086 # one word per program
printf '%s\n' $SQBOX_UNIT_TESTS |
	xargs -P "$(nproc)" -n 1 valgrind --quiet --error-exitcode=99 \
		--suppressions="$SQBOX_SRCDIR/tests/valgrind.supp" \
		--leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=definite --child-silent-after-fork=yes
