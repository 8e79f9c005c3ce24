/* SPDX-License-Identifier: Apache-2.0
 *
 * blackbox.c - whose bytes edge is parsing, kept where a crash cannot reach it.
 *
 * File `blackbox`, 8192 bytes, mapped MAP_SHARED, so that the kernel keeps it
 * when the process is killed:
 *    0  u32  magic 0x42424648 ("HFBB")
 *    4  u32  is_busy: 1 while the input below is being parsed
 *    8  u32  n, bytes of input kept (<= HF_BLACKBOX_INPUT)
 *   12  char device[80], NUL-terminated
 *  128  ...  the input
 * File `deaths`: one line "<count> <device>" per device, replaced atomically.
 * File `quarantine-<device>.bin`: the input of the last death, as it came.
 *
 * Written in native byte order: the files never leave the machine. Contents are
 * hostile (a dying process wrote them): every length and name is checked.
 */
#include "field/blackbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "os/file.h"

#define BOX_MAGIC 0x42424648u
#define BOX_BYTES 8192
#define BOX_INPUT_OFF 128
#define NDEVICE_MAX 1024 /* devices that ever killed an edge */
#define DEATHS_BYTES (NDEVICE_MAX * 80)

struct box {
	uint32_t magic;
	_Atomic uint32_t is_busy;
	uint32_t n;
	char device[80];
};

struct deaths {
	char device[80];
	int count;
};

struct hf_blackbox {
	int dirfd;
	struct box *box; /* mapped, BOX_BYTES */
	struct deaths dead[NDEVICE_MAX];
	size_t ndead;
	char last[80];
};

/* Index of the device among those that killed an edge; ndead if it did not. */
static size_t
find(const struct hf_blackbox *b, const char *device)
{
	size_t i;

	for (i = 0; i < b->ndead; i++)
		if (strcmp(b->dead[i].device, device) == 0)
			break;
	return i;
}

static int
save_deaths(struct hf_blackbox *b, struct hf_err *err)
{
	struct hf_buf out;
	size_t i;
	int rc;

	hf_buf_init(&out, DEATHS_BYTES + 1);
	for (i = 0; i < b->ndead; i++)
		hf_buf_printf(
		    &out, "%d %s\n", b->dead[i].count, b->dead[i].device);
	rc = hf_buf_ok(&out) ? hf_file_replace(b->dirfd, "deaths",
				   out.p == NULL ? (const void *)"" : out.p,
				   out.len, 0600, err)
			     : HF_FAIL(err, HF_ENOMEM, "deaths");
	hf_buf_fini(&out);
	return rc;
}

static void
parse_deaths(struct hf_blackbox *b, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL) {
		struct deaths d = {.count = 0};
		char *name = strchr(line, ' ');

		if (name == NULL || !hf_name_ok(name + 1) ||
		    b->ndead == NDEVICE_MAX)
			continue;
		d.count = line[0] >= '1' && line[0] <= '9' ? line[0] - '0' : 0;
		hf_strcpy(d.device, sizeof(d.device), name + 1);
		if (d.count > 0)
			b->dead[b->ndead++] = d;
	}
}

static int
load_deaths(struct hf_blackbox *b, struct hf_err *err)
{
	struct hf_buf in;
	char *text;
	int rc;

	hf_buf_init(&in, DEATHS_BYTES + 1);
	rc = hf_file_read(b->dirfd, "deaths", DEATHS_BYTES, &in, err);
	if (rc == HF_OK && in.len > 0) {
		text = strndup((const char *)in.p, in.len);
		if (text != NULL)
			parse_deaths(b, text);
		free(text);
	}
	hf_buf_fini(&in);
	return rc == HF_ENOTFOUND ? HF_OK : rc;
}

/* An earlier edge died while it parsed: keep the input, count the death. */
static int
take_death(struct hf_blackbox *b, struct hf_err *err)
{
	struct hf_err why = {.rc = HF_OK};
	const uint8_t *input = (const uint8_t *)b->box + BOX_INPUT_OFF;
	uint32_t n = b->box->n;
	struct deaths *d;
	char name[128];
	size_t i;
	int rc;

	b->box->device[sizeof(b->box->device) - 1] = '\0';
	if (n > HF_BLACKBOX_INPUT || !hf_name_ok(b->box->device))
		return HF_OK; /* a damaged mark names nobody */
	hf_strcpy(b->last, sizeof(b->last), b->box->device);
	i = find(b, b->last);
	if (i == NDEVICE_MAX)
		return HF_FAIL(err, HF_ELIMIT, "%d devices died", NDEVICE_MAX);
	d = &b->dead[i];
	if (i == b->ndead) {
		b->ndead++;
		*d = (struct deaths){.count = 0};
		hf_strcpy(d->device, sizeof(d->device), b->last);
	}
	if (d->count < 9)
		d->count++;
	snprintf(name, sizeof(name), "quarantine-%s.bin", b->last);
	log_warn("edge",
	    "the process before died while it parsed %u bytes of "
	    "device %s (death %d); the input is kept in %s",
	    n, b->last, d->count, name);
	/* A full disk must not keep the zone from starting. */
	rc = hf_file_replace(b->dirfd, name, input, n, 0600, &why);
	if (rc == HF_OK)
		rc = save_deaths(b, &why);
	if (rc != HF_OK)
		log_error("edge", "not kept: %s", why.msg);
	return HF_OK;
}

