/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plans for thousands of ESPs made up at random, carried out step by step on an ESP in memory. No
 * case is expected by itself: what is checked is what must hold for every plan between any two of
 * its steps, and that syncing comes to an end, also after a power cut. */

#include "tests/unit/core/random-esp.h"

#define CASES      3000
#define GRUB_CASES 1000 /* each takes longer, as menus are made and read */
#define SEED       UINT64_C(0x9e3779b97f4a7c15)
#define ROUNDS_MAX 4

/* A menu of another configuration, or one whose default follows it only by chance. */
static bool grub_config_is_ours(const Case *c) {
        const EspFile *file = esp_image_find(&c->esp.image, ESP_GRUB_CONFIG);
        _cleanup_(grub_config_done) GrubConfig config = {};

        return file->mtime == c->esp.grub_inputs && grub_image_config(&c->esp.image, &config) > 0 &&
               streq_ptr(config.default_value, c->grub_default);
}

static void judge(Case *c, const char *path, const FileStamp *stamp) {
        EspFile *file;

        if (!path || !sim_is(&c->esp, path, FILE_REGULAR))
                return;
        file = esp_image_get(&c->esp.image, path);
        file->verdict = file->mtime == stamp->inode && file->size == stamp->size ? VERDICT_EQUAL
                                                                                 : VERDICT_DIFFERS;
}

/* Find out all that the look before a plan finds out. */
static void look(Case *c) {
        for (size_t i = 0; i < c->esp.image.n_files; i++)
                c->esp.image.files[i].verdict = VERDICT_UNCHECKED;
        if (c->loader == ESP_LOADER_GRUB && sim_is(&c->esp, ESP_GRUB_CONFIG, FILE_REGULAR))
                esp_image_get(&c->esp.image, ESP_GRUB_CONFIG)->verdict =
                                grub_config_is_ours(c) ? VERDICT_EQUAL : VERDICT_DIFFERS;
        for (size_t i = 0; i < c->kernels.n_kernels; i++) {
                const Kernel *k = &c->kernels.kernels[i];

                if (esp_name_rival(&c->kernels, k))
                        continue;
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX && kernel_is_bootable(k); f++) {
                        _cleanup_free_ char *path = kernel_path(c, k->version, f);

                        judge(c, path, f == KERNEL_FILE_IMAGE ? &k->image : &k->initrd);
                }
        }
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                if (c->kernels.memtest[f].size > 0)
                        judge(c, esp_image_reader(&c->esp.image)->memtest_path(f),
                              &c->kernels.memtest[f]);
}

/* As a worker finds out about the kernels on the ESP. */
static void judge_esp(Case *c) {
        signed_files_done(&c->judged);
        for (size_t i = 0; i < c->esp.image.n_files && c->esp.secure; i++) {
                const EspFile *file = &c->esp.image.files[i];
                SimTrust trust = sim_trust(file->mtime);
                SignedFile *judged;

                if (file->type != FILE_REGULAR || trust == SIM_UNKNOWN)
                        continue;
                sim_assert(&c->esp,
                           ARRAY_RESERVE(c->judged.items, c->judged.n_allocated, c->judged.n + 1));
                judged = &c->judged.items[c->judged.n++];
                *judged = (SignedFile){ .path = strprintf("/%s", file->path),
                                        .stamp = { .size = file->size, .mtime = file->mtime } };
                for (Checker by = 0; by < _CHECKER_MAX; by++)
                        judged->by[by].accepted = trust == SIM_ACCEPTED;
        }
        c->in.judged = c->esp.secure ? &c->judged : NULL;
}

static Plan *make_plan(Case *c) {
        Plan *plan = NULL;

        look(c);
        judge_esp(c);
        sim_assert(&c->esp, plan_build(&c->in, &plan) == 0);
        return plan;
}

/* A kernel that Secure Boot refuses is not tried. */
static const char *next_boot_of(const Case *c) {
        const Kernel *k = c->in.next_boot ? kernel_set_find(&c->kernels, c->in.next_boot) : NULL;

        return k && (k->refused & checkers_of(c)) ? NULL : c->in.next_boot;
}

/* As long as any kept kernel is not refused, none that is boots; but for a pin that is on the ESP
 * alone, which nobody could replace, and what a menu still has of the time before. */
