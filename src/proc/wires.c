/* SPDX-License-Identifier: Apache-2.0
 *
 * wires.c - what a role gets at exec, and the payloads that only roles know.
 *
 * HF_ROLE_ARGS is one line of words "key=number" separated by blanks, in any
 * order: zone inc insecure uid gid evidence log ns.net ns.mnt, and one word
 * "name=number" for each descriptor. It comes from our own parent, and is
 * checked all the same: a typo here would be a hole, not an error message.
 *
 * ROLE_STATE, little-endian, in this order: u8 role, u8 zone, u8 status, u8 0,
 * u32 pid, u32 restarts, u32 layers, u32 missing, i64 since (ns, wall), i64 end
 * of its certificate (ns, wall), text (u32 length, bytes).
 * DEVICE_STATE: u8 status, i64 last value, i64 since, u64 requests, answers,
 * timeouts, exceptions, framing, connects, skipped, samples, f64 requests_hz,
 * device (u32 length, bytes), text (u32 length, bytes).
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "base/utf8.h"
#include "proc/wires.h"

const char *const hf_role_status_words[] = {
    "starting", "ready", "restarting", "failing", "stopped", "refused", NULL};
const char *const hf_dev_status_words[] = {
    "connecting", "ok", "degraded", "down", "quarantined", NULL};

#define ARGS_MAX 4096 /* bytes of HF_ROLE_ARGS */

/* ---- arguments of a role */

/* false if the key is no plain setting (then it is a descriptor's name). */
static bool
take_setting(struct hf_role_args *a, const char *key, uint64_t v)
{
	if (strcmp(key, "zone") == 0 && v <= HF_PLANT_NEDGE)
		a->zone = (uint8_t)v;
	else if (strcmp(key, "inc") == 0)
		a->incarnation = (uint32_t)v;
	else if (strcmp(key, "insecure") == 0)
		a->is_insecure = v != 0;
	else if (strcmp(key, "uid") == 0)
		a->uid = (uid_t)v;
	else if (strcmp(key, "gid") == 0)
		a->gid = (gid_t)v;
	else if (strcmp(key, "evidence") == 0)
		a->evidence_gid = (gid_t)v;
	else if (strcmp(key, "log") == 0)
		a->log_level = (int)v;
	else if (strcmp(key, "ns.net") == 0)
		a->host_netns = v;
	else if (strcmp(key, "ns.mnt") == 0)
		a->host_mntns = v;
	else
		return false;
	return true;
}

static int
take_fd(
    struct hf_role_args *a, const char *name, uint64_t v, struct hf_err *err)
{
	struct hf_role_fd *f = &a->fds[a->nfd];
	int flags;

	if (a->nfd == HF_ROLE_NFD || v > INT32_MAX)
		return HF_FAIL(err, HF_ELIMIT, HF_ROLE_ENV ": %s", name);
	flags = fcntl((int)v, F_GETFD);
	if (flags < 0 || fcntl((int)v, F_SETFD, flags | FD_CLOEXEC) != 0)
		return HF_FAIL(err, HF_EINVAL,
		    HF_ROLE_ENV ": descriptor %s=%d "
				"is not open",
		    name, (int)v);
	if (!hf_strcpy(f->name, sizeof(f->name), name))
		return HF_FAIL(err, HF_EINVAL, HF_ROLE_ENV ": name %s", name);
	f->fd = (int)v;
	a->nfd++;
	return HF_OK;
}

static int
take_word(struct hf_role_args *a, char *word, struct hf_err *err)
{
	char *eq = strchr(word, '=');
	uint64_t v;

	if (eq == NULL || eq == word ||
	    !hf_parse_u64(eq + 1, strlen(eq + 1), &v))
		return HF_FAIL(err, HF_EINVAL,
		    HF_ROLE_ENV ": \"%s\" is no "
				"name=number",
		    word);
	*eq = '\0';
	return take_setting(a, word, v) ? HF_OK : take_fd(a, word, v, err);
}

