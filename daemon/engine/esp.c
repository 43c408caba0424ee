/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ESP's record in memory. It remembers what workers saw and did, so that every property is
 * answered without touching a disk; it decides nothing. */

#include "engine/esp.h"

#include "common/names.h"
#include "common/string-util.h"

struct Esp {
        char *uuid;
        char *id;
        char *link; /* in dev/disk/by-uuid */
        BlockNames names;
        bool present;
        bool one_shot; /* systemd-boot takes one */
        EspState state;
        char *last_error;
        bool manifest_stale;
        EspImage *image;
        char **kernels;
        EspBoot boot;
        uint64_t compared, tried; /* serials of the facts */
        uint64_t last_sync_usec, last_verify_usec;
};

static const char *const esp_state_table[_ESP_STATE_MAX] = {
        [ESP_UNKNOWN] = "unknown", [ESP_IN_SYNC] = "in-sync", [ESP_OUTDATED] = "outdated",
        [ESP_SYNCING] = "syncing", [ESP_MISSING] = "missing", [ESP_STUCK] = "stuck",
        [ESP_FAILED] = "failed",
};
DEFINE_STRING_TABLE(esp_state, EspState)

int esp_new(const char *uuid, BlockNames *names, Esp **ret) {
        _cleanup_(block_names_done) BlockNames taken = TAKE_STRUCT(*names);
        _cleanup_(esp_freep) Esp *esp = calloc(1, sizeof(*esp));

        if (!esp)
                return -ENOMEM;
        esp->uuid = strdup(uuid);
        esp->id = strdup(taken.part_uuid ?: uuid);
        esp->link = strprintf("/" PATH_BY_UUID "/%s", uuid);
        if (!esp->uuid || !esp->id || !esp->link)
                return -ENOMEM;
        esp->names = TAKE_STRUCT(taken);
        *ret = TAKE_PTR(esp);
        return 0;
}

Esp *esp_free(Esp *esp) {
        if (!esp)
                return NULL;
        esp_image_free(esp->image);
        strv_free(esp->kernels);
        esp_boot_done(&esp->boot);
        free(esp->last_error);
        block_names_done(&esp->names);
        free(esp->link);
        free(esp->id);
        free(esp->uuid);
        return mfree(esp);
}

const char *esp_uuid(const Esp *esp) {
        return esp->uuid;
}

const char *esp_id(const Esp *esp) {
        return esp->id;
}

const char *esp_device(const Esp *esp) {
        return esp->names.device ?: esp->link;
}

const char *esp_disk(const Esp *esp) {
        return strempty(esp->names.disk);
}

const char *esp_part_uuid(const Esp *esp) {
        return strempty(esp->names.part_uuid);
}

bool esp_present(const Esp *esp) {
        return esp->present;
}

EspLoader esp_loader(const Esp *esp) {
        return esp->image ? esp->image->loader : ESP_LOADER_NONE;
}

const char *esp_loader_version(const Esp *esp) {
        return "";
}

const char *esp_one_shot_method(const Esp *esp) {
        switch (esp_loader(esp)) {
        case ESP_LOADER_SYSTEMD_BOOT:
                return esp->one_shot ? "firmware" : "default-entry";
        case ESP_LOADER_GRUB:
                return "grubenv";
        case ESP_LOADER_NONE:
                return "none";
        case _ESP_LOADER_MAX:
        case _ESP_LOADER_INVALID:
                break;
        }
        assert(false);
        return "none";
}

EspState esp_state(const Esp *esp) {
        return esp->state;
}

char **esp_kernels(const Esp *esp) {
        return esp->kernels;
}

const char *esp_default_kernel(const Esp *esp) {
        return strempty(esp->boot.version);
}

bool esp_is_bootable(const Esp *esp) {
        return !strv_isempty(esp->kernels) && (!esp->boot.known || esp->boot.complete);
}

uint64_t esp_size_bytes(const Esp *esp) {
        return esp->image ? esp->image->size_bytes : 0;
}

uint64_t esp_free_bytes(const Esp *esp) {
        return esp->image ? esp->image->free_bytes : 0;
}

uint64_t esp_last_sync_usec(const Esp *esp) {
        return esp->last_sync_usec;
}

uint64_t esp_last_verify_usec(const Esp *esp) {
        return esp->last_verify_usec;
}

const char *esp_last_error(const Esp *esp) {
        return strempty(esp->last_error);
}

const EspImage *esp_image(const Esp *esp) {
        return esp->image;
}

uint64_t esp_compared(const Esp *esp) {
        return esp->compared;
}

uint64_t esp_tried(const Esp *esp) {
        return esp->tried;
}

void esp_set_compared(Esp *esp, uint64_t serial, bool synced) {
        esp->compared = serial;
        if (synced)
                esp->tried = serial;
}

void esp_forget_compared(Esp *esp) {
        esp->compared = esp->tried = 0;
}

void esp_set_present(Esp *esp, bool present) {
        esp->present = present;
}

/* Keep *@old where there is no @new. */
static bool replace_name(char **old, char **new) {
        bool changed = *new && !streq_ptr(*old, *new);

        if (*new) {
                free(*old);
                *old = TAKE_PTR(*new);
        }
        return changed;
}

bool esp_set_names(Esp *esp, BlockNames *names) {
        bool changed = !streq_ptr(esp->names.device, names->device);

        free(esp->names.device);
        esp->names.device = TAKE_PTR(names->device);
        changed |= replace_name(&esp->names.disk, &names->disk);
        changed |= replace_name(&esp->names.part_uuid, &names->part_uuid);
        return changed;
}

void esp_set_state(Esp *esp, EspState state, const char *last_error) {
        char *copy = isempty(last_error) ? NULL : strdup(last_error);

        free(esp->last_error);
        esp->last_error = copy;
        esp->state = state;
}

int esp_set_image(Esp *esp, EspImage *image) {
        _cleanup_(esp_boot_done) EspBoot boot = {};
        _cleanup_strv_ char **kernels = NULL;
        int r;

        r = esp_image_kernels(image, &kernels);
        if (r >= 0)
                r = esp_image_boot(image, &boot);
        if (r < 0) {
                esp_image_free(image);
                return r;
        }
        strv_free(esp->kernels);
        esp->kernels = TAKE_PTR(kernels);
        esp_boot_done(&esp->boot);
        esp->boot = TAKE_STRUCT(boot);
        esp_image_free(esp->image);
        esp->image = image;
        return 0;
}

void esp_set_one_shot(Esp *esp, bool offered) {
        esp->one_shot = offered;
}

bool esp_manifest_is_stale(const Esp *esp) {
        return esp->manifest_stale;
}

void esp_set_manifest_stale(Esp *esp, bool stale) {
        esp->manifest_stale = stale;
}

void esp_set_synced(Esp *esp, uint64_t usec) {
        esp->last_sync_usec = usec;
}

void esp_set_verified(Esp *esp, uint64_t usec) {
        esp->last_verify_usec = usec;
}
