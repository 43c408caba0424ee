/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates, programs and modules are read by a worker, one at a time: of the host, and then of
 * each ESP. What is asked follows from what is known: the host is judged again when the keys, a
 * kept kernel, its modules or a package's loader are others than they were, by their stamps; an ESP
 * when the keys are, when it was written, and when it has come back. What could not be found out is
 * asked again only when one of these changes, so that an idle daemon does not wake.
 *
 * An ESP's lock is shared with jobs. No look is begun while a job works with ESPs, and a job that
 * meets one waits for it (see workers_set_look()). */

#include "engine/signatures.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/kernel/kernel-select.h"
#include "engine/work/errand.h"
#include "sys/boot-dir.h"

struct Signatures {
        Workers *workers;
        const Facts *files;
        Esps *esps;
        void (*judged)(Esp *esp, void *userdata);
        void *userdata;

        bool supported, busy; /* as it was reviewed last */
        uint64_t keys;        /* how often the keys have changed */
        char *text;           /* all that the host's answer follows from; NULL: not known */
        uint64_t now;         /* how often that has changed, and as it was when that was: */
        uint64_t asked, known;
        SecureBootFacts facts;

        sd_event_source *turn; /* begins what is wanted, and ends what is over */
        Errand *errand;        /* NULL: nobody is asked */
        bool over, failed;
        char *esp_uuid;            /* who is asked; NULL: the host */
        SecureBootFacts new_facts; /* what was answered so far */
        SignedFiles new_files;
};

/* Of the packages that boot a host with Secure Boot, and of DKMS; Facts has the other files. */
static const char *const judged_files[] = {
        "usr/lib/shim/shimx64.efi.signed",
        "usr/lib/shim/shimaa64.efi.signed",
        "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
        "usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed",
        PATH_DKMS "/mok.pub",
};

static void forget_answer(Signatures *s) {
        secure_boot_facts_done(&s->new_facts);
        signed_files_done(&s->new_files);
        s->esp_uuid = mfree(s->esp_uuid);
}

Signatures *signatures_free(Signatures *s) {
        if (!s)
                return NULL;
        errand_free(s->errand);
        sd_event_source_disable_unref(s->turn);
        forget_answer(s);
        secure_boot_facts_done(&s->facts);
        free(s->text);
        return mfree(s);
}

const SecureBootFacts *signatures_facts(const Signatures *s) {
        return s->known ? &s->facts : NULL;
}

static bool host_is_due(const Signatures *s) {
        return s->supported && s->asked != s->now;
}

/* Before the host is judged the keys are not known by which an ESP would be. */
static bool is_due(const Signatures *s, const Esp *esp) {
        const EspInfo info = esp_info(esp);

        return s->known && info.signatures_due && info.listed && info.present &&
               !workers_have_straggler(s->workers, info.uuid);
}

static Esp *find_due(const Signatures *s) {
        ESPS_FOREACH(esp, s->esps)
                if (is_due(s, esp))
                        return esp;
        return NULL;
}

bool signatures_are_pending(const Signatures *s, bool esps) {
        return host_is_due(s) || (s->errand && (esps || !s->esp_uuid)) || (esps && find_due(s));
}

bool signatures_are_known(const Signatures *s) {
        ESPS_FOREACH(esp, s->esps)
                if (esp_info(esp).listed && esp_info(esp).present && !esp_info(esp).signed_files)
                        return false;
        return s->supported && s->known == s->now;
}

static void add_stamp(Buffer *b, const char *path, const FileStamp *stamp) {
        buffer_printf(b, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", path, stamp->inode,
                      stamp->size, stamp->mtime, stamp->ctime);
}

static void add_file(const Signatures *s, Buffer *b, const char *path) {
        FileStamp stamp = {};
        struct stat st;

        if (root_stat(workers_config(s->workers)->root, path, &st) >= 0)
                file_stamp_from_stat(&st, &stamp);
        add_stamp(b, path, &stamp);
}

/* The kernel itself, and what depmod(8) writes whenever a module of it has come or gone. */
static void add_kernel(const Signatures *s, Buffer *b, const char *version) {
        const BootKernel *kernel = boot_dir_find(&s->files->boot, version);
        _cleanup_free_ char *modules = strprintf("lib/modules/%s/modules.dep", version);

        if (!modules)
                b->failed = true;
        else
                add_file(s, b, modules);
        if (kernel)
                add_stamp(b, version, &kernel->image);
}

/* All that the answer of the host follows from. NULL when out of memory. */
static char *describe_host(const Signatures *s) {
        _cleanup_strv_ char **kept = NULL;
        char *text = NULL;
        Buffer b = {};

        if (kernel_set_list(&s->files->kernels, KERNELS_SELECTED, &kept) < 0)
                return NULL;
        buffer_printf(&b, "%" PRIu64 "\n", s->keys);
        STRV_FOREACH(version, kept)
                add_kernel(s, &b, *version);
        for (size_t i = 0; i < ELEMENTSOF(judged_files); i++)
                add_file(s, &b, judged_files[i]);
        for (size_t i = 0; i < ELEMENTSOF(s->files->loaders); i++)
                if (s->files->loaders[i].path)
                        add_stamp(&b, s->files->loaders[i].path, &s->files->loaders[i].stamp);
        return buffer_take(&b, &text, NULL) < 0 ? NULL : text;
}

static void turn(Signatures *s) {
        (void) sd_event_source_set_enabled(s->turn, SD_EVENT_ONESHOT);
}

void signatures_distrust_keys(Signatures *s) {
        s->keys++;
}

