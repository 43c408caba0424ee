/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way to Secure Boot: which steps there are for which host, in which order, and that taking
 * them one by one never leaves a host that does not boot. */

#include "core/conversion/conversion.h"

#include "tests/unit/check-main.h"
#include "tests/unit/core/convert-host.h"

static const char letters[] = {
        [CONVERSION_SUPPORT] = 'x',   [CONVERSION_SET_UP] = 'u',   [CONVERSION_PACKAGES] = 'p',
        [CONVERSION_KERNEL] = 'k',    [CONVERSION_ESP] = 'e',      [CONVERSION_PROVE] = 'b',
        [CONVERSION_ORDER] = 'o',     [CONVERSION_ENTRY] = 'y',    [CONVERSION_VALIDATION] = 'v',
        [CONVERSION_IMPORT] = 'i',    [CONVERSION_ENROL] = 'm',    [CONVERSION_MODULES] = 'd',
        [CONVERSION_AUTHORITY] = 'c', [CONVERSION_ACCEPTED] = 'a', [CONVERSION_ABSENT] = 'g',
        [CONVERSION_ENABLE] = 's',
};

static ConversionPlan make(TestHost *h) {
        ConversionPlan plan = {};

        ck_assert_int_eq(conversion_plan_make(host_look(h), &plan), 0);
        ck_assert_uint_gt(plan.n_steps, 0);
        for (size_t i = 0; i < plan.n_steps; i++) {
                ck_assert(!isempty(plan.steps[i].step));
                ck_assert(!isempty(plan.steps[i].why));
                ck_assert(!endswith(plan.steps[i].why, "."));
                ck_assert(!plan.steps[i].done || isempty(plan.steps[i].command));
        }
        return plan;
}

/* A letter for each step, that of an open one in upper case; an ESP's is followed by its number. */
static char *sketch(const ConversionPlan *plan) {
        char *s = strdup("");

        for (size_t i = 0; i < plan->n_steps; i++) {
                const ConversionStep *step = &plan->steps[i];
                char letter = letters[step->kind];
                char *more = strprintf("%s%c%s", s, step->done ? letter : letter - 'a' + 'A',
                                       step->esp ? step->esp + strlen("AAAA-000") : "");

                free(s);
                s = more;
        }
        return s;
}

static void expect(TestHost *h, const char *steps) {
        _cleanup_(conversion_plan_done) ConversionPlan plan = make(h);
        _cleanup_free_ char *s = sketch(&plan);

        ck_assert_str_eq(s, steps);
}

/* The ESPs that a job would convert, "2,o": and the order. "!": refused with @why. */
static void expect_next(TestHost *h, const char *wanted, const char *why) {
        _cleanup_(conversion_plan_done) ConversionPlan plan = make(h);
        _cleanup_strv_ char **esps = NULL;
        _cleanup_error_ Error error = {};
        _cleanup_free_ char *s = NULL, *joined = NULL;
        bool order = false;
        int r = conversion_next(&plan, &esps, &order, &error);

        joined = strv_join(esps, ",");
        s = r < 0 ? strdup("!") : strprintf("%s%s", strempty(joined), order ? "+order" : "");
        ck_assert_str_eq(s, wanted);
        if (r < 0)
                ck_assert_msg(strstr(error.message, why), "%s", error.message);
}

static const ConversionStep *find(const ConversionPlan *plan, ConversionKind kind) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].kind == kind)
                        return &plan->steps[i];
        ck_abort_msg("no such step");
}

START_TEST(a_host_with_one_esp_keeps_both_loaders_on_it_until_shim_has_booted) {
        TestHost h;

        host_make(&h, "s");
        expect(&h, "PkE1BOdCaS");
        expect_next(&h, "!", "apt-get install shim-signed grub-efi-" DEBIAN_ARCH "-signed");
        h.packages = true;
        expect(&h, "pkE1BOdcaS");
        expect_next(&h, "AAAA-0001", NULL);
        h.esps[0].shim = true;
        host_add_entry(&h, 0, SHIM_EFI_PATH);
        expect(&h, "pke1BOdcaS");
        expect_next(&h, "!", "efibootmgr --bootnext 0001 && systemctl reboot");
        ck_assert(host_boot(&h, &h.firmware.entries[1]));
        expect(&h, "pke1bOdcaS");
        expect_next(&h, "+order", NULL);
        host_done(&h);
}
END_TEST

