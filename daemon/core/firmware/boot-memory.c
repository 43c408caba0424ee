/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory of boot entries. Each is kept as the firmware gave it, byte for byte, since what a
 * firmware or a person has put into it beside title, partition and path is not ours to lose. It is
 * a help and no truth: a file that is damaged, or of another version, is as good as none, and then
 * nothing is repaired. */

#include "core/firmware/boot-memory.h"

#include <strings.h>

#include "common/record.h"
#include "common/string-util.h"
#include "core/conf/conf-file.h"

#define HEAD_VERB  "boot-entries"
#define ENTRY_VERB "kept-entry"
#define VERSION    1

static void kept_entry_done(KeptEntry *e) {
        load_option_done(&e->option);
}

void boot_memory_done(BootMemory *m) {
        for (size_t i = 0; i < m->n_entries; i++)
                kept_entry_done(&m->entries[i]);
        free(m->entries);
        free(m->boot_id);
        free(m->repaired);
        *m = (BootMemory){};
}

int boot_memory_add(BootMemory *m, const char *esp, const LoadOption *option, KeptEntry **ret) {
        KeptEntry e = {};
        int r;

        assert(option->hex);

        if (m->n_entries == BOOT_MEMORY_ENTRIES_MAX)
                return -E2BIG;
        if (!ARRAY_RESERVE(m->entries, m->n_allocated, m->n_entries + 1))
                return -ENOMEM;
        r = load_option_copy(option, &e.option);
        if (r < 0)
                return r;
        (void) snprintf(e.esp, sizeof(e.esp), "%s", esp);
        m->entries[m->n_entries] = e;
        *ret = &m->entries[m->n_entries++];
        return 0;
}

int boot_memory_copy(const BootMemory *m, BootMemory *ret) {
        _cleanup_(boot_memory_done) BootMemory copy = {
                .boot_id = m->boot_id ? strdup(m->boot_id) : NULL,
                .repaired = m->repaired ? strdup(m->repaired) : NULL,
                .n_order = m->n_order,
                .ordered = m->ordered,
        };

        memcpy(copy.order, m->order, sizeof(copy.order));
        if ((m->boot_id && !copy.boot_id) || (m->repaired && !copy.repaired))
                return -ENOMEM;
        for (size_t i = 0; i < m->n_entries; i++) {
                const KeptEntry *from = &m->entries[i];
                KeptEntry *e;
                int r;

                r = boot_memory_add(&copy, from->esp, &from->option, &e);
                if (r < 0)
                        return r;
                e->put = from->put;
                e->pruned = from->pruned;
        }
        *ret = TAKE_STRUCT(copy);
        return 0;
}

KeptEntry *boot_memory_find(const BootMemory *m, const LoadOption *option) {
        for (size_t i = 0; i < m->n_entries; i++) {
                const LoadOption *o = &m->entries[i].option;

                if (strcasecmp(o->partuuid, option->partuuid) == 0 &&
                    strcasecmp(o->path, option->path) == 0)
                        return &m->entries[i];
        }
        return NULL;
}

/* As a number: 0 nothing, 1 done, 2 undone again. */
static void add_mend(Buffer *b, const char *key, Mend mend) {
        record_add_u64(b, key, mend.again ? 2 : mend.done);
}

static void format_head(Buffer *b, const BootMemory *m) {
        char order[BOOT_ORDER_TEXT_SIZE];

        boot_order_format(m->order, m->n_order, order);
        record_begin(b, HEAD_VERB);
        record_add_u64(b, "version", VERSION);
        record_add(b, "boot-id", m->boot_id);
        record_add(b, "repaired", m->repaired);
        record_add(b, "order", order);
        add_mend(b, "ordered", m->ordered);
        record_end(b);
}

static void format_entry(Buffer *b, const KeptEntry *e) {
        record_begin(b, ENTRY_VERB);
        record_add(b, "esp", e->esp);
        record_add_u64(b, "number", e->option.number);
        add_mend(b, "put", e->put);
        add_mend(b, "pruned", e->pruned);
        record_add(b, "hex", e->option.hex);
        record_end(b);
}

int boot_memory_format(const BootMemory *m, char **ret, size_t *ret_size) {
        Buffer b = {};

        assert(m->boot_id);
        assert(ret);

        format_head(&b, m);
        for (size_t i = 0; i < m->n_entries; i++) {
                size_t before = b.size;

                format_entry(&b, &m->entries[i]);
                if (b.size > BOOT_MEMORY_SIZE_MAX) {
                        b.size = before;
                        break;
                }
        }
        return buffer_take(&b, ret, ret_size);
}

