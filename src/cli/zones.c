/* SPDX-License-Identifier: Apache-2.0
 *
 * zones.c - `holdfast zones`: the documents and rule sets that follow from the
 * zones and conduits of plant.yaml, and the comparison with the plant's own
 * approved list. Reads the plant's folder; no plant runs, nothing is contacted.
 *
 *	zones [summary]			what there is, and what to look at
 *	zones nft|acl [ZONE]		firewall, broker of a zone (all zones)
 *	zones flow [PAGE]		diagram (the first page)
 *	zones ports|users|audit|firewall
 *	zones compare FILE		exit code 1 if they differ
 *	zones --out DIR			all of them as files, with an index
 *
 * --json: {"documents":[{"file","text"}]}; --out: {"files":[name]}; compare:
 * {"differences":[{"kind","conduit","field","approved","plant","line"}]}.
 *
 * The index (index.txt) has a line "SHA-256  file" for each file, as
 * sha256sum -c reads it, behind lines that begin with '#'.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "comply/comply.h"
#include "os/file.h"
#include "proc/wires.h"

#define LIST_MAX (64u << 20) /* bytes of an approved list */

static const char verb[] = "zones";

/* ---- compare ---- */

struct differ {
	bool is_json;
	struct hf_jw w;
};

static void
on_diff(void *arg, const struct hf_comply_diff *d)
{
	struct differ *x = arg;

	if (x->is_json) {
		hf_jw_obj(&x->w);
		hf_jw_kstr(&x->w, "kind", d->kind);
		hf_jw_kstr(&x->w, "conduit", d->conduit);
		hf_jw_kstr(&x->w, "field", d->field);
		hf_jw_kstr(&x->w, "approved", d->approved);
		hf_jw_kstr(&x->w, "plant", d->plant);
		hf_jw_ki64(&x->w, "line", d->line);
		hf_jw_end_obj(&x->w);
	} else if (strcmp(d->kind, "missing") == 0) {
		printf("missing: the plant has conduit %s, the approved list "
		       "does not\n",
		    d->conduit);
	} else if (strcmp(d->kind, "extra") == 0) {
		printf("extra: line %d approves conduit %s, which the plant "
		       "does not have\n",
		    d->line, d->conduit);
	} else {
		printf("changed: %s.%s: line %d approves \"%s\", the plant has "
		       "\"%s\"\n",
		    d->conduit, d->field, d->line, d->approved, d->plant);
	}
}

static int
compare(const struct hf_plant *p, const struct hf_conf_opts *o)
{
	struct differ x = {.is_json = o->is_json};
	struct hf_buf list, out;
	struct hf_err err = {0};
	size_t ndiff = 0;
	int rc;

	hf_buf_init(&list, LIST_MAX);
	hf_buf_init(&out, HF_CLI_OUT);
	hf_jw_init(&x.w, &out);
	if (x.is_json) {
		hf_jw_obj(&x.w);
		hf_jw_key(&x.w, "differences");
		hf_jw_arr(&x.w);
	}
	rc = hf_file_read(AT_FDCWD, o->args[1], LIST_MAX, &list, &err);
	if (rc == HF_OK)
		rc = hf_comply_compare(p, (const char *)list.p, list.len,
		    on_diff, &x, &ndiff, &err);
	if (rc != HF_OK) {
		rc = hf_cli_fail(verb,
		    rc == HF_EINVAL ? HF_EXIT_FOUND : HF_EXIT_FAILED, "%s: %s",
		    o->args[1], err.msg);
		goto out;
	}
	rc = HF_EXIT_OK;
	if (x.is_json) {
		hf_jw_end_arr(&x.w);
		hf_jw_end_obj(&x.w);
		hf_buf_u8(&out, '\n');
		rc = hf_conf_put(&out, verb);
	} else if (ndiff == 0) {
		printf("no difference: %zu conduits\n", p->nconduit);
	} else {
		printf("%zu difference%s\n", ndiff, ndiff == 1 ? "" : "s");
	}
	if (rc == HF_EXIT_OK && ndiff > 0)
		rc = HF_EXIT_FOUND;
out:
	hf_buf_fini(&out);
	hf_buf_fini(&list);
	return rc;
}

/* ---- all files ---- */

