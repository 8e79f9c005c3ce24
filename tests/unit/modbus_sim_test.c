/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_sim_test.c - the simulator: rows, ledger, and the whole way from a CSV
 * over the wire to readings, compared bit for bit with the ledger.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/num.h"
#include "field/sim.h"
#include "modbus_plant.h"

#define GIVE_UP_NS (60 * HF_NS_PER_S)

static char file[] = "/tmp/hf-sim-test.XXXXXX";
static struct hf_buf ledger;
static size_t ndone;

static void
write_file(const char *text)
{
	int fd = open(file, O_WRONLY | O_TRUNC | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
setup(void **state)
{
	int fd;

	strcpy(file + sizeof(file) - 7, "XXXXXX");
	fd = mkstemp(file);
	if (fd < 0)
		return -1;
	close(fd);
	hf_buf_init(&ledger, 1u << 20);
	ndone = 0;
	return 0;
}

static int
teardown(void **state)
{
	unlink(file);
	hf_buf_fini(&ledger);
	return 0;
}

static struct hf_sim_conf
conf(void)
{
	return (struct hf_sim_conf){.unit = 1,
	    .replay = file,
	    .step_ns = 3600 * HF_NS_PER_S,
	    .interval_ns = HF_NS_PER_S};
}

static struct hf_sim_unit *
unit_of(const struct hf_sim_conf *c)
{
	struct hf_sim_unit *u;
	struct hf_err err;

	if (hf_sim_unit_open(c, &u, &err) != HF_OK)
		fail_msg("%s", err.msg);
	return u;
}

static uint64_t
u64_at(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static double
f64_at(const uint8_t *p)
{
	uint64_t bits = u64_at(p);
	double v;

	memcpy(&v, &bits, 8);
	return v;
}

/* Reads registers and tells the unit that the answer was written. */
static uint8_t
read_regs(struct hf_sim_unit *u, uint16_t first, uint16_t count, uint8_t *data)
{
	const struct hf_mb_req r = {
	    .unit = 1, .fn = HF_MB_HOLDING, .first = first, .count = count};
	uint8_t ex = 0;
	size_t row;

	if (hf_sim_unit_read(u, &r, data, &row, &ex) != HF_OK)
		return ex;
	hf_sim_unit_served(u, &r, row, &ledger);
	return 0;
}

static const char two_rows[] = "timestamp,a,b\n"
			       "2013-12-02 21:15:00,73.96732207,-1\n"
			       "2013-12-02 21:20:00,74.5,nan\n";

static void
row_is_a_stamp_and_a_float64_per_column(void **state)
{
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	uint8_t data[250];

	write_file(two_rows);
	u = unit_of(&c);
	assert_int_equal(read_regs(u, 0, 12, data), 0);
	assert_true(u64_at(data) == UINT64_C(1386018900000000000));
	assert_true(f64_at(data + 8) == 73.96732207);
	assert_true(f64_at(data + 16) == -1);
	hf_sim_unit_free(u);
}

static void
read_with_the_stamp_advances_and_others_do_not(void **state)
{
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	uint8_t data[250];
	int i;

	write_file(two_rows);
	u = unit_of(&c);
	for (i = 0; i < 3; i++) {
		assert_int_equal(read_regs(u, 4, 4, data), 0);
		assert_true(f64_at(data) == 73.96732207);
		assert_int_equal(read_regs(u, 0, 3, data), 0);
	}
	assert_int_equal(ledger.len, 0);
	read_regs(u, 0, 8, data);
	assert_true(f64_at(data + 8) == 73.96732207);
	read_regs(u, 0, 8, data);
	assert_true(f64_at(data + 8) == 74.5);
	hf_sim_unit_free(u);
}

static void
last_row_stays_and_is_in_the_ledger_once(void **state)
{
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	uint8_t data[250];
	int i;

	write_file(two_rows);
	u = unit_of(&c);
	for (i = 0; i < 5; i++)
		read_regs(u, 0, 12, data);
	assert_true(u64_at(data) == UINT64_C(1386019200000000000));
	assert_true(hf_sim_unit_is_done(u));
	assert_string_equal(hf_buf_cstr(&ledger),
	    "1,0,1386018900000000000,a,73.96732207,40527de89ad3d656\n"
	    "1,0,1386018900000000000,b,-1,bff0000000000000\n"
	    "1,1,1386019200000000000,a,74.5,4052a00000000000\n"
	    "1,1,1386019200000000000,b,nan,7ff8000000000000\n");
	hf_sim_unit_free(u);
}

static void
ledger_names_only_columns_that_were_in_the_answer(void **state)
{
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	uint8_t data[250];

	write_file(two_rows);
	u = unit_of(&c);
	read_regs(u, 0, 11, data); /* three of b's four registers */
	assert_non_null(strstr(hf_buf_cstr(&ledger), ",a,"));
	assert_null(strstr(hf_buf_cstr(&ledger), ",b,"));
	hf_sim_unit_free(u);
}

static void
stopped_unit_stays_at_the_row_last_served(void **state)
{
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	uint8_t data[250];
	size_t len;

	write_file(two_rows);
	u = unit_of(&c);
	read_regs(u, 0, 12, data);
	hf_sim_unit_stop(u);
	len = ledger.len;
	read_regs(u, 0, 12, data);
	read_regs(u, 0, 12, data);
	assert_true(u64_at(data) == UINT64_C(1386018900000000000));
	assert_int_equal(ledger.len, len);
	hf_sim_unit_free(u);
}

static void
answer_under_way_when_stopped_is_still_in_the_ledger(void **state)
{
	const struct hf_mb_req r = {
	    .unit = 1, .fn = HF_MB_HOLDING, .count = 12};
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	uint8_t data[250], ex;
	size_t row;

	write_file(two_rows);
	u = unit_of(&c);
	read_regs(u, 0, 12, data);
	hf_sim_unit_read(u, &r, data, &row, &ex);
	hf_sim_unit_stop(u);
	hf_sim_unit_served(u, &r, row, &ledger);
	assert_non_null(strstr(hf_buf_cstr(&ledger), "1,1,"));
	read_regs(u, 0, 12, data);
	assert_true(u64_at(data) == UINT64_C(1386019200000000000));
	hf_sim_unit_free(u);
}

static void
cycles_become_stamps_and_filters_choose_rows(void **state)
{
	struct hf_sim_conf c = conf();
	char unit[] = "unit", two[] = "2";
	struct hf_sim_unit *u;
	uint8_t data[250];

	write_file("unit,cycle,s1\n1,1,10\n2,1,20\n2,2,21\n3,1,30\n");
	c.cycle_column = "cycle";
	c.epoch_ns = INT64_C(1577836800) * HF_NS_PER_S;
	c.filters[c.nfilter++] = (struct hf_sim_filter){unit, two};
	u = unit_of(&c);
	assert_int_equal(hf_sim_unit_nrow(u), 2);
	read_regs(u, 0, 8, data);
	assert_true(u64_at(data) == UINT64_C(1577840400000000000));
	assert_true(f64_at(data + 8) == 20);
	assert_int_equal(read_regs(u, 8, 1, data), HF_MB_EX_ADDRESS);
	hf_sim_unit_free(u);
}

static void
broken_files_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "empty"},
	    {"timestamp\n", "no column of values"},
	    {"timestamp,a\n", "no row"},
	    {"timestamp,a\n2013-12-02 21:15:00,x\n", ":2:21:"},
	    {"timestamp,a\nyesterday,1\n", ":2:1:"},
	    {"timestamp,a\n2013-12-02 21:15:00,1,2\n", "3 fields"},
	};
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u = NULL;
	struct hf_err err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(rows[i].text);
		assert_int_equal(hf_sim_unit_open(&c, &u, &err), HF_EINVAL);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s does not say %s", err.msg, rows[i].says);
	}
}

