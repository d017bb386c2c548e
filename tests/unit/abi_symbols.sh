#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# What the library exports is what the public headers declare, and a program of another layout does
# not load.
# usage: abi_symbols.sh BUILD
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
build=$1
library=$build/libnoiommu_nvme.so
number=$(sed -n 's/^#define NNVME_LAYOUT //p' "$top/include/noiommu_nvme/layout.h")
layout=nnvme_layout_$number
other=nnvme_layout_$((number + 1))

# have COMPILER: only gcc is needed to build the project.
have() {
	command -v "$1" >/dev/null && return
	count=$((count + 1))
	echo "ok $count - $words # SKIP no $1 here: ./run deps lint"
	return 1
}

# same ONE OTHER: the lists do not differ, and there is something in them
same() {
	diff "$work/$1" "$work/$2" | sed -n "s/^< \(.*\)/\1: $1 only/p; s/^> \(.*\)/\1: $2 only/p" >"$work/differs"
	cat "$work/differs"
	[ -s "$work/$1" ] && [ ! -s "$work/differs" ]
}

# Every header, so that one that noiommu_nvme.h leaves out counts as well.
find "$top/include" -name '*.h' -printf '#include "%p"\n' >"$work/all.c"
gcc -fsyntax-only -I"$top/include" -aux-info "$work/aux" "$work/all.c"
{ echo "$layout"; grep -F "/include/noiommu_nvme/" "$work/aux" | grep -v ' static ' |
	sed -nE 's/.*[ *](nnvme_[a-z0-9_]+) \(.*/\1/p'; } | sort -u >"$work/declared"
nm -D --defined-only "$library" | awk '$3 ~ /@/ { sub(/@.*/, "", $3); print $3 }' | grep -v LIBNOIOMMU |
	sort >"$work/exported"
sed -n 's/^\t*\([a-z_0-9]*\);$/\1/p' "$top/nvme/noiommu_nvme.map" | sort >"$work/listed"
check "what is exported is what the headers declare" same declared exported
check "what is exported is what nvme/noiommu_nvme.map lists" same listed exported
check "every exported name has the version LIBNOIOMMU_NVME_0" \
	sh -c "! nm -D --defined-only '$library' | grep -vE '@LIBNOIOMMU_NVME_0|A LIBNOIOMMU_NVME_0'"
check "the library is number 0" sh -c "readelf -d '$library' | grep -F '[libnoiommu_nvme.so.0]'"

