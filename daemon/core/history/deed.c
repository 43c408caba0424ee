/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A deed is what was seen to be done, not what was planned: a step counts when its worker has gone
 * on to the next one, or has said that a file is in place. A kernel that gave way while another was
 * copied, and came back, was copied and not removed. Sentences are made here and nowhere else, so
 * that nobody is told the same in two ways. */

#include "core/history/deed.h"

#include <inttypes.h>

#include "common/string-util.h"
#include "core/loader/esp-path.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define ERRORS_MAX   8 /* in a sentence */

void esp_deed_done(EspDeed *d) {
        free(d->uuid);
        strv_free(d->copied);
        strv_free(d->removed);
        free(d->error);
        *d = (EspDeed){};
}

void deed_done(Deed *d) {
        for (size_t i = 0; i < d->n_esps; i++)
                esp_deed_done(&d->esps[i]);
        free(d->esps);
        free(d->type);
        free(d->by);
        free(d->result);
        free(d->error);
        free(d->message);
        *d = (Deed){};
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The version in "vmlinuz-VERSION" or "initrd.img-VERSION"; NULL for any other file. */
static const char *kernel_file_version(const char *name) {
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                const char *version = startswith(name, kernel_file_stem(f));

                if (version && version[0] == '-')
                        return version + 1;
        }
        return NULL;
}

static int add_once(char ***l, const char *version) {
        return strv_contains(*l, version) ? 0 : strv_extend(l, version);
}

static int note_removed(EspDeed *d, const char *version) {
        if (!version)
                return 0;
        (void) strv_remove(d->copied, version);
        return add_once(&d->removed, version);
}

static int note_copied(EspDeed *d, const PlanStep *staged) {
        const char *version = kernel_file_version(base_name(staged->source));

        d->bytes += staged->bytes;
        if (!version)
                return 0;
        (void) strv_remove(d->removed, version);
        return add_once(&d->copied, version);
}

static void note_text(EspDeed *d, const char *path) {
        if (streq(path, ESP_LOADER_CONF) || streq(base_name(path), "grubenv"))
                d->default_entry = true;
        else
                d->entries = true;
}

/* The step that staged what is in place now says what that is. */
static int note_placed(EspDeed *d, const Plan *plan, size_t index) {
        const char *path = plan->steps[index].path;

        for (size_t i = index; i > 0; i--) {
                const PlanStep *step = &plan->steps[i - 1];

                if (!streq_ptr(step->path, path))
                        continue;
                if (step->action == PLAN_STAGE)
                        return note_copied(d, step);
                if (step->action == PLAN_STAGE_TEXT || step->action == PLAN_GRUB_CONFIG) {
                        note_text(d, path);
                        return 0;
                }
        }
        return 0;
}

int esp_deed_add_step(EspDeed *d, const Plan *plan, size_t index) {
        const PlanStep *step;

        if (index >= plan->n_steps)
                return 0;
        step = &plan->steps[index];
        if (step->action == PLAN_PLACE)
                return note_placed(d, plan, index);
        if (step->action == PLAN_REMOVE_KERNEL)
                return note_removed(d, base_name(step->path));
        if (step->action == PLAN_REMOVE_FILE)
                return note_removed(d, kernel_file_version(step->path));
        d->entries |= step->action == PLAN_REMOVE_ENTRY;
        d->loader |= step->action == PLAN_INSTALL_LOADER;
        d->repaired |= step->action == PLAN_REPAIR;
        return 0;
}

/* Take what was done before, of which @to has @from's part, too. */
static int merge(EspDeed *to, EspDeed *from) {
        int r = strv_extend_uniq(&to->copied, from->copied);

        if (r >= 0)
                r = strv_extend_uniq(&to->removed, from->removed);
        to->bytes += from->bytes;
        to->entries |= from->entries;
        to->default_entry |= from->default_entry;
        to->loader |= from->loader;
        to->repaired |= from->repaired;
        return r;
}

