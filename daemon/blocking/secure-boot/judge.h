/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One program, judged as the firmware (edk2's DxeImageVerificationLib) and as shim (its verify.c)
 * do it while Secure Boot is enabled: neither looks at dates, at the purpose of a key, or for a
 * root certificate. */

#include "blocking/secure-boot/trust.h"

typedef enum ProgramRole {
        PROGRAM_LOADER, /* shim starts it itself, and wants SBAT of it */
        PROGRAM_KERNEL, /* what starts it asks shim, which then does without SBAT */
} ProgramRole;

/* Judge the program that is open at @fd. @shim: the keys of the one that stands before it, NULL if
 * none is known. All of @ret is set but path; a file that cannot be read or is no program is
 * refused, and its reason says so. A shim checks its own SBAT when it starts: its judgement by the
 * firmware has that, too. That validation is switched off in shim (MokSBStateRT) changes nothing
 * here. If it is a shim and @ret_keys is not NULL, the keys that are built into it go there, in the
 * place of what is there. 0 or -ENOMEM. */
int judge_file(int fd, ProgramRole role, const Trust *trust, const ShimKeys *shim, SignedFile *ret,
               ShimKeys *ret_keys);
