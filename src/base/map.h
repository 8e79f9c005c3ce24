/* SPDX-License-Identifier: Apache-2.0
 *
 * map.h - hash maps with a limit: u64 -> pointer and string -> pointer.
 *
 * Open addressing, no order, no removal of single entries (nothing here needs
 * it). The string map borrows its keys. SipHash is not needed: keys come from
 * the checked configuration, never from a peer.
 */
#ifndef HF_BASE_MAP_H
#define HF_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct hf_map64;
struct hf_map64 *hf_map64_new(size_t max_items);
void hf_map64_free(struct hf_map64 *m);
int hf_map64_put(struct hf_map64 *m, uint64_t key, void *val); /* HF_EEXIST,
						HF_ELIMIT, HF_ENOMEM */
void *hf_map64_get(const struct hf_map64 *m, uint64_t key); /* NULL if none */
size_t hf_map64_count(const struct hf_map64 *m);

struct hf_strmap;
struct hf_strmap *hf_strmap_new(size_t max_items);
void hf_strmap_free(struct hf_strmap *m);
int hf_strmap_put(struct hf_strmap *m, const char *key, void *val);
void *hf_strmap_get(const struct hf_strmap *m, const char *key);
size_t hf_strmap_count(const struct hf_strmap *m);

#endif
