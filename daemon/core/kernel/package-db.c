/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dpkg's database, read as the text that dpkg writes, in one pass and without a copy. Only packages
 * that tell about kernels are remembered. Removal of kernels from ESPs rests on what is read here,
 * so the reader is strict: an answer that misses a package is worse than none.
 *
 * And the text that keeps apt's autoremove away from the packages of kernels that we keep. apt
 * matches their names against POSIX extended regular expressions (regcomp(3)) and searches, so each
 * pattern is anchored and escaped: 6.8.1-1-pve must not protect 6.8.1-11-pve. */

#include "core/kernel/package-db.h"

#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

struct PackageState {
        char *name;
        bool installed;
};

typedef enum PackageKind {
        PACKAGE_OTHER,
        PACKAGE_KERNEL,
        PACKAGE_LINUX_IMAGE,
        PACKAGE_SERIES,
        PACKAGE_KERNEL_HELPER,
        PACKAGE_SIGNED,
} PackageKind;

/* Bytes in the text that is parsed. */
typedef struct Slice {
        const char *text; /* NULL: absent */
        size_t size;
} Slice;

typedef struct Parser {
        PackageDb *db;
        bool in_stanza;
        Slice package, status; /* of the stanza at hand */
        const char *problem;   /* what is wrong with the line at hand, if -EBADMSG */
} Parser;

void package_db_done(PackageDb *db) {
        strv_free(db->kernels);
        strv_free(db->linux_images);
        strv_free(db->series);
        strv_free(db->signed_packages);
        for (size_t i = 0; i < db->n_packages; i++)
                free(db->packages[i].name);
        free(db->packages);
        *db = (PackageDb){};
}

static bool slice_cut_prefix(Slice *s, const char *prefix) {
        size_t n = strlen(prefix);

        if (s->size < n || memcmp(s->text, prefix, n) != 0)
                return false;
        s->text += n;
        s->size -= n;
        return true;
}

static bool slice_cut_suffix(Slice *s, const char *suffix) {
        size_t n = strlen(suffix);

        if (s->size < n || memcmp(s->text + s->size - n, suffix, n) != 0)
                return false;
        s->size -= n;
        return true;
}

static bool is_number(const char *s, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (s[i] < '0' || s[i] > '9')
                        return false;
        return size > 0;
}

static bool is_series(const Slice *s) {
        const char *dot = memchr(s->text, '.', s->size);
        size_t major;

        if (!dot)
                return false;
        major = (size_t) (dot - s->text);
        return is_number(s->text, major) && is_number(dot + 1, s->size - major - 1);
}

/* "6.1.0…", where "6.1…" may be a meta-package. */
static bool begins_with_release(const Slice *s) {
        size_t pos = 0;

        for (int numbers = 0; numbers < 3; numbers++) {
                size_t begin;

                if (numbers > 0 && (pos == s->size || s->text[pos++] != '.'))
                        return false;
                begin = pos;
                while (pos < s->size && s->text[pos] >= '0' && s->text[pos] <= '9')
                        pos++;
                if (pos == begin)
                        return false;
        }
        return true;
}

/* @name is what follows "linux-image-". */
static PackageKind linux_image_kind(Slice name, Slice *ret_version) {
        Slice debug = name;

        if (!begins_with_release(&name) || slice_cut_suffix(&debug, "-dbg") ||
            slice_cut_suffix(&debug, "-dbgsym"))
                return PACKAGE_OTHER;
        (void) slice_cut_suffix(&name, "-unsigned");
        *ret_version = name;
        return PACKAGE_LINUX_IMAGE;
}

/* Boot loaders of Debian: "grub-efi-amd64-signed". */
static bool is_signed_loader(Slice name) {
        static const char *const prefixes[] = { "shim-helpers-", "grub-efi-", "systemd-boot-efi-" };

        if (text_is(name.text, name.size, "shim-signed"))
                return true;
        if (!slice_cut_suffix(&name, "-signed"))
                return false;
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (slice_cut_prefix(&name, prefixes[i]))
                        return true;
        return false;
}

/* The kind of a package of this name, and for a kernel the version or series in the name. Proxmox's
 * packages with debugging symbols are told by their end, which is not "-pve". */
static PackageKind package_kind(Slice name, Slice *ret_version) {
        Slice version;

        if (text_is(name.text, name.size, "proxmox-kernel-helper"))
                return PACKAGE_KERNEL_HELPER;
        if (is_signed_loader(name))
                return PACKAGE_SIGNED;
        if (slice_cut_prefix(&name, "linux-image-"))
                return linux_image_kind(name, ret_version);
        if (!slice_cut_prefix(&name, "proxmox-kernel-") && !slice_cut_prefix(&name, "pve-kernel-"))
                return PACKAGE_OTHER;
        if (is_series(&name)) {
                *ret_version = name;
                return PACKAGE_SERIES;
        }
        (void) slice_cut_suffix(&name, "-signed");
        version = name;
        if (!slice_cut_suffix(&name, "-pve"))
                return PACKAGE_OTHER;
        *ret_version = version;
        return PACKAGE_KERNEL;
}