static int
write_one(int dirfd, const struct hf_comply_doc *d, const struct hf_plant *p,
    size_t i, struct hf_buf *index, struct hf_err *err)
{
	char name[HF_COMPLY_NAME], hex[HF_SHA256_HEX];
	uint8_t hash[HF_SHA256_LEN];
	struct hf_buf text;
	int rc;

	if (!hf_comply_file(d, p, i, name))
		return HF_ENODATA;
	hf_buf_init(&text, HF_COMPLY_BYTES);
	rc = d->make(p, i, &text, err);
	if (rc == HF_OK)
		rc = hf_file_replace(dirfd, name, text.p, text.len, 0644, err);
	hf_sha256_of(text.p, text.len, hash);
	hf_hex(hex, hash, sizeof(hash));
	hf_buf_printf(index, "%s  %s\n", hex, name);
	hf_buf_fini(&text);
	return rc;
}

static int
write_all(const struct hf_plant *p, int dirfd, struct hf_err *err)
{
	char hex[HF_SHA256_HEX];
	struct hf_buf index;
	size_t d, i;
	int rc = HF_OK;

	hf_buf_init(&index, HF_COMPLY_BYTES);
	hf_hex(hex, p->hash, HF_SHA256_LEN);
	hf_buf_printf(&index,
	    "# %s/%s, configuration %s\n"
	    "# check the files with: sha256sum -c index.txt\n",
	    p->site.enterprise, p->site.site, hex);
	for (d = 0; rc == HF_OK && d < hf_ncomply_doc; d++) {
		for (i = 0; rc == HF_OK; i++)
			rc = write_one(
			    dirfd, &hf_comply_docs[d], p, i, &index, err);
		if (rc == HF_ENODATA)
			rc = HF_OK;
	}
	if (rc == HF_OK && !hf_buf_ok(&index))
		rc = HF_FAIL(err, HF_ENOMEM, "out of memory");
	if (rc == HF_OK)
		rc = hf_file_replace(
		    dirfd, "index.txt", index.p, index.len, 0644, err);
	hf_buf_fini(&index);
	return rc;
}

static int
print_files(const struct hf_plant *p)
{
	char name[HF_COMPLY_NAME];
	struct hf_buf out;
	struct hf_jw w;
	size_t d, i;
	int rc;

	hf_buf_init(&out, HF_CLI_OUT);
	hf_jw_init(&w, &out);
	hf_jw_obj(&w);
	hf_jw_key(&w, "files");
	hf_jw_arr(&w);
	for (d = 0; d < hf_ncomply_doc; d++)
		for (i = 0; hf_comply_file(&hf_comply_docs[d], p, i, name); i++)
			hf_jw_str(&w, name);
	hf_jw_str(&w, "index.txt");
	hf_jw_end_arr(&w);
	hf_jw_end_obj(&w);
	hf_buf_u8(&out, '\n');
	rc = hf_conf_put(&out, verb);
	hf_buf_fini(&out);
	return rc;
}

