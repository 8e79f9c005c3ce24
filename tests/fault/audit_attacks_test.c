/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_attacks_test.c - every attack on the audit log that we know, against the
 * three verifiers: the library, tools/hf-audit-verify, tools/audit_verify.py.
 *
 * Each test makes a log, attacks a copy of it and says whether all three must
 * reject it. Where one attack stays unseen without a witness, the test says so
 * and shows that the witness finds it. tests/data/golden/audit-v1 must be
 * accepted by all three for ever.
 */
#include "audit_fixture.h"

#include <spawn.h>
#include <sys/wait.h>

#include "store/auditbody.h"
#include "store/auditseg.h"
#include "store/merkle.h"

#define GOLDEN "tests/data/golden/audit-v1"
#define SEG0 "0000000000000000.seg"
#define SEG1 "0000000000000256.seg"
#define NOTES0 "0000000000000000.notes"
#define NOTES1 "0000000000000256.notes"

extern char **environ;

/* ---- the three verifiers */

static int
run(const char *const *argv)
{
	posix_spawn_file_actions_t fa;
	int status, rc;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	rc = posix_spawn(
	    &pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	assert_int_equal(rc, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const char *
tool_c(void)
{
	static char path[512];
	const char *b = getenv("B");

	snprintf(path, sizeof(path), "%s/tools/hf-audit-verify",
	    b != NULL ? b : "build");
	return path;
}

/* 0 = accepted by the library; else what it found first is printed. */
static int
by_library(const char *dir, const char *key_file, const char *witness)
{
	struct hf_audit_verdict *v = calloc(1, sizeof(*v));
	struct hf_vkey k;
	size_t n, nw = 0;
	uint8_t *key = fx_slurp("", key_file, &n);
	uint8_t *wit = witness != NULL ? fx_slurp("", witness, &nw) : NULL;
	int rc;

	assert_int_equal(hf_vkey_parse(&k, (char *)key, n, NULL), HF_OK);
	rc = fx_verify_at(dir, k.pub, (char *)wit, false, v);
	if (v->nfinding > 0)
		print_message("# %s\n", v->first[0].text);
	free(key);
	free(wit);
	free(v);
	return rc != HF_OK;
}

static int
by_tool(bool is_python, const char *dir, const char *key, const char *witness)
{
	const char *argv[10];
	int n = 0;

	if (is_python)
		argv[n++] = "/usr/bin/python3";
	argv[n++] = is_python ? "tools/audit_verify.py" : tool_c();
	argv[n++] = "--key";
	argv[n++] = key;
	if (witness != NULL) {
		argv[n++] = "--witness";
		argv[n++] = witness;
	}
	argv[n++] = dir;
	argv[n] = NULL;
	return run(argv);
}

static void
all_say(int want, const char *dir, const char *key, const char *witness)
{
	assert_int_equal(by_library(dir, key, witness), want);
	assert_int_equal(by_tool(false, dir, key, witness), want);
	assert_int_equal(by_tool(true, dir, key, witness), want);
}

/* ---- a log to attack */

struct victim {
	struct fx f;
	char key[160], witness[160]; /* what the auditor kept: whole paths */
};

static void
keep(struct victim *v)
{
	uint8_t *p;
	size_t n;

	snprintf(v->key, sizeof(v->key), "%s.key", v->f.path);
	snprintf(v->witness, sizeof(v->witness), "%s.witness", v->f.path);
	p = fx_slurp(v->f.path, "key.pub", &n);
	fx_spill("", v->key, p, n);
	free(p);
	p = fx_slurp(v->f.path, "checkpoint", &n);
	fx_spill("", v->witness, p, n);
	free(p);
}

static void
victim_make(struct victim *v)
{
	fx_make(&v->f);
	keep(v);
	all_say(0, v->f.path, v->key, v->witness);
}

static void
victim_fini(struct victim *v)
{
	unlink(v->key);
	unlink(v->witness);
	fx_fini(&v->f);
}

static void
caught(struct victim *v)
{
	all_say(1, v->f.path, v->key, NULL);
	victim_fini(v);
}

/* ---- frames of a segment */

struct seg {
	char name[32];
	size_t head, n;
	struct frame {
		char *p;
		size_t n;
	} body[600];
};

static void
seg_load(struct victim *v, const char *name, struct seg *s)
{
	int fd = openat(v->f.dirfd, name, O_RDONLY | O_CLOEXEC);
	struct hf_seg_head h;
	struct hf_frames fr;
	const char *body;
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(hf_seg_head_read(fd, &h, NULL, NULL), HF_OK);
	assert_int_equal(hf_frames_init(&fr, fd, (int64_t)h.len, NULL), HF_OK);
	memset(s, 0, sizeof(*s));
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->head = h.len;
	while (hf_frames_next(&fr, &body, &n, NULL) == HF_OK) {
		struct frame *b = &s->body[s->n++];

		b->p = calloc(1, n + 64);
		memcpy(b->p, body, n);
		b->n = n;
	}
	hf_frames_fini(&fr);
	close(fd);
}

/* Writes the frames back with good CRCs; frees them. */
static void
seg_store(struct victim *v, struct seg *s)
{
	struct hf_buf out;
	uint8_t *old;
	size_t n, i;

	old = fx_slurp(v->f.path, s->name, &n);
	hf_buf_init(&out, 64 << 20);
	hf_buf_put(&out, old, s->head);
	for (i = 0; i < s->n; i++)
		hf_frame_put(&out, s->body[i].p, s->body[i].n);
	fx_spill(v->f.path, s->name, out.p, out.len);
	for (i = 0; i < s->n; i++)
		free(s->body[i].p);
	hf_buf_fini(&out);
	free(old);
}

/* Notes of a file as an array; returns the count. */
static size_t
notes_split(const uint8_t *p, size_t n, struct hf_slice *out, size_t cap)
{
	size_t at = 0, len, k = 0;

	while (k < cap &&
	       (len = hf_note_len((const char *)p + at, n - at, false)) > 0) {
		out[k++] = (struct hf_slice){(const char *)p + at, len + 1};
		at += len + 1;
	}
	return k;
}

/* ---- edits by somebody without the key */

static void
bit_edit(void **state)
{
	struct victim v;
	uint8_t *p;
	size_t n;

	(void)state;
	victim_make(&v);
	p = fx_slurp(v.f.path, SEG0, &n);
	p[n / 2] ^= 1;
	fx_spill(v.f.path, SEG0, p, n);
	free(p);
	caught(&v);
}

static void
crc_fixed_up_after_edit(void **state)
{
	struct victim v;
	struct seg s;
	char *at;

	(void)state;
	victim_make(&v);
	seg_load(&v, SEG0, &s);
	at = memmem(s.body[100].p, s.body[100].n, "uid:1000", 8);
	assert_non_null(at);
	at[7] = '1'; /* it was somebody else */
	seg_store(&v, &s);
	caught(&v);
}

static void
delete_a_record(void **state)
{
	struct victim v;
	struct seg s;

	(void)state;
	victim_make(&v);
	seg_load(&v, SEG0, &s);
	free(s.body[100].p);
	memmove(&s.body[100], &s.body[101], (s.n - 101) * sizeof(s.body[0]));
	s.n--;
	seg_store(&v, &s);
	caught(&v);
}

static void
swap_two_records(void **state)
{
	struct victim v;
	struct frame t;
	struct seg s;

	(void)state;
	victim_make(&v);
	seg_load(&v, SEG0, &s);
	t = s.body[100];
	s.body[100] = s.body[101];
	s.body[101] = t;
	seg_store(&v, &s);
	caught(&v);
}

static void
insert_a_record(void **state)
{
	struct victim v;
	struct seg s;

	(void)state;
	victim_make(&v);
	seg_load(&v, SEG1, &s);
	memmove(&s.body[11], &s.body[10], (s.n - 10) * sizeof(s.body[0]));
	s.n++;
	s.body[10].p = calloc(1, s.body[10].n + 64);
	memcpy(s.body[10].p, s.body[11].p, s.body[11].n);
	seg_store(&v, &s);
	caught(&v);
}

static void
truncate_records(void **state)
{
	struct victim v;
	struct seg s;
	int n = 0;

	(void)state;
	victim_make(&v);
	seg_load(&v, SEG1, &s);
	while (n++ < 3)
		free(s.body[--s.n].p);
	seg_store(&v, &s);
	caught(&v);
}

static void
a_record_duplicated_after_the_last_checkpoint(void **state)
{
	struct victim v;
	struct seg s;

	(void)state;
	victim_make(&v);
	seg_load(&v, SEG1, &s);
	s.body[s.n].n = s.body[s.n - 1].n;
	s.body[s.n].p = calloc(1, s.body[s.n].n + 64);
	memcpy(s.body[s.n].p, s.body[s.n - 1].p, s.body[s.n].n);
	s.n++;
	seg_store(&v, &s);
	caught(&v);
}

/* A well-formed record with the right number and the right note. */
static void
append_forged(struct victim *v, const struct hf_record *r,
    const struct hf_audit_stamp *at)
{
	struct hf_checkpoint c;
	struct hf_buf body;
	struct seg s;
	uint8_t *note;
	size_t n;

	note = fx_slurp(v->f.path, "checkpoint", &n);
	assert_int_equal(hf_checkpoint_parse(&c, (char *)note, n, NULL), HF_OK);
	free(note);
	hf_buf_init(&body, 8192);
	assert_int_equal(
	    hf_audit_body_put(&body, c.size, r, at, c.text_hash, NULL), HF_OK);
	seg_load(v, SEG1, &s);
	s.body[s.n].p = malloc(body.len);
	memcpy(s.body[s.n].p, body.p, body.len);
	s.body[s.n++].n = body.len;
	seg_store(v, &s);
	hf_buf_fini(&body);
}

static void
a_record_added_after_the_last_checkpoint(void **state)
{
	struct hf_record r = fx_record(4711);
	struct victim v;

	(void)state;
	victim_make(&v);
	append_forged(&v, &r, &v.f.at);
	caught(&v);
}

static void
drop_a_checkpoint(void **state)
{
	struct hf_slice note[16];
	struct victim v;
	struct hf_buf out;
	uint8_t *p;
	size_t n, k, i;

	(void)state;
	victim_make(&v);
	p = fx_slurp(v.f.path, NOTES0, &n);
	k = notes_split(p, n, note, 16);
	assert_true(k >= 3);
	hf_buf_init(&out, 65536);
	for (i = 0; i < k; i++)
		if (i != 1)
			hf_buf_put(&out, note[i].p, note[i].n);
	fx_spill(v.f.path, NOTES0, out.p, out.len);
	hf_buf_fini(&out);
	free(p);
	caught(&v);
}

static void
drop_the_last_checkpoint(void **state)
{
	struct hf_slice note[16];
	struct victim v;
	uint8_t *p;
	size_t n, k;

	(void)state;
	victim_make(&v);
	p = fx_slurp(v.f.path, NOTES1, &n);
	k = notes_split(p, n, note, 16);
	assert_true(k >= 2);
	fx_spill(v.f.path, NOTES1, p, n - note[k - 1].n);
	fx_spill(v.f.path, "checkpoint", note[k - 2].p, note[k - 2].n - 1);
	free(p);
	caught(&v);
}

static void
reorder_checkpoints(void **state)
{
	struct hf_slice note[16];
	struct victim v;
	struct hf_buf out;
	uint8_t *p;
	size_t n, k, i;

	(void)state;
	victim_make(&v);
	p = fx_slurp(v.f.path, NOTES0, &n);
	k = notes_split(p, n, note, 16);
	hf_buf_init(&out, 65536);
	hf_buf_put(&out, note[1].p, note[1].n);
	hf_buf_put(&out, note[0].p, note[0].n);
	for (i = 2; i < k; i++)
		hf_buf_put(&out, note[i].p, note[i].n);
	fx_spill(v.f.path, NOTES0, out.p, out.len);
	hf_buf_fini(&out);
	free(p);
	caught(&v);
}

static void
segment_swapped_between_nodes(void **state)
{
	struct victim v, w;
	uint8_t *p;
	size_t n;

	(void)state;
	victim_make(&v);
	fx_init(&w.f);
	w.f.conf.origin = "holdfast/acme/munich";
	w.f.conf.segment_bytes = 20000;
	fx_ok(&w.f, fx_open(&w.f, 1));
	fx_ok(&w.f, fx_sign(&w.f, 400));
	fx_close(&w.f);
	p = fx_slurp(w.f.path, SEG0, &n);
	fx_spill(v.f.path, SEG0, p, n);
	free(p);
	fx_fini(&w.f);
	caught(&v);
}

static void
whole_log_of_another_node(void **state)
{
	struct victim v, w;

	(void)state;
	victim_make(&v);
	fx_init(&w.f);
	w.f.conf.origin = "holdfast/acme/munich";
	fx_ok(&w.f, fx_open(&w.f, 1));
	fx_ok(&w.f, fx_sign(&w.f, 400));
	fx_close(&w.f);
	/* same key, other name: the witness of this node does not fit it */
	all_say(1, w.f.path, v.key, v.witness);
	fx_fini(&w.f);
	victim_fini(&v);
}

static void
edit_file(struct victim *v, const char *name)
{
	uint8_t *p;
	size_t n;

	p = fx_slurp(v->f.path, name, &n);
	p[n / 3] ^= 0x10;
	fx_spill(v->f.path, name, p, n);
	all_say(1, v->f.path, v->key, NULL);
	p[n / 3] ^= 0x10;
	fx_spill(v->f.path, name, p, n);
	free(p);
}

static void
tiles_inconsistent_with_records(void **state)
{
	static const char *const names[] = {"tile/0/000", "tile/0/001.p/91",
	    "tile/entries/000", "tile/entries/001.p/91", "tile/1/000.p/1"};
	char path[256];
	struct victim v;
	size_t i;

	(void)state;
	victim_make(&v);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		edit_file(&v, names[i]);
	all_say(0, v.f.path, v.key, NULL);
	snprintf(path, sizeof(path), "%s/tile/0/000", v.f.path);
	assert_int_equal(unlink(path), 0);
	all_say(1, v.f.path, v.key, NULL);
	victim_fini(&v);
}

static void
a_file_that_does_not_belong(void **state)
{
	struct victim v;

	(void)state;
	victim_make(&v);
	fx_spill(v.f.path, "tile/0/777", "x", 1);
	caught(&v);
	victim_make(&v);
	fx_spill(v.f.path, "notes.txt", "x", 1);
	caught(&v);
}

static void
segment_header_edited_with_its_crc(void **state)
{
	struct victim v;
	uint32_t crc;
	uint8_t *p;
	size_t n, len;

	(void)state;
	victim_make(&v);
	p = fx_slurp(v.f.path, SEG1, &n);
	len = p[8] | (size_t)p[9] << 8;
	p[len - 10] ^= 1; /* in the hash of tile 0 */
	crc = hf_crc32c(0, p, len - 4);
	memcpy(p + len - 4, &crc, 4);
	fx_spill(v.f.path, SEG1, p, n);
	free(p);
	caught(&v);
}

static void
tombstone_forged(void **state)
{
	struct hf_record r = {.action = "log.tombstone",
	    .actor = "role:audit",
	    .object = "0-256",
	    .decision = "removed",
	    .detail = "1 segments with records 0 to 255 removed by retention"};
	struct hf_audit_stamp at;
	struct hf_merkle *m = calloc(1, sizeof(*m));
	struct hf_seg_head h;
	struct victim v;
	char path[256];
	int fd;

	(void)state;
	victim_make(&v);
	fd = openat(v.f.dirfd, SEG1, O_RDONLY | O_CLOEXEC);
	hf_merkle_init(m, NULL);
	assert_int_equal(hf_seg_head_read(fd, &h, m, NULL), HF_OK);
	hf_merkle_root(m, r.input_hash); /* all true, but nobody signed it */
	close(fd);
	hf_merkle_fini(m);
	free(m);
	snprintf(path, sizeof(path), "%s/" SEG0, v.f.path);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/" NOTES0, v.f.path);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/tile/entries/000", v.f.path);
	assert_int_equal(unlink(path), 0);
	all_say(1, v.f.path, v.key, NULL); /* without any tombstone */
	at = v.f.at;
	at.sender = HF_ROLE_AUDIT;
	append_forged(&v, &r, &at);
	caught(&v);
}

static void
key_rotation_forged(void **state)
{
	struct hf_record r = {
	    .action = "log.key", .actor = "role:audit", .decision = "rotated"};
	struct hf_checkpoint c = {.size = 0};
	struct hf_vkey old, mine;
	struct hf_audit_stamp at;
	struct hf_audit_verdict *verdict = calloc(1, sizeof(*verdict));
	char text[HF_VKEY_MAX];
	uint8_t pub[32], *p;
	struct hf_buf note;
	struct victim v;
	size_t n;

	(void)state;
	victim_make(&v);
	p = fx_slurp(v.f.path, "key.pub", &n);
	assert_int_equal(hf_vkey_parse(&old, (char *)p, n, NULL), HF_OK);
	free(p);
	hf_ed25519_pub(fx_seed2, pub, NULL);
	hf_vkey_make(&mine, FX_ORIGIN, pub, NULL);
	hf_vkey_text(&mine, r.object);
	snprintf(
	    r.detail, sizeof(r.detail), "follows %s", hf_vkey_text(&old, text));
	at = v.f.at;
	at.sender = HF_ROLE_AUDIT;
	append_forged(&v, &r, &at);
	/* root of it all, as the verifier computes it; signed by my own key */
	fx_verify_at(v.f.path, NULL, NULL, true, verdict);
	snprintf(c.origin, sizeof(c.origin), "%s", FX_ORIGIN);
	c.size = verdict->nrecord;
	memcpy(c.root, verdict->root, sizeof(c.root));
	hf_buf_init(&note, HF_NOTE_MAX);
	hf_checkpoint_sign(&c, &mine, fx_seed2, &note, NULL);
	fx_spill(v.f.path, "checkpoint", note.p, note.len);
	hf_buf_u8(&note, '\n');
	p = fx_slurp(v.f.path, NOTES1, &n);
	p = realloc(p, n + note.len);
	memcpy(p + n, note.p, note.len);
	fx_spill(v.f.path, NOTES1, p, n + note.len);
	hf_vkey_text(&mine, text);
	n = strlen(text);
	text[n++] = '\n';
	fx_spill(v.f.path, "key.pub", text, n);
	free(p);
	free(verdict);
	hf_buf_fini(&note);
	caught(&v);
}

/* ---- somebody with a key */

/* The same log but for one record, signed with `seed`. */
static void
rewrite(struct fx *f, const uint8_t *seed)
{
	fx_init(f);
	f->conf.segment_bytes = 20000;
	f->conf.seed = seed;
	fx_ok(f, fx_open(f, 1));
	fx_ok(f, fx_sign(f, 4));
	fx_step(f, HF_NS_PER_MS / 2); /* another time in every later record */
	fx_ok(f, fx_sign(f, 10));
	fx_ok(f, fx_sign(f, 290));
	fx_close(f);
	hf_strcpy(f->at.boot_id, sizeof(f->at.boot_id), FX_BOOT_B);
	f->at.mono_ns = HF_NS_PER_S;
	f->at.wall_ns += 60 * HF_NS_PER_S;
	fx_ok(f, fx_open(f, 1));
	fx_ok(f, fx_sign(f, 20));
	fx_ok(f, fx_sign(f, 20));
	fx_close(f);
}

static void
rewrite_with_the_stolen_key_is_found_only_by_the_witness(void **state)
{
	struct victim v;
	struct fx r;

	(void)state;
	victim_make(&v);
	rewrite(&r, fx_seed);
	all_say(0, r.path, v.key, NULL); /* the stated residual risk */
	all_say(1, r.path, v.key, v.witness);
	fx_fini(&r);
	victim_fini(&v);
}

static void
rewrite_with_another_key(void **state)
{
	struct victim v;
	struct fx r;

	(void)state;
	victim_make(&v);
	rewrite(&r, fx_seed2);
	all_say(1, r.path, v.key, NULL);
	fx_fini(&r);
	victim_fini(&v);
}

/* Roots recomputed after an edit, old signatures under them. */
static void
graft_signatures(const char *to, const char *from, const char *name)
{
	uint8_t *a, *b;
	size_t na, nb, i, j = 0;

	a = fx_slurp(to, name, &na);
	b = fx_slurp(from, name, &nb);
	assert_int_equal(na, nb);
	for (i = 0; i + 3 < na; i++)
		if (memcmp(b + i, "\xe2\x80\x94 ", 4) == 0)
			for (j = i; b[j] != '\n'; j++)
				a[j] = b[j];
	assert_true(j > 0);
	fx_spill(to, name, a, na);
	free(a);
	free(b);
}

static void
edit_and_new_root(void **state)
{
	struct victim v;
	struct fx r;

	(void)state;
	victim_make(&v);
	rewrite(&r, fx_seed);
	graft_signatures(r.path, v.f.path, NOTES0);
	graft_signatures(r.path, v.f.path, NOTES1);
	graft_signatures(r.path, v.f.path, "checkpoint");
	all_say(1, r.path, v.key, NULL);
	fx_fini(&r);
	victim_fini(&v);
}

static void
truncated_below_the_witness(void **state)
{
	struct victim v;
	struct fx old;

	(void)state;
	victim_make(&v);
	fx_init(&old);
	old.conf.segment_bytes = 20000;
	fx_ok(&old, fx_open(&old, 1));
	fx_ok(&old, fx_sign(&old, 4));
	fx_ok(&old, fx_sign(&old, 10));
	fx_close(&old);
	all_say(1, old.path, v.key, v.witness);
	fx_fini(&old);
	victim_fini(&v);
}

/* An older copy of everything is a good log: only a younger witness tells. */
static void
tail_loss_since_the_last_witness_is_not_found(void **state)
{
	char old_witness[160];
	struct victim v;
	uint8_t *p;
	size_t n;

	(void)state;
	victim_make(&v);
	snprintf(old_witness, sizeof(old_witness), "%s.old", v.f.path);
	p = fx_slurp(v.f.path, "checkpoint", &n);
	fx_spill("", old_witness, p, n);
	free(p);
	/* The log grew by ten, was witnessed, and was put back. */
	fx_ok(&v.f, fx_open(&v.f, 1));
	fx_ok(&v.f, fx_sign(&v.f, 10));
	fx_close(&v.f);
	keep(&v);
	fx_fini(&v.f);
	fx_make(&v.f);
	all_say(0, v.f.path, v.key, old_witness);
	all_say(1, v.f.path, v.key, v.witness);
	unlink(old_witness);
	victim_fini(&v);
}

/* A writer that lies: bodies, tree, tiles, notes and signatures all fit, only
 * the clocks or boot ids are impossible. */
static void
forge(struct fx *f, const struct hf_audit_stamp *at, size_t n)
{
	struct hf_merkle *m = calloc(1, sizeof(*m));
	struct hf_checkpoint c = {.size = 0};
	struct hf_buf seg, body, note, bundle;
	char path[HF_TILE_PATH], key[HF_VKEY_MAX];
	uint8_t leaf[32], pub[32];
	struct hf_vkey k;
	size_t i;

	fx_init(f);
	hf_ed25519_pub(fx_seed, pub, NULL);
	hf_vkey_make(&k, FX_ORIGIN, pub, NULL);
	hf_merkle_init(m, NULL);
	hf_buf_init(&seg, 1 << 20);
	hf_buf_init(&body, 1 << 20);
	hf_buf_init(&note, 1 << 20);
	hf_buf_init(&bundle, 1 << 20);
	hf_seg_head_put(&seg, FX_ORIGIN, m);
	for (i = 0; i < n; i++) {
		struct hf_record r = fx_record(i);

		if (i == 0)
			hf_strcpy(r.action, sizeof(r.action), "log.open");
		if (i == 1) {
			r = (struct hf_record){.action = "log.key",
			    .actor = "role:audit",
			    .decision = "first",
			    .detail = "first key of this log"};
			hf_vkey_text(&k, r.object);
		}
		if (i > 1 && strcmp(at[i].boot_id, at[i - 1].boot_id) != 0)
			hf_strcpy(r.action, sizeof(r.action), "log.open");
		hf_buf_reset(&body);
		assert_int_equal(
		    hf_audit_body_put(&body, i, &r, &at[i], NULL, NULL), HF_OK);
		hf_frame_put(&seg, body.p, body.len);
		hf_bundle_put(&bundle, body.p, body.len);
		hf_treehash_leaf(m->th, body.p, body.len, leaf);
		hf_merkle_append(m, leaf, NULL);
	}
	snprintf(c.origin, sizeof(c.origin), "%s", FX_ORIGIN);
	c.size = n;
	hf_merkle_root(m, c.root);
	hf_checkpoint_sign(&c, &k, fx_seed, &note, NULL);
	fx_spill(f->path, SEG0, seg.p, seg.len);
	fx_spill(f->path, "checkpoint", note.p, note.len);
	hf_buf_u8(&note, '\n');
	fx_spill(f->path, NOTES0, note.p, note.len);
	hf_buf_reset(&note);
	hf_buf_puts(&note, hf_vkey_text(&k, key));
	hf_buf_u8(&note, '\n');
	fx_spill(f->path, "key.pub", note.p, note.len);
	hf_tile_write(f->dirfd, hf_tile_path(0, 0, (unsigned)n, path),
	    m->row[0].hash, n * 32, NULL);
	hf_tile_write(f->dirfd,
	    hf_tile_path(HF_TILE_ENTRIES, 0, (unsigned)n, path), bundle.p,
	    bundle.len, NULL);
	hf_buf_fini(&seg);
	hf_buf_fini(&body);
	hf_buf_fini(&note);
	hf_buf_fini(&bundle);
	hf_merkle_fini(m);
	free(m);
}

#define NFORGED 12

static void
good_stamps(struct hf_audit_stamp *at)
{
	size_t i;

	for (i = 0; i < NFORGED; i++) {
		at[i] = (struct hf_audit_stamp){
		    .wall_ns = FX_T0 + (int64_t)i * HF_NS_PER_S,
		    .mono_ns = (int64_t)(i + 1) * HF_NS_PER_S,
		    .sender = HF_ROLE_AUDIT};
		hf_strcpy(at[i].boot_id, sizeof(at[i].boot_id), FX_BOOT_A);
	}
}

static void
forged_says(int want, const struct hf_audit_stamp *at)
{
	struct victim v;

	forge(&v.f, at, NFORGED);
	keep(&v);
	all_say(want, v.f.path, v.key, NULL);
	victim_fini(&v);
}

static void
clock_set_back(void **state)
{
	struct hf_audit_stamp at[NFORGED];
	size_t i;

	(void)state;
	good_stamps(at);
	forged_says(0, at); /* the forger works: only the clock gives it away */
	for (i = 6; i < NFORGED; i++)
		at[i].wall_ns -= 3600 * HF_NS_PER_S;
	forged_says(1, at);
	good_stamps(at);
	at[7].mono_ns = HF_NS_PER_S;
	at[7].wall_ns = at[0].wall_ns;
	forged_says(1, at);
}

static void
boot_id_replayed(void **state)
{
	struct hf_audit_stamp at[NFORGED];
	size_t i;

	(void)state;
	good_stamps(at);
	for (i = 4; i < NFORGED; i++)
		hf_strcpy(at[i].boot_id, sizeof(at[i].boot_id), FX_BOOT_B);
	forged_says(0, at);
	for (i = 8; i < NFORGED; i++)
		hf_strcpy(at[i].boot_id, sizeof(at[i].boot_id), FX_BOOT_A);
	forged_says(1, at);
}

/* ---- golden files */

static void
golden_log_is_accepted_by_all(void **state)
{
	(void)state;
	all_say(0, GOLDEN "/log", GOLDEN "/first.key", GOLDEN "/witness");
	all_say(0, GOLDEN "/log", GOLDEN "/second.key", NULL);
	all_say(0, GOLDEN "/pruned", GOLDEN "/first.key", NULL);
	all_say(1, GOLDEN "/log", GOLDEN "/other.key", NULL);
}

static void
golden_log_is_still_written_to_the_byte(void **state)
{
	static const char *const names[] = {SEG0, SEG1, NOTES0, NOTES1,
	    "checkpoint", "key.pub", "tile/0/000", "tile/0/001.p/99",
	    "tile/entries/000", "tile/entries/001.p/99", "tile/1/000.p/1"};
	size_t i, na, nb;
	struct fx f;

	(void)state;
	fx_golden(&f);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint8_t *a = fx_slurp(f.path, names[i], &na);
		uint8_t *b = fx_slurp(GOLDEN "/log", names[i], &nb);

		if (na != nb || memcmp(a, b, na) != 0)
			fail_msg("%s: the format changed", names[i]);
		free(a);
		free(b);
	}
	fx_fini(&f);
}

/* ---- any bit of any file */

static char files[200][300];
static size_t file_len[200], nfile;

static int
list_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)f;
	if (type == FTW_F) {
		assert_true(nfile < 200);
		snprintf(files[nfile], sizeof(files[0]), "%s", path);
		file_len[nfile++] = (size_t)st->st_size;
	}
	return 0;
}

