/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keeps the firmware's boot entries of the ESPs as they were: remembers them, and has a worker put
 * back what the firmware has lost. */

#include "common/warning.h"
#include "core/firmware/firmware.h"
#include "engine/esp/esp.h"
#include "engine/facts/files.h"

typedef struct BootKeeper BootKeeper;

/* All that it looks at; @firmware is NULL as long as it was not asked. Borrowed, for a call. */
typedef struct BootKeeperView {
        const Firmware *firmware;
        const Esps *esps;
        const Facts *facts;
} BootKeeperView;

typedef struct BootKeeperListener {
        BootKeeperView (*view)(void *userdata);
        /* The firmware's word after a write, to be kept (moved). */
        void (*heard)(Firmware *firmware, void *userdata);
        /* The functions below tell something else now. */
        void (*changed)(void *userdata);
} BootKeeperListener;

/* Reads what was remembered. The first look may repair. 0 or -errno. */
int boot_keeper_new(Workers *workers, const BootKeeperListener *listener, void *userdata,
                    BootKeeper **ret);
/* A worker that runs goes on by itself. */
BootKeeper *boot_keeper_free(BootKeeper *k);
DEFINE_CLEANUP(BootKeeper *, boot_keeper_free)

/* Something that it looks at may have changed: look, in the next turn of the event loop. @repair:
 * and repair, if there was no repair in this boot. */
void boot_keeper_look(BootKeeper *k, bool repair);

/* By whom the entries are written, by the settings: never ENTRIES_UNSET. */
EntriesMode boot_entries_mode(const Facts *facts) _pure_;
/* The repairs of this boot since the daemon began, or why there was none: one sentence, "" if there
 * was nothing to do. @k may be NULL. */
const char *boot_keeper_word(const BootKeeper *k) _pure_;
/* True if @option is remembered as one of a listed ESP, which may be away. @k may be NULL. */
bool boot_keeper_keeps(const BootKeeper *k, const LoadOption *option) _pure_;
/* Append what the firmware has undone, and what could not be written. @k may be NULL. 0 or -ENOMEM.
 */
int boot_keeper_warn(const BootKeeper *k, Warnings *l);
