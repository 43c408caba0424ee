/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* loader.conf belongs to the administrator; one value in it is ours. So a change replaces that one
 * line and copies every other byte, and no change is made where systemd-boot would already choose
 * what we want. */

#include "core/loader-conf.h"

#include <strings.h>

#include "common/string-util.h"
#include "core/boot-entry.h"
#include "core/loader-line.h"

#define LOADER_TIMEOUT_SEC 3

/* systemd-boot ignores values that begin with '@', but for "@saved". */
static bool is_default(const LoaderLine *line) {
        static const char saved[] = "@saved";

        if (!loader_line_has_key(line, "default"))
                return false;
        return line->value_size == 0 || line->value[0] != '@' ||
               (line->value_size == strlen(saved) &&
                strncasecmp(line->value, saved, strlen(saved)) == 0);
}

int loader_conf_default(const char *text, char **ret) {
        const char *value = NULL;
        size_t size = strlen(text), pos = 0, value_size = 0;
        _cleanup_free_ char *copy = NULL;
        LoaderLine line;

        assert(ret);

        while (loader_line_next(text, size, &pos, &line) > 0)
                if (is_default(&line)) {
                        value = line.value;
                        value_size = line.value_size;
                }
        if (value) {
                copy = strndup(value, value_size);
                if (!copy)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(copy);
        return 0;
}

/* True if the entry that @old names may stay: it is @wanted (systemd-boot folds the case), or,
 * where any of our entries would do, one of the administrator's own. */
static bool default_may_stay(const char *old, const char *wanted, bool any) {
        if (isempty(old))
                return false;
        return strcasecmp(old, wanted) == 0 ||
               (any && strncasecmp(old, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) != 0);
}

static void replace_default(Buffer *b, const char *old, const char *wanted) {
        size_t size = strlen(old), pos = 0;
        LoaderLine line = {};
        bool placed = false;

        while (loader_line_next(old, size, &pos, &line) > 0) {
                if (!is_default(&line)) {
                        buffer_append(b, line.text, line.size + line.end_size);
                        continue;
                }
                if (!placed) {
                        buffer_printf(b, "default %s", wanted);
                        buffer_append(b, line.text + line.size, line.end_size);
                }
                placed = true;
        }
        if (placed)
                return;

        if (size > 0 && line.end_size == 0)
                buffer_puts(b, "\n");
        buffer_printf(b, "default %s\n", wanted);
}

int loader_conf_render(const char *old, const char *version, char **ret) {
        _cleanup_free_ char *wanted = NULL, *current = NULL;
        Buffer b = {};
        int r;

        assert(ret);

        wanted = version ? strprintf(ENTRY_PREFIX "%s" ENTRY_SUFFIX, version)
                         : strdup(LOADER_DEFAULT_ANY);
        if (!wanted)
                return -ENOMEM;
        if (old) {
                r = loader_conf_default(old, &current);
                if (r < 0)
                        return r;
        }

        if (!old)
                buffer_printf(&b, "timeout %d\ndefault %s\n", LOADER_TIMEOUT_SEC, wanted);
        else if (default_may_stay(current, wanted, !version))
                buffer_puts(&b, old);
        else
                replace_default(&b, old, wanted);
        return buffer_take(&b, ret, NULL);
}
