/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/html-text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Sorted; those that mail has. */
static const struct entity {
	const char *name;
	unsigned short c;
} entities[] = {
	{ "AElig", 198 },   { "Aacute", 193 },  { "Acirc", 194 },
	{ "Agrave", 192 },  { "Aring", 197 },   { "Atilde", 195 },
	{ "Auml", 196 },    { "Ccedil", 199 },  { "ETH", 208 },
	{ "Eacute", 201 },  { "Ecirc", 202 },   { "Egrave", 200 },
	{ "Euml", 203 },    { "Iacute", 205 },  { "Icirc", 206 },
	{ "Igrave", 204 },  { "Iuml", 207 },    { "Ntilde", 209 },
	{ "OElig", 338 },   { "Oacute", 211 },  { "Ocirc", 212 },
	{ "Ograve", 210 },  { "Oslash", 216 },  { "Otilde", 213 },
	{ "Ouml", 214 },    { "Scaron", 352 },  { "THORN", 222 },
	{ "Uacute", 218 },  { "Ucirc", 219 },   { "Ugrave", 217 },
	{ "Uuml", 220 },    { "Yacute", 221 },  { "Yuml", 376 },
	{ "aacute", 225 },  { "acirc", 226 },   { "acute", 180 },
	{ "aelig", 230 },   { "agrave", 224 },  { "amp", '&' },
	{ "apos", '\'' },   { "aring", 229 },   { "atilde", 227 },
	{ "auml", 228 },    { "bdquo", 8222 },  { "brvbar", 166 },
	{ "bull", 8226 },   { "ccedil", 231 },  { "cedil", 184 },
	{ "cent", 162 },    { "copy", 169 },    { "deg", 176 },
	{ "divide", 247 },  { "eacute", 233 },  { "ecirc", 234 },
	{ "egrave", 232 },  { "eth", 240 },     { "euml", 235 },
	{ "euro", 8364 },   { "frac12", 189 },  { "frac14", 188 },
	{ "frac34", 190 },  { "gt", '>' },      { "hellip", 8230 },
	{ "iacute", 237 },  { "icirc", 238 },   { "iexcl", 161 },
	{ "igrave", 236 },  { "iquest", 191 },  { "iuml", 239 },
	{ "laquo", 171 },   { "larr", 8592 },   { "ldquo", 8220 },
	{ "lsaquo", 8249 }, { "lsquo", 8216 },  { "lt", '<' },
	{ "macr", 175 },    { "mdash", 8212 },  { "micro", 181 },
	{ "middot", 183 },  { "nbsp", ' ' },    { "ndash", 8211 },
	{ "not", 172 },     { "ntilde", 241 },  { "oacute", 243 },
	{ "ocirc", 244 },   { "oelig", 339 },   { "ograve", 242 },
	{ "ordf", 170 },    { "ordm", 186 },    { "oslash", 248 },
	{ "otilde", 245 },  { "ouml", 246 },    { "para", 182 },
	{ "plusmn", 177 },  { "pound", 163 },   { "quot", '"' },
	{ "raquo", 187 },   { "rarr", 8594 },   { "rdquo", 8221 },
	{ "reg", 174 },     { "rsaquo", 8250 }, { "rsquo", 8217 },
	{ "sbquo", 8218 },  { "scaron", 353 },  { "sect", 167 },
	{ "shy", 173 },     { "sup1", 185 },    { "sup2", 178 },
	{ "sup3", 179 },    { "szlig", 223 },   { "thorn", 254 },
	{ "times", 215 },   { "trade", 8482 },  { "uacute", 250 },
	{ "ucirc", 251 },   { "ugrave", 249 },  { "uml", 168 },
	{ "uuml", 252 },    { "yacute", 253 },  { "yen", 165 },
	{ "yuml", 255 },    { "zwnj", 8204 },
};

static const char *const no_text[] = { "script", "style", "title", "head" };

