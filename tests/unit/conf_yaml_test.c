/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_yaml_test.c - plant.yaml: what is read, and how each mistake is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_files.h"
#include "plant_kinds.h"

static struct files files;

static int
setup(void **state)
{
	files_open(&files);
	files_put(&files, "tags/press.csv", TEST_TAGS);
	return 0;
}

static int
teardown(void **state)
{
	files_close(&files);
	return 0;
}

/* The yaml is refused, and one finding is exactly this line. */
static void
refuses(const char *yaml, const char *line)
{
	struct hf_plant *p;
	char want[700];

	files_put(&files, "plant.yaml", yaml);
	p = files_load(&files, &test_registry);
	snprintf(want, sizeof(want), "%s\n", line);
	if (p != NULL || strstr(files.text, want) == NULL)
		print_error("wanted: %s\ngot:\n%s", line, files.text);
	assert_null(p);
	assert_non_null(strstr(files.text, want));
	assert_int_equal(files.err.rc, HF_EINVAL);
}

static void
a_right_plant_is_read_without_findings(void **state)
{
	const struct test_driver *d;
	const struct test_limit *l;
	struct hf_plant *p;

	files_put(&files, "plant.yaml", TEST_HEAD TEST_DEVICE TEST_TAIL);
	p = files_load(&files, &test_registry);
	assert_string_equal(files.text, "");
	assert_non_null(p);
	assert_string_equal(p->site.enterprise, "acme");
	assert_string_equal(p->site.timezone, "UTC");
	assert_int_equal(p->nzone, 1);
	assert_int_equal(p->conduits[0].port, 502);
	assert_int_equal(p->conduits[0].direction, HF_DIR_PULL);
	assert_int_equal(p->devices[0].ntag, 3);
	assert_int_equal(p->devices[0].load.connections, 1);
	assert_true(p->devices[0].load.requests_hz == 20.0);
	d = p->devices[0].conf;
	assert_string_equal(d->host, "10.10.1.7");
	assert_int_equal(d->port, 502);
	assert_int_equal(d->wait_ns, 1000000000);
	assert_true(d->flag);
	assert_int_equal(d->sub.depth, 3);
	l = p->detectors[0].conf;
	assert_true(l->hi == 90.0);
	assert_true(l->lo != l->lo);
	assert_int_equal(p->detectors[0].ntag, 2); /* not the string */
	assert_int_equal(p->rules[0].respond_ns, INT64_C(1800) * 1000000000);
	assert_int_equal(p->rules[0].k, 1);
	assert_int_equal(p->storage.commit_ns, 5000000);
	assert_int_equal(p->storage.log_bytes, 256 << 20);
	assert_true(p->positions[0].budget_hz == 5.0 / 604800);
	assert_non_null(hf_plant_tag(p, "area/line1/press/temp"));
	assert_ptr_equal(hf_plant_asset_of(p, &p->tags[0]), &p->assets[0]);
	hf_plant_free(p);
}

static void
an_unknown_key_is_told_with_its_place_and_the_nearest(void **state)
{
	refuses(TEST_HEAD "devices:\n  press7: {zone: press, driver: test-tcp, "
			  "hots: 10.10.1.7}\n",
	    "plant.yaml:13:43: unknown key \"hots\" in devices.press7, did you "
	    "mean "
	    "\"host\"?");
	refuses(TEST_HEAD "zoness: {}\n",
	    "plant.yaml:12:1: unknown section "
	    "\"zoness\", did you mean \"zones\"?");
}

static void
a_key_given_twice_is_told_with_both_lines(void **state)
{
	refuses(TEST_HEAD "positions: {}\n",
	    "plant.yaml:12:1: key \"positions\" is given twice, first in line "
	    "10; "
	    "remove one");
	refuses("format: 1\nplant: {enterprise: a, site: b, site: c}\n",
	    "plant.yaml:2:33: key \"site\" is given twice, first in line 2; "
	    "remove one");
}

static void
a_missing_required_key_is_told_at_its_item(void **state)
{
	refuses("format: 1\nplant: {enterprise: acme}\n",
	    "plant.yaml:2:1: plant has no site, which is required; add site: "
	    "(name)");
	refuses(TEST_HEAD
	    "devices:\n  press7: {zone: press, driver: test-tcp}\n",
	    "plant.yaml:13:3: devices.press7 has no host, which is required; "
	    "add host: "
	    "(host)");
	refuses("format: 1\n",
	    "plant.yaml:1:1: plant has no enterprise, which is "
	    "required; add enterprise: (name)");
}

