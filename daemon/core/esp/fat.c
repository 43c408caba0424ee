/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two walks over the tree. The first marks the clusters of every chain, and a second time those
 * that were marked already; the second names the files that own such a cluster. So memory is two
 * bits a cluster and one window of the table, however many files there are. Nothing here is
 * trusted: a walk leaves a chain at the first cluster that is not its own alone, so that it reads
 * no more than there are clusters and entries, and a directory that shares its clusters (it may
 * contain itself) is named and not entered. */

#include "core/esp/fat.h"

#include "common/string-util.h"

#define ENTRY_SIZE   32
#define WINDOW_BYTES 4096
#define DEPTH_MAX    16
#define SHARERS_MAX  1024
#define PART_UNITS   13
/* With more, the number of one would be a value that says "bad" or "end". */
#define N_CLUSTERS_MAX_16 0xfff4u
#define N_CLUSTERS_MAX_32 0x0ffffff5u
#define NAME_MAX_UNITS    (20 * PART_UNITS) /* a long name has at most 20 parts */

#define ATTRIBUTE_VOLUME    0x08
#define ATTRIBUTE_DIRECTORY 0x10
#define ATTRIBUTE_LONG_NAME 0x0f
#define PART_LAST           0x40
#define CASE_LOWER_BASE     0x08
#define CASE_LOWER_SUFFIX   0x10
#define ENTRY_FREE          0xe5
#define STATE_DIRTY         0x01

static const char own_name[] = ".          ";

typedef struct LongName {
        char text[NAME_MAX_UNITS + 1];
        uint8_t checksum; /* of the short name that it belongs to */
        unsigned missing; /* parts that are still to come; the last one comes first */
} LongName;

/* The clusters that an entry owns. */
typedef struct Chain {
        uint64_t n;  /* clusters, up to the first one that is shared */
        bool shared; /* one of them is something else's, too; in the first walk: was before */
        bool broken; /* it leads to what is neither a cluster nor the end */
} Chain;

typedef struct Walk {
        const Fat *fat;
        fat_read_t read;
        void *userdata;
        FatReport *report;
        uint8_t *used, *shared; /* one bit a cluster */
        bool naming;            /* the second walk */
        uint8_t window[WINDOW_BYTES];
        uint64_t window_offset; /* UINT64_MAX: empty */
} Walk;

static uint32_t get16(const uint8_t *p) {
        return (uint32_t) p[0] | (uint32_t) p[1] << 8;
}

static uint32_t get32(const uint8_t *p) {
        return get16(p) | get16(p + 2) << 16;
}

static bool is_power_of_two(uint32_t n) {
        return n > 0 && (n & (n - 1)) == 0;
}

int fat_parse(const uint8_t sector[static FAT_BOOT_SECTOR_SIZE], Fat *ret) {
        uint32_t sector_bytes = get16(sector + 11), per_cluster = sector[13];
        uint32_t reserved = get16(sector + 14), n_tables = sector[16];
        uint32_t root_entries = get16(sector + 17);
        uint32_t n_sectors = get16(sector + 19) ?: get32(sector + 32);
        uint32_t table_sectors = get16(sector + 22) ?: get32(sector + 36);
        uint64_t root_sectors, first_data, table_entries;
        Fat fat = {};

        if (sector[510] != 0x55 || sector[511] != 0xaa || sector_bytes < 512 ||
            sector_bytes > 4096 || !is_power_of_two(sector_bytes) ||
            !is_power_of_two(per_cluster) || reserved == 0 || n_tables == 0 || table_sectors == 0)
                return -EINVAL;

        root_sectors = ((uint64_t) root_entries * ENTRY_SIZE + sector_bytes - 1) / sector_bytes;
        first_data = reserved + (uint64_t) n_tables * table_sectors + root_sectors;
        if (first_data >= n_sectors || (root_entries == 0 && get16(sector + 22) != 0))
                return -EINVAL;

        fat.cluster_bytes = (uint64_t) sector_bytes * per_cluster;
        fat.n_clusters = (uint32_t) ((n_sectors - first_data) / per_cluster);
        fat.table_offset = (uint64_t) reserved * sector_bytes;
        fat.data_offset = first_data * sector_bytes;
        /* As Linux tells them apart: only FAT32 has no 16-bit table length. */
        if (get16(sector + 22) == 0) {
                fat.bits = 32;
                fat.root_cluster = get32(sector + 44);
                if (get16(sector + 48) < reserved)
                        fat.info_offset = (uint64_t) get16(sector + 48) * sector_bytes;
                fat.dirty = sector[0x41] & STATE_DIRTY;
        } else {
                fat.bits = fat.n_clusters < 4085 ? 12 : 16;
                fat.root_offset = fat.data_offset - root_sectors * sector_bytes;
                fat.root_bytes = root_entries * ENTRY_SIZE;
                fat.dirty = sector[0x25] & STATE_DIRTY;
        }
        /* A cluster for which the table is too short is none, for Linux either. The first two
         * entries of the table stand for none. */
        table_entries = (uint64_t) table_sectors * sector_bytes * 8 / fat.bits;
        fat.n_clusters = (uint32_t) MIN(fat.n_clusters, table_entries - 2);
        if (fat.n_clusters == 0 ||
            fat.n_clusters > (fat.bits == 32 ? N_CLUSTERS_MAX_32 : N_CLUSTERS_MAX_16))
                return -EINVAL;
        *ret = fat;
        return 0;
}

