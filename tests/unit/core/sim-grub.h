/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* grub-mkconfig and GRUB in memory: a menu is made of the kernels in the root of an ESP, and an
 * entry of it boots. */

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/grub/grub-config.h"
#include "core/grub/grub-env.h"
#include "core/grub/grub-loader.h"
#include "core/kernel/kernel-version.h"
#include "tests/unit/check-main.h"

#define SIM_ROOT_ID "0e4a5d2c-9d54-4f3e-8a7b-1f2e3d4c5b6a"

/* True if the line @name is in @text. */
static inline bool sim_has_line(const char *text, const char *name) {
        size_t size = strlen(text), pos = 0, n;
        const char *line;

        while (line_next(text, size, &pos, &line, &n) > 0)
                if (text_is(line, n, name))
                        return true;
        return false;
}

static inline void sim_grub_entry(Buffer *b, const EspImage *image, const char *hidden,
                                  const char *version, const char *kind) {
        _cleanup_free_ char *initrd = grub_kernel_path(version, KERNEL_FILE_INITRD);
        const EspFile *file;

        buffer_printf(b, "menuentry 'Linux %s' --class os $menuentry_id_option ", version);
        if (streq(kind, "simple"))
                buffer_printf(b, "'gnulinux-simple-%s' {\n", SIM_ROOT_ID);
        else
                buffer_printf(b, "'gnulinux-%s-%s-%s' {\n", version, kind, SIM_ROOT_ID);
        buffer_printf(b, "\tlinux\t/vmlinuz-%s root=/dev/x ro\n", version);
        file = esp_image_find(image, initrd);
        if (file && !sim_has_line(hidden, file->path))
                buffer_printf(b, "\tinitrd\t/%s\n", initrd);
        buffer_puts(b, "}\n");
}

/* Write what 20_memtest86+ writes, which heeds nothing that is hidden. */
static inline void sim_grub_memtest(Buffer *b, const EspImage *image) {
        const char *name = memtest_file_name(MEMTEST_EFI);

        if (esp_image_find(image, name))
                buffer_printf(b, "menuentry \"Memory test (%s)\" {\n\tlinuxefi\t/%s\n}\n", name,
                              name);
}

/* The kernels that 10_linux finds: every vmlinuz-*, whatever is behind the dash, as the directory
 * has it spelled. */
static inline char **sim_grub_versions(const EspImage *image, const char *hidden) {
        char **versions = NULL;

        for (size_t i = 0; i < image->n_files; i++) {
                const EspFile *file = &image->files[i];
                const char *version = startswith(file->spelled ?: file->path, "vmlinuz-");

                if (version && file->type == FILE_REGULAR && !sim_has_line(hidden, file->path))
                        ck_assert_int_eq(strv_extend(&versions, version), 0);
        }
        strv_sort_uniq(versions, kernel_version_compare_newest_first);
        return versions;
}

/* A grub.cfg made of what is in the root, but for the names in @hidden. */
static inline char *sim_grub_config(const EspImage *image, const char *hidden,
                                    const char *grub_default) {
        _cleanup_strv_ char **versions = sim_grub_versions(image, hidden);
        Buffer b = {};
        char *text;

        buffer_printf(&b,
                      "if [ \"${next_entry}\" ] ; then\n  set default=\"${next_entry}\"\nelse\n"
                      "  set default=\"%s\"\nfi\n",
                      grub_default);
        if (versions) {
                sim_grub_entry(&b, image, hidden, versions[0], "simple");
                buffer_printf(&b,
                              "submenu 'Advanced' $menuentry_id_option 'gnulinux-advanced-%s' {\n",
                              SIM_ROOT_ID);
                STRV_FOREACH(v, versions) {
                        sim_grub_entry(&b, image, hidden, *v, "advanced");
                        sim_grub_entry(&b, image, hidden, *v, "recovery");
                }
                buffer_puts(&b, "}\n");
        }
        sim_grub_memtest(&b, image);
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

/* The value of next_entry, or NULL. */
static inline char *sim_grub_next(const EspImage *image) {
        const EspFile *env = esp_image_find(image, ESP_GRUB_ENV);
        char *value = NULL;

        if (env && env->text &&
            grub_env_get(env->text, strlen(env->text), "next_entry", &value) >= 0 && isempty(value))
                value = mfree(value);
        return value;
}

/* The entry of @config that next_entry names; what is not found is the first. */
static inline const GrubEntry *sim_grub_find_next(const GrubConfig *config, const char *next) {
        for (size_t i = 0; i < config->n_entries; i++)
                if (config->entries[i].submenu && endswith(next, config->entries[i].id))
                        return &config->entries[i];
        return config->n_entries > 0 ? &config->entries[0] : NULL;
}

/* The version that the next boot takes, if it is complete; NULL if nothing boots. */
static inline char *sim_grub_boots(const EspImage *image) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_free_ char *next = sim_grub_next(image);
        const GrubEntry *e;
        char *version;

        if (!next) {
                ck_assert_int_eq(esp_image_reader(image)->default_version(image, &version), 0);
                return version;
        }
        if (grub_image_config(image, &config) <= 0)
                return NULL;
        e = sim_grub_find_next(&config, next);
        return e && e->is_whole && grub_image_is_complete(image, e->version) ? strdup(e->version)
                                                                             : NULL;
}
