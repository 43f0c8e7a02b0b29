/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * Subscriptions.
 */
#include "common/subscription.h"

#include "common/mailbox-private.h"

#include <stdlib.h>

static const char sql_add[] =
	"INSERT INTO subscription (name) VALUES (?1) ON CONFLICT DO NOTHING";
static const char sql_remove[] = "DELETE FROM subscription WHERE name = ?1";

enum sqb_err sqb_subscribe(struct sqb_store *st, const char *name,
			   bool subscribed, bool *changed_r)
{
	sqlite3_stmt *q;
	enum sqb_err err;
	bool changed;

	if ((err = sqb_need_txn(st)) != SQB_OK ||
	    (err = sqb_name_check(st, name)) != SQB_OK)
		return err;
	q = sqb_stmt(st, subscribed ? sql_add : sql_remove);
	sqlite3_bind_text(q, 1, sqb_name_dup(name), -1, free);
	err = sqb_run(st, q);
	if (err != SQB_OK)
		return err;
	changed = sqlite3_changes(sqb_db(st)) > 0;
	if (changed)
		err = sqb_txn_touch_tree(st);
	if (err == SQB_OK && changed_r != NULL)
		*changed_r = changed;
	return err;
}

struct sqb_subscription_iter {
	struct sqb_walk walk;
};

static const char sql_all[] = "SELECT name FROM subscription ORDER BY name";

struct sqb_subscription_iter *sqb_subscription_iter_begin(struct sqb_store *st)
{
	struct sqb_subscription_iter *it = sqb_xcalloc(1, sizeof(*it));

	(void)sqb_walk_begin(&it->walk, st, sql_all);
	return it;
}

bool sqb_subscription_iter_next(struct sqb_subscription_iter *it,
				const char **name_r)
{
	const char *name = NULL;

	/* What nobody could have subscribed to is damage: left out. */
	while (name == NULL || !sqb_name_ok(name)) {
		if (!sqb_walk_step(&it->walk))
			return false;
		name = (const char *)sqlite3_column_text(it->walk.q, 0);
	}
	*name_r = name;
	return true;
}

enum sqb_err sqb_subscription_iter_end(struct sqb_subscription_iter **it_p)
{
	struct sqb_subscription_iter *it = *it_p;

	*it_p = NULL;
	return sqb_walk_free(it != NULL ? &it->walk : NULL);
}