int fat_parse_info(const Fat *fat, const uint8_t sector[static FAT_BOOT_SECTOR_SIZE],
                   uint32_t *ret_free) {
        uint32_t n_free = get32(sector + 488);

        /* "RRaA", "rrAa", and the signature of a boot sector */
        if (get32(sector) != 0x41615252 || get32(sector + 484) != 0x61417272 ||
            get32(sector + 508) != 0xaa550000 || n_free > fat->n_clusters)
                return -ENODATA;
        *ret_free = n_free;
        return 0;
}

void fat_report_done(FatReport *report) {
        for (size_t i = 0; i < report->n_sharers; i++)
                free(report->sharers[i].path);
        free(report->sharers);
        *report = (FatReport){};
}

void fat_entry_cut(uint8_t entry[static 32], bool directory) {
        if (directory) {
                entry[0] = ENTRY_FREE;
                return;
        }
        memset(entry + 20, 0, 2); /* upper half of the first cluster */
        memset(entry + 26, 0, 6); /* lower half, and the size */
}

static bool is_cluster(const Walk *w, uint32_t cluster) {
        return cluster >= 2 && cluster - 2 < w->fat->n_clusters;
}

/* True if the bit was set before. */
static bool set_bit(uint8_t *bits, uint32_t cluster) {
        uint8_t *byte = &bits[cluster / 8], mask = (uint8_t) (1u << cluster % 8);
        bool was = *byte & mask;

        *byte |= mask;
        return was;
}

static bool get_bit(const uint8_t *bits, uint32_t cluster) {
        return bits[cluster / 8] & 1u << cluster % 8;
}

/* One byte of the table. A window ends with the table, behind which there may be nothing. */
static int table_byte(Walk *w, uint64_t index, uint8_t *ret) {
        uint64_t window = index / WINDOW_BYTES * WINDOW_BYTES;
        uint64_t table_bytes = (((uint64_t) w->fat->n_clusters + 2) * w->fat->bits + 7) / 8;
        int r;

        if (window != w->window_offset) {
                w->window_offset = UINT64_MAX;
                r = w->read(w->fat->table_offset + window, w->window,
                            MIN(table_bytes - window, WINDOW_BYTES), w->userdata);
                if (r < 0)
                        return r;
                w->window_offset = window;
        }
        *ret = w->window[index - window];
        return 0;
}

/* Read the table's entry of @cluster: the next one, 0 (free), or something that is no cluster. */
static int table_get(Walk *w, uint32_t cluster, uint32_t *ret) {
        uint64_t begin = (uint64_t) cluster * w->fat->bits / 8;
        size_t size = w->fat->bits == 32 ? 4 : 2;
        uint8_t bytes[4] = {};
        uint32_t value;

        for (size_t i = 0; i < size; i++) {
                int r = table_byte(w, begin + i, &bytes[i]);

                if (r < 0)
                        return r;
        }
        value = get32(bytes);
        if (w->fat->bits == 32)
                value &= 0x0fffffff;
        else if (w->fat->bits == 12)
                value = cluster % 2 ? value >> 4 : value & 0xfff;
        *ret = value;
        return 0;
}

/* A chain ends at a value that says so, and nowhere else. */
static bool is_end(const Walk *w, uint32_t value) {
        return value >= (w->fat->bits == 32 ? 0x0ffffff8 : w->fat->bits == 16 ? 0xfff8 : 0xff8);
}

