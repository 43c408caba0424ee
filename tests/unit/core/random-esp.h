/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Hosts and ESPs made up at random, with whatever administrators, other tools and interrupted runs
 * may leave. */

#include <ctype.h>

#include "core/esp/esp-image.h"
#include "core/kernel/kernel-version.h"
#include "core/kernel/pin.h"
#include "core/plan/plan-survey.h"
#include "core/systemd-boot/systemd-boot-text.h"
#include "tests/unit/core/sim-esp.h"

#define UNIT  (64 * 1024)
#define TITLE "Proxmox Virtual Environment"

/* Newest first, as a KernelSet has them. */
static const char *const pool[] = {
        "6.14.11-2-pve", "6.14.8-1-pve", "6.12.9+bpo-amd64", "6.11.11-2-pve", "6.8.12-10-pve",
        "6.8.12-9-pve",  "6.8.12-4-pve", "6.5.13-5-pve",     "6.5.11-8-pve",  "6.2.16-3-pve",
};

typedef struct Case {
        EspLoader loader;
        char *grub_default;
        SimEsp esp;
        KernelSet kernels;
        PlanInput in;
        uint64_t random;
        uint64_t content;   /* the last id given away */
        unsigned n_away;    /* plans that take kernels off the ESP for a while */
        SignedFiles judged; /* what is on the ESP */
} Case;

static inline void case_done(Case *c) {
        sim_done(&c->esp);
        kernel_set_done(&c->kernels);
        free(c->grub_default);
        signed_files_done(&c->judged);
}

static inline uint64_t xorshift(uint64_t *x) {
        *x ^= *x << 13;
        *x ^= *x >> 7;
        *x ^= *x << 17;
        return *x;
}

static inline unsigned below(Case *c, unsigned n) {
        return (unsigned) (xorshift(&c->random) % n);
}

static inline bool one_in(Case *c, unsigned n) {
        return below(c, n) == 0;
}

static inline FileStamp random_stamp(Case *c, unsigned units) {
        return (FileStamp){ .inode = ++c->content,
                            .size = (uint64_t) (1 + below(c, units)) * UNIT + below(c, 3) };
}

/* Another kernel, which a FAT does not tell from @k. */
static inline void make_namesake(Case *c, const Kernel *k) {
        Kernel *other = &c->kernels.kernels[c->kernels.n_kernels++];

        *other = (Kernel){ .version = strdup(k->version),
                           .reasons = k->reasons,
                           .image = random_stamp(c, 4),
                           .initrd = random_stamp(c, 12) };
        for (char *p = other->version; *p; p++)
                *p = (char) toupper(*p);
}

static inline void make_kernels(Case *c) {
        c->kernels.database_readable = !one_in(c, 4);
        c->kernels.kernels = calloc(2 * ELEMENTSOF(pool), sizeof(Kernel));
        for (size_t i = 0; i < ELEMENTSOF(pool); i++) {
                Kernel *k = &c->kernels.kernels[c->kernels.n_kernels];

                if (one_in(c, 3))
                        continue;
                *k = (Kernel){ .version = strdup(pool[i]),
                               .reasons = one_in(c, 3) ? 0 : 1u << KERNEL_NEWEST,
                               .image = random_stamp(c, 4),
                               .initrd = random_stamp(c, 12) };
                if (one_in(c, 5))
                        k->state = one_in(c, 2) ? KERNEL_STATE_INITRD_MISSING
                                                : KERNEL_STATE_IMAGE_MISSING;
                c->kernels.n_kernels++;
                if (one_in(c, 40))
                        make_namesake(c, k);
        }
        if (c->kernels.n_kernels > 0 && one_in(c, 2))
                c->kernels.kernels[below(c, (unsigned) c->kernels.n_kernels)].reasons |=
                                1u << KERNEL_RUNNING;
        if (c->kernels.n_kernels > 0 && one_in(c, 2)) {
                Kernel *k = &c->kernels.kernels[below(c, (unsigned) c->kernels.n_kernels)];

                k->reasons |= 1u << KERNEL_PIN;
                c->in.pin = k->version;
        }
}

