/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - `holdfast check`: every error of the configuration, and the load
 * that it will put on each device. Reads files only; nothing is contacted.
 *
 * --json: {"ok":bool,"errors":[{"file","line","col","severity","text"}],
 *	"devices":[{"device","tags","requests_per_s","budget_per_s"}],
 *	"hash":"hex or empty"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "proc/wires.h"

struct check {
	struct hf_found found;
	struct hf_jw w;
	struct hf_buf devices; /* JSON array of devices and their loads */
	struct hf_jw devices_w;
};

/* Devices and their loads are kept here while the plant is at hand: if the
 * drivers object, there is no plant afterwards. */
static void
on_plant(void *arg, const struct hf_plant *p, hf_plant_report *report,
    void *report_arg)
{
	struct check *c = arg;
	double *hz = calloc(p->ndevice + 1, sizeof(*hz));
	uint32_t i;

	hf_conf_check_devices(hz, p, report, report_arg);
	for (i = 0; hz != NULL && i < p->ndevice; i++) {
		hf_jw_obj(&c->devices_w);
		hf_jw_kstr(&c->devices_w, "device", p->devices[i].name);
		hf_jw_ku64(&c->devices_w, "tags", p->devices[i].ntag);
		if (hz[i] >= 0)
			hf_jw_kf64(&c->devices_w, "requests_per_s", hz[i]);
		hf_jw_kf64(&c->devices_w, "budget_per_s",
		    p->devices[i].load.requests_hz);
		hf_jw_end_obj(&c->devices_w);
		if (!c->found.is_json && hz[i] >= 0)
			printf("%s: %u tags, %.4g requests/s of %.4g/s\n",
			    p->devices[i].name, p->devices[i].ntag, hz[i],
			    p->devices[i].load.requests_hz);
	}
	free(hz);
}

static void
print_json_tail(struct check *c, const struct hf_plant *p)
{
	char hex[HF_SHA256_HEX] = "";

	hf_jw_end_arr(&c->devices_w);
	hf_jw_end_arr(&c->w);
	hf_jw_key(&c->w, "devices");
	hf_jw_raw(&c->w, (const char *)c->devices.p, c->devices.len);
	if (p != NULL && c->found.nerror == 0)
		hf_hex(hex, p->hash, HF_SHA256_LEN);
	hf_jw_kstr(&c->w, "hash", hex);
	hf_jw_kbool(&c->w, "ok", c->found.nerror == 0);
	hf_jw_end_obj(&c->w);
}

static void
print_count(size_t n, const char *what)
{
	printf("%zu %s%s, ", n, what, n == 1 ? "" : "s");
}

static void
print_text_tail(const struct check *c, const struct hf_plant *p)
{
	char hex[HF_SHA256_HEX];

	if (c->found.nerror > 0 || p == NULL) {
		printf("%zu error%s, %zu warning%s\n", c->found.nerror,
		    c->found.nerror == 1 ? "" : "s", c->found.nwarning,
		    c->found.nwarning == 1 ? "" : "s");
		return;
	}
	hf_hex(hex, p->hash, HF_SHA256_LEN);
	printf("ok: ");
	print_count(p->ndevice, "device");
	print_count(p->ntag, "tag");
	print_count(p->ndetector, "detector");
	print_count(p->nrule, "rule");
	print_count(c->found.nwarning, "warning");
	printf("hash %.16s\n", hex);
}

static int
run_check(struct check *c, int dirfd, struct hf_buf *out)
{
	struct hf_conf_extra extra = {.check = on_plant, .check_arg = c};
	struct hf_plant *p = NULL;
	struct hf_err err = {0};
	int rc;

	if (c->found.is_json) {
		hf_jw_obj(&c->w);
		hf_jw_key(&c->w, "errors");
		hf_jw_arr(&c->w);
	}
	rc = hf_conf_load_with(
	    dirfd, &hf_registry, &extra, hf_found_print, &c->found, &p, &err);
	if (rc != HF_OK && c->found.nerror == 0)
		c->found.nerror++;
	if (c->found.is_json) {
		print_json_tail(c, p);
		hf_buf_u8(out, '\n');
		rc = hf_conf_put(out, "check");
	} else {
		print_text_tail(c, p);
		rc = HF_EXIT_OK;
	}
	hf_plant_free(p);
	if (rc == HF_EXIT_OK && c->found.nerror > 0)
		rc = HF_EXIT_FOUND;
	return rc;
}

int
hf_verb_check(int argc, char **argv)
{
	struct hf_conf_opts o;
	struct check c = {0};
	struct hf_buf out;
	int rc, dirfd;

	rc = hf_conf_opts_get(&o, "check", "conf", argc, argv);
	if (rc >= 0)
		return rc;
	if (o.narg > 0)
		return hf_cli_usage("check", "no argument is expected; name "
					     "the plant's folder with --conf");
	dirfd = hf_conf_dir(&o, "check");
	if (dirfd < 0)
		return -dirfd;
	hf_buf_init(&out, HF_CLI_OUT);
	hf_buf_init(&c.devices, HF_CLI_OUT);
	hf_jw_init(&c.w, &out);
	hf_jw_init(&c.devices_w, &c.devices);
	hf_jw_arr(&c.devices_w);
	c.found = (struct hf_found){.is_json = o.is_json, .w = &c.w};
	rc = run_check(&c, dirfd, &out);
	hf_buf_fini(&c.devices);
	hf_buf_fini(&out);
	close(dirfd);
	return rc;
}
