/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c - `driver: mtconnect`: options, check, and the talk with an agent.
 *
 *    /probe --> /current --> /sample?from=NEXT&count=N, every interval
 *       ^                        |  |
 *       |  another instanceId    |  | OUT_OF_RANGE: the agent has thrown away
 *       +------------------------+  v what we did not read; a gap is marked
 *                             /current
 *
 * One request at a time, at the pace of `interval` and never faster than the
 * load budget; an answer that is full (count observations) is followed by the
 * next at once, within the budget. A failed request is tried again after 1 s
 * doubling to 30 s; after `missed` of them the tags get one bad sample. What
 * was being read goes on from the same sequence number, so an interruption
 * shorter than the agent's buffer loses nothing; /current follows it, since
 * what has not changed is not sent again.
 */
#include "field/mtconnect/driver.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "field/backoff.h"
#include "field/finding.h"
#include "field/mtconnect/agent.h"
#include "field/netaddr.h"
#include "model/quality.h"

#define OFF(field) .off = offsetof(struct hf_mtc_conf, field)
#define RETRY_MIN_NS (1 * HF_NS_PER_S)
#define RETRY_MAX_NS (30 * HF_NS_PER_S)

static const struct hf_opt mtc_opts[] = {
    {.name = "host",
	.type = HF_OPT_HOST,
	.flags = HF_OPT_REQUIRED,
	OFF(host),
	.help = "IP address of the agent. Names are not resolved."},
    {.name = "port",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 65535,
	.dflt = "5000",
	OFF(port),
	.help = "TCP port of the agent."},
    {.name = "path",
	.type = HF_OPT_STR,
	.dflt = "/",
	OFF(path),
	.help = "What stands before /probe, /current and /sample: / for all "
		"machines of the agent, /NAME for one."},
    {.name = "interval",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 50,
	.max = 3600000,
	.dflt = "1s",
	OFF(interval_ns),
	.help = "Time between two questions for what is new."},
    {.name = "count",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 10000,
	.dflt = "1000",
	OFF(count),
	.help = "Observations of one answer at most; a full one is followed "
		"by the next at once."},
    {.name = "timeout",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 50,
	.max = 60000,
	.dflt = "5s",
	OFF(timeout_ns),
	.help = "Longest silence within an answer; the whole may take four "
		"times as long."},
    {.name = "missed",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 1000,
	.dflt = "3",
	OFF(missed),
	.help = "Failed requests in a row after which the tags get one sample "
		"of bad quality."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._~%/";
	const struct hf_mtc_conf *c = conf;
	struct hf_netaddr to;
	struct hf_err err;

	if (c->host != NULL &&
	    hf_netaddr(c->host, c->port, &to, &err) != HF_OK) {
		snprintf(why, cap, "%s", err.msg);
		return HF_EINVAL;
	}
	if (c->path[0] != '/' || strlen(c->path) > 200 ||
	    c->path[strspn(c->path, allowed)] != '\0') {
		snprintf(why, cap,
		    "path: \"%.100s\" is no path of a URL, as / or /Mazak",
		    c->path);
		return HF_EINVAL;
	}
	return HF_OK;
}

static const struct hf_kind mtc_kind = {
    .name = "mtconnect",
    .help = "An MTConnect agent (HTTP, XML). It is only read.",
    .opts = mtc_opts,
    .nopt = sizeof(mtc_opts) / sizeof(mtc_opts[0]),
    .size = sizeof(struct hf_mtc_conf),
    .check = check_conf,
};

static void __attribute__((format(printf, 3, 4)))
set_state(struct hf_driver_dev *d, int up, const char *fmt, ...)
{
	char text[sizeof(d->stats.text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (d->stats.up == up && strcmp(text, d->stats.text) == 0)
		return;
	d->stats.up = up;
	memcpy(d->stats.text, text, sizeof(text));
	d->host.changed(d->host.arg, d->idx);
}

/* ---- what a document says ---- */

static void
on_header(void *arg, const struct hf_mtc_header *h)
{
	struct hf_driver_dev *d = arg;

	d->doc_instance = h->instance;
	d->doc_next = h->next;
	d->is_restarted =
	    d->instance != 0 && h->instance != 0 && h->instance != d->instance;
}

static void
on_item(void *arg, const struct hf_mtc_item *i)
{
	struct hf_driver_dev *d = arg;
	struct hf_mtc_known *k, *more;
	size_t room;

	if (d->nknown == HF_MTC_NITEM)
		return;
	if (d->nknown == d->nlisted) {
		room = d->nlisted == 0 ? 64 : 2 * d->nlisted;
		more = realloc(d->known, room * sizeof(*more));
		if (more == NULL)
			return;
		d->known = more;
		d->nlisted = room;
	}
	k = &d->known[d->nknown++];
	memset(k, 0, sizeof(*k));
	hf_strcpy(k->id, sizeof(k->id), i->id);
	hf_strcpy(k->name, sizeof(k->name), i->name);
	hf_strcpy(k->type, sizeof(k->type), i->type);
	hf_strcpy(k->sub_type, sizeof(k->sub_type), i->sub_type);
	hf_strcpy(k->units, sizeof(k->units), i->units);
	hf_strcpy(k->component, sizeof(k->component), i->component);
	k->category = i->category[0];
}

static void
on_obs(void *arg, const struct hf_mtc_obs *o)
{
	struct hf_driver_dev *d = arg;

	d->nobs++;
	/* Of another instance: /current of that one comes first. */
	if (!d->is_restarted && d->ask != HF_MTC_PROBE)
		hf_mtc_take(d, o);
}

static void
on_error(void *arg, const char *code, const char *text)
{
	struct hf_driver_dev *d = arg;

	d->is_out_of_range |= strcmp(code, "OUT_OF_RANGE") == 0;
	snprintf(d->error, sizeof(d->error), "%.40s %.140s", code, text);
}

/* ---- asking ---- */

static void
arm(struct hf_driver_dev *d, int64_t wait_ns)
{
	const int64_t least_ns =
	    (int64_t)((double)HF_NS_PER_S / d->cfg->load.requests_hz);

	hf_timer_in(d->timer, wait_ns < least_ns ? least_ns : wait_ns);
}

static void
fail(struct hf_driver_dev *d, const char *what)
{
	const int64_t wait_ns =
	    hf_backoff_ns(&d->seed, RETRY_MIN_NS, RETRY_MAX_NS, d->nfail);
	char dur[HF_TIME_TEXT];

	d->nfail++;
	hf_count(d->host.counters, HF_C_MT_FAILED, 1);
	if (d->nfail >= d->conf->missed)
		hf_mtc_mark_bad(d, HF_BAD_NO_COMMUNICATION, HF_TIME_NONE);
	set_state(d, -1, "%s:%" PRId64 ": %.140s; next try in %s",
	    d->conf->host, d->conf->port, what,
	    hf_dur_fmt(wait_ns / HF_NS_PER_S * HF_NS_PER_S, dur));
	arm(d, wait_ns);
}

static void
ask(struct hf_driver_dev *d)
{
	static const char *const words[] = {
	    [HF_MTC_PROBE] = "probe",
	    [HF_MTC_CURRENT] = "current",
	    [HF_MTC_SAMPLE] = "sample",
	};
	const struct hf_mtc_ops ops = {.arg = d,
	    .header = on_header,
	    .item = on_item,
	    .obs = on_obs,
	    .error = on_error};
	const size_t n = strlen(d->conf->path);
	char path[320];
	struct hf_err err = {0};

	d->doc = hf_mtc_doc_new(&ops);
	d->is_malformed = d->is_out_of_range = d->is_restarted = false;
	d->error[0] = '\0';
	d->doc_instance = d->doc_next = d->nobs = 0;
	if (d->ask == HF_MTC_PROBE)
		d->nknown = 0;
	snprintf(path, sizeof(path), "%s%s%s", d->conf->path,
	    d->conf->path[n - 1] == '/' ? "" : "/", words[d->ask]);
	if (d->ask == HF_MTC_SAMPLE)
		snprintf(path + strlen(path), sizeof(path) - strlen(path),
		    "?from=%" PRIu64 "&count=%" PRId64, d->next,
		    d->conf->count);
	d->stats.requests++;
	hf_count(d->host.counters, HF_C_MT_REQUESTS, 1);
	if (d->doc == NULL)
		fail(d, "no memory");
	else if (hf_mtc_http_get(d->http, path, &err) != HF_OK)
		fail(d, err.msg);
}

static void
on_timer(void *arg)
{
	struct hf_driver_dev *d = arg;

	if (hf_mtc_http_is_busy(d->http))
		return; /* its end arms the timer */
	hf_mtc_doc_free(d->doc);
	d->doc = NULL;
	ask(d);
}

/* ---- answers ---- */

static void
on_body(void *arg, const void *p, size_t n)
{
	struct hf_driver_dev *d = arg;
	struct hf_err err = {0};

	if (d->is_malformed || d->doc == NULL)
		return;
	d->host.parsing(d->host.arg, d->idx, p, n);
	if (hf_mtc_doc_feed(d->doc, p, n, false, &err) != HF_OK) {
		d->is_malformed = true;
		hf_strcpy(d->error, sizeof(d->error), err.msg);
	}
	d->host.parsed(d->host.arg);
}

/* Tags that the agent does not have. */
static void
tell_up(struct hf_driver_dev *d)
{
	const struct hf_tag *t = d->plant->tags + d->cfg->tag_first;
	const char *first = NULL;
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < d->cfg->ntag; i++) {
		if (d->values.tags[i].is_seen)
			continue;
		if (n++ == 0)
			first = t[i].address;
	}
	if (n > 0)
		set_state(d, 1,
		    "%zu tags are not among the agent's data items, first "
		    "\"%.60s\": holdfast try lists them",
		    n, first);
	else
		set_state(d, 1, "%s", "");
}

static void
take_probe(struct hf_driver_dev *d)
{
	uint32_t i;

	if (d->doc_instance != d->instance)
		for (i = 0; i < d->cfg->ntag; i++)
			d->values.tags[i].is_seen = false;
	d->instance = d->doc_instance;
	d->ask = HF_MTC_CURRENT;
	arm(d, 0);
}

/* A good answer of /current or /sample. */
static void
take_streams(struct hf_driver_dev *d)
{
	const bool is_full = d->ask == HF_MTC_SAMPLE &&
			     d->nobs >= (size_t)d->conf->count &&
			     d->doc_next > d->next;
	const bool had_failed = d->nfail > 0;

	d->stats.last_good_ns = d->host.wall_ns(d->host.arg);
	d->next = d->doc_next;
	d->nfail = 0;
	if (d->ask == HF_MTC_CURRENT || !had_failed)
		tell_up(d);
	/* What has not changed while we were away is bad until it is told. */
	d->ask = d->ask == HF_MTC_SAMPLE && had_failed && !is_full
		     ? HF_MTC_CURRENT
		     : HF_MTC_SAMPLE;
	arm(d, is_full || d->ask == HF_MTC_CURRENT ? 0 : d->conf->interval_ns);
}

static void
restart(struct hf_driver_dev *d)
{
	hf_count(d->host.counters, HF_C_MT_RESTARTS, 1);
	d->instance = d->next = 0;
	d->ask = HF_MTC_PROBE;
	arm(d, 0);
}

/* From the newest observation on there may have been others. */
static void
mark_gap(struct hf_driver_dev *d)
{
	const int64_t t_ns = d->values.newest_ns;

	hf_count(d->host.counters, HF_C_MT_GAPS, 1);
	d->stats.skipped++;
	hf_mtc_mark_bad(d, HF_BAD_DATA_LOST,
	    t_ns == HF_TIME_NONE ? HF_TIME_NONE : t_ns + 1);
	d->ask = HF_MTC_CURRENT;
	arm(d, 0);
}

static void
on_answer(struct hf_driver_dev *d, int status)
{
	char what[240];

	d->stats.answers++;
	hf_count(d->host.counters, HF_C_MT_ANSWERS, 1);
	if (d->is_restarted) {
		restart(d);
	} else if (d->is_out_of_range && d->ask == HF_MTC_SAMPLE) {
		mark_gap(d);
	} else if (d->error[0] != '\0' || status != 200) {
		d->stats.exceptions++;
		snprintf(
		    what, sizeof(what), "HTTP %d %.200s", status, d->error);
		fail(d, what);
	} else if (d->ask == HF_MTC_PROBE) {
		take_probe(d);
	} else if (d->doc_next == 0) {
		fail(d, "an answer without nextSequence");
	} else {
		take_streams(d);
	}
}

static void
on_http_done(void *arg, int status, const char *why)
{
	struct hf_driver_dev *d = arg;
	struct hf_err err = {0};
	char what[240];

	if (status != 0 && !d->is_malformed && d->doc != NULL &&
	    hf_mtc_doc_feed(d->doc, "", 0, true, &err) != HF_OK) {
		d->is_malformed = true;
		hf_strcpy(d->error, sizeof(d->error), err.msg);
	}
	hf_mtc_hand_over(d);
	if (status == 0) {
		d->stats.timeouts++;
		fail(d, why);
	} else if (d->is_malformed) {
		d->stats.framing++;
		hf_count(d->host.counters, HF_C_MT_MALFORMED, 1);
		snprintf(what, sizeof(what), "HTTP %d, no MTConnect: %.180s",
		    status, d->error);
		fail(d, what);
	} else {
		on_answer(d, status);
	}
}

/* ---- the driver ---- */

static int
mtc_check(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg, double *requests_hz)
{
	struct hf_findings f = {p, &p->devices[device_idx], report, arg, 0};
	const struct hf_mtc_conf *c = f.dev->conf;
	uint32_t i;

	*requests_hz = (double)HF_NS_PER_S / (double)c->interval_ns;
	if (*requests_hz > f.dev->load.requests_hz * (1 + 1e-6))
		hf_finding(&f, NULL, "interval",
		    "this needs %.4g requests/s, the budget is %.4g/s",
		    *requests_hz, f.dev->load.requests_hz);
	for (i = 0; i < f.dev->ntag; i++) {
		const struct hf_tag *t = &p->tags[f.dev->tag_first + i];

		if (t->writable)
			hf_finding(&f, t, "address",
			    "an agent is only read: access is r");
		else if (t->is_stamp)
			hf_finding(&f, t, "address",
			    "an agent has time stamps, not a tag _stamp");
	}
	return f.n == 0 ? HF_OK : HF_EINVAL;
}

static void
mtc_close(struct hf_driver_dev *d)
{
	if (d == NULL)
		return;
	hf_mtc_http_free(d->http);
	hf_watch_free(d->timer);
	hf_mtc_doc_free(d->doc);
	hf_mtc_values_fini(d);
	free(d->known);
	free(d);
}

static int
open_all(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_mtc_http_ops ops = {
	    .arg = d, .body = on_body, .done = on_http_done};
	int rc;

	if (!(d->cfg->load.requests_hz > 0))
		return HF_FAIL(err, HF_EINVAL,
		    "devices.%s.load.requests: no budget", d->cfg->name);
	rc = hf_mtc_values_init(d, err);
	if (rc == HF_OK)
		rc = hf_mtc_http_new(d->host.loop, d->conf->host,
		    (uint16_t)d->conf->port, d->conf->timeout_ns, &ops,
		    &d->http, err);
	if (rc != HF_OK)
		return rc;
	d->timer = hf_loop_timer(d->host.loop, on_timer, d);
	if (d->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", d->cfg->name);
	return HF_OK;
}

static int
mtc_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_driver_host *host, struct hf_driver_dev **out,
    struct hf_err *err)
{
	struct hf_driver_dev *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %u", device_idx);
	d->plant = p;
	d->idx = device_idx;
	d->cfg = &p->devices[device_idx];
	d->conf = d->cfg->conf;
	d->host = *host;
	d->seed = hf_backoff_seed(d->cfg->name);
	d->stats.last_good_ns = HF_TIME_NONE;
	snprintf(d->stats.text, sizeof(d->stats.text), "%s: connecting",
	    d->conf->host);
	if ((rc = open_all(d, err)) != HF_OK) {
		mtc_close(d);
		return rc;
	}
	hf_timer_in(d->timer, 0);
	*out = d;
	return HF_OK;
}

static void
mtc_stats(const struct hf_driver_dev *d, struct hf_driver_stats *out)
{
	*out = d->stats;
}

const struct hf_driver hf_mtconnect_driver = {
    .kind = &mtc_kind,
    .check = mtc_check,
    .open = mtc_open,
    .close = mtc_close,
    .stats = mtc_stats,
    .try_ = hf_mtc_try,
};
