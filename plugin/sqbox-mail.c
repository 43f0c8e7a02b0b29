/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "hex-binary.h"
#include "istream.h"
#include "str.h"
#include "index-mail.h"
#include "sqbox-error.h"
#include "sqbox-istream.h"
#include "sqbox-mail.h"
#include "sqbox-save.h"
#include "sqbox-storage.h"

int sqbox_mail_get_row(struct mail *mail, struct sqb_message *msg_r)
{
	enum sqb_err err;

	if (mail->saving)
		return sqbox_save_get_row(mail, msg_r);
	/* may be told not to look things up now */
	if (!mail_metadata_access_start(mail))
		return -1;
	err = sqb_message_get(sqbox_store(mail->box),
			      SQBOX_MAILBOX(mail->box)->id, mail->uid, msg_r);
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	return 0;
}

/* Take all that a row has: the next question will be for the rest of it. */
static int sqbox_mail_load_row(struct index_mail *imail)
{
	struct mail *mail = &imail->mail.mail;
	struct index_mail_data *data = &imail->data;
	struct sqb_message msg;

	if (sqbox_mail_get_row(mail, &msg) < 0)
		return -1;
	data->received_date = (time_t)msg.date;
	data->save_date = (time_t)msg.save_date;
	data->virtual_size = msg.vsize;
	/* The stream is the octets of the wire. */
	data->physical_size = msg.vsize;
	return 0;
}

static int sqbox_mail_get_received_date(struct mail *mail, time_t *date_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);

	if (index_mail_get_received_date(mail, date_r) == 0)
		return 0;
	if (sqbox_mail_load_row(imail) < 0)
		return -1;
	*date_r = imail->data.received_date;
	return 0;
}

static int sqbox_mail_get_save_date(struct mail *mail, time_t *date_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);

	if (index_mail_get_save_date(mail, date_r) > 0)
		return 1;
	if (sqbox_mail_load_row(imail) < 0)
		return -1;
	*date_r = imail->data.save_date;
	return 1;
}

static int sqbox_mail_get_virtual_size(struct mail *mail, uoff_t *size_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);

	if (index_mail_get_cached_virtual_size(imail, size_r))
		return 0;
	if (sqbox_mail_load_row(imail) < 0)
		return -1;
	*size_r = imail->data.virtual_size;
	return 0;
}

static int sqbox_mail_get_physical_size(struct mail *mail, uoff_t *size_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);

	if (index_mail_get_physical_size(mail, size_r) == 0)
		return 0;
	if (sqbox_mail_load_row(imail) < 0)
		return -1;
	*size_r = imail->data.physical_size;
	return 0;
}

static bool sqbox_body_is_known_sound(struct sqbox_account *account, int64_t id)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(account->sound_bodies); i++) {
		if (account->sound_bodies[i] == id)
			return TRUE;
	}
	return FALSE;
}

static void sqbox_body_set_sound(struct sqbox_account *account, int64_t id)
{
	account->sound_bodies[account->sound_bodies_next] = id;
	account->sound_bodies_next = (account->sound_bodies_next + 1) %
				     N_ELEMENTS(account->sound_bodies);
}

/*
 * Look for damage before the first octet is sent: once the size has been told
 * to a client, only a broken connection could say that there is some, and
 * that would take the other messages of its command along.
 */
static enum sqb_err
sqbox_mail_check_body(struct mail *mail, struct sqb_body_reader *reader,
		      bool whole)
{
	struct sqbox_account *account =
		SQBOX_MAILBOX(mail->box)->storage->account;
	const struct sqb_body_info *info = sqb_body_reader_info(reader);
	uint64_t offset = 0;
	const void *data;
	size_t size;
	enum sqb_err err;

	if (info->vsize > SQB_BODY_CHUNK &&
	    sqbox_body_is_known_sound(account, info->id.n))
		whole = FALSE;
	do {
		err = sqb_body_data(reader, offset, &data, &size);
		offset += size;
	} while (whole && err == SQB_OK && size > 0);
	if (err == SQB_OK && whole && info->vsize > SQB_BODY_CHUNK)
		sqbox_body_set_sound(account, info->id.n);
	return err;
}

