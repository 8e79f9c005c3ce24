/* SPDX-License-Identifier: Apache-2.0
 *
 * house.h - users and folders: which uid a role runs as, which folders there
 * are below the data directory, whose they are. Used by `init`, which makes
 * them, and `run`, which checks and opens them.
 */
#ifndef HF_PROC_HOUSE_H
#define HF_PROC_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "os/msg.h"

#define HF_UID_BASE 61300 /* + role where no user of its own exists */

struct hf_ids {
	char name[32]; /* "hf-core" */
	uid_t uid;
	gid_t gid;
	bool is_named; /* the user exists; else a fixed number is used */
};
/* Of a role; HF_ROLE_NONE = the conf child, HF_ROLE_PARENT = root. */
struct hf_ids hf_house_ids(enum hf_role r);
/* Group hf-evidence, which may read the audit log; (gid_t)-1 = none. */
gid_t hf_house_evidence(void);

struct hf_house_dir {
	const char *path; /* below the data directory, "" = itself */
	enum hf_role owner;
	mode_t mode;
	bool is_evidence; /* group hf-evidence may read */
};
extern const struct hf_house_dir hf_house_dirs[];
extern const size_t hf_nhouse_dir;

/* Makes one folder, or repairs mode and owner of one that is there (owner only
 * as root). *is_new tells. */
int hf_house_make(
    int datafd, const struct hf_house_dir *d, bool *is_new, struct hf_err *err);
/* O_DIRECTORY fd of a folder that must exist and, as root, belong to its role.
 * Negative hf_rc with what to do. */
int hf_house_open(
    int datafd, const char *data, const char *path, struct hf_err *err);

#endif
