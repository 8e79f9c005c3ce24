#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# holdfast(8) is what a user reads first: it names every verb, and no other; it is
# clean mdoc; and the exit codes are those of cli.h.
. "$(dirname "$0")/../lib.sh"

sed -n 's/^V(\([a-z]*\),.*/\1/p' src/cli/verbs.def | sort >"$T/verbs"
# Top-level items of section VERBS; nested lists hold sub-verbs.
awk '/^\.Sh /{on = ($2 == "VERBS"); depth = 0}
	on && /^\.Bl /{depth++} on && /^\.El/{depth--}
	on && depth == 1 && /^\.It Cm /{print $3}' man/holdfast.8 |
	sort >"$T/man"
check "man_page_names_every_verb_and_no_other" diff "$T/verbs" "$T/man"
check "verb_list_is_not_empty" test -s "$T/verbs"

sed -n 's/.*HF_EXIT_[A-Z]* = \([0-9]\).*/\1/p' src/cli/cli.h >"$T/codes"
awk '/^\.Sh EXIT STATUS/{on = 1; next} /^\.Sh /{on = 0}
	on && /^\.It [0-9]/{print $2}' man/holdfast.8 >"$T/mancodes"
check "man_page_has_the_exit_codes" diff "$T/codes" "$T/mancodes"

if command -v mandoc >/dev/null; then
	# The other pages may not be installed here: not a fault of this one.
	mandoc -Tlint man/holdfast.8 | grep -v 'referenced manual not found' \
		>"$T/lint"
	sed 's/^/# /' "$T/lint"
	check "man_page_is_clean_mdoc" test ! -s "$T/lint"
else
	skip "man_page_is_clean_mdoc" "no mandoc"
fi
finish
