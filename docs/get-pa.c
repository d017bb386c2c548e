// SPDX-License-Identifier: MIT
/*
 * Print block 0 of namespace 1 of a controller without an IOMMU, by the kernel's interface alone:
 * VFIO's noiommu device node, iommufd, and IOMMU_IOAS_NOIOMMU_GET_PA for physical addresses.
 *
 *	cc get-pa.c -o get-pa && ./get-pa 0000:41:00.0 | hexdump -C
 *
 * The controller must be bound to vfio-pci in noiommu mode, and the caller have CAP_SYS_RAWIO. Any
 * error ends the program: the kernel ends DMA and resets the device before it unpins the memory.
 */
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* In <linux/vfio.h> since Linux 6.6, in <linux/iommufd.h> since 6.2, the last one since 7.3. */
#define DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#define IOAS_ALLOC _IO(';', 0x81)
#define IOAS_MAP _IO(';', 0x85)
#define IOAS_NOIOMMU_GET_PA _IO(';', 0x95)
struct device_bind { uint32_t argsz, flags; int32_t iommufd; uint32_t out_devid; };
struct device_attach { uint32_t argsz, flags, pt_id; };
struct ioas_alloc { uint32_t size, flags, out_ioas_id; };
struct ioas_map { uint32_t size, flags, ioas_id, reserved; uint64_t user_va, length, iova; };
struct get_pa { uint32_t size, flags, ioas_id, reserved; uint64_t iova, length, out_phys; };

/* NVMe Base 2.x: registers, opcodes, entries of the queues. */
enum { CAP = 0, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
enum { EN = 1, SHN_NORMAL = 1 << 14, IOSQES_64 = 6 << 16, IOCQES_16 = 4 << 20 };
enum { RDY = 1, CFS = 2, SHST = 3 << 2, SHST_COMPLETE = 2 << 2 };
enum { DELETE_SQ = 0, CREATE_SQ = 1, DELETE_CQ = 4, CREATE_CQ = 5, IDENTIFY = 6, READ = 2 };
struct sqe { uint32_t opcode, nsid, pad[4]; uint64_t prp1, prp2; uint32_t cdw10, cdw11, cdw12[4]; };
struct cqe { uint32_t dw0, dw1, sq, cid_status; };

/* The two queues of a pair have two entries each, the fewest there may be, in a page each. */
struct pair { int id, next, phase; };
enum { ADMIN_SQ, ADMIN_CQ, IO_SQ, IO_CQ, IDENTITY, DATA, PAGES, PAGE = 4096 };
static uint8_t *memory;
static uint64_t phys[PAGES], cap;
static volatile uint8_t *regs;

static volatile uint32_t *reg(int offset) { return (volatile uint32_t *)(regs + offset); }
static volatile uint64_t *reg64(int offset) { return (volatile uint64_t *)(regs + offset); }
#define CHECK(call) check((long)(call), #call)
static long check(long answer, const char *call)
{
	return answer < 0 ? (err(1, "%s", call), answer) : answer;
}

/* /dev/vfio/devices/noiommu-vfioN. A device behind an IOMMU has vfioN, and needs no GET_PA. */
static int open_device(const char *bdf)
{
	char path[300];
	glob_t found;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/noiommu-vfio*", bdf);
	if (glob(path, 0, NULL, &found))
		errx(1, "there is no %s: bind it to vfio-pci in noiommu mode", path);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", strrchr(found.gl_pathv[0], '/') + 1);
	return CHECK(open(path, O_RDWR | O_CLOEXEC));
}

/* Attach the device, map memory, which pins it then, and ask for the address of each page. */
static uint8_t *map_memory(int device)
{
	int iommufd = CHECK(open("/dev/iommu", O_RDWR | O_CLOEXEC));
	struct device_bind bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	struct ioas_alloc ioas = { .size = sizeof(ioas) };
	struct device_attach attach = { .argsz = sizeof(attach) };
	struct ioas_map map = { .size = sizeof(map), .flags = 4 | 2, .length = PAGES * PAGE };
	/* flags: read and write; length: in, what is wanted; out, what of that is contiguous */
	struct get_pa get_pa = { .size = sizeof(get_pa), .length = PAGE };

	map.user_va = CHECK(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	memory = (void *)(uintptr_t)map.user_va;
	CHECK(ioctl(device, DEVICE_BIND_IOMMUFD, &bind));
	CHECK(ioctl(iommufd, IOAS_ALLOC, &ioas));
	attach.pt_id = map.ioas_id = get_pa.ioas_id = ioas.out_ioas_id;
	CHECK(ioctl(device, DEVICE_ATTACH_IOMMUFD_PT, &attach));
	CHECK(ioctl(iommufd, IOAS_MAP, &map));
	for (int i = 0; i < PAGES; i++) {
		get_pa.iova = map.iova + i * PAGE;
		CHECK(ioctl(iommufd, IOAS_NOIOMMU_GET_PA, &get_pa));
		if (get_pa.length != PAGE || get_pa.out_phys % PAGE)
			errx(1, "page %d: not a whole page", i);
		phys[i] = get_pa.out_phys;
	}
	return memory;
}

/* Bits of PCI's command register, where VFIO leaves bus mastering off. */
static void command(int device, uint16_t set)
{
	struct vfio_region_info config = { sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t now;

	CHECK(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config));
	CHECK(pread(device, &now, 2, config.offset + 4));
	now |= set;
	CHECK(pwrite(device, &now, 2, config.offset + 4));
}

/* BAR 0, and no INTx, which nobody here handles. */
static void map_registers(int device)
{
	struct vfio_region_info bar = { sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };

	CHECK(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar));
	command(device, 1 << 10 | 1 << 1);
	regs = (void *)CHECK(mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
				  bar.offset));
	cap = *reg64(CAP);
	if (cap >> 48 & 15 || bar.size < DOORBELLS + (16ull << (cap >> 32 & 15)))
		errx(1, "it lacks pages of 4 KiB, or doorbells for a second pair");
}

