/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Decides which partitions may be formatted, over a value, and is asked twice: before a job is
 * made, and by the worker again, which has the disk locked. Content that is not known here is
 * somebody's data: the table below only makes the sentence clearer. */

#include "core/disk/partition.h"

#include <ctype.h>

#include "common/string-util.h"

#define MIB      (1024 * 1024ull)
#define CUT_MARK 3 /* bytes of the dots at the end of a string that was cut */

void partition_done(Partition *p) {
        free(p->device);
        free(p->disk);
        free(p->part_uuid);
        free(p->part_type);
        free(p->fs_type);
        free(p->fs_uuid);
        free(p->label);
        free(p->model);
        free(p->serial);
        free(p->in_use);
        free(p->carries);
        *p = (Partition){};
}

void partitions_done(Partitions *l) {
        for (size_t i = 0; i < l->n; i++)
                partition_done(&l->items[i]);
        free(l->items);
        *l = (Partitions){};
}

int partitions_take(Partitions *l, Partition *p) {
        if (!ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                return -ENOMEM;
        l->items[l->n++] = TAKE_STRUCT(*p);
        return 0;
}

char *partition_label(const char *text) {
        char label[PARTITION_LABEL_MAX + 1];
        size_t n = 0;

        for (; *text && n < PARTITION_LABEL_MAX; text++) {
                char c = *text;

                if (!isascii(c) || (!isalnum(c) && !strchr(" ._-+/:#", c)))
                        c = '?';
                if (c != ' ' || (n > 0 && label[n - 1] != ' '))
                        label[n++] = c;
        }
        while (n > 0 && label[n - 1] == ' ')
                n--;
        return strndup(label, n);
}

typedef enum TextKind {
        TEXT_NEEDED,
        TEXT_OPTIONAL,
        TEXT_LABEL, /* optional, and as partition_label() writes it */
} TextKind;

static const struct {
        const char *key;
        size_t offset; /* of a char * in Partition */
        TextKind kind;
} text_fields[] = {
        { "device", offsetof(Partition, device), TEXT_NEEDED },
        { "disk", offsetof(Partition, disk), TEXT_NEEDED },
        { "part-uuid", offsetof(Partition, part_uuid), TEXT_OPTIONAL },
        { "part-type", offsetof(Partition, part_type), TEXT_OPTIONAL },
        { "fs-type", offsetof(Partition, fs_type), TEXT_OPTIONAL },
        { "fs-uuid", offsetof(Partition, fs_uuid), TEXT_OPTIONAL },
        { "label", offsetof(Partition, label), TEXT_LABEL },
        { "model", offsetof(Partition, model), TEXT_LABEL },
        { "serial", offsetof(Partition, serial), TEXT_LABEL },
        { "in-use", offsetof(Partition, in_use), TEXT_OPTIONAL },
        { "carries", offsetof(Partition, carries), TEXT_LABEL },
};

static char **partition_text(const Partition *p, size_t index) {
        return (char **) ((char *) p + text_fields[index].offset);
}

static char *text_for_the_wire(TextKind kind, const char *text) {
        size_t size = strlen(text);

        if (kind == TEXT_LABEL)
                return partition_label(text);
        /* A text that was cut once is not cut again. */
        return string_for_humans(text, size,
                                 size <= PARTITION_TEXT_MAX + CUT_MARK
                                                 ? PARTITION_TEXT_MAX + CUT_MARK
                                                 : PARTITION_TEXT_MAX);
}

void partition_format(const Partition *p, Buffer *b) {
        for (size_t i = 0; i < ELEMENTSOF(text_fields); i++) {
                const char *text = *partition_text(p, i);
                _cleanup_free_ char *shown = NULL;

                if (isempty(text))
                        continue;
                shown = text_for_the_wire(text_fields[i].kind, text);
                if (!shown)
                        b->failed = true;
                if (!isempty(shown))
                        record_add(b, text_fields[i].key, shown);
        }
        record_add_u64(b, "diskseq", p->diskseq);
        record_add_u64(b, "size", p->size_bytes);
        record_add_u64(b, "start", p->start_sector);
        record_add_u64(b, "number", p->number);
        record_add_u64(b, "sector", p->sector_bytes);
}

static int parse_text(TextKind kind, const char *value, char **ret) {
        _cleanup_free_ char *shown = NULL;

        shown = text_for_the_wire(kind, value);
        if (!shown)
                return -ENOMEM;
        if (isempty(value) || !streq(shown, value))
                return -EBADMSG;
        *ret = TAKE_PTR(shown);
        return 0;
}

static int get_u32(const Record *record, const char *key, uint32_t *ret) {
        uint64_t value;

        if (record_get_u64(record, key, &value) < 0 || value > UINT32_MAX)
                return -EBADMSG;
        *ret = (uint32_t) value;
        return 0;
}

static PartitionUse use_of_phrase(const char *phrase) {
        if (!phrase)
                return PARTITION_FREE;
        return startswith(phrase, PARTITION_MOUNTED_ON) ? PARTITION_MOUNTED : PARTITION_USED;
}

int partition_parse(const Record *record, Partition *ret) {
        _cleanup_(partition_done) Partition p = {};
        int r, n = 5;

        assert(ret);

        for (size_t i = 0; i < ELEMENTSOF(text_fields); i++) {
                const char *value = record_get(record, text_fields[i].key);

                if (!value && text_fields[i].kind == TEXT_NEEDED)
                        return -EBADMSG;
                if (!value)
                        continue;
                r = parse_text(text_fields[i].kind, value, partition_text(&p, i));
                if (r < 0)
                        return r;
                n++;
        }
        if (record_get_u64(record, "diskseq", &p.diskseq) < 0 ||
            record_get_u64(record, "size", &p.size_bytes) < 0 ||
            record_get_u64(record, "start", &p.start_sector) < 0 ||
            get_u32(record, "number", &p.number) < 0 ||
            get_u32(record, "sector", &p.sector_bytes) < 0 || p.sector_bytes == 0)
                return -EBADMSG;
        p.use = use_of_phrase(p.in_use);

        *ret = TAKE_STRUCT(p);
        return n;
}

bool partition_is_esp(const Partition *p) {
        return p->part_type && (streq(p->part_type, PARTITION_TYPE_ESP_GPT) ||
                                streq(p->part_type, PARTITION_TYPE_ESP_MBR));
}

static bool is_fat(const Partition *p) {
        return p->fs_type && streq(p->fs_type, "vfat");
}

/* The smallest partition that is formatted: 256 MiB, or what FAT32 needs on a disk of 4096-byte
 * sectors, which is more: it has at least 65525 clusters, and none is smaller than a sector.
 * 65525 clusters of 4096 bytes, two tables of 64 sectors and 32 reserved sectors are 256.6 MiB;
 * mkfs.fat aligns them, and 257 MiB gave 65582 to 65630 clusters. */
static uint64_t partition_size_min(uint32_t sector_bytes) {
        return sector_bytes < 4096 ? 256 * MIB : 257 * MIB;
}

/* A file system of these types is none by itself: wiping it would damage the thing that it is a
 * part of. */
static const struct {
        const char *fs_type;
        const char *what;
} members[] = {
        { "zfs_member", "a ZFS pool" },
        { "LVM2_member", "an LVM volume group" },
        { "linux_raid_member", "an md array" },
        { "swap", "the swap space" },
        { "swsuspend", "the swap space (it holds a suspended system)" },
        { "crypto_LUKS", "an encrypted volume" },
        { "bcache", "a bcache set" },
        { "ceph_bluestore", "a Ceph OSD" },
        { "drbd", "a DRBD resource" },
};

const char *partition_member_of(const Partition *p) {
        for (size_t i = 0; p->fs_type && i < ELEMENTSOF(members); i++)
                if (streq(p->fs_type, members[i].fs_type))
                        return members[i].what;
        return p->fs_type && endswith(p->fs_type, "_member") ? "an array or volume group" : NULL;
}

/* The reasons that hold whatever the user insists on. */
static int check_untouched(const Partition *p, Error *error) {
        uint64_t min = partition_size_min(p->sector_bytes);

        if (p->number == 0)
                return error_set(
                                error, ERROR_NOT_A_PARTITION,
                                "'%s' is a whole disk; name one of its partitions, and make one if "
                                "it has none",
                                p->device);
        if (p->use == PARTITION_MOUNTED)
                return error_set(error, ERROR_ESP_MOUNTED,
                                 "'%s' is %s; unmount it first, if it is the right one", p->device,
                                 p->in_use);
        if (p->use != PARTITION_FREE)
                return error_set(error, ERROR_ESP_IN_USE,
                                 "'%s' cannot be formatted: %s; free it first, if it is the right "
                                 "one",
                                 p->device, p->in_use);
        if (p->size_bytes < min)
                return error_set(error, ERROR_TOO_SMALL,
                                 "'%s' has %llu MiB, and an ESP on this disk needs %llu; make the "
                                 "partition larger",
                                 p->device, (unsigned long long) (p->size_bytes / MIB),
                                 (unsigned long long) (min / MIB));
        return 0;
}

int partition_check_format(const Partition *p, bool force, Error *error) {
        int r;

        r = check_untouched(p, error);
        if (r < 0 || force || !p->fs_type)
                return r;
        if (partition_member_of(p))
                return error_set(error, ERROR_ESP_IN_USE,
                                 "'%s' belongs to %s ('%s'); take it out of there first, or insist "
                                 "with --force if that is gone",
                                 p->device, partition_member_of(p), p->fs_type);
        if (streq(p->fs_type, PARTITION_SEVERAL))
                return error_set(error, ERROR_ALREADY_FORMATTED,
                                 "'%s' holds the signatures of several file systems; look at it "
                                 "with 'wipefs', and insist with --force to lose what is on it",
                                 p->device);
        return error_set(error, ERROR_ALREADY_FORMATTED,
                         "'%s' holds data already ('%s'); look at what it is, and insist with "
                         "--force to lose it",
                         p->device, p->fs_type);
}

static const Partition *find_twin(const Partition *p, const Partitions *all) {
        for (size_t i = 0; i < all->n; i++) {
                const Partition *other = &all->items[i];

                if (!streq(other->device, p->device) && other->fs_uuid &&
                    strcasecmp(other->fs_uuid, p->fs_uuid) == 0)
                        return other;
        }
        return NULL;
}

int partition_check_init(const Partition *p, const Partitions *all, Error *error) {
        const Partition *twin;

        if (p->number == 0)
                return error_set(error, ERROR_NOT_A_PARTITION,
                                 "'%s' is a whole disk; name one of its partitions", p->device);
        if (!partition_is_esp(p))
                return error_set(error, ERROR_NOT_AN_ESP,
                                 "'%s' is not of the type of an ESP; format it, which sets the "
                                 "type, or set it with 'sfdisk --part-type'",
                                 p->device);
        if (!is_fat(p))
                return error_set(error, ERROR_NOT_AN_ESP,
                                 "'%s' holds no FAT file system but %s%s%s; format it first",
                                 p->device, p->fs_type ? "'" : "", p->fs_type ?: "nothing",
                                 p->fs_type ? "'" : "");
        if (!p->fs_uuid)
                return error_set(error, ERROR_NOT_AN_ESP,
                                 "The FAT file system on '%s' has no UUID, so it could not be "
                                 "found again; format it first",
                                 p->device);
        twin = find_twin(p, all);
        if (twin)
                return error_set(error, ERROR_DUPLICATE_UUID,
                                 "'%s' and '%s' have the same UUID '%s', so it cannot be told "
                                 "which one is meant; format one of them, or give it another with "
                                 "'mlabel -n'",
                                 p->device, twin->device, p->fs_uuid);
        return 0;
}