static int sqbox_mail_open_stream(struct mail *mail, bool get_body,
				  struct istream **input_r)
{
	struct sqb_store *st = sqbox_store(mail->box);
	struct sqb_body_reader *reader;
	enum sqb_err err;

	if (mail->saving)
		return sqbox_save_open_stream(mail, input_r);
	if (!mail_stream_access_start(mail))
		return -1;
	err = sqb_body_open(st, SQBOX_MAILBOX(mail->box)->id, mail->uid,
			    &reader);
	if (err == SQB_OK) {
		err = sqbox_mail_check_body(mail, reader, get_body);
		if (err != SQB_OK)
			sqb_body_close(&reader);
	}
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	*input_r = sqbox_istream_create(st, &reader);
	return 0;
}

static int
sqbox_mail_get_stream(struct mail *mail, bool get_body,
		      struct message_size *hdr_size,
		      struct message_size *body_size, struct istream **stream_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);
	struct index_mail_data *data = &imail->data;
	struct istream *input;

	if (data->stream == NULL) {
		if (sqbox_mail_open_stream(mail, get_body, &input) < 0)
			return -1;
		i_stream_set_name(input,
				  t_strdup_printf("%s uid=%u", mail->box->vname,
						  mail->uid));
		data->stream = input;
		index_mail_set_read_buffer_size(mail, data->stream);
		if (imail->mail.v.istream_opened != NULL &&
		    imail->mail.v.istream_opened(mail, &data->stream) < 0) {
			i_stream_unref(&data->stream);
			return -1;
		}
	}
	return index_mail_init_stream(imail, hdr_size, body_size, stream_r);
}

static int sqbox_mail_get_guid(struct mail *mail, const char **value_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);
	struct sqb_body_info info;
	enum sqb_err err;

	if (mail->saving)
		return sqbox_save_get_guid(mail, value_r);
	if (!mail_metadata_access_start(mail))
		return -1;
	err = sqb_body_info(sqbox_store(mail->box),
			    SQBOX_MAILBOX(mail->box)->id, mail->uid, &info);
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	*value_r =
		p_strdup(imail->mail.data_pool, guid_128_to_string(info.guid));
	return 0;
}

/* What another server's identity cannot be: it would speak POP3. */
static bool sqbox_mail_uidl_is_damaged(const char *uidl)
{
	for (; *uidl != '\0'; uidl++) {
		if ((unsigned char)*uidl < ' ' || *uidl == 0x7f)
			return TRUE;
	}
	return FALSE;
}

static int sqbox_mail_get_pop3(struct mail *mail, enum mail_fetch_field field,
			       const char **value_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);
	char *uidl = NULL;
	uint32_t order = 0;
	enum sqb_err err;

	*value_r = "";
	if (mail->saving)
		return 0;
	if (!mail_metadata_access_start(mail))
		return -1;
	err = sqb_message_pop3(sqbox_store(mail->box),
			       SQBOX_MAILBOX(mail->box)->id, mail->uid, &uidl,
			       &order);
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	if (field == MAIL_FETCH_UIDL_BACKEND && uidl != NULL &&
	    !sqbox_mail_uidl_is_damaged(uidl))
		*value_r = p_strdup(imail->mail.data_pool, uidl);
	if (field == MAIL_FETCH_POP3_ORDER && order != 0) {
		*value_r = p_strdup_printf(imail->mail.data_pool, "%u", order);
	}
	free(uidl);
	return 0;
}

