/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How far a job is, for people. Everything is the daemon's but the time that is left, which follows
 * from its bytes and their rate. A job that waits says for what, and not how fast it was; what is
 * not known is left out. */

#include "client/daemon/progress.h"

#include <inttypes.h>

#include "common/string-util.h"

/* "12 s", "3 min 5 s", "2 h 10 min". */
static char *format_duration(uint64_t seconds) {
        const uint64_t minutes = seconds / 60, hours = minutes / 60;

        if (hours > 0)
                return must(strprintf("%" PRIu64 " h %" PRIu64 " min", hours, minutes % 60));
        if (minutes > 0)
                return must(strprintf("%" PRIu64 " min %" PRIu64 " s", minutes, seconds % 60));
        return must(strprintf("%" PRIu64 " s", seconds));
}

static void add(char ***parts, char *part) {
        if (strv_consume(parts, part) < 0)
                out_of_memory();
}

/* Rounded up: "0 s left" would be wrong for long. */
static void add_speed(const JobInfo *job, char ***parts) {
        _cleanup_free_ char *rate = format_bytes(job->rate), *time = NULL;
        const uint64_t left = job->bytes_total - MIN(job->bytes_done, job->bytes_total);

        if (job->rate == 0 || left == 0)
                return;
        time = format_duration(left / job->rate + (left % job->rate > 0));
        add(parts, strprintf("%s/s", rate));
        add(parts, strprintf("%s left", time));
}

static char **make_parts(const JobInfo *job, char *title) {
        char **parts = NULL;

        add(&parts, title);
        if (streq_ptr(job->state, "canceling"))
                add(&parts, strdup("canceling"));
        if (job->bytes_total > 0 || job->percent > 0)
                add(&parts, strprintf("%" PRIu32 " %%", MIN(job->percent, UINT32_C(100))));
        if (isempty(job->waiting_for))
                add_speed(job, &parts);
        else
                add(&parts, strprintf("waits for %s", job->waiting_for));
        return parts;
}

char *progress_summary(const JobInfo *job) {
        _cleanup_strv_ char **parts = make_parts(job, strdup(strempty(job->type)));

        return must(strv_join(parts, ", "));
}

char *progress_line(const JobInfo *job) {
        _cleanup_strv_ char **parts = make_parts(
                        job, strprintf("job %" PRIu64 " %s", job->id, strempty(job->type)));

        if (isempty(job->waiting_for) && !isempty(job->message))
                add(&parts, strdup(job->message));
        return must(strv_join(parts, "  "));
}
