/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kernel is listed or pinned only as long as that can lead to something that boots. What becomes
 * of the change is the job's that follows, so a change made through the bus and one made with an
 * editor take the same way.
 *
 * A next-boot pin has an end. The daemon on the bus takes it away at its first start in a later
 * boot, however often it starts in the boot that the pin was set in; a private daemon never does.
 * What is known of the pin's boot is in a record beside the manifests; losing it costs certainty,
 * and without certainty the pin stays. */

#include "engine/facts/kernel-lists.h"

#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "core/kernel/pin.h"
#include "core/loader/esp-path.h"
#include "sys/boot-dir.h"
#include "sys/dpkg.h"
#include "sys/file.h"

#define RECORD_SIZE_MAX 4096

static int check_version(const char *version, Error *error) {
        _cleanup_free_ char *shown = NULL;

        if (kernel_version_is_valid(version))
                return 0;
        shown = string_for_humans(version, strlen(version), 64);
        return error_set(error, ERROR_INVALID_VERSION,
                         "'%s' is not a kernel version; give one as in /boot/vmlinuz-VERSION",
                         strempty(shown));
}

static int check_stored(const Root *root, int r, Error *error) {
        return r < 0 ? error_set_errno(error, r,
                                       "Cannot change the files in /" PATH_ETC_KERNEL " below '%s'",
                                       root_path(root))
                     : r;
}

/* Valid, and its image is in boot/ as it is now. */
static int find_kernel(const Facts *facts, const char *version, const Kernel **ret, Error *error) {
        const BootKernel *boot;
        int r;

        r = check_version(version, error);
        if (r < 0)
                return r;
        boot = boot_dir_find(&facts->boot, version);
        if (!boot || !boot->has_image)
                return error_set(error, ERROR_NO_SUCH_KERNEL,
                                 "There is no kernel '%s': /" PATH_BOOT
                                 "/vmlinuz-%s is missing; see "
                                 "'bootctl-pve kernel list'",
                                 version, version);
        *ret = kernel_set_find(&facts->kernels, version);
        return 0;
}

static int add_kernel(const Root *root, const Facts *facts, const char *version, Error *error) {
        const Kernel *kernel;
        int r;

        r = find_kernel(facts, version, &kernel, error);
        if (r < 0)
                return r;
        return check_stored(root, kernel_conf_change_list(root, LIST_KERNELS, version, true),
                            error);
}

/* True if @kernel is the only kept kernel that boots, and kept for nothing but the manual list. */
static bool is_last_kernel(const KernelSet *set, const Kernel *kernel) {
        if (kernel->reasons != 1u << KERNEL_MANUAL || !kernel_is_bootable(kernel))
                return false;
        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *other = &set->kernels[i];

                if (other != kernel && other->reasons != 0 && kernel_is_bootable(other))
                        return false;
        }
        return true;
}

static int remove_kernel(const Root *root, const Facts *facts, const char *version, Error *error) {
        const Kernel *kernel;
        int r;

        r = check_version(version, error);
        if (r < 0)
                return r;
        kernel = kernel_set_find(&facts->kernels, version);
        if (!kernel || !kernel_has_reason(kernel, KERNEL_MANUAL))
                return error_set(error, ERROR_NO_SUCH_KERNEL,
                                 "Kernel '%s' is not on the manual list; see 'bootctl-pve kernel "
                                 "list'",
                                 version);
        if (is_last_kernel(&facts->kernels, kernel))
                return error_set(error, ERROR_LAST_KERNEL,
                                 "Kernel '%s' is the last one that boots; add another one first",
                                 version);
        return check_stored(root, kernel_conf_change_list(root, LIST_KERNELS, version, false),
                            error);
}

/* Known to be refused, while Secure Boot is enabled, by all that check kernels on this host. An ESP
 * that alone would not boot it has another default, and a warning tells of it. */
static bool is_refused(const Facts *facts, const Kernel *kernel) {
        return facts->checkers != 0 && (kernel->refused & facts->checkers) == facts->checkers;
}

static int refuse_pin(const Facts *facts, const char *version, Error *error) {
        _cleanup_free_ char *path = strprintf("/" PATH_BOOT "/vmlinuz-%s", version);
        const SignedFile *file =
                        path && facts->secure_boot
                                        ? signed_files_find(&facts->secure_boot->files, path)
                                        : NULL;
        const char *reason = NULL;

        for (Checker c = 0; file && c < _CHECKER_MAX; c++)
                if (facts->checkers & (1u << c))
                        reason = file->by[c].reason;
        return error_set(error, ERROR_NOT_BOOTABLE,
                         "Kernel '%s' cannot be pinned: Secure Boot is enabled, and refuses it, as "
                         "%s; sign it with a key that is accepted, or pin another kernel",
                         version, reason ?: "it is not accepted");
}

