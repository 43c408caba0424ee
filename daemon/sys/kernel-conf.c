/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The administrator's files as values, and back. A file that cannot be understood never breaks a
 * run: it counts as empty and is named in a warning. The exception is the ESP list, because a run
 * without ESPs looks like a success. */

#include "sys/kernel-conf.h"

#include <dirent.h>
#include <fcntl.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel-version.h"
#include "sys/file.h"

#define LIST_SIZE_MAX  (16 * 1024 * 1024)
#define SMALL_SIZE_MAX (4 * 1024 * 1024)

void kernel_conf_done(KernelConf *c) {
        list_file_done(&c->esps);
        list_file_done(&c->manual);
        free(c->pin);
        free(c->next_boot);
        free(c->cmdline);
        strv_free(c->warnings);
        *c = KERNEL_CONF_INIT;
}

char *path_for_humans(const Root *root, const char *path) {
        const char *base = root_path(root);

        return strprintf("%s/%s", streq(base, "/") ? "" : base, path);
}

static int warn(KernelConf *c, const Root *root, const char *path, const char *what) {
        _cleanup_free_ char *shown = path_for_humans(root, path);

        if (!shown)
                return -ENOMEM;
        return strv_extendf(&c->warnings, "%s: %s", shown, what);
}

static int warn_all(KernelConf *c, const Root *root, const char *path, char *const *what) {
        for (; what && *what; what++) {
                int r = warn(c, root, path, *what);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* 1: read; 0: absent, or unreadable and warned about; -ENOMEM. */
static int read_or_warn(KernelConf *c, const Root *root, const char *path, size_t max, char **ret,
                        size_t *ret_size) {
        int r = file_read(root, path, max, ret, ret_size);

        if (r >= 0)
                return 1;
        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                return 0;
        return warn(c, root, path, strerror(-r));
}

static int load_list(KernelConf *c, const Root *root, ListKind kind) {
        const char *path = kind == LIST_ESPS ? PATH_ESP_LIST : PATH_MANUAL_KERNELS;
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (kind == LIST_ESPS) {
                r = file_read(root, path, LIST_SIZE_MAX, &text, &size);
                if (r == -ENOENT)
                        return 0;
        } else {
                r = read_or_warn(c, root, path, LIST_SIZE_MAX, &text, &size);
                if (r == 0)
                        return 0;
        }
        if (r < 0)
                return r;
        r = list_file_parse(text, size, kind, kind == LIST_ESPS ? &c->esps : &c->manual, &warnings);
        if (r < 0)
                return r;
        return warn_all(c, root, path, warnings);
}

static const char *pin_path(PinScope scope) {
        return scope == PIN_NEXT_BOOT ? PATH_NEXT_BOOT_PIN : PATH_PIN;
}

static int load_pin(KernelConf *c, const Root *root, PinScope scope, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_or_warn(c, root, pin_path(scope), SMALL_SIZE_MAX, &text, &size);
        if (r <= 0)
                return r;
        r = pin_parse(text, size, ret);
        if (r == -EINVAL)
                return warn(c, root, pin_path(scope),
                            "the first line is not a kernel version, so nothing is pinned");
        return r;
}

static const char *cmdline_trouble(int r) {
        switch (-r) {
        case ENODATA:
                return "the first line has no root=, so it is not used";
        case E2BIG:
                return "the first line is too long for a kernel command line, so it is not used";
        default: /* errno is not our enum */
                return "the first line is not plain text, so it is not used";
        }
}

/* 1: a usable line in c->cmdline. */
static int load_cmdline_from(KernelConf *c, const Root *root, const char *path,
                             CmdlineSource source) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_or_warn(c, root, path, SMALL_SIZE_MAX, &text, &size);
        if (r <= 0)
                return r;
        r = cmdline_parse(text, size, &c->cmdline);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return warn(c, root, path, cmdline_trouble(r));
        c->cmdline_source = source;
        return 1;
}

static int load_cmdline(KernelConf *c, const Root *root) {
        int r = load_cmdline_from(c, root, PATH_CMDLINE, CMDLINE_FILE);

        if (r != 0)
                return r;
        return load_cmdline_from(c, root, PATH_ADOPTED_CMDLINE, CMDLINE_ADOPTED);
}

static int load_settings_from(KernelConf *c, const Root *root, const char *path) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_or_warn(c, root, path, SMALL_SIZE_MAX, &text, &size);
        if (r <= 0)
                return r;
        r = settings_parse(&c->settings, text, size, &warnings);
        if (r < 0)
                return r;
        return warn_all(c, root, path, warnings);
}

