/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* After a power cut NAME and NAME.new may lead to the same clusters: the rename had written the one
 * directory slot and not yet cleared the other. Unlinking such a NAME.new would free the clusters
 * of the live file, and fsck.vfat may well truncate the live one. So its slot is edited, in one
 * write of one sector, to be that of an empty file: whenever power fails, the live file keeps its
 * clusters. A directory may have a name and be unwritten yet, and fsck.vfat would take for its
 * files what lies in its cluster from before: its slot is made a free one. What else a power cut
 * leaves (clusters that nobody owns, a file that is shorter than its chain) is for fsck.vfat, which
 * is safe once nothing is shared. It makes files of clusters that nobody owns; those are removed
 * again through the mount, as any file is. */

#include "blocking/esp/esp-repair.h"

#include <fcntl.h>
#include <fnmatch.h>

#include "blocking/disk/block-fd.h"
#include "blocking/esp/esp-salvage.h"
#include "blocking/program/program.h"
#include "common/fd.h"
#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/esp/fat.h"
#include "core/loader/esp-path.h"
#include "core/loader/loader-files.h"

#define FSCK             "/sbin/fsck.vfat"
#define FSCK_REPAIRED    1 /* exit status; 0: nothing to do */
#define FSCK_TIMEOUT_SEC 600
#define FAT_ENTRY        32
#define NAMES_MAX        4

static int look(const EspDevice *d, const char *uuid, Fat *ret_fat, FatReport *ret, Error *error) {
        uint8_t sector[FAT_BOOT_SECTOR_SIZE];
        Fat fat;
        int r;

        r = esp_device_read(0, sector, sizeof(sector), (void *) d);
        if (r >= 0)
                r = fat_parse(sector, &fat);
        if (r >= 0)
                r = fat_check(&fat, esp_device_read, (void *) d, ret);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot follow the files on ESP '%s' (save what you need "
                                       "and check it with fsck.vfat)",
                                       uuid);
        *ret_fat = fat;
        return 0;
}

static int refuse(const FatReport *report, const char *uuid, Error *error) {
        _cleanup_strv_ char **paths = NULL;
        _cleanup_free_ char *names = NULL;

        for (size_t i = 0; i < report->n_sharers && i < NAMES_MAX; i++)
                if (strv_extend(&paths, report->sharers[i].path) < 0)
                        return -ENOMEM;
        names = strv_join(paths, "', '");
        return error_set(error, ERROR_NOT_AN_ESP,
                         "The file system of ESP '%s' is damaged, clusters of '%s'%s are used "
                         "twice; it is left as it is, save what you need and format it anew",
                         uuid, strempty(names), report->n_sharers > NAMES_MAX ? " and others" : "");
}

/* The aliases that Linux gives to what we stage. A slot shows its alias if the long name before it,
 * which lies in another sector, was cleared already. */
static bool is_alias_of_leftover(const char *path) {
        static const char *const patterns[] = {
                ESP_KERNEL_DIR "/*/VM????~?.NEW",     /* vmlinuz-VER.new */
                ESP_KERNEL_DIR "/*/IN????~?.NEW",     /* initrd.img-VER.new */
                ESP_ENTRY_DIR "/PR????~?.NEW",        /* proxmox-VER.conf.new */
                "loader/LO????~?.NEW",                /* loader.conf.new */
                ESP_SYSTEMD_BOOT_DIR "/SY????~?.NEW", /* systemd-bootx64.efi.new */
                ESP_REMOVABLE_DIR "/BO????~?.NEW",    /* BOOTX64.EFI.new */
                ESP_REMOVABLE_DIR "/GR????~?.NEW",    /* grub.cfg.new */
        };

        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                if (fnmatch(patterns[i], path, FNM_PATHNAME | FNM_CASEFOLD | FNM_NOESCAPE) == 0)
                        return true;
        return false;
}

/* A directory that we make: that of a kernel, by whatever name, or that of the entries. */
static bool is_our_dir(const char *path) {
        const char *name = startswith(path, ESP_KERNEL_DIR "/");

        return streq(path, ESP_ENTRY_DIR) || (name && !strchr(name, '/'));
}

/* Only a file that we staged is made empty, and only a directory that we made is taken away, which
 * had no files yet. */
static bool is_our_leftover(const FatSharer *sharer) {
        _cleanup_free_ char *path = NULL;

        if (esp_path_respell(sharer->path, NULL, &path) < 0)
                return false;
        if (sharer->directory)
                return sharer->unwritten && is_our_dir(path);
        return esp_path_is_leftover(path) || is_alias_of_leftover(path);
}

/* Without the leftovers nothing is shared any more, or it is damage of another kind: then a
 * leftover that is cut off has lost nothing either, since its source is in boot/. */
