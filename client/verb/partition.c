/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs that make partitions ESPs, and forget those that are none any more: `format`, `init`,
 * `reinit`, `clean`. Whether a partition may be formatted or set up, which loader suits the host,
 * and which partition is gone, is the daemon's judgement, and is asked for by trying. The question
 * before a format is for the one mistake that the daemon cannot see: the wrong partition; scripts
 * are not asked. */

#include "client/verb/verbs.h"

#include <unistd.h>

#include "client/daemon/job-report.h"
#include "client/daemon/job.h"
#include "client/terminal/json.h"
#include "common/string-util.h"

typedef struct PartitionInfo {
        const char *device, *disk, *part_uuid;
        const char *fs_type;             /* or what else it holds; empty: nothing was found */
        const char *in_use;              /* "mounted on /mnt"; empty: by nobody */
        uint64_t size_bytes, free_bytes; /* 0: not known */
        int registered;                  /* on the list of ESPs; int as D-Bus has it */
} PartitionInfo;

typedef struct PartitionInfos {
        sd_bus_message *reply; /* that the strings are part of */
        PartitionInfo *partitions;
        size_t n, allocated;
} PartitionInfos;

/* One of them, for a question. */
typedef struct PartitionDescription {
        sd_bus_message *reply;      /* that the strings are part of */
        const char *device;         /* as the kernel calls it */
        const char *disk;           /* empty, and so is all that follows: nobody has looked yet */
        const char *model, *serial; /* of the disk; empty: it does not tell */
        const char *content, *in_use;
        uint64_t size_bytes;
} PartitionDescription;

static void partition_infos_done(PartitionInfos *infos) {
        sd_bus_message_unref(infos->reply);
        free(infos->partitions);
        *infos = (PartitionInfos){};
}

#define _cleanup_partition_infos_ _cleanup_(partition_infos_done)

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

/* All disks, as the daemon remembers them. */
static ExitStatus partition_infos_get(Connection *c, PartitionInfos *ret) {
        _cleanup_partition_infos_ PartitionInfos infos = {};
        ExitStatus status;
        int r;

        status = call_method(c, CALL_READ, METHOD_MANAGER("ListPartitions"), NULL, NULL,
                             &infos.reply);
        if (status != STATUS_DONE)
                return status;
        r = read_partitions(&infos);
        if (r < 0)
                return connection_bad_reply(r);
        *ret = TAKE_STRUCT(infos);
        return STATUS_DONE;
}

static void partition_description_done(PartitionDescription *d) {
        sd_bus_message_unref(d->reply);
        *d = (PartitionDescription){};
}

#define _cleanup_partition_description_ _cleanup_(partition_description_done)

