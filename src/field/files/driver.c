/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c - `driver: csv-folder`: options, check, and a device on the loop.
 *
 * Glue: folder.c decides what to read, csv.c makes readings of it; this file
 * owns the timer. One slice (64 KiB) a turn of the loop; a look at the folder
 * every `poll`. A folder that is not there makes the device down, not its tags
 * bad: a recording that does not come says nothing about the machine.
 *
 * Its readings are recorded (HF_KIND_RECORDED): their times are believed
 * however old they are. One that is older than what the same tag brought before
 * carries HF_F_BACKFILL.
 */
#include "field/files/driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "field/files/folder.h"
#include "field/finding.h"

#define OFF(field) .off = offsetof(struct hf_csv_conf, field)
#define WAIT_NS (20 * HF_NS_PER_MS) /* until core has caught up */
#define TRY_BYTES (4u << 20)

static const char *const delimiters[] = {
    "auto", "comma", "semicolon", "tab", NULL};
static const char *const decimals[] = {"auto", "point", "comma", NULL};
static const char *const layouts[] = {"wide", "long", NULL};
static const char *const afters[] = {"move", "keep", NULL};

static const struct hf_opt csv_opts[] = {
    {.name = "folder",
	.type = HF_OPT_STR,
	.flags = HF_OPT_REQUIRED,
	OFF(folder),
	.help = "The drop folder, an absolute path. Edge (user hf-edge) must "
		"be able to write in it."},
    {.name = "pattern",
	.type = HF_OPT_STR,
	.dflt = "*.csv",
	OFF(pattern),
	.help = "Which files: a name with * ? and [a-z]. Hidden files, links "
		"and folders are never read."},
    {.name = "delimiter",
	.type = HF_OPT_ENUM,
	.words = delimiters,
	.dflt = "auto",
	OFF(delimiter),
	.help = "What stands between two cells; auto takes it from the header "
		"line of each file."},
    {.name = "decimal",
	.type = HF_OPT_ENUM,
	.words = decimals,
	.dflt = "auto",
	OFF(decimal),
	.help = "Decimal sign; auto is a comma in files with semicolons, else "
		"a point."},
    {.name = "time",
	.type = HF_OPT_STR,
	.dflt = "time",
	OFF(time),
	.help = "Name of the column with the time, or none: then rows get the "
		"time at which their file was last changed, in their order."},
    {.name = "time_format",
	.type = HF_OPT_STR,
	.dflt = "rfc3339",
	OFF(time_format),
	.help = "rfc3339 (also with a blank instead of T, also without zone), "
		"unix, unix_ms, unix_us, unix_ns, or a pattern as %d.%m.%Y "
		"%H:%M:%S.%f with %Y %y %m %b %d %H %I %p %M %S %f %z."},
    {.name = "timezone",
	.type = HF_OPT_STR,
	.dflt = "UTC",
	OFF(timezone),
	.help = "Zone of times without one: an IANA name as Europe/Berlin, an "
		"offset as +01:00, or a POSIX rule as "
		"CET-1CEST,M3.5.0,M10.5.0/3. A time that exists twice in "
		"autumn goes on from the row before, else it is the earlier; "
		"one that does not exist in spring is an error of its row."},
    {.name = "layout",
	.type = HF_OPT_ENUM,
	.words = layouts,
	.dflt = "wide",
	OFF(layout),
	.help = "wide: a column is a tag, whose address is the column's name. "
		"long: a row is one value of the tag whose address stands in "
		"tag_column."},
    {.name = "tag_column",
	.type = HF_OPT_STR,
	.dflt = "tag",
	OFF(tag_column),
	.help = "layout long: name of the column with the tag's address."},
    {.name = "value_column",
	.type = HF_OPT_STR,
	.dflt = "value",
	OFF(value_column),
	.help = "layout long: name of the column with the value."},
    {.name = "quality_column",
	.type = HF_OPT_STR,
	.dflt = "quality",
	OFF(quality_column),
	.help = "layout long: name of the column with the quality, if there "
		"is one: Good, Uncertain, Bad, an OPC UA code as 0x80310000, "
		"or an OPC DA number."},
    {.name = "after",
	.type = HF_OPT_ENUM,
	.words = afters,
	.dflt = "move",
	OFF(after),
	.help = "move: whole files, which go into done/ or failed/ when all is "
		"stored. keep: growing files, whose lines are taken as they "
		"come; rotation is followed."},
    {.name = "settle",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 0,
	.max = 86400000,
	.dflt = "5s",
	OFF(settle_ns),
	.help = "after move: a file is whole when it has not changed for this "
		"time. One that is renamed into the folder is taken at once."},
    {.name = "poll",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 10,
	.max = 3600000,
	.dflt = "1s",
	OFF(poll_ns),
	.help = "Time between two looks at the folder."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	return hf_csv_conf_ok(conf, why, cap);
}

static const struct hf_kind csv_kind = {
    .name = "csv-folder",
    .help = "A folder into which other programs put CSV files. Times in the "
	    "files are believed however old they are.",
    .opts = csv_opts,
    .nopt = sizeof(csv_opts) / sizeof(csv_opts[0]),
    .size = sizeof(struct hf_csv_conf),
    .check = check_conf,
    .flags = HF_KIND_FOLDER | HF_KIND_RECORDED,
};

struct hf_driver_dev {
	const struct hf_plant *plant;
	const struct hf_device *cfg;
	const struct hf_csv_conf *conf;
	uint32_t idx;
	struct hf_driver_host host;
	struct hf_csv_map *map;
	struct hf_drop *drop;
	struct hf_watch *timer;
	int64_t scan_ns; /* monotonic: next look at the folder */
	int up;
	char down[256];
};

/* ---- what the folder asks of edge ---- */

static void
on_readings(void *arg, const struct hf_reading *r, size_t n)
{
	struct hf_driver_dev *d = arg;

	d->host.readings(d->host.arg, d->idx, HF_TIME_NONE, r, n);
}

static void
on_parsing(void *arg, const void *p, size_t n)
{
	struct hf_driver_dev *d = arg;

	d->host.parsing(d->host.arg, d->idx, p, n);
}

static void
on_parsed(void *arg)
{
	struct hf_driver_dev *d = arg;

	d->host.parsed(d->host.arg);
}

static uint64_t
on_handed(void *arg)
{
	struct hf_driver_dev *d = arg;

	return d->host.handed == NULL ? 0 : d->host.handed(d->host.arg);
}

static uint64_t
on_durable(void *arg)
{
	struct hf_driver_dev *d = arg;

	return d->host.durable == NULL ? UINT64_MAX
				       : d->host.durable(d->host.arg);
}

static bool
on_may_read(void *arg)
{
	struct hf_driver_dev *d = arg;

	return d->host.may_read == NULL || d->host.may_read(d->host.arg);
}

/* ---- the loop ---- */

static void
set_state(struct hf_driver_dev *d, int up, const char *text)
{
	const bool is_new = d->up != up || strcmp(d->down, text) != 0;

	d->up = up;
	hf_strcpy(d->down, sizeof(d->down), text);
	if (is_new)
		d->host.changed(d->host.arg, d->idx);
}

static void
look(struct hf_driver_dev *d, const struct hf_drop_now *now)
{
	char text[256];
	struct hf_err err = {0};

	if (now->dirfd < 0)
		HF_FAIL(&err, HF_ENOTFOUND, "not there, or not for edge");
	else if (hf_drop_scan(d->drop, now, &err) == HF_OK) {
		set_state(d, 1, "");
		return;
	}
	hf_count(d->host.counters, HF_C_F_READ, d->up >= 0);
	snprintf(text, sizeof(text),
	    "%.100s: %.60s; make the folder, give it to edge (chown hf-edge), "
	    "then holdfast reload",
	    d->conf->folder, err.msg);
	set_state(d, -1, text);
}

static struct hf_drop_now
now_of(const struct hf_driver_dev *d)
{
	return (struct hf_drop_now){
	    .dirfd = d->host.folder == NULL
			 ? -1
			 : d->host.folder(d->host.arg, d->idx),
	    .wall_ns = d->host.wall_ns(d->host.arg),
	    .mono_ns = d->host.mono_ns(d->host.arg),
	};
}

static void
turn(void *arg)
{
	struct hf_driver_dev *d = arg;
	const struct hf_drop_now now = now_of(d);

	enum hf_drop_rc rc = HF_DROP_IDLE;
	int64_t wait_ns;

	if (now.mono_ns >= d->scan_ns) {
		look(d, &now);
		d->scan_ns = now.mono_ns + d->conf->poll_ns;
	}
	if (d->up > 0)
		rc = hf_drop_work(d->drop, &now);
	wait_ns = d->scan_ns - now.mono_ns;
	if (rc == HF_DROP_MORE)
		wait_ns = 0;
	else if (rc == HF_DROP_WAIT && wait_ns > WAIT_NS)
		wait_ns = WAIT_NS;
	hf_timer_in(d->timer, wait_ns);
}

/* ---- the driver ---- */

static int
csv_check(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg, double *requests_hz)
{
	struct hf_findings f = {p, &p->devices[device_idx], report, arg, 0};
	const struct hf_csv_conf *conf = f.dev->conf;
	uint32_t i;

	*requests_hz = 0;
	for (i = 0; i < f.dev->ntag; i++) {
		const struct hf_tag *t = &p->tags[f.dev->tag_first + i];
		const char *why = NULL;

		if (t->writable)
			why = "files are only read: access is r";
		else if (t->is_stamp)
			why = "a file has a time column, not a tag _stamp";
		else if (strcmp(t->address, conf->time) == 0 &&
			 conf->layout == HF_CSV_WIDE)
			why = "this column is the time (devices: time)";
		if (why != NULL)
			hf_finding(&f, t, "address", "%s", why);
	}
	return f.n == 0 ? HF_OK : HF_EINVAL;
}

static void
csv_close(struct hf_driver_dev *d)
{
	if (d == NULL)
		return;
	hf_watch_free(d->timer);
	if (d->up > 0) {
		const struct hf_drop_now now = now_of(d);

		hf_drop_save(d->drop, &now);
	}
	hf_drop_free(d->drop);
	hf_csv_map_free(d->map);
	free(d);
}

static int
open_all(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_drop_ops ops = {
	    .arg = d,
	    .readings = on_readings,
	    .parsing = on_parsing,
	    .parsed = on_parsed,
	    .handed = on_handed,
	    .durable = on_durable,
	    .may_read = on_may_read,
	};
	int rc = hf_csv_map_new(d->plant, d->idx, &d->map, err);

	if (rc == HF_OK)
		rc = hf_drop_new(d->cfg->name, d->conf, d->map,
		    d->host.counters, &ops, &d->drop, err);
	if (rc != HF_OK)
		return rc;
	d->timer = hf_loop_timer(d->host.loop, turn, d);
	if (d->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", d->cfg->name);
	return HF_OK;
}

static int
csv_open(const struct hf_plant *p, uint32_t device_idx,
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
	hf_strcpy(d->down, sizeof(d->down), "not looked at yet");
	if ((rc = open_all(d, err)) != HF_OK) {
		csv_close(d);
		return rc;
	}
	hf_timer_in(d->timer, 0);
	*out = d;
	return HF_OK;
}

static void
csv_stats(const struct hf_driver_dev *d, struct hf_driver_stats *out)
{
	struct hf_drop_stats st;

	hf_drop_stats(d->drop, &st);
	*out = (struct hf_driver_stats){.requests = st.nslice,
	    .answers = st.nrow,
	    .exceptions = st.nbad,
	    .connects = st.nfile,
	    .last_good_ns = st.last_row_ns,
	    .up = d->up};
	hf_strcpy(out->text, sizeof(out->text),
	    d->down[0] != '\0' ? d->down : st.text);
}

static void
csv_try(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg)
{
	static const char full[] = "the preview is longer than 4 MiB";
	const struct hf_tag *t = d->plant->tags + d->cfg->tag_first;
	struct hf_driver_stats st;
	struct hf_buf b;
	struct hf_jw w;
	uint32_t i;

	csv_stats(d, &st);
	hf_buf_init(&b, TRY_BYTES);
	hf_jw_init(&w, &b);
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "device", d->cfg->name);
	hf_jw_kstr(&w, "folder", d->conf->folder);
	hf_jw_kbool(&w, "connected", st.up == 1);
	hf_jw_kstr(&w, "text", st.text);
	hf_drop_describe(d->drop, &w);
	hf_jw_key(&w, "tags");
	hf_jw_arr(&w);
	for (i = 0; i < d->cfg->ntag; i++) {
		hf_jw_obj(&w);
		hf_jw_kstr(&w, "tag", t[i].name);
		hf_jw_kstr(&w, "address", t[i].address);
		hf_jw_kstr(&w, "type", hf_tag_type_words[t[i].type]);
		if (d->conf->layout == HF_CSV_WIDE) {
			bool has = hf_drop_has_column(d->drop, t[i].address);

			hf_jw_kbool(&w, "has_column", has);
			hf_jw_kstr(&w, "status",
			    has ? "column found" : "no such column yet");
		}
		hf_jw_end_obj(&w);
	}
	hf_jw_end_arr(&w);
	hf_jw_end_obj(&w);
	if (hf_buf_ok(&b))
		done(arg, HF_OK, hf_buf_cstr(&b), b.len);
	else
		done(arg, HF_ELIMIT, full, sizeof(full) - 1);
	hf_buf_fini(&b);
}

const struct hf_driver hf_csv_folder_driver = {
    .kind = &csv_kind,
    .check = csv_check,
    .open = csv_open,
    .close = csv_close,
    .stats = csv_stats,
    .try_ = csv_try,
};
