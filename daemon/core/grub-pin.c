/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names by which a kernel is pinned, both in GRUB's configuration and in its environment. They
 * are made and recognised here; whether a menu has such an entry is not asked. */

#include "core/grub-pin.h"

#include "common/string-util.h"
#include "core/kernel-version.h"

#define SUBMENU_PREFIX "gnulinux-advanced-"
#define ENTRY_PREFIX   ">gnulinux-"
#define PIN_PREFIX     "GRUB_DEFAULT="

char *grub_entry_id(const char *version, const char *root_id) {
        return strprintf(SUBMENU_PREFIX "%s" ENTRY_PREFIX "%s-advanced-%s", root_id, version,
                         root_id);
}

int grub_entry_id_version(const char *value, char **ret) {
        const char *root_id = startswith(value, SUBMENU_PREFIX), *entry, *version, *end;
        _cleanup_free_ char *tail = NULL;

        assert(ret);

        entry = root_id ? strstr(root_id, ENTRY_PREFIX) : NULL;
        if (!entry || entry == root_id)
                return -EINVAL;
        version = entry + strlen(ENTRY_PREFIX);
        tail = strprintf("-advanced-%.*s", (int) (entry - root_id), root_id);
        if (!tail)
                return -ENOMEM;
        end = endswith(version, tail);
        return end ? kernel_version_parse(version, (size_t) (end - version), ret) : -EINVAL;
}

int grub_pin_render(const char *version, const char *root_id, char **ret) {
        _cleanup_free_ char *id = grub_entry_id(version, root_id), *text = NULL;

        assert(ret);

        text = id ? strprintf("# Written by bootsync; 'bootctl-pve kernel unpin' takes it "
                              "back.\n" PIN_PREFIX "\"%s\"\n",
                              id)
                  : NULL;
        if (!text)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}

/* Cut a pair of quotes off. */
static void unquote(const char **s, size_t *size) {
        if (*size < 2 || (**s != '"' && **s != '\'') || (*s)[*size - 1] != **s)
                return;
        ++*s;
        *size -= 2;
}

int grub_pin_parse(const char *text, size_t size, char **ret) {
        _cleanup_free_ char *version = NULL;
        const char *line;
        size_t n, pos = 0;

        assert(ret);

        while (line_next(text, size, &pos, &line, &n) > 0) {
                _cleanup_free_ char *value = NULL;
                int r;

                text_trim(&line, &n);
                if (n < strlen(PIN_PREFIX) || memcmp(line, PIN_PREFIX, strlen(PIN_PREFIX)) != 0)
                        continue;
                line += strlen(PIN_PREFIX);
                n -= strlen(PIN_PREFIX);
                unquote(&line, &n);
                value = strndup(line, n);
                if (!value)
                        return -ENOMEM;

                version = mfree(version);
                r = grub_entry_id_version(value, &version);
                if (r == -ENOMEM)
                        return r;
        }

        *ret = TAKE_PTR(version);
        return 0;
}
