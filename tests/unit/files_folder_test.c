/* SPDX-License-Identifier: Apache-2.0
 *
 * files_folder_test.c - the drop folder driver on a real folder below /tmp: what
 * is imported, what becomes of the files, and every way in which a file or a
 * disk can be wrong.
 *
 * Core is played by marks: what is handed over is durable when `core_has` says
 * so. Every wait is for a condition, with a limit that only ends a hung test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "field/files/driver.h"
#include "field/files/folder.h"
#include "model/quality.h"
#include "os/file.h"

#define GIVE_UP_NS (60 * HF_NS_PER_S)
#define NTAG 4
#define NKEEP 4000

static struct fix {
	struct hf_loop *loop;
	char dir[64];
	int dirfd;
	struct hf_counters counters;
	struct hf_driver_host host;
	struct hf_plant plant;
	struct hf_device dev;
	struct hf_csv_conf conf;
	struct hf_tag tags[NTAG];
	struct hf_driver_dev *open;
	size_t n, nkept; /* readings */
	struct hf_sample s[NKEEP];
	char str[64]; /* last string */
	uint64_t handed, core_has;
	bool core_is_slow, may_read, is_folder_gone;
	size_t nhand;
	char *json;
} x;

/* ---- the host ---- */

static int64_t
wall(void *arg)
{
	return hf_wall_ns();
}

static int64_t
mono(void *arg)
{
	return hf_mono_ns();
}

static void
readings(void *arg, uint32_t device, int64_t stamp_ns,
    const struct hf_reading *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (x.n < NKEEP)
			x.s[x.n] = r[i].s;
		x.n++;
		if (r[i].s.vtype == HF_V_STR)
			snprintf(x.str, sizeof(x.str), "%.*s", r[i].s.str_len,
			    r[i].str);
	}
}

static void
parsing(void *arg, uint32_t device, const void *p, size_t n)
{
}

static void
parsed(void *arg)
{
}

static void
changed(void *arg, uint32_t device)
{
}

static int
folder(void *arg, uint32_t device)
{
	return x.is_folder_gone ? -1 : x.dirfd;
}

static uint64_t
handed(void *arg)
{
	x.nhand++;
	x.handed = x.n;
	return x.handed;
}

static uint64_t
durable(void *arg)
{
	return x.core_is_slow ? x.core_has : x.handed;
}

static bool
may_read(void *arg)
{
	return x.may_read;
}

/* ---- a device ---- */

static char *
tag(size_t i, const char *name, int64_t type)
{
	char path[80];

	snprintf(path, sizeof(path), "recorder/%s", name);
	x.tags[i] = (struct hf_tag){.device = x.dev.name,
	    .name = strdup(name),
	    .path = strdup(path),
	    .address = strdup(name),
	    .type = type,
	    .interval_ns = HF_NS_PER_S,
	    .key = hf_tag_key(path),
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = NAN,
	    .range_hi = NAN};
	return x.tags[i].address;
}

