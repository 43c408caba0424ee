/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What KSM is to be at the next boot. The file has one spelling: it is read loosely, written again
 * in memory, and believed only if that gives the same bytes. */

#include "core/ksm-config.h"

#include "common/string-util.h"

#define VERSION "v1"
#define RUN     "run=1"

void ksm_config_done(KsmConfig *c) {
        ksm_attributes_done(&c->tunables);
        *c = (KsmConfig){};
}

static int parse_line(KsmConfig *c, const char *line, size_t size) {
        _cleanup_free_ char *name = NULL, *value = NULL;
        const char *equals = memchr(line, '=', size);
        int r;

        if (text_is(line, size, RUN)) {
                c->run = true;
                return 0;
        }
        if (!equals || c->tunables.n == KSM_ATTRIBUTES_MAX)
                return -EBADMSG;
        name = strndup(line, (size_t) (equals - line));
        if (!name)
                return -ENOMEM;
        if (!ksm_name_is_valid(name) || streq(name, "run"))
                return -EBADMSG;
        r = ksm_value_parse(equals + 1, size - (size_t) (equals + 1 - line), &value);
        if (r < 0)
                return r;
        return ksm_attributes_add(&c->tunables, name, value);
}

static int parse(const char *text, size_t size, KsmConfig *c) {
        const char *line;
        size_t pos = 0, n;

        if (!line_next(text, size, &pos, &line, &n) || !text_is(line, n, VERSION))
                return -EBADMSG;
        while (line_next(text, size, &pos, &line, &n)) {
                int r = parse_line(c, line, n);

                if (r < 0)
                        return r;
        }
        return 0;
}

int ksm_config_parse(const char *text, size_t size, KsmConfig *ret) {
        _cleanup_(ksm_config_done) KsmConfig c = {};
        _cleanup_free_ char *again = NULL;
        int r;

        r = parse(text, size, &c);
        if (r >= 0)
                r = ksm_config_format(&c, &again);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !again || !text_is(text, size, again))
                ksm_config_done(&c);
        *ret = TAKE_STRUCT(c);
        return 0;
}

int ksm_config_format(const KsmConfig *c, char **ret) {
        Buffer b = {};

        if (!c->run && c->tunables.n == 0) {
                *ret = NULL;
                return 0;
        }
        buffer_puts(&b, VERSION "\n");
        if (c->run)
                buffer_puts(&b, RUN "\n");
        for (size_t i = 0; i < c->tunables.n; i++)
                buffer_printf(&b, "%s=%s\n", c->tunables.items[i].name, c->tunables.items[i].value);
        return buffer_take(&b, ret, NULL);
}

int ksm_config_set(KsmConfig *c, const char *name, const char *value) {
        if (streq(name, "advisor_mode"))
                ksm_attributes_remove(&c->tunables, "pages_to_scan");
        return ksm_attributes_add(&c->tunables, name, value);
}
