/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Only what has changed is told, in one sentence each, and not what is on its way. */

#include "client/daemon/news.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

#define ESP BUS_PATH_ESP "/x" /* as the bench calls each */

static sd_bus_message *changed(sd_bus *bus, const char *path, const char *interface) {
        sd_bus_message *m = bench_signal(bus, path, "org.freedesktop.DBus.Properties",
                                         "PropertiesChanged");

        if (sd_bus_message_append(m, "s", interface) < 0)
                abort();
        return m;
}

static void end(sd_bus *bus, sd_bus_message *m) {
        if (sd_bus_message_append(m, "as", 0) < 0)
                abort();
        bench_send(bus, m);
}

static void esp_is(sd_bus *bus, const char *state, const char *why) {
        sd_bus_message *m = changed(bus, ESP, BUS_IFACE_ESP);

        if (sd_bus_message_append(m, "a{sv}", 2, "State", "s", state, "Why", "s", why) < 0)
                abort();
        end(bus, m);
}

static void host_is(sd_bus *bus, const char *word, const char *reason) {
        sd_bus_message *m = changed(bus, BUS_PATH, BUS_IFACE_MANAGER);

        if (sd_bus_message_append(m, "a{sv}", 2, "Redundancy", "s", word, "RedundancyReason", "s",
                                  reason) < 0)
                abort();
        end(bus, m);
}

static void job_signal(sd_bus *bus, uint64_t id, const char *result) {
        _cleanup_free_ char *path = strprintf(BUS_PATH_JOB "/%llu", (unsigned long long) id);
        sd_bus_message *m = bench_signal(bus, BUS_PATH, BUS_IFACE_MANAGER,
                                         result ? "JobRemoved" : "JobNew");
        int r = result ? sd_bus_message_append(m, "tossss", id, path, "refresh", result, "",
                                               streq(result, "done") ? "" : "Nobody wants it.")
                       : sd_bus_message_append(m, "tos", id, path, "refresh");

        if (r < 0)
                abort();
        bench_send(bus, m);
}

static void job_is(sd_bus *bus, const char *state, uint64_t bytes) {
        sd_bus_message *m = changed(bus, BUS_PATH_JOB "/8", BUS_IFACE_JOB);

        if (sd_bus_message_append(m, "a{sv}", 3, "State", "s", state, "BytesDone", "t", bytes,
                                  "Esps", "ao", 2, ESP, ESP) < 0)
                abort();
        end(bus, m);
}

static int leave(sd_bus *bus) {
        int r = sd_bus_flush(bus);

        if (r >= 0)
                exit(EXIT_SUCCESS);
        return r;
}

static int speak_of_jobs(sd_bus *bus) {
        job_signal(bus, 8, NULL);
        job_is(bus, "running", 0);
        job_signal(bus, 9, NULL);
        job_is(bus, "running", UINT64_C(1) << 30);
        job_signal(bus, 8, "done");
        job_signal(bus, 9, "canceled");
        return leave(bus);
}

static int speak_of_esps(sd_bus *bus) {
        esp_is(bus, "unknown", "it was not compared");
        esp_is(bus, "syncing", "");
        esp_is(bus, "in-sync", ""); /* as it was */
        host_is(bus, "syncing", "A job is at it.");
        host_is(bus, "redundant", "Both ESPs boot.");
        esp_is(bus, "missing", "there is none");
        host_is(bus, "degraded", "ESP '1111-AAAA' is missing.");
        esp_is(bus, "failed", "it is full");
        return leave(bus);
}

static void warnings_are(sd_bus *bus, unsigned percent) {
        _cleanup_free_ char *sentence = strprintf("it is %u %% full", percent);
        sd_bus_message *m = changed(bus, BUS_PATH, BUS_IFACE_MANAGER);
        int r = percent == 0 ? sd_bus_message_append(m, "a{sv}", 1, "Warnings", "a(sssss)", 0)
                             : sd_bus_message_append(m, "a{sv}", 1, "Warnings", "a(sssss)", 1,
                                                     "esp-full", "warning", "1111-AAAA", sentence,
                                                     "make room");

        if (r < 0)
                abort();
        end(bus, m);
}