void signatures_review(Signatures *s, const Firmware *firmware, bool busy) {
        _cleanup_free_ char *text = NULL;

        s->busy = busy;
        s->supported = firmware && firmware->uefi &&
                       firmware->secure_boot != SECURE_BOOT_UNSUPPORTED;
        if (!s->supported)
                return;
        text = describe_host(s);
        if (text && !streq_ptr(text, s->text)) {
                free(s->text);
                s->text = TAKE_PTR(text);
                s->now++;
        }
        if (host_is_due(s) || find_due(s))
                turn(s);
}

static void on_report(Report *report, void *userdata) {
        Signatures *s = userdata;
        int r;

        if (report->type != REPORT_SECURE_BOOT)
                return;
        r = s->esp_uuid ? signed_files_take(&s->new_files, report->text, strlen(report->text))
                        : secure_boot_take(&s->new_facts, report->text, strlen(report->text));
        if (r < 0)
                s->failed = true;
}

static void complain(Signatures *s, const Error *error) {
        const char *why = s->failed ? "What was reported of keys and signatures makes no sense"
                                    : strempty(error->message);

        if (!s->failed && !error_is_set(error))
                return;
        s->failed = true;
        log_event(LOG_WARNING, NULL, FIELD_ESP_UUID, s->esp_uuid, NULL,
                  "%s; who has signed what boots is not known.", why);
}

static void on_end(const Error *error, void *userdata) {
        Signatures *s = userdata;

        complain(s, error);
        workers_set_look(s->workers, NULL);
        s->over = true;
        turn(s);
}

static const ErrandListener errand_listener = {
        .beside_jobs = true,
        .on_report = on_report,
        .on_end = on_end,
};

/* True if the answers are the same. Out of memory they are not. */
static bool facts_equal(const SecureBootFacts *a, const SecureBootFacts *b) {
        _cleanup_free_ char *x = NULL, *y = NULL;

        return secure_boot_format(a, &x) >= 0 && secure_boot_format(b, &y) >= 0 && streq(x, y);
}

/* The verdicts on the ESPs follow from the keys, too, which are the first thing that may differ. */
static void take_host(Signatures *s) {
        if (s->failed || !s->new_facts.sbat_level)
                return;
        s->known = s->asked;
        if (facts_equal(&s->facts, &s->new_facts))
                return;
        secure_boot_facts_done(&s->facts);
        s->facts = TAKE_STRUCT(s->new_facts);
        ESPS_FOREACH(esp, s->esps)
                esp_set_signed_files(esp, NULL, true);
}

static Esp *take_esp(Signatures *s) {
        Esp *esp = esps_find(s->esps, s->esp_uuid);

        /* One that was written meanwhile is to be looked at anew. */
        if (esp && !esp_info(esp).signatures_due)
                esp_set_signed_files(esp, s->failed ? NULL : &s->new_files, false);
        return esp;
}

static void take_answer(Signatures *s) {
        Esp *esp = NULL;

        s->errand = errand_free(s->errand);
        if (s->esp_uuid)
                esp = take_esp(s);
        else
                take_host(s);
        forget_answer(s);
        s->over = s->failed = false;
        s->judged(esp, s->userdata);
}

/* The kept kernels, one a line. */
static int format_kept(const Signatures *s, char **ret) {
        _cleanup_strv_ char **kept = NULL;
        Buffer b = {};
        int r = kernel_set_list(&s->files->kernels, KERNELS_SELECTED, &kept);

        if (r < 0)
                return r;
        STRV_FOREACH(version, kept)
                buffer_printf(&b, "%s\n", *version);
        return buffer_take(&b, ret, NULL);
}

static int make_plan(Signatures *s, Esp *esp, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        PlanStep *step;
        int r = plan_new(esp ? PLAN_ON_ESP : PLAN_ON_KEYS, s->esp_uuid, &plan);

        if (r < 0)
                return r;
        step = plan_add(plan, esp ? PLAN_SIGNATURES : PLAN_KEYS, NULL);
        if (!step)
                return -ENOMEM;
        r = esp ? 0 : format_kept(s, &step->text);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

static int start(Signatures *s, Esp *esp, Error *error) {
        Plan *plan = NULL;
        int r;

        if (esp) {
                esp_set_signed_files(esp, NULL, false);
                s->esp_uuid = strdup(esp_info(esp).uuid);
                if (!s->esp_uuid)
                        return -ENOMEM;
        } else
                s->asked = s->now;
        r = make_plan(s, esp, &plan);
        if (r < 0)
                return r;
        return errand_new(s->workers, plan, &errand_listener, s, &s->errand, error);
}

static int on_turn(sd_event_source *source, void *userdata) {
        _cleanup_error_ Error error = {};
        Signatures *s = userdata;
        Esp *esp = NULL;
        int r;

        if (s->over)
                take_answer(s);
        if (s->errand || (host_is_due(s) && s->busy))
                return 0;
        if (!host_is_due(s)) {
                esp = esps_are_held(s->esps) ? NULL : find_due(s);
                if (!esp)
                        return 0;
        }
        r = start(s, esp, &error);
        if (r >= 0)
                return 0;
        (void) error_set_errno(&error, r, "Cannot look for keys and signatures");
        on_end(&error, s);
        return 0;
}

int signatures_new(Workers *workers, const Facts *facts, Esps *esps,
                   void (*judged)(Esp *esp, void *userdata), void *userdata, Signatures **ret) {
        _cleanup_(signatures_freep) Signatures *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Signatures){
                .workers = workers,
                .files = facts,
                .esps = esps,
                .judged = judged,
                .userdata = userdata,
        };
        r = sd_event_add_defer(workers_config(workers)->event, &s->turn, on_turn, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->turn, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}
