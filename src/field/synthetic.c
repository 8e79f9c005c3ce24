/* SPDX-License-Identifier: Apache-2.0
 *
 * synthetic.c - a driver that makes values up, for load and latency figures.
 *
 * It spreads `rate` samples a second evenly over the device's tags, in their
 * order, as float64 around 50 with a spread of about 1, from a xorshift
 * generator seeded with the tag's key: same tags, same values. What one turn of
 * the timer owes is computed from the monotonic clock, so a late turn makes up
 * for it, up to DEBT_NS; what is older is counted as skipped.
 *
 * It has no connection and never fails. `holdfast status` shows what it is: its
 * samples are not measurements.
 */
#include "field/synthetic.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/time.h"

#define TURN_NS HF_NS_PER_MS	    /* between two turns */
#define DEBT_NS (50 * HF_NS_PER_MS) /* made up for after a late turn */
#define NREADING 1024		    /* handed over at once */

struct synthetic_conf {
	double rate_hz;
};

static const struct hf_opt synthetic_opts[] = {
    {.name = "rate",
	.type = HF_OPT_RATE,
	.dflt = "1000/s",
	.min = 0.1,
	.max = 5e6,
	.off = offsetof(struct synthetic_conf, rate_hz),
	.help = "samples a second, spread evenly over the device's tags"},
};

static const struct hf_kind synthetic_kind = {
    .name = "synthetic",
    .help = "values made up on this machine, for load and latency figures; "
	    "never for a plant",
    .opts = synthetic_opts,
    .nopt = sizeof(synthetic_opts) / sizeof(synthetic_opts[0]),
    .size = sizeof(struct synthetic_conf),
};

struct hf_driver_dev {
	const struct hf_plant *plant;
	const struct hf_device *cfg;
	uint32_t device_idx;
	struct hf_driver_host host;
	struct hf_watch *timer;
	int64_t last_ns; /* monotonic time up to which samples were made */
	double owed;	 /* fraction of a sample */
	uint32_t next_tag;
	uint64_t *seeds; /* by tag of the device */
	uint64_t nturn, nskipped;
	int64_t last_good_ns;
	struct hf_reading r[NREADING];
};

static uint64_t
xorshift(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Sum of four uniforms: near enough to a bell, cheap and exact everywhere. */
static double
value(uint64_t *seed)
{
	uint64_t u = xorshift(seed);

	return 48.0 + (double)(u & 0xffff) / 65536 +
	       (double)(u >> 16 & 0xffff) / 65536 +
	       (double)(u >> 32 & 0xffff) / 65536 + (double)(u >> 48) / 65536;
}

static void
hand_over(struct hf_driver_dev *d, size_t n)
{
	if (n > 0)
		d->host.readings(
		    d->host.arg, d->device_idx, HF_TIME_NONE, d->r, n);
}

static void
make(struct hf_driver_dev *d, size_t count)
{
	int64_t wall = d->host.wall_ns(d->host.arg);
	size_t n = 0;

	for (; count > 0; count--) {
		const struct hf_tag *t =
		    &d->plant->tags[d->cfg->tag_first + d->next_tag];

		d->r[n++] = (struct hf_reading){.tag = t,
		    .s = {.tag = t->key,
			.t_ns = wall,
			.recv_ns = wall,
			.vtype = HF_V_F64,
			.v.f64 = value(&d->seeds[d->next_tag])}};
		d->next_tag = (d->next_tag + 1) % d->cfg->ntag;
		if (d->next_tag == 0)
			wall++; /* a second round in one turn: a newer stamp */
		if (n == NREADING) {
			hand_over(d, n);
			n = 0;
		}
	}
	hand_over(d, n);
	d->last_good_ns = wall;
}

static void
turn(void *arg)
{
	struct hf_driver_dev *d = arg;
	const struct synthetic_conf *conf = d->cfg->conf;
	int64_t now = d->host.mono_ns(d->host.arg);
	double due;

	if (now - d->last_ns > DEBT_NS) {
		d->nskipped++;
		hf_count(d->host.counters, HF_C_MB_SKIPPED, 1);
		d->last_ns = now - DEBT_NS;
	}
	due =
	    d->owed + (double)(now - d->last_ns) * conf->rate_hz / HF_NS_PER_S;
	d->last_ns = now;
	d->owed = due - (double)(size_t)due;
	d->nturn++;
	hf_timer_in(d->timer, TURN_NS);
	make(d, (size_t)due);
}

static int
check(const struct hf_plant *p, uint32_t device_idx, hf_plant_report *report,
    void *arg, double *requests_hz)
{
	*requests_hz = 0;
	if (p->devices[device_idx].ntag > 0)
		return HF_OK;
	report(arg, "tags", "a synthetic device needs at least one tag");
	return HF_EINVAL;
}

static void
dev_close(struct hf_driver_dev *d)
{
	if (d == NULL)
		return;
	hf_watch_free(d->timer);
	free(d->seeds);
	free(d);
}

static int
dev_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_driver_host *host, struct hf_driver_dev **out,
    struct hf_err *err)
{
	struct hf_driver_dev *d = calloc(1, sizeof(*d));
	uint32_t i;

	if (d == NULL)
		return HF_FAIL(err, HF_ENOMEM, "synthetic device");
	d->plant = p;
	d->cfg = &p->devices[device_idx];
	d->device_idx = device_idx;
	d->host = *host;
	d->last_good_ns = HF_TIME_NONE;
	d->last_ns = host->mono_ns(host->arg);
	d->seeds = calloc(d->cfg->ntag + 1, sizeof(*d->seeds));
	d->timer = hf_loop_timer(host->loop, turn, d);
	if (d->cfg->ntag == 0 || d->seeds == NULL || d->timer == NULL) {
		dev_close(d);
		return HF_FAIL(err, HF_EINVAL, "synthetic device without tags");
	}
	for (i = 0; i < d->cfg->ntag; i++)
		d->seeds[i] = p->tags[d->cfg->tag_first + i].key | 1;
	hf_timer_in(d->timer, TURN_NS);
	*out = d;
	return HF_OK;
}

static void
dev_stats(const struct hf_driver_dev *d, struct hf_driver_stats *out)
{
	*out = (struct hf_driver_stats){.requests = d->nturn,
	    .answers = d->nturn,
	    .skipped = d->nskipped,
	    .last_good_ns = d->last_good_ns,
	    .up = 1};
}

static void
dev_try(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg)
{
	static const char text[] = "a synthetic device has nothing to read";

	done(arg, HF_EUNSUPPORTED, text, sizeof(text) - 1);
}

const struct hf_driver hf_synthetic_driver = {
    .kind = &synthetic_kind,
    .check = check,
    .open = dev_open,
    .close = dev_close,
    .stats = dev_stats,
    .try_ = dev_try,
};
