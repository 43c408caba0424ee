/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Log lines with structured fields, to the journal if stderr is connected to it, else to stderr. */

#include <syslog.h>

#include "common/macros.h"

/* Choose the target by $JOURNAL_STREAM and set the highest level shown (LOG_WARNING …
 * LOG_DEBUG). Called once by each program, before the first line. */
void log_setup(const char *program, int max_level);

/* log_event(LOG_WARNING, MSG_X or NULL, FIELD_A, value_a, …, NULL, "Sentence '%s'.", …): the fields
 * are pairs and end with NULL; a NULL value leaves the field out. */
void log_event(int level, const char *message_id, ...);

/* The same without fields. */
void log_line(int level, const char *format, ...) _printf_(2, 3);
#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)
