/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB is many files, a piece of the disk outside of any file system, and a menu that is a program;
 * only its own tools know how to make them. What these print when they fail is what the user is
 * told. They take a minute and more where a host has many disks, since they ask each of them.
 *
 * grub-mkconfig takes the kernels that it finds in /boot, and writes their paths as the file system
 * there has them. So the ESP is mounted over /boot, where nobody else sees it; a kernel that is not
 * to be in the menu is hidden behind /dev/null, since GRUB's scripts take regular files only. It
 * writes its output in place, hence into run/bootsync: on the ESP a menu is staged as any file. */

#include "blocking/grub/grub-tools.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/mount.h>

#include "blocking/esp/esp-check.h"
#include "blocking/loader/loader-install.h"
#include "blocking/program/program.h"
#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/loader/loader-files.h"
#include "sys/block.h"
#include "sys/boot-dir.h"
#include "sys/file.h"

#define MKCONFIG    "/usr/sbin/grub-mkconfig"
#define CONFIG_MAX  (1024u * 1024)
#define INPUT_MAX   (1024u * 1024)
#define DEFAULTS    "etc/default/grub"
#define SNIPPETS    "etc/default/grub.d"
#define SCRIPTS     "etc/grub.d"
#define UNFINISHED  ".new" /* what grub-mkconfig has not found fault with yet */
#define PATH_FD_MAX sizeof("/proc/self/fd/-2147483648")
#define TIMEOUT_SEC 600

/* By this Proxmox's hooks, which GRUB's programs start, know that they are run for an ESP. */
#define QUIET_HOOKS "PVE_EFIBOOT_UNSHARED=1"

/* Run @argv (argv[0] is an absolute path below @root) as program_must_run() does, with ten minutes
 * of time. NotSupported if the program is not installed. */
static int run_grub(const Root *root, const char *const *argv, const CopyWatch *watch,
                    Error *error) {
        struct stat st;

        assert(argv[0][0] == '/');

        if (root_stat(root, argv[0] + 1, &st) < 0)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "'%s' is needed and not there; install the package grub2-common",
                                 argv[0]);
        return program_must_run(root, argv, QUIET_HOOKS, TIMEOUT_SEC, watch, error);
}

/* The mounts that are to be undone, in the reverse order. */
typedef struct Stage {
        int root_fd;   /* of the system */
        char **mounts; /* paths below it */
} Stage;

static int add_file(Buffer *b, const Root *root, const char *path) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(root, path, INPUT_MAX, &data, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        buffer_printf(b, "%s %zu\n", path, size);
        buffer_append(b, data, size);
        return 0;
}

static bool is_snippet(const char *name) {
        return name[0] != '.' && endswith(name, ".cfg");
}

/* As grub-mkconfig takes them: regular files, scripts if they may be executed. */
static bool is_input(const Root *root, const char *path, bool executable) {
        struct stat st;

        return root_stat(root, path, &st) >= 0 && S_ISREG(st.st_mode) &&
               (!executable || st.st_mode & 0111);
}

