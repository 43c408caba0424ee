/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The least that answers a property read by sd-bus, and the least that asks for one: what the same
 * read of bootsyncd is measured beside.
 *
 *     minimal-service serve
 *     minimal-service read DESTINATION PATH INTERFACE PROPERTY COUNT
 *
 * Both are on the bus of $DBUS_SYSTEM_BUS_ADDRESS. The second asks COUNT times, each time when it
 * has the answer to the last one, and prints how many seconds all of them took. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define NAME "org.bootsync1.Minimal"

static int get_ready(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "b", 1);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Ready", "b", get_ready, 0, 0),
        SD_BUS_VTABLE_END,
};

static int serve(sd_bus *bus) {
        int r = sd_bus_add_object_vtable(bus, NULL, "/", NAME, vtable, NULL);

        if (r >= 0)
                r = sd_bus_request_name(bus, NAME, 0);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        return r;
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int ask(sd_bus *bus, char *const words[]) {
        double begin = now();

        for (long n = strtol(words[4], NULL, 10); n > 0; n--) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                sd_bus_message *reply = NULL;
                int r = sd_bus_get_property(bus, words[0], words[1], words[2], words[3], &error,
                                            &reply, "b");

                if (r < 0)
                        fprintf(stderr, "%s\n", error.message ? error.message : strerror(-r));
                sd_bus_error_free(&error);
                sd_bus_message_unref(reply);
                if (r < 0)
                        return r;
        }
        printf("%.6f\n", now() - begin);
        return 0;
}

int main(int argc, char *argv[]) {
        sd_bus *bus = NULL;
        int r = sd_bus_open_system(&bus);

        if (r >= 0 && argc == 2 && strcmp(argv[1], "serve") == 0)
                r = serve(bus);
        else if (r >= 0 && argc == 7 && strcmp(argv[1], "read") == 0)
                r = ask(bus, argv + 2);
        else if (r >= 0)
                r = -EINVAL;
        if (r < 0)
                fprintf(stderr, "minimal-service: %s\n", strerror(-r));
        sd_bus_flush_close_unref(bus);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
