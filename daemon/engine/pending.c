/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A change that is stored is not on the ESPs before a sync, and a frontend wants to name it. What
 * is wanted follows from the files, what is there from the last look at each ESP. An ESP that is in
 * sync adds nothing, whatever is in memory; one that is not adds something, if only its name. */

#include "engine/pending.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/kernel/pin.h"

/* Each finds one kind of what an ESP lacks. 0 or -ENOMEM. */
typedef int (*finder_t)(const Facts *facts, const EspInfo *esp, char ***items);

static int add(char ***items, const char *kind, const char *name) {
        char *item = strprintf("%s %s", kind, name);

        if (item && strv_contains(*items, item)) {
                free(item);
                return 0;
        }
        return strv_consume(items, item);
}

static bool takes_one_shot(const EspInfo *esp) {
        return streq(esp->one_shot_method, "firmware") || streq(esp->one_shot_method, "grubenv");
}

static int find_default(const Facts *facts, const EspInfo *esp, char ***items) {
        const Kernel *wanted = kernel_set_default(&facts->kernels, !takes_one_shot(esp),
                                                  loader_checkers(esp->loader));

        return wanted && !streq(esp->default_kernel, wanted->version)
                               ? add(items, "default", wanted->version)
                               : 0;
}

/* It is not remembered of a boot loader whether it is armed. */
static int find_next_boot(const Facts *facts, const EspInfo *esp, char ***items) {
        const char *version = facts->conf.next_boot;
        const Kernel *kernel = version ? kernel_set_find(&facts->kernels, version) : NULL;

        if (kernel && (kernel->refused & loader_checkers(esp->loader)))
                return 0;
        return version && takes_one_shot(esp) ? add(items, "next-boot", version) : 0;
}

static bool is_due(const Kernel *kernel) {
        return kernel->reasons != 0 && kernel_is_bootable(kernel);
}

static int find_missing(const Facts *facts, const EspInfo *esp, char ***items) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < facts->kernels.n_kernels; i++) {
                const Kernel *kernel = &facts->kernels.kernels[i];

                if (is_due(kernel) && !strv_contains(esp->kernels, kernel->version))
                        r = add(items, "add", kernel->version);
        }
        return r;
}

/* 1 if a file of @kernel was read on the ESP, and is another. */
static int differs(const EspInfo *esp, const Kernel *kernel) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path =
                                esp_image_reader(esp->image)->kernel_path(kernel->version, f);
                const EspFile *file;

                if (!path)
                        return -ENOMEM;
                file = esp_image_find(esp->image, path);
                if (file &&
                    (file->verdict == VERDICT_DIFFERS || file->verdict == VERDICT_UNREADABLE))
                        return 1;
        }
        return 0;
}

static int find_different(const Facts *facts, const EspInfo *esp, char ***items) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < facts->kernels.n_kernels; i++) {
                const Kernel *kernel = &facts->kernels.kernels[i];

                if (!is_due(kernel) || !strv_contains(esp->kernels, kernel->version))
                        continue;
                r = differs(esp, kernel);
                if (r > 0)
                        r = add(items, "update", kernel->version);
        }
        return r;
}

/* One that nobody keeps stays as long as a kept one cannot take its place. */
static int find_stale(const Facts *facts, const EspInfo *esp, char ***items) {
        const KernelSet *set = &facts->kernels;
        int r = 0;

        if (!set->database_readable || set->boot_is_empty)
                return 0;
        for (size_t i = 0; i < set->n_kernels; i++)
                if (set->kernels[i].reasons != 0 && !kernel_is_bootable(&set->kernels[i]))
                        return 0;
        for (char *const *version = esp->kernels; r >= 0 && version && *version; version++) {
                const Kernel *kernel = kernel_set_find(set, *version);

                if (!kernel || kernel->reasons == 0)
                        r = add(items, "remove", *version);
        }
        return r;
}

/* GRUB's menu has its command line from the host's own configuration. */
static int find_cmdline(const Facts *facts, const EspInfo *esp, char ***items) {
        const KernelConf *conf = &facts->conf;

        if (!conf->cmdline || conf->cmdline_source != CMDLINE_FILE)
                return 0;
        for (char *const *version = esp->kernels; version && *version; version++) {
                _cleanup_free_ char *options = NULL;
                int r = esp_image_reader(esp->image)->options(esp->image, *version, &options);

                if (r < 0)
                        return r;
                if (options && !streq(options, conf->cmdline))
                        return strv_contains(*items, "cmdline") ? 0 : strv_extend(items, "cmdline");
        }
        return 0;
}

static const finder_t finders[] = {
        find_default, find_next_boot, find_missing, find_different, find_stale, find_cmdline,
};

static bool is_behind(const VerdictInput *in, const EspInfo *esp) {
        return esp->listed && esp->present &&
               (in->facts->unreadable || esp->state != ESP_IN_SYNC ||
                esp->compared != in->facts->serial);
}

static int find(const VerdictInput *in, finder_t finder, const EspInfo *esp, char ***items) {
        /* Without the files or a look nothing is known but that. */
        return in->facts->unreadable || !esp->image ? 0 : finder(in->facts, esp, items);
}

/* Its name, if nothing else is found. */
static int add_esp(const VerdictInput *in, const EspInfo *esp, char ***items) {
        _cleanup_strv_ char **found = NULL;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(finders); i++)
                r = find(in, finders[i], esp, &found);
        return r < 0 || !strv_isempty(found) ? r : add(items, "esp", esp->uuid);
}

static int add_esps(const VerdictInput *in, char ***items) {
        int r = 0;

        for (size_t i = 0; i <= ELEMENTSOF(finders); i++)
                ESPS_FOREACH(esp, in->esps) {
                        const EspInfo info = esp_info(esp);

                        if (r < 0 || !is_behind(in, &info))
                                continue;
                        r = i < ELEMENTSOF(finders) ? find(in, finders[i], &info, items)
                                                    : add_esp(in, &info, items);
                }
        return r;
}

/* The file of a pin stays until a menu without it is made. */
static int add_host_grub(const Facts *facts, char ***items) {
        const unsigned checkers = 1u << CHECKER_SHIM;
        const Kernel *newest = kernel_set_default(&facts->kernels, false, checkers);
        const char *pin = facts->conf.next_boot && !facts->grub_one_shot ? facts->conf.next_boot
                                                                         : facts->conf.pin;

        pin = kernel_set_name_default(&facts->kernels, pin, checkers);

        if (pin)
                return streq_ptr(pin, facts->grub_default) ? 0 : add(items, "default", pin);
        return facts->grub_pinned && newest ? add(items, "default", newest->version) : 0;
}

int pending_make(const VerdictInput *in, char ***ret) {
        _cleanup_strv_ char **items = NULL;
        int r = in->facts->grub_host ? add_host_grub(in->facts, &items) : add_esps(in, &items);

        if (r < 0)
                return r;
        *ret = TAKE_PTR(items);
        return 0;
}
