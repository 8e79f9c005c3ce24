#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# audit_verbs.sh - `holdfast audit` on files, as an auditor types it, and the two other
# verifiers with the same words.
. "$(dirname "$0")/../lib.sh"
case $B in /*) HF=$B/holdfast TOOL=$B/tools/hf-audit-verify ;; *) TOOL=$PWD/$B/tools/hf-audit-verify ;; esac
G=$PWD/tests/data/golden/audit-v1
PY=$PWD/tools/audit_verify.py
code() {	# expected exit code, command...
	local want=$1 rc
	shift
	"$@"
	rc=$?
	[ $rc -eq "$want" ] || { echo "exit $rc, expected $want"; return 1; }
}
for v in "$HF audit verify" "$TOOL" "$PY"; do
	n=$(basename "${v%% *}" .py)
	# shellcheck disable=SC2086
	{
		check "${n}_accepts_the_golden_log" code 0 $v --key "$G/first.key" --witness "$G/witness" "$G/log"
		check "${n}_accepts_a_log_after_retention" code 0 $v --key "$G/first.key" "$G/pruned"
		check "${n}_rejects_another_key" code 1 $v --key "$G/other.key" "$G/log"
		check "${n}_accepts_a_live_log" code 0 $v --live "$G/log"
		mkdir -p "$T/empty"
		check_not "${n}_says_that_there_is_no_log" $v "$T/empty"
	}
done
check verify_warns_about_a_key_from_the_log sh -c "$HF audit verify $G/log | grep -q 'cannot vouch for'"
check verify_json_is_one_document sh -c "$HF audit verify --json --key $G/first.key $G/log | /usr/bin/python3 -c '
import json, sys
d = json.load(sys.stdin)
assert d[\"ok\"] and d[\"records\"] == 355 and not d[\"key_from_log\"], d'"
check key_prints_the_verifier_key sh -c "$HF audit key $G/log | cmp - $G/log/key.pub"
check wrong_word_is_a_usage_error code 2 "$HF" audit veryfy
check missing_folder_is_said code 5 "$HF" audit verify "$T/none"
finish
