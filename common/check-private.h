/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
#ifndef SQB_CHECK_PRIVATE_H
#define SQB_CHECK_PRIVATE_H

/*
 * The queries of the check, each list ending with NULL.  Every row is one
 * problem, its only column the sentence that says so.
 */
extern const char *const sqb_check_account[];
/* ?1: the id of a mailbox; the sentence is put behind its name. */
extern const char *const sqb_check_mailbox[];
extern const char *const sqb_check_references[];

#endif
