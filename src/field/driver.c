/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c - the table of field drivers; the drivers are in the folders below.
 *
 * Adding a protocol is adding a row. Used by edge, `holdfast check` and whoever
 * prints the options; knows nothing of any protocol.
 */
#include <string.h>

#include "field/driver.h"
#include "field/files/driver.h"
#include "field/modbus/device.h"
#include "field/mqtt/mqtt.h"
#include "field/mtconnect/driver.h"
#include "field/sparkplug/sparkplug.h"
#include "field/synthetic.h"

const struct hf_driver *const hf_drivers[] = {
    &hf_modbus_driver,
    &hf_modbus_rtu_driver,
    &hf_mqtt_driver,
    &hf_sparkplug_driver,
    &hf_csv_folder_driver,
    &hf_mtconnect_driver,
    &hf_synthetic_driver,
};
const size_t hf_ndriver = sizeof(hf_drivers) / sizeof(hf_drivers[0]);

const struct hf_driver *
hf_driver_find(const char *name)
{
	size_t i;

	for (i = 0; i < hf_ndriver; i++)
		if (strcmp(hf_drivers[i]->kind->name, name) == 0)
			return hf_drivers[i];
	return NULL;
}

void
hf_drivers_check(
    const struct hf_plant *p, hf_plant_report *report, void *arg, double *hz)
{
	const struct hf_driver *d;
	double ignored;
	uint32_t i;

	for (i = 0; i < p->ndevice; i++) {
		if (hz != NULL)
			hz[i] = -1;
		d = hf_driver_find(p->devices[i].driver);
		if (d != NULL && d->check != NULL)
			d->check(
			    p, i, report, arg, hz != NULL ? &hz[i] : &ignored);
	}
}
