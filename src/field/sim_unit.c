/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_unit.c - the registers of one simulated unit, fed from the rows of a CSV.
 *
 * sim.c speaks Modbus; this file knows rows, registers and the ledger. It
 * shares no decoding code with the client, so a ledger checks the whole way
 * back.
 *
 * Registers of a replayed unit (holding registers, from address 0, high byte
 * and high word first):
 *    0..3            stamp of the row, int64 ns UTC
 *    4+4c .. 7+4c    value of column c (0, 1, ... in the file's order), float64
 * Columns named by time, cycle and filter options carry no value of their own
 * and have no registers. An empty field or "nan" is NaN.
 *
 * Map file: CSV "address,type,order,value,column": further registers or bits,
 * each with a constant value or following a replayed column.
 *
 * Rows. One row is current. A read that holds the whole stamp serves it; when
 * its answer is written, the row goes into the ledger (once) and the next row
 * becomes current. The last row stays, its stamp does not move, so a reader
 * that steps with the stamp takes nothing twice. Ledger lines, one per column
 * that the answer held whole:
 *    unit,row,t_ns,column,value,bits
 *    1,0,1386018900000000000,value,74.5,4052a00000000000
 * value is the shortest decimal that reads back to the same double, bits are
 * its 64 bits in hex; row counts from 0 behind the filters.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "field/modbus/addr.h"
#include "field/sim.h"
#include "os/file.h"

#define FILE_MAX (512u << 20) /* bytes of a replayed file */
#define NAREA 5		      /* by function code; 0 is unused */
#define STAMP_NREG 4
#define VALUE_NREG 4
#define NMAP 4096

struct area { /* all addresses of one area */
	uint16_t v[HF_MB_SPACE];
	bool has[HF_MB_SPACE];
};

struct mapped { /* one row of the map file */
	struct hf_mb_point p;
	double value;
	size_t column;		       /* HF_SIM_NO_ROW: constant */
	char text[HF_MB_NREG * 2 + 1]; /* strings */
};

struct hf_sim_unit {
	uint8_t id;
	enum hf_sim_advance advance;
	char **names; /* ncol */
	size_t ncol;
	size_t *fields; /* of the CSV, per column */
	int64_t *t_ns;	/* nrow */
	double *v;	/* row-major [nrow][ncol] */
	size_t nrow, cap;
	struct mapped *map;
	size_t nmap;
	struct area *areas[NAREA];
	size_t cur;	/* current row */
	size_t nserved; /* rows 0..nserved-1 were passed; last served + 1 */
	bool is_stopped, is_done;
};

/* ---- registers ---- */

static int
need_area(struct hf_sim_unit *u, uint8_t fn, struct hf_err *err)
{
	if (u->areas[fn] == NULL)
		u->areas[fn] = calloc(1, sizeof(*u->areas[fn]));
	if (u->areas[fn] == NULL)
		return HF_FAIL(err, HF_ENOMEM, "registers");
	return HF_OK;
}

static void
set_reg(struct hf_sim_unit *u, uint8_t fn, uint32_t at, uint16_t v)
{
	u->areas[fn]->v[at] = v;
	u->areas[fn]->has[at] = true;
}

/* n registers from the low 16n bits, most significant first. */
static void
set_bits(struct hf_sim_unit *u, uint32_t at, uint64_t bits, int n)
{
	int i;

	for (i = 0; i < n; i++)
		set_reg(u, HF_MB_HOLDING, at + (uint32_t)i,
		    (uint16_t)(bits >> (16 * (n - 1 - i))));
}

static uint64_t
bits_of_f64(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static uint64_t
bits_of_f32(double v)
{
	float f = (float)v;
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static uint64_t
bits_of_bcd(double v)
{
	uint64_t n = v > 0 ? (uint64_t)v : 0, bits = 0;
	int i;

	for (i = 0; i < 8; i++, n /= 10)
		bits |= n % 10 << (4 * i);
	return bits;
}

static uint64_t
bits_of_type(int64_t type, double v)
{
	switch (type) {
	case HF_T_F32:
		return bits_of_f32(v);
	case HF_T_F64:
		return bits_of_f64(v);
	case HF_T_BCD16:
	case HF_T_BCD32:
		return bits_of_bcd(v);
	case HF_T_BOOL:
		return v != 0;
	default:
		if (!(v > -9.2e18 && v < 1.8e19))
			return 0;
		return v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v;
	}
}

static void
put_string(struct hf_sim_unit *u, const struct mapped *m)
{
	const size_t len = strlen(m->text);
	uint16_t i, w;
	uint8_t a, b;

	for (i = 0; i < m->p.count; i++) {
		a = 2u * i < len ? (uint8_t)m->text[2 * i] : 0;
		b = 2u * i + 1 < len ? (uint8_t)m->text[2 * i + 1] : 0;
		w = m->p.is_low_first ? (uint16_t)(b << 8 | a)
				      : (uint16_t)(a << 8 | b);
		set_reg(u, m->p.fn, (uint32_t)m->p.first + i, w);
	}
}

/* Order as the map says: words from the low end, bytes swapped within words. */
static void
put_mapped(struct hf_sim_unit *u, const struct mapped *m)
{
	const struct hf_mb_point *p = &m->p;
	double v = m->column == HF_SIM_NO_ROW || u->nrow == 0
		       ? m->value
		       : u->v[u->cur * u->ncol + m->column];
	uint64_t bits = bits_of_type(p->type, v);
	uint16_t i, k, w;

	if (p->type == HF_T_STR) {
		put_string(u, m);
		return;
	}
	if (p->bit >= 0) {
		w = u->areas[p->fn]->v[p->first];
		w = (uint16_t)((w & ~(1u << p->bit)) |
			       (uint16_t)(bits << p->bit));
		set_reg(u, p->fn, p->first, w);
		return;
	}
	for (i = 0; i < p->count; i++) {
		k = p->order == HF_CDAB || p->order == HF_DCBA
			? i
			: (uint16_t)(p->count - 1 - i);
		w = (uint16_t)(bits >> (16 * k));
		if (p->order == HF_BADC || p->order == HF_DCBA)
			w = (uint16_t)(w << 8 | w >> 8);
		set_reg(u, p->fn, (uint32_t)p->first + i, w);
	}
}

/* Puts the current row and what follows it into the registers. */
static void
refresh(struct hf_sim_unit *u)
{
	size_t i;

	if (u->nrow > 0) {
		set_bits(u, 0, (uint64_t)u->t_ns[u->cur], STAMP_NREG);
		for (i = 0; i < u->ncol; i++)
			set_bits(u, (uint32_t)(STAMP_NREG + VALUE_NREG * i),
			    bits_of_f64(u->v[u->cur * u->ncol + i]),
			    VALUE_NREG);
	}
	for (i = 0; i < u->nmap; i++)
		put_mapped(u, &u->map[i]);
}

/* ---- reading the files ---- */

static size_t
find_field(const struct hf_csv_row *row, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < row->n; i++)
		if (strcmp(row->f[i].s, name) == 0)
			return i;
	return HF_SIM_NO_ROW;
}

/* Is name one of "a,b,c"? */
static bool
is_listed(const char *list, const char *name)
{
	const size_t n = strlen(name);
	const char *p = list;

	while (p != NULL) {
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
		p = strchr(p, ',');
		p = p == NULL ? NULL : p + 1;
	}
	return false;
}

struct reader { /* one pass over the replayed file */
	const struct hf_sim_conf *conf;
	struct hf_sim_unit *u;
	bool is_comma;
	size_t time_field, cycle_field;
	size_t filter_fields[HF_SIM_NFILTER];
};

static bool
is_value_column(const struct reader *rd, const struct hf_csv_row *row, size_t i)
{
	size_t k;

	if (i == rd->time_field || i == rd->cycle_field)
		return false;
	for (k = 0; k < rd->conf->nfilter; k++)
		if (i == rd->filter_fields[k])
			return false;
	return rd->conf->columns == NULL ||
	       is_listed(rd->conf->columns, row->f[i].s);
}

static int
missing(const struct hf_sim_conf *c, const char *name, struct hf_err *err)
{
	return HF_FAIL(err, HF_EINVAL, "%s: no column \"%s\" in the first line",
	    c->replay, name);
}

static int
read_header(struct reader *rd, const struct hf_csv_row *row, struct hf_err *err)
{
	const struct hf_sim_conf *c = rd->conf;
	struct hf_sim_unit *u = rd->u;
	const char *tc = c->time_column;
	size_t i;

	if (tc == NULL && c->cycle_column == NULL)
		tc = row->n > 0 ? row->f[0].s : "";
	rd->time_field = find_field(row, tc);
	rd->cycle_field = find_field(row, c->cycle_column);
	if (tc != NULL && rd->time_field == HF_SIM_NO_ROW)
		return missing(c, tc, err);
	if (c->cycle_column != NULL && rd->cycle_field == HF_SIM_NO_ROW)
		return missing(c, c->cycle_column, err);
	for (i = 0; i < c->nfilter; i++) {
		rd->filter_fields[i] = find_field(row, c->filters[i].column);
		if (rd->filter_fields[i] == HF_SIM_NO_ROW)
			return missing(c, c->filters[i].column, err);
	}
	u->names = calloc(row->n + 1, sizeof(*u->names));
	u->fields = calloc(row->n + 1, sizeof(*u->fields));
	if (u->names == NULL || u->fields == NULL)
		return HF_FAIL(err, HF_ENOMEM, "%s", c->replay);
	for (i = 0; i < row->n; i++) {
		if (!is_value_column(rd, row, i))
			continue;
		u->names[u->ncol] = strdup(row->f[i].s);
		if (u->names[u->ncol] == NULL)
			return HF_FAIL(err, HF_ENOMEM, "%s", c->replay);
		u->fields[u->ncol++] = i;
	}
	if (u->ncol == 0)
		return HF_FAIL(
		    err, HF_EINVAL, "%s: no column of values", c->replay);
	return HF_OK;
}

static int
bad_field(const struct reader *rd, const struct hf_csv_field *f,
    const char *what, struct hf_err *err)
{
	return HF_FAIL(err, HF_EINVAL, "%s:%d:%d: \"%.40s\" is not %s",
	    rd->conf->replay, f->line, f->col, f->s, what);
}

static int
read_value(const struct reader *rd, const struct hf_csv_field *f, double *v,
    struct hf_err *err)
{
	if (f->len == 0 || strcasecmp(f->s, "nan") == 0) {
		*v = NAN;
		return HF_OK;
	}
	if (!hf_parse_f64(f->s, f->len, rd->is_comma, v))
		return bad_field(rd, f,
		    "a number; leave the column out with --columns", err);
	return HF_OK;
}

static int
read_time(const struct reader *rd, const struct hf_csv_row *row, int64_t *t,
    struct hf_err *err)
{
	const struct hf_sim_conf *c = rd->conf;
	const struct hf_csv_field *f;
	int64_t n;

	if (rd->time_field != HF_SIM_NO_ROW) {
		f = &row->f[rd->time_field];
		if (!hf_time_parse(f->s, f->len, t))
			return bad_field(rd, f, "a time", err);
		return HF_OK;
	}
	f = &row->f[rd->cycle_field];
	if (!hf_parse_i64(f->s, f->len, &n) ||
	    __builtin_mul_overflow(n, c->step_ns, t) ||
	    __builtin_add_overflow(*t, c->epoch_ns, t))
		return bad_field(rd, f, "a cycle number", err);
	return HF_OK;
}

static int
grow(struct hf_sim_unit *u, struct hf_err *err)
{
	size_t cap = u->cap == 0 ? 1024 : u->cap * 2;
	int64_t *t = reallocarray(u->t_ns, cap, sizeof(*t));
	double *v;

	if (t != NULL)
		u->t_ns = t;
	v = reallocarray(u->v, cap, u->ncol * sizeof(*v));
	if (v != NULL)
		u->v = v;
	if (t == NULL || v == NULL)
		return HF_FAIL(err, HF_ENOMEM, "%zu rows", cap);
	u->cap = cap;
	return HF_OK;
}

static int
read_row(struct reader *rd, const struct hf_csv_row *row, size_t nfield,
    struct hf_err *err)
{
	struct hf_sim_unit *u = rd->u;
	size_t i;
	int rc;

	if (row->n != nfield)
		return HF_FAIL(err, HF_EINVAL,
		    "%s:%d: %zu fields, %zu expected", rd->conf->replay,
		    row->line, row->n, nfield);
	for (i = 0; i < rd->conf->nfilter; i++)
		if (strcmp(row->f[rd->filter_fields[i]].s,
			rd->conf->filters[i].value) != 0)
			return HF_OK;
	if (u->nrow == u->cap && (rc = grow(u, err)) != HF_OK)
		return rc;
	if ((rc = read_time(rd, row, &u->t_ns[u->nrow], err)) != HF_OK)
		return rc;
	for (i = 0; i < u->ncol; i++) {
		rc = read_value(rd, &row->f[u->fields[i]],
		    &u->v[u->nrow * u->ncol + i], err);
		if (rc != HF_OK)
			return rc;
	}
	u->nrow++;
	return HF_OK;
}

static int
read_rows(struct reader *rd, struct hf_csv *csv, struct hf_err *err)
{
	const struct hf_csv_row *row;
	size_t nfield;
	int rc;

	rd->is_comma = hf_csv_is_comma_decimal(csv);
	if ((rc = hf_csv_next(csv, &row, err)) == HF_OK)
		rc = read_header(rd, row, err);
	if (rc != HF_OK)
		return rc == HF_ENODATA ? HF_FAIL(err, HF_EINVAL, "%s: empty",
					      rd->conf->replay)
					: rc;
	nfield = row->n;
	while ((rc = hf_csv_next(csv, &row, err)) == HF_OK)
		if ((rc = read_row(rd, row, nfield, err)) != HF_OK)
			return rc;
	if (rc != HF_ENODATA)
		return rc;
	if (rd->u->nrow == 0)
		return HF_FAIL(err, HF_EINVAL, "%s: no row%s", rd->conf->replay,
		    rd->conf->nfilter > 0 ? " passes the filter" : "");
	return HF_OK;
}

/* Opens a CSV file whole and gives it to fn. */
static int
with_csv(const char *file,
    int (*fn)(void *arg, struct hf_csv *csv, struct hf_err *err), void *arg,
    struct hf_err *err)
{
	struct hf_csv *csv = NULL;
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, FILE_MAX);
	rc = hf_file_read(AT_FDCWD, file, FILE_MAX, &b, err);
	if (rc != HF_OK)
		goto out;
	csv = hf_csv_new((const char *)b.p, b.len, 0);
	rc = csv == NULL ? HF_FAIL(err, HF_ENOMEM, "%s", file)
			 : fn(arg, csv, err);
out:
	hf_csv_free(csv);
	hf_buf_fini(&b);
	return rc;
}

static int
read_replay(void *arg, struct hf_csv *csv, struct hf_err *err)
{
	return read_rows(arg, csv, err);
}

/* ---- the map file ---- */

enum map_field {
	MAP_ADDRESS,
	MAP_TYPE,
	MAP_ORDER,
	MAP_VALUE,
	MAP_COLUMN,
	MAP_NFIELD
};

static int
word_index(const char *const *words, size_t n, const char *s)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcasecmp(words[i], s) == 0)
			return (int)i;
	return -1;
}

