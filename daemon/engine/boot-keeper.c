/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The decision is core's (boot-guard); here is how it gets to the firmware, and what remains of it.
 * Writes of one kind are one errand, which reads all variables again at its end: the next kind
 * follows from that. That a repair was begun is stored before its first write, since a daemon that
 * dies of one must not begin it anew without end; where that cannot be stored there is no repair. A
 * firmware that could not be written at all has had none. Losing the memory means no repair, so any
 * trouble with it is told once and forgotten. */

#include "engine/boot-keeper.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/firmware/boot-guard.h"
#include "engine/work/errand.h"
#include "sys/file.h"

#define OTHER_WAY                                                                               \
        "a disk without an entry boots, too, when it is chosen in the firmware's menu, by the " \
        "file in '\\EFI\\BOOT' on it"

/* The service has mounts of its own, which are as they were when it was started. */
#define REMOUNT "mount -o remount,rw /" PATH_EFI_VARIABLES " && systemctl restart bootsyncd"

struct BootKeeper {
        Workers *workers;
        const Root *root;
        const BootKeeperListener *listener;
        void *userdata;
        BootMemory memory;
        sd_event_source *turn; /* all is done from there */
        bool may_repair;
        Errand *errand;        /* of a repair that is under way */
        GuardWrite writes;     /* the kind of its writes */
        bool over;             /* it has ended, */
        Error error;           /* so */
        char **doing;          /* what it does, */
        char **done;           /* and what was done in this boot */
        char *repaired_before; /* boot id of the repair before */
        Error failure;         /* of the last repair; not set: it went well */
        bool unstored;         /* that the memory cannot be stored was told */
        char *word;
};

BootKeeper *boot_keeper_free(BootKeeper *k) {
        if (!k)
                return NULL;
        errand_free(k->errand);
        sd_event_source_disable_unref(k->turn);
        boot_memory_done(&k->memory);
        error_done(&k->error);
        error_done(&k->failure);
        strv_free(k->doing);
        strv_free(k->done);
        free(k->repaired_before);
        free(k->word);
        return mfree(k);
}

EntriesMode boot_entries_mode(const Facts *facts) {
        const Settings *s = &facts->conf.settings;

        if (s->entries != ENTRIES_UNSET)
                return s->entries;
        if (s->auto_sync == AUTO_SYNC_NO ||
            (s->auto_sync == AUTO_SYNC_UNSET && facts->packages.kernel_helper))
                return ENTRIES_INIT;
        return ENTRIES_KEEP;
}

const char *boot_keeper_word(const BootKeeper *k) {
        return k ? strempty(k->word) : "";
}

bool boot_keeper_keeps(const BootKeeper *k, const LoadOption *option) {
        return k && !isempty(option->partuuid) && boot_memory_find(&k->memory, option);
}

static int load(BootKeeper *k) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(k->root, PATH_BOOT_ENTRIES, BOOT_MEMORY_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = boot_memory_parse(text, size, &k->memory);
        if (r < 0 && r != -ENOMEM && r != -ENOENT)
                log_notice("Cannot use /" PATH_BOOT_ENTRIES
                           ": %s; what the firmware has lost until now is not put back.",
                           r == -EPROTONOSUPPORT ? "it is of another version of bootsyncd"
                                                 : strerror(-r));
        return r == -ENOMEM ? r : 0;
}

/* Negative if it cannot be stored, which is told once. */
static int store(BootKeeper *k, const BootMemory *memory) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        if (!memory->boot_id)
                return file_remove(k->root, PATH_BOOT_ENTRIES);
        r = boot_memory_format(memory, &text, &size);
        if (r >= 0)
                r = file_store_state(k->root, PATH_BOOT_ENTRIES, text, size);
        if (r < 0 && !k->unstored)
                log_warning("Cannot store the boot entries in /" PATH_BOOT_ENTRIES
                            ": %s; what the firmware loses is not put back.",
                            strerror(-r));
        k->unstored = r < 0;
        return MIN(r, 0);
}

static void remember(BootKeeper *k, BootMemory *memory) {
        (void) store(k, memory);
        boot_memory_done(&k->memory);
        k->memory = TAKE_STRUCT(*memory);
}

/* Out of memory the old word stays. */
static void set_word(BootKeeper *k, char *word) {
        bool changed = word && !streq_ptr(k->word, word);

        if (changed) {
                free(k->word);
                k->word = word;
                k->listener->changed(k->userdata);
        } else
                free(word);
}

static char *describe(const BootKeeper *k, bool waits) {
        _cleanup_free_ char *done = strv_join(k->done, "; ");

        if (error_is_set(&k->failure))
                return strdup(strempty(k->failure.message));
        if (waits)
                return strprintf("%s%sthere is more to repair, which waits for the next boot",
                                 strempty(done), isempty(done) ? "" : "; ");
        return TAKE_PTR(done) ?: strdup("");
}