static inline void make_memtest(Case *c) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (one_in(c, 2))
                        c->kernels.memtest[f] = random_stamp(c, 3);
}

static inline char *kernel_path(const Case *c, const char *version, KernelFile f) {
        return c->loader == ESP_LOADER_GRUB ? grub_kernel_path(version, f)
                                            : esp_kernel_path(version, f);
}

static inline void put_kernel_file(Case *c, const char *version, KernelFile f) {
        const Kernel *k = kernel_set_find(&c->kernels, version);
        _cleanup_free_ char *path = kernel_path(c, version, f), *staged = NULL;
        FileStamp stamp = random_stamp(c, 12);

        if (k && one_in(c, 2))
                stamp = f == KERNEL_FILE_IMAGE ? k->image : k->initrd;
        if (one_in(c, 40))
                sim_put(&c->esp, path, one_in(c, 2) ? FILE_DIRECTORY : FILE_OTHER, 0, SIM_FOREIGN,
                        NULL);
        else if (!one_in(c, 6))
                sim_put(&c->esp, path, FILE_REGULAR, one_in(c, 20) ? 0 : stamp.size, stamp.inode,
                        NULL);

        staged = strprintf("%s" STAGED_SUFFIX, path);
        if (one_in(c, 80))
                sim_put(&c->esp, staged, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
        else if (one_in(c, 10))
                sim_put(&c->esp, staged, FILE_REGULAR, stamp.size, ++c->content, NULL);
}

static inline void put_entry(Case *c, const char *version, const char *path) {
        static const char *const options[] = { NULL, "root=a", "root=a quiet", "root=b \"x y\"" };
        _cleanup_free_ char *text = NULL;

        sim_assert(&c->esp, boot_entry_render(one_in(c, 5) ? "Another title" : TITLE, version,
                                              options[below(c, ELEMENTSOF(options))], &text) == 0);
        if (one_in(c, 40))
                sim_put(&c->esp, path, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
        else if (one_in(c, 12))
                sim_put(&c->esp, path, FILE_REGULAR, 100, 0, NULL);
        else if (one_in(c, 12))
                sim_put(&c->esp, path, FILE_REGULAR, 10, 0, "\xff garbage");
        else
                sim_put(&c->esp, path, FILE_REGULAR, strlen(text), 0, text);
}

static inline void put_entries(Case *c, const char *version) {
        static const char *const counters[] = { "+3", "+2-1", "+0-3" };
        _cleanup_free_ char *plain = esp_entry_path(version), *counted = NULL, *staged = NULL;

        counted = strprintf(ESP_ENTRY_DIR "/" ENTRY_PREFIX "%s%s" ENTRY_SUFFIX, version,
                            counters[below(c, ELEMENTSOF(counters))]);
        staged = strprintf("%s" STAGED_SUFFIX, plain);
        if (!one_in(c, 5))
                put_entry(c, version, plain);
        if (one_in(c, 8))
                put_entry(c, version, counted);
        if (one_in(c, 30))
                sim_put(&c->esp, staged, one_in(c, 3) ? FILE_DIRECTORY : FILE_REGULAR, 9, 0, "cut");
        if (sim_is(&c->esp, staged, FILE_DIRECTORY))
                sim_put(&c->esp, staged, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
}

static inline void put_kernel(Case *c, const char *version) {
        _cleanup_free_ char *dir = esp_kernel_dir(version), *other = NULL;

        if (one_in(c, 60)) {
                sim_put(&c->esp, dir, one_in(c, 2) ? FILE_OTHER : FILE_REGULAR, 5, SIM_FOREIGN,
                        NULL);
        } else if (!one_in(c, 8)) {
                sim_put(&c->esp, dir, FILE_DIRECTORY, 0, 0, NULL);
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                        put_kernel_file(c, version, f);
        }
        if (sim_is(&c->esp, dir, FILE_DIRECTORY) && one_in(c, 20)) {
                other = strprintf("%s/notes.txt", dir);
                sim_put(&c->esp, other, FILE_REGULAR, 5 * UNIT, SIM_FOREIGN, NULL);
                esp_image_get(&c->esp.image, dir)->mtime = SIM_FOREIGN;
        }
        put_entries(c, version);
}

/* Memtest86+ as it should be, as it was before, or as an interrupted run has left it. */
static inline void put_memtest(Case *c) {
        const EspImage place = { .loader = c->loader };

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                const char *path = esp_image_reader(&place)->memtest_path(f);
                FileStamp stamp = one_in(c, 3) ? random_stamp(c, 3) : c->kernels.memtest[f];
                _cleanup_free_ char *staged = strprintf("%s" STAGED_SUFFIX, strempty(path));

                if (!path || one_in(c, 2))
                        continue;
                if (one_in(c, 20))
                        sim_put(&c->esp, path, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
                else
                        sim_put(&c->esp, path, FILE_REGULAR, stamp.size, stamp.inode, NULL);
                if (one_in(c, 20))
                        sim_put(&c->esp, staged, FILE_REGULAR, 3, ++c->content, NULL);
        }
        if (c->loader == ESP_LOADER_SYSTEMD_BOOT &&
            sim_is(&c->esp, ESP_ENTRY_DIR, FILE_DIRECTORY) && one_in(c, 2))
                sim_put(&c->esp, ESP_MEMTEST_ENTRY, one_in(c, 20) ? FILE_OTHER : FILE_REGULAR, 40,
                        0, one_in(c, 5) ? "efi /other.efi\n" : MEMTEST_ENTRY_TEXT);
        if (sim_is(&c->esp, ESP_MEMTEST_ENTRY, FILE_OTHER))
                esp_image_get(&c->esp.image, ESP_MEMTEST_ENTRY)->mtime = SIM_FOREIGN;
}

static inline void put_loader_conf(Case *c) {
        static const char *const texts[] = {
                "timeout 3\ndefault proxmox-*\n",
                "timeout 3\r\n\r\ndefault proxmox-*",
                "timeout 10\n",
                "",
                "default other.conf\n",
                "default @saved\n",
                "\x01\xff\n",
        };
        _cleanup_free_ char *pinned = NULL;

        pinned = strprintf("default proxmox-%s.conf\n", pool[below(c, ELEMENTSOF(pool))]);
        if (one_in(c, 30))
                sim_put(&c->esp, ESP_LOADER_CONF, FILE_REGULAR, one_in(c, 2) ? 100 : 1024 * 1024, 0,
                        NULL);
        else if (one_in(c, 2))
                sim_put(&c->esp, ESP_LOADER_CONF, FILE_REGULAR, strlen(pinned), 0, pinned);
        else {
                const char *text = texts[below(c, ELEMENTSOF(texts))];

                sim_put(&c->esp, ESP_LOADER_CONF, FILE_REGULAR, strlen(text), 0, text);
        }
        if (one_in(c, 20))
                sim_put(&c->esp, ESP_LOADER_CONF STAGED_SUFFIX, FILE_REGULAR, 3, 0, "cut");
}

/* Another tool, or a human, has written names in another case. */
static inline void disguise(Case *c) {
        for (size_t i = 0; i < c->esp.image.n_files && c->esp.image.folds_case; i++) {
                char *path = c->esp.image.files[i].path;

                if (one_in(c, 4))
                        for (char *p = path + below(c, (unsigned) strlen(path)); *p; p++)
                                *p = (char) toupper(*p);
                else if (one_in(c, 8))
                        for (char *p = path; *p; p++)
                                *p = (char) (one_in(c, 2) ? toupper(*p) : tolower(*p));
        }
}

/* None for a kernel, for one at the most, so that others have to give way, or for some. */
static inline void put_free_space(Case *c) {
        EspImage *image = &c->esp.image;

        if (one_in(c, 3))
                image->free_bytes = below(c, 8) * image->cluster_bytes;
        else
                image->free_bytes = below(c, one_in(c, 2) ? 20 : 80) * (uint64_t) UNIT;
}

static inline void make_esp(Case *c) {
        static const uint64_t clusters[] = { 512, 4096, 32768 };
        SimEsp *s = &c->esp;

        s->image.folds_case = one_in(c, 2);
        s->image.cluster_bytes = clusters[below(c, ELEMENTSOF(clusters))];
        sim_put(s, "loader", FILE_DIRECTORY, 0, 0, NULL);
        sim_put(s, ESP_KERNEL_DIR, FILE_DIRECTORY, 0, 0, NULL);
        put_loader_conf(c);
        if (!one_in(c, 20)) {
                sim_put(s, ESP_ENTRY_DIR, FILE_DIRECTORY, 0, 0, NULL);
                for (size_t i = 0; i < ELEMENTSOF(pool); i++)
                        if (one_in(c, 2))
                                put_kernel(c, pool[i]);
                if (one_in(c, 10))
                        sim_put(s, ESP_ENTRY_DIR "/debian.conf", FILE_REGULAR, 20, SIM_FOREIGN,
                                "linux /vmlinuz\n");
                if (one_in(c, 10))
                        sim_put(s, ESP_ENTRY_DIR "/zebra.conf", FILE_REGULAR, 20, SIM_FOREIGN,
                                "efi /EFI/zebra.efi\n");
        } else if (one_in(c, 3))
                sim_put(s, ESP_ENTRY_DIR, FILE_REGULAR, 1, SIM_FOREIGN, NULL);
        put_memtest(c);
        put_free_space(c);
        s->image.loader = esp_image_tell_loader(&s->image);
        disguise(c);
}

/* An earlier run, an administrator, or another tool has left something in grubenv. */
static inline void put_grub_env(Case *c) {
        _cleanup_free_ char *ours = grub_entry_id(pool[below(c, ELEMENTSOF(pool))], SIM_ROOT_ID);
        const char *const values[] = { NULL, "", "0", "windows", ours };
        _cleanup_free_ char *text = NULL, *more = NULL;

        if (one_in(c, 3))
                return;
        sim_assert(&c->esp, grub_env_set(NULL, 0, "mine", "x\\y", &text) == 0);
        sim_assert(&c->esp, grub_env_set(text, strlen(text), "next_entry",
                                         values[below(c, ELEMENTSOF(values))], &more) == 0);
        if (one_in(c, 10))
                more[3] = 'x';
        if (one_in(c, 30))
                sim_put(&c->esp, ESP_GRUB_ENV, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
        else
                sim_put(&c->esp, ESP_GRUB_ENV, FILE_REGULAR, strlen(more), 0, more);
        if (one_in(c, 20))
                sim_put(&c->esp, ESP_GRUB_ENV STAGED_SUFFIX, FILE_REGULAR, 3, 0, "cut");
}

/* A menu that was made when some of the kernels were not there yet, or from another configuration,
 * or none. */
static inline void put_grub_config(Case *c) {
        _cleanup_free_ char *text = NULL, *summary = NULL, *hidden = NULL, *other = NULL;
        SimEsp *s = &c->esp;

        other = grub_entry_id(pool[below(c, ELEMENTSOF(pool))], SIM_ROOT_ID);
        hidden = strprintf("vmlinuz-%s\ninitrd.img-%s", pool[below(c, ELEMENTSOF(pool))],
                           pool[below(c, ELEMENTSOF(pool))]);
        text = sim_grub_config(&s->image, one_in(c, 2) ? hidden : "", one_in(c, 2) ? "0" : other);
        sim_assert(s, grub_config_summarise(text, strlen(text), &summary) == 0);
        if (one_in(c, 10))
                return;
        if (one_in(c, 40))
                sim_put(s, ESP_GRUB_CONFIG, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
        else
                sim_put(s, ESP_GRUB_CONFIG, FILE_REGULAR, strlen(text), below(c, 2),
                        one_in(c, 20) ? NULL : summary);
        if (one_in(c, 20))
                sim_put(s, ESP_GRUB_CONFIG STAGED_SUFFIX, FILE_REGULAR, 3, 0, NULL);
}

static inline void make_grub_esp(Case *c) {
        static const uint64_t clusters[] = { 512, 4096, 32768 };
        SimEsp *s = &c->esp;

        s->image.folds_case = one_in(c, 2);
        s->image.cluster_bytes = clusters[below(c, ELEMENTSOF(clusters))];
        s->grub_inputs = below(c, 3);
        for (size_t i = 0; i < ELEMENTSOF(pool); i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX && !one_in(c, 3); f++)
                        put_kernel_file(c, pool[i], f);
        put_memtest(c);
        if (one_in(c, 2)) {
                sim_put(s, ESP_KERNEL_DIR, FILE_DIRECTORY, 0, 0, NULL);
                sim_put(s, ESP_KERNEL_DIR "/grubx64.efi", FILE_REGULAR, UNIT, SIM_FOREIGN, NULL);
        }
        if (!sim_is(s, ESP_KERNEL_DIR, FILE_DIRECTORY) || !one_in(c, 10)) {
                sim_put(s, ESP_GRUB_DIR, FILE_DIRECTORY, 0, 0, NULL);
                put_grub_config(c);
                put_grub_env(c);
        }
        if (sim_is(s, ESP_KERNEL_DIR, FILE_DIRECTORY) && one_in(c, 4)) {
                c->loader = ESP_LOADER_SYSTEMD_BOOT;
                sim_put(s, "loader", FILE_DIRECTORY, 0, 0, NULL);
                sim_put(s, ESP_ENTRY_DIR, FILE_DIRECTORY, 0, 0, NULL);
                put_loader_conf(c);
                put_kernel(c, pool[below(c, ELEMENTSOF(pool))]);
                c->loader = ESP_LOADER_GRUB;
        }
        put_free_space(c);
        s->image.loader = esp_image_tell_loader(&s->image);
        sim_assert(s, s->image.loader == ESP_LOADER_GRUB);
        disguise(c);
}

static inline unsigned checkers_of(const Case *c) {
        return c->esp.secure ? loader_checkers(c->loader) : 0;
}

/* The version that the default must be led to by name, or NULL. */
static inline const char *pin_of(const Case *c) {
        return kernel_set_name_default(&c->kernels, c->in.pin, checkers_of(c));
}

/* All know the same of the images in boot/ as of those on the ESP. */
static inline void judge_kernels(Case *c) {
        for (size_t i = 0; i < c->kernels.n_kernels && c->esp.secure; i++) {
                Kernel *k = &c->kernels.kernels[i];
                SimTrust trust = sim_trust(k->image.inode);

                if (k->state == KERNEL_STATE_IMAGE_MISSING)
                        continue;
                k->accepted = trust == SIM_ACCEPTED ? ~0u : 0;
                k->refused = trust == SIM_REFUSED ? ~0u : 0;
        }
}

/* GRUB's configuration names the pin, if there is one. */
static inline void make_grub_input(Case *c) {
        const char *other = c->in.pin ? NULL : one_in(c, 8) ? "1>1" : "0";

        if (c->kernels.n_kernels > 0 && one_in(c, 3)) {
                Kernel *k = &c->kernels.kernels[below(c, (unsigned) c->kernels.n_kernels)];

                k->reasons |= 1u << KERNEL_NEXT_BOOT;
                c->in.next_boot = k->version;
        }
        c->grub_default = pin_of(c) ? grub_entry_id(pin_of(c), SIM_ROOT_ID) : strdup(other);
        c->esp.grub_default = c->grub_default;
}

static inline void make_input(Case *c) {
        static const char *const cmdlines[] = { NULL, "root=a", "root=ZFS=rpool/ROOT/pve-1 quiet" };
        static char long_cmdline[2000];

        memset(long_cmdline, 'x', sizeof(long_cmdline) - 1);
        memcpy(long_cmdline, "root=", 5);
        c->in.esp_uuid = "AAAA-0001";
        c->in.image = &c->esp.image;
        c->in.kernels = &c->kernels;
        c->in.title = TITLE;
        c->in.cmdline = one_in(c, 8) ? long_cmdline : cmdlines[below(c, ELEMENTSOF(cmdlines))];
        c->in.fallback_cmdline = one_in(c, 2) ? "root=fallback" : NULL;
}