static int
map_value(struct hf_sim_unit *u, struct mapped *m, const char *value,
    const char *column, struct hf_err *err)
{
	size_t i;

	m->column = HF_SIM_NO_ROW;
	if (m->p.type == HF_T_STR) {
		hf_strcpy(m->text, sizeof(m->text), value);
		return HF_OK;
	}
	for (i = 0; column[0] != '\0' && i < u->ncol; i++)
		if (strcmp(u->names[i], column) == 0)
			m->column = i;
	if (column[0] != '\0' && m->column == HF_SIM_NO_ROW)
		return HF_FAIL(
		    err, HF_EINVAL, "no replayed column \"%s\"", column);
	if (strcasecmp(value, "nan") == 0)
		m->value = NAN;
	else if (value[0] != '\0' &&
		 !hf_parse_f64(value, strlen(value), false, &m->value))
		return HF_FAIL(
		    err, HF_EINVAL, "\"%.40s\" is not a number", value);
	return HF_OK;
}

static int
map_row(
    struct hf_sim_unit *u, const char *const s[MAP_NFIELD], struct hf_err *err)
{
	struct mapped *m = &u->map[u->nmap];
	struct hf_tag t = {.interval_ns = 1};
	char address[HF_MB_ADDR_TEXT];
	int rc;

