/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boot entries are shared with the firmware's menu and with other systems, so only what is ours is
 * added, and only a double of ours is ever removed. An entry is there before BootOrder names it,
 * and no longer named when it is removed: an entry that no order names does no harm, an order that
 * names no entry confuses some firmware. */

#include "blocking/firmware/bootvar.h"

#include <efivar/efiboot.h>
#include <sys/stat.h>

#include "blocking/firmware/efi-variable.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/conversion/chain.h"

#define NAME_SIZE sizeof("Boot0000")

/* Enough for the longest texts that load_option_parse() gives whole. */
#define PATH_SIZE_MAX   (64 + 2 * LOAD_OPTION_PATH_MAX)
#define OPTION_SIZE_MAX (PATH_SIZE_MAX + 16 + 2 * LOAD_OPTION_TITLE_MAX)

static void format_name(uint16_t number, char ret[static NAME_SIZE]) {
        (void) snprintf(ret, NAME_SIZE, "Boot%04X", (unsigned) number);
}

static bool is_entry(const char *name) {
        return load_option_number(name) >= 0;
}

/* The names of all boot entries, in order; none if there are no variables. */
static int list_entries(const Root *root, char ***ret, Error *error) {
        int r = efi_variable_list(root, EFI_VENDOR_GLOBAL, is_entry, ret);

        if (r == -ENOENT) {
                *ret = NULL;
                return 0;
        }
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "Cannot list the firmware's variables (%s); see whether efivarfs "
                                 "is mounted",
                                 strerror(-r));
        return 0;
}

/* *@ret is NULL if it is not set, or empty. */
static int read_text(const Root *root, const char *name, char **ret, Error *error) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = efi_variable_read(root, EFI_VENDOR_LOADER, name, &data, &size, error);
        if (r < 0 || !data)
                return r;
        r = efi_text_decode(data, size, FIRMWARE_TEXT_MAX, ret);
        if (r >= 0 && isempty(*ret))
                *ret = mfree(*ret);
        return r;
}

/* Read the variables that the loader of this boot has left. */
static int read_loader(const Root *root, Firmware *f, Error *error) {
        const struct {
                const char *name;
                char **text;
        } texts[] = {
                { "LoaderInfo", &f->loader_info },
                { "LoaderEntrySelected", &f->entry_selected },
                { "LoaderEntryOneShot", &f->entry_one_shot },
                { "LoaderDevicePartUUID", &f->loader_partuuid },
        };
        _cleanup_free_ uint8_t *features = NULL;
        size_t size;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                r = read_text(root, texts[i].name, texts[i].text, error);
                if (r < 0)
                        return r;
        }
        for (char *c = f->loader_partuuid; c && *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char) (*c - 'A' + 'a');

        r = efi_variable_read(root, EFI_VENDOR_LOADER, "LoaderFeatures", &features, &size, error);
        if (r >= 0 && size == sizeof(uint64_t))
                f->loader_features = efi_u64(features);
        return r;
}

/* Read the firmware's own variables. */
static int read_global(const Root *root, Firmware *f, Error *error) {
        enum { CURRENT, ORDER, SECURE, SETUP, _MAX };
        static const char *const names[_MAX] = { "BootCurrent", "BootOrder", "SecureBoot",
                                                 "SetupMode" };
        uint8_t *data[_MAX] = {};
        size_t sizes[_MAX] = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < _MAX; i++)
                r = efi_variable_read(root, EFI_VENDOR_GLOBAL, names[i], &data[i], &sizes[i],
                                      error);
        if (r >= 0) {
                if (sizes[CURRENT] == sizeof(uint16_t))
                        f->boot_current = efi_u16(data[CURRENT]);
                f->secure_boot = secure_boot_decode(data[SECURE], sizes[SECURE], data[SETUP],
                                                    sizes[SETUP]);
                r = firmware_set_boot_order(f, data[ORDER], sizes[ORDER]);
        }
        for (size_t i = 0; i < _MAX; i++)
                free(data[i]);
        return r;
}

/* Junk, and what the firmware cannot read itself, is passed over. */
static int read_entry(const Root *root, uint16_t number, Firmware *f) {
        _cleanup_(load_option_done) LoadOption entry = {};
        _cleanup_free_ uint8_t *data = NULL;
        char name[NAME_SIZE];
        size_t size;
        int r;

        format_name(number, name);
        r = efi_variable_read(root, EFI_VENDOR_GLOBAL, name, &data, &size, NULL);
        if (r >= 0 && !data)
                return 0;
        if (r >= 0)
                r = load_option_parse(data, size, &entry);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        entry.number = number;
        return firmware_add_entry(f, &entry);
}

