/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP that is off the list is nobody's any more: what is on it, its manifest here, and its entry
 * in the firmware's list stay, so that it can be listed again. The last one that boots is kept on
 * it, since nothing would bring new kernels to what the host boots from. */

#include "engine/facts/esp-list.h"

#include <strings.h>

#include "common/names.h"
#include "common/string-util.h"
#include "core/esp/esp-lookup.h"
#include "sys/file.h"
#include "sys/kernel-conf.h"

int esp_list_find(const Esps *esps, const char *name, Esp **ret, Error *error) {
        _cleanup_free_ EspNames *names = NULL;
        _cleanup_free_ Esp **listed = NULL;
        size_t n = 0, n_names = 0, n_listed = 0, found;
        int r;

        ESPS_FOREACH(esp, esps) {
                const EspInfo info = esp_info(esp);

                if (!info.listed)
                        continue;
                if (!ARRAY_RESERVE(names, n_names, n + 1) ||
                    !ARRAY_RESERVE(listed, n_listed, n + 1))
                        return -ENOMEM;
                names[n] = (EspNames){ info.uuid, info.part_uuid, info.device };
                listed[n++] = esp;
        }
        r = esp_lookup(names, n, name, &found, error);
        if (r >= 0)
                *ret = listed[found];
        return r;
}

int esp_list_find_all(const Esps *esps, char *const *names, char ***ret, Error *error) {
        _cleanup_strv_ char **uuids = NULL;

        for (; names && *names; names++) {
                Esp *esp;
                int r = esp_list_find(esps, *names, &esp, error);

                if (r >= 0)
                        r = strv_extend_uniq(&uuids,
                                             (char *[]){ (char *) esp_info(esp).uuid, NULL });
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(uuids);
        return 0;
}

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

static int list_missing(const Esps *esps, char ***ret) {
        _cleanup_strv_ char **missing = NULL;

        ESPS_FOREACH(esp, esps) {
                const EspInfo info = esp_info(esp);

                if (info.listed && !info.present && strv_extend(&missing, info.uuid) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(missing);
        return 0;
}

static int take_off(const Root *root, const char *uuid, Error *error) {
        int r = kernel_conf_change_list(root, LIST_ESPS, uuid, false);

        return r < 0 ? error_set_errno(error, r, "Cannot take '%s' off /" PATH_ESP_LIST, uuid) : 0;
}

int esp_list_clean(const Root *root, const Esps *esps, bool dry_run, char ***ret_removed,
                   Error *error) {
        _cleanup_strv_ char **missing = NULL;
        int r;

        r = has_links(root);
        if (r < 0)
                return error_set_errno(error, r, "Cannot look for ESPs in /" PATH_BY_UUID);
        if (r == 0)
                return error_set(error, ERROR_FAILED,
                                 "There is no /" PATH_BY_UUID "/* at all, so every ESP looks gone; "
                                 "see that udev runs (in a chroot: that /dev is there), then try "
                                 "again");
        r = list_missing(esps, &missing);
        for (char **uuid = missing; r >= 0 && !dry_run && uuid && *uuid; uuid++)
                r = take_off(root, *uuid, error);
        if (r >= 0)
                *ret_removed = TAKE_PTR(missing);
        return r;
}

/* By the last look, and as the verdict on redundancy counts it. */
static bool is_known_to_boot(const EspInfo *esp) {
        return esp->present && esp->state != ESP_STUCK && esp->state != ESP_FAILED && esp->image &&
               esp_image_has_loader(esp->image) && esp->bootable;
}

/* Before the first look nobody can say that it does not. */
static bool may_boot(const EspInfo *esp) {
        return esp->present && (!esp->image || (esp_image_has_loader(esp->image) && esp->bootable));
}

static int check_last(const Esps *esps, const Esp *esp, Error *error) {
        const EspInfo info = esp_info(esp);

        if (!may_boot(&info))
                return 0;
        ESPS_FOREACH(other, esps) {
                const EspInfo i = esp_info(other);

                if (other != esp && i.listed && is_known_to_boot(&i))
                        return 0;
        }
        return error_set(error, ERROR_LAST_ESP,
                         "No other ESP on /" PATH_ESP_LIST " than '%s' is known to boot this host, "
                         "which would get no new kernels; set up another one with 'bootctl-pve "
                         "init', or insist with --force",
                         info.uuid);
}

int esp_list_remove(const Root *root, const Esps *esps, const Esp *esp, bool force, Error *error) {
        int r = force ? 0 : check_last(esps, esp, error);

        return r < 0 ? r : take_off(root, esp_info(esp).uuid, error);
}

int esp_list_entries(const Firmware *firmware, const Esp *esp, char ***ret) {
        const char *part_uuid = esp_info(esp).part_uuid;
        _cleanup_strv_ char **entries = NULL;

        for (size_t i = 0; firmware && !isempty(part_uuid) && i < firmware->n_entries; i++) {
                const LoadOption *o = &firmware->entries[i];

                if (load_option_is_ours(o) && strcasecmp(o->partuuid, part_uuid) == 0 &&
                    strv_extendf(&entries, "Boot%04X", o->number) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(entries);
        return 0;
}

int esp_list_tell_setup(const Esps *esps, const char *uuid, const char *device, EspLoader loader,
                        Error *error) {
        const Esp *esp = uuid ? esps_find(esps, uuid) : NULL;
        bool any = loader == ESP_LOADER_NONE;
        _cleanup_free_ char *again = NULL;
        _cleanup_error_ Error why = {};
        ErrorCode code = error->code;

        again = strprintf("'bootctl-pve init %s%s%s'", device, any ? "" : " ",
                          any ? "" : esp_loader_to_string(loader));
        if (!again)
                return -ENOMEM;
        error_move(&why, error);
        if (esp && esp_info(esp).listed)
                (void) error_set(error, code,
                                 "%s; ESP '%s' is on the list now: %s tries again, and "
                                 "'bootctl-pve esp remove %s' takes it off",
                                 strempty(why.message), uuid, again, uuid);
        else
                (void) error_set(error, code, "%s; %s%s%s, so %s can be called again",
                                 strempty(why.message), uuid ? "ESP '" : "it", strempty(uuid),
                                 uuid ? "' is not on the list" : " was not put on the list", again);
        return 0;
}
