# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split --nvme=size=64M,place=shared --nvme=size=64M,place=shared
# alone: the kernel must not be tainted yet
# The output of doctor and list, each finding in both states; what doctor says of a device is what
# the library says.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
n=$NVME_NOIOMMU i=$NVME_IOMMU a=$NVME_1
row() { noiommu-nvme list | grep -q "$@"; }

# found COMMAND LINE...: a line of the output, and with a second pattern the line after it
found() { found_in "noiommu-nvme doctor" "$@"; }
found_in() {
	sh -c "$1" >/tmp/doctor || return 1
	cat /tmp/doctor
	if [ $# = 2 ]; then grep -q -e "$2" /tmp/doctor; else grep -A1 -e "$2" /tmp/doctor | grep -q -e "$3"; fi
}
device() { found_in "noiommu-nvme doctor $1" "$2"; }

check 'it can look' noiommu-nvme doctor
check 'one screen for a device' [ "$(noiommu-nvme doctor "$n" | wc -l)" -le 40 ]
check 'kernel' found "^ok  *kernel  *Linux [67]"
check 'vfio-pci' found '^ok  *vfio-pci '
check 'iommufd' found '^ok  *iommufd '
check 'device nodes' found '^ok  *vfio-cdev '
case $NNVME_KERNEL in
built | debug) by='by the series that this kernel was built with' ;;
7.3) by='as merged in Linux 7.3' ;;
*) by='by the modules of noiommu-vfio-dkms' ;;
esac
check 'device nodes without an IOMMU, and where from' found "^ok  *noiommu-cdev .*, $by\$"
check 'physical addresses' found '^ok  *get-pa '
check 'the switch is off, and who turns it on' found '^note  *noiommu .*off' 'bind --unsafe-noiommu'
check 'no taint' found '^note  *taint .*not tainted'
check 'an IOMMU' found '^ok  *iommu '
check 'CAP_SYS_RAWIO' found '^ok  *CAP_SYS_RAWIO'
check 'CAP_SYS_RAWIO is missing' found_in \
	'capsh --drop=cap_sys_rawio --shell=/bin/sh -- -c "noiommu-nvme doctor"' '^missing  *CAP_SYS_RAWIO' 'run as root'
check 'memlock' found_in 'ulimit -l 512; capsh --drop=cap_ipc_lock --shell=/bin/sh -- -c "noiommu-nvme doctor"' \
	'^note  *memlock  *512 KiB' 'ulimit -l unlimited'
check 'memlock without effect' found_in 'ulimit -l 512; noiommu-nvme doctor' '^ok  *memlock  *512 KiB, without effect'
check 'no huge pages, and what reserves some' found '^note .*hugepages .*2048 kB' 'nr_hugepages'
fix=$(noiommu-nvme doctor | grep -A1 '^note .*hugepages .*2048 kB' | sed -n 's/.*-> \(echo.*\); or.*/\1/p')
check 'which does' sh -c "$fix"
check 'huge pages by size and node' found '^ok  *hugepages .*[1-9] of [1-9][0-9]* pages of 2048 kB free'
# shellcheck disable=SC2016 # for the shell that is started
check 'no larger ones are asked for while these are free' sh -c '
	noiommu-nvme doctor | grep -A1 hugepages >/tmp/doctor; cat /tmp/doctor; ! grep -q -e "-> echo" /tmp/doctor'
echo 0 >/proc/sys/vm/nr_hugepages
mv /dev/iommu /dev/iommu.away
instead='; devices behind an IOMMU do without, by the VFIO container'
[ "$NNVME_KERNEL" != no-group ] || instead=
check 'no iommufd, and what instead' found '^missing  *iommufd' "-> mknod /dev/iommu c 10 [0-9]*$instead\$"
check 'other findings refer to that' found '^missing  *get-pa' '-> as for iommufd$'
fix=$(noiommu-nvme doctor | sed -n 's/.*-> \(mknod [^;]*\).*/\1/p')
check 'which makes it' sh -c "$fix"
check 'and suffices' found '^ok  *iommufd '
mv /dev/iommu.away /dev/iommu

