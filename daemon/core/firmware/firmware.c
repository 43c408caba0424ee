/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firmware as a value, and how that travels from the worker to the daemon. Reading the
 * variables is the worker's business, since a read can stall in the firmware; what they mean is
 * said here. The daemon believes only what is well-formed and bounded: the variables may have been
 * written by anybody. */

#include "core/firmware/firmware.h"

#include <strings.h>

#include "common/record.h"
#include "common/string-util.h"

/* Of LoaderFeatures; see EFI_LOADER_FEATURE_ENTRY_ONESHOT of systemd. */
#define LOADER_FEATURE_ENTRY_ONE_SHOT (UINT64_C(1) << 3)

static const char *const secure_boot_table[_SECURE_BOOT_MAX] = {
        [SECURE_BOOT_UNSUPPORTED] = "unsupported",
        [SECURE_BOOT_DISABLED] = "disabled",
        [SECURE_BOOT_ENABLED] = "enabled",
        [SECURE_BOOT_SETUP] = "setup",
};
DEFINE_TO_STRING(secure_boot, SecureBoot)
DEFINE_STATIC_FROM_STRING(secure_boot, SecureBoot)

void firmware_done(Firmware *f) {
        free(f->loader_info);
        free(f->entry_selected);
        free(f->entry_one_shot);
        free(f->loader_partuuid);
        free(f->boot_order);
        for (size_t i = 0; i < f->n_entries; i++)
                load_option_done(&f->entries[i]);
        free(f->entries);
        *f = FIRMWARE_INIT;
}

int firmware_add_entry(Firmware *f, LoadOption *entry) {
        size_t at = f->n_entries;

        if (f->n_entries == FIRMWARE_ENTRIES_MAX)
                return -E2BIG;
        if (firmware_entry(f, entry->number))
                return -EEXIST;
        if (!ARRAY_RESERVE(f->entries, f->n_allocated, f->n_entries + 1))
                return -ENOMEM;
        for (; at > 0 && f->entries[at - 1].number > entry->number; at--)
                f->entries[at] = f->entries[at - 1];
        f->entries[at] = TAKE_STRUCT(*entry);
        f->n_entries++;
        return 0;
}

int firmware_set_boot_order(Firmware *f, const uint8_t *data, size_t size) {
        size_t n = MIN(size / 2, (size_t) FIRMWARE_ORDER_MAX);
        uint16_t *order = calloc(MAX(n, (size_t) 1), sizeof(*order));

        if (!order)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                order[i] = efi_u16(data + 2 * i);
        free(f->boot_order);
        f->boot_order = order;
        f->n_boot_order = n;
        return 0;
}

SecureBoot secure_boot_decode(const uint8_t *secure_boot, size_t secure_boot_size,
                              const uint8_t *setup_mode, size_t setup_mode_size) {
        if (!secure_boot || secure_boot_size != 1)
                return SECURE_BOOT_UNSUPPORTED;
        if (setup_mode && setup_mode_size == 1 && setup_mode[0] == 1)
                return SECURE_BOOT_SETUP;
        return secure_boot[0] == 1 ? SECURE_BOOT_ENABLED : SECURE_BOOT_DISABLED;
}

const LoadOption *firmware_entry(const Firmware *f, uint16_t number) {
        for (size_t i = 0; i < f->n_entries; i++)
                if (f->entries[i].number == number)
                        return &f->entries[i];
        return NULL;
}

bool firmware_orders(const Firmware *f, uint16_t number) {
        for (size_t i = 0; i < f->n_boot_order; i++)
                if (f->boot_order[i] == number)
                        return true;
        return false;
}

/* True if it starts @path (of any case) from the partition @partuuid (of any case). */
static bool starts(const LoadOption *entry, const char *partuuid, const char *path) {
        return strcasecmp(entry->partuuid, partuuid) == 0 && strcasecmp(entry->path, path) == 0;
}

const LoadOption *firmware_find(const Firmware *f, const char *partuuid, const char *path) {
        const LoadOption *found = NULL;

        for (size_t i = 0; i < f->n_entries; i++) {
                const LoadOption *entry = &f->entries[i];

                if (!starts(entry, partuuid, path))
                        continue;
                if (firmware_orders(f, entry->number))
                        return entry;
                found = found ?: entry;
        }
        return found;
}

size_t firmware_rank(const Firmware *f, const char *partuuid) {
        if (isempty(partuuid))
                return SIZE_MAX;
        for (size_t i = 0; i < f->n_boot_order; i++) {
                const LoadOption *entry = firmware_entry(f, f->boot_order[i]);

                if (entry && entry->active && strcasecmp(entry->partuuid, partuuid) == 0)
                        return i;
        }
        return f->loader_partuuid && strcasecmp(f->loader_partuuid, partuuid) == 0 ? f->n_boot_order
                                                                                   : SIZE_MAX;
}

