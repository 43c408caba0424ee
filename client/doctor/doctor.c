/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `doctor`: is all of this host as it should be? The checks stand in the tables of the files beside
 * this one, which also say what each needs; here they are shown, and end the program. What could
 * not be looked at is no success. */

#include "client/verb/verbs.h"

#include "client/doctor/patient.h"
#include "client/doctor/report.h"
#include "client/terminal/json.h"
#include "common/string-util.h"

/* Words of a group: its title, and what it is in JSON. */
static const struct {
        const char *title, *word;
} groups[_CHECK_GROUP_MAX] = {
        [GROUP_FILES] = { "Files", "files" },
        [GROUP_KERNELS] = { "Kernels", "kernels" },
        [GROUP_SERVICE] = { "Service", "service" },
        [GROUP_BUS] = { "Bus and polkit", "bus" },
        [GROUP_ESPS] = { "ESPs and boot loaders", "esps" },
        [GROUP_FIRMWARE] = { "Firmware", "firmware" },
        [GROUP_SECURE_BOOT] = { "Secure Boot", "secure-boot" },
        [GROUP_SPACE] = { "Space", "space" },
        [GROUP_PACKAGES] = { "Packages", "packages" },
        [GROUP_OTHER] = { "Other warnings", "other" },
};

static json_object *findings_to_json(const Patient *p) {
        json_object *array = json_array_new();

        for (size_t i = 0; i < p->n_findings; i++) {
                const Finding *f = &p->findings[i];
                json_object *object = json_new();

                json_append(array, object);
                json_add_string(object, "check", f->check->name);
                json_add_string(object, "group", groups[f->check->group].word);
                json_add_string(object, "severity", severity_word(f->severity));
                json_add_boolean(object, "unknown", f->unknown);
                json_add_string(object, "sentence", f->sentence);
                json_add_string(object, "action", f->action);
        }
        return array;
}

static void print_json(const Patient *p) {
        _cleanup_json_ json_object *object = json_new();

        json_add_string(object, "verdict", severity_word(patient_verdict(p)));
        json_add_string(object, "report", p->options->report);
        json_add(object, "findings", findings_to_json(p));
        json_print(p->options, "doctor", object);
}

static void print_finding(const Finding *f) {
        static const struct {
                const char *head;
                Colour colour;
        } heads[_SEVERITY_MAX] = {
                [SEVERITY_OK] = { "  ok       ", COLOUR_GOOD },
                [SEVERITY_NOTE] = { "  note     ", COLOUR_NONE },
                [SEVERITY_WARNING] = { "  warning  ", COLOUR_WARNING },
                [SEVERITY_FAULT] = { "  fault    ", COLOUR_BAD },
        };

        say_below(heads[f->severity].head, heads[f->severity].colour, f->sentence);
        if (!isempty(f->action))
                say_below("           action: ", COLOUR_NONE, f->action);
}

/* With --quiet nothing is said of success. */
static bool is_shown(const Patient *p, const Finding *f) {
        return f->severity > SEVERITY_NOTE || !option_given(p->options, OPTION_QUIET);
}

static void print_group(const Patient *p, CheckGroup group) {
        bool first = true;

        for (size_t i = 0; i < p->n_findings; i++) {
                const Finding *f = &p->findings[i];

                if (f->check->group != group || !is_shown(p, f))
                        continue;
                if (first)
                        say("%s:", groups[group].title);
                first = false;
                print_finding(f);
        }
}

static void print_summary(const Patient *p) {
        size_t n[_SEVERITY_MAX] = {};

        for (size_t i = 0; i < p->n_findings; i++)
                n[p->findings[i].severity]++;
        if (option_given(p->options, OPTION_QUIET) || option_given(p->options, OPTION_NO_LEGEND))
                return;
        if (patient_verdict(p) <= SEVERITY_NOTE)
                say("All is well.");
        else
                say("%zu fault%s, %zu warning%s.", n[SEVERITY_FAULT],
                    n[SEVERITY_FAULT] == 1 ? "" : "s", n[SEVERITY_WARNING],
                    n[SEVERITY_WARNING] == 1 ? "" : "s");
}

static ExitStatus verdict_status(const Patient *p) {
        switch (patient_verdict(p)) {
        case SEVERITY_OK:
        case SEVERITY_NOTE:
                return STATUS_DONE;
        case SEVERITY_WARNING:
                return STATUS_PARTIAL;
        case SEVERITY_FAULT:
        case _SEVERITY_MAX:
                break;
        }
        return STATUS_FAILED;
}

static ExitStatus verb_doctor(const Options *options, char **arguments) {
        _cleanup_patient_ Patient p = { .root = -EBADF };
        ExitStatus status = STATUS_DONE;

        if (options->report)
                status = report_check(options, options->report);
        if (status == STATUS_DONE)
                status = patient_open(options, &p);
        if (status != STATUS_DONE)
                return status;
        patient_examine(&p);
        if (options->report)
                status = report_write(&p, options->report);
        if (status != STATUS_DONE)
                return status;
        options_page(options);
        if (options->json) {
                print_json(&p);
                return verdict_status(&p);
        }
        for (CheckGroup group = 0; group < _CHECK_GROUP_MAX; group++)
                print_group(&p, group);
        print_summary(&p);
        if (options->report && !option_given(options, OPTION_QUIET))
                say("The report is in '%s'; read it before you send it.", options->report);
        return verdict_status(&p);
}

const Verb doctor_verbs[] = {
        { NULL, "doctor", "", 0, 0, OPTION_BIT(OPTION_REPORT) | OPTION_BIT(OPTION_FORCE),
          verb_doctor, "Look at all that can be looked at, and tell what mends it" },
        {},
};
