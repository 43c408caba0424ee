/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bootctl-pve under the old names. Upgrade checkers, installers and scripts match the output of
 * `status` and `kernel list` by patterns and go by exit statuses, so these are the old tool's to
 * the letter: nothing is added to stdout, what is amiss goes to stderr. Every other verb is the own
 * one; only what it ends with is told in the old numbers. */

#include "client/verb/compat.h"

#include <stdio.h>
#include <unistd.h>

#include "client/daemon/job.h"
#include "client/daemon/objects.h"
#include "client/verb/verbs.h"
#include "common/names.h"
#include "common/string-util.h"

static const char usage_text[] =
                "  format <partition> [--force]\n"
                "  init <partition> [grub]\n"
                "  reinit\n"
                "  clean [--dry-run]\n"
                "  refresh [--hook <name>]\n"
                "  kernel <add|remove> <kernel-version>\n"
                "  kernel pin <kernel-version> [--next-boot]\n"
                "  kernel unpin [--next-boot]\n"
                "  kernel list\n"
                "  status [--quiet]\n"
                "  help\n"
                "\n"
                "This is bootsync's bootctl-pve under an old name, see proxmox-boot-tool(8).\n";

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

bool compat_is_called(const char *name) {
        return name && (streq(base_name(name), "proxmox-boot-tool") ||
                        streq(base_name(name), "pve-efiboot-tool"));
}

static ExitStatus usage(FILE *to, const char *name) {
        (void) fprintf(to, "USAGE: %s <commands> [ARGS]\n\n%s", name, usage_text);
        return STATUS_DONE;
}

/* Take "--hook NAME" off the words; -EINVAL if there is no such hook. A refresh does the work of
 * both, so the name makes no difference. */
static ExitStatus take_hook(int *argc, char **argv) {
        for (int i = 2; i < *argc; i++) {
                if (!streq(argv[i], "--hook") || !streq(argv[i - 1], "refresh"))
                        continue;
                if (i + 1 == *argc)
                        return fail(STATUS_FAILED, "'--hook' needs the name of a hook script.");
                if (!streq(argv[i + 1], "proxmox-auto-removal") &&
                    !streq(argv[i + 1], "zz-proxmox-boot"))
                        return fail(STATUS_FAILED, "'%s' is not a valid hook script name.",
                                    argv[i + 1]);
                memmove(&argv[i], &argv[i + 2], (size_t) (*argc - i - 1) * sizeof(char *));
                *argc -= 2;
                return STATUS_DONE;
        }
        return STATUS_DONE;
}

static bool exists(const Options *options, const char *path) {
        _cleanup_free_ char *whole = must(strprintf("%s/%s", strempty(options->root), path));

        return access(whole, F_OK) >= 0;
}

/* 2, as ever, unless it is not known whether there is one. */
static ExitStatus status_without_esps(const Options *options, Connection *c) {
        _cleanup_manager_info_ ManagerInfo info = {};
        ExitStatus status;

        status = manager_info_get(c, &info);
        if (status != STATUS_DONE)
                return status;
        if (streq_ptr(info.redundancy, "unknown"))
                return fail(STATUS_FAILED, "%s", strempty(info.redundancy_reason));
        if (!option_given(options, OPTION_QUIET))
                (void) fprintf(stderr, "E: /" PATH_ESP_LIST " %s.\n",
                               exists(options, PATH_ESP_LIST) ? "lists no ESP" : "does not exist");
        return STATUS_USAGE;
}

/* As the old tool lists versions. */
static char **reversed(char *const *versions) {
        char **copy = NULL;

        for (size_t i = strv_length(versions); i > 0; i--)
                if (strv_extend(&copy, versions[i - 1]) < 0)
                        out_of_memory();
        return copy;
}

static void print_esp(const EspInfo *esp) {
        _cleanup_strv_ char **newest_last = NULL;
        _cleanup_free_ char *versions = NULL;
        const char *mode = streq_ptr(esp->loader, "systemd-boot") ? "uefi"
                           : streq_ptr(esp->loader, "grub")       ? "grub"
                                                                  : NULL;

        if (!esp->in_sync) {
                _cleanup_free_ char *complaint = esp_info_complaint(esp);

                (void) fail(STATUS_DONE, "%s", complaint);
        }
        if (!mode || !esp->present)
                return;
        newest_last = reversed(esp->kernels);
        versions = must(strv_join(newest_last, ", "));
        say("%s is configured with: %s (versions: %s)", esp->uuid, mode, versions);
}