static int
map_box(struct hf_blackbox *b, struct hf_err *err)
{
	int fd = openat(b->dirfd, "blackbox",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int flags = MAP_SHARED;
	void *p;

	if (fd < 0)
		return HF_FAIL(err, HF_EIO, "blackbox: %s", strerror(errno));
	if (ftruncate(fd, BOX_BYTES) != 0) {
		close(fd);
		return HF_FAIL(err, hf_rc_from_errno(errno), "blackbox: %s",
		    strerror(errno));
	}
	/* A hole in the file that the disk cannot fill would end us at the
	 * first write (SIGBUS): then the box is in memory only and tells
	 * nothing. */
	if (hf_io_get()->fallocate(fd, 0, 0, BOX_BYTES) != 0 &&
	    errno == ENOSPC) {
		log_error("edge", "blackbox: %s; deaths are not counted",
		    strerror(errno));
		flags = MAP_PRIVATE | MAP_ANONYMOUS;
	}
	p = mmap(NULL, BOX_BYTES, PROT_READ | PROT_WRITE, flags,
	    flags == MAP_SHARED ? fd : -1, 0);
	close(fd);
	if (p == MAP_FAILED)
		return HF_FAIL(err, HF_ENOMEM, "blackbox: %s", strerror(errno));
	b->box = p;
	return HF_OK;
}

int
hf_blackbox_open(int dirfd, struct hf_blackbox **out, struct hf_err *err)
{
	struct hf_blackbox *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return HF_FAIL(err, HF_ENOMEM, "blackbox");
	b->dirfd = dirfd;
	rc = load_deaths(b, err);
	if (rc == HF_OK)
		rc = map_box(b, err);
	if (rc == HF_OK && b->box->magic == BOX_MAGIC &&
	    atomic_load(&b->box->is_busy) != 0)
		rc = take_death(b, err);
	if (rc != HF_OK) {
		hf_blackbox_close(b);
		return rc;
	}
	atomic_store(&b->box->is_busy, 0);
	b->box->magic = BOX_MAGIC;
	*out = b;
	return HF_OK;
}

void
hf_blackbox_close(struct hf_blackbox *b)
{
	if (b == NULL)
		return;
	if (b->box != NULL)
		munmap(b->box, BOX_BYTES);
	free(b);
}

void
hf_blackbox_begin(
    struct hf_blackbox *b, const char *device, const void *p, size_t n)
{
	if (n > HF_BLACKBOX_INPUT)
		n = HF_BLACKBOX_INPUT;
	b->box->n = (uint32_t)n;
	hf_strcpy(b->box->device, sizeof(b->box->device), device);
	memcpy((uint8_t *)b->box + BOX_INPUT_OFF, p, n);
	atomic_store(&b->box->is_busy, 1);
}

void
hf_blackbox_end(struct hf_blackbox *b)
{
	atomic_store(&b->box->is_busy, 0);
}

int
hf_blackbox_deaths(const struct hf_blackbox *b, const char *device)
{
	size_t i = find(b, device);

	return i == b->ndead ? 0 : b->dead[i].count;
}

bool
hf_blackbox_is_quarantined(const struct hf_blackbox *b, const char *device)
{
	return hf_blackbox_deaths(b, device) >= HF_BLACKBOX_DEATHS;
}

const char *
hf_blackbox_last_death(const struct hf_blackbox *b)
{
	return b->last[0] == '\0' ? NULL : b->last;
}

int
hf_blackbox_release(struct hf_blackbox *b, size_t *n, struct hf_err *err)
{
	size_t i;

	*n = 0;
	for (i = 0; i < b->ndead; i++)
		*n += b->dead[i].count >= HF_BLACKBOX_DEATHS;
	b->ndead = 0;
	return save_deaths(b, err);
}
