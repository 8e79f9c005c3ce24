/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_zones.c - 1,000 conduits: checked and resolved, and made into rules.
 *
 * "compile" is hf_plant_finish of a plant of 16 zones and 1,000 conduits with
 * all rules of zones and conduits; "rules" is the firewall of every zone beside
 * it. The best of five, since it is the work that is meant, not the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "bench/figure.h"
#include "comply/comply.h"

#define NZONE 16
#define NCONDUIT 1000
#define NRUN 5

static struct hf_plant *
make_plant(void)
{
	struct hf_plant *p = hf_plant_new();
	struct hf_arena *a = p == NULL ? NULL : p->arena;
	size_t i;

	if (p == NULL)
		abort();
	p->site.enterprise = hf_arena_strdup(a, "acme");
	p->site.site = hf_arena_strdup(a, "berlin");
	p->nzone = NZONE;
	p->zones = hf_arena_calloc(a, NZONE, sizeof(*p->zones));
	p->nconduit = NCONDUIT;
	p->conduits = hf_arena_calloc(a, NCONDUIT, sizeof(*p->conduits));
	for (i = 0; i < NZONE; i++)
		p->zones[i] =
		    (struct hf_zone){.name = hf_arena_printf(a, "zone%zu", i),
			.interface = hf_arena_printf(a, "eth%zu", i),
			.sl_target = (int64_t)(i % 3)};
	for (i = 0; i < NCONDUIT; i++)
		p->conduits[i] = (struct hf_conduit){
		    .name = hf_arena_printf(a, "conduit%zu", i),
		    .from = hf_arena_printf(a, "edge/zone%zu", i % NZONE),
		    .to = hf_arena_printf(
			a, "10.%zu.%zu.%zu", i % NZONE, i / 250, i % 250 + 1),
		    .proto = hf_arena_strdup(a, "opcua"),
		    .port = 4840,
		    .auth = hf_arena_strdup(a, "mtls"),
		    .purpose = hf_arena_strdup(a, "read"),
		    .owner = hf_arena_strdup(a, "j.doe"),
		    .review_ns = INT64_C(4102444800000000000)};
	return p;
}

static void
on_error(void *arg, const char *what, const char *text)
{
	fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

static double
best(double a, int64_t since_ns)
{
	double ms = (double)(hf_mono_ns() - since_ns) / 1e6;

	return a < 0 || ms < a ? ms : a;
}

int
main(void)
{
	static const struct hf_registry none;
	double compile_ms = -1, rules_ms = -1;
	struct hf_plant *p;
	struct hf_buf out;
	int64_t t;
	uint32_t z;
	int run;

	for (run = 0; run < NRUN; run++) {
		p = make_plant();
		t = hf_mono_ns();
		if (hf_plant_finish(p, &none, on_error, NULL) != HF_OK)
			return 1;
		compile_ms = best(compile_ms, t);
		hf_buf_init(&out, HF_COMPLY_BYTES);
		t = hf_mono_ns();
		for (z = 0; z < NZONE; z++)
			if (hf_nft_make(p, z, NULL, &out, NULL) != HF_OK)
				return 1;
		rules_ms = best(rules_ms, t);
		hf_buf_fini(&out);
		hf_plant_free(p);
	}
	figure("zones: 1,000 conduits compiled", compile_ms, "ms", NULL, 0,
	    "<=1000");
	figure("zones: rules of 16 zones, 1,000 conduits", rules_ms, "ms", NULL,
	    0, "<=1000");
	return 0;
}
