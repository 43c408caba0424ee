/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An ESP in memory that carries out plans step by step, as a worker does on a disk, and judges it
 * after every step: would it still boot, is there room, is everything touched really ours. */

#include "common/error.h"
#include "core/loader/esp-path.h"
#include "core/systemd-boot/systemd-boot-text.h"
#include "tests/unit/core/sim-grub.h"
#include "tests/unit/core/sim-image.h"

/* True if @path is that of an image or an initrd. */
static inline bool sim_is_kernel_file(const char *path) {
        const char *rest = startswith(path, ESP_KERNEL_DIR "/");

        return grub_path_version(path) || (rest && strchr(rest, '/'));
}

static inline void sim_mkdir(SimEsp *s, const PlanStep *step) {
        sim_assert(s, (s->pending & ~(unsigned) SIM_MKDIR) == 0);
        s->pending |= SIM_MKDIR;
        for (const char *end = step->path; end; end = *end ? strchrnul(end + 1, '/') : NULL) {
                _cleanup_free_ char *path = strndup(step->path, (size_t) (end - step->path));

                if (*path && !sim_is(s, path, FILE_DIRECTORY))
                        sim_create(s, path, FILE_DIRECTORY, 0, 0, NULL);
        }
}

static inline void sim_clear(SimEsp *s, const PlanStep *step) {
        sim_assert(s, s->token && s->repaired);
        sim_assert(s, esp_path_is_leftover(step->path));
        sim_assert(s, sim_is(s, step->path, FILE_REGULAR));
        sim_assert(s, !strv_contains(s->staged, step->path));
        sim_hold(s, step->path);
        s->pending |= SIM_REMOVED;
}

static inline void sim_stage(SimEsp *s, const PlanStep *step) {
        _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, step->path);
        bool text = step->action == PLAN_STAGE_TEXT;

        /* Freed clusters must not be used again before the disk knows that they are free. */
        sim_assert(s, (s->pending & ~(unsigned) SIM_STAGED) == 0);
        sim_assert(s, text == !(sim_is_kernel_file(step->path) || esp_path_is_memtest(step->path)));
        sim_assert(s, text || step->bytes == step->stamp.size);
        sim_create(s, staged, FILE_REGULAR, text ? strlen(step->text) : step->stamp.size,
                   text ? 0 : step->stamp.inode, step->text);
        sim_assert(s, strv_extend(&s->staged, step->path) == 0);
        s->pending |= SIM_STAGED;
}

/* grub-mkconfig runs when all kernels that it is to see are on the disk, and sees no staged file.
 */
static inline void sim_make_grub_config(SimEsp *s, const PlanStep *step) {
        _cleanup_free_ char *text = NULL, *summary = NULL;

        sim_assert(s, s->token && s->pending == 0);
        sim_assert(s, streq(step->path, ESP_GRUB_CONFIG));
        STRV_FOREACH(staged, s->staged)
                sim_assert(s, !grub_path_version(*staged));
        text = sim_grub_config(&s->image, step->text, s->grub_default ?: "0");
        sim_assert(s, grub_config_summarise(text, strlen(text), &summary) == 0);
        sim_create(s, ESP_GRUB_CONFIG STAGED_SUFFIX, FILE_REGULAR, strlen(text), s->grub_inputs,
                   summary);
        sim_assert(s, strv_extend(&s->staged, step->path) == 0);
        s->pending |= SIM_STAGED;
}

/* True if the other file of the kernel is staged, too. */
static inline bool sim_stages_beside(const SimEsp *s, const char *path) {
        const char *in_root = grub_path_version(path), *slash = strrchr(path, '/');

        STRV_FOREACH(staged, s->staged)
                if (in_root ? streq_ptr(grub_path_version(*staged), in_root)
                            : strncmp(*staged, path, (size_t) (slash + 1 - path)) == 0)
                        return true;
        return false;
}

