/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gathers what a bug report wants: versions, files, findings, all properties, history, journal.
 * Each line and each string of it goes through the redactor, which has learned before what this
 * host and its disks are called; nothing else reaches the file. The file appears when it is
 * complete, and takes the place of another only if it may: it is made under a name that nobody can
 * guess, and gets its own by a rename, which follows no link. */

#include "client/doctor/report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "client/daemon/call.h"
#include "client/doctor/identity.h"
#include "client/terminal/json.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define LINE_BYTES_MAX 4096
#define JOURNAL_LINES  200
#define UNIT           "bootsyncd.service"
#define INDENT         "    "

typedef struct Report {
        Patient *p;
        Redactor *redactor;
        Buffer text;
} Report;

/* Text */

static void add_line(Report *r, const char *indent, const char *line) {
        _cleanup_free_ char *clean = must(string_for_humans(line, strlen(line), LINE_BYTES_MAX));
        _cleanup_free_ char *safe = redact(r->redactor, clean);

        buffer_printf(&r->text, "%s%s\n", indent, safe);
}

static void add_lines(Report *r, char *text) {
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n")))
                if (rest || *line)
                        add_line(r, INDENT, line);
}

static void add_title(Report *r, const char *title) {
        buffer_printf(&r->text, "\n== %s ==\n", title);
}

/* Records have "%20" for a blank, which would hide where a word begins. */
static void unescape(char *text) {
        char *to = text;

        for (const char *p = text; *p; p++) {
                char digits[3] = { p[0] == '%' ? p[1] : '\0', p[0] == '%' && p[1] ? p[2] : '\0' };
                char *end;
                long c = strtol(digits, &end, 16);

                if (end == digits + 2 && c > 0) {
                        *to++ = (char) c;
                        p += 2;
                } else
                        *to++ = *p;
        }
        *to = '\0';
}

static void add_file(Report *r, const char *path) {
        _cleanup_free_ char *text = NULL, *head = NULL;
        int error = patient_read(r->p, path, &text);

        if (error == -ENOENT)
                return;
        head = must(error < 0 ? strprintf("/%s: %s", path, strerror(-error))
                              : strprintf("/%s:", path));
        add_line(r, "", head);
        if (error < 0)
                return;
        if (startswith(path, PATH_STATE "/"))
                unescape(text);
        add_lines(r, text);
}

/* The files in the directory @path whose names end with @suffix, in the order of their names. */
static void add_directory(Report *r, const char *path, const char *suffix) {
        int fd = patient_open_file(r->p, path, O_RDONLY | O_DIRECTORY);
        _cleanup_closedir_ DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        _cleanup_strv_ char **files = NULL;
        const struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (endswith(entry->d_name, suffix) &&
                    strv_extendf(&files, "%s/%s", path, entry->d_name) < 0)
                        out_of_memory();
        strv_sort_uniq(files, strcmp);
        STRV_FOREACH(i, files)
                add_file(r, *i);
}

static void add_system(Report *r) {
        const Patient *p = r->p;

        buffer_puts(&r->text,
                    "A report of bootctl-pve doctor; names, addresses, serial numbers and "
                    "keys were taken out.\nRead it before you send it.\n");
        add_title(r, "Versions");
        buffer_printf(&r->text, "bootctl-pve %s\nbootsyncd %s\n", BOOTSYNC_VERSION,
                      p->has_daemon ? strempty(p->manager.version) : "does not answer");
        for (size_t i = 0; i < p->n_packages; i++) {
                _cleanup_free_ char *line =
                                must(strprintf("%s %s %s", p->packages[i].name,
                                               p->packages[i].version, p->packages[i].status));

                if (!streq(p->packages[i].status, "not-installed"))
                        add_line(r, INDENT, line);
        }
        add_title(r, "System");
        add_file(r, "etc/os-release");
        add_file(r, PATH_OSRELEASE);
        add_file(r, PATH_PROC_CMDLINE);
}

static void add_files(Report *r) {
        static const char *const files[] = {
                PATH_ESP_LIST,        PATH_MANUAL_KERNELS, PATH_PIN,       PATH_NEXT_BOOT_PIN,
                PATH_CMDLINE,         PATH_CONFIG,         PATH_GRUB_CONF, PATH_APT_CONF,
                PATH_ADOPTED_CMDLINE, PATH_NEXT_BOOT,      PATH_ONE_SHOT,  PATH_KSM_CONFIG
        };

        add_title(r, "Files");
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                add_file(r, files[i]);
        add_directory(r, PATH_CONFIG_DROPINS, ".conf");
        add_directory(r, PATH_GRUB_CONF_DIR, ".cfg");
}

static void add_findings(Report *r) {
        add_title(r, "Findings");
        for (size_t i = 0; i < r->p->n_findings; i++) {
                const Finding *f = &r->p->findings[i];
                _cleanup_free_ char *line = must(strprintf(
                                "%s %s: %s%s%s", severity_word(f->severity), f->check->name,
                                f->sentence, isempty(f->action) ? "" : " -> ", f->action));

                add_line(r, "", line);
        }
}

