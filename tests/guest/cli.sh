# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short
# guest: --iommu=split
# noiommu-nvme on a real kernel: list, bind, unbind, doctor, and what they must refuse; then the
# library opening a device that it has bound.
# shellcheck source=tests/guest/lib.sh
. /tests/lib.sh
n=$NVME_NOIOMMU i=$NVME_IOMMU
switch=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode

driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver")"; }
is() { [ "$(driver "$1")" = "$2" ]; }
row() { noiommu-nvme list | grep -q "$@"; }
one_line() { [ "$("$@" 2>&1 | wc -l)" = 1 ]; }
status() { want=$1; shift; "$@" >/dev/null 2>&1; [ $? = "$want" ]; }

check 'list: a controller without an IOMMU' row "^$n  *nvme  *kernel  *-  *-  *QEMU NVMe Ctrl  *[0-9]"
check 'list: a controller behind one' row "^$i  *nvme  *kernel  *[0-9][0-9]*  *DMA[-FQ]*  *QEMU NVMe Ctrl  *[0-9]"
check 'list: says nothing of other devices' [ "$(noiommu-nvme list | wc -l)" = 5 ]
check 'doctor: device nodes without an IOMMU' sh -c 'noiommu-nvme doctor | grep -q "^ok  *noiommu-cdev "'
check 'doctor: physical addresses' sh -c 'noiommu-nvme doctor | grep -q "^ok  *get-pa "'
check 'doctor: devices take them' sh -c 'noiommu-nvme doctor | grep -q "^ok  *phys-addr "'
check 'doctor: the switch is off' sh -c 'noiommu-nvme doctor | grep -q "^note  *noiommu .*off"'
check 'doctor: a capability that is missing' sh -c \
	'capsh --drop=cap_sys_rawio --shell=/bin/sh -- -c "noiommu-nvme doctor" | grep -q "^missing  *CAP_SYS_RAWIO"'
check '--help' sh -c 'noiommu-nvme --help | grep -q unsafe-noiommu'
check '--version' sh -c 'noiommu-nvme --version | grep -q "^noiommu-nvme [0-9]"'
check 'usage errors have their own status' status 2 noiommu-nvme frob
check 'an unknown option is one' status 2 noiommu-nvme bind --frob "$n"
check 'help wherever it is asked for' sh -c "noiommu-nvme bind $n --help | grep -q unsafe-noiommu"
check 'a missing address is one' status 2 noiommu-nvme bind
check 'output that cannot be written fails' status 1 sh -c 'noiommu-nvme list >/dev/full'

# What bind refuses, and that the device then still has its driver.
refuses 'bind: no such device' '0000:99:00.0' noiommu-nvme bind 99:00.0
refuses 'bind: not NVMe' 'class 0x' noiommu-nvme bind 0000:00:1f.0
# shellcheck disable=SC1003 # a backslash is what is looked for
refuses 'bind: an address cut at its colons' '0000\\:41\\:00.0' noiommu-nvme bind 0000
refuses 'bind: the name of a disk: says the address' "controller is $n" noiommu-nvme bind "/dev/$(disk "$n")"
refuses 'bind: the name of a controller, too' "controller is $i" \
	noiommu-nvme bind "$(basename "$(ls -d "/sys/bus/pci/devices/$i"/nvme/nvme*)")"
refuses 'bind: noiommu mode is off' "bind --unsafe-noiommu $n" noiommu-nvme bind "$n"
check 'a refusal is one line' one_line noiommu-nvme bind "$n"
check 'the switch is still off' grep -q N $switch
d=$(disk "$n")
mke2fs "/dev/$d" >/dev/null 2>&1
mkdir -p "/mnt/some where"
mount "/dev/$d" "/mnt/some where"
echo kept >"/mnt/some where/file"
refuses 'bind: mounted, names the mount point' "/dev/$d is mounted on /mnt/some where" \
	noiommu-nvme bind --unsafe-noiommu "$n"
