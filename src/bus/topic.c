/* SPDX-License-Identifier: Apache-2.0
 *
 * topic.c - names of the Unified Namespace, and what `holdfast check` says of
 * them.
 *
 * A topic is put together from checked levels: none is empty, each is
 * [A-Za-z0-9_-], those of the location (enterprise, site, asset path) do not
 * begin with '_'. So the first level that does is the contract, and location,
 * contract and path can be told apart again by a reader that knows nothing of
 * the plant. It also makes topics of different tags different, as their paths
 * are; hf_topics_check() looks all the same.
 *
 * UMH writes the same address with dots: uns/v1/a/b/_c/t is umh.v1.a.b._c.t.
 */
#include "bus/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"

#define ROOT "uns/v1"
#define UMH_ROOT "umh.v1"

struct topic {	    /* being put together */
	char *out;  /* HF_TOPIC_BYTES */
	size_t len; /* without the NUL */
	unsigned nlevel;
	const char *of; /* whose topic, for texts */
};

static int
put_level(struct topic *t, const char *s, size_t n, bool is_location,
    struct hf_err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			   "yz0123456789_-",
			s[i]) == NULL)
			break;
	if (n == 0 || i < n || (is_location && s[0] == '_'))
		return HF_FAIL(err, HF_EINVAL,
		    "%s: \"%.*s\" cannot be a level of the namespace%s", t->of,
		    (int)n, s,
		    n > 0 && i == n
			? ": '_' begins contracts only; rename the level"
			: ": letters, digits, '_' and '-' only");
	if (t->nlevel == HF_TOPIC_LEVELS)
		return HF_FAIL(err, HF_ELIMIT,
		    "%s: its topic has more than %d levels; shorten the path",
		    t->of, HF_TOPIC_LEVELS);
	if (t->len + 1 + n >= HF_TOPIC_BYTES)
		return HF_FAIL(err, HF_ELIMIT,
		    "%s: its topic is longer than %d bytes; shorten the path",
		    t->of, HF_TOPIC_BYTES - 1);
	if (t->nlevel > 0)
		t->out[t->len++] = '/';
	memcpy(t->out + t->len, s, n);
	t->len += n;
	t->out[t->len] = '\0';
	t->nlevel++;
	return HF_OK;
}

/* n bytes of levels joined by '/'; none if n is 0. */
static int
put_path(struct topic *t, const char *s, size_t n, bool is_location,
    struct hf_err *err)
{
	size_t i, len;
	int rc = HF_OK;

	for (i = 0; i < n && rc == HF_OK; i += len + 1) {
		const char *slash = memchr(s + i, '/', n - i);

		len = slash == NULL ? n - i : (size_t)(slash - (s + i));
		rc = put_level(t, s + i, len, is_location, err);
	}
	return rc;
}

static int
put_site(struct topic *t, const struct hf_plant *p, struct hf_err *err)
{
	const char *e = p->site.enterprise == NULL ? "" : p->site.enterprise;
	const char *s = p->site.site == NULL ? "" : p->site.site;
	int rc = put_path(t, ROOT, strlen(ROOT), false, err);

	if (rc == HF_OK)
		rc = put_level(t, e, strlen(e), true, err);
	return rc != HF_OK ? rc : put_level(t, s, strlen(s), true, err);
}

/* Bytes of the tag's path that are its location. */
static size_t
location_len(const struct hf_asset *a, const struct hf_tag *t)
{
	const char *slash = strrchr(t->path, '/');

	if (a != NULL)
		return strlen(a->path);
	return slash == NULL ? 0 : (size_t)(slash - t->path);
}

const char *
hf_topic_contract(const struct hf_plant *p, const struct hf_tag *t)
{
	const struct hf_asset *a = hf_plant_asset_of(p, t);

	return a == NULL || a->contract == NULL ? "_raw" : a->contract;
}

int
hf_topic_of_tag(const struct hf_plant *p, const struct hf_tag *t,
    enum hf_topic_kind kind, char out[HF_TOPIC_BYTES], struct hf_err *err)
{
	const struct hf_asset *a = hf_plant_asset_of(p, t);
	struct topic to = {.out = out, .of = t->path};
	size_t nloc = location_len(a, t);
	const char *rest = t->path + nloc + (nloc > 0 ? 1 : 0);
	const char *contract = "_meta";
	int rc;

	if (kind == HF_TOPIC_VALUE)
		contract =
		    a == NULL || a->contract == NULL ? "_raw" : a->contract;
	rc = put_site(&to, p, err);
	if (rc == HF_OK)
		rc = put_path(&to, t->path, nloc, true, err);
	if (rc == HF_OK)
		rc = put_level(&to, contract, strlen(contract), false, err);
	return rc != HF_OK ? rc : put_path(&to, rest, strlen(rest), false, err);
}

