/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The chain by which a firmware starts a kernel of an ESP with Secure Boot: each program in it must
 * be accepted by the one before. */

#include "core/firmware/firmware.h"
#include "core/loader/loader-files.h"
#include "core/loader/loader.h"
#include "core/secure-boot/secure-boot.h"

/* As an entry of the firmware names it. */
#define SHIM_EFI_PATH "\\EFI\\proxmox\\shim" EFI_ARCH ".efi"

/* Why @checker would not start @file (NULL: "is not there"), as a part of a sentence; NULL if it
 * would. */
const char *chain_refusal(const SignedFile *file, Checker checker) _pure_;

/* Why an ESP with these @files would not boot with Secure Boot by @loader: half a sentence that
 * begins with a path or a name. With @enforced the firmware must accept what it starts; else, as
 * its keys may still change, shim must only be signed. *@ret is NULL if it would. 0 or -ENOMEM. */
int chain_problem(const SignedFiles *files, EspLoader loader, bool enforced, char **ret);

/* The loader that an ESP gets on the way to Secure Boot. */
EspLoader chain_loader(void) _pure_;

/* BootOrder with the entries that start shim from \EFI\proxmox before other ones of ours; entries
 * that are not ours keep their places. 1 with *@ret (@f->n_boot_order numbers), 0 if it is so
 * already, or -ENOMEM. */
int chain_boot_order(const Firmware *f, uint16_t **ret);
