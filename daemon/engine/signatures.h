/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Has it found out which keys this host has and who has signed what boots it, beside all jobs. */

#include "core/firmware/firmware.h"
#include "core/secure-boot/secure-boot.h"
#include "engine/esp/esp.h"
#include "engine/facts/files.h"

typedef struct Signatures Signatures;

/* @facts and @esps outlive it. @judged is called from the event loop whenever an answer has come,
 * or will not: of @esp, which has it then (see esp_set_signed_files()), or (NULL) of the host. */
int signatures_new(Workers *workers, const Facts *facts, Esps *esps,
                   void (*judged)(Esp *esp, void *userdata), void *userdata, Signatures **ret);
/* A worker that runs goes on by itself. */
Signatures *signatures_free(Signatures *s);
DEFINE_CLEANUP(Signatures *, signatures_free)

/* The host's; NULL: not known yet. Borrowed, until the event loop goes on. */
const SecureBootFacts *signatures_facts(const Signatures *s) _pure_;
/* True while an answer is to come: of the host, and with @esps of any ESP, too. */
bool signatures_are_pending(const Signatures *s, bool esps) _pure_;

/* True if all is known, and of what is there now: also of each listed ESP that is there. */
bool signatures_are_known(const Signatures *s) _pure_;

/* A key of the firmware or of shim may be another. */
void signatures_distrust_keys(Signatures *s);
/* The files or the ESPs may be others than those that were judged: ask for what is not known of
 * them any more. Nothing is, ever, where @firmware (NULL: not known) has no Secure Boot. No ESP is
 * looked at while a job works with them, and the host is not while @busy: its packages change. */
void signatures_review(Signatures *s, const Firmware *firmware, bool busy);
