/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Derived anew from the ESPs' records each time; an ESP that was not looked at yet is "unknown",
 * and never guessed. */

#include "engine/verdict.h"

#include "common/names.h"
#include "common/string-util.h"
#include "core/disk/partition-advice.h"
#include "core/kernel/pin.h"
#include "engine/esp/look.h"

void verdict_done(Verdict *v) {
        free(v->in_sync_reason);
        free(v->redundancy_reason);
        free(v->default_kernel);
        free(v->wanted_kernel);
        free(v->cmdline);
        *v = (Verdict){};
}

/* The ESP that boots this host as far as anybody can tell; NULL if there is none. The firmware
 * passes over a disk that is not there, and over a boot loader that is not. */
static const Esp *find_booting_esp(const VerdictInput *in) {
        const Esp *found = NULL;
        size_t best = SIZE_MAX;

        STRV_FOREACH(uuid, in->facts->conf.esps.items) {
                const Esp *esp = esps_find(in->esps, *uuid);
                EspInfo info;
                size_t rank;

                if (!esp)
                        continue;
                info = esp_info(esp);
                if (!info.present || (info.image && !esp_image_has_loader(info.image)))
                        continue;
                rank = in->firmware ? firmware_rank(in->firmware, info.part_uuid) : SIZE_MAX;
                if (!found || rank < best) {
                        found = esp;
                        best = rank;
                }
        }
        return found;
}

static const char *default_kernel(const VerdictInput *in) {
        const Esp *esp;

        if (strv_isempty(in->facts->conf.esps.items))
                return strempty(in->facts->grub_default);
        esp = find_booting_esp(in);
        return esp ? esp_info(esp).default_kernel : "";
}

/* True if some ESP's boot loader, or without ESPs the host's own GRUB, cannot take a kernel for one
 * boot, so that such a pin is its default; or there is neither. */
static bool pins_by_default(const VerdictInput *in) {
        size_t n = 0;

        ESPS_FOREACH(esp, in->esps) {
                const EspInfo info = esp_info(esp);

                if (!info.listed)
                        continue;
                if (!streq(info.one_shot_method, "firmware") &&
                    !streq(info.one_shot_method, "grubenv"))
                        return true;
                n++;
        }
        return n == 0 && !in->facts->grub_one_shot;
}

/* Of the ESP that boots this host, or without ESPs of the host's own GRUB. */
static unsigned checkers(const VerdictInput *in) {
        const Esp *esp = find_booting_esp(in);

        if (in->facts->grub_host)
                return 1u << CHECKER_SHIM;
        return esp ? loader_checkers(esp_info(esp).loader) : 0;
}

static const char *wanted_kernel(const VerdictInput *in) {
        const Kernel *kernel =
                        kernel_set_default(&in->facts->kernels, pins_by_default(in), checkers(in));

        return kernel ? kernel->version : "";
}

static bool uuid_is_duplicate(const Partitions *partitions, const char *uuid) {
        size_t n = 0;

        for (size_t i = 0; i < partitions->n; i++)
                n += streq_ptr(partitions->items[i].fs_uuid, uuid);
        return n > 1;
}

static int tell_refused(const char *what, const SignedFile *file, Checker checker, char **ret) {
        *ret = strprintf("its %s '%s' is refused: %s", what, file->path, file->by[checker].reason);
        return *ret ? 0 : -ENOMEM;
}

int verdict_tell_refusal(const Facts *facts, const Esp *esp, char **ret) {
        const EspInfo info = esp_info(esp);
        _cleanup_free_ char *path = NULL, *whole = NULL;
        Checker checker = CHECKER_FIRMWARE;
        const SignedFile *file;

        *ret = NULL;
        if (!facts->secure_boot || !info.signed_files || !info.image ||
            info.loader == ESP_LOADER_NONE)
                return 0;
        file = loader_find_refused(info.loader, info.signed_files, &checker);
        if (file)
                return tell_refused("boot loader", file, checker, ret);
        if (isempty(info.default_kernel))
                return 0;
        path = esp_image_reader(info.image)->kernel_path(info.default_kernel, KERNEL_FILE_IMAGE);
        whole = path ? strprintf("/%s", path) : NULL;
        if (!whole)
                return -ENOMEM;
        checker = loader_of(info.loader)->checker;
        file = signed_files_find(info.signed_files, whole);
        return file && !file->by[checker].accepted ? tell_refused("default", file, checker, ret)
                                                   : 0;
}

