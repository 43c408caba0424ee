/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ESPs' records in memory. They remember what workers saw and did, so that every property is
 * answered without touching a disk; they decide nothing. A record stays as long as its ESP is
 * listed, or something works on it. A manifest saves time and no more, so that no sync fails for
 * it: where it can be neither written nor removed, it is not believed. */

#include "engine/esp/esp.h"

#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "sys/block.h"
#include "sys/file.h"

#define MANIFEST_SIZE_MAX (1024 * 1024)

struct Esp {
        char *uuid;
        char *id;
        char *link; /* in dev/disk/by-uuid */
        BlockNames names;
        bool listed, present;
        bool one_shot; /* systemd-boot takes one */
        EspState state;
        char *last_error;
        ErrorCode error_code;
        char *difference;
        char *why, *action;
        /* The manifest that is stored could be neither replaced nor removed when it had to be, and
         * must not be believed. */
        bool manifest_stale;
        EspImage *image;
        char **kernels; /* one block of memory */
        bool bootable;
        EspBoot boot;
        SignedFiles signed_files;
        bool signatures_known, signatures_due;
        uint64_t compared, tried; /* serials of the facts */
        uint64_t last_sync_usec, last_verify_usec;
};

struct Esps {
        const Workers *workers;
        const EspsListener *listener;
        void *userdata;
        Esp **items;
        size_t n, n_allocated;
        bool held, one_shot;
};

static const char *const esp_state_table[_ESP_STATE_MAX] = {
        [ESP_UNKNOWN] = "unknown", [ESP_IN_SYNC] = "in-sync", [ESP_OUTDATED] = "outdated",
        [ESP_SYNCING] = "syncing", [ESP_MISSING] = "missing", [ESP_STUCK] = "stuck",
        [ESP_FAILED] = "failed",
};
DEFINE_TO_STRING(esp_state, EspState)

static Esp *esp_free(Esp *esp) {
        if (!esp)
                return NULL;
        esp_image_free(esp->image);
        signed_files_done(&esp->signed_files);
        free(esp->kernels);
        esp_boot_done(&esp->boot);
        free(esp->why);
        free(esp->action);
        free(esp->difference);
        free(esp->last_error);
        block_names_done(&esp->names);
        free(esp->link);
        free(esp->id);
        free(esp->uuid);
        return mfree(esp);
}
DEFINE_CLEANUP(Esp *, esp_free)

static int esp_new(const Root *root, const char *uuid, Esp **ret) {
        _cleanup_(esp_freep) Esp *esp = calloc(1, sizeof(*esp));
        int r;

        if (!esp)
                return -ENOMEM;
        r = block_names_load(root, uuid, &esp->names);
        if (r < 0)
                return r;
        esp->uuid = strdup(uuid);
        esp->id = strdup(esp->names.part_uuid ?: uuid);
        esp->link = strprintf("/" PATH_BY_UUID "/%s", uuid);
        esp->signatures_due = true;
        if (!esp->uuid || !esp->id || !esp->link)
                return -ENOMEM;
        *ret = TAKE_PTR(esp);
        return 0;
}

static const char *one_shot_method(const Esp *esp) {
        const Loader *loader = esp->image ? loader_of(esp->image->loader) : NULL;

        if (!loader || loader->one_shot)
                return loader ? loader->one_shot : "none";
        return esp->one_shot ? "firmware" : "default-entry";
}

