/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One line of plan or report: a verb and key=value fields.
 *
 *     stage path=EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve size=8191999
 *
 * In values, '%', blanks, control characters and bytes from 0x7f on are written %XX. */

#include "common/string-util.h"

#define RECORD_FIELDS_MAX 24

typedef struct RecordField {
        char *key;
        char *value;
} RecordField;

typedef struct Record {
        char *verb;
        RecordField fields[RECORD_FIELDS_MAX];
        size_t n_fields;
} Record;

void record_done(Record *r);

/* Parse one line without its newline. -EBADMSG if it is malformed: no verb, a field without '=', a
 * bad or truncated %XX, a %XX of a byte that needs none, a %00 (values are C strings), a repeated
 * key, too many fields, characters that must be escaped. Verbs and keys are [a-z0-9-]+, hex digits
 * upper case. */
int record_parse(const char *line, size_t size, Record *ret);

/* NULL if there is no such field. */
const char *record_get(const Record *r, const char *key);
/* -ENOENT if absent, -EBADMSG if it is not a decimal number. */
int record_get_u64(const Record *r, const char *key, uint64_t *ret);

/* Writing: record_begin(b, "stage"); record_add(b, "path", p); record_end(b). A NULL value leaves
 * the field out. */
void record_begin(Buffer *b, const char *verb);
void record_add(Buffer *b, const char *key, const char *value);
void record_add_u64(Buffer *b, const char *key, uint64_t value);
void record_end(Buffer *b); /* the newline */