/* Of each kind the first ESP, in the order of the list. */
typedef struct Count {
        size_t listed, in_sync, bootable;
        const Esp *unseen; /* not looked at yet */
        const Esp *blind;  /* a look at it failed, and there never was another */
        const Esp *syncing, *unknown, *behind, *bare, *twin;
        const Esp *refused; /* Secure Boot, being enabled, would not let it boot */
        const Esp *lame;    /* would boot a kernel that is not complete on it, or none */
        const char *disk;   /* that all ESPs are on; NULL: on several, or unknown */
} Count;

/* An ESP whose disk is not known counts as one on a disk of its own. */
static void count_disk(Count *c, const Esp *esp) {
        const char *disk = esp_info(esp).disk;

        if (c->listed == 1)
                c->disk = isempty(disk) ? NULL : disk;
        else if (!streq_ptr(c->disk, disk))
                c->disk = NULL;
}

/* An ESP that is not in sync counts as one of these. */
static void count_state(const VerdictInput *in, Count *c, const Esp *esp) {
        bool mended = in->is_about_to_sync(esp, in->userdata);

        switch (esp_info(esp).state) {
        case ESP_IN_SYNC:
                c->in_sync++;
                break;
        case ESP_SYNCING:
                c->syncing = c->syncing ?: esp;
                break;
        case ESP_UNKNOWN:
                if (mended)
                        c->syncing = c->syncing ?: esp;
                else
                        c->unknown = c->unknown ?: esp;
                break;
        case ESP_OUTDATED:
                if (mended)
                        c->syncing = c->syncing ?: esp;
                else
                        c->behind = c->behind ?: esp;
                break;
        case ESP_MISSING:
        case ESP_STUCK:
        case ESP_FAILED:
                c->behind = c->behind ?: esp;
                break;
        case _ESP_STATE_MAX:
        case _ESP_STATE_INVALID:
                assert(false);
        }
}

static bool is_refused(const VerdictInput *in, const Esp *esp) {
        _cleanup_free_ char *refusal = NULL;

        return verdict_tell_refusal(in->facts, esp, &refusal) >= 0 && refusal;
}

static void count_content(const VerdictInput *in, Count *c, const Esp *esp) {
        const EspInfo info = esp_info(esp);
        const EspImage *image = info.image;
        EspState state = info.state;

        if (!image && (state == ESP_UNKNOWN || state == ESP_SYNCING))
                c->unseen = c->unseen ?: esp;
        if (!image && (state == ESP_FAILED || state == ESP_STUCK))
                c->blind = c->blind ?: esp;
        if (image && !esp_image_has_loader(image))
                c->bare = c->bare ?: esp;
        else if (is_refused(in, esp))
                c->refused = c->refused ?: esp;
        else if (image && !info.bootable)
                c->lame = c->lame ?: esp;
        else if (image && info.present && state != ESP_STUCK)
                c->bootable++;
        if (uuid_is_duplicate(in->partitions, info.uuid))
                c->twin = c->twin ?: esp;
}

static Count count_esps(const VerdictInput *in) {
        Count c = {};

        ESPS_FOREACH(esp, in->esps) {
                if (!esp_info(esp).listed)
                        continue;
                c.listed++;
                count_disk(&c, esp);
                count_state(in, &c, esp);
                count_content(in, &c, esp);
        }
        return c;
}

static const char *judge_redundancy(const VerdictInput *in, const Count *c) {
        if (in->facts->unreadable)
                return "unknown";
        if (c->listed == 0)
                return "unmanaged";
        if (c->unseen || (c->bootable == 0 && c->blind))
                return "unknown";
        if (c->bootable == 0)
                return "unbootable";
        if (c->behind || c->bare || c->refused || c->twin)
                return "degraded";
        if (c->unknown)
                return "unknown";
        if (c->syncing)
                return "syncing";
        if (c->lame)
                return "degraded";
        return c->listed == 1 || c->disk ? "single" : "redundant";
}

