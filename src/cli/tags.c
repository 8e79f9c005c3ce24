/* SPDX-License-Identifier: Apache-2.0
 *
 * tags.c - `holdfast tags`: tag files checked, imported, exported; and listed
 * live.
 *
 *   tags list [PATTERN]
 *	last values, from the running plant (tags_list.c)
 *   tags check FILE [--device D]
 *	every error of a sheet, also one of Kepware or Neuron. With --device
 *	also what would hold in the plant: paths, addresses, detectors.
 *   tags import FILE --device D [--dry-run] [--partial] [--replace]
 *	checks as above; if all rows are good (or --partial), writes them in
 *	our columns to the file that device D names under tags:. A file that
 *	is there is only replaced with --replace.
 *   tags export D [--delim ';']
 *	our columns, to the standard output
 *
 * --json: {"ok","sheet","tags","applied","errors":[...]} for check and import.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "cli/tags_list.h"
#include "os/file.h"
#include "proc/wires.h"

#define SHEET_BYTES (64u << 20) /* one file; as the reader of the plant */
#define VERB "tags"

struct sheet {
	const struct hf_conf_opts *o;
	struct hf_found found;
	struct hf_jw w;
	const char *file;   /* name for messages */
	struct hf_buf text; /* as found */
	struct hf_buf own;  /* in our columns */
	enum hf_sheet kind;
	size_t ntag;
	size_t nrow_error; /* rows left out */
	bool is_applied;
};

static int
read_sheet(struct sheet *s)
{
	struct hf_err err = {0};

	if (hf_file_read(
		AT_FDCWD, s->o->args[1], SHEET_BYTES, &s->text, &err) == HF_OK)
		return HF_EXIT_OK;
	return hf_cli_fail(
	    VERB, HF_EXIT_FAILED, "%s: %s", s->o->args[1], err.msg);
}

/* Rows into our columns, by themselves: what the sheet alone tells. */
static int
convert(struct sheet *s)
{
	struct hf_plant *p = hf_plant_new();
	/* a sheet of another program has no device column; any name does for a
	 * check */
	const char *device = s->o->device;
	int rc;

	if (p == NULL)
		return hf_cli_fail(VERB, HF_EXIT_FAILED, "out of memory");
	s->kind = hf_tags_sheet((const char *)s->text.p, s->text.len);
	if (device == NULL)
		device = "device";
	hf_tags_import(p, device, s->file, (const char *)s->text.p, s->text.len,
	    hf_found_print, &s->found, NULL);
	s->nrow_error = s->found.nerror;
	s->ntag = p->ntag;
	rc = hf_tags_write(p, NULL, ',', &s->own, NULL);
	hf_plant_free(p);
	return rc == HF_OK ? HF_EXIT_OK
			   : hf_cli_fail(VERB, HF_EXIT_FAILED, "out of memory");
}

/* Errors of the plant with the new rows in place. Findings of other files are
 * those of the plant as it stands; they are shown all the same. */
static int
check_in_plant(struct sheet *s, int dirfd, char *target, size_t cap)
{
	struct hf_conf_extra extra;
	struct hf_plant *p = NULL;
	struct hf_err err = {0};
	int rc;

	rc = hf_conf_tags_file(dirfd, s->o->device, target, cap, &err);
	if (rc != HF_OK)
		return hf_cli_fail(VERB, HF_EXIT_FOUND, "%s", err.msg);
	extra = (struct hf_conf_extra){.name = target,
	    .text = (const char *)s->own.p,
	    .n = s->own.len,
	    .check = hf_conf_check_devices};
	rc = hf_conf_load_with(
	    dirfd, &hf_registry, &extra, hf_found_print, &s->found, &p, &err);
	hf_plant_free(p);
	return rc == HF_OK ? HF_EXIT_OK : HF_EXIT_FOUND;
}

