/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A line is "COMPONENT,GENERATION,…"; of a level's first one ("sbat,1,DATE") the number counts,
 * too. A generation is a decimal number of 16 bits. What shim would not read is refused, as shim
 * does. */

#include "core/secure-boot/sbat.h"

#include "common/string-util.h"

#define GENERATION_MAX UINT16_MAX
#define DATE_SIZE      10 /* year, month, day and a number of two digits */

typedef struct SbatLine {
        const char *component;
        size_t component_size;
        uint64_t generation;
} SbatLine;

/* The next line that is not empty: 1, 0 or -EBADMSG. */
static int next_line(const char *text, size_t size, size_t *pos, SbatLine *ret) {
        char number[sizeof("65535")] = "";
        const char *line, *first, *second;
        size_t n;

        do {
                if (!line_next(text, size, pos, &line, &n))
                        return 0;
        } while (n == 0);
        first = memchr(line, ',', n);
        if (!first || first == line)
                return -EBADMSG;
        second = memchr(first + 1, ',', n - (size_t) (first + 1 - line)) ?: line + n;
        if ((size_t) (second - first - 1) >= sizeof(number))
                return -EBADMSG;
        memcpy(number, first + 1, (size_t) (second - first - 1));
        if (parse_u64(number, &ret->generation) < 0 || ret->generation > GENERATION_MAX)
                return -EBADMSG;
        ret->component = line;
        ret->component_size = (size_t) (first - line);
        return 1;
}

/* Like a string: what is behind its NUL does not count. */
static size_t text_size(const char *text, size_t size) {
        return size > 0 ? strnlen(text, size) : 0;
}

/* The least generation of the component that the level accepts, 0 if any. -EBADMSG. */
static int find_least(const char *level, size_t size, const SbatLine *component, uint64_t *ret) {
        size_t pos = 0;
        SbatLine line;
        int r;

        *ret = 0;
        while ((r = next_line(level, size, &pos, &line)) > 0)
                if (line.component_size == component->component_size &&
                    memcmp(line.component, component->component, line.component_size) == 0)
                        *ret = line.generation;
        return r;
}

/* The first line of a level, "sbat,1,2024040900": *@ret_date is its third field, of DATE_SIZE
 * bytes. */
static int read_version(const char *text, size_t size, uint64_t *ret, const char **ret_date) {
        const char *comma, *date;
        SbatLine line;
        size_t pos = 0, left;

        size = text_size(text, size);
        if (next_line(text, size, &pos, &line) <= 0 || line.component_size != strlen("sbat") ||
            memcmp(line.component, "sbat", line.component_size) != 0)
                return -EBADMSG;
        comma = line.component + line.component_size + 1;
        left = (size_t) (text + size - comma);
        date = memchr(comma, ',', left);
        if (!date || left - (size_t) (date + 1 - comma) < DATE_SIZE)
                return -EBADMSG;
        for (size_t i = 1; i <= DATE_SIZE; i++)
                if (date[i] < '0' || date[i] > '9')
                        return -EBADMSG;
        *ret = line.generation;
        *ret_date = date + 1;
        return 0;
}

bool sbat_level_replaces(const char *candidate, size_t candidate_size, const char *level,
                         size_t level_size) {
        uint64_t version, old_version;
        const char *date, *old_date;

        if (read_version(candidate, candidate_size, &version, &date) < 0)
                return false;
        if (read_version(level, level_size, &old_version, &old_date) < 0)
                return true;
        return old_version <= version && memcmp(old_date, date, DATE_SIZE) < 0;
}

SbatVerdict sbat_judge(const char *sbat, size_t sbat_size, const char *level, size_t level_size,
                       char **ret_component) {
        size_t pos = 0, n_lines = 0;
        SbatLine line;
        int r;

        level_size = text_size(level, level_size);
        sbat_size = text_size(sbat, sbat_size);
        if (level_size == 0)
                return SBAT_ACCEPTED;
        if (sbat_size == 0)
                return SBAT_MISSING;
        while ((r = next_line(sbat, sbat_size, &pos, &line)) > 0) {
                uint64_t least;

                n_lines++;
                if (find_least(level, level_size, &line, &least) < 0)
                        return SBAT_BAD;
                if (line.generation >= least)
                        continue;
                if (ret_component)
                        *ret_component = strndup(line.component, line.component_size);
                return SBAT_TOO_OLD;
        }
        return r < 0 || n_lines == 0 ? SBAT_BAD : SBAT_ACCEPTED;
}