static int
write_dir(const struct hf_plant *p, const struct hf_conf_opts *o)
{
	struct hf_err err = {0};
	int fd, rc;

	if (mkdir(o->out, 0755) != 0 && errno != EEXIST)
		return hf_cli_fail(
		    verb, HF_EXIT_FAILED, "%s: %s", o->out, strerror(errno));
	fd = open(o->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hf_cli_fail(
		    verb, HF_EXIT_FAILED, "%s: %s", o->out, strerror(errno));
	rc = write_all(p, fd, &err);
	close(fd);
	if (rc != HF_OK)
		return hf_cli_fail(
		    verb, HF_EXIT_FAILED, "%s: %s", o->out, err.msg);
	if (o->is_json)
		return print_files(p);
	printf("written to %s; index.txt lists the files\n", o->out);
	return HF_EXIT_OK;
}

/* ---- one document ---- */

static int
add_part(const struct hf_comply_doc *d, const struct hf_plant *p, size_t i,
    struct hf_jw *w, struct hf_buf *out, struct hf_err *err)
{
	char name[HF_COMPLY_NAME];
	struct hf_buf text;
	int rc;

	if (!hf_comply_file(d, p, i, name))
		return HF_ENODATA;
	if (w == NULL)
		return d->make(p, i, out, err);
	hf_buf_init(&text, HF_COMPLY_BYTES);
	rc = d->make(p, i, &text, err);
	if (rc == HF_OK) {
		hf_jw_obj(w);
		hf_jw_kstr(w, "file", name);
		hf_jw_kstr(w, "text", hf_buf_cstr(&text));
		hf_jw_end_obj(w);
	}
	hf_buf_fini(&text);
	return rc;
}

/* Parts from `first` on: all if `first` was not asked for, but only one page of
 * the diagram, since two SVGs behind each other are none. */
static int
make_parts(const struct hf_comply_doc *d, const struct hf_plant *p, int first,
    struct hf_jw *w, struct hf_buf *out, struct hf_err *err)
{
	bool is_one = first >= 0 || (w == NULL && strcmp(d->word, "flow") == 0);
	size_t i = first < 0 ? 0 : (size_t)first;
	int rc;

	do {
		rc = add_part(d, p, i++, w, out, err);
	} while (rc == HF_OK && !is_one);
	return rc == HF_ENODATA ? HF_OK : rc;
}

static int
print_doc(const struct hf_plant *p, const struct hf_comply_doc *d, int first,
    const struct hf_conf_opts *o)
{
	struct hf_err err = {0};
	struct hf_buf out;
	struct hf_jw w;
	int rc;

	hf_buf_init(&out, HF_CLI_OUT);
	hf_jw_init(&w, &out);
	if (o->is_json) {
		hf_jw_obj(&w);
		hf_jw_key(&w, "documents");
		hf_jw_arr(&w);
	}
	rc = make_parts(d, p, first, o->is_json ? &w : NULL, &out, &err);
	if (rc == HF_OK && o->is_json) {
		hf_jw_end_arr(&w);
		hf_jw_end_obj(&w);
		hf_buf_u8(&out, '\n');
	}
	rc = rc == HF_OK ? hf_conf_put(&out, verb)
			 : hf_cli_fail(verb, HF_EXIT_FAILED, "%s", err.msg);
	hf_buf_fini(&out);
	return rc;
}

static int
one_document(const struct hf_plant *p, const struct hf_conf_opts *o)
{
	const char *word = o->narg > 0 ? o->args[0] : "summary";
	const struct hf_comply_doc *d = hf_comply_find(word);
	int first = -1;

	if (o->narg > 1) {
		first = hf_comply_part(d, p, o->args[1]);
		if (first < 0)
			return hf_cli_fail(verb, HF_EXIT_FOUND,
			    "%s has no part \"%s\"; `holdfast zones` lists the "
			    "zones, and pages count from 1",
			    word, o->args[1]);
	}
	return print_doc(p, d, first, o);
}

/* ---- the verb ---- */

/* Warnings are `check`'s to say. */
static void
on_finding(void *arg, const struct hf_finding *f)
{
	if (!f->is_warning)
		hf_found_print(arg, f);
}

/* -1, or the exit code of a command line that is wrong. */
static int
judge_args(const struct hf_conf_opts *o)
{
	const struct hf_comply_doc *d;

	if (o->out != NULL && o->narg > 0)
		return hf_cli_usage(
		    verb, "--out writes every document; name none beside it");
	if (o->narg == 0)
		return -1;
	if (strcmp(o->args[0], "compare") == 0)
		return o->narg == 2
			   ? -1
			   : hf_cli_usage(verb, "compare takes one file: the "
						"approved list");
	d = hf_comply_find(o->args[0]);
	if (d == NULL)
		return hf_cli_usage(verb, "\"%s\" is no document", o->args[0]);
	if (o->narg > (d->part == NULL ? 1 : 2))
		return hf_cli_usage(verb, "too many arguments");
	return -1;
}

static int
run(const struct hf_conf_opts *o, int dirfd)
{
	struct hf_conf_extra extra = {.check = hf_conf_check_devices};
	struct hf_found found = {.is_json = false};
	struct hf_plant *p = NULL;
	struct hf_err err = {0};
	int rc;

	rc = hf_conf_load_with(
	    dirfd, &hf_registry, &extra, on_finding, &found, &p, &err);
	if (rc != HF_OK)
		return hf_cli_fail(verb, HF_EXIT_FOUND,
		    "the configuration has errors; `holdfast check` lists "
		    "them");
	if (o->out != NULL)
		rc = write_dir(p, o);
	else if (o->narg > 0 && strcmp(o->args[0], "compare") == 0)
		rc = compare(p, o);
	else
		rc = one_document(p, o);
	hf_plant_free(p);
	return rc;
}

int
hf_verb_zones(int argc, char **argv)
{
	struct hf_conf_opts o;
	int rc, dirfd;

	rc = hf_conf_opts_get(&o, verb, "conf out", argc, argv);
	if (rc >= 0)
		return rc;
	rc = judge_args(&o);
	if (rc >= 0)
		return rc;
	dirfd = hf_conf_dir(&o, verb);
	if (dirfd < 0)
		return -dirfd;
	rc = run(&o, dirfd);
	close(dirfd);
	return rc;
}
