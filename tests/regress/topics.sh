#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# holdfast check: a tag that the namespace cannot carry is an error with a remedy.
. "$(dirname "$0")/../lib.sh"

mkdir -p "$T/conf/tags"
cat >"$T/conf/plant.yaml" <<'EOT'
format: 1
plant: {enterprise: acme, site: berlin}
zones:
  press: {sl_target: 1, interface: host-veth, networks: [127.0.0.0/8], ipv6: false}
devices:
  wide: {zone: press, driver: synthetic, tags: tags/wide.csv, rate: 1/s}
assets:
  hall/p7: {kind: press, criticality: A}
EOT
tags() { printf 'device,tag,address,type,access,unit,uns_path\nwide,t1,x:1,float64,r,,%s\n' "$1" >"$T/conf/tags/wide.csv"; }
found() { "$HF" check --conf "$T/conf" >"$T/out" 2>&1; grep -q "$1" "$T/out" || { cat "$T/out"; return 1; }; }

tags hall/p7/_internal/t1
check levels_below_the_contract_may_begin_with_an_underscore "$HF" check --conf "$T/conf"
tags hall/_p8/t1
check_not location_that_looks_like_a_contract_is_an_error "$HF" check --conf "$T/conf"
check it_names_tag_level_and_remedy found 'hall/_p8/t1: "_p8" cannot be a level of the namespace.*rename'
tags a/b/c/d/e/f/g/h/i/j/k
check topic_that_is_too_deep_is_an_error found 'more than 14 levels; shorten'
sed -i 's/site: berlin/site: _berlin/' "$T/conf/plant.yaml"
tags hall/p7/t1
check site_that_looks_like_a_contract_is_an_error found '"_berlin" cannot be a level'
finish
