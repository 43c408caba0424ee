/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What interpreter.c and interpreter-host.c share. */

#include "blocking/esp-commit.h"
#include "blocking/esp-stage.h"
#include "worker/channel.h"
#include "worker/hook.h"

typedef struct Interpreter {
        Root *root;
        const Plan *plan;
        char *subject; /* of the plan */
        Channel *channel;
        Hook *hook;
        EspVolume volume;
        EspImage known; /* texts that the daemon has */
        EspStage stage;
        EspCommit commit;
        CopyWatch watch;
        uint64_t index; /* of the current step */
        bool optional;  /* a failure is a warning */
        uint64_t moved; /* bytes */
        Error error;
} Interpreter;

int interpreter_report(Interpreter *i, const Report *r);

/* interpreter-host.c */
int run_firmware(Interpreter *i, const PlanStep *step);
int run_arm(Interpreter *i, const PlanStep *step);
int run_disarm(Interpreter *i, const PlanStep *step);
int run_update_grub(Interpreter *i, const PlanStep *step);
int run_ksm_set(Interpreter *i, const PlanStep *step);
int run_ksm_unmerge(Interpreter *i, const PlanStep *step);
int run_ksm_processes(Interpreter *i, const PlanStep *step);