static void
flip(size_t file, size_t bit)
{
	int fd = open(files[file], O_RDWR | O_CLOEXEC);
	uint8_t b;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &b, 1, (off_t)(bit / 8)), 1);
	b ^= (uint8_t)(1u << bit % 8);
	assert_int_equal(pwrite(fd, &b, 1, (off_t)(bit / 8)), 1);
	close(fd);
}

static void
audit_verify_finds_one_flipped_bit(void **state)
{
	size_t i, n = getenv("TORTURE") != NULL ? 10000 : 1000, missed = 0;
	struct hf_audit_verdict *verdict = calloc(1, sizeof(*verdict));
	uint64_t rnd = 88172645463325252u;
	struct victim v;
	struct hf_vkey k;
	uint8_t *key;
	size_t nkey;

	(void)state;
	victim_make(&v);
	key = fx_slurp("", v.key, &nkey);
	hf_vkey_parse(&k, (char *)key, nkey, NULL);
	free(key);
	nfile = 0;
	nftw(v.f.path, list_one, 16, FTW_PHYS);
	for (i = 0; i < n; i++) {
		size_t file, bit;

		rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
		file = (size_t)(rnd >> 40) % nfile;
		bit = (size_t)(rnd & 0xffffffffff) % (file_len[file] * 8);
		flip(file, bit);
		if (fx_verify_at(v.f.path, k.pub, NULL, false, verdict) ==
		    HF_OK) {
			print_message(
			    "# missed: bit %zu of %s\n", bit, files[file]);
			missed++;
		}
		if (i % (n / 40) == 0)
			missed += by_tool(false, v.f.path, v.key, NULL) != 1;
		if (i % (n / 20) == 0)
			missed += by_tool(true, v.f.path, v.key, NULL) != 1;
		flip(file, bit);
	}
	assert_int_equal(missed, 0);
	assert_int_equal(
	    fx_verify_at(v.f.path, k.pub, NULL, false, verdict), HF_OK);
	free(verdict);
	victim_fini(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_log_is_accepted_by_all),
	    cmocka_unit_test(golden_log_is_still_written_to_the_byte),
	    cmocka_unit_test(bit_edit),
	    cmocka_unit_test(crc_fixed_up_after_edit),
	    cmocka_unit_test(delete_a_record),
	    cmocka_unit_test(swap_two_records),
	    cmocka_unit_test(insert_a_record),
	    cmocka_unit_test(truncate_records),
	    cmocka_unit_test(truncated_below_the_witness),
	    cmocka_unit_test(
		rewrite_with_the_stolen_key_is_found_only_by_the_witness),
	    cmocka_unit_test(rewrite_with_another_key),
	    cmocka_unit_test(edit_and_new_root),
	    cmocka_unit_test(drop_a_checkpoint),
	    cmocka_unit_test(drop_the_last_checkpoint),
	    cmocka_unit_test(reorder_checkpoints),
	    cmocka_unit_test(clock_set_back),
	    cmocka_unit_test(a_record_duplicated_after_the_last_checkpoint),
	    cmocka_unit_test(a_record_added_after_the_last_checkpoint),
	    cmocka_unit_test(tail_loss_since_the_last_witness_is_not_found),
	    cmocka_unit_test(key_rotation_forged),
	    cmocka_unit_test(tombstone_forged),
	    cmocka_unit_test(segment_swapped_between_nodes),
	    cmocka_unit_test(whole_log_of_another_node),
	    cmocka_unit_test(tiles_inconsistent_with_records),
	    cmocka_unit_test(segment_header_edited_with_its_crc),
	    cmocka_unit_test(a_file_that_does_not_belong),
	    cmocka_unit_test(boot_id_replayed),
	    cmocka_unit_test(audit_verify_finds_one_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
