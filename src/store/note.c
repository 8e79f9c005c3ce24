/* SPDX-License-Identifier: Apache-2.0
 *
 * note.c - C2SP signed notes and checkpoints with Ed25519.
 *
 * Called by the log (auditlog.c), its verifier, and `holdfast audit key`. It
 * knows bytes and keys, no files.
 *
 * A signed note (c2sp.org/signed-note) is UTF-8 text, an empty line, and
 * signature lines; every line ends in "\n":
 *
 *    text line, one or more
 *    <empty line>
 *    EM-DASH SPACE name SPACE base64(key id || signature)
 *
 * EM-DASH is U+2014, bytes e2 80 94. The signature covers the text with its
 * last newline, without the empty line. The key id is the first four bytes of
 *    SHA-256(name || 0x0A || 0x01 || 32-byte Ed25519 key)
 * where 0x01 is the algorithm id of Ed25519. Lines of unknown names or ids are
 * ignored: so a witness can add its own, and a later release another algorithm.
 * A verifier key as text:
 *
 *    name "+" key id as 8 lower-case hex digits "+" base64(0x01 || key)
 *
 * A checkpoint (c2sp.org/tlog-checkpoint) is a note with the text
 *
 *    origin "\n" tree size, decimal "\n" base64(root hash) "\n"
 *
 * We write no extension lines and accept none.
 * Base64 is read strictly: what base64() would not write is refused, so that no
 * bit of a file can change without being seen.
 */
#include "store/note.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "store/auditlog.h"

#define ALG_ED25519 0x01
#define EM_DASH "\xe2\x80\x94 "
#define SIG_RAW (4 + HF_ED25519_SIG)	/* key id, signature */
#define SIG_B64 ((SIG_RAW + 2) / 3 * 4) /* 92 characters */
#define KEY_B64 44			/* of 33 bytes */
#define ROOT_B64 44			/* of 32 bytes */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
hf_base64(char *out, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)p[i] << 16;

		if (left > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[v & 63] : '=';
	}
	*out = '\0';
}

static int
b64_value(char c)
{
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

/* One group of four characters into 1..3 bytes at out. */
static bool
b64_group(uint8_t *out, size_t nout, const char *s)
{
	uint32_t v = 0;
	size_t i;

	for (i = 0; i < 4; i++) {
		int d = i <= nout ? b64_value(s[i]) : (s[i] == '=' ? 0 : -1);

		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
	}
	/* bits that no byte takes must be zero, or two texts mean the same */
	if ((v & ((UINT32_C(1) << 8 * (3 - nout)) - 1)) != 0)
		return false;
	for (i = 0; i < nout; i++)
		out[i] = (uint8_t)(v >> (16 - 8 * i));
	return true;
}

bool
hf_unbase64(uint8_t *out, size_t n, const char *s, size_t len)
{
	size_t i;

	if (len != (n + 2) / 3 * 4)
		return false;
	for (i = 0; i < n; i += 3, s += 4)
		if (!b64_group(out + i, n - i < 3 ? n - i : 3, s))
			return false;
	return true;
}

int
hf_vkey_make(struct hf_vkey *k, const char *name, const uint8_t pub[32],
    struct hf_err *err)
{
	uint8_t head[HF_NOTE_NAME + 34], hash[HF_SHA256_LEN];
	size_t n = strlen(name), i;

	if (n == 0 || n >= sizeof(k->name))
		return HF_FAIL(err, HF_EINVAL,
		    "key name of %zu bytes, 1 to %d are allowed", n,
		    HF_NOTE_NAME - 1);
	for (i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] == '+' || name[i] == 0x7f)
			return HF_FAIL(err, HF_EINVAL,
			    "key name has a '+', blank or non-ASCII character");
	memset(k, 0, sizeof(*k));
	memcpy(k->name, name, n);
	memcpy(k->pub, pub, sizeof(k->pub));
	memcpy(head, name, n);
	head[n] = '\n';
	head[n + 1] = ALG_ED25519;
	memcpy(head + n + 2, pub, 32);
	hf_sha256_of(head, n + 34, hash);
	k->id = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 |
		(uint32_t)hash[2] << 8 | hash[3];
	return HF_OK;
}

char *
hf_vkey_text(const struct hf_vkey *k, char buf[HF_VKEY_MAX])
{
	uint8_t raw[33];
	char b64[KEY_B64 + 1];

	raw[0] = ALG_ED25519;
	memcpy(raw + 1, k->pub, 32);
	hf_base64(b64, raw, sizeof(raw));
	snprintf(buf, HF_VKEY_MAX, "%s+%08" PRIx32 "+%s", k->name, k->id, b64);
	return buf;
}

