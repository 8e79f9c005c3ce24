/* SPDX-License-Identifier: Apache-2.0
 *
 * mbap.c - Modbus TCP frames on bytes; knows no sockets, tags or time.
 *
 * Used by client.c (requests out, answers in) and by the simulator (the other
 * way round). Source: Modbus Application Protocol 1.1b3 and Modbus Messaging on
 * TCP/IP Implementation Guide 1.0b. All numbers are big-endian:
 *
 *    0  u16  transaction id: chosen by the client, echoed by the server
 *    2  u16  protocol id, always 0
 *    4  u16  length: bytes that follow, unit id included; 2..254
 *    6  u8   unit id: station behind a gateway, echoed
 *    7  u8   function; in an exception answer function | 0x80
 *    8  ...  data
 *
 *  read request (functions 1-4):  8 u16 first address, 10 u16 count
 *  answer:     8 u8 byte count n, 9 n bytes: registers big-endian, or bits,
 *              lowest address in bit 0 of the first byte
 *  exception:  8 u8 exception code
 *
 * A stream has no other frame mark than the length field: after one wrong byte
 * nothing that follows can be trusted, so every violation ends the connection.
 */
#include <string.h>

#include "field/modbus/mbap.h"

#define LENGTH_OFF 6 /* the length field counts from here */
#define EXCEPTION_BIT 0x80u

static uint16_t
get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
set_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)(v & 0xff);
}

void
hf_mb_put_read(uint8_t out[HF_MB_REQ_LEN], const struct hf_mb_req *r)
{
	set_u16(out, r->tid);
	set_u16(out + 2, 0);
	set_u16(out + 4, HF_MB_REQ_LEN - LENGTH_OFF);
	out[6] = r->unit;
	out[7] = r->fn;
	set_u16(out + 8, r->first);
	set_u16(out + 10, r->count);
}

size_t
hf_mb_data_len(uint8_t fn, uint16_t count)
{
	if (fn == HF_MB_COILS || fn == HF_MB_DISCRETE)
		return ((size_t)count + 7) / 8;
	return (size_t)count * 2;
}

int
hf_mb_frame(const uint8_t *p, size_t n, struct hf_mb_frame *f, size_t *used,
    struct hf_err *err)
{
	uint16_t len;

	if (n >= 4 && get_u16(p + 2) != 0)
		return HF_FAIL(err, HF_EPROTO,
		    "protocol id %u instead of 0: is this a Modbus TCP port?",
		    get_u16(p + 2));
	if (n < LENGTH_OFF)
		return HF_EAGAIN;
	len = get_u16(p + 4);
	if (len < 2 || len > HF_MB_PDU_MAX + 1)
		return HF_FAIL(err, HF_EPROTO, "length field %u, not 2..%u",
		    len, HF_MB_PDU_MAX + 1);
	if (n < (size_t)LENGTH_OFF + len)
		return HF_EAGAIN;
	f->tid = get_u16(p);
	f->unit = p[6];
	f->pdu = p + HF_MB_HEAD;
	f->npdu = (size_t)len - 1;
	*used = (size_t)LENGTH_OFF + len;
	return HF_OK;
}

int
hf_mb_answer(const struct hf_mb_req *r, const struct hf_mb_frame *f,
    struct hf_mb_answer *a, struct hf_err *err)
{
	size_t want = hf_mb_data_len(r->fn, r->count);

	memset(a, 0, sizeof(*a));
	if (f->unit != r->unit)
		return HF_FAIL(err, HF_EPROTO, "answer of unit %u, asked %u",
		    f->unit, r->unit);
	if (f->pdu[0] == (r->fn | EXCEPTION_BIT)) {
		if (f->npdu != 2 || f->pdu[1] == 0)
			return HF_FAIL(err, HF_EPROTO,
			    "malformed exception of %zu bytes", f->npdu);
		a->exception = f->pdu[1];
		return HF_OK;
	}
	if (f->pdu[0] != r->fn)
		return HF_FAIL(err, HF_EPROTO,
		    "answer to function %u, asked %u", f->pdu[0], r->fn);
	if (f->npdu < 2 || f->pdu[1] != want || f->npdu != want + 2)
		return HF_FAIL(err, HF_EPROTO,
		    "answer of %zu bytes (byte count %u), %zu expected",
		    f->npdu, f->npdu < 2 ? 0u : f->pdu[1], want + 2);
	a->data = f->pdu + 2;
	a->n = want;
	return HF_OK;
}

int
hf_mb_parse_read(
    const struct hf_mb_frame *f, struct hf_mb_req *r, uint8_t *exception)
{
	uint16_t max;

	memset(r, 0, sizeof(*r));
	r->tid = f->tid;
	r->unit = f->unit;
	r->fn = f->pdu[0];
	if (r->fn < HF_MB_COILS || r->fn > HF_MB_INPUT) {
		*exception = HF_MB_EX_FUNCTION;
		return HF_EINVAL;
	}
	*exception = HF_MB_EX_VALUE;
	if (f->npdu != 5)
		return HF_EINVAL;
	r->first = get_u16(f->pdu + 1);
	r->count = get_u16(f->pdu + 3);
	max = r->fn <= HF_MB_DISCRETE ? HF_MB_NBIT : HF_MB_NREG;
	if (r->count == 0 || r->count > max)
		return HF_EINVAL;
	if ((uint32_t)r->first + r->count > HF_MB_SPACE) {
		*exception = HF_MB_EX_ADDRESS;
		return HF_EINVAL;
	}
	*exception = 0;
	return HF_OK;
}

const char *
hf_mb_exception_name(uint8_t code)
{
	static const char *const names[] = {
	    [HF_MB_EX_FUNCTION] = "illegal function",
	    [HF_MB_EX_ADDRESS] = "illegal data address",
	    [HF_MB_EX_VALUE] = "illegal data value",
	    [HF_MB_EX_DEVICE] = "device failure",
	    [HF_MB_EX_ACK] = "acknowledge",
	    [HF_MB_EX_BUSY] = "device busy",
	    [HF_MB_EX_PATH] = "gateway path unavailable",
	    [HF_MB_EX_TARGET] = "gateway target failed to respond",
	};

	return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}
