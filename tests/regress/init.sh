#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# init.sh - `holdfast init`: folders, keys, CA and certificates; never touches what is
# there; completes what a killed run left.
. "$(dirname "$0")/../lib.sh"

mkdir "$T/conf"
cat >"$T/conf/plant.yaml" <<'YAML'
format: 1
plant: {enterprise: acme, site: berlin, timezone: Europe/Berlin}
zones:
  press: {sl_target: 1, interface: host-veth, networks: [127.0.0.0/8]}
  oven: {sl_target: 1, interface: host-veth, networks: [127.0.0.0/8]}
YAML
D=$T/data
init() { "$HF" init --data "$D" --conf "$T/conf" "$@"; }
sums() { find "$1" -type f ! -name '*.new' -exec sha256sum {} + | sort; }
is_sound() {	# every certificate fits its key and the CA
	local c k
	for c in web broker-press broker-oven; do
		openssl verify -CAfile "$1/pki/own/ca.crt" -purpose sslserver "$1/pki/own/$c.crt" || return 1
		k=$1/keys/broker/${c#broker-}.key
		[ $c = web ] && k=$1/keys/web/tls.key
		cmp <(openssl pkey -in "$k" -pubout) <(openssl x509 -in "$1/pki/own/$c.crt" -noout -pubkey) || return 1
	done
	[ "$(stat -c %s "$1/keys/audit/log.key")" = 32 ]
}

check init_makes_folders_keys_and_certificates init
for d in log hist state detect audit spool pki keys keys/audit; do
	[ -d "$D/$d" ] || fail "init_makes_folder_$d"
done
check keys_are_for_their_owner_only test "$(find "$D/keys" -type f -printf '%m\n' | sort -u)" = 600
check role_folders_are_closed test "$(stat -c %a "$D/log" "$D/hist" "$D/keys/audit" | sort -u)" = 700
if [ "$(id -u)" = 0 ]; then
	check folders_belong_to_their_roles test "$(stat -c %u "$D/log")" != "$(stat -c %u "$D/audit")"
	check audit_key_belongs_to_audit test "$(stat -c %u "$D/keys/audit/log.key")" = "$(stat -c %u "$D/audit")"
else
	skip folders_belong_to_their_roles "not root"
	skip audit_key_belongs_to_audit "not root"
fi
check certificates_are_signed_by_the_plant_ca is_sound "$D"
check ca_is_a_ca_of_ten_years openssl x509 -in "$D/pki/own/ca.crt" -noout -checkend $((3649 * 86400))
check certificate_ends_within_two_years_and_a_day \
	bash -c "openssl x509 -in $D/pki/own/web.crt -noout -checkend $((728 * 86400)) &&
		! openssl x509 -in $D/pki/own/web.crt -noout -checkend $((732 * 86400))"
check web_certificate_names_the_loopback bash -c \
	"openssl x509 -in $D/pki/own/web.crt -noout -ext subjectAltName | grep -q 'IP Address:127.0.0.1'"
check verifier_key_is_a_note_key_with_the_plants_name \
	grep -qE '^holdfast/acme/berlin\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*$' "$D/audit/key.pub"

sums "$D" >"$T/before"
check second_init_succeeds init
sums "$D" >"$T/after"
check second_init_changes_nothing bash -c "test -s $T/before && cmp $T/before $T/after"

rm "$D/pki/own/web.crt" "$D/keys/broker/oven.key" "$D/pki/own/broker-oven.crt"
echo junk >"$D/keys/broker/oven.key.new"
cp "$D/keys/web/tls.key" "$T/web.key"
check init_completes_what_is_missing init
check what_was_completed_fits is_sound "$D"
check key_that_was_there_stays cmp "$T/web.key" "$D/keys/web/tls.key"

printf short >"$D/keys/audit/log.key"
init >"$T/damaged.out" 2>&1
check damaged_audit_key_is_refused_with_the_reason grep -q "log.key holds 5 bytes" "$T/damaged.out"
check damaged_audit_key_is_left_alone test "$(cat "$D/keys/audit/log.key")" = short

# killed at many places, completed by the next run
bad=0
for ms in 1 2 3 4 5 6 7 8 10 12 15 20; do
	D=$T/kill$ms
	"$HF" init --data "$D" --conf "$T/conf" >/dev/null 2>&1 &
	pid=$!
	sleep "0.0$(printf %02d $ms)"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	init >/dev/null 2>&1 && is_sound "$D" >/dev/null 2>&1 || bad=$((bad + 1))
done
check killed_init_is_completed_by_the_next test $bad = 0

D=$T/both
init >/dev/null 2>&1 &
check two_at_once_wait_for_each_other init
wait $!
check and_what_both_made_fits is_sound "$D"

D=$T/noplant
check init_without_a_plant_makes_the_rest "$HF" init --data "$D" --conf "$T/none"
check later_init_with_the_plant_adds_zones init
check and_then_all_fits is_sound "$D"
check init_prints_json bash -c "$HF init --data $T/j --conf $T/conf --json | python3 -c 'import json,sys; a=json.load(sys.stdin); sys.exit(not any(x[\"made\"] for x in a))'"
init --bogus >/dev/null 2>&1
check unknown_option_is_a_usage_error test $? = 2
check help_says_what_it_does bash -c "$HF init --help | grep -q 'data folder'"
finish
