/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "sqbox-error.h"
#include "sqbox-list-notify.h"
#include "sqbox-storage.h"
#include "common/subscription.h"
#include "common/txn.h"

/* Rings within this time are answered by one look. */
#define SQBOX_LIST_NOTIFY_DELAY_MSECS 5

struct sqbox_list_node {
	struct sqb_mailbox_status status;
	const char *name; /* of the list; in the snapshot's pool */
};

/* The account at one moment. */
struct sqbox_list_snapshot {
	pool_t pool;
	ARRAY(struct sqbox_list_node) nodes;    /* by id */
	ARRAY_TYPE(const_string) subscriptions; /* in octet order */
	uint32_t data_version;
};

struct sqbox_list_notify {
	struct mailbox_list_notify notify;
	struct sqbox_account *account;

	struct sqbox_list_snapshot *old;
	/* While changes are being told: where they lead to. */
	struct sqbox_list_snapshot *new;
	ARRAY(struct mailbox_list_notify_rec) recs; /* in new's pool */
	unsigned int recs_idx;

	void (*callback)(void *context);
	void *context;
	struct io *io;
	struct timeout *to_poll, *to_notify;
};

static int sqbox_list_node_cmp(const struct sqbox_list_node *n1,
			       const struct sqbox_list_node *n2)
{
	int64_t id1 = n1->status.id.n, id2 = n2->status.id.n;

	return id1 < id2 ? -1 : (id1 > id2 ? 1 : 0);
}

static void sqbox_list_snapshot_free(struct sqbox_list_snapshot **_snapshot)
{
	struct sqbox_list_snapshot *snapshot = *_snapshot;

	*_snapshot = NULL;
	if (snapshot != NULL)
		pool_unref(&snapshot->pool);
}

static enum sqb_err
sqbox_list_snapshot_read(struct sqb_store *st,
			 struct sqbox_list_snapshot *snapshot)
{
	struct sqb_mailbox_iter *iter;
	struct sqb_mailbox_info info;
	struct sqb_subscription_iter *subs_iter;
	struct sqbox_list_node *node;
	const char *name;
	enum sqb_err err;

	/* before the walks: what comes between is seen twice, not missed */
	err = sqb_data_version(st, &snapshot->data_version);
	if (err != SQB_OK)
		return err;
	iter = sqb_mailbox_iter_begin(st);
	while (sqb_mailbox_iter_next(iter, &info)) {
		node = array_append_space(&snapshot->nodes);
		node->status = info.status;
		node->name = p_strdup(snapshot->pool, info.name);
	}
	err = sqb_mailbox_iter_end(&iter);
	if (err != SQB_OK)
		return err;
	array_sort(&snapshot->nodes, sqbox_list_node_cmp);

	subs_iter = sqb_subscription_iter_begin(st);
	while (sqb_subscription_iter_next(subs_iter, &name)) {
		name = p_strdup(snapshot->pool, name);
		array_push_back(&snapshot->subscriptions, &name);
	}
	return sqb_subscription_iter_end(&subs_iter);
}

static struct sqbox_list_snapshot *
sqbox_list_snapshot_take(struct sqbox_list_notify *notify)
{
	struct sqb_store *st = notify->account->st;
	struct sqbox_list_snapshot *snapshot;
	enum sqb_err err;
	pool_t pool;

	pool = pool_alloconly_create("sqbox list snapshot", 4096);
	snapshot = p_new(pool, struct sqbox_list_snapshot, 1);
	snapshot->pool = pool;
	p_array_init(&snapshot->nodes, pool, 32);
	p_array_init(&snapshot->subscriptions, pool, 32);
	err = sqbox_list_snapshot_read(st, snapshot);
	if (err != SQB_OK) {
		sqbox_list_set_error(notify->notify.list, st, "", err);
		sqbox_list_snapshot_free(&snapshot);
	}
	return snapshot;
}

/* Comparing */

