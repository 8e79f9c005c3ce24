/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - write JSON into a bounded buffer; read it with jansson under limits.
 *
 * The writer keeps commas and nesting right (at most 16 levels) and prints
 * doubles in their shortest exact form; NaN and infinities become null. Written
 * twice, the same calls give the same bytes.
 */
#ifndef HF_BASE_JSON_H
#define HF_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct hf_jw {
	struct hf_buf *b; /* borrowed */
	int depth;
	bool has_item[17]; /* per level: is a comma due? */
	bool after_key;
};

void hf_jw_init(struct hf_jw *w, struct hf_buf *b);
void hf_jw_obj(struct hf_jw *w); /* { */
void hf_jw_end_obj(struct hf_jw *w);
void hf_jw_arr(struct hf_jw *w); /* [ */
void hf_jw_end_arr(struct hf_jw *w);
void hf_jw_key(struct hf_jw *w, const char *key);
void hf_jw_str(struct hf_jw *w, const char *s); /* NULL -> null; bytes
						that are no UTF-8 -> U+FFFD */
void hf_jw_strn(struct hf_jw *w, const char *s, size_t n);
void hf_jw_i64(struct hf_jw *w, int64_t v);
void hf_jw_u64(struct hf_jw *w, uint64_t v);
void hf_jw_f64(struct hf_jw *w, double v);
void hf_jw_bool(struct hf_jw *w, bool v);
void hf_jw_null(struct hf_jw *w);
void hf_jw_time(struct hf_jw *w, int64_t t_ns); /* RFC 3339 string, or null */
void hf_jw_raw(struct hf_jw *w, const char *json, size_t n); /* trusted JSON */
/* key and value in one call */
void hf_jw_kstr(struct hf_jw *w, const char *key, const char *s);
void hf_jw_ki64(struct hf_jw *w, const char *key, int64_t v);
void hf_jw_ku64(struct hf_jw *w, const char *key, uint64_t v);
void hf_jw_kf64(struct hf_jw *w, const char *key, double v);
void hf_jw_kbool(struct hf_jw *w, const char *key, bool v);
void hf_jw_ktime(struct hf_jw *w, const char *key, int64_t t_ns);

/* Parses n bytes (<= max_bytes; duplicate keys refused; depth <= 32). The
 * caller owns *out (json_decref). HF_ELIMIT, HF_EINVAL with line and column. */
int hf_json_parse(const char *p, size_t n, size_t max_bytes, json_t **out,
    struct hf_err *err);

#endif
