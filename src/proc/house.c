/* SPDX-License-Identifier: Apache-2.0
 *
 * house.c - the table of users and folders (house.h).
 *
 * Folders that only hold others belong to root and may be walked through
 * (0711); a role's own folder is closed to everybody else (0700). state.db has
 * a folder of its own, since SQLite keeps its write-ahead log beside it.
 * Zones' spool folders are made by `run`, which knows the zones.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/house.h"

const struct hf_house_dir hf_house_dirs[] = {
    {.path = "", .owner = HF_ROLE_PARENT, .mode = 0711},
    {.path = "log", .owner = HF_ROLE_CORE, .mode = 0700},
    {.path = "hist", .owner = HF_ROLE_CORE, .mode = 0700},
    {.path = "state", .owner = HF_ROLE_CORE, .mode = 0700},
    {.path = "detect", .owner = HF_ROLE_CORE, .mode = 0700},
    {.path = "audit",
	.owner = HF_ROLE_AUDIT,
	.mode = 0700,
	.is_evidence = true},
    {.path = "spool", .owner = HF_ROLE_PARENT, .mode = 0711},
    {.path = "pki", .owner = HF_ROLE_PARENT, .mode = 0755},
    {.path = "pki/own", .owner = HF_ROLE_PARENT, .mode = 0755},
    {.path = "pki/clients", .owner = HF_ROLE_PARENT, .mode = 0700},
    {.path = "keys", .owner = HF_ROLE_PARENT, .mode = 0711},
    {.path = "keys/audit", .owner = HF_ROLE_AUDIT, .mode = 0700},
    {.path = "keys/ca", .owner = HF_ROLE_PARENT, .mode = 0700},
    {.path = "keys/web", .owner = HF_ROLE_WEB, .mode = 0700},
    {.path = "keys/broker", .owner = HF_ROLE_PARENT, .mode = 0700},
};
const size_t hf_nhouse_dir = sizeof(hf_house_dirs) / sizeof(hf_house_dirs[0]);

struct hf_ids
hf_house_ids(enum hf_role r)
{
	struct hf_ids ids = {0};
	const struct passwd *pw;

	if (r == HF_ROLE_PARENT) {
		snprintf(ids.name, sizeof(ids.name), "root");
		ids.is_named = true;
		return ids;
	}
	snprintf(ids.name, sizeof(ids.name), "hf-%s",
	    r == HF_ROLE_NONE ? "conf" : hf_role_name(r));
	pw = getpwnam(ids.name);
	ids.is_named = pw != NULL;
	ids.uid = HF_UID_BASE + (r == HF_ROLE_NONE ? HF_NROLE : (uid_t)r);
	ids.gid = (gid_t)ids.uid;
	if (pw != NULL) {
		ids.uid = pw->pw_uid;
		ids.gid = pw->pw_gid;
	}
	return ids;
}

gid_t
hf_house_evidence(void)
{
	const struct group *gr = getgrnam("hf-evidence");

	return gr != NULL ? gr->gr_gid : (gid_t)-1;
}

static int
own(int fd, const struct hf_house_dir *d, struct hf_err *err)
{
	struct hf_ids ids = hf_house_ids(d->owner);
	mode_t mode = d->mode;
	gid_t gid = ids.gid;

	if (d->is_evidence && hf_house_evidence() != (gid_t)-1) {
		gid = hf_house_evidence();
		mode |= S_IRGRP | S_IXGRP | S_ISGID;
	}
	if (geteuid() == 0 && fchown(fd, ids.uid, gid) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "%s: chown to "
		    "%s: %s",
		    d->path, ids.name, strerror(errno));
	if (fchmod(fd, mode) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: chmod: %s",
		    d->path, strerror(errno));
	return HF_OK;
}

int
hf_house_make(
    int datafd, const struct hf_house_dir *d, bool *is_new, struct hf_err *err)
{
	const char *path = d->path[0] != '\0' ? d->path : ".";
	int fd, rc;

	*is_new = mkdirat(datafd, path, 0700) == 0;
	if (!*is_new && errno != EEXIST)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", path,
		    strerror(errno));
	fd = openat(
	    datafd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", path,
		    strerror(errno));
	rc = own(fd, d, err);
	close(fd);
	return rc;
}

static const struct hf_house_dir *
find_dir(const char *path)
{
	size_t i;

	for (i = 0; i < hf_nhouse_dir; i++)
		if (strcmp(hf_house_dirs[i].path, path) == 0)
			return &hf_house_dirs[i];
	return NULL;
}

int
hf_house_open(
    int datafd, const char *data, const char *path, struct hf_err *err)
{
	const struct hf_house_dir *d = find_dir(path);
	struct hf_ids ids;
	struct stat st;
	int fd;

	fd = openat(datafd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "%s/%s: %s; `holdfast init --data %s` makes it", data, path,
		    strerror(errno), data);
	if (d == NULL || geteuid() != 0 || fstat(fd, &st) != 0)
		return fd;
	ids = hf_house_ids(d->owner);
	if (st.st_uid != ids.uid) {
		close(fd);
		return HF_FAIL(err, HF_EDENIED,
		    "%s/%s belongs to uid %u, but "
		    "its role runs as %s (uid %u); `chown -R` gives it the "
		    "folder and its files, `holdfast init --data %s` the "
		    "folder alone",
		    data, path, (unsigned)st.st_uid, ids.name,
		    (unsigned)ids.uid, data);
	}
	return fd;
}
