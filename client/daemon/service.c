/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one thing that the daemon cannot tell of itself: that it does not run, or would not be
 * started by a boot. A client sees the first, and systemd knows the second. It is asked beside what
 * somebody wants to know, so it must neither be waited for, nor started, nor complained of. */

#include "client/daemon/service.h"

#include "common/string-util.h"
#include "common/warning.h"

#define UNIT         "bootsyncd.service"
#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define ANSWER_USEC  (1 * 1000000ULL)

static void add(Notices *l, WarningId id, const char *sentence, const char *action) {
        notices_add(l, &(Notice){
                                       .id = warning_kind(id)->word,
                                       .severity = warning_kind(id)->severity,
                                       .subject = UNIT,
                                       .sentence = sentence,
                                       .action = action,
                       });
}

/* The reply to a question for the unit's file; NULL: there is none. */
static sd_bus_message *ask(const Connection *c) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus_message *reply = NULL;

        if (sd_bus_message_new_method_call(c->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                           SYSTEMD_NAME ".Manager", "GetUnitFileState") < 0 ||
            sd_bus_message_append(m, "s", UNIT) < 0 ||
            sd_bus_message_set_auto_start(m, false) < 0 ||
            sd_bus_call(c->bus, m, ANSWER_USEC, NULL, &reply) < 0)
                return NULL;
        return reply;
}

static void warn_of_unit_file(const Connection *c, Notices *l) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = ask(c);
        const char *state;

        if (!reply || sd_bus_message_read(reply, "s", &state) < 0)
                return;
        if (streq(state, "disabled"))
                add(l, WARNING_SERVICE_NOT_ENABLED,
                    UNIT " is not enabled, so that nothing is synced unasked after the next boot",
                    "systemctl enable --now " UNIT);
        else if (streq(state, "masked"))
                add(l, WARNING_SERVICE_NOT_ENABLED,
                    UNIT " is masked, so that nothing is synced after the next boot",
                    "systemctl unmask " UNIT);
}

void service_warn(const Connection *c, Notices *l) {
        if (c->destination)
                warn_of_unit_file(c, l);
        else if (!c->root)
                add(l, WARNING_SERVICE_NOT_RUNNING,
                    "bootsyncd does not run, so that nothing is synced unasked",
                    "systemctl enable --now " UNIT);
}
