/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/* Mail as text, and the names of its parts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "fuse/mime-text.h"
#include "fuse/part-name.h"
#include "tests/support.h"

struct memory {
	const char *data;
	size_t size;
};

static int read_memory(void *context, uint64_t offset, void *buf, size_t size,
		       size_t *got_r)
{
	const struct memory *mem = context;

	if (offset > mem->size)
		offset = mem->size;
	if (size > mem->size - offset)
		size = mem->size - (size_t)offset;
	if (size > 0)
		memcpy(buf, mem->data + offset, size);
	*got_r = size;
	return 0;
}

/* To free(); ends in NUL. */
static char *text_of(const char *mail, size_t size)
{
	struct memory mem = { mail, size };
	struct ifs_mime_input input = { read_memory, &mem };
	char *data, *text;
	size_t text_size;

	ck_assert_int_eq(ifs_mime_text(&input, &data, &text_size), 0);
	text = sqb_xmalloc(text_size + 1);
	memcpy(text, data, text_size);
	text[text_size] = '\0';
	free(data);
	return text;
}

static struct ifs_mime_tree *tree_of(const char *mail, size_t size)
{
	struct memory mem = { mail, size };
	struct ifs_mime_input input = { read_memory, &mem };
	struct ifs_mime_tree *tree;

	ck_assert_int_eq(ifs_mime_tree_parse(&input, &tree), 0);
	return tree;
}

#define TYPE(type) "Content-Type: " type "\n"
#define ENCODING(name) "Content-Transfer-Encoding: " name "\n"
#define MIXED TYPE("multipart/mixed; boundary=b") "\n"

