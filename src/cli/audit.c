/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.c - `holdfast audit`: look at the tamper-evident log, and verify it.
 *
 *    list [--from SEQ] [--limit N]    records, through the API
 *    checkpoint                       newest signed note, to keep as a witness
 *    verify [DIR]                     recompute everything; reads files only,
 *                                     needs no daemon: works on a copy
 *    key [DIR]                        verifier key, to keep apart from the log
 *
 * verify exits with 0 if nothing was found, 1 if something was, 5 if there is
 * no log to read. --json: {"ok":bool,"origin","records","first_record",
 * "signed","checkpoints","unsigned_tail","clock_jumps","root","key",
 * "key_from_log":bool,"findings":[{"seq","text"}],"findings_total"}
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"
#include "os/file.h"
#include "store/auditlog.h"
#include "store/note.h"

struct audit_args {
	struct hf_args a;
	const char *data, *key, *witness, *from, *limit;
	bool is_live;
};

/* Folder to read; -1 after a message. */
static int
folder(const struct audit_args *o)
{
	char path[4096];
	int fd;

	if (o->a.npos > 1)
		snprintf(path, sizeof(path), "%s", o->a.pos[1]);
	else
		snprintf(path, sizeof(path), "%s/audit",
		    hf_cli_dir(o->data, "HOLDFAST_DATA", HF_DIR_DATA));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		hf_cli_fail("audit", HF_EXIT_FAILED,
		    "%s: %s; the log is readable by root and group hf-evidence",
		    path, strerror(errno));
	return fd;
}

/* Small text file of the auditor. */
static int
read_text(const char *path, struct hf_buf *out)
{
	struct hf_err err;

	if (hf_file_read(AT_FDCWD, path, HF_NOTE_MAX, out, &err) == HF_OK)
		return HF_OK;
	return hf_cli_fail("audit", HF_EINVAL, "%s", err.msg);
}

static void
verdict_json(const struct hf_audit_verdict *v, int rc, bool own_key)
{
	char root[HF_SHA256_HEX];
	struct hf_buf b;
	struct hf_jw w;
	size_t i;

	hf_buf_init(&b, 1u << 20);
	hf_jw_init(&w, &b);
	hf_hex(root, v->root, sizeof(v->root));
	hf_jw_obj(&w);
	hf_jw_kbool(&w, "ok", rc == HF_OK);
	hf_jw_kstr(&w, "origin", v->origin);
	hf_jw_ku64(&w, "records", v->nrecord);
	hf_jw_ku64(&w, "first_record", v->first_record);
	hf_jw_ku64(&w, "signed", v->signed_size);
	hf_jw_ku64(&w, "checkpoints", v->ncheckpoint);
	hf_jw_ku64(&w, "unsigned_tail", v->unsigned_tail);
	hf_jw_ku64(&w, "clock_jumps", v->nclock_jump);
	hf_jw_kstr(&w, "root", root);
	hf_jw_kstr(&w, "key", v->key);
	hf_jw_kbool(&w, "key_from_log", own_key);
	hf_jw_ku64(&w, "findings_total", v->nfinding);
	hf_jw_key(&w, "findings");
	hf_jw_arr(&w);
	for (i = 0; i < v->nfinding && i < 16; i++) {
		hf_jw_obj(&w);
		hf_jw_ku64(&w, "seq", v->first[i].seq);
		hf_jw_kstr(&w, "text", v->first[i].text);
		hf_jw_end_obj(&w);
	}
	hf_jw_end_arr(&w);
	hf_jw_end_obj(&w);
	printf("%s\n", hf_buf_cstr(&b));
	hf_buf_fini(&b);
}