int
hf_vkey_parse(struct hf_vkey *k, const char *text, size_t n, struct hf_err *err)
{
	char name[HF_NOTE_NAME], again[HF_VKEY_MAX];
	const char *plus;
	uint8_t raw[33];
	int rc;

	if (n > 0 && text[n - 1] == '\n')
		n--;
	plus = memchr(text, '+', n);
	if (plus == NULL || (size_t)(plus - text) >= sizeof(name) ||
	    n != (size_t)(plus - text) + 1 + 8 + 1 + KEY_B64 ||
	    !hf_unbase64(raw, sizeof(raw), text + n - KEY_B64, KEY_B64))
		return HF_FAIL(err, HF_EINVAL,
		    "not a verifier key: expected name+8 hex digits+base64");
	if (raw[0] != ALG_ED25519)
		return HF_FAIL(err, HF_EINVAL,
		    "verifier key has algorithm %u, only 1 (Ed25519) is known",
		    raw[0]);
	memcpy(name, text, (size_t)(plus - text));
	name[plus - text] = '\0';
	rc = hf_vkey_make(k, name, raw + 1, err);
	if (rc != HF_OK)
		return rc;
	hf_vkey_text(k, again);
	if (strlen(again) != n || memcmp(again, text, n) != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "verifier key of %s: its key id does not fit the key",
		    name);
	return HF_OK;
}

int
hf_ed25519_pub(const uint8_t seed[32], uint8_t pub[32], struct hf_err *err)
{
	EVP_PKEY *key;
	size_t n = 32;
	int ok;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	ok = key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &n) == 1;
	EVP_PKEY_free(key);
	return ok ? HF_OK : HF_FAIL(err, HF_EINVAL, "Ed25519 key: refused");
}

int
hf_audit_keygen(
    uint8_t seed[HF_AUDIT_KEY], uint8_t pub[HF_AUDIT_KEY], struct hf_err *err)
{
	if (RAND_priv_bytes(seed, HF_AUDIT_KEY) != 1)
		return HF_FAIL(
		    err, HF_EIO, "the system's random source gave no bytes");
	return hf_ed25519_pub(seed, pub, err);
}

static int
ed25519_sign(const uint8_t seed[32], const void *p, size_t n,
    uint8_t sig[HF_ED25519_SIG], struct hf_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key;
	size_t nsig = HF_ED25519_SIG;
	int ok;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	ok = ctx != NULL && key != NULL &&
	     EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, sig, &nsig, p, n) == 1;
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	return ok ? HF_OK : HF_FAIL(err, HF_ENOMEM, "Ed25519 cannot sign");
}

static bool
ed25519_verify(const uint8_t pub[32], const void *p, size_t n,
    const uint8_t sig[HF_ED25519_SIG])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key;
	bool ok;

	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
	ok = ctx != NULL && key != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, sig, HF_ED25519_SIG, p, n) == 1;
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	return ok;
}

int
hf_checkpoint_sign(struct hf_checkpoint *c, const struct hf_vkey *k,
    const uint8_t seed[32], struct hf_buf *out, struct hf_err *err)
{
	char text[HF_NOTE_NAME + 80], root[ROOT_B64 + 1], line[SIG_B64 + 1];
	uint8_t raw[SIG_RAW];
	int n, rc;

	hf_base64(root, c->root, HF_SHA256_LEN);
	n = snprintf(text, sizeof(text), "%s\n%" PRIu64 "\n%s\n", c->origin,
	    c->size, root);
	c->text_len = (size_t)n;
	hf_sha256_of(text, c->text_len, c->text_hash);
	raw[0] = (uint8_t)(k->id >> 24);
	raw[1] = (uint8_t)(k->id >> 16);
	raw[2] = (uint8_t)(k->id >> 8);
	raw[3] = (uint8_t)k->id;
	rc = ed25519_sign(seed, text, c->text_len, raw + 4, err);
	if (rc != HF_OK)
		return rc;
	hf_base64(line, raw, sizeof(raw));
	hf_buf_put(out, text, c->text_len);
	hf_buf_printf(out, "\n" EM_DASH "%s %s\n", k->name, line);
	return hf_buf_ok(out) ? HF_OK : HF_FAIL(err, HF_ENOMEM, "checkpoint");
}

