/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gathers what the state knows of firmware, keys and ESPs into the host that the plan is made for.
 * Nothing is asked here, and nothing guessed: an ESP that nobody has judged is in the plan as such
 * a one. */

#include "engine/conversion.h"

#include "common/string-util.h"

static int compare_esps(const void *a, const void *b) {
        return strcmp(((const ConversionEsp *) a)->uuid, ((const ConversionEsp *) b)->uuid);
}

/* Those that are listed, in an order that does not change. 0 or -ENOMEM. */
static int gather_esps(const Esps *esps, ConversionEsp **ret, size_t *ret_n) {
        ConversionEsp *list;
        size_t n = 0;

        ESPS_FOREACH(esp, esps)
                n++;
        list = calloc(MAX(n, (size_t) 1), sizeof(*list));
        if (!list)
                return -ENOMEM;
        n = 0;
        ESPS_FOREACH(esp, esps) {
                const EspInfo info = esp_info(esp);

                if (info.listed)
                        list[n++] = (ConversionEsp){
                                .uuid = info.uuid,
                                .part_uuid = info.part_uuid,
                                .present = info.present,
                                .loader = info.loader,
                                .files = info.signed_files,
                        };
        }
        if (n > 0)
                qsort(list, n, sizeof(*list), compare_esps);
        *ret = list;
        *ret_n = n;
        return 0;
}

int conversion_of_state(const StateView *known, ConversionPlan *ret, Error *error) {
        static const SecureBootFacts none = {};
        const Firmware *firmware = known->firmware;
        const SecureBootFacts *facts = known->secure_boot;
        _cleanup_free_ ConversionEsp *esps = NULL;
        size_t n;
        int r;

        /* Nobody asks for keys where there is no Secure Boot. */
        if (firmware && firmware->secure_boot == SECURE_BOOT_UNSUPPORTED)
                facts = &none;
        if (!firmware || !facts)
                return error_set(error, ERROR_BUSY,
                                 "What the firmware and the boot loaders of this host are signed "
                                 "with is not known yet; try again in a moment, or see the journal "
                                 "of bootsyncd");
        r = gather_esps(known->esps, &esps, &n);
        if (r < 0)
                return r;
        return conversion_plan_make(
                        &(ConversionHost){
                                        .firmware = firmware,
                                        .facts = facts,
                                        .loader = known->boot->loader.name,
                                        .booted_esp = strempty(known->boot->booted_esp),
                                        .kernels = &known->facts->kernels,
                                        .esps = esps,
                                        .n_esps = n,
                        },
                        ret);
}

int conversion_choose(const StateView *known, Esp ***ret, bool *ret_prefer, Error *error) {
        _cleanup_(conversion_plan_done) ConversionPlan plan = {};
        _cleanup_strv_ char **uuids = NULL;
        _cleanup_free_ Esp **esps = NULL;
        bool prefer = false;
        size_t n = 0;
        int r;

        r = conversion_of_state(known, &plan, error);
        if (r >= 0)
                r = conversion_next(&plan, &uuids, &prefer, error);
        if (r < 0)
                return r;
        esps = calloc(strv_length(uuids) + 1, sizeof(*esps));
        if (!esps)
                return -ENOMEM;
        STRV_FOREACH(uuid, uuids)
                esps[n++] = esps_find(known->esps, *uuid);
        *ret = TAKE_PTR(esps);
        *ret_prefer = prefer;
        return 0;
}
