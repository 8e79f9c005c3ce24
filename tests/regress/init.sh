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

D=$T/both
check client_certificate_is_made init --client press7.gw
check client_certificate_is_for_clients_of_this_ca openssl verify -CAfile "$D/pki/own/ca.crt" \
	-purpose sslclient "$D/pki/clients/press7.gw.crt"
check client_is_called_by_its_name bash -c \
	"openssl x509 -in $D/pki/clients/press7.gw.crt -noout -subject | grep -q 'CN = press7.gw'"
check client_key_is_for_its_owner_only test "$(stat -c %a "$D/pki/clients/press7.gw.key" "$D/pki/clients" | tr '\n' ' ')" = "600 700 "
check fingerprint_and_end_are_printed bash -c "$HF init --data $D --conf $T/conf --client press7.gw | grep -c -e \
	\"\$(openssl x509 -in $D/pki/clients/press7.gw.crt -noout -fingerprint -sha256 | cut -d= -f2)\" -e 'valid until 20' | grep -qx 2"
sums "$D/pki/clients" >"$T/before"
init --client press7.gw >/dev/null
sums "$D/pki/clients" >"$T/after"
check second_time_changes_nothing cmp "$T/before" "$T/after"
for name in ../x a/b "" "a b" .x "$(printf 'a%.0s' {1..65})"; do
	init --client "$name" >/dev/null 2>&1
	[ $? = 2 ] || fail "client_name_${name}_is_refused"
done
check client_names_that_are_no_file_names_are_refused test ! -e "$D/pki/x.crt" -a ! -e "$D/x.crt"

# certificates that end soon are renewed for the same key
soon() {	# a certificate for key $1 at $2, $3 days
	openssl req -new -key "$1" -subj /CN=soon | openssl x509 -req -CA "$D/pki/own/ca.crt" \
		-CAkey "$D/keys/ca/ca.key" -days "$3" -out "$2"
}
soon "$D/keys/web/tls.key" "$D/pki/own/web.crt" 29 2>/dev/null
soon "$D/keys/broker/press.key" "$D/pki/own/broker-press.crt" 40 2>/dev/null
cp "$D/pki/own/broker-press.crt" "$T/press.crt"
check init_runs_with_certificates_that_end init
check certificate_that_ends_within_a_month_is_renewed openssl x509 -in "$D/pki/own/web.crt" -noout -checkend $((728 * 86400))
check renewed_one_fits_the_same_key bash -c \
	"cmp <(openssl pkey -in $D/keys/web/tls.key -pubout) <(openssl x509 -in $D/pki/own/web.crt -noout -pubkey)"
check certificate_that_holds_longer_stays cmp "$T/press.crt" "$D/pki/own/broker-press.crt"

# so is the CA's, and what it signed stays valid, for clients with the old one too
ca() {	# the CA's certificate anew, for $1 days
	openssl req -x509 -key "$D/keys/ca/ca.key" -subj "/O=other/CN=The CA" -days "$1" -out "$D/pki/own/ca.crt" \
		-addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
}
ca 100
cp "$D/pki/own/ca.crt" "$T/ca.crt"
init >/dev/null
check ca_that_holds_longer_stays cmp "$T/ca.crt" "$D/pki/own/ca.crt"
ca 89
cp "$D/pki/own/ca.crt" "$T/ca.crt"
soon "$D/keys/broker/press.key" "$D/pki/own/broker-press.crt" 29 2>/dev/null
rm "$D/pki/own/broker-oven.crt" "$D/pki/own/web.crt"
init >/dev/null
check ca_that_ends_within_90_days_is_renewed openssl x509 -in "$D/pki/own/ca.crt" -noout -checkend $((3650 * 86400))
check renewed_ca_fits_its_key_and_name bash -c \
	"cmp <(openssl x509 -in $T/ca.crt -noout -pubkey -subject) <(openssl x509 -in $D/pki/own/ca.crt -noout -pubkey -subject)"
check certificates_hold_below_the_renewed_ca is_sound "$D"
check certificates_hold_for_who_has_the_old_ca openssl verify -CAfile "$T/ca.crt" "$D/pki/own/broker-press.crt"
if [ "$(id -u)" = 0 ]; then
	chown 0:0 "$D/keys/broker/press.key"
	init >/dev/null
	check key_of_an_earlier_version_goes_to_its_user test "$(stat -c %u "$D/keys/broker/press.key")" = "$(stat -c %u "$D/keys/broker/oven.key")" -a "$(stat -c %u "$D/keys/broker/press.key")" != 0
else
	skip key_of_an_earlier_version_goes_to_its_user "not root"
fi

init --bogus >/dev/null 2>&1
check unknown_option_is_a_usage_error test $? = 2
check help_says_what_it_does bash -c "$HF init --help | grep -q 'data folder'"
finish