/* These begin a line, and what is behind their end does. */
static const char *const blocks[] = {
	"address", "article", "blockquote", "br",     "center", "dd", "div",
	"dl",      "dt",      "footer",     "form",   "h1",     "h2", "h3",
	"h4",      "h5",      "h6",         "header", "hr",     "li", "ol",
	"p",       "pre",     "section",    "table",  "tr",     "ul",
};

static bool is_one_of(const char *word, const char *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(word, list[i]) == 0)
			return true;
	}
	return false;
}

void ifs_html_init(struct ifs_html *html)
{
	memset(html, 0, sizeof(*html));
}

static bool at_line_start(const struct ifs_text_out *out)
{
	return out->size == 0 || out->data[out->size - 1] == '\n';
}

static void put_blank(struct ifs_html *html, struct ifs_text_out *out)
{
	if (html->blank && !at_line_start(out))
		ifs_text_out_string(out, " ");
	html->blank = false;
}

static void put_char(struct ifs_html *html, char c, struct ifs_text_out *out)
{
	if (!html->preformatted && strchr(" \t\r\n", c) != NULL && c != '\0') {
		html->blank = true;
		return;
	}
	put_blank(html, out);
	ifs_text_out_put(out, &c, 1);
}

static void begin_word(struct ifs_html *html, enum ifs_html_state state)
{
	html->state = state;
	html->word_size = 0;
	html->word[0] = '\0';
	html->in_name = true;
}

static void add_to_word(struct ifs_html *html, char c)
{
	if (html->word_size == IFS_HTML_WORD_MAX)
		return;
	html->word[html->word_size++] = c;
	html->word[html->word_size] = '\0';
}

/* A tag is complete; word is its name, with a slash if it ends an element. */
static void end_tag(struct ifs_html *html, struct ifs_text_out *out)
{
	const char *name = html->word;
	bool closing = name[0] == '/';

	html->state = IFS_HTML_TEXT;
	if (closing)
		name++;
	if (!closing &&
	    is_one_of(name, no_text, sizeof(no_text) / sizeof(no_text[0]))) {
		memcpy(html->skip, html->word, sizeof(html->skip));
		html->state = IFS_HTML_SKIP;
		return;
	}
	if (is_one_of(name, blocks, sizeof(blocks) / sizeof(blocks[0]))) {
		html->blank = false;
		if (strcmp(name, "br") == 0 && at_line_start(out))
			ifs_text_out_string(out, "\n");
		ifs_text_out_newline(out);
	} else if (strcmp(name, "td") == 0 || strcmp(name, "th") == 0) {
		html->blank = true;
	}
	if (strcmp(name, "pre") == 0)
		html->preformatted = !closing;
	if (strcmp(name, "li") == 0 && !closing)
		ifs_text_out_string(out, "* ");
}

static void end_skip_tag(struct ifs_html *html)
{
	bool ended =
		html->word[0] == '/' && strcmp(html->word + 1, html->skip) == 0;

	/* The end of the head may be left out. */
	if (strcmp(html->skip, "head") == 0 && strcmp(html->word, "body") == 0)
		ended = true;
	html->state = ended ? IFS_HTML_TEXT : IFS_HTML_SKIP;
}

static int compare_entity(const void *name, const void *entity)
{
	return strcmp(name, ((const struct entity *)entity)->name);
}

static bool entity_char(const char *word, unsigned long *c_r)
{
	const struct entity *found;
	bool hex = word[0] == '#' && (word[1] == 'x' || word[1] == 'X');
	const char *digits = word + (hex ? 2 : 1);
	char *end;

	if (word[0] == '#') {
		if (!isxdigit((unsigned char)digits[0]))
			return false;
		*c_r = strtoul(digits, &end, hex ? 16 : 10);
		return *end == '\0';
	}
	found = bsearch(word, entities, sizeof(entities) / sizeof(entities[0]),
			sizeof(entities[0]), compare_entity);
	if (found != NULL)
		*c_r = found->c;
	return found != NULL;
}

static void end_entity(struct ifs_html *html, bool semicolon,
		       struct ifs_text_out *out)
{
	unsigned long c;

