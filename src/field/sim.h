/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.h - recorded data served as Modbus TCP devices, with a ledger of what was
 * served. For demos and tests; `holdfast sim modbus` is the front end.
 */
#ifndef HF_FIELD_SIM_H
#define HF_FIELD_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "field/modbus/mbap.h"
#include "os/loop.h"

#define HF_SIM_NUNIT 64
#define HF_SIM_NFILTER 4
#define HF_SIM_NO_ROW SIZE_MAX

enum hf_sim_advance { HF_SIM_ON_READ, HF_SIM_WALL };

struct hf_sim_filter { /* keep rows whose column holds this text */
	char *column, *value;
};

struct hf_sim_conf { /* one unit; strings are borrowed until open returns */
	uint8_t unit;
	const char *replay; /* CSV file; NULL = only the map */
	const char *map;    /* CSV file of further registers; NULL = none */
	const char *time_column;  /* holds time stamps, or ... */
	const char *cycle_column; /* ... whole numbers: t = epoch + n * step */
	int64_t epoch_ns, step_ns;
	struct hf_sim_filter filters[HF_SIM_NFILTER];
	size_t nfilter;
	const char *columns; /* "a,b": only these; NULL = all */
	enum hf_sim_advance advance;
	int64_t interval_ns; /* HF_SIM_WALL */
};

/* ---- one unit (sim_unit.c); pure but for the files read at open ---- */

struct hf_sim_unit;

/* HF_EINVAL with file, line and column; HF_ENOTFOUND, HF_ENOMEM. */
int hf_sim_unit_open(const struct hf_sim_conf *conf, struct hf_sim_unit **out,
    struct hf_err *err);
void hf_sim_unit_free(struct hf_sim_unit *u);
uint8_t hf_sim_unit_id(const struct hf_sim_unit *u);
size_t hf_sim_unit_nrow(const struct hf_sim_unit *u);
/* The answer's data: HF_OK, or HF_EINVAL with the exception code. data: at
 * least 250 bytes. *row: the row that is served, HF_SIM_NO_ROW if the request
 * does not hold the whole stamp. */
int hf_sim_unit_read(struct hf_sim_unit *u, const struct hf_mb_req *r,
    uint8_t *data, size_t *row, uint8_t *exception);
/* The answer with this row is written: ledger lines for the columns in it, if
 * the row is new, and the next row (HF_SIM_ON_READ). */
void hf_sim_unit_served(struct hf_sim_unit *u, const struct hf_mb_req *r,
    size_t row, struct hf_buf *ledger);
/* HF_SIM_WALL: the next row. */
void hf_sim_unit_step(struct hf_sim_unit *u);
/* Stays from now on at the row last served. */
void hf_sim_unit_stop(struct hf_sim_unit *u);
bool hf_sim_unit_is_done(const struct hf_sim_unit *u);
/* A tags file for this unit as holdfast-tags(5). */
void hf_sim_unit_tags(const struct hf_sim_unit *u, const char *device,
    int64_t interval_ms, struct hf_buf *out);

/* The replayed rows as such, for other protocols. */
size_t hf_sim_unit_ncolumn(const struct hf_sim_unit *u);
const char *hf_sim_unit_column(const struct hf_sim_unit *u, size_t i);
int64_t hf_sim_unit_time(const struct hf_sim_unit *u, size_t row);
double hf_sim_unit_value(
    const struct hf_sim_unit *u, size_t row, size_t column);
/* A column's name as a tag's: what is not allowed becomes '_'. */
void hf_sim_put_name(struct hf_buf *b, const char *s);

/* ---- the server (sim.c) ---- */

struct hf_sim;

struct hf_sim_ops {
	void *arg;
	void (*ledger)(void *arg, const void *p, size_t n);
	void (*done)(void *arg); /* all units served their last row; once */
};

struct hf_sim_at {
	const char *host;
	int64_t port; /* 0: any */
	struct hf_sim_unit **units;
	size_t nunit; /* 1..HF_SIM_NUNIT */
};

/* Listens. Borrows loop; takes the units, also on error. HF_EINVAL, HF_EIO. */
int hf_sim_open(struct hf_loop *loop, const struct hf_sim_at *at,
    const struct hf_sim_ops *ops, struct hf_sim **out, struct hf_err *err);
void hf_sim_close(struct hf_sim *s);
uint16_t hf_sim_port(const struct hf_sim *s);
void hf_sim_stop_advancing(struct hf_sim *s);
/* HF_SIM_WALL: the next row of unit i (index of `units`). */
void hf_sim_step_unit(struct hf_sim *s, size_t i);

#define HF_SIM_LEDGER_HEADER "unit,row,t_ns,column,value,bits\n"

#endif