int bootvar_read(const Root *root, Firmware *ret, Error *error) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT;
        _cleanup_strv_ char **names = NULL;
        struct stat st;
        int r;

        assert(ret);

        f.uefi = root_stat(root, PATH_EFI, &st) >= 0 && S_ISDIR(st.st_mode);
        if (f.uefi) {
                r = read_loader(root, &f, error);
                if (r >= 0)
                        r = read_global(root, &f, error);
                if (r >= 0)
                        r = list_entries(root, &names, error);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(name, names) {
                r = read_entry(root, (uint16_t) load_option_number(*name), &f);
                if (r == -E2BIG)
                        break;
                if (r < 0)
                        return r;
        }

        *ret = TAKE_FIRMWARE(f);
        return 0;
}

int bootvar_set_one_shot(const Root *root, const char *id, Error *error) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        if (!id)
                return efi_variable_remove(root, EFI_VENDOR_LOADER, "LoaderEntryOneShot", error);
        r = efi_text_encode(id, &data, &size);
        if (r == -EINVAL)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "The entry '%s' has a name that the boot loader cannot be told; "
                                 "only ASCII is possible",
                                 id);
        if (r < 0)
                return r;
        return efi_variable_write(root, EFI_VENDOR_LOADER, "LoaderEntryOneShot", data, size, error);
}

/* The lowest number that no variable has, junk included, and that nothing else speaks of. */
static int find_free_number(const Root *root, const Firmware *now, uint16_t *ret, Error *error) {
        for (int number = 0; number <= UINT16_MAX; number++) {
                _cleanup_free_ uint8_t *data = NULL;
                char name[NAME_SIZE];
                size_t size;
                int r;

                if (number == now->boot_current || firmware_orders(now, (uint16_t) number))
                        continue;
                format_name((uint16_t) number, name);
                r = efi_variable_read(root, EFI_VENDOR_GLOBAL, name, &data, &size, NULL);
                if (r == -ENOMEM)
                        return r;
                if (r >= 0 && !data) {
                        *ret = (uint16_t) number;
                        return 0;
                }
        }
        return error_set(error, ERROR_FIRMWARE_ERROR,
                         "The firmware has no number left for a boot entry; delete some with "
                         "'efibootmgr'");
}

/* A short device path, HD(…)/File(…), which firmware expands by the GUID, so that it holds on
 * whatever port the disk is. Its size, or negative if that cannot be made. */
static ssize_t make_path(const BootTarget *target, uint8_t *ret, ssize_t size) {
        ssize_t hd, file, end;
        efi_guid_t guid;

        if (efi_str_to_guid(target->partuuid, &guid) < 0)
                return -EINVAL;
        hd = efidp_make_hd(ret, size, target->partition, target->start, target->size,
                           (uint8_t *) &guid, EFIDP_HD_FORMAT_GPT, EFIDP_HD_SIGNATURE_GUID);
        if (hd < 0)
                return hd;
        file = efidp_make_file(ret + hd, size - hd, (char *) target->path);
        if (file < 0)
                return file;
        end = efidp_make_end_entire(ret + hd + file, size - hd - file);
        return end < 0 ? end : hd + file + end;
}

/* An active option for @target. Its size, or -EINVAL if it would not read as what it is made from;
 * -ENOMEM. */
static ssize_t make_option(const BootTarget *target, uint8_t ret[static OPTION_SIZE_MAX]) {
        _cleanup_(load_option_done) LoadOption o = {};
        uint8_t path[PATH_SIZE_MAX];
        ssize_t size;
        int r;

        size = make_path(target, path, sizeof(path));
        if (size < 0)
                return -EINVAL;
        size = efi_loadopt_create(ret, OPTION_SIZE_MAX, LOAD_OPTION_ACTIVE, (efidp) path, size,
                                  (unsigned char *) target->title, NULL, 0);
        if (size < 0)
                return -EINVAL;
        r = load_option_parse(ret, (size_t) size, &o);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !streq(o.title, target->title) || !streq(o.path, target->path) ||
            strcasecmp(o.partuuid, target->partuuid) != 0)
                return -EINVAL;
        return size;
}

