/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_modbus_server.c - a Modbus TCP server on libmodbus, for interop tests.
 *
 *   peer_modbus_server REGISTERS      prints its port, serves until killed
 *
 * REGISTERS: lines "AREA ADDRESS VALUE" as modbus_table.py prints them. Shares
 * no code with the product. One client at a time.
 */
#include <arpa/inet.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NADDR 1000

static modbus_mapping_t *
load(const char *file)
{
	modbus_mapping_t *m = modbus_mapping_new(NADDR, NADDR, NADDR, NADDR);
	char area[3];
	unsigned at, value;
	FILE *f = fopen(file, "r");

	if (m == NULL || f == NULL)
		exit(2);
	while (fscanf(f, "%2s %u %u", area, &at, &value) == 3) {
		if (at >= NADDR)
			exit(2);
		if (strcmp(area, "co") == 0)
			m->tab_bits[at] = (uint8_t)value;
		else if (strcmp(area, "di") == 0)
			m->tab_input_bits[at] = (uint8_t)value;
		else if (strcmp(area, "ir") == 0)
			m->tab_input_registers[at] = (uint16_t)value;
		else
			m->tab_registers[at] = (uint16_t)value;
	}
	fclose(f);
	return m;
}

/* Bound here, not by libmodbus, so that the port can be any free one. */
static int
listen_local(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, 4) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		exit(2);
	printf("%u\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
	modbus_mapping_t *map;
	modbus_t *ctx;
	int fd, n;

	if (argc != 2)
		return 2;
	map = load(argv[1]);
	ctx = modbus_new_tcp("127.0.0.1", 0);
	fd = listen_local();
	for (;;) {
		if (modbus_tcp_accept(ctx, &fd) < 0)
			return 1;
		while ((n = modbus_receive(ctx, query)) >= 0)
			if (n > 0)
				modbus_reply(ctx, query, n, map);
		modbus_close(ctx);
	}
}
