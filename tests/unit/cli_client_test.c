/* SPDX-License-Identifier: Apache-2.0
 *
 * cli_client_test.c - the HTTP client of the verbs: framing, errors, exit
 * codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/httpin.h"

const struct hf_verb hf_verbs[] = {{0}};

static int
collect(void *arg, const void *p, size_t n)
{
	hf_buf_put(arg, p, n);
	return HF_OK;
}

/* Feeds text in steps of `step` bytes; the code of the first failure or of
 * the end. */
static int
read_answer(
    const char *text, size_t step, struct hf_httpin *h, struct hf_buf *body)
{
	size_t n = strlen(text), k;
	int rc;

	hf_buf_reset(body);
	hf_httpin_init(h, collect, body);
	for (; n > 0; text += k, n -= k) {
		k = step < n ? step : n;
		rc = hf_httpin_feed(h, text, k, NULL);
		if (rc != HF_OK)
			return rc;
	}
	return hf_httpin_end(h, NULL);
}

static void
answers_read_the_same_in_any_pieces(void **state)
{
	static const char *const same[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	    "HTTP/1.1 200 OK\r\nX: y\r\ncontent-length:5 \r\n\r\nhello",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
	    "HTTP/1.0 200 OK\r\n\r\nhello",
	};
	static struct hf_httpin h;
	struct hf_buf b;
	size_t i, step;

	hf_buf_init(&b, 4096);
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		for (step = 1; step < 40; step++) {
			assert_int_equal(
			    read_answer(same[i], step, &h, &b), HF_OK);
			assert_int_equal(h.status, 200);
			assert_string_equal(hf_buf_cstr(&b), "hello");
		}
	hf_buf_fini(&b);
}

static void
malformed_answers_are_refused(void **state)
{
	static const char *const bad[] = {
	    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
	    "HTTP/2 200\r\n\r\n",
	    "HTTP/1.1 099 x\r\n\r\n",
	    "HTTP/1.1 OK\r\n\r\n............",
	    "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
	    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n"
	    "\r\nhello!",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "ffffffffffffffffff\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nabc\r\n0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
	};
	static struct hf_httpin h;
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 4096);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_answer(bad[i], 7, &h, &b) != HF_EPROTO)
			fail_msg("not refused: %s", bad[i]);
	hf_buf_fini(&b);
}

static void
answer_that_is_cut_off_is_not_taken_for_whole(void **state)
{
	static const char *const cut[] = {"", "HTTP/1.1 200 OK\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"};
	static struct hf_httpin h;
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 4096);
	for (i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
		assert_int_equal(read_answer(cut[i], 3, &h, &b), HF_ECLOSED);
	hf_buf_fini(&b);
}

static void
head_without_end_is_bounded(void **state)
{
	static char big[HF_HTTPIN_HEAD + 100];
	static struct hf_httpin h;
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	memset(big, 'a', sizeof(big) - 1);
	assert_int_equal(read_answer(big, 1000, &h, &b), HF_EPROTO);
	hf_buf_fini(&b);
}

static void
alarm_ids_are_escaped(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	hf_buf_puts(&b, "/x");
	hf_client_param(&b, "none", NULL);
	hf_client_param(&b, "match", "press/**");
	hf_client_param(&b, "id", "hot|a/b c+d%");
	assert_string_equal(hf_buf_cstr(&b), "/x?match=press%2F%2A%2A"
					     "&id=hot%7Ca%2Fb%20c%2Bd%25");
	hf_buf_fini(&b);
}

static void
outcomes_have_stable_exit_codes(void **state)
{
	assert_int_equal(hf_client_exit(HF_OK), 0);
	assert_int_equal(hf_client_exit(HF_ENOTFOUND), 1);
	assert_int_equal(hf_client_exit(HF_EEXIST), 1);
	assert_int_equal(hf_client_exit(HF_EINVAL), 2);
	assert_int_equal(hf_client_exit(HF_ECLOSED), 3);
	assert_int_equal(hf_client_exit(HF_ETIMEDOUT), 3);
	assert_int_equal(hf_client_exit(HF_EDENIED), 4);
	assert_int_equal(hf_client_exit(HF_EIO), 5);
}

struct server {
	char dir[64];
	pid_t pid;
};

/* A process that answers one connection with `answer` once it has read a head;
 * with NULL it accepts and says nothing until the client goes. */
static void
serve(struct server *s, const char *answer)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char buf[4096];
	int fd, c;

	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/hf-cli.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(
	    sun.sun_path, sizeof(sun.sun_path), "%s/api.sock", s->dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 5), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0) {
		c = accept(fd, NULL, NULL);
		while (read(c, buf, sizeof(buf)) > 0)
			if (answer != NULL) {
				(void)!write(c, answer, strlen(answer));
				break;
			}
		_exit(0);
	}
	(void)close(fd);
}

