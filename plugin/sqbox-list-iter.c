/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */

#include "lib.h"
#include "array.h"
#include "imap-match.h"
#include "mailbox-list-subscriptions.h"
#include "str.h"
#include "sqbox-error.h"
#include "sqbox-list-iter.h"
#include "sqbox-special-use.h"
#include "sqbox-storage.h"

struct sqbox_list_iterate_context {
	struct mailbox_list_iterate_context ctx;

	struct sqb_mailbox_iter *walk; /* NULL: of one name at most */
	struct sqb_mailbox_info one;   /* its name is NULL if there is none */

	int64_t inbox_id;
	bool inbox_hidden;
	/* Those that are not there but have children that are. */
	ARRAY_TYPE(const_string) missing;

	string_t *vname; /* of info */
	struct mailbox_info info;
};

/* Dovecot asks for single names often: once for each subscription. */
static enum sqb_err
sqbox_list_iter_find_one(struct sqbox_list_iterate_context *ctx,
			 const char *vname)
{
	struct mailbox_list *list = ctx->ctx.list;
	struct sqb_store *st = SQBOX_LIST(list)->account->st;
	const char *name = mailbox_list_get_storage_name(list, vname);
	struct sqb_mailbox_id id;
	enum sqb_err err;

	err = sqb_mailbox_find(st, name, &id);
	if (err == SQB_OK)
		err = sqb_mailbox_status(st, id, &ctx->one.status);
	if (err == SQB_NOTFOUND || err == SQB_INVALID)
		return SQB_OK;
	if (err == SQB_OK)
		ctx->one.name = p_strdup(ctx->ctx.pool, name);
	return err;
}

static void
sqbox_list_iter_fail(struct sqbox_list_iterate_context *ctx, enum sqb_err err)
{
	struct mailbox_list *list = ctx->ctx.list;

	sqbox_list_set_error(list, SQBOX_LIST(list)->account->st, "", err);
	ctx->ctx.failed = TRUE;
}

struct mailbox_list_iterate_context *
sqbox_list_iter_init(struct mailbox_list *list, const char *const *patterns,
		     enum mailbox_list_iter_flags flags)
{
	struct sqbox_list_iterate_context *ctx;
	enum sqb_err err;
	pool_t pool;

	if ((flags & MAILBOX_LIST_ITER_SELECT_SUBSCRIBED) != 0) {
		return mailbox_list_subscriptions_iter_init(list, patterns,
							    flags);
	}

	pool = pool_alloconly_create("sqbox list iter", 2048);
	ctx = p_new(pool, struct sqbox_list_iterate_context, 1);
	ctx->ctx.pool = pool;
	ctx->ctx.list = list;
	ctx->ctx.flags = flags;
	ctx->ctx.glob = imap_match_init_multiple(
		pool, patterns, TRUE, mail_namespace_get_sep(list->ns));
	array_create(&ctx->ctx.module_contexts, pool, sizeof(void *), 5);
	p_array_init(&ctx->missing, pool, 2);
	ctx->vname = str_new(default_pool, 256);
	ctx->info.ns = list->ns;

	if (patterns[0] != NULL && patterns[1] == NULL &&
	    strpbrk(patterns[0], "*%") == NULL) {
		err = sqbox_list_iter_find_one(ctx, patterns[0]);
		if (err != SQB_OK)
			sqbox_list_iter_fail(ctx, err);
	} else {
		ctx->walk =
			sqb_mailbox_iter_begin(SQBOX_LIST(list)->account->st);
	}
	return &ctx->ctx;
}

static void sqbox_list_iter_end_walk(struct sqbox_list_iterate_context *ctx)
{
	enum sqb_err err = sqb_mailbox_iter_end(&ctx->walk);

	if (err != SQB_OK)
		sqbox_list_iter_fail(ctx, err);
}

static bool sqbox_list_iter_step(struct sqbox_list_iterate_context *ctx,
				 struct sqb_mailbox_info *info_r)
{
	if (ctx->walk != NULL) {
		if (sqb_mailbox_iter_next(ctx->walk, info_r))
			return TRUE;
		sqbox_list_iter_end_walk(ctx);
		return FALSE;
	}
	*info_r = ctx->one;
	ctx->one.name = NULL;
	return info_r->name != NULL;
}

/* The prefix itself is listed by the caller. */
static bool sqbox_list_is_prefix(struct mail_namespace *ns, const char *vname)
{
	return ns->prefix_len > 0 && strlen(vname) == ns->prefix_len - 1 &&
	       strncmp(vname, ns->prefix, ns->prefix_len - 1) == 0;
}

static void
sqbox_list_iter_set(struct sqbox_list_iterate_context *ctx, const char *vname,
		    enum mailbox_info_flags flags)
{
	str_truncate(ctx->vname, 0);
	str_append(ctx->vname, vname);
	ctx->info.vname = str_c(ctx->vname);
	ctx->info.flags = flags;
	ctx->info.special_use = NULL;
	if ((ctx->ctx.flags & MAILBOX_LIST_ITER_RETURN_SUBSCRIBED) != 0) {
		mailbox_list_set_subscription_flags(ctx->ctx.list, vname,
						    &ctx->info.flags);
	}
}