	hf_strcpy(address, sizeof(address), s[MAP_ADDRESS]);
	t.address = address;
	t.type = word_index(hf_tag_type_words, HF_T_STR + 1, s[MAP_TYPE]);
	t.order = s[MAP_ORDER][0] == '\0'
		      ? HF_ABCD
		      : word_index(hf_order_words, HF_DCBA + 1, s[MAP_ORDER]);
	if (t.type < 0 || t.order < 0)
		return HF_FAIL(err, HF_EINVAL, "type \"%s\" order \"%s\"",
		    s[MAP_TYPE], s[MAP_ORDER]);
	if ((rc = hf_mb_point(&t, u->id, &m->p, err)) != HF_OK)
		return rc;
	m->p.tag = NULL;
	if ((rc = map_value(u, m, s[MAP_VALUE], s[MAP_COLUMN], err)) != HF_OK)
		return rc;
	u->nmap++;
	return need_area(u, m->p.fn, err);
}

static int
read_map(void *arg, struct hf_csv *csv, struct hf_err *err)
{
	static const char *const names[MAP_NFIELD] = {
	    "address", "type", "order", "value", "column"};
	struct hf_sim_unit *u = arg;
	const struct hf_csv_row *row;
	const char *s[MAP_NFIELD];
	size_t field[MAP_NFIELD], i;
	int rc;

	if ((rc = hf_csv_next(csv, &row, err)) != HF_OK)
		return rc;
	for (i = 0; i < MAP_NFIELD; i++)
		field[i] = find_field(row, names[i]);
	u->map = calloc(NMAP, sizeof(*u->map));
	if (u->map == NULL)
		return HF_FAIL(err, HF_ENOMEM, "map");
	while ((rc = hf_csv_next(csv, &row, err)) == HF_OK) {
		if (u->nmap == NMAP)
			return HF_FAIL(err, HF_ELIMIT, "%d rows at most", NMAP);
		for (i = 0; i < MAP_NFIELD; i++)
			s[i] = field[i] < row->n ? row->f[field[i]].s : "";
		if ((rc = map_row(u, s, err)) != HF_OK) {
			hf_err_prefix(err, "line %d", row->line);
			return rc;
		}
	}
	return rc == HF_ENODATA ? HF_OK : rc;
}

