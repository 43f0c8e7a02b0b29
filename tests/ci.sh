#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the sqbox authors
#
# ci.sh CONFIGURATION: check one more configuration than the README's test
# line, which must have been run before.
set -eu
cd "$(dirname "$0")/.."

# The tests that need no Dovecot.
# shellcheck disable=SC2016 # for make
unit_tests='TESTS=$(unit_tests)'

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

case ${1:-} in
lint)
	./bootstrap --deps=all
	make lint
	;;
distcheck)
	make distcheck "$unit_tests"
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
	make check
	;;
clang)
	build_release CC=clang
	make check "$unit_tests"
	;;
without-dovecot)
	build_release --without-dovecot
	make check "$unit_tests"
	;;
*)
	echo "usage: $0 lint | distcheck | sanitizers | clang | without-dovecot" >&2
	exit 64
	;;
esac