static ExitStatus show_status(const Options *options, char **arguments) {
        bool quiet = option_given(options, OPTION_QUIET);
        _cleanup_connection_ Connection c = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status;
        size_t unusable = 0;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        /* GRUB's scripts ask whether there is any ESP: no disk is looked at for that. */
        if (!quiet) {
                status = job_first_look(&c, false);
                if (status != STATUS_DONE)
                        return status;
        }
        status = esp_infos_get(&c, NULL, &infos);
        if (status != STATUS_DONE)
                return status;
        if (infos.n == 0)
                return status_without_esps(options, &c);
        if (quiet)
                return STATUS_DONE;

        printf("System currently booted with %s\n",
               exists(options, PATH_EFI) ? "uefi" : "legacy bios");
        for (size_t i = 0; i < infos.n; i++) {
                print_esp(&infos.esps[i]);
                unusable += infos.esps[i].unusable;
        }
        return unusable == infos.n ? STATUS_FAILED : STATUS_DONE;
}

static void print_pin(const char *heading, const char *version) {
        if (isempty(version))
                return;
        printf("\n%s\n", heading);
        say("%s", version);
}

static void print_versions(char **versions) {
        STRV_FOREACH(version, versions)
                say("%s", *version);
}

static ExitStatus list_kernels(const Options *options, char **arguments) {
        _cleanup_strv_ char **automatic = NULL;
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        printf("Manually selected kernels:\n");
        print_versions(info.manual);
        printf("%s\nAutomatically selected kernels:\n", strv_isempty(info.manual) ? "None.\n" : "");
        automatic = reversed(info.automatic);
        print_versions(automatic);
        print_pin("Pinned kernel:", info.pinned);
        print_pin("Kernel pinned on next-boot:", info.next_boot);
        return STATUS_DONE;
}

/* It never was an error to take off the list a kernel that is not on it. */
static ExitStatus remove_kernel(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_manager_info_ ManagerInfo info = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = manager_info_get(&c, &info);
        if (status != STATUS_DONE)
                return status;
        if (strv_contains(info.manual, arguments[0]))
                return verbs_run(options);
        say("Kernel '%s' not found in manual kernel list.", arguments[0]);
        return STATUS_DONE;
}

/* The verbs that are not simply the own ones. */
static const struct {
        const char *words[2];
        size_t n_arguments;
        unsigned options;
        verb_t run;
} verbs[] = {
        { { "status", NULL }, 0, OPTION_BIT(OPTION_QUIET) | OPTION_BIT(OPTION_ROOT), show_status },
        { { "kernel", "list" }, 0, OPTION_BIT(OPTION_ROOT), list_kernels },
        { { "kernel", "remove" }, 1, OPTION_BIT(OPTION_ROOT), remove_kernel },
};

/* Usage errors and missing leave have no number of their own; what was done in part was said. */
static int old_status(ExitStatus status) {
        switch (status) {
        case STATUS_DONE:
        case STATUS_PARTIAL:
                return EXIT_SUCCESS;
        case STATUS_FAILED:
        case STATUS_USAGE:
        case STATUS_NOT_AUTHORISED:
                break;
        }
        return EXIT_FAILURE;
}

static int run_verb(const Options *o) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                size_t n_words = verbs[i].words[1] ? 2 : 1;

                if (!streq_ptr(o->words[0], verbs[i].words[0]) ||
                    (n_words == 2 && !streq_ptr(o->words[1], verbs[i].words[1])) ||
                    o->n_words != n_words + verbs[i].n_arguments || o->given & ~verbs[i].options)
                        continue;
                return verbs[i].run(o, o->words + n_words);
        }
        /* Also these with options that the old tool has not. */
        return old_status(verbs_run(o));
}

int compat_run(int argc, char **argv) {
        _cleanup_options_ Options options = {};
        ExitStatus status;

        if (argc < 2)
                return usage(stderr, argv[0]);
        status = take_hook(&argc, argv);
        if (status == STATUS_DONE)
                status = options_parse(argc, argv, &options);
        if (status != STATUS_DONE)
                return old_status(status);
        if (options.n_words == 0 && option_given(&options, OPTION_VERSION)) {
                printf("%s %s\n", base_name(argv[0]), BOOTSYNC_VERSION);
                return STATUS_DONE;
        }
        if (options.n_words == 0 || streq(options.words[0], "help"))
                return usage(stdout, argv[0]);
        if (streq(options.words[0], "kernels"))
                strcpy(options.words[0], "kernel");
        return run_verb(&options);
}
