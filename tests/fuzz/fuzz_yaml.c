/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_yaml.c - plant.yaml from anywhere: read, checked; what is accepted must
 * print and read again to the same hash. The plant's directory is a
 * memory-backed scratch folder with one file.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/plant_kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char dir[] = "/dev/shm/hf-fuzz.XXXXXX";
static int dirfd_ = -1;

static void
clean_up(void)
{
	unlinkat(dirfd_, "plant.yaml", 0);
	rmdir(dir);
}

static void
put(const void *p, size_t n)
{
	int fd =
	    openat(dirfd_, "plant.yaml", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	close(fd);
}

static void
on_finding(void *arg, const struct hf_finding *f)
{
	size_t *n = arg;

	if (f->text == NULL || f->text[0] == '\0' || f->line < 0)
		abort();
	(*n)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct hf_plant *p = NULL, *q = NULL;
	struct hf_buf b;
	size_t nfound = 0;
	int rc;

	if (dirfd_ < 0) {
		if (mkdtemp(dir) == NULL)
			abort();
		dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
		atexit(clean_up);
	}
	put(in, n);
	rc =
	    hf_conf_load(dirfd_, &test_registry, on_finding, &nfound, &p, NULL);
	if (rc != HF_OK) {
		if (nfound == 0)
			abort(); /* refused without a word */
		return 0;
	}
	hf_buf_init(&b, 64u << 20);
	if (hf_conf_print(p, &b, NULL) != HF_OK)
		abort();
	put(b.p, b.len);
	if (hf_conf_load(dirfd_, &test_registry, on_finding, &nfound, &q,
		NULL) != HF_OK ||
	    memcmp(p->hash, q->hash, sizeof(p->hash)) != 0)
		abort();
	hf_buf_fini(&b);
	hf_plant_free(p);
	hf_plant_free(q);
	return 0;
}