int
hf_role_args_get(struct hf_role_args *a, struct hf_err *err)
{
	const char *env = getenv(HF_ROLE_ENV);
	char line[ARGS_MAX], *word, *save = NULL;
	enum hf_role role = a->role;
	int rc = HF_OK;

	*a = (struct hf_role_args){.role = role,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1,
	    .evidence_gid = (gid_t)-1};
	if (env == NULL || !hf_strcpy(line, sizeof(line), env))
		return HF_FAIL(err, HF_EINVAL,
		    HF_ROLE_ENV " is missing: roles "
				"are started by \"holdfast run\" only");
	unsetenv(HF_ROLE_ENV);
	for (word = strtok_r(line, " ", &save); word != NULL && rc == HF_OK;
	     word = strtok_r(NULL, " ", &save))
		rc = take_word(a, word, err);
	return rc;
}

int
hf_role_args_put(const struct hf_role_args *a, struct hf_buf *out)
{
	size_t i;

	hf_buf_printf(out,
	    "zone=%u inc=%u insecure=%d log=%d ns.net=%llu "
	    "ns.mnt=%llu",
	    a->zone, a->incarnation, a->is_insecure, a->log_level,
	    (unsigned long long)a->host_netns,
	    (unsigned long long)a->host_mntns);
	if (a->uid != (uid_t)-1)
		hf_buf_printf(out, " uid=%u", (unsigned)a->uid);
	if (a->gid != (gid_t)-1)
		hf_buf_printf(out, " gid=%u", (unsigned)a->gid);
	if (a->evidence_gid != (gid_t)-1)
		hf_buf_printf(out, " evidence=%u", (unsigned)a->evidence_gid);
	for (i = 0; i < a->nfd; i++)
		hf_buf_printf(out, " %s=%d", a->fds[i].name, a->fds[i].fd);
	return hf_buf_ok(out) && out->len < ARGS_MAX ? HF_OK : HF_ELIMIT;
}

int
hf_role_fd(const struct hf_role_args *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->nfd; i++)
		if (strcmp(a->fds[i].name, name) == 0)
			return a->fds[i].fd;
	return -1;
}

struct hf_wire
hf_role_wire(const struct hf_role_args *a, enum hf_role peer, uint8_t zone)
{
	struct hf_wire w = {.self = a->role,
	    .peer = peer,
	    .zone = a->role == HF_ROLE_EDGE ? a->zone : zone,
	    .incarnation = a->incarnation};
	char name[32];

	if (peer == HF_ROLE_EDGE || peer == HF_ROLE_BROKER)
		snprintf(name, sizeof(name), "%s%u", hf_role_name(peer), zone);
	else
		snprintf(name, sizeof(name), "%s", hf_role_name(peer));
	w.fd = hf_role_fd(a, name);
	return w;
}

/* ---- ROLE_STATE */

void
hf_role_state_encode(const struct hf_role_state *s, struct hf_buf *out)
{
	hf_buf_u8(out, s->role);
	hf_buf_u8(out, s->zone);
	hf_buf_u8(out, s->status);
	hf_buf_u8(out, 0);
	hf_buf_u32(out, (uint32_t)s->pid);
	hf_buf_u32(out, s->restarts);
	hf_buf_u32(out, s->layers);
	hf_buf_u32(out, s->missing);
	hf_buf_i64(out, s->since_ns);
	hf_buf_i64(out, s->cert_end_ns);
	hf_buf_str(out, s->text);
}

/* A text of at most cap - 1 bytes, UTF-8 without NUL. */
static bool
take_text(struct hf_rd *r, char *dst, size_t cap)
{
	const char *s;
	size_t n;

	if (!hf_rd_str(r, &s, &n, cap - 1) || s == NULL)
		return false;
	if (memchr(s, '\0', n) != NULL || !hf_utf8_ok(s, n))
		return false;
	memcpy(dst, s, n);
	dst[n] = '\0';
	return true;
}

