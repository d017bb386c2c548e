#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# ./run deps, with fake dpkg-query, apt-get and id: what is installed, when, by whom.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0 failed=0
unset NNVME_TIMES # nothing is downloaded here

sed 's/#.*//' "$top/kernel/guest/packages" "$top/tests/"{lint,test}-packages | awk 'NF { print $1 }' >"$work/all"
mkdir "$work/bin"
cat >"$work/bin/dpkg-query" <<EOF
#!/bin/sh
grep -vxFf "$work/absent" "$work/all" | sed 's/^/ii  /'
sed 's/^/rc  /' "$work/absent"
EOF
cat >"$work/bin/apt-get" <<EOF
#!/bin/sh
echo "\$*" >>"$work/asked"
[ ! -e "$work/no-network" ] || exit 100
case "\$*" in *install*) : >"$work/absent" ;; esac
EOF
cat >"$work/bin/id" <<EOF
#!/bin/sh
cat "$work/user"
EOF
chmod +x "$work/bin/"*

# run ABSENT USER ARGUMENT...: ./run on such a machine; what was said is in $said, its status in
# $status
run() {
	tr ' ' '\n' <<<"$1" >"$work/absent"
	echo "$2" >"$work/user"
	: >"$work/asked"
	shift 2
	said=$(PATH=$work/bin:$PATH NNVME_CACHE=$work/cache "$top/run" "$@" 2>&1)
	status=$?
}

# check NAME CONDITION...
check() {
	local name=$1
	count=$((count + 1))
	shift
	if "$@"; then
		echo "ok $count - $name"
	else
		failed=1
		printf '# %s\n' "status $status" "$said" "$(cat "$work/asked")"
		echo "not ok $count - $name"
	fi
}

asked() { [ "$(tr '\n' '|' <"$work/asked")" = "$1" ]; }
says() { [[ $said == *"$1"* ]]; }
install="-q update|-q -y install --no-install-recommends"

run "" 0 deps
check "nothing is missing: apt is not asked" asked ""
check "and nothing is said" [ "$status$said" = 0 ]
run "bison gcc" 0 deps
check "what is missing is installed, and only that" asked "$install bison gcc|"
check "with success" [ "$status" = 0 ]
run "reuse" 0 deps
check "what only lint needs is one of them" asked "$install reuse|"
run "reuse" 0 deps kernel
check "but another verb does without it" asked ""
run "reuse" 0 deps lint
check "and lint does not" asked "$install reuse|"
run "bison" 1000 deps
check "who is not root is told what root has to do" says "needs root: apt-get install bison"
check "and nothing was tried" asked ""
touch "$work/no-network"
run "bison" 0 deps
check "without package sources it fails" [ "$status" = 1 ]
check "and says so" says "are the package sources reachable?"
rm "$work/no-network"
run "bison" 0 kernel --no-such-kernel
check "a verb that misses a package says whom it calls" says "kernel: packages are missing; calling ./run deps kernel"
check "and has it installed" asked "$install bison|"
run "" 0 kernel --no-such-kernel
check "a verb that misses none asks nobody" asked ""
check "and says nothing of it" [ "${said/packages/}" = "$said" ]
run "" 0 deps guests
check "what is no verb is refused" [ "$status" = 1 ]
run "qemu-user" 0 deps build
check "what only tests need is not installed to build" asked ""
run "qemu-user" 0 deps test
check "but for the tests" asked "$install qemu-user|"
# tests/system: into a system of its own
check "nothing else installs packages" [ "$(cd "$top" && grep -rE '^[^#"]*apt-get .*[ ]install ' \
	run bench cli engine kernel tests .ci | grep -v -e ' --download-only ' -e '^tests/unit/' -e '^tests/system/' |
	cut -d: -f1)" = kernel/guest/install-packages ]
echo "1..$count"
exit $failed