/* The words of the daemon, as JSON */

/* The name of an ESP's object is its PARTUUID, with marks that would hide it. Never NULL. */
static char *decode_path(const char *path) {
        _cleanup_free_ char *id = NULL;

        return sd_bus_path_decode(path, BUS_PATH_ESP, &id) > 0
                               ? must(strprintf(BUS_PATH_ESP "/%s", id))
                               : must(strdup(path));
}

/* Safe to be shown. Never NULL. */
static char *safe_string(Report *r, const char *text) {
        _cleanup_free_ char *plain = decode_path(text);

        return redact(r->redactor, plain);
}

static int value_to_json(Report *r, sd_bus_message *m, json_object **ret);

static int basic_to_json(Report *r, sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *value = NULL;
        _cleanup_free_ char *safe = NULL;
        int error = json_from_message(m, &value);

        if (error < 0)
                return error;
        if (json_object_is_type(value, json_type_string)) {
                safe = safe_string(r, json_object_get_string(value));
                *ret = must(json_object_new_string(safe));
        } else
                *ret = TAKE_PTR(value);
        return 0;
}

/* The members of a dictionary, whose keys are strings. */
static int members_to_json(Report *r, sd_bus_message *m, const char *types, json_object *object) {
        _cleanup_free_ char *entry = must(strndup(types + 1, strlen(types) - 2));
        int error;

        while ((error = sd_bus_message_enter_container(m, 'e', entry)) > 0) {
                _cleanup_free_ char *safe = NULL;
                json_object *value;
                const char *key;

                error = sd_bus_message_read_basic(m, entry[0], &key);
                if (error >= 0)
                        error = value_to_json(r, m, &value);
                if (error < 0)
                        return error;
                safe = safe_string(r, key);
                if (startswith(safe, "org.freedesktop."))
                        json_object_put(value); /* what each object has */
                else
                        json_add(object, safe, value);
                error = sd_bus_message_exit_container(m);
                if (error < 0)
                        return error;
        }
        return error;
}

static int items_to_json(Report *r, sd_bus_message *m, json_object *array) {
        int error;

        while ((error = sd_bus_message_at_end(m, false)) == 0) {
                json_object *value;

                error = value_to_json(r, m, &value);
                if (error < 0)
                        return error;
                json_append(array, value);
        }
        return error < 0 ? error : 0;
}

static int value_to_json(Report *r, sd_bus_message *m, json_object **ret) {
        _cleanup_json_ json_object *all = NULL;
        const char *types;
        char type;
        int error;

        error = sd_bus_message_peek_type(m, &type, &types);
        if (error < 0)
                return error;
        if (!strchr("avr", type))
                return basic_to_json(r, m, ret);
        error = sd_bus_message_enter_container(m, type, types);
        if (error < 0)
                return error;
        if (type == 'v')
                error = value_to_json(r, m, &all);
        else if (types[0] == '{') {
                all = json_new();
                error = members_to_json(r, m, types, all);
        } else {
                all = json_array_new();
                error = items_to_json(r, m, all);
        }
        if (error >= 0)
                error = sd_bus_message_exit_container(m);
        if (error < 0)
                return error;
        *ret = TAKE_PTR(all);
        return 0;
}

static void add_reply(Report *r, const char *title, const Method *method, char *const *strings) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_json_ json_object *value = NULL;
        Connection *c = &r->p->connection;
        int error;

        add_title(r, title);
        error = sd_bus_message_new_method_call(c->bus, &m, c->destination, method->path,
                                               method->interface, method->name);
        for (; error >= 0 && strings && *strings; strings++)
                error = sd_bus_message_append(m, "s", *strings);
        if (error >= 0 && method->dictionary)
                error = sd_bus_message_append(m, "a{sv}", 0);
        if (error >= 0)
                error = sd_bus_call(c->bus, m, 0, NULL, &reply);
        if (error >= 0)
                error = value_to_json(r, reply, &value);
        if (error < 0)
                buffer_printf(&r->text, "not known: %s\n", strerror(-error));
        else
                buffer_printf(&r->text, "%s\n",
                              must(json_object_to_json_string_ext(
                                              value,
                                              JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                              JSON_C_TO_STRING_NOSLASHESCAPE)));
}

static void add_daemon(Report *r) {
        static const Method manager = { BUS_PATH, "org.freedesktop.DBus.Properties", "GetAll",
                                        false };
        static const Method objects = { BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                                        "GetManagedObjects", false };
        static const Method history = { BUS_PATH, BUS_IFACE_MANAGER, "ListHistory", true };

        if (!r->p->has_daemon) {
                add_title(r, "History");
                add_file(r, PATH_HISTORY);
                return;
        }
        add_reply(r, "Manager", &manager, (char *[]){ (char *) BUS_IFACE_MANAGER, NULL });
        add_reply(r, "Objects", &objects, NULL);
        add_reply(r, "History", &history, NULL);
}

/* The journal */

