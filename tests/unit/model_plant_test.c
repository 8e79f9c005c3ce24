/* SPDX-License-Identifier: Apache-2.0
 *
 * model_plant_test.c - option values, and the plant packed and unpacked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/optval.h"
#include "model/plant_priv.h"
#include "plant_kinds.h"

/* ---- option values ---- */

static const char *
row_name(const void *o)
{
	return ((const struct hf_opt *)o)->name;
}

static const struct hf_opt *
row(const char *name)
{
	size_t i;

	for (i = 0; i < test_driver.nopt; i++)
		if (strcmp(row_name(&test_driver_opts[i]), name) == 0)
			return &test_driver_opts[i];
	fail();
	return NULL;
}

static void
round_trips(const char *name, const char *in, const char *out)
{
	const struct hf_opt *o = row(name);
	struct hf_arena *a = hf_arena_new(1 << 16);
	struct test_driver d = {0};
	char why[HF_OPT_WHY] = "";
	void *slot = (char *)&d + o->off;
	struct hf_buf b;

	assert_int_equal(
	    hf_opt_from_text(o, in, strlen(in), a, slot, why, sizeof(why)),
	    HF_OK);
	assert_int_equal(hf_opt_check(o, slot, why, sizeof(why)), HF_OK);
	hf_buf_init(&b, 2 * HF_OPT_TEXT);
	hf_opt_to_text(o, slot, &b);
	assert_string_equal(hf_buf_cstr(&b), out);
	hf_buf_fini(&b);
	hf_arena_free(a);
}

static void
refused(const char *name, const char *in)
{
	struct hf_arena *a = hf_arena_new(1 << 16);
	struct test_driver d = {0}, before = {0};
	char why[HF_OPT_WHY] = "";
	const struct hf_opt *o = row(name);

	assert_int_equal(hf_opt_from_text(o, in, strlen(in), a,
			     (char *)&d + o->off, why, sizeof(why)),
	    HF_EINVAL);
	assert_true(strlen(why) > 10);
	assert_memory_equal(&d, &before, sizeof(d)); /* untouched */
	hf_arena_free(a);
}

static void
values_print_as_the_shortest_text_that_reads_back(void **state)
{
	round_trips("wait", "30500ms", "30s500ms");
	round_trips("wait", "60000ms", "1min");
	round_trips("bytes", "65536", "64KiB");
	round_trips("bytes", "1025", "1025B");
	round_trips("bytes", "2048MiB", "2GiB");
	round_trips("bytes", "0", "0B");
	round_trips("rate", "20/s", "20/s");
	round_trips("rate", "6/min", "6/min");
	round_trips("rate", "1/week", "1/week");
	round_trips("rate", "120/min", "2/s");
	round_trips("rate", "0/s", "0/s");
	round_trips("day", "2027-05-01", "2027-05-01");
	round_trips("gain", "0.1", "0.1");
	round_trips("gain", "-1e-7", "-1e-07");
	round_trips("mode", "fast", "fast");
	round_trips("host", "fd00::1", "fd00::1");
	round_trips("host", "plc-7.press.local", "plc-7.press.local");
	round_trips("port", "0x1f6", "502");
	round_trips("flag", "false", "false");
}

static void
values_that_are_none_are_refused_and_leave_the_slot(void **state)
{
	static const char *const bad[][2] = {{"port", "0"}, {"port", "65536"},
	    {"port", "5o2"}, {"port", ""}, {"wait", "9ms"}, {"wait", "-1s"},
	    {"wait", "1"}, {"bytes", "64MB"}, {"bytes", "-1"},
	    {"bytes", "99999999999TiB"}, {"rate", "20"}, {"rate", "20/y"},
	    {"rate", "-1/s"}, {"rate", "inf/s"}, {"gain", "nan"},
	    {"gain", "1,5"}, {"day", "2027-02-30"}, {"day", "2027-5-1"},
	    {"day", "2027-05-01T00:00:00Z"}, {"flag", "yes"}, {"flag", "TRUE"},
	    {"mode", "Fast"}, {"host", "10.10.1.300"}, {"host", "a b"},
	    {"host", "-a"}, {"host", ""}, {"path", "a//b"}, {"path", "/a"},
	    {"path", "a/b c"}, {"near", "a/b"},
	    {"note", "a\x01"
		     "b"},
	    {"note", "\xff"}};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i][0], bad[i][1]);
}

