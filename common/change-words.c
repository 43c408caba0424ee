/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pin that another one overrides, or that overrides another, is named: two pins may stand, and
 * that for the next boot goes first. */

#include "common/change-words.h"

#include "common/string-util.h"

static bool is(const ChangeWords *w, const char *verb) {
        return streq(w->verb, verb);
}

bool change_is_needed(const ChangeWords *w) {
        if (is(w, "pin"))
                return !streq_ptr(w->version, w->next_boot ? w->once : w->pin);
        if (is(w, "unpin"))
                return !isempty(w->once) || (!w->next_boot && !isempty(w->pin));
        return is(w, "remove") || !w->listed;
}

static char *describe_needless(const ChangeWords *w) {
        const char *rest = w->unfinished ? "" : "; nothing to do";

        if (is(w, "pin"))
                return strprintf("Already pinned%s.", rest);
        if (is(w, "add"))
                return strprintf("%s is kept already%s.", w->version, rest);
        return strprintf("No kernel is pinned%s%s.", w->next_boot ? " for the next boot" : "",
                         rest);
}

static char *describe_pin(const ChangeWords *w) {
        const char *was = isempty(w->pin) ? "newest" : w->pin;

        if (!w->next_boot && isempty(w->once))
                return strprintf("Pinned %s (was: %s).", w->version, was);
        if (!w->next_boot)
                return strprintf("Pinned %s (was: %s). The pin of %s for the next boot stays, and "
                                 "goes first.",
                                 w->version, was, w->once);
        if (!isempty(w->once))
                was = w->once;
        if (isempty(w->pin))
                return strprintf("Pinned %s for the next boot (was: %s).", w->version, was);
        return strprintf("Pinned %s for the next boot (was: %s). The pin of %s stays, and counts "
                         "again after it.",
                         w->version, was, w->pin);
}

static char *describe_unpin(const ChangeWords *w) {
        bool pin = !w->next_boot && !isempty(w->pin), once = !isempty(w->once);

        return strprintf("Unpinned %s%s%s%s%s%s.", pin ? w->pin : "", pin && once ? " and " : "",
                         once ? w->once : "", once ? " for the next boot" : "",
                         isempty(w->default_kernel) ? "" : "; default is now ",
                         strempty(w->default_kernel));
}

char *change_describe(const ChangeWords *w) {
        if (!change_is_needed(w))
                return describe_needless(w);
        if (is(w, "pin"))
                return describe_pin(w);
        if (is(w, "unpin"))
                return describe_unpin(w);
        if (is(w, "add"))
                return strprintf("Added %s to the kernels that are kept.", w->version);
        return strprintf("Took %s off the kernels that are kept.", w->version);
}

char *change_undo(const ChangeWords *w) {
        const char *before = w->next_boot || isempty(w->pin) ? w->once : w->pin;

        if (is(w, "pin"))
                before = w->next_boot ? w->once : w->pin;
        if (is(w, "add") || is(w, "remove"))
                return strprintf("kernel %s %s", is(w, "add") ? "remove" : "add", w->version);
        return strprintf("kernel %s%s%s", isempty(before) ? "unpin" : "pin ", strempty(before),
                         w->next_boot || (is(w, "unpin") && before == w->once) ? " --next-boot"
                                                                               : "");
}