static inline void sim_place(SimEsp *s, const PlanStep *step) {
        _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, step->path);
        _cleanup_free_ char *text = NULL;
        unsigned kind = SIM_ENTRY, allowed;
        const EspFile *old, *new;
        char *spelled;

        if (streq(step->path, ESP_LOADER_CONF) || streq(step->path, ESP_GRUB_CONFIG) ||
            streq(step->path, ESP_GRUB_ENV))
                kind = SIM_CONF;
        else if (sim_is_kernel_file(step->path) || esp_path_is_memtest(step->path))
                kind = SIM_KERNEL;
        /* Each kind is flushed before the next leads to it. loader.conf alone is small enough that
         * its own sync must do between staging and placing. */
        allowed = kind == SIM_CONF ? SIM_STAGED : kind;
        sim_assert(s, (s->pending & ~allowed) == 0);
        sim_assert(s, s->token);
        sim_assert(s, strv_contains(s->staged, step->path));

        old = esp_image_find(&s->image, step->path);
        sim_assert(s, !old || old->type == FILE_REGULAR);
        spelled = old && old->spelled ? strdup(old->spelled) : NULL;
        if (old)
                sim_hold(s, step->path);
        new = esp_image_find(&s->image, staged);
        text = new->text ? strdup(new->text) : NULL;
        /* vfat keeps the replaced file's place in its directory, and with that the name. */
        sim_put(s, step->path, FILE_REGULAR, new->size, new->mtime, text)->spelled = spelled;
        sim_drop(s, staged);
        strv_remove(s->staged, step->path);
        s->pending |= kind;
        s->half = sim_is_kernel_file(step->path) && sim_stages_beside(s, step->path);
}

static inline void sim_remove_entry(SimEsp *s, const PlanStep *step) {
        _cleanup_free_ char *version = NULL;

        sim_assert(s, s->token);
        sim_assert(s, (s->pending & ~(unsigned) SIM_ENTRY) == 0);
        sim_assert(s, streq(step->path, ESP_MEMTEST_ENTRY) ||
                                      esp_entry_version(step->path, &version, NULL) >= 0);
        sim_assert(s, sim_is(s, step->path, FILE_REGULAR));
        sim_hold(s, step->path);
        s->pending |= SIM_ENTRY;
}

static inline void sim_remove_kernel(SimEsp *s, const PlanStep *step) {
        const char *version = strrchr(step->path, '/') + 1;

        sim_assert(s, s->token);
        sim_assert(s, (s->pending & ~(unsigned) SIM_REMOVED) == 0);
        sim_assert(s, sim_is(s, step->path, FILE_DIRECTORY));
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                _cleanup_free_ char *path = esp_kernel_path(version, f);

                if (sim_is(s, path, FILE_REGULAR))
                        sim_hold(s, path);
        }
        if (!sim_has_children(s, step->path))
                sim_hold(s, step->path);
        s->pending |= SIM_REMOVED;
}

/* If there is no room for another menu, a kernel may go that the menu still shows; never the one
 * that boots, see sim_judge(). */
static inline void sim_remove_file(SimEsp *s, const PlanStep *step) {
        const char *version = grub_path_version(step->path);

        sim_assert(s, s->token);
        sim_assert(s, (s->pending & ~(unsigned) SIM_REMOVED) == 0);
        sim_assert(s, version || esp_path_is_memtest(step->path));
        sim_assert(s, sim_is(s, step->path, FILE_REGULAR));
        if (version && s->image.free_bytes < SIM_ROOM_FOR_MENU)
                strv_remove(s->complete, version);
        sim_hold(s, step->path);
        s->pending |= SIM_REMOVED;
}

static inline void sim_barrier(SimEsp *s) {
        s->image.free_bytes += s->held;
        s->held = 0;
        s->pending = 0;
}

static inline void sim_keep(SimEsp *s, const PlanStep *step) {
        const EspFile *file = esp_image_find(&s->image, step->path);

        sim_assert(s, file && file->type == FILE_REGULAR && file->size == step->esp_size &&
                                      file->mtime == step->esp_mtime);
}

