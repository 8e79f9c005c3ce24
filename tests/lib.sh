# SPDX-License-Identifier: Apache-2.0
#
# lib.sh - what test scripts share: TAP lines, scratch folder, waiting without fixed sleeps.
#
#   . tests/lib.sh
#   check "behaviour_in_words" command args...	ok if the command succeeds
#   check_not "name" command...			ok if it fails
#   skip "name" "reason"
#   wait_for SECONDS command...			polls until it succeeds; HF_TEST_SLOW times as long
#   start NAME command...				background process, ended at exit
# Scratch folder: $T. The program: $HF. End with: finish
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
B=${B:-build}
HF=$PWD/$B/holdfast
SHARED=$PWD/../shared
T=$(mktemp -d "${TMPDIR:-/tmp}/hf-test.XXXXXX")
chmod 755 "$T"
ntest=0 nfail=0
pids=()
cleanup() {
	local p
	for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
	for p in "${pids[@]:-}"; do [ -n "$p" ] && wait "$p" 2>/dev/null; done
	[ -n "${KEEP:-}" ] || rm -rf "$T"
}
trap cleanup EXIT
pass() { ntest=$((ntest + 1)); echo "ok $ntest - $1"; }
fail() { ntest=$((ntest + 1)); nfail=$((nfail + 1)); echo "not ok $ntest - $1"; }
skip() { ntest=$((ntest + 1)); echo "ok $ntest - $1 # SKIP $2"; }
check() {
	local name=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then pass "$name"; else
		fail "$name"
		sed 's/^/# /' "$T/check.out" | tail -n 30
	fi
}
check_not() {
	local name=$1
	shift
	if "$@" >"$T/check.out" 2>&1; then
		fail "$name"
		sed 's/^/# /' "$T/check.out" | tail -n 30
	else pass "$name"; fi
}
wait_for() {
	local until=$((SECONDS + $1 * ${HF_TEST_SLOW:-1}))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -ge $until ] && return 1
		sleep 0.05
	done
}
start() {
	local name=$1
	shift
	"$@" >"$T/$name.log" 2>&1 </dev/null &
	pids+=($!)
	eval "${name}_pid=$!"
}
finish() { [ $nfail -eq 0 ]; exit; }
