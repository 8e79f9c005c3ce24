/* SPDX-License-Identifier: Apache-2.0
 *
 * methods.c - the detection methods of this program, one row each.
 *
 * A new method is a file with its struct hf_method and a row here; options,
 * help texts and the JSON Schema follow from the row. A method's name is part
 * of every snapshot and event, so rows are never renamed.
 */
#include "detect/method.h"

#include <string.h>

#include "detect/methods.h"

const struct hf_method *const hf_methods[] = {
    &hf_method_limit,
    &hf_method_ewma,
    &hf_method_mewma,
    &hf_method_t2,
    &hf_method_pca,
    &hf_method_cusum,
    &hf_method_season,
    &hf_method_residual,
    &hf_method_novelty,
};
const size_t hf_nmethod = sizeof(hf_methods) / sizeof(hf_methods[0]);

const struct hf_method *
hf_method_find(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < hf_nmethod; i++)
		if (strcmp(hf_methods[i]->kind.name, name) == 0)
			return hf_methods[i];
	return NULL;
}
