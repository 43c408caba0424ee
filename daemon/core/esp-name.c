/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* FAT keeps the case of a name and does not tell by it: EFI/Proxmox/6.8.12-4-PVE is the directory
 * that we call EFI/proxmox/6.8.12-4-pve. Whoever takes them for two removes the one that he has
 * just filled. So names that were read from a FAT are put in our own spelling here, before anything
 * is compared with them; on the disk they stay as they are. Whether a name means anything where it
 * stands is not asked: that is decided by those who know our paths, which are exact. */

#include "core/esp-name.h"

#include <strings.h>

#include "common/string-util.h"
#include "core/boot-entry.h"
#include "core/kernel-version.h"
#include "core/loader-files.h"

#define DIGITS "0123456789"

static char small(char c) {
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Take the next character that counts off *@s; '\0' at its end. */
static unsigned char take_character(const char **s) {
        char c;

        if (**s == '.') {
                const char *end = *s + strspn(*s, ".");

                if (*end == '/' || *end == '\0')
                        *s = end;
        }
        c = **s;
        *s += c != '\0';
        return (unsigned char) small(c);
}

int esp_path_compare(const char *a, const char *b) {
        unsigned char c, d;

        do {
                c = take_character(&a);
                d = take_character(&b);
        } while (c == d && c != '\0');
        return c - d;
}

bool esp_path_begins(const char *path, const char *start) {
        unsigned char c;

        while ((c = take_character(&start)) != '\0')
                if (take_character(&path) != c)
                        return false;
        return true;
}

static bool is_kept(const Kernel *k) {
        return k->reasons != 0 && kernel_is_bootable(k);
}

const Kernel *esp_name_rival(const KernelSet *set, const Kernel *kernel) {
        for (size_t i = 0; i < set->n_kernels && &set->kernels[i] != kernel; i++)
                if (is_kept(&set->kernels[i]) &&
                    esp_path_compare(set->kernels[i].version, kernel->version) == 0)
                        return &set->kernels[i];
        return NULL;
}

/* The rest of @name after @prefix in any case, or NULL. */
static const char *after(const char *name, const char *prefix) {
        size_t n = strlen(prefix);

        return strncasecmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* Which of the suffixes of our names @s is, in any case; NULL: none. */
static const char *our_suffix(const char *s) {
        static const char *const suffixes[] = { "", ENTRY_SUFFIX, STAGED_SUFFIX,
                                                ENTRY_SUFFIX STAGED_SUFFIX };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (strcasecmp(s, suffixes[i]) == 0)
                        return suffixes[i];
        return NULL;
}

static const char *skip_boot_counter(const char *s) {
        const char *p = s;

        if (*p != '+')
                return s;
        p += 1 + strspn(p + 1, DIGITS);
        if (*p == '-')
                p += 1 + strspn(p + 1, DIGITS);
        return p;
}

/* @name without the version that it begins with, if only what we put behind one follows; NULL if
 * that is another version. */
static const char *after_version(const char *name, const char *version) {
        const char *tail = after(name, version);

        if (esp_path_compare(name, version) == 0)
                return "";
        return tail && our_suffix(skip_boot_counter(tail)) ? tail : NULL;
}

static const char *find_version(const KernelSet *kernels, const char *name, bool kept,
                                const char **ret_tail) {
        for (size_t i = 0; kernels && i < kernels->n_kernels; i++) {
                const Kernel *k = &kernels->kernels[i];

                if (is_kept(k) != kept)
                        continue;
                *ret_tail = after_version(name, k->version);
                if (*ret_tail)
                        return k->version;
        }
        return NULL;
}

/* A version and what follows it. */
static void put_version(Buffer *b, const char *name, const KernelSet *kernels) {
        const char *tail, *version, *counter;

        version = find_version(kernels, name, true, &tail)
                                  ?: find_version(kernels, name, false, &tail);
        if (version) {
                counter = tail;
                tail = skip_boot_counter(tail);
                buffer_puts(b, version);
                buffer_append(b, counter, (size_t) (tail - counter));
                buffer_puts(b, our_suffix(tail));
                return;
        }
        for (; *name; name++)
                buffer_append(b, &(char){ small(*name) }, 1);
}

/* Names that have no version in them. */
static const char *find_name(const char *name, const char **ret_suffix) {
        static const char *const names[] = {
                "EFI",
                "proxmox",
                "systemd",
                "BOOT",
                "loader",
                "entries",
                "grub",
                "grub.cfg",
                "grubenv",
                "systemd-boot" EFI_ARCH ".efi",
                "loader.conf",
                "BOOT" EFI_ARCH_UPPER ".EFI",
                "memtest86+x64",
                "memtest86+x64.efi",
                "memtest86+x64.bin",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *tail = after(name, names[i]);

                *ret_suffix = tail ? our_suffix(tail) : NULL;
                if (*ret_suffix)
                        return names[i];
        }
        return NULL;
}

static void put_name(Buffer *b, const char *name, const KernelSet *kernels) {
        static const char *const prefixes[] = { "vmlinuz-", "initrd.img-", ENTRY_PREFIX, "" };
        const char *suffix, *ours = find_name(name, &suffix);

        if (ours) {
                buffer_puts(b, ours);
                buffer_puts(b, suffix);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = after(name, prefixes[i]);

                if (!rest || *rest < '0' || *rest > '9')
                        continue;
                buffer_puts(b, prefixes[i]);
                put_version(b, rest, kernels);
                return;
        }
        buffer_puts(b, name);
}

int esp_path_respell(const char *path, const KernelSet *kernels, char **ret) {
        _cleanup_free_ char *names = strdup(path);
        Buffer b = {};

        assert(ret);

        if (!names)
                return -ENOMEM;
        for (char *name = names, *end; name; name = end) {
                end = strchr(name, '/');
                if (end)
                        *end++ = '\0';
                put_name(&b, name, kernels);
                if (end)
                        buffer_puts(&b, "/");
        }
        return buffer_take(&b, ret, NULL);
}
