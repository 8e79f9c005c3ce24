/* SPDX-License-Identifier: Apache-2.0
 *
 * merkle.h - RFC 6962 Merkle tree, of which only the right edge is kept.
 *
 * The arithmetic is told in merkle.c. No files, no clock. One thread.
 */
#ifndef HF_STORE_MERKLE_H
#define HF_STORE_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

#define HF_TILE_WIDTH 256 /* hashes in a full tile: subtree of height 8 */
#define HF_TILE_LEVELS 7  /* 2^56 records; nobody will write more */
#define HF_MERKLE_HEIGHTS (8 * HF_TILE_LEVELS)

/* A reusable SHA-256 that adds the RFC 6962 prefixes. */
struct hf_treehash;
struct hf_treehash *hf_treehash_new(void); /* NULL on no memory */
void hf_treehash_free(struct hf_treehash *th);
/* SHA-256(0x00 || body) */
void hf_treehash_leaf(struct hf_treehash *th, const void *body, size_t n,
    uint8_t out[HF_SHA256_LEN]);
/* SHA-256(0x01 || left || right); out may be left or right. */
void hf_treehash_node(struct hf_treehash *th, const uint8_t left[HF_SHA256_LEN],
    const uint8_t right[HF_SHA256_LEN], uint8_t out[HF_SHA256_LEN]);

/* The hashes of one level that stand in its newest, not yet full tile. */
struct hf_tile_row {
	uint32_t n; /* 0..255 between appends */
	uint8_t hash[HF_TILE_WIDTH][HF_SHA256_LEN];
};

/* Called with each tile that became full. index: its number on that level. */
typedef int hf_merkle_full(void *arg, unsigned level, uint64_t index,
    const struct hf_tile_row *row, struct hf_err *err);

struct hf_merkle {
	struct hf_treehash *th; /* owned */
	uint64_t size;		/* leaves */
	/* edge[h]: root of the perfect subtree of 2^h leaves that stands at
	 * the right; meaningful where bit h of size is set */
	uint8_t edge[HF_MERKLE_HEIGHTS][HF_SHA256_LEN];
	struct hf_tile_row row[HF_TILE_LEVELS];
	hf_merkle_full *full; /* may be NULL */
	void *arg;
};

/* HF_ENOMEM. About 60 KB inside *m, no more however large the log is. */
int hf_merkle_init(struct hf_merkle *m, struct hf_err *err);
void hf_merkle_fini(struct hf_merkle *m);
/* Appends one leaf hash. Passes on a failure of full(): the tree then has the
 * leaf all the same. HF_ELIMIT at 2^56 leaves. */
int hf_merkle_append(
    struct hf_merkle *m, const uint8_t leaf[HF_SHA256_LEN], struct hf_err *err);
/* Root of all leaves; of no leaf: SHA-256(""). */
void hf_merkle_root(const struct hf_merkle *m, uint8_t out[HF_SHA256_LEN]);
/* A tree of `size` leaves, a multiple of 256, from the rows of levels 1 and up
 * (row[0] is empty then): what a segment header holds. HF_ECORRUPT if the
 * widths do not fit the size. */
int hf_merkle_restore(struct hf_merkle *m, uint64_t size,
    const struct hf_tile_row *rows, size_t nrow, struct hf_err *err);
/* Hashes that level's newest tile has in a tree of this size: 0..255. */
uint32_t hf_tile_width(uint64_t size, unsigned level);

#endif
