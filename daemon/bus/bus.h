/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The engine on D-Bus: org.bootsync1 on the system bus, or spoken to one peer over a socket. */

#include <systemd/sd-event.h>

#include "engine/manager.h"

typedef struct Bus Bus;

/* Register the objects and own the name BUS_NAME on the system bus. A connection that is lost is
 * made again and again; nobody hears of jobs meanwhile. The event loop ends if somebody else owns
 * the name then. */
int bus_new_system(sd_event *event, Manager *m, Bus **ret);

/* Speak to the one peer behind @fd, which is trusted; takes @fd over in any case. When the peer is
 * gone and no job runs any more, the event loop ends. */
int bus_new_peer(sd_event *event, Manager *m, int fd, Bus **ret);

Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free)
