/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns what is known of the host while it is examined, and the findings. The daemon is asked once,
 * before the first check, so that all of them speak of the same moment. Files are read here and
 * nowhere else in the client, as only a client can tell that they are not there: below the root, a
 * little of each, and without waiting. Nothing is written, and nothing is started but programs of
 * dpkg that only read. */

#include "client/doctor/patient.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/daemon/job.h"
#include "client/daemon/service.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define FILE_MAX    ((size_t) 1024 * 1024)
#define OUTPUT_MAX  (4 * FILE_MAX)
#define TRIES_MAX   64 /* RESOLVE_IN_ROOT gives EAGAIN while something else is renamed */
#define PACKAGE_ROW "${Package}\t${db:Status-Status}\t${Version}\n"

extern char **environ;

#define BOOT(name, type, field) \
        { name, PROPERTY_##type, offsetof(BootState, field) }

static const Property boot_properties[] = {
        BOOT("Firmware", STRING, firmware),
        BOOT("SecureBoot", STRING, secure_boot),
        BOOT("BootedEsp", STRING, booted_esp),
        BOOT("EspsWithoutEntry", STRINGS, esps_without_entry),
        BOOT("SignaturesKnown", BOOLEAN, signatures_known),
};

const char *severity_word(Severity severity) {
        static const char *const words[_SEVERITY_MAX] = { "ok", "note", "warning", "fault" };

        return words[severity];
}

/* Files */

int patient_open_file(const Patient *p, const char *path, int flags) {
        /* openat2() refuses, with O_PATH, what would be ignored. */
        const int more = flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        const struct open_how how = {
                .flags = (uint64_t) (unsigned) (flags | more),
                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
        };
        long fd = -1;

        if (p->root < 0)
                return -EREMOTE;
        for (unsigned i = 0; i < TRIES_MAX; i++) {
                fd = syscall(SYS_openat2, p->root, path, &how, sizeof(how));
                if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
                        break;
        }
        return fd < 0 ? -errno : (int) fd;
}

/* All that comes from @fd, up to @max bytes; the rest is not read. 0 or -errno. */
static int read_all(int fd, size_t max, char **ret) {
        char block[4096];
        Buffer b = {};
        ssize_t n = 1;

        while (n > 0 && b.size < max) {
                n = read(fd, block, MIN(sizeof(block), max - b.size));
                if (n > 0)
                        buffer_append(&b, block, (size_t) n);
                else if (n < 0 && errno == EINTR)
                        n = 1;
        }
        if (n < 0) {
                int r = -errno;

                buffer_done(&b);
                return r;
        }
        if (buffer_take(&b, ret, NULL) < 0)
                out_of_memory();
        return 0;
}

int patient_read(const Patient *p, const char *path, char **ret) {
        _cleanup_close_ int fd = patient_open_file(p, path, O_RDONLY);
        struct stat st;

        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADFD;
        return read_all(fd, FILE_MAX, ret);
}

/* Programs of dpkg */

static int environment(char ***ret) {
        _cleanup_strv_ char **list = NULL;

        for (char **i = environ; *i; i++)
                if (!startswith(*i, "LC_ALL=") && strv_extend(&list, *i) < 0)
                        return -ENOMEM;
        if (strv_extend(&list, "LC_ALL=C") < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(list);
        return 0;
}

/* Returns 0 or a positive errno, as posix_spawn() does. */
static int spawn(char *const *arguments, int output, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        _cleanup_strv_ char **variables = NULL;
        int r;

        if (environment(&variables) < 0)
                return ENOMEM;
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return r;
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                                     0);
        if (r == 0)
                r = posix_spawnp(ret, arguments[0], &actions, NULL, arguments, variables);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

static int wait_for(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -EPROTO;
}

int run_dpkg(const Patient *p, char *const *arguments, char **ret) {
        _cleanup_strv_ char **words = NULL;
        _cleanup_close_ int input = -EBADF, output = -EBADF;
        _cleanup_free_ char *text = NULL;
        int r, status, pipe_fds[2];
        pid_t pid;

        if (p->root < 0)
                return -EREMOTE;
        if (strv_extend(&words, arguments[0]) < 0 ||
            strv_extendf(&words, "--root=%s/", p->prefix) < 0)
                out_of_memory();
        for (char *const *i = arguments + 1; *i; i++)
                if (strv_extend(&words, *i) < 0)
                        out_of_memory();
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        input = pipe_fds[0];
        output = pipe_fds[1];
        r = spawn(words, output, &pid);
        if (r != 0)
                return -r;
        output = safe_close(output);
        r = read_all(input, OUTPUT_MAX, &text);
        input = safe_close(input);
        status = wait_for(pid);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return status;
}

static void add_package(Patient *p, char *line) {
        const char *name = strsep(&line, "\t"), *status = strsep(&line, "\t");

        if (!line)
                return;
        if (!ARRAY_RESERVE(p->packages, p->n_packages_allocated, p->n_packages + 1))
                out_of_memory();
        p->packages[p->n_packages++] = (Package){
                .name = must(strdup(name)),
                .status = must(strdup(status)),
                .version = must(strdup(line)),
        };
}

/* A pattern that nothing matches gives 1, and the others all the same. */
static void read_packages(Patient *p) {
        char *query[] = { (char *) "dpkg-query",
                          (char *) "--show",
                          (char *) "--showformat=" PACKAGE_ROW,
                          (char *) "bootsync*",
                          (char *) "proxmox-kernel-*",
                          (char *) "pve-kernel-*",
                          (char *) "proxmox-ve",
                          (char *) "pve-manager",
                          (char *) "systemd",
                          (char *) "systemd-boot*",
                          (char *) "grub*",
                          (char *) "shim*",
                          (char *) "dpkg",
                          (char *) "polkitd",
                          (char *) "zfs*",
                          NULL };
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        int r = run_dpkg(p, query, &text);

        p->has_packages = r == 0 || r == 1;
        if (!p->has_packages)
                return;
        rest = text;
        while ((line = strsep(&rest, "\n")))
                add_package(p, line);
}

const Package *find_package(const Patient *p, const char *name) {
        for (size_t i = 0; i < p->n_packages; i++)
                if (streq(p->packages[i].name, name))
                        return &p->packages[i];
        return NULL;
}

bool package_is_installed(const Patient *p, const char *name) {
        const Package *package = find_package(p, name);

        return package && streq(package->status, "installed");
}

/* Findings */

static void add_finding(Patient *p, Finding finding) {
        if (!ARRAY_RESERVE(p->findings, p->n_findings_allocated, p->n_findings + 1))
                out_of_memory();
        p->findings[p->n_findings++] = finding;
}

/* Without a period, also where one of the daemon's sentences ends it. */
static char *format_sentence(const char *format, va_list ap) {
        char *text, *period;

        if (vasprintf(&text, format, ap) < 0)
                out_of_memory();
        period = (char *) endswith(text, ".");
        if (period)
                *period = '\0';
        return text;
}

void found(Patient *p, Severity severity, const char *action, const char *format, ...) {
        Finding finding = { .check = p->check, .severity = severity };
        va_list ap;

        va_start(ap, format);
        finding.sentence = format_sentence(format, ap);
        va_end(ap);
        finding.action = must(strdup(strempty(action)));
        add_finding(p, finding);
}

void found_unknown(Patient *p, const char *action, const char *format, ...) {
        Finding finding = { .check = p->check, .severity = SEVERITY_WARNING, .unknown = true };
        va_list ap;

        va_start(ap, format);
        finding.sentence = format_sentence(format, ap);
        va_end(ap);
        finding.action = must(strdup(strempty(action)));
        add_finding(p, finding);
}

bool has_found(const Patient *p) {
        return p->n_findings > 0 && p->findings[p->n_findings - 1].check == p->check;
}

char *command_on(const Patient *p, const char *format, ...) {
        _cleanup_free_ char *command = NULL, *word = must(shell_word(p->prefix));
        va_list ap;

        va_start(ap, format);
        command = format_sentence(format, ap);
        va_end(ap);
        return isempty(p->prefix) ? TAKE_PTR(command)
                                  : must(strprintf("chroot %s %s", word, command));
}

Severity patient_verdict(const Patient *p) {
        Severity worst = SEVERITY_OK;

        for (size_t i = 0; i < p->n_findings; i++)
                worst = MAX(worst, p->findings[i].severity);
        return worst;
}

/* The checks */

static const Check *const tables[] = { daemon_checks, system_checks, host_checks };

/* @word is one of the words in @kinds. */
static bool has_word(const char *kinds, const char *word) {
        for (const char *p = strempty(kinds); *p; p += strspn(p, " ")) {
                size_t size = strcspn(p, " ");

                if (text_is(p, size, word))
                        return true;
                p += size;
        }
        return false;
}

static bool is_claimed(const char *kind) {
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const Check *c = tables[i]; c->name; c++)
                        if (has_word(c->kinds, kind))
                                return true;
        return false;
}

static Severity severity_of(const char *word) {
        for (Severity s = SEVERITY_NOTE; s < _SEVERITY_MAX; s++)
                if (streq(word, severity_word(s)))
                        return s;
        return SEVERITY_WARNING;
}

/* As the daemon, or the client's look at the service, has worded them. */
static void show_warnings(Patient *p, const Check *check) {
        for (size_t i = 0; i < p->manager.warnings.n; i++) {
                const Notice *w = &p->manager.warnings.items[i];

                if (has_word(check->kinds, w->id) ||
                    (streq_ptr(check->kinds, "*") && !is_claimed(w->id)))
                        found(p, severity_of(w->severity), w->action, "%s", w->sentence);
        }
}

/* In a chroot the bus is not that of the host that is looked at. */
static bool is_system(const Patient *p) {
        return !p->options->root && !connection_in_chroot();
}

static void run_check(Patient *p, const Check *check) {
        size_t before = p->n_findings;
        _cleanup_free_ char *there = NULL;

        p->check = check;
        if (check->needs == NEEDS_SYSTEM && !is_system(p))
                return;
        show_warnings(p, check);
        if (check->needs == NEEDS_ESPS && p->has_daemon && p->esps.n == 0)
                return;
        if ((check->needs == NEEDS_DAEMON || check->needs == NEEDS_ESPS) && !p->has_daemon) {
                there = must(is_system(p) && !p->options->host
                                             ? strdup("systemctl restart bootsyncd.service")
                                             : strprintf("%s status", p->command));
                found_unknown(p, there, "Not known, as bootsyncd does not answer");
        } else if (check->needs == NEEDS_FILES && p->root < 0) {
                there = must(strprintf("ssh %s bootctl-pve doctor", strempty(p->options->host)));
                found_unknown(p, there, "The files of another host cannot be looked at from here");
        } else if (check->look)
                check->look(p);
        if (p->n_findings == before && check->good)
                found(p, SEVERITY_OK, NULL, "%s", check->good);
}

void patient_examine(Patient *p) {
        for (CheckGroup group = 0; group < _CHECK_GROUP_MAX; group++)
                for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                        for (const Check *c = tables[i]; c->name; c++)
                                if (c->group == group)
                                        run_check(p, c);
}

/* The beginning and the end */

/* False: the daemon has not answered, which has been told. */
static bool ask_daemon(Patient *p) {
        Connection *c = &p->connection;

        /* Keys, too, which a private daemon looks at only when it is asked to. That a look fails is
         * seen in the states of the ESPs. */
        return job_first_look(c, true) == STATUS_DONE &&
               all_infos_get(c, &p->esps, &p->jobs, &p->boot) == STATUS_DONE &&
               properties_get(c, BUS_PATH_BOOT, BUS_IFACE_BOOT, boot_properties,
                              ELEMENTSOF(boot_properties), &p->boot_state) == STATUS_DONE &&
               manager_info_get(c, &p->manager) == STATUS_DONE;
}

static void connect_bus(Patient *p) {
        if (p->connection.destination)
                p->bus = sd_bus_ref(p->connection.bus);
        else if (is_system(p) && !p->options->host && sd_bus_open_system(&p->bus) < 0)
                p->bus = NULL;
}

static ExitStatus open_root(Patient *p) {
        const char *root = p->options->root;

        if (root) {
                p->prefix = realpath(root, NULL);
                if (!p->prefix)
                        return fail(STATUS_FAILED, "Failed to open the root '%s': %s.", root,
                                    strerror(errno));
                if (streq(p->prefix, "/"))
                        p->prefix[0] = '\0';
        } else
                p->prefix = must(strdup(""));
        if (p->options->host)
                return STATUS_DONE;
        p->root = open(isempty(p->prefix) ? "/" : p->prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return p->root >= 0 ? STATUS_DONE
                            : fail(STATUS_FAILED, "Failed to open the root '%s': %s.", root ?: "/",
                                   strerror(errno));
}

ExitStatus patient_open(const Options *options, Patient *ret) {
        _cleanup_patient_ Patient p = { .options = options, .root = -EBADF };
        ExitStatus status = open_root(&p);

        if (status != STATUS_DONE)
                return status;
        status = connection_open(options, &p.connection);
        if (status != STATUS_DONE && (status == STATUS_USAGE || options->host))
                return status;
        p.connection.root = options->root;
        p.command = connection_command(&p.connection);
        connect_bus(&p);
        if (status == STATUS_DONE) {
                p.has_daemon = ask_daemon(&p);
                service_warn(&p.connection, &p.manager.warnings);
        }
        read_packages(&p);
        *ret = p;
        p = (Patient){ .root = -EBADF };
        return STATUS_DONE;
}

void patient_close(Patient *p) {
        manager_info_done(&p->manager);
        esp_infos_done(&p->esps);
        job_infos_done(&p->jobs);
        boot_summary_done(&p->boot);
        properties_done(boot_properties, ELEMENTSOF(boot_properties), &p->boot_state);
        for (size_t i = 0; i < p->n_packages; i++) {
                free(p->packages[i].name);
                free(p->packages[i].status);
                free(p->packages[i].version);
        }
        for (size_t i = 0; i < p->n_findings; i++) {
                free(p->findings[i].sentence);
                free(p->findings[i].action);
        }
        free(p->packages);
        free(p->findings);
        free(p->prefix);
        free(p->command);
        p->bus = sd_bus_unref(p->bus);
        connection_close(&p->connection);
        (void) safe_close(p->root);
        *p = (Patient){ .root = -EBADF };
}
