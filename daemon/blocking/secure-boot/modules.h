/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The modules of a kernel that are not its own, and whether it would load them while Secure Boot is
 * enabled. */

#include "blocking/secure-boot/trust.h"

/* Add to @facts' modules those of each of @kernels (versions; what is none is passed over, NULL
 * ends them) that it would refuse: all below its directory of modules but for those in kernel/. It
 * takes those that the signer of its own ones has signed (which is seen from a few of them), and
 * those of a key in db (unless MokIgnoreDB) or MokListRT. By the name of the signer only: the bytes
 * are not compared. Compressed ones are unpacked, 1 GiB of all together; one that cannot be read,
 * or not within that, is told of, too, as unknown. No more than SECURE_BOOT_MODULES_MAX are added,
 * without their packages. @others: keys that may have signed some, for their names. 0 or -ENOMEM.
 */
int modules_look(const Root *root, const char *const *kernels, const Trust *trust,
                 const KeyList *others, SecureBootFacts *facts);
