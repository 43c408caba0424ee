/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by interpreter.c and interpreter-host.c. */

#include "blocking/esp/esp-commit.h"
#include "blocking/esp/esp-stage.h"
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
/* Report each line of @text as a record of keys and signatures. */
int interpreter_report_secure_boot(Interpreter *i, const char *text);

typedef int (*ActionRun)(Interpreter *i, const PlanStep *step);

/* Of the actions that are not about an ESP or a device; NULL for the others. In interpreter-host.c.
 */
extern const ActionRun run_host_action[_PLAN_ACTION_MAX];