static void close_dir(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

/* Names in the directory @path for which @wanted is true; a missing directory is empty. */
static int list_names(const Root *root, const char *path, bool (*wanted)(const char *name),
                      char ***ret) {
        _cleanup_strv_ char **names = NULL;
        _cleanup_(close_dir) DIR *dir = NULL;
        const struct dirent *entry;
        int fd = root_openat(root, path, O_RDONLY | O_DIRECTORY, 0);

        if (fd < 0) {
                *ret = NULL;
                return fd == -ENOENT ? 0 : fd;
        }
        dir = fdopendir(fd);
        if (!dir) {
                safe_close(fd);
                return -ENOMEM;
        }
        while (errno = 0, (entry = readdir(dir))) {
                int r = wanted(entry->d_name) ? strv_extend(&names, entry->d_name) : 0;

                if (r < 0)
                        return r;
        }
        if (errno != 0)
                return -errno;
        *ret = TAKE_PTR(names);
        return 0;
}

static bool is_dropin(const char *name) {
        return name[0] != '.' && endswith(name, ".conf");
}

static int load_settings(KernelConf *c, const Root *root) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = load_settings_from(c, root, PATH_CONFIG);
        if (r < 0)
                return r;
        r = list_names(root, PATH_CONFIG_DROPINS, is_dropin, &names);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return warn(c, root, PATH_CONFIG_DROPINS, strerror(-r));
        strv_sort_uniq(names, strcmp);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf(PATH_CONFIG_DROPINS "/%s", *name);

                r = path ? load_settings_from(c, root, path) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

int kernel_conf_load(const Root *root, KernelConf *ret) {
        _cleanup_(kernel_conf_done) KernelConf c = KERNEL_CONF_INIT;
        int r;

        r = load_list(&c, root, LIST_ESPS);
        if (r >= 0)
                r = load_list(&c, root, LIST_KERNELS);
        if (r >= 0)
                r = load_pin(&c, root, PIN_PERMANENT, &c.pin);
        if (r >= 0)
                r = load_pin(&c, root, PIN_NEXT_BOOT, &c.next_boot);
        if (r >= 0)
                r = load_cmdline(&c, root);
        if (r >= 0)
                r = load_settings(&c, root);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(c);
        return 0;
}

int kernel_conf_adopt_cmdline(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL, *line = NULL, *stored = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_PROC_CMDLINE, SMALL_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        r = cmdline_clean(text, size, &line);
        if (r < 0)
                return r;
        stored = strprintf("%s\n", line);
        if (!stored)
                return -ENOMEM;
        r = root_mkdir_p(root, PATH_STATE, 0700);
        if (r < 0)
                return r;
        r = file_replace(root, PATH_ADOPTED_CMDLINE, stored, strlen(stored), 0600);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(line);
        return 0;
}

int kernel_conf_change_list(const Root *root, ListKind kind, const char *item, bool add) {
        const char *path = kind == LIST_ESPS ? PATH_ESP_LIST : PATH_MANUAL_KERNELS;
        _cleanup_(list_file_done) ListFile list = {};
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL, *changed = NULL;
        size_t size;
        int r;

        r = file_read(root, path, LIST_SIZE_MAX, &text, &size);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r >= 0) {
                r = list_file_parse(text, size, kind, &list, &warnings);
                if (r < 0)
                        return r;
        }
        if (strv_contains(list.items, item) == add)
                return 0;
        if (add) {
                r = strv_extend(&list.items, item);
                if (r < 0)
                        return r;
        } else
                strv_remove(list.items, item);
        r = list_file_format(&list, kind, &changed, &size);
        if (r < 0)
                return r;
        return file_replace(root, path, changed, size, 0644);
}

int kernel_conf_store_pin(const Root *root, PinScope scope, const char *version) {
        _cleanup_free_ char *text = NULL;

        if (!version)
                return file_remove(root, pin_path(scope));
        text = strprintf("%s\n", version);
        if (!text)
                return -ENOMEM;
        return file_replace(root, pin_path(scope), text, strlen(text), 0644);
}

static int take_packages(PackageDb *db, const Root *root, const char *path, char **ret_reason) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, path, FILE_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        return package_db_parse(db, text, size, ret_reason);
}

static bool is_update(const char *name) {
        return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

static int compare_numbers(const char *a, const char *b) {
        a += strspn(a, "0");
        b += strspn(b, "0");
        return strlen(a) != strlen(b) ? (strlen(a) < strlen(b) ? -1 : 1) : strcmp(a, b);
}

int package_db_load(const Root *root, PackageDb *ret, char **ret_reason) {
        _cleanup_(package_db_done) PackageDb db = {};
        _cleanup_strv_ char **updates = NULL;
        int r;

        r = take_packages(&db, root, PATH_DPKG_STATUS, ret_reason);
        if (r < 0)
                return r;
        r = list_names(root, PATH_DPKG_UPDATES, is_update, &updates);
        if (r < 0)
                return r;
        strv_sort_uniq(updates, compare_numbers);
        STRV_FOREACH(name, updates) {
                _cleanup_free_ char *path = strprintf(PATH_DPKG_UPDATES "/%s", *name);

                r = path ? take_packages(&db, root, path, ret_reason) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        r = package_db_finish(&db);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(db);
        return 0;
}
