/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The EFI System Partitions, as remembered: those that are listed, and such that something still
 * works on. */

#include "common/error.h"
#include "core/esp/esp-image.h"
#include "core/esp/manifest.h"
#include "core/secure-boot/secure-boot.h"
#include "engine/work/workers.h"

typedef struct Esp Esp;
typedef struct Esps Esps;

typedef enum EspState {
        ESP_UNKNOWN, /* not looked at yet */
        ESP_IN_SYNC,
        ESP_OUTDATED, /* seen, and a refresh would change it */
        ESP_SYNCING,
        ESP_MISSING,
        ESP_STUCK,  /* its worker does not die */
        ESP_FAILED, /* could not be looked at or written; last_error tells why */
        _ESP_STATE_MAX,
        _ESP_STATE_INVALID = -EINVAL,
} EspState;

/* "unknown", "in-sync", "outdated", "syncing", "missing", "stuck", "failed" */
const char *esp_state_to_string(EspState state);

/* All that is known of an ESP. Strings are "" where nothing is known, never NULL. Sizes in bytes,
 * times in µs since the epoch (0: never). Borrowed, until something is told of the ESP. */
typedef struct EspInfo {
        const char *uuid; /* of its FAT */
        /* The last component of the object path before encoding: the PARTUUID if it was known when
         * the ESP was first seen, else the FAT UUID. */
        const char *id;
        const char *device, *disk, *part_uuid;
        bool listed, present;
        EspState state;
        const char *last_error;
        ErrorCode error_code;     /* of last_error; ERROR_NONE: none, or it is a warning */
        const char *difference;   /* of an outdated ESP, if it is known: what a refresh would change
                                   */
        const char *why, *action; /* see advise_esp() */
        const EspImage *image;    /* NULL: never seen */
        EspLoader loader;
        const char *one_shot_method; /* "firmware", "grubenv", "default-entry", "none" */
        char **kernels;              /* newest first; may be NULL */
        const char *default_kernel;  /* what it would boot, see EspBoot */
        bool bootable; /* false if that is known to be incomplete, or if nothing of it boots */
        uint64_t size_bytes, free_bytes;
        uint64_t last_sync_usec, last_verify_usec;
        /* Boot loaders and kernels, and who has signed them; NULL: not known. Due: it is to be
         * found out, since it never was, or what is on the ESP may be something else now. */
        const SignedFiles *signed_files;
        bool signatures_due;
        /* The last answer: it holds for a file of which size and mtime are still the same. NULL:
         * there is none, or the keys are others. */
        const SignedFiles *judged;
        /* Serial of the facts that the ESP was compared with last, or that a sync was made with; 0:
         * none, or what was seen then is not so any more. */
        uint64_t compared, tried;
} EspInfo;

EspInfo esp_info(const Esp *esp);

/* Note what was found or done; the caller tells of it. */
void esp_set_state(Esp *esp, EspState state, ErrorCode code, const char *last_error);
/* Takes @difference (may be NULL) over; it counts until the ESP is compared anew, or has to be. */
void esp_set_difference(Esp *esp, char *difference);
/* Takes both over; NULL: "". */
void esp_set_advice(Esp *esp, char *why, char *action);
/* Takes @image over in any case. */
int esp_set_image(Esp *esp, EspImage *image);
/* Moved; NULL: it is not known any more. An ESP that is written or comes back forgets by itself. */
void esp_set_signed_files(Esp *esp, SignedFiles *files, bool due);
/* @synced: with the chance to change what differed. Serial 0: what was seen is not so any more. */
void esp_set_compared(Esp *esp, uint64_t serial, bool synced);
/* It was in sync then, by a job that would have changed it; and by one that read all of it. 0: not
 * by such a one. */
void esp_set_good(Esp *esp, uint64_t synced_usec, uint64_t verified_usec);

/* Its manifest on the disk, var/lib/bootsync/esp-UUID.manifest. */
/* A manifest that is absent, unknown, torn or stale is an empty one. 0 or -ENOMEM. */
int esp_load_manifest(const Root *root, const Esp *esp, Manifest *ret);
/* Written only if it differs; entries of files that @image does not hold are dropped. */
void esp_store_manifest(const Root *root, Esp *esp, Manifest *manifest, const EspImage *image);
/* Forget the manifest on the disk, before anything is changed that it tells of. */
void esp_drop_manifest(const Root *root, Esp *esp);

typedef struct EspsListener {
        void (*added)(Esp *esp, void *userdata);
        void (*renamed)(Esp *esp, void *userdata); /* by udev */
        void (*moved)(Esp *esp, void *userdata);   /* it has appeared or vanished */
        void (*removed)(Esp *esp, void *userdata); /* it is gone when that returns */
} EspsListener;

int esps_new(const Workers *workers, const EspsListener *listener, void *userdata, Esps **ret);
Esps *esps_free(Esps *esps);
DEFINE_CLEANUP(Esps *, esps_free)

/* The one after @esp (NULL: the first one), in no order; NULL if there are no more. */
Esp *esps_next(const Esps *esps, const Esp *esp) _pure_;
#define ESPS_FOREACH(esp, esps) for (Esp *esp = NULL; (esp = esps_next(esps, esp));)
Esp *esps_find(const Esps *esps, const char *uuid) _pure_;
/* As esps_find(); a new one, which is not listed, if there is none. */
int esps_get(Esps *esps, const char *uuid, Esp **ret);

/* These are listed, and no others. */
int esps_list(Esps *esps, char *const *uuids);
/* A job works with them, so that none is removed; or it does so no more, and those are that are not
 * listed and have no straggler. */
void esps_hold(Esps *esps, bool hold);
bool esps_are_held(const Esps *esps) _pure_;
/* Remove those now, unless a job works with them. */
void esps_drop(Esps *esps);
/* Look at dev/disk/by-uuid for which are there. True if one appeared or vanished. */
bool esps_update_presence(Esps *esps);
/* Bits of those that check a kernel before a listed ESP starts it, see BootKernel. One that was not
 * looked at yet may have any loader. */
unsigned esps_checkers(const Esps *esps) _pure_;
/* @offered: systemd-boot takes a one-shot entry on this host. */
void esps_set_one_shot(Esps *esps, bool offered);