static void
wrong_types_units_and_ranges_say_what_is_expected(void **state)
{
	refuses(TEST_HEAD "storage: {commit: 50ms}\n",
	    "plant.yaml:12:19: commit: \"50ms\" is out of range, expected a "
	    "duration "
	    "such as 250ms, 2h or 1h30min, 1ms to 10ms");
	refuses(TEST_HEAD "storage: {commit: 5}\n",
	    "plant.yaml:12:19: commit: \"5\" has no unit, write for example "
	    "5s");
	refuses(TEST_HEAD "storage: {segment: 64MB}\n",
	    "plant.yaml:12:20: segment: unit \"MB\" is unknown, did you mean "
	    "\"MiB\"?");
	refuses(TEST_HEAD "positions2: 1\nusers: {bob: {role: operater}}\n",
	    "plant.yaml:13:21: role: \"operater\" is not one of: viewer "
	    "operator "
	    "engineer quality maintenance security auditor; did you mean "
	    "\"operator\"?");
	refuses(TEST_HEAD "rules:\n  r: {on: [hot]}\n",
	    "plant.yaml:13:11: on takes one reference, not a list; write one "
	    "value");
	refuses("format: 1\nplant: {enterprise: acme, site: b}\nzones:\n"
		"  z: {interface: e, ipv6: yes}\n",
	    "plant.yaml:4:27: ipv6: \"yes\" is no boolean, did you mean true?");
	refuses("format: 1\nplant: {enterprise: acme, site: b}\nzones:\n"
		"  z: {interface: e, ipv6: \"true\"}\n",
	    "plant.yaml:4:27: ipv6: write the boolean without quotes");
	refuses("format: 1\nplant: {enterprise: acme, site: b}\nzones:\n"
		"  z: {interface: e, networks: [10.10.1.5/24]}\n",
	    "plant.yaml:4:32: networks: \"10.10.1.5/24\" has bits set behind "
	    "its "
	    "prefix, did you mean \"10.10.1.0/24\"?");
	refuses("format: 1\nplant: {enterprise: acme, site: b}\nzones:\n"
		"  z: {interface: e, sl_target: }\n",
	    "plant.yaml:4:32: sl_target has no value; give one, or remove the "
	    "key");
}

static void
an_unknown_reference_is_told_with_the_nearest(void **state)
{
	refuses(TEST_HEAD TEST_DEVICE TEST_TAIL "  second: {on: hott}\n",
	    "plant.yaml:20:16: rules.second.on: \"hott\" is not defined under "
	    "detectors:, did you mean \"hot\"?");
	refuses(TEST_HEAD TEST_DEVICE
	    "detectors: {d: {method: limt, tags: [\"area/**\"]}}\n",
	    "plant.yaml:15:25: detectors.d.method: method \"limt\" is unknown, "
	    "did you "
	    "mean \"limit\"?");
	refuses(TEST_HEAD TEST_DEVICE
	    "users: {bob: {role: viewer, zones: [pres]}}\n",
	    "plant.yaml:15:36: users.bob.zones: \"pres\" is not defined under "
	    "zones:, "
	    "did you mean \"press\"?");
}

static void
a_device_that_no_conduit_reaches_is_refused(void **state)
{
	refuses(TEST_HEAD "devices: {press7: {zone: press, driver: test-tcp, "
			  "host: 10.10.1.8}}\n",
	    "plant.yaml:12:57: devices.press7.host: no conduit lets edge/press "
	    "reach "
	    "10.10.1.8:502; add one under conduits: (direction: pull)");
	refuses(TEST_HEAD "devices: {press7: {zone: press, driver: test-tcp, "
			  "host: 10.10.1.7, port: 503}}\n",
	    "plant.yaml:12:57: devices.press7.host: no conduit lets edge/press "
	    "reach "
	    "10.10.1.7:503; add one under conduits: (direction: pull)");
}

static void
rules_and_detectors_must_make_sense(void **state)
{
	refuses(TEST_HEAD TEST_DEVICE TEST_TAIL "  b: {on: hot, action: run}\n",
	    "plant.yaml:20:3: rules.b: a rule with action raises alarms and "
	    "needs cause "
	    "too; give it, or remove action to keep its events advisories");
	refuses(TEST_HEAD TEST_DEVICE TEST_TAIL "  b: {on: hot, k: 3, n: 2}\n",
	    "plant.yaml:20:3: rules.b: k is larger than n; k of the last n "
	    "steps: raise "
	    "n or lower k");
	refuses(TEST_HEAD TEST_DEVICE "detectors: {d: {method: limit, hi: 1, "
				      "tags: [\"area/line2/*\"]}}\n",
	    "plant.yaml:15:45: detectors.d.tags: \"area/line2/*\" matches no "
	    "tag with a "
	    "number; `holdfast tags list` shows the paths");
	refuses(TEST_HEAD TEST_DEVICE
	    "detectors: {d: {method: limit, tags: [\"area/**\"]}}\n",
	    "plant.yaml:15:13: detectors.d: neither hi nor lo is given; give "
	    "one of "
	    "them");
	refuses(TEST_HEAD TEST_DEVICE
	    "detectors: {d: {method: learner, tags: [\"area/**\"]}}\n",
	    "plant.yaml:15:13: detectors.d: method learner learns; say how "
	    "long, for "
	    "example learn: 2h");
}

