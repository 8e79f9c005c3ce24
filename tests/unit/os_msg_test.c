/* SPDX-License-Identifier: Apache-2.0
 *
 * os_msg_test.c - what passes a wire, and every way in which a message may not.
 *
 * Bad messages are built by hand and written to the raw socket, as a role that
 * was taken over would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/msg.h"

static uint8_t buf[HF_MSG_MAX];

struct wires {
	struct hf_wire a, b; /* the two ends */
};

static struct wires
pair(enum hf_role a, enum hf_role b, uint8_t zone)
{
	struct wires w = {.a = {.self = a, .peer = b, .zone = zone},
	    .b = {.self = b, .peer = a, .zone = zone}};
	int fd[2];

	w.a.incarnation = 7;
	assert_int_equal(hf_wire_pair(fd, NULL), HF_OK);
	w.a.fd = fd[0];
	w.b.fd = fd[1];
	return w;
}

static void
unpair(struct wires *w)
{
	close(w->a.fd);
	close(w->b.fd);
}

static void
put(uint8_t *p, uint64_t v, int n)
{
	int i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* A header that is right for core -> audit, to be spoiled by the tests. */
static void
head(uint8_t *p, size_t len, unsigned type, unsigned role, unsigned zone)
{
	memset(p, 0, len);
	put(p, len, 4);
	put(p + 4, type, 2);
	p[6] = (uint8_t)role;
	p[7] = (uint8_t)zone;
	put(p + 12, 1, 4);
}

static void
send_raw(int fd, const void *p, size_t n, const int *fds, size_t nfd)
{
	_Alignas(struct cmsghdr) char c[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cm;

	if (nfd > 0) {
		memset(c, 0, sizeof(c));
		mh.msg_control = c;
		mh.msg_controllen = CMSG_SPACE(nfd * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfd * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nfd * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &mh, 0), (ssize_t)n);
}

static size_t
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
expect_violation(const struct hf_wire *w, enum hf_violation want)
{
	enum hf_violation v = HF_VIOL_NONE;
	struct hf_err err = {0};
	struct hf_msg m;

	assert_int_equal(hf_wire_recv(w, buf, &m, &v, &err), HF_EPROTO);
	assert_int_equal(v, want);
	assert_int_equal(m.memfd, -1);
	assert_true(err.msg[0] != '\0');
	/* and it is gone: the wire goes on */
	assert_int_equal(hf_wire_recv(w, buf, &m, &v, &err), HF_EAGAIN);
}

static void
message_arrives_with_its_request_id_and_incarnation(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	enum hf_violation v;
	struct hf_msg m;

	assert_int_equal(hf_wire_send(&w.a, HF_MSG_RECORD, 42, "0123456789", 10,
			     "abcdef", 6, -1, NULL),
	    HF_OK);
	assert_int_equal(hf_wire_recv(&w.b, buf, &m, &v, NULL), HF_OK);
	assert_int_equal(m.type, HF_MSG_RECORD);
	assert_int_equal(m.req, 42);
	assert_int_equal(m.incarnation, 7);
	assert_int_equal(m.n, 16);
	assert_memory_equal(m.p, "0123456789abcdef", 16);
	assert_int_equal(m.memfd, -1);
	assert_int_equal(hf_wire_recv(&w.b, buf, &m, &v, NULL), HF_EAGAIN);
	unpair(&w);
}

static void
header_bytes_are_as_written_down(void **state)
{
	static const uint8_t want[] = {48, 0, 0, 0, HF_MSG_RECORD, 0,
	    HF_ROLE_EDGE, 3, 0, 0, 0, 0, 7, 0, 0, 0, 0x88, 0x77, 0x66, 0x55,
	    0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0, 0, 0, 0};
	struct wires w = pair(HF_ROLE_EDGE, HF_ROLE_AUDIT, 3);

	assert_int_equal(
	    hf_wire_send(&w.a, HF_MSG_RECORD, UINT64_C(0x1122334455667788),
		"0123456789abcdef", 16, NULL, 0, -1, NULL),
	    HF_OK);
	assert_int_equal(recv(w.b.fd, buf, sizeof(buf), 0), 48);
	assert_memory_equal(buf, want, sizeof(want));
	unpair(&w);
}

static void
full_queue_says_again_and_loses_nothing(void **state)
{
	struct wires w = pair(HF_ROLE_EDGE, HF_ROLE_CORE, 1);
	static uint8_t batch[60000];
	enum hf_violation v;
	size_t sent = 0, got = 0;
	struct hf_msg m;
	int rc;

	while ((rc = hf_wire_send(&w.a, HF_MSG_BATCH, sent, batch,
		    sizeof(batch), NULL, 0, -1, NULL)) == HF_OK)
		sent++;
	assert_int_equal(rc, HF_EAGAIN);
	assert_true(sent > 0);
	while (hf_wire_recv(&w.b, buf, &m, &v, NULL) == HF_OK)
		assert_int_equal(m.req, got++);
	assert_int_equal(got, sent);
	unpair(&w);
}

static void
payload_outside_the_table_is_not_sent(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);

	assert_int_equal(
	    hf_wire_send(&w.a, HF_MSG_RECORD, 1, "x", 1, NULL, 0, -1, NULL),
	    HF_ELIMIT);
	unpair(&w);
}

static void
closed_peer_and_empty_packet_are_told_apart(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	enum hf_violation v;
	struct hf_msg m;

	assert_int_equal(send(w.a.fd, "", 0, 0), 0);
	expect_violation(&w.b, HF_VIOL_SHORT);
	close(w.a.fd);
	assert_int_equal(hf_wire_recv(&w.b, buf, &m, &v, NULL), HF_ECLOSED);
	assert_int_equal(hf_wire_send(&w.b, HF_MSG_RECORD_ACK, 0,
			     "0123456789abcdef", 16, NULL, 0, -1, NULL),
	    HF_ECLOSED);
	close(w.b.fd);
}

static void
short_packet_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	uint8_t p[HF_MSG_HEAD];

	head(p, sizeof(p), HF_MSG_RECORD, HF_ROLE_CORE, 0);
	send_raw(w.a.fd, p, HF_MSG_HEAD - 1, NULL, 0);
	expect_violation(&w.b, HF_VIOL_SHORT);
	unpair(&w);
}

