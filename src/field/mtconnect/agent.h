/* SPDX-License-Identifier: Apache-2.0
 *
 * agent.h - shared by driver.c, values.c and preview.c only: an open agent.
 */
#ifndef HF_FIELD_MTCONNECT_AGENT_H
#define HF_FIELD_MTCONNECT_AGENT_H

#include "base/map.h"
#include "field/driver.h"
#include "field/mtconnect/doc.h"
#include "field/mtconnect/http.h"

#define HF_MTC_NITEM 10000 /* data items of one agent that are listed */

struct hf_mtc_conf { /* options; rows in driver.c */
	char *host;
	int64_t port;
	char *path;
	int64_t interval_ns, count, timeout_ns, missed;
};

struct hf_mtc_known { /* a data item of /probe */
	char id[96], name[96], type[64], sub_type[32], units[32], component[48],
	    category;
};

struct hf_mtc_tag {	 /* by index in the device */
	uint32_t next;	 /* another tag of the same address, UINT32_MAX */
	bool is_bad;	 /* marked: no communication, or a gap */
	bool is_seen;	 /* had an observation from this instance */
	int64_t mark_ns; /* then */
	char last[48];	 /* text of the last observation, for previews */
};

struct hf_mtc_values { /* values.c */
	struct hf_strmap *by_address;
	uint32_t *index;
	struct hf_mtc_tag *tags;
	struct hf_reading r[256];
	size_t nr;
	struct hf_buf str; /* their strings, by offset until handed over */
	int64_t newest_ns; /* observation seen so far; HF_TIME_NONE */
};

enum hf_mtc_ask { HF_MTC_PROBE, HF_MTC_CURRENT, HF_MTC_SAMPLE };

struct hf_driver_dev {
	const struct hf_plant *plant;
	const struct hf_device *cfg;
	const struct hf_mtc_conf *conf;
	uint32_t idx;
	struct hf_driver_host host;
	struct hf_watch *timer;
	struct hf_mtc_http *http;
	struct hf_mtc_doc *doc; /* of the answer under way */
	enum hf_mtc_ask ask;
	bool is_malformed, is_out_of_range, is_restarted;
	char error[200];   /* of the answer, "" */
	uint64_t instance; /* 0 = none known */
	uint64_t next, doc_next;
	uint64_t doc_instance;
	size_t nobs; /* in the answer */
	unsigned nfail;
	uint64_t seed;
	struct hf_mtc_values values;
	struct hf_mtc_known *known;
	size_t nknown, nlisted; /* nlisted: room */
	struct hf_driver_stats stats;
};

/* values.c */
int hf_mtc_values_init(struct hf_driver_dev *d, struct hf_err *err);
void hf_mtc_values_fini(struct hf_driver_dev *d);
void hf_mtc_take(struct hf_driver_dev *d, const struct hf_mtc_obs *o);
void hf_mtc_hand_over(struct hf_driver_dev *d);
/* Every tag gets one bad sample: at t_ns, HF_TIME_NONE = now. Once until a
 * value comes. */
void hf_mtc_mark_bad(struct hf_driver_dev *d, uint32_t status, int64_t t_ns);
uint32_t hf_mtc_tag_of(const struct hf_driver_dev *d, const char *address);

/* preview.c */
void hf_mtc_try(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg);

#endif
