/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tells how a job went, each thing once. The job's result decides the exit status; the ESPs are
 * read again only to name those that need the administrator's attention. Trouble is told on stderr
 * even with --json, where stdout has the same as data. */

#include "client/daemon/job-report.h"

#include <inttypes.h>

#include "client/daemon/objects.h"
#include "client/terminal/json.h"
#include "common/string-util.h"

static void print_json(const Options *options, const JobResult *result, const EspInfos *infos) {
        _cleanup_json_ json_object *object = json_new();
        json_object *array = json_array_new();

        json_add_string(object, "result", result->result);
        json_add_string(object, "error", result->error);
        json_add_string(object, "message", result->message);
        if (result->started > 0)
                json_add_u64(object, "job", result->started);
        json_add(object, "esps", array);
        for (size_t i = 0; infos && i < infos->n; i++) {
                json_object *esp = json_new();

                json_append(array, esp);
                json_add_string(esp, "uuid", infos->esps[i].uuid);
                json_add_string(esp, "state", infos->esps[i].state);
                json_add_string(esp, "last_error", infos->esps[i].last_error);
        }
        json_print(options, "job", object);
}

static void say_done(const JobResult *result, const char *done, const EspInfos *infos) {
        _cleanup_strv_ char **uuids = NULL;
        _cleanup_free_ char *list = NULL;

        if (!isempty(result->message))
                say("%s", result->message);
        for (size_t i = 0; i < infos->n; i++)
                if (infos->esps[i].in_sync &&
                    strv_extend(&uuids, strempty(infos->esps[i].uuid)) < 0)
                        out_of_memory();
        list = must(strv_join(uuids, ", "));
        if (!strv_isempty(uuids))
                say("%s: %s.", done, list);
        else if (isempty(result->message))
                say("Done.");
}

/* The complaint about an ESP that begins at @text; NULL: none does. */
static const char *complaint_at(const char *text, char *const *complaints) {
        for (; complaints && *complaints; complaints++)
                if (startswith(text, *complaints))
                        return *complaints;
        return NULL;
}

/* The end of the line that begins at @text. */
static const char *find_end(const char *text, char *const *complaints) {
        const char *first = complaint_at(text, complaints), *end = text + strlen(strempty(first));

        while (*end && !complaint_at(end, complaints))
                end++;
        return end;
}

/* Without the period and the blank that divide it from the next one. */
static void fail_line(ExitStatus status, const char *text, const char *end) {
        size_t size = (size_t) (end - text);

        while (*end && size > 0 && (text[size - 1] == ' ' || text[size - 1] == '.'))
                size--;
        if (size > 0)
                (void) fail(status, "%.*s", (int) size, text);
}

/* It tells what was done, and who is in sync. With --json stdout has the data. */
static void say_what_was_done(const Options *options, const char *text, const char *end) {
        if (option_given(options, OPTION_QUIET))
                return;
        if (options->json)
                fail_line(STATUS_DONE, text, end);
        else
                say("%.*s", (int) (end - text - 1), text);
}

/* Each complaint in the job's message has a line of its own, and so has all that stands before the
 * first. */
static void print_message(const Options *options, const char *message, ExitStatus status,
                          char *const *complaints) {
        const char *end = find_end(message, complaints);

        if (*end && end > message && !complaint_at(message, complaints))
                say_what_was_done(options, message, end);
        else
                fail_line(status, message, end);
        for (const char *line = end; *line; line = end) {
                end = find_end(line, complaints);
                fail_line(status, line, end);
        }
}

/* Each reason is told once: in the job's message, or, where that has it not, by the ESP. */
static void complain(const Options *options, const JobResult *result, ExitStatus status,
                     const EspInfos *infos) {
        const char *message = strempty(result->message);
        _cleanup_strv_ char **complaints = NULL;

        for (size_t i = 0; i < infos->n; i++)
                if (!infos->esps[i].in_sync &&
                    strv_consume(&complaints, esp_info_complaint(&infos->esps[i])) < 0)
                        out_of_memory();
        if (isempty(message))
                (void) fail(status, "The job ended with the result '%s'.", result->result);
        else
                print_message(options, message, status, complaints);
        for (size_t i = 0; i < infos->n; i++) {
                _cleanup_free_ char *complaint = esp_info_complaint(&infos->esps[i]);
                const char *error = infos->esps[i].last_error;

                if (!infos->esps[i].in_sync && !strstr(message, complaint) &&
                    (isempty(error) || !strstr(message, error)))
                        (void) fail(status, "%s", complaint);
        }
}

/* A job that is done may have left something as it is, because of a fault that is the host's. Those
 * that have made it fail are in its message. */
static void warn_of_faults(const Notices *l, const JobResult *result) {
        for (size_t i = 0; i < l->n; i++) {
                const Notice *w = &l->items[i];

                if (streq(w->severity, "fault") && !strstr(strempty(result->message), w->sentence))
                        (void) fail(STATUS_DONE, "%s; run '%s'.", w->sentence, w->action);
        }
}

/* The daemon tells what such a host boots from, which the job has seen to. */
static void report_without_esps(const Options *options, const ManagerInfo *info,
                                const char *message) {
        _cleanup_free_ char *text =
                        must(strprintf("%s%s%s", strempty(message), isempty(message) ? "" : " ",
                                       isempty(info->redundancy_reason) ? "No ESP is configured."
                                                                        : info->redundancy_reason));

        job_report_none(options, "done", text);
}

static ExitStatus report_started(const Options *options, const JobResult *result) {
        _cleanup_free_ char *message =
                        must(strprintf("Job %" PRIu64 " was started.", result->started));

        if (options->json)
                print_json(options,
                           &(JobResult){ .started = result->started,
                                         .result = (char *) "started",
                                         .message = message },
                           NULL);
        else
                say("%s", message);
        return STATUS_DONE;
}

ExitStatus job_report(Connection *c, const Options *options, const JobResult *result,
                      const char *done) {
        _cleanup_manager_info_ ManagerInfo info = {};
        _cleanup_esp_infos_ EspInfos infos = {};
        ExitStatus status = job_result_status(result), r;

        if (result->started > 0)
                return report_started(options, result);
        r = esp_infos_get(c, options->esps, &infos);
        if (r == STATUS_DONE)
                r = manager_info_get(c, &info);
        if (r != STATUS_DONE)
                return r;
        if (infos.n == 0 && status == STATUS_DONE)
                report_without_esps(options, &info, result->message);
        else if (options->json)
                print_json(options,
                           result->ran ? result : &(JobResult){ .result = (char *) "done" },
                           &infos);
        else if (status == STATUS_DONE && !option_given(options, OPTION_QUIET))
                say_done(result, done, &infos);
        if (status != STATUS_DONE)
                complain(options, result, status, &infos);
        if (status != STATUS_FAILED)
                warn_of_faults(&info.warnings, result);
        return status;
}

ExitStatus job_report_alone(const Options *options, const JobResult *result, const char *done) {
        ExitStatus status = job_result_status(result);

        if (result->started > 0)
                return report_started(options, result);
        if (status == STATUS_DONE) {
                job_report_none(options, "done", done);
                return status;
        }
        if (options->json)
                print_json(options, result, NULL);
        complain(options, result, status, &(EspInfos){});
        return status;
}

void job_report_none(const Options *options, const char *result, const char *message) {
        if (options->json)
                print_json(options,
                           &(JobResult){ .result = (char *) result, .message = (char *) message },
                           NULL);
        else if (!option_given(options, OPTION_QUIET))
                say("%s", message);
}
