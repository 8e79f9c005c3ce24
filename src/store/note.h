/* SPDX-License-Identifier: Apache-2.0
 *
 * note.h - C2SP signed notes and checkpoints with Ed25519. Formats in note.c.
 */
#ifndef HF_STORE_NOTE_H
#define HF_STORE_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

#define HF_NOTE_NAME 200  /* bytes of a key's name, NUL included */
#define HF_NOTE_MAX 16384 /* bytes of one signed checkpoint */
#define HF_NOTE_SIGS 16	  /* signature lines of one note */
#define HF_VKEY_MAX 256	  /* bytes of a verifier key as text, NUL included */
#define HF_ED25519_SIG 64

struct hf_vkey { /* public key of one signer */
	char name[HF_NOTE_NAME];
	uint8_t pub[32]; /* Ed25519 */
	uint32_t id;	 /* first 4 bytes of SHA-256(name "\n" 0x01 pub) */
};

/* HF_EINVAL if the name is empty, too long, or holds '+' or a blank. */
int hf_vkey_make(struct hf_vkey *k, const char *name, const uint8_t pub[32],
    struct hf_err *err);
/* "name+hex8+base64", exactly as hf_vkey_text writes it; a newline at the end
 * is skipped. HF_EINVAL says what is wrong. */
int hf_vkey_parse(
    struct hf_vkey *k, const char *text, size_t n, struct hf_err *err);
char *hf_vkey_text(const struct hf_vkey *k, char buf[HF_VKEY_MAX]);

struct hf_checkpoint { /* the text of a note that a log signs */
	char origin[HF_NOTE_NAME];
	uint64_t size;
	uint8_t root[HF_SHA256_LEN];
	uint8_t text_hash[HF_SHA256_LEN]; /* SHA-256 of the three lines */
	size_t text_len;		  /* bytes of the three lines */
};

/* Appends the signed note to out. seed: Ed25519 private key of k. Fills
 * c->text_hash and text_len. */
int hf_checkpoint_sign(struct hf_checkpoint *c, const struct hf_vkey *k,
    const uint8_t seed[32], struct hf_buf *out, struct hf_err *err);
/* Reads the whole of p as one signed note whose text is a checkpoint without
 * extension lines. Looks at no signature. HF_EINVAL. */
int hf_checkpoint_parse(
    struct hf_checkpoint *c, const char *p, size_t n, struct hf_err *err);
/* HF_OK if the note p carries a good signature of k; lines of other signers
 * are ignored (signed-note demands it). HF_EDENIED otherwise. */
int hf_note_verify(
    const char *p, size_t n, const struct hf_vkey *k, struct hf_err *err);
/* Bytes of the first note in p: up to the first empty line behind its
 * signatures, or to the end if `is_end`. 0: not complete. */
size_t hf_note_len(const char *p, size_t n, bool is_end);

/* Standard base64 with padding; unbase64 takes only what base64 writes. */
void hf_base64(char *out, const uint8_t *p, size_t n); /* 4*ceil(n/3)+1 */
bool hf_unbase64(uint8_t *out, size_t n, const char *s, size_t len);

int hf_ed25519_pub(const uint8_t seed[32], uint8_t pub[32], struct hf_err *err);

#endif
