dnl SPDX-License-Identifier: MIT
dnl Copyright (c) 2026 the sqbox authors

dnl SQBOX_CHECK_DOVECOT
dnl Finds Dovecot's headers and module directory.  Sets DOVECOT_CPPFLAGS and
dnl moduledir, and the conditionals WITH_DOVECOT and DOVECOT_2_4.
dnl
dnl Everything is in dovecot-config, a file of shell assignments that Dovecot
dnl installs beside its modules.  The macro DC_DOVECOT reads it too, but puts
dnl Dovecot's own flags (-flto, -std=gnu99) into the CFLAGS of the whole
dnl package, and would make dovecot-dev necessary for every autoreconf.
AC_DEFUN([SQBOX_CHECK_DOVECOT], [
	AC_ARG_WITH([dovecot],
		[AS_HELP_STRING([--with-dovecot=DIR],
			[directory of dovecot-config; --without-dovecot leaves
			 out the plugin @<:@default: search@:>@])],
		[], [with_dovecot=yes])
	AC_ARG_WITH([moduledir],
		[AS_HELP_STRING([--with-moduledir=DIR],
			[where to install the plugin
			 @<:@default: Dovecot's own@:>@])],
		[], [with_moduledir=])

	sqbox_dovecot_summary=no
	sqbox_dovecot_2_4=no
	AS_IF([test "$with_dovecot" != no], [_SQBOX_DOVECOT_CONFIG])
	AM_CONDITIONAL([WITH_DOVECOT], [test "$with_dovecot" != no])
	AM_CONDITIONAL([DOVECOT_2_4], [test "$sqbox_dovecot_2_4" = yes])
	AC_SUBST([DOVECOT_CPPFLAGS])
	AC_SUBST([moduledir])
])

AC_DEFUN([_SQBOX_DOVECOT_CONFIG], [
	AC_MSG_CHECKING([for dovecot-config])
	AS_IF([test "$with_dovecot" = yes],
		[sqbox_dirs="/usr/lib/dovecot /usr/lib64/dovecot dnl
/usr/local/lib/dovecot /usr/lib/*/dovecot"],
		[sqbox_dirs=$with_dovecot])
	sqbox_config=
	for sqbox_dir in $sqbox_dirs; do
		AS_IF([test -z "$sqbox_config" && dnl
test -r "$sqbox_dir/dovecot-config"],
			[sqbox_config=$sqbox_dir/dovecot-config])
	done
	AS_IF([test -z "$sqbox_config"], [
		AC_MSG_RESULT([no])
		AC_MSG_ERROR([there is no dovecot-config in: $sqbox_dirs
Install Dovecot's headers (Debian: apt-get install dovecot-dev), give the
directory with --with-dovecot=DIR, or leave the plugin out with
--without-dovecot.])])
	AC_MSG_RESULT([$sqbox_config])

	dnl In subshells: the file sets CFLAGS-like variables we do not want.
	sqbox_include=`. "$sqbox_config" && echo "$LIBDOVECOT_INCLUDE"`
	moduledir=`. "$sqbox_config" && echo "$dovecot_moduledir"`
	AS_IF([test -n "$with_moduledir"], [moduledir=$with_moduledir])

	dnl System headers: our warnings are not for them.
	DOVECOT_CPPFLAGS=`AS_ECHO(["$sqbox_include"]) | dnl
sed 's/-I *\(@<:@^ @:>@\)/-isystem \1/g'`

	sqbox_save_CPPFLAGS=$CPPFLAGS
	CPPFLAGS="$CPPFLAGS $DOVECOT_CPPFLAGS"
	_SQBOX_DOVECOT_PREREQ([2, 3, 19], [], [AC_MSG_ERROR([
Dovecot 2.3.19 or later is needed, with its headers; see config.log for what
went wrong with those named by $sqbox_config])])
	_SQBOX_DOVECOT_PREREQ([2, 4, 0], [sqbox_dovecot_2_4=yes], [])
	CPPFLAGS=$sqbox_save_CPPFLAGS
	sqbox_dovecot_summary="modules in $moduledir"
])

AC_DEFUN([_SQBOX_DOVECOT_PREREQ], [
	AC_MSG_CHECKING([for Dovecot m4_bpatsubst([$1], [, ], [.]) or later])
	AC_PREPROC_IFELSE([AC_LANG_SOURCE([[
		#define HAVE_CONFIG_H
		#include <config.h>
		#include <macros.h>
		#ifndef DOVECOT_PREREQ
		# error no headers of Dovecot
		#elif !DOVECOT_PREREQ($1)
		# error too old
		#endif]])],
		[AC_MSG_RESULT([yes])
		 $2],
		[AC_MSG_RESULT([no])
		 $3])
])