/* The value of @field in the entry at which @j stands; "" without it. Never NULL. */
static char *journal_field(sd_journal *j, const char *field) {
        const size_t skip = strlen(field) + 1; /* "FIELD=" */
        const void *data;
        size_t size;

        if (sd_journal_get_data(j, field, &data, &size) < 0 || size < skip)
                return must(strdup(""));
        return must(string_for_humans((const char *) data + skip, size - skip, LINE_BYTES_MAX));
}

static void add_entry(Report *r, sd_journal *j) {
        _cleanup_free_ char *message = journal_field(j, "MESSAGE"), *line = NULL;
        _cleanup_free_ char *priority = journal_field(j, "PRIORITY");
        char when[32] = "";
        uint64_t usec = 0;
        struct tm tm;
        time_t seconds;

        (void) sd_journal_get_realtime_usec(j, &usec);
        seconds = (time_t) (usec / 1000000);
        if (gmtime_r(&seconds, &tm))
                (void) strftime(when, sizeof(when), "%FT%TZ", &tm);
        line = must(strprintf("%s <%s> %s", when, priority, message));
        add_line(r, "", line);
}

static int open_journal(const Patient *p, sd_journal **ret) {
        if (p->root < 0)
                return -EREMOTE;
        return p->options->root ? sd_journal_open_directory(ret, p->options->root,
                                                            SD_JOURNAL_OS_ROOT)
                                : sd_journal_open(ret, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
}

/* Of the daemon itself, and of systemd about its unit. */
static int seek_journal(sd_journal *j) {
        int error = sd_journal_add_match(j, "_SYSTEMD_UNIT=" UNIT, 0);

        if (error >= 0)
                error = sd_journal_add_disjunction(j);
        if (error >= 0)
                error = sd_journal_add_match(j, "UNIT=" UNIT, 0);
        if (error >= 0)
                error = sd_journal_seek_tail(j);
        return error < 0 ? error : sd_journal_previous_skip(j, JOURNAL_LINES);
}

static void add_journal(Report *r) {
        sd_journal *j = NULL;
        int error = open_journal(r->p, &j);

        add_title(r, "Journal of " UNIT);
        if (error >= 0)
                error = seek_journal(j);
        while (error > 0) {
                add_entry(r, j);
                error = sd_journal_next(j);
        }
        if (error < 0)
                buffer_printf(&r->text, "not known: %s\n", strerror(-error));
        sd_journal_close(j);
}

/* The file */

static bool may_replace(const Options *options, const struct stat *st) {
        return option_given(options, OPTION_FORCE) && S_ISREG(st->st_mode);
}

ExitStatus report_check(const Options *options, const char *file) {
        struct stat st;

        if (lstat(file, &st) < 0)
                return errno == ENOENT ? STATUS_DONE
                                       : fail(STATUS_FAILED, "Failed to look at '%s': %s.", file,
                                              strerror(errno));
        if (may_replace(options, &st))
                return STATUS_DONE;
        if (!S_ISREG(st.st_mode))
                return fail(STATUS_FAILED,
                            "'%s' is there, and is no regular file; name another one.", file);
        return fail(STATUS_FAILED, "'%s' is there already; name another file, or give --force.",
                    file);
}

/* Write it beside @name, and let it take that name. 0 or -errno. */
static int replace_file(int directory, const char *name, bool replaces, const Buffer *text) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        uint64_t number;
        int error;

        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
                return -errno;
        temporary = must(strprintf(".%s.%016" PRIx64, name, number));
        fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    0600);
        if (fd < 0)
                return -errno;
        error = fd_write_all(fd, text->data, text->size);
        if (error >= 0 && fsync(fd) < 0)
                error = -errno;
        if (error >= 0 &&
            renameat2(directory, temporary, directory, name, replaces ? 0 : RENAME_NOREPLACE) < 0)
                error = -errno;
        if (error < 0)
                (void) unlinkat(directory, temporary, 0);
        else
                (void) fsync(directory);
        return error;
}

static ExitStatus write_file(const Options *options, const char *file, const Buffer *text) {
        const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
        _cleanup_free_ char *parent =
                        must(slash ? strndup(file, (size_t) (name - file)) : strdup("."));
        _cleanup_close_ int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ExitStatus status = report_check(options, file);
        int error;

        if (status != STATUS_DONE)
                return status;
        error = directory < 0 ? -errno : 0;
        if (error >= 0)
                error = replace_file(directory, name, option_given(options, OPTION_FORCE), text);
        if (error < 0)
                return fail(STATUS_FAILED, "Failed to write '%s': %s.", file, strerror(-error));
        return STATUS_DONE;
}

ExitStatus report_write(Patient *p, const char *file) {
        Report r = { .p = p, .redactor = redactor_new() };
        ExitStatus status;

        identity_learn(p, r.redactor);
        add_system(&r);
        add_findings(&r);
        add_files(&r);
        add_daemon(&r);
        add_journal(&r);
        if (r.text.failed)
                out_of_memory();
        status = write_file(p->options, file, &r.text);
        buffer_done(&r.text);
        (void) redactor_free(r.redactor);
        return status;
}
