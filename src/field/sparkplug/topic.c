/* SPDX-License-Identifier: Apache-2.0
 *
 * topic.c - Sparkplug B topics: which message, of which node and device.
 */
#include "field/sparkplug/topic.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char *const words[HF_SPB_NMSG] = {
    [HF_SPB_NBIRTH] = "NBIRTH",
    [HF_SPB_NDATA] = "NDATA",
    [HF_SPB_NDEATH] = "NDEATH",
    [HF_SPB_NCMD] = "NCMD",
    [HF_SPB_DBIRTH] = "DBIRTH",
    [HF_SPB_DDATA] = "DDATA",
    [HF_SPB_DDEATH] = "DDEATH",
    [HF_SPB_DCMD] = "DCMD",
    [HF_SPB_STATE] = "STATE",
};

bool
hf_spb_id_ok(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n < HF_SPB_ID && strpbrk(id, "/+#") == NULL &&
	       hf_utf8_line_ok(id, n);
}

/* Copies the level at *at and moves behind its '/'; false if it is no id or
 * there is none. */
static bool
take_level(const char **at, char out[HF_SPB_ID])
{
	size_t n;

	if (*at == NULL)
		return false;
	n = strcspn(*at, "/");
	if (n >= HF_SPB_ID)
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at = (*at)[n] == '/' ? *at + n + 1 : NULL;
	return hf_spb_id_ok(out);
}

static bool
take_topic(const char *at, struct hf_spb_topic *t)
{
	char word[HF_SPB_ID];
	int i;

	if (!take_level(&at, word) || strcmp(word, HF_SPB_NAMESPACE) != 0 ||
	    !take_level(&at, t->group))
		return false;
	if (strcmp(t->group, words[HF_SPB_STATE]) == 0) {
		t->group[0] = '\0';
		t->msg = HF_SPB_STATE;
		return take_level(&at, t->node) && at == NULL;
	}
	if (!take_level(&at, word) || !take_level(&at, t->node))
		return false;
	for (i = 0; i < HF_SPB_STATE; i++)
		if (strcmp(word, words[i]) == 0)
			break;
	t->msg = (enum hf_spb_msg)i;
	if (i == HF_SPB_STATE)
		return false;
	if (i < HF_SPB_DBIRTH)
		return at == NULL;
	return take_level(&at, t->device) && at == NULL;
}

int
hf_spb_topic_parse(
    const char *topic, struct hf_spb_topic *out, struct hf_err *err)
{
	*out = (struct hf_spb_topic){.msg = HF_SPB_NMSG};
	if (take_topic(topic, out))
		return HF_OK;
	return HF_FAIL(err, HF_EPROTO, "no topic of Sparkplug B");
}

void
hf_spb_topic_make(const struct hf_spb_topic *t, char out[HF_SPB_TOPIC])
{
	if (t->msg == HF_SPB_STATE)
		snprintf(out, HF_SPB_TOPIC, "%s/STATE/%s", HF_SPB_NAMESPACE,
		    t->node);
	else
		snprintf(out, HF_SPB_TOPIC, "%s/%s/%s/%s%s%s", HF_SPB_NAMESPACE,
		    t->group, words[t->msg], t->node,
		    t->device[0] != '\0' ? "/" : "", t->device);
}
