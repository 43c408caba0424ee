/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* No state and no worker here: a look is turned into a plan, or into a verdict. A plan's problem is
 * the ESP's; what is optional does not count when it is judged whether the ESP is in sync. */

#include "engine/run/esp-plan.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/conversion/chain.h"
#include "core/esp/esp-image.h"
#include "core/kernel/pin.h"
#include "core/loader/loader.h"
#include "core/plan/plan.h"
#include "engine/esp/look.h"

#define NAMES_MAX       20 /* files that are named in an error */
#define DIFFERENCES_MAX 3  /* that are told of an outdated ESP one by one */

bool esp_plan_refuses(const Esp *esp, EspState *ret, Error *error) {
        const char *uuid = esp_info(esp).uuid;

        /* Also if its disk is gone by now: as long as there is a worker, there is no other. */
        if (esp_info(esp).state == ESP_STUCK) {
                (void) error_set(error, ERROR_TIMEOUT,
                                 "ESP '%s' still does not answer; check the disk", uuid);
                *ret = ESP_STUCK;
                return true;
        }
        if (esp_info(esp).present)
                return false;
        (void) error_set(error, ERROR_ESP_MISSING,
                         "ESP '%s' is missing: there is no /" PATH_BY_UUID "/%s; connect its "
                         "disk, or take it off /" PATH_ESP_LIST,
                         uuid, uuid);
        *ret = ESP_MISSING;
        return true;
}

EspState esp_plan_state_after(const RunContext *context, const Esp *esp, bool stuck, ErrorCode code,
                              bool looking) {
        if (stuck)
                return workers_have_straggler(context->workers, esp_info(esp).uuid) ? ESP_STUCK
                                                                                    : ESP_UNKNOWN;
        if (code == ERROR_ESP_MISSING)
                return ESP_MISSING;
        if (code != ERROR_CANCELED && code != ERROR_SOURCE_CHANGED)
                return ESP_FAILED;
        /* An ESP that was not looked at is what it was. */
        if (looking)
                return esp_info(esp).state;
        return code == ERROR_CANCELED ? ESP_OUTDATED : ESP_UNKNOWN;
}

int esp_plan_look(const RunContext *context, const Esp *esp, const EspImage *known,
                  const Manifest *manifest, Plan **ret) {
        const RunInput *input = &context->input;
        const bool verify = job_info(context->job)->verifies;
        _cleanup_(plan_freep) Plan *plan = NULL;
        int r;

        r = plan_build_probe(esp_info(esp).uuid, &input->kernels, manifest, known, verify, &plan);
        if (r >= 0)
                r = plan_probe_loader(plan, known ? known->loader : ESP_LOADER_NONE, input->loaders,
                                      verify ? NULL : manifest);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

void esp_plan_tell_no_loader(const Esp *esp, Error *error) {
        _cleanup_error_ Error why = {};

        if (error->code == ERROR_CANCELED || error->code == ERROR_SOURCE_CHANGED)
                return;
        error_move(&why, error);
        (void) error_set(error, error_is_set(&why) ? why.code : ERROR_NOT_BOOTABLE,
                         "No boot loader was put on ESP '%s', nor an entry for it into the "
                         "firmware's list, as %s%s",
                         esp_info(esp).uuid,
                         error_is_set(&why) ? "the ESP was not brought into sync: "
                                            : "no kernel on it would boot; see 'bootctl-pve "
                                              "kernel list'",
                         strempty(why.message));
}

bool esp_plan_is_due(const RunContext *context, const EspImage *image) {
        _cleanup_free_ char *options = NULL;

        if (context->canceled)
                return true;
        if (!context->host_ready)
                return false;
        if (context->input.cmdline || context->n_unseen == 0)
                return true;
        return look_options(image, &options) >= 0 && options;
}

/* All that says which boot loaders this host can start. */
static LoaderHost loader_host(const RunContext *context) {
        return (LoaderHost){
                .firmware = context->firmware,
                .judged = context->input.secure_boot ? &context->input.secure_boot->files : NULL,
                .sources = context->input.loaders,
        };
}

/* One that is there may start this host, while the one that is to replace it would not. */
static int check_own_loader(const RunContext *context, const char *uuid, EspLoader own,
                            Error *error) {
        const LoaderHost host = loader_host(context);
        _cleanup_free_ char *refusal = NULL;
        int r;

        if (!host.firmware || !host.judged)
                return 0;
        r = loader_tell_refusal(&host, own, &refusal);
        if (r < 0 || !refusal)
                return r;
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "%s is not installed anew on ESP '%s', as it could not start this host: "
                         "%s",
                         loader_of(own)->title, uuid, refusal);
}

