/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* DKMS's configuration is a shell script, which nobody runs here: only plain values are taken.
 * Which package a module comes from is asked of dpkg's lists of files, in one pass over all of
 * them, and of DKMS's own tree, where each module that was built lies below its name and version.
 */

#include "blocking/secure-boot/dkms.h"

#include "common/names.h"
#include "common/string-util.h"
#include "core/secure-boot/module.h"
#include "sys/file.h"

#define DKMS_CONF      "etc/dkms/framework.conf"
#define DKMS_CONF_DIR  "etc/dkms/framework.conf.d"
#define DKMS_TREE      "var/lib/dkms"
#define DKMS_KEY       "/" DKMS_TREE "/mok.pub"
#define DPKG_INFO      PATH_DPKG "/info"
#define CONF_MAX       (64 * 1024)
#define KEY_MAX        (64 * 1024)
#define LIST_MAX       (16 * 1024 * 1024)
#define TREE_NAMES_MAX 512 /* of modules, and of versions of one */

static bool is_conf(const char *name) {
        return name[0] != '.' && endswith(name, ".conf");
}

static int add_named(const Root *root, const char *path, char ***paths) {
        _cleanup_strv_ char **found = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, path, CONF_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = dkms_conf_certificates(text, size, &found);
        return r < 0 ? r : strv_extend_uniq(paths, found);
}

/* The paths of all certificates that may be one of DKMS's, absolute. */
static int list_paths(const Root *root, char ***ret) {
        _cleanup_strv_ char **paths = NULL, **names = NULL;
        int r;

        r = strv_extend(&paths, DKMS_KEY);
        if (r >= 0)
                r = add_named(root, DKMS_CONF, &paths);
        if (r < 0)
                return r;
        r = directory_list(root, DKMS_CONF_DIR, is_conf, &names);
        if (r == -ENOMEM)
                return r;
        strv_sort_uniq(names, strcmp);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf(DKMS_CONF_DIR "/%s", *name);

                r = path ? add_named(root, path, &paths) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(paths);
        return 0;
}

/* A key below /root, which the service does not see, is as unknown as a broken one. Without a name
 * in the configuration the usual one need not be there. */
static int add_unread(const Root *root, const char *path, SecureBootFacts *facts) {
        BootKey key = { .store = KEY_STORE_UNREAD };
        struct stat st;

        if (streq(path, DKMS_KEY) && root_stat(root, path + 1, &st) == -ENOENT)
                return 0;
        if (!ARRAY_RESERVE(facts->keys, facts->n_keys_allocated, facts->n_keys + 1))
                return -ENOMEM;
        key.subject = strdup("");
        key.sha256 = strdup("");
        key.path = strdup(path);
        facts->keys[facts->n_keys++] = key;
        return key.subject && key.sha256 && key.path ? 0 : -ENOMEM;
}

static int add_key(const Root *root, const char *path, SecureBootFacts *facts, KeyList *list) {
        _cleanup_(key_list_done) KeyList found = {};
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(root, path + 1, KEY_MAX, &data, &size);
        if (r >= 0)
                r = key_list_add_certificate(&found, (const uint8_t *) data, size);
        if (r >= 0)
                r = key_list_add_certificate(list, (const uint8_t *) data, size);
        for (size_t i = 0; r >= 0 && i < found.n_certificates; i++) {
                if (!ARRAY_RESERVE(facts->keys, facts->n_keys_allocated, facts->n_keys + 1))
                        return -ENOMEM;
                r = boot_key_from_certificate(KEY_STORE_DKMS, found.certificates[i], path,
                                              &facts->keys[facts->n_keys]);
                if (r >= 0)
                        facts->n_keys++;
        }
        return r == -ENOMEM ? r : 0;
}

int dkms_read_keys(const Root *root, SecureBootFacts *facts, KeyList *list) {
        _cleanup_strv_ char **paths = NULL, **unread = NULL;
        int r;

        r = list_paths(root, &paths);
        STRV_FOREACH(path, paths) {
                const size_t before = facts->n_keys;

                if (r >= 0)
                        r = add_key(root, *path, facts, list);
                if (r >= 0 && facts->n_keys == before)
                        r = strv_extend(&unread, *path);
        }
        STRV_FOREACH(path, unread)
                if (r >= 0)
                        r = add_unread(root, *path, facts);
        return r;
}

