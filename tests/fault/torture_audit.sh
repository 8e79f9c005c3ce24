#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# torture_audit.sh - the fault tests of the audit log at full count: 1,000 kills,
# 1,000 power-cut images, 10,000 flipped bits. `make torture` runs it; the
# programs print their own TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build}
export B TORTURE=1 CMOCKA_MESSAGE_OUTPUT=TAP
rc=0
for t in audit_kill_test audit_powercut_test audit_attacks_test; do
	"$B/tests/fault/$t" || rc=1
done
exit $rc
