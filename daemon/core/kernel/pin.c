/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pin file's first line is the pinned version. Whether that kernel exists and would boot is not
 * asked here: a pin that cannot be honoured is still the administrator's word, and is reported as
 * such.
 *
 * When is a next-boot pin spent? The boot id tells, if it was written down when the pin was set. A
 * pin that another tool set has no record; then only its file's age can tell, and only an age from
 * before this boot does.
 *
 * What boots by default follows from the pins, unless Secure Boot would refuse that: then the host
 * boots something else rather than nothing. */

#include "core/kernel/pin.h"

#include "common/record.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

int pin_parse(const char *text, size_t size, char **ret) {
        size_t pos = 0, n = 0;
        const char *line = "";

        (void) line_next(text, size, &pos, &line, &n);
        text_trim(&line, &n);
        if (n == 0) {
                *ret = NULL;
                return 0;
        }
        return kernel_version_parse(line, n, ret);
}

void next_boot_done(NextBoot *n) {
        free(n->version);
        free(n->boot_id);
        *n = (NextBoot){};
}

static int take_record(const char *line, size_t size, NextBoot *ret) {
        _cleanup_(record_done) Record record = {};
        _cleanup_(next_boot_done) NextBoot n = {};
        const char *version, *boot_id;
        int r;

        r = record_parse(line, size, &record);
        if (r < 0)
                return r;
        version = record_get(&record, "version");
        boot_id = record_get(&record, "boot-id");
        if (!streq(record.verb, "pin") || !version || !kernel_version_is_valid(version) ||
            isempty(boot_id) || record_get_u64(&record, "inode", &n.inode) < 0 ||
            record_get_u64(&record, "mtime", &n.mtime) < 0)
                return -EBADMSG;
        n.version = strdup(version);
        n.boot_id = strdup(boot_id);
        if (!n.version || !n.boot_id)
                return -ENOMEM;
        *ret = TAKE_STRUCT(n);
        return 0;
}

int next_boot_parse(const char *text, size_t size, NextBoot *ret) {
        const char *line;
        size_t pos = 0, n;

        if (!line_next(text, size, &pos, &line, &n))
                return -EBADMSG;
        if (!text_is(line, n, "v1"))
                return -EPROTONOSUPPORT;
        if (!line_next(text, size, &pos, &line, &n))
                return -EBADMSG;
        return take_record(line, n, ret);
}

int next_boot_format(const NextBoot *n, char **ret, size_t *ret_size) {
        Buffer b = {};

        buffer_puts(&b, "v1\n");
        record_begin(&b, "pin");
        record_add(&b, "version", n->version);
        record_add_u64(&b, "inode", n->inode);
        record_add_u64(&b, "mtime", n->mtime);
        record_add(&b, "boot-id", n->boot_id);
        record_end(&b);
        return buffer_take(&b, ret, ret_size);
}

static bool is_record_of(const NextBoot *record, const NextBoot *pin) {
        return streq(record->version, pin->version) && record->inode == pin->inode &&
               record->mtime == pin->mtime;
}

NextBootVerdict next_boot_judge(const NextBoot *record, const NextBoot *pin, uint64_t boot_time) {
        if (!pin->boot_id)
                return NEXT_BOOT_KEEP;
        if (record && is_record_of(record, pin))
                return streq(record->boot_id, pin->boot_id) ? NEXT_BOOT_KEEP : NEXT_BOOT_SPENT;
        if (boot_time > 0 && pin->mtime / NSEC_PER_SEC < boot_time)
                return NEXT_BOOT_SPENT;
        return NEXT_BOOT_ADOPT;
}

/* The newest bootable kernel that is kept for one of @reasons (bits). */
static const Kernel *newest_bootable(const KernelSet *set, unsigned reasons) {
        for (size_t i = 0; i < set->n_kernels; i++)
                if (kernel_is_bootable(set->kernels + i) && (set->kernels[i].reasons & reasons))
                        return set->kernels + i;
        return NULL;
}

/* A kernel that is kept for its one boot alone is no default, though it may be the newest. */
#define NOT_ONLY_ONCE (~(1u << KERNEL_NEXT_BOOT))

/* The default if nobody checks. */
static const Kernel *find_wanted(const KernelSet *set, bool next_boot) {
        const Kernel *kernel = next_boot ? newest_bootable(set, 1u << KERNEL_NEXT_BOOT) : NULL;

        return kernel ?: newest_bootable(set, 1u << KERNEL_PIN)
                      ?: newest_bootable(set, NOT_ONLY_ONCE) ?: newest_bootable(set, ~0u);
}

/* Of those that are kept for one of @reasons (bits) the newest that all @checkers accept, else the
 * newest that none of them refuses; NULL if there is none. */
static const Kernel *newest_not_refused(const KernelSet *set, unsigned reasons, unsigned checkers) {
        const Kernel *not_refused = NULL;

        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *k = set->kernels + i;

                if (!kernel_is_bootable(k) || !(k->reasons & reasons) || (k->refused & checkers))
                        continue;
                if ((k->accepted & checkers) == checkers)
                        return k;
                not_refused = not_refused ?: k;
        }
        return not_refused;
}

const Kernel *kernel_set_default(const KernelSet *set, bool next_boot, unsigned checkers) {
        const Kernel *wanted = find_wanted(set, next_boot);

        if (next_boot && wanted && (wanted->refused & checkers))
                wanted = find_wanted(set, false);
        if (!wanted || !(wanted->refused & checkers))
                return wanted;
        return newest_not_refused(set, NOT_ONLY_ONCE, checkers)
                               ?: newest_not_refused(set, ~0u, checkers) ?: wanted;
}

/* Without a name a boot loader takes the newest that it finds, which may be one that boot/ has lost
 * a part of. */
static const Kernel *find_newest(const KernelSet *set, unsigned checkers) {
        for (size_t i = 0; i < set->n_kernels; i++) {
                const Kernel *k = set->kernels + i;

                if (k->reasons != 0 && (kernel_is_bootable(k) || (k->refused & checkers)))
                        return k;
        }
        return NULL;
}

const char *kernel_set_name_default(const KernelSet *set, const char *wish, unsigned checkers) {
        const Kernel *taken = wish ? kernel_set_find(set, wish) : find_newest(set, checkers);
        const Kernel *kernel;

        if (!taken || !(taken->refused & checkers))
                return wish;
        kernel = kernel_set_default(set, false, checkers);
        return kernel && !(kernel->refused & checkers) ? kernel->version : wish;
}