static int choose_loader(const RunContext *context, const EspSeen *seen, EspLoader *ret,
                         Error *error) {
        const EspLoader own = seen->image->loader;
        const char *uuid = esp_info(seen->esp).uuid;
        const LoaderHost host = loader_host(context);

        if (job_info(context->job)->request.type == JOB_REINIT) {
                if (own == ESP_LOADER_NONE)
                        return error_set(error, ERROR_NOT_AN_ESP,
                                         "ESP '%s' holds no boot loader that is known here; set it "
                                         "up with 'bootctl-pve init'",
                                         uuid);
                *ret = own;
                return check_own_loader(context, uuid, own, error);
        }
        if (!context->firmware)
                return error_set(error, ERROR_FIRMWARE_ERROR,
                                 "Which boot loader ESP '%s' needs cannot be told, as the firmware "
                                 "could not be asked; see the journal",
                                 uuid);
        return loader_choose(uuid,
                             job_info(context->job)->request.type == JOB_CONVERT
                                             ? chain_loader()
                                             : job_info(context->job)->request.loader,
                             own, &host, ret, error);
}

int esp_plan_choose_loader(const RunContext *context, EspSeen *seen, EspLoader *ret, Error *error) {
        JobType type = job_info(context->job)->request.type;
        int r;

        if (type != JOB_INIT && type != JOB_REINIT && type != JOB_CONVERT)
                return 0;
        r = choose_loader(context, seen, ret, error);
        if (r < 0)
                return r;
        seen->image->loader = *ret;
        seen->loader_comes = true;
        /* The chain to a kernel is verified when the loader is there, so the kernel comes first. */
        return type == JOB_CONVERT ? 0 : esp_image_is_bootable(seen->image);
}

bool esp_plan_has_turn(const RunContext *context, const Esp *esp) {
        return !context->turn || context->turn == esp || context->canceled;
}

bool esp_plan_is_left(const RunContext *context, const Esp *esp, Error *error) {
        if (!context->failed || context->failed == esp)
                return false;
        (void) error_set(error, ERROR_NOT_BOOTABLE,
                         "ESP '%s' was left as it is, as ESP '%s' comes before it",
                         esp_info(esp).uuid, esp_info(context->failed).uuid);
        return true;
}

int esp_plan_check_chain(const RunContext *context, const Esp *esp, const SignedFiles *judged,
                         Error *error) {
        _cleanup_free_ char *problem = NULL;
        bool enforced;
        int r;

        if (job_info(context->job)->request.type != JOB_CONVERT)
                return 0;
        enforced = context->firmware && context->firmware->secure_boot == SECURE_BOOT_ENABLED;
        r = chain_problem(judged, chain_loader(), enforced, &problem);
        if (r < 0 || !problem)
                return r;
        return error_set(error, ERROR_VERIFY_FAILED,
                         "Shim and GRUB are on ESP '%s', but it would not boot with Secure Boot: "
                         "%s; what has booted from it so far is there as before",
                         esp_info(esp).uuid, problem);
}

int esp_plan_check_loader(const Esp *esp, const EspImage *image, EspLoader loader, Error *error) {
        if (image->loader == loader)
                return 0;
        return error_set(error, ERROR_VERIFY_FAILED,
                         "ESP '%s' has no %s after its installation; look at it",
                         esp_info(esp).uuid, esp_loader_to_string(loader));
}

