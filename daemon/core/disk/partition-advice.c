/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Suggestions, over values: nothing is looked up here, and what a survey did not find out is not
 * guessed. A partition that holds anything is never suggested to be formatted. A disk of the root
 * without an ESP is no fault of the ESPs that there are, so it changes no verdict; but the host
 * does not boot when all others fail, though its data would be there. */

#include "core/disk/partition-advice.h"

#include "common/string-util.h"

#define TYPE_BIOS_BOOT "21686148-6449-6e6f-744e-656564454649"

void partition_advice_done(PartitionAdvice *a) {
        free(a->why);
        strv_free(a->commands);
        *a = (PartitionAdvice){};
}

/* Data on a FAT are somebody's, too, so that what an ESP lacks there is told, and not how to format
 * it. */
static int explain_unusable(const Partition *p, bool listed, const Error *init, const Error *format,
                            char **ret) {
        *ret = listed                          ? strprintf("'%s' is an ESP on the list", p->device)
               : streq_ptr(p->fs_type, "vfat") ? strdup(strempty(init->message))
                                               : strdup(strempty(format->message));
        return *ret ? 0 : -ENOMEM;
}

int partition_advise(const Partition *p, const Partitions *all, bool listed, PartitionAdvice *ret) {
        _cleanup_(partition_advice_done) PartitionAdvice advice = {};
        _cleanup_error_ Error init = {}, format = {};
        bool ready = !listed && partition_check_init(p, all, &init) >= 0;
        bool empty = !listed && !ready && partition_check_format(p, false, &format) >= 0;
        int r = 0;

        advice.usable = ready || empty;
        if (advice.usable)
                advice.why = strdup("");
        else
                r = explain_unusable(p, listed, &init, &format, &advice.why);
        if (r >= 0 && empty)
                r = strv_extendf(&advice.commands, "bootctl-pve format %s", p->device);
        if (r >= 0 && advice.usable)
                r = strv_extendf(&advice.commands, "bootctl-pve init %s", p->device);
        if (r < 0 || !advice.why)
                return -ENOMEM;
        *ret = TAKE_STRUCT(advice);
        return 0;
}

const char *disk_carries(const Partitions *all, const char *disk) {
        for (size_t i = 0; i < all->n; i++)
                if (all->items[i].carries && streq(all->items[i].disk, disk))
                        return all->items[i].carries;
        return NULL;
}

/* The first partition of the disk that is of an ESP's type, or, with @member, that is part of
 * something. */
static const Partition *find_on(const Partitions *all, const Partition *disk, bool member) {
        for (size_t i = 0; i < all->n; i++) {
                const Partition *p = &all->items[i];

                if (p->number > 0 && streq(p->disk, disk->device) &&
                    (member ? partition_member_of(p) != NULL : partition_is_esp(p)))
                        return p;
        }
        return NULL;
}

static bool has_partitions(const Partitions *all, const Partition *disk) {
        for (size_t i = 0; i < all->n; i++)
                if (all->items[i].number > 0 && streq(all->items[i].disk, disk->device))
                        return true;
        return false;
}

/* *@ret is NULL if there is nothing to be said. */
static int advise_root_disk(const Partition *disk, const Partitions *all, bool listed,
                            const char *carries, char **ret) {
        const Partition *esp = find_on(all, disk, false);

        if (listed)
                *ret = strprintf("'%s' carries the root (%s)", disk->device, carries);
        else if (esp)
                *ret = strprintf("'%s' carries the root (%s), and has an ESP, '%s', that is not on "
                                 "the list",
                                 disk->device, carries, esp->device);
        else
                *ret = strprintf("'%s' carries the root (%s), and has no ESP; the host cannot boot "
                                 "from it",
                                 disk->device, carries);
        return *ret ? 0 : -ENOMEM;
}