/* Follow the chain from @cluster on; 0 is that of an empty file. */
static int follow(Walk *w, uint32_t cluster, Chain *ret) {
        Chain chain = { .broken = cluster != 0 && !is_cluster(w, cluster) };
        uint32_t next;
        int r;

        for (; is_cluster(w, cluster); cluster = next) {
                if (w->naming)
                        chain.shared = get_bit(w->shared, cluster);
                else if (set_bit(w->used, cluster)) {
                        set_bit(w->shared, cluster);
                        chain.shared = true;
                }
                /* The rest of the chain is owned twice, too: the walk that was here first has
                 * followed it. The second limit is for a table that changes while it is read. */
                if (chain.shared || chain.n >= w->fat->n_clusters)
                        break;
                chain.n++;
                r = table_get(w, cluster, &next);
                if (r < 0)
                        return r;
                chain.broken = !is_cluster(w, next) && !is_end(w, next);
        }
        *ret = chain;
        return 0;
}

/* Replace characters that a terminal, a log or a path cannot hold. */
static char name_char(uint32_t unit) {
        return (char) (unit < ' ' || unit > '~' || unit == '/' || unit == '\\' ? '?' : unit);
}

static void take_long_name(LongName *name, const uint8_t *entry) {
        static const uint8_t at[PART_UNITS] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
        unsigned part = entry[0] & 0x3f;

        if (entry[0] & PART_LAST)
                *name = (LongName){ .checksum = entry[13], .missing = part };
        if (part == 0 || part > NAME_MAX_UNITS / PART_UNITS || part != name->missing ||
            name->checksum != entry[13]) {
                *name = (LongName){};
                return;
        }
        for (size_t i = 0; i < PART_UNITS; i++) {
                uint32_t unit = get16(entry + at[i]);

                if (unit == 0)
                        break;
                name->text[(part - 1) * PART_UNITS + i] = name_char(unit);
        }
        name->missing--;
}

/* A long name whose file is gone must not become that of the next one. */
static bool long_name_belongs(const LongName *name, const uint8_t *entry) {
        uint8_t sum = 0;

        for (size_t i = 0; i < 11; i++)
                sum = (uint8_t) ((sum & 1 ? 0x80 : 0) + (sum >> 1) + entry[i]);
        return name->text[0] != '\0' && name->missing == 0 && name->checksum == sum;
}