/* ---- life ---- */

int
hf_sim_unit_open(const struct hf_sim_conf *conf, struct hf_sim_unit **out,
    struct hf_err *err)
{
	struct hf_sim_unit *u = calloc(1, sizeof(*u));
	struct reader rd = {.conf = conf, .u = u};
	int rc;

	if (u == NULL)
		return HF_FAIL(err, HF_ENOMEM, "unit %u", conf->unit);
	u->id = conf->unit;
	u->advance = conf->advance;
	rc = need_area(u, HF_MB_HOLDING, err);
	if (rc == HF_OK && conf->replay != NULL)
		rc = with_csv(conf->replay, read_replay, &rd, err);
	if (rc == HF_OK && STAMP_NREG + VALUE_NREG * u->ncol > HF_MB_SPACE)
		rc = HF_FAIL(err, HF_ELIMIT, "%zu columns", u->ncol);
	if (rc == HF_OK && conf->map != NULL) {
		rc = with_csv(conf->map, read_map, u, err);
		if (rc != HF_OK)
			hf_err_prefix(err, "%s", conf->map);
	}
	if (rc != HF_OK) {
		hf_sim_unit_free(u);
		return rc;
	}
	u->is_done = u->nrow == 0;
	refresh(u);
	*out = u;
	return HF_OK;
}