int deed_add_esp(Deed *d, EspDeed *esp) {
        for (size_t i = 0; i < d->n_esps; i++) {
                _cleanup_(esp_deed_done) EspDeed old = {};

                if (!streq(d->esps[i].uuid, esp->uuid))
                        continue;
                old = TAKE_STRUCT(d->esps[i]);
                d->esps[i] = TAKE_STRUCT(*esp);
                return merge(&d->esps[i], &old);
        }
        if (!ARRAY_RESERVE(d->esps, d->n_allocated, d->n_esps + 1))
                return -ENOMEM;
        d->esps[d->n_esps++] = TAKE_STRUCT(*esp);
        return 0;
}

static bool has_moved_kernels(const EspDeed *d) {
        return !strv_isempty(d->copied) || !strv_isempty(d->removed);
}

uint64_t deed_bytes(const Deed *d) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < d->n_esps; i++)
                bytes += d->esps[i].bytes;
        return bytes;
}

bool deed_changed(const Deed *d) {
        bool changed = d->host_menu || d->boot_order;

        for (size_t i = 0; i < d->n_esps; i++) {
                const EspDeed *e = &d->esps[i];

                changed |= has_moved_kernels(e) || e->bytes > 0 || e->entries || e->default_entry ||
                           e->loader || e->repaired;
        }
        return changed;
}

