/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_in.h - shared by the files schema*.c of this folder only: a compiled
 * contract in memory. schema.c makes it, schema_judge.c holds values against
 * it, schema_scalar.c knows single values and how to show where they stand.
 */
#ifndef HF_MODEL_SCHEMA_IN_H
#define HF_MODEL_SCHEMA_IN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/schema.h"

#define HF_SCHEMA_DEPTH 8     /* levels of schemas */
#define HF_SCHEMA_POINTER 200 /* bytes of a JSON pointer in a message */
#define HF_SCHEMA_SHOWN 80    /* bytes of a value in a message */

enum {
	T_NULL = 1,
	T_BOOL = 2,
	T_INT = 4,
	T_NUM = 8,
	T_STR = 16,
	T_ARR = 32,
	T_OBJ = 64
};

struct hf_scalar {     /* of a value, a bound or a word */
	unsigned type; /* one T_ bit; integers T_INT, doubles T_NUM */
	int64_t i;     /* T_INT, T_BOOL */
	double d;      /* T_NUM */
	const char *s; /* T_STR */
	size_t n;
};

struct hf_schema_prop {
	const char *name;
	struct hf_schema *node;
};

enum bound { B_MIN, B_MAX, B_XMIN, B_XMAX, B_STEP, NBOUND };
enum count { C_MINITEMS, C_MAXITEMS, C_MINLEN, C_MAXLEN, NCOUNT };

struct hf_schema {
	unsigned type;		      /* T_ bits; 0 = any */
	char *type_text;	      /* for messages */
	struct hf_schema_prop *props; /* by name */
	size_t nprop;
	const char **required;
	size_t nrequired;
	bool is_closed; /* additionalProperties: false */
	struct hf_schema *items;
	bool has_bound[NBOUND], has_count[NCOUNT];
	struct hf_scalar bound[NBOUND];
	int64_t count[NCOUNT];
	struct hf_scalar *words; /* enum or const */
	size_t nword;
	bool has_words;
};

struct hf_schema_place { /* on the stack, one for each level */
	const struct hf_schema_place *up;
	const char *key; /* NULL: an item */
	size_t idx;
};

/* schema_scalar.c */
/* JSON pointer of a place, cut to fit; "/" is the top. */
void hf_schema_pointer(
    const struct hf_schema_place *at, char out[HF_SCHEMA_POINTER]);
/* Arrays and objects have a type only. Texts are borrowed from v. */
struct hf_scalar hf_scalar_of(const json_t *v);
bool hf_scalar_is_number(const struct hf_scalar *s);
/* A number, exactly. */
long double hf_scalar_wide(const struct hf_scalar *s);
/* The value in few words, for messages; returns out. */
const char *hf_scalar_shown(
    const struct hf_scalar *s, char out[HF_SCHEMA_SHOWN]);
/* schema.c */
/* A property of an object's schema by name, NULL if it names none. */
const struct hf_schema_prop *hf_schema_find_prop(
    const struct hf_schema *s, const char *name);

#endif
