/* SPDX-License-Identifier: Apache-2.0
 *
 * hf-audit-verify.c - second opinion on an audit log of Holdfast.
 *
 *    hf-audit-verify [--key FILE] [--witness FILE] [--live] DIR
 *
 * Written from the description of the format in holdfast-audit(7) and shares no
 * code with the product: an error there is not repeated here by inheritance.
 * Needs OpenSSL's libcrypto only. Keeps 32 bytes per record in memory.
 * Exit code 0: nothing wrong; 1: findings, one line each; 2: usage, no log.
 */
#include <dirent.h>
#include <ftw.h>
#include <getopt.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct blob {
	unsigned char *p;
	size_t n;
};
struct note {
	char origin[200], root[45];
	uint64_t size;
	unsigned char text_hash[32];
	const char *text;
	size_t text_len, len;
};
struct pair { /* of a flat JSON object; value without quotes */
	char key[32];
	const char *val;
	size_t n;
	bool is_text;
};
struct body {
	struct pair kv[32];
	int n;
};

static bool live, broken;
static unsigned long nfound;
static char origin[200];
static unsigned char (*leaf)[32]; /* of every record */
static uint64_t nleaf, leaf_cap, first_seg, promised;
static unsigned char edge[64][32]; /* roots of the perfect subtrees */
static struct blob bundle;	   /* entries since the last multiple of 256 */
static size_t bundle_cap;
static char key_now[300], key_next[300]; /* verifier keys as text */
static uint64_t key_next_seq;
static char given[300];
static bool given_signed;
static struct note last, witness;
static bool has_last, has_witness;
static unsigned char last_copy[20000];
static char prev_boot[64], boots[1000][64];
static int nboots;
static int64_t prev_wall, prev_mono;
static uint64_t tomb_to;
static char tomb_root[65];
static struct start { /* of a segment: records before it and their root */
	uint64_t at;
	char root[65];
} * starts;
static size_t nstart;

static void found(uint64_t seq, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
found(uint64_t seq, const char *fmt, ...)
{
	va_list ap;

	nfound++;
	printf("finding at %llu: ", (unsigned long long)seq);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void *
grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (p == NULL) {
		fputs("hf-audit-verify: out of memory\n", stderr);
		exit(2);
	}
	return p;
}

static bool
slurp(const char *path, struct blob *b)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 65536, got;

	b->n = 0;
	b->p = NULL;
	if (f == NULL)
		return false;
	b->p = grow(NULL, cap + 1);
	while ((got = fread(b->p + b->n, 1, cap - b->n, f)) > 0) {
		b->n += got;
		if (b->n == cap)
			b->p = grow(b->p, (cap *= 2) + 1);
	}
	b->p[b->n] = '\0';
	got = (size_t)ferror(f);
	fclose(f);
	return got == 0;
}

