/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A boot loader that says "none" to everything: all that a folder of one must have. */

#include "core/esp/esp-image.h"
#include "core/firmware/firmware.h"
#include "core/plan/plan-builder.h"
#include "core/plan/plan-loader.h"

static LoaderClaim claim(const EspImage *image) {
        return esp_image_shows(image, "nonesuch", FILE_DIRECTORY) ? LOADER_CLAIM_CONFIGURATION
                                                                  : LOADER_CLAIM_NONE;
}

static LoaderClaim claim_when_installed(bool uefi) {
        return LOADER_CLAIM_NONE;
}

static const char *refusal(const Firmware *firmware) {
        return "nothing starts it";
}

static bool is_there(const EspImage *image) {
        return false;
}

static bool is_ours(const char *path) {
        return false;
}

static char *kernel_path(const char *version, KernelFile file) {
        return strdup("nonesuch");
}

static const char *memtest_path(MemtestFile file) {
        return NULL;
}

static int boot(const EspImage *image, EspBoot *ret) {
        return 0;
}

static int no_versions(const EspImage *image, char ***ret) {
        *ret = NULL;
        return 0;
}

static int no_version(const EspImage *image, char **ret) {
        *ret = NULL;
        return 0;
}

static int no_options(const EspImage *image, const char *version, char **ret) {
        *ret = NULL;
        return 0;
}

static int collect(PlanSurvey *s, const EspFile *file) {
        return 0;
}

static int lead(PlanTarget *t, const PlanSurvey *s, const char *default_options, Error *problem) {
        return plan_target_block(t, s->in, "nonesuch", problem);
}

static int look(PlanBuilder *b) {
        return 0;
}

static uint64_t need(const PlanBuilder *b) {
        return 0;
}

static void settle(PlanBuilder *b) {
}

static bool is_settled(const PlanBuilder *b) {
        return true;
}

static bool holds(const PlanBuilder *b, const char *version) {
        return true;
}

static uint64_t away_need(const PlanBuilder *b, const char *version) {
        return UINT64_MAX;
}

static void remove_kernels(PlanBuilder *b, char *const *versions, bool last) {
}

const PlanLoader plan_loader_nonesuch = {
        .state_size = 1,
        .complete = no_versions,
        .collect = collect,
        .lead = lead,
        .look = look,
        .need = need,
        .settle = settle,
        .is_settled = is_settled,
        .takes_first = is_settled,
        .holds = holds,
        .away_need = away_need,
        .remove = remove_kernels,
};

const Loader loader_nonesuch = {
        .name = "nonesuch",
        .title = "Nonesuch",
        .claim = claim,
        .claim_when_installed = claim_when_installed,
        .refusal = refusal,
        .is_there = is_there,
        .paths = (const LoaderPath[]){ {} },
        .names = (const char *const[]){ NULL },
        .owns = is_ours,
        .reads = is_ours,
        .kernel_path = kernel_path,
        .memtest_path = memtest_path,
        .boot = boot,
        .kernels = no_versions,
        .default_version = no_version,
        .best = no_version,
        .options = no_options,
};
