/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The logger knows levels, message ids and fields, and no object of the domain: callers pass the
 * strings. The journal is used only when stderr is the journal's own stream ($JOURNAL_STREAM), so
 * that a daemon started by hand or by a test speaks where one looks. */

#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/string-util.h"

#define FIELDS_MAX 8

static struct {
        const char *program;
        int max_level;
        bool journal;
} log_state = { .program = "bootsync", .max_level = LOG_INFO };

static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;

        return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
               fstat(STDERR_FILENO, &st) >= 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_setup(const char *program, int max_level) {
        log_state.program = program;
        log_state.max_level = max_level;
        log_state.journal = stderr_is_journal();
}

static void log_send(int level, const char *message_id, char *const *fields, const char *text) {
        struct iovec iov[FIELDS_MAX + 4];
        _cleanup_strv_ char **lines = NULL;
        size_t n = 0;

        if (!log_state.journal) {
                (void) fprintf(stderr, "%s: %s\n", log_state.program, text);
                return;
        }

        if (strv_extendf(&lines, "PRIORITY=%d", level) < 0 ||
            strv_extendf(&lines, "SYSLOG_IDENTIFIER=%s", log_state.program) < 0 ||
            strv_extendf(&lines, "MESSAGE=%s", text) < 0 ||
            (message_id && strv_extendf(&lines, "MESSAGE_ID=%s", message_id) < 0) ||
            strv_extend_uniq(&lines, fields) < 0)
                return;
        STRV_FOREACH(i, lines)
                if (n < ELEMENTSOF(iov))
                        iov[n++] = (struct iovec){ .iov_base = *i, .iov_len = strlen(*i) };
        (void) sd_journal_sendv(iov, (int) n);
}

void log_event(int level, const char *message_id, ...) {
        _cleanup_strv_ char **fields = NULL;
        _cleanup_free_ char *text = NULL;
        const char *key, *format;
        va_list ap;
        int n;

        if (level > log_state.max_level)
                return;

        va_start(ap, message_id);
        while ((key = va_arg(ap, const char *))) {
                const char *value = va_arg(ap, const char *);

                if (value && strv_length(fields) < FIELDS_MAX)
                        (void) strv_extendf(&fields, "%s=%s", key, value);
        }
        format = va_arg(ap, const char *);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        n = vasprintf(&text, format, ap);
#pragma GCC diagnostic pop
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return;
        }
        log_send(level, message_id, fields, text);
}

void log_line(int level, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int n;

        if (level > log_state.max_level)
                return;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return;
        }
        log_send(level, NULL, NULL, text);
}