static const struct {
	const char *mail, *text;
} texts[] = {
	{ "Subject: s\n\nbody\n", "Subject: s\n\nbody\n" },
	{ "Subject: s\r\n\r\nbody\r\nmore\r\n", "Subject: s\n\nbody\nmore\n" },
	{ "", "\n" },
	{ "no header at all\n", "\nno header at all\n" },
	/* Only headers that are for people, in one order; RFC 2047. */
	{ "Received: x\nTO: b@example.org\n"
	  "From: =?iso-8859-1?q?M=FCller?= <a@example.org>\n\n",
	  "From: Müller <a@example.org>\nTo: b@example.org\n\n" },
	{ "Subject: =?utf-8?b?R3LDvMOf?=\n =?utf-8?b?ZQ==?=\n\n",
	  "Subject: Grüße\n\n" },
	{ "Subject: raw \xfc\n\n", "Subject: raw ü\n\n" },
	/* Encodings. */
	{ ENCODING("base64") "\nTcO8bGxlcgo=\n", "\nMüller\n" },
	{ ENCODING("Quoted-Printable") "\nM=C3=BCl=\nler=20x\n",
	  "\nMüller x\n" },
	{ ENCODING("base64") "\nTcO8bGxlcgo\n", "\nMüller\n" },
	{ ENCODING("base64") "\n!!!\n", "\n" },
	{ ENCODING("x-unknown") "\nas it is\n", "\nas it is\n" },
	/* Charsets. */
	{ TYPE("text/plain; charset=iso-2022-jp") "\n\x1b$B%F%9%H\x1b(B\n",
	  "\nテスト\n" },
	{ TYPE("text/plain; charset=koi8-r") "\n\xf0\xd2\xc9\xd7\xc5\xd4\n",
	  "\nПривет\n" },
	{ TYPE("text/plain; charset=\"windows-1252\"") "\n\x80 5 \x96 x\n",
	  "\n€ 5 – x\n" },
	{ TYPE("text/plain; charset=gb18030") "\n\xc4\xe3\xba\xc3\n",
	  "\n你好\n" },
	{ TYPE("text/plain; charset=utf-7") "\nM+APw-ller\n", "\nMüller\n" },
	{ TYPE("text/plain; charset=utf-16le")
		  ENCODING("base64") "\nTQD8AGwACgA=\n",
	  "\nMül\n" },
	{ TYPE("text/plain; charset=x-no-such") "\nM\xc3\xbcller M\xfcller\n",
	  "\nMüller Müller\n" },
	{ TYPE("text/plain; charset=../../etc/passwd") "\nx\n", "\nx\n" },
	{ TYPE("text/plain; charset=us-ascii") "\nM\xfcller\n", "\nMüller\n" },
	{ TYPE("text/plain; charset=shift_jis") "\n\x83\n",
	  "\n\xef\xbf\xbd\n" },
	{ "\na\x1b[31mb\x07\x7f\n", "\na[31mb\n" },
	/* HTML. */
	{ TYPE("text/html") "\n<html><head><title>t</title><style>p {}</style></head>"
			    "<body><p>M&uuml;ller &amp; S&#246;hne</p>"
			    "<script>if (a < b) x();</script>a<br>b &lt;c&gt;<!-- no -->"
			    "<ul><li>1<li>2</ul><a title='x > y' href=x>l</a></body></html>\n",
	  "\nMüller & Söhne\na\nb <c>\n* 1\n* 2\ny' href=x>l\n" },
	{ TYPE("text/html") "\na  \n b&nbsp;c &unknown; &#x20ac; 1 < 2\n",
	  "\na b c &unknown; € 1 < 2\n" },
	{ TYPE("text/html") "\n<style>unfinished\n", "\n" },
	{ TYPE("text/html") "\n<head><body>there\n", "\nthere\n" },
	{ TYPE("text/html; charset=iso-8859-1") "\n<b>M\xfcl</b>ler\n",
	  "\nMüller\n" },
	/* Several parts. */
	{ MIXED "pre\n--b\n\none\n--b\n\ntwo\n--b--\npost\n",
	  "\none\n\ntwo\n" },
	{ MIXED "--b\n\nno end\n", "\nno end\n" },
	{ MIXED "--bc\n--b\n\n--bc\n--b--\n", "\n--bc\n" },
	{ TYPE("multipart/mixed") "\n--b\n\nno boundary\n",
	  "\n--b\n\nno boundary\n" },
	{ TYPE("multipart/alternative; boundary=b") "\n--b\n\nplain\n"
						    "--b\n" TYPE(
							    "text/html") "\n<p>rich\n--b--\n",
	  "\nplain\n" },
	{ TYPE("multipart/alternative; boundary=b") "\n--b\n\n \n"
						    "--b\n" TYPE(
							    "text/html") "\n<p>rich\n--b--\n",
	  "\nrich\n" },
	{ TYPE("message/rfc822") "\nSubject: in\n\nbody\n",
	  "\nSubject: in\n\nbody\n" },
	{ MIXED "--b\n\nsee\n--b\n" TYPE(
		  "message/rfc822") "\nSubject: =?utf-8?q?=C3=BC?=\n\nwithin it\n--b--\n",
	  "\nsee\n\nSubject: ü\n\nwithin it\n\nAttachments:\n"
	  "2.eml  message/rfc822\n" },
	{ TYPE("multipart/digest; boundary=b") "\n--b\n\nSubject: d\n\nx\n--b--\n",
	  "\nSubject: d\n\nx\n\nAttachments:\n1.eml  message/rfc822\n" },
	/* Inner parts end where an outer boundary comes. */
	{ MIXED "--b\n" TYPE(
		  "multipart/mixed; boundary=c") "\n--c\n\nwithin\n--b\n\nout\n--b--\n",
	  "\nwithin\n\nout\n" },
	{ MIXED "--b\n\nsee\n--b\n" TYPE(
		  "application/pdf; name=r.pdf") "Content-Disposition: attachment\n\nx\n--b--\n",
	  "\nsee\n\nAttachments:\n2-r.pdf  application/pdf\n" },
};

