/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `secure-boot status`: who has signed what boots this host, and whether the firmware or shim would
 * refuse it. All of it is the daemon's word; here it is only told which certificate authority the
 * boot loaders need, since Microsoft's old one has expired. */

#include "client/verb/verbs.h"

#include <time.h>

#include "client/daemon/job.h"
#include "client/daemon/properties.h"
#include "client/terminal/json.h"
#include "client/terminal/table.h"
#include "common/names.h"
#include "common/string-util.h"

/* Columns of the properties of org.bootsync1.Boot. */
enum { KEY_LIST, KEY_SUBJECT, KEY_SHA256, KEY_NOT_AFTER, KEY_PATH };
enum { DIGESTS_LIST, DIGESTS_NUMBER };
enum {
        FILE_ESP,
        FILE_PATH,
        FILE_SIGNED,
        FILE_SIGNER,
        FILE_ISSUER,
        FILE_NOT_AFTER,
        FILE_CHECKER,
        FILE_ACCEPTED,
        FILE_REASON
};
enum { MODULE_KERNEL, MODULE_PATH, MODULE_PACKAGE, MODULE_REASON };
enum { PACKAGE_NAME, PACKAGE_INSTALLED };

typedef struct SecureBootInfo {
        char *firmware, *secure_boot, *sbat_level;
        bool shim, ignores_db, checks_nothing, mok_enrolled, known;
        Rows keys, digests, files, modules, packages;
} SecureBootInfo;

/* How the lists of keys of DKMS begin, and the one of those that could not be read. */
#define LIST_DKMS   "dkms"
#define LIST_UNREAD "dkms-unread"

#define INFO(name, type, field) \
        { name, PROPERTY_##type, offsetof(SecureBootInfo, field) }

static const Property properties[] = {
        INFO("Firmware", STRING, firmware),
        INFO("SecureBoot", STRING, secure_boot),
        INFO("Shim", BOOLEAN, shim),
        INFO("ShimIgnoresDb", BOOLEAN, ignores_db),
        INFO("ShimChecksNothing", BOOLEAN, checks_nothing),
        INFO("SbatLevel", STRING, sbat_level),
        INFO("MokEnrolled", BOOLEAN, mok_enrolled),
        INFO("SignaturesKnown", BOOLEAN, known),
        INFO("Keys", ROWS, keys),
        INFO("KeyDigests", ROWS, digests),
        INFO("SignedFiles", ROWS, files),
        INFO("RefusedModules", ROWS, modules),
        INFO("SecureBootPackages", ROWS, packages),
};

static void info_done(SecureBootInfo *info) {
        properties_done(properties, ELEMENTSOF(properties), info);
}

static const char *text_at(const Rows *l, size_t row, size_t column) {
        return rows_cell(l, row, column)->text;
}

static uint64_t number_at(const Rows *l, size_t row, size_t column) {
        return rows_cell(l, row, column)->number;
}

static bool has_key(const SecureBootInfo *info, const char *list, unsigned column,
                    const char *value) {
        for (size_t i = 0; i < info->keys.n; i++)
                if (streq(text_at(&info->keys, i, KEY_LIST), list) &&
                    streq(text_at(&info->keys, i, column), value))
                        return true;
        return false;
}

/* Of a key that DKMS signs with; in LIST_UNREAD are those whose file cannot be read. */
static const char *enrolment(const SecureBootInfo *info, const char *list, const char *sha256) {
        if (streq(list, LIST_UNREAD))
                return "unknown";
        if (has_key(info, "mok", KEY_SHA256, sha256))
                return "enrolled";
        return has_key(info, "mok-waiting", KEY_SHA256, sha256) ? "waiting" : "not-enrolled";
}

static json_object *append_object(json_object *array) {
        json_object *object = json_new();

        json_append(array, object);
        return object;
}

static json_object *keys_to_json(const SecureBootInfo *info) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < info->keys.n; i++) {
                const char *list = text_at(&info->keys, i, KEY_LIST);
                const char *sha256 = text_at(&info->keys, i, KEY_SHA256);
                json_object *object = append_object(array);

                json_add_string(object, "list", list);
                json_add_string(object, "subject", text_at(&info->keys, i, KEY_SUBJECT));
                json_add_string(object, "sha256", sha256);
                json_add_u64(object, "not_after_usec", number_at(&info->keys, i, KEY_NOT_AFTER));
                json_add_string(object, "path", text_at(&info->keys, i, KEY_PATH));
                if (startswith(list, LIST_DKMS))
                        json_add_string(object, "enrolment", enrolment(info, list, sha256));
        }
        return array;
}

