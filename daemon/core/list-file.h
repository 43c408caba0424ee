/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A file with one item a line: the ESP list and the manual kernel list. */

#include "common/string-util.h"

/* A line that is no item, kept byte for byte: a comment, or something we do not understand. */
typedef struct ListLine {
        char *text; /* without its "\n", but with the "\r" before it if there is one */
        size_t size;
} ListLine;

/* A host has a few dozen ESPs and kernels; further lines are kept, but not read. */
#define LIST_ITEMS_MAX 256

typedef struct ListFile {
        char **items;    /* valid items, normalised, in file order without repetitions */
        ListLine *other; /* comments and bad lines, in file order; blank lines are dropped */
        size_t n_other, n_other_allocated;
} ListFile;

typedef enum ListKind {
        LIST_ESPS,    /* FAT UUIDs, XXXX-XXXX, upper case (lower case is read and normalised) */
        LIST_KERNELS, /* kernel versions */
} ListKind;

void list_file_done(ListFile *l);

/* True for XXXX-XXXX in hex digits of either case. */
bool fat_uuid_is_valid(const char *s) _pure_;

/* Never fails on content: each line that is neither blank, a comment ('#') nor an item, or is an
 * item too many, gives a sentence "line 3: 'foo?bar' is not a FAT UUID, ignoring" in @warnings
 * (text made fit for humans, at most 64 bytes of it) and is kept in other. After 20 such sentences
 * one says how many more there are. CRLF, missing last newline, NUL bytes and lines of any length
 * are fine; leading and trailing blanks are cut from items. 0 or -ENOMEM. */
int list_file_parse(const char *text, size_t size, ListKind kind, ListFile *ret, char ***warnings);

/* The file's new text: other lines first, in order, then the items sorted and unique (kernels by
 * version, UUIDs by strcmp). Every line ends in "\n". */
int list_file_format(const ListFile *l, ListKind kind, char **ret, size_t *ret_size);