static int pin(const Root *root, const Facts *facts, const char *version, PinScope scope,
               Error *error) {
        const Kernel *kernel = NULL;
        int r;

        r = find_kernel(facts, version, &kernel, error);
        if (r < 0)
                return r;
        if (!kernel_is_bootable(kernel))
                return error_set(error, ERROR_NOT_BOOTABLE,
                                 "Kernel '%s' cannot be pinned: /" PATH_BOOT
                                 "/initrd.img-%s is missing; "
                                 "make it with 'update-initramfs -c -k %s'",
                                 version, version, version);
        if (is_refused(facts, kernel))
                return refuse_pin(facts, version, error);
        r = kernel_conf_store_pin(root, scope, version);
        if (r > 0)
                log_event(LOG_INFO, MSG_KERNEL_PINNED, FIELD_KERNEL, version, NULL,
                          "Kernel '%s' is pinned%s.", version,
                          scope == PIN_NEXT_BOOT ? " for the next boot" : "");
        return check_stored(root, r, error);
}

static int unpin(const Root *root, bool next_boot_only, Error *error) {
        int r, q = 0;

        r = kernel_conf_store_pin(root, PIN_NEXT_BOOT, NULL);
        if (r >= 0 && !next_boot_only)
                q = kernel_conf_store_pin(root, PIN_PERMANENT, NULL);
        return check_stored(root, r < 0 ? r : q < 0 ? q : r | q, error);
}

int kernel_list_check(const KernelChange *change, Error *error) {
        return change->verb == KERNEL_VERB_UNPIN ? 0 : check_version(change->version, error);
}

int kernel_list_change(const Root *root, const Facts *facts, const KernelChange *change,
                       Error *error) {
        switch (change->verb) {
        case KERNEL_VERB_ADD:
                return add_kernel(root, facts, change->version, error);
        case KERNEL_VERB_REMOVE:
                return remove_kernel(root, facts, change->version, error);
        case KERNEL_VERB_PIN:
                return pin(root, facts, change->version, change->scope, error);
        case KERNEL_VERB_UNPIN:
                return unpin(root, change->scope == PIN_NEXT_BOOT, error);
        }
        assert(false);
        return -EINVAL;
}

int kernel_list_check_new(const Root *root, const char *version, Error *error) {
        int r = check_version(version, error);

        if (r < 0)
                return r;
        if (kernel_is_known(root, version) == 0)
                return error_set(error, ERROR_NO_SUCH_KERNEL,
                                 "There is no kernel '%s': /" PATH_BOOT
                                 "/vmlinuz-%s is missing, and no package of it is installed or "
                                 "being installed; see 'bootctl-pve kernel list'",
                                 version, version);
        return 0;
}

/* The record as it was written down; empty if nothing of it is usable. */
static int load_record(const Root *root, const char *path, NextBoot *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        *ret = (NextBoot){};
        r = file_read(root, path, RECORD_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = next_boot_parse(text, size, ret);
        return r == -ENOMEM ? r : 0;
}

/* The pin file as it is now. -ENOENT without a pin. */
static int look_at_pin(const Root *root, const Facts *facts, NextBoot *ret) {
        _cleanup_(next_boot_done) NextBoot pin = {};
        FileStamp stamp;
        struct stat st;
        int r;

        if (!facts->conf.next_boot)
                return -ENOENT;
        r = root_stat(root, PATH_NEXT_BOOT_PIN, &st);
        if (r < 0)
                return r;
        file_stamp_from_stat(&st, &stamp);
        pin.inode = stamp.inode;
        pin.mtime = stamp.mtime;
        pin.version = strdup(facts->conf.next_boot);
        if (!pin.version)
                return -ENOMEM;
        if (facts->host.boot_id) {
                pin.boot_id = strdup(facts->host.boot_id);
                if (!pin.boot_id)
                        return -ENOMEM;
        }
        *ret = TAKE_STRUCT(pin);
        return 0;
}

static int store_record(const Root *root, const char *path, const NextBoot *pin) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        /* Without a boot id there is nothing to write down, and what stands there is not true. */
        if (!pin->boot_id)
                return file_remove(root, path);
        r = next_boot_format(pin, &text, &size);
        if (r < 0)
                return r;
        return file_store_state(root, path, text, size);
}