int disk_advise(const Partition *disk, const Partitions *all, bool listed, char **ret) {
        const char *carries = disk_carries(all, disk->device);
        const Partition *member = find_on(all, disk, true), *esp = find_on(all, disk, false);
        char *sentence;

        *ret = NULL;
        if (carries)
                return advise_root_disk(disk, all, listed, carries, ret);
        if (listed)
                return 0;
        if (esp)
                sentence = strprintf("'%s' has an ESP, '%s', that is not on the list", disk->device,
                                     esp->device);
        else if (member)
                sentence = strprintf("'%s' has no ESP, and is part of %s by '%s'; the host cannot "
                                     "boot from it",
                                     disk->device, partition_member_of(member), member->device);
        else if (partition_member_of(disk))
                sentence = strprintf("'%s' as a whole is part of %s, which leaves no room for an "
                                     "ESP",
                                     disk->device, partition_member_of(disk));
        else
                sentence = strprintf("'%s' has no %s", disk->device,
                                     has_partitions(all, disk) ? "ESP" : "partitions");
        *ret = sentence;
        return sentence ? 0 : -ENOMEM;
}

static const Partition *find_number(const Partitions *all, const char *disk, uint32_t number) {
        for (size_t i = 0; i < all->n; i++)
                if (all->items[i].number == number && streq(all->items[i].disk, disk))
                        return &all->items[i];
        return NULL;
}

/* Proxmox's installer makes a partition for GRUB on a BIOS, the ESP, and the one for the system. */
static bool is_place_of_esp(const Partitions *all, const Partition *p) {
        const Partition *first = find_number(all, p->disk, 1);

        return partition_is_esp(p) ||
               (p->number == 2 && first && streq_ptr(first->part_type, TYPE_BIOS_BOOT));
}

/* The advice on the partition that should be the ESP of @disk, one that is usable if there is one.
 * 1, 0 if there is none, or -ENOMEM. */
static int advise_place(const Partitions *all, const char *disk, PartitionAdvice *ret) {
        _cleanup_(partition_advice_done) PartitionAdvice found = {};

        for (size_t i = 0; i < all->n && !found.usable; i++) {
                _cleanup_(partition_advice_done) PartitionAdvice advice = {};
                const Partition *p = &all->items[i];

                if (p->number == 0 || !streq(p->disk, disk) || !is_place_of_esp(all, p))
                        continue;
                if (partition_advise(p, all, false, &advice) < 0)
                        return -ENOMEM;
                if (found.why && !advice.usable)
                        continue;
                partition_advice_done(&found);
                found = TAKE_STRUCT(advice);
        }
        if (!found.why)
                return 0;
        *ret = TAKE_STRUCT(found);
        return 1;
}

#define BARE ROOT_DISK_SENTENCE "'%s' carries the root (%s) but has no synced ESP"

/* @spare: there are ESPs on disks enough, so that nobody need partition this one anew. */
static int warn_of(const Partition *member, const Partitions *all, bool spare, Warnings *ret) {
        _cleanup_(partition_advice_done) PartitionAdvice advice = {};
        int r = advise_place(all, member->disk, &advice);
        char *sentence;

        if (r < 0 || (r == 0 && spare))
                return r;
        if (r == 0)
                sentence = strprintf(BARE ", nor a partition that could become one; make one of "
                                          "512 MiB, of the type of an ESP",
                                     member->disk, member->carries);
        else if (advice.usable)
                sentence = strprintf(BARE, member->disk, member->carries);
        else
                sentence = strprintf(BARE ": %s", member->disk, member->carries, advice.why);
        return warnings_add(ret, WARNING_ROOT_DISK_WITHOUT_ESP, member->disk, sentence,
                            advice.usable ? strv_join(advice.commands, " && ")
                                          : strdup("bootctl-pve esp candidates"));
}

static bool are_known(char *const *esp_disks) {
        for (char *const *disk = esp_disks; disk && *disk; disk++)
                if (isempty(*disk) || startswith(*disk, "/dev/md") || startswith(*disk, "/dev/dm-"))
                        return false;
        return !strv_isempty(esp_disks);
}

static bool are_several(char *const *esp_disks) {
        for (char *const *disk = esp_disks; *disk; disk++)
                if (!streq(*disk, esp_disks[0]))
                        return true;
        return false;
}

int root_disks_advise(const Partitions *all, char *const *esp_disks, Warnings *ret) {
        int r = 0;

        assert(all);
        assert(ret);

        if (!are_known(esp_disks))
                return 0;
        for (size_t i = 0; r >= 0 && i < all->n; i++) {
                const Partition *p = &all->items[i];

                /* The first of its disk that carries something speaks for it. */
                if (p->carries && disk_carries(all, p->disk) == p->carries &&
                    !strv_contains(esp_disks, p->disk))
                        r = warn_of(p, all, are_several(esp_disks), ret);
        }
        return r;
}
