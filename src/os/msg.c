/* SPDX-License-Identifier: Apache-2.0
 *
 * msg.c - framed messages over SEQPACKET pairs, and the check that every one
 * of them passes before a role looks at it.
 *
 * Bytes of the header (32, little-endian; msg.h says what they mean):
 *    0  u32 length of the whole packet     4  u16 type
 *    6  u8  role of the sender             7  u8  zone of the wire
 *    8  u32 flags, 0                      12  u32 incarnation of the sender
 *   16  u64 request id                    24  u64 reserved, 0
 *
 * Descriptors. A wire on which the table knows no type with a memfd is read
 * without a control buffer: whatever descriptor a hostile peer attaches is
 * dropped by the kernel and never gets a number here. On the other wires the
 * header is looked at first (MSG_PEEK, again without a control buffer) and only
 * a type that carries a memfd is then received with room for exactly one.
 *
 * An empty packet and the end of a SEQPACKET peer both read as 0 bytes; poll()
 * tells them apart, so that nobody can feign a peer's death.
 *
 * What a message means is not known here: roles decode payloads themselves and
 * report HF_VIOL_CONTENT. Called by src/proc only.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/msg.h"

#define WIRE_BUFFER (4 << 20) /* bytes queued per direction, if we may ask */
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
#define REPORT_TEXT 300 /* bytes of text in a VIOLATION; the row allows 392 */

enum {
	P = HF_ROLE_BIT(HF_ROLE_PARENT),
	A = HF_ROLE_BIT(HF_ROLE_AUDIT),
	C = HF_ROLE_BIT(HF_ROLE_CORE),
	E = HF_ROLE_BIT(HF_ROLE_EDGE),
	W = HF_ROLE_BIT(HF_ROLE_WEB),
	B = HF_ROLE_BIT(HF_ROLE_BROKER)
};

