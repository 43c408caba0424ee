/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs that change which ESPs there are. */

#include "common/names.h"
#include "engine/manager-private.h"
#include "sys/file.h"

/* Before udev has run, or in a chroot without its own /dev, every disk looks gone. 1 if there is
 * any link. */
static int has_links(const Root *root) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = directory_list(root, PATH_BY_UUID, NULL, &names);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return !strv_isempty(names);
}

static int list_missing(const Manager *m, char ***ret) {
        _cleanup_strv_ char **missing = NULL;

        for (size_t i = 0; i < m->n_members; i++) {
                const Member *member = m->members[i];

                if (member->listed && !esp_present(member->esp) &&
                    strv_extend(&missing, esp_uuid(member->esp)) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(missing);
        return 0;
}

int manager_clean_esps(Manager *m, bool dry_run, char ***ret_removed, Error *error) {
        _cleanup_strv_ char **missing = NULL;
        int r;

        r = manager_reload_for(m, error);
        if (r < 0)
                return r;
        r = has_links(m->options.root);
        if (r < 0)
                return error_set_errno(error, r, "Cannot look for ESPs in /" PATH_BY_UUID);
        if (r == 0)
                return error_set(error, ERROR_FAILED,
                                 "There is no /" PATH_BY_UUID "/* at all, so every ESP looks gone; "
                                 "see that udev runs (in a chroot: that /dev is there), then try "
                                 "again");
        r = list_missing(m, &missing);
        if (r < 0)
                return r;

        for (char **uuid = missing; !dry_run && uuid && *uuid; uuid++) {
                r = kernel_conf_change_list(m->options.root, LIST_ESPS, *uuid, false);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot take '%s' off /" PATH_ESP_LIST,
                                               *uuid);
                log_event(manager_log_level(m, LOG_NOTICE), NULL, FIELD_ESP_UUID, *uuid, NULL,
                          "ESP '%s' is gone and was taken off the list.", *uuid);
        }
        if (!dry_run && !strv_isempty(missing)) {
                r = manager_reload_for(m, error);
                if (r < 0)
                        return r;
        }
        *ret_removed = TAKE_PTR(missing);
        return 0;
}
