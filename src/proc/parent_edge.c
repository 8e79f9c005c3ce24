/* SPDX-License-Identifier: Apache-2.0
 *
 * parent_edge.c - what of the host an edge is lent: the character device of its
 * serial line, the drop folders of its devices.
 *
 * They belong to the plant's owner, so nothing is made and no mode is changed.
 * Each is opened by its path in the launcher and shown in edge's root, as
 * /serial and /drop/N; N counts the devices of that edge that use a folder, in
 * the order of plant->devices, so edge finds its own without a path. A line
 * brings the group of its device along (dialout), if that group may use it.
 * What is missing, or what edge may not open, is told by edge as the state of
 * the device.
 *
 * A line that is unplugged and comes back is another file under the same name;
 * a folder may be made, or its mode be changed, while the plant runs. Once a
 * second the parent looks at both from outside (stat) and starts the edge anew
 * when they look different twice in a row.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "model/plant.h"
#include "os/proc.h"
#include "proc/parent.h"
#include "proc/wires.h"

/* The folder that device i of the plant uses in edge `edge`, or NULL. */
static const char *
folder_of(const struct hf_plant *p, size_t i, size_t edge)
{
	const struct hf_device *d = &p->devices[i];
	char *path;

	if (d->edge_idx != edge || d->kind == NULL || d->conf == NULL ||
	    (d->kind->flags & HF_KIND_FOLDER) == 0)
		return NULL;
	memcpy(&path, d->conf, sizeof(path));
	return path;
}

static void
give(struct hf_role_args *a, const char *kind, const char *name, int fd)
{
	struct hf_role_fd *f;
	int tree;

	if (fd < 0 || a->nfd + 2 > HF_ROLE_NFD)
		return;
	f = &a->fds[a->nfd++];
	snprintf(f->name, sizeof(f->name), "%s.%s", kind, name);
	f->fd = fd;
	tree = hf_tree_clone(fd);
	if (tree <= 0)
		return;
	f = &a->fds[a->nfd++];
	snprintf(f->name, sizeof(f->name), "tree.%s", name);
	f->fd = tree;
}

/* Opening a line for real may move its modem wires: O_PATH does not. */
static void
give_line(const char *path, struct hf_role_args *a)
{
	struct stat st;
	int fd;

	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode)) {
		close(fd);
		return;
	}
	if (a->uid != (uid_t)-1 && st.st_gid != 0 &&
	    (st.st_mode & (S_IRGRP | S_IWGRP)) == (S_IRGRP | S_IWGRP))
		a->evidence_gid = st.st_gid;
	give(a, "file", "serial", fd);
}

static int
open_folder(const char *path)
{
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* a folder that only edge may read is enough for a mount */
	return fd >= 0 || errno != EACCES
		   ? fd
		   : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void
lend_give(const struct inst *in, struct hf_role_args *a)
{
	const struct hf_plant *p = in->p->now.plant;
	const struct hf_edge *e = &p->edges[in->zone - 1];
	unsigned n = 0;
	char name[32];
	size_t i;

	if (e->serial != NULL)
		give_line(e->serial, a);
	for (i = 0; i < p->ndevice; i++) {
		const char *path = folder_of(p, i, in->zone - 1u);

		if (path == NULL || n == HF_ROLE_NFOLDER)
			continue;
		snprintf(name, sizeof(name), "drop.%u", n++);
		give(a, "dir", name, open_folder(path));
	}
}

/* ---- did it change? */

/* The print so far and what stands at path now. */
static uint64_t
look(uint64_t print, const char *path)
{
	struct {
		uint64_t print, dev, ino, rdev;
		uint64_t mode, uid, gid;
	} seen = {.print = print};
	uint8_t hash[HF_SHA256_LEN];
	struct stat st;

	if (stat(path, &st) == 0) {
		seen.dev = st.st_dev;
		seen.ino = st.st_ino;
		seen.rdev = st.st_rdev;
		seen.mode = st.st_mode;
		seen.uid = st.st_uid;
		seen.gid = st.st_gid;
	}
	hf_sha256_of(&seen, sizeof(seen), hash);
	memcpy(&print, hash, sizeof(print));
	return print;
}

uint64_t
lend_print(const struct inst *in)
{
	const struct hf_plant *p = in->p->now.plant;
	const struct hf_edge *e = &p->edges[in->zone - 1];
	uint64_t print = 0;
	size_t i;

	if (e->serial != NULL)
		print = look(print, e->serial);
	for (i = 0; i < p->ndevice; i++) {
		const char *path = folder_of(p, i, in->zone - 1u);

		if (path != NULL)
			print = look(print, path);
	}
	return print;
}

/* Folder after folder, in the order in which they are numbered. */
static size_t
next_folder(const struct hf_plant *p, size_t i, size_t edge, const char **path)
{
	for (*path = NULL; i < p->ndevice; i++) {
		*path = folder_of(p, i, edge);
		if (*path != NULL)
			break;
	}
	return i;
}

bool
lend_same(const struct hf_plant *a, const struct hf_plant *b, size_t edge)
{
	const char *x = a->edges[edge].serial, *y = b->edges[edge].serial;
	size_t i = 0, k = 0;

	if ((x == NULL) != (y == NULL) || (x != NULL && strcmp(x, y) != 0))
		return false;
	for (;; i++, k++) {
		i = next_folder(a, i, edge, &x);
		k = next_folder(b, k, edge, &y);
		if (x == NULL || y == NULL)
			return x == y;
		if (strcmp(x, y) != 0)
			return false;
	}
}

void
lend_tick(struct parent *p)
{
	struct inst *in;
	uint64_t now;
	size_t i;

	if (p->reload.step != RELOAD_IDLE || p->stop_step != 0)
		return;
	for (i = 0; i < p->nstarted; i++) {
		in = &p->inst[i];
		if (in->role != HF_ROLE_EDGE || in->lent == 0 ||
		    !inst_is_up(in))
			continue;
		now = lend_print(in);
		if (now != in->lent && now == in->lent_seen)
			inst_renew(in, "its line or one of its folders came, "
				       "went or changed");
		in->lent_seen = now;
	}
}
