/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a next-boot pin. The daemon on the bus takes it away at its first start in a later
 * boot, however often it starts in the boot that the pin was set in; a private daemon never does.
 * What is known of the pin's boot is in a record beside the manifests; losing it costs certainty,
 * and without certainty the pin stays. */

#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "core/boot-entry.h"
#include "core/next-boot.h"
#include "engine/manager-private.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define RECORD_SIZE_MAX 4096

/* What was written down; empty if nothing usable. */
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
static int look_at_pin(const Manager *m, NextBoot *ret) {
        _cleanup_(next_boot_done) NextBoot pin = {};
        FileStamp stamp;
        struct stat st;
        int r;

        if (!m->facts.conf.next_boot)
                return -ENOENT;
        r = root_stat(m->options.root, PATH_NEXT_BOOT_PIN, &st);
        if (r < 0)
                return r;
        file_stamp_from_stat(&st, &stamp);
        pin.inode = stamp.inode;
        pin.mtime = stamp.mtime;
        pin.version = strdup(m->facts.conf.next_boot);
        if (!pin.version)
                return -ENOMEM;
        if (m->facts.host.boot_id) {
                pin.boot_id = strdup(m->facts.host.boot_id);
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
        r = root_mkdir_p(root, PATH_STATE, 0700);
        if (r < 0)
                return r;
        return file_replace(root, path, text, size, 0600);
}

int manager_record_next_boot(Manager *m) {
        _cleanup_(next_boot_done) NextBoot pin = {};
        int r;

        r = look_at_pin(m, &pin);
        if (r == -ENOENT)
                return file_remove(m->options.root, PATH_NEXT_BOOT);
        if (r < 0)
                return r;
        return store_record(m->options.root, PATH_NEXT_BOOT, &pin);
}

static int end_pin(Manager *m, const NextBoot *pin) {
        int r = kernel_conf_store_pin(m->options.root, PIN_NEXT_BOOT, NULL);

        if (r < 0)
                return r;
        log_event(LOG_NOTICE, MSG_NEXT_BOOT_OVER, FIELD_KERNEL, pin->version, NULL,
                  "The boot that kernel '%s' was pinned for has happened; the pin is removed.",
                  pin->version);
        (void) file_remove(m->options.root, PATH_NEXT_BOOT);
        return 1;
}

int manager_settle_next_boot(Manager *m) {
        _cleanup_(next_boot_done) NextBoot record = {}, pin = {};
        uint64_t boot_time;
        int r;

        r = look_at_pin(m, &pin);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = load_record(m->options.root, PATH_NEXT_BOOT, &record);
        if (r < 0)
                return r;
        r = host_boot_time(m->options.root, &boot_time);
        if (r < 0)
                return r;

        switch (next_boot_judge(record.version ? &record : NULL, &pin, boot_time)) {
        case NEXT_BOOT_KEEP:
                return 0;
        case NEXT_BOOT_ADOPT:
                r = store_record(m->options.root, PATH_NEXT_BOOT, &pin);
                return r < 0 ? r : 0;
        case NEXT_BOOT_SPENT:
                return end_pin(m, &pin);
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

int manager_plan_one_shot(const Manager *m, char **ret_arm, char **ret_disarm) {
        _cleanup_(next_boot_done) NextBoot armed = {}, pin = {};
        int r;

        r = load_record(m->options.root, PATH_ONE_SHOT, &armed);
        if (r < 0)
                return r;
        r = look_at_pin(m, &pin);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                return is_armed(&armed, &pin) ? 0 : entry_id(pin.version, ret_arm);
        return armed.version ? entry_id(armed.version, ret_disarm) : 0;
}

void manager_record_one_shot(Manager *m, const char *version) {
        _cleanup_(next_boot_done) NextBoot pin = {};
        int r;

        r = version ? look_at_pin(m, &pin) : -ENOENT;
        if (r >= 0 && streq_ptr(pin.version, version))
                r = store_record(m->options.root, PATH_ONE_SHOT, &pin);
        else if (r == -ENOENT)
                r = file_remove(m->options.root, PATH_ONE_SHOT);
        if (r < 0)
                log_warning("Cannot write down which kernel boots once: %s; the boot loader may be "
                            "told again.",
                            strerror(-r));
}
