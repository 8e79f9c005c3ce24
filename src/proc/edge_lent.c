/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_lent.c - what the parent hands an edge besides its own folder: the
 * socket of the zone's broker, the character device of its serial line, the
 * drop folders of its devices (proc/parent_edge.c says how they come here).
 *
 * A device whose folder or line is missing, or closed to this user, is not
 * opened; its state says what to do. The parent starts this edge anew when that
 * was done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "bus/brokerconf.h"
#include "proc/edge.h"

const char *
edge_broker(void *arg)
{
	struct edge *e = arg;
	char dir[192];

	if (!hf_plant_has_broker(e->ctx.plant, e->edge->zone_idx) ||
	    hf_role_path(&e->ctx, "dir.broker", dir, sizeof(dir), NULL) !=
		HF_OK)
		return NULL;
	snprintf(
	    e->broker_path, sizeof(e->broker_path), "%s/" HF_BROKER_SOCK, dir);
	return e->broker_path;
}

static bool
uses_folder(const struct hf_device *d)
{
	return d->kind != NULL && (d->kind->flags & HF_KIND_FOLDER) != 0;
}

/* Folders are numbered as the parent counted them. */
static int
find_folder(
    const struct edge *e, const struct hf_plant *p, uint32_t idx, int *why)
{
	uint32_t edge = (uint32_t)(e->edge - p->edges), i;
	char name[32];
	unsigned n = 0;
	int fd;

	for (i = 0; i < idx; i++)
		n += p->devices[i].edge_idx == edge &&
		     uses_folder(&p->devices[i]);
	if (n >= HF_ROLE_NFOLDER) {
		*why = EMFILE;
		return -1;
	}
	snprintf(name, sizeof(name), "dir.drop.%u", n);
	fd = hf_role_dir_fd(&e->ctx, name, why);
	if (fd >= 0 &&
	    faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
		*why = errno;
		return -1;
	}
	return fd;
}

int
edge_folder(void *arg, uint32_t device_idx)
{
	struct edge *e = arg;
	int why;

	return find_folder(e, e->ctx.plant, device_idx, &why);
}

static int
find_line(const struct edge *e, int *why)
{
	char path[192];

	if (hf_role_dir_fd(&e->ctx, "file.serial", why) < 0)
		return -1;
	hf_strcpy(path, sizeof(path), edge_serial((void *)(uintptr_t)e, 0));
	if (access(path, R_OK | W_OK) == 0)
		return 0;
	*why = errno;
	return -1;
}

const char *
edge_serial(void *arg, uint32_t device_idx)
{
	struct edge *e = arg;

	(void)device_idx; /* an edge has one line */
	if (e->edge->serial == NULL)
		return NULL;
	return (e->ctx.sandbox.have & HF_LAYER_ROOT) != 0 ? "/serial"
							  : e->edge->serial;
}

int
edge_has_lent(
    struct edge *e, const struct hf_plant *p, uint32_t idx, struct hf_err *err)
{
	const struct hf_device *d = &p->devices[idx];
	char *path;
	int why = 0;

	if (uses_folder(d) && find_folder(e, p, idx, &why) < 0) {
		memcpy(&path, d->conf, sizeof(path));
		if (why == EMFILE)
			return HF_FAIL(err, HF_ELIMIT,
			    "folder %s: an edge uses %d drop folders at most; "
			    "let devices share one by their pattern",
			    path, HF_ROLE_NFOLDER);
		if (why == ENOENT)
			return HF_FAIL(err, HF_ENOTFOUND,
			    "folder %s is not there, or root may not walk to "
			    "it; make it: it is taken up by itself",
			    path);
		return HF_FAIL(err, HF_EDENIED,
		    "folder %s: %s for uid %u (hf-edge); `chgrp %u` and "
		    "`chmod g+rwx` let it in: it is taken up by itself",
		    path, strerror(why), (unsigned)geteuid(),
		    (unsigned)getegid());
	}
	if (e->edge->serial != NULL && find_line(e, &why) < 0) {
		if (why == ENOENT)
			return HF_FAIL(err, HF_ENOTFOUND,
			    "line %s is not there; plug it in: it is taken up "
			    "by itself",
			    e->edge->serial);
		return HF_FAIL(err, HF_EDENIED,
		    "line %s: %s for uid %u (hf-edge); its group must be "
		    "allowed to read and write",
		    e->edge->serial, strerror(why), (unsigned)geteuid());
	}
	return HF_OK;
}
