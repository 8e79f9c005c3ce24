/* SPDX-License-Identifier: Apache-2.0
 *
 * tags_list.h - `holdfast tags list`, the part of the verb that asks the API.
 */
#ifndef HF_CLI_TAGS_LIST_H
#define HF_CLI_TAGS_LIST_H

/* argv[0] is "list"; enum hf_exit. */
int hf_verb_tags_list(int argc, char **argv);

#endif