/* Has it a parent for Dovecot that has no row, or is not to be seen? */
static bool sqbox_list_iter_is_orphan(struct sqbox_list_iterate_context *ctx,
				      const struct sqb_mailbox_status *status)
{
	if (status->parent.n == 0)
		return ctx->ctx.list->ns->prefix_len > 0;
	return status->parent.n == ctx->inbox_id &&
	       (ctx->inbox_hidden || ctx->ctx.list->ns->prefix_len > 0);
}

/* Show the nearest parent that matches, if it is such a one. */
static bool sqbox_list_iter_take_parent(struct sqbox_list_iterate_context *ctx,
					const char *vname)
{
	struct mail_namespace *ns = ctx->ctx.list->ns;
	enum imap_match_result match;
	const char *p, *told;

	do {
		p = strrchr(vname, mail_namespace_get_sep(ns));
		if (p == NULL)
			return FALSE;
		vname = t_strdup_until(vname, p);
		match = imap_match(ctx->ctx.glob, vname);
	} while (match != IMAP_MATCH_YES);

	if (sqbox_list_is_prefix(ns, vname))
		return FALSE;
	array_foreach_elem (&ctx->missing, told) {
		if (strcmp(told, vname) == 0)
			return FALSE;
	}
	told = p_strdup(ctx->ctx.pool, vname);
	array_push_back(&ctx->missing, &told);
	sqbox_list_iter_set(ctx, vname, MAILBOX_NONEXISTENT | MAILBOX_CHILDREN);
	return TRUE;
}

/* The user's own INBOX is made as soon as it is opened: LIST shows it. */
static bool
sqbox_list_iter_wants_unborn(const struct sqbox_list_iterate_context *ctx)
{
	const struct mail_namespace *ns = ctx->ctx.list->ns;

	return (ns->flags & NAMESPACE_FLAG_INBOX_USER) != 0 &&
	       (ctx->ctx.flags & MAILBOX_LIST_ITER_NO_AUTO_BOXES) == 0;
}

static bool sqbox_list_iter_take(struct sqbox_list_iterate_context *ctx,
				 const struct sqb_mailbox_info *info)
{
	const struct sqb_mailbox_status *status = &info->status;
	enum mailbox_info_flags flags;
	enum imap_match_result match;
	const char *vname;

	if (strcmp(info->name, "INBOX") == 0) {
		ctx->inbox_id = status->id.n;
		ctx->inbox_hidden =
			sqbox_mailbox_is_unborn(info->name, status) &&
			!sqbox_list_iter_wants_unborn(ctx);
		if (ctx->inbox_hidden)
			return FALSE;
	}
	vname = mailbox_list_get_vname(ctx->ctx.list, info->name);
	/* One that was asked for by its name may be spelt in another way. */
	match = ctx->walk == NULL ? IMAP_MATCH_YES :
				    imap_match(ctx->ctx.glob, vname);
	if (match != IMAP_MATCH_YES) {
		return (match & IMAP_MATCH_PARENT) != 0 &&
		       sqbox_list_iter_is_orphan(ctx, status) &&
		       sqbox_list_iter_take_parent(ctx, vname);
	}
	if (sqbox_list_is_prefix(ctx->ctx.list->ns, vname) &&
	    strcasecmp(vname, "INBOX") != 0)
		return FALSE;
	flags = status->noselect ? MAILBOX_NOSELECT : 0;
	flags |= status->has_children ? MAILBOX_CHILDREN : MAILBOX_NOCHILDREN;
	sqbox_list_iter_set(ctx, vname, flags);
	if ((ctx->ctx.flags & MAILBOX_LIST_ITER_RETURN_SPECIALUSE) != 0) {
		ctx->info.special_use = sqbox_special_use_of(
			ctx->ctx.list->ns, ctx->ctx.pool, status);
	}
	return TRUE;
}

const struct mailbox_info *
sqbox_list_iter_next(struct mailbox_list_iterate_context *_ctx)
{
	struct sqbox_list_iterate_context *ctx =
		container_of(_ctx, struct sqbox_list_iterate_context, ctx);
	struct sqb_mailbox_info info;
	bool taken;

	if ((_ctx->flags & MAILBOX_LIST_ITER_SELECT_SUBSCRIBED) != 0)
		return mailbox_list_subscriptions_iter_next(_ctx);

	while (sqbox_list_iter_step(ctx, &info)) {
		T_BEGIN
		{
			taken = sqbox_list_iter_take(ctx, &info);
		}
		T_END;
		if (taken)
			return &ctx->info;
	}
	return _ctx->failed ? NULL : mailbox_list_iter_default_next(_ctx);
}

int sqbox_list_iter_deinit(struct mailbox_list_iterate_context *_ctx)
{
	struct sqbox_list_iterate_context *ctx =
		container_of(_ctx, struct sqbox_list_iterate_context, ctx);
	int ret;

	if ((_ctx->flags & MAILBOX_LIST_ITER_SELECT_SUBSCRIBED) != 0)
		return mailbox_list_subscriptions_iter_deinit(_ctx);

	sqbox_list_iter_end_walk(ctx);
	ret = _ctx->failed ? -1 : 0;
	str_free(&ctx->vname);
	pool_unref(&_ctx->pool);
	return ret;
}
