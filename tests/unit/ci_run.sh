#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# .ci/run, with a fake ./run: all three parts run, and what they count is in the last line.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
mkdir -p "$work/tree/.ci" "$work/tree/kernel/guest"
cp "$top/.ci/run" "$work/tree/.ci/"
cp "$top/kernel/guest/common.sh" "$work/tree/kernel/guest/"
cat >"$work/tree/run" <<'END'
#!/bin/sh
name=$(echo "$*" | tr -d ' ')
echo "$name" >>asked
cat "says-$name"
exit "$(cat "exits-$name")"
END
chmod +x "$work/tree/run"

# part NAME STATUS LINE: what the fake says
part() {
	echo "$2" >"$work/tree/exits-$1"
	printf '%s\n' "ok     one" "$3" >"$work/tree/says-$1"
}
well() {
	part lint 0 "lint: nothing found"
	part test 0 "10 passed, 0 failed"
	part test--long 0 "5 passed, 0 failed"
}
# ends STATUS LAST-LINE
ends() {
	local status=0
	rm -f "$work/tree/asked"
	"$work/tree/.ci/run" >"$work/out" 2>&1 || status=$?
	cat "$work/out"
	[ "$status" = "$1" ] && [ "$(tail -n 1 "$work/out")" = "$2" ] &&
		[ "$(tr '\n' ' ' <"$work/tree/asked")" = "lint test test--long " ]
}
well
check "all pass: lint is one" ends 0 "16 passed, 0 failed"
part lint 1 "lint: 3 findings"
check "lint fails, and all else runs" ends 1 "15 passed, 1 failed"
well
part test 1 "8 passed, 2 failed"
check "tests fail" ends 1 "14 passed, 2 failed"
well
part test--long 1 "Killed"
check "no count is a failure" ends 1 "11 passed, 1 failed"
well
part test 1 "0 passed, 0 failed"
check "and so is a status that no test explains" ends 1 "6 passed, 1 failed"
echo "1..$count"
exit $failed
