/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the firmware's view travels from the worker to the daemon, which believes only what is
 * well-formed and bounded: the variables may have been written by anybody. */

#include "common/string-util.h"
#include "core/firmware.h"
#include "core/record.h"

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

/* "0003,0001" */
static void add_order(Buffer *b, const Firmware *f) {
        char order[FIRMWARE_ORDER_MAX * 5 + 1] = "", *p = order;

        if (f->n_boot_order == 0)
                return;
        for (size_t i = 0; i < f->n_boot_order; i++)
                p += sprintf(p, "%s%04X", i > 0 ? "," : "", (unsigned) f->boot_order[i]);
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

static int take_order(Firmware *f, const Record *record) {
        const char *order = record_get(record, "order");
        uint8_t data[2 * FIRMWARE_ORDER_MAX];
        size_t n = order ? (strlen(order) + 1) / 5 : 0;
        int r;

        if (!order)
                return 0;
        if (n == 0 || n > FIRMWARE_ORDER_MAX || strlen(order) != 5 * n - 1)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                char name[sizeof("Boot0000")] = "Boot";
                int number;

                memcpy(name + strlen("Boot"), order + 5 * i, 4);
                number = load_option_number(name);
                if (number < 0 || (i + 1 < n && order[5 * i + 4] != ','))
                        return -EBADMSG;
                efi_put_u16(data + 2 * i, (uint16_t) number);
        }
        r = firmware_set_boot_order(f, data, 2 * n);
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

static int take_partuuid(const char *s, LoadOption *ret) {
        uint8_t guid[GUID_SIZE];

        if (s[0] == '\0')
                return 0;
        if (guid_parse(s, guid) < 0)
                return -EBADMSG;
        guid_format(guid, ret->partuuid);
        return streq(s, ret->partuuid) ? 0 : -EBADMSG; /* lower case */
}

static int parse_entry(Firmware *f, const Record *record) {
        const char *title = record_get(record, "title"), *path = record_get(record, "path"),
                   *partuuid = record_get(record, "partuuid");
        _cleanup_(load_option_done) LoadOption entry = {};
        uint64_t number;

        if (!streq(record->verb, ENTRY_VERB) || record->n_fields != ENTRY_FIELDS || !title ||
            !path || !partuuid || record_get_u64(record, "number", &number) < 0 ||
            number > UINT16_MAX || take_flag(record, "active", &entry.active) < 0)
                return -EBADMSG;
        if (!text_is_valid(title, LOAD_OPTION_TITLE_MAX) || !path_is_valid(path) ||
            take_partuuid(partuuid, &entry) < 0)
                return -EBADMSG;
        if (f->n_entries == FIRMWARE_ENTRIES_MAX ||
            (f->n_entries > 0 && number <= f->entries[f->n_entries - 1].number))
                return -EBADMSG;

        entry.number = (uint16_t) number;
        entry.title = strdup(title);
        entry.path = strdup(path);
        if (!entry.title || !entry.path)
                return -ENOMEM;
        return firmware_add_entry(f, &entry);
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

        *ret = firmware_take(&f);
        return 0;
}