# Devices.
check 'all controllers' [ "$(noiommu-nvme doctor | grep -c '^0000:')" = 6 ]
check 'one controller' [ "$(noiommu-nvme doctor "$n" | grep -c '^0000:')" = 1 ]
refuses 'no such device' '0000:99:00.0' noiommu-nvme doctor 99:00.0
check 'driver and mode' device "$n" '^ok  *driver  *nvme, mode kernel'
check 'no group' device "$n" '^note  *group  *none'
check 'a group and its type' device "$i" '^ok  *group  *IOMMU group [0-9]* of 1 device, type DMA'
check 'a group of two' device "$a" '^ok  *group  *IOMMU group [0-9]* of 2 devices, type DMA'
check 'model and size' device "$n" '^ok  *device .*QEMU NVMe Ctrl, 1.07 GB'
check 'nobody uses it' device "$n" '^ok  *in-use '
swap=/dev/$(disk "$n")
mkswap "$swap" >/dev/null 2>&1
swapon "$swap"
check 'who uses it, and the command that ends that' device "$n" "^note  *in-use .*swapoff $swap"
swapoff "$swap"
# same NAME BDF: doctor's last line is the library's error
same() {
	/tests/device open "$2" 2>&1 | sed -n 's/^device: //p' >/tmp/words
	check "$1" sh -c "cat /tmp/words; [ -s /tmp/words ] && noiommu-nvme doctor $2 | grep -qFf /tmp/words"
}
same 'bound to nvme: the words of the library' "$n"
echo "$n" >"/sys/bus/pci/devices/$n/driver/unbind"
same 'bound to nothing: the words of the library' "$n"
check 'bind' noiommu-nvme bind --unsafe-noiommu "$n"
check 'programs can open it' device "$n" '^ok  *open '
check 'mode noiommu' device "$n" '^ok  *driver  *vfio-pci, mode noiommu'
check 'the switch is on' found '^note  *noiommu .*on: '
check 'taint' found '^note  *taint .*is tainted'
/tests/device hold "$n" >/tmp/hold &
holder=$!
until_true grep -q open /tmp/hold
check 'who has it open' device "$n" "^missing  *open .*process $holder (device)"
end_holder TERM
check 'bind one of two' noiommu-nvme bind "$a"
same 'a group shared with nvme: the words of the library' "$a"
check 'which name the other' device "$a" "shares IOMMU group .* with $NVME_2, which the driver nvme has"

# list
check 'list: its columns' row '^BDF  *DRIVER  *MODE  *GROUP  *TYPE  *MODEL  *SIZE$'
check 'list: noiommu' row "^$n  *vfio-pci  *noiommu  *-  *-  .*-$"
check 'list: in a group' row "^$a  *vfio-pci  *iommu  *[0-9][0-9]*  *DMA"
check 'list: of the kernel' row "^$i  *nvme  *kernel  *[0-9][0-9]*  *DMA[-FQ]*  *QEMU NVMe Ctrl  *1.07 GB$"

# For programs.
json() { noiommu-nvme doctor --json "$@" >/tmp/json; }
# shellcheck disable=SC2016 # for the shell that is started
check 'json: as much as for people' sh -c '
	noiommu-nvme doctor --json >/tmp/json && [ "$(grep -c "\"state\":" /tmp/json)" = \
		"$(noiommu-nvme doctor | grep -c "^\(ok\|note\|missing\|unknown\) ")" ]'
# shellcheck disable=SC2016 # for the shell that is started
check 'json: every finding has all members' sh -c '
	for key in subject name state message fix; do
		[ "$(grep -c "\"$key\":" /tmp/json)" = "$(grep -c "\"state\":" /tmp/json)" ] || exit 1; done'
json "$n"
check 'json: a device by its address' grep -q "\"subject\":\"$n\"" /tmp/json
# shellcheck disable=SC2016 # for the shell that is started
check 'json: it begins and ends as a list' sh -c '[ "$(head -n1 /tmp/json)$(tail -n1 /tmp/json)" = "[]" ]'
refuses 'an unknown option' 'no option' noiommu-nvme doctor --frob

check 'unbind' noiommu-nvme unbind "$n"
check 'unbind the one of two' noiommu-nvme unbind "$a"
echo N >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