bool firmware_offers_one_shot(const Firmware *f) {
        return f->loader_features & LOADER_FEATURE_ENTRY_ONE_SHOT;
}

static const char *const boot_entry_kind_table[_BOOT_ENTRY_KIND_MAX] = {
        [BOOT_ENTRY_OURS] = "ours",
        [BOOT_ENTRY_DOUBLE] = "double",
        [BOOT_ENTRY_STALE] = "stale",
        [BOOT_ENTRY_FOREIGN] = "foreign",
};
DEFINE_TO_STRING(boot_entry_kind, BootEntryKind)

BootEntryKind firmware_entry_kind(const Firmware *f, const LoadOption *entry, bool listed,
                                  bool present) {
        if (!load_option_is_ours(entry) || isempty(entry->partuuid))
                return BOOT_ENTRY_FOREIGN;
        if (!listed)
                return present ? BOOT_ENTRY_FOREIGN : BOOT_ENTRY_STALE;
        return firmware_find(f, entry->partuuid, entry->path) == entry ? BOOT_ENTRY_OURS
                                                                       : BOOT_ENTRY_DOUBLE;
}

/* The name of the loader whose word for itself @info begins with. */
static const char *loader_of_info(const char *info) {
        return startswith(info, "systemd-boot") ? "systemd-boot"
               : startswith(info, "GRUB ")      ? "grub"
                                                : "other";
}

/* NULL if @cmdline has no word that begins with @prefix. */
static const char *find_word(const char *cmdline, const char *prefix) {
        const char *p = cmdline;

        while ((p = strstr(p, prefix))) {
                if (p == cmdline || p[-1] == ' ')
                        return p;
                p++;
        }
        return NULL;
}

/* Only our own entries name their initrd so: GRUB loads it itself. */
#define INITRD_OF_OURS "initrd=\\EFI\\proxmox\\"

static const char *loader_of_cmdline(const char *cmdline) {
        if (find_word(cmdline, "BOOT_IMAGE="))
                return "grub";
        return find_word(cmdline, INITRD_OF_OURS) ? "systemd-boot" : NULL;
}

/* The name of the loader that one of our entries starts. */
static const char *loader_of_entry(const LoadOption *entry) {
        return strcasestr(entry->path, "\\systemd-boot") ? "systemd-boot" : "grub";
}

int firmware_tell_loader(const Firmware *f, const char *cmdline, LoaderInUse *ret) {
        const LoadOption *entry =
                        f->boot_current >= 0 ? firmware_entry(f, (uint16_t) f->boot_current) : NULL;
        LoaderInUse l = { .name = "unknown" };

        if (!isempty(f->loader_info)) {
                l.name = loader_of_info(f->loader_info);
                l.certain = true;
                l.evidence = strprintf("the variable LoaderInfo says '%s'", f->loader_info);
        } else if (cmdline && loader_of_cmdline(cmdline)) {
                l.name = loader_of_cmdline(cmdline);
                l.evidence = strprintf("the running kernel's command line has %s, which %s adds",
                                       streq(l.name, "grub") ? "BOOT_IMAGE=" : INITRD_OF_OURS,
                                       streq(l.name, "grub") ? "GRUB" : l.name);
        } else if (entry && load_option_is_ours(entry)) {
                l.name = loader_of_entry(entry);
                l.evidence = strprintf("the firmware took Boot%04X, which starts '%s'",
                                       entry->number, entry->path);
        } else
                l.evidence = strdup("neither the firmware nor the command line of the running "
                                    "kernel tells");
        if (!l.evidence)
                return -ENOMEM;
        *ret = l;
        return 0;
}

#define FIRMWARE_VERB "firmware"
#define ENTRY_VERB    "boot-entry"
#define ENTRY_FIELDS  5
#define CUT_MAX       (sizeof("...") - 1) /* what string_for_humans() adds */

static const struct {
        const char *key;
        size_t offset; /* of a char * in Firmware */
} text_fields[] = {
        { "loader-info", offsetof(Firmware, loader_info) },
        { "selected", offsetof(Firmware, entry_selected) },
        { "one-shot", offsetof(Firmware, entry_one_shot) },
        { "loader-partuuid", offsetof(Firmware, loader_partuuid) },
};

static char **firmware_text(const Firmware *f, size_t index) {
        return (char **) ((char *) f + text_fields[index].offset);
}

