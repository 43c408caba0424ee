/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When is a next-boot pin spent? The boot id tells, if it was written down when the pin was set. A
 * pin that another tool set has no record; then only its file's age can tell, and only an age from
 * before this boot does. */

#include "core/next-boot.h"

#include "common/string-util.h"
#include "core/kernel-version.h"
#include "core/record.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

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
