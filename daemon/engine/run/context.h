/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that takes part in a run has this in common. */

#include "core/firmware/firmware.h"
#include "engine/esp/esp.h"
#include "engine/facts/files.h"
#include "engine/queue/queue.h"

/* The ESPs are compared with this snapshot, so that a change meanwhile is the next job's. */
typedef struct RunInput {
        Esp **esps;      /* to work on, as far as the job wants them; ends with NULL */
        uint64_t serial; /* of the facts, see EspInfo */
        KernelSet kernels;
        LoaderSource loaders[_ESP_LOADER_MAX];
        char *title;     /* of loader entries */
        char *pin;       /* the permanent pin; NULL: none */
        char *next_boot; /* the pin for the next boot; NULL: none */
        /* The version that the default must lead to, NULL: the newest; and the same where the boot
         * loader itself takes the pin for the next boot. Of the above. */
        const char *default_version, *default_beside_one_shot;
        char *arm;                /* id of the loader entry that is to be booted once, if it is not
                                   * armed yet */
        char *disarm;             /* id of the one that was armed before; NULL: none */
        bool grub_host;           /* no ESP is listed, and there is GRUB's menu of the host */
        bool grub_one_shot;       /* and GRUB can boot a kernel of it once */
        bool boot_entries;        /* a loader that is put on an ESP gets an entry in the firmware */
        const Firmware *firmware; /* NULL: not asked yet; borrowed, outlives the run */
        /* NULL: not known, or Secure Boot is not enabled; borrowed likewise. */
        const SecureBootFacts *secure_boot;
        char *cmdline;          /* etc/kernel/cmdline; NULL: the options on the ESPs stay */
        char *fallback_cmdline; /* for an ESP that has none; NULL: there is none */
        bool prefer_shim;       /* when every ESP is done, shim comes first in BootOrder */
        bool adopt;             /* fallback_cmdline is not stored yet; store it when it is used */
} RunInput;

/* 0 or -errno. */
int run_input_make(const Root *root, const Facts *facts, const Firmware *firmware, RunInput *ret);
void run_input_done(RunInput *input);
/* The version that the default must be led to by name; NULL: the newest is the right one.
 * @one_shot: the boot loader itself takes the pin for the next boot. @checkers: see
 * kernel_set_name_default(). */
const char *run_input_default(const RunInput *input, bool one_shot, unsigned checkers) _pure_;

typedef struct RunListener {
        void (*esp_changed)(Esp *esp, void *userdata);
        void (*job_changed)(Job *job, void *userdata);
        /* The firmware's word, to be kept (moved); returns where it is. */
        const Firmware *(*firmware)(Firmware *firmware, void *userdata);
        /* The boot loader will boot @version once; NULL: it will not do so any more. */
        void (*armed)(const char *version, void *userdata);
        /* GRUB's default is to be @version (NULL: GRUB's own choice), with menu ids of @root_id;
         * see files_pin_grub(). */
        int (*pin_grub)(const char *version, const char *root_id, bool keep, void *userdata);
        /* The ESP has got its boot loader. Returns -errno if it cannot be listed. */
        int (*installed)(Esp *esp, void *userdata);
        /* A file in boot/ was being written while it was to be read. True if the job begins anew
         * later; the run may be freed from within it. Otherwise the job ends. */
        bool (*unfinished)(Job *job, void *userdata);
        /* As the firmware has told by now, Secure Boot is enabled, and nobody was asked what it
         * accepts: nothing was done yet, and the job has to begin anew with that. The run is freed
         * from within it. */
        void (*unjudged)(Job *job, void *userdata);
        /* The job has its result; the run may be freed from within it. */
        void (*ended)(Job *job, void *userdata);
} RunListener;

typedef struct RunContext {
        Workers *workers;
        Job *job;
        RunInput input;
        const RunListener *listener;
        void *userdata;
        sd_event_source *step; /* from there everything goes on that can, and from nowhere else */
        bool canceled;
        bool unjudged;   /* nothing more is to be done: see RunListener */
        size_t n_unseen; /* ESPs that were not looked at yet */
        /* JOB_CONVERT changes one ESP after the other, each if those before it have ended well.
         * NULL: it is nobody's turn, or everybody's; and none has failed. */
        const Esp *turn, *failed;

        /* Of the host, by its own run. */
        bool host_ready;          /* the ESPs can be planned */
        const Firmware *firmware; /* NULL: could not be asked */
        bool one_shot;            /* a pin for the next boot need not be the default entry */
        bool host_menu;           /* the menu of its own GRUB was made anew */
        bool boot_order;          /* shim has come first in the order of the firmware's entries */
        Error host_error; /* of GRUB on a host without ESPs, or of BootOrder; all else is no failure
                           * of the job */

        unsigned grub_changes; /* how often GRUB's configuration was changed by this job */
        /* The options for entries of an ESP that has none; *@ret may be NULL. */
        int (*fallback_cmdline)(struct RunContext *context, char **ret);
} RunContext;

/* A line of the journal that is found by the number and the type of @job (NULL: it is of none), and
 * by @esp_uuid (NULL: it is of no ESP). */
void log_of_job(const Job *job, int level, const char *esp_uuid, const char *format, ...)
                _printf_(4, 5);

/* Something can go on. */
void run_wake(RunContext *context);
void run_say(RunContext *context, const char *message);
/* The worker of an ESP begins this step, which is told of with the next progress. */
void run_show_step(RunContext *context, const char *esp_uuid, const PlanStep *step);
