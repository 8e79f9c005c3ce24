/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_msg.c - whatever a hostile role writes to its wire, and then into the
 * payloads that src/proc decodes itself.
 *
 * Input: byte 0 picks the wire (of those that exist), byte 1 a descriptor to
 * attach (none, INET socket, good memfd, unsealed memfd), the rest is one packet.
 * Properties: no crash; a message that is let through fits its row; nothing
 * else leaves a descriptor behind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model/counters.h"
#include "model/query.h"
#include "model/record.h"
#include "os/msg.h"
#include "proc/wires.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct {
	enum hf_role from, to;
	uint8_t zone;
} wires[] = {{HF_ROLE_PARENT, HF_ROLE_AUDIT, 0},
    {HF_ROLE_PARENT, HF_ROLE_CORE, 0}, {HF_ROLE_PARENT, HF_ROLE_WEB, 0},
    {HF_ROLE_CORE, HF_ROLE_PARENT, 0}, {HF_ROLE_EDGE, HF_ROLE_PARENT, 1},
    {HF_ROLE_EDGE, HF_ROLE_CORE, 1}, {HF_ROLE_CORE, HF_ROLE_EDGE, 1},
    {HF_ROLE_CORE, HF_ROLE_WEB, 0}, {HF_ROLE_WEB, HF_ROLE_CORE, 0},
    {HF_ROLE_WEB, HF_ROLE_PARENT, 0}, {HF_ROLE_EDGE, HF_ROLE_AUDIT, 1},
    {HF_ROLE_AUDIT, HF_ROLE_WEB, 0}};
#define NWIRE (sizeof(wires) / sizeof(wires[0]))

static int
pick_fd(uint8_t which)
{
	switch (which % 4) {
	case 1:
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	case 2:
		return hf_memfd_sealed("f", "0123456789abcdef", 16, NULL);
	case 3:
		return memfd_create("f", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	default:
		return -1;
	}
}

static void
send_packet(int to, const uint8_t *p, size_t n, int fd)
{
	_Alignas(struct cmsghdr) char c[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;

	if (fd >= 0) {
		mh.msg_control = c;
		mh.msg_controllen = sizeof(c);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	}
	(void)sendmsg(to, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What src/proc decodes. */
static void
decode(const struct hf_msg *m)
{
	struct hf_role_state rs;
	struct hf_dev_state ds;
	struct hf_counters c;
	struct hf_record r;
	struct hf_query q;

	(void)hf_role_state_decode(m->p, m->n, &rs, NULL);
	(void)hf_dev_state_decode(m->p, m->n, &ds, NULL);
	(void)hf_counters_decode(m->p, m->n, &c, NULL);
	(void)hf_record_decode(m->p, m->n, &r, NULL);
	(void)hf_query_decode(m->p, m->n, &q, NULL);
}

static void
must_fit(const struct hf_wire *w, const struct hf_msg *m)
{
	const struct hf_msg_row *row = &hf_msg_rows[m->type];

	if (m->type <= HF_MSG_NONE || m->type >= HF_NMSG || m->n < row->min ||
	    m->n > row->max || m->zone != w->zone ||
	    (row->from & HF_ROLE_BIT(w->peer)) == 0 ||
	    (row->to & HF_ROLE_BIT(w->self)) == 0 ||
	    (m->memfd >= 0) != (row->fd == HF_FD_MEMFD))
		abort();
	if (m->memfd >= 0 && hf_memfd_check(m->memfd, m->memfd_size, NULL) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t buf[HF_MSG_MAX];
	enum hf_violation v;
	struct hf_wire w = {0};
	struct hf_msg m;
	int end[2], fd, rc;

	if (n < 2 || hf_wire_pair(end, NULL) != HF_OK)
		return 0;
	w.fd = end[1];
	w.peer = wires[p[0] % NWIRE].from;
	w.self = wires[p[0] % NWIRE].to;
	w.zone = wires[p[0] % NWIRE].zone;
	fd = pick_fd(p[1]);
	send_packet(end[0], p + 2, n - 2, fd);
	rc = hf_wire_recv(&w, buf, &m, &v, NULL);
	if (rc == HF_OK) {
		must_fit(&w, &m);
		decode(&m);
	} else if (m.memfd >= 0) {
		abort();
	}
	if (m.memfd >= 0)
		close(m.memfd);
	if (fd >= 0)
		close(fd);
	close(end[0]);
	close(end[1]);
	return 0;
}
