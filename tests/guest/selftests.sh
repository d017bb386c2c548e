# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# tier: long
# kernel: 7.3
# guest: --iommu=split
# Linux 7.3's own tests of vfio and iommufd, on both kinds of device and on iommufd's mock one; what
# needs VFIO's container, for which a noiommu device has none, or a device that QEMU lacks is left out.
n=$NVME_NOIOMMU i=$NVME_IOMMU

# selftest NAME PROGRAM ARGUMENT...: its TAP lines, under a name; and one more if it does not end well
selftest() {
	name=$1 program=/selftests/$2
	shift 2
	"$program" "$@" >/tmp/said 2>&1
	status=$?
	sed -E "s/^((not )?ok [0-9]+) /\1 $name: /" /tmp/said
	[ $status = 0 ] || grep -q '^not ok' /tmp/said || echo "not ok $name: ended with status $status"
}

noiommu-nvme bind --unsafe-noiommu "$n" && noiommu-nvme bind "$i" || echo "not ok bind"
echo 64 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
selftest noiommu vfio_iommufd_setup_test "$n"
selftest iommu vfio_iommufd_setup_test "$i"
# NVMe controllers of QEMU have MSI-X and no MSI
selftest noiommu vfio_pci_device_test -V msi "$n"
selftest iommu vfio_pci_device_test -V msi "$i"
selftest noiommu vfio_dma_mapping_mmio_test -v iommufd "$n"
selftest iommu vfio_dma_mapping_mmio_test "$i"
# The guest's kernel has no pages of 1 GiB
selftest noiommu vfio_dma_mapping_test -v iommufd -v iommufd_anonymous \
	-v iommufd_anonymous_hugetlb_2mb "$n"
without=
for mode in vfio_type1_iommu vfio_type1v2_iommu iommufd_compat_type1 iommufd_compat_type1v2 iommufd; do
	without="$without -V ${mode}_anonymous_hugetlb_1gb"
done
# shellcheck disable=SC2086 # several words
selftest iommu vfio_dma_mapping_test $without "$i"
noiommu-nvme unbind "$n" && noiommu-nvme unbind "$i" || echo "not ok unbind"
# The guest's kernel maps no dma-buf (VFIO_PCI_DMABUF); tests skip themselves for no_viommu
selftest mock iommufd -T dmabuf_simple -T dmabuf_revoke -V no_viommu
selftest mock iommufd_fail_nth