/* Copies share their body: what lazy_expunge asks to keep one of them only. */
static int
sqbox_mail_get_refcount(struct mail *mail, enum mail_fetch_field field,
			const char **value_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);
	pool_t pool = imail->mail.data_pool;
	struct sqb_message msg;
	uint64_t refs;
	enum sqb_err err;

	*value_r = "";
	if (mail->saving)
		return 0;
	if (sqbox_mail_get_row(mail, &msg) < 0)
		return -1;
	if (field == MAIL_FETCH_REFCOUNT_ID) {
		*value_r = p_strdup_printf(pool, "%lld", (long long)msg.body.n);
		return 0;
	}
	err = sqb_body_refs(sqbox_store(mail->box), msg.body, &refs);
	if (err != SQB_OK) {
		sqbox_mail_set_error(mail, err);
		return -1;
	}
	*value_r = p_strdup_printf(pool, "%llu", (unsigned long long)refs);
	return 0;
}

static int
sqbox_mail_get_special(struct mail *mail, enum mail_fetch_field field,
		       const char **value_r)
{
	struct index_mail *imail = INDEX_MAIL(mail);

	switch (field) {
	case MAIL_FETCH_GUID:
		return sqbox_mail_get_guid(mail, value_r);
	case MAIL_FETCH_STORAGE_ID:
		*value_r = mail->saving ?
				   "" :
				   p_strdup_printf(
					   imail->mail.data_pool, "%lld.%u",
					   (long long)SQBOX_MAILBOX(mail->box)
						   ->id.n,
					   mail->uid);
		return 0;
	case MAIL_FETCH_UIDL_BACKEND:
	case MAIL_FETCH_POP3_ORDER:
		return sqbox_mail_get_pop3(mail, field, value_r);
	case MAIL_FETCH_REFCOUNT:
	case MAIL_FETCH_REFCOUNT_ID:
		return sqbox_mail_get_refcount(mail, field, value_r);
	default:
		return index_mail_get_special(mail, field, value_r);
	}
}

/*
 * With its GUID, which index_mail_expunge() would look for in the cache file
 * alone: dsync takes an expunge for one only if it knows of what.
 */
static void sqbox_mail_expunge(struct mail *mail)
{
	struct mail_index_transaction *trans = mail->transaction->itrans;
	struct sqb_body_info info;

	if (sqb_body_info(sqbox_store(mail->box), SQBOX_MAILBOX(mail->box)->id,
			  mail->uid, &info) == SQB_OK)
		mail_index_expunge_guid(trans, mail->seq, info.guid);
	else
		mail_index_expunge(trans, mail->seq);
}

struct mail_vfuncs sqbox_mail_vfuncs = {
	.close = index_mail_close,
	.free = index_mail_free,
	.set_seq = index_mail_set_seq,
	.set_uid = index_mail_set_uid,
	.set_uid_cache_updates = index_mail_set_uid_cache_updates,
	.prefetch = index_mail_prefetch,
	.precache = index_mail_precache,
	.add_temp_wanted_fields = index_mail_add_temp_wanted_fields,

	.get_flags = index_mail_get_flags,
	.get_keywords = index_mail_get_keywords,
	.get_keyword_indexes = index_mail_get_keyword_indexes,
	.get_modseq = index_mail_get_modseq,
	.get_pvt_modseq = index_mail_get_pvt_modseq,
	.get_parts = index_mail_get_parts,
	.get_date = index_mail_get_date,
	.get_received_date = sqbox_mail_get_received_date,
	.get_save_date = sqbox_mail_get_save_date,
	.get_virtual_size = sqbox_mail_get_virtual_size,
	.get_physical_size = sqbox_mail_get_physical_size,
	.get_first_header = index_mail_get_first_header,
	.get_headers = index_mail_get_headers,
	.get_header_stream = index_mail_get_header_stream,
	.get_stream = sqbox_mail_get_stream,
	.get_binary_stream = index_mail_get_binary_stream,
	.get_special = sqbox_mail_get_special,
	.get_backend_mail = index_mail_get_backend_mail,
	.update_flags = index_mail_update_flags,
	.update_keywords = index_mail_update_keywords,
	.update_modseq = index_mail_update_modseq,
	.update_pvt_modseq = index_mail_update_pvt_modseq,
	.expunge = sqbox_mail_expunge,
	.set_cache_corrupted = index_mail_set_cache_corrupted,
	.istream_opened = index_mail_opened,
};