static const Loader *loader(const EspSeen *seen) {
        return loader_of(seen->image->loader);
}

static unsigned checkers(const EspSeen *seen) {
        return loader_checkers(seen->image->loader);
}

static const char *default_version(const RunContext *context, const EspSeen *seen) {
        bool one_shot = context->one_shot || (loader(seen) && loader(seen)->one_shot);

        return run_input_default(&context->input, one_shot, checkers(seen));
}

/* GRUB is told of a pin by its configuration, in its own words, which its menu has. */
static int pin_grub(RunContext *context, const EspSeen *seen) {
        _cleanup_free_ char *root_id = NULL;
        int r;

        r = loader(seen)->pin_root_id(seen->image, &root_id);
        if (r == -ENOMEM)
                return r;
        r = context->listener->pin_grub(default_version(context, seen), root_id, false,
                                        context->userdata);
        if (r > 0)
                context->grub_changes++;
        return r;
}

/* One that the firmware would refuse is not put on an ESP unasked: what is there may be signed by
 * the administrator. */
static int package_is_refused(const RunContext *context, const EspSeen *seen) {
        const LoaderHost host = loader_host(context);
        _cleanup_free_ char *refusal = NULL;
        int r;

        if (context->firmware->secure_boot != SECURE_BOOT_ENABLED)
                return 0;
        if (!host.judged)
                return !context->input.loaders[seen->image->loader].is_signed;
        r = loader_tell_refusal(&host, seen->image->loader, &refusal);
        return r < 0 ? r : refusal != NULL;
}

/* 1 if the program of the ESP's loader is to be put there anew, 0 if not; or -ENOMEM. */
static int loader_is_stale(const RunContext *context, const EspSeen *seen) {
        const LoaderSource *source = &context->input.loaders[seen->image->loader];
        const EspFile *file;
        int r;

        if (!source->path || source->stamp.size == 0 || !context->firmware)
                return 0;
        r = package_is_refused(context, seen);
        if (r != 0)
                return MIN(r, 0);
        file = esp_image_find(seen->image, loader(seen)->program);
        return file && (file->verdict == VERDICT_DIFFERS || file->verdict == VERDICT_UNREADABLE);
}

/* As long as the firmware tries another loader of ours before shim, that must find its kernels. */
static bool starts_another(const RunContext *context) {
        _cleanup_free_ uint16_t *order = NULL;

        return context->firmware && chain_boot_order(context->firmware, &order) != 0;
}

int esp_plan_sync(RunContext *context, const EspSeen *seen, const char *fallback_cmdline,
                  Plan **ret) {
        const RunInput *input = &context->input;
        bool grub_stale = seen->grub_stale;
        int r, stale;

        if (loader(seen) && loader(seen)->pin_root_id && job_info(context->job)->syncs) {
                r = pin_grub(context, seen);
                if (r < 0)
                        return r;
                grub_stale |= r > 0;
        }
        stale = loader_is_stale(context, seen);
        if (stale < 0)
                return stale;
        return plan_build(
                        &(PlanInput){
                                        .esp_uuid = esp_info(seen->esp).uuid,
                                        .image = seen->image,
                                        .kernels = &input->kernels,
                                        .title = input->title,
                                        .cmdline = input->cmdline,
                                        .fallback_cmdline = fallback_cmdline,
                                        .pin = default_version(context, seen),
                                        .judged = input->secure_boot ? esp_info(seen->esp).judged
                                                                     : NULL,
                                        .next_boot = input->next_boot,
                                        .grub_stale = grub_stale,
                                        .memtest_stays = seen->memtest_stays,
                                        .loader_stale = stale > 0,
                                        .loader_comes = seen->loader_comes,
                                        .copies_stay = starts_another(context),
                        },
                        ret);
}