static void put_count(Buffer *b, size_t n, const char *what) {
        buffer_printf(b, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

static void put_duration(Buffer *b, const Deed *d) {
        uint64_t usec = d->end_usec > d->start_usec ? d->end_usec - d->start_usec : 0;
        uint64_t seconds = usec / USEC_PER_SEC;

        if (d->start_usec == 0)
                return;
        if (seconds < 60)
                buffer_printf(b, " in %" PRIu64 ".%" PRIu64 " s", seconds,
                              usec % USEC_PER_SEC / (USEC_PER_SEC / 10));
        else
                buffer_printf(b, " in %" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
}

/* "Copied 1 kernel (700.0 MiB) to 2 ESPs in 7.5 s, removed none." */
static int put_kernels(Buffer *b, const Deed *d) {
        _cleanup_free_ char *size = bytes_for_humans(deed_bytes(d));
        _cleanup_strv_ char **copied = NULL, **removed = NULL;
        size_t n_copied = 0, n_removed = 0;
        int r = size ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < d->n_esps; i++) {
                n_copied += !strv_isempty(d->esps[i].copied);
                n_removed += !strv_isempty(d->esps[i].removed);
                r = strv_extend_uniq(&copied, d->esps[i].copied);
                if (r >= 0)
                        r = strv_extend_uniq(&removed, d->esps[i].removed);
        }
        if (r < 0)
                return r;
        if (n_copied > 0) {
                buffer_puts(b, "Copied ");
                put_count(b, strv_length(copied), "kernel");
                buffer_printf(b, " (%s) to ", size);
                put_count(b, n_copied, "ESP");
                put_duration(b, d);
                if (n_removed > 0)
                        buffer_printf(b, ", removed %zu", strv_length(removed));
                buffer_puts(b, n_removed > 0 ? ". " : ", removed none. ");
        } else if (n_removed > 0) {
                buffer_puts(b, "Removed ");
                put_count(b, strv_length(removed), "kernel");
                buffer_puts(b, " from ");
                put_count(b, n_removed, "ESP");
                put_duration(b, d);
                buffer_puts(b, ". ");
        }
        return 0;
}

/* All else that was done to an ESP, as in "1111-AAAA: …"; entries follow from kernels. NULL:
 * nothing.
 */
static int name_changes(const EspDeed *d, char **ret) {
        const struct {
                bool given;
                const char *words;
        } changes[] = {
                { d->repaired, "FAT repaired" },
                { d->loader, "boot loader installed" },
                { d->entries && !has_moved_kernels(d), "boot entries changed" },
                { d->default_entry, "default entry changed" },
                { d->bytes > 0 && strv_isempty(d->copied), "other files copied" },
        };
        _cleanup_strv_ char **l = NULL;

        for (size_t i = 0; i < ELEMENTSOF(changes); i++)
                if (changes[i].given && strv_extend(&l, changes[i].words) < 0)
                        return -ENOMEM;
        *ret = strv_isempty(l) ? NULL : strv_join(l, ", ");
        return !strv_isempty(l) && !*ret ? -ENOMEM : 0;
}

/* "1111-AAAA, 2222-BBBB: default entry changed." of ESPs to which the same was done. */
static int put_changes(Buffer *b, const Deed *d) {
        _cleanup_strv_ char **told = NULL;

        for (size_t i = 0; i < d->n_esps; i++) {
                _cleanup_free_ char *words = NULL;
                int r = name_changes(&d->esps[i], &words);

                if (r < 0)
                        return r;
                if (!words || strv_contains(told, words))
                        continue;
                buffer_puts(b, d->esps[i].uuid);
                for (size_t k = i + 1; k < d->n_esps; k++) {
                        _cleanup_free_ char *other = NULL;

                        r = name_changes(&d->esps[k], &other);
                        if (r < 0)
                                return r;
                        if (streq_ptr(words, other))
                                buffer_printf(b, ", %s", d->esps[k].uuid);
                }
                buffer_printf(b, ": %s. ", words);
                r = strv_extend(&told, words);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Each sentence is followed by a blank. */
static int put_deed(Buffer *b, const Deed *d) {
        int r = put_kernels(b, d);

        if (r >= 0)
                r = put_changes(b, d);
        if (d->host_menu)
                buffer_puts(b, "The menu of this host's own GRUB was made anew. ");
        if (d->boot_order)
                buffer_puts(b, "The firmware tries shim before other boot loaders now. ");
        return r;
}

/* Take the text without the blank at its end. */
static int take_text(Buffer *b, char **ret) {
        size_t size;
        char *text;
        int r;

        r = buffer_take(b, &text, &size);
        if (r < 0)
                return r;
        while (size > 0 && text[size - 1] == ' ')
                text[--size] = '\0';
        *ret = text;
        return 0;
}

int deed_describe(const Deed *d, DeedKind kind, char **ret) {
        _cleanup_(buffer_done) Buffer b = {};
        int r;

        if (d->n_esps == 0 && !d->host_menu && !d->boot_order) {
                *ret = NULL;
                return 0;
        }
        r = put_deed(&b, d);
        if (r < 0)
                return r;
        if (b.size == 0 && kind == DEED_SYNC)
                buffer_puts(&b, "Everything is as it should be; nothing was written.");
        else if (b.size == 0) {
                buffer_puts(&b, kind == DEED_VERIFY ? "Read every file on " : "Looked at ");
                put_count(&b, d->n_esps, "ESP");
                put_duration(&b, d);
                buffer_puts(&b, kind == DEED_VERIFY ? "; each is as it should be."
                                                    : "; nothing was written.");
        }
        return take_text(&b, ret);
}

static void put_in_sync(Buffer *b, const Deed *d) {
        size_t n = 0;

        for (size_t i = 0; i < d->n_esps; i++)
                if (d->esps[i].in_sync)
                        buffer_printf(b, "%s%s", n++ == 0 ? "In sync: " : ", ", d->esps[i].uuid);
        if (n > 0)
                buffer_puts(b, ". ");
}

/* Most errors name their ESP. */
static void put_error(Buffer *b, const EspDeed *d, bool first) {
        buffer_puts(b, first ? "" : ". ");
        if (!strstr(d->error, d->uuid))
                buffer_printf(b, "ESP '%s': ", d->uuid);
        buffer_puts(b, d->error);
}

int deed_explain(const Deed *d, char **ret) {
        _cleanup_(buffer_done) Buffer b = {};
        size_t n_bad = 0;
        int r;

        r = put_deed(&b, d);
        if (r < 0)
                return r;
        put_in_sync(&b, d);
        for (size_t i = 0; i < d->n_esps; i++) {
                if (!d->esps[i].error)
                        continue;
                if (n_bad++ < ERRORS_MAX)
                        put_error(&b, &d->esps[i], n_bad == 1);
        }
        if (n_bad > ERRORS_MAX)
                buffer_printf(&b, ". So it is with %zu more; see 'bootctl-pve status'",
                              n_bad - ERRORS_MAX);
        return take_text(&b, ret);
}
