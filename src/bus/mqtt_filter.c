/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt_filter.c - MQTT topic filters: which are allowed, what they match.
 *
 * By MQTT 5, 4.7: levels are separated by '/', '+' stands for one whole level,
 * '#' for the level it is in and all below, and it is the last. A topic that
 * begins with '$' is not matched by a filter that begins with a wildcard. An
 * empty level is a level. Declared in mqtt.h.
 */
#include <string.h>

#include "base/utf8.h"
#include "bus/mqtt.h"

static size_t
level_len(const char *s)
{
	return strcspn(s, "/");
}

bool
hf_filter_ok(const char *filter)
{
	size_t n = strlen(filter), len;
	const char *s = filter;

	if (n == 0 || n > HF_MQTT_TOPIC || !hf_utf8_ok(filter, n))
		return false;
	for (;;) {
		len = level_len(s);
		if (len > 1 && strcspn(s, "+#") < len)
			return false; /* "a+", "#b" */
		if (*s == '#' && s[len] != '\0')
			return false;
		if (s[len] == '\0')
			return true;
		s += len + 1;
	}
}

bool
hf_topic_matches(const char *filter, const char *topic)
{
	const char *f = filter, *t = topic;
	size_t nf, nt;

	if (*topic == '$' && (*filter == '+' || *filter == '#'))
		return false;
	for (;;) {
		nf = level_len(f);
		nt = level_len(t);
		if (nf == 1 && *f == '#')
			return true;
		if (!(nf == 1 && *f == '+') &&
		    (nf != nt || memcmp(f, t, nf) != 0))
			return false;
		f += nf;
		t += nt;
		if (*f == '\0' || *t == '\0')
			break;
		f++;
		t++;
	}
	/* "a/#" matches "a" too */
	return *f == *t || (*t == '\0' && strcmp(f, "/#") == 0);
}
