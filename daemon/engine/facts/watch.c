/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* inotify on the directories that hold our truth. It keeps one bit, "dirty": what happened is not
 * remembered, because the files are read again anyway; a lost event (queue overflow) is the same
 * bit. A directory that does not exist is waited for at its nearest existing ancestor. A file that
 * was only created is not a change yet: it counts when it is closed, or renamed into place.
 *
 * inotify's instances and watches are counted for each user, so that any program of root's can use
 * up what we need. As long as one directory cannot be watched, a slow timer has everything read
 * anew, and tries inotify again. */

#include "engine/facts/watch.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/loader/loader-files.h"

#define UNREST_MAX_USEC (30 * UINT64_C(1000000))
#define POLL_USEC       (60 * UINT64_C(1000000))
#define DRAIN_MAX       64
#define ARM_TRIES_MAX   3

#define DIRECTORY_EVENTS                                                                         \
        (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | \
         IN_MOVE_SELF | IN_ONLYDIR)
#define ANCESTOR_EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static const char *const directories[] = {
        PATH_BY_UUID,       PATH_BOOT,       PATH_ETC_KERNEL,     "etc/default",
        PATH_GRUB_CONF_DIR, PATH_CONFIG_DIR, PATH_CONFIG_DROPINS, PATH_DPKG,
        PATH_DPKG_UPDATES,  PATH_GRUB_DIR,   SYSTEMD_BOOT_DIR,    PATH_DKMS,
        PATH_EFI_VARIABLES,
};
/* Indices of those whose content is not what is read. */
#define DEVICES  0
#define FIRMWARE (ELEMENTSOF(directories) - 1)

struct Watch {
        sd_event *event;
        const Root *root;
        int inotify_fd;                        /* negative: there is none to be had */
        int wd[ELEMENTSOF(directories)];       /* of the directory, or -errno */
        int ancestor[ELEMENTSOF(directories)]; /* of its nearest existing ancestor, or -errno */
        sd_event_source *source, *timer, *poll;
        uint64_t poll_usec;
        bool polling;            /* inotify does not do, but the timer */
        char *trouble;           /* why, one sentence; NULL: out of memory, or not polling */
        const char *remedy;      /* a command; constant */
        bool devices_known;      /* from an earlier poll: */
        struct timespec devices; /* when dev/disk/by-uuid was changed; 0: there is none */
        uint64_t settle_usec;
        bool dirty;
        uint64_t dirty_since;
        const WatchListener *listener;
        void *userdata;
};

Watch *watch_free(Watch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->source);
        sd_event_source_disable_unref(watch->timer);
        sd_event_source_disable_unref(watch->poll);
        free(watch->trouble);
        safe_close(watch->inotify_fd);
        sd_event_unref(watch->event);
        return mfree(watch);
}

static int add_watch(Watch *watch, const char *path, uint32_t mask) {
        _cleanup_close_ int fd = root_openat(watch->root, path, O_PATH | O_DIRECTORY, 0);
        char link[sizeof("/proc/self/fd/") + 10];
        int wd;

        if (fd < 0)
                return fd;
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        wd = inotify_add_watch(watch->inotify_fd, link, mask);
        return wd < 0 ? -errno : wd;
}

static bool wd_in_use(const Watch *watch, int wd) {
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (watch->wd[i] == wd || watch->ancestor[i] == wd)
                        return true;
        return false;
}

static bool is_absent(int r) {
        return r == -ENOENT || r == -ENOTDIR;
}

/* Directories that share an ancestor share a watch descriptor, and a directory that is itself one
 * of ours must keep the larger mask: its own watch is added after the ancestors'. */
static int add_ancestor(Watch *watch, const char *directory) {
        char path[PATH_MAX];
        char *slash;

        (void) snprintf(path, sizeof(path), "%s", directory);
        while ((slash = strrchr(path, '/'))) {
                int wd;

                *slash = '\0';
                wd = add_watch(watch, path, ANCESTOR_EVENTS);
                if (!is_absent(wd))
                        return wd;
        }
        return add_watch(watch, ".", ANCESTOR_EVENTS);
}

static int on_inotify(sd_event_source *source, int fd, uint32_t revents, void *userdata);

static int open_inotify(Watch *watch) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (watch->inotify_fd >= 0)
                return 0;
        fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = sd_event_add_io(watch->event, &watch->source, fd, EPOLLIN, on_inotify, watch);
        if (r < 0)
                return r;
        watch->inotify_fd = TAKE_FD(fd);
        return 0;
}

/* -errno with the directory that is not watched, nor an ancestor that it would appear in. -ENOENT
 * if it went between two looks. */
