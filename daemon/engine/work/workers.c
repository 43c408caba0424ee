/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* While a worker hangs on a dead disk, its ESP is left aside: no second worker is started for it,
 * and nothing waits. All that is kept of such a straggler is a pidfd that becomes readable when the
 * kernel lets go of the process at last. One list has them all, whatever errand they were on. */

#include "engine/work/workers.h"

#include <sys/pidfd.h>

#include "common/fd.h"
#include "common/string-util.h"

typedef struct Straggler {
        Workers *workers;
        char *esp_uuid; /* NULL: at work on no ESP */
        Task *task;     /* NULL: a worker of an earlier daemon, known by its pidfd */
        int pidfd;
        sd_event_source *source;
} Straggler;

struct Workers {
        WorkerConfig config;
        straggler_ended_t ended;
        void *userdata;
        Straggler **stragglers;
        size_t n_stragglers, n_allocated;
        char *looked_at; /* FAT UUID of an ESP; NULL: none */
};

static Straggler *straggler_free(Straggler *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->source);
        safe_close(s->pidfd);
        task_free(s->task);
        free(s->esp_uuid);
        return mfree(s);
}
DEFINE_CLEANUP(Straggler *, straggler_free)

Workers *workers_free(Workers *w) {
        if (!w)
                return NULL;
        for (size_t i = 0; i < w->n_stragglers; i++)
                straggler_free(w->stragglers[i]);
        free(w->stragglers);
        free(w->looked_at);
        sd_event_unref(w->config.event);
        return mfree(w);
}

int workers_new(const WorkerConfig *config, straggler_ended_t ended, void *userdata,
                Workers **ret) {
        Workers *w = malloc(sizeof(*w));

        if (!w)
                return -ENOMEM;
        *w = (Workers){
                .config = *config,
                .ended = ended,
                .userdata = userdata,
        };
        (void) sd_event_ref(w->config.event);
        *ret = w;
        return 0;
}

const WorkerConfig *workers_config(const Workers *w) {
        return &w->config;
}

bool workers_have_straggler(const Workers *w, const char *esp_uuid) {
        for (size_t i = 0; i < w->n_stragglers; i++)
                if (streq_ptr(w->stragglers[i]->esp_uuid, esp_uuid))
                        return true;
        return false;
}

/* Out of the list first, so that whoever hears of it finds no straggler any more. */
static void end_straggler(Straggler *ended) {
        _cleanup_(straggler_freep) Straggler *straggler = ended;
        Workers *w = straggler->workers;

        for (size_t i = 0; i < w->n_stragglers; i++)
                if (w->stragglers[i] == straggler) {
                        w->stragglers[i] = w->stragglers[--w->n_stragglers];
                        break;
                }
        w->ended(straggler->esp_uuid, w->userdata);
}

static void on_late_report(Task *task, Report *report, void *userdata) {
}

static void on_late_stuck(Task *task, const Error *error, void *userdata) {
}

static void on_late_exit(Task *task, const Error *error, void *userdata) {
        end_straggler(userdata);
}

static const TaskListener late_listener = {
        .on_report = on_late_report,
        .on_stuck = on_late_stuck,
        .on_exit = on_late_exit,
};

static int on_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        end_straggler(userdata);
        return 0;
}

static int watch_process(Straggler *s, pid_t pid) {
        int r;

        s->pidfd = pidfd_open(pid, 0);
        if (s->pidfd < 0)
                return -errno;
        r = sd_event_add_io(s->workers->config.event, &s->source, s->pidfd, EPOLLIN, on_gone, s);
        if (r < 0)
                return r;
        return sd_event_source_set_priority(s->source, SD_EVENT_PRIORITY_IMPORTANT);
}

int workers_follow(Workers *w, Task *task, pid_t pid, const char *esp_uuid) {
        _cleanup_(straggler_freep) Straggler *s = calloc(1, sizeof(*s));
        int r;

        if (!s) {
                task_free(task);
                return -ENOMEM;
        }
        *s = (Straggler){ .workers = w, .task = task, .pidfd = -EBADF };
        s->esp_uuid = esp_uuid ? strdup(esp_uuid) : NULL;
        if ((esp_uuid && !s->esp_uuid) ||
            !ARRAY_RESERVE(w->stragglers, w->n_allocated, w->n_stragglers + 1))
                return -ENOMEM;
        if (task) {
                task_set_listener(task, &late_listener, s);
                /* Its job is over: nobody will hand it the token. */
                task_stop(task);
        } else {
                r = watch_process(s, pid);
                if (r < 0)
                        return r;
        }
        w->stragglers[w->n_stragglers++] = TAKE_PTR(s);
        return 0;
}

void workers_set_look(Workers *w, const char *esp_uuid) {
        free(w->looked_at);
        w->looked_at = esp_uuid ? strdup(esp_uuid) : NULL;
}

bool workers_look_at(const Workers *w, const char *esp_uuid) {
        return esp_uuid && streq_ptr(w->looked_at, esp_uuid);
}
