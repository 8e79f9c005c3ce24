/* SPDX-License-Identifier: Apache-2.0
 *
 * store_note_test.c - signed notes, checkpoints and verifier keys: known answers
 * (C2SP signed-note, RFC 8032) and everything that must be refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/auditlog.h"
#include "store/note.h"

/* The example key and note of golang.org/x/mod/sumdb/note's documentation. */
static const char go_key[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char go_note[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnA"
    "M=\n";

static void
a_note_made_by_another_program_verifies(void **state)
{
	char text[HF_VKEY_MAX];
	struct hf_vkey k;

	(void)state;
	assert_int_equal(
	    hf_vkey_parse(&k, go_key, strlen(go_key), NULL), HF_OK);
	assert_string_equal(k.name, "PeterNeumann");
	assert_int_equal(k.id, 0xc74f20a3);
	assert_string_equal(hf_vkey_text(&k, text), go_key);
	assert_int_equal(
	    hf_note_verify(go_note, strlen(go_note), &k, NULL), HF_OK);
}

static void
public_key_is_that_of_rfc_8032(void **state)
{
	uint8_t seed[32], pub[32], want[32];

	(void)state;
	assert_true(hf_unhex(seed, 32, /* RFC 8032, 7.1, test 1 */
	    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f6"
	    "0"));
	assert_true(hf_unhex(want, 32,
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511"
	    "a"));
	assert_int_equal(hf_ed25519_pub(seed, pub, NULL), HF_OK);
	assert_memory_equal(pub, want, 32);
}

static void
base64_reads_only_what_it_writes(void **state)
{
	uint8_t raw[64], back[64];
	char text[96];
	size_t n, i;

	(void)state;
	for (i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i * 37 + 11);
	for (n = 0; n <= sizeof(raw); n++) {
		hf_base64(text, raw, n);
		assert_int_equal(strlen(text), (n + 2) / 3 * 4);
		assert_true(hf_unbase64(back, n, text, strlen(text)));
		assert_memory_equal(raw, back, n);
	}
	assert_true(hf_unbase64(back, 1, "/w==", 4));
	assert_false(
	    hf_unbase64(back, 1, "/x==", 4)); /* same byte, other bits */
	assert_false(hf_unbase64(back, 2, "//9=", 4));
	assert_false(hf_unbase64(back, 1, "/w=", 3));
	assert_false(hf_unbase64(back, 3, "ab-_", 4));
	assert_false(hf_unbase64(back, 3, "ab=c", 4));
}

static struct hf_vkey
sign(struct hf_buf *out, struct hf_checkpoint *c)
{
	uint8_t seed[32], pub[32];
	struct hf_vkey k;

	memset(seed, 7, sizeof(seed));
	assert_int_equal(hf_ed25519_pub(seed, pub, NULL), HF_OK);
	assert_int_equal(hf_vkey_make(&k, "holdfast/a/b", pub, NULL), HF_OK);
	memset(c, 0, sizeof(*c));
	strcpy(c->origin, "holdfast/a/b");
	c->size = 70000;
	memset(c->root, 0xab, sizeof(c->root));
	hf_buf_init(out, HF_NOTE_MAX);
	assert_int_equal(hf_checkpoint_sign(c, &k, seed, out, NULL), HF_OK);
	return k;
}

static void
a_checkpoint_reads_back(void **state)
{
	struct hf_checkpoint c, d;
	struct hf_buf note;
	struct hf_vkey k;

	(void)state;
	k = sign(&note, &c);
	assert_memory_equal(note.p, "holdfast/a/b\n70000\n", 19);
	assert_int_equal(
	    hf_checkpoint_parse(&d, (char *)note.p, note.len, NULL), HF_OK);
	assert_memory_equal(&c, &d, sizeof(c));
	assert_int_equal(
	    hf_note_verify((char *)note.p, note.len, &k, NULL), HF_OK);
	assert_int_equal(hf_note_len((char *)note.p, note.len, true), note.len);
	assert_int_equal(hf_note_len((char *)note.p, note.len, false), 0);
	hf_buf_u8(&note, '\n');
	assert_int_equal(
	    hf_note_len((char *)note.p, note.len, false), note.len - 1);
	hf_buf_fini(&note);
}

static void
no_bit_of_a_note_can_change(void **state)
{
	struct hf_checkpoint c, d;
	struct hf_buf note;
	struct hf_vkey k;
	size_t bit;

	(void)state;
	k = sign(&note, &c);
	for (bit = 0; bit < note.len * 8; bit++) {
		note.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (hf_checkpoint_parse(&d, (char *)note.p, note.len, NULL) ==
		    HF_OK)
			assert_int_not_equal(
			    hf_note_verify((char *)note.p, note.len, &k, NULL),
			    HF_OK);
		note.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	hf_buf_fini(&note);
}

static void
lines_of_unknown_signers_are_ignored(void **state)
{
	static const char other[] = "\xe2\x80\x94 witness.example AAAAAAAA\n";
	struct hf_checkpoint c;
	struct hf_buf note;
	struct hf_vkey k;

	(void)state;
	k = sign(&note, &c);
	hf_buf_puts(&note, other);
	assert_int_equal(
	    hf_checkpoint_parse(&c, (char *)note.p, note.len, NULL), HF_OK);
	assert_int_equal(
	    hf_note_verify((char *)note.p, note.len, &k, NULL), HF_OK);
	strcpy(k.name, "somebody.else");
	assert_int_equal(
	    hf_note_verify((char *)note.p, note.len, &k, NULL), HF_EDENIED);
	hf_buf_fini(&note);
}

static void
malformed_checkpoints_are_refused(void **state)
{
	static const char root[] =
	    "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
	static const char *const bad[] = {"", "\n", "o\n", "o\n1\n", "o\n1\n%s",
	    "o\n1\n%s\n", "o\n1\n%s\n\n",
	    "\n1\n%s\n\n\xe2\x80\x94 o AAAA\n", /* no origin */
	    "o\n01\n%s\n\n\xe2\x80\x94 o AAAA\n",
	    "o\n-1\n%s\n\n\xe2\x80\x94 o AAAA\n",
	    "o\n0x1\n%s\n\n\xe2\x80\x94 o AAAA\n",
	    "o\n99999999999999999999\n%s\n\n\xe2\x80\x94 o AAAA\n",
	    "o\n1\n%s\nextension\n\n\xe2\x80\x94 o AAAA\n",
	    "o\n1\n%s\n\n- o AAAA\n", "o\n1\n%s\n\n\xe2\x80\x94 o\n",
	    "o\n1\n%s\n\n\xe2\x80\x94 o AAAA"};
	struct hf_checkpoint c;
	char text[256], *at;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		strcpy(text, bad[i]);
		at = strstr(text, "%s");
		if (at != NULL)
			snprintf(at, sizeof(text) - (size_t)(at - text), "%s%s",
			    root, bad[i] + (at - text) + 2);
		assert_int_equal(
		    hf_checkpoint_parse(&c, text, strlen(text), NULL),
		    HF_EINVAL);
	}
	snprintf(text, sizeof(text), "o\n1\n%s\n\n\xe2\x80\x94 o AAAA\n", root);
	assert_int_equal(
	    hf_checkpoint_parse(&c, text, strlen(text), NULL), HF_OK);
}

static void
malformed_verifier_keys_are_refused(void **state)
{
	static const char *const bad[] = {"", "a", "a+b", "a+c74f20a3+AA",
	    "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
	    "LDE4izWy10TW",
	    "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
	    "LDE4izWy10TW",
	    "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	    "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/"
	    "LDE4izWy10TW",
	    "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"};
	uint8_t pub[32] = {0};
	struct hf_vkey k;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    hf_vkey_parse(&k, bad[i], strlen(bad[i]), NULL), HF_EINVAL);
	assert_int_equal(hf_vkey_make(&k, "a b", pub, NULL), HF_EINVAL);
	assert_int_equal(hf_vkey_make(&k, "a+b", pub, NULL), HF_EINVAL);
	assert_int_equal(hf_vkey_make(&k, "", pub, NULL), HF_EINVAL);
}

static void
two_key_pairs_differ(void **state)
{
	uint8_t a[32], b[32], pa[32], pb[32];

	(void)state;
	assert_int_equal(hf_audit_keygen(a, pa, NULL), HF_OK);
	assert_int_equal(hf_audit_keygen(b, pb, NULL), HF_OK);
	assert_memory_not_equal(a, b, 32);
	assert_memory_not_equal(pa, pb, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_note_made_by_another_program_verifies),
	    cmocka_unit_test(public_key_is_that_of_rfc_8032),
	    cmocka_unit_test(base64_reads_only_what_it_writes),
	    cmocka_unit_test(a_checkpoint_reads_back),
	    cmocka_unit_test(no_bit_of_a_note_can_change),
	    cmocka_unit_test(lines_of_unknown_signers_are_ignored),
	    cmocka_unit_test(malformed_checkpoints_are_refused),
	    cmocka_unit_test(malformed_verifier_keys_are_refused),
	    cmocka_unit_test(two_key_pairs_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
