/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IMAP_RESPONSE_H
#define IMAP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Responses of an IMAP server (RFC 3501, RFC 9051 section 7), as data.  No I/O:
 * octets go in, responses come out.
 *
 * A response is everything up to the CRLF that is not in a literal.  Its values
 * are a tree in memory of limited size; only the literal of a message part,
 * FETCH BODY[...], BINARY[...] and RFC822, may be larger.  Parts, also those
 * that are quoted strings, are handed on (struct imap_sink).
 */

enum imap_type {
	IMAP_ATOM,   /* any run that is none of the others; numbers too */
	IMAP_STRING, /* quoted or literal; may hold any octet */
	IMAP_NIL,
	IMAP_LIST, /* (...) */
	IMAP_PART, /* a message part that went into the sink */
};

struct imap_value {
	enum imap_type type;
	const char *text; /* ATOM, STRING: also NUL at the end; else NULL */
	size_t size;      /* octets of text; of a PART: its size */
	const struct imap_value *first; /* LIST: its first member, or NULL */
	const struct imap_value *next;  /* the one after this, or NULL */
};

enum imap_kind { IMAP_TAGGED, IMAP_UNTAGGED, IMAP_CONTINUATION };
enum imap_status {
	IMAP_STATUS_NONE, /* not a status response */
	IMAP_STATUS_OK,
	IMAP_STATUS_NO,
	IMAP_STATUS_BAD,
	IMAP_STATUS_PREAUTH,
	IMAP_STATUS_BYE,
};

struct imap_response {
	enum imap_kind kind;
	const char *tag;         /* TAGGED, else NULL */
	enum imap_status status; /* with code and text */
	const char *code;        /* "UIDNEXT", in capitals; NULL: none */
	const struct imap_value *code_args; /* what follows it; NULL: nothing */
	const char *text; /* human text of a status or continuation, or "" */
	bool has_number;  /* "* 12 EXISTS" */
	uint32_t number;
	const char *name; /* "EXISTS", "FETCH", ... in capitals; else NULL */
	const struct imap_value *args; /* what follows it; NULL: nothing */
};

/*
 * Where message parts go.  begin() says which: fetch is the LIST of items of
 * the FETCH as far as they have come, this PART the last of them (see
 * imap_fetch_items()); section as in BODY[section], HEADER and TEXT for
 * RFC822.HEADER and RFC822.TEXT, "" for RFC822.  data() and end() follow,
 * data() as often as it takes.  end() is also called when the connection is
 * cut: complete is then false.  Functions may be NULL.
 */
struct imap_sink {
	void (*begin)(void *ctx, uint32_t seq, const struct imap_value *fetch,
		      const char *section, uint64_t size);
	void (*data)(void *ctx, const void *data, size_t size);
	void (*end)(void *ctx, bool complete);
	void *ctx;
};

/* Limits of one response, against a server that is hostile or broken. */
#define IMAP_RESPONSE_MAX (16 << 20) /* octets in memory, parts aside */
#define IMAP_DEPTH_MAX 64            /* levels of parentheses */
#define IMAP_VALUES_MAX (1 << 20)
#define IMAP_PART_MAX UINT64_C(0xffffffff) /* octets of one part */

struct imap_parser;
struct imap_parser *imap_parser_new(const struct imap_sink *sink);
void imap_parser_free(struct imap_parser **p);

/*
 * Take octets, at most up to the end of one response: *used_r is how many.
 * 1: a response is complete, *response_r is good until the next call.
 * 0: more octets are needed.
 * -1: this is no IMAP or breaks a limit; the connection is of no use any more,
 * imap_parser_error() says why (static text).
 */
int imap_parser_feed(struct imap_parser *p, const void *data, size_t size,
		     size_t *used_r, const struct imap_response **response_r);
const char *imap_parser_error(const struct imap_parser *p);
/* The connection was cut: ends a part that was begun. */
void imap_parser_cut(struct imap_parser *p);

/* Values.  false: it is not that. */
bool imap_value_is(const struct imap_value *v, const char *atom); /* any case */
bool imap_value_number(const struct imap_value *v, uint32_t *number_r);
bool imap_value_number64(const struct imap_value *v, uint64_t *number_r);
/* The text of an ATOM or STRING; NULL of anything else, or if it holds NUL. */
const char *imap_value_text(const struct imap_value *v);

#endif
