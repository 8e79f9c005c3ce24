/* SPDX-License-Identifier: Apache-2.0
 *
 * sock.h - one non-blocking TCP connection of the Modbus client on the loop.
 */
#ifndef HF_FIELD_MODBUS_SOCK_H
#define HF_FIELD_MODBUS_SOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "field/netaddr.h"
#include "os/loop.h"

#define HF_MB_TX_CAP 256 /* bytes that wait for the socket: 21 requests */

struct hf_mb_sock_ops { /* none is called from within a hf_mb_sock_ function */
	void (*connected)(void *arg, unsigned id);
	void (*lost)(void *arg, unsigned id, const char *why);
	void (*bytes)(void *arg, unsigned id, const uint8_t *p, size_t n);
};

struct hf_mb_sock {
	struct hf_loop *loop; /* borrowed */
	const struct hf_mb_sock_ops *ops;
	void *arg;
	unsigned id;
	int fd; /* -1 = closed */
	struct hf_watch *rd, *wr;
	size_t ntx;
	uint8_t tx[HF_MB_TX_CAP];
};

void hf_mb_sock_init(struct hf_mb_sock *s, struct hf_loop *loop,
    const struct hf_mb_sock_ops *ops, void *arg, unsigned id);
/* Begins; connected() or lost() follows. HF_OK, HF_EIO and the like. */
int hf_mb_sock_open(
    struct hf_mb_sock *s, const struct hf_netaddr *to, struct hf_err *err);
/* Closes now, also from within a callback. Closed already: nothing. */
void hf_mb_sock_close(struct hf_mb_sock *s);
/* HF_ELIMIT if too much waits, HF_ECLOSED or HF_EIO if the socket failed. */
int hf_mb_sock_send(
    struct hf_mb_sock *s, const uint8_t *p, size_t n, struct hf_err *err);

#endif