static int add_directory(Buffer *b, const Root *root, const char *directory, name_filter_t wanted,
                         bool executable) {
        _cleanup_strv_ char **names = NULL;
        int r;

        r = directory_list(root, directory, wanted, &names);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        strv_sort_uniq(names, strcmp);
        STRV_FOREACH(name, names) {
                _cleanup_free_ char *path = strprintf("%s/%s", directory, *name);

                if (!path)
                        return -ENOMEM;
                r = is_input(root, path, executable) ? add_file(b, root, path) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int digest(const void *data, size_t size, char ret_hex[static DIGEST_HEX_SIZE]) {
        unsigned char sha256[DIGEST_HEX_SIZE / 2];

        if (EVP_Digest(data, size, sha256, NULL, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        for (size_t i = 0; i < sizeof(sha256); i++)
                (void) snprintf(ret_hex + 2 * i, 3, "%02x", sha256[i]);
        return 0;
}

int grub_inputs_digest(const Root *root, char ret[static DIGEST_HEX_SIZE]) {
        _cleanup_(buffer_done) Buffer b = {};
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        assert(root);

        r = add_file(&b, root, DEFAULTS);
        if (r >= 0)
                r = add_directory(&b, root, SNIPPETS, is_snippet, false);
        if (r >= 0)
                r = add_directory(&b, root, SCRIPTS, NULL, true);
        if (r >= 0)
                r = add_file(&b, root, MKCONFIG + 1);
        if (r >= 0)
                r = buffer_take(&b, &data, &size);
        return r < 0 ? r : digest(data, size, ret);
}

static void fd_path(int fd, char ret[static PATH_FD_MAX]) {
        (void) snprintf(ret, PATH_FD_MAX, "/proc/self/fd/%d", fd);
}

/* Mount what @fd is over @path. */
static int cover(Stage *s, int fd, const char *path) {
        _cleanup_free_ char *target = strprintf("/proc/self/fd/%d/%s", s->root_fd, path);
        char source[PATH_FD_MAX];
        int r;

        r = target ? strv_extend(&s->mounts, target) : -ENOMEM;
        if (r < 0)
                return r;
        fd_path(fd, source);
        if (mount(source, target, NULL, MS_BIND, NULL) >= 0)
                return 0;
        r = -errno;
        (void) strv_remove(s->mounts, target);
        return r;
}

/* Should something be left in there that keeps it busy, it goes with that, or with us. */
static void stage_done(Stage *s) {
        for (size_t n = strv_length(s->mounts); n > 0; n--)
                (void) umount2(s->mounts[n - 1], UMOUNT_NOFOLLOW | MNT_DETACH);
        strv_free(s->mounts);
        safe_close(s->root_fd);
        *s = (Stage){ .root_fd = -EBADF };
}

static int hide(Stage *s, const EspVolume *v, const char *name) {
        _cleanup_free_ char *path = strprintf(PATH_BOOT "/%s", name);
        _cleanup_close_ int null_fd = -EBADF;
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        r = esp_stat(v, name, &st);
        if (r <= 0)
                return r;
        null_fd = root_openat(v->mount.root, "dev/null", O_PATH, 0);
        return null_fd < 0 ? null_fd : cover(s, null_fd, path);
}

static int set_stage(Stage *s, const EspVolume *v, char *const *hidden, Error *error) {
        _cleanup_close_ int boot_fd = -EBADF;
        int r;

        /* The path of a mount is walked once more when it is undone: no link may be in it. */
        boot_fd = root_openat(v->mount.root, PATH_BOOT, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
        r = boot_fd < 0 ? boot_fd : root_openat(v->mount.root, ".", O_PATH | O_DIRECTORY, 0);
        if (r >= 0) {
                s->root_fd = r;
                r = cover(s, v->fd, PATH_BOOT);
        }
        for (; r >= 0 && hidden && *hidden; hidden++)
                r = hide(s, v, *hidden);
        if (r < 0)
                return error_set_errno(error, r, "Cannot show ESP '%s' to grub-mkconfig as '/boot'",
                                       v->uuid);
        return 0;
}

/* GRUB shows a menu without a kernel, too: the one with the firmware's settings. */
static bool boots_something(const char *text, size_t size) {
        const char *line;
        size_t pos = 0, n;

        while (line_next(text, size, &pos, &line, &n) > 0) {
                text_trim(&line, &n);
                if (n > 6 && memcmp(line, "linux", 5) == 0 && (line[5] == ' ' || line[5] == '\t'))
                        return true;
        }
        return false;
}

/* @whose: "ESP 'AAAA-0001'", "this host". */
static int read_config(const Root *root, const char *path, const char *whose, char **ret_text,
                       size_t *ret_size, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(root, path, CONFIG_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot read the menu that grub-mkconfig has made for %s",
                                       whose);
        if (!boots_something(text, size))
                return error_set(error, ERROR_FAILED,
                                 "The menu that grub-mkconfig makes for %s has no kernel in it; "
                                 "look at '/" DEFAULTS "' and at the scripts in '/" SCRIPTS "'",
                                 whose);
        *ret_text = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

typedef struct Menu {
        const Root *root;
        const char *path;  /* of the file that it is written to */
        const char *whose; /* for people */
        const CopyWatch *watch;
} Menu;

/* Of what is in boot/ now; the file is there only while this runs. */
static int make(const Menu *m, char **ret_text, size_t *ret_size, Error *error) {
        _cleanup_free_ char *output = strprintf("/%s", m->path);
        _cleanup_free_ char *unfinished = strprintf("%s" UNFINISHED, m->path);
        const char *const argv[] = { MKCONFIG, "-o", output, NULL };
        int r;

        if (!output || !unfinished)
                return -ENOMEM;
        r = run_grub(m->root, argv, m->watch, error);
        if (r >= 0)
                r = read_config(m->root, m->path, m->whose, ret_text, ret_size, error);
        (void) file_remove(m->root, m->path);
        (void) file_remove(m->root, unfinished);
        return r;
}

int grub_make_config(EspVolume *v, char *const *hidden, const CopyWatch *watch, char **ret_text,
                     size_t *ret_size, Error *error) {
        _cleanup_free_ char *path = strprintf(PATH_RUN "/grub-%s.cfg", v->uuid);
        _cleanup_free_ char *whose = strprintf("ESP '%s'", v->uuid);
        _cleanup_(stage_done) Stage stage = { .root_fd = -EBADF };
        int r;

        assert(ret_text);
        assert(ret_size);

        if (!v->mount.root)
                return error_set(
                                error, ERROR_NOT_SUPPORTED,
                                "A menu of GRUB cannot be made for ESP '%s', which is a directory; "
                                "give a partition",
                                v->uuid);
        if (!path || !whose)
                return -ENOMEM;
        r = set_stage(&stage, v, hidden, error);
        if (r < 0)
                return r;
        return make(&(Menu){ v->mount.root, path, whose, watch }, ret_text, ret_size, error);
}

int grub_update_host(const Root *root, const CopyWatch *watch, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = root_mkdir_p(root, PATH_RUN, 0755);
        if (r < 0)
                return error_set_errno(error, r, "Cannot make '/" PATH_RUN "'");
        r = make(&(Menu){ root, PATH_RUN "/grub.cfg", "this host", watch }, &text, &size, error);
        if (r < 0)
                return r;
        r = file_replace(root, PATH_GRUB_MENU, text, size, 0600);
        return r < 0 ? error_set_errno(error, r, "Cannot replace '/" PATH_GRUB_MENU "'") : 0;
}

/* Proxmox's own tool, if it is installed beside us, puts a guard in front of grub-install. */
#define GRUB_INSTALL_DIVERTED "/usr/sbin/grub-install.real"
#define GRUB_INSTALL          "/usr/sbin/grub-install"

/* As grub-install writes it, but for a hint where to search first. */
#define GRUB_STUB_TEXT              \
        "search.fs_uuid %s root\n"  \
        "set prefix=($root)/grub\n" \
        "configfile $prefix/grub.cfg\n"

#define MOUNTED_AT "/" ESP_MOUNT_PATH

/* As Debian's and Proxmox's packages have them; grub-install takes them from there. */
#define SIGNED_SHIM "usr/lib/shim/shim" EFI_ARCH ".efi.signed"
#define SIGNED_GRUB "usr/lib/grub/" GRUB_EFI_TARGET "-signed/grub" EFI_ARCH ".efi.signed"

/* A signed GRUB has the menu's place not in itself, and looks for it beside itself. grub-install
 * tells it in the directory of the boot entry only, and behind GRUB; here it is there before. */
static int prepare_removable(Installer *i) {
        _cleanup_free_ char *text = strprintf(GRUB_STUB_TEXT, i->volume->uuid);
        int r;

        if (!text)
                return -ENOMEM;
        r = esp_stage_mkdir(i->volume, ESP_REMOVABLE_DIR, i->error);
        return r < 0 ? r : installer_put_text(i, ESP_GRUB_REMOVABLE_STUB, text);
}

static int run_grub_install(Installer *i, const char *const *options) {
        const Root *root = i->volume->mount.root;
        _cleanup_strv_ char **argv = NULL;
        struct stat st;
        int r;

        r = strv_extend(&argv, root_stat(root, GRUB_INSTALL_DIVERTED + 1, &st) >= 0
                                               ? GRUB_INSTALL_DIVERTED
                                               : GRUB_INSTALL);
        for (; r >= 0 && *options; options++)
                r = strv_extend(&argv, *options);
        if (r < 0)
                return r;
        return run_grub(root, (const char *const *) argv, i->watch, i->error);
}

/* 0 if what grub-install has written in place is on the disk as it is in the package. */
static int verify_copy(Installer *i, const char *path, const char *source) {
        PlanStep step = {
                .action = PLAN_CHECK,
                .path = (char *) path,
                .source = (char *) source,
        };
        _cleanup_(esp_file_done) EspFile found = {};
        struct stat st;
        int r;

        r = root_stat(i->root, source, &st);
        if (r < 0)
                return error_set_errno(i->error, r, "Cannot look at '/%s'", source);
        file_stamp_from_stat(&st, &step.stamp);
        r = esp_check(i->volume, i->root, &step, i->watch, &found, i->error);
        if (r < 0)
                return r;
        if (r == 0 || found.verdict != VERDICT_EQUAL)
                return error_set(i->error, ERROR_VERIFY_FAILED,
                                 "'%s' on ESP '%s' is not what '/%s' is, though grub-install has "
                                 "ended well; check the disk",
                                 path, i->volume->uuid, source);
        return 0;
}

/* With shim all that is signed is a copy. */
static int verify_signed(Installer *i) {
        struct stat st;
        int r;

        if (!esp_has_file(i->volume, ESP_SHIM) || root_stat(i->root, SIGNED_SHIM, &st) < 0)
                return 0;
        r = verify_copy(i, ESP_SHIM, SIGNED_SHIM);
        return r < 0 ? r : verify_copy(i, ESP_GRUB, SIGNED_GRUB);
}

/* @esp is the ESP as a root, so that what is on it can be copied there. */
static int copy_on_esp(Installer *i, const Root *esp, const char *from, const char *to) {
        const Root *packages = i->root;
        PlanStep step = {
                .action = PLAN_STAGE,
                .path = (char *) to,
                .source = (char *) from,
        };
        struct stat st;
        int r;

        r = root_stat(esp, from, &st);
        if (r < 0)
                return esp_fail(i->volume, i->error, r, "look at", from);
        file_stamp_from_stat(&st, &step.stamp);
        i->root = esp;
        r = installer_put(i, &step);
        i->root = packages;
        return r;
}

/* grub-install would write this place in place, too. So until everything else is there and was
 * verified, a firmware that knows no entry of this disk starts what it has always started: the
 * program itself comes last, by a rename. What shim starts comes before it. */
static int make_removable(Installer *i) {
        static const struct {
                const char *from, *to;
        } beside[] = {
                { ESP_GRUB, ESP_GRUB_REMOVABLE },
                { ESP_MOK_MANAGER, ESP_MOK_MANAGER_REMOVABLE },
        };
        bool shim = esp_has_file(i->volume, ESP_SHIM);
        _cleanup_(root_freep) Root *esp = NULL;
        char path[PATH_FD_MAX];
        int r;

        fd_path(i->volume->fd, path);
        r = root_open(path, &esp);
        if (r < 0)
                return error_set_errno(i->error, r, "Cannot open ESP '%s'", i->volume->uuid);
        for (size_t n = 0; r >= 0 && shim && n < ELEMENTSOF(beside); n++)
                if (esp_has_file(i->volume, beside[n].from))
                        r = copy_on_esp(i, esp, beside[n].from, beside[n].to);
        return r < 0 ? r : copy_on_esp(i, esp, shim ? ESP_SHIM : ESP_GRUB, ESP_REMOVABLE);
}

static int install_grub_efi(Installer *i) {
        static const char *const options[] = {
                "--target=" GRUB_EFI_TARGET,
                "--efi-directory=" MOUNTED_AT,
                "--boot-directory=" MOUNTED_AT,
                "--bootloader-id=proxmox",
                "--no-nvram",
                NULL,
        };
        int r;

        r = prepare_removable(i);
        if (r >= 0)
                r = run_grub_install(i, options);
        if (r >= 0)
                r = esp_commit_barrier(&i->commit, i->error);
        if (r >= 0)
                r = verify_signed(i);
        return r < 0 ? r : make_removable(i);
}

static int install_grub_bios(Installer *i) {
        _cleanup_(block_device_done) BlockDevice device = {};
        _cleanup_free_ char *disk = NULL;
        const char *options[] = { "--target=i386-pc", "--boot-directory=" MOUNTED_AT, NULL, NULL };
        int r;

        r = block_device_at(i->volume->mount.root, i->volume->device.number, &device);
        if (r >= 0)
                r = (disk = strprintf("/dev/%s", device.disk)) ? 0 : -ENOMEM;
        if (r < 0)
                return error_set_errno(i->error, r,
                                       "Cannot see on which disk ESP '%s' is (is /sys mounted?)",
                                       i->volume->uuid);
        options[2] = disk;
        return run_grub_install(i, options);
}

static int install(Installer *i) {
        return i->uefi ? install_grub_efi(i) : install_grub_bios(i);
}

static int check(const EspVolume *v, const Root *root, Error *error) {
        if (v->device.fd < 0)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "GRUB cannot be installed on ESP '%s', which is a directory; give "
                                 "a partition, or choose systemd-boot",
                                 v->uuid);
        return 0;
}

static const char *const *files(bool uefi) {
        static const char *const of_efi[] = { ESP_GRUB, ESP_REMOVABLE, NULL };
        static const char *const of_bios[] = { ESP_GRUB_BIOS_IMAGE, NULL };

        return uefi ? of_efi : of_bios;
}

static const char *efi_path(const EspVolume *v) {
        return esp_has_file(v, ESP_SHIM) ? "\\EFI\\proxmox\\shim" EFI_ARCH ".efi"
                                         : "\\EFI\\proxmox\\grub" EFI_ARCH ".efi";
}

const LoaderInstall loader_install_grub = {
        .check = check,
        .install = install,
        .files = files,
        .efi_path = efi_path,
        .entry_suffix = "",
};