int
hf_role_state_decode(
    const void *p, size_t n, struct hf_role_state *s, struct hf_err *err)
{
	struct hf_rd r;
	bool is_text;

	*s = (struct hf_role_state){0};
	hf_rd_init(&r, p, n);
	s->role = hf_rd_u8(&r);
	s->zone = hf_rd_u8(&r);
	s->status = hf_rd_u8(&r);
	(void)hf_rd_u8(&r);
	s->pid = (int32_t)hf_rd_u32(&r);
	s->restarts = hf_rd_u32(&r);
	s->layers = hf_rd_u32(&r);
	s->missing = hf_rd_u32(&r);
	s->since_ns = hf_rd_i64(&r);
	s->cert_end_ns = hf_rd_i64(&r);
	is_text = take_text(&r, s->text, sizeof(s->text));
	if (!hf_rd_ok(&r) || hf_rd_left(&r) != 0 || !is_text)
		return HF_FAIL(err, HF_EPROTO, "role state of %zu bytes", n);
	if (s->role == HF_ROLE_NONE || s->role >= HF_NROLE ||
	    s->status > HF_RS_REFUSED || s->zone > HF_PLANT_NEDGE)
		return HF_FAIL(err, HF_EPROTO,
		    "role state: role %u zone %u "
		    "status %u",
		    s->role, s->zone, s->status);
	return HF_OK;
}

/* ---- DEVICE_STATE */

void
hf_dev_state_encode(const struct hf_dev_state *s, struct hf_buf *out)
{
	hf_buf_u8(out, s->status);
	hf_buf_i64(out, s->last_value_ns);
	hf_buf_i64(out, s->since_ns);
	hf_buf_u64(out, s->requests);
	hf_buf_u64(out, s->answers);
	hf_buf_u64(out, s->timeouts);
	hf_buf_u64(out, s->exceptions);
	hf_buf_u64(out, s->framing);
	hf_buf_u64(out, s->connects);
	hf_buf_u64(out, s->skipped);
	hf_buf_u64(out, s->samples);
	hf_buf_f64(out, s->requests_hz);
	hf_buf_u64(out, s->dropped);
	hf_buf_str(out, s->device);
	hf_buf_str(out, s->text);
	hf_buf_str(out, s->example);
}

int
hf_dev_state_decode(
    const void *p, size_t n, struct hf_dev_state *s, struct hf_err *err)
{
	struct hf_rd r;
	bool is_text;

	*s = (struct hf_dev_state){0};
	hf_rd_init(&r, p, n);
	s->status = hf_rd_u8(&r);
	s->last_value_ns = hf_rd_i64(&r);
	s->since_ns = hf_rd_i64(&r);
	s->requests = hf_rd_u64(&r);
	s->answers = hf_rd_u64(&r);
	s->timeouts = hf_rd_u64(&r);
	s->exceptions = hf_rd_u64(&r);
	s->framing = hf_rd_u64(&r);
	s->connects = hf_rd_u64(&r);
	s->skipped = hf_rd_u64(&r);
	s->samples = hf_rd_u64(&r);
	s->requests_hz = hf_rd_f64(&r);
	s->dropped = hf_rd_u64(&r);
	is_text = take_text(&r, s->device, sizeof(s->device)) &&
		  take_text(&r, s->text, sizeof(s->text)) &&
		  take_text(&r, s->example, sizeof(s->example));
	if (!hf_rd_ok(&r) || hf_rd_left(&r) != 0 || !is_text)
		return HF_FAIL(err, HF_EPROTO, "device state of %zu bytes", n);
	if (s->status > HF_DS_QUARANTINED || !hf_name_ok(s->device) ||
	    !isfinite(s->requests_hz) || s->requests_hz < 0)
		return HF_FAIL(err, HF_EPROTO,
		    "device state: status %u, "
		    "%f requests/s",
		    s->status, s->requests_hz);
	return HF_OK;
}