static json_object *digests_to_json(const Rows *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                json_object *object = append_object(array);

                json_add_string(object, "list", text_at(l, i, DIGESTS_LIST));
                json_add_u64(object, "number", number_at(l, i, DIGESTS_NUMBER));
        }
        return array;
}

static json_object *files_to_json(const Rows *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                json_object *object = append_object(array);

                json_add_string(object, "esp", text_at(l, i, FILE_ESP));
                json_add_string(object, "path", text_at(l, i, FILE_PATH));
                json_add_boolean(object, "signed", number_at(l, i, FILE_SIGNED));
                json_add_string(object, "signer", text_at(l, i, FILE_SIGNER));
                json_add_string(object, "issuer", text_at(l, i, FILE_ISSUER));
                json_add_u64(object, "not_after_usec", number_at(l, i, FILE_NOT_AFTER));
                json_add_string(object, "checker", text_at(l, i, FILE_CHECKER));
                json_add_boolean(object, "accepted", number_at(l, i, FILE_ACCEPTED));
                json_add_string(object, "reason", text_at(l, i, FILE_REASON));
        }
        return array;
}

static json_object *modules_to_json(const Rows *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                json_object *object = append_object(array);

                json_add_string(object, "kernel", text_at(l, i, MODULE_KERNEL));
                json_add_string(object, "path", text_at(l, i, MODULE_PATH));
                json_add_string(object, "package", text_at(l, i, MODULE_PACKAGE));
                json_add_string(object, "reason", text_at(l, i, MODULE_REASON));
        }
        return array;
}

static json_object *packages_to_json(const Rows *l) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < l->n; i++) {
                json_object *object = append_object(array);

                json_add_string(object, "name", text_at(l, i, PACKAGE_NAME));
                json_add_boolean(object, "installed", number_at(l, i, PACKAGE_INSTALLED));
        }
        return array;
}

static void print_json(const Options *options, const SecureBootInfo *info) {
        _cleanup_json_ json_object *object = json_new();

        json_add_string(object, "firmware", info->firmware);
        json_add_string(object, "secure_boot", info->secure_boot);
        json_add_boolean(object, "known", info->known);
        json_add_boolean(object, "shim", info->shim);
        json_add_boolean(object, "shim_ignores_db", info->ignores_db);
        json_add_boolean(object, "shim_checks_nothing", info->checks_nothing);
        json_add_string(object, "sbat_level", info->sbat_level);
        json_add_boolean(object, "mok_enrolled", info->mok_enrolled);
        json_add(object, "keys", keys_to_json(info));
        json_add(object, "digests", digests_to_json(&info->digests));
        json_add(object, "files", files_to_json(&info->files));
        json_add(object, "modules", modules_to_json(&info->modules));
        json_add(object, "packages", packages_to_json(&info->packages));
        json_print(options, "secure-boot", object);
}

/* Half a sentence behind the word. */
static const struct {
        const char *word, *meaning;
} states[] = {
        { "enabled", "the firmware starts only what a key of its db has signed" },
        { "disabled", "the firmware starts any boot loader" },
        { "setup", "no platform key is enrolled, so that nothing is checked" },
        { "unsupported", "the firmware of this host does not have it" },
        { "unknown", "the firmware was not asked yet" },
};

