/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* var/lib/bootsync/esp-UUID.manifest: what we copied, so that the next refresh need not read it
 * again. Losing it costs a comparison by content, never correctness. */

#include "core/esp/esp-image.h"

typedef struct ManifestEntry {
        char *path;       /* on the ESP */
        FileStamp source; /* the file below boot/ that was copied */
        uint64_t size;    /* on the ESP, bytes */
        uint64_t mtime;   /* on the ESP, ns since the epoch */
} ManifestEntry;

/* Of a few files for each kept kernel, of which a host has a few dozen at the most. */
#define MANIFEST_ENTRIES_MAX 2048

typedef struct Manifest {
        ManifestEntry *entries; /* sorted by path */
        size_t n_entries, n_allocated;
} Manifest;

void manifest_done(Manifest *m);
/* NULL if there is none. */
const ManifestEntry *manifest_find(const Manifest *m, const char *path);
/* Add or replace. 0 or -ENOMEM, with the manifest as it was. */
int manifest_put(Manifest *m, const char *path, const FileStamp *source, uint64_t size,
                 uint64_t mtime);
void manifest_remove(Manifest *m, const char *path);

/* First line "v2", then records "file path=… inode=… size=… mtime=… ctime=… esp-size=…
 * esp-mtime=…". Those of "v1" had a SHA-256 besides, which nobody compared with anything. An
 * unknown version is -EPROTONOSUPPORT and a malformed, repeated, surplus or cut line -EBADMSG: the
 * caller goes on with an empty manifest. */
int manifest_parse(const char *text, size_t size, Manifest *ret);
int manifest_format(const Manifest *m, char **ret, size_t *ret_size);