static void
verdict_text(
    const struct hf_audit_verdict *v, int rc, const struct audit_args *o)
{
	char root[HF_SHA256_HEX];
	size_t i;

	hf_hex(root, v->root, sizeof(v->root));
	printf("log      %s\nrecords  %" PRIu64 ", signed to %" PRIu64
	       " by %" PRIu64 " checkpoints\nroot     %s\nkey      %s\n",
	    v->origin, v->nrecord, v->signed_size, v->ncheckpoint, root,
	    v->key);
	if (v->first_record > 0)
		printf("removed  records before %" PRIu64
		       " by retention, with a tombstone\n",
		    v->first_record);
	if (v->unsigned_tail > 0)
		printf("tail     %" PRIu64 " records not yet signed\n",
		    v->unsigned_tail);
	if (v->nclock_jump > 0)
		printf("clock    %" PRIu64
		       " recorded jumps of the wall clock\n",
		    v->nclock_jump);
	for (i = 0; i < v->nfinding && i < 16; i++)
		printf("finding  at %" PRIu64 ": %s\n", v->first[i].seq,
		    v->first[i].text);
	if (v->nfinding > 16)
		printf("finding  ... and %zu more\n", v->nfinding - 16);
	if (o->key == NULL)
		printf("warning  the key was taken from the log itself; a log "
		       "cannot vouch for\n         its own key. Keep it apart "
		       "(holdfast audit key) and give --key FILE.\n");
	if (o->witness == NULL)
		printf("note     no witness was given: a log rewritten as a "
		       "whole with the stolen\n         key would look like "
		       "this one. See holdfast-audit(7).\n");
	printf("%s\n", rc == HF_OK ? "OK" : "NOT TO BE TRUSTED");
}

static int
verify(const struct audit_args *o)
{
	struct hf_audit_verdict *v = calloc(1, sizeof(*v));
	struct hf_buf key, witness;
	struct hf_err err = {0};
	struct hf_vkey k;
	int fd = -1, rc = HF_EXIT_FAILED;

	hf_buf_init(&key, HF_NOTE_MAX);
	hf_buf_init(&witness, HF_NOTE_MAX + 1);
	if (v == NULL || (o->key != NULL && read_text(o->key, &key) != HF_OK) ||
	    (o->witness != NULL && read_text(o->witness, &witness) != HF_OK))
		goto out;
	if (o->key != NULL &&
	    hf_vkey_parse(&k, (const char *)key.p, key.len, &err) != HF_OK) {
		rc = hf_cli_fail(
		    "audit", HF_EXIT_FAILED, "%s: %s", o->key, err.msg);
		goto out;
	}
	fd = folder(o);
	if (fd < 0)
		goto out;
	rc = hf_auditlog_verify(fd, o->key != NULL ? k.pub : NULL, NULL,
	    o->witness != NULL ? hf_buf_cstr(&witness) : NULL, o->is_live, v,
	    &err);
	if (rc != HF_OK && v->nfinding == 0) {
		rc = hf_cli_fail("audit",
		    rc == HF_EDENIED ? HF_EXIT_DENIED : HF_EXIT_FAILED, "%s",
		    err.msg);
		goto out;
	}
	if (o->a.is_json)
		verdict_json(v, rc, o->key == NULL);
	else
		verdict_text(v, rc, o);
	rc = rc == HF_OK ? HF_EXIT_OK : HF_EXIT_FOUND;
out:
	if (fd >= 0)
		close(fd);
	hf_buf_fini(&key);
	hf_buf_fini(&witness);
	free(v);
	return rc;
}

static int
key(const struct audit_args *o)
{
	struct hf_err err = {0};
	struct hf_buf b;
	struct hf_vkey k;
	int fd, rc = HF_EXIT_FAILED;

	fd = folder(o);
	if (fd < 0)
		return HF_EXIT_FAILED;
	hf_buf_init(&b, HF_VKEY_MAX + 8);
	if (hf_file_read(fd, "key.pub", HF_VKEY_MAX, &b, &err) != HF_OK ||
	    hf_vkey_parse(&k, (const char *)b.p, b.len, &err) != HF_OK) {
		rc = hf_cli_fail("audit", rc, "%s", err.msg);
	} else if (o->a.is_json) {
		printf(
		    "{\"key\":\"%.*s\"}\n", (int)(b.len - 1), hf_buf_cstr(&b));
		rc = HF_EXIT_OK;
	} else {
		printf("%s", hf_buf_cstr(&b));
		rc = HF_EXIT_OK;
	}
	hf_buf_fini(&b);
	close(fd);
	return rc;
}

