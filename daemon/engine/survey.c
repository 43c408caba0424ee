/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which disks there are is asked of sysfs, which answers from memory; everything else is asked of
 * the disks, each by a worker of its own. A disk that cannot be read is left out, and said. */

#include "engine/survey.h"

#include "common/log.h"
#include "common/string-util.h"
#include "sys/block-disks.h"

typedef struct Disk {
        Survey *survey;
        Plan *plan;
        Errand *errand;
        Partitions found;
        bool ended;
} Disk;

struct Survey {
        sd_event *event;
        const WorkerConfig *config;
        const SurveyListener *listener;
        void *userdata;
        Disk *disks;
        size_t n_disks;
        sd_event_source *start_source, *end_source;
};

Survey *survey_free(Survey *survey) {
        if (!survey)
                return NULL;
        for (size_t i = 0; i < survey->n_disks; i++) {
                errand_free(survey->disks[i].errand);
                plan_free(survey->disks[i].plan);
                partitions_done(&survey->disks[i].found);
        }
        free(survey->disks);
        sd_event_source_disable_unref(survey->start_source);
        sd_event_source_disable_unref(survey->end_source);
        sd_event_unref(survey->event);
        return mfree(survey);
}

static int on_all_ended(sd_event_source *source, void *userdata) {
        _cleanup_(partitions_done) Partitions found = {};
        Survey *survey = userdata;

        for (size_t i = 0; i < survey->n_disks; i++)
                for (size_t k = 0; k < survey->disks[i].found.n; k++)
                        (void) partitions_take(&found, &survey->disks[i].found.items[k]);
        survey->listener->ended(&found, survey->userdata);
        return 0;
}

static void end_if_all_have(Survey *survey) {
        for (size_t i = 0; i < survey->n_disks; i++)
                if (!survey->disks[i].ended)
                        return;
        if (!survey->end_source)
                (void) sd_event_add_defer(survey->event, &survey->end_source, on_all_ended, survey);
}

static void end_disk(Disk *disk, const Error *error) {
        if (error_is_set(error))
                log_warning("%s; its partitions are not known.", strempty(error->message));
        disk->errand = errand_free(disk->errand);
        disk->ended = true;
        end_if_all_have(disk->survey);
}

int partition_take_report(const Report *report, Partition *ret) {
        _cleanup_(partition_done) Partition partition = {};
        _cleanup_(record_done) Record record = {};
        int r;

        r = report_read_record(report, &record);
        if (r >= 0)
                r = partition_parse(&record, &partition);
        if (r < 0)
                return r;
        if ((size_t) r != record.n_fields)
                return -EBADMSG;
        *ret = TAKE_STRUCT(partition);
        return 0;
}

static void on_report(Report *report, void *userdata) {
        _cleanup_(partition_done) Partition partition = {};
        Disk *disk = userdata;

        if (report->type == REPORT_PARTITION && partition_take_report(report, &partition) >= 0)
                (void) partitions_take(&disk->found, &partition);
}

static void on_end(const Error *error, void *userdata) {
        end_disk(userdata, error);
}

static void on_stuck(Task *task, pid_t holder, const Error *error, void *userdata) {
        Disk *disk = userdata;

        disk->survey->listener->stuck(task, holder, disk->survey->userdata);
        end_disk(disk, error);
}

static const ErrandListener disk_listener = {
        .on_report = on_report,
        .on_end = on_end,
        .on_stuck = on_stuck,
};

static int on_start(sd_event_source *source, void *userdata) {
        Survey *survey = userdata;

        for (size_t i = 0; i < survey->n_disks; i++) {
                Disk *disk = &survey->disks[i];
                _cleanup_error_ Error error = {};

                if (errand_new(survey->event, survey->config, disk->plan, &disk_listener, disk,
                               &disk->errand, &error) < 0)
                        end_disk(disk, &error);
        }
        end_if_all_have(survey);
        return 0;
}

int survey_new(sd_event *event, const WorkerConfig *config, const SurveyListener *listener,
               void *userdata, Survey **ret) {
        _cleanup_(survey_freep) Survey *survey = calloc(1, sizeof(*survey));
        _cleanup_strv_ char **names = NULL;
        int r;

        if (!survey)
                return -ENOMEM;
        survey->event = sd_event_ref(event);
        survey->config = config;
        survey->listener = listener;
        survey->userdata = userdata;
        r = block_disks_list(config->root, &names);
        if (r < 0 && r != -ENOENT)
                return r;
        survey->disks = calloc(MAX(strv_length(names), (size_t) 1), sizeof(Disk));
        if (!survey->disks)
                return -ENOMEM;
        STRV_FOREACH(name, names) {
                Disk *disk = &survey->disks[survey->n_disks++];

                disk->survey = survey;
                r = plan_new_device(*name, &disk->plan);
                if (r < 0)
                        return r;
                if (!plan_add(disk->plan, PLAN_PROBE, NULL))
                        return -ENOMEM;
        }
        r = sd_event_add_defer(event, &survey->start_source, on_start, survey);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(survey);
        return 0;
}