START_TEST(of_several_esps_one_is_converted_and_the_rest_once_that_has_booted) {
        TestHost h;

        host_make(&h, "sss");
        h.packages = true;
        /* Not the one that this boot came from. */
        expect(&h, "pkE2BE1E3OdcaS");
        expect_next(&h, "AAAA-0002", NULL);
        h.esps[1].shim = true;
        host_add_entry(&h, 1, SHIM_EFI_PATH);
        expect(&h, "pke2BE1E3OdcaS");
        expect_next(&h, "!", "Boot once by shim and GRUB");
        ck_assert(host_boot(&h, &h.firmware.entries[3]));
        expect(&h, "pke2bE1E3OdcaS");
        expect_next(&h, "AAAA-0001,AAAA-0003+order", NULL);
        host_done(&h);
}
END_TEST

START_TEST(a_boot_by_another_grub_proves_nothing) {
        TestHost h;

        /* GRUB without shim, from the ESP that has both by now. */
        host_make(&h, "gg");
        h.packages = true;
        expect(&h, "pkE2BE1OdcaS");
        h.esps[0].shim = true;
        host_add_entry(&h, 0, SHIM_EFI_PATH);
        expect(&h, "pke1BE2OdcaS");
        ck_assert(host_boot(&h, &h.firmware.entries[2]));
        expect(&h, "pke1bE2OdcaS");
        h.booted = h.n_esps;
        expect(&h, "pke1BE2OdcaS");
        host_done(&h);
}
END_TEST

START_TEST(a_host_that_is_there_has_every_step_done) {
        TestHost h;

        host_make(&h, "SS");
        h.secure_boot = SECURE_BOOT_ENABLED;
        expect(&h, "pke1e2bodcas");
        expect_next(&h, "", NULL);
        host_done(&h);
        /* Signed with a key of the owner's, it needs no shim. */
        host_make(&h, "oo");
        h.secure_boot = SECURE_BOOT_ENABLED;
        h.kernel = true;
        expect(&h, "Ke1e2dAs");
        host_done(&h);
}
END_TEST

START_TEST(mixed_hosts_are_converted_from_where_they_are) {
        TestHost h;

        host_make(&h, "sS");
        expect(&h, "pke2BE1OdcaS");
        ck_assert(host_boot(&h, &h.firmware.entries[1]));
        expect(&h, "pke2bE1OdcaS");
        expect_next(&h, "AAAA-0001+order", NULL);
        host_done(&h);

        host_make(&h, "Ssa");
        expect(&h, "pke1bE2odcaG3S");
        expect_next(&h, "AAAA-0002", NULL);
        host_done(&h);

        host_make(&h, "Sn");
        h.esps[0].systemd_boot = true;
        expect(&h, "pke1bodcaG2S");
        expect_next(&h, "!", "AAAA-0002");
        h.esps[1].systemd_boot = h.esps[1].unseen = true;
        expect(&h, "pke1bodcaG2S");
        host_done(&h);

        host_make(&h, "");
        expect(&h, "U");
        expect_next(&h, "!", "esp candidates");
        host_done(&h);
}
END_TEST

START_TEST(a_firmware_that_has_dropped_the_entry_of_shim_is_told_it_again) {
        TestHost h;

        host_make(&h, "S");
        h.firmware.n_boot_order = 0;
        expect(&h, "pke1bYdcaS");
        expect_next(&h, "!", "bootctl-pve reinit");
        host_done(&h);
}
END_TEST

