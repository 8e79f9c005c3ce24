#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# eval.sh - the evaluation programs on the recorded corpora: targets met, and every figure
# agreed by a second scorer that shares no code with them (tests/eval/score.py).
. "$(dirname "$0")/../lib.sh"

PY=/usr/bin/python3
score() { $PY tests/eval/score.py "$@"; }
run() { # CORPUS
	mkdir -p "$T/$1"
	"$B/eval/$1" --json --scores "$T/$1" "$SHARED/data/$1" >"$T/$1.json"
}
# figure CORPUS DETECTOR EXPRESSION: of d, the detector's object in the report
figure() {
	$PY - "$T/$1.json" "$2" "$3" <<-'END'
	import json, sys
	d = [d for d in json.load(open(sys.argv[1]))["detectors"] if d["name"] == sys.argv[2]][0]
	print(d)
	sys.exit(not eval(sys.argv[3], {"d": d, "float": float}))
	END
}
one_score_is_changed() { # CORPUS DETECTOR FILE ROW
	sed -i "$4s/.*/1e6/" "$T/$1/$2/$3"
}

check scorer_agrees_with_cases_worked_out_by_hand score --self-test

if [ ! -d "$SHARED/data/nab" ]; then
	skip nab_scores_agree_with_an_independent_scorer "no ../shared/data/nab"
else
	check nab_runs run nab
	check nab_scores_agree_with_an_independent_scorer \
		score nab "$SHARED/data/nab" "$T/nab" "$T/nab.json"
	check nab_windowed_gaussian_is_near_its_published_score figure nab windowed_gaussian \
		'abs(float(d["standard"]["score"]) - 34.58) < 1'
	check nab_novelty_reaches_60 figure nab novelty \
		'float(d["standard"]["score"]) >= 60 and float(d["crossed"]) >= 60'
	one_score_is_changed nab novelty realKnownCause+nyc_taxi.csv 1000
	check_not nab_comparison_notices_one_changed_score \
		score nab "$SHARED/data/nab" "$T/nab" "$T/nab.json"
fi

if [ ! -d "$SHARED/data/skab" ]; then
	skip skab_scores_agree_with_an_independent_scorer "no ../shared/data/skab"
else
	check skab_runs run skab
	check skab_scores_agree_with_an_independent_scorer \
		score skab "$SHARED/data/skab" "$T/skab" "$T/skab.json"
	check skab_always_one_is_its_known_f1 figure skab always 'd["f1"] == "0.6941"'
	check skab_plain_mewma_is_its_known_result figure skab plain_mewma \
		'd["f1"] == "0.7804" and d["far"][:4] == "33.8" and d["mar"][:4] == "16.9"'
	check skab_residual_reaches_f1_80_at_far_25 figure skab residual \
		'float(d["f1"]) >= 0.80 and float(d["far"]) <= 25'
	check skab_residual_raises_at_most_one_alarm_without_anomalies figure skab residual \
		'd["clean_alarms"] <= 1 and d["clean_rows"] < 1000'
	one_score_is_changed skab residual valve1+0.csv 401
	check_not skab_comparison_notices_one_changed_score \
		score skab "$SHARED/data/skab" "$T/skab" "$T/skab.json"
fi
finish
