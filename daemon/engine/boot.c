/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firmware's variables as a worker has read them, beside the ESPs and the partitions that are
 * known. What the firmware was not asked for yet is unknown, and no entry is called stale before
 * the disks were looked at. */

#include "engine/boot.h"

#include "common/string-util.h"

void boot_done(Boot *boot) {
        for (size_t i = 0; i < boot->n_entries; i++)
                free(boot->entries[i].disk);
        free(boot->entries);
        free(boot->loader.evidence);
        free(boot->booted_esp);
        strv_free(boot->without_entry);
        *boot = (Boot){};
}

/* The listed ESP on that partition; NULL if there is none. */
static const Esp *find_esp(const VerdictInput *in, const char *part_uuid) {
        ESPS_FOREACH(esp, in->esps) {
                const EspInfo info = esp_info(esp);

                if (info.listed && !isempty(part_uuid) && !isempty(info.part_uuid) &&
                    strcasecmp(info.part_uuid, part_uuid) == 0)
                        return esp;
        }
        return NULL;
}

static const Partition *find_partition(const VerdictInput *in, const char *part_uuid) {
        for (size_t i = 0; i < in->partitions->n; i++)
                if (!isempty(part_uuid) && streq_ptr(in->partitions->items[i].part_uuid, part_uuid))
                        return &in->partitions->items[i];
        return NULL;
}

static int add_entry(const VerdictInput *in, const LoadOption *option, Boot *boot) {
        const Esp *esp = find_esp(in, option->partuuid);
        const Partition *partition = find_partition(in, option->partuuid);
        const char *disk = partition ? partition->disk : esp ? esp_info(esp).disk : "";
        BootOption entry = {
                .number = option->number,
                .present = partition || (esp && esp_info(esp).present),
                .disk = strdup(strempty(disk)),
        };

        if (!entry.disk)
                return -ENOMEM;
        /* The partition of an ESP that is away is only remembered. */
        entry.kind = firmware_entry_kind(in->firmware, option,
                                         esp || boot_keeper_keeps(in->keeper, option),
                                         entry.present || in->partitions->n == 0);
        boot->entries[boot->n_entries++] = entry;
        return 0;
}

static int add_entries(const VerdictInput *in, Boot *boot) {
        int r = 0;

        boot->entries = calloc(MAX(in->firmware->n_entries, (size_t) 1), sizeof(BootOption));
        if (!boot->entries)
                return -ENOMEM;
        for (size_t i = 0; r >= 0 && i < in->firmware->n_entries; i++)
                r = add_entry(in, &in->firmware->entries[i], boot);
        return r;
}

static bool has_entry(const Firmware *firmware, const char *part_uuid) {
        for (size_t i = 0; i < firmware->n_entries; i++)
                if (load_option_is_ours(&firmware->entries[i]) &&
                    strcasecmp(firmware->entries[i].partuuid, part_uuid) == 0)
                        return true;
        return false;
}

/* An ESP whose partition has no UUID cannot have one. */
static int find_without_entry(const VerdictInput *in, Boot *boot) {
        int r = 0;

        ESPS_FOREACH(esp, in->esps) {
                const EspInfo info = esp_info(esp);

                if (r >= 0 && info.listed && info.present && info.loader != ESP_LOADER_NONE &&
                    !isempty(info.part_uuid) && !has_entry(in->firmware, info.part_uuid))
                        r = strv_extend(&boot->without_entry, info.uuid);
        }
        return r;
}

/* The loader says where it came from; else the entry that the firmware took does. */
static const char *booted_part_uuid(const Firmware *f) {
        const LoadOption *entry =
                        f->boot_current >= 0 ? firmware_entry(f, (uint16_t) f->boot_current) : NULL;

        return f->loader_partuuid ?: entry ? entry->partuuid : NULL;
}

static bool has_key(const SecureBootFacts *facts, KeyStore store, const char *sha256) {
        for (size_t i = 0; i < facts->n_keys; i++)
                if (facts->keys[i].store == store &&
                    (!sha256 || streq(facts->keys[i].sha256, sha256)))
                        return true;
        return false;
}

/* Shim leaves its lists to the kernel in variables of its own, also with Secure Boot disabled:
 * MokListRT, which has its built-in key, too, and SbatLevelRT. */
static void take_keys(const SecureBootFacts *facts, Boot *boot) {
        boot->shim = has_key(facts, KEY_STORE_MOK, NULL) || facts->n_digests[KEY_STORE_MOK] > 0 ||
                     !isempty(facts->sbat_level);
        boot->mok_enrolled = true;
        for (size_t i = 0; i < facts->n_keys; i++)
                if (facts->keys[i].store == KEY_STORE_UNREAD ||
                    (facts->keys[i].store == KEY_STORE_DKMS &&
                     !has_key(facts, KEY_STORE_MOK, facts->keys[i].sha256)))
                        boot->mok_enrolled = false;
}

/* A kernel in boot/ is checked by whoever checks its copies. Without ESPs it is the host's own GRUB
 * that loads it. */
static Checker host_checker(const Facts *facts, const Esps *esps, const SignedFiles *files,
                            const SignedFile *file) {
        bool listed = false;

        ESPS_FOREACH(esp, esps) {
                const EspInfo info = esp_info(esp);

                listed |= info.listed;
                if (info.listed &&
                    signed_file_checker(files, file, esp_loader_to_string(info.loader)) ==
                                    CHECKER_SHIM)
                        return CHECKER_SHIM;
        }
        return signed_file_checker(files, file, !listed && facts->grub_host ? "grub" : NULL);
}

Checker boot_checker(const Facts *facts, const Esps *esps, const Esp *esp, const SignedFiles *files,
                     const SignedFile *file) {
        return esp ? signed_file_checker(files, file, esp_loader_to_string(esp_info(esp).loader))
                   : host_checker(facts, esps, files, file);
}

int boot_make(const VerdictInput *in, Boot *ret) {
        static const Firmware not_asked = FIRMWARE_INIT;
        const Firmware *firmware = in->firmware ?: &not_asked;
        const Esp *booted = find_esp(in, booted_part_uuid(firmware));
        _cleanup_(boot_done) Boot boot = {
                .firmware = !in->firmware    ? "unknown"
                            : firmware->uefi ? "uefi"
                                             : "bios",
        };
        int r;

        if (in->secure_boot)
                take_keys(in->secure_boot, &boot);
        boot.booted_esp = strdup(booted ? esp_info(booted).uuid : "");
        if (!boot.booted_esp)
                return -ENOMEM;
        r = firmware_tell_loader(firmware, in->facts->host.cmdline, &boot.loader);
        if (r >= 0 && firmware->uefi)
                r = add_entries(in, &boot) ?: find_without_entry(in, &boot);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(boot);
        return 0;
}

static bool entry_equal(const BootOption *a, const BootOption *b) {
        return a->number == b->number && a->kind == b->kind && a->present == b->present &&
               streq(a->disk, b->disk);
}

bool boot_equal(const Boot *a, const Boot *b) {
        for (size_t i = 0; i < a->n_entries && a->n_entries == b->n_entries; i++)
                if (!entry_equal(&a->entries[i], &b->entries[i]))
                        return false;
        return a->n_entries == b->n_entries && a->shim == b->shim &&
               a->mok_enrolled == b->mok_enrolled && streq_ptr(a->firmware, b->firmware) &&
               streq_ptr(a->loader.name, b->loader.name) &&
               streq_ptr(a->loader.evidence, b->loader.evidence) &&
               streq_ptr(a->booted_esp, b->booted_esp) &&
               strv_equal(a->without_entry, b->without_entry);
}