typedef struct StatusWord {
        const char *word;
        bool installed; /* it lets the package count as installed */
} StatusWord;

/* The words of dpkg(1), "package states" and "package selection states". */
static const StatusWord selections[] = {
        { "unknown", false },   { "install", true }, { "hold", true },
        { "deinstall", false }, { "purge", false },
};

static const StatusWord states[] = {
        { "not-installed", false },   { "config-files", false },   { "half-installed", true },
        { "unpacked", true },         { "half-configured", true }, { "triggers-awaited", true },
        { "triggers-pending", true }, { "installed", true },
};

static const StatusWord *status_word_find(const StatusWord *words, size_t n, const char *s,
                                          size_t size) {
        for (size_t i = 0; i < n; i++)
                if (text_is(s, size, words[i].word))
                        return words + i;
        return NULL;
}

/* "install ok installed": selection, flag, state. False if dpkg knows no such status. */
static bool status_parse(Slice status, bool *ret_installed) {
        const char *first, *last;
        const StatusWord *selection, *state;

        if (!status.text)
                return false;
        first = memchr(status.text, ' ', status.size);
        last = memrchr(status.text, ' ', status.size);
        if (first == last)
                return false;

        selection = status_word_find(selections, ELEMENTSOF(selections), status.text,
                                     (size_t) (first - status.text));
        state = status_word_find(states, ELEMENTSOF(states), last + 1,
                                 (size_t) (status.text + status.size - last - 1));
        if (!selection || !state)
                return false;

        *ret_installed = selection->installed && state->installed;
        return true;
}

static int package_db_set(PackageDb *db, Slice name, bool installed) {
        char *copy;

        for (size_t i = 0; i < db->n_packages; i++)
                if (text_is(name.text, name.size, db->packages[i].name)) {
                        db->packages[i].installed = installed;
                        return 0;
                }

        if (db->n_packages >= PACKAGE_DB_KERNELS_MAX)
                return -E2BIG;
        if (!ARRAY_RESERVE(db->packages, db->n_packages_allocated, db->n_packages + 1))
                return -ENOMEM;
        copy = strndup(name.text, name.size);
        if (!copy)
                return -ENOMEM;
        db->packages[db->n_packages++] = (PackageState){ .name = copy, .installed = installed };
        return 0;
}

static int parser_refuse(Parser *p, const char *problem) {
        p->problem = problem;
        return -EBADMSG;
}

static int parser_end_stanza(Parser *p) {
        Slice package = p->package, status = p->status, version;
        bool installed;
        int r;

        if (!p->in_stanza)
                return 0;
        if (package.size == 0)
                return parser_refuse(p, "ends a stanza without Package");
        *p = (Parser){ .db = p->db };
        p->db->has_stanza = true;

        if (package_kind(package, &version) == PACKAGE_OTHER)
                return 0;
        if (!status_parse(status, &installed))
                return parser_refuse(p, "ends a kernel's stanza without a known Status");
        r = package_db_set(p->db, package, installed);
        return r == -E2BIG ? parser_refuse(p, "names more kernel packages than any host has") : r;
}

static int parser_add_field(Parser *p, const char *line, size_t size) {
        const char *colon = memchr(line, ':', size);
        size_t name_size = colon ? (size_t) (colon - line) : 0;
        Slice value, *field = NULL;

        if (name_size == 0)
                return parser_refuse(p, "is not a field");
        for (const char *c = line; c < colon; c++)
                if (*c <= ' ' || *c >= 0x7f)
                        return parser_refuse(p, "is not a field");
        p->in_stanza = true;

        if (text_is(line, name_size, "Package"))
                field = &p->package;
        else if (text_is(line, name_size, "Status"))
                field = &p->status;
        if (!field)
                return 0;
        if (field->text)
                return parser_refuse(p, "repeats a field of its stanza");
        value = (Slice){ .text = colon + 1, .size = size - name_size - 1 };
        text_trim(&value.text, &value.size);
        *field = value;
        return 0;
}

static int parser_add_line(Parser *p, const char *line, size_t size) {
        if (size == 0)
                return parser_end_stanza(p);
        if (memchr(line, '\0', size))
                return parser_refuse(p, "holds a NUL byte");
        if (line[0] != ' ' && line[0] != '\t')
                return parser_add_field(p, line, size);
        return p->in_stanza ? 0 : parser_refuse(p, "continues no field");
}

