/* SPDX-License-Identifier: Apache-2.0
 *
 * msg.h - framed messages between roles over SOCK_SEQPACKET pairs.
 *
 * Header, 32 bytes, little-endian: u32 length of the whole message, u16 type,
 * u8 sender role, u8 zone, u32 flags (0), u32 sender's incarnation, u64 request
 * id, u64 reserved (0). One message is one packet, at most HF_MSG_MAX bytes.
 *
 * The parent makes every pair once and keeps both ends open, so a wire outlives
 * the roles on it: a role that is started again inherits its end, finds what
 * was queued for it, and its peer notices nothing but a new incarnation number.
 * No socket is ever sent.
 *
 * Whoever receives checks again: type known, allowed from that sender to this
 * receiver, length in range, descriptors as the table says. A violation is
 * answered to the parent with VIOLATION, which ends the sender.
 */
#ifndef HF_OS_MSG_H
#define HF_OS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HF_MSG_MAX 65536 /* bytes, header included; one SEQPACKET */
#define HF_MSG_HEAD 32
#define HF_MSG_NTYPE_MAX 56
#define HF_MEMFD_MAX (256u << 20) /* bytes that one memfd may announce */

enum hf_role { /* order = start order within a class; names in hf_role_name */
	HF_ROLE_NONE,
	HF_ROLE_PARENT,
	HF_ROLE_AUDIT,
	HF_ROLE_CORE,
	HF_ROLE_EDGE,
	HF_ROLE_WEB,
	HF_ROLE_BROKER, /* a guest: one wire, to audit, for DENIED alone */
	HF_NROLE
};
#define HF_ROLE_BIT(r) (1u << (r))
const char *hf_role_name(enum hf_role r);     /* "parent" ... */
enum hf_role hf_role_parse(const char *name); /* HF_ROLE_NONE if unknown */

enum hf_msg_type {
	HF_MSG_NONE,
#define M(name, from, to, min, max, fd, help) HF_MSG_##name,
#include "os/msgs.def"
#undef M
	HF_NMSG
};

enum hf_msg_fd { HF_FD_NONE, HF_FD_MEMFD };

struct hf_msg_row {
	const char *name, *help;
	uint32_t from, to; /* HF_ROLE_BIT masks */
	size_t min, max;   /* payload bytes */
	enum hf_msg_fd fd;
};
extern const struct hf_msg_row
    hf_msg_rows[HF_NMSG]; /* [HF_MSG_NONE] is empty */

struct hf_wire { /* one end of a pair, seen by its holder */
	int fd;	 /* non-blocking, close-on-exec */
	enum hf_role self, peer;
	uint8_t zone;	      /* of the edge on it, 0 otherwise */
	uint32_t incarnation; /* of this process, from its parent */
};

struct hf_msg { /* received */
	enum hf_msg_type type;
	uint8_t zone;
	uint32_t incarnation; /* of the sender */
	uint64_t req;
	const uint8_t *p; /* payload, in the caller's buffer */
	size_t n;
	int memfd; /* -1, or a checked sealed memfd the caller must close */
	size_t memfd_size;
};

enum hf_violation {
	HF_VIOL_NONE,
	HF_VIOL_SHORT,
	HF_VIOL_LENGTH,
	HF_VIOL_TYPE,
	HF_VIOL_SENDER,
	HF_VIOL_ZONE,
	HF_VIOL_FD,
	HF_VIOL_CONTENT
};
const char *hf_violation_name(enum hf_violation v);

/* A pair with large buffers; ends[0], ends[1]. */
int hf_wire_pair(int ends[2], struct hf_err *err);
/* Sends head and payload (two parts for convenience; b may be NULL). memfd -1
 * or a sealed memfd. HF_EAGAIN if the peer's queue is full, HF_ECLOSED,
 * HF_ELIMIT; asserts that the table lets us send this type here. */
int hf_wire_send(const struct hf_wire *w, enum hf_msg_type type, uint64_t req,
    const void *a, size_t na, const void *b, size_t nb, int memfd,
    struct hf_err *err);
/* Receives one message into buf (HF_MSG_MAX bytes). HF_OK, HF_EAGAIN (nothing
 * there), HF_ECLOSED, or HF_EPROTO with *viol and a text: then the caller
 * reports it with hf_wire_report and drops the message. */
int hf_wire_recv(const struct hf_wire *w, uint8_t *buf, struct hf_msg *m,
    enum hf_violation *viol, struct hf_err *err);
/* Tells the parent that `w`'s peer broke the table. */
void hf_wire_report(const struct hf_wire *to_parent, const struct hf_wire *w,
    uint16_t type, enum hf_violation v, const char *text);
/* Sealed memfd with these bytes; the caller closes it. -1 on failure. */
int hf_memfd_sealed(
    const char *name, const void *p, size_t n, struct hf_err *err);
/* HF_OK if fd is a regular memory file of `size` bytes sealed against write,
 * shrink and grow. */
int hf_memfd_check(int fd, size_t size, struct hf_err *err);
/* Maps a checked memfd read-only; munmap by the caller. NULL on failure. */
const void *hf_memfd_map(int fd, size_t size, struct hf_err *err);

#endif