check 'mounted: the file system is unharmed' grep -q kept "/mnt/some where/file"
unshare -m sh -c 'sleep 1000' &
holder=$!
elsewhere() { [ "$(readlink "/proc/$holder/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; }
until_true elsewhere
umount "/mnt/some where"
refuses 'bind: mounted in another namespace' "/dev/$d" noiommu-nvme bind --unsafe-noiommu "$n"
end_holder TERM
sleep 1
if dmsetup --noudevsync create held --table "0 2048 linear /dev/$d 0" 2>/dev/null; then
	refuses 'bind: held by a device on top' "/dev/$d is held by /dev/dm-" \
		noiommu-nvme bind --unsafe-noiommu "$n"
	dmsetup --noudevsync remove held
else
	not_ok 'bind: held by a device on top # dmsetup does not work here'
fi
mkswap "/dev/$d" >/dev/null 2>&1
if swapon "/dev/$d" 2>/dev/null; then
	refuses 'bind: swapped on' "swapoff /dev/$d" noiommu-nvme bind --unsafe-noiommu "$n"
	swapoff "/dev/$d"
else
	not_ok 'bind: swapped on # swapon does not work here'
fi
# Programs that have it open without O_EXCL, by any of its nodes.
ctrl=/dev/${d%n1}
for node in "/dev/$d" "$ctrl" "/dev/ng${d#nvme}"; do
	# shellcheck disable=SC2217 # it shall have it open
	sleep 1000 <"$node" &
	holder=$!
	until_true has_open $holder "$node"
	refuses "bind: $node is open" "process $holder (sleep) has $node open" noiommu-nvme bind --unsafe-noiommu "$n"
	end_holder TERM
done
# shellcheck disable=SC2046 # two words
mknod /tmp/another-name b $(sed 's/:/ /' "/sys/class/block/$d/dev")
# held NAME WORDS SIGN ARGUMENT...: bind refuses while /tests/device, which says SIGN when it has
# it, runs
held() {
	held_name=$1 held_words=$2 held_sign=$3
	shift 3
	/tests/device "$@" >/tmp/hold &
	holder=$!
	until_true grep -q "$held_sign" /tmp/hold
	refuses "bind: $held_name and closed" "process $holder (device) has $held_words" \
		noiommu-nvme bind --unsafe-noiommu "$n"
	end_holder TERM
	: >/tmp/hold
}
for file in /tmp/another-name "/sys/bus/pci/devices/$n/resource0"; do
	held "$file is mapped" '.* mapped' mapped map "$file"
done
held 'a disk is in an io_uring' "/dev/$d open in an io_uring" registered ring "/dev/$d"
mv "/dev/$d" "/dev/away"
refuses 'bind: the disk has no node' "nothing by that name here.*mknod /dev/$d b" \
	noiommu-nvme bind --unsafe-noiommu "$n"
mv "/dev/away" "/dev/$d"
mkdir -p /run/noiommu-nvme
echo gibberish >"/run/noiommu-nvme/$n"
refuses 'bind: a damaged state file, and the way out' "rm /run/noiommu-nvme/$n" noiommu-nvme bind --unsafe-noiommu "$n"
rm "/run/noiommu-nvme/$n"
check 'after all that nvme has it still' is "$n" nvme
check 'and the switch is still off' grep -q N $switch
refuses 'bind: not root' 'run as root' su nobody -s /bin/sh -c "noiommu-nvme bind $i"
check 'not root: nvme has it still' is "$i" nvme

# Bind and unbind.
check 'bind --unsafe-noiommu' noiommu-nvme bind --unsafe-noiommu "$n"
check 'it turned the switch on' grep -q Y $switch
check 'list: noiommu' row "^$n  *vfio-pci  *noiommu  *-  .*-$"
check 'bind again' noiommu-nvme bind "$n"
check 'plain bind where the mode is on' noiommu-nvme bind "$NULL_NOIOMMU"
check 'unbind that one' noiommu-nvme unbind "$NULL_NOIOMMU"
check 'bind behind an IOMMU' noiommu-nvme bind "$i"
check 'list: iommu' row "^$i  *vfio-pci  *iommu  *[0-9][0-9]*  .*-$"

# The library opens both.
/tests/device check "$n" | sed 's/ok /ok noiommu device: /'
/tests/device check "$i" | sed 's/ok /ok iommu device: /'
check 'device: every spelling of the address' /tests/device open "$(echo "$n" | tr : .)"
refuses 'device: mode iommu without one' 'has no IOMMU' /tests/device open "$n" iommu
refuses 'device: mode noiommu behind one' 'behind an IOMMU' /tests/device open "$i" noiommu
refuses 'device: bound to nvme' "driver nvme; run: noiommu-nvme bind $NULL_IOMMU" \
	/tests/device open "$NULL_IOMMU"
refuses 'device: without CAP_SYS_RAWIO' CAP_SYS_RAWIO without cap_sys_rawio "/tests/device open $n"
check 'device: without CAP_SYS_ADMIN' without cap_sys_admin "/tests/device pin $n"
refuses 'device: memlock too low' 'RLIMIT_MEMLOCK is 1024 KiB' \
	without cap_ipc_lock "ulimit -l 1024; /tests/device pin $n"
check 'device: CAP_IPC_LOCK makes up for it' sh -c "ulimit -l 1024; /tests/device pin $n"
check 'device: and so does enough memlock' without cap_ipc_lock "ulimit -l 20000; /tests/device pin $n"
/tests/device hold "$n" >/tmp/hold &
holder=$!
until_true grep -q open /tmp/hold
refuses 'device: open in another program' "process $holder (device)" /tests/device open "$n"
refuses 'unbind: open in a program' "process $holder (device) has /dev/vfio/devices/noiommu-vfio[0-9]* open" noiommu-nvme unbind "$n"
end_holder TERM
check 'device: free again when that is gone' /tests/device open "$n"

check 'unbind' noiommu-nvme unbind "$n"
check 'nvme has it back' is "$n" nvme
check 'unbind again' noiommu-nvme unbind "$n"
check 'unbind behind an IOMMU' noiommu-nvme unbind "$i"
check 'nvme has that back, too' is "$i" nvme
check 'no state file is left' [ -z "$(ls /run/noiommu-nvme)" ]
check 'no driver_override is left' grep -q null "/sys/bus/pci/devices/$n/driver_override"
check 'its disk works' dd if="/dev/$(disk "$n")" of=/dev/null bs=4k count=1

# Two at a time, and what others have changed since.
noiommu-nvme bind "$i" >/tmp/first 2>&1 &
first=$!
check 'two binds at a time: one' noiommu-nvme bind "$i"
wait $first
check 'two binds at a time: the other' [ $? = 0 ]
echo "$i" >/sys/bus/pci/drivers/vfio-pci/unbind
echo frob >"/sys/bus/pci/devices/$i/driver_override"
check 'changed by hand: unbind forgets' noiommu-nvme unbind "$i"
check 'changed by hand: it has no driver' [ ! -e "/sys/bus/pci/devices/$i/driver" ]
check 'changed by hand: the override is what it was made' grep -q frob "/sys/bus/pci/devices/$i/driver_override"
refuses "bind --driver nvme" "not a VFIO driver" noiommu-nvme bind --driver nvme "$i"
echo >"/sys/bus/pci/devices/$i/driver_override"
echo "$i" >/sys/bus/pci/drivers/nvme/bind
until_true [ -e "/sys/bus/pci/devices/$i/nvme" ]

# Bound while the mode was off: vfio-pci refuses, and bind corrects that.
echo N >$switch
refuses 'bind: off again' "bind --unsafe-noiommu" noiommu-nvme bind "$n"
echo "$n" >"/sys/bus/pci/devices/$n/driver/unbind"
refuses 'device: bound to nothing' "no driver; run: noiommu-nvme bind $n" /tests/device open "$n"
check 'bind a device that has no driver' noiommu-nvme bind --unsafe-noiommu "$n"
check 'unbind leaves it with none' noiommu-nvme unbind "$n"
check 'which it has' [ ! -e "/sys/bus/pci/devices/$n/driver" ]
echo "$n" >/sys/bus/pci/drivers/nvme/bind
echo N >$switch