static void
texts_over_1024_bytes_are_refused(void **state)
{
	char text[HF_OPT_TEXT + 2];

	memset(text, 'x', sizeof(text));
	text[HF_OPT_TEXT + 1] = '\0';
	refused("note", text);
	text[HF_OPT_TEXT] = '\0';
	round_trips("note", text, text);
}

static void
networks_hold_addresses_of_their_own_family_only(void **state)
{
	char why[HF_OPT_WHY];

	assert_true(hf_cidr_has("10.0.0.0/8", "10.255.0.1"));
	assert_false(hf_cidr_has("10.0.0.0/8", "11.0.0.1"));
	assert_true(hf_cidr_has("0.0.0.0/0", "1.2.3.4"));
	assert_false(hf_cidr_has("0.0.0.0/0", "::1"));
	assert_true(hf_cidr_has("fd00::/7", "fdff::1"));
	assert_true(hf_cidr_has("10.1.2.3", "10.1.2.3"));
	assert_false(hf_cidr_has("10.0.0.0/8", "plc.local"));
	assert_true(hf_cidr_ok("10.10.1.128/25", why, sizeof(why)));
	assert_false(hf_cidr_ok("10.10.1.129/25", why, sizeof(why)));
	assert_false(hf_cidr_ok("10.10.1.0/33", why, sizeof(why)));
	assert_false(hf_cidr_ok("10.10.1.0", why, sizeof(why)));
}

static void
patterns_take_two_stars_only_as_the_last_level(void **state)
{
	assert_true(hf_pattern_ok("a/*/c"));
	assert_true(hf_pattern_ok("a/s*"));
	assert_true(hf_pattern_ok("**"));
	assert_true(hf_pattern_ok("a/**"));
	assert_false(hf_pattern_ok("a/**/c"));
	assert_false(hf_pattern_ok("a/x**"));
	assert_false(hf_pattern_ok("a/***"));
	assert_false(hf_pattern_ok("a//b"));
	assert_false(hf_pattern_ok(""));
}

static void
every_row_of_the_fixed_sections_has_help_and_a_default_that_parses(void **state)
{
	struct hf_arena *a = hf_arena_new(1 << 20);
	char why[HF_OPT_WHY] = "";
	size_t i, j;
	void *conf;

	assert_true(hf_nsection <= HF_PLANT_NSECTION);
	for (i = 0; i < hf_nsection; i++) {
		conf = hf_arena_alloc(a, hf_sections[i].kind.size);
		assert_int_equal(
		    hf_opt_defaults(hf_sections[i].kind.opts,
			hf_sections[i].kind.nopt, conf, a, why, sizeof(why)),
		    HF_OK);
		for (j = 0; j < hf_sections[i].kind.nopt; j++)
			assert_true(
			    strlen(hf_sections[i].kind.opts[j].help) > 4);
	}
	hf_arena_free(a);
}

/* ---- plants made by hand ---- */

static char *
dup(struct hf_plant *p, const char *s)
{
	return hf_arena_strdup(p->arena, s);
}

static void *
items(struct hf_plant *p, const struct hf_section *s, size_t n)
{
	char why[HF_OPT_WHY];
	char *v = hf_arena_calloc(p->arena, n, s->kind.size);
	size_t i;

	for (i = 0; i < n; i++)
		hf_opt_defaults(s->kind.opts, s->kind.nopt,
		    v + i * s->kind.size, p->arena, why, sizeof(why));
	memcpy((char *)p + s->items_off, &v, sizeof(v));
	memcpy((char *)p + s->count_off, &n, sizeof(n));
	return v;
}

static void
add_tag(
    struct hf_plant *p, const char *device, const char *name, const char *path)
{
	struct hf_tag *t = hf_plant_add_tag(p);

	assert_non_null(t);
	t->device = dup(p, device);
	t->name = dup(p, name);
	t->address = dup(p, "40001");
	t->path = path == NULL ? NULL : dup(p, path);
}