static inline void sim_step(SimEsp *s, const PlanStep *step) {
        const bool only_waits = step->action == PLAN_KEEP || step->action == PLAN_TOKEN ||
                                step->action == PLAN_BARRIER || step->action == PLAN_REPAIR ||
                                step->action == PLAN_OPTIONAL || step->action == PLAN_CHECK_LOADER;

        sim_assert(s, only_waits || !s->image.dirty);
        switch (step->action) {
        case PLAN_KEEP:
                sim_keep(s, step);
                break;
        case PLAN_MKDIR:
                sim_mkdir(s, step);
                break;
        case PLAN_CLEAR:
                sim_clear(s, step);
                break;
        case PLAN_STAGE:
        case PLAN_STAGE_TEXT:
                sim_stage(s, step);
                break;
        case PLAN_TOKEN:
                sim_assert(s, !s->token);
                s->token = true;
                break;
        case PLAN_REPAIR:
                sim_assert(s, s->token && s->pending == 0 && strv_isempty(s->staged));
                s->repaired = true;
                s->image.dirty = false;
                break;
        case PLAN_PLACE:
                sim_place(s, step);
                break;
        case PLAN_REMOVE_ENTRY:
                sim_remove_entry(s, step);
                break;
        case PLAN_REMOVE_KERNEL:
                sim_remove_kernel(s, step);
                break;
        case PLAN_GRUB_CONFIG:
                sim_make_grub_config(s, step);
                break;
        case PLAN_REMOVE_FILE:
                sim_remove_file(s, step);
                break;
        case PLAN_BARRIER:
                sim_assert(s, !s->half);
                sim_barrier(s);
                break;
        case PLAN_CHECK_LOADER:
                sim_assert(s, !s->token && s->pending == 0 && strv_isempty(s->staged));
                break;
        case PLAN_OPTIONAL:
                sim_assert(s, s->pending == 0 && strv_isempty(s->staged));
                break;
        case PLAN_KNOWN:
        case PLAN_SCAN:
        case PLAN_CHECK:
        case PLAN_INSTALL_LOADER:
        case PLAN_BOOT_ENTRY:
        case PLAN_SIGNATURES:
        case PLAN_PROBE:
        case PLAN_FORMAT:
        case PLAN_FIRMWARE:
        case PLAN_ARM:
        case PLAN_DISARM:
        case PLAN_PUT_ENTRY:
        case PLAN_SET_ORDER:
        case PLAN_DROP_ENTRY:
        case PLAN_KEYS:
        case PLAN_PREFER_SHIM:
        case PLAN_UPDATE_GRUB:
        case PLAN_KSM_SET:
        case PLAN_KSM_UNMERGE:
        case PLAN_KSM_PROCESSES:
        case _PLAN_ACTION_MAX:
        case _PLAN_ACTION_INVALID:
                sim_assert(s, !"a step that has no place in a sync");
        }
}

static inline bool sim_is_bootable_file(const SimEsp *s, const char *value) {
        const EspFile *file = value ? esp_image_find(&s->image, value + strspn(value, "/")) : NULL;

        return file && file->type == FILE_REGULAR && file->size > 0;
}

/* True if @path is an entry of ours that leads to a complete kernel. */
static inline bool sim_entry_is_complete(const SimEsp *s, const char *path) {
        const EspFile *file = esp_image_find(&s->image, path);
        _cleanup_(boot_entry_done) BootEntry entry = {};
        _cleanup_free_ char *version = NULL;

        if (!file || file->type != FILE_REGULAR || !file->text ||
            esp_entry_version(path, &version, NULL) < 0)
                return false;
        sim_assert(s, boot_entry_parse(file->text, strlen(file->text), &entry) == 0);
        return sim_is_bootable_file(s, entry.image) && sim_is_bootable_file(s, entry.initrd);
}

static inline bool sim_boots(const SimEsp *s) {
        _cleanup_free_ char *version = NULL;

        if (s->image.loader == ESP_LOADER_GRUB)
                version = sim_grub_boots(&s->image);
        else
                sim_assert(s,
                           esp_image_reader(&s->image)->default_version(&s->image, &version) == 0);
        return version;
}

/* Entries that lead to a complete kernel: their paths, with GRUB their versions. */
static inline char **sim_complete(const SimEsp *s) {
        char **complete = NULL;

        if (s->image.loader == ESP_LOADER_GRUB) {
                sim_assert(s, esp_image_reader(&s->image)->kernels(&s->image, &complete) == 0);
                return complete;
        }
        for (size_t i = 0; i < s->image.n_files; i++)
                if (sim_entry_is_complete(s, s->image.files[i].path))
                        sim_assert(s, strv_extend(&complete, s->image.files[i].path) == 0);
        return complete;
}

/* True if there is such an entry, whatever it leads to. */
static inline bool sim_has_entry(const SimEsp *s, const char *entry) {
        _cleanup_(grub_config_done) GrubConfig config = {};

        if (s->image.loader != ESP_LOADER_GRUB)
                return esp_image_find(&s->image, entry);
        (void) grub_image_config(&s->image, &config);
        for (size_t i = 0; i < config.n_entries; i++)
                if (streq_ptr(config.entries[i].version, entry))
                        return true;
        return false;
}

static inline size_t sim_count_foreign(const SimEsp *s) {
        size_t n = 0;

        for (size_t i = 0; i < s->image.n_files; i++)
                n += (s->image.files[i].mtime & SIM_FOREIGN) != 0;
        return n;
}