int boot_pin_record(const Root *root, const Facts *facts) {
        _cleanup_(next_boot_done) NextBoot pin = {};
        int r;

        r = look_at_pin(root, facts, &pin);
        if (r == -ENOENT)
                return file_remove(root, PATH_NEXT_BOOT);
        if (r < 0)
                return r;
        return store_record(root, PATH_NEXT_BOOT, &pin);
}

static int end_pin(const Root *root, const NextBoot *pin) {
        int r = kernel_conf_store_pin(root, PIN_NEXT_BOOT, NULL);

        if (r < 0)
                return r;
        log_event(LOG_NOTICE, MSG_NEXT_BOOT_OVER, FIELD_KERNEL, pin->version, NULL,
                  "The boot that kernel '%s' was pinned for has happened; the pin is removed.",
                  pin->version);
        (void) file_remove(root, PATH_NEXT_BOOT);
        return 1;
}

int boot_pin_expire(const Root *root, const Facts *facts) {
        _cleanup_(next_boot_done) NextBoot record = {}, pin = {};
        uint64_t boot_time;
        int r;

        r = look_at_pin(root, facts, &pin);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = load_record(root, PATH_NEXT_BOOT, &record);
        if (r < 0)
                return r;
        r = host_boot_time(root, &boot_time);
        if (r < 0)
                return r;

        switch (next_boot_judge(record.version ? &record : NULL, &pin, boot_time)) {
        case NEXT_BOOT_KEEP:
                return 0;
        case NEXT_BOOT_ADOPT:
                r = store_record(root, PATH_NEXT_BOOT, &pin);
                return r < 0 ? r : 0;
        case NEXT_BOOT_SPENT:
                return end_pin(root, &pin);
        case _NEXT_BOOT_VERDICT_MAX:
                break;
        }
        assert(false);
        return -EINVAL;
}

/* The id that systemd-boot has for the entry of @version: its file name. */
static int entry_id(const char *version, char **ret) {
        _cleanup_free_ char *path = esp_entry_path(version);

        *ret = path ? strdup(strrchr(path, '/') + 1) : NULL;
        return *ret ? 0 : -ENOMEM;
}

/* An entry is armed for one boot: what was written down in an earlier one is spent. */
static bool is_armed(const NextBoot *armed, const NextBoot *pin) {
        return streq_ptr(armed->version, pin->version) && armed->inode == pin->inode &&
               armed->mtime == pin->mtime && streq_ptr(armed->boot_id, pin->boot_id);
}

/* No kernel is tried that would not boot. systemd-boot takes the one-shot on a host with ESPs,
 * which has the firmware check the kernel; GRUB has shim check it. */
static bool may_be_armed(const Facts *facts) {
        const Checker checker = facts->grub_host ? CHECKER_SHIM : CHECKER_FIRMWARE;
        const Kernel *kernel = kernel_set_find(&facts->kernels, facts->conf.next_boot);

        return !kernel || !(kernel->refused & (1u << checker));
}

int boot_pin_plan_one_shot(const Root *root, const Facts *facts, char **ret_arm,
                           char **ret_disarm) {
        _cleanup_(next_boot_done) NextBoot armed = {}, pin = {};
        int r;

        r = load_record(root, PATH_ONE_SHOT, &armed);
        if (r < 0)
                return r;
        r = look_at_pin(root, facts, &pin);
        if (r == -ENOMEM)
                return r;
        if (r >= 0 && !may_be_armed(facts))
                r = -ENOENT;
        if (r >= 0)
                return is_armed(&armed, &pin) ? 0 : entry_id(pin.version, ret_arm);
        return armed.version ? entry_id(armed.version, ret_disarm) : 0;
}

void boot_pin_record_one_shot(const Root *root, const Facts *facts, const char *version) {
        _cleanup_(next_boot_done) NextBoot pin = {};
        int r;

        r = version ? look_at_pin(root, facts, &pin) : -ENOENT;
        if (r >= 0 && streq_ptr(pin.version, version))
                r = store_record(root, PATH_ONE_SHOT, &pin);
        else if (r == -ENOENT)
                r = file_remove(root, PATH_ONE_SHOT);
        if (r < 0)
                log_warning("Cannot write down which kernel boots once: %s; the boot loader may be "
                            "told again.",
                            strerror(-r));
}
