#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
#
# run.sh COMMAND [ARGUMENT ...]: run one test for `make check`.  It may take
# SQBOX_TEST_TIMEOUT seconds.  With CI=true one that skips itself has failed.
# How long it took goes to a file in SQBOX_TEST_TIMES.
limit=${SQBOX_TEST_TIMEOUT:-1800}
start=$(date +%s)

timeout --foreground -k 30 "$limit" "$@"
status=$?
case $status in
77)
	if [ "${CI:-}" = true ]; then
		echo "run.sh: with CI=true a test may not be skipped"
		status=1
	fi
	;;
124)
	echo "run.sh: stopped after $limit seconds"
	;;
esac
if [ -n "${SQBOX_TEST_TIMES:-}" ]; then
	for name in "$@"; do :; done
	{
		echo "$(($(date +%s) - start)) $name"
		times
	} >"$SQBOX_TEST_TIMES/$$"
fi
exit $status