static int
setup(void **state)
{
	static char name[] = "recorder", utc[] = "UTC", rfc[] = "rfc3339",
		    time_[] = "time", tag_[] = "tag", value[] = "value",
		    quality[] = "quality", pattern[] = "*.csv";

	memset(&x, 0, sizeof(x));
	x.loop = hf_loop_new();
	strcpy(x.dir, "/tmp/hf-drop.XXXXXX");
	assert_non_null(mkdtemp(x.dir));
	x.dirfd = open(x.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	x.may_read = true;
	x.conf = (struct hf_csv_conf){.folder = x.dir,
	    .pattern = pattern,
	    .time = time_,
	    .time_format = rfc,
	    .timezone = utc,
	    .tag_column = tag_,
	    .value_column = value,
	    .quality_column = quality,
	    .settle_ns = 0,
	    .poll_ns = 10 * HF_NS_PER_MS};
	x.dev = (struct hf_device){.name = name,
	    .conf = &x.conf,
	    .kind = hf_csv_folder_driver.kind,
	    .load = {1, 1000, 1},
	    .ntag = NTAG};
	x.plant = (struct hf_plant){
	    .devices = &x.dev, .ndevice = 1, .tags = x.tags, .ntag = NTAG};
	tag(0, "temp", HF_T_F64);
	tag(1, "count", HF_T_I32);
	tag(2, "run", HF_T_BOOL);
	tag(3, "state", HF_T_STR);
	x.host = (struct hf_driver_host){.loop = x.loop,
	    .counters = &x.counters,
	    .wall_ns = wall,
	    .mono_ns = mono,
	    .readings = readings,
	    .parsing = parsing,
	    .parsed = parsed,
	    .changed = changed,
	    .folder = folder,
	    .handed = handed,
	    .durable = durable,
	    .may_read = may_read};
	return 0;
}

static void
empty_folder(int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int sub;

	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY);
		if (sub >= 0)
			empty_folder(sub); /* one level: done/, failed/ */
		unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

static void
stop(void)
{
	hf_csv_folder_driver.close(x.open);
	x.open = NULL;
}

static int
teardown(void **state)
{
	size_t i;

	stop();
	hf_io_set(NULL);
	hf_loop_free(x.loop);
	empty_folder(x.dirfd);
	rmdir(x.dir);
	for (i = 0; i < NTAG; i++) {
		free(x.tags[i].name);
		free(x.tags[i].path);
		free(x.tags[i].address);
	}
	free(x.json);
	return 0;
}

static void
start(void)
{
	struct hf_err err;

	if (hf_csv_folder_driver.open(&x.plant, 0, &x.host, &x.open, &err) !=
	    HF_OK)
		fail_msg("%s", err.msg);
}

static struct hf_driver_stats
stats(void)
{
	struct hf_driver_stats st;

	hf_csv_folder_driver.stats(x.open, &st);
	return st;
}

#define WAIT(cond)                                                            \
	do {                                                                  \
		int64_t until_ns = hf_mono_ns() + GIVE_UP_NS;                 \
		while (!(cond)) {                                             \
			if (hf_mono_ns() > until_ns)                          \
				fail_msg("waited in vain for %s (%s)", #cond, \
				    stats().text);                            \
			hf_loop_once(x.loop, 5);                              \
		}                                                             \
	} while (0)

/* Some looks at the folder go by. */
static void
pass_looks(size_t n)
{
	const int64_t until_ns = hf_mono_ns() + (int64_t)n * 10 * HF_NS_PER_MS;

	while (hf_mono_ns() < until_ns)
		hf_loop_once(x.loop, 5);
}

static void
put_flags(const char *name, int flags, const char *text, size_t n)
{
	int fd = openat(x.dirfd, name, O_WRONLY | O_CREAT | flags, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
}

static void
put(const char *name, const char *text)
{
	put_flags(name, O_TRUNC, text, strlen(text));
}

static void
append(const char *name, const char *text)
{
	put_flags(name, O_APPEND, text, strlen(text));
}

static bool
is_there(const char *name)
{
	struct stat st;

	return fstatat(x.dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Contents, borrowed until the next call; "" if it is not there. */
static const char *
contents(const char *name)
{
	static char text[8192];
	int fd = openat(x.dirfd, name, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static int64_t
at(const char *s)
{
	int64_t t;

	assert_true(hf_time_parse(s, strlen(s), &t));
	return t;
}

#define COUNT(c) (x.counters.v[HF_C_##c])
#define HEAD "time,temp,count,run,state\n"
#define ROW1 "2020-01-01T00:00:00Z,20.5,7,true,ready\n"
#define ROW2 "2020-01-01T00:00:01Z,21.5,8,false,busy\n"

/* ---- whole files ---- */

static void
files_wide_file_is_imported_and_moved_to_done(void **state)
{
	put("a.csv", HEAD ROW1 ROW2);
	start();
	WAIT(is_there("done/a.csv"));
	assert_false(is_there("a.csv"));
	assert_false(is_there("done/a.csv.errors.txt"));
	assert_int_equal(x.n, 8);
	assert_true(x.s[0].t_ns == at("2020-01-01T00:00:00Z"));
	assert_true(x.s[0].tag == x.tags[0].key && x.s[0].v.f64 == 20.5);
	assert_true(x.s[1].vtype == HF_V_I64 && x.s[1].v.i64 == 7);
	assert_true(x.s[2].vtype == HF_V_BOOL && x.s[2].v.bits == 1);
	assert_int_equal(x.s[3].vtype, HF_V_STR);
	assert_string_equal(x.str, "busy");
	assert_int_equal(stats().up, 1);
	assert_string_equal(stats().text, "");
	assert_int_equal(COUNT(F_ROWS), 2);
	assert_int_equal(COUNT(F_FILES), 1);
}

static void
files_long_file_with_quality_is_imported(void **state)
{
	x.conf.layout = HF_CSV_LONG;
	put("a.csv", "time,tag,value,quality\n"
		     "2020-01-01T00:00:00Z,temp,20.5,Good\n"
		     "2020-01-01T00:00:00Z,count,7,uncertain\n"
		     "2020-01-01T00:00:01Z,temp,,Bad\n"
		     "2020-01-01T00:00:02Z,temp,1,0x80310000\n"
		     "2020-01-01T00:00:03Z,temp,1,64\n"
		     "2020-01-01T00:00:04Z,temp,1,perhaps\n"
		     "2020-01-01T00:00:05Z,pressure,1,Good\n");
	start();
	WAIT(is_there("done/a.csv.errors.txt"));
	assert_int_equal(x.n, 5);
	assert_int_equal(x.s[0].status, HF_GOOD);
	assert_int_equal(x.s[1].status, HF_UNCERTAIN);
	assert_int_equal(x.s[2].status, HF_BAD);
	assert_int_equal(x.s[3].status, HF_BAD_NO_COMMUNICATION);
	assert_int_equal(x.s[4].status, HF_UNCERTAIN);
	assert_non_null(strstr(contents("done/a.csv.errors.txt"), "a.csv:7:"));
	assert_non_null(strstr(contents("done/a.csv.errors.txt"), "pressure"));
	assert_int_equal(COUNT(F_ROW_BAD), 2);
}

static void
files_german_excel_file_is_read(void **state)
{
	static char format[] = "%d.%m.%Y %H:%M:%S", zone[] = "Europe/Berlin";

	x.conf.time_format = format;
	x.conf.timezone = zone;
	put("a.csv", "\xEF\xBB\xBFtime;temp;\"state\"\r\n"
		     "01.07.2020 12:00:00;20,5;\"a;\r\n\"\"b\"\"\"\r\n");
	start();
	WAIT(is_there("done/a.csv"));
	assert_int_equal(x.n, 2);
	assert_true(x.s[0].v.f64 == 20.5);
	assert_true(x.s[0].t_ns == at("2020-07-01T10:00:00Z"));
	assert_string_equal(x.str, "a;\r\n\"b\"");
}

static void
files_row_errors_are_listed_and_the_rest_is_imported(void **state)
{
	put("a.csv",
	    HEAD ROW1 "yesterday,1,1,true,x\n"
		      "2020-01-01T00:00:02Z,hot,8,false,busy\n"
		      "2020-01-01T00:00:03Z,1,99999999999,maybe,busy\n" ROW2);
	start();
	WAIT(is_there("done/a.csv.errors.txt"));
	assert_int_equal(x.n, 4 + 3 + 2 + 4);
	assert_int_equal(COUNT(F_ROW_BAD), 4);
	assert_non_null(strstr(contents("done/a.csv.errors.txt"),
	    "a.csv:3:1: time: \"yesterday\""));
	assert_non_null(strstr(
	    contents("done/a.csv.errors.txt"), "a.csv:4:22: temp: \"hot\""));
	assert_non_null(strstr(contents("done/a.csv.errors.txt"), "4 errors"));
	assert_non_null(strstr(stats().text, "4 errors"));
}

static void
files_empty_cell_is_no_sample_and_nan_is_a_bad_one(void **state)
{
	put("a.csv", HEAD "2020-01-01T00:00:00Z,,7,,\n"
			  "2020-01-01T00:00:01Z,NaN,8,,\n");
	start();
	WAIT(is_there("done/a.csv"));
	assert_int_equal(x.n, 3);
	assert_int_equal(x.s[1].status, HF_BAD_DECODING);
	assert_true(isnan(x.s[1].v.f64));
	assert_int_equal(COUNT(S_NOT_FINITE), 1);
	assert_int_equal(COUNT(F_ROW_BAD), 0);
}

static void
files_without_time_column_get_the_time_of_their_change(void **state)
{
	static char none[] = "none";
	struct stat st;
	int64_t t;

	x.conf.time = none;
	put("a.csv", "temp,count\n1,2\n3,4\n");
	assert_int_equal(fstatat(x.dirfd, "a.csv", &st, 0), 0);
	t = st.st_mtim.tv_sec * HF_NS_PER_S + st.st_mtim.tv_nsec;
	start();
	WAIT(is_there("done/a.csv"));
	assert_int_equal(x.n, 4);
	assert_true(x.s[0].t_ns == t);
	assert_true(x.s[2].t_ns == t + 1);
}

static void
files_tag_without_a_column_is_told_and_others_go_on(void **state)
{
	put("a.csv", "time,temp,count,state\n2020-01-01T00:00:00Z,1,2,x\n");
	start();
	WAIT(x.n == 3);
	assert_int_equal(COUNT(F_NO_COLUMN), 1);
	assert_true(is_there("a.csv") || is_there("done/a.csv"));
}

static void
files_header_without_time_goes_to_failed(void **state)
{
	put("a.csv", "date,temp\n2020-01-01T00:00:00Z,1\n");
	put("empty.csv", "");
	put("good.csv", HEAD ROW1);
	start();
	WAIT(is_there("failed/a.csv.errors.txt") &&
	     is_there("failed/empty.csv") && is_there("done/good.csv"));
	assert_non_null(
	    strstr(contents("failed/a.csv.errors.txt"), "no column \"time\""));
	assert_int_equal(x.n, 4);
}

static void
files_unclosed_quote_costs_one_row_only(void **state)
{
	put("a.csv", HEAD ROW1 "2020-01-01T00:00:05Z,1,1,true,\"open\n" ROW2);
	start();
	WAIT(is_there("done/a.csv.errors.txt"));
	assert_non_null(strstr(contents("done/a.csv.errors.txt"), "a.csv:3:"));
	assert_int_equal(x.n, 8);
	assert_int_equal(COUNT(F_ROW_BAD), 1);
}

/* Over the window: the row is given up, not the memory. */
static void
files_line_without_end_is_passed_over(void **state)
{
	const size_t n = 3u << 20;
	char *big = malloc(n + 1);

	memset(big, 'x', n);
	big[n] = '\0';
	put("a.csv", HEAD ROW1);
	append("a.csv", big);
	append("a.csv", "\n" ROW2);
	free(big);
	start();
	WAIT(is_there("done/a.csv.errors.txt"));
	assert_int_equal(x.n, 8);
	assert_int_equal(COUNT(F_ROW_BAD), 1);
	assert_non_null(strstr(contents("done/a.csv.errors.txt"), "a.csv:3:"));
}

static void
files_many_unclosed_quotes_do_not_hide_what_follows(void **state)
{
	int i;

	put("a.csv", HEAD);
	for (i = 0; i < 301; i++)
		append("a.csv", "\"never closed\n");
	append("a.csv", ROW1);
	start();
	WAIT(is_there("done/a.csv.errors.txt"));
	assert_int_equal(x.n, 4);
	assert_true(COUNT(F_ROW_BAD) >= 150);
}

static void
files_oldest_is_imported_first(void **state)
{
	const struct timespec old[2] = {{1000, 0}, {1000, 0}};

	put("a.csv", HEAD ROW2);
	put("b.csv", HEAD ROW1);
	assert_int_equal(utimensat(x.dirfd, "b.csv", old, 0), 0);
	start();
	WAIT(is_there("done/a.csv") && is_there("done/b.csv"));
	assert_true(x.s[0].v.f64 == 20.5);
	assert_int_equal(x.s[0].flags & HF_F_BACKFILL, 0);
	assert_int_equal(x.s[4].flags & HF_F_BACKFILL, 0);
}

static void
files_older_than_what_came_before_is_backfill(void **state)
{
	put("a.csv", HEAD ROW2 ROW1);
	start();
	WAIT(is_there("done/a.csv"));
	assert_int_equal(x.s[0].flags & HF_F_BACKFILL, 0);
	assert_true((x.s[4].flags & HF_F_BACKFILL) != 0);
}

static void
files_same_name_again_gets_a_number(void **state)
{
	put("a.csv", HEAD ROW1);
	start();
	WAIT(is_there("done/a.csv"));
	put("a.csv", HEAD ROW2);
	WAIT(is_there("done/a.csv.1"));
	assert_int_equal(x.n, 8);
}

/* ---- half-written ---- */

static void
files_half_written_file_is_left_until_it_settles(void **state)
{
	x.conf.settle_ns = 3600 * HF_NS_PER_S;
	put("a.csv", HEAD "2020-01-01T00:0");
	start();
	pass_looks(10);
	assert_int_equal(x.n, 0);
	assert_true(is_there("a.csv"));
}

static void
files_renamed_into_place_is_taken_at_once(void **state)
{
	x.conf.settle_ns = 3600 * HF_NS_PER_S;
	put(".a.tmp", HEAD ROW1);
	usleep(30000); /* a tick of the file system's clock */
	renameat(x.dirfd, ".a.tmp", x.dirfd, "a.csv");
	start();
	WAIT(is_there("done/a.csv"));
	assert_int_equal(x.n, 4);
}

/* ---- growing files ---- */

static void
files_growing_file_gives_whole_lines_as_they_come(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1 "2020-01-01T00:00:0");
	start();
	WAIT(x.n == 4);
	pass_looks(5);
	assert_int_equal(x.n, 4);
	append("a.csv", "1Z,21.5,8,false,busy\n");
	WAIT(x.n == 8);
	assert_true(x.s[4].v.f64 == 21.5);
	assert_true(is_there("a.csv"));
	assert_int_equal(COUNT(F_ROW_BAD), 0);
}

static void
files_rotation_by_rename_loses_no_line(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(x.n == 4);
	append("a.csv", ROW2);
	renameat(x.dirfd, "a.csv", x.dirfd, "a.csv.1");
	put("a.csv", HEAD "2020-01-01T00:00:09Z,99,1,true,new\n");
	WAIT(x.n == 12);
	assert_true(x.s[4].v.f64 == 21.5 || x.s[8].v.f64 == 21.5);
	assert_string_equal(contents("a.csv.1"), HEAD ROW1 ROW2);
}

static void
files_rotation_by_truncation_starts_anew(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1 ROW2);
	start();
	WAIT(x.n == 8);
	put("a.csv", HEAD "2020-01-01T00:00:09Z,99,1,true,new\n");
	WAIT(x.n == 12);
	assert_true(x.s[8].v.f64 == 99);
	assert_true(COUNT(F_ROTATED) >= 1);
}

static void
files_growing_file_removed_is_read_to_its_end(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(x.n == 4);
	append("a.csv", ROW2);
	unlinkat(x.dirfd, "a.csv", 0);
	WAIT(x.n == 8);
}

/* ---- restarts ---- */

static void
files_position_survives_a_restart(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(x.n == 4);
	pass_looks(5);
	stop();
	assert_true(is_there(".holdfast-position"));
	append("a.csv", ROW2);
	start();
	WAIT(x.n == 8);
	assert_true(x.s[4].v.f64 == 21.5);
	pass_looks(5);
	assert_int_equal(x.n, 8);
}

static void
files_position_waits_until_core_has_it(void **state)
{
	x.core_is_slow = true;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(x.n == 4);
	pass_looks(10);
	assert_true(is_there("a.csv"));
	stop();
	start(); /* core never had them: they come again */
	WAIT(x.n == 8);
	x.core_has = UINT64_MAX;
	WAIT(is_there("done/a.csv"));
	assert_int_equal(x.n, 8);
}

static void
files_damaged_position_is_not_believed(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1);
	put(".holdfast-position", "holdfast-position 1\n1 2 3\nend 00000000\n");
	start();
	WAIT(x.n == 4);
	assert_non_null(strstr(stats().text, "damaged"));
}

/* The inode of a file that was removed is often the next file's. */
static void
files_other_file_with_the_same_inode_is_read_from_its_start(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(x.n == 4);
	pass_looks(5);
	stop();
	put("a.csv", "time,count,temp\n2020-01-01T00:00:09Z,1,99\n"
		     "2020-01-01T00:00:10Z,1,98\n"
		     "2020-01-01T00:00:11Z,1,97\n");
	start();
	WAIT(x.n == 10);
	assert_true(x.s[5].v.f64 == 99);
}

/* ---- full disks, rights ---- */

static int
no_rename(int a, const char *from, int b, const char *to)
{
	if (strcmp(from, HF_POS_FILE ".tmp") == 0)
		return renameat(a, from, b, to);
	errno = ENOSPC;
	return -1;
}

static ssize_t
no_write(int fd, const void *p, size_t n, off_t off)
{
	errno = ENOSPC;
	return -1;
}

static void
files_full_disk_at_the_move_imports_once_and_others_go_on(void **state)
{
	static struct hf_io io;

	io = hf_io_system;
	io.renameat = no_rename;
	hf_io_set(&io);
	put("a.csv", HEAD ROW1);
	start();
	WAIT(COUNT(F_MOVE) >= 1);
	assert_non_null(strstr(stats().text, "cannot be moved"));
	put("b.csv", HEAD ROW2);
	WAIT(x.n == 8);
	pass_looks(20);
	assert_int_equal(x.n, 8);
	assert_true(COUNT(F_MOVE) <= 2); /* no storm: one try in 10 s each */
	assert_true(is_there("a.csv"));
	stop();
	hf_io_set(NULL);
	start(); /* known as read: moved, not imported again */
	WAIT(is_there("done/a.csv") && is_there("done/b.csv"));
	assert_int_equal(x.n, 8);
}

static void
files_full_disk_at_the_position_imports_on(void **state)
{
	static struct hf_io io;

	io = hf_io_system;
	io.pwrite = no_write;
	hf_io_set(&io);
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(COUNT(F_POSITION) >= 1);
	append("a.csv", ROW2);
	WAIT(x.n == 8);
	assert_non_null(strstr(stats().text, "position cannot be written"));
	pass_looks(10);
	assert_int_equal(x.n, 8);
	assert_true(COUNT(F_POSITION) <= 2);
}

static void
files_full_disk_at_the_error_list_is_tried_again_alone(void **state)
{
	static struct hf_io io;

	io = hf_io_system;
	io.pwrite = no_write;
	hf_io_set(&io);
	put("a.csv", HEAD ROW1 "bad,1,1,true,x\n");
	start();
	WAIT(is_there("done/a.csv") && COUNT(F_MOVE) >= 1);
	assert_non_null(strstr(stats().text, "errors cannot be written"));
	pass_looks(5);
	assert_int_equal(x.n, 4);
}

/* ---- what is not a file, what is not there ---- */

static void
files_links_folders_and_pipes_are_refused(void **state)
{
	assert_int_equal(symlinkat("/etc/passwd", x.dirfd, "link.csv"), 0);
	mkdirat(x.dirfd, "folder.csv", 0755);
	mkfifoat(x.dirfd, "pipe.csv", 0644);
	put("a.csv", HEAD ROW1);
	start();
	WAIT(is_there("done/a.csv") && COUNT(F_REFUSED) == 3);
	pass_looks(5);
	assert_int_equal(COUNT(F_REFUSED), 3);
	assert_true(is_there("link.csv"));
	assert_int_equal(x.n, 4);
}

static void
files_done_that_is_a_link_is_not_followed(void **state)
{
	assert_int_equal(symlinkat("/tmp", x.dirfd, "done"), 0);
	put("a.csv", HEAD ROW1);
	start();
	WAIT(COUNT(F_MOVE) >= 1);
	assert_true(is_there("a.csv"));
	assert_int_equal(x.n, 4);
}

static void
files_names_of_any_bytes_are_handled(void **state)
{
	const char *name = "a \xff\x01%n\n.csv";

	put(name, HEAD ROW1 "bad\n");
	start();
	WAIT(is_there("done/a \xff\x01%n\n.csv.errors.txt"));
	assert_int_equal(x.n, 4);
}

static void
files_that_do_not_match_are_left(void **state)
{
	put("a.txt", HEAD ROW1);
	put(".b.csv", HEAD ROW1);
	put("a.csv.errors.txt", HEAD ROW1);
	put("c.csv", HEAD ROW1);
	start();
	WAIT(is_there("done/c.csv"));
	assert_true(is_there("a.txt") && is_there(".b.csv"));
	assert_int_equal(x.n, 4);
}

static void
files_folder_that_is_missing_says_what_to_do(void **state)
{
	x.is_folder_gone = true;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(stats().up < 0);
	assert_non_null(strstr(stats().text, "make the folder"));
	assert_int_equal(x.n, 0);
	x.is_folder_gone = false;
	WAIT(is_there("done/a.csv"));
	assert_int_equal(stats().up, 1);
}

/* ---- back-pressure ---- */

static void
files_wait_while_core_is_behind(void **state)
{
	x.may_read = false;
	put("a.csv", HEAD ROW1);
	start();
	WAIT(COUNT(F_WAIT) >= 1);
	pass_looks(5);
	assert_int_equal(x.n, 0);
	assert_int_equal(COUNT(F_WAIT), 1);
	x.may_read = true;
	WAIT(is_there("done/a.csv"));
}

/* A big file goes in slices: between two of them the loop is free. */
static void
files_big_file_is_read_in_slices(void **state)
{
	const size_t nrow = 40000;
	char *text = malloc(nrow * 64), *p = text;
	size_t i, before, turns = 0;

	p += sprintf(p, "time,temp\n");
	for (i = 0; i < nrow; i++)
		p += sprintf(p, "%zu,%zu.25\n", 1600000000 + i, i);
	put_flags("a.csv", O_TRUNC, text, (size_t)(p - text));
	free(text);
	x.conf.time_format = strdup("unix");
	start();
	while (!is_there("done/a.csv")) {
		before = x.n;
		hf_loop_once(x.loop, 5);
		assert_true(x.n - before <= HF_CSV_SLICE);
		turns += x.n > before;
	}
	assert_int_equal(x.n, nrow);
	assert_true(turns >= (size_t)(p - text) / HF_CSV_SLICE);
	assert_true(x.nhand >= 1);
	free(x.conf.time_format);
}

/* ---- preview, check ---- */

static void
try_done(void *arg, int rc, const char *text, size_t n)
{
	assert_int_equal(rc, HF_OK);
	x.json = strndup(text, n);
}

static void
files_preview_shows_columns_and_tags(void **state)
{
	x.conf.after = HF_CSV_KEEP;
	put("a.csv", "time,temp,extra\n2020-01-01T00:00:00Z,1,2\n");
	start();
	WAIT(x.n == 1);
	hf_csv_folder_driver.try_(x.open, try_done, NULL);
	assert_non_null(
	    strstr(x.json, "\"columns\":[\"time\",\"temp\",\"extra\"]"));
	assert_non_null(strstr(x.json, "\"tag\":\"count\""));
	assert_non_null(strstr(x.json, "\"has_column\":false"));
	assert_non_null(strstr(x.json, "\"name\":\"a.csv\""));
}

static void
note(void *arg, const char *what, const char *text)
{
	(*(size_t *)arg)++;
}

static void
files_options_that_cannot_work_are_refused(void **state)
{
	const struct hf_kind *k = hf_csv_folder_driver.kind;
	static char relative[] = "drop", up[] = "/srv/../etc", deep[] = "a/*",
		    zone[] = "Mars";
	struct hf_csv_conf c = x.conf;
	char why[256];
	size_t n = 0;
	double hz;

	assert_int_equal(k->check(&c, why, sizeof(why)), HF_OK);
	c.folder = relative;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	c.folder = up;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	c = x.conf;
	c.pattern = deep;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	c = x.conf;
	c.timezone = zone;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	c = x.conf;
	c.delimiter = 1;
	c.decimal = 2;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	x.tags[1].writable = true;
	strcpy(x.tags[0].address, "time");
	assert_int_equal(
	    hf_csv_folder_driver.check(&x.plant, 0, note, &n, &hz), HF_EINVAL);
	assert_int_equal(n, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(files_wide_file_is_imported_and_moved_to_done),
	    T(files_long_file_with_quality_is_imported),
	    T(files_german_excel_file_is_read),
	    T(files_row_errors_are_listed_and_the_rest_is_imported),
	    T(files_empty_cell_is_no_sample_and_nan_is_a_bad_one),
	    T(files_without_time_column_get_the_time_of_their_change),
	    T(files_tag_without_a_column_is_told_and_others_go_on),
	    T(files_header_without_time_goes_to_failed),
	    T(files_unclosed_quote_costs_one_row_only),
	    T(files_line_without_end_is_passed_over),
	    T(files_many_unclosed_quotes_do_not_hide_what_follows),
	    T(files_oldest_is_imported_first),
	    T(files_older_than_what_came_before_is_backfill),
	    T(files_same_name_again_gets_a_number),
	    T(files_half_written_file_is_left_until_it_settles),
	    T(files_renamed_into_place_is_taken_at_once),
	    T(files_growing_file_gives_whole_lines_as_they_come),
	    T(files_rotation_by_rename_loses_no_line),
	    T(files_rotation_by_truncation_starts_anew),
	    T(files_growing_file_removed_is_read_to_its_end),
	    T(files_position_survives_a_restart),
	    T(files_position_waits_until_core_has_it),
	    T(files_damaged_position_is_not_believed),
	    T(files_other_file_with_the_same_inode_is_read_from_its_start),
	    T(files_full_disk_at_the_move_imports_once_and_others_go_on),
	    T(files_full_disk_at_the_position_imports_on),
	    T(files_full_disk_at_the_error_list_is_tried_again_alone),
	    T(files_links_folders_and_pipes_are_refused),
	    T(files_done_that_is_a_link_is_not_followed),
	    T(files_names_of_any_bytes_are_handled),
	    T(files_that_do_not_match_are_left),
	    T(files_folder_that_is_missing_says_what_to_do),
	    T(files_wait_while_core_is_behind),
	    T(files_big_file_is_read_in_slices),
	    T(files_preview_shows_columns_and_tags),
	    T(files_options_that_cannot_work_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
