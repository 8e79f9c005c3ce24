/* SPDX-License-Identifier: Apache-2.0
 *
 * cli_common_test.c - folders by precedence, messages on stderr, exit codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

const struct hf_verb hf_verbs[] = {
    {.name = "get", .synopsis = "PATTERN...", .help = "last values"},
    {.name = NULL},
};

static int fd[2], old_stderr; /* stderr is a pipe while a test runs */

static int
setup(void **state)
{
	old_stderr = dup(2);
	return pipe(fd) == 0 && dup2(fd[1], 2) == 2 ? 0 : -1;
}

static int
teardown(void **state)
{
	dup2(old_stderr, 2);
	close(old_stderr);
	close(fd[0]);
	close(fd[1]);
	return 0;
}

static const char *
said(void)
{
	static char text[1000];
	ssize_t n;

	fflush(stderr);
	n = read(fd[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
folder_is_option_then_environment_then_default(void **state)
{
	unsetenv("HOLDFAST_CONF");
	assert_string_equal(hf_cli_dir(NULL, "HOLDFAST_CONF", "/d"), "/d");
	setenv("HOLDFAST_CONF", "/e", 1);
	assert_string_equal(hf_cli_dir(NULL, "HOLDFAST_CONF", "/d"), "/e");
	assert_string_equal(hf_cli_dir("/o", "HOLDFAST_CONF", "/d"), "/o");
	assert_string_equal(hf_cli_dir("", "HOLDFAST_CONF", "/d"), "/e");
	setenv("HOLDFAST_CONF", "", 1);
	assert_string_equal(hf_cli_dir(NULL, "HOLDFAST_CONF", "/d"), "/d");
	unsetenv("HOLDFAST_CONF");
}

static void
usage_names_the_fault_and_shows_the_synopsis(void **state)
{
	assert_int_equal(
	    hf_cli_usage("get", "unknown option %s", "-x"), HF_EXIT_USAGE);
	assert_string_equal(said(), "holdfast get: unknown option -x\n"
				    "usage: holdfast get PATTERN...\n");
	assert_int_equal(
	    hf_cli_usage("nonsense", "no such verb"), HF_EXIT_USAGE);
	assert_string_equal(said(), "holdfast nonsense: no such verb\n");
}

static void
failure_returns_the_code_it_was_given(void **state)
{
	assert_int_equal(
	    hf_cli_fail("get", HF_EXIT_AWAY, "core is away"), HF_EXIT_AWAY);
	assert_string_equal(said(), "holdfast get: core is away\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(folder_is_option_then_environment_then_default),
	    T(usage_names_the_fault_and_shows_the_synopsis),
	    T(failure_returns_the_code_it_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