/* "NAME    EXT" without its blanks, in lower case where Windows NT says so. */
static void take_short_name(LongName *name, const uint8_t *entry) {
        size_t n = 0;

        for (size_t i = 0; i < 11; i++) {
                bool lower = entry[12] & (i < 8 ? CASE_LOWER_BASE : CASE_LOWER_SUFFIX);
                char c = name_char(entry[i]);

                if (i == 8 && c != ' ')
                        name->text[n++] = '.';
                if (c != ' ')
                        name->text[n++] =
                                        (char) (lower && c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
        }
        name->text[n] = '\0';
}

static int add_sharer(Walk *w, const char *path, uint64_t offset, bool directory, bool unwritten) {
        FatReport *report = w->report;
        char *copy;

        if (report->n_sharers >= SHARERS_MAX)
                return -EUCLEAN;
        if (!ARRAY_RESERVE(report->sharers, report->n_allocated, report->n_sharers + 1))
                return -ENOMEM;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        report->sharers[report->n_sharers++] = (FatSharer){
                .path = copy,
                .offset = offset,
                .directory = directory,
                .unwritten = unwritten,
        };
        return 0;
}

static uint64_t cluster_offset(const Walk *w, uint32_t cluster) {
        return w->fat->data_offset + (cluster - 2) * w->fat->cluster_bytes;
}

/* A directory begins with itself. */
static int is_written(Walk *w, uint32_t cluster) {
        uint8_t name[sizeof(own_name) - 1];
        int r;

        r = w->read(cluster_offset(w, cluster), name, sizeof(name), w->userdata);
        return r < 0 ? r : memcmp(name, own_name, sizeof(name)) == 0;
}

static int walk_chain(Walk *w, const char *path, uint32_t cluster, uint64_t n, unsigned depth);

/* A directory entry that is in use and no part of a long name. */
static int walk_file(Walk *w, const char *path, const uint8_t *entry, uint64_t offset,
                     unsigned depth) {
        uint32_t cluster = get16(entry + 26), size = get32(entry + 28);
        bool directory = entry[11] & ATTRIBUTE_DIRECTORY;
        Chain chain;
        int r;

        if (w->fat->bits == 32)
                cluster |= get16(entry + 20) << 16;
        if (directory && is_cluster(w, cluster)) {
                r = is_written(w, cluster);
                if (r < 0)
                        return r;
                if (r == 0)
                        return w->naming ? add_sharer(w, path, offset, true, true) : 0;
        }
        r = follow(w, cluster, &chain);
        if (r < 0)
                return r;
        if (chain.shared)
                return w->naming ? add_sharer(w, path, offset, directory, false) : 0;
        if (!w->naming && (chain.broken || (!directory && chain.n * w->fat->cluster_bytes < size)))
                w->report->n_broken++;
        if (!directory)
                return 0;
        /* There is at least the cluster of ".". */
        return chain.n == 0 ? -EUCLEAN : walk_chain(w, path, cluster, chain.n, depth + 1);
}

/* One stretch of a directory, @size bytes at @offset. 1 to go on, 0 at the end of the directory. */
static int walk_entries(Walk *w, const char *path, uint64_t offset, size_t size, LongName *name,
                        unsigned depth) {
        _cleanup_free_ uint8_t *block = malloc(size);
        int r;

        if (!block)
                return -ENOMEM;
        r = w->read(offset, block, size, w->userdata);
        if (r < 0)
                return r;
        for (size_t i = 0; i + ENTRY_SIZE <= size; i += ENTRY_SIZE) {
                const uint8_t *entry = block + i;
                _cleanup_free_ char *child = NULL;

                if (entry[0] == 0)
                        return 0;
                if (entry[0] == ENTRY_FREE || memcmp(entry, own_name, 11) == 0 ||
                    memcmp(entry, "..         ", 11) == 0) {
                        *name = (LongName){};
                        continue;
                }
                if (entry[11] == ATTRIBUTE_LONG_NAME) {
                        take_long_name(name, entry);
                        continue;
                }
                if (!long_name_belongs(name, entry))
                        take_short_name(name, entry);
                child = strprintf("%s%s%s", path, *path ? "/" : "", name->text);
                *name = (LongName){};
                if (!child)
                        return -ENOMEM;
                if (entry[11] & ATTRIBUTE_VOLUME)
                        continue;
                r = walk_file(w, child, entry, offset + i, depth);
                if (r < 0)
                        return r;
        }
        return 1;
}

/* A directory whose chain of @n clusters was followed. */
static int walk_chain(Walk *w, const char *path, uint32_t cluster, uint64_t n, unsigned depth) {
        LongName name = {};

        if (depth > DEPTH_MAX)
                return -EUCLEAN;
        for (; n > 0 && is_cluster(w, cluster); n--) {
                int r = walk_entries(w, path, cluster_offset(w, cluster), w->fat->cluster_bytes,
                                     &name, depth);

                if (r <= 0)
                        return r;
                r = table_get(w, cluster, &cluster);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int walk_root(Walk *w) {
        LongName name = {};
        Chain chain;
        int r;

        if (w->fat->bits != 32) {
                r = walk_entries(w, "", w->fat->root_offset, w->fat->root_bytes, &name, 0);
                return MIN(r, 0);
        }
        r = follow(w, w->fat->root_cluster, &chain);
        if (r < 0)
                return r;
        /* In the first walk nothing was followed before it: then it meets itself. */
        if (!w->naming && (chain.n == 0 || chain.shared))
                return -EUCLEAN;
        if (!w->naming && chain.broken)
                w->report->n_broken++;
        /* It is entered in any case, as far as it goes: who shares its clusters is to be named. */
        return walk_chain(w, "", w->fat->root_cluster, w->fat->n_clusters, 0);
}

int fat_check(const Fat *fat, fat_read_t read, void *userdata, FatReport *ret) {
        size_t size = ((size_t) fat->n_clusters + 2) / 8 + 1;
        _cleanup_free_ uint8_t *used = calloc(1, size), *shared = calloc(1, size);
        _cleanup_(fat_report_done) FatReport report = {};
        Walk w = {
                .fat = fat,
                .read = read,
                .userdata = userdata,
                .report = &report,
                .used = used,
                .shared = shared,
                .window_offset = UINT64_MAX,
        };
        int r;

        assert(read);
        assert(ret);

        if (!used || !shared)
                return -ENOMEM;
        r = walk_root(&w);
        if (r < 0)
                return r;
        w.naming = true;
        r = walk_root(&w);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(report);
        return 0;
}
