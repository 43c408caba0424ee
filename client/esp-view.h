/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ESPs as `status` and `esp list` show them. */

#include "client/json.h"
#include "client/objects.h"
#include "client/output.h"

/* All configured ESPs. A private daemon has just been started and is made to look at them first. */
ExitStatus esp_view_get(Connection *c, EspInfos *ret);

json_object *esp_view_json(const EspInfos *infos);

/* Of the word for an ESP's state. */
Colour esp_view_colour(const EspInfo *esp);
/* "400.0 MiB of 511.0 MiB"; empty if not known. Never NULL. */
char *esp_view_space(const EspInfo *esp);