static void assert_secure(const Case *c, const char *boots) {
        const Kernel *wanted = kernel_set_default(&c->kernels, false, checkers_of(c));
        const Kernel *k = boots ? kernel_set_find(&c->kernels, boots) : NULL;
        const SimEsp *s = &c->esp;

        if (c->loader == ESP_LOADER_GRUB && !(k && k->reasons != 0 && kernel_is_bootable(k)))
                return;
        if (pin_of(c) && wanted && !streq(wanted->version, pin_of(c)))
                return;
        if (s->secure && wanted && boots && !(wanted->refused & checkers_of(c)))
                sim_assert(s, sim_trust_of(s, boots) != SIM_REFUSED);
}

/* next_entry names the kernel that is to boot once, and otherwise none of ours. */
static void assert_next_boot(const Case *c, char *const *complete) {
        _cleanup_free_ char *next = sim_grub_next(&c->esp.image), *version = NULL;
        const char *own = NULL;

        if (next)
                (void) grub_entry_id_version(next, &version);
        if (version)
                own = grub_image_version(&c->esp.image, version);
        sim_assert(&c->esp, streq_ptr(own, next_boot_of(c)));
        sim_assert(&c->esp, !own || strv_contains(complete, own));
}

/* The wanted files of Memtest86+ are there, and entries lead to them; the others have gone. */
static void assert_memtest(const Case *c) {
        const SimEsp *s = &c->esp;

        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++) {
                const char *path = esp_image_reader(&s->image)->memtest_path(f);
                const EspFile *file = path ? esp_image_find(&s->image, path) : NULL;

                if (c->kernels.memtest[f].size == 0)
                        sim_assert(s, !file || file->type != FILE_REGULAR);
                else if (path)
                        sim_assert(s, file && file->verdict == VERDICT_EQUAL);
        }
        if (c->loader == ESP_LOADER_SYSTEMD_BOOT)
                sim_assert(s, sim_tests(s) == (c->kernels.memtest[MEMTEST_EFI].size > 0));
}

/* As a FAT tells names apart. */
static bool same_name(const char *a, const char *b) {
        _cleanup_(esp_image_done) EspImage image = { .folds_case = true };

        return esp_image_get(&image, a) && esp_image_find(&image, b);
}

/* Hold the ESP to all that "in sync" promises. */
static void assert_in_sync(const Case *c) {
        const SimEsp *s = &c->esp;
        _cleanup_free_ char *boots = NULL;
        _cleanup_strv_ char **complete = NULL;

        sim_assert(s, esp_image_reader(&s->image)->kernels(&s->image, &complete) == 0);
        sim_assert(s, esp_image_reader(&s->image)->default_version(&s->image, &boots) == 0);
        for (size_t i = 0; i < c->kernels.n_kernels; i++) {
                const Kernel *k = &c->kernels.kernels[i];

                if (k->reasons == 0 || !kernel_is_bootable(k))
                        continue;
                sim_assert(s, strv_contains(complete, k->version));
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        _cleanup_free_ char *path = kernel_path(c, k->version, f);

                        sim_assert(s, esp_image_find(&s->image, path)->verdict == VERDICT_EQUAL);
                }
        }
        if (pin_of(c))
                sim_assert(s, boots && same_name(boots, pin_of(c)));
        assert_secure(c, boots);
        if (c->loader == ESP_LOADER_GRUB)
                assert_next_boot(c, complete);
        for (size_t i = 0; i < s->image.n_files; i++)
                sim_assert(s, !esp_path_is_leftover(s->image.files[i].path) ||
                                              s->image.files[i].type != FILE_REGULAR);
}

/* Files of the ESP that must be there again after a plan. */
static char **files_that_stay(const Case *c) {
        char **paths = NULL;

        for (size_t i = 0; i < c->esp.image.n_files && !c->kernels.database_readable; i++) {
                const char *path = c->esp.image.files[i].path;

                if ((startswith(path, ESP_KERNEL_DIR) || grub_path_version(path)) &&
                    !esp_path_is_leftover(path) && !esp_path_is_memtest(path))
                        sim_assert(&c->esp, strv_extend(&paths, path) == 0);
        }
        for (size_t i = 0; i < c->kernels.n_kernels; i++)
                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++) {
                        const Kernel *k = &c->kernels.kernels[i];
                        _cleanup_free_ char *path = kernel_path(c, k->version, f);
                        const EspFile *file = esp_image_find(&c->esp.image, path);

                        if (k->reasons != 0 && file)
                                sim_assert(&c->esp, strv_extend(&paths, file->path) == 0);
                }
        return paths;
}