static int speak_of_warnings(sd_bus *bus) {
        warnings_are(bus, 91);
        warnings_are(bus, 92);
        warnings_are(bus, 0);
        return leave(bus);
}

static int speak_of_kernels(sd_bus *bus) {
        sd_bus_message *m = changed(bus, BUS_PATH, BUS_IFACE_MANAGER);

        if (sd_bus_message_append(m, "a{sv}", 4, "DefaultKernel", "s", "6.5.13-5-pve",
                                  "PinnedKernel", "s", "6.5.13-5-pve", "AutoSync", "b", true,
                                  "FromTheFuture", "(ii)", 1, 2) < 0)
                abort();
        end(bus, m);
        m = changed(bus, BUS_PATH, BUS_IFACE_MANAGER);
        if (sd_bus_message_append(m, "a{sv}", 2, "PinnedKernel", "s", "", "NextBootKernel", "s",
                                  "6.5.13-5-pve") < 0)
                abort();
        end(bus, m);
        return leave(bus);
}

#define SCENE(what)                                                                              \
        {                                                                                        \
                .manager = manager_redundant, .esps = { esp_in_sync }, .speak = speak_of_##what, \
                .speak_after = "GetManagedObjects",                                              \
        }

enum { JOBS, ESPS, WARNINGS, KERNELS };
const Scene scenes[] = {
        [JOBS] = SCENE(jobs),
        [ESPS] = SCENE(esps),
        [WARNINGS] = SCENE(warnings),
        [KERNELS] = SCENE(kernels),
};

/* The sentences without the time before each. */
static void assert_tells(size_t scene, const char *expect) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(scene, "monitor");
        _cleanup_free_ char *told = NULL;
        Buffer b = {};

        for (char *line = strtok(o.out, "\n"); line; line = strtok(NULL, "\n")) {
                ck_assert_uint_gt(strlen(line), 9);
                buffer_printf(&b, "%s\n", line + 9);
        }
        ck_assert_int_eq(buffer_take(&b, &told, NULL), 0);
        ck_assert_str_eq(told, expect);
}

START_TEST(job_is_told_of_when_it_starts_and_with_its_work_when_it_ends) {
        assert_tells(JOBS, "refresh 8 started\n"
                           "refresh 9 is queued\n"
                           "refresh 8 done: 2 ESPs, 1.0 GiB in 0 s\n"
                           "refresh 9 canceled: Nobody wants it.\n");
}
END_TEST

START_TEST(states_that_do_not_stay_are_left_out) {
        assert_tells(ESPS, "ESP 1111-AAAA is missing\n"
                           "redundancy is degraded: ESP '1111-AAAA' is missing.\n"
                           "ESP 1111-AAAA has failed: it is full\n");
}
END_TEST

START_TEST(warning_is_told_once_and_when_it_is_over) {
        assert_tells(WARNINGS, "warning: it is 91 % full; run 'make room'\n"
                               "over: it is 92 % full\n");
}
END_TEST

START_TEST(kernels_that_boot_and_are_pinned_are_told) {
        assert_tells(KERNELS, "kernel 6.5.13-5-pve boots by default\n"
                              "kernel 6.5.13-5-pve is pinned\n"
                              "changes are synced unasked\n"
                              "no kernel is pinned any more\n"
                              "kernel 6.5.13-5-pve is pinned for the next boot\n");
}
END_TEST

CHECK_MAIN("client-news", job_is_told_of_when_it_starts_and_with_its_work_when_it_ends,
           states_that_do_not_stay_are_left_out, warning_is_told_once_and_when_it_is_over,
           kernels_that_boot_and_are_pinned_are_told)