static void
serve_end(struct server *s)
{
	char path[96];

	(void)waitpid(s->pid, NULL, 0);
	(void)snprintf(path, sizeof(path), "%s/api.sock", s->dir);
	(void)unlink(path);
	(void)rmdir(s->dir);
}

static int
call(const char *answer, int64_t wait_ns, struct hf_err *e)
{
	struct server s;
	struct hf_client c = {.run = s.dir, .wait_ns = wait_ns};
	struct hf_buf b;
	int rc;

	serve(&s, answer);
	hf_buf_init(&b, 4096);
	memset(e, 0, sizeof(*e));
	rc = hf_client_get(&c, "/api/v1/status", &b, e);
	hf_buf_fini(&b);
	serve_end(&s);
	return rc;
}

static void
error_bodies_become_code_and_text(void **state)
{
	static const struct {
		const char *status;
		int rc;
	} rows[] = {{"400 x", HF_EINVAL}, {"403 x", HF_EDENIED},
	    {"404 x", HF_ENOTFOUND}, {"409 x", HF_EEXIST}, {"413 x", HF_ELIMIT},
	    {"503 x", HF_ECLOSED}, {"504 x", HF_ETIMEDOUT}, {"500 x", HF_EIO}};
	char answer[256];
	struct hf_err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(answer, sizeof(answer),
		    "HTTP/1.1 %s\r\n"
		    "Connection: close\r\n\r\n{\"error\":{\"code\":\"E\","
		    "\"text\":\"because\"}}",
		    rows[i].status);
		assert_int_equal(call(answer, 0, &e), rows[i].rc);
		assert_string_equal(e.msg, "because");
	}
	assert_int_equal(call("HTTP/1.1 400 Bad\r\nContent-Length: 6\r\n\r\n"
			      "<html>",
			     0, &e),
	    HF_EINVAL);
	assert_non_null(strstr(e.msg, "400"));
}

static void
server_that_hangs_up_is_away(void **state)
{
	struct hf_err e;

	assert_int_equal(call("", 0, &e), HF_ECLOSED);
}

static void
server_that_says_nothing_times_out(void **state)
{
	struct hf_err e;

	assert_int_equal(call(NULL, 30 * HF_NS_PER_MS, &e), HF_ETIMEDOUT);
}

static void
missing_socket_says_how_to_start(void **state)
{
	struct hf_client c = {.run = "/nonexistent/hf"};
	struct hf_err e = {0};
	struct hf_buf b;

	hf_buf_init(&b, 64);
	assert_int_equal(hf_client_get(&c, "/", &b, &e), HF_ECLOSED);
	assert_non_null(strstr(e.msg, "holdfast run"));
	hf_buf_fini(&b);
}

/* Splits text at blanks, in place, and takes the two options of rows. */
static int
take(struct hf_args *a, char *text, char **argv, const struct hf_arg *rows)
{
	char *save = NULL, *word;
	int argc = 0;

	for (word = strtok_r(text, " ", &save); word != NULL && argc < 8;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	return hf_args_take(a, argc, argv, rows, 2);
}

static void
options_are_found_anywhere_and_typos_get_a_hint(void **state)
{
	const char *from = NULL;
	bool all = false;
	const struct hf_arg rows[] = {
	    {"--from", "T", &from, "h"}, {"--all", NULL, &all, "h"}};
	char good[] = "history a/b --from=2013-12-02 --all --json -- -x";
	char typo[] = "history --form x", bare[] = "history --from";
	char *argv[8];
	struct hf_args a;

	assert_int_equal(take(&a, good, argv, rows), HF_ARGS_GO_ON);
	assert_string_equal(from, "2013-12-02");
	assert_true(all && a.is_json);
	assert_int_equal(a.npos, 2);
	assert_string_equal(a.pos[1], "-x");
	assert_int_equal(take(&a, typo, argv, rows), HF_EXIT_USAGE);
	assert_int_equal(take(&a, bare, argv, rows), HF_EXIT_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_read_the_same_in_any_pieces),
	    cmocka_unit_test(malformed_answers_are_refused),
	    cmocka_unit_test(answer_that_is_cut_off_is_not_taken_for_whole),
	    cmocka_unit_test(head_without_end_is_bounded),
	    cmocka_unit_test(alarm_ids_are_escaped),
	    cmocka_unit_test(outcomes_have_stable_exit_codes),
	    cmocka_unit_test(error_bodies_become_code_and_text),
	    cmocka_unit_test(server_that_hangs_up_is_away),
	    cmocka_unit_test(server_that_says_nothing_times_out),
	    cmocka_unit_test(missing_socket_says_how_to_start),
	    cmocka_unit_test(options_are_found_anywhere_and_typos_get_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