	html->state = IFS_HTML_TEXT;
	if (!entity_char(html->word, &c)) {
		put_blank(html, out);
		ifs_text_out_string(out, "&");
		ifs_text_out_string(out, html->word);
		if (semicolon)
			ifs_text_out_string(out, ";");
	} else if (c < 0x80) {
		put_char(html, (char)c, out);
	} else if (c == 0xa0) {
		put_char(html, ' ', out);
	} else if (c != 0xad) { /* a soft hyphen would break a word for grep */
		put_blank(html, out);
		ifs_text_out_char(out, c);
	}
}

static void in_text(struct ifs_html *html, char c, struct ifs_text_out *out)
{
	if (c == '<')
		begin_word(html, IFS_HTML_TAG);
	else if (c == '&')
		begin_word(html, IFS_HTML_ENTITY);
	else
		put_char(html, c, out);
}

static void in_entity(struct ifs_html *html, char c, struct ifs_text_out *out)
{
	if ((isalnum((unsigned char)c) || c == '#') &&
	    html->word_size < IFS_HTML_WORD_MAX) {
		add_to_word(html, c);
		return;
	}
	end_entity(html, c == ';', out);
	if (c != ';')
		in_text(html, c, out);
}

/* The name of a tag ends at a blank, at ">", or at a slash behind it. */
static void in_tag_name(struct ifs_html *html, char c)
{
	if (isalnum((unsigned char)c) || c == '!' || c == '-' ||
	    (c == '/' && html->word_size == 0))
		add_to_word(html, (char)tolower((unsigned char)c));
	else
		html->in_name = false;
}

static void in_tag(struct ifs_html *html, char c, struct ifs_text_out *out)
{
	bool skipping = html->state == IFS_HTML_SKIP_TAG;

	if (html->in_name && html->word_size == 0 &&
	    !isalpha((unsigned char)c) && c != '/' && c != '!' && c != '?') {
		/* "<" that begins no tag. */
		html->state = skipping ? IFS_HTML_SKIP : IFS_HTML_TEXT;
		if (!skipping) {
			put_char(html, '<', out);
			in_text(html, c, out);
		}
		return;
	}
	if (html->in_name)
		in_tag_name(html, c);
	if (!skipping && html->in_name && strcmp(html->word, "!--") == 0) {
		html->state = IFS_HTML_COMMENT;
		html->dashes = 0;
	} else if (c == '>' && skipping) {
		end_skip_tag(html);
	} else if (c == '>') {
		end_tag(html, out);
	} else if (!skipping && (c == '"' || c == '\'')) {
		html->quote = c;
		html->state = IFS_HTML_QUOTED;
	}
}

static void in_comment(struct ifs_html *html, char c)
{
	if (c == '>' && html->dashes >= 2)
		html->state = IFS_HTML_TEXT;
	html->dashes = c == '-' ? html->dashes + 1 : 0;
}

static void put_one(struct ifs_html *html, char c, struct ifs_text_out *out)
{
	switch (html->state) {
	case IFS_HTML_TEXT:
		in_text(html, c, out);
		break;
	case IFS_HTML_TAG:
	case IFS_HTML_SKIP_TAG:
		in_tag(html, c, out);
		break;
	case IFS_HTML_QUOTED:
		/* An end that is missing must not swallow all that follows. */
		if (c == html->quote || c == '>')
			html->state = IFS_HTML_TAG;
		if (c == '>')
			end_tag(html, out);
		break;
	case IFS_HTML_COMMENT:
		in_comment(html, c);
		break;
	case IFS_HTML_ENTITY:
		in_entity(html, c, out);
		break;
	case IFS_HTML_SKIP:
		if (c == '<')
			begin_word(html, IFS_HTML_SKIP_TAG);
		break;
	}
}

void ifs_html_put(struct ifs_html *html, const char *data, size_t size,
		  struct ifs_text_out *out)
{
	size_t i;

	for (i = 0; i < size && !out->full; i++)
		put_one(html, data[i], out);
}

void ifs_html_end(struct ifs_html *html, struct ifs_text_out *out)
{
	if (html->state == IFS_HTML_ENTITY)
		end_entity(html, false, out);
	ifs_text_out_newline(out);
}
