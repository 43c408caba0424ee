/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The administrator's files as values, and back. A file that cannot be understood never breaks a
 * run: it counts as empty and is named in a warning. The exception is the list of ESPs, since a run
 * without ESPs would look like a success. */

#include "sys/kernel-conf.h"

#include <fcntl.h>
#include <limits.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define CONF_SIZE_MAX (16u * 1024 * 1024)

static const char *const list_paths[] = {
        [LIST_ESPS] = PATH_ESP_LIST,
        [LIST_KERNELS] = PATH_MANUAL_KERNELS,
};

static const char *const pin_paths[_PIN_SCOPE_MAX] = {
        [PIN_PERMANENT] = PATH_PIN,
        [PIN_NEXT_BOOT] = PATH_NEXT_BOOT_PIN,
};

void kernel_conf_done(KernelConf *c) {
        list_file_done(&c->esps);
        list_file_done(&c->manual);
        free(c->pin);
        free(c->next_boot);
        free(c->cmdline);
        warnings_done(&c->warnings);
        *c = KERNEL_CONF_INIT;
}

static int warn_as(KernelConf *c, WarningId id, const Root *root, const char *path,
                   const char *what) {
        _cleanup_free_ char *shown = path_for_humans(root, path);
        _cleanup_free_ char *within = string_for_humans(path, strlen(path), PATH_MAX);

        if (!shown || !within)
                return -ENOMEM;
        return warnings_add(&c->warnings, id, shown, strprintf("%s: %s", shown, what),
                            strprintf("editor /%s", within));
}

static int warn(KernelConf *c, const Root *root, const char *path, const char *what) {
        return warn_as(c, WARNING_BAD_LINE, root, path, what);
}

static int warn_all(KernelConf *c, const Root *root, const char *path, char *const *what) {
        for (; what && *what; what++) {
                int r = warn(c, root, path, *what);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* 1: read; 0: absent; or -errno. A link into nowhere, say into a file system that is not mounted,
 * is not absent: it is -ENOENT. */
static int read_conf(const Root *root, const char *path, char **ret, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        r = file_read(root, path, CONF_SIZE_MAX, ret, ret_size);
        if (r != -ENOENT)
                return r < 0 ? r : 1;
        fd = root_openat(root, path, O_PATH | O_NOFOLLOW, 0);
        return fd >= 0 && fstat(fd, &st) >= 0 && S_ISLNK(st.st_mode) ? -ENOENT : 0;
}

/* Something that is no file of ours stands there, and will be there next time, too. */
static bool is_no_file(int r) {
        return r == -ENOENT || r == -EISDIR || r == -EINVAL || r == -EFBIG || r == -ELOOP ||
               r == -ENOTDIR || r == -EXDEV;
}

/* 1: read; 0: absent, or no file and warned about; or the errno of reading, with the reason. */
static int read_or_warn(KernelConf *c, const Root *root, const char *path, char **ret,
                        size_t *ret_size, char **ret_reason) {
        int r = read_conf(root, path, ret, ret_size);

        if (r >= 0)
                return r;
        return is_no_file(r) ? warn(c, root, path, strerror(-r))
                             : file_explain(root, path, r, NULL, ret_reason);
}

static int load_list(KernelConf *c, const Root *root, ListKind kind, char **ret_reason) {
        const char *path = list_paths[kind];
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (kind == LIST_ESPS) {
                r = read_conf(root, path, &text, &size);
                if (r < 0)
                        return file_explain(root, path, r, NULL, ret_reason);
        } else
                r = read_or_warn(c, root, path, &text, &size, ret_reason);
        if (r <= 0)
                return r;
        r = list_file_parse(text, size, kind, kind == LIST_ESPS ? &c->esps : &c->manual, &warnings);
        if (r < 0)
                return r;
        return warn_all(c, root, path, warnings);
}

static int load_pin(KernelConf *c, const Root *root, PinScope scope, char **ret,
                    char **ret_reason) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_or_warn(c, root, pin_paths[scope], &text, &size, ret_reason);
        if (r <= 0)
                return r;
        r = pin_parse(text, size, ret);
        if (r == -EINVAL)
                return warn(c, root, pin_paths[scope],
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
                             CmdlineSource source, char **ret_reason) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_or_warn(c, root, path, &text, &size, ret_reason);
        if (r <= 0)
                return r;
        r = cmdline_parse(text, size, &c->cmdline);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return warn_as(c, r == -ENODATA ? WARNING_CMDLINE_WITHOUT_ROOT : WARNING_BAD_LINE,
                               root, path, cmdline_trouble(r));
        c->cmdline_source = source;
        return 1;
}

static int load_cmdline(KernelConf *c, const Root *root, char **ret_reason) {
        int r = load_cmdline_from(c, root, PATH_CMDLINE, CMDLINE_FILE, ret_reason);

        if (r != 0)
                return r;
        return load_cmdline_from(c, root, PATH_ADOPTED_CMDLINE, CMDLINE_ADOPTED, ret_reason);
}

static int load_settings_from(KernelConf *c, const Root *root, const char *path,
                              char **ret_reason) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_or_warn(c, root, path, &text, &size, ret_reason);
        if (r <= 0)
                return r;
        r = settings_parse(&c->settings, text, size, &warnings);
        if (r < 0)
                return r;
        return warn_all(c, root, path, warnings);
}

