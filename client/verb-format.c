/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `format`. Whether the partition may be formatted is the daemon's judgement; the question before
 * it is for the one mistake that the daemon cannot see: the wrong partition. Scripts are not asked.
 */

#include "client/verbs.h"

#include "client/job-report.h"
#include "client/output.h"
#include "client/partitions.h"
#include "common/string-util.h"

/* ", on /dev/sdb, 'SanDisk Ultra' with the serial number '4C53'"; "" where nothing is known. */
static char *describe_disk(const PartitionDescription *p) {
        if (isempty(p->disk))
                return must(strdup(""));
        if (isempty(p->model) && isempty(p->serial))
                return must(strprintf(", on %s, of unknown make", p->disk));
        return must(strprintf(", on %s, '%s' with the serial number '%s'", p->disk,
                              isempty(p->model) ? "unknown" : p->model,
                              isempty(p->serial) ? "unknown" : p->serial));
}

static bool ask_about(const PartitionDescription *p) {
        _cleanup_free_ char *size = format_bytes(p->size_bytes), *disk = describe_disk(p);
        const char *quote = isempty(p->content) ? "" : "'";

        if (isempty(p->disk))
                return ask_yes_no("Format %s? What is on it will be lost.", p->device);
        return ask_yes_no("Format %s (%s, holds %s%s%s%s%s%s)? What is on it will be lost.",
                          p->device, size, quote, isempty(p->content) ? "nothing" : p->content,
                          quote, isempty(p->in_use) ? "" : ", ", p->in_use, disk);
}

/* STATUS_DONE if the partition is to be formatted; *@path becomes the kernel's name of what was
 * shown. */
static ExitStatus confirm(Connection *c, const Options *options, char **path) {
        _cleanup_partition_description_ PartitionDescription partition = {};
        ExitStatus status;

        if (option_given(options, OPTION_YES) || !is_interactive())
                return STATUS_DONE;
        status = partitions_probe(c);
        if (status == STATUS_DONE)
                status = partition_describe(c, *path, &partition);
        if (status != STATUS_DONE)
                return status;
        if (!ask_about(&partition))
                return fail(STATUS_FAILED, "'%s' was left as it is.", partition.device);
        free(*path);
        *path = must(strdup(partition.device));
        return STATUS_DONE;
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
        const CallOptions call = { .force = option_given(options, OPTION_FORCE),
                                   .refusal_is_result = true };
        _cleanup_free_ char *path = partition_path(options, arguments[0]), *done = NULL;
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = confirm(&c, options, &path);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("FormatEsp"), (char *[]){ path, NULL }, &call, &result);
        if (status != STATUS_DONE)
                return status;
        if (job_result_status(&result) == STATUS_DONE)
                done = describe(&c, path);
        return job_report_alone(options, &result, done);
}