void
hf_sim_unit_free(struct hf_sim_unit *u)
{
	size_t i;

	if (u == NULL)
		return;
	for (i = 0; i < u->ncol; i++)
		free(u->names[i]);
	for (i = 0; i < NAREA; i++)
		free(u->areas[i]);
	free(u->names);
	free(u->fields);
	free(u->t_ns);
	free(u->v);
	free(u->map);
	free(u);
}

uint8_t
hf_sim_unit_id(const struct hf_sim_unit *u)
{
	return u->id;
}

size_t
hf_sim_unit_nrow(const struct hf_sim_unit *u)
{
	return u->nrow;
}

bool
hf_sim_unit_is_done(const struct hf_sim_unit *u)
{
	return u->is_done;
}

/* ---- serving ---- */

int
hf_sim_unit_read(struct hf_sim_unit *u, const struct hf_mb_req *r,
    uint8_t *data, size_t *row, uint8_t *exception)
{
	const struct area *a = u->areas[r->fn];
	uint32_t i, at;

	*exception = HF_MB_EX_ADDRESS;
	if (a == NULL)
		return HF_EINVAL;
	memset(data, 0, hf_mb_data_len(r->fn, r->count));
	for (i = 0; i < r->count; i++) {
		at = (uint32_t)r->first + i;
		if (!a->has[at])
			return HF_EINVAL;
		if (r->fn <= HF_MB_DISCRETE) {
			data[i / 8] |= (uint8_t)((a->v[at] != 0) << i % 8);
		} else {
			data[2 * i] = (uint8_t)(a->v[at] >> 8);
			data[2 * i + 1] = (uint8_t)(a->v[at] & 0xff);
		}
	}
	*row = HF_SIM_NO_ROW;
	if (r->fn == HF_MB_HOLDING && u->nrow > 0 && r->first == 0 &&
	    r->count >= STAMP_NREG)
		*row = u->cur;
	return HF_OK;
}