EspInfo esp_info(const Esp *esp) {
        return (EspInfo){
                .uuid = esp->uuid,
                .id = esp->id,
                .device = esp->names.device ?: esp->link,
                .disk = strempty(esp->names.disk),
                .part_uuid = strempty(esp->names.part_uuid),
                .listed = esp->listed,
                .present = esp->present,
                .state = esp->state,
                .last_error = strempty(esp->last_error),
                .error_code = esp->error_code,
                .difference = esp->state == ESP_OUTDATED ? strempty(esp->difference) : "",
                .why = strempty(esp->why),
                .action = strempty(esp->action),
                .image = esp->image,
                .loader = esp->image ? esp->image->loader : ESP_LOADER_NONE,
                .one_shot_method = one_shot_method(esp),
                .kernels = esp->kernels,
                .default_kernel = strempty(esp->boot.version),
                .bootable = esp->bootable,
                .size_bytes = esp->image ? esp->image->size_bytes : 0,
                .free_bytes = esp->image ? esp->image->free_bytes : 0,
                .last_sync_usec = esp->last_sync_usec,
                .last_verify_usec = esp->last_verify_usec,
                .signed_files = esp->signatures_known ? &esp->signed_files : NULL,
                .signatures_due = esp->signatures_due,
                .judged = esp->signed_files.n > 0 ? &esp->signed_files : NULL,
                .compared = esp->compared,
                .tried = esp->tried,
        };
}

void esp_set_compared(Esp *esp, uint64_t serial, bool synced) {
        esp->compared = serial;
        if (synced)
                esp->tried = serial;
}

void esp_set_signed_files(Esp *esp, SignedFiles *files, bool due) {
        signed_files_done(&esp->signed_files);
        if (files)
                esp->signed_files = TAKE_STRUCT(*files);
        esp->signatures_known = files;
        esp->signatures_due = due;
}

/* Something on it may be another file now. */
static void distrust_signed_files(Esp *esp) {
        esp->signatures_known = false;
        esp->signatures_due = true;
}

/* Takes @new over. What says the same is left where it is: it would else be scattered among all
 * that a job has in memory, and keep the pages around it when the job is gone. */
static void set_string(char **p, char *new) {
        bool same;

        if (isempty(new))
                new = mfree(new);
        same = streq_ptr(*p, new);
        free(same ? new : *p);
        if (!same)
                *p = new;
}

/* Likewise, in one block of memory. 0 or -ENOMEM. */
static int set_kernels(Esp *esp, char *const *kernels) {
        size_t n = strv_length(kernels), size = (n + 1) * sizeof(char *);
        char **copy, *end;

        if (esp->kernels && strv_equal(esp->kernels, kernels))
                return 0;
        for (size_t i = 0; i < n; i++)
                size += strlen(kernels[i]) + 1;
        copy = malloc(size);
        if (!copy)
                return -ENOMEM;
        end = (char *) (copy + n + 1);
        for (size_t i = 0; i < n; i++) {
                copy[i] = end;
                end = stpcpy(end, kernels[i]) + 1;
        }
        copy[n] = NULL;
        free(esp->kernels);
        esp->kernels = copy;
        return 0;
}

void esp_set_state(Esp *esp, EspState state, ErrorCode code, const char *last_error) {
        set_string(&esp->last_error, isempty(last_error) ? NULL : strdup(last_error));
        esp->error_code = code;
        esp->state = state;
        if (state == ESP_SYNCING)
                distrust_signed_files(esp);
}

void esp_set_difference(Esp *esp, char *difference) {
        free(esp->difference);
        esp->difference = difference;
}

void esp_set_advice(Esp *esp, char *why, char *action) {
        set_string(&esp->why, why);
        set_string(&esp->action, action);
}

int esp_set_image(Esp *esp, EspImage *image) {
        _cleanup_(esp_boot_done) EspBoot boot = {};
        _cleanup_strv_ char **kernels = NULL;
        int r, bootable = 0;

        r = esp_image_reader(image)->kernels(image, &kernels);
        if (r >= 0)
                r = esp_image_boot(image, &boot);
        if (r >= 0)
                r = bootable = esp_image_is_bootable(image);
        if (r >= 0)
                r = set_kernels(esp, kernels);
        if (r < 0) {
                esp_image_free(image);
                return r;
        }
        set_string(&esp->boot.version, TAKE_PTR(boot.version));
        esp->boot.known = boot.known;
        esp->boot.complete = boot.complete;
        esp->bootable = bootable;
        esp_image_free(esp->image);
        esp->image = image;
        return 0;
}

