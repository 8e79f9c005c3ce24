/* SPDX-License-Identifier: Apache-2.0
 *
 * httpin.h - reads one HTTP/1.1 answer as its bytes come in.
 *
 * No sockets: client.c feeds it, so do tests and the fuzz harness. Understands
 * Content-Length, chunked, and "until the end". Limits: head 16 KiB, chunk line
 * 256 bytes, trailers 4 KiB. It allocates nothing.
 */
#ifndef HF_CLI_HTTPIN_H
#define HF_CLI_HTTPIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HF_HTTPIN_HEAD 16384

enum hf_httpin_state {
	HF_HI_HEAD,
	HF_HI_LENGTH,
	HF_HI_TO_END,
	HF_HI_CHUNK_SIZE,
	HF_HI_CHUNK_DATA,
	HF_HI_CHUNK_CRLF,
	HF_HI_TRAILER,
	HF_HI_DONE
};

/* Gets the body's bytes in order; anything but HF_OK stops the reading. */
typedef int hf_httpin_sink(void *arg, const void *p, size_t n);

struct hf_httpin {
	enum hf_httpin_state state;
	int status;	/* 0 until the head is complete */
	uint64_t left;	/* bytes of this chunk or body still to come */
	uint64_t total; /* bytes of body seen */
	size_t nhead;	/* bytes in head, also used for chunk lines */
	char head[HF_HTTPIN_HEAD + 1];
	hf_httpin_sink *sink;
	void *arg;
};

void hf_httpin_init(struct hf_httpin *h, hf_httpin_sink *sink, void *arg);
/* HF_EPROTO if this is no HTTP answer, or the sink's code. Bytes behind a
 * complete answer are an error. */
int hf_httpin_feed(
    struct hf_httpin *h, const void *p, size_t n, struct hf_err *err);
/* The other side closed: HF_OK if the answer is complete, else HF_ECLOSED. */
int hf_httpin_end(struct hf_httpin *h, struct hf_err *err);

#endif
