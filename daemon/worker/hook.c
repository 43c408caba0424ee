/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A signal to ourselves at a chosen point, so that tests can look at every state that a kill or a
 * hang may leave. Outside this file there are only calls of hook_reached(). */

#include "worker/hook.h"

#include <signal.h>

#include "common/string-util.h"

static const char *const points[_HOOK_POINT_MAX] = {
        [HOOK_STAGE] = "stage",
        [HOOK_PLACE] = "place",
        [HOOK_ENTRY] = "entry",
        [HOOK_REMOVE] = "remove",
};

static HookPoint find_point(const char *word) {
        for (HookPoint point = 0; point < _HOOK_POINT_MAX; point++)
                if (streq(points[point], word))
                        return point;
        return _HOOK_POINT_INVALID;
}

int hook_parse(const char *s, Hook *ret) {
        _cleanup_free_ char *copy = strdup(s);
        char *number, *action;
        Hook hook = {};

        if (!copy)
                return -ENOMEM;
        number = strchr(copy, ':');
        if (!number)
                return -EINVAL;
        *number++ = '\0';
        action = strchr(number, ':');
        if (!action)
                return -EINVAL;
        *action++ = '\0';

        hook.point = find_point(copy);
        if (hook.point < 0 || parse_u64(number, &hook.left) < 0 || hook.left == 0)
                return -EINVAL;
        if (streq(action, "kill"))
                hook.signal = SIGKILL;
        else if (streq(action, "stop"))
                hook.signal = SIGSTOP;
        else
                return -EINVAL;

        *ret = hook;
        return 0;
}

void hook_reached(Hook *hook, HookPoint point) {
        if (hook->left > 0 && hook->point == point && --hook->left == 0)
                (void) raise(hook->signal);
}