int
hf_topic_of_asset(const struct hf_plant *p, const char *asset_path,
    const char *leaf, char out[HF_TOPIC_BYTES], struct hf_err *err)
{
	struct topic to = {.out = out, .of = asset_path};
	int rc = put_site(&to, p, err);

	if (rc == HF_OK)
		rc = put_path(&to, asset_path, strlen(asset_path), true, err);
	return rc != HF_OK ? rc : put_path(&to, leaf, strlen(leaf), false, err);
}

int
hf_topic_of_subject(const struct hf_plant *p, const char *subject,
    const char *leaf, char out[HF_TOPIC_BYTES], struct hf_err *err)
{
	const struct hf_tag *t = hf_plant_tag(p, subject);
	char path[HF_TOPIC_BYTES];
	size_t nloc, i;

	if (t != NULL) {
		nloc = location_len(hf_plant_asset_of(p, t), t);
		snprintf(path, sizeof(path), "%.*s", (int)nloc, t->path);
		return hf_topic_of_below(p, path, leaf,
		    t->path + nloc + (nloc > 0 ? 1 : 0), out, err);
	}
	for (i = 0; i < p->nasset; i++)
		if (strcmp(p->assets[i].path, subject) == 0)
			return hf_topic_of_asset(p, subject, leaf, out, err);
	return hf_topic_of_asset(p, "", leaf, out, err);
}

int
hf_topic_of_below(const struct hf_plant *p, const char *location,
    const char *leaf, const char *rest, char out[HF_TOPIC_BYTES],
    struct hf_err *err)
{
	struct topic to = {.out = out, .of = rest};
	int rc = put_site(&to, p, err);

	if (rc == HF_OK)
		rc = put_path(&to, location, strlen(location), true, err);
	if (rc == HF_OK)
		rc = put_path(&to, leaf, strlen(leaf), false, err);
	return rc != HF_OK ? rc : put_path(&to, rest, strlen(rest), false, err);
}

void
hf_topic_to_umh(char topic[HF_TOPIC_BYTES])
{
	char *s;

	if (strncmp(topic, ROOT, strlen(ROOT)) == 0)
		memcpy(topic, UMH_ROOT, strlen(UMH_ROOT)); /* as long */
	for (s = topic; *s != '\0'; s++)
		if (*s == '/')
			*s = '.';
}

/* ---- holdfast check ---- */

static void
check_tag(const struct hf_plant *p, const struct hf_tag *t,
    struct hf_strmap *seen, char *topic, hf_plant_report *report, void *arg)
{
	struct hf_err err = {0};
	const struct hf_tag *other;
	char what[320], text[700];
	int rc = hf_topic_of_tag(p, t, HF_TOPIC_VALUE, topic, &err);

	snprintf(what, sizeof(what), "tags.%.256s", t->path);
	if (rc != HF_OK) {
		report(arg, what, err.msg);
		return;
	}
	if (hf_strmap_put(seen, topic, (void *)(uintptr_t)t) != HF_EEXIST)
		return;
	other = hf_strmap_get(seen, topic);
	snprintf(text, sizeof(text),
	    "has the topic %s, which is that of %.200s; give one of them "
	    "another uns_path",
	    topic, other->path);
	report(arg, what, text);
}

static void
check_assets(const struct hf_plant *p, hf_plant_report *report, void *arg)
{
	char what[320], topic[HF_TOPIC_BYTES];
	struct hf_err err = {0};
	size_t i;

	for (i = 0; i < p->nasset; i++) {
		if (hf_topic_of_asset(p, p->assets[i].path, "_state/online",
			topic, &err) == HF_OK)
			continue;
		snprintf(
		    what, sizeof(what), "assets.%.256s", p->assets[i].path);
		report(arg, what, err.msg);
	}
}

void
hf_topics_check(const struct hf_plant *p, hf_plant_report *report, void *arg)
{
	struct hf_strmap *seen = hf_strmap_new(p->ntag + 1);
	char *topics = malloc((p->ntag + 1) * HF_TOPIC_BYTES);
	size_t i;

	if (seen == NULL || topics == NULL)
		report(arg, "tags", "no memory to compare their topics");
	else
		for (i = 0; i < p->ntag; i++)
			if (!p->tags[i].is_stamp)
				check_tag(p, &p->tags[i], seen,
				    topics + i * HF_TOPIC_BYTES, report, arg);
	check_assets(p, report, arg);
	hf_strmap_free(seen);
	free(topics);
}
