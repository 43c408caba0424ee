/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys, signatures and what follows from them, as a value, and how that travels from the worker to
 * the daemon: a record for each thing, since all of it is too much for one report. Nobody is judged
 * here. The daemon believes only what is well-formed, in order and bounded: certificates, programs
 * and modules may have been written by anybody. */

#include "core/secure-boot/secure-boot.h"

#include <strings.h>

#include "common/record.h"
#include "common/string-util.h"

static const char *const key_store_table[_KEY_STORE_MAX] = {
        [KEY_STORE_PK] = "pk",
        [KEY_STORE_KEK] = "kek",
        [KEY_STORE_DB] = "db",
        [KEY_STORE_DBX] = "dbx",
        [KEY_STORE_MOK] = "mok",
        [KEY_STORE_MOKX] = "mok-blocked",
        [KEY_STORE_MOK_NEW] = "mok-waiting",
        [KEY_STORE_VENDOR] = "shim",
        [KEY_STORE_DKMS] = "dkms",
        [KEY_STORE_UNREAD] = "dkms-unread",
};
DEFINE_TO_STRING(key_store, KeyStore)
DEFINE_STATIC_FROM_STRING(key_store, KeyStore)

static const char *const checker_table[_CHECKER_MAX] = {
        [CHECKER_FIRMWARE] = "firmware",
        [CHECKER_SHIM] = "shim",
};
DEFINE_TO_STRING(checker, Checker)

/* The keys of a record. */
static const char *const reason_keys[_CHECKER_MAX] = {
        [CHECKER_FIRMWARE] = "firmware-reason",
        [CHECKER_SHIM] = "shim-reason",
};

static void boot_key_done(BootKey *key) {
        free(key->subject);
        free(key->sha256);
        free(key->path);
}

static void signed_file_done(SignedFile *file) {
        free(file->path);
        free(file->signer);
        free(file->issuer);
        for (Checker c = 0; c < _CHECKER_MAX; c++)
                free(file->by[c].reason);
}

static void refused_module_done(RefusedModule *module) {
        free(module->kernel);
        free(module->path);
        free(module->package);
        free(module->reason);
}

void signed_files_done(SignedFiles *files) {
        for (size_t i = 0; i < files->n; i++)
                signed_file_done(&files->items[i]);
        free(files->items);
        *files = (SignedFiles){};
}

void secure_boot_facts_done(SecureBootFacts *facts) {
        for (size_t i = 0; i < facts->n_keys; i++)
                boot_key_done(&facts->keys[i]);
        free(facts->keys);
        for (size_t i = 0; i < facts->n_modules; i++)
                refused_module_done(&facts->modules[i]);
        free(facts->modules);
        free(facts->sbat_level);
        signed_files_done(&facts->files);
        *facts = (SecureBootFacts){};
}