static void
wrong_length_field_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	uint8_t p[64];

	head(p, sizeof(p), HF_MSG_RECORD, HF_ROLE_CORE, 0);
	put(p, sizeof(p) + 1, 4);
	send_raw(w.a.fd, p, sizeof(p), NULL, 0);
	expect_violation(&w.b, HF_VIOL_LENGTH);
	unpair(&w);
}

static void
payload_shorter_or_longer_than_the_table_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	static uint8_t p[HF_MSG_MAX + 100];
	size_t max = HF_MSG_HEAD + hf_msg_rows[HF_MSG_RECORD].max;

	head(p, HF_MSG_HEAD + 15, HF_MSG_RECORD, HF_ROLE_CORE, 0);
	send_raw(w.a.fd, p, HF_MSG_HEAD + 15, NULL, 0);
	expect_violation(&w.b, HF_VIOL_LENGTH);
	head(p, max + 1, HF_MSG_RECORD, HF_ROLE_CORE, 0);
	send_raw(w.a.fd, p, max + 1, NULL, 0);
	expect_violation(&w.b, HF_VIOL_LENGTH);
	head(p, sizeof(p), HF_MSG_RECORD, HF_ROLE_CORE, 0);
	send_raw(w.a.fd, p, sizeof(p), NULL, 0);
	expect_violation(&w.b, HF_VIOL_LENGTH);
	unpair(&w);
}

static void
unknown_type_is_a_violation(void **state)
{
	static const unsigned types[] = {0, HF_NMSG, 255, 65535};
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	uint8_t p[64];
	size_t i;

	for (i = 0; i < 4; i++) {
		head(p, sizeof(p), types[i], HF_ROLE_CORE, 0);
		send_raw(w.a.fd, p, sizeof(p), NULL, 0);
		expect_violation(&w.b, HF_VIOL_TYPE);
	}
	unpair(&w);
}

static void
sender_that_names_another_role_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	uint8_t p[64];

	head(p, sizeof(p), HF_MSG_RECORD, HF_ROLE_PARENT, 0);
	send_raw(w.a.fd, p, sizeof(p), NULL, 0);
	expect_violation(&w.b, HF_VIOL_SENDER);
	unpair(&w);
}

static void
type_that_this_sender_may_not_send_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_WEB, HF_ROLE_CORE, 0);
	uint8_t p[64];

	head(p, 64, HF_MSG_BATCH, HF_ROLE_WEB, 0);
	send_raw(w.a.fd, p, 64, NULL, 0);
	expect_violation(&w.b, HF_VIOL_SENDER);
	unpair(&w);
}

static void
type_that_this_receiver_does_not_take_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_WEB, HF_ROLE_CORE, 0);
	uint8_t p[64];

	head(p, 64, HF_MSG_AUDIT_QUERY, HF_ROLE_WEB, 0);
	send_raw(w.a.fd, p, 64, NULL, 0);
	expect_violation(&w.b, HF_VIOL_SENDER);
	unpair(&w);
}