/* True if @path is of a kernel that @plan takes off the ESP for a while. */
static bool is_away(const Plan *plan, const char *path) {
        const char *version = grub_path_version(path);

        if (!version && startswith(path, ESP_KERNEL_DIR "/"))
                version = grub_path_version(strrchr(path, '/') + 1);
        return plan->away && version && strstr(plan->away, version);
}

/* For good, only one that would not boot, where nothing else could be made the default. */
static bool may_stay_away(const Case *c, const Plan *plan, const char *path, bool cut) {
        const Kernel *k = NULL;

        for (size_t i = 0; i < c->kernels.n_kernels && !k; i++)
                if (endswith(path, c->kernels.kernels[i].version))
                        k = &c->kernels.kernels[i];
        return is_away(plan, path) &&
               (cut || (c->esp.secure && k && k->refused && plan->problem.code != ERROR_NONE));
}

/* The complete kernels of the ESP that run or shall boot next. */
static char **find_needed(const Case *c) {
        static const unsigned reasons =
                        1u << KERNEL_RUNNING | 1u << KERNEL_PIN | 1u << KERNEL_NEXT_BOOT;
        _cleanup_strv_ char **complete = NULL;
        char **needed = NULL;

        sim_assert(&c->esp,
                   esp_image_reader(&c->esp.image)->kernels(&c->esp.image, &complete) == 0);
        STRV_FOREACH(v, complete) {
                const Kernel *k = kernel_set_find(&c->kernels, *v);

                if (k && (k->reasons & reasons) && kernel_is_bootable(k))
                        sim_assert(&c->esp, strv_extend(&needed, *v) == 0);
        }
        return needed;
}

/* Only when a kernel that is refused has gone, or is replaced, the default need not be named any
 * more. */
static bool names_default_for_a_while(const Case *c) {
        _cleanup_strv_ char **complete = NULL;
        bool found = false;

        sim_assert(&c->esp,
                   esp_image_reader(&c->esp.image)->kernels(&c->esp.image, &complete) == 0);
        STRV_FOREACH(v, complete) {
                const Kernel *k = kernel_set_find(&c->kernels, *v);

                found |= (!k || k->reasons == 0 || !k->refused) &&
                         sim_trust_of(&c->esp, *v) == SIM_REFUSED;
        }
        return found && c->esp.secure && c->loader == ESP_LOADER_SYSTEMD_BOOT;
}

/* Only a menu tells how an entry is named to grubenv, so what has none needs two rounds. */
static bool needs_another_round(const Case *c) {
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_free_ char *id = NULL;

        if (names_default_for_a_while(c))
                return true;
        return c->loader == ESP_LOADER_GRUB && c->in.next_boot &&
               (grub_image_config(&c->esp.image, &config) == 0 ||
                grub_config_root_id(&config, &id) < 0);
}

/* False where all kernels that should be there have used up their tries: nothing is put beside them
 * that the loader might prefer. */
static bool default_has_tries(const Case *c) {
        if (c->loader == ESP_LOADER_GRUB || c->in.pin)
                return true;
        for (size_t i = 0; i < c->kernels.n_kernels; i++) {
                _cleanup_free_ char *path = esp_entry_path(c->kernels.kernels[i].version);

                if (c->kernels.kernels[i].reasons != 0 &&
                    kernel_is_bootable(&c->kernels.kernels[i]) &&
                    sim_is(&c->esp, path, FILE_REGULAR))
                        return true;
        }
        return false;
}

/* The optional steps of @plan, but not all of them, and what the worker does then. */
static void fail_optional(Case *c, const Plan *plan, size_t begin) {
        sim_run_until(&c->esp, plan, begin + below(c, (unsigned) (plan->n_steps - begin)));
        sim_discard(&c->esp);
        c->in.memtest_stays = true;
}

static size_t find_optional(const Plan *plan) {
        size_t i = 0;

        while (i < plan->n_steps && plan->steps[i].action != PLAN_OPTIONAL)
                i++;
        return i;
}

