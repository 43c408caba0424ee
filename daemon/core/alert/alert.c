/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The decision to tell a person, and what is remembered of it. There are two alarms, since a host
 * that is known to be degraded and then would not boot at all is worth another word. Each is on
 * from the first bad moment on, and off again only when it was good for long: so a cable that loses
 * its contact every minute is told once, and a moment of peace is not told as the end. A state that
 * passes by itself ("syncing") is neither: clocks go on, and nothing is told. Who is told, and how,
 * is not known here. */

#include "core/alert/alert.h"

#include "common/record.h"

static const char *const alarm_table[_ALARM_MAX] = {
        [ALARM_DEGRADED] = "degraded",
        [ALARM_UNBOOTABLE] = "unbootable",
};
DEFINE_STATIC_STRING_TABLE(alarm, AlarmId)

typedef enum Sight {
        SIGHT_NOTHING,
        SIGHT_GOOD,
        SIGHT_BAD,
} Sight;

/* A host with one ESP, or with none, is what its administrator has made it. While it is unknown
 * what would boot, it is not known either that nothing would. */
static const struct {
        const char *redundancy;
        Sight sights[_ALARM_MAX];
} table[] = {
        { "redundant", { SIGHT_GOOD, SIGHT_GOOD } },     { "single", { SIGHT_GOOD, SIGHT_GOOD } },
        { "unmanaged", { SIGHT_GOOD, SIGHT_GOOD } },     { "degraded", { SIGHT_BAD, SIGHT_GOOD } },
        { "unknown", { SIGHT_BAD, SIGHT_NOTHING } },     { "unbootable", { SIGHT_BAD, SIGHT_BAD } },
        { "syncing", { SIGHT_NOTHING, SIGHT_NOTHING } },
};

static Sight sight_of(const char *redundancy, AlarmId id) {
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq_ptr(table[i].redundancy, redundancy))
                        return table[i].sights[id];
        return SIGHT_NOTHING;
}

/* The clocks of an alarm, none of which is ahead of now. */
static void see(Alarm *a, Sight sight, uint64_t now) {
        if (sight == SIGHT_BAD) {
                a->bad_usec = a->bad_usec ?: now;
                a->good_usec = 0;
        } else if (sight == SIGHT_GOOD && a->bad_usec > 0)
                a->good_usec = a->good_usec ?: now;
        a->bad_usec = MIN(a->bad_usec, now);
        a->good_usec = MIN(a->good_usec, now);
}

/* When @sight will have lasted; UINT64_MAX: that changes nothing. */
static uint64_t due_usec(const Alarm *a, Sight sight, uint64_t after) {
        if (sight == SIGHT_BAD && !a->told)
                return a->bad_usec + after;
        if (sight == SIGHT_GOOD && a->bad_usec > 0)
                return a->good_usec + after;
        return UINT64_MAX;
}

/* That it has lasted is to be told. The end of the worse alarm alone is not the end of the trouble.
 */
static bool is_news(const Alarm *a, Sight sight, AlarmId id) {
        return sight == SIGHT_BAD || (a->told && id == ALARM_DEGRADED);
}

AlertVerdict alert_judge(const AlertInput *in) {
        AlertVerdict v = { .memory = in->memory, .wait_usec = UINT64_MAX };
        const uint64_t now = MAX(in->now_usec, (uint64_t) 1);

        for (AlarmId id = 0; id < _ALARM_MAX; id++) {
                Alarm *a = &v.memory.alarms[id], *told = &v.told.alarms[id];
                Sight sight = sight_of(in->redundancy, id);
                uint64_t due;

                see(a, sight, now);
                *told = *a;
                due = due_usec(a, sight, in->after_usec);
                if (due > now) {
                        v.wait_usec = MIN(v.wait_usec, due == UINT64_MAX ? due : due - now);
                        continue;
                }
                if (sight == SIGHT_BAD)
                        told->told = true;
                else
                        *told = (Alarm){};
                if (is_news(a, sight, id))
                        v.send = true;
                else
                        *a = *told;
        }
        return v;
}

bool alert_memory_is_empty(const AlertMemory *m) {
        for (AlarmId id = 0; id < _ALARM_MAX; id++)
                if (m->alarms[id].bad_usec > 0)
                        return false;
        return true;
}

int alert_memory_format(const AlertMemory *m, char **ret, size_t *ret_size) {
        Buffer b = {};

        buffer_puts(&b, "v1\n");
        for (AlarmId id = 0; id < _ALARM_MAX; id++) {
                const Alarm *a = &m->alarms[id];

                if (a->bad_usec == 0)
                        continue;
                record_begin(&b, "alarm");
                record_add(&b, "of", alarm_to_string(id));
                record_add_u64(&b, "bad", a->bad_usec);
                record_add_u64(&b, "good", a->good_usec);
                record_add_u64(&b, "told", a->told);
                record_end(&b);
        }
        return buffer_take(&b, ret, ret_size);
}

static int parse_alarm(AlertMemory *m, const char *line, size_t size) {
        _cleanup_(record_done) Record record = {};
        uint64_t told;
        Alarm a = {};
        AlarmId id;
        int r;

        r = record_parse(line, size, &record);
        if (r < 0)
                return r;
        id = alarm_from_string(strempty(record_get(&record, "of")));
        if (!streq(record.verb, "alarm") || record.n_fields != 4 || id < 0 ||
            m->alarms[id].bad_usec > 0 || record_get_u64(&record, "bad", &a.bad_usec) < 0 ||
            record_get_u64(&record, "good", &a.good_usec) < 0 ||
            record_get_u64(&record, "told", &told) < 0 || told > 1 || a.bad_usec == 0)
                return -EBADMSG;
        a.told = told;
        m->alarms[id] = a;
        return 0;
}

int alert_memory_parse(const char *text, size_t size, AlertMemory *ret) {
        AlertMemory m = {};
        size_t pos = 0, n;
        const char *line;

        if (!line_next(text, size, &pos, &line, &n))
                return -EBADMSG;
        if (!text_is(line, n, "v1"))
                return -EPROTONOSUPPORT;
        while (line_next(text, size, &pos, &line, &n)) {
                int r = parse_alarm(&m, line, n);

                if (r < 0)
                        return r;
        }
        *ret = m;
        return 0;
}
