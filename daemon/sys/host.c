/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what the host says of itself. Everything is read below the root: the running kernel of a
 * throw-away root is the one that its proc/ tells, never that of uname(2). A file that is absent
 * leaves its value unknown. */

#include "sys/host.h"

#include <fcntl.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "sys/file.h"

#define FACT_SIZE_MAX 4096
#define STAT_SIZE_MAX (4 * 1024 * 1024) /* a line for each CPU, a long one for interrupts */

void host_done(Host *h) {
        free(h->running);
        free(h->cmdline);
        free(h->boot_id);
        free(h->title);
        *h = (Host){};
}

/* Without fstat(2): etc/pve is a FUSE file system, and one whose server hangs would not answer. */
static bool exists(const Root *root, const char *path) {
        _cleanup_close_ int fd = root_openat(root, path, O_PATH, 0);

        return fd >= 0;
}

/* The first word; NULL if there is none. */
static int read_word(const Root *root, const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r;

        *ret = NULL;
        r = file_read(root, path, FACT_SIZE_MAX, &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        n = strcspn(text, " \t\r\n");
        if (n == 0)
                return 0;
        *ret = strndup(text, n);
        return *ret ? 0 : -ENOMEM;
}

/* 128 bits in hex digits, as a UUID or without its dashes. */
static bool boot_id_is_valid(const char *s) {
        size_t n = strlen(s);

        return (n == 32 || n == 36) && s[strspn(s, "0123456789abcdef-")] == '\0';
}

static const char *product_title(const Root *root) {
        static const struct {
                const char *path, *title;
        } products[] = {
                { "etc/pve", "Proxmox Virtual Environment" },
                { "usr/share/doc/proxmox-mailgateway", "Proxmox Mailgateway" },
                { "usr/share/doc/proxmox-backup", "Proxmox Backup Server" },
        };

        for (size_t i = 0; i < ELEMENTSOF(products); i++)
                if (exists(root, products[i].path))
                        return products[i].title;
        return products[0].title;
}

int host_load(const Root *root, Host *ret) {
        _cleanup_(host_done) Host host = {};
        int r;

        r = read_word(root, PATH_OSRELEASE, &host.running);
        if (r < 0)
                return r;
        if (host.running && !kernel_version_is_valid(host.running))
                host.running = mfree(host.running);
        r = file_read(root, PATH_PROC_CMDLINE, FACT_SIZE_MAX, &host.cmdline, NULL);
        if (r == -ENOMEM)
                return r;
        r = read_word(root, PATH_BOOT_ID, &host.boot_id);
        if (r < 0)
                return r;
        if (host.boot_id && !boot_id_is_valid(host.boot_id))
                host.boot_id = mfree(host.boot_id);
        host.title = strdup(product_title(root));
        if (!host.title)
                return -ENOMEM;
        *ret = TAKE_STRUCT(host);
        return 0;
}

bool host_has_efi(const Root *root) {
        return exists(root, "sys/firmware/efi");
}

int host_boot_time(const Root *root, uint64_t *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size, pos = 0, n;
        const char *line;
        int r;

        *ret = 0;
        r = file_read(root, PATH_PROC_STAT, STAT_SIZE_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        while (line_next(text, size, &pos, &line, &n)) {
                _cleanup_free_ char *copy = strndup(line, n);
                const char *value;

                if (!copy)
                        return -ENOMEM;
                value = startswith(copy, "btime ");
                if (!value)
                        continue;
                (void) parse_u64(value, ret); /* no number: unknown */
                return 0;
        }
        return 0;
}