void boot_order_format(const uint16_t *order, size_t n, char ret[static BOOT_ORDER_TEXT_SIZE]) {
        char *p = ret;

        *p = '\0';
        for (size_t i = 0; i < n; i++)
                p += sprintf(p, "%s%04X", i > 0 ? "," : "", (unsigned) order[i]);
}

static void add_order(Buffer *b, const Firmware *f) {
        char order[BOOT_ORDER_TEXT_SIZE];

        if (f->n_boot_order == 0)
                return;
        boot_order_format(f->boot_order, f->n_boot_order, order);
        record_add(b, "order", order);
}

static void format_firmware(Buffer *b, const Firmware *f) {
        record_begin(b, FIRMWARE_VERB);
        record_add_u64(b, "uefi", f->uefi);
        if (f->uefi) {
                record_add_u64(b, "features", f->loader_features);
                record_add(b, "secure-boot", secure_boot_to_string(f->secure_boot));
                if (f->boot_current >= 0)
                        record_add_u64(b, "current", (uint64_t) f->boot_current);
                add_order(b, f);
                for (size_t i = 0; i < ELEMENTSOF(text_fields); i++)
                        record_add(b, text_fields[i].key, *firmware_text(f, i));
        }
        record_end(b);
}

static void format_entry(Buffer *b, const LoadOption *entry) {
        record_begin(b, ENTRY_VERB);
        record_add_u64(b, "number", entry->number);
        record_add_u64(b, "active", entry->active);
        record_add(b, "title", entry->title);
        record_add(b, "partuuid", entry->partuuid);
        record_add(b, "path", entry->path);
        record_add(b, "hex", entry->hex);
        record_end(b);
}

int firmware_format(const Firmware *f, char **ret, size_t *ret_size) {
        Buffer b = {};

        assert(ret);

        format_firmware(&b, f);
        for (size_t i = 0; i < f->n_entries; i++) {
                size_t before = b.size;

                format_entry(&b, &f->entries[i]);
                if (b.size > FIRMWARE_SIZE_MAX) {
                        b.size = before;
                        break;
                }
        }
        return buffer_take(&b, ret, ret_size);
}

static bool text_is_valid(const char *s, size_t max) {
        size_t n = strlen(s);

        return n <= max + CUT_MAX && text_is_clean(s, n) && utf8_is_valid(s, n);
}

/* The functions below take their fields of the record and return how many there were. */

static int take_flag(const Record *record, const char *key, bool *ret) {
        uint64_t value;

        if (record_get_u64(record, key, &value) < 0 || value > 1)
                return -EBADMSG;
        *ret = value;
        return 1;
}

static int take_current(Firmware *f, const Record *record) {
        uint64_t value;

        if (!record_get(record, "current"))
                return 0;
        if (record_get_u64(record, "current", &value) < 0 || value > UINT16_MAX)
                return -EBADMSG;
        f->boot_current = (int) value;
        return 1;
}

int boot_order_parse(const char *text, uint8_t ret[static 2 * FIRMWARE_ORDER_MAX],
                     size_t *ret_size) {
        size_t n = (strlen(text) + 1) / 5;

        if (n > FIRMWARE_ORDER_MAX || strlen(text) != (n > 0 ? 5 * n - 1 : 0))
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                char name[sizeof("Boot0000")] = "Boot";
                int number;

                memcpy(name + strlen("Boot"), text + 5 * i, 4);
                number = load_option_number(name);
                if (number < 0 || (i + 1 < n && text[5 * i + 4] != ','))
                        return -EBADMSG;
                efi_put_u16(ret + 2 * i, (uint16_t) number);
        }
        *ret_size = 2 * n;
        return 0;
}

static int take_order(Firmware *f, const Record *record) {
        const char *order = record_get(record, "order");
        uint8_t data[2 * FIRMWARE_ORDER_MAX];
        size_t size;
        int r;

        if (!order)
                return 0;
        if (isempty(order))
                return -EBADMSG;
        r = boot_order_parse(order, data, &size);
        if (r >= 0)
                r = firmware_set_boot_order(f, data, size);
        return r < 0 ? r : 1;
}

static int take_texts(Firmware *f, const Record *record) {
        int n = 0;

        for (size_t i = 0; i < ELEMENTSOF(text_fields); i++) {
                const char *value = record_get(record, text_fields[i].key);

                if (!value)
                        continue;
                if (isempty(value) || !text_is_valid(value, FIRMWARE_TEXT_MAX))
                        return -EBADMSG;
                *firmware_text(f, i) = strdup(value);
                if (!*firmware_text(f, i))
                        return -ENOMEM;
                n++;
        }
        return n;
}

