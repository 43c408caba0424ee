/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A progress bar on stderr, if that is a terminal. */

#include "common/macros.h"

/* Draw the bar again; @message may be NULL. */
void progress_draw(unsigned percent, const char *message);
/* Leave an empty line for what comes next. */
void progress_clear(void);
