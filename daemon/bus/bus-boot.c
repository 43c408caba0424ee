/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The object /org/bootsync1/boot: what boots this host before a kernel does. All of it is told from
 * memory: workers have asked the firmware, and judged what is signed. One method changes something:
 * the ESPs on the way to Secure Boot. */

#include <systemd/sd-bus.h>

#include "bus/auth.h"
#include "bus/shared.h"
#include "bus/bus-util.h"
#include "bus/bus-waiter.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/loader/loader-files.h"
#include "engine/conversion.h"

static const Boot *boot_of(const Bus *b) {
        return manager_info(b->manager).known->boot;
}

/* As long as the firmware was not asked, it is as if it had nothing. */
static const Firmware *firmware_of(const Bus *b) {
        static const Firmware none = FIRMWARE_INIT;

        return manager_info(b->manager).known->firmware ?: &none;
}

/* A private daemon makes entries, and keeps none. */
static EntriesMode entries_mode_of(const Bus *b) {
        const StateView *known = manager_info(b->manager).known;
        EntriesMode mode = boot_entries_mode(known->facts);

        return mode == ENTRIES_KEEP && !known->keeper ? ENTRIES_INIT : mode;
}

static int append_current(sd_bus_message *m, int current) {
        return sd_bus_message_append(m, "i", (int32_t) current);
}

static int append_order(sd_bus_message *m, const Firmware *f) {
        return sd_bus_message_append_array(m, 'q', f->boot_order,
                                           f->n_boot_order * sizeof(*f->boot_order));
}

