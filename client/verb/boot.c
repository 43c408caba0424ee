/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `boot status`: firmware, boot loader, the firmware's entries. All of it is the daemon's word. */

#include "client/verb/verbs.h"

#include "client/daemon/job.h"
#include "client/daemon/properties.h"
#include "client/terminal/json.h"
#include "client/terminal/table.h"
#include "common/names.h"
#include "common/string-util.h"

typedef struct BootInfo {
        char *firmware, *loader, *loader_evidence, *loader_info, *secure_boot;
        char *entry_selected, *entry_one_shot, *booted_esp, *entries_kept, *entries_word;
        char **esps_without_entry;
        Numbers boot_order;
        FirmwareEntries entries;
        int32_t boot_current; /* -1: not known */
        bool loader_certain;
} BootInfo;

#define BOOT(name, type, field) \
        { name, PROPERTY_##type, offsetof(BootInfo, field) }

static const Property boot_properties[] = {
        BOOT("Firmware", STRING, firmware),
        BOOT("Loader", STRING, loader),
        BOOT("LoaderCertain", BOOLEAN, loader_certain),
        BOOT("LoaderEvidence", STRING, loader_evidence),
        BOOT("LoaderInfo", STRING, loader_info),
        BOOT("EntrySelected", STRING, entry_selected),
        BOOT("EntryOneShot", STRING, entry_one_shot),
        BOOT("BootedEsp", STRING, booted_esp),
        BOOT("EspsWithoutEntry", STRINGS, esps_without_entry),
        BOOT("BootCurrent", I32, boot_current),
        BOOT("BootOrder", NUMBERS, boot_order),
        BOOT("Entries", ENTRIES, entries),
        BOOT("EntriesKept", STRING, entries_kept),
        BOOT("EntriesWord", STRING, entries_word),
        BOOT("SecureBoot", STRING, secure_boot),
};

static void boot_info_done(BootInfo *info) {
        properties_done(boot_properties, ELEMENTSOF(boot_properties), info);
}

/* "Boot0003". Never NULL. */
static char *entry_name(uint16_t number) {
        return must(strprintf("Boot%04X", number));
}

/* "Boot0003, Boot0000". Never NULL. */
static char *format_order(const Numbers *order) {
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; i < order->n; i++)
                if (strv_consume(&names, entry_name(order->items[i])) < 0)
                        out_of_memory();
        return must(strv_join(names, ", "));
}

static bool is_in_order(const BootInfo *info, uint16_t number) {
        for (size_t i = 0; i < info->boot_order.n; i++)
                if (info->boot_order.items[i] == number)
                        return true;
        return false;
}

static json_object *entries_to_json(const BootInfo *info) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < info->entries.n; i++) {
                const FirmwareEntry *e = &info->entries.items[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_u64(object, "number", e->number);
                json_add_string(object, "title", e->title);
                json_add_string(object, "part_uuid", e->part_uuid);
                json_add_string(object, "disk", e->disk);
                json_add_string(object, "path", e->path);
                json_add_string(object, "whose", e->whose);
                json_add_boolean(object, "active", e->active);
                json_add_boolean(object, "present", e->present);
                json_add_boolean(object, "in_order", is_in_order(info, e->number));
        }
        return array;
}

static void print_json(const Options *options, const BootInfo *info) {
        _cleanup_json_ json_object *object = json_new();
        _cleanup_strv_ char **order = NULL;

        for (size_t i = 0; i < info->boot_order.n; i++)
                if (strv_consume(&order, entry_name(info->boot_order.items[i])) < 0)
                        out_of_memory();
        json_add_string(object, "firmware", info->firmware);
        json_add_string(object, "secure_boot", info->secure_boot);
        json_add_string(object, "loader", info->loader);
        json_add_boolean(object, "loader_certain", info->loader_certain);
        json_add_string(object, "loader_evidence", info->loader_evidence);
        json_add_string(object, "loader_info", info->loader_info);
        json_add_string(object, "entry_selected", info->entry_selected);
        json_add_string(object, "entry_one_shot", info->entry_one_shot);
        json_add_string(object, "booted_esp", info->booted_esp);
        json_add_strings(object, "esps_without_entry", info->esps_without_entry);
        json_add_i64(object, "boot_current", info->boot_current);
        json_add_strings(object, "boot_order", order);
        json_add_string(object, "entries_kept", info->entries_kept);
        json_add_string(object, "entries_word", info->entries_word);
        json_add(object, "entries", entries_to_json(info));
        json_print(options, "boot", object);
}

