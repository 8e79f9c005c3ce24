/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.c - the drivers and detection methods of this program, as the model
 * wants them: option tables by name.
 *
 * Gathered before main from the tables of src/field and src/detect, whose rows
 * are addresses that no constant initialiser may follow. Read-only afterwards.
 */
#include <stdlib.h>

#include "detect/method.h"
#include "field/driver.h"
#include "proc/exports.h"
#include "proc/wires.h"

#define NKIND 32 /* of each; more is a bug that start-up shows at once */

static const struct hf_kind *drivers[NKIND];
static const struct hf_kind *methods[NKIND];
struct hf_registry hf_registry;

__attribute__((constructor)) static void
gather(void)
{
	size_t i;

	if (hf_ndriver > NKIND || hf_nmethod > NKIND || hf_nexport > NKIND)
		abort();
	for (i = 0; i < hf_ndriver; i++)
		drivers[i] = hf_drivers[i]->kind;
	for (i = 0; i < hf_nmethod; i++)
		methods[i] = &hf_methods[i]->kind;
	hf_registry = (struct hf_registry){.drivers = drivers,
	    .ndriver = hf_ndriver,
	    .methods = methods,
	    .nmethod = hf_nmethod,
	    .exports = hf_exports,
	    .nexport = hf_nexport};
}