/* The paths that the disk did not give, "'a', 'b'"; *@ret is NULL if it gave all. 0 or -ENOMEM. */
static int quote_unreadable(const EspImage *image, char **ret) {
        _cleanup_strv_ char **paths = NULL;

        for (size_t i = 0; i < image->n_files; i++)
                if (image->files[i].verdict == VERDICT_UNREADABLE &&
                    strv_extend(&paths, image->files[i].path) < 0)
                        return -ENOMEM;
        if (strv_isempty(paths)) {
                *ret = NULL;
                return 0;
        }
        *ret = strv_quote(paths, NAMES_MAX);
        return *ret ? 0 : -ENOMEM;
}

/* File by file, as far as anybody reads. */
static void tell_differences(const EspSeen *seen, const Plan *rest, Error *error) {
        _cleanup_free_ char *names = NULL, *unreadable = NULL;
        _cleanup_strv_ char **paths = NULL;

        if (quote_unreadable(seen->image, &unreadable) >= 0 && unreadable)
                (void) error_set(error, ERROR_VERIFY_FAILED,
                                 "The disk of ESP '%s' does not give %s; a refresh writes that "
                                 "anew, but check the disk",
                                 esp_info(seen->esp).uuid, unreadable);
        if (plan_changes(rest, &paths) >= 0)
                names = strv_quote(paths, NAMES_MAX);
        (void) error_set(error, ERROR_VERIFY_FAILED,
                         "On ESP '%s' these are not as they should be, and a refresh repairs them: "
                         "%s",
                         esp_info(seen->esp).uuid, strempty(names));
}

static void tell_optional(const Job *job, const EspSeen *seen, const Plan *rest) {
        const char *uuid = esp_info(seen->esp).uuid;

        if (rest->left_out)
                log_of_job(job, LOG_WARNING, uuid, "%s.", rest->left_out);
        else if (rest->n_steps > 0 && !plan_is_due(rest))
                log_of_job(job, LOG_WARNING, uuid,
                           "Memtest86+ on ESP '%s' is not as it should be; a refresh repairs it.",
                           uuid);
}

EspState esp_plan_judge(const RunContext *context, const EspSeen *seen, const Plan *rest,
                        bool synced, Error *error) {
        JobType type = job_info(context->job)->request.type;
        EspState state = ESP_IN_SYNC;

        if (error_is_set(&rest->problem)) {
                (void) error_set(error, rest->problem.code, "%s", strempty(rest->problem.message));
                state = seen->image->loader != ESP_LOADER_NONE ? ESP_OUTDATED : ESP_FAILED;
        } else if (plan_is_due(rest)) {
                state = ESP_OUTDATED;
                if (synced || type == JOB_VERIFY)
                        tell_differences(seen, rest, error);
        }
        if (job_info(context->job)->syncs || type == JOB_VERIFY)
                tell_optional(context->job, seen, rest);
        return state;
}

/* The default that the ESP has, if it should have another one. */
static int tell_default(const RunContext *context, const EspSeen *seen, char ***parts) {
        _cleanup_(esp_boot_done) EspBoot boot = {};
        const char *wanted = default_version(context, seen);
        const Kernel *newest = kernel_set_default(&context->input.kernels, false, checkers(seen));
        int r;

        wanted = wanted ?: newest ? newest->version : NULL;
        r = esp_image_boot(seen->image, &boot);
        if (r < 0 || !wanted || !boot.version || streq(boot.version, wanted))
                return r;
        return strv_extendf(parts, "the default is still %s", boot.version);
}

char *esp_plan_difference(const RunContext *context, const EspSeen *seen, const Plan *rest) {
        _cleanup_strv_ char **parts = NULL;
        size_t more;

        if (tell_default(context, seen, &parts) < 0 || plan_explain(rest, &parts) < 0)
                return NULL;
        more = strv_length(parts);
        if (more <= DIFFERENCES_MAX)
                return strv_join(parts, ", ");
        more -= DIFFERENCES_MAX;
        free(parts[DIFFERENCES_MAX]);
        parts[DIFFERENCES_MAX] = strprintf("and %zu more", more);
        for (char **p = &parts[DIFFERENCES_MAX + 1]; *p; p++)
                *p = mfree(*p);
        return parts[DIFFERENCES_MAX] ? strv_join(parts, ", ") : NULL;
}
