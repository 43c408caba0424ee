/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what the daemon knows of partitions, in one call. It holds no opinion on which of them may
 * be touched: that is the daemon's, and it is asked for by trying. */

#include "client/partitions.h"

#include <unistd.h>

#include "client/job-wait.h"
#include "client/output.h"
#include "common/string-util.h"

void partition_infos_done(PartitionInfos *infos) {
        sd_bus_message_unref(infos->reply);
        free(infos->partitions);
        *infos = (PartitionInfos){};
}

static int read_partitions(PartitionInfos *infos) {
        PartitionInfo i = {};
        int r;

        r = sd_bus_message_enter_container(infos->reply, 'a', "(ssssttsb)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(infos->reply, "(ssssttsb)", &i.device, &i.disk,
                                        &i.part_uuid, &i.fs_type, &i.size_bytes, &i.free_bytes,
                                        &i.in_use, &i.registered)) > 0) {
                if (!ARRAY_RESERVE(infos->partitions, infos->allocated, infos->n + 1))
                        out_of_memory();
                infos->partitions[infos->n++] = i;
        }
        return r;
}

ExitStatus partition_infos_get(Connection *c, PartitionInfos *ret) {
        _cleanup_partition_infos_ PartitionInfos infos = {};
        ExitStatus status;
        int r;

        status = call_method(c, CALL_READ, METHOD_MANAGER("ListPartitions"), NULL, &infos.reply);
        if (status != STATUS_DONE)
                return status;
        r = read_partitions(&infos);
        if (r < 0)
                return call_bad_reply(r);
        *ret = TAKE_STRUCT(infos);
        return STATUS_DONE;
}

ExitStatus partitions_probe(Connection *c) {
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        /* The job is about the ESPs, too; that one of them cannot be looked at does not matter. */
        status = job_run(c, METHOD_MANAGER("ProbePartitions"), NULL, NULL, &result);
        if (status != STATUS_NOT_AUTHORISED)
                return status;
        (void) fail(status, "Going by what bootsyncd remembers of its last look.");
        return STATUS_DONE;
}

void partition_description_done(PartitionDescription *d) {
        sd_bus_message_unref(d->reply);
        *d = (PartitionDescription){};
}

ExitStatus partition_describe(Connection *c, const char *name, PartitionDescription *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_partition_description_ PartitionDescription d = {};
        ExitStatus status;
        int r;

        status = call_new(c, CALL_READ, METHOD_MANAGER("GetPartition"),
                          (char *[]){ (char *) name, NULL }, NULL, &call);
        if (status == STATUS_DONE)
                status = call_send(c, CALL_READ, call, NULL, &d.reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read(d.reply, "sssssst", &d.device, &d.disk, &d.model, &d.serial,
                                &d.content, &d.in_use, &d.size_bytes);
        if (r < 0)
                return call_bad_reply(r);
        *ret = TAKE_STRUCT(d);
        return STATUS_DONE;
}

const PartitionInfo *partition_infos_find(const PartitionInfos *infos, const char *device) {
        for (size_t i = 0; i < infos->n; i++)
                if (streq(infos->partitions[i].device, device))
                        return &infos->partitions[i];
        return NULL;
}

char *partition_path(const Options *options, const char *name) {
        _cleanup_free_ char *directory = NULL;
        char *path;

        if (options->root || options->host || isempty(name))
                return must(strdup(name));
        path = realpath(name, NULL);
        if (path)
                return path;
        if (name[0] == '/')
                return must(strdup(name));
        directory = getcwd(NULL, 0);
        return must(directory ? strprintf("%s/%s", directory, name) : strdup(name));
}
