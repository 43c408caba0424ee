/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decides by the sender: the peer of a private connection started this daemon and could do without
 * it, root and whoever runs the daemon need nobody's leave, everybody else is polkit's to judge.
 * Fails closed: a sender who cannot be looked up is nobody. */

#include "bus/auth.h"

#include "bus/caller.h"
#include "bus/polkit.h"

int bus_authorise(Bus *b, sd_bus_message *m, const char *action, const char *const *details,
                  uid_t *ret_uid, sd_bus_error *error) {
        Caller *caller;
        int r;

        assert(b);
        assert(m);
        assert(action);

        r = caller_of(b, m, &caller, error);
        if (r <= 0)
                return r;
        /* The call may want to wait for its job, and must not have begun one then. */
        r = caller_find_place(caller, CALLER_WAITS_FOR_JOB, sd_bus_message_get_member(m), error);
        if (r < 0)
                return r;
        r = 1;
        if (!caller_is_privileged(caller))
                r = polkit_authorise(b, m, caller, action, details, error);
        if (r > 0 && ret_uid)
                *ret_uid = caller_uid(caller);
        return r;
}
