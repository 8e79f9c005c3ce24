/* SPDX-License-Identifier: Apache-2.0
 *
 * drift.c - the slow test of drift.h. Additions, divisions and one root: the
 * same bits everywhere, though no decision but a word in a list hangs on it.
 */
#include "detect/drift.h"

#include <math.h>

#include "base/err.h"
#include "base/time.h"

#define NREF_MIN 64u
#define NREF_MAX 100000u
#define NSIGMA 4.0
#define LEAST 0.1 /* of the limit */

void
hf_drift_start(struct hf_drift *d)
{
	*d =
	    (struct hf_drift){.out_ns = HF_TIME_NONE, .since_ns = HF_TIME_NONE};
}

bool
hf_drift_is_on(const struct hf_drift *d)
{
	return d->since_ns != HF_TIME_NONE;
}

static uint32_t
reference(uint64_t nlearned)
{
	uint64_t n = nlearned / 2;

	if (n < NREF_MIN)
		n = NREF_MIN;
	if (n > NREF_MAX)
		n = NREF_MAX;
	return (uint32_t)n / HF_DRIFT_NBATCH * HF_DRIFT_NBATCH;
}

static void
learn(struct hf_drift *d, double score)
{
	uint32_t nper = d->nref / HF_DRIFT_NBATCH;
	double x, delta;

	d->batch += score;
	if (d->n % nper != 0)
		return;
	x = d->batch / nper;
	d->batch = 0;
	delta = x - d->mean;
	d->mean += delta / (double)(d->n / nper);
	d->m2 += delta * (x - d->mean);
	d->z = d->mean;
}

static void
judge(struct hf_drift *d, int64_t t_ns)
{
	double s = sqrt(d->m2 / (HF_DRIFT_NBATCH - 1));

	if (fabs(d->z - d->mean) > NSIGMA * s + LEAST) {
		if (d->nout++ == 0)
			d->out_ns = t_ns;
		d->nin = 0;
	} else {
		d->nin++;
		d->nout = 0;
	}
	if (d->nout == UINT32_MAX)
		d->nout--;
	if (d->nin == UINT32_MAX)
		d->nin--;
	if (d->nout >= d->nref / 4 && d->since_ns == HF_TIME_NONE)
		d->since_ns = d->out_ns;
	if (d->nin >= d->nref / 4)
		d->since_ns = HF_TIME_NONE;
}

void
hf_drift_step(struct hf_drift *d, int64_t t_ns, double score, uint64_t nlearned)
{
	double a;

	if (!(score < 1))
		return;
	if (d->nref == 0)
		d->nref = reference(nlearned);
	d->n++;
	if (d->n <= d->nref) {
		learn(d, score);
		return;
	}
	a = 2.0 / (d->nref + 1.0);
	d->z = a * score + (1 - a) * d->z;
	judge(d, t_ns);
}

void
hf_drift_save(const struct hf_drift *d, struct hf_buf *out)
{
	hf_buf_u32(out, d->nref);
	hf_buf_u64(out, d->n);
	hf_buf_f64(out, d->batch);
	hf_buf_f64(out, d->mean);
	hf_buf_f64(out, d->m2);
	hf_buf_f64(out, d->z);
	hf_buf_u32(out, d->nout);
	hf_buf_u32(out, d->nin);
	hf_buf_i64(out, d->out_ns);
	hf_buf_i64(out, d->since_ns);
}

int
hf_drift_load(struct hf_drift *d, struct hf_rd *in)
{
	d->nref = hf_rd_u32(in);
	d->n = hf_rd_u64(in);
	d->batch = hf_rd_f64(in);
	d->mean = hf_rd_f64(in);
	d->m2 = hf_rd_f64(in);
	d->z = hf_rd_f64(in);
	d->nout = hf_rd_u32(in);
	d->nin = hf_rd_u32(in);
	d->out_ns = hf_rd_i64(in);
	d->since_ns = hf_rd_i64(in);
	if (!hf_rd_ok(in) || !isfinite(d->mean) || !isfinite(d->z) ||
	    (d->nref != 0 && d->nref < NREF_MIN) || d->nref > NREF_MAX)
		return HF_ECORRUPT;
	return HF_OK;
}
