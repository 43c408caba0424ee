/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the values that were taken out, and their placeholders. What a host is called is learned;
 * anything else is known by its form. It is better to take out too much than too little: a version
 * that looks like an address becomes one. What stays is what a reader needs and what tells nothing
 * to others, kernel versions and paths; the names of kernels are why a host that is called "pve" is
 * not found in them. */

#include "client/doctor/redact.h"

#include <ctype.h>
#include <regex.h>
#include <strings.h>

#include "client/terminal/output.h"
#include "common/string-util.h"

#define VALUE_MIN  3
#define GROUPS_MAX 8

/* Parts of patterns, which are POSIX's; \b is the GNU library's. */
#define HEX        "[0-9a-f]"
#define SECRET     "(pass|pwd|secret|token|cred|auth|luks|crypt|pbkdf|private|apikey)"
#define VALUE      "(\"[^\"]*\"|'[^']*'|[^[:space:]\"']+)"
#define ADDRESS(n) HEX "{2}([:-]" HEX "{2})" n

/* In their order: what is longer, or around others, comes first. */
static const struct {
        const char *what, *pattern;
        size_t group; /* that is replaced */
} rules[] = {
        { "secret", "[[:alnum:]_.-]*" SECRET "[[:alnum:]_.-]*[[:blank:]]*=[[:blank:]]*" VALUE, 2 },
        { "secret", "[[:alnum:]_.-]*key[[:blank:]]*=[[:blank:]]*" VALUE, 1 },
        { "secret", "(password|passwd|passphrase|secret|token)[[:blank:]]*:[[:blank:]]*" VALUE, 2 },
        { "secret", "\\bpassword(_pbkdf2)?[[:blank:]]+[^[:space:]]+[[:blank:]]+([^[:space:]]+)",
          2 },
        { "secret", "[a-z][a-z0-9+.-]*://([^/@[:space:]]+)@", 1 },
        { "disk", "/dev/disk/by-id/([^[:space:]'\",;:]+)", 1 },
        { "disk", "\\b((wwn-|nvme-)?(0x|eui\\.|naa\\.|uuid\\.)" HEX "{16,})", 1 },
        { "disk", "\\b((iqn|nqn)\\.[^[:space:]'\",;]+)", 1 },
        { "key", "\\b(" ADDRESS("{7,}") ")\\b", 1 },
        { "mac", "\\b(" ADDRESS("{5}") ")\\b", 1 },
        { "uuid", "\\b(" HEX "{8}(-" HEX "{4}){3}-" HEX "{12})\\b", 1 },
        { "uuid", "\\b([a-z0-9]{6}(-[a-z0-9]{4}){5}-[a-z0-9]{6})\\b", 1 },
        { "uuid", "\\b(" HEX "{8}-" HEX "{2})\\b", 1 },
        { "key", "\\b(" HEX "{40,})\\b", 1 },
        { "id", "\\b(" HEX "{17,})\\b", 1 },
        { "ip", "\\b(([0-9]{1,3}\\.){3}[0-9]{1,3})\\b", 1 },
        { "ip",
          "(^|[^0-9a-z.-])((" HEX "{1,4}:){1,7}(:" HEX "{1,4}){1,7}|(" HEX "{1,4}:){7}" HEX
          "{1,4}|(" HEX "{1,4}:){1,7}:|:(:" HEX "{1,4}){1,7})",
          2 },
        { "fat", "\\b(" HEX "{4}-" HEX "{4})\\b", 1 },
};

typedef struct Item {
        const char *what;
        char *value, *placeholder;
        bool learned; /* else it was known by its form */
} Item;

struct Redactor {
        regex_t compiled[ELEMENTSOF(rules)];
        Item *items; /* the longest first */
        size_t n, allocated;
        char **kept;
};

Redactor *redactor_new(void) {
        Redactor *r = must((Redactor *) calloc(1, sizeof(Redactor)));

        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (regcomp(&r->compiled[i], rules[i].pattern, REG_EXTENDED | REG_ICASE) != 0)
                        out_of_memory();
        return r;
}

Redactor *redactor_free(Redactor *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                regfree(&r->compiled[i]);
        for (size_t i = 0; i < r->n; i++) {
                free(r->items[i].value);
                free(r->items[i].placeholder);
        }
        free(r->items);
        (void) strv_free(r->kept);
        return mfree(r);
}

/* A MAC address with dashes is the same with colons; others differ in case at the most. */
static bool is_same(const char *a, const char *b, bool is_mac) {
        for (; *a && *b; a++, b++)
                if (tolower((unsigned char) *a) != tolower((unsigned char) *b) &&
                    !(is_mac && strchr(":-", *a) && strchr(":-", *b)))
                        return false;
        return *a == *b;
}

