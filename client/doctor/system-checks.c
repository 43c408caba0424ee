/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The checks of how bootsyncd stands in the system that runs: systemd's unit, the name on the bus,
 * polkit. Each asks the bus, a few seconds at most, and starts nothing but polkit, which the first
 * call that changes something would start, too. That somebody does not answer is a finding. */

#include "client/doctor/patient.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

#define UNIT         "bootsyncd.service"
#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define POLKIT_NAME  "org.freedesktop.PolicyKit1"
#define POLKIT_PATH  "/org/freedesktop/PolicyKit1/Authority"
#define ANSWER_USEC  (5 * 1000000ULL)
#define REINSTALL    "apt-get install --reinstall bootsync"
#define RESTART      "systemctl restart " UNIT

/* Call @method of the bus itself or of a service, with @argument (NULL: none). 0 or -errno. */
static int ask(const Patient *p, const char *name, const char *path, const char *method,
               const char *argument, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *interface =
                        must(streq(name, BUS_DRIVER)    ? strdup(BUS_DRIVER)
                             : streq(name, POLKIT_NAME) ? strprintf("%s.Authority", name)
                                                        : strprintf("%s.Manager", name));
        int r;

        if (!p->bus)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(p->bus, &m, name, path, interface, method);
        if (r >= 0 && argument)
                r = sd_bus_message_append(m, "s", argument);
        return r < 0 ? r : sd_bus_call(p->bus, m, ANSWER_USEC, NULL, ret);
}

/* The names that the bus has, or could have started for it. 0 or -errno. */
static int list_names(const Patient *p, char ***ret) {
        static const char *const methods[] = { "ListNames", "ListActivatableNames" };
        _cleanup_strv_ char **all = NULL;

        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                _cleanup_strv_ char **names = NULL;
                int r = ask(p, BUS_DRIVER, "/org/freedesktop/DBus", methods[i], NULL, &reply);

                if (r >= 0)
                        r = sd_bus_message_read_strv(reply, &names);
                if (r < 0)
                        return r;
                if (strv_extend_uniq(&all, names) < 0)
                        out_of_memory();
        }
        *ret = TAKE_PTR(all);
        return 0;
}

/* The unit */

/* How systemd calls its state: "loaded", "active". The strings belong to @ret. 0 or -errno. */
static int ask_unit(const Patient *p, sd_bus_message **ret, const char **load,
                    const char **active) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int r;

        if (!p->bus)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(p->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                           SYSTEMD_NAME ".Manager", "ListUnitsByNames");
        if (r >= 0)
                r = sd_bus_message_append(m, "as", 1, UNIT);
        if (r >= 0)
                r = sd_bus_call(p->bus, m, ANSWER_USEC, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'r', "ssssssouso");
        if (r > 0)
                r = sd_bus_message_read(reply, "ssss", NULL, NULL, load, active);
        if (r > 0)
                *ret = TAKE_PTR(reply);
        return r > 0 ? 0 : r < 0 ? r : -ENODATA;
}

static void look_at_unit(Patient *p) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *load, *active;

        if (ask_unit(p, &reply, &load, &active) < 0)
                found_unknown(p, "systemctl status " UNIT, "systemd does not tell how " UNIT " is");
        else if (streq(load, "not-found"))
                found(p, SEVERITY_FAULT, REINSTALL, UNIT " is not installed");
        else if (streq(load, "error") || streq(load, "bad-setting"))
                found(p, SEVERITY_FAULT, REINSTALL, "systemd cannot read the file of " UNIT);
        else if (streq(active, "failed"))
                found(p, SEVERITY_FAULT, RESTART, UNIT " has failed");
}

/* That it does not run, or is not enabled, the client's look at it has told. */
static void look_at_service(Patient *p) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *state;

        if (!p->has_daemon)
                found(p, SEVERITY_FAULT, RESTART,
                      "bootsyncd does not answer, so that nobody knows what it does");
        if (ask(p, SYSTEMD_NAME, SYSTEMD_PATH, "GetUnitFileState", UNIT, &reply) < 0 ||
            sd_bus_message_read(reply, "s", &state) < 0)
                found_unknown(p, "systemctl is-enabled " UNIT,
                              "It is not known whether a boot starts " UNIT);
        else if (!has_found(p))
                found(p, streq(state, "enabled") ? SEVERITY_OK : SEVERITY_WARNING,
                      streq(state, "enabled") ? NULL : "systemctl reenable --now " UNIT,
                      UNIT " runs, and is %s", state);
}

static void look_at_version(Patient *p) {
        if (!streq_ptr(p->manager.version, BOOTSYNC_VERSION))
                found(p, SEVERITY_WARNING, RESTART,
                      "bootsyncd is version %s, and bootctl-pve version %s",
                      strempty(p->manager.version), BOOTSYNC_VERSION);
        else
                found(p, SEVERITY_OK, NULL, "bootsyncd and bootctl-pve are version %s",
                      BOOTSYNC_VERSION);
}

/* The bus */

