/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_policy.c - the price of one decision with 1,000 grants, and of the same
 * answer by a list read from its top, as mosquitto's own lists are.
 */
#include <mosquitto.h>
#include <stdio.h>
#include <time.h>

#include "figure.h"
#include "model/policy.h"

#define NGRANT 1000
#define NASK 1000000

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int
main(void)
{
	static const struct hf_policy_listener l[] = {{8883, true}};
	static struct hf_policy_grant g[NGRANT];
	static char filter[NGRANT][64], topic[NGRANT][64];
	struct hf_policy_who who = {.listener = 8883, .name = "scada"};
	struct hf_policy *p = NULL;
	double t, tree, list;
	size_t i, k, n = 0;
	bool is_match;

	for (i = 0; i < NGRANT; i++) {
		snprintf(filter[i], 64, "plant/line%zu/cell%zu/%s", i / 50, i,
		    i % 10 == 0 ? "+/#" : "#");
		snprintf(topic[i], 64, "plant/line%zu/cell%zu/a/b", i / 50, i);
		g[i] =
		    (struct hf_policy_grant){8883, true, true, filter[i], "c"};
	}
	if (hf_policy_from(l, 1, g, NGRANT, &p, NULL) != HF_OK)
		return 1;
	t = now_ns();
	for (i = 0; i < NASK; i++)
		n += hf_policy_decide(
		    p, &who, HF_POLICY_WRITE, topic[i * 7 % NGRANT])
			 .is_allowed;
	tree = (now_ns() - t) / NASK;
	t = now_ns();
	for (i = 0; i < NASK / 1000; i++)
		for (k = 0; k < NGRANT; k++)
			if (mosquitto_topic_matches_sub(filter[k],
				topic[i * 7 % NGRANT], &is_match) == 0 &&
			    is_match) {
				n++;
				break;
			}
	list = (now_ns() - t) / (NASK / 1000);
	figure("policy, one decision, 1,000 grants", tree, "ns", "linear list",
	    list, "<=1000");
	hf_policy_free(p);
	return n == NASK + NASK / 1000 ? 0 : 1;
}
