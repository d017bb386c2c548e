# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# guest: --count --measure
# What `./run bench` does in its guests, small: one row of each kind is timed and counted, and both are
# merged; and fio in the load's place.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh

rows='kernel-identity-plain kernel-dma-plain kernel-none-registered nnvme-iommu nnvme-noiommu'

# few FOLDER OPTION...: those rows, by the script of ./run bench, which leaves in /out what goes to FOLDER.
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
cp -r /tmp/timed /tmp/merged
check merged noiommu-nvme-bench merge /tmp/merged/results.json /tmp/counted/results.json \
	/tmp/counted/marks.txt
for row in $rows; do
	check "$row: what the host says of its disturbance" holds "$(value /tmp/timed "$row" run_delay)" '>=' 0
	check "$row: the timed run's IOPS" \
		holds "$(value /tmp/merged "$row" iops)" == "$(value /tmp/timed "$row" iops)"
	for metric in instructions_user instructions_kernel sq_doorbells cq_doorbells; do
		check "$row: $metric" holds "$(value /tmp/merged "$row" per_io.$metric)" '>' 0
	done
done
# These sleep: no waiting is in their counts.
identity=$(value /tmp/merged kernel-identity-plain per_io.instructions_kernel)
dma=$(value /tmp/merged kernel-dma-plain per_io.instructions_kernel)
check 'the kernel executes more for DMA than for identity' holds "$dma" '>' "1.1 * $identity"
for row in nnvme-iommu nnvme-noiommu; do
	for metric in sq_doorbells cq_doorbells; do
		merged=$(value /tmp/merged $row per_io.$metric) counted=$(value /tmp/counted $row per_io.$metric)
		check "$row: $metric as the driver counts them" holds "$merged" == "$counted"
	done
done

check 'with fio' few /tmp/fio --time=0.2 --fio
for row in $rows; do
	check "$row: fio's IOPS" holds "$(value /tmp/fio "$row" iops)" '>' 0
	check "$row: fio's disturbance" holds "$(value /tmp/fio "$row" run_delay)" '>=' 0
done
