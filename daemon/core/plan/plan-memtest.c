/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memtest86+ beside the kernels. No kernel waits for it: it comes last, only where there is room
 * and where it cannot become what boots by default, it is the first to go where there is none, and
 * its steps are optional. Where it has an entry, that comes after the file and goes before it; a
 * menu that is made of what is there is made again when that has changed, and until then an entry
 * may lead nowhere, which is not the default. */

#include "core/plan/plan-memtest.h"

#include "common/string-util.h"
#include "core/loader/esp-path.h"

/* NULL: the loader has no use for it. */
static const char *path_on_esp(const PlanBuilder *b, MemtestFile f) {
        return esp_image_reader(b->in->image)->memtest_path(f);
}

static const EspFile *find_file(const PlanBuilder *b, MemtestFile f) {
        const char *path = path_on_esp(b, f);
        const EspFile *file = path ? esp_image_find(b->in->image, path) : NULL;

        return file && file->type == FILE_REGULAR ? file : NULL;
}

/* Those of @files that are there and, before them, its entry. */
static void remove_files(PlanBuilder *b, const bool *files, bool entry) {
        if (entry && b->memtest.entry) {
                plan_builder_add(b, PLAN_REMOVE_ENTRY, ESP_MEMTEST_ENTRY);
                plan_builder_barrier(b);
                b->memtest.entry = false;
        }
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f] && b->memtest.there[f]) {
                        plan_builder_remove_file(b,
                                                 esp_image_find(b->in->image, path_on_esp(b, f)));
                        b->memtest.there[f] = false;
                }
        plan_builder_barrier(b);
}

/* Stage and place @files. */
static void bring_files(PlanBuilder *b, const bool *files) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f])
                        plan_builder_stage(b, path_on_esp(b, f), memtest_source_path(f),
                                           &b->in->kernels->memtest[f]);
        plan_builder_barrier(b);
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f]) {
                        plan_builder_add(b, PLAN_PLACE, path_on_esp(b, f));
                        b->memtest.there[f] = true;
                }
        plan_builder_barrier(b);
}

static void write_entry(PlanBuilder *b) {
        plan_builder_mkdir_entries(b);
        plan_builder_stage_text(b, ESP_MEMTEST_ENTRY, MEMTEST_ENTRY_TEXT);
        plan_builder_barrier(b);
        plan_builder_add(b, PLAN_PLACE, ESP_MEMTEST_ENTRY);
        plan_builder_barrier(b);
        b->memtest.entry = true;
}

static bool is_wanted(const PlanBuilder *b, MemtestFile f) {
        return path_on_esp(b, f) && b->in->kernels->memtest[f].size > 0;
}

void plan_memtest_look(PlanBuilder *b) {
        const EspFile *entry = esp_image_find(b->in->image, ESP_MEMTEST_ENTRY);

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                b->memtest.there[f] = find_file(b, f);
        b->memtest.entry = b->loader->has_entries && entry && entry->type == FILE_REGULAR;
}

uint64_t plan_memtest_bytes(const PlanBuilder *b) {
        uint64_t bytes = 0;

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (b->memtest.there[f])
                        bytes += space_allocated(find_file(b, f)->size,
                                                 b->in->image->cluster_bytes);
        return bytes;
}

void plan_memtest_evict(PlanBuilder *b) {
        static const bool all[_MEMTEST_FILE_MAX] = { true, true };

        b->free += plan_memtest_bytes(b);
        remove_files(b, all, true);
}

/* True if the file is there and not as it should be, or should be there and is not. */
static bool is_stale(const PlanBuilder *b, MemtestFile f) {
        const EspFile *file = find_file(b, f);

        return is_wanted(b, f) && (!b->memtest.there[f] || (file->verdict != VERDICT_TRUSTED &&
                                                            file->verdict != VERDICT_EQUAL));
}

static bool entry_is_stale(const PlanBuilder *b) {
        const EspFile *file = esp_image_find(b->in->image, ESP_MEMTEST_ENTRY);

        return b->loader->has_entries && is_wanted(b, MEMTEST_EFI) &&
               (!b->memtest.entry || !streq_ptr(file->text, MEMTEST_ENTRY_TEXT));
}

static void remove_unwanted(PlanBuilder *b) {
        bool files[_MEMTEST_FILE_MAX] = {}, any = false;
        bool entry = b->memtest.entry && !is_wanted(b, MEMTEST_EFI);

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                files[f] = b->memtest.there[f] && !is_wanted(b, f);
                any |= files[f];
        }
        if (!any && !entry)
                return;
        plan_builder_optional(b);
        remove_files(b, files, entry);
}

/* True if something that is no file stands where @path belongs. */
static bool is_obstructed(PlanBuilder *b, const char *path) {
        const EspFile *obstacle;
        int r;

        r = esp_image_find_obstacle(b->in->image, path, &obstacle);
        if (r < 0) {
                b->error = r;
                return true;
        }
        if (obstacle)
                (void) error_set(&b->left_out, ERROR_FAILED,
                                 "'%s' on ESP '%s' is in the way of Memtest86+, so it is left out; "
                                 "look at it and remove it",
                                 obstacle->path, b->in->esp_uuid);
        return obstacle;
}

/* Bytes, while old and new are side by side. */
static uint64_t bytes_to_bring(const PlanBuilder *b, const bool *files, bool entry) {
        uint64_t cluster = b->in->image->cluster_bytes, bytes = 0;

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (files[f])
                        bytes += space_allocated(b->in->kernels->memtest[f].size, cluster);
        if (entry)
                bytes += space_allocated(strlen(MEMTEST_ENTRY_TEXT), cluster) +
                         (b->has_entry_dir ? 0 : cluster);
        return bytes;
}

static void bring(PlanBuilder *b, const bool *files, bool any, bool entry) {
        uint64_t bytes = bytes_to_bring(b, files, entry);

        if (bytes + SPACE_RESERVE_BYTES > b->free) {
                (void) error_set(&b->left_out, ERROR_NO_SPACE,
                                 "There is no room for Memtest86+ on ESP '%s', so it is left out",
                                 b->in->esp_uuid);
                return;
        }
        b->free -= bytes;
        plan_builder_optional(b);
        if (any)
                bring_files(b, files);
        if (entry)
                write_entry(b);
}

/* An ESP whose default is not settled might boot the entry that comes first. */
static void bring_wanted(PlanBuilder *b) {
        bool files[_MEMTEST_FILE_MAX] = {}, any = false, entry = entry_is_stale(b);

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                files[f] = is_stale(b, f);
                any |= files[f];
                if (files[f] && is_obstructed(b, path_on_esp(b, f)))
                        return;
        }
        if ((any || entry) && b->loader->is_settled(b) &&
            !(entry && is_obstructed(b, ESP_MEMTEST_ENTRY)))
                bring(b, files, any, entry);
}

void plan_memtest_settle(PlanBuilder *b) {
        if (b->in->memtest_stays || b->in->kernels->boot_is_empty)
                return;
        remove_unwanted(b);
        bring_wanted(b);
        if (b->loader->show_memtest)
                b->loader->show_memtest(b);
}
