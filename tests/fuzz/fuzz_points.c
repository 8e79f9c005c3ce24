/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_points.c - history answers of core as web takes them: decoded, then
 * rendered as JSON, which must parse, and as CSV.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "web/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

const struct hf_verb hf_verbs[] = {{0}};

static void
render(const uint8_t *p, size_t n, bool is_csv)
{
	struct hf_points pts = {0};
	const struct hf_buf *piece;
	struct hf_render r;
	json_t *doc = NULL;
	struct hf_buf all;

	if (hf_points_decode(p, n, &pts, NULL) != HF_OK)
		return;
	hf_buf_init(&all, 64u << 20);
	hf_render_init(&r, &pts, "a/b", "degC", is_csv);
	while ((piece = hf_render_piece(&r)) != NULL)
		hf_buf_put(&all, piece->p, piece->len);
	if (hf_render_failed(&r))
		abort();
	if (!is_csv && hf_buf_ok(&all) &&
	    hf_json_parse((const char *)all.p, all.len, all.max, &doc, NULL) !=
		HF_OK)
		abort();
	json_decref(doc);
	hf_render_fini(&r);
	hf_buf_fini(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > 1u << 18)
		return 0;
	render(p, n, false);
	render(p, n, true);
	return 0;
}
