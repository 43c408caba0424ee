/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/ksm-list.h"

#include "common/string-util.h"
#include "engine/errand.h"

struct KsmList {
        const KsmListListener *listener;
        void *userdata;
        Plan *plan;
        Errand *errand;
        KsmProcesses found;
};

KsmList *ksm_list_free(KsmList *list) {
        if (!list)
                return NULL;
        errand_free(list->errand);
        plan_free(list->plan);
        ksm_processes_done(&list->found);
        return mfree(list);
}

static int take_report(KsmList *list, const Report *report) {
        _cleanup_(ksm_process_done) KsmProcess process = {};
        _cleanup_(record_done) Record record = {};
        int r;

        r = report_read_record(report, &record);
        if (r >= 0)
                r = ksm_process_parse(&record, &process);
        if (r < 0)
                return r;
        if ((size_t) r != record.n_fields)
                return -EBADMSG;
        return ksm_processes_take(&list->found, &process);
}

static void on_report(Report *report, void *userdata) {
        if (report->type == REPORT_PROCESS)
                (void) take_report(userdata, report);
}

static void on_end(const Error *error, void *userdata) {
        KsmList *list = userdata;

        list->listener->ended(&list->found, error, list->userdata);
}

static void on_stuck(Task *task, pid_t holder, const Error *error, void *userdata) {
        KsmList *list = userdata;

        list->listener->stuck(task, holder, list->userdata);
        on_end(error, list);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
        .on_stuck = on_stuck,
};

int ksm_list_new(sd_event *event, const WorkerConfig *config, const KsmListListener *listener,
                 void *userdata, KsmList **ret, Error *error) {
        _cleanup_(ksm_list_freep) KsmList *list = calloc(1, sizeof(*list));
        int r = -ENOMEM;

        if (list)
                r = plan_new_host(&list->plan);
        if (r >= 0 && !plan_add(list->plan, PLAN_KSM_PROCESSES, NULL))
                r = -ENOMEM;
        if (r < 0)
                return error_set_errno(error, r, "Cannot look for processes");
        list->listener = listener;
        list->userdata = userdata;
        r = errand_new(event, config, list->plan, &errand_listener, list, &list->errand, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}