/* Until these bits have that value: CAP.TO (in 500 ms) and 10 s more are enough for everything. */
static void wait_for(const char *what, volatile uint32_t *word, uint32_t mask, uint32_t value)
{
	const time_t end = time(NULL) + 11 + (cap >> 25 & 127);

	while ((*word & mask) != value)
		if (time(NULL) > end)
			errx(1, "%s: timed out, at %#x", what, *word);
	__sync_synchronize();	/* only now read what the device wrote */
}

static void ring(const struct pair *q, int which)
{
	__sync_synchronize();	/* the device must see the entry first (arm64: by dmb osh) */
	*reg(DOORBELLS + (2 * q->id + which) * (4 << (cap >> 32 & 15))) = q->next;
}

/* One command, and its completion, which the phase tells from the former one in its place. */
static void run(struct pair *q, const char *name, struct sqe sqe)
{
	volatile struct cqe *cqe = (struct cqe *)(memory + (2 * q->id + 1) * PAGE) + q->next;

	((struct sqe *)(memory + 2 * q->id * PAGE))[q->next] = sqe;
	q->phase ^= !q->next;	/* 1 in the first round */
	q->next ^= 1;
	ring(q, 0);
	wait_for(name, &cqe->cid_status, 1 << 16, q->phase << 16);
	if (cqe->cid_status >> 17)
		errx(1, "%s: status %#x", name, cqe->cid_status >> 17);
	ring(q, 1);
}

static void start(int device, struct pair *admin)
{
	*reg(CC) = 0;
	wait_for("CSTS.RDY", reg(CSTS), RDY, 0);
	command(device, 1 << 2);	/* bus mastering: nobody's old queues are left */
	*reg(AQA) = 1 << 16 | 1;	/* two entries each, as below */
	*reg64(ASQ) = phys[ADMIN_SQ];
	*reg64(ACQ) = phys[ADMIN_CQ];
	*reg(CC) = EN | IOSQES_64 | IOCQES_16;
	wait_for("CSTS.RDY", reg(CSTS), RDY | CFS, RDY);
	run(admin, "Create CQ", (struct sqe){
		CREATE_CQ, .prp1 = phys[IO_CQ], .cdw10 = 1 << 16 | 1, .cdw11 = 1 });
	run(admin, "Create SQ", (struct sqe){
		CREATE_SQ, .prp1 = phys[IO_SQ], .cdw10 = 1 << 16 | 1, .cdw11 = 1 << 16 | 1 });
}

static void stop(struct pair *admin)
{
	run(admin, "Delete SQ", (struct sqe){ DELETE_SQ, .cdw10 = 1 });
	run(admin, "Delete CQ", (struct sqe){ DELETE_CQ, .cdw10 = 1 });
	*reg(CC) |= SHN_NORMAL;
	wait_for("CSTS.SHST", reg(CSTS), SHST, SHST_COMPLETE);
	*reg(CC) &= ~EN;
	wait_for("CSTS.RDY", reg(CSTS), RDY, 0);
}

int main(int argc, char **argv)
{
	int device = open_device(argc == 2 ? argv[1] : "(usage: get-pa BDF)");
	const uint8_t *id = map_memory(device) + IDENTITY * PAGE, *format;
	struct pair admin = { .id = 0 }, io = { .id = 1 };

	map_registers(device);
	start(device, &admin);
	run(&admin, "Identify", (struct sqe){ IDENTIFY, 1, .prp1 = phys[IDENTITY] });
	format = id + 128 + 4 * (id[26] & 15);	/* that of FLBAS: MS, LBADS */
	if (id[25] > 15 || format[0] || format[1] || format[2] < 9 || format[2] > 12)
		errx(1, "namespace 1 is absent, or has more formats, metadata, or larger blocks");
	run(&io, "Read", (struct sqe){ READ, 1, .prp1 = phys[DATA] });
	stop(&admin);
	return fwrite(id + PAGE, 1u << format[2], 1, stdout) != 1;
}
