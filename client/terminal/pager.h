/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The pager between stdout and a reader who sits at a terminal. */

/* Have what is written to stdout from now on shown in a pager: $SYSTEMD_PAGER, $PAGER or less, as
 * systemd's programs choose it, cut into words and run without a shell. Does nothing if stdout is
 * no terminal or a dumb one, if no pager is wanted ("" or "cat"), or if it cannot be started. From
 * then on an interrupt is the pager's. */
void pager_open(void);

/* Write out what is left, and wait until the reader has left the pager. Without one it does
 * nothing. */
void pager_close(void);

/* The descriptor of what the reader sees: stdout, or what that was before the pager. */
int pager_screen(void);
