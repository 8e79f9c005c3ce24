/* SPDX-License-Identifier: Apache-2.0
 *
 * list.h - list of strings, the form in which options hold many names.
 */
#ifndef HF_BASE_LIST_H
#define HF_BASE_LIST_H

#include <stddef.h>

struct hf_strlist {
	char **v; /* n strings, owned by whoever owns the list's arena */
	size_t n;
};

#endif
