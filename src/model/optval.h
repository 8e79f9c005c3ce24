/* SPDX-License-Identifier: Apache-2.0
 *
 * optval.h - one value of an option table: from text, to text, checked, packed.
 *
 * The rows of base/opt.h say what an option is; here is what can be done with
 * its value. src/conf reads and prints through these functions, plant_pack.c
 * packs through them, plant.c checks through them, so that a rule about a type
 * stands in one place (optval.c).
 */
#ifndef HF_MODEL_OPTVAL_H
#define HF_MODEL_OPTVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/opt.h"

#define HF_OPT_TEXT 1024  /* bytes of one text value */
#define HF_OPT_NLIST 1024 /* items of one list value */
#define HF_OPT_WHY 400	  /* bytes for a reason, NUL included */
#define HF_OPT_DEPTH 4	  /* levels of HF_OPT_SUB */

/* Is the value a list of texts (struct hf_strlist)? */
bool hf_opt_is_list(enum hf_opt_type t);
/* May the file put the value in quotes? Not numbers and booleans. */
bool hf_opt_is_text(enum hf_opt_type t);

/* Every row's "not given" (0, NULL, NaN, HF_TIME_NONE for dates), then its
 * default. conf must be zeroed. A default that its own row refuses is a bug of
 * the table: HF_EINVAL with the row's name in why. */
int hf_opt_defaults(const struct hf_opt *rows, size_t nrow, void *conf,
    struct hf_arena *a, char *why, size_t cap);
/* Scalar types: parses all n bytes of s into slot. HF_EINVAL with a reason that
 * says what is expected, HF_ENOMEM. slot is untouched on failure. */
int hf_opt_from_text(const struct hf_opt *o, const char *s, size_t n,
    struct hf_arena *a, void *slot, char *why, size_t cap);
/* One item of a list type. */
int hf_opt_item_from_text(const struct hf_opt *o, const char *s, size_t n,
    struct hf_arena *a, char **out, char *why, size_t cap);
/* Is the value in range and well formed? For values that came packed. */
int hf_opt_check(
    const struct hf_opt *o, const void *slot, char *why, size_t cap);
/* False for what a reader would hold without the key: such a row is not
 * printed. */
bool hf_opt_is_given(const struct hf_opt *o, const void *slot);
/* Scalar types: the text that reads back to the same bits, appended to out. */
void hf_opt_to_text(
    const struct hf_opt *o, const void *slot, struct hf_buf *out);
/* "a duration such as 250ms or 2h, from 1ms to 10ms"; appended to out. */
void hf_opt_expects(const struct hf_opt *o, struct hf_buf *out);
/* One word for tables: "duration". */
const char *hf_opt_type_word(enum hf_opt_type t);
/* Regular expression (ECMA-262) of the type's text for JSON Schema; NULL if the
 * type has none. */
const char *hf_opt_pattern(enum hf_opt_type t);

/* All values of the rows, in the order of the table. */
void hf_opt_pack(const struct hf_opt *rows, size_t nrow, const void *conf,
    struct hf_buf *out);
/* Reads what hf_opt_pack wrote and checks each value. HF_EPROTO with a reason
 * that names the row, HF_ENOMEM. */
int hf_opt_unpack(const struct hf_opt *rows, size_t nrow, void *conf,
    struct hf_arena *a, struct hf_rd *in, char *why, size_t cap);
/* Changes when a row is added, removed, renamed or changes its type: tells a
 * packed form of another build. */
uint32_t hf_opt_digest(const struct hf_opt *rows, size_t nrow);

/* An IPv4 or IPv6 address or a host name; "10.0.0.0/8". */
bool hf_host_ok(const char *s);
bool hf_cidr_ok(const char *s, char *why, size_t cap);
/* Does the CIDR (or single address) hold the address? False for host names. */
bool hf_cidr_has(const char *cidr, const char *host);
/* Is all of the second network (or address) within the first? */
bool hf_cidr_in(const char *outer, const char *inner);
/* Where the addresses of a network lie; of all of them, so that 10.0.0.0/7 is
 * public. */
enum hf_reach {
	HF_REACH_NONE,	   /* the text is no address and no network */
	HF_REACH_LOOPBACK, /* 127.0.0.0/8, ::1 */
	HF_REACH_PRIVATE,  /* RFC 1918, unique local (RFC 4193), link-local */
	HF_REACH_PUBLIC,
	HF_REACH_WORLD /* unspecified, or wider than any private network */
};
enum hf_reach hf_cidr_reach(const char *cidr);
bool hf_cidr_is_v6(const char *cidr);
/* Tag path pattern as hf_path_match takes it. */
bool hf_pattern_ok(const char *s);

#endif
