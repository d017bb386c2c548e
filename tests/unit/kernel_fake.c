// SPDX-License-Identifier: MIT
/* The tree, and the system calls on it. The ioctls are in kernel_fake_vfio.c. */
#include "kernel_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/sys.h"
#include "kernel_fake_group.h"
#include "kernel_fake_vfio.h"

struct fake fake;

static char root[64];
static struct nnvme_sys real;
static char paths[1024][300];	/* of open descriptors, without the root */

#define PATH(path, fmt) char path[PATH_MAX]; do {		\
	va_list ap;						\
	int n_ = snprintf(path, sizeof(path), "%s", root);	\
	va_start(ap, fmt);					\
	vsnprintf(path + n_, sizeof(path) - (size_t)n_, fmt, ap);	\
	va_end(ap);						\
} while (0)

static void make_parents(const char *path)
{
	char dir[PATH_MAX];

	for (const char *c = strchr(path + 1, '/'); c; c = strchr(c + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(c - path), path);
		mkdir(dir, 0755);
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *f;

	make_parents(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

void fake_file(const char *text, const char *path_fmt, ...)
{
	PATH(path, path_fmt);
	write_text(path, text);
}

void fake_link(const char *target, const char *path_fmt, ...)
{
	PATH(path, path_fmt);
	make_parents(path);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

void fake_node(const char *type, const char *number, const char *path_fmt, ...)
{
	char text[40];
	PATH(path, path_fmt);

	snprintf(text, sizeof(text), "%s %s", type, number);
	write_text(path, text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

void fake_remove(const char *path_fmt, ...)
{
	PATH(path, path_fmt);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *text_of(const char *path)
{
	static char text[4096];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	if (f)
		fclose(f);
	return text;
}

const char *fake_text(const char *path_fmt, ...)
{
	PATH(path, path_fmt);
	return text_of(path);
}

const char *fake_driver(const char *bdf)
{
	static char target[PATH_MAX];
	char path[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver", root, bdf);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = 0;
	return strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
}

/* --- what the kernel does on a write to sysfs --- */

static bool has_iommu(const char *bdf)
{
	return strcmp(bdf, FAKE_NOIOMMU) != 0;
}

static void attach_vfio(const char *bdf)
{
	const char *prefix = has_iommu(bdf) ? "" : "noiommu-";
	const char *number = has_iommu(bdf) ? "250:0\n" : "250:1\n";

	if (!*fake_driver(bdf))
		fake_link("../../drivers/vfio-pci", "/sys/bus/pci/devices/%s/driver", bdf);
	fake_file("", "/sys/bus/pci/devices/%s/vfio-dev/%svfio0/uevent", bdf, prefix);
	if (fake.no_cdev || (fake.no_noiommu_cdev && !has_iommu(bdf)))
		return;
	fake_file(number, "/sys/bus/pci/devices/%s/vfio-dev/%svfio0/dev", bdf, prefix);
	fake_node("c", number, "/dev/vfio/devices/%svfio0", prefix);
}

void fake_bind_vfio(const char *bdf)
{
	fake_file("Y\n", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	fake_remove("/sys/bus/pci/devices/%s/nvme", bdf);
	fake_remove("/sys/bus/pci/devices/%s/driver", bdf);
	attach_vfio(bdf);
}

void fake_groups(void)
{
	fake_file("", "/dev/vfio/vfio");
	fake_file("240:5\n", "/sys/class/vfio/5/dev");
	fake_node("c", "240:5", "/dev/vfio/5");
}

static void detach(const char *bdf)
{
	fake_remove("/sys/bus/pci/devices/%s/driver", bdf);
	fake_remove("/sys/bus/pci/devices/%s/vfio-dev", bdf);
	fake_remove("/sys/bus/pci/devices/%s/uio", bdf);
	fake_hide_disks(bdf);
}

/*
 * drivers_probe: the driver that driver_override names, or else the one for the class. 0 or errno.
 */
static int probe_driver(const char *bdf)
{
	char driver[32] = "nvme", path[PATH_MAX], target[64];

	if (*fake_driver(bdf))
		return 0;
	if (strcmp(fake_text("/sys/bus/pci/devices/%s/driver_override", bdf), "(null)\n") != 0)
		sscanf(fake_text("/sys/bus/pci/devices/%s/driver_override", bdf), "%31s", driver);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s", root, driver);
	if (access(path, F_OK))
		return 0;
	if (strstr(driver, "vfio")) {
		if (fake.vfio_refuses)
			return EINVAL;
		/*
		 * Without an IOMMU, VFIO takes a device only in noiommu mode
		 * (drivers/vfio/group.c).
		 */
		if (!has_iommu(bdf) && fake_text("/sys/module/vfio/parameters/"
						 "enable_unsafe_noiommu_mode")[0] != 'Y')
			return EINVAL;
	}
	if ((fake.refuses && !strcmp(driver, fake.refuses)) ||
	    (fake.refuses_type && !strcmp(fake_text("/sys/kernel/iommu_groups/5/type"),
					  fake.refuses_type)))
		return 0;	/* it rejects the device: nobody is told */
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	fake_link(target, "/sys/bus/pci/devices/%s/driver", bdf);
	if (strstr(driver, "vfio"))
		attach_vfio(bdf);
	else if (!strcmp(driver, "nvme") || !strcmp(driver, "blk"))
		fake_show_disks(bdf);
	if (fake.at_probe)
		fake.at_probe();
	return 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/* The effect of writing @text to a sysfs file; 0 or errno. */
static int sysfs_write(const char *path, const char *text)
{
	long calls = fake.calls, fail_at = fake.fail_at;
	char full[PATH_MAX];
	int rc = 0;

	fake.fail_at = 0;	/* the kernel's own doing isn't a system call */
	snprintf(full, sizeof(full), "%s%s", root, path);
	if (ends_with(path, "/driver/unbind")) {
		detach(text);
		if (fake.at_unbind)
			fake.at_unbind();
	} else if (ends_with(path, "/drivers_probe")) {
		rc = probe_driver(text);
	} else if (ends_with(path, "/type")) {
		rc = fake_type_write(path, text);
	} else if (ends_with(path, "/driver_override")) {
		write_text(full, strcmp(text, "\n") ? text : "(null)\n");
	} else {
		write_text(full, text);
	}
	fake.calls = calls;
	fake.fail_at = fail_at;
	return rc;
}

/* --- the system calls --- */

static bool injected(void)
{
	fake.calls++;
	if (fake.calls == fake.die_at)
		_exit(FAKE_DIED);
	if (fake.calls != fake.fail_at)
		return false;
	fake.injected++;
	errno = EIO;
	return true;
}

static bool is_node(const char *path)
{
	return !strncmp(path, "/dev/", 5);
}

static bool is_vfio_node(const char *path)
{
	return !strncmp(path, "/dev/vfio/", 10);
}

static int fake_open(const char *path, int flags, ...)
{
	int fd;

	if (injected())
		return -1;
	path += strlen(root);
	if (fake.fail_open && ends_with(path, fake.fail_open) && --fake.open_before < 0) {
		errno = fake.open_errno;
		return -1;
	}
	fd = real.open(path - strlen(root), flags & ~O_EXCL, 0600);
	if (fd < 0)
		return fd;
	assert_true(fd < 1024);
	snprintf(paths[fd], sizeof(paths[fd]), "%s", path);
	if (is_node(path))
		fake_link(path, "/proc/%d/fd/%d", getpid(), fd);
	fake.exclusive += !!(flags & O_EXCL);
	fake.fds++;
	return fd;
}

static int fake_close(int fd)
{
	assert_true(fd >= 0 && paths[fd][0]);
	fake_vfio_closed(fd, paths[fd]);
	if (is_node(paths[fd]))
		fake_remove("/proc/%d/fd/%d", getpid(), fd);
	paths[fd][0] = 0;
	fake.fds--;
	return real.close(fd);
}

static int fake_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (injected())
		return -1;
	if (request == LOOP_GET_STATUS64) {
		((struct loop_info64 *)arg)->lo_rdevice = fake.loop_number;
		return 0;
	}
	rc = request == fake.fail_ioctl ? -fake.fail_errno :
					  fake_vfio_ioctl(fd, paths[fd], request, arg);
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

int fake_open_device(void)
{
	int fd = real.open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0 && fd < 1024);
	strcpy(paths[fd], "/dev/vfio/devices/of-a-group");
	fake.fds++;
	return fd;
}

static void *fake_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (injected())
		return MAP_FAILED;
	fake.maps++;
	return real.mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int fake_munmap(void *addr, size_t len)
{
	fake.maps--;
	return real.munmap(addr, len);
}

static ssize_t fake_pread(int fd, void *buf, size_t len, off_t offset)
{
	if (injected())
		return -1;
	if (is_vfio_node(paths[fd]))
		return fake_config_read(buf, len, offset);
	return real.pread(fd, buf, len, offset);
}

static ssize_t fake_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	char text[3000];
	int rc;

	if (injected())
		return -1;
	if (is_vfio_node(paths[fd]))
		return fake_config_write(buf, len, offset);
	if (strncmp(paths[fd], "/sys/", 5) != 0)
		return real.pwrite(fd, buf, len, offset);
	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)buf);
	rc = sysfs_write(paths[fd], text);
	if (!rc)
		return (ssize_t)len;
	errno = rc;
	return -1;
}

static int fake_access(const char *path, int mode)
{
	return injected() ? -1 : real.access(path, mode);
}

static ssize_t fake_readlink(const char *path, char *buf, size_t size)
{
	return injected() ? -1 : real.readlink(path, buf, size);
}

static int fake_scandir(const char *path, struct dirent ***names,
			int (*filter)(const struct dirent *),
			int (*compare)(const struct dirent **, const struct dirent **))
{
	if (injected())
		return -1;
	if (fake.fail_scandir && ends_with(path, fake.fail_scandir)) {
		errno = fake.open_errno;
		return -1;
	}
	return real.scandir(path, names, filter, compare);
}

static int fake_mkdir(const char *path, mode_t mode)
{
	return injected() ? -1 : real.mkdir(path, mode);
}

static int fake_unlink(const char *path)
{
	return injected() ? -1 : real.unlink(path);
}

static int fake_rename(const char *from, const char *to)
{
	return injected() ? -1 : real.rename(from, to);
}

static int fake_statx(int dir, const char *path, int flags, unsigned mask, struct statx *stx)
{
	char full[PATH_MAX], target[PATH_MAX - 80], type = 0;
	unsigned major, minor;
	ssize_t n;

	if (injected())
		return -1;
	if (*path)
		snprintf(full, sizeof(full), "%s", path);
	else
		snprintf(full, sizeof(full), "%s%s", root, paths[dir]);
	memset(stx, 0, sizeof(*stx));
	n = readlink(full, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = 0;
		stx->stx_mode = *target == '/' ? S_IFREG : 0;
		snprintf(full, sizeof(full), "%s%s", root, target);
	} else if (real.statx(AT_FDCWD, full, flags, mask, stx)) {
		return -1;
	}
	if (sscanf(text_of(full), "%c %u:%u", &type, &major, &minor) != 3)
		return 0;
	stx->stx_mode = type == 'b' ? S_IFBLK : S_IFCHR;
	stx->stx_rdev_major = major;
	stx->stx_rdev_minor = minor;
	return 0;
}

static bool fake_same_files(pid_t a, pid_t b)
{
	return !fake.own_files;
}

static int fake_flock(int fd, int operation)
{
	return injected() ? -1 : real.flock(fd, operation);
}

static int fake_run(char *const argv[])
{
	snprintf(fake.ran, sizeof(fake.ran), "%s %s", argv[0], argv[1]);
	if (fake.no_modprobe)
		return -ENOENT;
	if (!fake.run_loads)
		return -EIO;
	fake_file("", "/sys/bus/pci/drivers/%s/unbind", argv[1]);
	if (!strcmp(argv[1], "vfio-pci"))
		fake_file("N\n", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	return 0;
}

static int fake_has_cap(int capability)
{
	return capability != fake.caps_missing;
}

static long fake_page_size(void)
{
	return fake.page_size;
}

static uint64_t fake_memlock(void)
{
	return fake.memlock;
}

/* --- the machine: kernel_fake_machine.c --- */

void fake_rebuild(void)
{
	fake_remove("/sys");
	fake_remove("/proc");
	fake_remove("/dev");
	fake_remove("/run");
	fake_remove("/away");
	fake_make_machine();
	fake.calls = fake.fail_at = fake.injected = 0;
	fake.ran[0] = 0;
	fake.command = 6;	/* memory and bus mastering on, as a careless kernel leaves it */
}

int fake_setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	fake.caps_missing = -1;
	fake.memlock = UINT64_MAX;
	fake.page_size = 4096;
	fake.bar_size = 16384;
	fake.bar_flags = 7;
	fake.pa_run = UINT64_MAX;
	fake.iova_alignment = 4096;
	fake.msix = 65;
	fake.run_loads = true;
	/* hundreds of files a test: in memory where that can be had */
	strcpy(root, access("/dev/shm", W_OK) ? "/tmp/nnvme-fake-XXXXXX" :
	       "/dev/shm/nnvme-fake-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	real = nnvme_sys;
	nnvme_sys = (struct nnvme_sys){
		.root = root, .open = fake_open, .close = fake_close, .ioctl = fake_ioctl,
		.mmap = fake_mmap, .munmap = fake_munmap, .eventfd = real.eventfd,
		.read = real.read,
		.ppoll = real.ppoll, .pread = fake_pread,
		.pwrite = fake_pwrite, .access = fake_access, .readlink = fake_readlink,
		.scandir = fake_scandir, .mkdir = fake_mkdir, .unlink = fake_unlink,
		.rename = fake_rename, .statx = fake_statx, .same_files = fake_same_files,
		.flock = fake_flock, .pause = fake_pause,
		.run = fake_run, .has_cap = fake_has_cap, .memlock = fake_memlock,
		.page_size = fake_page_size,
	};
	fake_rebuild();
	return 0;
}

int fake_teardown(void **state)
{
	fake_remove("%s", "");
	nnvme_sys = real;
	return 0;
}

void fake_assert_clean(void)
{
	assert_int_equal(fake.fds, 0);
	assert_int_equal(fake.maps, 0);
	assert_int_equal(fake.ioas, 0);
	assert_int_equal(fake.mappings, 0);
	assert_false(fake.bound);
	assert_false(fake.attached);
	assert_int_equal(fake.irqs, 0);
}

void fake_assert_err(int rc, int code, const struct nnvme_err *err, const char *words)
{
	if (rc != code || !strstr(err->text, words ? words : ""))
		print_message("returned %d, wanted %d; said \"%s\", wanted \"%s\"\n", rc, code,
			      rc ? err->text : "", words ? words : "");
	assert_int_equal(rc, code);
	assert_int_equal(err->code, code);
	assert_true(err->text[0]);
	assert_null(strchr(err->text, '\n'));
	assert_non_null(strstr(err->text, words ? words : ""));
}
