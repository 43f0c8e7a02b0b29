/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#include "fuse/hidden-node.h"

#include <stdlib.h>

#include "common/mem.h"
#include "fuse/inode.h"

/* A number has its slot in its low bits, so that one chain is for both keys. */
#define SLOTS 1024

struct ifs_hidden_nodes {
	pthread_mutex_t lock;
	uint64_t count;                       /* of all so far */
	struct ifs_hidden_node *slots[SLOTS]; /* own */
};

struct ifs_hidden_nodes *ifs_hidden_nodes_new(void)
{
	struct ifs_hidden_nodes *nodes = sqb_xcalloc(1, sizeof(*nodes));

	(void)pthread_mutex_init(&nodes->lock, NULL);
	return nodes;
}

static void free_node(struct ifs_hidden_node *node)
{
	free(node->text);
	free(node);
}

void ifs_hidden_nodes_free(struct ifs_hidden_nodes **nodes_p)
{
	struct ifs_hidden_nodes *nodes = *nodes_p;
	struct ifs_hidden_node *node;
	unsigned int i;

	if (nodes == NULL)
		return;
	*nodes_p = NULL;
	for (i = 0; i < SLOTS; i++) {
		while ((node = nodes->slots[i]) != NULL) {
			nodes->slots[i] = node->next;
			free_node(node);
		}
	}
	(void)pthread_mutex_destroy(&nodes->lock);
	free(nodes);
}

/* Who calls has the lock, here and below. */
static struct ifs_hidden_node **find(struct ifs_hidden_nodes *nodes,
				     fuse_ino_t ino)
{
	struct ifs_hidden_node **p = &nodes->slots[ino % SLOTS];

	while (*p != NULL && (*p)->ino != ino)
		p = &(*p)->next;
	return p;
}

static void free_if_unused(struct ifs_hidden_node **p)
{
	struct ifs_hidden_node *node = *p;

	if (node->holds > 0 || node->lookups > 0)
		return;
	*p = node->next;
	free_node(node);
}

static unsigned int slot_of(const struct ifs_hidden_node *node)
{
	uint64_t key = (uint64_t)node->box.n * 31 + node->uid;

	return (unsigned int)((key * 31 + node->part) % SLOTS);
}

static struct ifs_hidden_node *find_same(struct ifs_hidden_nodes *nodes,
					 const struct ifs_hidden_node *node)
{
	struct ifs_hidden_node *same = nodes->slots[slot_of(node)];

	if (node->text != NULL)
		return NULL;
	while (same != NULL &&
	       (same->text != NULL || same->box.n != node->box.n ||
		same->uid != node->uid || same->part != node->part))
		same = same->next;
	return same;
}

static void insert(struct ifs_hidden_nodes *nodes, struct ifs_hidden_node *node)
{
	struct sqb_mailbox_id none = { 0 };
	unsigned int slot = slot_of(node);

	nodes->count++;
	node->ino = ifs_ino_view(IFS_VIEW_OTHER, none, 0) |
		    (nodes->count * SLOTS + slot);
	if (node->attr.st_ino == 0)
		node->attr.st_ino = node->ino;
	node->next = nodes->slots[slot];
	nodes->slots[slot] = node;
}

void ifs_hidden_node_add(struct ifs_hidden_nodes *nodes,
			 struct ifs_hidden_node *node,
			 struct fuse_entry_param *param)
{
	struct ifs_hidden_node *same;

	(void)pthread_mutex_lock(&nodes->lock);
	same = find_same(nodes, node);
	if (same == NULL) {
		insert(nodes, node);
		same = node;
	} else {
		free_node(node);
	}
	same->lookups++;
	param->ino = same->ino;
	param->attr = same->attr;
	(void)pthread_mutex_unlock(&nodes->lock);
}

struct ifs_hidden_node *ifs_hidden_node_get(struct ifs_hidden_nodes *nodes,
					    fuse_ino_t ino)
{
	struct ifs_hidden_node *node;

	(void)pthread_mutex_lock(&nodes->lock);
	node = *find(nodes, ino);
	if (node != NULL)
		node->holds++;
	(void)pthread_mutex_unlock(&nodes->lock);
	return node;
}

void ifs_hidden_node_put(struct ifs_hidden_nodes *nodes,
			 struct ifs_hidden_node **node_p)
{
	struct ifs_hidden_node *node = *node_p;

	if (node == NULL)
		return;
	*node_p = NULL;
	(void)pthread_mutex_lock(&nodes->lock);
	node->holds--;
	free_if_unused(find(nodes, node->ino));
	(void)pthread_mutex_unlock(&nodes->lock);
}

void ifs_hidden_node_forget(struct ifs_hidden_nodes *nodes, fuse_ino_t ino,
			    uint64_t lookups)
{
	struct ifs_hidden_node **p;

	(void)pthread_mutex_lock(&nodes->lock);
	p = find(nodes, ino);
	if (*p != NULL) {
		(*p)->lookups -=
			lookups < (*p)->lookups ? lookups : (*p)->lookups;
		free_if_unused(p);
	}
	(void)pthread_mutex_unlock(&nodes->lock);
}