static void on_report(Report *report, void *userdata) {
        _cleanup_(firmware_done) Firmware firmware = FIRMWARE_INIT;
        BootKeeper *k = userdata;

        if (report->type == REPORT_FIRMWARE &&
            firmware_parse(report->text, strlen(report->text), &firmware) >= 0)
                k->listener->heard(&firmware, k->userdata);
}

static void turn(BootKeeper *k) {
        (void) sd_event_source_set_enabled(k->turn, SD_EVENT_ONESHOT);
}

static void on_end(const Error *error, void *userdata) {
        BootKeeper *k = userdata;

        (void) error_copy(&k->error, error);
        k->over = true;
        turn(k);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
};

/* NULL when out of memory. */
static Plan *make_plan(const GuardVerdict *v) {
        static const PlanAction actions[_GUARD_WRITE_MAX] = {
                [GUARD_PUTS_ENTRIES] = PLAN_PUT_ENTRY,
                [GUARD_SETS_ORDER] = PLAN_SET_ORDER,
                [GUARD_DROPS_ENTRIES] = PLAN_DROP_ENTRY,
        };
        Plan *plan;

        if (plan_new(PLAN_ON_FIRMWARE, NULL, &plan) < 0)
                return NULL;
        STRV_FOREACH(text, v->steps) {
                PlanStep *step = plan_add(plan, actions[v->write], NULL);

                if (!step)
                        return plan_free(plan);
                step->text = strdup(*text);
                if (!step->text)
                        return plan_free(plan);
        }
        return plan_add(plan, PLAN_FIRMWARE, NULL) ? plan : plan_free(plan);
}

/* The repair is over, and has failed. If nothing was written, there may be another in this boot. */
static void give_up(BootKeeper *k, Error *error) {
        error_done(&k->failure);
        error_move(&k->failure, error);
        /* Nothing of the repair is under way any more. */
        boot_memory_done(&k->memory);
        (void) load(k);
        k->may_repair = false;
        if (k->failure.code == ERROR_READ_ONLY && !k->done) {
                free(k->memory.repaired);
                k->memory.repaired = TAKE_PTR(k->repaired_before);
                (void) store(k, &k->memory);
        }
        k->writes = GUARD_WRITES_NOTHING;
        set_word(k, describe(k, true));
        k->listener->changed(k->userdata);
}

static void begin(BootKeeper *k, GuardVerdict *v) {
        _cleanup_error_ Error error = {};
        Plan *plan;

        if (k->writes == GUARD_WRITES_NOTHING) {
                free(k->repaired_before);
                k->repaired_before = k->memory.repaired ? strdup(k->memory.repaired) : NULL;
                error_done(&k->failure);
        }
        if (store(k, &v->memory) < 0)
                return;
        boot_memory_done(&k->memory);
        k->memory = TAKE_STRUCT(v->memory);
        /* Each kind is written once, whatever the firmware makes of it. */
        if (v->write <= k->writes)
                (void) error_set(&error, ERROR_FIRMWARE_ERROR,
                                 "The firmware took what was written and does not have it now; "
                                 "look for an update of the firmware");
        plan = error_is_set(&error) ? NULL : make_plan(v);
        if (plan) {
                k->writes = v->write;
                k->doing = strv_free(k->doing);
                k->doing = TAKE_PTR(v->sentences);
                (void) errand_new(k->workers, plan, &errand_listener, k, &k->errand, &error);
        } else
                (void) error_set(&error, ERROR_FAILED, "There is not enough memory");
        if (error_is_set(&error))
                give_up(k, &error);
}

static int add_esps(const Esps *esps, GuardEsp **ret, size_t *ret_n) {
        size_t n_allocated = 0;

        ESPS_FOREACH(esp, esps) {
                const EspInfo info = esp_info(esp);

                if (!info.listed)
                        continue;
                if (!ARRAY_RESERVE(*ret, n_allocated, *ret_n + 1))
                        return -ENOMEM;
                (*ret)[(*ret_n)++] = (GuardEsp){
                        .uuid = info.uuid,
                        .part_uuid = info.present ? info.part_uuid : "",
                };
        }
        return 0;
}

static int judge(const BootKeeper *k, const BootKeeperView *view, GuardVerdict *ret) {
        _cleanup_free_ GuardEsp *esps = NULL;
        GuardInput in = {
                .memory = &k->memory,
                .firmware = view->firmware,
                .boot_id = view->facts->host.boot_id,
                .may_begin = k->may_repair,
                .goes_on = k->writes != GUARD_WRITES_NOTHING,
        };
        int r = add_esps(view->esps, &esps, &in.n_esps);

        in.esps = esps;
        return r < 0 ? r : boot_guard_judge(&in, ret);
}

static bool memory_equal(const BootMemory *a, const BootMemory *b) {
        _cleanup_free_ char *x = NULL, *y = NULL;

        return a->boot_id && b->boot_id && boot_memory_format(a, &x, NULL) >= 0 &&
               boot_memory_format(b, &y, NULL) >= 0 && streq(x, y);
}