static bool is_dropin(const char *name) {
        return name[0] != '.' && endswith(name, ".conf");
}

static int load_settings(KernelConf *c, const Root *root, char **ret_reason) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = load_settings_from(c, root, PATH_CONFIG, ret_reason);
        if (r < 0)
                return r;
        r = directory_list(root, PATH_CONFIG_DROPINS, is_dropin, &names);
        if (r == -ENOENT)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return is_no_file(r) ? warn(c, root, PATH_CONFIG_DROPINS, strerror(-r))
                                     : file_explain(root, PATH_CONFIG_DROPINS, r, NULL, ret_reason);
        strv_sort_uniq(names, strcmp);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf(PATH_CONFIG_DROPINS "/%s", *name);

                r = path ? load_settings_from(c, root, path, ret_reason) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The time of the pin, which is as old as its file. */
static void load_pin_time(KernelConf *c, const Root *root) {
        struct stat st;

        if (c->pin && root_stat(root, PATH_PIN, &st) >= 0)
                c->pin_usec = (uint64_t) st.st_mtim.tv_sec * 1000000 +
                              (uint64_t) st.st_mtim.tv_nsec / 1000;
}

int kernel_conf_load(const Root *root, KernelConf *ret, char **ret_reason) {
        _cleanup_(kernel_conf_done) KernelConf c = KERNEL_CONF_INIT;
        int r;

        r = load_list(&c, root, LIST_ESPS, ret_reason);
        if (r >= 0)
                r = load_list(&c, root, LIST_KERNELS, ret_reason);
        if (r >= 0)
                r = load_pin(&c, root, PIN_PERMANENT, &c.pin, ret_reason);
        if (r >= 0)
                r = load_pin(&c, root, PIN_NEXT_BOOT, &c.next_boot, ret_reason);
        if (r >= 0)
                r = load_cmdline(&c, root, ret_reason);
        if (r >= 0)
                r = load_settings(&c, root, ret_reason);
        if (r < 0)
                return r;
        load_pin_time(&c, root);
        *ret = TAKE_STRUCT(c);
        return 0;
}

int kernel_conf_adopt_cmdline(const Root *root, char **ret) {
        _cleanup_free_ char *text = NULL, *line = NULL, *stored = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_PROC_CMDLINE, CONF_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;
        r = cmdline_clean(text, size, &line);
        if (r < 0)
                return r;
        stored = strprintf("%s\n", line);
        if (!stored)
                return -ENOMEM;
        r = file_store_state(root, PATH_ADOPTED_CMDLINE, stored, strlen(stored));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(line);
        return 0;
}

/* @item as the list would hold it. -EINVAL if it is none. */
static int normalise_item(ListKind kind, const char *item, char **ret) {
        _cleanup_(list_file_done) ListFile list = {};
        _cleanup_strv_ char **warnings = NULL;
        int r;

        r = list_file_parse(item, strlen(item), kind, &list, &warnings);
        if (r < 0)
                return r;
        if (strv_length(list.items) != 1 || list.n_other > 0)
                return -EINVAL;
        *ret = TAKE_PTR(list.items[0]);
        return 0;
}

int kernel_conf_change_list(const Root *root, ListKind kind, const char *item, bool add) {
        _cleanup_(list_file_done) ListFile list = {};
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *name = NULL, *old = NULL, *text = NULL;
        size_t size;
        int r;

        r = normalise_item(kind, item, &name);
        if (r < 0)
                return r;
        r = read_conf(root, list_paths[kind], &old, &size);
        if (r > 0)
                r = list_file_parse(old, size, kind, &list, &warnings);
        if (r < 0)
                return r;

        if (strv_contains(list.items, name) == add)
                return 0;
        if (!add)
                (void) strv_remove(list.items, name);
        else {
                r = strv_consume(&list.items, TAKE_PTR(name));
                if (r < 0)
                        return r;
        }
        r = list_file_format(&list, kind, &text, &size);
        if (r < 0)
                return r;
        return file_replace(root, list_paths[kind], text, size, 0644);
}

int kernel_conf_store_pin(const Root *root, PinScope scope, const char *version) {
        _cleanup_free_ char *text = NULL;

        if (!version)
                return file_remove(root, pin_paths[scope]);
        if (!kernel_version_is_valid(version))
                return -EINVAL;
        text = strprintf("%s\n", version);
        if (!text)
                return -ENOMEM;
        return file_replace(root, pin_paths[scope], text, strlen(text), 0644);
}