static int arm_all(Watch *watch, size_t *ret_failed) {
        int old[ELEMENTSOF(directories)], r = 0;

        memcpy(old, watch->ancestor, sizeof(old));
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                _cleanup_close_ int fd =
                                root_openat(watch->root, directories[i], O_PATH | O_DIRECTORY, 0);

                watch->ancestor[i] = fd >= 0 ? -ENOENT : add_ancestor(watch, directories[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                int wd = add_watch(watch, directories[i], DIRECTORY_EVENTS);

                watch->wd[i] = wd;
                if (is_absent(wd))
                        wd = watch->ancestor[i];
                if (wd < 0 && r == 0) {
                        r = wd;
                        *ret_failed = i;
                }
        }
        for (size_t i = 0; i < ELEMENTSOF(old); i++)
                if (old[i] >= 0 && !wd_in_use(watch, old[i]))
                        (void) inotify_rm_watch(watch->inotify_fd, old[i]);
        return r;
}

/* @directory is NULL if there is not even an instance. NULL when out of memory. */
static char *explain(int r, const char *directory) {
        if (!directory && r == -EMFILE)
                return strdup("No inotify instance is left, so changes are noticed once a minute "
                              "only; raise fs.inotify.max_user_instances with sysctl(8).");
        if (directory && r == -ENOSPC)
                return strprintf("No inotify watch is left for '/%s', so changes are noticed once "
                                 "a minute only; raise fs.inotify.max_user_watches with sysctl(8).",
                                 directory);
        return strprintf("%s%s%s cannot be watched, so changes are noticed once a minute only: %s.",
                         directory ? "'/" : "The files", strempty(directory), directory ? "'" : "",
                         strerror(-r));
}

static const char *find_remedy(int r, const char *directory) {
        if (!directory && r == -EMFILE)
                return "sysctl fs.inotify.max_user_instances=1024";
        if (directory && r == -ENOSPC)
                return "sysctl fs.inotify.max_user_watches=1048576";
        return "systemctl restart bootsyncd";
}

static void start_polling(Watch *watch, int r, const char *directory) {
        free(watch->trouble);
        watch->trouble = explain(r, directory);
        watch->remedy = find_remedy(r, directory);
        if (watch->polling)
                return;
        watch->polling = true;
        watch->devices_known = false;
        (void) sd_event_source_set_time_relative(watch->poll, watch->poll_usec);
        (void) sd_event_source_set_enabled(watch->poll, SD_EVENT_ONESHOT);
}

static void stop_polling(Watch *watch) {
        if (!watch->polling)
                return;
        watch->polling = false;
        watch->trouble = mfree(watch->trouble);
        (void) sd_event_source_set_enabled(watch->poll, SD_EVENT_OFF);
        log_event(LOG_NOTICE, MSG_WATCH_BACK, NULL,
                  "The files are watched by inotify again, so changes are noticed at once.");
}

/* True if it has begun or ended that inotify does not do. */
static bool arm(Watch *watch) {
        bool polling = watch->polling;
        size_t failed = 0;
        int r;

        r = open_inotify(watch);
        if (r < 0) {
                start_polling(watch, r, NULL);
                return !polling;
        }
        for (unsigned i = 0; i < ARM_TRIES_MAX; i++) {
                r = arm_all(watch, &failed);
                if (!is_absent(r))
                        break;
        }
        if (r < 0)
                start_polling(watch, r, directories[failed]);
        else
                stop_polling(watch);
        return watch->polling != polling;
}

static void mark_dirty(Watch *watch) {
        uint64_t now, due;

        if (sd_event_now(watch->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        if (!watch->dirty) {
                watch->dirty = true;
                watch->dirty_since = now;
        }
        due = MIN(now + watch->settle_usec, watch->dirty_since + UNREST_MAX_USEC);
        (void) sd_event_source_set_time(watch->timer, due);
        (void) sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

/* The time of a directory changes with each name in it. True also if nothing is known yet. */
static bool devices_have_changed(Watch *watch) {
        struct timespec now = {};
        bool changed;
        struct stat st;

        if (root_stat(watch->root, directories[DEVICES], &st) >= 0)
                now = st.st_mtim;
        changed = !watch->devices_known || now.tv_sec != watch->devices.tv_sec ||
                  now.tv_nsec != watch->devices.tv_nsec;
        watch->devices = now;
        watch->devices_known = true;
        return changed;
}

/* Armed first, so that what changes while everything is read anew is heard of. */
static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
        Watch *watch = userdata;
        bool turned = arm(watch);

        if (watch->polling) {
                (void) sd_event_source_set_time_relative(source, watch->poll_usec);
                (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        if (turned)
                watch->listener->turned(watch->userdata);
        if (devices_have_changed(watch)) {
                mark_dirty(watch);
                watch->listener->devices(watch->userdata);
        } else
                watch->listener->polled(watch->userdata);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Watch *watch = userdata;

        watch->dirty = false;
        watch->listener->settled(watch->userdata);
        return 0;
}

/* Names that package tools use on the way, and our own temporary files. */
static bool is_temporary(const char *name) {
        static const char *const suffixes[] = { ".dpkg-new", ".dpkg-tmp", ".dpkg-old", ".new",
                                                ".tmp",      ".bak",      "~",         ".swp" };

        if (name[0] == '.')
                return true;
        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (endswith(name, suffixes[i]))
                        return true;
        return false;
}

/* A fresh regular file with one link is still being written; a symlink or hard link is complete. */
static bool creation_is_complete(const Watch *watch, size_t i, const char *name) {
        _cleanup_close_ int fd = root_openat(watch->root, directories[i], O_PATH | O_DIRECTORY, 0);
        struct stat st;

        if (fd < 0 || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        return !S_ISREG(st.st_mode) || st.st_nlink > 1;
}

/* Variables of the firmware and of shim: UEFI 2.10, 3.3, and shim's MokVars.txt. */
static bool is_of_keys(const char *name) {
        static const char *const prefixes[] = { "PK-",       "KEK-", "db-",      "dbx-",
                                                "SetupMode", "Mok",  "SbatLevel" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (startswith(name, prefixes[i]))
                        return true;
        return false;
}

/* One reading of events asks for this. */
typedef struct News {
        bool arm, devices, firmware, keys;
} News;

static void handle_event(Watch *watch, const struct inotify_event *e, News *news) {
        bool known = false;

        if (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) ||
            (e->mask & IN_ISDIR && e->mask & (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM)))
                news->arm = true;
        if (e->mask & IN_Q_OVERFLOW) {
                news->devices = news->firmware = news->keys = true;
                mark_dirty(watch);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                if (watch->wd[i] != e->wd)
                        continue;
                known = true;
                if (i == FIRMWARE) {
                        news->firmware = true;
                        news->keys |= e->len > 0 && is_of_keys(e->name);
                        continue;
                }
                if (i == DEVICES)
                        news->devices = true;
                else if (e->len > 0 && is_temporary(e->name))
                        continue;
                else if (e->mask & IN_CREATE && e->len > 0 &&
                         !creation_is_complete(watch, i, e->name))
                        continue;
                mark_dirty(watch);
        }
        /* Something appeared where a directory of ours is missing. */
        if (!known && news->arm)
                mark_dirty(watch);
}

/* False if there is nothing to hear. */
static bool hear(Watch *watch) {
        char buffer[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
        News news = {};
        ssize_t n;

        n = read(watch->inotify_fd, buffer, sizeof(buffer));
        if (n <= 0)
                return false;
        for (char *p = buffer; p < buffer + n;) {
                const struct inotify_event *e = (const struct inotify_event *) p;

                handle_event(watch, e, &news);
                p += sizeof(*e) + e->len;
        }
        if (news.arm && arm(watch))
                watch->listener->turned(watch->userdata);
        if (news.devices || (news.arm && watch->wd[DEVICES] >= 0))
                watch->listener->devices(watch->userdata);
        if (news.firmware)
                watch->listener->firmware(news.keys, watch->userdata);
        return true;
}

static int on_inotify(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) hear(userdata);
        return 0;
}

static int add_timer(Watch *watch, sd_event_time_handler_t handler, sd_event_source **ret) {
        int r = sd_event_add_time(watch->event, ret, CLOCK_MONOTONIC, 0, 0, handler, watch);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int watch_new(sd_event *event, const Root *root, unsigned poll_percent,
              const WatchListener *listener, void *userdata, Watch **ret) {
        _cleanup_(watch_freep) Watch *watch = malloc(sizeof(*watch));
        int r;

        if (!watch)
                return -ENOMEM;
        *watch = (Watch){
                .event = sd_event_ref(event),
                .root = root,
                .inotify_fd = -EBADF,
                .poll_usec = POLL_USEC / 100 * poll_percent,
                .listener = listener,
                .userdata = userdata,
        };
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                watch->wd[i] = watch->ancestor[i] = -ENOENT;
        r = add_timer(watch, on_timer, &watch->timer);
        if (r >= 0)
                r = add_timer(watch, on_poll, &watch->poll);
        if (r < 0)
                return r;
        (void) arm(watch);
        *ret = TAKE_PTR(watch);
        return 0;
}

WatchTrouble watch_trouble(const Watch *watch) {
        return (WatchTrouble){
                .reason = watch->polling ? strempty(watch->trouble) : NULL,
                .remedy = watch->trouble ? watch->remedy : "",
        };
}

void watch_set_settle(Watch *watch, uint64_t sec) {
        watch->settle_usec = sec * 1000000;
}

void watch_drain(Watch *watch) {
        /* Bounded: whoever changes files without a pause is heard in the event loop. */
        for (unsigned i = 0; i < DRAIN_MAX && hear(watch); i++)
                ;
}

void watch_clear(Watch *watch) {
        watch->dirty = false;
        (void) sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
}