static void
yaml_that_could_surprise_is_refused(void **state)
{
	refuses("format: 1\nplant: &p {enterprise: a, site: b}\n",
	    "plant.yaml:2:8: anchors (&name) are not taken; write the value "
	    "out where "
	    "it is needed");
	refuses("format: 1\nplant: *p\n",
	    "plant.yaml:2:8: aliases (*name) are not taken; write the value "
	    "out (a "
	    "pattern that begins with * needs quotes)");
	refuses("format: !!int 1\nplant: {enterprise: a, site: b}\n",
	    "plant.yaml:1:9: tags (!name) are not taken; remove it, the key "
	    "decides the "
	    "type");
	refuses("format: 1\nplant: {enterprise: a, site: b}\n---\nformat: 1\n",
	    "plant.yaml:3:1: a second document begins here; a plant is one "
	    "document, "
	    "remove the --- line");
	refuses("format: 1\n[a]: b\n",
	    "plant.yaml:2:1: a key must be a text; check colons and brackets");
	refuses("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	    "plant.yaml:1:33: more than 32 levels; check brackets and "
	    "indentation");
	refuses("format: 1\nplant:\n\tsite: b\n",
	    "plant.yaml:3:1: YAML: found character that cannot start any token "
	    "while "
	    "scanning for the next token; indent with blanks, not tabs, and "
	    "put texts "
	    "with special characters in quotes");
	refuses("format: 1\nplant: {enterprise: \xff, site: b}\n",
	    "plant.yaml:2:1: line is not UTF-8; save the file as UTF-8");
}

static void
another_format_stops_all_further_checks(void **state)
{
	refuses("format: 2\nnonsense: 1\n",
	    "plant.yaml:1:9: format \"2\" is unknown to this program, which "
	    "reads "
	    "format 1; nothing else was checked");
	assert_null(strstr(files.text, "nonsense"));
	refuses("plant: {enterprise: a, site: b}\n",
	    "plant.yaml:1:1: format is required; begin the file with \"format: "
	    "1\"");
	refuses("",
	    "plant.yaml:1:1: the file is no map of sections; begin with "
	    "\"format: 1\"");
}

static void
all_errors_come_in_one_run_in_the_order_of_the_file(void **state)
{
	const char *at, *next;
	int i, line, last = 0;

	refuses("format: 1\nplant: {enterprise: acme, sit: x}\nzones:\n"
		"  z: {interface: e, sl_target: 7}\n"
		"storage: {commit: 1h}\nusers: {x: {role: king}}\n",
	    "plant.yaml:4:32: sl_target: \"7\" is out of range, expected an "
	    "integer "
	    "such as 12, 0 to 4");
	for (i = 0, at = files.text; *at != '\0'; at = next + 1, i++) {
		next = strchr(at, '\n');
		line = atoi(at + strlen("plant.yaml:"));
		assert_true(line >= last);
		last = line;
	}
	assert_int_equal(i, 5);
}

static void
findings_are_bounded(void **state)
{
	char *yaml = malloc(200000);
	size_t i, n;

	assert_non_null(yaml);
	n = (size_t)sprintf(
	    yaml, "format: 1\nplant: {enterprise: a, site: b}\nzones:\n");
	for (i = 0; i < 1500; i++)
		n += (size_t)sprintf(
		    yaml + n, "  z%zu: {interface: e, ipv6: 1}\n", i);
	files_put(&files, "plant.yaml", yaml);
	free(yaml);
	assert_null(files_load(&files, &test_registry));
	for (i = 0, n = 0; files.text[n] != '\0'; n++)
		i += files.text[n] == '\n';
	assert_true(i <= HF_CONF_NERROR + 1);
}

