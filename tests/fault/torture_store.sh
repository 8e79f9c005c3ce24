#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# torture_store.sh - the long counts of the store's fault tests: 1,000 kills, 1,000
# power cuts, 10,000 damages. TAP of the three programs, numbered anew.
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build}
export TORTURE=1 CMOCKA_MESSAGE_OUTPUT=TAP
n=0 bad=0
for t in store_kill_test store_powercut_test store_bitflip_test; do
	out=$("$B/tests/fault/$t" 2>/dev/null)
	rc=$?
	seen=0
	while read -r line; do
		case $line in
		ok\ *) n=$((n + 1)) seen=1
			echo "ok $n - ${line##* - }" ;;
		not\ ok\ *) n=$((n + 1)) seen=1 bad=1
			echo "not ok $n - ${line##* - }" ;;
		esac
	done <<<"$out"
	if [ $rc -ne 0 ] || [ $seen -eq 0 ]; then
		bad=1
		n=$((n + 1))
		echo "not ok $n - $t ended with $rc"
	fi
done
exit $bad
