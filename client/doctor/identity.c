/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The name of a host has no form by which it could be found: so it is read where it is written
 * down, the names of its neighbours in /etc/hosts among them. A name that is written nowhere here,
 * that of another host which nobody has a line for, stays in a report; the manual says so. Serial
 * numbers are taken from the kernel and from the names that udev makes of them. */

#include "client/doctor/identity.h"

#include <fcntl.h>
#include <sys/utsname.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define SERIAL_MIN    5
#define NAMESPACE_MAX 3 /* "_1", behind the serial number of an NVMe disk */

typedef struct Learner {
        const Patient *p;
        Redactor *redactor;
} Learner;

/* The next line of *@rest, which is cut off; NULL: there is none. */
static char *next_line(char **rest) {
        char *line = strsep(rest, "\n");

        if (line)
                line[strcspn(line, "\r")] = '\0';
        return line;
}

/* "pve1.example.org": that, "pve1" and "example.org". */
static void learn_host(const Learner *l, const char *name) {
        static const char *const everybodys[] = { "localhost", "ip6-", "(none)", "broadcasthost" };
        _cleanup_free_ char *label = must(strndup(name, strcspn(name, ".")));
        const char *dot = strchr(name, '.');

        for (size_t i = 0; i < ELEMENTSOF(everybodys); i++)
                if (startswith(name, everybodys[i]))
                        return;
        redactor_learn(l->redactor, "host", name);
        redactor_learn(l->redactor, "host", label);
        if (dot && strchr(dot + 1, '.'))
                redactor_learn(l->redactor, "domain", dot + 1);
}

/* Addresses are known by their form. */
static bool is_name(const char *word) {
        static const char *const keywords[] = { "search", "domain", "nameserver", "options" };

        for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
                if (streq(word, keywords[i]))
                        return false;
        return !strchr(word, ':') && strspn(word, "0123456789.") < strlen(word);
}

/* Of a file such as /etc/hosts: all words that are names. */
static void learn_hosts(const Learner *l, const char *path) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line, *word;

        if (patient_read(l->p, path, &text) < 0)
                return;
        for (rest = text; (line = next_line(&rest));) {
                line[strcspn(line, "#")] = '\0';
                while ((word = strsep(&line, " \t")))
                        if (is_name(word))
                                learn_host(l, word);
        }
}

/* Of /etc/resolv.conf: what is searched for names. */
static void learn_domains(const Learner *l) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line, *word;

        if (patient_read(l->p, "etc/resolv.conf", &text) < 0)
                return;
        for (rest = text; (line = next_line(&rest));) {
                if (!startswith(line, "search") && !startswith(line, "domain"))
                        continue;
                while ((word = strsep(&line, " \t")))
                        if (is_name(word) && strchr(word, '.'))
                                redactor_learn(l->redactor, "domain", word);
        }
}

/* The first line of a file, and what of it is before a blank. */
static void learn_value(const Learner *l, const char *what, const char *path) {
        /* So makers of boards write who have no number. */
        static const char *const none[] = { "None", "Not ",  "To be",  "Default", "Unknown",
                                            "N/A",  "O.E.M", "System", "Chassis", "No " };
        _cleanup_free_ char *text = NULL;
        size_t end;

        if (patient_read(l->p, path, &text) < 0)
                return;
        end = strcspn(text, "\r\n");
        while (end > 0 && text[end - 1] == ' ')
                end--;
        text[end] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(none); i++)
                if (startswith(text, none[i]))
                        return;
        redactor_learn(l->redactor, what, text);
}

/* "ata-MODEL_SERIAL-part1": the whole without its end, and the serial number. */
static void learn_disk(const Learner *l, const char *name) {
        const char *part = strstr(name, "-part");
        _cleanup_free_ char *whole =
                        must(part ? strndup(name, (size_t) (part - name)) : strdup(name));
        char *serial = strrchr(whole, '_');

        redactor_learn(l->redactor, "disk", whole);
        if (serial && strlen(serial) <= NAMESPACE_MAX) {
                *serial = '\0';
                serial = strrchr(whole, '_');
        }
        if (serial && strlen(serial + 1) >= SERIAL_MIN)
                redactor_learn(l->redactor, "serial", serial + 1);
}

static void learn_block_device(const Learner *l, const char *name) {
        static const char *const files[] = { "serial", "wwid", "device/serial", "device/wwid" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *path = must(strprintf("sys/block/%s/%s", name, files[i]));

                learn_value(l, "serial", path);
        }
}

/* Call @learn with each name in the directory @path. */
static void each_name(const Learner *l, const char *path,
                      void (*learn)(const Learner *l, const char *name)) {
        int fd = patient_open_file(l->p, path, O_RDONLY | O_DIRECTORY);
        _cleanup_closedir_ DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (entry->d_name[0] != '.')
                        learn(l, entry->d_name);
}

static void keep_esps(const Learner *l) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;

        for (size_t i = 0; i < l->p->esps.n; i++)
                redactor_keep(l->redactor, strempty(l->p->esps.esps[i].uuid));
        if (patient_read(l->p, PATH_ESP_LIST, &text) < 0)
                return;
        for (rest = text; (line = next_line(&rest));)
                redactor_keep(l->redactor, line);
}

void identity_learn(const Patient *p, Redactor *r) {
        static const char *const serials[] = { "product_serial",  "product_uuid",
                                               "board_serial",    "chassis_serial",
                                               "board_asset_tag", "chassis_asset_tag" };
        static const char *const names[] = { "etc/hostname", "etc/mailname", "etc/hosts",
                                             "proc/sys/kernel/hostname" };
        const Learner l = { p, r };
        struct utsname system;

        keep_esps(&l);
        if (p->options->host)
                learn_host(&l, p->options->host);
        if (!p->options->root && uname(&system) >= 0)
                learn_host(&l, system.nodename);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                learn_hosts(&l, names[i]);
        learn_domains(&l);
        learn_value(&l, "machine", "etc/machine-id");
        learn_value(&l, "machine", "var/lib/dbus/machine-id");
        for (size_t i = 0; i < ELEMENTSOF(serials); i++) {
                _cleanup_free_ char *path = must(strprintf("sys/class/dmi/id/%s", serials[i]));

                learn_value(&l, "serial", path);
        }
        each_name(&l, "dev/disk/by-id", learn_disk);
        each_name(&l, "sys/block", learn_block_device);
}
