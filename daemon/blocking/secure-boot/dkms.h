/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys that DKMS signs modules with, and the packages that modules come from. */

#include "blocking/secure-boot/trust.h"

/* Add the certificates that DKMS's configuration names, and the one that it makes for itself, each
 * with its path as it is named, to @facts' keys, and to @list. What is not there or is no
 * certificate is passed over. 0 or -ENOMEM. */
int dkms_read_keys(const Root *root, SecureBootFacts *facts, KeyList *list);

/* Fill the package of each of @facts' modules: of one that DKMS has made, the package that has its
 * source; else the one that has the module. Where nobody has it, or dpkg's lists cannot be read, it
 * is "". 0 or -ENOMEM. */
int dkms_find_packages(const Root *root, SecureBootFacts *facts);
