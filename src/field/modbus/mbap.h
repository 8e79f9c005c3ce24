/* SPDX-License-Identifier: Apache-2.0
 *
 * mbap.h - Modbus TCP frames: put requests, find answers in bytes, check them.
 *
 * Pure: no sockets, no clock. The client and the simulator share it. The frame
 * is laid out in mbap.c.
 */
#ifndef HF_FIELD_MODBUS_MBAP_H
#define HF_FIELD_MODBUS_MBAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HF_MB_HEAD 7 /* bytes of the MBAP header, unit id included */
#define HF_MB_PDU_MAX \
	253 /* function and data; Modbus application protocol 4.1 */
#define HF_MB_ADU_MAX (HF_MB_HEAD + HF_MB_PDU_MAX)
#define HF_MB_REQ_LEN 12  /* bytes of a read request */
#define HF_MB_NREG 125	  /* registers of one read */
#define HF_MB_NBIT 2000	  /* coils or discrete inputs of one read */
#define HF_MB_SPACE 65536 /* addresses of one area */

enum hf_mb_fn {
	HF_MB_COILS = 1,
	HF_MB_DISCRETE = 2,
	HF_MB_HOLDING = 3,
	HF_MB_INPUT = 4
};

enum hf_mb_exception {
	HF_MB_EX_FUNCTION = 1, /* illegal function */
	HF_MB_EX_ADDRESS = 2,  /* illegal data address */
	HF_MB_EX_VALUE = 3,    /* illegal data value: too many at once */
	HF_MB_EX_DEVICE = 4,   /* server device failure */
	HF_MB_EX_ACK = 5,      /* acknowledge: ask again later */
	HF_MB_EX_BUSY = 6,     /* server device busy */
	HF_MB_EX_PATH = 0x0A,  /* gateway path unavailable */
	HF_MB_EX_TARGET = 0x0B /* gateway target device failed to respond */
};

struct hf_mb_req { /* one read */
	uint16_t tid;
	uint8_t unit, fn; /* fn: enum hf_mb_fn */
	uint16_t first;	  /* address from 0 */
	uint16_t count;	  /* registers or bits */
};

struct hf_mb_frame { /* one frame found in received bytes, borrowed */
	uint16_t tid;
	uint8_t unit;
	const uint8_t *pdu; /* npdu >= 1 bytes: function, data */
	size_t npdu;
};

struct hf_mb_answer {
	uint8_t exception;   /* enum hf_mb_exception; 0 = data */
	const uint8_t *data; /* registers big-endian, or bits; borrowed */
	size_t n;	     /* bytes */
};

/* Writes the request; fn must be 1-4. */
void hf_mb_put_read(uint8_t out[HF_MB_REQ_LEN], const struct hf_mb_req *r);

/* Bytes of data that `count` registers or bits take in an answer. */
size_t hf_mb_data_len(uint8_t fn, uint16_t count);

/*
 * Looks for one frame at the beginning of p. HF_OK: *f and *used (bytes of the
 * frame) are set. HF_EAGAIN: more bytes are needed. HF_EPROTO: these bytes
 * cannot begin a frame (protocol id, length); the stream is lost. Refuses as
 * soon as the bytes that prove it are there.
 */
int hf_mb_frame(const uint8_t *p, size_t n, struct hf_mb_frame *f, size_t *used,
    struct hf_err *err);

/*
 * Does frame f answer request r? Checks unit, function, exception form and byte
 * count; the caller has matched the transaction id. HF_EPROTO with the reason.
 */
int hf_mb_answer(const struct hf_mb_req *r, const struct hf_mb_frame *f,
    struct hf_mb_answer *a, struct hf_err *err);

/*
 * Server side: the read request in f. HF_OK, or HF_EINVAL with the exception
 * that answers it in *exception.
 */
int hf_mb_parse_read(
    const struct hf_mb_frame *f, struct hf_mb_req *r, uint8_t *exception);

/* "illegal data address" and so on; "exception 7" style for unknown codes is
 * the caller's job: NULL then. */
const char *hf_mb_exception_name(uint8_t code);

#endif
