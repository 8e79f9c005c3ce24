/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_read.c - opens the Modbus driver against HOST PORT with the tags of a
 * CSV (tag,address,type,order), reads each once and prints the preview as JSON.
 * For tests/interop: the foreign server is the other half.
 *
 *   modbus_read PORT UNIT FILE.csv      exit 0 if every tag was answered
 *   modbus_read /dev/TTY UNIT FILE.csv  the same over a serial line
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/num.h"
#include "field/modbus/rtu_line.h"
#include "modbus_plant.h"
#include "os/file.h"

#define FILE_MAX (1u << 20)
#define NTAG 2000
#define GIVE_UP_NS (20 * HF_NS_PER_S)

enum field { TAG, ADDRESS, TYPE, ORDER, NFIELD };

static struct run {
	struct hf_loop *loop;
	struct mb_plant m;
	struct mb_host h;
	bool is_done;
	int rc;
} x;

static void
done(void *arg, int rc, const char *text, size_t n)
{
	x.is_done = true;
	x.rc = rc;
	fwrite(text, 1, n, stdout);
	fputc('\n', stdout);
}

static int
word(const char *const *words, int n, const char *s)
{
	int i;

	for (i = 0; i < n; i++)
		if (strcmp(words[i], s) == 0)
			return i;
	fprintf(stderr, "unknown word %s\n", s);
	exit(2);
}

static void
read_tags(const char *file)
{
	const struct hf_csv_row *row;
	struct hf_csv *csv;
	struct hf_tag *t;
	struct hf_buf b;
	struct hf_err err;

	hf_buf_init(&b, FILE_MAX);
	if (hf_file_read(AT_FDCWD, file, FILE_MAX, &b, &err) != HF_OK) {
		fprintf(stderr, "%s\n", err.msg);
		exit(2);
	}
	csv = hf_csv_new((const char *)b.p, b.len, ',');
	while (hf_csv_next(csv, &row, &err) == HF_OK) {
		if (row->n < NFIELD || strcmp(row->f[TAG].s, "tag") == 0)
			continue;
		t = mb_plant_tag(&x.m, row->f[TAG].s, row->f[ADDRESS].s,
		    word(hf_tag_type_words, HF_T_STR + 1, row->f[TYPE].s),
		    HF_NS_PER_S);
		t->order = word(hf_order_words, 4, row->f[ORDER].s);
	}
	hf_csv_free(csv);
	hf_buf_fini(&b);
}

int
main(int argc, char **argv)
{
	const struct hf_driver *driver = &hf_modbus_driver;
	struct hf_driver_dev *dev;
	struct hf_device *d;
	struct hf_mb_conf *c;
	struct hf_driver_stats st = {.up = 0};
	struct hf_err err;
	int64_t port, unit, until_ns = hf_mono_ns() + GIVE_UP_NS;

	if (argc == 4 && argv[1][0] == '/') {
		driver = &hf_modbus_rtu_driver;
		port = 0;
	}
	if (argc != 4 ||
	    (driver == &hf_modbus_driver &&
		!hf_parse_i64(argv[1], strlen(argv[1]), &port)) ||
	    !hf_parse_i64(argv[2], strlen(argv[2]), &unit)) {
		fprintf(stderr, "usage: modbus_read PORT|TTY UNIT FILE.csv\n");
		return 2;
	}
	x.loop = hf_loop_new();
	mb_plant_init(&x.m, 1, NTAG);
	mb_host_init(&x.h, x.loop);
	d = mb_plant_device(&x.m, "peer", port);
	c = d->conf;
	c->unit = unit;
	if (driver == &hf_modbus_rtu_driver) {
		c->serial = argv[1];
		c->baud = 115200;
		c->data_bits = 8;
		c->stop_bits = 1;
		c->timeout_ns = HF_MB_LINE_MAX_NS;
	}
	read_tags(argv[3]);
	if (driver->open(&x.m.plant, 0, &x.h.host, &dev, &err) != HF_OK) {
		fprintf(stderr, "%s\n", err.msg);
		return 2;
	}
	while (st.up != 1 && hf_mono_ns() < until_ns) {
		hf_loop_once(x.loop, 20);
		driver->stats(dev, &st);
	}
	driver->try_(dev, done, NULL);
	while (!x.is_done)
		hf_loop_once(x.loop, 20);
	driver->close(dev);
	mb_plant_fini(&x.m);
	hf_loop_free(x.loop);
	return x.rc == HF_OK && st.up == 1 ? 0 : 1;
}
