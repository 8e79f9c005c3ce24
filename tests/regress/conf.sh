#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# conf.sh - the verbs on configuration files: examples, golden messages, round trips,
# schema, manual pages, import of sheets. UPDATE=1 writes the golden files anew.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
G=tests/regress/conf

same() {	# golden-file actual-file
	[ -n "${UPDATE:-}" ] && cp "$2" "$1"
	diff -u "$1" "$2"
}
round_trip() {	# directory
	local a b
	rm -rf "$T/rt" && cp -r "$1" "$T/rt" || return 1
	"$HF" print --conf "$1" 2>/dev/null >"$T/rt/plant.yaml" || return 1
	a=$("$HF" check --conf "$1" --json | grep -o '"hash":"[0-9a-f]*"')
	b=$("$HF" check --conf "$T/rt" --json | grep -o '"hash":"[0-9a-f]*"')
	[ ${#a} -gt 70 ] && [ "$a" = "$b" ]
}
in_schema() {	# directory
	"$HF" schema >"$T/schema.json" &&
		"$HF" print --conf "$1" --json 2>/dev/null >"$T/plant.json" &&
		/usr/bin/python3 "$G/validate.py" "$T/schema.json" "$T/plant.json"
}
not_in_schema() {	# sed expression on the printed JSON
	"$HF" schema >"$T/schema.json"
	"$HF" print --conf etc/full --json 2>/dev/null | sed -E "$1" >"$T/bad.json"
	cmp -s "$T/bad.json" "$T/plant.json" && return 1
	/usr/bin/python3 "$G/validate.py" "$T/schema.json" "$T/bad.json"
	[ $? -eq 1 ] && [ -s "$T/bad.json" ]
}
man_page() {	# page doc-options...
	local page=$1
	shift
	sed -n '/BEGIN holdfast doc/,/END holdfast doc/p' "man/$page" | sed '1d;$d' \
		>"$T/man.txt"
	"$HF" doc "$@" >"$T/doc.txt" && diff -u "$T/man.txt" "$T/doc.txt"
}
lint() {	# pages of this project are not installed where the test runs
	! mandoc -Tlint man/holdfast.conf.5 man/holdfast-tags.5 |
		grep -v 'STYLE: referenced manual not found: Xr holdfast'
}
usage_error() {
	"$HF" check --nonsense
	[ $? -eq 2 ]
}
broken() {
	"$HF" check --conf "$G/broken" >"$T/broken.out" 2>&1
	[ $? -eq 1 ] && same "$G/broken.ok" "$T/broken.out"
}
imports() {	# name options...: convert, compare with the golden file, check the rest
	local name=$1 rc
	shift
	rm -rf "$T/imp" && cp -r etc/minimal "$T/imp" && rm "$T/imp/tags/pump.csv"
	sed -i '/^detectors:/,$d' "$T/imp/plant.yaml"
	"$HF" tags import "$G/$name.csv" --device pump1 --conf "$T/imp" "$@" \
		>"$T/$name.out" 2>&1
	rc=$?
	[ -f "$T/imp/tags/pump.csv" ] && cat "$T/imp/tags/pump.csv" >>"$T/$name.out"
	same "$G/$name.ok" "$T/$name.out" && return $rc
	return 99
}
imports_nothing() {
	imports neuron
	[ $? -eq 1 ] && [ ! -e "$T/imp/tags/pump.csv" ]
}
dry_run() {
	"$HF" tags import "$G/kepware.csv" --device pump1 --conf "$T/imp" --dry-run ||
		return 1
	[ ! -e "$T/imp/tags/pump.csv" ]
}
keeps_existing() {
	echo 'tag,address,type' >"$T/imp/tags/pump.csv"
	"$HF" tags import "$G/kepware.csv" --device pump1 --conf "$T/imp" && return 1
	[ "$(cat "$T/imp/tags/pump.csv")" = 'tag,address,type' ] || return 1
	"$HF" tags import "$G/kepware.csv" --device pump1 --conf "$T/imp" --replace
}
exported_reads_back() {	# delim
	cp -r etc/minimal "$T/exp.$2"
	"$HF" tags export pump1 --conf etc/minimal --delim "$1" \
		>"$T/exp.$2/tags/pump.csv" 2>/dev/null || return 1
	[ "$("$HF" check --conf etc/minimal --json | grep -o '"hash.*')" = \
		"$("$HF" check --conf "$T/exp.$2" --json | grep -o '"hash.*')" ]
}
ten_thousand() {
	cp -r etc/minimal "$T/big"
	sed -i '/^detectors:/,$d; s/tags: tags.pump.csv/&, load: {requests: 10000\/s}/' \
		"$T/big/plant.yaml"
	{
		echo 'tag,address,type,interval_ms,unit,description'
		seq 0 9999 | awk '{ printf "t%d,hr:%d,int16,60000,degC,number %d\n", $1, $1, $1 }'
	} >"$T/big/tags/pump.csv"
	local t0 t1
	t0=$(date +%s%N)
	"$HF" check --conf "$T/big" || return 1
	t1=$(date +%s%N)
	echo "10,000 rows in $(((t1 - t0) / 1000000)) ms"
	[ $(((t1 - t0) / 1000000)) -lt 1000 ]
}

for e in etc/minimal etc/full; do
	n=$(basename $e)
	check "example_${n}_has_no_errors" "$HF" check --conf $e
	check "example_${n}_prints_and_reads_to_the_same_hash" round_trip $e
	check "example_${n}_fits_the_schema" in_schema $e
done
check schema_refuses_an_unknown_key not_in_schema 's/"gap":/"gapp":/'
check schema_refuses_an_option_of_another_driver not_in_schema 's/"hi_trip":/"lambda":/'
check schema_refuses_a_number_out_of_range not_in_schema 's/"sl_target":3/"sl_target":9/'
check schema_refuses_a_wrong_unit not_in_schema 's/"fold":"5min"/"fold":"5m"/'
check broken_plant_and_tags_give_the_golden_messages broken
check manual_of_the_configuration_lists_the_options man_page holdfast.conf.5
check manual_of_the_tags_lists_the_columns man_page holdfast-tags.5 --tags
if command -v mandoc >/dev/null; then
	check manuals_pass_lint lint
else
	skip manuals_pass_lint "mandoc is not installed"
fi
check kepware_sheet_is_imported imports kepware
check import_of_a_sheet_with_errors_writes_nothing imports_nothing
rm -f "$T/imp/tags/pump.csv"
check import_dry_run_writes_nothing dry_run
check import_keeps_an_existing_file_unless_told keeps_existing
check partial_import_writes_the_good_rows imports neuron-partial --partial
check exported_tags_read_back_with_comma exported_reads_back , comma
check exported_tags_read_back_with_semicolon exported_reads_back ';' semicolon
check ten_thousand_tags_are_checked_within_a_second ten_thousand
check unknown_option_is_a_usage_error usage_error
finish
