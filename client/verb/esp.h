/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ESPs, as several verbs show them. */

#include "client/daemon/objects.h"
#include "client/terminal/json.h"

/* A list with all that is known of each. */
json_object *esps_to_json(const EspInfos *infos);
/* Of the word for an ESP's state. */
Colour esp_state_colour(const EspInfo *esp);
