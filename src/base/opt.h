/* SPDX-License-Identifier: Apache-2.0
 *
 * opt.h - typed option tables: the row is the documentation.
 *
 * A module describes its options once, beside its code. From the same rows come
 * the reader with its error messages, `holdfast print`, the JSON Schema, the
 * man page and the packed form in which a configuration travels between
 * processes. The struct that the rows fill is zeroed first, then every default
 * is applied.
 */
#ifndef HF_BASE_OPT_H
#define HF_BASE_OPT_H

#include <stddef.h>
#include <stdint.h>

enum hf_opt_type {	 /* C type at .off		what the file says */
	HF_OPT_BOOL,	 /* bool				true | false */
	HF_OPT_I64,	 /* int64_t			12 */
	HF_OPT_F64,	 /* double, NaN = not given	1.5 */
	HF_OPT_STR,	 /* char *, NULL = not given	any text <= 1024
			  * bytes */
	HF_OPT_NAME,	 /* char *			a name (hf_name_ok) */
	HF_OPT_PATH,	 /* char *			a path (hf_path_ok) */
	HF_OPT_ENUM,	 /* int64_t, index in .words	one of .words */
	HF_OPT_DUR,	 /* int64_t ns			250ms, 2h */
	HF_OPT_RATE,	 /* double per second		20/s, 6/min, 1/week */
	HF_OPT_SIZE,	 /* int64_t bytes		64MiB */
	HF_OPT_DATE,	 /* int64_t ns UTC of 00:00	2027-05-01 */
	HF_OPT_HOST,	 /* char *			IPv4, IPv6 or host
			  * name */
	HF_OPT_CIDRS,	 /* struct hf_strlist		[10.0.0.0/8,
			  * fd00::/8] */
	HF_OPT_NAMES,	 /* struct hf_strlist		[a, b] of names */
	HF_OPT_STRS,	 /* struct hf_strlist		[text, text] */
	HF_OPT_PATTERNS, /* struct hf_strlist		["press/T*"] */
	HF_OPT_REF,	 /* char *: a name that .ref's map must define */
	HF_OPT_LEARN,	 /* struct hf_learn		2h (source time) or
							500 samples */
	HF_OPT_SUB,	 /* nested struct at .off, rows in .sub */
};

struct hf_learn { /* how long a detector learns; one of the two is > 0 */
	int64_t dur_ns;
	int64_t nsample;
};

#define HF_OPT_REQUIRED 1u /* flags: must be given */

struct hf_opt {
	const char *name;
	enum hf_opt_type type;
	unsigned flags;
	double min, max;  /* inclusive; both 0 = the type's range. DUR and DATE
				   in .unit or seconds */
	const char *unit; /* shown in help; for DUR min/max: "ms", "s" */
	const char *dflt; /* as the file would say it; NULL = not given */
	const char *const *words; /* ENUM: NULL-terminated */
	const char *ref; /* REF: "zones", "devices", "assets", "detectors",
				   "positions" */
	const struct hf_opt *sub; /* SUB: rows ... */
	size_t nsub;		  /* ... and their count */
	size_t off;
	const char *help; /* one or two sentences; never NULL */
};

/* One named set of options: a driver, a detection method, a section. */
struct hf_kind {
	const char *name; /* "modbus-tcp", "limit" */
	const char *help;
	const struct hf_opt *opts;
	size_t nopt;
	size_t size; /* of the struct the rows fill */
	/* Rules that span options: HF_OK, or HF_EINVAL with a text that names
	 * the option. May be NULL. */
	int (*check)(const void *conf, char *why, size_t cap);
	unsigned flags; /* HF_KIND_... */
};

#define HF_KIND_LEARNS 1u /* a detector of this method must give `learn` */
/* Drivers: the first member of the options struct is a char * ... */
#define HF_KIND_SERIAL 2u /* ... the path of a serial line: its own edge */
#define HF_KIND_FOLDER 4u /* ... a folder of the host that edge may use */
#define HF_KIND_BROKER 8u /* ... a host, or NULL for the zone's own broker */
/* Drivers: what they read was recorded earlier; its source time is believed
 * however far it is from now. */
#define HF_KIND_RECORDED 16u

#endif
