/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's scripting language, as far as it takes to tell commands and their words apart. Nothing is
 * evaluated: variables stay as they are written, and all branches are given one after the other. */

#include "core/grub-script.h"

#include "common/string-util.h"

typedef struct Lexer {
        const char *p, *end;
} Lexer;

void grub_command_done(GrubCommand *c) {
        for (size_t i = 0; i < c->n_words; i++)
                free(c->words[i]);
        free(c->words);
        *c = (GrubCommand){};
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* What ends a word, and, but for blanks, a command. */
static bool is_delimiter(char c) {
        return is_blank(c) || strchr("\n;|&{}", c);
}

/* "${name}" as it stands. */
static int take_variable(Lexer *l, Buffer *word) {
        const char *close = memchr(l->p, '}', (size_t) (l->end - l->p));

        if (!close)
                return -EBADMSG;
        buffer_append(word, l->p, (size_t) (close + 1 - l->p));
        l->p = close + 1;
        return 0;
}

/* The lexer stands on a backslash. Between double quotes it is one unless it hides something. */
static void take_escape(Lexer *l, Buffer *word, bool quoted) {
        l->p++;
        if (l->p == l->end)
                return;
        if (quoted && !strchr("$\"\\\n", *l->p))
                buffer_append(word, "\\", 1);
        if (*l->p != '\n')
                buffer_append(word, l->p, 1);
        l->p++;
}

static bool begins_variable(const Lexer *l) {
        return l->end - l->p >= 2 && l->p[0] == '$' && l->p[1] == '{';
}

static int take_double_quoted(Lexer *l, Buffer *word) {
        int r;

        for (l->p++; l->p < l->end && *l->p != '"';) {
                if (*l->p == '\\')
                        take_escape(l, word, true);
                else if (begins_variable(l)) {
                        r = take_variable(l, word);
                        if (r < 0)
                                return r;
                } else
                        buffer_append(word, l->p++, 1);
        }
        if (l->p == l->end)
                return -EBADMSG;
        l->p++;
        return 0;
}

static int take_single_quoted(Lexer *l, Buffer *word) {
        const char *begin = l->p + 1, *close;

        close = memchr(begin, '\'', (size_t) (l->end - begin));
        if (!close)
                return -EBADMSG;
        buffer_append(word, begin, (size_t) (close - begin));
        l->p = close + 1;
        return 0;
}

static int take_word(Lexer *l, Buffer *word) {
        int r = 0;

        while (r >= 0 && l->p < l->end && (begins_variable(l) || !is_delimiter(*l->p)))
                if (*l->p == '\'')
                        r = take_single_quoted(l, word);
                else if (*l->p == '"')
                        r = take_double_quoted(l, word);
                else if (begins_variable(l))
                        r = take_variable(l, word);
                else if (*l->p == '\\')
                        take_escape(l, word, false);
                else
                        buffer_append(word, l->p++, 1);
        return r;
}

static int command_add_word(GrubCommand *c, Lexer *l) {
        static const char *const branches[] = { "then", "else", "do" };
        Buffer b = {};
        char *word;
        int r;

        r = take_word(l, &b);
        if (r < 0) {
                buffer_done(&b);
                return r;
        }
        r = buffer_take(&b, &word, NULL);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(branches); i++)
                if (c->n_words == 0 && streq(word, branches[i])) {
                        free(word);
                        return 0;
                }
        if (!ARRAY_RESERVE(c->words, c->n_allocated, c->n_words + 1)) {
                free(word);
                return -ENOMEM;
        }
        c->words[c->n_words++] = word;
        return 0;
}

static void skip_comment(Lexer *l) {
        const char *newline = memchr(l->p, '\n', (size_t) (l->end - l->p));

        l->p = newline ?: l->end;
}

/* One step forward; 1 if the command is complete. */
static int command_take(GrubCommand *c, Lexer *l) {
        if (is_blank(*l->p)) {
                l->p++;
                return 0;
        }
        if (*l->p == '#') {
                skip_comment(l);
                return 0;
        }
        if (!is_delimiter(*l->p))
                return command_add_word(c, l);

        if (*l->p == '{')
                c->block = GRUB_BLOCK_OPENS;
        else if (*l->p == '}')
                c->block = GRUB_BLOCK_CLOSES;
        l->p++;
        return c->n_words > 0 || c->block != GRUB_BLOCK_SAME;
}

int grub_script_next(const char *text, size_t size, size_t *pos, GrubCommand *ret) {
        _cleanup_(grub_command_done) GrubCommand c = {};
        Lexer l = { .p = text + *pos, .end = text + size };
        int r = 0;

        assert(ret);

        while (r == 0 && l.p < l.end)
                r = command_take(&c, &l);
        if (r < 0)
                return r;
        *pos = size - (size_t) (l.end - l.p);
        if (r == 0 && c.n_words == 0)
                return 0;

        *ret = TAKE_STRUCT(c);
        return 1;
}
