/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `format`. Whether the partition may be formatted is the daemon's judgement; the question before
 * it is for the one mistake that the daemon cannot see: the wrong partition. Scripts are not asked.
 */

#include "client/verbs.h"

#include "client/job-report.h"
#include "client/output.h"
#include "client/partitions.h"
#include "common/string-util.h"

static bool ask_about(const PartitionInfo *p) {
        _cleanup_free_ char *size = format_bytes(p->size_bytes);
        const char *quote = isempty(p->fs_type) ? "" : "'";

        return ask_yes_no("Format %s (%s, holds %s%s%s%s%s)? What is on it will be lost.",
                          p->device, size, quote, isempty(p->fs_type) ? "nothing" : p->fs_type,
                          quote, isempty(p->in_use) ? "" : ", ", p->in_use);
}

/* STATUS_DONE if the partition is to be formatted. */
static ExitStatus confirm(Connection *c, const Options *options, const char *path) {
        _cleanup_partition_infos_ PartitionInfos infos = {};
        const PartitionInfo *partition;
        ExitStatus status;
        bool yes;

        if (option_given(options, OPTION_YES) || !is_interactive())
                return STATUS_DONE;
        status = partition_infos_probe(c, &infos);
        if (status != STATUS_DONE)
                return status;
        partition = partition_infos_find(&infos, path);
        yes = partition ? ask_about(partition)
                        : ask_yes_no("Format %s? What is on it will be lost.", path);
        return yes ? STATUS_DONE : fail(STATUS_FAILED, "'%s' was left as it is.", path);
}

/* By the name that it keeps when disks are renumbered, too. */
static char *describe(Connection *c, const char *path) {
        _cleanup_partition_infos_ PartitionInfos infos = {};
        const PartitionInfo *partition = NULL;

        if (partition_infos_get(c, &infos) == STATUS_DONE)
                partition = partition_infos_find(&infos, path);
        if (!partition || isempty(partition->part_uuid))
                return must(strprintf("Formatted %s.", path));
        return must(strprintf("Formatted %s (PARTUUID %s).", path, partition->part_uuid));
}

ExitStatus verb_format(const Options *options, char **arguments) {
        const CallOptions call = { .force = option_given(options, OPTION_FORCE) };
        _cleanup_free_ char *path = partition_path(options, arguments[0]), *done = NULL;
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = confirm(&c, options, path);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("FormatEsp"), (char *[]){ path, NULL }, &call, &result);
        if (status != STATUS_DONE)
                return status;
        if (job_result_status(&result) == STATUS_DONE)
                done = describe(&c, path);
        return job_report_alone(options, &result, done);
}
