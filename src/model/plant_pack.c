/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_pack.c - a plant as bytes: from the sandboxed reader to the roles, and
 * the source of the configuration hash.
 *
 * Layout, little-endian, no padding, the same bytes for the same plant:
 *     0  u32  magic 0x4c504648 ("HFPL")
 *     4  u16  version, now 2 (1 had no contracts and exports)
 *     6  u16  number of sections
 *     8  u64  length of all of it, hash included
 *    16  ...  the sections in the order of hf_sections[], each
 *		u32  digest of its rows (names and types)
 *		u32  items (1 for plant, retention, storage)
 *		items: maps begin with the key, then the values of the rows
 *		(optpack.c); contracts then have the text of their file;
 *		devices, detectors and exports u32 digest of the chosen kind's
 *		rows and their values
 *   then	tags: u32 digest, u32 items, values of hf_tag_kind
 *   end  32	SHA-256 of all bytes before it: the configuration hash
 * The kinds' rows are not carried: both sides are the same program, and the
 * digests refuse bytes of another build. A reader accepts nothing before the
 * SHA-256 agrees, believes no count that the bytes cannot hold, and ends in
 * hf_plant_finish.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/optval.h"
#include "model/plant.h"

#define MAGIC UINT32_C(0x4c504648)
#define VERSION 2
#define HEAD 16	    /* bytes before the first section */
#define TAG_MIN 100 /* bytes: no packed tag is shorter */
#define ITEM_MIN 4  /* bytes: the key's length at least */

/* ---- pack ---- */

static int
pack_choice(const struct hf_section *s, const char *item, struct hf_buf *out,
    struct hf_err *err)
{
	const struct hf_kind *k;
	void *conf;
	char *key;

	memcpy(&k, item + s->kind_off, sizeof(k));
	memcpy(&conf, item + s->conf_off, sizeof(conf));
	memcpy(&key, item + s->name_off, sizeof(key));
	if (k == NULL || conf == NULL)
		return HF_FAIL(err, HF_EINVAL,
		    "%s.%s has no %s; finish the plant first", s->plural, key,
		    s->choice);
	hf_buf_u32(out, hf_opt_digest(k->opts, k->nopt));
	hf_opt_pack(k->opts, k->nopt, conf, out);
	return HF_OK;
}

static int
pack_section(const struct hf_section *s, const struct hf_plant *p,
    struct hf_buf *out, struct hf_err *err)
{
	size_t i, n = hf_section_count(s, p);
	const char *item;
	char *key;
	int rc;

