/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.c - the plant against its own approved ports and protocols list.
 *
 * The list is a CSV with a header line whose names are columns of `ports`;
 * "conduit" is the key and must be among them. Only the columns it has are
 * compared, as text without blanks at its ends, so a plant may keep a short
 * list (conduit, proto, port, from, to) or the whole. The file comes from
 * outside: at most HF_PLANT_NITEM rows, each conduit once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/str.h"
#include "comply/comply.h"

struct compare {
	const struct hf_plant *p;
	hf_comply_diff_fn *fn;
	void *arg;
	size_t ndiff;
	int key;			 /* column of "conduit" */
	size_t ncol, col[HF_CSV_NFIELD]; /* of `ports`, by field */
	bool *is_listed;		 /* by conduit */
	struct hf_buf cell;
	char *room; /* HF_CSV_FIELD_MAX + 1 bytes: a cell of the list */
};

static int
find_column(const char *name)
{
	size_t i;

	for (i = 0; i < hf_nports_column; i++)
		if (strcmp(hf_ports_column(i), name) == 0)
			return (int)i;
	return -1;
}

static int
read_header(struct compare *k, const struct hf_csv_row *row, struct hf_err *err)
{
	size_t i, j;
	int col;

	k->key = -1;
	k->ncol = row->n;
	for (i = 0; i < row->n; i++) {
		col = find_column(row->f[i].s);
		if (col < 0)
			return HF_FAIL(err, HF_EINVAL,
			    "%d:%d: column \"%.60s\" is unknown; `holdfast "
			    "zones ports` prints a list with all of them",
			    row->f[i].line, row->f[i].col, row->f[i].s);
		for (j = 0; j < i; j++)
			if (k->col[j] == (size_t)col)
				return HF_FAIL(err, HF_EINVAL,
				    "%d:%d: column \"%.60s\" stands there "
				    "twice; remove one",
				    row->f[i].line, row->f[i].col, row->f[i].s);
		k->col[i] = (size_t)col;
		if (strcmp(row->f[i].s, "conduit") == 0)
			k->key = (int)i;
	}
	return k->key >= 0 ? HF_OK
			   : HF_FAIL(err, HF_EINVAL,
				 "%d:1: there is no column \"conduit\"; it "
				 "names the conduit of each row",
				 row->line);
}

/* Text of a cell as it was meant: no blanks around, no protective quote. */
static const char *
cell_text(const struct hf_csv_field *f, char *room, size_t cap)
{
	const char *s = f->s;
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n >= cap)
		n = cap - 1;
	memcpy(room, s, n);
	room[n] = '\0';
	hf_csv_unprotect(room);
	return room;
}

static void
tell(struct compare *k, const char *kind, const char *conduit,
    const char *field, const char *approved, const char *plant, int line)
{
	struct hf_comply_diff d = {.kind = kind,
	    .conduit = conduit,
	    .field = field,
	    .approved = approved,
	    .plant = plant,
	    .line = line};

	k->ndiff++;
	k->fn(k->arg, &d);
}

static void
compare_row(struct compare *k, const struct hf_csv_row *row, size_t idx)
{
	const struct hf_conduit *c = &k->p->conduits[idx];
	const char *ours, *theirs;
	size_t i;

	for (i = 0; i < k->ncol; i++) {
		hf_buf_reset(&k->cell);
		hf_ports_cell(k->p, c, k->col[i], &k->cell);
		ours = hf_buf_cstr(&k->cell);
		theirs = i < row->n ? cell_text(&row->f[i], k->room,
					  HF_CSV_FIELD_MAX + 1)
				    : "";
		if (ours != NULL && strcmp(ours, theirs) != 0)
			tell(k, "changed", c->name, hf_ports_column(k->col[i]),
			    theirs, ours, row->line);
	}
}

static int
judge_row(struct compare *k, const struct hf_csv_row *row, struct hf_err *err)
{
	char name[128];
	size_t i;

	if (row->n > k->ncol)
		return HF_FAIL(err, HF_EINVAL,
		    "%d:1: %zu fields, but the header has %zu", row->line,
		    row->n, k->ncol);
	if (row->n <= (size_t)k->key)
		return HF_FAIL(err, HF_EINVAL, "%d:1: the row names no conduit",
		    row->line);
	cell_text(&row->f[k->key], name, sizeof(name));
	for (i = 0; i < k->p->nconduit; i++)
		if (strcmp(k->p->conduits[i].name, name) == 0)
			break;
	if (i == k->p->nconduit) {
		tell(k, "extra", name, "", name, "", row->line);
		return HF_OK;
	}
	if (k->is_listed[i])
		return HF_FAIL(err, HF_EINVAL,
		    "%d:1: conduit \"%s\" stands there twice; remove one row",
		    row->line, name);
	k->is_listed[i] = true;
	compare_row(k, row, i);
	return HF_OK;
}

static int
read_list(struct compare *k, struct hf_csv *csv, struct hf_err *err)
{
	const struct hf_csv_row *row;
	size_t n = 0;
	int rc;

	rc = hf_csv_next(csv, &row, err);
	if (rc == HF_ENODATA)
		return HF_FAIL(err, HF_EINVAL,
		    "1:1: the list is empty; its first line names the "
		    "columns");
	if (rc == HF_OK)
		rc = read_header(k, row, err);
	while (rc == HF_OK) {
		rc = hf_csv_next(csv, &row, err);
		if (rc == HF_ENODATA)
			return HF_OK;
		if (rc == HF_OK && ++n > HF_PLANT_NITEM)
			return HF_FAIL(err, HF_ELIMIT,
			    "%d:1: more than %d rows", row->line,
			    HF_PLANT_NITEM);
		if (rc == HF_OK)
			rc = judge_row(k, row, err);
	}
	return rc;
}

int
hf_comply_compare(const struct hf_plant *p, const char *text, size_t n,
    hf_comply_diff_fn *fn, void *arg, size_t *ndiff, struct hf_err *err)
{
	struct compare k = {.p = p, .fn = fn, .arg = arg};
	struct hf_csv *csv = NULL;
	size_t i;
	int rc;

	hf_buf_init(&k.cell, HF_COMPLY_BYTES);
	k.is_listed = calloc(p->nconduit + 1, sizeof(*k.is_listed));
	k.room = malloc(HF_CSV_FIELD_MAX + 1);
	csv = hf_csv_new(text, n, 0);
	if (k.is_listed == NULL || k.room == NULL || csv == NULL) {
		rc = HF_FAIL(err, HF_ENOMEM, "out of memory");
		goto out;
	}
	rc = read_list(&k, csv, err);
	for (i = 0; rc == HF_OK && i < p->nconduit; i++)
		if (!k.is_listed[i])
			tell(&k, "missing", p->conduits[i].name, "", "",
			    p->conduits[i].name, 0);
	*ndiff = k.ndiff;
out:
	hf_csv_free(csv);
	free(k.room);
	free(k.is_listed);
	hf_buf_fini(&k.cell);
	return rc;
}