static int take_numbers(Firmware *f, const Record *record) {
        if (record_get_u64(record, "features", &f->loader_features) < 0)
                return -EBADMSG;
        f->secure_boot = secure_boot_from_string(record_get(record, "secure-boot"));
        return f->secure_boot < 0 ? -EBADMSG : 2;
}

static int parse_firmware(Firmware *f, const Record *record) {
        static int (*const takers[])(Firmware *, const Record *) = { take_numbers, take_current,
                                                                     take_order, take_texts };
        size_t n = 1;
        int r;

        if (!streq(record->verb, FIRMWARE_VERB))
                return -EBADMSG;
        r = take_flag(record, "uefi", &f->uefi);
        for (size_t i = 0; r >= 0 && f->uefi && i < ELEMENTSOF(takers); i++) {
                r = takers[i](f, record);
                if (r >= 0)
                        n += (size_t) r;
        }
        if (r < 0)
                return r;
        return n == record->n_fields ? 0 : -EBADMSG;
}

static bool path_is_valid(const char *path) {
        return (path[0] == '\0' || path[0] == '\\') && text_is_valid(path, LOAD_OPTION_PATH_MAX);
}

/* As a load option is read: lower-case hex with dashes. */
static bool partuuid_is_valid(const char *s) {
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        if (strlen(s) != strlen(form))
                return false;
        for (size_t i = 0; s[i]; i++)
                if (form[i] == '-' ? s[i] != '-' : !strchr("0123456789abcdef", s[i]))
                        return false;
        return true;
}

/* The value itself says the same as the other fields, which are there for all entries. */
static int take_hex(const Record *record, LoadOption *entry) {
        const char *hex = record_get(record, "hex");
        _cleanup_(load_option_done) LoadOption whole = {};
        int r;

        if (!hex)
                return 0;
        r = load_option_parse_hex(hex, &whole);
        if (r < 0)
                return r;
        if (whole.active != entry->active || !streq(whole.title, entry->title) ||
            !streq(whole.path, entry->path) || !streq(whole.partuuid, entry->partuuid))
                return -EBADMSG;
        entry->hex = TAKE_PTR(whole.hex);
        return 1;
}

static int parse_entry(Firmware *f, const Record *record) {
        const char *title = record_get(record, "title"), *path = record_get(record, "path"),
                   *partuuid = record_get(record, "partuuid");
        _cleanup_(load_option_done) LoadOption entry = {};
        uint64_t number;
        int r;

        if (!streq(record->verb, ENTRY_VERB) || !title || !path || !partuuid ||
            record_get_u64(record, "number", &number) < 0 || number > UINT16_MAX ||
            take_flag(record, "active", &entry.active) < 0)
                return -EBADMSG;
        if (!text_is_valid(title, LOAD_OPTION_TITLE_MAX) || !path_is_valid(path) ||
            !(partuuid[0] == '\0' || partuuid_is_valid(partuuid)))
                return -EBADMSG;
        if (f->n_entries == FIRMWARE_ENTRIES_MAX ||
            (f->n_entries > 0 && number <= f->entries[f->n_entries - 1].number))
                return -EBADMSG;

        entry.number = (uint16_t) number;
        memcpy(entry.partuuid, partuuid, strlen(partuuid) + 1);
        entry.title = strdup(title);
        entry.path = strdup(path);
        if (!entry.title || !entry.path)
                return -ENOMEM;
        r = take_hex(record, &entry);
        if (r < 0)
                return r;
        return record->n_fields == ENTRY_FIELDS + (size_t) r ? firmware_add_entry(f, &entry)
                                                             : -EBADMSG;
}

int firmware_parse(const char *text, size_t size, Firmware *ret) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT;
        bool first = true;

        assert(ret);

        if (size == 0 || size > FIRMWARE_SIZE_MAX || text[size - 1] != '\n')
                return -EBADMSG;
        for (size_t pos = 0; pos < size; first = false) {
                const char *line = text + pos, *end = memchr(line, '\n', size - pos);
                _cleanup_(record_done) Record record = {};
                int r;

                pos += (size_t) (end + 1 - line);
                r = record_parse(line, (size_t) (end - line), &record);
                if (r >= 0)
                        r = first ? parse_firmware(&f, &record) : parse_entry(&f, &record);
                if (r < 0)
                        return r;
        }
        if (!f.uefi && f.n_entries > 0)
                return -EBADMSG;

        *ret = TAKE_FIRMWARE(f);
        return 0;
}
