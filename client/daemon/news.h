/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The signals of the daemon as sentences, each with the time of day, on stdout. */

#include "client/daemon/properties.h"

typedef struct News News;

/* Tells of @c's daemon. */
News *news_new(Connection *c);
News *news_free(News *n);
DEFINE_CLEANUP(News *, news_free)

/* A sentence of the caller's own. */
void news_tell(const char *format, ...) _printf_(1, 2);

/* Read how all is now: the first time to know it, later to tell what has changed. */
void news_look(News *n);

/* Tell of a signal of the daemon's: JobNew, JobRemoved, PropertiesChanged, InterfacesAdded or
 * …Removed. 0, or a negative errno if it is not as expected. */
int news_take(News *n, sd_bus_message *m);
