/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A signal has the properties whose values are not as they were told last, and no others. Both ends
 * of a connection are here. */

#include "../check-main.h"

#include <sys/socket.h>

#include "bus/bus-util.h"
#include "bus/told.h"
#include "common/string-util.h"

typedef struct Thing {
        const char *name;
        char **list;
        uint64_t number;
} Thing;

BUS_DEFINE_PROPERTY(get_name, Thing, bus_append_string, o->name)
BUS_DEFINE_PROPERTY(get_list, Thing, bus_append_strv, o->list)
BUS_DEFINE_PROPERTY(get_number, Thing, bus_append_u64, o->number)

#define CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Fixed", "t", get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Name", "s", get_name, 0, CHANGES),
        SD_BUS_PROPERTY("List", "as", get_list, 0, CHANGES),
        SD_BUS_PROPERTY("Number", "t", get_number, 0, CHANGES),
        SD_BUS_VTABLE_END,
};

static sd_bus *here, *there;
static char *heard; /* the names of each signal, and a ";" */
static Thing thing;
static Told *told;
static const ToldObject object = { "/thing", "org.example.Thing", vtable, &thing };

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Buffer b = {};
        const char *name;

        if (!sd_bus_message_is_signal(m, NULL, "PropertiesChanged"))
                return 0;
        buffer_puts(&b, strempty(heard));
        ck_assert_int_ge(sd_bus_message_skip(m, "s"), 0);
        ck_assert_int_ge(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                ck_assert_int_ge(sd_bus_message_read(m, "s", &name), 0);
                buffer_printf(&b, "%s ", name);
                ck_assert_int_ge(sd_bus_message_skip(m, "v"), 0);
                ck_assert_int_ge(sd_bus_message_exit_container(m), 0);
        }
        buffer_puts(&b, ";");
        free(heard);
        ck_assert_int_eq(buffer_take(&b, &heard, NULL), 0);
        return 0;
}

static void pump(void) {
        for (unsigned quiet = 0; quiet < 3;) {
                int r = sd_bus_process(here, NULL), s = sd_bus_process(there, NULL);

                ck_assert_int_ge(r, 0);
                ck_assert_int_ge(s, 0);
                quiet = r > 0 || s > 0 ? 0 : quiet + 1;
        }
}

static void begin(void) {
        sd_id128_t id = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        ck_assert_int_ge(sd_bus_new(&here), 0);
        ck_assert_int_ge(sd_bus_set_server(here, true, id), 0);
        ck_assert_int_ge(sd_bus_set_anonymous(here, true), 0);
        ck_assert_int_ge(sd_bus_set_fd(here, fds[0], fds[0]), 0);
        ck_assert_int_ge(sd_bus_add_object_vtable(here, NULL, object.path, object.interface, vtable,
                                                  &thing),
                         0);
        ck_assert_int_ge(sd_bus_start(here), 0);
        ck_assert_int_ge(sd_bus_new(&there), 0);
        ck_assert_int_ge(sd_bus_set_anonymous(there, true), 0);
        ck_assert_int_ge(sd_bus_set_fd(there, fds[1], fds[1]), 0);
        ck_assert_int_ge(sd_bus_add_filter(there, NULL, on_signal, NULL), 0);
        ck_assert_int_ge(sd_bus_start(there), 0);
        pump();
        thing = (Thing){ .name = "one", .number = 1 };
        ck_assert_int_eq(told_note(&told, here, &object), 0);
}

static void end(void) {
        told = told_free(told);
        heard = mfree(heard);
        sd_bus_close_unref(here);
        sd_bus_close_unref(there);
}

static void assert_emits(const char *const *names, const char *expect) {
        heard = mfree(heard);
        ck_assert_int_ge(told_emit(&told, here, &object, names), 0);
        pump();
        ck_assert_str_eq(strempty(heard), expect);
}

START_TEST(without_a_change_there_is_no_signal) {
        begin();
        assert_emits(NULL, "");
        end();
}
END_TEST

START_TEST(signal_has_what_has_changed_once_and_never_what_is_fixed) {
        begin();
        thing.number = 2;
        assert_emits(NULL, "Number ;");
        assert_emits(NULL, "");
        thing.name = "two";
        thing.list = (char *[]){ (char *) "a", NULL };
        assert_emits(NULL, "Name List ;");
        thing.list = (char *[]){ (char *) "a", (char *) "b", NULL };
        assert_emits(NULL, "List ;");
        end();
}
END_TEST

START_TEST(change_that_nobody_was_asked_for_is_told_the_next_time) {
        static const char *const name[] = { "Name", NULL };

        begin();
        thing = (Thing){ .name = "two", .number = 2 };
        assert_emits(name, "Name ;");
        assert_emits(NULL, "Number ;");
        end();
}
END_TEST

START_TEST(object_that_was_not_noted_or_was_forgotten_is_told_whole) {
        begin();
        told_forget(&told, "/other");
        assert_emits(NULL, "");
        told_forget(&told, object.path);
        assert_emits(NULL, "Name List Number ;");
        end();
}
END_TEST

CHECK_MAIN("told", without_a_change_there_is_no_signal,
           signal_has_what_has_changed_once_and_never_what_is_fixed,
           change_that_nobody_was_asked_for_is_told_the_next_time,
           object_that_was_not_noted_or_was_forgotten_is_told_whole)
