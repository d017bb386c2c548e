#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # check() calls what looks unreachable
# tests/abi on copies of the public headers that differ from what is recorded: what may grow, what
# must not change.
# shellcheck source=tests/unit/check.sh
. "$(dirname "$0")/check.sh"
if ! command -v abidiff >/dev/null; then
	echo "1..0 # SKIP there is no abidiff here: ./run deps lint"
	exit
elif [ "$(uname -m)" != x86_64 ]; then
	echo "1..0 # SKIP the record is x86-64's"
	exit
fi

# A copy that is recorded as it is, with layout 1: what the others are changes of.
mkdir -p "$work/first/nvme"
cp -r "$top/include" "$work/first/"
sed -i 's/^#define NNVME_LAYOUT .*/#define NNVME_LAYOUT 1/' "$work/first/include/noiommu_nvme/layout.h"
"$top/tests/abi" --top "$work/first" record 2>"$work/why" || sed 's/^/# /' "$work/why"
fresh() { rm -rf "$work/top" && cp -r "$work/first" "$work/top"; }
abi() { said=$("$top/tests/abi" --top "$work/top" "$@" 2>&1); }

# edit FILE SED: the headers' file is another then
edit() {
	local file=$work/top/include/noiommu_nvme/$1
	cp "$file" "$work/before"
	sed -i "$2" "$file"
	! cmp -s "$file" "$work/before" || { echo "$2 changes nothing in $1"; return 1; }
}
says() { grep -F -e "$1" <<<"$said" || { echo "no '$1' in: $said"; return 1; }; }
silent() {
	abi check && [ -z "$said" ] && return
	echo "$said"
	return 1
}

# breaks FILE SED: refused, in the sentence that says what to do; and neither is it recorded
breaks() {
	fresh && edit "$@" || return
	if abi check; then echo "nothing found"; return 1; fi
	says "Give NNVME_LAYOUT in include/noiommu_nvme/layout.h a new number" && says CHANGELOG.md || return
	if abi record; then echo "recorded"; return 1; fi
}
# grows FILE SED: to be recorded, and that is all
grows() {
	fresh && edit "$@" || return
	if abi check; then echo "nothing found"; return 1; fi
	says "breaks no program" && abi record && silent
}
same() { fresh && edit "$@" && silent; }

check "what is recorded of this tree fits its headers" "$top/tests/abi" check
check "a comment is no change" same qpair.h 's|^ \* Count the commands that can be submitted now|&, or so|'
check "nor is a parameter's name" same wait.h 's/int nnvme_arm(struct nnvme_qpair \*qp)/int nnvme_arm(struct nnvme_qpair *q)/'

check "a queue pair's field of another width breaks" breaks qpair.h 's/^\tuint32_t rung;/\tuint64_t rung;/'
check "a reserved field that is used breaks" breaks qpair.h 's/^\tuint64_t reserved2;/\tvoid *reserved2;/'
check "two fields that change places break" breaks qpair.h '/^\tuint32_t tail;/{h;d}; /^\tuint32_t stop;/G'
check "a field of the slot, which no function takes, breaks" breaks qpair.h 's/^\tint32_t key;/\tuint32_t key;/'
check "a queue entry's field breaks" breaks wire.h 's/uint32_t cdw2, cdw3;/uint64_t cdw2;/'
check "a namespace's field in the middle breaks" breaks qpair.h 's/^\tuint64_t fast_end;/\tuint64_t more;\n&/'
check "another parameter breaks" breaks wait.h 's/int nnvme_arm(struct nnvme_qpair \*qp)/int nnvme_arm(struct nnvme_qpair *qp, int how)/'
check "a function that is gone breaks" breaks ctrl.h '/^const char \*nnvme_version/d'
check "a constant of another value breaks" breaks ctrl.h 's/NNVME_HUGEPAGES_OFF,/NNVME_HUGEPAGES_OFF = 7,/'
check "a sized structure's field in the middle breaks" breaks stats.h 's/^\tuint64_t sq_wraps;/\tuint64_t wraps2;\n&/'
check "and its type alone" breaks stats.h 's/^\tuint64_t sq_wraps;/\tdouble sq_wraps;/'
check "nor may it have another type where the structure grows" breaks ctrl.h \
	's/^\tvoid \*log_arg;/\tlong log_arg;/; s/^\tbool interrupts;/&\n\tuint64_t more;/'
check "two of its fields that change places break" breaks stats.h '/^\tuint64_t sq_wraps;/{h;d}; /^\tuint64_t spare_slots;/G'
check "a namespace's field of another type breaks" breaks qpair.h 's/^\tuint64_t fast_end;/\tdouble fast_end;/'
check "a macro of another value breaks" breaks io.h 's/^#define NNVME_FUA .*/#define NNVME_FUA (1u << 29)/'
check "a macro that is gone breaks" breaks pci.h '/^#define NNVME_PCI_CLASS/d'
check "a structure without a size, at its end, breaks" breaks err.h 's/^\tchar text\[500\];/&\n\tint more;/'

check "a new function may come" grows wait.h 's/^int nnvme_qpair_fd/int nnvme_new(struct nnvme_qpair *qp);\n&/'
check "a sized structure may grow at its end" grows stats.h 's/^\tuint64_t missed_interrupts;/&\n\tuint64_t more;/'
check "a namespace may grow at its end" grows qpair.h 's/^\tuint32_t reserved2;/&\n\tuint64_t more;/'
check "a new structure may come" grows wait.h 's/^int nnvme_qpair_fd/struct nnvme_new { int n; };\n&/'
check "a macro may come" grows io.h 's/^#define NNVME_FUA .*/&\n#define NNVME_NEW 3/'
check "a field may have another name" grows qpair.h 's/^\tuint32_t rung;/\tuint32_t told;/; s/qp->rung/qp->told/'
check "a constant may come at the end" grows ctrl.h 's/^\tNNVME_HUGEPAGES_1G,/&\n\tNNVME_HUGEPAGES_64K,/'

# What breaks is allowed under a new number, with a line of the change log.
renumber() { edit layout.h 's/^#define NNVME_LAYOUT 1/#define NNVME_LAYOUT 2/'; }
without_line() {
	fresh && edit qpair.h 's/^\tuint32_t rung;/\tuint64_t rung;/' && renumber || return
	if abi check; then echo "nothing found"; return 1; fi
	says "layout 2 is in no line of CHANGELOG.md" && says "nvme/abi/layout-2.abi: not there" || return
	if abi record; then echo "recorded"; return 1; fi
}
with_line() {
	echo "- layout 20: no." >"$work/top/CHANGELOG.md"
	if abi record; then echo "recorded"; return 1; fi
	echo "- Layout 2: rung has 64 bits." >"$work/top/CHANGELOG.md"
	abi record && silent && [ "$(ls "$work/top/nvme/abi")" = layout-2.abi ]
}
check "a new number needs a line of CHANGELOG.md" without_line
check "with that line it is recorded, and fits" with_line
replaced() {
	fresh && edit qpair.h 's/^\tuint32_t rung;/\tuint64_t rung;/' || return
	abi record --replace && silent
}
check "a layout that no release had can be recorded again" replaced
echo "1..$count"
exit $failed