static Item *find_item(Redactor *r, const char *what, const char *value) {
        for (size_t i = 0; i < r->n; i++)
                if (is_same(r->items[i].value, value, streq(what, "mac")))
                        return &r->items[i];
        return NULL;
}

/* The item of @value, which is made if there is none. */
static Item *get_item(Redactor *r, const char *what, const char *value) {
        Item *item = find_item(r, what, value);
        size_t n = 1, at;

        if (item)
                return item;
        for (size_t i = 0; i < r->n; i++)
                n += streq(r->items[i].what, what);
        if (!ARRAY_RESERVE(r->items, r->allocated, r->n + 1))
                out_of_memory();
        for (at = 0; at < r->n && strlen(r->items[at].value) >= strlen(value); at++)
                ;
        memmove(&r->items[at + 1], &r->items[at], (r->n - at) * sizeof(Item));
        r->items[at] = (Item){
                .what = what,
                .value = must(strdup(value)),
                .placeholder = must(strprintf("%s-%zu", what, n)),
        };
        r->n++;
        return &r->items[at];
}

void redactor_learn(Redactor *r, const char *what, const char *value) {
        if (strlen(strempty(value)) >= VALUE_MIN)
                get_item(r, what, value)->learned = true;
}

void redactor_keep(Redactor *r, const char *uuid) {
        if (strv_extend(&r->kept, uuid) < 0)
                out_of_memory();
}

static bool is_kept(const Redactor *r, const char *value) {
        STRV_FOREACH(i, r->kept)
                if (strcasecmp(*i, value) == 0)
                        return true;
        return false;
}

/* The value stands at @at of @text by itself, and is no end of a kernel's version. */
static bool stands_alone(const char *text, const char *at, size_t size) {
        if ((at > text && isalnum((unsigned char) at[-1])) || isalnum((unsigned char) at[size]))
                return false;
        return at < text + 2 || at[-1] != '-' || !isdigit((unsigned char) at[-2]);
}

static const Item *find_learned(const Redactor *r, const char *text, const char *at) {
        for (size_t i = 0; i < r->n; i++) {
                const Item *item = &r->items[i];
                size_t size = strlen(item->value);

                if (item->learned && strncasecmp(at, item->value, size) == 0 &&
                    stands_alone(text, at, size))
                        return item;
        }
        return NULL;
}

static char *take(Buffer *b) {
        char *ret;

        if (buffer_take(b, &ret, NULL) < 0)
                out_of_memory();
        return ret;
}

static char *replace_learned(const Redactor *r, const char *text) {
        Buffer b = {};

        for (const char *p = text; *p;) {
                const Item *item = find_learned(r, text, p);

                if (item) {
                        buffer_puts(&b, item->placeholder);
                        p += strlen(item->value);
                } else
                        buffer_append(&b, p++, 1);
        }
        return take(&b);
}

/* A placeholder is not taken for a value again, as "disk-1" of "disk-1-part2" is none. */
static bool is_placeholder(const Redactor *r, const char *value) {
        for (size_t i = 0; i < r->n; i++) {
                const char *rest = startswith(value, r->items[i].placeholder);

                if (rest && (*rest == '\0' || startswith(rest, "-part")))
                        return true;
        }
        return false;
}

static char *replace_by_rule(Redactor *r, size_t rule, const char *text) {
        regmatch_t groups[GROUPS_MAX];
        const char *p = text;
        Buffer b = {};

        while (regexec(&r->compiled[rule], p, GROUPS_MAX, groups, p == text ? 0 : REG_NOTBOL) ==
               0) {
                const regmatch_t *g = &groups[rules[rule].group];
                _cleanup_free_ char *value =
                                must(strndup(p + g->rm_so, (size_t) (g->rm_eo - g->rm_so)));
                bool stays = is_kept(r, value) || is_placeholder(r, value);

                buffer_append(&b, p, (size_t) g->rm_so);
                buffer_puts(&b, stays ? value : get_item(r, rules[rule].what, value)->placeholder);
                p += g->rm_eo;
        }
        buffer_puts(&b, p);
        return take(&b);
}

char *redact(Redactor *r, const char *text) {
        _cleanup_free_ char *now = must(strdup(text));

        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                char *next;

                /* A secret goes as a whole, whatever is in it. */
                if (!streq(rules[i].what, "secret") &&
                    (i == 0 || streq(rules[i - 1].what, "secret"))) {
                        next = replace_learned(r, now);
                        free(now);
                        now = next;
                }
                next = replace_by_rule(r, i, now);
                free(now);
                now = next;
        }
        return TAKE_PTR(now);
}