static int append_entry(sd_bus_message *m, const LoadOption *o, const BootOption *e) {
        const char *const texts[] = {
                o->title, o->partuuid, e->disk, o->path, boot_entry_kind_to_string(e->kind),
        };
        int r = sd_bus_message_open_container(m, 'r', "qsssssbb");

        if (r >= 0)
                r = sd_bus_message_append_basic(m, 'q', &o->number);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = bus_append_string(m, texts[i]);
        if (r >= 0)
                r = sd_bus_message_append(m, "bb", o->active, e->present);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_entries(sd_bus_message *m, const Bus *b) {
        const Firmware *f = firmware_of(b);
        const Boot *boot = boot_of(b);
        int r = sd_bus_message_open_container(m, 'a', "(qsssssbb)");

        for (size_t i = 0; r >= 0 && i < MIN(boot->n_entries, f->n_entries); i++)
                r = append_entry(m, &f->entries[i], &boot->entries[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* As long as nobody was asked, there is nothing. */
static const SecureBootFacts *facts_of(const Bus *b) {
        static const SecureBootFacts none = {};

        return manager_info(b->manager).known->secure_boot ?: &none;
}

/* A structure of strings alone. */
static int append_strings(sd_bus_message *m, const char *const *texts, size_t n) {
        char types[8] = "";
        int r;

        memset(types, 's', MIN(n, sizeof(types) - 1));
        r = sd_bus_message_open_container(m, 'r', types);
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = bus_append_string(m, texts[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_keys(sd_bus_message *m, const SecureBootFacts *f) {
        int r = sd_bus_message_open_container(m, 'a', "(sssts)");

        for (size_t i = 0; r >= 0 && i < f->n_keys; i++)
                r = sd_bus_message_append(m, "(sssts)", key_store_to_string(f->keys[i].store),
                                          f->keys[i].subject, f->keys[i].sha256,
                                          f->keys[i].not_after_usec, f->keys[i].path);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_digests(sd_bus_message *m, const SecureBootFacts *f) {
        int r = sd_bus_message_open_container(m, 'a', "(st)");

        for (KeyStore s = 0; r >= 0 && s < _KEY_STORE_MAX; s++)
                if (f->n_digests[s] > 0)
                        r = sd_bus_message_append(m, "(st)", key_store_to_string(s),
                                                  (uint64_t) f->n_digests[s]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_file(sd_bus_message *m, const char *esp, const SignedFile *f, Checker checker) {
        return sd_bus_message_append(m, "(ssbsstsbs)", esp, f->path, f->is_signed, f->signer,
                                     f->issuer, f->not_after_usec, checker_to_string(checker),
                                     f->by[checker].accepted, f->by[checker].reason);
}

/* Of @esp, or (NULL) of the host. */
static int append_files(sd_bus_message *m, const StateView *known, const Esp *esp,
                        const SignedFiles *files) {
        int r = 0;

        for (size_t i = 0; r >= 0 && files && i < files->n; i++)
                r = append_file(m, esp ? esp_info(esp).uuid : "", &files->items[i],
                                boot_checker(known->facts, known->esps, esp, files,
                                             &files->items[i]));
        return r;
}

static int append_all_files(sd_bus_message *m, const Bus *b) {
        const StateView *known = manager_info(b->manager).known;
        int r = sd_bus_message_open_container(m, 'a', "(ssbsstsbs)");

        if (r >= 0)
                r = append_files(m, known, NULL, &facts_of(b)->files);
        ESPS_FOREACH(esp, known->esps)
                if (r >= 0 && esp_info(esp).listed)
                        r = append_files(m, known, esp, esp_info(esp).signed_files);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_modules(sd_bus_message *m, const SecureBootFacts *f) {
        int r = sd_bus_message_open_container(m, 'a', "(ssss)");

        for (size_t i = 0; r >= 0 && i < f->n_modules; i++) {
                const RefusedModule *module = &f->modules[i];
                const char *const texts[] = { module->kernel, module->path, module->package,
                                              module->reason };

                r = append_strings(m, texts, ELEMENTSOF(texts));
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Those that a host with GRUB or systemd-boot may need, and the signed kernels that it has. */
static int append_packages(sd_bus_message *m, const Facts *facts) {
        static const char *const loaders[] = {
                "grub-efi-" DEBIAN_ARCH "-signed",
                "shim-helpers-" DEBIAN_ARCH "-signed",
                "shim-signed",
                "systemd-boot-efi-" DEBIAN_ARCH "-signed",
        };
        char **installed = facts->packages.signed_packages;
        int r = sd_bus_message_open_container(m, 'a', "(sb)");

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(loaders); i++)
                r = sd_bus_message_append(m, "(sb)", loaders[i],
                                          strv_contains(installed, loaders[i]));
        STRV_FOREACH(name, installed)
                if (r >= 0 &&
                    (startswith(*name, "proxmox-kernel-") || startswith(*name, "pve-kernel-") ||
                     startswith(*name, "linux-image-")))
                        r = sd_bus_message_append(m, "(sb)", *name, true);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

BUS_DEFINE_PROPERTY(get_firmware, Bus, bus_append_string, boot_of(o)->firmware)
BUS_DEFINE_PROPERTY(get_loader, Bus, bus_append_string, boot_of(o)->loader.name)
BUS_DEFINE_PROPERTY(get_certain, Bus, bus_append_boolean, boot_of(o)->loader.certain)
BUS_DEFINE_PROPERTY(get_evidence, Bus, bus_append_string, boot_of(o)->loader.evidence)
BUS_DEFINE_PROPERTY(get_info, Bus, bus_append_string, firmware_of(o)->loader_info)
BUS_DEFINE_PROPERTY(get_selected, Bus, bus_append_string, firmware_of(o)->entry_selected)
BUS_DEFINE_PROPERTY(get_one_shot, Bus, bus_append_string, firmware_of(o)->entry_one_shot)
BUS_DEFINE_PROPERTY(get_booted, Bus, bus_append_string, boot_of(o)->booted_esp)
BUS_DEFINE_PROPERTY(get_without, Bus, bus_append_strv, boot_of(o)->without_entry)
BUS_DEFINE_PROPERTY(get_current, Bus, append_current, firmware_of(o)->boot_current)
BUS_DEFINE_PROPERTY(get_order, Bus, append_order, firmware_of(o))
BUS_DEFINE_PROPERTY(get_entries, Bus, append_entries, o)
BUS_DEFINE_PROPERTY(get_keeping, Bus, bus_append_string, entries_mode_to_string(entries_mode_of(o)))
BUS_DEFINE_PROPERTY(get_kept, Bus, bus_append_string,
                    boot_keeper_word(manager_info(o->manager).known->keeper))
BUS_DEFINE_PROPERTY(get_secure_boot, Bus, bus_append_string,
                    streq(strempty(boot_of(o)->firmware), "unknown")
                                    ? "unknown"
                                    : secure_boot_to_string(firmware_of(o)->secure_boot))

BUS_DEFINE_PROPERTY(get_shim, Bus, bus_append_boolean, boot_of(o)->shim)
BUS_DEFINE_PROPERTY(get_mok_enrolled, Bus, bus_append_boolean, boot_of(o)->mok_enrolled)
BUS_DEFINE_PROPERTY(get_known, Bus, bus_append_boolean,
                    manager_info(o->manager).known->signatures_known)
BUS_DEFINE_PROPERTY(get_ignores_db, Bus, bus_append_boolean, facts_of(o)->shim_ignores_db)
BUS_DEFINE_PROPERTY(get_checks_nothing, Bus, bus_append_boolean, facts_of(o)->shim_checks_nothing)
BUS_DEFINE_PROPERTY(get_sbat_level, Bus, bus_append_string, facts_of(o)->sbat_level)
BUS_DEFINE_PROPERTY(get_keys, Bus, append_keys, facts_of(o))
BUS_DEFINE_PROPERTY(get_digests, Bus, append_digests, facts_of(o))
BUS_DEFINE_PROPERTY(get_files, Bus, append_all_files, o)
BUS_DEFINE_PROPERTY(get_modules, Bus, append_modules, facts_of(o))
BUS_DEFINE_PROPERTY(get_packages, Bus, append_packages, manager_info(o->manager).known->facts)

static int append_steps(sd_bus_message *reply, const ConversionPlan *plan) {
        int r = sd_bus_message_open_container(reply, 'a', "(sssb)");

        for (size_t i = 0; r >= 0 && i < plan->n_steps; i++) {
                const ConversionStep *step = &plan->steps[i];
                const char *const texts[] = { step->step, step->why, step->command };

                r = sd_bus_message_open_container(reply, 'r', "sssb");
                for (size_t n = 0; r >= 0 && n < ELEMENTSOF(texts); n++)
                        r = bus_append_string(reply, texts[n]);
                if (r >= 0)
                        r = bus_append_boolean(reply, step->done);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_secure_boot_plan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(conversion_plan_done) ConversionPlan plan = {};
        _cleanup_error_ Error reason = {};
        Bus *b = userdata;
        int r;

        r = bus_read_options(m, NULL, 0, error);
        if (r < 0)
                return r;
        r = conversion_of_state(manager_info(b->manager).known, &plan, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_steps(reply, &plan);
        return r < 0 ? r : sd_bus_send(b->bus, reply, NULL);
}

/* The ESPs that would be converted, for who is asked: "AAAA-0001, AAAA-0002". */
static int name_esps(const Bus *b, char **ret, sd_bus_error *error) {
        _cleanup_error_ Error reason = {};
        _cleanup_free_ Esp **esps = NULL;
        _cleanup_strv_ char **uuids = NULL;
        bool order = false;
        int r;

        r = conversion_choose(manager_info(b->manager).known, &esps, &order, &reason);
        if (r < 0)
                return bus_error(error, r, &reason);
        for (Esp **esp = esps; r >= 0 && *esp; esp++)
                r = strv_extend(&uuids, esp_info(*esp).uuid);
        if (r < 0)
                return r;
        *ret = strv_isempty(uuids) ? strdup("none") : strv_join(uuids, ", ");
        return *ret ? 0 : -ENOMEM;
}

static int method_secure_boot_convert(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        /* Whoever waits for the job may go on from what is known at its end. */
        JobCall call = { .request = { .type = JOB_CONVERT, .keys = true },
                         .action = ACTION_CONVERT_SECURE_BOOT };
        const BusOption options[] = { { "wait", BUS_OPTION_BOOLEAN, &call.wait } };
        _cleanup_free_ char *esps = NULL;
        int r;

        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r >= 0)
                r = name_esps(userdata, &esps, error);
        if (r < 0)
                return r;
        call.details = (const char *const[]){ "esps", esps, NULL };
        return bus_run_job(userdata, m, &call, error);
}

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable boot_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("SecureBootPlan", ("a{sv}", options), ("a(sssb)", steps),
                   method_secure_boot_plan),
        BUS_METHOD("SecureBootConvert", ("a{sv}", options), ("o", job), method_secure_boot_convert),
        SD_BUS_PROPERTY("Firmware", "s", get_firmware, 0, CHANGES),
        SD_BUS_PROPERTY("Loader", "s", get_loader, 0, CHANGES),
        SD_BUS_PROPERTY("LoaderCertain", "b", get_certain, 0, CHANGES),
        SD_BUS_PROPERTY("LoaderEvidence", "s", get_evidence, 0, CHANGES),
        SD_BUS_PROPERTY("LoaderInfo", "s", get_info, 0, CHANGES),
        SD_BUS_PROPERTY("EntrySelected", "s", get_selected, 0, CHANGES),
        SD_BUS_PROPERTY("EntryOneShot", "s", get_one_shot, 0, CHANGES),
        SD_BUS_PROPERTY("BootedEsp", "s", get_booted, 0, CHANGES),
        SD_BUS_PROPERTY("EspsWithoutEntry", "as", get_without, 0, CHANGES),
        SD_BUS_PROPERTY("BootCurrent", "i", get_current, 0, CHANGES),
        SD_BUS_PROPERTY("BootOrder", "aq", get_order, 0, CHANGES),
        SD_BUS_PROPERTY("Entries", "a(qsssssbb)", get_entries, 0, CHANGES),
        SD_BUS_PROPERTY("EntriesKept", "s", get_keeping, 0, CHANGES),
        SD_BUS_PROPERTY("EntriesWord", "s", get_kept, 0, CHANGES),
        SD_BUS_PROPERTY("SecureBoot", "s", get_secure_boot, 0, CHANGES),
        SD_BUS_PROPERTY("Shim", "b", get_shim, 0, CHANGES),
        SD_BUS_PROPERTY("ShimIgnoresDb", "b", get_ignores_db, 0, CHANGES),
        SD_BUS_PROPERTY("ShimChecksNothing", "b", get_checks_nothing, 0, CHANGES),
        SD_BUS_PROPERTY("SbatLevel", "s", get_sbat_level, 0, CHANGES),
        SD_BUS_PROPERTY("MokEnrolled", "b", get_mok_enrolled, 0, CHANGES),
        SD_BUS_PROPERTY("SignaturesKnown", "b", get_known, 0, CHANGES),
        SD_BUS_PROPERTY("Keys", "a(sssts)", get_keys, 0, CHANGES),
        SD_BUS_PROPERTY("KeyDigests", "a(st)", get_digests, 0, CHANGES),
        SD_BUS_PROPERTY("SignedFiles", "a(ssbsstsbs)", get_files, 0, CHANGES),
        SD_BUS_PROPERTY("RefusedModules", "a(ssss)", get_modules, 0, CHANGES),
        SD_BUS_PROPERTY("SecureBootPackages", "a(sb)", get_packages, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

static ToldObject boot_object(Bus *b) {
        return (ToldObject){ BUS_PATH_BOOT, BUS_IFACE_BOOT, boot_vtable, b };
}

static int add_boot(Bus *b) {
        const ToldObject object = boot_object(b);
        int r = sd_bus_add_object_vtable(b->bus, NULL, BUS_PATH_BOOT, BUS_IFACE_BOOT, boot_vtable,
                                         b);

        return r < 0 ? r : told_note(&b->told, b->bus, &object);
}

static void emit_boot_changed(Bus *b, unsigned changes) {
        const ToldObject object = boot_object(b);
        int r = 0;

        if (changes & MANAGER_CHANGED_BOOT)
                r = told_emit(&b->told, b->bus, &object, NULL);
        if (r < 0)
                log_debug("Cannot tell of what boots: %s", strerror(-r));
}

const BusPart bus_boot = { .add = add_boot, .manager_changed = emit_boot_changed };
