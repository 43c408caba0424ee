/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Only entries with the ids of grub-mkconfig's own script for Linux count: what os-prober has found
 * is another system's, though its kernels may have the names of ours. */

#include "core/grub/host-menu.h"

#include "common/string-util.h"
#include "core/grub/grub-menu.h"
#include "core/kernel/kernel-version.h"

#define SUBMENU "gnulinux-advanced-"
#define ENTRY   "gnulinux-"

void host_menu_done(HostMenu *m) {
        free(m->root_id);
        free(m->default_version);
        strv_free(m->versions);
        *m = (HostMenu){};
}

/* NULL if it is no entry of a kernel of this host. */
static const char *item_version(const GrubMenuItem *item) {
        const char *image = item->entry.image, *slash, *version;

        if (item->is_submenu || !image || !startswith(strempty(item->entry.id), ENTRY))
                return NULL;
        slash = strrchr(image, '/');
        version = startswith(slash ? slash + 1 : image, "vmlinuz-");
        return version && kernel_version_is_valid(version) ? version : NULL;
}

static int take_item(HostMenu *m, const GrubMenuItem *item) {
        const char *version = item_version(item), *id;

        if (version && !strv_contains(m->versions, version))
                return strv_extend(&m->versions, version);
        id = item->is_submenu && !m->root_id ? startswith(strempty(item->entry.id), SUBMENU) : NULL;
        if (isempty(id))
                return 0;
        m->root_id = strdup(id);
        return m->root_id ? 0 : -ENOMEM;
}

int host_menu_read(const char *text, size_t size, const char *saved, HostMenu *ret) {
        _cleanup_(grub_menu_done) GrubMenu menu = {};
        _cleanup_(host_menu_done) HostMenu m = {};
        const GrubMenuItem *boots = NULL;
        const char *version;
        int r;

        assert(ret);

        r = grub_menu_read(text, size, &menu);
        if (r >= 0)
                r = grub_menu_default(&menu, saved, &boots);
        for (size_t i = 0; r >= 0 && i < menu.n_items; i++)
                r = take_item(&m, &menu.items[i]);
        if (r < 0)
                return r;
        version = boots ? item_version(boots) : NULL;
        if (version) {
                m.default_version = strdup(version);
                if (!m.default_version)
                        return -ENOMEM;
        }

        *ret = TAKE_STRUCT(m);
        return 0;
}

const char *host_menu_lacks(const HostMenu *m, const KernelSet *kernels) {
        for (size_t i = 0; i < kernels->n_kernels; i++) {
                const Kernel *k = &kernels->kernels[i];

                if (k->reasons != 0 && kernel_is_bootable(k) &&
                    !strv_contains(m->versions, k->version))
                        return k->version;
        }
        return NULL;
}