/* "ESP 'X' on disk '/dev/sda'"; NULL when out of memory. */
static char *esp_and_disk(const Esp *esp) {
        return isempty(esp_info(esp).disk) ? strprintf("ESP '%s'", esp_info(esp).uuid)
                                           : strprintf("ESP '%s' on disk '%s'", esp_info(esp).uuid,
                                                       esp_info(esp).disk);
}

static char *render_unreadable(const VerdictInput *in) {
        return strprintf("The files below '%s' cannot be read (%s); mend that, and the ESPs are "
                         "compared with them.",
                         root_path(in->root), in->facts->unreadable);
}

static char *render_behind(const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp);

        return strprintf("%s is not in sync (%s).", strempty(name),
                         esp_state_to_string(esp_info(esp).state));
}

static char *render_unknown(const Esp *esp) {
        return esp_info(esp).image
                               ? strprintf("ESP '%s' has not been compared with the files as they "
                                           "are now.",
                                           esp_info(esp).uuid)
                               : strprintf("ESP '%s' has not been looked at yet.",
                                           esp_info(esp).uuid);
}

static char *render_syncing(const VerdictInput *in, const Esp *esp) {
        return in->waits_for_packages
                               ? strprintf("ESP '%s' is brought into sync when the package run "
                                           "that "
                                           "goes on has ended.",
                                           esp_info(esp).uuid)
                               : strprintf("ESP '%s' is being brought into sync.",
                                           esp_info(esp).uuid);
}

static char *render_blind(const Esp *esp) {
        return strprintf("ESP '%s' could not be looked at%s%s.", esp_info(esp).uuid,
                         isempty(esp_info(esp).last_error) ? "" : ": ", esp_info(esp).last_error);
}

static char *render_bare(const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp);

        return strprintf("%s has lost its boot loader; 'bootctl-pve reinit' installs it anew.",
                         strempty(name));
}

static char *render_refused(const VerdictInput *in, const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp), *refusal = NULL;

        (void) verdict_tell_refusal(in->facts, esp, &refusal);
        return strprintf("%s would not boot, as Secure Boot is enabled: %s.", strempty(name),
                         strempty(refusal));
}

static char *render_lame(const Esp *esp) {
        _cleanup_free_ char *name = esp_and_disk(esp);

        if (isempty(esp_info(esp).default_kernel))
                return strprintf("%s holds no complete kernel that it would boot.", strempty(name));
        return strprintf("%s would boot kernel '%s', which is not complete on it; look at its "
                         "default, and run 'bootctl-pve refresh'.",
                         strempty(name), esp_info(esp).default_kernel);
}

int verdict_root_disks(const VerdictInput *in, Warnings *ret) {
        _cleanup_strv_ char **esp_disks = NULL;

        ESPS_FOREACH(esp, in->esps) {
                const EspInfo info = esp_info(esp);

                if (info.listed && info.present && strv_extend(&esp_disks, strempty(info.disk)) < 0)
                        return -ENOMEM;
        }
        return root_disks_advise(in->partitions, esp_disks, ret);
}

/* It is no fault of an ESP, and changes no verdict; but what is good is not all that could be. */
static char *add_root_disk(const VerdictInput *in, char *verdict) {
        _cleanup_warnings_ Warnings bare = {};
        char *reason;

        if (!verdict || verdict_root_disks(in, &bare) < 0 || bare.n == 0)
                return verdict;
        reason = strprintf("%.*s; disk %s.", (int) strlen(verdict) - 1, verdict,
                           bare.items[0].sentence + strlen(ROOT_DISK_SENTENCE));
        free(verdict);
        return reason;
}

/* Every ESP is as it should be. */
static char *render_good(const Count *c) {
        if (c->listed == 1)
                return c->disk ? strprintf("Only one ESP is configured, on disk '%s'.", c->disk)
                               : strdup("Only one ESP is configured.");
        if (c->disk)
                return strprintf("All %zu ESPs are on one disk, '%s'.", c->listed, c->disk);
        return strprintf("%zu ESPs are in sync.", c->in_sync);
}

