/* SPDX-License-Identifier: Apache-2.0
 *
 * conf.c - the short-lived child that alone reads YAML and CSV.
 *
 * Started by the parent for each (re)load, with dir.plant (the plant's
 * directory) and dir.pki (certificates), both read-only, and three memory files
 * of the parent: out, report, certs. It gives up everything, reads the plant,
 * and writes the packed form to out; to certs HF_PLANT_NZONE times an int64
 * (conf_certs.h); every finding becomes one line of report, "file:line:col:
 * text".
 * Exit code: HF_RX_OK = out holds a plant, HF_RX_FOUND = the report says what
 * is wrong, HF_RX_SANDBOX = a layer is missing. It speaks on no wire.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bus/topic.h"
#include "conf/conf.h"
#include "field/driver.h"
#include "proc/conf_certs.h"
#include "proc/role.h"

#define CONF_MEMORY (INT64_C(2) << 30) /* bytes of address space */
#define CONF_FILES 32
#define NCALLS_MAX 256

static void
say(void *arg, const struct hf_finding *f)
{
	const int *fd = arg;

	if (f->line > 0)
		dprintf(*fd, "%s:%d:%d: %s%s\n", f->file, f->line, f->col,
		    f->is_warning ? "warning: " : "", f->text);
	else
		dprintf(*fd, "%s: %s%s\n", f->file,
		    f->is_warning ? "warning: " : "", f->text);
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t k;

	while (n > 0) {
		k = write(fd, p, n);
		if (k <= 0)
			return HF_EIO;
		p += k;
		n -= (size_t)k;
	}
	return HF_OK;
}

static void
check_devices(
    void *arg, const struct hf_plant *p, hf_plant_report *to, void *to_arg)
{
	hf_drivers_check(p, to, to_arg, NULL);
	hf_topics_check(p, to, to_arg);
}

/* Plant directory -> packed plant in out. */
static int
load(const struct hf_role_args *a, int dir, int out, int report,
    struct hf_err *err)
{
	int64_t ends[HF_PLANT_NZONE];
	int certs = hf_role_fd(a, "certs");
	const struct hf_conf_extra extra = {.check = check_devices};
	struct hf_plant *plant = NULL;
	struct hf_buf b;
	int rc;

	rc = hf_conf_load_with(
	    dir, &hf_registry, &extra, say, &report, &plant, err);
	if (rc != HF_OK)
		return rc;
	hf_buf_init(&b, HF_PLANT_BYTES);
	rc = hf_plant_pack(plant, &b, err);
	if (rc == HF_OK && write_all(out, b.p, b.len) != HF_OK)
		rc = HF_FAIL(err, HF_EIO, "writing the packed plant");
	hf_buf_fini(&b);
	if (rc == HF_OK && certs >= 0) {
		conf_cert_ends(hf_role_fd(a, "dir.pki"), plant, ends);
		rc = write_all(certs, (const uint8_t *)ends, sizeof(ends));
	}
	hf_plant_free(plant);
	return rc;
}

static int
promise(const struct hf_role_args *a, int dir, struct hf_err *err)
{
	int calls[NCALLS_MAX];
	const int tree[2] = {
	    hf_role_fd(a, "tree.plant"), hf_role_fd(a, "tree.pki")};
	const struct hf_sandbox_dir dirs[2] = {
	    {.fd = dir, .at = "plant", .tree = tree[0] > 0 ? tree[0] : 0},
	    {.fd = hf_role_fd(a, "dir.pki"),
		.at = "pki",
		.is_optional = true,
		.tree = tree[1] > 0 ? tree[1] : 0}};
	const struct hf_sandbox s = {.role = "conf",
	    .mandatory = HF_LAYER_UID | HF_LAYER_NNP | HF_LAYER_NET |
			 HF_LAYER_ROOT | HF_LAYER_SECCOMP | HF_LAYER_RLIMIT,
	    .uid = a->uid,
	    .gid = a->gid,
	    .dirs = dirs,
	    .ndir = dirs[1].fd >= 0 ? 2 : 1,
	    .syscalls = calls,
	    .nsyscall = hf_ncalls_base + hf_ncalls_file,
	    .max_memory_bytes = CONF_MEMORY,
	    .max_files = CONF_FILES,
	    .host_netns = a->host_netns,
	    .host_mntns = a->host_mntns};
	struct hf_sandbox_state st;

	if (s.nsyscall > NCALLS_MAX)
		return HF_FAIL(err, HF_ELIMIT, "list of calls");
	memcpy(calls, hf_calls_base, hf_ncalls_base * sizeof(calls[0]));
	memcpy(calls + hf_ncalls_base, hf_calls_file,
	    hf_ncalls_file * sizeof(calls[0]));
	return hf_sandbox_enter(&s, a->is_insecure, &st, err);
}

int
hf_role_conf(const struct hf_role_args *a)
{
	int dir = hf_role_fd(a, "dir.plant"), out = hf_role_fd(a, "out");
	int report = hf_role_fd(a, "report"), rc;
	struct hf_err err = {0};

	hf_log_init("conf", STDERR_FILENO, (enum hf_log_level)a->log_level);
	if (dir < 0 || out < 0 || report < 0) {
		log_error("conf", "started without its descriptors");
		return HF_RX_FAILED;
	}
	rc = promise(a, dir, &err);
	if (rc != HF_OK) {
		dprintf(report, "conf: %s\n", err.msg);
		return rc == HF_EDENIED ? HF_RX_SANDBOX : HF_RX_FAILED;
	}
	rc = load(a, dir, out, report, &err);
	if (rc != HF_OK)
		dprintf(report, "%s\n", err.msg);
	return rc == HF_OK ? HF_RX_OK : HF_RX_FOUND;
}