static void look_at_name(Patient *p) {
        _cleanup_strv_ char **names = NULL;

        if (!p->bus)
                found(p, SEVERITY_FAULT, "systemctl start dbus.socket",
                      "There is no system bus, so that nobody can ask bootsyncd");
        else if (list_names(p, &names) < 0)
                found_unknown(p, "systemctl status dbus.service", "The system bus does not answer");
        else if (!strv_contains(names, BUS_NAME))
                found(p, SEVERITY_FAULT, REINSTALL,
                      "Nobody has the name " BUS_NAME
                      " on the system bus, and nothing would be started for it");
}

/* dbus-daemon reads these as a user of its own. */
static void look_at_policy(Patient *p) {
        static const char *const files[] = {
                "usr/share/dbus-1/system.d/" BUS_NAME ".conf",
                "usr/share/dbus-1/system-services/" BUS_NAME ".service",
                "usr/share/polkit-1/actions/" BUS_NAME ".policy",
        };
        _cleanup_free_ char *reinstall = command_on(p, REINSTALL);

        /* Without the package they are nobody's. */
        if (p->has_packages && !package_is_installed(p, "bootsync"))
                return;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_close_ int fd = patient_open_file(p, files[i], O_PATH);
                _cleanup_free_ char *path = must(strprintf("%s/%s", p->prefix, files[i]));
                _cleanup_free_ char *word = must(shell_word(path));
                _cleanup_free_ char *open_it = must(strprintf("chmod a+r %s", word));
                struct stat st;

                if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                        found(p, SEVERITY_FAULT, reinstall, "There is no /%s", files[i]);
                else if (!(st.st_mode & S_IROTH))
                        found(p, SEVERITY_FAULT, open_it, "Not everybody may read /%s", files[i]);
        }
}

/* polkit */

static void look_at_polkit(Patient *p) {
        _cleanup_strv_ char **names = NULL;

        if (list_names(p, &names) < 0)
                found_unknown(p, "systemctl status dbus.service",
                              "The system bus does not tell of polkit");
        else if (!strv_contains(names, POLKIT_NAME))
                found(p, SEVERITY_WARNING, "apt-get install polkitd",
                      "polkit is not there, so that only root may change anything");
}

/* The actions that polkit knows. 0 or -errno. */
static int list_actions(const Patient *p, char ***ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **all = NULL;
        const char *action;
        int r;

        r = ask(p, POLKIT_NAME, POLKIT_PATH, "EnumerateActions", "", &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(ssssssuuua{ss})");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'r', "ssssssuuua{ss}")) > 0) {
                r = sd_bus_message_read(reply, "s", &action);
                if (r >= 0 && strv_extend(&all, action) < 0)
                        out_of_memory();
                if (r >= 0)
                        r = sd_bus_message_skip(reply, "sssssuuua{ss}");
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r >= 0)
                *ret = TAKE_PTR(all);
        return r < 0 ? r : 0;
}

static void look_at_actions(Patient *p) {
        static const char *const ours[] = {
                ACTION_REFRESH,     ACTION_MANAGE_KERNELS, ACTION_PIN_KERNEL,
                ACTION_MANAGE_ESP,  ACTION_FORMAT_ESP,     ACTION_CONVERT_SECURE_BOOT,
                ACTION_KSM_CONTROL, ACTION_KSM_PROCESSES,
        };
        _cleanup_strv_ char **names = NULL, **actions = NULL, **missing = NULL;
        _cleanup_free_ char *list = NULL;

        if (list_names(p, &names) < 0 || !strv_contains(names, POLKIT_NAME))
                return; /* which has been told */
        if (list_actions(p, &actions) < 0) {
                found_unknown(p, "systemctl restart polkit.service",
                              "polkit does not tell which actions it knows");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(ours); i++)
                if (!strv_contains(actions, ours[i]) && strv_extend(&missing, ours[i]) < 0)
                        out_of_memory();
        if (strv_isempty(missing)) {
                found(p, SEVERITY_OK, NULL, "polkit knows the actions of bootsync");
                return;
        }
        list = must(strv_quote(missing, 2));
        found(p, SEVERITY_WARNING, REINSTALL,
              "polkit does not know %s, so that only root may do that", list);
}

const Check system_checks[] = {
        { "unit", GROUP_SERVICE, NEEDS_SYSTEM, NULL, UNIT " is installed", look_at_unit },
        { "service", GROUP_SERVICE, NEEDS_SYSTEM, "service-not-running service-not-enabled", NULL,
          look_at_service },
        { "version", GROUP_SERVICE, NEEDS_DAEMON, NULL, NULL, look_at_version },
        { "name", GROUP_BUS, NEEDS_SYSTEM, NULL, "The name " BUS_NAME " is there", look_at_name },
        { "policy", GROUP_BUS, NEEDS_FILES, NULL, NULL, look_at_policy },
        { "polkit", GROUP_BUS, NEEDS_SYSTEM, NULL, "polkit is there", look_at_polkit },
        { "polkit-actions", GROUP_BUS, NEEDS_SYSTEM, NULL, NULL, look_at_actions },
        {},
};