START_TEST(what_boots_as_on_a_removable_medium_needs_an_entry_before_shim_takes_that_place) {
        TestHost h;

        host_make(&h, "s");
        h.packages = true;
        h.firmware.n_boot_order = 0;
        expect(&h, "pkYE1BOdcaS");
        expect_next(&h, "!", "bootctl-pve reinit");
        host_done(&h);
        /* Another ESP stays as it is meanwhile. */
        host_make(&h, "ss");
        h.packages = true;
        h.firmware.n_boot_order = 0;
        expect_next(&h, "AAAA-0002", NULL);
        host_done(&h);
}
END_TEST

START_TEST(without_uefi_or_secure_boot_there_is_one_sentence) {
        TestHost h;

        host_make(&h, "s");
        h.bios = true;
        expect(&h, "X");
        expect_next(&h, "!", "BIOS");
        h.bios = false;
        h.secure_boot = SECURE_BOOT_UNSUPPORTED;
        expect(&h, "X");
        expect_next(&h, "!", "firmware has no Secure Boot");
        host_done(&h);
}
END_TEST

START_TEST(each_thing_that_would_be_refused_is_an_open_step_that_names_it) {
        _cleanup_(conversion_plan_done) ConversionPlan plan = {};
        TestHost h;

        host_make(&h, "S");
        h.custom_kernel = h.module = h.validation_off = true;
        h.authority = false;
        h.key = KEY_STORE_DKMS;
        expect(&h, "pke1boVIMDCAS");
        plan = make(&h);
        ck_assert(strstr(find(&plan, CONVERSION_ACCEPTED)->why, "6.9.0-custom"));
        ck_assert(strstr(find(&plan, CONVERSION_MODULES)->why, "x-dkms"));
        ck_assert(strstr(find(&plan, CONVERSION_AUTHORITY)->why, "UEFI CA 2011"));
        ck_assert_str_eq(find(&plan, CONVERSION_IMPORT)->command,
                         "mokutil --import /var/lib/dkms/mok.pub");
        h.key = KEY_STORE_MOK_NEW;
        expect(&h, "pke1boViMDCAS");
        h.key = KEY_STORE_MOK;
        expect(&h, "pke1boVimDCAS");
        /* With Secure Boot on, the firmware's word counts for shim. */
        h.secure_boot = SECURE_BOOT_ENABLED;
        expect(&h, "pkE1BoVimDCAs");
        host_done(&h);
}
END_TEST

START_TEST(a_host_without_a_signed_kernel_converts_nothing) {
        TestHost h;

        host_make(&h, "s");
        h.packages = true;
        h.kernel = false;
        expect(&h, "pKE1BOdcAS");
        expect_next(&h, "!", "proxmox-default-kernel");
        host_done(&h);
}
END_TEST

static int problem_of(const HostEsp *esp, bool enforced, char **ret) {
        return chain_problem(&esp->signed_files, ESP_LOADER_GRUB, enforced, ret);
}

START_TEST(each_program_of_the_chain_counts) {
        TestHost h;

        host_make(&h, "S");
        (void) host_look(&h);
        for (size_t i = 0; i < h.esps[0].signed_files.n; i++) {
                SignedFile *file = &h.esps[0].files[i], good = *file;
                _cleanup_free_ char *problem = NULL;

                file->is_signed = file->by[0].accepted = file->by[1].accepted = false;
                ck_assert_int_eq(problem_of(&h.esps[0], false, &problem), 0);
                ck_assert_msg(problem && strstr(problem, good.path), "%s", good.path);
                *file = good;
                file->path = (char *) "/elsewhere";
                problem = mfree(problem);
                ck_assert_int_eq(problem_of(&h.esps[0], false, &problem), 0);
                ck_assert_ptr_nonnull(problem);
                *file = good;
                problem = mfree(problem);
                ck_assert_int_eq(problem_of(&h.esps[0], true, &problem), 0);
                ck_assert_ptr_null(problem);
        }
        host_done(&h);
}
END_TEST

