/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host says of itself. Everything is read below the root: the running kernel of a
 * throw-away root is what its proc/ tells, never uname(2), and what is not told is unknown. */

#include "sys/host.h"

#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel-version.h"
#include "sys/file.h"

#define LINE_MAX_BYTES 4096

void host_done(Host *h) {
        free(h->running);
        free(h->boot_id);
        free(h->title);
        *h = (Host){};
}

/* The first line without surrounding blanks; NULL if there is none. */
static int read_line(const Root *root, const char *path, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size, n;
        int r;

        r = file_read(root, path, LINE_MAX_BYTES, &text, &size);
        if (r == -ENOMEM)
                return r;
        *ret = NULL;
        if (r < 0)
                return 0;
        n = strcspn(text, " \t\r\n");
        if (n == 0 || n > size)
                return 0;
        *ret = strndup(text, n);
        return *ret ? 0 : -ENOMEM;
}

static const char *product_title(const Root *root) {
        static const struct {
                const char *path, *title;
        } products[] = {
                { "etc/pve", "Proxmox Virtual Environment" },
                { "usr/share/doc/proxmox-mailgateway", "Proxmox Mailgateway" },
                { "usr/share/doc/proxmox-backup", "Proxmox Backup Server" },
        };
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(products); i++)
                if (root_stat(root, products[i].path, &st) >= 0)
                        return products[i].title;
        return products[0].title;
}

int host_load(const Root *root, Host *ret) {
        _cleanup_(host_done) Host host = {};
        int r;

        r = read_line(root, PATH_OSRELEASE, &host.running);
        if (r < 0)
                return r;
        if (host.running && !kernel_version_is_valid(host.running))
                host.running = mfree(host.running);
        r = read_line(root, PATH_BOOT_ID, &host.boot_id);
        if (r < 0)
                return r;
        host.title = strdup(product_title(root));
        if (!host.title)
                return -ENOMEM;
        *ret = TAKE_STRUCT(host);
        return 0;
}

bool host_is_container(const Root *root) {
        static const char *const marks[] = { "run/systemd/container", "run/.containerenv",
                                             ".dockerenv" };
        struct stat st;

        if (!root_is_host(root))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(marks); i++)
                if (root_stat(root, marks[i], &st) >= 0)
                        return true;
        return false;
}
