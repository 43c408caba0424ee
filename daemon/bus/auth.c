/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decides by the sender: the peer of a private connection started this daemon and could do without
 * it, root needs nobody's leave, everybody else is polkit's to judge. Fails closed: a sender who
 * cannot be looked up is nobody. */

#include "bus/auth.h"

#include <linux/capability.h>

#include "bus/bus-internal.h"
#include "bus/polkit.h"

int bus_authorise(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  sd_bus_error *error) {
        int r;

        assert(b);
        assert(m);
        assert(action);

        if (sd_bus_is_bus_client(b->bus) == 0)
                return 1;

        r = sd_bus_query_sender_privilege(m, CAP_SYS_ADMIN);
        if (r > 0)
                return 1;
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
                                         "%s needs the authorisation '%s', and its caller cannot "
                                         "be looked up.",
                                         sd_bus_message_get_member(m), action);
        return polkit_authorise(b, m, action, details, error);
}
