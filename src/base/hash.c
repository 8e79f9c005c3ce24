/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.c - SHA-256 by OpenSSL, CRC-32C in two ways, hex.
 *
 * CRC-32C (Castagnoli, RFC 3720 B.4): reflected polynomial 0x82F63B78, initial
 * value and final XOR 0xffffffff. The portable version eats eight bytes a step
 * with eight tables ("slicing by 8"); table k holds the CRC of each byte value
 * followed by k zero bytes. A CRC is linear over GF(2), so each entry is the
 * XOR of the entries of its single bits: 64 constants below give all 2048
 * entries at compile time. x86 with SSE 4.2 has an instruction for it; a test
 * holds both versions against each other and against a bit-by-bit one.
 */
#include "base/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#define ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                       \
	((i & 1 ? b0 : 0) ^ (i & 2 ? b1 : 0) ^ (i & 4 ? b2 : 0) ^      \
	    (i & 8 ? b3 : 0) ^ (i & 16 ? b4 : 0) ^ (i & 32 ? b5 : 0) ^ \
	    (i & 64 ? b6 : 0) ^ (i & 128 ? b7 : 0))
/* Entries of the single bits 0..7, one row a table. */
/* clang-format off */
#define T0(i) ENTRY((i), 0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, \
	0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u)
#define T1(i) ENTRY((i), 0x13a29877u, 0x274530eeu, 0x4e8a61dcu, \
	0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u)
#define T2(i) ENTRY((i), 0xa541927eu, 0x4f6f520du, 0x9edea41au, \
	0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u)
#define T3(i) ENTRY((i), 0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, \
	0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu)
#define T4(i) ENTRY((i), 0x38116facu, 0x7022df58u, 0xe045beb0u, \
	0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu)
#define T5(i) ENTRY((i), 0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, \
	0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u)
#define T6(i) ENTRY((i), 0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, \
	0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u)
#define T7(i) ENTRY((i), 0x493c7d27u, 0x9278fa4eu, 0x211d826du, \
	0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u)
#define R4(T, i) T((i)), T((i) + 1), T((i) + 2), T((i) + 3)
#define R16(T, i) R4(T, (i)), R4(T, (i) + 4), R4(T, (i) + 8), R4(T, (i) + 12)
#define R64(T, i) R16(T, (i)), R16(T, (i) + 16), R16(T, (i) + 32), \
	R16(T, (i) + 48)
#define R256(T) {R64(T, 0), R64(T, 64), R64(T, 128), R64(T, 192)}
static const uint32_t crc_table[8][256] = {
	R256(T0), R256(T1), R256(T2), R256(T3),
	R256(T4), R256(T5), R256(T6), R256(T7),
};
/* clang-format on */

/* One digest at a time: EVP_MD_CTX in disguise. */
static EVP_MD_CTX *
ctx_of(struct hf_sha256 *h)
{
	return (EVP_MD_CTX *)h;
}

struct hf_sha256 *
hf_sha256_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return (struct hf_sha256 *)ctx;
}

void
hf_sha256_put(struct hf_sha256 *h, const void *p, size_t n)
{
	int ok = EVP_DigestUpdate(ctx_of(h), p, n);

	assert(ok == 1); /* SHA-256 has no way to fail once initialised */
	(void)ok;
}

void
hf_sha256_end(struct hf_sha256 *h, uint8_t out[HF_SHA256_LEN])
{
	int ok = EVP_DigestFinal_ex(ctx_of(h), out, NULL);

	assert(ok == 1);
	(void)ok;
	EVP_MD_CTX_free(ctx_of(h));
}

void
hf_sha256_of(const void *p, size_t n, uint8_t out[HF_SHA256_LEN])
{
	static const uint8_t none[1];

	/* the one-shot form neither fetches nor allocates */
	SHA256(n > 0 ? p : none, n, out);
}

uint32_t
hf_crc32c_ref(uint32_t crc, const void *src, size_t n)
{
	const uint8_t *p = src;
	uint32_t c = ~crc, hi;

	for (; n >= 8; n -= 8, p += 8) {
		c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		     (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		hi = (uint32_t)p[4] | (uint32_t)p[5] << 8 |
		     (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
		c = crc_table[7][c & 0xff] ^ crc_table[6][c >> 8 & 0xff] ^
		    crc_table[5][c >> 16 & 0xff] ^ crc_table[4][c >> 24] ^
		    crc_table[3][hi & 0xff] ^ crc_table[2][hi >> 8 & 0xff] ^
		    crc_table[1][hi >> 16 & 0xff] ^ crc_table[0][hi >> 24];
	}
	for (; n > 0; n--, p++)
		c = c >> 8 ^ crc_table[0][(c ^ *p) & 0xff];
	return ~c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t c = ~crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, sizeof(word));
		c = __builtin_ia32_crc32di(c, word);
	}
	for (; n > 0; n--, p++)
		c = __builtin_ia32_crc32qi((uint32_t)c, *p);
	return ~(uint32_t)c;
}
#endif

uint32_t
hf_crc32c(uint32_t crc, const void *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, p, n);
#endif
	return hf_crc32c_ref(crc, p, n);
}

void
hf_hex(char *out, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
hf_unhex(uint8_t *out, size_t n, const char *hex)
{
	size_t i;
	int hi, lo;

	for (i = 0; i < n; i++) {
		hi = nibble(hex[2 * i]); /* stops at a NUL: -1 */
		lo = hi < 0 ? -1 : nibble(hex[2 * i + 1]);
		if (lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return hex[2 * n] == '\0';
}