/* Ask the daemon which partition @name means, and for all that it remembers of it. */
static ExitStatus partition_describe(Connection *c, const char *name, PartitionDescription *ret) {
        _cleanup_partition_description_ PartitionDescription d = {};
        ExitStatus status;
        int r;

        status = call_method(c, CALL_READ, METHOD_MANAGER("GetPartition"),
                             (char *[]){ (char *) name, NULL }, NULL, &d.reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read(d.reply, "sssssst", &d.device, &d.disk, &d.model, &d.serial,
                                &d.content, &d.in_use, &d.size_bytes);
        if (r < 0)
                return connection_bad_reply(r);
        *ret = TAKE_STRUCT(d);
        return STATUS_DONE;
}

/* NULL if it is not listed. */
static const PartitionInfo *partition_infos_find(const PartitionInfos *infos, const char *device) {
        for (size_t i = 0; i < infos->n; i++)
                if (streq(infos->partitions[i].device, device))
                        return &infos->partitions[i];
        return NULL;
}

/* The path to send for the partition that the user calls @name. On this host it is what @name leads
 * to, so that what is confirmed is what is acted upon; elsewhere and below a root it is left to the
 * daemon. Never NULL. */
static char *partition_path(const Options *options, const char *name) {
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
        status = job_look(c);
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
static char *describe_formatted(Connection *c, const char *path) {
        _cleanup_partition_infos_ PartitionInfos infos = {};
        const PartitionInfo *partition = NULL;

        if (partition_infos_get(c, &infos) == STATUS_DONE)
                partition = partition_infos_find(&infos, path);
        if (!partition || isempty(partition->part_uuid))
                return must(strprintf("Formatted %s.", path));
        return must(strprintf("Formatted %s (PARTUUID %s).", path, partition->part_uuid));
}

static ExitStatus verb_format(const Options *options, char **arguments) {
        const CallOptions call = { .force = option_given(options, OPTION_FORCE),
                                   .no_block = option_given(options, OPTION_NO_BLOCK),
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
        if (job_result_status(&result) == STATUS_DONE && result.started == 0)
                done = isempty(result.message) ? describe_formatted(&c, path)
                                               : must(strdup(result.message));
        return job_report_alone(options, &result, done);
}

static ExitStatus set_up(const Options *options, const char *path, const char *loader) {
        _cleanup_free_ char *done = NULL;
        char *const strings[] = { (char *) path, (char *) loader, NULL };
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("InitEsp"), strings,
                         &(CallOptions){ .refusal_is_result = true,
                                         .no_block = option_given(options, OPTION_NO_BLOCK) },
                         &result);
        if (status != STATUS_DONE)
                return status;
        done = must(strprintf("%s%s%s is set up and in sync.", strempty(result.message),
                              isempty(result.message) ? "" : " ", path));
        return job_report_alone(options, &result, done);
}

static ExitStatus verb_init(const Options *options, char **arguments) {
        _cleanup_free_ char *path = partition_path(options, arguments[0]);
        const char *loader = arguments[1];

        if (loader && !streq(loader, "grub") && !streq(loader, "systemd-boot"))
                return fail(STATUS_USAGE,
                            "The boot loader is 'grub' or 'systemd-boot', not '%s'; without one "
                            "bootsyncd chooses.",
                            loader);
        return set_up(options, path, loader ?: "auto");
}

static ExitStatus verb_reinit(const Options *options, char **arguments) {
        _cleanup_connection_ Connection c = {};
        _cleanup_job_result_ JobResult result = {};
        ExitStatus status;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = job_run(&c, METHOD_MANAGER("ReinitEsps"), NULL,
                         &(CallOptions){ .no_block = option_given(options, OPTION_NO_BLOCK) },
                         &result);
        return status == STATUS_DONE ? job_report(&c, options, &result, "In sync") : status;
}

static ExitStatus verb_clean(const Options *options, char **arguments) {
        const CallOptions call = { .dry_run = option_given(options, OPTION_DRY_RUN) };
        _cleanup_connection_ Connection c = {};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_strv_ char **removed = NULL;
        _cleanup_free_ char *names = NULL;
        ExitStatus status;
        int r;

        status = connection_open(options, &c);
        if (status != STATUS_DONE)
                return status;
        status = call_method(&c, CALL_CHANGE, METHOD_MANAGER("CleanEsps"), NULL, &call, &reply);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read_strv(reply, &removed);
        if (r < 0)
                return connection_bad_reply(r);

        names = must(strv_join(removed, ", "));
        if (options->json) {
                _cleanup_json_ json_object *object = json_new();

                json_add_boolean(object, "dry_run", call.dry_run);
                json_add_strings(object, "removed", removed);
                json_print(options, "clean", object);
        } else if (c.quiet)
                return STATUS_DONE;
        else if (strv_isempty(removed))
                say("No ESP is missing; nothing to do.");
        else
                say("%s off the list: %s.", call.dry_run ? "Would be taken" : "Taken", names);
        return STATUS_DONE;
}

const Verb partition_verbs[] = {
        { NULL, "format", "PART", 1, 0, OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_NO_BLOCK),
          verb_format, "Make a partition an empty ESP", FLEET_ASKS },
        { NULL, "init", "PART [grub|systemd-boot]", 1, 1, OPTION_BIT(OPTION_NO_BLOCK), verb_init,
          "Put a boot loader on an ESP and keep it in sync from now on" },
        { NULL, "reinit", "", 0, 0, OPTION_BIT(OPTION_NO_BLOCK), verb_reinit,
          "Put the boot loader of each ESP on it anew" },
        { NULL, "clean", "", 0, 0, OPTION_BIT(OPTION_DRY_RUN), verb_clean,
          "Forget ESPs whose partition is gone" },
        {},
};
