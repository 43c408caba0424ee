/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Finds the program of ours that another one starts. */

typedef struct ProgramPath {
        const char *self;      /* where the program that asks is installed */
        const char *installed; /* where the one to be started is */
        const char *beside;    /* and in the build tree, from the directory of the one that asks */
        const char *variable;  /* of the environment, which may name another one */
} ProgramPath;

/* An installed program starts the installed one, whatever its environment says. Any other takes the
 * one that @variable names, or else the one beside it, if it is there. NULL when out of memory. */
char *program_path(const ProgramPath *p);