/* Returns the number of plans carried out. */
static unsigned sync_until_quiet(Case *c) {
        bool was_cut = one_in(c, 3);

        for (unsigned n = 0;; n++) {
                _cleanup_strv_ char **stay = files_that_stay(c);
                _cleanup_(plan_freep) Plan *plan = make_plan(c), *rest = NULL;
                bool cut = n == 0 && was_cut, again = needs_another_round(c);
                size_t optional = find_optional(plan);

                c->esp.plan = plan;
                strv_free(c->esp.needed);
                c->esp.needed = find_needed(c);
                if (plan->n_steps == 0) {
                        if (plan->problem.code == ERROR_NONE)
                                assert_in_sync(c);
                        if (plan->problem.code == ERROR_NONE && !plan->left_out &&
                            !c->in.memtest_stays && default_has_tries(c))
                                assert_memtest(c);
                        return n;
                }
                sim_assert(&c->esp, n < ROUNDS_MAX + (was_cut ? 1u : 0u));
                sim_assert(&c->esp, c->esp.image.loader == c->loader);
                if (!cut && optional < plan->n_steps && one_in(c, 4))
                        fail_optional(c, plan, optional);
                else
                        sim_run(&c->esp, plan,
                                cut ? below(c, (unsigned) plan->n_steps) : plan->n_steps);
                STRV_FOREACH(path, stay)
                        sim_assert(&c->esp, may_stay_away(c, plan, *path, cut) ||
                                                            esp_image_find(&c->esp.image, *path));
                c->n_away += plan->away != NULL;
                if (cut || again || plan->problem.code != ERROR_NONE)
                        continue;
                rest = make_plan(c);
                c->esp.plan = rest;
                sim_assert(&c->esp, !plan_is_due(rest) && rest->problem.code == ERROR_NONE);
        }
}

START_TEST(pool_is_newest_first) {
        for (size_t i = 1; i < ELEMENTSOF(pool); i++)
                ck_assert_int_gt(kernel_version_compare(pool[i - 1], pool[i]), 0);
}
END_TEST

static void assert_order(EspLoader loader, bool secure, unsigned cases) {
        const char *more = getenv("PLAN_ORDER_CASES"), *other = getenv("PLAN_ORDER_SEED");
        uint64_t random = other ? strtoull(other, NULL, 0) : SEED, seed = random;
        unsigned plans = 0, away = 0;

        if (more)
                cases = (unsigned) atoi(more);

        for (unsigned i = 0; i < cases; i++) {
                _cleanup_(case_done) Case c = {
                        .loader = loader,
                        .random = xorshift(&random),
                        .esp.number = i,
                        .esp.secure = secure,
                };

                make_kernels(&c);
                judge_kernels(&c);
                make_memtest(&c);
                if (loader == ESP_LOADER_GRUB) {
                        make_grub_esp(&c);
                        make_grub_input(&c);
                } else
                        make_esp(&c);
                make_input(&c);
                sim_assert(&c.esp, esp_image_respell(&c.esp.image, &c.kernels) == 0);
                plans += sync_until_quiet(&c);
                away += c.n_away;
        }
        printf("# %u ESPs with %s%s, %u plans, of which %u take kernels away for a while, seed "
               "%#" PRIx64 "\n",
               cases, esp_loader_to_string(loader), secure ? " and Secure Boot" : "", plans, away,
               seed);
        ck_assert_uint_gt(away, cases / 1000);
        ck_assert_uint_gt(plans, cases / 2);
}

START_TEST(every_step_of_every_plan_leaves_an_esp_that_boots) {
        assert_order(ESP_LOADER_SYSTEMD_BOOT, false, CASES);
}
END_TEST

START_TEST(every_step_of_every_plan_leaves_an_esp_with_grub_that_boots) {
        assert_order(ESP_LOADER_GRUB, false, GRUB_CASES);
}
END_TEST

START_TEST(no_step_leads_to_a_kernel_that_secure_boot_refuses) {
        assert_order(ESP_LOADER_SYSTEMD_BOOT, true, CASES);
}
END_TEST

START_TEST(no_step_leads_grub_to_a_kernel_that_secure_boot_refuses) {
        assert_order(ESP_LOADER_GRUB, true, GRUB_CASES);
}
END_TEST

CHECK_MAIN("plan-order", pool_is_newest_first, every_step_of_every_plan_leaves_an_esp_that_boots,
           every_step_of_every_plan_leaves_an_esp_with_grub_that_boots,
           no_step_leads_to_a_kernel_that_secure_boot_refuses,
           no_step_leads_grub_to_a_kernel_that_secure_boot_refuses)
