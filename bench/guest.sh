#!/bin/sh
# SPDX-License-Identifier: MIT
# The guest's side of `./run bench`: guest.sh null-co|file OPTION... runs the benchmark on the pair
# of controllers with that storage, and leaves the results in /out.
backend=$1
shift
case $backend in
null-co) device=$NULL_IOMMU second=$NULL_NOIOMMU ;;
file) device=$NVME_IOMMU second=$NVME_NOIOMMU ;;
*)
	echo "guest.sh: no backend $backend" >&2
	exit 1
	;;
esac
echo 256 >/proc/sys/vm/nr_hugepages
noiommu-nvme-bench --device "$device" --second-device "$second" --unsafe-noiommu --backend "$backend" --out /out "$@"
status=$?
# The plugin's counts, if there is one.
[ ! -e /run/host/marks ] || cp /run/host/marks /out/marks.txt
exit $status