/* The functions below take their fields of the record and return how many there were. */

static int take_mend(const Record *record, const char *key, Mend *ret) {
        uint64_t value;

        if (record_get_u64(record, key, &value) < 0 || value > 2)
                return -EBADMSG;
        *ret = (Mend){ .done = value > 0, .again = value == 2 };
        return 1;
}

/* As the kernel gives it. */
static bool boot_id_is_valid(const char *s) {
        size_t n = strlen(s);

        return n >= 32 && n <= 36 && strspn(s, "0123456789abcdef-") == n;
}

static int take_boot_id(const Record *record, const char *key, char **ret) {
        const char *value = record_get(record, key);

        if (!value)
                return 0;
        if (!boot_id_is_valid(value))
                return -EBADMSG;
        *ret = strdup(value);
        return *ret ? 1 : -ENOMEM;
}

static int take_order(const Record *record, BootMemory *m) {
        const char *text = record_get(record, "order");
        uint8_t data[2 * FIRMWARE_ORDER_MAX];
        size_t size;

        if (!text || boot_order_parse(text, data, &size) < 0)
                return -EBADMSG;
        m->n_order = size / 2;
        for (size_t i = 0; i < m->n_order; i++)
                m->order[i] = efi_u16(data + 2 * i);
        return 1;
}

static int parse_head(BootMemory *m, const Record *record) {
        uint64_t version;
        int r, n;

        if (!streq(record->verb, HEAD_VERB) || record_get_u64(record, "version", &version) < 0)
                return -EBADMSG;
        if (version != VERSION)
                return -EPROTONOSUPPORT;
        n = take_boot_id(record, "boot-id", &m->boot_id);
        if (n == 0)
                return -EBADMSG;
        r = n < 0 ? n : take_boot_id(record, "repaired", &m->repaired);
        if (r < 0)
                return r;
        n += r + 1;
        if (take_order(record, m) < 0 || take_mend(record, "ordered", &m->ordered) < 0)
                return -EBADMSG;
        return (size_t) n + 2 == record->n_fields ? 0 : -EBADMSG;
}

/* In the one spelling that the list of ESPs is read as. */
static bool esp_is_valid(const char *uuid) {
        return fat_uuid_is_valid(uuid) && uuid[strcspn(uuid, "abcdef")] == '\0';
}

static int parse_entry(BootMemory *m, const Record *record) {
        const char *esp = record_get(record, "esp"), *hex = record_get(record, "hex");
        _cleanup_(load_option_done) LoadOption option = {};
        Mend put, pruned;
        uint64_t number;
        KeptEntry *e;
        int r;

        if (!streq(record->verb, ENTRY_VERB) || !esp || !esp_is_valid(esp) || !hex ||
            record_get_u64(record, "number", &number) < 0 || number > UINT16_MAX ||
            take_mend(record, "put", &put) < 0 || take_mend(record, "pruned", &pruned) < 0 ||
            record->n_fields != 5)
                return -EBADMSG;
        r = load_option_parse_hex(hex, &option);
        if (r < 0)
                return r;
        if (isempty(option.partuuid) || boot_memory_find(m, &option))
                return -EBADMSG;
        option.number = (uint16_t) number;
        r = boot_memory_add(m, esp, &option, &e);
        if (r < 0)
                return r == -E2BIG ? -EBADMSG : r;
        e->put = put;
        e->pruned = pruned;
        return 0;
}

int boot_memory_parse(const char *text, size_t size, BootMemory *ret) {
        _cleanup_(boot_memory_done) BootMemory m = {};

        assert(ret);

        if (size == 0 || size > BOOT_MEMORY_SIZE_MAX || text[size - 1] != '\n')
                return -EBADMSG;
        for (size_t pos = 0; pos < size;) {
                const char *line = text + pos, *end = memchr(line, '\n', size - pos);
                _cleanup_(record_done) Record record = {};
                int r;

                pos += (size_t) (end + 1 - line);
                r = record_parse(line, (size_t) (end - line), &record);
                if (r >= 0)
                        r = m.boot_id ? parse_entry(&m, &record) : parse_head(&m, &record);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_STRUCT(m);
        return 0;
}
