/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef IFS_REPLICA_H
#define IFS_REPLICA_H

#include <sys/ioctl.h>

#include "fuse/fs.h"

/*
 * A mounted account elsewhere: the engine that keeps its replica in step
 * (fuse/remote/), as the mount uses it.
 *
 * A request that waits for the network has a thread of the session's as long,
 * and holds no lock of fs.h.  So their number is bounded: others are served
 * whatever the network does.  Each wait has a deadline, and ends when its
 * program is interrupted or the mount ends.
 */
struct ifs_replica;

/* As many threads as there may be, and how many of them may wait. */
#define IFS_REPLICA_THREADS_MAX 512
#define IFS_REPLICA_WAITING_MAX 448

/*
 * Start it; secret is copied.  The first time it has to know that it can log
 * in, and that is waited for; later it starts without a connection, too.
 * 0, or an exit code of sysexits.h, and *error_r is a sentence to free().
 */
int ifs_replica_start(struct ifs_fs *fs, const char *secret, char **error_r);
void ifs_replica_stop(struct ifs_fs *fs);

/* A request of this mount has changed the store. */
void ifs_replica_changed(struct ifs_fs *fs);

/* Lines for .imapfs/status, to free(); NULL: this is no account elsewhere. */
char *ifs_replica_status(struct ifs_fs *fs);

/* How many requests wait for the server, for .imapfs/status. */
unsigned int ifs_replica_waiting(struct ifs_fs *fs);

/*
 * A message is about to be opened: wait until it is here, and the kernel knows
 * its size.  The reader then finds its end where it is, though its server may
 * have told a wrong size of it.  An errno value.
 */
int ifs_replica_need(fuse_req_t req, fuse_ino_t ino);

/*
 * What a request needed is absent (ret is EHOSTDOWN, ifs-error.h): wait until
 * it is here.  ino: the message, or what below .imapfs is made from it.
 * true: try again.  false: *ret is what to answer.
 */
bool ifs_replica_fetch(fuse_req_t req, fuse_ino_t ino, int *ret);

/*
 * With -o sync: wait until the server has what was changed; ino: the file that
 * was written.  An errno value; EREMOTEIO: the server has refused it.
 */
int ifs_replica_sent(fuse_req_t req, fuse_ino_t ino);

/*
 * imapfs sync: an ioctl(2) of .imapfs/status, which is its owner's alone and
 * can be opened in a read-only mount, too.  IFS_SYNC_WAIT fails with EAGAIN as
 * long as it goes on; EOPNOTSUPP: no account elsewhere is mounted.
 */
#define IFS_SYNC _IO('i', 1)
#define IFS_SYNC_WAIT _IO('i', 2)
#define IFS_SYNC_RETRY _IO('i', 3)
void ifs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int command, void *arg,
	       struct fuse_file_info *fi, unsigned int flags, const void *in,
	       size_t in_size, size_t out_size);

#endif