static void
put_ledger(const struct hf_sim_unit *u, const struct hf_mb_req *r, size_t row,
    struct hf_buf *b)
{
	const double *v = &u->v[row * u->ncol];
	char num[HF_F64_TEXT];
	size_t i;

	for (i = 0; i < u->ncol; i++) {
		if (STAMP_NREG + VALUE_NREG * (i + 1) > r->count)
			break; /* not in this answer as a whole */
		hf_buf_printf(
		    b, "%u,%zu,%" PRId64 ",", u->id, row, u->t_ns[row]);
		hf_csv_put_text(b, u->names[i], ',');
		hf_buf_printf(b, ",%s,%016" PRIx64 "\n", hf_fmt_f64(v[i], num),
		    bits_of_f64(v[i]));
	}
}

void
hf_sim_unit_step(struct hf_sim_unit *u)
{
	if (u->is_stopped || u->nrow == 0)
		return;
	if (u->cur + 1 < u->nrow)
		u->cur++;
	else
		u->is_done = true;
	refresh(u);
}

void
hf_sim_unit_served(struct hf_sim_unit *u, const struct hf_mb_req *r, size_t row,
    struct hf_buf *ledger)
{
	if (row == HF_SIM_NO_ROW || row < u->nserved)
		return; /* another connection was served the same row */
	put_ledger(u, r, row, ledger);
	u->nserved = row + 1;
	if (row + 1 == u->nrow)
		u->is_done = true;
	if (u->is_stopped) { /* its answer was under way when it was stopped */
		u->cur = row;
		refresh(u);
	} else if (u->advance == HF_SIM_ON_READ) {
		hf_sim_unit_step(u);
	}
}

void
hf_sim_unit_stop(struct hf_sim_unit *u)
{
	u->is_stopped = true;
	if (u->nserved > 0)
		u->cur = u->nserved - 1;
	refresh(u);
}

size_t
hf_sim_unit_ncolumn(const struct hf_sim_unit *u)
{
	return u->ncol;
}

const char *
hf_sim_unit_column(const struct hf_sim_unit *u, size_t i)
{
	return u->names[i];
}

int64_t
hf_sim_unit_time(const struct hf_sim_unit *u, size_t row)
{
	return u->t_ns[row];
}

double
hf_sim_unit_value(const struct hf_sim_unit *u, size_t row, size_t column)
{
	return u->v[row * u->ncol + column];
}

void
hf_sim_put_name(struct hf_buf *b, const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0' && i < 64; i++) {
		const char one[2] = {s[i], '\0'};

		hf_buf_puts(b, hf_name_ok(one) ? one : "_");
	}
}

void
hf_sim_unit_tags(const struct hf_sim_unit *u, const char *device,
    int64_t interval_ms, struct hf_buf *out)
{
	size_t i;

	hf_buf_puts(out, "device,tag,address,type,order,access,interval_ms\n");
	if (u->nrow > 0)
		hf_buf_printf(out, "%s,_stamp,hr:0,int64,ABCD,r,%" PRId64 "\n",
		    device, interval_ms);
	for (i = 0; i < u->ncol; i++) {
		hf_buf_printf(out, "%s,", device);
		hf_sim_put_name(out, u->names[i]);
		hf_buf_printf(out, ",hr:%zu,float64,ABCD,r,%" PRId64 "\n",
		    STAMP_NREG + VALUE_NREG * i, interval_ms);
	}
}
