/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kinds of warnings and lists of them. A kind's word and severity never change: programs go by
 * them. When there is one, is for those to say who know the thing. */

#include "common/warning.h"

#include "common/names.h"
#include "common/string-util.h"

/* A kind that is told as something else, too, has the message of that. */
static const WarningKind kinds[_WARNING_ID_MAX] = {
        [WARNING_FILES_UNREADABLE] = { "files-unreadable", "fault", MSG_WARNING_FILES_UNREADABLE },
        [WARNING_BOOT_EMPTY] = { "boot-empty", "fault", MSG_WARNING_BOOT_EMPTY },
        [WARNING_KERNEL_WITHOUT_IMAGE] = { "kernel-without-image", "fault",
                                           MSG_WARNING_KERNEL_WITHOUT_IMAGE },
        [WARNING_KERNEL_WITHOUT_INITRD] = { "kernel-without-initrd", "fault",
                                            MSG_WARNING_KERNEL_WITHOUT_INITRD },
        [WARNING_CMDLINE_WITHOUT_ROOT] = { "cmdline-without-root", "fault",
                                           MSG_WARNING_CMDLINE_WITHOUT_ROOT },
        [WARNING_BAD_LINE] = { "bad-line", "warning", MSG_BAD_LINE },
        [WARNING_PACKAGES_UNREADABLE] = { "packages-unreadable", "fault",
                                          MSG_WARNING_PACKAGES_UNREADABLE },
        [WARNING_AUTO_SYNC_OFF] = { "auto-sync-off", "warning", MSG_WARNING_AUTO_SYNC_OFF },
        [WARNING_NOT_WATCHING] = { "not-watching", "warning", MSG_WATCH_LOST },
        [WARNING_ESP_FULL] = { "esp-full", "warning", MSG_WARNING_ESP_FULL },
        [WARNING_ENTRY_WITHOUT_ESP] = { "entry-without-esp", "note",
                                        MSG_WARNING_ENTRY_WITHOUT_ESP },
        [WARNING_ROOT_DISK_WITHOUT_ESP] = { "root-disk-without-esp", "warning",
                                            MSG_WARNING_ROOT_DISK_WITHOUT_ESP },
        [WARNING_NEXT_BOOT_NOT_ARMED] = { "next-boot-not-armed", "warning",
                                          MSG_WARNING_NEXT_BOOT_NOT_ARMED },
        [WARNING_PIN_OLD] = { "pin-old", "note", MSG_WARNING_PIN_OLD },
        [WARNING_ESP_REFUSED] = { "esp-refused", "fault", MSG_WARNING_ESP_REFUSED },
        [WARNING_KERNEL_REFUSED] = { "kernel-refused", "warning", MSG_WARNING_KERNEL_REFUSED },
        [WARNING_MODULES_REFUSED] = { "modules-refused", "note", MSG_WARNING_MODULES_REFUSED },
        [WARNING_KEY_NOT_ENROLLED] = { "key-not-enrolled", "warning",
                                       MSG_WARNING_KEY_NOT_ENROLLED },
        [WARNING_FIRMWARE_UNDOES] = { "firmware-undoes", "warning", MSG_WARNING_FIRMWARE_UNDOES },
        [WARNING_ENTRIES_NOT_KEPT] = { "boot-entries-not-kept", "warning",
                                       MSG_WARNING_ENTRIES_NOT_KEPT },
        [WARNING_SERVICE_NOT_RUNNING] = { "service-not-running", "warning",
                                          MSG_WARNING_SERVICE_NOT_RUNNING },
        [WARNING_SERVICE_NOT_ENABLED] = { "service-not-enabled", "warning",
                                          MSG_WARNING_SERVICE_NOT_ENABLED },
};

const WarningKind *warning_kind(WarningId id) {
        assert(id >= 0 && id < _WARNING_ID_MAX);
        return &kinds[id];
}

static void warning_done(Warning *w) {
        free(w->subject);
        free(w->sentence);
        free(w->action);
        *w = (Warning){};
}

void warnings_done(Warnings *l) {
        for (size_t i = 0; i < l->n; i++)
                warning_done(&l->items[i]);
        free(l->items);
        *l = (Warnings){};
}

int warnings_add(Warnings *l, WarningId id, const char *subject, char *sentence, char *action) {
        Warning w = {
                .id = id,
                .subject = subject ? strdup(subject) : NULL,
                .sentence = sentence,
                .action = action,
        };

        if (!w.subject || !sentence || !action ||
            !ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1)) {
                warning_done(&w);
                return -ENOMEM;
        }
        l->items[l->n++] = w;
        return 0;
}

static bool warning_equal(const Warning *a, const Warning *b) {
        return a->id == b->id && streq(a->subject, b->subject) && streq(a->sentence, b->sentence) &&
               streq(a->action, b->action);
}

bool warnings_equal(const Warnings *a, const Warnings *b) {
        for (size_t i = 0; i < a->n && a->n == b->n; i++)
                if (!warning_equal(&a->items[i], &b->items[i]))
                        return false;
        return a->n == b->n;
}

/* A number in the sentence may change. Only of bad lines a subject, the file, may have several. */
static bool warning_is_same(const Warning *a, const Warning *b) {
        return a->id == b->id && streq(a->subject, b->subject) &&
               (a->id != WARNING_BAD_LINE || streq(a->sentence, b->sentence));
}

bool warnings_contain(const Warnings *l, const Warning *warning) {
        for (size_t i = 0; i < l->n; i++)
                if (warning_is_same(&l->items[i], warning))
                        return true;
        return false;
}

char *warning_to_text(const Warning *warning) {
        return strprintf("%s; run '%s'", warning->sentence, warning->action);
}