static void
set_host(struct hf_plant *p, struct hf_device *d, const char *host)
{
	struct test_driver *c = hf_arena_alloc(p->arena, sizeof(*c));
	char why[HF_OPT_WHY];

	hf_opt_defaults(
	    test_driver_opts, test_driver.nopt, c, p->arena, why, sizeof(why));
	c->host = dup(p, host);
	d->conf = c;
	d->kind = &test_driver;
}

/* Two devices in one zone, four tags in mixed order, a detector and a rule. */
static struct hf_plant *
make_plant(void)
{
	struct hf_plant *p = hf_plant_new();
	struct hf_conduit *c;
	struct hf_device *d;
	struct hf_detector *det;
	struct hf_zone *z;
	struct hf_rule *r;
	struct test_limit *l;
	char why[HF_OPT_WHY];

	assert_non_null(p);
	p->site.enterprise = dup(p, "acme");
	p->site.site = dup(p, "berlin");
	z = items(p, hf_section_find("zones"), 1);
	z->name = dup(p, "press");
	z->interface = dup(p, "enp3s0");
	c = items(p, hf_section_find("conduits"), 1);
	c->name = dup(p, "c");
	c->from = dup(p, "edge/press");
	c->to = dup(p, "10.10.1.0/24");
	c->proto = dup(p, "test-tcp");
	c->port = 502;
	c->purpose = c->owner = dup(p, "x");
	c->review_ns = INT64_C(86400000000000);
	d = items(p, hf_section_find("devices"), 2);
	d[0].name = dup(p, "d0");
	d[1].name = dup(p, "d1");
	d[0].zone = d[1].zone = dup(p, "press");
	d[0].driver = d[1].driver = dup(p, "test-tcp");
	set_host(p, &d[0], "10.10.1.1");
	set_host(p, &d[1], "10.10.1.2");
	add_tag(p, "d1", "b", "a/l/m1/b");
	add_tag(p, "d0", "a", "a/l/m0/a");
	add_tag(p, "d1", "a", "a/l/m1/a");
	add_tag(p, "d0", "c", "a/l/m0/c");
	det = items(p, hf_section_find("detectors"), 1);
	det->name = dup(p, "det");
	det->method = dup(p, "limit");
	det->tags.v = hf_arena_calloc(p->arena, 2, sizeof(char *));
	det->tags.v[0] = dup(p, "a/l/m1/*");
	det->tags.v[1] = dup(p, "a/l/*/a");
	det->tags.n = 2;
	l = hf_arena_alloc(p->arena, sizeof(*l));
	hf_opt_defaults(test_limit_opts, 3, l, p->arena, why, sizeof(why));
	l->hi = 90;
	det->conf = l;
	r = items(p, hf_section_find("rules"), 1);
	r->name = dup(p, "rule");
	r->on = dup(p, "det");
	return p;
}

static char reports[20000];

static void
on_report(void *arg, const char *what, const char *text)
{
	size_t n = strlen(reports);

	snprintf(reports + n, sizeof(reports) - n, "%s: %s\n", what, text);
}

static int
finish(struct hf_plant *p)
{
	reports[0] = '\0';
	return hf_plant_finish(p, &test_registry, on_report, NULL);
}

static void
finish_groups_tags_by_device_and_matches_patterns(void **state)
{
	struct hf_plant *p = make_plant();
	const struct hf_detector *det;

	assert_int_equal(finish(p), HF_OK);
	assert_string_equal(reports, "");
	assert_string_equal(p->tags[0].path, "a/l/m0/a");
	assert_string_equal(p->tags[1].path, "a/l/m0/c");
	assert_string_equal(p->tags[2].path, "a/l/m1/b");
	assert_int_equal(p->devices[1].tag_first, 2);
	assert_int_equal(p->devices[1].ntag, 2);
	assert_ptr_equal(hf_plant_tag(p, "a/l/m1/a"), &p->tags[3]);
	assert_ptr_equal(hf_plant_tag_by_key(p, p->tags[3].key), &p->tags[3]);
	assert_null(hf_plant_tag(p, "a/l/m1/z"));
	det = &p->detectors[0];
	assert_int_equal(det->ntag, 3);
	assert_int_equal(det->tag_idx[0], 0);
	assert_int_equal(det->tag_idx[1], 2);
	assert_int_equal(det->tag_idx[2], 3);
	assert_int_equal(p->rules[0].detector_idx, 0);
	assert_int_equal(finish(p), HF_OK); /* again: the same */
	assert_string_equal(p->tags[0].path, "a/l/m0/a");
	hf_plant_free(p);
}