static void
zone_of_another_edge_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_EDGE, HF_ROLE_CORE, 2);
	uint8_t p[64];

	head(p, 64, HF_MSG_BATCH, HF_ROLE_EDGE, 1);
	send_raw(w.a.fd, p, 64, NULL, 0);
	expect_violation(&w.b, HF_VIOL_ZONE);
	unpair(&w);
}

static void
reserved_bits_are_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	uint8_t p[64];

	head(p, 64, HF_MSG_RECORD, HF_ROLE_CORE, 0);
	p[8] = 1;
	send_raw(w.a.fd, p, 64, NULL, 0);
	expect_violation(&w.b, HF_VIOL_CONTENT);
	head(p, 64, HF_MSG_RECORD, HF_ROLE_CORE, 0);
	p[31] = 1;
	send_raw(w.a.fd, p, 64, NULL, 0);
	expect_violation(&w.b, HF_VIOL_CONTENT);
	unpair(&w);
}

static void
passed_inet_socket_never_becomes_a_descriptor(void **state)
{
	struct wires w = pair(HF_ROLE_CORE, HF_ROLE_AUDIT, 0);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t p[64];
	size_t before;

	assert_true(s >= 0);
	head(p, 64, HF_MSG_RECORD, HF_ROLE_CORE, 0);
	before = count_fds();
	send_raw(w.a.fd, p, 64, &s, 1);
	expect_violation(&w.b, HF_VIOL_FD);
	assert_int_equal(count_fds(), before);
	close(s);
	unpair(&w);
}

/* CONFIG: u64 size, u64 generation, hash */
static void
config_head(uint8_t p[80], uint64_t size)
{
	head(p, 80, HF_MSG_CONFIG, HF_ROLE_PARENT, 0);
	put(p + 32, size, 8);
}

static void
sealed_memfd_arrives_and_maps(void **state)
{
	struct wires w = pair(HF_ROLE_PARENT, HF_ROLE_CORE, 0);
	uint8_t payload[48] = {5};
	enum hf_violation v;
	struct hf_msg m;
	const void *map;
	int fd;

	fd = hf_memfd_sealed("t", "plant", 5, NULL);
	assert_true(fd >= 0);
	assert_int_equal(hf_wire_send(&w.a, HF_MSG_CONFIG, 1, payload, 48, NULL,
			     0, fd, NULL),
	    HF_OK);
	close(fd);
	assert_int_equal(hf_wire_recv(&w.b, buf, &m, &v, NULL), HF_OK);
	assert_true(m.memfd >= 0);
	assert_int_equal(m.memfd_size, 5);
	assert_true((fcntl(m.memfd, F_GETFD) & FD_CLOEXEC) != 0);
	map = hf_memfd_map(m.memfd, 5, NULL);
	assert_non_null(map);
	assert_memory_equal(map, "plant", 5);
	assert_int_equal(write(m.memfd, "x", 1), -1);
	munmap((void *)(uintptr_t)map, 5);
	close(m.memfd);
	unpair(&w);
}

static void
refuses_fd(int fd, uint64_t size, const int *fds, size_t nfd)
{
	struct wires w = pair(HF_ROLE_PARENT, HF_ROLE_CORE, 0);
	size_t before = count_fds();
	uint8_t p[80];

	config_head(p, size);
	send_raw(w.a.fd, p, sizeof(p), nfd > 0 ? fds : &fd, nfd > 0 ? nfd : 1);
	expect_violation(&w.b, HF_VIOL_FD);
	assert_int_equal(count_fds(), before);
	unpair(&w);
}

static void
memfd_type_without_a_descriptor_is_a_violation(void **state)
{
	struct wires w = pair(HF_ROLE_PARENT, HF_ROLE_CORE, 0);
	uint8_t p[80];

	config_head(p, 5);
	send_raw(w.a.fd, p, sizeof(p), NULL, 0);
	expect_violation(&w.b, HF_VIOL_FD);
	unpair(&w);
}

static void
unsealed_memfd_is_a_violation(void **state)
{
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, "plant", 5), 5);
	refuses_fd(fd, 5, NULL, 0);
	/* two of three seals are not enough */
	assert_int_equal(
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	refuses_fd(fd, 5, NULL, 0);
	close(fd);
}

static void
memfd_of_another_size_is_a_violation(void **state)
{
	int fd = hf_memfd_sealed("t", "plant", 5, NULL);

	refuses_fd(fd, 4, NULL, 0);
	refuses_fd(fd, 6, NULL, 0);
	refuses_fd(fd, UINT64_MAX, NULL, 0);
	close(fd);
}