const struct hf_msg_row hf_msg_rows[HF_NMSG] = {
#define M(id, f, t, lo, hi, kind, text) \
	[HF_MSG_##id] = {.name = #id,   \
	    .help = text,               \
	    .from = (f),                \
	    .to = (t),                  \
	    .min = (lo),                \
	    .max = (hi),                \
	    .fd = HF_FD_##kind},
#include "os/msgs.def"
#undef M
};

_Static_assert(HF_NMSG - 1 <= HF_MSG_NTYPE_MAX, "too many message types");

static const char *const role_names[HF_NROLE] = {
    "none", "parent", "audit", "core", "edge", "web", "broker"};

const char *
hf_role_name(enum hf_role r)
{
	return (unsigned)r < HF_NROLE ? role_names[r] : "unknown";
}

enum hf_role
hf_role_parse(const char *name)
{
	int i;

	for (i = HF_ROLE_PARENT; i < HF_NROLE; i++)
		if (strcmp(name, role_names[i]) == 0)
			return (enum hf_role)i;
	return HF_ROLE_NONE;
}

const char *
hf_violation_name(enum hf_violation v)
{
	static const char *const names[] = {"none", "short", "length", "type",
	    "sender", "zone", "descriptor", "content"};

	return (size_t)v < sizeof(names) / sizeof(names[0]) ? names[v]
							    : "unknown";
}

/* Room for bursts; without CAP_NET_ADMIN the kernel's own limit stays. */
static void
widen(int fd)
{
	int n = WIRE_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &n, sizeof(n)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

int
hf_wire_pair(int ends[2], struct hf_err *err)
{
	int type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;

	if (socketpair(AF_UNIX, type, 0, ends) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "socketpair: %s",
		    strerror(errno));
	widen(ends[0]);
	widen(ends[1]);
	return HF_OK;
}

static void
put_le(uint8_t *p, uint64_t v, int nbyte)
{
	int i;

	for (i = 0; i < nbyte; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t
get_le(const uint8_t *p, int nbyte)
{
	uint64_t v = 0;
	int i;

	for (i = nbyte - 1; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

/* May a message of this type go from `from` to `to`? */
static bool
row_allows(enum hf_msg_type t, enum hf_role from, enum hf_role to)
{
	const struct hf_msg_row *r = &hf_msg_rows[t];

	return (r->from & HF_ROLE_BIT(from)) != 0 &&
	       (r->to & HF_ROLE_BIT(to)) != 0;
}

static int
send_failed(const struct hf_wire *w, struct hf_err *err)
{
	const char *peer = hf_role_name(w->peer);

	switch (errno) {
	case EAGAIN:
	case ENOBUFS:
		return HF_FAIL(err, HF_EAGAIN, "wire to %s is full", peer);
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
		return HF_FAIL(err, HF_ECLOSED, "%s is gone", peer);
	case EMSGSIZE:
		return HF_FAIL(err, HF_ELIMIT,
		    "message too long for the "
		    "socket buffer of the wire to %s",
		    peer);
	default:
		return HF_FAIL(
		    err, HF_EIO, "wire to %s: %s", peer, strerror(errno));
	}
}

/* Attaches one descriptor; cbuf lives as long as mh. */
static void
attach_fd(struct msghdr *mh, void *cbuf, size_t cap, int fd)
{
	struct cmsghdr *cm;

	memset(cbuf, 0, cap);
	mh->msg_control = cbuf;
	mh->msg_controllen = cap;
	cm = CMSG_FIRSTHDR(mh);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
}

int
hf_wire_send(const struct hf_wire *w, enum hf_msg_type type, uint64_t req,
    const void *a, size_t na, const void *b, size_t nb, int memfd,
    struct hf_err *err)
{
	_Alignas(struct cmsghdr) char cbuf[CMSG_SPACE(sizeof(int))];
	uint8_t head[HF_MSG_HEAD] = {0};
	const struct hf_msg_row *row = &hf_msg_rows[type];
	struct iovec iov[3] = {{.iov_base = head, .iov_len = sizeof(head)}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 3};
	ssize_t n;

	assert(type > HF_MSG_NONE && type < HF_NMSG);
	assert(row_allows(type, w->self, w->peer));
	assert((memfd >= 0) == (row->fd == HF_FD_MEMFD));
	if (na > row->max || nb > row->max - na || na + nb < row->min)
		return HF_FAIL(err, HF_ELIMIT,
		    "%s of %zu bytes, allowed are "
		    "%zu to %zu",
		    row->name, na + nb, row->min, row->max);
	put_le(head, HF_MSG_HEAD + na + nb, 4);
	put_le(head + 4, (uint64_t)type, 2);
	head[6] = (uint8_t)w->self;
	head[7] = w->zone;
	put_le(head + 12, w->incarnation, 4);
	put_le(head + 16, req, 8);
	iov[1] =
	    (struct iovec){.iov_base = (void *)(uintptr_t)a, .iov_len = na};
	iov[2] =
	    (struct iovec){.iov_base = (void *)(uintptr_t)b, .iov_len = nb};
	if (memfd >= 0)
		attach_fd(&mh, cbuf, sizeof(cbuf), memfd);
	do
		n = sendmsg(w->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? send_failed(w, err) : HF_OK;
}

/* Does the table know any type with a memfd from w's peer to us? */
static bool
wire_carries_fd(const struct hf_wire *w)
{
	int t;

	for (t = HF_MSG_NONE + 1; t < HF_NMSG; t++)
		if (hf_msg_rows[t].fd == HF_FD_MEMFD &&
		    row_allows((enum hf_msg_type)t, w->peer, w->self))
			return true;
	return false;
}

static ssize_t
recv_retry(int fd, struct msghdr *mh, int flags)
{
	ssize_t n;

	do
		n = recvmsg(fd, mh, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Is the packet that waits of a type that may carry a descriptor here? */
static bool
next_wants_fd(const struct hf_wire *w)
{
	uint8_t head[HF_MSG_HEAD];
	struct iovec iov = {.iov_base = head, .iov_len = sizeof(head)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	uint64_t type;

	if (recv_retry(w->fd, &mh, MSG_PEEK) < HF_MSG_HEAD)
		return false;
	type = get_le(head + 4, 2);
	return type > HF_MSG_NONE && type < HF_NMSG &&
	       hf_msg_rows[type].fd == HF_FD_MEMFD &&
	       row_allows((enum hf_msg_type)type, w->peer, w->self);
}

/* The descriptor that came along, -1 if none. The control buffer has room for
 * one, so the kernel cannot have made more than one. */
static int
take_fd(struct msghdr *mh)
{
	struct cmsghdr *cm;
	int fd = -1;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm))
		if (cm->cmsg_level == SOL_SOCKET &&
		    cm->cmsg_type == SCM_RIGHTS &&
		    cm->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	return fd;
}

static bool
is_hung_up(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1 &&
	       (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

#define REFUSE(v, ...) (*viol = (v), HF_FAIL(err, HF_EPROTO, __VA_ARGS__))

/* Length, type, direction and zone of a packet of n bytes. Fills m. */
static int
check_head(const struct hf_wire *w, const uint8_t *p, size_t n,
    struct hf_msg *m, enum hf_violation *viol, struct hf_err *err)
{
	const struct hf_msg_row *row;
	uint64_t len, type;

	if (n < HF_MSG_HEAD)
		return REFUSE(HF_VIOL_SHORT, "%zu bytes are no message", n);
	len = get_le(p, 4);
	type = get_le(p + 4, 2);
	m->incarnation = (uint32_t)get_le(p + 12, 4);
	m->req = get_le(p + 16, 8);
	if (len != n)
		return REFUSE(HF_VIOL_LENGTH, "packet of %zu bytes says %llu",
		    n, (unsigned long long)len);
	if (type == HF_MSG_NONE || type >= HF_NMSG)
		return REFUSE(HF_VIOL_TYPE, "unknown type %u", (unsigned)type);
	m->type = (enum hf_msg_type)type;
	row = &hf_msg_rows[type];
	if (p[6] != (uint8_t)w->peer || !row_allows(m->type, w->peer, w->self))
		return REFUSE(HF_VIOL_SENDER,
		    "%s says to be from role %u; %s "
		    "may not send it to %s",
		    row->name, p[6], hf_role_name(w->peer),
		    hf_role_name(w->self));
	if (p[7] != w->zone)
		return REFUSE(HF_VIOL_ZONE,
		    "%s of zone %u on the wire of zone "
		    "%u",
		    row->name, p[7], w->zone);
	if (n - HF_MSG_HEAD < row->min || n - HF_MSG_HEAD > row->max)
		return REFUSE(HF_VIOL_LENGTH,
		    "%s of %zu bytes, allowed are "
		    "%zu to %zu",
		    row->name, n - HF_MSG_HEAD, row->min, row->max);
	if (get_le(p + 8, 4) != 0 || get_le(p + 24, 8) != 0)
		return REFUSE(
		    HF_VIOL_CONTENT, "%s with reserved bits set", row->name);
	m->zone = p[7];
	m->p = p + HF_MSG_HEAD;
	m->n = n - HF_MSG_HEAD;
	return HF_OK;
}

/* Exactly the descriptor that the type announces. m->memfd is closed by the
 * caller on failure. */
static int
check_fd(
    struct hf_msg *m, bool was_cut, enum hf_violation *viol, struct hf_err *err)
{
	const struct hf_msg_row *row = &hf_msg_rows[m->type];
	uint64_t size;

	if (was_cut)
		return REFUSE(HF_VIOL_FD,
		    "%s with a descriptor that the table "
		    "does not allow",
		    row->name);
	if (row->fd == HF_FD_NONE)
		return HF_OK;
	if (m->memfd < 0)
		return REFUSE(HF_VIOL_FD, "%s without its memfd", row->name);
	size = get_le(m->p, 8); /* every row with a memfd starts with it */
	if (size > HF_MEMFD_MAX)
		return REFUSE(HF_VIOL_FD, "%s announces %llu bytes, at most %u",
		    row->name, (unsigned long long)size, HF_MEMFD_MAX);
	if (hf_memfd_check(m->memfd, (size_t)size, err) != HF_OK) {
		*viol = HF_VIOL_FD;
		hf_err_prefix(err, "%s", row->name);
		return HF_EPROTO;
	}
	m->memfd_size = (size_t)size;
	return HF_OK;
}

int
hf_wire_recv(const struct hf_wire *w, uint8_t *buf, struct hf_msg *m,
    enum hf_violation *viol, struct hf_err *err)
{
	_Alignas(struct cmsghdr) char cbuf[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = buf, .iov_len = HF_MSG_MAX};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;
	int rc;

	*viol = HF_VIOL_NONE;
	*m = (struct hf_msg){.memfd = -1};
	if (wire_carries_fd(w) && next_wants_fd(w)) {
		mh.msg_control = cbuf;
		/* LEN, not SPACE: the padding would hold a second one. */
		mh.msg_controllen = CMSG_LEN(sizeof(int));
	}
	n = recv_retry(w->fd, &mh, 0);
	if (n < 0 && errno == EAGAIN)
		return HF_EAGAIN;
	if (n < 0 || (n == 0 && is_hung_up(w->fd)))
		return HF_FAIL(
		    err, HF_ECLOSED, "%s is gone", hf_role_name(w->peer));
	m->memfd = take_fd(&mh);
	if ((mh.msg_flags & MSG_TRUNC) != 0)
		rc = REFUSE(
		    HF_VIOL_LENGTH, "packet longer than %d bytes", HF_MSG_MAX);
	else
		rc = check_head(w, buf, (size_t)n, m, viol, err);
	if (rc == HF_OK)
		rc = check_fd(m, (mh.msg_flags & MSG_CTRUNC) != 0, viol, err);
	if (rc != HF_OK && m->memfd >= 0) {
		close(m->memfd);
		m->memfd = -1;
	}
	return rc;
}

void
hf_wire_report(const struct hf_wire *to_parent, const struct hf_wire *w,
    uint16_t type, enum hf_violation v, const char *text)
{
	uint8_t head[8] = {
	    (uint8_t)w->peer, w->peer == HF_ROLE_EDGE ? w->zone : 0};

	put_le(head + 2, type, 2);
	put_le(head + 4, (uint64_t)v, 4);
	/* If the parent's queue is full the message was dropped all the same,
	 * and the next one of this sender is reported again. */
	(void)hf_wire_send(to_parent, HF_MSG_VIOLATION, 0, head, sizeof(head),
	    text, strnlen(text, REPORT_TEXT), -1, NULL);
}

int
hf_memfd_sealed(const char *name, const void *p, size_t n, struct hf_err *err)
{
	size_t done = 0;
	ssize_t k;
	int fd;

	if (n > HF_MEMFD_MAX) {
		HF_FAIL(err, HF_ELIMIT, "memfd %s of %zu bytes", name, n);
		return -1;
	}
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		HF_FAIL(err, hf_rc_from_errno(errno), "memfd %s: %s", name,
		    strerror(errno));
		return -1;
	}
	while (done < n) {
		k = write(fd, (const char *)p + done, n - done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	if (done < n || fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) != 0) {
		HF_FAIL(err, hf_rc_from_errno(errno), "memfd %s, %zu bytes: %s",
		    name, n, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

int
hf_memfd_check(int fd, size_t size, struct hf_err *err)
{
	struct stat st;
	int seals;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return HF_FAIL(err, HF_EPROTO, "descriptor is no memory file");
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return HF_FAIL(err, HF_EPROTO,
		    "memory file is not sealed "
		    "against write, shrink and grow");
	if ((uint64_t)st.st_size != size)
		return HF_FAIL(err, HF_EPROTO,
		    "memory file of %lld bytes, "
		    "announced were %zu",
		    (long long)st.st_size, size);
	return HF_OK;
}

const void *
hf_memfd_map(int fd, size_t size, struct hf_err *err)
{
	void *p;

	if (size == 0) {
		HF_FAIL(err, HF_EINVAL, "empty memory file");
		return NULL;
	}
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		HF_FAIL(err, HF_ENOMEM, "map of %zu bytes: %s", size,
		    strerror(errno));
		return NULL;
	}
	return p;
}