	hf_buf_u32(out, hf_opt_digest(s->kind.opts, s->kind.nopt));
	hf_buf_u32(out, (uint32_t)n);
	for (i = 0; i < n; i++) {
		item = hf_section_item(s, p, i);
		if (s->is_map) {
			memcpy(&key, item + s->name_off, sizeof(key));
			hf_buf_str(out, key);
		}
		hf_opt_pack(s->kind.opts, s->kind.nopt, item, out);
		if (s->text_off != 0) {
			memcpy(&key, item + s->text_off, sizeof(key));
			hf_buf_str(out, key);
		}
		if (s->choice == NULL)
			continue;
		rc = pack_choice(s, item, out, err);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

int
hf_plant_pack(const struct hf_plant *p, struct hf_buf *out, struct hf_err *err)
{
	size_t i, start = out->len, len;
	uint8_t hash[HF_SHA256_LEN];
	int rc;

	hf_buf_u32(out, MAGIC);
	hf_buf_u16(out, VERSION);
	hf_buf_u16(out, (uint16_t)hf_nsection);
	hf_buf_u64(out, 0); /* length, below */
	for (i = 0; i < hf_nsection; i++) {
		rc = pack_section(&hf_sections[i], p, out, err);
		if (rc != HF_OK)
			return rc;
	}
	hf_buf_u32(out, hf_opt_digest(hf_tag_kind.opts, hf_tag_kind.nopt));
	hf_buf_u32(out, (uint32_t)p->ntag);
	for (i = 0; i < p->ntag; i++)
		hf_opt_pack(
		    hf_tag_kind.opts, hf_tag_kind.nopt, &p->tags[i], out);
	len = out->len - start + HF_SHA256_LEN;
	if (!hf_buf_ok(out) || len > HF_PLANT_BYTES)
		return HF_FAIL(err, HF_ELIMIT,
		    "the configuration is over %u bytes packed, or memory is "
		    "out; split "
		    "the plant over two nodes",
		    HF_PLANT_BYTES);
	for (i = 0; i < 8; i++)
		out->p[start + 8 + i] = (uint8_t)((uint64_t)len >> (8 * i));
	hf_sha256_of(out->p + start, len - HF_SHA256_LEN, hash);
	hf_buf_put(out, hash, sizeof(hash));
	if (!hf_buf_ok(out))
		return HF_FAIL(err, HF_ELIMIT, "no room for the packed plant");
	return HF_OK;
}

/* ---- unpack ---- */

struct unpack {
	struct hf_plant *p;
	const struct hf_registry *reg;
	struct hf_rd in;
	struct hf_err *err;
	char why[HF_OPT_WHY];
};

static int
short_of(struct unpack *u, const char *what)
{
	return HF_FAIL(u->err, HF_EPROTO,
	    "packed plant: %s: bytes end early or a count is too large", what);
}

static int
other_build(struct unpack *u, const char *what)
{
	return HF_FAIL(u->err, HF_EPROTO,
	    "packed plant: the options of %s are those of another build; run "
	    "the same "
	    "holdfast everywhere",
	    what);
}

static int
unpack_rows(struct unpack *u, const struct hf_kind *k, void *conf)
{
	int rc = hf_opt_unpack(k->opts, k->nopt, conf, u->p->arena, &u->in,
	    u->why, sizeof(u->why));

	if (rc == HF_OK)
		return HF_OK;
	return HF_FAIL(u->err, rc, "packed plant: %s: %s", k->name, u->why);
}

static int
unpack_choice(struct unpack *u, const struct hf_section *s, char *item)
{
	const struct hf_kind *k;
	char *name;
	void *conf;

	memcpy(&name, item + s->choice_off, sizeof(name));
	k = hf_section_kind(s, u->reg, name);
	if (k == NULL)
		return HF_FAIL(u->err, HF_EPROTO,
		    "packed plant: %s \"%s\" is not in this build", s->choice,
		    name);
	if (hf_rd_u32(&u->in) != hf_opt_digest(k->opts, k->nopt))
		return other_build(u, k->name);
	conf = hf_arena_calloc(u->p->arena, 1, k->size > 0 ? k->size : 1);
	if (conf == NULL)
		return HF_FAIL(
		    u->err, HF_ENOMEM, "packed plant: out of memory");
	memcpy(item + s->kind_off, &k, sizeof(k));
	memcpy(item + s->conf_off, &conf, sizeof(conf));
	return unpack_rows(u, k, conf);
}

static int
unpack_key(struct unpack *u, const struct hf_section *s, char *item)
{
	const char *text;
	size_t n;
	char *key;

	if (!hf_rd_str(&u->in, &text, &n, HF_OPT_TEXT) || text == NULL)
		return short_of(u, s->plural);
	if (memchr(text, '\0', n) != NULL)
		return short_of(u, s->plural);
	key = hf_arena_strndup(u->p->arena, text, n);
	if (key == NULL)
		return HF_FAIL(
		    u->err, HF_ENOMEM, "packed plant: out of memory");
	memcpy(item + s->name_off, &key, sizeof(key));
	return HF_OK;
}

static int
unpack_text(struct unpack *u, const struct hf_section *s, char *item)
{
	const char *text;
	size_t n;
	char *copy;

	if (!hf_rd_str(&u->in, &text, &n, s->text_max))
		return short_of(u, s->plural);
	if (text == NULL)
		return HF_OK; /* hf_plant_finish says so */
	if (memchr(text, '\0', n) != NULL)
		return short_of(u, s->plural);
	copy = hf_arena_strndup(u->p->arena, text, n);
	if (copy == NULL)
		return HF_FAIL(
		    u->err, HF_ENOMEM, "packed plant: out of memory");
	memcpy(item + s->text_off, &copy, sizeof(copy));
	return HF_OK;
}

static int
unpack_item(struct unpack *u, const struct hf_section *s, char *item)
{
	int rc = HF_OK;

	if (s->is_map)
		rc = unpack_key(u, s, item);
	if (rc == HF_OK)
		rc = unpack_rows(u, &s->kind, item);
	if (rc == HF_OK && s->text_off != 0)
		rc = unpack_text(u, s, item);
	if (rc == HF_OK && s->choice != NULL)
		rc = unpack_choice(u, s, item);
	return rc;
}

static int
make_items(struct unpack *u, const struct hf_section *s, size_t n)
{
	void *items = hf_arena_calloc(u->p->arena, n, s->kind.size);

	if (items == NULL && n > 0)
		return HF_FAIL(
		    u->err, HF_ENOMEM, "packed plant: out of memory");
	memcpy((char *)u->p + s->items_off, &items, sizeof(items));
	memcpy((char *)u->p + s->count_off, &n, sizeof(n));
	return HF_OK;
}

static int
unpack_section(struct unpack *u, const struct hf_section *s)
{
	uint32_t digest = hf_rd_u32(&u->in), n = hf_rd_u32(&u->in);
	size_t i;
	int rc = HF_OK;

	if (!hf_rd_ok(&u->in) || n > HF_PLANT_NITEM ||
	    n > hf_rd_left(&u->in) / ITEM_MIN || (!s->is_map && n != 1))
		return short_of(u, s->plural);
	if (digest != hf_opt_digest(s->kind.opts, s->kind.nopt))
		return other_build(u, s->plural);
	if (s->is_map)
		rc = make_items(u, s, n);
	for (i = 0; i < n && rc == HF_OK; i++)
		rc = unpack_item(u, s, hf_section_item(s, u->p, i));
	return rc;
}

static int
unpack_tags(struct unpack *u)
{
	uint32_t digest = hf_rd_u32(&u->in), n = hf_rd_u32(&u->in);
	struct hf_plant *p = u->p;
	size_t i;
	int rc = HF_OK;

	if (!hf_rd_ok(&u->in) || n > HF_PLANT_NTAG ||
	    n > hf_rd_left(&u->in) / TAG_MIN)
		return short_of(u, "tags");
	if (digest != hf_opt_digest(hf_tag_kind.opts, hf_tag_kind.nopt))
		return other_build(u, "tags");
	p->tags = hf_arena_calloc(p->arena, n, sizeof(*p->tags));
	if (p->tags == NULL && n > 0)
		return HF_FAIL(
		    u->err, HF_ENOMEM, "packed plant: out of memory");
	p->ntag = p->tag_cap = n;
	for (i = 0; i < n && rc == HF_OK; i++)
		rc = unpack_rows(u, &hf_tag_kind, &p->tags[i]);
	return rc;
}

static int
unpack_head(struct unpack *u, const uint8_t *p, size_t n)
{
	uint8_t hash[HF_SHA256_LEN];
	uint16_t version, nsection;

	if (n < HEAD + HF_SHA256_LEN || n > HF_PLANT_BYTES)
		return HF_FAIL(u->err, HF_EPROTO, "packed plant: %zu bytes", n);
	hf_rd_init(&u->in, p, n - HF_SHA256_LEN);
	if (hf_rd_u32(&u->in) != MAGIC)
		return HF_FAIL(u->err, HF_EPROTO, "packed plant: wrong magic");
	version = hf_rd_u16(&u->in);
	nsection = hf_rd_u16(&u->in);
	if (version != VERSION || nsection != hf_nsection)
		return HF_FAIL(u->err, HF_EPROTO,
		    "packed plant: version %u with %u sections, this program "
		    "has %d with "
		    "%zu",
		    version, nsection, VERSION, hf_nsection);
	if (hf_rd_u64(&u->in) != n)
		return HF_FAIL(
		    u->err, HF_EPROTO, "packed plant: length disagrees");
	hf_sha256_of(p, n - HF_SHA256_LEN, hash);
	if (memcmp(hash, p + n - HF_SHA256_LEN, sizeof(hash)) != 0)
		return HF_FAIL(
		    u->err, HF_EPROTO, "packed plant: hash disagrees");
	return HF_OK;
}

static void
first_error(void *arg, const char *what, const char *text)
{
	struct hf_err *err = arg;

	if (err != NULL && err->rc == HF_OK)
		hf_err_set(err, HF_EPROTO, "packed plant: %s: %s", what, text);
}

static int
unpack_body(struct unpack *u)
{
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < hf_nsection && rc == HF_OK; i++)
		rc = unpack_section(u, &hf_sections[i]);
	if (rc == HF_OK)
		rc = unpack_tags(u);
	if (rc == HF_OK && hf_rd_left(&u->in) != 0)
		rc = HF_FAIL(u->err, HF_EPROTO,
		    "packed plant: %zu bytes too many", hf_rd_left(&u->in));
	return rc;
}

int
hf_plant_unpack(const void *bytes, size_t n, const struct hf_registry *reg,
    struct hf_plant **out, struct hf_err *err)
{
	struct unpack u = {.reg = reg, .err = err};
	struct hf_err first = {0};
	int rc;

	u.p = hf_plant_new();
	if (u.p == NULL)
		return HF_FAIL(err, HF_ENOMEM, "packed plant: out of memory");
	rc = unpack_head(&u, bytes, n);
	if (rc == HF_OK)
		rc = unpack_body(&u);
	if (rc != HF_OK)
		goto out;
	if (hf_plant_finish(u.p, reg, first_error, &first) != HF_OK) {
		rc = HF_FAIL(err, HF_EPROTO, "%s", first.msg);
		goto out;
	}
	/* finish packs again: one plant has one form */
	if (memcmp(u.p->hash, (const uint8_t *)bytes + n - HF_SHA256_LEN,
		HF_SHA256_LEN) != 0) {
		rc = HF_FAIL(
		    err, HF_EPROTO, "packed plant: not in canonical form");
		goto out;
	}
	*out = u.p;
	u.p = NULL;
out:
	hf_plant_free(u.p);
	return rc;
}
