#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# The patches for upstream: they apply to linux-source-7.3, and checkpatch has nothing to say. Where the
# sources can't be downloaded, that is skipped and said.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
shopt -s nullglob
patches=("$top/kernel/module/patches/upstream"/*.patch)
release=$(awk '$1 ~ /^7\.3/ { print $1; exit }' "$top/kernel/module/kernels")
mapfile -t touched < <(sed -n 's|^--- a/||p' "${patches[@]}" | sort -u)

status=0
sources=$("$top/kernel/module/linux-source" "$release" scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch} \
	"${touched[@]}" 2>"$work/err") || status=$?
if [ $status = 75 ]; then
	echo "1..0 # SKIP $(tail -n 1 "$work/err")"
	exit
fi
git_tree() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -C "$work/tree" -c user.name=test \
		-c user.email=test@localhost -c commit.gpgsign=false "$@"
}
there() { cat "$work/err"; [ "$status" = 0 ] && [ ${#patches[@]} -gt 0 ]; }
apply() {
	cp -r "$sources" "$work/tree"
	git_tree init -q && git_tree add -f . && git_tree commit -q -m 'Debian source' && git_tree am "${patches[@]}"
}
clean() { (cd "$sources" && perl scripts/checkpatch.pl --strict --no-tree --quiet "$1"); }
# A patch that takes itself away again leaves nothing: each stands on those before it alone.
undo() { git_tree revert --no-edit HEAD~"${#patches[@]}".. && git_tree diff --exit-code HEAD~$((2 * ${#patches[@]})); }

check "the sources and the patches are there" there
check "they apply to linux-source-7.3" apply
check "and can be taken back" undo
for patch in "${patches[@]}"; do
	name=${patch##*/}
	check "checkpatch --strict: ${name%.patch}" clean "$patch"
done
echo "1..$count"
exit $failed
