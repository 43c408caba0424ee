/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files are the truth; this is how they become memory. Everything is read again each time, and
 * compared: text that says what is known already changes nothing, which is why the daemon need not
 * tell its own writes from others'. */

#include "engine/facts/files.h"

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/conf/conf-file.h"
#include "core/kernel/kernel-select.h"
#include "core/kernel/package-db.h"
#include "sys/boot-dir.h"
#include "sys/dpkg.h"
#include "sys/file.h"
#include "sys/grub.h"

#define PATH_NEW_KERNELS PATH_RUN "/new-kernels"
#define SMALL_FILE_MAX   (1024 * 1024)
#define DESCRIPTORS_MIN  16 /* more than are ever open at once while everything is read */

#define FACTS_INIT ((Facts){ .conf = KERNEL_CONF_INIT })

struct Files {
        const Root *root;
        Facts facts;
        char **unstored_kernels;            /* new ones that could not be written down */
        const SecureBootFacts *secure_boot; /* for the next reading, as this */
        unsigned checkers;
};

static void facts_done(Facts *facts) {
        kernel_conf_done(&facts->conf);
        boot_dir_done(&facts->boot);
        package_db_done(&facts->packages);
        host_done(&facts->host);
        free(facts->grub_stamp);
        free(facts->grub_default);
        strv_free(facts->new_kernels);
        kernel_set_done(&facts->kernels);
        warnings_done(&facts->kernel_warnings);
        free(facts->unreadable);
        *facts = FACTS_INIT;
}

Files *files_free(Files *files) {
        if (!files)
                return NULL;
        facts_done(&files->facts);
        strv_free(files->unstored_kernels);
        return mfree(files);
}

int files_new(const Root *root, Files **ret) {
        Files *files = malloc(sizeof(*files));

        if (!files)
                return -ENOMEM;
        *files = (Files){ .root = root, .facts = FACTS_INIT };
        files->facts.serial = 1;
        *ret = files;
        return 0;
}

const Facts *files_facts(const Files *files) {
        return &files->facts;
}

void files_set_secure_boot(Files *files, const SecureBootFacts *facts, unsigned checkers) {
        /* The old ones may be freed now. */
        files->facts.secure_boot = files->facts.secure_boot ? facts : NULL;
        files->secure_boot = facts;
        files->checkers = checkers;
}

static int load_new_kernels(const Root *root, ListFile *ret) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, PATH_NEW_KERNELS, SMALL_FILE_MAX, &text, &size);
        if (r < 0) {
                *ret = (ListFile){};
                return r == -ENOMEM ? r : 0;
        }
        return list_file_parse(text, size, LIST_KERNELS, ret, &warnings);
}

static int store_new_kernels(const Root *root, char *const *versions) {
        _cleanup_(list_file_done) ListFile list = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = load_new_kernels(root, &list);
        if (r < 0)
                return r;
        r = strv_extend_uniq(&list.items, versions);
        if (r < 0)
                return r;
        r = list_file_format(&list, LIST_KERNELS, &text, &size);
        if (r < 0)
                return r;
        return file_replace(root, PATH_NEW_KERNELS, text, size, 0644);
}

int files_keep_new_kernels(Files *files, char *const *versions) {
        int r;

        r = strv_extend_uniq(&files->unstored_kernels, versions);
        if (r < 0 || strv_isempty(files->unstored_kernels))
                return r;
        r = store_new_kernels(files->root, files->unstored_kernels);
        if (r >= 0)
                files->unstored_kernels = strv_free(files->unstored_kernels);
        else if (r == -ENOMEM)
                return r;
        else
                for (; versions && *versions; versions++)
                        log_event(LOG_WARNING, NULL, FIELD_KERNEL, *versions, NULL,
                                  "Cannot write to /" PATH_NEW_KERNELS " that kernel '%s' is new: "
                                  "%s; it is kept until bootsyncd ends or can write that.",
                                  *versions, strerror(-r));
        return 0;
}

int facts_select_kernels(const Facts *facts, KernelSet *ret) {
        return kernel_select(
                        &(KernelSelectInput){
                                        .boot = &facts->boot,
                                        .packages = facts->packages_readable ? &facts->packages
                                                                             : NULL,
                                        .running = facts->host.running,
                                        .installing = facts->new_kernels,
                                        .manual = facts->conf.manual.items,
                                        .pin = facts->conf.pin,
                                        .next_boot = facts->conf.next_boot,
                                        .checkers = facts->checkers,
                        },
                        ret);
}