START_TEST(what_is_shown)
{
	char *got = text_of(texts[_i].mail, strlen(texts[_i].mail));

	ck_assert_str_eq(got, texts[_i].text);
	free(got);
}
END_TEST

static const struct {
	const char *disposition, *name;
} names[] = {
	{ "filename=report.pdf", "1-report.pdf" },
	{ "filename=\"a b.pdf\"", "1-a b.pdf" },
	{ "filename=\"=?utf-8?q?M=C3=BCller?=.pdf\"", "1-Müller.pdf" },
	{ "filename*=utf-8''M%C3%BCller.pdf", "1-Müller.pdf" },
	{ "filename=\"../../etc/passwd\"", "1-passwd" },
	{ "filename=\"C:\\\\dir\\\\x.exe\"", "1-x.exe" },
	{ "filename=\"..\"", "1.bin" },
	{ "filename=\"/\"", "1.bin" },
	{ "filename=\"a/\"", "1-a" },
	{ "filename=\"-rf\"", "1-rf" },
	{ "filename=\".bashrc\"", "1-bashrc" },
	{ "filename=\" . \"", "1.bin" },
	{ "filename=\"a\x01\x1b[1m.txt\"", "1-a[1m.txt" },
	{ "filename*=utf-8''a%0Ab%00c", "1-a b" },
	{ "filename*=utf-8''x%E2%80%AEfdp.exe", "1-xfdp.exe" },
	{ "filename=\"\xff\xfe\"", "1-ÿþ" },
	{ "filename=\"\"", "1.bin" },
	{ "x=y", "1.bin" },
};

START_TEST(what_a_part_is_called)
{
	char *mail = sqb_xasprintf("Content-Type: application/x-y\n"
				   "Content-Disposition: attachment; %s\n\n",
				   names[_i].disposition);
	struct ifs_mime_tree *tree = tree_of(mail, strlen(mail));
	char got[IFS_NAME_MAX + 1];

	ifs_part_name(tree, 0, got);
	ck_assert_str_eq(got, names[_i].name);
	ifs_mime_tree_free(&tree);
	free(mail);
}
END_TEST

START_TEST(a_long_name_keeps_its_extension)
{
	char *mail, got[IFS_NAME_MAX + 1], longer[1001];
	struct ifs_mime_tree *tree;
	unsigned int i;

	for (i = 0; i + 2 < sizeof(longer); i += 2)
		memcpy(longer + i, "ü", 2);
	longer[i] = '\0';
	mail = sqb_xasprintf("Content-Type: image/png; name=\"x%s.png\"\n\n",
			     longer);
	tree = tree_of(mail, strlen(mail));
	ifs_part_name(tree, 0, got);
	ck_assert_uint_le(strlen(got), IFS_NAME_MAX);
	ck_assert_uint_ge(strlen(got), IFS_NAME_MAX - 2);
	ck_assert_str_eq(got + strlen(got) - 6, "ü.png");
	ifs_mime_tree_free(&tree);
	free(mail);
}
END_TEST

/* A mail that is made of one piece, over and over. */
static char *repeat(const char *head, const char *piece, size_t count,
		    size_t *size_r)
{
	size_t len = strlen(piece), at = strlen(head), i;
	char *mail = sqb_xmalloc(at + len * count + 1);

	memcpy(mail, head, at);
	for (i = 0; i < count; i++, at += len)
		memcpy(mail + at, piece, len);
	mail[at] = '\0';
	*size_r = at;
	return mail;
}

START_TEST(no_more_parts_than_the_limit)
{
	struct ifs_mime_tree *tree;
	size_t size;
	char *text, *mail = repeat(MIXED, "--b\n\nx\n", 50000, &size);

	tree = tree_of(mail, size);
	ck_assert_uint_eq(tree->count, IFS_MIME_PARTS_MAX);
	ck_assert(tree->cut);
	ifs_mime_tree_free(&tree);
	text = text_of(mail, size);
	ck_assert_ptr_nonnull(strstr(text, "[The mail has more parts"));
	free(text);
	free(mail);
}
END_TEST

