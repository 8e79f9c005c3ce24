/* SPDX-License-Identifier: Apache-2.0
 *
 * str.h - small helpers on C strings: names, patterns, "did you mean".
 */
#ifndef HF_BASE_STR_H
#define HF_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

/* Copies with truncation, always terminates; returns true if all fitted. */
bool hf_strcpy(char *dst, size_t cap, const char *src);
/* Levels of a path and names of things: [A-Za-z0-9_-]{1,64}. */
bool hf_name_ok(const char *s);
/* One or more names joined by '/', at most 12 levels and 255 bytes. */
bool hf_path_ok(const char *s);
/* Path pattern: a level may be '*' (any one level) or contain '*' (any run
 * within the level); a last level "**" matches one or more levels. */
bool hf_path_match(const char *pattern, const char *path);
/* Damerau-Levenshtein distance (a swap of neighbours counts 1); max + 1 if it
 * is more than max or a word is longer than 127 bytes. */
size_t hf_edit_distance(const char *a, const char *b, size_t max);
/* The nearest of n words within distance 2 (and a third of its length), or one
 * that differs in case only; NULL if none: for "did you mean". */
const char *hf_nearest(const char *s, const char *const *words, size_t n);
/* printable ASCII copy for messages: others become \xNN; always terminated. */
void hf_printable(char *dst, size_t cap, const void *src, size_t n);

#endif