START_TEST(shim_takes_the_places_of_others_of_ours_and_no_more) {
        _cleanup_free_ uint16_t *order = NULL, *again = NULL;
        static const uint16_t wanted[] = { 2, 1, 4, 0, 3 };
        TestHost h;

        host_make(&h, "sS");
        firmware_done(&h.firmware);
        host_add_entry(&h, 0, SD_EFI_PATH);
        host_add_entry(&h, 0, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi");
        host_add_entry(&h, 0, SHIM_EFI_PATH);
        host_add_entry(&h, 1, SD_EFI_PATH);
        host_add_entry(&h, 1, SHIM_EFI_PATH);
        ck_assert_int_eq(chain_boot_order(&h.firmware, &order), 1);
        ck_assert_mem_eq(order, wanted, sizeof(wanted));
        memcpy(h.firmware.boot_order, order, sizeof(wanted));
        ck_assert_int_eq(chain_boot_order(&h.firmware, &again), 0);
        host_done(&h);
}
END_TEST

/* The random walk: the plan's own steps, as a person and the daemon take them. */

/* GRUB may hang for all that anybody knows, as long as it has not booted. */
static void assert_boots(const TestHost *h, bool proven, unsigned seed) {
        ck_assert_msg(host_choose(h, false), "seed %u: nothing boots", seed);
        ck_assert_msg(proven || host_choose(h, true), "seed %u: all depends on GRUB", seed);
}

static void convert(TestHost *h, bool proven, unsigned seed) {
        _cleanup_(conversion_plan_done) ConversionPlan plan = make(h);
        _cleanup_strv_ char **esps = NULL;
        _cleanup_free_ uint16_t *order = NULL;
        _cleanup_error_ Error error = {};
        bool reorder = false;

        ck_assert_int_eq(conversion_next(&plan, &esps, &reorder, &error), 1);
        STRV_FOREACH(uuid, esps) {
                size_t i = (size_t) (*uuid)[strlen("AAAA-000")] - '1';

                h->esps[i].shim = h->esps[i].torn = true;
                assert_boots(h, proven, seed);
                h->esps[i].torn = false;
                assert_boots(h, proven, seed);
                host_add_entry(h, i, SHIM_EFI_PATH);
                assert_boots(h, proven, seed);
        }
        ck_assert(!reorder || proven);
        if (reorder && chain_boot_order(&h->firmware, &order) > 0)
                memcpy(h->firmware.boot_order, order, h->firmware.n_boot_order * sizeof(uint16_t));
}

static const LoadOption *entry_of_command(const TestHost *h, const char *command) {
        const char *number = startswith(command, "efibootmgr --bootnext ");

        ck_assert_ptr_nonnull(number);
        return firmware_entry(&h->firmware, (uint16_t) strtoul(number, NULL, 16));
}

/* False if GRUB hangs, and the host is as before. */
static bool take_step(TestHost *h, const ConversionStep *step, bool *proven, unsigned seed) {
        switch (step->kind) {
        case CONVERSION_PACKAGES:
                h->packages = true;
                return true;
        case CONVERSION_KERNEL:
                h->kernel = true;
                return true;
        case CONVERSION_ESP:
        case CONVERSION_ORDER:
                convert(h, *proven, seed);
                return true;
        case CONVERSION_PROVE:
                if (h->grub_hangs)
                        return false;
                ck_assert(host_boot(h, entry_of_command(h, step->command)));
                *proven = true;
                return true;
        case CONVERSION_VALIDATION:
                h->validation_off = false;
                return true;
        case CONVERSION_IMPORT:
                h->key = KEY_STORE_MOK_NEW;
                return true;
        case CONVERSION_ENROL:
                ck_assert(host_boot(h, host_choose(h, false)));
                ck_assert_str_eq(h->loader, "grub");
                h->key = KEY_STORE_MOK;
                return true;
        case CONVERSION_MODULES:
                h->module = false;
                return true;
        case CONVERSION_AUTHORITY:
                h->authority = true;
                return true;
        case CONVERSION_ACCEPTED:
                h->custom_kernel = false;
                return true;
        case CONVERSION_ABSENT:
                for (size_t i = 0; i < h->n_esps; i++)
                        if (streq(h->esps[i].uuid, step->esp))
                                h->esps[i].absent = false;
                return true;
        case CONVERSION_ENABLE:
                h->secure_boot = SECURE_BOOT_ENABLED;
                ck_assert_msg(host_boot(h, host_choose(h, false)), "seed %u", seed);
                return true;
        case CONVERSION_SUPPORT:
        case CONVERSION_SET_UP:
        case CONVERSION_ENTRY:
        case _CONVERSION_KIND_MAX:
        case _CONVERSION_KIND_INVALID:
                break;
        }
        ck_abort_msg("seed %u: a step that this host has no need of", seed);
}

static void random_host(TestHost *h, unsigned *seed) {
        static const char kinds[] = "ssgSa";
        char made[HOST_ESPS_MAX] = "s";
        size_t n = 1 + (size_t) rand_r(seed) % (HOST_ESPS_MAX - 1);

        for (size_t i = 1; i < n; i++)
                made[i] = kinds[(size_t) rand_r(seed) % strlen(kinds)];
        host_make(h, made);
        h->secure_boot = rand_r(seed) % 2 ? SECURE_BOOT_DISABLED : SECURE_BOOT_SETUP;
        h->packages |= rand_r(seed) % 2;
        h->kernel = rand_r(seed) % 2;
        h->custom_kernel = rand_r(seed) % 2;
        h->authority = rand_r(seed) % 2;
        h->validation_off = rand_r(seed) % 4 == 0;
        h->module = rand_r(seed) % 2;
        h->grub_hangs = rand_r(seed) % 4 == 0;
        h->key = rand_r(seed) % 2 ? KEY_STORE_DKMS : _KEY_STORE_INVALID;
}

static const ConversionStep *first_open(const ConversionPlan *plan) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (!plan->steps[i].done)
                        return &plan->steps[i];
        return NULL;
}

