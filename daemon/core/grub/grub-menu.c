/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A grub.cfg is a program, and only GRUB can tell what it does. But one that grub-mkconfig wrote
 * has a known shape: one default, then a menu of entries and submenus. That shape is read here;
 * what else the administrator's own scripts put into the file is passed over. Commands and their
 * words are told apart, but nothing is evaluated: variables stay as they are written, and all
 * branches are given one after the other. */

#include "core/grub/grub-menu.h"

#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

/* The effect of a command on the blocks "{ … }". */
typedef enum GrubBlock {
        GRUB_BLOCK_SAME,
        GRUB_BLOCK_OPENS,  /* "menuentry 'x' {": the block belongs to the command */
        GRUB_BLOCK_CLOSES, /* behind the command, which may have no words */
} GrubBlock;

typedef struct GrubCommand {
        char **words; /* n_words; quotes and backslashes are taken away, "$x" and "${x}" stay */
        size_t n_words, n_allocated;
        GrubBlock block;
} GrubCommand;

typedef struct Lexer {
        const char *p, *end;
} Lexer;

static void grub_command_done(GrubCommand *c) {
        for (size_t i = 0; i < c->n_words; i++)
                free(c->words[i]);
        free(c->words);
        *c = (GrubCommand){};
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* True for characters that end a word and, but for blanks, a command. */
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

/* The next command of @text. *@pos starts at 0. The words that begin a branch ("then", "else",
 * "do") are skipped. Returns 1, or 0 at the end. -EBADMSG for a quote or "${" that is never closed;
 * or -ENOMEM. */
static int grub_script_next(const char *text, size_t size, size_t *pos, GrubCommand *ret) {
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

void grub_entry_done(GrubEntry *e) {
        free(e->id);
        free(e->submenu);
        free(e->image);
        free(e->initrd);
        free(e->version);
        *e = (GrubEntry){};
}

void grub_menu_done(GrubMenu *m) {
        for (size_t i = 0; i < m->n_items; i++) {
                grub_entry_done(&m->items[i].entry);
                free(m->items[i].title);
        }
        free(m->items);
        free(m->default_value);
        *m = (GrubMenu){};
}

/* *@target becomes a copy of @value. */
static int replace(char **target, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*target);
        *target = copy;
        return 0;
}

static int set_image(GrubEntry *e, const char *path) {
        const char *version;
        int r;

        path += strspn(path, "/");
        r = replace(&e->image, path);
        if (r < 0)
                return r;
        e->version = mfree(e->version);
        version = startswith(path, "vmlinuz-");
        return version && kernel_version_is_valid(version) ? replace(&e->version, version) : 0;
}

static int set_initrd(GrubEntry *e, const char *path) {
        return replace(&e->initrd, path + strspn(path, "/"));
}

int grub_entry_set_files(GrubEntry *e, const char *image, const char *initrd) {
        int r = image ? set_image(e, image) : 0;

        return r >= 0 && initrd ? set_initrd(e, initrd) : r;
}

/* The id behind --id, however that option is spelled. */
static const char *command_id(const GrubCommand *c) {
        static const char *const options[] = { "--id", "$menuentry_id_option",
                                               "${menuentry_id_option}" };

        for (size_t i = 1; i < c->n_words; i++) {
                const char *id = startswith(c->words[i], "--id=");

                if (id)
                        return id;
                for (size_t k = 0; k < ELEMENTSOF(options); k++)
                        if (streq(c->words[i], options[k]) && i + 1 < c->n_words)
                                return c->words[i + 1];
        }
        return NULL;
}

/* The item whose block is open, or GRUB_NO_ITEM. */
static size_t menu_current(const GrubMenu *m) {
        return m->n_blocks > 0 ? m->blocks[m->n_blocks - 1] : GRUB_NO_ITEM;
}

static int menu_add_item(GrubMenu *m, const GrubCommand *c) {
        size_t parent = menu_current(m);
        GrubMenuItem *item;

        if (!ARRAY_RESERVE(m->items, m->n_allocated, m->n_items + 1))
                return -ENOMEM;
        item = &m->items[m->n_items++];
        *item = (GrubMenuItem){ .is_submenu = streq(c->words[0], "submenu"), .parent = parent };

        item->title = strdup(c->n_words > 1 ? c->words[1] : "");
        item->entry.id = strdup(command_id(c) ?: strempty(item->title));
        if (!item->title || !item->entry.id)
                return -ENOMEM;
        return parent == GRUB_NO_ITEM ? 0
                                      : replace(&item->entry.submenu, m->items[parent].entry.id);
}

static int menu_open_block(GrubMenu *m, const GrubCommand *c) {
        size_t item = GRUB_NO_ITEM;
        int r;

        if (m->n_blocks == GRUB_BLOCKS_MAX)
                return -EBADMSG;
        if (c->n_words > 0 && (streq(c->words[0], "menuentry") || streq(c->words[0], "submenu"))) {
                r = menu_add_item(m, c);
                if (r < 0)
                        return r;
                item = m->n_items - 1;
        }
        m->blocks[m->n_blocks++] = item;
        return 0;
}

static int menu_set_default(GrubMenu *m, const char *assignment) {
        const char *value = startswith(assignment, "default=");

        if (!value || streq(value, "${next_entry}"))
                return 0;
        return replace(&m->default_value, value);
}

static int entry_take_command(GrubEntry *e, const GrubCommand *c) {
        static const char *const suffixes[] = { "", "efi", "16" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                const char *rest = startswith(c->words[0], "linux"), *path;

                if (rest && streq(rest, suffixes[i]))
                        return set_image(e, c->words[1]);
                rest = startswith(c->words[0], "initrd");
                path = c->words[c->n_words - 1];
                if (rest && streq(rest, suffixes[i]))
                        return set_initrd(e, path);
        }
        return 0;
}

static int menu_take_words(GrubMenu *m, const GrubCommand *c) {
        size_t item = menu_current(m);

        if (c->n_words < 2)
                return 0;
        if (m->n_blocks == 0 && streq(c->words[0], "set"))
                return menu_set_default(m, c->words[1]);
        if (item != GRUB_NO_ITEM && !m->items[item].is_submenu)
                return entry_take_command(&m->items[item].entry, c);
        return 0;
}

static int menu_take(GrubMenu *m, const GrubCommand *c) {
        int r;

        if (c->block == GRUB_BLOCK_OPENS)
                return menu_open_block(m, c);
        r = menu_take_words(m, c);
        if (r < 0 || c->block == GRUB_BLOCK_SAME)
                return r;
        if (m->n_blocks == 0)
                return -EBADMSG;
        m->n_blocks--;
        return 0;
}

int grub_menu_read(const char *text, size_t size, GrubMenu *ret) {
        _cleanup_(grub_menu_done) GrubMenu m = {};
        size_t pos = 0;
        int r;

        assert(ret);

        if (memchr(text, '\0', size))
                return -EBADMSG;
        for (;;) {
                _cleanup_(grub_command_done) GrubCommand c = {};

                r = grub_script_next(text, size, &pos, &c);
                if (r == 0)
                        break;
                if (r > 0)
                        r = menu_take(&m, &c);
                if (r < 0)
                        return r;
        }
        if (m.n_blocks > 0)
                return -EBADMSG;

        *ret = TAKE_STRUCT(m);
        return 0;
}

/* Cut the first part off "A>B>C", as GRUB's menuentry_eq() does it: a ">>" stands for a ">". */
static int default_take_part(const char **value, char **ret) {
        const char *p = *value;
        Buffer b = {};

        for (; *p && (*p != '>' || p[1] == '>'); p++) {
                p += *p == '>';
                buffer_append(&b, p, 1);
        }
        *value = *p == '>' ? p + 1 : p;
        return buffer_take(&b, ret, NULL);
}

/* The item in @parent that @name names by id, title or index; NULL if there is none. */
static const GrubMenuItem *menu_find(const GrubMenu *m, size_t parent, const char *name) {
        uint64_t index = UINT64_MAX;

        (void) parse_u64(name, &index);
        for (size_t i = 0; i < m->n_items; i++) {
                const GrubMenuItem *item = &m->items[i];

                if (item->parent != parent)
                        continue;
                if (index-- == 0 || streq(item->entry.id, name) || streq(item->title, name))
                        return item;
        }
        return NULL;
}

bool grub_default_is_saved(const char *value) {
        return streq_ptr(value, "${saved_entry}") || streq_ptr(value, "$saved_entry");
}

/* The entry that @value means as a default, as GRUB finds it: by id, title or index,
 * "SUBMENU>ENTRY" included; what is not found is the first of its menu. *@ret is NULL if there is
 * none. 0 or -ENOMEM. */
static int find_default(const GrubMenu *m, const char *value, const GrubMenuItem **ret) {
        size_t parent = GRUB_NO_ITEM;

        assert(ret);

        for (;;) {
                _cleanup_free_ char *name = NULL;
                const GrubMenuItem *item;
                int r;

                r = default_take_part(&value, &name);
                if (r < 0)
                        return r;
                item = menu_find(m, parent, name);
                if (!item) {
                        item = menu_find(m, parent, "0");
                        value = "";
                }
                if (!item || !item->is_submenu) {
                        *ret = item;
                        return 0;
                }
                parent = (size_t) (item - m->items);
        }
}

int grub_menu_default(const GrubMenu *m, const char *saved, const GrubMenuItem **ret) {
        const char *value = strempty(m->default_value);

        assert(ret);

        if (saved && grub_default_is_saved(value))
                return find_default(m, saved, ret);
        *ret = NULL;
        return strchr(value, '$') ? 0 : find_default(m, value, ret);
}
