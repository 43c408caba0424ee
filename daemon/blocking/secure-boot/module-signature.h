/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The signature that a module's file ends with, also where the file is compressed. */

#include <openssl/cms.h>

#include "core/secure-boot/module.h"

DEFINE_CLEANUP(CMS_ContentInfo *, CMS_ContentInfo_free)

/* A module of more bytes than that, unpacked, is not read; the largest ones have 100 MiB. */
#define MODULE_UNPACKED_MAX (UINT64_C(256) * 1024 * 1024)

/* Read the signature of the regular file @fd, which is compressed in the way of @kind, from its
 * beginning, whatever its offset. *@left is how many bytes may still be read and made by unpacking,
 * and is less by those that were. 1, and *@ret has at least one signer; 0 if it is not signed;
 * -EBADMSG if its signature is damaged. Else it is not known: -EFBIG if unpacking it takes more
 * than *@left, MODULE_UNPACKED_MAX or 68 MiB of memory; -EILSEQ if it is not compressed so, is cut
 * off or damaged; -ENOMEM; -errno of reading. */
int module_read_signature(int fd, ModuleName kind, uint64_t *left, CMS_ContentInfo **ret);