static void print_state(const SecureBootInfo *info) {
        const char *meaning = NULL;

        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (streq_ptr(info->secure_boot, states[i].word))
                        meaning = states[i].meaning;
        say_field("Secure Boot", info->secure_boot,
                  streq_ptr(info->secure_boot, "enabled") ? COLOUR_GOOD : COLOUR_BOLD, meaning);
}

/* "2026-06-27". "" for 0. Never NULL. */
static char *format_day(uint64_t usec) {
        time_t seconds = (time_t) (usec / 1000000);
        char text[32];
        struct tm tm;

        if (usec == 0 || !gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%F", &tm) == 0)
                return must(strdup(""));
        return must(strdup(text));
}

static bool is_over(uint64_t usec) {
        return usec > 0 && usec / 1000000 < (uint64_t) time(NULL);
}

static uint64_t count_digests(const SecureBootInfo *info, const char *list) {
        for (size_t i = 0; i < info->digests.n; i++)
                if (streq(text_at(&info->digests, i, DIGESTS_LIST), list))
                        return number_at(&info->digests, i, DIGESTS_NUMBER);
        return 0;
}

/* The keys of a list by name, and how many digests it has besides; dbx has too many names. */
static void print_list(const SecureBootInfo *info, const char *title, const char *list) {
        const bool only_count = streq(list, "dbx");
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *text = NULL;
        uint64_t n_digests = count_digests(info, list);
        size_t n = 0;

        for (size_t i = 0; i < info->keys.n; i++) {
                uint64_t not_after = number_at(&info->keys, i, KEY_NOT_AFTER);
                _cleanup_free_ char *day = format_day(not_after);

                if (!streq(text_at(&info->keys, i, KEY_LIST), list))
                        continue;
                n++;
                if (!only_count &&
                    strv_extendf(&names, "%s%s%s%s", text_at(&info->keys, i, KEY_SUBJECT),
                                 is_over(not_after) ? " (expired " : "",
                                 is_over(not_after) ? day : "", is_over(not_after) ? ")" : "") < 0)
                        out_of_memory();
        }
        if (only_count && n > 0 &&
            strv_extendf(&names, "%zu certificate%s", n, n == 1 ? "" : "s") < 0)
                out_of_memory();
        if (n_digests > 0 && strv_extendf(&names, "%llu digest%s", (unsigned long long) n_digests,
                                          n_digests == 1 ? "" : "s") < 0)
                out_of_memory();
        text = must(strv_join(names, ", "));
        say_field(title, text, COLOUR_NONE, NULL);
}

static void print_shim(const SecureBootInfo *info) {
        say_field("Shim", info->shim ? "this boot came through it" : "this boot came without it",
                  COLOUR_NONE, NULL);
        if (info->checks_nothing)
                say_field("", "its validation is disabled: it starts anything", COLOUR_NONE, NULL);
        if (info->ignores_db)
                say_field("", "it accepts nothing for the firmware's db", COLOUR_NONE, NULL);
        say_field("SBAT level", info->sbat_level, COLOUR_NONE, NULL);
}

#define CA_2011 "Microsoft Corporation UEFI CA 2011"
#define CA_2023 "Microsoft UEFI CA 2023"

static bool firmware_has(const SecureBootInfo *info, const char *subject) {
        return has_key(info, "db", KEY_SUBJECT, subject);
}

/* The authority that a boot loader needs which the firmware starts, and whether it has that. */
static void print_authority(const SecureBootInfo *info, const char *issuer) {
        _cleanup_free_ char *detail = NULL;

        if (!firmware_has(info, issuer))
                detail = strdup("the firmware does not have it, and refuses what it vouches for");
        else if (streq(issuer, CA_2011))
                detail = strprintf("the firmware has it; it expired in 2026, which the firmware "
                                   "ignores, but newer boot loaders need '%s', which the firmware "
                                   "%s",
                                   CA_2023, firmware_has(info, CA_2023) ? "has, too" : "has not");
        else
                detail = strdup("the firmware has it");
        say_field("CA needed", issuer, firmware_has(info, issuer) ? COLOUR_GOOD : COLOUR_WARNING,
                  must(detail));
}

static void print_authorities(const SecureBootInfo *info) {
        _cleanup_strv_ char **issuers = NULL;

        for (size_t i = 0; i < info->files.n; i++) {
                const char *issuer = text_at(&info->files, i, FILE_ISSUER);

                if (isempty(text_at(&info->files, i, FILE_ESP)) || isempty(issuer) ||
                    !streq(text_at(&info->files, i, FILE_CHECKER), "firmware") ||
                    strv_contains(issuers, issuer))
                        continue;
                print_authority(info, issuer);
                if (strv_extend(&issuers, issuer) < 0)
                        out_of_memory();
        }
}

static void print_packages(const SecureBootInfo *info) {
        _cleanup_strv_ char **there = NULL, **missing = NULL;
        _cleanup_free_ char *has = NULL, *lacks = NULL;

        for (size_t i = 0; i < info->packages.n; i++)
                if (strv_extend(number_at(&info->packages, i, PACKAGE_INSTALLED) ? &there
                                                                                 : &missing,
                                text_at(&info->packages, i, PACKAGE_NAME)) < 0)
                        out_of_memory();
        has = must(strv_join(there, ", "));
        lacks = must(strv_join(missing, ", "));
        say_field("Packages", has, COLOUR_NONE, NULL);
        say_field("Not installed", lacks, COLOUR_NONE, NULL);
}

/* "by Debian Secure Boot Signer 2022, until 2032-05-09; Debian Secure Boot CA vouches for that".
 * NULL if nobody has. */
static char *describe_signer(const SecureBootInfo *info, size_t i) {
        const char *signer = text_at(&info->files, i, FILE_SIGNER);
        const char *issuer = text_at(&info->files, i, FILE_ISSUER);
        _cleanup_free_ char *day = format_day(number_at(&info->files, i, FILE_NOT_AFTER));

        if (isempty(signer))
                return NULL;
        return must(strprintf("by %s%s%s%s%s%s", signer, isempty(day) ? "" : ", until ", day,
                              isempty(issuer) ? "" : "; ", issuer,
                              isempty(issuer) ? "" : " vouches for that"));
}

static void print_files(const Options *options, const SecureBootInfo *info) {
        _cleanup_table_ Table *table = table_new("ESP", "FILE", "CHECKED BY", "ACCEPTED", NULL);

        for (size_t i = 0; i < info->files.n; i++) {
                const bool accepted = number_at(&info->files, i, FILE_ACCEPTED);
                _cleanup_free_ char *signer = describe_signer(info, i);

                table_add(table, text_at(&info->files, i, FILE_ESP));
                table_add(table, text_at(&info->files, i, FILE_PATH));
                table_add(table, text_at(&info->files, i, FILE_CHECKER));
                table_add_coloured(table, accepted ? "yes" : "no",
                                   accepted ? COLOUR_GOOD : COLOUR_WARNING);
                table_add_note(table, "signed", signer);
                if (!accepted)
                        table_add_note(table, "refused", text_at(&info->files, i, FILE_REASON));
        }
        (void) putchar('\n');
        table_print(table, options, NULL);
}

static void print_dkms(const Options *options, const SecureBootInfo *info) {
        _cleanup_table_ Table *table = table_new("DKMS KEY", "STATE", "UNTIL", "FILE", NULL);
        size_t n = 0;

        for (size_t i = 0; i < info->keys.n; i++) {
                const char *sha256 = text_at(&info->keys, i, KEY_SHA256);
                const char *list = text_at(&info->keys, i, KEY_LIST);
                const char *state = enrolment(info, list, sha256);
                _cleanup_free_ char *day = format_day(number_at(&info->keys, i, KEY_NOT_AFTER));

                if (!startswith(list, LIST_DKMS))
                        continue;
                n++;
                table_add(table, streq(list, LIST_UNREAD) ? "cannot be read"
                                                          : text_at(&info->keys, i, KEY_SUBJECT));
                table_add_coloured(table, streq(state, "not-enrolled") ? "not enrolled" : state,
                                   streq(state, "enrolled") ? COLOUR_GOOD : COLOUR_WARNING);
                table_add(table, day);
                table_add(table, text_at(&info->keys, i, KEY_PATH));
                if (!isempty(sha256))
                        table_add_note(table, "SHA-256", sha256);
        }
        if (n == 0)
                return;
        (void) putchar('\n');
        table_print(table, options, NULL);
}

static void add_reason(Table *table, const char *reason) {
        const char *unknown = startswith(reason, REASON_UNKNOWN);

        if (unknown)
                table_add_note(table, "not known", unknown);
        else
                table_add_note(table, "refused", reason);
}

static void print_modules(const Options *options, const SecureBootInfo *info) {
        _cleanup_table_ Table *table = table_new("REFUSED MODULE", "KERNEL", "PACKAGE", NULL);

        if (info->modules.n == 0)
                return;
        for (size_t i = 0; i < info->modules.n; i++) {
                const char *path = text_at(&info->modules, i, MODULE_PATH);
                const char *slash = strrchr(path, '/');

                table_add(table, slash ? slash + 1 : path);
                table_add(table, text_at(&info->modules, i, MODULE_KERNEL));
                table_add(table, text_at(&info->modules, i, MODULE_PACKAGE));
                add_reason(table, text_at(&info->modules, i, MODULE_REASON));
        }
        (void) putchar('\n');
        table_print(table, options, NULL);
}

static void print_all(const Options *options, const SecureBootInfo *info) {
        const bool supported = !streq_ptr(info->secure_boot, "unsupported") &&
                               !streq_ptr(info->secure_boot, "unknown");

        print_state(info);
        if (supported && !info->known)
                say_field("Note", "keys and signatures are not all known, or not as they are now",
                          COLOUR_NONE, "journalctl -u bootsyncd tells if a look has failed");
        if (supported && info->keys.n + info->files.n > 0)
                print_shim(info);
        print_list(info, "Platform key", "pk");
        print_list(info, "KEK", "kek");
        print_list(info, "db", "db");
        print_list(info, "dbx", "dbx");
        print_list(info, "MOK", "mok");
        print_list(info, "MOK, waiting", "mok-waiting");
        print_list(info, "MOK, refused", "mok-blocked");
        print_authorities(info);
        if (supported)
                print_packages(info);
        if (info->files.n > 0)
                print_files(options, info);
        print_dkms(options, info);
        print_modules(options, info);
}

static ExitStatus verb_secure_boot_status(const Options *options, char **arguments) {
        _cleanup_(info_done) SecureBootInfo info = {
                .keys = { .types = "sssts" },
                .digests = { .types = "st" },
                .files = { .types = "ssbsstsbs" },
                .modules = { .types = "ssss" },
                .packages = { .types = "sb" },
        };
        _cleanup_connection_ Connection c = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status == STATUS_DONE)
                status = job_first_look(&c, true);
        if (status == STATUS_DONE)
                status = properties_get(&c, BUS_PATH_BOOT, BUS_IFACE_BOOT, properties,
                                        ELEMENTSOF(properties), &info);
        if (status != STATUS_DONE)
                return status;
        options_page(options);
        if (options->json)
                print_json(options, &info);
        else
                print_all(options, &info);
        return STATUS_DONE;
}

const Verb secure_boot_verbs[] = {
        { "secure-boot", "status", "", 0, 0, 0, verb_secure_boot_status,
          "Show keys, and whether Secure Boot would let this host boot" },
        {},
};