static const char *firmware_in_words(const char *firmware) {
        if (streq_ptr(firmware, "uefi"))
                return "UEFI";
        return streq_ptr(firmware, "bios") ? "legacy BIOS" : "not known yet";
}

/* NULL where there is nothing to be kept. */
static const char *keeping_in_words(const BootInfo *info) {
        static const char *const words[][2] = {
                { "keep", "what the firmware loses is put back" },
                { "init", "made by init and reinit only" },
                { "off", "left alone, as Entries=off is set" },
        };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq_ptr(info->firmware, "uefi") && streq_ptr(info->entries_kept, words[i][0]))
                        return words[i][1];
        return NULL;
}

static void print_fields(const BootInfo *info) {
        _cleanup_free_ char *order = format_order(&info->boot_order);
        _cleanup_free_ char *without = must(strv_join(info->esps_without_entry, ", "));
        _cleanup_free_ char *evidence =
                        must(strprintf("%s%s", info->loader_certain ? "" : "likely: ",
                                       strempty(info->loader_evidence)));
        _cleanup_free_ char *current =
                        info->boot_current < 0 ? NULL : entry_name((uint16_t) info->boot_current);

        say_field("Firmware", firmware_in_words(info->firmware), COLOUR_BOLD, NULL);
        say_field("Secure Boot", info->secure_boot,
                  streq_ptr(info->secure_boot, "enabled") ? COLOUR_GOOD : COLOUR_NONE, NULL);
        say_field("Boot loader", info->loader, COLOUR_BOLD, evidence);
        say_field("Booted from ESP", info->booted_esp, COLOUR_NONE, NULL);
        say_field("Entry booted", info->entry_selected, COLOUR_NONE, NULL);
        say_field("Entry, once", info->entry_one_shot, COLOUR_WARNING, NULL);
        say_field("Firmware took", current, COLOUR_NONE, NULL);
        say_field("Boot order", order, COLOUR_NONE, NULL);
        say_field("Entries", keeping_in_words(info), COLOUR_NONE, info->entries_word);
        say_field("ESPs not in it", without, COLOUR_WARNING,
                  "bootctl-pve reinit gives each an entry");
}

static const char *state_of(const BootInfo *info, const FirmwareEntry *e) {
        if (!e->present && !streq(e->whose, "foreign"))
                return "its disk is not there";
        if (!e->active)
                return "off";
        return is_in_order(info, e->number) ? "on" : "not in the order";
}

static void print_entries(const Options *options, const BootInfo *info) {
        _cleanup_table_ Table *table = table_new("ENTRY", "TITLE", "WHOSE", "STATE", "DISK",
                                                 "PARTUUID", "PATH", NULL);

        for (size_t i = 0; i < info->entries.n; i++) {
                const FirmwareEntry *e = &info->entries.items[i];
                _cleanup_free_ char *name = entry_name(e->number);
                bool bad = streq(e->whose, "stale") || streq(e->whose, "double");

                table_add_coloured(table, name,
                                   e->number == info->boot_current ? COLOUR_BOLD : COLOUR_NONE);
                table_add(table, e->title);
                table_add_coloured(table, e->whose, bad ? COLOUR_WARNING : COLOUR_NONE);
                table_add(table, state_of(info, e));
                table_add(table, e->disk);
                table_add(table, e->part_uuid);
                table_add(table, e->path);
        }
        (void) putchar('\n');
        table_set_optional(table, 3);
        table_print(table, options, NULL);
}

static ExitStatus verb_boot_status(const Options *options, char **arguments) {
        _cleanup_(boot_info_done) BootInfo info = { .boot_current = -1 };
        _cleanup_connection_ Connection c = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        /* A private daemon asks the firmware when it looks at the ESPs. */
        status = job_first_look(&c, false);
        if (status == STATUS_DONE)
                status = properties_get(&c, BUS_PATH_BOOT, BUS_IFACE_BOOT, boot_properties,
                                        ELEMENTSOF(boot_properties), &info);
        if (status != STATUS_DONE)
                return status;
        options_page(options);
        if (options->json) {
                print_json(options, &info);
                return STATUS_DONE;
        }
        print_fields(&info);
        if (info.entries.n > 0)
                print_entries(options, &info);
        return STATUS_DONE;
}

const Verb boot_verbs[] = {
        { "boot", "status", "", 0, 0, 0, verb_boot_status,
          "Show firmware, boot loader and the entries of the firmware" },
        {},
};