/* Next line of [*p, end) without its newline; false if there is none whole. */
static bool
take_line(const char **p, const char *end, const char **line, size_t *n)
{
	const char *nl = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;

	if (nl == NULL)
		return false;
	*line = *p;
	*n = (size_t)(nl - *p);
	*p = nl + 1;
	return true;
}

size_t
hf_note_len(const char *p, size_t n, bool is_end)
{
	const char *at = p, *end = p + n, *line;
	size_t len, nempty = 0;

	while (take_line(&at, end, &line, &len)) {
		if (len == 0 && ++nempty == 2)
			return (size_t)(line - p);
	}
	return is_end && at == end && nempty == 1 ? n : 0;
}

/* The form of one signature line, whoever signed. */
static bool
sig_line_ok(const char *s, size_t n)
{
	size_t dash = strlen(EM_DASH);
	const char *blank;

	if (n <= dash || memcmp(s, EM_DASH, dash) != 0)
		return false;
	s += dash;
	n -= dash;
	blank = memchr(s, ' ', n);
	return blank != NULL && blank > s && (size_t)(blank - s) < n - 1;
}

int
hf_checkpoint_parse(
    struct hf_checkpoint *c, const char *p, size_t n, struct hf_err *err)
{
	const char *at = p, *end = p + n, *line;
	size_t len, nsig = 0;

	memset(c, 0, sizeof(*c));
	if (n > HF_NOTE_MAX || memchr(p, '\0', n) != NULL)
		return HF_FAIL(err, HF_EINVAL, "note is too long or binary");
	if (!take_line(&at, end, &line, &len) || len == 0 ||
	    len >= sizeof(c->origin))
		return HF_FAIL(err, HF_EINVAL, "note has no origin line");
	memcpy(c->origin, line, len);
	if (!take_line(&at, end, &line, &len) || len == 0 || len > 20 ||
	    (len > 1 && line[0] == '0') || line[0] < '0' || line[0] > '9' ||
	    !hf_parse_u64(line, len, &c->size))
		return HF_FAIL(err, HF_EINVAL, "note has no decimal tree size");
	if (!take_line(&at, end, &line, &len) ||
	    !hf_unbase64(c->root, sizeof(c->root), line, len))
		return HF_FAIL(err, HF_EINVAL, "note has no base64 root hash");
	c->text_len = (size_t)(at - p);
	hf_sha256_of(p, c->text_len, c->text_hash);
	if (!take_line(&at, end, &line, &len) || len != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "note has a line where the empty line is due");
	while (take_line(&at, end, &line, &len)) {
		if (!sig_line_ok(line, len) || ++nsig > HF_NOTE_SIGS)
			return HF_FAIL(err, HF_EINVAL,
			    "note has a malformed signature line");
	}
	if (nsig == 0 || at != end)
		return HF_FAIL(err, HF_EINVAL, "note ends too early");
	return HF_OK;
}

/* Is this line by k at all? Then *good says whether its signature holds. */
static bool
sig_line_of(const char *s, size_t n, const struct hf_vkey *k, const char *text,
    size_t text_len, bool *good)
{
	size_t dash = strlen(EM_DASH), nname = strlen(k->name);
	uint8_t raw[SIG_RAW];
	uint32_t id;

	if (n != dash + nname + 1 + SIG_B64 || memcmp(s, EM_DASH, dash) != 0 ||
	    memcmp(s + dash, k->name, nname) != 0 || s[dash + nname] != ' ')
		return false;
	if (!hf_unbase64(raw, sizeof(raw), s + n - SIG_B64, SIG_B64))
		return false;
	id = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 |
	     (uint32_t)raw[2] << 8 | raw[3];
	if (id != k->id)
		return false;
	*good = ed25519_verify(k->pub, text, text_len, raw + 4);
	return true;
}

int
hf_note_verify(
    const char *p, size_t n, const struct hf_vkey *k, struct hf_err *err)
{
	const char *at = p, *end = p + n, *line;
	size_t len, text_len = 0;
	bool good = false;

	while (take_line(&at, end, &line, &len)) {
		if (len == 0 && text_len == 0) {
			text_len = (size_t)(line - p);
			continue;
		}
		if (text_len == 0 ||
		    !sig_line_of(line, len, k, p, text_len, &good))
			continue;
		if (!good)
			return HF_FAIL(err, HF_EDENIED,
			    "the signature of %s does not fit the text",
			    k->name);
		return HF_OK;
	}
	return HF_FAIL(err, HF_EDENIED, "no signature by the key %s+%08" PRIx32,
	    k->name, k->id);
}
