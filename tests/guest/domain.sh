# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: short long
# guest: --iommu=split --nvme=place=shared --nvme=place=shared --device=virtio-balloon-pci,bus=pcie.0,addr=0x1b.2 --with=/sbin/mkfs.ext4:/usr/sbin/mkfs.ext4
# The default domain types of IOMMU groups: every switch, every refusal, a group of several devices,
# holding, being killed, and files that survive it all.
# shellcheck source=tests/guest/domain-lib.sh
. /tests/domain-lib.sh
a=$NVME_1 b=$NVME_2 balloon=0000:00:1b.2

check 'domain: explains the type in a sentence' sh -c "noiommu-nvme domain $i | grep -q 'group [0-9]* of type DMA-FQ: '"
check 'domain: anybody may ask' su nobody -s /bin/sh -c "noiommu-nvme domain $i"
refuses 'domain: a device without an IOMMU' 'no IOMMU behind it' noiommu-nvme domain "$NVME_NOIOMMU"
refuses 'domain: setting that of one' 'no IOMMU behind it' noiommu-nvme domain "$NVME_NOIOMMU" identity
refuses 'domain: not a type' 'identity, DMA, DMA-FQ or auto' noiommu-nvme domain "$i" dma
refuses 'domain: --hold without a command' 'TYPE --hold -- COMMAND' noiommu-nvme domain "$i" DMA --hold

# Every switch; auto is DMA-FQ on this kernel.
for from in identity DMA DMA-FQ auto; do
	for to in identity DMA DMA-FQ auto; do
		noiommu-nvme domain "$i" $from >/dev/null
		check "from $from to $to" noiommu-nvme domain "$i" $to
		check "from $from to $to: so it is" type_is "$i" "$(resolved $to)"
		check "from $from to $to: the driver has it back" driver_is "$i" nvme
	done
done
check 'its disk works' dd if="/dev/$(disk "$i")" of=/dev/null bs=4k count=1

# While mounted: requests that change nothing, or need no unbinding.
noiommu-nvme domain "$i" DMA >/dev/null
d=$(disk "$i")
mke2fs "/dev/$d" >/dev/null 2>&1
mkdir -p /mnt/x
mount "/dev/$d" /mnt/x
check 'mounted: the type that it has' noiommu-nvme domain "$i" DMA
check 'mounted: DMA to DMA-FQ' noiommu-nvme domain "$i" DMA-FQ
check 'mounted: so it is' type_is "$i" DMA-FQ
check 'mounted: the same disk is still there' dd if=/dev/zero of=/mnt/x/f bs=64k count=8
refuses 'mounted: DMA-FQ to DMA' "/dev/$d is mounted on /mnt/x" noiommu-nvme domain "$i" DMA
refuses 'mounted: identity' "umount /mnt/x" noiommu-nvme domain "$i" identity
check 'mounted: auto, which gave the same before' noiommu-nvme domain "$i" auto
check 'mounted: nothing has changed' type_is "$i" DMA-FQ
umount /mnt/x
mkswap "/dev/$d" >/dev/null 2>&1
swapon "/dev/$d"
refuses 'swapped on' "swapoff /dev/$d" noiommu-nvme domain "$i" identity
swapoff "/dev/$d"
dmsetup --noudevsync create held --table "0 2048 linear /dev/$d 0"
refuses 'held' "/dev/$d is held by /dev/dm-" noiommu-nvme domain "$i" identity
dmsetup --noudevsync remove held
for cap in cap_sys_admin cap_sys_rawio; do
	refuses "without $cap" "has no $(echo $cap | tr '[:lower:]' '[:upper:]')" capsh --shell=/bin/sh --drop=$cap -- -c \
		"noiommu-nvme domain $i identity"
done
refuses 'not root' 'run as root' su nobody -s /bin/sh -c "noiommu-nvme domain $i identity"
check 'not root: the type that it has' su nobody -s /bin/sh -c "noiommu-nvme domain $i DMA-FQ"
check 'after all that: the type' type_is "$i" DMA-FQ
check 'after all that: the driver' driver_is "$i" nvme

# Anybody can open the type's file, and lock it; a program that has the disk open prevents a change;
# a damaged state file is named.
su nobody -s /bin/sh -c "exec flock /sys/bus/pci/devices/$i/iommu_group/type sleep 1000" &
holder=$!
until_true has_open $holder /type
check 'locked by a user: no matter' noiommu-nvme domain "$i" DMA
end_holder TERM
# shellcheck disable=SC2046 # one number or more
kill $(pidof sleep) 2>/dev/null
# shellcheck disable=SC2217 # it shall have it open
sleep 1000 <"/dev/$d" &
holder=$!
until_true has_open $holder "$d"
refuses 'open as everybody may' "process $holder (sleep) has /dev/$d open" noiommu-nvme domain "$i" identity
end_holder TERM
echo gibberish >"$state"
refuses 'a damaged state file' "rm $state" noiommu-nvme domain "$i" identity
rm "$state"
noiommu-nvme domain "$i" DMA-FQ >/dev/null