static void
sqbox_list_notify_add(struct sqbox_list_notify *notify,
		      enum mailbox_list_notify_event events, const char *name,
		      const char *old_name, const uint8_t *guid)
{
	struct mailbox_list *list = notify->notify.list;
	pool_t pool = notify->new->pool;
	struct mailbox_list_notify_rec *rec;

	events &= notify->notify.mask;
	if (events == 0)
		return;
	rec = array_append_space(&notify->recs);
	rec->events = events;
	rec->storage_name = p_strdup(pool, name);
	rec->vname = p_strdup(pool, mailbox_list_get_vname(list, name));
	if (old_name != NULL) {
		rec->old_vname =
			p_strdup(pool, mailbox_list_get_vname(list, old_name));
	}
	if (guid != NULL)
		memcpy(rec->guid, guid, sizeof(rec->guid));
}

static enum mailbox_list_notify_event
sqbox_list_status_events(const struct sqb_mailbox_status *old,
			 const struct sqb_mailbox_status *new)
{
	enum mailbox_list_notify_event events = 0;

	if (new->noselect)
		return 0;
	if (old->uidvalidity != new->uidvalidity)
		events |= MAILBOX_LIST_NOTIFY_UIDVALIDITY;
	if (old->uidnext != new->uidnext)
		events |= MAILBOX_LIST_NOTIFY_APPENDS;
	/* as many may have come as have gone, but they count as appends */
	if (old->messages > new->messages)
		events |= MAILBOX_LIST_NOTIFY_EXPUNGES;
	if (old->unseen != new->unseen)
		events |= MAILBOX_LIST_NOTIFY_SEEN_CHANGES;
	if (old->highestmodseq < new->highestmodseq)
		events |= MAILBOX_LIST_NOTIFY_MODSEQ_CHANGES;
	return events;
}

static void sqbox_list_compare_both(struct sqbox_list_notify *notify,
				    const struct sqbox_list_node *old,
				    const struct sqbox_list_node *new)
{
	enum mailbox_list_notify_event events = 0;

	if (strcmp(old->name, new->name) != 0) {
		sqbox_list_notify_add(notify, MAILBOX_LIST_NOTIFY_RENAME,
				      new->name, old->name, new->status.guid);
	}
	if (old->status.noselect != new->status.noselect) {
		events |= new->status.noselect ? MAILBOX_LIST_NOTIFY_DELETE :
						 MAILBOX_LIST_NOTIFY_CREATE;
	}
	events |= sqbox_list_status_events(&old->status, &new->status);
	sqbox_list_notify_add(notify, events, new->name, NULL,
			      new->status.guid);
}

static void sqbox_list_compare_nodes(struct sqbox_list_notify *notify)
{
	const struct sqbox_list_node *old, *new;
	unsigned int old_count, new_count, i = 0, j = 0;
	int cmp;

	old = array_get(&notify->old->nodes, &old_count);
	new = array_get(&notify->new->nodes, &new_count);
	while (i < old_count || j < new_count) {
		cmp = i == old_count ? 1 :
		      j == new_count ? -1 :
				       sqbox_list_node_cmp(&old[i], &new[j]);
		if (cmp < 0) {
			sqbox_list_notify_add(
				notify, MAILBOX_LIST_NOTIFY_DELETE, old[i].name,
				NULL, old[i].status.guid);
			i++;
		} else if (cmp > 0) {
			sqbox_list_notify_add(
				notify, MAILBOX_LIST_NOTIFY_CREATE, new[j].name,
				NULL, new[j].status.guid);
			j++;
		} else {
			sqbox_list_compare_both(notify, &old[i++], &new[j++]);
		}
	}
}

static void sqbox_list_compare_subscriptions(struct sqbox_list_notify *notify)
{
	const char *const *old, *const *new;
	unsigned int old_count, new_count, i = 0, j = 0;
	int cmp;

	old = array_get(&notify->old->subscriptions, &old_count);
	new = array_get(&notify->new->subscriptions, &new_count);
	while (i < old_count || j < new_count) {
		cmp = i == old_count ? 1 :
		      j == new_count ? -1 :
				       strcmp(old[i], new[j]);
		if (cmp < 0) {
			sqbox_list_notify_add(notify,
					      MAILBOX_LIST_NOTIFY_UNSUBSCRIBE,
					      old[i], NULL, NULL);
		} else if (cmp > 0) {
			sqbox_list_notify_add(notify,
					      MAILBOX_LIST_NOTIFY_SUBSCRIBE,
					      new[j], NULL, NULL);
		}
		i += cmp <= 0 ? 1 : 0;
		j += cmp >= 0 ? 1 : 0;
	}
}

