#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# zones.sh - the documents of `holdfast zones` against golden files, the
# comparison with an approved list, and the firewall in a kernel. UPDATE=1 writes
# the golden files anew.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
G=tests/regress/zones

documents() {	# plant: all files as they were, and an index that fits them
	local plant=$1
	"$HF" zones --conf "etc/$plant" --out "$T/$plant" || return 1
	(cd "$T/$plant" && sha256sum --quiet -c index.txt) || return 1
	# Its first line has the configuration's hash, which any change moves.
	sed -i '/^# .*, configuration /d' "$T/$plant/index.txt"
	[ -n "${UPDATE:-}" ] && rm -rf "${G:?}/$plant" && cp -r "$T/$plant" "$G/$plant"
	diff -ru "$G/$plant" "$T/$plant"
}
same_twice() {
	"$HF" zones --conf etc/full --out "$T/again" &&
		sed -i '/^# .*, configuration /d' "$T/again/index.txt" &&
		diff -r "$T/full" "$T/again"
}
printed_is_written() {	# word file
	"$HF" zones "$1" --conf etc/full >"$T/one" && cmp "$T/one" "$T/full/$2"
}
parts() {	# both zones behind each other; one by name; none of that name
	"$HF" zones nft --conf etc/full >"$T/both" &&
		cat "$T/full/nft-press.nft" "$T/full/nft-lab.nft" | cmp - "$T/both" &&
		"$HF" zones nft lab --conf etc/full | cmp - "$T/full/nft-lab.nft" || return 1
	"$HF" zones nft yard --conf etc/full
	[ $? -eq 1 ]
}
json() {
	"$HF" zones ports --conf etc/full --json | /usr/bin/python3 -c '
import json, sys
d = json.load(sys.stdin)["documents"]
assert [x["file"] for x in d] == ["ports.csv"]
assert d[0]["text"] == open(sys.argv[1]).read()' "$T/full/ports.csv" &&
		"$HF" zones --conf etc/full --out "$T/json" --json | /usr/bin/python3 -c '
import json, os, sys
assert sorted(json.load(sys.stdin)["files"]) == sorted(os.listdir(sys.argv[1]))' "$T/json"
}
no_formula() {	# the purpose of lab-time begins with =; a spreadsheet must not run it
	! grep -nE '(^|,)"?[=+@-]' "$T/full/ports.csv" "$T/full/firewall.csv" \
		"$T/full/users.csv" && grep -q "\"'=time of day" "$T/full/ports.csv"
}
plain_svg() {	# well formed, no script, nothing loaded from anywhere
	/usr/bin/python3 -c '
import sys, xml.etree.ElementTree as e
for f in sys.argv[1:]:
	r = e.parse(f).getroot()
	assert r.get("width") == "297mm" and r.get("height") == "210mm"
	for x in r.iter():
		assert x.tag.split("}")[1] in ("svg", "style", "defs", "marker",
			"path", "rect", "line", "text"), x.tag
		for k, v in x.attrib.items():
			assert "href" not in k and not k.startswith("on"), k
			assert "url(" not in v.replace("url(#a)", ""), v
	assert "url(" not in r[0].text and "@import" not in r[0].text' "$@"
}
many() {	# 45 conduits: three pages, each conduit on one of them
	cp -r etc/minimal "$T/many"
	for i in $(seq 45); do
		echo "  c$i: {from: edge/hall, to: 10.3.0.$i, proto: opcua, port: 4840," \
			"direction: pull, purpose: p, owner: o, review: 2199-01-01}"
	done >"$T/more"
	sed -i "/^conduits:/r $T/more" "$T/many/plant.yaml"
	"$HF" zones --conf "$T/many" --out "$T/many.out" || return 1
	[ "$(ls "$T/many.out"/flow-*.svg | wc -l)" = 3 ] || return 1
	for i in $(seq 45); do
		[ "$(cat "$T/many.out"/flow-*.svg | grep -c ">c$i: ")" = 1 ] || return 1
	done
	plain_svg "$T/many.out"/flow-*.svg
}
hostile() {	# texts with the characters of every format
	cp -r etc/minimal "$T/hostile"
	sed -i 's/purpose: read pump 1/purpose: "<script>\&amp;\\"'"'"',;|=1 \\u00e4"/' \
		"$T/hostile/plant.yaml"
	"$HF" zones --conf "$T/hostile" --out "$T/hostile.out" || return 1
	plain_svg "$T/hostile.out"/flow-1.svg || return 1
	/usr/bin/python3 -c '
import csv, sys
r = list(csv.DictReader(open(sys.argv[1])))
assert len(r) == 1 and r[0]["purpose"] == "<script>&amp;\"\x27,;|=1 \u00e4", r' \
		"$T/hostile.out/ports.csv"
}
approved() {
	"$HF" zones compare "$T/full/ports.csv" --conf etc/full
}
differs() {	# golden list of differences
	sed '/^lab-hall,/d; s/^\(press7-modbus,pull,tcp,\)502/\1503/
		s/,j\.doe,2199-05-01,not approved,,"\{0,1\}clients/,m.roe,2199-05-01,not approved,,clients/' \
		"$T/full/ports.csv" >"$T/list.csv"
	echo 'ghost,pull,tcp,1' >>"$T/list.csv"
	"$HF" zones compare "$T/list.csv" --conf etc/full >"$T/differences"
	[ $? -eq 1 ] || return 1
	[ -n "${UPDATE:-}" ] && cp "$T/differences" "$G/differences.ok"
	diff -u "$G/differences.ok" "$T/differences"
}
short_list() {	# four columns, ';' and blanks, as a spreadsheet leaves them
	/usr/bin/python3 -c '
import csv, sys
for r in csv.reader(open(sys.argv[1])):
	print(r[0], " " + r[2] + " ", r[3], r[5], sep=";")' "$T/full/ports.csv" |
		sed '1s/ //g' >"$T/short.csv"
	"$HF" zones compare "$T/short.csv" --conf etc/full
}
wrong_list() {	# header rows ..., text that is expected
	printf '%s\n' "${@:1:$#-1}" >"$T/wrong.csv"
	"$HF" zones compare "$T/wrong.csv" --conf etc/full 2>"$T/wrong.err"
	[ $? -eq 1 ] && grep -F "${!#}" "$T/wrong.err"
}
wrong_lists() {
	wrong_list 'conduit,prot' 'column "prot" is unknown' &&
		wrong_list 'proto,port' 'there is no column "conduit"' &&
		wrong_list 'conduit,port,port' 'stands there twice' &&
		wrong_list 'conduit' 'lab-hall' 'lab-hall' 'conduit "lab-hall" stands there twice' &&
		wrong_list 'conduit' 'a,b' '2 fields, but the header has 1' &&
		wrong_list '' 'the list is empty'
}
usage() {	# exit code 2 and nothing written
	local rc
	for args in "nonsense" "compare" "ports press" "ports --out $T/none" "nft a b"; do
		# shellcheck disable=SC2086
		"$HF" zones $args --conf etc/full
		rc=$?
		[ $rc -eq 2 ] || return 1
	done
	[ ! -e "$T/none" ]
}
broken_plant() {
	"$HF" zones --conf tests/regress/conf/broken 2>"$T/broken.err"
	[ $? -eq 1 ] && grep -q 'the configuration has errors' "$T/broken.err"
}
nft_takes() {	# every zone's rules, in an empty namespace with its interface
	local f dev
	for f in "$T"/full/*.nft "$T"/demo/*.nft; do
		dev=$(sed -n 's/.*hook egress device "\([^"]*\)".*/\1/p' "$f")
		unshare -n sh -c "ip link add '$dev' type veth peer name far && nft -c -f '$f'" || return 1
	done
}
kernel() {
	cp -r etc/minimal "$T/net"
	sed -i '/^conduits:/,$d' "$T/net/plant.yaml"
	sed -i 's/{interface: host-veth}.*/{interface: eth0, networks: [10.9.0.0\/24]}/' \
		"$T/net/plant.yaml"
	cat >>"$T/net/plant.yaml" <<-END
	conduits:
	  plc: {from: edge/hall, to: 10.9.0.2, proto: modbus-tcp, port: 502, direction: pull,
	    purpose: p, owner: o, review: 2199-01-01}
	  ui: {from: any, to: web/hall, proto: https, port: 8443, direction: listen,
	    purpose: p, owner: o, review: 2199-01-01}
	END
	"$HF" zones nft --conf "$T/net" >"$T/net.nft" &&
		unshare -n /usr/bin/python3 tests/regress/zones_net.py "$T/net.nft"
}