/* A menu that cannot be read says nothing; a refresh tells of it. */
static int facts_load_grub(const Root *root, Facts *facts) {
        HostGrub grub = {};
        int r;

        r = grub_conf_stamp(root, &facts->grub_stamp);
        if (r >= 0 && strv_isempty(facts->conf.esps.items))
                r = host_grub_look(root, &grub);
        if (r < 0)
                return r;
        facts->grub_host = grub.exists;
        facts->grub_one_shot = grub.writable;
        facts->grub_pinned = grub.pinned;
        facts->grub_default = grub.default_version;
        return 0;
}

/* A judgement of a file that was replaced since says nothing. */
static int take_secure_boot(const Files *files, Facts *facts) {
        BootDir *boot = &facts->boot;

        facts->secure_boot = files->secure_boot;
        facts->checkers = files->checkers;
        for (size_t i = 0; facts->secure_boot && i < boot->n_kernels; i++) {
                BootKernel *k = &boot->kernels[i];
                _cleanup_free_ char *path = boot_source_path(k->version, KERNEL_FILE_IMAGE);
                _cleanup_free_ char *whole = path ? strprintf("/%s", path) : NULL;
                const SignedFile *file;

                if (!whole)
                        return -ENOMEM;
                file = signed_files_find(&facts->secure_boot->files, whole);
                if (!file || !k->has_image || !file_stamp_equal(&file->stamp, &k->image))
                        continue;
                for (Checker c = 0; c < _CHECKER_MAX; c++)
                        *(file->by[c].accepted ? &k->accepted : &k->refused) |= 1u << c;
        }
        return 0;
}

/* On failure *@ret_reason may tell which file it was about. */
static int facts_load(const Files *files, Facts *ret, char **ret_reason) {
        _cleanup_(facts_done) Facts facts = FACTS_INIT;
        const Root *root = files->root;
        _cleanup_(list_file_done) ListFile installing = {};
        _cleanup_free_ char *reason = NULL;
        int r;

        /* A file that cannot be opened would count as absent. */
        if (!fd_has_room(DESCRIPTORS_MIN))
                return -EMFILE;
        r = kernel_conf_load(root, &facts.conf, ret_reason);
        if (r < 0)
                return r;
        r = boot_dir_scan(root, &facts.boot);
        if (r < 0) {
                *ret_reason = strprintf("/" PATH_BOOT ": %s", strerror(-r));
                return r;
        }
        r = take_secure_boot(files, &facts);
        if (r >= 0)
                r = host_load(root, &facts.host);
        if (r < 0)
                return r;
        for_each_loader(l) loader_source_find(root, loader_of(l), &facts.loaders[l]);
        r = facts_load_grub(root, &facts);
        if (r < 0)
                return r;
        r = load_new_kernels(root, &installing);
        if (r >= 0)
                r = strv_extend_uniq(&installing.items, files->unstored_kernels);
        if (r < 0)
                return r;
        facts.new_kernels = TAKE_PTR(installing.items);

        r = package_db_load(root, &facts.packages, &reason);
        if (r == -ENOMEM)
                return r;
        facts.packages_readable = r >= 0;
        if (r < 0) {
                r = warnings_add(&facts.conf.warnings, WARNING_PACKAGES_UNREADABLE,
                                 "/" PATH_DPKG_STATUS,
                                 strprintf("%s, so no kernel is removed from any ESP", reason),
                                 strdup("dpkg --audit"));
                if (r < 0)
                        return r;
        }

        r = facts_select_kernels(&facts, &facts.kernels);
        if (r >= 0)
                r = kernel_source_warnings(&facts.kernels, &facts.kernel_warnings);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(facts);
        return 0;
}

static bool loaders_equal(const Facts *a, const Facts *b) {
        for_each_loader(l) {
                if (a->loaders[l].path != b->loaders[l].path ||
                    !file_stamp_equal(&a->loaders[l].stamp, &b->loaders[l].stamp))
                        return false;
        }
        return true;
}

