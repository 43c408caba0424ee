/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A firmware with boot entries, which a guard's writes are carried out on. */

#include "common/string-util.h"
#include "core/firmware/boot-guard.h"
#include "tests/unit/check-main.h"

#define PART_A  "aaaa0000-0000-4000-8000-000000000001"
#define PART_B  "bbbb0000-0000-4000-8000-000000000002"
#define PART_X  "eeee0000-0000-4000-8000-000000000009"
#define SD_BOOT "\\EFI\\systemd\\systemd-bootx64.efi"
#define GRUB    "\\EFI\\proxmox\\grubx64.efi"
#define WINDOWS "\\EFI\\Microsoft\\bootmgfw.efi"
#define BOOT_1  "11111111-1111-1111-1111-111111111111"
#define BOOT_2  "22222222-2222-2222-2222-222222222222"
#define BOOT_3  "33333333-3333-3333-3333-333333333333"
#define BOOT_4  "44444444-4444-4444-4444-444444444444"

static inline size_t put_text(uint8_t *p, const char *s) {
        size_t n = 0;

        do
                efi_put_u16(p + 2 * n, (uint8_t) s[n]);
        while (s[n++]);
        return 2 * n;
}

/* EFI_LOAD_OPTION: HD(GPT)/File, as bytes; its size. Without @partuuid there is no such node. */
static inline size_t make_option(const char *title, const char *partuuid, const char *path,
                                 uint8_t ret[static 512]) {
        uint8_t *p = ret + 6, *nodes;
        size_t n;

        memset(ret, 0, 512);
        ret[0] = LOAD_OPTION_ACTIVE;
        p += put_text(p, title);
        nodes = p;
        if (partuuid) {
                static const uint8_t order[] = { 3, 2, 1,  0,  5,  4,  7,  6,
                                                 8, 9, 10, 11, 12, 13, 14, 15 };
                char digits[33];
                size_t k = 0;

                p[0] = 4, p[1] = 1, p[2] = 42, p[4] = 1, p[40] = 2, p[41] = 2;
                for (const char *c = partuuid; *c; c++)
                        if (*c != '-')
                                digits[k++] = *c;
                for (size_t i = 0; i < 16; i++) {
                        char byte[3] = { digits[2 * i], digits[2 * i + 1] };

                        p[24 + order[i]] = (uint8_t) strtoul(byte, NULL, 16);
                }
                p += 42;
        }
        n = put_text(p + 4, path);
        p[0] = 4, p[1] = 4, p[2] = (uint8_t) (4 + n);
        p += 4 + n;
        p[0] = 0x7f, p[1] = 0xff, p[2] = 4;
        p += 4;
        efi_put_u16(ret + 4, (uint16_t) (p - nodes));
        return (size_t) (p - ret);
}

static inline void fw_add(Firmware *f, uint16_t number, const char *title, const char *partuuid,
                          const char *path) {
        uint8_t data[512];
        LoadOption o;

        ck_assert_int_eq(load_option_parse(data, make_option(title, partuuid, path, data), &o), 0);
        o.number = number;
        ck_assert_int_eq(firmware_add_entry(f, &o), 0);
}

static inline void fw_remove(Firmware *f, uint16_t number) {
        for (size_t i = 0; i < f->n_entries; i++)
                if (f->entries[i].number == number) {
                        load_option_done(&f->entries[i]);
                        f->n_entries--;
                        memmove(f->entries + i, f->entries + i + 1,
                                (f->n_entries - i) * sizeof(*f->entries));
                        return;
                }
        ck_abort_msg("there is no Boot%04X", number);
}

static inline void fw_order(Firmware *f, const char *text) {
        uint8_t data[2 * FIRMWARE_ORDER_MAX];
        size_t size;

        ck_assert_int_eq(boot_order_parse(text, data, &size), 0);
        ck_assert_int_eq(firmware_set_boot_order(f, data, size), 0);
}

static inline void assert_order(const Firmware *f, const char *expect) {
        char text[BOOT_ORDER_TEXT_SIZE];

        boot_order_format(f->boot_order, f->n_boot_order, text);
        ck_assert_str_eq(text, expect);
}

static inline void fw_put(Firmware *f, const char *step) {
        uint16_t number = (uint16_t) strtoul(step, NULL, 16);
        LoadOption o;

        ck_assert_int_eq(load_option_parse_hex(step + 5, &o), 0);
        while (firmware_entry(f, number))
                number++;
        o.number = number;
        ck_assert_int_eq(firmware_add_entry(f, &o), 0);
}

static inline void fw_set_order(Firmware *f, const char *step) {
        char old[BOOT_ORDER_TEXT_SIZE];
        size_t n = strcspn(step, " ");

        boot_order_format(f->boot_order, f->n_boot_order, old);
        ck_assert(isempty(old) ? streq_ptr(strndupa(step, n), "-") : strncmp(old, step, n) == 0);
        fw_order(f, step + n + 1);
}

static inline void fw_drop(Firmware *f, const char *step) {
        uint16_t number = (uint16_t) strtoul(step, NULL, 16);
        const LoadOption *o = firmware_entry(f, number);

        ck_assert_ptr_nonnull(o);
        ck_assert_str_eq(o->hex, step + 5);
        ck_assert(!firmware_orders(f, number));
        fw_remove(f, number);
}

/* As a worker does. */
static inline void fw_write(Firmware *f, const GuardVerdict *v) {
        static void (*const writes[_GUARD_WRITE_MAX])(Firmware *, const char *) = {
                [GUARD_PUTS_ENTRIES] = fw_put,
                [GUARD_SETS_ORDER] = fw_set_order,
                [GUARD_DROPS_ENTRIES] = fw_drop,
        };

        STRV_FOREACH(step, v->steps)
                writes[v->write](f, *step);
}
