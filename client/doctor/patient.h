/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that `doctor` knows of a host, its checks, and what these have found. */

#include "client/daemon/objects.h"

typedef enum Severity {
        SEVERITY_OK,
        SEVERITY_NOTE, /* good to know, as a warning of the daemon's may be; counts as ok */
        SEVERITY_WARNING,
        SEVERITY_FAULT,
        _SEVERITY_MAX,
} Severity;

/* In the order in which they are shown. */
typedef enum CheckGroup {
        GROUP_FILES,
        GROUP_KERNELS,
        GROUP_SERVICE,
        GROUP_BUS,
        GROUP_ESPS,
        GROUP_FIRMWARE,
        GROUP_SECURE_BOOT,
        GROUP_SPACE,
        GROUP_PACKAGES,
        GROUP_OTHER,
        _CHECK_GROUP_MAX,
} CheckGroup;

/* Without that a check has nothing to look at, and says so. */
typedef enum CheckNeeds {
        NEEDS_NOTHING,
        NEEDS_DAEMON, /* an answer of any bootsyncd */
        NEEDS_ESPS,   /* that, and an ESP on the list, or it is left out */
        NEEDS_FILES,  /* those of the host are before us: not with -H */
        NEEDS_SYSTEM, /* the host itself runs: without --root and chroot, or it is left out */
} CheckNeeds;

typedef struct Patient Patient;

/* A row of a table, which ends with one that has no name. It is ok where neither a warning of its
 * kinds is there nor looking at the host has found anything. */
typedef struct Check {
        const char *name; /* one word */
        CheckGroup group;
        CheckNeeds needs;
        const char *kinds; /* of warnings that it shows, between blanks; "*": of all that nobody
                            * shows; NULL: none */
        const char *good;  /* the sentence where all is well; NULL: then it is left out */
        void (*look)(Patient *p); /* NULL: the warnings say it all */
} Check;

/* Each ends with one that has no name. */
extern const Check daemon_checks[], host_checks[], system_checks[];

typedef struct Finding {
        const Check *check;
        Severity severity;
        bool unknown; /* it could not be looked at */
        char *sentence, *action;
} Finding;

/* More of org.bootsync1.Boot than the summary. */
typedef struct BootState {
        char *firmware, *secure_boot, *booted_esp;
        char **esps_without_entry;
        bool signatures_known;
} BootState;

/* A package as dpkg knows it. */
typedef struct Package {
        char *name, *status, *version; /* status: "installed", "config-files", … */
} Package;

struct Patient {
        const Options *options;
        Connection connection;
        bool has_daemon; /* it has answered, so that these are filled: */
        ManagerInfo manager;
        EspInfos esps;
        JobInfos jobs;
        BootSummary boot;
        BootState boot_state;

        sd_bus *bus;       /* of this or that host; NULL: there is none to be asked */
        int root;          /* the directory; negative: its files are not before us */
        char *prefix;      /* "" or the directory, before an absolute path of it */
        char *command;     /* "bootctl-pve --root=DIR" */
        bool has_packages; /* dpkg has told of them */
        Package *packages; /* those that have to do with booting */
        size_t n_packages, n_packages_allocated;

        const Check *check; /* the one that looks; what is found is its finding */
        Finding *findings;
        size_t n_findings, n_findings_allocated;
};

/* Ask daemon and dpkg for all that checks may want. A daemon that does not answer is told of on
 * stderr, and no failure; only bad usage is one. */
ExitStatus patient_open(const Options *options, Patient *ret);
void patient_close(Patient *p);
#define _cleanup_patient_ _cleanup_(patient_close)

/* Run all checks. */
void patient_examine(Patient *p);
/* The worst that was found. */
Severity patient_verdict(const Patient *p);
const char *severity_word(Severity severity) _const_;

/* The check that looks has found this; @action is a command for a shell, and may be NULL. */
void found(Patient *p, Severity severity, const char *action, const char *format, ...)
                _printf_(4, 5);
/* The same for what could not be looked at. */
void found_unknown(Patient *p, const char *action, const char *format, ...) _printf_(3, 4);
/* The check that looks has a finding already. */
bool has_found(const Patient *p);
/* The command @format of the host as one for its root: "chroot DIR COMMAND". Never NULL. */
char *command_on(const Patient *p, const char *format, ...) _printf_(2, 3);

/* Open a file or directory below the root; a file that would block is not waited for. Returns a
 * descriptor, or -errno, of which -EREMOTE says that the files are another host's. */
int patient_open_file(const Patient *p, const char *path, int flags);
/* The text of a regular file, of 1 MiB at most. -errno. */
int patient_read(const Patient *p, const char *path, char **ret);

/* The package that is called so, or NULL: dpkg does not know it. */
const Package *find_package(const Patient *p, const char *name);
bool package_is_installed(const Patient *p, const char *name);
/* Run a program of dpkg, whose options "--root" is one of, and give what it prints. Returns its
 * exit status or -errno. */
int run_dpkg(const Patient *p, char *const *arguments, char **ret);