static uint64_t
le(const unsigned char *p, int n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static uint32_t
crc32c(uint32_t crc, const unsigned char *p, size_t n)
{
	static uint32_t table[256];
	uint32_t c;
	int i, k;

	if (table[1] == 0)
		for (i = 0; i < 256; i++) {
			for (c = (uint32_t)i, k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
			table[i] = c;
		}
	for (crc = ~crc; n-- > 0; p++)
		crc = crc >> 8 ^ table[(crc ^ *p) & 255];
	return ~crc;
}

static void
hex(char *out, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
}

static void
sha(const char *prefix, size_t np, const void *a, size_t na, const void *b,
    size_t nb, unsigned char *out)
{
	static EVP_MD_CTX *ctx;
	static EVP_MD *md;

	if (ctx == NULL) {
		ctx = EVP_MD_CTX_new();
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, prefix, np) != 1 ||
	    EVP_DigestUpdate(ctx, a, na) != 1 ||
	    EVP_DigestUpdate(ctx, b, nb) != 1 ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		abort();
}

static void
node(const unsigned char *l, const unsigned char *r, unsigned char *out)
{
	sha("\1", 1, l, 32, r, 32, out);
}

/* Adds a leaf hash: counting in binary with subtrees as digits. */
static void
add_leaf(const unsigned char h[32])
{
	unsigned char x[32];
	int bit = 0;

	if (nleaf == leaf_cap) {
		leaf_cap = leaf_cap == 0 ? 4096 : 2 * leaf_cap;
		leaf = grow(leaf, leaf_cap * 32);
	}
	memcpy(leaf[nleaf], h, 32);
	memcpy(x, h, 32);
	for (; nleaf >> bit & 1; bit++)
		node(edge[bit], x, x);
	memcpy(edge[bit], x, 32);
	nleaf++;
}

static void
root_now(unsigned char out[32])
{
	bool any = false;
	int bit;

	sha("", 0, "", 0, "", 0, out);
	for (bit = 0; bit < 64; bit++) {
		if ((nleaf >> bit & 1) == 0)
			continue;
		if (any)
			node(edge[bit], out, out);
		else
			memcpy(out, edge[bit], 32);
		any = true;
	}
}

/* Strict base64 through OpenSSL: what it decodes must encode to the same. */
static bool
unbase64(const char *s, size_t len, unsigned char *out, size_t n)
{
	unsigned char raw[256], again[300];

	if (len != (n + 2) / 3 * 4 || len > 200 ||
	    EVP_DecodeBlock(raw, (const unsigned char *)s, (int)len) < 0)
		return false;
	EVP_EncodeBlock(again, raw, (int)n);
	memcpy(out, raw, n);
	return memcmp(again, s, len) == 0;
}

/* "name+hash+base64": name length and key, if all of it fits together. */
static bool
parse_key(const char *text, size_t *name_len, unsigned char pub[32],
    unsigned char id[4])
{
	const char *plus = strchr(text, '+');
	unsigned char raw[33], h[32];
	char want[16];

	if (plus == NULL || plus == text || plus - text > 199 ||
	    strlen(plus) != 1 + 8 + 1 + 44 || plus[9] != '+' ||
	    !unbase64(plus + 10, 44, raw, 33) || raw[0] != 1)
		return false;
	sha(text, (size_t)(plus - text), "\n", 1, raw, 33, h);
	hex(want, h, 4);
	*name_len = (size_t)(plus - text);
	memcpy(pub, raw + 1, 32);
	memcpy(id, h, 4);
	return memcmp(want, plus + 1, 8) == 0;
}

static bool
ed25519(const unsigned char pub[32], const char *m, size_t n,
    const unsigned char sig[64])
{
	EVP_PKEY *k =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok =
	    k != NULL && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) == 1 &&
	    EVP_DigestVerify(c, sig, 64, (const unsigned char *)m, n) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return ok;
}

static bool
signed_by(const struct note *t, const char *key)
{
	unsigned char pub[32], id[4], raw[68];
	const char *s = t->text + t->text_len + 1, *end = t->text + t->len, *nl;
	size_t nname;

	if (key[0] == '\0' || !parse_key(key, &nname, pub, id))
		return false;
	for (; s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if ((size_t)(nl - s) == 4 + nname + 1 + 92 &&
		    memcmp(s + 4, key, nname) == 0 && s[4 + nname] == ' ' &&
		    unbase64(nl - 92, 92, raw, 68) && memcmp(raw, id, 4) == 0)
			return ed25519(pub, t->text, t->text_len, raw + 4);
	}
	return false;
}

/* One note at p, up to and without the empty line behind it (or the end). */
static bool
parse_note(const char *p, size_t n, struct note *t)
{
	const char *end = p + n, *l1, *l2, *l3, *s, *nl;
	unsigned char raw[32];
	char num[32];

	memset(t, 0, sizeof(*t));
	l1 = memchr(p, '\n', n);
	l2 = l1 != NULL ? memchr(l1 + 1, '\n', (size_t)(end - l1 - 1)) : NULL;
	l3 = l2 != NULL ? memchr(l2 + 1, '\n', (size_t)(end - l2 - 1)) : NULL;
	if (l3 == NULL || l1 == p || l1 - p > 199 || l2 - l1 - 1 > 20 ||
	    l3 - l2 - 1 != 44 || l3 + 1 >= end || l3[1] != '\n' ||
	    !unbase64(l2 + 1, 44, raw, 32))
		return false;
	memcpy(t->origin, p, (size_t)(l1 - p));
	t->size = strtoull(l1 + 1, NULL, 10);
	snprintf(num, sizeof(num), "%llu", (unsigned long long)t->size);
	if (strlen(num) != (size_t)(l2 - l1 - 1) ||
	    memcmp(num, l1 + 1, strlen(num)) != 0)
		return false;
	memcpy(t->root, l2 + 1, 44);
	t->text = p;
	t->text_len = (size_t)(l3 + 1 - p);
	sha("", 0, p, t->text_len, "", 0, t->text_hash);
	for (s = l3 + 2; s < end && *s != '\n'; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if (nl == NULL || nl - s < 8 ||
		    memcmp(s, "\xe2\x80\x94 ", 4) != 0)
			return false;
	}
	t->len = (size_t)(s - p);
	return t->len > t->text_len + 1 && t->len < sizeof(last_copy);
}

static void
check_note(const struct note *t)
{
	unsigned char root[32], want[48];

	root_now(root);
	EVP_EncodeBlock(want, root, 32);
	if (strcmp(t->origin, origin) != 0)
		found(t->size, "checkpoint of another log: %s", t->origin);
	if (memcmp(want, t->root, 44) != 0)
		found(t->size, "checkpoint with another root than the records");
	if (!signed_by(t, key_now)) {
		if (key_next[0] != '\0' && has_last &&
		    key_next_seq < last.size && signed_by(t, key_next)) {
			memcpy(key_now, key_next, sizeof(key_now));
			key_next[0] = '\0';
		} else {
			found(t->size, "checkpoint not signed by its key");
		}
	}
	if (strcmp(key_now, given) == 0)
		given_signed = true;
	memcpy(last_copy, t->text, t->len);
	last = *t;
	last.text = (char *)last_copy;
	has_last = true;
}

static const struct pair *
get(const struct body *b, const char *key)
{
	int i;

	for (i = 0; i < b->n; i++)
		if (strcmp(b->kv[i].key, key) == 0)
			return &b->kv[i];
	return NULL;
}

static bool
is(const struct body *b, const char *key, const char *want)
{
	const struct pair *p = get(b, key);

	return p != NULL && p->n == strlen(want) &&
	       memcmp(p->val, want, p->n) == 0;
}

static void
copy(const struct body *b, const char *key, char *out, size_t cap)
{
	const struct pair *p = get(b, key);
	size_t n = p == NULL ? 0 : p->n < cap - 1 ? p->n : cap - 1;

	if (p != NULL)
		memcpy(out, p->val, n);
	out[n] = '\0';
}

static size_t
utf8_len(const unsigned char *p, const unsigned char *end)
{
	size_t n = *p < 0x80		     ? 1
		   : *p >= 0xc2 && *p < 0xe0 ? 2
		   : *p >= 0xe0 && *p < 0xf0 ? 3
		   : *p >= 0xf0 && *p < 0xf5 ? 4
					     : 0,
	       i;

	if (n == 0 || (size_t)(end - p) < n || (*p == 0xe0 && p[1] < 0xa0) ||
	    (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	for (i = 1; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

/* Flat canonical JSON: text and integer values, keys ascending, no blanks. */
static bool
parse_body(const unsigned char *p, size_t len, struct body *b)
{
	const unsigned char *end = p + len, *from;
	struct pair *kv;
	size_t n;

	memset(b, 0, sizeof(*b));
	if (len < 2 || *p++ != '{')
		return false;
	for (;;) {
		if (b->n == 32 || p >= end || *p++ != '"')
			return false;
		kv = &b->kv[b->n++];
		for (n = 0; p < end &&
			    ((*p >= 'a' && *p <= 'z') || *p == '_') && n < 31;
		     n++)
			kv->key[n] = (char)*p++;
		if (n == 0 || end - p < 3 || *p++ != '"' || *p++ != ':' ||
		    (b->n > 1 && strcmp(kv[-1].key, kv->key) >= 0))
			return false;
		kv->is_text = *p == '"';
		from = p += kv->is_text;
		if (kv->is_text) {
			while (p < end && *p != '"') {
				if (*p == '\\' &&
				    (++p >= end || (*p != '"' && *p != '\\')))
					return false;
				n = *p < 0x20 ? 0 : utf8_len(p, end);
				if (n == 0)
					return false;
				p += n;
			}
			if (p == from)
				return false;
		} else {
			while (p < end && *p >= '0' && *p <= '9')
				p++;
			if (p == from || (*from == '0' && p - from > 1) ||
			    p - from > 16 ||
			    strtoull((const char *)from, NULL, 10) >= 1ull
									  << 53)
				return false;
		}
		kv->val = (const char *)from;
		kv->n = (size_t)(p - from);
		if ((p += kv->is_text) >= end)
			return false;
		if (*p == '}')
			return p + 1 == end;
		if (*p++ != ',')
			return false;
	}
}

static bool
wall_us(const struct body *b, int64_t *us)
{
	struct tm tm = {0};
	char text[32], again[40];
	long ns;
	time_t s;

	copy(b, "wall", text, sizeof(text));
	if (strlen(text) != 30 ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%9ldZ", &tm.tm_year,
		&tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec,
		&ns) != 7)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	s = timegm(&tm);
	*us = (int64_t)s * 1000000 + ns / 1000;
	gmtime_r(&s, &tm);
	strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%S", &tm);
	return memcmp(again, text, 19) == 0;
}

static void
check_clock(const struct body *b)
{
	bool audit = is(b, "role", "audit");
	bool jump = audit && is(b, "action", "clock.audit_jump");
	int64_t wall, mono = strtoll(get(b, "mono_us")->val, NULL, 10), off = 0;
	char boot[64];
	int i;

	copy(b, "boot", boot, sizeof(boot));
	if (!wall_us(b, &wall)) {
		found(nleaf, "record without a canonical time");
		return;
	}
	if (strcmp(boot, prev_boot) == 0) {
		if (mono < prev_mono)
			found(nleaf, "monotonic clock runs backward");
		off = wall - prev_wall - (mono - prev_mono);
	} else {
		for (i = 0; i < nboots; i++)
			if (strcmp(boots[i], boot) == 0)
				found(nleaf, "a boot id returns");
		if (nboots < 1000)
			memcpy(boots[nboots++], boot, sizeof(boot));
		if (prev_boot[0] != '\0' && wall < prev_wall)
			off = wall - prev_wall;
		if (prev_boot[0] != '\0' && !jump &&
		    !(audit && is(b, "action", "log.open")))
			found(nleaf, "new boot id without log.open");
	}
	if ((off > 2000000 || off < -2000000) && !jump)
		found(nleaf, "wall clock moved by %lld ms, no record says so",
		    (long long)(off / 1000));
	memcpy(prev_boot, boot, sizeof(boot));
	prev_wall = wall;
	prev_mono = mono;
}

static void
take_key(const struct body *b)
{
	char object[300], detail[400];
	unsigned char pub[32], id[4];
	size_t n;

	copy(b, "object", object, sizeof(object));
	copy(b, "detail", detail, sizeof(detail));
	if (!is(b, "role", "audit") || !parse_key(object, &n, pub, id)) {
		found(nleaf, "log.key without a key");
		return;
	}
	if (strncmp(detail, "follows ", 8) != 0) {
		if (key_now[0] == '\0')
			memcpy(key_now, object, sizeof(key_now));
		if (strcmp(key_now, object) != 0)
			found(nleaf, "a key change that follows no key");
		return;
	}
	if (key_now[0] == '\0')
		snprintf(key_now, sizeof(key_now), "%.299s", detail + 8);
	if (strcmp(detail + 8, key_now) != 0 &&
	    strcmp(detail + 8, key_next) != 0) {
		found(nleaf, "a key change that does not follow the key");
		return;
	}
	memcpy(key_next, object, sizeof(key_next));
	key_next_seq = nleaf;
}

static void
check_record(const unsigned char *p, size_t n)
{
	static const char *const need[] = {
	    "action", "boot", "mono_us", "role", "seq", "v", "wall"};
	unsigned char h[32];
	char text[300], want[65];
	struct body b;
	size_t i;
	bool ok = parse_body(p, n, &b), due = has_last && last.size == nleaf;

	for (i = 0; ok && i < 7; i++)
		ok = get(&b, need[i]) != NULL;
	if (!ok) {
		found(nleaf, "record is not canonical or incomplete");
	} else {
		snprintf(want, sizeof(want), "%llu", (unsigned long long)nleaf);
		if (!is(&b, "seq", want))
			found(nleaf, "record stands at the wrong place");
		check_clock(&b);
		copy(&b, "note", text, sizeof(text));
		hex(want, last.text_hash, 32);
		if (!(nleaf == first_seg && nleaf > 0) &&
		    (text[0] != '\0') != due)
			found(nleaf, "checkpoint %llu is missing or not named",
			    (unsigned long long)nleaf);
		else if (due && strcmp(text, want) != 0)
			found(nleaf, "record names another checkpoint");
		if (is(&b, "action", "log.key"))
			take_key(&b);
		if (is(&b, "action", "log.tombstone") &&
		    is(&b, "role", "audit")) {
			copy(&b, "object", text, sizeof(text));
			tomb_to = strtoull(text + 2 * (text[0] != 0), NULL, 10);
			copy(&b, "input_hash", tomb_root, sizeof(tomb_root));
		}
	}
	if (bundle.n + n + 2 > bundle_cap)
		bundle.p = grow(bundle.p, bundle_cap = 2 * (bundle.n + n + 2));
	bundle.p[bundle.n] = (unsigned char)(n >> 8);
	bundle.p[bundle.n + 1] = (unsigned char)n;
	memcpy(bundle.p + bundle.n + 2, p, n);
	bundle.n += n + 2;
	sha("", 1, p, n, "", 0, h); /* one zero byte: the literal's end */
	add_leaf(h);
}

static void
tile_name(char out[128], const char *level, uint64_t i, unsigned width)
{
	char rest[40], more[64];

	sprintf(rest, "%03u", (unsigned)(i % 1000));
	for (i /= 1000; i > 0; i /= 1000) {
		snprintf(more, sizeof(more), "x%03u/%.35s",
		    (unsigned)(i % 1000), rest);
		memcpy(rest, more, sizeof(rest));
	}
	if (width > 0)
		snprintf(out, 128, "tile/%s/%s.p/%u", level, rest, width);
	else
		snprintf(out, 128, "tile/%s/%s", level, rest);
}

static void
expect(const char *name, const void *p, size_t n, uint64_t end)
{
	struct blob b;

	if (!slurp(name, &b)) {
		if (!live || end <= promised)
			found(end, "%s is missing", name);
	} else if (b.n != n || memcmp(b.p, p, n) != 0) {
		found(end, "%s differs from the records", name);
	}
	free(b.p);
}

static void
check_bundle(void)
{
	char name[128];

	if (nleaf % 256 != 0)
		return;
	tile_name(name, "entries", nleaf / 256 - 1, 0);
	expect(name, bundle.p, bundle.n, nleaf);
	bundle.n = 0;
}

static void
check_head(const struct blob *s, uint64_t first, size_t *len)
{
	size_t norigin, at, i;
	unsigned level, n;
	unsigned char h[32];

	*len = 0;
	if (s->n < 29 || memcmp(s->p, "HFAUDIT1", 8) != 0 ||
	    le(s->p + 8, 4) > s->n || le(s->p + 8, 4) < 29) {
		found(first, "segment without a header");
		return;
	}
	*len = le(s->p + 8, 4);
	norigin = le(s->p + 14, 2);
	if (crc32c(0, s->p, *len - 4) != le(s->p + *len - 4, 4) ||
	    le(s->p + 12, 2) != 1 || le(s->p + 16, 8) != first ||
	    norigin >= sizeof(origin) || 24 + norigin + 5 > *len) {
		found(first, "segment with a bad header");
		*len = 0;
		return;
	}
	if (origin[0] == '\0')
		memcpy(origin, s->p + 24, norigin);
	if (strlen(origin) != norigin ||
	    memcmp(origin, s->p + 24, norigin) != 0)
		found(first, "segment of another log");
	at = 24 + norigin + 1;
	for (level = 1; level <= s->p[24 + norigin]; level++) {
		uint64_t span = 1ull << (8 * level), from = first / span / 256;

		n = at + 2 <= *len - 4 ? (unsigned)le(s->p + at, 2) : 999;
		if (n != first / span % 256 || at + 2 + 32 * n > *len - 4)
			break;
		for (at += 2, i = 0; i < n; i++, at += 32) {
			uint64_t k = (from * 256 + i) * span;
			unsigned char(*t)[32] = grow(NULL, span * 32);
			uint64_t m;

			memcpy(t, leaf[k], span * 32);
			for (m = span; m > 1; m /= 2)
				for (k = 0; k < m / 2; k++)
					node(t[2 * k], t[2 * k + 1], t[k]);
			memcpy(h, t[0], 32);
			free(t);
			if (memcmp(h, s->p + at, 32) != 0)
				found(
				    first, "segment header with a wrong hash");
		}
	}
	if (at != *len - 4 || first >> (8 * level) != 0)
		found(first, "segment header does not fit its position");
}

static void
take_notes(const struct blob *f, size_t *at)
{
	struct note t;

	while (*at < f->n) {
		if (!parse_note((char *)f->p + *at, f->n - *at, &t) ||
		    *at + t.len >= f->n) {
			if (!live)
				found(nleaf, "malformed checkpoint");
			*at = f->n;
			return;
		}
		if (t.size > nleaf)
			return;
		*at += t.len + 1;
		if (t.size < nleaf || (has_last && last.size == t.size))
			found(t.size, "checkpoints out of order");
		else
			check_note(&t);
	}
}

static void
check_segment(uint64_t first)
{
	unsigned char root[32], want[48];
	char name[64];
	struct blob s, notes;
	size_t at, nat = 0, len;
	struct note t;

	snprintf(
	    name, sizeof(name), "%016llu.notes", (unsigned long long)first);
	slurp(name, &notes);
	snprintf(name, sizeof(name), "%016llu.seg", (unsigned long long)first);
	if (!slurp(name, &s)) {
		found(first, "%s cannot be read", name);
		broken = true;
	}
	root_now(root);
	starts = grow(starts, (nstart + 1) * sizeof(*starts));
	starts[nstart].at = nleaf;
	hex(starts[nstart++].root, root, 32);
	if (!broken)
		check_head(&s, first, &at);
	broken = broken || at == 0;
	for (; !broken && at < s.n; at += 8 + len) {
		len = s.n - at >= 8 ? le(s.p + at, 4) : 0;
		if (len == 0 || len > 4096 || at + 8 + len > s.n ||
		    crc32c(crc32c(0, s.p + at, 4), s.p + at + 8, len) !=
			le(s.p + at + 4, 4)) {
			if (live && nleaf >= promised)
				break;
			found(nleaf, "record cannot be read");
			broken = true;
			break;
		}
		check_record(s.p + at + 8, len);
		take_notes(&notes, &nat);
		if (has_witness && witness.size == nleaf) {
			root_now(root);
			EVP_EncodeBlock(want, root, 32);
			if (memcmp(want, witness.root, 44) != 0)
				found(nleaf, "the witness saw another root");
		}
		check_bundle();
	}
	for (; nat < notes.n &&
	       parse_note((char *)notes.p + nat, notes.n - nat, &t);
	     nat += t.len + 1)
		if (!live || t.size <= promised)
			found(nleaf, "signed at %llu, records are missing",
			    (unsigned long long)t.size);
	free(s.p);
	free(notes.p);
}

/* All full tiles, level by level, and the partial ones that must exist. */
static void
check_tiles(void)
{
	unsigned char(*row)[32] = grow(NULL, (nleaf + 1) * 32);
	uint64_t n = nleaf, i, k, m, span = 1, lastn;
	char name[128], lv[8];
	unsigned level, width;

	memcpy(row, leaf, nleaf * 32);
	for (level = 0; n > 0; level++, span *= 256) {
		sprintf(lv, "%u", level);
		for (i = 0; i < n / 256; i++) {
			tile_name(name, lv, i, 0);
			expect(name, row[i * 256], 8192, (i + 1) * 256 * span);
		}
		lastn = has_last ? last.size / span : 0;
		width = (unsigned)(lastn % 256);
		if (width > 0 && lastn / 256 == n / 256) {
			tile_name(name, lv, n / 256, width);
			expect(name, row[n / 256 * 256], 32 * (size_t)width,
			    last.size);
		}
		for (i = 0; i < n / 256; i++) {
			for (m = 256; m > 1; m /= 2)
				for (k = 0; k < m / 2; k++)
					node(row[i * 256 + 2 * k],
					    row[i * 256 + 2 * k + 1],
					    row[i * 256 + k]);
			memcpy(row[i], row[i * 256], 32);
		}
		n /= 256;
	}
	free(row);
}

static size_t
prefix(const struct blob *b, unsigned n)
{
	size_t at = 0;

	while (n-- > 0 && at + 2 <= b->n)
		at += 2 + ((size_t)b->p[at] << 8 | b->p[at + 1]);
	return at;
}

/* Every file below tile/: is it one that may be there, with the right bytes? */
static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char level[16] = "", name[128];
	unsigned width = 0, shift;
	uint64_t index = 0, now;
	const char *p = path;
	struct blob b = {0}, full, own = {0}; /* own: freed here */
	size_t n;

	(void)st, (void)ftw;
	if (type == FTW_D || strcmp(path, "tile/new.tmp") == 0)
		return 0;
	sscanf(path, "tile/%15[^/]", level);
	for (p += 5 + strlen(level); *p == '/'; p += 3) {
		p += p[1] == 'x' ? 2 : 1;
		index =
		    index * 1000 +
		    (strlen(p) >= 3
			    ? strtoull((char[4]){p[0], p[1], p[2], 0}, NULL, 10)
			    : 0);
		if (strlen(p) < 3)
			break;
	}
	if (strncmp(p, ".p/", 3) == 0)
		width = (unsigned)strtoul(p + 3, NULL, 10);
	tile_name(name, level, index, width);
	shift = strcmp(level, "entries") == 0
		    ? 8
		    : 8 * ((unsigned)strtoul(level, NULL, 10) + 1);
	if (strcmp(name, path) != 0 || width > 255 || shift > 56 ||
	    (shift == 8 && strcmp(level, "entries") != 0 &&
		strcmp(level, "0") != 0)) {
		found(0, "%s is no tile", path);
		return 0;
	}
	now = nleaf >> shift;
	if (level[0] == 'e' && (index + 1) * 256 <= first_seg)
		found(0, "%s should have been removed", path);
	if (width == 0 || index > now ||
	    (index == now && width > (nleaf >> (shift - 8)) % 256)) {
		if ((width > 0 || index >= now) && !live)
			found(nleaf, "%s is beyond the end", path);
		return 0; /* full ones were compared before */
	}
	tile_name(name, level, index, 0);
	if (level[0] == 'e' && index == now)
		full = (struct blob){bundle.p, bundle.n};
	else if (level[0] == '0' && index == now)
		full = (struct blob){leaf[index * 256], 8192};
	else
		full =
		    slurp(name, &own) || index >= now ? own : (struct blob){0};
	n = level[0] == 'e' ? prefix(&full, width) : 32 * (size_t)width;
	if (level[0] > '0' && level[0] <= '9' && index == now) {
		/* hashes of a level above: recompute from the leaves */
		uint64_t span = 1ull << (shift - 8), i, k, m;
		unsigned char(*t)[32] = grow(NULL, span * 32);

		full.p = own.p = grow(own.p, n);
		for (i = 0; i < width; i++) {
			memcpy(t, leaf[(index * 256 + i) * span], span * 32);
			for (m = span; m > 1; m /= 2)
				for (k = 0; k < m / 2; k++)
					node(t[2 * k], t[2 * k + 1], t[k]);
			memcpy(full.p + 32 * i, t[0], 32);
		}
		free(t);
	}
	if (full.p == NULL || !slurp(path, &b) || b.n != n ||
	    memcmp(b.p, full.p, n) != 0)
		found(nleaf, "%s differs from the records", path);
	free(own.p);
	free(b.p);
	return 0;
}

static void
check_end(const char *witness_text)
{
	struct blob b;
	char line[300] = "";
	size_t i;

	if (nleaf > last.size && !live)
		found(last.size, "%llu records that nobody signed",
		    (unsigned long long)(nleaf - last.size));
	if (slurp("checkpoint", &b) && !live &&
	    (!has_last || b.n != last.len || memcmp(b.p, last_copy, b.n) != 0))
		found(last.size, "file checkpoint is not the last checkpoint");
	if (b.p == NULL || (live && promised > last.size))
		found(last.size, "checkpoints are missing");
	free(b.p);
	if (slurp("key.pub", &b) && b.n > 1 && b.n < sizeof(line) &&
	    b.p[b.n - 1] == '\n')
		memcpy(line, b.p, b.n - 1);
	free(b.p);
	if (line[0] == '\0' ||
	    (strcmp(line, key_now) != 0 && strcmp(line, key_next) != 0))
		found(nleaf, "key.pub is not the key of this log");
	if (!given_signed)
		found(nleaf, "no checkpoint is signed by the given key");
	for (i = 0; i < nstart && starts[i].at != tomb_to; i++)
		continue;
	if (first_seg > 0 &&
	    (tomb_to < first_seg || nstart == 0 ||
		strcmp(tomb_root, starts[i < nstart ? i : 0].root) != 0))
		found(0, "records are gone without a signed tombstone");
	if (witness_text == NULL)
		return;
	if (!has_witness || strcmp(witness.origin, origin) != 0)
		found(0, "the witness is no checkpoint of this log");
	else if (witness.size > nleaf)
		found(nleaf, "the witness saw %llu records, the log was cut",
		    (unsigned long long)witness.size);
	else if (nfound > 0 && !signed_by(&witness, key_now) &&
		 !signed_by(&witness, given))
		found(witness.size, "the witness has no good signature");
}

static int
is_seg(const struct dirent *e)
{
	const char *s = e->d_name, *dot = strchr(s, '.');

	if (dot == NULL)
		dot = "";
	if (strspn(s, "0123456789") == 16 && strcmp(dot, ".seg") == 0)
		return 1;
	if (!(strspn(s, "0123456789") == 16 && strcmp(dot, ".notes") == 0) &&
	    s[0] != '.' && strcmp(s, "checkpoint") != 0 &&
	    strcmp(s, "key.pub") != 0 && strcmp(s, "tile") != 0 &&
	    (*dot == '\0' || strcmp(strrchr(s, '.'), ".tmp") != 0))
		found(0, "%.60s should not be here", s);
	return 0;
}

static void
load_pruned(void)
{
	char name[128];
	struct blob b;
	uint64_t i, k;

	for (i = 0; i < first_seg / 256 && !broken; i++) {
		tile_name(name, "0", i, 0);
		if (!slurp(name, &b) || b.n != 8192) {
			found(i * 256, "%s is missing", name);
			broken = true;
		}
		for (k = 0; !broken && k < 256; k++)
			add_leaf(b.p + 32 * k);
		free(b.p);
	}
}

/* In a log whose beginning is gone, the first log.key that is left. */
static void
find_first_key(const struct dirent *const *e, int n)
{
	static const char mark[] = "{\"action\":\"log.key\",";
	struct blob s;
	struct body b;
	unsigned char *at;
	int i;

	for (i = 0; i < n && key_now[0] == '\0'; i++) {
		if (!slurp(e[i]->d_name, &s))
			return;
		at = memmem(s.p, s.n, mark, sizeof(mark) - 1);
		if (at != NULL && at - s.p >= 8 &&
		    parse_body(at, le(at - 8, 4), &b))
			take_key(&b);
		free(s.p);
	}
	if (key_now[0] == '\0')
		memcpy(key_now, given, sizeof(key_now));
	key_next[0] = '\0';
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {{"key", 1, NULL, 'k'},
	    {"witness", 1, NULL, 'w'}, {"live", 0, NULL, 'l'}, {0}};
	struct blob key = {0}, wit = {0}, now = {0};
	struct dirent **e;
	struct note t;
	int c, i, n;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'l')
			live = true;
		else if ((c != 'k' && c != 'w') ||
			 !slurp(optarg, c == 'k' ? &key : &wit)) {
			fputs("usage: hf-audit-verify [--key FILE] "
			      "[--witness FILE] [--live] DIR\n",
			    stderr);
			return 2;
		}
	}
	if (optind + 1 != argc || chdir(argv[optind]) != 0) {
		fputs("hf-audit-verify: give one readable folder\n", stderr);
		return 2;
	}
	if (key.p == NULL && slurp("key.pub", &key))
		puts("warning: the key comes from the log itself; a log cannot "
		     "vouch for its own key");
	if (key.n > 0 && key.n < sizeof(given))
		memcpy(given, key.p, key.n - (key.p[key.n - 1] == '\n'));
	if (slurp("checkpoint", &now) && parse_note((char *)now.p, now.n, &t))
		promised = t.size;
	has_witness = wit.p != NULL &&
		      parse_note((char *)wit.p, wit.n, &witness) &&
		      witness.len == wit.n;
	n = scandir(".", &e, is_seg, alphasort);
	if (n <= 0) {
		fputs("hf-audit-verify: no audit log here\n", stderr);
		return 2;
	}
	first_seg = strtoull(e[0]->d_name, NULL, 10);
	if (first_seg > 0) {
		find_first_key((const struct dirent *const *)e, n);
		load_pruned();
	}
	for (i = 0; i < n && !broken; i++) {
		if (strtoull(e[i]->d_name, NULL, 10) != nleaf) {
			found(nleaf, "a segment is missing");
			broken = true;
			break;
		}
		check_segment(nleaf);
	}
	check_end((char *)wit.p);
	if (!broken) {
		check_tiles();
		nftw("tile", visit, 16, FTW_PHYS);
	}
	printf("%s: %llu records, signed to %llu by %s: %s\n", origin,
	    (unsigned long long)nleaf, (unsigned long long)last.size, key_now,
	    nfound == 0 ? "nothing wrong" : "NOT TO BE TRUSTED");
	while (n-- > 0)
		free(e[n]);
	free(e);
	free(key.p);
	free(wit.p);
	free(now.p);
	return nfound == 0 ? 0 : 1;
}