static void look(BootKeeper *k, const BootKeeperView *view) {
        _cleanup_(guard_verdict_done) GuardVerdict v = {};

        if (judge(k, view, &v) < 0)
                return;
        if (v.write != GUARD_WRITES_NOTHING) {
                begin(k, &v);
                return;
        }
        k->writes = GUARD_WRITES_NOTHING;
        k->may_repair = false;
        if (!memory_equal(&k->memory, &v.memory)) {
                remember(k, &v.memory);
                k->listener->changed(k->userdata);
        }
        if (!v.waits)
                error_done(&k->failure);
        set_word(k, describe(k, v.waits));
}

/* An errand of ours has ended. */
static void end(BootKeeper *k) {
        _cleanup_error_ Error error = {};

        k->over = false;
        k->errand = errand_free(k->errand);
        error_move(&error, &k->error);
        if (error_is_set(&error)) {
                give_up(k, &error);
                return;
        }
        STRV_FOREACH(sentence, k->doing)
                log_event(LOG_NOTICE, MSG_ENTRIES_REPAIRED, NULL, "In the firmware: %s.",
                          *sentence);
        (void) strv_extend_uniq(&k->done, k->doing);
}

/* Nobody looks after the entries: what was remembered would be old when somebody does. */
static void forget(BootKeeper *k) {
        BootMemory nothing = {};

        if (k->memory.boot_id)
                remember(k, &nothing);
        error_done(&k->failure);
        set_word(k, strdup(""));
}

static int on_turn(sd_event_source *source, void *userdata) {
        BootKeeper *k = userdata;
        const BootKeeperView view = k->listener->view(k->userdata);

        if (k->over)
                end(k);
        if (k->errand || view.facts->unreadable)
                return 0;
        if (boot_entries_mode(view.facts) != ENTRIES_KEEP)
                forget(k);
        else if (view.firmware && view.firmware->uefi && view.facts->host.boot_id)
                look(k, &view);
        return 0;
}

int boot_keeper_new(Workers *workers, const BootKeeperListener *listener, void *userdata,
                    BootKeeper **ret) {
        _cleanup_(boot_keeper_freep) BootKeeper *k = calloc(1, sizeof(*k));
        int r;

        if (!k)
                return -ENOMEM;
        *k = (BootKeeper){
                .workers = workers,
                .root = workers_config(workers)->root,
                .listener = listener,
                .userdata = userdata,
                .may_repair = true,
        };
        r = load(k);
        if (r >= 0)
                r = sd_event_add_defer(workers_config(workers)->event, &k->turn, on_turn, k);
        if (r >= 0)
                r = sd_event_source_set_enabled(k->turn, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(k);
        return 0;
}

void boot_keeper_look(BootKeeper *k, bool repair) {
        k->may_repair |= repair;
        if (!k->errand)
                turn(k);
}

static int warn_of_undone(Warnings *l, const char *subject, char *sentence) {
        return warnings_add(l, WARNING_FIRMWARE_UNDOES, subject, sentence,
                            strdup("bootctl-pve boot status"));
}

static int warn_of_entry(Warnings *l, const KeptEntry *e) {
        char name[sizeof("BootFFFF")];

        (void) snprintf(name, sizeof(name), "Boot%04X", (unsigned) e->option.number);
        if (e->put.again)
                return warnings_add(l, WARNING_FIRMWARE_UNDOES, e->esp,
                                    strprintf("The firmware dropped the boot entry '%s' of ESP "
                                              "'%s' again after it was put back; " OTHER_WAY,
                                              e->option.title, e->esp),
                                    strdup("bootctl-pve reinit"));
        if (e->pruned.again)
                return warn_of_undone(l, name,
                                      strprintf("The firmware made doubles of its entry %s ('%s') "
                                                "again after they were deleted; they stay",
                                                name, e->option.title));
        return 0;
}

static int warn_of_failure(Warnings *l, const Error *failure) {
        if (!error_is_set(failure))
                return 0;
        return warnings_add(
                        l, WARNING_ENTRIES_NOT_KEPT, "BootOrder",
                        strprintf("The boot entries of the firmware are not repaired "
                                  "(%s); " OTHER_WAY,
                                  strempty(failure->message)),
                        strdup(failure->code == ERROR_READ_ONLY ? REMOUNT : "bootctl-pve reinit"));
}

int boot_keeper_warn(const BootKeeper *k, Warnings *l) {
        int r = k ? warn_of_failure(l, &k->failure) : 0;

        for (size_t i = 0; r >= 0 && k && i < k->memory.n_entries; i++)
                r = warn_of_entry(l, &k->memory.entries[i]);
        if (r >= 0 && k && k->memory.ordered.again)
                r = warn_of_undone(l, "BootOrder",
                                   strdup("The firmware changed the order of our boot entries "
                                          "again after it was restored; it stays as the firmware "
                                          "has it"));
        return r;
}
