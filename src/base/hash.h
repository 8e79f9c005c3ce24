/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h - SHA-256 (OpenSSL), CRC-32C (RFC 3720 polynomial 0x1EDC6F41), hex.
 */
#ifndef HF_BASE_HASH_H
#define HF_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_SHA256_LEN 32
#define HF_SHA256_HEX 65 /* with NUL */

struct hf_sha256;		       /* running hash */
struct hf_sha256 *hf_sha256_new(void); /* NULL on no memory */
void hf_sha256_put(struct hf_sha256 *h, const void *p, size_t n);
void hf_sha256_end(struct hf_sha256 *h, uint8_t out[HF_SHA256_LEN]); /* frees */
void hf_sha256_of(const void *p, size_t n, uint8_t out[HF_SHA256_LEN]);

/* crc32c(0, p, n) of the check string "123456789" is 0xE3069283. */
uint32_t hf_crc32c(uint32_t crc, const void *p, size_t n);
/* The same in portable C, against which the fast version is tested. */
uint32_t hf_crc32c_ref(uint32_t crc, const void *p, size_t n);

void hf_hex(char *out, const uint8_t *p, size_t n);	/* 2n+1 bytes */
bool hf_unhex(uint8_t *out, size_t n, const char *hex); /* exactly 2n digits */

#endif