static void
other_descriptors_in_place_of_a_memfd_are_violations(void **state)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), p[2];
	int f = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	refuses_fd(s, 5, NULL, 0);
	refuses_fd(p[0], 5, NULL, 0);
	refuses_fd(f, 5, NULL, 0);
	close(s);
	close(f);
	close(p[0]);
	close(p[1]);
}

static void
two_descriptors_are_a_violation(void **state)
{
	int fd = hf_memfd_sealed("t", "plant", 5, NULL), two[2] = {fd, fd};

	refuses_fd(-1, 5, two, 2);
	close(fd);
}

static void
violation_report_names_the_sender_of_the_wire(void **state)
{
	struct wires p = pair(HF_ROLE_CORE, HF_ROLE_PARENT, 0);
	struct hf_wire bad = {
	    .self = HF_ROLE_CORE, .peer = HF_ROLE_EDGE, .zone = 2};
	enum hf_violation v;
	struct hf_msg m;

	hf_wire_report(&p.a, &bad, HF_MSG_BATCH, HF_VIOL_ZONE, "wrong zone");
	assert_int_equal(hf_wire_recv(&p.b, buf, &m, &v, NULL), HF_OK);
	assert_int_equal(m.type, HF_MSG_VIOLATION);
	assert_int_equal(m.p[0], HF_ROLE_EDGE);
	assert_int_equal(m.p[1], 2);
	assert_int_equal(m.p[2], HF_MSG_BATCH);
	assert_int_equal(m.p[4], HF_VIOL_ZONE);
	assert_memory_equal(m.p + 8, "wrong zone", 10);
	unpair(&p);
}

/* Every row: names itself, has at least one way, and its bounds fit a packet;
 * a memfd's size stands first. At most 56 types. */
static void
table_of_messages_is_sound(void **state)
{
	int t;

	assert_true(HF_NMSG - 1 <= HF_MSG_NTYPE_MAX);
	for (t = 1; t < HF_NMSG; t++) {
		const struct hf_msg_row *r = &hf_msg_rows[t];

		assert_non_null(r->name);
		assert_true(strlen(r->help) > 0);
		assert_true(r->from != 0 && r->to != 0);
		assert_int_equal(r->from & HF_ROLE_BIT(HF_ROLE_NONE), 0);
		assert_true(r->min <= r->max);
		assert_true(r->max <= HF_MSG_MAX - HF_MSG_HEAD);
		assert_true(r->fd != HF_FD_MEMFD || r->min >= 8);
	}
}

static void
role_names_read_back(void **state)
{
	int r;

	for (r = HF_ROLE_PARENT; r < HF_NROLE; r++)
		assert_int_equal(
		    hf_role_parse(hf_role_name((enum hf_role)r)), r);
	assert_int_equal(hf_role_parse("none"), HF_ROLE_NONE);
	assert_int_equal(hf_role_parse(""), HF_ROLE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		message_arrives_with_its_request_id_and_incarnation),
	    cmocka_unit_test(header_bytes_are_as_written_down),
	    cmocka_unit_test(full_queue_says_again_and_loses_nothing),
	    cmocka_unit_test(payload_outside_the_table_is_not_sent),
	    cmocka_unit_test(closed_peer_and_empty_packet_are_told_apart),
	    cmocka_unit_test(short_packet_is_a_violation),
	    cmocka_unit_test(wrong_length_field_is_a_violation),
	    cmocka_unit_test(
		payload_shorter_or_longer_than_the_table_is_a_violation),
	    cmocka_unit_test(unknown_type_is_a_violation),
	    cmocka_unit_test(sender_that_names_another_role_is_a_violation),
	    cmocka_unit_test(type_that_this_sender_may_not_send_is_a_violation),
	    cmocka_unit_test(
		type_that_this_receiver_does_not_take_is_a_violation),
	    cmocka_unit_test(zone_of_another_edge_is_a_violation),
	    cmocka_unit_test(reserved_bits_are_a_violation),
	    cmocka_unit_test(passed_inet_socket_never_becomes_a_descriptor),
	    cmocka_unit_test(sealed_memfd_arrives_and_maps),
	    cmocka_unit_test(memfd_type_without_a_descriptor_is_a_violation),
	    cmocka_unit_test(unsealed_memfd_is_a_violation),
	    cmocka_unit_test(memfd_of_another_size_is_a_violation),
	    cmocka_unit_test(
		other_descriptors_in_place_of_a_memfd_are_violations),
	    cmocka_unit_test(two_descriptors_are_a_violation),
	    cmocka_unit_test(violation_report_names_the_sender_of_the_wire),
	    cmocka_unit_test(table_of_messages_is_sound),
	    cmocka_unit_test(role_names_read_back),
	};

	return cmocka_run_group_tests_name("os_msg", tests, NULL, NULL);
}