static void
two_tags_with_one_path_are_refused(void **state)
{
	struct hf_plant *p = make_plant();

	add_tag(p, "d1", "z", "a/l/m0/a");
	add_tag(p, "d1", "a", "a/l/m1/other");
	assert_int_equal(finish(p), HF_EINVAL);
	assert_non_null(
	    strstr(reports, "tags.d1.z.uns_path: path \"a/l/m0/a\" is "
			    "already that of tag \"a\" of device \"d0\""));
	assert_non_null(strstr(reports,
	    "tags.d1.a.tag: tag \"a\" is given twice for device \"d1\""));
	hf_plant_free(p);
}

static void
a_tag_without_path_takes_that_of_its_asset_or_is_refused(void **state)
{
	struct hf_plant *p = make_plant();
	struct hf_asset *a;

	add_tag(p, "d1", "z", NULL);
	assert_int_equal(finish(p), HF_EINVAL);
	assert_non_null(
	    strstr(reports, "tags.d1.z.uns_path: tag \"z\" has no uns_path "
			    "and device \"d1\" no asset"));
	a = items(p, hf_section_find("assets"), 1);
	a->path = dup(p, "a/l/m1");
	p->devices[1].asset = dup(p, "a/l/m1");
	assert_int_equal(finish(p), HF_OK);
	assert_non_null(hf_plant_tag(p, "a/l/m1/z"));
	assert_ptr_equal(hf_plant_asset_of(p, hf_plant_tag(p, "a/l/m1/z")), a);
	assert_null(hf_plant_asset_of(p, hf_plant_tag(p, "a/l/m0/a")));
	hf_plant_free(p);
}

static void
time_register_needs_the_stamp_tag_which_no_detector_sees(void **state)
{
	struct hf_plant *p = make_plant();

	p->devices[1].time = HF_TIME_REGISTER;
	assert_int_equal(finish(p), HF_EINVAL);
	assert_non_null(strstr(reports, "devices.d1.time"));
	add_tag(p, "d1", "_stamp", "a/l/m1/_stamp");
	assert_int_equal(finish(p), HF_OK);
	assert_true(hf_plant_tag(p, "a/l/m1/_stamp")->is_stamp);
	assert_int_equal(p->detectors[0].ntag, 3);
	hf_plant_free(p);
}

/* ---- packed ---- */

static struct hf_plant *
packed(struct hf_buf *b)
{
	struct hf_plant *p = make_plant();

	assert_int_equal(finish(p), HF_OK);
	hf_buf_init(b, HF_PLANT_BYTES);
	assert_int_equal(hf_plant_pack(p, b, NULL), HF_OK);
	return p;
}

static void
pack_and_unpack_give_the_same_plant_and_hash(void **state)
{
	struct hf_plant *p, *q = NULL;
	struct hf_buf b, again;
	struct hf_err err = {0};

	p = packed(&b);
	assert_memory_equal(p->hash, b.p + b.len - 32, 32);
	assert_int_equal(
	    hf_plant_unpack(b.p, b.len, &test_registry, &q, &err), HF_OK);
	assert_memory_equal(p->hash, q->hash, 32);
	assert_string_equal(
	    ((struct test_driver *)q->devices[1].conf)->host, "10.10.1.2");
	assert_int_equal(q->detectors[0].ntag, 3);
	assert_true(isnan(q->tags[0].raw_lo));
	assert_null(q->tags[0].unit);
	hf_buf_init(&again, HF_PLANT_BYTES);
	assert_int_equal(hf_plant_pack(q, &again, NULL), HF_OK);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.p, b.p, b.len);
	hf_buf_fini(&again);
	hf_buf_fini(&b);
	hf_plant_free(p);
	hf_plant_free(q);
}

