/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * APPEND, several on their way at a time.
 */
#include "fuse/remote/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "fuse/remote/pull.h"

/* So many messages, or octets, are sent before the first is answered. */
#define AHEAD 32
#define AHEAD_OCTETS (1 << 20)

struct append {
	struct rem_change *change; /* foreign */
	unsigned int command;
};

/* Can all of it be read?  Once begun, a literal has to be ended. */
static enum sqb_err verify(struct rem_sync *sync,
			   const struct rem_change *change)
{
	struct sqb_body_reader *r;
	uint64_t offset = 0;
	const void *data;
	size_t size;
	enum sqb_err err = sqb_body_open_id(sync->st, change->body, &r);

	if (err != SQB_OK)
		return err;
	do {
		err = sqb_body_data(r, offset, &data, &size);
		if (err == SQB_OK)
			offset += size;
	} while (err == SQB_OK && size > 0);
	if (err == SQB_OK && offset != change->size)
		err = SQB_CORRUPT;
	sqb_body_close(&r);
	return err;
}

static bool send_octets(struct rem_sync *sync, const struct rem_change *change)
{
	struct sqb_body_reader *r;
	uint64_t offset = 0;
	const void *data;
	size_t size;
	enum sqb_err err = sqb_body_open_id(sync->st, change->body, &r);

	if (err != SQB_OK)
		return rem_fail_store(sync, sync->st, err);
	while (offset < change->size) {
		err = sqb_body_data(r, offset, &data, &size);
		if (err == SQB_OK && size == 0)
			err = SQB_CORRUPT;
		if (err != SQB_OK)
			break;
		imap_command_octets(sync->client, data, size);
		offset += size;
	}
	sqb_body_close(&r);
	return err == SQB_OK || rem_fail_store(sync, sync->st, err);
}

/* RFC 3501 date-time, in UTC; months not of a locale. */
static void date_text(int64_t date, char *text, size_t size)
{
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr",
					  "May", "Jun", "Jul", "Aug",
					  "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)date;
	struct tm tm;

	if (date < 0 || gmtime_r(&t, &tm) == NULL || tm.tm_year > 8099)
		(void)gmtime_r(&(time_t){ 0 }, &tm);
	(void)snprintf(text, size, "\"%2d-%s-%04d %02d:%02d:%02d +0000\"",
		       tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
		       tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool send_append(struct rem_sync *sync, const struct rem_box *box,
			struct append *append)
{
	struct rem_change *change = append->change;
	char *flags = rem_flags_text(sync, &change->base, NULL);
	char date[40];

	date_text(change->date, date, sizeof(date));
	imap_command_begin(sync->client);
	imap_command_text(sync->client, "APPEND ");
	imap_command_string(sync->client, box->name, strlen(box->name));
	imap_command_text(sync->client, " (");
	imap_command_text(sync->client, flags);
	imap_command_text(sync->client, ") ");
	imap_command_text(sync->client, date);
	imap_command_text(sync->client, " ");
	imap_command_literal(sync->client, change->size);
	free(flags);
	if (!send_octets(sync, change))
		return false;
	append->command = imap_command_send(sync->client);
	return true;
}

static bool take_answer(struct rem_sync *sync, struct rem_box *box,
			struct append *append)
{
	struct rem_change *change = append->change;
	const struct imap_response *response = NULL;
	uint32_t uidvalidity, uid;
	enum imap_err err;

	if (!rem_wait(sync, append->command, &err, &response))
		return false;
	if (err == IMAP_OK) {
		change->remote_uid = 0;
		if (response != NULL &&
		    imap_appenduid_get(response, &uidvalidity, &uid) &&
		    uidvalidity == box->row.uidvalidity)
			change->remote_uid = uid;
		return rem_push_sent(sync, box, &change, 1);
	}
	if (rem_is_temporary(response)) {
		rem_box_set_error(box, imap_client_why(sync->client));
		sync->waiting++;
		return true;
	}
	return rem_push_refused(sync, box, &change, 1,
				imap_client_why(sync->client));
}

static bool append_some(struct rem_sync *sync, struct rem_box *box,
			struct rem_change **list, size_t count)
{
	struct append appends[AHEAD];
	bool ok = rem_push_sending(sync, box, list, count);
	size_t i;

	for (i = 0; i < count && ok; i++) {
		appends[i].change = list[i];
		ok = send_append(sync, box, &appends[i]);
	}
	for (i = 0; i < count && ok; i++)
		ok = take_answer(sync, box, &appends[i]);
	return ok;
}

/* What cannot be read is not sent.  How many are left. */
static size_t verify_all(struct rem_sync *sync, struct rem_box *box,
			 struct rem_change **list, size_t count, bool *ok_r)
{
	size_t i, n = 0;
	enum sqb_err err;

	*ok_r = true;
	for (i = 0; i < count && *ok_r; i++) {
		err = verify(sync, list[i]);
		if (err == SQB_OK)
			list[n++] = list[i];
		else if (err != SQB_NOTFOUND) /* expunged meanwhile */
			*ok_r = rem_push_refused(sync, box, &list[i], 1,
						 sqb_err_name(err));
	}
	return n;
}

bool rem_push_appends(struct rem_sync *sync, struct rem_box *box,
		      struct rem_change **list, size_t count)
{
	uint64_t octets;
	size_t i, n;
	bool ok;

	count = verify_all(sync, box, list, count, &ok);
	if (!ok || count == 0)
		return ok;
	if (!rem_select(sync, box)) /* for what flags it keeps */
		return false;
	if (sync->view.box != box) {
		sync->waiting++;
		return true;
	}
	for (i = 0; i < count; i++) {
		struct rem_change *change = list[i];
		char *text;

		/* What the server keeps of the flags is their base. */
		rem_flags_free(&change->base);
		text = rem_flags_text(sync, &change->now, &change->base);
		free(text);
	}
	for (i = 0; i < count; i += n) {
		octets = 0;
		for (n = 0; i + n < count && n < AHEAD; n++) {
			if (n > 0 && octets > AHEAD_OCTETS)
				break;
			octets += list[i + n]->size;
		}
		if (!append_some(sync, box, list + i, n))
			return false;
	}
	return true;
}