static int cut_leftovers(int fd, const FatReport *report, const char *uuid, Error *error) {
        size_t n = 0;

        for (size_t i = 0; i < report->n_sharers; i++) {
                const FatSharer *sharer = &report->sharers[i];
                uint8_t entry[FAT_ENTRY];

                if (!is_our_leftover(sharer))
                        continue;
                if (pread(fd, entry, sizeof(entry), (off_t) sharer->offset) != sizeof(entry))
                        return error_set_errno(error, EIO, "Cannot read from ESP '%s'", uuid);
                fat_entry_cut(entry, sharer->directory);
                if (pwrite(fd, entry, sizeof(entry), (off_t) sharer->offset) != sizeof(entry))
                        return error_set_errno(error, EIO, "Cannot write to ESP '%s'", uuid);
                n++;
        }
        if (n == 0)
                return refuse(report, uuid, error);
        return fsync(fd) < 0 ? error_set_errno(error, errno, "Cannot write to ESP '%s'", uuid) : 0;
}

static int run_fsck(int fd, const char *uuid, const CopyWatch *watch, Error *error) {
        static const char *const argv[] = { FSCK, "-a", "/proc/self/fd/3", NULL };
        int r = program_run(argv, fd, FSCK_TIMEOUT_SEC, watch, error);

        if (r < 0)
                return r;
        if (r > FSCK_REPAIRED)
                return error_set(error, ERROR_FAILED,
                                 "fsck.vfat could not repair ESP '%s' (exit status %d, see the "
                                 "journal); check it by hand",
                                 uuid, r);
        return fsync(fd) < 0 ? error_set_errno(error, errno, "Cannot write to ESP '%s'", uuid) : 0;
}

int esp_repair_fat(int fd, const char *uuid, const CopyWatch *watch, Error *error) {
        _cleanup_(fat_report_done) FatReport before = {}, between = {}, after = {};
        const EspDevice device = { .fd = fd };
        Fat fat;
        int r;

        r = look(&device, uuid, &fat, &before, error);
        if (r < 0)
                return r;
        if (before.n_sharers > 0) {
                r = cut_leftovers(fd, &before, uuid, error);
                if (r >= 0)
                        r = look(&device, uuid, &fat, &between, error);
                if (r < 0)
                        return r;
                if (between.n_sharers > 0)
                        return refuse(&between, uuid, error);
        }
        if (!fat.dirty && before.n_sharers == 0 && before.n_broken == 0)
                return 0;

        r = run_fsck(fd, uuid, watch, error);
        if (r >= 0)
                r = look(&device, uuid, &fat, &after, error);
        if (r < 0)
                return r;
        if (fat.dirty || after.n_sharers > 0 || after.n_broken > 0)
                return error_set(error, ERROR_FAILED,
                                 "fsck.vfat did not repair ESP '%s' (see the journal); check it by "
                                 "hand",
                                 uuid);
        return 0;
}

/* O_EXCL on a block device: nobody has it mounted, and nobody will while it is open. */
static int open_exclusively(const EspVolume *v, Error *error) {
        int fd = block_fd_claim(v->device.fd, O_RDWR, BLOCK_CLAIM_TRIES);

        return fd < 0 ? error_set_errno(error, fd, "Cannot open the disk of ESP '%s' to repair it",
                                        v->uuid)
                      : fd;
}

/* A volume that somebody else has mounted can be looked at, and refused. */
static int look_only(const EspVolume *v, Error *error) {
        _cleanup_(fat_report_done) FatReport report = {};
        Fat fat;
        int r;

        r = look(&v->device, v->uuid, &fat, &report, error);
        if (r < 0)
                return r;
        return report.n_sharers > 0 ? refuse(&report, v->uuid, error) : 0;
}

int esp_repair(EspVolume *v, const CopyWatch *watch, Error *error) {
        _cleanup_free_ char *target = NULL;
        _cleanup_strv_ char **salvaged = NULL;
        _cleanup_close_ int fd = -EBADF;
        bool read_only, mounted;
        int r;

        if (v->device.fd < 0)
                return 0;
        r = esp_device_begin_writing(&v->device, v->mount.root, v->uuid, error);
        if (r >= 0)
                r = esp_salvage_list(v, &salvaged, error);
        if (r >= 0)
                r = esp_volume_close(v, error);
        if (r < 0)
                return r;
        r = esp_device_find_mount(&v->device, &target, &read_only);
        if (r < 0)
                return error_set_errno(error, r, "Cannot see where ESP '%s' is mounted", v->uuid);
        mounted = r > 0;
        if (mounted)
                r = look_only(v, error);
        else {
                r = fd = open_exclusively(v, error);
                if (r >= 0)
                        r = esp_repair_fat(fd, v->uuid, watch, error);
                fd = safe_close(fd);
        }
        if (r >= 0)
                r = esp_volume_mount(v, true, error);
        return r < 0 || mounted ? r : esp_salvage_drop(v, salvaged, error);
}
