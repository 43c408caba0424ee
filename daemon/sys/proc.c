/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes come and go while one looks: each file of each of them may be gone. */

#include "sys/proc.h"

#include "common/names.h"
#include "common/string-util.h"
#include "sys/file.h"

#define PROC_SIZE_MAX 4096

static bool is_pid(const char *name) {
        uint64_t pid;

        return name[0] != '0' && parse_u64(name, &pid) >= 0 && pid <= INT32_MAX;
}

int proc_list(const Root *root, char ***ret) {
        return directory_list(root, PATH_PROC, is_pid, ret);
}

int proc_read(const Root *root, const char *pid, const char *name, char **ret, size_t *ret_size) {
        _cleanup_free_ char *path = strprintf(PATH_PROC "/%s/%s", pid, name);

        if (!path)
                return -ENOMEM;
        return file_read(root, path, PROC_SIZE_MAX, ret, ret_size);
}