static int
apply(struct sheet *s, int dirfd, const char *target)
{
	struct hf_err err = {0};
	struct stat st;

	if (fstatat(dirfd, target, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !s->o->is_replace)
		return hf_cli_fail(VERB, HF_EXIT_FOUND,
		    "%s exists; give --replace to put the imported tags in its "
		    "place",
		    target);
	if (hf_file_replace(dirfd, target, s->own.p, s->own.len, 0644, &err) !=
	    HF_OK)
		return hf_cli_fail(
		    VERB, HF_EXIT_FAILED, "%s: %s", target, err.msg);
	s->is_applied = true;
	return HF_EXIT_OK;
}

static int
report(struct sheet *s, const char *target, int rc)
{
	struct hf_buf *out = s->w.b;
	bool ok = s->found.nerror == 0 && rc == HF_EXIT_OK;

	if (s->found.is_json) {
		hf_jw_end_arr(&s->w);
		hf_jw_kbool(&s->w, "ok", ok);
		hf_jw_kstr(&s->w, "sheet", hf_sheet_words[s->kind]);
		hf_jw_ku64(&s->w, "tags", s->ntag);
		hf_jw_kbool(&s->w, "applied", s->is_applied);
		hf_jw_end_obj(&s->w);
		hf_buf_u8(out, '\n');
		hf_conf_put(out, VERB);
	} else {
		printf("%s: %s sheet, %zu tags, %zu error%s, %zu warning%s; "
		       "%s%s\n",
		    s->file, hf_sheet_words[s->kind], s->ntag, s->found.nerror,
		    s->found.nerror == 1 ? "" : "s", s->found.nwarning,
		    s->found.nwarning == 1 ? "" : "s",
		    s->is_applied ? "written to " : "nothing was written",
		    s->is_applied ? target : "");
	}
	if (rc == HF_EXIT_OK && !ok && !s->is_applied)
		rc = HF_EXIT_FOUND;
	return rc;
}

static int
run_sheet(struct sheet *s, bool is_import)
{
	char target[256] = "";
	int dirfd = -1, rc;

	rc = read_sheet(s);
	if (rc == HF_EXIT_OK)
		rc = convert(s);
	if (rc != HF_EXIT_OK)
		return rc;
	if (s->o->device != NULL && (s->nrow_error == 0 || s->o->is_partial)) {
		dirfd = hf_conf_dir(s->o, VERB);
		if (dirfd < 0)
			return -dirfd;
		rc = check_in_plant(s, dirfd, target, sizeof(target));
		if (rc == HF_EXIT_OK && is_import && !s->o->is_dry)
			rc = apply(s, dirfd, target);
		close(dirfd);
	}
	return report(s, target, rc);
}

static int
verb_sheet(const struct hf_conf_opts *o, bool is_import)
{
	struct sheet s = {.o = o};
	struct hf_buf out;
	int rc;

	if (o->narg != 2)
		return hf_cli_usage(VERB, "%s needs one FILE", o->args[0]);
	if (is_import && o->device == NULL)
		return hf_cli_usage(VERB, "import needs --device NAME");
	hf_buf_init(&out, HF_CLI_OUT);
	hf_buf_init(&s.text, SHEET_BYTES);
	hf_buf_init(&s.own, HF_CLI_OUT);
	hf_jw_init(&s.w, &out);
	s.file = strrchr(o->args[1], '/') == NULL
		     ? o->args[1]
		     : strrchr(o->args[1], '/') + 1;
	s.found = (struct hf_found){.is_json = o->is_json, .w = &s.w};
	if (o->is_json) {
		hf_jw_obj(&s.w);
		hf_jw_key(&s.w, "errors");
		hf_jw_arr(&s.w);
	}
	rc = run_sheet(&s, is_import);
	hf_buf_fini(&s.own);
	hf_buf_fini(&s.text);
	hf_buf_fini(&out);
	return rc;
}

static bool
has_tags(const struct hf_plant *p, const char *device)
{
	size_t i;

	for (i = 0; i < p->ndevice; i++)
		if (strcmp(p->devices[i].name, device) == 0)
			return p->devices[i].ntag > 0;
	return false;
}

static int
verb_export(const struct hf_conf_opts *o)
{
	struct hf_found found = {0};
	struct hf_plant *p = NULL;
	struct hf_err err = {0};
	struct hf_buf out;
	char delim = o->form == NULL ? ',' : o->form[0];
	int dirfd, rc;

	if (o->narg != 2)
		return hf_cli_usage(VERB, "export needs one DEVICE");
	if (strchr(",;\t", delim) == NULL || delim == '\0')
		return hf_cli_usage(VERB, "--delim is one of , ; tab");
	dirfd = hf_conf_dir(o, VERB);
	if (dirfd < 0)
		return -dirfd;
	hf_buf_init(&out, HF_CLI_OUT);
	rc =
	    hf_conf_load(dirfd, &hf_registry, hf_found_print, &found, &p, &err);
	if (rc != HF_OK)
		rc = hf_cli_fail(VERB, HF_EXIT_FOUND, "%s", err.msg);
	else if (!has_tags(p, o->args[1]))
		rc = hf_cli_fail(VERB, HF_EXIT_FOUND,
		    "there is no device \"%s\" with tags", o->args[1]);
	else if (hf_tags_write(p, o->args[1], delim, &out, &err) != HF_OK)
		rc = hf_cli_fail(VERB, HF_EXIT_FAILED, "%s", err.msg);
	else
		rc = hf_conf_put(&out, VERB);
	hf_buf_fini(&out);
	hf_plant_free(p);
	close(dirfd);
	return rc;
}

int
hf_verb_tags(int argc, char **argv)
{
	struct hf_conf_opts o;
	int rc;

	if (argc == 1)
		return hf_verb_tags_list(argc, argv);
	if (strcmp(argv[1], "list") == 0)
		return hf_verb_tags_list(argc - 1, argv + 1);
	rc = hf_conf_opts_get(
	    &o, VERB, "conf device dry-run partial replace delim", argc, argv);
	if (rc >= 0)
		return rc;
	if (o.narg == 0)
		return hf_cli_usage(VERB, "list, check, import or export?");
	if (strcmp(o.args[0], "check") == 0)
		return verb_sheet(&o, false);
	if (strcmp(o.args[0], "import") == 0)
		return verb_sheet(&o, true);
	if (strcmp(o.args[0], "export") == 0)
		return verb_export(&o);
	return hf_cli_usage(
	    VERB, "\"%s\" is not list, check, import or export", o.args[0]);
}