static void
every_flipped_bit_of_packed_bytes_is_refused(void **state)
{
	struct hf_plant *p, *q = NULL;
	struct hf_buf b;
	struct hf_err err;
	size_t i;

	p = packed(&b);
	for (i = 0; i < b.len; i++) {
		err = (struct hf_err){0};
		b.p[i] ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(
		    hf_plant_unpack(b.p, b.len, &test_registry, &q, &err),
		    HF_EPROTO);
		assert_true(strlen(err.msg) > 10);
		b.p[i] ^= (uint8_t)(1u << (i % 8));
	}
	hf_buf_fini(&b);
	hf_plant_free(p);
}

/* The same, with the hash made right again: the checks behind it must hold. */
static void
wrong_values_with_a_right_hash_are_refused_or_canonical(void **state)
{
	struct hf_plant *p, *q;
	struct hf_buf b;
	struct hf_err err;
	size_t i, nrefused = 0;
	uint8_t keep;

	p = packed(&b);
	for (i = 16; i < b.len - 32; i++) {
		q = NULL;
		err = (struct hf_err){0};
		keep = b.p[i];
		b.p[i] ^= 0x80;
		hf_sha256_of(b.p, b.len - 32, b.p + b.len - 32);
		if (hf_plant_unpack(b.p, b.len, &test_registry, &q, &err) !=
		    HF_OK)
			nrefused++;
		else
			assert_memory_equal(q->hash, b.p + b.len - 32, 32);
		hf_plant_free(q);
		b.p[i] = keep;
	}
	assert_true(nrefused > b.len / 3);
	hf_buf_fini(&b);
	hf_plant_free(p);
}

static void
cut_packed_bytes_are_refused_at_every_length(void **state)
{
	struct hf_plant *p, *q = NULL;
	struct hf_buf b;
	uint8_t *cut;
	size_t n;

	p = packed(&b);
	for (n = 48; n < b.len; n++) {
		cut = malloc(n); /* exact, so that overruns show */
		assert_non_null(cut);
		memcpy(cut, b.p, n);
		for (size_t i = 0; i < 8; i++)
			cut[8 + i] = (uint8_t)((uint64_t)n >> (8 * i));
		hf_sha256_of(cut, n - 32, cut + n - 32);
		assert_int_equal(
		    hf_plant_unpack(cut, n, &test_registry, &q, NULL),
		    HF_EPROTO);
		free(cut);
	}
	hf_buf_fini(&b);
	hf_plant_free(p);
}

static void
ten_thousand_devices_and_tags_finish_fast_enough_to_test(void **state)
{
	struct hf_plant *p = make_plant();
	char name[32], path[64];
	int i;

	for (i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		snprintf(path, sizeof(path), "a/l/m%d/t%d", i % 100, i);
		add_tag(p, i % 2 ? "d0" : "d1", name, path);
	}
	assert_int_equal(finish(p), HF_OK);
	assert_int_equal(p->ntag, 100004);
	assert_non_null(hf_plant_tag(p, "a/l/m99/t99999"));
	hf_plant_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_print_as_the_shortest_text_that_reads_back),
	    cmocka_unit_test(
		values_that_are_none_are_refused_and_leave_the_slot),
	    cmocka_unit_test(texts_over_1024_bytes_are_refused),
	    cmocka_unit_test(networks_hold_addresses_of_their_own_family_only),
	    cmocka_unit_test(patterns_take_two_stars_only_as_the_last_level),
	    cmocka_unit_test(
		every_row_of_the_fixed_sections_has_help_and_a_default_that_parses),
	    cmocka_unit_test(finish_groups_tags_by_device_and_matches_patterns),
	    cmocka_unit_test(two_tags_with_one_path_are_refused),
	    cmocka_unit_test(
		a_tag_without_path_takes_that_of_its_asset_or_is_refused),
	    cmocka_unit_test(
		time_register_needs_the_stamp_tag_which_no_detector_sees),
	    cmocka_unit_test(pack_and_unpack_give_the_same_plant_and_hash),
	    cmocka_unit_test(every_flipped_bit_of_packed_bytes_is_refused),
	    cmocka_unit_test(
		wrong_values_with_a_right_hash_are_refused_or_canonical),
	    cmocka_unit_test(cut_packed_bytes_are_refused_at_every_length),
	    cmocka_unit_test(
		ten_thousand_devices_and_tags_finish_fast_enough_to_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