static int
checkpoint(const struct audit_args *o)
{
	static const char path[] = "/api/v1/audit/checkpoint";
	struct hf_err err = {0};
	json_t *doc = NULL;
	int rc;

	if (o->a.is_json)
		return hf_args_print(&o->a, "audit", path);
	rc = hf_client_json(&o->a.client, path, &doc, &err);
	if (rc != HF_OK)
		return hf_args_fail("audit", rc, &err);
	printf("%s", hf_view_str(doc, "note"));
	json_decref(doc);
	return HF_EXIT_OK;
}

static int
list(const struct audit_args *o)
{
	static const char *const heads[] = {">SEQ", "TIME", "ROLE", "ACTION",
	    "ACTOR", "DECISION", "OBJECT", "DETAIL"};
	static const char *const keys[] = {"seq", "wall", "role", "action",
	    "actor", "decision", "object", "detail"};
	struct hf_err err = {0};
	struct hf_table *tab;
	json_t *doc = NULL, *r;
	struct hf_buf path;
	struct hf_term t;
	size_t i, k;
	int rc;

	hf_buf_init(&path, 512);
	hf_buf_puts(&path, "/api/v1/audit");
	hf_client_param(&path, "from", o->from);
	hf_client_param(&path, "limit", o->limit);
	if (o->a.is_json) {
		rc = hf_args_print(&o->a, "audit", hf_buf_cstr(&path));
		hf_buf_fini(&path);
		return rc;
	}
	rc = hf_client_json(&o->a.client, hf_buf_cstr(&path), &doc, &err);
	hf_buf_fini(&path);
	if (rc != HF_OK)
		return hf_args_fail("audit", rc, &err);
	hf_term_init(&t, stdout);
	tab = hf_table_new(heads, 8);
	json_array_foreach(doc, i, r) for (k = 0; k < 8; k++) hf_view_cell(
	    tab, k == 3 ? HF_BOLD : HF_PLAIN, json_object_get(r, keys[k]));
	json_decref(doc);
	return hf_view_print(tab, &t, 0, 0);
}

int
hf_verb_audit(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct audit_args *o);
		size_t npos;
	} words[] = {{"list", list, 1}, {"verify", verify, 2},
	    {"checkpoint", checkpoint, 1}, {"key", key, 2}};
	struct audit_args o = {0};
	const struct hf_arg rows[] = {
	    {"--data", "DIR", &o.data, "data folder; the log is DIR/audit"},
	    {"--key", "FILE", &o.key, "verify: the verifier key you kept"},
	    {"--witness", "FILE", &o.witness,
		"verify: a checkpoint that somebody kept"},
	    {"--live", NULL, &o.is_live,
		"verify: the log is being written; accept an unsigned end"},
	    {"--from", "SEQ", &o.from, "list: first record (default: newest)"},
	    {"--limit", "N", &o.limit, "list: at most so many (100)"},
	};
	const char *word;
	size_t i;
	int rc;

	rc = hf_args_take(
	    &o.a, argc, argv, rows, sizeof(rows) / sizeof(rows[0]));
	if (rc != HF_ARGS_GO_ON)
		return rc;
	word = o.a.npos > 0 ? o.a.pos[0] : "list";
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, word) == 0) {
			if (o.a.npos > words[i].npos)
				return hf_cli_usage(
				    argv[0], "%s: too many arguments", word);
			return words[i].run(&o);
		}
	return hf_cli_usage(argv[0],
	    "\"%s\" is none of list, verify, "
	    "checkpoint, key",
	    word);
}
