# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: long
# guest: --count --measure
# What `./run bench` does in its guests, small: one row of each kind is timed and
# counted; and fio in the load's place.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh

rows='kernel-identity-plain kernel-dma-plain kernel-none-registered nnvme-iommu nnvme-noiommu'

# few FOLDER OPTION...: those rows, by the script of ./run bench, which leaves in /out what goes to
# FOLDER.
few() {
	folder=$1
	shift
	rm -rf /out/*
	/bench/guest.sh null-co --rows="$(echo "$rows" | tr ' ' ,)" --columns=randread-4k-qd32 --rounds=1 \
		--warmup=0 "$@" || return
	mkdir -p "$folder"
	cp /out/* "$folder"
}

# value FOLDER ROW METRIC: from the CSV
value() {
	awk -F, -v row="$2" -v metric="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["row"] == row { print $at[metric] }' "$1/results.csv"
}
# holds A OPERATOR B: of numbers
holds() {
	echo "$1 $2 $3?"
	awk "BEGIN { exit !(length(\"$1\") && length(\"$3\") && $1 $2 $3) }"
}

check 'timed' few /tmp/timed --time=0.2
check 'counted' few /tmp/counted --ios=2000 --marks
# Merging is Python's, on the host. Here, what it does that with: in one round of one column the
# pairs of marks are numbered as the rows come. Pair, user, kernel, SQ, CQ, row, I/Os:
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } { print $at["row"], $at["ios"] }' \
	/tmp/counted/results.csv | paste -d' ' /tmp/counted/marks.txt - >/tmp/merged
# merged ROW METRIC: per I/O
merged() {
	awk -v row="$1" -v metric="$2" '
		BEGIN { split("instructions_user instructions_kernel sq_doorbells cq_doorbells", name, " ") }
		$6 == row { for (i = 1; i <= 4; i++) if (name[i] == metric) print $(i + 1) / $7 }' /tmp/merged
}
check 'a pair of marks for each row' [ "$(wc -l </tmp/counted/marks.txt)" = "$(echo "$rows" | wc -w)" ]
check 'the marks are those of the rounds' [ "$(grep -c '"mark": [1-5]\b' /tmp/counted/results.json)" = 5 ]
for row in $rows; do
	check "$row: what the host says of its disturbance" holds "$(value /tmp/timed "$row" run_delay)" '>=' 0
	check "$row: the timed run's IOPS" holds "$(value /tmp/timed "$row" iops)" '>' 0
	for metric in instructions_user instructions_kernel sq_doorbells cq_doorbells; do
		check "$row: $metric" holds "$(merged "$row" $metric)" '>' 0
	done
done
# These sleep: no waiting is in their counts.
identity=$(merged kernel-identity-plain instructions_kernel)
dma=$(merged kernel-dma-plain instructions_kernel)
check 'the kernel executes more for DMA than for identity' holds "$dma" '>' "1.1 * $identity"
for row in nnvme-iommu nnvme-noiommu; do
	for metric in sq_doorbells cq_doorbells; do
		counted=$(value /tmp/counted $row per_io.$metric)
		check "$row: $metric as the driver counts them" holds "$(merged $row $metric)" == "$counted"
	done
done

check 'with fio' few /tmp/fio --time=0.2 --fio
for row in $rows; do
	check "$row: fio's IOPS" holds "$(value /tmp/fio "$row" iops)" '>' 0
	check "$row: fio's disturbance" holds "$(value /tmp/fio "$row" run_delay)" '>=' 0
done