static char *render_none(const VerdictInput *in) {
        return strdup(in->facts->grub_host ? "No ESP is configured; this host boots from "
                                             "'/" PATH_BOOT "' by GRUB."
                                           : "No ESP is configured.");
}

/* NULL when out of memory, as all of these. In the order of judge_redundancy(). */
static char *render_verdict(const VerdictInput *in, const Count *c) {
        if (in->facts->unreadable)
                return render_unreadable(in);
        if (c->listed == 0)
                return render_none(in);
        if (c->unseen)
                return render_unknown(c->unseen);
        if (c->bootable == 0)
                return c->blind     ? render_blind(c->blind)
                       : c->refused ? render_refused(in, c->refused)
                                    : strdup("No ESP holds a boot loader and a complete kernel.");
        if (c->behind)
                return render_behind(c->behind);
        if (c->bare)
                return render_bare(c->bare);
        if (c->refused)
                return render_refused(in, c->refused);
        if (c->twin)
                return strprintf("More than one partition has the FAT UUID '%s', so only one of "
                                 "them is in sync; format the other one anew.",
                                 esp_info(c->twin).uuid);
        if (c->unknown)
                return render_unknown(c->unknown);
        if (c->syncing)
                return render_syncing(in, c->syncing);
        if (c->lame)
                return render_lame(c->lame);
        return add_root_disk(in, render_good(c));
}

/* The first thing that is wrong with boot/ stands beside the verdict, whatever that is: the ESPs
 * may be as good as ever and nobody would look. */
static char *add_warning(const VerdictInput *in, char *verdict) {
        const Warnings *warnings = &in->facts->kernel_warnings;
        _cleanup_free_ char *text = NULL;
        char *reason;

        if (isempty(verdict) || in->facts->unreadable || strv_isempty(in->facts->conf.esps.items) ||
            warnings->n == 0)
                return verdict;
        text = warning_to_text(&warnings->items[0]);
        reason = strprintf("%.*s, but %s.", (int) strlen(verdict) - 1, verdict, strempty(text));
        free(verdict);
        return reason;
}

/* Empty if everything is in sync. */
static char *render_in_sync_reason(const VerdictInput *in, const Count *c) {
        if (in->facts->unreadable)
                return render_unreadable(in);
        if (c->listed == 0)
                return render_none(in);
        if (c->behind)
                return render_behind(c->behind);
        if (c->unknown ||
            (c->syncing && esp_info(c->syncing).state == ESP_UNKNOWN && !in->waits_for_packages))
                return render_unknown(c->unknown ?: c->syncing);
        if (c->syncing)
                return render_syncing(in, c->syncing);
        return strdup("");
}

/* Command line of the first ESP's default entry; NULL if there is none. */
static char *esp_options(const Esps *esps) {
        char *options = NULL;

        ESPS_FOREACH(esp, esps) {
                const EspImage *image = esp_info(esp).image;

                if (!options && image)
                        (void) look_options(image, &options);
        }
        return options;
}

static void judge_cmdline(const VerdictInput *in, Verdict *v) {
        const KernelConf *conf = &in->facts->conf;
        char *options = conf->cmdline_source != CMDLINE_FILE ? esp_options(in->esps) : NULL;

        v->cmdline_source = options ? CMDLINE_ENTRIES : conf->cmdline_source;
        v->cmdline = options ?: strdup(strempty(conf->cmdline));
}

Verdict verdict_make(const VerdictInput *in) {
        Count c = count_esps(in);
        Verdict v = {
                .in_sync = !in->facts->unreadable && c.listed > 0 && c.in_sync == c.listed,
                .in_sync_reason = add_warning(in, render_in_sync_reason(in, &c)),
                .redundancy = judge_redundancy(in, &c),
                .redundancy_reason = add_warning(in, render_verdict(in, &c)),
                .default_kernel = strdup(default_kernel(in)),
                .wanted_kernel = strdup(wanted_kernel(in)),
        };

        judge_cmdline(in, &v);
        return v;
}