# With vfio-pci.
noiommu-nvme bind "$i" >/dev/null
check 'bound to vfio-pci' noiommu-nvme domain "$i" identity
check 'bound to vfio-pci: it stays so' driver_is "$i" vfio-pci
/tests/device hold "$i" >/tmp/hold &
holder=$!
until_true grep -q open /tmp/hold
refuses 'open in a program' "process $holder (device)" noiommu-nvme domain "$i" DMA
check 'open in a program: the type that it has' noiommu-nvme domain "$i" identity
end_holder TERM
noiommu-nvme unbind "$i" >/dev/null
check 'from identity the former driver has it back' driver_is "$i" nvme
check 'bind --driver' noiommu-nvme bind "$i" --driver vfio-pci
check 'bind --driver: again' noiommu-nvme bind --driver=vfio-pci "$i"
noiommu-nvme unbind "$i" >/dev/null
refuses 'bind --driver: one that does not want it' 'virtio-pci did not take it' noiommu-nvme bind --driver virtio-pci "$i"
refuses 'bind --driver: no such driver' 'no driver frob' noiommu-nvme bind --driver frob "$i"
check 'and the driver is what it was' driver_is "$i" nvme

# A group of several: two controllers and a device of another kind.
check 'a group: shows who shares it' sh -c "noiommu-nvme domain $a | grep -q '$b (nvme), $balloon (virtio-pci)'"
refuses 'a group: another driver' "$balloon, which is in it, is driven by virtio-pci" noiommu-nvme domain "$a" identity
command=$(noiommu-nvme domain "$a" identity 2>&1 | sed 's/.*first: //')
check 'a group: the command that fixes it' sh -c "$command"
check 'a group: both controllers are let go of and taken back' noiommu-nvme domain "$a" identity
check 'a group: the type of both' type_is "$b" identity
check 'a group: the driver of one' driver_is "$a" nvme
check 'a group: the driver of the other' driver_is "$b" nvme
d=$(disk "$b")
mke2fs "/dev/$d" >/dev/null 2>&1
mount "/dev/$d" /mnt/x
refuses 'a group: the other one is mounted' "$b is in use: /dev/$d is mounted" noiommu-nvme domain "$a" DMA
umount /mnt/x
check 'a group: one with vfio-pci, one with nvme' sh -c "noiommu-nvme bind $a && noiommu-nvme domain $b DMA"
check 'a group: bridges and devices with no driver do no harm' noiommu-nvme domain 0000:00:1f.0 identity
noiommu-nvme unbind "$a" >/dev/null
check 'a group: all as it was' driver_is "$a" nvme

# --hold
noiommu-nvme domain "$i" DMA-FQ >/dev/null
hold() { noiommu-nvme domain "$i" identity --hold -- "$@"; }
back() { type_is "$i" DMA-FQ && driver_is "$i" nvme && [ ! -e "$state" ]; }
check 'hold: the type while COMMAND runs' hold grep -q identity "/sys/bus/pci/devices/$i/iommu_group/type"
check 'hold: restored' back
check 'hold: the exit status of COMMAND' status 7 hold sh -c 'exit 7'
check 'hold: restored after that' back
check 'hold: COMMAND crashes' status 139 hold sh -c 'kill -SEGV $$'
check 'hold: restored after a crash' back
check 'hold: no such COMMAND' status 127 hold /no/such
check 'hold: restored after that, too' back
refuses 'hold: others must wait' 'held by another program (process [1-9]' hold noiommu-nvme domain "$i" DMA
for s in INT TERM HUP; do
	rm -f /tmp/began /tmp/told
	# The shell ignores SIGINT for background jobs: setsid's child would inherit that.
	noiommu-nvme domain "$i" identity --hold -- sh -c "trap 'echo told >/tmp/told; exit 5' $s
		echo >/tmp/began; while :; do usleep 50000; done" &
	holder=$!
	until_true test -e /tmp/began
	[ $s = INT ] && s=TERM && kill -INT $holder && s=INT
	[ $s = INT ] || kill -$s $holder
	[ $s = INT ] && usleep 500000 && [ ! -e /tmp/told ] && kill -TERM $holder
	wait $holder
	got=$?
	[ $s = INT ] || check "hold: SIG$s reaches COMMAND" test -e /tmp/told
	[ $s = INT ] || check "hold: SIG$s: the exit status of COMMAND" [ $got = 5 ]
	check "hold: SIG$s: restored" back
done
hold sh -c 'echo >/tmp/began9; exec sleep 1000' &
holder=$!
until_true test -e /tmp/began9
command=$(pidof sleep)
kill -9 "$(cut -d' ' -f3 "$state")"
wait $holder
check 'killed: it is said' sh -c "noiommu-nvme domain $i | grep -q -e '--restore'"
check 'killed: the type is still held' type_is "$i" identity
check 'killed: domain --restore' noiommu-nvme domain "$i" --restore
check 'killed: restored' back
check 'domain --restore: nothing to do' sh -c "noiommu-nvme domain $i --restore | grep -q nothing"
# shellcheck disable=SC2086 # one number or more
kill $command

# Killed between unbinding and binding, as far as a state file can tell; bind and unbind undo it as
# well.
for verb in bind unbind 'domain --restore'; do
	group=$(basename "$(readlink "/sys/bus/pci/devices/$i/iommu_group")")
	echo noiommu-nvme >"/sys/bus/pci/devices/$i/driver_override"
	echo "$i" >"/sys/bus/pci/devices/$i/driver/unbind"
	printf 'nvme\n(null)\nnoiommu-nvme\n' >"/run/noiommu-nvme/$i"
	echo 'DMA-FQ identity 1' >"/run/noiommu-nvme/group-$group"
	echo identity >"/sys/bus/pci/devices/$i/iommu_group/type"
	# shellcheck disable=SC2086 # two words
	check "half-way: $verb says so" sh -c "noiommu-nvme $verb $i 2>&1 | grep -q 'interrupted.*type DMA-FQ again'"
	noiommu-nvme unbind "$i" >/dev/null
	check "half-way: $verb puts it right" back
done
check 'no state file is left but what auto gave' [ "$(ls /run/noiommu-nvme)" = "$i.auto" ]

survives
