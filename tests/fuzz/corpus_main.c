/* SPDX-License-Identifier: Apache-2.0
 *
 * corpus_main.c - runs a fuzz harness over every file of its corpus folder, so that
 * the corpus is a test on machines without libFuzzer. Prints TAP, one line a file.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define INPUT_MAX (1u << 20) /* bytes of one corpus file */

static int
run_file(const char *dir, const char *name, int i)
{
	char path[1024];
	uint8_t *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	p = malloc(INPUT_MAX);
	if (f == NULL || p == NULL) {
		printf("not ok %d - %s cannot be read\n", i, path);
		free(p);
		return 1;
	}
	n = fread(p, 1, INPUT_MAX, f);
	fclose(f);
	p = realloc(p, n > 0 ? n : 1); /* exact size, so that overruns show */
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	printf("ok %d - survives %s\n", i, name);
	return 0;
}

int
main(int argc, char **argv)
{
	struct dirent **names;
	int i, n, nrun = 0, nbad = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s corpus-folder\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			nbad += run_file(argv[1], names[i]->d_name, ++nrun);
			fflush(stdout);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (nrun == 0)
		printf("not ok 1 - %s holds no input\n", argv[1]);
	return nrun == 0 || nbad != 0;
}