static inline bool sim_tests(const SimEsp *s) {
        return sim_is(s, ESP_MEMTEST_ENTRY, FILE_REGULAR) && sim_is(s, ESP_MEMTEST, FILE_REGULAR);
}

/* Of the image of @version as it is; unknown if there is none. */
static inline SimTrust sim_trust_of(const SimEsp *s, const char *version) {
        _cleanup_free_ char *path =
                        esp_image_reader(&s->image)->kernel_path(version, KERNEL_FILE_IMAGE);
        const EspFile *file = esp_image_find(&s->image, path);

        return file ? sim_trust(file->mtime) : SIM_UNKNOWN;
}

static inline size_t sim_count_accepted(const SimEsp *s) {
        _cleanup_strv_ char **versions = NULL;
        size_t n = 0;

        sim_assert(s, esp_image_reader(&s->image)->kernels(&s->image, &versions) == 0);
        STRV_FOREACH(v, versions)
                n += sim_trust_of(s, *v) == SIM_ACCEPTED;
        return n;
}

/* A kernel that Secure Boot refuses never becomes the default, be it for a moment, and the last
 * kernel that it accepts is not removed. */
static inline void sim_judge_trust(SimEsp *s, const PlanStep *step) {
        _cleanup_free_ char *version = NULL;
        size_t n_accepted;
        SimTrust trust;

        if (!s->secure)
                return;
        sim_assert(s, esp_image_reader(&s->image)->default_version(&s->image, &version) == 0);
        trust = version ? sim_trust_of(s, version) : SIM_REFUSED;
        n_accepted = sim_count_accepted(s);
        if (step) {
                sim_assert(s, s->trust == SIM_REFUSED || trust != SIM_REFUSED || !version);
                sim_assert(s, s->n_accepted == 0 || n_accepted > 0 || step->action == PLAN_PLACE);
        }
        s->trust = trust;
        s->n_accepted = n_accepted;
}

/* Hold the ESP to all that must be true between any two steps, compared with how it was before. */
static inline void sim_judge(SimEsp *s) {
        _cleanup_strv_ char **versions = NULL;
        char **complete = sim_complete(s);
        bool boots = sim_boots(s);

        sim_assert(s, boots || !s->booted);
        s->booted = boots;
        sim_assert(s, sim_tests(s) || !s->tested || !esp_image_find(&s->image, ESP_MEMTEST_ENTRY));
        s->tested = sim_tests(s);

        if (!strv_isempty(s->needed))
                sim_assert(s, esp_image_reader(&s->image)->kernels(&s->image, &versions) == 0);
        STRV_FOREACH(version, s->needed)
                sim_assert(s, strv_contains(versions, *version));
        STRV_FOREACH(entry, s->complete)
                sim_assert(s, strv_contains(complete, *entry) || !sim_has_entry(s, *entry));
        strv_free(s->complete);
        s->complete = complete;

        sim_assert(s, sim_count_foreign(s) == s->n_foreign);
}

/* Carry out the first @n steps of @plan. */
static inline void sim_run_until(SimEsp *s, const Plan *plan, size_t n) {
        s->plan = plan;
        s->token = s->half = s->repaired = false;
        s->booted = sim_boots(s);
        s->tested = sim_tests(s);
        s->n_foreign = sim_count_foreign(s);
        s->complete = strv_free(s->complete);
        sim_judge(s);
        sim_judge_trust(s, NULL);

        for (s->step = 0; s->step < n; s->step++) {
                const PlanStep *step = &plan->steps[s->step];

                sim_step(s, step);
                /* The others change no file. */
                if (step->action != PLAN_KEEP && step->action != PLAN_TOKEN &&
                    step->action != PLAN_BARRIER && step->action != PLAN_REPAIR) {
                        sim_judge(s);
                        sim_judge_trust(s, step);
                }
        }
}

/* Remove all that is staged, and flush the rest. */
static inline void sim_discard(SimEsp *s) {
        STRV_FOREACH(path, s->staged) {
                _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, *path);

                sim_hold(s, staged);
        }
        s->staged = strv_free(s->staged);
        sim_barrier(s);
}

/* Carry out the first @n steps of @plan; fewer than all stand for a power cut. */
static inline void sim_run(SimEsp *s, const Plan *plan, size_t n) {
        sim_run_until(s, plan, n);
        if (n < plan->n_steps)
                s->image.dirty = true;
        if (n == plan->n_steps) {
                sim_assert(s, s->pending == 0);
                sim_assert(s, strv_isempty(s->staged));
        }
        sim_barrier(s);
        s->staged = strv_free(s->staged);
}