static int refuse_another(Error *error) {
        return error_set(error, ERROR_FIRMWARE_ERROR,
                         "The firmware has more than %d boot entries already; delete those that "
                         "nobody needs with 'efibootmgr'",
                         FIRMWARE_ENTRIES_MAX - 1);
}

static int create_entry(const Root *root, const BootTarget *target, const Firmware *now,
                        uint16_t *ret_number, Error *error) {
        uint8_t option[OPTION_SIZE_MAX];
        char name[NAME_SIZE];
        ssize_t size;
        int r;

        size = make_option(target, option);
        if (size == -EINVAL)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "The firmware cannot be told of '%s' on the partition '%s'; a "
                                 "boot entry needs a partition of a GPT, and a short path",
                                 target->path, target->partuuid);
        if (size < 0)
                return (int) size;
        /* An entry that cannot be seen would be made again each time. */
        if (now->n_entries == FIRMWARE_ENTRIES_MAX)
                return refuse_another(error);
        r = find_free_number(root, now, ret_number, error);
        if (r < 0)
                return r;
        format_name(*ret_number, name);
        return efi_variable_write(root, EFI_VENDOR_GLOBAL, name, option, (size_t) size, error);
}

static int activate_entry(const Root *root, const LoadOption *entry, Error *error) {
        _cleanup_free_ uint8_t *data = NULL;
        char name[NAME_SIZE];
        size_t size;
        int r;

        if (entry->active)
                return 0;
        format_name(entry->number, name);
        r = efi_variable_read(root, EFI_VENDOR_GLOBAL, name, &data, &size, error);
        if (r < 0)
                return r;
        if (!data || !load_option_activate(data, size))
                return 0;
        return efi_variable_write(root, EFI_VENDOR_GLOBAL, name, data, size, error);
}

/* Put @number into BootOrder if it is not there. The variable itself is changed, not @now's copy,
 * which may be cut. */
static int order_entry(const Root *root, uint16_t number, const Firmware *now, Error *error) {
        _cleanup_free_ uint8_t *old = NULL, *new = NULL;
        size_t size, at = 0;
        int r;

        r = efi_variable_read(root, EFI_VENDOR_GLOBAL, "BootOrder", &old, &size, error);
        if (r < 0)
                return r;
        size -= size % 2;
        for (size_t i = 0; i < size; i += 2) {
                const LoadOption *entry = firmware_entry(now, efi_u16(old + i));

                if (efi_u16(old + i) == number)
                        return 0;
                if (entry && load_option_is_ours(entry))
                        at = i + 2;
        }

        new = malloc(size + 2);
        if (!new)
                return -ENOMEM;
        if (size > 0) {
                memcpy(new, old, at);
                memcpy(new + at + 2, old + at, size - at);
        }
        efi_put_u16(new + at, number);
        return efi_variable_write(root, EFI_VENDOR_GLOBAL, "BootOrder", new, size + 2, error);
}

/* Read everything again, and see whether the firmware has kept what it was given. */
static int check_entry(const Root *root, const BootTarget *target, Firmware *now, Error *error) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT;
        const LoadOption *entry;
        int r;

        r = bootvar_read(root, &f, error);
        if (r < 0)
                return r;
        entry = firmware_find(&f, target->partuuid, target->path);
        if (!entry || !entry->active || !firmware_orders(&f, entry->number))
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "The firmware took the boot entry of '%s' on the partition '%s' "
                                 "and does not have it now; make it in the firmware's own menu",
                                 target->path, target->partuuid);
        firmware_done(now);
        *now = TAKE_FIRMWARE(f);
        return 1;
}

int bootvar_ensure_entry(const Root *root, const BootTarget *target, Firmware *now, Error *error) {
        const LoadOption *entry;
        uint16_t number = 0;
        int made, ordered;

        entry = firmware_find(now, target->partuuid, target->path);
        if (entry) {
                number = entry->number;
                made = activate_entry(root, entry, error);
        } else
                made = create_entry(root, target, now, &number, error);
        if (made < 0)
                return made;
        ordered = order_entry(root, number, now, error);
        if (ordered < 0)
                return ordered;
        return made || ordered ? check_entry(root, target, now, error) : 0;
}

