/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The talk between gate.c and the bench: the gate sends descriptors 3 and 4 with one byte, the
 * bench answers with one of these and a byte more. */

#define GATE_NAME "gate"
#define GATE_RUN  'r' /* become the real worker */
#define GATE_EXIT 'x' /* end, with the byte as exit status */
