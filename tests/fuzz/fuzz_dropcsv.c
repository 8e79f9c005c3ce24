/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_dropcsv.c - any bytes as a recording: the window, header, times and
 * cells; also as a position file. The first byte chooses layout, delimiter,
 * decimal sign, time format; the rest is the file, in pieces.
 */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "field/files/csv.h"
#include "field/files/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char name[] = "d", col_time[] = "time", col_none[] = "none",
	    rfc[] = "rfc3339", unix_ms[] = "unix_ms",
	    pattern[] = "%d.%m.%Y %H:%M:%S", zone[] = "Europe/Berlin",
	    tag_col[] = "tag", value[] = "value", quality[] = "quality",
	    folder[] = "/d", files[] = "*.csv", a[] = "a", b[] = "b", c[] = "c",
	    d_[] = "d";

static struct hf_tag tags[4];
static struct hf_counters counters;

static void
on_readings(void *arg, const struct hf_reading *r, size_t n)
{
	size_t i;

	assert(n >= 1 && n <= HF_CSV_NFIELD);
	for (i = 0; i < n; i++) {
		assert(r[i].tag >= tags && r[i].tag < tags + 4);
		assert(r[i].s.t_ns >= HF_TIME_MIN && r[i].s.t_ns < HF_TIME_END);
		if (r[i].s.vtype == HF_V_F64)
			assert(
			    isfinite(r[i].s.v.f64) || r[i].s.status >> 30 >= 2);
		if (r[i].s.vtype == HF_V_STR)
			assert(r[i].s.str_len <= HF_VALUE_STR &&
			       hf_utf8_text_ok(r[i].str, r[i].s.str_len));
	}
	*(size_t *)arg += n;
}

static void
on_bad(
    void *arg, uint64_t line, int col, const char *column, const char *reason)
{
	assert(line >= 1 && col >= 1 && column != NULL && reason[0] != '\0');
}

static void
read_file(struct hf_csv_file *f, const uint8_t *p, size_t n, size_t step)
{
	size_t got = 0, room, at = 0, part;
	struct hf_csv_sink sink = {.arg = &got,
	    .recv_ns = 1,
	    .file_ns = 1,
	    .counters = &counters,
	    .readings = on_readings,
	    .bad = on_bad};
	struct hf_err err = {0};
	int rc = HF_OK;

	while (rc == HF_OK && at < n) {
		uint8_t *to = hf_csv_file_space(f, &room);

		assert(room >= 1);
		part = n - at < step ? n - at : step;
		part = part < room ? part : room;
		memcpy(to, p + at, part);
		at += part;
		rc = hf_csv_file_rows(f, part, at == n, &sink, &err);
		assert(hf_csv_file_offset(f) <= at);
		assert(hf_csv_file_end(f) == at);
	}
	if (rc == HF_OK && n > 0)
		assert(hf_csv_file_offset(f) == n);
}

static void
as_position(const uint8_t *p, size_t n)
{
	struct hf_pos *v = calloc(HF_POS_NFILE, sizeof(*v));
	struct hf_buf out;
	size_t nv, i;

	hf_buf_init(&out, HF_POS_BYTES);
	if (hf_pos_parse((const char *)p, n, v, &nv, NULL) == HF_OK) {
		hf_pos_begin(&out);
		for (i = 0; i < nv; i++)
			hf_pos_put(&out, &v[i]);
		hf_pos_end(&out);
		assert(hf_pos_parse((const char *)out.p, out.len, v, &nv,
			   NULL) == HF_OK);
	}
	hf_buf_fini(&out);
	free(v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_csv_conf conf = {.folder = folder,
	    .pattern = files,
	    .timezone = zone,
	    .tag_column = tag_col,
	    .value_column = value,
	    .quality_column = quality};
	struct hf_device dev = {.name = name, .conf = &conf, .ntag = 4};
	struct hf_plant plant = {
	    .devices = &dev, .ndevice = 1, .tags = tags, .ntag = 4};
	static char *const addresses[] = {a, b, c, d_};
	static const int64_t types[] = {
	    HF_T_F64, HF_T_I32, HF_T_BOOL, HF_T_STR};
	struct hf_csv_map *m;
	struct hf_csv_file *f;
	size_t i;

	if (n == 0 || n > 1u << 18)
		return 0;
	as_position(p, n);
	for (i = 0; i < 4; i++)
		tags[i] = (struct hf_tag){.name = addresses[i],
		    .address = addresses[i],
		    .type = types[i],
		    .raw_lo = NAN,
		    .raw_hi = NAN,
		    .range_lo = NAN,
		    .range_hi = NAN};
	conf.layout = *p & 1;
	conf.delimiter = *p >> 1 & 3;
	conf.decimal = conf.delimiter == 1 ? 0 : (*p >> 3 & 3) % 3;
	conf.time = (*p & 0xe0) == 0xe0 ? col_none : col_time;
	conf.time_format = *p & 0x20 ? unix_ms : *p & 0x40 ? pattern : rfc;
	if (hf_csv_map_new(&plant, 0, &m, NULL) != HF_OK)
		return 0;
	f = hf_csv_file_new(m);
	read_file(f, p + 1, n - 1, 1 + (*p >> 4) * 5);
	hf_csv_file_free(f);
	hf_csv_map_free(m);
	return 0;
}
