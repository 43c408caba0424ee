/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs the client as a user does, against a daemon that answers as the test says. */

#include <systemd/sd-bus.h>

#include "client/daemon/connection.h"
#include "client/verb/verbs.h"
#include "tests/unit/check-main.h"

#undef fail /* an old name of Check's; the client has its own */

/* A property: "s", "b", "u", "t", "x", "d", "i", "as" of one or none; "aq" of one; "a(stt)" and
 * "a(qsssssbb)" (number, title, path, whose) of one, with blanks; any other "a(…)" of "s", "t" and
 * "b": rows with ";" between them, of cells with "|" between them. */
typedef struct Value {
        const char *name, *type, *text;
} Value;

/* The daemon's answers. A list of values ends with one that has no name. */
typedef struct Scene {
        const Value *manager, *ksm, *boot;
        const Value *esps[3], *jobs[6]; /* up to a NULL */
        /* The end of each job: "done"; NULL: calls return none, "" none ever ends. */
        const char *job, *job_error, *job_message;
        bool slow; /* it takes four seconds, from when it is asked for its properties on */
        /* The method @refused is answered by an error, at @lost the daemon ends. */
        const char *refused, *refused_name, *refused_message, *lost;
        /* Fill the reply to another method; NULL: it stays empty. */
        int (*answer)(const char *method, sd_bus_message *reply);
        /* On a bus: send signals to a client that has asked who owns the name, or was answered
         * @speak_after. */
        int (*speak)(sd_bus *bus);
        const char *speak_after;
        bool absent; /* the bus has no such service */
} Scene;

/* Of the test that links the bench; it names one by its place. */
extern const Scene scenes[];

/* A host with two ESPs, for scenes. */
extern const Value manager_redundant[], esp_in_sync[], esp_failed[];

typedef struct Outcome {
        int status;
        char *out, *err;
        char *calls; /* that the daemon got, a line each: method, strings, KEY=VALUE of the options
                      */
} Outcome;

void outcome_done(Outcome *o);
#define _cleanup_outcome_ _cleanup_(outcome_done)

/* The name that the client is called by. */
extern const char *bench_name;

/* Run the client with these arguments and a private daemon. */
Outcome bench_run(size_t scene, char *const *arguments);
#define RUN(scene, ...) bench_run((scene), (char *[]){ __VA_ARGS__, NULL })
/* The same with the daemon on a bus. */
Outcome bench_run_on_bus(size_t scene, char *const *arguments);
#define RUN_ON_BUS(scene, ...) bench_run_on_bus((scene), (char *[]){ __VA_ARGS__, NULL })
/* The same on a terminal of 80 columns, where somebody types @input; all output is in @out. */
Outcome bench_run_on_terminal(size_t scene, const char *input, char *const *arguments);
#define RUN_ON_TERMINAL(scene, input, ...) \
        bench_run_on_terminal((scene), (input), (char *[]){ __VA_ARGS__, NULL })

/* Run @function in a process of its own; its status, and what it prints. */
Outcome bench_call(ExitStatus (*function)(void *userdata), void *userdata);
/* The same on such a terminal. */
Outcome bench_call_on_terminal(ExitStatus (*function)(void *userdata), void *userdata,
                               const char *input);

/* A connection to a daemon of @scene that is there at once, without a bus. */
Connection bench_connect(size_t scene);

/* A signal as the daemon sends it, for speak(). */
sd_bus_message *bench_signal(sd_bus *bus, const char *path, const char *interface,
                             const char *name);
void bench_send(sd_bus *bus, sd_bus_message *m);
/* The daemon's name has another owner, says @sender. */
void bench_send_owner(sd_bus *bus, const char *sender, const char *old_owner,
                      const char *new_owner);

void assert_contains(const char *text, const char *part);
/* The same value; each version of json-c has white space where it likes. */
void assert_json(const char *text, const char *expect);
void assert_lacks(const char *text, const char *part);
