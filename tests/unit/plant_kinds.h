/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_kinds.h - a driver and two methods for tests of the plant and its
 * files: every option type once, and nothing of the real ones.
 */
#ifndef HF_TESTS_PLANT_KINDS_H
#define HF_TESTS_PLANT_KINDS_H

#include <string.h>

#include "conf/conf.h"

struct test_sub {
	int64_t depth;
	bool deep;
};

struct test_driver {
	char *host;
	int64_t port, unit, mode, wait_ns, bytes, day_ns;
	bool flag;
	double gain, rate_hz;
	char *note, *path, *near;
	struct hf_strlist names, texts, nets, patterns;
	struct test_sub sub;
};

struct test_limit {
	double hi, lo;
	int64_t hold_ns;
};

static const char *const test_modes[] = {"slow", "fast", NULL};
static const struct hf_opt test_sub_opts[] = {
    {.name = "depth",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 9,
	.dflt = "3",
	.off = offsetof(struct test_sub, depth),
	.help = "Depth."},
    {.name = "deep",
	.type = HF_OPT_BOOL,
	.off = offsetof(struct test_sub, deep),
	.help = "Deep."},
};
#define TD(f) .off = offsetof(struct test_driver, f), .help = "Test of " #f "."
static const struct hf_opt test_driver_opts[] = {
    {.name = "host", .type = HF_OPT_HOST, .flags = HF_OPT_REQUIRED, TD(host)},
    {.name = "port",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 65535,
	.dflt = "502",
	TD(port)},
    {.name = "unit",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 255,
	.dflt = "1",
	TD(unit)},
    {.name = "mode",
	.type = HF_OPT_ENUM,
	.words = test_modes,
	.dflt = "slow",
	TD(mode)},
    {.name = "wait",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 10,
	.max = 60000,
	.dflt = "1s",
	TD(wait_ns)},
    {.name = "bytes", .type = HF_OPT_SIZE, .dflt = "64KiB", TD(bytes)},
    {.name = "day", .type = HF_OPT_DATE, TD(day_ns)},
    {.name = "flag", .type = HF_OPT_BOOL, .dflt = "true", TD(flag)},
    {.name = "gain", .type = HF_OPT_F64, TD(gain)},
    {.name = "rate", .type = HF_OPT_RATE, TD(rate_hz)},
    {.name = "note", .type = HF_OPT_STR, TD(note)},
    {.name = "path", .type = HF_OPT_PATH, TD(path)},
    {.name = "near", .type = HF_OPT_REF, .ref = "devices", TD(near)},
    {.name = "names", .type = HF_OPT_NAMES, TD(names)},
    {.name = "texts", .type = HF_OPT_STRS, TD(texts)},
    {.name = "nets", .type = HF_OPT_CIDRS, TD(nets)},
    {.name = "patterns", .type = HF_OPT_PATTERNS, TD(patterns)},
    {.name = "sub",
	.type = HF_OPT_SUB,
	.sub = test_sub_opts,
	.nsub = 2,
	TD(sub)},
};
static const struct hf_opt test_limit_opts[] = {
    {.name = "hi",
	.type = HF_OPT_F64,
	.off = offsetof(struct test_limit, hi),
	.help = "Upper limit."},
    {.name = "lo",
	.type = HF_OPT_F64,
	.off = offsetof(struct test_limit, lo),
	.help = "Lower limit."},
    {.name = "hold",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.dflt = "500ms",
	.off = offsetof(struct test_limit, hold_ns),
	.help = "Hold time."},
};

static int
test_limit_check(const void *conf, char *why, size_t cap)
{
	const struct test_limit *l = conf;

	if (l->hi == l->hi || l->lo == l->lo)
		return HF_OK;
	snprintf(why, cap, "neither hi nor lo is given; give one of them");
	return HF_EINVAL;
}

static const struct hf_kind test_driver = {.name = "test-tcp",
    .help = "Test driver.",
    .opts = test_driver_opts,
    .nopt = sizeof(test_driver_opts) / sizeof(test_driver_opts[0]),
    .size = sizeof(struct test_driver)};
static const struct hf_kind test_limit = {.name = "limit",
    .help = "Fixed bounds.",
    .opts = test_limit_opts,
    .nopt = 3,
    .size = sizeof(struct test_limit),
    .check = test_limit_check};
static const struct hf_kind test_learner = {
    .name = "learner", .help = "Learns.", .flags = HF_KIND_LEARNS};
static const struct hf_kind *const test_drivers[] = {&test_driver};
static const struct hf_kind *const test_methods[] = {
    &test_limit, &test_learner};
static const struct hf_registry test_registry = {.drivers = test_drivers,
    .ndriver = 1,
    .methods = test_methods,
    .nmethod = 2};

/* A small plant that is right, in two pieces around the devices. */
#define TEST_HEAD                                                          \
	"format: 1\n"                                                      \
	"plant: {enterprise: acme, site: berlin}\n"                        \
	"zones:\n"                                                         \
	"  press: {sl_target: 2, interface: enp3s0, networks: "            \
	"[10.10.1.0/24]}\n"                                                \
	"conduits:\n"                                                      \
	"  press-tcp: {from: edge/press, to: 10.10.1.7, proto: test-tcp, " \
	"port: 502,\n"                                                     \
	"    direction: pull, purpose: read press, owner: j.doe, review: " \
	"2199-01-01}\n"                                                    \
	"assets:\n"                                                        \
	"  area/line1/press: {kind: press, criticality: A}\n"              \
	"positions:\n"                                                     \
	"  op1: {budget: 5/week}\n"
#define TEST_DEVICE                                                    \
	"devices:\n"                                                   \
	"  press7: {zone: press, driver: test-tcp, host: 10.10.1.7,\n" \
	"    asset: area/line1/press, tags: tags/press.csv}\n"
#define TEST_TAIL                                                         \
	"detectors:\n"                                                    \
	"  hot: {method: limit, tags: [\"area/line1/press/*\"], hi: 90, " \
	"position: op1}\n"                                                \
	"rules:\n"                                                        \
	"  press-hot: {on: hot, cause: pump, consequence: stop, action: " \
	"look,\n"                                                         \
	"    respond_within: 30min, priority: 2}\n"
#define TEST_TAGS                   \
	"tag,address,type,unit\n"   \
	"temp,40001,float32,degC\n" \
	"speed,40003,uint16,rpm\n"  \
	"name,40010.10H,string,\n"

#endif