int sqbox_list_notify_next(struct mailbox_list_notify *_notify,
			   const struct mailbox_list_notify_rec **rec_r)
{
	struct sqbox_list_notify *notify =
		container_of(_notify, struct sqbox_list_notify, notify);

	if (notify->new == NULL) {
		notify->new = sqbox_list_snapshot_take(notify);
		if (notify->new == NULL)
			return -1;
		T_BEGIN
		{
			sqbox_list_compare_nodes(notify);
			sqbox_list_compare_subscriptions(notify);
		}
		T_END;
	}
	if (notify->recs_idx < array_count(&notify->recs)) {
		*rec_r = array_idx(&notify->recs, notify->recs_idx++);
		return 1;
	}
	/* all has been told */
	array_clear(&notify->recs);
	notify->recs_idx = 0;
	sqbox_list_snapshot_free(&notify->old);
	notify->old = notify->new;
	notify->new = NULL;
	return 0;
}

/* Waiting */

static void sqbox_list_notify_call(struct sqbox_list_notify *notify)
{
	timeout_remove(&notify->to_notify);
	if (notify->callback != NULL)
		notify->callback(notify->context);
}

static void sqbox_list_notify_rung(struct sqbox_list_notify *notify)
{
	if (notify->to_notify == NULL) {
		notify->to_notify =
			timeout_add_short(SQBOX_LIST_NOTIFY_DELAY_MSECS,
					  sqbox_list_notify_call, notify);
	}
}

void sqbox_list_notify_flush(struct mailbox_list_notify *_notify)
{
	struct sqbox_list_notify *notify =
		container_of(_notify, struct sqbox_list_notify, notify);
	uint32_t version;

	if (sqb_data_version(notify->account->st, &version) == SQB_OK &&
	    version != notify->old->data_version)
		sqbox_list_notify_call(notify);
}

static void sqbox_list_notify_poll(struct sqbox_list_notify *notify)
{
	sqbox_list_notify_flush(&notify->notify);
}

void sqbox_list_notify_wait(struct mailbox_list_notify *_notify,
			    void (*callback)(void *context), void *context)
{
	struct sqbox_list_notify *notify =
		container_of(_notify, struct sqbox_list_notify, notify);
	unsigned int secs =
		_notify->list->mail_set->mailbox_idle_check_interval;

	notify->callback = callback;
	notify->context = context;
	if (callback == NULL) {
		io_remove(&notify->io);
		timeout_remove(&notify->to_poll);
		timeout_remove(&notify->to_notify);
	} else if (notify->to_poll == NULL) {
		(void)io_add_notify(sqb_store_notify_path(notify->account->st),
				    sqbox_list_notify_rung, notify,
				    &notify->io);
		notify->to_poll = timeout_add(secs * 1000,
					      sqbox_list_notify_poll, notify);
	}
}

int sqbox_list_notify_init(struct mailbox_list *list,
			   enum mailbox_list_notify_event mask,
			   struct mailbox_list_notify **notify_r)
{
	struct sqbox_list_notify *notify;

	notify = i_new(struct sqbox_list_notify, 1);
	notify->notify.list = list;
	notify->notify.mask = mask;
	notify->account = SQBOX_LIST(list)->account;
	notify->old = sqbox_list_snapshot_take(notify);
	if (notify->old == NULL) {
		i_free(notify);
		return -1;
	}
	sqbox_account_ref(notify->account);
	i_array_init(&notify->recs, 16);
	*notify_r = &notify->notify;
	return 0;
}

void sqbox_list_notify_deinit(struct mailbox_list_notify *_notify)
{
	struct sqbox_list_notify *notify =
		container_of(_notify, struct sqbox_list_notify, notify);

	sqbox_list_notify_wait(_notify, NULL, NULL);
	array_free(&notify->recs);
	sqbox_list_snapshot_free(&notify->new);
	sqbox_list_snapshot_free(&notify->old);
	sqbox_account_unref(&notify->account);
	i_free(notify);
}
