/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A grub.cfg is a program, and only GRUB can tell what it does. But one that grub-mkconfig wrote
 * has a known shape: one default, then a menu of entries and submenus. That shape is read here;
 * what else the administrator's own scripts put into the file is passed over. */

#include "core/grub-menu.h"

#include "common/string-util.h"
#include "core/grub-script.h"
#include "core/kernel-version.h"

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

int grub_entry_set_image(GrubEntry *e, const char *path) {
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

int grub_entry_set_initrd(GrubEntry *e, const char *path) {
        return replace(&e->initrd, path + strspn(path, "/"));
}

/* What follows --id, however it is spelled. */
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
                        return grub_entry_set_image(e, c->words[1]);
                rest = startswith(c->words[0], "initrd");
                path = c->words[c->n_words - 1];
                if (rest && streq(rest, suffixes[i]))
                        return grub_entry_set_initrd(e, path);
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

int grub_menu_find(const GrubMenu *m, const char *value, const GrubMenuItem **ret) {
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

int grub_menu_default(const GrubMenu *m, const GrubMenuItem **ret) {
        const char *value = strempty(m->default_value);

        assert(ret);

        *ret = NULL;
        return strchr(value, '$') ? 0 : grub_menu_find(m, value, ret);
}