START_TEST(taking_the_steps_one_by_one_always_boots_and_ends_with_all_done) {
        for (unsigned n = 0; n < 3000; n++) {
                unsigned seed = n, steps = 0;
                bool proven = false, hangs = false;
                TestHost h;

                random_host(&h, &seed);
                for (; !hangs; steps++) {
                        _cleanup_(conversion_plan_done) ConversionPlan plan = make(&h);
                        const ConversionStep *step = first_open(&plan);

                        ck_assert_msg(steps < 40, "seed %u does not end", n);
                        if (!step)
                                break;
                        hangs = !take_step(&h, step, &proven, n);
                        assert_boots(&h, proven, n);
                }
                ck_assert(hangs == h.grub_hangs);
                ck_assert(hangs || h.secure_boot == SECURE_BOOT_ENABLED);
                host_done(&h);
        }
}
END_TEST

CHECK_MAIN("conversion", a_host_with_one_esp_keeps_both_loaders_on_it_until_shim_has_booted,
           of_several_esps_one_is_converted_and_the_rest_once_that_has_booted,
           a_boot_by_another_grub_proves_nothing, a_host_that_is_there_has_every_step_done,
           mixed_hosts_are_converted_from_where_they_are,
           a_firmware_that_has_dropped_the_entry_of_shim_is_told_it_again,
           what_boots_as_on_a_removable_medium_needs_an_entry_before_shim_takes_that_place,
           without_uefi_or_secure_boot_there_is_one_sentence,
           each_thing_that_would_be_refused_is_an_open_step_that_names_it,
           a_host_without_a_signed_kernel_converts_nothing, each_program_of_the_chain_counts,
           shim_takes_the_places_of_others_of_ours_and_no_more,
           taking_the_steps_one_by_one_always_boots_and_ends_with_all_done)
