/* SPDX-License-Identifier: MIT */
/* Copyright (c) 2026 the sqbox authors */
/*
 * main() of a fuzzer that is built without libFuzzer: [FILE or DIR ...], by
 * default those in tests/data/FUZZ_CORPUS.  Each file goes in as it is, and,
 * with no arguments, damaged at random besides; SQBOX_TEST_SEED repeats a run.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/mem.h"

#ifndef FUZZ_CORPUS
#define FUZZ_CORPUS "mail"
#endif
#ifndef FUZZ_DAMAGED
#define FUZZ_DAMAGED 40 /* times each file */
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int count;
static unsigned short state[3];
static bool damage_too;

static long below(long n)
{
	return nrand48(state) % n;
}

/* Octets changed, a stretch left out, a stretch twice, or the end cut off. */
static size_t damage(uint8_t *data, size_t size)
{
	size_t from = (size_t)below((long)size);
	size_t len = (size_t)below((long)(size - from)) / 4 + 1;
	long i;

	switch (below(4)) {
	case 0:
		for (i = below(20); i >= 0; i--)
			data[below((long)size)] = (uint8_t)below(256);
		return size;
	case 1:
		memmove(data + from, data + from + len, size - from - len);
		return size - len;
	case 2:
		memmove(data + from + len, data + from, size - from - len);
		return size;
	default:
		return from;
	}
}

static void run(const uint8_t *data, size_t size)
{
	unsigned int i;
	uint8_t *copy;

	(void)LLVMFuzzerTestOneInput(data, size);
	count++;
	for (i = 0; damage_too && size > 0 && i < FUZZ_DAMAGED; i++) {
		copy = sqb_xmemdup(data, size);
		(void)LLVMFuzzerTestOneInput(copy, damage(copy, size));
		free(copy);
	}
}

static void run_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = sqb_xmalloc(size + 1);

	if (file == NULL || fread(data, 1, size, file) != size) {
		perror(path);
		exit(1);
	}
	(void)fclose(file);
	run(data, size);
	free(data);
}

static void run_path(const char *path)
{
	struct dirent *entry;
	struct stat info;
	char *below_it;
	DIR *dir;

	if (stat(path, &info) < 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(info.st_mode)) {
		run_file(path, (size_t)info.st_size);
		return;
	}
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		below_it = sqb_xasprintf("%s/%s", path, entry->d_name);
		run_path(below_it);
		free(below_it);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

int main(int argc, char *argv[])
{
	const char *text = getenv("SQBOX_TEST_SEED");
	const char *top = getenv("SQBOX_SRCDIR");
	unsigned long seed = (unsigned long)time(NULL);
	char *path;
	int i;

	if (text != NULL)
		seed = strtoul(text, NULL, 10);
	for (i = 0; i < 3; i++)
		state[i] = (unsigned short)(seed >> (16 * i));
	for (i = 1; i < argc; i++)
		run_path(argv[i]);
	if (argc == 1) {
		printf("SQBOX_TEST_SEED=%lu\n", seed);
		(void)fflush(stdout);
		damage_too = true;
		path = sqb_xasprintf("%s/tests/data/" FUZZ_CORPUS,
				     top == NULL ? "." : top);
		run_path(path);
		free(path);
	}
	printf("%u files\n", count);
	return count > 0 ? 0 : 1;
}