/* The variable itself is changed, not the copy that was read, which may be cut. */
int bootvar_prefer_shim(const Root *root, Error *error) {
        _cleanup_(firmware_done) Firmware f = FIRMWARE_INIT, now = FIRMWARE_INIT;
        _cleanup_free_ uint16_t *order = NULL, *rest = NULL;
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r = bootvar_read(root, &f, error);

        if (r >= 0)
                r = chain_boot_order(&f, &order);
        if (r > 0)
                r = efi_variable_read(root, EFI_VENDOR_GLOBAL, "BootOrder", &data, &size, error)
                                    ?: 1;
        if (r <= 0)
                return r;
        for (size_t i = 0; i < f.n_boot_order && 2 * i + 1 < size; i++)
                efi_put_u16(data + 2 * i, order[i]);
        r = efi_variable_write(root, EFI_VENDOR_GLOBAL, "BootOrder", data, size, error);
        if (r >= 0)
                r = bootvar_read(root, &now, error);
        if (r >= 0)
                r = chain_boot_order(&now, &rest);
        if (r > 0)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "The firmware took another order of its boot entries and does not "
                                 "have it now; put 'proxmox' first in the firmware's own menu");
        return r < 0 ? r : 1;
}

static int refuse_changed(const char *name, Error *error) {
        return error_set(error, ERROR_BUSY,
                         "The firmware's variable '%s' is not as it was a moment ago, so it is "
                         "left alone; run 'bootctl-pve refresh' to look again",
                         name);
}

static bool is_free(const Root *root, uint16_t number, const Firmware *now) {
        _cleanup_free_ uint8_t *data = NULL;
        char name[NAME_SIZE];
        size_t size;

        format_name(number, name);
        return number != now->boot_current && !firmware_entry(now, number) &&
               efi_variable_read(root, EFI_VENDOR_GLOBAL, name, &data, &size, NULL) >= 0 && !data;
}

int bootvar_put_entry(const Root *root, const LoadOption *wanted, Error *error) {
        _cleanup_(firmware_done) Firmware now = FIRMWARE_INIT;
        _cleanup_free_ uint8_t *data = NULL;
        uint16_t number = wanted->number;
        char name[NAME_SIZE];
        size_t size;
        int r;

        r = bootvar_read(root, &now, error);
        if (r < 0 || firmware_find(&now, wanted->partuuid, wanted->path))
                return r;
        if (now.n_entries == FIRMWARE_ENTRIES_MAX)
                return refuse_another(error);
        r = efi_hex_decode(wanted->hex, &data, &size);
        if (r >= 0 && !is_free(root, number, &now))
                r = find_free_number(root, &now, &number, error);
        if (r < 0)
                return r;
        format_name(number, name);
        return efi_variable_write(root, EFI_VENDOR_GLOBAL, name, data, size, error);
}

/* The value that @text stands for; @ret is of 2 * FIRMWARE_ORDER_MAX bytes. */
static int parse_order(const char *text, uint8_t *ret, size_t *ret_size) {
        return boot_order_parse(streq(text, "-") ? "" : text, ret, ret_size);
}

int bootvar_set_order(const Root *root, const char *old, const char *new, Error *error) {
        uint8_t expected[2 * FIRMWARE_ORDER_MAX], wanted[2 * FIRMWARE_ORDER_MAX];
        _cleanup_free_ uint8_t *data = NULL;
        size_t expected_size, wanted_size, size;
        int r;

        if (parse_order(old, expected, &expected_size) < 0 ||
            parse_order(new, wanted, &wanted_size) < 0 || wanted_size == 0)
                return -EINVAL;
        r = efi_variable_read(root, EFI_VENDOR_GLOBAL, "BootOrder", &data, &size, error);
        if (r < 0)
                return r;
        size -= size % 2;
        if (size != expected_size || (size > 0 && memcmp(data, expected, size) != 0))
                return refuse_changed("BootOrder", error);
        return efi_variable_write(root, EFI_VENDOR_GLOBAL, "BootOrder", wanted, wanted_size, error);
}

int bootvar_drop_entry(const Root *root, const LoadOption *entry, Error *error) {
        _cleanup_(firmware_done) Firmware now = FIRMWARE_INIT;
        const LoadOption *found, *other;
        char name[NAME_SIZE];
        int r;

        r = bootvar_read(root, &now, error);
        if (r < 0)
                return r;
        format_name(entry->number, name);
        found = firmware_entry(&now, entry->number);
        if (!found)
                return 0;
        other = firmware_find(&now, entry->partuuid, entry->path);
        if (!streq_ptr(found->hex, entry->hex) || firmware_orders(&now, entry->number) ||
            other == found)
                return refuse_changed(name, error);
        return efi_variable_remove(root, EFI_VENDOR_GLOBAL, name, error);
}
