/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of every verb that runs a job. The job's result decides the exit status; the ESPs are
 * read again only to name those that need the administrator's attention. What went wrong is told on
 * stderr even with --json, where stdout has the same as data. */

#include "client/job-report.h"

#include "client/json.h"
#include "client/objects.h"
#include "client/output.h"
#include "common/string-util.h"

static void print_json(const char *result, const char *error, const char *message,
                       const EspInfos *infos) {
        _cleanup_json_ json_object *object = json_new();
        json_object *array = json_array_new();

        json_add_string(object, "result", result);
        json_add_string(object, "error", error);
        json_add_string(object, "message", message);
        json_add(object, "esps", array);
        for (size_t i = 0; infos && i < infos->n; i++) {
                json_object *esp = json_new();

                json_append(array, esp);
                json_add_string(esp, "uuid", infos->esps[i].uuid);
                json_add_string(esp, "state", infos->esps[i].state);
                json_add_string(esp, "last_error", infos->esps[i].last_error);
        }
        json_print(object);
}

static void say_done(const JobResult *result, const char *done, const EspInfos *infos) {
        _cleanup_strv_ char **uuids = NULL;
        _cleanup_free_ char *list = NULL;

        if (!isempty(result->message))
                say("%s", result->message);
        for (size_t i = 0; i < infos->n; i++)
                if (esp_info_in_sync(&infos->esps[i]) &&
                    strv_extend(&uuids, strempty(infos->esps[i].uuid)) < 0)
                        out_of_memory();
        list = must(strv_join(uuids, ", "));
        if (!strv_isempty(uuids))
                say("%s: %s.", done, list);
        else if (isempty(result->message))
                say("Done.");
}

static void complain(const JobResult *result, ExitStatus status, const EspInfos *infos) {
        if (isempty(result->message))
                (void) fail(status, "The job ended with the result '%s'.", result->result);
        else
                (void) fail(status, "%s", result->message);
        for (size_t i = 0; i < infos->n; i++) {
                _cleanup_free_ char *complaint = NULL;

                /* What stopped the whole job is not told twice. */
                if (esp_info_in_sync(&infos->esps[i]) ||
                    (!isempty(result->message) &&
                     streq_ptr(infos->esps[i].last_error, result->message)))
                        continue;
                complaint = esp_info_complaint(&infos->esps[i]);
                (void) fail(status, "%s", complaint);
        }
}

/* The daemon tells what such a host boots from, which the job has seen to. */
static ExitStatus report_without_esps(Connection *c, const Options *options) {
        _cleanup_manager_info_ ManagerInfo info = {};
        ExitStatus status;

        status = manager_info_get(c, &info);
        if (status != STATUS_DONE)
                return status;
        job_report_none(options, "done",
                        isempty(info.redundancy_reason) ? "No ESP is configured."
                                                        : info.redundancy_reason);
        return STATUS_DONE;
}

ExitStatus job_report(Connection *c, const Options *options, const JobResult *result,
                      const char *done) {
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status = job_result_status(result), r;

        r = esp_infos_get(c, options->esps, &infos);
        if (r != STATUS_DONE)
                return r;
        if (infos.n == 0 && status == STATUS_DONE)
                return report_without_esps(c, options);
        if (option_given(options, OPTION_JSON))
                print_json(result->ran ? result->result : "done", result->error, result->message,
                           &infos);
        if (status != STATUS_DONE)
                complain(result, status, &infos);
        else if (!option_given(options, OPTION_JSON))
                say_done(result, done, &infos);
        return status;
}

ExitStatus job_report_alone(const Options *options, const JobResult *result, const char *done) {
        ExitStatus status = job_result_status(result);

        if (status == STATUS_DONE) {
                job_report_none(options, "done", done);
                return status;
        }
        if (option_given(options, OPTION_JSON))
                print_json(result->result, result->error, result->message, NULL);
        complain(result, status, &(EspInfos){});
        return status;
}

void job_report_none(const Options *options, const char *result, const char *message) {
        if (option_given(options, OPTION_JSON))
                print_json(result, NULL, message, NULL);
        else
                say("%s", message);
}