static unsigned int depth_of(const struct ifs_mime_tree *tree)
{
	unsigned int depth, most = 0;
	uint32_t i, part;

	for (i = 0; i < tree->count; i++) {
		depth = 0;
		for (part = i; part != IFS_MIME_NO_PARENT;
		     part = tree->parts[part].parent)
			depth++;
		most = depth > most ? depth : most;
	}
	return most;
}

START_TEST(no_deeper_than_the_limit)
{
	static const char *const pieces[] = {
		TYPE("message/rfc822") "\n",
		TYPE("multipart/mixed; boundary=b") "\n--b\n",
	};
	struct ifs_mime_tree *tree;
	size_t size;
	char *text, *mail = repeat("", pieces[_i], 10000, &size);

	tree = tree_of(mail, size);
	ck_assert_uint_eq(depth_of(tree), IFS_MIME_DEPTH_MAX + 1);
	ck_assert(tree->cut);
	ifs_mime_tree_free(&tree);
	text = text_of(mail, size);
	ck_assert_ptr_nonnull(strstr(text, "or deeper ones"));
	free(text);
	free(mail);
}
END_TEST

/* What is behind a header that is too long is still found. */
START_TEST(of_a_header_only_so_much)
{
	struct ifs_mime_tree *tree;
	size_t size, end;
	char *mail = repeat("Subject: s\n", "X-Long: 0123456789012345678901\n",
			    400000, &size);

	mail = sqb_xrealloc(mail, size + 16);
	memcpy(mail + size, "\nbody\n", 7);
	end = size + 6;
	tree = tree_of(mail, end);
	ck_assert_uint_eq(tree->parts[0].header_size, IFS_MIME_HEADER_MAX);
	ck_assert_uint_eq(tree->parts[0].body, size + 1);
	ifs_mime_tree_free(&tree);
	free(mail);
}
END_TEST

START_TEST(a_long_text_is_cut_and_says_so)
{
	size_t size;
	char *text, *mail = repeat(ENCODING("base64") "\n", "eHh4eHh4eHgK",
				   1000000, &size);

	text = text_of(mail, size);
	ck_assert_uint_le(strlen(text), IFS_MIME_TEXT_MAX + 200);
	ck_assert_ptr_nonnull(strstr(text, "[The text is longer"));
	free(text);
	free(mail);
}
END_TEST

static int fail_to_read(void *context, uint64_t offset, void *buf, size_t size,
			size_t *got_r)
{
	(void)context;
	(void)offset;
	(void)buf;
	(void)size;
	(void)got_r;
	return EIO;
}

START_TEST(an_error_of_the_input_is_told)
{
	struct ifs_mime_input input = { fail_to_read, NULL };
	struct ifs_mime_tree *tree;
	size_t size;
	char *data;

	ck_assert_int_eq(ifs_mime_tree_parse(&input, &tree), EIO);
	ck_assert_int_eq(ifs_mime_text(&input, &data, &size), EIO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mime-text");
	TCase *tc = tcase_create("text");

	tcase_add_loop_test(tc, what_is_shown, 0,
			    sizeof(texts) / sizeof(texts[0]));
	suite_add_tcase(suite, tc);
	tc = tcase_create("names");
	tcase_add_loop_test(tc, what_a_part_is_called, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_test(tc, a_long_name_keeps_its_extension);
	suite_add_tcase(suite, tc);
	tc = tcase_create("limits");
	tcase_add_test(tc, no_more_parts_than_the_limit);
	tcase_add_loop_test(tc, no_deeper_than_the_limit, 0, 2);
	tcase_add_test(tc, of_a_header_only_so_much);
	tcase_add_test(tc, a_long_text_is_cut_and_says_so);
	tcase_add_test(tc, an_error_of_the_input_is_told);
	suite_add_tcase(suite, tc);
	return t_run(suite);
}