static void
what_works_but_should_be_known_is_a_warning(void **state)
{
	struct hf_plant *p;

	files_put(&files, "plant.yaml",
	    "format: 1\nplant: {enterprise: a, site: b}\n"
	    "zones: {z: {interface: host-veth}}\n"
	    "conduits:\n"
	    "  c: {from: edge/z, to: any, proto: x, port: 1, direction: pull, "
	    "purpose: p, owner: o, review: 2001-02-03}\n");
	p = files_load(&files, &test_registry);
	assert_non_null(p);
	assert_string_equal(files.text,
	    "plant.yaml:3:24: warning: zones.z.interface: host-veth joins the "
	    "zone to "
	    "this host; a plant needs a network interface of its own\n"
	    "plant.yaml:5:96: warning: conduits.c.review: the review was due "
	    "on "
	    "2001-02-03; look at the conduit again and set a new date\n");
	hf_plant_free(p);
}

/* At any sl_target; loopback and the host's own end of a zone are no wire. */
static void
mqtt_without_tls_on_a_network_interface_is_a_warning(void **state)
{
	static const char *const where[][2] = {{"eth9", "10.0.0.0/8"},
	    {"host-veth", "10.0.0.0/8"}, {"eth9", "127.0.0.0/8"},
	    {"lo", "any"}};
	struct hf_plant *p;
	char text[600];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text),
		    "format: 1\nplant: {enterprise: a, site: b}\n"
		    "zones: {z: {interface: %s}}\n"
		    "conduits:\n"
		    "  c: {from: %s, to: broker/z, proto: mqtt, port: 1884, "
		    "direction: listen, purpose: p, owner: o, "
		    "review: 2199-02-03}\n",
		    where[i][0], where[i][1]);
		files_put(&files, "plant.yaml", text);
		p = files_load(&files, &test_registry);
		assert_non_null(p);
		assert_int_equal(
		    strstr(files.text,
			"conduits.c.proto: mqtt without TLS on eth9: whoever "
			"is on the way can read and change") != NULL,
		    i == 0);
		hf_plant_free(p);
	}
}

static void
a_zone_of_level_3_needs_a_compensating_measure(void **state)
{
	refuses(
	    "format: 1\nplant: {enterprise: a, site: b}\n"
	    "zones: {z: {interface: e, sl_target: 3}}\n"
	    "conduits:\n"
	    "  c: {from: edge/z, to: any, proto: x, port: 1, direction: pull, "
	    "purpose: p, owner: o, review: 2199-02-03}\n",
	    "plant.yaml:5:3: conduits.c.auth: auth none in a zone of sl_target "
	    "3 or "
	    "more needs a measure that makes up for it; name it with "
	    "compensating:");
}

static void
tag_files_outside_the_directory_are_never_opened(void **state)
{
	static const char *const paths[] = {
	    "/etc/passwd", "../outside.csv", "tags/../../x.csv", "./press.csv"};
	char yaml[2000];
	size_t i;

	for (i = 0; i < 4; i++) {
		snprintf(yaml, sizeof(yaml),
		    TEST_HEAD
		    "devices: {d: {zone: press, driver: test-tcp, host: "
		    "10.10.1.7, tags: \"%s\"}}\n",
		    paths[i]);
		refuses(yaml,
		    "plant.yaml:12:69: tags: the file must lie inside the "
		    "plant's directory; write a relative path without \"..\"");
	}
	files_put(&files, "outside.csv", TEST_TAGS);
	assert_int_equal(
	    symlinkat("../outside.csv", files.fd, "tags/link.csv"), 0);
	refuses(TEST_HEAD "devices: {d: {zone: press, driver: test-tcp, host: "
			  "10.10.1.7, tags: tags/link.csv}}\n",
	    "plant.yaml:12:69: tags: tags/link.csv is a symbolic link; put the "
	    "file "
	    "itself there");
	refuses(TEST_HEAD "devices: {d: {zone: press, driver: test-tcp, host: "
			  "10.10.1.7, tags: tags/none.csv}}\n",
	    "plant.yaml:12:69: tags: tags/none.csv cannot be opened: No such "
	    "file or "
	    "directory");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_right_plant_is_read_without_findings),
	    T(an_unknown_key_is_told_with_its_place_and_the_nearest),
	    T(a_key_given_twice_is_told_with_both_lines),
	    T(a_missing_required_key_is_told_at_its_item),
	    T(wrong_types_units_and_ranges_say_what_is_expected),
	    T(an_unknown_reference_is_told_with_the_nearest),
	    T(a_device_that_no_conduit_reaches_is_refused),
	    T(rules_and_detectors_must_make_sense),
	    T(yaml_that_could_surprise_is_refused),
	    T(another_format_stops_all_further_checks),
	    T(all_errors_come_in_one_run_in_the_order_of_the_file),
	    T(findings_are_bounded),
	    T(what_works_but_should_be_known_is_a_warning),
	    T(mqtt_without_tls_on_a_network_interface_is_a_warning),
	    T(a_zone_of_level_3_needs_a_compensating_measure),
	    T(tag_files_outside_the_directory_are_never_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
