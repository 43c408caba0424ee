/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A name means one ESP or none: of two that it may mean, neither is taken. No disk and no link is
 * looked at, so a link is followed by who has it before. */

#include "core/esp/esp-lookup.h"

#include <strings.h>

#include "common/names.h"
#include "common/string-util.h"

#define BEGINNING_MIN 2
#define NAMED_MAX     8 /* ESPs in an error */
#define ECHO_MAX      64

static bool is_uuid(const EspNames *esp, const char *name) {
        return strcasecmp(esp->uuid, name) == 0;
}

static bool is_part_uuid(const EspNames *esp, const char *name) {
        return !isempty(esp->part_uuid) && strcasecmp(esp->part_uuid, name) == 0;
}

static bool is_device(const EspNames *esp, const char *name) {
        const char *below = startswith(strempty(esp->device), "/dev/");

        return below && (streq(esp->device, name) || streq(below, name));
}

static bool has_beginning(const EspNames *esp, const char *name) {
        size_t size = strlen(name);

        return size >= BEGINNING_MIN && strncasecmp(esp->uuid, name, size) == 0;
}

/* The surest comes first. */
static bool (*const means[])(const EspNames *esp, const char *name) = {
        is_uuid,
        is_part_uuid,
        is_device,
        has_beginning,
};

static int refuse_several(const EspNames *esps, const size_t *found, size_t n, const char *shown,
                          Error *error) {
        _cleanup_strv_ char **several = NULL;
        _cleanup_free_ char *names = NULL;

        for (size_t i = 0; i < n; i++)
                if (strv_extend(&several, esps[found[i]].uuid) < 0)
                        return -ENOMEM;
        names = strv_quote(several, NAMED_MAX);
        if (!names)
                return -ENOMEM;
        return error_set(error, ERROR_NO_SUCH_ESP,
                         "'%s' may mean more than one ESP: %s; name it by its UUID", shown, names);
}

static int refuse_unknown(const EspNames *esps, size_t n, const char *shown, Error *error) {
        _cleanup_strv_ char **all = NULL;
        _cleanup_free_ char *names = NULL;

        for (size_t i = 0; i < n; i++)
                if (strv_extendf(&all, isempty(esps[i].device) ? "%s" : "%s on %s", esps[i].uuid,
                                 esps[i].device) < 0)
                        return -ENOMEM;
        if (strv_isempty(all))
                return error_set(error, ERROR_NO_SUCH_ESP,
                                 "There is no ESP '%s', as there is none at all on /" PATH_ESP_LIST
                                 "; see 'bootctl-pve esp candidates'",
                                 shown);
        names = strv_quote(all, NAMED_MAX);
        if (!names)
                return -ENOMEM;
        return error_set(error, ERROR_NO_SUCH_ESP,
                         "There is no ESP '%s' on /" PATH_ESP_LIST "; there %s %s, see "
                         "'bootctl-pve esp list'",
                         shown, n == 1 ? "is" : "are", names);
}

int esp_lookup(const EspNames *esps, size_t n, const char *name, size_t *ret, Error *error) {
        _cleanup_free_ size_t *found = NULL;
        _cleanup_free_ char *shown = NULL;
        size_t n_found = 0;

        assert(esps || n == 0);
        assert(name);
        assert(ret);

        found = calloc(MAX(n, (size_t) 1), sizeof(size_t));
        shown = string_for_humans(name, strlen(name), ECHO_MAX);
        if (!found || !shown)
                return -ENOMEM;
        for (size_t how = 0; how < ELEMENTSOF(means) && n_found == 0; how++)
                for (size_t i = 0; i < n; i++)
                        if (means[how](&esps[i], name))
                                found[n_found++] = i;
        if (n_found == 0)
                return refuse_unknown(esps, n, shown, error);
        if (n_found > 1)
                return refuse_several(esps, found, n_found, shown, error);
        *ret = found[0];
        return 0;
}
