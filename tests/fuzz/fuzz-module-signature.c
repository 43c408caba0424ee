/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The file of a module, whose first byte says how it is compressed. Whatever it is, no more is made
 * of it than was allowed. */

#include <sys/mman.h>
#include <unistd.h>

#include "blocking/secure-boot/module-signature.h"
#include "common/fd.h"
#include "tests/fuzz/fuzz.h"

#define ALLOWED    (UINT64_C(4) * 1024 * 1024)
#define N_PACKINGS (_MODULE_NAME_MAX - MODULE_NAME_PLAIN)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *signature = NULL;
        _cleanup_close_ int fd = memfd_create("module", MFD_CLOEXEC);
        uint64_t left = ALLOWED;
        int r;

        if (size == 0)
                return 0;
        FUZZ_ASSERT(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t) size - 1);
        r = module_read_signature(fd, MODULE_NAME_PLAIN + data[0] % N_PACKINGS, &left, &signature);
        FUZZ_ASSERT(r == 1 || r == 0 || r == -EBADMSG || r == -EFBIG || r == -EILSEQ);
        FUZZ_ASSERT((r == 1) == (signature != NULL) && left <= ALLOWED);
        if (signature)
                FUZZ_ASSERT(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(signature)) > 0);
        return 0;
}
