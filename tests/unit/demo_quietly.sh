#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2034,SC2154 # variables of the functions under test, and for them
# How the demo repeats disturbed measurements (kernel/guest/demo.sh), with a host whose answers are
# planned.
demo=$(dirname "$0")/../../kernel/guest/demo.sh
take() { eval "$(sed -n "/^$1() {/,/^}/p" "$demo")"; }
take waited
take quietly
limit=5
left=9
count=0
check() { # NAME GOT WANTED
	count=$((count + 1))
	if [ "$2" = "$3" ]; then echo "ok $count - $1"; else
		echo "# '$2' and not '$3'"
		echo "not ok $count - $1"
	fi
}

check 'the thread that waited most counts' "$(waited '1 1000000 5:0 6:100000000' '2 3000000 5:20000000 6:500000000')" 20
check 'none waited' "$(waited '1 1000000 5:7 6:8' '2 3000000 5:7 6:8')" 0

# plan SHARE...: of the next tries, in percent of a second each.
plan() { plan=$* disturbed=0 worst=0 now=0 delay=0 tries=0 even=0; }
delays() {
	if [ $even = 0 ]; then even=1; else
		even=0
		now=$((now + 1000000))
		delay=$((delay + 10000000 * ${plan%% *}))
		plan=${plan#* }
	fi
	answer="$now $now 7:$delay"
}
try() { tries=$((tries + 1)); }
# result: tries, mark, how many were disturbed, and how much
result() { echo "$tries tries,$mark $disturbed $worst"; }

plan 1 99
quietly try
check 'a quiet one is made once' "$(result)" '1 tries, 0 0'
plan 30 2 99
quietly try
check 'a disturbed one is made again' "$(result)" '2 tries, 0 0'
plan 30 40 50 99
quietly try
check 'three times at most, and then it is marked' "$(result)" '3 tries,* 1 50'
left=1
plan 30 40 50 99
quietly try
check 'not more often than all together may be' "$(result)" '2 tries,* 1 40'
plan 30 2 99
quietly try
check 'and then every one is made once' "$(result)" '1 tries,* 1 30'
left=9
plan 1 99
check 'what fails, fails' "$(quietly false || echo failed)" failed
echo "1..$count"
