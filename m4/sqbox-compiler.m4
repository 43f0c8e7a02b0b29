dnl SPDX-License-Identifier: MIT
dnl Copyright (c) 2026 the sqbox authors

dnl SQBOX_WARNINGS
dnl Sets WARN_CFLAGS, and COMMON_WARN_CFLAGS for what only common/ is held to.
dnl gcc and clang both know all of them.
AC_DEFUN([SQBOX_WARNINGS], [
	AC_ARG_ENABLE([werror],
		[AS_HELP_STRING([--enable-werror], [treat warnings as errors])],
		[], [enable_werror=no])
	WARN_CFLAGS="-Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes"
	WARN_CFLAGS="$WARN_CFLAGS -Wmissing-prototypes -Wvla -Wundef"
	AS_IF([test "$enable_werror" = yes],
		[WARN_CFLAGS="$WARN_CFLAGS -Werror"])
	COMMON_WARN_CFLAGS="-Wconversion"
	AC_SUBST([WARN_CFLAGS])
	AC_SUBST([COMMON_WARN_CFLAGS])
])

dnl SQBOX_SANITIZERS
dnl Sets SANITIZER_FLAGS, for compiling and linking, SANITIZER_PRELOAD, a
dnl library for programs that load a sanitized plugin (with gcc), and the
dnl conditional SANITIZERS.
AC_DEFUN([SQBOX_SANITIZERS], [
	AC_ARG_ENABLE([sanitizers],
		[AS_HELP_STRING([--enable-sanitizers@<:@=LIST@:>@],
			[build with -fsanitize=LIST
			 @<:@LIST: address,undefined@:>@])],
		[], [enable_sanitizers=no])
	AS_IF([test "$enable_sanitizers" = yes],
		[enable_sanitizers=address,undefined])
	SANITIZER_FLAGS=
	AS_IF([test "$enable_sanitizers" != no], [
		SANITIZER_FLAGS="-fsanitize=$enable_sanitizers dnl
-fno-sanitize-recover=all -fno-omit-frame-pointer"
		AC_MSG_CHECKING([whether $CC takes $SANITIZER_FLAGS])
		sqbox_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS $SANITIZER_FLAGS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM()],
			[AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no])
			 AC_MSG_ERROR([the sanitizers cannot be used, see config.log])])
		CFLAGS=$sqbox_save_CFLAGS])
	SANITIZER_PRELOAD=
	AS_CASE([$enable_sanitizers], [*address*],
		[SANITIZER_PRELOAD=`$CC -print-file-name=libasan.so`])
	AC_SUBST([SANITIZER_FLAGS])
	AC_SUBST([SANITIZER_PRELOAD])
	AM_CONDITIONAL([SANITIZERS], [test "$enable_sanitizers" != no])
])

dnl SQBOX_FUZZ
dnl With --enable-fuzz all is built for libFuzzer, which clang has, and what
dnl tests/ calls fuzz-* searches for new inputs instead of going over old ones.
AC_DEFUN([SQBOX_FUZZ], [
	AC_ARG_ENABLE([fuzz],
		[AS_HELP_STRING([--enable-fuzz],
			[build tests/fuzz-* for libFuzzer (with CC=clang)])],
		[], [enable_fuzz=no])
	AS_IF([test "$enable_fuzz" != no], [
		SANITIZER_FLAGS="$SANITIZER_FLAGS -fsanitize=fuzzer-no-link"
		AC_MSG_CHECKING([whether $CC has libFuzzer])
		sqbox_save_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -fsanitize=fuzzer-no-link"
		AC_LINK_IFELSE([AC_LANG_PROGRAM()],
			[AC_MSG_RESULT([yes])],
			[AC_MSG_RESULT([no])
			 AC_MSG_ERROR([--enable-fuzz needs CC=clang])])
		CFLAGS=$sqbox_save_CFLAGS])
	AM_CONDITIONAL([FUZZ], [test "$enable_fuzz" != no])
])