/* ---- over the wire ---- */

static void
on_ledger(void *arg, const void *p, size_t n)
{
	hf_buf_put(&ledger, p, n);
}

static void
on_done(void *arg)
{
	ndone++;
}

struct got { /* what the reader made of it, in the ledger's form */
	struct hf_buf lines;
	int64_t last_ns[4];
	size_t row[4];
};

static void
on_reading(
    void *arg, uint32_t device, int64_t stamp_ns, const struct hf_reading *r)
{
	struct got *g = arg;
	char num[HF_F64_TEXT];
	uint64_t bits;

	if (stamp_ns == HF_TIME_NONE || stamp_ns == g->last_ns[device])
		return; /* the stamp has not moved: no news */
	g->last_ns[device] = stamp_ns;
	g->row[device]++;
	memcpy(&bits, &r->s.v.f64, 8);
	hf_buf_printf(&g->lines, "%u,%zu,%" PRId64 ",%s,%s,%016" PRIx64 "\n",
	    device + 1, g->row[device] - 1, stamp_ns, r->tag->name,
	    hf_fmt_f64(r->s.v.f64, num), bits);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines sorted, since two devices interleave. */
static size_t
split_lines(struct hf_buf *b, const char **lines, size_t cap)
{
	char *save = NULL, *p;
	size_t n = 0;

	hf_buf_cstr(b);
	for (p = strtok_r((char *)b->p, "\n", &save); p != NULL && n < cap;
	     p = strtok_r(NULL, "\n", &save))
		lines[n++] = p;
	qsort(lines, n, sizeof(*lines), by_text);
	return n;
}

static void
replay_file(void)
{
	struct hf_buf b;
	int i, u;

	hf_buf_init(&b, 1u << 20);
	hf_buf_puts(&b, "unit,cycle,s1\n");
	for (u = 1; u <= 2; u++)
		for (i = 1; i <= 100; i++)
			hf_buf_printf(
			    &b, "%d,%d,%.17g\n", u, i, u * 1000 + i / 7.0);
	write_file(hf_buf_cstr(&b));
	hf_buf_fini(&b);
}

static struct hf_sim *
serve_two_units(struct hf_loop *loop)
{
	static char unit[] = "unit", nr[2][2] = {"1", "2"};
	const struct hf_sim_ops ops = {NULL, on_ledger, on_done};
	struct hf_sim_unit *units[2];
	const struct hf_sim_at at = {"127.0.0.1", 0, units, 2};
	struct hf_sim *sim;
	struct hf_err err;
	int i;

	for (i = 0; i < 2; i++) {
		struct hf_sim_conf c = conf();

		c.unit = (uint8_t)(i + 1);
		c.cycle_column = "cycle";
		c.filters[c.nfilter++] = (struct hf_sim_filter){unit, nr[i]};
		units[i] = unit_of(&c);
	}
	if (hf_sim_open(loop, &at, &ops, &sim, &err) != HF_OK)
		fail_msg("%s", err.msg);
	return sim;
}

static void
what_is_served_is_what_is_read_bit_for_bit(void **state)
{
	const char *want[300], *have[300];
	struct hf_driver_dev *dev[2];
	struct hf_loop *loop = hf_loop_new();
	struct hf_sim *sim;
	struct mb_plant m;
	struct mb_host h;
	struct got g = {.last_ns = {0}};
	int64_t until_ns;
	size_t i, n;

	replay_file();
	hf_buf_init(&g.lines, 1u << 20);
	sim = serve_two_units(loop);
	mb_plant_init(&m, 2, 4);
	mb_host_init(&h, loop);
	h.on_reading = on_reading;
	h.arg = &g;
	for (i = 0; i < 2; i++) {
		struct hf_device *d = mb_plant_device(
		    &m, i == 0 ? "one" : "two", hf_sim_port(sim));

		d->time = HF_TIME_REGISTER;
		((struct hf_mb_conf *)d->conf)->unit = (int64_t)i + 1;
		mb_plant_tag(&m, "_stamp", "hr:0", HF_T_I64, HF_NS_PER_MS);
		mb_plant_tag(&m, "s1", "hr:4", HF_T_F64, HF_NS_PER_MS);
		assert_int_equal(hf_modbus_driver.open(&m.plant, (uint32_t)i,
				     &h.host, &dev[i], NULL),
		    HF_OK);
	}
	until_ns = hf_mono_ns() + GIVE_UP_NS;
	while ((ndone == 0 || g.row[0] < 100 || g.row[1] < 100) &&
	       hf_mono_ns() < until_ns)
		hf_loop_once(loop, 20);
	assert_int_equal(ndone, 1);
	n = split_lines(&ledger, want, 300);
	assert_int_equal(n, 200);
	assert_int_equal(split_lines(&g.lines, have, 300), n);
	for (i = 0; i < n; i++)
		assert_string_equal(have[i], want[i]);
	for (i = 0; i < 2; i++)
		hf_modbus_driver.close(dev[i]);
	hf_sim_close(sim);
	mb_plant_fini(&m);
	hf_buf_fini(&g.lines);
	hf_loop_free(loop);
}

static void
printed_tags_are_the_layout_that_is_served(void **state)
{
	const struct hf_sim_conf c = conf();
	struct hf_sim_unit *u;
	struct hf_buf b;

	write_file(two_rows);
	u = unit_of(&c);
	hf_buf_init(&b, 4096);
	hf_sim_unit_tags(u, "press", 5, &b);
	assert_string_equal(hf_buf_cstr(&b),
	    "device,tag,address,type,order,access,interval_ms\n"
	    "press,_stamp,hr:0,int64,ABCD,r,5\n"
	    "press,a,hr:4,float64,ABCD,r,5\n"
	    "press,b,hr:8,float64,ABCD,r,5\n");
	hf_buf_fini(&b);
	hf_sim_unit_free(u);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(row_is_a_stamp_and_a_float64_per_column),
	    T(read_with_the_stamp_advances_and_others_do_not),
	    T(last_row_stays_and_is_in_the_ledger_once),
	    T(ledger_names_only_columns_that_were_in_the_answer),
	    T(stopped_unit_stays_at_the_row_last_served),
	    T(answer_under_way_when_stopped_is_still_in_the_ledger),
	    T(cycles_become_stamps_and_filters_choose_rows),
	    T(broken_files_are_refused_with_their_place),
	    T(what_is_served_is_what_is_read_bit_for_bit),
	    T(printed_tags_are_the_layout_that_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
