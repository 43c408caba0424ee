/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One configured EFI System Partition, as remembered. */

#include "common/error.h"
#include "core/esp-boot.h"
#include "sys/block-names.h"

typedef struct Esp Esp;
typedef struct Task Task;

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
DECLARE_STRING_TABLE(esp_state, EspState);

/* Takes @names over in any case. */
int esp_new(const char *uuid, BlockNames *names, Esp **ret);
Esp *esp_free(Esp *esp);
DEFINE_CLEANUP(Esp *, esp_free)

/* Queries; strings are "" where nothing is known, never NULL. Sizes in bytes, times in µs since the
 * epoch (0: never). */
const char *esp_uuid(const Esp *esp);
/* The last component of the object path before encoding: the PARTUUID if it was known when the ESP
 * was first seen, else the FAT UUID. */
const char *esp_id(const Esp *esp);
const char *esp_device(const Esp *esp);
const char *esp_disk(const Esp *esp);
const char *esp_part_uuid(const Esp *esp);
bool esp_present(const Esp *esp);
EspLoader esp_loader(const Esp *esp);
const char *esp_loader_version(const Esp *esp);
const char *esp_one_shot_method(const Esp *esp);
EspState esp_state(const Esp *esp);
char **esp_kernels(const Esp *esp); /* newest first; may be NULL */
/* What it would boot, see EspBoot. */
const char *esp_default_kernel(const Esp *esp);
/* False if that is known to be incomplete, or if it holds nothing that boots. */
bool esp_is_bootable(const Esp *esp);
uint64_t esp_size_bytes(const Esp *esp);
uint64_t esp_free_bytes(const Esp *esp);
uint64_t esp_last_sync_usec(const Esp *esp);
uint64_t esp_last_verify_usec(const Esp *esp);
const char *esp_last_error(const Esp *esp);
const EspImage *esp_image(const Esp *esp); /* NULL: never seen */
/* Serial of the facts that the ESP was compared with last, or that a sync was made with; 0: none,
 * or what was seen then is not so any more. */
uint64_t esp_compared(const Esp *esp);
uint64_t esp_tried(const Esp *esp);

/* Verbs of the engine. */
void esp_set_present(Esp *esp, bool present);
/* Takes @names over. What is NULL in it stays as it was, but for the device. True if that changed
 * anything. */
bool esp_set_names(Esp *esp, BlockNames *names);
void esp_set_state(Esp *esp, EspState state, const char *last_error);
/* Takes @image over in any case. */
int esp_set_image(Esp *esp, EspImage *image);
/* Whether systemd-boot takes a one-shot entry on this host. */
void esp_set_one_shot(Esp *esp, bool offered);
/* The manifest that is stored could be neither replaced nor removed when it had to be, and must not
 * be believed. */
bool esp_manifest_is_stale(const Esp *esp);
void esp_set_manifest_stale(Esp *esp, bool stale);
/* @synced: with the chance to change what differed. */
void esp_set_compared(Esp *esp, uint64_t serial, bool synced);
void esp_forget_compared(Esp *esp);
void esp_set_synced(Esp *esp, uint64_t usec);
void esp_set_verified(Esp *esp, uint64_t usec);