const SignedFile *signed_files_find(const SignedFiles *files, const char *path) {
        for (size_t i = 0; i < files->n; i++)
                if (strcasecmp(files->items[i].path, path) == 0)
                        return &files->items[i];
        return NULL;
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool is_called(const SignedFile *file, const char *prefix) {
        return strncasecmp(base_name(file->path), prefix, strlen(prefix)) == 0;
}

static bool are_neighbours(const SignedFile *a, const SignedFile *b) {
        size_t n = (size_t) (base_name(a->path) - a->path);

        return n == (size_t) (base_name(b->path) - b->path) &&
               strncasecmp(a->path, b->path, n) == 0;
}

/* True for a program that is called @stem (which the firmware would start where it is in the place
 * of a removable disk's loader) and is started by a shim. Packages have theirs apart. */
static bool has_shim(const SignedFiles *files, const SignedFile *file, const char *stem) {
        if (!is_called(file, stem))
                return false;
        if (startswith(file->path, "/usr/lib/"))
                return !streq(stem, "systemd-boot");
        for (size_t i = 0; i < files->n; i++)
                if (are_neighbours(&files->items[i], file) &&
                    (is_called(&files->items[i], "shim") ||
                     (is_called(&files->items[i], "boot") && !streq(stem, "systemd-boot"))))
                        return true;
        return false;
}

Checker signed_file_checker(const SignedFiles *files, const SignedFile *file, const char *loader) {
        static const char *const stems[] = { "grub", "systemd-boot", "mm", "fb" };

        for (size_t i = 0; i < ELEMENTSOF(stems); i++)
                if (has_shim(files, file, stems[i]))
                        return CHECKER_SHIM;
        for (size_t i = 0; loader && is_called(file, "vmlinuz-") && i < files->n; i++)
                if (has_shim(files, &files->items[i], loader))
                        return CHECKER_SHIM;
        return CHECKER_FIRMWARE;
}

#define FACTS_VERB   "secure-boot"
#define KEY_VERB     "key"
#define DIGESTS_VERB "digests"
#define FILE_VERB    "signed-file"
#define MODULE_VERB  "refused-module"
#define CUT_MAX      (sizeof("...") - 1) /* what string_for_humans() adds */

static void add_text(Buffer *b, const char *key, const char *text, size_t max) {
        _cleanup_free_ char *fit = string_for_humans(strempty(text), strlen(strempty(text)), max);

        if (fit)
                record_add(b, key, fit);
        else
                b->failed = true;
}

static void format_facts(Buffer *b, const SecureBootFacts *facts) {
        record_begin(b, FACTS_VERB);
        record_add_u64(b, "ignores-db", facts->shim_ignores_db);
        record_add_u64(b, "checks-nothing", facts->shim_checks_nothing);
        add_text(b, "sbat-level", facts->sbat_level, SECURE_BOOT_TEXT_MAX);
        record_end(b);
}

static void format_key(Buffer *b, const BootKey *key) {
        record_begin(b, KEY_VERB);
        record_add(b, "store", key_store_to_string(key->store));
        add_text(b, "subject", key->subject, SECURE_BOOT_TEXT_MAX);
        record_add(b, "sha256", key->sha256);
        record_add_u64(b, "not-after", MIN(key->not_after_usec, SECURE_BOOT_USEC_MAX));
        add_text(b, "path", key->path, SECURE_BOOT_PATH_MAX);
        record_end(b);
}

static void format_digests(Buffer *b, const SecureBootFacts *facts) {
        for (KeyStore store = 0; store < _KEY_STORE_MAX; store++) {
                if (facts->n_digests[store] == 0)
                        continue;
                record_begin(b, DIGESTS_VERB);
                record_add(b, "store", key_store_to_string(store));
                record_add_u64(b, "n", facts->n_digests[store]);
                record_end(b);
        }
}

static void format_file(Buffer *b, const SignedFile *file) {
        record_begin(b, FILE_VERB);
        add_text(b, "path", file->path, SECURE_BOOT_PATH_MAX);
        record_add_u64(b, "inode", file->stamp.inode);
        record_add_u64(b, "size", file->stamp.size);
        record_add_u64(b, "mtime", file->stamp.mtime);
        record_add_u64(b, "ctime", file->stamp.ctime);
        record_add_u64(b, "signed", file->is_signed);
        add_text(b, "signer", file->signer, SECURE_BOOT_TEXT_MAX);
        add_text(b, "issuer", file->issuer, SECURE_BOOT_TEXT_MAX);
        record_add_u64(b, "not-after", MIN(file->not_after_usec, SECURE_BOOT_USEC_MAX));
        for (Checker c = 0; c < _CHECKER_MAX; c++) {
                record_add_u64(b, checker_to_string(c), file->by[c].accepted);
                add_text(b, reason_keys[c], file->by[c].reason, SECURE_BOOT_TEXT_MAX);
        }
        record_end(b);
}

static void format_files(Buffer *b, const SignedFiles *files) {
        for (size_t i = 0; i < MIN(files->n, (size_t) SECURE_BOOT_FILES_MAX); i++)
                format_file(b, &files->items[i]);
}

static void format_module(Buffer *b, const RefusedModule *module) {
        record_begin(b, MODULE_VERB);
        add_text(b, "kernel", module->kernel, SECURE_BOOT_TEXT_MAX);
        add_text(b, "path", module->path, SECURE_BOOT_PATH_MAX);
        add_text(b, "package", module->package, SECURE_BOOT_TEXT_MAX);
        add_text(b, "reason", module->reason, SECURE_BOOT_TEXT_MAX);
        record_add_u64(b, "unknown", module->unknown);
        record_end(b);
}

int secure_boot_format(const SecureBootFacts *facts, char **ret) {
        Buffer b = {};

        format_facts(&b, facts);
        for (size_t i = 0; i < MIN(facts->n_keys, (size_t) SECURE_BOOT_KEYS_MAX); i++)
                format_key(&b, &facts->keys[i]);
        format_digests(&b, facts);
        format_files(&b, &facts->files);
        for (size_t i = 0; i < MIN(facts->n_modules, (size_t) SECURE_BOOT_MODULES_MAX); i++)
                format_module(&b, &facts->modules[i]);
        return buffer_take(&b, ret, NULL);
}

int signed_files_format(const SignedFiles *files, char **ret) {
        Buffer b = {};

        format_files(&b, files);
        return buffer_take(&b, ret, NULL);
}

/* The functions below take a field of @record. */

static int take_text(const Record *record, const char *key, size_t max, char **ret) {
        const char *text = record_get(record, key);
        size_t n = strlen(strempty(text));

        if (!text || n > max + CUT_MAX || !text_is_clean(text, n) || !utf8_is_valid(text, n))
                return -EBADMSG;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

/* "/boot/vmlinuz-6.8.12-4-pve" */
static int take_path(const Record *record, char **ret) {
        int r = take_text(record, "path", SECURE_BOOT_PATH_MAX, ret);

        return r < 0 || (*ret)[0] == '/' ? r : -EBADMSG;
}

static int take_number(const Record *record, const char *key, uint64_t max, uint64_t *ret) {
        return record_get_u64(record, key, ret) < 0 || *ret > max ? -EBADMSG : 0;
}

static int take_flag(const Record *record, const char *key, bool *ret) {
        uint64_t value = 0;
        int r = take_number(record, key, 1, &value);

        *ret = value;
        return r;
}

static int take_store(const Record *record, KeyStore *ret) {
        *ret = key_store_from_string(record_get(record, "store"));
        return *ret < 0 ? -EBADMSG : 0;
}

/* It comes once, before all others, which find its text there. */
static int take_facts(SecureBootFacts *facts, const Record *record) {
        bool ignores, nothing;
        int r;

        if (facts->sbat_level || record->n_fields != 3)
                return -EBADMSG;
        r = take_flag(record, "ignores-db", &ignores);
        if (r >= 0)
                r = take_flag(record, "checks-nothing", &nothing);
        if (r >= 0)
                r = take_text(record, "sbat-level", SECURE_BOOT_TEXT_MAX, &facts->sbat_level);
        if (r < 0)
                return r;
        facts->shim_ignores_db = ignores;
        facts->shim_checks_nothing = nothing;
        return 0;
}

static bool has_digests(const SecureBootFacts *facts) {
        for (KeyStore store = 0; store < _KEY_STORE_MAX; store++)
                if (facts->n_digests[store] > 0)
                        return true;
        return false;
}

static int parse_key(const Record *record, BootKey *key) {
        const char *sha256 = record_get(record, "sha256"), *path = record_get(record, "path");
        int r;

        if (record->n_fields != 5 || !sha256)
                return -EBADMSG;
        r = take_store(record, &key->store);
        if (r >= 0 &&
            (key->store == KEY_STORE_UNREAD ? !isempty(sha256) : !digest_is_valid(sha256)))
                return -EBADMSG;
        if (r >= 0)
                r = take_number(record, "not-after", SECURE_BOOT_USEC_MAX, &key->not_after_usec);
        if (r >= 0)
                r = take_text(record, "subject", SECURE_BOOT_TEXT_MAX, &key->subject);
        if (r >= 0)
                r = isempty(path) ? take_text(record, "path", 0, &key->path)
                                  : take_path(record, &key->path);
        if (r < 0)
                return r;
        key->sha256 = strdup(sha256);
        return key->sha256 ? 0 : -ENOMEM;
}

static int take_key(SecureBootFacts *facts, const Record *record) {
        _cleanup_(boot_key_done) BootKey key = {};
        int r;

        if (facts->n_keys == SECURE_BOOT_KEYS_MAX || has_digests(facts) || facts->files.n > 0 ||
            facts->n_modules > 0)
                return -EBADMSG;
        r = parse_key(record, &key);
        if (r < 0)
                return r;
        if (facts->n_keys > 0 && facts->keys[facts->n_keys - 1].store > key.store)
                return -EBADMSG;
        if (!ARRAY_RESERVE(facts->keys, facts->n_keys_allocated, facts->n_keys + 1))
                return -ENOMEM;
        facts->keys[facts->n_keys++] = TAKE_STRUCT(key);
        return 0;
}

static int take_digests(SecureBootFacts *facts, const Record *record) {
        KeyStore store;
        uint64_t n;

        if (record->n_fields != 2 || take_store(record, &store) < 0 ||
            take_number(record, "n", UINT32_MAX, &n) < 0 || n == 0 || facts->files.n > 0 ||
            facts->n_modules > 0)
                return -EBADMSG;
        for (KeyStore s = store; s < _KEY_STORE_MAX; s++)
                if (facts->n_digests[s] > 0)
                        return -EBADMSG;
        facts->n_digests[store] = n;
        return 0;
}

static int parse_stamp(const Record *record, FileStamp *stamp) {
        return take_number(record, "inode", UINT64_MAX, &stamp->inode) < 0 ||
                                               take_number(record, "size", UINT64_MAX,
                                                           &stamp->size) < 0 ||
                                               take_number(record, "mtime", UINT64_MAX,
                                                           &stamp->mtime) < 0 ||
                                               take_number(record, "ctime", UINT64_MAX,
                                                           &stamp->ctime) < 0
                               ? -EBADMSG
                               : 0;
}

static int parse_judgement(const Record *record, Checker checker, Judgement *judgement) {
        int r = take_flag(record, checker_to_string(checker), &judgement->accepted);

        return r < 0 ? r
                     : take_text(record, reason_keys[checker], SECURE_BOOT_TEXT_MAX,
                                 &judgement->reason);
}

static int parse_file(const Record *record, SignedFile *file) {
        int r = record->n_fields == 9 + 2 * _CHECKER_MAX ? parse_stamp(record, &file->stamp)
                                                         : -EBADMSG;

        if (r >= 0)
                r = take_flag(record, "signed", &file->is_signed);
        if (r >= 0)
                r = take_number(record, "not-after", SECURE_BOOT_USEC_MAX, &file->not_after_usec);
        if (r >= 0)
                r = take_path(record, &file->path);
        if (r >= 0)
                r = take_text(record, "signer", SECURE_BOOT_TEXT_MAX, &file->signer);
        if (r >= 0)
                r = take_text(record, "issuer", SECURE_BOOT_TEXT_MAX, &file->issuer);
        for (Checker c = 0; r >= 0 && c < _CHECKER_MAX; c++)
                r = parse_judgement(record, c, &file->by[c]);
        return r;
}

static int take_file(SignedFiles *files, const Record *record) {
        _cleanup_(signed_file_done) SignedFile file = {};
        int r;

        if (files->n == SECURE_BOOT_FILES_MAX)
                return -EBADMSG;
        r = parse_file(record, &file);
        if (r < 0)
                return r;
        if (files->n > 0 && strcmp(files->items[files->n - 1].path, file.path) >= 0)
                return -EBADMSG;
        if (!ARRAY_RESERVE(files->items, files->n_allocated, files->n + 1))
                return -ENOMEM;
        files->items[files->n++] = TAKE_STRUCT(file);
        return 0;
}

static int take_host_file(SecureBootFacts *facts, const Record *record) {
        return facts->n_modules > 0 ? -EBADMSG : take_file(&facts->files, record);
}

static int take_module(SecureBootFacts *facts, const Record *record) {
        _cleanup_(refused_module_done) RefusedModule module = {};
        int r;

        if (facts->n_modules == SECURE_BOOT_MODULES_MAX || record->n_fields != 5)
                return -EBADMSG;
        r = take_text(record, "kernel", SECURE_BOOT_TEXT_MAX, &module.kernel);
        if (r >= 0)
                r = take_path(record, &module.path);
        if (r >= 0)
                r = take_text(record, "package", SECURE_BOOT_TEXT_MAX, &module.package);
        if (r >= 0)
                r = take_text(record, "reason", SECURE_BOOT_TEXT_MAX, &module.reason);
        if (r >= 0)
                r = take_flag(record, "unknown", &module.unknown);
        if (r < 0)
                return r;
        if (!ARRAY_RESERVE(facts->modules, facts->n_modules_allocated, facts->n_modules + 1))
                return -ENOMEM;
        facts->modules[facts->n_modules++] = TAKE_STRUCT(module);
        return 0;
}

static const struct {
        const char *verb;
        int (*take)(SecureBootFacts *facts, const Record *record);
} takers[] = {
        { FACTS_VERB, take_facts },    { KEY_VERB, take_key },       { DIGESTS_VERB, take_digests },
        { FILE_VERB, take_host_file }, { MODULE_VERB, take_module },
};

static int parse_line(const char *line, size_t size, Record *ret) {
        if (size > SECURE_BOOT_RECORD_MAX)
                return -EBADMSG;
        if (size > 0 && line[size - 1] == '\n')
                size--;
        return record_parse(line, size, ret);
}

int secure_boot_take(SecureBootFacts *facts, const char *line, size_t size) {
        _cleanup_(record_done) Record record = {};
        int r = parse_line(line, size, &record);

        if (r < 0)
                return r;
        if (!facts->sbat_level && !streq(record.verb, FACTS_VERB))
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(takers); i++)
                if (streq(record.verb, takers[i].verb))
                        return takers[i].take(facts, &record);
        return -EBADMSG;
}

int signed_files_take(SignedFiles *files, const char *line, size_t size) {
        _cleanup_(record_done) Record record = {};
        int r = parse_line(line, size, &record);

        if (r < 0)
                return r;
        return streq(record.verb, FILE_VERB) ? take_file(files, &record) : -EBADMSG;
}
