#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
#
# ci.sh CONFIGURATION: check one more configuration than the README's test
# line, which must have been run before.
#
# threads takes some ten minutes: ThreadSanitizer watches all tests of the mount.
#
# dovecot-2.4 needs root and debootstrap, and no run before.  It builds, installs
# and tests in a chroot of Debian 13 (1.2 GB), which is kept for the next time:
# SQBOX_TRIXIE, or /var/tmp/sqbox-trixie.
set -eu
cd "$(dirname "$0")/.."
top=$PWD

# The README's test line makes the long run of test-model.
export SQB_OPS="${SQB_OPS:-20000}"

# What a sanitizer sees nothing new in: our code is not in it, or is killed, or
# is that of other tests, of which it is to count what they cost.
not_sanitized='%-checklist.py %-counts.py %-crash.py %-power-cut.py %-readme.py'

# Configure and build, in a directory of its own, what a release contains.
build_release() {
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 1' HUP INT TERM
	make -s distdir distdir="$dir/source"
	mkdir "$dir/build"
	cd "$dir/build"
	../source/configure -q --enable-werror "$@"
	make
}

# The end-to-end tests with 2.3 configuration of their own, those that a bug of
# Dovecot 2.4.1 ends (-f json is a Panic), and the one that kills so much that
# its master throttles logins.
not_2_4='%-bad-stores.py %-connection.py %-crash.py %-dsync.py %-plugins.py'

# Run a shell command in the chroot; what it leaves running ends with it.
in_trixie() {
	unshare --mount --pid --fork --kill-child \
		--mount-proc="$trixie/proc" chroot "$trixie" \
		sh -c "cd /source && $1"
}

case ${1:-} in
lint)
	./bootstrap --deps=all
	make lint
	;;
distcheck)
	make distcheck "DISTCHECK_CONFIGURE_FLAGS=CC=clang --enable-werror" \
		"TESTS=\$(unit_tests)"
	[ -e .git ] || exit 0
	# What git has and the release has not was forgotten in a local.am.
	git ls-files >tracked.list
	tar -tf sqbox-*.tar.gz | sed 's,^[^/]*/,,' >released.list
	forgotten=$(grep -vxF -f released.list tracked.list |
		grep -vx '\.gitignore' || true)
	rm tracked.list released.list
	if [ -n "$forgotten" ]; then
		echo "not in the release: $forgotten"
		exit 1
	fi
	;;
sanitizers)
	build_release CC=gcc --enable-sanitizers
	tests=$(make -s list-tests)
	make check TESTS="\$(filter-out $not_sanitized, $tests)"
	;;
threads)
	build_release CC=gcc --enable-sanitizers=thread --without-dovecot
	make check TESTS='tests/test-threads tests/test-imap-client
		tests/test-imap-client-failures'
	SQBOX_BUILDDIR=$PWD
	export SQBOX_BUILDDIR
	for test in "$top"/tests/e2e/test-mount-*.py \
		"$top"/tests/e2e/test-remote-mount.py; do
		case $test in *-counts.py) continue ;; esac # memory, too
		echo "$test"
		python3 "$test"
	done
	;;
without-dovecot)
	# It builds; its tests have been run with Dovecot.
	build_release --without-dovecot
	make check TESTS=
	;;
dovecot-2.4)
	trixie=${SQBOX_TRIXIE:-/var/tmp/sqbox-trixie}
	if [ ! -d "$trixie/source" ]; then
		debootstrap --variant=minbase trixie "$trixie"
		mkdir "$trixie/source"
	fi
	git ls-files | tar -c -T - | tar -x -m -C "$trixie/source"
	in_trixie './bootstrap --deps --enable-werror && make && make install'
	tests="\$(unit_tests) \$(filter-out $not_2_4, \$(e2e_tests))"
	in_trixie "make check TESTS='$tests'"
	;;
*)
	echo "usage: $0 lint | distcheck | sanitizers | threads |" \
		"without-dovecot | dovecot-2.4" >&2
	exit 64
	;;
esac
