#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The command lines of noiommu-nvme that need no device: usage errors, help, and how arguments are
# read.
# Usage: cli_usage.sh PROGRAM
set -u
program=$1
n=0
failed=0

# says STATUS TEXT ARGUMENT...: the exit status, and a text in what it writes
says() {
	local want=$1 text=$2 out status
	shift 2
	out=$("$program" "$@" 2>&1)
	status=$?
	n=$((n + 1))
	if [ "$status" = "$want" ] && [[ $out == *"$text"* ]]; then
		echo "ok $n - noiommu-nvme $*"
	else
		echo "not ok $n - noiommu-nvme $* # exit status $status: $out"
		failed=1
	fi
}

says 2 'no command; see noiommu-nvme --help'
says 2 'there is no command "frob"' frob
says 2 'there is no option --frob' --frob
says 0 'usage: noiommu-nvme COMMAND' --help
says 0 'usage: noiommu-nvme COMMAND' -h
says 0 'usage: noiommu-nvme COMMAND' bind 99 --help
says 0 'usage: noiommu-nvme COMMAND' probe --help
says 0 'noiommu-nvme 0.' --version
says 2 'bind needs an address' bind
says 2 'bind has no option --frob' bind --frob 41:00.0
says 2 'bind has no option -x' bind -x 41:00.0
says 2 'bind has no option -x' bind a -xy
says 2 'bind has no option -x' bind --unsafe-noiommu -xy
says 2 'bind has no option -x' bind '' -xy
says 2 'write --unsafe-noiommu in full' bind --unsafe zz
says 2 'write --unsafe-noiommu in full' bind zz --u
says 2 'write --driver in full' bind --dri vfio-pci zz
says 2 'write --driver in full' bind --d=vfio-pci zz
says 1 '"zz" is not a PCI address' bind --driver=vfio-pci --unsafe-noiommu zz
says 1 '"zz" is not a PCI address' bind --driver vfio-pci zz --unsafe-noiommu
says 2 '--driver needs a value' bind 41:00.0 --driver
says 2 'bind needs an address' bind --driver vfio-pci
says 2 'bind takes one address; unexpected: b' bind a b
says 2 'bind takes one address; unexpected: b' bind a -- b
says 2 'unbind has no option --driver' unbind --driver vfio-pci 41:00.0
says 1 'noiommu-nvme list' bind --driver=vfio-pci /dev/no-such-disk
says 1 '"--help" is not a PCI address' bind -- --help
says 2 'list takes no arguments; unexpected: all' list all
says 2 'doctor has no option --frob' doctor --frob
says 2 'doctor has no option --json=yes' doctor --json=yes
says 2 'doctor has no option --json=' doctor --json=
says 2 'doctor takes one address; unexpected: b' doctor a b
says 2 'domain needs an address' domain
says 2 'domain takes one address and one type; unexpected: c' domain a b c
says 2 '--restore takes no type' domain a --restore DMA
says 2 '--hold needs a type and a command' domain a --hold DMA
says 2 '--hold needs a type and a command' domain a --hold DMA --
says 2 '--hold needs a type and a command' domain a --hold -- DMA true
says 2 'a command goes with --hold' domain a DMA -- true
says 1 '"a" is not a PCI address' domain a --hold DMA -- true --help
says 2 'frob' domain a frob
says 2 'isolation needs an address' isolation
says 2 'isolation takes one address; unexpected: b' isolation a b
echo "1..$n"
exit $failed