/* A search in dpkg's lists for several paths at once. */
typedef struct Search {
        SecureBootFacts *facts;
        WantedPath *wanted;
        size_t n_wanted, n_allocated;
        const char *package; /* of the list that is read */
        bool failed;
} Search;

static void search_done(Search *s) {
        for (size_t i = 0; i < s->n_wanted; i++)
                free(s->wanted[i].path);
        free(s->wanted);
}

/* Takes @path over. */
static int want(Search *s, char *path, size_t module) {
        if (!path || !ARRAY_RESERVE(s->wanted, s->n_allocated, s->n_wanted + 1)) {
                free(path);
                return -ENOMEM;
        }
        s->wanted[s->n_wanted++] = (WantedPath){ .path = path, .tag = module };
        return 0;
}

/* True if DKMS has built @file for @kernel out of this source, on whatever architecture. */
static bool has_built(const Root *root, const char *source, const char *kernel, const char *file) {
        _cleanup_free_ char *directory = strprintf("%s/%s", source, kernel);
        _cleanup_strv_ char **machines = NULL;

        if (!directory || directory_list(root, directory, NULL, &machines) < 0)
                return false;
        STRV_FOREACH(machine, machines) {
                _cleanup_free_ char *path = strprintf("%s/%s/module/%s", directory, *machine, file);
                struct stat st;

                if (path && root_stat(root, path, &st) >= 0)
                        return true;
        }
        return false;
}

static int want_source(const Root *root, Search *s, const char *name, size_t module) {
        _cleanup_free_ char *directory = strprintf(DKMS_TREE "/%s", name);
        const RefusedModule *m = &s->facts->modules[module];
        _cleanup_strv_ char **versions = NULL;
        int r;

        if (!directory)
                return -ENOMEM;
        if (directory_list(root, directory, NULL, &versions) < 0 ||
            strv_length(versions) > TREE_NAMES_MAX)
                return 0;
        STRV_FOREACH(version, versions) {
                _cleanup_free_ char *source = strprintf("%s/%s", directory, *version);

                if (!source)
                        return -ENOMEM;
                if (!has_built(root, source, m->kernel, strrchr(m->path, '/') + 1))
                        continue;
                r = want(s, strprintf("/usr/src/%s-%s", name, *version), module);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int want_module(const Root *root, Search *s, char **names, size_t module) {
        const char *path = s->facts->modules[module].path;
        int r;

        /* By whichever of its names the package has it, on a host with a merged /usr. */
        r = want(s, strdup(path), module);
        if (r >= 0 && startswith(path, "/usr/"))
                r = want(s, strdup(path + strlen("/usr")), module);
        else if (r >= 0)
                r = want(s, strprintf("/usr%s", path), module);
        STRV_FOREACH(name, names)
                if (r >= 0)
                        r = want_source(root, s, *name, module);
        return r;
}

static void take_package(size_t module, void *userdata) {
        Search *s = userdata;
        char **package = &s->facts->modules[module].package, *copy;

        if (!isempty(*package))
                return;
        copy = strdup(s->package);
        s->failed |= !copy;
        if (copy) {
                free(*package);
                *package = copy;
        }
}

static int search_list(const Root *root, Search *s, const char *name) {
        _cleanup_free_ char *path = strprintf(DPKG_INFO "/%s", name), *text = NULL, *package = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = package_list_name(name, &package);
        if (r >= 0)
                r = file_read(root, path, LIST_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        s->package = package;
        package_list_find(text, size, s->wanted, s->n_wanted, take_package, s);
        return s->failed ? -ENOMEM : 0;
}

static bool is_list(const char *name) {
        return endswith(name, ".list");
}

int dkms_find_packages(const Root *root, SecureBootFacts *facts) {
        _cleanup_(search_done) Search s = { .facts = facts };
        _cleanup_strv_ char **names = NULL, **lists = NULL;
        int r = 0;

        if (facts->n_modules == 0 || directory_list(root, DPKG_INFO, is_list, &lists) < 0)
                return 0;
        if (directory_list(root, DKMS_TREE, NULL, &names) >= 0 &&
            strv_length(names) > TREE_NAMES_MAX)
                names = strv_free(names);
        for (size_t i = 0; r >= 0 && i < facts->n_modules; i++)
                r = want_module(root, &s, names, i);
        package_list_sort(s.wanted, s.n_wanted);
        strv_sort_uniq(lists, strcmp);
        STRV_FOREACH(list, lists)
                if (r >= 0)
                        r = search_list(root, &s, *list);
        return r;
}