void esp_set_good(Esp *esp, uint64_t synced_usec, uint64_t verified_usec) {
        esp->last_sync_usec = synced_usec ?: esp->last_sync_usec;
        esp->last_verify_usec = verified_usec ?: esp->last_verify_usec;
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

/* A disk may come back under another name. True if that changed anything. */
static bool update_names(Esp *esp, const Root *root) {
        _cleanup_(block_names_done) BlockNames names = {};
        bool changed;

        if (block_names_load(root, esp->uuid, &names) < 0)
                return false;
        changed = !streq_ptr(esp->names.device, names.device);
        free(esp->names.device);
        esp->names.device = TAKE_PTR(names.device);
        changed |= replace_name(&esp->names.disk, &names.disk);
        changed |= replace_name(&esp->names.part_uuid, &names.part_uuid);
        return changed;
}

static bool is_present(const Esp *esp, const Root *root) {
        struct stat st;

        return root_stat(root, esp->link + 1, &st) >= 0;
}

/* True if it has appeared, or has vanished and is not yet known to have. */
static bool update_presence(Esp *esp, bool present) {
        if (present == esp->present &&
            (present || esp->state == ESP_MISSING || esp->state == ESP_STUCK))
                return false;
        esp->present = present;
        esp_set_compared(esp, 0, true);
        distrust_signed_files(esp);
        if (!present && esp->state != ESP_STUCK)
                esp_set_state(esp, ESP_MISSING, ERROR_NONE, NULL);
        else if (present && esp->state == ESP_MISSING)
                esp_set_state(esp, ESP_UNKNOWN, ERROR_NONE, NULL);
        return true;
}

int esps_new(const Workers *workers, const EspsListener *listener, void *userdata, Esps **ret) {
        Esps *esps = malloc(sizeof(*esps));

        if (!esps)
                return -ENOMEM;
        *esps = (Esps){ .workers = workers, .listener = listener, .userdata = userdata };
        *ret = esps;
        return 0;
}

Esps *esps_free(Esps *esps) {
        if (!esps)
                return NULL;
        for (size_t i = 0; i < esps->n; i++)
                esp_free(esps->items[i]);
        free(esps->items);
        return mfree(esps);
}

Esp *esps_next(const Esps *esps, const Esp *esp) {
        size_t i = 0;

        while (esp && esps->items[i++] != esp)
                ;
        return i < esps->n ? esps->items[i] : NULL;
}

Esp *esps_find(const Esps *esps, const char *uuid) {
        for (size_t i = 0; i < esps->n; i++)
                if (streq(esps->items[i]->uuid, uuid))
                        return esps->items[i];
        return NULL;
}

int esps_get(Esps *esps, const char *uuid, Esp **ret) {
        Esp *esp = esps_find(esps, uuid);
        int r;

        if (!esp) {
                if (!ARRAY_RESERVE(esps->items, esps->n_allocated, esps->n + 1))
                        return -ENOMEM;
                r = esp_new(workers_config(esps->workers)->root, uuid, &esp);
                if (r < 0)
                        return r;
                esp->one_shot = esps->one_shot;
                esps->items[esps->n++] = esp;
                esps->listener->added(esp, esps->userdata);
        }
        *ret = esp;
        return 0;
}

void esps_drop(Esps *esps) {
        if (esps->held)
                return;
        for (size_t i = esps->n; i > 0; i--) {
                _cleanup_(esp_freep) Esp *esp = NULL;
                Esp *old = esps->items[i - 1];

                if (old->listed || workers_have_straggler(esps->workers, old->uuid))
                        continue;
                memmove(&esps->items[i - 1], &esps->items[i], (esps->n - i) * sizeof(Esp *));
                esps->n--;
                esp = old;
                esps->listener->removed(esp, esps->userdata);
        }
}

void esps_hold(Esps *esps, bool hold) {
        esps->held = hold;
        esps_drop(esps);
        /* Now that what it took to see them is gone. */
        for (size_t i = 0; !hold && i < esps->n; i++)
                if (esps->items[i]->image)
                        (void) esp_image_pack(esps->items[i]->image);
}

bool esps_are_held(const Esps *esps) {
        return esps->held;
}

int esps_list(Esps *esps, char *const *uuids) {
        for (size_t i = 0; i < esps->n; i++)
                esps->items[i]->listed = strv_contains(uuids, esps->items[i]->uuid);
        for (; uuids && *uuids; uuids++) {
                Esp *esp;
                int r = esps_get(esps, *uuids, &esp);

                if (r < 0)
                        return r;
                esp->listed = true;
        }
        esps_drop(esps);
        return 0;
}

bool esps_update_presence(Esps *esps) {
        const Root *root = workers_config(esps->workers)->root;
        bool changed = false;

        for (size_t i = 0; i < esps->n; i++) {
                Esp *esp = esps->items[i];
                bool present = is_present(esp, root);

                if (update_names(esp, root))
                        esps->listener->renamed(esp, esps->userdata);
                if (!update_presence(esp, present))
                        continue;
                changed = true;
                esps->listener->moved(esp, esps->userdata);
        }
        return changed;
}

void esps_set_one_shot(Esps *esps, bool offered) {
        esps->one_shot = offered;
        for (size_t i = 0; i < esps->n; i++)
                esps->items[i]->one_shot = offered;
}

static char *manifest_path(const char *esp_uuid) {
        return strprintf(PATH_STATE "/esp-%s.manifest", esp_uuid);
}

int esp_load_manifest(const Root *root, const Esp *esp, Manifest *ret) {
        _cleanup_free_ char *path = manifest_path(esp->uuid), *text = NULL;
        size_t size;
        int r;

        *ret = (Manifest){};
        if (esp->manifest_stale)
                return 0;
        if (!path)
                return -ENOMEM;
        r = file_read(root, path, MANIFEST_SIZE_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = manifest_parse(text, size, ret);
        return r == -ENOMEM ? r : 0;
}

static int store_manifest(const Root *root, const char *esp_uuid, Manifest *manifest,
                          const EspImage *image) {
        _cleanup_free_ char *path = manifest_path(esp_uuid), *text = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        for (size_t i = manifest->n_entries; i > 0; i--)
                if (!esp_image_find(image, manifest->entries[i - 1].path))
                        manifest_remove(manifest, manifest->entries[i - 1].path);
        r = manifest_format(manifest, &text, &size);
        if (r < 0)
                return r;
        return file_store_state(root, path, text, size);
}

static int remove_manifest(const Root *root, const char *esp_uuid) {
        _cleanup_free_ char *path = manifest_path(esp_uuid);

        return path ? file_remove(root, path) : -ENOMEM;
}

static void warn_of_manifest(const Esp *esp, const char *what, int r) {
        log_event(LOG_WARNING, NULL, FIELD_ESP_UUID, esp->uuid, NULL,
                  "Cannot %s the manifest of ESP '%s' in /" PATH_STATE
                  ": %s; all of the ESP is compared by content until it can be stored.",
                  what, esp->uuid, strerror(-r));
}

/* On a full file system the old one can still be removed. */
void esp_store_manifest(const Root *root, Esp *esp, Manifest *manifest, const EspImage *image) {
        int r, q = 0;

        r = store_manifest(root, esp->uuid, manifest, image);
        if (r < 0) {
                warn_of_manifest(esp, "store", r);
                q = remove_manifest(root, esp->uuid);
        }
        esp->manifest_stale = q < 0;
}

/* One that cannot be removed does no harm after a crash: it names the source of each file, its
 * size and its time, so that no file which was replaced meanwhile is found in it. */
void esp_drop_manifest(const Root *root, Esp *esp) {
        int r = remove_manifest(root, esp->uuid);

        if (r < 0)
                warn_of_manifest(esp, "remove", r);
        esp->manifest_stale = r < 0;
}

unsigned esps_checkers(const Esps *esps) {
        unsigned all = (1u << _CHECKER_MAX) - 1, checkers = 0;

        ESPS_FOREACH(esp, esps)
                if (esp->listed)
                        checkers |= esp->image ? loader_checkers(esp->image->loader) : all;
        return checkers ?: all;
}