# The same library with the symbol of the next layout: from its objects, renamed in all of them.
mkdir "$work/this" "$work/next"
cp "$library" "$work/this/libnoiommu_nvme.so.0"
objects() {
	ld -r -o "$work/all.o" --whole-archive "$build/libnnvme_core.a" --no-whole-archive \
		"$build"/libnoiommu_nvme.so.*.p/*.o &&
		objcopy --redefine-sym "$layout=$other" "$work/all.o" "$work/next.o"
}
next_library() {
	objects && sed "s/$layout;/$other;/" "$top/nvme/noiommu_nvme.map" >"$work/next.map" &&
		gcc -shared -Wl,-soname,libnoiommu_nvme.so.0 -Wl,--version-script,"$work/next.map" "$work/next.o" \
			-lnvme -lcap -lhugetlbfs -pthread -o "$work/next/libnoiommu_nvme.so.0"
}
check "a library of the next layout can be made" next_library

cat >"$work/program.c" <<'END'
#include <noiommu_nvme/qpair.h>
#include <noiommu_nvme/ctrl.h>
int main(void)
{
	return nnvme_version()[0] != '0';
}
END
program() { "$@" -I"$top/include" "$work/program.c" -x none "$library" -o "$work/program"; }
runs() { LD_BIND_NOW='' LD_LIBRARY_PATH=$work/$1 "$work/program"; }
refused() {
	if runs next; then echo "it ran"; return 1; fi 2>"$work/why"
	grep -F "$layout" "$work/why" || { cat "$work/why"; return 1; }
}
while read -r words; do
	read -ra compiler <<<"$words"
	have "${compiler[0]}" || continue
	check "a program builds ($words)" program "${compiler[@]}"
	check "and runs with this layout's library" runs this
	check "and does not load with the next layout's, by the symbol's name" refused
done <<'END'
gcc -std=c11
gcc -O2 -no-pie -fno-pie
gcc -O2 -ffunction-sections -fdata-sections -Wl,--gc-sections
gcc -O2 -flto
g++ -O2 -x c++ -std=c++17
clang -O2 -fdata-sections -Wl,--gc-sections
END

# By name: an archive's objects are the same ones.
static() { gcc -I"$top/include" "$work/program.c" "$1" -lnvme -lcap -lhugetlbfs -pthread -o "$work/program"; }
unlinked() {
	if static "$work/next.o"; then echo "it linked"; return 1; fi 2>"$work/why"
	grep -F "$layout" "$work/why" || { cat "$work/why"; return 1; }
}
check "a program links with this layout's objects" static "$work/all.o"
check "and not with the next layout's, by the symbol's name" unlinked

# C++ takes every function, structure and constant.
cat >"$work/all.cc" <<'END'
#include <noiommu_nvme/noiommu_nvme.h>
#include <cstdio>
typedef void (*function)();
function all[] = {
FUNCTIONS
};
int main(int, char **argv)
{
	struct nnvme_options options = {};
	struct nnvme_qpair_stats stats = {};
	struct nnvme_iommu_group group = {};
	struct nnvme_ns_info info = {};
	struct nnvme_completion done[32];
	struct nnvme_ctrl *ctrl = nullptr;
	struct nnvme_qpair *qp = nullptr;
	struct nnvme_err err;
	enum nnvme_mode mode = NNVME_MODE_IOMMU;

	options.size = sizeof(options);
	group.size = sizeof(group);
	group.member_size = sizeof(*group.members);
	info.size = sizeof(info);
	options.mode = mode;
	options.quirks = NNVME_QUIRK_ALIGNED_LISTS | NNVME_QUIRK_CQ_DOORBELL_EACH_POLL;
	stats.size = sizeof(stats);
	if (nnvme_ctrl_open(argv[1], &options, &ctrl, &err)) {
		std::printf("%s\n", err.text);
		return group.size == sizeof(group) && all[0] ? 0 : 2;
	}
	const struct nnvme_ns *ns = nnvme_ns_next(ctrl, 0);
	if (!ns || nnvme_ns_info(ns, &info) || nnvme_qpair_create(ctrl, 32, &qp, &err))
		return 1;
	struct nnvme_batch batch = nnvme_batch_begin(qp, ns);
	void *buf = nnvme_mem_alloc(ctrl, 4096, &err);
	nnvme_batch_read(&batch, buf, 0, 1, buf);
	nnvme_batch_write(&batch, buf, 0, 1, buf);
	nnvme_batch_end(&batch);
	nnvme_read(qp, ns, buf, 0, 1, buf);
	nnvme_write(qp, ns, buf, 0, 1, buf);
	nnvme_ring(qp);
	while (nnvme_in_flight(qp) && nnvme_sq_space_left(qp) && !nnvme_ready(qp))
		if (nnvme_poll(qp, done, 32) && done[0].status)
			std::printf("%s, DW0 %u\n", nnvme_status_text(done[0].status), done[0].result);
	nnvme_qpair_stats(qp, &stats);
	return nnvme_ctrl_close(ctrl);
}
END
grep -v "^$layout$" "$work/declared" | sed 's/.*/	reinterpret_cast<function>(\&&),/' >"$work/functions"
sed -i -e "/FUNCTIONS/{r $work/functions" -e 'd}' "$work/all.cc"
cxx() { "$@" -Wall -Wextra -Wconversion -Wpedantic -Werror -I"$top/include" "$work/all.cc" "$library" -o "$work/all"; }
missing_device() { LD_LIBRARY_PATH=$work/this "$work/all" ffff:ff:1f.7 | grep -F ffff:ff:1f.7; }
for words in "g++ -std=c++17" "clang++ -std=c++20"; do
	read -ra compiler <<<"$words"
	have "${compiler[0]}" || continue
	check "C++ has every function, structure and constant ($words)" cxx "${compiler[@]}"
	check "and opens a controller, which is missing here" missing_device
done
echo "1..$count"
exit $failed