int package_db_parse(PackageDb *db, const char *text, size_t size, char **ret_reason) {
        Parser p = { .db = db };
        size_t pos = 0, number = 0, n;
        char *reason;
        const char *line;
        int r = 0;

        while (r >= 0 && line_next(text, size, &pos, &line, &n)) {
                number++;
                r = parser_add_line(&p, line, n);
        }
        /* dpkg ends every line, so what has no end was cut off, and more with it. */
        if (r >= 0 && size > 0 && text[size - 1] != '\n')
                r = parser_refuse(&p, "is cut off");
        if (r >= 0)
                r = parser_end_stanza(&p);
        if (r != -EBADMSG)
                return r;

        reason = strprintf("line %zu %s", number, p.problem);
        if (!reason)
                return -ENOMEM;
        *ret_reason = reason;
        return -EBADMSG;
}

/* A name that cannot be a version names no file in boot/ either, and is left out. */
static int add_version(char ***to, Slice version) {
        char *copy;
        int r;

        r = kernel_version_parse(version.text, version.size, &copy);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        return strv_consume(to, copy);
}

/* Proxmox says so in the name; of Debian's own builds the plain name is the signed one. */
static bool is_signed(Slice name) {
        Slice version;

        switch (package_kind(name, &version)) {
        case PACKAGE_SIGNED:
                return true;
        case PACKAGE_KERNEL:
                return slice_cut_suffix(&name, "-signed");
        case PACKAGE_LINUX_IMAGE:
                return slice_cut_suffix(&name, "-amd64") || slice_cut_suffix(&name, "-arm64");
        case PACKAGE_SERIES:
        case PACKAGE_KERNEL_HELPER:
        case PACKAGE_OTHER:
                return false;
        }
        return false;
}

static int package_db_add(PackageDb *db, const PackageState *package) {
        Slice name = { .text = package->name, .size = strlen(package->name) }, version = {};

        if (is_signed(name) && strv_extend(&db->signed_packages, package->name) < 0)
                return -ENOMEM;
        switch (package_kind(name, &version)) {
        case PACKAGE_KERNEL:
                return add_version(&db->kernels, version);
        case PACKAGE_LINUX_IMAGE:
                return add_version(&db->linux_images, version);
        case PACKAGE_SERIES:
                return add_version(&db->series, version);
        case PACKAGE_KERNEL_HELPER:
                db->kernel_helper = true;
                return 0;
        case PACKAGE_SIGNED:
        case PACKAGE_OTHER:
                return 0;
        }
        return 0;
}

int package_db_finish(PackageDb *db) {
        if (!db->has_stanza)
                return -ENODATA;
        for (size_t i = 0; i < db->n_packages; i++)
                if (db->packages[i].installed) {
                        int r = package_db_add(db, db->packages + i);

                        if (r < 0)
                                return r;
                }
        strv_sort_uniq(db->kernels, kernel_version_compare_newest_first);
        strv_sort_uniq(db->linux_images, kernel_version_compare_newest_first);
        strv_sort_uniq(db->series, kernel_version_compare_newest_first);
        strv_sort_uniq(db->signed_packages, strcmp);
        return 0;
}

static void append_pattern(Buffer *b, const char *prefix, const char *kernel, const char *suffix) {
        buffer_printf(b, "        \"^%s", prefix);
        for (const char *c = kernel; *c; c++) {
                if (strchr(".[\\()*+?{|^$", *c))
                        buffer_puts(b, "\\");
                buffer_append(b, c, 1);
        }
        buffer_printf(b, "%s$\";\n", suffix);
}

/* Proxmox's kernels end in "-pve", and the X.Y of a series is in the names of its meta-packages
 * alone. */
static bool is_of_debian(const char *kernel) {
        const char *dot = strchr(kernel, '.');

        return !endswith(kernel, "-pve") && dot && strchr(dot + 1, '.');
}

int apt_conf_render(char *const *protected_kernels, char **ret) {
        Buffer b = {};

        buffer_puts(&b, "// Written by bootsyncd: the kernels that it keeps. Changes are lost.\n"
                        "APT::NeverAutoRemove\n"
                        "{\n");
        for (char *const *k = protected_kernels; k && *k; k++) {
                if (!kernel_version_is_valid(*k)) {
                        buffer_done(&b);
                        return -EINVAL;
                }
                append_pattern(&b, "pve-kernel-", *k, "");
                append_pattern(&b, "proxmox-kernel-", *k, "");
                append_pattern(&b, "proxmox-kernel-", *k, "-signed");
                if (is_of_debian(*k))
                        append_pattern(&b, "linux-image-", *k, "");
        }
        buffer_puts(&b, "};\n");
        return buffer_take(&b, ret, NULL);
}