/* Everything that an ESP, or GRUB's menu of the host, is compared with. */
static bool facts_mean_the_same(const Facts *a, const Facts *b) {
        return boot_dir_equal(&a->boot, &b->boot) && kernel_set_equal(&a->kernels, &b->kernels) &&
               loaders_equal(a, b) && streq_ptr(a->conf.pin, b->conf.pin) &&
               streq_ptr(a->conf.next_boot, b->conf.next_boot) &&
               streq_ptr(a->conf.cmdline, b->conf.cmdline) &&
               a->conf.cmdline_source == b->conf.cmdline_source &&
               streq_ptr(a->host.running, b->host.running) &&
               streq_ptr(a->host.title, b->host.title) && streq_ptr(a->grub_stamp, b->grub_stamp) &&
               a->grub_host == b->grub_host;
}

static bool facts_equal(const Facts *a, const Facts *b) {
        return facts_mean_the_same(a, b) && streq_ptr(a->grub_default, b->grub_default) &&
               a->grub_pinned == b->grub_pinned &&
               strv_equal(a->conf.esps.items, b->conf.esps.items) &&
               a->conf.settings.auto_sync == b->conf.settings.auto_sync &&
               a->conf.settings.entries == b->conf.settings.entries &&
               a->packages.kernel_helper == b->packages.kernel_helper &&
               strv_equal(a->packages.signed_packages, b->packages.signed_packages);
}

static int keep_what_is_known(Files *files, int r, char *reason) {
        _cleanup_free_ char *sentence = reason ?: strdup(strerror(-r));
        Facts *facts = &files->facts;

        if (!facts->unreadable)
                facts->serial++;
        if (sentence) {
                free(facts->unreadable);
                facts->unreadable = TAKE_PTR(sentence);
        }
        return r;
}

int files_read(Files *files) {
        _cleanup_(facts_done) Facts facts = FACTS_INIT;
        char *reason = NULL;
        bool changed;
        int r;

        r = facts_load(files, &facts, &reason);
        if (r < 0)
                return keep_what_is_known(files, r, reason);
        changed = !facts_equal(&files->facts, &facts);
        facts.serial = files->facts.serial + !facts_mean_the_same(&files->facts, &facts);
        facts_done(&files->facts);
        files->facts = TAKE_STRUCT(facts);
        return changed;
}

void files_remove_leftovers(const Files *files) {
        static const char *const directories[] = {
                PATH_ETC_KERNEL,   PATH_GRUB_CONF_DIR, PATH_GRUB_DIR,
                PATH_APT_CONF_DIR, PATH_STATE,         PATH_RUN,
        };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                int r = file_remove_leftovers(files->root, directories[i]);

                if (r < 0)
                        log_warning("Cannot remove from /%s the temporary files that an earlier "
                                    "bootsyncd left: %s, ignoring.",
                                    directories[i], strerror(-r));
        }
}

void files_write_apt_conf(const Files *files) {
        _cleanup_strv_ char **kept = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        /* Without boot/ it is not known which kernels could run. */
        if (!files->facts.packages_readable || files->facts.kernels.boot_is_empty)
                return;
        r = kernel_set_list(&files->facts.kernels, KERNELS_PROTECTED, &kept);
        if (r >= 0)
                r = apt_conf_render(kept, &text);
        if (r >= 0)
                r = file_replace(files->root, PATH_APT_CONF, text, strlen(text), 0644);
        if (r < 0)
                log_warning("Cannot write /" PATH_APT_CONF
                            ": %s; apt may offer to remove kernels that "
                            "are kept, ignoring.",
                            strerror(-r));
}

int files_pin_grub(Files *files, const char *version, const char *root_id, bool keep) {
        _cleanup_free_ char *stamp = NULL;
        int r, changed;

        changed = grub_conf_store_pin(files->root, version, root_id, keep);
        if (changed <= 0)
                return changed;
        r = grub_conf_stamp(files->root, &stamp);
        if (r < 0)
                return r;
        free(files->facts.grub_stamp);
        files->facts.grub_stamp = TAKE_PTR(stamp);
        return changed;
}

void files_learn_grub_default(Files *files) {
        HostGrub grub = {};

        if (!files->facts.grub_host || host_grub_look(files->root, &grub) < 0)
                return;
        files->facts.grub_pinned = grub.pinned;
        free(files->facts.grub_default);
        files->facts.grub_default = grub.default_version;
}
