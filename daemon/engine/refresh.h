/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job at work: look at every ESP, plan, carry the plans out, tell what came of it. */

#include "core/firmware.h"
#include "engine/esp.h"
#include "engine/job.h"
#include "engine/task.h"

typedef struct Refresh Refresh;

/* What the ESPs are compared with: a snapshot, so that what changes meanwhile is the next job's. */
typedef struct RefreshInput {
        uint64_t serial; /* tells this snapshot from others, see esp_compared() */
        KernelSet kernels;
        char *title;              /* of loader entries */
        char *pin;                /* the permanent pin; NULL: none */
        char *next_boot;          /* the pin for the next boot; NULL: none */
        char *arm;                /* id of the loader entry that is to be booted once, if it is not
                                   * armed yet */
        char *disarm;             /* id of the one that was armed before; NULL: none */
        bool grub_host;           /* no ESP is listed, and there is GRUB's menu of the host */
        bool grub_one_shot;       /* and GRUB can boot a kernel of it once */
        const Firmware *firmware; /* NULL: not asked yet; borrowed, outlives the refresh */
        char *cmdline;            /* etc/kernel/cmdline; NULL: the options on the ESPs stay */
        char *fallback_cmdline;   /* for an ESP that has none; NULL: there is none */
        bool adopt;               /* fallback_cmdline is not stored yet; store it when it is used */
} RefreshInput;

void refresh_input_done(RefreshInput *input);

typedef struct RefreshListener {
        void (*esp_changed)(Esp *esp, void *userdata);
        /* The ESP is stuck: by @task, which is handed over, or (NULL) by process @holder. */
        void (*esp_stuck)(Esp *esp, Task *task, pid_t holder, void *userdata);
        void (*job_changed)(Job *job, void *userdata);
        /* What the firmware says, to be kept (moved); returns where it is. */
        const Firmware *(*firmware)(Firmware *firmware, void *userdata);
        void (*host_stuck)(Task *task, pid_t holder, void *userdata); /* as esp_stuck */
        /* The boot loader will boot @version once; NULL: it will not do so any more. */
        void (*armed)(const char *version, void *userdata);
        /* GRUB's default is to be @version (NULL: GRUB's own choice), with menu ids of @root_id. 1
         * if that changed GRUB's configuration, 0 if not, or -errno. */
        int (*pin_grub)(const char *version, const char *root_id, void *userdata);
        /* The same where there is to be no pin, but see grub_conf_void_pin(). */
        int (*void_grub_pin)(void *userdata);
        /* The ESP has got its boot loader. Returns -errno if it cannot be listed. */
        int (*installed)(Esp *esp, void *userdata);
        /* A file in boot/ was being written while it was to be read. True if the job begins anew
         * later; the refresh may be freed from within it. Otherwise the job ends. */
        bool (*unfinished)(Refresh *refresh, void *userdata);
        /* The job has its result; the refresh may be freed from within it. */
        void (*ended)(Refresh *refresh, void *userdata);
} RefreshListener;

/* Work on those of @esps that @job wants, from the next turn of the event loop on. @input is moved.
 * @job, @esps' members and @config outlive the refresh. */
int refresh_new(sd_event *event, const WorkerConfig *config, Job *job, RefreshInput *input,
                Esp *const *esps, size_t n_esps, const RefreshListener *listener, void *userdata,
                Refresh **ret);
/* Workers that still run go on by themselves. */
Refresh *refresh_free(Refresh *refresh);
DEFINE_CLEANUP(Refresh *, refresh_free)

/* Every worker stops before its next step. */
void refresh_cancel(Refresh *refresh);
Job *refresh_job(const Refresh *refresh);