for e in full demo; do
	check "documents_of_${e}_are_as_written_down" documents $e
done
check documents_are_the_same_each_time same_twice
check printed_document_is_the_written_one printed_is_written ports ports.csv
check summary_is_what_is_printed_without_a_word printed_is_written summary summary.txt
check zones_are_parts_that_can_be_asked_for parts
check document_as_json_holds_the_same_text json
check no_cell_is_a_formula no_formula
check diagrams_are_plain_and_a4 plain_svg "$T"/full/flow-1.svg "$T"/demo/flow-1.svg
check diagram_takes_as_many_pages_as_it_needs many
check hostile_texts_stay_texts hostile
check own_list_is_approved approved
check each_difference_to_the_approved_list_is_named differs
check short_approved_list_is_compared_in_its_columns short_list
check approved_list_that_is_none_is_refused_with_its_place wrong_lists
check wrong_command_lines_are_usage_errors usage
check plant_with_errors_has_no_documents broken_plant
if ! command -v nft >/dev/null || ! unshare -n true 2>/dev/null; then
	skip nft_takes_the_rules_of_every_zone "no nft, or no right to make a namespace"
	skip kernel_denies_and_allows_as_the_conduits_say "no nft, or no right to make a namespace"
else
	check nft_takes_the_rules_of_every_zone nft_takes
	check kernel_denies_and_allows_as_the_conduits_say kernel
fi
finish
